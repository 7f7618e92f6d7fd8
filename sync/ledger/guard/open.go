package guard

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"modernc.org/sqlite"
)

const (
	// applicationID marks the file ("fsGd"), so that a database is not taken for a guard.
	applicationID = 0x66734764
	// schemaVersion is SQLite's user_version of the layout. Version 1 knew no frozen logs.
	schemaVersion = 2
	// busyTimeout is how long, in milliseconds, another process may hold the
	// lock; its transactions are single statements.
	busyTimeout = 10_000
)

const schema = `CREATE TABLE guard (
	origin      TEXT    NOT NULL PRIMARY KEY,
	size        INTEGER NOT NULL CHECK (size >= 0),
	root        BLOB    NOT NULL CHECK (length(root) = 32),
	note        BLOB    NOT NULL,
	advanced_at INTEGER NOT NULL
) STRICT`

// freezing adds what version 2 knows; frozen_at is 0 while a log is not frozen.
var freezing = []string{
	"ALTER TABLE guard ADD COLUMN frozen_at INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE guard ADD COLUMN frozen_why TEXT NOT NULL DEFAULT ''",
	fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
}

// Open opens the guard file at path, and creates it where there is none; the
// folder must exist. A file that is something else is refused with ErrNotGuard
// and not touched.
func Open(ctx context.Context, path string) (*Guard, error) {
	return open(ctx, path, func(c driver.Connector) driver.Connector { return c })
}

func open(ctx context.Context, path string, wrap func(driver.Connector) driver.Connector) (_ *Guard, err error) {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("guard: the folder of the guard file: %w", err)
	}
	// Its owner's alone, whatever the umask; SQLite takes an empty file for none.
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("guard: %s: %w", path, err)
		}
	} else if !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("guard: %w", err)
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout), "synchronous(FULL)", "trusted_schema(0)",
	}}
	c, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode())
	if err != nil {
		return nil, fmt.Errorf("guard: %s: %w", path, err)
	}
	db := sql.OpenDB(wrap(c))
	db.SetMaxOpenConns(1)
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if err := prepare(ctx, db); err != nil {
		return nil, fmt.Errorf("guard: opening %s: %w", path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("guard: the folder of %s: %w", path, err)
	}
	return &Guard{db, path}, nil
}

// prepare makes an empty file a guard, and refuses one that is another thing.
func prepare(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return notADatabase(err)
	}
	defer func() { _ = tx.Rollback() }() // without effect once committed
	var app, version, tables int64
	for query, to := range map[string]*int64{
		"PRAGMA application_id": &app, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := tx.QueryRowContext(ctx, query).Scan(to); err != nil {
			return notADatabase(err)
		}
	}
	statements := freezing
	switch {
	case app == applicationID && version == schemaVersion:
		if err := tx.Rollback(); err != nil {
			return err
		}
		return useWAL(ctx, db)
	case app == applicationID && version == 1:
	case app == applicationID:
		return fmt.Errorf("%w: it has version %d, this program knows %d: use the program that wrote it", ErrNotGuard, version, schemaVersion)
	case app != 0 || version != 0 || tables != 0:
		return fmt.Errorf("%w: it is another SQLite database; the guard needs a file of its own", ErrNotGuard)
	default:
		statements = append([]string{schema, fmt.Sprintf("PRAGMA application_id = %d", applicationID)}, freezing...)
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return useWAL(ctx, db)
}

// useWAL takes one sync a commit instead of three. The mode stays with the file.
func useWAL(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system allows no write-ahead log (journal mode is %s): put the guard on a local disk", mode)
	}
	return nil
}

// notADatabase gives SQLite's "file is not a database" our sentinel.
func notADatabase(err error) error {
	const sqliteNotADB = 26 // SQLITE_NOTADB
	if e := (*sqlite.Error)(nil); errors.As(err, &e) && e.Code()&0xff == sqliteNotADB {
		return fmt.Errorf("%w: %w", ErrNotGuard, err)
	}
	return err
}

// syncDir makes a new file's name durable. Windows can sync no folder and does
// it by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
