package server

import (
	"log/slog"
	"strconv"

	"fieldseal/api/console"
	"fieldseal/api/fault"
	"fieldseal/api/wire"

	"github.com/gofiber/fiber/v2"
)

// answerError is fiber's error handler: an API answers in JSON, a desk with a page.
func answerError(log *slog.Logger, desk func(c *fiber.Ctx, f *fault.Fault) error) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		f := fault.Of(err)
		if f.Status() >= 500 {
			log.Error("request failed", "request_id", requestID(c), "method", c.Method(), "route", c.Route().Path, "code", string(f.Code), "cause", f.Error())
		} else {
			log.Debug("request refused", "request_id", requestID(c), "method", c.Method(), "route", c.Route().Path, "code", string(f.Code), "cause", f.Error())
		}
		if f.RetryAfter > 0 {
			c.Set(fiber.HeaderRetryAfter, strconv.Itoa(f.RetryAfter))
		}
		if console.Owns(c) {
			return desk(c, f)
		}
		if f.Code == wire.CodeUnauthenticated || f.Code == wire.CodeReuse {
			c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		}
		return c.Status(f.Status()).JSON(wire.Error{Error: wire.ErrorBody{Code: f.Code, Message: f.Message, RequestID: requestID(c)}})
	}
}
