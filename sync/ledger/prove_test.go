package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func slicesOf(hashes []Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

// checkInclusion proves one entry from the tiles and asks three verifiers.
func checkInclusion(t tester, store TileReader, ref reference, index Index, size Size, root Hash) {
	t.Helper()
	got, err := InclusionProof(context.Background(), store, index, size)
	if err != nil {
		t.Fatal(err)
	}
	want, err := tlog.ProveRecord(int64(size), int64(index), ref)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("entry %d of %d: proof differs from the reference, %v", index, size, err)
	}
	leaf := leafHash(int64(index))
	prover := NewProver(context.Background(), store, size)
	for _, other := range []Index{index, Index(int64(size)-1) - index, index} { // what was kept of another tile must not show
		have, path, err := prover.Inclusion(other)
		if err != nil || have != leafHash(int64(other)) || other == index && !slices.Equal(path, got) {
			t.Fatalf("entry %d of %d, with others: leaf %v, path of %d, %v", other, size, have, len(path), err)
		}
	}
	if err := VerifyInclusion(leaf, index, size, root, got); err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), leaf[:], slicesOf(got), root[:]); err != nil {
		t.Fatalf("entry %d of %d: the second verifier: %v", index, size, err)
	}
}

func checkConsistency(t tester, store TileReader, ref reference, old, new Size, oldRoot, newRoot Hash) {
	t.Helper()
	got, err := ConsistencyProof(context.Background(), store, old, new)
	if err != nil {
		t.Fatal(err)
	}
	if old > 0 {
		want, err := tlog.ProveTree(int64(new), int64(old), ref)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d to %d: proof differs from the reference, %v", old, new, err)
		}
	}
	if err := VerifyConsistency(old, oldRoot, new, newRoot, got); err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old), uint64(new), slicesOf(got), oldRoot[:], newRoot[:]); err != nil {
		t.Fatalf("%d to %d: the second verifier: %v", old, new, err)
	}
}

// TestProofsAtEverySize proves at every size up to 1100, from the tiles of the
// largest, so that every historical width of the right-most tiles occurs.
func TestProofsAtEverySize(t *testing.T) {
	const most = 1100
	b := big()
	_, store := grow(most, 97)
	roots := make([]Hash, most+1)
	for size := range Size(most + 1) {
		roots[size] = b.ref.root(t, size)
		if got, err := RootAt(t.Context(), store, size); err != nil || got != roots[size] {
			t.Fatalf("root at %d: %v, %v", size, got, err)
		}
		// All entries of small trees; of the others the ends, the tile
		// boundaries and a spread that moves with the size.
		for i := Size(0); i < size; i++ {
			if size <= 70 || i%256 < 2 || i%256 > 253 || i > size-4 || (i+size)%61 == 0 {
				checkInclusion(t, store, b.ref, Index(i), size, roots[size])
			}
		}
		for old := range size + 1 {
			if size <= 70 || old%256 < 2 || old%256 > 253 || old > size-4 || (old+size)%61 == 0 {
				checkConsistency(t, store, b.ref, old, size, roots[old], roots[size])
			}
		}
	}
}

func TestProofsOfRandomSizes(t *testing.T) {
	b := big()
	rapid.Check(t, func(t *rapid.T) {
		size := Size(rapid.Int64Range(1, bigSize).Draw(t, "size"))
		old := Size(rapid.Int64Range(0, int64(size)).Draw(t, "old"))
		index := Index(rapid.Int64Range(0, int64(size)-1).Draw(t, "index"))
		root := must(RootAt(context.Background(), b.tiles, size))
		if root != b.ref.root(t, size) {
			t.Fatalf("root at %d differs", size)
		}
		checkInclusion(t, b.tiles, b.ref, index, size, root)
		checkConsistency(t, b.tiles, b.ref, old, size, b.ref.root(t, old), root)
	})
}

// xmodTiles serves our stored tiles to x/mod under their published paths, cut
// to the width that x/mod asks for.
type xmodTiles struct {
	published map[string][]byte
	asked     int
}

func (x *xmodTiles) Height() int { return TileHeight }

func (x *xmodTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		x.asked++
		data, ok := x.published[strings.Replace(t.Path(), "tile/8/", "tile/", 1)]
		if !ok {
			return nil, fmt.Errorf("%s is not published", t.Path())
		}
		out = append(out, data)
	}
	return out, nil
}

func (x *xmodTiles) SaveTiles([]tlog.Tile, [][]byte) {}

// TestIndependentTileReader: x/mod's own reader, which authenticates what it
// reads, finds the right root and proofs in our tiles, given by C2SP path.
func TestIndependentTileReader(t *testing.T) {
	b := big()
	for _, size := range []Size{1, 2, 255, 256, 257, 1000, 65_535, 65_536, 65_537, 70_000, 131_072, bigSize} {
		x := &xmodTiles{published: make(map[string][]byte)}
		for id, data := range b.tiles {
			if w := id.Width(size); w > 0 {
				x.published[id.Path(w)] = data[:w*HashSize]
			}
		}
		root := must(RootAt(t.Context(), b.tiles, size))
		r := tlog.TileHashReader(tlog.Tree{N: int64(size), Hash: root}, x)
		if got, err := tlog.TreeHash(int64(size), r); err != nil || got != root {
			t.Fatalf("size %d: root %v, %v", size, got, err)
		}
		for _, index := range []int64{0, int64(size) / 3, int64(size) - 1} {
			p, err := tlog.ProveRecord(int64(size), index, r)
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyInclusion(leafHash(index), Index(index), size, root, p); err != nil {
				t.Fatal(err)
			}
		}
		if x.asked == 0 {
			t.Fatal("no tile was read")
		}
		// The same with one bit wrong in the right-most tile is refused there.
		last := EdgeTiles(size)[0]
		path := last.Path(last.Width(size))
		m := memTiles{last: x.published[path]}
		flip(m, last, 5)
		x.published[path] = m[last]
		if _, err := tlog.TreeHash(int64(size), tlog.TileHashReader(tlog.Tree{N: int64(size), Hash: root}, x)); err == nil {
			t.Fatalf("size %d: x/mod accepts a flipped bit", size)
		}
	}
}

func TestProofsRefused(t *testing.T) {
	b := big()
	ctx := t.Context()
	for _, c := range []struct{ index, size int64 }{{-1, 5}, {5, 5}, {0, 0}, {0, -1}, {0, int64(MaxSize) + 1}} {
		if _, _, err := NewProver(ctx, b.tiles, Size(c.size)).Inclusion(Index(c.index)); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("entry %d of %d: %v", c.index, c.size, err)
		}
		if _, err := InclusionProof(ctx, b.tiles, Index(c.index), Size(c.size)); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("inclusion %v: %v", c, err)
		}
		if err := VerifyInclusion(Hash{}, Index(c.index), Size(c.size), Hash{}, nil); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("verify inclusion %v: %v", c, err)
		}
	}
	for _, c := range []struct{ old, new int64 }{{-1, 5}, {6, 5}, {0, -1}, {0, int64(MaxSize) + 1}} {
		if _, err := ConsistencyProof(ctx, b.tiles, Size(c.old), Size(c.new)); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("consistency %v: %v", c, err)
		}
		if err := VerifyConsistency(Size(c.old), Hash{}, Size(c.new), Hash{}, nil); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("verify consistency %v: %v", c, err)
		}
	}
	// A size that the store does not reach is refused, not guessed.
	var tile *TileError
	if _, err := RootAt(ctx, b.tiles, bigSize+1); !errors.As(err, &tile) {
		t.Errorf("root beyond the log: %v", err)
	}
	if _, err := RootAt(ctx, b.tiles, MaxSize); !errors.Is(err, ErrNoTile) {
		t.Errorf("root at MaxSize: %v", err)
	}
	if _, err := RootAt(ctx, memTiles{}, 1); !errors.Is(err, ErrNoTile) {
		t.Errorf("no tiles: %v", err)
	}
	if _, err := RootAt(ctx, memTiles{TileID{0, 0}: make([]byte, 33)}, 1); !errors.As(err, &tile) {
		t.Errorf("odd tile: %v", err)
	}
	cancelled := errors.New("cancelled")
	if _, err := InclusionProof(ctx, failing{cancelled}, 0, 2); !errors.Is(err, cancelled) {
		t.Errorf("failing read: %v", err)
	}
	// tlog never asks for a subtree that the size does not have; one is refused.
	if _, err := newHashReader(ctx, b.tiles, 300).ReadHashes([]int64{tlog.StoredHashIndex(1, 150)}); !errors.As(err, &tile) {
		t.Errorf("a subtree that is not there: %v", err)
	}
	empty := Hash(sha256.Sum256(nil))
	if err := VerifyConsistency(0, empty, 0, Hash{1}, nil); !errors.Is(err, ErrProof) {
		t.Errorf("two empty trees with two roots: %v", err)
	}
	if err := VerifyConsistency(0, Hash{1}, 5, Hash{1}, nil); !errors.Is(err, ErrProof) {
		t.Errorf("an empty tree with another root: %v", err)
	}
	if err := VerifyConsistency(0, empty, 5, Hash{1}, []Hash{{}}); !errors.Is(err, ErrProof) {
		t.Errorf("a proof where none is needed: %v", err)
	}
}

// TestProofMutations: a proof with any hash changed, missing, added or moved,
// or used for another entry, size or root, does not verify.
func TestProofMutations(t *testing.T) {
	b := big()
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		size := Size(rapid.Int64Range(2, bigSize).Draw(t, "size"))
		index := Index(rapid.Int64Range(0, int64(size)-1).Draw(t, "index"))
		p := must(InclusionProof(ctx, b.tiles, index, size))
		root := must(RootAt(ctx, b.tiles, size))
		leaf := leafHash(int64(index))
		at := rapid.IntRange(0, len(p)-1).Draw(t, "at")
		refused := func(what string, leaf Hash, index Index, size Size, root Hash, p []Hash) {
			if err := VerifyInclusion(leaf, index, size, root, p); err == nil {
				t.Fatalf("%s: accepted", what)
			}
		}
		changed := slices.Clone(p)
		changed[at][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		refused("changed hash", leaf, index, size, root, changed)
		refused("missing hash", leaf, index, size, root, slices.Delete(slices.Clone(p), at, at+1))
		refused("added hash", leaf, index, size, root, slices.Insert(slices.Clone(p), at, Hash{}))
		refused("added at the end", leaf, index, size, root, append(slices.Clone(p), Hash{}))
		other := Index(rapid.Int64Range(0, int64(size)-1).Draw(t, "other"))
		if other != index {
			refused("another entry", leaf, other, size, root, p)
			refused("another leaf", leafHash(int64(other)), index, size, root, p)
		}
		refused("another root", leaf, index, size, leaf, p)
	})
}

func TestConsistencyMutations(t *testing.T) {
	b := big()
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		new := Size(rapid.Int64Range(2, bigSize).Draw(t, "new"))
		old := Size(rapid.Int64Range(1, int64(new)-1).Draw(t, "old"))
		p := must(ConsistencyProof(ctx, b.tiles, old, new))
		r1, r2 := must(RootAt(ctx, b.tiles, old)), must(RootAt(ctx, b.tiles, new))
		at := rapid.IntRange(0, len(p)-1).Draw(t, "at")
		refused := func(what string, old Size, r1 Hash, new Size, r2 Hash, p []Hash) {
			if err := VerifyConsistency(old, r1, new, r2, p); err == nil {
				t.Fatalf("%s: accepted", what)
			}
		}
		changed := slices.Clone(p)
		changed[at][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		refused("changed hash", old, r1, new, r2, changed)
		refused("missing hash", old, r1, new, r2, slices.Delete(slices.Clone(p), at, at+1))
		refused("added hash", old, r1, new, r2, append(slices.Clone(p), Hash{}))
		refused("roots swapped", old, r2, new, r1, p)
		refused("another old root", old, r2, new, r2, p)
		refused("another old size", old+1, r1, new, r2, p)
	})
}

func TestTileCache(t *testing.T) {
	b := big()
	counted := &countingReader{from: b.tiles, reads: make(map[TileID]int)}
	c := NewTileCache(counted, 4)
	ctx := t.Context()
	for range 3 {
		for _, index := range []Index{0, 70_000, bigSize - 1} {
			p := must(InclusionProof(ctx, c, index, bigSize))
			if err := VerifyInclusion(leafHash(int64(index)), index, bigSize, b.tree.Root(), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := counted.reads[TileID{1, 0}]; n != 1 {
		t.Errorf("a full tile was read %d times", n)
	}
	if n := counted.reads[TileID{0, bigSize / 256}]; n < 3 {
		t.Errorf("a partial tile was read %d times: it must not be cached", n)
	}
	for n := range int64(100) {
		if _, err := c.ReadTile(ctx, 0, n); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.byID) != 4 || c.used.Len() != 4 {
		t.Errorf("the cache holds %d and %d tiles, the limit is 4", len(c.byID), c.used.Len())
	}
	if _, err := c.ReadTile(ctx, 5, 0); !errors.Is(err, ErrNoTile) {
		t.Errorf("missing tile: %v", err)
	}
	none := NewTileCache(b.tiles, 0)
	if _, err := none.ReadTile(ctx, 0, 0); err != nil || len(none.byID) != 0 {
		t.Errorf("a cache of nothing holds %d, %v", len(none.byID), err)
	}
}

type countingReader struct {
	from  TileReader
	reads map[TileID]int
}

func (c *countingReader) ReadTile(ctx context.Context, level, n int64) ([]byte, error) {
	c.reads[TileID{level, n}]++
	return c.from.ReadTile(ctx, level, n)
}
