package device_test

import (
	"testing"

	"fieldseal/api/server/servertest"
	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
)

// Whatever an organisation without a right in the case seals into it is accepted,
// but must not change what others call their things, nor the seal number that their
// next handover states. With the right, a laboratory's new seal counts.
func TestStrangersRenameNothing(t *testing.T) {
	s := servertest.Start(t)
	inspector, _ := enrol(t, s, "Li Wei", s.Org)
	lab := s.AddOrg("lab")
	stranger, _ := enrol(t, s, "Eve", lab)
	sync(t, inspector)
	k := capture(t, inspector, event.UUID{}, &event.CaseOpened{Number: "2026-17", Title: "Drums", Authority: "Bureau"}).Case
	saved := capture(t, inspector, k, &event.SampleCollected{Matrix: "water", SealNo: "S-1"})
	sample := *saved.Body.(*event.SampleCollected)
	ref := event.Ref{Kind: "sample", ID: sample.Sample}
	sync(t, inspector)

	other := sample
	other.Label, other.SealNo = "EVIL-1", "X-1"
	reseal := func(no string) *event.SealApplied {
		return &event.SealApplied{Item: ref, NewSeal: no, Reason: "opened for analysis", At: "2026-11-24T10:00:00Z"}
	}
	capture(t, stranger, k, &other)
	capture(t, stranger, k, reseal("X-2"))
	capture(t, stranger, k, &event.EventAmended{Target: saved.ID, Reason: "mistake", Void: true})
	capture(t, stranger, k, &event.CaseOpened{Number: "MINE", Title: "mine", Authority: "Eve"})
	sync(t, stranger)
	sync(t, inspector)
	is := func(when, label, sealNo string) {
		t.Helper()
		list, err := inspector.Things(t.Context(), device.ThingFilter{Kind: "sample"})
		if err != nil || len(list) != 1 || list[0].Label != label || list[0].SealNo != sealNo || list[0].Void {
			t.Errorf("%s: %+v, %v", when, list, err)
		}
	}
	is("after a stranger's records", "L-000001", "S-1")

	s.Author(ingest.Draft{Case: k, Body: &event.CaseGranted{Grant: s.ID(), Org: lab, Right: "write", Reason: "commissioned"}})
	capture(t, stranger, k, reseal("S-2"))
	other.Label = "EVIL-2"
	capture(t, stranger, k, &other)
	sync(t, stranger)
	sync(t, inspector)
	is("after the laboratory resealed it by right", "L-000001", "S-2")
}
