package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

const (
	// height of the tiles of C2SP tlog-tiles, and the hashes in a full one.
	height = 8
	width  = 1 << height
	// maxBundle is the longest entry bundle that can be written.
	maxBundle = width * (2 + 1<<16 - 1)
	// together is how many tiles are verified in one go, of which at most fetches
	// are asked for at the same time.
	together, fetches = 32, 8
	// kept bounds the verified tiles that are held to verify those below: 16 MiB.
	kept = 2048
)

// pathOf is the path of a tile in C2SP tlog-tiles: package tlog has the height in
// it, and another word for entries.
func pathOf(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), "tile/8/")
	if t.L < 0 {
		path = "entries" + strings.TrimPrefix(path, "data")
	}
	return "tile/" + path
}

// tileAt reads what pathOf gives.
func tileAt(path string) (tlog.Tile, error) {
	rest := strings.TrimPrefix(path, "tile/")
	if after, ok := strings.CutPrefix(rest, "entries/"); ok {
		rest = "data/" + after
	}
	t, err := tlog.ParseTilePath("tile/8/" + rest)
	if err == nil && (pathOf(t) != path || t.L >= 63/height) {
		err = fmt.Errorf("%q is not the path of a tile", path)
	}
	return t, err
}

// count is the number of hashes that a tree of n entries has at a level of tiles.
func count(n int64, level int) int64 { return n >> (height * level) }

// tileOf is the tile number i of a level, at the width that a tree of n entries has.
func tileOf(n int64, level int, i int64) tlog.Tile {
	return tlog.Tile{H: height, L: level, N: i, W: int(min(count(n, max(level, 0))-i*width, width))}
}

// parent is the tile in which the hash of the full tile t stands.
func parent(n int64, t tlog.Tile) (tlog.Tile, bool) {
	if t.W < width {
		return t, false
	}
	return tileOf(n, t.L+1, t.N/width), true
}

// bundleOf is the path of the entries whose hashes are in a tile of level 0.
func bundleOf(t tlog.Tile) string {
	t.L = -1
	return pathOf(t)
}

// index is the index, in package tlog's order, of hash i of a tile of hashes.
func index(t tlog.Tile, i int) int64 {
	return tlog.StoredHashIndex(t.L*height, t.N*width+int64(i))
}

// reader implements tlog.TileReader. What it keeps was authenticated.
type reader struct {
	ctx  context.Context
	from Source
	kept map[tlog.Tile][]byte
	// asked are the tiles of the last call, failed is why it failed.
	asked  []tlog.Tile
	failed error
}

// Height implements tlog.TileReader.
func (r *reader) Height() int { return height }

// SaveTiles implements tlog.TileReader: it is called with authenticated tiles.
func (r *reader) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for i, t := range tiles {
		r.kept[t] = data[i]
	}
}

// forget makes room before the next tiles.
func (r *reader) forget() {
	if len(r.kept) > kept {
		clear(r.kept)
	}
}

// ReadTiles implements tlog.TileReader. An error is a *Fault where a tile is not as long as it must be.
func (r *reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	g, ctx := errgroup.WithContext(r.ctx)
	g.SetLimit(fetches)
	for i, t := range tiles {
		if data[i] = r.kept[t]; data[i] != nil {
			continue
		}
		g.Go(func() (err error) {
			data[i], err = get(ctx, r.from, pathOf(t), t.W*tlog.HashSize)
			if err == nil && len(data[i]) != t.W*tlog.HashSize {
				err = &Fault{pathOf(t), fmt.Sprintf("it has %d bytes, %d hashes have %d", len(data[i]), t.W, t.W*tlog.HashSize)}
			}
			return err
		})
	}
	r.asked, r.failed = tiles, g.Wait()
	return data, r.failed
}

// get turns what is wrong with a resource into a *Fault.
func get(ctx context.Context, from Source, path string, most int) ([]byte, error) {
	data, err := from.Get(ctx, path, most)
	var long *TooLongError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Fault{path, "it is missing"}
	case errors.As(err, &long):
		return nil, &Fault{path, fmt.Sprintf("it has more than the %d bytes that it may have", long.Most)}
	}
	return data, err
}

// wrongEntry says what is wrong with a bundle whose entries must have these hashes; "" where nothing is.
func wrongEntry(first int64, bundle, hashes []byte) string {
	for i := range len(hashes) / tlog.HashSize {
		if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
			return fmt.Sprintf("it ends within entry %d", first+int64(i))
		}
		entry := bundle[2 : 2+binary.BigEndian.Uint16(bundle)]
		bundle = bundle[2+len(entry):]
		if h := tlog.RecordHash(entry); string(h[:]) != string(hashes[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
			return fmt.Sprintf("entry %d is not the one whose hash is in the log", first+int64(i))
		}
	}
	if len(bundle) > 0 {
		return fmt.Sprintf("%d bytes follow its last entry", len(bundle))
	}
	return ""
}
