package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"fieldseal/sync/event"
)

// KeyID is SHA-256 over a key's DER SubjectPublicKeyInfo.
type KeyID [32]byte

func (k KeyID) String() string { return event.Digest(k).String() }

// IsZero reports whether k is absent.
func (k KeyID) IsZero() bool { return k == KeyID{} }

// MarshalText gives 64 lower-case hex digits.
func (k KeyID) MarshalText() ([]byte, error) { return event.Digest(k).MarshalText() }

// UnmarshalText reads exactly 64 lower-case hex digits.
func (k *KeyID) UnmarshalText(text []byte) error { return (*event.Digest)(k).UnmarshalText(text) }

// ErrKey is wrapped by every error about a key.
var ErrKey = errors.New("unusable key")

// PublicKey is a public key bound to the one algorithm it is checked with.
// The zero value checks nothing and accepts nothing.
type PublicKey struct {
	id   KeyID
	alg  event.Algorithm
	spki []byte
	ec   *ecdsa.PublicKey
	ed   ed25519.PublicKey
}

// ID is the key's id.
func (k PublicKey) ID() KeyID { return k.id }

// Alg is the algorithm that the key is bound to.
func (k PublicKey) Alg() event.Algorithm { return k.alg }

// SPKI is the DER SubjectPublicKeyInfo; not to be changed.
func (k PublicKey) SPKI() []byte { return k.spki }

// Info is the key as events state it.
func (k PublicKey) Info() event.PublicKeyInfo {
	return event.PublicKeyInfo{ID: event.Digest(k.id), Alg: k.alg, SPKI: k.spki}
}

// PEM is the key as openssl reads it.
func (k PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.spki})
}

// ParsePublicKey reads a key stated with its algorithm. The DER must be the
// canonical encoding, so that a key has one id. Errors wrap ErrKey.
func ParsePublicKey(alg event.Algorithm, spki []byte) (PublicKey, error) {
	any, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	again, err := x509.MarshalPKIXPublicKey(any)
	if err != nil || !bytes.Equal(again, spki) {
		return PublicKey{}, fmt.Errorf("%w: the SubjectPublicKeyInfo is not in its canonical encoding", ErrKey)
	}
	k := PublicKey{id: sha256.Sum256(spki), alg: alg, spki: spki}
	switch pub := any.(type) {
	case *ecdsa.PublicKey:
		if alg != event.AlgP256 || pub.Curve != elliptic.P256() {
			return PublicKey{}, fmt.Errorf("%w: an elliptic curve key must be on P-256 and stated as %s", ErrKey, event.AlgP256)
		}
		k.ec = pub
	case ed25519.PublicKey:
		if alg != event.AlgEd25519 {
			return PublicKey{}, fmt.Errorf("%w: an Ed25519 key must be stated as %s", ErrKey, event.AlgEd25519)
		}
		k.ed = pub
	default:
		return PublicKey{}, fmt.Errorf("%w: keys are ECDSA P-256 or Ed25519", ErrKey)
	}
	return k, nil
}

// ParseKeyInfo reads a key as events state it; the stated id must be the key's.
func ParseKeyInfo(info event.PublicKeyInfo) (PublicKey, error) {
	k, err := ParsePublicKey(info.Alg, info.SPKI)
	if err == nil && event.Digest(k.id) != info.ID {
		return PublicKey{}, fmt.Errorf("%w: stated id %s, but the key's is %s", ErrKey, info.ID, k.id)
	}
	return k, err
}

// Check reports whether sig is this key's signature over the bytes.
func (k PublicKey) Check(signed, sig []byte) bool {
	switch {
	case k.ec != nil:
		h := sha256.Sum256(signed)
		return k.checkHash(h, sig)
	case k.ed != nil:
		return ed25519.Verify(k.ed, signed, sig)
	}
	return false
}

func (k PublicKey) checkHash(h [32]byte, sig []byte) bool {
	return canonicalDER(sig) && ecdsa.VerifyASN1(k.ec, h[:], sig)
}

// PrivateKey seals.
type PrivateKey struct {
	pub PublicKey
	key crypto.Signer
}

// GenerateKey makes a P-256 key.
func GenerateKey() (*PrivateKey, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return newPrivate(k)
}

// GenerateEd25519 makes an Ed25519 key.
func GenerateEd25519() (*PrivateKey, error) {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return newPrivate(k)
}

// ParsePrivateKey reads a PKCS #8 PEM block. Errors wrap ErrKey and never carry key material.
func ParsePrivateKey(text []byte) (*PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%w: there is no PRIVATE KEY block in PEM form", ErrKey)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: the PRIVATE KEY block is not PKCS #8", ErrKey)
	}
	return newPrivate(k)
}

func newPrivate(k any) (*PrivateKey, error) {
	signer, ok := k.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: not a signing key", ErrKey)
	}
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	alg := event.AlgP256
	if _, ok := signer.Public().(ed25519.PublicKey); ok {
		alg = event.AlgEd25519
	}
	pub, err := ParsePublicKey(alg, spki)
	if err != nil {
		return nil, err
	}
	return &PrivateKey{pub: pub, key: signer}, nil
}

// PEM writes the key as PKCS #8 PEM, to be kept in a file that only its owner reads.
func (k *PrivateKey) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Public is the key's public half.
func (k *PrivateKey) Public() PublicKey { return k.pub }

// Sign signs the bytes. It checks its own signature before it gives it out: a
// fault in the signing hardware must not become an event that nobody can verify.
func (k *PrivateKey) Sign(signed []byte) ([]byte, error) {
	var sig []byte
	var err error
	if k.pub.alg == event.AlgEd25519 {
		sig, err = k.key.Sign(rand.Reader, signed, crypto.Hash(0))
	} else {
		h := sha256.Sum256(signed)
		sig, err = k.key.Sign(rand.Reader, h[:], crypto.SHA256)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: signing failed: %w", ErrKey, err)
	}
	if !k.pub.Check(signed, sig) {
		return nil, fmt.Errorf("%w: the signature just made does not verify", ErrKey)
	}
	return sig, nil
}

// Seal seals payload bytes of the given type and returns the envelope's line.
func (k *PrivateKey) Seal(payloadType string, payload []byte) ([]byte, error) {
	sig, err := k.Sign(PAE(payloadType, payload))
	if err != nil {
		return nil, err
	}
	e := Envelope{PayloadType: payloadType, Payload: payload, Signatures: []Signature{{k.pub.id, sig}}}
	return e.Encode(), nil
}
