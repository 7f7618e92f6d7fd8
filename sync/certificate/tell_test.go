package certificate

import (
	"testing"

	"fieldseal/sync/custody"
)

// TestTell: nothing that happened to an item is left out, and what is not told is counted.
func TestTell(t *testing.T) {
	for _, n := range []int{0, 1, mentionsAll, mentionsAll + 1, 1440} {
		var steps []custody.Step
		for i := range n {
			if i%100 == 50 {
				steps = append(steps, custody.Step{Kind: custody.StepReceived})
			}
			steps = append(steps, custody.Step{Kind: custody.StepMentioned})
		}
		happened, mentioned, skipped := 0, 0, 0
		for _, x := range Tell(steps) {
			switch {
			case x.Step == nil:
				skipped += x.Skipped
			case x.Step.Kind == custody.StepMentioned:
				mentioned++
			default:
				happened++
			}
		}
		if want := n + happened; mentioned+skipped+happened != len(steps) || want != len(steps) || n <= mentionsAll && skipped > 0 || n > mentionsAll && mentioned != 2*mentionsKept {
			t.Errorf("%d: %d happened, %d mentioned, %d skipped of %d", n, happened, mentioned, skipped, len(steps))
		}
	}
}
