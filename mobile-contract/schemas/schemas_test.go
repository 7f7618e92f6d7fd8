package schemas_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"fieldseal/mobile-contract/schemas"
	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	names, err := fs.Glob(schemas.Files, "*.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		data, _ := schemas.Files.ReadFile(n)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		if err := c.AddResource("urn:fieldseal:v1:"+strings.TrimSuffix(n, ".schema.json"), doc); err != nil {
			t.Fatalf("%s: %v", n, err)
		}
	}
	s, err := c.Compile("urn:fieldseal:v1:event")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, data []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func example(t *testing.T, typ event.Type) []byte {
	seq := int64(2)
	if typ.Genesis() {
		seq = 1
	}
	data, err := event.Marshal(eventtest.Payload(typ, seq))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestExamplesMatchTheirSchemas(t *testing.T) {
	s := compile(t)
	for _, typ := range event.Types() {
		if err := valid(t, s, example(t, typ)); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// For every member at every depth of every payload: without it, empty, null, and
// with an unknown one beside it, schema and code must agree on whether the event
// may be. The code may be stricter (rules between members), the schema never, and
// both refuse nulls and unknown members.
func TestSchemasAndCodeAgree(t *testing.T) {
	s := compile(t)
	for _, typ := range event.Types() {
		var whole map[string]any
		d := json.NewDecoder(bytes.NewReader(example(t, typ)))
		d.UseNumber()
		if err := d.Decode(&whole); err != nil {
			t.Fatal(err)
		}
		check := func(what string, never bool) {
			data, _ := json.Marshal(whole)
			p, err := event.Parse(data)
			if err == nil {
				_, err = event.ParseBody(p.Type, p.Body)
			}
			bySchema := valid(t, s, data)
			if bySchema != nil && err == nil {
				t.Errorf("%s, %s: the schema refuses what the code takes: %v", typ, what, bySchema)
			}
			if never && (bySchema == nil || err == nil) {
				t.Errorf("%s, %s: must not be taken (schema: %v, code: %v)", typ, what, bySchema, err)
			}
		}
		vary(whole, "", check)
	}
}

func vary(m map[string]any, path string, check func(what string, never bool)) {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	for _, name := range names {
		v, here := m[name], path+"/"+name
		delete(m, name)
		check("without "+here, false)
		m[name] = nil
		check("null "+here, true)
		if text, ok := v.(string); ok && text != "" {
			m[name] = ""
			check("empty "+here, false)
		}
		m[name] = v
		switch v := v.(type) {
		case map[string]any:
			vary(v, here, check)
		case []any:
			if inner, ok := v[0].(map[string]any); ok {
				vary(inner, here+"/0", check)
			}
		}
	}
	m["no_such_member"] = 1
	check("unknown "+path+"/no_such_member", true)
	delete(m, "no_such_member")
}
