package device

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
)

const (
	// earlyRefresh is how long before its end a token is replaced, so that it does
	// not run out under way.
	earlyRefresh = 30 * time.Second
	// scopeFull is the scope of a device that is not revoked.
	scopeFull = "full"
)

// token gives a valid access token: the one at hand, a refreshed one, or one from
// a new device login.
func (c *Client) token(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.access != "" && time.Now().Before(c.expires.Add(-earlyRefresh)) {
		return c.access, nil
	}
	if c.signIn == nil {
		return "", inputf("this client has nobody to sign in")
	}
	var t wire.Tokens
	err := ErrRefused
	if c.refresh != "" {
		_, err = c.json(ctx, call{method: http.MethodPost, path: "/v1/auth/refresh", anonymous: true}.
			with(wire.Refresh{RefreshToken: c.refresh}), &t)
		c.refresh = "" // good for one use, whatever came of it
	}
	if errors.Is(err, ErrRefused) {
		t, err = c.signIn(ctx)
	}
	if err != nil {
		return "", err
	}
	if t.AccessToken == "" {
		return "", fmt.Errorf("%w: the login was answered without a token", ErrRefused)
	}
	c.access, c.refresh, c.scope = t.AccessToken, t.RefreshToken, t.Scope
	c.expires = time.Now().Add(time.Duration(t.ExpiresIn) * time.Second)
	return c.access, nil
}

func (c *Client) dropAccess() {
	c.mu.Lock()
	c.access = ""
	c.mu.Unlock()
}

// mayRead reports whether the token at hand is one of a device that is not revoked.
func (c *Client) mayRead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.scope == scopeFull
}

// deviceLogin is the login of an enrolled device: the server's nonce, sealed.
func (c *Client) deviceLogin(id *Identity, audience string, g *Signer, clock func() event.Clock) func(context.Context) (wire.Tokens, error) {
	return func(ctx context.Context) (wire.Tokens, error) {
		var t wire.Tokens
		var ch wire.Challenge
		if _, err := c.json(ctx, call{method: http.MethodPost, path: "/v1/auth/challenge", anonymous: true}, &ch); err != nil {
			return t, err
		}
		// What is sealed here must be of no use to another server that only passes on
		// somebody else's challenge: the audience is that of the enrolment, the pinned
		// log, or the very address that is being talked to.
		if ch.Nonce == "" || ch.Audience != audience && ch.Audience != id.LogOrigin && ch.Audience != c.Server() {
			return t, fmt.Errorf("%w: its challenge is for %.200q, this device was enrolled with %q; where that is the server's new address, name it", ErrTrust, ch.Audience, audience)
		}
		payload, err := json.Marshal(wire.AuthStatement{Nonce: ch.Nonce, Audience: ch.Audience,
			Device: id.Device.String(), Time: string(clock().Wall)})
		if err != nil {
			return t, err
		}
		line, err := g.seal(wire.AuthPayloadType, payload)
		if err != nil {
			return t, err
		}
		_, err = c.json(ctx, call{method: http.MethodPost, path: "/v1/auth/device", anonymous: true}.
			with(wire.DeviceLogin{Envelope: string(line)}), &t)
		return t, err
	}
}

func randomHex() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}
