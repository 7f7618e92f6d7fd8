package reading

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"fieldseal/sync/decimal"
)

// readAll reads everything and checks that preamble and rows are the input.
func readAll(t testing.TB, in []byte, o Options) (Series, []Row, *Reader) {
	t.Helper()
	r := NewReader(bytes.NewReader(in), o)
	series, err := r.Start()
	if err != nil {
		t.Fatal(err)
	}
	got := bytes.Clone(series.Preamble)
	var rows []Row
	for {
		row, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if row.Offset != int64(len(got)) || row.N != int64(len(rows)+1) || row.Values != nil && len(row.Values) > len(r.Series().Channels) {
			t.Fatalf("row %d at %d of %d: %+v", len(rows)+1, row.Offset, len(got), row)
		}
		got = append(got, row.Raw...)
		rows = append(rows, row)
	}
	if !bytes.Equal(got, in) {
		t.Fatalf("preamble and rows are not the input:\n%q\n%q", got, in)
	}
	return r.Series(), rows, r
}

func codes(row Row) string {
	var c []string
	for _, w := range row.Warnings {
		c = append(c, string(w.Code))
	}
	return strings.Join(c, " ")
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func num(t testing.TB, s string) decimal.Decimal {
	t.Helper()
	d, err := decimal.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSPod(t *testing.T) {
	series, rows, r := readAll(t, file(t, "testdata/spod.csv"), Options{})
	if series.Format != SPod || series.Instrument.Serial != "0000" || series.Instrument.Model != "SPod" || series.Zone != "GMT-0400" {
		t.Errorf("series %+v", series)
	}
	if len(series.Channels) != 17 || series.Channels[0] != (Channel{Name: "pid1_PPB_Calc", Quantity: "voc", Unit: "[ppb]"}) {
		t.Errorf("channels %+v", series.Channels)
	}
	for _, c := range series.Channels {
		if c.Quantity == "" || c.Unit == "" {
			t.Errorf("channel %+v has no quantity or unit", c)
		}
	}
	if !bytes.HasPrefix(series.Preamble, []byte(bom)) || bytes.Count(series.Preamble, []byte("\r\n")) != 3 {
		t.Errorf("preamble %q", series.Preamble)
	}
	if len(rows) != 42 {
		t.Fatalf("%d rows", len(rows))
	}
	first := rows[0]
	if want := time.Date(2023, 6, 7, 4, 0, 0, 0, time.UTC); !first.Time.At.Equal(want) || first.Time.Zone != ZonePair ||
		first.Time.Resolution != time.Minute || first.Time.At.Format("-07:00") != "-04:00" {
		t.Errorf("time %+v", first.Time)
	}
	if codes(first) != "MINUTE_TIMES NO_POSITION" || first.Position != nil {
		t.Errorf("warnings %v, position %v", first.Warnings, first.Position)
	}
	for i, want := range []int{0, 1, 2, 3, 0, 1, 2, 3, 0} {
		if rows[i].Time.Ordinal != want {
			t.Errorf("row %d is number %d of its minute, want %d", i, rows[i].Time.Ordinal, want)
		}
		if i > 0 && codes(rows[i]) != "" {
			t.Errorf("row %d: %v", i, rows[i].Warnings)
		}
	}
	if v := first.Values[0]; v.State != Measured || v.Number != num(t, "68.24") || v.Text != "68.24" {
		t.Errorf("first figure %+v", v)
	}
	if v := first.Values[14]; v.State != Missing || v.Reason != Empty {
		t.Errorf("an empty cell is %+v", v)
	}
	if n := r.Counts()[NoPosition]; n != 42 {
		t.Errorf("%d rows without position counted", n)
	}
}

func TestRetigo(t *testing.T) {
	series, rows, _ := readAll(t, file(t, "testdata/retigo.csv"), Options{})
	if series.Format != Retigo || series.Zone != "UTC" || len(series.Channels) != 11 {
		t.Errorf("series %+v", series)
	}
	if c := series.Channels[0]; !c.Label || c.Name != "ID(-)" {
		t.Errorf("the run name is %+v", c)
	}
	want := map[string][2]string{"CO(ppb)": {"co", "[ppb]"}, "UFP(#/m^3)": {"ultrafine_particles", "{#}/m3"}, "BC(ug/m^3)": {"black_carbon", "ug/m3"},
		"PM1.0(ug/m^3)": {"pm1", "ug/m3"}, "PM10(ug/m^3)": {"pm10", "ug/m3"}, "PM2.5(ug/m^3)": {"pm2.5", "ug/m3"}, "CarSpeed(mph)": {"vehicle_speed", "[mi_i]/h"}}
	for _, c := range series.Channels {
		if w, ok := want[c.Name]; ok && (c.Quantity != w[0] || c.Unit != w[1]) {
			t.Errorf("channel %+v, want %v", c, w)
		}
	}
	first := rows[0]
	if first.Time.Zone != ZoneValue || !first.Time.At.Equal(time.Date(2012, 8, 17, 11, 23, 29, 0, time.UTC)) || first.Time.Resolution != time.Second {
		t.Errorf("the offset in the value must count: %+v", first.Time)
	}
	if codes(first) != "ZONE_CONFLICT" {
		t.Errorf("warnings %v", first.Warnings)
	}
	if p := first.Position; p == nil || *p != (Position{LatE7: 359106000, LonE7: -789854000}) {
		t.Errorf("position %+v", p)
	}
	if first.Values[0].State != Label || first.Values[0].Text != "run2" || first.Values[5].Reason != Sentinel || first.Values[5].Text != "-9999" {
		t.Errorf("values %+v", first.Values)
	}
	if last := rows[len(rows)-1]; last.Values[3].Reason != Sentinel || last.Values[1].Number != num(t, "891") {
		t.Errorf("last row %+v", last.Values)
	}
	if codes(rows[1]) != "" {
		t.Errorf("the conflict is said once: %v", rows[1].Warnings)
	}
}

const head = "Timestamp(UTC),EAST_LONGITUDE(deg),NORTH_LATITUDE(deg),ID(-),CO(ppb)\n"

func TestDefectiveRows(t *testing.T) {
	cases := []struct {
		name, row, want string
		state           State
		reason          Reason
	}{
		{"good", "2012-08-17T07:00:00Z,1.5,2.5,a,3\n", "", Measured, ""},
		{"crlf", "2012-08-17T07:00:00Z,1.5,2.5,a,3\r\n", "", Measured, ""},
		{"short", "2012-08-17T07:00:00Z,1.5,2.5\n", "SHORT_ROW", Missing, RowShape},
		{"long", "2012-08-17T07:00:00Z,1.5,2.5,a,3,4\n", "LONG_ROW", Missing, RowShape},
		{"trailing commas", "2012-08-17T07:00:00Z,1.5,2.5,a,3,,\n", "", Measured, ""},
		{"blank", " \n", "BLANK_LINE", 0, ""},
		{"comment", "## restart\n", "COMMENT_LINE", 0, ""},
		{"header again", head, "HEADER_REPEATED", 0, ""},
		{"not UTF-8", "2012-08-17T07:00:00Z,1.5,2.5,\xff,3\n", "BAD_BYTES", 0, ""},
		{"zero byte", "2012-08-17T07:00:00Z,1.5,2.5,a\x00,3\n", "BAD_BYTES", 0, ""},
		{"no time", ",1.5,2.5,a,3\n", "BAD_TIME", Measured, ""},
		{"day of no month", "2012-02-30T07:00:00Z,1.5,2.5,a,3\n", "BAD_TIME", Measured, ""},
		{"not a number", "2012-08-17T07:00:00Z,1.5,2.5,a,3x\n", "BAD_VALUE", Missing, NotANumber},
		{"more digits than exact", "2012-08-17T07:00:00Z,1.5,2.5,a,0.1234567890123456789\n", "BAD_VALUE", Missing, NotANumber},
		{"over-range mark", "2012-08-17T07:00:00Z,1.5,2.5,a,OL\n", "", Missing, OverScale},
		{"sentinel with places", "2012-08-17T07:00:00Z,1.5,2.5,a,-9999.00\n", "", Missing, Sentinel},
		{"exponent", "2012-08-17T07:00:00Z,1.5,2.5,a,3.0E+00\n", "", Measured, ""},
		{"no zone: the header's", "2012-08-17T07:00:00,1.5,2.5,a,3\n", "", Measured, ""},
		{"zero position", "2012-08-17T07:00:00Z,0,0.0,a,3\n", "NO_POSITION", Measured, ""},
		{"impossible position", "2012-08-17T07:00:00Z,181,2.5,a,3\n", "BAD_POSITION", Measured, ""},
		{"missing position", "2012-08-17T07:00:00Z,-9999,-9999,a,3\n", "", Measured, ""},
		{"quoted", "2012-08-17T07:00:00Z,1.5,2.5,\"a,b\",3\n", "", Measured, ""},
		{"open quote", "2012-08-17T07:00:00Z,1.5,2.5,\"a,3\n", "SHORT_ROW", Missing, RowShape},
		{"no line end", "2012-08-17T07:00:00Z,1.5,2.5,a,3", "NO_LINE_END", Measured, ""},
		{"long line", strings.Repeat("x", MaxLine+10) + "\n", "LONG_LINE", 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, rows, _ := readAll(t, []byte(head+c.row), Options{})
			row := rows[0]
			if codes(row) != c.want {
				t.Errorf("warnings %v, want %s", row.Warnings, c.want)
			}
			if c.state == 0 && c.reason == "" {
				if row.Values != nil {
					t.Errorf("figures %+v of a line that is no reading", row.Values)
				}
				return
			}
			v := row.Values[1]
			if v.State != c.state || v.Reason != c.reason || v.State == Measured && v.Number.Cmp(decimal.FromInt(3)) != 0 {
				t.Errorf("value %+v", v)
			}
		})
	}
}

func TestTimesThatJump(t *testing.T) {
	in := head + "2012-08-17T07:00:00-04:00,1,2,a,3\n2012-08-17T06:59:59-04:00,1,2,a,3\n2012-08-17T06:59:59-05:00,1,2,a,3\n2012-08-17T06:59:59.250-05:00,1,2,a,3\n"
	_, rows, _ := readAll(t, []byte(in), Options{})
	for i, want := range []string{"ZONE_CONFLICT", "TIME_BACKWARDS", "ZONE_CHANGED", ""} {
		if codes(rows[i]) != want {
			t.Errorf("row %d: %v, want %s", i, rows[i].Warnings, want)
		}
	}
	if rows[3].Time.Resolution != time.Millisecond {
		t.Errorf("resolution %v", rows[3].Time.Resolution)
	}
}

func TestPositions(t *testing.T) {
	for cells, want := range map[string]*Position{
		"0,51.5":                 {LatE7: 515000000}, // on the meridian of Greenwich
		"-78.9854,0":             {LonE7: -789854000},
		"-180,-90":               {LatE7: -900000000, LonE7: -1800000000},
		"0,0":                    nil,
		"1.5,":                   nil,
		"1.5,90.0000001":         nil,
		"0.00000005,0.00000015":  {LonE7: 0, LatE7: 2, Rounded: true}, // half to even
		"0.000000049,0.00000009": {LonE7: 0, LatE7: 1, Rounded: true},
	} {
		_, rows, _ := readAll(t, []byte(head+"2012-08-17T07:00:00Z,"+cells+",a,3\n"), Options{})
		got := rows[0].Position
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s is %+v, want %+v", cells, got, want)
		}
	}
}

func TestSPodVariants(t *testing.T) {
	in := "UTC Date Time,Local Date Time,pid1_PPB_Calc,lat,long\n" +
		"07-Jun-2023 04:00:10,07-Jun-2023 00:00:10,68.24,36.0715512345,-79.9192\n" + // other exports write seconds
		"6/7/2023 4:01,6/7/2023 0:00,1,0,0\n" +
		"6/7/2023 4:01,,1,0,0\n"
	series, rows, _ := readAll(t, []byte(in), Options{})
	if series.Format != SPod {
		t.Fatalf("format %s", series.Format)
	}
	if rows[0].Time.Resolution != time.Second || rows[0].Time.Zone != ZonePair {
		t.Errorf("time %+v", rows[0].Time)
	}
	if p := rows[0].Position; p == nil || *p != (Position{360715512, -799192000, true}) {
		t.Errorf("position %+v", p)
	}
	if codes(rows[1]) != "ZONE_MISMATCH MINUTE_TIMES ZONE_CHANGED NO_POSITION" || rows[1].Time.Zone != ZoneHeader {
		t.Errorf("61 minutes apart: %v", rows[1].Warnings)
	}
	if codes(rows[2]) != "BAD_TIME" {
		t.Errorf("no local time: %v", rows[2].Warnings)
	}
}

func TestGeneric(t *testing.T) {
	in := "Export of today;;\nTime;PID (ppm);Temp [°C];Remark\n1/5/2026 09:30;12,50;21,3;ok\n2/5/2026 09:30;-;21,3;ok\n"
	zone := time.FixedZone("", 8*3600)
	o := Options{Zone: zone, Mapping: Mapping{TimeLayout: "2/1/2006 15:04", DecimalComma: true, Missing: []string{"-"},
		Columns: []Channel{{Name: "PID", Quantity: "voc", Unit: "ppm"}, {Name: "Temp [°C]"}}}}
	series, rows, _ := readAll(t, []byte(in), o)
	if series.Format != Generic || len(series.Channels) != 2 || series.Channels[0].Unit != "[ppm]" {
		t.Errorf("series %+v", series)
	}
	if rows[0].Time.Zone != ZoneAssumed || !rows[0].Time.At.Equal(time.Date(2026, 5, 1, 1, 30, 0, 0, time.UTC)) {
		t.Errorf("time %+v", rows[0].Time)
	}
	if rows[0].Values[0].Number != num(t, "12.50") || rows[1].Values[0].Reason != Sentinel {
		t.Errorf("values %+v %+v", rows[0].Values, rows[1].Values)
	}
	live := "time,pid[ppb],temperature[Cel],lat,lon\n2026-05-01T09:30:00.250+08:00,12.50,21.3,35.9106,-78.9854\n"
	series, rows, _ = readAll(t, []byte(live), Options{})
	if len(series.Channels) != 2 || series.Channels[0].Quantity != "voc" || series.Channels[0].Unit != "[ppb]" || rows[0].Position == nil {
		t.Errorf("live protocol: %+v %+v", series, rows)
	}
	_, rows, _ = readAll(t, []byte("time,x\n2026-05-01 09:30,1\n"), Options{})
	if rows[0].Time.Zone != ZoneNone || codes(rows[0]) != "NO_ZONE MINUTE_TIMES" {
		t.Errorf("no zone anywhere: %+v", rows[0])
	}
	series, rows, _ = readAll(t, []byte("ts,x[furlong]\n1700000000,1\n"), Options{Mapping: Mapping{TimeColumn: "ts", TimeLayout: LayoutUnix}})
	if rows[0].Time.At.Unix() != 1700000000 || rows[0].Time.Zone != ZoneValue || len(series.Warnings) != 1 || series.Warnings[0].Code != UnknownUnit {
		t.Errorf("unix time: %+v %+v", series, rows[0])
	}
}

func TestHeadersThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		in  string
		o   Options
		err error
	}{
		"empty":           {"", Options{}, ErrHeader},
		"no header":       {"1,2,3\n4,5,6\n", Options{}, ErrHeader},
		"many lines":      {strings.Repeat("x\n", 100), Options{}, ErrHeader},
		"one huge line":   {strings.Repeat("x", 5*MaxPreamble), Options{}, ErrHeader},
		"utf-16":          {"\xff\xfet\x00i\x00", Options{}, ErrEncoding},
		"time alone":      {"time,lat,lon\n", Options{}, ErrHeader},
		"column absent":   {"time,x\n", Options{Mapping: Mapping{Columns: []Channel{{Name: "y"}}}}, ErrHeader},
		"column twice":    {"time,x\n", Options{Mapping: Mapping{Columns: []Channel{{Name: "x"}, {Name: "x"}}}}, ErrHeader},
		"unknown unit":    {"time,x\n", Options{Mapping: Mapping{Columns: []Channel{{Name: "x", Unit: "furlong"}}}}, ErrHeader},
		"too many":        {"time," + strings.Repeat("x,", MaxChannels+1) + "\n", Options{}, ErrHeader},
		"other format":    {"time,x\n", Options{Format: Retigo}, ErrHeader},
		"ndjson format":   {`{"format":"other/1","channels":[{"name":"a"}]}` + "\n", Options{}, ErrHeader},
		"ndjson twice":    {`{"format":"fieldseal-readings/1","channels":[{"name":"a"},{"name":"a"}]}` + "\n", Options{}, ErrHeader},
		"ndjson no names": {`{"format":"fieldseal-readings/1","channels":[]}` + "\n", Options{}, ErrHeader},
		"ndjson unknown":  {`{"format":"fieldseal-readings/1","channels":[{"name":"a"}],"x":1}` + "\n", Options{}, ErrHeader},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(strings.NewReader(c.in), c.o)
			series, err := r.Start()
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if len(series.Preamble) == 0 && c.in != "" || !strings.HasPrefix(c.in, string(series.Preamble)) {
				t.Errorf("the bytes read are not kept: %q", series.Preamble)
			}
			if _, err := r.Next(); !errors.Is(err, c.err) {
				t.Errorf("Next after that: %v", err)
			}
		})
	}
}

func TestErrorOfTheInput(t *testing.T) {
	broken := errors.New("port gone")
	in := io.MultiReader(strings.NewReader(head+"2012-08-17T07:00:00Z,1.5,2.5,a,3\n2012-08-17T07:00:01Z,1."), iotest.ErrReader(broken))
	r := NewReader(in, Options{})
	var last Row
	for i := 0; ; i++ {
		row, err := r.Next()
		if err != nil {
			if i != 2 || !errors.Is(err, broken) {
				t.Fatalf("after %d rows: %v", i, err)
			}
			break
		}
		last = row
	}
	if codes(last) != "SHORT_ROW NO_LINE_END" {
		t.Errorf("the half row: %v", last.Warnings)
	}
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("again: %v", err)
	}
}

func TestOneByteAtATime(t *testing.T) {
	for _, name := range []string{"testdata/spod.csv", "testdata/retigo.csv"} {
		in := file(t, name)
		_, want, _ := readAll(t, in, Options{})
		r := NewReader(iotest.OneByteReader(bytes.NewReader(in)), Options{})
		for i := range want {
			row, err := r.Next()
			if err != nil || !reflect.DeepEqual(row, want[i]) {
				t.Fatalf("%s row %d: %v %+v", name, i, err, row)
			}
		}
	}
}
