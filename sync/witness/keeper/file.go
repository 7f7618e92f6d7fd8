package keeper

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"modernc.org/sqlite"
)

// kind is one of the two sorts of file.
type kind struct {
	word string
	// app is SQLite's application_id, which marks the file.
	app    int64
	schema []string
}

const (
	// schemaVersion is SQLite's user_version of the only layout there is.
	schemaVersion = 1
	// busyTimeout is how long, in milliseconds, another process may hold the
	// lock; its transactions take a signature and a commit.
	busyTimeout = 10_000
)

const meta = `CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT`

var (
	stateKind = kind{"state", 0x66735773 /* fsWs */, []string{meta,
		`CREATE TABLE logs (
			origin TEXT    NOT NULL PRIMARY KEY,
			size   INTEGER NOT NULL CHECK (size >= 0),
			root   BLOB    NOT NULL CHECK (length(root) = 32),
			note   BLOB    NOT NULL,
			at     INTEGER NOT NULL
		) STRICT`,
		`CREATE TABLE evidence (
			sha        BLOB    NOT NULL PRIMARY KEY CHECK (length(sha) = 32),
			origin     TEXT    NOT NULL,
			at         INTEGER NOT NULL,
			status     INTEGER NOT NULL,
			size       INTEGER NOT NULL,
			root       BLOB    NOT NULL,
			known_size INTEGER NOT NULL,
			known_root BLOB    NOT NULL,
			known_note BLOB    NOT NULL,
			request    BLOB    NOT NULL
		) STRICT`,
		`CREATE INDEX evidence_origin ON evidence (origin, at)`}}
	marksKind = kind{"marks", 0x6673576d /* fsWm */, []string{meta,
		`CREATE TABLE marks (
			origin TEXT    NOT NULL PRIMARY KEY,
			size   INTEGER NOT NULL CHECK (size >= 0),
			root   BLOB    NOT NULL CHECK (length(root) = 32),
			at     INTEGER NOT NULL
		) STRICT`}}
)

// The names in meta. The pair is the same random text in both files of a
// witness; born says in the state who made them.
const (
	metaPair = "pair"
	metaBorn = "born"

	bornNew    = "new"    // by Create: a log that was never seen starts from nothing
	bornReseed = "reseed" // by Reseed: it does not
)

func newPair() string {
	var raw [16]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

// wrapper lets a test stand between this package and the driver.
type wrapper func(driver.Connector) driver.Connector

// connect opens a file that is there, without looking into it.
func connect(path string, wrap wrapper) (*sql.DB, error) {
	q := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout), "synchronous(FULL)", "trusted_schema(0)",
	}}
	var c driver.Connector
	c, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode())
	if err != nil {
		return nil, fmt.Errorf("keeper: %s: %w", path, err)
	}
	if wrap != nil {
		c = wrap(c)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	return db, nil
}

// openFile opens a file of the given kind.
func openFile(ctx context.Context, k kind, path string, wrap wrapper) (_ *sql.DB, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: the %s file: %w. Correct its path or put the newest one back; if it is lost, see custody-witness reseed --help", ErrNotKeeper, k.word, err)
	}
	db, err := connect(path, wrap)
	if err != nil {
		return nil, err
	}
	if err := k.check(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("keeper: opening %s: %w", path, err), db.Close())
	}
	return db, nil
}

func (k kind) check(ctx context.Context, db *sql.DB) error {
	var app, version int64
	var mode string
	for query, to := range map[string]any{"PRAGMA application_id": &app, "PRAGMA user_version": &version, "PRAGMA journal_mode": &mode} {
		if err := db.QueryRowContext(ctx, query).Scan(to); err != nil {
			return notADatabase(err)
		}
	}
	switch {
	case app != k.app:
		return fmt.Errorf("%w: it is not a %s file", ErrNotKeeper, k.word)
	case version != schemaVersion:
		return fmt.Errorf("%w: it has version %d, this program knows %d: use the program that wrote it", ErrNotKeeper, version, schemaVersion)
	case mode != "wal":
		return fmt.Errorf("%w: its journal mode is %s: something else has changed the file", ErrNotKeeper, mode)
	}
	return nil
}

// createFile makes a file of the given kind, whole under another name before it
// gets its own, so that a crash leaves either no file or a whole one. The error
// wraps ErrPresent where there is one.
func createFile(ctx context.Context, k kind, path string, facts map[string]string) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("%w: %s", ErrPresent, path), err)
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-"+k.word+"-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("keeper: the folder of the %s file: %w", k.word, err)
	}
	defer func() {
		for _, ending := range []string{"", "-wal", "-shm"} {
			if e := os.Remove(f.Name() + ending); e != nil && !errors.Is(e, os.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	db, err := connect(f.Name(), nil)
	if err != nil {
		return err
	}
	if err := errors.Join(k.fill(ctx, db, facts), db.Close()); err != nil {
		return fmt.Errorf("keeper: making %s: %w", path, err)
	}
	if err := syncPath(f.Name()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, os.ErrExist) {
			err = fmt.Errorf("%w: %w", ErrPresent, err)
		}
		return err
	}
	return syncPath(dir)
}

func (k kind) fill(ctx context.Context, db *sql.DB, facts map[string]string) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system allows no write-ahead log (journal mode is %s): put the file on a local disk", mode)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // without effect once committed
	for _, statement := range append([]string{
		fmt.Sprintf("PRAGMA application_id = %d", k.app), fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
	}, k.schema...) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	for name, value := range facts {
		if _, err := tx.ExecContext(ctx, "INSERT INTO meta (name, value) VALUES ($1, $2)", name, value); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func fact(ctx context.Context, db *sql.DB, name string) (value string, err error) {
	err = db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = $1", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%w: there is no %s in it", ErrDamaged, name)
	}
	return value, err
}

// notADatabase gives SQLite's "file is not a database" our sentinel.
func notADatabase(err error) error {
	const sqliteNotADB = 26 // SQLITE_NOTADB
	if e := (*sqlite.Error)(nil); errors.As(err, &e) && e.Code()&0xff == sqliteNotADB {
		return fmt.Errorf("%w: %w", ErrNotKeeper, err)
	}
	return err
}

// syncPath makes a file, or a new name in a folder, durable. Windows can sync no
// folder and does it by itself.
func syncPath(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
