// Package chart reads the air readings of a case for drawing: the least, the
// largest and the mean reading of each of some hundred stretches of time, at
// whatever zoom, with the gaps, faults and flags that a mean would hide.
//
// # Contract
//
// The readings are read from the exact sealed bytes of the segments by the code
// that judges them (custody.NewReadings), never from what the segments say of
// themselves. Figures are exact decimals: whole numbers with a scale. Least and
// largest are exact; a mean is rounded half to even, two places finer than the
// readings.
//
// Time is cut at fixed widths (widths), counted from 1970 in UTC, so that a
// stretch is the same one whatever is looked at, and two charts can be laid over
// one another. A stretch without a record is not in the answer; a pause longer
// than the rule pack allows is in Gaps. Where a series' times carry no zone they
// are one clock of unknown zone, read as UTC, and Zoned is false.
//
// Nothing here decides who may see a case: callers have checked that.
//
// # What is kept
//
// Sealed segments never change, so what was read of one is kept by its event id:
// sums by the minute and, for close looks, single readings, each in a cache of
// bounded bytes. What falls out of it is read again. A day at 1 Hz costs a third of
// a second at the first look and about a millisecond from then on.
package chart

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldseal/sync/custody"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/rules"
	"fieldseal/sync/store"
)

const (
	// MaxBuckets bounds the stretches of one answer: twice the pixels of a wide screen.
	MaxBuckets = 4000
	// maxGaps bounds the gaps and alarms that one answer lists; the counts are whole.
	maxGaps = 500
	// meanPlaces is how much finer than the readings a mean is given.
	meanPlaces = 2
	// safeInteger is the largest whole number that a browser holds exactly.
	safeInteger = 1<<53 - 1
)

var (
	// ErrSeries says that a case has no such series, or the series no such channel.
	ErrSeries = errors.New("chart: no such series or channel in the case")
	// ErrQuery says that a chart cannot be drawn as asked.
	ErrQuery = errors.New("chart: the stretch of time or the number of buckets is not usable")
)

// widths are the lengths of time that a chart is cut at, in milliseconds.
var widths = []int64{100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
	hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 7 * day}

const (
	minute = 60_000
	hour   = 60 * minute
	day    = 24 * hour
)

// Query says what to draw.
type Query struct {
	Case, Series event.UUID
	// Channel is the index in the series' channels; Command, for HJ 212, the command
	// number whose frames are drawn (empty: the one with most figures of the channel).
	Channel int
	Command string
	// From and To are Unix milliseconds, To not included; both 0: the whole series.
	From, To int64
	// Buckets is how many stretches there may be at most.
	Buckets int
	// Rules is the pack whose limits are drawn; nil: the newest that comes with the program.
	Rules *rules.Pack
}

// Chart is a stretch of one channel of a series.
type Chart struct {
	Series  event.UUID `json:"series"`
	Channel int        `json:"channel"`
	Command string     `json:"command,omitzero"`
	Name    string     `json:"name"`
	Unit    string     `json:"unit,omitzero"`
	// Scale is the number of decimal places of Min, Max and the figures of limits,
	// MeanScale of Mean. Rounded says that readings had to be rounded to be drawn.
	Scale     uint8 `json:"scale"`
	MeanScale uint8 `json:"mean_scale"`
	Rounded   bool  `json:"rounded,omitzero"`
	// From and To are what is drawn, First and Last when the whole series has records, Unix milliseconds.
	From  int64 `json:"from"`
	To    int64 `json:"to"`
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	Zoned bool  `json:"zoned"`
	// WidthMS is the width of a bucket, PeriodMS the usual interval between records.
	WidthMS  int64 `json:"width_ms"`
	PeriodMS int64 `json:"period_ms,omitzero"`
	// The columns of the buckets, in order of time: T is where each begins.
	T     []int64 `json:"t"`
	N     []int64 `json:"n"`
	Min   []int64 `json:"min"`
	Max   []int64 `json:"max"`
	Mean  []int64 `json:"mean"`
	Empty []int64 `json:"empty"`
	// Fault counts readings that are no measurement, Over those above range; Flags
	// holds the HJ 212 data flags that occur.
	Fault []int64  `json:"fault"`
	Over  []int64  `json:"over"`
	Flags []string `json:"flags"`
	// Gaps are pauses, as from and to; GapCount is how many there are.
	Gaps     [][2]int64 `json:"gaps"`
	GapCount int        `json:"gap_count"`
	// Limits are lines to draw, Alarms the stretches beyond one.
	Limits     []Line  `json:"limits"`
	Alarms     []Alarm `json:"alarms"`
	AlarmCount int     `json:"alarm_count"`
	// Untimed and Broken count records without a usable time and records that are broken,
	// in the whole series; Withdrawn and Twice segments that are not drawn.
	Untimed   int64 `json:"untimed,omitzero"`
	Broken    int64 `json:"broken,omitzero"`
	Withdrawn int   `json:"withdrawn,omitzero"`
	Twice     int   `json:"twice,omitzero"`
	// Index is the ledger index up to which this is complete.
	Index int64 `json:"index"`
}

// Line is a limit of the rule pack or a bound of the instrument.
type Line struct {
	ID    string     `json:"id"`
	Title rules.Text `json:"title"`
	// Op is how a figure stands to the line where it counts; Value is at Chart.Scale,
	// Exact the figure as its source has it.
	Op    string          `json:"op"`
	Value int64           `json:"value"`
	Exact decimal.Decimal `json:"exact"`
	// MeanMS is the time whose mean is limited; 0: every single reading.
	MeanMS int64 `json:"mean_ms,omitzero"`
	// Source names where it comes from; Unconfirmed that nobody compared it with that.
	Source      string `json:"source"`
	Unconfirmed bool   `json:"unconfirmed,omitzero"`
}

// Alarm is a stretch of time in which a line was crossed. It asks for a look and concludes nothing.
type Alarm struct {
	Line string `json:"line"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
	// Peak is the reading, or mean, that lies furthest beyond.
	Peak int64 `json:"peak"`
}

// Chart draws. Errors wrap ErrSeries, ErrQuery or are those of the store.
func (r *Reader) Chart(ctx context.Context, q Query) (Chart, error) {
	if q.Buckets < 1 || q.Buckets > MaxBuckets || q.From > q.To || q.From < -1<<52 || q.To > 1<<52 {
		return Chart{}, fmt.Errorf("%w: %d to %d ms in %d buckets, of which there may be 1 to %d", ErrQuery, q.From, q.To, q.Buckets, MaxBuckets)
	}
	var out Chart
	err := r.read(ctx, func(tx *store.Tx) error {
		k, err := r.current(tx, q.Case)
		if err != nil {
			return err
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		s := k.series[q.Series]
		if s == nil || s.started == nil || q.Channel < 0 || q.Channel >= len(s.started.Channels) {
			return fmt.Errorf("%w: %s, channel %d", ErrSeries, q.Series, q.Channel)
		}
		out, err = r.draw(tx, k, s, q)
		return err
	})
	return out, err
}

// pen is a chart on its way.
type pen struct {
	r     *Reader
	tx    *store.Tx
	s     *series
	q     Query
	width int64
	scale uint8
	sums  map[int64]*sums
	// hours are sums by the hour and valid the minutes with a figure in each, for limits on means.
	hours map[int64]*sums
	valid map[int64]int64
	seen  map[int64]bool // minutes counted in valid
	out   *Chart
	last  int64 // time of the last record, for gaps between segments
	has   bool
}

func (r *Reader) draw(tx *store.Tx, k *caseIndex, s *series, q Query) (Chart, error) {
	ch := s.started.Channels[q.Channel]
	lane := s.lane(q.Command, q.Channel)
	out := Chart{Series: q.Series, Channel: q.Channel, Command: lane.command, Name: ch.Name, Unit: ch.Unit, First: lane.first, Last: lane.last, Zoned: s.zoned,
		Gaps: [][2]int64{}, PeriodMS: lane.period, Untimed: s.untimed, Broken: s.broken, Withdrawn: s.withdrawn, Twice: s.twice, Index: k.upTo}
	q.Command = lane.command
	if q.From == 0 && q.To == 0 {
		q.From, q.To = lane.first, lane.last+1
	}
	p := pen{r: r, tx: tx, s: s, q: q, out: &out, scale: lane.scales[q.Channel], sums: map[int64]*sums{}, hours: map[int64]*sums{}, valid: map[int64]int64{}, seen: map[int64]bool{}}
	p.width = widthFor(q.To-q.From, int64(q.Buckets))
	out.WidthMS, out.From, out.To = p.width, floorTo(q.From, p.width), q.To
	if in := k.instruments[s.started.Instrument]; in != nil {
		s.instrument = in
	}
	if p.q.Rules == nil {
		p.q.Rules = rules.Default()
	}
	p.lines(ch, p.q.Rules)
	if err := p.collect(lane); err != nil {
		return out, err
	}
	p.write()
	return out, nil
}

// widthFor is the least width at which a stretch has no more than n buckets, its
// first one reaching over its beginning.
func widthFor(span, n int64) int64 {
	for _, w := range widths {
		if span/w+2 <= n {
			return w
		}
	}
	last := widths[len(widths)-1]
	return (span/max(1, n-2)/last + 1) * last
}

func floorTo(t, width int64) int64 {
	f := t - t%width
	if t%width < 0 {
		f -= width
	}
	return f
}

// collect goes through the segments that have records in the stretch.
func (p *pen) collect(lane *lane) error {
	fine := p.width < minute
	for _, g := range p.s.segments {
		if p.tx.Context().Err() != nil {
			return p.tx.Context().Err()
		}
		span, ok := g.lanes[p.q.Command]
		if !ok {
			continue
		}
		if p.has && lane.pause(p.last, span.first) {
			p.gap(p.last, span.first)
		}
		p.last, p.has = span.last, true
		for _, b := range span.gaps {
			p.gap(b[0], b[1])
		}
		if span.most < floorTo(p.q.From, hour) || span.least >= floorTo(p.q.To, hour)+hour {
			continue
		}
		c, err := p.r.cells(p.tx, p.s, g, p.q.Channel, p.q.Command, fine)
		if err != nil {
			return err
		}
		p.add(c, fine)
	}
	return nil
}

func (p *pen) add(c *cells, fine bool) {
	for i := range c.minutes {
		m := &c.minutes[i]
		p.hour(m)
		if !fine && m.at >= p.out.From && m.at < p.q.To {
			bucket(p.sums, m.at, p.width).merge(m)
		}
	}
	if !fine {
		return
	}
	for _, v := range c.points {
		if v.at >= p.out.From && v.at < p.q.To {
			bucket(p.sums, v.at, p.width).point(v)
		}
	}
}

func (p *pen) hour(m *sums) {
	if !slices.ContainsFunc(p.out.Limits, func(l Line) bool { return l.MeanMS == hour }) {
		return
	}
	b := bucket(p.hours, m.at, hour)
	b.merge(m)
	if m.n > 0 && !p.seen[m.at] {
		p.seen[m.at] = true
		p.valid[b.at]++
	}
}

func bucket(m map[int64]*sums, at, width int64) *sums {
	at = floorTo(at, width)
	b := m[at]
	if b == nil {
		b = &sums{at: at}
		m[at] = b
	}
	return b
}

func (p *pen) gap(from, to int64) {
	if to <= p.q.From || from >= p.q.To {
		return
	}
	p.out.GapCount++
	if len(p.out.Gaps) < maxGaps {
		p.out.Gaps = append(p.out.Gaps, [2]int64{from, to})
	}
}

// write brings the sums into columns.
func (p *pen) write() {
	o := p.out
	list := sorted(p.sums)
	for p.scale > 0 && !p.fits(list) {
		p.scale--
		o.Rounded = true
	}
	o.Scale, o.MeanScale = p.scale, min(p.scale+meanPlaces, custody.ReadingScale)
	if !p.meansFit(list) {
		o.MeanScale = p.scale
	}
	for _, column := range []*[]int64{&o.T, &o.N, &o.Min, &o.Max, &o.Mean, &o.Empty, &o.Fault, &o.Over} {
		*column = make([]int64, 0, len(list)) // empty, never null
	}
	o.Flags = make([]string, 0, len(list))
	for _, b := range list {
		o.T, o.N = append(o.T, b.at), append(o.N, b.n)
		o.Min, o.Max = append(o.Min, atScale(b.min, p.scale)), append(o.Max, atScale(b.max, p.scale))
		o.Mean = append(o.Mean, b.mean(o.MeanScale))
		o.Empty, o.Fault, o.Over = append(o.Empty, b.empty), append(o.Fault, b.fault), append(o.Over, b.over)
		o.Flags = append(o.Flags, b.flagText())
	}
	p.alarms(list)
}

func (p *pen) fits(list []*sums) bool {
	for _, b := range list {
		if b.n > 0 && (abs(atScale(b.min, p.scale)) > safeInteger || abs(atScale(b.max, p.scale)) > safeInteger) {
			return false
		}
	}
	return true
}

func (p *pen) meansFit(list []*sums) bool {
	for _, b := range list {
		if b.n > 0 && abs(b.mean(p.out.MeanScale)) > safeInteger {
			return false
		}
	}
	return true
}

func sorted(m map[int64]*sums) []*sums {
	list := make([]*sums, 0, len(m))
	for _, b := range m {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *sums) int { return int(min(1, max(-1, a.at-b.at))) })
	return list
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// Age is how long ago the newest record of a series was, at an instant.
func (i Info) Age(now time.Time) time.Duration { return now.Sub(time.UnixMilli(i.Last)) }
