package custody

import (
	"bytes"
	"testing"

	"fieldseal/sync/event"
)

// FuzzRows gives any preamble and any bytes to the reader of each format, and
// then to every check: nothing panics, a line is a row, and cells keep their bounds.
func FuzzRows(f *testing.F) {
	for i, seed := range []string{
		"2026-03-02T08:00:00+08:00,1.5\n2026-03-02T08:00:01+08:00,\"2,5\"\r\n\r\n#note\ntime,pid[ppb]\n,\n",
		"{\"time\":\"2026-03-02T08:00:00Z\",\"values\":{\"pid[ppb]\":1.25,\"x\":null}}\n{}\n{\"time\":1}\nnot json\n",
		"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&1C80\r\nnoise\r\n##",
		"6/7/2023 4:00,6/7/2023 0:00,9223372036854775807\n6/7/2023 4:01,,-0.000000000000000001\n,,1e18\n",
		"9999-12-31T23:59:59Z,-9999\n0001-01-01T00:00:00Z,NaN\n2026-03-02T08:00:00+23:59,OL\n",
	} {
		f.Add(uint8(i), []byte("time,pid[ppb]\n"), []byte(seed))
	}
	formats := []string{"generic-csv", "ndjson", "hj212", "spod-csv", "retigo-csv"}
	f.Fuzz(func(t *testing.T, format uint8, preamble, raw []byte) {
		if len(raw) == 0 || len(raw) > event.MaxSegmentRaw || len(preamble) > 4096 {
			return
		}
		start := &event.AirStarted{Format: formats[int(format)%len(formats)], Preamble: preamble,
			Channels: []event.Channel{{Name: "pid[ppb]", Unit: "[ppb]"}, {Name: "a24088-Rtd", Unit: "mg/m3"}}}
		if start.Format != "hj212" && start.Format != "ndjson" {
			start.Channels = start.Channels[:1]
		}
		r, why := newRowReader(start)
		if (r == nil) != !why.IsZero() {
			t.Fatal("a reader without a reason, or a reason with a reader")
		}
		rows := int64(0)
		if r != nil {
			r.read(raw, func(row *row) {
				rows++
				if len(row.cells) != len(start.Channels) {
					t.Fatal("a row has other cells than the series has channels")
				}
			})
			if lines := int64(bytes.Count(raw, []byte("\n"))); r.format != "hj212" && len(raw) < 32<<10 && (rows < lines || rows > lines+1) {
				t.Fatalf("%d rows in %d lines", rows, lines)
			}
		}
		s := newGround(t)
		d := s.sniffer()
		start.Series, start.Instrument = s.uuid(), d.Instrument
		s.in.Entries = append(s.in.Entries, Entry{ID: s.hash(), Event: &event.Payload{Device: s.inspect.id, Seq: 90, Case: s.in.Case}, Body: d},
			Entry{ID: s.hash(), Event: &event.Payload{Device: s.inspect.id, Seq: 91, Case: s.in.Case}, Body: start},
			Entry{ID: s.hash(), Event: &event.Payload{Device: s.inspect.id, Seq: 92, Case: s.in.Case}, Body: &event.AirSegment{Series: start.Series, N: 1, Raw: raw, Rows: rows}})
		rec := Evaluate(s.in)
		if len(rec.Series) != 1 || rec.Series[0].Rows != rows {
			t.Fatalf("%d rows read, the record has %+v", rows, rec.Series)
		}
	})
}
