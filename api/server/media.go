package server

import (
	"context"
	"strings"

	"fieldseal/api/access"
	"fieldseal/api/fault"
	"fieldseal/api/upload"
	"fieldseal/api/wire"
	"fieldseal/sync/blob"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// uploads joins the upload protocol to the ledger: a file counts as arrived when
// its arrival is an event in the log.
func (s *Server) uploads() upload.Config {
	return upload.Config{
		Store: s.blobs,
		Authorize: func(c *fiber.Ctx) (string, error) {
			id, err := s.identify(c)
			return ownerOf(id), err
		},
		AuthorizeRead: func(c *fiber.Ctx, d blob.Digest) error {
			id, err := s.identify(c)
			if err != nil {
				return err
			}
			if err := s.mayRead(c.UserContext(), id, event.Digest(d)); err != nil || strings.HasSuffix(c.Path(), "/thumbnail") {
				return err // small pictures come with a page, which is recorded itself
			}
			return s.looked(c, id, "media", event.UUID{}, d.String())
		},
		OnArrived: func(ctx context.Context, d blob.Digest, size int64, mediaType, owner string) error {
			carrier, err := carrierOf(owner)
			if err != nil {
				return err
			}
			_, err = s.engine.Author(ctx, ingest.Draft{Body: &event.MediaReceived{SHA256: event.Digest(d), Size: size, Type: mediaType, Carrier: carrier}})
			if err == nil {
				s.metrics.media.WithLabelValues("arrived").Inc()
			}
			return err
		},
		OnQuarantined: func(ctx context.Context, e *blob.MismatchError, mediaType, owner string) error {
			carrier, err := carrierOf(owner)
			if err != nil {
				return err
			}
			_, err = s.engine.Author(ctx, ingest.Draft{Body: &event.MediaQuarantined{Wanted: event.Digest(e.Wanted), Got: event.Digest(e.Got), Size: e.Size, Carrier: carrier}})
			if err == nil {
				s.metrics.media.WithLabelValues("quarantined").Inc()
			}
			return err
		},
		MediaType:  s.mediaTypeOf,
		Thumbnails: s.thumbs,
		Failed: func(ctx context.Context, err error) {
			s.log.Error("media failed", "cause", err.Error())
		},
	}
}

// identify is authenticate for handlers that are not behind it.
func (s *Server) identify(c *fiber.Ctx) (access.Identity, error) {
	if token, ok := bearer(c); ok {
		return s.minter.Check(token)
	}
	id, ok, err := s.console.Identify(c)
	if !ok && err == nil {
		err = access.ErrToken
	}
	return id, err
}

func carrierOf(owner string) (event.UUID, error) {
	text, err := carrierText(owner)
	if err != nil || text == "" {
		return event.UUID{}, err
	}
	return event.ParseUUID(text)
}

// mayRead: a file is for those who may see a case that mentions it.
func (s *Server) mayRead(ctx context.Context, id access.Identity, d event.Digest) error {
	if err := s.mayReadAtAll(ctx, id); err != nil {
		return err
	}
	return s.store.Read(ctx, func(tx *store.Tx) error {
		ok, err := projection.MaySeeMedia(tx, d, id.Person)
		if err == nil && !ok {
			err = fault.New(wire.CodeNotFound, "There is no file %s in a case that you may see.", d)
		}
		return err
	})
}

// mediaTypeOf is what the newest event that mentions a file says it is.
func (s *Server) mediaTypeOf(ctx context.Context, d blob.Digest) (string, error) {
	var out string
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		refs, err := projection.MediaRefs(tx, event.Digest(d))
		for _, r := range refs {
			out = r.Type
		}
		return err
	})
	return out, err
}

func (s *Server) getMediaState(c *fiber.Ctx) error {
	d, err := digestParam(c, "sha256")
	if err != nil {
		return err
	}
	if err := s.mayRead(c.UserContext(), identity(c), d); err != nil {
		return err
	}
	out := wire.MediaState{SHA256: d.String(), State: "missing"}
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		m, found, err := projection.MediaByDigest(tx, d)
		switch {
		case err != nil:
			return err
		case found && m.Here():
			out.State, out.Size, out.Held = "arrived", m.Size, m.Size
		case found && m.Bad > 0:
			out.State = "mismatch"
		}
		if out.Size == 0 {
			refs, err := projection.MediaRefs(tx, d)
			if err != nil {
				return err
			}
			for _, r := range refs {
				out.Size = r.Size
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(out)
}
