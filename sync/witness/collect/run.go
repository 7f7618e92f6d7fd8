package collect

import (
	"context"
	"errors"
	"sync"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
)

// round is the cosigning of one checkpoint.
type round struct {
	// plain is as the log signed it, cp has the cosignatures with it.
	plain, cp *ledger.SignedCheckpoint
	// waiting are those that were asked in time and have not answered.
	waiting map[*peer]bool
	signed  map[*peer]time.Time
	// dirty: there is a cosignature that is not stored.
	dirty bool
	// over: the next round may begin.
	over bool
}

// loop is the state of Run.
type loop struct {
	*Collector
	ctx     context.Context
	results chan outcome
	work    sync.WaitGroup
	cur     *round
	began   time.Time
	// pending: a round is wanted as soon as one may begin; beat: also of a
	// checkpoint that has had one.
	pending, beat bool
	// end ends the round, gap lets the next one begin.
	end, gap *time.Timer
}

// Run collects until ctx ends, and then stores what it has. Errors are of the
// environment and are logged; the next round tries again.
func (c *Collector) Run(ctx context.Context) {
	l := &loop{Collector: c, ctx: ctx, results: make(chan outcome, len(c.peers)), end: time.NewTimer(time.Hour), gap: time.NewTimer(0)}
	l.end.Stop()
	defer l.end.Stop()
	defer l.gap.Stop()
	beat := time.NewTicker(c.cfg.Limits.Heartbeat)
	defer beat.Stop()
	l.pending = true
	grown := c.cfg.Grown
	for {
		select {
		case <-ctx.Done():
			l.stop()
			return
		case _, open := <-grown:
			if !open {
				grown = nil
			}
			l.pending = true
			l.next(c.cfg.Limits.MinGap)
		case <-beat.C:
			l.pending, l.beat = true, true
			l.next(0)
		case <-l.gap.C:
			l.next(c.cfg.Limits.MinGap)
		case <-l.end.C:
			l.finish()
			l.next(c.cfg.Limits.MinGap)
		case o := <-l.results:
			l.take(o)
			l.next(c.cfg.Limits.MinGap)
		}
	}
}

// stop waits for the submissions, which end with ctx, and stores the rest.
func (l *loop) stop() {
	go func() {
		l.work.Wait()
		close(l.results)
	}()
	for o := range l.results {
		o.fault = errors.Join(o.fault, l.ctx.Err()) // what was cut short says nothing about the witness
		l.take(o)
	}
	l.finish()
}

// next begins a round if one is wanted and the last one is over and long enough ago.
func (l *loop) next(gap time.Duration) {
	if !l.pending || l.ctx.Err() != nil || l.cur != nil && !l.cur.over {
		return
	}
	if wait := gap - time.Since(l.began); wait > 0 && l.cur != nil {
		l.gap.Reset(wait)
		return
	}
	l.begin()
}

func (l *loop) begin() {
	beat := l.beat
	l.pending, l.beat = false, false
	signed, err := l.cfg.Log.Signed(l.ctx)
	if err != nil {
		l.log.Error("the newest checkpoint cannot be had for the witnesses", "cause", err.Error())
		return
	}
	if signed == nil || !beat && l.cur != nil && l.cur.plain.Checkpoint == signed.Checkpoint {
		return
	}
	l.began = time.Now()
	if l.cur != nil && l.cur.dirty {
		l.store()
	}
	l.cur = &round{plain: signed, cp: signed, waiting: map[*peer]bool{}, signed: map[*peer]time.Time{}}
	for _, p := range l.peers {
		switch {
		case p.busy:
			p.again = true
		case beat || !p.rest:
			l.ask(p)
		}
	}
	l.mu.Lock()
	l.rounds++
	l.newest = signed.Size
	l.wake()
	l.mu.Unlock()
	if len(l.cur.waiting) == 0 {
		l.finish()
		return
	}
	l.end.Reset(l.cfg.Limits.Timeout)
}

// ask submits the round's checkpoint to a witness.
func (l *loop) ask(p *peer) {
	p.busy, p.again = true, false
	if !l.cur.over {
		l.cur.waiting[p] = true
	}
	ctx, cp := l.ctx, l.cur.plain
	l.work.Go(func() { l.results <- l.submit(ctx, p, cp) })
}

// take uses what a witness answered.
func (l *loop) take(o outcome) {
	p, r := o.peer, l.cur
	p.busy, p.rest = false, o.rest
	delete(r.waiting, p)
	l.observe(o)
	mine := o.sig != nil && o.cp.Checkpoint == r.plain.Checkpoint
	l.pending = l.pending || o.sig != nil && o.cp.Size > r.plain.Size // another process has grown the log
	if mine {
		if with, err := r.cp.WithSignature(*o.sig, p.Key); err != nil {
			l.log.Error("a cosignature finds no room in the note", "witness", p.Name, "cause", err.Error())
		} else {
			r.cp, r.dirty, r.signed[p] = with, true, o.at
		}
	}
	if p.again && l.ctx.Err() == nil {
		l.ask(p)
	}
	switch {
	case len(r.waiting) == 0 || r.over:
		l.finish()
	case mine && len(r.signed) == l.cfg.Quorum:
		l.end.Reset(l.cfg.Limits.Grace)
	}
}

// finish ends the round, or adds to one that has ended.
func (l *loop) finish() {
	if l.cur == nil {
		return
	}
	l.end.Stop()
	l.cur.over = true
	if l.cur.dirty {
		l.store()
	}
}

// store keeps the note. Where that fails the cosignatures stay, and go into the
// next note of this checkpoint.
func (l *loop) store() {
	r := l.cur
	err := l.cfg.Log.AddCosigned(context.WithoutCancel(l.ctx), string(r.cp.Note()))
	if err != nil {
		l.log.Error("a cosigned checkpoint cannot be stored; it is tried again", "size", int64(r.cp.Size), "cause", err.Error())
		return
	}
	r.dirty = false
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored++
	if len(r.signed) >= l.cfg.Quorum && (l.witnessed == nil || r.cp.Size >= l.witnessed.Size) {
		l.witnessed, l.at = r.cp, witness.Quorum(list(r.signed), l.cfg.Quorum)
	}
	l.wake()
}

// observe brings a witness's report up to date, tells of changes, and keeps evidence.
func (l *loop) observe(o outcome) {
	p, now := o.peer, l.cfg.Now()
	if o.fault != nil {
		if l.ctx.Err() == nil {
			l.log.Error("a witness could not be asked", "witness", p.Name, "cause", o.fault.Error())
		}
		return
	}
	kept := false
	if o.find != nil {
		var err error
		if kept, err = l.keep(p, o.find, now); err != nil {
			l.log.Error("evidence cannot be kept", "witness", p.Name, "kind", o.find.kind, "folder", l.cfg.Evidence, "cause", err.Error())
		}
	}
	l.mu.Lock()
	r := &p.report
	if !o.silent {
		r.Answered = now
	} else if now.Sub(r.Answered) >= l.cfg.Limits.DeadAfter {
		o.state = Dead
	}
	before := r.State
	if before != o.state {
		r.Since = now
	}
	r.State, r.Detail, r.Asked, r.Took = o.state, o.detail, now, o.took
	if o.sig != nil {
		r.Cosigned, r.Size, r.Skew = now, int64(o.cp.Size), o.skew
	}
	if kept {
		r.Findings++
	}
	if o.find != nil && o.find.kind == kindForgot {
		r.Forgot++
	}
	own := l.ownClock()
	l.wake()
	l.mu.Unlock()
	l.tell(o, before, own)
}

// tell writes to the operator's log when a state changes, and all that is found.
func (l *loop) tell(o outcome, before State, own bool) {
	at := []any{"witness", o.peer.Name, "state", string(o.state), "before", string(before), "size", int64(o.cp.Size)}
	if o.detail != "" {
		at = append(at, "detail", o.detail)
	}
	if f := o.find; f != nil && f.kind == kindForgot {
		l.log.Error("ALARM: a witness has forgotten what it cosigned", append(at, "found", f.detail, "evidence", l.cfg.Evidence)...)
	}
	switch {
	case o.state == before:
	case o.state == History:
		l.log.Error("ALARM: a witness has seen another history of this log", append(at, "evidence", l.cfg.Evidence)...)
	case o.state == Clock && own:
		l.log.Error("ALARM: most witnesses disagree with this server's clock: set it", at...)
	case o.state == Clock:
		l.log.Error("ALARM: the clock of a witness is off", at...)
	case o.state == OK:
		l.log.Info("a witness cosigns", at...)
	default:
		l.log.Warn("a witness does not cosign as it should", at...)
	}
}
