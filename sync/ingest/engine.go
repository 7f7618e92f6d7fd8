package ingest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// Guard remembers the newest checkpoint that was shown to anyone, apart from
// the database; see package guard for durability and errors. It is an interface
// so that tests can make it fail.
type Guard interface {
	Check(ctx context.Context, origin string, size ledger.Size, rootAt guard.RootAt) (guard.State, error)
	Advance(ctx context.Context, next *ledger.SignedCheckpoint, rootAt guard.RootAt) error
}

// Config is what an engine needs.
type Config struct {
	Store *store.Store
	// LogKey signs checkpoints; its name is the log's origin.
	LogKey *ledger.Key
	// AuthorityKey seals the authority's events.
	AuthorityKey *seal.PrivateKey
	Guard        Guard
	// Name and NameZH are the authority's, stated when an empty store is opened.
	Name, NameZH string
	// Predecessor, where not nil, is stated right after the genesis of an empty
	// store: the log that this one continues.
	Predecessor *event.LogPredecessor
	// Logger gets what an operator should know; nothing where nil.
	Logger *slog.Logger
}

// Validate joins all faults.
func (c Config) Validate() error {
	var faults []error
	for name, missing := range map[string]bool{"store": c.Store == nil, "log key": c.LogKey == nil,
		"authority key": c.AuthorityKey == nil, "guard": c.Guard == nil} {
		if missing {
			faults = append(faults, fmt.Errorf("ingest: the %s is missing", name))
		}
	}
	return errors.Join(faults...)
}

// Status is what became of a line.
type Status = reconcile.Status

// Result answers one line, or one draft.
type Result struct {
	// ID is the event's id; of a line without a readable payload, SHA-256 over the line.
	ID     event.ID
	Status Status
	// Code and Detail say why a line is in quarantine, or is a variant.
	Code   seal.Code
	Detail string
	// Index is the line's place in the log; Received, in whole microseconds, is when it got there.
	Index    int64
	Received time.Time
	Kind     ledger.Kind
	// Pending: earlier events of the device have not arrived, WaitsFor being the first. These
	// two are as of now; all else is the same at every submission.
	Pending  bool
	WaitsFor int64
	// CheckpointSize is the size of the first checkpoint that covers Index.
	CheckpointSize int64
	// Line is the exact envelope of an authored event; nil after Submit.
	Line []byte
}

// Receipt answers a submission: one Result for each line, in order, and by size
// the signed checkpoints that they name.
type Receipt struct {
	Results     []Result
	Checkpoints map[int64]string
}

// Engine appends to one log. It is safe for concurrent use.
type Engine struct {
	cfg    Config
	log    *slog.Logger
	origin string
	keys   *keyring
	tiles  *ledger.TileCache
	queue  chan *request
	closed chan struct{} // closed by Close
	ended  chan struct{} // closed when the committer has ended
	once   sync.Once
	subs   subscribers
	stats  counters

	public atomic.Pointer[public]
	// frozen is why the guard, when it was last compared, has the log for frozen.
	frozen atomic.Pointer[string]

	// writer is held while a transaction that appends runs; it guards head.
	writer sync.Mutex
	head   *head // nil: to be read from the store
}

// public is the newest checkpoint that may be shown.
type public struct {
	signed *ledger.SignedCheckpoint // nil while the log is empty
}

// cachedTiles bounds the memory of proofs: 256 full tiles are 2 MiB and hold the
// upper levels of any log.
const cachedTiles = 256

// Open starts an engine. It compares the log with the guard and refuses one that
// was rolled back or rewritten with the guard's own error. An empty store gets
// its authority.genesis.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, log: cfg.Logger, origin: cfg.LogKey.Name(), queue: make(chan *request, maxQueue),
		closed: make(chan struct{}), ended: make(chan struct{})}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.keys = newKeyring(cfg.Store)
	e.tiles = ledger.NewTileCache(store.Tiles{Store: cfg.Store}, cachedTiles)
	if err := e.refresh(ctx, 0); err != nil {
		return nil, err
	}
	if e.public.Load().signed == nil {
		if err := e.begin(ctx); err != nil {
			return nil, err
		}
	}
	if err := e.checkAuthority(ctx); err != nil {
		return nil, err
	}
	var lag int64
	if err := cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
		lag, err = projection.UnindexedIDs(tx)
		return err
	}); err != nil {
		return nil, err
	}
	go e.commitLoop(newIndexer(lag))
	return e, nil
}

// begin states the genesis of an empty log.
func (e *Engine) begin(ctx context.Context) error {
	if e.cfg.Name == "" {
		return ErrEmpty
	}
	var random [10]byte
	rand.Read(random[:])
	genesis := &event.AuthorityGenesis{Name: e.cfg.Name, NameZH: e.cfg.NameZH, Key: e.cfg.AuthorityKey.Public().Info(),
		LogOrigin: e.origin, LogKey: e.cfg.LogKey.VerifierText()}
	drafts := []Draft{{Body: genesis}}
	if e.cfg.Predecessor != nil {
		drafts = append(drafts, Draft{Body: e.cfg.Predecessor})
	}
	r := newRequest(nil, event.UUID{})
	r.drafts = drafts
	e.commit([]*request{r})
	_, err := r.wait(ctx, e)
	if errors.Is(err, errBegun) { // another process was faster
		return e.refresh(ctx, 0)
	}
	return err
}

// Close ends the engine after the requests that wait, and writes the last note
// to its row. The store and the guard stay open.
func (e *Engine) Close(ctx context.Context) error {
	e.once.Do(func() { close(e.closed) })
	select {
	case <-e.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	e.subs.closeAll()
	e.writer.Lock()
	defer e.writer.Unlock()
	return e.saveNote(ctx)
}

// Origin is the log's name.
func (e *Engine) Origin() string { return e.origin }

// LogKey is the log's public key as verifiers read it.
func (e *Engine) LogKey() string { return e.cfg.LogKey.VerifierText() }

// AuthorityKey is the authority's public key.
func (e *Engine) AuthorityKey() seal.PublicKey { return e.cfg.AuthorityKey.Public() }
