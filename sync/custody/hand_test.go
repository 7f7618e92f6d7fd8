package custody

import (
	"slices"
	"testing"

	"fieldseal/sync/event"
)

// as names another actor than the person of the device.
func (s *story) as(who string) func(*event.Payload) {
	return func(p *event.Payload) { p.Actor = s.people[who].person }
}

func TestHands(t *testing.T) {
	const at = "2026-03-03T10:00:00+08:00"
	remark := func(device, who string) plot {
		return ends(func(sc *scene) { sc.do(device, at, &event.NoteWritten{Text: "seen"}, sc.as(who)) })
	}
	waive := func(device string) plot {
		return ends(func(sc *scene) {
			ref := sampleRef(sc.sample.Sample)
			sc.do(device, at, &event.WaiverGranted{Waiver: sc.uuid(), Defect: "SEAL_BROKEN_ON_RECEIPT", About: &ref, Authority: "Head of bureau", Reason: "carrier"}, sc.as("sun"))
		})
	}
	reviewed := func(device string) plot {
		return plot{until: "signatures", before: ahead("signatures", func(sc *scene) {
			sc.do("chen", "2026-03-06T10:05:00+08:00", &event.ReportSigned{Report: sc.report.Report, As: "analyst", Digest: sc.digest()})
			sc.do(device, "2026-03-06T15:00:00+08:00", &event.ReportSigned{Report: sc.report.Report, As: "reviewer", Digest: sc.digest()}, sc.as("zhao"))
			sc.do("qian", "2026-03-07T09:00:00+08:00", &event.ReportSigned{Report: sc.report.Report, As: "approver", Digest: sc.digest()})
		})}
	}
	run(t, []sides{
		{name: "of another organisation", code: "ACTED_IN_ANOTHERS_NAME", words: []string{"device of Wu (Qingshan Police)", "Zhang (Qingshan Environment Bureau)", "events sealed: 1"},
			broken: remark("wu", "zhang"), close: remark("li", "zhang")},
		{name: "a colleague", code: "ACTED_ON_ANOTHERS_DEVICE", words: []string{"device of Li", "Zhang"}, broken: remark("li", "zhang"), close: remark("zhang", "zhang")},
		{name: "a right that is another's", code: "NO_CASE_RIGHT", words: []string{"Zhang of Qingshan Police"}, broken: remark("wu", "zhang"), close: remark("li", "zhang")},
		{name: "on another's device", code: "WAIVER_WITHOUT_AUTHORITY", words: []string{"device of somebody else"}, broken: waive("wu"), close: waive("sun")},
		{name: "on a colleague's device", code: "WAIVER_WITHOUT_AUTHORITY", words: []string{"device of somebody else"}, broken: waive("li"), close: waive("authority")},
		{name: "signed on the analyst's device", code: "REPORT_SIGNERS_INCOMPLETE", variant: "other_device", words: []string{"Zhao", "reviewer"}, broken: reviewed("chen"), close: reviewed("zhao")},
		{name: "in the name of who made the record", code: "AMENDMENT_NOT_APPLIED", words: []string{"another organisation"},
			broken: ends(func(sc *scene) {
				sc.do("wu", at, &event.EventAmended{Target: sc.sampled, Reason: "mistake", Void: true}, sc.as("zhang"))
			}),
			close: ends(func(sc *scene) {
				sc.do("li", at, &event.EventAmended{Target: sc.sampled, Reason: "mistake", Void: true}, sc.as("zhang"))
			})},
	})
}

// A waiver in a supervisor's name, sealed on another's device, excuses nothing.
func TestNobodyElseWaives(t *testing.T) {
	for device, excused := range map[string]bool{"sun": true, "li": false, "wu": false} {
		sc := play(t, plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Seals[0].Seal = "broken" },
			before: ahead("end", func(sc *scene) {
				ref := sampleRef(sc.sample.Sample)
				sc.do(device, "2026-03-03T10:00:00+08:00", &event.WaiverGranted{Waiver: sc.uuid(), Defect: "SEAL_BROKEN_ON_RECEIPT", About: &ref, Authority: "Head of bureau", Reason: "carrier"}, sc.as("sun"))
			})})
		list := found(sc.judge().Defects, "SEAL_BROKEN_ON_RECEIPT")
		if got := slices.ContainsFunc(list, func(d Defect) bool { return d.Waived != nil }); len(list) == 0 || got != excused {
			t.Errorf("sealed on the device of %s: waived %v, want %v", device, got, excused)
		}
	}
}

// Whose case it is follows from the first case.opened in the ledger, not from the
// earliest time that somebody claims.
func TestCaseIsNotOpenedAgain(t *testing.T) {
	sc := play(t, ends(func(sc *scene) {
		sc.do("wu", "2020-01-01T00:00:00Z", &event.CaseOpened{Number: "P-1", Title: "Ours", Authority: "Police"})
	}))
	if r := sc.judge(); r.Case.Number != "QS-2026-017" || r.Case.OpenedBy != "Zhang" {
		t.Errorf("the case became %q, opened by %s", r.Case.Number, r.Case.OpenedBy)
	}
	sc.wantOne("NO_CASE_RIGHT", "Wu of Qingshan Police")
}
