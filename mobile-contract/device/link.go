package device

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// maxLinks bounds the older checkpoints compared in one sync, one request each; the
// rest follow in later syncs.
const maxLinks = 32

// link shows that a signed checkpoint and the newest linked one belong to one
// history, by a consistency proof, and then keeps it as linked. Where they do not,
// or the server will not show it, both are kept as evidence and the error is a
// *ServerFault. An error that wraps ErrOffline says nothing about the checkpoint.
func (y *syncer) link(ctx context.Context, c *checkpoint) error {
	var newest *checkpoint
	var state string
	err := y.s.read(ctx, func(t *tx) (err error) {
		if newest, err = newestCheckpoint(t); err != nil {
			return err
		}
		state, err = checkpointState(t, c.digest)
		return err
	})
	if err != nil || state == cpLinked {
		return err
	}
	if newest != nil {
		if err := y.compare(ctx, c, newest); err != nil {
			return err
		}
	}
	return y.s.write(ctx, func(t *tx) error { return putCheckpoint(t, c, cpLinked) })
}

// compare proves one of two checkpoints to be the beginning of the other.
func (y *syncer) compare(ctx context.Context, c, newest *checkpoint) error {
	old, next := newest, c
	if c.size < newest.size {
		old, next = c, newest
	}
	if old.size == next.size {
		if old.root == next.root {
			return nil
		}
		return y.forked(ctx, c, newest, "the log showed two different trees of %d entries", c.size)
	}
	hashes, err := y.consistency(ctx, old.size, next.size)
	if err == nil {
		err = ledger.VerifyConsistency(ledger.Size(old.size), old.root, ledger.Size(next.size), next.root, hashes)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrOffline) || ctx.Err() != nil {
		return err
	}
	return y.forked(ctx, c, newest, "the log of %d entries is not shown to continue the one of %d entries that this device has seen (%v)", next.size, old.size, err)
}

func (y *syncer) forked(ctx context.Context, c, newest *checkpoint, format string, args ...any) error {
	err := y.s.write(context.WithoutCancel(ctx), func(t *tx) error { return putCheckpoint(t, c, cpConflict) })
	return errors.Join(y.s.fault(ctx, FaultForkedLog, newest.note, c.note, format, args...), err)
}

func (y *syncer) consistency(ctx context.Context, from, to int64) ([]ledger.Hash, error) {
	q := url.Values{"from": {strconv.FormatInt(from, 10)}, "to": {strconv.FormatInt(to, 10)}}
	var a wire.ConsistencyProof
	if _, err := y.c.getJSON(ctx, "/v1/log/proof/consistency?"+q.Encode(), &a); err != nil {
		return nil, err
	}
	if a.From != from || a.To != to {
		return nil, fmt.Errorf("%w: a proof from %d to %d was given for one from %d to %d", ErrRefused, a.From, a.To, from, to)
	}
	return parseHashes(a.Hashes)
}

func parseHashes(texts []string) ([]ledger.Hash, error) {
	if len(texts) > ledger.MaxProofHashes+1 {
		return nil, fmt.Errorf("%w: a proof of %d hashes", ErrRefused, len(texts))
	}
	out := make([]ledger.Hash, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = ledger.ParseHash(text); err != nil {
			return nil, fmt.Errorf("%w: a proof's hash %q: %w", ErrRefused, text[:min(len(text), 60)], err)
		}
	}
	return out, nil
}

// signed verifies the log's signature on a checkpoint that the server showed.
func (y *syncer) signed(ctx context.Context, note string) (*checkpoint, error) {
	c, err := y.id.parseCheckpoint([]byte(note))
	if err != nil {
		return nil, y.s.fault(ctx, FaultBadCheckpoint, []byte(note), nil, "a checkpoint is not one of the pinned log %q: %v", y.id.LogOrigin, err)
	}
	return c, nil
}

// linkLoose compares older checkpoints that came with receipts of long ago.
func (y *syncer) linkLoose(ctx context.Context) error {
	var loose []*checkpoint
	err := y.s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT `+checkpointColumns+` FROM checkpoints WHERE state = 'loose' ORDER BY size LIMIT $1`, maxLinks)
		if err != nil {
			return err
		}
		for rows.Next() {
			c, err := scanCheckpoint(rows)
			if err != nil {
				return errors.Join(err, rows.Close())
			}
			loose = append(loose, c)
		}
		return errors.Join(rows.Err(), rows.Close())
	})
	for _, c := range loose {
		if err == nil {
			err = y.link(ctx, c)
		}
	}
	if err != nil || len(loose) == 0 {
		return err
	}
	return y.s.write(ctx, receiptLinked)
}

func checkpointState(t *tx, d event.Digest) (string, error) {
	var state string
	err := t.row(`SELECT coalesce((SELECT state FROM checkpoints WHERE note_sha256 = $1), '')`, d[:]).Scan(&state)
	return state, err
}

// receiptLinked advances events whose covering checkpoint has become linked.
func receiptLinked(t *tx) error {
	return t.exec(`UPDATE events SET state = 'receipted' WHERE state = 'sent' AND id IN (
		SELECT event_id FROM receipts WHERE checkpoint_size IN (SELECT size FROM checkpoints WHERE state = 'linked'))`)
}
