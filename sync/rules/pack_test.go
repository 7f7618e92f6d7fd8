package rules

import "testing"

func TestEmbeddedPacksParse(t *testing.T) {
	if len(Embedded()) == 0 || Default() == nil {
		t.Fatal("no embedded pack, or none named " + DefaultID)
	}
}
