package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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

func fault(code wire.ErrorCode, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (f *Fault) because(err error) *Fault { f.Cause = err; return f }

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

// faultOf classifies any error.
func faultOf(err error) *Fault {
	var f *Fault
	var fe *fiber.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, access.ErrReused):
		return fault(wire.CodeReuse, "This refresh token was used before. Every session that came from it has been ended; sign in again.").because(err)
	case errors.Is(err, access.ErrToken):
		return fault(wire.CodeUnauthenticated, "No valid access token came with the request. Sign in, or refresh the token, and send the request again.").because(err)
	case errors.Is(err, access.ErrGone):
		return fault(wire.CodeGone, "This one-time code or challenge is spent, expired or was never issued. Ask for a new one.").because(err)
	case errors.Is(err, access.ErrDenied):
		return fault(wire.CodeUnauthenticated, "The login, password or device statement is not right. Nothing was changed; check it and try again.").because(err)
	case errors.Is(err, syscall.ENOSPC), store.KindOf(err) == store.KindFull:
		return fault(wire.CodeNoSpace, "The server's disk is full. Nothing of this request was acknowledged; keep the data and send it again later.").because(err)
	case errors.Is(err, ingest.ErrClosed):
		return fault(wire.CodeUnavailable, "The server is stopping. Nothing of this request was acknowledged; send it again later.").because(err)
	case errors.As(err, new(*ingest.GuardError)), errors.As(err, new(*ingest.OutcomeError)):
		return fault(wire.CodeUnavailable, "The server could not finish. Nothing of this request is acknowledged; send the very same again later, nothing is stored twice.").because(err)
	case errors.Is(err, ingest.ErrFrozen):
		return fault(wire.CodeFrozen, "This ledger has ended and takes nothing new. Nothing of this request was stored; keep the data and hand it in to the ledger that continues this one. Your administrator knows its address.").because(err)
	case errors.Is(err, ingest.ErrConflict):
		return fault(wire.CodeConflict, "What was asked contradicts what is on record. Nothing was changed; read the record again.").because(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault(wire.CodeUnavailable, "The server did not finish in time. Whether the request took effect is not known; sending it again is safe.").because(err)
	case store.KindOf(err) == store.KindBusy, store.KindOf(err) == store.KindUnavailable:
		return fault(wire.CodeUnavailable, "The database cannot be reached now. Nothing of this request was acknowledged; send it again later.").because(err)
	case errors.As(err, &fe):
		return ofFiber(fe)
	}
	return fault(wire.CodeInternal, "The server failed. Nothing of this request was acknowledged; send it again later. The log has the reason under the request's id.").because(err)
}

func ofFiber(fe *fiber.Error) *Fault {
	switch fe.Code {
	case fiber.StatusNotFound:
		return fault(wire.CodeNotFound, "There is nothing at this address.") // fiber's text has the path, which may hold anything
	case fiber.StatusMethodNotAllowed:
		return fault(wire.CodeMethod, "This address does not take that method.").because(fe)
	case fiber.StatusRequestEntityTooLarge:
		return fault(wire.CodeTooLarge, "The request is larger than is taken at once. Send less at a time.").because(fe)
	case fiber.StatusServiceUnavailable:
		return fault(wire.CodeUnavailable, "The server does not take work now. Send the request again later.").because(fe)
	}
	if fe.Code >= 400 && fe.Code < 500 {
		return fault(wire.CodeBadRequest, "The request cannot be read as HTTP of this interface.").because(fe)
	}
	return fault(wire.CodeInternal, "The server failed. Nothing of this request was acknowledged; send it again later.").because(fe)
}

// answerError is fiber's error handler.
func answerError(log *slog.Logger) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		f := faultOf(err)
		status := statusOf[f.Code]
		if status >= 500 {
			log.Error("request failed", "request_id", requestID(c), "method", c.Method(), "route", c.Route().Path, "code", string(f.Code), "cause", f.Error())
		} else {
			log.Debug("request refused", "request_id", requestID(c), "method", c.Method(), "route", c.Route().Path, "code", string(f.Code), "cause", f.Error())
		}
		if f.RetryAfter > 0 {
			c.Set(fiber.HeaderRetryAfter, strconv.Itoa(f.RetryAfter))
		}
		if f.Code == wire.CodeUnauthenticated || f.Code == wire.CodeReuse {
			c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		}
		return c.Status(status).JSON(wire.Error{Error: wire.ErrorBody{Code: f.Code, Message: f.Message, RequestID: requestID(c)}})
	}
}
