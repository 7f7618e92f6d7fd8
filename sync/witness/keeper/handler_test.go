package keeper

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/witnesstest"
)

func serve(t testing.TB, k *Keeper, logs ...*witnesstest.Log) (*httptest.Server, *bytes.Buffer) {
	h := &Handler{Keeper: k, Key: testKey(), Logs: witness.Logs{}}
	for _, l := range logs {
		h.Logs[l.Key.Name()] = append(h.Logs[l.Key.Name()], l.Key.Verifier())
	}
	var said bytes.Buffer
	h.Log = slog.New(slog.NewTextHandler(&said, nil))
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s, &said
}

func post(t testing.TB, s *httptest.Server, body []byte) (status int, contentType string, answer []byte) {
	t.Helper()
	resp, err := s.Client().Post(s.URL+"/add-checkpoint", "", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), answer
}

func body(l *witnesstest.Log, old ledger.Size) []byte {
	return (&witness.Request{Old: old, Proof: l.Proof(old), Note: l.Checkpoint().Note()}).Marshal()
}

// TestStatusCodes plays the protocol's table over HTTP, in order: each step
// finds what the steps before it have left.
func TestStatusCodes(t *testing.T) {
	l := witnesstest.New(origin, 5, "a")
	fork := witnesstest.New(origin, 5, "b")
	stranger := witnesstest.New("ledger.example/agency-b", 5, "a")
	imposter := l.Fork()
	imposter.Key = must(ledger.NewKey(origin, witnesstest.Seed("imposter")))
	grown := l.Fork()
	grown.Grow(4, "a")
	grownFork := fork.Fork()
	grownFork.Grow(4, "b")
	s, said := serve(t, reopen(t, create(t)), l)
	for _, x := range []struct {
		name   string
		body   []byte
		status int
		answer string
	}{
		{"nothing", nil, 400, ""},
		{"a note alone", l.Checkpoint().Note(), 400, ""},
		{"too long", bytes.Repeat([]byte("a"), witness.MaxRequestBytes+10), 400, ""},
		{"another log", body(stranger, 0), 404, ""},
		{"another key", body(imposter, 0), 403, ""},
		{"a size that was never cosigned", body(l, 3), 409, "0\n"},
		{"the first", body(l, 0), 200, "cosignature"},
		{"again, from nothing", body(l, 0), 409, "5\n"},
		{"the heartbeat", body(l, 5), 200, "cosignature"},
		{"another root of the same size", body(fork, 5), 409, "5\n"},
		{"growth without its proof", (&witness.Request{Old: 5, Note: grown.Checkpoint().Note()}).Marshal(), 422, ""},
		{"growth of the other history", body(grownFork, 5), 422, ""},
		{"growth", body(grown, 5), 200, "cosignature"},
		{"the smaller one again", body(l, 5), 409, "9\n"},
		{"an old size larger than the new", (&witness.Request{Old: 9, Note: l.Checkpoint().Note()}).Marshal(), 400, ""},
	} {
		status, kind, answer := post(t, s, x.body)
		if status != x.status {
			t.Errorf("%s: %d %s", x.name, status, answer)
			continue
		}
		switch {
		case x.answer == "cosignature":
			c := must(ledger.ParseCheckpoint(x.body[bytes.Index(x.body, []byte("\n\n"))+2:], l.Key.Verifier()))
			sigs := must(witness.ParseCosignatures(answer))
			if both, err := c.WithSignature(sigs[0], testKey()); len(sigs) != 1 || err != nil || len(both.Verified()) != 2 {
				t.Errorf("%s: %q: %v", x.name, answer, err)
			}
		case x.status == 409 && (kind != "text/x.tlog.size" || string(answer) != x.answer):
			t.Errorf("%s: %s %q", x.name, kind, answer)
		case x.status != 409 && (!strings.HasPrefix(kind, "text/plain") || len(answer) == 0):
			t.Errorf("%s: %s %q", x.name, kind, answer)
		}
	}
	if n := strings.Count(said.String(), "second history"); n != 3 {
		t.Errorf("%d alarms: %s", n, said)
	}
}

func TestRoutes(t *testing.T) {
	s, _ := serve(t, reopen(t, create(t)))
	for _, x := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/add-checkpoint", 405}, {"PUT", "/add-checkpoint", 405}, {"POST", "/add-checkpoint/", 404}, {"POST", "/", 404},
		{"GET", "/healthz", 200}, {"HEAD", "/healthz", 200}, {"POST", "/healthz", 404}, {"GET", "/", 404},
	} {
		req := must(http.NewRequestWithContext(t.Context(), x.method, s.URL+x.path, nil))
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != x.status {
			t.Errorf("%s %s: %d, %v", x.method, x.path, resp.StatusCode, err)
		}
		if allow := resp.Header.Get("Allow"); x.status == 405 && allow != "POST" {
			t.Errorf("%s %s allows %q", x.method, x.path, allow)
		}
	}
}

// TestUnable: a witness that cannot, says so without saying why to strangers.
func TestUnable(t *testing.T) {
	l := witnesstest.New(origin, 5, "a")
	k := reopen(t, create(t))
	s, said := serve(t, k, l)
	at := time.Now()
	k.now = func() time.Time { return at }
	if status, _, answer := post(t, s, body(l, 0)); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	at = at.Add(-time.Hour)
	if status, _, answer := post(t, s, body(l, 5)); status != 503 || strings.Contains(string(answer), "clock") {
		t.Errorf("the clock went back: %d %s", status, answer)
	}
	if !strings.Contains(said.String(), "clock went back") {
		t.Errorf("the operator is not told: %s", said)
	}
	p := newPaths(t)
	if _, err := Reseed(t.Context(), p, "other.example/log", Seed{FromNothing: true}); err != nil {
		t.Fatal(err)
	}
	s, _ = serve(t, reopen(t, p), l)
	if status, _, _ := post(t, s, body(l, 0)); status != 503 {
		t.Errorf("not reseeded: %d", status)
	}
}

// failing fails every statement that begins with what it holds, and every
// commit where that is COMMIT.
type failing struct{ at atomic.Pointer[string] }

func (f *failing) wrap(c driver.Connector) driver.Connector { return &failConnector{c, f} }

func (f *failing) hit(what string) error {
	if p := f.at.Load(); p != nil && strings.HasPrefix(strings.TrimSpace(what), *p) {
		return errInjected
	}
	return nil
}

var errInjected = errors.New("injected: disk I/O error")

type failConnector struct {
	driver.Connector
	f *failing
}

func (c *failConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return &failConn{conn, c.f}, err
}

type failConn struct {
	driver.Conn
	f *failing
}

func (c *failConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.f.hit("BEGIN"); err != nil {
		return nil, err
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	return &failTx{tx, c.f}, err
}

func (c *failConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.f.hit(q); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, q, args)
}

func (c *failConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.f.hit(q); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, q, args)
}

type failTx struct {
	driver.Tx
	f *failing
}

// Commit in pairs: COMMIT is lost, COMMITTED is applied and reported as failed.
func (t *failTx) Commit() error {
	if err := t.f.hit("COMMIT"); err != nil && *t.f.at.Load() == "COMMIT" {
		return errors.Join(err, t.Tx.Rollback())
	}
	return errors.Join(t.Tx.Commit(), t.f.hit("COMMITTED"))
}

// TestFaults makes every statement fail, and the commit both ways. No cosignature
// leaves the witness that it does not remember, and when the fault is over the
// log goes on by what it is told.
func TestFaults(t *testing.T) {
	for _, at := range []string{"BEGIN", "SELECT origin", "INSERT INTO logs", "COMMIT", "COMMITTED", "INSERT INTO marks"} {
		t.Run(at, func(t *testing.T) {
			p, f := create(t), &failing{}
			k, err := open(t.Context(), p, f.wrap)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = k.Close() })
			l := witnesstest.New(origin, 5, "a")
			s, said := serve(t, k, l)
			if status, _, answer := post(t, s, body(l, 0)); status != 200 {
				t.Fatalf("%d %s", status, answer)
			}
			l.Grow(3, "a")
			f.at.Store(&at)
			status, _, answer := post(t, s, body(l, 5))
			if status != 500 || bytes.Contains(answer, []byte("injected")) || bytes.Contains(answer, []byte("—")) || !strings.Contains(said.String(), "injected") {
				t.Errorf("%d %s; the operator is told %s", status, answer, said)
			}
			f.at.Store(nil)
			stored := at == "COMMITTED" || at == "INSERT INTO marks"
			old := ledger.Size(5)
			if status, _, answer = post(t, s, body(l, old)); (status == 409) != stored || (status == 200) == stored {
				t.Fatalf("%d %s", status, answer)
			}
			if stored {
				old = must(witness.ParseSizeAnswer(answer))
				if status, _, answer = post(t, s, body(l, old)); status != 200 || old != 8 {
					t.Errorf("from %d: %d %s", old, status, answer)
				}
			}
			if record, mark := known(t, k); record.Tree != mark.Tree || record.Size != 8 {
				t.Errorf("remembered %v, marked %v", record, mark)
			}
		})
	}
}
