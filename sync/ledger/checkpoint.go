package ledger

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

const (
	// MaxOrigin is the longest origin in bytes: cosignature formats give its
	// length one byte.
	MaxOrigin = 255
	// MaxSignatures is the most signature lines of a checkpoint: the log, every
	// witness anyone would run, and keys that overlap in a rotation. Signed
	// notes must allow 16.
	MaxSignatures = 32
	// MaxCheckpointBytes is the longest checkpoint: 16 signatures of nearly 5 kB,
	// the largest that signed notes foresee, and the text.
	MaxCheckpointBytes = 128 << 10
)

var (
	// ErrCheckpoint is wrapped by every error about a checkpoint's form.
	ErrCheckpoint = errors.New("ledger: malformed checkpoint")
	// ErrOrigin is wrapped by every error about an origin, also that of a key.
	ErrOrigin = errors.New("not the origin of a log")
	// ErrExtension is wrapped, beside ErrCheckpoint, when a checkpoint carries
	// extension lines. fieldseal's logs never write any, nobody audits them, and
	// not every kind of cosignature covers them: they are refused.
	ErrExtension = errors.New("extension lines are not accepted")
	// ErrDuplicateSignature is wrapped, beside ErrCheckpoint, when two signature
	// lines name the same key.
	ErrDuplicateSignature = errors.New("two signatures by one key")
	// ErrUnsigned is wrapped when none of the given keys of the log has signed.
	ErrUnsigned = errors.New("ledger: the checkpoint is not signed by a known key of its log")
)

// SignatureError names a key that is known and whose signature is wrong.
type SignatureError struct {
	Name    string
	KeyHash uint32
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("ledger: the checkpoint's signature by %s+%08x is wrong: the text or the signature was changed", e.Name, e.KeyHash)
}

// Checkpoint is what a log states: it has Size leaves and their tree has Root.
type Checkpoint struct {
	// Origin names the log, for ever; it is also the name of its key. 1 to
	// MaxOrigin bytes of printable UTF-8 without spaces and '+'.
	Origin string
	Size   Size
	Root   Hash
}

// Text is the note text: the three lines that are signed.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(int64(c.Size), 10) + "\n" + c.Root.String() + "\n"
}

// ValidOrigin says in an error that wraps ErrOrigin why s cannot be an
// origin. Letters that print nothing are refused because two logs must not look
// alike in a report.
func ValidOrigin(s string) error {
	ok := s != "" && len(s) <= MaxOrigin && utf8.ValidString(s) && !strings.Contains(s, "+")
	for _, r := range s {
		ok = ok && unicode.IsPrint(r) && !unicode.IsSpace(r)
	}
	if !ok {
		return fmt.Errorf("%w: %q is not 1 to %d bytes of printable text without space and +", ErrOrigin, clip(s), MaxOrigin)
	}
	return nil
}

// Signature is one signature line of a checkpoint: by the log, or a cosignature
// of a witness. Sig is the signature without the key hash before it; its
// meaning is the key's matter.
type Signature struct {
	Name    string
	KeyHash uint32
	Sig     []byte
}

// sigPrefix begins a signature line: em dash, space.
const sigPrefix = "— "

// minSig is the least length of a signature with its key hash.
const minSig = 5

// Line is the signature line, with its newline.
func (s Signature) Line() string {
	raw := append(binary.BigEndian.AppendUint32(nil, s.KeyHash), s.Sig...)
	return sigPrefix + s.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
}

func (s Signature) by(name string, hash uint32) bool { return s.Name == name && s.KeyHash == hash }

// ParseSignature reads one signature line with its newline, as a witness
// returns it; an error wraps ErrCheckpoint.
func ParseSignature(line []byte) (Signature, error) {
	bad := func() (Signature, error) {
		return Signature{}, fmt.Errorf("%w: %q is not a signature line", ErrCheckpoint, clip(string(line)))
	}
	if len(line) > MaxCheckpointBytes {
		return bad()
	}
	body, ok := strings.CutPrefix(string(line), sigPrefix)
	name, b64, _ := strings.Cut(body, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(b64, "\n"))
	if !ok || err != nil || len(raw) < minSig || !validName(name) {
		return bad()
	}
	s := Signature{Name: name, KeyHash: binary.BigEndian.Uint32(raw), Sig: raw[4:]}
	if s.Line() != string(line) {
		return bad()
	}
	return s, nil
}

// validName is the rule of signed notes for any key's name.
func validName(s string) bool {
	ok := s != "" && utf8.ValidString(s) && !strings.Contains(s, "+")
	for _, r := range s {
		ok = ok && r >= ' ' && !unicode.IsSpace(r)
	}
	return ok
}

// SignedCheckpoint is a checkpoint whose log's signature was verified: only
// [Sign] and [ParseCheckpoint] make one. It is immutable.
type SignedCheckpoint struct {
	Checkpoint
	sigs     []Signature
	verified []bool // of sigs
}

// Note is the exact text of the signed note, all signature lines with it.
func (s *SignedCheckpoint) Note() []byte { return encodeNote(s.Checkpoint, s.sigs) }

// Signatures are all signature lines in order, verified or not. The caller
// modifies neither the slice nor the signatures.
func (s *SignedCheckpoint) Signatures() []Signature { return slices.Clip(s.sigs) }

// Verified are the signatures that a known key was found to have made, the
// log's and the witnesses'. Only these may be counted towards a quorum.
func (s *SignedCheckpoint) Verified() []Signature {
	var out []Signature
	for i, ok := range s.verified {
		if ok {
			out = append(out, s.sigs[i])
		}
	}
	return out
}

func encodeNote(c Checkpoint, sigs []Signature) []byte {
	var b bytes.Buffer
	b.WriteString(c.Text())
	b.WriteByte('\n')
	for _, s := range sigs {
		b.WriteString(s.Line())
	}
	return b.Bytes()
}

// ParseCheckpoint reads a C2SP tlog-checkpoint and verifies its signatures.
//
// At least one verifier whose name is the origin must have signed (ErrUnsigned
// otherwise): a witness alone does not make a checkpoint. Every signature by a
// key among verifiers must be right (*SignatureError otherwise). Lines by other
// keys are kept as they are and count for nothing. The form is canonical: what
// is accepted is byte for byte what Note gives.
func ParseCheckpoint(text []byte, verifiers ...note.Verifier) (*SignedCheckpoint, error) {
	c, sigs, err := ParseUnverifiedCheckpoint(text)
	if err != nil {
		return nil, err
	}
	s := &SignedCheckpoint{c, sigs, make([]bool, len(sigs))}
	signed := false
	for i, sig := range sigs {
		for _, v := range verifiers {
			if !sig.by(v.Name(), v.KeyHash()) {
				continue
			}
			if !v.Verify([]byte(c.Text()), sig.Sig) {
				return nil, &SignatureError{sig.Name, sig.KeyHash}
			}
			s.verified[i] = true
			signed = signed || sig.Name == c.Origin
		}
	}
	if !signed {
		return nil, fmt.Errorf("%w: %s at size %d", ErrUnsigned, c.Origin, c.Size)
	}
	return s, nil
}

// ParseUnverifiedCheckpoint reads the form alone, as a witness does that must
// know the origin to find the key. Nothing it says may be believed yet.
func ParseUnverifiedCheckpoint(text []byte) (c Checkpoint, sigs []Signature, err error) {
	bad := func(format string, args ...any) (Checkpoint, []Signature, error) {
		return Checkpoint{}, nil, fmt.Errorf("%w: "+format, append([]any{ErrCheckpoint}, args...)...)
	}
	if len(text) > MaxCheckpointBytes {
		return bad("%d bytes, the limit is %d", len(text), MaxCheckpointBytes)
	}
	lines := bytes.SplitAfterN(text, []byte("\n"), MaxSignatures+5) // the last is what follows the last newline
	if len(lines) < 6 || len(lines[len(lines)-1]) != 0 {
		return bad("it is not three lines, an empty one and 1 to %d signature lines", MaxSignatures)
	}
	c.Origin = trimLine(lines[0])
	if err := ValidOrigin(c.Origin); err != nil {
		return bad("%w", err)
	}
	size, err := parseDecimal(trimLine(lines[1]), int64(MaxSize))
	if err != nil {
		return bad("tree size: %w", err)
	}
	c.Size = Size(size)
	if c.Root, err = parseHash(trimLine(lines[2])); err != nil {
		return bad("root: %w", err)
	}
	if string(lines[3]) != "\n" {
		return bad("%w: %q", ErrExtension, clip(trimLine(lines[3])))
	}
	for _, line := range lines[4 : len(lines)-1] {
		s, err := ParseSignature(line)
		if err != nil {
			return Checkpoint{}, nil, err
		}
		if slices.ContainsFunc(sigs, func(o Signature) bool { return o.by(s.Name, s.KeyHash) }) {
			return bad("%w: %s+%08x", ErrDuplicateSignature, s.Name, s.KeyHash)
		}
		sigs = append(sigs, s)
	}
	if !bytes.Equal(encodeNote(c, sigs), text) {
		return bad("it is not in canonical form")
	}
	return c, sigs, nil
}

// WithSignature gives the checkpoint with one more signature, such as a
// cosignature, after verifying it with the key that it names. An older one by
// the same key gives way to it, in its place.
func (s *SignedCheckpoint) WithSignature(sig Signature, v note.Verifier) (*SignedCheckpoint, error) {
	if !sig.by(v.Name(), v.KeyHash()) || !v.Verify([]byte(s.Text()), sig.Sig) {
		return nil, &SignatureError{sig.Name, sig.KeyHash}
	}
	if _, err := ParseSignature([]byte(sig.Line())); err != nil {
		return nil, err
	}
	sig.Sig = slices.Clone(sig.Sig)
	next := &SignedCheckpoint{s.Checkpoint, slices.Clone(s.sigs), slices.Clone(s.verified)}
	at := slices.IndexFunc(next.sigs, func(o Signature) bool { return o.by(sig.Name, sig.KeyHash) })
	if at < 0 {
		at = len(next.sigs)
		next.sigs, next.verified = append(next.sigs, sig), append(next.verified, true)
	}
	next.sigs[at], next.verified[at] = sig, true
	if n := len(next.Note()); len(next.sigs) > MaxSignatures || n > MaxCheckpointBytes {
		return nil, fmt.Errorf("%w: %d signatures in %d bytes, the limits are %d and %d", ErrCheckpoint,
			len(next.sigs), n, MaxSignatures, MaxCheckpointBytes)
	}
	return next, nil
}

// Sign makes the signed checkpoint of the log whose key is k. The caller has
// committed the tree first, and advances its guard before anyone is shown the
// result: a log that signs two checkpoints which are not consistent is finished.
func Sign(c Checkpoint, k *Key) (*SignedCheckpoint, error) {
	if c.Origin != k.Name() {
		return nil, fmt.Errorf("%w: the key of %s cannot sign for %q: %w", ErrCheckpoint, k.Name(), clip(c.Origin), ErrOrigin)
	}
	sig, err := k.Sign([]byte(c.Text()))
	if err != nil {
		return nil, err
	}
	// Parsing checks the size, and that memory did not fail in the signing.
	return ParseCheckpoint(encodeNote(c, []Signature{{c.Origin, k.KeyHash(), sig}}), k.Verifier())
}

func trimLine(line []byte) string { return strings.TrimSuffix(string(line), "\n") }

// parseDecimal reads a number from 0 to most as strconv writes it.
func parseDecimal(s string, most int64) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > most || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%q is not a decimal number from 0 to %d without leading zeros", clip(s), most)
	}
	return n, nil
}

// parseHash reads 32 bytes of base64 as Hash.String writes them.
func parseHash(s string) (h Hash, err error) {
	if h, err = ParseHash(s); err != nil {
		return Hash{}, fmt.Errorf("%q is not the canonical base64 of %d bytes", clip(s), HashSize)
	}
	return h, nil
}
