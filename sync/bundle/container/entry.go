package container

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Method says how an entry's data is kept.
type Method uint16

// The methods: as it is, and deflated (RFC 1951).
const (
	Stored   Method = 0
	Deflated Method = 8
)

const (
	// MaxEntries bounds the directory: a bundle of 200,000 media files, or the
	// tiles of 100,000 leaves scattered over a log of any size.
	MaxEntries = 250_000
	// MaxName is the longest name in bytes, what most file systems take.
	MaxName = 255
	// MaxRatio bounds what a deflated entry may unpack to, as a multiple of its
	// packed size. Deflate itself reaches 1032; the text of a bundle stays below
	// 20, and a writer stores what would go beyond.
	MaxRatio = 200
	// MaxSize is the largest entry, larger than any storage device and far from overflow.
	MaxSize = 1 << 50
)

var (
	// ErrNotContainer is wrapped when the file does not end as a ZIP file does or its
	// directory cannot be read: it is something else, or cut off.
	ErrNotContainer = errors.New("not a bundle file")
	// ErrProfile is wrapped by every *ProfileError.
	ErrProfile = errors.New("the ZIP file is not built as a bundle is")
	// ErrData is wrapped by every *DataError.
	ErrData = errors.New("the data of an entry is damaged")
)

// ProfileError names what in the framing is not as the profile demands.
type ProfileError struct {
	// Name is the entry at fault, where there is one; Offset a place in the file.
	Name   string
	Offset int64
	Reason string
}

func (e *ProfileError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("%v: at byte %d: %s", ErrProfile, e.Offset, e.Reason)
	}
	return fmt.Sprintf("%v: %s at byte %d: %s", ErrProfile, e.Name, e.Offset, e.Reason)
}

func (e *ProfileError) Unwrap() error { return ErrProfile }

// DataError names an entry whose data is not what its header says.
type DataError struct {
	Name   string
	Reason string
	Cause  error
}

func (e *DataError) Error() string {
	s := fmt.Sprintf("%v: %s: %s", ErrData, e.Name, e.Reason)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *DataError) Unwrap() []error { return []error{ErrData, e.Cause} }

// Entry is one file of a container.
type Entry struct {
	Name   string
	Method Method
	// CRC is the CRC-32 (IEEE) of the file.
	CRC uint32
	// Size is the file's length, Packed that of the data kept; the same when stored.
	Size, Packed int64

	header int64 // offset of the local header
}

func (e *Entry) check() error {
	bad := func(format string, args ...any) error {
		return &ProfileError{clip(e.Name), e.header, fmt.Sprintf(format, args...)}
	}
	if why := badName(e.Name); why != "" {
		return bad("the name %s", why)
	}
	switch {
	case e.Size < 0 || e.Packed < 0 || e.Size > MaxSize || e.Packed > MaxSize:
		return bad("the size is out of range")
	case e.Method == Stored && e.Size != e.Packed:
		return bad("it is stored, but its two sizes differ")
	case e.Method == Deflated && e.Size > e.Packed*MaxRatio:
		return bad("it would unpack to more than %d times its packed size", MaxRatio)
	case e.Method != Stored && e.Method != Deflated:
		return bad("method %d is neither stored nor deflated", e.Method)
	}
	return nil
}

// badName says what is wrong with a name, or nothing.
func badName(name string) string {
	if name == "" || len(name) > MaxName {
		return fmt.Sprintf("has %d bytes, must have 1 to %d", len(name), MaxName)
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-/", c) >= 0) {
			return fmt.Sprintf("contains the byte %q; only letters, digits and ._-/ are allowed", c)
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || strings.HasSuffix(part, ".") {
			return "is not a plain relative path"
		}
	}
	return ""
}

// names finds names that would not unpack side by side.
type names struct {
	files, folders map[string]bool
}

func newNames(n int) *names {
	return &names{make(map[string]bool, n), make(map[string]bool)}
}

// add says what stands against one more name, or nothing.
func (s *names) add(name string) string {
	key := strings.ToLower(name)
	if s.files[key] {
		return "there are two entries of this name"
	}
	if s.folders[key] {
		return "the name is also a folder of another entry"
	}
	s.files[key] = true
	for i, c := range []byte(key) {
		if c != '/' {
			continue
		}
		if s.files[key[:i]] {
			return "a folder of it is also the name of another entry"
		}
		s.folders[key[:i]] = true
	}
	return ""
}

// clip keeps hostile input short in an error's text.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// dosTime is a modification time as ZIP keeps it: even seconds, 1980 to 2107.
type dosTime struct{ date, time uint16 }

// Stamp cuts t to what a container can carry: UTC, even seconds, 1980 to 2107.
func Stamp(t time.Time) time.Time {
	t = t.UTC().Truncate(2 * time.Second)
	first, last := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	switch {
	case t.Before(first):
		return first
	case t.After(last):
		return last
	}
	return t
}

func toDOS(t time.Time) dosTime {
	t = Stamp(t)
	return dosTime{
		uint16(t.Year()-1980)<<9 | uint16(t.Month())<<5 | uint16(t.Day()),
		uint16(t.Hour())<<11 | uint16(t.Minute())<<5 | uint16(t.Second()/2),
	}
}

// at is the instant; ok is false where d is no date.
func (d dosTime) at() (t time.Time, ok bool) {
	t = time.Date(int(d.date>>9)+1980, time.Month(d.date>>5&15), int(d.date&31),
		int(d.time>>11), int(d.time>>5&63), int(d.time&31)*2, 0, time.UTC)
	return t, toDOS(t) == d
}
