package server

import (
	"errors"
	"net"
	"sync"
)

// silentListener knows the connections on which nothing was ever received.
// fasthttp counts those as requests under way, so that one which a browser or a
// proxy opened in advance would hold up a stopping server for as long as it may.
type silentListener struct {
	net.Listener
	mu     sync.Mutex
	silent map[*silentConn]struct{}
}

func knowSilent(l net.Listener) *silentListener {
	return &silentListener{Listener: l, silent: map[*silentConn]struct{}{}}
}

func (l *silentListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		s := &silentConn{Conn: c, in: l}
		l.mu.Lock()
		stopping := l.silent == nil
		if !stopping {
			l.silent[s] = struct{}{}
		}
		l.mu.Unlock()
		if !stopping {
			return s, nil
		}
		_ = c.Close()
	}
}

// closeSilent closes them, and whatever is accepted from now on.
func (l *silentListener) closeSilent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.silent {
		_ = c.Conn.Close()
	}
	l.silent = nil
}

type silentConn struct {
	net.Conn
	in    *silentListener
	heard bool // only by the one goroutine that reads
}

func (c *silentConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.heard {
		c.heard = true
		c.in.forget(c)
	}
	return n, err
}

func (c *silentConn) Close() error {
	c.in.forget(c)
	return c.Conn.Close()
}

func (l *silentListener) forget(c *silentConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.silent, c)
}

var errNoHalves = errors.New("this kind of connection cannot be closed for writing alone")

// CloseWrite is that of the connection within, which lingering closes need.
func (c *silentConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errNoHalves
}
