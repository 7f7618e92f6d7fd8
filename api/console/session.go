package console

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

const (
	cookieName = "fieldseal_session"
	csrfHeader = "X-CSRF-Token"
	csrfField  = "csrf"
	// maxForm caps a form that is not an act: a login, a choice of language, or of the
	// exhibits of a bundle, of which 500 have about 30 KiB.
	maxForm = 64 << 10
)

type localKey int

const (
	keySession localKey = iota
	keyPerson
	keyForm
)

// session is the session of a request behind enter.
func session(c *fiber.Ctx) *access.Session {
	s, _ := c.Locals(keySession).(*access.Session)
	return s
}

// person is who is signed in; the zero person on public pages.
func person(c *fiber.Ctx) projection.Person {
	p, _ := c.Locals(keyPerson).(projection.Person)
	return p
}

// cookie is the name of the session cookie: bound to the host and to https where
// the server is reached by it.
func (k *Console) cookie() string {
	if k.secure {
		return "__Host-" + cookieName
	}
	return cookieName
}

// Identify gives who a request of the API is by its session cookie; false where it
// has none. A request that changes anything must carry the CSRF token. None may be
// made by a page of another origin: even a GET leaves something on record in the
// person's name, a look or the export of a bundle, and a neighbour of the same site is
// sent the cookie along.
func (k *Console) Identify(c *fiber.Ctx) (access.Identity, bool, error) {
	token := c.Cookies(k.cookie())
	if token == "" {
		return access.Identity{}, false, nil
	}
	s, err := k.Book.FindSession(c.UserContext(), token)
	if err == nil && (!safe(c) && !s.Own(c.Get(csrfHeader)) || k.foreign(c)) {
		err = errForged
	}
	return access.Identity{Person: s.Person, Scope: access.ScopeFull}, true, err
}

var errForged = fault.New(wire.CodeForbidden, "The request did not come from a page of this session. Nothing was done; load the page again and repeat it.")

func safe(c *fiber.Ctx) bool { return c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead }

// enter admits who is signed in; others are led to sign in, and come back afterwards.
func (k *Console) enter(c *fiber.Ctx) error {
	err := k.enterAs(c)
	if errors.Is(err, access.ErrToken) && safe(c) && c.Get(fiber.HeaderAccept) != "application/json" && c.Get("Sec-Fetch-Dest") != "empty" {
		return c.Redirect("/desk/login?next="+url.QueryEscape(c.OriginalURL()), fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	return c.Next()
}

func (k *Console) enterAs(c *fiber.Ctx) error {
	token := c.Cookies(k.cookie())
	if token == "" {
		return access.ErrToken
	}
	s, err := k.Book.FindSession(c.UserContext(), token)
	if err != nil {
		return err
	}
	c.Locals(keySession, s)
	if !safe(c) {
		if err := k.own(c, s); err != nil {
			return err
		}
	}
	return k.read(c, func(_ *store.Tx, who projection.Person) error {
		c.Locals(keyPerson, who)
		return nil
	})
}

// own checks the CSRF token of a request that changes anything: in the header, or in the form.
func (k *Console) own(c *fiber.Ctx, s *access.Session) error {
	if text := c.Get(csrfHeader); text != "" {
		if !s.Own(text) {
			return errForged
		}
		return nil
	}
	f, err := k.form(c)
	if err == nil && !s.Own(f.Get(csrfField)) {
		err = errForged
	}
	return err
}

// form reads a URL-encoded form once.
func (k *Console) form(c *fiber.Ctx) (url.Values, error) {
	if f, ok := c.Locals(keyForm).(url.Values); ok {
		return f, nil
	}
	if t, _, _ := strings.Cut(c.Get(fiber.HeaderContentType), ";"); t != fiber.MIMEApplicationForm {
		return nil, fault.New(wire.CodeMediaType, "A form is sent as %s.", fiber.MIMEApplicationForm)
	}
	body, err := k.ReadBody(c, maxForm)
	if err != nil {
		return nil, err
	}
	f, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fault.New(wire.CodeBadRequest, "The form cannot be read. Load the page again and repeat it.").Because(err)
	}
	c.Locals(keyForm, f)
	return f, nil
}

// foreign reports whether a browser says that a form came from another site. It
// guards what comes before there is a session.
func (k *Console) foreign(c *fiber.Ctx) bool {
	if site := c.Get("Sec-Fetch-Site"); site != "" {
		return site != "same-origin" && site != "none"
	}
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != string(c.Context().Host()) && u.Host != k.public.Host
}

// next is where to go after signing in: an address of the desks, and nowhere else.
func next(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, home) || strings.ContainsAny(text, "\\\r\n") || strings.HasPrefix(u.Path, "/desk/log") {
		return home
	}
	return u.RequestURI()
}

type loginPage struct {
	Next, Login, Problem string
	// Idle says that the last session ended by itself.
	Idle bool
}

func (k *Console) getLogin(c *fiber.Ctx) error {
	return k.render(c, "login", "login.title", loginPage{Next: next(c.Query("next")), Idle: c.Query("idle") != ""})
}

// postLogin signs a person in. A wrong password shows the form again; the words are
// the same for a login that does not exist.
func (k *Console) postLogin(c *fiber.Ctx) error {
	if k.foreign(c) {
		return errForged
	}
	f, err := k.form(c)
	if err != nil {
		return err
	}
	who, err := k.SignIn(c, f.Get("login"), f.Get("password"))
	var s *access.Session
	if err == nil {
		s, err = k.Book.OpenSession(c.UserContext(), who)
	}
	if err != nil {
		flt := fault.Of(err)
		if flt.Status() >= 500 {
			return err
		}
		key := "login.wrong"
		if flt.Code == wire.CodeRateLimited {
			key = "login.locked"
		}
		c.Status(flt.Status())
		return k.render(c, "login", "login.title", loginPage{Next: next(f.Get("next")), Login: f.Get("login"), Problem: key})
	}
	k.setCookie(c, s.Token(), 0)
	return c.Redirect(next(f.Get("next")), fiber.StatusSeeOther)
}

// setCookie gives the browser its secret; a life below zero takes it away. It lives
// as long as the browser runs, and the session ends on the server before that.
func (k *Console) setCookie(c *fiber.Ctx, token string, life int) {
	c.Cookie(&fiber.Cookie{Name: k.cookie(), Value: token, Path: "/", MaxAge: life, HTTPOnly: true, Secure: k.secure, SameSite: fiber.CookieSameSiteStrictMode, SessionOnly: life == 0})
}

func (k *Console) postLogout(c *fiber.Ctx) error {
	f, err := k.form(c)
	if err != nil {
		return err
	}
	if err := k.Book.CloseSession(c.UserContext(), session(c), f.Get("everywhere") != ""); err != nil {
		return err
	}
	k.setCookie(c, "", -1)
	return c.Redirect("/desk/login", fiber.StatusSeeOther)
}

// SignedIn reports whether a session is still good, for what outlives one request.
func (k *Console) SignedIn(c *fiber.Ctx) (event.UUID, error) {
	s, err := k.Book.FindSession(c.UserContext(), c.Cookies(k.cookie()))
	return s.Person, err
}

// postLanguage keeps the language that a reader chose.
func (k *Console) postLanguage(c *fiber.Ctx) error {
	if k.foreign(c) {
		return errForged
	}
	f, err := k.form(c)
	if err != nil {
		return err
	}
	lang := "en"
	if f.Get("lang") == "zh" {
		lang = "zh"
	}
	c.Cookie(&fiber.Cookie{Name: languageCookie, Value: lang, Path: "/", Expires: time.Now().AddDate(1, 0, 0), HTTPOnly: true, Secure: k.secure, SameSite: fiber.CookieSameSiteLaxMode})
	back := next(f.Get("next"))
	if strings.HasPrefix(f.Get("next"), "/desk/login") {
		back = "/desk/login"
	}
	return c.Redirect(back, fiber.StatusSeeOther)
}
