package custody

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"

	"github.com/go-json-experiment/json/jsontext"
)

// TestAnySubsetIsJudged: a bundle may hold any part of a case, so every rule has
// to bear that what it looks for is not there. judge checks the texts.
func TestAnySubsetIsJudged(t *testing.T) {
	whole := troubled(t)
	entries := whole.in.Entries
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		keep := 1 + rnd.IntN(9)
		var part []Entry
		for _, e := range entries {
			if rnd.IntN(10) < keep {
				part = append(part, e)
			}
		}
		whole.in.Entries, whole.in.Hidden = part, seed%2 == 0
		whole.in.Now = ts("2026-03-02T08:00:00+08:00").Time().Add(time.Duration(rnd.IntN(60*24)) * time.Hour)
		whole.judge()
	}
}

// TestEveryKindOfEventIsJudged: the complete example of every type in one case,
// whose references lead nowhere, and each of them alone.
func TestEveryKindOfEventIsJudged(t *testing.T) {
	s := newStory(t)
	first := len(s.in.Entries)
	device := s.people["zhang"].device
	seq := s.devices[device].seq
	for i, typ := range event.Types() {
		body := eventtest.Bodies()[typ]
		seq++
		s.in.Entries = append(s.in.Entries, Entry{
			Index: int64(first + i), Received: s.in.Now, ID: event.ID{byte(i), 1}, Body: body, Key: s.devices[device].key,
			Event: &event.Payload{V: 1, Type: typ, UUID: event.UUID{byte(i), 2}, Case: s.kase, Device: device, Seq: seq, Actor: s.people["zhang"].person,
				Clock: event.Clock{Wall: "2026-11-24T10:00:00+08:00", Source: "gnss"}},
		})
	}
	all := s.in.Entries
	s.judge()
	for i := first; i < len(all); i++ {
		s.in.Entries = append(all[:first:first], all[i])
		s.judge()
	}
}

// TestDeepTrail: sub-samples of sub-samples beyond any that a bench makes.
func TestDeepTrail(t *testing.T) {
	sc := play(t, plot{until: "report"})
	parent := sampleRef(sc.sample.Sample)
	for range 40 {
		part := *sc.aliquot
		part.Subsample, part.Parent, part.MassIn, part.MassOut, part.Unit = sc.uuid(), parent, nil, nil, ""
		sc.do("chen", "2026-03-04T09:10:00+08:00", &part)
		parent = subsampleRef(part.Subsample)
	}
	report := &event.ResultsReported{Report: sc.uuid(), ReportNo: "deep", Lab: sc.orgID("lab"), Analyst: sc.people["chen"].person,
		Results: []event.Result{sc.result(parent, "deep", "3")}}
	sc.do("chen", "2026-03-06T10:00:00+08:00", report)
	sc.judge()
}

// FuzzChanges: whatever an amendment lists, the copy is JSON or refused, and the
// original stays as it was.
func FuzzChanges(f *testing.F) {
	f.Add(`{"a":1,"b":[1,{"c":"x"}]}`, "/b/1/c", `"x"`, `"y"`)
	f.Add(`{"a":1}`, "/a", "1", "")
	f.Add(`{"a":{}}`, "/a/~0~1", "", "null")
	f.Add(`{"a":[]}`, "/a/-", "", "[]")
	f.Fuzz(func(t *testing.T, body, path, before, after string) {
		if len(path) < 2 || path[0] != '/' || !jsontext.Value(body).IsValid() {
			return
		}
		raw := jsontext.Value(body)
		kept := bytes.Clone(raw)
		got, err := applyChanges(raw, []event.Change{{Path: path, Old: before, New: after}})
		if !bytes.Equal(raw, kept) {
			t.Fatal("the original was changed")
		}
		if err == nil && len(got) > 0 && !got.IsValid() {
			t.Fatalf("not JSON: %s", got)
		}
	})
}
