package custody

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

// troubled is a story in which much goes wrong on several devices.
func troubled(t testing.TB) *scene {
	return play(t, plot{
		samples: func(sc *scene) { sc.blank.Cooler = "K2"; sc.sample.StorageTempC = decp("11") },
		terms:   func(_ *scene, t *event.Terms) { t.Count = 3 },
		accept: func(_ *scene, a *event.CustodyAccepted) {
			a.Received, a.Seals[0].Seal = "2026-03-02T15:00:00+08:00", "broken"
		},
		accession: func(_ *scene, a *event.LabAccessioned) {
			a.LabelRead, a.Received = "W-007", "2026-03-02T15:05:00+08:00"
		},
		aliquot: func(_ *scene, b *event.SubsampleMade) { b.MassOut = decp("700") },
		report: func(sc *scene, b *event.ResultsReported) {
			b.Results[0].Analysed, b.Results[0].CAS = "2026-03-30T09:00:00+08:00", "71-43-9"
		},
		before: map[string]func(*scene){
			"handover": func(sc *scene) { reseal("S-999", "S-300")(sc); reseal("S-300", "S-100")(sc) },
			"end": func(sc *scene) {
				raiseResult("2026-03-09T10:00:00+08:00")(sc)
				sc.edit("chen", "2026-03-09T11:00:00+08:00", sc.sampled, relabel("W-001", "W-002"))
				sc.store("li", sc.sample, "2026-03-05T09:00:00+08:00")
				sc.do("wu", "2026-03-08T09:00:00+08:00", &event.NoteWritten{Text: "seen"})
				held(sc, sampleRef(sc.sample.Sample), "")
				sc.dispose(sampleRef(sc.sample.Sample), "2026-03-20T09:00:00+08:00")
				about := sampleRef(sc.sample.Sample)
				sc.do("sun", "2026-03-21T09:00:00+08:00", &event.WaiverGranted{Waiver: sc.uuid(), Defect: "LABEL_COC_MISMATCH", About: &about, Authority: "head", Reason: "smudged"})
				sc.do("zhang", "2026-03-21T09:00:00+08:00", &event.WaiverGranted{Waiver: sc.uuid(), Defect: "CUSTODY_GAP", Authority: "head", Reason: "traffic"})
			},
		},
	})
}

// arrivals gives a random order in which the ledger might have taken the same
// events: each device's chain in its own order, the devices in any.
func arrivals(rnd func(n int) int, entries []Entry) []Entry {
	chains := map[event.UUID][]Entry{}
	var devices []event.UUID
	for _, e := range entries {
		if chains[e.Event.Device] == nil {
			devices = append(devices, e.Event.Device)
		}
		chains[e.Event.Device] = append(chains[e.Event.Device], e)
	}
	var out []Entry
	for len(devices) > 0 {
		i := rnd(len(devices))
		d := devices[i]
		e := chains[d][0]
		e.Index = int64(len(out))
		out = append(out, e)
		if chains[d] = chains[d][1:]; len(chains[d]) == 0 {
			devices = slices.Delete(devices, i, i+1)
		}
	}
	return out
}

// judgement is a record without what rests on ledger indexes.
func judgement(t interface{ Fatal(...any) }, r *Record) []byte {
	c := *r
	c.Intervals = nil
	data, err := json.Marshal(&c, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	sc := troubled(t)
	want := judgement(t, sc.judge())
	if n := len(sc.judge().Defects); n < 15 {
		t.Fatalf("the troubled story has only %d defects\n%s", n, telling(sc.judge()))
	}
	rapid.Check(t, func(t *rapid.T) {
		in := sc.in
		in.Entries = arrivals(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "device") }, sc.in.Entries)
		if got := judgement(t, Evaluate(in)); !bytes.Equal(got, want) {
			t.Fatalf("another order of arrival gives another record:\n%s\n%s", got, want)
		}
	})
}

// TestSameInputSameOutput: no map order, no clock.
func TestSameInputSameOutput(t *testing.T) {
	sc := troubled(t)
	want := judgement(t, sc.judge())
	for range 20 {
		if got := judgement(t, sc.judge()); !bytes.Equal(got, want) {
			t.Fatalf("judged twice, two records:\n%s\n%s", got, want)
		}
	}
}

// TestInputIsNotChanged: the caller's entries stay as they were.
func TestInputIsNotChanged(t *testing.T) {
	sc := troubled(t)
	before := fmt.Sprintf("%+v", sc.in.Entries)
	bodies, err := json.Marshal(bodiesOf(sc.in.Entries), json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	sc.judge()
	after, err := json.Marshal(bodiesOf(sc.in.Entries), json.Deterministic(true))
	if err != nil || !bytes.Equal(bodies, after) || before != fmt.Sprintf("%+v", sc.in.Entries) {
		t.Errorf("judging changed what was judged (%v)", err)
	}
}

func bodiesOf(entries []Entry) (list []event.Body) {
	for _, e := range entries {
		list = append(list, e.Body)
	}
	return list
}

// TestRepeatedEntryCountsOnce: an event handed in twice is one event.
func TestRepeatedEntryCountsOnce(t *testing.T) {
	sc := troubled(t)
	want := judgement(t, sc.judge())
	in := sc.in
	in.Entries = slices.Concat(sc.in.Entries, sc.in.Entries[:20])
	if got := judgement(t, Evaluate(in)); !bytes.Equal(got, want) {
		t.Error("entries handed in twice change the record")
	}
}

// TestOtherCasesAreLeftOut: what belongs to another case is not judged here.
func TestOtherCasesAreLeftOut(t *testing.T) {
	sc := play(t, plot{})
	n := sc.judge().Events
	other := sc.uuid()
	sc.do("zhang", "2026-03-09T09:00:00+08:00", &event.NoteWritten{Text: "elsewhere"}, func(p *event.Payload) { p.Case = other })
	if got := sc.judge().Events; got != n {
		t.Errorf("%d events of the case, want %d", got, n)
	}
}

// TestCausalOrderBeatsWrongClocks: a receiver's clock that runs an hour behind
// makes no chain of custody out of order.
func TestCausalOrderBeatsWrongClocks(t *testing.T) {
	sc := play(t, beforeHandover(func(sc *scene) {
		sc.give("zhang", "li", "2026-03-02T14:00:00+08:00", "2026-03-02T13:02:00+08:00", hands(sc.sample, sc.blank))
		sc.give("li", "wang", "2026-03-02T13:30:00+08:00", "2026-03-02T14:32:00+08:00", hands(sc.sample, sc.blank))
	}))
	sc.wantNone("RECEIVER_NEQ_NEXT_RELINQUISHER", "CUSTODY_OVERLAP")
	sc.wantOne("RECEIVE_BEFORE_RELINQUISH", "li")
	for _, it := range sc.judge().Items {
		if it.Kind == Physical && it.Holder.Name != "wang" {
			t.Errorf("%s is held by %s", it.Label, it.Holder.Name)
		}
	}
}

// TestCircularIdsAreNotLost: entries whose ids name each other cannot come from
// hashes; handed in all the same, each is kept.
func TestCircularIdsAreNotLost(t *testing.T) {
	sc := play(t, plot{})
	note := func(id, target event.ID, device byte) Entry {
		p := &event.Payload{V: 1, Type: event.TypeEventAmended, UUID: event.UUID{device}, Case: sc.kase, Device: event.UUID{device}, Seq: 5, Clock: event.Clock{Wall: "2026-03-09T09:00:00Z"}}
		return Entry{ID: id, Event: p, Body: &event.EventAmended{Target: target, Reason: "x", Void: true}}
	}
	n := sc.judge().Events
	sc.in.Entries = append(sc.in.Entries, note(event.ID{1}, event.ID{2}, 1), note(event.ID{2}, event.ID{1}, 2))
	if got := Evaluate(sc.in).Events; got != n+2 {
		t.Errorf("%d events, want %d", got, n+2)
	}
}

// TestShuffledStories runs every order of some small broken stories with one seed each.
func TestShuffledStories(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		sc := troubled(t)
		cut := 20 + rnd.IntN(len(sc.in.Entries)-20)
		sc.in.Entries = sc.in.Entries[:cut] // a case in the middle of its life
		want := judgement(t, Evaluate(sc.in))
		in := sc.in
		in.Entries = arrivals(rnd.IntN, sc.in.Entries)
		if got := judgement(t, Evaluate(in)); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: another order of arrival gives another record", seed)
		}
	}
}
