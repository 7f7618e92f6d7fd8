package custody

import (
	"cmp"
	"iter"
	"reflect"
	"slices"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// act is an event of the case with its later view.
type act struct {
	Entry
	// now is the body as amended; Body where it was not; nil where it was voided.
	now event.Body
	// pos is the place in causal order, at the claimed wall-clock time.
	pos int
	at  time.Time
	// amendments are the corrections that took effect on it, in causal order.
	amendments []*act
	voided     *act
}

// ref is the act as a thing that can be pointed to.
func (a *act) ref() event.Ref { return event.Ref{Kind: "event", ID: a.Event.UUID} }

// view is a case's events, put in order and indexed, that the rules look at.
type view struct {
	in    Input
	rules *rules.Pack
	now   time.Time
	// acts is everything in causal order.
	acts     []*act
	byID     map[event.ID]*act
	byUUID   map[event.UUID]*act
	byBody   map[reflect.Type][]*act
	byDevice map[event.UUID][]*act
	// byRef lists the acts that concern a thing, in causal order, by their later view.
	byRef map[event.Ref][]*act
	// voided lists withdrawn acts by the things that they were about.
	voided map[event.Ref][]*act
	// terms are the handover terms read so far, relied the handover halves that the other side built on.
	terms    map[string]*event.Terms
	relied   map[event.ID]bool
	people   people
	amending []*amendment
	chains   chains
	lab      bench
	// holds lists the legal holds by what they are on; a hold on the case is on everything.
	holds    map[event.Ref][]*legalHold
	dossiers []*dossier
	circles  []tiedPair
	files    files
	series   []*series
	record   *Record
}

// each yields the acts with a body of type B as amended, voided ones left out, in causal order.
func each[B event.Body](v *view) iter.Seq2[*act, B] {
	return func(yield func(*act, B) bool) {
		for _, a := range v.byBody[reflect.TypeFor[B]()] {
			if b, ok := a.now.(B); ok && !yield(a, b) {
				return
			}
		}
	}
}

// eachOriginal yields the acts with a body of type B as it was sealed, voided ones included, in causal order.
func eachOriginal[B event.Body](v *view) iter.Seq2[*act, B] {
	return func(yield func(*act, B) bool) {
		for _, a := range v.byBody[reflect.TypeFor[B]()] {
			if !yield(a, a.Body.(B)) {
				return
			}
		}
	}
}

// concerning yields the acts about a thing with a body of type B as amended, in causal order.
func concerning[B event.Body](v *view, ref event.Ref) iter.Seq2[*act, B] {
	return func(yield func(*act, B) bool) {
		for _, a := range v.byRef[ref] {
			if b, ok := a.now.(B); ok && !yield(a, b) {
				return
			}
		}
	}
}

func newView(in Input) *view {
	v := &view{
		in: in, rules: in.Rules, now: in.Now,
		byID:     make(map[event.ID]*act, len(in.Entries)),
		byUUID:   make(map[event.UUID]*act, len(in.Entries)),
		byBody:   map[reflect.Type][]*act{},
		byDevice: map[event.UUID][]*act{},
		byRef:    map[event.Ref][]*act{},
		voided:   map[event.Ref][]*act{},
		terms:    map[string]*event.Terms{},
		record:   &Record{},
	}
	if v.rules == nil {
		v.rules = rules.Default()
	}
	v.take(in.Entries)
	for _, a := range v.acts {
		v.byUUID[a.Event.UUID] = a
		v.byDevice[a.Event.Device] = append(v.byDevice[a.Event.Device], a)
	}
	for _, chain := range v.byDevice {
		slices.SortFunc(chain, func(a, b *act) int {
			return cmp.Or(cmp.Compare(a.Event.Seq, b.Event.Seq), slices.Compare(a.ID[:], b.ID[:]))
		})
	}
	v.order()
	for _, a := range v.acts {
		t := reflect.TypeOf(a.Body)
		v.byBody[t] = append(v.byBody[t], a)
	}
	v.people = peopleOf(v)
	v.amend()
	for _, a := range v.acts {
		for _, ref := range v.touches(a.now) {
			v.byRef[ref] = append(v.byRef[ref], a)
		}
		if a.now == nil {
			for _, ref := range v.touches(a.Body) {
				v.voided[ref] = append(v.voided[ref], a)
			}
		}
	}
	return v
}

// take keeps the case's events and those of no case, each once.
func (v *view) take(entries []Entry) {
	block := make([]act, len(entries))
	v.acts = make([]*act, 0, len(entries))
	for i, e := range entries {
		other := !e.Event.Case.IsZero() && !v.in.Case.IsZero() && e.Event.Case != v.in.Case
		if other || v.byID[e.ID] != nil {
			continue
		}
		a := &block[i]
		*a = act{Entry: e, now: e.Body, at: e.Event.Clock.Wall.Time()}
		v.byID[e.ID] = a
		v.acts = append(v.acts, a)
	}
}
