package ingest_test

import (
	"errors"
	"path/filepath"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/store"
)

// A frozen log takes nothing new from any process, answers what it holds as
// ever, and stays frozen in a copy from before.
func TestFreeze(t *testing.T) {
	w := ingesttest.New(t)
	d := w.AddDevice()
	genesis := d.Genesis()
	first := w.Submit(genesis)
	other := w.Open() // a second process
	before := filepath.Join(t.TempDir(), "before.db")
	if err := w.Store.Backup(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Engine.Freeze(t.Context(), ""); err == nil {
		t.Error("frozen without a reason")
	}
	last, err := w.Engine.Freeze(t.Context(), "moving to a new authority")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := other.Freeze(t.Context(), "another reason"); err != nil || string(again.Note()) != string(last.Note()) {
		t.Errorf("frozen again: %v, %v", again, err)
	}
	_, note := d.OpenCase("too late")
	for _, e := range []*ingest.Engine{w.Engine, other, w.Open()} {
		if _, err := e.Submit(t.Context(), [][]byte{note}, d.ID); !errors.Is(err, ingest.ErrFrozen) {
			t.Errorf("a new event: %v", err)
		}
		if _, err := e.Submit(t.Context(), [][]byte{[]byte("not an envelope")}, d.ID); !errors.Is(err, ingest.ErrFrozen) {
			t.Errorf("something for the quarantine: %v", err)
		}
		_, err := e.Author(t.Context(), ingest.Draft{Body: &event.OrgRegistered{Org: w.ID(), Kind: "lab", Name: "Lab"}})
		if frozen := new(ingest.FrozenError); !errors.As(err, &frozen) || frozen.Why != "moving to a new authority" {
			t.Errorf("the authority: %v", err)
		}
		r, err := e.Submit(t.Context(), [][]byte{genesis}, d.ID)
		if err != nil || r.Results[0].Index != first.Results[0].Index || r.Checkpoints[r.Results[0].CheckpointSize] != first.Checkpoints[first.Results[0].CheckpointSize] {
			t.Errorf("what it holds: %+v, %v", r, err)
		}
		if why, frozen, err := e.Frozen(t.Context()); err != nil || !frozen || why != "moving to a new authority" {
			t.Errorf("%q, %v, %v", why, frozen, err)
		}
	}
	if size := w.Engine.Size(); size != int64(last.Size) {
		t.Errorf("it grew to %d", size)
	}
	w.Fsck()
	copied, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, Path: before})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	cfg := w.Config()
	cfg.Store = copied
	e, err := ingest.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Submit(t.Context(), [][]byte{note}, d.ID); !errors.Is(err, ingest.ErrFrozen) {
		t.Errorf("a copy from before it was frozen took something: %v", err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
