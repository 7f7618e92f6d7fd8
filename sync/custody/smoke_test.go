package custody

import "testing"

func TestEmptyCaseHasNoDefects(t *testing.T) {
	r := Evaluate(Input{})
	if len(r.Defects) != 0 || len(r.NotShown) != 0 || r.Rules.Pack == "" {
		t.Errorf("an empty case: %+v", r)
	}
}

// TestPlainStoryHasNoDefect is the other side of every test that finds one.
func TestPlainStoryHasNoDefect(t *testing.T) {
	sc := play(t, plot{})
	if r := sc.judge(); len(r.Defects) != 0 {
		t.Errorf("the plain story has defects:\n%s", telling(r))
	}
}
