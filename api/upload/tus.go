package upload

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/blob"

	"github.com/gofiber/fiber/v2"
)

const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,checksum,termination"
	tusAlgorithms = "sha-256,sha256"
	chunkType     = "application/offset+octet-stream"

	hdrResumable = "Tus-Resumable"
	hdrOffset    = "Upload-Offset"
	hdrLength    = "Upload-Length"
	hdrMetadata  = "Upload-Metadata"
	hdrChecksum  = "Upload-Checksum"
	hdrMedia     = "Fieldseal-Media" // held: the file is there, send nothing
)

// Keys of blob.Upload.Meta.
const (
	metaOwner = "owner"
	metaType  = "type"
	metaRaw   = "metadata"
)

// request is one authorised tus request.
type request struct {
	*fiber.Ctx
	ctx   context.Context
	owner string
	body  *body
	id    string // as in the path; empty for POST to the collection
}

func (s *service) options(c *fiber.Ctx) error {
	c.Set(hdrResumable, tusVersion)
	c.Set("Tus-Version", tusVersion)
	c.Set("Tus-Max-Size", strconv.FormatInt(s.MaxLength, 10))
	c.Set("Tus-Extension", tusExtensions)
	c.Set("Tus-Checksum-Algorithm", tusAlgorithms)
	c.Status(fiber.StatusNoContent)
	return nil
}

// tus wraps a handler with what all tus requests share. Where the body was not
// read to its end, the connection ends with the answer: fasthttp would take the
// rest for the next request.
func (s *service) tus(handler func(*request) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r := &request{Ctx: c, ctx: context.WithoutCancel(c.UserContext()), body: newBody(c), id: c.Params("id")}
		defer func() {
			if !r.body.ended {
				EndConnection(c)
			}
		}()
		c.Set(hdrResumable, tusVersion)
		c.Set(fiber.HeaderCacheControl, "no-store")
		if v := c.Get(hdrResumable); v != tusVersion {
			c.Set("Tus-Version", tusVersion)
			return refuse(fiber.StatusPreconditionFailed, wire.CodeBadRequest, "Tus-Resumable is %q; this server speaks %s only.", clip(v), tusVersion).write(c)
		}
		var err error
		if r.owner, err = s.Authorize(c); err != nil {
			return err
		}
		if err := handler(r); err != nil {
			return s.answer(r.ctx, c, err)
		}
		return nil
	}
}

// answer writes an error's answer and tells Failed its cause.
func (s *service) answer(ctx context.Context, c *fiber.Ctx, err error) error {
	r := refusalOf(err)
	if s.Failed != nil && (r.cause != nil || r.status >= fiber.StatusInternalServerError) {
		s.Failed(ctx, err)
	}
	return r.write(c)
}

func (s *service) override(r *request) error {
	switch method := r.Get("X-HTTP-Method-Override"); method {
	case fiber.MethodHead:
		return s.head(r)
	case fiber.MethodPatch:
		return s.patch(r)
	case fiber.MethodDelete:
		return s.remove(r)
	default:
		return refuse(fiber.StatusMethodNotAllowed, wire.CodeMethod, "POST to an upload needs X-HTTP-Method-Override: PATCH, HEAD or DELETE, not %q.", clip(method))
	}
}

// create is POST to the collection.
func (s *service) create(r *request) error {
	for _, h := range []string{"Upload-Defer-Length", "Upload-Concat"} {
		if r.Get(h) != "" {
			return badRequest(errors.New(h + " is not supported; send one file with its Upload-Length"))
		}
	}
	length, err := parseCount(hdrLength, r.Get(hdrLength))
	if err != nil {
		return badRequest(err)
	}
	meta, err := parseMetadata(r.Get(hdrMetadata))
	if err != nil {
		return badRequest(err)
	}
	up, err := s.Store.Create(r.ctx, blob.Promise{Wanted: meta.digest, Length: length,
		Meta: map[string]string{metaOwner: r.owner, metaType: meta.mediaType, metaRaw: meta.raw}})
	if err != nil {
		return err
	}
	if up.Held {
		// This sender, too, must be on record before it may forget the file.
		if err := s.OnArrived(r.ctx, up.Wanted, up.Length, meta.mediaType, r.owner); err != nil {
			return errors.Join(errHook, err)
		}
		r.Location(r.Path() + "/" + up.Wanted.String())
		r.Set(hdrMedia, "held")
		return r.created(up.Length)
	}
	r.Location(r.Path() + "/" + up.ID.String())
	if r.Get(fiber.HeaderContentType) == chunkType && r.body.declared != 0 {
		if up.Offset, err = s.receive(r, up, 0); err != nil {
			return err
		}
	}
	if up.Offset == up.Length {
		if err := s.conclude(r.ctx, up.ID); err != nil {
			return err
		}
	}
	return r.created(up.Offset)
}

func (r *request) created(offset int64) error {
	r.Set(hdrOffset, strconv.FormatInt(offset, 10))
	r.Status(fiber.StatusCreated)
	return nil
}

// find returns the caller's upload. A held file's address stands for an upload
// that is complete; whoever knows its digest may have it.
func (s *service) find(r *request) (blob.Upload, error) {
	if d, err := blob.ParseDigest(r.id); err == nil {
		size, err := s.Store.Stat(r.ctx, d)
		return blob.Upload{Wanted: d, Length: size, Offset: size, State: blob.Arrived, Settled: true, Held: true}, err
	}
	id, err := blob.ParseUploadID(r.id)
	if err != nil {
		return blob.Upload{}, blob.ErrUnknown
	}
	var up blob.Upload
	for deadline := time.Now().Add(s.wait); ; time.Sleep(time.Millisecond) {
		up, err = s.Store.Upload(r.ctx, id)
		if !errors.Is(err, blob.ErrLocked) || time.Now().After(deadline) {
			break // locked: another request is just taking it up
		}
	}
	if err == nil && up.Meta[metaOwner] != r.owner {
		err = blob.ErrUnknown
	}
	return up, err
}

// free is find after any transfer on the upload that has stalled was ended.
func (s *service) free(r *request) (blob.Upload, error) {
	up, err := s.find(r)
	if err != nil || up.State != blob.Open || !s.takeOver(up.ID) {
		return up, err
	}
	return s.find(r)
}

func (s *service) head(r *request) error {
	up, err := s.free(r)
	if err != nil {
		return err
	}
	if up.State == blob.Abandoned {
		return &blob.StateError{ID: up.ID, State: up.State}
	}
	// Full length must not be answered for a file that is not on record.
	if up.Offset == up.Length && !(up.State == blob.Arrived && up.Settled) {
		if err := s.conclude(r.ctx, up.ID); err != nil {
			return err
		}
	}
	r.Set(hdrOffset, strconv.FormatInt(up.Offset, 10))
	r.Set(hdrLength, strconv.FormatInt(up.Length, 10))
	if raw := up.Meta[metaRaw]; raw != "" {
		r.Set(hdrMetadata, raw)
	}
	r.Status(fiber.StatusOK)
	return nil
}

func (s *service) patch(r *request) error {
	if t := r.Get(fiber.HeaderContentType); t != chunkType {
		return refuse(fiber.StatusUnsupportedMediaType, wire.CodeMediaType, "Content-Type is %q; a chunk is %s.", clip(t), chunkType)
	}
	offset, err := parseCount(hdrOffset, r.Get(hdrOffset))
	if err != nil {
		return badRequest(err)
	}
	up, err := s.free(r)
	if err != nil {
		return err
	}
	switch {
	case up.State == blob.Abandoned:
		return &blob.StateError{ID: up.ID, State: up.State}
	case up.State == blob.Open:
		if up.Offset, err = s.receive(r, up, offset); err != nil {
			return err
		}
	case offset != up.Offset:
		return &blob.OffsetError{Have: up.Offset, Asked: offset}
	case r.body.declared != 0:
		return &blob.TooLargeError{Length: up.Length + max(r.body.declared, 1), Max: up.Length}
	}
	if up.Offset == up.Length && !up.Held {
		if err := s.conclude(r.ctx, up.ID); err != nil {
			return err
		}
	}
	r.Set(hdrOffset, strconv.FormatInt(up.Offset, 10))
	r.Status(fiber.StatusNoContent)
	return nil
}

// receive appends the request's body and returns the offset that is safe.
func (s *service) receive(r *request, up blob.Upload, offset int64) (int64, error) {
	var sum *blob.Digest
	if h := r.Get(hdrChecksum); h != "" {
		var err error
		if sum, err = parseChecksum(h); err != nil {
			return up.Offset, badRequest(err)
		}
	}
	if offset == up.Offset && r.body.declared > up.Length-offset {
		return up.Offset, &blob.TooLargeError{Length: offset + r.body.declared, Max: up.Length}
	}
	if offset == up.Offset && r.body.declared == 0 && sum == nil {
		return up.Offset, nil // nothing to add: a client asks for the end
	}
	done := s.transferring(up.ID, r.Context().Conn(), r.body)
	at, err := s.Store.Append(r.ctx, up.ID, offset, r.body, sum)
	done()
	if err == nil && at == up.Length && r.body.surplus() {
		err = &blob.TooLargeError{Length: at + 1, Max: at}
	}
	r.Set(hdrOffset, strconv.FormatInt(at, 10))
	return at, err
}

// remove gives an unfinished upload up; its bytes are kept for the operator.
func (s *service) remove(r *request) error {
	up, err := s.free(r)
	if err != nil {
		return err
	}
	if up.State != blob.Open {
		return &blob.StateError{ID: up.ID, State: up.State}
	}
	if err := s.Store.Abandon(r.ctx, up.ID, "given up by its owner"); err != nil {
		return err
	}
	r.Status(fiber.StatusNoContent)
	return nil
}

// transfer is a body on its way into an upload.
type transfer struct {
	conn net.Conn
	body *body
	done chan struct{}
}

// transferring notes a transfer, unless one is under way already (this one will
// then be refused as locked). The function returned ends it.
func (s *service) transferring(id blob.UploadID, conn net.Conn, b *body) (done func()) {
	t := &transfer{conn: conn, body: b, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transfers[id] != nil {
		return func() {}
	}
	s.transfers[id] = t
	return func() {
		s.mu.Lock()
		delete(s.transfers, id)
		s.mu.Unlock()
		close(t.done)
	}
}

// takeOver waits for a transfer on the upload, ends it once it has yielded
// nothing for the grace time, and reports whether there was one. What it had
// brought is kept.
func (s *service) takeOver(id blob.UploadID) bool {
	s.mu.Lock()
	t := s.transfers[id]
	s.mu.Unlock()
	if t == nil {
		return false
	}
	for end := time.Now().Add(s.wait); time.Now().Before(end); {
		silent := time.Since(time.Unix(0, t.body.last.Load()))
		if silent >= s.grace {
			// Its Read ends with a time-out. If it ended otherwise just now, the
			// deadline falls on a connection that its own handler closes or resets.
			if t.conn.SetReadDeadline(time.Unix(1, 0)) != nil {
				return true
			}
			silent = 0
		}
		select {
		case <-t.done:
			return true
		case <-time.After(min(s.grace-silent, time.Until(end))):
		}
	}
	return true
}
