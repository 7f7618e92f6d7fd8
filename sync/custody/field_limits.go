package custody

import (
	"slices"
	"strings"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// Comparison is one result beside one legal limit.
type Comparison struct {
	Result event.UUID `json:"result"`
	Event  event.ID   `json:"event"`
	// Thing is what the determination was made on, Matrix what that consists of.
	Thing   event.Ref    `json:"thing"`
	Matrix  event.Matrix `json:"matrix"`
	Analyte string       `json:"analyte"`
	// Value is the result in the limit's unit.
	Value decimal.Decimal `json:"value"`
	Threshold
	// Times are the readings of "exceeds the limit by N times", where the law has one.
	Times *TimesReadings `json:"times,omitzero"`
}

// TimesReadings are the two ways to read "exceeds the limit by N times". Which
// one the law means is not settled, so both are worked out and both are shown.
type TimesReadings struct {
	N decimal.Decimal `json:"n"`
	// AtLeast: the figure is at least N times the limit, c >= N·L.
	AtLeast bool `json:"at_least_n_times"`
	// Over: what is over the limit is at least N times the limit, (c-L)/L >= N.
	Over bool `json:"over_by_n_times"`
}

var _ = derive(stageSeries, "limits", func(v *view) {
	for a, b := range each[*event.ResultsReported](v) {
		for i := range b.Results {
			v.compareResult(a, &b.Results[i])
		}
	}
})

func (v *view) compareResult(a *act, r *event.Result) {
	if r.Value == nil || r.Sample == nil || r.QC != "" || slices.Contains(v.rules.Lab.NotDetected, r.Qualifier) {
		return
	}
	matrix, ok := v.matrixOf(*r.Sample)
	if !ok {
		return
	}
	for i := range v.rules.Limits {
		l := &v.rules.Limits[i]
		if !speaksOf(l, r, matrix) {
			continue
		}
		value, ok := resultInUnit(v.rules, matrix, *r.Value, r.Unit, l.Unit)
		if !ok {
			continue
		}
		source := v.rules.SourceOf(l.Cited)
		c := Comparison{Result: r.Result, Event: a.ID, Thing: *r.Sample, Matrix: matrix, Analyte: r.Analyte, Value: value, Threshold: Threshold{
			ID: l.ID, Title: Text(l.Title), Limit: l.Value.Decimal, Unit: l.Unit, Op: l.Op,
			Reached: stands(value, l.Value.Decimal, l.Op), Source: Text(source.Title), Unconfirmed: v.rules.Unconfirmed(l.Cited),
		}}
		if q, err := value.Quo(l.Value.Decimal, ratioScale); err == nil {
			c.Ratio = &q
		}
		if l.Times != nil {
			c.Times = readTimes(value, l.Value.Decimal, l.Times.Decimal)
		}
		v.record.Compared = append(v.record.Compared, c)
	}
}

// readTimes works out both readings exactly; nil where no decimal holds the products.
func readTimes(c, limit, n decimal.Decimal) *TimesReadings {
	product, err := limit.Mul(n)
	if err != nil {
		return nil
	}
	sum, err := product.Add(limit)
	if err != nil {
		return nil
	}
	return &TimesReadings{N: n, AtLeast: c.Cmp(product) >= 0, Over: c.Cmp(sum) >= 0}
}

// speaksOf reports whether a limit is about what a result determines.
func speaksOf(l *rules.ReportLimit, r *event.Result, m event.Matrix) bool {
	if len(l.Matrices) == 0 || !slices.Contains(l.Matrices, m) {
		return false
	}
	if l.CAS != "" {
		return l.CAS == strings.TrimSpace(r.CAS)
	}
	return l.Analyte != "" && strings.EqualFold(l.Analyte, strings.TrimSpace(r.Analyte))
}

// maxDescent bounds how many sub-samples deep a thing is followed to its sample.
const maxDescent = 16

// matrixOf is what a sample or sub-sample consists of. A leachate made of a
// solid is a leachate; any other part is what its parent is.
func (v *view) matrixOf(ref event.Ref) (event.Matrix, bool) {
	for range maxDescent {
		next := ref
		for _, b := range concerning[*event.SampleCollected](v, ref) {
			if b.Sample == ref.ID {
				return b.Matrix, true
			}
		}
		for _, b := range concerning[*event.SubsampleMade](v, ref) {
			if b.Subsample == ref.ID {
				if b.Kind == "leachate" {
					return "leachate", true
				}
				next = b.Parent
			}
		}
		if next == ref {
			break
		}
		ref = next
	}
	return "", false
}

// resultInUnit converts a figure within the pack's units of a matrix; exact or not at all.
func resultInUnit(p *rules.Pack, m event.Matrix, value decimal.Decimal, from, to string) (decimal.Decimal, bool) {
	set, ok := p.UnitsOf(m)
	if !ok {
		return value, from == to
	}
	a, okA := set.Find(from)
	b, okB := set.Find(to)
	if !okA || !okB || a.Dimension != b.Dimension {
		return value, false
	}
	if a.Unit == b.Unit {
		return value, true
	}
	x, err := value.Mul(a.Factor.Decimal)
	if err != nil {
		return value, false
	}
	for s := x.S; ; s++ {
		if q, err := x.Quo(b.Factor.Decimal, s); err != nil {
			return value, false
		} else if back, err := q.Mul(b.Factor.Decimal); err == nil && back.Cmp(x) == 0 {
			return q, true
		}
		if s == decimal.MaxScale {
			return value, false
		}
	}
}
