package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
)

// Seed says where Reseed takes a log's tree from. At most one of the two is set;
// with neither it is the mark.
type Seed struct {
	// Checkpoint is one that the operator has from elsewhere and believes, such
	// as the newest that this witness is known to have cosigned.
	Checkpoint *ledger.SignedCheckpoint
	// FromNothing takes the log from its beginning: the operator knows that this
	// witness has never cosigned it.
	FromNothing bool
}

// Reseed lets a witness that has lost its state go on with a log. It is for
// people, while the witness does not run. Where the log has a mark, the mark
// is what was cosigned last, and a Seed that says otherwise is refused; a state
// that is not behind its mark is left alone (ErrPresent). Files that are missing
// are made: a state beside marks, or both.
func Reseed(ctx context.Context, p Paths, origin string, from Seed) (r Record, err error) {
	if err := ledger.ValidOrigin(origin); err != nil {
		return r, fmt.Errorf("keeper: %w", err)
	}
	if from.Checkpoint != nil && from.FromNothing {
		return r, errors.New("keeper: a log is reseeded from a checkpoint or from nothing, not both")
	}
	if from.Checkpoint != nil && from.Checkpoint.Origin != origin {
		return r, fmt.Errorf("keeper: the checkpoint is of %s, not of %s", from.Checkpoint.Origin, origin)
	}
	if err := replaceMissing(ctx, p); err != nil {
		return r, err
	}
	k, err := open(ctx, p, nil)
	if err != nil {
		return r, err
	}
	r, err = k.reseed(ctx, origin, from)
	return r, errors.Join(err, k.Close())
}

// replaceMissing makes the files that are not there. A state alone without its
// marks is not opened: it may be an old copy, and nothing is left to tell.
func replaceMissing(ctx context.Context, p Paths) error {
	_, stateErr := os.Stat(p.State)
	_, marksErr := os.Stat(p.Marks)
	switch noState, noMarks := errors.Is(stateErr, os.ErrNotExist), errors.Is(marksErr, os.ErrNotExist); {
	case noState && noMarks:
		return createPair(ctx, p, newPair(), bornReseed)
	case noState:
		marks, err := openFile(ctx, marksKind, p.Marks, nil)
		if err != nil {
			return err
		}
		pair, err := fact(ctx, marks, metaPair)
		if err = errors.Join(err, marks.Close()); err != nil {
			return err
		}
		return createFile(ctx, stateKind, p.State, map[string]string{metaPair: pair, metaBorn: bornReseed})
	case noMarks:
		return fmt.Errorf("%w: %s is there and its marks %s are not, so that nothing tells whether it is the newest. "+
			"Put the marks back; or move the state away and reseed each log from a checkpoint", ErrNotKeeper, p.State, p.Marks)
	}
	return nil
}

func (k *Keeper) reseed(ctx context.Context, origin string, from Seed) (r Record, err error) {
	marks, err := k.Marks(ctx)
	if err != nil {
		return r, err
	}
	tx, err := k.state.BeginTx(ctx, nil)
	if err != nil {
		return r, fmt.Errorf("keeper: %s: %w", k.paths.State, err)
	}
	defer func() { _ = tx.Rollback() }() // without effect once committed
	have, found, err := record(ctx, tx, origin)
	if err != nil {
		return r, err
	}
	if r, err = chooseSeed(marks, origin, from); err != nil {
		return r, err
	}
	if found && (have.Size > r.Size || have.Tree == r.Tree) {
		return r, fmt.Errorf("%w: the witness knows %s at size %d with root %v; nothing was changed", ErrPresent, origin, have.Size, have.Root)
	}
	if err := put(ctx, tx, r); err != nil {
		return r, err
	}
	if err := tx.Commit(); err != nil {
		return r, fmt.Errorf("%w: %s at size %d in %s: %w", ErrOutcomeUnknown, origin, r.Size, k.paths.State, err)
	}
	return r, k.raise(ctx, origin, r.Tree, r.At)
}

func chooseSeed(marks []Record, origin string, from Seed) (Record, error) {
	for _, m := range marks {
		if m.Origin != origin {
			continue
		}
		if from.Checkpoint != nil || from.FromNothing {
			return m, fmt.Errorf("%w: the mark of %s at size %d with root %v is what was cosigned last; reseed from it, without a checkpoint. "+
				"The log then proves that it only grew since", ErrPresent, origin, m.Size, m.Root)
		}
		return m, nil
	}
	switch c := from.Checkpoint; {
	case c != nil:
		return Record{Origin: origin, Tree: witness.Tree{Size: c.Size, Root: c.Root}, Note: c.Note()}, nil
	case from.FromNothing:
		return Record{Origin: origin, Tree: witness.Empty()}, nil
	}
	return Record{}, fmt.Errorf("%w: %s has no mark. Name a checkpoint of it that you have from elsewhere and believe, or say that it was never cosigned", ErrLost, origin)
}
