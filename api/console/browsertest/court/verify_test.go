package court_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"fieldseal/api/console/checker"
	"fieldseal/api/server/servertest"
)

// TestVerifyPage: everybody gets the page and its files, under a policy that lets
// the verifier run and nothing be sent elsewhere.
func TestVerifyPage(t *testing.T) {
	files, err := verifier()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Server: servertest.StartWith(t, servertest.Options{Verifier: files}), t: t}
	b := newReader(t, w, "")
	for lang, title := range map[string]string{"en": "Verify an evidence bundle", "zh": "核验证据包"} {
		b.lang = lang
		res, page := b.get("/desk/verify")
		if res.StatusCode != http.StatusOK || !strings.Contains(page, title) || !strings.Contains(page, checker.Digest(files.Page)) {
			t.Errorf("%s: %d", lang, res.StatusCode)
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "script-src 'self' 'wasm-unsafe-eval';") || !strings.Contains(policy, "worker-src 'self'") || !strings.Contains(policy, "connect-src 'self'") || strings.Contains(policy, "unsafe-inline") || strings.Contains(policy, "'unsafe-eval'") {
			t.Errorf("policy: %s", policy)
		}
		if m := regexp.MustCompile(`(?i)<script>|\sstyle=|\son[a-z]+="`).FindString(page); m != "" {
			t.Errorf("the page has %q in it", m)
		}
	}
	_, page := b.get("/desk/verify")
	base := regexp.MustCompile(`data-worker="(/desk/verify/[0-9a-f]{12})/worker.js"`).FindStringSubmatch(page)
	if base == nil {
		t.Fatal("the page does not say where its worker is")
	}
	for name, want := range map[string]string{"worker.js": "text/javascript", "page.js": "text/javascript", "page.css": "text/css", "verify.wasm": "application/wasm"} {
		res, data := b.get(base[1] + "/" + name)
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), want) || len(data) < 500 || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v, %d bytes", name, res.StatusCode, res.Header, len(data))
		}
		if name == "verify.wasm" && !strings.HasPrefix(data, "\x00asm") {
			t.Error("the verifier is no WebAssembly")
		}
		if res, _ := b.get("/desk/verify/000000000000/" + name); res.StatusCode != http.StatusOK || strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s of another version: %d %v", name, res.StatusCode, res.Header)
		}
	}
	if res, data := b.get("/desk/verify/custody-verify.html"); data != string(files.Page) || !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the file: %v, %d bytes", res.Header, len(data))
	}
	if res, _ := b.get(base[1] + "/other"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a file that is not there: %d", res.StatusCode)
	}
	w.packed(base[1])
}

// packed asks for the verifier as a browser does, which unpacks it.
func (w *world) packed(base string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.URL+base+"/verify.wasm", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip, br")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	z, err := gzip.NewReader(res.Body)
	if err != nil || res.Header.Get("Content-Encoding") != "gzip" {
		w.t.Fatalf("%v: %v", res.Header, err)
	}
	if data, err := io.ReadAll(z); err != nil || string(data[:4]) != "\x00asm" {
		w.t.Error("unpacked it is no WebAssembly", err)
	}
}

// TestNoVerifier: a server without the verifier says so, and how to get it.
func TestNoVerifier(t *testing.T) {
	w := &world{Server: servertest.Start(t), t: t}
	b := newReader(t, w, "")
	if res, page := b.get("/desk/verify"); res.StatusCode != http.StatusOK || !strings.Contains(page, "make build") || strings.Contains(page, "data-worker") {
		t.Errorf("%d\n%.500s", res.StatusCode, page)
	}
	for _, path := range []string{"/desk/verify/custody-verify.html", "/desk/verify/0/worker.js", "/desk/verify/0/verify.wasm"} {
		if res, _ := b.get(path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}
