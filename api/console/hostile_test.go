package console

import (
	"runtime"
	"strings"
	"testing"
)

// A line in quarantine may be anything that anybody sent; showing it costs a small
// multiple of its length.
func TestShownLineIsBounded(t *testing.T) {
	for name, line := range map[string]string{
		"deep":           strings.Repeat("[", maxLineShown/2) + strings.Repeat("]", maxLineShown/2),
		"deep in a text": `"` + strings.Repeat("[", maxLineShown/2) + `"`,
		"wide":           "[" + strings.Repeat("0,", maxLineShown/2-4) + "0]",
		"no text":        strings.Repeat("\xff", 1<<20),
		"long":           strings.Repeat("文", 1<<20),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		text, _ := shownLine([]byte(line))
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64*maxLineShown+2*uint64(len(line)) {
			t.Errorf("%s: %d bytes of memory for a line of %d", name, n, len(line))
		}
		if text == "" || len(text) > 8*maxLineShown {
			t.Errorf("%s: %d bytes are shown", name, len(text))
		}
	}
	if text, _ := shownLine([]byte(`{"a":[{"b":1}]}`)); !strings.Contains(text, "\n  \"a\"") {
		t.Errorf("content is not indented: %s", text)
	}
}
