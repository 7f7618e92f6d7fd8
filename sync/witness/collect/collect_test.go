package collect

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
)

func TestCosigned(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"police.example/w", "procuratorate.example/w", "court.example/w"} {
		h.add(name, nil)
	}
	h.cfg.Limits.Grace = time.Minute // so that a note has all three
	h.grow(3)
	c, stop := h.run()
	s := await(t, c, "the first", func(s Status) bool { return s.WitnessedSize == h.Engine.Size() && s.Stored > 0 })
	if !s.Current() || s.Quorum != 2 || s.WitnessedAt.IsZero() {
		t.Errorf("%+v", s)
	}
	for _, w := range s.Witnesses {
		if w.State != OK || w.Size != h.Engine.Size() || w.Cosigned.IsZero() || w.Detail != "" {
			t.Errorf("%+v", w)
		}
	}
	h.grow(300)
	await(t, c, "growth", func(s Status) bool { return s.WitnessedSize == h.Engine.Size() })
	stop()
	list, by := h.notes()
	for i, names := range by {
		if len(names) != 3 || list[i].Root != must(h.Engine.RootAt(t.Context(), int64(list[i].Size))) {
			t.Errorf("the note of size %d is by %v", list[i].Size, names)
		}
	}
	if r := h.Fsck(); !r.OK() {
		t.Errorf("fsck: %v", r.Findings)
	}
	// After a restart it is known what was witnessed, before anyone is asked.
	again := must(Open(t.Context(), h.cfg))
	signed, at := again.Witnessed()
	if signed == nil || int64(signed.Size) != h.Engine.Size() || time.Since(at).Abs() > time.Hour {
		t.Errorf("after a restart: %v at %v", signed, at)
	}
	if s := again.Status(); s.Current() != true || s.Witnesses[0].State != Unasked {
		t.Errorf("after a restart: %+v", s)
	}
	c, stop = h.run()
	await(t, c, "the round after a restart", func(s Status) bool { return s.Rounds > 0 && s.Stored > 0 })
	stop()
	if n := h.said.count("does not cosign"); n != 0 {
		t.Errorf("%d complaints after a restart", n)
	}
}

// TestHeartbeat: while the log rests the same checkpoint is cosigned again, later.
func TestHeartbeat(t *testing.T) {
	h := newHouse(t)
	h.add("court.example/w", nil)
	h.cfg.Limits.Heartbeat = 50 * time.Millisecond
	h.grow(1)
	c, _ := h.run()
	_, first := func() (*ledger.SignedCheckpoint, time.Time) {
		await(t, c, "the first", func(s Status) bool { return s.WitnessedSize > 0 })
		return c.Witnessed()
	}()
	await(t, c, "a later second", func(s Status) bool { return s.WitnessedAt.After(first) })
	list, _ := h.notes()
	if len(list) < 2 || list[0].Checkpoint != list[len(list)-1].Checkpoint || bytes.Equal(list[0].Note(), list[len(list)-1].Note()) {
		t.Errorf("%d notes", len(list))
	}
}

// TestNothingWaits: with one witness that hangs, one that is gone and one that
// lies, evidence is taken in as ever, and the honest quorum is found.
func TestNothingWaits(t *testing.T) {
	h := newHouse(t)
	release := make(chan struct{})
	asked := make(chan struct{}, 100)
	h.add("hangs.example/w", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	gone, _ := h.add("gone.example/w", nil)
	gone.Close()
	h.add("lies.example/w", h.answer(200, "— lies.example/w AAAAAAAA\n"))
	h.add("police.example/w", nil)
	h.add("court.example/w", nil)
	h.cfg.Quorum = 2
	c, stop := h.run()
	<-asked
	h.grow(20) // returns although the witness hangs
	s := await(t, c, "the quorum", func(s Status) bool { return s.WitnessedSize == h.Engine.Size() })
	for i, want := range []State{Unasked, Dead, Refuses, OK, OK} {
		if s.Witnesses[i].State != want {
			t.Errorf("%s is %s: %s", s.Witnesses[i].Name, s.Witnesses[i].State, s.Witnesses[i].Detail)
		}
	}
	stop() // does not wait for it either
	close(release)
}

// TestLate: a cosignature that comes after the round makes a further note.
func TestLate(t *testing.T) {
	h := newHouse(t)
	release := make(chan struct{})
	slow := h.handler("slow.example/w", h.keeper())
	h.add("slow.example/w", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		slow.ServeHTTP(w, r)
	}))
	h.add("court.example/w", nil)
	never := make(chan struct{})
	h.add("never.example/w", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-never }))
	defer close(never)
	h.cfg.Quorum, h.cfg.Limits.SlowAfter = 1, time.Nanosecond
	c, stop := h.run()
	await(t, c, "the quorum", func(s Status) bool { return s.WitnessedSize == h.Engine.Size() })
	close(release)
	s := await(t, c, "the late one", func(s Status) bool { return s.Witnesses[0].Size == h.Engine.Size() && s.Stored == 2 })
	stop() // the third has not answered yet
	if s.Witnesses[0].State != Slow || s.Witnesses[0].Detail == "" {
		t.Errorf("%+v", s.Witnesses[0])
	}
	if _, by := h.notes(); len(by) != 2 || len(by[0]) != 1 || len(by[1]) != 2 {
		t.Errorf("stored by %v", by)
	}
}

// TestBusy: a witness that works on an earlier round is asked for the newest when it is done.
func TestBusy(t *testing.T) {
	h := newHouse(t)
	release := make(chan struct{})
	slow := h.handler("slow.example/w", h.keeper())
	h.add("slow.example/w", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		slow.ServeHTTP(w, r)
	}))
	h.add("court.example/w", nil)
	h.cfg.Quorum = 1
	c, _ := h.run()
	await(t, c, "the first", func(s Status) bool { return s.WitnessedSize == h.Engine.Size() })
	h.grow(2)
	await(t, c, "the second", func(s Status) bool { return s.WitnessedSize == h.Engine.Size() })
	close(release)
	await(t, c, "the slow one", func(s Status) bool { return s.Witnesses[0].Size == h.Engine.Size() })
}

// TestAwait waits for the quorum over what there is now, and no longer than it may.
func TestAwait(t *testing.T) {
	h := newHouse(t)
	var mu sync.Mutex
	mu.Lock()
	inner := h.handler("court.example/w", h.keeper())
	h.add("court.example/w", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		inner.ServeHTTP(w, r)
	}))
	c, _ := h.run()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if w, err := c.Await(ctx); w != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", w, err)
	}
	mu.Unlock()
	h.grow(2)
	size := h.Engine.Size()
	if w, err := c.Await(t.Context()); err != nil || int64(w.Size) < size || len(w.Verified()) != 2 {
		t.Errorf("%v, %v", w, err)
	}
}

// TestNoQuorum: one of three is stored, and is not called witnessed.
func TestNoQuorum(t *testing.T) {
	h := newHouse(t)
	h.add("court.example/w", nil)
	for _, name := range []string{"a.example/w", "b.example/w"} {
		s, _ := h.add(name, nil)
		s.Close()
	}
	c, stop := h.run()
	s := await(t, c, "a note", func(s Status) bool { return s.Stored > 0 })
	stop()
	if signed, _ := c.Witnessed(); signed != nil || s.Current() || s.WitnessedSize != 0 {
		t.Errorf("witnessed: %+v", s)
	}
	if _, by := h.notes(); len(by) != 1 || len(by[0]) != 1 {
		t.Errorf("stored by %v", by)
	}
}

// TestAnotherProcess: where the witness has seen a newer checkpoint of another
// process of this server, that one is submitted; it is no other history.
func TestAnotherProcess(t *testing.T) {
	h := newHouse(t)
	_, k := h.add("court.example/w", nil)
	old := must(h.Engine.Signed(t.Context()))
	h.grow(2)
	r := &witness.Request{Note: must(h.Engine.Signed(t.Context())).Note()}
	if _, err := k.Cosign(t.Context(), must(h.logs().Admit(r.Marshal())), witnessKey("court.example/w")); err != nil {
		t.Fatal(err)
	}
	h.cfg.Log = &faulty{Log: h.Engine, stale: old, answers: 1}
	c, _ := h.run()
	s := await(t, c, "the newer", func(s Status) bool { return s.Current() })
	if w := s.Witnesses[0]; w.State != OK || w.Findings != 0 || s.WitnessedSize != h.Engine.Size() {
		t.Errorf("%+v", s)
	}
}
