package stamp

import (
	"crypto/rand"
	encoding "encoding/asn1"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// nonceBytes is the length of a nonce: 128 bits are never drawn twice.
const nonceBytes = 16

// Request is what is asked of an authority.
type Request struct {
	// DER is the TimeStampReq, to be sent as application/timestamp-query.
	DER []byte
	// Nonce is what the answer must repeat.
	Nonce *big.Int
}

// NewRequest asks for a token over a SHA-256 digest (RFC 3161, 2.4.1), with a
// nonce and with the authority's certificates, under the authority's default policy.
func NewRequest(digest [32]byte) (Request, error) {
	var random [nonceBytes]byte
	rand.Read(random[:])
	random[0] = random[0]&0x7f | 0x40 // not 0, and of one length
	nonce := new(big.Int).SetBytes(random[:])
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(encoding.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1})
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(digest[:])
		})
		b.AddASN1BigInt(nonce)
		b.AddASN1Boolean(true) // certReq
	})
	der, err := b.Bytes()
	if err != nil {
		return Request{}, fmt.Errorf("a time-stamp request cannot be made: %w", err)
	}
	return Request{der, nonce}, nil
}
