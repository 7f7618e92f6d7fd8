package custody

import (
	"testing"

	"fieldseal/sync/event"
)

// reseal puts a new seal on the sample before the handover.
func reseal(old, new string) func(sc *scene) {
	return func(sc *scene) {
		sc.do("zhang", "2026-03-02T11:00:00+08:00", &event.SealApplied{
			Item: sampleRef(sc.sample.Sample), OldSeal: old, NewSeal: new, Reason: "torn by the cooler's edge", Witness: "Li", At: "2026-03-02T11:00:00+08:00",
		})
	}
}

// handedAs changes the sample's line in the terms.
func handedAs(no string, state event.SealState) func(*scene, *event.Terms) {
	return func(_ *scene, t *event.Terms) { t.Items[0].SealNo, t.Items[0].Seal = no, state }
}

// foundAs changes the sample's seal as the receiver found it.
func foundAs(no string, state event.SealState) func(*scene, *event.CustodyAccepted) {
	return func(_ *scene, a *event.CustodyAccepted) { a.Seals[0].SealNo, a.Seals[0].Seal = no, state }
}

func checkedInAs(no string, state event.SealState) func(*scene, *event.LabAccessioned) {
	return func(_ *scene, a *event.LabAccessioned) { a.SealNo, a.Seal = no, state }
}

func TestSealRules(t *testing.T) {
	unsealedSample := func(sc *scene) { sc.sample.SealNo = "" }
	run(t, []sides{
		{name: "another number on giving", code: "SEAL_NUMBER_CHANGED", words: []string{"S-100", "S-300", "on relinquishing"},
			broken: plot{terms: handedAs("S-300", "intact"), accession: checkedInAs("S-300", "intact")},
			close:  plot{before: ahead("handover", reseal("S-100", "S-300")), terms: handedAs("S-300", "intact"), accession: checkedInAs("S-300", "intact")}},
		{name: "another number on receipt", code: "SEAL_NUMBER_CHANGED", words: []string{"S-100", "S-300", "on receipt", "Wang"},
			broken: plot{accept: foundAs("S-300", "intact"), accession: checkedInAs("S-300", "intact")},
			close:  plot{accept: foundAs("s-100 ", "intact")}},
		{name: "another number at check-in", code: "SEAL_NUMBER_CHANGED", words: []string{"at check-in"},
			broken: plot{accession: checkedInAs("S-300", "intact")}, close: plot{}},
		{name: "resealed over another seal", code: "SEAL_NUMBER_CHANGED", variant: "old_differs", words: []string{"replaced seal S-999 by S-300"},
			broken: plot{before: ahead("handover", reseal("S-999", "S-300")), terms: handedAs("S-300", "intact"), accession: checkedInAs("S-300", "intact")},
			close:  plot{before: ahead("handover", reseal("S-100", "S-300")), terms: handedAs("S-300", "intact"), accession: checkedInAs("S-300", "intact")}},
		{name: "a seal from nowhere", code: "SEAL_NUMBER_CHANGED", variant: "appeared", words: []string{"had no intact seal on record", "S-55"},
			broken: plot{samples: unsealedSample, terms: handedAs("", "none"), accept: foundAs("", "none"), accession: checkedInAs("S-55", "intact")},
			close:  plot{samples: unsealedSample, terms: handedAs("S-55", "intact"), accession: checkedInAs("S-55", "intact")}},

		{name: "broken on receipt", code: "SEAL_BROKEN_ON_RECEIPT", words: []string{"W-001", "S-100", "broken on receipt", "Wang"},
			broken: plot{accept: foundAs("S-100", "broken"), accession: checkedInAs("S-100", "broken")}, close: plot{}},
		{name: "broken at check-in only", code: "SEAL_BROKEN_ON_RECEIPT", words: []string{"broken at check-in"},
			broken: plot{accession: checkedInAs("S-100", "broken")}, close: plot{}},
		{name: "gone on receipt", code: "SEAL_BROKEN_ON_RECEIPT", variant: "gone", words: []string{"no seal on it"},
			broken: plot{accept: foundAs("", "missing"), accession: checkedInAs("", "missing")}, close: plot{}},
		{name: "opened by the laboratory itself", code: "SEAL_BROKEN_ON_RECEIPT",
			broken: plot{accept: foundAs("S-100", "broken"), accession: checkedInAs("S-100", "broken")},
			close:  ends(giveBack("", "none"))},

		{name: "never sealed", code: "SEAL_MISSING", words: []string{"W-001 left the hands", "Zhang"},
			broken: plot{samples: unsealedSample, terms: handedAs("", "none"), accept: foundAs("", "none"), accession: checkedInAs("", "none")},
			close:  plot{samples: unsealedSample, before: ahead("handover", reseal("", "S-300")), terms: handedAs("S-300", "intact"), accession: checkedInAs("S-300", "intact")}},
		{name: "never sealed, but kept in the house", code: "SEAL_MISSING",
			broken: inHouse("wang"), close: inHouse("li")},
		{name: "receiver did not look", code: "SEAL_MISSING", variant: "unrecorded", words: []string{"did not record", "Wang"},
			broken: plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Seals = a.Seals[1:] }}, close: plot{}},
		{name: "receiver did not read the number", code: "SEAL_MISSING", variant: "unread", words: []string{"not its number"},
			broken: plot{accept: foundAs("", "intact")}, close: plot{}},
		{name: "off before giving", code: "SEAL_MISSING", variant: "gone_before", words: []string{"S-100", "none"},
			broken: plot{terms: handedAs("", "none"), accept: foundAs("", "none"), accession: checkedInAs("", "none")},
			close:  plot{}},
		{name: "opened and sent back unsealed", code: "SEAL_MISSING", words: []string{"W-001 left the hands", "Chen"},
			broken: ends(giveBack("", "none")), close: ends(resealAndGiveBack)},

		{name: "one number on two samples", code: "SEAL_REUSED", words: []string{"S-100", "TB-001", "W-001"},
			broken: plot{samples: func(sc *scene) { sc.blank.SealNo, sc.blank.Cooler = "S-100", "K2" }, until: "handover"},
			close:  plot{samples: func(sc *scene) { sc.blank.SealNo = "S-100" }, until: "handover"}}, // one seal round one cooler
		{name: "an old number put on again", code: "SEAL_REUSED", words: []string{"S-100", "again on W-001"},
			broken: plot{until: "handover", before: ahead("handover", func(sc *scene) { reseal("S-100", "S-300")(sc); reseal("S-300", "S-100")(sc) })},
			close:  plot{until: "handover", before: ahead("handover", func(sc *scene) { reseal("S-100", "S-300")(sc); reseal("S-300", "S-301")(sc) })}},
	})
}

// giveBack returns the opened sample to the bureau as stated.
func giveBack(no string, state event.SealState) func(sc *scene) {
	return func(sc *scene) {
		items := hands(sc.sample)
		items[0].SealNo, items[0].Seal = no, state
		sc.give("chen", "zhang", "2026-03-10T09:00:00+08:00", "2026-03-10T09:05:00+08:00", items)
	}
}

func resealAndGiveBack(sc *scene) {
	sc.do("chen", "2026-03-10T08:50:00+08:00", &event.SealApplied{Item: sampleRef(sc.sample.Sample), NewSeal: "L-900", Reason: "returned after analysis", Witness: "Zhao", At: "2026-03-10T08:50:00+08:00"})
	giveBack("L-900", "intact")(sc)
}

// inHouse hands an unsealed sample to somebody.
func inHouse(to string) plot {
	return plot{samples: func(sc *scene) { sc.sample.SealNo = "" }, until: "handover", before: ahead("handover", func(sc *scene) {
		items := hands(sc.sample)
		items[0].Seal = "none"
		sc.give("zhang", to, "2026-03-02T14:00:00+08:00", "2026-03-02T14:05:00+08:00", items)
	})}
}

// TestOneBrokenSealIsOneFinding: what follows from it is not told again.
func TestOneBrokenSealIsOneFinding(t *testing.T) {
	sc := play(t, plot{accept: foundAs("S-100", "broken"), accession: checkedInAs("S-100", "broken")})
	sc.wantOne("SEAL_BROKEN_ON_RECEIPT")
	sc.wantNone("SEAL_NUMBER_CHANGED", "SEAL_MISSING")
}
