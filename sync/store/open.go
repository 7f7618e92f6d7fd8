package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

// Driver names a database.
type Driver string

// The databases.
const (
	SQLite   Driver = "sqlite"
	Postgres Driver = "postgres"
)

const (
	// defaultReaders is enough for a console and a few devices; each SQLite reader
	// has a page cache of its own.
	defaultReaders = 4
	// postgresWriters bounds writers that wait for the ledger's lock together with
	// those that do not need it (sign-in, enrolment codes).
	postgresWriters = 4
	// attempts is how often a transaction is run before Write gives up on a busy database.
	attempts = 5
)

// Config says which database to open.
type Config struct {
	Driver Driver
	// Path is the SQLite database file; it is created where it does not exist.
	Path string
	// DSN is the PostgreSQL connection string (postgres://… or key=value).
	DSN string
	// Readers is how many reads run at once; 0 chooses.
	Readers int
	// Now is the clock, time.Now where nil.
	Now func() time.Time
	// Wrap, where not nil, wraps the driver: tests inject faults with it.
	Wrap func(driver.Connector) driver.Connector
}

// Validate joins all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	switch c.Driver {
	case SQLite:
		if c.Path == "" {
			faults = append(faults, errors.New("path of the SQLite file is missing"))
		}
	case Postgres:
		if c.DSN == "" {
			faults = append(faults, errors.New("dsn of the PostgreSQL database is missing"))
		}
	default:
		faults = append(faults, fmt.Errorf("driver %q is neither %s nor %s", c.Driver, SQLite, Postgres))
	}
	if c.Readers < 0 {
		faults = append(faults, errors.New("readers is negative"))
	}
	return errors.Join(faults...)
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	d       dialect
	now     func() time.Time
	dbs     []*sql.DB
	writers *pool
	readers *pool
	closed  sync.Once
}

// Open opens the database and brings its tables up to date. It refuses a
// database that a newer program has migrated, or whose migrations are not the
// ones that this program knows.
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{now: c.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if c.Driver == SQLite {
		// A folder that is not there is reported as what cannot be opened.
		if err := createOwn(c.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	readers := c.Readers
	if readers == 0 {
		readers = max(defaultReaders, runtime.GOMAXPROCS(0))
	}
	if err := s.connect(c, readers); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) connect(c Config, readers int) error {
	wrap := c.Wrap
	if wrap == nil {
		wrap = func(c driver.Connector) driver.Connector { return c }
	}
	s.d = dialects[c.Driver]
	write, read, err := s.d.connectors(c)
	if err != nil {
		return classify("open", err)
	}
	w := sql.OpenDB(wrap(write))
	s.dbs = append(s.dbs, w)
	s.writers = newPool(w, s.d.writers, s.d.beginWrite)
	r := sql.OpenDB(wrap(read))
	s.dbs = append(s.dbs, r)
	s.readers = newPool(r, readers, s.d.beginRead)
	return nil
}

// Driver says which database this is.
func (s *Store) Driver() Driver { return s.d.name }

// Close closes every connection, after the transactions that run have ended.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() {
		for _, p := range []*pool{s.readers, s.writers} {
			if p != nil {
				err = errors.Join(err, p.close())
			}
		}
		for _, db := range s.dbs {
			// A connection that the server has cut is closed.
			if e := db.Close(); kindOf(e) != KindUnavailable {
				err = errors.Join(err, e)
			}
		}
	})
	return classify("close", err)
}
