package stamp

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"math/big"

	"github.com/digitorus/timestamp"
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

// NewRequest asks for a token over a SHA-256 digest, with a nonce and with the
// authority's certificates, under the authority's own default policy.
func NewRequest(digest [32]byte) (Request, error) {
	var random [nonceBytes]byte
	rand.Read(random[:])
	random[0] |= 0x40 // not 0, and of one length
	nonce := new(big.Int).SetBytes(random[:])
	r := timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Certificates: true, Nonce: nonce}
	der, err := r.Marshal()
	if err != nil {
		return Request{}, fmt.Errorf("a time-stamp request cannot be made: %w", err)
	}
	return Request{der, nonce}, nil
}
