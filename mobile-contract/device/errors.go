package device

import (
	"errors"
	"fmt"

	"fieldseal/sync/event"
)

// Errors of the store. Those about storage are wrapped by a *[StoreError].
var (
	// ErrNoStore: the directory holds no store; create one first.
	ErrNoStore = errors.New("there is no store here")
	// ErrExists: the directory holds a store already.
	ErrExists = errors.New("there is a store here already")
	// ErrNewerStore: a newer program made or migrated the store.
	ErrNewerStore = errors.New("the store was written by a newer program")
	// ErrDiskFull: the disk is full; nothing that was acknowledged is lost.
	ErrDiskFull = errors.New("the disk is full")
	// ErrStorage: reading or writing failed (EIO); nothing that was acknowledged is lost by it.
	ErrStorage = errors.New("the disk failed to read or write")
	// ErrCorrupt: the database file is damaged. Export what can be read, keep the file.
	ErrCorrupt = errors.New("the store's database is damaged")
	// ErrBusy: another process held the store for longer than the time-out.
	ErrBusy = errors.New("another process is writing to the store")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")

	// ErrNotEnrolled: the device has no identity yet.
	ErrNotEnrolled = errors.New("this device is not enrolled: enrol it with a one-time code first")
	// ErrEnrolled: the device has an identity already, and keeps it for life.
	ErrEnrolled = errors.New("this device is enrolled already")
	// ErrKeyFile: the private key is missing, readable by others, or another one than enrolled.
	ErrKeyFile = errors.New("the device's private key cannot be used")
	// ErrChainHold: the server has events of this device that this store lacks, so
	// that anything captured now would fork the chain.
	ErrChainHold = errors.New("capturing is stopped: this store is older than what the server has from this device")

	// ErrInput: what the caller asked for cannot be done as asked.
	ErrInput = errors.New("not possible as asked")
	// ErrNotFound: there is no such thing in this store.
	ErrNotFound = errors.New("not in this store")
	// ErrNoLabels: no label block has a number left.
	ErrNoLabels = errors.New("no label numbers are left on this device")
	// ErrLabelUsed: the label was given before.
	ErrLabelUsed = errors.New("the label is used already")
	// ErrMedia: a file cannot be kept, found or trusted.
	ErrMedia = errors.New("media")
	// ErrHandover: a handover's text or step does not fit.
	ErrHandover = errors.New("handover")

	// ErrTrust: the authority or the log is not the pinned one.
	ErrTrust = errors.New("the server is not the one this device trusts")
	// ErrOffline: the server could not be reached, or not to the end; what is not yet
	// sent stays here and goes out the next time.
	ErrOffline = errors.New("the server could not be reached")
	// ErrRefused: the server answered with an error that trying again will not mend.
	ErrRefused = errors.New("the server refused")
	// ErrSyncing: another process is syncing this store.
	ErrSyncing = errors.New("another process is syncing this store")
)

// StoreError says which operation of the store failed, and where.
type StoreError struct {
	Op   string
	Path string
	Err  error
}

func (e *StoreError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Path, e.Op, e.Err) }

func (e *StoreError) Unwrap() error { return e.Err }

// FaultKind names what a server did that it must never do.
type FaultKind string

// The kinds of fault. Each is also the kind of the anomaly that keeps the evidence.
const (
	// FaultWrongID: the id that came back is not that of the event sent.
	FaultWrongID FaultKind = "WRONG_ID"
	// FaultBadAnswer: the answer has another shape or other lines than the request.
	FaultBadAnswer FaultKind = "BAD_ANSWER"
	// FaultBadCheckpoint: a checkpoint is malformed or not signed by the pinned log key.
	FaultBadCheckpoint FaultKind = "BAD_CHECKPOINT"
	// FaultNotCovered: a receipt's index lies outside the checkpoint that should cover it.
	FaultNotCovered FaultKind = "NOT_COVERED"
	// FaultForkedLog: two signed checkpoints cannot belong to one history.
	FaultForkedLog FaultKind = "FORKED_LOG"
	// FaultBadProof: an inclusion proof does not lead from the event to the checkpoint.
	FaultBadProof FaultKind = "BAD_PROOF"
	// FaultLostEvents: the server no longer has events that it has proven to hold.
	FaultLostEvents FaultKind = "LOST_EVENTS"
	// FaultPulled: an event that the server showed does not verify.
	FaultPulled FaultKind = "PULLED_INVALID"
	// FaultHandover: what was accepted before its signer's key was known does not verify.
	FaultHandover FaultKind = "HANDOVER_INVALID"
	// FaultChainFork: the server has another event than this store at one place of this device's chain.
	FaultChainFork FaultKind = "CHAIN_FORK"
	// FaultSuccessor: a log that says it continues the pinned one does not, or leaves out
	// what this device was shown.
	FaultSuccessor FaultKind = "FALSE_SUCCESSOR"
	// FaultAuthority: the server presented another authority or log than the pinned one.
	FaultAuthority FaultKind = "OTHER_AUTHORITY"
)

// ServerFault is a server that cannot be believed. Nothing is marked as sent on
// its word; the evidence is kept as anomaly N.
type ServerFault struct {
	Kind   FaultKind
	Detail string
	// N is the number of the anomaly in this store, 0 where it could not be kept.
	N int64
}

func (e *ServerFault) Error() string {
	return fmt.Sprintf("%s: %s. Nothing was marked as sent; the server's answer is kept as anomaly %d: show it to your supervisor", e.Kind, e.Detail, e.N)
}

// CaptureError says what was wrong with an event that was not captured.
type CaptureError struct {
	Type event.Type
	Err  error
}

func (e *CaptureError) Error() string { return fmt.Sprintf("%s was not captured: %v", e.Type, e.Err) }

func (e *CaptureError) Unwrap() error { return e.Err }

func inputf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInput}, args...)...)
}

func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}
