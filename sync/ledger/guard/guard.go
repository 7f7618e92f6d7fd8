package guard

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"fieldseal/sync/ledger"
)

// State is the newest checkpoint that the guard knows of a log.
type State struct {
	Origin string
	Size   ledger.Size
	Root   ledger.Hash
	// Note is the signed note of the checkpoint as it was advanced to; nil when Size is 0.
	Note []byte
	// At is when the guard advanced, by the clock of the process that did: for people.
	At time.Time
	// FrozenAt and Why are when and why the log was frozen; zero while it is not.
	FrozenAt time.Time
	Why      string
}

// Frozen reports whether the log ends with this checkpoint for ever.
func (s *State) Frozen() bool { return !s.FrozenAt.IsZero() }

// RootAt gives the root that the log in the database has, or had, at a size;
// see ledger.RootAt. It reads what is committed at the time of the call. It is
// not called for size 0.
type RootAt func(ctx context.Context, size ledger.Size) (ledger.Hash, error)

// Guard is an open guard file. It is safe for concurrent use.
type Guard struct {
	db   *sql.DB
	path string
}

// Path is that of the file.
func (g *Guard) Path() string { return g.path }

// Close closes the file.
func (g *Guard) Close() error { return g.db.Close() }

// State gives what the guard knows of a log; false when it does not know it.
func (g *Guard) State(ctx context.Context, origin string) (State, bool, error) {
	s := State{Origin: origin}
	var root []byte
	var at, frozen int64
	err := g.db.QueryRowContext(ctx, "SELECT size, root, note, advanced_at, frozen_at, frozen_why FROM guard WHERE origin = $1", origin).
		Scan(&s.Size, &root, &s.Note, &at, &frozen, &s.Why)
	if errors.Is(err, sql.ErrNoRows) {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, fmt.Errorf("guard: reading %s: %w", g.path, err)
	}
	if len(root) != ledger.HashSize {
		return State{}, false, fmt.Errorf("%w: %s: the root of %s has %d bytes", ErrDamaged, g.path, origin, len(root))
	}
	s.Root, s.At = ledger.Hash(root), time.UnixMicro(at).UTC()
	if frozen != 0 {
		s.FrozenAt = time.UnixMicro(frozen).UTC()
	}
	if err := s.check(); err != nil {
		return State{}, false, fmt.Errorf("%w: %s: %w", ErrDamaged, g.path, err)
	}
	return s, true, nil
}

// check compares the columns with the signed note beside them.
func (s *State) check() error {
	if s.Size == 0 {
		s.Note = nil
		if s.Root != new(ledger.Tree).Root() {
			return fmt.Errorf("%s has size 0 and a root of something", s.Origin)
		}
		return nil
	}
	c, _, err := ledger.ParseUnverifiedCheckpoint(s.Note)
	if err != nil {
		return err
	}
	if c != (ledger.Checkpoint{Origin: s.Origin, Size: s.Size, Root: s.Root}) {
		return fmt.Errorf("the note beside %s at size %d is for %s at size %d", s.Origin, s.Size, c.Origin, c.Size)
	}
	return nil
}

// Check compares the log in the database, of the given size, with what was
// acknowledged. Nil means that the database holds all of it and may go on; it
// may be ahead of the State that is returned, unless that is frozen. Otherwise
// the error is a *RollbackError, *ForkError, *FrozenError or *MissingError, or
// wraps ErrDamaged or what rootAt returned. A log of size 0 that is not known is
// registered.
func (g *Guard) Check(ctx context.Context, origin string, size ledger.Size, rootAt RootAt) (State, error) {
	if err := ledger.ValidOrigin(origin); err != nil {
		return State{}, fmt.Errorf("guard: %w", err)
	}
	if size < 0 || size > ledger.MaxSize {
		return State{}, fmt.Errorf("guard: %w: %d is not the size of a log", ledger.ErrOutOfRange, size)
	}
	s, ok, err := g.State(ctx, origin)
	if err != nil {
		return State{}, err
	}
	if !ok && size > 0 {
		return State{}, &MissingError{g.path, origin, size}
	}
	if !ok {
		if _, err = g.insert(ctx, ledger.Checkpoint{Origin: origin, Root: new(ledger.Tree).Root()}, []byte{}); err != nil {
			return State{}, err
		}
		// Another process may have been faster, and gone on.
		if s, _, err = g.State(ctx, origin); err != nil {
			return State{}, err
		}
	}
	if size < s.Size {
		return State{}, &RollbackError{g.path, origin, size, s}
	}
	if err := g.compare(ctx, s, rootAt); err != nil {
		return s, err
	}
	if s.Frozen() && size > s.Size {
		return s, &FrozenError{g.path, s, size}
	}
	return s, nil
}

// compare is nil when the database's log had, at s.Size, the root of s.
func (g *Guard) compare(ctx context.Context, s State, rootAt RootAt) error {
	have, err := root(ctx, s.Origin, s.Size, rootAt)
	if err == nil && have != s.Root {
		err = &ForkError{g.path, s.Origin, s.Size, have, s.Root}
	}
	return err
}

// committed is nil when c is what the database's log has, or had, at c.Size.
func committed(ctx context.Context, c ledger.Checkpoint, rootAt RootAt) error {
	have, err := root(ctx, c.Origin, c.Size, rootAt)
	if err == nil && have != c.Root {
		err = fmt.Errorf("%w: %s at size %d: signed is the root %v, the tiles give %v: stop, load the tree again from the "+
			"database and audit it", ErrNotCommitted, c.Origin, c.Size, c.Root, have)
	}
	return err
}

func root(ctx context.Context, origin string, size ledger.Size, rootAt RootAt) (ledger.Hash, error) {
	if size == 0 {
		return new(ledger.Tree).Root(), nil
	}
	h, err := rootAt(ctx, size)
	if err != nil {
		return h, fmt.Errorf("guard: the root of %s at size %d cannot be computed from the database: %w", origin, size, err)
	}
	return h, nil
}

// Advance makes next what the guard knows, durably, before anyone is shown it.
//
// rootAt must confirm both the checkpoint that was acknowledged before, or the
// error is a *ForkError, and next, or it wraps ErrNotCommitted. When the guard is already at
// next's size or beyond, because another process was faster, and the database
// confirms both, there is nothing to do and the error is nil. An unknown log is
// a *MissingError, a larger size of a frozen one a *FrozenError. An error that wraps ErrOutcomeUnknown may be followed by the
// same call.
func (g *Guard) Advance(ctx context.Context, next *ledger.SignedCheckpoint, rootAt RootAt) error {
	if err := committed(ctx, next.Checkpoint, rootAt); err != nil {
		return err
	}
	// Each round that does not end is one in which another process advanced.
	for {
		s, ok, err := g.State(ctx, next.Origin)
		if err != nil {
			return err
		}
		if !ok {
			return &MissingError{g.path, next.Origin, next.Size}
		}
		if err := g.compare(ctx, s, rootAt); err != nil {
			return err
		}
		if next.Size <= s.Size {
			return nil
		}
		if s.Frozen() {
			return &FrozenError{g.path, s, next.Size}
		}
		if done, err := g.swap(ctx, s, next); done || err != nil {
			return err
		}
	}
}

// swap replaces s if it is still there.
func (g *Guard) swap(ctx context.Context, s State, next *ledger.SignedCheckpoint) (bool, error) {
	res, err := g.db.ExecContext(ctx, `UPDATE guard SET size = $1, root = $2, note = $3, advanced_at = $4
		WHERE origin = $5 AND size = $6 AND root = $7 AND frozen_at = 0`,
		int64(next.Size), next.Root[:], next.Note(), time.Now().UnixMicro(), s.Origin, int64(s.Size), s.Root[:])
	return g.changed(res, err, next.Checkpoint)
}

// insert registers a log; false if it is registered already.
func (g *Guard) insert(ctx context.Context, c ledger.Checkpoint, note []byte) (bool, error) {
	res, err := g.db.ExecContext(ctx, `INSERT INTO guard (origin, size, root, note, advanced_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, c.Origin, int64(c.Size), c.Root[:], note, time.Now().UnixMicro())
	return g.changed(res, err, c)
}

// changed tells whether a statement, which is a transaction of its own, took effect.
func (g *Guard) changed(res sql.Result, err error, c ledger.Checkpoint) (bool, error) {
	var n int64
	if err == nil {
		n, err = res.RowsAffected()
	}
	if err != nil {
		return false, fmt.Errorf("%w: %s at size %d in %s: %w", ErrOutcomeUnknown, c.Origin, c.Size, g.path, err)
	}
	return n == 1, nil
}

// Adopt makes c, the newest checkpoint of the database, what the guard knows of
// a log that it has lost. An operator has to ask for it: whatever was
// acknowledged beyond c is given up. It is no way round a rollback: a log that
// the guard knows at another checkpoint is refused with ErrPresent.
func (g *Guard) Adopt(ctx context.Context, c *ledger.SignedCheckpoint, rootAt RootAt) error {
	if err := committed(ctx, c.Checkpoint, rootAt); err != nil {
		return err
	}
	note := []byte{}
	if c.Size > 0 {
		note = c.Note()
	}
	if done, err := g.insert(ctx, c.Checkpoint, note); done || err != nil {
		return err
	}
	s, _, err := g.State(ctx, c.Origin)
	if err != nil {
		return err
	}
	if s.Size != c.Size || s.Root != c.Root {
		return fmt.Errorf("%w: %s at size %d; it cannot be adopted at %d: start without that flag", ErrPresent, c.Origin, s.Size, c.Size)
	}
	return nil
}

// Freeze makes the checkpoint that the guard knows of a log its last one, for
// ever. at is that checkpoint as the caller knows it: where the guard is at
// another one the error wraps ErrMoved. Freezing again changes nothing, and the
// first reason stays.
func (g *Guard) Freeze(ctx context.Context, at ledger.Checkpoint, why string) error {
	s, ok, err := g.State(ctx, at.Origin)
	switch {
	case err != nil:
		return err
	case !ok:
		return &MissingError{g.path, at.Origin, at.Size}
	case s.Size != at.Size || s.Root != at.Root:
		return fmt.Errorf("%w: %s is at %d entries, to be frozen at %d", ErrMoved, at.Origin, s.Size, at.Size)
	case s.Frozen():
		return nil
	}
	res, err := g.db.ExecContext(ctx, `UPDATE guard SET frozen_at = $1, frozen_why = $2 WHERE origin = $3 AND size = $4 AND root = $5 AND frozen_at = 0`,
		time.Now().UnixMicro(), why, at.Origin, int64(at.Size), at.Root[:])
	done, err := g.changed(res, err, at)
	if err != nil || done {
		return err
	}
	// Another process has advanced or frozen it: what is so now is the answer.
	if s, _, err = g.State(ctx, at.Origin); err == nil && !s.Frozen() {
		err = fmt.Errorf("%w: %s is at %d entries, to be frozen at %d", ErrMoved, at.Origin, s.Size, at.Size)
	}
	return err
}
