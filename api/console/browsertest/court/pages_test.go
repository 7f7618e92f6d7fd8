package court_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"fieldseal/api/access"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

func (w *world) casePath(id event.UUID) string { return "/desk/court/cases/" + id.String() }

func (w *world) itemPath(in event.UUID, kind event.RefKind, id event.UUID) string {
	return w.casePath(in) + "/items/" + string(kind) + "/" + id.String()
}

// TestFind: by whatever is on the paper the record is found; what is found alone is
// shown at once; and nobody finds what they may not see.
func TestFind(t *testing.T) {
	w := newWorld(t)
	clerk, stranger := newReader(t, w, w.clerkLogin), newReader(t, w, w.stranger)
	var uuid event.UUID
	w.Read(func(tx *store.Tx) error {
		row, found, err := projection.EventByID(tx, w.sampled)
		if err == nil && !found {
			err = fmt.Errorf("no event %s", w.sampled)
		}
		uuid = row.UUID
		return err
	})
	sample := w.itemPath(w.clean, "sample", w.sample)
	sealed := w.casePath(w.clean) + "/events/" + w.sampled.String()
	for q, want := range map[string]string{
		"QS-2026-017": w.casePath(w.clean), "qs-2026": w.casePath(w.clean), "柳溪": w.casePath(w.clean), "浙环罚": w.casePath(w.dirty),
		"  W-001-A1 ": w.itemPath(w.clean, "subsample", w.part), "tb-001": "", w.sample.String(): sample, w.clean.String(): w.casePath(w.clean),
		hexOf(w.picture.SHA256, 64): w.itemPath(w.dirty, "photo", w.photo), hexOf(w.picture.SHA256, 8): w.itemPath(w.dirty, "photo", w.photo),
		w.sampled.String(): sealed, w.sampled.String()[:12]: sealed, strings.ToUpper(w.sampled.String()[:13]): sealed, uuid.String(): sealed,
		"https://other.example" + sample: sample, w.URL + w.casePath(w.dirty): w.casePath(w.dirty),
	} {
		res, page := clerk.get("/desk/court/?q=" + url.QueryEscape(q))
		if got := res.Request.URL.Path; want != "" && got != want || res.StatusCode != http.StatusOK {
			t.Errorf("%q leads to %s, want %s (%d)\n%.300s", q, got, want, res.StatusCode, page)
		}
		if res, page := stranger.get("/desk/court/?q=" + url.QueryEscape(q)); strings.HasPrefix(q, "http") {
			if res.StatusCode != http.StatusNotFound {
				t.Errorf("a stranger follows %q to %d", q, res.StatusCode)
			}
		} else if res.Request.URL.Path != "/desk/court/" || strings.Contains(page, "</td>") {
			t.Errorf("a stranger finds something for %q at %s", q, res.Request.URL.Path)
		}
	}
	for q, says := range map[string]string{"W-001": "W-001-A1", "x": "at least two", strings.Repeat("x", 401): "too long", "nothing like it": "Nothing that you may see", hostile: "D-&lt;img",
		"\x00\x01": "cannot be read", "\xff\xfe": "cannot be read", "0123456789ab": "Nothing that you may see", "http://x/desk/court/cases/../../login": "Nothing that you may see"} {
		if res, page := clerk.get("/desk/court/?q=" + url.QueryEscape(q)); res.StatusCode != http.StatusOK || !strings.Contains(page, says) || strings.Contains(page, "<img src=x") {
			t.Errorf("%q: %d, does not say %q", q, res.StatusCode, says)
		}
	}
}

// TestClosed: pages of a case are for those who may see it, and say no more than
// that to others.
func TestClosed(t *testing.T) {
	w := newWorld(t)
	clerk, stranger, nobody := newReader(t, w, w.clerkLogin), newReader(t, w, w.stranger), newReader(t, w, "")
	at := w.casePath(w.clean)
	sealed := at + "/events/" + w.sampled.String()
	for _, path := range []string{at, w.itemPath(w.clean, "sample", w.sample), sealed, sealed + "/bytes", sealed + "/bytes?signed=1", sealed + "/proof"} {
		if res, _ := clerk.get(path); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d for the clerk", path, res.StatusCode)
		}
		if res, page := stranger.get(path); res.StatusCode != http.StatusNotFound || strings.Contains(page, "W-001") {
			t.Errorf("%s: %d for a stranger", path, res.StatusCode)
		}
		if res, page := nobody.get(path); res.Request.URL.Path != "/desk/login" || strings.Contains(page, "W-001") {
			t.Errorf("%s: %d at %s for nobody", path, res.StatusCode, res.Request.URL.Path)
		}
	}
	for _, path := range []string{at + "/items/sample/" + w.gapped.String(), at + "/items/photo/" + w.sample.String(), at + "/items/sample/nothing", at + "/events/" + w.corrected.String(),
		at + "/events/" + strings.Repeat("0", 64), at + "/events/x", "/desk/court/cases/" + w.sample.String(), "/desk/court/cases/x"} {
		if res, _ := clerk.get(path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, res.StatusCode)
		}
	}
	for _, what := range []string{"/bundle", "/certificate"} {
		if res, _ := stranger.post(at+what, url.Values{}); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d for a stranger", what, res.StatusCode)
		}
		if res, _ := clerk.post(at+what, url.Values{"csrf": {"forged"}}); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d for a forged form", what, res.StatusCode)
		}
		if res, _ := clerk.get(at + what); res.StatusCode < 400 {
			t.Errorf("%s: %d for a link", what, res.StatusCode)
		}
		for name, f := range map[string]url.Values{"another case's": {"item": {"sample:" + w.gapped.String()}}, "no kind": {"item": {w.sample.String()}}, "nonsense": {"item": {"sample:x"}}, "a long purpose": {"purpose": {strings.Repeat("x", 1001)}}} {
			if res, _ := clerk.post(at+what, f); res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusNotFound {
				t.Errorf("%s of %s: %d", what, name, res.StatusCode)
			}
		}
	}
}

// TestExhibit: the page of an exhibit says what, where, when and why, who, and in
// what state; in both languages; and hostile names stay names.
func TestExhibit(t *testing.T) {
	w := newWorld(t)
	clerk := newReader(t, w, w.clerkLogin)
	for lang, c := range map[string]struct{ sample, gapped, prompt []string }{
		"en": {[]string{"W-001", "water sample, primary", "outfall 1", "30.600000°, 114.300000° (WGS-84, ±4.2 m", "Willow Creek bank 柳溪岸", "张伟 Zhang Wei", "李敏 Li Min", "Second sampler", "司机 Driver", "signed",
			"Not before", "Not after", "the server says that it received it then", "S-W-001", "CNCA CMA 171712050123", "HJ 639-2012", "185 µg/L", "NB-2026-0311",
			"approver: 钱进 Qian Jin", "opened to take a part", "W-001-A1", "No defect found", "none recorded: no rule of the pack finds one", "This bounds when the record was sealed"},
			[]string{"1 h 35 min unaccounted for", "chain-gap over", "CUSTODY_GAP", "NO_SAMPLING_RECORD", "What would cure it", "District Court 区人民法院: retrial", "point misread", "outfall 3", "none recorded", "Corrected since"},
			[]string{"10 min 0 s unaccounted for", "within what the rules allow", `"chain-gap"`}},
		"zh": {[]string{"W-001", "水样，原样", "第二采样人", "不早于", "服务器称于此时收到", "批准人 钱进 Qian Jin", "为分取子样而启封", "未发现瑕疵", "未记录：规则包中的规则均未发现瑕疵"},
			[]string{"1 小时 35 分 无记录", "chain-gap over", "补正措施", "保管链中断", "未记录"},
			[]string{"10 分 0 秒 无记录", "在规则允许范围内", `"chain-gap"`}},
	} {
		clerk.lang = lang
		for path, want := range map[string][]string{w.itemPath(w.clean, "sample", w.sample): c.sample, w.itemPath(w.dirty, "sample", w.gapped): c.gapped, w.itemPath(w.dirty, "sample", w.prompt): c.prompt} {
			res, page := clerk.get(path)
			for _, s := range want {
				if !strings.Contains(strings.ReplaceAll(page, "approver 钱", "approver: 钱"), s) {
					t.Errorf("%s: %s does not say %q", lang, path, s)
				}
			}
			if strings.Contains(page, "<img src=x") || strings.Contains(page, "<script>document") {
				t.Errorf("%s: %s: a name became part of the page", lang, path)
			}
			if p := res.Header.Get("Content-Security-Policy"); !strings.Contains(p, "script-src 'self';") || strings.Contains(p, "unsafe") {
				t.Errorf("policy: %s", p)
			}
		}
	}
}

// TestOriginals: originals and derivatives stand apart, with digest and state; a
// file that has not come is said to be missing.
func TestOriginals(t *testing.T) {
	w := newWorld(t)
	clerk := newReader(t, w, w.clerkLogin)
	_, page := clerk.get(w.itemPath(w.dirty, "photo", w.photo))
	for _, s := range []string{"Electronic original", "Arrived: its bytes have the digest that was sealed", w.picture.SHA256.String(), `href="/v1/media/` + w.picture.SHA256.String() + `"`, "Download the original",
		"Thumbnail, made by this server: a derivative, not the original", "crop.jpg"} {
		if !strings.Contains(page, s) {
			t.Errorf("the original's page does not say %q", s)
		}
	}
	_, page = clerk.get(w.itemPath(w.dirty, "photo", w.copied))
	for _, s := range []string{"Derivative, not an original", "This is not an original. It was derived from", "IMG_0001.JPG", "cropped and enlarged", "Download this derivative"} {
		if !strings.Contains(page, s) {
			t.Errorf("the derivative's page does not say %q", s)
		}
	}
	if strings.Contains(page, "Download the original") {
		t.Error("a derivative is offered as an original")
	}
	_, page = clerk.get(w.casePath(w.dirty))
	physical, rest, _ := strings.Cut(page, "Electronic originals")
	originals, rest, _ := strings.Cut(rest, "Derivatives (not originals)")
	derivatives, _, _ := strings.Cut(rest, `id="defects"`)
	for part, c := range map[string]struct {
		text string
		want bool
	}{"D-&lt;img": {physical, true}, "IMG_0001.JPG</": {originals, true}, "crop.jpg": {derivatives, true}, ">crop.jpg": {originals, false}} {
		if strings.Contains(c.text, part) != c.want {
			t.Errorf("%q stands in the wrong list", part)
		}
	}
	// The original that is downloaded is the one that was sealed.
	res, data := clerk.get("/v1/media/" + w.picture.SHA256.String())
	if event.Digest(sha256.Sum256([]byte(data))) != w.picture.SHA256 || res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the download is %d, %d bytes", res.StatusCode, len(data))
	}
}

// TestEvent: the exact bytes and the proof of an event check out without the page.
func TestEvent(t *testing.T) {
	w := newWorld(t)
	clerk := newReader(t, w, w.clerkLogin)
	at := w.casePath(w.dirty) + "/events/" + w.corrected.String()
	_, page := clerk.get(at)
	for _, s := range []string{w.corrected.String(), "sample.collected", w.zhang.ID.String(), "outfall 1", "/point", "EDIT_AFTER_SIGN", "ledger entry"} {
		if !strings.Contains(page, s) {
			t.Errorf("the page does not say %q", s)
		}
	}
	var row store.EventRow
	w.Read(func(tx *store.Tx) (err error) { row, _, err = projection.EventByID(tx, w.corrected); return err })
	if _, data := clerk.get(at + "/bytes"); data != string(row.Line) || !strings.Contains(page, fmt.Sprintf("%x", sha256.Sum256(row.Line))) {
		t.Error("the envelope is not the ledger's, or its digest is not on the page")
	}
	if _, data := clerk.get(at + "/bytes?signed=1"); event.ID(sha256.Sum256([]byte(data))) != w.corrected {
		t.Error("the SHA-256 of the signed bytes is not the event's id")
	}
	_, text := clerk.get(at + "/proof")
	key, err := ledger.ParseVerifier(w.Engine.LogKey())
	if err != nil {
		t.Fatal(err)
	}
	proof, err := ledger.ParseProof([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if leaf, _, err := proof.VerifyLeaf(key); err != nil || event.ID(leaf.Event) != w.corrected || int64(proof.Index) != row.Index {
		t.Errorf("the proof: %v", err)
	}
}

// TestTake: bundle and certificate of a case and of one exhibit; who took what is
// in the ledger, and who looked at what in the access log.
func TestTake(t *testing.T) {
	w := newWorld(t)
	clerk := newReader(t, w, w.clerkLogin)
	clerk.get(w.itemPath(w.clean, "sample", w.sample))
	at := w.casePath(w.clean)
	for name, c := range map[string]struct {
		form   url.Values
		result verify.Result
		hidden bool
	}{
		"whole":   {url.Values{"purpose": {"trial\r\n of  first instance"}, "lang": {"zh"}}, verify.Authentic, false},
		"chosen":  {url.Values{"item": {"sample:" + w.sample.String()}}, "", true},
		"no file": {url.Values{"media": {"without"}}, "", false},
	} {
		res, data := clerk.post(at+"/bundle", c.form)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/zip" || !strings.Contains(res.Header.Get("Content-Disposition"), "QS-2026-017.bundle.zip") {
			t.Fatalf("%s: %d %v\n%.300s", name, res.StatusCode, res.Header, data)
		}
		v, err := verify.Verify(t.Context(), strings.NewReader(data), int64(len(data)), verify.Options{})
		if err != nil || v.Result == verify.NotAuthentic || c.result != "" && v.Result != c.result || v.Record.Hidden != c.hidden {
			t.Errorf("%s: %v %+v", name, err, v)
		}
		if name == "whole" && (v.Bundle.Purpose != "trial of first instance" || v.Bundle.Language != "zh") {
			t.Errorf("%+v", v.Bundle)
		}
	}
	for lang, item := range map[string]string{"en": "", "zh": "sample:" + w.gapped.String()} {
		in := w.clean
		if item != "" {
			in = w.dirty
		}
		form := url.Values{"lang": {lang}}
		if item != "" {
			form.Set("item", item)
		}
		res, data := clerk.post(w.casePath(in)+"/certificate", form)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix([]byte(data), []byte("%PDF-")) || !strings.Contains(res.Header.Get("Content-Disposition"), ".certificate."+lang+".pdf") {
			t.Errorf("%s: %d %v\n%.300s", lang, res.StatusCode, res.Header, data)
		}
	}
	exported := 0
	w.Read(func(tx *store.Tx) error {
		return projection.EachCaseEvent(tx, w.clean, func(r store.EventRow) error {
			if e, err := projection.EntryOf(r); err != nil {
				return err
			} else if r.Type == event.TypeBundleExported && e.Payload.Actor.String() == w.clerk {
				exported++
			}
			return nil
		})
	})
	if exported != 3 {
		t.Errorf("the ledger has %d exports by the clerk, want 3", exported)
	}
	looks := map[string]int{}
	w.Read(func(tx *store.Tx) error {
		list, err := access.Looks(tx, event.UUID{}, event.UUID{}, time.Now().Add(time.Hour), 1000)
		for _, l := range list {
			if l.Person.String() == w.clerk {
				looks[l.Kind]++
			}
		}
		return err
	})
	if looks["item"] != 1 || looks["bundle"] != 3 || looks["certificate"] != 2 {
		t.Errorf("the access log has %v", looks)
	}
}
