package custody

import (
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
)

// interval evaluates and gives one event's interval.
func (s *ground) interval(id event.ID) Interval {
	s.t.Helper()
	return s.evaluate().Intervals[id]
}

func (s *ground) wantBound(what string, at time.Time, by Basis, want time.Time, wantBy Basis) {
	s.t.Helper()
	if !at.Equal(want) || by != wantBy {
		s.t.Errorf("%s is %v by %+v, want %v by %+v", what, at, by, want, wantBy)
	}
}

func TestBoundsOfAnEventByItself(t *testing.T) {
	s := newGround(t)
	c := s.checkpoint(at(0.5))
	s.in.Checkpoints[0].Witnessed = at(1)
	s.inspect.sees(c)
	e := s.inspect.note(at(10), received(at(30)))
	s.checkpoint(at(31).Add(500 * time.Millisecond))
	s.in.Checkpoints[1].Witnessed = at(32)
	in := s.interval(e.ID)
	s.wantBound("not before", in.NotBefore, in.NotBeforeBy, at(1), Basis{Kind: ByWitness, Size: c.Size})
	s.wantBound("not after", in.NotAfter, in.NotAfterBy, at(30), Basis{Kind: ByReceipt})
	w := in.Witnessed
	s.wantBound("witnessed not before", w.NotBefore, w.NotBeforeBy, at(1), Basis{Kind: ByWitness, Size: c.Size})
	s.wantBound("witnessed not after", w.NotAfter, w.NotAfterBy, at(32).Add(time.Second), Basis{Kind: ByWitness, Size: s.in.Checkpoints[1].Size})
	if in.WidthMS != 29*60_000 {
		t.Errorf("width is %v", in.WidthMS)
	}
}

func TestOnlyACheckpointOfThisLedgerBounds(t *testing.T) {
	for _, v := range []struct {
		name   string
		change func(*event.Seen)
		want   BasisKind
	}{
		{"the very note", func(*event.Seen) {}, ByCheckpoint},
		{"another note over the same root", func(s *event.Seen) { s.Note = event.Digest{1} }, ByReceipt},
		{"another root", func(s *event.Seen) { s.Root = event.Root{1} }, ""},
		{"another size", func(s *event.Seen) { s.Size++ }, ""},
	} {
		s := newGround(t)
		s.inspect.sees(s.checkpoint(at(1)))
		v.change(s.inspect.seen)
		e := s.inspect.note(at(10))
		if in := s.interval(e.ID); in.NotBeforeBy.Kind != v.want || in.NotBefore.IsZero() != (v.want == "") {
			t.Errorf("%s: not before %v by %q, want %q", v.name, in.NotBefore, in.NotBeforeBy.Kind, v.want)
		}
	}
}

func TestOpenBoundsStayOpen(t *testing.T) {
	s := newGround(t)
	e := s.inspect.note(at(10), received(time.Time{}))
	in := s.interval(e.ID)
	if !in.NotBefore.IsZero() || !in.NotAfter.IsZero() || in.WidthMS != 0 || in.Witnessed != nil {
		t.Errorf("bounds were made up: %+v", in)
	}
	lower, upper := in.Reasons()
	if !strings.HasPrefix(lower.EN, "open") || !strings.HasPrefix(upper.EN, "open") || lower.ZH == "" || upper.ZH == "" {
		t.Errorf("the open sides are not stated: %q, %q", lower, upper)
	}
}

func TestBoundsAreInheritedAlongTheChain(t *testing.T) {
	s := newGround(t)
	s.inspect.sees(s.checkpoint(at(1)))
	first := *s.inspect.note(at(10), received(at(90)))
	s.inspect.seen = nil
	middle := *s.inspect.note(at(11), received(at(80)))
	last := *s.inspect.note(at(12), received(at(20)))
	in := s.interval(middle.ID)
	s.wantBound("not before", in.NotBefore, in.NotBeforeBy, at(1), Basis{Kind: ByCheckpoint, Size: s.in.Checkpoints[0].Size, Via: first.ID, Path: PathNamed})
	s.wantBound("not after", in.NotAfter, in.NotAfterBy, at(20), Basis{Kind: ByReceipt, Via: last.ID, Path: PathNamed})
	in = s.interval(first.ID)
	s.wantBound("not after, two on", in.NotAfter, in.NotAfterBy, at(20), Basis{Kind: ByReceipt, Via: last.ID, Path: PathNamed})
	in = s.interval(last.ID)
	s.wantBound("own not after", in.NotAfter, in.NotAfterBy, at(20), Basis{Kind: ByReceipt})
}

// first -> (not shown) -> last
func TestBoundsAcrossEventsThatAreNotHere(t *testing.T) {
	for _, pending := range []bool{false, true} {
		s := newGround(t)
		s.inspect.sees(s.checkpoint(at(1)))
		first := *s.inspect.note(at(10), received(at(90)))
		s.inspect.seen = nil
		s.inspect.note(at(11))
		s.in.Entries = s.in.Entries[:len(s.in.Entries)-1]
		last := *s.inspect.note(at(12), received(at(20)), func(e *Entry) { e.Pending = pending })
		in, before := s.interval(last.ID), s.interval(first.ID)
		if pending {
			if !in.NotBefore.IsZero() || !before.NotAfter.Equal(at(90)) {
				t.Errorf("an order that is not proven was used: %+v, %+v", in, before)
			}
			continue
		}
		s.wantBound("not before", in.NotBefore, in.NotBeforeBy, at(1), Basis{Kind: ByCheckpoint, Size: s.in.Checkpoints[0].Size, Via: first.ID, Path: PathSequence})
		s.wantBound("not after", before.NotAfter, before.NotAfterBy, at(20), Basis{Kind: ByReceipt, Via: last.ID, Path: PathSequence})
		if text := in.NotBeforeBy.Text(true); !strings.Contains(text.EN, "sequence numbers") || text.ZH == "" {
			t.Errorf("the weaker path is not stated: %q", text.EN)
		}
	}
}

func TestBoundsPassFromDeviceToDevice(t *testing.T) {
	s := newGround(t)
	other := s.device(s.officer[1])
	s.inspect.sees(s.checkpoint(at(1)))
	id := s.uuid()
	terms := termsText(s, id)
	digest := event.TermsDigest(terms)
	offer := *s.inspect.seal(at(10), &event.CustodyOffered{Terms: terms, Digest: digest}, received(at(500)))
	accept := *other.seal(at(11), &event.CustodyAccepted{Handover: id, Terms: terms, Digest: digest, Offer: offer.ID, OfferDevice: s.inspect.id, Received: event.StampOf(at(11)), Count: 1}, received(at(60)))
	conclude := *s.inspect.seal(at(12), &event.CustodyConcluded{Handover: id, Digest: digest, Acceptance: accept.ID, AcceptDevice: other.id}, received(at(500)))
	in := s.interval(accept.ID)
	s.wantBound("acceptance not before", in.NotBefore, in.NotBeforeBy, at(1), Basis{Kind: ByCheckpoint, Size: s.in.Checkpoints[0].Size, Via: offer.ID, Path: PathNamed})
	in = s.interval(offer.ID)
	s.wantBound("offer not after", in.NotAfter, in.NotAfterBy, at(60), Basis{Kind: ByReceipt, Via: accept.ID, Path: PathNamed})
	in = s.interval(conclude.ID)
	s.wantBound("conclusion not after", in.NotAfter, in.NotAfterBy, at(500), Basis{Kind: ByReceipt})
}

func TestTokenBoundsOnlyWhenVerified(t *testing.T) {
	for _, verified := range []bool{true, false} {
		s := newGround(t)
		e := s.inspect.note(at(10), received(at(30)))
		s.checkpoint(at(31))
		s.in.Checkpoints[0].Tokens = []Token{{Time: at(40), Verified: verified, Authority: "TSA", Detail: "no chain"}}
		in := s.interval(e.ID)
		if verified != (in.Witnessed != nil) {
			t.Errorf("verified %v: witnessed bounds %+v", verified, in.Witnessed)
		}
		n := 1
		if verified {
			n = 0
			s.wantBound("not after", in.Witnessed.NotAfter, in.Witnessed.NotAfterBy, at(40).Add(time.Second), Basis{Kind: ByToken, Size: s.in.Checkpoints[0].Size})
		}
		s.expect("TIMESTAMP_TOKEN_UNVERIFIED", n)
	}
}

func TestEstimateFollowsTheRunningTime(t *testing.T) {
	s := newGround(t)
	d := s.inspect
	fast := 40 * time.Minute
	before := *d.note(at(10), wall(at(10).Add(fast)))
	// The wall clock is set back at minute 12; the running time does not notice.
	sight := *d.seal(at(20), &event.ClockObserved{ServerWall: event.StampOf(at(20)), OffsetMS: -int64((fast - time.Hour) / time.Millisecond), RoundTripMS: 200}, wall(at(20).Add(fast-time.Hour)))
	after := *d.note(at(25), wall(at(25).Add(fast-time.Hour)))
	d.boot, d.booted = s.uuid(), at(26)
	rebooted := *d.note(at(27), wall(at(27).Add(fast)))
	for _, v := range []struct {
		id   event.ID
		want time.Time
	}{{before.ID, at(10)}, {sight.ID, at(20)}, {after.ID, at(25)}, {rebooted.ID, time.Time{}}} {
		in := s.interval(v.id)
		if !in.Estimated.Equal(v.want) {
			t.Errorf("estimated %v, want %v", in.Estimated, v.want)
		}
		if !v.want.IsZero() && (in.EstimatedBy != sight.ID || in.WithinMS < 100 || in.WithinMS > 1000) {
			t.Errorf("estimate by %v within %v", in.EstimatedBy, in.WithinMS)
		}
	}
}

func TestImpossibleOrder(t *testing.T) {
	s := newGround(t)
	c := s.checkpoint(at(50))
	s.inspect.sees(c)
	s.inspect.note(at(10), received(at(30)))
	s.inspect.seen = nil
	s.inspect.note(at(11), received(at(31)))
	list := s.expect("TIME_ORDER_IMPOSSIBLE", 2)
	if len(list) > 0 && list[0].Severity != Fatal {
		t.Error("not fatal")
	}
	s.in.Entries[len(s.in.Entries)-2].Received = at(50)
	s.in.Entries[len(s.in.Entries)-1].Received = at(51)
	s.expect("TIME_ORDER_IMPOSSIBLE", 0)
}

// Witnesses have clocks of their own: that one is ahead by less than an operator
// would be told of makes no event impossible. The ledger's own times are by one clock.
func TestOtherClocks(t *testing.T) {
	for ahead, want := range map[time.Duration]int{0: 0, time.Second: 0, 30 * time.Second: 0, 31 * time.Second: 1, time.Hour: 1} {
		s := newGround(t)
		s.checkpoint(at(10))
		last := &s.in.Checkpoints[len(s.in.Checkpoints)-1]
		last.Witnessed, last.Witnesses = at(20).Add(ahead), 2
		s.inspect.sees(*last)
		s.inspect.note(at(15), received(at(20)))
		if list := s.expect("TIME_ORDER_IMPOSSIBLE", want); want == 1 && !strings.Contains(list[0].Explanation.EN, "witnesses") {
			t.Errorf("%v ahead: %s", ahead, list[0].Explanation.EN)
		}
	}
	s := newGround(t)
	s.inspect.sees(s.checkpoint(at(20).Add(time.Second)))
	s.inspect.note(at(15), received(at(20)))
	s.expect("TIME_ORDER_IMPOSSIBLE", 1)
}

// Two links that name each other's events cannot come from real hashes.
func TestCircleOfNames(t *testing.T) {
	s := newGround(t)
	link := func(d *sealer, when time.Time) *Entry {
		ref := event.Ref{Kind: "site", ID: s.uuid()}
		return d.seal(when, &event.LinkRecorded{Link: s.uuid(), From: ref, To: ref, Relation: "r", Basis: "b"})
	}
	other := s.device(s.officer[1])
	link(s.inspect, at(1))
	link(other, at(2))
	a, b := &s.in.Entries[len(s.in.Entries)-2], &s.in.Entries[len(s.in.Entries)-1]
	a.Body.(*event.LinkRecorded).Events = []event.ID{b.ID}
	s.expect("TIME_ORDER_IMPOSSIBLE", 0)
	b.Body.(*event.LinkRecorded).Events = []event.ID{a.ID}
	list := s.expect("TIME_ORDER_IMPOSSIBLE", 1)
	if len(list) == 1 && list[0].Variant != "circle" {
		t.Errorf("variant %q", list[0].Variant)
	}
}
