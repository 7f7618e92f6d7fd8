package custody

import (
	"time"

	"fieldseal/sync/event"
)

// legalHold forbids disposal from its placing to its release.
type legalHold struct {
	id     event.UUID
	placed *act
	body   *event.HoldPlaced
	// released is nil while the hold lasts.
	released *act
}

// on reports whether the hold was in force at t.
func (h *legalHold) on(t time.Time) bool {
	return !t.Before(h.placed.at) && (h.released == nil || t.Before(h.released.at))
}

func (v *view) readHolds() {
	v.holds = map[event.Ref][]*legalHold{}
	byID := map[event.UUID]*legalHold{}
	for a, b := range each[*event.HoldPlaced](v) {
		h := &legalHold{id: b.Hold, placed: a, body: b}
		byID[b.Hold] = h
		for _, ref := range b.Items {
			v.holds[ref] = append(v.holds[ref], h)
		}
	}
	for a, b := range each[*event.HoldReleased](v) {
		if h := byID[b.Hold]; h != nil && h.released == nil {
			h.released = a
		}
	}
}

// holdsAt lists the holds on a thing at t: its own, those of what it was taken
// from, and those of the case.
func (v *view) holdsAt(t *thing, at time.Time) []*legalHold {
	var list []*legalHold
	collect := func(ref event.Ref) {
		for _, h := range v.holds[ref] {
			if h.on(at) {
				list = append(list, h)
			}
		}
	}
	collect(event.Ref{Kind: "case", ID: v.in.Case})
	seen := map[event.Ref]bool{}
	for t != nil && !seen[t.ref] {
		seen[t.ref] = true
		collect(t.ref)
		if t.part == nil {
			break
		}
		t = v.chains.byRef[t.part.Parent]
	}
	return list
}

// holdsOn lists the holds in force at the time judged.
func (v *view) holdsOn(t *thing) []event.UUID {
	var ids []event.UUID
	for _, h := range v.holdsAt(t, v.now) {
		ids = append(ids, h.id)
	}
	return ids
}

var _ = register(spec{
	code: "DISPOSED_UNDER_HOLD", severity: Fatal, source: "house rule: a legal hold forbids disposal until its release",
	title:   both("Disposed of under a legal hold", "在保全期间处置"),
	explain: both("{label} was disposed of by {who} at {at} ({method}), while a legal hold by {authority} was on {held} since {since} (reason: {reason}). The disposal states that holds were checked: {checked}.", "{label} 由 {who} 于 {at} 处置（{method}），而 {authority} 自 {since} 起已对 {held} 采取保全（理由：{reason}）。处置记录称已核查保全：{checked}。"),
	cure:    both("Nothing brings the item back. If the hold had been released before, the release is sealed with its date and authority; what is left of the item and of its sub-samples is secured at once.", "物品无法恢复。如保全此前已解除，应补签解除记录并载明日期与授权；立即固定剩余部分及其子样。"),
	find:    findDisposedUnderHold,
})

func findDisposedUnderHold(v *view, report func(finding)) {
	for _, t := range v.chains.things {
		for a, b := range concerning[*event.ItemDisposed](v, t.ref) {
			for _, h := range v.holdsAt(t, b.At.Time()) {
				report(finding{item: &t.ref, acts: []*act{h.placed, a}, args: args{
					"label": str(t.label), "who": v.actor(a), "at": when(b.At), "method": str(b.Method), "authority": str(h.body.Authority),
					"held": v.heldText(h), "since": when(h.placed.Event.Clock.Wall), "reason": str(h.body.Reason), "checked": yesNo(b.HoldChecked),
				}})
			}
		}
	}
}

// heldText names what a hold is on.
func (v *view) heldText(h *legalHold) Text {
	for _, ref := range h.body.Items {
		if ref.Kind == "case" {
			return both("the whole case", "全案")
		}
	}
	return v.labels(h.body.Items)
}

func yesNo(y event.YesNo) Text {
	switch y {
	case "yes":
		return both("yes", "是")
	case "no":
		return both("no", "否")
	}
	return both("not applicable", "不适用")
}
