package console

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
)

// Readers that come at once share one computing of a record; whoever comes after the
// ledger has grown, or after a failure, gets a new one.
func TestRecordIsComputedOnce(t *testing.T) {
	w := ingesttest.New(t)
	var computed atomic.Int64
	var failing atomic.Bool
	begun, go_ := make(chan struct{}), make(chan struct{})
	k := &Console{Parts: Parts{Engine: w.Engine, Now: time.Now, Record: func(ctx context.Context, _ event.UUID) (*custody.Record, int64, error) {
		if computed.Add(1) == 1 {
			close(begun)
			<-go_
		}
		if failing.Load() {
			return nil, 0, errors.New("no disk")
		}
		return &custody.Record{}, w.Engine.Size(), ctx.Err()
	}}}
	id := w.ID()
	var all sync.WaitGroup
	left, leave := context.WithCancel(t.Context())
	for i := range 20 {
		ctx := t.Context()
		if i == 0 {
			ctx = left // the first one leaves while all wait for its computing
		}
		all.Go(func() {
			if r, size, err := k.judge(ctx, id); err != nil || r == nil || size != w.Engine.Size() {
				t.Errorf("%v, %d, %v", r, size, err)
			}
		})
	}
	<-begun
	leave()
	close(go_)
	all.Wait()
	before := computed.Load()
	if before > 2 { // one for all that came while it ran, at most one more for who came just after
		t.Errorf("20 readers at once made %d computings", before)
	}
	ask := func(want int64, wrong bool) {
		t.Helper()
		if _, _, err := k.judge(t.Context(), id); wrong != (err != nil) || computed.Load()-before != want {
			t.Errorf("%d computings, want %d: %v", computed.Load()-before, want, err)
		}
	}
	ask(0, false)
	w.AddOrg("lab")
	ask(1, false)
	ask(1, false)
	failing.Store(true)
	w.AddOrg("lab")
	ask(2, true)
	ask(3, true)
	failing.Store(false)
	ask(4, false)
	ask(4, false)
}
