package console

import (
	"context"
	"sync"
	"time"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
)

const (
	// recordAge is how long a record is good for a list where nothing has been added to
	// its case: only what is not the case's own, such as a person's new name, is that old.
	recordAge = time.Minute
	// maxHeldRecords bounds the records kept: those of the cases that the queues of a few
	// laboratories are made of.
	maxHeldRecords = 256
)

// caseRecords keeps custody records for lists of many cases: each costs the reading of
// its whole case, and most cases of a list have nothing new. A page of one case does
// not use it. The zero value is ready.
type caseRecords struct {
	mu   sync.Mutex
	held map[event.UUID]heldRecord
}

type heldRecord struct {
	last int64
	at   time.Time
	rec  *custody.Record
}

// of gives the record of a case that the caller may see, computed after its last event
// and at most recordAge ago. It is shared: it must not be changed.
func (r *caseRecords) of(ctx context.Context, k *Console, c projection.Case) (*custody.Record, error) {
	now := k.Now()
	r.mu.Lock()
	h, ok := r.held[c.ID]
	r.mu.Unlock()
	if ok && h.last == c.LastIndex && now.Sub(h.at) < recordAge && now.Sub(h.at) >= 0 {
		return h.rec, nil
	}
	rec, _, err := k.judge(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil || len(r.held) >= maxHeldRecords {
		r.held = map[event.UUID]heldRecord{}
	}
	r.held[c.ID] = heldRecord{c.LastIndex, now, rec}
	return rec, nil
}
