package fieldcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"fieldseal/mobile-contract/device"
	"fieldseal/mobile-contract/device/reading"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

// maxAirBatch is the segments of a file that are sealed in one step.
const maxAirBatch = 100

// maxInstrumentFile caps an instrument's file: a month at 1 Hz is about 300 MB.
const maxInstrumentFile = 2 << 30

func (a *app) instrumentCommand() *cobra.Command {
	return group("instrument", "Record instruments and their checks", captureOne(a, spec[event.InstrumentRecorded]{
		use: "add", short: "Record an instrument as it was brought to the scene",
		example: `  fieldkit instrument add --make RAE --model "ppbRAE 3000" --serial 594-903 --sensor pid --lamp-ev 10.6 --response-gas isobutylene \
    --range-high 10000 --ldl 1 --unit ppb --certificate-no JL-2026-113 --calibration-due 2027-01-31`,
		fields: func(b *event.InstrumentRecorded, f *fields) {
			text(f, "make", "who made it", &b.Make)
			text(f, "model", "its model", &b.Model)
			text(f, "serial", "its serial number", &b.Serial)
			text(f, "firmware", "its firmware", &b.Firmware)
			word(f, "sensor", "principle of its sensor", &b.Sensor)
			figure(f, "lamp-ev", "energy of a photoionisation lamp, eV", &b.LampEV)
			text(f, "response-gas", "gas that it is set to", &b.ResponseGas)
			figure(f, "correction-factor", "factor from raw to corrected value", &b.CorrectionFactor)
			figure(f, "range-low", "lower end of its range", &b.RangeLow)
			figure(f, "range-high", "upper end of its range", &b.RangeHigh)
			figure(f, "ldl", "lower detection limit", &b.LDL)
			text(f, "unit", "unit of range and limit", &b.Unit)
			text(f, "certificate-no", "number of its calibration certificate", &b.CertificateNo)
			day(f, "last-calibration", "when it was last calibrated", &b.LastCalibration)
			day(f, "calibration-due", "when it must be calibrated next", &b.CalibrationDue)
			file(f, "certificate", "the certificate", &b.Certificate)
		},
	}), captureOne(a, spec[event.InstrumentChecked]{
		use: "check INSTRUMENT", short: "Record a zero, span, bump or post-use check", args: cobra.MaximumNArgs(1),
		example: "  fieldkit instrument check \"RAE 594-903\" --kind bump --gas isobutylene --cylinder-lot 88-12 --cylinder-expiry 2027-03-01 --expected 1000 --observed 985 --unit ppb --pass yes",
		take: func(r *run, b *event.InstrumentChecked, args []string) error {
			got, err := r.findThing(args[0], "instrument")
			b.Instrument = got.ID
			return err
		},
		fields: func(b *event.InstrumentChecked, f *fields) {
			word(f, "kind", "which check", &b.Kind)
			stamp(f, "at", "when (now)", &b.At)
			text(f, "gas", "check gas", &b.Gas)
			text(f, "cylinder-lot", "lot of the cylinder", &b.CylinderLot)
			day(f, "cylinder-expiry", "expiry of the cylinder", &b.CylinderExpiry)
			figure(f, "expected", "what it should have shown", &b.Expected)
			figure(f, "observed", "what it showed", &b.Observed)
			text(f, "unit", "unit of both", &b.Unit)
			word(f, "pass", "whether it passed", &b.Pass)
			text(f, "note", "anything else", &b.Note)
		},
	}))
}

// airFlags are what capture air takes.
type airFlags struct {
	body    event.AirStarted
	format  string
	zone    string
	mapping reading.Mapping
	every   time.Duration
}

func (a *app) airCommand() *cobra.Command {
	var g airFlags
	place := &placeFlags{}
	cmd := &cobra.Command{
		Use: "air FILE|-", Short: "Capture air readings: an instrument's file, or a live stream on standard input",
		Long: `Capture air readings. A FILE is kept as it is, and its rows are sealed in segments. With
"-" readings arrive on standard input and are sealed segment by segment as they come, at
least once per --every: what a segment holds is safe from then on. Stop with ^C.

Forms that are recognised: SPod and RETIGO exports, CSV with one header line, HJ 212
frames, and NDJSON lines such as {"time":"2026-05-01T09:30:00+08:00","values":{"pid":12.50}}.`,
		Example: "  fieldkit capture air spod-export.csv --instrument \"RAE 594-903\" --site Yard\n  read-my-pid | fieldkit capture air - --instrument \"RAE 594-903\" --every 30s",
		Args:    cobra.ExactArgs(1),
	}
	f := &fields{flags: cmd.Flags()}
	place.register(f)
	thing(f, "instrument", "instrument", "the instrument (fieldkit instrument add)", &g.body.Instrument)
	thing(f, "site", "site", "the scene", &g.body.Site)
	count(f, "period-ms", "sampling period where the input does not say it", &g.body.PeriodMS)
	count(f, "averaging-ms", "averaging time where the input does not say it", &g.body.AveragingMS)
	cmd.Flags().StringVar(&g.format, "format", "", "`form` of the input: spod-csv, retigo-csv, generic-csv, ndjson, hj212 (recognised)")
	cmd.Flags().StringVar(&g.zone, "zone", "", "time `zone` of a CSV that states none, such as +08:00 or Asia/Shanghai")
	cmd.Flags().StringVar(&g.mapping.TimeColumn, "time-column", "", "`header` of a CSV's time column")
	cmd.Flags().StringVar(&g.mapping.TimeLayout, "time-layout", "", "Go `layout` of a CSV's times, unix or unix_ms")
	cmd.Flags().DurationVar(&g.every, "every", reading.DefaultDuration, "seal a segment at least so often")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := a.begin(cmd.Context(), true)
		if err != nil {
			return err
		}
		if err := f.apply(r); err != nil {
			return err
		}
		if r.here, err = place.place(); err != nil {
			return err
		}
		if g.body.Instrument.IsZero() {
			return errors.New("say which instrument it was: --instrument")
		}
		return r.air(args[0], &g)
	}
	return cmd
}

func (g *airFlags) options() (reading.Options, error) {
	zone, err := parseZone(g.zone)
	return reading.Options{Format: reading.Format(g.format), Mapping: g.mapping, Zone: zone}, err
}

// series is a series being sealed.
type series struct {
	r        *run
	body     event.AirStarted
	channels int
	rows     int64
	segments int64
	saved    []device.Saved
}

func (r *run) air(path string, g *airFlags) error {
	o, err := g.options()
	if err != nil {
		return fmt.Errorf("--zone: %w", err)
	}
	s := &series{r: r, body: g.body}
	s.body.Source = "live"
	in := r.In
	if path != "-" {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Size() > maxInstrumentFile {
			return fmt.Errorf("%s has %d bytes, at most %d are taken: export a shorter time", path, info.Size(), int64(maxInstrumentFile))
		}
		m, err := r.s.AddMediaFile(r.ctx, path)
		if err != nil {
			return err
		}
		s.body.Source, s.body.File = "file", &m
		f, _, err := r.s.OpenMedia(r.ctx, m.SHA256)
		if err != nil {
			return err
		}
		defer f.Close() // read only
		in = f
	}
	ranges, err := r.ranges(g.body.Instrument)
	if err != nil {
		return err
	}
	reader := reading.NewReader(in, o)
	if path != "-" {
		return s.file(reader, g, ranges)
	}
	return s.live(reader, g, ranges)
}

// start describes the series.
func (s *series) start(got reading.Series) event.Body {
	b := &s.body
	b.Format, b.Zone, b.Preamble = string(got.Format), got.Zone, got.Preamble
	if got.PeriodMS > 0 {
		b.PeriodMS = got.PeriodMS
	}
	if got.AveragingMS > 0 {
		b.AveragingMS = got.AveragingMS
	}
	for _, c := range got.Channels {
		ch := event.Channel{Name: c.Name, Quantity: c.Quantity, Unit: c.Unit}
		if ch.Unit == "" {
			ch.Unit = c.UnitAsWritten
		}
		b.Channels = append(b.Channels, ch)
	}
	s.channels = len(b.Channels)
	return b
}

// segment puts a segment into the form of an event. Channels that a station began to
// send later are in the raw bytes; figures stand only for those that were described.
func (s *series) segment(g *reading.Segment) event.Body {
	s.segments++
	s.rows += g.Rows
	b := &event.AirSegment{Series: s.body.Series, N: s.segments, Raw: g.Raw, Rows: g.Rows, First: stampOf(g.First), Last: stampOf(g.Last)}
	for _, f := range g.Figures {
		if f.Channel < s.channels {
			b.Figures = append(b.Figures, event.Figures{Channel: int64(f.Channel), Min: f.Min, Max: f.Max, Sum: f.Sum,
				Count: f.Count, Missing: f.Missing, OverRange: f.OverRange})
		}
	}
	for _, w := range g.Warnings {
		b.Warnings = append(b.Warnings, event.RowWarning{Row: w.Row, Code: string(w.Code)})
	}
	return b
}

// stampOf is a row's time; absent where its zone is not known.
func stampOf(t reading.Time) event.Stamp {
	if t.At.IsZero() || t.Zone == reading.ZoneNone {
		return ""
	}
	return event.Stamp(t.At.Format(time.RFC3339Nano))
}

func (s *series) end(reason string) event.Body {
	return &event.AirEnded{Series: s.body.Series, Segments: s.segments, Rows: s.rows, Reason: reason}
}

// seal captures bodies, all or none.
func (s *series) seal(ctx context.Context, bodies ...event.Body) error {
	drafts := make([]device.Draft, len(bodies))
	for i, b := range bodies {
		var err error
		if drafts[i], err = s.r.draft(b); err != nil {
			return err
		}
	}
	saved, err := s.r.s.CaptureAll(ctx, drafts...)
	if err != nil {
		return err
	}
	for _, one := range saved {
		if b, ok := one.Body.(*event.AirStarted); ok {
			s.body.Series = b.Series
		}
		one.Line, one.Body = nil, nil // a long series must not gather in memory
		s.saved = append(s.saved, one)
	}
	return nil
}

// file seals a file's rows. An empty or unreadable file seals nothing.
func (s *series) file(reader *reading.Reader, g *airFlags, ranges rangesOf) error {
	got, err := reader.Start()
	if err != nil {
		return fmt.Errorf("the readings cannot be read: %w", err)
	}
	first, err := reader.Next()
	if errors.Is(err, io.EOF) {
		return errors.New("there are no readings in it")
	}
	if err != nil {
		return err
	}
	if err := s.seal(s.r.ctx, s.start(reader.Series())); err != nil {
		return err
	}
	cut := reading.NewSegmenter(got.Channels, reading.SegmentOptions{Duration: g.every, Ranges: ranges(got.Channels)})
	var bodies []event.Body
	for row := first; err == nil; row, err = reader.Next() {
		if done := cut.Add(row); done != nil {
			if bodies = append(bodies, s.segment(done)); len(bodies) == maxAirBatch {
				if err := s.seal(s.r.ctx, bodies...); err != nil {
					return err
				}
				bodies = nil
			}
		}
	}
	reason := "end of file"
	if !errors.Is(err, io.EOF) {
		reason = "the file could not be read further: " + err.Error()
	}
	if done := cut.Flush(); done != nil {
		bodies = append(bodies, s.segment(done))
	}
	if err := s.seal(s.r.ctx, append(bodies, s.end(reason))...); err != nil {
		return err
	}
	return s.report(reader)
}

// row is what the reading goroutine found.
type row struct {
	reading.Row
	err error
}

// live seals readings as they come. ^C ends the series in good order; whatever else
// ends the process loses at most the segment at hand.
func (s *series) live(reader *reading.Reader, g *airFlags, ranges rangesOf) error {
	rows := make(chan row)
	go func() {
		defer close(rows)
		for {
			got, err := reader.Next()
			select {
			case rows <- row{got, err}:
			case <-s.r.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	var cut *reading.Segmenter
	tick := time.NewTicker(g.every)
	defer tick.Stop()
	// What was read must be sealed also after ^C.
	ctx := context.WithoutCancel(s.r.ctx)
	for {
		select {
		case got, ok := <-rows:
			if !ok || got.err != nil {
				return s.liveEnd(ctx, cut, got.err)
			}
			if cut == nil {
				series := reader.Series()
				if err := s.seal(ctx, s.start(series)); err != nil {
					return err
				}
				s.r.progress("series %s: sealing every %v", s.body.Series, g.every)
				cut = reading.NewSegmenter(series.Channels, reading.SegmentOptions{Duration: g.every, Ranges: ranges(series.Channels)})
			}
			if err := s.sealSegment(ctx, cut.Add(got.Row)); err != nil {
				return err
			}
		case <-tick.C:
			if cut != nil {
				if err := s.sealSegment(ctx, cut.Flush()); err != nil {
					return err
				}
			}
		case <-s.r.ctx.Done():
			return s.liveEnd(ctx, cut, s.r.ctx.Err())
		}
	}
}

func (s *series) sealSegment(ctx context.Context, g *reading.Segment) error {
	if g == nil {
		return nil
	}
	if err := s.seal(ctx, s.segment(g)); err != nil {
		return err
	}
	s.r.progress("sealed segment %d, %d rows", s.segments, s.rows)
	return nil
}

func (s *series) liveEnd(ctx context.Context, cut *reading.Segmenter, cause error) error {
	reason := "end of the stream"
	switch {
	case errors.Is(cause, context.Canceled):
		reason = "stopped by the operator"
	case cause != nil && !errors.Is(cause, io.EOF):
		reason = "the stream broke off: " + cause.Error()
	}
	if cut == nil {
		return fmt.Errorf("no reading arrived: %s", reason)
	}
	if err := s.sealSegment(ctx, cut.Flush()); err != nil {
		return err
	}
	if err := s.seal(ctx, s.end(reason)); err != nil {
		return err
	}
	return s.reportCounts(nil)
}

// progress writes a line for who watches; never to standard output.
func (r *run) progress(format string, args ...any) {
	if !r.json {
		fmt.Fprintf(r.Err, format+"\n", args...)
	}
}

// airView is a captured series as --json prints it.
type airView struct {
	Series   string                 `json:"series"`
	Format   string                 `json:"format"`
	Segments int64                  `json:"segments"`
	Rows     int64                  `json:"rows"`
	Warnings map[reading.Code]int64 `json:"warnings"`
	Events   []string               `json:"events"`
}

func (s *series) report(reader *reading.Reader) error { return s.reportCounts(reader.Counts()) }

func (s *series) reportCounts(counts map[reading.Code]int64) error {
	if s.r.json {
		v := airView{Series: s.body.Series.String(), Format: s.body.Format, Segments: s.segments, Rows: s.rows, Warnings: counts}
		for _, one := range s.saved {
			v.Events = append(v.Events, one.ID.String())
		}
		return s.r.print(v)
	}
	s.r.say("saved: series %s (%s), %d rows in %d segments, %d records", s.body.Series, s.body.Format, s.rows, s.segments, len(s.saved))
	for code, n := range counts {
		s.r.say("note: %s on %d rows", code, n)
	}
	return nil
}

// rangesOf gives the measuring ranges for the channels of a series.
type rangesOf func([]reading.Channel) map[int]reading.Range

// ranges takes an instrument's range for the channels that are in its unit.
func (r *run) ranges(instrument event.UUID) (rangesOf, error) {
	none := func([]reading.Channel) map[int]reading.Range { return nil }
	t, err := r.thingOf(event.Ref{Kind: "instrument", ID: instrument})
	if errors.Is(err, device.ErrNotFound) {
		return none, nil // recorded on another device and not fetched yet
	}
	if err != nil {
		return nil, err
	}
	_, _, body, err := r.s.Event(r.ctx, t.Event)
	if err != nil {
		return nil, err
	}
	b, ok := body.(*event.InstrumentRecorded)
	if !ok || b.RangeLow == nil && b.RangeHigh == nil {
		return none, nil
	}
	return func(channels []reading.Channel) map[int]reading.Range {
		out := map[int]reading.Range{}
		for i, c := range channels {
			if b.Unit != "" && (c.Unit == b.Unit || c.UnitAsWritten == b.Unit) {
				out[i] = reading.Range{Low: b.RangeLow, High: b.RangeHigh}
			}
		}
		return out
	}, nil
}
