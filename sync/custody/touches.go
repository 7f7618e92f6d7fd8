package custody

import (
	"slices"

	"fieldseal/sync/event"
)

// refList collects references, each once and none empty.
type refList struct {
	list []event.Ref
	seen map[event.Ref]bool
}

// few is the number of references up to which looking through the list is
// cheaper than a map; a handover may name hundreds.
const few = 8

func (l *refList) add(refs ...event.Ref) {
	for _, r := range refs {
		if r.ID.IsZero() || l.has(r) {
			continue
		}
		l.list = append(l.list, r)
		if l.seen != nil {
			l.seen[r] = true
		}
	}
}

func (l *refList) has(r event.Ref) bool {
	if l.seen == nil && len(l.list) > few {
		l.seen = make(map[event.Ref]bool, 2*len(l.list))
		for _, o := range l.list {
			l.seen[o] = true
		}
	}
	if l.seen != nil {
		return l.seen[r]
	}
	return slices.Contains(l.list, r)
}

func (l *refList) thing(kind event.RefKind, id event.UUID) { l.add(event.Ref{Kind: kind, ID: id}) }

// touches lists the things that a body is about, each once. A nil body is about nothing.
func (v *view) touches(b event.Body) []event.Ref {
	var l refList
	switch b := b.(type) {
	case *event.CustodyOffered:
		v.touchTerms(&l, b.Terms)
	case *event.CustodyAccepted:
		v.touchTerms(&l, b.Terms)
	case *event.CustodyConcluded:
		l.thing("handover", b.Handover)
	case *event.CustodyDeclined:
		l.thing("handover", b.Handover)
	case *event.ResultsReported:
		l.thing("report", b.Report)
		for i := range b.Results {
			if b.Results[i].Sample != nil {
				l.add(*b.Results[i].Sample)
			}
		}
	case *event.WaiverGranted:
		if b.About != nil {
			l.add(*b.About)
		}
	default:
		touchScene(&l, b)
		touchBench(&l, b)
	}
	return l.list
}

func (v *view) touchTerms(l *refList, text string) {
	if t := v.termsOf(text); t != nil {
		l.thing("handover", t.Handover)
		for i := range t.Items {
			l.add(t.Items[i].Item)
		}
	}
}

// touchScene lists what a record made at the scene is about.
func touchScene(l *refList, b event.Body) {
	switch b := b.(type) {
	case *event.SiteRecorded:
		l.thing("site", b.Site)
	case *event.PartyRecorded:
		l.thing("party", b.Party)
	case *event.ObjectRecorded:
		l.thing("object", b.Object)
		l.thing("site", b.Site)
	case *event.LinkRecorded:
		l.add(b.From, b.To)
	case *event.QuantityRecorded:
		l.thing("quantity", b.Quantity)
		l.thing("party", b.Party)
		l.thing("object", b.Object)
		l.thing("site", b.Site)
	case *event.NoteWritten:
		l.add(b.About...)
	case *event.SampleCollected:
		l.thing("sample", b.Sample)
		l.thing("sample", b.Parent)
		l.thing("object", b.Waste)
		l.thing("site", b.Site)
	case *event.PhotoCaptured:
		l.thing("photo", b.Photo)
		l.thing("site", b.Site)
		l.add(b.About...)
	case *event.FileAttached:
		l.thing("file", b.File)
		l.add(b.About...)
	case *event.InstrumentRecorded:
		l.thing("instrument", b.Instrument)
	case *event.InstrumentChecked:
		l.thing("instrument", b.Instrument)
	case *event.AirStarted:
		l.thing("series", b.Series)
		l.thing("instrument", b.Instrument)
		l.thing("site", b.Site)
	case *event.AirSegment:
		l.thing("series", b.Series)
	case *event.AirEnded:
		l.thing("series", b.Series)
	}
}

// touchBench lists what a record made in custody or at the laboratory is about.
func touchBench(l *refList, b event.Body) {
	switch b := b.(type) {
	case *event.SealApplied:
		l.add(b.Item)
	case *event.StorageMoved:
		l.add(b.Item)
	case *event.ItemDisposed:
		l.add(b.Item)
	case *event.HoldPlaced:
		l.add(b.Items...)
	case *event.LabAccessioned:
		l.thing("sample", b.Sample)
	case *event.SubsampleMade:
		l.thing("subsample", b.Subsample)
		l.add(b.Parent)
	case *event.ReportSigned:
		l.thing("report", b.Report)
	}
}
