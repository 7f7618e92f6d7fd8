package clients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"

	"github.com/go-json-experiment/json"
)

// maxBody is the largest request that the go-between passes on: a chunk of an upload.
const maxBody = 256 << 20

// proxy is the go-between. It passes requests on one at a time where it has a
// trouble to make, and remembers what it saw.
type proxy struct {
	house  *house
	forger *ledger.Key
	http   *http.Client
	cfg    Config

	mu      sync.Mutex
	plan    map[class][]trouble
	made    []made
	lines   map[event.Digest]bool  // every line that any batch showed
	passed  map[event.Digest]bool  // those that were passed on
	batches int                    // batches that were read
	faults  []string               // what a client must not send
	asked   map[int64]bool         // entries whose proof was asked for
	links   int                    // consistency proofs asked for
	waits   map[string]time.Time   // per token, until when the server asked to be left alone
	hasty   []string               // requests that came in that time
	patient int                    // requests that came after it
	uploads map[string]*uploadSeen // by path
}

// made is a trouble that was made, and the lines of the batch that it befell.
type made struct {
	trouble
	class class
	lines []event.Digest
}

// uploadSeen is an upload as the go-between saw it.
type uploadSeen struct {
	offset int64 // acknowledged
	cut    bool  // it broke off once with part of it at the server
	again  int64 // bytes that the server had and that were sent again after that
	wentOn bool  // it was taken up again where it stopped
}

func newProxy(h *house, cfg Config) (*proxy, error) {
	forger, err := ledger.GenerateKey(origin)
	if err != nil {
		return nil, err
	}
	if cfg.Tell == nil {
		cfg.Tell = func(string) {}
	}
	return &proxy{house: h, forger: forger, cfg: cfg, plan: plan(), lines: map[event.Digest]bool{}, passed: map[event.Digest]bool{}, asked: map[int64]bool{}, waits: map[string]time.Time{},
		uploads: map[string]*uploadSeen{}, http: &http.Client{Transport: &http.Transport{DisableCompression: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

func (p *proxy) left() (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range []class{enrolment, batch, checkpoint, proofs, changes, begin, offset, chunk} {
		for _, t := range p.plan[c] {
			if t.kind == honest.kind {
				continue
			}
			out = append(out, string(c)+": "+t.kind)
		}
	}
	return out
}

// exchange is one request on its way.
type exchange struct {
	p     *proxy
	w     http.ResponseWriter
	r     *http.Request
	class class
	body  []byte
	lines [][]byte // of a batch
	// declined says that the trouble does not fit this request.
	declined bool
}

// ServeHTTP passes a request on, with a trouble where one is due.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{p: p, w: w, r: r, class: classOf(r)}
	var err error
	if x.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		return // the client hung up, or sends without end
	}
	p.see(x)
	if p.cfg.Verbose {
		p.cfg.Tell(r.Method + " " + r.URL.Path)
	}
	if t, due := p.take(x); due {
		t.do(x)
		if !x.declined {
			p.note(x, t)
			return
		}
		p.giveBack(x.class, t)
	}
	x.pass()
}

// take takes the next trouble of a class off the plan.
func (p *proxy) take(x *exchange) (trouble, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.plan[x.class]
	if len(list) == 0 || x.class == batch && len(x.lines) == 0 {
		return trouble{}, false
	}
	p.plan[x.class] = list[1:]
	return list[0], true
}

func (p *proxy) giveBack(c class, t trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan[c] = append([]trouble{t}, p.plan[c]...)
}

func (p *proxy) note(x *exchange, t trouble) {
	if t.kind == honest.kind {
		return
	}
	m := made{trouble: t, class: x.class}
	for _, line := range x.lines {
		m.lines = append(m.lines, sha256.Sum256(line))
	}
	p.mu.Lock()
	p.made = append(p.made, m)
	p.mu.Unlock()
	p.cfg.Tell(fmt.Sprintf("%s: %s", x.class, t.says))
}

// see remembers what a request shows of its client.
func (p *proxy) see(x *exchange) {
	if x.class == batch {
		x.lines = p.readBatch(x)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	token := x.r.Header.Get("Authorization")
	if until, asked := p.waits[token]; asked && x.class == batch {
		delete(p.waits, token)
		if time.Now().Before(until) {
			p.hasty = append(p.hasty, fmt.Sprintf("%s %s came %v too early", x.r.Method, x.r.URL.Path, time.Until(until).Round(time.Millisecond)))
		} else {
			p.patient++
		}
	}
	for _, line := range x.lines {
		p.lines[sha256.Sum256(line)] = true
	}
	switch {
	case x.class == proofs:
		var q wire.ProofsAsked
		if json.Unmarshal(x.body, &q) == nil {
			for _, i := range q.Indexes {
				p.asked[i] = true
			}
		}
	case x.r.URL.Path == "/v1/log/proof/inclusion":
		if i, err := strconv.ParseInt(x.r.URL.Query().Get("index"), 10, 64); err == nil {
			p.asked[i] = true
		}
	case x.r.URL.Path == "/v1/log/proof/consistency":
		p.links++
	case x.class == chunk:
		p.seeChunk(x)
	}
}

// seeChunk watches whether an upload goes on where it stopped. The lock is held.
func (p *proxy) seeChunk(x *exchange) {
	u := p.uploads[x.r.URL.Path]
	if u == nil {
		u = &uploadSeen{}
		p.uploads[x.r.URL.Path] = u
	}
	at, err := strconv.ParseInt(x.r.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || !u.cut {
		return
	}
	if at < u.offset {
		u.again += u.offset - at
	} else if at > 0 {
		u.wentOn = true
	}
}

// readBatch gives a batch's lines, and finds fault with its form.
func (p *proxy) readBatch(x *exchange) [][]byte {
	body, err := unpack(x.r.Header.Get("Content-Encoding"), x.body)
	var lines [][]byte
	for line := range bytes.Lines(body) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batches++
	fault := func(format string, args ...any) { p.faults = append(p.faults, fmt.Sprintf(format, args...)) }
	switch {
	case err != nil:
		fault("a batch does not unpack: %v", err)
	case len(lines) == 0:
		fault("a batch has no lines")
	case len(lines) > wire.MaxBatchLines || len(x.body) > wire.MaxBatchWire || len(body) > wire.MaxBatchBytes:
		fault("a batch has %d lines in %d bytes, %d as sent", len(lines), len(body), len(x.body))
	case !strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/x-ndjson"):
		fault("a batch has the content type %q", x.r.Header.Get("Content-Type"))
	}
	return lines
}

// forward asks the server.
func (x *exchange) forward(ctx context.Context, body io.Reader, size int64) (*http.Response, []byte, error) {
	q, err := http.NewRequestWithContext(ctx, x.r.Method, x.p.house.url+x.r.URL.RequestURI(), body)
	if err != nil {
		return nil, nil, err
	}
	q.Header, q.ContentLength = x.r.Header.Clone(), size
	q.Header.Del("Connection")
	q.Header.Del("Expect")
	if x.class == proofs {
		q.Header.Del("Accept-Encoding") // a lie about them is written into plain JSON
	}
	x.p.mu.Lock()
	for _, line := range x.lines {
		x.p.passed[sha256.Sum256(line)] = true
	}
	x.p.mu.Unlock()
	a, err := x.p.http.Do(q)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(a.Body)
	if err = errors.Join(err, a.Body.Close()); err != nil {
		return nil, nil, err
	}
	x.p.learn(x, a)
	return a, data, nil
}

// ask forwards the request as it came. What the server does with it does not end with the client's patience.
func (x *exchange) ask() (*http.Response, []byte, error) {
	ctx := context.WithoutCancel(x.r.Context())
	a, data, err := x.forward(ctx, bytes.NewReader(x.body), int64(len(x.body)))
	if err == nil && x.class == enrolment && a.StatusCode == http.StatusOK {
		err = x.p.house.labels(ctx)
	}
	return a, data, err
}

// learn remembers what the server said of an upload. The client has heard it unless the answer is lost.
func (p *proxy) learn(x *exchange, a *http.Response) {
	at, err := strconv.ParseInt(a.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || x.class != offset && x.class != chunk {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.uploads[x.r.URL.Path]; u != nil {
		u.offset = at
	}
}

func (x *exchange) pass() {
	a, data, err := x.ask()
	if err != nil {
		x.drop()
		return
	}
	x.answer(a, data)
}

func (x *exchange) answer(a *http.Response, data []byte) {
	for k, v := range a.Header {
		x.w.Header()[k] = v
	}
	if x.r.Method != http.MethodHead {
		x.w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	x.w.WriteHeader(a.StatusCode)
	_, _ = x.w.Write(data) // a client that hung up asks again
}
