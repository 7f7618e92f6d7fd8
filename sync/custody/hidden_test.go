package custody

import (
	"slices"
	"testing"

	"fieldseal/sync/event"
)

// TestAbsencesAreNotShownInPartialDisclosure: what rests on something absent is
// listed apart; what the shown events themselves say stays a defect.
func TestAbsencesAreNotShownInPartialDisclosure(t *testing.T) {
	accession := func(sc *scene) {
		sc.in.Entries = dropBodies[*event.LabAccessioned](sc.in.Entries, func(*event.LabAccessioned) bool { return true })
	}
	for _, c := range []struct {
		name    string
		code    Code
		variant string
		hidden  bool // a finding of absence
		plot    plot
	}{
		{"offer", "HANDOVER_ONE_SIDED", "no_offer", true, ends(func(sc *scene) { sc.drop(sc.hand.offer) })},
		{"acceptance", "HANDOVER_ONE_SIDED", "", true, ends(func(sc *scene) { sc.drop(sc.hand.accept) })},
		{"signer is not the one named", "HANDOVER_ONE_SIDED", "other_receiver", false, beforeHandover(func(sc *scene) {
			d := sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample)...)
			sc.do("chen", "2026-03-02T14:02:00+08:00", sc.acceptance(d, sc.offer("zhang", d), "2026-03-02T14:02:00+08:00"))
		})},
		{"handover between", "RECEIVER_NEQ_NEXT_RELINQUISHER", "", true, legs([2]string{"zhang", "li"}, [2]string{"wu", "wang"})},
		{"sampling", "CUSTODY_GAP", "no_origin", true, ends(func(sc *scene) { sc.drop(sc.sampled) })},
		{"handover to the laboratory", "CUSTODY_GAP", "no_acceptance", true, ends(func(sc *scene) { sc.drop(sc.hand.offer, sc.hand.accept, sc.hand.conclude) })},
		{"unexplained minutes", "CUSTODY_GAP", "", false, plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Received = "2026-03-02T15:00:00+08:00" }}},
		{"resealing", "SEAL_NUMBER_CHANGED", "", true, plot{accept: foundAs("S-300", "intact"), accession: checkedInAs("S-300", "intact")}},
		{"broken seal", "SEAL_BROKEN_ON_RECEIPT", "", false, plot{accept: foundAs("S-100", "broken")}},
		{"trip blank", "QC_BLANK_MISSING", "", true, plot{samples: func(sc *scene) { sc.blank = nil }}},
		{"check-in", "ANALYSIS_BEFORE_RECEIPT", "no_receipt", true, ends(accession)},
		{"analysed before receipt", "ANALYSIS_BEFORE_RECEIPT", "", false, analysedAt("2026-03-02T10:00:00+08:00", "")},
		{"signatures", "REPORT_SIGNERS_INCOMPLETE", "", true, plot{until: "signatures"}},
		{"signature over other content", "REPORT_SIGNERS_INCOMPLETE", "other_content", false, signers("chen:analyst zhao:reviewer qian:approver!")},
		{"legal review", "LEGAL_REVIEW_MISSING", "", true, through([2]string{"compiled", "2026-04-10T09:00:00"}, [2]string{"approved", "2026-04-11T09:00:00"})},
		{"parent", "SUBSAMPLE_ORPHAN", "", true, onAliquot(func(b *event.SubsampleMade) { b.Parent.ID[15] ^= 1 })},
		{"grant", "NO_CASE_RIGHT", "", true, ends(func(sc *scene) { sc.do("wu", "2026-03-08T09:00:00+08:00", &event.NoteWritten{Text: "seen"}) })},
		{"target of a correction", "AMENDMENT_NOT_APPLIED", "", true, ends(func(sc *scene) { sc.void("zhang", "2026-03-09T10:00:00+08:00", event.ID{1}) })},
		{"label", "LABEL_COC_MISMATCH", "", false, onCheckIn(func(a *event.LabAccessioned) { a.LabelRead = "W-007" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := func(d Defect) bool { return d.Code == c.code && d.Variant == c.variant }
			sc := play(t, c.plot)
			if r := sc.judge(); !slices.ContainsFunc(r.Defects, is) || len(r.NotShown) != 0 {
				t.Fatalf("in full disclosure: not a defect, or something not shown\n%s", telling(r))
			}
			sc.in.Hidden = true
			r := sc.judge()
			if got := slices.ContainsFunc(r.NotShown, is); got != c.hidden {
				t.Errorf("listed as not shown: %v, want %v", got, c.hidden)
			}
			if got := slices.ContainsFunc(r.Defects, is); got == c.hidden {
				t.Errorf("listed as a defect: %v, want %v", got, !c.hidden)
			}
			if !r.Hidden {
				t.Error("the record does not say that events are hidden")
			}
		})
	}
}
