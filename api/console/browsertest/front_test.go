package browsertest_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"fieldseal/api/access"
	"fieldseal/api/console"
	"fieldseal/api/server/servertest"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

// bench is a real server behind a front that signs everybody in as one person, serves
// the sealing code, and can be told to lose or falsify answers.
type bench struct {
	*servertest.Server
	front  *httptest.Server
	person event.UUID
	// down makes the server unreachable; change rewrites answers by their path.
	down   atomic.Bool
	change atomic.Pointer[func(path string, body []byte) []byte]
	lose   atomic.Pointer[string]
}

func newBench(t *testing.T) (*bench, string) {
	t.Helper()
	b := &bench{Server: servertest.Start(t)}
	var code string
	b.person, code = b.Person("Chen Jing 陈静", b.Org, event.RoleAnalyst)
	files, err := fs.Sub(console.Static, "static")
	if err != nil {
		t.Fatal(err)
	}
	back, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(back)
		token, err := b.Minter.Mint(access.Identity{Person: b.person, Scope: access.ScopeFull, Family: "bench"})
		if err != nil {
			t.Error(err)
		}
		r.Out.Header.Set("Authorization", "Bearer "+token)
		r.Out.Header.Del("Accept-Encoding")
	}, ModifyResponse: b.falsify}
	mux := http.NewServeMux()
	mux.Handle("GET /js/", http.FileServerFS(files))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Bench</title><meta name="person" content="%s"><link rel="icon" href="data:,">`, b.person)
	})
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		if b.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	b.front = httptest.NewServer(mux)
	t.Cleanup(b.front.Close)
	return b, code
}

// falsify changes an answer, or loses it after the server has done its work.
func (b *bench) falsify(r *http.Response) error {
	if p := b.lose.Load(); p != nil && strings.HasPrefix(r.Request.URL.Path, *p) {
		r.StatusCode, r.Body = http.StatusBadGateway, http.NoBody
		r.Header.Set("Content-Length", "0")
		return nil
	}
	change := b.change.Load()
	if change == nil {
		return nil
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		return err
	}
	out := (*change)(r.Request.URL.Path, body.Bytes())
	r.Body = readCloser{bytes.NewReader(out)}
	r.ContentLength = int64(len(out))
	r.Header.Set("Content-Length", fmt.Sprint(len(out)))
	return nil
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

const ws = `import('/js/workstation.js').then(async (w) => `

// note is a note.written of a case.
func note(caseID event.UUID, text string) string {
	return fmt.Sprintf(`{type: 'note.written', case: '%s', body: {text: %q}}`, caseID, text)
}

type outcome struct {
	ID, UUID, Status, Code string
	Index                  int64
}

// onLedger gives the event of an id.
func (b *bench) onLedger(id string) (row store.EventRow, found bool) {
	want, err := event.ParseID(id)
	if err != nil {
		b.T.Fatal(err)
	}
	b.Read(func(tx *store.Tx) (err error) {
		row, found, err = projection.EventByID(tx, want)
		return err
	})
	return row, found
}
