package checker_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fieldseal/api/console/browsertest"
	"fieldseal/api/console/checker"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/event"

	"github.com/chromedp/cdproto/network"
)

func contextForBuild() context.Context { return context.Background() }

// bundles writes a bundle without a fault, one with defects, one with a changed
// byte in it and a file that is none, and gives their paths.
func bundles(t *testing.T) (authentic, defects, changed, none, key string) {
	t.Helper()
	w := bundletest.New(t)
	org := w.Org("environment", "Bureau")
	d := w.Enrol(org, w.Person(org, "Li Wei", event.RoleInspector))
	seen := w.Checkpoint()
	d.Seen = &seen
	d.Seal(w.Case, &event.CaseOpened{Number: "2026-<b>1</b>", Title: `<img src=x onerror="alert(1)">河边`, Authority: "Bureau"})
	w.Checkpoint()
	clean := w.Bundle(w.Options())
	s := bundletest.NewStory(bundletest.New(t))
	story := s.Bundle(s.Options())
	bad := append([]byte{}, story...)
	bad[len(bad)/2] ^= 1
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("authentic.zip", clean), write("defects.zip", story), write("changed.zip", bad), write("none.zip", []byte("PK none")), w.LogKey.VerifierText()
}

// dropped drops a file on the page as a person does with a mouse; stop stops the
// verification as soon as it has begun.
func dropped(p *browsertest.Page, path string, stop bool) {
	p.T.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		p.T.Fatal(err)
	}
	p.Eval(`(() => {
		const bytes = Uint8Array.from(atob('`+base64.StdEncoding.EncodeToString(data)+`'), (c) => c.charCodeAt(0));
		const dataTransfer = new DataTransfer();
		dataTransfer.items.add(new File([bytes], 'dropped.zip', { type: 'application/zip' }));
		const target = document.getElementById('verify-drop');
		for (const kind of ['dragenter', 'dragover', 'drop']) target.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer }));
		if (`+strconv.FormatBool(stop)+`) document.getElementById('verify-stop').click();
	})()`, nil)
}

// TestSavedFile: the one file, opened from a disk with the network off, verifies
// in both languages and says what it finds.
func TestSavedFile(t *testing.T) {
	authentic, defects, changed, none, key := bundles(t)
	path := filepath.Join(t.TempDir(), checker.PageFile)
	if err := os.WriteFile(path, files(t).Page, 0o600); err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string][4]string{
		"en": {"Authentic", "Authentic, with defects", "Not authentic", "cannot be read as a bundle"},
		"zh": {"真实", "真实，但存在瑕疵", "不真实", "无法作为证据包读取"},
	} {
		p := browsertest.Open(t, "file://")
		browsertest.Call(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{{Offline: true, DownloadThroughput: -1, UploadThroughput: -1}}})
		p.Go("/" + path) // after "file:/", which is what Open leaves of the address
		p.See("#verify-file")
		p.Eval(`(() => { const s = document.getElementById('verify-lang'); s.value = '`+lang+`'; s.dispatchEvent(new Event('change')); })()`, nil)
		p.Audit()
		verdict := func(file, title string) {
			t.Helper()
			p.Eval(`document.getElementById('verify-result').replaceChildren()`, nil)
			p.File("#verify-file", file)
			p.SeeText("#verify-result .verify-verdict h2", title)
			if got := p.Text("#verify-result .verify-verdict h2"); strings.TrimSpace(strings.TrimLeft(got, "✓!✗")) != title && (title == want[0] || title == want[1] || title == want[2]) {
				t.Errorf("%s: %q, want %q", filepath.Base(file), got, title)
			}
			if got := p.Text("#verify-result .verify-verdict"); !strings.Contains(got, filepath.Base(file)) {
				t.Errorf("the verdict does not name the file: %q", got)
			}
		}
		verdict(authentic, want[0])
		p.SeeText("#verify-result .facts", "2026-<b>1</b>")
		p.SeeText("#verify-result .facts", `<img src=x onerror="alert(1)">河边`)
		p.Audit()
		verdict(defects, want[1])
		p.SeeText("#verify-defects", "MEDIA_MISSING")
		p.Audit()
		p.Shot("verify-file-defects." + lang)
		verdict(changed, want[2])
		p.See("#verify-failures li")
		p.Shot("verify-file-changed." + lang)
		verdict(none, want[3])
		p.Fill("#verify-trust", "")
		p.Eval(`document.querySelector('.verify-trust').open = true`, nil)
		p.Fill("#verify-trust", key)
		verdict(authentic, want[0])
		verdict(defects, want[2]) // another ledger's
		p.Fill("#verify-trust", "nonsense")
		verdict(authentic, map[string]string{"en": "What you entered", "zh": "您填写的信任内容"}[lang])
		p.Size(360, 740)
		p.Fill("#verify-trust", "")
		verdict(defects, want[1])
		p.Audit()
		p.Shot("verify-file-phone." + lang)
		dropped(p, defects, true)
		p.SeeText("#verify-result", map[string]string{"en": "Nothing was decided", "zh": "未作出结论"}[lang])
		p.Gone("#verify-progress")
		dropped(p, defects, false)
		p.SeeText("#verify-result .verify-verdict h2", want[1])
		for _, r := range p.Requests() {
			if !strings.HasPrefix(r, "file://"+path) && !strings.HasPrefix(r, "blob:") {
				t.Errorf("the page asked for %s", r)
			}
		}
	}
}
