package export_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldseal/api/export"
	"fieldseal/sync/custody"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"

	"github.com/go-json-experiment/json"
	"github.com/xuri/excelize/v2"
)

func TestAFormulaIsDefusedAndAFigureIsNot(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+49 30": "'+49 30", "-2": "'-2", "@SUM(A1)": "'@SUM(A1)", "\t=x": "'\t=x", "\r=x": "'\r=x", "\n=x": "'\n=x", "  =x": "'  =x",
		"\u00a0=x": "'\u00a0=x", "＝1": "'＝1", "＋": "'＋", "－a": "'－a", "＠b": "'＠b", "\u200b=x": "'\u200b=x", "|cmd": "'|cmd", "%x": "'%x",
		"": "", "drum 7": "drum 7", "a=b": "a=b", "'=x": "'=x", "危险废物": "危险废物", "<0.5": "<0.5",
	} {
		if got := export.Defuse(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	minus := decimal.Decimal{N: -15, S: 1}
	record := &custody.Record{
		Items:      []custody.Item{{Label: `=HYPERLINK("http://x")`, Results: []custody.ResultInfo{{Analyte: "Pb", Text: "-1.5", Unit: "mg/L"}, {Analyte: "Cd", Text: "-1.5+cmd|' /C calc'!A0"}}}},
		Quantities: []custody.Quantity{{Name: "-Ltd", Waste: "sludge", NetKG: &minus}},
	}
	for name, want := range map[string][]string{
		"items":      {`'=HYPERLINK("http://x")`},
		"results":    {`'=HYPERLINK("http://x")`, "-1.5", "'-1.5+cmd|' /C calc'!A0"},
		"quantities": {"'-Ltd", "-1.5"},
	} {
		table, ok := export.Of(record, name, "en")
		var out bytes.Buffer
		if !ok || export.CSV(&out, table, "en") != nil {
			t.Fatal(name)
		}
		if !strings.HasPrefix(out.String(), "\ufeff") || !strings.Contains(out.String(), "\r\n") {
			t.Errorf("%s: no byte order mark, or lines end otherwise: %q", name, out.String()[:10])
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\ufeff"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !slices.ContainsFunc(rows, func(row []string) bool { return slices.Contains(row, w) }) {
				t.Errorf("%s: %q is not in %q", name, w, rows)
			}
		}
	}
}

func TestEveryTableHasAsManyCellsAsColumns(t *testing.T) {
	n, at := decimal.FromInt(5), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ref := event.Ref{Kind: "sample", ID: eventtest.UUID(4)}
	r := &custody.Record{
		Items: []custody.Item{{Ref: ref, Label: "S-1", Holder: &custody.HolderInfo{Name: "n", Since: at}, Parent: &ref, Hashes: []custody.HashStep{{SHA256: eventtest.Digest("x")}},
			Steps: []custody.Step{{Kind: "collected", UnexplainedMS: 5, Voided: true}}, Results: []custody.ResultInfo{{Analyte: "Pb"}}}},
		Handovers: []custody.HandoverInfo{{}}, Defects: []custody.Defect{{Item: &ref, Waived: &custody.Waiver{ByName: "w"}, Events: []event.ID{{}}}},
		Quantities: []custody.Quantity{{NetKG: &n}}, Series: []custody.Series{{Channels: []custody.ChannelSummary{{Min: &n}}}},
	}
	for _, name := range export.Names() {
		for _, lang := range []string{"en", "zh"} {
			table, ok := export.Of(r, name, lang)
			if !ok {
				t.Fatal(name)
			}
			count := 0
			for row, err := range table.Rows {
				if count++; err != nil || len(row) != len(table.Head) {
					t.Errorf("%s: %d cells under %d columns, %v", name, len(row), len(table.Head), err)
				}
			}
			if count != 1 {
				t.Errorf("%s has %d rows", name, count)
			}
		}
	}
	if _, ok := export.Of(r, "secrets", "en"); ok {
		t.Error("a table that does not exist")
	}
}

func TestASpreadsheetHoldsTextsAsTextsAndFiguresExactly(t *testing.T) {
	table := export.Table{Name: "items", Head: [][2]string{{"label", "编号"}, {"n", "数"}}, Rows: func(yield func([]export.Cell, error) bool) {
		for _, row := range [][]export.Cell{
			{{Text: "=1+1"}, {Text: "-1.50", Figure: true}}, {{Text: "a\x01b\u0000"}, {Text: "123456789.012345678", Figure: true}}, {{Text: strings.Repeat("长", 40_000)}, {Text: "<0.5", Figure: true}},
		} {
			if !yield(row, nil) {
				return
			}
		}
	}}
	var out bytes.Buffer
	if err := export.XLSX(&out, export.About{Case: "=2026", Title: "+", Lang: "zh", Made: time.Now(), LedgerSize: 7}, []export.Table{table}); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at, want := range map[string]string{"A1": "编号", "A2": "=1+1", "B2": "-1.5", "A3": "a\ufffdb\ufffd", "B3": "123456789.012345678", "B4": "<0.5"} {
		if got, err := f.GetCellValue("items", at, excelize.Options{RawCellValue: true}); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", at, got, err, want)
		}
		if formula, err := f.GetCellFormula("items", at); err != nil || formula != "" {
			t.Errorf("%s is a formula: %q %v", at, formula, err)
		}
	}
	if got, _ := f.GetCellValue("about", "B1"); got != "=2026" {
		t.Errorf("about: %q", got)
	}
	if got, _ := f.GetCellFormula("about", "B1"); got != "" {
		t.Errorf("about: a formula %q", got)
	}
}

func TestAFailureInTheMiddleIsNoWholeFile(t *testing.T) {
	bad := errors.New("the disk is gone")
	table := export.Table{Name: "x", Head: [][2]string{{"a", "a"}}, Rows: func(yield func([]export.Cell, error) bool) {
		_ = yield([]export.Cell{{Text: "1"}}, nil) && yield(nil, bad)
	}}
	if err := export.CSV(io.Discard, table, "en"); !errors.Is(err, bad) {
		t.Error(err)
	}
	if err := export.XLSX(io.Discard, export.About{}, []export.Table{table}); !errors.Is(err, bad) {
		t.Error(err)
	}
}

type collection struct {
	Type     string `json:"type"`
	Features []struct {
		Type     string `json:"type"`
		Geometry *struct {
			Type        string `json:"type"`
			Coordinates any    `json:"coordinates"`
		} `json:"geometry"`
		Properties map[string]any `json:"properties"`
	} `json:"features"`
}

func TestGeoJSONIsWGS84OrSaysThatItIsNot(t *testing.T) {
	place := func(lat, lon int64, d event.Datum) *event.Place {
		return &event.Place{LatE7: lat, LonE7: lon, Datum: d, AccuracyMM: 4200, Source: "gnss"}
	}
	list := []export.Feature{
		{Kind: "site", ID: "1", Label: "<b>river</b>", Datum: "WGS-84", Place: place(302650000, 1201610000, "WGS-84"),
			Outline: [][2]int64{{302650000, 1201610000}, {302660000, 1201610000}, {302660000, 1201620000}}},
		{Kind: "sample", ID: "2", Datum: "GCJ-02", Place: place(302650000, 1201610000, "GCJ-02")},
		{Kind: "photo", ID: "3", Datum: "GCJ-02", Place: place(481000000, 110000000, "GCJ-02")}, // outside: not defined there
		{Kind: "photo", ID: "4", Datum: "CGCS2000", Place: place(302650000, 1201610000, "CGCS2000")},
		{Kind: "track", ID: "5", Datum: "WGS-84", Track: [][2]int64{{302650000, 1201610000}, {-5, -1201610000}}, EventCount: 2},
	}
	var out bytes.Buffer
	if err := export.GeoJSON(&out, list); err != nil {
		t.Fatal(err)
	}
	var c collection
	if err := json.Unmarshal(out.Bytes(), &c); err != nil {
		t.Fatal(err, out.String())
	}
	if c.Type != "FeatureCollection" || len(c.Features) != 5 {
		t.Fatal(out.String())
	}
	site, gcj, lost, cgcs, track := c.Features[0], c.Features[1], c.Features[2], c.Features[3], c.Features[4]
	ring := site.Geometry.Coordinates.([]any)[0].([]any)
	if site.Geometry.Type != "Polygon" || len(ring) != 4 || !slices.Equal(ring[0].([]any), ring[3].([]any)) {
		t.Errorf("the site: %v", site.Geometry)
	}
	// Anticlockwise: the third corner lies to the left of the way from the first to the second.
	x := func(i int) float64 { return ring[i].([]any)[0].(float64) }
	y := func(i int) float64 { return ring[i].([]any)[1].(float64) }
	if (x(1)-x(0))*(y(2)-y(0))-(y(1)-y(0))*(x(2)-x(0)) <= 0 {
		t.Errorf("the outline runs clockwise: %v", ring)
	}
	at := gcj.Geometry.Coordinates.([]any)
	if dx, dy := at[0].(float64)-120.161, at[1].(float64)-30.265; dx > -0.003 || dx < -0.007 || dy < 0 || dy > 0.004 {
		t.Errorf("GCJ-02 by %v, %v degrees", dx, dy)
	}
	if gcj.Properties["converted_from"] != "GCJ-02" || gcj.Properties["conversion_error_m"] == nil || gcj.Properties["recorded_lon"] != 120.161 {
		t.Errorf("the conversion is not stated: %v", gcj.Properties)
	}
	if lost.Geometry != nil || lost.Properties["not_converted"] == nil {
		t.Errorf("a position that cannot be converted: %v", lost)
	}
	if cgcs.Properties["converted_from"] != "CGCS2000" {
		t.Errorf("CGCS2000: %v", cgcs.Properties)
	}
	if track.Geometry.Type != "LineString" || !strings.Contains(out.String(), "[-120.161,-0.0000005]") && !strings.Contains(out.String(), "[-120.1610000,-0.0000005]") {
		t.Errorf("the track: %v\n%s", track.Geometry, out.String())
	}
}

func TestFeaturesFollowEachDeviceInItsOwnOrder(t *testing.T) {
	var events []export.Placed
	add := func(device int, seq, lat int64, b event.Body) {
		p := &event.Payload{Device: eventtest.UUID(device), Seq: seq, Place: &event.Place{LatE7: lat, LonE7: 5, Datum: "WGS-84", Source: "gnss"}}
		events = append(events, export.Placed{Event: p, Body: b, ID: eventtest.ID("x"), By: "Li"})
	}
	add(1, 3, 30, &event.NoteWritten{Text: "n"})
	add(1, 1, 10, &event.SampleCollected{Label: "S-1"})
	add(2, 1, 99, &event.PhotoCaptured{Shows: "drums"})
	add(1, 2, 20, &event.CustodyOffered{})
	list := export.Features(events)
	var kinds []string
	for _, f := range list {
		kinds = append(kinds, f.Kind)
	}
	if !slices.Equal(kinds, []string{"note", "sample", "photo", "track"}) {
		t.Fatal(kinds)
	}
	if track := list[3].Track; !slices.Equal(track, [][2]int64{{10, 5}, {20, 5}, {30, 5}}) {
		t.Error(track)
	}
}
