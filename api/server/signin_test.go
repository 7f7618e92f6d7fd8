package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

func newKey(t testing.TB) *seal.PrivateKey {
	t.Helper()
	k, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// enrolment is the request of a key for a code; change spoils it.
func enrolment(t testing.TB, key *seal.PrivateKey, code string, change func(*wire.EnrolStatement)) wire.Enrol {
	t.Helper()
	info := key.Public().Info()
	sum := sha256.Sum256([]byte(code))
	st := wire.EnrolStatement{CodeSHA256: hex.EncodeToString(sum[:]), Key: info.ID.String(), Nonce: "n", Time: string(event.StampOf(time.Now()))}
	if change != nil {
		change(&st)
	}
	return wire.Enrol{Code: code, Model: "Pad", App: "test/1", Proof: sealed(t, key, wire.EnrolPayloadType, st),
		Key: wire.Key{ID: info.ID.String(), Alg: string(info.Alg), SPKI: base64.StdEncoding.EncodeToString(info.SPKI)}}
}

// An enrolment is believed by its statements alone, and is the same when repeated.
func TestEnrol(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	person, code := s.Person("Li Wei", s.Org)
	key := newKey(t)
	ask := enrolment(t, key, code, nil)
	got := into[wire.Enrolled](t, c.post("/v1/enrol", ask))
	if got.Person != person.String() || got.PersonName != "Li Wei" || got.Org != s.Org.String() {
		t.Errorf("%+v", got)
	}
	cp, err := ledger.ParseCheckpoint([]byte(got.Checkpoint), s.LogKey.Verifier())
	if err != nil || int64(cp.Size) <= got.EnrolmentIndex {
		t.Errorf("checkpoint of %d does not cover %d: %v", cp.Size, got.EnrolmentIndex, err)
	}
	env, err := seal.ParseEnvelope([]byte(got.Enrolment))
	if err != nil || seal.IDOf(env.Payload).String() != got.EnrolmentID || !s.Authority.Public().Check(seal.PAE(env.PayloadType, env.Payload), env.Signatures[0].Sig) {
		t.Errorf("the enrolment is not the authority's: %v", err)
	}
	again := into[wire.Enrolled](t, c.post("/v1/enrol", ask))
	fresh := into[wire.Enrolled](t, c.post("/v1/enrol", enrolment(t, key, code, nil))) // a new proof, as after a reinstallation
	for _, x := range []wire.Enrolled{again, fresh} {
		if x.Device != got.Device || x.Enrolment != got.Enrolment || x.EnrolmentIndex != got.EnrolmentIndex {
			t.Errorf("repeated: %+v", x)
		}
	}
	c.refused("spent code, another key", c.post("/v1/enrol", enrolment(t, newKey(t), code, nil)), wire.CodeGone)

	_, second := s.Person("Wang Fang", s.Org)
	c.refused("enrolled key, another code", c.post("/v1/enrol", enrolment(t, key, second, nil)), wire.CodeConflict)
	if x := into[wire.Enrolled](t, c.post("/v1/enrol", enrolment(t, newKey(t), second, nil))); x.PersonName != "Wang Fang" {
		t.Errorf("a code refused for a used key must stay good: %+v", x)
	}
}

func TestEnrolmentsRefused(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	_, code := s.Person("Li Wei", s.Org)
	key, other := newKey(t), newKey(t)
	good := enrolment(t, key, code, nil)
	alter := func(f func(*wire.Enrol)) wire.Enrol { x := good; f(&x); return x }
	for name, k := range map[string]struct {
		ask  wire.Enrol
		want wire.ErrorCode
	}{
		"proof for another code":  {enrolment(t, key, code, func(s *wire.EnrolStatement) { s.CodeSHA256 = strings.Repeat("0", 64) }), wire.CodeUnauthenticated},
		"proof for another key":   {enrolment(t, key, code, func(s *wire.EnrolStatement) { s.Key = other.Public().ID().String() }), wire.CodeUnauthenticated},
		"proof from another year": {enrolment(t, key, code, func(s *wire.EnrolStatement) { s.Time = "2020-01-01T00:00:00Z" }), wire.CodeUnauthenticated},
		"proof without a time":    {enrolment(t, key, code, func(s *wire.EnrolStatement) { s.Time = "" }), wire.CodeUnauthenticated},
		"proof by another key": {alter(func(x *wire.Enrol) {
			x.Proof = enrolment(t, other, code, func(s *wire.EnrolStatement) { s.Key = key.Public().ID().String() }).Proof
		}), wire.CodeUnauthenticated},
		"sealed sign-in for a proof":     {alter(func(x *wire.Enrol) { x.Proof = sealed(t, key, wire.AuthPayloadType, wire.AuthStatement{}) }), wire.CodeBadRequest},
		"no proof":                       {alter(func(x *wire.Enrol) { x.Proof = "" }), wire.CodeBadRequest},
		"proof of something else":        {alter(func(x *wire.Enrol) { x.Proof = sealed(t, key, wire.EnrolPayloadType, []int{1}) }), wire.CodeBadRequest},
		"key id of another key":          {alter(func(x *wire.Enrol) { x.Key.ID = other.Public().ID().String() }), wire.CodeBadRequest},
		"key that is no key":             {alter(func(x *wire.Enrol) { x.Key.SPKI = "AAAA" }), wire.CodeBadRequest},
		"key not base64":                 {alter(func(x *wire.Enrol) { x.Key.SPKI = "?" }), wire.CodeBadRequest},
		"unknown algorithm":              {alter(func(x *wire.Enrol) { x.Key.Alg = "none" }), wire.CodeBadRequest},
		"unknown code":                   {enrolment(t, key, "AAAA-AAAA-AAAA-AAAA", nil), wire.CodeGone},
		"empty code":                     {enrolment(t, key, "", nil), wire.CodeGone},
		"a model that is a novel":        {alter(func(x *wire.Enrol) { x.Model = strings.Repeat("m", 20_000) }), wire.CodeBadRequest},
		"an app with control characters": {alter(func(x *wire.Enrol) { x.App = "a\x00b" }), wire.CodeBadRequest},
	} {
		c.refused(name, c.post("/v1/enrol", k.ask), k.want)
	}
	if got := into[wire.Enrolled](t, c.post("/v1/enrol", good)); got.PersonName != "Li Wei" {
		t.Errorf("after all these the code must still be good: %+v", got)
	}
	person, _ := s.Person("Zhao", s.Org)
	expired, _, err := s.Book.IssueCode(t.Context(), person, person, time.Nanosecond)
	if err != nil {
		t.Fatal(err)
	}
	c.refused("expired code", c.post("/v1/enrol", enrolment(t, other, expired, nil)), wire.CodeGone)
	left := s.Code(person)
	s.Author(ingest.Draft{Body: &event.PersonRegistered{Person: person, Org: s.Org, Name: "Zhao", Login: "zhao", Roles: []event.Role{event.RoleInspector}, Disabled: true}})
	c.refused("code of a disabled person", c.post("/v1/enrol", enrolment(t, other, left, nil)), wire.CodeUnauthenticated)
}

// The same enrolment sent many times at once makes one device.
func TestEnrolAtOnce(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	_, code := s.Person("Li Wei", s.Org)
	ask := enrolment(t, newKey(t), code, nil)
	answers := make([]answer, 12)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = c.post("/v1/enrol", ask) })
	}
	wg.Wait()
	first := into[wire.Enrolled](t, answers[0])
	for _, a := range answers {
		if got := into[wire.Enrolled](t, a); got.Enrolment != first.Enrolment {
			t.Errorf("%+v", got)
		}
	}
}

func TestDeviceSignIn(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	d, other := s.AddDevice(), s.AddDevice()
	login := func(key *seal.PrivateKey, change func(*wire.AuthStatement)) answer {
		t.Helper()
		ch := into[wire.Challenge](t, c.post("/v1/auth/challenge", struct{}{}))
		st := wire.AuthStatement{Nonce: ch.Nonce, Audience: ch.Audience, Device: d.ID.String(), Time: string(event.StampOf(time.Now()))}
		if change != nil {
			change(&st)
		}
		return c.post("/v1/auth/device", wire.DeviceLogin{Envelope: statement(t, key, st)})
	}
	got := into[wire.Tokens](t, login(d.Key, nil))
	me := into[wire.Me](t, c.as(got.AccessToken).get("/v1/me"))
	if me.Device != d.ID.String() || me.Person != d.Person.String() || me.Scope != "full" || got.Scope != "full" || got.TokenType != "Bearer" {
		t.Errorf("%+v %+v", me, got)
	}
	for name, a := range map[string]answer{
		"another audience":   login(d.Key, func(s *wire.AuthStatement) { s.Audience = "https://other.example" }),
		"foreign key":        login(other.Key, nil),
		"key of nobody":      login(newKey(t), nil),
		"unknown device":     login(d.Key, func(x *wire.AuthStatement) { x.Device = s.Org.String() }),
		"device of no form":  login(d.Key, func(x *wire.AuthStatement) { x.Device = "x" }),
		"time of last month": login(d.Key, func(x *wire.AuthStatement) { x.Time = string(event.StampOf(time.Now().AddDate(0, -1, 0))) }),
	} {
		c.refused(name, a, wire.CodeUnauthenticated)
	}
	c.refused("nonce that was never given", login(d.Key, func(s *wire.AuthStatement) { s.Nonce = "made up" }), wire.CodeGone)
	ch := into[wire.Challenge](t, c.post("/v1/auth/challenge", struct{}{}))
	line := wire.DeviceLogin{Envelope: statement(t, d.Key, wire.AuthStatement{Nonce: ch.Nonce, Audience: ch.Audience, Device: d.ID.String(), Time: string(event.StampOf(time.Now()))})}
	if a := c.post("/v1/auth/device", line); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	c.refused("the same statement again", c.post("/v1/auth/device", line), wire.CodeGone)
	c.refused("an event for a statement", c.post("/v1/auth/device", wire.DeviceLogin{Envelope: string(d.Genesis())}), wire.CodeBadRequest)
	c.refused("an enrolment for a statement", c.post("/v1/auth/device", wire.DeviceLogin{Envelope: sealed(t, d.Key, wire.EnrolPayloadType, wire.EnrolStatement{})}), wire.CodeBadRequest)

	// A session outlives its device's key only to deposit.
	s.Revoke(d.ID, event.Digest(d.Key.Public().ID()), "lost")
	if next := into[wire.Tokens](t, c.post("/v1/auth/refresh", wire.Refresh{RefreshToken: got.RefreshToken})); next.Scope != "deposit" || next.RefreshToken != "" {
		t.Errorf("%+v", next)
	}
}

func TestPasswordSignIn(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	p := s.AddPerson(s.Org)
	tokens := c.signInPerson(p)
	if me := into[wire.Me](t, c.as(tokens.AccessToken).get("/v1/me")); me.Device != "" || me.Person != p.String() || len(me.Roles) != 1 {
		t.Errorf("%+v", me)
	}
	wrong := wire.Login{Login: loginOf(p), Password: "not the password"}
	nobody := c.post("/v1/auth/login", wire.Login{Login: "nobody", Password: "not the password"})
	first := c.post("/v1/auth/login", wrong)
	c.refused("no such login", nobody, wire.CodeUnauthenticated)
	c.refused("wrong password", first, wire.CodeUnauthenticated)
	noPassword := s.AddPerson(s.Org)
	c.refused("no password set", c.post("/v1/auth/login", wire.Login{Login: loginOf(noPassword), Password: ""}), wire.CodeUnauthenticated)
	for range 5 {
		c.refused("wrong password", c.post("/v1/auth/login", wrong), wire.CodeUnauthenticated)
	}
	locked := c.post("/v1/auth/login", wire.Login{Login: loginOf(p), Password: goodPassword})
	c.refused("the right password while locked", locked, wire.CodeRateLimited)
	if locked.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if a := c.as(tokens.AccessToken).get("/v1/me"); a.status != http.StatusOK {
		t.Errorf("a session that was open: %d", a.status)
	}
	gone := s.AddPerson(s.Org)
	session := c.signInPerson(gone)
	s.Author(ingest.Draft{Body: &event.PersonRegistered{Person: gone, Org: s.Org, Name: "gone", Login: loginOf(gone), Roles: []event.Role{event.RoleInspector}, Disabled: true}})
	c.refused("a disabled person", c.post("/v1/auth/login", wire.Login{Login: loginOf(gone), Password: goodPassword}), wire.CodeUnauthenticated)
	c.refused("a disabled person's refresh", c.post("/v1/auth/refresh", wire.Refresh{RefreshToken: session.RefreshToken}), wire.CodeUnauthenticated)
}

func TestSessions(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	p := s.AddPerson(s.Org)
	refresh := func(token string) answer { return c.post("/v1/auth/refresh", wire.Refresh{RefreshToken: token}) }
	one, two := c.signInPerson(p), c.signInPerson(p) // setting the password again ends session one
	c.refused("a session from before the new password", refresh(one.RefreshToken), wire.CodeUnauthenticated)
	next := into[wire.Tokens](t, refresh(two.RefreshToken))
	if next.RefreshToken == two.RefreshToken || next.AccessToken == "" {
		t.Errorf("%+v", next)
	}
	c.refused("repeated at once, as after a lost answer", refresh(two.RefreshToken), wire.CodeUnauthenticated)
	last := into[wire.Tokens](t, refresh(next.RefreshToken))
	// The clock of the database is the real one; the spent token is aged instead.
	s.Age(two.RefreshToken, access.ReuseGrace+time.Second)
	c.refused("a spent token comes again", refresh(two.RefreshToken), wire.CodeReuse)
	c.refused("the family's newest token after that", refresh(last.RefreshToken), wire.CodeUnauthenticated)

	login := wire.Login{Login: loginOf(p), Password: goodPassword}
	a, b := into[wire.Tokens](t, c.post("/v1/auth/login", login)), into[wire.Tokens](t, c.post("/v1/auth/login", login))
	if got := c.post("/v1/auth/logout", wire.Refresh{RefreshToken: a.RefreshToken}); got.status != http.StatusNoContent {
		t.Errorf("%d %s", got.status, got.body)
	}
	c.refused("after signing out", refresh(a.RefreshToken), wire.CodeUnauthenticated)
	b = into[wire.Tokens](t, refresh(b.RefreshToken))
	third := into[wire.Tokens](t, c.post("/v1/auth/login", login))
	if got := c.post("/v1/auth/logout", wire.Refresh{RefreshToken: third.RefreshToken, Everywhere: true}); got.status != http.StatusNoContent {
		t.Errorf("%d %s", got.status, got.body)
	}
	c.refused("after signing out everywhere", refresh(b.RefreshToken), wire.CodeUnauthenticated)
}

// Which logins there are is not to be found out: one that nobody has, and one without
// a password, answer as a real one does, up to being locked.
func TestLoginsAreNotTold(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	real, none := s.AddPerson(s.Org), s.AddPerson(s.Org)
	c.signInPerson(real)
	answers := map[string]string{}
	for name, login := range map[string]string{"a real one": loginOf(real), "one without a password": loginOf(none), "nobody's": "nobody"} {
		for range 8 {
			a := c.post("/v1/auth/login", wire.Login{Login: login, Password: "not the password"})
			answers[name] += fmt.Sprintln(a.status, a.code())
		}
	}
	if a := answers["a real one"]; !strings.Contains(a, "429") || answers["nobody's"] != a || answers["one without a password"] != a {
		t.Errorf("%v", answers)
	}
	c.refused("another one that nobody has", c.post("/v1/auth/login", wire.Login{Login: "somebody", Password: "x"}), wire.CodeUnauthenticated)
}
