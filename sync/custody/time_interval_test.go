package custody

import (
	"fmt"
	"testing"
	"time"

	"fieldseal/sync/event"

	"pgregory.net/rapid"
)

// world simulates devices whose wall clocks lie, drift and jump, and an honest
// ledger with honest witnesses, by true time.
type world struct {
	t      *rapid.T
	s      *ground
	now    time.Time
	truth  map[event.ID]time.Time
	phones []*phone
	ledger []Entry
}

// phone is a device in the field: what it sealed and has not handed in waits.
type phone struct {
	d       *sealer
	waiting []Entry
	offset  time.Duration
	drift   int64 // parts per million
	liar    bool
}

func (w *world) pass(most time.Duration) {
	w.now = w.now.Add(time.Duration(rapid.Int64Range(1, most.Milliseconds()).Draw(w.t, "pass")) * time.Millisecond)
}

// shows is what the phone's wall clock shows.
func (p *phone) shows(w *world) time.Time {
	ran := w.now.Sub(dawn)
	t := w.now.Add(p.offset + ran/1_000_000*time.Duration(p.drift))
	if p.liar {
		t = dawn.Add(time.Duration(rapid.Int64Range(-100_000, 100_000).Draw(w.t, "lie")) * time.Second)
	}
	return t
}

func (w *world) seal(p *phone, body event.Body) *Entry {
	e := p.d.seal(w.now, body, wall(p.shows(w)))
	w.truth[e.ID] = w.now
	p.waiting = append(p.waiting, *e)
	return &p.waiting[len(p.waiting)-1]
}

// hand brings what waits to the ledger, or a part of it.
func (w *world) hand(p *phone) {
	n := rapid.IntRange(0, len(p.waiting)).Draw(w.t, "hand in")
	for _, e := range p.waiting[:n] {
		w.now = w.now.Add(time.Millisecond)
		e.Index, e.Received = int64(len(w.ledger)), w.now
		w.ledger = append(w.ledger, e)
	}
	p.waiting = p.waiting[n:]
}

// checkpoint signs the ledger and, some seconds later, has it cosigned in whole seconds.
func (w *world) checkpoint() {
	c := CheckpointTime{Size: int64(len(w.ledger)), Root: w.root(len(w.ledger)), Signed: w.now, Note: w.s.hash()}
	if rapid.Bool().Draw(w.t, "witnessed") {
		w.pass(20 * time.Second)
		c.Witnessed = w.now.Truncate(time.Second)
		if rapid.Bool().Draw(w.t, "token") {
			w.pass(20 * time.Second)
			c.Tokens = []Token{{Time: w.now.Truncate(time.Second), Verified: true}, {Time: dawn, Verified: false}}
		}
	}
	w.s.in.Checkpoints = append(w.s.in.Checkpoints, c)
}

func (w *world) root(size int) event.Root {
	var r event.Root
	copy(r[:], fmt.Sprintf("root of %d", size))
	return r
}

// look shows the phone a checkpoint: any old one, the very note or another one
// over the same root, or one of another log.
func (w *world) look(p *phone) {
	if len(w.s.in.Checkpoints) == 0 {
		return
	}
	c := rapid.SampledFrom(w.s.in.Checkpoints).Draw(w.t, "shown")
	p.d.seen = &event.Seen{Origin: "log.example", Size: c.Size, Root: c.Root, Note: c.Note}
	switch rapid.IntRange(0, 4).Draw(w.t, "kind of sight") {
	case 0:
		p.d.seen.Note = w.s.hash()
	case 1:
		p.d.seen.Root = w.root(int(c.Size) + 100_000)
	case 2:
		p.d.seen.Size += 100_000
	}
}

// resign signs the newest root again, later, under another note.
func (w *world) resign() {
	if n := len(w.s.in.Checkpoints); n > 0 && w.s.in.Checkpoints[n-1].Size == int64(len(w.ledger)) {
		w.s.in.Checkpoints[n-1].Signed = w.now
		w.s.in.Checkpoints[n-1].Note = w.s.hash()
		w.s.in.Checkpoints[n-1].Witnessed = time.Time{}
	}
}

func (w *world) step() {
	w.pass(3 * time.Minute)
	p := rapid.SampledFrom(w.phones).Draw(w.t, "phone")
	switch rapid.IntRange(0, 9).Draw(w.t, "step") {
	case 0, 1, 2:
		w.seal(p, &event.NoteWritten{Text: "x"})
	case 3:
		w.hand(p)
	case 4:
		w.checkpoint()
	case 5:
		w.look(p)
	case 6:
		p.offset += time.Duration(rapid.Int64Range(-7200, 7200).Draw(w.t, "jump")) * time.Second
	case 7:
		p.d.boot, p.d.booted = w.s.uuid(), w.now
	case 8:
		w.handover(p)
	case 9:
		w.resign()
	}
}

func (w *world) handover(p *phone) {
	handover := w.s.uuid()
	terms := termsText(w.s, handover)
	q := rapid.SampledFrom(w.phones).Draw(w.t, "to")
	offer := *w.seal(p, &event.CustodyOffered{Terms: terms, Digest: event.TermsDigest(terms)})
	w.pass(time.Minute)
	accepted := *w.seal(q, &event.CustodyAccepted{Handover: handover, Terms: terms, Digest: event.TermsDigest(terms),
		Offer: offer.ID, OfferDevice: p.d.id, Received: event.StampOf(dawn), Count: 1})
	w.pass(time.Minute)
	if rapid.Bool().Draw(w.t, "concluded") {
		w.seal(p, &event.CustodyConcluded{Handover: handover, Digest: event.TermsDigest(terms), Acceptance: accepted.ID, AcceptDevice: q.d.id})
	}
}

func termsText(s *ground, handover event.UUID) string {
	return fmt.Sprintf(`{"handover":%q,"case":%q,"from":{"name":"A"},"to":{"name":"B"},"mode":"by_hand","purpose":"analysis","place":"gate","relinquished":%q,"items":[{"item":{"kind":"sample","id":%q},"label":"S1","seal":"intact"}],"count":1}`,
		handover, s.in.Case, event.StampOf(dawn), s.uuid())
}

func newWorld(t *rapid.T) *world {
	s := newGround(t)
	w := &world{t: t, s: s, now: at(0), truth: map[event.ID]time.Time{}, ledger: s.in.Entries}
	for range 3 {
		p := &phone{d: s.device(s.officer[0])}
		p.offset = time.Duration(rapid.Int64Range(-86400, 86400).Draw(t, "offset")) * time.Second
		p.drift = rapid.Int64Range(-2000, 2000).Draw(t, "drift")
		p.liar = rapid.IntRange(0, 3).Draw(t, "liar") == 0
		w.phones = append(w.phones, p)
	}
	w.ledger = append([]Entry{}, s.in.Entries...)
	return w
}

func TestTrueTimeIsNeverOutsideTheInterval(t *testing.T) {
	bounded := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.step()
		}
		w.s.in.Entries, w.s.in.Now = w.ledger, w.now
		if rapid.Bool().Draw(t, "some are not shown") {
			w.s.in.Hidden = true
			w.s.in.Entries = nil
			for _, e := range w.ledger {
				if rapid.IntRange(0, 3).Draw(t, "shown") > 0 {
					w.s.in.Entries = append(w.s.in.Entries, e)
				}
			}
		}
		r := Evaluate(w.s.in)
		for _, e := range w.s.in.Entries {
			truth, known := w.truth[e.ID]
			if !known {
				continue
			}
			in := r.Intervals[e.ID]
			check(t, "interval", truth, in.NotBefore, in.NotAfter, in.NotBeforeBy, in.NotAfterBy)
			if in.Witnessed != nil {
				check(t, "witnessed", truth, in.Witnessed.NotBefore, in.Witnessed.NotAfter, in.Witnessed.NotBeforeBy, in.Witnessed.NotAfterBy)
			}
			if in.NotAfter.IsZero() {
				t.Fatalf("event %d of its chain was received and has no upper bound", e.Event.Seq)
			}
			if in.Impossible || len(found(r.Defects, "TIME_ORDER_IMPOSSIBLE")) > 0 {
				t.Fatal("an honest ledger shows an impossible order")
			}
			if !in.NotBefore.IsZero() {
				bounded++
			}
		}
	})
	if bounded == 0 {
		t.Error("no event ever had a lower bound: the simulation shows nothing")
	}
}

func check(t *rapid.T, what string, truth, notBefore, notAfter time.Time, by, bya Basis) {
	if !notBefore.IsZero() && truth.Before(notBefore) {
		t.Fatalf("%s: sealed at %v, not before %v (%+v)", what, truth, notBefore, by)
	}
	if !notAfter.IsZero() && truth.After(notAfter) {
		t.Fatalf("%s: sealed at %v, not after %v (%+v)", what, truth, notAfter, bya)
	}
}
