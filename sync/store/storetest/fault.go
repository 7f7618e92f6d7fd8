package storetest

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
)

// Fault is what happens to a statement.
type Fault int

// The faults. Lost: the statement is not carried out and fails. Applied: it is
// carried out and reported as failed.
const (
	None Fault = iota
	Lost
	Applied
)

// ErrInjected is what an injected fault reports.
var ErrInjected = errors.New("injected: input/output error")

// Faults makes chosen statements of a database fail; give Wrap to store.Config.
// It is safe for concurrent use.
type Faults struct {
	mu     sync.Mutex
	choose func(text string) Fault
	hits   int
}

// Set chooses which statements fail from now on; nil: none.
func (f *Faults) Set(choose func(text string) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.choose, f.hits = choose, 0
}

// Once lets the next statement that begins with prefix suffer a fault.
func (f *Faults) Once(prefix string, fault Fault) {
	done := false
	f.Set(func(text string) Fault {
		if done || !strings.HasPrefix(text, prefix) {
			return None
		}
		done = true
		return fault
	})
}

// Hits is how many statements have failed since Set.
func (f *Faults) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

func (f *Faults) of(text string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.choose == nil {
		return None
	}
	fault := f.choose(text)
	if fault != None {
		f.hits++
	}
	return fault
}

// do runs a statement as the fault for it says.
func do[T any](f *Faults, text string, run func() (T, error)) (T, error) {
	var zero T
	switch f.of(text) {
	case Lost:
		return zero, ErrInjected
	case Applied:
		done, err := run()
		if rows, ok := any(done).(driver.Rows); ok && err == nil {
			err = rows.Close()
		}
		if err != nil {
			return zero, err
		}
		return zero, ErrInjected
	}
	return run()
}

// Wrap is for store.Config.
func (f *Faults) Wrap(c driver.Connector) driver.Connector { return connector{c, f} }

type connector struct {
	driver.Connector
	f *Faults
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{inner.(fullConn), c.f}, nil
}

// fullConn is what both drivers' connections can do and database/sql uses.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
}

type faultyConn struct {
	fullConn
	f *Faults
}

func (c *faultyConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	return do(c.f, text, func() (driver.Result, error) { return c.fullConn.ExecContext(ctx, text, args) })
}

func (c *faultyConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	s, err := c.fullConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{s, c.f, text}, nil
}

type faultyStmt struct {
	driver.Stmt
	f    *Faults
	text string
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return do(s.f, s.text, func() (driver.Result, error) { return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args) })
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return do(s.f, s.text, func() (driver.Rows, error) { return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args) })
}
