package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
)

// logSigner signs checkpoints as C2SP signed-note has it.
type logSigner struct {
	name, text, secret string
	hash               []byte
	key                ed25519.PrivateKey
}

func newLogKey(name, seedText string) *logSigner {
	seed := sha256.Sum256([]byte("fieldseal test vector log key: " + seedText))
	k := &logSigner{name: name, key: ed25519.NewKeyFromSeed(seed[:])}
	public := append([]byte{1}, k.key.Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte(name+"\n"), public...))
	k.hash = sum[:4]
	k.text = name + "+" + hex.EncodeToString(k.hash) + "+" + base64.StdEncoding.EncodeToString(public)
	k.secret = "PRIVATE+KEY+" + name + "+" + hex.EncodeToString(k.hash) + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, seed[:]...))
	return k
}

func checkpointText(name string, size int, root [32]byte) string {
	return name + "\n" + strconv.Itoa(size) + "\n" + b64(root[:]) + "\n"
}

// signature is the signature line over a checkpoint's text.
func (k *logSigner) signature(text string) string {
	return "— " + k.name + " " + b64(append(append([]byte{}, k.hash...), ed25519.Sign(k.key, []byte(text))...)) + "\n"
}

func (k *logSigner) note(size int, root [32]byte) string {
	text := checkpointText(k.name, size, root)
	return text + "\n" + k.signature(text)
}

type hashes [][32]byte

// testLeaves are the hashes of n log entries.
func testLeaves(n int) hashes {
	var out hashes
	for i := range n {
		id, sig, key := sha256.Sum256([]byte(sprint("event %d", i))), sha256.Sum256([]byte(sprint("signature %d", i))), sha256.Sum256([]byte("key"))
		out = append(out, leafHash(leaf(1, id, sig, key, firstBatch+int64(i))))
	}
	return out
}

func node(a, b [32]byte) [32]byte {
	return sha256.Sum256(append(append([]byte{1}, a[:]...), b[:]...))
}

// split is the largest power of two below n.
func split(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

// root is MTH of RFC 6962, 2.1.
func root(d hashes) [32]byte {
	switch len(d) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return d[0]
	}
	k := split(len(d))
	return node(root(d[:k]), root(d[k:]))
}

// path is PATH of RFC 6962, 2.1.1.
func path(m int, d hashes) hashes {
	if len(d) <= 1 {
		return nil
	}
	k := split(len(d))
	if m < k {
		return append(path(m, d[:k]), root(d[k:]))
	}
	return append(path(m-k, d[k:]), root(d[:k]))
}

// proof is PROOF of RFC 6962, 2.1.2.
func proof(m int, d hashes) hashes {
	if m == 0 || m == len(d) {
		return nil
	}
	return subproof(m, d, true)
}

func subproof(m int, d hashes, whole bool) hashes {
	if m == len(d) {
		if whole {
			return nil
		}
		return hashes{root(d)}
	}
	k := split(len(d))
	if m <= k {
		return append(subproof(m, d[:k], whole), root(d[k:]))
	}
	return append(subproof(m-k, d[k:], false), root(d[:k]))
}

func (h hashes) texts() []string {
	out := []string{}
	for _, x := range h {
		out = append(out, b64(x[:]))
	}
	return out
}
