package custody

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"fieldseal/sync/event"
)

// chains is what the handovers come to: the physical things of the case and who held each when.
type chains struct {
	handovers []*handover
	byID      map[event.UUID]*handover
	// things are in order of label; byRef and byLabel find them.
	things  []*thing
	byRef   map[event.Ref]*thing
	byLabel map[string][]event.Ref
	// legs lists the handovers of each thing in the order in which custody moved.
	legs map[event.Ref][]*handover
}

// thing is a physical item on its way through the case.
type thing struct {
	ref   event.Ref
	label string
	// origin is the act that brought it into the case; nil where none is here.
	// Exactly one of the bodies is set where origin is.
	origin *act
	sample *event.SampleCollected
	object *event.ObjectRecorded
	part   *event.SubsampleMade
	// again lists further acts that claim to bring the same thing into the case.
	again   []*act
	periods []period
	seals   []sight
	flaws   []sealFlaw
	// held are its holding times, once heldRead.
	held     []holding
	heldRead bool
	// disposal ends its chain.
	disposal *act
}

// party is who holds a thing: one of some people, or an organisation.
type party struct {
	// persons may each act for the holder: a sampler and the second sampler.
	persons []event.UUID
	org     event.UUID
	name    string
}

// period is a stretch of time in one holder's custody, as claimed.
type period struct {
	holder party
	// from is when it began; to when it ended, zero while it lasts.
	from, to time.Time
	// by is the handover that began it; nil for a thing's first holder.
	by *handover
	// shared: anybody of the holder's organisation may act for it, because the
	// thing went into the organisation's storage or was checked in there.
	shared bool
}

// covers reports whether the period holds at t, give or take slack.
func (p *period) covers(t time.Time, slack time.Duration) bool {
	return !t.Before(p.from.Add(-slack)) && (p.to.IsZero() || !t.After(p.to.Add(slack)))
}

// is reports whether a side of a handover is this party.
func (p *party) is(h event.Holder, shared bool) bool {
	switch {
	case !h.Person.IsZero() && slices.Contains(p.persons, h.Person):
		return true
	case !h.Org.IsZero() && h.Org == p.org:
		return shared || len(p.persons) == 0 || h.Person.IsZero()
	case h.Person.IsZero() && h.Org.IsZero():
		return h.Name == p.name
	}
	return false
}

func partyOf(h event.Holder) party {
	p := party{org: h.Org, name: h.Name}
	if !h.Person.IsZero() {
		p.persons = []event.UUID{h.Person}
	}
	return p
}

// readThings finds the physical things and where each came from.
func (v *view) readThings() {
	c := &v.chains
	c.byRef, c.byLabel, c.legs = map[event.Ref]*thing{}, map[string][]event.Ref{}, map[event.Ref][]*handover{}
	for a, b := range each[*event.SampleCollected](v) {
		v.bring(event.Ref{Kind: "sample", ID: b.Sample}, a, func(t *thing) { t.sample, t.label = b, b.Label })
	}
	for a, b := range each[*event.SubsampleMade](v) {
		v.bring(event.Ref{Kind: "subsample", ID: b.Subsample}, a, func(t *thing) { t.part, t.label = b, b.Label })
	}
	handed := map[event.Ref]string{}
	for _, h := range c.handovers {
		for i, it := range h.terms.Items {
			if h.line[it.Item] != i {
				continue // listed twice
			}
			c.legs[it.Item] = append(c.legs[it.Item], h)
			if _, ok := handed[it.Item]; !ok {
				handed[it.Item] = it.Label
			}
		}
	}
	for _, held := range []bool{true, false} { // taken into custody, before merely described
		for a, b := range each[*event.ObjectRecorded](v) {
			ref := event.Ref{Kind: "object", ID: b.Object}
			_, moved := handed[ref]
			if c.byRef[ref] == nil && b.Held == held && (held || moved) { // a later record restates an object
				v.bring(ref, a, func(t *thing) { t.object, t.label = b, b.Label })
			}
		}
	}
	for ref, label := range handed {
		if c.byRef[ref] == nil && (ref.Kind == "sample" || ref.Kind == "subsample" || ref.Kind == "object") {
			v.bring(ref, nil, func(t *thing) { t.label = label })
		}
	}
	slices.SortFunc(c.things, func(a, b *thing) int {
		return cmp.Or(cmp.Compare(a.label, b.label), compareRefs(&a.ref, &b.ref))
	})
	for _, t := range c.things {
		key := labelKey(t.label)
		c.byLabel[key] = append(c.byLabel[key], t.ref)
	}
}

func (v *view) bring(ref event.Ref, a *act, describe func(*thing)) {
	if old := v.chains.byRef[ref]; old != nil {
		old.again = append(old.again, a)
		return
	}
	t := &thing{ref: ref, origin: a}
	describe(t)
	v.chains.byRef[ref] = t
	v.chains.things = append(v.chains.things, t)
}

// labelKey is a label as it is compared: what a scanner or a tired eye may add does not count.
func labelKey(label string) string { return strings.ToUpper(strings.TrimSpace(label)) }

// labelled lists the things that carry a label.
func (v *view) labelled(label string) []event.Ref { return v.chains.byLabel[labelKey(label)] }

// labelOf names a thing for a text.
func (v *view) labelOf(ref event.Ref) string {
	if t := v.chains.byRef[ref]; t != nil && t.label != "" {
		return t.label
	}
	return string(ref.Kind) + " " + ref.ID.String()
}

// labels names things for a text.
func (v *view) labels(refs []event.Ref) Text {
	var names []string
	for _, r := range refs[:min(len(refs), mostListed)] {
		names = append(names, v.labelOf(r))
	}
	return andMore(names, len(refs))
}

// began is when a thing came into its first holder's hands, as claimed.
func (t *thing) began() time.Time {
	switch {
	case t.sample != nil:
		return t.sample.Start.Time()
	case t.part != nil:
		return t.part.At.Time()
	case t.origin != nil:
		return t.origin.at
	}
	return time.Time{}
}

// firstHolder is who had a thing first: its samplers, its analyst, or who took it.
func (v *view) firstHolder(t *thing) party {
	if t.origin == nil {
		return party{}
	}
	p := party{persons: []event.UUID{t.origin.Event.Actor}, org: v.orgOf(t.origin)}
	switch {
	case t.sample != nil:
		p.persons = append([]event.UUID{t.sample.Sampler}, p.persons...)
		if !t.sample.SecondSampler.IsZero() {
			p.persons = append(p.persons, t.sample.SecondSampler)
		}
	case t.part != nil:
		p.persons = append([]event.UUID{t.part.Analyst}, p.persons...)
	}
	p.name = v.personName(p.persons[0])
	return p
}

// walk follows a thing from hand to hand. The chain goes on with whoever says to
// have received it, even where the handover is flawed: the flaw is a finding of
// its own, and breaking the chain there would only hide what came after.
func (v *view) walk(t *thing) {
	t.periods = []period{{holder: v.firstHolder(t), from: t.began(), shared: t.part != nil}}
	start := -1 // the causal position at which the current period began
	moves := slices.DeleteFunc(slices.Clone(v.chains.legs[t.ref]), func(h *handover) bool { return h.accept == nil || h.missing[t.ref] })
	for i, h := range moves {
		if i+1 < len(moves) && h.madeGoodBy(moves[i+1]) {
			continue
		}
		now := &t.periods[len(t.periods)-1]
		now.to = h.relinquished()
		now.shared = now.shared || v.storedBetween(t, now.holder.org, start, h)
		t.periods = append(t.periods, period{holder: partyOf(h.terms.To), from: h.received(), by: h})
		start = h.accept.pos
	}
	last := &t.periods[len(t.periods)-1]
	last.shared = last.shared || v.storedBetween(t, last.holder.org, start, nil)
	for a := range concerning[*event.ItemDisposed](v, t.ref) {
		t.disposal = a
		break
	}
}

// madeGoodBy reports whether a flawed handover was made anew, whole, between the same two.
func (h *handover) madeGoodBy(next *handover) bool {
	return !h.complete() && next.complete() && sameSide(h.terms.From, next.terms.From) && sameSide(h.terms.To, next.terms.To)
}

// storedBetween reports whether an organisation put a thing into its storage or
// checked it in after a causal position and before a handover (nil: ever).
func (v *view) storedBetween(t *thing, org event.UUID, start int, before *handover) bool {
	end := len(v.acts)
	if before != nil {
		end = before.moved().pos
	}
	if org.IsZero() {
		return false
	}
	for a, b := range concerning[*event.StorageMoved](v, t.ref) {
		if b.Move == "in" && a.pos > start && a.pos < end && v.orgOf(a) == org {
			return true
		}
	}
	for a, b := range concerning[*event.LabAccessioned](v, t.ref) {
		if a.pos > start && a.pos < end && b.Lab == org && v.orgOf(a) == org {
			return true
		}
	}
	return false
}

// lostIn is the handover in which a thing was reported missing and after which
// nobody received it; nil where it is not lost.
func (v *view) lostIn(t *thing) *handover {
	var lost *handover
	for _, h := range v.chains.legs[t.ref] {
		switch {
		case h.accept == nil:
		case h.missing[t.ref]:
			lost = h
		default:
			lost = nil
		}
	}
	return lost
}

// holderAt is who held a thing at t; nil while nobody says to have it.
func (t *thing) holderAt(at time.Time) *period {
	for i := range slices.Backward(t.periods) {
		if t.periods[i].covers(at, 0) {
			return &t.periods[i]
		}
	}
	return nil
}

var _ = derive(stageChains, "chains", func(v *view) {
	v.readReliance()
	v.readHandovers()
	v.readThings()
	for _, t := range v.chains.things {
		v.walk(t)
		v.readSeals(t)
		t.flaws = v.sealFlaws(t)
	}
	v.readBench()
	v.readHolds()
	v.record.Handovers, v.record.Reports, v.record.Dossiers = v.handoverInfos(), v.reportInfos(), v.readDossiers()
})
