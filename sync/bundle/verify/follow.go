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
// What both have counts where it stood first. What both say of a file, counts as
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
	n := a.depth()
	for _, e := range a.in.Entries {
		if t.first[e.ID] != n {
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
