package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrProof is wrapped by the error for a proof that does not lead to the root.
var ErrProof = errors.New("ledger: the proof does not hold")

// MaxProofHashes is the longest inclusion proof: one hash a level of a MaxSize tree.
const MaxProofHashes = TileHeight * MaxLevels

// maxConsistencyHashes: a consistency proof has one more at most, the subtree where the two trees part.
const maxConsistencyHashes = MaxProofHashes + 1

// RootAt computes the root that the log had at a size, from tiles of that size
// or of any later one.
func RootAt(ctx context.Context, r TileReader, size Size) (Hash, error) {
	if err := checkSize(size); err != nil {
		return Hash{}, err
	}
	return tlog.TreeHash(int64(size), newHashReader(ctx, r, size))
}

// InclusionProof computes the RFC 6962 audit path of the leaf at index in the
// tree of the given size, from the leaf's sibling up.
func InclusionProof(ctx context.Context, r TileReader, index Index, size Size) ([]Hash, error) {
	if err := checkIndex(index, size); err != nil {
		return nil, err
	}
	return tlog.ProveRecord(int64(size), int64(index), newHashReader(ctx, r, size))
}

// Prover proves many entries of the tree of one size, best in order of their
// indexes: what one proof has read and computed of a tile serves the next. It
// holds one tile of each level and is used by one goroutine.
type Prover struct {
	h *hashReader
	n int64 // of the lowest tile that is held; -1 for none
}

// NewProver makes a prover. It does no I/O.
func NewProver(ctx context.Context, r TileReader, size Size) *Prover {
	p := &Prover{newHashReader(ctx, r, size), -1}
	p.h.known = map[int64]Hash{}
	return p
}

// Inclusion computes the RFC 6962 audit path of the leaf at index, and gives the
// hash that the tree has for the leaf itself.
func (p *Prover) Inclusion(index Index) (leaf Hash, path []Hash, err error) {
	if err := checkIndex(index, p.h.size); err != nil {
		return leaf, nil, err
	}
	if n := int64(index) >> TileHeight; n != p.n {
		clear(p.h.read)
		clear(p.h.known)
		p.n = n
	}
	own, err := p.h.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(index))})
	if err != nil {
		return leaf, nil, err
	}
	path, err = tlog.ProveRecord(int64(p.h.size), int64(index), p.h)
	return own[0], path, err
}

// ConsistencyProof computes the RFC 6962 proof that the tree of size old is the
// beginning of the tree of size new. It is empty when old is 0 or equals new.
func ConsistencyProof(ctx context.Context, r TileReader, old, new Size) ([]Hash, error) {
	if err := checkSizes(old, new); err != nil {
		return nil, err
	}
	if old == 0 {
		return nil, nil
	}
	return tlog.ProveTree(int64(new), int64(old), newHashReader(ctx, r, new))
}

// VerifyInclusion reports, by nil, that proof leads from the leaf hash at index
// to the root of the tree of the given size; otherwise the error wraps ErrProof
// or ErrOutOfRange. Size and root must come from one signed checkpoint.
func VerifyInclusion(leaf Hash, index Index, size Size, root Hash, proof []Hash) error {
	if err := checkIndex(index, size); err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, int64(size), root, int64(index), leaf); err != nil {
		return fmt.Errorf("%w: the leaf is not entry %d of the tree of %d with root %v", ErrProof, index, size, root)
	}
	return nil
}

// VerifyConsistency reports, by nil, that proof shows the tree (old, oldRoot)
// to be the beginning of (new, newRoot); otherwise the error wraps ErrProof or
// ErrOutOfRange. Each size and its root must come from one signed checkpoint:
// the proof does not bind sizes to roots.
func VerifyConsistency(old Size, oldRoot Hash, new Size, newRoot Hash, proof []Hash) error {
	if err := checkSizes(old, new); err != nil {
		return err
	}
	var ok bool
	switch old {
	case 0:
		ok = len(proof) == 0 && oldRoot == sha256.Sum256(nil) && (new != 0 || newRoot == oldRoot)
	default:
		ok = tlog.CheckTree(proof, int64(new), newRoot, int64(old), oldRoot) == nil
	}
	if !ok {
		return fmt.Errorf("%w: the tree of %d with root %v is not shown to begin the tree of %d with root %v",
			ErrProof, old, oldRoot, new, newRoot)
	}
	return nil
}

func checkIndex(index Index, size Size) error {
	if err := checkSize(size); err != nil {
		return err
	}
	if index < 0 || int64(index) >= int64(size) {
		return fmt.Errorf("%w: there is no entry %d in a tree of %d leaves", ErrOutOfRange, index, size)
	}
	return nil
}

func checkSizes(old, new Size) error {
	if err := checkSize(new); err != nil {
		return err
	}
	if old < 0 || old > new {
		return fmt.Errorf("%w: a tree of %d leaves is not the beginning of one of %d", ErrOutOfRange, old, new)
	}
	return nil
}

// hashReader answers tlog's questions about perfect subtrees of a tree of the
// given size. It lives for one computation and reads each tile once.
type hashReader struct {
	ctx  context.Context
	from TileReader
	size Size
	read map[TileID][]byte
	// known has the roots of subtrees that were computed, by tlog's index; nil where
	// nothing is kept.
	known map[int64]Hash
}

func newHashReader(ctx context.Context, r TileReader, size Size) *hashReader {
	return &hashReader{ctx: ctx, from: r, size: size, read: make(map[TileID][]byte, 2*MaxLevels)}
}

// ReadHashes implements tlog.HashReader.
func (h *hashReader) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		// The subtree's leaves are 1<<above entries of its tile, from first on.
		above := level % TileHeight
		first := n << above
		id := TileID{int64(level / TileHeight), first >> TileHeight}
		from := int(first & (TileWidth - 1))
		data, err := h.tile(id)
		if err != nil {
			return nil, err
		}
		if from+1<<above > len(data)/HashSize {
			return nil, &TileError{id, "has no such subtree at this size", ErrOutOfRange}
		}
		out[i] = h.root(level, n, data[from*HashSize:(from+1<<above)*HashSize])
	}
	return out, nil
}

// root is the root of the perfect subtree number n of a level, whose hashes are data.
func (h *hashReader) root(level int, n int64, data []byte) Hash {
	if h.known == nil || len(data) == HashSize {
		return subtreeRoot(data)
	}
	x := tlog.StoredHashIndex(level, n)
	if r, ok := h.known[x]; ok {
		return r
	}
	r := tlog.NodeHash(h.root(level-1, 2*n, data[:len(data)/2]), h.root(level-1, 2*n+1, data[len(data)/2:]))
	h.known[x] = r
	return r
}

func (h *hashReader) tile(id TileID) ([]byte, error) {
	if data, ok := h.read[id]; ok {
		return data, nil
	}
	data, err := readTile(h.ctx, h.from, id, id.Width(h.size))
	if err == nil {
		h.read[id] = data
	}
	return data, err
}
