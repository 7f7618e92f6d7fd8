package verify_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed are the packages that the verifier may be built from, beside the
// standard library without databases and servers.
var allowed = []string{
	"fieldseal/schema", // the embedded rule packs
	"fieldseal/sync/bundle/bag", "fieldseal/sync/bundle/container", "fieldseal/sync/bundle/verify",
	"fieldseal/sync/custody", "fieldseal/sync/decimal", "fieldseal/sync/event", "fieldseal/sync/hj212",
	"fieldseal/sync/ledger", "fieldseal/sync/reconcile", "fieldseal/sync/rules", "fieldseal/sync/seal", "fieldseal/sync/stamp", "fieldseal/sync/succession", "fieldseal/sync/unit", "fieldseal/sync/witness",
	"github.com/go-json-experiment/json", "github.com/klauspost/compress", "github.com/transparency-dev/formats/proof",
	"golang.org/x/mod/sumdb", "golang.org/x/crypto", "golang.org/x/text",
}

var refused = []string{"database/sql", "net/http", "net/rpc", "os/exec", "plugin", "fieldseal/sync/ledger/guard", "fieldseal/sync/ledger/keyfile", "fieldseal/sync/witness/keeper", "fieldseal/sync/witness/collect", "fieldseal/sync/succession/carry"}

func TestVerifierStandsAlone(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if .Standard}}std {{end}}{{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	under := func(p string) func(string) bool {
		return func(room string) bool { return p == room || strings.HasPrefix(p, room+"/") }
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		p, std := strings.CutPrefix(strings.TrimSpace(line), "std ")
		n++
		if slices.ContainsFunc(refused, under(p)) || !std && !slices.ContainsFunc(allowed, under(p)) {
			t.Errorf("the verifier depends on %s", p)
		}
	}
	if n < 50 {
		t.Errorf("go list names %d packages only", n)
	}
}

func TestBuildsForPages(t *testing.T) {
	build := exec.Command("go", "build", ".")
	build.Env = append(build.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("the verifier does not build for js/wasm: %v\n%s", err, out)
	}
}
