package access

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"

	"github.com/golang-jwt/jwt/v5"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func open(t *testing.T) (*Book, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	s, err := store.Open(context.Background(), store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "db"), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h, err := NewHasher()
	if err != nil {
		t.Fatal(err)
	}
	return &Book{Store: s, Hasher: h}, c
}

var ctx = context.Background()

func TestPasswords(t *testing.T) {
	b, c := open(t)
	p := eventtest.UUID(11)
	if err := b.SetPassword(ctx, p, "too short"); !errors.Is(err, ErrPassword) {
		t.Errorf("nine characters: %v", err)
	}
	if err := b.SetPassword(ctx, p, "足够长的一个密码短语"); err != nil {
		t.Fatal(err)
	}
	if err := b.CheckPassword(ctx, p, "足够长的一个密码短语"); err != nil {
		t.Errorf("right password: %v", err)
	}
	if err := b.CheckPassword(ctx, event.UUID{}, "足够长的一个密码短语"); !errors.Is(err, ErrDenied) {
		t.Errorf("no such person: %v", err)
	}
	var locked *LockedError
	for i := range freeFailures + 1 {
		if err := b.CheckPassword(ctx, p, "wrong password"); !errors.Is(err, ErrDenied) {
			t.Fatalf("failure %d: %v", i+1, err)
		}
	}
	if err := b.CheckPassword(ctx, p, "足够长的一个密码短语"); !errors.As(err, &locked) || locked.For != firstLock {
		t.Fatalf("after %d failures even the right password must wait: %v", freeFailures+1, err)
	}
	c.at = c.at.Add(firstLock)
	if err := b.CheckPassword(ctx, p, "足够长的一个密码短语"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	for range freeFailures {
		_ = b.CheckPassword(ctx, p, "wrong password")
	}
	if err := b.CheckPassword(ctx, p, "足够长的一个密码短语"); err != nil {
		t.Errorf("success must forget earlier failures: %v", err)
	}
}

func TestRefreshRotatesAndReuseEndsTheFamily(t *testing.T) {
	b, c := open(t)
	id := Identity{Person: eventtest.UUID(11), Device: eventtest.UUID(31), Scope: ScopeFull}
	first, opened, err := b.Open(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	second, got, err := b.Refresh(ctx, first)
	if err != nil || got != opened {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, _, err := b.Refresh(ctx, first); !errors.Is(err, ErrToken) || errors.Is(err, ErrReused) {
		t.Errorf("the lost answer: %v", err)
	}
	third, _, err := b.Refresh(ctx, second)
	if err != nil {
		t.Fatalf("a repeat within the grace must not end the family: %v", err)
	}
	c.at = c.at.Add(ReuseGrace + time.Second)
	if _, _, err := b.Refresh(ctx, first); !errors.Is(err, ErrReused) {
		t.Errorf("reuse: %v", err)
	}
	if _, _, err := b.Refresh(ctx, third); !errors.Is(err, ErrToken) {
		t.Errorf("the family's newest token after reuse: %v", err)
	}
	other, _, _ := b.Open(ctx, id)
	c.at = c.at.Add(RefreshLife)
	if _, _, err := b.Refresh(ctx, other); !errors.Is(err, ErrToken) {
		t.Errorf("expired: %v", err)
	}
	if _, _, err := b.Refresh(ctx, "no such token"); !errors.Is(err, ErrToken) {
		t.Errorf("unknown: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	b, _ := open(t)
	id := Identity{Person: eventtest.UUID(11), Device: eventtest.UUID(31), Scope: ScopeFull}
	tokens := make([]string, 5)
	for i := range tokens {
		tokens[i], _, _ = b.Open(ctx, id)
	}
	ended := func(token string) bool { _, _, err := b.Refresh(ctx, token); return errors.Is(err, ErrToken) }
	if err := b.Close(ctx, tokens[0], false); err != nil || !ended(tokens[0]) || ended(tokens[1]) {
		t.Errorf("closing one: %v", err)
	}
	if err := b.EndDevice(ctx, id.Device); err != nil || !ended(tokens[2]) {
		t.Errorf("ending a device: %v", err)
	}
	fresh, _, _ := b.Open(ctx, id)
	last, _, _ := b.Open(ctx, id)
	if err := b.Close(ctx, fresh, true); err != nil || !ended(last) {
		t.Errorf("closing everywhere: %v", err)
	}
	again, _, _ := b.Open(ctx, id)
	if err := b.SetPassword(ctx, id.Person, "a new long password"); err != nil || !ended(again) {
		t.Errorf("a new password must end old sessions: %v", err)
	}
}

func TestCodesAndChallenges(t *testing.T) {
	b, c := open(t)
	person := eventtest.UUID(11)
	code, until, err := b.IssueCode(ctx, person, eventtest.UUID(13), 0)
	if err != nil || !until.Equal(c.at.Add(CodeLife)) {
		t.Fatal(until, err)
	}
	key, other := seal.KeyID(eventtest.Digest("key")), seal.KeyID(eventtest.Digest("other"))
	p, d, err := b.SpendCode(ctx, code, key)
	if err != nil || p != person || d != DeviceID(key) {
		t.Fatalf("%s %s %v", p, d, err)
	}
	if _, again, err := b.SpendCode(ctx, code, key); err != nil || again != d {
		t.Errorf("the same key again: %v", err)
	}
	if _, _, err := b.SpendCode(ctx, code, other); !errors.Is(err, ErrGone) {
		t.Errorf("another key: %v", err)
	}
	late, _, _ := b.IssueCode(ctx, person, person, time.Minute)
	c.at = c.at.Add(time.Minute)
	if _, _, err := b.SpendCode(ctx, late, key); !errors.Is(err, ErrGone) {
		t.Errorf("expired: %v", err)
	}
	nonce, err := b.Challenge(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Spend(ctx, nonce, d); err != nil {
		t.Errorf("first use: %v", err)
	}
	if err := b.Spend(ctx, nonce, d); !errors.Is(err, ErrGone) {
		t.Errorf("second use: %v", err)
	}
	old, _ := b.Challenge(ctx)
	c.at = c.at.Add(ChallengeLife + time.Second)
	if err := b.Spend(ctx, old, d); !errors.Is(err, ErrGone) {
		t.Errorf("expired: %v", err)
	}
}

// Every trick with a token that is known from the field must be refused.
func TestTokenTricks(t *testing.T) {
	c := &clock{time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	pub, key, _ := ed25519.GenerateKey(nil)
	_, foreign, _ := ed25519.GenerateKey(nil)
	m := NewMinter(key, "https://a.example", c.now)
	id := Identity{Person: eventtest.UUID(11), Device: eventtest.UUID(31), Scope: ScopeDeposit, Family: "f"}
	good, err := m.Mint(id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Check(good); err != nil || got != id {
		t.Fatalf("%+v %v", got, err)
	}
	part := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	sign := func(method jwt.SigningMethod, k any, edit func(jwt.MapClaims, map[string]any)) string {
		claims := jwt.MapClaims{"sub": id.Person.String(), "aud": "https://a.example", "iss": "fieldseal", "scope": "full", "fam": "f",
			"iat": c.at.Unix(), "exp": c.at.Add(time.Minute).Unix()}
		tok := jwt.NewWithClaims(method, claims)
		tok.Header["kid"] = m.kid
		edit(claims, tok.Header)
		s, err := tok.SignedString(k)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	same := func(jwt.MapClaims, map[string]any) {}
	mac := hmac.New(sha256.New, pub)
	head := b64([]byte(`{"alg":"HS256","kid":"` + m.kid + `","typ":"JWT"}`))
	mac.Write([]byte(head + "." + part[1]))
	flip := []byte(part[2])
	flip[10] ^= 1
	for name, token := range map[string]string{
		"empty":                        "",
		"alg none":                     sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"alg none, header rewritten":   b64([]byte(`{"alg":"none"}`)) + "." + part[1] + ".",
		"HS256 with the public key":    head + "." + part[1] + "." + b64(mac.Sum(nil)),
		"signed by another key":        sign(jwt.SigningMethodEdDSA, foreign, same),
		"unknown kid":                  sign(jwt.SigningMethodEdDSA, key, func(_ jwt.MapClaims, h map[string]any) { h["kid"] = "0000" }),
		"no kid":                       sign(jwt.SigningMethodEdDSA, key, func(_ jwt.MapClaims, h map[string]any) { delete(h, "kid") }),
		"expired":                      sign(jwt.SigningMethodEdDSA, key, func(m jwt.MapClaims, _ map[string]any) { m["exp"] = c.at.Add(-time.Minute).Unix() }),
		"never expires":                sign(jwt.SigningMethodEdDSA, key, func(m jwt.MapClaims, _ map[string]any) { delete(m, "exp") }),
		"issued in the future":         sign(jwt.SigningMethodEdDSA, key, func(m jwt.MapClaims, _ map[string]any) { m["iat"] = c.at.Add(time.Hour).Unix() }),
		"another service's":            sign(jwt.SigningMethodEdDSA, key, func(m jwt.MapClaims, _ map[string]any) { m["aud"] = "https://b.example" }),
		"another issuer's":             sign(jwt.SigningMethodEdDSA, key, func(m jwt.MapClaims, _ map[string]any) { m["iss"] = "someone" }),
		"unknown scope":                sign(jwt.SigningMethodEdDSA, key, func(m jwt.MapClaims, _ map[string]any) { m["scope"] = "root" }),
		"subject that is no person":    sign(jwt.SigningMethodEdDSA, key, func(m jwt.MapClaims, _ map[string]any) { m["sub"] = "admin" }),
		"signature with a bit flipped": part[0] + "." + part[1] + "." + string(flip),
		"claims of another token":      part[0] + "." + b64([]byte(`{"scope":"full"}`)) + "." + part[2],
		"four parts":                   good + ".x",
		"padding":                      good + "=",
	} {
		if _, err := m.Check(token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.at = c.at.Add(AccessLife + leeway + time.Second)
	if _, err := m.Check(good); !errors.Is(err, ErrToken) {
		t.Errorf("after its life: %v", err)
	}
}
