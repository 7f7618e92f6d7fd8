// Package collector has checkpoints time-stamped and keeps the tokens.
//
// On a schedule, and once more whenever a bundle is made, each configured
// authority is asked for a token over the exact bytes of the newest checkpoint,
// with every cosignature that it has by then. A token is kept only after it has
// verified, beside the certificates that lead to the trusted root. A checkpoint
// that an authority has stamped is not sent to it again, so that a ledger at rest
// costs nothing.
//
// An authority that does not answer stops nothing: evidence is taken in and
// bundles are made without it, and say so. It is asked again, soon at first and
// then ever less often, and the log has a line when it fails and when it is back.
// Between commit and token a crash loses the token alone; the next round asks again.
package collector

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/stamp/authority"
	"fieldseal/sync/store"
)

const (
	// DefaultEvery is how often a growing ledger is stamped. An event's upper bound
	// by a token is at most this far from its receipt.
	DefaultEvery = time.Hour
	// MinEvery keeps a wrong configuration from flooding a public authority.
	MinEvery = time.Minute
	// firstRetry is the wait after a failure; it doubles up to the schedule.
	firstRetry = 30 * time.Second
	// maxSkew is how far an authority's clock and ours may differ before an
	// operator is told: the ledger's times of receipt are ours.
	maxSkew = 10 * time.Second
)

// Config is what a collector needs; all but Every, Log and After are required.
type Config struct {
	Engine      *ingest.Engine
	Store       *store.Store
	Authorities []*authority.Authority
	// Note gives the newest checkpoint with the cosignatures that it has.
	Note func(context.Context) ([]byte, error)
	// Every is the schedule; 0 means DefaultEvery.
	Every time.Duration
	// Log gets what an operator should know.
	Log *slog.Logger
	// After is the clock that Run waits by; nil means time.After.
	After func(time.Duration) <-chan time.Time
}

// Collector collects tokens. It is safe for concurrent use.
type Collector struct {
	c     Config
	mu    sync.Mutex
	state map[string]State
	turn  map[string]*sync.Mutex // one request at a time for each authority
}

// State is how an authority has been doing since the start.
type State struct {
	// Last is the authority's time in the newest token, Size the checkpoint's.
	Last time.Time
	Size ledger.Size
	Skew time.Duration
	// Failing is the newest fault; nil once it is over.
	Failing error
}

// New makes a collector. It does no I/O.
func New(c Config) (*Collector, error) {
	if c.Every == 0 {
		c.Every = DefaultEvery
	}
	switch {
	case c.Engine == nil || c.Store == nil || c.Note == nil:
		return nil, errors.New("collector: engine, store and note are required")
	case c.Every < MinEvery:
		return nil, fmt.Errorf("collector: checkpoints are stamped every %s at the most often, not every %s", MinEvery, c.Every)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.After == nil {
		c.After = time.After
	}
	k := &Collector{c: c, state: map[string]State{}, turn: map[string]*sync.Mutex{}}
	for _, a := range c.Authorities {
		if k.turn[a.Name()] != nil {
			return nil, fmt.Errorf("collector: two time-stamping authorities are named %s", a.Name())
		}
		k.turn[a.Name()] = new(sync.Mutex)
	}
	return k, nil
}

// State gives the state of each authority by its name.
func (k *Collector) State() map[string]State {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make(map[string]State, len(k.state))
	for name, s := range k.state {
		all[name] = s
	}
	return all
}

// Run stamps on the schedule until ctx ends.
func (k *Collector) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, a := range k.c.Authorities {
		wg.Go(func() { k.keep(ctx, a) })
	}
	wg.Wait()
}

// keep serves one authority.
func (k *Collector) keep(ctx context.Context, a *authority.Authority) {
	retry := firstRetry
	for {
		wait := k.c.Every
		note, err := k.c.Note(ctx)
		if err == nil {
			err = k.stamp(ctx, a, note)
		}
		if ctx.Err() != nil {
			return
		}
		k.note(a.Name(), err)
		if err != nil {
			wait, retry = min(retry, wait), min(2*retry, k.c.Every)
		} else {
			retry = firstRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-k.c.After(wait):
		}
	}
}

// note remembers how a request ended; a change is for the log.
func (k *Collector) note(name string, err error) {
	k.mu.Lock()
	s := k.state[name]
	was := s.Failing
	s.Failing = err
	k.state[name] = s
	k.mu.Unlock()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		k.c.Log.Warn("a checkpoint was not time-stamped; it is tried again", "authority", name, "cause", err.Error())
	case err == nil && was != nil:
		k.c.Log.Info("checkpoints are time-stamped again", "authority", name)
	}
}

// Stamp asks every authority at once for a token over a note, and joins what went
// wrong; the tokens of the others are kept all the same. Each takes at most its timeout.
func (k *Collector) Stamp(ctx context.Context, note []byte) error {
	faults := make([]error, len(k.c.Authorities))
	var wg sync.WaitGroup
	for i, a := range k.c.Authorities {
		wg.Go(func() {
			faults[i] = k.stamp(ctx, a, note)
			k.note(a.Name(), faults[i])
		})
	}
	wg.Wait()
	return errors.Join(faults...)
}

// stamp gets one token and keeps it, where there is none yet.
func (k *Collector) stamp(ctx context.Context, a *authority.Authority, note []byte) error {
	turn := k.turn[a.Name()]
	turn.Lock()
	defer turn.Unlock()
	checkpoint, _, err := ledger.ParseUnverifiedCheckpoint(note) // the engine verifies it
	if err != nil {
		return err
	}
	digest := sha256.Sum256(note)
	have, err := k.has(ctx, a.Name(), checkpoint.Size, digest)
	if have || err != nil {
		return err
	}
	r, err := a.Stamp(ctx, digest)
	if err != nil {
		return err
	}
	if err := k.c.Engine.AddToken(ctx, note, ingest.Token{Authority: a.Name(), Token: r.Token.Response(), Chain: rest(r.Verified.Chain)}); err != nil {
		return fmt.Errorf("time-stamping authority %s: keeping its token: %w", a.Name(), err)
	}
	k.mu.Lock()
	s := k.state[a.Name()]
	s.Last, s.Size, s.Skew = r.Verified.Time, checkpoint.Size, r.Skew
	k.state[a.Name()] = s
	k.mu.Unlock()
	k.c.Log.Debug("checkpoint time-stamped", "authority", a.Name(), "size", int64(checkpoint.Size), "time", r.Verified.Time)
	if r.Skew.Abs() > maxSkew {
		k.c.Log.Warn("this server's clock and that of the time-stamping authority differ; times of receipt are this server's", "authority", a.Name(), "ahead", r.Skew.String())
	}
	return nil
}

// has reports whether an authority's token over the note is kept.
func (k *Collector) has(ctx context.Context, name string, size ledger.Size, digest [32]byte) (found bool, err error) {
	err = k.c.Store.Read(ctx, func(tx *store.Tx) error {
		list, err := ingest.Tokens(tx, int64(size), int64(size))
		for _, t := range list {
			found = found || t.Authority == name && t.Note == digest
		}
		return err
	})
	return found, err
}

// rest is the chain without the authority's own certificate, which the token has.
func rest(chain []*x509.Certificate) []byte {
	var all []byte
	for _, c := range chain[1:] {
		all = append(all, c.Raw...)
	}
	return all
}
