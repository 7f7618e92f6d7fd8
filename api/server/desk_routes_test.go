package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"fieldseal/sync/event"
)

// deskRoute says who a page of the desks is for. A route without a decision here fails the test.
type deskRoute struct {
	method, path string
	// public: also for who is not signed in. roles: for these; none: for all who are.
	public bool
	roles  []event.Role
	// inCase: for those who may see the case alone; others are told that there is none.
	inCase bool
}

var (
	forLab    = []event.Role{event.RoleAnalyst}
	forSuper  = []event.Role{event.RoleSupervisor, event.RoleAdmin, event.RoleAuditor}
	forDecide = []event.Role{event.RoleSupervisor, event.RoleAdmin}
)

func deskRoutes() []deskRoute {
	list := []deskRoute{
		{method: "GET", path: "/desk/login", public: true}, {method: "POST", path: "/desk/login", public: true}, {method: "POST", path: "/desk/language", public: true},
		{method: "GET", path: "/desk/static/:version/+", public: true},
		{method: "GET", path: "/desk/verify", public: true}, {method: "GET", path: "/desk/verify/custody-verify.html", public: true}, {method: "GET", path: "/desk/verify/:version/:file", public: true},
		{method: "GET", path: "/desk"}, {method: "GET", path: "/desk/"}, {method: "GET", path: "/desk/workstation"}, {method: "POST", path: "/desk/logout"},
		{method: "GET", path: "/desk/lab/", roles: forLab}, {method: "GET", path: "/desk/lab/find", roles: forLab}, {method: "POST", path: "/desk/lab/offer", roles: forLab},
		{method: "GET", path: "/desk/court/"},
		{method: "GET", path: "/desk/supervisor/", roles: forSuper}, {method: "GET", path: "/desk/supervisor/live", roles: forSuper}, {method: "GET", path: "/desk/supervisor/stream", roles: forSuper},
		{method: "GET", path: "/desk/supervisor/people", roles: forSuper}, {method: "GET", path: "/desk/supervisor/people/:person", roles: forSuper},
		{method: "POST", path: "/desk/supervisor/people/:person/code", roles: forDecide}, {method: "GET", path: "/desk/supervisor/devices", roles: forSuper},
		{method: "GET", path: "/desk/supervisor/quarantine", roles: forSuper}, {method: "GET", path: "/desk/supervisor/quarantine/:index", roles: forSuper},
		{method: "GET", path: "/desk/supervisor/requests", roles: forSuper}, {method: "POST", path: "/desk/supervisor/ask", roles: forDecide},
		{method: "POST", path: "/desk/supervisor/requests/:id", roles: forDecide}, {method: "GET", path: "/desk/supervisor/looks", roles: forSuper},
		{method: "GET", path: "/desk/supervisor/series/:case/:series", roles: forSuper, inCase: true},
		{method: "POST", path: "/desk/court/cases/:case/bundle", inCase: true}, {method: "POST", path: "/desk/court/cases/:case/certificate", inCase: true},
		{method: "POST", path: "/desk/lab/cases/:case/import", roles: forLab, inCase: true},
	}
	for _, p := range []string{"", "/items/:kind/:id", "/events/:event", "/events/:event/bytes", "/events/:event/proof"} {
		list = append(list, deskRoute{method: "GET", path: "/desk/court/cases/:case" + p, inCase: true})
	}
	for _, p := range []string{"/shipments/:handover", "/items/:kind/:id", "/items/:kind/:id/checkin", "/items/:kind/:id/subsample", "/items/:kind/:id/:act", "/labels", "/results", "/import", "/reports/:report"} {
		list = append(list, deskRoute{method: "GET", path: "/desk/lab/cases/:case" + p, roles: forLab, inCase: true})
	}
	for _, p := range []string{"", "/attention", "/map", "/map.json", "/links", "/live", "/rights", "/export/:file"} {
		list = append(list, deskRoute{method: "GET", path: "/desk/supervisor/cases/:case" + p, roles: forSuper, inCase: true})
	}
	return list
}

// Each page is for whom it is said to be for, and there is none that nothing is said of.
func TestDeskRoutes(t *testing.T) {
	k := newScene(t)
	decided := map[string]deskRoute{}
	for _, r := range deskRoutes() {
		decided[r.method+" "+r.path] = r
	}
	served := 0
	for _, r := range k.s.HTTP.App().GetRoutes(true) {
		if r.Method == "HEAD" || r.Path != "/desk" && !strings.HasPrefix(r.Path, "/desk/") {
			continue
		}
		served++
		if _, ok := decided[r.Method+" "+r.Path]; !ok {
			t.Errorf("nobody has said whom %s %s is for", r.Method, r.Path)
		}
	}
	if served < len(decided) {
		t.Errorf("%d routes are served, %d decided on", served, len(decided))
	}
	stranger := newBrowser(t, k.s)
	stranger.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	lab := k.s.AddOrg("lab")
	foreign := map[string]*browser{}
	for name, roles := range map[string][]event.Role{"nothing more": {event.RoleInspector}, "analyst": forLab, "supervisor": {event.RoleSupervisor}, "clerk": {event.RoleClerk}} {
		foreign[name] = newBrowser(t, k.s)
		foreign[name].signIn(lab, roles...)
	}
	own := map[string]*browser{}
	for _, role := range []event.Role{event.RoleInspector, event.RoleAnalyst, event.RoleClerk, event.RoleSupervisor, event.RoleAuditor} {
		own[string(role)] = newBrowser(t, k.s)
		own[string(role)].signIn(k.s.Org, role)
	}
	for _, r := range deskRoutes() {
		path := k.deskPath(r.path)
		what := r.method + " " + r.path
		if !r.public && r.path != "/desk" {
			res, page := stranger.do(r.method, path, "x=1", "Content-Type", "application/x-www-form-urlencoded")
			led := res.StatusCode == http.StatusSeeOther && strings.HasPrefix(res.Header.Get("Location"), "/desk/login")
			if !led && res.StatusCode != http.StatusUnauthorized || k.tells(page) {
				t.Errorf("%s for a stranger: %d\n%.300s", what, res.StatusCode, page)
			}
		}
		if r.public || r.path == "/desk" || r.path == "/desk/supervisor/stream" { // a stream does not end; its rights have tests of their own
			continue
		}
		if r.method == "POST" {
			for name, b := range own { // none does anything without the token
				if res, _ := b.do("POST", path, "x=1", "Content-Type", "application/x-www-form-urlencoded"); res.StatusCode != http.StatusForbidden {
					t.Errorf("%s without the token for %s: %d", what, name, res.StatusCode)
				}
			}
			continue
		}
		for name, b := range foreign {
			res, page := b.do(r.method, path, "")
			want := []int{http.StatusOK, http.StatusNotFound, http.StatusBadRequest}
			if r.inCase {
				want = []int{http.StatusNotFound, http.StatusForbidden}
			}
			if !slices.Contains(want, res.StatusCode) && res.StatusCode != http.StatusForbidden || k.tells(page) {
				t.Errorf("%s for %s of another organisation: %d\n%.300s", what, name, res.StatusCode, page)
			}
		}
		for name, b := range own {
			res, _ := b.do(r.method, path, "")
			mine := len(r.roles) == 0 || slices.Contains(r.roles, event.Role(name))
			if mine == (res.StatusCode == http.StatusForbidden) || res.StatusCode >= 500 {
				t.Errorf("%s for %s: %d", what, name, res.StatusCode)
			}
		}
	}
}

// deskPath fills in the parameters of a route.
func (k *scene) deskPath(path string) string {
	id := k.caseID.String()
	return strings.NewReplacer(":case", id, ":kind", "sample", ":id", k.sampleID.String(), ":event", k.sample.String(), ":person", k.device.Person.String(), ":index", fmt.Sprint(k.quarantine),
		":handover", id, ":report", id, ":series", id, ":file", "items.csv", ":act", "storage", ":version", "x", "+", "css/desk.css").Replace(path)
}

// tells reports whether a page tells anything of the scene's case that was not in the address.
func (k *scene) tells(page string) bool {
	return strings.Contains(page, "S-0001") || strings.Contains(page, "Case 2026-1")
}
