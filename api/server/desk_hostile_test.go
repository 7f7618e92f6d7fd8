package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"fieldseal/api/access"
	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// looksOf are what the record of looks has of a person.
func (k *scene) looksOf(t *testing.T, who event.UUID) (list []access.Look) {
	t.Helper()
	err := k.s.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		list, err = access.Looks(tx, event.UUID{}, who, time.Now().Add(time.Hour), 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A page of another origin does nothing by a session's cookie, not even by GET: the
// export of a bundle is on the ledger in the person's name.
func TestOtherOriginsDoNothingByTheCookie(t *testing.T) {
	k := newScene(t)
	b := newBrowser(t, k.s)
	who := b.signIn(k.s.Org, event.RoleSupervisor)
	bundle := "/v1/cases/" + k.caseID.String() + "/bundle"
	size := k.s.Engine.Size()
	for _, header := range [][]string{{"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://elsewhere.example"}, {"Origin", "null"}} {
		for _, path := range []string{bundle, "/v1/changes", "/v1/media/" + k.photo.String()} {
			if res, text := b.do("GET", path, "", header...); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %v: %d %.100s", path, header, res.StatusCode, text)
			}
		}
	}
	if k.s.Engine.Size() != size {
		t.Error("another origin had a bundle exported")
	}
	if looks := k.looksOf(t, who); len(looks) != 0 {
		t.Errorf("another origin left looks: %+v", looks)
	}
	for _, header := range [][]string{{}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}} {
		if res, text := b.do("GET", bundle, "", header...); res.StatusCode != 200 {
			t.Errorf("with %v: %d %.100s", header, res.StatusCode, text)
		}
	}
	if k.s.Engine.Size() != size+3 {
		t.Errorf("three exports grew the ledger by %d", k.s.Engine.Size()-size)
	}
}

// Whoever reads events as they come has looked at them; a device that fetches them for its work has not.
func TestChangesAreLookedAt(t *testing.T) {
	k := newScene(t)
	b := newBrowser(t, k.s)
	who := b.signIn(k.s.Org, event.RoleSupervisor)
	if res, _ := b.do("GET", "/v1/changes?after=2", ""); res.StatusCode != 200 {
		t.Fatalf("changes: %d", res.StatusCode)
	}
	if looks := k.looksOf(t, who); len(looks) != 1 || looks[0].Kind != "changes" || looks[0].Ref != "after 2" {
		t.Errorf("changes were read, and recorded is %+v", looks)
	}
	c := visitor(t, k.s)
	c.token = c.signIn(k.device).AccessToken
	if a := c.get("/v1/changes?after=2"); a.status != 200 {
		t.Fatalf("changes for a device: %d", a.status)
	}
	if looks := k.looksOf(t, k.device.Person); len(looks) != 0 {
		t.Errorf("a device's fetching is recorded as a look: %+v", looks)
	}
}

// What was refused was not seen, and the record of looks does not say that it was;
// nor does it tell a case's number to those who may not see the case.
func TestRefusedIsNotLookedAt(t *testing.T) {
	k := newScene(t)
	other := k.s.AddOrg("lab")
	b := newBrowser(t, k.s)
	who := b.signIn(other, event.RoleAnalyst, event.RoleSupervisor)
	id, in := k.caseID.String(), ""
	for _, path := range []string{"/desk/lab/cases/" + id + "/labels", "/desk/lab/cases/" + id + "/items/sample/" + k.sampleID.String(),
		"/desk/court/cases/" + id, "/desk/supervisor/cases/" + id, "/desk/supervisor/series/" + id + "/" + id} {
		if res, _ := b.do("GET", path, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if looks := k.looksOf(t, who); len(looks) != 0 {
		t.Errorf("refused pages were recorded as shown: %+v", looks)
	}
	b.do("GET", "/v1/cases/"+id, "") // the API records what was asked for
	for _, query := range []string{"", "?case=" + id, "?person=" + k.device.Person.String()} {
		if _, in = b.do("GET", "/desk/supervisor/looks"+query, ""); strings.Contains(in, ">2026-1<") || strings.Contains(in, "Person "+k.device.Person.String()[24:]) {
			t.Errorf("looks%s tell of a case that the reader may not see:\n%s", query, in)
		}
	}
	own := newBrowser(t, k.s)
	mine := own.signIn(k.s.Org, event.RoleAnalyst, event.RoleSupervisor)
	own.do("GET", "/desk/lab/cases/"+id+"/items/"+strings.Repeat("k", 2000)+"/"+k.sampleID.String(), "")
	for _, l := range k.looksOf(t, mine) {
		if len(l.Ref) > 200 {
			t.Errorf("a look of %d bytes is recorded", len(l.Ref))
		}
	}
	if _, page := own.do("GET", "/desk/supervisor/looks?case="+id, ""); !strings.Contains(page, ">2026-1<") {
		t.Errorf("looks do not name a case that the reader may see:\n%s", page)
	}
}
