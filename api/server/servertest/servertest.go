// Package servertest runs the real server in the test's own process, on a real
// address, for tests of devices: nothing in it is a stand-in.
package servertest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/console/checker"
	"fieldseal/api/server"
	"fieldseal/sync/blob"
	"fieldseal/sync/certificate"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/store"
	"fieldseal/sync/thumbnail"
	"fieldseal/sync/witness/collect"
)

// codeLife is how long a one-time code of a test lives.
const codeLife = time.Hour

// Server is a running server and the world behind it.
type Server struct {
	*ingesttest.World
	URL   string
	Blobs *blob.Files
	// Book keeps the passwords, codes and sessions, Minter makes the access tokens,
	// HTTP is what answers.
	Book    *access.Book
	Minter  *access.Minter
	HTTP    *server.Server
	options Options
	stop    func()
}

// Options change what a server is started with; the zero value is the usual one.
type Options struct {
	// Log is what the server logs to; nothing where nil.
	Log *slog.Logger
	// Guarded stands for the check of the checkpoint guard; it passes where nil.
	Guarded func(context.Context) error
	// Proxied says that the test's client is a reverse proxy.
	Proxied bool
	// Witnesses makes what collects cosignatures for the world's log; none where nil.
	Witnesses func(*ingesttest.World) *collect.Collector
	// Verifier is the verifier for browsers; none where nil.
	Verifier *checker.Files
}

// Start runs a server with one organisation until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is Start with options.
func StartWith(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Guarded == nil {
		o.Guarded = func(context.Context) error { return nil }
	}
	return on(t, ingesttest.New(t), o)
}

func on(t testing.TB, w *ingesttest.World, o Options) *Server {
	t.Helper()
	s := &Server{World: w, options: o}
	hasher, err := access.NewHasher()
	if err != nil {
		t.Fatal(err)
	}
	s.Book = &access.Book{Store: s.Store, Hasher: hasher}
	if s.Blobs, err = blob.OpenFiles(blob.FilesConfig{Dir: filepath.Join(t.TempDir(), "media")}); err != nil {
		t.Fatal(err)
	}
	s.serve(t)
	return s
}

func (s *Server) serve(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.URL = "http://" + l.Addr().String()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	thumbs, err := thumbnail.Open(thumbnail.Config{Dir: t.TempDir(), Content: s.Blobs, Failed: func(err error) { t.Log("thumbnail:", err) }})
	if err != nil {
		t.Fatal(err)
	}
	s.Minter = access.NewMinter(key, s.URL, time.Now)
	cfg := server.Config{Audience: s.URL, Version: "test", Proxied: s.options.Proxied, Guarded: s.options.Guarded, Verifier: s.options.Verifier}
	if cfg.Fonts, err = certificate.OpenFonts(""); err != nil {
		t.Fatal(err)
	}
	if s.options.Witnesses != nil {
		cfg.Witnesses = s.options.Witnesses(s.World)
	}
	srv, err := server.New(cfg,
		server.Parts{Engine: s.Engine, Store: s.Store, Blobs: s.Blobs, Thumbnails: thumbs, Book: s.Book,
			Minter: s.Minter, Log: s.options.Log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.HTTP = srv
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, l) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		thumbs.Close()
		s.stop = func() {}
	}
	t.Cleanup(func() { s.stop() })
}

// Stop ends the server as if its machine were gone from the network.
func (s *Server) Stop() { s.stop() }

// Person registers a person under a name and gives a one-time code for a device.
func (s *Server) Person(name string, org event.UUID, roles ...event.Role) (person event.UUID, code string) {
	s.T.Helper()
	person = s.ID()
	if len(roles) == 0 {
		roles = []event.Role{event.RoleInspector}
	}
	s.Author(ingest.Draft{Body: &event.PersonRegistered{Person: person, Org: org, Name: name, Login: "login-" + person.String()[24:],
		Roles: roles, CredentialNo: "C-" + person.String()[24:28], CredentialUntil: "2099-01-01"}})
	return person, s.Code(person)
}

// Code gives one more one-time code for a person.
func (s *Server) Code(person event.UUID) string {
	s.T.Helper()
	code, _, err := s.Book.IssueCode(context.Background(), person, person, codeLife)
	if err != nil {
		s.T.Fatal(err)
	}
	return code
}

// Labels reserves label numbers for a device.
func (s *Server) Labels(device event.UUID, prefix string, first, last int64) {
	s.T.Helper()
	s.Author(ingest.Draft{Body: &event.LabelBlock{Device: device, Prefix: prefix, First: first, Last: last}})
}

// Revoke revokes a device's key.
func (s *Server) Revoke(device event.UUID, key event.Digest, reason string) {
	s.T.Helper()
	s.Author(ingest.Draft{Body: &event.DeviceRevoked{Device: device, Key: key, Reason: reason}})
}

// Age makes a spent refresh token look as if it had been spent earlier.
func (s *Server) Age(refresh string, by time.Duration) {
	s.T.Helper()
	sha := sha256.Sum256([]byte(refresh))
	err := s.Store.Write(context.Background(), func(tx *store.Tx) error {
		n, err := tx.Exec(`UPDATE refresh_tokens SET spent = spent - $2 WHERE sha = $1 AND spent > 0`, sha[:], by.Microseconds())
		if err == nil && n != 1 {
			s.T.Errorf("%d spent tokens", n)
		}
		return err
	})
	if err != nil {
		s.T.Fatal(err)
	}
}

// AgeSessions makes a person's browser sessions look as if nothing had been asked for so long.
func (s *Server) AgeSessions(person event.UUID, by time.Duration) {
	s.T.Helper()
	err := s.Store.Write(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE sessions SET seen = seen - $2 WHERE person = $1`, store.Bytes(person), by.Microseconds())
		return err
	})
	if err != nil {
		s.T.Fatal(err)
	}
}

// Disable ends a person's access.
func (s *Server) Disable(person event.UUID) {
	s.T.Helper()
	s.Author(ingest.Draft{Body: &event.PersonRegistered{Person: person, Org: s.Org, Name: "gone", Login: "gone-" + person.String()[24:],
		Roles: []event.Role{event.RoleInspector}, Disabled: true}})
}
