package checker_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"fieldseal/api/console/browsertest"
	"fieldseal/api/console/checker"
	"fieldseal/api/console/checker/compile"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

var built = sync.OnceValues(func() (*checker.Files, error) { return compile.Files(contextForBuild()) })

// files are the files as they are shipped.
func files(t testing.TB) *checker.Files {
	t.Helper()
	f, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWords(t *testing.T) {
	used := regexp.MustCompile(`(?:say\(|data-w="|\{\{w "|(?:section|fact|rest)\()"?([a-z][a-z. -]*)"`)
	words := checker.Words()
	for k, w := range words {
		if w[0] == "" || w[1] == "" || strings.Count(w[0], "{0}") != strings.Count(w[1], "{0}") {
			t.Errorf("%s: %q", k, w)
		}
	}
	n := 0
	for _, name := range []string{"page.js", "fragment.html", "file.html"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range used.FindAllStringSubmatch(string(text), -1) {
			n++
			if _, ok := words[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
				t.Errorf("%s uses the word %q, which is not there", name, m[1])
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d uses of words were found", n)
	}
}

// TestFile: the one file may connect nowhere, points to nothing else, and is the
// same for the same input.
func TestFile(t *testing.T) {
	f := files(t)
	head, _, _ := strings.Cut(string(f.Page), `id="verify-wasm">`)
	m := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(head)
	if m == nil || !regexp.MustCompile(`^default-src 'none'; script-src 'sha256-[^']{44}' 'wasm-unsafe-eval'; style-src 'sha256-[^']{44}'; worker-src blob:$`).MatchString(m[1]) {
		t.Errorf("its policy is %q", m)
	}
	markup := regexp.MustCompile(`(?s)<script[^>]*>.*?</script>`).ReplaceAllString(string(f.Page), "")
	if m := regexp.MustCompile(`(?i)\s(src|href|style|on[a-z]+)=`).FindString(markup); m != "" {
		t.Errorf("it has %s", m)
	}
	again, err := checker.Assemble([]byte("wasm"), []byte("support"))
	if err != nil {
		t.Fatal(err)
	}
	same, err := checker.Assemble([]byte("wasm"), []byte("support"))
	if err != nil || string(again.Page) != string(same.Page) || string(again.Wasm) != string(same.Wasm) {
		t.Errorf("made twice it differs: %v", err)
	}
	for _, bad := range []string{"x</script>", "x</SCRIPT ", "<!-- x"} {
		if _, err := checker.Assemble([]byte("wasm"), []byte(bad)); err == nil {
			t.Errorf("a script with %q is taken", bad)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), checker.Dir)
	if _, err := checker.Open(dir); !errors.Is(err, checker.ErrAbsent) || !strings.Contains(err.Error(), "make build") {
		t.Errorf("no directory: %v", err)
	}
	f := &checker.Files{Wasm: []byte("a"), Worker: []byte("b"), Page: []byte("c")}
	if err := f.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := checker.Open(dir)
	if err != nil || string(got.Wasm)+string(got.Worker)+string(got.Page) != "abc" {
		t.Errorf("%+v: %v", got, err)
	}
	for _, name := range []string{checker.WasmFile, checker.WorkerFile, checker.PageFile} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := checker.Open(dir); err == nil || errors.Is(err, checker.ErrAbsent) {
			t.Errorf("%s is empty: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := checker.Open(dir); !errors.Is(err, checker.ErrAbsent) {
			t.Errorf("%s is not there: %v", name, err)
		}
		if err := f.Write(dir); err != nil {
			t.Fatal(err)
		}
	}
}
