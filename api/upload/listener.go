package upload

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// RollingDeadlineListener bounds how long a peer of the listener's connections
// may keep them waiting. Reading may block for idle in total until progressBytes
// have come; then the time begins anew. So may writing, for each slice of the
// answer. Time in which the server does not read does not count. A transfer of
// any length that makes progress is thus never ended, one that stalls or drips is.
//
// Deadlines that the server sets itself (fiber's IdleTimeout between requests)
// hold as well, whichever comes first. Leave fiber's ReadTimeout at zero: it spans
// the whole of a request. For TLS, put the TLS listener around this one.
func RollingDeadlineListener(ln net.Listener, idle time.Duration) net.Listener {
	return &rollingListener{Listener: ln, idle: idle}
}

type rollingListener struct {
	net.Listener
	idle time.Duration
}

func (l *rollingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &rollingConn{Conn: c, idle: l.idle, left: l.idle}, nil
}

// rollingConn is a connection whose deadlines roll. One goroutine reads at a time,
// and one writes; deadlines may be set from any.
type rollingConn struct {
	net.Conn
	idle   time.Duration
	linger atomic.Bool

	mu    sync.Mutex
	left  time.Duration // of the present read window
	got   int           // bytes read in it
	read  time.Time     // deadlines set from outside; zero: none
	write time.Time
}

func (c *rollingConn) Read(p []byte) (int, error) {
	start := time.Now()
	c.mu.Lock()
	err := c.Conn.SetReadDeadline(earlier(start.Add(c.left), c.read))
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left -= time.Since(start)
	if c.got += n; c.got >= progressBytes {
		c.left, c.got = c.idle, 0
	}
	return n, err
}

func (c *rollingConn) Write(p []byte) (n int, err error) {
	for {
		slice := p[n:min(n+writeSlice, len(p))]
		c.mu.Lock()
		c.left, c.got = c.idle, 0 // an answer means that a request has come whole
		err := c.Conn.SetWriteDeadline(earlier(time.Now().Add(c.idle), c.write))
		c.mu.Unlock()
		if err != nil {
			return n, err
		}
		m, err := c.Conn.Write(slice)
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

// SetReadDeadline also begins a new window: fasthttp calls it between requests.
// One that has passed interrupts a Read under way.
func (c *rollingConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.left, c.got = t, c.idle, 0
	return c.Conn.SetReadDeadline(earlier(time.Now().Add(c.idle), t))
}

func (c *rollingConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	return c.Conn.SetWriteDeadline(t)
}

func (c *rollingConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// Close lingers where endConnection asked for it: the answer is followed by the
// end of this side, and what the peer still sends is thrown away for a moment.
// Closing at once would reset the connection, and the reset can overtake the answer.
func (c *rollingConn) Close() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || !c.linger.Swap(false) || half.CloseWrite() != nil {
		return c.Conn.Close()
	}
	go func() {
		// Whatever happens here, the connection is closed in the end.
		defer c.Conn.Close()
		if c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(c.Conn, lingerBytes))
		}
	}()
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}
