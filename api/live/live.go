// Package live tells browsers what arrives in the log, as server-sent events
// (WHATWG HTML, 9.2), while it arrives.
//
// # Contract
//
// A stream tells a person what came after a ledger index in the cases that they
// may see, and nothing else: places and kinds, never content. Whoever wants the
// content asks for it by the interfaces that check rights anyway, so a stream can
// never show more than those.
//
//	id: 4711
//	event: arrived
//	data: {"index":4711,"type":"air.segment","case":"0193…","id":"…","received_us":1764000000000000}
//
//	event: arrived     something came; a line in quarantine has a "code" and no "type"
//	event: end         {"why":"session"|"right"|"replaced"}: the stream is over, and asking again is of no use
//	: (a comment)      nothing came, the connection stands; it moves the id forward
//
// Every event carries the ledger index up to which everything was told as its
// id. A browser sends that back as Last-Event-ID when it connects again and is
// told what came since: nothing is lost between two connections, whichever server
// process answers the second one, since the log itself is what is read.
//
// # What it costs
//
// A stream holds no list of what is to be told, only an index. It reads pages of
// the log when the engine says that it has grown (by this process or another one,
// see ingest.Engine.Subscribe), at most every pause and at most maxReads streams
// at once, so that any number of streams costs ingest a bounded share of the
// machine. A client that takes nothing is ended by the write deadline of the
// connection; until then its stream waits and holds one page.
//
// # When it ends
//
// Still is asked before each page and at each heartbeat: a session that ended, a
// person who was disabled or a case that may no longer be seen end the stream
// within a heartbeat. Close ends all streams: a server that stops calls it before
// it waits for its requests, since a stream would last for ever. Their clients
// connect again by themselves.
//
// A connection that its client has left is known to be dead only when something is
// written to it. So a person who has MaxPerPerson streams is not refused another one,
// which may well be a page that was loaded anew: their oldest one ends.
package live

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
)

const (
	// pageSize is how many arrivals a stream reads at a time: forty kilobytes as text.
	pageSize = 200
	// pause is the least time between two pages of a stream that has caught up: a chart
	// that is drawn five times a second looks alive.
	pause = 200 * time.Millisecond
	// heartbeat is how often a silent stream says that it stands: well below the minute
	// after which proxies give up, and how long a right may outlive itself.
	heartbeat = 15 * time.Second
	// maxReads bounds how many streams read the database at once.
	maxReads = 2
	// MaxStreams and MaxPerPerson bound the streams of a process: each has two
	// goroutines and some twenty kilobytes.
	MaxStreams   = 500
	MaxPerPerson = 12
	// readTime bounds one read of the database.
	readTime = 10 * time.Second
)

var (
	// ErrFull says that MaxStreams are open.
	ErrFull = errors.New("live: too many live views are open; close one and try again")
	// ErrClosed says that the server stops.
	ErrClosed = errors.New("live: the server is stopping")
	// ErrSession and ErrRight are what Still returns where a stream has to end for good.
	ErrSession = errors.New("live: the session has ended")
	ErrRight   = errors.New("live: the case may not be seen, or no longer")
)

// Hub keeps the streams of one server process. New makes one.
type Hub struct {
	engine  *ingest.Engine
	store   *store.Store
	log     *slog.Logger
	reading chan struct{}
	beat    time.Duration

	mu      sync.Mutex
	streams map[*stream]struct{}
	persons map[event.UUID][]*stream // in order of opening
	closed  bool
	done    chan struct{}
}

// New makes a hub without streams. It does no I/O.
func New(engine *ingest.Engine, s *store.Store, log *slog.Logger) *Hub {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Hub{engine: engine, store: s, log: log, reading: make(chan struct{}, maxReads), beat: heartbeat,
		streams: map[*stream]struct{}{}, persons: map[event.UUID][]*stream{}, done: make(chan struct{})}
}

// Viewer is who looks at what.
type Viewer struct {
	Person event.UUID
	// Case limits the stream to one case; zero is every case that the person may see.
	Case event.UUID
	// After is the ledger index up to which the viewer knows everything; -1: nothing.
	After int64
	// Still says whether the viewer may go on, without making the session last longer. An
	// error that wraps ErrSession ends the stream for good, another one is tried again.
	// nil: only the person and the right in the case count.
	Still func(context.Context) error
}

// Open admits a stream, or returns ErrFull or ErrClosed; the oldest one of a person
// with too many ends. The stream counts until its Run returns, so Run must be called.
func (h *Hub) Open(v Viewer) (*Stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, ErrClosed
	case len(h.streams) >= MaxStreams:
		return nil, ErrFull
	}
	s := &stream{hub: h, viewer: v, next: v.After, replaced: make(chan struct{})}
	h.streams[s] = struct{}{}
	own := append(h.persons[v.Person], s)
	if len(own) > MaxPerPerson {
		close(own[0].replaced)
		own = own[1:]
	}
	h.persons[v.Person] = own
	return &Stream{s}, nil
}

// Streams is the number of open streams.
func (h *Hub) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

// Close ends every stream and admits none from then on. It does not wait for them.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.done)
	}
}

func (h *Hub) forget(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, s)
	own := slices.DeleteFunc(h.persons[s.viewer.Person], func(o *stream) bool { return o == s })
	if h.persons[s.viewer.Person] = own; len(own) == 0 {
		delete(h.persons, s.viewer.Person)
	}
}

// Stream is one admitted stream.
type Stream struct{ *stream }

type stream struct {
	hub    *Hub
	viewer Viewer
	next   int64
	// replaced is closed when a newer stream of the same person takes its place.
	replaced chan struct{}
}

// Run writes the stream until the client is gone, the viewer may not go on, or the
// hub closes. It is what fasthttp's SetBodyStreamWriter calls; nothing of the
// request is used in it, since fiber has reused that by then.
func (s *stream) Run(w *bufio.Writer) {
	defer s.hub.forget(s)
	wake := s.hub.engine.Subscribe()
	defer wake.Close()
	beat := time.NewTimer(s.hub.beat)
	defer beat.Stop()
	out := writer{w: w}
	out.text("retry: 3000\n\n")
	out.flush() // the head of the answer goes with it, so that the client knows that it is connected
	for out.err == nil {
		more, ok := s.step(&out)
		if !ok || out.err != nil {
			return
		}
		if more {
			continue
		}
		if !s.sleep(pause) {
			return
		}
		beat.Reset(s.hub.beat)
		select {
		case _, open := <-wake.C:
			if !open {
				return
			}
		case <-beat.C:
			out.id(s.next)
			out.text(":\n\n")
			out.flush()
		case <-s.replaced:
			out.end("replaced")
			return
		case <-s.hub.done:
			return
		}
	}
}

// sleep waits, and reports false where the hub closes meanwhile.
func (s *stream) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.hub.done:
		return false
	}
}

// step tells one page. more says that another one waits, ok that the stream goes on.
func (s *stream) step(out *writer) (more, ok bool) {
	list, next, err := s.page()
	switch {
	case errors.Is(err, ErrSession):
		out.end("session")
		return false, false
	case errors.Is(err, ErrRight):
		out.end("right")
		return false, false
	case err != nil:
		s.hub.log.Warn("a live view could not read the log; it tries again", "cause", err.Error())
		return false, s.sleep(time.Second)
	}
	for i, a := range list {
		out.arrived(a, i == len(list)-1, next)
	}
	s.next = next
	if len(list) > 0 {
		out.flush()
	}
	return len(list) == pageSize, true
}

func (s *stream) page() (list []projection.Arrival, next int64, err error) {
	select {
	case s.hub.reading <- struct{}{}:
		defer func() { <-s.hub.reading }()
	case <-s.hub.done:
		return nil, s.next, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	if s.viewer.Still != nil {
		if err := s.viewer.Still(ctx); err != nil {
			return nil, s.next, err
		}
	}
	err = s.hub.store.Read(ctx, func(tx *store.Tx) error {
		p, found, err := projection.PersonByID(tx, s.viewer.Person)
		if err != nil {
			return err
		}
		if !found || p.Disabled {
			return ErrSession
		}
		if !s.viewer.Case.IsZero() {
			if ok, err := projection.MaySee(tx, s.viewer.Case, p.ID); err != nil {
				return err
			} else if !ok {
				return ErrRight
			}
		}
		list, next, err = projection.Arrivals(tx, p, s.viewer.Case, s.next, pageSize)
		return err
	})
	return list, next, err
}

// writer writes server-sent events and remembers the first error.
type writer struct {
	w   *bufio.Writer
	err error
}

func (o *writer) text(s string) {
	if o.err == nil {
		_, o.err = o.w.WriteString(s)
	}
}

func (o *writer) flush() {
	if o.err == nil {
		o.err = o.w.Flush()
	}
}

// told is an arrival as a browser gets it.
type told struct {
	Index      int64  `json:"index"`
	Type       string `json:"type,omitzero"`
	Code       string `json:"code,omitzero"`
	Case       string `json:"case,omitzero"`
	ID         string `json:"id,omitzero"`
	ReceivedUS int64  `json:"received_us"`
}

// arrived tells one arrival. The id is that of the arrival; of the last one in a
// page it is the place up to which the page is complete.
func (o *writer) arrived(a projection.Arrival, last bool, next int64) {
	t := told{Index: a.Index, Type: string(a.Type), Code: a.Code, ReceivedUS: a.Received.UnixMicro()}
	if !a.Case.IsZero() {
		t.Case = a.Case.String()
	}
	if !a.ID.IsZero() {
		t.ID = a.ID.String()
	}
	id := a.Index
	if last {
		id = next
	}
	data, err := json.Marshal(t)
	if err != nil && o.err == nil {
		o.err = err
		return
	}
	o.id(id)
	o.text("event: arrived\ndata: " + string(data) + "\n\n")
}

func (o *writer) id(n int64) {
	if n >= 0 {
		o.text("id: " + itoa(n) + "\n")
	}
}

func (o *writer) end(why string) {
	o.text("event: end\ndata: {\"why\":\"" + why + "\"}\n\n")
	o.flush()
}
