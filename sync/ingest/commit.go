package ingest

import (
	"context"
	"errors"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/store"
)

// commitLoop is the one writer of this engine: it takes what waits, up to a full
// group, and carries it through.
func (e *Engine) commitLoop(x *indexer) {
	defer close(e.ended)
	defer x.timer.Stop()
	for {
		select {
		case r := <-e.queue:
			x.added(e, e.commit(e.gather(r)))
		case <-x.timer.C:
			x.idle(e)
		case <-e.closed:
			// What was queued before the end is still answered.
			for {
				select {
				case r := <-e.queue:
					e.commit(e.gather(r))
				default:
					return
				}
			}
		}
	}
}

// gather adds what else waits to a group, without waiting for it.
func (e *Engine) gather(first *request) []*request {
	group, n := []*request{first}, first.weight()
	for n < groupEvents {
		select {
		case r := <-e.queue:
			group = append(group, r)
			n += r.weight()
		default:
			return group
		}
	}
	return group
}

func (r *request) weight() int { return len(r.incoming) + len(r.drafts) }

// commit carries a group through, answers every request in it, and gives the
// number of entries that were added.
func (e *Engine) commit(group []*request) (added int64) {
	start := time.Now()
	w, err := e.append(group)
	if err != nil {
		e.stats.failed.Add(1)
		if len(group) > 1 && lone(err) {
			for _, r := range group {
				added += e.commit([]*request{r})
			}
			return added
		}
		for _, r := range group {
			r.answer(Receipt{}, err)
		}
		return 0
	}
	e.stats.group(w, time.Since(start))
	for i, r := range group {
		r.answer(w.receipt(i))
	}
	return int64(w.added)
}

// lone reports whether the reason of a failure may lie in one request of the
// group, so that the others are worth trying without it.
func lone(err error) bool {
	var unknown *OutcomeError
	var behind *GuardError
	if errors.As(err, &unknown) || errors.As(err, &behind) || errors.Is(err, ErrDamaged) {
		return false
	}
	k := store.KindOf(err)
	return k == store.KindInternal || k == store.KindConflict
}

// append writes a group in one transaction, signs and guards the checkpoint.
func (e *Engine) append(group []*request) (w *written, err error) {
	ctx := context.Background()
	e.writer.Lock()
	defer e.writer.Unlock()
	defer func() {
		if err != nil {
			e.head = nil // whatever happened, the next attempt reads the log again
		}
	}()
	first := true
	err = e.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		if !first {
			e.head = nil // a transaction that runs again may have left traces in the registry
		}
		first, w = false, nil
		if err := tx.LockLedger(); err != nil {
			return err
		}
		if err := e.current(tx); err != nil {
			return err
		}
		t := &transaction{e: e, tx: tx, head: e.head}
		if err := t.run(group); err != nil {
			return err
		}
		w = t.written()
		return nil
	})
	if errors.Is(err, store.ErrOutcomeUnknown) {
		return nil, &OutcomeError{err}
	}
	if err != nil {
		return nil, err
	}
	return w, e.seal(ctx, w)
}

// seal signs the checkpoint of what has just been committed, advances the guard and shows it.
func (e *Engine) seal(ctx context.Context, w *written) error {
	old := e.head
	if w.tree == nil {
		return nil // nothing was appended
	}
	signed, err := e.sign(w.tree)
	if err != nil {
		return err
	}
	rootAt := func(ctx context.Context, size ledger.Size) (ledger.Hash, error) {
		switch size {
		case w.tree.Size():
			return w.tree.Root(), nil
		case old.tree.Size():
			return old.tree.Root(), nil
		}
		return ledger.RootAt(ctx, e.tiles, size)
	}
	if err := e.cfg.Guard.Advance(ctx, signed, rootAt); err != nil {
		return &GuardError{err}
	}
	e.head = &head{tree: w.tree, signed: signed, reg: old.reg}
	w.notes[int64(signed.Size)] = string(signed.Note())
	e.publish(signed)
	return nil
}

// written is what a transaction did.
type written struct {
	tree    *ledger.Tree // nil where nothing was appended
	results [][]Result   // of each request of the group
	errs    []error      // of each request: a draft that was refused
	notes   map[int64]string
	added   int
}

func (w *written) receipt(i int) (Receipt, error) {
	if w.errs[i] != nil {
		return Receipt{}, w.errs[i]
	}
	r := Receipt{Results: w.results[i], Checkpoints: map[int64]string{}}
	for _, res := range r.Results {
		r.Checkpoints[res.CheckpointSize] = w.notes[res.CheckpointSize]
	}
	return r, nil
}

func resultOf(o reconcile.Outcome) Result {
	return Result{ID: o.ID, Status: o.Status, Code: o.Code, Detail: o.Detail, Index: o.Index, Received: o.Received,
		Kind: o.Kind, Pending: o.Pending, WaitsFor: o.WaitsFor}
}
