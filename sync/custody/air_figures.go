package custody

import (
	"fmt"
	"math/big"
	"time"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
)

// figureSum adds up readings exactly: whole ones and billionths apart, so that no
// real series overflows.
type figureSum struct {
	count       int64
	min, max    nano
	whole, frac int64
	// wide: a reading did not fit, so that min, max and sum are not known.
	wide bool
	// words counts cells with something that is not a number.
	words int64
}

func (f *figureSum) add(c cell) {
	switch c.state {
	case cellText:
		f.words++
		return
	case cellWide:
		f.count++
		f.wide = true
		return
	case cellEmpty:
		return
	}
	if f.count == 0 {
		f.min, f.max = c.v, c.v
	}
	f.count++
	f.min, f.max = min(f.min, c.v), max(f.max, c.v)
	f.whole += c.v / pow10[cellScale]
	f.frac += c.v % pow10[cellScale]
	f.whole += f.frac / pow10[cellScale]
	f.frac %= pow10[cellScale]
}

// total is the exact sum; nil where it is not known or no decimal holds it.
func (f *figureSum) total() *decimal.Decimal {
	if f.count == 0 || f.wide {
		return nil
	}
	n := new(big.Int).Mul(big.NewInt(f.whole), big.NewInt(pow10[cellScale]))
	n.Add(n, big.NewInt(f.frac))
	r := new(big.Rat).SetFrac(n, big.NewInt(pow10[cellScale]))
	for s := cellScale; s >= 0; s-- {
		if d, exact, err := decimal.FromRat(r, uint8(s)); err == nil && exact {
			d = d.Normal()
			return &d
		}
	}
	return nil
}

// channelSum sums up a channel over the series.
type channelSum struct {
	figureSum
	channel   int
	missing   int64
	overRange int64
}

func (c *channelSum) summary(s *series) ChannelSummary {
	ch := s.body.Channels[c.channel]
	out := ChannelSummary{
		Channel: int64(c.channel), Name: ch.Name, Quantity: ch.Quantity, Unit: ch.Unit,
		Count: c.count, Missing: c.missing, OverRange: c.overRange, Sum: c.total(),
	}
	if c.count > 0 && !c.wide {
		out.Min, out.Max = nanoDecimal(c.min).Ptr(), nanoDecimal(c.max).Ptr()
	}
	if out.Sum != nil {
		if mean, err := out.Sum.Quo(decimal.FromInt(c.count), meanScale); err == nil {
			out.Mean = &mean
		}
	}
	return out
}

// segmentSums are the figures of one segment by channel, its rows, and the first
// and the last instant among them.
type segmentSums struct {
	rows        int64
	channels    []figureSum
	first, last int64
	dated       bool
}

// takeTime takes a row's time where it is an instant.
func (m *segmentSums) takeTime(r *row) {
	if !r.timed || !r.zoned {
		return
	}
	if !m.dated {
		m.first, m.dated = r.at, true
	}
	m.last = r.at
}

// timeSlackMS is how far a stated time may be from the row's: both are written to
// a resolution of their own, at the coarsest a second.
const timeSlackMS = 1000

// compareTimes reports a segment that dates its rows otherwise than they do.
func (m *segmentSums) compareTimes(v *view, s *series, g segment) {
	if !m.dated {
		return
	}
	for _, c := range []struct {
		said event.Stamp
		read int64
	}{{g.body.First, m.first}, {g.body.Last, m.last}} {
		if c.said == "" || abs64(c.said.Time().UnixMilli()-c.read) <= timeSlackMS {
			continue
		}
		item := s.ref()
		s.mismatch(finding{variant: "times", item: &item, acts: []*act{g.act}, args: args{
			"series": s.name(v), "n": count(g.body.N), "says": when(c.said), "reads": clock(time.UnixMilli(c.read).In(c.said.Time().Location()))}})
	}
}

// compare reports what a segment says otherwise than its own raw bytes.
func (m *segmentSums) compare(v *view, s *series, g segment) {
	item := s.ref()
	base := func() args { return args{"series": s.name(v), "n": count(g.body.N)} }
	if g.body.Rows != m.rows {
		f := base()
		f["says"], f["reads"] = both(fmt.Sprintf("%d rows", g.body.Rows), fmt.Sprintf("%d 行", g.body.Rows)), both(fmt.Sprintf("%d rows", m.rows), fmt.Sprintf("%d 行", m.rows))
		s.mismatch(finding{variant: "rows", item: &item, acts: []*act{g.act}, args: f})
	}
	m.compareTimes(v, s, g)
	for i := range g.body.Figures {
		said := &g.body.Figures[i]
		if said.Channel < 0 || said.Channel >= int64(len(m.channels)) {
			continue
		}
		read := &m.channels[said.Channel]
		// A mapping that came with a generic file is not sealed: words that it made
		// into figures or into gaps cannot be checked.
		if s.body.Format == "generic-csv" && read.words > 0 || read.agrees(said) {
			continue
		}
		f := base()
		f["channel"], f["says"], f["reads"] = str(s.body.Channels[said.Channel].Name), saidText(said), readText(read)
		s.mismatch(finding{variant: "figures", item: &item, acts: []*act{g.act}, args: f})
	}
}

// mismatch keeps a finding; after the first ones a series is known to be wrong throughout.
func (s *series) mismatch(f finding) {
	if len(s.mismatches) < maxListed {
		s.mismatches = append(s.mismatches, f)
	}
}

// agrees compares what both sides know.
func (f *figureSum) agrees(said *event.Figures) bool {
	if said.Count != f.count {
		return false
	}
	if f.wide || f.count == 0 {
		return true
	}
	same := func(d *decimal.Decimal, v decimal.Decimal) bool { return d == nil || d.Cmp(v) == 0 }
	if !same(said.Min, nanoDecimal(f.min)) || !same(said.Max, nanoDecimal(f.max)) {
		return false
	}
	total := f.total()
	return total == nil || same(said.Sum, *total)
}

func saidText(f *event.Figures) Text {
	return figuresText(f.Count, num(f.Min, ""), num(f.Max, ""), num(f.Sum, ""))
}

func readText(f *figureSum) Text {
	if f.count == 0 || f.wide {
		return figuresText(f.count, str(""), str(""), str(""))
	}
	return figuresText(f.count, str(nanoDecimal(f.min).String()), str(nanoDecimal(f.max).String()), num(f.total(), ""))
}

func figuresText(n int64, low, high, sum Text) Text {
	return both(fmt.Sprintf("%d readings, lowest %s, highest %s, sum %s", n, low.EN, high.EN, sum.EN),
		fmt.Sprintf("%d 个读数，最小 %s，最大 %s，合计 %s", n, low.ZH, high.ZH, sum.ZH))
}
