package servers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"fieldseal/api/wire"
	"fieldseal/mobile-contract/conformance"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/note"
)

// run is one run: the devices that it plays and what it knows of the log.
type run struct {
	ctx  context.Context
	o    Options
	http *client
	// a and b are the devices of the first two codes; nil before they are enrolled.
	a, b *peer
	log  *logView
}

func newRun(ctx context.Context, o Options, u *url.URL) *run {
	hc := o.HTTP
	if hc == nil {
		hc = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	return &run{ctx: ctx, o: o, http: &client{base: u, http: hc}, log: &logView{checkpoints: map[int64]*ledger.SignedCheckpoint{}, entries: map[int64]ledger.Hash{}}}
}

// logView is what a run has seen of the log: checkpoints that verify, and entries
// that receipts promised.
type logView struct {
	mu          sync.Mutex
	verifier    note.Verifier
	authority   seal.PublicKey
	genesis     string
	checkpoints map[int64]*ledger.SignedCheckpoint
	entries     map[int64]ledger.Hash
}

// signed reads a checkpoint under the pinned key and keeps it. Two roots for one size are two histories.
func (l *logView) signed(text string) (*ledger.SignedCheckpoint, error) {
	cp, err := ledger.ParseCheckpoint([]byte(text), l.verifier)
	if err != nil {
		return nil, fmt.Errorf("a checkpoint is not one of the pinned log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.checkpoints[int64(cp.Size)]; old != nil && old.Root != cp.Root {
		return nil, fmt.Errorf("the log showed two roots for %d entries: %v and %v", cp.Size, old.Root, cp.Root)
	}
	l.checkpoints[int64(cp.Size)] = cp
	return cp, nil
}

// promised keeps what a receipt says of an entry. An entry cannot be two things.
func (l *logView) promised(index int64, leaf ledger.Leaf) error {
	h, err := leaf.Hash()
	if err != nil {
		return fmt.Errorf("the receipt's numbers make no entry: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if old, ok := l.entries[index]; ok && old != h {
		return fmt.Errorf("entry %d was promised to be two things", index)
	}
	l.entries[index] = h
	return nil
}

// peer is a device that the run plays; sent is the request that enrolled it.
type peer struct {
	r         *run
	key       *seal.PrivateKey
	sent      wire.Enrol
	id        event.UUID
	person    event.UUID
	org       event.UUID
	enrolment event.ID
	token     string
	caseID    event.UUID
	seq       int64
	prev      event.ID
	// chain and lines are the ids and lines of the events sealed so far, from event 1.
	chain []event.ID
	lines [][]byte
}

func newUUID() event.UUID {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return event.NewUUID(time.Now(), b)
}

func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// sealed is an event that the run made.
type sealed struct {
	line []byte
	id   event.ID
	p    event.Payload
	// sig and key are what an accepted event's entry has.
	sig event.Digest
	key seal.KeyID
}

var errNotEnrolled = conformance.Untried("no device is enrolled and signed in; enrol.answer, enrol.ed25519 and auth.device say why")

// ready gives the two devices, or says that they are not enrolled.
func (r *run) ready() (a, b *peer, err error) {
	if r.a == nil || r.b == nil || r.a.token == "" || r.b.token == "" {
		return nil, nil, errNotEnrolled
	}
	return r.a, r.b, nil
}

// payload is event seq over a body.
func (p *peer) payload(seq int64, prev event.ID, body event.Body) (event.Payload, error) {
	raw, err := event.MarshalBody(body)
	if err != nil {
		return event.Payload{}, err
	}
	e := event.Payload{V: event.Version, Type: event.TypeOf(body), UUID: newUUID(), Device: p.id, Seq: seq, Prev: prev, Actor: p.person,
		Clock: event.Clock{Wall: event.StampOf(time.Now()), Source: "network"}, Body: raw}
	if e.Type.InCase() {
		e.Case = p.caseID
	}
	return e, nil
}

// seal seals a payload.
func (p *peer) seal(e event.Payload) (*sealed, error) {
	data, err := event.Marshal(e)
	if err != nil {
		return nil, err
	}
	return p.sealBytes(data, e)
}

// sealBytes seals bytes, whatever they are, as an event.
func (p *peer) sealBytes(data []byte, e event.Payload) (*sealed, error) {
	line, err := p.key.Seal(event.PayloadType, data)
	if err != nil {
		return nil, err
	}
	x := &sealed{line: line, id: seal.IDOf(data), p: e, key: p.key.Public().ID()}
	if v, _, err := seal.Verify(line, oneKey{p.id, p.key.Public()}); err != nil {
		return nil, err
	} else if v != nil {
		x.sig = v.SignatureDigest()
	}
	return x, nil
}

type oneKey struct {
	device event.UUID
	key    seal.PublicKey
}

func (k oneKey) DeviceKey(d event.UUID) (seal.PublicKey, bool, error) {
	return k.key, d == k.device, nil
}

// at seals an event at a place of the chain without moving the chain.
func (p *peer) at(seq int64, prev event.ID, body event.Body) (*sealed, error) {
	e, err := p.payload(seq, prev, body)
	if err != nil {
		return nil, err
	}
	return p.seal(e)
}

// next seals the next event of the chain.
func (p *peer) next(body event.Body) (*sealed, error) {
	x, err := p.at(p.seq+1, p.prev, body)
	if err == nil {
		p.seq, p.prev, p.chain, p.lines = p.seq+1, x.id, append(p.chain, x.id), append(p.lines, x.line)
	}
	return x, err
}

// notes seals n notes.
func (p *peer) notes(n int, text string) ([]*sealed, error) {
	var list []*sealed
	for i := range n {
		x, err := p.next(&event.NoteWritten{Text: text + " " + strconv.Itoa(i+1)})
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

// enrolBody is the body of POST /v1/enrol with a proof sealed by signer.
func enrolBody(code string, key, signer *seal.PrivateKey) (wire.Enrol, error) {
	info := key.Public().Info()
	sum := sha256.Sum256([]byte(code))
	payload, err := json.Marshal(wire.EnrolStatement{CodeSHA256: hex.EncodeToString(sum[:]), Key: info.ID.String(), Nonce: nonce(), Time: string(event.StampOf(time.Now()))})
	if err != nil {
		return wire.Enrol{}, err
	}
	proof, err := signer.Seal(wire.EnrolPayloadType, payload)
	return wire.Enrol{Code: code, Model: "conformance run", App: "fieldseal-conformance/1", Proof: string(proof),
		Key: wire.Key{ID: info.ID.String(), Alg: string(info.Alg), SPKI: base64.StdEncoding.EncodeToString(info.SPKI)}}, err
}

// statement seals a sign-in.
func (p *peer) statement(ch wire.Challenge, signer *seal.PrivateKey) (wire.DeviceLogin, error) {
	payload, err := json.Marshal(wire.AuthStatement{Nonce: ch.Nonce, Audience: ch.Audience, Device: p.id.String(), Time: string(event.StampOf(time.Now()))})
	if err != nil {
		return wire.DeviceLogin{}, err
	}
	line, err := signer.Seal(wire.AuthPayloadType, payload)
	return wire.DeviceLogin{Envelope: string(line)}, err
}

func (r *run) challenge() (ch wire.Challenge, err error) {
	if err = r.http.json(r.ctx, http.MethodPost, "/v1/auth/challenge", "", nil, &ch); err == nil && ch.Nonce == "" {
		err = errors.New("the challenge has no nonce")
	}
	return ch, err
}

// signIn signs in and keeps the access token.
func (p *peer) signIn() (t wire.Tokens, err error) {
	ch, err := p.r.challenge()
	if err != nil {
		return t, err
	}
	st, err := p.statement(ch, p.key)
	if err != nil {
		return t, err
	}
	if err := p.r.http.json(p.r.ctx, http.MethodPost, "/v1/auth/device", "", st, &t); err != nil {
		return t, err
	}
	if t.AccessToken == "" || t.TokenType != "Bearer" || t.ExpiresIn <= 0 {
		return t, fmt.Errorf("the tokens are incomplete: type %q, %d seconds", t.TokenType, t.ExpiresIn)
	}
	p.token = t.AccessToken
	return t, nil
}

// chainDigest is SHA-256 over ids, 32 bytes each.
func chainDigest(ids []event.ID) string {
	sum := sha256.New()
	for _, id := range ids {
		sum.Write(id[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}
