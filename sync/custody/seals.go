package custody

import (
	"cmp"
	"slices"
	"strings"

	"fieldseal/sync/event"
)

// sight is one statement about a thing's custody seal.
type sight struct {
	act *act
	// kind is "applied" (put on), "given" (as relinquished), "received", "checked_in" or "opened" (a part was taken).
	kind  string
	at    event.Stamp
	no    string
	state event.SealState
	// recorded: the statement speaks of the seal at all.
	recorded bool
	// by is the handover of given and received.
	by *handover
	// old is the seal that an applied one replaces.
	old string
}

// sameSeal compares seal numbers as people read them.
func sameSeal(a, b string) bool { return sealKey(a) == sealKey(b) }

func sealKey(no string) string { return strings.ToUpper(strings.Join(strings.Fields(no), "")) }

func sealZH(s event.SealState) string {
	return map[event.SealState]string{"intact": "完好", "broken": "破损", "missing": "缺失", "none": "无封志"}[s]
}

func sealWord(s event.SealState) Text { return both(string(s), sealZH(s)) }

// readSeals lists the sights of a thing's seal in causal order.
func (v *view) readSeals(t *thing) {
	add := func(s sight) { t.seals = append(t.seals, s) }
	switch {
	case t.sample != nil && t.sample.SealNo != "":
		add(sight{act: t.origin, kind: "applied", at: cmp.Or(t.sample.End, t.sample.Start), no: t.sample.SealNo, state: "intact", recorded: true})
	case t.object != nil && t.object.SealNo != "":
		add(sight{act: t.origin, kind: "applied", at: t.origin.Event.Clock.Wall, no: t.object.SealNo, state: "intact", recorded: true})
	}
	for a, b := range concerning[*event.SealApplied](v, t.ref) {
		add(sight{act: a, kind: "applied", at: b.At, no: b.NewSeal, state: "intact", recorded: true, old: b.OldSeal})
	}
	for _, h := range v.chains.legs[t.ref] {
		v.sightsOf(t, h, add)
	}
	for a, b := range concerning[*event.LabAccessioned](v, t.ref) {
		add(sight{act: a, kind: "checked_in", at: b.Received, no: b.SealNo, state: b.Seal, recorded: true})
	}
	for a, b := range concerning[*event.SubsampleMade](v, t.ref) {
		if b.Parent == t.ref {
			add(sight{act: a, kind: "opened", at: b.At, state: "broken", recorded: true})
		}
	}
	slices.SortStableFunc(t.seals, func(x, y sight) int { return cmp.Compare(x.act.pos, y.act.pos) })
}

// sightsOf lists what both sides of a handover say of a thing's seal.
func (v *view) sightsOf(t *thing, h *handover, add func(sight)) {
	if h.offer != nil {
		it := h.terms.Items[h.line[t.ref]]
		add(sight{act: h.offer, kind: "given", at: h.terms.Relinquished, no: it.SealNo, state: it.Seal, recorded: true, by: h})
	}
	if h.accept == nil || h.missing[t.ref] {
		return
	}
	s := sight{act: h.accept, kind: "received", at: h.accepted.Received, by: h}
	if f, ok := h.found[t.ref]; ok {
		s.no, s.state, s.recorded = f.SealNo, f.Seal, true
	}
	add(s)
}

// sealFlaw is what is wrong at one sight of a seal.
type sealFlaw struct {
	sight sight
	// expected is the seal number that should have been there, since the sight at which it was last known.
	expected string
	since    sight
	// kind is "changed", "appeared", "old_differs", "broken", "gone", "never", "unread", "unrecorded" or "gone_before".
	kind string
}

// sealFlaws follows a thing's seal. Once a flaw is found the chain goes on from
// what was seen, so that one broken seal is one finding.
func (v *view) sealFlaws(t *thing) []sealFlaw {
	var flaws []sealFlaw
	var now sight // the last good statement; no is empty while there is no seal
	opened, told := false, false
	flaw := func(s sight, kind string) { flaws = append(flaws, sealFlaw{s, now.no, now, kind}) }
	for _, s := range t.seals {
		switch s.kind {
		case "applied":
			if s.old != "" && now.no != "" && !sameSeal(s.old, now.no) {
				flaw(s, "old_differs")
			}
			now, opened, told = s, false, false
			continue
		case "opened":
			now, opened = sight{}, true
			continue
		}
		if kind := v.sealFlaw(t, s, now, opened, told); kind != "" {
			flaw(s, kind)
			told = true
		}
		switch {
		case s.recorded && s.state != "intact" && now.no != "":
			now = sight{} // known to be off from here on
		case s.no != "" && s.state == "intact" && !sameSeal(s.no, now.no):
			now = s // seen again under the same number, a seal dates from when it was first known
		}
	}
	return flaws
}

// sealFlaw says what is wrong with one sight, given the seal known so far.
func (v *view) sealFlaw(t *thing, s, now sight, opened, told bool) string {
	receipt := s.kind != "given"
	switch {
	case !s.recorded:
		if now.no != "" {
			return "unrecorded"
		}
	case now.no != "" && s.state == "broken" && receipt:
		return "broken"
	case now.no != "" && (s.state == "missing" || s.state == "none"):
		if receipt {
			return "gone"
		}
		return "gone_before"
	case now.no != "" && s.no != "" && !sameSeal(s.no, now.no):
		return "changed"
	case now.no != "" && s.no == "" && s.state == "intact":
		return "unread"
	case now.no == "" && s.no != "" && s.state == "intact" && (opened || len(t.periods) > 1 && s.by != t.periods[1].by):
		return "appeared"
	case now.no == "" && s.no == "" && s.kind == "given" && !told && v.leaves(s.by):
		return "never"
	}
	return ""
}

// leaves reports whether a handover takes things out of an organisation's hands.
func (v *view) leaves(h *handover) bool {
	return h.terms.Mode == "courier" || h.terms.From.Org.IsZero() || h.terms.From.Org != h.terms.To.Org
}
