package device

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"sort"
	"strconv"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/klauspost/compress/zstd"
)

const (
	// defaultBatch is the events of one batch: enough that the round trip and the
	// server's flush are shared by many, small enough to be done again on a bad link.
	defaultBatch = 500
	// batchBytes is the most bytes of one batch before compression; a single event is
	// sent whatever its size. Below the server's limit by far: a weak link must carry it.
	batchBytes = 4 << 20
)

// outgoing is a line on its way.
type outgoing struct {
	id      event.ID
	seq     int64 // 0 for a carried event
	line    []byte
	carried bool
}

// push hands in every local event, own ones in order of the chain, then carried ones.
func (y *syncer) push(ctx context.Context) error {
	limit := y.opts.Batch
	if limit <= 0 {
		limit = defaultBatch
	}
	limit = min(limit, wire.MaxBatchLines)
	total, err := y.countLocal(ctx)
	if err != nil {
		return err
	}
	var done int64
	for after := int64(0); ; {
		batch, err := y.nextBatch(ctx, after, limit)
		if err != nil || len(batch) == 0 {
			return err
		}
		answer, raw, err := y.post(ctx, batch)
		if indigestible(err) && len(batch) > 1 {
			limit = len(batch) / 2 // the server, or something between, takes less at a time, or chokes on one of them
			continue
		}
		if indigestible(err) {
			if err := y.setAside(ctx, batch[0], err); err != nil {
				return err
			}
			after = max(after, batch[0].seq) // the one poison event never blocks the others
			continue
		}
		if err != nil {
			return err
		}
		if err := y.accept(ctx, batch, answer, raw); err != nil {
			return err
		}
		done += int64(len(batch))
		y.progress("push", done, max(done, total))
	}
}

// indigestible reports whether a batch was refused for what is in it: its size or form.
func indigestible(err error) bool {
	var he *HTTPError
	return errors.As(err, &he) && (he.Status == http.StatusRequestEntityTooLarge || he.Status == http.StatusBadRequest ||
		he.Status == http.StatusUnprocessableEntity)
}

// setAside keeps, of an event that the server refuses to take at all, why.
func (y *syncer) setAside(ctx context.Context, o outgoing, cause error) error {
	y.note("event %d alone is refused by the server: %v; it stays here and holds up nothing", o.seq, cause)
	return y.s.write(ctx, func(t *tx) error {
		if o.carried {
			// What others sealed is theirs to deliver; this device only tried to help.
			return t.exec(`UPDATE carried SET state = 'quarantined', code = 'NOT_TAKEN', detail = $2 WHERE id = $1`, o.id[:], cause.Error())
		}
		return t.exec(`UPDATE events SET detail = $2 WHERE id = $1`, o.id[:], cause.Error())
	})
}

func (y *syncer) countLocal(ctx context.Context) (n int64, err error) {
	err = y.s.read(ctx, func(t *tx) error {
		return t.row(`SELECT (SELECT count(*) FROM events WHERE state = 'local') + (SELECT count(*) FROM carried WHERE state = 'local')`).Scan(&n)
	})
	return n, err
}

// nextBatch gives the next local events after a sequence number, within the limits;
// once there are none, carried ones.
func (y *syncer) nextBatch(ctx context.Context, after int64, limit int) ([]outgoing, error) {
	var batch []outgoing
	size := 0
	full := errors.New("full")
	take := func(rows *sql.Rows, err error, carried bool) error {
		err = each(rows, err, func(rows *sql.Rows) error {
			o := outgoing{carried: carried}
			if err := rows.Scan(&o.seq, hashTo(&o.id), &o.line); err != nil {
				return err
			}
			if len(batch) > 0 && size+len(o.line)+1 > batchBytes {
				return full
			}
			size += len(o.line) + 1
			batch = append(batch, o)
			return nil
		})
		if errors.Is(err, full) {
			return nil
		}
		return err
	}
	err := y.s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT seq, id, line FROM events WHERE state = 'local' AND seq > $1 ORDER BY seq LIMIT $2`, after, limit)
		if err := take(rows, err, false); err != nil || len(batch) > 0 {
			return err
		}
		rows, err = t.rows(`SELECT 0, id, line FROM carried WHERE state = 'local' LIMIT $1`, limit)
		return take(rows, err, true)
	})
	return batch, err
}

// post sends one batch.
func (y *syncer) post(ctx context.Context, batch []outgoing) (*wire.BatchAnswer, []byte, error) {
	var body bytes.Buffer
	z, err := zstd.NewWriter(&body, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, nil, err
	}
	for _, o := range batch {
		if _, err := z.Write(append(o.line[:len(o.line):len(o.line)], '\n')); err != nil {
			return nil, nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, nil, err
	}
	var a wire.BatchAnswer
	r, err := y.c.json(ctx, call{method: http.MethodPost, path: "/v1/batches", body: body.Bytes(),
		header: map[string]string{"Content-Type": "application/x-ndjson", "Content-Encoding": "zstd"}}, &a)
	if err != nil {
		return nil, nil, err
	}
	return &a, r.body, nil
}

// accept believes an answer only as a whole, and only after checking all of it.
func (y *syncer) accept(ctx context.Context, batch []outgoing, a *wire.BatchAnswer, raw []byte) error {
	if len(a.Results) != len(batch) {
		return y.s.fault(ctx, FaultBadAnswer, raw, nil, "%d results came back for %d events", len(a.Results), len(batch))
	}
	covers := map[int64]*checkpoint{}
	for i := range batch {
		if err := y.checkResult(ctx, &batch[i], &a.Results[i], a, covers, raw); err != nil {
			return err
		}
	}
	largest := largestOf(covers)
	if err := y.link(ctx, largest); err != nil {
		return err
	}
	var gained SyncReport
	err := y.s.write(ctx, func(t *tx) error {
		gained = SyncReport{}
		for _, c := range covers {
			state, err := checkpointState(t, c.digest)
			if err == nil && state == "" {
				err = putCheckpoint(t, c, cpLoose)
			}
			if err != nil {
				return err
			}
		}
		for i := range batch {
			if err := record(t, &batch[i], &a.Results[i], &gained); err != nil {
				return err
			}
		}
		return receiptLinked(t)
	})
	if err == nil {
		y.tell(func(r *SyncReport) {
			r.Sent, r.Quarantined, r.Pending = r.Sent+gained.Sent, r.Quarantined+gained.Quarantined, r.Pending+gained.Pending
		})
	}
	return err
}

func largestOf(covers map[int64]*checkpoint) *checkpoint {
	sizes := make([]int64, 0, len(covers))
	for size := range covers {
		sizes = append(sizes, size)
	}
	sort.Slice(sizes, func(i, j int) bool { return sizes[i] < sizes[j] })
	return covers[sizes[len(sizes)-1]]
}

// checkResult checks one receipt against the event that was sent.
func (y *syncer) checkResult(ctx context.Context, o *outgoing, r *wire.EventResult, a *wire.BatchAnswer, covers map[int64]*checkpoint, raw []byte) error {
	quarantined := r.Status == wire.StatusQuarantined
	if r.ID != o.id.String() && !(quarantined && r.ID == seal.LineDigest(o.line).String()) {
		return y.s.fault(ctx, FaultWrongID, o.line, raw, "event %s was answered with the id %.80s", o.id, r.ID)
	}
	switch r.Status {
	case wire.StatusAccepted, wire.StatusDuplicate:
	case wire.StatusQuarantined:
		if r.Code == "" {
			return y.s.fault(ctx, FaultBadAnswer, o.line, raw, "event %s was put into quarantine without a reason", o.id)
		}
	default:
		return y.s.fault(ctx, FaultBadAnswer, o.line, raw, "event %s was answered with the status %.40q", o.id, r.Status)
	}
	c := covers[r.CheckpointSize]
	if c == nil {
		note, ok := a.Checkpoints[strconv.FormatInt(r.CheckpointSize, 10)]
		if !ok {
			return y.s.fault(ctx, FaultNotCovered, o.line, raw, "the receipt of event %s names a checkpoint of %d entries that is not in the answer", o.id, r.CheckpointSize)
		}
		var err error
		if c, err = y.signed(ctx, note); err != nil {
			return err
		}
		if c.size != r.CheckpointSize {
			return y.s.fault(ctx, FaultNotCovered, o.line, raw, "the checkpoint given as that of %d entries has %d", r.CheckpointSize, c.size)
		}
		covers[r.CheckpointSize] = c
	}
	if r.Index < 0 || r.Index >= c.size {
		return y.s.fault(ctx, FaultNotCovered, o.line, raw, "event %s is said to be entry %d, its checkpoint has %d entries", o.id, r.Index, c.size)
	}
	return nil
}

// record writes a checked receipt. The checkpoint that covers it is stored by now.
func record(t *tx, o *outgoing, r *wire.EventResult, gained *SyncReport) error {
	if err := t.exec(`INSERT INTO receipts (event_id, status, idx, received_us, kind, checkpoint_size, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (event_id) DO UPDATE SET status = excluded.status, idx = excluded.idx, received_us = excluded.received_us,
		kind = excluded.kind, checkpoint_size = excluded.checkpoint_size, proof = NULL, proof_size = NULL, at = excluded.at`,
		o.id[:], string(r.Status), r.Index, r.ReceivedUS, r.Kind, r.CheckpointSize, t.stamp()); err != nil {
		return err
	}
	state, code, detail := "sent", sql.NullString{}, sql.NullString{}
	if r.Status == wire.StatusQuarantined {
		state, code, detail = "quarantined", sql.NullString{String: r.Code, Valid: true}, sql.NullString{String: r.Detail, Valid: true}
		gained.Quarantined++
	} else {
		gained.Sent++
	}
	if o.carried {
		return t.exec(`UPDATE carried SET state = $2, code = $3, detail = $4 WHERE id = $1`, o.id[:], state, code, detail)
	}
	waits := sql.NullInt64{Int64: r.WaitsFor, Valid: r.Pending}
	if r.Pending {
		gained.Pending++
	}
	return t.exec(`UPDATE events SET state = $2, code = $3, detail = $4, waits_for = $5 WHERE id = $1`, o.id[:], state, code, detail, waits)
}
