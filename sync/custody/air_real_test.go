package custody

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	instrument "fieldseal/mobile-contract/device/reading"
	"fieldseal/sync/event"
)

// realFile is a file that a real instrument wrote.
func realFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "air", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("../shared/data is absent: real instrument files are not part of the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// capture seals a file as the device does: by package reading, which shares no
// code with this one.
func capture(t testing.TB, data []byte, o instrument.SegmentOptions, change ...func(*event.InstrumentRecorded, *event.AirStarted)) *ground {
	t.Helper()
	s := newGround(t)
	r := instrument.NewReader(bytes.NewReader(data), instrument.Options{})
	head, err := r.Start()
	if err != nil {
		t.Fatal(err)
	}
	device := &event.InstrumentRecorded{Instrument: s.uuid(), Make: "real", Serial: "1", Sensor: "pid", CalibrationDue: "2026-12-31"}
	start := &event.AirStarted{Series: s.uuid(), Instrument: device.Instrument, Format: string(head.Format), Source: "file", PeriodMS: head.PeriodMS, Preamble: head.Preamble}
	for _, c := range head.Channels {
		start.Channels = append(start.Channels, event.Channel{Name: c.Name, Quantity: c.Quantity, Unit: c.Unit})
	}
	for _, c := range change {
		c(device, start)
	}
	s.inspect.seal(at(1), device)
	s.inspect.seal(at(2), start)
	cut := instrument.NewSegmenter(head.Channels, o)
	seal := func(g *instrument.Segment) {
		if g == nil {
			return
		}
		b := &event.AirSegment{Series: start.Series, N: g.N, Raw: g.Raw, Rows: g.Rows}
		if !g.First.At.IsZero() {
			b.First, b.Last = event.StampOf(g.First.At), event.StampOf(g.Last.At)
		}
		for _, f := range g.Figures {
			b.Figures = append(b.Figures, event.Figures{Channel: int64(f.Channel), Min: f.Min, Max: f.Max, Sum: f.Sum, Count: f.Count, Missing: f.Missing, OverRange: f.OverRange})
		}
		s.inspect.seal(at(3), b)
	}
	for {
		row, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seal(cut.Add(row))
	}
	seal(cut.Flush())
	return s
}

// The device's reader and this package's come to the same figures, segment by
// segment, over every row of real files; and the checks find what is known of
// them: the fence-line sensor has nothing to look at, the car's carbon dioxide
// monitor ended at 1000 ppm, its soot monitor held values over many seconds.
func TestRealFilesReadAlikeTwice(t *testing.T) {
	for _, v := range []struct {
		file     string
		rows     int64
		channels map[string][4]string // readings, lowest, highest, mean
		checks   []string
	}{
		{"spod-pid-2023-06-12.csv", 7979, map[string][4]string{
			"pid1_PPB_Calc": {"7979", "38.4", "1880.24", "83.712020"}, "trig.trig_value": {"9", "1", "1", "1.000000"},
		}, nil},
		{"mobile-1hz-2012-08-17.csv", 8127, map[string][4]string{
			"CO(ppb)": {"8105", "123", "42400", "478.673905"}, "CO2(ppm)": {"8127", "420.63", "1000", "575.119654"},
		}, []string{"AIR_DIGIT_HEAPING", "AIR_FLATLINE", "AIR_FLATLINE", "AIR_GAP", "AIR_STEP level", "AIR_STEP level"}},
	} {
		s := capture(t, realFile(t, v.file), instrument.SegmentOptions{})
		r := s.evaluate()
		if list := found(r.Defects, "HASH_MISMATCH"); len(list) > 0 {
			t.Errorf("%s: %v", v.file, explanations(list))
		}
		sum := r.Series[0]
		if !sum.Read || sum.Rows != v.rows || sum.Segments < 10 {
			t.Errorf("%s: %+v", v.file, sum)
		}
		seen := 0
		for _, c := range sum.Channels {
			want, ok := v.channels[c.Name]
			if !ok {
				continue
			}
			seen++
			if got := [4]string{fmt.Sprint(c.Count), c.Min.String(), c.Max.String(), c.Mean.String()}; got != want {
				t.Errorf("%s %s: %v, want %v", v.file, c.Name, got, want)
			}
		}
		if seen != len(v.channels) {
			t.Errorf("%s: %d of %d channels found", v.file, seen, len(v.channels))
		}
		got := slices.DeleteFunc(warnings(r), func(c string) bool { return !strings.HasPrefix(c, "AIR_") })
		slices.Sort(got)
		if !slices.Equal(got, v.checks) {
			t.Errorf("%s: found %q, want %q", v.file, got, v.checks)
		}
	}
}

// The same real readings, spoiled by hand: each spoiling is found.
func TestRealReadingsSpoiled(t *testing.T) {
	lines := bytes.SplitAfter(realFile(t, "spod-pid-2023-06-12.csv"), []byte("\n"))
	for _, v := range []struct {
		name  string
		spoil func(rows [][]byte)
		want  string
	}{
		{"as they are", func([][]byte) {}, ""},
		{"two hours played back", func(rows [][]byte) {
			for i := range 600 {
				rows[5000+i] = withReading(rows[5000+i], readingOf(rows[1000+i]))
			}
		}, "AIR_REPEATED_BLOCK"},
		{"held for five minutes", func(rows [][]byte) {
			for i := range 30 {
				rows[5000+i] = withReading(rows[5000+i], readingOf(rows[5000]))
			}
		}, "AIR_FLATLINE"},
		{"last digit rounded to 0 or 5", func(rows [][]byte) {
			for i := range rows {
				if x := readingOf(rows[i]); len(x) > 2 && x[len(x)-3] == '.' && i%9 > 0 {
					y := []byte(x)
					y[len(y)-1] = "0000055555"[y[len(y)-1]-'0']
					rows[i] = withReading(rows[i], string(y))
				}
			}
		}, "AIR_DIGIT_HEAPING"},
	} {
		rows := slices.Clone(lines[3:])
		v.spoil(rows)
		r := capture(t, bytes.Join(slices.Concat(lines[:3], rows), nil), instrument.SegmentOptions{}).evaluate()
		got := slices.DeleteFunc(warnings(r), func(c string) bool { return !strings.HasPrefix(c, "AIR_") })
		if v.want == "" && len(got) > 0 || v.want != "" && !slices.Contains(got, v.want) {
			t.Errorf("%s: found %q, want %q", v.name, got, v.want)
		}
	}
}

// readingOf is the third column of a row, which holds the sensor's reading.
func readingOf(row []byte) string {
	if f := bytes.Split(row, []byte(",")); len(f) > 2 {
		return string(f[2])
	}
	return ""
}

func withReading(row []byte, text string) []byte {
	f := bytes.Split(row, []byte(","))
	if len(f) > 2 {
		f[2] = []byte(text)
	}
	return bytes.Join(f, []byte(","))
}
