package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/seal"
)

// client speaks HTTP to a test server; each answer is held against the description.
type client struct {
	t     testing.TB
	s     *servertest.Server
	token string
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func visitor(t testing.TB, s *servertest.Server) *client { return &client{t: t, s: s} }

// as is the same client with another token.
func (c *client) as(token string) *client { return &client{t: c.t, s: c.s, token: token} }

// innards are marks of causes, which are for the log alone.
var innards = []string{"fieldseal/", ".go:", "goroutine", "panic", "sqlite", "SQL", "fasthttp", "fiber", "jsontext", "json: cannot", "json: unknown", "json: unable", "store:", "ingest:", "event:", "seal:", "ledger:", "projection", "/tmp/"}

var plain = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// send sends a request; header is pairs of names and values.
func (c *client) send(method, path string, body io.Reader, header ...string) answer {
	c.t.Helper()
	r, err := http.NewRequest(method, c.s.URL+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := plain.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{res.StatusCode, res.Header, data}
	c.described(method, r.URL.Path, a)
	return a
}

func (c *client) described(method, path string, a answer) {
	c.t.Helper()
	k, err := theContract()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := k.check(method, path, a.status, a.header, a.body); err != nil {
		c.t.Errorf("%s %s: the answer is not as described: %v\n%.300s", method, path, err, a.body)
	}
	if a.status >= 400 && method != http.MethodHead {
		var e wire.Error
		for _, inner := range innards {
			if bytes.Contains(a.body, []byte(inner)) {
				c.t.Errorf("%s %s: the answer shows the server's inside (%q): %.300s", method, path, inner, a.body)
			}
		}
		if json.Unmarshal(a.body, &e) == nil && e.Error.Code != "" && !strings.HasSuffix(strings.TrimSpace(e.Error.Message), ".") {
			c.t.Errorf("%s %s: the message is no sentence: %q", method, path, e.Error.Message)
		}
	}
}

func (c *client) get(path string) answer {
	c.t.Helper()
	return c.send(http.MethodGet, path, nil)
}

func (c *client) post(path string, v any) answer {
	c.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.send(http.MethodPost, path, bytes.NewReader(data), "Content-Type", "application/json")
}

func (c *client) batch(lines ...[]byte) wire.BatchAnswer {
	c.t.Helper()
	a := c.send(http.MethodPost, "/v1/batches", bytes.NewReader(bytes.Join(lines, []byte{'\n'})), "Content-Type", "application/x-ndjson")
	out := into[wire.BatchAnswer](c.t, a)
	if len(out.Results) != len(lines) {
		c.t.Fatalf("%d results for %d lines", len(out.Results), len(lines))
	}
	return out
}

// into reads a 200 answer.
func into[T any](t testing.TB, a answer) (v T) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %.300s", a.status, a.body)
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// code is the error code of an answer, empty for success.
func (a answer) code() wire.ErrorCode {
	var e wire.Error
	if a.status < 400 || json.Unmarshal(a.body, &e) != nil {
		return ""
	}
	return e.Error.Code
}

// refused wants one of the codes.
func (c *client) refused(what string, a answer, want ...wire.ErrorCode) {
	c.t.Helper()
	if !slices.Contains(want, a.code()) {
		c.t.Errorf("%s: status %d, code %q, want %q: %.200s", what, a.status, a.code(), want, a.body)
	}
}

// signIn signs a device in by a sealed statement.
func (c *client) signIn(d *ingesttest.Device) wire.Tokens {
	c.t.Helper()
	ch := into[wire.Challenge](c.t, c.post("/v1/auth/challenge", struct{}{}))
	return into[wire.Tokens](c.t, c.post("/v1/auth/device", wire.DeviceLogin{Envelope: statement(c.t, d.Key, wire.AuthStatement{Nonce: ch.Nonce,
		Audience: ch.Audience, Device: d.ID.String(), Time: string(event.StampOf(time.Now()))})}))
}

func statement(t testing.TB, key *seal.PrivateKey, s wire.AuthStatement) string {
	t.Helper()
	return sealed(t, key, wire.AuthPayloadType, s)
}

func sealed(t testing.TB, key *seal.PrivateKey, payloadType string, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	line, err2 := key.Seal(payloadType, data)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return string(line)
}

const goodPassword = "correct horse battery 电池"

// signInPerson gives a person a password and signs them in.
func (c *client) signInPerson(person event.UUID) wire.Tokens {
	c.t.Helper()
	if err := c.s.Book.SetPassword(c.t.Context(), person, goodPassword); err != nil {
		c.t.Fatal(err)
	}
	return into[wire.Tokens](c.t, c.post("/v1/auth/login", wire.Login{Login: loginOf(person), Password: goodPassword}))
}

// loginOf is the login that test worlds give a person.
func loginOf(person event.UUID) string { return "p" + person.String()[24:] }

func path(format string, args ...any) string { return fmt.Sprintf(format, args...) }
