package device

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/sync/event"
)

// openCase captures a case and gives its id.
func openCase(t *testing.T, s *Store, number string) event.UUID {
	t.Helper()
	saved, err := s.Capture(t.Context(), Draft{Body: &event.CaseOpened{Number: number, Title: "Drums by the canal", Authority: "Bureau"}})
	if err != nil {
		t.Fatal(err)
	}
	return saved.Case
}

func takeSample(t *testing.T, s *Store, c event.UUID) *event.SampleCollected {
	t.Helper()
	saved, err := s.Capture(t.Context(), Draft{Case: c, Body: &event.SampleCollected{Matrix: "water", SealNo: "S-1"}})
	if err != nil {
		t.Fatal(err)
	}
	return saved.Body.(*event.SampleCollected)
}

func writeNote(t *testing.T, s *Store, c event.UUID, text string) Saved {
	t.Helper()
	saved, err := s.Capture(t.Context(), Draft{Case: c, Body: &event.NoteWritten{Text: text}})
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// A field day: enrolled, captured offline, synced once; everything is proven and the
// colleague's device sees it.
func TestFieldDay(t *testing.T) {
	f := newFake(t)
	a, b := f.enrolled("a"), f.enrolled("b")
	if _, err := a.LabelsLeft(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.mustSync(a) // fetches the label block
	f.mustSync(b)
	f.http.Config.Handler = http.NotFoundHandler() // the network is gone
	c := openCase(t, a, "2026-17")
	first, second := takeSample(t, a, c), takeSample(t, a, c)
	if first.Label != "Ta-000001" || second.Label != "Ta-000002" {
		t.Errorf("labels %q, %q", first.Label, second.Label)
	}
	m, err := a.AddMedia(t.Context(), strings.NewReader("a photo"), "p.jpg", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Capture(t.Context(), Draft{Case: c, Body: &event.PhotoCaptured{Media: event.Media{SHA256: m.SHA256}, Shows: "drum", SealVisible: "no"}}); err != nil {
		t.Fatal(err)
	}
	f.http.Config.Handler = http.HandlerFunc(f.serve)
	r := f.mustSync(a)
	if r.Sent != 4 || r.Proven != 4 || r.MediaSent != 1 || len(r.Notes) != 0 {
		t.Errorf("report %+v", r)
	}
	if st := states(t, a); st[StateProven] != len(checkChain(t, a)) {
		t.Errorf("states %v", st)
	}
	if len(f.media) != 1 {
		t.Errorf("%d files arrived", len(f.media))
	}
	f.mustSync(b)
	things, err := b.Things(t.Context(), ThingFilter{Case: c, Kind: "sample"})
	if err != nil || len(things) != 2 || things[0].Label != first.Label || things[0].Own {
		t.Errorf("the colleague sees %+v, %v", things, err)
	}
	// Nothing new: nothing is sent, no clock event is made.
	if r := f.mustSync(a); r.Sent != 0 || r.Proven != 0 {
		t.Errorf("an idle sync did %+v", r)
	}
}

// The genesis, every later event's seen checkpoint and the pinned keys.
func TestEnrol(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("x")
	list := checkChain(t, s)
	if len(list) != 1 || list[0].Type != event.TypeDeviceGenesis {
		t.Fatalf("chain %+v", list)
	}
	_, p, b, err := s.Event(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := s.Identity(t.Context())
	if p.Seen == nil || p.Seen.Origin != origin || b.(*event.DeviceGenesis).Enrolment != id.Enrolment {
		t.Errorf("genesis %+v %+v", p.Seen, b)
	}
	if _, err := s.Enrol(t.Context(), EnrolRequest{Client: f.client(), Code: "y"}); !errors.Is(err, ErrEnrolled) {
		t.Errorf("a second enrolment: %v", err)
	}
	info, err := os.Stat(filepath.Join(s.Dir(), keyName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v %v", info, err)
	}
}
