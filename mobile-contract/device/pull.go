package device

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

const (
	// pageSize is the changes asked for at once.
	pageSize = 500
	// maxPage caps the changes that a server may put on a page.
	maxPage = 5000
)

// States of a pulled event, see schema/device.
const (
	pulledVerified = "verified"
	pulledUnknown  = "unknown_key"
	pulledNewer    = "newer"
	pulledRefused  = "refused"
)

// pull fetches what the person may see since the last time and checks each event
// with the key of its enrolled device. An event that does not verify is kept as
// evidence, reported, and holds up nothing.
func (y *syncer) pull(ctx context.Context) error {
	for done := int64(0); ; {
		after, err := y.cursor(ctx)
		if err != nil {
			return err
		}
		q := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(pageSize)}}
		var page wire.Changes
		if _, err := y.c.getJSON(ctx, "/v1/changes?"+q.Encode(), &page); err != nil {
			return err
		}
		if page.Next < after || page.More && page.Next == after || len(page.Events) > maxPage {
			return y.s.fault(ctx, FaultBadAnswer, nil, nil, "changes after %d were answered with %d events up to %d", after, len(page.Events), page.Next)
		}
		if page.Checkpoint != "" {
			c, err := y.signed(ctx, page.Checkpoint)
			if err == nil {
				err = y.link(ctx, c)
			}
			if err != nil {
				return err
			}
		}
		if err := y.takePage(ctx, &page); err != nil {
			return err
		}
		y.tell(func(r *SyncReport) { r.Pulled += len(page.Events) })
		done += int64(len(page.Events))
		y.progress("pull", done, done)
		if !page.More {
			return y.recheck(ctx)
		}
	}
}

func (y *syncer) cursor(ctx context.Context) (after int64, err error) {
	err = y.s.read(ctx, func(t *tx) error {
		text, err := t.setting(setCursor)
		if err != nil || text == "" {
			after = -1 // before entry 0
			return err
		}
		after, err = strconv.ParseInt(text, 10, 64)
		return err
	})
	return after, err
}

// takePage stores a page and moves the cursor in one transaction.
func (y *syncer) takePage(ctx context.Context, page *wire.Changes) error {
	var bad []string
	err := y.s.write(ctx, func(t *tx) error {
		bad = bad[:0]
		for i := range page.Events {
			why, err := takeChange(t, y.id, &page.Events[i])
			if err != nil {
				return err
			}
			if why != "" {
				bad = append(bad, why)
			}
		}
		return t.set(setCursor, strconv.FormatInt(page.Next, 10))
	})
	if err == nil {
		y.tell(func(r *SyncReport) { r.Notes = append(r.Notes, bad...) })
	}
	return err
}

// takeChange checks and stores one pulled event; why is set where it does not verify.
func takeChange(t *tx, id *Identity, c *wire.Change) (why string, err error) {
	line := []byte(c.Envelope)
	if same, err := ownLine(t, c.ID, line); err != nil || same {
		return "", err
	}
	v, refusal, err := seal.Verify(line, keys{t, id})
	if err != nil {
		return "", err
	}
	if refusal == nil {
		if v.ID().String() != c.ID {
			refusal = &seal.Refusal{Line: line, ID: v.ID(), Claimed: *v.Payload(), Detail: fmt.Sprintf("it was given as event %.80s", c.ID)}
		} else {
			refusal = authorised(v, id)
		}
	}
	switch {
	case refusal == nil && v.Payload().Device == id.Device:
		return takeOwn(t, v)
	case refusal == nil:
		return "", putVerified(t, id, v, c)
	}
	return putRefused(t, refusal, c)
}

// ownLine reports whether a pulled line is, byte for byte, one that this device sealed
// itself: the most frequent case after handing in, and nothing to check anew.
func ownLine(t *tx, id string, line []byte) (bool, error) {
	eid, err := event.ParseID(id)
	if err != nil {
		return false, nil
	}
	var have []byte
	err = t.row(`SELECT line FROM events WHERE id = $1`, eid[:]).Scan(&have)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return bytes.Equal(have, line), err
}

// authorised refuses what only the authority may seal where a device has sealed it.
func authorised(v *seal.Verified, id *Identity) *seal.Refusal {
	p := v.Payload()
	if !p.Type.AuthorityOnly() || p.Device == id.Authority {
		return nil
	}
	return &seal.Refusal{Line: v.Line(), Layer: seal.LayerAuthority, ID: v.ID(), Claimed: *p,
		Detail: fmt.Sprintf("a %s was sealed by device %s, which is not the authority", p.Type, p.Device)}
}

// takeOwn checks that an event of this device is the one in its chain. One that is
// not there yet is fetched back when the chains are compared.
func takeOwn(t *tx, v *seal.Verified) (why string, err error) {
	var have event.ID
	err = t.row(`SELECT id FROM events WHERE seq = $1`, v.Payload().Seq).Scan(hashTo(&have))
	if errors.Is(err, sql.ErrNoRows) || err == nil && have == v.ID() {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	why = fmt.Sprintf("at event %d of this device the server shows %s, this store has %s: the key was used in two stores", v.Payload().Seq, v.ID(), have)
	_, err = putAnomaly(t, FaultChainFork, why, v.Line(), have[:])
	return why, err
}

// putVerified stores a verified event of another and what follows from it. c is nil
// where it did not come from the server's changes.
func putVerified(t *tx, id *Identity, v *seal.Verified, c *wire.Change) error {
	p, eid := v.Payload(), v.ID()
	if err := putPulled(t, eid, p, v.Line(), c, pulledVerified, ""); err != nil {
		return err
	}
	if b, ok := v.Body().(*event.MediaReceived); ok {
		return t.exec(`UPDATE media SET state = 'sent', uploaded = size, last_error = NULL, arrival = $2 WHERE sha256 = $1 AND state <> 'held'`, b.SHA256[:], eid[:])
	}
	return index(t, entry{id: eid, typ: p.Type, caseID: p.Case, body: v.Body(), device: id.Device, by: p.Device})
}

func putPulled(t *tx, id event.ID, p *event.Payload, line []byte, c *wire.Change, state, why string) error {
	var idx, received, kind sql.NullInt64
	if c != nil {
		idx = sql.NullInt64{Int64: c.Index, Valid: true}
		received = sql.NullInt64{Int64: c.ReceivedUS, Valid: true}
		kind = sql.NullInt64{Int64: int64(c.Kind), Valid: true}
	}
	return t.exec(`INSERT INTO pulled (id, idx, received_us, kind, device, seq, type, case_id, line, state, why)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''))
		ON CONFLICT (id) DO UPDATE SET idx = coalesce(excluded.idx, pulled.idx), received_us = coalesce(excluded.received_us, pulled.received_us),
		kind = coalesce(excluded.kind, pulled.kind), line = excluded.line, state = excluded.state, why = excluded.why`,
		id[:], idx, received, kind, nullUUID(p.Device), p.Seq, string(p.Type), nullUUID(p.Case), line, state, why)
}

// putRefused stores a pulled event that could not be verified, and says so where
// that is the server's fault and not only a matter of time.
func putRefused(t *tx, r *seal.Refusal, c *wire.Change) (why string, err error) {
	switch r.Code {
	case seal.CodeUnknownDevice:
		return "", putPulled(t, r.ID, &r.Claimed, r.Line, c, pulledUnknown, r.Detail)
	case seal.CodeFutureSchema, seal.CodeUnknownType:
		return "", putPulled(t, r.ID, &r.Claimed, r.Line, c, pulledNewer, r.Detail)
	}
	why = fmt.Sprintf("entry %d, which the server shows as an event, does not verify: %s", c.Index, r.Detail)
	// A copy that does not verify must not take the place of one that does.
	var state string
	err = t.row(`SELECT coalesce((SELECT state FROM pulled WHERE id = $1), '')`, r.ID[:]).Scan(&state)
	if err == nil && state != pulledVerified {
		err = putPulled(t, r.ID, &r.Claimed, r.Line, c, pulledRefused, r.Detail)
	}
	if err == nil {
		_, err = putAnomaly(t, FaultPulled, why, r.Line, nil)
	}
	return why, err
}

// recheck verifies again what could not be verified before: the enrolment of its
// device may have come since, or a newer program.
func (y *syncer) recheck(ctx context.Context) error {
	return y.s.write(ctx, func(t *tx) error {
		var waiting []wire.Change
		rows, err := t.rows(`SELECT id, coalesce(idx, -1), coalesce(received_us, 0), coalesce(kind, 0), line FROM pulled
			WHERE state IN ('unknown_key', 'newer') ORDER BY idx LIMIT $1`, maxPage)
		err = each(rows, err, func(rows *sql.Rows) error {
			var c wire.Change
			var id event.ID
			var line []byte
			err := rows.Scan(hashTo(&id), &c.Index, &c.ReceivedUS, &c.Kind, &line)
			c.ID, c.Envelope = id.String(), string(line)
			waiting = append(waiting, c)
			return err
		})
		if err != nil {
			return err
		}
		for i := range waiting {
			if waiting[i].Index < 0 {
				continue // shown in a handover: checked with it, below
			}
			if _, err := takeChange(t, y.id, &waiting[i]); err != nil {
				return err
			}
		}
		return recheckHandovers(t, y.id)
	})
}
