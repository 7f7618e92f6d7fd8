package device

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/seal"
)

// Every type that a device may seal can be captured from a draft that leaves out
// what the device knows, and none that it may not.
func TestCaptureEveryType(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	for typ, body := range eventtest.Bodies() {
		body := cloneBody(body)
		for _, m := range mediaOf(body) {
			kept, err := s.AddMedia(t.Context(), strings.NewReader(string(typ)+m.Name), m.Name, m.Type)
			if err != nil {
				t.Fatal(err)
			}
			*m = kept
		}
		saved, err := s.Capture(t.Context(), Draft{Case: k, Body: body})
		if typ.AuthorityOnly() || typ.Genesis() {
			if !errors.Is(err, ErrInput) {
				t.Errorf("%s: got %v, want a refusal", typ, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		e, p, _, err := s.Event(t.Context(), saved.ID)
		if err != nil || p.Type != typ || !bytes.Equal(e.Line, saved.Line) {
			t.Errorf("%s: read back as %v, %v", typ, p, err)
		}
	}
	checkChain(t, s)
	if r := f.mustSync(s); r.Quarantined != 0 {
		t.Errorf("%d quarantined", r.Quarantined)
	}
}

func TestCaptureFills(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	f.mustSync(s)
	id, _ := s.Identity(t.Context())
	k := openCase(t, s, "1")
	draft := &event.SampleCollected{Matrix: "soil"}
	saved, err := s.Capture(t.Context(), Draft{Case: k, Body: draft})
	if err != nil {
		t.Fatal(err)
	}
	b := saved.Body.(*event.SampleCollected)
	if b.Sample.IsZero() || b.Label == "" || b.Sampler != id.Person || b.QC != "primary" || b.Gathering != "grab" || b.Start == "" {
		t.Errorf("completed to %+v", b)
	}
	if draft.Label != "" || !draft.Sample.IsZero() {
		t.Error("the caller's draft was changed")
	}
	site, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.SiteRecorded{Name: "Yard", Centre: event.Place{Datum: "WGS-84", Source: "gnss"}}})
	if err != nil {
		t.Fatal(err)
	}
	if o := site.Body.(*event.SiteRecorded).Officers; len(o) != 1 || o[0].Name != "Person of a" || o[0].CredentialNo != "C-1" {
		t.Errorf("officers %+v", o)
	}
	acc, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.LabAccessioned{Sample: b.Sample, LabelRead: b.Label, LabelAgrees: "yes",
		OnIce: "yes", Seal: "intact", Intact: "yes", PHOK: "not_applicable", Decision: "accept", LabID: "L-1"}})
	if err != nil || acc.Body.(*event.LabAccessioned).Lab != id.Org {
		t.Errorf("accession %+v, %v", acc.Body, err)
	}
	_, err = s.Capture(t.Context(), Draft{Case: k, Body: &event.LabAccessioned{Sample: b.Sample, LabelRead: b.Label, LabelAgrees: "yes",
		OnIce: "yes", Seal: "intact", PHOK: "not_applicable", Decision: "accept", LabID: "L-1"}})
	if !errors.Is(err, event.ErrInvalid) {
		t.Errorf("an answer that a person must give was filled in: %v", err)
	}
}

func TestCaptureRefuses(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	head := len(checkChain(t, s))
	for name, c := range map[string]struct {
		draft Draft
		want  error
	}{
		"no body":                {Draft{Case: k}, ErrInput},
		"a nil body":             {Draft{Case: k, Body: (*event.NoteWritten)(nil)}, ErrInput},
		"no case":                {Draft{Body: &event.NoteWritten{Text: "x"}}, ErrInput},
		"an invalid body":        {Draft{Case: k, Body: &event.NoteWritten{}}, event.ErrInvalid},
		"a file not in store":    {Draft{Case: k, Body: &event.PhotoCaptured{Media: event.Media{SHA256: event.Digest{1}}, Shows: "x", SealVisible: "no"}}, ErrMedia},
		"no labels left":         {Draft{Case: k, Body: &event.SampleCollected{Matrix: "soil"}}, ErrNoLabels},
		"place without a datum":  {Draft{Case: k, Body: &event.NoteWritten{Text: "x"}, Place: &event.Place{Source: "gnss"}}, event.ErrInvalid},
		"an event too large":     {Draft{Case: k, Body: &event.NoteWritten{Text: strings.Repeat("x", event.MaxText+1)}}, event.ErrInvalid},
		"a text that is no UTF8": {Draft{Case: k, Body: &event.NoteWritten{Text: "\xff"}}, event.ErrInvalid},
	} {
		_, err := s.Capture(t.Context(), c.draft)
		var ce *CaptureError
		if !errors.Is(err, c.want) || !errors.As(err, &ce) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	// Together: all or none.
	if _, err := s.CaptureAll(t.Context(), Draft{Case: k, Body: &event.NoteWritten{Text: "good"}}, Draft{Case: k, Body: &event.NoteWritten{}}); err == nil {
		t.Error("half of a pair was saved")
	}
	if n := len(checkChain(t, s)); n != head {
		t.Errorf("%d events were added by refused captures", n-head)
	}
	bare, err := Create(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	if _, err := bare.Capture(t.Context(), Draft{Body: &event.CaseOpened{Number: "1", Title: "t", Authority: "a"}}); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("before the enrolment: %v", err)
	}
}

func TestLabels(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	f.mustSync(s)
	k := openCase(t, s, "1")
	byHand := func(label string) error {
		_, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.SampleCollected{Matrix: "soil", Label: label}})
		return err
	}
	if err := byHand("Ta-000002"); err != nil { // typed before its turn
		t.Fatal(err)
	}
	seen := map[string]bool{"Ta-000002": true}
	for range 19 {
		b := takeSample(t, s, k)
		if seen[b.Label] {
			t.Fatalf("label %s was given twice", b.Label)
		}
		seen[b.Label] = true
	}
	if _, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.SampleCollected{Matrix: "soil"}}); !errors.Is(err, ErrNoLabels) {
		t.Errorf("after the last: %v", err)
	}
	if err := byHand("Ta-000007"); !errors.Is(err, ErrLabelUsed) {
		t.Errorf("a label again: %v", err)
	}
	if err := byHand("PRE-1"); err != nil {
		t.Errorf("a printed label when none are left: %v", err)
	}
	// The same block pulled again gives nothing back.
	if err := s.write(t.Context(), func(tx *tx) error { return tx.unset(setCursor) }); err != nil {
		t.Fatal(err)
	}
	f.mustSync(s)
	if n, err := s.LabelsLeft(t.Context()); err != nil || n != 0 {
		t.Errorf("%d labels left, %v", n, err)
	}
}

func TestDrafts(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	id, err := s.KeepDraft(t.Context(), KeptDraft{Type: event.TypeNoteWritten, Case: k, Body: `{"text":"half`})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.KeepDraft(t.Context(), KeptDraft{ID: id, Type: event.TypeNoteWritten, Case: k, Body: `{"text":"whole"}`}); err != nil {
		t.Fatal(err)
	}
	if d, err := s.DraftByID(t.Context(), id); err != nil || d.Body != `{"text":"whole"}` {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.NoteWritten{}, Kept: id}); err == nil {
		t.Error("an empty note was captured")
	}
	if list, _ := s.Drafts(t.Context()); len(list) != 1 {
		t.Error("a refused capture dropped the draft")
	}
	if _, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.NoteWritten{Text: "whole"}, Kept: id}); err != nil {
		t.Fatal(err)
	}
	if list, _ := s.Drafts(t.Context()); len(list) != 0 {
		t.Error("the captured draft is still there")
	}
}

// A full disk: the error says so, what was acknowledged stays, and once there is
// room the chain goes on.
func TestDiskFull(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	full := func(pages int) {
		t.Helper()
		if _, err := s.w.Exec(`PRAGMA max_page_count = ` + strconv.Itoa(pages)); err != nil {
			t.Fatal(err)
		}
	}
	full(1) // SQLite raises it to what is in use
	var acknowledged []event.ID
	var err error
	for range 500 {
		var saved Saved
		saved, err = s.Capture(t.Context(), Draft{Case: k, Body: &event.NoteWritten{Text: strings.Repeat("x", 3000)}})
		if err != nil {
			break
		}
		acknowledged = append(acknowledged, saved.ID)
	}
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "free some space") {
		t.Fatalf("got %v", err)
	}
	full(1 << 30)
	writeNote(t, s, k, "there is room again")
	list := checkChain(t, s)
	for i, id := range acknowledged {
		if list[i+2].ID != id {
			t.Errorf("acknowledged event %d is gone", i)
		}
	}
	if len(list) != len(acknowledged)+3 {
		t.Errorf("%d events, %d acknowledged", len(list), len(acknowledged))
	}
}

// Many goroutines, one chain.
func TestConcurrentCaptures(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 10 {
				if _, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.NoteWritten{Text: "x"}}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	if n := len(checkChain(t, s)); n != 82 {
		t.Errorf("%d events", n)
	}
}

// A key in hardware: no key file, and a signature that is wrong never becomes an event.
func TestHardwareSigner(t *testing.T) {
	f := newFake(t)
	key := must(seal.GenerateKey())
	good := true
	opts := Options{Signer: &Signer{Public: key.Public(), Sign: func(b []byte) ([]byte, error) {
		if !good {
			b = []byte("something else")
		}
		return key.Sign(b)
	}}}
	dir := t.TempDir()
	s, err := Create(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Enrol(t.Context(), EnrolRequest{Client: f.client(), Code: "hw"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, keyName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a key file: %v", err)
	}
	k := openCase(t, s, "1")
	good = false
	if _, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.NoteWritten{Text: "x"}}); !errors.Is(err, ErrKeyFile) {
		t.Errorf("faulty hardware: %v", err)
	}
	good = true
	writeNote(t, s, k, "x")
	checkChain(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.NoteWritten{Text: "x"}}); !errors.Is(err, ErrKeyFile) {
		t.Errorf("without the hardware: %v", err)
	}
}

func TestStoreRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, ErrNoStore) {
		t.Errorf("an empty directory: %v", err)
	}
	f := newFake(t)
	s := f.enrolled("a")
	if _, err := Create(t.Context(), s.Dir(), Options{}); !errors.Is(err, ErrExists) {
		t.Errorf("a second store: %v", err)
	}
	k := openCase(t, s, "1")
	if err := os.Chmod(filepath.Join(s.Dir(), keyName), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), s.Dir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.Capture(t.Context(), Draft{Case: k, Body: &event.NoteWritten{Text: "x"}}); !errors.Is(err, ErrKeyFile) {
		t.Errorf("a key file that others can read: %v", err)
	}
	if _, err := again.w.Exec(`PRAGMA user_version = 999`); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), s.Dir(), Options{}); !errors.Is(err, ErrNewerStore) {
		t.Errorf("a newer store: %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, dbName), bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), other, Options{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a file of another kind: %v", err)
	}
}
