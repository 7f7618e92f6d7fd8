package reading

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fieldseal/sync/decimal"
)

func segments(rows []Row, channels []Channel, o SegmentOptions) []*Segment {
	s := NewSegmenter(channels, o)
	var out []*Segment
	for _, row := range rows {
		if seg := s.Add(row); seg != nil {
			out = append(out, seg)
		}
	}
	if seg := s.Flush(); seg != nil {
		out = append(out, seg)
	}
	return out
}

func TestSegmentsByMinute(t *testing.T) {
	in := file(t, "testdata/spod.csv")
	series, rows, _ := readAll(t, in, Options{})
	segs := segments(rows, series.Channels, SegmentOptions{})
	joined := bytes.Clone(series.Preamble)
	var counts []int64
	for i, s := range segs {
		joined = append(joined, s.Raw...)
		counts = append(counts, s.Rows)
		if s.N != int64(i+1) || s.SHA256 != sha256.Sum256(s.Raw) || s.Last.At.Sub(s.First.At) >= DefaultDuration {
			t.Errorf("segment %+v", s)
		}
	}
	if !bytes.Equal(joined, in) {
		t.Error("the segments are not the file")
	}
	if fmt.Sprint(counts) != "[4 4 6 6 6 3 5 6 2]" {
		t.Errorf("rows in the segments: %v", counts)
	}
	f := segs[0].Figures[0]
	if *f.Min != num(t, "61.41") || *f.Max != num(t, "68.24") || *f.Sum != num(t, "260.50") || f.Count != 4 || f.Missing != 0 {
		t.Errorf("figures %v %v %v %d", f.Min, f.Max, f.Sum, f.Count)
	}
	if mean, ok := f.Mean(3); !ok || mean != num(t, "65.125") {
		t.Errorf("mean %v", mean)
	}
	if g := segs[0].Figures[14]; g.Count != 0 || g.Missing != 4 || g.Sum != nil || g.Min != nil {
		t.Errorf("an empty column: %+v", g)
	}
	if w := segs[0].Warnings; len(w) != 2 || w[0].Row != 1 || w[0].Code != MinuteTimes {
		t.Errorf("warnings %+v", w)
	}
}

func TestSegmentLimits(t *testing.T) {
	var in strings.Builder
	in.WriteString("time,x,id\n")
	for i := range 50 {
		fmt.Fprintf(&in, "2026-05-01T09:%02d:00Z,%d.5,run\n", i, i)
	}
	series, rows, _ := readAll(t, []byte(in.String()), Options{})
	lowHigh := map[int]Range{0: {Low: num(t, "2.5").Ptr(), High: num(t, "40").Ptr()}}
	all := segments(rows, series.Channels, SegmentOptions{Duration: time.Hour, Ranges: lowHigh})
	if len(all) != 1 || len(all[0].Figures) != 1 {
		t.Fatalf("%d segments, figures %+v", len(all), all[0].Figures)
	}
	if f := all[0].Figures[0]; f.OverRange != 2+10 || *f.Sum != num(t, "1250.0") || f.Count != 50 {
		t.Errorf("figures %+v", f)
	}
	if n := len(segments(rows, series.Channels, SegmentOptions{Duration: time.Hour, Rows: 7})); n != 8 {
		t.Errorf("%d segments of 7 rows", n)
	}
	for _, s := range segments(rows, series.Channels, SegmentOptions{Duration: time.Hour, Bytes: 100}) {
		if len(s.Raw) > 100 || s.Rows == 0 {
			t.Errorf("segment of %d bytes", len(s.Raw))
		}
	}
	back := append([]Row{rows[49]}, rows[0])
	if n := len(segments(back, series.Channels, SegmentOptions{Duration: time.Minute})); n != 2 {
		t.Errorf("a clock set back by 49 minutes: %d segments", n)
	}
	s := NewSegmenter(nil, SegmentOptions{})
	if s.Flush() != nil || s.Pending() != 0 {
		t.Error("a segment without rows")
	}
}

func TestLateChannelCountsAsMissingBefore(t *testing.T) {
	one := Value{State: Measured, Number: decimal.FromInt(1)}
	s := NewSegmenter(nil, SegmentOptions{})
	s.Add(Row{Raw: []byte("a"), Values: []Value{one}})
	s.Add(Row{Raw: []byte("junk")})
	s.Add(Row{Raw: []byte("b"), Values: []Value{one, one}})
	f := s.Flush().Figures
	if f[0].Count != 2 || f[0].Missing != 0 || f[1].Count != 1 || f[1].Missing != 1 {
		t.Errorf("figures %+v", f)
	}
}

func TestEachCodeOnceARow(t *testing.T) {
	s := NewSegmenter(nil, SegmentOptions{})
	s.Add(Row{Raw: []byte("a"), Warnings: []Warning{{1, BadValue, "x"}, {1, BadTime, "t"}, {1, BadValue, "y"}}})
	s.Add(Row{Raw: []byte("b"), Warnings: []Warning{{2, BadValue, "z"}}})
	if w := s.Flush().Warnings; fmt.Sprint(w) != "[{1 BAD_VALUE x} {1 BAD_TIME t} {2 BAD_VALUE z}]" {
		t.Errorf("warnings %v", w)
	}
}

func TestSumIsExactOrSaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSegmenter(nil, SegmentOptions{Rows: 1000})
		want := new(big.Rat)
		n := rapid.IntRange(1, 30).Draw(t, "n")
		for range n {
			d := decimal.Decimal{N: rapid.Int64().Draw(t, "d"), S: rapid.Uint8Range(0, 18).Draw(t, "s")}
			want.Add(want, d.Rat())
			s.Add(Row{Raw: []byte("x"), Values: []Value{{State: Measured, Number: d}}})
		}
		seg := s.Flush()
		f := seg.Figures[0]
		if f.Sum == nil {
			if len(seg.Warnings) != 1 || seg.Warnings[0].Code != SumTooLong {
				t.Fatalf("no sum and no warning: %+v", seg)
			}
			return
		}
		if f.Sum.Rat().Cmp(want) != 0 || f.Count != int64(n) {
			t.Fatalf("sum %s, want %s", f.Sum, want)
		}
	})
}

// What was sealed can be summed up again from the sealed bytes alone.
func TestReplay(t *testing.T) {
	for _, c := range []struct {
		in []byte
		o  Options
	}{
		{file(t, "testdata/spod.csv"), Options{}},
		{file(t, "testdata/retigo.csv"), Options{}},
		{[]byte(describe + strings.Repeat(`{"time":"2026-05-01T09:30:00.250+08:00","values":{"pid":12.50,"t":"21.3"}}`+"\n", 20)), Options{}},
		{[]byte(hjFrame(t, 1) + hjFrame(t, 2)), Options{Channels: []Channel{{Name: "a24088-Rtd"}}}},
	} {
		series, rows, _ := readAll(t, c.in, c.o)
		for _, seg := range segments(rows, series.Channels, SegmentOptions{Rows: 5}) {
			o := Options{Format: series.Format, Channels: series.Channels}
			again, err := Replay(series.Preamble, seg.Raw, o)
			if err != nil {
				t.Fatal(err)
			}
			twice := segments(again, series.Channels, SegmentOptions{Rows: 5})
			if len(twice) != 1 || fmt.Sprint(deref(twice[0].Figures)) != fmt.Sprint(deref(seg.Figures)) || twice[0].SHA256 != seg.SHA256 {
				t.Errorf("%s: sealed %v, replayed %v", series.Format, deref(seg.Figures), deref(twice[0].Figures))
			}
		}
	}
}

func deref(fs []Figures) string {
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "%d %v %v %v %d %d %d;", f.Channel, f.Min, f.Max, f.Sum, f.Count, f.Missing, f.OverRange)
	}
	return b.String()
}

// The whole real files, where they are at hand. The sums were computed apart
// from this code.
func TestSharedFiles(t *testing.T) {
	for _, c := range []struct {
		name     string
		rows     int
		segments int
		format   Format
		counts   string
		sums     map[int]string // by channel: sum and count of the measured values
	}{
		{"spod-pid-2023-06-12.csv", 7979, 1405, SPod, "map[MINUTE_TIMES:7979 NO_POSITION:7979]", map[int]string{0: "667938.21 7979"}},
		{"mobile-1hz-2012-08-17.csv", 8127, 136, Retigo, "map[ZONE_CONFLICT:8127]",
			map[int]string{1: "3879652.00 8105", 2: "70088.80 8125", 3: "77164299.90 8067", 4: "22109.01 7875", 5: "0.00 0"}},
	} {
		in, err := os.ReadFile("../../../../shared/data/air/" + c.name) // beside the repository
		if err != nil {
			t.Skipf("the full file is not here (%v); the excerpts in testdata are tested", err)
		}
		series, rows, r := readAll(t, in, Options{})
		if len(rows) != c.rows || series.Format != c.format || fmt.Sprint(r.Counts()) != c.counts {
			t.Errorf("%s: %d rows, %s, %v", c.name, len(rows), series.Format, r.Counts())
		}
		segs := segments(rows, series.Channels, SegmentOptions{})
		raw := bytes.Clone(series.Preamble)
		sums, n, missing := map[int]*big.Rat{}, map[int]int64{}, map[int]int64{}
		for _, s := range segs {
			raw = append(raw, s.Raw...)
			for _, f := range s.Figures {
				if sums[f.Channel] == nil {
					sums[f.Channel] = new(big.Rat)
				}
				if f.Sum != nil {
					sums[f.Channel].Add(sums[f.Channel], f.Sum.Rat())
				}
				n[f.Channel] += f.Count
				missing[f.Channel] += f.Missing
			}
		}
		if !bytes.Equal(raw, in) || len(segs) != c.segments {
			t.Errorf("%s: the %d segments are not the file in %d", c.name, len(segs), c.segments)
		}
		for ch, want := range c.sums {
			if got := fmt.Sprintf("%s %d", sums[ch].FloatString(2), n[ch]); got != want || n[ch]+missing[ch] != int64(c.rows) {
				t.Errorf("%s channel %d: %s and %d missing, want %s", c.name, ch, got, missing[ch], want)
			}
		}
	}
}

func BenchmarkReader(b *testing.B) {
	in, err := os.ReadFile("testdata/retigo.csv")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(in), Options{})
		s := NewSegmenter(nil, SegmentOptions{})
		for {
			row, err := r.Next()
			if err == io.EOF {
				break
			}
			s.Add(row)
		}
		s.Flush()
	}
}
