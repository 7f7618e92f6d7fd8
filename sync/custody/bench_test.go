package custody

import (
	"fmt"
	"testing"
	"time"

	"fieldseal/sync/event"
)

// bigCase tells a case of at least n events: rounds of a hundred samples in one
// cooler, from the bank through the laboratory to the signed report.
func bigCase(b testing.TB, n int) *story {
	s := newStory(b)
	site := &scene{story: s}
	tellSite(site, nil)
	start := ts("2026-03-02T09:00:00+08:00").Time()
	for round := 0; len(s.in.Entries) < n; round++ {
		tellRound(site, round, start.Add(time.Duration(round)*10*time.Minute))
	}
	s.in.Now = start.AddDate(0, 3, 0)
	return s
}

func tellRound(sc *scene, round int, at time.Time) {
	const samples = 100
	tick := func() event.Stamp { at = at.Add(time.Second); return event.StampOf(at) }
	var taken []*event.SampleCollected
	var proto scene
	proto.story, proto.site = sc.story, sc.site
	var items []event.HandoverItem
	for i := range samples {
		tellSamplesOnce(&proto, fmt.Sprintf("R%d-%d", round, i), fmt.Sprintf("K%d", round), tick())
		if i == 0 {
			proto.sample.QC = "trip_blank"
		}
		sc.do("zhang", tick(), proto.sample)
		taken = append(taken, proto.sample)
		items = append(items, hands(proto.sample)...)
	}
	sc.give("zhang", "wang", tick(), tick(), items)
	for i, sm := range taken {
		in := sc.checkIn(sm, fmt.Sprintf("L%d-%d", round, i))
		in.Received = tick()
		sc.do("wang", tick(), in)
	}
	report := &event.ResultsReported{Report: sc.uuid(), ReportNo: fmt.Sprintf("HB-%d", round), Lab: sc.orgID("lab"), Analyst: sc.people["chen"].person}
	for _, sm := range taken {
		part := &event.SubsampleMade{Subsample: sc.uuid(), Parent: sampleRef(sm.Sample), Label: sm.Label + "-A", Kind: "aliquot",
			MassIn: decp("500"), MassOut: decp("40"), Unit: "mL", Analyst: sc.people["chen"].person, At: tick()}
		sc.do("chen", tick(), part)
		r := sc.result(subsampleRef(part.Subsample), part.Label, "185")
		if r.Analysed = tick(); sm.QC == "trip_blank" {
			r.Text, r.Value, r.Qualifier = "<0.4", nil, "U"
		}
		report.Results = append(report.Results, r)
	}
	sc.report, sc.parts = report, []event.ID{sc.do("chen", tick(), report)}
	for who, as := range map[string]event.Signer{"chen": "analyst", "zhao": "reviewer", "qian": "approver"} {
		sc.do(who, tick(), &event.ReportSigned{Report: report.Report, As: as, Digest: sc.digest()})
	}
	for range samples {
		sc.do("li", tick(), &event.NoteWritten{Text: "bank searched", About: []event.Ref{{Kind: "site", ID: sc.site}}})
	}
}

// tellSamplesOnce makes one more sample like that of the plain story.
func tellSamplesOnce(sc *scene, label, cooler string, at event.Stamp) {
	sc.sample = &event.SampleCollected{
		Sample: sc.uuid(), Label: label, QC: "primary", Matrix: "water", Gathering: "grab", Site: sc.site, Start: at,
		Amount: &event.Amount{Value: dec("500"), Unit: "mL"}, Container: &event.Container{Material: "amber glass"},
		Preserved: "HCl", PH: decp("1.8"), StorageTempC: decp("4.0"), SealNo: "S-" + label, Cooler: cooler,
		Analyses: []event.Analysis{{Group: "voa", Method: "HJ 639-2012"}},
		Sampler:  sc.people["zhang"].person, SecondSampler: sc.people["li"].person, Record: &event.Media{SHA256: event.Digest{9}, Size: 100, Type: "application/pdf"},
		Party: &event.Attendance{Name: "Driver", Signing: "signed", Signature: event.Digest{7}},
	}
}

// BenchmarkEvaluate judges cases of growing size; the time for each event must not grow with it.
func BenchmarkEvaluate(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		s := bigCase(b, n)
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := Evaluate(s.in)
				if r.Events < n-100 {
					b.Fatalf("%d events judged", r.Events)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(s.in.Entries)), "ns/event")
		})
	}
}

// TestBigCaseIsJudgedAsTheSmallOne: nothing is lost or invented in a crowd.
func TestBigCaseIsJudgedAsTheSmallOne(t *testing.T) {
	s := bigCase(t, 1500)
	r := s.judge()
	for _, code := range []Code{"CUSTODY_GAP", "CUSTODY_OVERLAP", "SEAL_NUMBER_CHANGED", "SEAL_MISSING", "SEAL_REUSED", "HOLD_TIME_EXCEEDED", "QC_BLANK_MISSING", "DUPLICATE_SAMPLE_ID"} {
		if list := found(r.Defects, code); len(list) > 0 {
			t.Errorf("%s: %s", code, list[0].Explanation.EN)
		}
	}
	for _, it := range r.Items {
		if it.Ref.Kind == "sample" && len(it.Steps) != 6 {
			t.Fatalf("%s has %d steps, want 6", it.Label, len(it.Steps))
		}
	}
}
