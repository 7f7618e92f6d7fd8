package witness

import (
	"errors"
	"fmt"

	"fieldseal/sync/ledger"

	"golang.org/x/mod/sumdb/note"
)

// The statuses of C2SP tlog-witness, as HTTP numbers them. They stand here so that
// a verifier, which needs no network, is built without any.
const (
	StatusCosigned     = 200
	StatusMalformed    = 400
	StatusUntrusted    = 403 // no trusted key of the log has signed
	StatusUnknownLog   = 404
	StatusConflict     = 409 // not the last cosigned size, or another tree of that size
	StatusInconsistent = 422 // the proof does not hold
)

// Tree is what a witness remembers of a log: the largest tree that it cosigned.
type Tree struct {
	Size ledger.Size
	Root ledger.Hash
}

// Empty is the tree of a log of which nothing was ever cosigned.
func Empty() Tree { return Tree{0, new(ledger.Tree).Root()} }

// Refusal is a request that is not to be cosigned: the answer, and why.
type Refusal struct {
	// Status is the HTTP status of C2SP tlog-witness.
	Status int
	// Known is the tree that the witness cosigned last, for 409 and 422.
	Known Tree
	// Fork says that the log has signed two trees that do not go together, or
	// failed to show that they do: the request is to be kept as evidence.
	Fork   bool
	Reason error
}

func (r *Refusal) Error() string { return r.Reason.Error() }

func (r *Refusal) Unwrap() error { return r.Reason }

// Body is the body of the answer, ContentType what it is.
func (r *Refusal) Body() []byte {
	if r.Status == StatusConflict {
		return MarshalSize(r.Known.Size)
	}
	return []byte(r.Reason.Error() + "\n")
}

// ContentType is that of Body.
func (r *Refusal) ContentType() string {
	if r.Status == StatusConflict {
		return TypeSize
	}
	return TypeText
}

// Submission is a request whose log has signed it.
type Submission struct {
	Request    *Request
	Checkpoint *ledger.SignedCheckpoint
}

// Logs gives the keys that a witness trusts for an origin; none where it does
// not know the log. Every key has the origin as its name.
type Logs map[string][]note.Verifier

// Admit reads a request and checks that it is signed by a log that the witness
// knows. What it does not check is whether the log keeps its word: see Decide.
// The error is a *Refusal: 400, 404 or 403.
func (l Logs) Admit(body []byte) (*Submission, error) {
	r, c, err := ParseRequest(body)
	if err != nil {
		return nil, &Refusal{Status: StatusMalformed, Reason: err}
	}
	keys := l[c.Origin]
	if len(keys) == 0 {
		return nil, &Refusal{Status: StatusUnknownLog, Reason: fmt.Errorf("this witness does not know the log %s", c.Origin)}
	}
	signed, err := ledger.ParseCheckpoint(r.Note, keys...)
	if err != nil {
		return nil, &Refusal{Status: StatusUntrusted, Reason: err}
	}
	return &Submission{r, signed}, nil
}

// Decide says whether a submission goes on from the tree that was cosigned
// last; nil means that it is to be remembered and cosigned, in one atomic step
// with the reading of known. The error is a *Refusal: 409 or 422.
func (s *Submission) Decide(known Tree) error {
	c := s.Checkpoint.Checkpoint
	switch {
	case c.Size == 0 && c.Root != Empty().Root:
		return &Refusal{Status: StatusInconsistent, Known: known, Fork: true,
			Reason: fmt.Errorf("the log %s has signed a root of no entries that is not the empty tree's: %v", c.Origin, c.Root)}
	case s.Request.Old != known.Size:
		return &Refusal{Status: StatusConflict, Known: known,
			Reason: fmt.Errorf("the last cosigned size is %d, the request goes on from %d", known.Size, s.Request.Old)}
	case c.Size == known.Size && c.Root != known.Root:
		return &Refusal{Status: StatusConflict, Known: known, Fork: true,
			Reason: fmt.Errorf("the log %s has signed two trees of %d entries: the root %v was cosigned, now it is %v", c.Origin, c.Size, known.Root, c.Root)}
	}
	err := ledger.VerifyConsistency(known.Size, known.Root, c.Size, c.Root, s.Request.Proof)
	if errors.Is(err, ledger.ErrProof) {
		return &Refusal{Status: StatusInconsistent, Known: known, Fork: known.Size > 0, Reason: err}
	}
	if err != nil { // the sizes are those that ParseRequest let pass
		return &Refusal{Status: StatusMalformed, Known: known, Reason: err}
	}
	return nil
}
