package custody

import (
	"fmt"
	"strings"
	"time"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
)

// air is a series of one channel, a row a second, that tests fill and spoil.
type air struct {
	s          *ground
	instrument *event.InstrumentRecorded
	start      *event.AirStarted
	next       time.Time
	n, rows    int64
}

// sniffer is an instrument with nothing wrong, checked with gas before use.
func (s *ground) sniffer() *event.InstrumentRecorded {
	return &event.InstrumentRecorded{
		Instrument: s.uuid(), Make: "RAE", Model: "3000", Serial: "592-1", Sensor: "pid", Unit: "[ppb]",
		RangeLow: decp("0"), RangeHigh: decp("10000"), LDL: decp("10"), CertificateNo: "C-7", CalibrationDue: "2026-12-31",
	}
}

func (s *ground) gas(instrument event.UUID, kind event.CheckKind, when float64, expected, observed string, change ...func(*event.InstrumentChecked)) {
	b := &event.InstrumentChecked{Instrument: instrument, Kind: kind, At: event.StampOf(at(when)), Gas: "isobutylene", CylinderLot: "L1", CylinderExpiry: "2026-12-31",
		Expected: decp(expected), Observed: decp(observed), Unit: "[ppb]", Pass: "yes"}
	for _, c := range change {
		c(b)
	}
	s.inspect.seal(at(when), b)
}

// newAir seals an instrument, its check with gas and the start of a series at minute 60.
func newAir(t tester, change ...func(*air)) *air {
	s := newGround(t)
	a := &air{s: s, instrument: s.sniffer(), next: at(60)}
	a.start = &event.AirStarted{Series: s.uuid(), Instrument: a.instrument.Instrument, Format: "generic-csv", Source: "live", PeriodMS: 1000,
		Channels: []event.Channel{{Name: "pid[ppb]", Quantity: "voc", Unit: "[ppb]"}}, Preamble: []byte("time,pid[ppb]\r\n")}
	for _, c := range change {
		c(a)
	}
	s.inspect.seal(at(1), a.instrument)
	s.gas(a.instrument.Instrument, "bump", 30, "10000", "9900")
	s.inspect.seal(at(60), a.start)
	return a
}

// line is one row of a segment.
func (a *air) line(value string) string {
	text := a.next.Format("2006-01-02T15:04:05.000-07:00") + "," + value + "\r\n"
	a.next = a.next.Add(time.Second)
	return text
}

// seg seals a segment of the values, with figures worked out from them.
func (a *air) seg(values []string, change ...func(*event.AirSegment)) *Entry {
	var raw strings.Builder
	first := a.next
	f := event.Figures{Channel: 0}
	for _, v := range values {
		raw.WriteString(a.line(v))
		d, err := decimal.Parse(v)
		if err != nil {
			f.Missing++
			continue
		}
		f.Count++
		f.Sum = plus(f.Sum, d)
		if f.Min == nil || d.Cmp(*f.Min) < 0 {
			f.Min = d.Ptr()
		}
		if f.Max == nil || d.Cmp(*f.Max) > 0 {
			f.Max = d.Ptr()
		}
	}
	a.n++
	a.rows += int64(len(values))
	b := &event.AirSegment{Series: a.start.Series, N: a.n, Raw: []byte(raw.String()), Rows: int64(len(values)),
		First: event.StampOf(first), Last: event.StampOf(a.next.Add(-time.Second)), Figures: []event.Figures{f}}
	for _, c := range change {
		c(b)
	}
	return a.s.inspect.seal(a.next, b)
}

func (a *air) end() {
	a.s.inspect.seal(a.next, &event.AirEnded{Series: a.start.Series, Segments: a.n, Rows: a.rows, Reason: "done"})
}

// breeze is n readings that wander about a level without a pattern.
func breeze(seed uint64, n int, level, spread int64) []string {
	var list []string
	for _, v := range walk(seed, n) {
		list = append(list, fmt.Sprintf("%d.%02d", level+v%spread, v/1000%100))
	}
	return list
}

// same is one value n times.
func same(n int, value string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = value
	}
	return list
}

// warnings lists the codes of all findings about series, each once.
func warnings(r *Record) (codes []string) {
	for _, d := range r.Defects {
		if d.Item != nil && d.Item.Kind == "series" {
			codes = append(codes, strings.TrimSuffix(string(d.Code)+" "+d.Variant, " "))
		}
	}
	return codes
}
