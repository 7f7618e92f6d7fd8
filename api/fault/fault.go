// Package fault is what goes wrong with a request: a code of api/wire and a text for
// a person. Of classifies any error, and Status is the one table from codes to HTTP.
package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"syscall"

	"fieldseal/api/access"
	"fieldseal/api/wire"
	"fieldseal/sync/ingest"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// Fault is an error with what a person may read of it. Its cause goes to the log only.
type Fault struct {
	Code    wire.ErrorCode
	Message string
	// Cause is for the log.
	Cause error
	// RetryAfter is in seconds, with CodeRateLimited and CodeUnavailable.
	RetryAfter int
}

func (f *Fault) Error() string {
	if f.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", f.Code, f.Message, f.Cause)
	}
	return fmt.Sprintf("%s: %s", f.Code, f.Message)
}

func (f *Fault) Unwrap() error { return f.Cause }

// New makes a fault with a text for a person: what happened, to which thing, what to do next.
func New(code wire.ErrorCode, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because adds the cause, for the log.
func (f *Fault) Because(err error) *Fault { f.Cause = err; return f }

// Status is the HTTP status of a fault.
func (f *Fault) Status() int { return statusOf[f.Code] }

// statusOf is the one table from codes to HTTP.
var statusOf = map[wire.ErrorCode]int{
	wire.CodeBadRequest:      fiber.StatusBadRequest,
	wire.CodeUnauthenticated: fiber.StatusUnauthorized,
	wire.CodeReuse:           fiber.StatusUnauthorized,
	wire.CodeForbidden:       fiber.StatusForbidden,
	wire.CodeNotFound:        fiber.StatusNotFound,
	wire.CodeMethod:          fiber.StatusMethodNotAllowed,
	wire.CodeConflict:        fiber.StatusConflict,
	wire.CodeFrozen:          fiber.StatusConflict,
	wire.CodeGone:            fiber.StatusGone,
	wire.CodeTooLarge:        fiber.StatusRequestEntityTooLarge,
	wire.CodeMediaType:       fiber.StatusUnsupportedMediaType,
	wire.CodeDigest:          fiber.StatusUnprocessableEntity,
	wire.CodeRateLimited:     fiber.StatusTooManyRequests,
	wire.CodeInternal:        fiber.StatusInternalServerError,
	wire.CodeUnavailable:     fiber.StatusServiceUnavailable,
	wire.CodeNoSpace:         fiber.StatusInsufficientStorage,
}

// Statuses gives the whole table.
func Statuses() map[wire.ErrorCode]int { return maps.Clone(statusOf) }

// Of classifies any error.
func Of(err error) *Fault {
	var f *Fault
	var fe *fiber.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, access.ErrReused):
		return New(wire.CodeReuse, "This refresh token was used before. Every session that came from it has been ended; sign in again.").Because(err)
	case errors.Is(err, access.ErrToken):
		return New(wire.CodeUnauthenticated, "No valid access token came with the request. Sign in, or refresh the token, and send the request again.").Because(err)
	case errors.Is(err, access.ErrGone):
		return New(wire.CodeGone, "This one-time code or challenge is spent, expired or was never issued. Ask for a new one.").Because(err)
	case errors.Is(err, access.ErrDenied):
		return New(wire.CodeUnauthenticated, "The login, password or device statement is not right. Nothing was changed; check it and try again.").Because(err)
	case errors.Is(err, syscall.ENOSPC), store.KindOf(err) == store.KindFull:
		return New(wire.CodeNoSpace, "The server's disk is full. Nothing of this request was acknowledged; keep the data and send it again later.").Because(err)
	case errors.Is(err, ingest.ErrClosed):
		return New(wire.CodeUnavailable, "The server is stopping. Nothing of this request was acknowledged; send it again later.").Because(err)
	case errors.As(err, new(*ingest.GuardError)), errors.As(err, new(*ingest.OutcomeError)):
		return New(wire.CodeUnavailable, "The server could not finish. Nothing of this request is acknowledged; send the very same again later, nothing is stored twice.").Because(err)
	case errors.Is(err, ingest.ErrFrozen):
		return New(wire.CodeFrozen, "This ledger has ended and takes nothing new. Nothing of this request was stored; keep the data and hand it in to the ledger that continues this one. Your administrator knows its address.").Because(err)
	case errors.Is(err, ingest.ErrConflict):
		return New(wire.CodeConflict, "What was asked contradicts what is on record. Nothing was changed; read the record again.").Because(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return New(wire.CodeUnavailable, "The server did not finish in time. Whether the request took effect is not known; sending it again is safe.").Because(err)
	case store.KindOf(err) == store.KindBusy, store.KindOf(err) == store.KindUnavailable:
		return New(wire.CodeUnavailable, "The database cannot be reached now. Nothing of this request was acknowledged; send it again later.").Because(err)
	case errors.As(err, &fe):
		return ofFiber(fe)
	}
	return New(wire.CodeInternal, "The server failed. Nothing of this request was acknowledged; send it again later. The log has the reason under the request's id.").Because(err)
}

func ofFiber(fe *fiber.Error) *Fault {
	switch fe.Code {
	case fiber.StatusNotFound:
		return New(wire.CodeNotFound, "There is nothing at this address.") // fiber's text has the path, which may hold anything
	case fiber.StatusMethodNotAllowed:
		return New(wire.CodeMethod, "This address does not take that method.").Because(fe)
	case fiber.StatusRequestEntityTooLarge:
		return New(wire.CodeTooLarge, "The request is larger than is taken at once. Send less at a time.").Because(fe)
	case fiber.StatusServiceUnavailable:
		return New(wire.CodeUnavailable, "The server does not take work now. Send the request again later.").Because(fe)
	}
	if fe.Code >= 400 && fe.Code < 500 {
		return New(wire.CodeBadRequest, "The request cannot be read as HTTP of this interface.").Because(fe)
	}
	return New(wire.CodeInternal, "The server failed. Nothing of this request was acknowledged; send it again later.").Because(fe)
}
