package keeper

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
)

// MaxEvidence bounds what is kept of one log: two histories are shown by the
// first request, and only the log's own key can make more.
const MaxEvidence = 100

// Paths are a witness's two files. Their folders must exist.
type Paths struct{ State, Marks string }

// Record is what the witness remembers of a log.
type Record struct {
	Origin string
	witness.Tree
	// Note is the signed note as it was cosigned last, without the cosignature;
	// nil where nothing was cosigned, or where the record was made by Reseed from a mark.
	Note []byte
	// At is the time of the last cosignature, in whole seconds; zero where there is none.
	At time.Time
}

// Evidence is a request that the log signed and that contradicts what was cosigned.
type Evidence struct {
	At      time.Time
	Status  int // 409 or 422
	Got     ledger.Checkpoint
	Known   witness.Tree
	Note    []byte // of Known, where there is one
	Request []byte
}

// Keeper is a witness's open memory. It is safe for concurrent use, and for
// use by several processes on one machine.
type Keeper struct {
	paths Paths
	state *sql.DB
	marks *sql.DB
	born  string
	now   func() time.Time
	// step is told how far a cosigning has come; a test ends the process there.
	step func(string)
}

// Create makes the files of a new witness, whose key has never cosigned
// anything. The error wraps ErrPresent where there is either file.
func Create(ctx context.Context, p Paths) error {
	return createPair(ctx, p, newPair(), bornNew)
}

// createPair makes the marks last: without them the state is not opened. A crash
// between the two leaves a state that is of no use to anyone.
func createPair(ctx context.Context, p Paths, pair, born string) error {
	for _, path := range []string{p.State, p.Marks} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			return errors.Join(fmt.Errorf("%w: %s", ErrPresent, path), err)
		}
	}
	if err := createFile(ctx, stateKind, p.State, map[string]string{metaPair: pair, metaBorn: born}); err != nil {
		return err
	}
	return createFile(ctx, marksKind, p.Marks, map[string]string{metaPair: pair})
}

// Open opens a witness's memory and compares the two files. The error is a
// *LostError, or wraps ErrNotKeeper or ErrDamaged.
func Open(ctx context.Context, p Paths) (*Keeper, error) {
	k, err := open(ctx, p, nil)
	if err != nil {
		return nil, err
	}
	if err := k.check(ctx); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// open opens the files without comparing what they say of logs.
func open(ctx context.Context, p Paths, wrap wrapper) (k *Keeper, err error) {
	k = &Keeper{paths: p, now: time.Now, step: func(string) {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Close())
			k = nil
		}
	}()
	if k.state, err = openFile(ctx, stateKind, p.State, wrap); err != nil {
		return k, err
	}
	if k.marks, err = openFile(ctx, marksKind, p.Marks, wrap); err != nil {
		return k, err
	}
	a, err := fact(ctx, k.state, metaPair)
	if err != nil {
		return k, err
	}
	b, err := fact(ctx, k.marks, metaPair)
	if err != nil {
		return k, err
	}
	if a != b {
		return k, fmt.Errorf("%w: %s and %s are not of one witness: configure the two that belong together", ErrNotKeeper, p.State, p.Marks)
	}
	k.born, err = fact(ctx, k.state, metaBorn)
	return k, err
}

// Close closes the files.
func (k *Keeper) Close() error {
	var faults []error
	for _, db := range []*sql.DB{k.state, k.marks} {
		if db != nil {
			faults = append(faults, db.Close())
		}
	}
	return errors.Join(faults...)
}

// check compares the state with the marks, and raises those that a crash left behind.
func (k *Keeper) check(ctx context.Context) error {
	marks, err := k.Marks(ctx)
	if err != nil {
		return err
	}
	records, err := k.Records(ctx)
	if err != nil {
		return err
	}
	have := map[string]Record{}
	for _, r := range records {
		have[r.Origin] = r
	}
	lost := &LostError{State: k.paths.State, Marks: k.paths.Marks}
	for _, m := range marks {
		r, ok := have[m.Origin]
		switch {
		case !ok:
			lost.Losses = append(lost.Losses, Loss{m.Origin, m.Tree, nil})
		case r.Size < m.Size || r.Size == m.Size && r.Root != m.Root:
			lost.Losses = append(lost.Losses, Loss{m.Origin, m.Tree, &r.Tree})
		}
	}
	if len(lost.Losses) > 0 {
		return lost
	}
	for _, r := range records {
		if err := k.raise(ctx, r.Origin, r.Tree, r.At); err != nil {
			return err
		}
	}
	return nil
}

// Records lists what is remembered, by origin.
func (k *Keeper) Records(ctx context.Context) ([]Record, error) {
	return k.list(ctx, k.state, "SELECT origin, size, root, note, at FROM logs ORDER BY origin")
}

// Marks lists the largest tree of each log that was ever cosigned, by origin.
func (k *Keeper) Marks(ctx context.Context) ([]Record, error) {
	return k.list(ctx, k.marks, "SELECT origin, size, root, x'', at FROM marks ORDER BY origin")
}

func (k *Keeper) list(ctx context.Context, db *sql.DB, query string) (list []Record, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("keeper: reading: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

func scan(from func(...any) error) (r Record, err error) {
	var root []byte
	var at int64
	if err := from(&r.Origin, &r.Size, &root, &r.Note, &at); err != nil {
		return r, err
	}
	if len(root) != ledger.HashSize {
		return r, fmt.Errorf("%w: the root of %s has %d bytes", ErrDamaged, r.Origin, len(root))
	}
	r.Root = ledger.Hash(root)
	if at != 0 {
		r.At = time.Unix(at, 0).UTC()
	}
	if len(r.Note) == 0 {
		r.Note = nil
		return r, nil
	}
	c, _, err := ledger.ParseUnverifiedCheckpoint(r.Note)
	if err == nil && c != (ledger.Checkpoint{Origin: r.Origin, Size: r.Size, Root: r.Root}) {
		err = fmt.Errorf("it is for %s at size %d", c.Origin, c.Size)
	}
	if err != nil {
		return r, fmt.Errorf("%w: the note of %s at size %d: %w", ErrDamaged, r.Origin, r.Size, err)
	}
	return r, nil
}

// Cosign checks a submission against what is remembered, remembers it, and
// cosigns it. The error is a *witness.Refusal or *ClockError, wraps ErrUnseeded,
// or ErrOutcomeUnknown and others where the files fail. A cosignature is given
// only for what is on stable storage.
func (k *Keeper) Cosign(ctx context.Context, s *witness.Submission, key *witness.Key) (ledger.Signature, error) {
	c := s.Checkpoint
	ctx = context.WithoutCancel(ctx) // a log that hangs up must not leave it half done
	sig, at, err := k.remember(ctx, s, key)
	if r := (*witness.Refusal)(nil); errors.As(err, &r) && r.Fork {
		return sig, errors.Join(err, k.keep(ctx, s, r))
	}
	if err != nil {
		return ledger.Signature{}, err
	}
	k.step("committed")
	if err := k.raise(ctx, c.Origin, witness.Tree{Size: c.Size, Root: c.Root}, at); err != nil {
		return ledger.Signature{}, err
	}
	k.step("raised")
	return sig, nil
}

// remember is the one atomic step: compare, sign, write.
func (k *Keeper) remember(ctx context.Context, s *witness.Submission, key *witness.Key) (sig ledger.Signature, at time.Time, err error) {
	c := s.Checkpoint
	tx, err := k.state.BeginTx(ctx, nil)
	if err != nil {
		return sig, at, fmt.Errorf("keeper: %s: %w", k.paths.State, err)
	}
	defer func() { _ = tx.Rollback() }() // without effect once committed
	known, found, err := record(ctx, tx, c.Origin)
	if err != nil {
		return sig, at, err
	}
	if !found && k.born != bornNew {
		return sig, at, fmt.Errorf("%w: %s. If that cannot be, let it start from nothing: custody-witness reseed --origin %s --from-nothing", ErrUnseeded, c.Origin, c.Origin)
	}
	if err := s.Decide(known.Tree); err != nil {
		return sig, at, err
	}
	at = k.now().UTC().Truncate(time.Second)
	if at.Before(known.At) {
		return sig, at, &ClockError{c.Origin, at, known.At}
	}
	k.step("decided")
	if sig, err = key.Cosign(c.Checkpoint, at); err != nil {
		return sig, at, err
	}
	k.step("signed")
	if err := put(ctx, tx, Record{c.Origin, witness.Tree{Size: c.Size, Root: c.Root}, c.Note(), at}); err != nil {
		return sig, at, err
	}
	k.step("written")
	if err := tx.Commit(); err != nil {
		return ledger.Signature{}, at, fmt.Errorf("%w: %s at size %d in %s: %w", ErrOutcomeUnknown, c.Origin, c.Size, k.paths.State, err)
	}
	return sig, at, nil
}

func record(ctx context.Context, tx *sql.Tx, origin string) (Record, bool, error) {
	r, err := scan(tx.QueryRowContext(ctx, "SELECT origin, size, root, note, at FROM logs WHERE origin = $1", origin).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Record{Origin: origin, Tree: witness.Empty()}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("keeper: reading what is known of %s: %w", origin, err)
	}
	return r, true, nil
}

func put(ctx context.Context, tx *sql.Tx, r Record) error {
	var at int64
	if !r.At.IsZero() {
		at = r.At.Unix()
	}
	if r.Note == nil {
		r.Note = []byte{}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO logs (origin, size, root, note, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note, at = excluded.at`,
		r.Origin, int64(r.Size), r.Root[:], r.Note, at)
	if err != nil {
		return fmt.Errorf("keeper: writing what is known of %s: %w", r.Origin, err)
	}
	return nil
}

// raise moves a mark to a larger tree, and never to a smaller one.
func (k *Keeper) raise(ctx context.Context, origin string, t witness.Tree, at time.Time) error {
	var sec int64
	if !at.IsZero() {
		sec = at.Unix()
	}
	_, err := k.marks.ExecContext(ctx, `INSERT INTO marks (origin, size, root, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, at = excluded.at WHERE excluded.size > marks.size`,
		origin, int64(t.Size), t.Root[:], sec)
	if err != nil {
		return fmt.Errorf("%w: the mark of %s at size %d in %s: %w", ErrOutcomeUnknown, origin, t.Size, k.paths.Marks, err)
	}
	return nil
}

// keep stores a request that shows two histories; the same one once.
func (k *Keeper) keep(ctx context.Context, s *witness.Submission, r *witness.Refusal) error {
	c, body := s.Checkpoint, s.Request.Marshal()
	sha := sha256.Sum256(body)
	_, err := k.state.ExecContext(ctx, `INSERT INTO evidence (sha, origin, at, status, size, root, known_size, known_root, known_note, request)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, coalesce((SELECT note FROM logs WHERE origin = $2 AND size = $7 AND root = $8), x''), $9
		WHERE (SELECT count(*) FROM evidence WHERE origin = $2) < $10
		ON CONFLICT (sha) DO NOTHING`,
		sha[:], c.Origin, k.now().Unix(), r.Status, int64(c.Size), c.Root[:], int64(r.Known.Size), r.Known.Root[:], body, MaxEvidence)
	if err != nil {
		return fmt.Errorf("keeper: keeping the evidence of a second history of %s: %w", c.Origin, err)
	}
	return nil
}

// Evidence lists what is kept of a log, oldest first.
func (k *Keeper) Evidence(ctx context.Context, origin string) (list []Evidence, err error) {
	rows, err := k.state.QueryContext(ctx, `SELECT at, status, size, root, known_size, known_root, known_note, request
		FROM evidence WHERE origin = $1 ORDER BY at, sha`, origin)
	if err != nil {
		return nil, fmt.Errorf("keeper: reading evidence: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e := Evidence{Got: ledger.Checkpoint{Origin: origin}}
		var at int64
		var root, known []byte
		if err := rows.Scan(&at, &e.Status, &e.Got.Size, &root, &e.Known.Size, &known, &e.Note, &e.Request); err != nil {
			return nil, err
		}
		if len(root) != ledger.HashSize || len(known) != ledger.HashSize {
			return nil, fmt.Errorf("%w: a root in the evidence of %s", ErrDamaged, origin)
		}
		e.At, e.Got.Root, e.Known.Root = time.Unix(at, 0).UTC(), ledger.Hash(root), ledger.Hash(known)
		list = append(list, e)
	}
	return list, rows.Err()
}
