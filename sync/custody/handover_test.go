package custody

import (
	"testing"

	"fieldseal/sync/event"
)

// withoutAcceptance tells the story up to the offer only, judged some hours later.
func withoutAcceptance(mode event.Mode, now event.Stamp, decline bool) plot {
	return plot{until: "handover", before: ahead("handover", func(sc *scene) {
		t := sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample, sc.blank)...)
		if t.Mode = mode; mode == "courier" {
			t.Carrier, t.TrackingNo = "SF Express", "SF100"
		}
		offer := sc.offer("zhang", t)
		if decline {
			sc.do("wang", "2026-03-02T14:03:00+08:00", &event.CustodyDeclined{Handover: t.Handover, Offer: offer, Reason: "cooler too warm"})
		}
		sc.in.Now = now.Time()
	})}
}

// beforeHandover replaces the plain handover by one of the test's own and stops there.
func beforeHandover(f func(sc *scene)) plot {
	return plot{until: "handover", before: ahead("handover", f)}
}

func TestHandoverRules(t *testing.T) {
	otherSigner := func(giver, receiver string) plot {
		return beforeHandover(func(sc *scene) {
			t := sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample, sc.blank)...)
			offer := sc.offer(giver, t)
			sc.do(receiver, "2026-03-02T14:04:00+08:00", sc.acceptance(t, offer, "2026-03-02T14:04:00+08:00"))
		})
	}
	run(t, []sides{
		{name: "offer left open", code: "HANDOVER_ONE_SIDED", words: []string{"zhang", "wang", "2026-03-02 14:00:00 +08:00", "W-001", "2026-03-03 02:00:00 +08:00"},
			broken: withoutAcceptance("by_hand", "2026-03-03T02:00:01+08:00", false),
			close:  withoutAcceptance("by_hand", "2026-03-03T02:00:00+08:00", false)},
		{name: "offer declined", code: "HANDOVER_ONE_SIDED",
			broken: withoutAcceptance("by_hand", "2026-03-05T00:00:00+08:00", false),
			close:  withoutAcceptance("by_hand", "2026-03-05T00:00:00+08:00", true)},
		{name: "parcel on its way", code: "HANDOVER_ONE_SIDED",
			broken: withoutAcceptance("courier", "2026-03-05T14:00:01+08:00", false),
			close:  withoutAcceptance("courier", "2026-03-05T14:00:00+08:00", false)},
		{name: "offer not here", code: "HANDOVER_ONE_SIDED", variant: "no_offer", words: []string{"wang accepted"},
			broken: ends(func(sc *scene) { sc.drop(sc.hand.offer) }), close: plot{}},
		{name: "another receiver", code: "HANDOVER_ONE_SIDED", variant: "other_receiver", words: []string{"sealed by Chen"},
			broken: otherSigner("zhang", "chen"), close: otherSigner("zhang", "wang")},
		{name: "another giver", code: "HANDOVER_ONE_SIDED", variant: "other_giver", words: []string{"sealed by Li"},
			broken: otherSigner("li", "wang"), close: otherSigner("zhang", "wang")},

		{name: "terms differ", code: "SIGN_DIGEST_MISMATCH", words: []string{"different terms"},
			broken: plot{accept: func(sc *scene, a *event.CustodyAccepted) {
				other := *sc.terms
				other.Purpose = "storage"
				a.Terms, a.Digest = terms(sc.story, &other)
			}},
			close: plot{terms: func(_ *scene, t *event.Terms) { t.Purpose = "storage" }}},
		{name: "digest is of something else", code: "SIGN_DIGEST_MISMATCH", words: []string{"digest in the acceptance"},
			broken: plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Digest[0] ^= 1 }}, close: plot{}},
		{name: "answers another offer", code: "SIGN_DIGEST_MISMATCH", words: []string{"another offer"},
			broken: plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Offer[0] ^= 1 }}, close: plot{}},
		{name: "offer's own digest", code: "SIGN_DIGEST_MISMATCH", words: []string{"digest in the offer"},
			broken: beforeHandover(func(sc *scene) {
				text, digest := terms(sc.story, sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample)...))
				digest[3] ^= 1
				sc.do("zhang", "2026-03-02T14:00:00+08:00", &event.CustodyOffered{Terms: text, Digest: digest})
				sc.in.Now = ts("2026-03-02T15:00:00+08:00").Time()
			}),
			close: withoutAcceptance("by_hand", "2026-03-02T15:00:00+08:00", false)},

		{name: "same person", code: "SELF_HANDOVER", words: []string{"zhang on both sides"},
			broken: beforeHandover(func(sc *scene) {
				sc.give("zhang", "zhang", "2026-03-02T14:00:00+08:00", "2026-03-02T14:01:00+08:00", hands(sc.sample, sc.blank))
			}),
			close: beforeHandover(func(sc *scene) {
				sc.give("zhang", "li", "2026-03-02T14:00:00+08:00", "2026-03-02T14:01:00+08:00", hands(sc.sample, sc.blank))
			})},
		{name: "one person seals both halves", code: "SELF_HANDOVER", variant: "one_signer", words: []string{"Zhang"},
			broken: otherSigner("zhang", "zhang"), close: otherSigner("zhang", "wang")},
		{name: "one key seals both halves", code: "SELF_HANDOVER", variant: "one_key", words: []string{"belongs to Zhang"},
			broken: beforeHandover(func(sc *scene) {
				t := sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample, sc.blank)...)
				offer := sc.offer("zhang", t)
				sc.do("zhang", "2026-03-02T14:04:00+08:00", sc.acceptance(t, offer, "2026-03-02T14:04:00+08:00"),
					func(p *event.Payload) { p.Actor = sc.people["wang"].person })
			}),
			close: otherSigner("zhang", "wang")},

		{name: "beyond what clocks may differ", code: "RECEIVE_BEFORE_RELINQUISH", words: []string{"2 min 1 s", "2026-03-02 13:57:59"},
			broken: plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Received = "2026-03-02T13:57:59+08:00" }},
			close:  plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Received = "2026-03-02T13:58:00+08:00" }}},
		{name: "offsets are not order", code: "RECEIVE_BEFORE_RELINQUISH",
			broken: plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Received = "2026-03-02T14:04:00+09:00" }},
			close:  plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Received = "2026-03-02T06:04:00Z" }}},

		{name: "one missing", code: "COUNT_MISMATCH", words: []string{"2 items are listed", "1 on receipt", "TB-001"},
			broken: plot{accept: func(sc *scene, a *event.CustodyAccepted) {
				a.Count, a.Missing, a.Seals = 1, []event.Ref{sampleRef(sc.blank.Sample)}, a.Seals[:1]
			}, until: "accession"},
			close: plot{until: "accession"}},
		{name: "counted wrong", code: "COUNT_MISMATCH", words: []string{"3 on receipt"},
			broken: plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Count = 3 }},
			close: plot{accept: func(_ *scene, a *event.CustodyAccepted) {
				a.Count, a.Unexpected = 3, []event.Unexpected{{Label: "ice pack", Explanation: "the laboratory's own"}}
			}}},
		{name: "missing, and found later", code: "COUNT_MISMATCH", words: []string{"reported missing: TB-001"}, broken: lost(false), close: lost(true)},
		{name: "counted wrong on giving", code: "COUNT_MISMATCH", variant: "giving", words: []string{"3 were counted"},
			broken: beforeHandover(func(sc *scene) {
				t := sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample, sc.blank)...)
				t.Count = 3
				sc.offer("zhang", t)
			}),
			close: withoutAcceptance("by_hand", "2026-03-02T15:00:00+08:00", false)},

		{name: "no explanation", code: "UNEXPECTED_ITEM", words: []string{"X-9", "no explanation"},
			broken: plot{accept: func(_ *scene, a *event.CustodyAccepted) {
				a.Count, a.Unexpected = 3, []event.Unexpected{{Label: "X-9"}}
			}},
			close: plot{accept: func(_ *scene, a *event.CustodyAccepted) {
				a.Count, a.Unexpected = 3, []event.Unexpected{{Label: "X-9", Explanation: "empty bottle of the carrier"}}
			}}},
		{name: "an exhibit without its own handover", code: "UNEXPECTED_ITEM", words: []string{"TB-001", "without a handover of its own"},
			broken: unlistedBlank(false), close: unlistedBlank(true)},
	})
}

// unlistedBlank: the blank arrives unlisted, with an explanation, and is or is not handed over properly afterwards.
func unlistedBlank(later bool) plot {
	return beforeHandover(func(sc *scene) {
		sc.give("zhang", "wang", "2026-03-02T14:00:00+08:00", "2026-03-02T14:04:00+08:00", hands(sc.sample), func(_ *event.Terms, a *event.CustodyAccepted) {
			if a != nil {
				a.Count, a.Unexpected = 2, []event.Unexpected{{Label: "TB-001", Explanation: "left off the list"}}
			}
		})
		if later {
			sc.give("zhang", "wang", "2026-03-02T14:10:00+08:00", "2026-03-02T14:12:00+08:00", hands(sc.blank))
		}
	})
}

// TestCorrectedReceiptKeepsItsTerms: an amendment of an acceptance may correct
// what the receiver alone states, and never the terms both sealed.
func TestCorrectedReceiptKeepsItsTerms(t *testing.T) {
	count := func(sc *scene) {
		sc.edit("wang", "2026-03-02T16:00:00+08:00", sc.hand.accept, event.Change{Path: "/count", Old: "3", New: "2"})
	}
	wrong := plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.Count = 3 }, before: ahead("end", count)}
	play(t, wrong).wantNone("COUNT_MISMATCH", "SIGN_DIGEST_MISMATCH", "EDIT_AFTER_SIGN")
}

// TestHandoverCures: what the texts say would cure a flaw does so, and does no harm elsewhere.
func TestHandoverCures(t *testing.T) {
	fresh := []Code{"CUSTODY_OVERLAP", "CUSTODY_GAP", "RECEIVER_NEQ_NEXT_RELINQUISHER", "EDIT_AFTER_SIGN", "SEAL_NUMBER_CHANGED", "SEAL_MISSING"}
	mismatch := func(again bool) *scene {
		return play(t, beforeHandover(func(sc *scene) {
			d := sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample, sc.blank)...)
			offer := sc.offer("zhang", d)
			other := *d
			other.Purpose = "storage"
			sc.do("wang", "2026-03-02T14:04:00+08:00", sc.acceptance(&other, offer, "2026-03-02T14:04:00+08:00"))
			if again {
				sc.give("zhang", "wang", "2026-03-02T14:30:00+08:00", "2026-03-02T14:32:00+08:00", hands(sc.sample, sc.blank))
			}
		}))
	}
	mismatch(false).wantOne("SIGN_DIGEST_MISMATCH")
	sc := mismatch(true)
	sc.wantNone(fresh...)
	for _, it := range sc.judge().Items {
		if it.Kind == Physical && (!it.Holder.Confirmed || it.Holder.Name != "wang") {
			t.Errorf("%s after the new handover: %+v", it.Label, it.Holder)
		}
	}

	self := play(t, beforeHandover(func(sc *scene) {
		d := sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample, sc.blank)...)
		offer := sc.offer("zhang", d)
		sc.do("zhang", "2026-03-02T14:04:00+08:00", sc.acceptance(d, offer, "2026-03-02T14:04:00+08:00"))
		sc.do("wang", "2026-03-02T14:08:00+08:00", sc.acceptance(d, offer, "2026-03-02T14:08:00+08:00"))
	}))
	self.wantNone(append(fresh, "SELF_HANDOVER", "HANDOVER_ONE_SIDED")...)

	stray := play(t, beforeHandover(func(sc *scene) {
		d := sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample, sc.blank)...)
		offer := sc.offer("zhang", d)
		wrong := sc.do("chen", "2026-03-02T14:04:00+08:00", sc.acceptance(d, offer, "2026-03-02T14:04:00+08:00"))
		sc.do("wang", "2026-03-02T14:08:00+08:00", sc.acceptance(d, offer, "2026-03-02T14:08:00+08:00"))
		sc.last = wrong
	}))
	stray.wantOne("CUSTODY_OVERLAP", "Chen")
	stray.void("chen", "2026-03-02T15:00:00+08:00", stray.last)
	stray.wantNone(append(fresh, "HANDOVER_ONE_SIDED")...)
}

// TestBothSidesUndo: a handover is undone from its last half to its first, and by
// one side alone not at all.
func TestBothSidesUndo(t *testing.T) {
	sc := play(t, plot{until: "accession"})
	state := func() string {
		if h := sc.judge().Handovers; len(h) > 0 {
			return h[0].State
		}
		return "none"
	}
	sc.in.Now = ts("2026-03-02T20:00:00+08:00").Time()
	sc.void("wang", "2026-03-02T16:00:00+08:00", sc.hand.accept)
	if state() != "complete" {
		t.Errorf("after the receiver alone withdrew: %s", state())
	}
	sc.wantOne("EDIT_AFTER_SIGN", "Wang withdrew the acceptance")
	sc.void("zhang", "2026-03-02T16:01:00+08:00", sc.hand.conclude)
	if state() != "offered" {
		t.Errorf("after the conclusion was withdrawn too: %s", state())
	}
	sc.void("zhang", "2026-03-02T16:02:00+08:00", sc.hand.offer)
	if state() != "none" {
		t.Errorf("after the offer was withdrawn too: %s", state())
	}
	sc.wantNone("EDIT_AFTER_SIGN")
}
