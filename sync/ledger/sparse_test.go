package ledger

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sparse collects the tiles that prove some entries of the big log at a size.
func sparse(t tester, size Size, indices ...Index) SparseTiles {
	t.Helper()
	ids, err := RequiredTiles(size, indices)
	if err != nil {
		t.Fatal(err)
	}
	tiles, err := CollectTiles(testContext, big().tiles, size, ids)
	if err != nil {
		t.Fatal(err)
	}
	return tiles
}

func TestSparseTiles(t *testing.T) {
	b := big()
	rapid.Check(t, func(t *rapid.T) {
		size := Size(rapid.OneOf(rapid.Int64Range(1, 600), rapid.Int64Range(65_500, 65_600), rapid.Int64Range(1, bigSize)).Draw(t, "size"))
		indices := rapid.SliceOfN(rapid.Map(rapid.Int64Range(0, int64(size)-1), func(i int64) Index { return Index(i) }), 0, 20).Draw(t, "indices")
		root := b.ref.root(t, size)
		tiles := sparse(t, size, indices...)
		v, err := VerifyTiles(root, size, tiles)
		if err != nil {
			t.Fatal(err)
		}
		if v.Size() != size || v.Root() != root {
			t.Fatalf("verified tiles of %d %v", v.Size(), v.Root())
		}
		for _, i := range indices {
			if h, err := v.LeafHash(i); err != nil || h != leafHash(int64(i)) {
				t.Fatalf("entry %d: %v, %v", i, h, err)
			}
			// The tiles also give the root at the size that ended with this entry.
			early := Size(i) + 1
			if h, err := RootAt(testContext, v, early); err != nil || h != b.ref.root(t, early) {
				t.Fatalf("root at %d: %v, %v", early, h, err)
			}
		}
		for i := Index(0); i < Index(size); i += 256 {
			_, covered := tiles[TileID{0, int64(i / 256)}]
			if h, err := v.LeafHash(i); covered != (err == nil) || covered && h != leafHash(int64(i)) {
				t.Fatalf("entry %d, covered %v: %v", i, covered, err)
			}
		}
		// The set is minimal: without any one tile it does not do.
		for id := range tiles {
			less := maps.Clone(tiles)
			delete(less, id)
			v, err := VerifyTiles(root, size, less)
			for _, i := range indices {
				if err == nil {
					_, err = v.LeafHash(i)
				}
			}
			if !errors.Is(err, ErrNoTile) {
				t.Fatalf("without tile %v of %d: %v", id, len(tiles), err)
			}
		}
	})
}

// TestSparseBitFlips flips each bit of a small bundle and many of a large one:
// each is found, and named where it is.
func TestSparseBitFlips(t *testing.T) {
	b := big()
	check := func(size Size, tiles SparseTiles, id TileID, bit int) {
		t.Helper()
		bad := memTiles(maps.Clone(tiles))
		flip(bad, id, bit)
		v, err := VerifyTiles(b.ref.root(t, size), size, SparseTiles(bad))
		if v != nil || err == nil {
			t.Fatalf("size %d: bit %d of tile %v flipped and accepted", size, bit, id)
		}
		var tile *TileError
		if full := id.Width(size) == TileWidth; full != errors.As(err, &tile) || full && tile.Tile != id || !errors.Is(err, ErrProof) {
			t.Fatalf("size %d: bit %d of tile %v flipped: %v", size, bit, id, err)
		}
	}
	small := sparse(t, 300, 5)
	for id, data := range small {
		for bit := range len(data) * 8 {
			if id.Width(300) < TileWidth || bit%11 == 0 {
				check(300, small, id, bit)
			}
		}
	}
	large := sparse(t, bigSize, 0, 1000, 65_535, 65_536, 100_000, 199_999)
	rng := rand.New(rand.NewPCG(1, 2))
	for id, data := range large {
		for range 50 {
			check(bigSize, large, id, rng.IntN(len(data)*8))
		}
	}
}

// TestEveryTileIsChecked flips one bit in each of many tiles in turn, with more
// workers than this machine may have cores.
func TestEveryTileIsChecked(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(7))
	const size = 20_000
	tree, store := grow(size, size)
	for id := range store {
		bad := maps.Clone(store)
		flip(bad, id, int(id.N))
		_, err := VerifyTiles(tree.Root(), size, SparseTiles(bad))
		var tile *TileError
		if full := id.Width(size) == TileWidth; err == nil || full && (!errors.As(err, &tile) || tile.Tile != id) {
			t.Errorf("bit flipped in tile %v: %v", id, err)
		}
	}
}

func TestVerifyTilesRefused(t *testing.T) {
	b := big()
	const size = 70_000
	root := b.ref.root(t, size)
	good := sparse(t, size, 0, 65_536)
	if _, err := VerifyTiles(root, size, good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(SparseTiles){
		"a tile beyond the tree":    func(s SparseTiles) { s[TileID{0, 274}] = b.tiles[TileID{0, 274}] },
		"a level beyond the tree":   func(s SparseTiles) { s[TileID{3, 0}] = make([]byte, 32) },
		"a level beyond all":        func(s SparseTiles) { s[TileID{MaxLevels, 0}] = make([]byte, 32) },
		"a negative level":          func(s SparseTiles) { s[TileID{-1, 0}] = make([]byte, 32) },
		"an edge tile too wide":     func(s SparseTiles) { s[TileID{0, 273}] = b.tiles[TileID{0, 273}] },
		"an edge tile too narrow":   func(s SparseTiles) { s[TileID{0, 273}] = s[TileID{0, 273}][32:] },
		"a full tile too narrow":    func(s SparseTiles) { s[TileID{0, 0}] = s[TileID{0, 0}][:TileBytes-32] },
		"a full tile too long":      func(s SparseTiles) { s[TileID{0, 0}] = make([]byte, TileBytes+32) },
		"bytes behind a full tile":  func(s SparseTiles) { s[TileID{0, 0}] = append(bytes.Clone(s[TileID{0, 0}]), make([]byte, 32)...) },
		"an empty tile":             func(s SparseTiles) { s[TileID{1, 0}] = nil },
		"another tile in its place": func(s SparseTiles) { s[TileID{0, 0}] = b.tiles[TileID{0, 1}] },
		"a parent missing":          func(s SparseTiles) { delete(s, TileID{1, 0}) },
	} {
		bad := maps.Clone(good)
		spoil(bad)
		var tile *TileError
		if v, err := VerifyTiles(root, size, bad); v != nil || !errors.As(err, &tile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := VerifyTiles(b.ref.root(t, size+1), size, good); !errors.Is(err, ErrProof) {
		t.Errorf("another root: %v", err)
	}
	var tile *TileError
	if _, err := VerifyTiles(root, size+1, good); !errors.As(err, &tile) {
		t.Errorf("another size: %v", err)
	}
	if _, err := VerifyTiles(root, -1, nil); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("negative size: %v", err)
	}
	v := must(VerifyTiles(root, size, good))
	for _, i := range []Index{-1, size} {
		if _, err := v.LeafHash(i); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	for _, i := range []Index{-1, size} {
		if _, err := RequiredTiles(size, []Index{0, i}); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("required for %d: %v", i, err)
		}
	}
	if _, err := RequiredTiles(-1, nil); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("required at -1: %v", err)
	}
	for _, id := range []TileID{{0, 274}, {3, 0}, {0, -1}} {
		if _, err := CollectTiles(t.Context(), b.tiles, size, []TileID{id}); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("collected %v: %v", id, err)
		}
	}
	if _, err := CollectTiles(t.Context(), memTiles{}, size, []TileID{{0, 0}}); !errors.Is(err, ErrNoTile) {
		t.Errorf("collected from nothing: %v", err)
	}
}

func TestEmptyTree(t *testing.T) {
	v, err := VerifyTiles(new(Tree).Root(), 0, nil)
	if err != nil || v.Size() != 0 {
		t.Fatal(err)
	}
	if ids := must(RequiredTiles(0, nil)); len(ids) != 0 {
		t.Errorf("an empty tree requires %v", ids)
	}
}

// TestCheckTile: the levels above 0 verified once, the tiles of level 0 passed
// by one at a time.
func TestCheckTile(t *testing.T) {
	b := big()
	upper := make(SparseTiles)
	for id, data := range b.tiles {
		if id.Level > 0 || id.Width(bigSize) < TileWidth {
			upper[id] = data
		}
	}
	v := must(VerifyTiles(b.tree.Root(), bigSize, upper))
	for n := range int64(bigSize / 256) {
		id := TileID{0, n}
		if err := v.CheckTile(Tile{id, b.tiles[id]}); err != nil {
			t.Fatal(err)
		}
		if n%100 == 0 {
			bad := memTiles{id: b.tiles[id]}
			flip(bad, id, int(n)*7)
			if err := v.CheckTile(Tile{id, bad[id]}); !errors.Is(err, ErrProof) {
				t.Fatalf("flipped bit in tile %d: %v", n, err)
			}
			if err := v.CheckTile(Tile{TileID{0, n + 1}, b.tiles[id]}); !errors.Is(err, ErrProof) {
				t.Fatalf("tile %d for another: %v", n, err)
			}
		}
	}
	var tile *TileError
	for _, id := range []TileID{{0, bigSize / 256}, {0, 100_000}, {9, 0}} {
		if err := v.CheckTile(Tile{id, b.tiles[TileID{0, 0}]}); !errors.As(err, &tile) {
			t.Errorf("tile %v: %v", id, err)
		}
	}
}

func TestRequiredTilesOrder(t *testing.T) {
	ids := must(RequiredTiles(bigSize, []Index{199_999, 5, 70_000, 5, 70_001}))
	want := []TileID{{0, 0}, {0, 273}, {0, 781}, {1, 0}, {1, 1}, {1, 3}, {2, 0}}
	if !slices.Equal(ids, want) {
		t.Errorf("required %v, want %v", ids, want)
	}
}
