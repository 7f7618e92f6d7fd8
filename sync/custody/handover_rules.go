package custody

import (
	"slices"
	"strings"

	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "HANDOVER_ONE_SIDED", severity: Curable, source: "house rule: a sender's \"sent\" is not custody; only a receipt bound to the receiver is",
	title:   both("Handover sealed by one side only", "交接仅单方签封"),
	explain: both("{from} relinquished {items} to {to} at {relinquished}; no acceptance has arrived, and it was due by {due}.", "{from} 于 {relinquished} 将 {items} 移交给 {to}，至今未收到接收记录，最迟应于 {due} 前收到。"),
	cure:    both("{to} seals an acceptance that names the offer, or declines it; {from} withdraws an offer that came to nothing; or the devices concerned are synchronised.", "由 {to} 签封指向该移交的接收记录或拒收记录；未成的移交由 {from} 撤回；或将相关设备同步。"),
	variants: map[string]Text{
		"no_offer":       both("{to} accepted {items} from {from} at {received}, but the offer that the acceptance answers is not here.", "{to} 于 {received} 从 {from} 处接收了 {items}，但其所回应的移交记录不在案。"),
		"other_receiver": both("The terms name {to} as receiver of {items}, but the acceptance was sealed by {signer}; {to} has sealed nothing.", "交接条款载明 {items} 的接收人为 {to}，但接收记录由 {signer} 签封；{to} 未作任何签封。"),
		"other_giver":    both("The terms name {from} as the one who relinquished {items}, but the offer was sealed by {signer}; {from} has sealed nothing.", "交接条款载明 {items} 的移交人为 {from}，但移交记录由 {signer} 签封；{from} 未作任何签封。"),
	},
	cures: map[string]Text{
		"no_offer":       both("The device of {from} is synchronised, so that its offer arrives.", "同步 {from} 的设备，使其移交记录入库。"),
		"other_receiver": both("{to} and {signer} record how the items passed between them, by a handover of their own or a signed statement.", "由 {to} 与 {signer} 补作两人之间的交接记录或签署说明。"),
		"other_giver":    both("{from} and {signer} record how the items passed between them, by a handover of their own or a signed statement.", "由 {from} 与 {signer} 补作两人之间的交接记录或签署说明。"),
	},
	find: findHandoverOneSided,
})

func findHandoverOneSided(v *view, report func(finding)) {
	for _, h := range v.chains.handovers {
		f := finding{item: h.ref(), also: h.items(), acts: h.acts(), args: v.facts(h)}
		f.args["due"] = clock(v.answerBy(h))
		switch {
		case h.accept != nil && h.offer == nil:
			f.variant, f.absent = "no_offer", true
			report(f)
		case h.accept == nil && h.decline == nil && v.overdue(h):
			f.absent = true
			report(f)
		}
		if h.offer != nil && !v.signs(h.offer, h.terms.From) {
			f.variant, f.args, f.absent = "other_giver", v.facts(h), false
			f.args["signer"] = v.actor(h.offer)
			report(f)
		}
		if h.accept != nil && !v.signs(h.accept, h.terms.To) {
			f.variant, f.args, f.absent = "other_receiver", v.facts(h), false
			f.args["signer"] = v.actor(h.accept)
			report(f)
		}
	}
}

// signs reports whether an act was sealed by the side that the terms name: the
// person, or where only an organisation is named somebody of it. Where the terms
// name neither by id there is nothing to compare.
func (v *view) signs(a *act, side event.Holder) bool {
	if !side.Person.IsZero() {
		return a.Event.Actor == side.Person
	}
	return side.Org.IsZero() || v.orgOf(a) == side.Org
}

var _ = register(spec{
	code: "SIGN_DIGEST_MISMATCH", severity: Fatal, source: "house rule: both sides of a handover seal the SHA-256 of one exact text",
	title:   both("The two sides sealed different terms", "双方签封内容不一致"),
	explain: both("Handover of {items} from {from} to {to} (relinquished {relinquished}, received {received}): {problem}.", "{items} 由 {from} 移交 {to}（移交 {relinquished}，接收 {received}）：{problem}。"),
	cure:    both("Both sides make a new handover over the same terms, and state in writing what was handed over the first time.", "双方就同一条款重新交接，并书面说明首次交接的实际内容。"),
	find:    findSignDigestMismatch,
})

func findSignDigestMismatch(v *view, report func(finding)) {
	for _, h := range v.chains.handovers {
		if h.mismatch == nil {
			continue
		}
		f := finding{item: h.ref(), also: h.items(), acts: h.acts(), args: v.facts(h)}
		f.args["problem"] = h.mismatch.text
		// Another offer or acceptance may be among the events that are not disclosed.
		f.absent = strings.HasPrefix(h.mismatch.name, "other_")
		report(f)
	}
}

var _ = register(spec{
	code: "SELF_HANDOVER", severity: Curable, source: "house rule: a handover takes two people with a key each",
	title:   both("Handover to oneself", "自行交接"),
	explain: both("{items}: the terms name {from} on both sides (relinquished {relinquished}).", "{items}：交接条款的双方均为 {from}（移交时间 {relinquished}）。"),
	cure:    both("The person who really received the items seals an acceptance with a key of their own; a move by the same holder is recorded as storage.", "由实际接收人以其本人密钥签封接收记录；同一保管人的移动应记为入库或移库。"),
	variants: map[string]Text{
		"one_key":    both("{items}: the offer by {from} and the acceptance by {to} were sealed with one and the same key, which belongs to {owner}.", "{items}：{from} 的移交与 {to} 的接收由同一密钥签封，该密钥属于 {owner}。"),
		"one_signer": both("{items}: offer and acceptance were both sealed by {owner}, though the terms name {from} and {to}.", "{items}：条款载明双方为 {from} 与 {to}，但移交与接收均由 {owner} 签封。"),
	},
	find: findSelfHandover,
})

func findSelfHandover(v *view, report func(finding)) {
	for _, h := range v.chains.handovers {
		f := finding{item: h.ref(), also: h.items(), acts: h.acts(), args: v.facts(h)}
		switch {
		case sameSide(h.terms.From, h.terms.To):
		case h.offer == nil || h.accept == nil:
			continue
		case h.offer.Event.Actor == h.accept.Event.Actor:
			f.variant, f.args["owner"] = "one_signer", v.actor(h.offer)
		case h.offer.Key == h.accept.Key && !h.offer.Key.IsZero():
			f.variant, f.args["owner"] = "one_key", v.keyOwner(h.offer)
		default:
			continue
		}
		report(f)
	}
}

// sameSide reports whether two sides are one person; a name alone tells people
// apart only where neither side is named by id.
func sameSide(a, b event.Holder) bool {
	if !a.Person.IsZero() || !b.Person.IsZero() {
		return a.Person == b.Person
	}
	return a.Name == b.Name && a.Org == b.Org
}

// keyOwner names the person to whom the key of an act is enrolled.
func (v *view) keyOwner(a *act) Text {
	if d, ok := v.people.keys[a.Key]; ok {
		return str(v.personName(d.body.Person))
	}
	return v.actor(a)
}

var _ = register(spec{
	code: "RECEIVE_BEFORE_RELINQUISH", severity: Curable, source: "house rule, tolerance custody.clock_tolerance of the rule pack",
	title:   both("Received before it was relinquished", "接收早于移交"),
	explain: both("{to} states to have received {items} at {received}, {early} before {from} states to have relinquished them ({relinquished}); clocks may differ by {tolerance} at most.", "{to} 称于 {received} 接收 {items}，比 {from} 所称的移交时间（{relinquished}）早 {early}；时钟允许相差不超过 {tolerance}。"),
	cure:    both("Both sides seal a statement of which clock was wrong and by how much, such as the offset observed at a synchronisation, and a supervisor waives the defect on that ground.", "由双方签封说明哪一时钟有误及偏差（如同步时测得的偏差），并由主管人员据此豁免。"),
	find:    findReceiveBeforeRelinquish,
})

func findReceiveBeforeRelinquish(v *view, report func(finding)) {
	tolerance := v.rules.Custody.ClockTolerance
	for _, h := range v.chains.handovers {
		if h.accept == nil {
			continue
		}
		early := h.relinquished().Sub(h.received())
		if early <= tolerance.Duration() {
			continue
		}
		f := finding{item: h.ref(), also: h.items(), acts: h.acts(), args: v.facts(h)}
		f.args["early"], f.args["tolerance"] = span(early), span(tolerance.Duration())
		report(f)
	}
}

var _ = register(spec{
	code: "COUNT_MISMATCH", severity: Curable, source: "house rule: a receipt closes only when all is accounted for",
	title:   both("Number of items does not agree", "件数不符"),
	explain: both("Handover from {from} to {to} ({relinquished}): {listed} items are listed, {given} were counted on giving and {taken} on receipt; reported missing: {missing}.", "{from} 移交 {to}（{relinquished}）：清单 {listed} 件，移交清点 {given} 件，接收清点 {taken} 件；报缺：{missing}。"),
	cure:    both("Receiver and giver establish where the missing or surplus items are and record it; an item found later gets a handover of its own.", "由双方查明缺少或多出的物品去向并记录；事后找到的物品另行交接。"),
	variants: map[string]Text{
		"giving": both("Offer from {from} to {to} ({relinquished}): {listed} items are listed, but {given} were counted.", "{from} 移交 {to}（{relinquished}）：清单 {listed} 件，实际清点 {given} 件。"),
	},
	find: findCountMismatch,
})

func findCountMismatch(v *view, report func(finding)) {
	for _, h := range v.chains.handovers {
		listed := int64(len(h.terms.Items))
		f := finding{item: h.ref(), also: h.items(), acts: h.acts(), args: v.facts(h)}
		f.args["listed"], f.args["given"] = count(listed), count(h.terms.Count)
		if h.accepted == nil {
			if h.terms.Count != listed && h.decline == nil {
				f.variant = "giving"
				report(f)
			}
			continue
		}
		missing := v.unaccounted(h)
		expected := listed - int64(len(h.accepted.Missing)) + int64(len(h.accepted.Unexpected))
		if h.terms.Count == listed && h.accepted.Count == expected && len(missing) == 0 {
			continue
		}
		f.args["taken"], f.args["missing"] = count(h.accepted.Count), v.labels(missing)
		report(f)
	}
}

// unaccounted lists what was reported missing in a handover and was not received in a later one.
func (v *view) unaccounted(h *handover) []event.Ref {
	return slices.DeleteFunc(slices.Clone(h.accepted.Missing), func(ref event.Ref) bool {
		return slices.ContainsFunc(v.chains.legs[ref], func(o *handover) bool {
			return o.complete() && !o.missing[ref] && o.moved().pos > h.moved().pos
		})
	})
}

var _ = register(spec{
	code: "UNEXPECTED_ITEM", severity: Curable, source: "house rule: an unexpected item needs an explanation",
	title:   both("Item received that was not on the list", "接收到清单外物品"),
	explain: both("{to} received an item labelled {label} from {from} at {received} that the terms do not list{note}.", "{to} 于 {received} 从 {from} 处接收到条款未列的物品，标签为 {label}{note}。"),
	cure:    both("If the item belongs to the case, {from} and {to} seal a handover that lists it; if not, {to} records what it is and where it went.", "如属本案物品，由 {from} 与 {to} 另行签封列明该物品的交接；如不属本案，由 {to} 记录其为何物及去向。"),
	find:    findUnexpectedItem,
})

func findUnexpectedItem(v *view, report func(finding)) {
	for _, h := range v.chains.handovers {
		if h.accepted == nil {
			continue
		}
		for _, u := range h.accepted.Unexpected {
			explained := strings.TrimSpace(u.Explanation) != ""
			ours := v.labelled(u.Label)
			if explained && (len(ours) == 0 || v.handedOverAfter(h, ours)) {
				continue
			}
			f := finding{item: h.ref(), also: ours, acts: []*act{h.accept}, args: v.facts(h)}
			f.args["label"], f.args["note"] = str(u.Label), both(" and gives no explanation", "，且未作说明")
			if explained {
				f.args["note"] = both(" (explanation: "+u.Explanation+"), an item of this case without a handover of its own", "（说明："+u.Explanation+"），该物品属本案且无单独交接")
			}
			report(f)
		}
	}
}

// handedOverAfter reports whether one of the things was properly handed to the
// same receiver in another handover.
func (v *view) handedOverAfter(h *handover, things []event.Ref) bool {
	return slices.ContainsFunc(things, func(ref event.Ref) bool {
		return slices.ContainsFunc(v.chains.handovers, func(o *handover) bool {
			return o != h && o.complete() && o.terms.To.Person == h.terms.To.Person && o.terms.To.Org == h.terms.To.Org && slices.Contains(o.items(), ref)
		})
	})
}
