package live_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldseal/api/live"
	"fieldseal/api/upload"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/store"
	"fieldseal/sync/store/pgtest"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// house is a world with a server that streams to whom the query names.
type house struct {
	*ingesttest.World
	t     *testing.T
	hub   *live.Hub
	app   *fiber.App
	url   string
	ended atomic.Bool // the session of every viewer
}

func newHouse(t *testing.T) *house { return houseOn(t, ingesttest.New(t)) }

func houseOn(t *testing.T, w *ingesttest.World) *house {
	h := &house{World: w, t: t}
	h.hub = live.New(h.Engine, h.Store, slog.New(slog.NewTextHandler(t.Output(), nil)))
	h.app = fiber.New(upload.Configure(fiber.Config{DisableStartupMessage: true}))
	h.app.Get("/live", func(c *fiber.Ctx) error {
		person, err := event.ParseUUID(c.Query("person"))
		if err != nil {
			return err
		}
		v := live.Viewer{Person: person, After: live.From(c, -1), Still: func(context.Context) error {
			if h.ended.Load() {
				return fmt.Errorf("%w: idle", live.ErrSession)
			}
			return nil
		}}
		if text := c.Query("case"); text != "" {
			if v.Case, err = event.ParseUUID(text); err != nil {
				return err
			}
		}
		if err := h.hub.Serve(c, v); err != nil {
			return c.Status(fiber.StatusServiceUnavailable).SendString(err.Error())
		}
		return nil
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.url = "http://" + l.Addr().String() + "/live?person="
	go func() { _ = h.app.Listener(upload.RollingDeadlineListener(l, 30*time.Second)) }()
	t.Cleanup(func() {
		h.hub.Close()
		if err := h.app.ShutdownWithTimeout(5 * time.Second); err != nil {
			t.Error("streams hold up the stop of the server:", err)
		}
		h.until("all streams are forgotten", func() bool { return h.hub.Streams() == 0 })
	})
	return h
}

// begin submits a device's genesis and its first case.
func (h *house) begin(d *ingesttest.Device, number string) event.UUID {
	h.t.Helper()
	genesis := d.Genesis()
	id, open := d.OpenCase(number)
	h.Submit(genesis, open)
	return id
}

func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatal("not within twenty seconds: " + what)
		}
	}
}

// message is one server-sent event.
type message struct {
	id, event, data string
	index           int64
	typ, code       string
	caseID          string
}

type reader struct {
	t    *testing.T
	body *bufio.Scanner
	stop context.CancelFunc
	last string
}

// watch opens a stream.
func (h *house) watch(person event.UUID, query, lastID string) *reader {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	h.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+person.String()+query, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	a, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = a.Body.Close() })
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		h.t.Fatal(a.Status, a.Header)
	}
	return &reader{t: h.t, body: bufio.NewScanner(a.Body), stop: cancel, last: lastID}
}

// next gives the next event; ok is false where the stream is over.
func (r *reader) next() (m message, ok bool) {
	r.t.Helper()
	for r.body.Scan() {
		name, value, _ := strings.Cut(r.body.Text(), ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "":
			if r.body.Text() == "" && m.id != "" {
				r.last = m.id
			}
			if r.body.Text() != "" || m.event == "" {
				continue
			}
			if m.event == "arrived" {
				var v struct {
					Index      int64  `json:"index"`
					Type       string `json:"type"`
					Code       string `json:"code"`
					Case       string `json:"case"`
					ID         string `json:"id"`
					ReceivedUS int64  `json:"received_us"`
				}
				if err := json.Unmarshal([]byte(m.data), &v, json.RejectUnknownMembers(true)); err != nil {
					r.t.Fatal(err)
				}
				m.index, m.typ, m.code, m.caseID = v.Index, v.Type, v.Code, v.Case
			}
			return m, true
		}
	}
	return m, false
}

func (r *reader) want(typ string, id event.UUID) message {
	r.t.Helper()
	m, ok := r.next()
	if !ok || m.typ+m.code != typ || id != (event.UUID{}) && m.caseID != id.String() {
		r.t.Fatalf("told %+v (%v), want %s of case %s", m, ok, typ, id)
	}
	return m
}

func TestAStreamTellsWhatArrivesInTheCasesOfItsViewerAndNothingElse(t *testing.T) {
	h := newHouse(t)
	police := h.AddOrg("police")
	mine, theirs := h.AddDevice(), h.AddDeviceOf(police, h.AddPerson(police))
	boss := h.AddPerson(h.Org, event.RoleSupervisor)
	start := h.Engine.Size() - 1
	w := h.watch(boss, fmt.Sprintf("&after=%d", start), "")
	plain := h.watch(mine.Person, fmt.Sprintf("&after=%d", start), "")
	other := h.begin(theirs, "2026-P-1")
	id := h.begin(mine, "2026-HW-1")
	h.Submit(theirs.Note(other, "nobody's business"), mine.Note(id, "seen"))
	w.want("case.opened", id)
	w.want("note.written", id)
	plain.want("case.opened", id)
	plain.want("note.written", id)
	// A line in quarantine is the supervisor's to see and not the inspector's.
	h.Submit(mine.Fork().SealBytes([]byte(`{"v":2,"type":"note.written","device":"`+mine.ID.String()+`","seq":9}`)), mine.Note(id, "after it"))
	if m, ok := w.next(); !ok || m.code == "" || m.typ != "" {
		t.Fatalf("told %+v, want a line in quarantine", m)
	}
	w.want("note.written", id)
	plain.want("note.written", id)
	// A grant opens the other case from then on.
	h.Author(ingest.Draft{Case: other, Body: &event.CaseGranted{Grant: h.ID(), Org: h.Org, Right: "read", Reason: "joint case"}})
	w.want("case.granted", other)
	plain.want("case.granted", other)
}

func TestNothingIsLostAndNothingToldTwiceOverManyConnections(t *testing.T) {
	h := newHouse(t)
	d := h.AddDevice()
	id := h.begin(d, "2026-HW-2")
	const n = 700 // several pages
	var lines [][]byte
	for range n {
		lines = append(lines, d.Note(id, "x"))
	}
	go func() {
		for i := 0; i < n; i += 35 {
			h.Submit(lines[i : i+35]...)
		}
	}()
	seen := map[int64]int{}
	last := "-1"
	for reads := 0; len(seen) < n+1; reads++ {
		r := h.watch(d.Person, "&case="+id.String(), last)
		for range 1 + reads*37%90 {
			m, ok := r.next()
			if !ok {
				t.Fatal("the stream ended")
			}
			seen[m.index]++
			if len(seen) == n+1 {
				break
			}
		}
		last = r.last
		r.stop()
	}
	for index, times := range seen {
		if times != 1 {
			t.Errorf("entry %d was told %d times", index, times)
		}
	}
}

func TestAnotherProcessAppends(t *testing.T) {
	for name, c := range map[string]store.Config{"sqlite": {Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "live.db")}, "postgres": {Driver: store.Postgres}} {
		t.Run(name, func(t *testing.T) {
			if c.Driver == store.Postgres {
				c.DSN = pgtest.Start(t)
			}
			anotherProcess(t, houseOn(t, ingesttest.On(t, c)))
		})
	}
}

// anotherProcess streams from one engine what two others append, file and all.
func anotherProcess(t *testing.T, h *house) {
	d := h.AddDevice()
	genesis := d.Genesis()
	id, open := d.OpenCase("2026-HW-3")
	w := h.watch(d.Person, fmt.Sprintf("&after=%d", h.Engine.Size()-1), "")
	other := h.Open()
	photo := event.Media{SHA256: event.Digest{1, 2, 3}, Size: 5, Type: "image/jpeg"}
	if _, err := other.Submit(context.Background(), [][]byte{genesis, open, d.Seal(id, &event.PhotoCaptured{Photo: h.ID(), Media: photo, Shows: "x", SealVisible: "no"})}, event.UUID{}); err != nil {
		t.Fatal(err)
	}
	w.want("case.opened", id)
	w.want("photo.captured", id)
	third := h.Open()
	if _, err := third.Author(context.Background(), ingest.Draft{Body: &event.MediaReceived{SHA256: event.Digest{9}, Size: 1}}, ingest.Draft{Body: &event.MediaReceived{SHA256: photo.SHA256, Size: 5}}); err != nil {
		t.Fatal(err)
	}
	w.want("media.received", id)
}

func TestAStreamEndsWithTheRightAndWithTheSession(t *testing.T) {
	h := newHouse(t)
	police := h.AddOrg("police")
	d, guest := h.AddDevice(), h.AddPerson(police)
	id := h.begin(d, "2026-HW-4")
	grant := h.ID()
	h.Author(ingest.Draft{Case: id, Body: &event.CaseGranted{Grant: grant, Person: guest, Right: "read", Reason: "review"}})
	after := fmt.Sprintf("&after=%d", h.Engine.Size()-1)
	guests, owners := h.watch(guest, "&case="+id.String()+after, ""), h.watch(d.Person, after, "")
	h.Author(ingest.Draft{Case: id, Body: &event.GrantRevoked{Grant: grant, Reason: "over"}})
	if m, ok := guests.next(); !ok || m.event != "end" || m.data != `{"why":"right"}` {
		t.Fatalf("after the right was taken: %+v, %v", m, ok)
	}
	owners.want("grant.revoked", id)
	h.ended.Store(true)
	h.Submit(d.Note(id, "too late"))
	if m, ok := owners.next(); !ok || m.event != "end" || m.data != `{"why":"session"}` {
		t.Fatalf("after the session ended: %+v, %v", m, ok)
	}
	for _, r := range []*reader{guests, owners} {
		if m, ok := r.next(); ok {
			t.Fatalf("after the end: %+v", m)
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	h := newHouse(t)
	person, other := h.AddPerson(h.Org), h.AddPerson(h.Org)
	var held []*live.Stream
	for range live.MaxPerPerson {
		s, err := h.hub.Open(live.Viewer{Person: person})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
	}
	// One more of the same person takes the place of the oldest one.
	for _, who := range []event.UUID{person, other} {
		s, err := h.hub.Open(live.Viewer{Person: who})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
	}
	var said strings.Builder
	held[0].Run(bufio.NewWriter(&said))
	if !strings.Contains(said.String(), `{"why":"replaced"}`) {
		t.Errorf("the oldest stream says %q", said.String())
	}
	held = held[1:]
	for h.hub.Streams() < live.MaxStreams {
		s, err := h.hub.Open(live.Viewer{Person: h.ID()})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
	}
	if _, err := h.hub.Open(live.Viewer{Person: h.ID()}); !errors.Is(err, live.ErrFull) {
		t.Fatalf("one more than there may be: %v", err)
	}
	h.hub.Close()
	for _, s := range held {
		s.Run(bufio.NewWriter(new(strings.Builder)))
	}
	if _, err := h.hub.Open(live.Viewer{Person: other}); !errors.Is(err, live.ErrClosed) {
		t.Fatalf("after the end: %v", err)
	}
}

func TestAClientThatTakesNothingHoldsUpNobody(t *testing.T) {
	h := newHouse(t)
	d := h.AddDevice()
	id := h.begin(d, "2026-HW-5")
	conn, err := net.Dial("tcp", strings.TrimPrefix(strings.Split(h.url, "/live")[0], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /live?person=%s HTTP/1.1\r\nHost: x\r\n\r\n", d.Person); err != nil {
		t.Fatal(err)
	}
	h.until("the stream is open", func() bool { return h.hub.Streams() == 1 })
	w := h.watch(d.Person, fmt.Sprintf("&after=%d", h.Engine.Size()-1), "")
	for range 20 {
		h.Submit(d.Note(id, strings.Repeat("y", 1000)))
		w.want("note.written", id)
	}
}
