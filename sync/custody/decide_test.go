package custody

import (
	"slices"
	"testing"

	"fieldseal/sync/event"
)

// held places a hold on something on 5 March and may release it.
func held(sc *scene, on event.Ref, released event.Stamp) {
	hold := sc.uuid()
	sc.do("sun", "2026-03-05T09:00:00+08:00", &event.HoldPlaced{Hold: hold, Items: []event.Ref{on}, Authority: "Qingshan Procuratorate", Reason: "evidence for trial"})
	if released != "" {
		sc.do("sun", released, &event.HoldReleased{Hold: hold, Authority: "Qingshan Procuratorate", Reason: "case closed"})
	}
}

func (sc *scene) dispose(item event.Ref, at event.Stamp) {
	sc.do("chen", at, &event.ItemDisposed{Item: item, Authority: "laboratory manager", HoldChecked: "yes", Method: "waste contractor", At: at})
}

func TestHoldRules(t *testing.T) {
	disposal := func(on func(sc *scene) event.Ref, item func(sc *scene) event.Ref, released event.Stamp) plot {
		return ends(func(sc *scene) {
			held(sc, on(sc), released)
			sc.dispose(item(sc), "2026-03-20T09:00:00+08:00")
		})
	}
	sample := func(sc *scene) event.Ref { return sampleRef(sc.sample.Sample) }
	aliquot := func(sc *scene) event.Ref { return subsampleRef(sc.aliquot.Subsample) }
	kase := func(sc *scene) event.Ref { return event.Ref{Kind: "case", ID: sc.kase} }
	blank := func(sc *scene) event.Ref { return sampleRef(sc.blank.Sample) }
	run(t, []sides{
		{name: "held", code: "DISPOSED_UNDER_HOLD", words: []string{"W-001", "Chen", "Qingshan Procuratorate", "2026-03-20", "holds were checked: yes"},
			broken: disposal(sample, sample, ""), close: disposal(sample, sample, "2026-03-19T09:00:00+08:00")},
		{name: "released afterwards", code: "DISPOSED_UNDER_HOLD", broken: disposal(sample, sample, "2026-03-21T09:00:00+08:00"), close: disposal(blank, sample, "")},
		{name: "what was taken from it", code: "DISPOSED_UNDER_HOLD", words: []string{"W-001-A1"}, broken: disposal(sample, aliquot, ""), close: disposal(aliquot, sample, "")},
		{name: "the whole case", code: "DISPOSED_UNDER_HOLD", words: []string{"the whole case"},
			broken: disposal(kase, sample, ""), close: ends(func(sc *scene) {
				sc.dispose(sampleRef(sc.sample.Sample), "2026-03-04T12:00:00+08:00")
				held(sc, kase(sc), "")
			})},
	})
}

// through takes a dossier through steps: step and time.
func through(steps ...[2]string) plot {
	return ends(func(sc *scene) {
		id := sc.uuid()
		for _, s := range steps {
			at := event.Stamp(s[1] + "+08:00")
			sc.do("sun", at, &event.DossierStepTaken{Dossier: id, Step: event.DossierStep(s[0]), At: at, To: "Qingshan Police"})
		}
	})
}

func TestDossierRules(t *testing.T) {
	compiled, review := [2]string{"compiled", "2026-04-10T09:00:00"}, [2]string{"legal_review", "2026-04-11T09:00:00"}
	talk, approved, sent := [2]string{"deliberation", "2026-04-12T09:00:00"}, [2]string{"approved", "2026-04-13T08:59:00"}, [2]string{"sent", "2026-04-14T08:59:00"}
	late := [2]string{"approved", "2026-04-13T09:00:01"}
	run(t, []sides{
		{name: "no review", code: "LEGAL_REVIEW_MISSING", words: []string{"approved by Sun", "legal review"},
			broken: through(compiled, talk, approved, sent), close: through(compiled, review, talk, approved, sent)},
		{name: "reviewed afterwards", code: "LEGAL_REVIEW_MISSING", words: []string{"legal review, deliberation"},
			broken: through(compiled, approved, sent, [2]string{"legal_review", "2026-04-15T09:00:00"}, [2]string{"deliberation", "2026-04-15T10:00:00"}),
			close:  through(compiled)},
		{name: "decided late", code: "TRANSFER_DEADLINE_MISSED", words: []string{"2026-04-13 09:00:00", "3 d", "1 s late"},
			broken: through(compiled, review, talk, late, sent), close: through(compiled, review, talk, approved, sent)},
		{name: "sent late", code: "TRANSFER_DEADLINE_MISSED", words: []string{"24 h"},
			broken: through(compiled, review, talk, approved, [2]string{"sent", "2026-04-14T09:00:00"}), close: through(compiled, review, talk, approved, sent)},
		{name: "never sent", code: "TRANSFER_DEADLINE_MISSED", variant: "open", words: []string{"sent"},
			broken: through(compiled, review, talk, approved), close: through(compiled, review, talk, approved, sent)},
		{name: "returned is a decision", code: "TRANSFER_DEADLINE_MISSED", variant: "open",
			broken: through(compiled), close: through(compiled, [2]string{"returned", "2026-04-12T09:00:00"})},
	})
	sc := play(t, through(compiled, review, talk, approved, sent))
	d := sc.judge().Dossiers[0]
	if len(d.Steps) != 5 || d.DecideBy.IsZero() || d.SendBy.IsZero() || len(d.Missing) == 0 {
		t.Errorf("dossier %+v", d)
	}
}

// waived breaks the plain story by a wrong label and waives that.
func waived(who string, change func(sc *scene, w *event.WaiverGranted)) plot {
	return plot{
		accession: func(_ *scene, a *event.LabAccessioned) { a.LabelRead = "W-007" },
		before: ahead("end", func(sc *scene) {
			about := sampleRef(sc.sample.Sample)
			w := &event.WaiverGranted{Waiver: sc.uuid(), Defect: "LABEL_COC_MISMATCH", About: &about, Authority: "Head of bureau, decision 12", Reason: "smudged label, photo attached"}
			change(sc, w)
			sc.do(who, "2026-03-09T09:00:00+08:00", w)
		}),
	}
}

func TestWaiverRules(t *testing.T) {
	plain := func(*scene, *event.WaiverGranted) {}
	run(t, []sides{
		{name: "no authority named", code: "WAIVER_WITHOUT_AUTHORITY", words: []string{"Sun waived LABEL_COC_MISMATCH", "names no authority"},
			broken: waived("sun", func(_ *scene, w *event.WaiverGranted) { w.Authority = " " }), close: waived("sun", plain)},
		{name: "no office", code: "WAIVER_WITHOUT_AUTHORITY", words: []string{"not registered as a supervisor"},
			broken: waived("zhang", plain), close: waived("sun", plain)},
		{name: "no such defect", code: "WAIVER_WITHOUT_AUTHORITY", words: []string{"no defect has that code"},
			broken: waived("sun", func(_ *scene, w *event.WaiverGranted) { w.Defect = "LABEL" }), close: waived("sun", plain)},
		{name: "waiving a waiver", code: "WAIVER_WITHOUT_AUTHORITY", words: []string{"no waiver can excuse"},
			broken: waived("sun", func(_ *scene, w *event.WaiverGranted) { w.Defect = "WAIVER_WITHOUT_AUTHORITY" }), close: waived("sun", plain)},
	})
}

// TestWaivedDefectStaysVisible with who excused it, and only where the waiver speaks of it.
func TestWaivedDefectStaysVisible(t *testing.T) {
	label := func(p plot) (*Record, Defect) {
		sc := play(t, p)
		r := sc.judge()
		return r, found(r.Defects, "LABEL_COC_MISMATCH")[0]
	}
	r, d := label(waived("sun", func(*scene, *event.WaiverGranted) {}))
	if d.Waived == nil || d.Waived.ByName != "Sun" || d.Waived.Authority != "Head of bureau, decision 12" || len(found(r.Open(), "LABEL_COC_MISMATCH")) != 0 {
		t.Errorf("waived: %+v", d.Waived)
	}
	for name, p := range map[string]plot{
		"without office":   waived("zhang", func(*scene, *event.WaiverGranted) {}),
		"about the blank":  waived("sun", func(sc *scene, w *event.WaiverGranted) { w.About.ID = sc.blank.Sample }),
		"about everything": waived("sun", func(_ *scene, w *event.WaiverGranted) { w.About = nil }),
		"another defect":   waived("sun", func(_ *scene, w *event.WaiverGranted) { w.Defect = "SEAL_REUSED" }),
	} {
		if _, d := label(p); d.Waived != nil {
			t.Errorf("%s: the defect is waived by %+v", name, d.Waived)
		}
	}
	sc := play(t, waived("sun", func(sc *scene, w *event.WaiverGranted) {
		w.About = &event.Ref{Kind: "event", ID: sc.uuidOf(sc.sampled)}
	}))
	if d := found(sc.judge().Defects, "LABEL_COC_MISMATCH")[0]; d.Waived == nil {
		t.Error("a waiver about one of the defect's events does not excuse it")
	}
}

// uuidOf is the UUID of an event.
func (s *story) uuidOf(id event.ID) event.UUID {
	for _, e := range s.in.Entries {
		if e.ID == id {
			return e.Event.UUID
		}
	}
	s.t.Fatal("no such event")
	return event.UUID{}
}

func TestRightRules(t *testing.T) {
	note := func(who string, at event.Stamp, first func(sc *scene)) plot {
		return ends(func(sc *scene) {
			if first != nil {
				first(sc)
			}
			sc.do(who, at, &event.NoteWritten{Text: "seen"})
			sc.do(who, at, &event.NoteWritten{Text: "seen again"})
		})
	}
	granted := func(right event.Right, at event.Stamp) func(*scene) {
		return func(sc *scene) { sc.grant("police", right, at) }
	}
	revoked := func(at event.Stamp) func(*scene) {
		return func(sc *scene) {
			id := sc.grant("police", "write", "2026-03-03T09:00:00+08:00")
			sc.do("authority", at, &event.GrantRevoked{Grant: id, Reason: "task done"})
		}
	}
	at := event.Stamp("2026-03-08T09:00:00+08:00")
	run(t, []sides{
		{name: "no grant", code: "NO_CASE_RIGHT", words: []string{"Wu of Qingshan Police", "events sealed: 2"},
			broken: note("wu", at, nil), close: note("wu", at, granted("write", "2026-03-08T08:00:00+08:00"))},
		{name: "reading is not writing", code: "NO_CASE_RIGHT", words: []string{"Zhou"}, broken: note("zhou", at, nil), close: note("sun", at, nil)},
		{name: "granted later", code: "NO_CASE_RIGHT",
			broken: note("wu", at, granted("write", "2026-03-08T09:03:00+08:00")), close: note("wu", at, granted("write", "2026-03-08T09:02:00+08:00"))},
		{name: "revoked before", code: "NO_CASE_RIGHT",
			broken: note("wu", at, revoked("2026-03-08T08:57:00+08:00")), close: note("wu", at, revoked("2026-03-08T10:00:00+08:00"))},
	})
}

// TestMissingDocuments: what the dossier lacks, by the pack's list; a document
// that does not apply is not missing, and a report is needed only where there is one.
func TestMissingDocuments(t *testing.T) {
	missing := func(p plot, docs ...event.DossierDocument) []string {
		p.before = ahead(map[bool]string{true: "end", false: p.until}[p.until == ""], func(sc *scene) {
			at := event.Stamp("2026-04-10T09:00:00+08:00")
			sc.do("sun", at, &event.DossierStepTaken{Dossier: sc.uuid(), Step: "compiled", At: at, Documents: docs})
		})
		var list []string
		for _, m := range play(t, p).judge().Dossiers[0].Missing {
			list = append(list, m.EN)
		}
		return list
	}
	all, early := missing(plot{}), missing(plot{until: "report"})
	if !slices.Contains(all, "monitoring report") || slices.Contains(early, "monitoring report") || len(all) != len(early)+1 {
		t.Errorf("with a report %v, without one %v", all, early)
	}
	got := missing(plot{}, event.DossierDocument{Kind: "monitoring_report", Title: "report", Present: "yes"},
		event.DossierDocument{Kind: "interview", Title: "interviews", Present: "not_applicable"}, event.DossierDocument{Kind: "photos", Title: "photos", Present: "no"})
	if len(got) != len(all)-2 || !slices.Contains(got, "photos and their list") {
		t.Errorf("missing %v", got)
	}
}
