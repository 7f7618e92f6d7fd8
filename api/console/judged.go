package console

import (
	"context"
	"sync"
	"time"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"

	"golang.org/x/sync/singleflight"
)

const (
	// judgedFor is how long a record is shown again while the ledger does not grow: a
	// reader goes from exhibit to exhibit. What changes without growth, a time-stamp or
	// the bytes of an upload that have come so far, shows after that.
	judgedFor = 15 * time.Second
	// judgedMost bounds the records kept; one of 3,000 events has some 10 MB.
	judgedMost = 8
)

// judged keeps the newest records of the desks. A record that was given out is
// only read.
type judged struct {
	mu     sync.Mutex
	kept   map[event.UUID]judgment
	flight singleflight.Group
}

type judgment struct {
	record   *custody.Record
	size     int64
	at, upTo time.Time
}

// judge gives the record of a case, at most judgedFor old and of the whole ledger.
func (k *Console) judge(ctx context.Context, id event.UUID) (*custody.Record, int64, error) {
	j := &k.judgments
	now := k.Now()
	j.mu.Lock()
	old, ok := j.kept[id]
	j.mu.Unlock()
	if ok && old.size == k.Engine.Size() && now.Before(old.upTo) && !now.Before(old.at) {
		return old.record, old.size, nil
	}
	// Readers that come at once share one computing; one who leaves does not end it for the others.
	v, err, _ := j.flight.Do(id.String(), func() (any, error) {
		r, size, err := k.Record(context.WithoutCancel(ctx), id)
		if err != nil {
			return nil, err
		}
		next := judgment{r, size, now, now.Add(judgedFor)}
		j.mu.Lock()
		defer j.mu.Unlock()
		if len(j.kept) >= judgedMost || j.kept == nil {
			j.kept = map[event.UUID]judgment{}
		}
		j.kept[id] = next
		return next, nil
	})
	if err != nil {
		return nil, 0, err
	}
	got := v.(judgment)
	return got.record, got.size, nil
}
