package server_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"fieldseal/mobile-contract/openapi"
)

// TestMain fails a whole run in which an operation was never seen to succeed:
// its answer would then be described, but held against nothing.
func TestMain(m *testing.M) {
	code := m.Run()
	if whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.list").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""; whole && code == 0 {
		code = unseen()
	}
	os.Exit(code)
}

func unseen() (code int) {
	c, err := theContract()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for _, r := range openapi.Routes() {
		for _, a := range r.Answers {
			if key := fmt.Sprintf("%s %s %d", r.Method, r.Path, a.Status); !c.seen[key] {
				fmt.Printf("no test saw the answer %s, which the description promises\n", key)
				code = 1
			}
		}
	}
	return code
}
