package projection_test

import (
	"fmt"
	"slices"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"pgregory.net/rapid"
)

// oracle says, by the words of Changes' comment and one event at a time, what a
// person is sent to a device.
func oracle(t rapid.TB, tx *store.Tx, person, device event.UUID) (indexes []int64) {
	dev, _, err := projection.DeviceByID(tx, device)
	if err != nil {
		t.Fatal(err)
	}
	var rows []store.EventRow
	if err := tx.Each("SELECT "+store.EventColumns+" FROM events ORDER BY idx", nil, func(scan func(...any) error) error {
		r, err := store.ScanEvent(scan)
		rows = append(rows, r)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		e, err := projection.EntryOf(r)
		if err != nil {
			t.Fatal(err)
		}
		ok := true
		switch b := e.Body.(type) {
		case *event.MediaReceived:
			ok, err = projection.MaySeeMedia(tx, b.SHA256, person)
		case *event.MediaQuarantined:
			ok, err = projection.MaySeeMedia(tx, b.Wanted, person)
		case *event.LabelBlock:
			ok = b.Device == device
		case *event.ClockObserved, *event.EventAmended, *event.QuarantineSettled:
			ok = r.Case != 0 || r.Dev == dev.N
		}
		if err == nil && r.Case != 0 {
			c, _, e := projection.CaseByN(tx, r.Case)
			if err = e; err == nil {
				ok, err = projection.MaySee(tx, c.ID, person)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			indexes = append(indexes, r.Index)
		}
	}
	return indexes
}

// Whatever the size of the pages: their sum is what the oracle says, each once
// and in order, and the cursor never stands still.
func TestChangesAreComplete(t *testing.T) {
	w := ingesttest.New(t)
	w.Rich()
	lab := w.AddOrg("lab")
	a, b := w.AddDevice(), w.AddDeviceOf(lab, w.AddPerson(lab))
	lines := [][]byte{a.Genesis(), b.Genesis()}
	var cases []event.UUID
	for i := range 4 {
		dev := []*ingesttest.Device{a, b}[i%2]
		id, open := dev.OpenCase(fmt.Sprint("K-", i))
		cases = append(cases, id)
		lines = append(lines, open, dev.Note(id, "x"), dev.Seal(event.UUID{}, &event.ClockObserved{ServerWall: "2026-11-24T12:00:00Z"}),
			dev.Seal(id, &event.PhotoCaptured{Photo: w.ID(), Media: event.Media{SHA256: event.Digest{byte(i + 1)}, Size: 1, Type: "image/jpeg"}, Shows: "x", SealVisible: "no"}))
	}
	w.Submit(lines...)
	w.Author(ingest.Draft{Case: cases[0], Body: &event.CaseGranted{Grant: w.ID(), Org: lab, Right: "read", Reason: "x"}},
		ingest.Draft{Body: &event.LabelBlock{Device: a.ID, Prefix: "A-", First: 1, Last: 9}}, ingest.Draft{Body: &event.LabelBlock{Device: b.ID, Prefix: "B-", First: 1, Last: 9}})
	for i := range 5 {
		w.Author(ingest.Draft{Body: &event.MediaReceived{SHA256: event.Digest{byte(i + 1)}, Size: 1}})
	}
	rapid.Check(t, func(r *rapid.T) {
		dev := rapid.SampledFrom([]*ingesttest.Device{a, b}).Draw(r, "device")
		limit := rapid.Int64Range(1, 30).Draw(r, "limit")
		after := rapid.Int64Range(-1, w.Engine.Size()).Draw(r, "after")
		err := w.Store.Read(ctx, func(tx *store.Tx) error {
			want := slices.DeleteFunc(oracle(r, tx, dev.Person, dev.ID), func(i int64) bool { return i <= after })
			var got []int64
			for at := after; ; {
				p, err := projection.Changes(tx, dev.Person, dev.ID, at, limit)
				if err != nil {
					return err
				}
				if int64(len(p.Events)) > limit {
					r.Fatalf("%d events in a page of %d", len(p.Events), limit)
				}
				for _, e := range p.Events {
					got = append(got, e.Index)
				}
				if p.More && p.Next <= at {
					r.Fatalf("the cursor stands still at %d", at)
				}
				if at = p.Next; !p.More {
					break
				}
			}
			if !slices.Equal(got, want) {
				r.Fatalf("sent %v, want %v", got, want)
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
	})
}
