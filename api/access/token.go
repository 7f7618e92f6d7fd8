package access

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"fieldseal/sync/event"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// AccessLife is an access token's life: short, since it is checked without the database.
	AccessLife = 10 * time.Minute
	// RefreshLife is a refresh token's life: a field team may be without a network for weeks.
	RefreshLife = 30 * 24 * time.Hour
	// ReuseGrace is how long a repeated refresh counts as a lost answer and not as theft.
	ReuseGrace = 20 * time.Second
	// ChallengeLife is how long a device has to answer a challenge.
	ChallengeLife = 2 * time.Minute
	// CodeLife is an enrolment code's life where the administrator names none.
	CodeLife = 72 * time.Hour
	// leeway is the difference between the clocks of server processes that is let pass.
	leeway = 5 * time.Second
)

// Scope is what a token is good for.
type Scope string

// The scopes. ScopeDeposit hands in batches and media and reads nothing: what is
// left to a revoked device, whose unsent evidence must not be lost.
const (
	ScopeFull    Scope = "full"
	ScopeDeposit Scope = "deposit"
)

// Errors of this package.
var (
	// ErrToken: no token, or one that is malformed, forged, expired or of another server.
	ErrToken = errors.New("not signed in")
	// ErrReused: a spent refresh token came again; its family has been ended.
	ErrReused = errors.New("refresh token used twice")
	// ErrGone: a one-time code or challenge is spent or expired.
	ErrGone = errors.New("spent or expired")
	// ErrDenied: the login, password or statement is wrong.
	ErrDenied = errors.New("not admitted")
)

// Identity is who a token speaks for.
type Identity struct {
	Person event.UUID
	// Device is set where a device signed in by its key.
	Device event.UUID
	Scope  Scope
	// Family is the refresh family that the token came from.
	Family string
}

type claims struct {
	Device string `json:"dev,omitempty"`
	Scope  Scope  `json:"scope"`
	Family string `json:"fam"`
	jwt.RegisteredClaims
}

// Minter makes and checks access tokens with one Ed25519 key.
type Minter struct {
	key      ed25519.PrivateKey
	kid      string
	audience string
	now      func() time.Time
}

// NewMinter returns a minter. The audience names this service; tokens for another are refused.
func NewMinter(key ed25519.PrivateKey, audience string, now func() time.Time) *Minter {
	sum := sha256.Sum256(key.Public().(ed25519.PublicKey))
	return &Minter{key: key, kid: hex.EncodeToString(sum[:8]), audience: audience, now: now}
}

// Mint makes an access token for id.
func (m *Minter) Mint(id Identity) (string, error) {
	now := m.now()
	c := claims{Scope: id.Scope, Family: id.Family, RegisteredClaims: jwt.RegisteredClaims{
		Subject: id.Person.String(), Audience: jwt.ClaimStrings{m.audience}, Issuer: "fieldseal",
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(AccessLife))}}
	if !id.Device.IsZero() {
		c.Device = id.Device.String()
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	t.Header["kid"] = m.kid
	return t.SignedString(m.key)
}

// Check reads an access token. Errors wrap ErrToken.
func (m *Minter) Check(token string) (Identity, error) {
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != m.kid {
			return nil, errors.New("signed with a key that is not this server's")
		}
		return m.key.Public(), nil
	}, jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithAudience(m.audience), jwt.WithIssuer("fieldseal"),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(m.now), jwt.WithStrictDecoding())
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	id := Identity{Scope: c.Scope, Family: c.Family}
	if c.Scope != ScopeFull && c.Scope != ScopeDeposit {
		return Identity{}, fmt.Errorf("%w: unknown scope", ErrToken)
	}
	if id.Person, err = event.ParseUUID(c.Subject); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if c.Device != "" {
		if id.Device, err = event.ParseUUID(c.Device); err != nil {
			return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
		}
	}
	return id, nil
}

// secret makes n random bytes in URL-safe base64.
func secret(n int) (string, error) {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// hashed is how a bearer secret is kept.
func hashed(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// codeAlphabet leaves out letters and digits that people mistake for each other; 32 of them, five bits each.
const codeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// NewCode makes a one-time enrolment code, 80 random bits as XXXX-XXXX-XXXX-XXXX.
func NewCode() (string, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	var out []byte
	for i, c := range b {
		if i > 0 && i%4 == 0 {
			out = append(out, '-')
		}
		out = append(out, codeAlphabet[c%32])
	}
	return string(out), nil
}
