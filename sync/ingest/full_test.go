package ingest_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// A full disk: the submission fails as such, nothing of it is stored, reading
// goes on, and when there is room again the same batch is taken.
func TestDiskFull(t *testing.T) {
	f := newFaulty(t, store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "f.db")})
	d := f.AddDevice()
	id := f.ID()
	lines := [][]byte{d.Genesis()}
	for i := range 400 {
		lines = append(lines, d.Sample(id, fmt.Sprint(i)))
	}
	if err := f.try(lines[:2]...); err != nil {
		t.Fatal(err)
	}
	limit := func(spare int64) {
		write(t, f.World, func(tx *store.Tx) error {
			var pages int64
			if _, err := tx.Get("PRAGMA page_count", nil, &pages); err != nil {
				return err
			}
			_, err := tx.Get(fmt.Sprintf("PRAGMA max_page_count = %d", pages+spare), nil, &pages)
			return err
		})
	}
	failed := 0
	for spare := range int64(12) { // the room runs out at another statement each time
		limit(spare)
		size := f.Engine.Size()
		_, err := f.Engine.Submit(context.Background(), lines, event.UUID{})
		if err == nil {
			t.Fatalf("400 samples fitted into %d pages", spare)
		}
		if store.KindOf(err) != store.KindFull {
			t.Fatalf("%d pages: %v (%s)", spare, err, store.KindOf(err))
		}
		failed++
		if f.Engine.Size() != size {
			t.Errorf("a checkpoint of size %d was shown", f.Engine.Size())
		}
		// What is stored is still answered.
		r, err := f.Engine.Submit(context.Background(), lines[:2], event.UUID{})
		if err != nil || r.Results[1].Status != "duplicate" {
			t.Fatalf("%v %+v", err, r)
		}
	}
	limit(1 << 20)
	if err := f.try(lines...); err != nil {
		t.Fatal(err)
	}
	f.verify()
	if s := f.Engine.Stats(); s.Failed < int64(failed) {
		t.Errorf("%+v", s)
	}
}
