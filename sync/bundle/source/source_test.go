package source_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
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
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
)

// scene is a case that came through the engine, with files in a real media store.
type scene struct {
	*ingesttest.World
	t      *testing.T
	files  *blob.Files
	dir    string
	dev    *ingesttest.Device
	lab    *ingesttest.Device
	c      event.UUID
	sample event.UUID
	photo  event.Media
}

func (s *scene) submit(lines ...[]byte) []ingest.Result {
	s.t.Helper()
	r, err := s.Engine.Submit(context.Background(), lines, event.UUID{})
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Results
}

func (s *scene) seal(id event.UUID, body event.Body) []byte {
	s.t.Helper()
	line := s.dev.Seal(id, body)
	if r := s.submit(line); r[0].Status != "accepted" {
		s.t.Fatalf("%+v", r[0])
	}
	return line
}

func (s *scene) file(data string) event.Media {
	return event.Media{SHA256: sha256.Sum256([]byte(data)), Size: int64(len(data)), Type: "image/jpeg", Name: "IMG.JPG"}
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{World: ingesttest.New(t), t: t, dir: t.TempDir()}
	var err error
	if s.files, err = blob.OpenFiles(blob.FilesConfig{Dir: s.dir}); err != nil {
		t.Fatal(err)
	}
	lab := s.AddOrg("lab")
	s.dev, s.lab = s.AddDevice(), s.AddDeviceOf(lab, s.AddPerson(lab))
	s.submit(s.dev.Genesis(), s.lab.Genesis())
	var open []byte
	s.c, open = s.dev.OpenCase("2026-HW-017")
	s.submit(open)
	s.sample = s.ID()
	s.seal(s.c, &event.SampleCollected{Sample: s.sample, Label: "S-0001", QC: "primary", Matrix: "water", Gathering: "grab", Start: "2026-11-24T09:30:00+08:00", Sampler: s.dev.Person})
	target := s.dev.Prev
	other, line := s.dev.OpenCase("2026-HW-018")
	s.submit(line, s.dev.Note(other, "in another case"))
	s.seal(s.c, &event.SampleCollected{Sample: s.ID(), Label: "S-0002", QC: "primary", Matrix: "water", Gathering: "grab", Start: "2026-11-24T09:31:00+08:00", Sampler: s.lab.Person})
	s.media()
	s.seal(event.UUID{}, &event.ClockObserved{ServerWall: "2026-11-24T12:00:00.250+08:00", OffsetMS: -1250, RoundTripMS: 40})
	s.seal(event.UUID{}, &event.EventAmended{Target: target, Reason: "misread", Changes: []event.Change{{Path: "/label", Old: `"S-0001"`, New: `"S-0001A"`}}})
	s.quarantine()
	return s
}

// media names four files: one is here, one came as something else, one is on its
// way, one has not begun to arrive.
func (s *scene) media() {
	t, ctx := s.t, context.Background()
	s.photo = s.file("a photo")
	bad, part, none := s.file("other bytes come"), s.file("a long film that is on its way"), s.file("never sent")
	for _, m := range []event.Media{s.photo, bad, part, none} {
		s.seal(s.c, &event.PhotoCaptured{Photo: s.ID(), Media: m, Shows: "a drum", SealVisible: "no", About: []event.Ref{{Kind: "sample", ID: s.sample}}})
	}
	if _, _, err := s.files.Put(ctx, strings.NewReader("a photo")); err != nil {
		t.Fatal(err)
	}
	s.Author(ingest.Draft{Body: &event.MediaReceived{SHA256: s.photo.SHA256, Size: s.photo.Size, Type: s.photo.Type, Carrier: s.dev.ID}},
		ingest.Draft{Body: &event.MediaQuarantined{Wanted: bad.SHA256, Got: sha256.Sum256([]byte("not it")), Size: 6, Carrier: s.dev.ID}})
	u, err := s.files.Create(ctx, blob.Promise{Wanted: part.SHA256, Length: part.Size})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.files.Append(ctx, u.ID, 0, strings.NewReader("a long film"), nil); err != nil {
		var cut *blob.SourceError
		if !errors.As(err, &cut) {
			t.Fatal(err)
		}
	}
}

// quarantine puts a fork, a line of no form and a line of an unknown device there.
func (s *scene) quarantine() {
	fork := s.dev.Fork()
	s.submit(s.dev.Note(s.c, "one side"))
	r := s.submit(fork.Note(s.c, "the other side"), []byte(`{"payloadType":"x"}`))
	if r[0].Code != "FORK" || r[1].Status != "quarantined" {
		s.t.Fatalf("%+v", r)
	}
	s.Author(ingest.Draft{Body: &event.QuarantineSettled{Index: r[0].Index, Resolution: "acknowledged", Reason: "cloned device"}})
}

func (s *scene) options() bundle.Options {
	return bundle.Options{Bundle: s.ID(), Case: s.c, Purpose: "transfer", Made: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC), TempDir: s.t.TempDir()}
}

func (s *scene) bundle(o bundle.Options) (*verify.Verdict, []byte) {
	s.t.Helper()
	var b bytes.Buffer
	if _, err := bundle.Write(context.Background(), &b, source.New(s.Engine, s.Store, s.files), o); err != nil {
		s.t.Fatal(err)
	}
	v, err := verify.Verify(context.Background(), bytes.NewReader(b.Bytes()), int64(b.Len()), verify.Options{TrustedLogKeys: []string{s.LogKey.VerifierText()}})
	if err != nil {
		s.t.Fatal(err)
	}
	if v.Result == verify.NotAuthentic {
		s.t.Fatal(bundletest.Summary(v))
	}
	return v, b.Bytes()
}

func TestWholeCase(t *testing.T) {
	s := newScene(t)
	v, _ := s.bundle(s.options())
	// Opened, two samples, four photos, a note.
	if d := v.Bundle.Disclosure; d.Shown != 8 || d.Hidden != 0 || d.ShownQuarantine != 1 {
		t.Errorf("disclosure: %+v", d)
	}
	states := map[bag.MediaState]int64{}
	for _, m := range v.Media {
		states[m.State] = m.Have
	}
	if len(v.Media) != 4 || states[bag.MediaPresent] != 7 || states[bag.MediaMismatch] != 6 || states[bag.MediaMissing] > 11 {
		t.Errorf("media: %+v", v.Media)
	}
	if len(v.Record.Amendments) != 1 || !v.Record.Amendments[0].Applied {
		t.Errorf("the amendment that names no case: %+v", v.Record.Amendments)
	}
	if len(v.Quarantine) != 1 || v.Quarantine[0].Code != "FORK" {
		t.Errorf("quarantine: %+v", v.Quarantine)
	}
	if v.Record.Case.Number != "2026-HW-017" || v.Record.Case.OpenedBy == "" {
		t.Errorf("case: %+v", v.Record.Case)
	}
}

func TestExhibit(t *testing.T) {
	s := newScene(t)
	o := s.options()
	o.Exhibits = []event.Ref{{Kind: "sample", ID: s.sample}}
	v, b := s.bundle(o)
	if d := v.Bundle.Disclosure; d.Hidden != 2 || d.Shown != 6 || d.HiddenQuarantine != 1 {
		t.Errorf("disclosure: %+v", d)
	}
	if bytes.Contains(b, []byte("S-0002")) {
		t.Error("the other sample shows")
	}
}

// TestLater: a bundle is as of its checkpoint; what arrives meanwhile, and after
// a revocation, does not disturb it.
func TestLater(t *testing.T) {
	s := newScene(t)
	lost := s.dev.Note(s.c, "arrives last")
	after := s.dev.Note(s.c, "is pending")
	s.submit(after)
	v, _ := s.bundle(s.options())
	if v.Bundle.Disclosure.Shown != 9 {
		t.Errorf("disclosure: %+v", v.Bundle.Disclosure)
	}
	s.submit(lost)
	s.Author(ingest.Draft{Body: &event.DeviceRevoked{Device: s.dev.ID, Key: event.Digest(s.dev.Key.Public().ID()), Reason: "lost"}})
	if r := s.submit(s.dev.Note(s.c, "too late")); r[0].Code != "REVOKED_KEY" {
		t.Fatalf("%+v", r)
	}
	v, _ = s.bundle(s.options())
	if d := v.Bundle.Disclosure; d.Shown != 10 || d.ShownQuarantine != 2 {
		t.Errorf("disclosure: %+v", d)
	}
}

func TestExport(t *testing.T) {
	s := newScene(t)
	p, r, err := source.Export(t.Context(), s.Engine, s.Store, s.files, s.dev.Person, s.options(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil || int64(b.Len()) != p.Summary().Length {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if r.Status != "accepted" || r.Index < int64(p.Summary().Checkpoint) {
		t.Errorf("the export is not on record: %+v", r)
	}
	v, _ := s.bundle(s.options())
	if v.Bundle.Disclosure.Shown != 9 { // the record of the first export among them
		t.Errorf("disclosure: %+v", v.Bundle.Disclosure)
	}
}

// TestLoss: what the store has lost or changed is named, and gives no bundle.
func TestLoss(t *testing.T) {
	s := newScene(t)
	var path string
	err := filepath.WalkDir(s.dir, func(p string, d os.DirEntry, err error) error {
		if strings.Contains(p, s.photo.SHA256.String()) && !d.IsDir() {
			path = p
		}
		return err
	})
	if err != nil || path == "" {
		t.Fatalf("the photo's file was not found: %v", err)
	}
	try := func() error {
		var b bytes.Buffer
		_, err := bundle.Write(t.Context(), &b, source.New(s.Engine, s.Store, s.files), s.options())
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("A photo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := try(); !errors.Is(err, bundle.ErrSource) {
		t.Errorf("a changed file: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := try(); !errors.Is(err, bundle.ErrSource) || !strings.Contains(err.Error(), s.photo.SHA256.String()) {
		t.Errorf("a lost file: %v", err)
	}
	o := s.options()
	o.Case = s.ID()
	if _, err := bundle.Prepare(t.Context(), source.New(s.Engine, s.Store, s.files), o); !errors.Is(err, bundle.ErrOptions) {
		t.Errorf("an unknown case: %v", err)
	}
}

// TestPublishedRules: a pack that the authority has published goes before the one
// that comes with the program.
func TestPublishedRules(t *testing.T) {
	s := newScene(t)
	src := source.New(s.Engine, s.Store, s.files)
	text, err := src.Rules(t.Context())
	if err != nil || !bytes.Contains(text, []byte("cn-environment")) {
		t.Fatal(err)
	}
	next := bytes.Replace(text, []byte(`"2026.1"`), []byte(`"2026.9"`), 1)
	s.Author(ingest.Draft{Body: &event.RulePack{Pack: "cn-environment", Version: "2026.9", Jurisdiction: "CN", Effective: "2026-06-01", SHA256: sha256.Sum256(next), Content: string(next)}})
	if got, err := src.Rules(t.Context()); err != nil || !bytes.Equal(got, next) {
		t.Errorf("%v: %d bytes", err, len(got))
	}
	v, _ := s.bundle(s.options())
	if v.Record.Rules.Version != "2026.9" {
		t.Errorf("judged by %+v", v.Record.Rules)
	}
	if slices.ContainsFunc(v.Notes, func(n verify.Note) bool { return n.Code == "QUARANTINE_REASON" }) {
		t.Errorf("notes: %+v", v.Notes)
	}
}
