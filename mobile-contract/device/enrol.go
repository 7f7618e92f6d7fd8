package device

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// EnrolRequest is what an enrolment needs.
type EnrolRequest struct {
	Client *Client
	// Code is the one-time code that an administrator made for the person.
	Code string
	// Authority is the authority's fingerprint (its key id) as the person was told it
	// by other means; zero to believe the first answer.
	Authority seal.KeyID
}

// Enrol makes the device's key, proves its possession, verifies the answer, pins
// the authority and its log, and seals device.genesis as event 1, all of which is
// durable when it returns. It can be repeated with the same code after a lost
// answer. Errors: ErrEnrolled, ErrTrust, ErrOffline, ErrRefused, ErrKeyFile.
func (s *Store) Enrol(ctx context.Context, req EnrolRequest) (*Identity, error) {
	if _, err := s.Identity(ctx); err == nil {
		return nil, ErrEnrolled
	} else if !errors.Is(err, ErrNotEnrolled) {
		return nil, err
	}
	req.Code = strings.TrimSpace(req.Code)
	if req.Code == "" {
		return nil, inputf("the one-time code is empty")
	}
	g, ref, err := s.makeSigner()
	if err != nil {
		return nil, err
	}
	proof, err := s.enrolProof(ctx, req, g, ref)
	if err != nil {
		return nil, err
	}
	// What the server calls itself is pinned at the same moment as its keys.
	var ch wire.Challenge
	if _, err := req.Client.json(ctx, call{method: http.MethodPost, path: "/v1/auth/challenge", anonymous: true}, &ch); err != nil {
		return nil, err
	}
	var answer wire.Enrolled
	info := g.Public.Info()
	_, err = req.Client.json(ctx, call{method: http.MethodPost, path: "/v1/enrol", anonymous: true}.with(wire.Enrol{
		Code: req.Code, Model: s.opts.Model, App: s.opts.App, Proof: string(proof),
		Key: wire.Key{ID: info.ID.String(), Alg: string(info.Alg), SPKI: base64.StdEncoding.EncodeToString(info.SPKI)},
	}), &answer)
	if err != nil {
		return nil, err
	}
	id, cp, lines, err := s.checkEnrolled(req, g, proof, &answer)
	if err != nil {
		return nil, err
	}
	id.KeyRef = ref
	if err := s.saveEnrolled(ctx, id, cp, lines, g, ch.Audience); err != nil {
		return nil, err
	}
	return s.Identity(ctx)
}

// enrolProof gives the proof of possession, the one of an interrupted enrolment
// with the same code and server where there is one.
func (s *Store) enrolProof(ctx context.Context, req EnrolRequest, g *Signer, ref string) ([]byte, error) {
	code := sha256.Sum256([]byte(req.Code))
	var proof []byte
	err := s.write(ctx, func(t *tx) error {
		err := t.row(`SELECT proof FROM enrolling WHERE code_sha256 = $1 AND server = $2 AND key_ref = $3`,
			code[:], req.Client.Server(), ref).Scan(&proof)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		payload, err := json.Marshal(wire.EnrolStatement{CodeSHA256: event.Digest(code).String(),
			Key: g.Public.ID().String(), Nonce: randomHex(), Time: string(s.clock().Wall)})
		if err != nil {
			return err
		}
		if proof, err = g.seal(wire.EnrolPayloadType, payload); err != nil {
			return err
		}
		return t.exec(`INSERT INTO enrolling (one, server, code_sha256, key_ref, proof, started) VALUES (1, $1, $2, $3, $4, $5)
			ON CONFLICT (one) DO UPDATE SET server = excluded.server, code_sha256 = excluded.code_sha256,
			key_ref = excluded.key_ref, proof = excluded.proof, started = excluded.started`,
			req.Client.Server(), code[:], ref, proof, t.stamp())
	})
	return proof, err
}

// checkEnrolled verifies every statement of the answer. The error wraps ErrTrust
// where the answer cannot be believed.
func (s *Store) checkEnrolled(req EnrolRequest, g *Signer, proof []byte, a *wire.Enrolled) (*Identity, *checkpoint, []*seal.Verified, error) {
	fail := func(format string, args ...any) (*Identity, *checkpoint, []*seal.Verified, error) {
		return nil, nil, nil, fmt.Errorf("%w: "+format+"; nothing was enrolled on this device", append([]any{ErrTrust}, args...)...)
	}
	genesis, gb, err := checkAuthority([]byte(a.Authority))
	if err != nil {
		return fail("its authority: %w", err)
	}
	authorityKey, err := seal.ParseKeyInfo(gb.Key)
	if err != nil {
		return fail("the authority's key: %w", err)
	}
	if !req.Authority.IsZero() && authorityKey.ID() != req.Authority {
		return fail("its authority's fingerprint is %s, expected is %s", authorityKey.ID(), req.Authority)
	}
	authority := genesis.Payload().Device
	v, refusal, err := seal.Verify([]byte(a.Enrolment), oneKey{authority, authorityKey})
	if err != nil {
		return nil, nil, nil, err
	}
	if refusal != nil {
		return fail("the enrolment does not verify with the authority's key: %w", refusal)
	}
	b, ok := v.Body().(*event.DeviceEnrolled)
	if !ok {
		return fail("what it calls the enrolment is a %s", v.Payload().Type)
	}
	switch {
	case b.Key.ID != g.Public.Info().ID || string(b.Key.SPKI) != string(g.Public.SPKI()):
		return fail("the enrolment names key %s, this device's is %s", b.Key.ID, g.Public.ID())
	case b.Code != sha256.Sum256([]byte(req.Code)):
		return fail("the enrolment is for another one-time code")
	case string(b.Proof) != string(proof):
		return fail("the enrolment does not carry this device's proof of possession")
	case b.Device.String() != a.Device || b.Person.String() != a.Person || b.Org.String() != a.Org || v.ID().String() != a.EnrolmentID:
		return fail("the answer and the sealed enrolment name different devices, persons or organisations")
	case a.EnrolmentIndex < 0 || b.Device == authority:
		return fail("the enrolment is not one of a device")
	}
	id := &Identity{Device: b.Device, Person: b.Person, PersonName: a.PersonName, Org: b.Org, OrgName: a.OrgName,
		Key: g.Public, Model: s.opts.Model, App: s.opts.App, Server: req.Client.Server(), Enrolment: v.ID(),
		EnrolmentIndex: a.EnrolmentIndex, Authority: authority, AuthorityName: gb.Name, AuthorityKey: authorityKey,
		AuthorityLine: []byte(a.Authority), LogOrigin: gb.LogOrigin, LogKey: gb.LogKey}
	if id.verifier, err = ledger.ParseVerifier(gb.LogKey); err != nil || id.verifier.Name() != gb.LogOrigin {
		return fail("the log's key %q is not one of the log %q", gb.LogKey, gb.LogOrigin)
	}
	cp, err := id.parseCheckpoint([]byte(a.Checkpoint))
	if err != nil {
		return fail("the checkpoint: %w", err)
	}
	if cp.size <= a.EnrolmentIndex {
		return fail("the checkpoint of %d entries does not cover the enrolment, entry %d", cp.size, a.EnrolmentIndex)
	}
	return id, cp, []*seal.Verified{genesis, v}, nil
}

// checkAuthority verifies an authority.genesis with the key that it states itself.
func checkAuthority(line []byte) (*seal.Verified, *event.AuthorityGenesis, error) {
	env, err := seal.ParseEnvelope(line)
	if err != nil {
		return nil, nil, err
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return nil, nil, err
	}
	body, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		return nil, nil, err
	}
	b, ok := body.(*event.AuthorityGenesis)
	if !ok {
		return nil, nil, fmt.Errorf("it is a %s", p.Type)
	}
	key, err := seal.ParseKeyInfo(b.Key)
	if err != nil {
		return nil, nil, err
	}
	v, refusal, err := seal.Verify(line, oneKey{p.Device, key})
	if refusal != nil {
		return nil, nil, refusal
	}
	return v, b, err
}

// saveEnrolled makes the identity, the first checkpoint and the genesis durable together.
func (s *Store) saveEnrolled(ctx context.Context, id *Identity, cp *checkpoint, lines []*seal.Verified, g *Signer, audience string) error {
	return s.write(ctx, func(t *tx) error {
		var n int
		if err := t.row(`SELECT count(*) FROM identity`).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ErrEnrolled // another process was quicker
		}
		id.Enrolled = t.stamp()
		if err := saveIdentity(t, id); err != nil {
			return err
		}
		if err := t.set(setAudience, audience); err != nil {
			return err
		}
		if err := putCheckpoint(t, cp, cpLinked); err != nil {
			return err
		}
		for _, v := range lines {
			if err := putVerified(t, id, v, nil); err != nil {
				return err
			}
		}
		c, err := s.openChain(t, id, g)
		if err != nil {
			return err
		}
		_, err = c.seal(event.TypeDeviceGenesis, Draft{Actor: id.Person, Body: &event.DeviceGenesis{Enrolment: id.Enrolment,
			Key: event.Digest(id.Key.ID()), Origin: id.LogOrigin, Model: id.Model, App: id.App}}, s.clock())
		if err != nil {
			return err
		}
		return t.exec(`DELETE FROM enrolling`)
	})
}
