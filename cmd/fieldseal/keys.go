package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fieldseal/sync/seal"
)

// The private keys of a server, each a file that only its owner reads: log.key
// signs checkpoints, authority.pem seals the authority's events, token.pem signs
// access tokens. The first two can never be replaced; losing the third only ends
// every session.
const (
	logKeyFile       = "log.key"
	authorityKeyFile = "authority.pem"
	tokenKeyFile     = "token.pem"
)

// readOwn reads a file that must be its owner's alone.
func readOwn(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others than its owner (mode %04o). Find out who could have read it, then: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return os.ReadFile(path)
}

// writeOwn makes a file that did not exist, durably, for its owner alone.
func writeOwn(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func loadAuthorityKey(dir string) (*seal.PrivateKey, error) {
	text, err := readOwn(filepath.Join(dir, authorityKeyFile))
	if err != nil {
		return nil, fmt.Errorf("the authority's private key: %w", err)
	}
	return seal.ParsePrivateKey(text)
}

func createAuthorityKey(dir string) (*seal.PrivateKey, error) {
	k, err := seal.GenerateKey()
	if err != nil {
		return nil, err
	}
	text, err := k.PEM()
	if err != nil {
		return nil, err
	}
	return k, writeOwn(filepath.Join(dir, authorityKeyFile), text)
}

// tokenKey reads the key of access tokens, or makes one.
func tokenKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, tokenKeyFile)
	text, err := readOwn(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, k, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			return nil, err
		}
		return k, writeOwn(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not a PEM file; move it away and start again: people then sign in anew", path)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if ed, ok := k.(ed25519.PrivateKey); ok && err == nil {
		return ed, nil
	}
	return nil, fmt.Errorf("%s holds no Ed25519 key; move it away and start again: people then sign in anew", path)
}
