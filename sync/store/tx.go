package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

var errBad = driver.ErrBadConn

// Tx is one transaction. It is not safe for concurrent use, and rows of one
// query are closed before the next statement runs.
type Tx struct {
	s     *Store
	c     *conn
	ctx   context.Context
	now   time.Time
	write bool
}

// Now is the one reading of the clock of this transaction, UTC, in whole microseconds.
func (tx *Tx) Now() time.Time { return tx.now }

// Context is the context that the transaction was started with.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Write runs fn in a transaction that may change things; see the package
// comment. An error of fn undoes everything and is returned as it is.
func (s *Store) Write(ctx context.Context, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		begun, err := s.writeOnce(ctx, fn)
		// A lock that was not to be had was waited for already.
		if err == nil || !begun || !IsRetryable(err) || try == attempts || ctx.Err() != nil {
			return err
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, fn func(*Tx) error) (begun bool, err error) {
	c, err := s.writers.take(ctx)
	if err != nil {
		return false, classify("begin a transaction", err)
	}
	defer s.writers.give(c)
	// The transaction itself is never cut short: a cancelled request must not
	// undo what others have in the same commit.
	tx := &Tx{s: s, c: c, ctx: context.WithoutCancel(ctx), now: s.clock(), write: true}
	done := false
	defer func() {
		if !done {
			s.writers.rollback(c)
		}
	}()
	if err := fn(tx); err != nil {
		return true, err
	}
	done = true
	if _, err := c.c.ExecContext(background, "COMMIT"); err != nil {
		s.writers.rollback(c)
		if commitKnownFailed(err) {
			return true, classify("commit", err)
		}
		c.drop()
		return true, &Error{Op: "commit", Kind: kindOf(err), Cause: fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)}
	}
	return true, nil
}

// Read runs fn in a transaction that sees one moment and changes nothing.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	c, err := s.readers.take(ctx)
	if err != nil {
		return classify("begin a read", err)
	}
	defer s.readers.give(c)
	defer s.readers.rollback(c)
	return fn(&Tx{s: s, c: c, ctx: ctx, now: s.clock()})
}

func (s *Store) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Exec runs a statement and gives the number of rows that it touched.
func (tx *Tx) Exec(text string, args ...any) (int64, error) {
	st, err := tx.c.stmt(text)
	if err != nil {
		return 0, classify(text, err)
	}
	res, err := st.ExecContext(background, args...)
	if err != nil {
		return 0, classify(text, err)
	}
	n, err := res.RowsAffected()
	return n, classify(text, err)
}

// Get runs a query of at most one row and scans it; found is false where there is none.
func (tx *Tx) Get(text string, args []any, dest ...any) (found bool, err error) {
	st, err := tx.c.stmt(text)
	if err != nil {
		return false, classify(text, err)
	}
	err = st.QueryRowContext(tx.ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, classify(text, err)
}

// Each runs a query and calls fn for each row; scan reads the row into
// pointers, as of database/sql. An error of fn ends it and is returned as it is.
func (tx *Tx) Each(text string, args []any, fn func(scan func(dest ...any) error) error) error {
	st, err := tx.c.stmt(text)
	if err != nil {
		return classify(text, err)
	}
	rows, err := st.QueryContext(tx.ctx, args...)
	if err != nil {
		return classify(text, err)
	}
	defer rows.Close()
	scan := func(dest ...any) error { return classify(text, rows.Scan(dest...)) }
	for rows.Next() {
		if err := fn(scan); err != nil {
			return err
		}
	}
	return classify(text, rows.Err())
}

// Args is the list of a statement's arguments.
func Args(args ...any) []any { return args }
