package seal

import (
	"bytes"
	"crypto/sha256"
	"math/bits"

	"fieldseal/sync/event"
)

// The order n of P-256 and its half, big-endian (FIPS 186-5, SP 800-186 3.2.1.3).
var (
	order = [32]byte{
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51}
	halfOrder = [32]byte{
		0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8}
)

// splitDER reads a DER ECDSA signature of P-256 into fixed-size r and s. It
// accepts the one canonical encoding only.
func splitDER(sig []byte) (r, s [32]byte, ok bool) {
	if len(sig) < 8 || len(sig) > 72 || sig[0] != 0x30 || int(sig[1]) != len(sig)-2 {
		return r, s, false
	}
	rest, ok := derInt(sig[2:], &r)
	if !ok {
		return r, s, false
	}
	rest, ok = derInt(rest, &s)
	return r, s, ok && len(rest) == 0
}

// derInt reads one positive DER INTEGER of at most 256 bits in minimal form.
func derInt(b []byte, out *[32]byte) (rest []byte, ok bool) {
	if len(b) < 3 || b[0] != 0x02 {
		return nil, false
	}
	n := int(b[1])
	if n < 1 || n > 33 || len(b) < 2+n {
		return nil, false
	}
	v := b[2 : 2+n]
	switch {
	case v[0]&0x80 != 0: // negative
		return nil, false
	case v[0] == 0 && (n == 1 || v[1]&0x80 == 0): // zero, or not minimal
		return nil, false
	case n == 33 && v[0] != 0:
		return nil, false
	}
	if n == 33 {
		v = v[1:]
	}
	copy(out[32-len(v):], v)
	return b[2+n:], true
}

func canonicalDER(sig []byte) bool {
	_, _, ok := splitDER(sig)
	return ok
}

// SignatureDigest is what Verified.SignatureDigest gives, of a signature by a key
// of the algorithm that nobody has checked here: it proves nothing by itself.
func SignatureDigest(alg event.Algorithm, sig []byte) event.Digest { return sigDigest(alg, sig) }

// sigDigest is the digest of a signature in its normal form: for ECDSA SHA-256
// over r and the smaller of s and n-s, each 32 bytes; for Ed25519 over its 64 bytes.
func sigDigest(alg event.Algorithm, sig []byte) event.Digest {
	r, s, ok := splitDER(sig)
	if alg == event.AlgEd25519 || !ok {
		return sha256.Sum256(sig)
	}
	if bytes.Compare(s[:], halfOrder[:]) > 0 {
		s = sub(order, s)
	}
	return sha256.Sum256(append(r[:], s[:]...))
}

// sub is a-b of big-endian numbers, a > b.
func sub(a, b [32]byte) (d [32]byte) {
	var borrow uint32
	for i := 28; i >= 0; i -= 4 {
		x := uint32(a[i])<<24 | uint32(a[i+1])<<16 | uint32(a[i+2])<<8 | uint32(a[i+3])
		y := uint32(b[i])<<24 | uint32(b[i+1])<<16 | uint32(b[i+2])<<8 | uint32(b[i+3])
		var z uint32
		z, borrow = bits.Sub32(x, y, borrow)
		d[i], d[i+1], d[i+2], d[i+3] = byte(z>>24), byte(z>>16), byte(z>>8), byte(z)
	}
	return d
}
