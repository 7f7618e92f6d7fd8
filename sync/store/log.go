package store

import (
	"context"
	"fmt"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// EventRow is an accepted event as it is kept. Every column but Carrier follows
// from Line, Index and Received.
type EventRow struct {
	Index    int64
	Dev      int64 // devices.n
	Seq      int64
	ID       event.ID
	UUID     event.UUID
	Type     event.Type
	Case     int64 // cases.n, 0 for none
	Received time.Time
	Carrier  int64 // devices.n, 0 where not known
	Line     []byte
}

// QuarantineRow is a received line that is not an accepted event. Device, Seq,
// Type and Case are the line's own claims.
type QuarantineRow struct {
	Index    int64
	SHA      event.Digest
	Received time.Time
	Layer    string
	Code     string
	Detail   string
	EventID  event.ID
	Device   event.UUID
	Seq      int64
	Type     event.Type
	Case     event.UUID
	Carrier  int64
	Line     []byte
}

// CheckpointRow is a signed checkpoint of the log.
type CheckpointRow struct {
	Size int64
	Root event.Root
	At   time.Time
	Note string
}

// The columns that ScanEvent and ScanQuarantine read, in their order.
const (
	EventColumns      = "idx, dev, seq, id, uuid, type, case_n, received, carrier, line"
	QuarantineColumns = "idx, sha, received, layer, code, detail, event_id, device, seq, type, case_id, carrier, line"
)

// AppendEvents adds rows. It does not look whether they belong there: that is sync/ingest's.
func (tx *Tx) AppendEvents(rows []EventRow) error {
	args := make([]any, 0, 10*len(rows))
	for i := range rows {
		r := &rows[i]
		args = append(args, r.Index, r.Dev, r.Seq, r.ID[:], r.UUID[:], string(r.Type), r.Case, r.Received.UnixMicro(), r.Carrier, r.Line)
	}
	return tx.Insert("INSERT INTO events ("+EventColumns+")", 10, "", args)
}

// AppendQuarantine adds rows.
func (tx *Tx) AppendQuarantine(rows []QuarantineRow) error {
	args := make([]any, 0, 13*len(rows))
	for i := range rows {
		r := &rows[i]
		args = append(args, r.Index, r.SHA[:], r.Received.UnixMicro(), r.Layer, r.Code, Text(r.Detail), r.EventID[:],
			Bytes(r.Device), r.Seq, Text(string(r.Type)), Bytes(r.Case), r.Carrier, append([]byte{}, r.Line...)) // an empty line is bytes too, not NULL
	}
	return tx.Insert("INSERT INTO quarantine ("+QuarantineColumns+")", 13, "", args)
}

// ScanEvent reads the columns of EventColumns.
func ScanEvent(scan func(dest ...any) error) (r EventRow, err error) {
	var received int64
	err = scan(&r.Index, &r.Dev, &r.Seq, Into(&r.ID), Into(&r.UUID), (*string)(&r.Type), &r.Case, &received, &r.Carrier, &r.Line)
	r.Received = time.UnixMicro(received).UTC()
	return r, err
}

// ScanQuarantine reads the columns of QuarantineColumns.
func ScanQuarantine(scan func(dest ...any) error) (r QuarantineRow, err error) {
	var received int64
	err = scan(&r.Index, Into(&r.SHA), &received, &r.Layer, &r.Code, &r.Detail, Into(&r.EventID), Into(&r.Device), &r.Seq,
		(*string)(&r.Type), Into(&r.Case), &r.Carrier, &r.Line)
	r.Received = time.UnixMicro(received).UTC()
	return r, err
}

// EventAt reads the event at a place in the log; found is false where there is
// none, which is also so where a quarantined line stands.
func (tx *Tx) EventAt(index int64) (r EventRow, found bool, err error) {
	err = tx.Each("SELECT "+EventColumns+" FROM events WHERE idx = $1", Args(index), func(scan func(...any) error) (err error) {
		found = true
		r, err = ScanEvent(scan)
		return err
	})
	return r, found, err
}

// QuarantineAt reads the quarantined line at a place in the log.
func (tx *Tx) QuarantineAt(index int64) (r QuarantineRow, found bool, err error) {
	err = tx.Each("SELECT "+QuarantineColumns+" FROM quarantine WHERE idx = $1", Args(index), func(scan func(...any) error) (err error) {
		found = true
		r, err = ScanQuarantine(scan)
		return err
	})
	return r, found, err
}

// PutTiles stores tiles, each in place of the one of its level and number.
func (tx *Tx) PutTiles(tiles []ledger.Tile) error {
	args := make([]any, 0, 3*len(tiles))
	for _, t := range tiles {
		args = append(args, t.Level, t.N, t.Data)
	}
	return tx.Insert("INSERT INTO tiles (level, n, data)", 3, "ON CONFLICT (level, n) DO UPDATE SET data = excluded.data", args)
}

// ReadTile gives a stored tile; an error that wraps ledger.ErrNoTile where there
// is none. With it a Tx is a ledger.TileReader of one moment.
func (tx *Tx) ReadTile(_ context.Context, level, n int64) ([]byte, error) {
	var data []byte
	found, err := tx.Get("SELECT data FROM tiles WHERE level = $1 AND n = $2", Args(level, n), &data)
	if err == nil && !found {
		return nil, fmt.Errorf("%w: level %d, number %d", ledger.ErrNoTile, level, n)
	}
	return data, err
}

// Tiles reads the log's tiles, each in a read of its own: a ledger.TileReader
// that is safe for concurrent use.
type Tiles struct{ Store *Store }

// ReadTile is as of Tx.
func (t Tiles) ReadTile(ctx context.Context, level, n int64) (data []byte, err error) {
	err = t.Store.Read(ctx, func(tx *Tx) (err error) {
		data, err = tx.ReadTile(ctx, level, n)
		return err
	})
	return data, err
}

// PutCheckpoint stores a checkpoint of the log's own.
func (tx *Tx) PutCheckpoint(c CheckpointRow) error {
	_, err := tx.Exec("INSERT INTO checkpoints (size, root, at, note) VALUES ($1, $2, $3, $4)", c.Size, c.Root[:], c.At.UnixMicro(), c.Note)
	return err
}

// LastCheckpoint gives the newest checkpoint; its size is the log's size. found
// is false where the log is empty.
func (tx *Tx) LastCheckpoint() (c CheckpointRow, found bool, err error) {
	return tx.checkpoint("SELECT size, root, at, note FROM checkpoints ORDER BY size DESC LIMIT 1")
}

// FirstCheckpointCovering gives the first checkpoint whose tree holds the entry at index.
func (tx *Tx) FirstCheckpointCovering(index int64) (c CheckpointRow, found bool, err error) {
	return tx.checkpoint("SELECT size, root, at, note FROM checkpoints WHERE size > $1 ORDER BY size LIMIT 1", index)
}

// CheckpointAt gives the checkpoint of exactly this size.
func (tx *Tx) CheckpointAt(size int64) (c CheckpointRow, found bool, err error) {
	return tx.checkpoint("SELECT size, root, at, note FROM checkpoints WHERE size = $1", size)
}

func (tx *Tx) checkpoint(text string, args ...any) (c CheckpointRow, found bool, err error) {
	var at int64
	found, err = tx.Get(text, args, &c.Size, Into(&c.Root), &at, &c.Note)
	c.At = time.UnixMicro(at).UTC()
	return c, found, err
}

// Meta gives a small fact; empty where it was never set.
func (tx *Tx) Meta(name string) (value string, err error) {
	_, err = tx.Get("SELECT value FROM meta WHERE name = $1", Args(name), &value)
	return value, err
}

// SetMeta sets a small fact.
func (tx *Tx) SetMeta(name, value string) error {
	_, err := tx.Exec("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	return err
}

// EachCheckpoint calls fn with the log's checkpoints in order of size. err is
// not nil, and wraps ErrWidth, where a row cannot be read; its Size is set.
func (tx *Tx) EachCheckpoint(fn func(c CheckpointRow, err error) error) error {
	return tx.Each("SELECT size, root, at, note FROM checkpoints ORDER BY size", nil, func(scan func(...any) error) error {
		var c CheckpointRow
		var at int64
		err := scan(&c.Size, Into(&c.Root), &at, &c.Note)
		c.At = time.UnixMicro(at).UTC()
		return fn(c, err)
	})
}

// EachCosigned calls fn with the cosigned checkpoints in order of size and time;
// err is as of EachCheckpoint.
func (tx *Tx) EachCosigned(fn func(sha event.Digest, size int64, note string, err error) error) error {
	return tx.Each("SELECT size, note, sha FROM cosigned ORDER BY size, at", nil, func(scan func(...any) error) error {
		var sha event.Digest
		var size int64
		var note string
		err := scan(&size, &note, Into(&sha))
		return fn(sha, size, note, err)
	})
}
