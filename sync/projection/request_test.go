package projection_test

import (
	"context"
	"errors"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/store"
)

func TestARequestIsFiledUnderItsOrganisationAndFindsItsOneAnswer(t *testing.T) {
	w := ingesttest.New(t)
	police := w.AddOrg("police")
	asker, other := w.AddDevice(), w.AddDevice()
	stranger := w.AddDeviceOf(police, w.AddPerson(police))
	body, err := event.MarshalBody(&event.DeviceRevoked{Device: other.ID, Key: event.Digest(other.Key.Public().ID()), Reason: "lost"})
	if err != nil {
		t.Fatal(err)
	}
	ask := &event.AuthorityRequested{Act: "device.revoked", Body: string(body), Reason: "left in a taxi"}
	got := w.Submit(asker.Genesis(), asker.Seal(event.UUID{}, ask), stranger.Genesis(), stranger.Seal(event.UUID{}, ask))
	for i, r := range got.Results {
		if r.Status != reconcile.Accepted {
			t.Fatalf("line %d: %s %s", i, r.Code, r.Detail)
		}
	}
	request := got.Results[1].ID
	requests := func() (list []projection.Request) {
		w.Read(func(tx *store.Tx) (err error) {
			list, err = projection.Requests(tx, w.Org, 1<<53, 10)
			return err
		})
		return list
	}
	if list := requests(); len(list) != 1 || list[0].Event.ID != request || list[0].Answer != -1 {
		t.Fatalf("before the answer: %+v", list)
	}
	answer, err := ask.Asked()
	if err != nil || !event.Answer(answer, request) {
		t.Fatal(err)
	}
	first := w.Author(ingest.Draft{Actor: asker.Person, Body: answer})[0]
	if list := requests(); len(list) != 1 || list[0].Answer != first.Index {
		t.Fatalf("after the answer: %+v", list)
	}
	again := w.Author(ingest.Draft{Actor: asker.Person, Body: answer})[0]
	if again.Status != reconcile.Duplicate || again.Index != first.Index || again.ID != first.ID {
		t.Fatalf("answered again: %+v, want a duplicate of entry %d", again, first.Index)
	}
	event.Answer(answer, got.Results[3].ID) // another request for the same
	if _, err := w.Engine.Author(context.Background(), ingest.Draft{Body: answer}); !errors.Is(err, ingest.ErrConflict) {
		t.Fatalf("a second revocation by another request: %v", err)
	}
	w.Fsck()
}
