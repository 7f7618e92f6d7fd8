package servers

import (
	"errors"
	"fmt"
	"net/http"

	"fieldseal/api/wire"
	"fieldseal/mobile-contract/conformance"
	"fieldseal/sync/event"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

func revoking() []rule {
	var c *peer
	var before []*sealed
	return []rule{
		{"revoked.deposit", "a revoked device signs in to deposit and reads nothing", func(r *run) (err error) {
			if c, before, err = r.revokeThird(); err != nil {
				return err
			}
			return c.depositsOnly()
		}},
		{"revoked.events", "what it sealed is kept in quarantine; what was accepted before stays", func(r *run) error {
			if c == nil || c.token == "" {
				return conformance.Untried("no revoked device is at hand; revoked.deposit says why")
			}
			x, err := c.next(&event.NoteWritten{Text: "after the revocation"})
			if err != nil {
				return err
			}
			bad := quarantine(x.line, x.id, reconcile.CodeRevokedKey)
			if _, err := c.hand(append(dups(before), bad)...); err != nil {
				return err
			}
			_, err = c.hand(bad)
			return err
		}},
	}
}

// revokeThird enrols a third device, lets it begin a chain, and has its key revoked.
func (r *run) revokeThird() (*peer, []*sealed, error) {
	if r.o.Revoke == nil || len(r.o.Codes) < minCodes+1 {
		return nil, nil, conformance.Untried("it needs a third code and a way to revoke its device")
	}
	key, err := seal.GenerateKey()
	if err != nil {
		return nil, nil, err
	}
	c, err := r.enrolPeer(r.o.Codes[minCodes], key)
	if err != nil {
		return nil, nil, err
	}
	if _, err := c.signIn(); err != nil {
		return nil, nil, err
	}
	if err := c.begin(); err != nil {
		return nil, nil, err
	}
	before, err := c.notes(2, "before the revocation")
	if err != nil {
		return nil, nil, err
	}
	if _, err := c.hand(oks(before)...); err != nil {
		return nil, nil, err
	}
	if err := r.o.Revoke(r.ctx, c.id, key.Public().ID()); err != nil {
		return nil, nil, conformance.Untried("revoking failed: %v", err)
	}
	return c, before, nil
}

func (p *peer) depositsOnly() error {
	t, err := p.signIn()
	if err != nil {
		return err
	}
	if t.Scope != "deposit" || t.RefreshToken != "" {
		return fmt.Errorf("the scope is %q, a refresh token was given: %v; want deposit and none", t.Scope, t.RefreshToken != "")
	}
	q := request{method: http.MethodGet, path: "/v1/changes", header: map[string]string{"Authorization": "Bearer " + p.token}}
	rep, err := p.r.http.do(p.r.ctx, q)
	if err != nil {
		return err
	}
	return rep.refused(q, wire.CodeForbidden)
}

func form() []rule {
	return []rule{{"errors.form", "every error answer of this run is an Error with a code of the contract, its status, and a message", func(r *run) error {
		if r.http.errors == 0 {
			return errors.New("no request of this run was refused, though some had to be")
		}
		var faults []error
		for _, c := range r.http.complaints {
			faults = append(faults, errors.New(c))
		}
		return errors.Join(faults...)
	}}}
}
