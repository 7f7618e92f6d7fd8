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
	byRef    map[event.Ref][]*act
	people   people
	amending []*amendment
	chains   chains
	circles  []tiedPair
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
		for _, ref := range touches(a.now) {
			v.byRef[ref] = append(v.byRef[ref], a)
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

// touches lists the things that a body is about, each once. A nil body is about nothing.
func touches(b event.Body) []event.Ref {
	var refs []event.Ref
	add := func(kind event.RefKind, id event.UUID) {
		if r := (event.Ref{Kind: kind, ID: id}); !id.IsZero() && !slices.Contains(refs, r) {
			refs = append(refs, r)
		}
	}
	all := func(list []event.Ref) {
		for _, r := range list {
			add(r.Kind, r.ID)
		}
	}
	one := func(r event.Ref) { add(r.Kind, r.ID) }
	switch b := b.(type) {
	case *event.SiteRecorded:
		add("site", b.Site)
	case *event.PartyRecorded:
		add("party", b.Party)
	case *event.ObjectRecorded:
		add("object", b.Object)
		add("site", b.Site)
	case *event.LinkRecorded:
		one(b.From)
		one(b.To)
	case *event.QuantityRecorded:
		add("quantity", b.Quantity)
		add("party", b.Party)
		add("object", b.Object)
		add("site", b.Site)
	case *event.NoteWritten:
		all(b.About)
	case *event.SampleCollected:
		add("sample", b.Sample)
		add("sample", b.Parent)
		add("object", b.Waste)
		add("site", b.Site)
	case *event.PhotoCaptured:
		add("photo", b.Photo)
		add("site", b.Site)
		all(b.About)
	case *event.FileAttached:
		add("file", b.File)
		all(b.About)
	case *event.InstrumentRecorded:
		add("instrument", b.Instrument)
	case *event.InstrumentChecked:
		add("instrument", b.Instrument)
	case *event.AirStarted:
		add("series", b.Series)
		add("instrument", b.Instrument)
		add("site", b.Site)
	case *event.AirSegment:
		add("series", b.Series)
	case *event.AirEnded:
		add("series", b.Series)
	case *event.SealApplied:
		one(b.Item)
	case *event.LabAccessioned:
		add("sample", b.Sample)
	case *event.SubsampleMade:
		add("subsample", b.Subsample)
		one(b.Parent)
	case *event.ResultsReported:
		add("report", b.Report)
		for i := range b.Results {
			if b.Results[i].Sample != nil {
				refs = append(refs, *b.Results[i].Sample)
			}
		}
		refs = distinct(refs)
	case *event.ReportSigned:
		add("report", b.Report)
	case *event.StorageMoved:
		one(b.Item)
	case *event.HoldPlaced:
		all(b.Items)
	case *event.ItemDisposed:
		one(b.Item)
	case *event.WaiverGranted:
		if b.About != nil {
			one(*b.About)
		}
	}
	return refs
}

func distinct(refs []event.Ref) []event.Ref {
	seen := make(map[event.Ref]bool, len(refs))
	return slices.DeleteFunc(refs, func(r event.Ref) bool {
		old := seen[r]
		seen[r] = true
		return old
	})
}
