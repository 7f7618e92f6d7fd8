package device_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/api/server/servertest"
	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

func client(t *testing.T, s *servertest.Server) *device.Client {
	t.Helper()
	c, err := device.NewClient(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// field is a device with a case, a sample and a file, all handed in.
func field(t *testing.T, s *servertest.Server) (d *device.Store, k event.UUID) {
	t.Helper()
	d, _ = enrol(t, s, "Li Wei", s.Org)
	sync(t, d)
	k = capture(t, d, event.UUID{}, &event.CaseOpened{Number: "2026-17", Title: "Drums", Authority: "Bureau"}).Case
	file, err := d.AddMedia(t.Context(), strings.NewReader("he said"), "talk.txt", "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	capture(t, d, k, &event.FileAttached{Media: file, Kind: "interview", Title: "talk"})
	capture(t, d, k, &event.SampleCollected{Matrix: "water", SealNo: "S-1"})
	sync(t, d)
	sync(t, d) // sees that the file has arrived
	return d, k
}

func status(t *testing.T, d *device.Store) *device.Status {
	t.Helper()
	st, err := d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// A device goes over: its chain is one, what was proven stays proven where it was,
// labels go on, and everything that is new is proven in the new log.
func TestSucceed(t *testing.T) {
	s := servertest.Start(t)
	d, k := field(t, s)
	before := status(t, d)
	n := s.Successor(t, "ledger.test/next", servertest.Succession{})
	capture(t, d, k, &event.NoteWritten{Text: "while there was no log"})
	f, err := d.Succeed(t.Context(), device.SuccessorRequest{Client: client(t, n)})
	if err != nil {
		t.Fatal(err)
	}
	if f.Proven != before.Events[device.StateProven] || !f.Endorsed || f.Shown == device.Unshown {
		t.Errorf("%+v, had %+v", f, before.Events)
	}
	sample := capture(t, d, k, &event.SampleCollected{Matrix: "soil", SealNo: "S-2"}).Body.(*event.SampleCollected)
	if sample.Label != "L-000002" {
		t.Errorf("the next label is %s", sample.Label)
	}
	r := sync(t, d)
	if r.MediaSent != 0 || r.Sent > 3 {
		t.Errorf("handed in again: %+v", r)
	}
	st := status(t, d)
	if !st.Safe() || len(st.Former) != 1 || st.Former[0].Proven != f.Proven || st.Identity.LogOrigin != "ledger.test/next" || st.Identity.Server != n.URL || st.LabelsLeft != 48 {
		t.Errorf("%+v", st)
	}
	if err := d.VerifyChain(t.Context()); err != nil {
		t.Error(err)
	}
	events, err := d.Events(t.Context(), device.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	former := 0
	for i, e := range events {
		if e.Seq != int64(i+1) || e.State != device.StateProven || e.Index < 0 {
			t.Errorf("%+v", e)
		}
		if e.Former != "" {
			former++
		}
	}
	if int64(former) != f.Proven {
		t.Errorf("%d records are said to be proven in the former log, %d are", former, f.Proven)
	}
	for _, lang := range []device.Lang{device.English, device.Chinese} {
		if words := st.Words(lang); !strings.Contains(words[0].Text, "ledger.test/agency") || !strings.Contains(words[0].Text, "ledger.test/next") {
			t.Errorf("%+v", words[0])
		}
	}
	checkFormerArchive(t, d, s, f.Proven)
	// And over one more log, past which it captured nothing.
	third := n.Successor(t, "ledger.test/third", servertest.Succession{})
	if f, err = d.Succeed(t.Context(), device.SuccessorRequest{Client: client(t, third)}); err != nil || f.Origin != "ledger.test/next" {
		t.Fatal(f, err)
	}
	sync(t, d)
	if st = status(t, d); len(st.Former) != 2 || !st.Safe() {
		t.Errorf("%+v", st)
	}
	s.Fsck()
	n.Fsck()
	third.Fsck()
}

// checkFormerArchive requires that an archive proves what the former log has proven.
func checkFormerArchive(t *testing.T, d *device.Store, s *servertest.Server, want int64) {
	t.Helper()
	var b bytes.Buffer
	if err := d.ExportArchive(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var proven int64
	log := false
	for _, f := range z.File {
		log = log || f.Name == "former/1/log.json"
		if !strings.HasPrefix(f.Name, "former/1/proofs/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ledger.ParseProof(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.VerifyLeaf(s.LogKey.Verifier()); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		proven++
	}
	if proven != want || !log {
		t.Errorf("%d proofs of the former log, want %d; its description: %v", proven, want, log)
	}
}

// A device that last synced long ago has the former log prove how it ended; where
// that is gone, it goes over only if a person decides so, and says it ever after.
func TestSucceedLate(t *testing.T) {
	s := servertest.Start(t)
	d, k := field(t, s)
	capture(t, d, k, &event.NoteWritten{Text: "never handed in"})
	other, _ := enrol(t, s, "Zhang Min", s.Org)
	sync(t, other)
	n := s.Successor(t, "ledger.test/next", servertest.Succession{})
	f, err := other.Succeed(t.Context(), device.SuccessorRequest{Client: client(t, n)})
	if err != nil || f.Shown == device.Unshown {
		t.Fatal(f, err)
	}
	s.Stop()
	gone := client(t, s)
	device.Impatient(gone)
	req := device.SuccessorRequest{Client: client(t, n), Former: gone}
	if _, err := d.Succeed(t.Context(), req); !errors.Is(err, device.ErrOffline) || !strings.Contains(err.Error(), "must show") {
		t.Fatal(err)
	}
	if st := status(t, d); st.Identity.LogOrigin != "ledger.test/agency" || len(st.Anomalies) != 0 {
		t.Errorf("%+v", st)
	}
	req.Client, req.Unshown = client(t, n), true
	if f, err = d.Succeed(t.Context(), req); err != nil || f.Shown != device.Unshown {
		t.Fatal(f, err)
	}
	sync(t, d)
	st := status(t, d)
	if st.Unproven() != 0 || len(st.Anomalies) != 0 {
		t.Errorf("%+v", st)
	}
	told := false
	for _, l := range st.Words(device.English) {
		told = told || l.Level == "act" && strings.Contains(l.Text, "Nobody has shown")
	}
	if !told {
		t.Error("the status does not say that the end was not shown")
	}
}

// After a disaster the device brings back what the new log lacks, files too, and
// that is no alarm: the log that had proven it is another one.
func TestSucceedAfterDisaster(t *testing.T) {
	s := servertest.Start(t)
	d, k := field(t, s)
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := s.Store.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	photo, err := d.AddMedia(t.Context(), bytes.NewReader(bytes.Repeat([]byte("photo "), 1000)), "p.jpg", "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	capture(t, d, k, &event.PhotoCaptured{Media: photo, Shows: "drum", SealVisible: "yes"})
	sync(t, d)
	n := s.Successor(t, "ledger.test/next", servertest.Succession{Backup: backup})
	if _, err := d.Succeed(t.Context(), device.SuccessorRequest{Client: client(t, n)}); err != nil {
		t.Fatal(err)
	}
	r, err := d.Sync(t.Context(), device.SyncOptions{})
	if err != nil || r.MediaSent != 2 || r.Quarantined != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	sync(t, d)
	if st := status(t, d); !st.Safe() || len(st.Anomalies) != 0 {
		t.Errorf("%+v", st)
	}
	n.Fsck()
}

// A handover that was offered under the former log is accepted and concluded across
// the succession, in whichever order the two go over.
func TestHandoverAcrossLogs(t *testing.T) {
	for _, giverFirst := range []bool{true, false} {
		s := servertest.Start(t)
		giver, k := field(t, s)
		lab := s.AddOrg("lab")
		taker, _ := enrol(t, s, "Wang Fang", lab)
		sync(t, taker)
		sync(t, giver)
		sample := capture(t, giver, k, &event.SampleCollected{Matrix: "water", SealNo: "S-9"}).Body.(*event.SampleCollected)
		offer, err := giver.Offer(t.Context(), device.OfferRequest{Case: k, To: event.Holder{Name: "Laboratory", Org: lab}, Mode: "by_hand", Purpose: "analysis", Place: "door",
			Items: []event.HandoverItem{{Item: event.Ref{Kind: "sample", ID: sample.Sample}, Seal: "intact"}}, Introduce: true})
		if err != nil {
			t.Fatal(err)
		}
		n := s.Successor(t, "ledger.test/next", servertest.Succession{})
		over := func(d *device.Store) {
			t.Helper()
			if _, err := d.Succeed(t.Context(), device.SuccessorRequest{Client: client(t, n)}); err != nil {
				t.Fatal(err)
			}
			sync(t, d)
		}
		if giverFirst {
			over(giver)
		} else {
			over(taker)
		}
		accepted, err := taker.Accept(t.Context(), handed(t, offer), device.Findings{Count: 1, Introduce: true,
			Seals: []event.SealFound{{Item: event.Ref{Kind: "sample", ID: sample.Sample}, SealNo: "S-9", Seal: "intact"}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := giver.Conclude(t.Context(), handed(t, accepted)); err != nil {
			t.Fatal(err)
		}
		if giverFirst {
			over(taker)
		} else {
			over(giver)
		}
		for range 2 {
			sync(t, giver)
			sync(t, taker)
		}
		for _, d := range []*device.Store{giver, taker} {
			if st := status(t, d); st.UncheckedPeers != 0 || st.OpenHandovers != 0 || st.Unproven() != 0 || len(st.Anomalies) != 0 {
				t.Errorf("giver first %v: %+v", giverFirst, st)
			}
		}
		n.Fsck()
	}
}

// What is no true successor changes nothing; where it is a lie, both sides of it are kept.
func TestFalseSuccessors(t *testing.T) {
	for name, c := range map[string]struct {
		o     servertest.Succession
		req   func(*device.SuccessorRequest, *servertest.Server)
		fault bool
		says  string
	}{
		"begins with less than was shown": {fault: true, says: "was acknowledged and would be lost"},
		"another tree of the size":        {fault: true, says: "another tree"},
		"another log before it":           {says: "continues ledger.test/third"},
		"signed by another key":           {fault: true, says: "not signed by the key"},
		"endorsed by another authority":   {o: servertest.Succession{Endorser: someKey(t)}, fault: true, says: "not that of the former authority"},
		"endorsed by nobody":              {o: servertest.Succession{Unendorsed: true}, says: "compare the new authority's fingerprint"},
		"another fingerprint": {o: servertest.Succession{Unendorsed: true}, says: "expected is",
			req: func(r *device.SuccessorRequest, _ *servertest.Server) { r.Authority = seal.KeyID{1} }},
	} {
		t.Run(name, func(t *testing.T) {
			s := servertest.Start(t)
			d, _ := field(t, s)
			c.o.Entry = entryOf(t, name, s)
			n := s.Successor(t, "ledger.test/next", c.o)
			req := device.SuccessorRequest{Client: client(t, n)}
			if c.req != nil {
				c.req(&req, n)
			}
			_, err := d.Succeed(t.Context(), req)
			var fault *device.ServerFault
			if err == nil || errors.As(err, &fault) != c.fault || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v", err)
			}
			if !c.fault && !errors.Is(err, device.ErrTrust) {
				t.Errorf("%v", err)
			}
			st := status(t, d)
			if st.Identity.LogOrigin != "ledger.test/agency" || len(st.Former) != 0 || (len(st.Anomalies) == 1) != c.fault {
				t.Errorf("%+v", st)
			}
			if c.fault {
				list, err := d.Anomalies(t.Context())
				if err != nil || len(list) != 1 || len(list[0].One) == 0 || len(list[0].Two) == 0 || list[0].Kind != device.FaultSuccessor {
					t.Errorf("%+v, %v", list, err)
				}
			}
			// With the fingerprint from elsewhere, a log that nobody endorsed is one.
			if name == "endorsed by nobody" {
				req.Client, req.Authority = client(t, n), n.Authority.Public().ID()
				if f, err := d.Succeed(t.Context(), req); err != nil || f.Endorsed {
					t.Errorf("%+v, %v", f, err)
				}
			}
		})
	}
}

func someKey(t *testing.T) *seal.PrivateKey {
	t.Helper()
	k, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// entryOf changes what a successor says of the log before it.
func entryOf(t *testing.T, name string, s *servertest.Server) func(*event.LogPredecessor) {
	sign := func(b *event.LogPredecessor, k *ledger.Key) {
		c, err := ledger.Sign(ledger.Checkpoint{Origin: b.Origin, Size: ledger.Size(b.Size), Root: ledger.Hash(b.Root)}, k)
		if err != nil {
			t.Fatal(err)
		}
		b.Checkpoint = string(c.Note())
	}
	return func(b *event.LogPredecessor) {
		switch name {
		case "begins with less than was shown":
			b.Size -= 2
			root, err := s.Engine.RootAt(t.Context(), b.Size)
			if err != nil {
				t.Fatal(err)
			}
			b.Root = event.Root(root)
			sign(b, s.LogKey)
		case "another tree of the size":
			b.Root[5] ^= 1
			sign(b, s.LogKey)
		case "another log before it", "signed by another key":
			if name == "another log before it" {
				b.Origin = "ledger.test/third"
			}
			k, err := ledger.GenerateKey(b.Origin)
			if err != nil {
				t.Fatal(err)
			}
			sign(b, k)
		}
	}
}

// A revoked device stays where it is, with all that it holds.
func TestRevokedDeviceStays(t *testing.T) {
	s := servertest.Start(t)
	d, k := field(t, s)
	id, err := d.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	capture(t, d, k, &event.NoteWritten{Text: "not handed in"})
	s.Revoke(id.Device, event.Digest(id.Key.ID()), "lost")
	n := s.Successor(t, "ledger.test/next", servertest.Succession{})
	if _, err := d.Succeed(t.Context(), device.SuccessorRequest{Client: client(t, n)}); !errors.Is(err, device.ErrRefused) || !strings.Contains(err.Error(), "has been revoked") {
		t.Errorf("%v", err)
	}
	if st := status(t, d); st.Events[device.StateLocal] == 0 || len(st.Former) != 0 {
		t.Errorf("%+v", st)
	}
}

// A server whose log continues nothing, or that knows nothing of the device, is not gone over to.
func TestNoSuccessor(t *testing.T) {
	s, other := servertest.Start(t), servertest.Start(t)
	d, _ := field(t, s)
	if _, err := d.Succeed(t.Context(), device.SuccessorRequest{Client: client(t, other)}); !errors.Is(err, device.ErrRefused) || !strings.Contains(err.Error(), "does not know this device") {
		t.Errorf("a server that does not know it: %v", err)
	}
	if _, err := d.Succeed(t.Context(), device.SuccessorRequest{Client: client(t, s)}); !errors.Is(err, device.ErrTrust) || !strings.Contains(err.Error(), "continues no other log") {
		t.Errorf("its own server: %v", err)
	}
	if st := status(t, d); len(st.Former) != 0 || len(st.Anomalies) != 0 {
		t.Errorf("%+v", st)
	}
}
