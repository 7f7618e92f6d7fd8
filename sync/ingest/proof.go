package ingest

import (
	"context"
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// Checkpoint gives the newest checkpoint that the guard knows, as a signed note.
// Where another process has appended, it is brought up to date first.
func (e *Engine) Checkpoint(ctx context.Context) (string, error) {
	signed, err := e.Signed(ctx)
	if err != nil {
		return "", err
	}
	return string(signed.Note()), nil
}

// Signed is Checkpoint, parsed.
func (e *Engine) Signed(ctx context.Context) (*ledger.SignedCheckpoint, error) {
	var size int64
	err := e.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		c, _, err := tx.LastCheckpoint()
		size = c.Size
		return err
	})
	if err != nil {
		return nil, err
	}
	// A size beyond what is public may be this engine's own commit that the guard is
	// about to learn, which refresh waits for, or that of another process.
	if p := e.public.Load().signed; p == nil || int64(p.Size) < size {
		if err := e.refresh(ctx, size); err != nil {
			return nil, err
		}
	}
	return e.public.Load().signed, nil
}

// Size is the number of entries that the newest public checkpoint covers.
func (e *Engine) Size() int64 {
	if p := e.public.Load().signed; p != nil {
		return int64(p.Size)
	}
	return 0
}

// InclusionProof is the RFC 6962 audit path of the entry at index in the tree
// of the given size. Errors wrap ledger.ErrOutOfRange where there is no such entry.
func (e *Engine) InclusionProof(ctx context.Context, index, size int64) ([]ledger.Hash, error) {
	if err := e.within(ctx, size); err != nil {
		return nil, err
	}
	return ledger.InclusionProof(ctx, e.tiles, ledger.Index(index), ledger.Size(size))
}

// Prover proves many entries of the tree of the given size, from the tree alone:
// whoever asks for proofs computes the leaves from what they hold themselves.
func (e *Engine) Prover(ctx context.Context, size int64) (*ledger.Prover, error) {
	if err := e.within(ctx, size); err != nil {
		return nil, err
	}
	return ledger.NewProver(ctx, e.tiles, ledger.Size(size)), nil
}

// ConsistencyProof is the RFC 6962 proof that the tree of size from is the
// beginning of the tree of size to.
func (e *Engine) ConsistencyProof(ctx context.Context, from, to int64) ([]ledger.Hash, error) {
	if err := e.within(ctx, to); err != nil {
		return nil, err
	}
	return ledger.ConsistencyProof(ctx, e.tiles, ledger.Size(from), ledger.Size(to))
}

// RootAt is the root that the log had at a size.
func (e *Engine) RootAt(ctx context.Context, size int64) (ledger.Hash, error) {
	if err := e.within(ctx, size); err != nil {
		return ledger.Hash{}, err
	}
	return ledger.RootAt(ctx, e.tiles, ledger.Size(size))
}

// within refuses a size beyond what is public.
func (e *Engine) within(ctx context.Context, size int64) error {
	if size <= e.Size() {
		return nil
	}
	c, err := e.Signed(ctx)
	if err == nil && size > int64(c.Size) {
		err = fmt.Errorf("%w: %d entries were asked for, the log has %d", ledger.ErrOutOfRange, size, c.Size)
	}
	return err
}

// LeafAt computes the entry at index from what is stored. The event is verified
// again on the way, so that a leaf is never given for damaged bytes.
func (e *Engine) LeafAt(ctx context.Context, index int64) (leaf ledger.Leaf, err error) {
	err = e.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		leaf, err = LeafAt(tx, index)
		return err
	})
	return leaf, err
}

// LeafAt is Engine.LeafAt within a transaction.
func LeafAt(tx *store.Tx, index int64) (ledger.Leaf, error) {
	row, found, err := tx.EventAt(index)
	if err != nil {
		return ledger.Leaf{}, err
	}
	if found {
		return eventLeaf(tx, row)
	}
	q, found, err := tx.QuarantineAt(index)
	if err != nil {
		return ledger.Leaf{}, err
	}
	if !found {
		return ledger.Leaf{}, fmt.Errorf("%w: there is no entry %d", ledger.ErrOutOfRange, index)
	}
	return reconcile.QuarantineLeaf(seal.LineDigest(q.Line), q.Received), nil
}

func eventLeaf(tx *store.Tx, row store.EventRow) (ledger.Leaf, error) {
	dev, found, err := projection.DeviceByNumber(tx, row.Dev)
	if err != nil {
		return ledger.Leaf{}, err
	}
	if !found {
		return ledger.Leaf{}, fmt.Errorf("%w: entry %d is of device number %d, which has no row", ErrDamaged, row.Index, row.Dev)
	}
	v, r, err := seal.Verify(row.Line, authorityKeys{dev.ID, dev.Key})
	if err != nil {
		return ledger.Leaf{}, err
	}
	if r != nil {
		return ledger.Leaf{}, fmt.Errorf("%w: the stored event at %d does not verify: %w", ErrDamaged, row.Index, r)
	}
	return reconcile.LeafOf(v, row.Received), nil
}

// checkAuthority compares the configured keys with those that the log was begun with.
func (e *Engine) checkAuthority(ctx context.Context) error {
	return e.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		dev, found, err := projection.DeviceByNumber(tx, projection.AuthorityNumber)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%w: the log has entries and no authority", ErrDamaged)
		}
		if dev.Key.ID() != e.cfg.AuthorityKey.Public().ID() {
			return fmt.Errorf("%w: the log was begun by the authority key %s, the configured one is %s", ErrKeyMismatch, dev.Key.ID(), e.cfg.AuthorityKey.Public().ID())
		}
		row, found, err := tx.EventAt(dev.EnrolledIndex)
		if err != nil || !found {
			return fmt.Errorf("%w: the authority's genesis is not at %d: %w", ErrDamaged, dev.EnrolledIndex, err)
		}
		v, r, err := seal.Verify(row.Line, authorityKeys{dev.ID, dev.Key})
		if err != nil {
			return err
		}
		if r != nil {
			return fmt.Errorf("%w: the authority's genesis: %w", ErrDamaged, r)
		}
		genesis, ok := v.Body().(*event.AuthorityGenesis)
		if !ok || genesis.LogOrigin != e.origin || genesis.LogKey != e.LogKey() {
			return fmt.Errorf("%w: the log was begun as %s with another key than the configured %s", ErrKeyMismatch, genesis.LogOrigin, e.LogKey())
		}
		return nil
	})
}

// Seal seals what is not an event, such as a bundle's manifest, with the authority's key.
func (e *Engine) Seal(payloadType string, payload []byte) ([]byte, error) {
	if payloadType == event.PayloadType {
		return nil, fmt.Errorf("ingest: events are sealed by Author, which appends them")
	}
	return e.cfg.AuthorityKey.Seal(payloadType, payload)
}
