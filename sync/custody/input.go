package custody

import (
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/rules"
	"fieldseal/sync/seal"
)

// Entry is one accepted event with what the ledger knows of it.
type Entry struct {
	// Index is the event's place in the ledger.
	Index int64
	// Received is when the ledger took it in.
	Received time.Time
	Event    *event.Payload
	// Body is what event.ParseBody made of Event.Body.
	Body event.Body
	ID   event.ID
	Key  seal.KeyID
	// Pending says that events before it in its device's chain are not here yet.
	Pending bool
}

// MediaStatus says how far a file has come.
type MediaStatus string

// The states of a file.
const (
	MediaArrived  MediaStatus = "arrived"
	MediaMissing  MediaStatus = "missing"
	MediaMismatch MediaStatus = "mismatch"
)

// MediaState is the state of the bytes behind a digest.
type MediaState struct {
	Status MediaStatus
	// Have is the number of bytes here so far.
	Have int64
	// Got is the digest of the bytes that arrived, for MediaMismatch.
	Got event.Digest
}

// QuarantinedEntry is a received line that is not an accepted event but claims
// this case or one of its devices.
type QuarantinedEntry struct {
	Index    int64
	Received time.Time
	// SHA256 is the digest of the line.
	SHA256 event.Digest
	Layer  seal.Layer
	Code   seal.Code
	Detail string
	// Claimed is what the line says of itself, which proves nothing.
	Claimed event.Payload
}

// CheckpointTime is a checkpoint of the ledger with the times that bear witness to it.
type CheckpointTime struct {
	// Size is the number of leaves covered: every entry with Index < Size.
	Size int64
	Root event.Root
	// Note is SHA-256 over the signed note's bytes, as devices embed it.
	Note event.Digest
	// Signed is the time the log itself states.
	Signed time.Time
	// Witnessed is when a quorum of witnesses had cosigned, by the cosignatures in
	// the very note that Note is the digest of; zero where none has.
	Witnessed time.Time
	// Witnesses is the number of cosignatures that were verified.
	Witnesses int
	// Tokens are the RFC 3161 tokens over the note.
	Tokens []Token
}

// Token is an RFC 3161 timestamp token. It counts only where it was verified.
type Token struct {
	// Time is the latest at which it may have been made: the authority's time and
	// the accuracy that it states.
	Time     time.Time
	Verified bool
	// Authority names the timestamp authority, Detail says why a token did not verify.
	Authority string
	Detail    string
}

// Input is everything that a case is judged by.
type Input struct {
	Case event.UUID
	// Entries are the case's events, and the authority's events that concern
	// them: persons, organisations, devices, grants, media, revocations.
	Entries     []Entry
	Media       map[event.Digest]MediaState
	Quarantine  []QuarantinedEntry
	Checkpoints []CheckpointTime
	// Rules is the pack to judge by; nil means rules.Default.
	Rules *rules.Pack
	// Now is the time being judged, the only clock there is.
	Now time.Time
	// Hidden says that not all of the case's events are disclosed.
	Hidden bool
}
