package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/console"
	"fieldseal/api/console/checker"
	"fieldseal/api/fault"
	"fieldseal/api/upload"
	"fieldseal/api/wire"
	"fieldseal/sync/blob"
	"fieldseal/sync/bundle"
	"fieldseal/sync/certificate"
	"fieldseal/sync/ingest"
	"fieldseal/sync/store"
	"fieldseal/sync/thumbnail"
	"fieldseal/sync/witness/collect"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/limiter"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"
)

const (
	// idleBetween is how long a connection may stay open between requests.
	idleBetween = 75 * time.Second
	// stall is how long a peer may send or take nothing in the middle of a request.
	stall = 30 * time.Second
	// signInsPerMinute bounds attempts to sign in or enrol from one address; each
	// costs an argon2 computation or a signature check.
	signInsPerMinute = 120
	// drain is how long a stopping server waits for requests that run.
	drain = 20 * time.Second
)

// Config is what a server needs.
type Config struct {
	// Audience names this service in sealed sign-ins and tokens: its public address.
	Audience string
	// Version is told by the metrics.
	Version string
	// Proxied says that a reverse proxy on a trusted network stands before the server
	// and appends to X-Forwarded-For whom it serves. Otherwise that header is not believed.
	Proxied bool
	// Guarded checks that the checkpoint guard can be reached.
	Guarded func(context.Context) error
	// Stamp has a checkpoint time-stamped before a bundle is made of it; nil where
	// no authority is configured. It bounds its own time. What it cannot get, the
	// bundle is made without, and says so.
	Stamp func(ctx context.Context, note []byte) error
	// Witnesses collects cosignatures; nil where no witness is configured.
	Witnesses *collect.Collector
	// Fonts are those of certificates, Verifier is the verifier for browsers; each is
	// nil where it is absent, and the desks then say so.
	Fonts    *certificate.Fonts
	Verifier *checker.Files
	// Former makes, or finds, the former ledger's bundle of what a bundle of this ledger
	// is to be of: nil where that has nothing of it. done is called when it has been
	// read. Former is nil where this ledger continues no other one that is here.
	Former func(ctx context.Context, o bundle.Options) (f *bundle.Former, done func() error, err error)
}

// Server answers HTTP.
type Server struct {
	cfg     Config
	engine  *ingest.Engine
	store   *store.Store
	blobs   blob.Store
	thumbs  *thumbnail.Maker
	book    *access.Book
	minter  *access.Minter
	log     *slog.Logger
	metrics *metrics
	app     *fiber.App
	now     func() time.Time
	records records
	judging *semaphore.Weighted
	console *console.Console
	work    sync.WaitGroup
}

// Parts are the rooms that a server stands on; all but Thumbnails are required.
type Parts struct {
	Engine     *ingest.Engine
	Store      *store.Store
	Blobs      blob.Store
	Thumbnails *thumbnail.Maker
	Book       *access.Book
	Minter     *access.Minter
	Log        *slog.Logger
	Now        func() time.Time
}

// New makes a server. It does no I/O.
func New(cfg Config, p Parts) (*Server, error) {
	s := &Server{cfg: cfg, engine: p.Engine, store: p.Store, blobs: p.Blobs, thumbs: p.Thumbnails, book: p.Book, minter: p.Minter, log: p.Log, now: p.Now,
		judging: semaphore.NewWeighted(judgedAtOnce)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.metrics = newMetrics(cfg.Version, func() float64 { return float64(p.Engine.Size()) })
	if cfg.Witnesses != nil {
		s.metrics.registry.MustRegister(newWitnessMetrics(cfg.Witnesses))
	}
	s.app = fiber.New(upload.Configure(fiber.Config{
		AppName: "fieldseal", DisableStartupMessage: true, IdleTimeout: idleBetween, WriteTimeout: 0,
		ErrorHandler: answerError(s.log, func(c *fiber.Ctx, f *fault.Fault) error { return s.console.Fault(c, f) }), StrictRouting: true, CaseSensitive: true, EnablePrintRoutes: false,
	}))
	return s, s.routes()
}

func (s *Server) routes() (err error) {
	s.app.Use(s.observe, protect)
	s.app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("alive\n") })
	s.app.Get("/readyz", s.getReady)
	s.app.Get("/metrics", s.metrics.handler())
	s.routeTiles()

	v1 := s.app.Group("/v1")
	slow := limiter.New(limiter.Config{Max: signInsPerMinute, Expiration: time.Minute, KeyGenerator: s.network, LimitReached: func(*fiber.Ctx) error {
		f := fault.New(wire.CodeRateLimited, "Too many sign-ins from this address within a minute. Wait and try again.")
		f.RetryAfter = 60
		return f
	}})
	if s.console, err = s.newConsole(slow); err != nil {
		return err
	}
	v1.Post("/auth/login", slow, s.postLogin)
	v1.Post("/auth/refresh", slow, s.postRefresh)
	v1.Post("/auth/logout", s.postLogout)
	v1.Post("/auth/challenge", slow, s.postChallenge)
	v1.Post("/auth/device", slow, s.postDevice)
	v1.Post("/enrol", slow, s.postEnrol)

	v1.Get("/log/checkpoint", s.getCheckpoint)
	v1.Get("/log/proof/inclusion", s.getInclusion)
	v1.Get("/log/proof/consistency", s.getConsistency)
	v1.Post("/log/proofs", s.postProofs)

	v1.Post("/batches", s.authenticate, s.postBatch)
	v1.Post("/check", s.authenticate, s.full, s.postCheck)
	v1.Get("/devices/:id/head", s.authenticate, s.getHead)
	v1.Get("/me", s.authenticate, s.getMe)
	v1.Get("/changes", s.authenticate, s.full, s.getChanges)
	v1.Get("/events/:id", s.authenticate, s.full, s.shown("event"), s.getEvent)
	v1.Get("/events/:id/proof", s.authenticate, s.full, s.shown("event"), s.getEventProof)
	v1.Get("/cases", s.authenticate, s.full, s.getCases)
	v1.Get("/cases/:id", s.authenticate, s.full, s.shown("case"), s.getCase)
	v1.Get("/cases/:id/items", s.authenticate, s.full, s.shown("case"), s.getItems)
	v1.Get("/cases/:id/record", s.authenticate, s.full, s.shown("record"), s.getRecord)
	v1.Get("/cases/:id/bundle", s.authenticate, s.full, s.shown("bundle"), s.getBundle)
	v1.Get("/items", s.authenticate, s.full, s.findItems)
	v1.Get("/quarantine", s.authenticate, s.full, s.overseer, s.getQuarantine)
	v1.Get("/quarantine/:index", s.authenticate, s.full, s.overseer, s.shown("quarantine"), s.getQuarantined)
	v1.Get("/media/:sha256/state", s.authenticate, s.full, s.getMediaState)
	s.console.Mount(s.app)
	s.app.Server().SecureErrorLogMessage = true // or a malformed header would be logged, tokens and all
	s.app.Server().Handler = s.knownMethods(s.app.Handler())
	return upload.Register(v1, s.uploads())
}

// knownMethods answers methods that HTTP does not know, which fiber would answer
// before any of our handlers, in words of its own and with the body left unread.
func (s *Server) knownMethods(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(r *fasthttp.RequestCtx) {
		if slices.Contains(fiber.DefaultMethods, string(r.Method())) {
			next(r)
			return
		}
		c := s.app.AcquireCtx(r)
		defer s.app.ReleaseCtx(c)
		if err := s.app.ErrorHandler(c, fiber.ErrMethodNotAllowed); err != nil {
			s.log.Error("refusing a method failed", "cause", err.Error())
		}
		upload.EndConnection(c)
	}
}

// App is the fiber application, for tests that call it without a network.
func (s *Server) App() *fiber.App { return s.app }

// Serve answers on a listener until ctx ends, then lets the requests that run
// come to their end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.start(ctx)
	failed := make(chan error, 1)
	known := knowSilent(l)
	go func() { failed <- s.app.Listener(upload.RollingDeadlineListener(known, stall)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.log.Info("stopping", "drain", drain.String())
	known.closeSilent()
	s.console.Stop()
	err := s.app.ShutdownWithTimeout(drain)
	s.work.Wait()
	return err
}

// start runs what goes on beside requests: the index of event ids, and the
// announcement of files that arrived just before a crash.
func (s *Server) start(ctx context.Context) {
	s.work.Go(func() {
		if _, err := upload.Sweep(ctx, s.uploads()); err != nil && ctx.Err() == nil {
			s.log.Error("announcing arrived files failed; it is tried again at the next start and whenever a device asks", "cause", err.Error())
		}
	})
}

func (s *Server) getReady(c *fiber.Ctx) error {
	out := wire.Ready{Ready: true, Checks: map[string]string{}}
	check := func(name string, err error) {
		out.Checks[name] = "ok"
		if err != nil {
			out.Ready = false
			out.Checks[name] = "failed; see the log"
			s.log.Error("not ready", "check", name, "cause", err.Error())
		}
	}
	check("database", s.store.Read(c.UserContext(), func(tx *store.Tx) error { _, _, err := tx.LastCheckpoint(); return err }))
	_, err := s.blobs.Has(c.UserContext(), blob.Digest{})
	check("media", err)
	if s.cfg.Guarded != nil {
		check("guard", s.cfg.Guarded(c.UserContext()))
	}
	if s.cfg.Witnesses != nil {
		out.Checks["witnesses"] = witnessReport(s.cfg.Witnesses.Status())
	}
	status := fiber.StatusOK
	if !out.Ready {
		status = fiber.StatusServiceUnavailable
	}
	return c.Status(status).JSON(out)
}

var errNoOwner = errors.New("an upload's owner is not a device or person")

// ownerOf is how an upload names who sends it: the device, or the person.
func ownerOf(id access.Identity) string {
	if !id.Device.IsZero() {
		return "device " + id.Device.String()
	}
	return "person " + id.Person.String()
}

func carrierText(owner string) (string, error) {
	kind, id, ok := strings.Cut(owner, " ")
	if !ok || kind != "device" && kind != "person" {
		return "", fmt.Errorf("%w: %q", errNoOwner, owner)
	}
	if kind == "person" {
		return "", nil
	}
	return id, nil
}
