package ingest

import (
	"context"
	"errors"
	"fmt"

	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
)

// ErrFrozen is wrapped by *FrozenError.
var ErrFrozen = errors.New("ingest: the log is frozen")

// FrozenError says that something new was submitted to a log that takes nothing
// more. What the log holds is answered as ever.
type FrozenError struct {
	Origin string
	Why    string
}

func (e *FrozenError) Error() string {
	return fmt.Sprintf("ingest: the log %s is frozen (%s) and takes nothing new; hand it in to its successor", e.Origin, e.Why)
}

func (e *FrozenError) Unwrap() error { return ErrFrozen }

// metaFrozen is the small fact that tells every process on the database, in the
// transaction that would append, why the log is frozen.
const metaFrozen = "frozen"

// freezer is a guard that can end a log; *guard.Guard is one.
type freezer interface {
	Freeze(ctx context.Context, at ledger.Checkpoint, why string) error
}

// Freeze ends the log for ever and gives its last checkpoint. What waits to be
// appended, here or in another process, is refused with a *FrozenError. The
// database is told first and the guard after it: an error between the two leaves
// a log that takes nothing, and Freeze again ends it. Freezing a frozen log gives
// the same checkpoint.
func (e *Engine) Freeze(ctx context.Context, why string) (*ledger.SignedCheckpoint, error) {
	g, ok := e.cfg.Guard.(freezer)
	if !ok {
		return nil, errors.New("ingest: this guard cannot freeze a log")
	}
	if why == "" {
		return nil, errors.New("ingest: a log is frozen for a reason, and none is given")
	}
	e.writer.Lock()
	defer e.writer.Unlock()
	var last *ledger.SignedCheckpoint
	err := e.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockLedger(); err != nil {
			return err
		}
		if err := e.current(tx); err != nil {
			return err
		}
		if last = e.head.signed; last == nil {
			return errors.New("ingest: the log has no entries and cannot be frozen")
		}
		if err := putNote(tx, e.head); err != nil { // no transaction comes after this one
			return err
		}
		if before, err := tx.Meta(metaFrozen); err != nil || before != "" {
			return err
		}
		return tx.SetMeta(metaFrozen, store.Text(why))
	})
	if err != nil {
		e.head = nil
		return nil, err
	}
	e.head.saved = true
	// The guard may be behind where a process ended between commit and guard.
	if err := e.cfg.Guard.Advance(ctx, last, func(ctx context.Context, size ledger.Size) (ledger.Hash, error) {
		return ledger.RootAt(ctx, store.Tiles{Store: e.cfg.Store}, size)
	}); err != nil {
		return nil, &GuardError{err}
	}
	if err := g.Freeze(ctx, last.Checkpoint, why); err != nil {
		return nil, &GuardError{err}
	}
	return last, nil
}

// Frozen reports whether the log takes nothing more, and why.
func (e *Engine) Frozen(ctx context.Context) (why string, frozen bool, err error) {
	if p := e.frozen.Load(); p != nil {
		return *p, true, nil
	}
	err = e.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		why, err = tx.Meta(metaFrozen)
		return err
	})
	return why, why != "", err
}

// refuseFrozen is asked before anything is appended. The database knows it from
// Freeze; a copy of it from before Freeze is known by the guard.
func (t *transaction) refuseFrozen() error {
	if p := t.e.frozen.Load(); p != nil {
		return &FrozenError{t.e.origin, *p}
	}
	why, err := t.tx.Meta(metaFrozen)
	if err == nil && why != "" {
		err = &FrozenError{t.e.origin, why}
	}
	return err
}
