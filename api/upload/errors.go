package upload

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"fieldseal/api/wire"
	"fieldseal/sync/blob"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// statusChecksum is tus's status for a chunk whose checksum does not match.
const statusChecksum = 460

// refusal is an answer other than success. Its message goes to the client, its
// cause to Config.Failed only.
type refusal struct {
	status  int
	code    wire.ErrorCode
	message string
	wanted  string
	got     string
	cause   error
}

func (r *refusal) Error() string {
	if r.cause != nil {
		return fmt.Sprintf("%d %s: %s: %v", r.status, r.code, r.message, r.cause)
	}
	return fmt.Sprintf("%d %s: %s", r.status, r.code, r.message)
}

func (r *refusal) Unwrap() error { return r.cause }

func refuse(status int, code wire.ErrorCode, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func badRequest(err error) *refusal {
	return refuse(fiber.StatusBadRequest, wire.CodeBadRequest, "%s. Nothing was stored; mend the request.", err.Error())
}

// sentence makes a sentence for a person of an error's text.
func sentence(err error) string {
	text := strings.TrimPrefix(err.Error(), "blob: ")
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

var errHook = errors.New("recording the media in the ledger failed")

// refusalOf is the one table from the store's errors to answers.
func refusalOf(err error) *refusal {
	var (
		r        *refusal
		mismatch *blob.MismatchError
		checksum *blob.ChecksumError
		offset   *blob.OffsetError
		length   *blob.LengthError
		large    *blob.TooLargeError
		state    *blob.StateError
		source   *blob.SourceError
		damaged  *blob.DamagedError
	)
	is := func(status int, code wire.ErrorCode, message string) *refusal {
		return &refusal{status: status, code: code, message: message}
	}
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, errHook):
		r = is(fiber.StatusServiceUnavailable, wire.CodeUnavailable, "The file is on stable storage, but recording its arrival failed. Ask again later with HEAD or an empty PATCH; nothing needs to be sent again.")
		r.cause = err
	case errors.As(err, &mismatch):
		r = is(fiber.StatusUnprocessableEntity, wire.CodeDigest, sentence(mismatch))
		r.wanted, r.got = mismatch.Wanted.String(), mismatch.Got.String()
	case errors.As(err, &checksum):
		r = is(statusChecksum, wire.CodeBadRequest, sentence(checksum))
	case errors.As(err, &offset):
		r = is(fiber.StatusConflict, wire.CodeConflict, sentence(offset))
	case errors.As(err, &length):
		r = is(fiber.StatusBadRequest, wire.CodeBadRequest, sentence(length))
	case errors.As(err, &large):
		r = is(fiber.StatusRequestEntityTooLarge, wire.CodeTooLarge, sentence(large))
	case errors.As(err, &state) && state.State == blob.Abandoned:
		r = is(fiber.StatusGone, wire.CodeGone, "The upload was given up. Begin a new one.")
	case errors.As(err, &state):
		r = is(fiber.StatusConflict, wire.CodeConflict, sentence(state))
	case errors.As(err, &damaged):
		r = is(fiber.StatusGone, wire.CodeGone, "The server's copy of this upload is damaged. Keep the original and begin a new upload.")
		r.cause = err
	case errors.As(err, &source):
		r = is(fiber.StatusBadRequest, wire.CodeBadRequest, fmt.Sprintf("The request body broke off. Everything before offset %d is kept; ask with HEAD and go on from there.", source.Offset))
	case errors.Is(err, blob.ErrUnknown), errors.Is(err, blob.ErrNotHeld):
		r = is(fiber.StatusNotFound, wire.CodeNotFound, "There is no such upload or file, or it is not for you to see. Begin a new upload to send a file.")
	case errors.Is(err, blob.ErrLocked):
		r = is(fiber.StatusConflict, wire.CodeConflict, sentence(blob.ErrLocked))
	case errors.Is(err, blob.ErrPromise):
		r = is(fiber.StatusBadRequest, wire.CodeBadRequest, sentence(err))
	case errors.Is(err, blob.ErrFull):
		r = is(fiber.StatusInsufficientStorage, wire.CodeNoSpace, "The server's disk is full. What was acknowledged is kept; keep the file, ask with HEAD and go on later.")
		r.cause = err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		r = is(fiber.StatusServiceUnavailable, wire.CodeUnavailable, "The server is stopping. What was acknowledged is kept; ask with HEAD and go on later.")
	default:
		r = is(fiber.StatusInternalServerError, wire.CodeInternal, "The server failed. What was acknowledged is kept; ask with HEAD and go on later.")
		r.cause = err
	}
	return r
}

// write answers with the refusal as a wire.Error.
func (r *refusal) write(c *fiber.Ctx) error {
	text, err := json.Marshal(wire.Error{Error: wire.ErrorBody{Code: r.code, Message: r.message, Wanted: r.wanted, Got: r.got}})
	if err != nil {
		return err
	}
	c.Status(r.status)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(text)
}
