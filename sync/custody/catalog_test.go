package custody

import (
	"flag"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated listings anew")

// promised are the codes of the domain text; each has to be registered.
const promised = `CUSTODY_GAP CUSTODY_OVERLAP HANDOVER_ONE_SIDED SIGN_DIGEST_MISMATCH RECEIVER_NEQ_NEXT_RELINQUISHER
	SELF_HANDOVER RECEIVE_BEFORE_RELINQUISH SEAL_NUMBER_CHANGED SEAL_BROKEN_ON_RECEIPT SEAL_MISSING SEAL_REUSED COUNT_MISMATCH
	UNEXPECTED_ITEM LABEL_COC_MISMATCH DUPLICATE_SAMPLE_ID WRONG_CONTAINER_OR_PRESERVATIVE TEMP_OUT_OF_RANGE HEADSPACE_VOA
	HOLD_TIME_EXCEEDED HOLD_TIME_UNCOMPUTABLE QC_BLANK_MISSING BLANK_CONTAMINATED DUPLICATE_RPD_HIGH INSUFFICIENT_MASS_BALANCE
	SUBSAMPLE_ORPHAN LAB_NOT_ACCREDITED METHOD_OUT_OF_SCOPE ANALYSIS_BEFORE_RECEIPT REPORT_SIGNERS_INCOMPLETE CAS_CHECKDIGIT_BAD
	RESULT_LT_MDL_NOT_QUALIFIED UNIT_OR_BASIS_MISMATCH EDIT_AFTER_SIGN DISPOSED_UNDER_HOLD LEGAL_REVIEW_MISSING
	TRANSFER_DEADLINE_MISSED WAIVER_WITHOUT_AUTHORITY NO_CASE_RIGHT AMENDMENT_NOT_APPLIED`

func TestEveryPromisedCodeIsRegistered(t *testing.T) {
	for code := range strings.FieldsSeq(promised) {
		if specs[Code(code)] == nil {
			t.Errorf("%s is not registered", code)
		}
	}
}

// TestTextsAskForTheSameFacts: a fact that one language names and the other does
// not is a fact that some reader is not told.
func TestTextsAskForTheSameFacts(t *testing.T) {
	same := func(code Code, what string, text Text) {
		if text.EN == "" || text.ZH == "" {
			t.Errorf("%s %s: a language is missing", code, what)
		}
		if en, zh := placeholders(text.EN), placeholders(text.ZH); !slices.Equal(en, zh) {
			t.Errorf("%s %s: English asks for %v, Chinese for %v", code, what, en, zh)
		}
	}
	for _, d := range Catalog() {
		same(d.Code, "title", d.Title)
		same(d.Code, "explanation", d.Explanation)
		same(d.Code, "cure", d.Cure)
		for _, v := range d.Variants {
			same(d.Code, v.Variant, v.Explanation)
			same(d.Code, v.Variant+" cure", v.Cure)
		}
	}
}

// TestListingsAreCurrent keeps the generated pages in step with the rules:
// go test ./sync/custody -run Listings -update
func TestListingsAreCurrent(t *testing.T) {
	data, err := CatalogJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"DEFECTS.md": CatalogMarkdown(), "defects.json": string(data) + "\n"} {
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what the rules say; write it anew with -update", name)
		}
	}
}

// TestImports keeps the package fit for the court's verifier and for WebAssembly:
// no store, no network, no files.
func TestImports(t *testing.T) {
	allowed := []string{"fieldseal/sync/event", "fieldseal/sync/seal", "fieldseal/sync/rules", "fieldseal/sync/hj212", "fieldseal/sync/decimal", "fieldseal/sync/unit", "github.com/go-json-experiment/json", "github.com/go-json-experiment/json/jsontext"}
	forbidden := []string{"os", "net", "net/http", "io/fs", "os/exec", "database/sql", "syscall", "unsafe", "math/rand", "math/rand/v2", "crypto/rand", "log", "log/slog"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			outside := strings.Contains(path, "/") && (strings.Contains(strings.SplitN(path, "/", 2)[0], ".") || strings.HasPrefix(path, "fieldseal/"))
			if outside && !slices.Contains(allowed, path) || slices.Contains(forbidden, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
