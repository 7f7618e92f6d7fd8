package chart

import (
	"slices"
	"strings"

	"fieldseal/sync/custody"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/rules"
	"fieldseal/sync/unit"
)

// averaged are the limits of the rule pack that a mean is measured against and not
// a single reading, as their titles say.
var averaged = map[string]int64{"nmhc-1h": hour}

// lines gathers what the channel is measured against: the bounds of its instrument,
// where they are in the channel's unit, and the limits of the rule pack on what the
// channel says that it measures. A photoionisation reading of "VOC" is nothing that
// a limit on NMHC could be laid beside, and gets none.
func (p *pen) lines(ch event.Channel, pack *rules.Pack) {
	p.out.Limits, p.out.Alarms = []Line{}, []Alarm{}
	if in := p.s.instrument; in != nil {
		name := strings.TrimSpace(in.Make + " " + in.Model + " " + in.Serial)
		p.bound("range-high", rules.Text{EN: "upper end of the range", ZH: "量程上限"}, ">", in.RangeHigh, in.Unit, ch.Unit, name)
		p.bound("range-low", rules.Text{EN: "lower end of the range", ZH: "量程下限"}, "<", in.RangeLow, in.Unit, ch.Unit, name)
		p.bound("ldl", rules.Text{EN: "lower detection limit", ZH: "检出限"}, "", in.LDL, in.Unit, ch.Unit, name)
	}
	for i := range pack.Limits {
		l := &pack.Limits[i]
		if l.Analyte == "" || !slices.Contains(l.Matrices, "air") || !strings.EqualFold(l.Analyte, ch.Quantity) {
			continue
		}
		p.line(Line{ID: l.ID, Title: l.Title, Op: l.Op, MeanMS: averaged[l.ID], Source: pack.SourceOf(l.Cited).Title.EN, Unconfirmed: pack.Unconfirmed(l.Cited)}, l.Value.Decimal, l.Unit, ch.Unit)
	}
}

func (p *pen) bound(id string, title rules.Text, op string, v *decimal.Decimal, from, to, source string) {
	if v != nil {
		p.line(Line{ID: id, Title: title, Op: op, Source: source}, *v, from, to)
	}
}

// line adds a line where its unit converts to the channel's.
func (p *pen) line(l Line, v decimal.Decimal, from, to string) {
	if from != to {
		a, okA := unit.Parse(from)
		b, okB := unit.Parse(to)
		if !okA || !okB {
			return
		}
		var err error
		if v, _, err = unit.Convert(v, a, b); err != nil {
			return
		}
	}
	r, _, err := v.Round(custody.ReadingScale)
	if err != nil {
		return
	}
	l.Exact, l.Value = v.Normal(), r.N // brought to the chart's scale by alarms
	p.out.Limits = append(p.out.Limits, l)
}

// alarms finds the stretches beyond a line, in units of 1e-9, and then brings the
// lines to the chart's scale.
func (p *pen) alarms(list []*sums) {
	for i := range p.out.Limits {
		l := &p.out.Limits[i]
		switch {
		case l.Op == "" || l.ID == "range-low":
		case l.MeanMS > 0:
			p.run(l, p.means(), l.MeanMS)
		default:
			p.run(l, list, p.width)
		}
		l.Value = atScale(l.Value, p.out.Scale)
	}
}

// means are the hours that have enough valid minutes for a mean.
func (p *pen) means() (list []*sums) {
	need := int64(45)
	if n, _, err := p.q.Rules.Air.HourMinutes.Value.Decimal.Round(0); err == nil {
		need = n.N
	}
	for _, b := range sorted(p.hours) {
		if b.n > 0 && p.valid[b.at] >= need && b.at < p.q.To && b.at+hour > p.q.From {
			list = append(list, b)
		}
	}
	return list
}

// run joins neighbouring stretches beyond a line to alarms.
func (p *pen) run(l *Line, list []*sums, width int64) {
	var open *Alarm
	for _, b := range list {
		if b.n == 0 {
			continue
		}
		low, high := b.min, b.max
		if l.MeanMS > 0 {
			low = b.mean(custody.ReadingScale)
			high = low
		}
		peak, beyond := high, l.Op == ">" && high > l.Value || l.Op == ">=" && high >= l.Value
		if l.Op == "<=" && low <= l.Value {
			peak, beyond = low, true
		}
		if !beyond {
			open = nil
			continue
		}
		if open != nil && open.To == b.at {
			open.To = b.at + width
			if l.Op == "<=" {
				open.Peak = min(open.Peak, atScale(peak, p.out.Scale))
			} else {
				open.Peak = max(open.Peak, atScale(peak, p.out.Scale))
			}
			continue
		}
		if p.out.AlarmCount++; len(p.out.Alarms) == maxGaps {
			open = &Alarm{To: b.at + width}
			continue
		}
		p.out.Alarms = append(p.out.Alarms, Alarm{Line: l.ID, From: b.at, To: b.at + width, Peak: atScale(peak, p.out.Scale)})
		open = &p.out.Alarms[len(p.out.Alarms)-1]
	}
}
