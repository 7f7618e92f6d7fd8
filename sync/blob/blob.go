package blob

import (
	"context"
	"io"
	"time"

	"fieldseal/sync/event"
)

// Digest is the SHA-256 of a file's bytes; its text form is 64 lower-case hex
// digits and its parser is strict.
type Digest = event.Digest

// ParseDigest reads the text form of a digest; a failure wraps event.ErrText.
func ParseDigest(s string) (Digest, error) { return event.ParseDigest(s) }

// State says how far an upload has come.
type State string

// The states of an upload.
const (
	Open        State = "open"        // bytes are awaited
	Arrived     State = "arrived"     // its bytes are content
	Quarantined State = "quarantined" // its bytes had another digest and are kept apart
	Abandoned   State = "abandoned"   // given up by its owner or by an operator; bytes kept
)

// Upload describes one upload.
type Upload struct {
	ID      UploadID          // zero where Held
	Wanted  Digest            // what the bytes must hash to
	Length  int64             // bytes promised
	Offset  int64             // bytes received and durable
	State   State             //
	Settled bool              // what follows from Arrived or Quarantined has been done
	Held    bool              // Create found the content already there and made no upload
	Meta    map[string]string // as given to Create
	Created time.Time         // UTC, whole seconds
	Got     Digest            // Quarantined: the digest of the bytes received
	Ended   time.Time         // Quarantined, Abandoned: when; UTC, whole seconds
	Reason  string            // Abandoned: why
}

// Promise is what Create is asked for.
type Promise struct {
	Wanted Digest
	Length int64
	// Meta is kept with the upload and given back; it means nothing to the
	// store. Its JSON may take up to MaxMeta bytes.
	Meta map[string]string
}

// Content is the part of a store that holds finished content. All methods are
// safe for concurrent use, also by several processes.
type Content interface {
	// Put stores what r yields until io.EOF and returns its digest and size once
	// the content is durable. It is for content made on the server; what devices
	// send arrives by uploads. More than the store's limit is a *TooLargeError.
	Put(ctx context.Context, r io.Reader) (Digest, int64, error)
	// Open opens content for reading; ErrNotHeld where there is none.
	Open(ctx context.Context, d Digest) (io.ReadSeekCloser, error)
	// Stat returns the size in bytes; ErrNotHeld where there is none.
	Stat(ctx context.Context, d Digest) (int64, error)
	// Has reports whether the content is there.
	Has(ctx context.Context, d Digest) (bool, error)
	// Walk calls fn for all content in ascending order of digest and stops at
	// the first error of fn. Things in the store that are not content are named
	// in a *StrayError, after everything else has been walked.
	Walk(ctx context.Context, fn func(d Digest, size int64) error) error
	// Verify reads the content and hashes it: nil, ErrNotHeld, or a
	// *MismatchError where the bytes are no longer those of the name.
	Verify(ctx context.Context, d Digest) error
	// Isolate verifies and, where the bytes do not match, moves them to
	// quarantine, so that the content can be sent again. It returns what Verify
	// would; after a *MismatchError the content is no longer held.
	Isolate(ctx context.Context, d Digest) error
}

// Store holds content and the uploads by which it arrives. All methods are safe
// for concurrent use.
type Store interface {
	Content

	// Create opens an upload, durable when it returns. Where the content is
	// held already it returns an Upload with Held set and no ID, and nothing
	// needs to be sent. Errors: *TooLargeError; *LengthError where the content
	// is held and has another length; ErrPromise; ErrFull.
	Create(ctx context.Context, p Promise) (Upload, error)

	// Append reads body from the upload's offset on, until io.EOF or until the
	// promised length is reached; it never reads more than that. It returns the
	// offset up to which everything is durable, also beside an error. offset
	// must be the upload's present one, else *OffsetError.
	//
	// Where body fails, what it had yielded is kept and acknowledged, and the
	// error is a *SourceError. Where sum is given it is the SHA-256 of exactly
	// this chunk: the chunk is then kept whole or not at all, and another digest
	// is a *ChecksumError. Further errors: ErrUnknown, ErrLocked, *StateError,
	// *DamagedError, ErrFull.
	Append(ctx context.Context, id UploadID, offset int64, body io.Reader, sum *Digest) (int64, error)

	// Upload describes an upload. While it is Open, its Offset is what is durable
	// now, also while an Append runs; that it has ended is for Finish to
	// acknowledge. Errors: ErrUnknown, *DamagedError; ErrLocked in the moment
	// in which another caller first takes the upload.
	Upload(ctx context.Context, id UploadID) (Upload, error)

	// Finish ends a complete upload. It is idempotent: an Arrived upload is
	// returned as it is, a Quarantined one gives its *MismatchError again. An
	// upload with bytes missing gives an *OffsetError, an Abandoned one a
	// *StateError. Further errors: ErrUnknown, ErrLocked, *DamagedError, ErrFull.
	Finish(ctx context.Context, id UploadID) (Upload, error)

	// Settle records that the consequence of an Arrived or Quarantined upload is
	// done. It is idempotent, and may be forgotten in a crash: then the upload
	// is shown unsettled once more.
	Settle(ctx context.Context, id UploadID) error

	// Abandon gives an Open upload up, for the reason given; its bytes are kept.
	// An upload in another state is a *StateError.
	Abandon(ctx context.Context, id UploadID, reason string) error

	// Purge deletes an Abandoned upload and its bytes, on an operator's order;
	// an upload in another state is a *StateError.
	Purge(ctx context.Context, id UploadID) error

	// Prune forgets the arrivals that came to their end before the time given and
	// are settled, and returns how many. Content is not touched; asked for such
	// an upload, the store then answers ErrUnknown.
	Prune(ctx context.Context, before time.Time) (int, error)

	// Uploads calls fn for every upload except settled arrivals, in no
	// particular order, and stops at the first error of fn. An upload that
	// cannot be read is left out and its *DamagedError is joined into the error
	// returned after all others.
	Uploads(ctx context.Context, fn func(Upload) error) error
}
