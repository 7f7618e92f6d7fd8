package ingest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

// Events are found by their ids at any time: before they are indexed, while the
// index is built, and after; others are not found.
func TestEventsAreFoundByID(t *testing.T) {
	w := ingesttest.New(t)
	w.Rich()
	d := w.AddDevice()
	lines := [][]byte{d.Genesis()}
	for i := range 1200 {
		lines = append(lines, d.Note(w.ID(), fmt.Sprint(i)))
	}
	ids := map[int64]event.ID{}
	for i, r := range w.Submit(lines...).Results {
		ids[r.Index] = r.ID
		if i%300 == 0 {
			find(t, w, ids)
		}
	}
	find(t, w, ids)
	// The index catches up by itself.
	deadline := time.Now().Add(20 * time.Second)
	for {
		var lag int64
		w.Read(func(tx *store.Tx) (err error) {
			lag, err = projection.UnindexedIDs(tx)
			return err
		})
		if lag < 1000 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d entries are not indexed", lag)
		}
		time.Sleep(10 * time.Millisecond)
	}
	find(t, w, ids)
	more := w.Submit(d.Note(w.ID(), "behind the index")).Results[0]
	ids[more.Index] = more.ID
	find(t, w, ids)
	write(t, w, projection.ResetIDs)
	find(t, w, ids)
	for range 15 {
		write(t, w, func(tx *store.Tx) error { return projection.IndexIDs(tx, 100) })
		find(t, w, ids)
	}
	w.Fsck()
}

func find(t *testing.T, w *ingesttest.World, ids map[int64]event.ID) {
	t.Helper()
	err := w.Store.Read(context.Background(), func(tx *store.Tx) error {
		tried := 0
		for index, id := range ids {
			if tried++; tried > 60 {
				break
			}
			r, found, err := projection.EventByID(tx, id)
			if err != nil || !found || r.Index != index || r.ID != id {
				t.Fatalf("event %s at %d: found %v at %d, %v", id, index, found, r.Index, err)
			}
			near := id
			near[31] ^= 1 // the same prefix
			if _, found, err := projection.EventByID(tx, near); err != nil || found {
				t.Fatalf("event %s was found, %v", near, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
