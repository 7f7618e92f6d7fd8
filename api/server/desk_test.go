package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/server/servertest"
	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// browser is a browser's side of a session: it keeps cookies and follows redirects.
type browser struct {
	t    *testing.T
	s    *servertest.Server
	http *http.Client
	csrf string
}

func newBrowser(t *testing.T, s *servertest.Server) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, s: s, http: &http.Client{Jar: jar}}
}

// do sends a request and gives the final answer.
func (b *browser) do(method, path, body string, header ...string) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.s.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if m := regexp.MustCompile(`name="csrf" content="([^"]+)"`).FindStringSubmatch(string(data)); m != nil {
		b.csrf = m[1]
	}
	return res, string(data)
}

func (b *browser) form(path string, v url.Values, header ...string) (*http.Response, string) {
	b.t.Helper()
	return b.do(http.MethodPost, path, v.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)...)
}

// signIn signs a new person in.
func (b *browser) signIn(org event.UUID, roles ...event.Role) event.UUID {
	b.t.Helper()
	who := b.s.AddPerson(org, roles...)
	if err := b.s.Book.SetPassword(b.t.Context(), who, goodPassword); err != nil {
		b.t.Fatal(err)
	}
	if res, page := b.form("/desk/login", url.Values{"login": {"p" + who.String()[24:]}, "password": {goodPassword}}); res.StatusCode != 200 || b.csrf == "" {
		b.t.Fatalf("sign in: %d\n%s", res.StatusCode, page)
	}
	return who
}

// A session admits its browser to pages and to the API, and whatever changes
// anything needs the token that only its own pages have.
func TestDeskSession(t *testing.T) {
	k := newScene(t)
	b := newBrowser(t, k.s)
	if res, page := b.do("GET", "/", ""); res.Request.URL.Path != "/desk/login" || !strings.Contains(page, "Password") {
		t.Errorf("a stranger gets %s", res.Request.URL)
	}
	if res, _ := b.do("GET", "/v1/cases", ""); res.StatusCode != 401 {
		t.Errorf("a stranger gets %d from the API", res.StatusCode)
	}
	b.signIn(k.s.Org, event.RoleSupervisor)
	if res, page := b.do("GET", "/desk/", ""); res.StatusCode != 200 || !strings.Contains(page, k.caseID.String()) {
		t.Errorf("home: %d\n%s", res.StatusCode, page)
	}
	if res, page := b.do("GET", "/v1/cases", ""); res.StatusCode != 200 || !strings.Contains(page, k.caseID.String()) {
		t.Errorf("cases by the session: %d %s", res.StatusCode, page)
	}
	check := `{"acts":[{"type":"note.written","body":{}}]}`
	for _, v := range []struct {
		csrf string
		want int
	}{{"", 403}, {"wrong", 403}, {b.csrf + "x", 403}, {b.csrf, 200}} {
		if res, text := b.do("POST", "/v1/check", check, "Content-Type", "application/json", "X-CSRF-Token", v.csrf); res.StatusCode != v.want {
			t.Errorf("with the token %q: %d %s", v.csrf, res.StatusCode, text)
		}
	}
	other := newBrowser(t, k.s)
	other.signIn(k.s.Org, event.RoleSupervisor)
	if res, _ := b.do("POST", "/v1/check", check, "Content-Type", "application/json", "X-CSRF-Token", other.csrf); res.StatusCode != 403 {
		t.Errorf("another session's token is taken: %d", res.StatusCode)
	}
	if res, _ := b.do("POST", "/v1/batches", "no envelope", "X-CSRF-Token", b.csrf, "Content-Type", "application/x-ndjson"); res.StatusCode != 200 {
		t.Errorf("a batch by the session: %d", res.StatusCode)
	}
	if res, _ := b.form("/desk/logout", url.Values{"csrf": {"x"}}); res.StatusCode != 403 {
		t.Errorf("signed out by a forged form: %d", res.StatusCode)
	}
	if res, _ := b.form("/desk/logout", url.Values{"csrf": {b.csrf}}); res.Request.URL.Path != "/desk/login" {
		t.Errorf("after signing out: %s", res.Request.URL)
	}
	if res, _ := b.do("GET", "/desk/", ""); res.Request.URL.Path != "/desk/login" {
		t.Errorf("signed out, and %s is shown", res.Request.URL)
	}
}

// Sessions end where they must: everywhere at once, with the password, with the
// person, and when nobody is there.
func TestDeskSessionEnds(t *testing.T) {
	s := servertest.Start(t)
	for name, end := range map[string]func(b *browser, who event.UUID){
		"everywhere": func(b *browser, who event.UUID) {
			second := newBrowser(t, s)
			second.form("/desk/login", url.Values{"login": {"p" + who.String()[24:]}, "password": {goodPassword}})
			second.do("GET", "/desk/", "")
			second.form("/desk/logout", url.Values{"csrf": {second.csrf}, "everywhere": {"1"}})
		},
		"new password": func(_ *browser, who event.UUID) {
			if err := s.Book.SetPassword(t.Context(), who, "another good password 7"); err != nil {
				t.Fatal(err)
			}
		},
		"idle":     func(_ *browser, who event.UUID) { s.AgeSessions(who, access.SessionIdle+1) },
		"disabled": func(_ *browser, who event.UUID) { s.Disable(who) },
	} {
		b := newBrowser(t, s)
		who := b.signIn(s.Org, event.RoleInspector)
		end(b, who)
		if res, _ := b.do("GET", "/desk/", ""); res.Request.URL.Path != "/desk/login" {
			t.Errorf("%s: still at %s", name, res.Request.URL)
		}
		if res, _ := b.do("GET", "/v1/me", ""); res.StatusCode != 401 {
			t.Errorf("%s: the API still answers %d", name, res.StatusCode)
		}
	}
}

// What comes from elsewhere, or tries to lead elsewhere.
func TestDeskIsHostileProof(t *testing.T) {
	s := servertest.Start(t)
	b := newBrowser(t, s)
	who := s.AddPerson(s.Org, event.RoleInspector)
	if err := s.Book.SetPassword(t.Context(), who, goodPassword); err != nil {
		t.Fatal(err)
	}
	in := func(next string, header ...string) *http.Response {
		res, _ := b.form("/desk/login", url.Values{"login": {"p" + who.String()[24:]}, "password": {goodPassword}, "next": {next}}, header...)
		return res
	}
	if res := in("", "Origin", "https://evil.example"); res.StatusCode != 403 {
		t.Errorf("a form of another site signs in: %d", res.StatusCode)
	}
	if res := in("", "Sec-Fetch-Site", "cross-site"); res.StatusCode != 403 {
		t.Errorf("a form of another site signs in: %d", res.StatusCode)
	}
	for _, next := range []string{"https://evil.example/desk/", "//evil.example/desk/", "/desk/\\evil.example", "javascript:alert(1)", "/v1/me", "/desk/../v1/me", "/desk/logout"} {
		if res := in(next); res.Request.URL.Host != strings.TrimPrefix(s.URL, "http://") || res.Request.URL.Path != "/desk/" && next != "/desk/../v1/me" {
			t.Errorf("%s leads to %s", next, res.Request.URL)
		}
	}
	res, page := b.do("GET", "/desk/login", "")
	for name, want := range map[string]string{"Content-Security-Policy": "script-src 'self'; style-src 'self'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
		"Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin"} {
		if got := res.Header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if strings.Contains(page, "style=") || regexp.MustCompile(`<script(?: type="module")?>`).MatchString(page) || regexp.MustCompile(`\son\w+=`).MatchString(page) {
		t.Error("the page has what its policy forbids")
	}
	wrong := `"><script>alert(1)</script>`
	if res, page := b.form("/desk/login", url.Values{"login": {wrong}, "password": {"x"}}); res.StatusCode != 401 || strings.Contains(page, "<script>alert") {
		t.Errorf("%d\n%s", res.StatusCode, page)
	}
	if res, page := b.do("GET", "/desk/nothing/<script>", ""); res.StatusCode != 404 || strings.Contains(page, "<script>") || !strings.Contains(page, "nothing here that you may see") {
		t.Errorf("%d\n%s", res.StatusCode, page)
	}
}

// Both languages, by choice and by what the browser asks for.
func TestDeskLanguage(t *testing.T) {
	s := servertest.Start(t)
	b := newBrowser(t, s)
	if _, page := b.do("GET", "/desk/login", "", "Accept-Language", "zh-Hans-CN,zh;q=0.9"); !strings.Contains(page, `lang="zh-CN"`) || !strings.Contains(page, "密码") {
		t.Error("a Chinese browser is not answered in Chinese")
	}
	if res, page := b.form("/desk/language", url.Values{"lang": {"zh"}, "next": {"/desk/login"}}); !strings.Contains(page, "密码") {
		t.Errorf("chosen, and not given: %s", res.Request.URL)
	}
	if _, page := b.do("GET", "/desk/login", "", "Accept-Language", "en"); !strings.Contains(page, "密码") {
		t.Error("the choice is not kept")
	}
}

// What a person is shown is on record before they see it: who, when, what. What a
// device fetches is not a look.
func TestLooks(t *testing.T) {
	k := newScene(t)
	b := newBrowser(t, k.s)
	who := b.signIn(k.s.Org, event.RoleSupervisor)
	id := k.caseID.String()
	for _, path := range []string{"/v1/cases/" + id, "/v1/cases/" + id + "/record", "/v1/events/" + k.sample.String(), "/v1/media/" + k.photo.String(), fmt.Sprintf("/v1/quarantine/%d", k.quarantine)} {
		if res, text := b.do("GET", path, ""); res.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, res.StatusCode, text)
		}
	}
	c := visitor(t, k.s)
	c.token = c.signIn(k.device).AccessToken
	c.get("/v1/cases/" + id)
	var looks, inCase []access.Look
	err := k.s.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		if looks, err = access.Looks(tx, event.UUID{}, event.UUID{}, time.Now().Add(time.Hour), 100); err != nil {
			return err
		}
		inCase, err = access.Looks(tx, k.caseID, who, time.Now().Add(time.Hour), 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, l := range looks {
		kinds = append(kinds, l.Kind)
		if l.Person != who || l.Ref == "" || l.Request == "" {
			t.Errorf("%+v", l)
		}
	}
	slices.Sort(kinds)
	if !slices.Equal(kinds, []string{"case", "event", "media", "quarantine", "record"}) || len(inCase) != 2 {
		t.Errorf("%v, %d in the case", kinds, len(inCase))
	}
}
