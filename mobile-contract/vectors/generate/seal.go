package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"strconv"

	"fieldseal/mobile-contract/vectors"
	"fieldseal/sync/event"
)

// signer is a test key made from a text: the same text, the same key.
type signer struct {
	key  crypto.Signer
	alg  event.Algorithm
	spki []byte
	id   [32]byte
}

func newSigner(alg event.Algorithm, text string) *signer {
	seed := sha256.Sum256([]byte("fieldseal test vector key: " + text))
	s := &signer{alg: alg}
	if alg == event.AlgEd25519 {
		s.key = ed25519.NewKeyFromSeed(seed[:])
	} else {
		s.key = get(ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:]))
	}
	s.spki = get(x509.MarshalPKIXPublicKey(s.key.Public()))
	s.id = sha256.Sum256(s.spki)
	return s
}

func (s *signer) info() event.PublicKeyInfo {
	return event.PublicKeyInfo{ID: s.id, Alg: s.alg, SPKI: s.spki}
}

func (s *signer) public() vectors.Key {
	return vectors.Key{ID: hex.EncodeToString(s.id[:]), Alg: string(s.alg), SPKI: b64(s.spki)}
}

func (s *signer) pkcs8() string { return b64(get(x509.MarshalPKCS8PrivateKey(s.key))) }

// sign is deterministic: RFC 6979 for ECDSA, which no random source asks for, and RFC 8032.
func (s *signer) sign(signed []byte) []byte {
	if s.alg == event.AlgEd25519 {
		return get(s.key.Sign(nil, signed, crypto.Hash(0)))
	}
	h := sha256.Sum256(signed)
	return get(s.key.Sign(nil, h[:], crypto.SHA256))
}

func pae(payloadType string, payload []byte) []byte {
	head := "DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " "
	return append([]byte(head), payload...)
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// sealed is a payload with its signature, before it is a line.
type sealed struct {
	payloadType string
	payload     []byte
	key         *signer
	sig         []byte
	of          event.Payload
}

func sealBytes(k *signer, payloadType string, payload []byte) *sealed {
	return &sealed{payloadType: payloadType, payload: payload, key: k, sig: k.sign(pae(payloadType, payload))}
}

func (s *sealed) id() [32]byte { return sha256.Sum256(pae(s.payloadType, s.payload)) }

func (s *sealed) line() string {
	return envelope(s.payloadType, b64(s.payload), hex.EncodeToString(s.key.id[:]), b64(s.sig))
}

func envelope(payloadType, payload, keyid, sig string) string {
	return `{"payloadType":"` + payloadType + `","payload":"` + payload + `","signatures":[{"keyid":"` + keyid + `","sig":"` + sig + `"}]}`
}

type rs struct{ R, S *big.Int }

func splitSig(der []byte) rs {
	var v rs
	rest := get(asn1.Unmarshal(der, &v))
	if len(rest) > 0 {
		panic("bytes behind a signature")
	}
	return v
}

// twin is the other valid form of an ECDSA signature, (r, n-s).
func twin(der []byte) []byte {
	v := splitSig(der)
	v.S = new(big.Int).Sub(elliptic.P256().Params().N, v.S)
	return get(asn1.Marshal(v))
}

// sigDigest is over r and the smaller of s and n-s, 32 bytes each; Ed25519: over the signature.
func sigDigest(alg event.Algorithm, sig []byte) [32]byte {
	if alg == event.AlgEd25519 {
		return sha256.Sum256(sig)
	}
	v := splitSig(sig)
	if n := elliptic.P256().Params().N; new(big.Int).Lsh(v.S, 1).Cmp(n) > 0 {
		v.S = new(big.Int).Sub(n, v.S)
	}
	var b [64]byte
	v.R.FillBytes(b[:32])
	v.S.FillBytes(b[32:])
	return sha256.Sum256(b[:])
}

// leaf is the 106 bytes of a log entry.
func leaf(kind byte, id, sig, key [32]byte, receivedUS int64) []byte {
	b := []byte{1, kind}
	b = append(b, id[:]...)
	b = append(b, sig[:]...)
	b = append(b, key[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(receivedUS))
}

func leafHash(leaf []byte) [32]byte { return sha256.Sum256(append([]byte{0}, leaf...)) }

// kinds are the log's kinds of entry that are not 1 (a device's event) or 8 (another event of the authority).
var kinds = map[event.Type]byte{
	"media.received": 3, "device.enrolled": 4, "device.revoked": 5, "case.granted": 6, "grant.revoked": 6, "log.predecessor": 7,
	"authority.genesis": 8, "org.registered": 8, "person.registered": 8, "media.quarantined": 8, "label.block": 8,
	"rulepack.published": 8, "bundle.exported": 8,
}

const kindQuarantine = 2

func kindOf(t event.Type) byte {
	if k := kinds[t]; k != 0 {
		return k
	}
	return 1
}
