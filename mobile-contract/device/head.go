package device

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// maxRecovered bounds the events that a store restored from an old backup fetches
// back; one that lacks more is better enrolled anew.
const maxRecovered = 10000

// head compares this device's chain with what the server has of it, so that a
// reinstalled or doubting device resumes where the two agree:
//
//   - events that the server lost, although it had given receipts, are sent again
//   - events that this store lost (it was restored from a backup) are fetched back;
//     until they are here, capturing is stopped, since it would fork the chain
//   - a chain that differs at one place is reported: one key in two stores
func (y *syncer) head(ctx context.Context) error {
	if !y.c.mayRead() {
		y.tell(func(r *SyncReport) { r.Revoked = true })
		return nil
	}
	var h wire.Head
	if _, err := y.c.getJSON(ctx, "/v1/devices/"+y.id.Device.String()+"/head", &h); err != nil {
		return err
	}
	if h.Device != y.id.Device.String() || h.Seq < 0 || h.MaxSeq < h.Seq || h.MaxSeq > event.MaxSeq {
		return y.s.fault(ctx, FaultBadAnswer, nil, nil, "the head given for this device is one of %.40q at %d to %d", h.Device, h.Seq, h.MaxSeq)
	}
	y.tell(func(r *SyncReport) { r.Revoked = h.Revoked })
	own, err := y.ownHead(ctx, h.Seq)
	if err != nil {
		return err
	}
	if h.Seq > 0 && h.Seq <= own.max && (own.at.String() != h.ID || own.digest.String() != h.Digest) {
		return y.chainFork(ctx, h, own)
	}
	if h.MaxSeq > own.max {
		return y.recoverOwn(ctx, &h, own)
	}
	if err := y.s.write(ctx, func(t *tx) error { return t.unset(setHold) }); err != nil {
		return err
	}
	return y.sendLost(ctx, &h)
}

// ownHead is this store's view of its chain.
type ownHead struct {
	max    int64
	last   event.ID
	at     event.ID     // the id at the sequence number asked for
	digest event.Digest // over the ids up to it
}

func (y *syncer) ownHead(ctx context.Context, at int64) (o ownHead, err error) {
	h := sha256.New()
	err = y.s.read(ctx, func(t *tx) error {
		err := t.row(`SELECT seq, id FROM events ORDER BY seq DESC LIMIT 1`).Scan(&o.max, hashTo(&o.last))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		rows, err := t.rows(`SELECT id FROM events WHERE seq <= $1 ORDER BY seq`, at)
		return each(rows, err, func(rows *sql.Rows) error {
			err := rows.Scan(hashTo(&o.at))
			h.Write(o.at[:])
			return err
		})
	})
	h.Sum(o.digest[:0])
	return o, err
}

// chainFork records that the server has another history of this device. Handing in
// goes on: the server keeps what does not fit in quarantine, where people decide.
func (y *syncer) chainFork(ctx context.Context, h wire.Head, own ownHead) error {
	detail := fmt.Sprintf("at event %d of this device the server has %.80s, this store %s: the key was used in two stores", h.Seq, h.ID, own.at)
	y.note("%s. Enrol this device anew in an empty store; what is captured here from now on goes into quarantine", detail)
	return y.s.write(ctx, func(t *tx) error {
		_, err := putAnomaly(t, FaultChainFork, detail, []byte(h.ID), own.at[:])
		return err
	})
}

// recoverOwn fetches the events that this store lacks, from the server's head back
// to its own, and appends them after checking them with the device's own key.
func (y *syncer) recoverOwn(ctx context.Context, h *wire.Head, own ownHead) error {
	hold := fmt.Sprintf("the server has %d events of this device, this store %d; sync again to fetch them back, or enrol anew in an empty store", h.MaxSeq, own.max)
	if err := y.s.write(ctx, func(t *tx) error { return t.set(setHold, hold) }); err != nil {
		return err
	}
	if h.Seq-own.max > maxRecovered {
		y.note("capturing is stopped: %s", hold)
		return nil
	}
	var back []*seal.Verified // newest first
	for want, seq := h.ID, h.Seq; seq > own.max; seq-- {
		v, err := y.fetchOwn(ctx, want, seq)
		if err != nil {
			return err
		}
		back = append(back, v)
		want = v.Payload().Prev.String()
	}
	if len(back) > 0 && back[len(back)-1].Payload().Prev != own.last {
		own.at = own.last
		return y.chainFork(ctx, wire.Head{Seq: own.max, ID: back[len(back)-1].Payload().Prev.String()}, own)
	}
	err := y.s.write(ctx, func(t *tx) error {
		for i := len(back) - 1; i >= 0; i-- {
			if err := adoptOwn(t, back[i]); err != nil {
				return err
			}
		}
		if h.MaxSeq > h.Seq {
			return nil // there are more beyond a hole: the hold stays
		}
		return t.unset(setHold)
	})
	if err == nil {
		y.note("%d events of this device were fetched back from the server", len(back))
	}
	return err
}

func (y *syncer) fetchOwn(ctx context.Context, id string, seq int64) (*seal.Verified, error) {
	var view wire.EventView
	if _, err := y.c.getJSON(ctx, "/v1/events/"+id, &view); err != nil {
		return nil, err
	}
	v, refusal, err := seal.Verify([]byte(view.Envelope), oneKey{y.id.Device, y.id.Key})
	if err != nil {
		return nil, err
	}
	if refusal != nil || v.ID().String() != id || v.Payload().Seq != seq {
		return nil, y.s.fault(ctx, FaultPulled, []byte(view.Envelope), nil, "what the server gives as this device's event %d is not that", seq)
	}
	return v, nil
}

// adoptOwn appends a verified own event that was lost here. Its state is local: it
// will be handed in again and get its receipt anew.
func adoptOwn(t *tx, v *seal.Verified) error {
	p, id := v.Payload(), v.ID()
	if err := t.exec(`INSERT INTO events (seq, id, uuid, type, case_id, actor, wall, line) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.Seq, id[:], p.UUID[:], string(p.Type), nullUUID(p.Case), p.Actor[:], string(p.Clock.Wall), v.Line()); err != nil {
		return err
	}
	return index(t, entry{id: id, typ: p.Type, caseID: p.Case, body: v.Body(), own: true})
}

// sendLost makes events local again that the server no longer has.
func (y *syncer) sendLost(ctx context.Context, h *wire.Head) error {
	spans := append([][2]int64{{h.MaxSeq + 1, event.MaxSeq}}, h.Missing...)
	var lost, proven int64
	count := func(t *tx, span [2]int64, sum *int64, where string) error {
		var n int64
		err := t.row(`SELECT count(*) FROM events WHERE seq BETWEEN $1 AND $2 AND id IN (SELECT event_id FROM receipts) AND state `+where, span[0], span[1]).Scan(&n)
		*sum += n
		return err
	}
	err := y.s.write(ctx, func(t *tx) error {
		lost, proven = 0, 0
		for _, span := range spans {
			// What a former log has proven, and this one never got, is lost to nobody.
			if err := errors.Join(count(t, span, &proven, `= 'proven'`), count(t, span, &lost, `IN ('sent', 'receipted', 'proven')`)); err != nil {
				return err
			}
			if err := t.exec(`UPDATE events SET state = 'local' WHERE seq BETWEEN $1 AND $2 AND state IN ('sent', 'receipted', 'proven')`, span[0], span[1]); err != nil {
				return err
			}
		}
		if proven == 0 {
			return nil
		}
		_, err := putAnomaly(t, FaultLostEvents, fmt.Sprintf("the server no longer has %d events that it had proven to hold, up to event %d; they were sent again", proven, h.Seq), nil, nil)
		return err
	})
	if err == nil && lost > 0 {
		y.note("the server lacks %d events that it had given receipts for; they are being sent again", lost)
	}
	return err
}
