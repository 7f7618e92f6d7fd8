package server

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"fieldseal/sync/blob"
	"fieldseal/sync/bundle"
	"fieldseal/sync/ingest/ingesttest"

	"golang.org/x/sync/semaphore"
)

// Programs that ask for a record at once have it computed once, and again only when
// the ledger has grown.
func TestRecordOfTheAPIIsComputedOnce(t *testing.T) {
	w := ingesttest.New(t)
	d := w.AddDevice()
	genesis := d.Genesis()
	id, opened := d.OpenCase("2026-1")
	w.Submit(genesis, opened)
	var computed atomic.Int64
	begun, finish := make(chan struct{}), make(chan struct{})
	// Every computing asks for the former ledger first, of which there is none here.
	former := func(ctx context.Context, _ bundle.Options) (*bundle.Former, func() error, error) {
		if computed.Add(1) == 1 {
			close(begun)
			<-finish
		}
		return nil, func() error { return nil }, ctx.Err()
	}
	blobs, err := blob.OpenFiles(blob.FilesConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{cfg: Config{Former: former}, engine: w.Engine, store: w.Store, blobs: blobs, judging: semaphore.NewWeighted(judgedAtOnce)}
	var all sync.WaitGroup
	left, leave := context.WithCancel(t.Context())
	for i := range 20 {
		ctx := t.Context()
		if i == 0 {
			ctx = left
		}
		all.Go(func() {
			if r, err := s.newestRecord(ctx, id); err != nil || r.size != w.Engine.Size() || len(r.json) == 0 {
				t.Errorf("%d, %v", r.size, err)
			}
		})
	}
	<-begun
	leave()
	close(finish)
	all.Wait()
	if n := computed.Load(); n != 1 {
		t.Errorf("20 requests at once made %d computings", n)
	}
	w.AddOrg("lab")
	if r, err := s.newestRecord(t.Context(), id); err != nil || r.size != w.Engine.Size() || computed.Load() != 2 {
		t.Errorf("after the ledger has grown: size %d, %d computings, %v", r.size, computed.Load(), err)
	}
}
