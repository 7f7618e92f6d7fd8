package custody

import (
	"bytes"
	"cmp"
	"slices"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
)

// Series is one series of readings as its sealed segments have it.
type Series struct {
	Series     event.UUID `json:"series"`
	Instrument event.UUID `json:"instrument,omitzero"`
	// Name is the instrument's.
	Name   string             `json:"name,omitzero"`
	Site   event.UUID         `json:"site,omitzero"`
	Format string             `json:"format,omitzero"`
	Source event.StreamSource `json:"source,omitzero"`
	// Started and Ended are the events that open and close it; absent where they are not here.
	Started event.ID `json:"started,omitzero"`
	Ended   event.ID `json:"ended,omitzero"`
	// Segments is the number of segments here, Missing the numbers of those that are not.
	Segments int64      `json:"segments"`
	Missing  []Numbers  `json:"missing,omitzero"`
	Twice    []event.ID `json:"twice,omitzero"`
	// Rows is the number of rows in the segments here, as their raw bytes have it
	// where they could be read, otherwise as they say.
	Rows  int64       `json:"rows"`
	First event.Stamp `json:"first,omitzero"`
	Last  event.Stamp `json:"last,omitzero"`
	// Read says that the raw bytes were read again and checked; Unread why not.
	Read   bool `json:"read"`
	Unread Text `json:"unread,omitzero"`
	// Channels sums up each channel of figures.
	Channels []ChannelSummary `json:"channels,omitzero"`
	// Gaps counts the pauses between rows, MissingMS how long they were together
	// beyond the usual interval, which is PeriodMS.
	Gaps      int64 `json:"gaps"`
	MissingMS int64 `json:"missing_ms,omitzero"`
	PeriodMS  int64 `json:"period_ms,omitzero"`
}

// Numbers is a stretch of numbers, both ends belonging to it.
type Numbers struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// ChannelSummary sums up one channel over all segments here. Sum is exact; Mean
// is Sum divided by Count, rounded half to even at six places.
type ChannelSummary struct {
	Channel   int64            `json:"channel"`
	Name      string           `json:"name"`
	Quantity  string           `json:"quantity,omitzero"`
	Unit      string           `json:"unit,omitzero"`
	Count     int64            `json:"count"`
	Missing   int64            `json:"missing,omitzero"`
	OverRange int64            `json:"over_range,omitzero"`
	Min       *decimal.Decimal `json:"min,omitzero"`
	Max       *decimal.Decimal `json:"max,omitzero"`
	Sum       *decimal.Decimal `json:"sum,omitzero"`
	Mean      *decimal.Decimal `json:"mean,omitzero"`
}

// meanScale is the number of places of a mean.
const meanScale = 6

// segment is one sealed stretch of a series.
type segment struct {
	act  *act
	body *event.AirSegment
}

// series is a series while it is worked out.
type series struct {
	id       event.UUID
	start    *act
	body     *event.AirStarted
	end      *act
	ended    *event.AirEnded
	segments []segment
	twice    []*act
	// instrument is the instrument as it was recorded before the series, nil where it was not.
	instrument *event.InstrumentRecorded
	reader     *rowReader
	unread     Text
	sums       []*channelSum
	tracks     []*track
	paces      []*pace
	monitor    *monitor
	rows       int64
	mismatches []finding
	// future are the segments that hold readings from after they were sealed.
	future tally
}

func (s *series) ref() event.Ref { return event.Ref{Kind: "series", ID: s.id} }

var _ = derive(stageSeries, "series", func(v *view) {
	v.gatherSeries()
	for _, s := range v.series {
		s.analyse(v)
		v.record.Series = append(v.record.Series, s.summary(v))
	}
})

// gatherSeries brings the events of each series together, segments in their order.
func (v *view) gatherSeries() {
	byID := map[event.UUID]*series{}
	of := func(id event.UUID) *series {
		if byID[id] == nil {
			byID[id] = &series{id: id}
			v.series = append(v.series, byID[id])
		}
		return byID[id]
	}
	for a, b := range each[*event.AirStarted](v) {
		if s := of(b.Series); s.start == nil {
			s.start, s.body = a, b
			s.instrument = v.instrumentAt(b.Instrument, a)
		}
	}
	for a, b := range each[*event.AirSegment](v) {
		s := of(b.Series)
		s.segments = append(s.segments, segment{a, b})
	}
	for a, b := range each[*event.AirEnded](v) {
		s := of(b.Series)
		s.end, s.ended = a, b
	}
	slices.SortFunc(v.series, func(a, b *series) int { return bytes.Compare(a.id[:], b.id[:]) })
	for _, s := range v.series {
		s.settle()
	}
}

// settle puts the segments in order and sets aside those whose number came before.
func (s *series) settle() {
	slices.SortStableFunc(s.segments, func(a, b segment) int { return cmp.Compare(a.body.N, b.body.N) })
	kept := s.segments[:0]
	for _, g := range s.segments {
		if n := len(kept); n > 0 && kept[n-1].body.N == g.body.N {
			s.twice = append(s.twice, g.act)
			continue
		}
		kept = append(kept, g)
	}
	s.segments = kept
}

// instrumentAt is an instrument as last recorded before an act; as first recorded
// where it was recorded only afterwards.
func (v *view) instrumentAt(id event.UUID, at *act) *event.InstrumentRecorded {
	var best *event.InstrumentRecorded
	for a, b := range concerning[*event.InstrumentRecorded](v, event.Ref{Kind: "instrument", ID: id}) {
		if best == nil || a.pos < at.pos {
			best = b
		}
	}
	return best
}

// instrumentName names an instrument by make, model and serial number.
func (v *view) instrumentName(id event.UUID) string {
	name := "instrument " + id.String()[28:]
	for _, b := range concerning[*event.InstrumentRecorded](v, event.Ref{Kind: "instrument", ID: id}) {
		name = b.Make
		if b.Model != "" {
			name += " " + b.Model
		}
		name += " " + b.Serial
	}
	return name
}

// name names a series by its instrument and its start.
func (s *series) name(v *view) Text {
	if s.start == nil {
		return str("series " + s.id.String()[28:])
	}
	return str(v.instrumentName(s.body.Instrument) + " " + when(s.start.Event.Clock.Wall).EN)
}

// missing lists the numbers of the segments that are not here.
func (s *series) missing() (list []Numbers) {
	next := int64(1)
	for _, g := range s.segments {
		if g.body.N > next {
			list = append(list, Numbers{next, g.body.N - 1})
		}
		next = g.body.N + 1
	}
	if s.ended != nil && s.ended.Segments >= next {
		list = append(list, Numbers{next, s.ended.Segments})
	}
	return list
}

func (s *series) summary(v *view) Series {
	out := Series{
		Series: s.id, Segments: int64(len(s.segments)), Missing: s.missing(), Rows: s.rows,
		Read: s.reader != nil, Unread: s.unread,
	}
	if s.start != nil {
		out.Instrument, out.Site, out.Format, out.Source, out.Started = s.body.Instrument, s.body.Site, s.body.Format, s.body.Source, s.start.ID
		out.Name = v.instrumentName(s.body.Instrument)
	}
	if s.end != nil {
		out.Ended = s.end.ID
	}
	for _, a := range s.twice {
		out.Twice = append(out.Twice, a.ID)
	}
	for _, g := range s.segments {
		out.First, out.Last = cmp.Or(out.First, g.body.First), cmp.Or(g.body.Last, out.Last)
	}
	for _, c := range s.sums {
		if c.count > 0 || c.missing > 0 {
			out.Channels = append(out.Channels, c.summary(s))
		}
	}
	for _, p := range s.paces {
		out.Gaps += p.gaps
		out.MissingMS += p.missingMS
	}
	if len(s.paces) == 1 {
		out.PeriodMS = s.paces[0].periodMS
	}
	return out
}
