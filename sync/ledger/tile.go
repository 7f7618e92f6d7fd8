package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a leaf hash, an interior node or a root of the RFC 6962 tree.
type Hash = tlog.Hash

// HashSize is the length of a Hash in bytes.
const HashSize = tlog.HashSize

// Index is the place of a leaf in the log, from 0.
type Index int64

// Size is a number of leaves: a tree of Size n holds the Indices 0 to n-1.
type Size int64

const (
	// TileHeight is the height of a tile, fixed by C2SP tlog-tiles.
	TileHeight = 8
	// TileWidth is the number of hashes in a full tile.
	TileWidth = 1 << TileHeight
	// TileBytes is the length of a full tile.
	TileBytes = TileWidth * HashSize
	// MaxLevels is the number of tile levels that a tree of MaxSize has.
	MaxLevels = 7
	// MaxSize is the largest tree: seven levels of tiles are full in it. It is
	// far beyond any log, and far enough below 2^62, where the arithmetic of
	// x/mod's tlog overflows (and loops for ever on a hostile checkpoint).
	MaxSize Size = 1<<(TileHeight*MaxLevels) - 1
)

var (
	// ErrNoTile is for a TileReader to return, wrapped or bare, when it holds no such tile.
	ErrNoTile = errors.New("ledger: no such tile")
	// ErrTilePath is wrapped by every error about the text of a tile's path.
	ErrTilePath = errors.New("ledger: malformed tile path")
	// ErrOutOfRange is wrapped by the errors about an index or a size that the tree does not have.
	ErrOutOfRange = errors.New("ledger: outside the tree")
)

// TileError names a tile that is missing, has the wrong width or holds a wrong
// hash. Cause may be nil.
type TileError struct {
	Tile   TileID
	Reason string
	Cause  error
}

func (e *TileError) Error() string {
	s := fmt.Sprintf("ledger: tile level %d number %d: %s", e.Tile.Level, e.Tile.N, e.Reason)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *TileError) Unwrap() error { return e.Cause }

// TileID is the place of a tile: Level 0 holds leaf hashes, entry i of tile n
// at level l+1 is the root of the full tile n*TileWidth+i at level l.
type TileID struct {
	Level int64
	N     int64
}

// Compare orders by level, then number.
func (id TileID) Compare(o TileID) int {
	return cmp.Or(cmp.Compare(id.Level, o.Level), cmp.Compare(id.N, o.N))
}

// Parent is the tile in which the root of the full tile id stands, and at which entry.
func (id TileID) Parent() (parent TileID, entry int) {
	return TileID{id.Level + 1, id.N >> TileHeight}, int(id.N & (TileWidth - 1))
}

// Width is the number of hashes that tile id has in the tree of the given size;
// 0 when the tree has no such tile.
func (id TileID) Width(size Size) int {
	if id.Level < 0 || id.Level >= MaxLevels || id.N < 0 || size < 0 || size > MaxSize {
		return 0
	}
	entries := int64(size) >> (TileHeight * id.Level)
	if id.N > entries>>TileHeight {
		return 0
	}
	return int(min(entries-id.N<<TileHeight, TileWidth))
}

// Path is the C2SP tlog-tiles path of the tile at a width from 1 to TileWidth:
// tile/0/x001/234 when full, tile/0/x001/234.p/17 when partial.
func (id TileID) Path(width int) string {
	return tilePath(strconv.FormatInt(id.Level, 10), id.N, width)
}

// EntriesPath is the C2SP tlog-tiles path of the n-th bundle of leaves, at a
// width from 1 to TileWidth.
func EntriesPath(n int64, width int) string { return tilePath("entries", n, width) }

func tilePath(level string, n int64, width int) string {
	groups := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		groups = fmt.Sprintf("x%03d/%s", n%1000, groups)
	}
	p := "tile/" + level + "/" + groups
	if width < TileWidth {
		p += ".p/" + strconv.Itoa(width)
	}
	return p
}

// maxPathGroups is the number of three-digit groups that the number of a tile
// of a MaxSize tree needs (48 bits at level 0, 15 digits).
const maxPathGroups = 5

// ParseTilePath reads what [TileID.Path] writes; anything else wraps ErrTilePath.
func ParseTilePath(path string) (id TileID, width int, err error) {
	bad := func(why string) (TileID, int, error) {
		return TileID{}, 0, fmt.Errorf("%w: %q %s", ErrTilePath, clip(path), why)
	}
	rest, ok := strings.CutPrefix(path, "tile/")
	level, rest, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || len(level) != 1 || level[0] < '0' || level[0] >= '0'+MaxLevels {
		return bad("does not begin with tile/ and a level from 0 to 6")
	}
	id.Level, width = int64(level[0]-'0'), TileWidth
	if full, w, partial := strings.Cut(rest, ".p/"); partial {
		if width, err = strconv.Atoi(w); err != nil || width < 1 || width >= TileWidth {
			return bad("has a width outside 1 to 255")
		}
		rest = full
	}
	groups := strings.Split(rest, "/")
	if len(groups) > maxPathGroups {
		return bad("numbers a tile beyond the largest tree")
	}
	for _, g := range groups {
		n, err := strconv.ParseUint(strings.TrimPrefix(g, "x"), 10, 10)
		if err != nil {
			return bad("has a number that is not in groups of three digits")
		}
		id.N = id.N*1000 + int64(n)
	}
	if id.Width(MaxSize) == 0 || id.Path(width) != path {
		return bad("is not the canonical path of a tile")
	}
	return id, width, nil
}

// ParseEntriesPath reads what [EntriesPath] writes; anything else wraps ErrTilePath.
func ParseEntriesPath(path string) (n int64, width int, err error) {
	rest, ok := strings.CutPrefix(path, "tile/entries/")
	if !ok {
		return 0, 0, fmt.Errorf("%w: %q does not begin with tile/entries/", ErrTilePath, clip(path))
	}
	id, width, err := ParseTilePath("tile/0/" + rest) // a bundle has the entries of the tile of leaf hashes
	return id.N, width, err
}

// Tile is the content of a tile: Data is 1 to TileWidth hashes, one after
// another. A tile with TileWidth of them is full and never changes again; a
// partial one only grows. Data must not be modified.
type Tile struct {
	TileID
	Data []byte
}

// Width is the number of hashes in t.
func (t Tile) Width() int { return len(t.Data) / HashSize }

// TileReader gives the stored tiles. ReadTile returns the whole of what is
// stored, which for the right-most tile of a level is a part of a tile; an
// error that wraps ErrNoTile when nothing is. The bytes belong to the reader
// and are not modified by the caller. A reader must show at least all that was
// committed before the call; it may show more, since tiles only grow. It is
// safe for concurrent use if the callers are concurrent.
type TileReader interface {
	ReadTile(ctx context.Context, level, n int64) ([]byte, error)
}

// readTile gets the first want hashes of a tile, or says what is wrong with it.
func readTile(ctx context.Context, r TileReader, id TileID, want int) ([]byte, error) {
	data, err := r.ReadTile(ctx, id.Level, id.N)
	if err == nil && len(data) == 0 {
		err = ErrNoTile
	}
	if err != nil {
		return nil, &TileError{id, "cannot be read", err}
	}
	if err := checkShape(id, data); err != nil {
		return nil, err
	}
	if len(data) < want*HashSize {
		return nil, &TileError{id, fmt.Sprintf("has %d hashes, the tree needs %d", len(data)/HashSize, want), ErrOutOfRange}
	}
	return data[:want*HashSize], nil
}

func checkShape(id TileID, data []byte) error {
	if len(data) == 0 || len(data) > TileBytes || len(data)%HashSize != 0 {
		return &TileError{id, fmt.Sprintf("%d bytes are not 1 to %d hashes", len(data), TileWidth), nil}
	}
	return nil
}

func hashAt(data []byte, entry int) Hash { return Hash(data[entry*HashSize : (entry+1)*HashSize]) }

// clip keeps hostile input short in an error's text.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

func checkSize(size Size) error {
	if size < 0 || size > MaxSize {
		return fmt.Errorf("%w: %d is not a tree size (0 to %d)", ErrOutOfRange, size, MaxSize)
	}
	return nil
}
