package ledger

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"math/rand/v2"
	"testing"
)

// stored yields the leaf hashes of the test logs, with one changed if changed >= 0.
func stored(size Size, changed Index) iter.Seq2[Hash, error] {
	return func(yield func(Hash, error) bool) {
		for i := range int64(size) {
			h := leafHash(i)
			if Index(i) == changed {
				h[7] ^= 1
			}
			if !yield(h, nil) {
				return
			}
		}
	}
}

func TestAuditClean(t *testing.T) {
	b := big()
	for _, size := range []Size{0, 1, 255, 256, 257, 512, 65_535, 65_536, 65_536 + 256, 70_000} {
		_, store := grow(size, 999)
		tree, faults, err := Audit(t.Context(), store, size, stored(size, -1))
		if err != nil || len(faults) != 0 || tree.Root() != b.ref.root(t, size) || tree.Size() != size {
			t.Errorf("size %d: %v %v", size, faults, err)
		}
	}
}

// TestAuditNamesTheFlippedBit flips a bit in every tile in turn.
func TestAuditNamesTheFlippedBit(t *testing.T) {
	const size = 65_536 + 256 + 9
	_, store := grow(size, 999)
	rng := rand.New(rand.NewPCG(3, 4))
	for id, data := range store {
		if id.Level == 0 && id.N%16 != 0 && id.N < 255 {
			continue
		}
		bad := maps.Clone(store)
		flip(bad, id, rng.IntN(len(data)*8))
		_, faults, err := Audit(t.Context(), bad, size, stored(size, -1))
		if err != nil || len(faults) != 1 || faults[0].Tile != id {
			t.Fatalf("tile %v flipped: %v %v", id, faults, err)
		}
	}
}

func TestAuditFaults(t *testing.T) {
	const size = 65_536 + 256 + 9
	_, store := grow(size, 999)
	for name, c := range map[string]struct {
		spoil   func(memTiles)
		changed Index
		at      []TileID
	}{
		"full tile missing":  {func(m memTiles) { delete(m, TileID{0, 100}) }, -1, []TileID{{0, 100}}},
		"edge tile missing":  {func(m memTiles) { delete(m, TileID{2, 0}) }, -1, []TileID{{2, 0}}},
		"edge tile cut":      {func(m memTiles) { m[TileID{0, 257}] = m[TileID{0, 257}][:32] }, -1, []TileID{{0, 257}}},
		"edge tile too wide": {func(m memTiles) { m[TileID{0, 257}] = make([]byte, 320) }, -1, []TileID{{0, 257}}},
		"full tile longer":   {func(m memTiles) { m[TileID{0, 9}] = append(bytes.Clone(m[TileID{0, 9}]), make([]byte, 32)...) }, -1, []TileID{{0, 9}}},
		"edge tile longer":   {func(m memTiles) { m[TileID{0, 257}] = append(bytes.Clone(m[TileID{0, 257}]), 0) }, -1, []TileID{{0, 257}}},
		"full tile empty":    {func(m memTiles) { m[TileID{1, 0}] = nil }, -1, []TileID{{1, 0}}},
		"a tile too many":    {func(m memTiles) { m[TileID{0, 258}] = make([]byte, 32) }, -1, []TileID{{0, 258}}},
		"a level too many":   {func(m memTiles) { m[TileID{3, 0}] = make([]byte, 32) }, -1, []TileID{{3, 0}}},
		// A changed leaf shows in its tile and in every entry above it.
		"leaf changed": {func(memTiles) {}, 300, []TileID{{0, 1}, {1, 0}, {2, 0}}},
	} {
		bad := maps.Clone(store)
		c.spoil(bad)
		_, faults, err := Audit(t.Context(), bad, size, stored(size, c.changed))
		if err != nil || len(faults) != len(c.at) {
			t.Errorf("%s: %v %v", name, faults, err)
			continue
		}
		for i, f := range faults {
			if f.Tile != c.at[i] {
				t.Errorf("%s: fault %d is %v", name, i, f)
			}
		}
	}
	if _, faults, err := Audit(t.Context(), memTiles{}, size, stored(size, -1)); err != nil || len(faults) != maxFaults {
		t.Errorf("no tile at all: %d faults, %v", len(faults), err)
	}
}

func TestAuditCannot(t *testing.T) {
	_, store := grow(1000, 1000)
	disk := errors.New("disk on fire")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		from   TileReader
		size   Size
		leaves iter.Seq2[Hash, error]
		want   error
	}{
		"negative size":   {t.Context(), store, -1, stored(0, -1), ErrOutOfRange},
		"too few leaves":  {t.Context(), store, 1000, stored(999, -1), ErrOutOfRange},
		"too many leaves": {t.Context(), store, 1000, stored(1001, -1), ErrOutOfRange},
		"failing tile":    {t.Context(), failing{disk}, 1000, stored(1000, -1), disk},
		"failing leaf":    {t.Context(), store, 1000, func(yield func(Hash, error) bool) { yield(Hash{}, disk) }, disk},
		"cancelled":       {ctx, store, 1000, stored(1000, -1), context.Canceled},
	} {
		tree, _, err := Audit(c.ctx, c.from, c.size, c.leaves)
		if tree != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
