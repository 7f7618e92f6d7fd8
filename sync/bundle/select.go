package bundle

import (
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// about is what a body concerns, as far as choosing exhibits goes.
type about struct {
	// own is the thing that the event describes; zero where it describes none.
	own event.Ref
	// things are those that the event is about: it is shown where one of them is chosen.
	things []event.Ref
	// carries are things that become chosen with one of things, because they are
	// made from it, made of it, or a step of its custody.
	carries []event.Ref
	// context are things whose own events are shown with this one.
	context []event.Ref
	// amends is the event that it corrects, files those that it derives from.
	amends event.ID
	files  []event.Digest
	always bool
}

func thing(kind event.RefKind, id event.UUID) event.Ref { return event.Ref{Kind: kind, ID: id} }

// relate says what a body concerns.
func relate(p *event.Payload, body event.Body) (a about) {
	switch b := body.(type) {
	case *event.CaseOpened, *event.CaseGranted, *event.GrantRevoked:
		a.always = true
	case *event.EventAmended:
		a.amends = b.Target
	case *event.WaiverGranted:
		if b.About != nil {
			a.things = []event.Ref{*b.About}
		} else {
			a.always = true
		}
	default:
		relateScene(&a, body)
		relateCustody(&a, body)
		relateBench(&a, body)
	}
	a.things = append(slices.Clip(a.things), a.own, thing("event", p.UUID))
	return a
}

// relateScene covers what is recorded at a scene.
func relateScene(a *about, body event.Body) {
	switch b := body.(type) {
	case *event.SiteRecorded:
		a.own = thing("site", b.Site)
	case *event.PartyRecorded:
		a.own = thing("party", b.Party)
	case *event.ObjectRecorded:
		a.own = thing("object", b.Object)
		a.things, a.carries = []event.Ref{thing("site", b.Site)}, []event.Ref{a.own}
		a.context = a.things
	case *event.LinkRecorded:
		a.things = []event.Ref{b.From, b.To}
		a.context = a.things
	case *event.QuantityRecorded:
		a.own = thing("quantity", b.Quantity)
		a.things = []event.Ref{thing("object", b.Object), thing("party", b.Party), thing("site", b.Site)}
		a.context = a.things
	case *event.NoteWritten:
		a.things = slices.Clone(b.About)
	case *event.SampleCollected:
		a.own = thing("sample", b.Sample)
		a.things = []event.Ref{thing("object", b.Waste), thing("site", b.Site)}
		a.context = a.things
		if !b.Parent.IsZero() {
			a.things = append(a.things, thing("sample", b.Parent))
			a.carries = []event.Ref{thing("sample", b.Parent)}
		}
		a.carries = append(a.carries, a.own)
	case *event.PhotoCaptured:
		a.own = thing("photo", b.Photo)
		a.things = append(slices.Clone(b.About), thing("site", b.Site))
		a.context = []event.Ref{thing("site", b.Site)}
		a.files = []event.Digest{b.DerivativeOf}
	case *event.FileAttached:
		a.own = thing("file", b.File)
		a.things = slices.Clone(b.About)
		a.files = []event.Digest{b.DerivativeOf}
	case *event.InstrumentRecorded:
		a.own = thing("instrument", b.Instrument)
	case *event.InstrumentChecked:
		a.own = thing("instrument", b.Instrument)
	case *event.AirStarted:
		a.own = thing("series", b.Series)
		a.things, a.carries = []event.Ref{thing("instrument", b.Instrument), thing("site", b.Site)}, []event.Ref{a.own}
		a.context = a.things
	case *event.AirSegment:
		a.own = thing("series", b.Series)
	case *event.AirEnded:
		a.own = thing("series", b.Series)
	}
}

// relateCustody covers changes of hands, seals, storage and holds.
func relateCustody(a *about, body event.Body) {
	terms := func(text string) {
		t, err := event.ParseTerms(text)
		if err != nil {
			return // ParseBody has refused such a body already
		}
		a.own = thing("handover", t.Handover)
		a.carries = []event.Ref{a.own}
		for i := range t.Items {
			a.things = append(a.things, t.Items[i].Item)
		}
	}
	switch b := body.(type) {
	case *event.CustodyOffered:
		terms(b.Terms)
	case *event.CustodyAccepted:
		terms(b.Terms)
	case *event.CustodyConcluded:
		a.own = thing("handover", b.Handover)
	case *event.CustodyDeclined:
		a.own = thing("handover", b.Handover)
	case *event.SealApplied:
		a.things = []event.Ref{b.Item}
	case *event.StorageMoved:
		a.things = []event.Ref{b.Item}
	case *event.ItemDisposed:
		a.things = []event.Ref{b.Item}
	case *event.HoldPlaced:
		a.own = thing("event", b.Hold)
		a.things, a.carries = slices.Clone(b.Items), []event.Ref{a.own}
	case *event.HoldReleased:
		a.own = thing("event", b.Hold)
	}
}

// relateBench covers what a laboratory does.
func relateBench(a *about, body event.Body) {
	switch b := body.(type) {
	case *event.LabAccessioned:
		a.things = []event.Ref{thing("sample", b.Sample)}
	case *event.SubsampleMade:
		a.own = thing("subsample", b.Subsample)
		a.things, a.carries = []event.Ref{b.Parent}, []event.Ref{a.own, b.Parent}
	case *event.ResultsReported:
		a.own = thing("report", b.Report)
		a.carries = []event.Ref{a.own}
		for i := range b.Results {
			if s := b.Results[i].Sample; s != nil {
				a.things = append(a.things, *s)
			}
		}
	case *event.ReportSigned:
		a.own = thing("report", b.Report)
	}
}

// selection finds the events that chosen exhibits need.
type selection struct {
	items  []selectable
	chosen map[event.Ref]bool
	// context are things of which only their own events are shown.
	context map[event.Ref]bool
	files   map[event.Digest]bool
	shown   map[event.ID]bool
	// coolers are those that a chosen sample travelled in.
	coolers map[string]bool
}

// selectable is an event of the case in the selection.
type selectable struct {
	index ledger.Index
	id    event.ID
	about
	// blank is the cooler of a blank that controls what travelled with it,
	// sample that of a sample.
	blank, sample string
	media         []event.Digest
}

func newSelection(exhibits []event.Ref) *selection {
	s := &selection{chosen: map[event.Ref]bool{}, context: map[event.Ref]bool{}, files: map[event.Digest]bool{},
		shown: map[event.ID]bool{}, coolers: map[string]bool{}}
	for _, r := range exhibits {
		s.chosen[r] = true
	}
	return s
}

func (s *selection) add(index ledger.Index, id event.ID, p *event.Payload, body event.Body, media []event.Digest) {
	it := selectable{index: index, id: id, about: relate(p, body), media: media}
	if b, ok := body.(*event.SampleCollected); ok && b.Cooler != "" {
		switch b.QC {
		case "trip_blank", "field_blank", "equipment_blank":
			it.blank = b.Cooler
		default:
			it.sample = b.Cooler
		}
	}
	s.items = append(s.items, it)
}

// settle follows the relations until nothing more is shown, and gives the
// indices of the events to show.
func (s *selection) settle() map[ledger.Index]bool {
	show := map[ledger.Index]bool{}
	for more := true; more; {
		more = false
		for i := range s.items {
			it := &s.items[i]
			if show[it.index] || !s.wanted(it) {
				continue
			}
			show[it.index], s.shown[it.id] = true, true
			s.follow(it)
			more = true
		}
	}
	return show
}

func (s *selection) wanted(it *selectable) bool {
	if it.always || s.context[it.own] || it.blank != "" && s.coolers[it.blank] {
		return true
	}
	for _, r := range it.things {
		if s.chosen[r] {
			return true
		}
	}
	for _, d := range it.media {
		if s.files[d] {
			return true
		}
	}
	return s.shown[it.amends]
}

// follow adds what comes with an event that is shown. What comes into the
// selection as context only brings nothing with it.
func (s *selection) follow(it *selectable) {
	if it.always {
		return
	}
	main := it.blank != "" && s.coolers[it.blank]
	for _, r := range it.things {
		main = main || s.chosen[r]
	}
	if !main {
		return
	}
	for _, r := range it.carries {
		if !r.ID.IsZero() {
			s.chosen[r] = true
		}
	}
	for _, r := range it.context {
		if !r.ID.IsZero() {
			s.context[r] = true
		}
	}
	for _, d := range it.files {
		if !d.IsZero() {
			s.files[d] = true
		}
	}
	if it.sample != "" && s.chosen[it.own] {
		s.coolers[it.sample] = true
	}
}

// unknown lists the exhibits that no event of the case is about.
func (s *selection) unknown(exhibits []event.Ref) []event.Ref {
	known := map[event.Ref]bool{}
	for i := range s.items {
		for _, r := range s.items[i].things {
			known[r] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(exhibits), func(r event.Ref) bool { return known[r] })
}
