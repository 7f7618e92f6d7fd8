package chart

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/rules"
	"fieldseal/sync/store"
)

const (
	// maxCases bounds the cases whose segments are known by heart; each segment takes
	// some two hundred bytes.
	maxCases = 64
	// fewRecords is how many records a usual interval can be told from.
	fewRecords = 8
)

// Reader draws charts. It is safe for concurrent use.
type Reader struct {
	store *store.Store
	cache *cache

	mu    sync.Mutex
	cases map[event.UUID]*caseIndex
}

// New makes a reader that keeps at most about the given bytes of what it has read;
// 0 chooses 96 MiB: the single readings of one channel of two months at 1 Hz by the
// minute, and of two days one by one. It does no I/O.
func New(s *store.Store, bytes int64) *Reader {
	if bytes <= 0 {
		bytes = 96 << 20
	}
	return &Reader{store: s, cache: newCache(bytes), cases: map[event.UUID]*caseIndex{}}
}

// caseIndex knows where the segments of a case are. The mutex guards all of it.
type caseIndex struct {
	mu     sync.Mutex
	upTo   int64
	series map[event.UUID]*series
	ids    map[event.ID]*segment
	// early holds segments whose series had not been opened yet, void the withdrawn events.
	early       []store.EventRow
	void        map[event.ID]bool
	instruments map[event.UUID]*event.InstrumentRecorded
}

// series is what is known of one series.
type series struct {
	id         event.UUID
	started    *event.AirStarted
	startID    event.ID
	ended      *event.AirEnded
	segments   []*segment
	numbers    map[int64]bool
	lanes      []*lane
	zoned      bool
	untimed    int64
	broken     int64
	rows       int64
	withdrawn  int
	twice      int
	unread     custody.Text
	instrument *event.InstrumentRecorded
}

// segment is one sealed segment: where it is, and when its records are.
type segment struct {
	id    event.ID
	index int64
	n     int64
	lanes map[string]span
	// warned are the rows that the recorder itself warned of.
	warned int64
}

// span is when the records of one command in a segment are: first and last in
// order of writing, least and most in order of time.
type span struct {
	first, last, least, most int64
	rows                     int64
	gaps                     [][2]int64
}

// lane is the records of one command (all records, outside HJ 212) of a series.
type lane struct {
	command     string
	rows        int64
	first, last int64
	period      int64
	limit       int64 // a longer time between two records is a pause
	// scales and figures are, for each channel, the most places written and how many figures there are.
	scales  []uint8
	figures []int64
}

func (l *lane) pause(from, to int64) bool { return l.limit > 0 && to-from > l.limit }

func newLane(command string, channels int) *lane {
	return &lane{command: command, scales: make([]uint8, channels), figures: make([]int64, channels)}
}

// lane finds the lane of a command; where none is named, or it does not occur, the
// one with most figures of a channel.
func (s *series) lane(command string, channel int) *lane {
	best := newLane("", len(s.started.Channels))
	for _, l := range s.lanes {
		if command != "" && l.command == command {
			return l
		}
		if better := l.figures[channel] - best.figures[channel]; better > 0 || better == 0 && l.rows > best.rows {
			best = l
		}
	}
	return best
}

// commands lists the commands that have figures of a channel, the one with most first.
func (s *series) commands(channel int) []string {
	var lanes []*lane
	for _, l := range s.lanes {
		if l.figures[channel] > 0 {
			lanes = append(lanes, l)
		}
	}
	slices.SortStableFunc(lanes, func(a, b *lane) int { return cmp.Compare(b.figures[channel], a.figures[channel]) })
	list := make([]string, len(lanes))
	for i, l := range lanes {
		list[i] = l.command
	}
	return list
}

// current gives a case's index, brought up to the transaction's moment.
func (r *Reader) current(tx *store.Tx, id event.UUID) (*caseIndex, error) {
	r.mu.Lock()
	k := r.cases[id]
	if k == nil {
		if len(r.cases) >= maxCases {
			clear(r.cases) // found again by reading; what was read of segments stays
		}
		k = &caseIndex{upTo: -1, series: map[event.UUID]*series{}, ids: map[event.ID]*segment{}, void: map[event.ID]bool{}, instruments: map[event.UUID]*event.InstrumentRecorded{}}
		r.cases[id] = k
	}
	r.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.update(tx, id); err != nil {
		r.mu.Lock()
		delete(r.cases, id) // whatever was taken in by halves is forgotten
		r.mu.Unlock()
		return nil, err
	}
	return k, nil
}

// update takes in what came since the last time, in log order.
func (k *caseIndex) update(tx *store.Tx, id event.UUID) error {
	places, err := projection.CasePlaces(tx, id, k.upTo, event.TypeAirStarted, event.TypeAirSegment, event.TypeAirEnded, event.TypeInstrument, event.TypeEventAmended)
	if err != nil {
		return err
	}
	for _, at := range places {
		row, found, err := tx.EventAt(at)
		if err != nil || !found {
			return errors.Join(err, missingRow(at, found))
		}
		if err := k.take(row); err != nil {
			return err
		}
		k.upTo = at
	}
	return nil
}

// errStale is wrapped where a read began before another one that has brought the
// index further: what the index lists is not there yet in the older moment.
var errStale = errors.New("chart: listed and not there")

// read runs fn in a read, and in a newer one where the first was too old.
func (r *Reader) read(ctx context.Context, fn func(*store.Tx) error) error {
	err := r.store.Read(ctx, fn)
	if errors.Is(err, errStale) {
		err = r.store.Read(ctx, fn)
	}
	return err
}

func missingRow(at int64, found bool) error {
	if found {
		return nil
	}
	return fmt.Errorf("%w: log entry %d", errStale, at)
}

func (k *caseIndex) take(row store.EventRow) error {
	e, err := projection.EntryOf(row)
	if err != nil {
		return err
	}
	switch b := e.Body.(type) {
	case *event.InstrumentRecorded:
		k.instruments[b.Instrument] = b
	case *event.AirStarted:
		s := k.of(b.Series)
		if s.started != nil {
			return nil // the first one opens the series
		}
		s.started, s.startID = b, e.ID
		waiting := k.early
		k.early = nil
		for _, row := range waiting {
			if err := k.take(row); err != nil {
				return err
			}
		}
	case *event.AirEnded:
		k.of(b.Series).ended = b
	case *event.AirSegment:
		s := k.of(b.Series)
		if s.started == nil {
			k.early = append(k.early, row)
			return nil
		}
		k.segment(s, e, b)
	case *event.EventAmended:
		if b.Void {
			k.void[b.Target] = true
			k.withdraw(b.Target)
		}
	}
	return nil
}

func (k *caseIndex) of(id event.UUID) *series {
	s := k.series[id]
	if s == nil {
		s = &series{id: id, numbers: map[int64]bool{}, zoned: true}
		k.series[id] = s
	}
	return s
}

// withdraw leaves a segment out that was withdrawn after it was taken in.
func (k *caseIndex) withdraw(id event.ID) {
	g := k.ids[id]
	if g == nil {
		return
	}
	for _, s := range k.series {
		if i := slices.Index(s.segments, g); i >= 0 {
			s.segments = slices.Delete(s.segments, i, i+1)
			s.withdrawn++
		}
	}
}

// segment takes in a segment: it is read once, to know when its records are.
func (k *caseIndex) segment(s *series, e projection.Entry, b *event.AirSegment) {
	switch {
	case k.void[e.ID]:
		s.withdrawn++
		return
	case s.numbers[b.N]:
		s.twice++
		return
	}
	s.numbers[b.N] = true
	g := &segment{id: e.ID, index: e.Index, n: b.N, lanes: map[string]span{}, warned: int64(len(b.Warnings))}
	s.rows += b.Rows
	k.ids[e.ID] = g
	s.survey(g, b.Raw)
	at, _ := slices.BinarySearchFunc(s.segments, g, func(a, b *segment) int { return cmp.Compare(a.n, b.n) })
	s.segments = slices.Insert(s.segments, at, g)
}

// survey reads when the records of a segment are.
func (s *series) survey(g *segment, raw []byte) {
	read, why := custody.NewReadings(s.started)
	if read == nil {
		s.unread = why
		return
	}
	times, lanes := map[string][]int64{}, map[string]*lane{}
	read.Read(raw, func(r *custody.Reading) {
		if r.Broken {
			s.broken++
			return
		}
		if !r.Figures {
			return
		}
		if !r.Timed {
			s.untimed++
			return
		}
		s.zoned = s.zoned && r.Zoned
		times[r.Command] = append(times[r.Command], r.At)
		l := lanes[r.Command]
		if l == nil {
			l = s.laneOf(r.Command)
			lanes[r.Command] = l
		}
		for i, v := range r.Values {
			if v.State == custody.ValueFigure {
				l.scales[i] = max(l.scales[i], v.Scale)
				l.figures[i]++
			}
		}
	})
	for command, list := range times {
		l := lanes[command]
		l.learn(list, s.started.PeriodMS, read.TickMS())
		g.lanes[command] = l.span(list)
	}
}

func (s *series) laneOf(command string) *lane {
	for _, have := range s.lanes {
		if have.command == command {
			return have
		}
	}
	l := newLane(command, len(s.started.Channels))
	s.lanes = append(s.lanes, l)
	return l
}

// learn tells the usual interval, from the series' own word or from the first
// segment with enough records: the median stands up to a few pauses.
func (l *lane) learn(times []int64, stated, tick int64) {
	if l.period == 0 && stated > 0 && l.command == "" {
		l.period = stated
	}
	if l.period == 0 && len(times) >= fewRecords {
		var steps []int64
		for i := 1; i < len(times); i++ {
			if d := times[i] - times[i-1]; d > 0 {
				steps = append(steps, d)
			}
		}
		if len(steps) > 0 {
			slices.Sort(steps)
			l.period = steps[len(steps)/2]
		}
	}
	if l.period > 0 {
		l.limit = max(l.limit, gapFactor()*l.period+tick)
	}
}

func gapFactor() int64 {
	f := rules.Default().Air.GapFactor.Value.Decimal
	n, _, err := f.Round(0)
	if err != nil || n.N < 1 {
		return 1
	}
	return n.N
}

func (l *lane) span(times []int64) span {
	out := span{first: times[0], last: times[len(times)-1], least: slices.Min(times), most: slices.Max(times), rows: int64(len(times))}
	for i := 1; i < len(times); i++ {
		if l.pause(times[i-1], times[i]) {
			out.gaps = append(out.gaps, [2]int64{times[i-1], times[i]})
		}
	}
	if l.rows == 0 {
		l.first, l.last = out.least, out.most
	}
	l.rows += out.rows
	l.first, l.last = min(l.first, out.least), max(l.last, out.most)
	return out
}

// Info describes a series of a case.
type Info struct {
	Series     event.UUID `json:"series"`
	Instrument event.UUID `json:"instrument"`
	// Name is the instrument's make, model and serial number as far as recorded.
	Name     string          `json:"name"`
	Format   string          `json:"format"`
	Channels []event.Channel `json:"channels"`
	// Commands has for each channel the HJ 212 command numbers whose frames have figures
	// of it, the one with most first; outside HJ 212 one empty one.
	Commands [][]string `json:"commands"`
	Segments int        `json:"segments"`
	Rows     int64      `json:"rows"`
	// First and Last are the times of its records in Unix milliseconds, both 0 where it has none.
	First    int64 `json:"first"`
	Last     int64 `json:"last"`
	PeriodMS int64 `json:"period_ms,omitzero"`
	Ended    bool  `json:"ended"`
	// Warned counts rows that the recorder warned of.
	Warned int64        `json:"warned,omitzero"`
	Unread custody.Text `json:"unread,omitzero"`
	Index  int64        `json:"index"`
}

// List gives the series of a case that have been opened, the newest record first.
func (r *Reader) List(ctx context.Context, id event.UUID) ([]Info, error) {
	var list []Info
	err := r.read(ctx, func(tx *store.Tx) error {
		k, err := r.current(tx, id)
		if err != nil {
			return err
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		list = nil
		for _, s := range k.series {
			if s.started != nil {
				list = append(list, k.info(s))
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Info) int {
		return cmp.Or(cmp.Compare(b.Last, a.Last), slices.Compare(a.Series[:], b.Series[:]))
	})
	return list, err
}

func (k *caseIndex) info(s *series) Info {
	l := s.lane("", 0)
	for _, other := range s.lanes {
		if other.last > l.last {
			l = other
		}
	}
	i := Info{Series: s.id, Instrument: s.started.Instrument, Format: s.started.Format, Channels: s.started.Channels, Segments: len(s.segments), Rows: s.rows,
		First: l.first, Last: l.last, PeriodMS: l.period, Ended: s.ended != nil, Unread: s.unread, Index: k.upTo}
	if in := k.instruments[s.started.Instrument]; in != nil {
		s.instrument = in
		i.Name = in.Make
		for _, more := range []string{in.Model, in.Serial} {
			if more != "" {
				i.Name += " " + more
			}
		}
	}
	for channel := range s.started.Channels {
		i.Commands = append(i.Commands, s.commands(channel))
	}
	for _, g := range s.segments {
		i.Warned += g.warned
	}
	return i
}
