package upload

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
)

// body reads a request's body and knows whether it came to its end. fasthttp
// reports a connection that was cut as a plain io.EOF; here it is
// io.ErrUnexpectedEOF, so that half a chunk cannot pass for a whole one.
type body struct {
	r        io.Reader
	declared int64 // -1 where the body is chunked
	read     int64
	ended    bool
	last     atomic.Int64 // when something was last read, in Unix nanoseconds
}

func newBody(c *fiber.Ctx) *body {
	b := &body{declared: int64(c.Request().Header.ContentLength())}
	b.last.Store(time.Now().UnixNano())
	if stream := c.Context().RequestBodyStream(); stream != nil {
		b.r = stream
	} else {
		raw := c.Request().Body() // not streamed: there in full
		b.r, b.declared = bytes.NewReader(raw), int64(len(raw))
	}
	b.ended = b.declared == 0
	return b
}

func (b *body) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	b.last.Store(time.Now().UnixNano())
	if err == io.EOF && b.declared >= 0 && b.read < b.declared {
		return n, io.ErrUnexpectedEOF
	}
	b.ended = err == io.EOF || b.declared >= 0 && b.read >= b.declared
	return n, err
}

// surplus reports whether a chunked body holds more than was read.
func (b *body) surplus() bool {
	if b.ended {
		return false
	}
	n, err := b.Read(make([]byte, 1))
	return n > 0 || err != io.EOF
}

// EndConnection closes the connection after the answer, lingering so that a
// client that is still sending gets to read it.
func EndConnection(c *fiber.Ctx) {
	c.Context().SetConnectionClose()
	conn := c.Context().Conn()
	for conn != nil {
		if r, ok := conn.(*rollingConn); ok {
			r.linger.Store(true)
			return
		}
		wrapped, ok := conn.(interface{ NetConn() net.Conn }) // TLS
		if !ok {
			return
		}
		conn = wrapped.NetConn()
	}
}
