package custody

import (
	"slices"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// fieldBlanks are the blanks that travel or are made with the samples.
var fieldBlanks = []event.QCType{"trip_blank", "field_blank", "equipment_blank"}

var _ = register(spec{
	code: "QC_BLANK_MISSING", severity: Curable, absence: true, source: "qc.trip_blank of the rule pack",
	title:   both("No trip blank with volatile samples", "挥发性样品缺少运输空白"),
	explain: both("Samples for {group} ({n}) travelled in cooler {cooler} without a trip blank: {labels} ({source}).", "{n} 件拟测 {group} 的样品在冷藏箱 {cooler} 中运输，未随附运输空白：{labels}（{source}）。"),
	cure:    both("If a trip blank was there, its record is synchronised or sealed now with the laboratory's receiving log; else the laboratory qualifies the detections, or the samples are taken again with a blank.", "如确有运输空白，同步其记录或依据收样台账补签；否则由实验室对检出结果加注说明，或重新采样并随附空白。"),
	find:    findBlankMissing,
})

func findBlankMissing(v *view, report func(finding)) {
	byCooler := map[string][]*thing{}
	var coolers []string
	blanks := map[string][]*thing{}
	for _, t := range v.chains.things {
		if t.sample == nil {
			continue
		}
		if t.sample.QC == "trip_blank" {
			blanks[labelKey(t.sample.Cooler)] = append(blanks[labelKey(t.sample.Cooler)], t)
		}
		_, volatile := v.volatileGroup(t.sample)
		if volatile && !slices.Contains(fieldBlanks, t.sample.QC) && slices.Contains(v.rules.QC.TripBlank, t.sample.Matrix) {
			key := labelKey(t.sample.Cooler)
			if byCooler[key] == nil {
				coolers = append(coolers, key)
			}
			byCooler[key] = append(byCooler[key], t)
		}
	}
	for _, cooler := range coolers {
		alone := slices.DeleteFunc(byCooler[cooler], func(t *thing) bool {
			return slices.ContainsFunc(blanks[cooler], func(b *thing) bool { return v.travelled(t, b) })
		})
		if len(alone) == 0 {
			continue
		}
		g, _ := v.volatileGroup(alone[0].sample)
		f := finding{item: &alone[0].ref, args: args{
			"n": count(len(alone)), "group": Text(g.Title), "cooler": str(alone[0].sample.Cooler), "source": v.source(v.rules.QC.TripBlankCited),
		}}
		var refs []event.Ref
		for _, t := range alone {
			refs, f.acts = append(refs, t.ref), append(f.acts, t.origin)
		}
		f.also, f.args["labels"] = refs[1:], v.labels(refs)
		report(f)
	}
}

// travelled reports whether a sample and a blank of one cooler went together: a
// cooler is used again, so where both changed hands it was in one handover.
func (v *view) travelled(t, blank *thing) bool {
	a, b := v.chains.legs[t.ref], v.chains.legs[blank.ref]
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(h *handover) bool { return slices.Contains(b, h) })
}

// convert gives a determination's figure in another's unit; ok is false where
// the units do not convert.
func (v *view) convert(value decimal.Decimal, unit, into string, m event.Matrix) (decimal.Decimal, bool) {
	set, ok := v.rules.UnitsOf(m)
	if !ok {
		return value, rules.SameUnit(unit, into)
	}
	from, okF := set.Find(unit)
	to, okT := set.Find(into)
	if !okF || !okT || from.Dimension != to.Dimension {
		return value, rules.SameUnit(unit, into)
	}
	base, err := value.Mul(from.Factor.Decimal)
	if err != nil {
		return value, false
	}
	out, err := base.Quo(to.Factor.Decimal, 12)
	return out.Normal(), err == nil
}

var _ = register(spec{
	code: "BLANK_CONTAMINATED", severity: Fatal, source: "qc.blank_factor of the rule pack (US EPA guidelines for data review)",
	title:   both("Blank contaminated", "空白样受污染"),
	explain: both("{blank} has {value} of {analyte} (report {report}), above its reporting limit of {limit}. Not told from contamination, being below {factor} times that: {samples}.", "{blank} 中检出 {analyte} {value}（报告 {report}），高于其报告限 {limit}。低于该值 {factor} 倍、无法与污染区分的结果：{samples}。"),
	cure:    both("The laboratory finds the source, qualifies the results named (B) or raises their reporting limit; what matters to the case is sampled again with a clean blank.", "由实验室查明污染来源，对所列结果加注 B 或提高报告限；与定案有关的应在空白合格条件下重新采样。"),
	find:    findBlankContaminated,
})

// isBlank reports whether a determination was made on a blank, in the field or in the laboratory.
func isBlank(d *determination) bool {
	return d.QC == "method_blank" || d.sample != nil && slices.Contains(fieldBlanks, d.sample.sample.QC)
}

// floor is from which figure on a blank counts as contaminated.
func floor(r *event.Result) *decimal.Decimal {
	if r.RL != nil {
		return r.RL
	}
	return r.MDL
}

func findBlankContaminated(v *view, report func(finding)) {
	bySubstance := map[string][]*determination{}
	for _, d := range v.lab.results {
		if !isBlank(d) && d.QC == "" && d.sample != nil && v.detected(d.Result) {
			bySubstance[substance(d.Result)] = append(bySubstance[substance(d.Result)], d)
		}
	}
	for _, b := range v.lab.results {
		limit := floor(b.Result)
		if !isBlank(b) || !v.detected(b.Result) || limit != nil && b.Value.Cmp(*limit) < 0 {
			continue
		}
		f := finding{acts: []*act{b.act}, args: args{
			"blank": both("method blank of batch "+b.Batch, "批次 "+b.Batch+" 方法空白"), "value": num(b.Value, b.Unit), "analyte": str(b.Analyte),
			"report": str(b.report.ReportNo), "limit": num(limit, b.Unit), "factor": str(v.rules.QC.BlankFactor.Value.String()),
		}}
		f.item = &event.Ref{Kind: "report", ID: b.report.Report}
		if b.sample != nil {
			f.item, f.args["blank"] = &b.sample.ref, str(b.sample.label)
		}
		var hit []string
		for _, d := range bySubstance[substance(b.Result)] {
			if v.shares(b, d) && v.drowned(b, d) {
				hit, f.also, f.acts = appendNew(hit, d.sample.label+" ("+d.Value.String()+" "+d.Unit+")"), append(f.also, d.sample.ref), append(f.acts, d.act)
			}
		}
		if len(hit) > 0 {
			f.args["samples"] = someOf(hit)
			report(f)
		}
	}
}

// shares reports whether what a blank shows may be in a sample too: a method
// blank speaks for its batch, a trip blank for its cooler, the others for their site.
func (v *view) shares(b, d *determination) bool {
	if b.QC == "method_blank" {
		return b.report.Lab == d.report.Lab && b.Batch == d.Batch
	}
	blank, sample := b.sample.sample, d.sample.sample
	if blank.QC == "trip_blank" {
		return labelKey(blank.Cooler) == labelKey(sample.Cooler) && v.travelled(d.sample, b.sample)
	}
	return blank.Site == sample.Site
}

// drowned reports whether a detection is too small to be told from the blank's.
// Figures that cannot be compared are not told from it either.
func (v *view) drowned(b, d *determination) bool {
	value, ok := v.convert(*d.Value, d.Unit, b.Unit, d.matrix())
	if !ok {
		return true
	}
	bound, err := b.Value.Mul(v.rules.QC.BlankFactor.Value.Decimal)
	return err != nil || value.Cmp(bound) < 0
}

var _ = register(spec{
	code: "DUPLICATE_RPD_HIGH", severity: Warning, source: "qc.rpd of the rule pack (US EPA guidelines for data review)",
	title:   both("Duplicates far apart", "平行样偏差过大"),
	explain: both("{first} has {a} and {second} {b} of {analyte}: a relative difference of {rpd} %, {max} % is the most expected ({source}).", "{first} 与 {second} 的 {analyte} 分别为 {a} 与 {b}，相对偏差 {rpd}%，预期不超过 {max}%（{source}）。"),
	cure:    both("The laboratory repeats the analysis of both where something is left; else the report says how uneven the material is.", "尚有余样的由实验室对两者复测；否则在报告中说明样品的不均匀性。"),
	find:    findDuplicateRPD,
})

func findDuplicateRPD(v *view, report func(finding)) {
	for _, t := range v.chains.things {
		other := v.twin(t)
		if other == nil {
			continue
		}
		first := map[string]*determination{}
		for _, d := range v.onSample(other) {
			if first[substance(d.Result)] == nil {
				first[substance(d.Result)] = d
			}
		}
		told := map[string]bool{}
		for _, d := range v.onSample(t) {
			key := substance(d.Result)
			if o := first[key]; o != nil && !told[key] {
				told[key] = true
				v.judgeRPD(o, d, report)
			}
		}
	}
}

// twin is the sample that a duplicate is compared with.
func (v *view) twin(t *thing) *thing {
	if t.sample == nil || t.sample.Parent.IsZero() {
		return nil
	}
	parent := event.Ref{Kind: "sample", ID: t.sample.Parent}
	switch t.sample.QC {
	case "split", "field_duplicate":
		if o := v.chains.byRef[parent]; o != nil && o.sample != nil {
			return o
		}
	case "matrix_spike_duplicate":
		for _, o := range v.chains.things {
			if o.sample != nil && o.sample.QC == "matrix_spike" && o.sample.Parent == t.sample.Parent {
				return o
			}
		}
	}
	return nil
}

func (v *view) judgeRPD(a, b *determination, report func(finding)) {
	rule, ok := v.rules.RPDOf(b.matrix())
	if !ok || !v.detected(a.Result) || !v.detected(b.Result) || v.nearLimit(a) || v.nearLimit(b) {
		return
	}
	value, ok := v.convert(*b.Value, b.Unit, a.Unit, b.matrix())
	if !ok {
		return // UNIT_OR_BASIS_MISMATCH says so
	}
	diff, err1 := a.Value.Sub(value)
	sum, err2 := a.Value.Add(value)
	if err1 != nil || err2 != nil || sum.Sign() == 0 {
		return
	}
	if diff.Sign() < 0 {
		diff.N = -diff.N
	}
	twice, err := diff.Mul(decimal.FromInt(200)) // |a−b| ÷ ((a+b)÷2), in per cent
	if err != nil {
		return
	}
	if bound, err := sum.Mul(rule.Max.Decimal); err != nil || twice.Cmp(bound) <= 0 {
		return
	}
	rpd, err := twice.Quo(sum, 1)
	if err != nil {
		return
	}
	report(finding{item: &b.sample.ref, also: []event.Ref{a.sample.ref}, acts: []*act{a.act, b.act}, args: args{
		"first": str(a.sample.label), "second": str(b.sample.label), "a": num(a.Value, a.Unit), "b": num(b.Value, b.Unit), "analyte": str(b.Analyte),
		"rpd": str(rpd.String()), "max": str(rule.Max.String()), "source": v.source(rule.Cited),
	}})
}

// nearLimit reports whether a figure is so close to its reporting limit that a
// relative difference says little.
func (v *view) nearLimit(d *determination) bool {
	if d.RL == nil {
		return false
	}
	bound, err := d.RL.Mul(v.rules.QC.RPDFloor.Value.Decimal)
	return err != nil || d.Value.Cmp(bound) < 0
}
