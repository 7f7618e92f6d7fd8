package ingest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/store"
)

// transaction is one group on its way into the log.
type transaction struct {
	e    *Engine
	tx   *store.Tx
	head *head
	// tree is the log with what this transaction has added, tiles what of it has
	// changed, by place.
	tree  *ledger.Tree
	tiles map[ledger.TileID]ledger.Tile

	results [][]Result // of each request of the group
	errs    []error
	notes   map[int64]string // of older checkpoints that results name
}

// run carries the group out: first each list of drafts, then all that was
// handed in, together.
func (t *transaction) run(group []*request) error {
	t.tree, t.tiles, t.notes = t.head.tree, map[ledger.TileID]ledger.Tile{}, map[int64]string{}
	t.results, t.errs = make([][]Result, len(group)), make([]error, len(group))
	var incoming []reconcile.Incoming
	var carriers []event.UUID
	for i, r := range group {
		if len(r.drafts) > 0 {
			if err := t.author(i, r.drafts); err != nil {
				return err
			}
		}
		incoming = append(incoming, r.incoming...)
		for range r.incoming {
			carriers = append(carriers, r.carrier)
		}
	}
	outcomes, err := t.append(incoming, carriers)
	if err != nil {
		return err
	}
	for i, r := range group {
		for _, o := range outcomes[:len(r.incoming)] {
			t.results[i] = append(t.results[i], resultOf(o))
		}
		outcomes = outcomes[len(r.incoming):]
	}
	if err := t.finish(); err != nil {
		return err
	}
	return t.cover()
}

// append decides about lines and writes what is to be kept of them.
func (t *transaction) append(incoming []reconcile.Incoming, carriers []event.UUID) ([]reconcile.Outcome, error) {
	if len(incoming) == 0 {
		return nil, nil
	}
	state, loaded, err := t.load(incoming)
	if err != nil {
		return nil, err
	}
	plan, err := reconcile.Decide(state, incoming, t.tx.Now())
	if err != nil || len(plan.Appends) == 0 {
		return plan.Outcomes, err
	}
	if err := t.refuseFrozen(); err != nil {
		return nil, err
	}
	var entries []projection.Entry
	hashes := make([]ledger.Hash, len(plan.Appends))
	now := t.tx.Now()
	for i, a := range plan.Appends {
		leaf := reconcile.QuarantineLeaf(a.SHA, now)
		if a.Event != nil {
			leaf = reconcile.LeafOf(a.Event, now)
			entries = append(entries, projection.Entry{Index: a.Index, Received: now, ID: a.Event.ID(), Payload: a.Event.Payload(), Body: a.Event.Body()})
		}
		if hashes[i], err = leaf.Hash(); err != nil {
			return nil, err
		}
	}
	if err := projection.Apply(t.tx, &t.head.reg, entries); err != nil {
		return nil, err
	}
	if err := t.rows(plan.Appends, entries, carriers); err != nil {
		return nil, err
	}
	if err := t.saveRuns(loaded, plan.Runs); err != nil {
		return nil, err
	}
	next, changed := t.tree.Append(hashes)
	t.tree = next
	for _, tile := range changed {
		t.tiles[tile.TileID] = tile
	}
	return plan.Outcomes, nil
}

// rows writes the exact bytes.
func (t *transaction) rows(appends []reconcile.Append, entries []projection.Entry, carriers []event.UUID) error {
	events := make([]store.EventRow, 0, len(entries))
	var refused []store.QuarantineRow
	for _, a := range appends {
		carrier, err := t.carrier(carriers[a.In])
		if err != nil {
			return err
		}
		if r := a.Quarantine; r != nil {
			c := r.Claimed
			refused = append(refused, store.QuarantineRow{Index: a.Index, SHA: a.SHA, Received: t.tx.Now(), Layer: string(r.Layer), Code: string(r.Code),
				Detail: r.Detail, EventID: r.ID, Device: c.Device, Seq: c.Seq, Type: c.Type, Case: c.Case, Carrier: carrier, Line: r.Line})
			continue
		}
		e, p := &entries[len(events)], a.Event.Payload()
		events = append(events, store.EventRow{Index: a.Index, Dev: e.Dev, Seq: p.Seq, ID: e.ID, UUID: p.UUID, Type: p.Type, Case: e.Case,
			Received: e.Received, Carrier: carrier, Line: a.Event.Line()})
	}
	if err := t.tx.AppendEvents(events); err != nil {
		return err
	}
	return t.tx.AppendQuarantine(refused)
}

// carrier gives the number of the device that delivered a line, 0 where it is not known.
func (t *transaction) carrier(id event.UUID) (int64, error) {
	if id.IsZero() {
		return 0, nil
	}
	dev, found, err := t.head.reg.Device(t.tx, id)
	if err != nil || !found {
		return 0, err
	}
	return dev.N, nil
}

func (t *transaction) saveRuns(old, new map[event.UUID]reconcile.Runs) error {
	for id, runs := range new {
		dev, found, err := t.head.reg.Device(t.tx, id)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%w: device %s has events and no row", ErrDamaged, id)
		}
		if err := projection.SaveRuns(t.tx, dev.N, old[id], runs); err != nil {
			return err
		}
	}
	return nil
}

// finish writes the tiles and the row of the new checkpoint, and the note of the one before.
func (t *transaction) finish() error {
	if t.tree == t.head.tree {
		return nil
	}
	tiles := slices.SortedFunc(maps.Values(t.tiles), func(a, b ledger.Tile) int { return a.Compare(b.TileID) })
	if err := t.tx.PutTiles(tiles); err != nil {
		return err
	}
	if err := putNote(t.tx, t.head); err != nil {
		return err
	}
	return t.tx.PutCheckpoint(store.CheckpointRow{Size: int64(t.tree.Size()), Root: event.Root(t.tree.Root()), At: t.tx.Now()})
}

// cover finds the first checkpoint that covers each result.
func (t *transaction) cover() error {
	var all []*Result
	for i := range t.results {
		for j := range t.results[i] {
			all = append(all, &t.results[i][j])
		}
	}
	slices.SortStableFunc(all, func(a, b *Result) int { return cmp.Compare(a.Index, b.Index) })
	var size int64 // of the checkpoint that covers the results before
	for _, r := range all {
		if r.Index >= size {
			var err error
			if size, err = t.covering(r.Index); err != nil {
				return err
			}
		}
		r.CheckpointSize = size
	}
	return nil
}

// covering gives the size of the first checkpoint that covers an index, and
// keeps its note where it exists already.
func (t *transaction) covering(index int64) (int64, error) {
	if index >= int64(t.head.tree.Size()) {
		return int64(t.tree.Size()), nil
	}
	c, found, err := t.tx.FirstCheckpointCovering(index)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, fmt.Errorf("%w: no checkpoint covers entry %d", ErrDamaged, index)
	}
	if c.Note == "" {
		c.Note = string(t.head.signed.Note()) // only the newest can lack it
	}
	t.notes[c.Size] = c.Note
	return c.Size, nil
}

func (t *transaction) written() *written {
	w := &written{results: t.results, errs: t.errs, notes: t.notes, added: int(t.tree.Size() - t.head.tree.Size())}
	if w.added > 0 {
		w.tree = t.tree
	}
	return w
}
