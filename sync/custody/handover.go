package custody

import (
	"cmp"
	"slices"
	"time"

	"fieldseal/sync/event"
)

// handover is one change of hands: an offer and an acceptance over one exact
// text of terms, each sealed by its own side.
type handover struct {
	id event.UUID
	// terms are the offer's, or the acceptance's where no offer is here.
	terms *event.Terms
	// offer, accept, conclude and decline are the acts that count, nil where
	// there is none; others are further acts of the same handover.
	offer, accept, conclude, decline *act
	others                           []*act
	offered                          *event.CustodyOffered
	accepted                         *event.CustodyAccepted
	// line finds an item in terms.Items; found its seal on receipt; missing what was reported missing.
	line    map[event.Ref]int
	found   map[event.Ref]event.SealFound
	missing map[event.Ref]bool
	// mismatch says why the two sides did not seal the same thing; nil where they did.
	mismatch *problem
}

// index makes the items findable; a handover may name hundreds. The first
// statement about an item counts.
func (h *handover) index() {
	h.line = make(map[event.Ref]int, len(h.terms.Items))
	for i, it := range h.terms.Items {
		if _, ok := h.line[it.Item]; !ok {
			h.line[it.Item] = i
		}
	}
	if h.accepted == nil {
		return
	}
	h.found, h.missing = make(map[event.Ref]event.SealFound, len(h.accepted.Seals)), make(map[event.Ref]bool, len(h.accepted.Missing))
	for _, f := range h.accepted.Seals {
		if _, ok := h.found[f.Item]; !ok {
			h.found[f.Item] = f
		}
	}
	for _, ref := range h.accepted.Missing {
		h.missing[ref] = true
	}
}

func (h *handover) ref() *event.Ref { return &event.Ref{Kind: "handover", ID: h.id} }

// acts lists what was sealed of the handover.
func (h *handover) acts() []*act { return []*act{h.offer, h.accept, h.conclude, h.decline} }

// items lists the things that the terms name.
func (h *handover) items() []event.Ref {
	refs := make([]event.Ref, 0, len(h.terms.Items))
	for _, it := range h.terms.Items {
		refs = append(refs, it.Item)
	}
	return refs
}

// relinquished and received are the two times as claimed; zero where that half is not here.
func (h *handover) relinquished() time.Time { return h.terms.Relinquished.Time() }

func (h *handover) received() time.Time {
	if h.accepted == nil {
		return time.Time{}
	}
	return h.accepted.Received.Time()
}

// unexplained is the time between the two; 0 where a half is missing or they overlap.
func (h *handover) unexplained() time.Duration {
	if h.accepted == nil {
		return 0
	}
	return max(0, h.received().Sub(h.relinquished()))
}

// complete: both sides sealed the same terms.
func (h *handover) complete() bool { return h.offer != nil && h.accept != nil && h.mismatch == nil }

// moved is the act that places the handover in causal order: the acceptance,
// which is when custody moves, or the offer while there is none.
func (h *handover) moved() *act {
	if h.accept != nil {
		return h.accept
	}
	return h.offer
}

// readHandovers collects the handovers in the order in which custody moved. Terms are
// always read as they were sealed: a later amendment of them binds nobody.
func (v *view) readHandovers() {
	v.chains.byID = map[event.UUID]*handover{}
	for a, b := range eachOriginal[*event.CustodyOffered](v) {
		if t := v.termsOf(b.Terms); t != nil {
			h := v.handover(t.Handover, t)
			if h.offer == nil && !v.withdrawn(a) {
				h.offer, h.offered, h.terms = a, b, t
			} else {
				h.others = append(h.others, a)
			}
		}
	}
	for a, b := range eachOriginal[*event.CustodyAccepted](v) {
		if t := v.termsOf(b.Terms); t != nil {
			v.handover(b.Handover, t).takeAcceptance(v, a, b)
		}
	}
	for a, b := range each[*event.CustodyConcluded](v) {
		if h := v.chains.byID[b.Handover]; h != nil && h.conclude == nil {
			h.conclude = a
		}
	}
	for a, b := range each[*event.CustodyDeclined](v) {
		if h := v.chains.byID[b.Handover]; h != nil && h.decline == nil {
			h.decline = a
		}
	}
	live := v.chains.handovers[:0]
	for _, h := range v.chains.handovers {
		if h.moved() != nil {
			h.index()
			h.mismatch = h.compareHalves()
			live = append(live, h)
		}
	}
	slices.SortStableFunc(live, func(a, b *handover) int { return cmp.Compare(a.moved().pos, b.moved().pos) })
	v.chains.handovers = live
}

// takeAcceptance adds an acceptance. Of several the one counts that names the
// offer and was sealed by the receiver whom the terms name; the first of equals.
func (h *handover) takeAcceptance(v *view, a *act, b *event.CustodyAccepted) {
	if v.withdrawn(a) {
		h.others = append(h.others, a)
		return
	}
	if now, ok := a.now.(*event.CustodyAccepted); ok { // seals, counts and remarks as corrected; terms as sealed
		corrected := *now
		corrected.Terms, corrected.Digest, corrected.Offer, corrected.Handover = b.Terms, b.Digest, b.Offer, b.Handover
		b = &corrected
	}
	if h.accept != nil {
		if v.worth(h, a, b) <= v.worth(h, h.accept, h.accepted) {
			h.others = append(h.others, a)
			return
		}
		h.others = append(h.others, h.accept)
	}
	h.accept, h.accepted = a, b
	if h.offer == nil {
		h.terms = v.termsOf(b.Terms)
	}
}

// worth ranks the acceptances of one handover.
func (v *view) worth(h *handover, a *act, b *event.CustodyAccepted) (n int) {
	if h.offer != nil && b.Offer == h.offer.ID {
		n += 2
	}
	if v.signs(a, h.terms.To) {
		n++
	}
	return n
}

// withdrawn reports whether a half was voided while it still bound nobody else:
// an offer that nobody has accepted, an acceptance that nobody has concluded.
// After that the other side has relied on it, and voiding it changes nothing.
func (v *view) withdrawn(a *act) bool {
	return a.voided != nil && !v.relied[a.ID]
}

// readReliance notes which halves the other side has sealed something on. Both
// sides together can undo a handover, from its last half to its first.
func (v *view) readReliance() {
	v.relied = map[event.ID]bool{}
	for _, b := range each[*event.CustodyConcluded](v) {
		v.relied[b.Acceptance] = true
	}
	for a, b := range eachOriginal[*event.CustodyAccepted](v) {
		if !v.withdrawn(a) {
			v.relied[b.Offer] = true
		}
	}
}

func (v *view) handover(id event.UUID, t *event.Terms) *handover {
	h := v.chains.byID[id]
	if h == nil {
		h = &handover{id: id, terms: t}
		v.chains.byID[id] = h
		v.chains.handovers = append(v.chains.handovers, h)
	}
	return h
}

// compareHalves says where the two halves differ; nil where they agree or one is missing.
func (h *handover) compareHalves() *problem {
	switch {
	case h.offer != nil && event.TermsDigest(h.offered.Terms) != h.offered.Digest:
		return &problem{"offer", both("the digest in the offer is not that of the offer's own terms", "移交方所签摘要与其自身的交接条款不符")}
	case h.accept != nil && event.TermsDigest(h.accepted.Terms) != h.accepted.Digest:
		return &problem{"acceptance", both("the digest in the acceptance is not that of the acceptance's own terms", "接收方所签摘要与其自身的交接条款不符")}
	case h.offer == nil || h.accept == nil:
		return nil
	case h.offered.Digest != h.accepted.Digest:
		return &problem{"terms", both("the two sides sealed different terms", "双方所签的交接条款不一致")}
	case h.accepted.Handover != h.terms.Handover:
		return &problem{"handover", both("the acceptance names another handover than its terms", "接收记录所指的交接与其条款不符")}
	case h.terms.Case != h.offer.Event.Case:
		return &problem{"case", both("the terms name another case than the one they were sealed in", "交接条款所载案件与签封所在案件不同")}
	case h.accepted.Offer != h.offer.ID:
		return &problem{"other_offer", both("the acceptance answers another offer event than the one that is here", "接收记录所回应的移交事件与在案的移交事件不同")}
	}
	return h.compareConclusion()
}

func (h *handover) compareConclusion() *problem {
	if h.conclude == nil {
		return nil
	}
	c, ok := h.conclude.now.(*event.CustodyConcluded)
	switch {
	case !ok:
		return nil
	case c.Digest != h.accepted.Digest:
		return &problem{"conclusion", both("the relinquisher concluded over other terms than those accepted", "移交方确认的条款与接收方所签条款不一致")}
	case c.Acceptance != h.accept.ID:
		return &problem{"other_acceptance", both("the relinquisher was shown another acceptance than the one that is here", "移交方所确认的接收事件与在案的接收事件不同")}
	}
	return nil
}

// state is where the handover stands at the time judged.
func (v *view) state(h *handover) string {
	switch {
	case h.mismatch != nil:
		return "mismatch"
	case h.complete():
		return "complete"
	case h.decline != nil:
		return "declined"
	case h.offer == nil || v.overdue(h):
		return "one_sided"
	case h.terms.Mode == "courier":
		return "in_transit"
	}
	return "offered"
}

// overdue reports whether an offer should have been accepted by now.
func (v *view) overdue(h *handover) bool {
	return h.offer != nil && h.accept == nil && v.now.After(v.answerBy(h))
}

// answerBy is until when an offer may wait for its acceptance.
func (v *view) answerBy(h *handover) time.Time {
	limit := v.rules.Custody.AcceptanceGrace.Limit
	if h.terms.Mode == "courier" {
		limit = v.rules.Custody.CourierTransit.Limit
	}
	return limit.After(h.relinquished())
}

// termsOf reads terms once for each text; nil where a body was not checked by event.ParseBody.
func (v *view) termsOf(text string) *event.Terms {
	if t, ok := v.terms[text]; ok {
		return t
	}
	t, err := event.ParseTerms(text)
	if err != nil {
		v.terms[text] = nil
		return nil
	}
	v.terms[text] = &t
	return &t
}

// facts are what every text about a handover may say.
func (v *view) facts(h *handover) args {
	a := args{
		"from": str(h.terms.From.Name), "to": str(h.terms.To.Name), "relinquished": when(h.terms.Relinquished),
		"received": str(""), "items": v.labels(h.items()), "mode": str(string(h.terms.Mode)),
		"carrier": str(h.terms.Carrier), "tracking": str(h.terms.TrackingNo), "unexplained": span(h.unexplained()),
	}
	if h.accepted != nil {
		a["received"] = when(h.accepted.Received)
	}
	return a
}

// handoverInfos lists the handovers for the record.
func (v *view) handoverInfos() []HandoverInfo {
	var list []HandoverInfo
	id := func(a *act) event.ID {
		if a == nil {
			return event.ID{}
		}
		return a.ID
	}
	for _, h := range v.chains.handovers {
		info := HandoverInfo{
			Handover: h.id, From: h.terms.From.Name, To: h.terms.To.Name, Mode: h.terms.Mode,
			Carrier: h.terms.Carrier, TrackingNo: h.terms.TrackingNo, Items: len(h.terms.Items), Refs: h.items(),
			Relinquished: h.terms.Relinquished, UnexplainedMS: h.unexplained().Milliseconds(), State: v.state(h),
			Offer: id(h.offer), Accepted: id(h.accept), Concluded: id(h.conclude), Declined: id(h.decline),
		}
		if h.accepted != nil {
			info.Received = h.accepted.Received
		}
		list = append(list, info)
	}
	return list
}
