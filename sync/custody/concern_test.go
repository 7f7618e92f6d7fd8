package custody

import (
	"testing"

	"fieldseal/sync/event"
)

func TestConcerning(t *testing.T) {
	ref := func(kind event.RefKind, n byte) event.Ref { return event.Ref{Kind: kind, ID: event.UUID{n}} }
	one, two, photo := ref("sample", 1), ref("sample", 2), ref("photo", 3)
	hand, report, site := ref("handover", 4), ref("report", 5), ref("site", 6)
	r := &Record{
		Items:     []Item{{Ref: one, Results: []ResultInfo{{Report: report.ID}, {Report: report.ID}}}, {Ref: two}, {Ref: photo}},
		Handovers: []HandoverInfo{{Handover: hand.ID, Refs: []event.Ref{one, two, ref("sample", 9)}}},
		Defects: []Defect{{Code: "A", Item: &one, Also: []event.Ref{one}}, {Code: "B", Item: &hand, Also: []event.Ref{two}}, {Code: "C", Item: &report}, {Code: "D", Item: &site}, {Code: "E"},
			{Code: "F", Item: &site, Also: []event.Ref{photo}}, {Code: "H", Item: &hand}, {Code: "G", Item: &event.Ref{Kind: "handover", ID: event.UUID{8}}}},
	}
	by, rest := r.Concerning()
	codes := func(list []*Defect) (s string) {
		for _, d := range list {
			s += string(d.Code)
		}
		return s
	}
	for ref, want := range map[event.Ref]string{one: "ACH", two: "BH", photo: "F", site: "", ref("sample", 9): ""} {
		if got := codes(by[ref]); got != want {
			t.Errorf("%s: %q, want %q", ref.Kind, got, want)
		}
	}
	if got := codes(rest); got != "DEG" {
		t.Errorf("the rest is %q", got)
	}
}
