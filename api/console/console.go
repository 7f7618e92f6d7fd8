// Package console is the desks that laboratory analysts, court clerks and
// supervisors open in their browser: pages that the server renders, which read well
// without a script, and scripts that do what only a browser can. A page shows what
// the read models hold; what a person does there is an event that the browser seals
// by a key of its own and sends through the API that every device uses. The server
// cannot act in a person's name.
//
// A browser signs in with a session cookie; whatever changes anything must also
// carry the session's CSRF token. Pages obey a content security policy without
// inline script and without any other host.
package console

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/chart"
	"fieldseal/api/fault"
	"fieldseal/api/live"
	"fieldseal/api/wire"
	"fieldseal/sync/blob"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// home is where the desks begin.
const home = "/desk/"

// Parts are what the desks stand on; all are required, those of Court aside.
type Parts struct {
	Engine *ingest.Engine
	Store  *store.Store
	Blobs  blob.Store
	Book   *access.Book
	Log    *slog.Logger
	Now    func() time.Time
	// Audience is the server's public address; with https the cookie is for https alone.
	Audience string
	// SignIn admits a person by login and password; Slow bounds how often that is tried.
	SignIn func(c *fiber.Ctx, login, password string) (event.UUID, error)
	Slow   fiber.Handler
	// ReadBody reads a request body of at most the given number of bytes.
	ReadBody func(c *fiber.Ctx, most int) ([]byte, error)
	// RequestID is the id of a request, as the log has it.
	RequestID func(c *fiber.Ctx) string
	// Record computes the custody record of a case as the ledger of the given size tells it.
	Record func(ctx context.Context, id event.UUID) (r *custody.Record, size int64, err error)
	// Court is what the court desk gives out.
	Court Court
}

// Console answers for the desks.
type Console struct {
	Parts
	secure bool
	public *url.URL
	pages  *pages
	live   *live.Hub
	charts *chart.Reader
	drawn  drawn
	queue  caseRecords
	// version is of what the verify page loads.
	version string
	// judgments are the records that the court desk shows.
	judgments judged
}

// New makes the desks. It does no I/O; an error is one of the program's own pages.
func New(p Parts) (*Console, error) {
	public, err := url.Parse(p.Audience)
	if err != nil {
		return nil, err
	}
	k := &Console{Parts: p, public: public, secure: public.Scheme == "https", live: live.New(p.Engine, p.Store, p.Log), charts: chart.New(p.Store, 0)}
	k.version = k.verifyVersion()
	k.pages, err = newPages()
	return k, err
}

// Stop ends what would last for ever, the live views; a stopping server calls it
// before it waits for its requests.
func (k *Console) Stop() { k.live.Close() }

// Owns reports whether a request is for a page and not for the API.
func Owns(c *fiber.Ctx) bool {
	p := c.Path()
	return p == "/desk" || strings.HasPrefix(p, home)
}

// Mount adds the desks to an application.
func (k *Console) Mount(app *fiber.App) {
	app.Get("/", func(c *fiber.Ctx) error { return c.Redirect(home, fiber.StatusFound) })
	app.Get("/desk", func(c *fiber.Ctx) error { return c.Redirect(home, fiber.StatusFound) })
	desk := app.Group("/desk", k.protect)
	desk.Get("/static/:version/+", k.getStatic)
	desk.Get("/login", k.getLogin)
	desk.Post("/login", k.Slow, k.postLogin)
	desk.Post("/language", k.postLanguage)
	k.routePublic(desk)
	in := desk.Group("", k.enter)
	in.Post("/logout", k.postLogout)
	in.Get("/", k.getHome)
	in.Get("/workstation", k.getWorkstation)
	k.routeLab(in)
	k.routeCourt(in)
	k.routeSupervisor(in)
	desk.Use(func(*fiber.Ctx) error { return fault.New(wire.CodeNotFound, "There is nothing at this address.") })
}

// protect sets the headers of every page.
func (k *Console) protect(c *fiber.Ctx) error {
	c.Set("Content-Security-Policy", policy(""))
	c.Set("Referrer-Policy", "same-origin") // with none at all a browser calls the origin of its own forms null
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set("Permissions-Policy", "camera=(self), geolocation=(self), microphone=(), payment=(), usb=()")
	if k.secure {
		c.Set("Strict-Transport-Security", "max-age=31536000")
	}
	return c.Next()
}

// policy is the content security policy of a page, with what its scripts may do beside.
func policy(scripts string) string {
	return "default-src 'none'; script-src 'self'" + scripts + "; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
		"media-src 'self' blob:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// read runs fn on the read models, with the person who is signed in as they are now.
func (k *Console) read(c *fiber.Ctx, fn func(tx *store.Tx, who projection.Person) error) error {
	return k.Store.Read(c.UserContext(), func(tx *store.Tx) error {
		p, found, err := projection.PersonByID(tx, session(c).Person)
		if err == nil && (!found || p.Disabled) {
			err = access.ErrToken
		}
		if err != nil {
			return err
		}
		return fn(tx, p)
	})
}

// visible refuses a case that the person may not see, in the words for one that does not exist.
func visible(tx *store.Tx, id event.UUID, who projection.Person) (projection.Case, error) {
	ok, err := projection.MaySee(tx, id, who.ID)
	if err != nil {
		return projection.Case{}, err
	}
	k, found, err := projection.CaseByID(tx, id)
	if err == nil && (!found || !ok) {
		err = fault.New(wire.CodeNotFound, "There is no case %s that you may see.", id)
	}
	return k, err
}

// record gives the custody record of a case that the person may see, and the size
// of the ledger that it was computed over. It is shared: it must not be changed.
func (k *Console) record(c *fiber.Ctx, id event.UUID) (*custody.Record, int64, error) {
	err := k.read(c, func(tx *store.Tx, who projection.Person) error {
		_, err := visible(tx, id, who)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return k.judge(c.UserContext(), id)
}

// looked records who is about to be shown what: the kind of thing, its case, zero
// where it belongs to none, and which one. What cannot be recorded is not shown.
func (k *Console) looked(c *fiber.Ctx, kind string, in event.UUID, ref string) error {
	ref = strings.ToValidUTF8(ref[:min(len(ref), maxLookRef)], "")
	return k.Book.Looked(c.UserContext(), access.Look{Request: k.RequestID(c), Person: session(c).Person, Kind: kind, Case: in, Ref: ref})
}

// maxLookRef caps what a look says of the thing: a kind and a digest; an address may have anything.
const maxLookRef = 120

// require admits people with one of the roles to a desk.
func (k *Console) require(roles ...event.Role) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if p := person(c); !p.Has(roles...) {
			return fault.New(wire.CodeForbidden, "This desk is not for your roles. If you need it, ask your administrator.")
		}
		return c.Next()
	}
}

// uuid reads an identifier from the address.
func uuid(c *fiber.Ctx, name string) (event.UUID, error) {
	u, err := event.ParseUUID(c.Params(name))
	if err != nil {
		return u, fault.New(wire.CodeNotFound, "%.80q is not an identifier of anything.", c.Params(name)).Because(err)
	}
	return u, nil
}
