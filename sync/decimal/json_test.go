package decimal

import (
	stdjson "encoding/json"
	"errors"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

func TestJSONGolden(t *testing.T) {
	for text, d := range map[string]Decimal{
		`{"n":1234,"s":2}`:                  {1234, 2},
		`{"n":0,"s":0}`:                     {},
		`{"n":-9223372036854775808,"s":18}`: {-9223372036854775808, 18},
	} {
		v2, err := json.Marshal(d)
		if err != nil || string(v2) != text {
			t.Errorf("v2 of %+v = %s, %v; want %s", d, v2, err, text)
		}
		v1, err := stdjson.Marshal(d)
		if err != nil || string(v1) != text {
			t.Errorf("v1 of %+v = %s, %v; want %s", d, v1, err, text)
		}
		var a, b Decimal
		if err := json.Unmarshal([]byte(text), &a); err != nil || a != d {
			t.Errorf("v2 from %s = %+v, %v", text, a, err)
		}
		if err := stdjson.Unmarshal([]byte(text), &b); err != nil || b != d {
			t.Errorf("v1 from %s = %+v, %v", text, b, err)
		}
	}
	var d Decimal
	if err := json.Unmarshal([]byte(" {\n\"s\": 2, \"n\": 5 } "), &d); err != nil || d != (Decimal{5, 2}) {
		t.Errorf("white space and the other order: %+v, %v", d, err)
	}
}

var badJSON = []string{
	``, `{}`, `null`, `5`, `"5"`, `[]`, `true`, `{"n":1}`, `{"s":1}`, `{"n":1,"s":2,"x":3}`, `{"n":1,"n":1,"s":2}`, `{"n":1,"s":2,"s":2}`,
	`{"N":1,"S":2}`, `{"n":1.0,"s":2}`, `{"n":1e3,"s":2}`, `{"n":"1","s":2}`, `{"n":null,"s":2}`, `{"n":1,"s":null}`, `{"n":-0,"s":0}`,
	`{"n":1,"s":19}`, `{"n":1,"s":-1}`, `{"n":1,"s":-0}`, `{"n":9223372036854775808,"s":0}`, `{"n":1,"s":2`, `{"n":1,"s":2}}`, `{"n":1,"s":2} {}`,
	`{"n":01,"s":2}`, `{"n":1,"s":2,}`, `{"n":{},"s":2}`, `{"n":[1],"s":2}`, `{"n":1,"s":256}`, `{"n":true,"s":2}`,
}

func TestJSONRefuses(t *testing.T) {
	before := Decimal{7, 7}
	for _, text := range badJSON {
		d := before
		if err := json.Unmarshal([]byte(text), &d, jsontext.AllowDuplicateNames(true)); err == nil {
			t.Errorf("v2 accepted %s as %+v", text, d)
		}
		e := before
		if err := e.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("v1 accepted %s as %+v", text, e)
		}
		if e != before {
			t.Errorf("a refused %s changed the target to %+v", text, e)
		}
	}
	var d Decimal
	if err := json.Unmarshal([]byte(`{"n":1,"s":99}`), &d); !errors.Is(err, ErrJSON) {
		t.Errorf("scale 99: %v, want ErrJSON", err)
	}
	if _, err := json.Marshal(Decimal{1, 19}); !errors.Is(err, ErrScale) {
		t.Errorf("marshalling scale 19: %v, want ErrScale", err)
	}
}

// A measured zero must survive every omit option; an absent number must not appear.
func TestJSONMeasuredZeroIsNeverOmitted(t *testing.T) {
	type payload struct {
		A *Decimal `json:"a,omitzero"`
		B *Decimal `json:"b,omitempty"`
		C *Decimal `json:"c,omitzero"`
	}
	zero := &Decimal{}
	const want = `{"a":{"n":0,"s":0},"b":{"n":0,"s":0}}`
	got, err := json.Marshal(payload{A: zero, B: zero})
	if err != nil || string(got) != want {
		t.Errorf("v2: %s, %v; want %s", got, err, want)
	}
	got, err = stdjson.Marshal(payload{A: zero, B: zero})
	if err != nil || string(got) != want {
		t.Errorf("v1: %s, %v; want %s", got, err, want)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := gen.Draw(t, "d")
		b, err := json.Marshal(map[string]Decimal{"v": d}, jsontext.WithIndent("  "))
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]Decimal
		if err := json.Unmarshal(b, &back); err != nil || back["v"] != d {
			t.Fatalf("%+v became %s became %+v, %v", d, b, back["v"], err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range append(badJSON, `{"n":1234,"s":2}`, `{"s":2,"n":5}`) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d, v2 Decimal
		err := d.UnmarshalJSON(b)
		if err2 := json.Unmarshal(b, &v2); (err == nil) != (err2 == nil) || err == nil && v2 != d {
			t.Fatalf("%q: v1 %+v, %v; v2 %+v, %v", b, d, err, v2, err2)
		}
		if err != nil {
			return
		}
		out, err := d.MarshalJSON()
		if err != nil {
			t.Fatalf("%q decoded to %+v, which does not encode: %v", b, d, err)
		}
		var again Decimal
		if err := again.UnmarshalJSON(out); err != nil || again != d {
			t.Fatalf("%q → %s → %+v, %v", b, out, again, err)
		}
	})
}
