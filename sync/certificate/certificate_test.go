package certificate_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/certificate"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/witnesstest"
)

// keep is a folder to look at the documents of a test run in.
var keep = os.Getenv("FIELDSEAL_KEEP")

func fonts(t testing.TB) *certificate.Fonts {
	t.Helper()
	f, err := certificate.OpenFonts("")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// input is a certificate of a world's case in a language.
func input(w *bundletest.World, l bag.Language) certificate.Input {
	w.T.Helper()
	made := time.Date(2026, 7, 1, 9, 30, 0, 0, time.FixedZone("", 8*3600))
	in, err := certificate.Gather(w.T.Context(), w.Source(), certificate.Options{ID: event.UUID{1, 2, 3}, Made: made, Language: l, Case: w.Case,
		Purpose: "附卷 / for the \u202efile", For: "王书记员 Clerk Wang", Address: "https://custody.example/desk/court/case/" + w.Case.String(), Witnesses: witnesses(w.T), Quorum: 2})
	if err != nil {
		w.T.Fatal(err)
	}
	return in
}

var witnessNames = []string{"police.example/witness", "procuratorate.example/witness", "court.example/witness"}

func witnessKey(t testing.TB, name string) *witness.Key {
	t.Helper()
	k, err := witness.NewKey(name, witnesstest.Seed(name))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// witnesses are those that a certificate counts.
func witnesses(t testing.TB) (list []*witness.Verifier) {
	t.Helper()
	for _, name := range witnessNames {
		v, err := witness.ParseVerifier(witnessKey(t, name).Text())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// world is a ledger whose checkpoints some witnesses cosign, an unknown one among them.
func world(t testing.TB, names ...string) *bundletest.World {
	t.Helper()
	w := bundletest.New(t)
	w.Cosign = func(c *ledger.SignedCheckpoint) *ledger.SignedCheckpoint {
		for _, name := range append([]string{"stranger.example/witness"}, names...) {
			k := witnessKey(t, name)
			sig, err := k.Cosign(c.Checkpoint, w.Now)
			if err == nil {
				c, err = c.WithSignature(sig, k)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	return w
}

func write(t testing.TB, in certificate.Input, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := certificate.Write(&b, in, fonts(t)); err != nil {
		t.Fatal(err)
	}
	if keep != "" {
		if err := os.WriteFile(filepath.Join(keep, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestStory: the same case in both languages says what the record says.
func TestStory(t *testing.T) {
	s := bundletest.NewStory(world(t, witnessNames[0], witnessNames[2]))
	en := read(t, write(t, input(s.World, bag.English), "story.en.pdf"))
	zh := read(t, write(t, input(s.World, bag.Chinese), "story.zh.pdf"))
	for _, want := range []string{"Custody certificate", "2026-HW-017", "Drums by the river 河边废桶", "S-0001", "S-0002", "Chain of custody", "E26-0417", "128.4 mg/L",
		"MEDIA_MISSING", "What would cure it", "none recorded", "What this certificate does not prove", "court.example/witness", "Witnessed: 2 cosignatures, 2 are needed",
		s.Photo.SHA256.String(), "page 1 of ", "for the [U+202E]file", "Clerk Wang", "王书记员"} {
		if !en.has(want) {
			t.Errorf("the English document does not say %q", want)
		}
	}
	for _, want := range []string{"证据保管链证明书", "2026-HW-017", "保管链", "未记录", "本证明书不能证明的事项", "补正措施", "第 1 页，共 "} {
		if !zh.has(want) {
			t.Errorf("the Chinese document does not say %q", want)
		}
	}
	for i := range input(s.World, bag.English).Record.Defects {
		f := &input(s.World, bag.English).Record.Defects[i]
		if !en.has(f.Explanation.EN) || !en.has(f.Cure.EN) || !zh.has(f.Explanation.ZH) || !zh.has(f.Cure.ZH) {
			t.Errorf("%s is not explained, or its cure is not told", f.Code)
		}
	}
	if en.pages < 3 || !en.has(fmt.Sprintf("page %d of %d", en.pages, en.pages)) {
		t.Errorf("%d pages, and the last does not say so", en.pages)
	}
}

// TestGather: the checkpoint and the authority are the ledger's own, and only
// named witnesses count.
func TestGather(t *testing.T) {
	s := bundletest.NewStory(world(t, witnessNames[1]))
	in := input(s.World, bag.English)
	c := in.Checkpoint
	if len(c.Witnesses) != 1 || c.Witnesses[0].Name != witnessNames[1] || !c.Witnesses[0].Time.Equal(s.Now.Truncate(time.Second)) || c.Quorum != 2 {
		t.Errorf("witnesses: %+v", c)
	}
	if in.Authority.LogKey != s.LogKey.VerifierText() || c.Origin != s.LogKey.Name() || c.Size != int64(s.Newest) || c.Root.IsZero() || in.Authority.Key.ID.IsZero() {
		t.Errorf("%+v %+v", in.Authority, c)
	}
	if len(in.Laboratories) != 1 || in.Laboratories[0].Name != "East Laboratory" || in.Laboratories[0].Accreditation != nil {
		t.Errorf("laboratories: %+v", in.Laboratories)
	}
	if doc := read(t, write(t, in, "one.pdf")); !doc.has("Not yet witnessed: 1 of the 2 witnesses needed have cosigned it.") || doc.has("stranger.example") {
		t.Error("the certificate counts another witness")
	}
}

// TestSame: the same input gives the same bytes, and another one others.
func TestSame(t *testing.T) {
	s := bundletest.NewStory(world(t, witnessNames[0], witnessNames[2]))
	in := input(s.World, bag.Chinese)
	first := write(t, in, "same.pdf")
	for range 3 {
		if !bytes.Equal(first, write(t, in, "same.pdf")) {
			t.Fatal("the same input gave other bytes")
		}
	}
	in.Purpose = "other"
	if bytes.Equal(first, write(t, in, "same.pdf")) {
		t.Error("the purpose is not in the document")
	}
}

// TestNoFont: Chinese without its font is an error that says what is missing, and
// English without it is none.
func TestNoFont(t *testing.T) {
	f, err := certificate.OpenFonts(filepath.Join(t.TempDir(), "none.ttf"))
	if err != nil {
		t.Fatal(err)
	}
	w := world(t)
	org := w.Org("environment", "Bureau")
	w.Enrol(org, w.Person(org, "Li Wei", event.RoleInspector)).Seal(w.Case, &event.CaseOpened{Number: "1", Title: "Case", Authority: "Bureau"})
	w.Checkpoint()
	in := input(w, bag.English)
	in.For, in.Purpose = "Clerk", "file"
	var b bytes.Buffer
	if err := certificate.Write(&b, in, f); err != nil || !read(t, b.Bytes()).has("none recorded") {
		t.Errorf("an English document: %v", err)
	}
	for name, change := range map[string]func(*certificate.Input){
		"a Chinese document":  func(in *certificate.Input) { in.Language = bag.Chinese },
		"a Chinese name":      func(in *certificate.Input) { in.For = "王" },
		"a full-width letter": func(in *certificate.Input) { in.Purpose = "Ａ" },
	} {
		other := in
		change(&other)
		var b bytes.Buffer
		err := certificate.Write(&b, other, f)
		var missing *certificate.FontError
		if !errors.As(err, &missing) || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "fonts-droid-fallback") || !strings.Contains(err.Error(), "chinese_font") || b.Len() != 0 {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
	}
}

func TestOpenFonts(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"empty": "", "text": "no font", "postscript": "OTTO\x00\x00\x00\x00", "collection": "ttcf\x00\x00\x00\x00", "cut": "\x00\x01\x00\x00\x00\x09"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := certificate.OpenFonts(path); !errors.Is(err, certificate.ErrFont) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := certificate.OpenFonts(dir); !errors.Is(err, certificate.ErrFont) {
		t.Errorf("a folder: %v", err)
	}
}

func TestBadInput(t *testing.T) {
	s := bundletest.NewStory(world(t, witnessNames[0], witnessNames[2]))
	for name, change := range map[string]func(*certificate.Input){
		"no record":    func(in *certificate.Input) { in.Record = nil },
		"no number":    func(in *certificate.Input) { in.ID = event.UUID{} },
		"no time":      func(in *certificate.Input) { in.Made = time.Time{} },
		"a language":   func(in *certificate.Input) { in.Language = "fr" },
		"long address": func(in *certificate.Input) { in.Address = strings.Repeat("x", 301) },
		"not an item":  func(in *certificate.Input) { in.Exhibits = []event.Ref{{Kind: "sample", ID: event.UUID{5}}} },
		"not its kind": func(in *certificate.Input) { in.Exhibits = []event.Ref{{Kind: "object", ID: s.Sample}} },
	} {
		in := input(s.World, bag.English)
		change(&in)
		var b bytes.Buffer
		if err := certificate.Write(&b, in, fonts(t)); !errors.Is(err, certificate.ErrInput) || b.Len() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChosen covers one exhibit and says that there are others.
func TestChosen(t *testing.T) {
	s := bundletest.NewStory(world(t, witnessNames[0], witnessNames[2]))
	in := input(s.World, bag.English)
	in.Exhibits = []event.Ref{{Kind: "sample", ID: s.Sample2}}
	doc := read(t, write(t, in, "chosen.pdf"))
	if !doc.has("1 of the 4 in the record") || doc.has("128.4 mg/L") || doc.has("C-7782") || !doc.has("C-S-0002") || !doc.has("Not all of the case is shown here") {
		t.Error(doc.text)
	}
}

// TestUnexplained: minutes that nothing accounts for stand in the summary, in the
// exhibit's chain and in the handover; a waiver beside its defect; bounds that
// exclude each other are called that.
func TestUnexplained(t *testing.T) {
	s := bundletest.NewStory(world(t, witnessNames[0], witnessNames[2]))
	in := input(s.World, bag.English)
	r := in.Record
	r.Handovers[0].UnexplainedMS = 95 * 60 * 1000
	for i := range r.Items {
		for j := range r.Items[i].Steps {
			if s := &r.Items[i].Steps[j]; s.Kind == custody.StepReceived {
				s.UnexplainedMS = 95 * 60 * 1000
			}
		}
		if r.Items[i].Ref.ID == s.Sample {
			x := r.Intervals[r.Items[i].Origin]
			x.Impossible = true
			r.Intervals[r.Items[i].Origin] = x
			r.Items[i].Held = []event.UUID{{0xab}}
			r.Items[i].Holder.Confirmed = false
		}
	}
	for i := range r.Defects {
		r.Defects[i].Waived = &custody.Waiver{ByName: "Director Qian", Authority: "Order 12", Reason: "paper copy seen", At: "2026-06-01T09:00:00.000+08:00"}
	}
	doc := read(t, write(t, in, "unexplained.pdf"))
	if n := strings.Count(doc.text, "1h35min"); n != 3 {
		t.Errorf("the unexplained time is told %d times, want 3", n)
	}
	for _, want := range []string{"These bounds exclude each other", "Waived by Director Qian, Order 12", "of which waived: 5", "ab000000-", "not confirmed by both sides"} {
		if !doc.has(want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

// TestManyAndHostile: sixty exhibits with names that try to break the paper.
func TestManyAndHostile(t *testing.T) {
	w := world(t)
	org, lab := w.Org("environment", "某市生态环境局执法支队"), w.Org("lab", "华东司法鉴定所")
	li, zhao := w.Person(org, "李伟𠮷", event.RoleInspector), w.Person(org, "赵敏\u202eevil", event.RoleInspector)
	w.Person(lab, "陈静", event.RoleAnalyst)
	d := w.Enrol(org, li)
	seen := w.Checkpoint()
	d.Seen = &seen
	at := event.StampOf(w.Now.In(time.FixedZone("", 8*3600)))
	d.Seal(w.Case, &event.CaseOpened{Number: "浙环罚〔2026〕17号", Title: "某化工有限公司非法倾倒危险废物案 " + strings.Repeat("（附带民事公益诉讼）", 6), Authority: "某市生态环境局"})
	names := []string{"S-%04d", "现场样品-%04d（河岸东侧第三处堆体）", "<script>alert(%d)</script>", "\\(%d) Tj ET\n/F1", "A\u0301%d e\u200bx", "ไทย-%d", "%d " + strings.Repeat("长", 80)}
	for i := range 60 {
		d.Seal(w.Case, &event.SampleCollected{Sample: w.UUID(), Label: fmt.Sprintf(names[i%len(names)], i), QC: "primary", Matrix: "solid_waste", Gathering: "composite", Increments: 5, Point: "东侧堆体", Start: at,
			Container: &event.Container{Material: "HDPE"}, SealNo: fmt.Sprintf("封%05d", i), Sampler: li, SecondSampler: zhao, Analyses: []event.Analysis{{Group: "metals"}}})
	}
	w.Checkpoint()
	for _, l := range []bag.Language{bag.English, bag.Chinese} {
		doc := read(t, write(t, input(w, l), "many."+string(l)+".pdf"))
		for _, want := range []string{"李伟[U+20BB7]", "浙环罚〔2026〕17号", "<script>alert(2)</script>", "\\(3) Tj ET", "[U+0301]", "[U+200B]", "[U+0E44]", "长长长长长"} {
			if !doc.has(want) {
				t.Errorf("%s: the document does not say %q", l, want)
			}
		}
		if doc.pages < 20 {
			t.Errorf("%s: %d pages for 60 exhibits", l, doc.pages)
		}
		for i := range 60 {
			if !doc.has(fmt.Sprintf("封%05d", i)) {
				t.Errorf("%s: seal %d is not there", l, i)
			}
		}
	}
}

// TestAccreditation: the register counts, a laboratory's own word is marked as such.
func TestAccreditation(t *testing.T) {
	own, registered := &event.Accreditation{Number: "own"}, &event.Accreditation{Number: "registered"}
	lab := event.UUID{3}
	list := func(bs ...event.Body) certificate.Laboratory {
		l := certificate.Laboratories(func(yield func(event.Body) bool) {
			for _, b := range bs {
				if !yield(b) {
					return
				}
			}
		})
		if len(l) != 1 {
			t.Fatalf("%d laboratories", len(l))
		}
		return l[0]
	}
	org := func(a *event.Accreditation) event.Body {
		return &event.OrgRegistered{Org: lab, Kind: "lab", Name: "Lab", NameZH: "实验室", Accreditation: a}
	}
	for name, c := range map[string]struct {
		l      certificate.Laboratory
		number string
		stated bool
	}{
		"registered":          {list(org(registered), &event.LabAccessioned{Lab: lab, Accreditation: own}), "registered", false},
		"registered later":    {list(org(nil), &event.ResultsReported{Lab: lab, Accreditation: own}, org(registered)), "registered", false},
		"stated":              {list(org(nil), &event.LabAccessioned{Lab: lab, Accreditation: own}), "own", true},
		"stated before":       {list(&event.LabAccessioned{Lab: lab, Accreditation: own}, org(nil)), "own", true},
		"withdrawn, restated": {list(org(registered), org(nil)), "", false},
	} {
		got := ""
		if c.l.Accreditation != nil {
			got = c.l.Accreditation.Number
		}
		if got != c.number || c.l.Stated != c.stated {
			t.Errorf("%s: %q, stated %v", name, got, c.l.Stated)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s := bundletest.NewStory(world(b))
	in := input(s.World, bag.Chinese)
	f := fonts(b)
	for b.Loop() {
		if err := certificate.Write(&bytes.Buffer{}, in, f); err != nil {
			b.Fatal(err)
		}
	}
}

// TestTall: a field that is longer than a page goes on over pages, under its table's
// head, and loses nothing.
func TestTall(t *testing.T) {
	s := bundletest.NewStory(world(t))
	in := input(s.World, bag.English)
	before := read(t, write(t, in, "short.pdf"))
	var note, purpose []string
	for i := range 1500 {
		note, purpose = append(note, fmt.Sprintf("note%d,", i)), append(purpose, fmt.Sprintf("why%d,", i))
	}
	in.Purpose = strings.Join(purpose, " ")
	for i := range in.Record.Items {
		if it := &in.Record.Items[i]; it.Ref.ID == s.Sample {
			it.Steps[0].Note = strings.Join(note, " ")
		}
	}
	doc := read(t, write(t, in, "tall.pdf"))
	for i := range 1500 {
		if !doc.has(fmt.Sprintf("note%d,", i)) || !doc.has(fmt.Sprintf("why%d,", i)) {
			t.Fatalf("word %d is lost", i)
		}
	}
	if heads := strings.Count(doc.text, "Timeclaimed;sealedbetween") - strings.Count(before.text, "Timeclaimed;sealedbetween"); doc.pages < before.pages+4 || heads < 3 {
		t.Errorf("%d pages after %d, %d more heads", doc.pages, before.pages, heads)
	}
}
