package custody

import (
	"cmp"
	"slices"
	"time"

	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "CUSTODY_GAP", severity: Fatal, source: "house rule; tolerances custody.by_hand_gap and custody.courier_transit of the rule pack",
	title:   both("Gap in the chain of custody", "保管链中断"),
	explain: both("{items}: {from} relinquished at {relinquished} and {to} received at {received}. For {unexplained} nothing accounts for where the items were; {limit} are allowed.", "{items}：{from} 于 {relinquished} 移交，{to} 于 {received} 接收，其间 {unexplained} 去向不明；允许时长为 {limit}。"),
	cure:    both("{from} and {to} each seal a statement of where the items were in that time and who had access, with what shows it (photos, gate log, storage record).", "由 {from} 与 {to} 分别签封说明，载明该期间物品所在、接触人员及佐证（照片、门禁记录、入库记录等）。"),
	variants: map[string]Text{
		"courier_late":  both("{items}: sent by {carrier}, tracking no. {tracking}, at {relinquished} and received by {to} at {received}. The journey took {unexplained}; {limit} are expected.", "{items}：于 {relinquished} 交 {carrier} 承运（运单号 {tracking}），{to} 于 {received} 接收。在途 {unexplained}，预期不超过 {limit}。"),
		"courier_seal":  both("{items}: travelled with {carrier}, tracking no. {tracking}, for {unexplained}, and no intact seal of the recorded number vouches for the journey ({seals}).", "{items}：由 {carrier} 承运（运单号 {tracking}），在途 {unexplained}，但没有编号相符且完好的封志可以证明途中未被接触（{seals}）。"),
		"no_acceptance": both("{org} {did} {label} at {at} (first of {acts}), but no handover of it to {org} is recorded. The last known holder is {holder}, since {since}.", "{org} 于 {at} 对 {label} {did}（共 {acts} 项中的首项），但没有向 {org} 移交的记录。最后已知保管人为 {holder}，自 {since} 起。"),
		"not_received":  both("{label}: {from} relinquished it at {relinquished}, but {to} reported it missing at {received}; nothing since shows where it is.", "{label}：{from} 于 {relinquished} 移交，但 {to} 于 {received} 报缺；此后没有任何记录说明其去向。"),
		"no_origin":     both("{label} first appears in a handover from {from} at {relinquished}; nothing records how it came into the case.", "{label} 首次出现于 {from} 在 {relinquished} 的移交中；没有任何记录说明其来源。"),
	},
	cures: map[string]Text{
		"courier_late":  both("{carrier}'s tracking record for no. {tracking} is attached, and {to} states the condition of seals and parcel on receipt.", "附上 {carrier} 运单号 {tracking} 的轨迹记录，并由 {to} 说明收到时封志与包装状况。"),
		"courier_seal":  both("The carrier's tracking record and photos of the parcel on receipt are attached, and {to} states how the content was identified; a fresh sample where one can still be taken.", "附上承运轨迹与收件照片，并由 {to} 说明如何确认内容物；能重新采样的应重新采样。"),
		"no_acceptance": both("{holder} and {org} seal the missing handover, with a statement of when it really took place.", "由 {holder} 与 {org} 补签缺失的交接记录，并说明实际交接时间。"),
		"not_received":  both("{from} and {to} find the item and hand it over anew, with a statement of where it was; else its loss is put on record.", "由 {from} 与 {to} 查找该物品并重新交接，说明期间所在；确已灭失的应记录在案。"),
		"no_origin":     both("The device that recorded the sampling or seizure is synchronised, or who took the item seals a record of it.", "同步记录采样或扣押的设备，或由取得该物品的人员补签记录。"),
	},
	find: findCustodyGap,
})

func findCustodyGap(v *view, report func(finding)) {
	for _, h := range v.chains.handovers {
		if h.accept == nil {
			continue
		}
		if h.terms.Mode == "courier" {
			v.judgeCourier(h, report)
			continue
		}
		limit := v.rules.Custody.ByHandGap.Limit
		if h.unexplained() > limit.Duration() {
			f := finding{item: h.ref(), also: h.items(), acts: h.acts(), args: v.facts(h)}
			f.args["limit"] = both(limit.String(), limit.ZH())
			report(f)
		}
	}
	for _, t := range v.chains.things {
		v.judgeOrigin(t, report)
		v.judgeLoss(t, report)
		for _, s := range v.strangers(t) {
			report(s)
		}
	}
}

// judgeCourier: a parcel is out of everybody's hands by agreement. It is no gap
// while it arrives in the expected time with the recorded seals intact.
func (v *view) judgeCourier(h *handover, report func(finding)) {
	limit := v.rules.Custody.CourierTransit.Limit
	f := finding{variant: "courier_late", item: h.ref(), also: h.items(), acts: h.acts(), args: v.facts(h)}
	f.args["limit"], f.args["seals"] = both(limit.String(), limit.ZH()), str("")
	if h.received().After(limit.After(h.relinquished())) {
		report(f)
	}
	var broken []event.Ref
	var seen []Text
	for _, it := range h.terms.Items {
		if h.missing[it.Item] {
			continue
		}
		if said := sealsAgree(h, it); !said.IsZero() {
			broken, seen = append(broken, it.Item), append(seen, said)
		}
	}
	if len(broken) > 0 {
		f.variant, f.also = "courier_seal", broken
		f.args = v.facts(h)
		f.args["items"], f.args["seals"], f.args["limit"] = v.labels(broken), listedTexts(seen[:min(len(seen), 8)]), both(limit.String(), limit.ZH())
		report(f)
	}
}

// sealsAgree says in which way the seal of an item on receipt does not vouch for
// its journey; empty where it does.
func sealsAgree(h *handover, it event.HandoverItem) Text {
	found, ok := h.found[it.Item]
	switch {
	case it.SealNo == "" || it.Seal != "intact":
		return both(it.Label+": sent without an intact numbered seal", it.Label+"：寄出时无完好的编号封志")
	case !ok:
		return both(it.Label+": seal not recorded on receipt", it.Label+"：接收时未记录封志")
	case found.Seal != "intact":
		return both(it.Label+": found "+string(found.Seal), it.Label+"：接收时封志"+sealZH(found.Seal))
	case !sameSeal(found.SealNo, it.SealNo):
		return both(it.Label+": "+it.SealNo+" sent, "+found.SealNo+" received", it.Label+"：寄出 "+it.SealNo+"，收到 "+found.SealNo)
	}
	return Text{}
}

func (v *view) judgeOrigin(t *thing, report func(finding)) {
	if t.origin != nil {
		return
	}
	h := v.chains.legs[t.ref][0]
	f := finding{variant: "no_origin", item: &t.ref, acts: h.acts(), args: v.facts(h), absent: true}
	f.args["label"] = str(t.label)
	report(f)
}

// judgeLoss: a thing that was relinquished and did not arrive, and was not received since.
func (v *view) judgeLoss(t *thing, report func(finding)) {
	h := v.lostIn(t)
	if h == nil {
		return
	}
	f := finding{variant: "not_received", item: &t.ref, also: []event.Ref{*h.ref()}, acts: h.acts(), args: v.facts(h), absent: true}
	f.args["label"] = str(t.label)
	report(f)
}

// deed is something that somebody did to a thing, which only its holder can do.
type deed struct {
	act  *act
	org  event.UUID
	at   time.Time
	word Text
}

// deeds lists what was done to a thing in causal order.
func (v *view) deeds(t *thing) []deed {
	var list []deed
	for a, b := range concerning[*event.SealApplied](v, t.ref) {
		list = append(list, deed{a, v.orgOf(a), b.At.Time(), both("sealed", "加封")})
	}
	for a, b := range concerning[*event.StorageMoved](v, t.ref) {
		list = append(list, deed{a, v.orgOf(a), b.At.Time(), both("stored", "入库/移库")})
	}
	for a, b := range concerning[*event.LabAccessioned](v, t.ref) {
		org := b.Lab
		if by := v.orgOf(a); !by.IsZero() { // whoever says to check in for a laboratory is not thereby of it
			org = by
		}
		list = append(list, deed{a, org, b.Received.Time(), both("checked in", "收样登记")})
	}
	for a, b := range concerning[*event.SubsampleMade](v, t.ref) {
		if b.Parent == t.ref {
			list = append(list, deed{a, v.orgOf(a), b.At.Time(), both("took a part of", "取子样")})
		}
	}
	for a, b := range concerning[*event.ItemDisposed](v, t.ref) {
		list = append(list, deed{a, v.orgOf(a), b.At.Time(), both("disposed of", "处置")})
	}
	slices.SortStableFunc(list, func(x, y deed) int { return cmp.Compare(x.act.pos, y.act.pos) })
	return list
}

// heldFor says whether a deed was done by the holder, and whether by somebody who ever held the thing.
func (v *view) heldFor(t *thing, d deed) (holder, ever bool) {
	slack := v.rules.Custody.ByHandGap.Duration() // check-in and scanning of one delivery are minutes apart
	for i := range t.periods {
		p := &t.periods[i]
		if p.holder.org != d.org && !slices.Contains(p.holder.persons, d.act.Event.Actor) {
			continue
		}
		ever = true
		if p.covers(d.at, slack) {
			return true, true
		}
	}
	return false, ever
}

// strangers reports organisations that did something to a thing without ever
// having received it, once for each.
func (v *view) strangers(t *thing) []finding {
	var orgs []event.UUID
	acts := map[event.UUID][]deed{}
	for _, d := range v.deeds(t) {
		if _, ever := v.heldFor(t, d); ever || d.org.IsZero() || t.origin == nil {
			continue
		}
		if acts[d.org] == nil {
			orgs = append(orgs, d.org)
		}
		acts[d.org] = append(acts[d.org], d)
	}
	var list []finding
	for _, org := range orgs {
		first, last := acts[org][0], t.periods[len(t.periods)-1]
		f := finding{variant: "no_acceptance", item: &t.ref, absent: true, args: args{
			"org": v.orgName(org), "did": first.word, "label": str(t.label), "at": clock(first.at), "acts": count(len(acts[org])),
			"holder": str(last.holder.name), "since": clock(last.from),
		}}
		for _, d := range acts[org] {
			f.acts = append(f.acts, d.act)
		}
		list = append(list, f)
	}
	return list
}

var _ = register(spec{
	code: "CUSTODY_OVERLAP", severity: Fatal, source: "house rule: a thing has one holder at a time",
	title:   both("Two holders at one time", "同一时间有两名保管人"),
	explain: both("{org} {did} {label} at {at}, but by the records {holder} held it then (from {since}).", "{org} 于 {at} 对 {label} {did}，但记录显示当时由 {holder} 保管（自 {since} 起）。"),
	cure:    both("Whoever has the time or the holder wrong corrects it by an amendment with what shows it; or the missing handover back is sealed by both sides.", "由记错时间或保管人的一方以更正记录订正并说明依据；或由双方补签交回的交接记录。"),
	variants: map[string]Text{
		"in_transit":     both("{org} {did} {label} at {at}, when it was on its way from {from} to {to} (relinquished {relinquished}, received {received}).", "{org} 于 {at} 对 {label} {did}，而当时其正由 {from} 移交 {to} 途中（移交 {relinquished}，接收 {received}）。"),
		"before_taken":   both("{org} {did} {label} at {at}, before it was taken ({since}).", "{org} 于 {at} 对 {label} {did}，早于其取得时间（{since}）。"),
		"after_disposal": both("{org} {did} {label} at {at}, after it had been disposed of ({since}).", "{org} 于 {at} 对 {label} {did}，而其已于 {since} 处置。"),
		"gave_early":     both("{from} states to have relinquished {items} at {relinquished}, {early} before they were taken ({earlier}).", "{from} 称于 {relinquished} 移交 {items}，比其取得时间（{earlier}）还早 {early}。"),
		"twice":          both("{from} handed {items} to {to} at {relinquished}, although {from} had already handed them to {first} at {earlier} and nothing shows that they came back.", "{from} 于 {relinquished} 将 {items} 移交 {to}，但其已于 {earlier} 移交给 {first}，且无交回记录。"),
		"order":          both("{from} states to have relinquished {items} at {relinquished}, {early} before having received them ({earlier}).", "{from} 称于 {relinquished} 移交 {items}，比其接收时间（{earlier}）还早 {early}。"),
		"two_receivers":  both("Handover of {items} from {from}: both {to} ({received}) and {second} ({later}) sealed an acceptance of it.", "{from} 移交 {items}：{to}（{received}）与 {second}（{later}）均签封了接收记录。"),
	},
	find: findCustodyOverlap,
})

func findCustodyOverlap(v *view, report func(finding)) {
	for _, h := range v.chains.handovers {
		v.judgeReceivers(h, report)
	}
	legs := newLegGroups()
	for _, t := range v.chains.things {
		for _, d := range v.deeds(t) {
			if f, ok := v.afterDisposal(t, d); ok {
				report(f)
			} else if holder, ever := v.heldFor(t, d); !holder && ever {
				report(v.elsewhere(t, d))
			}
		}
		for _, h := range v.chains.legs[t.ref] {
			if f, ok := v.afterDisposal(t, deed{h.moved(), h.terms.From.Org, h.relinquished(), both("handed over", "移交")}); ok {
				report(f)
			}
		}
		for i := 1; i < len(t.periods); i++ {
			if p := v.gaveTwice(t, i); p != nil {
				legs.add(t.periods[i].by, p.by, p, t.ref)
			}
		}
	}
	for _, g := range legs.list {
		f := finding{variant: "twice", item: g.by.ref(), also: g.items, acts: append(g.by.acts(), g.other.acts()...), args: v.facts(g.by)}
		f.args["items"], f.args["first"], f.args["earlier"] = v.labels(g.items), str(g.other.terms.To.Name), when(g.other.terms.Relinquished)
		report(f)
	}
	v.judgeOrder(report)
}

// deedFinding tells a deed; the caller adds what was wrong with it.
func (v *view) deedFinding(t *thing, d deed) finding {
	return finding{item: &t.ref, acts: []*act{d.act}, args: args{
		"org": v.orgName(d.org), "did": d.word, "label": str(t.label), "at": clock(d.at), "since": clock(t.began()),
	}}
}

// elsewhere is a deed by somebody who held the thing at another time.
func (v *view) elsewhere(t *thing, d deed) finding {
	f := v.deedFinding(t, d)
	if p := t.holderAt(d.at); p != nil {
		f.args["holder"], f.args["since"] = str(p.holder.name), clock(p.from)
		return f
	}
	for i := 1; i < len(t.periods); i++ {
		if p := &t.periods[i]; d.at.After(t.periods[i-1].to) && d.at.Before(p.from) {
			f.variant, f.acts = "in_transit", append(f.acts, p.by.acts()...)
			for k, x := range v.facts(p.by) {
				f.args[k] = x
			}
			return f
		}
	}
	f.variant, f.acts = "before_taken", append(f.acts, t.origin)
	return f
}

// afterDisposal: disposal ends a thing's chain, and is done once.
func (v *view) afterDisposal(t *thing, d deed) (finding, bool) {
	if t.disposal == nil || d.act == t.disposal {
		return finding{}, false
	}
	gone, ok := t.disposal.now.(*event.ItemDisposed)
	if !ok || !d.at.After(gone.At.Time()) {
		return finding{}, false
	}
	f := v.deedFinding(t, d)
	f.variant, f.acts, f.args["since"] = "after_disposal", append(f.acts, t.disposal), when(gone.At)
	return f, true
}

// judgeReceivers: one offer, accepted by two people. An acceptance by the giver
// gives the items to nobody; SELF_HANDOVER says so while it is the only one.
func (v *view) judgeReceivers(h *handover, report func(finding)) {
	if h.accept == nil {
		return
	}
	for _, o := range h.others {
		b, ok := o.Body.(*event.CustodyAccepted)
		if !ok || v.withdrawn(o) || o.Event.Actor == h.accept.Event.Actor || h.offer != nil && o.Event.Actor == h.offer.Event.Actor {
			continue
		}
		f := finding{variant: "two_receivers", item: h.ref(), also: h.items(), acts: []*act{h.offer, h.accept, o}, args: v.facts(h)}
		f.args["second"], f.args["later"] = v.actor(o), when(b.Received)
		report(f)
	}
}

// gaveTwice finds the period that began when the relinquisher of period i had
// given the thing away before; nil where the relinquisher is the holder or never gave it.
func (v *view) gaveTwice(t *thing, i int) *period {
	from := t.periods[i].by.terms.From
	if prev := &t.periods[i-1]; prev.holder.is(from, prev.shared) {
		return nil
	}
	for j := i - 2; j >= 0; j-- {
		if next := &t.periods[j+1]; sameSide(next.by.terms.From, from) {
			return next
		}
	}
	return nil
}

// judgeOrder finds holders who, by their own times, gave before they had.
func (v *view) judgeOrder(report func(finding)) {
	tolerance := v.rules.Custody.ClockTolerance.Duration()
	legs := newLegGroups()
	for _, t := range v.chains.things {
		for i := 1; i < len(t.periods); i++ {
			p := &t.periods[i-1]
			if !p.from.IsZero() && p.from.Sub(p.to) > tolerance {
				legs.add(t.periods[i].by, p.by, p, t.ref)
			}
		}
	}
	for _, g := range legs.list {
		f := finding{variant: "gave_early", item: g.by.ref(), also: g.items, acts: g.by.acts(), args: v.facts(g.by)}
		if g.other != nil {
			f.variant, f.acts = "order", append(f.acts, g.other.acts()...)
		}
		f.args["items"], f.args["earlier"], f.args["early"] = v.labels(g.items), clock(g.period.from), span(g.period.from.Sub(g.period.to))
		report(f)
	}
}

var _ = register(spec{
	code: "RECEIVER_NEQ_NEXT_RELINQUISHER", severity: Fatal, absence: true, source: "house rule: who relinquishes is who received before",
	title:   both("Handed on by somebody who had not received it", "移交人并非前一接收人"),
	explain: both("{items}: {holder} had them since {since}, but {from} handed them to {to} at {relinquished}. Nothing shows how they passed from {holder} to {from}.", "{items}：自 {since} 起由 {holder} 保管，但 {from} 于 {relinquished} 将其移交给 {to}；没有记录说明物品如何由 {holder} 转至 {from}。"),
	cure:    both("{holder} and {from} seal the missing handover between them, with a statement of when it really took place.", "由 {holder} 与 {from} 补签两人之间缺失的交接记录，并说明实际交接时间。"),
	find:    findReceiverNotRelinquisher,
})

func findReceiverNotRelinquisher(v *view, report func(finding)) {
	legs := newLegGroups()
	for _, t := range v.chains.things {
		for i := 1; i < len(t.periods); i++ {
			prev, h := &t.periods[i-1], t.periods[i].by
			if t.origin == nil && i == 1 || prev.holder.is(h.terms.From, prev.shared) || v.gaveTwice(t, i) != nil {
				continue
			}
			legs.add(h, prev.by, prev, t.ref)
		}
	}
	for _, g := range legs.list {
		f := finding{item: g.by.ref(), also: g.items, acts: g.by.acts(), args: v.facts(g.by)}
		if g.other != nil {
			f.acts = append(f.acts, g.other.acts()...)
		}
		f.args["items"], f.args["holder"], f.args["since"] = v.labels(g.items), str(g.period.holder.name), clock(g.period.from)
		report(f)
	}
}

// legGroups puts together the things that share one flaw of one handover, so that
// a box of samples is one finding.
type legGroups struct {
	list  []*legGroup
	index map[legKey]*legGroup
}

type legKey struct {
	by, other *handover
	holder    string
}

type legGroup struct {
	by, other *handover
	period    *period
	items     []event.Ref
}

func newLegGroups() *legGroups { return &legGroups{index: map[legKey]*legGroup{}} }

func (l *legGroups) add(by, other *handover, p *period, ref event.Ref) {
	key := legKey{by, other, p.holder.name}
	g := l.index[key]
	if g == nil {
		g = &legGroup{by: by, other: other, period: p}
		l.index[key] = g
		l.list = append(l.list, g)
	}
	g.items = append(g.items, ref)
}
