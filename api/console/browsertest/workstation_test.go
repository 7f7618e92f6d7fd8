package browsertest_test

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"

	"fieldseal/api/console/browsertest"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
)

func TestWorkstationSealsAndSends(t *testing.T) {
	b, code := newBench(t)
	p := browsertest.Open(t, b.front.URL)
	p.Go("/")
	var kind string
	p.Eval(ws+`w.act([`+note(b.ID(), "x")+`]).then(() => 'sealed', (e) => e.kind))`, &kind)
	if kind != "not_enrolled" {
		t.Fatalf("without an enrolment: %s", kind)
	}
	var enrolled struct {
		Device, Key, PersonName string
		Seq                     int64
	}
	p.Eval(ws+`{ const e = await w.enrol('`+code+`'); return {Device: e.device, Key: e.key, PersonName: e.personName, Seq: e.seq}; })`, &enrolled)
	if enrolled.Seq != 1 || enrolled.PersonName != "Chen Jing 陈静" {
		t.Fatalf("%+v", enrolled)
	}
	caseID := b.ID()
	var done []outcome
	p.Eval(ws+`w.act([{type: 'case.opened', case: '`+caseID.String()+`', body: {number: 'B-1', title: '北桥', authority: 'EPB'}}, `+note(caseID, "one — 一")+`]))`, &done)
	if len(done) != 2 || done[0].Status != "accepted" || done[1].Status != "accepted" {
		t.Fatalf("%+v", done)
	}
	row, found := b.onLedger(done[1].ID)
	if !found || row.Seq != 3 || row.Index != done[1].Index {
		t.Fatalf("on the ledger: %+v %v", row, found)
	}
	var status struct {
		Waiting, Sent, Proven, Seq int64
		Alarm                      string
	}
	p.Eval(ws+`w.status())`, &status)
	if status.Proven != 3 || status.Waiting != 0 || status.Seq != 3 || status.Alarm != "" {
		t.Errorf("%+v", status)
	}
	// Two tabs of one browser at once make one chain.
	p.Eval(ws+`Promise.all([1, 2, 3, 4].map((n) => w.act([{type: 'note.written', case: '`+caseID.String()+`', body: {text: 'n' + n}}]))).then((l) => l.flat()))`, &done)
	for _, d := range done {
		if d.Status != "accepted" {
			t.Errorf("%+v", d)
		}
	}
	// The same from a second load of the page.
	p.Go("/")
	p.Eval(ws+`w.act([`+note(caseID, "after a reload")+`]))`, &done)
	if row, _ := b.onLedger(done[0].ID); row.Seq != 8 || done[0].Status != "accepted" {
		t.Errorf("%+v %+v", row, done)
	}
	// A file.
	var media struct {
		SHA256, Type string
		Size         int64
	}
	p.Eval(ws+`w.uploadMedia(new File([new Uint8Array(5_000_001).fill(7)], 'p.bin', {type: 'application/x-thing'})))`, &media)
	sha, err := event.ParseDigest(media.SHA256)
	if err != nil || media.Size != 5_000_001 {
		t.Fatalf("%+v %v", media, err)
	}
	b.Read(func(tx *store.Tx) error {
		m, found, err := projection.MediaByDigest(tx, sha)
		if !found || !m.Here() {
			t.Errorf("the file has not arrived: %+v", m)
		}
		return err
	})
	b.Fsck()
}

// Two tabs of one profile make one chain: with the browser's locks all acts are taken
// one after another, and without them an act is refused rather than sealed beside another.
func TestWorkstationInTwoTabs(t *testing.T) {
	for name, prepare := range map[string]string{"locks": `0`, "no locks": `Object.defineProperty(navigator, 'locks', {value: undefined})`} {
		t.Run(name, func(t *testing.T) {
			b, code := newBench(t)
			p := browsertest.Open(t, b.front.URL)
			p.Go("/")
			p.Eval(ws+`w.enrol('`+code+`').then(() => 0))`, nil)
			caseID := b.ID()
			p.Eval(ws+`w.act([{type: 'case.opened', case: '`+caseID.String()+`', body: {number: 'B-5', title: 't', authority: 'EPB'}}]).then(() => 0))`, nil)
			q := p.Tab()
			q.Go("/")
			var outcomes [2][]string
			var both sync.WaitGroup
			for i, tab := range []*browsertest.Page{p, q} {
				tab.Eval(prepare, nil)
				both.Go(func() {
					err := tab.TryEval(ws+`Promise.all([1, 2, 3, 4, 5, 6].map((n) => w.act([{type: 'note.written', case: '`+caseID.String()+`', body: {text: 'n' + n}}]).then(([r]) => r.status, (e) => e.name))))`, &outcomes[i])
					if err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
			sealed := 0
			for _, o := range slices.Concat(outcomes[0], outcomes[1]) {
				switch o {
				case "accepted", "waiting":
					sealed++
				case "Moved":
				default:
					t.Errorf("an act came to %q", o)
				}
			}
			if name == "locks" && sealed != 12 || sealed == 0 {
				t.Errorf("%d of 12 acts were sealed: %v", sealed, outcomes)
			}
			p.Eval(ws+`w.send())`, nil)
			var status struct {
				Seq, Proven, Waiting, Quarantined int64
				Hold, Alarm                       string
			}
			p.Eval(ws+`w.status())`, &status)
			if status.Seq != int64(sealed)+2 || status.Proven+status.Waiting != status.Seq || status.Quarantined > 0 || status.Hold+status.Alarm != "" {
				t.Errorf("%d acts were sealed: %+v", sealed, status)
			}
			b.Fsck()
		})
	}
}

// What was sealed while the server could not be reached, or whose answer was lost, is
// sent again with the same bytes and is there once.
func TestWorkstationKeepsWhatIsNotAcknowledged(t *testing.T) {
	b, code := newBench(t)
	p := browsertest.Open(t, b.front.URL)
	p.Expect("502")
	p.Go("/")
	p.Eval(ws+`w.enrol('`+code+`').then(() => 0))`, nil)
	caseID := b.ID()
	batches := "/v1/batches"
	b.lose.Store(&batches)
	var done []outcome
	p.Eval(ws+`w.act([{type: 'case.opened', case: '`+caseID.String()+`', body: {number: 'B-2', title: 't', authority: 'EPB'}}]))`, &done)
	if done[0].Status != "waiting" {
		t.Fatalf("%+v", done)
	}
	if _, found := b.onLedger(done[0].ID); !found {
		t.Fatal("the server has not got what it acknowledged in vain")
	}
	var lines string
	p.Eval(ws+`(await w.unsent()).text())`, &lines)
	if strings.Count(lines, "\n") != 1 {
		t.Errorf("unsent: %s", lines)
	}
	// Another tab finds it waiting; the server answers "duplicate", which is as good.
	b.lose.Store(nil)
	p.Go("/")
	var status struct{ Waiting, Proven int64 }
	p.Eval(ws+`{ await w.send(); return w.status(); })`, &status)
	if status.Waiting != 0 || status.Proven != 2 {
		t.Errorf("%+v", status)
	}
	// Nothing is sealed while it cannot be checked.
	b.down.Store(true)
	var kind string
	p.Eval(ws+`w.act([`+note(caseID, "x")+`]).then(() => 'sealed', (e) => e.name + ' ' + e.kind))`, &kind)
	if !strings.HasPrefix(kind, "ActError") {
		t.Errorf("with the server down: %s", kind)
	}
	b.down.Store(false)
	p.Eval(ws+`w.act([`+note(caseID, "up again")+`]))`, &done)
	if row, _ := b.onLedger(done[0].ID); row.Seq != 3 {
		t.Errorf("%+v", row)
	}
}

// What was said to be sealed survives a browser that is killed the moment after, and is
// handed in by the next one from the same profile, with the same key and the same bytes.
func TestWorkstationSurvivesAKilledBrowser(t *testing.T) {
	b, code := newBench(t)
	dir := t.TempDir()
	p, kill := browsertest.OpenProfile(t, b.front.URL, dir)
	p.Expect("502")
	p.Go("/")
	p.Eval(ws+`w.enrol('`+code+`').then(() => 0))`, nil)
	caseID := b.ID()
	batches, uploads := "/v1/batches", "/v1/media"
	b.lose.Store(&batches)
	var done []outcome
	p.Eval(ws+`w.act([{type: 'case.opened', case: '`+caseID.String()+`', body: {number: 'B-6', title: 't', authority: 'EPB'}}, `+note(caseID, "kept — 保留")+`]))`, &done)
	if len(done) != 2 || done[1].Status != "waiting" {
		t.Fatalf("%+v", done)
	}
	b.lose.Store(&uploads)
	var media struct{ SHA256 string }
	p.Eval(ws+`w.uploadMedia(new File(['a photo that waits'], 'p.jpg', {type: 'image/jpeg'})))`, &media)
	kill()
	b.lose.Store(nil)

	q, _ := browsertest.OpenProfile(t, b.front.URL, dir)
	q.Go("/")
	var status struct{ Seq, Waiting, Proven, Files int64 }
	q.Eval(ws+`{ await w.send(); return w.status(); })`, &status)
	if status.Seq != 3 || status.Proven != 3 || status.Waiting+status.Files != 0 {
		t.Errorf("after the crash: %+v", status)
	}
	for _, d := range done {
		if _, found := b.onLedger(d.ID); !found {
			t.Errorf("%s is not on the ledger", d.ID)
		}
	}
	q.Eval(ws+`w.act([`+note(caseID, "and on")+`]))`, &done)
	if row, found := b.onLedger(done[0].ID); !found || row.Seq != 4 {
		t.Errorf("%+v %+v", row, done)
	}
	b.Fsck()
}

// A profile from a backup must not fork the chain.
func TestWorkstationRestoredFromABackupIsHeld(t *testing.T) {
	b, code := newBench(t)
	p := browsertest.Open(t, b.front.URL)
	p.Go("/")
	p.Eval(ws+`w.enrol('`+code+`').then(() => 0))`, nil)
	caseID := b.ID()
	p.Eval(ws+`w.act([{type: 'case.opened', case: '`+caseID.String()+`', body: {number: 'B-3', title: 't', authority: 'EPB'}}]))`, nil)
	// The record of the workstation as it was before the next act.
	p.Eval(`import('/js/store.js').then(async (s) => { window.old = await s.workstation('`+b.person.String()+`'); })`, nil)
	p.Eval(ws+`w.act([`+note(caseID, "later")+`]))`, nil)
	p.Eval(`import('/js/store.js').then((s) => s.change(['workstations', 'events'], (tx) => { tx.objectStore('workstations').put(window.old); tx.objectStore('events').delete([window.old.device, 3]); }))`, nil)
	var kind string
	p.Eval(ws+`w.act([`+note(caseID, "a fork")+`]).then(() => 'sealed', (e) => e.kind))`, &kind)
	if kind != "held" {
		t.Fatalf("a restored profile sealed: %s", kind)
	}
	p.Go("/")
	p.Eval(ws+`w.act([`+note(caseID, "a fork")+`]).then(() => 'sealed', (e) => e.kind))`, &kind)
	if kind != "held" {
		t.Errorf("after a reload: %s", kind)
	}
	// A new code makes another workstation of the same browser.
	p.Eval(ws+`w.enrol('`+b.Code(b.person)+`').then(() => 0))`, nil)
	var done []outcome
	p.Eval(ws+`w.act([`+note(caseID, "anew")+`]))`, &done)
	if row, found := b.onLedger(done[0].ID); !found || row.Seq != 2 {
		t.Errorf("%+v %+v", row, done)
	}
	b.Fsck()
}

// A server that lies is not believed: evidence is kept and sealing stops.
func TestWorkstationDoesNotBelieveALiar(t *testing.T) {
	lies := map[string]func(path string, body []byte) []byte{
		"another id": func(path string, body []byte) []byte {
			if path != "/v1/batches" {
				return body
			}
			return bytes.Replace(body, []byte(`"id":"`), []byte(`"id":"0`), 1)
		},
		"another root": func(path string, body []byte) []byte {
			if path != "/v1/batches" {
				return body
			}
			i := bytes.Index(body, []byte(`=\n\n`))
			out := bytes.Clone(body)
			if i > 10 {
				out[i-5] ^= 1
			}
			return out
		},
		"a false proof": func(path string, body []byte) []byte {
			if path != "/v1/log/proofs" {
				return body
			}
			i := bytes.Index(body, []byte(`"hashes":["`))
			out := bytes.Clone(body)
			out[i+15] = out[i+15]&^1 | (out[i+15]+1)&1
			return out
		},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			b, code := newBench(t)
			p := browsertest.Open(t, b.front.URL)
			p.Go("/")
			p.Eval(ws+`w.enrol('`+code+`').then(() => 0))`, nil)
			caseID := b.ID()
			b.change.Store(&lie)
			p.Eval(ws+`w.act([{type: 'case.opened', case: '`+caseID.String()+`', body: {number: 'B-4', title: 't', authority: 'EPB'}}]))`, nil)
			b.change.Store(nil)
			var kind string
			p.Eval(ws+`w.act([`+note(caseID, "x")+`]).then(() => 'sealed', (e) => e.kind))`, &kind)
			if kind != "alarm" {
				t.Errorf("after the lie: %s", kind)
			}
			var kept int
			p.Eval(`import('/js/store.js').then(async (s) => (await s.faults()).length)`, &kept)
			if kept != 1 {
				t.Errorf("%d pieces of evidence are kept", kept)
			}
		})
	}
	t.Run("an enrolment for another key", func(t *testing.T) {
		b, code := newBench(t)
		p := browsertest.Open(t, b.front.URL)
		p.Go("/")
		other := b.AddDevice()
		row, _ := b.onLedger(other.Enrolment.String())
		lie := func(path string, body []byte) []byte {
			if path != "/v1/enrol" {
				return body
			}
			return swapEnrolment(t, body, row.Line)
		}
		b.change.Store(&lie)
		var kind string
		p.Eval(ws+`w.enrol('`+code+`').then(() => 'enrolled', (e) => e.kind + ': ' + e.message))`, &kind)
		if !strings.HasPrefix(kind, "alarm: ") {
			t.Errorf("%s", kind)
		}
		b.change.Store(nil)
		p.Eval(ws+`w.enrol('`+code+`').then(() => 'enrolled', (e) => e.kind + ': ' + e.message))`, &kind)
		if kind != "enrolled" {
			t.Errorf("the honest answer to the same request: %s", kind)
		}
	})
}

// What somebody else sealed is handed in only where the server answers for that very event.
func TestDeliverDoesNotBelieveALiar(t *testing.T) {
	b, _ := newBench(t)
	dev := b.AddDevice()
	b.Submit(dev.Genesis())
	caseID, line := dev.OpenCase("B-7")
	p := browsertest.Open(t, b.front.URL)
	p.Go("/")
	deliver := func(line []byte) (said string) {
		p.Eval(`import('/js/handin.js').then((h) => h.deliver([`+jsText(t, string(line))+`])).then(() => 'taken', (e) => e.name)`, &said)
		return said
	}
	lie := func(path string, body []byte) []byte {
		return bytes.Replace(body, []byte(`"id":"`), []byte(`"id":"0`), 1)
	}
	b.change.Store(&lie)
	if said := deliver(line); said != "ServerFault" {
		t.Errorf("with another id: %s", said)
	}
	b.change.Store(nil)
	if said := deliver(line); said != "taken" {
		t.Errorf("honestly: %s", said)
	}
	if said := deliver(dev.Fork().Note(caseID, "a")); said != "taken" {
		t.Errorf("the next event: %s", said)
	}
	if said := deliver(dev.Fork().Note(caseID, "b")); said != "ServerFault" {
		t.Errorf("a fork: %s", said)
	}
}

// A revoked workstation seals nothing more, and says why.
func TestWorkstationRevoked(t *testing.T) {
	b, code := newBench(t)
	p := browsertest.Open(t, b.front.URL)
	p.Go("/")
	var ids struct{ Device, Key string }
	p.Eval(ws+`{ const e = await w.enrol('`+code+`'); return {Device: e.device, Key: e.key}; })`, &ids)
	device, err := event.ParseUUID(ids.Device)
	if err != nil {
		t.Fatal(err)
	}
	key, err := event.ParseDigest(ids.Key)
	if err != nil {
		t.Fatal(err)
	}
	b.Revoke(device, key, "lost")
	var kind string
	p.Eval(ws+`w.act([`+note(b.ID(), "x")+`]).then(() => 'sealed', (e) => e.kind))`, &kind)
	if kind != "revoked" {
		t.Error(kind)
	}
}

// swapEnrolment puts another enrolment into an answer.
func swapEnrolment(t *testing.T, body, line []byte) []byte {
	var a wire.Enrolled
	if err := json.Unmarshal(body, &a); err != nil {
		t.Error(err)
		return body
	}
	a.Enrolment = string(line)
	out, err := json.Marshal(a)
	if err != nil {
		t.Error(err)
	}
	return out
}
