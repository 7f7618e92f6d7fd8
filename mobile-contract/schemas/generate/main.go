// Command generate writes the JSON Schemas of every event from the Go types in
// sync/event and their doc comments. It runs in mobile-contract/schemas.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"

	"fieldseal/mobile-contract/jsonform"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

func main() {
	docs, err := jsonform.ReadDocs("../../sync/event")
	if err != nil {
		log.Fatal(err)
	}
	old, _ := filepath.Glob("*.schema.json")
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			log.Fatal(err)
		}
	}
	g := &generator{jsonform.Generator{Docs: docs, Prefix: "#/$defs/"}}
	for _, t := range event.Types() {
		g.write(string(t), g.body(t))
	}
	g.write("event", g.payload())
	g.write("envelope", envelope())
}

type object = jsonform.Object

type generator struct{ jsonform.Generator }

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
	g.Defs = object{}
	s := g.Structure(t.BodyType())
	s["title"] = string(t)
	if t.AuthorityOnly() {
		s["x-sealed-by"] = "authority"
	}
	if t.InCase() {
		s["x-names-case"] = true
	}
	if len(g.Defs) > 0 {
		s["$defs"] = g.Defs
	}
	return s
}

// payload is the header; its body follows the schema that type names.
func (g *generator) payload() object {
	g.Defs = object{}
	s := g.Structure(reflect.TypeFor[event.Payload]())
	s["title"] = "event payload, version 1"
	p := s["properties"].(object)
	p["v"] = object{"const": event.Version, "description": g.Docs["Payload.V"]}
	p["seq"] = object{"type": "integer", "minimum": 1, "maximum": int64(event.MaxSeq), "description": g.Docs["Payload.Seq"]}
	p["body"] = object{"type": "object", "description": g.Docs["Payload.Body"]}
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
	p["type"] = object{"enum": types, "description": g.Docs["Payload.Type"]}
	branches = append(branches,
		object{"if": object{"properties": object{"type": object{"enum": inCase}}}, "then": object{"required": []string{"case"}}},
		object{"if": object{"properties": object{"seq": object{"const": 1}}}, "then": object{"not": object{"required": []string{"prev"}}}, "else": object{"required": []string{"prev"}}})
	s["allOf"] = branches
	s["$defs"] = g.Defs
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
