// Command generate writes the JSON Schemas of every event from the Go types in
// sync/event and their doc comments. It runs in mobile-contract/schemas.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json/jsontext"
)

func main() {
	docs, err := readDocs("../../sync/event")
	if err != nil {
		log.Fatal(err)
	}
	old, _ := filepath.Glob("*.schema.json")
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			log.Fatal(err)
		}
	}
	g := &generator{docs: docs}
	for _, t := range event.Types() {
		g.write(string(t), g.body(t))
	}
	g.write("event", g.payload())
	g.write("envelope", envelope())
}

type object = map[string]any

type generator struct {
	docs map[string]string // "Type" or "Type.Field" to doc text
	defs object
}

func (g *generator) write(name string, schema object) {
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = "urn:fieldseal:v1:" + name
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(name+".schema.json", append(data, '\n'), 0o644); err != nil {
		log.Fatal(err)
	}
}

func (g *generator) body(t event.Type) object {
	g.defs = object{}
	s := g.structure(t.BodyType())
	s["title"] = string(t)
	if t.AuthorityOnly() {
		s["x-sealed-by"] = "authority"
	}
	if t.InCase() {
		s["x-names-case"] = true
	}
	if len(g.defs) > 0 {
		s["$defs"] = g.defs
	}
	return s
}

// payload is the header; its body follows the schema that type names.
func (g *generator) payload() object {
	g.defs = object{}
	s := g.structure(reflect.TypeFor[event.Payload]())
	s["title"] = "event payload, version 1"
	p := s["properties"].(object)
	p["v"] = object{"const": event.Version, "description": g.docs["Payload.V"]}
	p["seq"] = object{"type": "integer", "minimum": 1, "maximum": int64(event.MaxSeq), "description": g.docs["Payload.Seq"]}
	p["body"] = object{"type": "object", "description": g.docs["Payload.Body"]}
	var types, inCase []string
	var branches []any
	for _, t := range event.Types() {
		types = append(types, string(t))
		if t.InCase() {
			inCase = append(inCase, string(t))
		}
		branches = append(branches, object{
			"if":   object{"properties": object{"type": object{"const": string(t)}}},
			"then": object{"properties": object{"body": object{"$ref": "urn:fieldseal:v1:" + string(t)}}}})
	}
	p["type"] = object{"enum": types, "description": g.docs["Payload.Type"]}
	branches = append(branches,
		object{"if": object{"properties": object{"type": object{"enum": inCase}}}, "then": object{"required": []string{"case"}}},
		object{"if": object{"properties": object{"seq": object{"const": 1}}}, "then": object{"not": object{"required": []string{"prev"}}}, "else": object{"required": []string{"prev"}}})
	s["allOf"] = branches
	s["$defs"] = g.defs
	return s
}

func envelope() object {
	return object{
		"title":       "DSSE envelope of one event",
		"description": fmt.Sprintf("One line of a batch. The signature covers PAE(payloadType, payload). At most %d bytes.", seal.MaxLine),
		"type":        "object", "additionalProperties": false,
		"required": []string{"payloadType", "payload", "signatures"},
		"properties": object{
			"payloadType": object{"const": event.PayloadType},
			"payload":     object{"type": "string", "contentEncoding": "base64", "contentMediaType": "application/json", "description": "Standard base64 with padding of the exact payload bytes."},
			"signatures": object{"type": "array", "minItems": 1, "maxItems": 1, "items": object{
				"type": "object", "additionalProperties": false, "required": []string{"keyid", "sig"},
				"properties": object{
					"keyid": object{"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 over the key's DER SubjectPublicKeyInfo."},
					"sig":   object{"type": "string", "contentEncoding": "base64", "description": "ASN.1 DER for ecdsa-p256-sha256, 64 bytes for ed25519."},
				}}}}}
}

func (g *generator) structure(t reflect.Type) object {
	props, required := object{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := g.schema(f.Type)
		if !strings.Contains(opts, "omit") {
			required = append(required, name)
			if f.Type.Kind() == reflect.String && p["enum"] == nil && p["pattern"] == nil {
				p["minLength"] = 1
			}
		}
		if d := g.docs[t.Name()+"."+f.Name]; d != "" {
			p["description"] = d
		}
		props[name] = p
	}
	s := object{"type": "object", "additionalProperties": false, "properties": props}
	if len(required) > 0 {
		s["required"] = required
	}
	if d := g.docs[t.Name()]; d != "" {
		s["description"] = d
	}
	return s
}

var fixed = map[reflect.Type]object{
	reflect.TypeFor[event.UUID]():     {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
	reflect.TypeFor[event.ID]():       {"type": "string", "pattern": "^[0-9a-f]{64}$"},
	reflect.TypeFor[event.Digest]():   {"type": "string", "pattern": "^[0-9a-f]{64}$"},
	reflect.TypeFor[event.Root]():     {"type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$"},
	reflect.TypeFor[event.Stamp]():    {"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$`},
	reflect.TypeFor[event.Date]():     {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
	reflect.TypeFor[[]byte]():         {"type": "string", "contentEncoding": "base64"},
	reflect.TypeFor[jsontext.Value](): {"type": "object"},
	reflect.TypeFor[decimal.Decimal](): {"type": "object", "additionalProperties": false, "required": []string{"n", "s"}, "description": "A decimal: n times ten to the power of minus s.",
		"properties": object{"n": object{"type": "integer"}, "s": object{"type": "integer", "minimum": 0, "maximum": 18}}},
}

func (g *generator) schema(t reflect.Type) object {
	if t.Kind() == reflect.Pointer {
		return g.schema(t.Elem())
	}
	if s, ok := fixed[t]; ok {
		return clone(s)
	}
	if w, ok := reflect.Zero(t).Interface().(interface{ Words() []string }); ok {
		return object{"enum": w.Words()}
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int64:
		return object{"type": "integer"}
	case reflect.Slice:
		return object{"type": "array", "items": g.schema(t.Elem())}
	case reflect.Array:
		return object{"type": "array", "items": g.schema(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Struct:
		if _, ok := g.defs[t.Name()]; !ok {
			g.defs[t.Name()] = nil // stops recursion
			g.defs[t.Name()] = g.structure(t)
		}
		return object{"$ref": "#/$defs/" + t.Name()}
	}
	log.Fatalf("%s has no JSON form here", t)
	return nil
}

func clone(o object) object {
	c := object{}
	for k, v := range o {
		c[k] = v
	}
	return c
}

// readDocs reads the doc comments of a package's types and their fields. A
// comment over a group of fields serves its first field.
func readDocs(dir string) (map[string]string, error) {
	fset := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no Go files in %s: %w", dir, err)
	}
	docs := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, decl := range f.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.TYPE {
				continue
			}
			for _, spec := range d.Specs {
				ts := spec.(*ast.TypeSpec)
				docs[ts.Name.Name] = oneLine(d.Doc)
				if st, ok := ts.Type.(*ast.StructType); ok {
					for _, field := range st.Fields.List {
						for _, n := range field.Names {
							docs[ts.Name.Name+"."+n.Name] = oneLine(field.Doc)
						}
					}
				}
			}
		}
	}
	return docs, nil
}

func oneLine(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	return doc.Synopsis(strings.Join(strings.Fields(c.Text()), " "))
}
