// Command generate writes openapi.yaml from the listed routes and the wire types.
// It runs in mobile-contract/openapi.
package main

import (
	"log"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"fieldseal/api/wire"
	"fieldseal/mobile-contract/jsonform"
	"fieldseal/mobile-contract/openapi"

	"gopkg.in/yaml.v3"
)

type object = jsonform.Object

// statuses are the HTTP statuses of the error codes; the server's tests hold the
// server's own table against this description.
var statuses = map[wire.ErrorCode]int{
	wire.CodeBadRequest: 400, wire.CodeUnauthenticated: 401, wire.CodeReuse: 401, wire.CodeForbidden: 403, wire.CodeNotFound: 404,
	wire.CodeMethod: 405, wire.CodeConflict: 409, wire.CodeFrozen: 409, wire.CodeGone: 410, wire.CodeTooLarge: 413, wire.CodeMediaType: 415, wire.CodeDigest: 422,
	wire.CodeRateLimited: 429, wire.CodeInternal: 500, wire.CodeUnavailable: 503, wire.CodeNoSpace: 507,
}

func main() {
	docs, err := jsonform.ReadDocs("../../api/wire")
	if err != nil {
		log.Fatal(err)
	}
	defs := object{}
	g := &jsonform.Generator{Docs: docs, Defs: defs, Prefix: "#/components/schemas/", Open: true}
	paths := object{}
	for _, r := range openapi.Routes() {
		item, _ := paths[r.Path].(object)
		if item == nil {
			item = object{}
			paths[r.Path] = item
		}
		item[strings.ToLower(r.Method)] = operation(g, r)
	}
	g.Schema(reflect.TypeFor[wire.Error]())
	doc := object{
		"openapi": "3.1.0",
		"info": object{"title": "fieldseal", "version": "1", "license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "Field evidence, sealed offline and kept in custody: synchronization, media, the ledger and its proofs, custody records, court bundles. Event bodies have their own JSON Schemas beside this file."},
		"servers":    []any{object{"url": "http://127.0.0.1:8080", "description": "the default of fieldseal serve"}},
		"paths":      paths,
		"components": object{"schemas": defs, "securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
	}
	var out strings.Builder
	out.WriteString("# Generated from mobile-contract/openapi/routes.go and api/wire. Do not edit; run go generate.\n")
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("openapi.yaml", []byte(out.String()), 0o644); err != nil {
		log.Fatal(err)
	}
}

var inPath = regexp.MustCompile(`\{(\w+)\}`)

func operation(g *jsonform.Generator, r openapi.Route) object {
	op := object{"summary": r.Summary, "operationId": operationID(r)}
	if r.Description != "" {
		op["description"] = r.Description
	}
	var params []any
	for _, m := range inPath.FindAllStringSubmatch(r.Path, -1) {
		params = append(params, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, p := range r.Params {
		params = append(params, object{"name": p.Name, "in": p.In, "required": p.Required, "description": p.Description, "schema": object{"type": p.Type}})
	}
	if params != nil {
		op["parameters"] = params
	}
	switch {
	case r.Request != nil:
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": g.Schema(r.Request)}}}
	case r.RequestMediaType != "":
		op["requestBody"] = object{"required": true, "content": object{r.RequestMediaType: object{"schema": object{"type": "string"}}}}
	}
	errors := append([]wire.ErrorCode{wire.CodeInternal}, r.Errors...)
	if r.Access != openapi.Anyone {
		op["security"] = []any{object{"bearer": []string{}}}
		errors = append(errors, wire.CodeUnauthenticated, wire.CodeForbidden)
	}
	op["responses"] = responses(g, r, errors)
	return op
}

func responses(g *jsonform.Generator, r openapi.Route, errors []wire.ErrorCode) object {
	out := object{}
	for _, a := range r.Answers {
		answer := object{"description": a.Description}
		if a.Type != nil {
			answer["content"] = object{"application/json": object{"schema": g.Schema(a.Type)}}
		} else if a.MediaType != "" {
			answer["content"] = object{a.MediaType: object{"schema": object{"type": "string"}}}
		}
		out[strconv.Itoa(a.Status)] = answer
	}
	codes := map[int][]string{}
	for _, code := range errors {
		s := statuses[code]
		if !strings.Contains(strings.Join(codes[s], ", ")+",", string(code)+",") {
			codes[s] = append(codes[s], string(code))
		}
	}
	for status, names := range codes {
		if _, taken := out[strconv.Itoa(status)]; !taken {
			out[strconv.Itoa(status)] = object{"description": strings.Join(names, ", "),
				"content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}}}
		}
	}
	return out
}

var notWord = regexp.MustCompile(`[^a-z0-9]+`)

func operationID(r openapi.Route) string {
	path := strings.TrimPrefix(strings.NewReplacer("{", "by ", "}", "").Replace(r.Path), "/v1")
	return strings.Trim(notWord.ReplaceAllString(strings.ToLower(r.Method+" "+path), "_"), "_")
}
