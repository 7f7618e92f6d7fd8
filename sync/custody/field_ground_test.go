package custody

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// ground builds the events of a case, sealed in the order of the calls.
type ground struct {
	t       tester
	n       uint64
	in      Input
	auth    *sealer
	inspect *sealer
	officer [2]event.UUID
	org     event.UUID
}

// tester is what both kinds of test have.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// sealer is one device with its chain.
type sealer struct {
	s        *ground
	id       event.UUID
	person   event.UUID
	seq      int64
	prev     event.ID
	key      seal.KeyID
	boot     event.UUID
	booted   time.Time
	seen     *event.Seen
	place    *event.Place
	caseless bool
}

// dawn is when grounds begin.
var dawn = time.Date(2026, 3, 2, 8, 0, 0, 0, time.FixedZone("", 8*3600))

// at is a time of the ground's day, in minutes after dawn.
func at(minutes float64) time.Time { return dawn.Add(time.Duration(minutes * float64(time.Minute))) }

func newGround(t tester) *ground {
	s := &ground{t: t}
	s.in.Case, s.in.Now = s.uuid(), at(24*60)
	s.in.Media = map[event.Digest]MediaState{}
	s.auth = &sealer{s: s, id: s.uuid(), person: s.uuid(), boot: s.uuid(), booted: at(-10000), caseless: true}
	key := s.key()
	s.auth.key = seal.KeyID(key.ID)
	s.auth.seal(at(-9000), &event.AuthorityGenesis{Name: "Bureau", NameZH: "生态环境局", Key: key, LogOrigin: "log.example", LogKey: "k"})
	s.org = s.uuid()
	s.auth.seal(at(-8999), &event.OrgRegistered{Org: s.org, Kind: "environment", Name: "Inspectorate", NameZH: "执法队"})
	for i, name := range []string{"Li Wei", "Wang Fang"} {
		s.officer[i] = s.uuid()
		s.auth.seal(at(-8998), &event.PersonRegistered{Person: s.officer[i], Org: s.org, Name: name, Roles: []event.Role{event.RoleInspector},
			CredentialNo: "ZF-" + name, CredentialFrom: "2024-01-01", CredentialUntil: "2027-12-31"})
	}
	s.inspect = s.device(s.officer[0])
	return s
}

func (s *ground) hash() (h [32]byte) {
	s.n++
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, s.n))
}

func (s *ground) uuid() event.UUID {
	h := s.hash()
	return event.NewUUID(dawn, [10]byte(h[:10]))
}

func (s *ground) key() event.PublicKeyInfo {
	h := s.hash()
	return event.PublicKeyInfo{ID: h, Alg: event.AlgP256, SPKI: h[:]}
}

// device enrols a device of a person and starts its chain.
func (s *ground) device(person event.UUID) *sealer {
	d := &sealer{s: s, id: s.uuid(), person: person, boot: s.uuid(), booted: at(-60)}
	key := s.key()
	d.key = seal.KeyID(key.ID)
	enrolled := s.auth.seal(at(-8000), &event.DeviceEnrolled{Device: d.id, Key: key, Person: person, Org: s.org, Code: s.hash(), Proof: []byte("proof")})
	d.caseless = true
	d.seal(at(-50), &event.DeviceGenesis{Enrolment: enrolled.ID, Key: key.ID, Origin: "log.example"})
	d.caseless = false
	return d
}

// seal makes the device's next event, with a wall clock that is right, received
// a second later. The body takes the way through bytes that a real one takes.
func (d *sealer) seal(when time.Time, body event.Body, change ...func(*Entry)) *Entry {
	s := d.s
	s.t.Helper()
	d.seq++
	raw, err := event.MarshalBody(body)
	if err != nil {
		s.t.Fatalf("%T: %v", body, err)
	}
	typ := event.TypeOf(body)
	parsed, err := event.ParseBody(typ, raw)
	if err != nil {
		s.t.Fatalf("%T: %v", body, err)
	}
	p := &event.Payload{
		V: 1, Type: typ, UUID: s.uuid(), Case: s.in.Case, Device: d.id, Seq: d.seq, Prev: d.prev, Actor: d.person,
		Clock: event.Clock{Wall: event.StampOf(when), Source: "network", Boot: d.boot, MonoMS: when.Sub(d.booted).Milliseconds()},
		Seen:  d.seen, Place: d.place, Body: raw,
	}
	if d.caseless || typ == event.TypeClockObserved {
		p.Case = event.UUID{}
	}
	e := Entry{Index: int64(len(s.in.Entries)), Received: when.Add(time.Second), Event: p, Body: parsed, ID: s.hash(), Key: d.key}
	for _, f := range change {
		f(&e)
	}
	d.prev = e.ID
	s.in.Entries = append(s.in.Entries, e)
	return &s.in.Entries[len(s.in.Entries)-1]
}

// wall sets what the device's wall clock showed.
func wall(t time.Time) func(*Entry) {
	return func(e *Entry) { e.Event.Clock.Wall = event.StampOf(t) }
}

// received sets when the ledger took the event in.
func received(t time.Time) func(*Entry) { return func(e *Entry) { e.Received = t } }

// note is an event that says nothing of its own.
func (d *sealer) note(when time.Time, change ...func(*Entry)) *Entry {
	d.s.t.Helper()
	return d.seal(when, &event.NoteWritten{Text: "x"}, change...)
}

// checkpoint adds one over all entries so far.
func (s *ground) checkpoint(signed time.Time) CheckpointTime {
	c := CheckpointTime{Size: int64(len(s.in.Entries)), Root: s.hash(), Note: s.hash(), Signed: signed}
	s.in.Checkpoints = append(s.in.Checkpoints, c)
	return c
}

// sees makes the device embed a checkpoint from here on.
func (d *sealer) sees(c CheckpointTime) {
	d.seen = &event.Seen{Origin: "log.example", Size: c.Size, Root: c.Root, Note: c.Note}
}

func (s *ground) evaluate() *Record {
	s.t.Helper()
	r := Evaluate(s.in)
	for _, d := range append(r.Defects, r.NotShown...) {
		for _, text := range []string{d.Explanation.EN, d.Explanation.ZH, d.Cure.EN, d.Cure.ZH} {
			if text == "" || len(placeholders(text)) > 0 {
				s.t.Errorf("%s: a text is empty or has an open placeholder: %q", d.Code, text)
			}
		}
	}
	return r
}

// expect requires that a code is found n times, and gives the findings.
func (s *ground) expect(code Code, n int) []Defect {
	s.t.Helper()
	list := found(s.evaluate().Defects, code)
	if len(list) != n {
		s.t.Errorf("%s is found %d times, want %d: %v", code, len(list), n, explanations(list))
	}
	return list
}

func explanations(list []Defect) (texts []string) {
	for _, d := range list {
		texts = append(texts, d.Variant+": "+d.Explanation.EN)
	}
	return texts
}
