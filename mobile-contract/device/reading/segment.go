package reading

import (
	"crypto/sha256"
	"math/big"
	"time"

	"fieldseal/sync/decimal"
)

// Defaults of SegmentOptions.
const (
	// DefaultDuration: a minute lost with a dying device is bearable, and a
	// minute at 1 Hz is a payload of some 12 KiB.
	DefaultDuration = 60 * time.Second
	// DefaultRows bounds a segment whose clock stands still.
	DefaultRows = 1000
	// DefaultBytes is the most raw bytes a sealed segment may carry (the event
	// format's limit); MaxLine is under it, so any row fits.
	DefaultBytes = 96 << 10
)

// Range is the measuring range of a channel, in its unit; nil where open.
type Range struct {
	Low, High *decimal.Decimal
}

// SegmentOptions say where to cut. Zero fields take the defaults.
type SegmentOptions struct {
	// Duration: a row this much later (or earlier) than the first begins a new segment.
	Duration time.Duration
	Rows     int
	Bytes    int
	Ranges   map[int]Range // by channel index
}

// Figures sums up one channel within a segment, over the measured values.
type Figures struct {
	Channel   int
	Min, Max  *decimal.Decimal // nil when nothing was measured
	Sum       *decimal.Decimal // exact; nil when nothing was measured or it cannot be held
	Count     int64            // measured values; the mean is Sum ÷ Count
	Missing   int64            // rows with figures that lack this one
	OverRange int64            // values outside the range given, or marked over-range by the source
}

// Mean is Sum ÷ Count at the given scale, rounded half to even; false when
// there is none.
func (f Figures) Mean(scale uint8) (decimal.Decimal, bool) {
	if f.Sum == nil || f.Count == 0 {
		return decimal.Decimal{}, false
	}
	d, err := f.Sum.Quo(decimal.FromInt(f.Count), scale)
	return d, err == nil
}

// RowWarning is a warning by the row of its segment.
type RowWarning struct {
	Row  int64 // from 1 within the segment
	Code Code
	Text string
}

// Segment is a stretch of rows, ready to be sealed.
type Segment struct {
	N           int64 // from 1
	Raw         []byte
	SHA256      [sha256.Size]byte // of Raw
	Rows        int64             // rows, readable or not
	FirstRow    int64             // Row.N of the first
	First, Last Time              // of the first and last row that has a time
	Figures     []Figures         // one for each channel that is no label
	Warnings    []RowWarning      // each code once a row
}

// Segmenter cuts rows into segments. A segment is finished by the row that
// does not fit into it, or by Flush: for a live stream call Flush by the clock
// as well, so that a silent instrument does not hold back what it said. A
// Segmenter is not safe for concurrent use.
type Segmenter struct {
	o     SegmentOptions
	n     int64
	cur   *Segment
	sums  []sum
	seen  int64 // rows with figures in cur
	label map[int]bool
}

// sum gathers one channel without rounding.
type sum struct {
	Figures
	total *big.Int
	scale uint8
}

// NewSegmenter returns a Segmenter; channels tells labels apart.
func NewSegmenter(channels []Channel, o SegmentOptions) *Segmenter {
	if o.Duration <= 0 {
		o.Duration = DefaultDuration
	}
	if o.Rows <= 0 {
		o.Rows = DefaultRows
	}
	if o.Bytes <= 0 {
		o.Bytes = DefaultBytes
	}
	s := &Segmenter{o: o, label: map[int]bool{}}
	for i, c := range channels {
		s.label[i] = c.Label
	}
	return s
}

// Add takes the next row and returns the segment that it finished, or nil.
func (s *Segmenter) Add(row Row) *Segment {
	var done *Segment
	if s.cur != nil && s.full(row) {
		done = s.Flush()
	}
	if s.cur == nil {
		s.n++
		s.cur = &Segment{N: s.n, FirstRow: row.N}
	}
	c := s.cur
	c.Raw = append(c.Raw, row.Raw...)
	c.Rows++
	if row.Time.Text != "" {
		if c.First.Text == "" {
			c.First = row.Time
		}
		c.Last = row.Time
	}
	for i, w := range row.Warnings {
		if !said(row.Warnings[:i], w.Code) {
			c.Warnings = append(c.Warnings, RowWarning{c.Rows, w.Code, w.Text})
		}
	}
	for i, v := range row.Values {
		s.take(i, v)
	}
	if row.Values != nil {
		s.seen++
	}
	return done
}

// said keeps a row with many bad cells from saying the same code of each, so
// that the warnings of a segment stay far under what its payload may carry.
func said(before []Warning, code Code) bool {
	for _, w := range before {
		if w.Code == code {
			return true
		}
	}
	return false
}

// full reports whether the row belongs to the next segment.
func (s *Segmenter) full(row Row) bool {
	c := s.cur
	if c.Rows >= int64(s.o.Rows) || len(c.Raw)+len(row.Raw) > s.o.Bytes {
		return true
	}
	if c.First.Text == "" || row.Time.Text == "" {
		return false
	}
	d := row.Time.At.Sub(c.First.At)
	return d >= s.o.Duration || -d >= s.o.Duration
}

// Pending is the number of rows not yet in a finished segment.
func (s *Segmenter) Pending() int64 {
	if s.cur == nil {
		return 0
	}
	return s.cur.Rows
}

// Flush finishes the segment at hand; nil when it has no rows.
func (s *Segmenter) Flush() *Segment {
	c := s.cur
	if c == nil {
		return nil
	}
	for i := range s.sums {
		if s.label[i] {
			continue
		}
		f, held := s.sums[i].close(i)
		if !held {
			c.Warnings = append(c.Warnings, RowWarning{c.Rows, SumTooLong, "the exact sum of a channel has more digits than a decimal holds"})
		}
		c.Figures = append(c.Figures, f)
	}
	c.SHA256 = sha256.Sum256(c.Raw)
	s.cur, s.sums, s.seen = nil, nil, 0
	return c
}

// take adds one value to its channel.
func (s *Segmenter) take(i int, v Value) {
	for len(s.sums) <= i {
		s.sums = append(s.sums, sum{total: new(big.Int), Figures: Figures{Missing: s.seen}})
	}
	f := &s.sums[i]
	if v.State == Missing {
		f.Missing++
		if v.Over {
			f.OverRange++
		}
		return
	}
	if v.State != Measured {
		return
	}
	f.add(v.Number)
	r := s.o.Ranges[i]
	if v.Over || r.Low != nil && v.Number.Cmp(*r.Low) < 0 || r.High != nil && v.Number.Cmp(*r.High) > 0 {
		f.OverRange++
	}
}

func (f *sum) add(d decimal.Decimal) {
	f.Count++
	if f.Min == nil || d.Cmp(*f.Min) < 0 {
		f.Min = d.Ptr()
	}
	if f.Max == nil || d.Cmp(*f.Max) > 0 {
		f.Max = d.Ptr()
	}
	n := big.NewInt(d.N)
	if d.S > f.scale {
		f.total.Mul(f.total, tenTo(d.S-f.scale))
		f.scale = d.S
	} else if d.S < f.scale {
		n.Mul(n, tenTo(f.scale-d.S))
	}
	f.total.Add(f.total, n)
}

// close gives the figures; false when the exact sum cannot be held.
func (f *sum) close(channel int) (Figures, bool) {
	out := f.Figures
	out.Channel = channel
	if f.Count == 0 {
		return out, true
	}
	total := new(big.Rat).SetFrac(f.total, tenTo(f.scale))
	for s := int(f.scale); s >= 0; s-- {
		if d, exact, err := decimal.FromRat(total, uint8(s)); err == nil && exact {
			out.Sum = &d
			return out, true
		}
	}
	return out, false
}

func tenTo(n uint8) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}
