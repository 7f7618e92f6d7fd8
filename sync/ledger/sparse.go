package ledger

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
)

// SparseTiles are some tiles of a tree of one size: what a bundle carries.
// Each has exactly the width that it has at that size. The bytes must not be
// modified.
type SparseTiles map[TileID][]byte

// RequiredTiles lists the least set of tiles that proves the leaves at the
// given indices, in any order and with repetitions, and the root of the tree of
// the given size; ordered by level and number. With no indices it is EdgeTiles.
//
// A set that proves index m-1 is also enough for RootAt(m), so that the tiles
// of one late tree show its consistency with every earlier checkpoint of size m
// whose last leaf was asked for.
func RequiredTiles(size Size, indices []Index) ([]TileID, error) {
	if err := checkSize(size); err != nil {
		return nil, err
	}
	numbers := make([]int64, len(indices))
	for i, x := range indices {
		if err := checkIndex(x, size); err != nil {
			return nil, err
		}
		numbers[i] = int64(x)
	}
	ids := EdgeTiles(size)
	for level := int64(0); level < MaxLevels; level++ {
		for i := range numbers {
			numbers[i] >>= TileHeight
		}
		if !slices.IsSorted(numbers) {
			slices.Sort(numbers)
		}
		numbers = slices.Compact(numbers)
		// Above a partial tile there are only the partial tiles of the edge.
		if edge := edgeTile(size, int(level)); len(numbers) > 0 && numbers[len(numbers)-1] == edge.N {
			numbers = numbers[:len(numbers)-1]
		}
		for _, n := range numbers {
			ids = append(ids, TileID{level, n})
		}
	}
	slices.SortFunc(ids, TileID.Compare)
	return ids, nil
}

// CollectTiles reads tiles and cuts each to the width it has at the given size.
func CollectTiles(ctx context.Context, r TileReader, size Size, ids []TileID) (SparseTiles, error) {
	tiles := make(SparseTiles, len(ids))
	for _, id := range ids {
		width := id.Width(size)
		if width == 0 {
			return nil, &TileError{id, fmt.Sprintf("does not exist in a tree of %d leaves", size), ErrOutOfRange}
		}
		data, err := readTile(ctx, r, id, width)
		if err != nil {
			return nil, err
		}
		tiles[id] = data
	}
	return tiles, nil
}

// VerifiedTiles are tiles that lead to a root; only [VerifyTiles] makes them.
// It is a TileReader and safe for concurrent use.
type VerifiedTiles struct {
	size  Size
	root  Hash
	tiles SparseTiles
}

// VerifyTiles authenticates every one of tiles, using all cores: the partial
// tiles must be there and give the root of the tree of the given size, and each
// full tile must hash to its entry in the tile above, which must be there too.
// Then every hash in them is one that the root commits to. The error is a
// *TileError that names the highest tile at fault, or wraps ErrProof when the
// edge does not give the root.
func VerifyTiles(root Hash, size Size, tiles SparseTiles) (*VerifiedTiles, error) {
	var edge []Tile
	for _, id := range EdgeTiles(size) {
		if data, ok := tiles[id]; ok {
			edge = append(edge, Tile{id, data})
		}
	}
	t, err := NewTree(size, edge)
	if err != nil {
		return nil, err
	}
	if got := t.Root(); got != root {
		return nil, fmt.Errorf("%w: the right edge of the tiles gives the root %v, the tree of %d has %v", ErrProof, got, size, root)
	}
	v := &VerifiedTiles{size, root, maps.Clone(tiles)}
	var full [MaxLevels][]TileID
	for id := range v.tiles {
		switch id.Width(size) {
		case 0:
			return nil, &TileError{id, fmt.Sprintf("does not exist in a tree of %d leaves", size), ErrOutOfRange}
		case TileWidth:
			full[id.Level] = append(full[id.Level], id)
		}
	}
	for level := MaxLevels - 1; level >= 0; level-- {
		if err := v.checkAll(full[level]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// checkAll checks full tiles of one level in parallel. Of several errors it
// gives that of the lowest number.
func (v *VerifiedTiles) checkAll(ids []TileID) error {
	slices.SortFunc(ids, TileID.Compare)
	const least = 8 // tiles, about 0.2 ms of hashing: less is not worth a goroutine
	workers := min(runtime.GOMAXPROCS(0), (len(ids)+least-1)/least)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		part := ids[len(ids)*w/workers : len(ids)*(w+1)/workers]
		wg.Go(func() {
			for _, id := range part {
				if errs[w] = v.CheckTile(Tile{id, v.tiles[id]}); errs[w] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// CheckTile authenticates one more full tile against the tile above it, without
// keeping it: a verifier of a bundle too large for memory verifies the levels
// above 0 (a 256th of the whole) and passes each tile of level 0 through here.
func (v *VerifiedTiles) CheckTile(t Tile) error {
	if t.TileID.Width(v.size) != TileWidth || len(t.Data) != TileBytes {
		return &TileError{t.TileID, fmt.Sprintf("%d bytes are not a full tile of a tree of %d leaves", len(t.Data), v.size), nil}
	}
	parent, entry := t.Parent()
	up, ok := v.tiles[parent]
	if !ok {
		return &TileError{t.TileID, fmt.Sprintf("cannot be checked, tile level %d number %d is missing", parent.Level, parent.N), ErrNoTile}
	}
	if subtreeRoot(t.Data) != hashAt(up, entry) {
		return &TileError{t.TileID, fmt.Sprintf("does not hash to entry %d of the tile above it", entry), ErrProof}
	}
	return nil
}

// Size is that of the tree the tiles belong to.
func (v *VerifiedTiles) Size() Size { return v.size }

// Root is that of the tree the tiles belong to.
func (v *VerifiedTiles) Root() Hash { return v.root }

// LeafHash looks up the hash of the leaf at index; the error is a *TileError
// that wraps ErrNoTile when the tiles do not cover it, or wraps ErrOutOfRange.
func (v *VerifiedTiles) LeafHash(index Index) (Hash, error) {
	if err := checkIndex(index, v.size); err != nil {
		return Hash{}, err
	}
	id := TileID{0, int64(index) >> TileHeight}
	data, ok := v.tiles[id]
	if !ok {
		return Hash{}, &TileError{id, fmt.Sprintf("is not among the tiles shown; entry %d is in it", index), ErrNoTile}
	}
	return hashAt(data, int(index&(TileWidth-1))), nil
}

// ReadTile implements TileReader.
func (v *VerifiedTiles) ReadTile(_ context.Context, level, n int64) ([]byte, error) {
	data, ok := v.tiles[TileID{level, n}]
	if !ok {
		return nil, ErrNoTile
	}
	return data, nil
}
