package bundle_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/event"
)

// unzip unpacks a bundle with the standard library and gives its folder.
func unzip(t *testing.T, b []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range z.File {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folders, err := os.ReadDir(dir)
	if err != nil || len(folders) != 1 {
		t.Fatalf("the bundle unpacks to %d folders (%v), must be one", len(folders), err)
	}
	return filepath.Join(dir, folders[0].Name())
}

var block = regexp.MustCompile("(?s)```sh\n(.*?)```")

// stranger runs exactly the commands of VERIFY.md.
func stranger(t *testing.T, dir string) string {
	t.Helper()
	for _, tool := range []string{"sh", "sha256sum", "openssl", "xxd"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test needs the tools that the page names: %v", err)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "data", "VERIFY.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, m := range block.FindAllSubmatch(page, -1) {
		script.Write(m[1])
	}
	cmd := exec.Command("sh")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(script.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("the script ends with %v", err)
	}
	return string(out)
}

// oks is how many lines of a good bundle begin with "ok:".
const oks = 16

func checkStranger(t *testing.T, dir string) {
	t.Helper()
	out := stranger(t, dir)
	if n := strings.Count("\n"+out, "\nok: "); n != oks || strings.Contains(out, "FAILED") || strings.Contains(out, "rror") {
		t.Errorf("%d steps are ok, want %d:\n%s", n, oks, out)
	}
}

func TestStrangerChecksByHand(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	dir := unzip(t, s.Bundle(s.Options()))
	checkStranger(t, dir)

	// The same commands find what was changed.
	for name, change := range map[string]struct{ file, old, new string }{
		"event":      {"data/events.ndjson", `"payload":"ey`, `"payload":"ez`},
		"checkpoint": {"data/ledger/checkpoint", "\n", "\n9"},
		"leaf":       {"data/ledger/leaves.txt", "0101", "0102"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := unzip(t, s.Bundle(s.Options()))
			path := filepath.Join(dir, filepath.FromSlash(change.file))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := bytes.ReplaceAll(data, []byte(change.old), []byte(change.new))
			if bytes.Equal(changed, data) {
				t.Fatalf("%s has nothing to change", change.file)
			}
			if err := os.WriteFile(path, changed, 0o644); err != nil {
				t.Fatal(err)
			}
			if out := stranger(t, dir); !strings.Contains(out, "FAILED") {
				t.Errorf("nothing is found:\n%s", out)
			}
		})
	}
}

// TestStrangerClimbs does the same in a ledger of several tiles, where the
// event's tile is full, and with an authority whose key is Ed25519.
func TestStrangerClimbs(t *testing.T) {
	s := bundletest.NewStory(bundletest.NewFixed(t))
	other := s.UUID()
	for range 700 {
		s.Authority.Seal(event.UUID{}, &event.LabelBlock{Device: s.Inspector.ID, Prefix: "S-", First: 1, Last: 2})
	}
	s.Inspector.Seal(other, &event.NoteWritten{Text: "after"})
	s.Checkpoint()
	o := s.Options()
	o.Exhibits = []event.Ref{{Kind: "sample", ID: s.Sample}}
	checkStranger(t, unzip(t, s.Bundle(o)))
}

func TestReportStandsAlone(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	dir := unzip(t, s.Bundle(s.Options()))
	for name, words := range map[string][]string{
		"index.html":    {"Drums by the river", "S-0001", "S-0002", "none recorded", "IMG_0001.JPG", "What a pass does not prove", "Derivatives (not originals)"},
		"index.zh.html": {"Drums by the river", "S-0001", "S-0002", "未记录", "核验通过不能证明的事项", "衍生件（非原件）"},
	} {
		page, err := os.ReadFile(filepath.Join(dir, "data", "report", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !bytes.Contains(page, []byte(w)) {
				t.Errorf("%s does not say %q", name, w)
			}
		}
		for _, bad := range []string{"<script", "http://", "https://", "src=", "@import", "url("} {
			if bytes.Contains(page, []byte(bad)) {
				t.Errorf("%s contains %q: it must load nothing", name, bad)
			}
		}
	}
}
