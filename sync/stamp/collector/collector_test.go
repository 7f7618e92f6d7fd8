package collector_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/stamp"
	"fieldseal/sync/stamp/authority"
	"fieldseal/sync/stamp/collector"
	"fieldseal/sync/stamp/stamptest"
	"fieldseal/sync/store"
)

// house is a ledger with authorities that stamp it.
type house struct {
	*ingesttest.World
	t       *testing.T
	tick    chan time.Time // what Run waits by
	waits   chan time.Duration
	log     lines
	queries map[string]*atomic.Int64
	down    atomic.Bool
}

// lines is a log that may be written and read at once.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return &house{World: ingesttest.New(t), t: t, tick: make(chan time.Time), waits: make(chan time.Duration, 100), queries: map[string]*atomic.Int64{}}
}

// authority runs one that can be taken down.
func (h *house) authority(name string) (*authority.Authority, *stamptest.Authority) {
	h.t.Helper()
	a := stamptest.New(h.t, stamptest.Options{Name: "Authority " + name})
	n := &atomic.Int64{}
	h.queries[name] = n
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		if h.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		a.ServeHTTP(w, r)
	}))
	h.t.Cleanup(s.Close)
	r, err := stamp.ParseRoots(a.RootPEM())
	if err != nil {
		h.t.Fatal(err)
	}
	one, err := authority.New(authority.Config{Name: name, URL: s.URL, Roots: r})
	if err != nil {
		h.t.Fatal(err)
	}
	return one, a
}

func (h *house) collector(list ...*authority.Authority) *collector.Collector {
	h.t.Helper()
	k, err := collector.New(collector.Config{Engine: h.Engine, Store: h.Store, Authorities: list, Note: h.note,
		Log: slog.New(slog.NewTextHandler(&h.log, nil)), After: func(d time.Duration) <-chan time.Time {
			h.waits <- d
			return h.tick
		}})
	if err != nil {
		h.t.Fatal(err)
	}
	return k
}

func (h *house) note(ctx context.Context) ([]byte, error) {
	text, err := h.Engine.Checkpoint(ctx)
	return []byte(text), err
}

func (h *house) newest() []byte {
	h.t.Helper()
	note, err := h.note(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return note
}

func (h *house) tokens() (list []ingest.Token) {
	h.t.Helper()
	h.Read(func(tx *store.Tx) (err error) {
		list, err = ingest.Tokens(tx, 0, int64(ledger.MaxSize))
		return err
	})
	return list
}

func TestStampKeepsOneTokenOfEach(t *testing.T) {
	h := newHouse(t)
	one, tsa := h.authority("one")
	two, _ := h.authority("two")
	k := h.collector(one, two)
	note := h.newest()
	h.Submit(h.AddDevice().Genesis()) // the ledger grows meanwhile
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := k.Stamp(context.Background(), note); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list := h.tokens()
	if len(list) != 2 || h.queries["one"].Load() != 1 || h.queries["two"].Load() != 1 {
		t.Fatalf("%d tokens, %d and %d queries", len(list), h.queries["one"].Load(), h.queries["two"].Load())
	}
	for _, kept := range list {
		tok, err := stamp.Parse(kept.Token)
		if err != nil {
			t.Fatal(err)
		}
		if err := tok.Check(sha256.Sum256(note)); err != nil || kept.Note != sha256.Sum256(note) {
			t.Errorf("%v", err)
		}
		chain, err := x509.ParseCertificates(kept.Chain)
		if err != nil || len(chain) != 2 {
			t.Errorf("%d certificates: %v", len(chain), err)
		}
		if kept.Authority == "one" {
			if err := stamptest.Verify(t, kept.Token, note, tsa.RootPEM(), nil, tok.Info().Time); err != nil {
				t.Error(err)
			}
		}
	}
	if s := k.State()["one"]; s.Failing != nil || s.Last.IsZero() || int64(s.Size) != list[0].Size {
		t.Errorf("%+v", s)
	}
	h.Fsck()
}

// TestOneFails: what one authority does not give, the other does.
func TestOneFails(t *testing.T) {
	h := newHouse(t)
	one, _ := h.authority("one")
	stranger, err := authority.New(authority.Config{Name: "gone", URL: "http://127.0.0.1:1/", Roots: mustRoots(t)})
	if err != nil {
		t.Fatal(err)
	}
	k := h.collector(one, stranger)
	if err := k.Stamp(t.Context(), h.newest()); !errors.Is(err, authority.ErrUnreachable) || !strings.Contains(err.Error(), "gone") {
		t.Errorf("%v", err)
	}
	if list := h.tokens(); len(list) != 1 || list[0].Authority != "one" {
		t.Errorf("%+v", list)
	}
	if s := k.State(); s["gone"].Failing == nil || s["one"].Failing != nil {
		t.Errorf("%+v", s)
	}
	if err := k.Stamp(t.Context(), []byte("no note")); err == nil {
		t.Error("nonsense was stamped")
	}
}

func mustRoots(t *testing.T) *stamp.Roots {
	t.Helper()
	r, err := stamp.ParseRoots(stamptest.New(t, stamptest.Options{}).RootPEM())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSchedule: a ledger at rest is not stamped again, one that grew is, and an
// authority that is down is asked ever less often until it is back.
func TestSchedule(t *testing.T) {
	h := newHouse(t)
	one, _ := h.authority("one")
	k := h.collector(one)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		k.Run(ctx)
		close(ended)
	}()
	expect := func(wait time.Duration, queries int64, tokens int) {
		t.Helper()
		if d := <-h.waits; d != wait {
			t.Errorf("it waits %s, want %s", d, wait)
		}
		if n := h.queries["one"].Load(); n != queries || len(h.tokens()) != tokens {
			t.Errorf("%d queries and %d tokens, want %d and %d", n, len(h.tokens()), queries, tokens)
		}
	}
	expect(collector.DefaultEvery, 1, 1)
	h.tick <- time.Time{}
	expect(collector.DefaultEvery, 1, 1) // at rest
	h.Submit(h.AddDevice().Genesis())
	h.tick <- time.Time{}
	expect(collector.DefaultEvery, 2, 2)
	h.Submit(h.AddDevice().Genesis())
	h.down.Store(true)
	wait := 30 * time.Second
	for n := range int64(9) {
		h.tick <- time.Time{}
		expect(wait, 3+n, 2)
		wait = min(2*wait, collector.DefaultEvery)
	}
	if n := strings.Count(h.log.String(), "not time-stamped"); n != 1 || !strings.Contains(h.log.String(), "503") {
		t.Errorf("one fault is told %d times: %s", n, &h.log)
	}
	h.down.Store(false)
	h.tick <- time.Time{}
	expect(collector.DefaultEvery, 12, 3)
	if !strings.Contains(h.log.String(), "again") {
		t.Errorf("that it is over is not told: %s", &h.log)
	}
	stop()
	<-ended
}

func TestConfig(t *testing.T) {
	h := newHouse(t)
	one, _ := h.authority("one")
	good := collector.Config{Engine: h.Engine, Store: h.Store, Authorities: []*authority.Authority{one}, Note: h.note}
	if _, err := collector.New(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*collector.Config){
		"no engine": func(c *collector.Config) { c.Engine = nil }, "no note": func(c *collector.Config) { c.Note = nil },
		"twice": func(c *collector.Config) { c.Authorities = append(c.Authorities, one) }, "every second": func(c *collector.Config) { c.Every = time.Second },
	} {
		c := good
		change(&c)
		if _, err := collector.New(c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
