package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"strconv"
	"strings"
	"sync"

	"fieldseal/api/wire"
	"fieldseal/sync/blob"
	"fieldseal/sync/thumbnail"

	"github.com/gofiber/fiber/v2"
)

// mediaDigest reads the path and asks whether the file may be read.
func (s *service) mediaDigest(c *fiber.Ctx) (blob.Digest, error, bool) {
	d, err := blob.ParseDigest(c.Params("sha256"))
	if err != nil {
		return d, badRequest(fmt.Errorf("the path names %q, not a SHA-256 as 64 lower-case hex digits", clip(c.Params("sha256")))).write(c), false
	}
	if err := s.AuthorizeRead(c, d); err != nil {
		return d, err, false
	}
	// What devices sent is never run or shown in place by a browser.
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; sandbox")
	c.Set(fiber.HeaderCacheControl, "private, no-cache") // asked for anew each time: rights can end
	return d, nil, true
}

// download gives an original out, whole or one range of it (RFC 9110, 14).
func (s *service) download(c *fiber.Ctx) error {
	d, err, ok := s.mediaDigest(c)
	if !ok {
		return err
	}
	ctx := context.WithoutCancel(c.UserContext())
	mediaType := ""
	if s.MediaType != nil {
		if mediaType, err = s.MediaType(ctx, d); err != nil {
			return s.answer(ctx, c, err)
		}
	}
	if mediaType == "" {
		mediaType = octetStream
	}
	size, err := s.Store.Stat(ctx, d)
	if err != nil {
		return s.answer(ctx, c, err)
	}
	etag := `"` + d.String() + `"`
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	if etagMatches(c.Get(fiber.HeaderIfNoneMatch), etag) {
		c.Status(fiber.StatusNotModified)
		return nil
	}
	part, status := byteRange{0, size}, fiber.StatusOK
	if r := c.Get(fiber.HeaderRange); r != "" && (c.Get(fiber.HeaderIfRange) == "" || c.Get(fiber.HeaderIfRange) == etag) {
		asked, whole, satisfiable := parseRange(r, size)
		if !satisfiable {
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes */%d", size))
			return refuse(fiber.StatusRequestedRangeNotSatisfiable, wire.CodeBadRequest, "The range %q lies outside the file's %d bytes.", clip(r), size).write(c)
		}
		if !whole {
			part, status = asked, fiber.StatusPartialContent
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", part.first, part.first+part.length-1, size))
		}
	}
	c.Set(fiber.HeaderContentType, mediaType)
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+d.String()+extension(mediaType)+`"`)
	c.Status(status)
	if c.Method() == fiber.MethodHead {
		c.Response().SkipBody = true
		c.Response().Header.SetContentLength(int(part.length))
		return nil
	}
	f, err := s.Store.Open(ctx, d)
	if err != nil {
		return s.answer(ctx, c, err)
	}
	if _, err := f.Seek(part.first, io.SeekStart); err != nil {
		return s.answer(ctx, c, errors.Join(err, f.Close()))
	}
	c.Context().SetBodyStream(&section{f: f, left: part.length}, int(part.length))
	return nil
}

// etagMatches reads If-None-Match; weak comparison (RFC 9110, 13.1.2).
func etagMatches(header, etag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.Trim(candidate, " "), "W/")
		if candidate == etag || candidate == "*" {
			return true
		}
	}
	return false
}

// extension is a fitting file name extension, or none. The list is short and
// fixed, so that a file's name does not depend on the server's machine.
func extension(mediaType string) string {
	t, _, _ := mime.ParseMediaType(mediaType)
	return map[string]string{"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif", "image/tiff": ".tif",
		"image/heic": ".heic", "video/mp4": ".mp4", "video/quicktime": ".mov", "audio/mp4": ".m4a", "audio/mpeg": ".mp3",
		"application/pdf": ".pdf", "text/plain": ".txt", "text/csv": ".csv"}[t]
}

// section is a part of a file as a response body. Its WriteTo lets large pieces
// go to the connection past fasthttp's buffer of 4 KiB.
type section struct {
	f    io.ReadSeekCloser
	left int64
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }}

func (s *section) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.f.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

func (s *section) WriteTo(w io.Writer) (int64, error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{s}, *buf)
}

func (s *section) Close() error { return s.f.Close() }

// thumbnail gives a small picture out, or says that it is being made.
func (s *service) thumbnail(c *fiber.Ctx) error {
	d, err, ok := s.mediaDigest(c)
	if !ok {
		return err
	}
	ctx := context.WithoutCancel(c.UserContext())
	etag := `"` + d.String() + "-" + strconv.Itoa(thumbnail.MaxSide) + `"`
	picture, err := s.Thumbnails.Get(ctx, d)
	var cannot *thumbnail.FailureError
	switch {
	case errors.Is(err, thumbnail.ErrPending):
		c.Set(fiber.HeaderRetryAfter, "1")
		c.Status(fiber.StatusAccepted)
		return nil
	case errors.As(err, &cannot):
		return refuse(fiber.StatusUnsupportedMediaType, wire.CodeMediaType, "There is no thumbnail of this file: %s. The original is unharmed; download it instead.", cannot.Reason).write(c)
	case err != nil:
		return s.answer(ctx, c, err)
	}
	c.Set(fiber.HeaderETag, etag)
	if etagMatches(c.Get(fiber.HeaderIfNoneMatch), etag) {
		c.Status(fiber.StatusNotModified)
		return nil
	}
	c.Set(fiber.HeaderContentType, "image/jpeg")
	c.Set("Fieldseal-Derivative-Of", d.String())
	return c.Send(picture)
}
