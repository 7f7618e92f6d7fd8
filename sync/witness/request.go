package witness

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fieldseal/sync/ledger"
)

const (
	// MaxProof is the most hashes of a request (C2SP tlog-witness).
	MaxProof = 63
	// MaxRequestBytes is the longest request: the longest checkpoint, 63 hashes
	// of 45 bytes, and the line of the old size.
	MaxRequestBytes = ledger.MaxCheckpointBytes + 4<<10
	// MaxResponseBytes is the longest answer of a witness that is read: a line for
	// every signature that a checkpoint may carry.
	MaxResponseBytes = ledger.MaxCheckpointBytes
	// maxSizeText is the longest text of a size.
	maxSizeText = 32
)

// Content types of answers. That of a size is the protocol's.
const (
	TypeSize = "text/x.tlog.size"
	TypeText = "text/plain; charset=utf-8"
)

var (
	// ErrRequest is wrapped by every error about the form of a request.
	ErrRequest = errors.New("witness: malformed add-checkpoint request")
	// ErrResponse is wrapped by every error about the form of an answer.
	ErrResponse = errors.New("witness: malformed answer to add-checkpoint")
)

// Request asks a witness to cosign a checkpoint.
type Request struct {
	// Old is the size of the checkpoint that the witness cosigned last.
	Old ledger.Size
	// Proof shows that the tree of Old leaves is the beginning of the
	// checkpoint's; RFC 6962, section 2.1.2. Empty when Old is 0 or the same.
	Proof []ledger.Hash
	// Note is the signed checkpoint.
	Note []byte
}

// Marshal gives the body of the request.
func (r *Request) Marshal() []byte {
	var b bytes.Buffer
	b.WriteString("old " + strconv.FormatInt(int64(r.Old), 10) + "\n")
	for _, h := range r.Proof {
		b.WriteString(h.String() + "\n")
	}
	b.WriteByte('\n')
	b.Write(r.Note)
	return b.Bytes()
}

// ParseRequest reads what Marshal gives, exactly, and the form of the checkpoint
// in it. An error wraps ErrRequest. Nothing is verified yet.
func ParseRequest(body []byte) (*Request, ledger.Checkpoint, error) {
	bad := func(format string, args ...any) (*Request, ledger.Checkpoint, error) {
		return nil, ledger.Checkpoint{}, fmt.Errorf("%w: "+format, append([]any{ErrRequest}, args...)...)
	}
	if len(body) > MaxRequestBytes {
		return bad("%d bytes, the limit is %d", len(body), MaxRequestBytes)
	}
	head, note, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return bad("there is no empty line between the proof and the checkpoint")
	}
	lines := strings.SplitN(string(head), "\n", MaxProof+2)
	if len(lines) > MaxProof+1 {
		return bad("more than %d hashes", MaxProof)
	}
	number, ok := strings.CutPrefix(lines[0], "old ")
	if !ok {
		return bad("the first line is %q, not the old size", clip(lines[0]))
	}
	old, err := parseSize(number)
	if err != nil {
		return bad("the old size: %w", err)
	}
	r := &Request{Old: old, Note: note}
	for i, line := range lines[1:] {
		h, err := ledger.ParseHash(line)
		if err != nil {
			return bad("line %d: %q is not the canonical base64 of a hash", i+2, clip(line))
		}
		r.Proof = append(r.Proof, h)
	}
	c, _, err := ledger.ParseUnverifiedCheckpoint(note)
	if err != nil {
		return bad("%w", err)
	}
	if r.Old > c.Size {
		return bad("the old size %d is larger than the checkpoint's, %d", r.Old, c.Size)
	}
	if !bytes.Equal(r.Marshal(), body) {
		return bad("it is not in canonical form")
	}
	return r, c, nil
}

// MarshalCosignatures gives the body of the answer 200.
func MarshalCosignatures(sigs ...ledger.Signature) []byte {
	var b bytes.Buffer
	for _, s := range sigs {
		b.WriteString(s.Line())
	}
	return b.Bytes()
}

// ParseCosignatures reads the body of the answer 200: one or more signature
// lines, in canonical form. An error wraps ErrResponse. Lines by keys that the
// reader does not know are to be ignored.
func ParseCosignatures(body []byte) ([]ledger.Signature, error) {
	if len(body) > MaxResponseBytes {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrResponse, len(body), MaxResponseBytes)
	}
	lines := bytes.SplitAfterN(body, []byte("\n"), ledger.MaxSignatures+1)
	if len(lines) < 2 || len(lines[len(lines)-1]) != 0 {
		return nil, fmt.Errorf("%w: it is not 1 to %d signature lines", ErrResponse, ledger.MaxSignatures)
	}
	sigs := make([]ledger.Signature, 0, len(lines)-1)
	for _, line := range lines[:len(lines)-1] {
		s, err := ledger.ParseSignature(line)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrResponse, err)
		}
		sigs = append(sigs, s)
	}
	return sigs, nil
}

// MarshalSize gives the body of the answer 409.
func MarshalSize(n ledger.Size) []byte { return fmt.Appendf(nil, "%d\n", n) }

// ParseSizeAnswer reads the body of the answer 409: the size that the witness
// cosigned last, and a newline. An error wraps ErrResponse.
func ParseSizeAnswer(body []byte) (ledger.Size, error) {
	text, ok := bytes.CutSuffix(body, []byte("\n"))
	if !ok || len(body) > maxSizeText {
		return 0, fmt.Errorf("%w: %q is not a size and a newline", ErrResponse, clip(string(body)))
	}
	n, err := parseSize(string(text))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrResponse, err)
	}
	return n, nil
}

// parseSize reads a size as strconv writes it.
func parseSize(s string) (ledger.Size, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > int64(ledger.MaxSize) || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%q is not the size of a log in decimal", clip(s))
	}
	return ledger.Size(n), nil
}
