package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/keeper"
	"fieldseal/sync/witness/witnesstest"
)

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

// TestTooOften: a witness that says 429 is asked at heartbeats alone.
func TestTooOften(t *testing.T) {
	h := newHouse(t)
	var mu sync.Mutex
	asked, busy := 0, true
	inner := h.handler("court.example/w", h.keeper())
	h.add("court.example/w", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if asked++; busy {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	c, stop := h.run()
	await(t, c, "the refusal", state(0, Refuses))
	for range 3 {
		h.grow(1)
		await(t, c, "a round", func(s Status) bool { return s.Size == h.Engine.Size() })
	}
	stop()
	if asked != 1 {
		t.Errorf("it was asked %d times", asked)
	}
	busy, h.cfg.Limits.Heartbeat = false, 20*time.Millisecond
	c, _ = h.run()
	await(t, c, "the heartbeat", func(s Status) bool { return s.Current() })
}

// TestNoSize: a 409 without a size, where the same tree was asked for again, is an alarm.
func TestNoSize(t *testing.T) {
	h := newHouse(t)
	var mu sync.Mutex
	fork := false
	inner := h.handler("court.example/w", h.keeper())
	h.add("court.example/w", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if fork {
			w.WriteHeader(http.StatusConflict)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	h.cfg.Limits.Heartbeat = 20 * time.Millisecond
	c, _ := h.run()
	await(t, c, "the first", func(s Status) bool { return s.Current() })
	mu.Lock()
	fork = true
	mu.Unlock()
	await(t, c, "the alarm", state(0, History))
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
