package device

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
)

const (
	// offsetTold is the change of the clock's offset that is worth an event: below it
	// round trips alone differ.
	offsetTold = 2 * time.Second
	// offsetAge is how long an observation serves captures of the same boot: a
	// computer's clock drifts by a second or less in that time.
	offsetAge = 6 * time.Hour
	// keptRuns is how many syncs are remembered for the diagnostics.
	keptRuns = 200
)

// SyncOptions adjust a sync.
type SyncOptions struct {
	// Client is used instead of one made for the server that the device was enrolled with.
	Client *Client
	// DataOnly leaves media for another time.
	DataOnly bool
	// Progress, where set, is told how far each stage is; it is called from several goroutines.
	Progress func(Progress)
	// Batch is the most events of one batch, 0 for the default.
	Batch int
}

// Progress is how far a stage of a sync is: Done of Total events or bytes.
type Progress struct {
	// Stage is "push", "pull", "prove" or "media".
	Stage       string
	Done, Total int64
}

// SyncReport is what a sync achieved; it is right also beside an error.
type SyncReport struct {
	Sent        int
	Proven      int
	Quarantined int
	Pulled      int
	MediaSent   int
	// Pending are events that the server has, but which wait there for an earlier one.
	Pending int
	// OffsetMS is server time minus device time as measured, RoundTripMS how sure that is.
	OffsetMS, RoundTripMS int64
	// Revoked says that the server takes this device's deposits only to keep them aside.
	Revoked bool
	// Notes are findings that stop nothing, such as a file that was refused.
	Notes []string
}

// syncer is one run of Sync.
type syncer struct {
	s      *Store
	c      *Client
	id     *Identity
	signer *Signer
	opts   SyncOptions

	mu     sync.Mutex // of report: media and data travel side by side
	report SyncReport
}

// tell changes the report.
func (y *syncer) tell(f func(*SyncReport)) {
	y.mu.Lock()
	defer y.mu.Unlock()
	f(&y.report)
}

func (y *syncer) note(format string, args ...any) {
	y.tell(func(r *SyncReport) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) })
}

// Sync hands in what the server does not have yet, proves that it has it, fetches
// what is new, and uploads media. It can be interrupted anywhere and run again:
// nothing is lost, sent twice with effect, or marked as sent before it is.
//
// Errors: ErrOffline (run it again later), ErrRefused, ErrSyncing, ErrNotEnrolled,
// or a *[ServerFault]. The report says what was achieved before an error.
func (s *Store) Sync(ctx context.Context, opts SyncOptions) (SyncReport, error) {
	s.forget() // another process may have gone over to the next log
	id, err := s.Identity(ctx)
	if err != nil {
		return SyncReport{}, err
	}
	signer, err := s.loadSigner(id)
	if err != nil {
		return SyncReport{}, err
	}
	unlock, err := lockFile(filepath.Join(s.dir, lockName))
	if err != nil {
		return SyncReport{}, err
	}
	c := opts.Client
	if c == nil {
		if c, err = NewClient(id.Server, nil); err != nil {
			return SyncReport{}, errors.Join(err, unlock())
		}
	}
	var audience string
	err = s.read(ctx, func(t *tx) (err error) {
		audience, err = t.setting(setAudience)
		return err
	})
	if err != nil {
		return SyncReport{}, errors.Join(err, unlock())
	}
	c.mu.Lock()
	if c.signIn == nil {
		c.signIn = c.deviceLogin(id, audience, signer, s.clock)
	}
	c.mu.Unlock()
	y := &syncer{s: s, c: c, id: id, signer: signer, opts: opts}
	n, err := s.beginRun(ctx)
	if err == nil {
		err = y.run(ctx)
		err = errors.Join(err, s.endRun(ctx, n, y.report, err))
	}
	return y.report, errors.Join(err, unlock())
}

func (y *syncer) run(ctx context.Context) error {
	// The log's state comes first: nothing is handed to a log that forked.
	offset, err := y.greet(ctx)
	if err != nil {
		return err
	}
	if err := y.head(ctx); err != nil {
		return err
	}
	if err := y.observeClock(ctx, offset); err != nil {
		return err
	}
	ended := y.push(ctx)
	if ended != nil && !frozen(ended) {
		return ended
	}
	if ended != nil {
		ended = fmt.Errorf("%w Go over to that one: fieldkit successor", ended)
	}
	if y.c.mayRead() {
		if err := y.pull(ctx); err != nil {
			return err
		}
		if err := y.linkLoose(ctx); err != nil {
			return err
		}
		if err := y.prove(ctx); err != nil {
			return err
		}
		if err := y.part(ctx); err != nil {
			return err
		}
	}
	if y.opts.DataOnly || ended != nil {
		return ended
	}
	return y.upload(ctx)
}

// frozen reports whether a log has ended: it still shows and proves what it holds.
func frozen(err error) bool {
	var he *HTTPError
	return errors.As(err, &he) && he.Body.Code == wire.CodeFrozen
}

func (y *syncer) progress(stage string, done, total int64) {
	if y.opts.Progress != nil {
		y.opts.Progress(Progress{stage, done, total})
	}
}

// measured is a clock offset.
type measured struct {
	server      time.Time
	offset      time.Duration
	roundTrip   time.Duration
	clockBefore event.Clock
}

// greet fetches the newest checkpoint, links it, and measures the clock by the way.
func (y *syncer) greet(ctx context.Context) (measured, error) {
	var a wire.CheckpointAnswer
	// The token first, so that a login is not measured as part of the round trip.
	if _, err := y.c.token(ctx); err != nil {
		return measured{}, err
	}
	r, err := y.c.getJSON(ctx, "/v1/log/checkpoint", &a)
	if err != nil {
		return measured{}, err
	}
	clock := y.s.clock()
	// Device time at the middle of the round trip: now, less what has passed since.
	middle := clock.Wall.Time().Add(-time.Since(r.sent.Add(r.got.Sub(r.sent) / 2)))
	m := measured{server: time.UnixMicro(a.ServerTimeUS), roundTrip: r.got.Sub(r.sent), clockBefore: clock}
	m.offset = m.server.Sub(middle)
	y.tell(func(r *SyncReport) { r.OffsetMS, r.RoundTripMS = m.offset.Milliseconds(), m.roundTrip.Milliseconds() })
	return m, y.linkAnswer(ctx, a)
}

// linkAnswer links the newest checkpoint, and the newest that was witnessed where
// that is an earlier one.
func (y *syncer) linkAnswer(ctx context.Context, a wire.CheckpointAnswer) error {
	for _, note := range []string{a.Checkpoint, a.Witnessed} {
		if note == "" {
			continue
		}
		c, err := y.signed(ctx, note)
		if err == nil {
			err = y.link(ctx, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// part asks for the checkpoint once more: witnesses have cosigned meanwhile what
// this sync added, and what is captured next rests on it. Without an answer it
// rests on an earlier one.
func (y *syncer) part(ctx context.Context) error {
	var a wire.CheckpointAnswer
	if _, err := y.c.getJSON(ctx, "/v1/log/checkpoint", &a); err != nil {
		if errors.Is(err, ErrOffline) {
			return nil
		}
		return err
	}
	return y.linkAnswer(ctx, a)
}

// observeClock seals the measured offset where it tells something: captures have
// been made since the last observation, and that is old, of another boot, or wrong.
func (y *syncer) observeClock(ctx context.Context, m measured) error {
	if m.server.Year() < 2020 || m.server.Year() > 9000 {
		return nil // a server without a clock has none to compare with
	}
	boot := m.clockBefore.Boot
	tell := false
	err := y.s.read(ctx, func(t *tx) error {
		why, err := t.setting(setHold)
		if err != nil || why != "" {
			return err
		}
		var last struct{ offset, mono, seq, head int64 }
		err = t.row(`SELECT coalesce(max(seq), 0) FROM events`).Scan(&last.head)
		if err != nil {
			return err
		}
		if err := t.row(`SELECT coalesce(sum(offset_ms), 0), coalesce(sum(mono_ms), 0), coalesce(sum(seq), 0) FROM clock WHERE boot = $1`,
			boot[:]).Scan(&last.offset, &last.mono, &last.seq); err != nil {
			return err
		}
		moved := (m.offset - time.Duration(last.offset)*time.Millisecond).Abs()
		old := m.clockBefore.MonoMS-last.mono > offsetAge.Milliseconds()
		tell = last.seq == 0 || last.head > last.seq && (old || moved > offsetTold)
		return nil
	})
	if err != nil || !tell {
		return err
	}
	saved, err := y.s.Capture(ctx, Draft{Body: &event.ClockObserved{ServerWall: event.StampOf(m.server.UTC()),
		OffsetMS: m.offset.Milliseconds(), RoundTripMS: m.roundTrip.Milliseconds()}})
	if err != nil {
		return err
	}
	return y.s.write(ctx, func(t *tx) error {
		return t.exec(`INSERT INTO clock (boot, offset_ms, round_trip_ms, mono_ms, seq, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (boot) DO UPDATE SET offset_ms = excluded.offset_ms, round_trip_ms = excluded.round_trip_ms,
			mono_ms = excluded.mono_ms, seq = excluded.seq, at = excluded.at`,
			boot[:], m.offset.Milliseconds(), m.roundTrip.Milliseconds(), m.clockBefore.MonoMS, saved.Seq, t.stamp())
	})
}

func (s *Store) beginRun(ctx context.Context) (n int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		if err := t.exec(`DELETE FROM sync_runs WHERE n <= (SELECT max(n) FROM sync_runs) - $1`, keptRuns); err != nil {
			return err
		}
		return t.row(`INSERT INTO sync_runs (started) VALUES ($1) RETURNING n`, t.stamp()).Scan(&n)
	})
	return n, err
}

func (s *Store) endRun(ctx context.Context, n int64, r SyncReport, outcome error) error {
	word, detail := "done", fmt.Sprintf("sent %d, proven %d, quarantined %d, pulled %d, media %d", r.Sent, r.Proven, r.Quarantined, r.Pulled, r.MediaSent)
	var fault *ServerFault
	switch {
	case errors.As(outcome, &fault):
		word = "fault"
	case errors.Is(outcome, ErrOffline):
		word = "offline"
	case outcome != nil:
		word = "failed"
	}
	if outcome != nil {
		detail += ": " + outcome.Error()
	}
	return s.write(context.WithoutCancel(ctx), func(t *tx) error {
		return t.exec(`UPDATE sync_runs SET ended = $2, outcome = $3, detail = $4 WHERE n = $1`, n, t.stamp(), word, detail)
	})
}
