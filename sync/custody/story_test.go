package custody

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// A story tells a case as the devices of real people would seal it. Events pass
// through event.Marshal, Parse and ParseBody, so that no test rests on an event
// that no device could seal.
type story struct {
	t       testing.TB
	kase    event.UUID
	in      Input
	ids     uint64
	people  map[string]*actor
	orgs    map[string]event.UUID
	devices map[event.UUID]*chainHead
}

type chainHead struct {
	seq  int64
	prev event.ID
	key  seal.KeyID
}

// actor is a person with a device of its own.
type actor struct {
	name                string
	person, org, device event.UUID
}

// uuid makes a UUID that is the same in every run.
func (s *story) uuid() event.UUID {
	s.ids++
	var r [10]byte
	binary.BigEndian.PutUint64(r[2:], s.ids)
	return event.NewUUID(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), r)
}

// newStory opens a case of an environment agency, with a laboratory that has a
// write grant and a court that may read.
func newStory(t testing.TB) *story {
	s := &story{t: t, people: map[string]*actor{}, orgs: map[string]event.UUID{}, devices: map[event.UUID]*chainHead{}}
	s.kase = s.uuid()
	s.in = Input{Case: s.kase, Now: ts("2026-04-20T00:00:00Z").Time()}
	auth := s.join("authority", "agency", "administrator")
	s.do("authority", "2026-02-01T08:00:00+08:00", &event.AuthorityGenesis{
		Name: "Qingshan authority", NameZH: "青山区管理机构", LogOrigin: "log.example/qingshan", LogKey: "log.example/qingshan+00000000+AA==",
		Key: event.PublicKeyInfo{ID: event.Digest(s.devices[auth.device].key), Alg: event.AlgP256, SPKI: []byte{1}},
	})
	s.org("agency", &event.OrgRegistered{Kind: "environment", Name: "Qingshan Environment Bureau", NameZH: "青山区生态环境局"})
	s.org("lab", &event.OrgRegistered{Kind: "lab", Name: "Hubei Test Laboratory", NameZH: "湖北检测实验室", Accreditation: accreditation()})
	s.org("court", &event.OrgRegistered{Kind: "court", Name: "Qingshan District Court", NameZH: "青山区人民法院"})
	s.org("police", &event.OrgRegistered{Kind: "police", Name: "Qingshan Police", NameZH: "青山公安分局"})
	for _, p := range []struct {
		name, org string
		role      event.Role
	}{
		{"zhang", "agency", "inspector"}, {"li", "agency", "inspector"}, {"sun", "agency", "supervisor"},
		{"wang", "lab", "lab_analyst"}, {"chen", "lab", "lab_analyst"}, {"zhao", "lab", "lab_analyst"}, {"qian", "lab", "supervisor"},
		{"zhou", "court", "court_clerk"}, {"wu", "police", "inspector"},
	} {
		s.enrol(p.name, p.org, p.role)
	}
	s.do("zhang", "2026-03-02T08:00:00+08:00", &event.CaseOpened{Number: "QS-2026-017", Title: "Dumping at Willow Creek", Authority: "Qingshan Environment Bureau", LegalBasis: "Article 338"})
	s.grant("lab", "write", "2026-03-02T08:05:00+08:00")
	s.grant("court", "read", "2026-03-02T08:06:00+08:00")
	return s
}

func accreditation() *event.Accreditation {
	return &event.Accreditation{Number: "CMA 171712050123", Body: "CNCA", ValidFrom: "2022-01-01", ValidUntil: "2028-01-01",
		Methods: []string{"HJ 639-2012", "HJ 700-2014", "HJ 834-2017", "HJ 484-2009", "HJ 605-2011", "HJ 803-2016"}}
}

func ts(text string) event.Stamp { return event.Stamp(text) }

func dec(text string) decimal.Decimal {
	d, err := decimal.Parse(text)
	if err != nil {
		panic(err)
	}
	return d
}

func decp(text string) *decimal.Decimal { return dec(text).Ptr() }

func (s *story) orgID(name string) event.UUID {
	if s.orgs[name].IsZero() {
		s.orgs[name] = s.uuid()
	}
	return s.orgs[name]
}

func (s *story) join(name, org string, _ event.Role) *actor {
	a := &actor{name: name, person: s.uuid(), org: s.orgID(org), device: s.uuid()}
	s.people[name] = a
	head := &chainHead{}
	copy(head.key[:], a.device[:])
	s.devices[a.device] = head
	return a
}

func (s *story) org(name string, b *event.OrgRegistered) {
	b.Org = s.orgID(name)
	s.do("authority", "2026-02-01T08:01:00+08:00", b)
}

func (s *story) enrol(name, org string, role event.Role) *actor {
	a := s.join(name, org, role)
	title := strings.ToUpper(name[:1]) + name[1:]
	s.do("authority", "2026-02-01T08:02:00+08:00", &event.PersonRegistered{
		Person: a.person, Org: a.org, Name: title, Roles: []event.Role{role},
		CredentialNo: "C-" + title, CredentialFrom: "2025-01-01", CredentialUntil: "2029-12-31",
	})
	enrolment := s.do("authority", "2026-02-01T08:02:00+08:00", &event.DeviceEnrolled{
		Device: a.device, Key: event.PublicKeyInfo{ID: event.Digest(s.devices[a.device].key), Alg: event.AlgP256, SPKI: []byte{1}},
		Person: a.person, Org: a.org, Code: event.Digest{1}, Proof: []byte{1},
	})
	s.do(name, "2026-02-01T08:10:00+08:00", &event.DeviceGenesis{Enrolment: enrolment, Key: event.Digest(s.devices[a.device].key), Origin: "log.example/qingshan"})
	return a
}

func (s *story) grant(org string, right event.Right, at event.Stamp) event.UUID {
	id := s.uuid()
	s.do("authority", at, &event.CaseGranted{Grant: id, Org: s.orgID(org), Right: right, Reason: "takes part"})
	return id
}

// do seals a body on the device of a person at a time and delivers it.
func (s *story) do(who string, at event.Stamp, body event.Body, opts ...func(*event.Payload)) event.ID {
	s.t.Helper()
	a := s.people[who]
	if a == nil {
		s.t.Fatalf("nobody is called %s", who)
	}
	raw, err := event.MarshalBody(body)
	if err != nil {
		s.t.Fatal(err)
	}
	head := s.devices[a.device]
	head.seq++
	p := event.Payload{
		V: event.Version, Type: event.TypeOf(body), UUID: s.uuid(), Device: a.device, Seq: head.seq, Prev: head.prev,
		Actor: a.person, Clock: event.Clock{Wall: at, Source: "gnss"}, Body: raw,
	}
	if p.Type.InCase() {
		p.Case = s.kase
	}
	for _, o := range opts {
		o(&p)
	}
	data, err := event.Marshal(p)
	if err != nil {
		s.t.Fatalf("%s: %v", p.Type, err)
	}
	head.prev = s.deliver(data, head.key)
	return head.prev
}

func (s *story) deliver(data []byte, key seal.KeyID) event.ID {
	s.t.Helper()
	p, err := event.Parse(data)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	id := event.ID(sha256.Sum256(seal.PAE(event.PayloadType, data)))
	s.in.Entries = append(s.in.Entries, Entry{Index: int64(len(s.in.Entries)), Received: p.Clock.Wall.Time().Add(time.Minute), Event: &p, Body: body, ID: id, Key: key})
	return id
}

// judge evaluates the story and checks what holds for every record.
func (s *story) judge() *Record {
	s.t.Helper()
	r := Evaluate(s.in)
	for _, d := range slices.Concat(r.Defects, r.NotShown) {
		for _, text := range []string{d.Explanation.EN, d.Explanation.ZH, d.Cure.EN, d.Cure.ZH, d.Title.EN, d.Title.ZH} {
			if text == "" || strings.ContainsAny(text, "{}") {
				s.t.Errorf("%s %s: text %q is empty or has an open placeholder", d.Code, d.Variant, text)
			}
		}
		if len(d.Events) == 0 && d.Item == nil {
			s.t.Errorf("%s %s points to nothing", d.Code, d.Variant)
		}
	}
	return r
}

// found lists the findings of a code.
func found(list []Defect, code Code) []Defect {
	return slices.DeleteFunc(slices.Clone(list), func(d Defect) bool { return d.Code != code })
}

// wantOne requires exactly one finding of the code, with the words given in its English explanation.
func (s *story) wantOne(code Code, words ...string) Defect {
	s.t.Helper()
	r := s.judge()
	list := found(r.Defects, code)
	if len(list) != 1 {
		s.t.Fatalf("%s: found %d times, want once\n%s", code, len(list), telling(r))
	}
	for _, w := range words {
		if !strings.Contains(list[0].Explanation.EN, w) {
			s.t.Errorf("%s: %q is not in the explanation: %s", code, w, list[0].Explanation.EN)
		}
	}
	return list[0]
}

// wantNone requires that the code is not found.
func (s *story) wantNone(codes ...Code) {
	s.t.Helper()
	r := s.judge()
	for _, code := range codes {
		if list := found(r.Defects, code); len(list) != 0 {
			s.t.Errorf("%s: found, want none: %s", code, list[0].Explanation.EN)
		}
	}
}

// telling lists a record's defects for a failure message.
func telling(r *Record) string {
	var b strings.Builder
	for _, d := range r.Defects {
		fmt.Fprintf(&b, "%s %s %s: %s\n", d.Severity, d.Code, d.Variant, d.Explanation.EN)
	}
	return b.String()
}

func terms(s *story, t *event.Terms) (string, event.Digest) {
	data, err := json.Marshal(t, json.Deterministic(true))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data), event.TermsDigest(string(data))
}

// drop takes an event away, as if its device had not been synchronised.
func (s *story) drop(ids ...event.ID) {
	s.in.Entries = slices.DeleteFunc(s.in.Entries, func(e Entry) bool { return slices.Contains(ids, e.ID) })
}
