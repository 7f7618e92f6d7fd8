package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// LeafSize is the length of every marshalled leaf, in bytes.
const LeafSize = 106

// leafVersion is the only layout there is. Another layout gets another number,
// never another meaning for this one.
const leafVersion = 1

// The offsets of the layout in the package comment.
const (
	atVersion   = 0
	atKind      = 1
	atEvent     = 2
	atSignature = 34
	atKey       = 66
	atReceived  = 98
)

// MaxMicros is 9999-12-31T23:59:59.999999Z, the last instant that RFC 3339 can
// write: a leaf's time must be printable in a report.
const MaxMicros Micros = 253402300799_999999

// ErrLeaf is wrapped by every error about a leaf that cannot be marshalled or parsed.
var ErrLeaf = errors.New("ledger: malformed leaf")

// Kind says what a leaf records. The numbers are frozen.
type Kind uint8

const (
	KindEvent       Kind = 1 // an accepted event
	KindQuarantine  Kind = 2 // bytes received and kept, but not accepted
	KindMedia       Kind = 3 // the event that records the arrival of a media file
	KindEnrolment   Kind = 4 // the event that enrols a key
	KindRevocation  Kind = 5 // the event that revokes one
	KindGrant       Kind = 6 // the event that gives or withdraws access to a case
	KindPredecessor Kind = 7 // the event that carries the last checkpoint of the log that this one continues
	KindAuthority   Kind = 8 // any other event of the authority
)

var kindNames = [...]string{
	KindEvent: "event", KindQuarantine: "quarantine", KindMedia: "media", KindEnrolment: "enrolment",
	KindRevocation: "revocation", KindGrant: "grant", KindPredecessor: "predecessor", KindAuthority: "authority",
}

// String gives the English word for k, or "kind N" for a number that has none.
func (k Kind) String() string {
	if k.valid() {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

func (k Kind) valid() bool { return k >= KindEvent && k <= KindAuthority }

// EventID is what a leaf is about: the id of a sealed event, or of a received
// line its SHA-256 (see [Leaf]).
type EventID [32]byte

// SignatureDigest is the SHA-256 over an event's signatures in low-S form.
type SignatureDigest [32]byte

// KeyID names the key that sealed an event.
type KeyID [32]byte

// Micros is a count of microseconds since 1970-01-01T00:00:00Z.
type Micros int64

// Time gives the instant in UTC.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// Leaf is one entry of the log. It holds digests and a time, no personal data,
// and may be published.
type Leaf struct {
	Kind Kind
	// Event is the id of the sealed event; for KindQuarantine it is the SHA-256
	// of the received line. It is never zero.
	Event EventID
	// Signature and Key are those of the event. In a KindQuarantine leaf, and in
	// no other, each may be zero: unknown.
	Signature SignatureDigest
	Key       KeyID
	// Received is the server's clock when the bytes arrived: after 1970, at most MaxMicros.
	Received Micros
}

// Validate says in an error that wraps ErrLeaf why l cannot be an entry.
func (l *Leaf) Validate() error {
	switch {
	case !l.Kind.valid():
		return fmt.Errorf("%w: %v is not one of the kinds 1 to 8", ErrLeaf, l.Kind)
	case l.Event == EventID{}:
		return fmt.Errorf("%w: the event id of a leaf of kind %v is zero", ErrLeaf, l.Kind)
	case l.Kind != KindQuarantine && l.Signature == SignatureDigest{}:
		return fmt.Errorf("%w: event %x of kind %v has no signature digest", ErrLeaf, l.Event, l.Kind)
	case l.Kind != KindQuarantine && l.Key == KeyID{}:
		return fmt.Errorf("%w: event %x of kind %v has no key id", ErrLeaf, l.Event, l.Kind)
	case l.Received <= 0 || l.Received > MaxMicros:
		return fmt.Errorf("%w: received-at %d µs is outside 1970 to 9999; check the server's clock", ErrLeaf, l.Received)
	}
	return nil
}

// Marshal gives the LeafSize bytes of l, or an error that wraps ErrLeaf.
func (l *Leaf) Marshal() ([]byte, error) {
	b, err := l.bytes()
	if err != nil {
		return nil, err
	}
	return b[1:], nil
}

// Hash gives the RFC 6962 leaf hash of l's bytes: what the tree is made of.
func (l *Leaf) Hash() (Hash, error) {
	b, err := l.bytes()
	if err != nil {
		return Hash{}, err
	}
	return sha256.Sum256(b[:]), nil
}

// bytes gives the leaf behind the 0x00 octet of the RFC 6962 leaf hash.
func (l *Leaf) bytes() (b [1 + LeafSize]byte, err error) {
	if err := l.Validate(); err != nil {
		return b, err
	}
	leaf := b[1:]
	leaf[atVersion] = leafVersion
	leaf[atKind] = byte(l.Kind)
	copy(leaf[atEvent:], l.Event[:])
	copy(leaf[atSignature:], l.Signature[:])
	copy(leaf[atKey:], l.Key[:])
	binary.BigEndian.PutUint64(leaf[atReceived:], uint64(l.Received))
	return b, nil
}

// ParseLeaf reads exactly what Marshal writes; anything else wraps ErrLeaf.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) != LeafSize {
		return Leaf{}, fmt.Errorf("%w: %d bytes, want %d", ErrLeaf, len(b), LeafSize)
	}
	if b[atVersion] != leafVersion {
		return Leaf{}, fmt.Errorf("%w: version %d is unknown; a newer program may read it", ErrLeaf, b[atVersion])
	}
	l := Leaf{Kind: Kind(b[atKind]), Received: Micros(binary.BigEndian.Uint64(b[atReceived:]))}
	copy(l.Event[:], b[atEvent:])
	copy(l.Signature[:], b[atSignature:])
	copy(l.Key[:], b[atKey:])
	if err := l.Validate(); err != nil {
		return Leaf{}, err
	}
	return l, nil
}

// HashLeaf gives the RFC 6962 leaf hash of bytes that Marshal wrote, and
// refuses, wrapping ErrLeaf, any that it could not have written.
func HashLeaf(b []byte) (Hash, error) {
	l, err := ParseLeaf(b)
	if err != nil {
		return Hash{}, err
	}
	return l.Hash()
}
