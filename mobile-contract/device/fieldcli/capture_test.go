package fieldcli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/api/server/servertest"
)

// scene is a kit with a case, a site and an instrument.
func scene(t *testing.T) *kit {
	t.Helper()
	s := servertest.Start(t)
	k := enrolled(t, s, "Li Wei", s.Org)
	k.ok("case", "open", "--number", "1", "--title", "t", "--authority", "a")
	k.ok("instrument", "add", "--make", "RAE", "--serial", "594", "--sensor", "pid", "--unit", "ppb", "--range-high", "100")
	return k
}

// bodies gives the bodies of a type of event, in order.
func (k *kit) bodies(typ string) []any {
	k.t.Helper()
	var out []any
	for _, e := range k.array("list", "events", "--type", typ) {
		out = append(out, member(k.object("show", e["id"].(string)), "body"))
	}
	return out
}

// The raw bytes of all segments, behind the preamble, are the file.
func TestAirFile(t *testing.T) {
	k := scene(t)
	var csv strings.Builder
	csv.WriteString("time,pid[ppb],temperature[Cel]\n")
	for i := range 400 {
		fmt.Fprintf(&csv, "2026-05-01T09:%02d:%02d+08:00,%d.50,21.%d\n", 30+i/60, i%60, i, i%10)
	}
	csv.WriteString("2026-05-01T09:37:00+08:00,NA,21.0\nnonsense\n")
	path := write(t, "air.csv", csv.String())
	got := k.object("capture", "air", path, "--instrument", "RAE 594")
	if got["rows"] != 402.0 || got["segments"] != float64(len(k.bodies("air.segment"))) || got["segments"].(float64) < 6 {
		t.Errorf("%v", got)
	}
	start := k.bodies("air.started")[0]
	if member(start, "source") != "file" || member(start, "format") != "generic-csv" || member(start, "file", "sha256") == nil {
		t.Errorf("started %v", start)
	}
	raw := decode(t, member(start, "preamble"))
	over := 0.0
	for _, seg := range k.bodies("air.segment") {
		raw = append(raw, decode(t, member(seg, "raw"))...)
		if n, ok := member(seg.(map[string]any)["figures"].([]any)[0], "over_range").(float64); ok {
			over += n
		}
	}
	if string(raw) != csv.String() {
		t.Error("the segments are not the file, byte for byte")
	}
	if over != 300 { // 100.50 to 399.50
		t.Errorf("%v values over the range", over)
	}
	if end := k.bodies("air.ended")[0]; member(end, "rows") != 402.0 || member(end, "reason") != "end of file" {
		t.Errorf("ended %v", end)
	}
	k.fails(2, "no readings", "capture", "air", write(t, "empty.csv", "time,pid[ppb]\n"), "--instrument", "594")
	k.fails(2, "which instrument", "capture", "air", path)
	if n := len(k.bodies("air.started")); n != 1 {
		t.Errorf("%d series, a refused file must not begin one", n)
	}
}

func decode(t *testing.T, v any) []byte {
	t.Helper()
	text, _ := v.(string)
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A live stream is sealed while it runs, by the clock too: a silent instrument does not
// hold back what it said. ^C ends it in good order.
func TestAirLive(t *testing.T) {
	k := scene(t)
	in, feed := io.Pipe()
	ctx, interrupt := context.WithCancel(t.Context())
	live := &kit{t: t, store: k.store, env: k.env, in: in, ctx: ctx}
	var wg sync.WaitGroup
	var out string
	var status int
	wg.Go(func() { out, _, status = live.run("capture", "air", "-", "--instrument", "594", "--every", "50ms") })
	send := func(n int) {
		for i := range n {
			fmt.Fprintf(feed, "{\"time\":\"2026-05-01T09:30:%02d+08:00\",\"values\":{\"pid\":%d.5}}\n", i, i)
		}
	}
	sealed := func() (rows float64) {
		for _, seg := range k.bodies("air.segment") {
			rows += member(seg, "rows").(float64)
		}
		return rows
	}
	wait := func(want float64) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for sealed() < want {
			if time.Now().After(deadline) {
				t.Fatalf("%v rows are sealed, %v were sent", sealed(), want)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	send(3)
	wait(3) // the stream is silent now, and still open
	send(2)
	wait(5)
	interrupt()
	wg.Wait()
	if status != 0 || !strings.Contains(out, "5 rows") {
		t.Errorf("status %d: %s", status, out)
	}
	end := k.bodies("air.ended")
	if len(end) != 1 || member(end[0], "rows") != 5.0 || member(end[0], "reason") != "stopped by the operator" {
		t.Errorf("ended %v", end)
	}
	if start := k.bodies("air.started")[0]; member(start, "source") != "live" || member(start, "format") != "ndjson" {
		t.Errorf("started %v", start)
	}
	_ = feed.Close()

	k.in = strings.NewReader("time,pid[ppb]\n2026-05-01T09:30:00+08:00,1.5\n2026-05-01T09:30:01+08:00,2.5")
	if out := k.ok("air", "-", "--instrument", "594"); !strings.Contains(out, "2 rows") {
		t.Errorf("%s", out)
	}
	k.in = strings.NewReader("")
	k.fails(2, "no reading arrived", "capture", "air", "-", "--instrument", "594")
}

// picture makes a small JPEG that differs by seed.
func picture(t *testing.T, seed int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	for y := range 48 {
		for x := range 64 {
			img.SetGray(x, y, color.Gray{Y: uint8(x*seed*3 + y*7)})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPhotos(t *testing.T) {
	k := scene(t)
	dir := t.TempDir()
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("IMG_%d.JPG", i)), picture(t, i+1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := k.array("capture", "photo", dir, "--seal-visible", "no", "--about", "instrument:RAE 594", "--heading", "270.25")
	if len(got) != 3 {
		t.Fatalf("%d photos", len(got))
	}
	for i, g := range got {
		if member(g, "body", "media", "type") != "image/jpeg" || member(g, "body", "shows") != fmt.Sprintf("IMG_%d.JPG", i) ||
			member(g, "body", "exif", "width") != 64.0 || len(member(g, "body", "exif", "phash").(string)) != 16 || member(g, "body", "heading_cdeg") != 27025.0 {
			t.Errorf("%v", g)
		}
	}
	k.fails(2, "seal_visible", "capture", "photo", dir)
	k.fails(2, "capture file", "capture", "photo", filepath.Join(dir, "notes.txt"), "--seal-visible", "no")
	if n := len(k.array("list", "events", "--type", "photo.captured")); n != 3 {
		t.Errorf("%d photos, refused ones must not add any", n)
	}
	k.fails(2, "no picture", "capture", "photo", t.TempDir(), "--seal-visible", "no")
	k.ok("sync")
	k.ok("sync")
	if st := k.object("status"); st["safe"] != true {
		t.Errorf("%v", st["lines"])
	}
}

// A laboratory file is imported whole or not at all, after a preview.
func TestResultsImport(t *testing.T) {
	k := scene(t)
	k.ok("capture", "sample", "--matrix", "water", "--label", "W-1")
	var good strings.Builder
	good.WriteString("sys_sample_code,chemical_name,cas_rn,result_value,result_unit,analytical_method,detect_flag,analysis_date\n")
	for i := range 450 {
		fmt.Fprintf(&good, "W-1,Analyte %d,,%d.10,mg/L,HJ 776,Y,2026-05-0%d\n", i, i, 1+i%9)
	}
	path := write(t, "good.csv", good.String())
	pre := k.object("lab", "results", "import", path, "--report-no", "R-1", "--preview")
	if pre["importable"] != true || pre["rows"] != 450.0 {
		t.Fatalf("preview %v", pre)
	}
	if n := len(k.array("list", "events", "--type", "results.reported")); n != 0 {
		t.Errorf("a preview sealed %d records", n)
	}
	k.ok("lab", "results", "import", path, "--report-no", "R-1")
	parts := k.bodies("results.reported")
	rows := 0
	for i, p := range parts {
		rows += len(member(p, "results").([]any))
		if member(p, "part") != float64(i+1) || member(p, "parts") != 3.0 || member(p, "source", "sha256") == nil || member(p, "report") != member(parts[0], "report") {
			t.Errorf("part %d: %v %v", i, member(p, "part"), member(p, "parts"))
		}
	}
	if len(parts) != 3 || rows != 450 {
		t.Errorf("%d rows in %d parts", rows, len(parts))
	}
	first := member(parts[0], "results").([]any)[0]
	if member(first, "sample", "kind") != "sample" || member(first, "text") != "0.10" || member(first, "analysed_on") != "2026-05-01" || member(first, "row") != 2.0 {
		t.Errorf("%v", first)
	}
	k.ok("lab", "sign", "R-1", "--as", "approver")

	bad := strings.Replace(good.String(), "W-1,Analyte 7,,7.10,mg/L", "W-1,Analyte 7,,7.10,furlongs", 1)
	k.fails(1, "nothing was imported", "lab", "results", "import", write(t, "bad.csv", bad), "--report-no", "R-2")
	k.fails(1, "line 9", "lab", "results", "import", write(t, "bad.csv", bad), "--report-no", "R-2", "--preview")
	k.fails(2, "no table", "lab", "results", "import", write(t, "x.csv", "a,b\n1,2\n"), "--report-no", "R-3")
	if n := len(k.bodies("results.reported")); n != 3 {
		t.Errorf("%d records after refused imports", n)
	}
	k.ok("sync")
}

func TestQuantityImport(t *testing.T) {
	k := scene(t)
	k.ok("party", "add", "--kind", "company", "--name", "Dye Works")
	csv := "waybill_no,plate,shipper,carrier,waste,waste_code,gross_kg,tare_kg,net_kg,load_time,load_place,tip_place\n" +
		"WB-1,A1,Dye Works,Fast Freight,solvent,900-402-06,1500,500,1000,2026-05-01T08:00:00+08:00,yard,ditch\n" +
		"WB-2,A1,Dye Works,Fast Freight,solvent,900-402-06,1200,500,700,2026-05-02T08:00:00+08:00,yard,ditch\n"
	path := write(t, "waybills.csv", csv)
	if pre := k.object("quantity", "import", path, "--preview"); pre["importable"] != true {
		t.Fatalf("%v", pre)
	}
	k.ok("quantity", "import", path)
	got := k.bodies("quantity.recorded")
	if len(got) != 2 || member(got[0], "net_kg", "n") != 1000.0 || member(got[0], "tier") != "weighed" || member(got[0], "waybill_no") != "WB-1" ||
		member(got[0], "from") != "2026-05-01T08:00:00+08:00" || member(got[0], "route") != "yard → ditch" || member(got[0], "media", "sha256") == nil {
		t.Errorf("%v", got)
	}
	if parties := k.array("list", "items", "--kind", "party"); len(parties) != 2 {
		t.Errorf("parties %v", parties)
	}
	manifest := filepath.Join("..", "manifest", "testdata")
	entries, err := os.ReadDir(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".json" {
			out, errOut, status := k.run("quantity", "import", filepath.Join(manifest, e.Name()), "--leave-out")
			if status == 2 {
				t.Errorf("%s: %s%s", e.Name(), out, errOut)
			}
		}
	}
	empty := strings.Replace(csv, "1200,500,700", ",,", 1)
	k.fails(1, "neither a mass nor containers", "quantity", "import", write(t, "e.csv", empty))
	before := len(k.bodies("quantity.recorded"))
	k.ok("quantity", "import", write(t, "e.csv", empty), "--leave-out")
	if n := len(k.bodies("quantity.recorded")); n != before+1 {
		t.Errorf("%d quantities, %d before", n, before)
	}
}
