package court_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/api/console/browsertest"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// signIn opens a browser and signs somebody in.
func (w *world) signIn(login, lang string) *browsertest.Page {
	w.t.Helper()
	p := browsertest.Open(w.t, w.URL)
	p.Language(map[string]string{"en": "en", "zh": "zh-CN,zh"}[lang])
	p.Go("/desk/login")
	p.Fill("input[name=login]", login)
	p.Fill("input[name=password]", password)
	p.Click("main form button")
	p.Until(`document.querySelector('meta[name=person]')`)
	return p
}

// both looks at a page on a large screen and on a telephone.
func both(p *browsertest.Page, name, lang string) {
	p.T.Helper()
	p.Audit()
	p.Shot(name + "." + lang)
	p.Size(360, 740)
	p.Audit()
	p.Shot(name + ".360." + lang)
	p.Size(1280, 900)
}

// camera scans a code where the browser can read them: the detector here gives what a
// certificate's code holds, from the camera that the browser pretends to have. Where
// it cannot, the page says what to do instead.
func camera(p *browsertest.Page, lang string) {
	p.T.Helper()
	p.Eval(`delete globalThis.BarcodeDetector`, nil)
	p.Click("[data-camera]")
	p.SeeText("[data-said]", map[string]string{"en": "USB scanner", "zh": "扫码枪"}[lang])
	p.Eval(`globalThis.BarcodeDetector = class { async detect() { return [{ rawValue: 'tb-001' }]; } }`, nil)
	p.Click("[data-camera]")
	p.SeeText("h1", "TB-001")
	p.Go("/desk/court/")
}

// TestClerk is the main job at the court, in a real browser and both languages: find
// the record, read the exhibit, take the bundle, have it verified in the browser,
// and be told what a changed byte comes to.
func TestClerk(t *testing.T) {
	w := newWorld(t)
	for lang, c := range map[string]struct{ authentic, defects, not, found string }{
		"en": {"Authentic", "Authentic, with defects", "Not authentic", "No defect found"},
		"zh": {"真实", "真实，但存在瑕疵", "不真实", "未发现瑕疵"},
	} {
		t.Run(lang, func(t *testing.T) {
			w.t = t
			p := w.signIn(w.clerkLogin, lang)
			p.Go("/desk/court/")
			both(p, "court-find", lang)
			camera(p, lang)
			p.Type("#q", "QS-2026-017\r") // as a scanner that types does
			p.SeeText("h1", "QS-2026-017")
			both(p, "court-case", lang)
			p.Eval(`[...document.querySelectorAll('.exhibits a')].find((a) => a.textContent.trim() === 'W-001').click()`, nil)
			p.SeeText("h1", "W-001")
			p.SeeText(".exhibit-head .tag.ok", c.found)
			both(p, "court-exhibit", lang)
			whole := download(p, w.casePath(w.clean))
			verifyIn(p, lang, whole, c.authentic)
			p.SeeText("#verify-result .facts", "QS-2026-017")
			both(p, "court-verify-authentic", lang)
			changed := change(t, whole)
			verifyIn(p, lang, changed, c.not)
			p.SeeText("#verify-failures", "data/")
			both(p, "court-verify-changed", lang)
			for _, r := range p.Requests() {
				if strings.HasPrefix(r, "data:") || strings.Contains(r, "upload") {
					t.Errorf("the page asked for %.100s", r)
				}
			}
			p.Go(w.itemPath(w.dirty, "photo", w.photo))
			p.Until(`document.querySelector('figure img').naturalWidth > 0`) // it is made when it is first asked for
			both(p, "court-photo", lang)
			dirty := download(p, w.casePath(w.dirty))
			verifyIn(p, lang, dirty, c.defects)
			p.SeeText("#verify-defects", "CUSTODY_GAP")
			p.SeeText("#verify-defects", hostile)
			both(p, "court-verify-defects", lang)
		})
	}
}

// verifyIn gives a bundle to the verify page and waits for its verdict.
func verifyIn(p *browsertest.Page, lang, path, verdict string) {
	p.T.Helper()
	p.Go("/desk/verify")
	p.File("#verify-file", path)
	p.SeeText("#verify-result .verify-verdict h2", verdict)
	if got := strings.TrimSpace(strings.TrimLeft(p.Text("#verify-result .verify-verdict h2"), "✓!✗")); got != verdict {
		p.T.Errorf("%s: the verdict is %q, want %q", lang, got, verdict)
	}
	if limits := p.Text("#verify-limits"); len(limits) < 100 {
		p.T.Errorf("what a pass does not prove: %q", limits)
	}
}

// download takes the bundle of a case by its page's form, as the browser saves it.
func download(p *browsertest.Page, path string) string {
	p.T.Helper()
	dir := p.T.TempDir()
	ctx, cancel := context.WithTimeout(p.Ctx, time.Minute)
	defer cancel()
	progress := chromedp.Events(ctx, browser.DownloadProgress)
	browsertest.Call(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName,
		BrowserContextID: chromedp.FromContext(p.Ctx).BrowserContextID, DownloadPath: dir, EventsEnabled: new(true)})
	p.Go(path)
	p.Click("#give-bundle button")
	for ev, err := range progress {
		switch {
		case err != nil || ev.State == browser.DownloadProgressStateCanceled:
			p.T.Fatalf("the download: %v", err)
		case ev.State == browser.DownloadProgressStateCompleted:
			named := filepath.Join(dir, "bundle.zip")
			if err := os.Rename(filepath.Join(dir, ev.GUID), named); err != nil {
				p.T.Fatal(err)
			}
			return named
		}
	}
	return ""
}

// change flips a byte in the middle of a file.
func change(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	out := filepath.Join(t.TempDir(), "changed.zip")
	if err := os.WriteFile(out, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestVerifierIsCutOff: where the verifier does not come, the page says that nothing
// was decided, and tries again with the next file.
func TestVerifierIsCutOff(t *testing.T) {
	w := newWorld(t)
	p := w.signIn(w.clerkLogin, "en")
	bundle := download(p, w.casePath(w.clean))
	p.Go("/desk/verify")
	p.Expect("ERR_INTERNET_DISCONNECTED")
	offline := func(off bool) {
		browsertest.Call(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{{Offline: off, DownloadThroughput: -1, UploadThroughput: -1}}})
	}
	offline(true)
	p.File("#verify-file", bundle)
	p.SeeText("#verify-result .verify-verdict.bad", "nothing was decided")
	offline(false)
	p.Eval(`document.getElementById('verify-file').value = ''`, nil)
	p.File("#verify-file", bundle)
	p.SeeText("#verify-result .verify-verdict.good h2", "Authentic")
}
