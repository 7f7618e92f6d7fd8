package server

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"fieldseal/api/fault"
	"fieldseal/api/upload"
	"fieldseal/api/wire"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// maxJSON caps a JSON request; the largest legitimate one asks for wire.MaxProofs proofs.
const maxJSON = 64 << 10

// readBody reads a request body of at most most bytes into memory of its own.
// Bodies are streamed (uploads need it), so nothing else bounds them.
func readBody(c *fiber.Ctx, most int) ([]byte, error) {
	declared := c.Request().Header.ContentLength()
	if declared > most {
		return nil, fault.New(wire.CodeTooLarge, "The request body has %d bytes; at most %d are taken here. Send less at a time.", declared, most)
	}
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		c.Locals(keyBodyRead, true)
		if body := c.Request().Body(); len(body) <= most {
			return bytes.Clone(body), nil
		}
		return nil, fault.New(wire.CodeTooLarge, "The request body has more than %d bytes. Send less at a time.", most)
	}
	buf := bytes.NewBuffer(make([]byte, 0, max(declared, 512)))
	n, err := io.Copy(buf, io.LimitReader(stream, int64(most)+1))
	switch {
	case n > int64(most):
		return nil, fault.New(wire.CodeTooLarge, "The request body has more than %d bytes. Send less at a time.", most)
	case err != nil:
		return nil, fault.New(wire.CodeBadRequest, "The request body broke off after %d bytes. Nothing was stored; send the request again.", n).Because(err)
	case declared >= 0 && n != int64(declared):
		return nil, fault.New(wire.CodeBadRequest, "The request body has %d of the %d bytes announced. Nothing was stored; send the request again.", n, declared)
	}
	c.Locals(keyBodyRead, true)
	return buf.Bytes(), nil
}

// endUnread closes a connection on which a body was not read to its end: bodies
// are streamed, and what is left of one would be taken for the next request. The
// handlers of the upload routes see to that themselves; where none of them ran, as
// for OPTIONS or a method that does not exist, it is done here.
func endUnread(c *fiber.Ctx) {
	tus := strings.HasPrefix(c.Route().Path, "/v1/media/uploads") && c.Method() != fiber.MethodOptions
	if c.Request().Header.ContentLength() == 0 || tus {
		return
	}
	if read, _ := c.Locals(keyBodyRead).(bool); !read && c.Context().RequestBodyStream() != nil {
		upload.EndConnection(c)
	}
}

// readJSON reads one JSON object, strictly: no unknown and no duplicate members, nothing behind it.
func readJSON(c *fiber.Ctx, into any) error {
	if t := mediaType(c); t != fiber.MIMEApplicationJSON {
		return fault.New(wire.CodeMediaType, "Content-Type %.60q is not taken here. Send application/json.", t)
	}
	body, err := readBody(c, maxJSON)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into, json.RejectUnknownMembers(true)); err != nil {
		var sem *json.SemanticError
		if errors.As(err, &sem) {
			return fault.New(wire.CodeBadRequest, "The JSON object is not what is expected here (at %q). The OpenAPI description shows its members.", sem.JSONPointer).Because(err)
		}
		return fault.New(wire.CodeBadRequest, "The body is not one valid JSON object.").Because(err)
	}
	return nil
}
