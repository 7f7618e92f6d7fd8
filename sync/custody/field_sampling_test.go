package custody

import (
	"strings"
	"testing"

	"fieldseal/sync/event"
)

func TestSamplingRecord(t *testing.T) {
	file := func(s *ground, kind event.FileKind, about ...event.Ref) {
		s.inspect.seal(at(8), &event.FileAttached{File: s.uuid(), Kind: kind, Title: "form", About: about,
			Media: event.Media{SHA256: s.hash(), Size: 1, Type: "application/pdf"}})
	}
	for _, v := range []struct {
		name string
		play func(s *ground, b *event.SampleCollected)
		n    int
	}{
		{"named by the sample", func(*ground, *event.SampleCollected) {}, 0},
		{"none", func(_ *ground, b *event.SampleCollected) { b.Record = nil }, 1},
		{"attached to the sample", func(s *ground, b *event.SampleCollected) {
			b.Record = nil
			file(s, "sampling_record", event.Ref{Kind: "sample", ID: b.Sample})
		}, 0},
		{"attached to the scene", func(s *ground, b *event.SampleCollected) {
			b.Record = nil
			file(s, "sampling_record", event.Ref{Kind: "site", ID: b.Site})
		}, 0},
		{"attached to another sample", func(s *ground, b *event.SampleCollected) {
			b.Record = nil
			file(s, "sampling_record", event.Ref{Kind: "sample", ID: s.uuid()})
		}, 1},
		{"another kind of file", func(s *ground, b *event.SampleCollected) {
			b.Record = nil
			file(s, "interview", event.Ref{Kind: "sample", ID: b.Sample})
		}, 1},
		{"no scene, and a file about no scene", func(s *ground, b *event.SampleCollected) {
			b.Record, b.Site = nil, event.UUID{}
			file(s, "sampling_record")
		}, 1},
		{"a trip blank", func(_ *ground, b *event.SampleCollected) { b.Record, b.QC = nil, "trip_blank" }, 0},
	} {
		s := newGround(t)
		b := s.grab(s.uuid())
		v.play(s, b)
		s.inspect.seal(at(9), b)
		if list := found(s.evaluate().Defects, "NO_SAMPLING_RECORD"); len(list) != v.n {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}

func (s *ground) object(kind event.ObjectKind) *event.ObjectRecorded {
	b := &event.ObjectRecorded{Object: s.uuid(), Kind: kind, Label: "Heap 1"}
	s.inspect.seal(at(3), b)
	return b
}

func (s *ground) quantity(object event.UUID, tier event.Tier, kg string) {
	s.inspect.seal(at(4), &event.QuantityRecorded{Quantity: s.uuid(), Object: object, Waste: "sludge", Tier: tier, NetKG: decp(kg), Basis: "volume"})
}

func TestIncrements(t *testing.T) {
	composite := func(s *ground, waste event.UUID, n int64) {
		b := s.grab(s.uuid())
		b.Waste, b.Gathering, b.Increments = waste, "composite", n
		s.inspect.seal(at(5), b)
	}
	for _, v := range []struct {
		name  string
		play  func(s *ground)
		n     int
		words string
	}{
		{"5 for 5 t", func(s *ground) {
			o := s.object("waste_heap")
			s.quantity(o.Object, "weighed", "5000")
			composite(s, o.Object, 5)
		}, 0, ""},
		{"5 for a kilogram more", func(s *ground) {
			o := s.object("waste_heap")
			s.quantity(o.Object, "weighed", "5001")
			composite(s, o.Object, 5)
		}, 1, "5001 kg (weighed) at least 8"},
		{"8 in two samples", func(s *ground) {
			o := s.object("waste_heap")
			s.quantity(o.Object, "weighed", "5001")
			composite(s, o.Object, 5)
			composite(s, o.Object, 3)
		}, 0, ""},
		{"a field duplicate adds nothing", func(s *ground) {
			o := s.object("waste_heap")
			s.quantity(o.Object, "weighed", "6000")
			composite(s, o.Object, 7)
			b := s.grab(s.uuid())
			b.Waste, b.QC, b.Parent = o.Object, "field_duplicate", s.uuid()
			s.inspect.seal(at(6), b)
		}, 1, "7 increment(s)"},
		{"loads of one tier add up", func(s *ground) {
			o := s.object("waste_heap")
			s.quantity(o.Object, "weighed", "20000")
			s.quantity(o.Object, "weighed", "20000.5")
			composite(s, o.Object, 12)
		}, 1, "40000.5 kg (weighed) at least 13"},
		{"tiers do not add up, the best counts", func(s *ground) {
			o := s.object("waste_heap")
			s.quantity(o.Object, "estimated", "900000")
			s.quantity(o.Object, "documented", "4000")
			composite(s, o.Object, 5)
		}, 0, ""},
		{"over a thousand tonnes", func(s *ground) {
			o := s.object("waste_heap")
			s.quantity(o.Object, "weighed", "1000001")
			composite(s, o.Object, 99)
		}, 1, "at least 100"},
		{"mass not recorded, below the smallest row", func(s *ground) { composite(s, s.object("waste_heap").Object, 4) }, 1, "not recorded"},
		{"mass not recorded, at the smallest row", func(s *ground) { composite(s, s.object("waste_heap").Object, 5) }, 0, ""},
		{"a drum is one container", func(s *ground) { composite(s, s.object("barrel").Object, 1) }, 0, ""},
		{"of no waste", func(s *ground) { composite(s, event.UUID{}, 1) }, 0, ""},
	} {
		s := newGround(t)
		v.play(s)
		list := found(s.evaluate().Defects, "INCREMENTS_BELOW_MIN")
		if len(list) != v.n || v.n == 1 && !strings.Contains(list[0].Explanation.EN, v.words) {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}

func TestMassIsNetOrGrossLessTare(t *testing.T) {
	if kg := massKG(&event.QuantityRecorded{GrossKG: decp("25.50"), TareKG: decp("5")}); kg == nil || kg.String() != "20.50" {
		t.Errorf("net is %v", kg)
	}
	if kg := massKG(&event.QuantityRecorded{GrossKG: decp("25.50")}); kg != nil {
		t.Errorf("a gross mass passed for a net one: %v", kg)
	}
}

func TestQuantitiesByPartyAndTier(t *testing.T) {
	s := newGround(t)
	party := s.uuid()
	s.inspect.seal(at(1), &event.PartyRecorded{Party: party, Kind: "company", Name: "Acme"})
	add := func(p event.UUID, tier event.Tier, b event.QuantityRecorded) {
		b.Quantity, b.Party, b.Tier, b.Waste, b.Basis = s.uuid(), p, tier, "sludge", "volume"
		s.inspect.seal(at(2), &b)
	}
	add(party, "weighed", event.QuantityRecorded{NetKG: decp("1499.5"), WasteCode: "HW08"})
	add(party, "weighed", event.QuantityRecorded{GrossKG: decp("2000"), TareKG: decp("499.5"), WasteCode: "HW08"})
	add(party, "weighed", event.QuantityRecorded{Containers: 7})
	add(party, "documented", event.QuantityRecorded{NetKG: decp("2999.999")})
	add(event.UUID{}, "estimated", event.QuantityRecorded{NetKG: decp("9000000000000000")})
	add(event.UUID{}, "estimated", event.QuantityRecorded{NetKG: decp("0.0001")}) // no decimal holds the sum
	list := s.evaluate().Quantities
	if len(list) != 3 {
		t.Fatalf("%d tallies: %+v", len(list), list)
	}
	unknown, weighed, papers := list[0], list[1], list[2]
	if weighed.NetKG.Cmp(dec("3000")) != 0 || weighed.Records != 3 || weighed.WithoutMass != 1 || weighed.Containers != 7 || len(weighed.Events) != 3 || len(weighed.Codes) != 1 || weighed.Name != "Acme" {
		t.Errorf("weighed: %+v", weighed)
	}
	if len(weighed.Thresholds) != 1 || !weighed.Thresholds[0].Reached || weighed.Thresholds[0].Ratio.String() != "1.0000" || weighed.Thresholds[0].Source.ZH == "" {
		t.Errorf("3 t against 3 t: %+v", weighed.Thresholds)
	}
	if papers.Thresholds[0].Reached || papers.NetKG.String() != "2999.999" {
		t.Errorf("a gram below 3 t: %+v", papers.Thresholds)
	}
	if unknown.NetKG != nil || unknown.Thresholds != nil || unknown.Records != 2 {
		t.Errorf("a sum that no decimal holds: %+v", unknown)
	}
}

func TestResultsBesideLimits(t *testing.T) {
	s := newGround(t)
	solid := s.grab(s.uuid())
	s.inspect.seal(at(6), solid)
	leachate, aliquot := s.uuid(), s.uuid()
	s.inspect.seal(at(7), &event.SubsampleMade{Subsample: leachate, Parent: event.Ref{Kind: "sample", ID: solid.Sample}, Label: "L", Kind: "leachate", Analyst: s.officer[0], At: event.StampOf(at(7))})
	s.inspect.seal(at(8), &event.SubsampleMade{Subsample: aliquot, Parent: event.Ref{Kind: "subsample", ID: leachate}, Label: "A", Kind: "aliquot", Analyst: s.officer[0], At: event.StampOf(at(8))})
	result := func(kind event.RefKind, id event.UUID, cas, value, unit string, change ...func(*event.Result)) event.Result {
		r := event.Result{Result: s.uuid(), Sample: &event.Ref{Kind: kind, ID: id}, SampleCode: "A", Analyte: "x", CAS: cas, Method: "m", Text: value, Value: decp(value), Unit: unit}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	s.inspect.seal(at(9), &event.ResultsReported{Report: s.uuid(), ReportNo: "R", Lab: s.org, Analyst: s.officer[0], Results: []event.Result{
		result("subsample", aliquot, "7439-92-1", "15000", "ug/L"), // lead, limit 5 mg/L, 3 times
		result("subsample", aliquot, "7439-92-1", "20", "mg/L"),
		result("subsample", aliquot, "7439-92-1", "14.999", "mg/L"),
		result("subsample", aliquot, "7439-92-1", "5", "mg/L"),
		result("subsample", aliquot, "7440-39-3", "101", "mg/L"), // barium has no multiple
		result("sample", solid.Sample, "7439-92-1", "900", "mg/kg"),
		result("subsample", aliquot, "7439-92-1", "99", "mg/kg"),
		result("subsample", aliquot, "7439-92-1", "99", "mg/L", func(r *event.Result) { r.Qualifier = "U" }),
		result("subsample", aliquot, "7439-92-1", "99", "mg/L", func(r *event.Result) { r.QC = "lcs" }),
		result("subsample", s.uuid(), "7439-92-1", "99", "mg/L"),
	}})
	type want struct {
		value                  string
		reached, atLeast, over bool
		ratio                  string
	}
	wants := []want{
		{"15", true, true, false, "3.0000"}, {"20", true, true, true, "4.0000"}, {"14.999", true, false, false, "2.9998"}, {"5", false, false, false, "1.0000"}, {"101", true, false, false, "1.0100"},
	}
	list := s.evaluate().Compared
	if len(list) != len(wants) {
		t.Fatalf("%d comparisons, want %d: %+v", len(list), len(wants), list)
	}
	for i, w := range wants {
		c := list[i]
		if c.Value.Cmp(dec(w.value)) != 0 || c.Reached != w.reached || c.Ratio.String() != w.ratio || c.Matrix != "leachate" {
			t.Errorf("%s: %+v", w.value, c)
		}
		if (c.Times == nil) != (w.value == "101") || c.Times != nil && (c.Times.AtLeast != w.atLeast || c.Times.Over != w.over) {
			t.Errorf("%s: both readings of the multiple: %+v", w.value, c.Times)
		}
	}
}
