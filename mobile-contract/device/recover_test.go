package device

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// copyStore copies a closed store's files, as a backup would.
func copyStore(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(filepath.Join(to, "s"), os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(to, "s", keyName), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(to, "s")
}

func reopen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A store restored from an old backup fetches its own events back before it can
// capture anything that would fork the chain.
func TestRestoredFromBackup(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	f.mustSync(s)
	k := openCase(t, s, "1")
	takeSample(t, s, k)
	f.mustSync(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup := copyStore(t, s.Dir())
	s = reopen(t, s.Dir())
	lost := takeSample(t, s, k)
	writeNote(t, s, k, "made after the backup")
	f.mustSync(s)
	want := checkChain(t, s)

	old := reopen(t, backup)
	// The fetching back fails half-way: capturing is stopped, loudly.
	f.lie = func(path string, answer any) {
		if v, ok := answer.(*wire.EventView); ok {
			v.Envelope = strings.Replace(v.Envelope, `"sig":"`, `"sig":"AA`, 1)
		}
	}
	if _, err := f.sync(old); err == nil {
		t.Fatal("a forged event was adopted into the chain")
	}
	if _, err := old.Capture(t.Context(), Draft{Case: k, Body: &event.NoteWritten{Text: "x"}}); !errors.Is(err, ErrChainHold) {
		t.Errorf("captured on an old store: %v", err)
	}
	f.lie = nil
	f.mustSync(old)
	got := checkChain(t, old)
	if len(got) < len(want) {
		t.Fatalf("%d events, %d were there", len(got), len(want))
	}
	for i := range want {
		if got[i].ID != want[i].ID {
			t.Fatalf("event %d differs", i+1)
		}
	}
	if b := takeSample(t, old, k); b.Label == lost.Label {
		t.Errorf("label %s was given twice", b.Label)
	}
	r := f.mustSync(old)
	if st := states(t, old); r.Quarantined != 0 || st[StateProven] != len(checkChain(t, old)) {
		t.Errorf("%+v %v", r, st)
	}
}

// One key in two stores: the fork is reported and kept, and handing in goes on.
func TestClonedStore(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	f.mustSync(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	clone := reopen(t, copyStore(t, s.Dir()))
	s = reopen(t, s.Dir())
	writeNote(t, s, k, "here")
	f.mustSync(s)
	writeNote(t, clone, k, "there")
	r := f.mustSync(clone)
	if r.Quarantined != 1 || len(r.Notes) == 0 || !strings.Contains(r.Notes[0], "two stores") {
		t.Errorf("%+v", r)
	}
	st, err := clone.Status(t.Context())
	if err != nil || len(st.Quarantined) != 1 || st.Quarantined[0].Code != "FORK" || len(st.Anomalies) == 0 || st.Anomalies[0].Kind != FaultChainFork {
		t.Errorf("%+v, %v", st, err)
	}
	f.mustSync(s) // the first one is untouched
}

// A server that lost accepted events without its log showing it gets them again.
func TestServerLostEvents(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	writeNote(t, s, k, "x")
	f.mustSync(s)
	n := len(checkChain(t, s))
	f.lie = func(path string, answer any) {
		if h, ok := answer.(*wire.Head); ok {
			f.lie = nil
			id := checkHeadAt(t, s, 1)
			h.Seq, h.MaxSeq, h.ID, h.Digest = 1, 1, id.ID, id.Digest
		}
	}
	r := f.mustSync(s)
	if r.Sent != n-1 || r.Proven != n-1 || len(r.Notes) == 0 {
		t.Errorf("%+v", r)
	}
	list, err := s.Anomalies(t.Context())
	if err != nil || len(list) != 1 || list[0].Kind != FaultLostEvents {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Acknowledge(t.Context(), list[0].N); err != nil {
		t.Fatal(err)
	}
	if err := s.Acknowledge(t.Context(), list[0].N); !errors.Is(err, ErrNotFound) {
		t.Errorf("acknowledged twice: %v", err)
	}
}

// checkHeadAt is what an honest server would say after seq events.
func checkHeadAt(t *testing.T, s *Store, seq int64) wire.Head {
	t.Helper()
	y := &syncer{s: s}
	o, err := y.ownHead(t.Context(), seq)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Head{Seq: seq, MaxSeq: seq, ID: o.at.String(), Digest: o.digest.String()}
}

// What the server shows of others is verified event by event; what does not verify
// is kept as evidence and holds up nothing.
func TestPulledEvents(t *testing.T) {
	f := newFake(t)
	a := f.enrolled("a")
	k := openCase(t, a, "2026-1")
	bad := takeWaste(t, a, k, "first")
	good := takeWaste(t, a, k, "second")
	f.mustSync(a)
	b := f.enrolled("b")
	f.lie = func(path string, answer any) {
		c, ok := answer.(*wire.Changes)
		if !ok {
			return
		}
		for i := range c.Events {
			if c.Events[i].ID == bad.ID.String() {
				c.Events[i].Envelope = forge(c.Events[i].Envelope)
			}
		}
	}
	r := f.mustSync(b)
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "does not verify") {
		t.Errorf("notes %q", r.Notes)
	}
	things, err := b.Things(t.Context(), ThingFilter{Kind: "object"})
	if err != nil || len(things) != 1 || things[0].Label != "second" || things[0].Event != good.ID {
		t.Errorf("%+v, %v", things, err)
	}
	list, err := b.Anomalies(t.Context())
	if err != nil || len(list) != 1 || list[0].Kind != FaultPulled || len(list[0].One) == 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if cases, err := b.Cases(t.Context()); err != nil || len(cases) != 1 || cases[0].Number != "2026-1" {
		t.Errorf("%+v, %v", cases, err)
	}
}

func takeWaste(t *testing.T, s *Store, k event.UUID, label string) Saved {
	t.Helper()
	saved, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.ObjectRecorded{Kind: "barrel", Label: label}})
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// forge changes one payload character of an envelope, keeping its form.
func forge(line string) string {
	e := must(seal.ParseEnvelope([]byte(line)))
	e.Payload = []byte(strings.Replace(string(e.Payload), "first", "worst", 1))
	return string(e.Encode())
}

// Events of a device whose enrolment comes later are kept and verified then.
func TestEnrolmentComesLater(t *testing.T) {
	f := newFake(t)
	a := f.enrolled("a")
	k := openCase(t, a, "1")
	takeWaste(t, a, k, "first")
	f.mustSync(a)
	b := f.enrolled("b")
	id, _ := a.Identity(t.Context())
	f.lie = func(path string, answer any) {
		if c, ok := answer.(*wire.Changes); ok {
			var rest []wire.Change
			for _, e := range c.Events {
				if e.ID != id.Enrolment.String() {
					rest = append(rest, e)
				}
			}
			c.Events = rest
		}
	}
	r := f.mustSync(b)
	if things, _ := b.Things(t.Context(), ThingFilter{}); len(things) != 0 || len(r.Notes) != 0 {
		t.Errorf("unverified things are shown: %+v, notes %q", things, r.Notes)
	}
	f.lie = nil
	if err := b.write(t.Context(), func(tx *tx) error { return tx.unset(setCursor) }); err != nil {
		t.Fatal(err)
	}
	f.mustSync(b)
	if things, err := b.Things(t.Context(), ThingFilter{}); err != nil || len(things) != 1 {
		t.Errorf("after the enrolment came: %+v, %v", things, err)
	}
}

// A device that poses as the authority: its enrolments and labels count for nothing.
func TestNotTheAuthority(t *testing.T) {
	f := newFake(t)
	a, b := f.enrolled("a"), f.enrolled("b")
	f.mustSync(b)
	idA, _ := a.Identity(t.Context())
	idB, _ := b.Identity(t.Context())
	left, _ := b.LabelsLeft(t.Context())
	raw := must(event.MarshalBody(&event.LabelBlock{Device: idB.Device, Prefix: "EVIL-", First: 1, Last: 1000}))
	head := checkChain(t, a)[0]
	signer := must(a.loadSigner(idA))
	payload := must(event.Marshal(event.Payload{V: 1, Type: event.TypeLabelBlock, UUID: newUUID(time.Now()), Device: idA.Device, Seq: 2,
		Prev: head.ID, Actor: idA.Person, Clock: SystemClock(), Body: raw}))
	f.append(must(signer.seal(event.PayloadType, payload)), 1, "")
	r := f.mustSync(b)
	if now, err := b.LabelsLeft(t.Context()); err != nil || now != left || len(r.Notes) == 0 {
		t.Errorf("%d labels, %d before, notes %q, %v", now, left, r.Notes, err)
	}
}

// A revoked device still hands in what it holds.
func TestRevokedDeposits(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	prepare(t, s)
	id, _ := s.Identity(t.Context())
	f.revoked[id.Device] = true
	r := f.mustSync(s)
	if !r.Revoked || r.Quarantined == 0 || r.Sent != 0 || r.Pulled != 0 || len(f.media) != 1 {
		t.Errorf("%+v, %d files", r, len(f.media))
	}
	for _, lang := range []Lang{English, Chinese} {
		st, err := s.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, l := range st.Words(lang) {
			text += l.Text + "\n"
		}
		if !strings.Contains(text, "REVOKED_KEY") {
			t.Errorf("%s: %s", lang, text)
		}
	}
}

// The clock's offset is sealed when it tells something, and not at every sync.
func TestClockObserved(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	count := func() int {
		list, err := s.Events(t.Context(), EventFilter{Type: event.TypeClockObserved})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	f.skew = 90 * time.Second
	r := f.mustSync(s)
	if count() != 1 || r.OffsetMS < 89_000 || r.OffsetMS > 91_000 {
		t.Errorf("%d observations, offset %d ms", count(), r.OffsetMS)
	}
	f.mustSync(s)
	openCase(t, s, "1")
	f.mustSync(s)
	if count() != 1 {
		t.Errorf("%d observations of one and the same offset", count())
	}
	f.skew = -90 * time.Second
	f.mustSync(s)
	if count() != 2 {
		t.Errorf("%d observations after the offset changed", count())
	}
	f.skew = 90 * time.Second
	f.mustSync(s)
	if count() != 2 {
		t.Error("observed although nothing was captured since")
	}
	openCase(t, s, "2")
	f.mustSync(s)
	if count() != 3 {
		t.Errorf("%d observations after the offset changed again", count())
	}
}

// Enrolment answers that cannot be believed leave nothing behind.
func TestEnrolRefuses(t *testing.T) {
	other := newFake(t)
	for name, lie := range map[string]func(*fakeServer, *wire.Enrolled){
		"another authority":               func(_ *fakeServer, a *wire.Enrolled) { a.Authority = string(other.genesis) },
		"an authority that is changed":    func(_ *fakeServer, a *wire.Enrolled) { a.Authority = forgeAny(a.Authority, "Test", "Best") },
		"no authority":                    func(_ *fakeServer, a *wire.Enrolled) { a.Authority = a.Enrolment },
		"another device":                  func(f *fakeServer, a *wire.Enrolled) { a.Device = f.authDev.String() },
		"another person":                  func(f *fakeServer, a *wire.Enrolled) { a.Person = f.authDev.String() },
		"an enrolment of somebody else":   func(f *fakeServer, a *wire.Enrolled) { a.Enrolment = string(f.entries[3].line) },
		"a checkpoint before it":          func(f *fakeServer, a *wire.Enrolled) { a.Checkpoint = f.checkpoint(a.EnrolmentIndex) },
		"a checkpoint of another log":     func(_ *fakeServer, a *wire.Enrolled) { a.Checkpoint = other.newest() },
		"an id that is not the enrolment": func(_ *fakeServer, a *wire.Enrolled) { a.EnrolmentID = strings.Repeat("0", 64) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.enrolled("first")
			f.lie = func(_ string, answer any) {
				if a, ok := answer.(*wire.Enrolled); ok {
					lie(f, a)
				}
			}
			s, err := Create(t.Context(), t.TempDir(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := s.Enrol(t.Context(), EnrolRequest{Client: f.client(), Code: "a"}); !errors.Is(err, ErrTrust) {
				t.Fatalf("got %v", err)
			}
			if _, err := s.Identity(t.Context()); !errors.Is(err, ErrNotEnrolled) {
				t.Errorf("an identity was kept: %v", err)
			}
			f.lie = nil
			// The same code and key again, as after a lost answer.
			if _, err := s.Enrol(t.Context(), EnrolRequest{Client: f.client(), Code: "a"}); err != nil {
				t.Errorf("an honest answer afterwards: %v", err)
			}
			checkChain(t, s)
		})
	}
	for name, edit := range map[string]func(*event.DeviceEnrolled){
		"another code":  func(b *event.DeviceEnrolled) { b.Code[0] ^= 1 },
		"another proof": func(b *event.DeviceEnrolled) { b.Proof = []byte("something else") },
		"another key":   func(b *event.DeviceEnrolled) { b.Key = other.authority.Public().Info() },
	} {
		t.Run("sealed over "+name, func(t *testing.T) {
			f := newFake(t)
			f.enrolling = edit
			s, err := Create(t.Context(), t.TempDir(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := s.Enrol(t.Context(), EnrolRequest{Client: f.client(), Code: "a"}); !errors.Is(err, ErrTrust) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("an authority with another fingerprint", func(t *testing.T) {
		f := newFake(t)
		s, err := Create(t.Context(), t.TempDir(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, err = s.Enrol(t.Context(), EnrolRequest{Client: f.client(), Code: "a", Authority: other.authority.Public().ID()})
		if !errors.Is(err, ErrTrust) {
			t.Errorf("got %v", err)
		}
		if _, err := s.Enrol(t.Context(), EnrolRequest{Client: f.client(), Code: "a", Authority: f.authority.Public().ID()}); err != nil {
			t.Error(err)
		}
	})
}

func forgeAny(line, old, new string) string {
	e := must(seal.ParseEnvelope([]byte(line)))
	e.Payload = []byte(strings.Replace(string(e.Payload), old, new, 1))
	return string(e.Encode())
}

// A challenge for another service is not sealed.
func TestChallengeOfAnother(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	f.lie = func(_ string, answer any) {
		if c, ok := answer.(*wire.Challenge); ok {
			c.Audience = "bank.example"
		}
	}
	if _, err := f.sync(s); !errors.Is(err, ErrTrust) {
		t.Errorf("got %v", err)
	}
	if f.requests["POST /v1/auth/device"] != 0 {
		t.Error("a statement was sealed for another service")
	}
}

// Two syncs of one store do not run at once.
func TestOneSyncAtATime(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	unlock, err := lockFile(filepath.Join(s.Dir(), lockName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.sync(s); !errors.Is(err, ErrSyncing) {
		t.Errorf("got %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	f.mustSync(s)
}

// What is verified once is not displaced by a later copy that does not verify.
func TestVerifiedStays(t *testing.T) {
	f := newFake(t)
	a, b := f.enrolled("a"), f.enrolled("b")
	k := openCase(t, a, "1")
	saved := takeWaste(t, a, k, "first")
	f.mustSync(a)
	f.mustSync(b)
	f.lie = func(_ string, answer any) {
		if c, ok := answer.(*wire.Changes); ok {
			for i := range c.Events {
				e := must(seal.ParseEnvelope([]byte(c.Events[i].Envelope)))
				e.Signatures[0].Sig = must(f.authority.Sign([]byte("anything")))
				c.Events[i].Envelope = string(e.Encode())
			}
		}
	}
	if err := b.write(t.Context(), func(tx *tx) error { return tx.unset(setCursor) }); err != nil {
		t.Fatal(err)
	}
	if r := f.mustSync(b); len(r.Notes) == 0 {
		t.Error("nothing was noticed")
	}
	e, _, _, err := b.Event(t.Context(), saved.ID)
	if err != nil || string(e.Line) != string(saved.Line) {
		t.Errorf("the verified copy is gone: %v", err)
	}
}

// Another device's label block gives this one nothing, and a device's key stays the
// one that it was first enrolled with.
func TestNotForUs(t *testing.T) {
	f := newFake(t)
	a, b := f.enrolled("a"), f.enrolled("b")
	f.mustSync(a)
	left, err := a.LabelsLeft(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	idB, _ := b.Identity(t.Context())
	f.author(&event.LabelBlock{Device: idB.Device, Prefix: "B-", First: 1, Last: 9}, event.UUID{})
	second := must(seal.GenerateKey())
	f.author(&event.DeviceEnrolled{Device: idB.Device, Key: second.Public().Info(), Person: idB.Person, Org: idB.Org,
		Code: event.Digest{1}, Proof: []byte("x")}, event.UUID{})
	f.mustSync(a)
	if now, err := a.LabelsLeft(t.Context()); err != nil || now != left {
		t.Errorf("%d labels, %d before, %v", now, left, err)
	}
	takeWaste(t, b, openCase(t, b, "1"), "first")
	f.mustSync(b)
	f.mustSync(a)
	if things, err := a.Things(t.Context(), ThingFilter{}); err != nil || len(things) != 1 {
		t.Errorf("the first key no longer counts: %+v, %v", things, err)
	}
}
