// Package witnesstest has logs for the tests of witnesses: small, whole in
// memory, and willing to prove or to fork whatever a test wants.
package witnesstest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"

	"fieldseal/sync/ledger"
)

// Log is a log that keeps all its tiles.
type Log struct {
	Key   *ledger.Key
	tree  *ledger.Tree
	tiles tiles
}

type tiles map[ledger.TileID][]byte

// ReadTile implements ledger.TileReader.
func (t tiles) ReadTile(_ context.Context, level, n int64) ([]byte, error) {
	if data, ok := t[ledger.TileID{Level: level, N: n}]; ok {
		return data, nil
	}
	return nil, ledger.ErrNoTile
}

// Seed is a seed for a key that follows from a name.
func Seed(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

// New makes a log of n leaves. Logs of one salt are beginnings of each other,
// those of two salts are two histories.
func New(origin string, n int, salt string) *Log {
	key, err := ledger.NewKey(origin, Seed(origin))
	if err != nil {
		panic(err)
	}
	l := &Log{key, new(ledger.Tree), tiles{}}
	l.Grow(n, salt)
	return l
}

// Grow appends n leaves.
func (l *Log) Grow(n int, salt string) {
	hashes := make([]ledger.Hash, n)
	for i := range hashes {
		hashes[i] = sha256.Sum256(fmt.Appendf(nil, "%s %d", salt, int(l.tree.Size())+i))
	}
	next, changed := l.tree.Append(hashes)
	for _, t := range changed {
		l.tiles[t.TileID] = t.Data
	}
	l.tree = next
}

// Fork is a copy that goes its own way from here.
func (l *Log) Fork() *Log {
	return &Log{l.Key, l.tree, maps.Clone(l.tiles)}
}

// Size is the number of leaves, Root the root over them.
func (l *Log) Size() ledger.Size { return l.tree.Size() }

// Root is that of the tree.
func (l *Log) Root() ledger.Hash { return l.tree.Root() }

// Checkpoint signs the tree as it is.
func (l *Log) Checkpoint() *ledger.SignedCheckpoint {
	c, err := ledger.Sign(ledger.Checkpoint{Origin: l.Key.Name(), Size: l.Size(), Root: l.Root()}, l.Key)
	if err != nil {
		panic(err)
	}
	return c
}

// Proof shows that the tree of old leaves is the beginning of this one.
func (l *Log) Proof(old ledger.Size) []ledger.Hash {
	proof, err := ledger.ConsistencyProof(context.Background(), l.tiles, old, l.Size())
	if err != nil {
		panic(err)
	}
	return proof
}
