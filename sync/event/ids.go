package event

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// ID identifies an event: SHA-256 over the DSSE pre-authentication encoding of
// its payload type and payload bytes. Its text form is 64 lower-case hex digits.
type ID [32]byte

// Digest is the SHA-256 of a file's bytes. Its text form is 64 lower-case hex digits.
type Digest [32]byte

// UUID is an RFC 9562 UUID; things and events that fieldseal makes carry version 7.
// Its text form is the lower-case hyphenated one.
type UUID [16]byte

// Root is the Merkle tree root of a checkpoint. Its text form is standard base64.
type Root [32]byte

// ErrText is wrapped by every error about the text form of an identifier, a
// time or an enumerated word.
var ErrText = errors.New("malformed text")

func (d ID) String() string     { return hex.EncodeToString(d[:]) }
func (d Digest) String() string { return hex.EncodeToString(d[:]) }
func (r Root) String() string   { return base64.StdEncoding.EncodeToString(r[:]) }

// IsZero reports whether d is absent.
func (d ID) IsZero() bool { return d == ID{} }

// IsZero reports whether d is absent.
func (d Digest) IsZero() bool { return d == Digest{} }

// IsZero reports whether r is absent.
func (r Root) IsZero() bool { return r == Root{} }

// IsZero reports whether u is absent.
func (u UUID) IsZero() bool { return u == UUID{} }

// MarshalText gives the hex form.
func (d ID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// MarshalText gives the hex form.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// MarshalText gives the base64 form.
func (r Root) MarshalText() ([]byte, error) { return base64.StdEncoding.AppendEncode(nil, r[:]), nil }

// UnmarshalText reads exactly 64 lower-case hex digits; anything else wraps ErrText.
func (d *ID) UnmarshalText(text []byte) error { return unhex32(d[:], text, "event id") }

// UnmarshalText reads exactly 64 lower-case hex digits; anything else wraps ErrText.
func (d *Digest) UnmarshalText(text []byte) error { return unhex32(d[:], text, "SHA-256 digest") }

// UnmarshalText reads canonical standard base64 of 32 bytes; anything else wraps ErrText.
func (r *Root) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(b) != len(r) || base64.StdEncoding.EncodedLen(len(b)) != len(text) {
		return fmt.Errorf("%w: %q is not the base64 of a 32-byte tree root", ErrText, clip(text))
	}
	copy(r[:], b)
	return nil
}

// ParseID reads the text form of an event id.
func ParseID(s string) (d ID, err error) { err = d.UnmarshalText([]byte(s)); return d, err }

// ParseDigest reads the text form of a SHA-256 digest.
func ParseDigest(s string) (d Digest, err error) { err = d.UnmarshalText([]byte(s)); return d, err }

func unhex32(dst, text []byte, what string) error {
	ok := len(text) == 64
	for i := 0; ok && i < len(text); i++ {
		c := text[i]
		ok = c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
	}
	if !ok {
		return fmt.Errorf("%w: %q is not %s (64 lower-case hex digits)", ErrText, clip(text), what)
	}
	_, err := hex.Decode(dst, text)
	return err
}

func clip(text []byte) string {
	if len(text) > 80 {
		return string(text[:80]) + "…"
	}
	return string(text)
}

func (u UUID) String() string {
	b, _ := u.MarshalText()
	return string(b)
}

// MarshalText gives the lower-case hyphenated form.
func (u UUID) MarshalText() ([]byte, error) {
	b := make([]byte, 36)
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return b, nil
}

// UnmarshalText reads the lower-case hyphenated form only; anything else wraps ErrText.
func (u *UUID) UnmarshalText(text []byte) error {
	ok := len(text) == 36
	for i := 0; ok && i < 36; i++ {
		c := text[i]
		switch i {
		case 8, 13, 18, 23:
			ok = c == '-'
		default:
			ok = c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		}
	}
	if !ok {
		return fmt.Errorf("%w: %q is not a UUID (lower-case, hyphenated)", ErrText, clip(text))
	}
	for i, at := 0, 0; i < 16; i++ {
		if text[at] == '-' {
			at++
		}
		_, _ = hex.Decode(u[i:i+1], text[at:at+2])
		at += 2
	}
	return nil
}

// ParseUUID reads the text form of a UUID.
func ParseUUID(s string) (u UUID, err error) { err = u.UnmarshalText([]byte(s)); return u, err }

// NewUUID makes a UUIDv7 (RFC 9562, 5.7) from an instant and 10 random bytes.
func NewUUID(at time.Time, random [10]byte) UUID {
	var u UUID
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		u[i] = byte(ms >> (40 - 8*i))
	}
	copy(u[6:], random[:])
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}

// Stamp is a wall-clock time as it was shown: RFC 3339 with seconds, at most nine
// fractional digits and an explicit numeric offset or Z. The text is kept as
// written, so that the offset stays evidence.
type Stamp string

// At returns the time that t shows; it wraps ErrText where t is malformed.
func (s Stamp) At() (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, string(s))
	if err != nil || len(s) > len("2006-01-02T15:04:05.123456789+08:00") || s[10] != 'T' || t.Year() < 1970 {
		return time.Time{}, fmt.Errorf("%w: %q is not a time such as 2026-11-24T09:30:00.250+08:00", ErrText, clip([]byte(s)))
	}
	return t, nil
}

// UnmarshalText keeps the text. An empty one is refused: a time that is not known is left out.
func (s *Stamp) UnmarshalText(text []byte) error {
	*s = Stamp(text)
	return notEmpty(text, "a time")
}

// UnmarshalText keeps the text. An empty one is refused: a day that is not known is left out.
func (d *Date) UnmarshalText(text []byte) error {
	*d = Date(text)
	return notEmpty(text, "a day")
}

func notEmpty(text []byte, what string) error {
	if len(text) == 0 {
		return fmt.Errorf("%w: %s is empty; leave it out where it is not known", ErrText, what)
	}
	return nil
}

// Time is At for a stamp that has been validated; the zero time where it is empty or malformed.
func (s Stamp) Time() time.Time {
	t, err := s.At()
	if err != nil {
		return time.Time{}
	}
	return t
}

// StampOf writes t, offset kept, to the millisecond.
func StampOf(t time.Time) Stamp { return Stamp(t.Format("2006-01-02T15:04:05.000Z07:00")) }

// Date is a calendar day, YYYY-MM-DD, where a certificate or credential gives no time.
type Date string

// At returns the start of the day in UTC; it wraps ErrText where d is malformed.
func (d Date) At() (time.Time, error) {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %q is not a day such as 2026-11-24", ErrText, clip([]byte(d)))
	}
	return t, nil
}
