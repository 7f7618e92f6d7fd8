package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode"

	"fieldseal/api/access"
	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// statementSkew is how far the time in a sealed statement may be from the server's:
// generous, since the statement rests on a fresh nonce or code and field clocks drift.
const statementSkew = 7 * 24 * time.Hour

// maxDeviceText caps what a device says of itself: it goes on record for good.
const maxDeviceText = 200

func (s *Server) postLogin(c *fiber.Ctx) error {
	var in wire.Login
	if err := readJSON(c, &in); err != nil {
		return err
	}
	person, err := s.checkLogin(c, in.Login, in.Password)
	if err != nil {
		return err
	}
	return s.openSession(c, access.Identity{Person: person, Scope: access.ScopeFull})
}

func (s *Server) openSession(c *fiber.Ctx, id access.Identity) error {
	refresh, id, err := s.book.Open(c.UserContext(), id)
	if err != nil {
		return err
	}
	return s.answerTokens(c, id, refresh)
}

func (s *Server) answerTokens(c *fiber.Ctx, id access.Identity, refresh string) error {
	token, err := s.minter.Mint(id)
	if err != nil {
		return err
	}
	return c.JSON(wire.Tokens{AccessToken: token, TokenType: "Bearer", ExpiresIn: int64(access.AccessLife.Seconds()), RefreshToken: refresh, Scope: string(id.Scope)})
}

func (s *Server) postRefresh(c *fiber.Ctx) error {
	var in wire.Refresh
	if err := readJSON(c, &in); err != nil {
		return err
	}
	next, id, err := s.book.Refresh(c.UserContext(), in.RefreshToken)
	s.metrics.login("refresh", err)
	if err != nil {
		return err
	}
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error { return admitted(tx, &id) })
	if err != nil {
		return err
	}
	if id.Scope == access.ScopeDeposit {
		next = "" // it signs in anew each time, as after postDevice
	}
	return s.answerTokens(c, id, next)
}

// admitted checks that the person still may sign in, and lowers the scope of a revoked device.
func admitted(tx *store.Tx, id *access.Identity) error {
	p, found, err := projection.PersonByID(tx, id.Person)
	if err != nil {
		return err
	}
	if !found || p.Disabled {
		return access.ErrDenied
	}
	if id.Device.IsZero() {
		return nil
	}
	d, found, err := projection.DeviceByID(tx, id.Device)
	if err != nil {
		return err
	}
	if !found {
		return access.ErrDenied
	}
	if !d.Good() {
		id.Scope = access.ScopeDeposit
	}
	return nil
}

func (s *Server) postLogout(c *fiber.Ctx) error {
	var in wire.Refresh
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := s.book.Close(c.UserContext(), in.RefreshToken, in.Everywhere); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) postChallenge(c *fiber.Ctx) error {
	nonce, err := s.book.Challenge(c.UserContext())
	if err != nil {
		return err
	}
	return c.JSON(wire.Challenge{Nonce: nonce, Audience: s.cfg.Audience, ExpiresIn: int64(access.ChallengeLife.Seconds())})
}

// postDevice signs a device in: its enrolled key has sealed our nonce. A disabled
// person's or revoked device's token may only deposit: what it holds must not be lost.
func (s *Server) postDevice(c *fiber.Ctx) error {
	var in wire.DeviceLogin
	if err := readJSON(c, &in); err != nil {
		return err
	}
	id, err := s.checkDevice(c, in)
	s.metrics.login("device", err)
	if err != nil {
		return err
	}
	if id.Scope == access.ScopeDeposit {
		id.Family = "deposit"
		return s.answerTokens(c, id, "")
	}
	return s.openSession(c, id)
}

func (s *Server) checkDevice(c *fiber.Ctx, in wire.DeviceLogin) (id access.Identity, err error) {
	env, err := seal.ParseEnvelope([]byte(in.Envelope))
	if err != nil || env.PayloadType != wire.AuthPayloadType || len(env.Signatures) != 1 {
		return id, fault.New(wire.CodeBadRequest, "The envelope is not a DSSE line of %s with one signature.", wire.AuthPayloadType).Because(err)
	}
	var st wire.AuthStatement
	if err := json.Unmarshal(env.Payload, &st, json.RejectUnknownMembers(true)); err != nil {
		return id, fault.New(wire.CodeBadRequest, "The sealed statement is not an AuthStatement.").Because(err)
	}
	device, err := event.ParseUUID(st.Device)
	if err != nil || st.Audience != s.cfg.Audience || !s.near(st.Time) {
		return id, fault.New(wire.CodeUnauthenticated, "The statement is for another service, or its time is more than a week from ours. Ask for a new challenge and check the device's clock.").Because(err)
	}
	var d projection.Device
	var p projection.Person
	var found bool
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) (err error) {
		if d, found, err = projection.DeviceByID(tx, device); err != nil || !found {
			return err
		}
		p, _, err = projection.PersonByID(tx, d.Person)
		return err
	})
	if err != nil {
		return id, err
	}
	if !found || env.Signatures[0].KeyID != d.Key.ID() || !d.Key.Check(seal.PAE(env.PayloadType, env.Payload), env.Signatures[0].Sig) {
		return id, access.ErrDenied
	}
	if err := s.book.Spend(c.UserContext(), st.Nonce, device); err != nil {
		return id, err
	}
	id = access.Identity{Person: d.Person, Device: device, Scope: access.ScopeFull}
	if !d.Good() || p.Disabled {
		id.Scope = access.ScopeDeposit
	}
	return id, nil
}

func (s *Server) near(stamp string) bool {
	t, err := event.Stamp(stamp).At()
	return err == nil && s.now().Sub(t).Abs() <= statementSkew
}

// postEnrol binds a new key to the person that a one-time code was issued for. The
// code is spent for this key first; a repeat with the same key finds the same
// device, whether or not the enrolment got as far as the ledger before.
func (s *Server) postEnrol(c *fiber.Ctx) error {
	var in wire.Enrol
	if err := readJSON(c, &in); err != nil {
		return err
	}
	for _, text := range []string{in.Model, in.App} {
		if len(text) > maxDeviceText || strings.ContainsFunc(text, unicode.IsControl) {
			return fault.New(wire.CodeBadRequest, "model and app are short texts of one line, at most %d bytes each.", maxDeviceText)
		}
	}
	key, err := s.checkPossession(in)
	if err != nil {
		return err
	}
	enrolled, err := s.enrolledWith(c.UserContext(), key.ID(), in.Code)
	if err != nil {
		return err
	}
	person, device, err := s.book.SpendCode(c.UserContext(), in.Code, key.ID())
	s.metrics.login("enrol", err)
	if err != nil {
		return err
	}
	if !enrolled {
		if err := s.enrol(c.UserContext(), in, key, person, device); err != nil {
			return err
		}
	}
	return s.answerEnrolled(c, device)
}

// enrolledWith reports whether the key is enrolled by this very code. A key that
// is enrolled by another one is refused before the code is spent on it.
func (s *Server) enrolledWith(ctx context.Context, key seal.KeyID, code string) (enrolled bool, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		d, found, err := projection.DeviceByID(tx, access.DeviceID(key))
		if err != nil || !found {
			return err
		}
		row, found, err := tx.EventAt(d.EnrolledIndex)
		if err != nil || !found {
			return errors.Join(err, errors.New("the enrolment is not in the log"))
		}
		body, err := bodyOf(row)
		if err != nil {
			return err
		}
		b, ok := body.(*event.DeviceEnrolled)
		if enrolled = ok && b.Code == sha256.Sum256([]byte(code)); !enrolled {
			return fault.New(wire.CodeConflict, "This key is enrolled already, by another code. The code that was sent is not spent: enrol with a new key.")
		}
		return nil
	})
	return enrolled, err
}

func (s *Server) enrol(ctx context.Context, in wire.Enrol, key seal.PublicKey, person, device event.UUID) error {
	var p projection.Person
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		p, _, err = projection.PersonByID(tx, person)
		return err
	})
	if err != nil {
		return err
	}
	if p.Disabled {
		return access.ErrDenied
	}
	_, err = s.engine.Author(ctx, ingest.Draft{Body: &event.DeviceEnrolled{Device: device, Key: key.Info(), Person: person, Org: p.Org,
		Model: in.Model, App: in.App, Code: sha256.Sum256([]byte(in.Code)), Proof: []byte(in.Proof)}})
	switch {
	case errors.Is(err, ingest.ErrConflict): // the same request, sent twice at once?
		if again, other := s.enrolledWith(ctx, key.ID(), in.Code); again || other != nil {
			return other
		}
	case errors.Is(err, event.ErrInvalid), errors.Is(err, event.ErrMalformed):
		return fault.New(wire.CodeBadRequest, "The enrolment cannot be put on record as it is; its texts are not usable. The code stays good for this key.").Because(err)
	}
	return err
}

func (s *Server) checkPossession(in wire.Enrol) (seal.PublicKey, error) {
	spki, err := base64.StdEncoding.Strict().DecodeString(in.Key.SPKI)
	if err != nil {
		return seal.PublicKey{}, fault.New(wire.CodeBadRequest, "key.spki is not standard base64.").Because(err)
	}
	key, err := seal.ParsePublicKey(event.Algorithm(in.Key.Alg), spki)
	if err != nil || key.ID().String() != in.Key.ID {
		return key, fault.New(wire.CodeBadRequest, "key is not a P-256 or Ed25519 public key under its own id (SHA-256 of its DER SubjectPublicKeyInfo).").Because(err)
	}
	env, err := seal.ParseEnvelope([]byte(in.Proof))
	if err != nil || env.PayloadType != wire.EnrolPayloadType || len(env.Signatures) != 1 {
		return key, fault.New(wire.CodeBadRequest, "proof is not a DSSE line of %s with one signature.", wire.EnrolPayloadType).Because(err)
	}
	var st wire.EnrolStatement
	if err := json.Unmarshal(env.Payload, &st, json.RejectUnknownMembers(true)); err != nil {
		return key, fault.New(wire.CodeBadRequest, "The sealed statement is not an EnrolStatement.").Because(err)
	}
	code := sha256.Sum256([]byte(in.Code))
	if st.CodeSHA256 != hex.EncodeToString(code[:]) || st.Key != in.Key.ID || !s.near(st.Time) ||
		env.Signatures[0].KeyID != key.ID() || !key.Check(seal.PAE(env.PayloadType, env.Payload), env.Signatures[0].Sig) {
		return key, fault.New(wire.CodeUnauthenticated, "The proof of possession is not by this key for this code, or its time is more than a week from ours.")
	}
	return key, nil
}

func (s *Server) answerEnrolled(c *fiber.Ctx, device event.UUID) error {
	var out wire.Enrolled
	err := s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		d, found, err := projection.DeviceByID(tx, device)
		if err != nil || !found {
			return errors.Join(err, errors.New("the device just enrolled is not in the read model"))
		}
		p, _, err := projection.PersonByID(tx, d.Person)
		if err != nil {
			return err
		}
		o, _, err := projection.OrgByID(tx, d.Org)
		if err != nil {
			return err
		}
		e, found, err := tx.EventAt(d.EnrolledIndex)
		if err != nil || !found {
			return errors.Join(err, errors.New("the enrolment is not in the log"))
		}
		genesis, found, err := tx.EventAt(0)
		if err != nil || !found {
			return errors.Join(err, errors.New("the log has no genesis"))
		}
		out = wire.Enrolled{Device: device.String(), Person: d.Person.String(), PersonName: p.Name, Org: d.Org.String(), OrgName: o.Name,
			Enrolment: string(e.Line), EnrolmentID: e.ID.String(), EnrolmentIndex: e.Index, Authority: string(genesis.Line)}
		return nil
	})
	if err != nil {
		return err
	}
	if out.Checkpoint, err = s.engine.Checkpoint(c.UserContext()); err != nil {
		return err
	}
	return c.JSON(out)
}

func (s *Server) getMe(c *fiber.Ctx) error {
	id := identity(c)
	p, err := s.person(c)
	if err != nil {
		return err
	}
	out := wire.Me{Person: p.ID.String(), Name: p.Name, Org: p.Org.String(), Scope: string(id.Scope), Roles: []string{}}
	for _, r := range p.Roles {
		out.Roles = append(out.Roles, string(r))
	}
	if !id.Device.IsZero() {
		out.Device = id.Device.String()
	}
	return c.JSON(out)
}

// person is the one who asks, read anew at each request so that a disabled person is out at once.
func (s *Server) person(c *fiber.Ctx) (p projection.Person, err error) {
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) (err error) {
		p, err = personOf(tx, identity(c))
		return err
	})
	return p, err
}

func personOf(tx *store.Tx, id access.Identity) (projection.Person, error) {
	p, found, err := projection.PersonByID(tx, id.Person)
	if err == nil && (!found || p.Disabled) {
		err = access.ErrToken
	}
	return p, err
}
