package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/collect"
	"fieldseal/sync/witness/keeper"

	"golang.org/x/mod/sumdb/note"
)

// witnessed is a server with two witnesses, both of which are needed; they answer
// while up is set.
type witnessed struct {
	*servertest.Server
	up        atomic.Bool
	keys      []note.Verifier
	texts     []string // of the witnesses' keys
	collector *collect.Collector
}

func startWitnessed(t *testing.T) *witnessed {
	w := &witnessed{}
	w.up.Store(true)
	w.Server = servertest.StartWith(t, servertest.Options{Witnesses: func(world *ingesttest.World) *collect.Collector {
		sub := world.Engine.Subscribe()
		cfg := collect.Config{Log: world.Engine, LogKey: world.LogKey.Verifier(), Store: world.Store, Grown: sub.C, Quorum: 2,
			Evidence: t.TempDir(), Limits: collect.Limits{MinGap: time.Millisecond, Heartbeat: 50 * time.Millisecond}}
		w.keys = []note.Verifier{world.LogKey.Verifier()}
		for _, name := range []string{"police.test/w", "court.test/w"} {
			cfg.Witnesses = append(cfg.Witnesses, w.witness(t, name, world.LogKey))
		}
		var err error
		if w.collector, err = collect.Open(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			w.collector.Run(ctx)
			close(done)
		}()
		t.Cleanup(func() {
			cancel()
			<-done
			sub.Close()
		})
		return w.collector
	}})
	return w
}

func (w *witnessed) witness(t *testing.T, name string, log *ledger.Key) collect.Witness {
	dir := t.TempDir()
	p := keeper.Paths{State: filepath.Join(dir, "state"), Marks: filepath.Join(dir, "marks")}
	if err := keeper.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	k, err := keeper.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	key, err := witness.GenerateKey(name)
	if err != nil {
		t.Fatal(err)
	}
	h := &keeper.Handler{Keeper: k, Key: key, Logs: witness.Logs{log.Name(): {log.Verifier()}}, Log: slog.New(slog.DiscardHandler)}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !w.up.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() {
		s.Close()
		_ = k.Close()
	})
	w.keys, w.texts = append(w.keys, key.Verifier), append(w.texts, key.Text())
	return collect.Witness{Name: name, Key: key.Verifier, URL: s.URL}
}

// await waits for a status of the witnesses.
func (w *witnessed) await(t *testing.T, what string, ok func(collect.Status) bool) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		changed := w.collector.Changed()
		if ok(w.collector.Status()) {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s did not come: %+v", what, w.collector.Status())
		}
	}
}

func (w *witnessed) current(s collect.Status) bool {
	return s.Current() && s.WitnessedSize == w.Engine.Size()
}

// TestWitnessedCheckpoint: the newest checkpoint is given with its cosignatures as
// soon as it has them; before that it stands alone, with the last witnessed one
// beside it. Evidence is taken in either way.
func TestWitnessedCheckpoint(t *testing.T) {
	w := startWitnessed(t)
	d := w.AddDevice()
	w.Submit(d.Genesis())
	c := visitor(t, w.Server)
	c = c.as(c.signIn(d).AccessToken)
	w.await(t, "the quorum", w.current)
	read := func() (newest, older *ledger.SignedCheckpoint) {
		t.Helper()
		a := into[wire.CheckpointAnswer](t, c.get("/v1/log/checkpoint"))
		newest, err := ledger.ParseCheckpoint([]byte(a.Checkpoint), w.keys...)
		if err != nil {
			t.Fatal(err)
		}
		if a.Witnessed != "" {
			if older, err = ledger.ParseCheckpoint([]byte(a.Witnessed), w.keys...); err != nil {
				t.Fatal(err)
			}
		}
		return newest, older
	}
	newest, older := read()
	if int64(newest.Size) != w.Engine.Size() || len(newest.Verified()) != 3 || older != nil {
		t.Errorf("size %d with %d signatures, and %v", newest.Size, len(newest.Verified()), older)
	}
	ready := into[wire.Ready](t, c.get("/readyz"))
	if !ready.Ready || ready.Checks["witnesses"] != "witnessed; 2 of 2 answer, 2 are needed" {
		t.Errorf("%+v", ready)
	}

	w.up.Store(false)
	id, line := d.OpenCase("HW-1")
	answer := c.batch(line)
	if r := answer.Results[0]; r.Status != "accepted" || answer.Checkpoints[path("%d", r.CheckpointSize)] == "" {
		t.Errorf("without witnesses: %+v", r)
	}
	w.await(t, "the refusals", func(s collect.Status) bool {
		return s.Size == w.Engine.Size() && s.Witnesses[0].State == collect.Refuses && s.Witnesses[1].State == collect.Refuses
	})
	alone, last := read()
	if int64(alone.Size) != w.Engine.Size() || len(alone.Verified()) != 1 || last == nil || last.Size != newest.Size || len(last.Verified()) != 3 {
		t.Errorf("size %d with %d signatures, and %v", alone.Size, len(alone.Verified()), last)
	}
	ready = into[wire.Ready](t, c.get("/readyz"))
	if !ready.Ready || ready.Checks["witnesses"] != "not yet witnessed; 0 of 2 answer, 2 are needed" {
		t.Errorf("%+v", ready)
	}
	unwitnessed := into[wire.Proofs](t, c.post("/v1/log/proofs", wire.ProofsAsked{Indexes: []int64{w.Engine.Size() - 1}}))
	if signed, err := ledger.ParseCheckpoint([]byte(unwitnessed.Checkpoint), w.keys...); err != nil || int64(signed.Size) != w.Engine.Size() || len(signed.Verified()) != 1 {
		t.Errorf("the proofs: %v, %v", signed, err)
	}
	metrics := string(c.get("/metrics").body)
	for _, want := range []string{`fieldseal_witness_state{state="refuses",witness="court.test/w"} 1`, `fieldseal_witness_state{state="ok",witness="court.test/w"} 0`, path("fieldseal_witnessed_size %d", newest.Size)} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}

	w.up.Store(true)
	w.await(t, "the quorum again", w.current)
	if newest, older = read(); len(newest.Verified()) != 3 || older != nil {
		t.Errorf("%d signatures, and %v", len(newest.Verified()), older)
	}
	// A proof for strangers stands on what witnesses vouch for.
	proof, err := ledger.ParseProof(c.get("/v1/events/" + answer.Results[0].ID + "/proof").body)
	if err != nil {
		t.Fatal(err)
	}
	if _, signed, err := proof.VerifyLeaf(w.keys...); err != nil || len(signed.Verified()) != 3 {
		t.Errorf("the proof: %v", err)
	}
	shown := into[wire.Proofs](t, c.post("/v1/log/proofs", wire.ProofsAsked{Indexes: []int64{0}}))
	if signed, err := ledger.ParseCheckpoint([]byte(shown.Checkpoint), w.keys...); err != nil || len(signed.Verified()) != 3 {
		t.Errorf("the proofs: %v", err)
	}
	// A bundle waits for the quorum over what was there when it was asked for.
	b := c.get(path("/v1/cases/%s/bundle", id)).body
	v, err := verify.Verify(t.Context(), bytes.NewReader(b), int64(len(b)), verify.Options{TrustedWitnesses: w.texts, WitnessQuorum: 2})
	if err != nil || v.Result == verify.NotAuthentic || len(v.Witnesses) != 2 {
		t.Fatalf("the bundle: %v, %+v", err, v)
	}
	for id, in := range v.Record.Intervals { // all events here were covered by a witnessed checkpoint before the newest
		if in.Witnessed == nil || in.Witnessed.NotAfter.IsZero() || in.Witnessed.NotAfterBy.Size > int64(v.Bundle.Checkpoint.Size) {
			t.Errorf("%s is dated %+v", id, in.Witnessed)
		}
	}
}
