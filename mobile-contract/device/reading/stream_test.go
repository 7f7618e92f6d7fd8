package reading

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/hj212"
)

const describe = `{"format":"fieldseal-readings/1","instrument":{"make":"M","model":"X","serial":"7","firmware":"1.2"},` +
	`"channels":[{"name":"pid","quantity":"voc","unit":"ppb"},{"name":"t","unit":"°C"}],"period_ms":1000}` + "\n"

func TestNDJSON(t *testing.T) {
	in := describe +
		`{"time":"2026-05-01T09:30:00.250+08:00","values":{"pid":12.50,"t":"21.3"},"lat":35.9106,"lon":-78.9854}` + "\n" +
		`{"time":"2026-05-01T09:30:01+08:00","values":{"pid":null}}` + "\n" +
		`{"time":"2026-05-01T09:30:01+08:00","values":{"pid":1e1,"x":5},"note":"n","a":1}` + "\r\n" +
		`{"time":"2026-05-01T09:30:02","values":{"pid":1}}` + "\n" +
		`{"time":"2026-05-01T09:30:02Z","values":{"pid":1,"pid":2}}` + "\n" +
		`{"time":"2026-05-01T09:30:02Z","values":{"pid":true}}` + "\n" +
		`{"time":"2026-05-01T09:30:02Z","values":{"pid":"wet"}}` + "\n" +
		`not json` + "\n\n" +
		`{"time":"2026-05-01T09:30:02Z","values":{"pid":1}} {}`
	series, rows, _ := readAll(t, []byte(in), Options{})
	if series.Format != NDJSON || series.Instrument != (Instrument{"M", "X", "7", "1.2"}) || series.PeriodMS != 1000 ||
		series.Channels[0] != (Channel{Name: "pid", Quantity: "voc", Unit: "[ppb]", UnitAsWritten: "ppb"}) {
		t.Errorf("series %+v", series)
	}
	want := []string{"", "", "UNKNOWN_CHANNEL UNKNOWN_CHANNEL UNKNOWN_CHANNEL", "BAD_TIME", "BAD_LINE", "BAD_LINE", "BAD_VALUE ZONE_CHANGED", "BAD_LINE", "BLANK_LINE", "BAD_LINE NO_LINE_END"}
	for i, row := range rows {
		if codes(row) != want[i] {
			t.Errorf("row %d: %v, want %q", i+1, row.Warnings, want[i])
		}
	}
	if v := rows[0].Values; v[0].Number != num(t, "12.50") || v[1].Number != num(t, "21.3") {
		t.Errorf("figures must keep their digits: %+v", v)
	}
	if rows[0].Time.Resolution != time.Millisecond || rows[0].Position.LatE7 != 359106000 {
		t.Errorf("row %+v", rows[0])
	}
	if v := rows[1].Values; v[0].Reason != Sentinel || v[1].Reason != NotInRow {
		t.Errorf("missing figures: %+v", v)
	}
	if rows[2].Time.Ordinal != 1 {
		t.Errorf("ordinal %d", rows[2].Time.Ordinal)
	}
}

func TestNDJSONWithoutDescription(t *testing.T) {
	series, rows, _ := readAll(t, []byte(`{"time":"2026-05-01T09:30:00Z","values":{"b":1,"a":2}}`+"\n"), Options{})
	if len(series.Channels) != 2 || series.Channels[0].Name != "b" || codes(rows[0]) != "NO_HEADER" || len(series.Preamble) != 0 {
		t.Errorf("series %+v, row %+v", series, rows[0])
	}
}

func hjFrame(t testing.TB, second int, items ...hj212.Pair) string {
	t.Helper()
	groups := [][]hj212.Pair{{{Name: "DataTime", Value: fmt.Sprintf("202401011200%02d", second)}}}
	for _, p := range items {
		groups = append(groups, []hj212.Pair{p})
	}
	raw, err := hj212.Encode(hj212.Message{QN: fmt.Sprintf("202401011200%02d000", second), ST: "31", CN: "2011", PW: "123456",
		MN: "010000A8900016F000169DC0", Flag: 4, Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestHJ212Stream(t *testing.T) {
	good := hjFrame(t, 1, hj212.Pair{Name: "a24088-Rtd", Value: "1.20"}, hj212.Pair{Name: "a24088-Flag", Value: "N"}, hj212.Pair{Name: "a05002-Rtd", Value: "7.1"})
	in := "noise\r\n" + good +
		strings.Replace(good, "1.20", "9.99", 1) + // the check no longer fits
		hjFrame(t, 2, hj212.Pair{Name: "a24088-Rtd", Value: "1.30"}, hj212.Pair{Name: "a24088-Flag", Value: "D"}) +
		hjFrame(t, 3, hj212.Pair{Name: "a24088-Rtd", Value: "5000"}, hj212.Pair{Name: "a24088-Flag", Value: "T"}, hj212.Pair{Name: "a21026-Rtd", Value: "3"}) +
		hjFrame(t, 4)
	series, rows, _ := readAll(t, []byte(in), Options{})
	if series.Format != HJ212 || len(series.Channels) != 3 || series.Channels[0].Unit != "mg/m3" || series.Channels[1].Unit != "ng/m3" {
		t.Errorf("series %+v", series)
	}
	for i, want := range []string{"NOT_A_FRAME", "", "BAD_CRC FRAME_CHECK", "", "NEW_CHANNEL", "NOT_DATA"} {
		if codes(rows[i]) != want {
			t.Errorf("row %d: %v, want %s", i+1, rows[i].Warnings, want)
		}
	}
	if v := rows[1].Values[0]; v.Number != num(t, "1.20") || v.Flag != "N" || rows[1].Time.Zone != ZoneAssumed || rows[1].Time.At.UTC().Hour() != 4 {
		t.Errorf("row %+v", rows[1])
	}
	if v := rows[2].Values[0]; v.State != Missing || v.Reason != BadFrame || v.Text != "9.99" {
		t.Errorf("a figure of a frame that fails its check: %+v", v)
	}
	if v := rows[3].Values[0]; v.State != Missing || v.Reason != Flagged || v.Text != "1.30" {
		t.Errorf("a figure flagged as fault: %+v", v)
	}
	if v := rows[4].Values[0]; v.State != Measured || !v.Over {
		t.Errorf("a figure flagged above range: %+v", v)
	}
	if rows[1].Values[1].Number != num(t, "7.1") || rows[3].Values[1].Reason != NotInRow {
		t.Errorf("a factor that is not in every frame: %+v", rows[3].Values)
	}
}

// A finished line must come out at once, whatever follows.
func TestLiveLinesAreNotHeldBack(t *testing.T) {
	for name, c := range map[string]struct{ start, next string }{
		"ndjson": {describe, `{"time":"2026-05-01T09:30:00Z","values":{"pid":1}}` + "\n"},
		"csv":    {"time,pid[ppb]\n", "2026-05-01T09:30:00Z,1\n"},
		"hj212":  {"", hjFrame(t, 1, hj212.Pair{Name: "a24088-Rtd", Value: "1"})},
	} {
		t.Run(name, func(t *testing.T) {
			pr, pw := io.Pipe()
			r := NewReader(pr, Options{})
			got := make(chan string)
			go func() {
				defer close(got)
				for {
					row, err := r.Next()
					if err != nil {
						return
					}
					got <- string(row.Raw)
				}
			}()
			io.WriteString(pw, c.start)
			for range 3 {
				if _, err := io.WriteString(pw, c.next); err != nil {
					t.Fatal(err)
				}
				select {
				case raw := <-got:
					if raw != c.next {
						t.Fatalf("got %q", raw)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("the line is held back")
				}
			}
			pw.Close()
			<-got
		})
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"", head + "2012-08-17T07:00:00Z,1.5,2.5,a,3\n", describe + "{}\n", "##0000\r\n", bom + "time,x\n,\n", "time;x\n\"a;b\n", "\xff\xfe",
		"UTC Date Time,Local Date Time,pid1_PPB_Calc,lat,long\n6/7/2023 4:01,6/7/2023 0:00,1,0,0\n", `{"time":"x","values":{}}`} {
		f.Add([]byte(s))
	}
	f.Add([]byte(hjFrame(f, 1, hj212.Pair{Name: "a24088-Rtd", Value: "1"})))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(strings.NewReader(string(in)), Options{})
		series, err := r.Start()
		got := string(series.Preamble)
		if err != nil {
			if !strings.HasPrefix(string(in), got) {
				t.Fatalf("%q kept of %q", got, in)
			}
			return
		}
		s := NewSegmenter(series.Channels, SegmentOptions{Rows: 3})
		var sealed string
		keep := func(seg *Segment) {
			if seg != nil {
				sealed += string(seg.Raw)
			}
		}
		for {
			row, err := r.Next()
			if err != nil {
				break
			}
			got += string(row.Raw)
			keep(s.Add(row))
		}
		keep(s.Flush())
		if got != string(in) || string(series.Preamble)+sealed != string(in) {
			t.Fatalf("rows %q, segments %q, input %q", got, sealed, in)
		}
	})
}
