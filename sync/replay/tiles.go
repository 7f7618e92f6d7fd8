package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"fieldseal/sync/ledger"
)

// exportCheckpoint is the name of the signed note in an export (C2SP tlog-tiles).
const exportCheckpoint = "checkpoint"

// AddExport takes an export of the log in the layout of C2SP tlog-tiles:
// checkpoint, tile/…, tile/entries/…. What is there is held against the
// checkpoint; bundles of entries that are missing are a remark, tiles that do
// not lead to the checkpoint an error that wraps ErrSource.
func (e *Evidence) AddExport(ctx context.Context, name string, dir fs.FS) error {
	text, err := fs.ReadFile(dir, exportCheckpoint)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSource, name, err)
	}
	c := e.checkpoint(text, name)
	if c == nil {
		return fmt.Errorf("%w: %s: its checkpoint is not one of the log %s", ErrSource, name, e.cfg.LogKey.Name())
	}
	to := min(c.Size, e.cfg.To)
	if to <= e.cfg.From {
		e.remark("%s: it ends at %d entries, which the backup has", name, c.Size)
		return nil
	}
	r := exportTiles{dir, c.Size}
	var wanted []ledger.Index
	for i := e.cfg.From; i < to; i++ {
		wanted = append(wanted, ledger.Index(i))
	}
	if err := e.tiles(ctx, c, r, wanted); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSource, name, err)
	}
	for n := int64(e.cfg.From) >> ledger.TileHeight; n<<ledger.TileHeight < int64(to); n++ {
		if err := e.entries(name, r, n); err != nil {
			e.remark("%s: %v", name, err)
		}
	}
	return nil
}

// tiles verifies the tiles that hold the wanted entries and takes their hashes as proven.
func (e *Evidence) tiles(ctx context.Context, c *ledger.SignedCheckpoint, r ledger.TileReader, wanted []ledger.Index) error {
	ids, err := ledger.RequiredTiles(c.Size, wanted)
	if err != nil {
		return err
	}
	tiles, err := ledger.CollectTiles(ctx, r, c.Size, ids)
	if err != nil {
		return err
	}
	v, err := ledger.VerifyTiles(c.Root, c.Size, tiles)
	if err != nil {
		return err
	}
	for id, data := range tiles {
		if id.Level != 0 {
			continue
		}
		for k := range len(data) / ledger.HashSize {
			i := ledger.Index(id.N<<ledger.TileHeight + int64(k))
			if h, err := v.LeafHash(i); err == nil && e.lost(i) {
				e.hash(i, h)
			}
		}
	}
	return nil
}

// hash takes the hash of an entry that a checkpoint proves.
func (e *Evidence) hash(i ledger.Index, h ledger.Hash) {
	if have, ok := e.hashes[i]; ok && have != h {
		e.remark("two checkpoints that the log signed prove different entries at %d: the log has been forked, or its key was used by somebody else; keep both sources", i)
		delete(e.hashes, i)
		return
	}
	e.hashes[i] = h
}

func (e *Evidence) entries(name string, r exportTiles, n int64) error {
	width := ledger.TileID{N: n}.Width(r.size)
	data, err := r.read(ledger.EntriesPath(n, width), ledger.EntriesPath(n, ledger.TileWidth))
	if err != nil {
		return err
	}
	leaves, err := ledger.ParseEntries(data)
	if err != nil {
		return fmt.Errorf("%s: %w", ledger.EntriesPath(n, width), err)
	}
	for k, leaf := range leaves {
		e.claim(ledger.Index(n<<ledger.TileHeight+int64(k)), leaf, false, name)
	}
	return nil
}

// exportTiles reads the tiles of an export of one size.
type exportTiles struct {
	dir  fs.FS
	size ledger.Size
}

// ReadTile implements ledger.TileReader.
func (r exportTiles) ReadTile(_ context.Context, level, n int64) ([]byte, error) {
	id := ledger.TileID{Level: level, N: n}
	width := id.Width(r.size)
	if width == 0 {
		return nil, ledger.ErrNoTile
	}
	data, err := r.read(id.Path(width), id.Path(ledger.TileWidth))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ledger.ErrNoTile, err)
	}
	return data, err
}

// read gives the first file that is there: a full tile may stand for the partial one that it grew from.
func (r exportTiles) read(names ...string) (data []byte, err error) {
	for _, name := range names {
		var f fs.File
		if f, err = r.dir.Open(name); err == nil {
			data, err = io.ReadAll(io.LimitReader(f, maxSmall))
			return data, errors.Join(err, f.Close())
		}
	}
	return nil, err
}
