package custody

import (
	"strings"
	"testing"

	"fieldseal/sync/event"

	"github.com/go-json-experiment/json/jsontext"
)

// TestChanges of a body by JSON pointer (RFC 6901).
func TestChanges(t *testing.T) {
	const body = `{"a":1,"b":{"c":[1,2,{"d":"x"}],"e/f":true},"n":9007199254740993}`
	for _, c := range []struct{ name, path, old, new, want, err string }{
		{"member", "/a", "1", "2", `"a":2`, ""},
		{"nested", "/b/c/2/d", `"x"`, `"y"`, `{"d":"y"}`, ""},
		{"spelt otherwise", "/b/c/2", `{ "d" : "\u0078" }`, `{"d":"z"}`, `{"d":"z"}`, ""},
		{"slash in a name", "/b/e~1f", "true", "false", `"e/f":false`, ""},
		{"added", "/new", "", `"here"`, `"new":"here"`, ""},
		{"removed", "/a", "1", "", `{"b"`, ""},
		{"appended", "/b/c/-", "", "3", `{"d":"x"},3]`, ""},
		{"element removed", "/b/c/0", "1", "", `"c":[2,`, ""},
		{"great numbers stay exact", "/n", "9007199254740993", "9007199254740995", `"n":9007199254740995`, ""},
		{"great numbers compare exactly", "/n", "9007199254740992", "1", "", "where the correction expects"},
		{"other old value", "/a", "2", "3", "", "the record has 1 where the correction expects 2"},
		{"nothing there", "/x/y", "1", "2", "", "no such member"},
		{"absent is not null", "/x", "null", "2", "", "expects null"},
		{"below a number", "/a/b", "1", "2", "", "no members"},
		{"no such element", "/b/c/3", "1", "2", "", "no such member"},
		{"index with a zero", "/b/c/01", "2", "3", "", "no such member"},
		{"negative index", "/b/c/-1", "2", "3", "", "no such member"},
		{"not JSON", "/a", "1", "{", "", "new value is not JSON"},
		{"old not JSON", "/a", "one", "2", "", "old value is not JSON"},
		{"doubled names", "/b", `{"c":[1,2,{"d":"x"}],"e/f":true}`, `{"x":1,"x":2}`, "", "duplicate"},
	} {
		got, err := applyChanges(jsontext.Value(body), []event.Change{{Path: c.path, Old: c.old, New: c.new}})
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.name, err, c.err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case !strings.Contains(string(got), c.want):
			t.Errorf("%s: %s, want %s in it", c.name, got, c.want)
		}
	}
}

// labelNow is the sample's label in the record.
func labelNow(sc *scene) string {
	for _, it := range sc.judge().Items {
		if it.Ref == sampleRef(sc.sample.Sample) {
			return it.Label
		}
	}
	return ""
}

func relabel(old, new string) event.Change {
	return event.Change{Path: "/label", Old: `"` + old + `"`, New: `"` + new + `"`}
}

func TestAmendments(t *testing.T) {
	sc := play(t, plot{until: "handover"})
	first := sc.edit("zhang", "2026-03-02T10:00:00+08:00", sc.sampled, relabel("W-001", "W-010"))
	if labelNow(sc) != "W-010" {
		t.Fatalf("label %s after the correction", labelNow(sc))
	}
	if e := sc.in.Entries[len(sc.in.Entries)-2]; e.Body.(*event.SampleCollected).Label != "W-001" {
		t.Error("the correction changed the original")
	}
	sc.edit("li", "2026-03-02T10:10:00+08:00", sc.sampled, relabel("W-010", "W-011")) // a colleague corrects again
	if labelNow(sc) != "W-011" {
		t.Errorf("label %s after the second correction", labelNow(sc))
	}
	withdrawal := sc.void("zhang", "2026-03-02T10:20:00+08:00", first)
	if r := sc.judge(); labelNow(sc) != "W-001" || r.Amendments[0].Applied || r.Amendments[1].Applied || !r.Amendments[2].Applied {
		t.Errorf("label %s after the first was withdrawn: %+v", labelNow(sc), r.Amendments)
	}
	sc.wantOne("AMENDMENT_NOT_APPLIED", "Li", `the record has "W-001" where the correction expects "W-010"`)
	sc.void("zhang", "2026-03-02T10:30:00+08:00", withdrawal)
	if labelNow(sc) != "W-011" {
		t.Errorf("label %s after the withdrawal was withdrawn", labelNow(sc))
	}
	sc.wantNone("AMENDMENT_NOT_APPLIED")
	sc.edit("zhang", "2026-03-02T10:40:00+08:00", first, event.Change{Path: "/changes/0/new", Old: `"\"W-010\""`, New: `"\"W-012\""`})
	sc.wantOne("AMENDMENT_NOT_APPLIED", `the record has "W-012" where`)
	if labelNow(sc) != "W-012" {
		t.Errorf("label %s after the correction was corrected", labelNow(sc))
	}
}

func TestAmendmentRules(t *testing.T) {
	edited := func(who string, c event.Change) plot {
		return plot{until: "handover", before: ahead("handover", func(sc *scene) { sc.edit(who, "2026-03-02T10:00:00+08:00", sc.sampled, c) })}
	}
	point := event.Change{Path: "/point", Old: `"outfall 1"`, New: `"outfall 2"`}
	run(t, []sides{
		{name: "of another organisation", code: "AMENDMENT_NOT_APPLIED", words: []string{"Chen corrected", "another organisation"},
			broken: edited("chen", point), close: edited("li", point)},
		{name: "old value wrong", code: "AMENDMENT_NOT_APPLIED", words: []string{"outfall 9"},
			broken: edited("zhang", event.Change{Path: "/point", Old: `"outfall 9"`, New: `"outfall 2"`}), close: edited("zhang", point)},
		{name: "makes the record invalid", code: "AMENDMENT_NOT_APPLIED", words: []string{"matrix"},
			broken: edited("zhang", event.Change{Path: "/matrix", Old: `"water"`, New: `"cheese"`}),
			close:  edited("zhang", event.Change{Path: "/matrix", Old: `"water"`, New: `"leachate"`})},
		{name: "target not here", code: "AMENDMENT_NOT_APPLIED", words: []string{"not among the events"},
			broken: ends(func(sc *scene) { sc.edit("zhang", "2026-03-09T10:00:00+08:00", event.ID{1}, point) }), close: plot{}},
		{name: "the authority's decision", code: "AMENDMENT_NOT_APPLIED", words: []string{"only the authority"},
			broken: ends(func(sc *scene) {
				for _, e := range sc.in.Entries {
					if e.Event.Type == event.TypeCaseGranted {
						sc.void("zhang", "2026-03-09T10:00:00+08:00", e.ID)
						return
					}
				}
			}), close: plot{}},

		{name: "report changed after signing", code: "EDIT_AFTER_SIGN", words: []string{"Chen corrected results of report HB-2026-0311", "Chen (analyst), Zhao (reviewer), Qian (approver)"},
			broken: plot{before: ahead("end", raiseResult("2026-03-09T10:00:00+08:00"))}, close: plot{before: ahead("signatures", raiseResult("2026-03-06T10:02:00+08:00"))}},
		{name: "and signed again", code: "EDIT_AFTER_SIGN", words: []string{"signed it"},
			broken: plot{before: ahead("end", raiseResult("2026-03-09T10:00:00+08:00"))},
			close: plot{before: ahead("end", func(sc *scene) {
				raiseResult("2026-03-09T10:00:00+08:00")(sc)
				for who, as := range map[string]event.Signer{"chen": "analyst", "zhao": "reviewer", "qian": "approver"} {
					sc.do(who, "2026-03-10T09:00:00+08:00", &event.ReportSigned{Report: sc.report.Report, As: as, Digest: sc.digest()})
				}
			})}},
		{name: "offer withdrawn after acceptance", code: "EDIT_AFTER_SIGN", variant: "handover", words: []string{"Zhang withdrew the offer", "from zhang to wang"},
			broken: ends(func(sc *scene) { sc.void("zhang", "2026-03-09T10:00:00+08:00", sc.hand.offer) }),
			close: plot{until: "handover", before: ahead("handover", func(sc *scene) {
				sc.void("zhang", "2026-03-02T14:10:00+08:00", sc.offer("zhang", sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample)...)))
			})}},
		{name: "time of receipt changed after it was concluded", code: "EDIT_AFTER_SIGN", variant: "handover", words: []string{"Wang changed the acceptance"},
			broken: ends(func(sc *scene) {
				sc.edit("wang", "2026-03-09T10:00:00+08:00", sc.hand.accept, event.Change{Path: "/received", Old: `"2026-03-02T14:04:00+08:00"`, New: `"2026-03-02T14:01:00+08:00"`})
			}),
			close: ends(func(sc *scene) {
				sc.edit("wang", "2026-03-09T10:00:00+08:00", sc.hand.accept, event.Change{Path: "/exceptions", New: `"ice nearly melted"`})
			})},
		{name: "signed by the party", code: "EDIT_AFTER_SIGN", variant: "attended", words: []string{"sample W-001", "the party (Driver)"},
			broken: edited("zhang", point),
			close: plot{until: "handover", before: ahead("handover", func(sc *scene) {
				digest := func(b byte) string { return `"` + (event.Digest{b}).String() + `"` }
				sc.edit("zhang", "2026-03-02T10:00:00+08:00", sc.sampled, point, event.Change{Path: "/party/signature", Old: digest(7), New: digest(8)})
			})}},
		{name: "not signed by anybody", code: "EDIT_AFTER_SIGN", variant: "attended",
			broken: edited("zhang", point),
			close: plot{samples: func(sc *scene) { sc.sample.Party = &event.Attendance{Signing: "refused"} }, until: "handover",
				before: ahead("handover", func(sc *scene) { sc.edit("zhang", "2026-03-02T10:00:00+08:00", sc.sampled, point) })}},
		{name: "dossier changed after approval", code: "EDIT_AFTER_SIGN", variant: "dossier", words: []string{"(compiled)", "approved on"},
			broken: editedDossier(false), close: editedDossier(true)},
	})
}

func raiseResult(at event.Stamp) func(sc *scene) {
	return func(sc *scene) {
		sc.edit("chen", at, sc.parts[0], event.Change{Path: "/results/0/value", Old: `{"n":185,"s":0}`, New: `{"n":195,"s":0}`})
	}
}

func editedDossier(before bool) plot {
	return ends(func(sc *scene) {
		id := sc.uuid()
		step := func(s event.DossierStep, at event.Stamp) event.ID {
			return sc.do("sun", at, &event.DossierStepTaken{Dossier: id, Step: s, At: at, Opinion: "complete"})
		}
		edit := func() {
			sc.edit("sun", "2026-04-12T10:00:00+08:00", sc.last, event.Change{Path: "/opinion", Old: `"complete"`, New: `"complete, 3 files"`})
		}
		sc.last = step("compiled", "2026-04-10T09:00:00+08:00")
		if before {
			edit()
		}
		step("approved", "2026-04-12T09:00:00+08:00")
		if !before {
			edit()
		}
	})
}

// TestWithdrawnOfferStillBindsOnceAccepted: the record goes on with what was sealed.
func TestWithdrawnOfferStillBindsOnceAccepted(t *testing.T) {
	sc := play(t, ends(func(sc *scene) { sc.void("zhang", "2026-03-09T10:00:00+08:00", sc.hand.offer) }))
	r := sc.judge()
	if h := r.Handovers[0]; h.State != "complete" {
		t.Errorf("handover is %s", h.State)
	}
	sc = play(t, plot{until: "handover", before: ahead("handover", func(sc *scene) {
		sc.void("zhang", "2026-03-02T14:10:00+08:00", sc.offer("zhang", sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample)...)))
	})})
	r = sc.judge()
	if len(r.Handovers) != 0 {
		t.Errorf("an offer withdrawn in time still counts: %+v", r.Handovers)
	}
	for _, it := range r.Items {
		if it.Ref == sampleRef(sc.sample.Sample) && (len(it.Steps) != 2 || !it.Steps[1].Voided) {
			t.Errorf("the withdrawn offer is not shown as such: %+v", it.Steps)
		}
	}
}
