package verify

import (
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
)

// Follow says that the ledger of a continues one that showed the same case, which
// ended with so many entries. Custody is then judged over both as over one ledger:
// the entries of this one are numbered on behind those of the former one, and so are
// the sizes of its checkpoints. That is what the two commit to: everything in the one
// came after the last checkpoint of the other, which its entry 1 names.
//
// What both have counts where it stood first, and so does what the new authority only
// states anew: it is as old as it was. What both say of a file, counts as
// arrived where either has it.
func (a *Assembly) Follow(former *Assembly, ended int64) {
	a.former, a.base = former, former.base+ended
	for f := former; f != nil; f = f.former {
		for id := range a.amended { // a later amendment may be of what stands there
			f.amended[id] = true
		}
	}
}

// bases gives by the name of each ledger where its entry 0 is numbered.
func (a *Assembly) bases() map[string]int64 {
	m := map[string]int64{}
	for ; a != nil; a = a.former {
		m[a.origin] = a.base
	}
	return m
}

// first counts, for each event, the ledger that has it first, the oldest being 0.
func (a *Assembly) first() map[event.ID]int {
	if a == nil {
		return map[event.ID]int{}
	}
	m := a.former.first()
	n := a.depth()
	for i := range a.in.Entries {
		if _, ok := m[a.in.Entries[i].ID]; !ok {
			m[a.in.Entries[i].ID] = n
		}
	}
	return m
}

// depth is how many ledgers there were before.
func (a *Assembly) depth() (n int) {
	for a = a.former; a != nil; a = a.former {
		n++
	}
	return n
}

// input is what custody is judged by: what was added to a alone, or to it and to
// those that it follows.
func (a *Assembly) input() custody.Input {
	if a.former == nil {
		return a.in
	}
	t := &joint{first: a.first(), bases: a.bases(), seen: map[*event.Seen]*event.Seen{}}
	t.in = custody.Input{Case: a.in.Case, Media: map[event.Digest]custody.MediaState{}}
	t.add(a)
	return t.in
}

// joint is the input over several ledgers.
type joint struct {
	in    custody.Input
	first map[event.ID]int
	bases map[string]int64
	seen  map[*event.Seen]*event.Seen
}

// add adds what a ledger shows, those before it first.
func (t *joint) add(a *Assembly) {
	if a.former != nil {
		t.add(a.former)
		a.hidden = a.hidden || a.former.hidden
	}
	n, again := a.depth(), a.former.stated()
	authority := a.authority()
	for _, e := range a.in.Entries {
		if t.first[e.ID] != n || again.takes(&e, authority) {
			continue
		}
		e.Index += a.base
		if e.Event.Seen != nil {
			moved := *e.Event
			moved.Seen = t.moved(e.Event.Seen)
			e.Event = &moved
		}
		if b, ok := e.Body.(*event.QuarantineSettled); ok {
			moved := *b
			moved.Index += a.base
			e.Body = &moved
		}
		t.in.Entries = append(t.in.Entries, e)
	}
	for _, q := range a.in.Quarantine {
		q.Index += a.base
		t.in.Quarantine = append(t.in.Quarantine, q)
	}
	for _, c := range a.in.Checkpoints {
		c.Size += a.base
		t.in.Checkpoints = append(t.in.Checkpoints, c)
	}
	for d, m := range a.in.Media {
		if t.in.Media[d].Status != custody.MediaArrived {
			t.in.Media[d] = m
		}
	}
}

// statements counts what an authority has stated, by what it says.
type statements map[string]int

// statementOf is what an authority's event says; empty for those that a ledger begins
// with, and enrolments, of which each ledger has its own.
func statementOf(e *custody.Entry, authority event.UUID) string {
	if e.Event.Device != authority {
		return ""
	}
	switch e.Body.(type) {
	case *event.AuthorityGenesis, *event.LogPredecessor, *event.DeviceEnrolled:
		return ""
	}
	body, err := event.MarshalBody(e.Body)
	if err != nil {
		return ""
	}
	return string(e.Event.Type) + " " + e.Event.Case.String() + " " + string(body)
}

// stated lists the statements of a ledger's authority. a may be nil.
func (a *Assembly) stated() statements {
	s := statements{}
	if a == nil {
		return s
	}
	authority := a.authority()
	for i := range a.in.Entries {
		if what := statementOf(&a.in.Entries[i], authority); what != "" {
			s[what]++
		}
	}
	return s
}

// takes reports whether an entry only states anew what the former authority stated:
// each statement once. It counts when it was stated first; another one of the same
// words, which came later, counts as ever.
func (s statements) takes(e *custody.Entry, authority event.UUID) bool {
	what := statementOf(e, authority)
	if what == "" || s[what] == 0 {
		return false
	}
	s[what]--
	return true
}

// authority is the device that seals a ledger's statements.
func (a *Assembly) authority() event.UUID {
	for i := range a.in.Entries {
		if _, ok := a.in.Entries[i].Body.(*event.AuthorityGenesis); ok {
			return a.in.Entries[i].Event.Device
		}
	}
	return event.UUID{}
}

// moved is a checkpoint that an event embeds, with its size numbered through; nil
// for the empty tree, which tells nothing and would stand for another one.
func (t *joint) moved(s *event.Seen) *event.Seen {
	if m, ok := t.seen[s]; ok {
		return m
	}
	base, known := t.bases[s.Origin]
	m := s
	switch {
	case known && s.Size == 0 && base > 0:
		m = nil
	case known && base > 0:
		moved := *s
		moved.Size += base
		m = &moved
	}
	t.seen[s] = m
	return m
}
