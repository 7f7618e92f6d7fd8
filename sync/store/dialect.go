package store

import (
	"context"
	"database/sql/driver"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// dialect is all that differs between the two databases, besides the kinds of
// their errors and the texts of their migrations.
type dialect struct {
	name        Driver
	writers     int
	beginWrite  string
	beginRead   string
	lockLedger  string // taken until the transaction ends; empty where the write lock is enough
	lockMigrate string
	connectors  func(Config) (write, read driver.Connector, err error)
}

// The advisory locks of PostgreSQL: "FSEAL" in ASCII and a number.
var dialects = map[Driver]dialect{
	SQLite: {name: SQLite, writers: 1, beginWrite: "BEGIN IMMEDIATE", beginRead: "BEGIN",
		connectors: sqliteConnectors},
	Postgres: {name: Postgres, writers: postgresWriters, beginWrite: "BEGIN ISOLATION LEVEL READ COMMITTED",
		beginRead:  "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
		lockLedger: "SELECT pg_advisory_xact_lock(77383065690113)", lockMigrate: "SELECT pg_advisory_xact_lock(77383065690114)",
		connectors: postgresConnectors},
}

// SQLite's settings, with their reasons:
//   - page_size 8192: an event's row is about 1.1 KiB, a full tile 8 KiB;
//   - wal_autocheckpoint 4096 pages (32 MiB): the database file is synced every
//     half minute of full load instead of every second;
//   - cache_size in KiB (negative): the writer keeps the right edge of its indexes,
//     a reader a case;
//   - busy_timeout: how long another process (an administrator's command) may hold the lock;
//   - no memory-mapping: a failing disk must be an error, not a signal that ends the process.
const (
	pragmasBoth   = "busy_timeout(10000) page_size(8192) synchronous(FULL) temp_store(MEMORY) trusted_schema(0)"
	pragmasWriter = pragmasBoth + " cache_size(-16384) wal_autocheckpoint(4096)"
	pragmasReader = pragmasBoth + " cache_size(-4096) query_only(1)"
)

func sqliteConnectors(c Config) (write, read driver.Connector, err error) {
	if write, err = sqlite.NewConnector(sqliteDSN(c.Path, pragmasWriter)); err != nil {
		return nil, nil, err
	}
	read, err = sqlite.NewConnector(sqliteDSN(c.Path, pragmasReader))
	return write, read, err
}

func sqliteDSN(path, pragmas string) string {
	q := url.Values{"_journal_mode": {"WAL"}} // set after the pragmas: it fixes the page size
	for _, p := range strings.Fields(pragmas) {
		q.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func postgresConnectors(c Config) (write, read driver.Connector, err error) {
	cfg, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return nil, nil, err
	}
	// A commit that was acknowledged is on disk, whatever the server's default is.
	cfg.RuntimeParams["synchronous_commit"] = "on"
	cfg.RuntimeParams["application_name"] = "fieldseal"
	return stdlib.GetConnector(*cfg), stdlib.GetConnector(*cfg), nil
}

// LockLedger makes this the only transaction that appends to the log, until it
// ends. Every transaction that appends takes it before it looks at the log.
func (tx *Tx) LockLedger() error {
	if tx.s.d.lockLedger == "" {
		return nil
	}
	_, err := tx.Exec(tx.s.d.lockLedger)
	return err
}

var background = context.Background()
