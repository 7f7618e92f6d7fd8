package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Kind is what went wrong, whatever the driver calls it.
type Kind string

// The kinds of failure.
const (
	// KindConflict: a unique key exists already.
	KindConflict Kind = "conflict"
	// KindBusy: a lock was not to be had or a serialization failed; nothing was done, try again.
	KindBusy Kind = "busy"
	// KindFull: no space left.
	KindFull Kind = "full"
	// KindIO: the medium failed to read or write.
	KindIO Kind = "io"
	// KindCorrupt: the database is damaged.
	KindCorrupt Kind = "corrupt"
	// KindUnavailable: the database cannot be reached or opened.
	KindUnavailable Kind = "unavailable"
	// KindCancelled: the context ended.
	KindCancelled Kind = "cancelled"
	// KindInternal: anything else, which is a fault of this program.
	KindInternal Kind = "internal"
)

var advice = map[Kind]string{
	KindBusy:        "another process holds the database; try again",
	KindFull:        "the disk is full: free some space, nothing was stored",
	KindIO:          "the disk failed to read or write; look at the system's log before going on",
	KindCorrupt:     "the database file is damaged: stop, keep a copy, run fsck and restore from a backup",
	KindUnavailable: "the database cannot be reached; check the path or DSN and that the server runs",
}

// ErrOutcomeUnknown is wrapped by the error of a commit that failed without
// telling whether it took effect.
var ErrOutcomeUnknown = errors.New("store: it is not known whether the transaction was committed")

// ErrUnsupported is wrapped where a database cannot do what was asked.
var ErrUnsupported = errors.New("store: not supported by this database")

// Error is a classified failure of the database. Op says what was being done.
type Error struct {
	Op    string
	Kind  Kind
	Cause error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("store: %s: %v", e.Op, e.Cause)
	if a := advice[e.Kind]; a != "" {
		s += " (" + a + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// KindOf gives the kind of a failure; KindInternal where err is none of this
// package's, and the empty Kind for nil.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return KindCancelled
	}
	return KindInternal
}

// IsConflict reports whether err says that a unique key exists already.
func IsConflict(err error) bool { return KindOf(err) == KindConflict }

// IsRetryable reports whether the same transaction may succeed when run again.
func IsRetryable(err error) bool {
	return KindOf(err) == KindBusy && !errors.Is(err, ErrOutcomeUnknown)
}

// classify wraps a driver's error; nil stays nil.
func classify(op string, err error) error {
	if err == nil {
		return nil
	}
	var already *Error
	if errors.As(err, &already) {
		return err
	}
	if len(op) > 120 {
		op = op[:120] + "…"
	}
	return &Error{Op: strings.Join(strings.Fields(op), " "), Kind: kindOf(err), Cause: err}
}

func kindOf(err error) Kind {
	var lite *sqlite.Error
	var pg *pgconn.PgError
	var dial *pgconn.ConnectError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return KindCancelled
	case errors.As(err, &lite):
		return sqliteKind(lite.Code())
	case errors.As(err, &pg):
		return postgresKind(pg.Code)
	case errors.As(err, &dial), errors.Is(err, driver.ErrBadConn), pgconn.SafeToRetry(err):
		return KindUnavailable
	}
	return KindInternal
}

// sqliteKind: https://www.sqlite.org/rescode.html, the low byte is the primary code.
func sqliteKind(code int) Kind {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return KindConflict
	case sqlite3.SQLITE_IOERR_SHMSIZE: // the index of the write-ahead log finds no room
		return KindFull
	}
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return KindBusy
	case sqlite3.SQLITE_FULL:
		return KindFull
	case sqlite3.SQLITE_IOERR:
		return KindIO
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return KindCorrupt
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return KindUnavailable
	case sqlite3.SQLITE_INTERRUPT:
		return KindCancelled
	}
	return KindInternal
}

// postgresKind: https://www.postgresql.org/docs/15/errcodes-appendix.html
func postgresKind(code string) Kind {
	switch code {
	case "23505":
		return KindConflict
	case "40001", "40P01", "55P03":
		return KindBusy
	case "53100":
		return KindFull
	case "58030":
		return KindIO
	case "57014":
		return KindCancelled
	}
	if len(code) == 5 {
		switch code[:2] {
		case "XX":
			return KindCorrupt
		case "08", "53", "57", "28", "3D":
			return KindUnavailable
		}
	}
	return KindInternal
}

// commitKnownFailed reports whether a failed commit certainly took no effect:
// the database itself answered that it refused. A lost connection, a medium
// that failed or an interrupted commit leave it open.
func commitKnownFailed(err error) bool {
	var pg *pgconn.PgError
	switch kindOf(err) {
	case KindBusy, KindConflict:
		return true
	case KindUnavailable, KindCorrupt, KindIO, KindFull, KindCancelled:
		return false
	}
	return errors.As(err, &pg)
}
