package server_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fieldseal/api/fault"
	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/mobile-contract/openapi"
)

// The description lists the routes that the server has, and no others.
func TestRoutesAreThoseDescribed(t *testing.T) {
	s := servertest.Start(t)
	described := map[string]bool{}
	for _, r := range openapi.Routes() {
		described[r.Method+" "+regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(r.Path, ":$1")] = true
	}
	real := map[string]bool{}
	for _, r := range s.HTTP.App().GetRoutes(true) {
		// fiber answers HEAD wherever it answers GET; that is HTTP, not an operation.
		if r.Method == "HEAD" && !strings.Contains(r.Path, "uploads") {
			continue
		}
		if r.Path == "/" || r.Path == "/desk" || strings.HasPrefix(r.Path, "/desk/") {
			continue // pages for people: no program may count on them
		}
		real[r.Method+" "+strings.Replace(r.Path, "/+", "/:path", 1)] = true // the one parameter with slashes in it
	}
	for _, k := range slices.Sorted(maps.Keys(real)) {
		if !described[k] {
			t.Errorf("%s is served, but not described", k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(described)) {
		if !real[k] {
			t.Errorf("%s is described, but not served", k)
		}
	}
	if len(real) < 30 {
		t.Errorf("only %d routes", len(real))
	}
}

// codesInSource reads the closed set of codes, and the status in each one's comment.
func codesInSource(t *testing.T) map[wire.ErrorCode]int {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../wire/doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[wire.ErrorCode]int{}
	status := regexp.MustCompile(`\((\d{3})\)`)
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "ErrorCode" {
			return true
		}
		text, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		m := status.FindStringSubmatch(v.Doc.Text())
		if m == nil {
			t.Errorf("%s does not say its status", text)
			return true
		}
		codes[wire.ErrorCode(text)], _ = strconv.Atoi(m[1])
		return true
	})
	return codes
}

// One status for each code: in the wire package's text, in the server, in the description.
func TestErrorCodes(t *testing.T) {
	codes := codesInSource(t)
	if len(codes) < 15 {
		t.Fatalf("read %d codes", len(codes))
	}
	if !maps.Equal(codes, fault.Statuses()) {
		t.Errorf("wire says %v,\nthe server has %v", codes, fault.Statuses())
	}
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.routes {
		responses := c.at("paths", r.Path, strings.ToLower(r.Method), "responses")
		for _, code := range r.Errors {
			answer, ok := responses[strconv.Itoa(codes[code])].(map[string]any)
			if !ok {
				t.Errorf("%s %s: %s has no answer with status %d", r.Method, r.Path, code, codes[code])
			} else if text, _ := answer["description"].(string); !strings.Contains(text, string(code)) {
				t.Errorf("%s %s: status %d is described as %q, without %s", r.Method, r.Path, codes[code], text, code)
			}
		}
	}
}
