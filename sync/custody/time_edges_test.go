package custody

import (
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
)

func TestTheLargestJumpIsNamed(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(1))
	s.inspect.note(at(2), wall(at(7)))
	s.inspect.note(at(3), wall(at(28)))
	s.inspect.note(at(4), wall(at(30)))
	s.wantVariant("DEVICE_CLOCK_JUMP", "", "3 times", "largest step was 20 min", "08:07:00", "08:28:00")
}

func TestStandingStillIsNoJump(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(1))
	s.inspect.note(at(1))
	s.expect("DEVICE_CLOCK_JUMP", 0)
}

func TestAnOpenSideIsNotImpossible(t *testing.T) {
	s := newGround(t)
	s.inspect.sees(s.checkpoint(at(1)))
	e := s.inspect.note(at(10), received(time.Time{}))
	if in := s.interval(e.ID); in.Impossible || in.WidthMS != 0 || in.NotBefore.IsZero() {
		t.Errorf("%+v", in)
	}
	s.expect("TIME_ORDER_IMPOSSIBLE", 0)
}

func TestTheFirstEntryOfTheLedgerIsBounded(t *testing.T) {
	s := newGround(t)
	if in := s.interval(s.in.Entries[0].ID); in.NotAfter.IsZero() {
		t.Error("entry 0 has no upper bound")
	}
}

func TestForkOfADeviceThatIsNotOfTheCase(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(0))
	s.in.Quarantine = []QuarantinedEntry{{Index: 90, Code: "FORK", Claimed: event.Payload{Device: s.uuid(), Case: s.in.Case, Seq: 3}}}
	s.expect("LEDGER_FORK_OR_GAP", 0)
}

// A fork at a number that is not here points to the last event of the chain.
func TestForkPointsToWhatItContradicts(t *testing.T) {
	s := newGround(t)
	first := *s.inspect.note(at(0))
	last := *s.inspect.note(at(1))
	for seq, want := range map[int64]event.ID{first.Event.Seq: first.ID, 99: last.ID} {
		s.in.Quarantine = []QuarantinedEntry{{Index: 90, Code: "CHAIN_BROKEN", Claimed: event.Payload{Device: s.inspect.id, Seq: seq}}}
		list := s.expect("LEDGER_FORK_OR_GAP", 1)
		if len(list) == 1 && (len(list[0].Events) != 1 || list[0].Events[0] != want) {
			t.Errorf("number %d: points to %v", seq, list[0].Events)
		}
	}
}

func TestLimitsBelongToWhatIsAllowed(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(0))
	s.auth.seal(at(24*60+1), &event.DeviceRevoked{Device: s.inspect.id, Key: event.Digest(s.inspect.key), Reason: "lost"})
	s.expect("KEY_REVOKED_OR_UNKNOWN", 0)
	s = newGround(t)
	s.inspect.note(at(0))
	s.auth.seal(at(24*60), &event.DeviceRevoked{Device: s.inspect.id, Key: event.Digest(s.inspect.key), Reason: "lost"})
	s.expect("KEY_REVOKED_OR_UNKNOWN", 1)
	s = newGround(t)
	s.inspect.note(at(0))
	s.inspect.seq++ // one is missing
	s.inspect.note(at(1), received(at(1)), func(e *Entry) { e.Pending, e.Event.Prev = true, event.ID{5} })
	s.in.Now = at(1 + 48*60)
	s.expect("LEDGER_FORK_OR_GAP", 0)
	s.in.Now = s.in.Now.Add(time.Second)
	s.wantVariant("LEDGER_FORK_OR_GAP", "gap")
}

// A hundred events under one wrong clock are one finding that lists a few of them.
func TestOneFindingForOneFact(t *testing.T) {
	s := newGround(t)
	for i := range 100 {
		s.inspect.note(at(float64(i)), received(at(50*60+float64(i))))
	}
	list := s.expect("LATE_SYNC", 1)
	if len(list) == 1 && (len(list[0].Events) != maxListed || !strings.Contains(list[0].Explanation.EN, "100 events")) {
		t.Errorf("%d events listed: %s", len(list[0].Events), list[0].Explanation.EN)
	}
}

func TestBasisIsAlwaysInWords(t *testing.T) {
	for _, kind := range []BasisKind{ByWitness, ByToken, ByCheckpoint, ByReceipt} {
		for _, path := range []Path{"", PathNamed, PathSequence} {
			for _, lower := range []bool{true, false} {
				b := Basis{Kind: kind, Size: 7, Path: path}
				if path != "" {
					b.Via = event.ID{1}
				}
				text := b.Text(lower)
				if kind == ByToken && lower { // a token never bounds from below
					if !text.IsZero() {
						t.Errorf("%+v below: %q", b, text.EN)
					}
					continue
				}
				if text.EN == "" || text.ZH == "" || (path == "") == strings.Contains(text.EN, "inherited") {
					t.Errorf("%+v: %q, %q", b, text.EN, text.ZH)
				}
			}
		}
	}
}
