package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// keyExternal is the key reference of a key that Options.Signer holds.
const keyExternal = "external"

// Signer seals. Sign gives a signature over the bytes, for a P-256 key ECDSA over
// their SHA-256 in ASN.1 DER: what a secure element does. It is called with the
// store's write lock held.
type Signer struct {
	Public seal.PublicKey
	Sign   func(signed []byte) ([]byte, error)
}

// seal seals a payload and checks the result: faulty hardware must not put an
// event into the chain that nobody can verify.
func (g *Signer) seal(payloadType string, payload []byte) ([]byte, error) {
	pae := seal.PAE(payloadType, payload)
	sig, err := g.Sign(pae)
	if err != nil {
		return nil, fmt.Errorf("%w: signing failed: %w", ErrKeyFile, err)
	}
	if !g.Public.Check(pae, sig) {
		return nil, fmt.Errorf("%w: the signature just made does not verify", ErrKeyFile)
	}
	e := seal.Envelope{PayloadType: payloadType, Payload: payload,
		Signatures: []seal.Signature{{KeyID: g.Public.ID(), Sig: sig}}}
	return e.Encode(), nil
}

func signerOf(k *seal.PrivateKey) *Signer { return &Signer{Public: k.Public(), Sign: k.Sign} }

// makeSigner gives the signer for an enrolment and how the identity refers to it:
// the one in hardware, the key file of an enrolment begun before, or a new key file.
func (s *Store) makeSigner() (*Signer, string, error) {
	if s.opts.Signer != nil {
		return s.opts.Signer, keyExternal, nil
	}
	g, err := readKeyFile(filepath.Join(s.dir, keyName))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return g, keyName, err
	}
	k, err := seal.GenerateKey()
	if err != nil {
		return nil, "", err
	}
	text, err := k.PEM()
	if err != nil {
		return nil, "", err
	}
	if err := writeKeyFile(filepath.Join(s.dir, keyName), text); err != nil {
		return nil, "", err
	}
	return signerOf(k), keyName, nil
}

// loadSigner gives the signer of the enrolled key.
func (s *Store) loadSigner(id *Identity) (*Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.signer != nil {
		return s.signer, nil
	}
	g := s.opts.Signer
	if id.KeyRef != keyExternal {
		var err error
		if g, err = readKeyFile(filepath.Join(s.dir, id.KeyRef)); err != nil {
			return nil, err
		}
	}
	if g == nil {
		return nil, fmt.Errorf("%w: it is in hardware, and no signer was given to reach it", ErrKeyFile)
	}
	if g.Public.ID() != id.Key.ID() {
		return nil, fmt.Errorf("%w: the key at hand is %s, enrolled is %s", ErrKeyFile, g.Public.ID(), id.Key.ID())
	}
	s.signer = g
	return g, nil
}

func readKeyFile(path string) (*Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, others could read it; run chmod 600 on it, and have the key revoked if someone may have", ErrKeyFile, path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	k, err := seal.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeyFile, path, err)
	}
	return signerOf(k), nil
}

// writeKeyFile makes the key durable before anything refers to it.
func writeKeyFile(path string, text []byte) error {
	fail := func(err error) error { return fmt.Errorf("%w: %s: %w", ErrKeyFile, path, storageErr(err)) }
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fail(err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fail(err)
	}
	// Link, not rename: of two processes that enrol at once one key file stands, and is never replaced.
	switch err := os.Link(tmp, path); {
	case err == nil:
		err = os.Remove(tmp)
		if err != nil {
			return fail(err)
		}
	case errors.Is(err, fs.ErrExist):
		return fail(err)
	default: // a file system without links, such as a stick's: one process at a time there
		if err := os.Rename(tmp, path); err != nil {
			return fail(err)
		}
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fail(err)
	}
	return nil
}

// parseKey reads a key as the store's tables keep it.
func parseKey(alg string, spki []byte) (seal.PublicKey, error) {
	k, err := seal.ParsePublicKey(event.Algorithm(alg), spki)
	if err != nil {
		return k, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return k, nil
}
