package bundle_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/blob"
	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/source"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
	"fieldseal/sync/succession"
	"fieldseal/sync/succession/carry"
	"fieldseal/sync/witness"
)

// two is a case that lies in two ledgers, of real engines: part of it was handed in
// to the former one, part of it only to the one that continues that.
type two struct {
	t         *testing.T
	old, next *ingesttest.World
	files     *blob.Files
	dev       *ingesttest.Device
	c         event.UUID
	photo     event.Media
	last      ledger.Checkpoint
	entry     *event.LogPredecessor
	// target is an event that the former ledger has and that is amended in the next.
	target event.ID
	fork   []byte
}

// newTwo makes the former ledger up to its end.
func newTwo(t *testing.T) *two {
	t.Helper()
	s := &two{t: t, old: ingesttest.New(t)}
	var err error
	if s.files, err = blob.OpenFiles(blob.FilesConfig{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	s.dev = s.old.AddDevice()
	s.old.Submit(s.dev.Genesis())
	var open []byte
	s.c, open = s.dev.OpenCase("2026-HW-017")
	s.old.Submit(open)
	s.seal(s.old, &event.SampleCollected{Sample: s.old.ID(), Label: "S-0001", QC: "primary", Matrix: "water", Gathering: "grab", Start: "2026-11-24T09:30:00+08:00", Sampler: s.dev.Person})
	s.target = s.dev.Prev
	s.photo = event.Media{SHA256: sha256.Sum256([]byte("a photo")), Size: 7, Type: "image/jpeg", Name: "IMG.JPG"}
	s.seal(s.old, &event.PhotoCaptured{Photo: s.old.ID(), Media: s.photo, Shows: "a drum", SealVisible: "no"})
	if _, _, err := s.files.Put(t.Context(), strings.NewReader("a photo")); err != nil {
		t.Fatal(err)
	}
	s.old.Author(ingest.Draft{Body: &event.MediaReceived{SHA256: s.photo.SHA256, Size: 7, Type: "image/jpeg", Carrier: s.dev.ID}})
	s.fork = s.dev.Fork().Note(s.c, "the other side")
	s.seal(s.old, &event.NoteWritten{Text: "one side"})
	r := s.old.Submit(s.fork)
	s.old.Author(ingest.Draft{Body: &event.QuarantineSettled{Index: r.Results[0].Index, Resolution: "acknowledged", Reason: "cloned device"}})
	return s
}

func (s *two) seal(w *ingesttest.World, body event.Body) {
	s.t.Helper()
	s.submit(w, s.dev.Seal(s.c, body))
}

func (s *two) submit(w *ingesttest.World, line []byte) {
	s.t.Helper()
	if r := w.Submit(line); r.Results[0].Status != "accepted" {
		s.t.Fatalf("%+v", r.Results[0])
	}
}

// note seals a note that names a checkpoint as seen.
func (s *two) note(text string, seen *event.Seen) []byte {
	s.t.Helper()
	p := s.dev.Payload(s.c, &event.NoteWritten{Text: text})
	p.Seen = seen
	line, id := s.dev.SealPayload(p)
	s.dev.Seq, s.dev.Prev = s.dev.Seq+1, id
	return line
}

// seenAt is a checkpoint of a world's ledger as a device embeds it.
func (s *two) seenAt(w *ingesttest.World, size int64) *event.Seen {
	s.t.Helper()
	root, err := w.Engine.RootAt(s.t.Context(), size)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := ledger.Sign(ledger.Checkpoint{Origin: w.LogKey.Name(), Size: ledger.Size(size), Root: root}, w.LogKey)
	if err != nil {
		s.t.Fatal(err)
	}
	return &event.Seen{Origin: w.LogKey.Name(), Size: size, Root: event.Root(root), Note: sha256.Sum256(c.Note())}
}

// freeze ends the former ledger.
func (s *two) freeze() {
	s.t.Helper()
	last, err := s.old.Engine.Freeze(s.t.Context(), "moved")
	if err != nil {
		s.t.Fatal(err)
	}
	s.last = last.Checkpoint
	s.entry = s.begin(s.last, s.old.LogKey)
}

func (s *two) begin(c ledger.Checkpoint, k *ledger.Key) *event.LogPredecessor {
	s.t.Helper()
	signed, err := ledger.Sign(c, k)
	if err != nil {
		s.t.Fatal(err)
	}
	return &event.LogPredecessor{Origin: c.Origin, Size: int64(c.Size), Root: event.Root(c.Root), Checkpoint: string(signed.Note()), Reason: "moved"}
}

// open begins the ledger that continues it, with whatever entry 1 says.
func (s *two) open(endorser *seal.PrivateKey) {
	s.t.Helper()
	s.next = ingesttest.Empty(s.t, "ledger.test/next", func(c *ingest.Config) {
		if endorser != nil {
			var err error
			if s.entry.Endorsement, err = succession.Endorse(succession.Statement{Former: succession.EndOf(s.entry),
				Next: succession.Next{Origin: c.LogKey.Name(), LogKey: c.LogKey.VerifierText(), Authority: event.Digest(c.AuthorityKey.Public().ID())}}, endorser); err != nil {
				s.t.Fatal(err)
			}
		}
		c.Predecessor = s.entry
	})
	if _, err := carry.Over(s.t.Context(), carry.Config{From: s.old.Store, To: s.next.Engine, Held: s.files.Has}); err != nil {
		s.t.Fatal(err)
	}
}

// goOn adds to the case in the next ledger: what the former one never got, a
// correction of what it has, and something quite new.
func (s *two) goOn() {
	s.t.Helper()
	s.submit(s.next, s.note("sealed under the former ledger, handed in late", s.seenAt(s.old, int64(s.last.Size)-2)))
	s.seal(s.next, &event.EventAmended{Target: s.target, Reason: "misread", Changes: []event.Change{{Path: "/label", Old: `"S-0001"`, New: `"S-0001A"`}}})
	s.submit(s.next, s.note("new", s.seenAt(s.next, s.next.Engine.Size())))
	other := s.dev.Fork().Note(s.c, "a fork of later")
	s.seal(s.next, &event.NoteWritten{Text: "the true one"})
	r := s.next.Submit(other)
	if r.Results[0].Code != "FORK" {
		s.t.Fatalf("%+v", r.Results[0])
	}
	s.next.Author(ingest.Draft{Body: &event.QuarantineSettled{Index: r.Results[0].Index, Resolution: "rejected", Reason: "later"}})
}

func (s *two) write(w *ingesttest.World, o bundle.Options) ([]byte, error) {
	s.t.Helper()
	o.Bundle, o.Case, o.TempDir = w.ID(), s.c, s.t.TempDir()
	o.Made = time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	_, err := bundle.Write(s.t.Context(), &b, source.New(w.Engine, w.Store, s.files), o)
	return b.Bytes(), err
}

// former is the former ledger's bundle as it goes into the next one's.
func (s *two) former() ([]byte, *bundle.Former) {
	s.t.Helper()
	b, err := s.write(s.old, bundle.Options{WithoutMedia: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return b, &bundle.Former{Bundle: bytes.NewReader(b), Size: int64(len(b)), Tiles: store.Tiles{Store: s.old.Store}}
}

func (s *two) both() (inner, outer []byte) {
	s.t.Helper()
	inner, f := s.former()
	outer, err := s.write(s.next, bundle.Options{Former: f})
	if err != nil {
		s.t.Fatal(err)
	}
	return inner, outer
}

func (s *two) trust(worlds ...*ingesttest.World) (o verify.Options) {
	for _, w := range worlds {
		o.TrustedAuthorities = append(o.TrustedAuthorities, event.Digest(w.Authority.Public().ID()))
	}
	return o
}

func judged(t *testing.T, b []byte, o verify.Options) *verify.Verdict {
	t.Helper()
	v, err := verify.Verify(t.Context(), bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func true2(t *testing.T) *two {
	t.Helper()
	s := newTwo(t)
	s.freeze()
	s.open(s.old.Authority)
	s.goOn()
	return s
}

// A case in two ledgers is judged as one: what the former one has is dated by it,
// what only the next one has by that, and the verdict says which proves what.
func TestTwoLedgers(t *testing.T) {
	s := true2(t)
	inner, outer := s.both()
	v := judged(t, outer, s.trust(s.old, s.next))
	if v.Result == verify.NotAuthentic {
		t.Fatal(bundletest.Summary(v))
	}
	if v.Former == nil || v.Former.Result != verify.Authentic || v.Former.Record != nil || !v.Former.Bundle.Pinned {
		t.Errorf("%+v", v.Former)
	}
	if len(v.Ledgers) != 2 || v.Ledgers[0].Origin != ingesttest.Origin || v.Ledgers[1].Origin != "ledger.test/next" ||
		v.Ledgers[0].First != 0 || v.Ledgers[1].First != int64(s.last.Size) || v.Ledgers[0].Size != int64(s.last.Size) || v.Ledgers[1].Events == 0 {
		t.Errorf("%+v", v.Ledgers)
	}
	alone := judged(t, inner, s.trust(s.old))
	for id, in := range alone.Record.Intervals {
		if v.ProvenBy[id] != 0 || !v.Record.Intervals[id].NotAfter.Equal(in.NotAfter) || !v.Record.Intervals[id].NotBefore.Equal(in.NotBefore) {
			t.Errorf("event %s: by ledger %d in %+v, had %+v", id, v.ProvenBy[id], v.Record.Intervals[id], in)
		}
	}
	if n := len(v.Record.Amendments); n != 1 || !v.Record.Amendments[0].Applied {
		t.Errorf("the correction of what the former ledger has: %+v", v.Record.Amendments)
	}
	found := false
	for _, it := range v.Record.Items {
		found = found || it.Label == "S-0001A"
	}
	if !found {
		t.Error("the corrected label is not there")
	}
	// Nothing is wrong for the mere reason that there are two ledgers.
	codes := map[custody.Code]int{}
	for _, d := range v.Record.Defects {
		codes[d.Code]++
		if strings.Contains(d.Explanation.EN, "Nobody has decided") {
			t.Errorf("%s: %s", d.Code, d.Explanation.EN)
		}
	}
	for _, d := range alone.Record.Defects {
		codes[d.Code] = 0
	}
	for code, n := range codes {
		if n > 0 && code != "LATE_SYNC" {
			t.Errorf("a defect that the former ledger alone has not: %s", code)
		}
	}
	// The record before the bundle is made is the one in it, and the one of a reader.
	_, f := s.former()
	r, _, err := bundle.RecordAfter(t.Context(), source.New(s.next.Engine, s.next.Store, s.files), s.c, f)
	if err != nil {
		t.Fatal(err)
	}
	a, err := verify.RecordJSON(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := verify.RecordJSON(v.Record)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("the writer's record is not the reader's: %v", err)
	}
	for path, says := range map[string]string{bag.PathReport: "Ledgers that the case lies in", bag.PathReportZH: "本案所在账本"} {
		if page := openForge(t, outer).files[path]; !bytes.Contains(page, []byte(says)) || !bytes.Contains(page, []byte(ingesttest.Origin)) {
			t.Errorf("%s does not name the ledgers", path)
		}
	}
}

// A stranger with public tools alone checks both bundles and the link between them.
func TestStrangerChecksTwoLedgers(t *testing.T) {
	s := true2(t)
	inner, outer := s.both()
	dir := unzip(t, outer)
	former := unzip(t, inner)
	checkStranger(t, former)
	if out := stranger(t, dir); !strings.Contains(out, "ok: entry 1 names the former ledger") || !strings.Contains(out, "not checked: unpack") || strings.Contains(out, "FAILED") {
		t.Error(out)
	}
	beside := filepath.Join(filepath.Dir(dir), "former")
	if err := os.Mkdir(beside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(former, filepath.Join(beside, filepath.Base(former))); err != nil {
		t.Fatal(err)
	}
	if out := stranger(t, dir); !strings.Contains(out, "ok: it begins with the checkpoint of the former ledger") || strings.Contains(out, "FAILED") {
		t.Error(out)
	}
	note := filepath.Join(beside, filepath.Base(former), "data", "ledger", "checkpoint")
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(text), "\n", 3)
	if err := os.WriteFile(note, []byte(lines[0]+"\n"+lines[1]+"0\n"+lines[2]), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := stranger(t, dir); !strings.Contains(out, "FAILED: it begins with another checkpoint") {
		t.Error(out)
	}
}

// A case with every kind of event, statement and line in quarantine is judged the
// same when another ledger continues the first and adds nothing: what the new
// authority states anew changes no finding, and neither do the lines that stand twice.
func TestContinuedLedgerChangesNothing(t *testing.T) {
	s := &two{t: t, old: ingesttest.New(t)}
	var err error
	if s.files, err = blob.OpenFiles(blob.FilesConfig{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	s.c = s.old.Rich()
	if _, _, err := s.files.Put(t.Context(), strings.NewReader("photo")); err != nil { // what the story says has arrived
		t.Fatal(err)
	}
	s.freeze()
	s.open(s.old.Authority)
	inner, outer := s.both()
	alone, both := judged(t, inner, s.trust(s.old)), judged(t, outer, s.trust(s.old, s.next))
	if both.Result == verify.NotAuthentic || both.Ledgers[0].Events == 0 {
		t.Fatal(bundletest.Summary(both))
	}
	// The next ledger has statements of its own, and nothing of the case.
	for id, n := range both.ProvenBy {
		if _, ok := both.Record.Intervals[id]; ok && n != 0 && alone.Record.Intervals[id].NotAfter.IsZero() {
			continue
		}
		if _, ok := alone.Record.Intervals[id]; ok && n != 0 {
			t.Errorf("event %s is proven by ledger %d", id, n)
		}
	}
	type finding struct {
		code custody.Code
		sev  custody.Severity
		n    int
		text string
	}
	list := func(v *verify.Verdict) (out []string) {
		for _, d := range v.Record.Defects {
			out = append(out, fmt.Sprintf("%+v", finding{d.Code, d.Severity, len(d.Events), d.Explanation.EN}))
		}
		return out
	}
	if a, b := list(alone), list(both); !slices.Equal(a, b) {
		t.Errorf("alone:\n%s\nboth:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
	if len(alone.Record.Items) != len(both.Record.Items) || len(alone.Quarantine) == 0 {
		t.Errorf("%d and %d items, %d lines in quarantine", len(alone.Record.Items), len(both.Record.Items), len(alone.Quarantine))
	}
}

// Without the former bundle the verdict says what is not shown; with trust in one
// of the two authorities only, it does not pass.
func TestTwoLedgersTrust(t *testing.T) {
	s := true2(t)
	_, outer := s.both()
	for name, worlds := range map[string][]*ingesttest.World{"the next": {s.next}, "the former": {s.old}} {
		v := judged(t, outer, s.trust(worlds...))
		if v.Result != verify.NotAuthentic {
			t.Errorf("with trust in %s alone it is %s", name, v.Result)
		}
		if name == "the next" && !strings.Contains(fmt.Sprint(v.Failures), "trust is needed in each") {
			t.Errorf("%v", v.Failures)
		}
	}
	alone, err := s.write(s.next, bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := judged(t, alone, s.trust(s.next))
	told := false
	for _, n := range v.Notes {
		told = told || n.Code == "FORMER_NOT_SHOWN"
	}
	if v.Result == verify.NotAuthentic || !told || v.Ledgers != nil {
		t.Errorf("%s, %+v", v.Result, v.Notes)
	}
}

// Witnesses vouch for the newest ledger, which commits to the end of the former one;
// where they had cosigned that as well, their time counts there.
func TestTwoLedgersWitnessed(t *testing.T) {
	s := true2(t)
	key, err := witness.GenerateKey("court.test/w")
	if err != nil {
		t.Fatal(err)
	}
	cosign := func(w *ingesttest.World, at time.Time) {
		t.Helper()
		c, err := w.Engine.Signed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sig, err := key.Cosign(c.Checkpoint, at)
		if err == nil {
			c, err = c.WithSignature(sig, key)
		}
		if err == nil {
			err = w.Engine.AddCosigned(t.Context(), string(c.Note()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	o := s.trust(s.old, s.next)
	o.TrustedWitnesses = []string{key.Text()}
	_, outer := s.both()
	fails(t, judged(t, outer, o), "witnesses")
	now := time.Now().Truncate(time.Second)
	cosign(s.next, now)
	_, outer = s.both()
	v := judged(t, outer, o)
	if v.Result == verify.NotAuthentic || !v.Bundle.Witnessed.Equal(now) || !v.Former.Bundle.Witnessed.IsZero() {
		t.Errorf("%s\n%v, %v", bundletest.Summary(v), v.Bundle.Witnessed, v.Former.Bundle.Witnessed)
	}
	cosign(s.old, now.Add(-time.Minute))
	_, outer = s.both()
	v = judged(t, outer, o)
	if v.Result == verify.NotAuthentic || !v.Former.Bundle.Witnessed.Equal(now.Add(-time.Minute)) {
		t.Errorf("%s\n%v", bundletest.Summary(v), v.Former.Bundle.Witnessed)
	}
	if in := v.Record.Intervals[s.target]; in.Witnessed == nil || !in.Witnessed.NotAfter.Before(now) {
		t.Errorf("the former ledger's cosignature dates nothing: %+v", in)
	}
}

// Three ledgers, one within the other.
func TestThreeLedgers(t *testing.T) {
	s := true2(t)
	first := s.old
	_, f := s.former()
	// The second ends, and a third continues it.
	s.old = s.next
	s.freeze()
	second, err := s.write(s.old, bundle.Options{Former: f})
	if err != nil {
		t.Fatal(err)
	}
	middle := s.next
	s.next = ingesttest.Empty(t, "ledger.test/third", func(c *ingest.Config) {
		var err error
		if s.entry.Endorsement, err = succession.Endorse(succession.Statement{Former: succession.EndOf(s.entry),
			Next: succession.Next{Origin: c.LogKey.Name(), LogKey: c.LogKey.VerifierText(), Authority: event.Digest(c.AuthorityKey.Public().ID())}}, middle.Authority); err != nil {
			t.Fatal(err)
		}
		c.Predecessor = s.entry
	})
	if _, err := carry.Over(t.Context(), carry.Config{From: middle.Store, To: s.next.Engine, Held: s.files.Has}); err != nil {
		t.Fatal(err)
	}
	s.seal(s.next, &event.NoteWritten{Text: "in the third"})
	third, err := s.write(s.next, bundle.Options{Former: &bundle.Former{Bundle: bytes.NewReader(second), Size: int64(len(second)), Tiles: store.Tiles{Store: middle.Store}}})
	if err != nil {
		t.Fatal(err)
	}
	v := judged(t, third, s.trust(first, middle, s.next))
	if v.Result == verify.NotAuthentic {
		t.Fatal(bundletest.Summary(v))
	}
	if len(v.Ledgers) != 3 || v.Ledgers[0].Events == 0 || v.Ledgers[1].Events == 0 || v.Ledgers[2].Events == 0 ||
		v.Ledgers[2].First != v.Ledgers[0].Size+v.Ledgers[1].Size {
		t.Errorf("%+v", v.Ledgers)
	}
}
