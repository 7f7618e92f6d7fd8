package witness

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"fieldseal/sync/ledger"
)

const (
	// algCosignature is the signature type of a cosignature/v1 key (C2SP signed-note).
	algCosignature = 4
	// sigBytes is the length of a cosignature without its key hash: a time and an Ed25519 signature.
	sigBytes = 8 + ed25519.SignatureSize
	// maxKeyText bounds the text of a key: the longest name and what stands around it.
	maxKeyText = ledger.MaxOrigin + 128
)

var (
	// ErrKey is wrapped by every error about the text of a key. No such error
	// carries any part of a private key.
	ErrKey = errors.New("witness: malformed key")
	// ErrTime is wrapped when a cosignature cannot be dated.
	ErrTime = errors.New("witness: not the time of a cosignature")
)

// Key is a witness's private Ed25519 key. It never prints its secret. The same
// secret must serve no other purpose and no other name: what a witness signs
// does not contain its name.
type Key struct {
	*Verifier
	private ed25519.PrivateKey
}

// GenerateKey makes a new key for the witness with the given name, which is a
// URL without a scheme, such as court.example.cn/witness.
func GenerateKey(name string) (*Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	return NewKey(name, seed)
}

// NewKey makes a key from its 32-byte Ed25519 seed (RFC 8032), which must be
// secret and random.
func NewKey(name string, seed []byte) (*Key, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: the seed has %d bytes, want %d", ErrKey, len(seed), ed25519.SeedSize)
	}
	private := ed25519.NewKeyFromSeed(seed)
	v, err := newVerifier(name, private.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return &Key{v, private}, nil
}

// ParseKey reads what SecretText gives, exactly.
func ParseKey(text string) (*Key, error) {
	body, ok := strings.CutPrefix(text, "PRIVATE+KEY+")
	if len(text) > maxKeyText || !ok {
		return nil, fmt.Errorf("%w: it does not begin with PRIVATE+KEY+, or is too long to be one", ErrKey)
	}
	name, rest, _ := strings.Cut(body, "+")
	_, b64, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(raw) != 1+ed25519.SeedSize || raw[0] != algCosignature {
		return nil, fmt.Errorf("%w: what stands for the key is not the base64 of a witness's Ed25519 key", ErrKey)
	}
	k, err := NewKey(name, raw[1:])
	if err != nil {
		return nil, err
	}
	if k.SecretText() != text {
		return nil, fmt.Errorf("%w: its hash is not that of the key, or it is not in canonical form", ErrKey)
	}
	return k, nil
}

// SecretText is the private key in the form of signed notes: a secret.
func (k *Key) SecretText() string {
	raw := append([]byte{algCosignature}, k.private.Seed()...)
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", k.name, k.hash, base64.StdEncoding.EncodeToString(raw))
}

// Cosign states that c is the largest consistent tree that the witness has seen
// of the log at the time, in whole seconds. The caller has checked that and has
// it on stable storage.
func (k *Key) Cosign(c ledger.Checkpoint, at time.Time) (ledger.Signature, error) {
	sec := at.Unix()
	if sec <= 0 {
		return ledger.Signature{}, fmt.Errorf("%w: %v lies before 1970: set the clock", ErrTime, at)
	}
	sig := binary.BigEndian.AppendUint64(make([]byte, 0, sigBytes), uint64(sec))
	sig = append(sig, ed25519.Sign(k.private, message(uint64(sec), []byte(c.Text())))...)
	if !k.Verify([]byte(c.Text()), sig) { // memory that failed while signing
		return ledger.Signature{}, fmt.Errorf("witness: the cosignature of %s at size %d that was just made does not verify", c.Origin, c.Size)
	}
	return ledger.Signature{Name: k.name, KeyHash: k.hash, Sig: sig}, nil
}

// String names the public key.
func (k Key) String() string { return "witness key " + k.Text() }

// Format writes String whatever the verb, so that no way of printing shows the secret.
func (k Key) Format(w fmt.State, _ rune) { _, _ = w.Write([]byte(k.String())) }

// Verifier checks the cosignatures of one witness. It is a note.Verifier.
type Verifier struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

func newVerifier(name string, public ed25519.PublicKey) (*Verifier, error) {
	if err := ledger.ValidOrigin(name); err != nil {
		return nil, fmt.Errorf("%w: the name: %w", ErrKey, err)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"+string(rune(algCosignature))), public...))
	return &Verifier{name, binary.BigEndian.Uint32(sum[:]), public}, nil
}

// ParseVerifier reads the text of a witness's public key, exactly as Text gives
// it; an error wraps ErrKey. The key of a log is refused: it has another type.
func ParseVerifier(vkey string) (*Verifier, error) {
	if len(vkey) > maxKeyText {
		return nil, fmt.Errorf("%w: it is too long to be one", ErrKey)
	}
	name, rest, _ := strings.Cut(vkey, "+")
	_, b64, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: %q is not name+hash+base64 of an Ed25519 public key", ErrKey, clip(vkey))
	}
	if raw[0] != algCosignature {
		return nil, fmt.Errorf("%w: %q has the key type %d; that of a witness is %d (a log's is 1)", ErrKey, clip(vkey), raw[0], algCosignature)
	}
	v, err := newVerifier(name, ed25519.PublicKey(raw[1:]))
	if err != nil {
		return nil, err
	}
	if v.Text() != vkey {
		return nil, fmt.Errorf("%w: %q has a hash that is not that of the key, or is not in canonical form", ErrKey, clip(vkey))
	}
	return v, nil
}

// Text is the public verifier key (vkey), to be published: name+hash+base64.
func (v *Verifier) Text() string {
	raw := append([]byte{algCosignature}, v.public...)
	return fmt.Sprintf("%s+%08x+%s", v.name, v.hash, base64.StdEncoding.EncodeToString(raw))
}

// PublicText is the key alone, without the name: who holds one holds one witness,
// under however many names.
func (v *Verifier) PublicText() string { return base64.StdEncoding.EncodeToString(v.public) }

// Name is the witness's.
func (v *Verifier) Name() string { return v.name }

// KeyHash is the key's id within signature lines.
func (v *Verifier) KeyHash() uint32 { return v.hash }

// Verify reports whether sig is a cosignature over the text of a checkpoint. A
// time of 0 says that nothing is stated about the newest tree; that is no
// cosignature/v1.
func (v *Verifier) Verify(text, sig []byte) bool {
	t, err := Time(sig)
	return err == nil && ed25519.Verify(v.public, message(uint64(t.Unix()), text), sig[8:])
}

// Made reports whether a signature line names this key.
func (v *Verifier) Made(s ledger.Signature) bool { return s.Name == v.name && s.KeyHash == v.hash }

// Time is when a cosignature says that it was made, in whole seconds, UTC; an
// error wraps ErrTime. It is the witness's word alone, and worth nothing before
// the signature is verified.
func Time(sig []byte) (time.Time, error) {
	if len(sig) != sigBytes {
		return time.Time{}, fmt.Errorf("%w: the signature has %d bytes, a cosignature has %d", ErrTime, len(sig), sigBytes)
	}
	sec := binary.BigEndian.Uint64(sig)
	if sec == 0 || sec > math.MaxInt64 {
		return time.Time{}, fmt.Errorf("%w: %d seconds", ErrTime, sec)
	}
	return time.Unix(int64(sec), 0).UTC(), nil
}

// Majority is the quorum where none is named: more than half, 0 of none.
func Majority(witnesses int) int {
	if witnesses == 0 {
		return 0
	}
	return witnesses/2 + 1
}

// Quorum is when a quorum of witnesses had cosigned a note: given the times of
// its cosignatures, one of each witness, the quorum-th of them in order. Liars that
// are fewer than a quorum cannot make it earlier than every honest time, and where
// a quorum is honest nobody can make it later than every honest time. It is zero
// where there is no quorum.
func Quorum(times []time.Time, quorum int) time.Time {
	if quorum < 1 || len(times) < quorum {
		return time.Time{}
	}
	sorted := slices.SortedFunc(slices.Values(times), time.Time.Compare)
	return sorted[quorum-1]
}

// message is what a witness signs.
func message(sec uint64, text []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", sec, text)
}

// clip keeps hostile input short in an error's text.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
