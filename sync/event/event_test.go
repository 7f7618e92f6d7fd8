package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
)

func seqOf(t event.Type) int64 {
	if t.Genesis() {
		return 1
	}
	return 2
}

// Every type must have a complete example: no member of its body may be zero.
func TestEveryTypeHasACompleteExample(t *testing.T) {
	bodies := eventtest.Bodies()
	for _, typ := range event.Types() {
		b, ok := bodies[typ]
		if !ok {
			t.Errorf("%s has no example", typ)
			continue
		}
		v := reflect.ValueOf(b).Elem()
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Field(i).IsZero() && !absentByRule[string(typ)+"."+name] {
				t.Errorf("%s: the example leaves %s empty", typ, name)
			}
		}
		data, err := event.Marshal(eventtest.PayloadOf(b, seqOf(typ)))
		if err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		p, err := event.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		back, err := event.ParseBody(p.Type, p.Body)
		if err != nil {
			t.Errorf("%s: %v", typ, err)
		} else if !reflect.DeepEqual(back, b) {
			t.Errorf("%s: read back differently\n%+v\n%+v", typ, b, back)
		}
	}
}

// Members that exclude another one in the same body.
var absentByRule = map[string]bool{"case.granted.Person": true, "event.amended.Void": true, "person.registered.Disabled": true}

func TestParseRefuses(t *testing.T) {
	good, err := event.Marshal(eventtest.Payload(event.TypeNoteWritten, 2))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, new string) string {
		s := strings.Replace(string(good), old, new, 1)
		if s == string(good) {
			t.Fatalf("%q is not in the payload", old)
		}
		return s
	}
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"empty":                            {"", event.ErrMalformed},
		"not an object":                    {"[]", event.ErrMalformed},
		"trailing bytes":                   {string(good) + "{}", event.ErrMalformed},
		"unknown member":                   {edit(`"seq":2`, `"seq":2,"extra":1`), event.ErrMalformed},
		"duplicate member":                 {edit(`"seq":2`, `"seq":2,"seq":2`), event.ErrMalformed},
		"member in other case":             {edit(`"seq":2`, `"Seq":2`), event.ErrMalformed},
		"float":                            {edit(`"seq":2`, `"seq":2.0`), event.ErrMalformed},
		"exponent":                         {edit(`"seq":2`, `"seq":2e0`), event.ErrMalformed},
		"invalid UTF-8":                    {edit("custody.example", "custody\xff.example"), event.ErrMalformed},
		"future version":                   {edit(`"v":1`, `"v":2`), event.ErrVersion},
		"future version with a new member": {edit(`"v":1`, `"v":2,"new":true`), event.ErrVersion},
		"version 0":                        {edit(`"v":1`, `"v":0`), event.ErrMalformed},
		"unknown type":                     {edit(`note.written`, `note.sung`), event.ErrUnknownType},
		"seq 0":                            {edit(`"seq":2`, `"seq":0`), event.ErrInvalid},
		"negative seq":                     {edit(`"seq":2`, `"seq":-1`), event.ErrInvalid},
		"seq beyond all":                   {edit(`"seq":2`, `"seq":1125899906842625`), event.ErrInvalid},
		"first without genesis":            {edit(`"seq":2`, `"seq":1`), event.ErrInvalid},
		"no datum":                         {edit(`"datum":"WGS-84"`, `"datum":""`), event.ErrInvalid},
		"unknown datum":                    {edit(`"datum":"WGS-84"`, `"datum":"BD-09"`), event.ErrInvalid},
		"not on Earth":                     {edit(`"lat_e7":311234567`, `"lat_e7":900000001`), event.ErrInvalid},
		"time without zone":                {edit(`09:30:00.250+08:00`, `09:30:00.250`), event.ErrInvalid},
		"upper-case uuid":                  {edit(`"device":"01932f6e`, `"device":"01932F6E`), event.ErrMalformed},
		"prev too short":                   {edit(`"prev":"`, `"prev":"00`), event.ErrMalformed},
		"body is a list":                   {edit(`"body":{`, `"body":[],"x":{`), event.ErrMalformed},
		"too large":                        {strings.Repeat(" ", event.MaxPayload) + string(good), event.ErrTooLarge},
	} {
		if _, err := event.Parse([]byte(c.data)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := event.Parse(good); err != nil {
		t.Errorf("the payload that the bad ones were made from: %v", err)
	}
}

func TestFutureEventKeepsItsClaim(t *testing.T) {
	good, _ := event.Marshal(eventtest.Payload(event.TypeNoteWritten, 7))
	future := bytes.Replace(good, []byte(`"v":1`), []byte(`"v":9,"mood":"calm"`), 1)
	p, err := event.Parse(future)
	if !errors.Is(err, event.ErrVersion) || p.Device != eventtest.UUID(31) || p.Seq != 7 {
		t.Errorf("got device %s, seq %d, %v", p.Device, p.Seq, err)
	}
}

func TestBodiesRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		typ  event.Type
		edit func(m map[string]any)
		want string
	}{
		"sample without label":    {event.TypeSampleCollected, func(m map[string]any) { m["label"] = " " }, "label is missing"},
		"split without parent":    {event.TypeSampleCollected, func(m map[string]any) { delete(m, "parent") }, "names its parent"},
		"unknown matrix":          {event.TypeSampleCollected, func(m map[string]any) { m["matrix"] = "lava" }, "must be one of"},
		"float in a decimal":      {event.TypeSampleCollected, func(m map[string]any) { m["ph"] = 1.8 }, "malformed"},
		"reject without reason":   {event.TypeLabAccessioned, func(m map[string]any) { m["decision"] = "reject"; delete(m, "reason") }, "reason"},
		"accept without sample":   {event.TypeLabAccessioned, func(m map[string]any) { m["decision"] = "accept"; delete(m, "sample") }, "sample is missing"},
		"grant to two":            {event.TypeCaseGranted, func(m map[string]any) { m["person"] = eventtest.UUID(9).String() }, "exactly one"},
		"amend without change":    {event.TypeEventAmended, func(m map[string]any) { delete(m, "changes") }, "voids its target or lists changes"},
		"estimate without basis":  {event.TypeQuantityRecorded, func(m map[string]any) { m["tier"] = "estimated"; delete(m, "basis") }, "basis"},
		"terms that are no terms": {event.TypeCustodyOffered, func(m map[string]any) { m["terms"] = "{}" }, "terms"},
		"derivative unexplained":  {event.TypePhotoCaptured, func(m map[string]any) { delete(m, "derivation") }, "derivation"},
		"empty segment":           {event.TypeAirSegment, func(m map[string]any) { m["raw"] = "" }, "raw has 0 bytes"},
		"unknown member":          {event.TypeNoteWritten, func(m map[string]any) { m["color"] = "red" }, "unknown"},
		"courier unnamed":         {event.TypeCustodyOffered, func(m map[string]any) { m["terms"] = strings.Replace(eventtest.Terms(), "SF1020304050", "", 1) }, "tracking_no"},
	} {
		raw, _ := event.MarshalBody(eventtest.Bodies()[c.typ])
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		c.edit(m)
		bad, _ := json.Marshal(m)
		if _, err := event.ParseBody(c.typ, bad); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want …%s…", name, err, c.want)
		}
	}
}

// A signed body must have no member that could hold a float.
func TestNoFloatsInBodies(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(rt reflect.Type, path string)
	walk = func(rt reflect.Type, path string) {
		switch rt.Kind() {
		case reflect.Float32, reflect.Float64, reflect.Interface, reflect.Map:
			t.Errorf("%s is a %s", path, rt)
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(rt.Elem(), path+"[]")
		case reflect.Struct:
			if seen[rt] {
				return
			}
			seen[rt] = true
			for i := range rt.NumField() {
				walk(rt.Field(i).Type, path+"."+rt.Field(i).Name)
			}
		}
	}
	for _, typ := range event.Types() {
		walk(typ.BodyType(), string(typ))
	}
	walk(reflect.TypeFor[event.Payload](), "payload")
}

func TestUUIDv7(t *testing.T) {
	at := time.UnixMilli(0x017F22E279B0)
	u := event.NewUUID(at, [10]byte{0x1C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F})
	if got := u.String(); got != "017f22e2-79b0-7cc3-98c4-dc0c0c07398f" { // RFC 9562, appendix A.6
		t.Errorf("got %s", got)
	}
	back, err := event.ParseUUID(u.String())
	if err != nil || back != u {
		t.Errorf("read back %s, %v", back, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, typ := range event.Types() {
		data, _ := event.Marshal(eventtest.Payload(typ, seqOf(typ)))
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := event.Parse(data)
		if err != nil {
			return
		}
		if _, err := event.ParseBody(p.Type, p.Body); err != nil {
			return
		}
		again, err := event.Marshal(p)
		if err != nil {
			t.Fatalf("taken once, refused when written again: %v", err)
		}
		if q, err := event.Parse(again); err != nil || q.UUID != p.UUID || q.Seq != p.Seq || q.Prev != p.Prev {
			t.Fatalf("changed when written again: %v", err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data, _ := event.Marshal(eventtest.Payload(event.TypeNoteWritten, 2))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		p, err := event.Parse(data)
		if err == nil {
			_, err = event.ParseBody(p.Type, p.Body)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func TestARequestIsAsGoodAsWhatItAsksFor(t *testing.T) {
	body := func(b event.Body) string {
		text, err := event.MarshalBody(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	good := event.DeviceRevoked{Device: event.UUID{1}, Key: event.Digest{1}, Reason: "lost"}
	answered := good
	answered.Request = event.ID{1}
	for name, c := range map[string]struct {
		ask  event.AuthorityRequested
		want string
	}{
		"good":                {event.AuthorityRequested{Act: "device.revoked", Body: body(&good), Reason: "r"}, ""},
		"no reason":           {event.AuthorityRequested{Act: "device.revoked", Body: body(&good)}, "reason is missing"},
		"names a request":     {event.AuthorityRequested{Act: "device.revoked", Body: body(&answered), Reason: "r"}, "the authority's to state"},
		"body of another act": {event.AuthorityRequested{Act: "grant.revoked", Body: body(&good), Reason: "r"}, "device"},
		"bad body":            {event.AuthorityRequested{Act: "device.revoked", Body: body(&event.DeviceRevoked{Device: event.UUID{1}, Key: event.Digest{1}}), Reason: "r"}, "reason is missing"},
		"not an object":       {event.AuthorityRequested{Act: "device.revoked", Body: "null", Reason: "r"}, "not a JSON object"},
		"not to be asked for": {event.AuthorityRequested{Act: "device.enrolled", Body: "{}", Reason: "r"}, "act is"},
		"another request":     {event.AuthorityRequested{Act: "authority.requested", Body: "{}", Reason: "r"}, "act is"},
	} {
		var k event.Checker
		c.ask.Check(&k)
		switch err := k.Err(); {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want one with %q", name, err, c.want)
		}
	}
	for _, act := range event.AskedAct("").Words() {
		if b := reflect.New(event.Type(act).BodyType()).Interface().(event.Body); !event.Type(act).AuthorityOnly() || !event.Answer(b, event.ID{7}) || event.RequestOf(b) != (event.ID{7}) {
			t.Errorf("%s: the authority cannot say which request it answers", act)
		}
	}
}
