package collect

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
