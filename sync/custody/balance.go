package custody

import (
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/unit"
)

// amountIn converts an amount; ok is false where a unit is not known, the two
// measure different things, or the result has no exact decimal.
func amountIn(d decimal.Decimal, from, to string) (decimal.Decimal, bool) {
	if from == to {
		return d, true
	}
	f, okF := unit.Parse(from)
	t, okT := unit.Parse(to)
	if !okF || !okT {
		return decimal.Decimal{}, false
	}
	out, exact, err := unit.Convert(d, f, t)
	return out.Normal(), exact && err == nil
}

// balance is what a thing weighed and what was taken from it.
type balance struct {
	start *decimal.Decimal
	taken decimal.Decimal
	left  *decimal.Decimal
	unit  string
	flaws []balanceFlaw
}

// balanceFlaw is a sub-sample or disposal whose figures cannot be true.
type balanceFlaw struct {
	kind  string
	label string
	act   *act
	// figure is what was stated, bound what it cannot exceed.
	figure, bound decimal.Decimal
}

func (b *balance) info() *Balance {
	if b == nil {
		return nil
	}
	return &Balance{Start: b.start, Taken: b.taken, Left: b.left, Unit: b.unit}
}

// weigh works out a thing's balance; nil where no amount is known and nothing was taken.
func (v *view) weigh(t *thing) *balance {
	b := &balance{}
	switch {
	case t.sample != nil && t.sample.Amount != nil:
		b.start, b.unit = t.sample.Amount.Value.Ptr(), t.sample.Amount.Unit
	case t.part != nil && t.part.Kind == "aliquot" && t.part.MassOut != nil: // an extract is not as much as what it was made of
		b.start, b.unit = t.part.MassOut, t.part.Unit
	}
	for _, p := range v.lab.parts[t.ref] {
		if b.start == nil && p.part.MassIn != nil {
			b.start, b.unit = p.part.MassIn, p.part.Unit
		}
		b.take(p, v.rules.Custody.MassTolerance.Value.Decimal)
	}
	if b.start == nil {
		return nil
	}
	if left, err := b.start.Sub(b.taken); err == nil {
		b.left = &left
	}
	b.checkDisposal(t, v.rules.Custody.MassTolerance.Value.Decimal)
	return b
}

// over reports whether figure exceeds bound by more than a share, in per cent, of whole.
func over(figure, bound, whole, percent decimal.Decimal) bool {
	slack, err := whole.Mul(percent)
	if err != nil {
		return false
	}
	excess, err := figure.Sub(bound)
	if err != nil {
		return false
	}
	hundred, err := excess.Mul(decimal.FromInt(100))
	return err == nil && hundred.Cmp(slack) > 0
}

// take books a sub-sample. Figures that cannot be converted into the balance's
// unit (an aliquot weighed out of a measured volume) are compared among themselves only.
func (b *balance) take(p *thing, percent decimal.Decimal) {
	s := p.part
	flaw := func(kind string, figure, bound decimal.Decimal) {
		b.flaws = append(b.flaws, balanceFlaw{kind, p.label, p.origin, figure, bound})
	}
	if s.MassOut != nil && s.MassOut.Sign() < 0 {
		flaw("negative", *s.MassOut, decimal.Decimal{})
		return
	}
	told := false
	if s.MassIn != nil && s.MassOut != nil && over(*s.MassOut, *s.MassIn, *s.MassIn, percent) {
		flaw("more_than_in", *s.MassOut, *s.MassIn)
		told = true
	}
	if b.start == nil {
		return
	}
	left, err := b.start.Sub(b.taken)
	if err != nil {
		return
	}
	if s.MassIn != nil {
		if in, ok := amountIn(*s.MassIn, s.Unit, b.unit); ok && !told && over(in, left, *b.start, percent) {
			flaw("in_more_than_left", in, left)
			told = true
		}
	}
	if s.MassOut == nil {
		return
	}
	out, ok := amountIn(*s.MassOut, s.Unit, b.unit)
	if !ok {
		return
	}
	if over(out, left, *b.start, percent) && !told {
		flaw("total", out, left)
	}
	if taken, err := b.taken.Add(out); err == nil {
		b.taken = taken
	}
}

func (b *balance) checkDisposal(t *thing, percent decimal.Decimal) {
	if t.disposal == nil || b.left == nil {
		return
	}
	d, ok := t.disposal.now.(*event.ItemDisposed)
	if !ok || d.Left == nil {
		return
	}
	if rest, ok := amountIn(d.Left.Value, d.Left.Unit, b.unit); ok && over(rest, *b.left, *b.start, percent) {
		b.flaws = append(b.flaws, balanceFlaw{"disposal", t.label, t.disposal, rest, *b.left})
	}
}

var _ = register(spec{
	code: "INSUFFICIENT_MASS_BALANCE", severity: Fatal, source: "house rule; tolerance custody.mass_tolerance of the rule pack",
	title:   both("More taken than there was", "取用量超过原有量"),
	explain: both("{part} took {figure} from {label}, of which only {bound} was left (start {start}).", "{part} 从 {label} 取用 {figure}，而其仅剩 {bound}（初始 {start}）。"),
	cure:    both("The analyst amends the wrong figure with the balance's printout or the bench sheet that shows the right one.", "由分析人员以天平打印记录或原始记录为据更正错误数值。"),
	variants: map[string]Text{
		"more_than_in":      both("{part} took {figure} from {label}, more than the {bound} that the same record says was there.", "{part} 从 {label} 取用 {figure}，超过同一记录所载的原有量 {bound}。"),
		"in_more_than_left": both("Before {part} was taken, {label} is said to have held {figure}, but after the earlier sub-samples only {bound} was left (start {start}).", "取 {part} 前称 {label} 有 {figure}，但此前取样后仅剩 {bound}（初始 {start}）。"),
		"negative":          both("{part} states to have taken {figure} from {label}; an amount is never negative.", "{part} 称从 {label} 取用 {figure}；数量不可能为负。"),
		"disposal":          both("On disposal {figure} of {label} is said to have been left, but by the records only {bound} was (start {start}).", "处置时称 {label} 剩余 {figure}，但按记录仅剩 {bound}（初始 {start}）。"),
	},
	find: findMassBalance,
})

func findMassBalance(v *view, report func(finding)) {
	for _, t := range v.chains.things {
		b := v.lab.balances[t.ref]
		if b == nil {
			continue
		}
		for _, f := range b.flaws {
			variant := f.kind
			if variant == "total" {
				variant = ""
			}
			in := b.unit
			if s, ok := f.act.now.(*event.SubsampleMade); ok && (f.kind == "more_than_in" || f.kind == "negative") {
				in = s.Unit
			}
			report(finding{variant: variant, item: &t.ref, acts: []*act{t.origin, f.act}, args: args{
				"part": str(f.label), "label": str(t.label), "figure": num(&f.figure, in), "bound": num(&f.bound, in), "start": num(b.start, b.unit),
			}})
		}
	}
}

var _ = register(spec{
	code: "SUBSAMPLE_ORPHAN", severity: Fatal, absence: true, source: "house rule: every part and every result leads back to a sample of the case",
	title:   both("Sub-sample or result without a parent", "子样或结果无来源"),
	explain: both("Sub-sample {label} was taken by {who} at {at} from {parent}, which no record of this case brings in.", "子样 {label} 由 {who} 于 {at} 取自 {parent}，而本案没有该来源的记录。"),
	cure:    both("The missing record is synchronised, or the analyst amends the reference with the bench sheet that shows the parent.", "同步缺失的记录，或由分析人员以原始记录为据更正来源。"),
	variants: map[string]Text{
		"circle": both("Sub-sample {label} ({who}, {at}) leads back through {parent} to itself and to no sample.", "子样 {label}（{who}，{at}）经 {parent} 追溯回到自身，未追溯到任何样品。"),
		"result": both("Report {report} of {who} has results that lead to no item of this case ({n}): {codes}.", "{who} 的报告 {report} 中有 {n} 项结果无法对应本案物品：{codes}。"),
	},
	find: findOrphans,
})

func findOrphans(v *view, report func(finding)) {
	for _, t := range v.chains.things {
		if t.part == nil || v.sampleOf(t) != nil {
			continue
		}
		f := finding{item: &t.ref, acts: []*act{t.origin}, args: args{
			"label": str(t.label), "who": v.actor(t.origin), "at": when(t.part.At), "parent": str(v.labelOf(t.part.Parent)),
		}}
		switch parent := v.chains.byRef[t.part.Parent]; {
		case parent == nil || parent.origin == nil:
			report(f)
		case parent.object == nil && v.circular(t):
			f.variant = "circle"
			report(f)
		}
	}
	for _, r := range v.lab.reports {
		v.judgeUnmatched(r, report)
	}
}

// circular reports whether a sub-sample's trail comes back to itself.
func (v *view) circular(t *thing) bool {
	seen := map[event.Ref]bool{}
	for t != nil && t.part != nil {
		if seen[t.ref] {
			return true
		}
		seen[t.ref] = true
		t = v.chains.byRef[t.part.Parent]
	}
	return false
}

func (v *view) judgeUnmatched(r *labReport, report func(finding)) {
	var codes []string
	n := 0
	for _, d := range r.results {
		if d.QC == "" && d.thing == nil {
			n++
			codes = appendNew(codes, d.SampleCode)
		}
	}
	if n == 0 {
		return
	}
	report(finding{variant: "result", item: r.ref(), acts: r.acts(), args: args{
		"report": str(r.head().ReportNo), "who": v.orgName(r.head().Lab), "n": count(n), "codes": someOf(codes),
	}})
}
