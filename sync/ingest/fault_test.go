package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/store"
	"fieldseal/sync/store/pgtest"
	"fieldseal/sync/store/storetest"
)

// faultyWorld is a world whose database and guard fail when they are told to.
type faultyWorld struct {
	*ingesttest.World
	db    storetest.Faults
	guard faultyGuard
	acked map[string]ingest.Result // by line
}

func newFaulty(t *testing.T, c store.Config) *faultyWorld {
	f := &faultyWorld{acked: map[string]ingest.Result{}}
	c.Wrap = f.db.Wrap
	f.World = ingesttest.On(t, c)
	f.guard.Guard = f.World.Guard
	f.reopen()
	return f
}

// reopen starts another engine, as a process that starts again does.
func (f *faultyWorld) reopen() {
	f.T.Helper()
	if err := f.Engine.Close(context.Background()); err != nil {
		f.T.Fatal(err)
	}
	cfg := f.Config()
	cfg.Guard = &f.guard
	e, err := ingest.Open(context.Background(), cfg)
	if err != nil {
		f.T.Fatal(err)
	}
	f.Engine = e
	f.T.Cleanup(func() { _ = e.Close(context.Background()) }) // may have been closed
}

// try submits and remembers what was acknowledged.
func (f *faultyWorld) try(lines ...[]byte) error {
	r, err := f.Engine.Submit(context.Background(), lines, event.UUID{})
	if err != nil {
		return err
	}
	for i, res := range r.Results {
		if was, ok := f.acked[string(lines[i])]; ok && (was.Index != res.Index || !was.Received.Equal(res.Received) || was.CheckpointSize != res.CheckpointSize) {
			f.T.Fatalf("answered %+v, before %+v", res, was)
		}
		if r.Checkpoints[res.CheckpointSize] == "" {
			f.T.Fatalf("%+v is covered by no checkpoint", res)
		}
		f.acked[string(lines[i])] = res
	}
	return nil
}

// verify checks the whole log, and that everything acknowledged is in it, once.
func (f *faultyWorld) verify() {
	f.T.Helper()
	f.db.Set(nil)
	f.guard.set(storetest.None)
	if err := f.try(f.Note()); err != nil { // the engine goes on by itself
		f.T.Fatal(err)
	}
	f.Fsck()
	f.Read(func(tx *store.Tx) error {
		for line, res := range f.acked {
			row, found, err := tx.EventAt(res.Index)
			if err != nil || !found || string(row.Line) != line {
				f.T.Fatalf("acknowledged at %d, but there is %q %v", res.Index, row.Line, err)
			}
		}
		return nil
	})
}

// Note is a line that can always be submitted.
func (f *faultyWorld) Note() []byte { return f.AddDevice().Genesis() }

type faultyGuard struct {
	*guard.Guard
	mu   sync.Mutex
	next storetest.Fault
}

func (g *faultyGuard) set(f storetest.Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next = f
}

func (g *faultyGuard) Advance(ctx context.Context, next *ledger.SignedCheckpoint, rootAt guard.RootAt) error {
	g.mu.Lock()
	fault := g.next
	g.next = storetest.None
	g.mu.Unlock()
	switch fault {
	case storetest.Lost:
		return storetest.ErrInjected
	case storetest.Applied:
		return errors.Join(g.Guard.Advance(ctx, next, rootAt), storetest.ErrInjected)
	}
	return g.Guard.Advance(ctx, next, rootAt)
}

var pairs = map[string]storetest.Fault{"lost": storetest.Lost, "applied but reported failed": storetest.Applied}

func databases(t *testing.T, fn func(t *testing.T, c store.Config)) {
	t.Run("sqlite", func(t *testing.T) {
		fn(t, store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "f.db")})
	})
	t.Run("postgres", func(t *testing.T) { fn(t, store.Config{Driver: store.Postgres, DSN: pgtest.Start(t)}) })
}

// A commit whose outcome is unknown is its own error, and the retry tells what
// happened, whether the engine lives on or starts again.
func TestCommitOfUnknownOutcome(t *testing.T) {
	databases(t, func(t *testing.T, c store.Config) {
		f := newFaulty(t, c)
		for name, fault := range pairs {
			for _, restart := range []bool{false, true} {
				d := f.AddDevice()
				lines := [][]byte{d.Genesis(), d.Note(f.ID(), name)}
				size := f.Engine.Size()
				f.db.Once("COMMIT", fault)
				err := f.try(lines...)
				var unknown *ingest.OutcomeError
				if !errors.As(err, &unknown) {
					t.Fatalf("%s: %v", name, err)
				}
				if f.Engine.Size() != size {
					t.Errorf("%s: a checkpoint was shown", name)
				}
				if restart {
					f.reopen()
				}
				if err := f.try(lines...); err != nil {
					t.Fatalf("%s: the retry: %v", name, err)
				}
				if got, want := f.acked[string(lines[0])].Status, map[storetest.Fault]ingest.Status{storetest.Lost: "accepted", storetest.Applied: "duplicate"}[fault]; got != want {
					t.Errorf("%s: the retry is %s", name, got)
				}
				f.verify()
			}
		}
	})
}

// A guard that fails holds the acknowledgement back; what was committed is
// acknowledged by the retry.
func TestGuardFails(t *testing.T) {
	f := newFaulty(t, store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "f.db")})
	for name, fault := range pairs {
		for _, restart := range []bool{false, true} {
			lines := [][]byte{f.Note()}
			size := f.Engine.Size()
			f.guard.set(fault)
			var behind *ingest.GuardError
			if err := f.try(lines...); !errors.As(err, &behind) {
				t.Fatalf("%s: %v", name, err)
			}
			if f.Engine.Size() != size {
				t.Errorf("%s: a checkpoint was shown that the guard may not know", name)
			}
			if restart {
				f.reopen()
			}
			if err := f.try(lines...); err != nil || f.acked[string(lines[0])].Status != "duplicate" {
				t.Fatalf("%s: the retry: %v %+v", name, err, f.acked[string(lines[0])])
			}
			f.verify()
		}
	}
}

// Every statement of a submission fails in turn, lost and applied: the
// submission fails, its retry succeeds, and the log is whole.
func TestEveryStatementFailsInTurn(t *testing.T) {
	databases(t, func(t *testing.T, c store.Config) {
		f := newFaulty(t, c)
		for name, fault := range pairs {
			for k := 0; ; k++ {
				d := f.AddDevice()
				id := f.ID()
				lines := [][]byte{d.Genesis(), d.Seal(id, &event.CaseOpened{Number: fmt.Sprint(k), Title: "x", Authority: "y"}), d.Sample(id, "S"), []byte(fmt.Sprint("no envelope ", name, k))}
				n, failed := -1, ""
				f.db.Set(func(text string) storetest.Fault {
					if n++; n == k {
						failed = text
						return fault
					}
					return storetest.None
				})
				err := f.try(lines[:3]...)
				hits := f.db.Hits()
				f.db.Set(nil)
				if hits == 0 {
					if err != nil {
						t.Fatal(err)
					}
					if k < 20 {
						t.Fatalf("a submission has only %d statements", k)
					}
					break
				}
				if err == nil && failed != "ROLLBACK" { // the end of a read has no outcome
					t.Fatalf("%s, statement %d: acknowledged, although %s failed", name, k, failed)
				}
				if err := f.try(lines[:3]...); err != nil {
					t.Fatalf("%s, statement %d: the retry: %v", name, k, err)
				}
				if _, err := f.Engine.Submit(context.Background(), lines[3:], event.UUID{}); err != nil {
					t.Fatal(err)
				}
				if k%5 == 0 {
					f.verify()
				}
			}
			f.verify()
		}
	})
}

// A database put back to an older state is refused, also after it went on from there.
func TestRolledBackDatabaseIsRefused(t *testing.T) {
	w := ingesttest.New(t)
	d := w.AddDevice()
	w.Submit(d.Genesis())
	old := filepath.Join(t.TempDir(), "old.db")
	if err := w.Store.Backup(context.Background(), old); err != nil {
		t.Fatal(err)
	}
	w.Submit(d.Note(w.ID(), "acknowledged"))
	back, err := store.Open(context.Background(), store.Config{Driver: store.SQLite, Path: old})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = back.Close() })
	cfg := w.Config()
	cfg.Store = back
	_, err = ingest.Open(context.Background(), cfg)
	var rolledBack *guard.RollbackError
	if !errors.As(err, &rolledBack) || rolledBack.Missing() != 1 {
		t.Fatalf("%v", err)
	}
	// The old copy goes on under another guard, and comes back longer.
	fork := w.Resume(old)
	fork.AddOrg("court")
	fork.AddOrg("court")
	_, err = ingest.Open(context.Background(), cfg)
	var forked *guard.ForkError
	if !errors.As(err, &forked) {
		t.Fatalf("%v", err)
	}
}

// A database that is put back under a running engine is noticed before it appends.
func TestRollbackUnderARunningEngine(t *testing.T) {
	w := ingesttest.New(t)
	d := w.AddDevice()
	w.Submit(d.Genesis())
	size := w.Engine.Size()
	w.Submit(d.Note(w.ID(), "acknowledged"))
	write(t, w, func(tx *store.Tx) error {
		for _, text := range []string{"DELETE FROM checkpoints WHERE size > $1", "DELETE FROM events WHERE idx >= $1"} {
			if _, err := tx.Exec(text, size); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := w.Engine.Submit(context.Background(), [][]byte{d.Note(w.ID(), "more")}, event.UUID{}); err == nil {
		t.Fatal("an engine appended to a log that had lost an entry")
	}
	if _, err := w.Engine.Author(context.Background(), ingest.Draft{Body: &event.OrgRegistered{Org: w.ID(), Kind: "lab", Name: "x"}}); err == nil {
		t.Fatal("an engine authored into a log that had lost an entry")
	}
}

// A damaged edge of the tree, or a checkpoint that is not its own, is noticed
// when the log is read anew.
func TestDamagedEdgeIsRefused(t *testing.T) {
	for name, damage := range map[string]func(tx *store.Tx) error{
		"tile": func(tx *store.Tx) error {
			data, err := tx.ReadTile(context.Background(), 0, 0)
			if err != nil {
				return err
			}
			data[len(data)-1] ^= 1
			return tx.PutTiles([]ledger.Tile{{TileID: ledger.TileID{}, Data: data}})
		},
		"no tile": func(tx *store.Tx) error {
			_, err := tx.Exec("DELETE FROM tiles WHERE level = 0")
			return err
		},
		"root": func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE checkpoints SET root = $1 WHERE size = (SELECT max(size) FROM checkpoints)", make([]byte, 32))
			return err
		},
		"note": func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE checkpoints SET note = (SELECT note FROM checkpoints ORDER BY size LIMIT 1) WHERE size = (SELECT max(size) FROM checkpoints)")
			return err
		},
		"note's signature": func(tx *store.Tx) error {
			c, _, err := tx.LastCheckpoint()
			if err != nil {
				return err
			}
			note := []byte(c.Note)
			note[len(note)-20] ^= 'A' ^ 'B' // within the base64 of the signature
			_, err = tx.Exec("UPDATE checkpoints SET note = $1 WHERE size = $2", string(note), c.Size)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := ingesttest.New(t)
			w.Rich()
			if err := w.Engine.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			write(t, w, damage)
			if _, err := ingest.Open(context.Background(), w.Config()); !errors.Is(err, ingest.ErrDamaged) {
				t.Fatalf("%v", err)
			}
		})
	}
}

// Keys of another log are refused.
func TestForeignKeysAreRefused(t *testing.T) {
	w, other := ingesttest.New(t), ingesttest.New(t)
	cfg := w.Config()
	cfg.AuthorityKey = other.Authority
	if _, err := ingest.Open(context.Background(), cfg); !errors.Is(err, ingest.ErrKeyMismatch) {
		t.Errorf("another authority: %v", err)
	}
	cfg = w.Config()
	cfg.LogKey = other.LogKey
	if _, err := ingest.Open(context.Background(), cfg); err == nil {
		t.Error("another log key was taken")
	}
}
