package guard

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"fieldseal/sync/ledger"
)

func TestFreeze(t *testing.T) {
	g, path := guarded(t, 1000)
	at := theLog.sign(1000).Checkpoint
	if err := g.Freeze(t.Context(), theLog.sign(900).Checkpoint, "x"); !errors.Is(err, ErrMoved) {
		t.Errorf("at another size: %v", err)
	}
	if err := g.Freeze(t.Context(), ledger.Checkpoint{Origin: "other.example/log", Size: 1000}, "x"); !errors.Is(err, ErrGuardMissing) {
		t.Errorf("a log that is not known: %v", err)
	}
	for _, why := range []string{"the disk was lost", "another reason"} {
		if err := g.Freeze(t.Context(), at, why); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // now, and in the next process
		s, _, err := g.State(t.Context(), origin)
		if err != nil || !s.Frozen() || s.Why != "the disk was lost" || s.Size != 1000 {
			t.Errorf("%+v, %v", s, err)
		}
		if s, err := g.Check(t.Context(), origin, 1000, theLog.rootAt); err != nil || !s.Frozen() {
			t.Errorf("the frozen log itself is refused: %+v, %v", s, err)
		}
		if _, err := g.Check(t.Context(), origin, 999, theLog.rootAt); !errors.As(err, new(*RollbackError)) {
			t.Errorf("an older database: %v", err)
		}
		if err := g.Advance(t.Context(), theLog.sign(1000), theLog.rootAt); err != nil {
			t.Errorf("its own checkpoint again: %v", err)
		}
		_, err = g.Check(t.Context(), origin, 1001, theLog.rootAt)
		if frozen := new(FrozenError); !errors.As(err, &frozen) || !errors.Is(err, ErrFrozen) || frozen.Size != 1001 || !strings.Contains(err.Error(), "the disk was lost") {
			t.Errorf("a longer database: %v", err)
		}
		if err := g.Advance(t.Context(), theLog.sign(1500), theLog.rootAt); !errors.Is(err, ErrFrozen) {
			t.Errorf("it went on: %v", err)
		}
		g = openAt(t, path)
	}
}

// Many that advance and some that freeze: once one has frozen it, it stays there.
func TestFreezeWhileOthersAdvance(t *testing.T) {
	g, path := guarded(t, 100)
	var wg sync.WaitGroup
	frozen := make(chan ledger.Size, 8)
	for k := range 8 {
		wg.Go(func() {
			mine := g
			if k%2 == 0 {
				mine = openAt(t, path)
			}
			for size := ledger.Size(101 + k); size < 400; size += 8 {
				err := mine.Advance(t.Context(), theLog.sign(size), theLog.rootAt)
				if errors.Is(err, ErrFrozen) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if size < 250 {
					continue
				}
				switch err := mine.Freeze(t.Context(), theLog.sign(size).Checkpoint, "enough"); {
				case err == nil:
					frozen <- size
					return
				case !errors.Is(err, ErrMoved):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(frozen)
	s, _, err := g.State(t.Context(), origin)
	if err != nil || len(frozen) == 0 {
		t.Fatalf("nobody froze it: %+v, %v", s, err)
	}
	for size := range frozen {
		if s.Size != size || !s.Frozen() {
			t.Errorf("frozen at %d, it is at %d", size, s.Size)
		}
	}
}

// A guard of the first version is brought up without losing what it knows.
func TestGuardOfVersionOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.guard")
	db := must(sql.Open("sqlite", path))
	c := theLog.sign(700)
	for _, statement := range []string{schema, fmt.Sprintf("PRAGMA application_id = %d", applicationID), "PRAGMA user_version = 1"} {
		must(db.ExecContext(t.Context(), statement))
	}
	must(db.ExecContext(t.Context(), "INSERT INTO guard (origin, size, root, note, advanced_at) VALUES ($1, $2, $3, $4, 5)", origin, 700, c.Root[:], c.Note()))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		g := openAt(t, path)
		s, known, err := g.State(t.Context(), origin)
		if err != nil || !known || s.Size != 700 || s.Frozen() {
			t.Fatalf("%+v, %v, %v", s, known, err)
		}
		if err := g.Advance(t.Context(), theLog.sign(700), theLog.rootAt); err != nil {
			t.Error(err)
		}
	}
}
