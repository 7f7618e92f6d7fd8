package source

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"

	"fieldseal/sync/bundle"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/rules"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// plan is which entries a case's bundle needs.
type plan struct {
	id         event.UUID
	size       ledger.Size
	events     []int64 // in log order
	quarantine []int64
	keys       map[int64]device // by number, of every device that sealed one of events
}

// device is a device's key, for seal.Verify.
type device struct {
	id  event.UUID
	key seal.PublicKey
}

// DeviceKey implements seal.Keys.
func (d device) DeviceKey(id event.UUID) (seal.PublicKey, bool, error) { return d.key, id == d.id, nil }

// gatherer makes a plan within one transaction.
type gatherer struct {
	tx   *store.Tx
	plan *plan
	size int64
	// asked are the subjects whose statements are taken up already, todo those that are not.
	asked map[event.UUID]bool
	todo  []event.UUID
	devs  map[int64]bool // devices that sealed events of the case
	ids   map[event.ID]bool
	files map[event.Digest]bool
}

// planFor gives the plan for a case, made once.
func (s *Source) planFor(ctx context.Context, id event.UUID, size ledger.Size) (*plan, error) {
	if s.plan != nil && s.plan.id == id && s.plan.size == size {
		return s.plan, nil
	}
	p := &plan{id: id, size: size, keys: map[int64]device{}}
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		g := &gatherer{tx: tx, plan: p, size: int64(size), asked: map[event.UUID]bool{}, devs: map[int64]bool{}, ids: map[event.ID]bool{}, files: map[event.Digest]bool{}}
		for _, step := range []func() error{g.caseEvents, g.quarantined, g.authority, g.statements, g.chains, g.amendments, g.settled, g.devices} {
			if err := step(); err != nil {
				return err
			}
		}
		slices.Sort(p.events)
		p.events = slices.Compact(p.events)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.plan = p
	return p, nil
}

// take plans an entry that the checkpoint covers.
func (g *gatherer) take(index int64) {
	if index >= 0 && index < g.size {
		g.plan.events = append(g.plan.events, index)
	}
}

// name notes persons, organisations and devices that something mentions. Most
// UUIDs are of other things, and nothing is stated about them.
func (g *gatherer) name(ids ...event.UUID) {
	for _, id := range ids {
		if !id.IsZero() && !g.asked[id] {
			g.asked[id] = true
			g.todo = append(g.todo, id)
		}
	}
}

func (g *gatherer) caseEvents() error {
	err := projection.EachCaseEvent(g.tx, g.plan.id, func(r store.EventRow) error {
		if r.Index >= g.size {
			return nil
		}
		p, _, err := parse(r.Line)
		if err != nil {
			return fmt.Errorf("entry %d: %w", r.Index, err)
		}
		g.take(r.Index)
		g.devs[r.Dev], g.ids[r.ID] = true, true
		g.name(p.Device, p.Actor)
		g.name(bundle.Mentioned(p.Body)...)
		return nil
	})
	if err != nil {
		return err
	}
	refs, err := projection.MediaOf(g.tx, g.plan.id)
	for _, r := range refs {
		g.files[r.SHA256] = true
	}
	return err
}

// quarantined plans the lines in quarantine that claim the case, or that claim
// no case and one of its devices.
func (g *gatherer) quarantined() error {
	keep := func(rows []store.QuarantineRow) {
		for _, r := range rows {
			if r.Index < g.size {
				g.plan.quarantine = append(g.plan.quarantine, r.Index)
				g.name(r.Device)
			}
		}
	}
	rows, err := projection.QuarantineOfCase(g.tx, g.plan.id)
	if err != nil {
		return err
	}
	keep(rows)
	for dev := range g.devs {
		d, found, err := projection.DeviceByNumber(g.tx, dev)
		if err != nil || !found {
			return missing(err, "device number %d has no row", dev)
		}
		err = g.tx.Each("SELECT idx FROM quarantine WHERE device = $1 AND length(case_id) = 0", store.Args(d.ID[:]), func(scan func(...any) error) error {
			var r store.QuarantineRow
			err := scan(&r.Index)
			keep([]store.QuarantineRow{r})
			return err
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(g.plan.quarantine)
	g.plan.quarantine = slices.Compact(g.plan.quarantine)
	return nil
}

// authority plans the genesis, the log that this one continues, and the rule pack.
func (g *gatherer) authority() error {
	d, found, err := projection.DeviceByNumber(g.tx, projection.AuthorityNumber)
	if err != nil || !found {
		return missing(err, "the authority has no row")
	}
	g.take(d.EnrolledIndex)
	second, found, err := projection.EventBySeq(g.tx, d.N, 2)
	if err != nil {
		return err
	}
	if found && second.Type == event.TypeLogPredecessor {
		g.take(second.Index)
	}
	packs, err := projection.RulePacks(g.tx)
	for _, p := range packs {
		if p.Pack == rules.DefaultID {
			g.take(p.Index)
		}
	}
	return err
}

// statements plans what the authority said about everyone who is named, about
// those whom its statements name in turn, and about the files. Of the UUIDs that
// events name most are of other things, so that they are looked up many at once.
func (g *gatherer) statements() error {
	for len(g.todo) > 0 {
		var known []event.UUID
		todo := g.todo
		g.todo = nil
		err := store.In(g.tx, "SELECT subject, idx FROM statements WHERE subject IN (%s)", nil, todo, func(id event.UUID) any { return id[:] },
			func(scan func(...any) error) error {
				var index int64
				var id event.UUID
				err := scan(store.Into(&id), &index)
				g.take(index)
				known = append(known, id)
				return err
			})
		if err != nil {
			return err
		}
		if err := g.related(known); err != nil {
			return err
		}
	}
	files := make([]event.Digest, 0, len(g.files))
	for d := range g.files {
		files = append(files, d)
	}
	return store.In(g.tx, "SELECT idx FROM statements WHERE subject IN (%s)", nil, files, func(d event.Digest) any { return d[:] }, g.index)
}

// related names the organisation of a person, and who a device belongs to.
func (g *gatherer) related(ids []event.UUID) error {
	for _, id := range ids {
		p, found, err := projection.PersonByID(g.tx, id)
		if err != nil {
			return err
		}
		if found {
			g.name(p.Org)
		}
		d, found, err := projection.DeviceByID(g.tx, id)
		if err != nil {
			return err
		}
		if found {
			g.name(d.Person, d.Org)
		}
	}
	return nil
}

// index scans one place and plans it.
func (g *gatherer) index(scan func(...any) error) error {
	var index int64
	err := scan(&index)
	if err == nil {
		g.take(index)
	}
	return err
}

// chains plans the genesis and the clock observations of the case's devices.
func (g *gatherer) chains() error {
	for dev := range g.devs {
		if dev == projection.AuthorityNumber {
			continue
		}
		err := g.tx.Each("SELECT idx, id FROM events WHERE dev = $1 AND case_n = 0 AND type IN ($2, $3) AND idx < $4",
			store.Args(dev, string(event.TypeDeviceGenesis), string(event.TypeClockObserved), g.size), func(scan func(...any) error) error {
				var index int64
				var id event.ID
				if err := scan(&index, store.Into(&id)); err != nil {
					return err
				}
				g.take(index)
				g.ids[id] = true
				return nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// amendments plans corrections that name no case and correct something planned.
func (g *gatherer) amendments() error {
	for dev := range g.devs {
		err := g.tx.Each("SELECT "+store.EventColumns+" FROM events WHERE dev = $1 AND case_n = 0 AND type = $2 AND idx < $3 ORDER BY idx",
			store.Args(dev, string(event.TypeEventAmended), g.size), func(scan func(...any) error) error {
				r, err := store.ScanEvent(scan)
				if err != nil {
					return err
				}
				_, body, err := parse(r.Line)
				if b, ok := body.(*event.EventAmended); ok && g.ids[b.Target] {
					g.take(r.Index)
				}
				return err
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// settled plans what became of the lines in quarantine, where that names no case.
func (g *gatherer) settled() error {
	return store.In(g.tx, "SELECT s.idx FROM settled s JOIN events e ON e.idx = s.idx WHERE e.case_n = 0 AND s.item IN (%s)", nil, g.plan.quarantine,
		func(i int64) any { return i }, g.index)
}

// devices notes the keys of everyone who sealed something planned.
func (g *gatherer) devices() error {
	devs := map[int64]bool{}
	err := store.In(g.tx, "SELECT DISTINCT dev FROM events WHERE idx IN (%s)", nil, g.plan.events, func(i int64) any { return i }, func(scan func(...any) error) error {
		var dev int64
		err := scan(&dev)
		devs[dev] = true
		return err
	})
	if err != nil {
		return err
	}
	for dev := range devs {
		d, found, err := projection.DeviceByNumber(g.tx, dev)
		if err != nil || !found {
			return missing(err, "device number %d has no row", dev)
		}
		g.plan.keys[dev] = device{d.ID, d.Key}
	}
	return nil
}

func missing(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", bundle.ErrSource, fmt.Sprintf(format, args...))
}

// parse reads a stored event.
func parse(line []byte) (event.Payload, event.Body, error) {
	env, err := seal.ParseEnvelope(line)
	if err != nil {
		return event.Payload{}, nil, fmt.Errorf("%w: a stored event cannot be read: %w", bundle.ErrSource, err)
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return p, nil, fmt.Errorf("%w: a stored event cannot be read: %w", bundle.ErrSource, err)
	}
	body, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		return p, nil, fmt.Errorf("%w: a stored event cannot be read: %w", bundle.ErrSource, err)
	}
	return p, body, nil
}

// chunk is how many events are read, and have their leaves computed, at once:
// enough to keep all cores busy, few enough to hold.
const chunk = 512

// Events implements bundle.Source.
func (s *Source) Events(ctx context.Context, c event.UUID, size ledger.Size) iter.Seq2[bundle.Event, error] {
	return func(yield func(bundle.Event, error) bool) {
		p, err := s.planFor(ctx, c, size)
		if err != nil {
			yield(bundle.Event{}, err)
			return
		}
		for part := range slices.Chunk(p.events, chunk) {
			list, err := s.read(ctx, p, part)
			if err != nil {
				yield(bundle.Event{}, err)
				return
			}
			for _, ev := range list {
				if !yield(ev, nil) {
					return
				}
			}
		}
	}
}

// read reads planned events in log order.
func (s *Source) read(ctx context.Context, p *plan, indices []int64) ([]bundle.Event, error) {
	rows := make([]store.EventRow, 0, len(indices))
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		rows = rows[:0]
		return store.In(tx, "SELECT "+store.EventColumns+" FROM events WHERE idx IN (%s) ORDER BY idx", nil, indices, func(i int64) any { return i },
			func(scan func(...any) error) error {
				r, err := store.ScanEvent(scan)
				rows = append(rows, r)
				return err
			})
	})
	if err != nil {
		return nil, err
	}
	if len(rows) != len(indices) {
		return nil, missing(nil, "%d of %d events between entries %d and %d are gone", len(indices)-len(rows), len(indices), indices[0], indices[len(indices)-1])
	}
	slices.SortFunc(rows, func(a, b store.EventRow) int { return int(a.Index - b.Index) })
	list := make([]bundle.Event, len(rows))
	for i, r := range rows {
		list[i] = bundle.Event{Index: ledger.Index(r.Index), Line: r.Line}
	}
	return list, s.addLeaves(p, rows, list)
}

// addLeaves computes the leaves that are not known yet, which takes as long as
// checking the signatures and is done on all cores. The event is checked again
// on the way, so that nothing damaged is handed out.
func (s *Source) addLeaves(p *plan, rows []store.EventRow, list []bundle.Event) error {
	errs := make([]error, len(rows))
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(rows); i += workers {
				if leaf, ok := s.leaves[list[i].Index]; ok {
					list[i].Leaf = leaf
					continue
				}
				v, refusal, err := seal.Verify(rows[i].Line, p.keys[rows[i].Dev])
				switch {
				case err != nil:
					errs[i] = err
				case refusal != nil:
					errs[i] = fmt.Errorf("%w: the stored event at entry %d does not verify: %w", bundle.ErrSource, rows[i].Index, refusal)
				default:
					list[i].Leaf = reconcile.LeafOf(v, rows[i].Received)
				}
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return err
		}
		s.leaves[list[i].Index] = list[i].Leaf
	}
	return nil
}

// Quarantine implements bundle.Source.
func (s *Source) Quarantine(ctx context.Context, c event.UUID, size ledger.Size) iter.Seq2[bundle.Quarantined, error] {
	return func(yield func(bundle.Quarantined, error) bool) {
		p, err := s.planFor(ctx, c, size)
		if err != nil {
			yield(bundle.Quarantined{}, err)
			return
		}
		for _, index := range p.quarantine {
			q, err := s.quarantined(ctx, index)
			if !yield(q, err) || err != nil {
				return
			}
		}
	}
}

func (s *Source) quarantined(ctx context.Context, index int64) (q bundle.Quarantined, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		r, found, err := tx.QuarantineAt(index)
		if err != nil || !found {
			return missing(err, "the line in quarantine at entry %d is gone", index)
		}
		q = bundle.Quarantined{Index: ledger.Index(index), Line: r.Line, Layer: seal.Layer(r.Layer), Code: seal.Code(r.Code), Detail: r.Detail,
			Leaf: reconcile.QuarantineLeaf(seal.LineDigest(r.Line), r.Received)}
		return nil
	})
	return q, err
}
