package servers

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

func refusals() []rule {
	list := []rule{
		{"refuse.poison", "a line that cannot be read holds up nothing: those around it are accepted", poison},
	}
	for _, c := range badLines {
		list = append(list, rule{"refuse." + c.name, c.says + ": in quarantine as " + string(c.code) + ", with the same receipt each time", func(r *run) error { return r.refuseLine(c.code, c.make) }})
	}
	return append(list,
		rule{"refuse.future-schema", "a schema version that is not known yet: kept, not lost", futureSchema})
}

// badLine makes one bad line where a's next event x would stand; the id is the event
// id, or the zero id for a line without a payload that can be read.
type badLine struct {
	name, says string
	code       seal.Code
	make       func(r *run, a, b *peer, x *sealed) ([]byte, event.ID, error)
}

// reseal seals x's payload with one text replaced.
func reseal(a *peer, x *sealed, old, replacement string) ([]byte, event.ID, error) {
	env, err := seal.ParseEnvelope(x.line)
	if err != nil {
		return nil, event.ID{}, err
	}
	if bytes.Count(env.Payload, []byte(old)) != 1 {
		return nil, event.ID{}, fmt.Errorf("%q is not once in the payload", old)
	}
	y, err := a.sealBytes(bytes.Replace(env.Payload, []byte(old), []byte(replacement), 1), x.p)
	if err != nil {
		return nil, event.ID{}, err
	}
	return y.line, y.id, nil
}

func resealing(old, replacement string) func(*run, *peer, *peer, *sealed) ([]byte, event.ID, error) {
	return func(_ *run, a, _ *peer, x *sealed) ([]byte, event.ID, error) { return reseal(a, x, old, replacement) }
}

// reline changes the line's text; no payload can be read in it afterwards.
func reline(change func(line string) string) func(*run, *peer, *peer, *sealed) ([]byte, event.ID, error) {
	return func(_ *run, _, _ *peer, x *sealed) ([]byte, event.ID, error) {
		line := []byte(change(string(x.line)))
		return line, event.ID(seal.LineDigest(line)), nil
	}
}

var badLines = []badLine{
	{"not-json", "a line that is not JSON", seal.CodeMalformedEnvelope, reline(func(l string) string { return "no envelope " + l[:40] })},
	{"not-utf8", "a line that is not UTF-8", seal.CodeMalformedEnvelope, reline(func(l string) string { return strings.Replace(l, "event.v1", "event\xff.v1", 1) })},
	{"unknown-member", "an envelope with a member that DSSE has not", seal.CodeMalformedEnvelope, reline(func(l string) string { return l[:len(l)-1] + `,"alg":"none"}` })},
	{"payload-twice", "an envelope with its payload twice", seal.CodeMalformedEnvelope, reline(func(l string) string { return strings.Replace(l, `"payload":`, `"payload":"e30=","payload":`, 1) })},
	{"base64", "base64 with a line end in it", seal.CodeMalformedEnvelope, reline(func(l string) string { return strings.Replace(l, `"payload":"`, `"payload":"\n`, 1) })},
	{"line-too-large", "a line above the limit", seal.CodeTooLarge, reline(func(l string) string { return l + strings.Repeat(" ", seal.MaxLine) })},
	{"payload-type", "another payload type", seal.CodePayloadType, otherPayloadType},
	{"unknown-payload-member", "a payload member that is not known", seal.CodeMalformedPayload, resealing(`"v":1`, `"v":1,"mood":"good"`)},
	{"float", "a float in signed data", seal.CodeMalformedPayload, resealing(`"v":1`, `"v":1.0`)},
	{"null", "null in the place of a value", seal.CodeMalformedPayload, resealing(`"source":"network"`, `"source":null`)},
	{"unknown-type", "an event type that is not known", seal.CodeUnknownType, resealing(`"note.written"`, `"note.sung"`)},
	{"invalid", "an event whose content cannot be", seal.CodeInvalidEvent, resealing(`"text":"to be spoilt"`, `"text":" "`)},
	{"bad-signature", "a payload that was changed after it was signed", seal.CodeBadSignature, changedPayload},
	{"no-pae", "a signature over the payload without its PAE", seal.CodeBadSignature, withoutPAE},
	{"wrong-key", "an event of one device sealed by another", seal.CodeWrongKey, foreignKey},
	{"unknown-device", "an event of a device that is not enrolled", seal.CodeUnknownDevice, strangersEvent},
	{"not-authority", "an event that only the authority may seal", reconcile.CodeNotAuthority, asAuthority},
}

// refuseLine hands a bad line in, between good ones, and again.
func (r *run) refuseLine(code seal.Code, make func(*run, *peer, *peer, *sealed) ([]byte, event.ID, error)) error {
	a, b, err := r.begun()
	if err != nil {
		return err
	}
	x, err := a.at(a.seq+1, a.prev, &event.NoteWritten{Text: "to be spoilt"})
	if err != nil {
		return err
	}
	line, id, err := make(r, a, b, x)
	if err != nil {
		return err
	}
	good, err := a.notes(1, "beside a bad line")
	if err != nil {
		return err
	}
	bad := quarantine(line, id, code)
	first, err := a.hand(bad, ok(good[0]))
	if err != nil {
		return err
	}
	again, err := a.hand(bad, dup(good[0]))
	if err != nil {
		return err
	}
	return same(first, again)
}

func otherPayloadType(_ *run, a, _ *peer, x *sealed) ([]byte, event.ID, error) {
	env, err := seal.ParseEnvelope(x.line)
	if err != nil {
		return nil, event.ID{}, err
	}
	const other = "application/json"
	line, err := a.key.Seal(other, env.Payload)
	return line, event.ID(seal.LineDigest(seal.PAE(other, env.Payload))), err // SHA-256 over the PAE
}

func changedPayload(_ *run, _, _ *peer, x *sealed) ([]byte, event.ID, error) {
	env, err := seal.ParseEnvelope(x.line)
	if err != nil {
		return nil, event.ID{}, err
	}
	env.Payload = bytes.Replace(env.Payload, []byte("spoilt"), []byte("mended"), 1)
	return env.Encode(), seal.IDOf(env.Payload), nil
}

func withoutPAE(_ *run, a, _ *peer, x *sealed) ([]byte, event.ID, error) {
	env, err := seal.ParseEnvelope(x.line)
	if err != nil {
		return nil, event.ID{}, err
	}
	env.Signatures[0].Sig, err = a.key.Sign(env.Payload)
	return env.Encode(), x.id, err
}

func foreignKey(_ *run, _, b *peer, x *sealed) ([]byte, event.ID, error) {
	env, err := seal.ParseEnvelope(x.line)
	if err != nil {
		return nil, event.ID{}, err
	}
	line, err := b.key.Seal(event.PayloadType, env.Payload)
	return line, x.id, err
}

func strangersEvent(_ *run, a, _ *peer, x *sealed) ([]byte, event.ID, error) {
	return reseal(a, x, `"device":"`+a.id.String()+`"`, `"device":"`+newUUID().String()+`"`)
}

func asAuthority(_ *run, a, _ *peer, _ *sealed) ([]byte, event.ID, error) {
	x, err := a.at(a.seq+1, a.prev, eventtest.Bodies()[event.TypeOrgRegistered])
	if err != nil {
		return nil, event.ID{}, err
	}
	return x.line, x.id, nil
}

// futureSchema: which version is the future one is the server's own to know; one far
// ahead is of no server's present.
func futureSchema(r *run) error {
	return r.refuseLine(seal.CodeFutureSchema, func(_ *run, a, _ *peer, x *sealed) ([]byte, event.ID, error) {
		return reseal(a, x, `"v":1`, `"v":4000,"weather":"rain"`)
	})
}

func poison(r *run) error {
	a, list, err := r.fresh(3, "around poison")
	if err != nil {
		return err
	}
	trash := func(text string) item {
		line := []byte(text + nonce())
		return quarantine(line, event.ID(seal.LineDigest(line)), seal.CodeMalformedEnvelope)
	}
	_, err = a.hand(trash("\x00\x01\x02"), ok(list[0]), trash(`{"payloadType":`), ok(list[1]), trash("]"), ok(list[2]))
	return err
}

// variant sends an event in another envelope: white space, and the twin of its signature.
func variant(r *run) error {
	a, list, err := r.fresh(1, "in two envelopes")
	if err != nil {
		return err
	}
	first, err := a.hand(ok(list[0]))
	if err != nil {
		return err
	}
	spaced := dup(list[0])
	spaced.line, spaced.code = bytes.Replace(list[0].line, []byte(`,"signatures"`), []byte(`, "signatures"`), 1), string(reconcile.CodeVariant)
	for range 2 {
		again, err := a.hand(spaced)
		if err != nil {
			return err
		}
		x, y := first.Results[0], again.Results[0]
		if x.Index != y.Index || x.ReceivedUS != y.ReceivedUS || x.Kind != y.Kind {
			return fmt.Errorf("the receipt is (%d, %d µs, kind %d), the event's is (%d, %d µs, kind %d)", y.Index, y.ReceivedUS, y.Kind, x.Index, x.ReceivedUS, x.Kind)
		}
	}
	_, err = a.hand(dup(list[0]))
	return err
}

// quarantineCounted compares the head's count around one more bad line, and looks at
// the list that is for overseers only.
func quarantineCounted(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	before, err := a.head()
	if err != nil {
		return err
	}
	if err := r.refuseLine(seal.CodeBadSignature, changedPayload); err != nil {
		return err
	}
	after, err := a.head()
	if err != nil {
		return err
	}
	if after.Quarantined != before.Quarantined+1 {
		return fmt.Errorf("one more line that names device %s is in quarantine; its head counted %d before and %d after", a.id, before.Quarantined, after.Quarantined)
	}
	var list wire.QuarantineList
	q := request{method: http.MethodGet, path: "/v1/quarantine", header: map[string]string{"Authorization": "Bearer " + a.token}}
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	if rep.code == wire.CodeForbidden {
		return nil // the person of the code is no overseer
	}
	if err := rep.into(q, &list); err != nil {
		return err
	}
	for _, e := range list.Entries {
		if e.Line != "" {
			if _, err := base64.StdEncoding.DecodeString(e.Line); err != nil {
				return err
			}
		}
		if e.Code == "" || e.Layer == "" {
			return fmt.Errorf("quarantine entry %d has no code or layer", e.Index)
		}
	}
	return nil
}
