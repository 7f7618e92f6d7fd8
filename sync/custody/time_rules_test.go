package custody

import (
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// wantVariant requires exactly one finding, of one variant, with the words given.
func (s *ground) wantVariant(code Code, variant string, words ...string) {
	s.t.Helper()
	list := s.expect(code, 1)
	if len(list) != 1 {
		return
	}
	if list[0].Variant != variant {
		s.t.Errorf("%s: variant %q, want %q", code, list[0].Variant, variant)
	}
	for _, w := range words {
		if !strings.Contains(list[0].Explanation.EN, w) {
			s.t.Errorf("%s: %q is not in: %s", code, w, list[0].Explanation.EN)
		}
	}
}

func TestClockJump(t *testing.T) {
	reboot := func(s *ground, when time.Time) { s.inspect.boot, s.inspect.booted = s.uuid(), when }
	for _, v := range []struct {
		name    string
		play    func(s *ground)
		variant string
		n       int
		words   []string
	}{
		{"runs evenly", func(s *ground) { s.inspect.note(at(1)); s.inspect.note(at(600)) }, "", 0, nil},
		{"off by half an hour, but steadily", func(s *ground) { s.inspect.note(at(1), wall(at(31))); s.inspect.note(at(2), wall(at(32))) }, "", 1, []string{"1 times", "30 min"}},
		{"within the tolerance", func(s *ground) { s.inspect.note(at(1)); s.inspect.note(at(2), wall(at(2.5))) }, "", 0, nil},
		{"forwards within a boot", func(s *ground) { s.inspect.note(at(1)); s.inspect.note(at(2), wall(at(12))) }, "", 1, []string{"10 min"}},
		{"backwards within a boot", func(s *ground) { s.inspect.note(at(1)); s.inspect.note(at(20), wall(at(1))) }, "", 1, []string{"19 min"}},
		{"backwards over a reboot", func(s *ground) {
			s.inspect.note(at(30))
			reboot(s, at(31))
			s.inspect.note(at(32), wall(at(5)))
		}, "backwards", 1, []string{"25 min"}},
		{"forwards over a reboot", func(s *ground) {
			s.inspect.note(at(30))
			reboot(s, at(31))
			s.inspect.note(at(32), wall(at(500)))
		}, "", 0, nil},
		{"set to the server's time", func(s *ground) {
			s.inspect.booted = at(0)
			s.inspect.note(at(1), wall(at(11)))
			s.inspect.seal(at(2), &event.ClockObserved{ServerWall: event.StampOf(at(2)), OffsetMS: -600_000, RoundTripMS: 100}, wall(at(12)))
			s.inspect.note(at(3), wall(at(3)))
		}, "corrected", 2, nil},
		{"running time goes back", func(s *ground) {
			s.inspect.note(at(10))
			s.inspect.note(at(11), func(e *Entry) { e.Event.Clock.MonoMS = 5 })
		}, "running", 1, nil},
	} {
		s := newGround(t)
		v.play(s)
		list := s.expect("DEVICE_CLOCK_JUMP", v.n)
		if len(list) == 0 {
			continue
		}
		ok := false
		for _, d := range list {
			ok = ok || d.Variant == v.variant
			for _, w := range v.words {
				if !strings.Contains(d.Explanation.EN, w) {
					t.Errorf("%s: %q is not in: %s", v.name, w, d.Explanation.EN)
				}
			}
		}
		if !ok || t.Failed() {
			t.Errorf("%s: variants %v, want %q", v.name, explanations(list), v.variant)
		}
	}
}

func TestClockOffset(t *testing.T) {
	for _, v := range []struct {
		ms   int64
		n    int
		word string
	}{{119_000, 0, ""}, {121_000, 1, "behind"}, {-121_000, 1, "ahead of"}} {
		s := newGround(t)
		s.inspect.note(at(1))
		s.inspect.seal(at(2), &event.ClockObserved{ServerWall: event.StampOf(at(2)), OffsetMS: v.ms})
		list := s.expect("DEVICE_CLOCK_OFFSET", v.n)
		if v.n == 1 && len(list) == 1 && !strings.Contains(list[0].Explanation.EN, v.word) {
			t.Errorf("%d ms: %s", v.ms, list[0].Explanation.EN)
		}
	}
}

func TestClaimedTimeAgainstTheProof(t *testing.T) {
	for _, v := range []struct {
		name    string
		claim   time.Time
		n       int
		variant string
	}{
		{"inside", at(20), 0, ""},
		{"within the tolerance before", at(8.5), 0, ""},
		{"before the checkpoint it embeds", at(1), 1, ""},
		{"after its receipt", at(45), 1, "late"},
	} {
		s := newGround(t)
		s.inspect.sees(s.checkpoint(at(10)))
		s.inspect.note(at(20), wall(v.claim), received(at(30)))
		list := s.expect("TIME_CLAIM_REFUTED", v.n)
		if len(list) == 1 && list[0].Variant != v.variant {
			t.Errorf("%s: variant %q", v.name, list[0].Variant)
		}
	}
}

func TestWideIntervals(t *testing.T) {
	s := newGround(t)
	s.inspect.sees(s.checkpoint(at(1)))
	s.inspect.note(at(10), received(at(1+24*60)))
	s.expect("INTERVAL_TOO_WIDE", 0)
	s.in.Entries[len(s.in.Entries)-1].Received = at(2 + 24*60)
	s.wantVariant("INTERVAL_TOO_WIDE", "", "wider than 24 h", "1 events")
	s.in.Hidden = true
	if r := s.evaluate(); len(found(r.NotShown, "INTERVAL_TOO_WIDE")) != 1 {
		t.Error("under selective disclosure a wide interval may be narrower than shown, and is not a defect")
	}
}

func TestOpenIntervals(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(10))
	s.expect("INTERVAL_TOO_WIDE", 0) // no checkpoint is known at all
	s.checkpoint(at(11))
	s.auth.caseless = false
	s.auth.seal(at(12), &event.CaseGranted{Grant: s.uuid(), Org: s.org, Right: "read", Reason: "takes part"})
	s.wantVariant("INTERVAL_TOO_WIDE", "open", "Not before: open", "of Li Wei")
}

func TestLateSync(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(0), received(at(48*60)))
	s.expect("LATE_SYNC", 0)
	s.inspect.note(at(1), received(at(50*60)))
	s.inspect.note(at(2), received(at(52*60)))
	s.wantVariant("LATE_SYNC", "", "2 events", "2 d 3 h")
}

// A wrong wall clock neither makes nor hides a late sync where the device compared it.
func TestLateSyncReckonsWithTheEstimate(t *testing.T) {
	s := newGround(t)
	wrong := -10 * 24 * time.Hour
	s.inspect.seal(at(0), &event.ClockObserved{ServerWall: event.StampOf(at(0)), OffsetMS: -wrong.Milliseconds()}, wall(at(0).Add(wrong)))
	s.inspect.note(at(1), wall(at(1).Add(wrong)), received(at(60)))
	s.expect("LATE_SYNC", 0)
}

func TestPendingAndGap(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(0))
	s.inspect.note(at(1))
	s.in.Entries = s.in.Entries[:len(s.in.Entries)-1]
	s.inspect.note(at(2), func(e *Entry) { e.Pending = true })
	s.in.Now = at(47 * 60)
	s.wantVariant("EVENT_PENDING", "", "event 3 of its chain")
	s.expect("LEDGER_FORK_OR_GAP", 0)
	s.in.Now = at(49 * 60)
	s.wantVariant("LEDGER_FORK_OR_GAP", "gap", "wait for number 3")
	s.in.Entries[len(s.in.Entries)-1].Pending = false
	s.expect("EVENT_PENDING", 0)
	s.expect("LEDGER_FORK_OR_GAP", 0)
}

func TestFork(t *testing.T) {
	s := newGround(t)
	e := *s.inspect.note(at(0))
	line := QuarantinedEntry{Index: 90, Code: "FORK", Claimed: event.Payload{Device: s.inspect.id, Seq: e.Event.Seq}}
	other := line
	other.Claimed.Device = s.uuid()
	s.in.Quarantine = []QuarantinedEntry{other}
	s.expect("LEDGER_FORK_OR_GAP", 0)
	s.in.Quarantine = []QuarantinedEntry{line, {Index: 91, Code: seal.CodeMalformedPayload, Claimed: line.Claimed}}
	s.wantVariant("LEDGER_FORK_OR_GAP", "", "1 lines", "ledger index 90", "Nobody has decided")
	// One that stands before what it names speaks of a former log's place of that number.
	s.inspect.seal(at(2), &event.QuarantineSettled{Index: 90, Resolution: "acknowledged", Reason: "another"}, func(e *Entry) { e.Index = 80 })
	s.wantVariant("LEDGER_FORK_OR_GAP", "", "Nobody has decided")
	s.inspect.seal(at(3), &event.QuarantineSettled{Index: 90, Resolution: "rejected", Reason: "copied phone"}, func(e *Entry) { e.Index = 92 })
	s.wantVariant("LEDGER_FORK_OR_GAP", "", "rejected by Li Wei (copied phone)")
}

func TestBrokenLink(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(0))
	s.inspect.note(at(1), func(e *Entry) { e.Event.Prev = event.ID{1} })
	s.wantVariant("LEDGER_FORK_OR_GAP", "links")
}

func TestEmbeddedCheckpointThatContradictsTheLedger(t *testing.T) {
	s := newGround(t)
	c := s.checkpoint(at(1))
	s.inspect.sees(c)
	s.inspect.note(at(2))
	s.expect("LEDGER_FORK_OR_GAP", 0)
	s.inspect.seen = &event.Seen{Origin: "log.example", Size: c.Size, Root: event.Root{9}}
	s.inspect.note(at(3))
	s.inspect.note(at(4))
	s.wantVariant("LEDGER_FORK_OR_GAP", "checkpoint")
	for i := range s.in.Entries {
		if seen := s.in.Entries[i].Event.Seen; seen != nil {
			seen.Origin = "another.example"
		}
	}
	s.expect("LEDGER_FORK_OR_GAP", 0)
}

func TestQuarantinedForItsKey(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(0))
	line := QuarantinedEntry{Index: 90, Code: "REVOKED_KEY", Claimed: event.Payload{Device: s.uuid(), Case: s.uuid()}}
	s.in.Quarantine = []QuarantinedEntry{line}
	s.expect("KEY_REVOKED_OR_UNKNOWN", 0)
	s.in.Quarantine[0].Claimed.Case = s.in.Case
	s.wantVariant("KEY_REVOKED_OR_UNKNOWN", "", "REVOKED_KEY", "ledger index 90")
	s.in.Quarantine[0].Code = seal.CodeFutureSchema
	s.expect("KEY_REVOKED_OR_UNKNOWN", 0)
}

func TestEventsNearARevocation(t *testing.T) {
	for _, v := range []struct {
		hours float64
		n     int
	}{{23, 1}, {25, 0}} {
		s := newGround(t)
		s.inspect.note(at(0))
		s.auth.seal(at(v.hours*60), &event.DeviceRevoked{Device: s.inspect.id, Key: event.Digest(s.inspect.key), Reason: "lost"})
		list := s.expect("KEY_REVOKED_OR_UNKNOWN", v.n)
		if len(list) == 1 && list[0].Variant != "revoked" {
			t.Errorf("variant %q", list[0].Variant)
		}
	}
	// An upper bound well before the revocation outranks a claim of the last minute.
	s := newGround(t)
	s.inspect.note(at(0), wall(at(29*60)), received(at(1)))
	s.auth.seal(at(30*60), &event.DeviceRevoked{Device: s.inspect.id, Key: event.Digest(s.inspect.key), Reason: "lost"})
	s.expect("KEY_REVOKED_OR_UNKNOWN", 0)
}

func TestKeyWithoutEnrolment(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(0))
	s.expect("KEY_REVOKED_OR_UNKNOWN", 0)
	s.inspect.note(at(1), func(e *Entry) { e.Key = seal.KeyID{1} })
	s.wantVariant("KEY_REVOKED_OR_UNKNOWN", "unknown", "1 events")
	s.in.Hidden = true
	s.expect("KEY_REVOKED_OR_UNKNOWN", 0)
}
