package container

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var when = time.Date(2026, 11, 24, 9, 30, 2, 0, time.UTC)

type source struct {
	name    string
	data    string
	deflate bool
}

func deflated(t testing.TB, data string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func entryOf(t testing.TB, s source) (Entry, []byte) {
	e := Entry{Name: s.name, CRC: crc32.ChecksumIEEE([]byte(s.data)), Size: int64(len(s.data)), Packed: int64(len(s.data))}
	raw := []byte(s.data)
	if s.deflate {
		raw = deflated(t, s.data)
		e.Method, e.Packed = Deflated, int64(len(raw))
	}
	return e, raw
}

func build(t testing.TB, list []source) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, when)
	var entries []Entry
	for _, s := range list {
		e, raw := entryOf(t, s)
		if err := w.Add(e, bytes.NewReader(raw)); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := Length(entries); got != int64(out.Len()) {
		t.Fatalf("Length says %d, the container has %d bytes", got, out.Len())
	}
	return out.Bytes()
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"a\":%d}\n", i)
	}
	return b.String()
}

var some = []source{
	{"bag/bagit.txt", "BagIt-Version: 1.0\n", false},
	{"bag/data/events.ndjson", numbers(4000), true},
	{"bag/data/empty", "", false},
	{"bag/data/empty-deflated", "", true},
	{"bag/data/media/a.jpg", "\xff\xd8\x00picture", false},
}

func open(b []byte) (*Archive, error) { return Open(bytes.NewReader(b), int64(len(b))) }

func TestRoundTrip(t *testing.T) {
	b := build(t, some)
	a, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	if !a.Time().Equal(when) {
		t.Errorf("time is %v, want %v", a.Time(), when)
	}
	if len(a.Entries()) != len(some) {
		t.Fatalf("%d entries, want %d", len(a.Entries()), len(some))
	}
	for i, s := range some {
		e, ok := a.Find(s.name)
		if !ok || e.Name != a.Entries()[i].Name {
			t.Fatalf("%s is not found in its place", s.name)
		}
		h := sha256.New()
		got, err := io.ReadAll(a.Open(e, h))
		if err != nil || string(got) != s.data {
			t.Fatalf("%s: %v, %d bytes", s.name, err, len(got))
		}
		raw, err := io.ReadAll(a.Raw(e))
		if err != nil || [32]byte(h.Sum(nil)) != sha256.Sum256(raw) {
			t.Fatalf("%s: the packed bytes were not hashed whole (%v)", s.name, err)
		}
	}
	if _, ok := a.Find("bag/none"); ok {
		t.Error("found an entry that is not there")
	}
	if again := build(t, some); !bytes.Equal(again, b) {
		t.Error("the same contents gave another container")
	}
}

// TestOtherReaders has programs that are not ours read the container.
func TestOtherReaders(t *testing.T) {
	b := build(t, some)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != some[i].data || f.Name != some[i].name || !f.Modified.Equal(when) || f.Mode() != 0o644 {
			t.Errorf("archive/zip reads %s as %d bytes, %v %v, %v", f.Name, len(got), f.Mode(), f.Modified, err)
		}
	}
	unzip, err := exec.LookPath("unzip")
	if err != nil {
		t.Log("unzip is not installed; archive/zip alone has read the container")
		return
	}
	path := filepath.Join(t.TempDir(), "b.zip")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(unzip, "-t", path).CombinedOutput(); err != nil {
		t.Fatalf("unzip -t: %v\n%s", err, out)
	}
}

// readAll opens a container and reads all of it, which is when damage to data shows.
func readAll(b []byte) (map[string]string, error) {
	a, err := open(b)
	if err != nil {
		return nil, err
	}
	got := map[string]string{}
	for _, e := range a.Entries() {
		data, err := io.ReadAll(a.Open(e, nil))
		if err != nil {
			return nil, err
		}
		got[e.Name] = string(data)
	}
	return got, nil
}

// TestEveryBit flips every bit. What is not refused must leave every file as it was.
func TestEveryBit(t *testing.T) {
	list := []source{{"b/a.txt", "some text, some text, some text", true}, {"b/media/x", "raw", false}}
	b := build(t, list)
	want, err := readAll(b)
	if err != nil {
		t.Fatal(err)
	}
	free := 0
	for i := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			got, err := readAll(c)
			if err != nil {
				if !errors.Is(err, ErrNotContainer) && !errors.Is(err, ErrProfile) && !errors.Is(err, ErrData) {
					t.Fatalf("byte %d bit %d: error of no known kind: %v", i, bit, err)
				}
				continue
			}
			free++
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("byte %d bit %d: accepted with other files", i, bit)
			}
		}
	}
	// The date and time words (twice each entry) agree in no single flip; what
	// stays free are the padding bits of one deflate stream.
	if free > 14 {
		t.Errorf("%d flipped bits went unnoticed, only deflate's padding may", free)
	}
	for n := range b {
		if _, err := readAll(b[:n]); err == nil {
			t.Errorf("cut to %d bytes it is accepted", n)
		}
	}
}

func TestRefused(t *testing.T) {
	good := build(t, some)
	stdzip := func(f func(w *zip.Writer)) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		f(w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	put := func(w *zip.Writer, h *zip.FileHeader, data string) {
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, data); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string][]byte{
		"empty":                 {},
		"text":                  []byte("not a zip file, but long enough to be looked at"),
		"junk before":           append([]byte("x"), good...),
		"self-extractor before": append(bytes.Repeat([]byte{0x90}, 512), good...),
		"junk behind":           append(bytes.Clone(good), 0),
		"two containers":        append(bytes.Clone(good), good...),
		"data descriptors":      stdzip(func(w *zip.Writer) { put(w, &zip.FileHeader{Name: "a", Method: zip.Deflate, Modified: when}, "data") }),
		"comment": stdzip(func(w *zip.Writer) {
			put(w, &zip.FileHeader{Name: "a"}, "data")
			if err := w.SetComment("see me"); err != nil {
				t.Fatal(err)
			}
		}),
		"folder": stdzip(func(w *zip.Writer) { put(w, &zip.FileHeader{Name: "a/"}, "") }),
		"link": stdzip(func(w *zip.Writer) {
			h := &zip.FileHeader{Name: "a"}
			h.SetMode(0o777 | os.ModeSymlink)
			put(w, h, "/etc/passwd")
		}),
		"extra field": stdzip(func(w *zip.Writer) { put(w, &zip.FileHeader{Name: "a", Extra: []byte{1, 2, 0, 0}}, "data") }),
	}
	for name, b := range cases {
		_, err := open(b)
		if !errors.Is(err, ErrNotContainer) && !errors.Is(err, ErrProfile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForgedFraming assembles containers with the package's own pieces, so that
// only the trick in question is wrong.
func TestForgedFraming(t *testing.T) {
	one, raw1 := entryOf(t, source{"b/one", "first file", false})
	two, raw2 := entryOf(t, source{"b/two", strings.Repeat("second ", 50), true})
	at := toDOS(when)
	assemble := func(change func(e []Entry) (body []byte)) []byte {
		e := []Entry{one, two}
		e[1].header = int64(len(appendLocal(nil, &one, at))) + one.Packed
		body := change(e)
		return append(body, tail(e, at, int64(len(body)))...)
	}
	body := func(e []Entry, gap int) []byte {
		b := append(appendLocal(nil, &one, at), raw1...)
		b = append(b, make([]byte, gap)...)
		return append(append(b, appendLocal(nil, &two, at)...), raw2...)
	}
	if _, err := open(assemble(func(e []Entry) []byte { return body(e, 0) })); err != nil {
		t.Fatal("the forge itself is broken:", err)
	}
	cases := map[string]func(e []Entry) []byte{
		"gap":            func(e []Entry) []byte { e[1].header += 3; return body(e, 3) },
		"gap at the end": func(e []Entry) []byte { return append(body(e, 0), 0) },
		"overlap":        func(e []Entry) []byte { e[1].header = 0; return body(e, 0) },
		"same data twice": func(e []Entry) []byte {
			e[1] = e[0]
			e[1].Name = "b/six"
			return append(appendLocal(nil, &one, at), raw1...)
		},
		"duplicate name":           func(e []Entry) []byte { e[1].Name = "b/one"; return body(e, 0) },
		"duplicate but for case":   func(e []Entry) []byte { e[1].Name = "b/oNe"; return body(e, 0) },
		"file is also a folder":    func(e []Entry) []byte { e[1].Name = "b/one/x"; return body(e, 0) },
		"folder is also a file":    func(e []Entry) []byte { e[1].Name = "b"; return body(e, 0) },
		"directory other name":     func(e []Entry) []byte { e[1].Name = "b/owt"; return body(e, 0) },
		"directory other size":     func(e []Entry) []byte { e[1].Size++; return body(e, 0) },
		"directory other CRC":      func(e []Entry) []byte { e[1].CRC ^= 1; return body(e, 0) },
		"directory other method":   func(e []Entry) []byte { e[0].Method = Deflated; return body(e, 0) },
		"reaches into directory":   func(e []Entry) []byte { e[1].Packed += 400; return body(e, 0) },
		"unknown method":           func(e []Entry) []byte { e[0].Method = 12; return body(e, 0) },
		"stored sizes differ":      func(e []Entry) []byte { e[0].Size = 4; return body(e, 0) },
		"bomb":                     func(e []Entry) []byte { e[1].Size = e[1].Packed*MaxRatio + 1; return body(e, 0) },
		"size beyond all":          func(e []Entry) []byte { e[1].Size = 1 << 60; return body(e, 0) },
		"absolute":                 func(e []Entry) []byte { e[1].Name = "/b/two"; return body(e, 0) },
		"parent":                   func(e []Entry) []byte { e[1].Name = "b/../two"; return body(e, 0) },
		"dot":                      func(e []Entry) []byte { e[1].Name = "b/./two"; return body(e, 0) },
		"backslash":                func(e []Entry) []byte { e[1].Name = `b\two`; return body(e, 0) },
		"drive":                    func(e []Entry) []byte { e[1].Name = "c:two"; return body(e, 0) },
		"empty part":               func(e []Entry) []byte { e[1].Name = "b//two"; return body(e, 0) },
		"trailing slash":           func(e []Entry) []byte { e[1].Name = "b/two/"; return body(e, 0) },
		"trailing dot":             func(e []Entry) []byte { e[1].Name = "b/two."; return body(e, 0) },
		"zero byte":                func(e []Entry) []byte { e[1].Name = "b/two\x00"; return body(e, 0) },
		"not ASCII":                func(e []Entry) []byte { e[1].Name = "b/zwei\u00e9"; return body(e, 0) },
		"no name":                  func(e []Entry) []byte { e[1].Name = ""; return body(e, 0) },
		"name too long":            func(e []Entry) []byte { e[1].Name = strings.Repeat("n", 256); return body(e, 0) },
		"order of directory turns": func(e []Entry) []byte { e[0], e[1] = e[1], e[0]; return body(e, 0) },
	}
	for name, change := range cases {
		if _, err := open(assemble(change)); !errors.Is(err, ErrProfile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDamagedData gives entries whose framing is right and whose data is not.
func TestDamagedData(t *testing.T) {
	text := strings.Repeat("custody ", 100)
	packed := deflated(t, text)
	crc := crc32.ChecksumIEEE([]byte(text))
	cases := map[string]struct {
		e   Entry
		raw []byte
	}{
		"longer than stated":   {Entry{Method: Deflated, CRC: crc, Size: int64(len(text) - 1)}, packed},
		"shorter than stated":  {Entry{Method: Deflated, CRC: crc, Size: int64(len(text) + 1)}, packed},
		"other CRC":            {Entry{Method: Deflated, CRC: crc ^ 1, Size: int64(len(text))}, packed},
		"bytes behind stream":  {Entry{Method: Deflated, CRC: crc, Size: int64(len(text))}, append(bytes.Clone(packed), 0)},
		"stream cut off":       {Entry{Method: Deflated, CRC: crc, Size: int64(len(text))}, packed[:len(packed)-2]},
		"not a deflate stream": {Entry{Method: Deflated, CRC: crc, Size: int64(len(text))}, []byte(strings.Repeat("\xff", 90))},
		"stored, other CRC":    {Entry{CRC: crc ^ 1, Size: int64(len(text))}, []byte(text)},
	}
	for name, c := range cases {
		c.e.Name, c.e.Packed = "b/x", int64(len(c.raw))
		var out bytes.Buffer
		w := NewWriter(&out, when)
		if err := w.Add(c.e, bytes.NewReader(c.raw)); err != nil {
			t.Fatal(name, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(name, err)
		}
		a, err := open(out.Bytes())
		if err != nil {
			t.Fatal(name, err)
		}
		n, err := io.Copy(io.Discard, a.Open(a.Entries()[0], nil))
		var d *DataError
		if !errors.As(err, &d) || d.Name != "b/x" {
			t.Errorf("%s: %v", name, err)
		}
		if n > c.e.Size {
			t.Errorf("%s: gave %d bytes, stated were %d", name, n, c.e.Size)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	e, raw := entryOf(t, source{"b/x", "data", false})
	long := e
	long.Size, long.Packed = 5, 5
	short := e
	short.Size, short.Packed = 3, 3
	for name, c := range map[string]struct {
		add  []Entry
		want error
	}{
		"twice":     {[]Entry{e, e}, ErrProfile},
		"too short": {[]Entry{long}, ErrData},
		"too long":  {[]Entry{short}, ErrData},
		"bad name":  {[]Entry{{Name: "../x"}}, ErrProfile},
	} {
		w := NewWriter(io.Discard, when)
		var err error
		for _, e := range c.add {
			if err == nil {
				err = w.Add(e, bytes.NewReader(raw))
			}
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// hole is a file of zeros with some bytes put in, as large as one likes.
type hole struct {
	size  int64
	parts map[int64][]byte
}

func (h hole) ReadAt(p []byte, at int64) (int, error) {
	clear(p)
	n := int(min(int64(len(p)), h.size-at))
	for off, b := range h.parts {
		for i, c := range b {
			if k := off + int64(i) - at; k >= 0 && k < int64(n) {
				p[k] = c
			}
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// TestZip64 opens containers beyond 4 GiB and beyond 65,535 entries.
func TestZip64(t *testing.T) {
	at := toDOS(when)
	h := hole{parts: map[int64][]byte{}}
	var entries []Entry
	for i, n := range []int64{5 << 30, full32, full32 - 1, 7} {
		e := Entry{Name: fmt.Sprintf("b/media/%d", i), Size: n, Packed: n, header: h.size}
		head := appendLocal(nil, &e, at)
		h.parts[h.size] = head
		h.size += int64(len(head)) + n
		entries = append(entries, e)
	}
	end := tail(entries, at, h.size)
	h.parts[h.size] = end
	h.size += int64(len(end))
	if h.size != Length(entries) {
		t.Errorf("Length says %d, want %d", Length(entries), h.size)
	}
	a, err := Open(h, h.size)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range a.Entries() {
		if e != entries[i] {
			t.Errorf("entry %d is %+v, want %+v", i, e, entries[i])
		}
	}
	z, err := zip.NewReader(h, h.size)
	if err != nil {
		t.Fatal("archive/zip:", err)
	}
	for i, f := range z.File {
		off, err := f.DataOffset()
		if err != nil || int64(f.UncompressedSize64) != entries[i].Size || off != h.size0(entries[i], at) {
			t.Errorf("archive/zip reads entry %d otherwise: %d bytes at %d, %v", i, f.UncompressedSize64, off, err)
		}
	}
	var many []source
	for i := range 66_000 {
		many = append(many, source{fmt.Sprintf("b/%d", i), "", false})
	}
	b := build(t, many)
	if a, err = open(b); err != nil || len(a.Entries()) != len(many) {
		t.Fatalf("66,000 entries: %v", err)
	}
	if z, err = zip.NewReader(bytes.NewReader(b), int64(len(b))); err != nil || len(z.File) != len(many) {
		t.Fatalf("archive/zip with 66,000 entries: %v", err)
	}
}

func (h hole) size0(e Entry, at dosTime) int64 {
	return e.header + int64(len(appendLocal(nil, &e, at)))
}

func TestTooMany(t *testing.T) {
	d := directory{MaxEntries + 1, 0, 0}
	b := appendEnd(nil, d)
	if _, err := open(b); !errors.Is(err, ErrNotContainer) {
		t.Error(err)
	}
}

func TestTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-1<<33, 1<<34).Draw(t, "unix"), 0)
		d := toDOS(at)
		back, ok := d.at()
		if !ok || !back.Equal(Stamp(at)) {
			t.Fatalf("%v became %v", at, back)
		}
	})
}

func TestProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var list []source
		for i := range rapid.IntRange(0, 12).Draw(rt, "n") {
			n := rapid.IntRange(0, 3000).Draw(rt, "len")
			data := make([]byte, n)
			rng := rand.New(rand.NewPCG(uint64(i), uint64(n)))
			for k := range data {
				data[k] = byte(rng.IntN(7) * 31)
			}
			list = append(list, source{fmt.Sprintf("b/%d/f", i), string(data), rapid.Bool().Draw(rt, "deflate") && n > 0})
		}
		got, err := readAll(build(t, list))
		if err != nil {
			rt.Fatal(err)
		}
		for _, s := range list {
			if got[s.name] != s.data {
				rt.Fatalf("%s came back changed", s.name)
			}
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add(build(f, some))
	f.Add(build(f, some[:1]))
	f.Add(build(f, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := open(b)
		if err != nil {
			return
		}
		// What is accepted is what the writer makes of the same entries.
		var out bytes.Buffer
		w := NewWriter(&out, a.Time())
		for _, e := range a.Entries() {
			if err := w.Add(e, a.Raw(e)); err != nil {
				t.Fatalf("accepted, but cannot be written: %v", err)
			}
			n, err := io.Copy(io.Discard, a.Open(e, nil))
			if err == nil && n != e.Size || n > e.Size {
				t.Fatalf("%s gave %d bytes of %d", e.Name, n, e.Size)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if len(a.Entries()) > 0 && !bytes.Equal(out.Bytes(), b) {
			t.Fatal("accepted in another form than the writer's")
		}
	})
}
