package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
	"fieldseal/sync/store/storetest"
)

// same reports in which way two answers to one line differ, but for what is as of now.
func same(a, b ingest.Result) error {
	if a.ID != b.ID || a.Index != b.Index || !a.Received.Equal(b.Received) || a.Kind != b.Kind || a.Code != b.Code ||
		a.CheckpointSize != b.CheckpointSize || (a.Status == "quarantined") != (b.Status == "quarantined") {
		return fmt.Errorf("%+v and %+v", a, b)
	}
	return nil
}

// Whatever is wrong with a line: it gets the same answer every time, alone, in a
// batch and twice in one batch, and its bytes are in the log once.
func TestQuarantineAnswersTheSame(t *testing.T) {
	w := ingesttest.New(t)
	d, gone := w.AddDevice(), w.AddDevice()
	id := w.ID()
	w.Submit(d.Genesis(), d.Note(id, "1"), gone.Genesis())
	fork := d.Fork()
	lines := map[string][]byte{
		"MALFORMED_ENVELOPE": []byte("{"), "": d.Note(id, "2"),
		"FORK": fork.Note(id, "2, otherwise"), "CHAIN_BROKEN": fork.Note(id, "3, on that"),
		"UNKNOWN_DEVICE": (&ingesttest.Device{T: t, ID: w.ID(), Key: gone.Key, Person: w.ID(), Clock: gone.Clock}).Fork().Seal(id, &event.DeviceGenesis{Enrolment: event.ID{1}, Key: event.Digest{1}, Origin: "x"}),
		"REVOKED_KEY":    gone.Note(id, "too late"),
		"NOT_AUTHORITY":  d.Fork().Seal(event.UUID{}, &event.OrgRegistered{Org: id, Kind: "lab", Name: "x"}),
	}
	w.Author(ingest.Draft{Body: &event.DeviceRevoked{Device: gone.ID, Key: event.Digest(gone.Key.Public().ID()), Reason: "x"}})
	w.Submit(lines[""])
	first := map[string]ingest.Result{}
	for code, line := range lines {
		for range 2 {
			r := w.Submit(line, line).Results
			if _, ok := first[code]; !ok {
				first[code] = r[0]
			}
			for _, got := range r {
				if err := same(got, first[code]); err != nil || string(got.Code) != code {
					t.Errorf("%s: %v", code, err)
				}
			}
		}
	}
	size := w.Engine.Size()
	var all [][]byte
	for _, line := range lines {
		all = append(all, line)
	}
	w.Submit(all...)
	if w.Engine.Size() != size {
		t.Errorf("repeating them added %d entries", w.Engine.Size()-size)
	}
	w.Fsck()
}

// Twenty devices post the same batch at once: everyone gets the same answer.
func TestIdenticalPostsAtOnce(t *testing.T) {
	databases(t, func(t *testing.T, c store.Config) {
		w := ingesttest.On(t, c)
		d := w.AddDevice()
		id := w.ID()
		lines := [][]byte{d.Genesis(), []byte("not an envelope")}
		for i := range 30 {
			lines = append(lines, d.Sample(id, fmt.Sprint(i)))
		}
		size := w.Engine.Size()
		receipts := make([]ingest.Receipt, 20)
		var wg sync.WaitGroup
		for i := range receipts {
			wg.Go(func() {
				var err error
				if receipts[i], err = w.Engine.Submit(context.Background(), lines, d.ID); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			t.FailNow()
		}
		accepted := 0
		for _, r := range receipts {
			for i, res := range r.Results {
				if err := same(res, receipts[0].Results[i]); err != nil {
					t.Fatal(err)
				}
				if res.Status == "accepted" {
					accepted++
				}
			}
		}
		if accepted != 31 || w.Engine.Size() != size+32 {
			t.Errorf("%d accepted, %d entries", accepted, w.Engine.Size()-size)
		}
		w.Fsck()
	})
}

// Several engines on one database, as several server processes are: chains that
// are handed in all over the place, some lines to several at once.
func TestSeveralEngines(t *testing.T) {
	databases(t, func(t *testing.T, c store.Config) {
		w := ingesttest.On(t, c)
		engines := []*ingest.Engine{w.Engine, w.Open(), w.Open()}
		if c.Driver == store.Postgres {
			// A process of its own has connections of its own.
			other := storetest.Open(t, c)
			cfg := w.Config()
			cfg.Store = other
			e, err := ingest.Open(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = e.Close(context.Background()) })
			engines = append(engines, e)
		}
		id := w.ID()
		var wg sync.WaitGroup
		var all [][]byte
		for range 6 {
			d := w.AddDevice()
			lines := [][]byte{d.Genesis()}
			for i := range 20 {
				lines = append(lines, d.Note(id, fmt.Sprint(i)))
			}
			all = append(all, lines...)
			wg.Go(func() {
				for from := 0; from < len(lines); from += 3 {
					part := lines[from:min(from+3, len(lines))]
					var first ingest.Receipt
					for i, n := range rand.Perm(len(engines))[:2] {
						r, err := engines[n].Submit(context.Background(), part, event.UUID{})
						if err != nil {
							t.Error(err)
							return
						}
						for j := range r.Results {
							if i == 0 {
								continue
							}
							if err := same(r.Results[j], first.Results[j]); err != nil {
								t.Error(err)
							}
						}
						first = r
					}
				}
			})
		}
		wg.Go(func() {
			for i := range 10 {
				if _, err := engines[i%len(engines)].Author(context.Background(), ingest.Draft{Body: &event.MediaReceived{SHA256: event.Digest{byte(i + 1)}, Size: 1}}); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Wait()
		for i, r := range w.Submit(all...).Results {
			if r.Status != "duplicate" || r.Pending {
				t.Fatalf("line %d: %+v", i, r)
			}
		}
		var notes []string
		for _, e := range engines {
			note, err := e.Checkpoint(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			notes = append(notes, note)
		}
		for _, n := range notes {
			if n != notes[0] {
				t.Errorf("engines show\n%s and\n%s", n, notes[0])
			}
		}
		w.Fsck()
		rebuilt(t, w)
	})
}

// Every receipt can be proven: the leaf of each line is in the tree of the
// checkpoint that its result names, and the checkpoints follow on each other.
func TestReceiptsAreProvable(t *testing.T) {
	w := ingesttest.New(t)
	w.Rich()
	ctx := context.Background()
	d := w.AddDevice()
	lines := [][]byte{d.Genesis(), []byte("x")}
	for i := range 300 {
		lines = append(lines, d.Note(w.ID(), fmt.Sprint(i)))
	}
	var receipts []ingest.Receipt
	for rest := lines; len(rest) > 0; {
		n := min(1+rand.IntN(60), len(rest))
		receipts = append(receipts, w.Submit(rest[:n]...))
		rest = rest[n:]
	}
	receipts = append(receipts, w.Submit(append(lines, d.Note(w.ID(), "new"))...)) // covered by many checkpoints
	newest, err := w.Engine.Signed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, receipt := range receipts {
		for _, r := range receipt.Results {
			c, err := ledger.ParseCheckpoint([]byte(receipt.Checkpoints[r.CheckpointSize]), w.LogKey.Verifier())
			if err != nil || int64(c.Size) != r.CheckpointSize {
				t.Fatal(c, err)
			}
			leaf, err := w.Engine.LeafAt(ctx, r.Index)
			if err != nil {
				t.Fatal(err)
			}
			if leaf.Kind != r.Kind || leaf.Received != ledger.Micros(r.Received.UnixMicro()) || r.Status == "accepted" && event.ID(leaf.Event) != r.ID {
				t.Fatalf("%+v is not the leaf of %+v", leaf, r)
			}
			h, err := leaf.Hash()
			if err != nil {
				t.Fatal(err)
			}
			proof, err := w.Engine.InclusionProof(ctx, r.Index, r.CheckpointSize)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.VerifyInclusion(h, ledger.Index(r.Index), c.Size, c.Root, proof); err != nil {
				t.Fatal(err)
			}
			between, err := w.Engine.ConsistencyProof(ctx, r.CheckpointSize, int64(newest.Size))
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.VerifyConsistency(c.Size, c.Root, newest.Size, newest.Root, between); err != nil {
				t.Fatal(err)
			}
			if root, err := w.Engine.RootAt(ctx, r.CheckpointSize); err != nil || root != c.Root {
				t.Fatal(err)
			}
		}
	}
	size := int64(newest.Size)
	if _, err := w.Engine.InclusionProof(ctx, size, size); !errors.Is(err, ledger.ErrOutOfRange) {
		t.Errorf("a proof of an entry that is not there: %v", err)
	}
	if _, err := w.Engine.InclusionProof(ctx, 0, size+1); !errors.Is(err, ledger.ErrOutOfRange) {
		t.Errorf("a proof in a tree that is not there: %v", err)
	}
	if _, err := w.Engine.LeafAt(ctx, size); !errors.Is(err, ledger.ErrOutOfRange) {
		t.Errorf("a leaf that is not there: %v", err)
	}
}

// The note of the newest checkpoint is signed again, to the same bytes, by
// whoever finds its row without one.
func TestNoteIsSignedAgainToTheSameBytes(t *testing.T) {
	w := ingesttest.New(t)
	d := w.AddDevice()
	r := w.Submit(d.Genesis())
	size := r.Results[0].CheckpointSize
	stored := func() (note string) {
		w.Read(func(tx *store.Tx) error {
			c, _, err := tx.CheckpointAt(size)
			note = c.Note
			return err
		})
		return note
	}
	if stored() != "" {
		t.Fatal("the note is stored already: this test has nothing to try")
	}
	crashed := w.Open() // finds the row as a crash leaves it
	if note, err := crashed.Checkpoint(context.Background()); err != nil || note != r.Checkpoints[size] {
		t.Errorf("signed again %q %v, first %q", note, err, r.Checkpoints[size])
	}
	if err := crashed.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if stored() != r.Checkpoints[size] {
		t.Errorf("closing stored %q", stored())
	}
}

// A request that cannot be stored fails alone; those that were grouped with it go through.
func TestPoisonBlocksNobody(t *testing.T) {
	f := newFaulty(t, store.Config{Driver: store.SQLite, Path: t.TempDir() + "/f.db"})
	var lines [][]byte
	for range 8 {
		lines = append(lines, f.Note())
	}
	// A row in the place of the poison's makes its insertion a conflict.
	poison := f.AddDevice()
	write(t, f.World, func(tx *store.Tx) error {
		id := poison.ID
		_, err := tx.Exec("INSERT INTO events (idx, dev, seq, id, uuid, type, case_n, received, carrier, line) SELECT 1000000, n, 1, $1, $1, 'x', 0, 1, 0, $1 FROM devices WHERE id = $2", id[:], id[:])
		return err
	})
	bad := poison.Genesis()
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	entered := make(chan struct{})
	go func() {
		_ = f.Store.Write(context.Background(), func(*store.Tx) error { close(entered); <-hold; return nil })
	}()
	<-entered // the writer is held, so that the requests wait and are grouped
	errs := make([]error, len(lines)+1)
	var wg sync.WaitGroup
	for i, line := range append(lines, bad) {
		wg.Go(func() { _, errs[i] = f.Engine.Submit(context.Background(), [][]byte{line}, event.UUID{}) })
	}
	for waiting := 0; waiting < len(lines); waiting = f.Engine.Waiting() {
		time.Sleep(time.Millisecond) // until all but the first are queued
	}
	release()
	wg.Wait()
	for i, err := range errs[:len(lines)] {
		if err != nil {
			t.Errorf("line %d: %v", i, err)
		}
	}
	if errs[len(lines)] == nil {
		t.Error("the poison was stored")
	}
}

func TestLimitsAndEnds(t *testing.T) {
	w := ingesttest.New(t)
	ctx := context.Background()
	if _, err := w.Engine.Submit(ctx, make([][]byte, ingest.MaxLines+1), event.UUID{}); !errors.Is(err, ingest.ErrTooManyLines) {
		t.Error(err)
	}
	if r, err := w.Engine.Submit(ctx, nil, event.UUID{}); err != nil || len(r.Results) != 0 {
		t.Error(r, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := w.Engine.Submit(ended, [][]byte{[]byte("x")}, event.UUID{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	e := w.Open()
	if err := e.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Submit(ctx, [][]byte{[]byte("x")}, event.UUID{}); !errors.Is(err, ingest.ErrClosed) {
		t.Error(err)
	}
	if err := e.Close(ctx); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	cfg := w.Config()
	cfg.Store, cfg.Name = storetest.Open(t, store.Config{Driver: store.SQLite, Path: t.TempDir() + "/e.db"}), ""
	if _, err := ingest.Open(ctx, cfg); err == nil {
		t.Error("an empty store was opened beside the guard of another log")
	}
	if _, err := ingest.Open(ctx, ingest.Config{}); err == nil {
		t.Error("a configuration without anything was taken")
	}
}

func TestSubscription(t *testing.T) {
	w := ingesttest.New(t)
	s := w.Engine.Subscribe()
	<-s.C
	d := w.AddDevice()
	w.Submit(d.Genesis())
	<-s.C
	if w.Engine.Size() == 0 {
		t.Error("woken, and there is nothing")
	}
	for range 5 {
		w.Submit(d.Note(w.ID(), "x"))
	}
	<-s.C // one wake-up for all
	s.Close()
	for range s.C { // what was pending, then the end
	}
	s.Close()
	// What another engine appends wakes too.
	other := w.Open()
	watch := other.Subscribe()
	<-watch.C
	w.Submit(d.Note(w.ID(), "by another"))
	size := w.Engine.Size()
	for other.Size() < size {
		<-watch.C
	}
	watch.Close()
	last := w.Engine.Subscribe()
	<-last.C
	if err := w.Engine.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, open := <-last.C; open {
		t.Error("the end of the engine woke nobody")
	}
	late := w.Engine.Subscribe()
	for range late.C {
	}
}
