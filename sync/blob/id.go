package blob

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"fieldseal/sync/event"
)

// UploadID names an upload: 16 random bytes, so that knowing one upload says
// nothing about another. Its text form is 32 lower-case hex digits.
type UploadID [16]byte

func newUploadID() UploadID {
	var id UploadID
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	return id
}

func (id UploadID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id is absent.
func (id UploadID) IsZero() bool { return id == UploadID{} }

// ParseUploadID reads the text form of an upload id; a failure wraps event.ErrText.
func ParseUploadID(s string) (UploadID, error) {
	var id UploadID
	ok := len(s) == 2*len(id)
	for i := 0; ok && i < len(s); i++ {
		ok = s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f'
	}
	if !ok {
		if len(s) > 80 {
			s = s[:80] + "…"
		}
		return id, fmt.Errorf("%w: %q is not an upload id (32 lower-case hex digits)", event.ErrText, s)
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err
}
