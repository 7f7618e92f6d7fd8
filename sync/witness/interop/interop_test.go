package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/collect"
	"fieldseal/sync/witness/keeper"
	"fieldseal/sync/witness/witnesstest"

	f_note "github.com/transparency-dev/formats/note"
	client "github.com/transparency-dev/witness/client/http"
	"github.com/transparency-dev/witness/persistence/inmemory"
	other "github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const (
	origin = "ledger.example/agency-a"
	name   = "court.example/w"
)

func key() *witness.Key { return must(witness.NewKey(name, witnesstest.Seed(name))) }

// theirs is transparency-dev's witness with our key, for the given log keys.
func theirs(t *testing.T, logs ...note.Verifier) *httptest.Server {
	t.Helper()
	w, err := other.New(t.Context(), other.Opts{
		Persistence: inmemory.New(),
		Signers:     []note.Signer{must(f_note.NewSignerForCosignatureV1(key().SecretText()))},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			for _, v := range logs {
				if v.Name() == origin {
					return v, true, nil
				}
			}
			return nil, false, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", other.NewHTTPHandler(w).AddCheckpoint)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// ours is this product's witness.
func ours(t *testing.T, logs ...note.Verifier) *httptest.Server {
	t.Helper()
	dir := t.TempDir()
	p := keeper.Paths{State: filepath.Join(dir, "state"), Marks: filepath.Join(dir, "marks")}
	if err := keeper.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	k := must(keeper.Open(t.Context(), p))
	h := &keeper.Handler{Keeper: k, Key: key(), Logs: witness.Logs{}, Log: slog.New(slog.DiscardHandler)}
	for _, v := range logs {
		h.Logs[v.Name()] = append(h.Logs[v.Name()], v)
	}
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.Close()
		_ = k.Close()
	})
	return s
}

// TestCosignatures: each side verifies what the other has signed, by the key text
// that the other publishes, and reads the same time.
func TestCosignatures(t *testing.T) {
	c := witnesstest.New(origin, 7, "a").Checkpoint()
	k := key()
	at := time.Unix(1767323046, 0)
	mine := must(k.Cosign(c.Checkpoint, at))
	reader := must(f_note.NewVerifierForCosignatureV1(k.Text()))
	both := must(c.WithSignature(mine, k))
	n, err := note.Open(both.Note(), note.VerifierList(reader))
	if err != nil || len(n.Sigs) != 1 || n.Text != c.Text() {
		t.Fatalf("they read %v, %v", n, err)
	}
	if got, err := f_note.CoSigV1Timestamp(n.Sigs[0]); err != nil || !got.Equal(at) {
		t.Errorf("they date it %v, %v", got, err)
	}
	signer := must(f_note.NewSignerForCosignatureV1(k.SecretText()))
	sig := must(signer.Sign([]byte(c.Text())))
	line := ledger.Signature{Name: signer.Name(), KeyHash: signer.KeyHash(), Sig: sig}
	if !k.Made(line) || !k.Verify([]byte(c.Text()), sig) {
		t.Error("their cosignature is not ours to read")
	}
	if got, err := witness.Time(sig); err != nil || time.Since(got).Abs() > time.Hour {
		t.Errorf("theirs is dated %v, %v", got, err)
	}
}

// TestOurLogTheirWitness: the server's collector on a real engine, and their witness.
func TestOurLogTheirWitness(t *testing.T) {
	w := ingesttest.New(t)
	s := theirs(t, w.LogKey.Verifier())
	sub := w.Engine.Subscribe()
	defer sub.Close()
	c := must(collect.Open(t.Context(), collect.Config{Log: w.Engine, LogKey: w.LogKey.Verifier(), Store: w.Store, Grown: sub.C, Evidence: t.TempDir(),
		Witnesses: []collect.Witness{{Name: "theirs", Key: key().Verifier, URL: s.URL}},
		Limits:    collect.Limits{MinGap: time.Millisecond, Heartbeat: 50 * time.Millisecond}}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		c.Run(ctx)
		close(done)
	}()
	defer func() {
		cancel()
		<-done
	}()
	d := w.AddDevice()
	w.Submit(d.Genesis())
	for i := range 20 {
		_, line := d.OpenCase(fmt.Sprintf("HW-%d", i))
		w.Submit(line)
		signed, err := c.Await(t.Context())
		if err != nil || int64(signed.Size) != w.Engine.Size() || len(signed.Verified()) != 2 {
			t.Fatalf("at %d: %v, %v: %+v", w.Engine.Size(), signed, err, c.Status())
		}
		n, err := note.Open(signed.Note(), note.VerifierList(w.LogKey.Verifier(), must(f_note.NewVerifierForCosignatureV1(key().Text()))))
		if err != nil || len(n.Sigs) != 2 {
			t.Fatalf("they read %v, %v", n, err)
		}
	}
	if st := c.Status().Witnesses[0]; st.State != collect.OK || st.Findings != 0 {
		t.Errorf("%+v", st)
	}
}

// TestForkTheirWitness: our collector knows another history by what their witness answers.
func TestForkTheirWitness(t *testing.T) {
	for what, at := range map[string]int{"smaller": 1, "of the same size": 2, "larger": 9} {
		t.Run(what, func(t *testing.T) {
			w := ingesttest.New(t)
			if w.Engine.Size() != 2 {
				t.Fatalf("the engine begins with %d entries", w.Engine.Size())
			}
			s := theirs(t, w.LogKey.Verifier())
			l := witnesstest.New(w.LogKey.Name(), at, "another history")
			l.Key = w.LogKey
			if status, body := post(t, s, &witness.Request{Note: l.Checkpoint().Note()}); status != 200 {
				t.Fatalf("%d %s", status, body)
			}
			c := must(collect.Open(t.Context(), collect.Config{Log: w.Engine, LogKey: w.LogKey.Verifier(), Store: w.Store, Evidence: t.TempDir(),
				Witnesses: []collect.Witness{{Name: "theirs", Key: key().Verifier, URL: s.URL}}}))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				c.Run(ctx)
				close(done)
			}()
			for {
				changed := c.Changed()
				if st := c.Status().Witnesses[0]; st.State != collect.Unasked {
					if st.State != collect.History || st.Findings != 1 {
						t.Errorf("%+v", st)
					}
					break
				}
				<-changed
			}
			cancel()
			<-done
		})
	}
}

func post(t *testing.T, s *httptest.Server, r *witness.Request) (int, string) {
	t.Helper()
	resp, err := s.Client().Post(s.URL+"/add-checkpoint", "", bytes.NewReader(r.Marshal()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, string(must(io.ReadAll(resp.Body)))
}

// TestTheirClientOurWitness: their client understands every answer of our witness.
func TestTheirClientOurWitness(t *testing.T) {
	l := witnesstest.New(origin, 5, "a")
	s := ours(t, l.Key.Verifier())
	c := client.NewWitness(must(url.Parse(s.URL)), s.Client())
	ask := func(l *witnesstest.Log, old ledger.Size) ([]byte, uint64, error) {
		var proof [][]byte
		for _, h := range l.Proof(old) {
			proof = append(proof, h[:])
		}
		return c.Update(t.Context(), uint64(old), l.Checkpoint().Note(), proof)
	}
	good := func(l *witnesstest.Log, old ledger.Size) {
		t.Helper()
		sigs, _, err := ask(l, old)
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(append(l.Checkpoint().Note(), sigs...), note.VerifierList(l.Key.Verifier(), must(f_note.NewVerifierForCosignatureV1(key().Text()))))
		if err != nil || len(n.Sigs) != 2 {
			t.Errorf("they read %v, %v", n, err)
		}
	}
	good(l, 0)
	good(l, 5)
	l.Grow(300, "a")
	if _, size, err := ask(l, 3); !errors.Is(err, other.ErrCheckpointStale) || size != 5 {
		t.Errorf("stale: %d, %v", size, err)
	}
	good(l, 5)
	fork := witnesstest.New(origin, 400, "b")
	if _, _, err := ask(fork, 305); !errors.Is(err, other.ErrInvalidProof) {
		t.Errorf("a fork: %v", err)
	}
	same := witnesstest.New(origin, 305, "b")
	if _, size, err := ask(same, 305); !errors.Is(err, other.ErrCheckpointStale) || size != 305 {
		t.Errorf("two trees of one size: %d, %v", size, err)
	}
	if _, _, err := ask(witnesstest.New("other.example/log", 5, "a"), 0); !errors.Is(err, other.ErrUnknownLog) {
		t.Errorf("an unknown log: %v", err)
	}
	imposter := l.Fork()
	imposter.Key = must(ledger.NewKey(origin, witnesstest.Seed("imposter")))
	if _, _, err := ask(imposter, 305); !errors.Is(err, other.ErrNoValidSignature) {
		t.Errorf("another key: %v", err)
	}
}

// TestSameAnswers plays one table of requests to both witnesses. Where they
// differ, the difference is named: it is all of it.
func TestSameAnswers(t *testing.T) {
	l := witnesstest.New(origin, 5, "a")
	grown := l.Fork()
	grown.Grow(4, "a")
	fork, grownFork := witnesstest.New(origin, 5, "b"), witnesstest.New(origin, 9, "b")
	imposter := l.Fork()
	imposter.Key = must(ledger.NewKey(origin, witnesstest.Seed("imposter")))
	request := func(l *witnesstest.Log, old ledger.Size) *witness.Request {
		return &witness.Request{Old: old, Proof: l.Proof(old), Note: l.Checkpoint().Note()}
	}
	a, b := ours(t, l.Key.Verifier()), theirs(t, l.Key.Verifier())
	for _, x := range []struct {
		what   string
		r      *witness.Request
		us, it int
	}{
		{"another log", request(witnesstest.New("other.example/log", 5, "a"), 0), 404, 404},
		{"another key", request(imposter, 0), 403, 500}, // theirs takes it for a fault of its own
		{"the first", request(l, 0), 200, 200},
		{"the same", request(l, 5), 200, 200},
		{"from nothing", request(l, 0), 409, 409},
		{"two trees of one size", request(fork, 5), 409, 422}, // the specification says 409
		{"no proof", &witness.Request{Old: 5, Note: grown.Checkpoint().Note()}, 422, 422},
		{"another history", request(grownFork, 5), 422, 422},
		{"growth", request(grown, 5), 200, 200},
		{"the smaller again", request(l, 5), 409, 409},
		{"old beyond new", &witness.Request{Old: 9, Note: l.Checkpoint().Note()}, 400, 400},
	} {
		us, ourBody := post(t, a, x.r)
		it, theirBody := post(t, b, x.r)
		if us != x.us || it != x.it {
			t.Errorf("%s: ours says %d %s, theirs %d %s", x.what, us, ourBody, it, theirBody)
		}
		if us == 409 && it == 409 && ourBody != theirBody {
			t.Errorf("%s: ours names %q, theirs %q", x.what, ourBody, theirBody)
		}
		if us == 200 && strings.Count(ourBody, "\n") != strings.Count(theirBody, "\n") {
			t.Errorf("%s: ours gives %q, theirs %q", x.what, ourBody, theirBody)
		}
	}
}
