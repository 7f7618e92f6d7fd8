package server

import (
	"context"
	"errors"
	"math"
	"strings"

	"fieldseal/api/access"
	"fieldseal/api/console"
	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/source"
	"fieldseal/sync/certificate"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// newConsole makes the desks on this server's parts.
func (s *Server) newConsole(slow fiber.Handler) (*console.Console, error) {
	return console.New(console.Parts{
		Engine: s.engine, Store: s.store, Blobs: s.blobs, Book: s.book, Log: s.log, Now: s.now, Audience: s.cfg.Audience,
		SignIn: s.checkLogin, Slow: slow, ReadBody: readBody, RequestID: requestID,
		Record: s.judge,
		Court:  console.Court{Export: s.Export, Certify: s.Certify, Fonts: s.cfg.Fonts, Verifier: s.cfg.Verifier},
	})
}

// Certify gathers what a certificate of a case states, as of the newest checkpoint
// that a quorum of the witnesses of this ledger has cosigned.
func (s *Server) Certify(ctx context.Context, o certificate.Options) (in certificate.Input, err error) {
	if s.cfg.Witnesses != nil {
		o.Witnesses, o.Quorum = s.cfg.Witnesses.Keys()
	}
	former, done, err := s.former(ctx, bundle.Options{Case: o.Case, WithoutMedia: true})
	if err != nil {
		return in, err
	}
	o.Former = former
	in, err = certificate.Gather(ctx, source.NewAt(s.engine, s.store, s.blobs, s.witnessedNote(ctx, o.ID)), o)
	return in, errors.Join(err, done())
}

// checkLogin admits a person by login and password.
func (s *Server) checkLogin(c *fiber.Ctx, login, password string) (event.UUID, error) {
	var person projection.Person
	err := s.store.Read(c.UserContext(), func(tx *store.Tx) (err error) {
		var found bool
		if person, found, err = projection.PersonByLogin(tx, login); err == nil && !found {
			person.ID = access.Stranger(login)
		}
		return err
	})
	if err != nil {
		return person.ID, err
	}
	err = s.book.CheckPassword(c.UserContext(), person.ID, password)
	if err == nil && person.Disabled {
		err = access.ErrDenied
	}
	s.metrics.login("password", err)
	var locked *access.LockedError
	if errors.As(err, &locked) {
		f := fault.New(wire.CodeRateLimited, "Too many wrong passwords for this login. It is locked for a while; try again later.").Because(err)
		f.RetryAfter = int(math.Ceil(locked.For.Seconds()))
		return person.ID, f
	}
	return person.ID, err
}

// looked records that a person is about to be shown something: before it leaves, or
// it does not leave. What a device fetches for its work is in nobody's eyes yet.
func (s *Server) looked(c *fiber.Ctx, id access.Identity, kind string, in event.UUID, ref string) error {
	if !id.Device.IsZero() {
		return nil
	}
	return s.book.Looked(c.UserContext(), access.Look{Request: requestID(c), Person: id.Person, Kind: kind, Case: in, Ref: ref})
}

// shown records what a route of one case, or one thing, shows.
func (s *Server) shown(kind string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ref := c.Params("id")
		if ref == "" {
			ref = c.Params("index")
		}
		in := event.UUID{}
		if strings.HasPrefix(c.Route().Path, "/v1/cases/") {
			in, _ = event.ParseUUID(ref) // what is no identifier is refused by the handler
		}
		if err := s.looked(c, identity(c), kind, in, ref[:min(len(ref), maxRef)]); err != nil {
			return err
		}
		return c.Next()
	}
}

// maxRef is the longest reference there is: a digest in hex.
const maxRef = 64
