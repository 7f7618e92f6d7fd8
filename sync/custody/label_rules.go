package custody

import (
	"slices"
	"strings"

	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "LABEL_COC_MISMATCH", severity: Fatal, source: "house rule: the label on the container, the sampling record and the custody form name one sample",
	title:   both("Label and custody record disagree", "标签与交接记录不符"),
	explain: both("{label}: the laboratory read {read} on the container at check-in ({who}, {at}).", "{label}：实验室收样时在容器上读到 {read}（{who}，{at}）。"),
	cure:    both("Sampler and receiver establish which label is right with photos of the container, and amend the wrong record; if it cannot be established, the sample is taken again.", "由采样人与接收人以容器照片核实正确标签并更正错误记录；无法核实的应重新采样。"),
	variants: map[string]Text{
		"disagrees": both("{label}: at check-in {who} recorded that label and custody form do not agree ({at}; label read: {read}).", "{label}：收样时 {who} 记录标签与交接单不一致（{at}；读到的标签：{read}）。"),
		"handover":  both("{label}: the terms of the handover from {from} to {to} ({at}) list it as {read}.", "{label}：{from} 移交 {to} 的条款（{at}）将其列为 {read}。"),
	},
	find: findLabelMismatch,
})

func sameLabel(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }

func findLabelMismatch(v *view, report func(finding)) {
	for _, t := range v.chains.things {
		if t.origin == nil {
			continue
		}
		for _, c := range v.lab.checkIns[t.ref] {
			f := finding{item: &t.ref, acts: []*act{t.origin, c.act}, args: args{
				"label": str(t.label), "read": str(c.body.LabelRead), "who": v.actor(c.act), "at": when(c.body.Received),
			}}
			switch {
			case !sameLabel(c.body.LabelRead, t.label):
				report(f)
			case c.body.LabelAgrees == "no":
				f.variant = "disagrees"
				report(f)
			}
		}
		for _, h := range v.chains.legs[t.ref] {
			if it := h.terms.Items[h.line[t.ref]]; !sameLabel(it.Label, t.label) {
				report(finding{variant: "handover", item: &t.ref, also: []event.Ref{*h.ref()}, acts: append([]*act{t.origin}, h.acts()...), args: args{
					"label": str(t.label), "read": str(it.Label), "from": str(h.terms.From.Name), "to": str(h.terms.To.Name), "at": when(h.terms.Relinquished),
				}})
			}
		}
	}
}

var _ = register(spec{
	code: "DUPLICATE_SAMPLE_ID", severity: Fatal, source: "house rule: a label names one thing; label blocks keep devices without a network apart",
	title:   both("One label on two samples", "标签重复"),
	explain: both("Label {label} was given to {n} different items of this case: {which}.", "标签 {label} 被用于本案 {n} 件不同物品：{which}。"),
	cure:    both("The samplers establish which container is which with photos, seal numbers and times, and amend the wrong label; results under the label count only for what is so identified.", "由采样人依据照片、封志编号与时间核实各容器并更正错误标签；该标签下的结果仅对已核实者有效。"),
	variants: map[string]Text{
		"twice": both("{label} is recorded as collected {n} times: {which}.", "{label} 被记录采集 {n} 次：{which}。"),
	},
	cures: map[string]Text{
		"twice": both("Whoever recorded it again voids the record that is not true by an amendment that says how it came about.", "由重复记录人以更正记录撤回不实的一项，并说明缘由。"),
	},
	find: findDuplicateSample,
})

func findDuplicateSample(v *view, report func(finding)) {
	for _, t := range v.chains.things {
		if len(t.again) > 0 && t.object == nil {
			acts := append([]*act{t.origin}, t.again...)
			report(finding{variant: "twice", item: &t.ref, acts: acts, args: args{"label": str(t.label), "n": count(len(acts)), "which": v.makings(acts)}})
		}
		same := slices.DeleteFunc(slices.Clone(v.labelled(t.label)), func(r event.Ref) bool { return v.chains.byRef[r].origin == nil || r.Kind == "object" })
		if len(same) < 2 || same[0] != t.ref {
			continue
		}
		var acts []*act
		for _, r := range same {
			acts = append(acts, v.chains.byRef[r].origin)
		}
		report(finding{item: &t.ref, also: same[1:], acts: acts, args: args{"label": str(t.label), "n": count(len(same)), "which": v.makings(acts)}})
	}
}

// makings tells who made things and when.
func (v *view) makings(acts []*act) Text {
	var list []Text
	for _, a := range acts {
		who, at := v.actor(a).EN, clock(a.at).EN
		list = append(list, both("by "+who+" at "+at, who+"（"+at+"）"))
	}
	return listedTexts(list)
}
