package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
)

// journal is a log that is kept for reading.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Alive is not ready: with the guard gone nothing may be acknowledged.
func TestHealth(t *testing.T) {
	var j journal
	var broken atomic.Bool
	s := servertest.StartWith(t, servertest.Options{Log: j.logger(), Guarded: func(context.Context) error {
		if broken.Load() {
			return errors.New("open /secret/place/guard.db: no such file")
		}
		return nil
	}})
	c := visitor(t, s)
	if a := c.get("/healthz"); a.status != http.StatusOK || string(a.body) != "alive\n" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if got := into[wire.Ready](t, c.get("/readyz")); !got.Ready || got.Checks["guard"] != "ok" || got.Checks["database"] != "ok" || got.Checks["media"] != "ok" {
		t.Errorf("%+v", got)
	}
	broken.Store(true)
	a := c.get("/readyz")
	var got wire.Ready
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusServiceUnavailable || got.Ready || got.Checks["database"] != "ok" || got.Checks["guard"] == "ok" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if bytes.Contains(a.body, []byte("/secret/place")) || !strings.Contains(j.String(), "/secret/place") {
		t.Error("the cause belongs in the log, and only there")
	}
	if a := c.get("/healthz"); a.status != http.StatusOK {
		t.Errorf("%d", a.status)
	}
}

// A connection that was opened and never used does not hold up a stopping server.
func TestStopBesideSilentConnections(t *testing.T) {
	s := servertest.Start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	visitor(t, s).get("/healthz") // accepted after the silent one, so that one is being served
	s.Stop()                      // reports an error where requests had to be cut off
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the silent connection is still open: %v", err)
	}
}

// Every answer carries the same protection.
func TestHeaders(t *testing.T) {
	s := servertest.Start(t)
	for _, path := range []string{"/healthz", "/v1/me", "/nothing", "/v1/log/checkpoint"} {
		h := visitor(t, s).get(path).header
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if h.Get("X-Request-Id") == "" || h.Get("Server") != "" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

// busyDay uses the server in all ways and gives every secret that was about.
func busyDay(t *testing.T, s *servertest.Server) (secrets map[string]string) {
	c := visitor(t, s)
	d := s.AddDevice()
	tokens := c.signIn(d)
	p := s.AddPerson(s.Org, event.RoleAdmin)
	person := c.signInPerson(p)
	_, code := s.Person("Li Wei", s.Org)
	const wrong, inJSON = "a wrong password of mine", "password-inside-bad-json"
	c.post("/v1/auth/login", wire.Login{Login: loginOf(p), Password: wrong})
	post := func(path, body string) {
		c.send(http.MethodPost, path, strings.NewReader(body), "Content-Type", "application/json")
	}
	for _, bad := range []string{`{"login":"x","password":"` + inJSON, `{"login":"x","password":["` + inJSON + `"]}`, `{"password":"` + inJSON + `","password":"` + inJSON + `"}`,
		`{"login":7,"password":"` + inJSON + `"}`, `"` + inJSON + `"`, inJSON} {
		post("/v1/auth/login", bad)
		post("/v1/auth/refresh", strings.ReplaceAll(bad, "password", "refresh_token"))
	}
	c.post("/v1/enrol", enrolment(t, newKey(t), code, nil))
	c.post("/v1/enrol", enrolment(t, newKey(t), code, nil))
	unused := s.Code(p)
	c.post("/v1/enrol", enrolment(t, newKey(t), unused, func(s *wire.EnrolStatement) { s.Time = "x" }))
	next := into[wire.Tokens](t, c.post("/v1/auth/refresh", wire.Refresh{RefreshToken: person.RefreshToken}))
	s.Age(person.RefreshToken, time.Hour)
	c.refused("reuse", c.post("/v1/auth/refresh", wire.Refresh{RefreshToken: person.RefreshToken}), wire.CodeReuse)
	c.post("/v1/auth/logout", wire.Refresh{RefreshToken: tokens.RefreshToken, Everywhere: true})
	ch := into[wire.Challenge](t, c.post("/v1/auth/challenge", struct{}{}))
	c.post("/v1/auth/device", wire.DeviceLogin{Envelope: statement(t, newKey(t), wire.AuthStatement{Nonce: ch.Nonce, Audience: ch.Audience, Device: d.ID.String(), Time: string(event.StampOf(time.Now()))})})
	c.as(tokens.AccessToken + "x").get("/v1/me")
	c.get("/v1/me?access_token=" + tokens.AccessToken)
	c.get("/v1/" + tokens.AccessToken)
	for _, spoiled := range []string{"Content-Length: abc", "Broken header\r\n: x", "X: " + strings.Repeat("x", 200_000)} {
		if _, err := c.raw("GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + tokens.AccessToken + "\r\n" + spoiled + "\r\n\r\n"); err != nil {
			t.Errorf("%.30s: %v", spoiled, err)
		}
	}
	c.as(tokens.AccessToken).get("/v1/items?q=" + d.ID.String())
	c.as(tokens.AccessToken).batch(d.Genesis(), []byte("no envelope"))
	c.as(tokens.AccessToken).get("/v1/devices/" + d.ID.String() + "/head")
	c.as(person.AccessToken).get("/v1/quarantine")
	return map[string]string{"device token": tokens.AccessToken, "device refresh token": tokens.RefreshToken, "person token": person.AccessToken, "refresh token": person.RefreshToken,
		"next refresh token": next.RefreshToken, "password": goodPassword, "wrong password": wrong, "password in bad JSON": inJSON, "code": code, "unused code": unused, "nonce": ch.Nonce,
		"token signature": tokens.AccessToken[strings.LastIndex(tokens.AccessToken, ".")+1:]}
}

// What lets anyone in is never written down; who did what is counted without names.
func TestSecretsStayOutOfLogsAndMetrics(t *testing.T) {
	var j journal
	s := servertest.StartWith(t, servertest.Options{Log: j.logger()})
	secrets := busyDay(t, s)
	metrics := string(visitor(t, s).get("/metrics").body)
	log := j.String()
	if strings.Count(log, `"msg":"request"`) < 25 || strings.Count(log, `"msg":"request refused"`) < 10 {
		t.Fatalf("the log has too little in it to be searched:\n%s", log)
	}
	for name, secret := range secrets {
		if len(secret) < 10 {
			t.Fatalf("%s: %q", name, secret)
		}
		for where, text := range map[string]string{"log": log, "metrics": metrics} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("the %s is in the %s: …%.200s", name, where, text[max(i-100, 0):])
			}
		}
	}
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-f]{32}|login-|Li Wei`)
	for line := range strings.Lines(metrics) {
		if id.MatchString(line) {
			t.Errorf("a label identifies someone: %s", line)
		}
	}
	for _, want := range []string{`fieldseal_events_total{code="",status="accepted"} 1`, `fieldseal_logins_total{outcome="refused",way="password"} 1`, `fieldseal_logins_total{outcome="admitted",way="enrol"} 1`,
		`route="/v1/devices/:id/head",status="200"`, `route="none",status="404"`, "fieldseal_ledger_size "} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
}
