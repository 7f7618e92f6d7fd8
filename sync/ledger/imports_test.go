package ledger

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestImports: the court's verifier is built on this package, so it does no I/O
// and drags in neither a store nor a web framework.
func TestImports(t *testing.T) {
	allowed := map[string]bool{
		"golang.org/x/mod/sumdb/tlog": true, "golang.org/x/mod/sumdb/note": true, "github.com/transparency-dev/formats/proof": true,
	}
	forbidden := map[string]bool{"os": true, "net": true, "net/http": true, "io/fs": true, "database/sql": true, "syscall": true, "unsafe": true}
	files := must(filepath.Glob("*.go"))
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f := must(parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly))
		for _, i := range f.Imports {
			path := must(strconv.Unquote(i.Path.Value))
			if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !allowed[path] || first == "fieldseal" || forbidden[path] {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
