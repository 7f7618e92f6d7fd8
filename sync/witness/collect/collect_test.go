package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/keeper"
	"fieldseal/sync/witness/witnesstest"

	"golang.org/x/mod/sumdb/note"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// house is a real engine on a real database, and the witnesses around it.
type house struct {
	*ingesttest.World
	t    testing.TB
	key  *ledger.Key
	cfg  Config
	said *said
}

// said is a log that may be read while it is written.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.b.String(), what)
}

func newHouse(t testing.TB) *house {
	w := ingesttest.New(t)

	h := &house{World: w, t: t, key: w.LogKey, said: &said{}}
	sub := w.Engine.Subscribe()
	t.Cleanup(sub.Close)
	h.cfg = Config{Log: w.Engine, LogKey: w.LogKey.Verifier(), Store: w.Store, Grown: sub.C, Evidence: filepath.Join(t.TempDir(), "evidence"),
		Limits: Limits{Heartbeat: time.Hour, MinGap: time.Millisecond, Grace: time.Millisecond, Timeout: time.Minute, SlowAfter: time.Minute},
		Logger: slog.New(slog.NewTextHandler(h.said, nil))}
	return h
}

func witnessKey(name string) *witness.Key {
	return must(witness.NewKey(name, witnesstest.Seed(name)))
}

// add lets handler be the witness of a name; nil is an honest one.
func (h *house) add(name string, handler http.Handler) (*httptest.Server, *keeper.Keeper) {
	var k *keeper.Keeper
	if handler == nil {
		k = h.keeper()
		handler = h.handler(name, k)
	}
	s := httptest.NewServer(handler)
	h.t.Cleanup(s.Close)
	h.cfg.Witnesses = append(h.cfg.Witnesses, Witness{Name: name, Key: witnessKey(name).Verifier, URL: s.URL, Client: s.Client()})
	return s, k
}

func (h *house) keeper() *keeper.Keeper {
	dir := h.t.TempDir()
	p := keeper.Paths{State: filepath.Join(dir, "state.sqlite"), Marks: filepath.Join(dir, "marks.sqlite")}
	if err := keeper.Create(h.t.Context(), p); err != nil {
		h.t.Fatal(err)
	}
	k := must(keeper.Open(h.t.Context(), p))
	h.t.Cleanup(func() { _ = k.Close() })
	return k
}

func (h *house) logs() witness.Logs { return witness.Logs{h.key.Name(): {h.key.Verifier()}} }

func (h *house) handler(name string, k *keeper.Keeper) http.Handler {
	return &keeper.Handler{Keeper: k, Key: witnessKey(name), Logs: h.logs(), Log: slog.New(slog.DiscardHandler)}
}

// run opens and runs a collector until stop, or the end of the test.
func (h *house) run() (c *Collector, stop func()) {
	c, err := Open(h.t.Context(), h.cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() {
		c.Run(ctx)
		close(done)
	}()
	stop = func() {
		cancel()
		<-done
	}
	h.t.Cleanup(stop)
	return c, stop
}

// await waits for a status.
func await(t testing.TB, c *Collector, what string, ok func(Status) bool) Status {
	t.Helper()
	late := time.After(time.Minute)
	for {
		changed := c.Changed()
		s := c.Status()
		if ok(s) {
			return s
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s did not come: %+v", what, s)
		}
	}
}

func state(i int, want State) func(Status) bool {
	return func(s Status) bool { return s.Witnesses[i].State == want }
}

func (h *house) grow(n int) {
	d := h.AddDevice()
	h.Submit(d.Genesis())
	for range n {
		_, line := d.OpenCase(fmt.Sprintf("HW-%d", h.Engine.Size()))
		h.Submit(line)
	}
}

// notes are the stored ones, with the names of those who cosigned.
func (h *house) notes() (list []*ledger.SignedCheckpoint, by [][]string) {
	keys := []note.Verifier{h.key.Verifier()}
	for _, w := range h.cfg.Witnesses {
		keys = append(keys, w.Key)
	}
	h.Read(func(tx *store.Tx) error {
		return tx.Each("SELECT note FROM cosigned ORDER BY at, size", nil, func(scan func(...any) error) error {
			var text string
			if err := scan(&text); err != nil {
				return err
			}
			signed, err := ledger.ParseCheckpoint([]byte(text), keys...)
			if err != nil {
				return err
			}
			var names []string
			for _, s := range signed.Verified()[1:] {
				names = append(names, s.Name)
			}
			list, by = append(list, signed), append(by, names)
			return nil
		})
	})
	return list, by
}

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
	h.cfg.Quorum, h.cfg.Limits.SlowAfter = 1, time.Nanosecond
	c, stop := h.run()
	await(t, c, "the quorum", func(s Status) bool { return s.WitnessedSize == h.Engine.Size() })
	close(release)
	s := await(t, c, "the late one", func(s Status) bool { return s.Witnesses[0].Size == h.Engine.Size() && s.Stored == 2 })
	stop()
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

// another is another history of the house's log.
func (h *house) another(n int) *witnesstest.Log {
	l := witnesstest.New(h.key.Name(), n, "another history")
	l.Key = h.key
	return l
}

// shown lets a witness cosign another history before it is asked for ours.
func (h *house) shown(k *keeper.Keeper, name string, l *witnesstest.Log) {
	r := &witness.Request{Note: l.Checkpoint().Note()}
	s := must(h.logs().Admit(r.Marshal()))
	if _, err := k.Cosign(h.t.Context(), s, witnessKey(name)); err != nil {
		h.t.Fatal(err)
	}
}

// TestFork: a witness that was shown another history says so whatever its size
// is, the evidence is kept, and it does not count.
func TestFork(t *testing.T) {
	for name, at := range map[string]func(size int) int{
		"smaller": func(size int) int { return size - 1 }, "of the same size": func(size int) int { return size }, "larger": func(size int) int { return size + 5 },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.grow(3)
			size := int(h.Engine.Size())
			l := h.another(at(size))
			_, k := h.add("court.example/w", nil)
			h.shown(k, "court.example/w", l)
			h.add("police.example/w", nil)
			c, stop := h.run()
			s := await(t, c, "the alarm", state(0, History))
			if !s.Witnesses[0].State.Alarm() || s.Witnesses[0].Findings != 1 || s.Witnesses[0].Detail == "" {
				t.Errorf("%+v", s.Witnesses[0])
			}
			await(t, c, "the other's note", func(s Status) bool { return s.Stored > 0 })
			stop()
			if c.Status().Current() || h.said.count("ALARM") != 1 {
				t.Errorf("%+v, %d alarms", c.Status(), h.said.count("ALARM"))
			}
			files := must(filepath.Glob(filepath.Join(h.cfg.Evidence, "history-*.txt")))
			if len(files) != 1 {
				t.Fatalf("kept: %v", files)
			}
			text := string(must(os.ReadFile(files[0])))
			signed := must(h.Engine.Signed(t.Context()))
			for _, part := range []string{"fieldseal-witness-evidence@v1\n", witnessKey("court.example/w").Text(), string(signed.Note()), "kind history\n"} {
				if !strings.Contains(text, part) {
					t.Errorf("the evidence has no %q: %s", part, text)
				}
			}
			// The witness has its half of the proof, except where it was asked to go back.
			if n := len(must(k.Evidence(t.Context(), h.key.Name()))); name != "larger" && n != 1 {
				t.Errorf("the witness kept %d", n)
			}
			// The same exchange is kept once, and told again by the next process.
			c, _ = h.run()
			await(t, c, "the alarm", state(0, History))
			if again := must(filepath.Glob(filepath.Join(h.cfg.Evidence, "*"))); len(again) != 1 {
				t.Errorf("kept: %v", again)
			}
		})
	}
}

// TestForgot: a witness that was put back to an older state is found, since its
// cosignatures are here. It goes on, as honest as it can be.
func TestForgot(t *testing.T) {
	h := newHouse(t)
	var mu sync.Mutex
	inner := h.handler("court.example/w", h.keeper())
	h.add("court.example/w", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		inner.ServeHTTP(w, r)
	}))
	c, _ := h.run()
	await(t, c, "the first", func(s Status) bool { return s.WitnessedSize == h.Engine.Size() })
	mu.Lock()
	inner = h.handler("court.example/w", h.keeper())
	mu.Unlock()
	h.grow(1)
	s := await(t, c, "the next", func(s Status) bool { return s.WitnessedSize == h.Engine.Size() })
	if w := s.Witnesses[0]; w.Forgot != 1 || w.Findings != 1 || w.State != OK || h.said.count("ALARM: a witness has forgotten") != 1 {
		t.Errorf("%+v", w)
	}
	if files := must(filepath.Glob(filepath.Join(h.cfg.Evidence, "forgot-*.txt"))); len(files) != 1 {
		t.Errorf("kept: %v", files)
	}
}

// skewed cosigns everything, by a clock of its own.
func (h *house) skewed(name string, by time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := must(h.logs().Admit(must(io.ReadAll(r.Body))))
		sig := must(witnessKey(name).Cosign(s.Checkpoint.Checkpoint, time.Now().Add(by)))
		_, _ = w.Write(witness.MarshalCosignatures(sig))
	})
}

func TestClocks(t *testing.T) {
	for _, x := range []struct {
		name string
		by   []time.Duration
		want []State
		own  bool
	}{
		{"one ahead", []time.Duration{0, time.Hour, 0}, []State{OK, Clock, OK}, false},
		{"one behind", []time.Duration{-time.Hour, 0, 0}, []State{Clock, OK, OK}, false},
		{"two apart", []time.Duration{-time.Hour, time.Hour, 0}, []State{Clock, Clock, OK}, false},
		{"our own", []time.Duration{time.Hour, time.Hour, 0}, []State{Clock, Clock, OK}, true},
		{"a little", []time.Duration{5 * time.Second, -5 * time.Second, 0}, []State{OK, OK, OK}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := newHouse(t)
			for i, by := range x.by {
				name := fmt.Sprintf("w%d.example/w", i)
				h.add(name, h.skewed(name, by))
			}
			h.cfg.Limits.Grace = time.Minute
			c, _ := h.run()
			s := await(t, c, "all", func(s Status) bool { return s.Stored > 0 })
			for i, want := range x.want {
				w := s.Witnesses[i]
				if w.State != want || want == Clock && (w.Skew-x.by[i]).Abs() > time.Minute || w.State.Alarm() != (want == Clock) {
					t.Errorf("%+v", w)
				}
			}
			if s.OwnClock != x.own || (h.said.count("this server's clock: set it") > 0) != x.own {
				t.Errorf("%+v", s)
			}
			if !s.Current() { // the cosignatures are good, whatever the clocks say
				t.Errorf("not witnessed: %+v", s)
			}
		})
	}
}

// answer is a witness that always says the same.
func (h *house) answer(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestRefuses(t *testing.T) {
	const name = "court.example/w"
	h := newHouse(t)
	other := witnessKey("other.example/w")
	signed := must(h.Engine.Signed(t.Context()))
	wrong := must(witnessKey(name).Cosign(ledger.Checkpoint{Origin: signed.Origin, Size: signed.Size + 1, Root: signed.Root}, time.Now()))
	strange := must(other.Cosign(signed.Checkpoint, time.Now()))
	sizes := 0
	for what, x := range map[string]struct {
		handler http.Handler
		want    State
		detail  string
	}{
		"404":                   {h.answer(404, "what log?\n"), Refuses, "404"},
		"403":                   {h.answer(403, "whose key?\n"), Refuses, "403"},
		"400":                   {h.answer(400, ""), Refuses, "400"},
		"500":                   {h.answer(500, ""), Refuses, "500"},
		"a redirect":            {h.answer(302, ""), Refuses, "302"},
		"204":                   {h.answer(204, ""), Refuses, "204"},
		"200 and nothing":       {h.answer(200, ""), Refuses, "malformed"},
		"200 and a page":        {h.answer(200, "<html>\n"), Refuses, "malformed"},
		"200 without end":       {h.answer(200, strings.Repeat("a", witness.MaxResponseBytes+1)), Dead, "longer"},
		"a wrong cosignature":   {h.answer(200, wrong.Line()), Refuses, "wrong"},
		"another's cosignature": {h.answer(200, strange.Line()), Refuses, "none by its key"},
		"409 and nothing":       {h.answer(409, ""), Refuses, "not a size"},
		"409 and the same size": {h.answer(409, "0\n"), Refuses, "was asked to go on from there"},
		"409, 1, 2, 1, 2 …": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			sizes++
			w.WriteHeader(409)
			fmt.Fprintf(w, "%d\n", 1+sizes%2)
		}), Refuses, "another size"},
		"a connection that breaks": {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), Dead, ""},
	} {
		t.Run(what, func(t *testing.T) {
			h.t, h.cfg.Witnesses, h.said = t, nil, &said{}
			h.cfg.Logger = slog.New(slog.NewTextHandler(h.said, nil))
			h.add(name, x.handler)
			c, stop := h.run()
			s := await(t, c, "an answer", func(s Status) bool { return s.Witnesses[0].State != Unasked })
			stop()
			if w := s.Witnesses[0]; w.State != x.want || !strings.Contains(w.Detail, x.detail) || w.Detail == "" {
				t.Errorf("%+v", w)
			}
			if list, _ := h.notes(); len(list) != 0 || s.Stored != 0 {
				t.Errorf("%d notes were stored", len(list))
			}
			if h.said.count("level=WARN") != 1 {
				t.Errorf("said %d times", h.said.count("level=WARN"))
			}
		})
	}
}

// TestStranger: a witness's answer may have lines by others; they are ignored.
func TestStranger(t *testing.T) {
	const name = "court.example/w"
	h := newHouse(t)
	h.add(name, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := must(h.logs().Admit(must(io.ReadAll(r.Body))))
		c := s.Checkpoint.Checkpoint
		_, _ = w.Write(witness.MarshalCosignatures(must(witnessKey("other.example/w").Cosign(c, time.Now())), must(witnessKey(name).Cosign(c, time.Now()))))
	}))
	c, stop := h.run()
	await(t, c, "the note", func(s Status) bool { return s.Current() })
	stop()
	if list, by := h.notes(); len(list) != 1 || len(by[0]) != 1 || len(list[0].Signatures()) != 2 {
		t.Errorf("stored by %v", by)
	}
}

// TestSilence: one that has answered is slow while it misses, and dead when it has for long.
func TestSilence(t *testing.T) {
	h := newHouse(t)
	s, _ := h.add("court.example/w", nil)
	var mu sync.Mutex
	now := time.Now()
	h.cfg.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	h.cfg.Limits.MaxSkew = 1000 * time.Hour
	c, _ := h.run()
	await(t, c, "the first", state(0, OK))
	s.Close()
	h.grow(0)
	await(t, c, "a miss", state(0, Slow))
	mu.Lock()
	now = now.Add(DeadAfter)
	mu.Unlock()
	h.grow(0)
	await(t, c, "its death", state(0, Dead))
}

// faulty is a log whose parts fail or lag behind.
type faulty struct {
	Log
	mu      sync.Mutex
	fail    error
	stale   *ledger.SignedCheckpoint
	answers int // stale for so many calls
}

func (f *faulty) AddCosigned(ctx context.Context, note string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	return f.Log.AddCosigned(ctx, note)
}

func (f *faulty) Signed(ctx context.Context) (*ledger.SignedCheckpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers--; f.stale != nil && f.answers >= 0 {
		return f.stale, nil
	}
	return f.Log.Signed(ctx)
}

// TestStoreFails: cosignatures that could not be stored are tried again.
func TestStoreFails(t *testing.T) {
	h := newHouse(t)
	h.add("court.example/w", nil)
	f := &faulty{Log: h.Engine, fail: errors.New("injected")}
	h.cfg.Log, h.cfg.Limits.Heartbeat = f, 20*time.Millisecond
	c, _ := h.run()
	await(t, c, "a cosignature", state(0, OK))
	await(t, c, "another round", func(s Status) bool { return s.Rounds > 2 })
	if signed, _ := c.Witnessed(); signed != nil || h.said.count("injected") == 0 {
		t.Errorf("witnessed without being stored: %v", signed)
	}
	f.mu.Lock()
	f.fail = nil
	f.mu.Unlock()
	await(t, c, "the note", func(s Status) bool { return s.Current() })
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

func TestConfig(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://court.example.cn/witness": true, "https://court.example.cn": true, "http://127.0.0.1:8100": true, "http://localhost:8100/w": true, "http://[::1]:8100": true,
		"http://court.example.cn": false, "http://10.0.0.5:8100": false, "ftp://court.example.cn": false, "court.example.cn": false, "": false, "https://": false,
		"https://u:p@court.example.cn": false, "https://court.example.cn/?a=b": false, "https://court.example.cn/#x": false, "http://127.0.0.1.example.cn": false, "://": false,
	} {
		if err := CheckURL(url); (err == nil) != ok || err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", url, err)
		}
	}
	w := func(name, url string) Witness {
		return Witness{Name: name, Key: witnessKey(name).Verifier, URL: url}
	}
	a, b := w("a.example/w", "https://a.example"), w("b.example/w", "https://b.example")
	renamed := Witness{Name: "c", Key: must(witness.NewKey("c.example/w", witnesstest.Seed("a.example/w"))).Verifier, URL: "https://c.example"}
	for what, x := range map[string]struct {
		list   []Witness
		quorum int
		ok     bool
	}{
		"two":                     {[]Witness{a, b}, 2, true},
		"one of two":              {[]Witness{a, b}, 1, true},
		"a quorum of none":        {[]Witness{a, b}, 0, false},
		"a quorum of too many":    {[]Witness{a, b}, 3, false},
		"nobody":                  {nil, 1, false},
		"one twice":               {[]Witness{a, a}, 1, false},
		"one key under two names": {[]Witness{a, renamed}, 1, false},
		"one address twice":       {[]Witness{a, w("b.example/w", a.URL)}, 1, false},
		"without TLS":             {[]Witness{w("a.example/w", "http://a.example")}, 1, false},
		"too many": {func() (l []Witness) {
			for i := range MaxWitnesses + 1 {
				l = append(l, w(fmt.Sprintf("w%d.example/w", i), fmt.Sprintf("https://w%d.example", i)))
			}
			return l
		}(), 5, false},
	} {
		if err := CheckQuorum(x.list, x.quorum); (err == nil) != x.ok || err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n, want := range []int{0, 1, 2, 2, 3, 3} {
		if got := witness.Majority(n); got != want {
			t.Errorf("the majority of %d is %d", n, got)
		}
	}
}
