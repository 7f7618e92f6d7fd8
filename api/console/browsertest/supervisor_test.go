package browsertest_test

import (
	"fmt"
	"strings"
	"testing"

	"fieldseal/api/console/browsertest"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

// The supervisor's main job, by a person with nothing but a browser: see what needs
// attention, follow an instrument, settle a line in quarantine and revoke a device by
// events of their own, hand out a code, and take the case with them as files.
func TestSupervisorDesk(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) { supervisorJob(t, lang) })
	}
}

// watchRun is one supervisor's day.
type watchRun struct {
	*watch
	lang string
	p    *browsertest.Page
}

func supervisorJob(t *testing.T, lang string) {
	w := newWatch(t)
	j := &watchRun{watch: w, lang: lang, p: w.signIn(w.boss, lang)}
	j.overview()
	j.live()
	j.places()
	j.wall()
	w.enrol(j.p, w.boss)
	j.settled()
	j.revoked()
	j.granted()
	j.waived()
	j.code()
	j.exported()
	j.looks()
	j.phone()
	w.Fsck()
}

// shot audits the page and keeps a picture of it.
func (j *watchRun) shot(name string) {
	j.t.Helper()
	j.p.Audit()
	j.p.Shot("supervisor-" + name + "." + j.lang)
}

func (j *watchRun) at(part string) string {
	return "/desk/supervisor/cases/" + j.caseID.String() + part
}

// lastOf is the newest event on the ledger.
func (j *watchRun) lastOf(t event.Type) (e projection.Entry) {
	j.t.Helper()
	j.Read(func(tx *store.Tx) error {
		last, _, err := tx.LastCheckpoint()
		if err != nil {
			return err
		}
		for i := last.Size - 1; i >= 0; i-- {
			row, found, err := tx.EventAt(i)
			if err != nil {
				return err
			}
			if found && row.Type == t {
				e, err = projection.EntryOf(row)
				return err
			}
		}
		return fmt.Errorf("no %s on the ledger", t)
	})
	return e
}

func (j *watchRun) overview() {
	p := j.p
	p.Go("/desk/supervisor/")
	p.SeeText("#cases", "(2026) 0417")
	p.See("#cases[data-state=ready]")
	p.See("#cases .tag.warn")
	j.shot("home")
	p.Size(360, 780)
	j.shot("home-phone")
	p.Size(1280, 900)
	p.Go(j.at(""))
	p.See("#defects .defect")
	j.shot("case")
}

// live follows an instrument: the chart goes on by itself when a segment arrives.
func (j *watchRun) live() {
	p := j.p
	p.Go(j.at("/live"))
	p.See(".chart[data-state=ready] canvas")
	p.See("[data-live].ok")
	p.SeeText(".chart-alarms", "41.3")
	j.shot("live")
	before := j.next
	var last int64
	p.Eval(`Number(document.querySelector('.chart').dataset.last)`, &last)
	if want := j.began.UnixMilli() + (before-1)*1000; last != want {
		j.t.Errorf("the chart ends at %d, want %d", last, want)
	}
	j.segment(60)
	p.Until(fmt.Sprintf(`Number(document.querySelector('.chart').dataset.last) === %d`, j.began.UnixMilli()+(j.next-1)*1000))
	// By keyboard: into the picture, closer, along, and the reading is said in words.
	p.Eval(`document.querySelector('canvas').focus()`, nil)
	p.Keys("+")
	p.Keys("+")
	p.Eval(`document.querySelector('canvas').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}))`, nil)
	p.Until(`/\d/.test(document.querySelector('.chart-readout').textContent)`)
	p.Click(".chart details summary")
	p.See(".chart-table tbody tr")
	j.shot("live-zoomed")
	p.Size(360, 780)
	j.shot("live-phone")
	p.Size(1280, 900)
}

func (j *watchRun) places() {
	p := j.p
	p.Go(j.at("/map"))
	p.See("#map[data-state=ready] svg")
	p.Until(`document.querySelectorAll('#map polygon').length === 2 && document.querySelectorAll('#map polyline').length >= 1`)
	p.Click("#map details summary")
	j.shot("map")
	p.Go(j.at("/links"))
	p.See("#graph[data-state=ready] svg")
	var boxes int
	p.Eval(`document.querySelectorAll('.graph-node').length`, &boxes)
	if boxes != 19 {
		j.t.Errorf("%d things in the graph, want 19", boxes)
	}
	p.Eval(`document.querySelectorAll('.graph-node')[1].focus()`, nil)
	p.SeeText("#graph .map-info", "→")
	j.shot("links")
}

func (j *watchRun) wall() {
	p := j.p
	p.Size(1920, 1080)
	p.Go(j.at("/live?wall=1"))
	p.See(".chart[data-state=ready] canvas")
	p.Until(`document.body.classList.contains('wall')`)
	j.shot("wall")
	p.Go("/desk/supervisor/live")
	p.See(".chart[data-state=ready] canvas")
	j.shot("live-all")
	p.Size(1280, 900)
}

// settled settles a line in quarantine by an event of the supervisor.
func (j *watchRun) settled() {
	p := j.p
	p.Go("/desk/supervisor/quarantine")
	p.SeeText("#quarantine", "FORK")
	j.shot("quarantine")
	p.Click("#quarantine tbody a")
	p.See("#settle")
	p.Gone("[data-not-enrolled]")
	j.shot("quarantined")
	p.Click("#settle button.primary")
	p.See("#settle .fault")
	p.Click("#settle input[value=rejected]")
	p.Fill("#reason", "Not what was recorded; asked Li Wei on the phone.")
	size := j.Engine.Size()
	p.Eval(`(() => { const b = document.querySelector('#settle button.primary'); b.click(); b.click(); b.click(); })()`, nil) // by somebody impatient
	p.See(".done.ok")
	p.Go("/desk/workstation") // where nothing is left to be sent
	if n := j.Engine.Size() - size; n != 1 {
		j.t.Errorf("a click that was repeated sealed %d events", n)
	}
	e := j.lastOf(event.TypeQuarantineSettled)
	if b := e.Body.(*event.QuarantineSettled); b.Index != j.bad || b.Resolution != "rejected" || e.Payload.Actor != j.boss.ID || e.Payload.Case != j.caseID {
		j.t.Errorf("settled by %+v of %s", b, e.Payload.Actor)
	}
	p.Go("/desk/supervisor/quarantine")
	p.Gone("#quarantine")
}

// revoked revokes a device: the supervisor seals the request, the authority's event names it.
func (j *watchRun) revoked() {
	p := j.p
	p.Go("/desk/supervisor/devices")
	row := "#device-" + j.lost.ID.String()
	p.Click(row + " details summary")
	p.Fill(row+" textarea", "left in a taxi on 24 November")
	j.shot("devices")
	p.Click(row + " button.danger")
	p.See(row + " .done.ok")
	e := j.lastOf(event.TypeDeviceRevoked)
	b := e.Body.(*event.DeviceRevoked)
	request := j.lastOf(event.TypeAuthorityRequested)
	if b.Device != j.lost.ID || b.Request != request.ID || b.By != j.boss.ID || request.Payload.Actor != j.boss.ID || e.Payload.Actor != j.boss.ID {
		j.t.Errorf("revoked by %+v, asked for by %+v", b, request.Payload)
	}
	if r := j.Submit(j.lost.Note(j.caseID, "from the taxi")).Results[0]; r.Code != "REVOKED_KEY" {
		j.t.Errorf("after the revocation: %+v", r)
	}
	p.Go("/desk/supervisor/requests")
	p.SeeText("table", "left in a taxi")
	j.shot("requests")
	p.Go("/desk/supervisor/people")
	j.shot("people")
}

// granted gives another organisation a right in the case.
func (j *watchRun) granted() {
	p := j.p
	p.Go(j.at("/rights"))
	p.Fill("#reason", "analysis of the second batch")
	p.Fill("#org", j.other.String())
	p.Fill("#right", "read")
	j.shot("rights")
	p.Click("form[data-act='case.granted'] button.primary")
	p.See(".done.ok")
	if b := j.lastOf(event.TypeCaseGranted).Body.(*event.CaseGranted); b.Org != j.other || b.Right != "read" || b.Request.IsZero() {
		j.t.Errorf("granted: %+v", b)
	}
}

func (j *watchRun) waived() {
	p := j.p
	p.Go(j.at(""))
	p.Click("#defects .defect details summary")
	p.Fill("#defects .defect input[name=authority]", "Decision 2026-88 of the bureau")
	p.Fill("#defects .defect textarea[name=reason]", "explained by the note of the scene")
	p.Click("#defects .defect form button.primary")
	p.See(".done.ok")
	if b := j.lastOf(event.TypeWaiverGranted).Body.(*event.WaiverGranted); b.Authority != "Decision 2026-88 of the bureau" {
		j.t.Errorf("waived: %+v", b)
	}
}

// code issues an enrolment code, which is shown once.
func (j *watchRun) code() {
	p := j.p
	p.Go("/desk/supervisor/people/" + j.lost.Person.String())
	j.shot("person")
	p.Click("form[method=post][action$='/code'] button")
	p.See(".code-qr svg")
	code := p.Text("#code")
	j.shot("code")
	p.Go("/desk/supervisor/people/" + j.lost.Person.String())
	var again bool
	p.Eval(`document.documentElement.textContent.includes(`+fmt.Sprintf("%q", code)+`)`, &again)
	if again || len(code) < 8 {
		j.t.Errorf("the code %q is shown again: %v", code, again)
	}
}

// exported takes the case as files.
func (j *watchRun) exported() {
	p := j.p
	p.Go(j.at(""))
	for file, want := range map[string]string{"items.csv": "W-001", "places.geojson": `"FeatureCollection"`, "series-" + j.series.String() + ".csv": "ERR"} {
		var text string
		p.Eval(`fetch('`+j.at("/export/"+file)+`').then((r) => r.text())`, &text)
		if file[0] == 's' {
			want = "no measurement"
		}
		if !strings.Contains(text, want) {
			j.t.Errorf("%s has no %q: %.300s", file, want, text)
		}
	}
	var xlsx string
	p.Eval(`fetch('`+j.at("/export/case.xlsx")+`').then((r) => r.arrayBuffer()).then((b) => new TextDecoder().decode(b.slice(0, 2)))`, &xlsx)
	if xlsx != "PK" {
		j.t.Errorf("the spreadsheet begins with %q", xlsx)
	}
}

func (j *watchRun) looks() {
	p := j.p
	p.Go("/desk/supervisor/looks?case=" + j.caseID.String())
	p.SeeText("table", "Zhao Min")
	p.SeeText("table", "export items.csv")
	j.shot("looks")
}

// phone looks at every page as it is on a telephone.
func (j *watchRun) phone() {
	p := j.p
	p.Size(360, 780)
	for _, path := range []string{j.at(""), j.at("/map"), j.at("/links"), j.at("/rights"), "/desk/supervisor/live", "/desk/supervisor/people", "/desk/supervisor/people/" + j.lost.Person.String(),
		"/desk/supervisor/devices", "/desk/supervisor/quarantine?all=1", fmt.Sprint("/desk/supervisor/quarantine/", j.bad), "/desk/supervisor/requests", "/desk/supervisor/looks"} {
		p.Go(path)
		p.Until(`document.readyState === 'complete' && ![...document.querySelectorAll('[data-chart], [data-map], [data-graph]')].some((e) => !e.dataset.state)`)
		for _, f := range p.AuditFaults() {
			j.t.Errorf("%s at 360 px: %s", path, f)
		}
	}
	p.Go(fmt.Sprint("/desk/supervisor/quarantine/", j.bad))
	j.shot("quarantined-phone")
	p.Go(j.at("/map"))
	p.See("#map[data-state=ready] svg")
	j.shot("map-phone")
	p.Size(1280, 900)
}

// Hostile people: an inspector at the supervisor's pages, names that are markup,
// another organisation's case, device and line.
func TestSupervisorDeskAgainstHostilePeople(t *testing.T) {
	w := newWatch(t)
	inspector := w.person("Mallory <b>", w.Org, event.RoleInspector)
	p := w.signIn(inspector, "en")
	p.Expect("status of 403")
	for _, path := range []string{"/", "/people", "/devices", "/quarantine", "/requests", "/looks", "/live", "/stream", "/cases/" + w.caseID.String(), "/cases/" + w.caseID.String() + "/export/items.csv"} {
		var status int
		p.Eval(`fetch('/desk/supervisor`+path+`').then((r) => r.status)`, &status)
		if status != 403 {
			t.Errorf("an inspector gets %d from %s", status, path)
		}
	}
	p = w.signIn(w.boss, "en")
	p.Expect("status of 404")
	foreign := "/desk/supervisor/cases/" + w.foreign.String()
	for _, path := range []string{foreign, foreign + "/live", foreign + "/map.json", foreign + "/attention", foreign + "/export/items.csv", "/desk/supervisor/stream?case=" + w.foreign.String(),
		"/desk/supervisor/series/" + w.foreign.String() + "/" + w.series.String(), "/desk/supervisor/series/" + w.caseID.String() + "/" + w.foreign.String(), "/desk/supervisor/quarantine/1"} {
		var status int
		p.Eval(`fetch('`+path+`').then((r) => r.status)`, &status)
		if status != 404 {
			t.Errorf("another organisation's matter: %d from %s", status, path)
		}
	}
	for _, path := range []string{"", "/map", "/links"} {
		p.Go("/desk/supervisor/cases/" + w.caseID.String() + path)
		p.Until(`document.readyState === 'complete'`)
		if path == "/map" {
			p.See("#map[data-state=ready]")
		}
		var title string
		p.Eval(`document.title`, &title)
		if title == "owned" || !strings.Contains(title, "fieldseal") {
			t.Errorf("%s: a label became markup: %q", path, title)
		}
	}
	p.Go("/desk/supervisor/quarantine/" + fmt.Sprint(w.bad))
	p.SeeText("pre.line", "onerror")
	var images int
	p.Eval(`document.querySelectorAll('pre img').length`, &images)
	if images != 0 {
		t.Error("a line in quarantine became markup")
	}
}
