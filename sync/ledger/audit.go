package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// maxFaults bounds what Audit lists: with more, the tiles as a whole are lost
// and are rebuilt from the leaves, not looked at one by one.
const maxFaults = 100

// Audit hashes the whole log again. leaves gives the hash of every entry, in
// order, that the caller computed from the stored leaves; Audit builds the tree
// of the given size from them and compares every stored tile, also that no
// tile is wider than the size allows or lies behind the end. It gives the tree, whose Root the caller
// compares with the newest checkpoint, and a fault for each tile that is
// missing or differs, at most 100. The error is for what prevents the audit: a
// failing read of a leaf, a wrong number of leaves, a cancelled context.
//
// It holds the right edge and 256 hashes, whatever the size.
func Audit(ctx context.Context, r TileReader, size Size, leaves iter.Seq2[Hash, error]) (*Tree, []*TileError, error) {
	if err := checkSize(size); err != nil {
		return nil, nil, err
	}
	a := auditor{ctx: ctx, from: r, size: size, tree: new(Tree)}
	batch := make([]Hash, 0, TileWidth)
	var seen Size
	for h, err := range leaves {
		if err != nil {
			return nil, nil, fmt.Errorf("ledger: audit: entry %d: %w", seen, err)
		}
		if seen++; seen > size {
			return nil, nil, fmt.Errorf("%w: audit: there are more leaves than the %d of the log", ErrOutOfRange, size)
		}
		if batch = append(batch, h); len(batch) == TileWidth {
			if err := a.add(batch); err != nil {
				return nil, nil, err
			}
			batch = batch[:0]
		}
	}
	if seen != size {
		return nil, nil, fmt.Errorf("%w: audit: %d leaves, the log has %d", ErrOutOfRange, seen, size)
	}
	if err := a.add(batch); err != nil {
		return nil, nil, err
	}
	if err := a.finish(); err != nil {
		return nil, nil, err
	}
	return a.tree, a.faults, nil
}

type auditor struct {
	ctx    context.Context
	from   TileReader
	size   Size
	tree   *Tree
	faults []*TileError
}

// add appends a batch and compares the tiles that it completes.
func (a *auditor) add(batch []Hash) error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	var changed []Tile
	a.tree, changed = a.tree.Append(batch)
	for _, want := range changed {
		if want.Width() == TileWidth {
			if err := a.note(a.compare(want)); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish compares the partial tiles, and looks behind the end of each level.
func (a *auditor) finish() error {
	for level := range MaxLevels {
		id := edgeTile(a.size, level)
		if data := a.tree.edge[level]; data != nil {
			if err := a.note(a.compare(Tile{id, data})); err != nil {
				return err
			}
			id.N++
		}
		if err := a.note(a.absent(id)); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) note(fault *TileError, err error) error {
	if fault != nil && len(a.faults) < maxFaults {
		a.faults = append(a.faults, fault)
	}
	return err
}

func (a *auditor) absent(id TileID) (*TileError, error) {
	data, err := a.from.ReadTile(a.ctx, id.Level, id.N)
	switch {
	case errors.Is(err, ErrNoTile) || err == nil && len(data) == 0:
		return nil, nil
	case err != nil:
		return nil, &TileError{id, "cannot be read", err}
	}
	return &TileError{id, fmt.Sprintf("is stored, but a log of %d has no such tile", a.size), ErrOutOfRange}, nil
}

func (a *auditor) compare(want Tile) (*TileError, error) {
	id := want.TileID
	got, err := a.from.ReadTile(a.ctx, id.Level, id.N)
	switch {
	case errors.Is(err, ErrNoTile) || err == nil && len(got) == 0:
		return &TileError{id, "is missing", ErrNoTile}, nil
	case err != nil:
		return nil, &TileError{id, "cannot be read", err}
	case len(got) != len(want.Data):
		return &TileError{id, fmt.Sprintf("%d bytes, a log of %d has %d", len(got), a.size, len(want.Data)), nil}, nil
	}
	for i := range want.Width() {
		if hashAt(got, i) == hashAt(want.Data, i) {
			continue
		}
		if id.Level == 0 {
			return &TileError{id, fmt.Sprintf("the hash of log entry %d is not that of the stored leaf: "+
				"one of the two was changed", id.N<<TileHeight+int64(i)), ErrProof}, nil
		}
		return &TileError{id, fmt.Sprintf("entry %d is not the root of tile level %d number %d as the leaves give it",
			i, id.Level-1, id.N<<TileHeight+int64(i)), ErrProof}, nil
	}
	return nil, nil
}
