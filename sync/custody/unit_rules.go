package custody

import (
	"slices"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

var _ = register(spec{
	code: "UNIT_OR_BASIS_MISMATCH", severity: Fatal, source: "units of the rule pack",
	title:   both("Unit or basis does not fit", "单位或计量基准不符"),
	explain: both("Report {report}: these results have a unit that {matrix} is not measured in: {results}.", "报告 {report}：以下结果的单位不适用于 {matrix}：{results}。"),
	cure:    both("The laboratory amends the unit with its raw data and the report is signed again; a figure in a wrong unit can be wrong by a factor of a thousand.", "由实验室依据原始数据更正单位并重新签署报告；单位错误可致数值相差千倍。"),
	variants: map[string]Text{
		"basis":     both("Report {report}: results on {matrix} have to say whether they are on wet or dry weight; these do not: {results}.", "报告 {report}：{matrix} 的结果须注明湿重或干重；以下未注明：{results}。"),
		"respelled": both("Report {report}: the unit was changed on import into one that is not the same: {results}.", "报告 {report}：导入时单位被改成了不等同的单位：{results}。"),
		"differs":   both("{first} and {second}, a duplicate of it, are given in units or on a basis that cannot be compared: {results}.", "{first} 与其平行样 {second} 的单位或计量基准无法比较：{results}。"),
	},
	cures: map[string]Text{
		"basis":     both("The laboratory amends the results with the basis and the moisture content.", "由实验室补充计量基准与含水率。"),
		"respelled": both("Whoever imported the file amends the results to the unit as it stands in the file.", "由导入人将结果更正为文件原有单位。"),
	},
	find: findUnits,
})

func findUnits(v *view, report func(finding)) {
	for _, r := range v.lab.reports {
		v.judgeUnits(r, report)
	}
	for _, t := range v.chains.things {
		if other := v.twin(t); other != nil {
			v.judgeTwins(other, t, report)
		}
	}
}

// judgeUnits holds the results of a report against the units of what they were made on.
func (v *view) judgeUnits(r *labReport, report func(finding)) {
	type flaw struct {
		variant string
		matrix  event.Matrix
	}
	rows := map[flaw][]string{}
	things := map[flaw][]event.Ref{}
	var order []flaw
	for _, d := range r.results {
		variant := v.unitFlaw(d)
		if variant == "" {
			continue
		}
		k := flaw{variant, d.matrix()}
		if rows[k] == nil {
			order = append(order, k)
		}
		rows[k] = append(rows[k], v.unitRow(d))
		if !slices.Contains(things[k], d.thing.ref) {
			things[k] = append(things[k], d.thing.ref)
		}
	}
	for _, k := range order {
		variant := k.variant
		if variant == "unit" {
			variant = ""
		}
		report(finding{variant: variant, item: r.ref(), also: things[k], acts: r.acts(), args: args{
			"report": str(r.head().ReportNo), "matrix": both(string(k.matrix), matrixZH[k.matrix]), "results": someOf(rows[k]),
		}})
	}
}

func (v *view) unitRow(d *determination) string {
	row := d.SampleCode + " " + d.Analyte + " " + d.Text + " " + d.Unit
	if d.UnitAsWritten != "" && !rules.SameUnit(d.UnitAsWritten, d.Unit) {
		row += " (in the file: " + d.UnitAsWritten + ")"
	}
	if d.Basis != "" {
		row += " " + d.Basis
	}
	return row
}

// unitFlaw says what is wrong with the unit of one result on a thing: "unit",
// "basis", "respelled" or nothing.
func (v *view) unitFlaw(d *determination) string {
	set, ok := v.rules.UnitsOf(d.matrix())
	if !ok || d.thing == nil || d.QC != "" {
		return ""
	}
	u, ok := set.Find(d.Unit)
	if !ok {
		return "unit"
	}
	if d.UnitAsWritten != "" {
		if w, ok := set.Find(d.UnitAsWritten); ok && (w.Dimension != u.Dimension || w.Factor.Cmp(u.Factor.Decimal) != 0) {
			return "respelled"
		}
	}
	if set.Basis && u.Dimension == "mass/mass" && basisOf(d.Result) == "" {
		return "basis"
	}
	return ""
}

// basisOf is "wet", "dry" or nothing.
func basisOf(r *event.Result) string {
	switch strings.ToLower(strings.TrimSpace(r.Basis)) {
	case "wet", "ww", "wet weight", "as received", "湿重", "湿基":
		return "wet"
	case "dry", "dw", "dry weight", "干重", "干基":
		return "dry"
	}
	return ""
}

// judgeTwins: a duplicate is compared with its parent, so both speak one language.
func (v *view) judgeTwins(a, b *thing, report func(finding)) {
	first := map[string]*determination{}
	for _, d := range v.onSample(a) {
		if first[substance(d.Result)] == nil {
			first[substance(d.Result)] = d
		}
	}
	var rows []string
	acts := []*act{}
	for _, d := range v.onSample(b) {
		o := first[substance(d.Result)]
		if o == nil || o.Value == nil || d.Value == nil {
			continue
		}
		_, ok := v.convert(*d.Value, d.Unit, o.Unit, d.matrix())
		if !ok || basisOf(o.Result) != basisOf(d.Result) {
			rows = append(rows, d.Analyte+": "+v.unitRow(o)+" / "+v.unitRow(d))
			acts = append(acts, o.act, d.act)
		}
	}
	if len(rows) > 0 {
		report(finding{variant: "differs", item: &b.ref, also: []event.Ref{a.ref}, acts: acts, args: args{
			"first": str(a.label), "second": str(b.label), "results": someOf(rows), "report": str(""), "matrix": str(""),
		}})
	}
}
