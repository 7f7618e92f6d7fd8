package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"fieldseal/schema"
	"fieldseal/sync/event"

	_ "modernc.org/sqlite" // the "sqlite" driver
)

// Names within a store's directory.
const (
	dbName    = "fieldseal.sqlite"
	mediaName = "media"
	keyName   = "device.key"
	lockName  = "sync.lock"
)

const (
	// busyTimeout is how long a process waits for another one that writes: far longer
	// than any transaction here takes, short enough that a person is told.
	busyTimeout = 30 * time.Second
	// readers bounds the connections that read beside the one that writes.
	readers = 4
	// applicationID marks the database file ("FSDF"), see schema/device.
	applicationID = 1179865158
)

// Options adjust a store; the zero value is right for a laptop.
type Options struct {
	// Signer holds the key in hardware; nil for the key file beside the store.
	Signer *Signer
	// Clock reads the time; nil for the system's clock.
	Clock func() event.Clock
	// Model and App are what the device calls itself when it enrols.
	Model, App string
}

// Store is a device's store. It is safe for concurrent use, also beside other
// processes that have the same store open.
type Store struct {
	dir   string
	opts  Options
	w, r  *sql.DB
	clock func() event.Clock

	mu       sync.Mutex
	identity *Identity
	signer   *Signer
}

// Create makes a store in dir, which may exist if it holds none, and opens it.
func Create(ctx context.Context, dir string, opts Options) (*Store, error) {
	path := filepath.Join(dir, dbName)
	if _, err := os.Lstat(path); err == nil {
		return nil, &StoreError{"create", dir, ErrExists}
	}
	if err := os.MkdirAll(filepath.Join(dir, mediaName, "tmp"), 0o700); err != nil {
		return nil, &StoreError{"create", dir, storageErr(err)}
	}
	// O_EXCL decides between two processes that create at once; SQLite takes an empty file as a new database.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, &StoreError{"create", dir, ErrExists}
	}
	if err != nil {
		return nil, &StoreError{"create", dir, storageErr(err)}
	}
	if err := f.Close(); err != nil {
		return nil, &StoreError{"create", dir, storageErr(err)}
	}
	s, err := Open(ctx, dir, opts)
	if err != nil {
		return nil, err
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(&StoreError{"create", dir, storageErr(err)}, s.Close())
	}
	return s, nil
}

// Open opens the store in dir and brings its schema up to date.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	path := filepath.Join(dir, dbName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, &StoreError{"open", dir, ErrNoStore}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, &StoreError{"open", dir, err}
	}
	s := &Store{dir: filepath.Dir(abs), opts: opts, clock: opts.Clock}
	if s.clock == nil {
		s.clock = SystemClock
	}
	if s.w, err = openDB(abs, false); err == nil {
		s.r, err = openDB(abs, true)
	}
	if err == nil {
		err = s.migrate(ctx)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(s.dir, mediaName, "tmp"), 0o700)
	}
	if err == nil {
		err = s.sweepTemporary()
	}
	if err != nil {
		err = classify(err)
		return nil, errors.Join(&StoreError{"open", dir, err}, s.Close())
	}
	return s, nil
}

// Close releases the store; it does not lose anything.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.r, s.w} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Dir is the store's directory.
func (s *Store) Dir() string { return s.dir }

func openDB(path string, read bool) (*sql.DB, error) {
	q := url.Values{}
	// The time-out first: the pragmas after it may have to wait for another process.
	q.Add("_pragma", "busy_timeout("+strconv.FormatInt(busyTimeout.Milliseconds(), 10)+")")
	q.Add("_pragma", "journal_mode(WAL)")
	q.Add("_pragma", "synchronous(FULL)")
	q.Add("_pragma", "foreign_keys(1)")
	if read {
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Set("_txlock", "immediate")
	}
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // C:/… on Windows
		slashed = "/" + slashed
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	n := 1
	if read {
		n = readers
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// migrate applies the migrations that the file has not seen, all in one transaction.
func (s *Store) migrate(ctx context.Context) error {
	names, err := fs.Glob(schema.Device, "device/*.sql")
	if err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		var at, app int
		if err := t.row(`PRAGMA user_version`).Scan(&at); err != nil {
			return err
		}
		if err := t.row(`PRAGMA application_id`).Scan(&app); err != nil {
			return err
		}
		if at > 0 && app != applicationID {
			return fmt.Errorf("%w: the file is a database of another program", ErrCorrupt)
		}
		if at > len(names) {
			return fmt.Errorf("%w: its schema is version %d, this program knows %d; use the newer program", ErrNewerStore, at, len(names))
		}
		for i := at; i < len(names); i++ { // Glob sorts; names are numbered from 0001
			text, err := schema.Device.ReadFile(names[i])
			if err != nil {
				return err
			}
			if err := t.exec(string(text)); err != nil {
				return fmt.Errorf("migration %s: %w", names[i], err)
			}
		}
		if at == len(names) {
			return nil
		}
		return t.exec(`PRAGMA user_version = ` + strconv.Itoa(len(names)))
	})
}

// tx is one transaction with one clock reading.
type tx struct {
	ctx context.Context
	q   *sql.Tx
	now time.Time
}

func (t *tx) exec(query string, args ...any) error {
	_, err := t.q.ExecContext(t.ctx, query, args...)
	return err
}

// changed is exec that also gives the number of rows that changed.
func (t *tx) changed(query string, args ...any) (int64, error) {
	res, err := t.q.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t *tx) row(query string, args ...any) *sql.Row {
	return t.q.QueryRowContext(t.ctx, query, args...)
}

func (t *tx) rows(query string, args ...any) (*sql.Rows, error) {
	return t.q.QueryContext(t.ctx, query, args...)
}

// stamp is the transaction's instant as the store writes it.
func (t *tx) stamp() string { return t.now.UTC().Format(time.RFC3339Nano) }

// write runs fn in a BEGIN IMMEDIATE transaction and commits it. fn has no side
// effects outside the database, except sealing.
func (s *Store) write(ctx context.Context, fn func(*tx) error) error {
	q, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	if err := fn(&tx{ctx, q, s.now()}); err != nil {
		return classify(errors.Join(err, rollback(q)))
	}
	if err := q.Commit(); err != nil {
		err = classify(err)
		return fmt.Errorf("%w; the change may or may not have been saved: look before doing it again", err)
	}
	return nil
}

// read runs fn in one read transaction: all its queries see the same state.
func (s *Store) read(ctx context.Context, fn func(*tx) error) error {
	q, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return classify(err)
	}
	err = fn(&tx{ctx, q, s.now()})
	return classify(errors.Join(err, rollback(q)))
}

func rollback(q *sql.Tx) error {
	if err := q.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

func (s *Store) now() time.Time {
	t := s.clock().Wall.Time()
	if t.IsZero() {
		return time.Now()
	}
	return t
}

// each runs scan for every row and closes rows.
func each(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// setting gives a named setting, "" where it is not set.
func (t *tx) setting(name string) (string, error) {
	var v string
	err := t.row(`SELECT value FROM settings WHERE name = $1`, name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, err
}

func (t *tx) set(name, value string) error {
	return t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}

func (t *tx) unset(name string) error {
	return t.exec(`DELETE FROM settings WHERE name = $1`, name)
}
