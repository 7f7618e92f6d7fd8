package main

import (
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/seal"
)

// tamper says what to replace in a payload's text, once.
type tamper struct{ shows, old, new string }

func payloads() []*scene {
	return []*scene{payloadForm(), payloadVersion(), payloadHeader()}
}

// all refuses each tampered payload, well signed all of them.
func all(s *scene, d *device, text string, code seal.Code, list []tamper) {
	for _, t := range list {
		if strings.Count(text, t.old) != 1 {
			panic(sprint("%s: %q stands %d times in %s", t.shows, t.old, strings.Count(text, t.old), text))
		}
		x := d.raw(strings.Replace(text, t.old, t.new, 1))
		s.refuse(t.shows, x.line(), x, seal.LayerPayload, code)
	}
}

func payloadForm() *scene {
	s, a, x := victim("refused-payload-form", "Payloads that are well sealed and not strictly of the one form: floats, nulls, absent, unknown and duplicate members. A signature does not make a text unambiguous.", 1)
	text := string(x.payload)
	for _, c := range []struct{ shows, text string }{
		{"no bytes", ""}, {"not JSON", "leaking"}, {"an array", "[" + text + "]"}, {"an empty object", "{}"}, {"cut off", text[:len(text)-1]},
		{"something behind the object", text + "{}"}, {"a byte order mark", "\ufeff" + text},
		{"bytes that are not UTF-8", strings.Replace(text, "leaking", "leaking\xff", 1)},
		{"half of a surrogate pair", strings.Replace(text, "leaking", `leaking\ud83d`, 1)},
	} {
		y := a.raw(c.text)
		s.refuse(c.shows, y.line(), y, seal.LayerPayload, seal.CodeMalformedPayload)
	}
	all(s, a, text, seal.CodeMalformedPayload, []tamper{
		{"an unknown member", `"v":1`, `"v":1,"note":"x"`},
		{"a member twice", `"v":1`, `"v":1,"v":1`},
		{"seq twice, with two values", `"seq":2`, `"seq":2,"seq":3`},
		{"a member name in other letters", `"seq"`, `"Seq"`},
		{"a required member's name written with an escape: readers that scan would not find it", `"seq"`, `"\u0073eq"`},
		{"a float", `"seq":2`, `"seq":2.0`},
		{"an exponent", `"seq":2`, `"seq":2e0`},
		{"a number as a text", `"seq":2`, `"seq":"2"`},
		{"a float within place", `"accuracy_mm":4200`, `"accuracy_mm":4200.5`},
		{"null in the place of a required member", `"actor":"` + eventtest.UUID(11).String() + `"`, `"actor":null`},
		{"null in the place of an optional member: leave it out instead", `"accuracy_mm":4200`, `"accuracy_mm":null`},
		{"no actor", `"actor":"` + eventtest.UUID(11).String() + `",`, ``},
		{"no seq", `"seq":2,`, ``},
		{"no schema version", `"v":1`, `"v":0`},
		{"no clock source", `,"source":"gnss","boot"`, `,"boot"`},
		{"a clock that shows no time: an empty text", `"wall":"2026-11-24T09:30:00.250+08:00"`, `"wall":""`},
		{"a UUID in upper case: an identifier has one text", `"uuid":"0193`, `"uuid":"0193F`},
		{"a place without its datum", `"datum":"WGS-84",`, ``},
		{"a body of null", `"body":{"text":"Drum D-01 is leaking."}`, `"body":null`},
		{"no body", `,"body":{"text":"Drum D-01 is leaking."}`, ``},
		{"an unknown member in the body", `"body":{`, `"body":{"colour":"red",`},
		{"a body without its required member", `{"text":"Drum D-01 is leaking."}`, `{}`},
		{"the body's required member null", `{"text":"Drum D-01 is leaking."}`, `{"text":null}`},
		{"a member of the body twice", `"body":{`, `"body":{"text":"Drum D-01 is sound.",`},
	})
	s.accept("the honest event", a, x)
	return s
}

func payloadVersion() *scene {
	s, a, x := victim("refused-payload-version", "What a server does not know yet is kept until it does: a later schema version, and an event type without a name here.", 1)
	text := string(x.payload)
	all(s, a, text, seal.CodeFutureSchema, []tamper{
		{"schema version 2", `"v":1`, `"v":2`},
		{"schema version 3 with members that version 1 has not", `"v":1`, `"v":3,"weather":"rain"`},
		{"schema version 2 with members of other types", `"v":1,`, `"v":2,"quality":[1,2],`},
	})
	all(s, a, text, seal.CodeUnknownType, []tamper{
		{"an event type that nobody knows", `"note.written"`, `"note.sung"`},
		{"an event type in other letters", `"note.written"`, `"Note.Written"`},
		{"an empty event type", `"note.written"`, `""`},
	})
	s.accept("the honest event", a, x)
	return s
}

func payloadHeader() *scene {
	s, a, x := victim("refused-payload-header", "Headers of the right form that no event can have.", 1)
	text := string(x.payload)
	prev := sprint(`"prev":"%x",`, a.prev)
	all(s, a, text, seal.CodeInvalidEvent, []tamper{
		{"seq 0", `"seq":2`, `"seq":0`},
		{"a negative seq", `"seq":2`, `"seq":-2`},
		{"seq above 2^50", `"seq":2`, `"seq":1125899906842625`},
		{"event 1 with a predecessor", `"seq":2`, `"seq":1`},
		{"event 2 without a predecessor", prev, ``},
		{"event 2 whose predecessor is zero", prev, `"prev":"` + strings.Repeat("0", 64) + `",`},
		{"event 1 that is no genesis", `"seq":2,` + prev, `"seq":1,`},
		{"an identifier of zeros", `"uuid":"` + x.of.UUID.String() + `"`, `"uuid":"00000000-0000-0000-0000-000000000000"`},
		{"a type that belongs to a case, without one", `"case":"` + eventtest.UUID(1).String() + `",`, ``},
		{"a time without an offset", `"wall":"2026-11-24T09:30:00.250+08:00"`, `"wall":"2026-11-24T09:30:00.250"`},
		{"a time that is no day", `"wall":"2026-11-24T09:30:00.250+08:00"`, `"wall":"2026-11-31T09:30:00.250+08:00"`},
		{"a time with a space", `"wall":"2026-11-24T09:30:00.250+08:00"`, `"wall":"2026-11-24 09:30:00.250+08:00"`},
		{"a clock source that is no word of the list", `"source":"gnss","boot"`, `"source":"sundial","boot"`},
		{"monotonic time without the boot that it counts from", `"boot":"` + eventtest.UUID(90).String() + `",`, ``},
		{"a negative monotonic time", `"mono_ms":2000`, `"mono_ms":-1`},
		{"a latitude off Earth", `"lat_e7":311234567`, `"lat_e7":900000001`},
		{"a datum that is no word of the list", `"datum":"WGS-84"`, `"datum":"WGS84"`},
		{"a negative accuracy", `"accuracy_mm":4200`, `"accuracy_mm":-1`},
		{"a fix time that is no time", `"fix_time":"2026-11-24T09:29:58+08:00"`, `"fix_time":"just now"`},
		{"a checkpoint of negative size", `"size":12`, `"size":-12`},
		{"a checkpoint of no log", `"origin":"` + origin + `"`, `"origin":""`},
		{"a body that is a list", `"body":{"text":"Drum D-01 is leaking."}`, `"body":[]`},
	})
	second := a.raw(string(get(event.Marshal(a.payload(1, [32]byte{}, 3, a.genesis())))))
	moved := a.raw(strings.Replace(string(second.payload), `"seq":1`, `"seq":2,`+prev[:len(prev)-1], 1))
	s.refuse("a genesis in the middle of a chain", moved.line(), moved, seal.LayerPayload, seal.CodeInvalidEvent)
	s.accept("the honest event", a, x)
	return s
}

// bodies are the rules of content that a schema cannot state.
func bodies() []*scene { return []*scene{decimals(), bodyContent()} }

func decimals() *scene {
	s, a, _ := victim("refused-decimals", "A measured figure is an integer and a scale, {\"n\":180,\"s\":2} for 1.80, spelled in one way.", 1)
	sample := eventtest.Bodies()[event.TypeSampleCollected]
	honest := a.seal(a.payload(2, a.prev, 0, sample))
	text := string(honest.payload)
	const ph = `"ph":{"n":18,"s":1}`
	all(s, a, text, seal.CodeMalformedPayload, []tamper{
		{"a float", ph, `"ph":1.8`},
		{"a text", ph, `"ph":"1.8"`},
		{"a whole number", ph, `"ph":2`},
		{"null", ph, `"ph":null`},
		{"n is a float", ph, `"ph":{"n":1.8,"s":1}`},
		{"n has an exponent", ph, `"ph":{"n":18e0,"s":1}`},
		{"n is minus zero", ph, `"ph":{"n":-0,"s":1}`},
		{"n is beyond 64 bits", ph, `"ph":{"n":9223372036854775808,"s":1}`},
		{"s is 19", ph, `"ph":{"n":18,"s":19}`},
		{"s is negative", ph, `"ph":{"n":18,"s":-1}`},
		{"no s", ph, `"ph":{"n":18}`},
		{"n twice", ph, `"ph":{"n":18,"n":19,"s":1}`},
		{"an unknown member", ph, `"ph":{"n":18,"s":1,"unit":"pH"}`},
	})
	s.accept("the honest event: every digit that the instrument showed", a, honest)
	return s
}

func bodyContent() *scene {
	s, a, x := victim("refused-body", "Bodies of the right form whose content cannot be: an empty text, a word that is not of the list, members that need each other.", 1)
	bodies := eventtest.Bodies()
	refuse := func(t event.Type, code seal.Code, list ...tamper) { all(s, a, a.text(bodies[t]), code, list) }
	all(s, a, string(x.payload), seal.CodeInvalidEvent, []tamper{
		{"a text of white space", `"text":"Drum D-01 is leaking."`, `"text":" \t "`},
		{"a text of 16,385 bytes", `"text":"Drum D-01 is leaking."`, `"text":"` + strings.Repeat("t", event.MaxText+1) + `"`},
	})
	refuse(event.TypeSampleCollected, seal.CodeInvalidEvent,
		tamper{"a matrix that is no word of the list", `"matrix":"liquid_waste"`, `"matrix":"gravy"`},
		tamper{"a split that does not name its parent", `"parent":"` + eventtest.UUID(39).String() + `",`, ``},
		tamper{"a sample without a label", `"label":"S-0001"`, `"label":""`})
	refuse(event.TypeCustodyOffered, seal.CodeInvalidEvent,
		tamper{"terms that are no terms", `\"count\":1`, `\"count\":-1`},
		tamper{"terms with an unknown member", `\"count\":1`, `\"count\":1,\"tip\":2`})
	refuse(event.TypeItemDisposed, seal.CodeInvalidEvent, tamper{"an answer that is neither yes nor no", `"hold_checked":"yes"`, `"hold_checked":"maybe"`})
	refuse(event.TypeLabAccessioned, seal.CodeInvalidEvent, tamper{"a decision that is no word of the list", `"decision":"accept_with_qualifier"`, `"decision":"perhaps"`})
	refuse(event.TypeSampleCollected, seal.CodeMalformedPayload,
		tamper{"an unknown member deep in a body", `"amount":{`, `"amount":{"about":"yes",`},
		tamper{"a required member absent deep in a body", `"unit":"mL"}`, `"x":"mL"}`})
	refuse(event.TypePhotoCaptured, seal.CodeMalformedPayload, tamper{"a digest in upper case", eventtest.Digest("photo").String(), strings.ToUpper(eventtest.Digest("photo").String())})
	s.accept("the honest event", a, x)
	return s
}
