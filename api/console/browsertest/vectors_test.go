package browsertest_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"fieldseal/api/console"
	"fieldseal/api/console/browsertest"
	"fieldseal/mobile-contract/vectors"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// policy is the content security policy that the desks' pages have.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'"

// static serves the console's own files, the test's, and an empty page.
func static(t *testing.T) *httptest.Server {
	t.Helper()
	files, err := fs.Sub(console.Static, "static")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /js/", http.FileServerFS(files))
	mux.Handle("GET /test/", http.StripPrefix("/test/", http.FileServerFS(os.DirFS("testdata"))))
	mux.Handle("GET /vectors/", http.StripPrefix("/vectors/", http.FileServerFS(vectors.Files)))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><html lang="en"><title>Vectors</title><link rel="icon" href="data:,">`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

type keyring map[event.UUID]seal.PublicKey

func (k keyring) DeviceKey(d event.UUID) (seal.PublicKey, bool, error) {
	key, ok := k[d]
	return key, ok, nil
}

// The sealing code of the browser does with every vector of the mobile contract what
// the vector says, and what it seals is taken by the code that the server runs.
func TestSealingPassesTheVectors(t *testing.T) {
	s := static(t)
	p := browsertest.Open(t, s.URL)
	p.Go("/")
	scenarios, err := vectors.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	sealed, refused, left := 0, 0, map[string]int{}
	for _, v := range scenarios {
		var got struct {
			Faults  []string
			Sealed  []struct{ Line, Device, ID string }
			Refused int
			Left    []string
		}
		p.Eval(run("lines", v.Name), &got)
		for _, f := range got.Faults {
			t.Error(f)
		}
		keys := keyringOf(t, v)
		for _, l := range got.Sealed {
			ok, refusal, err := seal.Verify([]byte(l.Line), keys)
			if err != nil || refusal != nil {
				t.Errorf("%s: what the browser sealed is refused: %v %v", v.Name, refusal, err)
			} else if ok.ID().String() != l.ID {
				t.Errorf("%s: the browser has the id %s, the server %s", v.Name, l.ID, ok.ID())
			}
		}
		sealed, refused = sealed+len(got.Sealed), refused+got.Refused
		for _, c := range got.Left {
			left[c]++
		}
	}
	if sealed < 100 || refused < 100 {
		t.Errorf("only %d lines were sealed and %d refused: the vectors have more", sealed, refused)
	}
	t.Logf("%d lines sealed in the browser and verified by the server, %d refused by the browser, left to the server: %v", sealed, refused, left)
}

func TestBuildingBlocksPassTheVectors(t *testing.T) {
	s := static(t)
	p := browsertest.Open(t, s.URL)
	p.Go("/")
	basics, err := vectors.Basics()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range basics {
		var faults []string
		p.Eval(run("basics", b.Name), &faults)
		for _, f := range faults {
			t.Error(f)
		}
	}
	var faults []string
	p.Eval(`import('/test/vectors.js').then((m) => m.signatures(2000))`, &faults)
	for _, f := range faults {
		t.Error(f)
	}
}

// What the browser must refuse to write, so that it never seals what no server takes.
func TestWriterRefuses(t *testing.T) {
	s := static(t)
	p := browsertest.Open(t, s.URL)
	p.Go("/")
	for _, bad := range []string{"null", "{a: null}", "1.5", "NaN", "2**53", `"\ud800"`, `{"\udfff": 1}`, "[undefined]", "() => 1", "new Date(0)", "new Map()", "Infinity"} {
		var text string
		p.Eval(`import('/js/json.js').then((m) => { try { return 'wrote ' + m.encode(`+bad+`) } catch (e) { return e.name } })`, &text)
		if text != "JSONError" {
			t.Errorf("%s: %s", bad, text)
		}
	}
	for good, want := range map[string]string{
		"{a: 1, b: undefined, c: [true, 'ü\\n']}": `{"a":1,"c":[true,"ü\n"]}`, "2n**63n - 1n": "9223372036854775807", "-0": "0", "{a: {}}": `{"a":{}}`,
	} {
		var text string
		p.Eval(`import('/js/json.js').then((m) => m.encode(`+good+`))`, &text)
		if text != want {
			t.Errorf("%s is written as %s, not %s", good, text, want)
		}
	}
	for text, want := range map[string]string{"12.340": `{"n":12340,"s":3}`, "-0.5": `{"n":-5,"s":1}`, "007": `{"n":7,"s":0}`, "9223372036854775807": `{"n":9223372036854775807,"s":0}`,
		"1e3": "null", "": "null", ".5": "null", "1.": "null", "9223372036854775808": "null", "1,5": "null", "0.1234567890123456789": "null"} {
		var got string
		p.Eval(`import('/js/seal.js').then((m) => { const d = m.decimal(`+jsText(t, text)+`); return d === null ? 'null' : m.encode(d) })`, &got)
		if got != want {
			t.Errorf("the figure %q becomes %s, not %s", text, got, want)
		}
	}
	for _, offset := range []int{0, 480, -210, 345} {
		var stamp string
		p.Eval(fmt.Sprintf(`import('/js/seal.js').then((m) => m.stampOf(new Date(1795492800250), %d))`, offset), &stamp)
		at, err := event.Stamp(stamp).At()
		if err != nil || at.UnixMilli() != 1795492800250 {
			t.Errorf("offset %d: %s: %v", offset, stamp, err)
		}
		if _, got := at.Zone(); got != offset*60 {
			t.Errorf("offset %d: %s has the offset %d", offset, stamp, got)
		}
	}
}

func jsText(t *testing.T, text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func run(what, name string) string {
	return fmt.Sprintf(`Promise.all([import('/test/vectors.js'), fetch('/vectors/%s.json').then((r) => r.json())]).then(([m, v]) => m.%s(v))`, name, what)
}

func keyringOf(t *testing.T, v vectors.Scenario) keyring {
	keys := keyring{}
	for _, d := range v.Devices {
		id, err := event.ParseUUID(d.Device)
		if err != nil {
			t.Fatal(err)
		}
		var spki []byte
		if err := json.Unmarshal([]byte(`"`+d.Key.SPKI+`"`), &spki); err != nil {
			t.Fatal(err)
		}
		key, err := seal.ParsePublicKey(event.Algorithm(d.Key.Alg), spki)
		if err != nil {
			t.Fatal(err)
		}
		keys[id] = key
	}
	return keys
}

// Contrast is that of WCAG: known pairs.
func TestContrast(t *testing.T) {
	for _, c := range []struct {
		ink, ground string
		want        string
	}{
		{"rgb(0, 0, 0)", "rgb(255, 255, 255)", "21.00"}, {"rgb(119, 119, 119)", "rgb(255, 255, 255)", "4.48"},
		{"rgb(118, 118, 118)", "rgb(255, 255, 255)", "4.54"}, {"rgba(0, 0, 0, 0.5)", "rgb(255, 255, 255)", "3.98"}, {"color(srgb 0 0 0)", "rgb(255 255 255)", "21.00"},
	} {
		got, err := browsertest.Contrast(c.ink, c.ground)
		if err != nil || fmt.Sprintf("%.2f", got) != c.want {
			t.Errorf("%s on %s: %.2f %v, want %s", c.ink, c.ground, got, err, c.want)
		}
	}
	if _, err := browsertest.Contrast("oklch(0.5 0 0)", "rgb(0,0,0)"); err == nil {
		t.Error("a colour that cannot be read was measured")
	}
}

// What a desk must never do fails the test of the page that does it.
func TestPageFindsFault(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		fmt.Fprint(w, `<!doctype html><title>Bad</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/s.css"><p class="pale">pale words</p><button></button><input>
			<div class="wide">x</div><img src="https://elsewhere.example/x.png" alt="x"><script>1</script><script src="/bad.js"></script>`)
	})
	mux.HandleFunc("GET /s.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		fmt.Fprint(w, `.pale { color: #aaa; background: #fff } .wide { width: 3000px }`)
	})
	mux.HandleFunc("GET /bad.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, `console.error('said so'); setTimeout(() => { window.thrown = true; throw new Error('boom') });`)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	inner := &recorder{TB: t}
	p := browsertest.Open(inner, s.URL)
	p.Go("/")
	p.Until("window.thrown")
	faults := p.AuditFaults()
	inner.end()
	said := strings.Join(append(faults, inner.errors...), "\n")
	for _, want := range []string{"has a contrast of 2.32", "a button has no name", "a textbox has no name", "pixels wider", `language ""`, "elsewhere.example", "said so", "boom", "Content Security Policy"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing was said of %q in\n%s", want, said)
		}
	}
}

// recorder takes the errors of a page that is meant to have some.
type recorder struct {
	testing.TB
	errors  []string
	cleanup []func()
}

func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }
func (r *recorder) Failed() bool      { return false }
func (r *recorder) Cleanup(fn func()) { r.cleanup = append(r.cleanup, fn) }
func (r *recorder) end() {
	for _, fn := range slices.Backward(r.cleanup) {
		fn()
	}
}
