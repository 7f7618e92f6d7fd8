package court_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// reader is a browser's side of a session without a browser.
type reader struct {
	t    *testing.T
	w    *world
	http *http.Client
	csrf string
	lang string
}

// newReader signs somebody in; nobody where login is empty.
func newReader(t *testing.T, w *world, login string) *reader {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &reader{t: t, w: w, http: &http.Client{Jar: jar}, lang: "en"}
	if login != "" {
		if res, page := b.post("/desk/login", url.Values{"login": {login}, "password": {password}}); res.StatusCode != http.StatusOK || b.csrf == "" {
			t.Fatalf("sign in: %d\n%s", res.StatusCode, page)
		}
	}
	return b
}

func (b *reader) do(req *http.Request) (*http.Response, string) {
	b.t.Helper()
	req.Header.Set("Accept-Language", b.lang)
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

// get opens a page, following where it leads.
func (b *reader) get(path string) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.w.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

// post sends a form with the session's token.
func (b *reader) post(path string, f url.Values) (*http.Response, string) {
	b.t.Helper()
	if b.csrf != "" && !f.Has("csrf") {
		f.Set("csrf", b.csrf)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.w.URL+path, strings.NewReader(f.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}
