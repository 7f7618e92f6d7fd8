package device

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/tlog"
)

// Whatever a server answers that is not right, nothing is marked as sent on its word,
// the evidence is kept, and an honest server gets everything afterwards.
func TestLyingServer(t *testing.T) {
	otherLog := must(ledger.GenerateKey(origin))
	resign := func(key *ledger.Key, note string) string {
		c, _, err := ledger.ParseUnverifiedCheckpoint([]byte(note))
		if err != nil {
			panic(err)
		}
		return string(must(ledger.Sign(c, key)).Note())
	}
	batch := func(edit func(f *fakeServer, a *wire.BatchAnswer)) func(*fakeServer, string, any) {
		return func(f *fakeServer, path string, answer any) {
			if a, ok := answer.(*wire.BatchAnswer); ok {
				edit(f, a)
			}
		}
	}
	only := func(a *wire.BatchAnswer) (string, *wire.EventResult) {
		for size := range a.Checkpoints {
			return size, &a.Results[len(a.Results)-1]
		}
		panic("no checkpoint")
	}
	for name, c := range map[string]struct {
		kind FaultKind
		lie  func(f *fakeServer, path string, answer any)
		// later is set where data may be marked before the lie can be told.
		later bool
	}{
		"another id comes back": {FaultWrongID, batch(func(_ *fakeServer, a *wire.BatchAnswer) {
			a.Results[0].ID = strings.Repeat("ab", 32)
		}), false},
		"the ids of two events swapped": {FaultWrongID, batch(func(_ *fakeServer, a *wire.BatchAnswer) {
			a.Results[0], a.Results[1] = a.Results[1], a.Results[0]
		}), false},
		"one result missing": {FaultBadAnswer, batch(func(_ *fakeServer, a *wire.BatchAnswer) { a.Results = a.Results[1:] }), false},
		"a status of its own": {FaultBadAnswer, batch(func(_ *fakeServer, a *wire.BatchAnswer) {
			a.Results[0].Status = "filed"
		}), false},
		"quarantine without a reason": {FaultBadAnswer, batch(func(_ *fakeServer, a *wire.BatchAnswer) {
			a.Results[0].Status, a.Results[0].Code = wire.StatusQuarantined, ""
		}), false},
		"a checkpoint signed by another key": {FaultBadCheckpoint, batch(func(_ *fakeServer, a *wire.BatchAnswer) {
			size, _ := only(a)
			a.Checkpoints[size] = resign(otherLog, a.Checkpoints[size])
		}), false},
		"a checkpoint with one bit of its root flipped": {FaultBadCheckpoint, batch(func(_ *fakeServer, a *wire.BatchAnswer) {
			size, _ := only(a)
			lines := strings.Split(a.Checkpoints[size], "\n")
			h := must(ledger.ParseHash(lines[2]))
			h[0] ^= 1
			lines[2] = h.String()
			a.Checkpoints[size] = strings.Join(lines, "\n")
		}), false},
		"no checkpoint": {FaultNotCovered, batch(func(_ *fakeServer, a *wire.BatchAnswer) { a.Checkpoints = nil }), false},
		"a checkpoint that does not cover the receipt": {FaultNotCovered, batch(func(f *fakeServer, a *wire.BatchAnswer) {
			_, r := only(a)
			a.Checkpoints = map[string]string{strconv.FormatInt(r.Index, 10): f.checkpoint(r.Index)}
			for i := range a.Results {
				a.Results[i].CheckpointSize = r.Index
			}
		}), false},
		"a checkpoint under another size": {FaultNotCovered, batch(func(f *fakeServer, a *wire.BatchAnswer) {
			size, _ := only(a)
			a.Checkpoints[size] = f.checkpoint(int64(len(f.entries)) - 1)
		}), false},
		"a checkpoint smaller than the receipt names": {FaultNotCovered, batch(func(_ *fakeServer, a *wire.BatchAnswer) {
			size, _ := only(a)
			n := must(strconv.ParseInt(size, 10, 64)) + 5
			a.Checkpoints = map[string]string{strconv.FormatInt(n, 10): a.Checkpoints[size]}
			for i := range a.Results {
				a.Results[i].CheckpointSize = n
			}
		}), false},
		"two trees of one size": {FaultForkedLog, func(f *fakeServer, _ string, answer any) {
			if a, ok := answer.(*wire.CheckpointAnswer); ok {
				c := ledger.Checkpoint{Origin: origin, Size: ledger.Size(len(f.entries)), Root: tlog.Hash{1}}
				a.Checkpoint = string(must(ledger.Sign(c, f.logKey)).Note())
			}
		}, false},
		"a forked log": {FaultForkedLog, batch(func(f *fakeServer, a *wire.BatchAnswer) {
			size, _ := only(a)
			n := must(strconv.ParseInt(size, 10, 64))
			root := tlog.Hash(sha256.Sum256([]byte("another history")))
			a.Checkpoints[size] = string(must(ledger.Sign(ledger.Checkpoint{Origin: origin, Size: ledger.Size(n), Root: root}, f.logKey)).Note())
		}), false},
		"a wrong consistency proof": {FaultForkedLog, func(_ *fakeServer, _ string, answer any) {
			if p, ok := answer.(*wire.ConsistencyProof); ok && len(p.Hashes) > 0 {
				p.Hashes[0] = tlog.Hash{}.String()
			}
		}, false},
		"a consistency proof of other sizes": {FaultForkedLog, func(_ *fakeServer, _ string, answer any) {
			if p, ok := answer.(*wire.ConsistencyProof); ok {
				p.To++
			}
		}, false},
		"a newest checkpoint by another key": {FaultBadCheckpoint, func(_ *fakeServer, _ string, answer any) {
			if a, ok := answer.(*wire.CheckpointAnswer); ok {
				a.Checkpoint = resign(otherLog, a.Checkpoint)
			}
		}, false},
		"an inclusion proof for another entry": {FaultBadProof, func(_ *fakeServer, _ string, answer any) {
			if p, ok := answer.(*wire.Proofs); ok {
				p.Proofs[0], p.Proofs[1] = p.Proofs[1], p.Proofs[0]
			}
		}, true},
		"an inclusion proof with a wrong hash": {FaultBadProof, func(_ *fakeServer, _ string, answer any) {
			if p, ok := answer.(*wire.Proofs); ok {
				p.Proofs[0].Hashes[0] = tlog.Hash{}.String()
			}
		}, true},
		"another time of receipt than is in the leaf": {FaultBadProof, batch(func(_ *fakeServer, a *wire.BatchAnswer) {
			a.Results[0].ReceivedUS++
		}), true},
		"another place in the log than it is at": {FaultBadProof, batch(func(_ *fakeServer, a *wire.BatchAnswer) {
			a.Results[0].Index = 0
		}), true},
		"a proof missing": {FaultBadAnswer, func(_ *fakeServer, _ string, answer any) {
			if p, ok := answer.(*wire.Proofs); ok {
				p.Proofs = p.Proofs[1:]
			}
		}, true},
		"a head of another device": {FaultBadAnswer, func(_ *fakeServer, _ string, answer any) {
			if h, ok := answer.(*wire.Head); ok {
				h.Device = strings.Repeat("0", 36)
			}
		}, false},
		"changes that never end": {FaultBadAnswer, func(_ *fakeServer, _ string, answer any) {
			if c, ok := answer.(*wire.Changes); ok {
				c.More, c.Next = true, -1
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := f.enrolled("a")
			f.mustSync(s)
			k := openCase(t, s, "1")
			writeNote(t, s, k, "one")
			before := states(t, s)
			f.lie = func(path string, answer any) { c.lie(f, path, answer) }
			_, err := f.sync(s)
			var fault *ServerFault
			if !errors.As(err, &fault) || fault.Kind != c.kind {
				t.Fatalf("got %v, want a fault of kind %s", err, c.kind)
			}
			after := states(t, s)
			if !c.later && after[StateLocal] < before[StateLocal] || after[StateProven] > before[StateProven] && name != "a proof missing" {
				t.Errorf("states went from %v to %v", before, after)
			}
			list, err := s.Anomalies(t.Context())
			if err != nil || len(list) == 0 || list[0].N != fault.N || list[0].Kind != c.kind {
				t.Errorf("anomalies %+v, %v", list, err)
			}
			if c.kind == FaultForkedLog && (len(list[0].One) == 0 || len(list[0].Two) == 0) {
				t.Error("the two checkpoints are not kept")
			}
			st, err := s.Status(t.Context())
			if err != nil || st.Safe() || len(st.Anomalies) == 0 {
				t.Errorf("the status is safe %v, %v", st.Safe(), err)
			}
			if name == "a forked log" {
				// A log once shown to fork is not believed again at that size by itself,
				// but an honest continuation of what was seen first is.
				var n int
				if err := s.read(t.Context(), func(tx *tx) error {
					return tx.row(`SELECT count(*) FROM checkpoints WHERE state = 'conflict'`).Scan(&n)
				}); err != nil || n != 1 {
					t.Errorf("%d conflicting checkpoints kept, %v", n, err)
				}
			}
			f.lie = nil
			f.mustSync(s)
			if st := states(t, s); st[StateProven] != len(checkChain(t, s)) {
				t.Errorf("after an honest sync: %v", st)
			}
		})
	}
}

// A server that has rolled back to an old backup is refused before it gets anything.
func TestRolledBackServer(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	f.mustSync(s)
	f.entries, f.hashes = f.entries[:4], f.hashes[:tlog.StoredHashCount(4)]
	writeNote(t, s, k, "after the restore")
	requests := f.requests["POST /v1/batches"]
	_, err := f.sync(s)
	var fault *ServerFault
	if !errors.As(err, &fault) || fault.Kind != FaultForkedLog {
		t.Fatalf("got %v", err)
	}
	if f.requests["POST /v1/batches"] != requests {
		t.Error("a batch was handed to a log that lost entries")
	}
}

// A failing server or network marks nothing, and the next sync makes it good: the
// request lost, and the request applied but its answer lost.
func TestInterruptedAnywhere(t *testing.T) {
	probe := newFake(t)
	s := probe.enrolled("a")
	prepare(t, s)
	probe.mustSync(s)
	total := 0
	for _, n := range probe.requests {
		total += n
	}
	for _, applied := range []bool{false, true} {
		for cut := 1; cut <= total; cut++ {
			f := newFake(t)
			s := f.enrolled("a")
			prepare(t, s)
			seen := 0
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if seen++; seen < cut {
					return false
				}
				if applied && seen == cut {
					f.handle(discard{http.Header{}}, r)
				}
				panic(http.ErrAbortHandler)
			}
			_, err := f.sync(s)
			if err != nil && !errors.Is(err, ErrOffline) {
				t.Fatalf("cut at request %d, applied %v: %v", cut, applied, err)
			}
			checkNothingFalse(t, f, s)
			f.before = nil
			f.mustSync(s)
			if st := states(t, s); st[StateProven] != len(checkChain(t, s)) {
				t.Fatalf("cut at request %d, applied %v: afterwards %v", cut, applied, st)
			}
			if len(f.media) != 1 {
				t.Fatalf("cut at request %d: %d files arrived", cut, len(f.media))
			}
		}
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func prepare(t *testing.T, s *Store) {
	t.Helper()
	k := openCase(t, s, "1")
	m, err := s.AddMedia(t.Context(), strings.NewReader("a photo"), "p.jpg", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.PhotoCaptured{Media: m, Shows: "drum", SealVisible: "no"}}); err != nil {
		t.Fatal(err)
	}
}

// checkNothingFalse compares what the store believes with what the server has.
func checkNothingFalse(t *testing.T, f *fakeServer, s *Store) {
	t.Helper()
	list, err := s.Events(t.Context(), EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if _, ok := f.index[e.ID]; e.State != StateLocal && !ok {
			t.Errorf("event %d is marked %s, the server does not have it", e.Seq, e.State)
		}
	}
	files, err := s.Media(t.Context(), MediaSent)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range files {
		if _, ok := f.media[m.SHA256.String()]; !ok {
			t.Errorf("file %s is marked as sent, the server does not have it", m.SHA256)
		}
	}
}

// Refusals by status: 413 halves the batch, 429 and 503 are waited for, others end the sync.
func TestStatuses(t *testing.T) {
	answer := func(w http.ResponseWriter, status int, code wire.ErrorCode, header ...string) bool {
		if len(header) > 0 {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(fail(code, "no"))
		return true
	}
	t.Run("413", func(t *testing.T) {
		f := newFake(t)
		s := f.enrolled("a")
		k := openCase(t, s, "1")
		for range 20 {
			writeNote(t, s, k, "x")
		}
		tries := 0
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/v1/batches" || r.ContentLength < 2500 {
				return false
			}
			tries++
			return answer(w, 413, wire.CodeTooLarge)
		}
		r := f.mustSync(s)
		if tries == 0 || r.Sent != len(checkChain(t, s)) {
			t.Errorf("%d refusals, then %+v", tries, r)
		}
	})
	t.Run("one event that the server chokes on never blocks the others", func(t *testing.T) {
		f := newFake(t)
		s := f.enrolled("a")
		k := openCase(t, s, "1")
		for i := range 9 {
			writeNote(t, s, k, strings.Repeat(strconv.Itoa(i), 9))
		}
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/v1/batches" {
				return false
			}
			body := must(io.ReadAll(r.Body))
			r.Body = io.NopCloser(bytes.NewReader(body))
			z := must(zstd.NewReader(bytes.NewReader(body)))
			defer z.Close()
			for line := range bytes.Lines(must(io.ReadAll(z))) {
				e := must(seal.ParseEnvelope(bytes.TrimSpace(line)))
				if bytes.Contains(e.Payload, []byte("444444444")) {
					return answer(w, 400, wire.CodeBadRequest)
				}
			}
			return false
		}
		f.mustSync(s)
		if st := states(t, s); st[StateLocal] != 1 || st[StateProven] != len(checkChain(t, s))-1 {
			t.Errorf("%v", st)
		}
	})
	t.Run("one event too large for the server never blocks the others", func(t *testing.T) {
		f := newFake(t)
		s := f.enrolled("a")
		k := openCase(t, s, "1")
		big := strings.Builder{}
		for i := range 1500 {
			big.WriteString(strconv.Itoa(i * 7919 % 10007))
		}
		writeNote(t, s, k, big.String())
		writeNote(t, s, k, "small")
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path == "/v1/batches" && r.ContentLength > 4000 && answer(w, 413, wire.CodeTooLarge)
		}
		r := f.mustSync(s)
		st, err := s.Status(t.Context())
		if err != nil || st.Events[StateLocal] != 1 || len(st.Waiting) != 1 || len(r.Notes) == 0 {
			t.Errorf("%+v %+v %v", st.Events, r, err)
		}
	})
	for _, status := range []int{429, 500, 503, 507} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			f := newFake(t)
			s := f.enrolled("a")
			left := 2
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/v1/batches" || left == 0 {
					return false
				}
				left--
				return answer(w, status, wire.CodeUnavailable, "Retry-After", "1")
			}
			if r := f.mustSync(s); r.Sent != len(checkChain(t, s)) {
				t.Errorf("%+v", r)
			}
		})
	}
	t.Run("a long Retry-After ends the sync", func(t *testing.T) {
		f := newFake(t)
		s := f.enrolled("a")
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path == "/v1/batches" && answer(w, 503, wire.CodeUnavailable, "Retry-After", "3600")
		}
		if _, err := f.sync(s); !errors.Is(err, ErrOffline) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("403", func(t *testing.T) {
		f := newFake(t)
		s := f.enrolled("a")
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path == "/v1/batches" && answer(w, 403, wire.CodeForbidden)
		}
		if _, err := f.sync(s); !errors.Is(err, ErrRefused) || errors.Is(err, ErrOffline) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a token that ran out", func(t *testing.T) {
		f := newFake(t)
		s := f.enrolled("a")
		once := true
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v1/batches" && once {
				once = false
				return answer(w, 401, wire.CodeUnauthenticated)
			}
			return false
		}
		f.mustSync(s)
		if f.requests["POST /v1/auth/device"] != 2 {
			t.Errorf("%d logins", f.requests["POST /v1/auth/device"])
		}
	})
}
