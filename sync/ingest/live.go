package ingest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Subscription wakes a reader whenever the log has grown. Nothing that matters
// is dropped: a wake-up says "look", what there is to see stays in the log, and
// several that nobody waited for are one.
type Subscription struct {
	C    <-chan struct{}
	c    chan struct{}
	from *subscribers
}

// Close ends the subscription; C is closed by it, as by the engine's own end.
func (s *Subscription) Close() { s.from.remove(s) }

type subscribers struct {
	mu      sync.Mutex
	all     map[*Subscription]bool
	closed  bool
	looking bool // a goroutine looks for what other processes append
}

// lookEvery is how often an engine with subscribers looks whether another process
// has appended. What this engine appends wakes them at once.
const lookEvery = time.Second

// look wakes the subscribers when another process has appended, for as long as there are any.
func (e *Engine) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-e.closed:
			return
		}
		if _, err := e.Signed(context.Background()); err != nil {
			e.log.Warn("looking at the log for live views failed; trying again", "error", err)
		}
		e.subs.mu.Lock()
		if len(e.subs.all) == 0 {
			e.subs.looking = false
			e.subs.mu.Unlock()
			return
		}
		e.subs.mu.Unlock()
	}
}

// Subscribe starts a subscription. Its first wake-up comes at once.
func (e *Engine) Subscribe() *Subscription {
	c := make(chan struct{}, 1)
	c <- struct{}{}
	s := &Subscription{C: c, c: c, from: &e.subs}
	e.subs.mu.Lock()
	defer e.subs.mu.Unlock()
	if e.subs.closed {
		close(c)
		return s
	}
	if e.subs.all == nil {
		e.subs.all = map[*Subscription]bool{}
	}
	e.subs.all[s] = true
	if !e.subs.looking {
		e.subs.looking = true
		go e.look()
	}
	return s
}

func (s *subscribers) remove(sub *Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[sub] {
		delete(s.all, sub)
		close(sub.c)
	}
}

func (s *subscribers) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.all {
		select {
		case sub.c <- struct{}{}:
		default:
		}
	}
}

func (s *subscribers) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for sub := range s.all {
		close(sub.c)
	}
	s.all = nil
}

// Stats counts what an engine has done since it was opened.
type Stats struct {
	// Groups is the number of transactions that appended or answered, Failed those that were given up.
	Groups, Failed int64
	// Accepted, Duplicates and Quarantined count lines by their answer.
	Accepted, Duplicates, Quarantined int64
	// Writing is the time spent in the writer.
	Writing time.Duration
}

type counters struct {
	groups, failed, accepted, duplicates, quarantined, nanos atomic.Int64
}

func (c *counters) group(w *written, took time.Duration) {
	c.groups.Add(1)
	c.nanos.Add(int64(took))
	for _, results := range w.results {
		for i := range results {
			switch results[i].Status {
			case "accepted":
				c.accepted.Add(1)
			case "duplicate":
				c.duplicates.Add(1)
			default:
				c.quarantined.Add(1)
			}
		}
	}
}

// Stats gives the counts.
func (e *Engine) Stats() Stats {
	c := &e.stats
	return Stats{Groups: c.groups.Load(), Failed: c.failed.Load(), Accepted: c.accepted.Load(), Duplicates: c.duplicates.Load(),
		Quarantined: c.quarantined.Load(), Writing: time.Duration(c.nanos.Load())}
}

// Waiting is how many requests wait for the writer.
func (e *Engine) Waiting() int { return len(e.queue) }
