package custody

import "testing"

func TestEmptyCaseHasNoDefects(t *testing.T) {
	r := Evaluate(Input{})
	if len(r.Defects) != 0 || len(r.NotShown) != 0 || r.Rules.Pack == "" {
		t.Errorf("an empty case: %+v", r)
	}
}
