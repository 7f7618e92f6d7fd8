package servers

import (
	"errors"
	"fmt"
	"net/http"

	"fieldseal/api/wire"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

func signingIn() []rule {
	return []rule{
		{"auth.device", "a device signs in with a challenge that its key seals", bothSignIn},
		{"auth.nonce-once", "a sealed sign-in is good once", replayedSignIn},
		{"auth.key", "a sign-in that another key sealed is refused", foreignSignIn},
		{"auth.audience", "a sign-in for another service is refused", otherAudience},
		{"auth.token", "without a token, or with one that was tampered with, nothing is taken and nothing read", badTokens},
		{"auth.refresh", "a refresh token is good for one use", refreshReuse},
	}
}

func bothSignIn(r *run) error {
	if r.a == nil || r.b == nil {
		return errNotEnrolled
	}
	for _, p := range []*peer{r.a, r.b} {
		t, err := p.signIn()
		if err != nil {
			return err
		}
		if t.Scope != "full" || t.RefreshToken == "" {
			return fmt.Errorf("scope %q, refresh token given: %v; want full and one", t.Scope, t.RefreshToken != "")
		}
	}
	return nil
}

func (r *run) postSignIn(st wire.DeviceLogin) (request, *reply, error) {
	data, err := json.Marshal(st)
	if err != nil {
		return request{}, nil, err
	}
	q := request{method: http.MethodPost, path: "/v1/auth/device", header: map[string]string{"Content-Type": "application/json"}, body: data}
	rep, err := r.http.do(r.ctx, q)
	return q, rep, err
}

// refusedSignIn posts a statement about a fresh challenge, which must be refused.
func (r *run) refusedSignIn(signer *seal.PrivateKey, change func(*wire.Challenge)) error {
	ch, err := r.challenge()
	if err != nil {
		return err
	}
	if change != nil {
		change(&ch)
	}
	st, err := r.a.statement(ch, signer)
	if err != nil {
		return err
	}
	q, rep, err := r.postSignIn(st)
	if err != nil {
		return err
	}
	return rep.refused(q, wire.CodeUnauthenticated)
}

func replayedSignIn(r *run) error {
	a, _, err := r.ready()
	if err != nil {
		return err
	}
	ch, err := r.challenge()
	if err != nil {
		return err
	}
	st, err := a.statement(ch, a.key)
	if err != nil {
		return err
	}
	q, rep, err := r.postSignIn(st)
	if err == nil {
		err = rep.into(q, nil)
	}
	if err != nil {
		return err
	}
	if q, rep, err = r.postSignIn(st); err != nil {
		return err
	}
	return rep.refused(q, wire.CodeGone, wire.CodeUnauthenticated)
}

func foreignSignIn(r *run) error {
	if _, _, err := r.ready(); err != nil {
		return err
	}
	return r.refusedSignIn(r.b.key, nil)
}

func otherAudience(r *run) error {
	if _, _, err := r.ready(); err != nil {
		return err
	}
	return r.refusedSignIn(r.a.key, func(ch *wire.Challenge) { ch.Audience = "https://elsewhere.example" })
}

func badTokens(r *run) error {
	a, _, err := r.ready()
	if err != nil {
		return err
	}
	// The tenth byte from the end is within the token's signature.
	forged := []byte(a.token)
	at := len(forged) - 10
	if at < 0 {
		return fmt.Errorf("the token %q is too short to be one", a.token)
	}
	forged[at] ^= 1
	for _, token := range []string{"", "Bearer ", "Bearer " + string(forged), "Basic " + a.token} {
		for _, q := range []request{{method: http.MethodPost, path: "/v1/batches", body: []byte("{}\n")}, {method: http.MethodGet, path: "/v1/changes"}, {method: http.MethodGet, path: "/v1/devices/" + a.id.String() + "/head"}} {
			q.header = map[string]string{"Content-Type": "application/x-ndjson"}
			if token != "" {
				q.header["Authorization"] = token
			}
			rep, err := r.http.do(r.ctx, q)
			if err != nil {
				return err
			}
			if err := rep.refused(q, wire.CodeUnauthenticated); err != nil {
				return err
			}
		}
	}
	return nil
}

func refreshReuse(r *run) error {
	a, _, err := r.ready()
	if err != nil {
		return err
	}
	keep := a.token
	first, err := a.signIn()
	a.token = keep
	if err != nil {
		return err
	}
	var second wire.Tokens
	if err := r.http.json(r.ctx, http.MethodPost, "/v1/auth/refresh", "", wire.Refresh{RefreshToken: first.RefreshToken}, &second); err != nil {
		return err
	}
	if second.RefreshToken == "" || second.RefreshToken == first.RefreshToken {
		return errors.New("the refresh gave no new refresh token")
	}
	data, err := json.Marshal(wire.Refresh{RefreshToken: first.RefreshToken})
	if err != nil {
		return err
	}
	q := request{method: http.MethodPost, path: "/v1/auth/refresh", header: map[string]string{"Content-Type": "application/json"}, body: data}
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	return rep.refused(q, wire.CodeReuse, wire.CodeUnauthenticated)
}
