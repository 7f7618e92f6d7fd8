package device

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "ledger.example/test"

// fakeServer is a small server with a real log, real keys and real signatures, which
// a test can make lie or fail. What an honest server does beyond that is not its matter.
type fakeServer struct {
	t    testing.TB
	http *httptest.Server

	mu        sync.Mutex
	logKey    *ledger.Key
	authority *seal.PrivateKey
	authDev   event.UUID
	authSeq   int64
	authHead  event.ID
	genesis   []byte
	entries   []fakeEntry
	index     map[event.ID]int
	hashes    []tlog.Hash
	keys      map[event.UUID]seal.PublicKey
	revoked   map[event.UUID]bool
	nonces    map[string]bool
	codes     map[string]wire.Enrolled
	media     map[string][]byte
	uploads   map[string]*fakeUpload
	skew      time.Duration
	requests  map[string]int

	hooks sync.Mutex
	// before may answer a request itself (true), or fail it; beside is the same for
	// a hook that waits for other requests.
	before func(w http.ResponseWriter, r *http.Request) bool
	beside func(w http.ResponseWriter, r *http.Request) bool
	// lie changes an answer before it is sent.
	lie func(path string, answer any)
	// enrolling changes what an enrolment states before it is sealed.
	enrolling func(*event.DeviceEnrolled)
	// hide keeps entries out of the changes.
	hide func(fakeEntry) bool
}

type fakeEntry struct {
	line     []byte
	id       event.ID
	device   event.UUID
	seq      int64
	received int64
	kind     ledger.Kind
	code     string
}

type fakeUpload struct {
	digest string
	data   []byte
	size   int64
}

func newFake(t testing.TB) *fakeServer {
	t.Helper()
	f := &fakeServer{t: t, index: map[event.ID]int{}, keys: map[event.UUID]seal.PublicKey{}, revoked: map[event.UUID]bool{},
		nonces: map[string]bool{}, codes: map[string]wire.Enrolled{}, media: map[string][]byte{}, uploads: map[string]*fakeUpload{},
		requests: map[string]int{}}
	f.logKey = must(ledger.GenerateKey(origin))
	f.authority = must(seal.GenerateKey())
	f.authDev = newUUID(time.Now())
	f.keys[f.authDev] = f.authority.Public()
	f.genesis = f.author(&event.AuthorityGenesis{Name: "Test Authority", Key: f.authority.Public().Info(), LogOrigin: origin, LogKey: f.logKey.VerifierText()}, event.UUID{})
	f.http = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.http.Close)
	return f
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// author seals an authority event and logs it. The lock is held or not yet needed.
func (f *fakeServer) author(b event.Body, caseID event.UUID) []byte {
	raw := must(event.MarshalBody(b))
	f.authSeq++
	p := event.Payload{V: 1, Type: event.TypeOf(b), UUID: newUUID(time.Now()), Case: caseID, Device: f.authDev, Seq: f.authSeq, Prev: f.authHead,
		Actor: f.authDev, Clock: event.Clock{Wall: event.StampOf(time.Now()), Source: "network"}, Body: raw}
	line := must(f.authority.Seal(event.PayloadType, must(event.Marshal(p))))
	f.authHead = seal.IDOf(must(event.Marshal(p)))
	kind := ledger.KindAuthority
	if p.Type == event.TypeDeviceEnrolled {
		kind = ledger.KindEnrolment
	}
	f.append(line, kind, "")
	return line
}

// append verifies a line and logs it; a refused line goes into quarantine.
func (f *fakeServer) append(line []byte, kind ledger.Kind, code string) fakeEntry {
	v, refusal, err := seal.Verify(line, f)
	if err != nil {
		panic(err)
	}
	e := fakeEntry{line: bytes.Clone(line), received: time.Now().UnixMicro(), kind: kind, code: code}
	leaf := ledger.Leaf{Kind: kind, Received: ledger.Micros(e.received)}
	if refusal != nil {
		e.id, e.device, e.seq, e.code, e.kind = refusal.ID, refusal.Claimed.Device, refusal.Claimed.Seq, string(refusal.Code), ledger.KindQuarantine
	} else {
		e.id, e.device, e.seq = v.ID(), v.Payload().Device, v.Payload().Seq
		leaf.Signature, leaf.Key = ledger.SignatureDigest(v.SignatureDigest()), ledger.KeyID(v.Key())
	}
	leaf.Event = ledger.EventID(e.id)
	if e.code != "" {
		e.kind = ledger.KindQuarantine
		leaf = ledger.Leaf{Kind: e.kind, Event: ledger.EventID(seal.LineDigest(line)), Received: leaf.Received}
	}
	n := int64(len(f.entries))
	f.hashes = append(f.hashes, must(tlog.StoredHashesForRecordHash(n, must(leaf.Hash()), f))...)
	f.index[e.id] = len(f.entries)
	f.entries = append(f.entries, e)
	return e
}

// ReadHashes implements tlog.HashReader.
func (f *fakeServer) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, x := range at {
		out[i] = f.hashes[x]
	}
	return out, nil
}

// DeviceKey implements seal.Keys.
func (f *fakeServer) DeviceKey(d event.UUID) (seal.PublicKey, bool, error) {
	k, ok := f.keys[d]
	return k, ok, nil
}

func (f *fakeServer) checkpoint(size int64) string {
	root := must(tlog.TreeHash(size, f))
	return string(must(ledger.Sign(ledger.Checkpoint{Origin: origin, Size: ledger.Size(size), Root: root}, f.logKey)).Note())
}

func (f *fakeServer) newest() string { return f.checkpoint(int64(len(f.entries))) }

func (f *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	if !f.hook(w, r) {
		f.handle(w, r)
	}
}

// hook lets the test's hook have the request first. Hooks run one at a time, also
// those that end the connection, so that what they count can be read after a sync.
func (f *fakeServer) hook(w http.ResponseWriter, r *http.Request) bool {
	f.hooks.Lock()
	defer f.hooks.Unlock()
	f.requests[r.Method+" "+r.URL.Path]++
	if f.beside != nil {
		f.hooks.Unlock()
		defer f.hooks.Lock()
		return f.beside(w, r)
	}
	return f.before != nil && f.before(w, r)
}

func (f *fakeServer) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1/media/uploads") {
		f.tus(w, r, body)
		return
	}
	answer, status := f.route(r, path, body)
	if f.lie != nil {
		f.lie(path, answer)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func fail(code wire.ErrorCode, format string, args ...any) wire.Error {
	return wire.Error{Error: wire.ErrorBody{Code: code, Message: fmt.Sprintf(format, args...)}}
}

func (f *fakeServer) route(r *http.Request, path string, body []byte) (any, int) {
	device := event.UUID{}
	if path != "/v1/enrol" && !strings.HasPrefix(path, "/v1/auth/") {
		d, err := event.ParseUUID(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			return fail(wire.CodeUnauthenticated, "no token"), 401
		}
		device = d
	}
	q := func(name string) int64 { n, _ := strconv.ParseInt(r.URL.Query().Get(name), 10, 64); return n }
	switch {
	case path == "/v1/enrol":
		return f.enrol(body)
	case path == "/v1/auth/challenge":
		nonce := randomHex()
		f.nonces[nonce] = true
		return &wire.Challenge{Nonce: nonce, Audience: origin, ExpiresIn: 60}, 200
	case path == "/v1/auth/device":
		return f.login(body)
	case path == "/v1/log/checkpoint":
		return &wire.CheckpointAnswer{Checkpoint: f.newest(), ServerTimeUS: time.Now().Add(f.skew).UnixMicro()}, 200
	case path == "/v1/log/proof/consistency":
		return f.consistency(q("from"), q("to"))
	case path == "/v1/log/proofs":
		return f.proofs(body)
	case path == "/v1/batches":
		return f.batch(body)
	case strings.HasSuffix(path, "/head"):
		return f.head(device), 200
	case path == "/v1/changes":
		return f.changes(q("after"), q("limit")), 200
	case strings.HasPrefix(path, "/v1/events/"):
		id, _ := event.ParseID(strings.TrimPrefix(path, "/v1/events/"))
		at, ok := f.index[id]
		if !ok {
			return fail(wire.CodeNotFound, "no event"), 404
		}
		return &wire.EventView{Change: f.change(at), CheckpointSize: int64(len(f.entries)), Checkpoint: f.newest()}, 200
	}
	return fail(wire.CodeNotFound, "no such path"), 404
}

func (f *fakeServer) enrol(body []byte) (any, int) {
	var q wire.Enrol
	if err := json.Unmarshal(body, &q); err != nil {
		return fail(wire.CodeBadRequest, "%v", err), 400
	}
	if a, ok := f.codes[q.Code+q.Key.ID]; ok {
		return &a, 200
	}
	spki := must(base64.StdEncoding.DecodeString(q.Key.SPKI))
	key := must(seal.ParsePublicKey(event.Algorithm(q.Key.Alg), spki))
	env := must(seal.ParseEnvelope([]byte(q.Proof)))
	if env.PayloadType != wire.EnrolPayloadType || !key.Check(seal.PAE(env.PayloadType, env.Payload), env.Signatures[0].Sig) {
		return fail(wire.CodeForbidden, "proof"), 403
	}
	b := &event.DeviceEnrolled{Device: newUUID(time.Now()), Key: key.Info(), Person: newUUID(time.Now()), Org: newUUID(time.Now()),
		Model: q.Model, App: q.App, Code: sha256.Sum256([]byte(q.Code)), Proof: []byte(q.Proof)}
	if f.enrolling != nil {
		f.enrolling(b)
	}
	f.author(&event.OrgRegistered{Org: b.Org, Kind: "environment", Name: "Bureau"}, event.UUID{})
	f.author(&event.PersonRegistered{Person: b.Person, Org: b.Org, Name: "Person of " + q.Code, Roles: []event.Role{event.RoleInspector}, CredentialNo: "C-1"}, event.UUID{})
	line := f.author(b, event.UUID{})
	f.keys[b.Device] = key
	a := wire.Enrolled{Device: b.Device.String(), Person: b.Person.String(), PersonName: "Person of " + q.Code, Org: b.Org.String(), OrgName: "Bureau",
		Enrolment: string(line), EnrolmentID: f.authHead.String(), EnrolmentIndex: int64(len(f.entries) - 1), Authority: string(f.genesis)}
	f.author(&event.LabelBlock{Device: b.Device, Prefix: "T" + q.Code + "-", First: 1, Last: 20}, event.UUID{})
	a.Checkpoint = f.newest()
	f.codes[q.Code+q.Key.ID] = a
	return &a, 200
}

func (f *fakeServer) login(body []byte) (any, int) {
	var q wire.DeviceLogin
	if json.Unmarshal(body, &q) != nil {
		return fail(wire.CodeBadRequest, "form"), 400
	}
	env := must(seal.ParseEnvelope([]byte(q.Envelope)))
	var st wire.AuthStatement
	if env.PayloadType != wire.AuthPayloadType || json.Unmarshal(env.Payload, &st) != nil || !f.nonces[st.Nonce] || st.Audience != origin {
		return fail(wire.CodeUnauthenticated, "statement"), 401
	}
	delete(f.nonces, st.Nonce)
	d := must(event.ParseUUID(st.Device))
	if !f.keys[d].Check(seal.PAE(env.PayloadType, env.Payload), env.Signatures[0].Sig) {
		return fail(wire.CodeUnauthenticated, "signature"), 401
	}
	scope := "full"
	if f.revoked[d] {
		scope = "deposit"
	}
	return &wire.Tokens{AccessToken: d.String(), TokenType: "Bearer", ExpiresIn: 600, Scope: scope}, 200
}

func (f *fakeServer) consistency(from, to int64) (any, int) {
	if from > to || to > int64(len(f.entries)) {
		return fail(wire.CodeNotFound, "the log has %d entries", len(f.entries)), 404
	}
	a := &wire.ConsistencyProof{From: from, To: to}
	for _, h := range must(tlog.ProveTree(to, from, f)) {
		a.Hashes = append(a.Hashes, h.String())
	}
	return a, 200
}

func (f *fakeServer) proofs(body []byte) (any, int) {
	var q wire.ProofsAsked
	if json.Unmarshal(body, &q) != nil {
		return fail(wire.CodeBadRequest, "form"), 400
	}
	a := &wire.Proofs{Checkpoint: f.checkpoint(q.Size)}
	for _, i := range q.Indexes {
		p := wire.InclusionProof{Index: i, Size: q.Size, LeafHash: f.hashes[tlog.StoredHashIndex(0, i)].String()}
		for _, h := range must(tlog.ProveRecord(q.Size, i, f)) {
			p.Hashes = append(p.Hashes, h.String())
		}
		a.Proofs = append(a.Proofs, p)
	}
	return a, 200
}

func (f *fakeServer) batch(body []byte) (any, int) {
	z := must(zstd.NewReader(bytes.NewReader(body)))
	defer z.Close()
	text := must(io.ReadAll(z))
	a := &wire.BatchAnswer{Checkpoints: map[string]string{}, ServerTimeUS: time.Now().Add(f.skew).UnixMicro()}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		id := event.ID{}
		if env, err := seal.ParseEnvelope(line); err == nil {
			id = seal.IDOf(env.Payload)
		}
		at, dup := f.index[id]
		if !dup {
			f.append(line, ledger.KindEvent, f.judge(line))
			at = len(f.entries) - 1
		}
		e := f.entries[at]
		r := wire.EventResult{ID: e.id.String(), Status: wire.StatusAccepted, Index: int64(at), ReceivedUS: e.received, Kind: int(e.kind)}
		switch {
		case e.code != "":
			r.Status, r.Code, r.Detail = wire.StatusQuarantined, e.code, "test"
		case dup:
			r.Status = wire.StatusDuplicate
		}
		a.Results = append(a.Results, r)
	}
	size := int64(len(f.entries))
	for i := range a.Results {
		a.Results[i].CheckpointSize = size
	}
	a.Checkpoints[strconv.FormatInt(size, 10)] = f.checkpoint(size)
	return a, 200
}

// judge finds a fork; everything else that a server judges is not this fake's matter.
func (f *fakeServer) judge(line []byte) string {
	v, refusal, _ := seal.Verify(line, f)
	if refusal != nil {
		return ""
	}
	for _, e := range f.entries {
		if e.device == v.Payload().Device && e.seq == v.Payload().Seq && e.code == "" && e.id != v.ID() {
			return "FORK"
		}
	}
	if f.revoked[v.Payload().Device] {
		return "REVOKED_KEY"
	}
	return ""
}

func (f *fakeServer) head(d event.UUID) any {
	bySeq := map[int64]event.ID{}
	h := &wire.Head{Device: d.String(), Revoked: f.revoked[d]}
	for _, e := range f.entries {
		if e.device == d && e.code == "" {
			bySeq[e.seq] = e.id
			h.MaxSeq = max(h.MaxSeq, e.seq)
		}
	}
	sum := sha256.New()
	for s := int64(1); ; s++ {
		id, ok := bySeq[s]
		if !ok {
			break
		}
		sum.Write(id[:])
		h.Seq, h.ID = s, id.String()
	}
	for s := h.Seq + 1; s <= h.MaxSeq; s++ {
		if _, ok := bySeq[s]; !ok {
			h.Missing = append(h.Missing, [2]int64{s, s})
		}
	}
	h.Digest = fmt.Sprintf("%x", sum.Sum(nil))
	return h
}

func (f *fakeServer) change(at int) wire.Change {
	e := f.entries[at]
	return wire.Change{Index: int64(at), ReceivedUS: e.received, Kind: int(e.kind), ID: e.id.String(), Envelope: string(e.line)}
}

func (f *fakeServer) changes(after, limit int64) any {
	a := &wire.Changes{Next: after, Checkpoint: f.newest()}
	for at := after + 1; at < int64(len(f.entries)); at++ {
		if int64(len(a.Events)) == limit {
			a.More = true
			break
		}
		a.Next = at
		if e := f.entries[at]; e.code == "" && (f.hide == nil || !f.hide(e)) {
			a.Events = append(a.Events, f.change(int(at)))
		}
	}
	return a
}

// client is a client whose pauses take no time.
func (f *fakeServer) client() *Client {
	c := must(NewClient(f.http.URL, f.http.Client()))
	c.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return c
}

// enrolled gives a new store, enrolled with the fake under a code.
func (f *fakeServer) enrolled(code string) *Store {
	f.t.Helper()
	s, err := Create(f.t.Context(), f.t.TempDir(), Options{Model: "Test", App: "test/1"})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.t.Error(err)
		}
	})
	if _, err := s.Enrol(f.t.Context(), EnrolRequest{Client: f.client(), Code: code}); err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *fakeServer) sync(s *Store) (SyncReport, error) {
	f.t.Helper()
	defer f.settle()
	f.settle()
	return s.Sync(f.t.Context(), SyncOptions{Client: f.client()})
}

// settle orders what a test and the server's goroutines did.
func (f *fakeServer) settle() {
	f.hooks.Lock()
	defer f.hooks.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
}

// mustSync is sync without an error.
func (f *fakeServer) mustSync(s *Store) SyncReport {
	f.t.Helper()
	r, err := f.sync(s)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// states counts a store's own events by state.
func states(t *testing.T, s *Store) map[State]int {
	t.Helper()
	list, err := s.Events(t.Context(), EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[State]int{}
	for _, e := range list {
		out[e.State]++
	}
	return out
}

// checkChain verifies a store's whole chain: signatures, sequence, links.
func checkChain(t *testing.T, s *Store) []Event {
	t.Helper()
	id, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Events(t.Context(), EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var head event.ID
	for i, e := range list {
		v, refusal, err := seal.Verify(e.Line, oneKey{id.Device, id.Key})
		if err != nil || refusal != nil {
			t.Fatalf("event %d: %v %v", i+1, err, refusal)
		}
		if v.Payload().Seq != int64(i+1) || v.Payload().Prev != head || v.ID() != e.ID {
			t.Fatalf("event %d does not continue the chain", i+1)
		}
		head = v.ID()
	}
	return list
}

// enrolWithout enrols a store with a fake of its own that is then gone.
func enrolWithout(t testing.TB, s *Store) {
	t.Helper()
	if _, err := s.Enrol(t.Context(), EnrolRequest{Client: newFake(t).client(), Code: "bench"}); err != nil {
		t.Fatal(err)
	}
}

var bg = context.Background()
