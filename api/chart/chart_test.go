package chart_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/api/chart"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/reconcile"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// scene is a world with a case in which readings are recorded.
type scene struct {
	*ingesttest.World
	dev        *ingesttest.Device
	id         event.UUID
	instrument event.UUID
	reader     *chart.Reader
}

func newScene(t testing.TB) *scene {
	w := ingesttest.New(t)
	s := &scene{World: w, dev: w.AddDevice(), instrument: w.ID(), reader: chart.New(w.Store, 0)}
	genesis := s.dev.Genesis()
	var open []byte
	s.id, open = s.dev.OpenCase("2026-HW-1")
	high := decimal.Decimal{N: 2000}
	s.submit(genesis, open, s.dev.Seal(s.id, &event.InstrumentRecorded{Instrument: s.instrument, Make: "RAE", Model: "ppbRAE", Serial: "7", Sensor: "pid", RangeHigh: &high, Unit: "mg/m3"}))
	return s
}

func (s *scene) submit(lines ...[]byte) {
	s.T.Helper()
	for i, r := range s.Submit(lines...).Results {
		if r.Status != reconcile.Accepted {
			s.T.Fatalf("line %d: %s %s", i, r.Code, r.Detail)
		}
	}
}

func (s *scene) start(quantity string) event.UUID {
	id := s.ID()
	s.submit(s.dev.Seal(s.id, &event.AirStarted{Series: id, Instrument: s.instrument, Format: "generic-csv", Source: "file",
		Channels: []event.Channel{{Name: "pid", Quantity: quantity, Unit: "mg/m3"}, {Name: "t", Unit: "Cel"}}, PeriodMS: 1000, Preamble: []byte("time,pid,t\n")}))
	return id
}

func (s *scene) segment(series event.UUID, n int64, raw string) []byte {
	return s.dev.Seal(s.id, &event.AirSegment{Series: series, N: n, Raw: []byte(raw), Rows: int64(strings.Count(raw, "\n"))})
}

func (s *scene) chart(q chart.Query) chart.Chart {
	s.T.Helper()
	q.Case = s.id
	c, err := s.reader.Chart(context.Background(), q)
	if err != nil {
		s.T.Fatal(err)
	}
	return c
}

var base = time.Date(2026, 5, 1, 1, 0, 0, 0, time.UTC)

func line(at time.Time, cell string) string {
	return at.UTC().Format("2006-01-02T15:04:05.000Z") + "," + cell + ",20\n"
}

// TestBucketsAreWhatTheRowsComeTo compares every zoom with a slow count over the rows.
func TestBucketsAreWhatTheRowsComeTo(t *testing.T) {
	s := newScene(t)
	type row struct {
		at   int64
		cell string
		n    int64 // in thousandths
	}
	rapid.Check(t, func(t *rapid.T) {
		series := s.start("")
		at, n := base, rapid.IntRange(1, 300).Draw(t, "rows")
		var rows []row
		var raw strings.Builder
		for range n {
			at = at.Add(time.Duration(rapid.SampledFrom([]int64{1000, 1000, 1000, 1000, 400, 61_000, -2000}).Draw(t, "step")) * time.Millisecond)
			r := row{at: at.UnixMilli()}
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				r.cell = ""
			case 1:
				r.cell = "ERR"
			case 2:
				r.cell = "OL"
			default:
				r.n = rapid.Int64Range(-9_998_999, 9_998_999).Draw(t, "n")
				r.cell = decimal.Decimal{N: r.n, S: 3}.String()
			}
			rows = append(rows, r)
			raw.WriteString(line(at, r.cell))
		}
		lines := strings.SplitAfter(strings.TrimSuffix(raw.String(), "\n"), "\n")
		cut := rapid.IntRange(0, len(lines)).Draw(t, "cut")
		parts := []string{strings.Join(lines[:cut], ""), strings.Join(lines[cut:], "") + "\n"}
		number := int64(0)
		for _, p := range parts {
			if strings.TrimSpace(p) != "" {
				number++
				s.submit(s.segment(series, number, p))
			}
		}
		q := chart.Query{Case: s.id, Series: series, From: rows[0].at - rapid.Int64Range(-50_000, 5000).Draw(t, "before")}
		q.To = q.From + rapid.Int64Range(1, 4_000_000).Draw(t, "span")
		q.Buckets = rapid.IntRange(3, 900).Draw(t, "buckets")
		c, err := s.reader.Chart(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.T) > q.Buckets || c.From > q.From || q.From-c.From >= c.WidthMS {
			t.Fatalf("%d buckets of %d ms from %d, asked for %d from %d", len(c.T), c.WidthMS, c.From, q.Buckets, q.From)
		}
		type sum struct{ n, min, max, total, empty, fault, over int64 }
		want := map[int64]*sum{}
		for _, r := range rows {
			if r.at < c.From || r.at >= q.To {
				continue
			}
			b := r.at / c.WidthMS * c.WidthMS
			w := want[b]
			if w == nil {
				w = &sum{}
				want[b] = w
			}
			switch r.cell {
			case "":
				w.empty++
			case "ERR":
				w.fault++
			case "OL":
				w.empty++
				w.over++
			default:
				if w.n == 0 || r.n < w.min {
					w.min = r.n
				}
				if w.n == 0 || r.n > w.max {
					w.max = r.n
				}
				w.n++
				w.total += r.n
			}
		}
		// A width of a minute or more is summed from minutes: rows in the last minute cut by To count whole.
		if c.WidthMS >= 60_000 {
			q.To = (q.To + 59_999) / 60_000 * 60_000
		}
		if c.WidthMS < 60_000 && len(want) != len(c.T) {
			t.Fatalf("%d buckets, want %d", len(c.T), len(want))
		}
		up := int64(1)
		for range 3 - c.Scale {
			up *= 10
		}
		for i, at := range c.T {
			w := want[at]
			if w == nil || c.WidthMS >= 60_000 && at+c.WidthMS > q.To-60_000 {
				continue
			}
			got := sum{n: c.N[i], min: c.Min[i] * up, max: c.Max[i] * up, total: w.total, empty: c.Empty[i], fault: c.Fault[i], over: c.Over[i]}
			if got != *w {
				t.Fatalf("bucket at %d (%d ms): %+v, want %+v", at, c.WidthMS, got, *w)
			}
			if w.n > 0 { // |mean·n - total| is half a unit of the mean's scale at most
				scale := int64(1)
				for range c.MeanScale {
					scale *= 10
				}
				if d := c.Mean[i]*w.n*1000 - w.total*scale; 2*max(d, -d) > w.n*1000 {
					t.Fatalf("mean %d at scale %d of %d over %d", c.Mean[i], c.MeanScale, w.total, w.n)
				}
			}
		}
	})
}

func TestGapsFaultsLimitsAndAlarmsAreShown(t *testing.T) {
	s := newScene(t)
	series := s.start("NMHC")
	var one, two strings.Builder
	for i := range 3600 {
		cell := "12.50"
		if i >= 600 && i < 660 {
			cell = "31.00"
		}
		if i == 900 {
			cell = "ERR"
		}
		if i >= 1200 && i < 1300 {
			continue
		}
		b := &one
		if i >= 1000 {
			b = &two
		}
		b.WriteString(line(base.Add(time.Duration(i)*time.Second), cell))
	}
	s.submit(s.segment(series, 1, one.String()), s.segment(series, 2, two.String()))
	c := s.chart(chart.Query{Series: series, Buckets: 600})
	at := func(sec int64) int64 { return base.UnixMilli() + sec*1000 }
	if diff := cmp.Diff([][2]int64{{at(1199), at(1300)}}, c.Gaps); diff != "" || c.GapCount != 1 {
		t.Error("gaps:", c.GapCount, diff)
	}
	faults := int64(0)
	for i, n := range c.Fault {
		if faults += n; n > 0 && (c.T[i] > at(900) || c.T[i]+c.WidthMS <= at(900)) {
			t.Errorf("a fault at %d", c.T[i])
		}
	}
	if faults != 1 || c.Scale != 2 || !c.Zoned || c.PeriodMS != 1000 || c.First != at(0) || c.Last != at(3599) {
		t.Errorf("%d faults, scale %d, %+v", faults, c.Scale, c)
	}
	var ids []string
	for _, l := range c.Limits {
		ids = append(ids, fmt.Sprint(l.ID, " ", l.Op, " ", l.Value))
	}
	if diff := cmp.Diff([]string{"range-high > 200000", "nmhc-1h > 1000", "nmhc-once > 3000"}, ids); diff != "" {
		t.Error(diff)
	}
	want := []chart.Alarm{{Line: "nmhc-1h", From: at(0), To: at(3600), Peak: 1282}, {Line: "nmhc-once", From: at(600), To: at(660), Peak: 3100}}
	if diff := cmp.Diff(want, c.Alarms); diff != "" {
		t.Error(diff)
	}
	// Zoomed in, the same.
	c = s.chart(chart.Query{Series: series, From: at(595), To: at(665), Buckets: 200})
	if c.WidthMS != 500 || len(c.T) != 70 || c.Min[5] != 3100 || c.Max[4] != 1250 {
		t.Errorf("zoomed in: %d ms, %d buckets, %v", c.WidthMS, len(c.T), c.Max)
	}
	// A quantity that the limit is not about gets none of it.
	other := s.start("VOC")
	s.submit(s.segment(other, 1, one.String()))
	if c := s.chart(chart.Query{Series: other, Buckets: 100}); len(c.Limits) != 1 || len(c.Alarms) != 0 {
		t.Errorf("limits of a screening quantity: %+v %+v", c.Limits, c.Alarms)
	}
	// Another channel has other units.
	if c := s.chart(chart.Query{Series: series, Channel: 1, Buckets: 100}); len(c.Limits) != 0 || c.Max[0] != 20 || c.Scale != 0 {
		t.Errorf("temperature: %+v", c)
	}
}

func TestWhatArrivesLaterOutOfOrderTwiceOrIsWithdrawn(t *testing.T) {
	s := newScene(t)
	series := s.ID()
	started := s.dev.Seal(s.id, &event.AirStarted{Series: series, Instrument: s.instrument, Format: "generic-csv", Source: "live",
		Channels: []event.Channel{{Name: "pid", Unit: "mg/m3"}}, Preamble: []byte("time,pid\n")})
	seg := func(n int64, v string) []byte {
		return s.segment(series, n, base.Add(time.Duration(n)*time.Minute).Format("2006-01-02T15:04:05Z")+","+v+"\n")
	}
	one, two, again, three := seg(1, "1.5"), seg(2, "2.5"), seg(2, "9"), seg(3, "3.5")
	max := func() string {
		c := s.chart(chart.Query{Series: series, Buckets: 100})
		return fmt.Sprint(c.Max, c.Twice, c.Withdrawn)
	}
	s.submit(two)
	if _, err := s.reader.Chart(context.Background(), chart.Query{Case: s.id, Series: series, Buckets: 10}); !errors.Is(err, chart.ErrSeries) {
		t.Fatalf("a series that nothing has opened: %v", err)
	}
	s.submit(started)
	if got := max(); got != "[25] 0 0" {
		t.Fatal(got)
	}
	r := s.Submit(three, again, one)
	if got := max(); got != "[15 25 35] 1 0" {
		t.Fatal(got)
	}
	s.submit(s.dev.Seal(s.id, &event.EventAmended{Target: r.Results[0].ID, Reason: "the probe was out", Void: true}))
	if got := max(); got != "[15 25] 1 1" {
		t.Fatal(got)
	}
	// Withdrawn before it arrived: the device's chain comes in the other order.
	four := seg(4, "99")
	void := s.dev.Seal(s.id, &event.EventAmended{Target: s.dev.Prev, Reason: "sealed by mistake", Void: true})
	s.submit(void)
	s.submit(four)
	if got := max(); got != "[15 25] 1 2" {
		t.Fatal(got)
	}
	// A reader that begins now says the same.
	s.reader = chart.New(s.Store, 1)
	if got := max(); got != "[15 25] 1 2" {
		t.Fatal(got)
	}
	list, err := s.reader.List(context.Background(), s.id)
	if err != nil || len(list) != 1 || list[0].Segments != 2 || list[0].Ended || list[0].Name != "RAE ppbRAE 7" {
		t.Fatalf("%+v %v", list, err)
	}
	for _, q := range []chart.Query{{Buckets: 0}, {Buckets: chart.MaxBuckets + 1}, {Buckets: 10, From: 5, To: 4}, {Buckets: 10, To: 1 << 60}} {
		q.Case, q.Series = s.id, series
		if _, err := s.reader.Chart(context.Background(), q); !errors.Is(err, chart.ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if _, err := s.reader.Chart(context.Background(), chart.Query{Case: s.ID(), Series: series, Buckets: 10}); !errors.Is(err, chart.ErrSeries) {
		t.Errorf("by way of another case: %v", err)
	}
}

func TestFlagsOfMonitoringData(t *testing.T) {
	s := newScene(t)
	series := s.ID()
	s.submit(s.dev.Seal(s.id, &event.AirStarted{Series: series, Instrument: s.instrument, Format: "hj212", Source: "live", Channels: []event.Channel{{Name: "a24088-Rtd", Unit: "mg/m3"}, {Name: "a24088-Avg", Unit: "mg/m3"}}}))
	name := "a24088-Rtd"
	frame := func(sec int, value, flag, cn string) string {
		at := base.Add(time.Duration(sec) * time.Second).In(time.FixedZone("", 8*3600)).Format("20060102150405")
		data := fmt.Sprintf("QN=%s000;ST=31;CN=%s;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&DataTime=%s;%s=%s,a24088-Flag=%s&&", at, cn, at, name, value, flag)
		crc := uint16(0xFFFF)
		for _, b := range []byte(data) {
			crc = crc>>8 ^ uint16(b)
			for range 8 {
				k := crc & 1
				if crc >>= 1; k != 0 {
					crc ^= 0xA001
				}
			}
		}
		return fmt.Sprintf("##%04d%s%04X\r\n", len(data), data, crc)
	}
	raw := frame(0, "1.2", "N", "2011") + frame(1, "9.9", "D", "2011") + frame(2, "50", "T", "2011") + strings.Replace(frame(3, "1.4", "N", "2011"), "1.4", "7.4", 1) + frame(0, "5", "N", "2051")
	s.submit(s.dev.Seal(s.id, &event.AirSegment{Series: series, N: 1, Raw: []byte(raw), Rows: 5}))
	c := s.chart(chart.Query{Series: series, From: base.UnixMilli(), To: base.UnixMilli() + 4000, Buckets: 100})
	if got := fmt.Sprint(c.Command, c.Max, c.N, c.Fault, c.Over, c.Flags, c.Broken); got != "2011[12 0 500] [1 0 1] [0 1 0] [0 0 1] [ D T] 1" {
		t.Error(got)
	}
	// A channel that only hours have is drawn from those, though there are fewer of them.
	name = "a24088-Avg"
	s.submit(s.dev.Seal(s.id, &event.AirSegment{Series: series, N: 2, Raw: []byte(frame(60, "3", "N", "2061")), Rows: 1}))
	if c := s.chart(chart.Query{Series: series, Channel: 1, Buckets: 100}); fmt.Sprint(c.Max, c.Command) != "[3]2061" {
		t.Errorf("hours: %+v", c)
	}
	list, err := s.reader.List(context.Background(), s.id)
	if err != nil || fmt.Sprint(list[0].Commands) != "[[2011 2051] [2061]]" {
		t.Errorf("commands: %v %v", list, err)
	}
	if c := s.chart(chart.Query{Series: series, Command: "2051", Buckets: 100}); fmt.Sprint(c.Max, c.Command) != "[5]2051" {
		t.Errorf("%+v", c)
	}
}

// TestRealFile sums a real file's bytes up to what its own figures come to.
func TestRealFile(t *testing.T) {
	file := filepath.Join("..", "..", "..", "shared", "data", "air", "spod-pid-2023-06-12.csv")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Skip("the real data is not beside the repository:", err)
	}
	lines := bytes.SplitAfter(raw, []byte("\n"))
	s := newScene(t)
	series := s.ID()
	s.submit(s.dev.Seal(s.id, &event.AirStarted{Series: series, Instrument: s.instrument, Format: "spod-csv", Source: "file",
		Channels: []event.Channel{{Name: "pid1_PPB_Calc", Unit: "[ppb]"}}, Preamble: bytes.Join(lines[:3], nil)}))
	n := int64(0)
	for i := 3; i < len(lines); i += 500 {
		n++
		part := bytes.Join(lines[i:min(i+500, len(lines))], nil)
		s.submit(s.dev.Seal(s.id, &event.AirSegment{Series: series, N: n, Raw: part, Rows: 500}))
	}
	for _, buckets := range []int{20, 300, 4000} {
		c := s.chart(chart.Query{Series: series, Buckets: buckets})
		got := int64(0)
		for _, k := range c.N {
			got += k
		}
		if got != 7979 || len(c.T) == 0 || len(c.T) > buckets {
			t.Errorf("%d buckets: %d readings in %d, want 7979", buckets, got, len(c.T))
		}
	}
}

func BenchmarkADayAtOneHertz(b *testing.B) {
	s := newScene(b)
	series := s.start("NMHC")
	var lines [][]byte
	for seg := range 86400 / 1200 {
		var raw strings.Builder
		for i := range 1200 {
			raw.WriteString(line(base.Add(time.Duration(seg*1200+i)*time.Second), fmt.Sprintf("%d.%02d", i%40, seg)))
		}
		lines = append(lines, s.segment(series, int64(seg+1), raw.String()))
	}
	s.submit(lines...)
	b.Run("first look", func(b *testing.B) {
		for b.Loop() {
			s.reader = chart.New(s.Store, 0)
			s.chart(chart.Query{Series: series, Buckets: 800})
		}
	})
	b.Run("whole day", func(b *testing.B) {
		for b.Loop() {
			s.chart(chart.Query{Series: series, Buckets: 800})
		}
	})
	b.Run("ten minutes", func(b *testing.B) {
		for b.Loop() {
			s.chart(chart.Query{Series: series, Buckets: 800, From: base.UnixMilli() + 3600_000, To: base.UnixMilli() + 4200_000})
		}
	})
}
