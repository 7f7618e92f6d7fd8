package custody

import (
	"cmp"
	"slices"

	"fieldseal/sync/event"
)

// sealFacts are what every text about a seal may say.
func (v *view) sealFacts(t *thing, f sealFlaw) args {
	a := args{
		"label": str(t.label), "seal": str(f.expected), "since": when(f.since.at), "found": str(f.sight.no), "state": sealWord(f.sight.state),
		"at": when(f.sight.at), "who": v.actor(f.sight.act), "where": both("at check-in", "收样时"), "old": str(f.sight.old),
	}
	switch f.sight.kind {
	case "given":
		a["where"] = both("on relinquishing", "移交时")
	case "received":
		a["where"] = both("on receipt", "接收时")
	}
	return a
}

// sealFindings reports the flaws of the kinds that a rule is about; kinds maps them to variants.
func sealFindings(v *view, kinds map[string]string, report func(finding)) {
	for _, t := range v.chains.things {
		for _, f := range t.flaws {
			variant, ok := kinds[f.kind]
			if !ok {
				continue
			}
			out := finding{
				variant: variant, item: &t.ref, acts: []*act{f.since.act, f.sight.act}, args: v.sealFacts(t, f),
				absent: slices.Contains(unrecordedSealing, f.kind),
			}
			if f.sight.by != nil {
				out.also = []event.Ref{*f.sight.by.ref()}
			}
			report(out)
		}
	}
}

// unrecordedSealing are the flaws that an event not shown could explain.
var unrecordedSealing = []string{"changed", "appeared", "old_differs", "never", "gone_before"}

var _ = register(spec{
	code: "SEAL_NUMBER_CHANGED", severity: Fatal, source: "house rule: a new seal is put on by an event that names the old one",
	title:   both("Seal number changed without a record", "封志编号变更而无记录"),
	explain: both("{label} was under seal {seal} since {since}, but {who} found seal {found} {where} ({at}). No event records that the seal was replaced.", "{label} 自 {since} 起使用封志 {seal}，但 {who} {where}（{at}）见到的是封志 {found}；没有更换封志的记录。"),
	cure:    both("Whoever replaced the seal seals a record of it that names both numbers, the reason and the witness; if a number was misread, the reader amends it with a photo of the seal.", "由更换封志的人员补签更换记录，载明新旧编号、原因与见证人；如系误读，由读取人附封志照片更正。"),
	variants: map[string]Text{
		"appeared":    both("{label} had no intact seal on record, but {who} found seal {found} on it {where} ({at}). No event records who put it on.", "{label} 此前无完好封志的记录，但 {who} {where}（{at}）见到封志 {found}；没有加封记录。"),
		"old_differs": both("{label} was under seal {seal} since {since}, but {who} states to have replaced seal {old} by {found} at {at}.", "{label} 自 {since} 起使用封志 {seal}，但 {who} 称于 {at} 将封志 {old} 更换为 {found}。"),
	},
	find: func(v *view, report func(finding)) {
		sealFindings(v, map[string]string{"changed": "", "appeared": "appeared", "old_differs": "old_differs"}, report)
	},
})

var _ = register(spec{
	code: "SEAL_BROKEN_ON_RECEIPT", severity: Fatal, source: "house rule: between two holders only an intact seal vouches for the content",
	title:   both("Seal broken on receipt", "接收时封志破损"),
	explain: both("{label} was under seal {seal} since {since}; {who} found the seal {state} {where} ({at}).", "{label} 自 {since} 起使用封志 {seal}；{who} {where}（{at}）发现封志{state}。"),
	cure:    both("Giver and receiver seal statements of when the seal can have broken, with photos; the receiver reseals the item with a witness. Where another sample can still be taken, take it.", "由双方就封志可能破损的时间分别签封说明并附照片，接收人在见证下重新加封；能重新采样的应重新采样。"),
	variants: map[string]Text{
		"gone": both("{label} was under seal {seal} since {since}; {who} found no seal on it {where} ({at}).", "{label} 自 {since} 起使用封志 {seal}；{who} {where}（{at}）发现其上无封志。"),
	},
	find: func(v *view, report func(finding)) {
		sealFindings(v, map[string]string{"broken": "", "gone": "gone"}, report)
	},
})

var _ = register(spec{
	code: "SEAL_MISSING", severity: Curable, source: "house rule: what leaves an organisation's hands is sealed, and every receipt states the seal as found",
	title:   both("Seal not on record", "封志缺失或未记录"),
	explain: both("{label} left the hands of its holder without a custody seal ({who}, {at}).", "{label} 在无封志的情况下离开保管人（{who}，{at}）。"),
	cure:    both("The present holder seals the item now with a witness; the one who gave it states how it was kept from access.", "由现保管人在见证下立即加封；由移交人说明此前如何防止他人接触。"),
	variants: map[string]Text{
		"gone_before": both("{label} was under seal {seal} since {since}, but by the time {who} relinquished it ({at}) the seal was {state}. No event records who took it off.", "{label} 自 {since} 起使用封志 {seal}，但 {who} 移交时（{at}）封志{state}；没有启封记录。"),
		"unrecorded":  both("{label} was under seal {seal} since {since}, but {who} did not record the state of the seal {where} ({at}).", "{label} 自 {since} 起使用封志 {seal}，但 {who} {where}（{at}）未记录封志状况。"),
		"unread":      both("{label} was under seal {seal} since {since}; {who} recorded an intact seal {where} ({at}), but not its number.", "{label} 自 {since} 起使用封志 {seal}；{who} {where}（{at}）仅记录封志完好，未记录编号。"),
	},
	cures: map[string]Text{
		"unrecorded": both("{who} amends the receipt with number and state of the seal as found, with a photo that shows it.", "由 {who} 更正接收记录，补记所见封志的编号与状况，并附照片。"),
		"unread":     both("{who} amends the record with the seal's number, with a photo that shows it.", "由 {who} 更正记录，补记封志编号，并附照片。"),
	},
	find: func(v *view, report func(finding)) {
		sealFindings(v, map[string]string{"never": "", "gone_before": "gone_before", "unrecorded": "unrecorded", "unread": "unread"}, report)
	},
})

var _ = register(spec{
	code: "SEAL_REUSED", severity: Fatal, source: "house rule: a custody seal has a number of its own and is used once",
	title:   both("Seal number used twice", "封志编号重复使用"),
	explain: both("Seal {seal} was put on {first} at {since} and again on {label} at {at}.", "封志 {seal} 于 {since} 用于 {first}，又于 {at} 用于 {label}。"),
	cure:    both("Whoever put the seals on states which number was misread, with photos of both seals, and amends the wrong record.", "由加封人说明哪一编号系误读，附两枚封志的照片，并更正错误记录。"),
	find:    findSealReused,
})

// findSealReused compares where seals were put on. One seal round a cooler may
// stand on every sample in it: samples that name one cooler share a seal.
func findSealReused(v *view, report func(finding)) {
	type use struct {
		t *thing
		s sight
	}
	uses := map[string][]use{}
	var order []string
	for _, t := range v.chains.things {
		for _, s := range t.seals {
			if s.kind != "applied" {
				continue
			}
			key := sealKey(s.no)
			if uses[key] == nil {
				order = append(order, key)
			}
			uses[key] = append(uses[key], use{t, s})
		}
	}
	for _, key := range order {
		list := uses[key]
		slices.SortStableFunc(list, func(a, b use) int { return cmp.Compare(a.s.act.pos, b.s.act.pos) })
		first := list[0]
		for _, u := range list[1:] {
			if u.t != first.t && sameCooler(first.t, u.t) && u.s.act == u.t.origin && first.s.act == first.t.origin {
				continue
			}
			report(finding{item: &u.t.ref, also: []event.Ref{first.t.ref}, acts: []*act{first.s.act, u.s.act}, args: args{
				"seal": str(u.s.no), "first": str(first.t.label), "since": when(first.s.at), "label": str(u.t.label), "at": when(u.s.at),
			}})
		}
	}
}

func sameCooler(a, b *thing) bool {
	return a.sample != nil && b.sample != nil && a.sample.Cooler != "" && a.sample.Cooler == b.sample.Cooler
}
