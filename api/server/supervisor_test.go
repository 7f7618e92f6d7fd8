package server_test

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/server/servertest"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
	"github.com/xuri/excelize/v2"
)

// office is a server with two organisations, and a supervisor of each with a device.
type office struct {
	*servertest.Server
	t              *testing.T
	police         event.UUID
	boss, chief    event.UUID // supervisors of the agency and of the police
	bossPad        *ingesttest.Device
	chiefPad       *ingesttest.Device
	pad            *ingesttest.Device // an inspector's of the agency
	caseID, theirs event.UUID
}

func newOffice(t *testing.T) *office {
	o := &office{Server: servertest.Start(t), t: t}
	o.police = o.AddOrg("police")
	o.boss, o.chief = o.AddPerson(o.Org, event.RoleSupervisor), o.AddPerson(o.police, event.RoleSupervisor)
	o.bossPad, o.chiefPad, o.pad = o.AddDeviceOf(o.Org, o.boss), o.AddDeviceOf(o.police, o.chief), o.AddDevice()
	genesis := [][]byte{o.bossPad.Genesis(), o.chiefPad.Genesis(), o.pad.Genesis()}
	var open, other []byte
	o.caseID, open = o.pad.OpenCase("2026-HW-1")
	o.theirs, other = o.chiefPad.OpenCase("P-1")
	o.Submit(append(genesis, open, other)...)
	return o
}

// as signs somebody in.
func (o *office) as(who event.UUID) *browser {
	o.t.Helper()
	b := newBrowser(o.t, o.Server)
	if err := o.Book.SetPassword(o.t.Context(), who, goodPassword); err != nil {
		o.t.Fatal(err)
	}
	if res, page := b.do("POST", "/desk/login", "login=p"+who.String()[24:]+"&password="+strings.ReplaceAll(goodPassword, " ", "+"), "Content-Type", "application/x-www-form-urlencoded"); res.StatusCode != 200 || b.csrf == "" {
		o.t.Fatalf("sign in: %d\n%s", res.StatusCode, page)
	}
	return b
}

// ask seals a request on a device and gives its id.
func (o *office) ask(d *ingesttest.Device, in event.UUID, b event.Body) event.ID {
	o.t.Helper()
	body, err := event.MarshalBody(b)
	if err != nil {
		o.t.Fatal(err)
	}
	r := o.Submit(d.Seal(in, &event.AuthorityRequested{Act: event.AskedAct(event.TypeOf(b)), Body: string(body), Reason: "asked"})).Results[0]
	if r.Status != reconcile.Accepted {
		o.t.Fatalf("the request: %s %s", r.Code, r.Detail)
	}
	return r.ID
}

func (o *office) carry(b *browser, id event.ID) (status int, text string) {
	o.t.Helper()
	res, text := b.do("POST", "/desk/supervisor/requests/"+id.String(), "{}", "X-CSRF-Token", b.csrf, "Content-Type", "application/json", "Accept", "application/json")
	return res.StatusCode, text
}

// What a supervisor may have the authority do, and what not.
func TestWhatMayBeAskedOfTheAuthority(t *testing.T) {
	o := newOffice(t)
	boss := o.as(o.boss)
	admin := o.AddPerson(o.Org, event.RoleAdmin)
	adminPad := o.AddDeviceOf(o.Org, admin)
	o.Submit(adminPad.Genesis())
	person := func(id, org event.UUID, roles ...event.Role) *event.PersonRegistered {
		return &event.PersonRegistered{Person: id, Org: org, Name: "New", Roles: roles}
	}
	revoke := func(d *ingesttest.Device) *event.DeviceRevoked {
		return &event.DeviceRevoked{Device: d.ID, Key: event.Digest(d.Key.Public().ID()), Reason: "lost"}
	}
	grant := func() *event.CaseGranted {
		return &event.CaseGranted{Grant: o.ID(), Org: o.police, Right: "read", Reason: "joint"}
	}
	for name, v := range map[string]struct {
		in   event.UUID
		body event.Body
		want int
	}{
		"a person of one's own":                  {event.UUID{}, person(o.ID(), o.Org, event.RoleInspector), 200},
		"a person of another organisation":       {event.UUID{}, person(o.ID(), o.police, event.RoleInspector), 403},
		"an administrator":                       {event.UUID{}, person(o.ID(), o.Org, event.RoleAdmin), 403},
		"an auditor":                             {event.UUID{}, person(o.ID(), o.Org, event.RoleInspector, event.RoleAuditor), 403},
		"oneself":                                {event.UUID{}, person(o.boss, o.Org, event.RoleSupervisor), 403},
		"an administrator made an inspector":     {event.UUID{}, person(admin, o.Org, event.RoleInspector), 403},
		"somebody of another organisation, won":  {event.UUID{}, person(o.chief, o.Org, event.RoleInspector), 403},
		"another organisation's device":          {event.UUID{}, revoke(o.chiefPad), 403},
		"a device with another key":              {event.UUID{}, &event.DeviceRevoked{Device: o.pad.ID, Key: event.Digest{9}, Reason: "lost"}, 409},
		"a right in one's own case":              {o.caseID, grant(), 200},
		"a right in another organisation's case": {o.theirs, grant(), 403},
		"an organisation":                        {event.UUID{}, &event.OrgRegistered{Org: o.ID(), Kind: "lab", Name: "Mine"}, 403},
		"labels":                                 {event.UUID{}, &event.LabelBlock{Device: o.pad.ID, Prefix: "S-", First: 1, Last: 9}, 200},
		"labels of others":                       {event.UUID{}, &event.LabelBlock{Device: o.chiefPad.ID, Prefix: "P-", First: 1, Last: 9}, 403},
		"a grant that does not exist":            {o.caseID, &event.GrantRevoked{Grant: o.ID(), Reason: "over"}, 409},
		"a right without a case":                 {event.UUID{}, grant(), 400},
		"a revocation within a case":             {o.caseID, revoke(o.pad), 400},
	} {
		id := o.ask(o.bossPad, v.in, v.body)
		if status, text := o.carry(boss, id); status != v.want {
			t.Errorf("%s: %d, want %d: %s", name, status, v.want, text)
		}
		// Before sealing, the same is said.
		body, err := event.MarshalBody(v.body)
		if err != nil {
			t.Fatal(err)
		}
		in := ""
		if !v.in.IsZero() {
			in = v.in.String()
		}
		question, err := json.Marshal(map[string]string{"act": string(event.TypeOf(v.body)), "body": string(body), "case": in})
		if err != nil {
			t.Fatal(err)
		}
		want := v.want
		if want == 200 || want == 409 {
			want = 204
		}
		if res, text := boss.do("POST", "/desk/supervisor/ask", string(question), "X-CSRF-Token", boss.csrf, "Content-Type", "application/json", "Accept", "application/json"); res.StatusCode != want {
			t.Errorf("%s, asked before: %d, want %d: %s", name, res.StatusCode, want, text)
		}
	}
	o.Fsck()
}

// Whose request it is decides, not who presses the button; and it is carried out once.
func TestARequestIsCarriedOutOnceAndForItsOwnPerson(t *testing.T) {
	o := newOffice(t)
	boss, chief := o.as(o.boss), o.as(o.chief)
	revoke := &event.DeviceRevoked{Device: o.pad.ID, Key: event.Digest(o.pad.Key.Public().ID()), Reason: "lost"}
	// An inspector's request is worth nothing, whoever wants it carried out.
	id := o.ask(o.pad, event.UUID{}, revoke)
	if status, _ := o.carry(boss, id); status != 404 {
		t.Errorf("another's request: %d", status)
	}
	admin := o.as(o.AddPerson(o.Org, event.RoleAdmin))
	if status, text := o.carry(admin, id); status != 403 {
		t.Errorf("an inspector's request by way of an administrator: %d %s", status, text)
	}
	// A request on somebody else's device is nobody's.
	p := o.pad.Payload(event.UUID{}, &event.AuthorityRequested{Act: "device.revoked", Body: body(t, revoke), Reason: "asked"})
	p.Actor = o.boss
	line, forged := o.pad.SealPayload(p)
	o.pad.Seq, o.pad.Prev = p.Seq, forged
	o.Submit(line)
	if status, text := o.carry(boss, forged); status != 403 {
		t.Errorf("in the supervisor's name on an inspector's device: %d %s", status, text)
	}
	id = o.ask(o.bossPad, event.UUID{}, revoke)
	if status, _ := o.carry(chief, id); status != 404 {
		t.Errorf("another organisation's: %d", status)
	}
	var first, again string
	for _, into := range []*string{&first, &again} {
		status, text := o.carry(boss, id)
		if *into = text; status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	if first != again {
		t.Errorf("carried out again: %s, at first %s", again, first)
	}
	if status, text := o.carry(boss, o.ask(o.bossPad, event.UUID{}, revoke)); status != 409 || !strings.Contains(text, "revoked already") {
		t.Errorf("a second request for the same: %d %s", status, text)
	}
	// A revoked workstation asks for nothing any more, not even by what it sealed before.
	late := o.ask(o.bossPad, event.UUID{}, &event.LabelBlock{Device: o.bossPad.ID, Prefix: "B-", First: 1, Last: 2})
	o.Revoke(o.bossPad.ID, event.Digest(o.bossPad.Key.Public().ID()), "stolen")
	if status, text := o.carry(boss, late); status != 409 {
		t.Errorf("by a revoked key: %d %s", status, text)
	}
	// Who only looks decides nothing.
	auditor := o.as(o.AddPerson(o.Org, event.RoleAuditor))
	for _, path := range []string{"/desk/supervisor/requests/" + late.String(), "/desk/supervisor/ask", "/desk/supervisor/people/" + o.pad.Person.String() + "/code"} {
		if res, _ := auditor.do("POST", path, "{}", "X-CSRF-Token", auditor.csrf, "Content-Type", "application/json"); res.StatusCode != 403 {
			t.Errorf("an auditor at %s: %d", path, res.StatusCode)
		}
	}
	o.Fsck()
}

func body(t *testing.T, b event.Body) string {
	t.Helper()
	text, err := event.MarshalBody(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestACodeIsIssuedToWhoMayHaveItAndShownOnce(t *testing.T) {
	o := newOffice(t)
	boss := o.as(o.boss)
	code := func(b *browser, who event.UUID) (int, string) {
		res, page := b.form("/desk/supervisor/people/"+who.String()+"/code", map[string][]string{"csrf": {b.csrf}})
		return res.StatusCode, page
	}
	status, page := code(boss, o.pad.Person)
	if status != 200 || !strings.Contains(page, `id="code"`) || !strings.Contains(page, "<svg") {
		t.Fatalf("%d\n%s", status, page)
	}
	text := strings.Split(strings.Split(page, `id="code">`)[1], "<")[0]
	person, _, err := o.Book.SpendCode(t.Context(), text, o.pad.Key.Public().ID())
	if err != nil || person != o.pad.Person {
		t.Errorf("the code is good for %s: %v", person, err)
	}
	if res, _ := boss.form("/desk/supervisor/people/"+o.pad.Person.String()+"/code", map[string][]string{}); res.StatusCode != 403 {
		t.Errorf("without the token: %d", res.StatusCode)
	}
	admin := o.AddPerson(o.Org, event.RoleAdmin)
	o.Author(ingest.Draft{Body: &event.PersonRegistered{Person: o.pad.Person, Org: o.Org, Name: "gone", Roles: []event.Role{event.RoleInspector}, Disabled: true}})
	for name, v := range map[string]struct {
		who  event.UUID
		want int
	}{"of another organisation": {o.chief, 404}, "an administrator": {admin, 403}, "whose access has ended": {o.pad.Person, 409}} {
		if status, _ := code(boss, v.who); status != v.want {
			t.Errorf("for somebody %s: %d, want %d", name, status, v.want)
		}
	}
}

// The desk's stream tells what arrives, does not keep a session alive, and ends with it.
func TestDeskStream(t *testing.T) {
	o := newOffice(t)
	boss := o.as(o.boss)
	req, err := http.NewRequestWithContext(t.Context(), "GET", o.URL+"/desk/supervisor/stream?case="+o.caseID.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := boss.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	until := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the stream ended before it said %q", want)
	}
	until("retry:")
	o.Submit(o.pad.Note(o.caseID, "seen"))
	until(`"type":"note.written"`)
	past := time.Now().Add(-access.SessionIdle - time.Minute).UnixMicro()
	if err := o.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE sessions SET seen = $1", past)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	o.Submit(o.pad.Note(o.caseID, "not seen"))
	until(`{"why":"session"}`)
}

// A stream lasts for ever and holds up no server that stops.
func TestAStreamHoldsUpNoStop(t *testing.T) {
	o := newOffice(t)
	boss := o.as(o.boss)
	req, err := http.NewRequestWithContext(t.Context(), "GET", o.URL+"/desk/supervisor/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := boss.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	o.Stop() // fails the test where the time for draining runs out
	if data, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(data), "retry:") {
		t.Errorf("the stream ended with %q, %v", data, err)
	}
}

func TestExportsOfTheDesk(t *testing.T) {
	o := newOffice(t)
	series, instrument := o.ID(), o.ID()
	o.Submit(o.pad.Sample(o.caseID, `=HYPERLINK("http://x","y")`),
		o.pad.Seal(o.caseID, &event.AirStarted{Series: series, Instrument: instrument, Format: "generic-csv", Source: "live", Channels: []event.Channel{{Name: "=pid", Unit: "mg/m3"}}, Preamble: []byte("time,=pid\n")}),
		o.pad.Seal(o.caseID, &event.AirSegment{Series: series, N: 1, Raw: []byte("2026-05-01T00:00:00Z,1.50\n2026-05-01T00:00:01Z,-2\n2026-05-01T00:00:02Z,ERR\n"), Rows: 3}))
	boss := o.as(o.boss)
	get := func(file string) (*http.Response, string) {
		return boss.do("GET", "/desk/supervisor/cases/"+o.caseID.String()+"/export/"+file, "")
	}
	res, text := get("series-" + series.String() + ".csv")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 4 || fmt.Sprint(rows[0][4], rows[1][2:5], rows[2][4], rows[3][4:]) != "'=pid (mg/m3)[2026-05-01T00:00:00.000Z  1.50]-2[ no measurement]" {
		t.Errorf("%v %q", err, rows)
	}
	if d := res.Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment; ") || res.Header.Get("Content-Type") != "text/csv; charset=utf-8" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", res.Header)
	}
	if _, text := get("items.csv"); !strings.Contains(text, `"'=HYPERLINK`) {
		t.Errorf("items: %s", text)
	}
	_, book := get("case.xlsx")
	f, err := excelize.OpenReader(strings.NewReader(book))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := f.GetCellValue("readings 1", "E3"); err != nil || v != "-2" {
		t.Errorf("a reading in the spreadsheet: %q %v", v, err)
	}
	if v, err := f.GetCellValue("items", "A2"); err != nil || v != `=HYPERLINK("http://x","y")` {
		t.Errorf("a label in the spreadsheet: %q %v", v, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for _, file := range []string{"case.xlsx", "places.geojson", "steps.csv", "defects.csv"} {
		if res, _ := get(file); res.StatusCode != 200 {
			t.Errorf("%s: %d", file, res.StatusCode)
		}
	}
	for _, file := range []string{"secrets.csv", "items.xlsx", "items", "series-x.csv", "series-" + instrument.String() + ".csv", "..%2fitems.csv", "items.csv.csv"} {
		if res, _ := get(file); res.StatusCode != 404 {
			t.Errorf("%s: %d", file, res.StatusCode)
		}
	}
	// A chart by way of another's case, or of a channel that is not there.
	for path, want := range map[string]int{
		o.caseID.String() + "/" + series.String():                  200,
		o.caseID.String() + "/" + series.String() + "?channel=1":   404,
		o.caseID.String() + "/" + series.String() + "?buckets=0":   400,
		o.caseID.String() + "/" + series.String() + "?from=9&to=5": 400,
		o.theirs.String() + "/" + series.String():                  404,
	} {
		if res, text := boss.do("GET", "/desk/supervisor/series/"+path, ""); res.StatusCode != want {
			t.Errorf("%s: %d, want %d: %.200s", path, res.StatusCode, want, text)
		}
	}
	// Each export is on record, and the chart once, however often it was drawn.
	looks := map[string]int{}
	o.Read(func(tx *store.Tx) error {
		list, err := access.Looks(tx, o.caseID, o.boss, time.Now().Add(time.Hour), 100)
		for _, l := range list {
			looks[l.Kind+" "+l.Ref]++
		}
		return err
	})
	for what, want := range map[string]int{"case export items.csv": 1, "case export case.xlsx": 2, "case export places.geojson": 1, "series " + series.String(): 1} {
		if looks[what] != want {
			t.Errorf("%q is on record %d times, want %d: %v", what, looks[what], want, looks)
		}
	}
}

// Pages for those who look after all organisations: an administrator sees every case
// by its number, and into none without a right.
func TestAnAdministratorSeesNoEvidenceByOffice(t *testing.T) {
	o := newOffice(t)
	admin := o.as(o.AddPerson(o.Org, event.RoleAdmin))
	if _, page := admin.do("GET", "/desk/supervisor/", ""); !strings.Contains(page, "P-1") || strings.Contains(page, "/desk/supervisor/cases/"+o.theirs.String()) {
		t.Errorf("the overview of an administrator:\n%s", page)
	}
	if res, _ := admin.do("GET", "/desk/supervisor/cases/"+o.theirs.String(), ""); res.StatusCode != 404 {
		t.Errorf("another organisation's case: %d", res.StatusCode)
	}
	boss := o.as(o.boss)
	if _, page := boss.do("GET", "/desk/supervisor/", ""); strings.Contains(page, "P-1") {
		t.Error("a supervisor is told of another organisation's case")
	}
	for path, who := range map[string]event.UUID{"/desk/supervisor/people/" + o.chief.String(): o.chief} {
		if res, _ := boss.do("GET", path, ""); res.StatusCode != 404 {
			t.Errorf("%s (%s): %d", path, who, res.StatusCode)
		}
	}
	if _, page := boss.do("GET", "/desk/supervisor/devices", ""); strings.Contains(page, o.chiefPad.ID.String()) || !strings.Contains(page, o.pad.ID.String()) {
		t.Error("devices of one's own organisation, and no others, are listed")
	}
	var p projection.Person
	o.Read(func(tx *store.Tx) (err error) { p, _, err = projection.PersonByID(tx, o.chief); return err })
	if _, page := boss.do("GET", "/desk/supervisor/people", ""); strings.Contains(page, p.Login) {
		t.Error("a person of another organisation is listed")
	}
}
