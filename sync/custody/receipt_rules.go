package custody

import (
	"slices"
	"strings"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// chilled reports whether a sample has to be kept cold for what is asked of it.
func (v *view) chilled(s *event.SampleCollected) bool {
	return slices.ContainsFunc(s.Analyses, func(a event.Analysis) bool {
		p, ok := v.rules.PreservationOf(a.Group, s.Matrix)
		return ok && p.Chilled
	})
}

// volatileGroup is the volatile group asked of a sample; ok is false where there is none.
func (v *view) volatileGroup(s *event.SampleCollected) (rules.Group, bool) {
	for _, a := range s.Analyses {
		if g, ok := v.rules.Group(a.Group); ok && g.Volatile {
			return g, true
		}
	}
	return rules.Group{}, false
}

var _ = register(spec{
	code: "TEMP_OUT_OF_RANGE", severity: Curable, source: "chilled receipt, receipt.temp_min and receipt.temp_max of the rule pack (40 CFR 136, Table II)",
	title:   both("Temperature out of range or not recorded", "温度超范围或未记录"),
	explain: both("{label} has to be kept at {min} to {max} ({source}); it was at {temp} {where} ({at}; on ice: {ice}).", "{label} 应保存于 {min} 至 {max}（{source}）；{where}温度为 {temp}（{at}；冰浴：{ice}）。"),
	cure:    both("Sampler and laboratory state how the sample was cooled on the way, with a logger's record if there is one; the laboratory qualifies the results or the sample is taken again.", "由采样人与实验室说明途中冷藏情况，如有温度记录仪数据应附上；由实验室对结果加注说明，或重新采样。"),
	variants: map[string]Text{
		"unrecorded": both("{label} has to be kept at {min} to {max} ({source}), but no temperature was recorded {where} ({at}).", "{label} 应保存于 {min} 至 {max}（{source}），但{where}（{at}）未记录温度。"),
	},
	cures: map[string]Text{
		"unrecorded": both("The laboratory amends the check-in with the temperature from its receiving log.", "由实验室依据收样台账更正收样记录，补记温度。"),
	},
	find: findTemperature,
})

func findTemperature(v *view, report func(finding)) {
	low, high := v.rules.Receipt.TempMin, v.rules.Receipt.TempMax
	for _, t := range v.chains.things {
		if t.sample == nil || !v.chilled(t.sample) {
			continue
		}
		f := finding{item: &t.ref, acts: []*act{t.origin}}
		if c := t.sample.StorageTempC; c != nil && (c.Cmp(high.Value.Decimal) > 0 || c.Cmp(low.Value.Decimal) < 0) {
			f.args = v.tempFacts(t, both("in the field", "现场保存"), t.sample.Start, c, str(""))
			report(f)
		}
		for _, in := range v.lab.checkIns[t.ref] {
			v.judgeCooler(t, in, report)
		}
	}
}

func (v *view) tempFacts(t *thing, where Text, at event.Stamp, temp *decimal.Decimal, ice Text) args {
	low, high := v.rules.Receipt.TempMin, v.rules.Receipt.TempMax
	return args{
		"label": str(t.label), "min": num(low.Value.Ptr(), "°C"), "max": num(high.Value.Ptr(), "°C"), "source": v.source(high.Cited),
		"where": where, "at": when(at), "temp": num(temp, "°C"), "ice": ice,
	}
}

// judgeCooler judges the temperature at one check-in; where the laboratory left
// it out, that of the acceptance by the same laboratory counts.
func (v *view) judgeCooler(t *thing, in checkIn, report func(finding)) {
	low, high := v.rules.Receipt.TempMin, v.rules.Receipt.TempMax
	temp := in.body.CoolerTempC
	for _, h := range v.chains.legs[t.ref] {
		if temp == nil && h.accepted != nil && h.terms.To.Org == in.body.Lab {
			temp = h.accepted.TempC
		}
	}
	f := finding{item: &t.ref, acts: []*act{t.origin, in.act}}
	switch {
	case temp == nil:
		f.variant = "unrecorded"
	case temp.Cmp(low.Value.Decimal) < 0:
	case temp.Cmp(high.Value.Decimal) > 0 && !v.freshOnIce(t, in):
	default:
		return
	}
	f.args = v.tempFacts(t, both("at check-in", "收样时"), in.body.Received, temp, yesNo(in.body.OnIce))
	report(f)
}

// freshOnIce: samples that come on ice the day they were taken had no time to cool.
func (v *view) freshOnIce(t *thing, in checkIn) bool {
	return in.body.OnIce == "yes" && in.body.Received.Time().Sub(t.began()) <= v.rules.Receipt.SameDayOnIce.Duration()
}

var _ = register(spec{
	code: "HEADSPACE_VOA", severity: Curable, source: "receipt.headspace_max of the rule pack (40 CFR 136, Table II)",
	title:   both("Bubble in a vial for volatile compounds", "挥发性样品瓶有顶空"),
	explain: both("{label} is to be analysed for {group}; at check-in ({at}) its largest bubble measured {bubble}, and {max} is the most allowed ({source}).", "{label} 拟测 {group}；收样时（{at}）最大气泡 {bubble}，允许不超过 {max}（{source}）。"),
	cure:    both("The laboratory uses another vial of the set without a bubble, or qualifies the results as biased low; or the sample is taken again.", "由实验室改用同组无气泡的样品瓶，或注明结果可能偏低；或重新采样。"),
	find:    findHeadspace,
})

func findHeadspace(v *view, report func(finding)) {
	limit := v.rules.Receipt.HeadspaceMax
	for _, t := range v.chains.things {
		if t.sample == nil {
			continue
		}
		g, ok := v.volatileGroup(t.sample)
		if !ok {
			continue
		}
		for _, in := range v.lab.checkIns[t.ref] {
			if b := in.body.HeadspaceMM; b != nil && b.Cmp(limit.Value.Decimal) > 0 {
				report(finding{item: &t.ref, acts: []*act{t.origin, in.act}, args: args{
					"label": str(t.label), "group": Text(g.Title), "at": when(in.body.Received), "bubble": num(b, "mm"),
					"max": num(limit.Value.Ptr(), "mm"), "source": v.source(limit.Cited),
				}})
			}
		}
	}
}

var _ = register(spec{
	code: "WRONG_CONTAINER_OR_PRESERVATIVE", severity: Curable, source: "preservation table of the rule pack (40 CFR 136, Table II)",
	title:   both("Wrong container or preservative", "容器或保存剂不当"),
	explain: both("{label} is not kept as its analyses need: {problems}.", "{label} 的保存方式不符合所测项目要求：{problems}。"),
	cure:    both("A wrong entry is amended with a photo of the label or the bottle lot, and those who signed the record sign the correction; a sample that really is in the wrong bottle is taken again, or the laboratory states in the report how it bears on the result.", "记录有误的，附标签或批次照片更正，并由原签字人对更正签字；确用错容器或保存剂的应重新采样，或由实验室在报告中说明影响。"),
	find:    findPreservation,
})

func findPreservation(v *view, report func(finding)) {
	for _, t := range v.chains.things {
		if t.sample == nil {
			continue
		}
		acts := []*act{t.origin}
		var problems []Text
		for _, a := range t.sample.Analyses {
			rule, ok := v.rules.PreservationOf(a.Group, t.sample.Matrix)
			if !ok {
				continue
			}
			problems = append(problems, v.bottle(t.sample, &rule)...)
			ph, more := v.acidity(t, &rule)
			problems, acts = append(problems, ph...), append(acts, more...)
		}
		for _, in := range v.lab.checkIns[t.ref] {
			if in.body.PHOK == "no" && len(problems) == 0 {
				problems, acts = append(problems, both("the laboratory found the pH not right at check-in", "实验室收样时判定 pH 不合格")), append(acts, in.act)
			}
		}
		if len(problems) > 0 {
			report(finding{item: &t.ref, acts: acts, args: args{"label": str(t.label), "problems": listedTexts(problems)}})
		}
	}
}

// bottle compares container and preservative with what a group needs.
func (v *view) bottle(s *event.SampleCollected, rule *rules.Preservation) (problems []Text) {
	group, src := v.groupText(rule.Group), v.source(rule.Cited)
	if s.Container == nil {
		problems = append(problems, both("no container is recorded for "+group.EN, "未记录 "+group.ZH+" 的容器"))
	} else if w, ok := v.rules.Word("container", s.Container.Material); !ok || !slices.Contains(rule.Containers, w.Word) {
		want := v.spellings("container", rule.Containers)
		problems = append(problems, both("for "+group.EN+" container "+want.EN+", not "+s.Container.Material+" ("+src.EN+")", group.ZH+"应使用"+want.ZH+"，而非 "+s.Container.Material+"（"+src.ZH+"）"))
	}
	kept := strings.TrimSpace(s.Preserved)
	if kept == "" {
		kept = "none"
	}
	if w, ok := v.rules.Word("preservative", kept); !ok || !slices.Contains(rule.Preservatives, w.Word) {
		want := v.spellings("preservative", rule.Preservatives)
		problems = append(problems, both("for "+group.EN+" preservative "+want.EN+", not "+kept+" ("+src.EN+")", group.ZH+"的保存剂应为"+want.ZH+"，而非 "+kept+"（"+src.ZH+"）"))
	}
	return problems
}

// spellings names words of the pack, joined by "or".
func (v *view) spellings(kind string, words []string) Text {
	var en, zh []string
	for _, w := range words {
		s, _ := v.rules.Word(kind, w)
		en, zh = append(en, s.Title.EN), append(zh, s.Title.ZH)
	}
	return both(strings.Join(en, " or "), strings.Join(zh, "或"))
}

// acidity compares the pH with what a group needs: as the laboratory found it,
// else as the sampler did.
func (v *view) acidity(t *thing, rule *rules.Preservation) (problems []Text, acts []*act) {
	ph, at := t.sample.PH, t.sample.Start
	for _, in := range v.lab.checkIns[t.ref] {
		if in.body.PH != nil {
			ph, at, acts = in.body.PH, in.body.Received, []*act{in.act}
		}
	}
	if ph == nil {
		return nil, nil
	}
	group, src := v.groupText(rule.Group), v.source(rule.Cited)
	say := func(op, opZH string, limit decimal.Decimal) []Text {
		return []Text{both("for "+group.EN+" a pH "+op+" "+limit.String()+", found "+ph.String()+" at "+when(at).EN+" ("+src.EN+")",
			group.ZH+"要求 pH "+opZH+" "+limit.String()+"，实测 "+ph.String()+"（"+when(at).ZH+"；"+src.ZH+"）")}
	}
	switch {
	case rule.PHMax != nil && ph.Cmp(rule.PHMax.Decimal) > 0:
		return say("of at most", "不高于", rule.PHMax.Decimal), acts
	case rule.PHMin != nil && ph.Cmp(rule.PHMin.Decimal) < 0:
		return say("of at least", "不低于", rule.PHMin.Decimal), acts
	}
	return nil, nil
}

var _ = register(spec{
	code: "ANALYSIS_BEFORE_RECEIPT", severity: Fatal, source: "house rule: nothing is analysed before it is received; EDD rule ANADATE ≥ RECDATE",
	title:   both("Analysed before receipt", "分析早于收样"),
	explain: both("{label}: report {report} gives {done} as the time of {stage} for {analyte}, but {lab} received the sample only at {received}.", "{label}：报告 {report} 载明 {analyte} 的{stage}时间为 {done}，但 {lab} 于 {received} 才收到样品。"),
	cure:    both("The laboratory amends the wrong time with its bench sheet or instrument log and the report is signed again; if the times stand, the result belongs to another sample.", "由实验室依据原始记录或仪器日志更正错误时间并重新签署报告；若时间属实，则该结果并非本样品所有。"),
	variants: map[string]Text{
		"subsample":  both("{label}: sub-sample {part} was taken at {done}, but {lab} received the sample only at {received}.", "{label}：子样 {part} 于 {done} 取得，但 {lab} 于 {received} 才收到样品。"),
		"no_receipt": both("{label}: report {report} of {lab} has results on it, but {lab} never checked it in.", "{label}：{lab} 的报告 {report} 载有其结果，但 {lab} 没有收样登记。"),
	},
	cures: map[string]Text{
		"no_receipt": both("The laboratory's receiving device is synchronised, or the receiver seals the check-in now with the receiving log of the day.", "同步实验室收样设备，或由收样人依据当日台账补签收样登记。"),
	},
	find: findBeforeReceipt,
})

// arrival is when a laboratory got something to analyse, and the act that says so.
type arrival struct {
	act *act
	at  event.Stamp
}

// receivedBy is when a laboratory first checked a sample in; ok is false where it
// never did. Part of a sample may have gone on to another laboratory: for that
// one the receipt is its acceptance of the part.
func (v *view) receivedBy(t *thing, lab event.UUID) (first arrival, ok bool) {
	take := func(a *act, at event.Stamp) {
		if !ok || at.Time().Before(first.at.Time()) {
			first, ok = arrival{a, at}, true
		}
	}
	sample := v.sampleOf(t)
	for _, in := range v.lab.checkIns[sample.ref] {
		if in.body.Lab == lab {
			take(in.act, in.body.Received)
		}
	}
	if ok {
		return first, true
	}
	for part := t; part != nil && part != sample; part = v.chains.byRef[part.part.Parent] {
		for _, h := range v.chains.legs[part.ref] {
			if h.accept != nil && h.terms.To.Org == lab {
				take(h.accept, h.accepted.Received)
			}
		}
	}
	return first, ok
}

func findBeforeReceipt(v *view, report func(finding)) {
	for _, r := range v.lab.reports {
		told := map[event.Ref]bool{}
		for _, d := range r.results {
			if d.sample == nil || d.sample.origin == nil || told[d.sample.ref] {
				continue
			}
			if f, ok := v.judgeReceipt(r, d); ok {
				told[d.sample.ref] = true
				report(f)
			}
		}
	}
	for _, t := range v.chains.things {
		v.judgePart(t, report)
	}
}

func (v *view) judgeReceipt(r *labReport, d *determination) (finding, bool) {
	f := finding{item: &d.sample.ref, also: []event.Ref{*r.ref()}, acts: []*act{d.act}, args: args{
		"label": str(d.sample.label), "report": str(d.report.ReportNo), "lab": v.orgName(d.report.Lab), "analyte": str(d.Analyte),
	}}
	in, ok := v.receivedBy(d.thing, d.report.Lab)
	if !ok {
		f.variant, f.absent = "no_receipt", true
		return f, true
	}
	got := in.at.Time()
	f.acts, f.args["received"] = append(f.acts, in.act), when(in.at)
	for _, s := range []struct {
		stage string
		done  instant
	}{{"preparation", d.prepared()}, {"analysis", d.analysed()}} {
		if !s.done.isZero() && s.done.last.Before(got) {
			f.args["done"], f.args["stage"] = s.done.text(), stageWords[s.stage]
			return f, true
		}
	}
	return f, false
}

// judgePart: a part taken by a laboratory before it had received the sample.
func (v *view) judgePart(t *thing, report func(finding)) {
	if t.part == nil || t.part.Parent.Kind != "sample" {
		return
	}
	sample, lab := v.sampleOf(t), v.orgOf(t.origin)
	if sample == nil {
		return
	}
	if in, ok := v.receivedBy(sample, lab); ok && t.part.At.Time().Before(in.at.Time()) {
		report(finding{variant: "subsample", item: &sample.ref, also: []event.Ref{t.ref}, acts: []*act{in.act, t.origin}, args: args{
			"label": str(sample.label), "part": str(t.label), "done": when(t.part.At), "lab": v.orgName(lab), "received": when(in.at),
		}})
	}
}
