package browsertest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"fieldseal/api/console/browsertest"
	"fieldseal/api/server/servertest"
	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/source"
	"fieldseal/sync/custody"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
)

// password is everybody's in a scene.
const password = "correct horse battery staple"

// who is a person of a scene.
type who struct {
	ID    event.UUID
	Login string
	Code  string
}

// scene is a real server with an agency in the field and two laboratories.
type scene struct {
	*servertest.Server
	t          *testing.T
	lab, other event.UUID
	field      *ingesttest.Device
	caseID     event.UUID
	samples    map[string]event.UUID
	// to is the person that offers are made to; zero for the organisation.
	to event.UUID
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{Server: servertest.Start(t), t: t, samples: map[string]event.UUID{}}
	s.lab, s.other = s.ID(), s.ID()
	acc := func(n string) *event.Accreditation {
		return &event.Accreditation{Number: n, ValidFrom: "2020-01-01", ValidUntil: "2099-01-01", Methods: []string{"HJ 639-2012", "HJ 700-2014", "SW6010B", "SW7470"}}
	}
	s.Author(ingest.Draft{Body: &event.OrgRegistered{Org: s.lab, Kind: "lab", Name: "Northern Environmental Laboratory", NameZH: "北方环境检测中心", Accreditation: acc("CMA-2026-01")}},
		ingest.Draft{Body: &event.OrgRegistered{Org: s.other, Kind: "lab", Name: "Southern Laboratory", NameZH: "南方检测实验室", Accreditation: acc("CMA-2026-02")}})
	s.field = s.AddDeviceOf(s.Org, s.person("Li Wei 李伟", s.Org, event.RoleInspector).ID)
	s.field.Clock = time.Now().Add(-7 * time.Hour).In(time.FixedZone("", 8*3600))
	s.Submit(s.field.Genesis())
	var open []byte
	s.caseID, open = s.field.OpenCase("(2026) 0417")
	s.Submit(open)
	s.Author(ingest.Draft{Case: s.caseID, Body: &event.CaseGranted{Grant: s.ID(), Org: s.lab, Right: "write", Reason: "analysis of the samples"}})
	return s
}

// person registers somebody who can sign in.
func (s *scene) person(name string, org event.UUID, roles ...event.Role) who {
	s.t.Helper()
	id, code := s.Person(name, org, roles...)
	if err := s.Book.SetPassword(s.t.Context(), id, password); err != nil {
		s.t.Fatal(err)
	}
	w := who{ID: id, Code: code}
	s.Read(func(tx *store.Tx) error {
		p, _, err := projection.PersonByID(tx, id)
		w.Login = p.Login
		return err
	})
	return w
}

func dec(text string) *decimal.Decimal {
	d, err := decimal.Parse(text)
	if err != nil {
		panic(err) // a constant of these tests
	}
	return &d
}

// collect seals samples in the field: label, group of analytes, preservative, container.
func (s *scene) collect(labels ...[4]string) {
	s.t.Helper()
	for _, l := range labels {
		id := s.ID()
		s.samples[l[0]] = id
		s.Submit(s.field.Seal(s.caseID, &event.SampleCollected{Sample: id, Label: l[0], QC: "primary", Matrix: "water", Gathering: "grab", Point: "outfall 3",
			Start: event.StampOf(s.field.Clock), Amount: &event.Amount{Value: *dec("500"), Unit: "mL"}, Container: &event.Container{Material: l[3]}, Preserved: l[2],
			StorageTempC: dec("4"), SealNo: "C-" + l[0], Analyses: []event.Analysis{{Group: l[1]}}, Sampler: s.field.Person}))
	}
}

// offer seals the handover of samples to an organisation, and hands it in.
func (s *scene) offer(to event.UUID, name string, labels ...string) event.UUID {
	s.t.Helper()
	handover, line := s.offered(to, name, labels...)
	s.Submit(line)
	return handover
}

// offered seals the handover of samples and gives its line.
func (s *scene) offered(to event.UUID, name string, labels ...string) (handover event.UUID, line []byte) {
	s.t.Helper()
	s.field.Clock = s.field.Clock.Add(30 * time.Minute)
	terms := event.Terms{Handover: s.ID(), Case: s.caseID, From: event.Holder{Person: s.field.Person, Org: s.Org, Name: "Li Wei 李伟", Device: s.field.ID},
		To: event.Holder{Person: s.to, Org: to, Name: name}, Mode: "by_hand", Purpose: "analysis", Place: "Gate 2, Northern Laboratory",
		Relinquished: event.StampOf(s.field.Clock), Count: int64(len(labels)), TempC: dec("4.5")}
	for _, l := range labels {
		terms.Items = append(terms.Items, event.HandoverItem{Item: event.Ref{Kind: "sample", ID: s.samples[l]}, Label: l, SealNo: "C-" + l, Seal: "intact"})
	}
	text, err := json.Marshal(terms, json.Deterministic(true))
	if err != nil {
		s.t.Fatal(err)
	}
	return terms.Handover, s.field.Seal(s.caseID, &event.CustodyOffered{Terms: string(text), Digest: event.TermsDigest(string(text))})
}

// terms gives the exact terms of a handover and the id of its offer.
func (s *scene) terms(handover event.UUID) (text string, offer event.ID) {
	s.t.Helper()
	for _, h := range s.record().Handovers {
		if h.Handover == handover {
			offer = h.Offer
		}
	}
	s.Read(func(tx *store.Tx) error {
		row, _, err := projection.EventByID(tx, offer)
		if err != nil {
			return err
		}
		e, err := projection.EntryOf(row)
		if b, ok := e.Body.(*event.CustodyOffered); ok {
			text = b.Terms
		}
		return err
	})
	return text, offer
}

// record is the custody record of the scene's case now.
func (s *scene) record() *custody.Record {
	s.t.Helper()
	r, _, err := bundle.Record(context.Background(), source.New(s.Engine, s.Store, s.Blobs), s.caseID)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// item finds an item of the record by its label.
func (s *scene) item(label string) *custody.Item {
	s.t.Helper()
	r := s.record()
	at := slices.IndexFunc(r.Items, func(it custody.Item) bool { return it.Label == label })
	if at < 0 {
		s.t.Fatalf("the record has no %q", label)
	}
	return &r.Items[at]
}

// sealedBy lists the types that a person's workstation has sealed into the ledger, in order.
func (s *scene) sealedBy(person event.UUID) (types []event.Type) {
	s.t.Helper()
	s.Read(func(tx *store.Tx) error {
		devices, err := projection.DevicesOf(tx, person)
		if err != nil {
			return err
		}
		for _, d := range devices {
			h, err := projection.HeadOf(tx, d.N)
			if err != nil {
				return err
			}
			for seq := int64(1); seq <= h.Seq; seq++ {
				row, _, err := projection.EventBySeq(tx, d.N, seq)
				if err != nil {
					return err
				}
				types = append(types, row.Type)
			}
		}
		return nil
	})
	return types
}

// signIn opens a browser and signs a person in, in a language.
func (s *scene) signIn(w who, lang string) *browsertest.Page {
	s.t.Helper()
	p := browsertest.Open(s.t, s.URL)
	if lang == "zh" {
		p.Language("zh-CN,zh")
	}
	p.Go("/desk/login")
	p.Fill("input[name=login]", w.Login)
	p.Fill("input[name=password]", password)
	p.Click("main form button")
	p.Until(`document.querySelector('meta[name=person]')`)
	return p
}

// enrol enrols the browser for the person who is signed in.
func (s *scene) enrol(p *browsertest.Page, w who) {
	s.t.Helper()
	p.Go("/desk/workstation")
	p.Fill("#code", w.Code)
	p.Click("#enrol button.primary")
	p.Until(`Number(document.querySelector('[data-fact=proven]').textContent) === 1`)
}

// path is an address below the scene's case in the laboratory's desk.
func (s *scene) path(format string, args ...any) string {
	return "/desk/lab/cases/" + s.caseID.String() + fmt.Sprintf(format, args...)
}
