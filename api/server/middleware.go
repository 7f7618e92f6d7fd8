package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"mime"
	"runtime/debug"
	"strings"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

type localKey int

const (
	keyRequestID localKey = iota
	keyIdentity
	keyBodyRead
)

func requestID(c *fiber.Ctx) string {
	id, _ := c.Locals(keyRequestID).(string)
	return id
}

// observe gives each request an id, recovers panics, logs one line and counts.
func (s *Server) observe(c *fiber.Ctx) (err error) {
	var b [8]byte
	_, _ = rand.Read(b[:])
	id := hex.EncodeToString(b[:])
	c.Locals(keyRequestID, id)
	c.Set("X-Request-Id", id)
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("handler panicked", "request_id", id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fault.New(wire.CodeInternal, "The server failed. Nothing of this request was acknowledged; send it again later. The log has the reason under the request's id.")
		}
		if err != nil { // answered here, so that the log line and the counters have the status
			err = c.App().ErrorHandler(c, err)
		}
		endUnread(c)
		took := time.Since(start)
		status := c.Response().StatusCode()
		route := c.Route().Path
		if status == fiber.StatusNotFound && c.Route().Path == "/" {
			route = "none"
		}
		s.metrics.request(c.Method(), route, status, took)
		s.log.Info("request", "request_id", id, "method", c.Method(), "route", route, "status", status, "ms", took.Milliseconds())
	}()
	return c.Next()
}

// protect sets the headers that every answer carries.
func protect(c *fiber.Ctx) error {
	c.Set("X-Content-Type-Options", "nosniff")
	c.Set("Referrer-Policy", "no-referrer")
	c.Set("Cache-Control", "no-store")
	c.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	return c.Next()
}

// authenticate admits a bearer of a valid access token.
func (s *Server) authenticate(c *fiber.Ctx) error {
	id, err := s.identify(c)
	if err != nil {
		return err
	}
	c.Locals(keyIdentity, id)
	return c.Next()
}

func bearer(c *fiber.Ctx) (string, bool) {
	return strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
}

// full refuses tokens that may only deposit, and those that outlived what they stood on.
func (s *Server) full(c *fiber.Ctx) error {
	if err := s.mayReadAtAll(c.UserContext(), identity(c)); err != nil {
		return err
	}
	return c.Next()
}

// mayReadAtAll asks the read model anew: an access token is checked without it,
// and must be worth nothing from the moment that its person is disabled or its
// device, lost perhaps, is revoked. A device that signs in again gets a token to
// deposit with.
func (s *Server) mayReadAtAll(ctx context.Context, id access.Identity) error {
	if id.Scope != access.ScopeFull {
		return errDepositOnly
	}
	return s.store.Read(ctx, func(tx *store.Tx) error {
		if _, err := personOf(tx, id); err != nil || id.Device.IsZero() {
			return err
		}
		d, found, err := projection.DeviceByID(tx, id.Device)
		if err == nil && (!found || !d.Good()) {
			err = fault.New(wire.CodeUnauthenticated, "This token was given before the device was revoked. Sign in again: the device may still hand in what it holds.")
		}
		return err
	})
}

var errDepositOnly = fault.New(wire.CodeForbidden, "This device was revoked, or its person's access has ended. It may hand in the events and files it still holds, and read nothing.")

// identity is who asks; only behind authenticate.
func identity(c *fiber.Ctx) access.Identity {
	id, _ := c.Locals(keyIdentity).(access.Identity)
	return id
}

func mediaType(c *fiber.Ctx) string {
	t, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil {
		return c.Get(fiber.HeaderContentType)
	}
	return t
}

func uuidParam(c *fiber.Ctx, name string) (event.UUID, error) {
	u, err := event.ParseUUID(c.Params(name))
	if err != nil {
		return u, fault.New(wire.CodeBadRequest, "%.80q is not an identifier of the form 01932f6e-0000-7000-8000-000000000001.", c.Params(name)).Because(err)
	}
	return u, nil
}

func digestParam(c *fiber.Ctx, name string) (event.Digest, error) {
	d, err := event.ParseDigest(c.Params(name))
	if err != nil {
		return d, fault.New(wire.CodeBadRequest, "%.80q is not a SHA-256 digest (64 lower-case hex digits).", c.Params(name)).Because(err)
	}
	return d, nil
}

// intQuery reads a whole number from the query within bounds.
func intQuery(c *fiber.Ctx, name string, fallback, least, most int64) (int64, error) {
	text := c.Query(name)
	if text == "" {
		return fallback, nil
	}
	var n int64
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || fmt.Sprint(n) != text || n < least || n > most {
		return 0, fault.New(wire.CodeBadRequest, "%s=%.40q is not a whole number from %d to %d.", name, text, least, most)
	}
	return n, nil
}
