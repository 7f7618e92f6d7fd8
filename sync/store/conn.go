package store

import (
	"context"
	"database/sql"
	"errors"
)

// pool hands out connections, each with the statements that it has prepared. A
// connection on which anything went wrong that cannot be rolled back is closed
// and opened anew when it is wanted again.
type pool struct {
	db    *sql.DB
	begin string
	free  chan *conn
}

// conn is one connection; only one transaction uses it at a time.
type conn struct {
	c        *sql.Conn // nil until used, and after a failure
	prepared map[string]*sql.Stmt
}

func newPool(db *sql.DB, size int, begin string) *pool {
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	p := &pool{db: db, begin: begin, free: make(chan *conn, size)}
	for range size {
		p.free <- &conn{}
	}
	return p
}

// lend waits for a free connection; give takes it back.
func (p *pool) lend(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var c *conn
	select {
	case c = <-p.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := c.open(ctx, p.db); err != nil {
		p.free <- c
		return nil, err
	}
	return c, nil
}

// take is lend with a transaction begun.
func (p *pool) take(ctx context.Context) (*conn, error) {
	c, err := p.lend(ctx)
	if err != nil {
		return nil, err
	}
	_, err = c.c.ExecContext(background, p.begin)
	if kindOf(err) == KindUnavailable {
		// The connection was cut while it lay idle. Nothing has been done on it: another will do.
		c.drop()
		if err = c.open(ctx, p.db); err == nil {
			_, err = c.c.ExecContext(background, p.begin)
		}
	}
	if err != nil {
		c.drop()
		p.free <- c
		return nil, err
	}
	return c, nil
}

// give returns a connection whose transaction has ended.
func (p *pool) give(c *conn) { p.free <- c }

// rollback ends a transaction without effect. A connection that cannot roll back is dropped, which does.
func (p *pool) rollback(c *conn) {
	if c.c == nil {
		return
	}
	if _, err := c.c.ExecContext(background, "ROLLBACK"); err != nil {
		c.drop()
	}
}

func (p *pool) close() error {
	var err error
	for range cap(p.free) {
		c := <-p.free
		err = errors.Join(err, c.close())
	}
	return err
}

func (c *conn) open(ctx context.Context, db *sql.DB) (err error) {
	if c.c == nil {
		c.prepared = make(map[string]*sql.Stmt)
		c.c, err = db.Conn(ctx)
	}
	return err
}

// stmt gives the prepared form of a statement. The texts that this program runs
// are few: lists are padded (see In) and inserts come in four sizes.
func (c *conn) stmt(text string) (*sql.Stmt, error) {
	if s, ok := c.prepared[text]; ok {
		return s, nil
	}
	s, err := c.c.PrepareContext(background, text)
	if err == nil {
		c.prepared[text] = s
	}
	return s, err
}

func (c *conn) close() error {
	if c.c == nil {
		return nil
	}
	for _, s := range c.prepared {
		_ = s.Close() // it goes with its connection
	}
	err := c.c.Close()
	c.c, c.prepared = nil, nil
	return err
}

// drop closes the physical connection, whatever state it is in.
func (c *conn) drop() {
	if c.c == nil {
		return
	}
	// The driver's answers do not matter: the connection is of no use any more.
	// Its statements go first: SQLite keeps a closed connection, with its locks,
	// alive for a statement that is not. ErrBadConn makes database/sql close it
	// for good.
	for _, s := range c.prepared {
		_ = s.Close()
	}
	_ = c.c.Raw(func(any) error { return errBad })
	_ = c.c.Close()
	c.c, c.prepared = nil, nil
}
