package ingest

import (
	"context"
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

// head is what the engine remembers of the log between transactions.
type head struct {
	tree   *ledger.Tree
	signed *ledger.SignedCheckpoint // of the whole tree; nil while it is empty
	saved  bool                     // the note is in its row
	reg    projection.Registry
}

func (h *head) root() event.Root { return event.Root(h.tree.Root()) }

// current makes e.head the log as this transaction sees it, which holds the
// ledger's lock. What is read anew is checked against itself and the guard.
func (e *Engine) current(tx *store.Tx) error {
	last, found, err := tx.LastCheckpoint()
	if err != nil {
		return err
	}
	if h := e.head; h != nil && int64(h.tree.Size()) == last.Size && (!found || h.root() == last.Root) {
		return nil
	}
	e.head = nil
	h, err := e.load(tx, last, found)
	if err != nil {
		return err
	}
	if err := e.guarded(tx, h); err != nil {
		return err
	}
	e.head = h
	e.publish(h.signed)
	return nil
}

// load reads the edge of the tree and compares its root with the newest checkpoint.
func (e *Engine) load(tx *store.Tx, last store.CheckpointRow, found bool) (*head, error) {
	h := &head{tree: new(ledger.Tree), saved: true}
	if !found {
		return h, nil
	}
	tree, err := ledger.LoadTree(tx.Context(), tx, ledger.Size(last.Size))
	if err != nil {
		return nil, fmt.Errorf("%w: the tree of %d entries: %w", ErrDamaged, last.Size, err)
	}
	h.tree = tree
	if h.root() != last.Root {
		return nil, fmt.Errorf("%w: at %d entries the tiles give root %s, the checkpoint's row %s", ErrDamaged, last.Size, h.root(), last.Root)
	}
	if last.Note == "" {
		// The row is committed, its note was lost in a crash: the same text signed
		// again is the same note.
		h.saved = false
		h.signed, err = e.sign(tree)
		return h, err
	}
	h.signed, err = ledger.ParseCheckpoint([]byte(last.Note), e.cfg.LogKey.Verifier())
	if err != nil {
		return nil, fmt.Errorf("%w: the note of the checkpoint at %d entries: %w", ErrDamaged, last.Size, err)
	}
	if h.signed.Checkpoint != e.checkpointOf(tree) {
		return nil, fmt.Errorf("%w: the note beside the checkpoint at %d entries is of another", ErrDamaged, last.Size)
	}
	return h, nil
}

func (e *Engine) checkpointOf(t *ledger.Tree) ledger.Checkpoint {
	return ledger.Checkpoint{Origin: e.origin, Size: t.Size(), Root: t.Root()}
}

func (e *Engine) sign(t *ledger.Tree) (*ledger.SignedCheckpoint, error) {
	return ledger.Sign(e.checkpointOf(t), e.cfg.LogKey)
}

// guarded compares a log that was read anew with the guard and brings the guard up to it.
func (e *Engine) guarded(tx *store.Tx, h *head) error {
	rootAt := func(ctx context.Context, size ledger.Size) (ledger.Hash, error) {
		if size == h.tree.Size() {
			return h.tree.Root(), nil
		}
		return ledger.RootAt(ctx, tx, size)
	}
	state, err := e.cfg.Guard.Check(tx.Context(), e.origin, h.tree.Size(), rootAt)
	if err == nil && state.Frozen() {
		e.frozen.Store(&state.Why)
	}
	if err != nil || h.signed == nil || state.Size >= h.tree.Size() {
		return err
	}
	if err := e.cfg.Guard.Advance(tx.Context(), h.signed, rootAt); err != nil {
		return &GuardError{err}
	}
	return nil
}

// refresh makes the log public up to at least a size that is in the store; what
// another process has appended is read and compared with the guard. At size 0 it
// always looks.
func (e *Engine) refresh(ctx context.Context, size int64) error {
	e.writer.Lock()
	defer e.writer.Unlock()
	if p := e.public.Load(); size > 0 && p.signed != nil && int64(p.signed.Size) >= size {
		return nil
	}
	err := e.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockLedger(); err != nil {
			return err
		}
		return e.current(tx)
	})
	if err != nil {
		e.head = nil
	}
	return err
}

// saveNote writes the newest note to its row, where it is not there yet.
func (e *Engine) saveNote(ctx context.Context) error {
	h := e.head
	if h == nil || h.saved {
		return nil
	}
	err := e.cfg.Store.Write(ctx, func(tx *store.Tx) error { return putNote(tx, h) })
	h.saved = err == nil
	return err
}

func putNote(tx *store.Tx, h *head) error {
	if h.saved {
		return nil
	}
	_, err := tx.Exec("UPDATE checkpoints SET note = $1 WHERE size = $2 AND note = ''", string(h.signed.Note()), int64(h.signed.Size))
	return err
}

// publish makes a checkpoint that the guard knows the newest that is shown.
func (e *Engine) publish(signed *ledger.SignedCheckpoint) {
	for {
		old := e.public.Load()
		if old != nil && (signed == nil || old.signed != nil && old.signed.Size >= signed.Size) {
			return
		}
		if e.public.CompareAndSwap(old, &public{signed}) {
			e.subs.wake()
			return
		}
	}
}
