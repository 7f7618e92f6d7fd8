package ingest

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed is returned once Close was called; what was submitted then is not stored.
	ErrClosed = errors.New("ingest: the server is stopping; send the batch again later")
	// ErrTooManyLines is wrapped where a submission has more than MaxLines lines.
	ErrTooManyLines = errors.New("ingest: too many lines in one batch")
	// ErrEmpty is returned by Open for an empty store where no authority's name is given.
	ErrEmpty = errors.New("ingest: the store is empty, and no name of an authority is configured to begin a log with")
	// ErrKeyMismatch is wrapped where the keys are not those that the log was begun with.
	ErrKeyMismatch = errors.New("ingest: the configured keys are not this log's")
	// ErrDamaged is wrapped where the stored log contradicts itself. Nothing is
	// appended to such a log; run fsck.
	ErrDamaged = errors.New("ingest: the stored log contradicts itself; nothing is appended until fsck has named the damage")
	// ErrConflict is wrapped by the refusal of a draft: what it would state
	// contradicts what the log holds.
	ErrConflict = errors.New("ingest: refused")
)

// errBegun is for a process that finds another's genesis.
var errBegun = errors.New("ingest: the log has been begun")

// OutcomeError says that a commit failed without telling whether it took
// effect. Submit the same lines again: the answer then is what happened. After
// Author, look whether the event is there before authoring it again.
type OutcomeError struct{ Cause error }

func (e *OutcomeError) Error() string {
	return fmt.Sprintf("ingest: it is not known whether the batch was stored; send the same batch again, nothing is stored twice: %v", e.Cause)
}

func (e *OutcomeError) Unwrap() error { return e.Cause }

// GuardError says that the events were stored, but that the guard could not be
// brought up to them, so nothing may be acknowledged. Submit the same lines
// again when the guard works.
type GuardError struct{ Cause error }

func (e *GuardError) Error() string {
	return fmt.Sprintf("ingest: the checkpoint guard failed, so the batch is not acknowledged; send it again: %v", e.Cause)
}

func (e *GuardError) Unwrap() error { return e.Cause }

func conflict(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrConflict}, args...)...)
}
