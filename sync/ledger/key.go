package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrKey is wrapped by every error about the text of a key. No such error
// carries any part of a private key.
var ErrKey = errors.New("ledger: malformed key")

// algEd25519 is the signature type of signed notes for Ed25519.
const algEd25519 = 1

// maxKeyText bounds the text of a key: the longest origin and what stands around it.
const maxKeyText = MaxOrigin + 128

// ParseHash reads the base64 form of a hash and nothing that is merely like it:
// no line breaks, no stray bits in the padding.
func ParseHash(s string) (Hash, error) {
	h, err := tlog.ParseHash(s)
	if err != nil || h.String() != s {
		return Hash{}, errors.New("ledger: not the canonical base64 of a 32-byte hash")
	}
	return h, nil
}

// Key is a log's private Ed25519 key. It is a note.Signer, its name is the
// log's origin. It never prints its secret.
type Key struct {
	note.Signer
	verifier note.Verifier
	seed     []byte
	vkey     string
}

// GenerateKey makes a new key for the log with the given origin.
func GenerateKey(origin string) (*Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	return NewKey(origin, seed)
}

// NewKey makes the key of the log with the given origin from its 32-byte
// Ed25519 seed (RFC 8032), which must be secret and random.
func NewKey(origin string, seed []byte) (*Key, error) {
	if err := ValidOrigin(origin); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: the seed has %d bytes, want %d", ErrKey, len(seed), ed25519.SeedSize)
	}
	pub := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(origin, pub)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	k := &Key{seed: append([]byte(nil), seed...), vkey: vkey}
	if k.verifier, err = note.NewVerifier(vkey); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	k.Signer, err = note.NewSigner(secretText(origin, k.verifier.KeyHash(), seed))
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be made into a signer", ErrKey)
	}
	return k, nil
}

func secretText(origin string, hash uint32, seed []byte) string {
	raw := append([]byte{algEd25519}, seed...)
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", origin, hash, base64.StdEncoding.EncodeToString(raw))
}

// ParseKey reads what SecretText gives, exactly.
func ParseKey(text string) (*Key, error) {
	if len(text) > maxKeyText {
		return nil, fmt.Errorf("%w: it is too long to be one", ErrKey)
	}
	f := strings.Split(text, "+")
	if len(f) < 5 || f[0] != "PRIVATE" || f[1] != "KEY" {
		return nil, fmt.Errorf("%w: it does not begin with PRIVATE+KEY+, an origin, a hash and the key", ErrKey)
	}
	// Base64 may contain '+', an origin may not.
	raw, err := base64.StdEncoding.DecodeString(strings.Join(f[4:], "+"))
	if err != nil || len(raw) != 1+ed25519.SeedSize || raw[0] != algEd25519 {
		return nil, fmt.Errorf("%w: what stands for the key is not the base64 of an Ed25519 key", ErrKey)
	}
	k, err := NewKey(f[2], raw[1:])
	if err != nil {
		return nil, err
	}
	if k.SecretText() != text {
		return nil, fmt.Errorf("%w: its hash is not that of the key, or it is not in canonical form", ErrKey)
	}
	return k, nil
}

// SecretText is the private key in the form of x/mod's note: a secret.
func (k *Key) SecretText() string { return secretText(k.Name(), k.KeyHash(), k.seed) }

// VerifierText is the public verifier key (vkey), to be published:
// origin+hash+base64.
func (k *Key) VerifierText() string { return k.vkey }

// Verifier checks k's signatures.
func (k *Key) Verifier() note.Verifier { return k.verifier }

// String names the public key.
func (k Key) String() string { return "ledger key " + k.vkey }

// Format writes String whatever the verb, so that no way of printing shows the secret.
func (k Key) Format(w fmt.State, _ rune) { _, _ = w.Write([]byte(k.String())) }

// ParseVerifier reads the text of a log's public Ed25519 key, exactly as
// VerifierText gives it; an error wraps ErrKey.
func ParseVerifier(vkey string) (note.Verifier, error) {
	if len(vkey) > maxKeyText {
		return nil, fmt.Errorf("%w: it is too long to be one", ErrKey)
	}
	name, rest, _ := strings.Cut(vkey, "+")
	_, b64, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algEd25519 {
		return nil, fmt.Errorf("%w: %q is not origin+hash+base64 of an Ed25519 public key", ErrKey, clip(vkey))
	}
	if err := ValidOrigin(name); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrKey, clip(vkey), err)
	}
	if want, err := note.NewEd25519VerifierKey(name, raw[1:]); err != nil || want != vkey {
		return nil, fmt.Errorf("%w: %q is not in canonical form", ErrKey, clip(vkey))
	}
	return v, nil
}
