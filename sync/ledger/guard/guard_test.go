package guard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"fieldseal/sync/ledger"
)

const origin = "ledger.example/agency-a"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var key = must(ledger.NewKey(origin, bytes.Repeat([]byte{7}, 32)))

// history is a log in a database: the tiles of it, and how many leaves are
// committed. A history of another name than "the log" differs from it from leaf
// apart on.
type history struct {
	tiles map[ledger.TileID][]byte
	size  ledger.Size
}

func (h *history) ReadTile(_ context.Context, level, n int64) ([]byte, error) {
	if data, ok := h.tiles[ledger.TileID{Level: level, N: n}]; ok {
		return data, nil
	}
	return nil, ledger.ErrNoTile
}

func newHistory(name string, apart, size ledger.Size) *history {
	h := &history{make(map[ledger.TileID][]byte), size}
	leaves := make([]ledger.Hash, size)
	for i := range leaves {
		of := "the log"
		if ledger.Size(i) >= apart {
			of = name
		}
		leaves[i] = sha256.Sum256(binary.BigEndian.AppendUint64([]byte(of), uint64(i)))
	}
	_, changed := new(ledger.Tree).Append(leaves)
	for _, t := range changed {
		h.tiles[t.TileID] = t.Data
	}
	return h
}

func (h *history) rootAt(ctx context.Context, size ledger.Size) (ledger.Hash, error) {
	if size > h.size {
		return ledger.Hash{}, ledger.ErrOutOfRange
	}
	return ledger.RootAt(ctx, h, size)
}

func (h *history) sign(size ledger.Size) *ledger.SignedCheckpoint {
	root := must(ledger.RootAt(context.Background(), h, size))
	return must(ledger.Sign(ledger.Checkpoint{Origin: origin, Size: size, Root: root}, key))
}

// restored is the history put back to an older size.
func (h *history) restored(size ledger.Size) *history { return &history{h.tiles, size} }

var theLog = newHistory("the log", 0, 2000)

func openAt(t testing.TB, path string) *Guard {
	t.Helper()
	g, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// guarded is a guard that has been advanced to the given size of theLog.
func guarded(t testing.TB, size ledger.Size) (*Guard, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.guard")
	g := openAt(t, path)
	if _, err := g.Check(t.Context(), origin, 0, theLog.rootAt); err != nil {
		t.Fatal(err)
	}
	if size > 0 {
		if err := g.Advance(t.Context(), theLog.sign(size), theLog.rootAt); err != nil {
			t.Fatal(err)
		}
	}
	return g, path
}

func size(t testing.TB, g *Guard) ledger.Size {
	t.Helper()
	s, ok, err := g.State(t.Context(), origin)
	if err != nil || !ok {
		t.Fatalf("state: %v, %v", ok, err)
	}
	return s.Size
}

func TestLifeOfALog(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "log.guard")
	g := openAt(t, path)
	if s, ok, err := g.State(ctx, origin); ok || err != nil {
		t.Fatalf("a new guard knows %v, %v", s, err)
	}
	s, err := g.Check(ctx, origin, 0, theLog.rootAt)
	if err != nil || s.Size != 0 || s.Note != nil || s.Root != new(ledger.Tree).Root() {
		t.Fatalf("empty log: %+v, %v", s, err)
	}
	for _, n := range []ledger.Size{1, 2, 500, 1999} {
		cp := theLog.sign(n)
		if err := g.Advance(ctx, cp, theLog.rootAt); err != nil {
			t.Fatal(err)
		}
		s, ok, err := g.State(ctx, origin)
		if err != nil || !ok || s.Size != n || s.Root != cp.Root || !bytes.Equal(s.Note, cp.Note()) || s.At.IsZero() {
			t.Fatalf("after %d: %+v, %v", n, s, err)
		}
	}
	again := openAt(t, path)
	for _, n := range []ledger.Size{1999, 2000} {
		if s, err := again.Check(ctx, origin, n, theLog.rootAt); err != nil || s.Size != 1999 {
			t.Errorf("database of %d: %+v, %v", n, s, err)
		}
	}
	// The crash between commit and advance: the next one catches up.
	if err := again.Advance(ctx, theLog.sign(2000), theLog.rootAt); err != nil || size(t, again) != 2000 {
		t.Error(err)
	}
	// Another log in the same guard is its own.
	if s, err := again.Check(ctx, "ledger.example/successor", 0, theLog.rootAt); err != nil || s.Size != 0 || size(t, again) != 2000 {
		t.Errorf("successor: %+v, %v", s, err)
	}
}

// TestCrashBeforeTheFirstAdvance: a log is known before it has its first entry.
func TestCrashBeforeTheFirstAdvance(t *testing.T) {
	g, _ := guarded(t, 0)
	if s, err := g.Check(t.Context(), origin, 300, theLog.rootAt); err != nil || s.Size != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestRollbackIsRefused(t *testing.T) {
	g, path := guarded(t, 1500)
	for _, have := range []ledger.Size{0, 1, 1024, 1499} {
		_, err := g.Check(t.Context(), origin, have, theLog.restored(have).rootAt)
		var e *RollbackError
		if !errors.As(err, &e) || e.Have != have || e.Guarded.Size != 1500 || e.Missing() != int64(1500-have) {
			t.Fatalf("database of %d: %v", have, err)
		}
		for _, says := range []string{
			"older than what has been acknowledged", fmt.Sprintf("Evidence of %d entries is missing", 1500-have),
			"newer backup", "at least 1500 entries", "replay", "devices and media", "freeze", "successor", path, origin,
		} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("the error does not say %q: %v", says, err)
			}
		}
		if _, _, err := ledger.ParseUnverifiedCheckpoint(e.Guarded.Note); err != nil {
			t.Errorf("the last checkpoint is not at hand for a successor: %v", err)
		}
	}
	// A database put back while the server runs: it cannot confirm, and is refused.
	old := theLog.restored(1000)
	if err := g.Advance(t.Context(), theLog.sign(1000), old.rootAt); !errors.Is(err, ledger.ErrOutOfRange) {
		t.Errorf("advance on a database put back: %v", err)
	}
	if got := size(t, g); got != 1500 {
		t.Errorf("the guard is at %d", got)
	}
}

func TestForkIsRefused(t *testing.T) {
	g, _ := guarded(t, 1500)
	for _, apart := range []ledger.Size{0, 700, 1499} {
		// The database went on from an older state, to the same size and beyond.
		other := newHistory("another", apart, 1800)
		for _, have := range []ledger.Size{1500, 1501, 1800} {
			_, err := g.Check(t.Context(), origin, have, other.restored(have).rootAt)
			var e *ForkError
			if !errors.As(err, &e) || e.Size != 1500 || e.Have == e.Want {
				t.Errorf("apart from %d, database of %d: %v", apart, have, err)
			}
			if err := g.Advance(t.Context(), other.sign(have), other.rootAt); !errors.As(err, &e) {
				t.Errorf("apart from %d, advance to %d: %v", apart, have, err)
			}
		}
		// A smaller checkpoint of the other history is no better.
		var e *ForkError
		if err := g.Advance(t.Context(), other.sign(1400), other.rootAt); !errors.As(err, &e) {
			t.Errorf("apart from %d, advance to 1400: %v", apart, err)
		}
	}
	// One that differs only behind the guard's size is consistent.
	if _, err := g.Check(t.Context(), origin, 1800, newHistory("another", 1500, 1800).rootAt); err != nil {
		t.Errorf("apart from 1500: %v", err)
	}
	if got := size(t, g); got != 1500 {
		t.Errorf("the guard is at %d", got)
	}
}

func TestAdvanceIsMonotonic(t *testing.T) {
	g, _ := guarded(t, 1500)
	before, _, _ := g.State(t.Context(), origin)
	for _, n := range []ledger.Size{0, 1, 1499, 1500} {
		if err := g.Advance(t.Context(), theLog.sign(n), theLog.rootAt); err != nil {
			t.Errorf("to %d: %v", n, err)
		}
	}
	after, _, _ := g.State(t.Context(), origin)
	if after.Size != 1500 || !after.At.Equal(before.At) {
		t.Errorf("the guard has moved: %+v", after)
	}
	// What was signed is not what is committed.
	wrong := newHistory("another", 1990, 2000).sign(1995)
	if err := g.Advance(t.Context(), wrong, theLog.rootAt); !errors.Is(err, ErrNotCommitted) {
		t.Errorf("a checkpoint that is not committed: %v", err)
	}
	disk := errors.New("disk on fire")
	failing := func(context.Context, ledger.Size) (ledger.Hash, error) { return ledger.Hash{}, disk }
	if err := g.Advance(t.Context(), theLog.sign(1600), failing); !errors.Is(err, disk) {
		t.Errorf("failing database: %v", err)
	}
	if _, err := g.Check(t.Context(), origin, 1600, failing); !errors.Is(err, disk) {
		t.Errorf("failing database: %v", err)
	}
	if got := size(t, g); got != 1500 {
		t.Errorf("the guard is at %d", got)
	}
}

func TestMissingAndAdopt(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "lost.guard")
	g := openAt(t, path)
	var e *MissingError
	if _, err := g.Check(ctx, origin, 1500, theLog.rootAt); !errors.As(err, &e) || !errors.Is(err, ErrGuardMissing) || e.Size != 1500 || !strings.Contains(err.Error(), path) {
		t.Errorf("check: %v", err)
	}
	if err := g.Advance(ctx, theLog.sign(1500), theLog.rootAt); !errors.Is(err, ErrGuardMissing) {
		t.Errorf("advance: %v", err)
	}
	if err := g.Adopt(ctx, newHistory("another", 0, 2000).sign(1500), theLog.rootAt); !errors.Is(err, ErrNotCommitted) {
		t.Errorf("adopting another log: %v", err)
	}
	if _, ok, _ := g.State(ctx, origin); ok {
		t.Fatal("the log is known although nothing was adopted")
	}
	if err := g.Adopt(ctx, theLog.sign(1500), theLog.rootAt); err != nil {
		t.Fatal(err)
	}
	if err := g.Adopt(ctx, theLog.sign(1500), theLog.rootAt); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if s, err := g.Check(ctx, origin, 1600, theLog.rootAt); err != nil || s.Size != 1500 || len(s.Note) == 0 {
		t.Errorf("after adoption: %+v, %v", s, err)
	}
	for _, n := range []ledger.Size{1499, 1501} {
		if err := g.Adopt(ctx, theLog.sign(n), theLog.rootAt); !errors.Is(err, ErrPresent) {
			t.Errorf("adopting %d over 1500: %v", n, err)
		}
	}
	if err := openAt(t, filepath.Join(t.TempDir(), "new")).Adopt(ctx, theLog.sign(0), theLog.rootAt); err != nil {
		t.Errorf("adopting an empty log: %v", err)
	}
}

func TestCheckBadInput(t *testing.T) {
	g, _ := guarded(t, 0)
	if _, err := g.Check(t.Context(), "two words", 0, theLog.rootAt); !errors.Is(err, ledger.ErrOrigin) {
		t.Errorf("origin: %v", err)
	}
	for _, n := range []ledger.Size{-1, ledger.MaxSize + 1} {
		if _, err := g.Check(t.Context(), origin, n, theLog.rootAt); !errors.Is(err, ledger.ErrOutOfRange) {
			t.Errorf("size %d: %v", n, err)
		}
	}
}

// TestDamageIsNamed changes each column of the stored row in turn.
func TestDamageIsNamed(t *testing.T) {
	for _, set := range []string{
		"size = 1499", "size = 1501", "size = 0", "root = zeroblob(32)", "note = x''", "note = x'00'",
		"note = CAST(replace(CAST(note AS TEXT), '1500', '1501') AS BLOB)",
		"note = CAST(replace(CAST(note AS TEXT), 'agency-a', 'agency-b') AS BLOB)",
	} {
		g, _ := guarded(t, 1500)
		if _, err := g.db.ExecContext(t.Context(), "UPDATE guard SET "+set); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Check(t.Context(), origin, 1600, theLog.rootAt); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", set, err)
		}
		if err := g.Advance(t.Context(), theLog.sign(1600), theLog.rootAt); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", set, err)
		}
	}
}

func TestOpenRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	database := func(name, statements string) string {
		path := filepath.Join(dir, name)
		db := must(sql.Open("sqlite", path))
		if _, err := db.ExecContext(t.Context(), statements); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("not a database, but long enough to be looked at. "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"the database":        database("server.sqlite", "CREATE TABLE events (id INTEGER)"),
		"another application": database("other.sqlite", "PRAGMA application_id = 5"),
		"a version of others": database("version.sqlite", "PRAGMA user_version = 1"),
		"a newer guard":       database("newer.guard", fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, schemaVersion+1)),
		"a text":              garbage,
	} {
		before := must(os.ReadFile(path))
		if g, err := Open(t.Context(), path); g != nil || !errors.Is(err, ErrNotGuard) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(before, must(os.ReadFile(path))) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "absent", "log.guard")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent folder: %v", err)
	}
	if _, err := Open(t.Context(), dir); err == nil {
		t.Error("a folder is taken for a guard")
	}
}

func TestOddPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41&é+.guard")
	g := openAt(t, path)
	if _, err := g.Check(t.Context(), origin, 0, theLog.rootAt); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil || g.Path() != path {
		t.Errorf("the file is not at its path: %v", err)
	}
}

func TestDurabilitySettings(t *testing.T) {
	g, _ := guarded(t, 10)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000"} {
		var got string
		if err := g.db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, want %s, %v", pragma, got, want, err)
		}
	}
}

// TestManyAtOnce: several open files of one guard, all advancing in disorder.
func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.guard")
	const handles, each = 6, 40
	var wg sync.WaitGroup
	for h := range handles {
		wg.Go(func() {
			g, err := Open(context.Background(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = g.Close() }()
			if _, err := g.Check(context.Background(), origin, 0, theLog.rootAt); err != nil && !errors.As(err, new(*RollbackError)) {
				t.Error(err)
			}
			rng := rand.New(rand.NewPCG(uint64(h), 1))
			last := ledger.Size(0)
			for i := range each {
				n := ledger.Size(rng.Int64N(1900)) + 1
				if h == 0 && i == each-1 {
					n = 2000
				}
				if err := g.Advance(context.Background(), theLog.sign(n), theLog.rootAt); err != nil {
					t.Error(err)
					return
				}
				s, _, err := g.State(context.Background(), origin)
				if err != nil || s.Size < n || s.Size < last {
					t.Errorf("after %d, and %d before: at %d, %v", n, last, s.Size, err)
				}
				last = s.Size
			}
		})
	}
	wg.Wait()
	if got := size(t, openAt(t, path)); got != 2000 {
		t.Errorf("the guard is at %d", got)
	}
}

func BenchmarkAdvance(b *testing.B) {
	const most = 2000
	g, _ := guarded(b, 0)
	cps := make([]*ledger.SignedCheckpoint, most)
	for i := range cps {
		cps[i] = theLog.sign(ledger.Size(i + 1))
	}
	i := 0
	for b.Loop() {
		if i == most {
			i = 0
			empty := new(ledger.Tree).Root()
			if _, err := g.db.Exec("UPDATE guard SET size = 0, root = $1", empty[:]); err != nil {
				b.Fatal(err)
			}
		}
		if err := g.Advance(b.Context(), cps[i], theLog.rootAt); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
