package main

import (
	"crypto/sha256"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
)

// accepted has every event type once, by a device of either algorithm.
func accepted() []*scene {
	var list []*scene
	for _, t := range event.Types() {
		list = append(list, acceptType(t))
	}
	return append(list, founding(), freeForm(), limits())
}

func acceptType(t event.Type) *scene {
	n := 1
	switch {
	case t.AuthorityOnly():
		n = 0
	case len(t)%2 == 0: // spreads the types over both algorithms
		n = 2
	}
	s := newScene("accepted-"+string(t), sprint("A complete, valid %s: every member that its body can have, behind the chain's genesis.", t))
	d := s.enrolled(n)
	first := d.next(d.genesis())
	s.accept("the chain's genesis", d, first)
	if t.Genesis() {
		return s
	}
	body := eventtest.Bodies()[t]
	if b, ok := body.(*event.DeviceEnrolled); ok {
		b.Key, b.Device = newDevice(3).key.info(), newDevice(3).id()
	}
	s.accept(string(t), d, d.next(body))
	return s
}

// founding is a log from its first entry on.
func founding() *scene {
	s := newScene("accepted-founding", "A log begins: the first entry states the authority's key, an enrolment follows, and the device's own chain names that enrolment.").empty()
	w, a := newDevice(0), newDevice(1)
	s.devs = append(s.devs, w, a)
	s.accept("the first entry of an empty log founds its authority: it is sealed by the key that it states", w, w.next(w.genesis()))
	enrol := w.next(&event.DeviceEnrolled{Device: a.id(), Key: a.key.info(), Person: eventtest.UUID(11), Org: eventtest.UUID(21), Model: "rugged laptop", App: "vectors",
		Code: sha256.Sum256([]byte("one-time code")), Proof: []byte("{}")})
	s.accept("the authority enrols device A with its key", w, enrol)
	a.enrolment = enrol.id()
	s.accept("A's chain begins; its genesis names the enrolment's event id, in the same batch", a, a.next(a.genesis()))
	s.accept("and goes on", a, a.next(note("Smell of solvent. 有溶剂气味。")))
	return s
}

// freeForm: what a sender is free in.
func freeForm() *scene {
	s := newScene("accepted-free-form", "Member order and white space are the sender's own, in the envelope and in the payload. Nobody encodes the bytes again: the id is over them as they are.")
	a := s.enrolled(1)
	first := a.next(a.genesis())
	spaced := strings.ReplaceAll(first.line(), `","`, "\" ,\t\"")
	s.acceptLine("white space between the envelope's members", a, first, spaced)
	x := a.next(note("other order"))
	l := x.line()
	at := strings.Index(l, `,"signatures"`)
	reordered := "{" + l[at+1:len(l)-1] + "," + l[1:at] + "}"
	s.acceptLine("signatures before the payload", a, x, reordered)

	text := a.text(note("payload in the sender's own order and with spaces"))
	at = strings.Index(text, `"uuid"`)
	p := get(event.Parse([]byte(text)))
	y := a.raw("{ " + text[at:len(text)-1] + " ,\n " + text[1:at-1] + "}")
	y.of = p
	a.seq, a.prev = a.seq+1, y.id()
	s.accept("payload members in another order, spaces and a line end between them", a, y)

	escaped := a.raw(strings.Replace(a.text(note("escape")), `"text":"escape"`, `"text":"\u6eb6\u5242 \/ \"solvent\""`, 1))
	escaped.of = get(event.Parse(escaped.payload))
	s.accept("a text with JSON escapes", a, escaped)
	return s
}

// limits are the last values that are taken.
func limits() *scene {
	s := newScene("accepted-limits", "The largest and smallest values that are still taken.")
	a := s.enrolled(1)
	s.accept("", a, a.next(a.genesis()))
	s.accept("a text of 16,384 bytes, the most that one text may have", a, a.next(note(strings.Repeat("t", event.MaxText))))
	p := a.payload(a.seq+1, a.prev, 0, note("at the pole"))
	p.Place = &event.Place{LatE7: -90e7, LonE7: 180e7, Datum: "CGCS2000", Source: "manual", Mock: true}
	p.Clock = event.Clock{Wall: "2026-11-24T01:30:00.123456789Z", Source: "manual"}
	p.Seen, p.Case = nil, eventtest.UUID(1)
	x := a.seal(p)
	a.seq, a.prev = p.Seq, x.id()
	s.accept("the south pole on the date line, nine fractional digits, no boot id, no checkpoint, a mock provider", a, x)
	far := a.seal(a.payload(event.MaxSeq, a.prev, 0, note("far ahead")))
	wait(s.accept("the highest sequence number, 2^50; all before it are missing", a, far), a.seq+1)
	return s
}
