package upload

import (
	"context"
	"errors"
	"sync"
	"time"

	"fieldseal/sync/blob"
	"fieldseal/sync/thumbnail"

	"github.com/gofiber/fiber/v2"
)

// Config says what the routes stand on. Hooks are called with a context that a
// lost connection does not end.
type Config struct {
	// Store holds the media. Required.
	Store blob.Store
	// MaxLength is told to clients as Tus-Max-Size; it should be the store's own
	// limit. 0 is blob.DefaultMaxLength.
	MaxLength int64

	// Authorize says who may send; owner tells one sender from another, and only
	// the owner of an upload gets to see it. Its error is returned to fiber's
	// error handler. Required.
	Authorize func(c *fiber.Ctx) (owner string, err error)
	// AuthorizeRead says whether a file may be read, thumbnail included; its error
	// is returned to fiber's error handler. Where nil, there are no GET routes.
	AuthorizeRead func(c *fiber.Ctx, d blob.Digest) error

	// OnArrived is called when content is durable and before any client is told so.
	// It must be idempotent by digest: it is called again after a crash, for each
	// sender of the same file, and whenever a client asks anew before it succeeded.
	// Its error becomes status 500 and leaves the upload to be announced again.
	// Required.
	OnArrived func(ctx context.Context, d blob.Digest, size int64, mediaType, owner string) error
	// OnQuarantined is the same for bytes that had another digest than promised.
	// owner is empty for held content that was found damaged. Required.
	OnQuarantined func(ctx context.Context, e *blob.MismatchError, mediaType, owner string) error

	// MediaType looks up the Content-Type of a file that is given out;
	// application/octet-stream where nil or empty.
	MediaType func(ctx context.Context, d blob.Digest) (string, error)
	// Thumbnails makes thumbnails; where nil, there is no route for them.
	Thumbnails *thumbnail.Maker
	// Failed is told the cause of every answer of 500 and above, and of damage
	// found; the client never sees it. May be nil.
	Failed func(ctx context.Context, err error)
}

func (cfg *Config) validate() error {
	var errs []error
	for _, missing := range []struct {
		absent bool
		name   string
	}{{cfg.Store == nil, "Store"}, {cfg.Authorize == nil, "Authorize"}, {cfg.OnArrived == nil, "OnArrived"}, {cfg.OnQuarantined == nil, "OnQuarantined"}} {
		if missing.absent {
			errs = append(errs, errors.New("upload: Config."+missing.name+" is not set"))
		}
	}
	if cfg.MaxLength == 0 {
		cfg.MaxLength = blob.DefaultMaxLength
	}
	return errors.Join(errs...)
}

// Configure sets what streaming uploads need of fiber: bodies streamed and not
// parsed as forms beforehand (which would spool them unasked and unbounded),
// copies of everything that is kept, a buffer that holds the headers. fiber's
// BodyLimit does not apply to streamed bodies; every other handler must bound
// what it reads itself.
func Configure(cfg fiber.Config) fiber.Config {
	cfg.StreamRequestBody = true
	cfg.DisablePreParseMultipartForm = true
	cfg.Immutable = true
	cfg.ReadTimeout = 0
	cfg.ReadBufferSize = max(cfg.ReadBufferSize, headerBuffer)
	return cfg
}

// service is the state behind the routes.
type service struct {
	Config
	grace, wait time.Duration

	mu        sync.Mutex
	transfers map[blob.UploadID]*transfer
}

func newService(cfg Config) (*service, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &service{Config: cfg, grace: stallGrace, wait: lockWait, transfers: map[blob.UploadID]*transfer{}}, nil
}

// Register adds the routes to router. It fails where the configuration lacks
// something.
func Register(router fiber.Router, cfg Config) error {
	s, err := newService(cfg)
	if err != nil {
		return err
	}
	s.register(router)
	return nil
}

func (s *service) register(router fiber.Router) {
	const base, one = "/media/uploads", "/media/uploads/:id"
	router.Options(base, s.options)
	router.Options(one, s.options)
	router.Post(base, s.tus(s.create))
	router.Head(one, s.tus(s.head))
	router.Patch(one, s.tus(s.patch))
	router.Delete(one, s.tus(s.remove))
	router.Post(one, s.tus(s.override))
	if s.AuthorizeRead != nil {
		router.Get("/media/:sha256", s.download)
		if s.Thumbnails != nil {
			router.Get("/media/:sha256/thumbnail", s.thumbnail)
		}
	}
}
