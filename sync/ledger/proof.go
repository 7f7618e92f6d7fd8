package ledger

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
)

const (
	// MaxProofBytes is the longest proof file: the longest checkpoint, the
	// hashes, and MaxExtra.
	MaxProofBytes = MaxCheckpointBytes + 16<<10
	// MaxExtra is the longest extra data of a proof in bytes; ours is a leaf.
	MaxExtra = 4 << 10
)

// ErrProofFile is wrapped by every error about the form of a proof file.
var ErrProofFile = errors.New("ledger: malformed proof file")

// Proof is a C2SP tlog-proof (file extension .tlog-proof): it shows, without
// us, that an entry is in the log that signed the checkpoint.
type Proof struct {
	Index  Index
	Hashes []Hash // from the leaf's sibling up, at most MaxProofHashes
	// Extra is the marshalled leaf in the proofs that we write, so that the
	// reader can see what was logged and when; nil when there is none. Nothing
	// vouches for it but VerifyLeaf.
	Extra []byte
	// Note is the signed checkpoint.
	Note []byte
}

// NewProof makes the proof that leaf is entry index of the log at c.
func NewProof(leaf Leaf, index Index, hashes []Hash, c *SignedCheckpoint) (*Proof, error) {
	h, err := leaf.Hash()
	if err != nil {
		return nil, err
	}
	if err := VerifyInclusion(h, index, c.Size, c.Root, hashes); err != nil {
		return nil, err
	}
	extra, err := leaf.Marshal()
	if err != nil {
		return nil, err
	}
	return &Proof{Index: index, Hashes: hashes, Extra: extra, Note: c.Note()}, nil
}

// Marshal gives the file. It is what ParseProof takes if p came from there or from NewProof.
func (p *Proof) Marshal() []byte {
	hashes := make([][HashSize]byte, len(p.Hashes))
	for i, h := range p.Hashes {
		hashes[i] = h
	}
	return proof.TLogProof{Index: uint64(p.Index), Hashes: hashes, ExtraData: p.Extra, Checkpoint: p.Note}.Marshal()
}

// ParseProof reads a proof file and the form of the checkpoint in it; an error
// wraps ErrProofFile. It is canonical: what is accepted is byte for byte what
// Marshal gives. Nothing is verified yet.
func ParseProof(data []byte) (*Proof, error) {
	bad := func(format string, args ...any) (*Proof, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{ErrProofFile}, args...)...)
	}
	if len(data) > MaxProofBytes {
		return bad("%d bytes, the limit is %d", len(data), MaxProofBytes)
	}
	var t proof.TLogProof
	if err := t.Unmarshal(data); err != nil {
		return bad("%w", err)
	}
	switch {
	case t.Index >= uint64(MaxSize):
		return bad("entry %d is beyond the largest tree", t.Index)
	case len(t.Hashes) > MaxProofHashes:
		return bad("%d hashes, the limit is %d", len(t.Hashes), MaxProofHashes)
	case t.ExtraData != nil && len(t.ExtraData) == 0 || len(t.ExtraData) > MaxExtra:
		return bad("extra data of %d bytes, want 1 to %d or no such line", len(t.ExtraData), MaxExtra)
	}
	p := &Proof{Index: Index(t.Index), Hashes: make([]Hash, len(t.Hashes)), Extra: t.ExtraData, Note: t.Checkpoint}
	for i, h := range t.Hashes {
		p.Hashes[i] = h
	}
	if !bytes.Equal(p.Marshal(), data) {
		return bad("it is not in canonical form")
	}
	if _, _, err := ParseUnverifiedCheckpoint(p.Note); err != nil {
		return bad("%w", err)
	}
	return p, nil
}

// Verify checks the checkpoint's signatures as ParseCheckpoint does, and that
// the leaf with the given hash is the entry. It gives the checkpoint that then
// vouches for it.
func (p *Proof) Verify(leaf Hash, verifiers ...note.Verifier) (*SignedCheckpoint, error) {
	c, err := ParseCheckpoint(p.Note, verifiers...)
	if err != nil {
		return nil, err
	}
	if err := VerifyInclusion(leaf, p.Index, c.Size, c.Root, p.Hashes); err != nil {
		return nil, err
	}
	return c, nil
}

// VerifyLeaf is Verify for the leaf that the proof carries as extra data. The
// leaf that it gives is proven; whose event it is, the caller compares.
func (p *Proof) VerifyLeaf(verifiers ...note.Verifier) (Leaf, *SignedCheckpoint, error) {
	leaf, err := ParseLeaf(p.Extra)
	if err != nil {
		return Leaf{}, nil, fmt.Errorf("%w: the extra data: %w", ErrProofFile, err)
	}
	h, err := leaf.Hash()
	if err != nil {
		return Leaf{}, nil, err
	}
	c, err := p.Verify(h, verifiers...)
	if err != nil {
		return Leaf{}, nil, err
	}
	return leaf, c, nil
}
