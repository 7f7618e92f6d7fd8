package custody

import (
	"testing"
	"time"

	"fieldseal/sync/event"
)

// courier sends both items from the bank to the laboratory by parcel.
func courier(received event.Stamp, change ...func(*event.Terms, *event.CustodyAccepted)) plot {
	return beforeHandover(func(sc *scene) {
		parcel := func(t *event.Terms, _ *event.CustodyAccepted) {
			if t != nil {
				t.Mode, t.Carrier, t.TrackingNo = "courier", "SF Express", "SF1020"
			}
		}
		sc.give("zhang", "wang", "2026-03-02T14:00:00+08:00", received, hands(sc.sample, sc.blank), append(change, parcel)...)
	})
}

// legs tells handovers one after the other, each from whom to whom at minutes past 14:00.
func legs(list ...[2]string) plot {
	return beforeHandover(func(sc *scene) {
		at := ts("2026-03-02T14:00:00+08:00").Time()
		for _, l := range list {
			sc.give(l[0], l[1], event.StampOf(at), event.StampOf(at.Add(3*time.Minute)), hands(sc.sample, sc.blank))
			at = at.Add(time.Hour)
		}
	})
}

func seen(item int, f func(*event.SealFound)) func(*event.Terms, *event.CustodyAccepted) {
	return func(_ *event.Terms, a *event.CustodyAccepted) {
		if a != nil {
			f(&a.Seals[item])
		}
	}
}

func TestChainRules(t *testing.T) {
	unsealed := func(t *event.Terms, _ *event.CustodyAccepted) {
		if t != nil {
			t.Items[0].SealNo, t.Items[0].Seal = "", "none"
		}
	}
	run(t, []sides{
		{name: "by hand, unexplained minutes", code: "CUSTODY_GAP", words: []string{"15 min 1 s", "2026-03-02 14:15:01 +08:00", "zhang", "wang", "15 min are allowed"},
			broken: plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Received = "2026-03-02T14:15:01+08:00" }},
			close:  plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Received = "2026-03-02T14:15:00+08:00" }}},
		{name: "parcel too long on its way", code: "CUSTODY_GAP", variant: "courier_late", words: []string{"SF1020", "SF Express", "3 d"},
			broken: courier("2026-03-05T14:00:01+08:00"), close: courier("2026-03-05T14:00:00+08:00")},
		{name: "parcel with another seal", code: "CUSTODY_GAP", variant: "courier_seal", words: []string{"S-100 sent, S-777 received"},
			broken: courier("2026-03-03T10:00:00+08:00", seen(0, func(f *event.SealFound) { f.SealNo = "S-777" })),
			close:  courier("2026-03-03T10:00:00+08:00")},
		{name: "parcel with a broken seal", code: "CUSTODY_GAP", variant: "courier_seal", words: []string{"W-001: found broken"},
			broken: courier("2026-03-03T10:00:00+08:00", seen(0, func(f *event.SealFound) { f.Seal = "broken" })),
			close:  courier("2026-03-03T10:00:00+08:00", seen(0, func(f *event.SealFound) { f.SealNo = "s-100" }))},
		{name: "parcel whose seals nobody looked at", code: "CUSTODY_GAP", variant: "courier_seal", words: []string{"not recorded on receipt"},
			broken: courier("2026-03-03T10:00:00+08:00", func(_ *event.Terms, a *event.CustodyAccepted) {
				if a != nil {
					a.Seals = nil
				}
			}),
			close: courier("2026-03-03T10:00:00+08:00")},
		{name: "parcel sent unsealed", code: "CUSTODY_GAP", variant: "courier_seal", words: []string{"without an intact numbered seal"},
			broken: courier("2026-03-03T10:00:00+08:00", unsealed), close: courier("2026-03-03T10:00:00+08:00")},
		{name: "checked in without a handover", code: "CUSTODY_GAP", variant: "no_acceptance", words: []string{"Hubei Test Laboratory checked in W-001", "Zhang"},
			broken: plot{until: "aliquot", before: ahead("aliquot", func(sc *scene) {
				sc.drop(sc.hand.accept, sc.hand.conclude, sc.hand.offer)
				sc.in.Entries = dropBodies[*event.LabAccessioned](sc.in.Entries, func(b *event.LabAccessioned) bool { return b.Sample == sc.blank.Sample })
			})},
			close: plot{until: "aliquot"}},
		{name: "no record of its origin", code: "CUSTODY_GAP", variant: "no_origin", words: []string{"W-001 first appears"},
			broken: plot{until: "accession", before: ahead("accession", func(sc *scene) { sc.drop(sc.sampled) })},
			close:  plot{until: "accession"}},

		{name: "lost on the way", code: "CUSTODY_GAP", variant: "not_received", words: []string{"TB-001", "wang reported it missing"},
			broken: lost(false), close: lost(true)},
		{name: "checked in by somebody else in the laboratory's name", code: "CUSTODY_GAP", variant: "no_acceptance", words: []string{"Qingshan Police checked in W-001"},
			broken: plot{until: "accession", before: ahead("accession", func(sc *scene) { sc.do("wu", "2026-03-02T14:16:00+08:00", sc.checkIn(sc.sample, "L-001")) })},
			close:  plot{until: "accession", before: ahead("accession", func(sc *scene) { sc.do("chen", "2026-03-02T14:16:00+08:00", sc.checkIn(sc.sample, "L-001")) })}},

		{name: "checked in while still on its way", code: "CUSTODY_OVERLAP", variant: "in_transit", words: []string{"on its way from zhang to wang"},
			broken: checkedInEarly("2026-03-03T09:44:59+08:00"), close: checkedInEarly("2026-03-03T09:45:00+08:00")},
		{name: "sealed before it was taken", code: "CUSTODY_OVERLAP", variant: "before_taken", words: []string{"before it was taken (2026-03-02 09:20:00 +08:00)"},
			broken: sealedAt("2026-03-02T09:04:59+08:00"), close: sealedAt("2026-03-02T09:21:00+08:00")},
		{name: "handed on before it was taken", code: "CUSTODY_OVERLAP", variant: "gave_early", words: []string{"2 min 1 s before they were taken"},
			broken: givenAt("2026-03-02T09:17:59+08:00"), close: givenAt("2026-03-02T09:18:00+08:00")},
		{name: "handed over after disposal", code: "CUSTODY_OVERLAP", variant: "after_disposal", words: []string{"handed over W-001", "disposed of (2026-03-09 09:00:00"},
			broken: disposedThenGiven("2026-03-09T09:00:00+08:00"), close: disposedThenGiven("2026-03-11T09:00:00+08:00")},
		{name: "disposed of twice", code: "CUSTODY_OVERLAP", variant: "after_disposal",
			broken: ends(func(sc *scene) {
				sc.dispose(sampleRef(sc.sample.Sample), "2026-03-20T09:00:00+08:00")
				sc.dispose(sampleRef(sc.sample.Sample), "2026-03-21T09:00:00+08:00")
			}),
			close: ends(func(sc *scene) { sc.dispose(sampleRef(sc.sample.Sample), "2026-03-20T09:00:00+08:00") })},
		{name: "handed to two people", code: "CUSTODY_OVERLAP", variant: "twice", words: []string{"zhang", "li", "wang", "W-001"},
			broken: legs([2]string{"zhang", "li"}, [2]string{"zhang", "wang"}),
			close:  legs([2]string{"zhang", "li"}, [2]string{"li", "zhang"}, [2]string{"zhang", "wang"})},
		{name: "one offer, two acceptances", code: "CUSTODY_OVERLAP", variant: "two_receivers", words: []string{"wang", "Chen"},
			broken: ends(func(sc *scene) {
				sc.do("chen", "2026-03-02T14:06:00+08:00", sc.acceptance(sc.terms, sc.hand.offer, "2026-03-02T14:06:00+08:00"))
			}),
			close: ends(func(sc *scene) {
				sc.do("wang", "2026-03-02T14:06:00+08:00", sc.acceptance(sc.terms, sc.hand.offer, "2026-03-02T14:06:00+08:00"))
			})},
		{name: "gave before receiving", code: "CUSTODY_OVERLAP", variant: "order", words: []string{"li", "55 min before"},
			broken: handBack("2026-03-02T13:05:00+08:00"), close: handBack("2026-03-02T14:05:00+08:00")},
		{name: "stored by whoever no longer has it", code: "CUSTODY_OVERLAP", words: []string{"Qingshan Environment Bureau stored W-001", "wang held it"},
			broken: ends(func(sc *scene) { sc.store("li", sc.sample, "2026-03-03T09:00:00+08:00") }),
			close:  ends(func(sc *scene) { sc.store("chen", sc.sample, "2026-03-03T09:00:00+08:00") })},
		{name: "stored late in the record, in time by the clock", code: "CUSTODY_OVERLAP",
			broken: ends(func(sc *scene) { sc.store("li", sc.sample, "2026-03-02T15:00:00+08:00") }),
			close:  ends(func(sc *scene) { sc.store("li", sc.sample, "2026-03-02T11:00:00+08:00") })},

		{name: "somebody else handed it on", code: "RECEIVER_NEQ_NEXT_RELINQUISHER", words: []string{"li had them since", "wu handed them to wang"},
			broken: legs([2]string{"zhang", "li"}, [2]string{"wu", "wang"}),
			close:  legs([2]string{"zhang", "li"}, [2]string{"li", "wu"}, [2]string{"wu", "wang"})},
		{name: "a colleague handed it on", code: "RECEIVER_NEQ_NEXT_RELINQUISHER", words: []string{"wu", "li"},
			broken: legs([2]string{"zhang", "wu"}, [2]string{"li", "wang"}),
			close:  legs([2]string{"li", "wang"})}, // the second sampler had it from the start
		{name: "another bench of the laboratory that checked it in", code: "RECEIVER_NEQ_NEXT_RELINQUISHER", words: []string{"wang had them since", "chen handed them to zhang"},
			broken: plot{until: "accession", before: ahead("accession", giveBack("S-100", "intact"))}, close: ends(resealAndGiveBack)},
		{name: "a colleague took it out of storage", code: "RECEIVER_NEQ_NEXT_RELINQUISHER",
			broken: storedBy("sun", false), close: storedBy("sun", true)},
	})
}

// dropBodies takes away the events with a body of type B that a test picks.
func dropBodies[B event.Body](list []Entry, pick func(B) bool) (left []Entry) {
	for _, e := range list {
		if b, ok := e.Body.(B); !ok || !pick(b) {
			left = append(left, e)
		}
	}
	return left
}

func (s *story) store(who string, sm *event.SampleCollected, at event.Stamp) event.ID {
	return s.do(who, "2026-03-03T09:00:00+08:00", &event.StorageMoved{Item: sampleRef(sm.Sample), Move: "in", Location: "evidence room", Reason: "overnight", At: at})
}

// handBack: li receives at 14:00 and hands on at the time given.
func handBack(at event.Stamp) plot {
	return beforeHandover(func(sc *scene) {
		sc.give("zhang", "li", "2026-03-02T13:59:00+08:00", "2026-03-02T14:00:00+08:00", hands(sc.sample, sc.blank))
		sc.give("li", "wang", at, event.StampOf(at.Time().Add(2*time.Minute)), hands(sc.sample, sc.blank))
	})
}

// storedBy: zhang hands the samples to li, li may put them into the bureau's
// evidence room, and another person of the bureau hands them to the laboratory.
func storedBy(giver string, stored bool) plot {
	return beforeHandover(func(sc *scene) {
		sc.give("zhang", "li", "2026-03-02T14:00:00+08:00", "2026-03-02T14:02:00+08:00", hands(sc.sample, sc.blank))
		if stored {
			for _, sm := range []*event.SampleCollected{sc.sample, sc.blank} {
				sc.do("li", "2026-03-02T14:30:00+08:00", &event.StorageMoved{Item: sampleRef(sm.Sample), Move: "in", Location: "evidence room", Reason: "overnight", At: "2026-03-02T14:30:00+08:00"})
			}
		}
		sc.give(giver, "wang", "2026-03-03T09:00:00+08:00", "2026-03-03T09:02:00+08:00", hands(sc.sample, sc.blank))
	})
}

// lost: the blank is reported missing, and is or is not handed over later.
func lost(found bool) plot {
	return beforeHandover(func(sc *scene) {
		sc.give("zhang", "wang", "2026-03-02T14:00:00+08:00", "2026-03-02T14:04:00+08:00", hands(sc.sample, sc.blank), func(_ *event.Terms, a *event.CustodyAccepted) {
			if a != nil {
				a.Count, a.Missing, a.Seals = 1, []event.Ref{sampleRef(sc.blank.Sample)}, a.Seals[:1]
			}
		})
		if found {
			sc.give("zhang", "wang", "2026-03-02T14:30:00+08:00", "2026-03-02T14:33:00+08:00", hands(sc.blank))
		}
	})
}

// checkedInEarly: a parcel that is received at ten is checked in at a time before.
func checkedInEarly(at event.Stamp) plot {
	p := courier("2026-03-03T10:00:00+08:00")
	parcel := p.before["handover"]
	p.before["handover"] = func(sc *scene) {
		parcel(sc)
		in := sc.checkIn(sc.sample, "L-001")
		in.Received = at
		sc.do("wang", "2026-03-03T10:05:00+08:00", in)
	}
	return p
}

func sealedAt(at event.Stamp) plot {
	return beforeHandover(func(sc *scene) {
		sc.do("zhang", "2026-03-02T11:00:00+08:00", &event.SealApplied{Item: sampleRef(sc.sample.Sample), OldSeal: "S-100", NewSeal: "S-300", Reason: "torn", At: at})
	})
}

func givenAt(at event.Stamp) plot {
	return beforeHandover(func(sc *scene) {
		sc.give("zhang", "wang", at, event.StampOf(at.Time().Add(3*time.Minute)), hands(sc.sample))
	})
}

func disposedThenGiven(at event.Stamp) plot {
	return ends(func(sc *scene) {
		sc.give("chen", "zhang", "2026-03-10T09:00:00+08:00", "2026-03-10T09:05:00+08:00", hands(sc.sample))
		who := "chen"
		if at > "2026-03-10" {
			who = "zhang"
		}
		sc.do(who, at, &event.ItemDisposed{Item: sampleRef(sc.sample.Sample), Authority: "manager", HoldChecked: "yes", Method: "waste contractor", At: at})
	})
}

// TestFindingsNameBothHandovers: where two handovers do not fit together, both are listed.
func TestFindingsNameBothHandovers(t *testing.T) {
	for _, c := range []struct {
		code Code
		plot plot
		want int // offer, acceptance, conclusion of each
	}{
		{"RECEIVER_NEQ_NEXT_RELINQUISHER", legs([2]string{"zhang", "li"}, [2]string{"wu", "wang"}), 6},
		{"RECEIVER_NEQ_NEXT_RELINQUISHER", legs([2]string{"wu", "wang"}), 3},
		{"CUSTODY_OVERLAP", legs([2]string{"zhang", "li"}, [2]string{"zhang", "wang"}), 6},
		{"CUSTODY_OVERLAP", handBack("2026-03-02T13:05:00+08:00"), 6},
		{"CUSTODY_OVERLAP", givenAt("2026-03-02T09:17:59+08:00"), 3},
	} {
		if d := play(t, c.plot).wantOne(c.code); len(d.Events) != c.want {
			t.Errorf("%s %s lists %d events, want %d", c.code, d.Variant, len(d.Events), c.want)
		}
	}
}

// TestBoxOfSamplesIsOneFinding: what is wrong with a handover is told once, not once for each thing in it.
func TestBoxOfSamplesIsOneFinding(t *testing.T) {
	sc := play(t, legs([2]string{"zhang", "li"}, [2]string{"wu", "wang"}))
	d := sc.wantOne("RECEIVER_NEQ_NEXT_RELINQUISHER", "TB-001, W-001")
	if len(d.Also) != 2 {
		t.Errorf("the finding touches %d items, want 2", len(d.Also))
	}
	r := sc.judge()
	for _, it := range r.Items {
		if it.Kind == Physical && len(found(r.About(it.Ref), "RECEIVER_NEQ_NEXT_RELINQUISHER")) != 1 {
			t.Errorf("%s: its list leaves out what is wrong with its handover", it.Label)
		}
	}
}

// TestChainOfThePlainStory: who held the sample, when, under which seal.
func TestChainOfThePlainStory(t *testing.T) {
	sc := play(t, plot{})
	r := sc.judge()
	var it Item
	for _, x := range r.Items {
		if x.Ref == sampleRef(sc.sample.Sample) {
			it = x
		}
	}
	want := []StepKind{StepCollected, StepRelinquished, StepReceived, StepConcluded, StepAccessioned, StepSubsampled}
	if len(it.Steps) != len(want) {
		t.Fatalf("steps %+v, want %v", it.Steps, want)
	}
	for i, k := range want {
		if it.Steps[i].Kind != k {
			t.Errorf("step %d is %s, want %s", i+1, it.Steps[i].Kind, k)
		}
	}
	if got := it.Steps[1]; got.At != "2026-03-02T14:00:00+08:00" || got.Where != "laboratory gate" || got.SealNo != "S-100" || got.Seal != "intact" || got.Handover != sc.terms.Handover {
		t.Errorf("the relinquishing reads %+v", got)
	}
	if got := it.Steps[2]; got.ByName != "Wang" || got.ByOrg != "Hubei Test Laboratory" || got.UnexplainedMS != 240_000 || got.SealNo != "S-100" {
		t.Errorf("the receipt reads %+v", got)
	}
	if h := it.Holder; h == nil || h.Name != "wang" || !h.Confirmed || h.Location != "cold room 2" || it.State != StateHeld {
		t.Errorf("holder %+v, state %s", h, it.State)
	}
	if it.SealNo != "" { // opened for the aliquot
		t.Errorf("seal %s is still said to be on", it.SealNo)
	}
	if b := it.Balance; b == nil || b.Left.String() != "460" || b.Unit != "mL" {
		t.Errorf("balance %+v", b)
	}
	if len(it.Subsamples) != 1 || len(it.Accessions) != 1 {
		t.Errorf("%d sub-samples, %d accessions", len(it.Subsamples), len(it.Accessions))
	}
	if len(it.Holding) != 1 || it.Holding[0].State != HoldingMet || it.Holding[0].Limit != "14 d" || it.Holding[0].Done != "2026-03-04 11:00:00 +08:00" {
		t.Errorf("holding times %+v", it.Holding)
	}
	if h := r.Handovers; len(h) != 1 || h[0].State != "complete" || h[0].UnexplainedMS != 240_000 {
		t.Errorf("handovers %+v", h)
	}
	if rep := r.Reports; len(rep) != 1 || len(rep[0].Signers) != 3 || !rep[0].Signers[2].Covers {
		t.Errorf("reports %+v", rep)
	}
}

// TestFirstHolder: whoever took a thing has it until it changes hands.
func TestFirstHolder(t *testing.T) {
	sc := play(t, plot{until: "handover"})
	for _, it := range sc.judge().Items {
		if it.Kind == Physical && (it.Holder == nil || it.Holder.Name != "Zhang" || !it.Holder.Confirmed || it.Holder.OrgName != "Qingshan Environment Bureau" || it.SealNo == "") {
			t.Errorf("%s: holder %+v, seal %q", it.Label, it.Holder, it.SealNo)
		}
	}
	sc = play(t, beforeHandover(func(sc *scene) {
		sc.offer("zhang", sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample)...))
		sc.drop(sc.sampled)
	}))
	for _, it := range sc.judge().Items {
		if it.Label == "W-001" && it.Holder != nil {
			t.Errorf("a thing of no origin that nobody received is held by %+v", it.Holder)
		}
	}
}

// TestStates of an item as its record goes on.
func TestStates(t *testing.T) {
	state := func(p plot) ItemState {
		sc := play(t, p)
		for _, it := range sc.judge().Items {
			if it.Ref == sampleRef(sc.sample.Sample) {
				return it.State
			}
		}
		return ""
	}
	dispose := func(sc *scene) {
		sc.do("chen", "2026-04-10T09:00:00+08:00", &event.ItemDisposed{Item: sampleRef(sc.sample.Sample), Authority: "laboratory manager", HoldChecked: "yes", Method: "waste contractor", At: "2026-04-10T09:00:00+08:00"})
	}
	for _, c := range []struct {
		name string
		plot plot
		want ItemState
	}{
		{"sampled", plot{until: "handover"}, StateHeld},
		{"offered", withoutAcceptance("by_hand", "2026-03-02T15:00:00+08:00", false), StateOffered},
		{"declined", withoutAcceptance("by_hand", "2026-03-02T15:00:00+08:00", true), StateHeld},
		{"lost", plot{until: "handover", before: map[string]func(*scene){"handover": func(sc *scene) {
			sc.give("zhang", "wang", "2026-03-02T14:00:00+08:00", "2026-03-02T14:04:00+08:00", hands(sc.sample), func(_ *event.Terms, a *event.CustodyAccepted) {
				if a != nil {
					a.Count, a.Missing, a.Seals = 0, []event.Ref{sampleRef(sc.sample.Sample)}, nil
				}
			})
		}}}, StateMissing},
		{"in a parcel", withoutAcceptance("courier", "2026-03-02T15:00:00+08:00", false), StateTransit},
		{"rejected", plot{accession: func(_ *scene, a *event.LabAccessioned) { a.Decision, a.Reason = "reject", "broken lid" }, until: "aliquot"}, StateRejected},
		{"used up", plot{aliquot: func(_ *scene, b *event.SubsampleMade) { b.MassOut = decp("500") }}, StateConsumed},
		{"disposed", plot{before: ahead("end", dispose)}, StateDisposed},
	} {
		if got := state(c.plot); got != c.want {
			t.Errorf("%s: state %s, want %s", c.name, got, c.want)
		}
	}
}
