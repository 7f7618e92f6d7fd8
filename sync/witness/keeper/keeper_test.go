package keeper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/witnesstest"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const origin = "ledger.example/agency-a"

func testKey() *witness.Key {
	return must(witness.NewKey("court.example/w", witnesstest.Seed("court.example/w")))
}

func newPaths(t testing.TB) Paths {
	dir := t.TempDir()
	return Paths{filepath.Join(dir, "state.sqlite"), filepath.Join(dir, "marks.sqlite")}
}

func create(t testing.TB) Paths {
	p := newPaths(t)
	if err := Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func reopen(t testing.TB, p Paths) *Keeper {
	k, err := Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// submit asks for a cosignature of l as it is, going on from old.
func submit(t testing.TB, k *Keeper, l *witnesstest.Log, old ledger.Size) (ledger.Signature, error) {
	return attempt(t.Context(), k, l, old)
}

func attempt(ctx context.Context, k *Keeper, l *witnesstest.Log, old ledger.Size) (ledger.Signature, error) {
	r := &witness.Request{Old: old, Proof: l.Proof(old), Note: l.Checkpoint().Note()}
	s, err := witness.Logs{l.Key.Name(): {l.Key.Verifier()}}.Admit(r.Marshal())
	if err != nil {
		return ledger.Signature{}, err
	}
	return k.Cosign(ctx, s, testKey())
}

func cosign(t testing.TB, k *Keeper, l *witnesstest.Log, old ledger.Size) {
	t.Helper()
	sig, err := submit(t, k, l, old)
	if err != nil {
		t.Fatalf("from %d to %d: %v", old, l.Size(), err)
	}
	if _, err := l.Checkpoint().WithSignature(sig, testKey()); err != nil {
		t.Fatal(err)
	}
}

func status(err error) int {
	var r *witness.Refusal
	if !errors.As(err, &r) {
		return 0
	}
	return r.Status
}

// known is what the witness remembers of the log, and its mark.
func known(t testing.TB, k *Keeper) (record, mark Record) {
	for list, to := range map[*[]Record]*Record{ptr(must(k.Records(t.Context()))): &record, ptr(must(k.Marks(t.Context()))): &mark} {
		for _, r := range *list {
			if r.Origin == origin {
				*to = r
			}
		}
	}
	return record, mark
}

func ptr[T any](v T) *T { return &v }

func TestCosignAndRestart(t *testing.T) {
	p := create(t)
	l := witnesstest.New(origin, 3, "a")
	k := must(Open(t.Context(), p))
	cosign(t, k, l, 0)
	cosign(t, k, l, 3) // a heartbeat
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	for _, grow := range []int{1, 300, 7, 0} {
		k = must(Open(t.Context(), p))
		old := l.Size()
		l.Grow(grow, "a")
		cosign(t, k, l, old)
		record, mark := known(t, k)
		if record.Tree != mark.Tree || record.Size != l.Size() || record.Root != l.Root() || string(record.Note) != string(l.Checkpoint().Note()) || record.At.IsZero() {
			t.Errorf("remembered %v, marked %v", record, mark)
		}
		// A log that forked before what was cosigned gets nowhere, whatever it proves from.
		other := witnesstest.New(origin, int(l.Size())+5, "b")
		for old, want := range map[ledger.Size]int{0: 409, 2: 409, l.Size(): 422} {
			if _, err := submit(t, k, other, old); status(err) != want {
				t.Errorf("from %d: %v", old, err)
			}
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRace: of many submissions that go on from one tree to different ones,
// through several goroutines and two open memories, exactly one is cosigned.
func TestRace(t *testing.T) {
	p := create(t)
	keepers := []*Keeper{reopen(t, p), reopen(t, p)}
	base := witnesstest.New(origin, 10, "a")
	cosign(t, keepers[0], base, 0)
	for round := range 5 {
		var wg sync.WaitGroup
		errs := make([]error, 8)
		next := make([]*witnesstest.Log, len(errs))
		for i := range errs {
			next[i] = base.Fork()
			next[i].Grow(1+i, "round")
			wg.Go(func() { _, errs[i] = submit(t, keepers[i%2], next[i], base.Size()) })
		}
		wg.Wait()
		won := -1
		for i, err := range errs {
			switch {
			case err == nil && won >= 0:
				t.Fatalf("round %d: %d and %d were both cosigned", round, won, i)
			case err == nil:
				won = i
			case status(err) != 409:
				t.Errorf("round %d: %v", round, err)
			}
		}
		if won < 0 {
			t.Fatalf("round %d: nobody was cosigned: %v", round, errs)
		}
		for i, err := range errs {
			var r *witness.Refusal
			if i != won && (!errors.As(err, &r) || r.Known != witness.Tree{Size: next[won].Size(), Root: next[won].Root()}) {
				t.Errorf("round %d: the loser is told %v", round, r)
			}
		}
		base = next[won]
		if record, mark := known(t, keepers[1]); record.Root != base.Root() || mark.Root != base.Root() {
			t.Errorf("round %d: remembered %v, marked %v", round, record, mark)
		}
	}
}

// TestSmallerNeverWins: of a smaller and a larger tree that are both on their
// way, the smaller one does not roll back the larger.
func TestSmallerNeverWins(t *testing.T) {
	p := create(t)
	slow, fast := reopen(t, p), reopen(t, p)
	l := witnesstest.New(origin, 5, "a")
	cosign(t, slow, l, 0)
	small, large := l.Fork(), l.Fork()
	small.Grow(1, "a")
	large.Grow(2, "a")
	done := make(chan error)
	slow.step = func(at string) {
		if at != "committed" { // the state has 6, its mark has not
			return
		}
		go func() {
			_, err := submit(t, fast, large, 6)
			done <- err
		}()
		if err := <-done; err != nil {
			t.Errorf("the larger: %v", err)
		}
	}
	cosign(t, slow, small, 5)
	if record, mark := known(t, fast); record.Size != 7 || mark.Size != 7 {
		t.Errorf("remembered %d, marked %d", record.Size, mark.Size)
	}
}

func TestClock(t *testing.T) {
	k := reopen(t, create(t))
	l := witnesstest.New(origin, 3, "a")
	at := time.Date(2026, 3, 1, 8, 0, 0, 999_000_000, time.UTC)
	k.now = func() time.Time { return at }
	cosign(t, k, l, 0)
	at = at.Add(-999 * time.Millisecond) // within the same second
	cosign(t, k, l, 3)
	at = at.Add(-time.Millisecond)
	var clock *ClockError
	if _, err := submit(t, k, l, 3); !errors.As(err, &clock) || clock.Origin != origin {
		t.Errorf("a clock that went back: %v", err)
	}
	l.Grow(1, "a")
	if _, err := submit(t, k, l, 3); !errors.As(err, &clock) {
		t.Errorf("a clock that went back: %v", err)
	}
	if record, _ := known(t, k); record.Size != 3 {
		t.Errorf("it was remembered all the same: %v", record)
	}
	at = at.Add(time.Second)
	cosign(t, k, l, 3)
}

func TestEvidence(t *testing.T) {
	k := reopen(t, create(t))
	l := witnesstest.New(origin, 3, "a")
	cosign(t, k, l, 0)
	first := l.Checkpoint().Note()
	other := witnesstest.New(origin, 3, "b")
	for range 3 { // the same one is kept once
		if _, err := submit(t, k, other, 3); status(err) != 409 {
			t.Fatal(err)
		}
	}
	other.Grow(1, "b")
	if _, err := submit(t, k, other, 3); status(err) != 422 {
		t.Fatal(err)
	}
	if _, err := submit(t, k, other, 0); status(err) != 409 { // no evidence of anything
		t.Fatal(err)
	}
	list := must(k.Evidence(t.Context(), origin))
	if len(list) != 2 {
		t.Fatalf("%d kept", len(list))
	}
	for _, e := range list {
		if string(e.Note) != string(first) || e.Known != (witness.Tree{Size: 3, Root: l.Root()}) || e.Got.Root == l.Root() {
			t.Errorf("kept %v", e)
		}
		s, err := witness.Logs{origin: {l.Key.Verifier()}}.Admit(e.Request)
		if err != nil {
			t.Fatalf("a stranger cannot read the evidence: %v", err)
		}
		if err := s.Decide(e.Known); status(err) != e.Status {
			t.Errorf("it shows %v, kept as %d", err, e.Status)
		}
	}
	for range MaxEvidence + 5 {
		other.Grow(1, "b")
		if _, err := submit(t, k, other, 3); status(err) != 422 {
			t.Fatal(err)
		}
	}
	if list := must(k.Evidence(t.Context(), origin)); len(list) != MaxEvidence || string(list[0].Note) != string(first) {
		t.Errorf("%d kept, the limit is %d", len(list), MaxEvidence)
	}
	if list := must(k.Evidence(t.Context(), "another")); len(list) != 0 {
		t.Errorf("%d kept of another log", len(list))
	}
	// An honest log goes on all the same.
	l.Grow(1, "a")
	cosign(t, k, l, 3)
}

func move(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, must(os.ReadFile(from)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// used makes a witness that has cosigned 5 and then 9 entries, and a copy of its
// state from between.
func used(t testing.TB) (p Paths, l *witnesstest.Log, old string) {
	p, l = create(t), witnesstest.New(origin, 5, "a")
	k := must(Open(t.Context(), p))
	cosign(t, k, l, 0)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	old = p.State + ".old"
	copyFile(t, p.State, old)
	k = must(Open(t.Context(), p))
	l.Grow(4, "a")
	cosign(t, k, l, 5)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	return p, l, old
}

// TestLost: whatever was lost, the witness does not start from nothing, and
// after a reseed by hand it knows the tree that it cosigned last.
func TestLost(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, p Paths, old string){
		"the state": func(t *testing.T, p Paths, _ string) { move(t, p.State, p.State+".gone") },
		"the newest state": func(t *testing.T, p Paths, old string) {
			move(t, old, p.State)
		},
		"the record of the log": func(t *testing.T, p Paths, _ string) {
			db := must(connect(p.State, nil))
			if _, err := db.Exec("DELETE FROM logs"); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		},
		"the root": func(t *testing.T, p Paths, _ string) {
			db := must(connect(p.State, nil))
			if _, err := db.Exec("UPDATE logs SET root = zeroblob(32), note = x''"); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, l, old := used(t)
			lose(t, p, old)
			k, err := Open(t.Context(), p)
			if k != nil || !errors.Is(err, ErrLost) && !errors.Is(err, ErrNotKeeper) {
				t.Fatalf("it started: %v", err)
			}
			var lost *LostError
			if errors.As(err, &lost) && (len(lost.Losses) != 1 || lost.Losses[0].Marked.Size != 9 || !strings.Contains(err.Error(), "reseed")) {
				t.Errorf("it says %v", err)
			}
			if err := Create(t.Context(), p); !errors.Is(err, ErrPresent) {
				t.Errorf("made anew: %v", err)
			}
			if _, err := os.Stat(p.State); name == "the state" && err == nil {
				t.Fatal("Create left a state behind")
			}
			if r, err := Reseed(t.Context(), p, origin, Seed{FromNothing: true}); !errors.Is(err, ErrPresent) {
				t.Errorf("against the mark: %v, %v", r, err)
			}
			r, err := Reseed(t.Context(), p, origin, Seed{})
			if err != nil || r.Size != 9 || r.Root != l.Root() {
				t.Fatalf("reseeded with %v, %v", r, err)
			}
			k = reopen(t, p)
			if _, err := submit(t, k, witnesstest.New(origin, 12, "b"), 9); status(err) != 422 {
				t.Errorf("a fork after the reseed: %v", err)
			}
			l.Grow(3, "a")
			cosign(t, k, l, 9)
			if _, err := Reseed(t.Context(), p, origin, Seed{}); !errors.Is(err, ErrPresent) {
				t.Errorf("reseeded what is not lost: %v", err)
			}
		})
	}
}

// TestLostBoth: with nothing left, only what the operator vouches for is known,
// and no other log is taken from its beginning.
func TestLostBoth(t *testing.T) {
	p, l, _ := used(t)
	move(t, p.State, p.State+".gone")
	move(t, p.Marks, p.Marks+".gone")
	if _, err := Open(t.Context(), p); !errors.Is(err, ErrNotKeeper) {
		t.Fatalf("it started: %v", err)
	}
	if _, err := Reseed(t.Context(), p, origin, Seed{}); !errors.Is(err, ErrLost) {
		t.Errorf("from a mark that is not there: %v", err)
	}
	if _, err := Reseed(t.Context(), p, "other.example/log", Seed{Checkpoint: l.Checkpoint()}); err == nil {
		t.Error("a checkpoint of another log was taken")
	}
	if r, err := Reseed(t.Context(), p, origin, Seed{Checkpoint: l.Checkpoint()}); err != nil || r.Size != 9 {
		t.Fatalf("%v, %v", r, err)
	}
	k := reopen(t, p)
	if _, err := submit(t, k, witnesstest.New("other.example/log", 3, "a"), 0); !errors.Is(err, ErrUnseeded) {
		t.Errorf("a log that it may have cosigned before: %v", err)
	}
	if _, err := submit(t, k, l, 0); status(err) != 409 {
		t.Errorf("from nothing: %v", err)
	}
	l.Grow(1, "a")
	cosign(t, k, l, 9)
	if _, err := Reseed(t.Context(), p, "other.example/log", Seed{FromNothing: true}); err != nil {
		t.Fatal(err)
	}
	cosign(t, k, witnesstest.New("other.example/log", 3, "a"), 0)
}

func TestLostMarks(t *testing.T) {
	p, _, _ := used(t)
	move(t, p.Marks, p.Marks+".gone")
	if _, err := Open(t.Context(), p); !errors.Is(err, ErrNotKeeper) {
		t.Errorf("it started: %v", err)
	}
	if _, err := Reseed(t.Context(), p, origin, Seed{}); !errors.Is(err, ErrNotKeeper) {
		t.Errorf("it reseeded: %v", err)
	}
	// Marks of another witness do not do.
	other := create(t)
	move(t, other.Marks, p.Marks)
	if _, err := Open(t.Context(), p); !errors.Is(err, ErrNotKeeper) || !strings.Contains(err.Error(), "one witness") {
		t.Errorf("with another's marks: %v", err)
	}
}

func TestNotKeeper(t *testing.T) {
	p := create(t)
	swapped := Paths{p.Marks, p.State}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Paths{"swapped": swapped, "a text": {text, p.Marks}, "a text for marks": {p.State, text}, "one for both": {p.State, p.State}} {
		if k, err := Open(t.Context(), p); k != nil || !errors.Is(err, ErrNotKeeper) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Create(t.Context(), p); !errors.Is(err, ErrPresent) {
		t.Errorf("created over one: %v", err)
	}
	if left := must(filepath.Glob(filepath.Join(filepath.Dir(p.State), ".new-*"))); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := Create(t.Context(), Paths{filepath.Join(t.TempDir(), "no", "state"), filepath.Join(t.TempDir(), "marks")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
	db := must(connect(p.State, nil))
	if _, err := db.Exec("PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), p); !errors.Is(err, ErrNotKeeper) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("another version: %v", err)
	}
}

// TestDamaged: columns that contradict the note beside them are found.
func TestDamaged(t *testing.T) {
	p, _, _ := used(t)
	db := must(connect(p.State, nil))
	if _, err := db.Exec("UPDATE logs SET size = 12"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), p); !errors.Is(err, ErrDamaged) {
		t.Errorf("it started: %v", err)
	}
}
