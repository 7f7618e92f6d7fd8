package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// memTiles is a store of tiles in memory.
type memTiles map[TileID][]byte

func (m memTiles) ReadTile(_ context.Context, level, n int64) ([]byte, error) {
	if data, ok := m[TileID{level, n}]; ok {
		return data, nil
	}
	return nil, ErrNoTile
}

func (m memTiles) write(tiles []Tile) {
	for _, t := range tiles {
		m[t.TileID] = t.Data
	}
}

func leafHash(i int64) Hash {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	return tlog.RecordHash(b[:])
}

func leafHashes(from, to Size) []Hash {
	out := make([]Hash, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, leafHash(int64(i)))
	}
	return out
}

// grow builds a log of the given size, in appends of the given number of leaves.
func grow(size Size, step Size) (*Tree, memTiles) {
	tree, store := new(Tree), make(memTiles)
	for tree.Size() < size {
		var changed []Tile
		tree, changed = tree.Append(leafHashes(tree.Size(), min(size, tree.Size()+step)))
		store.write(changed)
	}
	return tree, store
}

// reference is the log as x/mod's tlog stores it, one hash after another.
type reference []tlog.Hash

func (r reference) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = r[x]
	}
	return out, nil
}

func (r *reference) add(n int64) {
	*r = append(*r, must(tlog.StoredHashesForRecordHash(n, leafHash(n), r))...)
}

func (r reference) root(t tester, size Size) Hash {
	h, err := tlog.TreeHash(int64(size), r)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// bigSize is the largest tree that the tests compare with the reference.
const bigSize = 200_000

// big gives a tree of bigSize leaves with its reference, built once.
var big = sync.OnceValue(func() (b struct {
	tree  *Tree
	tiles memTiles
	ref   reference
}) {
	b.tree, b.tiles = grow(bigSize, 777)
	for n := range int64(bigSize) {
		b.ref.add(n)
	}
	return b
})

// tester is a *testing.T, a *testing.B or a *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func testSeed(name string) []byte {
	s := sha256.Sum256([]byte(name))
	return s[:]
}

func testKey(t testing.TB, origin string) *Key {
	k, err := NewKey(origin, testSeed(origin))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// testContext is for the helpers that a *rapid.T calls; the stores of the tests
// are in memory and do not wait.
var testContext = context.Background()
