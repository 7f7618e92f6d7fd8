package custody

import (
	"cmp"
	"slices"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// holding is one analyte group of a sample against one time limit.
type holding struct {
	group, stage string
	limit        rules.Limit
	cited        rules.Cited
	own          bool // the sampler's own, stricter limit
	start        time.Time
	due          time.Time
	state        HoldingState
	// done is when it was done; by the determination that decided the state.
	done instant
	by   *determination
	// why says what is missing for the unknown: "no_rule", "no_time", "day_only", "no_preparation".
	why string
}

// line is a group of a sample in one matrix, from one start.
type holdingKey struct {
	group  string
	matrix event.Matrix
	start  time.Time
}

// holdings works out the holding times of a sample; nothing for other things.
func (v *view) holdings(t *thing) []holding {
	if t.sample == nil {
		return nil
	}
	var keys []holdingKey
	done := map[holdingKey][]*determination{}
	began := cmp.Or(t.sample.End, t.sample.Start).Time()
	for _, d := range v.onSample(t) {
		k := holdingKey{v.groupOf(d), d.matrix(), began}
		if k.matrix == "leachate" && t.sample.Matrix != "leachate" {
			k.start = d.thing.part.At.Time() // a leachate's time runs from its making
		}
		if done[k] == nil {
			keys = append(keys, k)
		}
		done[k] = append(done[k], d)
	}
	for _, a := range t.sample.Analyses {
		answered := slices.ContainsFunc(keys, func(k holdingKey) bool { return k.group == a.Group })
		if !answered {
			keys = append(keys, holdingKey{a.Group, t.sample.Matrix, began})
		}
	}
	slices.SortFunc(keys, func(a, b holdingKey) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.matrix, b.matrix), a.start.Compare(b.start))
	})
	var list []holding
	for _, k := range keys {
		list = append(list, v.judgeHolding(t, k, done[k])...)
	}
	return list
}

// onSample lists the determinations on a sample and on what was taken from it.
func (v *view) onSample(t *thing) []*determination {
	list := slices.Clone(v.lab.byThing[t.ref])
	queue, seen := v.lab.parts[t.ref], map[event.Ref]bool{t.ref: true}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		if seen[p.ref] {
			continue
		}
		seen[p.ref] = true
		list = append(list, v.lab.byThing[p.ref]...)
		queue = append(slices.Clone(queue), v.lab.parts[p.ref]...)
	}
	return slices.DeleteFunc(list, func(d *determination) bool { return d.sample != t }) // beyond the depth that sampleOf follows
}

// groupOf is the analyte group of a determination: as the sample's request for
// the method says, else as the pack knows the substance, else the one group asked for.
func (v *view) groupOf(d *determination) string {
	asked := d.sample.sample.Analyses
	for _, a := range asked {
		if a.Method != "" && rules.SameMethod(a.Method, d.Method) {
			return a.Group
		}
	}
	if g, ok := v.rules.GroupOf(hyphenated(d.CAS), d.Analyte, d.Method); ok {
		return g
	}
	if len(asked) == 1 {
		return asked[0].Group
	}
	return ""
}

// judgeHolding holds one group against its limits: preparation where there is
// one, then analysis.
func (v *view) judgeHolding(t *thing, k holdingKey, done []*determination) []holding {
	rule, ok := v.rules.HoldingOf(k.group, k.matrix)
	own := rules.Limit{N: t.sample.HoldHours, Unit: rules.Hours}
	first := holding{group: k.group, stage: "analysis", limit: rule.Analysis, cited: rule.Cited, start: k.start}
	if !rule.Preparation.IsZero() {
		first.stage, first.limit = "preparation", rule.Preparation
	}
	if own.N > 0 && (!ok || own.Duration() < first.limit.Duration()) {
		first.limit, first.own, ok = own, true, true
	}
	if !ok {
		first.state, first.why = HoldingUnknown, "no_rule"
		return []holding{first}
	}
	first.due = first.limit.After(first.start)
	if first.stage == "analysis" {
		v.settle(t, &first, done, (*determination).analysed)
		return []holding{first}
	}
	v.settle(t, &first, done, (*determination).prepared)
	if first.why == "no_time" {
		first.why = "no_preparation"
	}
	second := holding{group: k.group, stage: "analysis", limit: rule.Analysis, cited: rule.Cited}
	v.settleAfterPreparation(&second, done)
	return []holding{first, second}
}

// settle compares what was done with the deadline. The worst determination decides.
func (v *view) settle(t *thing, h *holding, done []*determination, at func(*determination) instant) {
	h.state = HoldingRunning
	if v.now.After(h.due) {
		h.state = HoldingPassed
	}
	for _, d := range done {
		h.worsen(d, at(d), h.due)
	}
	if len(done) > 0 {
		return
	}
	for _, c := range v.lab.checkIns[t.ref] { // what arrives too late cannot have been analysed in time
		if got := c.body.Received.Time(); got.After(h.due) {
			h.state, h.done, h.why = HoldingExceeded, instant{got, got}, "received"
		}
	}
}

// settleAfterPreparation judges the second stage, which each determination starts anew.
func (v *view) settleAfterPreparation(h *holding, done []*determination) {
	h.state = HoldingRunning
	for _, d := range done {
		start := d.prepared()
		if start.isZero() {
			h.set(d, d.analysed(), HoldingUnknown, "no_preparation")
			continue
		}
		due := h.limit.After(start.last)
		if h.by == nil || due.Before(h.due) {
			h.start, h.due = start.first, due
		}
		h.worsen(d, d.analysed(), due)
	}
}

var holdingRank = []HoldingState{HoldingRunning, HoldingPassed, HoldingMet, HoldingUnknown, HoldingExceeded}

// worsen takes a determination into account: it counts where it is worse than
// what was found before, or as good and later.
func (h *holding) worsen(d *determination, at instant, due time.Time) {
	switch {
	case at.isZero():
		h.set(d, at, HoldingUnknown, "no_time")
	case at.first.After(due):
		h.set(d, at, HoldingExceeded, "")
	case at.last.After(due):
		h.set(d, at, HoldingUnknown, "day_only")
	default:
		h.set(d, at, HoldingMet, "")
	}
}

func (h *holding) set(d *determination, at instant, state HoldingState, why string) {
	was, is := slices.Index(holdingRank, h.state), slices.Index(holdingRank, state)
	if is > was || is == was && at.last.After(h.done.last) {
		h.state, h.why, h.done, h.by = state, why, at, d
	}
}

// sourceText is where a limit comes from.
func (v *view) sourceText(h *holding) Text {
	switch {
	case h.own:
		return both("the sampler's own limit", "采样人自定时限")
	case h.cited.Source == "":
		return both("no rule", "无规则")
	}
	return v.source(h.cited)
}

// source names where a figure of the pack comes from, and says where nobody has compared it.
func (v *view) source(c rules.Cited) Text {
	s := v.rules.SourceOf(c)
	if v.rules.Unconfirmed(c) {
		return both(s.Title.EN+" (unconfirmed)", s.Title.ZH+"（未核对原文）")
	}
	return Text(s.Title)
}

// holdingTimes writes the holding times of a thing down.
func (v *view) holdingTimes(t *thing) []HoldingTime {
	var list []HoldingTime
	for _, h := range v.heldTimes(t) {
		row := HoldingTime{
			Group: h.group, Stage: h.stage, Start: h.start, Deadline: h.due, State: h.state, Source: v.sourceText(&h),
			Unconfirmed: !h.own && h.cited.Source != "" && v.rules.Unconfirmed(h.cited),
		}
		if !h.limit.IsZero() {
			row.Limit = h.limit.String()
		}
		if !h.done.isZero() {
			row.Done = h.done.text().EN
		}
		list = append(list, row)
	}
	return list
}

// heldTimes is holdings, worked out once for each thing.
func (v *view) heldTimes(t *thing) []holding {
	if !t.heldRead {
		t.held, t.heldRead = v.holdings(t), true
	}
	return t.held
}

func (v *view) groupText(id string) Text {
	if g, ok := v.rules.Group(id); ok {
		return Text(g.Title)
	}
	return str(id)
}

var _ = register(spec{
	code: "HOLD_TIME_EXCEEDED", severity: Fatal, source: "holding times of the rule pack (derived from 40 CFR 136, Table II)",
	title:   both("Holding time exceeded", "超过保存期限"),
	explain: both("{label}, {group}: {stage} had to be done by {due} ({limit} from {start}; {source}), but was done at {done} ({analyte}, report {report}).", "{label}，{group}：{stage}应于 {due} 前完成（自 {start} 起 {limit}；{source}），实际完成于 {done}（{analyte}，报告 {report}）。"),
	cure:    both("A fresh or retained sample is analysed in time; else the laboratory states in the report how the delay bears on the result, and the figure is used with that qualification only.", "对新采或留存样品在期限内分析；否则由实验室在报告中说明超期对结果的影响，该数据仅可附此说明使用。"),
	variants: map[string]Text{
		"received": both("{label}, {group}: {stage} had to be done by {due} ({limit} from {start}; {source}), but the laboratory received the sample only at {done}.", "{label}，{group}：{stage}应于 {due} 前完成（自 {start} 起 {limit}；{source}），而实验室 {done} 才收到样品。"),
	},
	find: findHoldTimeExceeded,
})

var stageWords = map[string]Text{"analysis": both("analysis", "分析"), "preparation": both("extraction or digestion", "提取或消解")}

func (v *view) holdingFinding(t *thing, h *holding) finding {
	f := finding{variant: h.why, item: &t.ref, acts: []*act{t.origin}, args: args{
		"label": str(t.label), "group": v.groupText(h.group), "stage": stageWords[h.stage], "due": clock(h.due), "start": clock(h.start),
		"limit": both(h.limit.String(), h.limit.ZH()), "source": v.sourceText(h), "done": h.done.text(), "analyte": str(""), "report": str(""),
	}}
	if h.by != nil {
		f.acts = append(f.acts, h.by.act)
		f.args["analyte"], f.args["report"] = str(h.by.Analyte), str(h.by.report.ReportNo)
	}
	return f
}

func findHoldTimeExceeded(v *view, report func(finding)) {
	for _, t := range v.chains.things {
		for _, h := range v.heldTimes(t) {
			if h.state == HoldingExceeded {
				report(v.holdingFinding(t, &h))
			}
		}
	}
}

var _ = register(spec{
	code: "HOLD_TIME_UNCOMPUTABLE", severity: Curable, source: "holding times of the rule pack (derived from 40 CFR 136, Table II)",
	title:   both("Holding time cannot be worked out", "保存期限无法核算"),
	explain: both("{label}, {group}: report {report} gives no time of {stage} for {analyte}, so the limit of {limit} ({source}) cannot be checked.", "{label}，{group}：报告 {report} 未给出 {analyte} 的{stage}时间，无法核对 {limit} 的期限（{source}）。"),
	cure:    both("The laboratory amends the report with the time from its bench sheet, and it is signed again.", "由实验室依据原始记录更正报告补充时间，并重新签署。"),
	variants: map[string]Text{
		"day_only":       both("{label}, {group}: report {report} gives only the day of {stage} of {analyte}, {done}, and the deadline {due} ({limit}; {source}) falls on it.", "{label}，{group}：报告 {report} 仅给出 {analyte} 的{stage}日期 {done}，而期限 {due}（{limit}；{source}）正在当日。"),
		"no_preparation": both("{label}, {group}: report {report} does not say when the sample was extracted or digested for {analyte}, so the limit for {stage} ({limit}; {source}) cannot be checked.", "{label}，{group}：报告 {report} 未说明 {analyte} 的提取或消解时间，无法核对{stage}期限（{limit}；{source}）。"),
		"no_rule":        both("{label}: the rule pack has no holding time for {what} in {matrix}.", "{label}：规则包中没有 {matrix} 中 {what} 的保存期限。"),
	},
	cures: map[string]Text{
		"no_rule": both("The laboratory states the limit of its method in the report, the sampler states one with the sample (hold_hours), or a newer rule pack brings it.", "由实验室在报告中载明方法规定的期限，或由采样人随样品载明（hold_hours），或由新版规则包补充。"),
	},
	find: findHoldTimeUncomputable,
})

func findHoldTimeUncomputable(v *view, report func(finding)) {
	for _, t := range v.chains.things {
		var lacking []Text
		var acts []*act
		for _, h := range v.heldTimes(t) {
			switch {
			case h.state != HoldingUnknown:
			case h.why != "no_rule":
				f := v.holdingFinding(t, &h)
				if f.variant == "no_time" {
					f.variant = ""
				}
				report(f)
			case h.group != "":
				lacking = append(lacking, v.groupText(h.group))
			default:
				lacking = append(lacking, v.ungrouped(t))
			}
			acts = append(acts, t.origin)
		}
		if len(lacking) > 0 {
			report(finding{variant: "no_rule", item: &t.ref, acts: acts, args: args{
				"label": str(t.label), "what": listedTexts(lacking), "matrix": both(string(t.sample.Matrix), matrixZH[t.sample.Matrix]),
			}})
		}
	}
}

// ungrouped names the substances of a sample that the pack has no group for.
func (v *view) ungrouped(t *thing) Text {
	var names []string
	for _, d := range v.onSample(t) {
		if v.groupOf(d) == "" {
			names = appendNew(names, d.Analyte)
		}
	}
	return someOf(names)
}
