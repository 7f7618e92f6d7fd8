// Package jsonform turns Go types into JSON Schemas (draft 2020-12): the members from
// the json tags, what is required from the absence of omitempty and omitzero, the
// descriptions from the doc comments, the words from types that list them. The
// contract's schemas and its OpenAPI description are both made with it.
package jsonform

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object.
type Object = map[string]any

// Generator makes schemas. Structs that occur within others become definitions.
type Generator struct {
	// Docs maps "Type" and "Type.Field" to their text; see ReadDocs.
	Docs map[string]string
	// Defs collects the definitions, by type name.
	Defs Object
	// Prefix is what a reference to a definition starts with ("#/$defs/").
	Prefix string
	// Open lets unknown members pass: for answers, which may grow.
	Open bool
}

// Structure is the schema of a struct.
func (g *Generator) Structure(t reflect.Type) Object {
	props, required := Object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue // what an embedded struct has, the outer one has
		}
		owner := t.Name()
		if len(f.Index) > 1 {
			owner = t.FieldByIndex(f.Index[:len(f.Index)-1]).Type.Name()
		}
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := g.Schema(f.Type)
		if !strings.Contains(opts, "omit") {
			required = append(required, name)
			if !g.Open && f.Type.Kind() == reflect.String && p["enum"] == nil && p["pattern"] == nil {
				p["minLength"] = 1 // what is required and a text is never empty
			}
		}
		if d := g.Docs[owner+"."+f.Name]; d != "" {
			p["description"] = d
		}
		props[name] = p
	}
	s := Object{"type": "object", "properties": props}
	if !g.Open {
		s["additionalProperties"] = false
	}
	if len(required) > 0 {
		s["required"] = required
	}
	if d := g.Docs[t.Name()]; d != "" {
		s["description"] = d
	}
	return s
}

var fixed = map[reflect.Type]Object{
	reflect.TypeFor[event.UUID]():      {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
	reflect.TypeFor[event.ID]():        {"type": "string", "pattern": "^[0-9a-f]{64}$"},
	reflect.TypeFor[event.Digest]():    {"type": "string", "pattern": "^[0-9a-f]{64}$"},
	reflect.TypeFor[event.Root]():      {"type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$"},
	reflect.TypeFor[event.Stamp]():     {"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$`},
	reflect.TypeFor[event.Date]():      {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
	reflect.TypeFor[[]byte]():          {"type": "string", "contentEncoding": "base64"},
	reflect.TypeFor[jsontext.Value]():  {"type": "object"},
	reflect.TypeFor[json.RawMessage](): {"type": "object"},
	reflect.TypeFor[decimal.Decimal](): {"type": "object", "additionalProperties": false, "required": []string{"n", "s"}, "description": "A decimal: n times ten to the power of minus s.",
		"properties": Object{"n": Object{"type": "integer"}, "s": Object{"type": "integer", "minimum": 0, "maximum": 18}}},
}

// Schema is the schema of any type that has a JSON form here; it panics for others.
func (g *Generator) Schema(t reflect.Type) Object {
	if t.Kind() == reflect.Pointer {
		return g.Schema(t.Elem())
	}
	if s, ok := fixed[t]; ok {
		return clone(s)
	}
	if w, ok := reflect.Zero(t).Interface().(interface{ Words() []string }); ok {
		return Object{"enum": w.Words()}
	}
	switch t.Kind() {
	case reflect.String:
		return Object{"type": "string"}
	case reflect.Bool:
		return Object{"type": "boolean"}
	case reflect.Int64, reflect.Int:
		return Object{"type": "integer"}
	case reflect.Map:
		return Object{"type": "object", "additionalProperties": g.Schema(t.Elem())}
	case reflect.Slice:
		return Object{"type": "array", "items": g.Schema(t.Elem())}
	case reflect.Array:
		return Object{"type": "array", "items": g.Schema(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Struct:
		if _, ok := g.Defs[t.Name()]; !ok {
			g.Defs[t.Name()] = nil // stops recursion
			g.Defs[t.Name()] = g.Structure(t)
		}
		return Object{"$ref": g.Prefix + t.Name()}
	}
	panic(fmt.Sprintf("%s has no JSON form here", t))
}

func clone(o Object) Object {
	c := Object{}
	for k, v := range o {
		c[k] = v
	}
	return c
}

// ReadDocs reads the doc comments of a package's types and their fields. A
// comment over a group of fields serves its first field.
func ReadDocs(dir string) (map[string]string, error) {
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
	return strings.Join(strings.Fields(c.Text()), " ")
}
