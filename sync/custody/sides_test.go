package custody

import (
	"slices"
	"strings"
	"testing"

	"fieldseal/sync/event"
)

// sides is a rule seen from both sides: a story in which it is broken, and one
// close to it in which it is not.
type sides struct {
	name    string
	code    Code
	variant string
	// words have to stand in the English explanation.
	words  []string
	broken plot
	close  plot
}

// check plays both stories. The broken one has the finding once, with the facts
// in its text; the close one has no finding of that code at all.
func (c sides) check(t *testing.T) {
	t.Helper()
	sc := play(t, c.broken)
	r := sc.judge()
	list := slices.DeleteFunc(found(r.Defects, c.code), func(d Defect) bool { return d.Variant != c.variant })
	if len(list) != 1 {
		t.Fatalf("%s %q: found %d times in the broken story, want once\n%s", c.code, c.variant, len(list), telling(r))
	}
	for _, w := range c.words {
		if !strings.Contains(list[0].Explanation.EN, w) {
			t.Errorf("%s: %q is not in the explanation: %s", c.code, w, list[0].Explanation.EN)
		}
	}
	if list[0].Severity != specs[c.code].severity {
		t.Errorf("%s has severity %s", c.code, list[0].Severity)
	}
	sc = play(t, c.close)
	if r := sc.judge(); len(found(r.Defects, c.code)) != 0 {
		t.Errorf("%s: found in the close story, which breaks nothing\n%s", c.code, telling(r))
	}
}

func run(t *testing.T, cases []sides) {
	for _, c := range cases {
		t.Run(string(c.code)+"/"+c.name, c.check)
	}
}

// ahead runs f before a chapter.
func ahead(chapter string, f func(sc *scene)) map[string]func(*scene) {
	return map[string]func(*scene){chapter: f}
}

// ends runs f after the plain story.
func ends(f func(sc *scene)) plot { return plot{before: ahead("end", f)} }

// edit amends an event, path by path: old and new JSON texts.
func (s *story) edit(who string, at event.Stamp, target event.ID, changes ...event.Change) event.ID {
	return s.do(who, at, &event.EventAmended{Target: target, Reason: "typing error", Changes: changes})
}

// void withdraws an event.
func (s *story) void(who string, at event.Stamp, target event.ID) event.ID {
	return s.do(who, at, &event.EventAmended{Target: target, Reason: "entered by mistake", Void: true})
}
