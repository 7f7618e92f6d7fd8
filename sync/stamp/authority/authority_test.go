package authority_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/stamp"
	"fieldseal/sync/stamp/authority"
	"fieldseal/sync/stamp/stamptest"
)

var note = []byte("custody.test/log\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— custody.test/log AAAAAAAA\n")

func config(t *testing.T, a *stamptest.Authority, url string) authority.Config {
	t.Helper()
	r, err := stamp.ParseRoots(a.RootPEM())
	if err != nil {
		t.Fatal(err)
	}
	return authority.Config{Name: "one", URL: url, Roots: r, Policies: []string{stamptest.Policy}}
}

func ask(t *testing.T, c authority.Config) (*authority.Receipt, error) {
	t.Helper()
	a, err := authority.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a.Stamp(t.Context(), sha256.Sum256(note))
}

func TestStamp(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	r, err := ask(t, config(t, a, a.Serve()))
	if err != nil {
		t.Fatal(err)
	}
	if r.Skew != 0 || r.Verified.Policy != stamptest.Policy || r.Token.Info().Nonce == nil {
		t.Errorf("%+v", r)
	}
	if err := stamptest.Verify(t, r.Token.Response(), note, a.RootPEM(), nil, r.Verified.Time); err != nil {
		t.Error(err)
	}
}

func TestSkewIsTold(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		c := config(t, a, a.Serve())
		c.Now = func() time.Time { return time.Now().Add(off) }
		r, err := ask(t, c)
		if err != nil {
			t.Fatal(err)
		}
		if d := (r.Skew + off).Abs(); d > time.Minute {
			t.Errorf("our clock is off by %s, told is %s", off, r.Skew)
		}
	}
}

// TestBadAuthorities: whatever an authority does, the answer is an error in time.
func TestBadAuthorities(t *testing.T) {
	a, other := stamptest.New(t, stamptest.Options{}), stamptest.New(t, stamptest.Options{Name: "Another"})
	var old []byte
	hang := map[string]chan struct{}{"hangs": make(chan struct{}), "hangs in the middle": make(chan struct{})}
	reply := func(w http.ResponseWriter, data []byte) {
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(data)
	}
	query := func(r *http.Request) []byte {
		q, _ := io.ReadAll(r.Body)
		return q
	}
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  error
	}{
		"an answer from before": {func(w http.ResponseWriter, r *http.Request) {
			if old == nil {
				old = a.MustReply(query(r))
			}
			reply(w, old)
		}, stamp.ErrNonce},
		"another digest": {func(w http.ResponseWriter, r *http.Request) {
			req, err := stamp.NewRequest(sha256.Sum256([]byte("another")))
			if err != nil {
				t.Error(err)
			}
			reply(w, a.MustReply(req.DER))
		}, stamp.ErrImprint},
		"another authority": {other.ServeHTTP, stamp.ErrChain},
		"refuses":           {func(w http.ResponseWriter, r *http.Request) { reply(w, a.MustReply([]byte("no query"))) }, stamp.ErrRefused},
		"nothing":           {func(w http.ResponseWriter, r *http.Request) { reply(w, nil) }, stamp.ErrMalformed},
		"a page":            {func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("<html>hello</html>")) }, authority.ErrAnswer},
		"not found":         {http.NotFound, authority.ErrAnswer},
		"somewhere else": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, authority.ErrAnswer},
		"huge": {func(w http.ResponseWriter, r *http.Request) { reply(w, make([]byte, stamp.MaxToken+1)) }, authority.ErrAnswer},
		"a huge header": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<16))
			reply(w, nil)
		}, authority.ErrUnreachable},
		"without end": {func(w http.ResponseWriter, r *http.Request) { endless(w) }, authority.ErrAnswer},
		"hangs":       {func(w http.ResponseWriter, r *http.Request) { <-hang["hangs"] }, authority.ErrUnreachable},
		"hangs in the middle": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			reply(w, []byte{0x30, 0x82})
			w.(http.Flusher).Flush()
			<-hang["hangs in the middle"]
		}, authority.ErrUnreachable},
		"breaks off": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			reply(w, []byte{0x30, 0x82})
		}, authority.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.serve)
			conf := config(t, a, s.URL)
			if hang[name] != nil {
				conf.Timeout = 200 * time.Millisecond
			}
			_, err := ask(t, conf)
			if name == "an answer from before" && err == nil {
				_, err = ask(t, conf)
			}
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), "authority one") {
				t.Errorf("%v, want %v", err, c.want)
			}
			if hang[name] != nil {
				close(hang[name])
			}
			s.Close()
		})
	}
}

// endless sends zeros until nobody listens.
func endless(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/timestamp-reply")
	for {
		if _, err := w.Write(make([]byte, 1<<12)); err != nil {
			return
		}
	}
}

func TestUnreachable(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := config(t, a, "http://user:secret@"+l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, c); !errors.Is(err, authority.ErrUnreachable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	one, err := authority.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := one.Stamp(ctx, [32]byte{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestConfig(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	good := config(t, a, "http://tsa.test/")
	for name, change := range map[string]func(*authority.Config){
		"no name": func(c *authority.Config) { c.Name = "" }, "a path as name": func(c *authority.Config) { c.Name = "../x" },
		"capitals": func(c *authority.Config) { c.Name = "TSA" }, "no address": func(c *authority.Config) { c.URL = "" },
		"another scheme": func(c *authority.Config) { c.URL = "ftp://tsa.test/" }, "no host": func(c *authority.Config) { c.URL = "http:///x" },
		"no roots": func(c *authority.Config) { c.Roots = nil }, "policy in words": func(c *authority.Config) { c.Policies = []string{"any"} },
		"policy twice": func(c *authority.Config) { c.Policies = []string{"1.2.3", "1.2.3"} }, "for ever": func(c *authority.Config) { c.Timeout = time.Hour },
		"a secret in an address that cannot be read": func(c *authority.Config) { c.URL = "http://u:secret@%zz/" },
	} {
		c := good
		change(&c)
		if _, err := authority.New(c); !errors.Is(err, authority.ErrConfig) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}
