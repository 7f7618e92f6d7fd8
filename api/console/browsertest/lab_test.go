package browsertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fieldseal/api/console/browsertest"
	"fieldseal/sync/event"

	"github.com/chromedp/chromedp/kb"
)

// hostile is a label that somebody in the field has sealed.
const hostile = `<img src=x onerror="document.title='owned'">"'&`

// The laboratory's main job, by people with nothing but a browser: enrol, receive a
// shipment item by item, check in, keep, take a part, measure, review and approve.
// What is judged in the end is the ledger.
func TestLabDesk(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) { labJob(t, lang) })
	}
}

func labJob(t *testing.T, lang string) {
	s := newScene(t)
	s.collect([4]string{"W-001", "voa", "HCl", "VOA vial"}, [4]string{"W-002", "metals", "HNO3", "PE"}, [4]string{"W-003", "bod", "none", "glass"},
		[4]string{"W-004", "metals", "HNO3", "PE"}, [4]string{hostile, "metals", "HNO3", "PE"})
	handover := s.offer(s.lab, "Northern Environmental Laboratory", "W-001", "W-002", "W-003", "W-004", hostile)
	chen := s.person("Chen Jing 陈静", s.lab, event.RoleAnalyst)
	j := &labRun{scene: s, t: t, lang: lang, who: chen, p: s.signIn(chen, lang)}
	j.enrolled()
	j.received(handover.String())
	j.checkedIn()
	j.kept()
	j.measured()
	j.signed()
	s.Fsck()
}

// labRun is one analyst's day.
type labRun struct {
	*scene
	t    *testing.T
	lang string
	who  who
	p    *browsertest.Page
}

// shot audits the page and keeps a picture of it.
func (j *labRun) shot(name string) {
	j.t.Helper()
	j.p.Audit()
	j.p.Shot("lab-" + name + "." + j.lang)
}

// small audits the page in the window of a phone.
func (j *labRun) small(name string) {
	j.t.Helper()
	j.p.Size(360, 800)
	j.shot(name)
	j.p.Size(1280, 900)
}

func (j *labRun) item(label string, more string) string {
	return j.path("/items/sample/%s%s", j.samples[label], more)
}

func (j *labRun) enrolled() {
	p := j.p
	p.Go("/desk/lab/")
	p.See("#not-enrolled")
	p.Go("/desk/workstation")
	p.See("#enrol")
	j.shot("enrol")
	p.Fill("#code", "not a code")
	p.Expect("status of 410")
	p.Click("#enrol button.primary")
	p.See("#enrol .error")
	j.enrol(p, j.who)
	j.shot("workstation")
	p.Go("/desk/lab/")
	p.SeeText("#incoming", "(2026) 0417")
	p.Gone("#not-enrolled")
	j.shot("home")
}

func (j *labRun) received(handover string) {
	p := j.p
	p.Click("#incoming a")
	p.SeeText("#progress", "5")
	if title := p.Text("h1"); !strings.Contains(title, handover[:12]) {
		j.t.Errorf("the page is %q", title)
	}
	// The label of somebody with bad intent is a text and nothing else.
	p.Until(`document.title !== 'owned' && !document.querySelector('main img') && [...document.querySelectorAll('#manifest th')].some((e) => e.textContent === ` + jsText(j.t, hostile) + `)`)
	p.Until(`document.getElementById('accept').disabled`)
	p.Type("#scan-text", "W-001\r")
	p.Until(`document.querySelector('#manifest tr.now').dataset.label === 'W-001'`)
	p.Type("#scan-text", "C-W-001\r") // the seal's own number, scanned next
	p.Click(`#manifest tr[data-label="W-001"] input[value=intact]`)
	p.Type("#scan-text", "W-002\r")
	p.Click(`#manifest tr[data-label="W-002"] input[value=broken]`)
	p.Type("#scan-text", "STRANGE-9\r")
	p.SeeText("#unexpected", "STRANGE-9")
	j.shot("receiving")
	// Half done, the page is loaded again: another day.
	p.Until(`import('` + j.asset(p, "store.js") + `').then((s) => s.draft(document.querySelector('meta[name=person]').content, 'shipment-` + handover + `')).then((d) => d.unexpected.length === 1)`)
	p.Go(p.Path())
	p.See("#resumed")
	p.SeeText("#progress", "2")
	p.Until(`document.querySelector('#manifest tr[data-label="W-001"] input[type=text]').value === 'C-W-001'`)
	p.Type("#scan-text", "W-003\r")
	p.Click(`#manifest tr[data-label="W-003"] input[value=intact]`)
	p.Click(`#manifest tr[data-label="W-004"] button:nth-of-type(2)`)
	p.Eval(`[...document.querySelectorAll('#manifest tr')].find((r) => r.dataset.label === `+jsText(j.t, hostile)+`).querySelector('button').click()`, nil)
	p.Eval(`[...document.querySelectorAll('#manifest tr')].find((r) => r.dataset.label === `+jsText(j.t, hostile)+`).querySelector('input[value=intact]').click()`, nil)
	p.Until(`document.getElementById('accept').disabled`) // the unexpected thing is not explained yet
	p.Fill("#unexpected input", "An empty bottle of the courier's, kept aside")
	p.Until(`!document.getElementById('accept').disabled`)
	p.Click("#accept") // the count is still to be said
	p.See("#close .error")
	p.Fill("#count", "5")
	p.Fill("#temp", "4.2")
	j.small("receiving-360")
	// A server that shows other terms than the giver sealed is not received from.
	p.Eval(`fetch('/v1/events/'+JSON.parse(document.getElementById('shipment').textContent).offer).then((r) => r.json()).then((v) => {
		const swap = JSON.parse(v.envelope);
		const p = new TextDecoder().decode(Uint8Array.from(atob(swap.payload), (c) => c.charCodeAt(0)));
		swap.payload = btoa(String.fromCharCode(...new TextEncoder().encode(p.replace('Gate 2', 'Gate 3'))));
		globalThis.honest = globalThis.fetch;
		globalThis.fetch = (path, ...more) => String(path).startsWith('/v1/events/') ? Promise.resolve(Response.json({...v, envelope: JSON.stringify(swap)})) : honest(path, ...more);
	})`, nil)
	p.Click("#accept")
	p.See("#close .note.bad")
	p.Eval(`{ globalThis.fetch = honest; }`, nil)
	p.Click("#accept")
	p.Until(`location.pathname === '/desk/lab/' && document.querySelector('#checkin td')`)
	r := j.record()
	if len(r.Handovers) != 1 || r.Handovers[0].State != "complete" {
		j.t.Errorf("the handover: %+v", r.Handovers)
	}
	if it := j.scene.item("W-004"); it.State != "missing" {
		j.t.Errorf("W-004 is %s", it.State)
	}
	j.shot("home-received")
}

// asset is the address of a script on the page.
func (j *labRun) asset(p *browsertest.Page, name string) (path string) {
	p.Eval(`document.querySelector('script[type=module]').src.replace(/desk\.js$/, '')`, &path)
	return path + name
}

// answer ticks the radio buttons of a form.
func answer(p *browsertest.Page, values ...string) {
	for i := 0; i < len(values); i += 2 {
		p.Click(fmt.Sprintf(`input[name=%s][value=%s]`, values[i], values[i+1]))
	}
}

func (j *labRun) checkedIn() {
	p := j.p
	p.Go(j.item("W-001", "/checkin"))
	p.Click("#checkin button.primary") // nothing is answered
	p.Until(`document.querySelectorAll('#checkin .error').length >= 7`)
	p.Type("#label_read", "W-001\r")
	answer(p, "label_agrees", "yes", "seal", "intact", "container_intact", "yes", "on_ice", "yes", "ph_ok", "yes", "decision", "accept")
	p.Fill("#cooler_temp_c", "9.5")
	p.Fill("#headspace_mm", "7")
	p.Until(`document.querySelectorAll('#warnings li').length === 3`)
	j.shot("checkin-warned")
	answer(p, "decision", "accept_with_qualifier")
	p.Fill("#cooler_temp_c", "4.2")
	p.Fill("#ph", "1.80")
	p.Fill("#seal_no", "C-W-001")
	p.Fill("#qualifier", "Bubble of 7 mm; results may be low 气泡 7 mm，结果可能偏低")
	p.Fill("#lab_id", "L26-0441")
	p.Fill("#storage_location", "cold room 2, shelf 4")
	j.shot("checkin")
	p.Click("#checkin button.primary")
	p.Until(`document.querySelector('.steps') && document.body.textContent.includes('L26-0441')`)
	j.shot("item")

	// Rejected, with a photo.
	p.Go(j.item("W-002", "/checkin"))
	p.Type("#label_read", "W-002")
	answer(p, "label_agrees", "yes", "seal", "broken", "container_intact", "no", "on_ice", "yes", "ph_ok", "not_applicable", "decision", "reject")
	p.Fill("#reason", "Leaking, seal broken")
	p.Click("#checkin button.primary")
	p.SeeText("#checkin .error", map[string]string{"en": "photo", "zh": "照片"}[j.lang])
	photo := filepath.Join(j.t.TempDir(), "leak.png")
	if err := os.WriteFile(photo, onePixel, 0o600); err != nil {
		j.t.Fatal(err)
	}
	p.File("#photo", photo)
	p.Click("#checkin button.primary")
	p.See(".steps")

	p.Go(j.item("W-003", "/checkin"))
	p.Type("#label_read", "W-003")
	answer(p, "label_agrees", "yes", "seal", "intact", "container_intact", "yes", "on_ice", "yes", "ph_ok", "not_applicable", "decision", "accept")
	p.Fill("#cooler_temp_c", "4.2")
	p.Fill("#seal_no", "C-W-003")
	p.Fill("#lab_id", "L26-0442")
	p.Fill("#storage_location", "cold room 2, shelf 4")
	p.Click("#checkin button.primary")
	p.See(".steps")
	if it := j.scene.item("W-002"); it.State != "rejected" || it.Accessions[0].Reason != "Leaking, seal broken" {
		j.t.Errorf("W-002: %s %+v", it.State, it.Accessions)
	}
	p.Go("/desk/lab/")
	p.SeeText("#risk", "W-003")
	j.shot("home-checked-in")
	j.small("home-360")
	p.Go(j.item("W-001", ""))
	j.small("item-360")
	p.Go(j.item("W-001", "/checkin"))
	j.small("checkin-360")
	p.Go(j.item("W-001", ""))
	p.Go(j.path("/labels?item=sample:%s,sample:%s", j.samples["W-001"], j.samples["W-003"]))
	p.See(".labels svg")
	j.shot("labels")
}

func (j *labRun) kept() {
	p := j.p
	j.byKeyboard()
	j.byCamera()
	j.withdrawn()

	p.Go(j.item("W-001", "/subsample"))
	p.Until(`document.querySelector('#label').value === 'W-001-1'`)
	p.Eval(`document.querySelector('#kind').value = 'aliquot'`, nil)
	p.Fill("#mass_in", "500")
	p.Fill("#mass_out", "600")
	p.Click("#keep button.primary")
	p.See("#keep .error")
	p.Fill("#mass_out", "40.5")
	p.SeeText("#balance", "459.5")
	j.shot("subsample")
	p.Click("#keep button.primary")
	p.SeeText("main", "W-001-1")

	p.Go(j.item("W-003", "/hold"))
	p.Fill("#authority", "People's Procuratorate 人民检察院")
	p.Fill("#reason", "Evidence in case 0417")
	p.Click("#keep button.primary")
	p.See(".acts .note")
	p.Go(j.item("W-003", "/dispose"))
	p.See(".note.bad") // not under a hold
	p.Gone("#keep button.danger")
	j.shot("dispose-held")
	p.Go(j.item("W-003", "/release"))
	p.Eval(`document.querySelector('#hold').selectedIndex = 1`, nil)
	p.Fill("#authority", "People's Procuratorate 人民检察院")
	p.Fill("#reason", "The case is decided")
	p.Click("#keep button.primary")
	p.Until(`document.querySelector('.acts') && !document.querySelector('.acts .note')`)
	p.Go(j.item("W-003", "/dispose"))
	answer(p, "hold_checked", "no")
	for id, text := range map[string]string{"#authority": "Head of the laboratory", "#method": "Licensed incineration", "#witness": "Wang Fang 王芳", "#left": "120", "#left_unit": "mL"} {
		p.Fill(id, text)
	}
	p.Click("#keep button.danger")
	p.See("#keep .error")
	answer(p, "hold_checked", "yes")
	j.shot("dispose")
	p.Click("#keep button.danger")
	p.See(".steps")
	if it := j.scene.item("W-003"); it.State != "disposed" {
		j.t.Errorf("W-003 is %s", it.State)
	}
	if it := j.scene.item("W-001"); it.Balance == nil || it.Balance.Left.String() != "459.5" || it.Holder.Location != "cold room 1" {
		j.t.Errorf("W-001: %+v %+v", it.Balance, it.Holder)
	}
}

// byKeyboard moves the sample without a mouse: Tab, arrows, letters, Enter.
func (j *labRun) byKeyboard() {
	p := j.p
	p.Go(j.item("W-001", "/store"))
	p.See("#keep")
	j.tabTo(`document.activeElement.name === 'move'`)
	p.Keys(kb.ArrowDown + kb.ArrowUp + kb.ArrowDown)
	p.Until(`document.querySelector('input[name=move]:checked').value === 'moved'`)
	j.tabTo(`document.activeElement.id === 'location'`)
	p.Eval(`document.activeElement.select()`, nil)
	p.Keys("cold room 1")
	j.tabTo(`document.activeElement.matches('#keep button.primary')`)
	p.Keys(kb.Enter)
	p.SeeText("#keep .error", map[string]string{"en": "needed", "zh": "必填"}[j.lang])
	p.Until(`document.activeElement.id === 'reason'`) // the focus is where the fault is
	p.Keys("Shelf 4 is being cleaned")
	p.Gone("#keep .error")
	j.tabTo(`document.activeElement.matches('#keep button.primary')`)
	p.Keys(kb.Enter)
	p.SeeText(".steps", "cold room 1")
}

// tabTo presses Tab until the focus is where an expression says.
func (j *labRun) tabTo(expression string) {
	j.t.Helper()
	const most = 60 // more than a page has places for the focus
	for range most {
		var there bool
		j.p.Eval(expression, &there)
		if there {
			return
		}
		j.p.Keys(kb.Tab)
	}
	j.t.Fatalf("the Tab key does not lead to %s", expression)
}

// withdrawn puts a wrong place on record and takes it back: it stays, and counts for nothing.
func (j *labRun) withdrawn() {
	p := j.p
	p.Go(j.item("W-001", "/store"))
	answer(p, "move", "moved")
	p.Fill("#location", "cold room 99")
	p.Fill("#reason", "A slip of the hand")
	p.Click("#keep button.primary")
	p.SeeText(".factgrid", "cold room 99")
	p.Click(".steps li:last-child a.quiet")
	p.SeeText("#keep", "cold room 99")
	p.Fill("#reason", "The wrong room was typed")
	p.Click("#keep button.primary")
	p.See(".steps .voided")
	p.SeeText(".factgrid", "cold room 1")
	if it := j.scene.item("W-001"); it.Holder.Location != "cold room 1" {
		j.t.Errorf("W-001 is at %s", it.Holder.Location)
	}
}

// byCamera scans a label with the camera: where the browser cannot read codes it says
// so, and where it can the label opens its item.
func (j *labRun) byCamera() {
	p := j.p
	p.Go("/desk/lab/")
	p.Eval(`delete globalThis.BarcodeDetector`, nil)
	p.Click("[data-camera]")
	p.See("#scan .bad")
	p.Eval(`globalThis.BarcodeDetector = class { async detect() { return [{ rawValue: 'W-001' }]; } }`, nil)
	p.Click("[data-camera]")
	p.Until(`location.pathname.includes('` + j.samples["W-001"].String() + `')`)
}

// goodFile is a laboratory's file as such files are, for the samples of the scene.
const goodFile = "\ufeffsys_loc_code,sys_sample_code,sample_date,sample_matrix_code,chemical_name,cas_rn,result_value,result_unit,detect_flag,analytical_method,reporting_detection_limit,analysis_date\r\n" +
	"MW1,%[1]s,%[2]s,WG,Benzene,71-43-2,12.40,ug/l,Y,HJ 639-2012,0.5,%[3]s\r\n" +
	"MW1,%[1]s,%[2]s,WG,\"<b>Toluene</b>\",108-88-3,3.1,ug/l,Y,HJ 639-2012,0.5,%[3]s\r\n"

func (j *labRun) measured() {
	p := j.p
	p.Go(j.path("/results?item=sample:%s", j.samples["W-001"]))
	p.Fill("#report_no", "R-2026-311")
	p.Fill("[data-name=analyte]", "Benzene")
	p.Fill("[data-name=cas]", "71-43-3")
	p.Fill("[data-name=method]", "HJ 639-2012")
	p.Fill("[data-name=text]", "12.40")
	p.Fill("[data-name=unit]", "ug/L")
	p.Eval(`import('`+j.asset(p, "form.js")+`').then((f) => { document.querySelector('[data-name=analysed]').value = f.localValue(new Date()); })`, nil)
	p.Click("#results button.primary")
	p.See("#results .error")
	p.Fill("[data-name=cas]", "71-43-2")
	j.shot("results")
	p.Click("#results button.primary")
	p.Until(`location.pathname === '/desk/lab/' && document.querySelector('#reports td')`)

	// A file: first one for a sample that is not here, then the right one.
	today, dir := j.field.Clock.Format("2006-01-02"), j.t.TempDir()
	write := func(name, sample string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, fmt.Appendf(nil, goodFile, sample, today, j.now()), 0o600); err != nil {
			j.t.Fatal(err)
		}
		return path
	}
	p.Go(j.path("/import"))
	p.File("#file", write("wrong.csv", "MW-77"))
	p.Fill("#report_no", "R-2026-312")
	p.Click("#import button.primary")
	p.See("#preview .note.bad")
	p.Gone("#preview button.primary")
	p.SeeText("#preview .match", "MW-77")
	j.shot("import-bad")
	sheet := filepath.Join(dir, "results.csv")
	if err := os.WriteFile(sheet, []byte("PK\x03\x04\x14\x00\x06\x00 a spreadsheet under a false name"), 0o600); err != nil {
		j.t.Fatal(err)
	}
	p.Expect("status of 415")
	p.File("#file", sheet)
	p.Click("#import button.primary")
	p.SeeText("#import .error", "CSV")
	p.File("#file", write("right.csv", "W-001"))
	p.Click("#import button.primary")
	p.See("#preview .note.ok")
	p.Until(`!document.querySelector('#preview b') && document.querySelector('#preview').textContent.includes('<b>Toluene</b>')`)
	j.shot("import")
	p.Click("#preview button.primary")
	p.Until(`location.pathname === '/desk/lab/' && document.querySelectorAll('#reports tbody tr').length === 2`)
	if it := j.scene.item("W-001"); len(it.Results) != 3 {
		j.t.Errorf("W-001 has %d results", len(it.Results))
	}
}

// now is a time that the file states, later than the check-in.
func (j *labRun) now() string {
	var text string
	j.p.Eval(`new Date().toISOString().slice(0, 16).replace('T', ' ') + ':59'`, &text)
	return text[:16]
}

// signed has the report signed by three people, and nobody twice.
func (j *labRun) signed() {
	p := j.p
	var report string
	p.Eval(`[...document.querySelectorAll('#reports a')].find((a) => a.textContent === 'R-2026-311').getAttribute('href')`, &report)
	p.Go(report)
	p.SeeText("#results", "12.40")
	if n := j.count(p, "#signatures form"); n != 1 {
		j.t.Errorf("the analyst is offered %d signatures", n)
	}
	// A page that shows another result than the one that was sealed is not signed.
	p.Eval(`document.querySelector('[data-cell=text]').textContent = '0.12'`, nil)
	p.Click("#signatures form[data-as=analyst] button")
	p.See("#signatures .note.bad")
	p.Go(report)
	p.Click("#signatures form[data-as=analyst] button")
	p.SeeText("#signatures", "Chen Jing")
	p.Until(`!document.querySelector('#signatures form')`) // neither review nor approval is theirs
	j.shot("report-analyst")
	for i, as := range []string{"reviewer", "approver"} {
		w := j.person([]string{"Zhao Min 赵敏", "Sun Lei 孙磊"}[i], j.lab, event.RoleAnalyst)
		q := j.signIn(w, j.lang)
		j.enrol(q, w)
		q.Go(report)
		q.Fill(fmt.Sprintf("form[data-as=%s] textarea", as), "Checked against the bench sheet")
		q.Click(fmt.Sprintf("#signatures form[data-as=%s] button", as))
		q.SeeText("#signatures", []string{"Zhao Min", "Sun Lei"}[i])
		q.Until(`!document.querySelector('#signatures form')`) // whoever reviewed does not approve as well
		if as == "approver" {
			q.Audit()
			q.Shot("lab-report." + j.lang)
			q.Size(360, 800)
			q.Audit()
			q.Shot("lab-report-360." + j.lang)
		}
	}
	r := j.record()
	for _, d := range r.Defects {
		if d.Item != nil && d.Item.Kind == "report" && d.Code == "REPORT_SIGNERS_INCOMPLETE" && !strings.Contains(d.Explanation.EN, "R-2026-312") {
			j.t.Errorf("%s: %s", d.Code, d.Explanation.EN)
		}
	}
	sealed := j.sealedBy(j.who.ID)
	for _, want := range []event.Type{event.TypeDeviceGenesis, event.TypeCustodyAccepted, event.TypeLabAccessioned, event.TypeStorageMoved, event.TypeSubsampleMade,
		event.TypeHoldPlaced, event.TypeHoldReleased, event.TypeItemDisposed, event.TypeResultsReported, event.TypeReportSigned} {
		if !slices.Contains(sealed, want) {
			j.t.Errorf("the ledger has no %s of the workstation's: %v", want, sealed)
		}
	}
}

func (j *labRun) count(p *browsertest.Page, selector string) (n int) {
	p.Eval(fmt.Sprintf(`document.querySelectorAll(%q).length`, selector), &n)
	return n
}

// onePixel is a PNG of one pixel.
var onePixel = []byte{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 0x0d, 'I', 'H', 'D', 'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 0x90, 'w', 'S', 0xde,
	0, 0, 0, 0x0c, 'I', 'D', 'A', 'T', 8, 0xd7, 'c', 0xf8, 0xff, 0xff, '?', 0, 5, 0xfe, 2, 0xfe, 0xdc, 0xcc, 'Y', 0xe7, 0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 'B', 0x60, 0x82}
