package ingest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"golang.org/x/mod/sumdb/note"
)

// width turns a column of a wrong width into a finding.
func (f *fsck) width(table string, index int64, err error) error {
	if errors.Is(err, store.ErrWidth) {
		f.found("columns", table, index, "%v", err)
		return nil
	}
	return err
}

// useLogKey chooses the key that checkpoints are checked with.
func (f *fsck) useLogKey(stated string) {
	text := f.o.LogKey
	if text == "" {
		text = stated
	} else if text != stated {
		f.found("genesis", "events", 0, "the log was begun with the key %s, not with %s", stated, text)
	}
	v, err := ledger.ParseVerifier(text)
	if err != nil {
		f.found("genesis", "events", 0, "the log's key: %v", err)
		return
	}
	f.logKey = v
}

// leafWalk collects the leaf hashes of the entries. A leaf that is not the one
// in the tiles is looked into: if the hash in the tile is shown by its audit path
// to be in the newest checkpoint's tree, the row is at fault, and the tree goes
// on with the tile's hash, so that one damage is one finding.
type leafWalk struct {
	f      *fsck
	tree   *ledger.Tree
	hashes []ledger.Hash // 32 bytes an entry: 320 MB for ten million
	tile   ledger.TileID
	data   []byte
	at     *checkpointCursor
}

func newLeafWalk(f *fsck) (*leafWalk, error) {
	at, err := newCheckpointCursor(f)
	return &leafWalk{f: f, tree: new(ledger.Tree), tile: ledger.TileID{Level: -1}, at: at}, err
}

// stored is the hash of an entry as the tiles have it.
func (l *leafWalk) stored(index int64) (ledger.Hash, bool, error) {
	id := ledger.TileID{Level: 0, N: index / ledger.TileWidth}
	if id != l.tile {
		data, err := l.f.tx.ReadTile(l.f.ctx, id.Level, id.N)
		if err != nil && !errors.Is(err, ledger.ErrNoTile) {
			return ledger.Hash{}, false, err
		}
		l.tile, l.data = id, data
	}
	from := int(index%ledger.TileWidth) * ledger.HashSize
	if from+ledger.HashSize > len(l.data) {
		return ledger.Hash{}, false, nil
	}
	return ledger.Hash(l.data[from : from+ledger.HashSize]), true, nil
}

// proven reports whether a hash is shown to be entry index of the newest checkpoint's tree.
func (l *leafWalk) proven(index int64, h ledger.Hash) bool {
	size := ledger.Size(l.f.last.Size)
	proof, err := ledger.InclusionProof(l.f.ctx, l.f.tx, ledger.Index(index), size)
	return err == nil && ledger.VerifyInclusion(h, ledger.Index(index), size, ledger.Hash(l.f.last.Root), proof) == nil
}

// add takes the leaf of the next entry; nil where its row is damaged.
func (l *leafWalk) add(index int64, leaf *ledger.Leaf) error {
	inTile, ok, err := l.stored(index)
	if err != nil {
		return err
	}
	h := inTile
	if leaf != nil {
		if h, err = leaf.Hash(); err != nil {
			l.f.found("leaf", "entry", index, "%v", err)
			h = inTile
		} else if ok && h != inTile && l.proven(index, inTile) {
			l.f.found("leaf", "entry", index, "the row does not give the leaf that the log has: its time of receipt (%s), its kind, signature or key was changed", leaf.Received.Time())
			h = inTile
		}
	}
	l.hashes = append(l.hashes, h)
	var received *ledger.Micros
	if leaf != nil {
		received = &leaf.Received
	}
	return l.at.entry(l, index, received)
}

func (l *leafWalk) all() iter.Seq2[ledger.Hash, error] {
	return func(yield func(ledger.Hash, error) bool) {
		for _, h := range l.hashes {
			if !yield(h, nil) {
				return
			}
		}
	}
}

// sizeCheck is a checkpoint and the root that the leaves give at its size.
type sizeCheck struct {
	row  store.CheckpointRow
	root event.Root
}

// checkpointCursor walks the checkpoints beside the entries.
type checkpointCursor struct {
	rows []store.CheckpointRow
	next int
	from int // hashes that are in the tree
}

func newCheckpointCursor(f *fsck) (*checkpointCursor, error) {
	c := &checkpointCursor{}
	err := f.tx.EachCheckpoint(func(row store.CheckpointRow, err error) error {
		if err == nil && row.Size <= f.last.Size {
			c.rows = append(c.rows, row)
		}
		if errors.Is(err, store.ErrWidth) {
			return nil // found before
		}
		return err
	})
	f.report.Checkpoints = int64(len(c.rows))
	return c, err
}

// entry notes that an entry was added: its time must be that of the transaction
// which its checkpoint closed, and at that checkpoint's size the root is noted.
func (c *checkpointCursor) entry(l *leafWalk, index int64, received *ledger.Micros) error {
	for c.next < len(c.rows) && c.rows[c.next].Size <= index {
		l.f.found("checkpoint", "checkpoints", c.rows[c.next].Size, "a checkpoint of size %d has no place between the others", c.rows[c.next].Size)
		c.next++
	}
	if c.next == len(c.rows) {
		return nil
	}
	row := c.rows[c.next]
	if received != nil && int64(*received) != row.At.UnixMicro() {
		l.f.found("time", "checkpoints", index, "the entry was received at %s, but the transaction of checkpoint %d was at %s", received.Time(), row.Size, row.At)
	}
	if index+1 < row.Size {
		return nil
	}
	l.tree, _ = l.tree.Append(l.hashes[c.from:])
	c.from = len(l.hashes)
	l.f.sizes = append(l.f.sizes, sizeCheck{row, event.Root(l.tree.Root())})
	c.next++
	return nil
}

// tree compares every stored tile with those of the leaves.
func (f *fsck) tree() error {
	tree, faults, err := ledger.Audit(f.ctx, f.tx, ledger.Size(f.last.Size), f.leaves.all())
	if err != nil {
		return err
	}
	for _, fault := range faults {
		f.found("tile", "tiles", -1, "%v", fault)
	}
	f.report.Root = event.Root(tree.Root())
	return f.tx.Each("SELECT level, n FROM tiles ORDER BY level, n", nil, func(scan func(...any) error) error {
		var id ledger.TileID
		if err := scan(&id.Level, &id.N); err != nil {
			return err
		}
		if id.Width(ledger.Size(f.last.Size)) == 0 {
			f.found("tile", "tiles", -1, "tile level %d number %d is beyond a log of %d entries", id.Level, id.N, f.last.Size)
		}
		return nil
	})
}

// checkpoints checks signature, text and root of each.
func (f *fsck) checkpoints() error {
	if f.logKey == nil && f.last.Size > 0 {
		f.found("genesis", "events", 0, "no key of the log is known, so no checkpoint can be checked; give it by hand")
	}
	for i, c := range f.sizes {
		if c.root != c.row.Root {
			f.found("checkpoint", "checkpoints", c.row.Size-1, "at size %d the row's root is %s, the entries give %s", c.row.Size, c.row.Root, c.root)
		}
		if c.row.Note == "" && i == len(f.sizes)-1 {
			continue // the newest note is written by the next transaction
		}
		if f.logKey == nil {
			continue
		}
		if err := f.noteOf(c.row.Note, c.row.Size, c.row.Root, f.logKey); err != nil {
			f.found("checkpoint", "checkpoints", c.row.Size-1, "at size %d: %v", c.row.Size, err)
		}
	}
	return nil
}

// noteOf checks that a note is a signed checkpoint of this log at a size and root.
func (f *fsck) noteOf(text string, size int64, root event.Root, keys ...note.Verifier) error {
	signed, err := ledger.ParseCheckpoint([]byte(text), keys...)
	if err != nil {
		return err
	}
	if want := (ledger.Checkpoint{Origin: f.origin, Size: ledger.Size(size), Root: ledger.Hash(root)}); signed.Checkpoint != want {
		return fmt.Errorf("the note states size %d and root %v of %s", signed.Size, signed.Root, signed.Origin)
	}
	return nil
}

// cosigned checks the cosigned notes and the time-stamp tokens by their digests
// and the notes by the log's own signature and root; whether witnesses and
// time-stamping authorities are to be believed is sync/bundle's question.
func (f *fsck) cosigned() error {
	roots := map[int64]event.Root{}
	for _, c := range f.sizes {
		roots[c.row.Size] = c.root
	}
	err := f.tx.EachCosigned(func(sha event.Digest, size int64, text string, err error) error {
		if err != nil {
			return f.width("cosigned", size-1, err)
		}
		root, known := roots[size]
		switch {
		case event.Digest(sha256.Sum256([]byte(text))) != sha:
			f.found("cosigned", "cosigned", size-1, "the note's SHA-256 is not %s", sha)
		case !known:
			f.found("cosigned", "cosigned", size-1, "the log signed no checkpoint of size %d", size)
		case f.logKey != nil:
			if err := f.noteOf(text, size, root, f.logKey); err != nil {
				f.found("cosigned", "cosigned", size-1, "%v", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.tx.Each("SELECT sha, size, token FROM tokens", nil, func(scan func(...any) error) error {
		var sha event.Digest
		var size int64
		var token []byte
		if err := scan(store.Into(&sha), &size, &token); err != nil {
			return f.width("tokens", size-1, err)
		}
		if event.Digest(sha256.Sum256(token)) != sha {
			f.found("token", "tokens", size-1, "the token's SHA-256 is not %s", sha)
		}
		return nil
	})
}

// eventIDs checks the index of event ids against the events.
func (f *fsck) eventIDs() error {
	faults, err := projection.CheckIDs(f.tx)
	for _, x := range faults {
		f.found("index", "event_ids", x.Index, "%s", x.Detail)
	}
	return err
}
