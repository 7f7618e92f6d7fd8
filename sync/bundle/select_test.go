package bundle

import (
	"fmt"
	"slices"
	"testing"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/ledger"

	"github.com/go-json-experiment/json"
)

func id(n int) event.UUID { return eventtest.UUID(n) }

func ref(kind event.RefKind, n int) event.Ref { return event.Ref{Kind: kind, ID: id(n)} }

// terms is the text of a handover of samples.
func terms(t *testing.T, handover int, samples ...int) string {
	t.Helper()
	x := event.Terms{Handover: id(handover), Case: id(1), From: event.Holder{Name: "A"}, To: event.Holder{Name: "B"}, Mode: "by_hand", Purpose: "p", Place: "q",
		Relinquished: "2026-11-24T11:05:00+08:00"}
	for _, n := range samples {
		x.Items = append(x.Items, event.HandoverItem{Item: ref("sample", n), Label: fmt.Sprint(n), Seal: "intact"})
	}
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type named struct {
	name string
	body event.Body
}

// matter is a case with two drums at two sites, samples of each, and everything
// that can happen to them. A name says what the event is about.
func matter(t *testing.T) []named {
	t.Helper()
	photo := func(n int, about event.Ref, original event.Digest) *event.PhotoCaptured {
		p := &event.PhotoCaptured{Photo: id(n), Media: event.Media{SHA256: eventtest.Digest(fmt.Sprint(n))}, DerivativeOf: original}
		if !about.ID.IsZero() {
			p.About = []event.Ref{about}
		}
		return p
	}
	sample := func(n, drum, site int, qc event.QCType, cooler string) *event.SampleCollected {
		return &event.SampleCollected{Sample: id(n), Waste: id(drum), Site: id(site), QC: qc, Cooler: cooler}
	}
	split := sample(22, 11, 0, "split", "")
	split.Parent = id(20)
	blank, otherBlank := sample(23, 0, 0, "trip_blank", "K1"), sample(33, 0, 0, "trip_blank", "K2")
	blank.Waste, blank.Site, otherBlank.Waste, otherBlank.Site = event.UUID{}, event.UUID{}, event.UUID{}, event.UUID{}
	s20, s30 := ref("sample", 20), ref("sample", 30)
	one, both := terms(t, 60, 20), terms(t, 61, 20, 30)
	results := func(report int, refs ...event.Ref) *event.ResultsReported {
		b := &event.ResultsReported{Report: id(report)}
		for _, r := range refs {
			b.Results = append(b.Results, event.Result{Sample: &r})
		}
		return b
	}
	return []named{
		{"open", &event.CaseOpened{}}, {"grant", &event.CaseGranted{}},
		{"site A", &event.SiteRecorded{Site: id(2)}}, {"site B", &event.SiteRecorded{Site: id(3)}},
		{"party", &event.PartyRecorded{Party: id(5)}}, {"other party", &event.PartyRecorded{Party: id(6)}},
		{"drum A", &event.ObjectRecorded{Object: id(11), Site: id(2)}}, {"drum B", &event.ObjectRecorded{Object: id(12), Site: id(3)}},
		{"truck", &event.ObjectRecorded{Object: id(13)}},
		{"drum A on truck", &event.LinkRecorded{Link: id(70), From: ref("object", 11), To: ref("object", 13)}},
		{"truck of party", &event.LinkRecorded{Link: id(71), From: ref("object", 13), To: ref("party", 5)}},
		{"quantity A", &event.QuantityRecorded{Quantity: id(72), Object: id(11), Party: id(5)}},
		{"sample A", sample(20, 11, 2, "primary", "K1")}, {"split of A", split}, {"blank of A", blank},
		{"sample B", sample(30, 12, 3, "primary", "K2")}, {"blank of B", otherBlank},
		{"photo of A", photo(80, s20, event.Digest{})}, {"original of the crop", photo(81, event.Ref{}, event.Digest{})},
		{"crop of A", photo(82, s20, eventtest.Digest("81"))}, {"photo of B", photo(83, s30, event.Digest{})},
		{"offer A", &event.CustodyOffered{Terms: one}}, {"accept A", &event.CustodyAccepted{Handover: id(60), Terms: one}},
		{"conclude A", &event.CustodyConcluded{Handover: id(60)}},
		{"offer both", &event.CustodyOffered{Terms: both}}, {"decline both", &event.CustodyDeclined{Handover: id(61)}},
		{"seal A", &event.SealApplied{Item: s20}}, {"seal B", &event.SealApplied{Item: s30}},
		{"store A", &event.StorageMoved{Item: s20}}, {"hold A", &event.HoldPlaced{Hold: id(90), Items: []event.Ref{s20}}},
		{"release A", &event.HoldReleased{Hold: id(90)}}, {"hold B", &event.HoldPlaced{Hold: id(91), Items: []event.Ref{s30}}}, {"release B", &event.HoldReleased{Hold: id(91)}},
		{"check-in A", &event.LabAccessioned{Sample: id(20)}}, {"part of A", &event.SubsampleMade{Subsample: id(40), Parent: s20}},
		{"part of the part", &event.SubsampleMade{Subsample: id(41), Parent: ref("subsample", 40)}},
		{"results A", results(50, ref("subsample", 41))}, {"signed A", &event.ReportSigned{Report: id(50)}},
		{"results B", results(51, s30)}, {"signed B", &event.ReportSigned{Report: id(51)}},
		{"dispose B", &event.ItemDisposed{Item: s30}}, {"waiver A", &event.WaiverGranted{About: &s20}}, {"waiver", &event.WaiverGranted{}},
		{"waiver B", &event.WaiverGranted{About: &s30}}, {"note A", &event.NoteWritten{About: []event.Ref{s20}}}, {"note", &event.NoteWritten{}},
		{"instrument", &event.InstrumentRecorded{Instrument: id(100)}}, {"bump", &event.InstrumentChecked{Instrument: id(100)}},
		{"series", &event.AirStarted{Series: id(101), Instrument: id(100)}}, {"segment", &event.AirSegment{Series: id(101)}}, {"series end", &event.AirEnded{Series: id(101)}},
		{"file A", &event.FileAttached{File: id(110), About: []event.Ref{s20}}}, {"dossier", &event.DossierStepTaken{Dossier: id(120)}},
		{"amend sample A", &event.EventAmended{Target: eventtest.ID("sample A")}}, {"amend that", &event.EventAmended{Target: eventtest.ID("amend sample A")}},
		{"amend sample B", &event.EventAmended{Target: eventtest.ID("sample B")}},
	}
}

func TestSelection(t *testing.T) {
	always := []string{"open", "grant", "waiver"}
	ofA := []string{"sample A", "split of A", "blank of A", "drum A", "site A", "photo of A", "crop of A", "original of the crop", "offer A", "accept A", "conclude A",
		"offer both", "decline both", "seal A", "store A", "hold A", "release A", "check-in A", "part of A", "part of the part", "results A", "signed A", "waiver A",
		"note A", "file A", "amend sample A", "amend that"}
	ofDrumA := slices.Concat(ofA, []string{"drum A on truck", "truck", "quantity A", "party"})
	for name, c := range map[string]struct {
		chosen []event.Ref
		want   []string
	}{
		"a sample":      {[]event.Ref{ref("sample", 20)}, ofA},
		"its split":     {[]event.Ref{ref("sample", 22)}, ofA},
		"its part":      {[]event.Ref{ref("subsample", 41)}, ofA},
		"its report":    {[]event.Ref{ref("report", 50)}, []string{"results A", "signed A"}},
		"a drum":        {[]event.Ref{ref("object", 11)}, ofDrumA},
		"a site":        {[]event.Ref{ref("site", 2)}, ofDrumA},
		"a truck":       {[]event.Ref{ref("object", 13)}, []string{"truck", "drum A on truck", "truck of party", "drum A", "party"}},
		"a photo":       {[]event.Ref{ref("photo", 83)}, []string{"photo of B"}},
		"a series":      {[]event.Ref{ref("series", 101)}, []string{"series", "segment", "series end", "instrument", "bump"}},
		"an instrument": {[]event.Ref{ref("instrument", 100)}, []string{"series", "segment", "series end", "instrument", "bump"}},
		"a party":       {[]event.Ref{ref("party", 5)}, []string{"party", "truck of party", "truck", "quantity A", "drum A"}},
		"nobody's":      {[]event.Ref{ref("party", 6)}, []string{"other party"}},
	} {
		sel := newSelection(c.chosen)
		list := matter(t)
		for i, n := range list {
			var media []event.Digest
			for _, m := range bag.MediaOf(n.body) {
				media = append(media, m.SHA256)
			}
			sel.add(ledger.Index(i), eventtest.ID(n.name), &event.Payload{UUID: id(1000 + i), Type: event.TypeOf(n.body)}, n.body, media)
		}
		show := sel.settle()
		want := slices.Concat(always, c.want)
		for i, n := range list {
			if show[ledger.Index(i)] != slices.Contains(want, n.name) {
				t.Errorf("%s: %q is shown: %v", name, n.name, show[ledger.Index(i)])
			}
		}
		if u := sel.unknown(c.chosen); len(u) != 0 {
			t.Errorf("%s: unknown: %v", name, u)
		}
		if u := sel.unknown([]event.Ref{ref("sample", 999)}); len(u) != 1 {
			t.Errorf("%s: a thing that is not there is known", name)
		}
	}
}

func TestMentioned(t *testing.T) {
	a, b := id(1), id(2)
	text := fmt.Sprintf(`{"a":"%s","terms":"{\"b\":\"%s\"}","c":"x-y-%s","d":"--"}`, a, b, a.String()[:20])
	if got := Mentioned([]byte(text)); !slices.Equal(got, []event.UUID{a, b}) {
		t.Errorf("%v", got)
	}
	for _, s := range []string{"", "-", "--------", a.String()[:35], a.String()[1:], "zzzzzzzz-0000-0000-0000-000000000000"} {
		if got := Mentioned([]byte(s)); len(got) != 0 {
			t.Errorf("%q mentions %v", s, got)
		}
	}
}
