package picture

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func inspect(t testing.TB, b []byte) Picture {
	t.Helper()
	p, err := Inspect(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func codes(ps []Problem) string {
	var c []string
	for _, p := range ps {
		c = append(c, string(p.Code))
	}
	return strings.Join(c, " ")
}

// phone is what a careful phone writes at 30.5702° N, 114.3162° E.
func phone() dirs {
	return dirs{
		ifd0: []tag{ascii(tagMake, "ACME"), ascii(tagModel, "测试 7"), short(tagOrientation, 6), ascii(tagModified, "2024:05:01 09:30:00")},
		exif: []tag{ascii(tagOriginal, "2024:05:01 09:30:00"), ascii(tagOffset+1, "+08:00"), ascii(tagSubSec+1, "050"), long(tagPixelX, 160), short(tagPixelY, 120)},
		gps: []tag{ascii(tagLatRef, "N"), rational(tagLat, 30, 1, 34, 1, 1272, 100), ascii(tagLonRef, "E"), rational(tagLon, 114, 1, 18, 1, 58321, 1000),
			{tagAltRef, typeByte, 1, []byte{1}}, rational(tagAlt, 12345, 1000), rational(tagGPSTime, 1, 1, 29, 1, 58, 1), ascii(tagGPSDate, "2024:05:01"),
			rational(tagGPSHError, 4500, 1000), ascii(tagDatum, "WGS-84"), ascii(tagDirectionRef, "T"), rational(tagDirection, 27055, 100), ascii(tagGPSStatus, "A"),
			{tagGPSMethod, typeUndefined, 11, []byte("ASCII\x00\x00\x00GPS")}},
		ifd1: []tag{long(tagThumbOffset, 8), long(tagThumbLength, 4)},
	}
}

func TestEverythingAPhoneWrites(t *testing.T) {
	j := encodeJPEG(t, scene(160, 120), 80)
	for name, file := range map[string][]byte{"jpeg": withExif(j, phone().block()), "png": encodePNG(t, scene(160, 120), phone().block()), "heic": heic(phone().block())} {
		t.Run(name, func(t *testing.T) {
			p := inspect(t, file)
			want := sizeConflict(name)
			if string(p.Format) != name || len(p.Problems) != 0 || codes(p.Conflicts) != want {
				t.Fatalf("%s: problems %v, conflicts %v", p.Format, p.Problems, p.Conflicts)
			}
			e := p.Exif
			if e.Make != "ACME" || e.Model != "测试 7" || e.Orientation != 6 || e.PixelWidth != 160 || e.PixelHeight != 120 || !e.Thumbnail {
				t.Errorf("exif %+v", e)
			}
			at, ok := e.Original.At()
			if !ok || at.Format(time.RFC3339Nano) != "2024-05-01T09:30:00.05+08:00" {
				t.Errorf("taken %v", at)
			}
			g := e.GPS
			if *g.LatE7 != 305702000 || *g.LonE7 != 1143162003 || !g.Rounded || *g.AltMM != -12345 || *g.ErrorMM != 4500 || *g.DirectionCDeg != 27055 {
				t.Errorf("gps %d %d %d %d %d", *g.LatE7, *g.LonE7, *g.AltMM, *g.ErrorMM, *g.DirectionCDeg)
			}
			if !g.Time.Equal(time.Date(2024, 5, 1, 1, 29, 58, 0, time.UTC)) || g.Datum != "WGS-84" || g.Status != "A" || g.Method != "GPS" || g.DirectionRef != "T" {
				t.Errorf("gps %+v", g)
			}
			c, ok := e.CheckTime()
			if !ok || c.Assumed || c.Age != 2*time.Second+50*time.Millisecond || c.Conflict() {
				t.Errorf("time check %+v", c)
			}
			switch name {
			case "heic":
				if p.Width != 4032 || p.Height != 3024 {
					t.Errorf("size %d × %d", p.Width, p.Height)
				}
			default:
				if p.Width != 160 || p.Height != 120 {
					t.Errorf("size %d × %d", p.Width, p.Height)
				}
			}
		})
	}
}

// sizeConflict: the HEIC holds a larger picture than its EXIF states.
func sizeConflict(name string) string {
	if name == "heic" {
		return string(SizeConflict)
	}
	return ""
}

func TestDefectsAndConflicts(t *testing.T) {
	set := func(ts []tag, n tag) []tag {
		out := []tag{}
		for _, x := range ts {
			if x.id == n.id {
				if n.kind == 0 {
					continue
				}
				x = n
			}
			out = append(out, x)
		}
		return out
	}
	gone := func(id uint16) tag { return tag{id: id} }
	cases := []struct {
		name               string
		spoil              func(d *dirs)
		problem, conflicts string
	}{
		{"good", func(d *dirs) {}, "", ""},
		{"no hemisphere", func(d *dirs) { d.gps = set(d.gps, gone(tagLatRef)) }, "NO_HEMISPHERE", ""},
		{"denominator zero", func(d *dirs) { d.gps = set(d.gps, rational(tagLat, 30, 0, 34, 1, 1, 1)) }, "BAD_POSITION", ""},
		{"absent seconds 0/0", func(d *dirs) { d.gps = set(d.gps, rational(tagLat, 30, 1, 34, 1, 0, 0)) }, "", ""},
		{"91 degrees", func(d *dirs) { d.gps = set(d.gps, rational(tagLat, 91, 1, 0, 1, 0, 1)) }, "BAD_POSITION", ""},
		{"75 minutes", func(d *dirs) { d.gps = set(d.gps, rational(tagLat, 30, 1, 75, 1, 0, 1)) }, "BAD_POSITION", ""},
		{"one fraction", func(d *dirs) { d.gps = set(d.gps, rational(tagLat, 30, 1)) }, "BAD_TAG BAD_POSITION", ""},
		{"no longitude", func(d *dirs) { d.gps = set(d.gps, gone(tagLon)) }, "BAD_POSITION", ""},
		{"zero position", func(d *dirs) {
			d.gps = set(set(d.gps, rational(tagLat, 0, 1, 0, 1, 0, 1)), rational(tagLon, 0, 1, 0, 1, 0, 1))
		}, "ZERO_POSITION", ""},
		{"no GPS date", func(d *dirs) { d.gps = set(d.gps, gone(tagGPSDate)) }, "GPS_NO_DATE", ""},
		{"GPS date of no day", func(d *dirs) { d.gps = set(d.gps, ascii(tagGPSDate, "2024:02:30")) }, "BAD_TIME", ""},
		{"25 o'clock", func(d *dirs) { d.gps = set(d.gps, rational(tagGPSTime, 25, 1, 0, 1, 0, 1)) }, "BAD_TIME", ""},
		{"time of no day", func(d *dirs) { d.exif = set(d.exif, ascii(tagOriginal, "2024:13:01 09:30:00")) }, "BAD_TIME", ""},
		{"time not known", func(d *dirs) { d.exif = set(d.exif, ascii(tagOriginal, "0000:00:00 00:00:00")) }, "", ""},
		{"offset none", func(d *dirs) { d.exif = set(d.exif, ascii(tagOffset+1, "+8")) }, "BAD_TIME", ""},
		{"orientation 9", func(d *dirs) { d.ifd0 = set(d.ifd0, short(tagOrientation, 9)) }, "BAD_TAG", ""},
		{"make not text", func(d *dirs) { d.ifd0 = set(d.ifd0, short(tagMake, 9)) }, "BAD_TAG", ""},
		{"make not UTF-8", func(d *dirs) { d.ifd0 = set(d.ifd0, ascii(tagMake, "\xff\xfe")) }, "BAD_TEXT", ""},
		{"make endless", func(d *dirs) { d.ifd0 = set(d.ifd0, ascii(tagMake, strings.Repeat("x", 5000))) }, "BAD_TEXT", ""},
		{"value outside", func(d *dirs) { d.ifd0 = set(d.ifd0, tag{tagMake, typeASCII, 1 << 31, []byte{0, 0, 0, 9}}) }, "BAD_TAG", ""},
		{"thumbnail outside", func(d *dirs) { d.ifd1 = []tag{long(tagThumbOffset, 8), long(tagThumbLength, 1<<30)} }, "BAD_TAG", ""},
		{"tag twice", func(d *dirs) { d.ifd0 = append(d.ifd0, ascii(tagMake, "B")) }, "BAD_TAG", ""},
		{"fix 27 h older", func(d *dirs) { d.gps = set(d.gps, ascii(tagGPSDate, "2024:04:30")) }, "", "EXIF_GPS_TIME_CONFLICT"},
		{"fix 27 h older, no offset", func(d *dirs) {
			d.exif = set(d.exif, gone(tagOffset+1))
			d.gps = set(d.gps, ascii(tagGPSDate, "2024:04:29"))
		}, "", "EXIF_GPS_TIME_CONFLICT"},
		{"no offset, near", func(d *dirs) { d.exif = set(d.exif, gone(tagOffset+1)) }, "", ""},
		{"wrong offset", func(d *dirs) { d.exif = set(d.exif, ascii(tagOffset+1, "+09:00")) }, "", "OFFSET_CONFLICT"},
		{"fix 8 min newer", func(d *dirs) { d.gps = set(d.gps, rational(tagGPSTime, 1, 1, 38, 1, 0, 1)) }, "", "EXIF_GPS_TIME_CONFLICT"},
		{"cropped", func(d *dirs) { d.exif = set(d.exif, long(tagPixelX, 4000)) }, "", "SIZE_CONFLICT"},
		{"turned", func(d *dirs) {
			d.exif = set(set(d.exif, long(tagPixelX, 120)), short(tagPixelY, 160))
		}, "", ""},
		{"changed later", func(d *dirs) { d.ifd0 = set(d.ifd0, ascii(tagModified, "2024:05:03 10:00:00")) }, "", "MODIFIED_LATER"},
		{"other datum", func(d *dirs) { d.gps = set(d.gps, ascii(tagDatum, "TOKYO")) }, "", "DATUM_NOT_WGS84"},
		{"magnetic", func(d *dirs) { d.gps = set(d.gps, ascii(tagDirectionRef, "M")) }, "", "MAGNETIC_HEADING"},
	}
	j := encodeJPEG(t, scene(160, 120), 80)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := phone()
			c.spoil(&d)
			p := inspect(t, withExif(j, d.block()))
			if codes(p.Problems) != c.problem || codes(p.Conflicts) != c.conflicts {
				t.Errorf("problems %v, conflicts %v; want %q, %q", p.Problems, p.Conflicts, c.problem, c.conflicts)
			}
			bad := strings.Contains(c.problem, "POSITION") || strings.Contains(c.problem, "HEMI")
			if (p.Exif.GPS.LatE7 == nil) != bad || (p.Exif.GPS.LonE7 == nil) != bad {
				t.Errorf("position %v %v", p.Exif.GPS.LatE7, p.Exif.GPS.LonE7)
			}
		})
	}
}

func TestSouthAndWest(t *testing.T) {
	d := dirs{gps: []tag{ascii(tagLatRef, "S"), rational(tagLat, 33, 1, 30, 1, 0, 1), ascii(tagLonRef, "w"), rational(tagLon, 70, 1, 36, 1, 36, 1)}}
	g := inspect(t, withExif(encodeJPEG(t, scene(20, 20), 80), d.block())).Exif.GPS
	if g.LatE7 == nil || *g.LatE7 != -335000000 || *g.LonE7 != -706100000 || g.Rounded {
		t.Errorf("33°30' S, 70°36'36\" W is %v %v", *g.LatE7, *g.LonE7)
	}
}

// The offset in front of a HEIC's EXIF item counts, whatever stands there.
func TestHEICOffset(t *testing.T) {
	file := bytes.Replace(heic(phone().block()), []byte("\x00\x00\x00\x06Exif\x00\x00"), []byte("\x00\x00\x00\x06junk!!"), 1)
	if p := inspect(t, file); p.Exif == nil || p.Exif.Make != "ACME" || len(p.Problems) != 0 {
		t.Errorf("%+v", p)
	}
}

func TestBrokenFiles(t *testing.T) {
	j := encodeJPEG(t, scene(160, 120), 80)
	good := withExif(j, phone().block())
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"two blocks":       {withExif(good, phone().block()), "DUPLICATE_EXIF"},
		"cut in exif":      {good[:300], "TRUNCATED TRUNCATED"},
		"cut before data":  {good[:2], "x"},
		"no byte order":    {withExif(j, []byte("XX\x00*\x00\x00\x00\x08")), "BAD_EXIF"},
		"short block":      {withExif(j, []byte("MM")), "BAD_EXIF"},
		"ifd outside":      {withExif(j, []byte("MM\x00*\xff\xff\xff\xff")), "BAD_EXIF"},
		"ifd cut":          {withExif(j, []byte("MM\x00*\x00\x00\x00\x08\x00\x05\x01")), "BAD_EXIF"},
		"ifd endless":      {withExif(j, append([]byte("MM\x00*\x00\x00\x00\x08\xff\xff"), make([]byte, 100)...)), "BAD_EXIF BAD_EXIF"},
		"no marker":        {append([]byte("\xff\xd8\xff\xe0\x00\x04ab"), "xxxx"...), "BAD_STRUCTURE"},
		"no length":        {[]byte("\xff\xd8\xff\xe0\x00\x00"), "BAD_STRUCTURE"},
		"no size":          {[]byte("\xff\xd8\xff\xda\x00\x02"), "BAD_STRUCTURE"},
		"png cut":          {encodePNG(t, scene(20, 20), nil)[:60], "TRUNCATED"},
		"png no header":    {append([]byte("\x89PNG\r\n\x1a\n"), "\x00\x00\x00\x00IDAT\x00\x00\x00\x00"...), "BAD_STRUCTURE"},
		"heic cut":         {heic(phone().block())[:40], "BAD_STRUCTURE"},
		"heic without box": {box("ftyp", []byte("heic\x00\x00\x00\x00mif1heic")), "TRUNCATED"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Inspect(bytes.NewReader(c.file), int64(len(c.file)))
			if c.want == "x" {
				if !errors.Is(err, ErrFormat) {
					t.Fatalf("got %v, want ErrFormat", err)
				}
				return
			}
			if err != nil || codes(p.Problems) != c.want {
				t.Errorf("%v, problems %v; want %s", err, p.Problems, c.want)
			}
		})
	}
	for _, text := range []string{"", "x", "%PDF-1.7 not a picture at all", "RIFF....WAVE"} {
		if _, err := Inspect(strings.NewReader(text), int64(len(text))); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v, want ErrFormat", text, err)
		}
	}
	for head, want := range map[string]Format{"GIF89a": GIF, "RIFF\x00\x00\x00\x00WEBPVP8 ": WebP, "II*\x00": TIFF, "\x00\x00\x00\x1cftypavif\x00\x00\x00\x00": AVIF} {
		if got := Sniff([]byte(head)); got != want || !strings.HasPrefix(got.MediaType(), "image/") {
			t.Errorf("%q is %s, want %s", head, got, want)
		}
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestErrorOfTheMedium(t *testing.T) {
	broken := errors.New("card gone")
	if _, err := Inspect(failing{broken}, 1000); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// hostile turns a seed and a number into a mutated block.
func hostile(r *rand.Rand, b []byte) []byte {
	out := bytes.Clone(b)
	for range 1 + r.Intn(8) {
		out[r.Intn(len(out))] = byte(r.Intn(256))
	}
	if r.Intn(4) == 0 {
		out = out[:r.Intn(len(out))]
	}
	return out
}

// A few changed bytes must cost neither memory nor a crash.
func TestMutatedFilesStayCheap(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	j := encodeJPEG(t, scene(40, 30), 80)
	seeds := [][]byte{withExif(j, phone().block()), encodePNG(t, scene(40, 30), phone().block()), heic(phone().block())}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 20000
	for i := range rounds {
		b := hostile(r, seeds[i%len(seeds)])
		p, err := Inspect(bytes.NewReader(b), int64(len(b)))
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
		if len(p.Problems) > maxProblems {
			t.Fatalf("%d problems", len(p.Problems))
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / rounds; each > 64<<10 {
		t.Errorf("%d bytes allocated for a file of %d", each, len(seeds[0]))
	}
}

// The real pictures, where they are at hand.
func TestSharedPhotos(t *testing.T) {
	const dir = "../../../../shared/data/photos/" // beside the repository
	for _, c := range []struct {
		name, model, taken, fix string
		w, h, lat, lon, alt     int64
		problems, conflicts     string
	}{
		{"apple-iphone-4.jpg", "iPhone 4", "2011:01:13 14:33:39", "", 1296, 968, 418530000, 124888333, 0, "GPS_NO_DATE", ""},
		{"apple-iphone-5.jpg", "iPhone 5", "2012:09:29 16:11:25", "", 3264, 2448, 476271667, -1223373333, 3984, "GPS_NO_DATE", ""},
		{"htc-desire.jpg", "HTC Desire", "2011:05:06 09:59:48", "2011-05-06T07:59:48Z", 776, 909, 455006667, 91103333, 217000, "", ""},
		{"nexus-4.jpg", "Nexus 4", "2013:01:20 18:54:08", "2013-01-19T15:50:09Z", 2448, 3264, 515624657, -773322, 63200, "", "EXIF_GPS_TIME_CONFLICT"},
		{"nokia-lumia-800.jpg", "Nokia Lumia 800", "2012:06:09 21:23:38", "", 2448, 3264, 533594650, -62582314, 35800, "", "MODIFIED_LATER"},
	} {
		b, err := os.ReadFile(dir + c.name)
		if err != nil {
			t.Skipf("the pictures are not here (%v); made-up ones are tested", err)
		}
		p := inspect(t, b)
		g := p.Exif.GPS
		fix := ""
		if g.Time != nil {
			fix = g.Time.Format(time.RFC3339Nano)
		}
		if p.Exif.Model != c.model || p.Exif.Original.Text != c.taken || fix != c.fix || p.Width != c.w || p.Height != c.h ||
			*g.LatE7 != c.lat || *g.LonE7 != c.lon || (c.alt != 0 && *g.AltMM != c.alt) || codes(p.Problems) != c.problems || codes(p.Conflicts) != c.conflicts {
			t.Errorf("%s: %+v %+v fix %s, lat %d lon %d", c.name, p, p.Exif, fix, *g.LatE7, *g.LonE7)
		}
		if c.name == "nexus-4.jpg" {
			chk, _ := p.Exif.CheckTime()
			if chk.Delta != 27*time.Hour+3*time.Minute+59*time.Second || !chk.Assumed || chk.Age < 22*time.Hour {
				t.Errorf("nexus-4: %+v", chk)
			}
		}
		before := bytes.Clone(b)
		h, err := Perceive(bytes.NewReader(b), int64(len(b)), p)
		if err != nil || h.Weak() || !bytes.Equal(before, b) {
			t.Errorf("%s: hash %s, %v", c.name, h, err)
		}
	}
}

func FuzzInspect(f *testing.F) {
	j := encodeJPEG(f, scene(40, 30), 80)
	for _, b := range [][]byte{nil, j, withExif(j, phone().block()), encodePNG(f, scene(40, 30), phone().block()), heic(phone().block())} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Inspect(bytes.NewReader(b), int64(len(b)))
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
		if p.Exif != nil && p.Exif.GPS != nil {
			if g := p.Exif.GPS; (g.LatE7 == nil) != (g.LonE7 == nil) || g.LatE7 != nil && (max(*g.LatE7, -*g.LatE7) > 90e7 || max(*g.LonE7, -*g.LonE7) > 180e7) {
				t.Fatalf("position %+v", g)
			}
		}
		if p.cost > 0 && p.cost < 1<<20 {
			_, _ = Perceive(bytes.NewReader(b), int64(len(b)), p)
		}
		_ = fmt.Sprint(p)
	})
}
