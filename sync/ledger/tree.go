package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the right edge of the log, all that appending needs: the partial tile
// of each level and the roots of the perfect subtrees that the leaves make (one
// for each bit of the size). It is immutable: [Tree.Append] gives another, so a
// transaction that fails leaves the caller with a tree that is still right. It
// is therefore safe for concurrent use. The zero Tree is the empty log.
type Tree struct {
	size  Size
	edge  [MaxLevels][]byte            // partial tile per level, nil when there is none
	peaks [MaxLevels * TileHeight]Hash // peaks[b] is meant only where bit b of size is set
}

// Size is the number of leaves.
func (t *Tree) Size() Size { return t.size }

// Root is the RFC 6962 tree hash; of the empty tree, the SHA-256 of nothing.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	rest := uint64(t.size)
	b := bits.TrailingZeros64(rest)
	root := t.peaks[b]
	for rest &= rest - 1; rest != 0; rest &= rest - 1 {
		root = tlog.NodeHash(t.peaks[bits.TrailingZeros64(rest)], root)
	}
	return root
}

// Append gives the tree with leaves added, in order, and every tile that is new
// or has grown, ordered by level and number. The caller writes all of these,
// each in place of the tile of that level and number, in the transaction that
// writes the leaves; and takes up next once that is committed. t stays as it
// is. The tiles' Data is shared with next and must not be modified.
//
// The cost is one interior hash and 32 copied bytes a leaf, and a few
// kilobytes of copies a call, whatever the size of the tree. Append panics
// beyond MaxSize, which no process lives to see.
func (t *Tree) Append(leaves []Hash) (next *Tree, changed []Tile) {
	if int64(len(leaves)) > int64(MaxSize-t.size) {
		panic("ledger: the tree is full")
	}
	a := appender{tree: *t}
	for i := range leaves {
		a.add(&leaves[i])
	}
	return &a.tree, a.tiles()
}

type appender struct {
	tree  Tree
	grown [MaxLevels]bool   // edge[level] is the appender's own buffer, with room for a full tile
	full  [MaxLevels][]Tile // tiles completed in this call
}

func (a *appender) add(leaf *Hash) {
	t := &a.tree
	a.push(0, leaf)
	h, n, b := *leaf, int64(t.size), 0
	for ; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(t.peaks[b], h)
		if b++; b%TileHeight == 0 {
			a.push(b/TileHeight, &h)
		}
	}
	t.peaks[b] = h
	t.size++
}

// push adds a hash to the edge of a level. It is called before t.size counts
// the leaf that completes it.
func (a *appender) push(level int, h *Hash) {
	t := &a.tree
	if !a.grown[level] {
		t.edge[level] = append(make([]byte, 0, TileBytes), t.edge[level]...)
		a.grown[level] = true
	}
	t.edge[level] = append(t.edge[level], h[:]...)
	if len(t.edge[level]) == TileBytes {
		n := int64(t.size) >> (TileHeight * (level + 1))
		a.full[level] = append(a.full[level], Tile{TileID{int64(level), n}, t.edge[level]})
		t.edge[level], a.grown[level] = nil, false
	}
}

func (a *appender) tiles() []Tile {
	var all []Tile
	for level := range MaxLevels {
		all = append(all, a.full[level]...)
		if a.grown[level] {
			data := slices.Clip(a.tree.edge[level])
			a.tree.edge[level] = data
			all = append(all, Tile{edgeTile(a.tree.size, level), data})
		}
	}
	return all
}

// edgeTile is the right-most tile of a level, which is empty when size is at a
// tile's boundary there.
func edgeTile(size Size, level int) TileID {
	return TileID{int64(level), int64(size) >> (TileHeight * (level + 1))}
}

// EdgeTiles lists the partial tiles of the tree of the given size, from the
// lowest level: what [NewTree] needs. Their widths are id.Width(size).
func EdgeTiles(size Size) []TileID {
	var ids []TileID
	for level := range MaxLevels {
		if id := edgeTile(size, level); id.Width(size) > 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// NewTree makes the tree of the given size from the tiles that [EdgeTiles]
// lists, in any order, each of exactly the width that it has at that size. It
// cannot know whether the hashes are right: compare Root with a checkpoint.
func NewTree(size Size, edge []Tile) (*Tree, error) {
	if err := checkSize(size); err != nil {
		return nil, err
	}
	t := &Tree{size: size}
	ids := EdgeTiles(size)
	for _, tile := range edge {
		if !slices.Contains(ids, tile.TileID) {
			return nil, &TileError{tile.TileID, fmt.Sprintf("is not a partial tile of a tree of %d leaves", size), nil}
		}
		if want := tile.TileID.Width(size); len(tile.Data) != want*HashSize {
			return nil, &TileError{tile.TileID, fmt.Sprintf("%d bytes, but a tree of %d leaves has %d hashes in it: "+
				"the tiles and the size are not of one moment", len(tile.Data), size, want), nil}
		}
		t.edge[tile.Level] = tile.Data
	}
	for _, id := range ids {
		data := t.edge[id.Level]
		if data == nil {
			return nil, &TileError{id, fmt.Sprintf("is missing from the edge of the tree of %d leaves", size), ErrNoTile}
		}
		for b := TileHeight - 1; b >= 0; b-- {
			if n := HashSize << b; len(data)&n != 0 {
				t.peaks[int(id.Level)*TileHeight+b] = subtreeRoot(data[:n])
				data = data[n:]
			}
		}
	}
	return t, nil
}

// LoadTree reads the edge of the stored tree of the given size. Beyond what
// [NewTree] demands, the last full tile of each level must hash to the entry
// that stands for it in the level above, so that an append cannot build on a
// broken edge. The whole tree is checked by [Audit].
func LoadTree(ctx context.Context, r TileReader, size Size) (*Tree, error) {
	if err := checkSize(size); err != nil {
		return nil, err
	}
	var edge []Tile
	for _, id := range EdgeTiles(size) {
		data, err := r.ReadTile(ctx, id.Level, id.N)
		if err != nil {
			return nil, &TileError{id, "cannot be read", err}
		}
		edge = append(edge, Tile{id, slices.Clone(data)})
	}
	t, err := NewTree(size, edge)
	if err != nil {
		return nil, err
	}
	for level := range MaxLevels {
		last := edgeTile(size, level)
		if last.N--; last.N < 0 {
			break
		}
		data, err := readTile(ctx, r, last, TileWidth)
		if err != nil {
			return nil, err
		}
		parent, entry := last.Parent()
		up, err := readTile(ctx, r, parent, entry+1)
		if err != nil {
			return nil, err
		}
		if subtreeRoot(data) != hashAt(up, entry) {
			return nil, &TileError{last, fmt.Sprintf("does not hash to entry %d of the tile above it", entry), nil}
		}
	}
	return t, nil
}

// subtreeRoot is the root of the perfect subtree whose hashes, a power of two
// of them up to TileWidth, are data.
func subtreeRoot(data []byte) Hash {
	n := len(data) / HashSize
	if n == 1 {
		return Hash(data)
	}
	var row [TileWidth / 2]Hash
	n /= 2
	for i := range n {
		row[i] = tlog.NodeHash(hashAt(data, 2*i), hashAt(data, 2*i+1))
	}
	for ; n > 1; n /= 2 {
		for i := range n / 2 {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
	}
	return row[0]
}
