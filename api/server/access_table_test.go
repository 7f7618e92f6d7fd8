package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"fieldseal/api/access"
	"fieldseal/api/server/servertest"
	"fieldseal/mobile-contract/openapi"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/seal"
)

// scene is one case of one organisation with everything that a route can ask for.
type scene struct {
	s          *servertest.Server
	device     *ingesttest.Device
	caseID     event.UUID
	sample     event.ID
	sampleID   event.UUID
	photo      event.Digest
	quarantine int64
}

func newScene(t *testing.T) *scene {
	s := servertest.Start(t)
	k := &scene{s: s, device: s.AddDevice()}
	content := []byte("the bytes of a photograph")
	k.photo = sha256.Sum256(content)
	var lines [][]byte
	lines = append(lines, k.device.Genesis())
	id, opened := k.device.OpenCase("2026-1")
	k.caseID = id
	lines = append(lines, opened, k.device.Sample(id, "S-0001"), k.device.Seal(id, &event.FileAttached{File: s.ID(),
		Media: event.Media{SHA256: k.photo, Size: int64(len(content)), Type: "text/plain", Name: "a.txt"}, Kind: "other", Title: "a"}))
	copied := k.device.Fork()
	copied.Seq--
	lines = append(lines, copied.Note(id, "sealed by a copy of the device"))
	k.sampleID = sampleOf(t, lines[2])
	r := s.Submit(lines...)
	k.sample, k.quarantine = r.Results[2].ID, r.Results[4].Index
	c := visitor(t, s)
	c.token = c.signIn(k.device).AccessToken
	if a := c.upload(content, "text/plain"); a.status != http.StatusCreated {
		t.Fatalf("upload: %d %s", a.status, a.body)
	}
	for c.get("/v1/media/"+k.photo.String()+"/thumbnail").status == http.StatusAccepted {
		runtime.Gosched() // it is being found out that there is none
	}
	return k
}

// sampleOf gives the identifier of the sample that a sealed line records.
func sampleOf(t *testing.T, line []byte) event.UUID {
	t.Helper()
	env, err := seal.ParseEnvelope(line)
	if err != nil {
		t.Fatal(err)
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		t.Fatal(err)
	}
	body, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body.(*event.SampleCollected).Sample
}

// upload sends a file whole in one request.
func (c *client) upload(content []byte, mediaType string) answer {
	c.t.Helper()
	sum := sha256.Sum256(content)
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return c.send(http.MethodPost, "/v1/media/uploads", bytes.NewReader(content), "Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream",
		"Upload-Length", fmt.Sprint(len(content)), "Upload-Metadata", "sha256 "+b64(fmt.Sprintf("%x", sum))+",type "+b64(mediaType))
}

// caller is a column of the table.
type caller struct {
	name  string
	token string
	// own: of the case's organisation; granted: of another one with a grant.
	own, granted, overseer, deposit, dead bool
}

// callers makes one of each role in each situation.
func (k *scene) callers(t *testing.T) []caller {
	s, c := k.s, visitor(t, k.s)
	lab, stranger := s.AddOrg("lab"), s.AddOrg("lab")
	s.Author(ingest.Draft{Case: k.caseID, Body: &event.CaseGranted{Grant: s.ID(), Org: lab, Right: "read", Reason: "analysis"}})
	out := []caller{{name: "nobody"}, {name: "forged token", token: "eyJhbGciOiJub25lIn0.e30."}}
	for _, w := range event.Role("").Words() {
		role := event.Role(w)
		overseer := role == event.RoleSupervisor || role == event.RoleAdmin || role == event.RoleAuditor
		for _, org := range []struct {
			name         string
			id           event.UUID
			own, granted bool
		}{{"own", s.Org, true, false}, {"granted", lab, false, true}, {"foreign", stranger, false, false}} {
			p := s.AddPerson(org.id, role)
			token, err := s.Minter.Mint(access.Identity{Person: p, Scope: access.ScopeFull})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, caller{name: w + " " + org.name, token: token, own: org.own, granted: org.granted, overseer: overseer})
		}
	}
	own := s.AddDevice()
	lost := s.AddDevice()
	stale := c.signIn(lost).AccessToken
	s.Revoke(lost.ID, event.Digest(lost.Key.Public().ID()), "lost")
	deposit := c.signIn(lost)
	if deposit.Scope != "deposit" || deposit.RefreshToken != "" {
		t.Errorf("a revoked device's tokens: %+v", deposit)
	}
	gone := s.AddDevice()
	disabled := []string{c.signIn(gone).AccessToken, c.signInPerson(gone.Person).AccessToken}
	s.Author(ingest.Draft{Body: &event.PersonRegistered{Person: gone.Person, Org: gone.Org, Name: "gone", Login: loginOf(gone.Person),
		Roles: []event.Role{event.RoleAdmin}, Disabled: true}})
	return append(out,
		caller{name: "device own", token: c.signIn(own).AccessToken, own: true},
		caller{name: "device that is asked about", token: c.signIn(k.device).AccessToken, own: true},
		caller{name: "revoked device, deposit token", token: deposit.AccessToken, own: true, deposit: true},
		caller{name: "revoked device, older full token", token: stale, own: true, dead: true},
		caller{name: "disabled person, older token", token: disabled[1], own: true, dead: true},
		caller{name: "disabled person's device, older token", token: disabled[0], own: true, dead: true},
		caller{name: "disabled person's device, deposit token", token: c.signIn(gone).AccessToken, own: true, deposit: true})
}

// want is what a caller gets from a route where the request is otherwise in order.
func (w caller) want(r openapi.Route, ok int) int {
	signedIn := w.token != "" && w.name != "forged token"
	caseRoute := strings.HasPrefix(r.Path, "/v1/cases/") || strings.HasPrefix(r.Path, "/v1/media/{") || strings.HasPrefix(r.Path, "/v1/events/")
	switch {
	case r.Access == openapi.Anyone:
		return ok
	case !signedIn:
		return http.StatusUnauthorized
	case r.Path == "/v1/me":
		if w.dead || w.name == "disabled person's device, deposit token" {
			if strings.Contains(w.name, "revoked") {
				return ok
			}
			return http.StatusUnauthorized
		}
		return ok
	case r.Path == "/v1/devices/{id}/head":
		switch {
		case w.deposit:
			return http.StatusForbidden
		case w.dead:
			return http.StatusUnauthorized
		case w.own, strings.HasPrefix(w.name, "admin"), strings.HasPrefix(w.name, "auditor"):
			return ok
		}
		return http.StatusForbidden
	case r.Access == openapi.Deposit:
		return ok
	case w.deposit:
		return http.StatusForbidden
	case w.dead:
		return http.StatusUnauthorized
	case strings.HasPrefix(r.Path, "/v1/quarantine") && !w.overseer:
		return http.StatusForbidden
	case r.Path == "/v1/quarantine/{index}" && strings.HasPrefix(w.name, "supervisor") && !w.own && !w.granted:
		return http.StatusNotFound
	case caseRoute && !w.own && !w.granted:
		return http.StatusNotFound
	}
	return ok
}

// request is a request to a route that is in order, and its answer's status where it is admitted.
func (k *scene) request(r openapi.Route) (path string, body string, header []string, ok int) {
	path = strings.NewReplacer("{sha256}", k.photo.String(), "{index}", fmt.Sprint(k.quarantine)).Replace(r.Path)
	id := k.caseID.String()
	switch {
	case strings.HasPrefix(r.Path, "/v1/devices/"):
		id = k.device.ID.String()
	case strings.HasPrefix(r.Path, "/v1/events/"):
		id = k.sample.String()
	case strings.HasPrefix(r.Path, "/v1/media/uploads"):
		id = "0123456789abcdef0123456789abcdef"
	}
	path = strings.ReplaceAll(path, "{id}", id)
	path = strings.NewReplacer("{level}", "0", "{path}", "000.p/2").Replace(path)
	ok = 200
	switch r.Method + " " + r.Path {
	case "GET /v1/items":
		path += "?q=S-00"
	case "GET /v1/log/proof/inclusion":
		path += "?index=0"
	case "GET /v1/log/proof/consistency":
		path += "?from=1"
	case "POST /v1/log/proofs":
		body, header = `{"size":0,"indexes":[0]}`, []string{"Content-Type", "application/json"}
	case "POST /v1/check":
		body, header = `{"acts":[{"type":"note.written","body":{}}]}`, []string{"Content-Type", "application/json"}
	case "POST /v1/batches":
		body, header = "not an envelope", []string{"Content-Type", "application/x-ndjson"}
	case "GET /v1/media/{sha256}/thumbnail":
		ok = http.StatusUnsupportedMediaType // the file is a text
	case "POST /v1/auth/challenge":
		body, header = "{}", []string{"Content-Type", "application/json"}
	case "POST /v1/auth/logout":
		body, header, ok = `{"refresh_token":"unknown"}`, []string{"Content-Type", "application/json"}, http.StatusNoContent
	case "POST /v1/auth/refresh":
		body, header, ok = `{"refresh_token":"unknown"}`, []string{"Content-Type", "application/json"}, http.StatusUnauthorized
	case "POST /v1/auth/login", "POST /v1/auth/device", "POST /v1/enrol":
		body, header, ok = `{}`, []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType
	}
	if strings.HasPrefix(r.Path, "/v1/media/uploads") {
		header = append(header, "Tus-Resumable", "1.0.0")
		switch r.Method {
		case "OPTIONS":
			ok = http.StatusNoContent
		case "POST":
			ok = http.StatusBadRequest // no Upload-Length
			if strings.Contains(r.Path, "{id}") {
				ok = http.StatusMethodNotAllowed
			}
		case "PATCH":
			header, ok = append(header, "Content-Type", "application/offset+octet-stream", "Upload-Offset", "0"), http.StatusNotFound
		default:
			ok = http.StatusNotFound
		}
	}
	return path, body, header, ok
}

// Every route for everyone: who is told what.
func TestAccessTable(t *testing.T) {
	k := newScene(t)
	callers := k.callers(t)
	n := 0
	for _, r := range openapi.Routes() {
		if strings.HasPrefix(r.Path, "/v1/auth/") || r.Path == "/v1/enrol" || r.Path == "/v1/cases/{id}/bundle" {
			continue // not for signed-in callers; the sign-ins are rate limited, a bundle for everyone is below
		}
		path, body, header, ok := k.request(r)
		for _, w := range callers {
			a := visitor(t, k.s).as(w.token).send(r.Method, path, strings.NewReader(body), header...)
			if want := w.want(r, ok); a.status != want {
				t.Errorf("%s %s for %s: status %d, want %d: %.200s", r.Method, r.Path, w.name, a.status, want, a.body)
			}
			n++
		}
	}
	t.Logf("%d callers, %d combinations", len(callers), n)
	for _, r := range openapi.Routes() {
		if !strings.HasPrefix(r.Path, "/v1/auth/") && r.Path != "/v1/enrol" && r.Path != "/v1/cases/{id}/bundle" {
			continue
		}
		path, body, header, ok := k.request(r)
		for _, w := range callers[:2:2] {
			if a := visitor(t, k.s).as(w.token).send(r.Method, path, strings.NewReader(body), header...); a.status != w.want(r, ok) {
				t.Errorf("%s %s for %s: status %d, want %d: %.200s", r.Method, r.Path, w.name, a.status, w.want(r, ok), a.body)
			}
		}
	}
	for _, w := range callers {
		if strings.HasPrefix(w.name, "lab_analyst") || strings.HasPrefix(w.name, "admin") || strings.Contains(w.name, "device") {
			want := w.want(openapi.Route{Path: "/v1/cases/{id}/bundle", Access: openapi.Bearer}, 200)
			if a := visitor(t, k.s).as(w.token).get(path("/v1/cases/%s/bundle", k.caseID)); a.status != want {
				t.Errorf("bundle for %s: status %d, want %d: %.200s", w.name, a.status, want, a.body)
			}
		}
	}
}
