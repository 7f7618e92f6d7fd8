package projection

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// Entry is an accepted event at its place in the log.
type Entry struct {
	Index    int64
	Received time.Time
	ID       event.ID
	Payload  *event.Payload
	Body     event.Body
	// Dev and Case are the numbers of the device and the case (0: none); Apply sets them.
	Dev  int64
	Case int64
}

// ErrDevice is wrapped where an entry is of a device that was never enrolled; a fault of the caller.
var ErrDevice = errors.New("projection: the device of an event is not enrolled")

// Apply takes entries, in log order, into the read models and sets their Dev
// and Case. It does not touch runs: the caller has decided those (SaveRuns).
func Apply(tx *store.Tx, reg *Registry, entries []Entry) error {
	if err := reg.open(tx); err != nil {
		return err
	}
	a := applier{tx: tx, reg: reg, cases: map[int64]*caseDelta{}}
	for i := range entries {
		if err := a.apply(&entries[i]); err != nil {
			return fmt.Errorf("projection: event %d: %w", entries[i].Index, err)
		}
	}
	return a.flush()
}

// applier gathers the rows of the frequent tables, so that each is written in
// few statements.
type applier struct {
	tx         *store.Tx
	reg        *Registry
	cases      map[int64]*caseDelta
	order      []int64 // cases in the order of first touch
	items      []any
	refs       []any
	statements []any
}

type caseDelta struct {
	events int64
	last   int64
}

func (a *applier) apply(e *Entry) error {
	// The authority's own device comes into being with the event that states it.
	if b, ok := e.Body.(*event.AuthorityGenesis); ok {
		if err := a.authority(e, b); err != nil {
			return err
		}
	}
	dev, found, err := a.reg.Device(a.tx, e.Payload.Device)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: %s", ErrDevice, e.Payload.Device)
	}
	e.Dev = dev.N
	var c *caseState
	if !e.Payload.Case.IsZero() {
		if c, err = a.reg.caseOf(a.tx, e.Payload.Case, e.Index); err != nil {
			return err
		}
		e.Case = c.n
		d := a.cases[c.n]
		if d == nil {
			d = &caseDelta{}
			a.cases[c.n] = d
			a.order = append(a.order, c.n)
		}
		d.events++
		d.last = e.Index
	}
	for _, m := range mediaIn(e.Body) {
		a.refs = append(a.refs, m.SHA256[:], e.Index, e.Case, m.Size, store.Text(m.Type), store.Text(m.Name))
	}
	if it, ok := itemIn(e.Body); ok {
		a.items = append(a.items, it.id[:], string(it.kind), e.Case, store.Text(it.label), findKey(it.label), flag(it.held), store.Bytes(it.sha), e.Index)
	}
	return a.body(e, dev, c)
}

func (a *applier) flush() error {
	slices.Sort(a.order)
	for _, n := range a.order {
		d := a.cases[n]
		if _, err := a.tx.Exec("UPDATE cases SET events = events + $1, last_idx = $2 WHERE n = $3", d.events, d.last, n); err != nil {
			return err
		}
	}
	if err := a.tx.Insert("INSERT INTO items (id, kind, case_n, label, find, held, sha, idx)", 8, "ON CONFLICT (id) DO NOTHING", a.items); err != nil {
		return err
	}
	if err := a.tx.Insert("INSERT INTO media_refs (sha, idx, case_n, size, type, name)", 6, "ON CONFLICT (sha, idx) DO NOTHING", a.refs); err != nil {
		return err
	}
	return a.tx.Insert("INSERT INTO statements (subject, idx)", 2, "ON CONFLICT (subject, idx) DO NOTHING", a.statements)
}

// about files an authority event under what it is about.
func (a *applier) about(subject []byte, index int64) {
	a.statements = append(a.statements, subject, index)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
