package replay

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/container"
	"fieldseal/sync/ledger"
)

// AddBundle takes a court bundle: its lines and leaves, and the tiles that lead
// to its checkpoint. Whether the bundle as a whole is authentic is not asked.
func (e *Evidence) AddBundle(ctx context.Context, name string, r io.ReaderAt, size int64) error {
	arc, err := container.Open(r, size)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSource, name, err)
	}
	b := bundle{e: e, name: name, arc: arc, files: map[string]container.Entry{}, tiles: ledger.SparseTiles{}}
	for _, f := range arc.Entries() {
		if _, path, ok := cutFolder(f.Name); ok {
			b.files[path] = f
		}
	}
	if _, ok := b.files[bag.PathLeaves]; !ok {
		return fmt.Errorf("%w: %s: it is not a court bundle", ErrSource, name)
	}
	text, err := b.load(bag.PathCheckpoint)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSource, name, err)
	}
	c := e.checkpoint(text, name)
	if c == nil {
		return fmt.Errorf("%w: %s: its checkpoint is not one of the log %s", ErrSource, name, e.cfg.LogKey.Name())
	}
	wanted, err := b.leaves()
	if err != nil {
		return fmt.Errorf("%w: %s: %s: %w", ErrSource, name, bag.PathLeaves, err)
	}
	b.others(c.Size)
	if err := e.tiles(ctx, c, &b, wanted); err != nil {
		e.remark("%s: its tiles do not lead to its checkpoint, so its leaves are only said: %v", name, err)
	}
	e.streams = append(e.streams, stream{name + ": " + bag.PathEvents, b.lines}, stream{name + ": " + bag.PathQuarantine, b.quarantined})
	return nil
}

func cutFolder(name string) (folder, path string, ok bool) {
	f, p, ok := bytes.Cut([]byte(name), []byte("/"))
	if _, is := bag.ParseFolder(string(f)); !is {
		return "", "", false
	}
	return string(f), string(p), ok
}

// bundle is a bundle that is being read.
type bundle struct {
	e     *Evidence
	name  string
	arc   *container.Archive
	files map[string]container.Entry
	tiles ledger.SparseTiles
}

func (b *bundle) load(path string) ([]byte, error) {
	f, ok := b.files[path]
	if !ok {
		return nil, fmt.Errorf("it has no %s", path)
	}
	data, err := io.ReadAll(io.LimitReader(b.arc.Open(f, nil), maxSmall+1))
	if err == nil && len(data) > maxSmall {
		err = fmt.Errorf("%s has more than %d bytes", path, maxSmall)
	}
	return data, err
}

// leaves takes the leaves and gives the places of those that are looked for.
func (b *bundle) leaves() (wanted []ledger.Index, err error) {
	err = eachLine(b.arc.Open(b.files[bag.PathLeaves], nil), func(line []byte) error {
		l, err := bag.ParseLeafLine(line)
		if err != nil {
			return err
		}
		if b.e.lost(l.Index) {
			wanted = append(wanted, l.Index)
			b.e.claim(l.Index, l.Leaf, false, b.name)
		}
		return nil
	})
	return wanted, err
}

// others takes the other checkpoints and reads the tiles.
func (b *bundle) others(size ledger.Size) {
	for path := range b.files {
		p := bag.ParsePath(path)
		switch p.Class {
		case bag.ClassSeenCheckpoint, bag.ClassDatedCheckpoint:
			if text, err := b.load(path); err == nil {
				b.e.checkpoint(text, b.name+": "+path)
			}
		case bag.ClassTile:
			if text, err := b.load(path); err == nil && p.Width == p.Tile.Width(size) {
				b.tiles[p.Tile] = text
			}
		}
	}
}

// ReadTile implements ledger.TileReader.
func (b *bundle) ReadTile(_ context.Context, level, n int64) ([]byte, error) {
	if data, ok := b.tiles[ledger.TileID{Level: level, N: n}]; ok {
		return data, nil
	}
	return nil, ledger.ErrNoTile
}

func (b *bundle) lines(fn func([]byte) error) error {
	f, ok := b.files[bag.PathEvents]
	if !ok {
		return nil
	}
	return eachLine(b.arc.Open(f, nil), fn)
}

func (b *bundle) quarantined(fn func([]byte) error) error {
	f, ok := b.files[bag.PathQuarantine]
	if !ok {
		return nil
	}
	return eachLine(b.arc.Open(f, nil), func(line []byte) error {
		q, err := bag.ParseJSON[bag.QuarantineLine](line)
		if err != nil {
			return err
		}
		return fn(q.Line)
	})
}
