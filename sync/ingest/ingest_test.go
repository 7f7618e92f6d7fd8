package ingest_test

import (
	"context"
	"crypto/sha256"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
)

func TestSubmitAnswersTheSameAgain(t *testing.T) {
	w := ingesttest.New(t)
	d := w.AddDevice()
	lines := [][]byte{d.Genesis()}
	id, open := d.OpenCase("A-1")
	lines = append(lines, open)
	for range 10 {
		lines = append(lines, d.Sample(id, "S-1"), d.Note(id, "a note"))
	}
	first := w.Submit(lines...)
	for i, r := range first.Results {
		if r.Status != "accepted" || r.Pending || first.Checkpoints[r.CheckpointSize] == "" {
			t.Fatalf("line %d: %+v", i, r)
		}
	}
	again := w.Submit(lines...)
	for i, r := range again.Results {
		f := first.Results[i]
		if r.Status != "duplicate" || r.Index != f.Index || !r.Received.Equal(f.Received) || r.CheckpointSize != f.CheckpointSize ||
			again.Checkpoints[r.CheckpointSize] != first.Checkpoints[f.CheckpointSize] {
			t.Fatalf("line %d: %+v, first %+v", i, r, f)
		}
	}
	note, err := w.Engine.Checkpoint(context.Background())
	if err != nil || note == "" {
		t.Fatal(note, err)
	}
}

func digest(b []byte) event.Digest { return sha256.Sum256(b) }
