package ledger

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// logOf builds a log of real, different hashes in memory, once per size.
var logOf = func() func(Size) (*Tree, memTiles) {
	type built struct {
		tree  *Tree
		tiles memTiles
	}
	var mu sync.Mutex
	have := make(map[Size]built)
	return func(size Size) (*Tree, memTiles) {
		mu.Lock()
		defer mu.Unlock()
		b, ok := have[size]
		if !ok {
			b.tree, b.tiles = grow(size, 10_000)
			have[size] = b
		}
		return b.tree, b.tiles
	}
}()

// BenchmarkHash is the part of every other figure that is hashing.
func BenchmarkHash(b *testing.B) {
	h := leafHash(1)
	for b.Loop() {
		h = tlog.NodeHash(h, h)
	}
}

// BenchmarkAppend reports the cost of a leaf whose hash is known, in appends of
// 500; ns/leaf less one BenchmarkHash is what is not hashing.
func BenchmarkAppend(b *testing.B) {
	const batch = 500
	leaves := leafHashes(0, batch)
	for _, size := range []Size{10_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			start, _ := logOf(size)
			tree := start
			b.ReportAllocs()
			for b.Loop() {
				if tree, _ = tree.Append(leaves); tree.Size() > 2*size {
					tree = start
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/leaf")
		})
	}
}

// BenchmarkCommit is what one commit of 500 leaves costs in this package:
// leaf hashes, append, root, signature.
func BenchmarkCommit(b *testing.B) {
	tree, _ := logOf(1_000_000)
	k := testKey(b, testOrigin)
	leaf := exampleLeaf()
	hashes := make([]Hash, 500)
	for b.Loop() {
		for i := range hashes {
			leaf.Received++
			hashes[i] = must(leaf.Hash())
		}
		tree, _ = tree.Append(hashes)
		must(Sign(Checkpoint{testOrigin, tree.Size(), tree.Root()}, k))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(hashes)), "ns/leaf")
}

func BenchmarkRoot(b *testing.B) {
	tree, _ := logOf(10_000_000)
	for b.Loop() {
		tree.Root()
	}
}

func BenchmarkLoadTree(b *testing.B) {
	tree, tiles := logOf(10_000_000)
	for b.Loop() {
		must(LoadTree(testContext, tiles, tree.Size()))
	}
}

func BenchmarkProofs(b *testing.B) {
	for _, size := range []Size{1_000_000, 10_000_000} {
		_, tiles := logOf(size)
		rng := rand.New(rand.NewPCG(1, 2))
		any := func() int64 { return rng.Int64N(int64(size)) }
		b.Run(fmt.Sprintf("Inclusion/%d", size), func(b *testing.B) {
			for b.Loop() {
				must(InclusionProof(testContext, tiles, Index(any()), size))
			}
		})
		b.Run(fmt.Sprintf("InclusionAtAnySize/%d", size), func(b *testing.B) {
			for b.Loop() {
				at := Size(any()) + 1
				must(InclusionProof(testContext, tiles, Index(rng.Int64N(int64(at))), at))
			}
		})
		b.Run(fmt.Sprintf("Consistency/%d", size), func(b *testing.B) {
			for b.Loop() {
				must(ConsistencyProof(testContext, tiles, Size(any()), size))
			}
		})
		b.Run(fmt.Sprintf("RootAt/%d", size), func(b *testing.B) {
			for b.Loop() {
				must(RootAt(testContext, tiles, Size(any())))
			}
		})
	}
}

// BenchmarkVerifyTiles authenticates the tiles of a bundle of 100,000 entries:
// all of one log, and spread over the tiles of a log of 10 million.
func BenchmarkVerifyTiles(b *testing.B) {
	const entries = 100_000
	for name, size := range map[string]Size{"whole": entries, "of-10M": 10_000_000} {
		b.Run(name, func(b *testing.B) {
			tree, tiles := logOf(size)
			indices := make([]Index, entries)
			for i := range indices {
				indices[i] = Index(size) - entries + Index(i)
			}
			set := must(CollectTiles(testContext, tiles, size, must(RequiredTiles(size, indices))))
			for b.Loop() {
				v := must(VerifyTiles(tree.Root(), size, set))
				for _, i := range indices {
					must(v.LeafHash(i))
				}
			}
			b.ReportMetric(float64(len(set)), "tiles")
		})
	}
}

func BenchmarkRequiredTiles(b *testing.B) {
	indices := make([]Index, 100_000)
	for i := range indices {
		indices[i] = Index(i * 99)
	}
	for b.Loop() {
		must(RequiredTiles(10_000_000, indices))
	}
}

func BenchmarkParseCheckpoint(b *testing.B) {
	c, k := testCheckpoint(b, 1234)
	text := c.Note()
	for b.Loop() {
		must(ParseCheckpoint(text, k.Verifier()))
	}
}
