package device

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// States of a stored checkpoint, see schema/device.
const (
	cpLinked   = "linked"
	cpLoose    = "loose"
	cpConflict = "conflict"
)

// checkpoint is a stored checkpoint; the log's signature on it was verified.
type checkpoint struct {
	digest event.Digest
	size   int64
	root   ledger.Hash
	note   []byte
}

const checkpointColumns = `note_sha256, size, root, note`

func scanCheckpoint(row interface{ Scan(...any) error }) (*checkpoint, error) {
	var c checkpoint
	err := row.Scan(hashTo(&c.digest), &c.size, hashTo(&c.root), &c.note)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &c, err
}

// newestCheckpoint is the largest linked checkpoint, and of equals the one seen
// last: it may carry fresher cosignatures. Nil where there is none.
func newestCheckpoint(t *tx) (*checkpoint, error) {
	return scanCheckpoint(t.row(`SELECT ` + checkpointColumns + ` FROM checkpoints WHERE state = 'linked' ORDER BY size DESC, rowid DESC LIMIT 1`))
}

// seenWindow is how many of the newest checkpoints are looked at for one with
// cosignatures: a sync leaves a handful, and an old one would widen the interval.
const seenWindow = 16

// embeddedCheckpoint is the one that an event names as seen: the newest linked one
// that witnesses have cosigned, since only their word dates it, and where there is
// none among the last ones the newest. A device knows no witness's key; a line that
// is no witness's makes the proof no better and the interval at worst wider.
func embeddedCheckpoint(t *tx) (*checkpoint, error) {
	rows, err := t.rows(`SELECT `+checkpointColumns+` FROM checkpoints WHERE state = 'linked' ORDER BY size DESC, rowid DESC LIMIT $1`, seenWindow)
	var newest, cosigned *checkpoint
	err = each(rows, err, func(rows *sql.Rows) error {
		c, err := scanCheckpoint(rows)
		if newest == nil {
			newest = c
		}
		if err == nil && cosigned == nil && bytes.Count(c.note, []byte("\n\u2014 ")) > 1 {
			cosigned = c
		}
		return err
	})
	if cosigned != nil {
		newest = cosigned
	}
	return newest, err
}

// parseCheckpoint verifies the pinned log's signature. Errors wrap ledger's.
func (id *Identity) parseCheckpoint(note []byte) (*checkpoint, error) {
	c, err := ledger.ParseCheckpoint(note, id.verifier)
	if err != nil {
		return nil, err
	}
	if c.Origin != id.LogOrigin {
		return nil, fmt.Errorf("%w: it is of the log %q, pinned is %q", ledger.ErrUnsigned, c.Origin, id.LogOrigin)
	}
	return &checkpoint{digest: sha256.Sum256(note), size: int64(c.Size), root: c.Root, note: note}, nil
}

func putCheckpoint(t *tx, c *checkpoint, state string) error {
	return t.exec(`INSERT INTO checkpoints (note_sha256, size, root, note, state, seen_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (note_sha256) DO UPDATE SET state = excluded.state`,
		c.digest[:], c.size, c.root[:], c.note, state, t.stamp())
}

// Checkpoint is the newest checkpoint that this device trusts: its size and exact
// note; size 0 and nil before the first.
func (s *Store) Checkpoint(ctx context.Context) (size int64, note []byte, err error) {
	err = s.read(ctx, func(t *tx) error {
		c, err := newestCheckpoint(t)
		if c != nil {
			size, note = c.size, c.note
		}
		return err
	})
	return size, note, err
}
