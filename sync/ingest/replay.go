package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// ErrReplay is wrapped where a line, replayed at its place, does not become the
// entry that the log had there.
var ErrReplay = errors.New("ingest: the replayed line does not give the entry that the log had")

// Lost is an entry to replay: what the log had at this place, and the exact line.
type Lost struct {
	Leaf ledger.Leaf
	Line []byte
}

// ReplayConfig says what to replay into which database.
type ReplayConfig struct {
	// Path is a SQLite database that nobody else has open: a copy of a backup, or
	// one that does not exist.
	Path string
	// LogKey signs the checkpoints anew: the same text gives the same note.
	LogKey *ledger.Key
	// Entries go behind those that the database has, in order.
	Entries []Lost
	// Notes are checkpoints of the log to keep, where the log comes to their root; those
	// with more signatures than the log's are kept as cosigned ones.
	Notes []*ledger.SignedCheckpoint
	// Progress, where not nil, is told how far it is.
	Progress func(done, total int64)
}

// replayClock tells the time that a transaction was made at.
type replayClock struct{ now time.Time }

// unguarded lets a log grow beside its guard. Replay alone uses it: the guard
// knows the result already and judges it.
type unguarded struct{}

func (unguarded) Check(context.Context, string, ledger.Size, guard.RootAt) (guard.State, error) {
	return guard.State{}, nil
}

func (unguarded) Advance(context.Context, *ledger.SignedCheckpoint, guard.RootAt) error { return nil }

// Replay appends lost entries by the same steps that appended them at first, with
// the times that their leaves name: events, quarantine, read models, tiles. The
// entries that have one time were one transaction, so its checkpoint comes back
// too. Every entry must give its leaf; the error wraps ErrReplay where one does
// not, and the database is then good for nothing. Who delivered a line is not
// in the log and stays unknown.
func Replay(ctx context.Context, cfg ReplayConfig) (err error) {
	clock := &replayClock{now: time.Now()}
	s, err := store.Open(ctx, store.Config{Driver: store.SQLite, Path: cfg.Path, Now: func() time.Time { return clock.now }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	e := &Engine{cfg: Config{Store: s, LogKey: cfg.LogKey, Guard: unguarded{}}, origin: cfg.LogKey.Name()}
	e.keys = newKeyring(s)
	e.tiles = ledger.NewTileCache(store.Tiles{Store: s}, cachedTiles)
	if err := e.refresh(ctx, 0); err != nil {
		return err
	}
	cut := map[ledger.Size]bool{}
	for _, n := range cfg.Notes {
		cut[n.Size] = true
	}
	for rest := cfg.Entries; len(rest) > 0; {
		from := e.head.tree.Size()
		n := 1
		for n < len(rest) && rest[n].Leaf.Received == rest[0].Leaf.Received && !cut[from+ledger.Size(n)] {
			n++
		}
		clock.now = rest[0].Leaf.Received.Time()
		if err := e.replayGroup(ctx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
		if cfg.Progress != nil {
			cfg.Progress(int64(len(cfg.Entries)-len(rest)), int64(len(cfg.Entries)))
		}
	}
	if err := e.saveNote(ctx); err != nil {
		return err
	}
	clock.now = time.Now()
	return e.keepCosigned(ctx, cfg.Notes)
}

// replayGroup appends the entries of one transaction and compares.
func (e *Engine) replayGroup(ctx context.Context, group []Lost) error {
	lines, hashes := make([][]byte, len(group)), make([]ledger.Hash, len(group))
	for i := range group {
		lines[i] = group[i].Line
		h, err := group[i].Leaf.Hash()
		if err != nil {
			return err
		}
		hashes[i] = h
	}
	from := e.head.tree.Size()
	want, _ := e.head.tree.Append(hashes)
	incoming, err := verify(ctx, lines, e.keys.session(ctx))
	if err != nil {
		return err
	}
	if from == 0 {
		found(&incoming[0], lines[0])
	}
	w, err := e.append([]*request{newRequest(incoming, event.UUID{})})
	if err != nil {
		return err
	}
	for i, r := range w.results[0] {
		index := int64(from) + int64(i)
		refused := group[i].Leaf.Kind == ledger.KindQuarantine
		// A variant is answered as the event that it repeats; its own entry is in quarantine.
		if (r.Status == reconcile.Quarantined || r.Code == reconcile.CodeVariant) != refused || r.Status == reconcile.Duplicate && !refused {
			return fmt.Errorf("%w: entry %d, %v %x, comes out as %s %s: %s. If another version of this program wrote the log, use that one", ErrReplay,
				index, group[i].Leaf.Kind, group[i].Leaf.Event, r.Status, r.Code, r.Detail)
		}
	}
	if e.head.tree.Size() != want.Size() || e.head.tree.Root() != want.Root() {
		return fmt.Errorf("%w: the entries %d to %d come to %d entries with root %v, had were %d with root %v", ErrReplay,
			from, want.Size()-1, e.head.tree.Size(), e.head.tree.Root(), want.Size(), want.Root())
	}
	return nil
}

// found verifies the first entry of a log by the key that it states itself.
func found(in *reconcile.Incoming, line []byte) (b *event.AuthorityGenesis) {
	env, err := seal.ParseEnvelope(line)
	if err != nil {
		return nil
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return nil
	}
	body, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		return nil
	}
	b, ok := body.(*event.AuthorityGenesis)
	if !ok {
		return nil
	}
	if key, err := seal.ParseKeyInfo(b.Key); err == nil {
		in.Verified, in.Refusal, _ = seal.Verify(line, authorityKeys{p.Device, key}) // such keys can always be read
	}
	return b
}

// keepCosigned keeps the notes that witnesses have signed, where the log has a checkpoint of theirs.
func (e *Engine) keepCosigned(ctx context.Context, notes []*ledger.SignedCheckpoint) error {
	for _, n := range notes {
		if len(n.Signatures()) < 2 {
			continue
		}
		var same bool
		if err := e.cfg.Store.Read(ctx, func(tx *store.Tx) error {
			c, found, err := tx.CheckpointAt(int64(n.Size))
			same = found && ledger.Hash(c.Root) == n.Root
			return err
		}); err != nil {
			return err
		}
		if same {
			if err := e.AddCosigned(ctx, string(n.Note())); err != nil {
				return err
			}
		}
	}
	return nil
}
