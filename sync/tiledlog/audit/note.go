package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// maxCheckpoint bounds a checkpoint in bytes: sixteen cosignatures have some four thousand.
	maxCheckpoint = 1 << 16
	// maxSize bounds the stated number of entries, far beyond any log: the arithmetic
	// of package tlog is not made for numbers close to 2^62.
	maxSize = 1 << 50
	// algCosignature is the type of a witness's key in C2SP signed-note, cosignature/v1.
	algCosignature = 4
)

// ErrKey is wrapped where the text of a key cannot be read.
var ErrKey = errors.New("not a verifier key")

// checkpoint is an opened C2SP tlog-checkpoint.
type checkpoint struct {
	origin string
	tree   tlog.Tree
	// verified and unknown count the signature lines by given and by other keys.
	verified, unknown int
}

// keys are those of the log, first, and of witnesses.
type keys struct {
	log  note.Verifier
	list []note.Verifier
}

func parseKeys(log string, witnesses []string) (keys, error) {
	v, err := note.NewVerifier(log)
	if err != nil {
		return keys{}, fmt.Errorf("%w of a log: %.200q: %w; it is what fieldseal init printed as the log key", ErrKey, log, err)
	}
	k := keys{v, []note.Verifier{v}}
	for _, text := range witnesses {
		w, err := parseWitness(text)
		if err != nil {
			return keys{}, fmt.Errorf("%w of a witness: %.200q: %w", ErrKey, text, err)
		}
		k.list = append(k.list, w)
	}
	return k, nil
}

// witnessKey verifies cosignatures of C2SP tlog-cosignature, version 1.
type witnessKey struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

func parseWitness(vkey string) (*witnessKey, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash, b64, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || name == "" || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algCosignature {
		return nil, errors.New("it is not name+hash+base64 of the Ed25519 key of a witness")
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
	if hash != fmt.Sprintf("%x", sum[:4]) {
		return nil, errors.New("its hash is not that of the key")
	}
	return &witnessKey{name, binary.BigEndian.Uint32(sum[:]), raw[1:]}, nil
}

// Name implements note.Verifier.
func (w *witnessKey) Name() string { return w.name }

// KeyHash implements note.Verifier.
func (w *witnessKey) KeyHash() uint32 { return w.hash }

// Verify implements note.Verifier: sig is a time in seconds and a signature over it and the text.
func (w *witnessKey) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	signed := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text)
	return at != 0 && ed25519.Verify(w.public, signed, sig[8:])
}

// openCheckpoint verifies a checkpoint; the error says what is wrong with it.
func openCheckpoint(text []byte, k keys) (c checkpoint, err error) {
	if len(text) > maxCheckpoint {
		return c, fmt.Errorf("it has more than %d bytes", maxCheckpoint)
	}
	n, err := note.Open(text, note.VerifierList(k.list...))
	if err != nil {
		return c, fmt.Errorf("%w; the key is that of %s", err, k.log.Name())
	}
	c.verified, c.unknown = len(n.Sigs), len(n.UnverifiedSigs)
	for _, v := range k.list {
		signed := false
		for _, s := range n.Sigs {
			signed = signed || s.Name == v.Name() && s.Hash == v.KeyHash()
		}
		if !signed {
			return c, fmt.Errorf("%s has not signed it", v.Name())
		}
	}
	if err := oneForm(text, n.Text, c.verified+c.unknown); err != nil {
		return c, err
	}
	return c, c.read(n.Text, k.log.Name())
}

// oneForm refuses what the decoder of base64 looks past, and repeated lines.
func oneForm(text []byte, body string, signatures int) error {
	lines := strings.SplitAfter(string(bytes.TrimPrefix(text, []byte(body+"\n"))), "\n")
	if len(lines) != signatures+1 {
		return fmt.Errorf("it has %d signature lines, %d of them apart from each other", len(lines)-1, signatures)
	}
	for _, line := range lines[:signatures] {
		b64 := strings.TrimSuffix(line[strings.LastIndexByte(line, ' ')+1:], "\n")
		if raw, err := base64.StdEncoding.DecodeString(b64); err != nil || base64.StdEncoding.EncodeToString(raw) != b64 {
			return fmt.Errorf("the signature line %.80q is not in canonical form", line)
		}
	}
	return nil
}

// read reads origin, size and root. Extension lines may follow; they are signed over.
func (c *checkpoint) read(body, origin string) error {
	lines := strings.SplitN(body, "\n", 4)
	if len(lines) != 4 {
		return errors.New("it is not an origin, a size and a root")
	}
	if c.origin = lines[0]; c.origin != origin {
		return fmt.Errorf("it is of the log %.80q, the key is that of %s", c.origin, origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > maxSize || strconv.FormatInt(size, 10) != lines[1] {
		return fmt.Errorf("its size %.40q is not a number from 0 to %d", lines[1], int64(maxSize))
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil || root.String() != lines[2] {
		return fmt.Errorf("its root %.80q is not the base64 of a hash", lines[2])
	}
	c.tree = tlog.Tree{N: size, Hash: root}
	return nil
}
