package blob

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotHeld: there is no content of that digest.
	ErrNotHeld = errors.New("no content of that digest is held")
	// ErrUnknown: there is no upload of that id.
	ErrUnknown = errors.New("no upload of that id exists; create a new one")
	// ErrLocked: another Append, Finish or Abandon on the upload is under way.
	ErrLocked = errors.New("the upload is in use by another request; ask for its offset and try again")
	// ErrFull: the file system has no room, or a quota is used up. What was
	// acknowledged before is kept; free room and resume.
	ErrFull = errors.New("no room left on the media store's file system")
	// ErrPromise: an upload is described in a way that the store cannot keep.
	ErrPromise = errors.New("the upload is not described in a way that can be kept")
	// ErrFormat: a directory or a record is not of this package's layout.
	ErrFormat = errors.New("not in the layout of this version")
)

// MismatchError says that bytes have another digest than the one they were
// promised or named by.
type MismatchError struct {
	Wanted, Got Digest
	Size        int64 // bytes hashed
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("the %d bytes received have the SHA-256 %s, not %s; they are kept in quarantine, send the original again as a new upload",
		e.Size, e.Got, e.Wanted)
}

// ChecksumError says that a chunk had another digest than announced; nothing of
// the chunk was kept.
type ChecksumError struct {
	Wanted, Got Digest
	Offset      int64 // where the chunk has to be sent again
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("the chunk at offset %d has the SHA-256 %s, not %s; it was discarded, send it again", e.Offset, e.Got, e.Wanted)
}

// OffsetError says that a request does not fit the bytes that are there.
type OffsetError struct {
	Have  int64 // bytes durable
	Asked int64 // Append: the offset given; Finish: the length promised
}

func (e *OffsetError) Error() string {
	return fmt.Sprintf("the upload stands at offset %d, not %d; continue from %d", e.Have, e.Asked, e.Have)
}

// LengthError says that held content has another length than was promised for
// its digest, so one of the two figures is wrong.
type LengthError struct {
	Digest         Digest
	Held, Promised int64
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("content %s is held and has %d bytes, not %d; check the file's length", e.Digest, e.Held, e.Promised)
}

// TooLargeError says that more bytes were promised or put than the store takes.
type TooLargeError struct {
	Length, Max int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%d bytes are more than the %d that this store takes in one file", e.Length, e.Max)
}

// StateError says that an upload is past the state that a request needs.
type StateError struct {
	ID    UploadID
	State State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("upload %s is %s and takes no such request", e.ID, e.State)
}

// SourceError says that the body of an Append failed; what it had yielded is
// durable unless the chunk had a checksum.
type SourceError struct {
	Offset int64 // the offset acknowledged
	Err    error
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("the sender broke off; everything before offset %d is kept: %v", e.Offset, e.Err)
}

func (e *SourceError) Unwrap() error { return e.Err }

// DamagedError says that an upload's files are not as this package left them:
// acknowledged bytes are missing, or its record cannot be read. The files are
// left for the operator; the client starts a new upload.
type DamagedError struct {
	ID     UploadID
	Name   string // the file or directory
	Detail string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("upload %s is damaged on the server's disk (%s: %s); its files are kept, send the original again as a new upload",
		e.ID, e.Name, e.Detail)
}

// StrayError names things in the content tree that are not content.
type StrayError struct{ Names []string }

func (e *StrayError) Error() string {
	return fmt.Sprintf("%d entries in the content tree are not content; find out who put them there and move them away: %s",
		len(e.Names), strings.Join(e.Names, ", "))
}
