package guard

import (
	"errors"
	"fmt"
	"time"

	"fieldseal/sync/ledger"
)

var (
	// ErrGuardMissing is wrapped by *MissingError.
	ErrGuardMissing = errors.New("guard: the log is not in the guard")
	// ErrNotGuard is wrapped when the file is something else than a guard of
	// this version, such as the database itself.
	ErrNotGuard = errors.New("guard: not a guard file")
	// ErrDamaged is wrapped when what is stored contradicts itself.
	ErrDamaged = errors.New("guard: the stored checkpoint is damaged")
	// ErrPresent is wrapped when Adopt finds the log already guarded at another checkpoint.
	ErrPresent = errors.New("guard: the log is in the guard already")
	// ErrNotCommitted is wrapped when the checkpoint that is to be advanced to is
	// not that of the committed tiles: the server's memory and its database
	// differ. The checkpoint must not leave the process.
	ErrNotCommitted = errors.New("guard: the signed checkpoint is not that of the database")
	// ErrFrozen is wrapped by *FrozenError.
	ErrFrozen = errors.New("guard: the log is frozen")
	// ErrMoved is wrapped when a log is to be frozen at another checkpoint than the guard is at.
	ErrMoved = errors.New("guard: the log is at another checkpoint")
	// ErrOutcomeUnknown is wrapped when writing failed in a way that leaves open
	// whether the checkpoint is stored. Nothing may be acknowledged; the same
	// call may be repeated and then tells.
	ErrOutcomeUnknown = errors.New("guard: it is not known whether the checkpoint was stored")
)

// MissingError says that a log has entries and its guard knows nothing of it.
type MissingError struct {
	Path, Origin string
	Size         ledger.Size // of the log in the database
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("guard: the database holds %d entries of the log %s, but the guard file %s does not know the log. "+
		"Either the path of the guard is wrong: correct it. Or the guard was lost: make sure by the newest checkpoint that "+
		"any device, witness or bundle holds that the database is not an older state, then adopt it as it is: "+
		"fieldseal guard adopt --size %d", e.Size, e.Origin, e.Path, e.Size)
}

func (e *MissingError) Unwrap() error { return ErrGuardMissing }

// FrozenError says that a log would go on, or has, beyond the checkpoint that it
// was frozen at.
type FrozenError struct {
	Path string
	Last State
	// Size is the larger size.
	Size ledger.Size
}

func (e *FrozenError) Error() string {
	return fmt.Sprintf("guard: the log %s was frozen at %d entries on %s (%s; guard file %s) and does not go on to %d. What came after belongs into its "+
		"successor: let devices hand it in there (fieldseal successor)", e.Last.Origin, e.Last.Size, e.Last.FrozenAt.Format(time.RFC3339), e.Last.Why, e.Path, e.Size)
}

func (e *FrozenError) Unwrap() error { return ErrFrozen }

// RollbackError says that the database is older than what has been acknowledged.
type RollbackError struct {
	Path    string
	Origin  string
	Have    ledger.Size // of the log in the database
	Guarded State       // what was acknowledged
}

// Missing is the number of acknowledged entries that the database lacks.
func (e *RollbackError) Missing() int64 { return int64(e.Guarded.Size - e.Have) }

func (e *RollbackError) Error() string {
	return fmt.Sprintf("guard: the database is older than what has been acknowledged: it holds %d entries of the log %s, "+
		"but %d were acknowledged by %s (guard file %s). Evidence of %d entries is missing, and to append here would "+
		"sign a second history of them. Ways out: (1) restore a newer backup of the database, one with at least %d entries; "+
		"(2) replay the missing entries from archives of devices, bundles and exports of the log (fieldseal recover), which is "+
		"accepted only if it gives exactly the root that was acknowledged; (3) freeze this log and open a successor under a new origin, whose first entry is the last "+
		"checkpoint of this one (fieldseal freeze --lost; fieldseal successor), and let devices and media send again what is missing",
		e.Have, e.Origin, e.Guarded.Size, e.Guarded.At.Format(time.RFC3339), e.Path, e.Missing(), e.Guarded.Size)
}

// ForkError says that the database holds another history than the one that was
// acknowledged: at Size the roots differ.
type ForkError struct {
	Path   string
	Origin string
	Size   ledger.Size
	// Have is the root that the database gives at Size, Want the one that was acknowledged.
	Have, Want ledger.Hash
}

func (e *ForkError) Error() string {
	return fmt.Sprintf("guard: the database holds another history of the log %s than the one that was acknowledged: "+
		"at %d entries its root is %v, acknowledged was %v (guard file %s). Entries or tiles were changed, or the database "+
		"went on from an older state. Stop, keep both files as they are, and run the audit of the ledger to find the "+
		"entries that differ; then restore a backup that agrees with the guard, or freeze this log and open a successor",
		e.Origin, e.Size, e.Have, e.Want, e.Path)
}
