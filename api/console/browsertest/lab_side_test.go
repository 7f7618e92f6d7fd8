package browsertest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/mobile-contract/device/carry"
	"fieldseal/sync/event"
)

// An offer that was made without a network and shown to the laboratory as codes is
// handed in by the browser that reads them, and received.
func TestLabOfferShownAtTheDoor(t *testing.T) {
	s := newScene(t)
	s.collect([4]string{"W-001", "voa", "HCl", "VOA vial"})
	s.field.Note(s.caseID, "sealed before the offer, and still on the giver's device")
	handover, line := s.offered(s.lab, "Northern Environmental Laboratory", "W-001")
	parts, err := carry.Encode(carry.Message{Kind: carry.Offer, Handover: handover, Lines: [][]byte{line}}, nil, 400)
	if err != nil || len(parts) < 2 {
		t.Fatalf("%d parts: %v", len(parts), err)
	}
	chen := s.person("Chen Jing", s.lab, event.RoleAnalyst)
	p := s.signIn(chen, "en")
	s.enrol(p, chen)
	p.Expect("status of 409")
	p.Expect("status of 400")
	p.Go("/desk/lab/")
	p.See("#incoming .empty")
	p.Click("#offer-box summary")
	p.Fill("#offer-text", "FS1:1/1:00000000:AAAA")
	p.Click("#offer button")
	p.See("#offer .error")
	p.Fill("#offer-text", "")
	for i, part := range parts {
		p.Type("#scan-text", part+"\r")
		if i < len(parts)-1 {
			p.SeeText("#offer .error", "are missing")
		}
	}
	p.See("#manifest")
	p.Audit()
	p.Type("#scan-text", "W-001\r")
	p.Click(`#manifest tr[data-label="W-001"] input[value=intact]`)
	p.Fill("#count", "1")
	p.Click("#accept")
	p.SeeText("#checkin", "W-001")
	if it := s.item("W-001"); it.Holder == nil || it.Holder.Org != s.lab {
		t.Errorf("W-001 is with %+v", it.Holder)
	}
	s.Fsck()
}

// A real deliverable of some 1,400 results is read, matched, sealed in parts by the
// browser, all of them or none, and signed by its analyst over all parts.
func TestLabImportsARealFile(t *testing.T) {
	const path = "../../../../shared/data/lab/metals-results.csv"
	if _, err := os.Stat(path); os.IsNotExist(err) {
		t.Skip("the laboratory file of ../shared/data is not here")
	}
	s, chen, _ := received(t)
	p := s.signIn(chen, "en")
	s.enrol(p, chen)
	p.Go(s.path("/import"))
	file, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	p.File("#file", file)
	p.Fill("#report_no", "R-2026-900")
	p.Eval(`document.querySelector('#dates').value = 'mdy'`, nil)
	p.Click("#import button.primary")
	p.See("#preview .match")
	p.Eval(`document.querySelectorAll('#preview .match select').forEach((x) => { x.selectedIndex = 1; x.dispatchEvent(new Event('change')); })`, nil)
	p.Click("#preview .card button")
	p.See("#preview .note.ok")
	p.Click("#preview button.primary")
	p.Until(`location.pathname === '/desk/lab/' && document.querySelector('#reports td a')`)
	parts, results := 0, 0
	for _, typ := range s.sealedBy(chen.ID) {
		if typ == event.TypeResultsReported {
			parts++
		}
	}
	r := s.record()
	for _, x := range r.Reports {
		results += x.Results
	}
	if parts < 7 || len(r.Reports) != 1 || r.Reports[0].Digest.IsZero() || results < 1300 {
		t.Errorf("%d parts, %d results: %+v", parts, results, r.Reports)
	}
	p.Click("#reports td a")
	p.Click("#signatures form[data-as=analyst] button")
	p.SeeText("#signatures", "Chen Jing")
	t.Logf("%d results in %d sealed parts", results, parts)
}

// A colleague of another laboratory, somebody of another trade and a curious address
// see nothing of it.
func TestLabDeskIsForItsOwn(t *testing.T) {
	s := newScene(t)
	s.collect([4]string{"W-001", "voa", "HCl", "VOA vial"})
	handover := s.offer(s.lab, "Northern Environmental Laboratory", "W-001")
	stranger := s.person("Stranger", s.other, event.RoleAnalyst)
	p := s.signIn(stranger, "en")
	p.Expect("status of 404")
	p.Expect("status of 403")
	p.Go("/desk/lab/")
	p.See("#incoming .empty")
	for _, path := range []string{s.path("/shipments/%s", handover), s.path("/items/sample/%s", s.samples["W-001"]), s.path("/items/sample/%s/checkin", s.samples["W-001"]),
		s.path("/results"), s.path("/import"), s.path("/labels"), "/desk/lab/cases/none/results", s.path("/items/sample/%s/nonsense", s.samples["W-001"])} {
		p.Go(path)
		var status int
		p.Eval(`performance.getEntriesByType('navigation')[0].responseStatus`, &status)
		if status != 404 || strings.Contains(p.Text("body"), "W-001") {
			t.Errorf("%s: %d", path, status)
		}
	}
	p.Go("/desk/lab/find?q=W-001")
	p.See(".empty")
	clerk := s.person("Clerk", s.Org, event.RoleClerk)
	q := s.signIn(clerk, "en")
	q.Expect("status of 403")
	q.Go("/desk/lab/")
	var status int
	q.Eval(`performance.getEntriesByType('navigation')[0].responseStatus`, &status)
	if status != 403 {
		t.Errorf("a clerk at the laboratory's desk: %d", status)
	}
	q.Go("/desk/")
	q.Gone(`nav a[href="/desk/lab/"]`)
}
