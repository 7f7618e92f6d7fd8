package device_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"fieldseal/api/server/servertest"
	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
)

// enrol makes a store and enrols it with the real server.
func enrol(t testing.TB, s *servertest.Server, name string, org event.UUID) (*device.Store, *device.Identity) {
	t.Helper()
	_, code := s.Person(name, org)
	d, err := device.Create(t.Context(), t.TempDir(), device.Options{Model: "test", App: "test/1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	client, err := device.NewClient(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := d.Enrol(t.Context(), device.EnrolRequest{Client: client, Code: code, Authority: s.Authority.Public().ID()})
	if err != nil {
		t.Fatal(err)
	}
	s.Labels(id.Device, name[:1]+"-", 1, 50)
	return d, id
}

func sync(t *testing.T, d *device.Store) device.SyncReport {
	t.Helper()
	r, err := d.Sync(t.Context(), device.SyncOptions{Batch: 7})
	if err != nil {
		t.Fatal(err)
	}
	if r.Quarantined != 0 || len(r.Notes) != 0 {
		t.Fatalf("%+v", r)
	}
	return r
}

func capture(t testing.TB, d *device.Store, k event.UUID, b event.Body) device.Saved {
	t.Helper()
	saved, err := d.Capture(t.Context(), device.Draft{Case: k, Body: b})
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// A field day against the real server: offline capture, a handover between two
// organisations, sync of both, everything proven, files whole, nothing in quarantine.
func TestRealServer(t *testing.T) {
	s := servertest.Start(t)
	inspector, _ := enrol(t, s, "Li Wei", s.Org)
	lab := s.AddOrg("lab")
	bench, benchID := enrol(t, s, "Wang Fang", lab)
	sync(t, inspector)
	sync(t, bench)

	k := capture(t, inspector, event.UUID{}, &event.CaseOpened{Number: "2026-17", Title: "Drums", Authority: "Bureau"}).Case
	capture(t, inspector, k, &event.SiteRecorded{Name: "Yard", Centre: event.Place{LatE7: 311234567, LonE7: 1214737021, Datum: "WGS-84", Source: "gnss"}})
	sample := capture(t, inspector, k, &event.SampleCollected{Matrix: "water", SealNo: "S-1"}).Body.(*event.SampleCollected)
	if sample.Label != "L-000001" {
		t.Errorf("label %q", sample.Label)
	}
	photo, err := inspector.AddMedia(t.Context(), bytes.NewReader(bytes.Repeat([]byte("photo "), 2_000_000)), "p.jpg", "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	capture(t, inspector, k, &event.PhotoCaptured{Media: photo, Shows: "drum", SealVisible: "yes"})
	empty, err := inspector.AddMedia(t.Context(), strings.NewReader(""), "empty.txt", "")
	if err != nil {
		t.Fatal(err)
	}
	capture(t, inspector, k, &event.FileAttached{Media: empty, Kind: "other", Title: "empty"})
	for i := range 40 {
		capture(t, inspector, k, &event.NoteWritten{Text: fmt.Sprint("note ", i)})
	}

	offer, err := inspector.Offer(t.Context(), device.OfferRequest{Case: k, To: event.Holder{Name: "Laboratory", Org: lab}, Mode: "by_hand",
		Purpose: "analysis", Place: "door", Items: []event.HandoverItem{{Item: event.Ref{Kind: "sample", ID: sample.Sample}, Seal: "intact"}}, Introduce: true})
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := bench.Accept(t.Context(), handed(t, offer), device.Findings{Count: 1, Introduce: true,
		Seals: []event.SealFound{{Item: event.Ref{Kind: "sample", ID: sample.Sample}, SealNo: "S-1", Seal: "intact"}}})
	if err != nil || !accepted.PeerKnown {
		t.Fatalf("%+v, %v", accepted, err)
	}
	if done, err := inspector.Conclude(t.Context(), handed(t, accepted)); err != nil || !done.PeerKnown {
		t.Fatalf("%+v, %v", done, err)
	}

	sync(t, bench) // the receiver first: it delivers the offer too
	r := sync(t, inspector)
	if r.MediaSent != 2 {
		t.Errorf("%+v", r)
	}
	for _, d := range []*device.Store{inspector, bench} {
		sync(t, d)
		sync(t, d)
		st, err := d.Status(t.Context())
		if err != nil || !st.Safe() {
			t.Errorf("not safe: %+v, %v", st, err)
		}
		if err := d.VerifyChain(t.Context()); err != nil {
			t.Error(err)
		}
		var buf bytes.Buffer
		if err := d.ExportArchive(t.Context(), &buf); err != nil {
			t.Error(err)
		}
	}
	files, err := inspector.Media(t.Context())
	if err != nil || len(files) != 2 {
		t.Errorf("%+v, %v", files, err)
	}

	// A revoked device still hands in what it holds; the server keeps it aside.
	s.Revoke(benchID.Device, event.Digest(benchID.Key.ID()), "lost")
	capture(t, bench, k, &event.NoteWritten{Text: "after the revocation"})
	report, err := bench.Sync(t.Context(), device.SyncOptions{})
	if err != nil || report.Quarantined == 0 || !report.Revoked {
		t.Errorf("%+v, %v", report, err)
	}
	s.Read(func(tx *store.Tx) error {
		last, _, err := tx.LastCheckpoint()
		if err != nil {
			return err
		}
		size, note, err := inspector.Checkpoint(t.Context())
		if err == nil && (size == 0 || size > last.Size) {
			t.Errorf("the device trusts a checkpoint of %d entries, the log has %d", size, last.Size)
		}
		if _, perr := ledger.ParseCheckpoint(note, s.LogKey.Verifier()); perr != nil {
			t.Error(perr)
		}
		return err
	})
}

func handed(t *testing.T, h *device.Handed) string {
	t.Helper()
	parts, err := h.Text(0)
	if err != nil {
		t.Fatal(err)
	}
	return parts[0]
}

// Offline: the error says that everything is safe, and the next sync makes it good.
func TestRealServerGone(t *testing.T) {
	s := servertest.Start(t)
	d, _ := enrol(t, s, "Li Wei", s.Org)
	k := capture(t, d, event.UUID{}, &event.CaseOpened{Number: "1", Title: "t", Authority: "a"}).Case
	s.Stop()
	client, err := device.NewClient(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	capture(t, d, k, &event.NoteWritten{Text: "x"})
	device.Impatient(client)
	if _, err := d.Sync(t.Context(), device.SyncOptions{Client: client}); err == nil || !strings.Contains(err.Error(), "could not be reached") {
		t.Errorf("got %v", err)
	}
	st, err := d.Status(t.Context())
	if err != nil || st.Events[device.StateLocal] != 3 || st.LastSync == nil || st.LastSync.Outcome != "offline" {
		t.Errorf("%+v, %v", st, err)
	}
}

// BenchmarkSync hands in, proves and pulls against the real server on this machine.
func BenchmarkSync(b *testing.B) {
	s := servertest.Start(b)
	d, _ := enrol(b, s, "Li Wei", s.Org)
	k := capture(b, d, event.UUID{}, &event.CaseOpened{Number: "1", Title: "t", Authority: "a"}).Case
	drafts := make([]device.Draft, 500)
	for i := range drafts {
		drafts[i] = device.Draft{Case: k, Body: &event.NoteWritten{Text: "a note of ordinary length, as people write them in the field"}}
	}
	for b.Loop() {
		b.StopTimer()
		for range 4 {
			if _, err := d.CaptureAll(b.Context(), drafts...); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		r, err := d.Sync(b.Context(), device.SyncOptions{})
		if err != nil || r.Proven < 2000 {
			b.Fatalf("%+v, %v", r, err)
		}
	}
	b.ReportMetric(2000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
