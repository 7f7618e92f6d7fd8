package console

import (
	"mime"
	"runtime"
	"strings"
	"testing"
	"unicode"
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

// Whatever a device has sealed as a case's number, the head that names a file by it is
// one line, has one file name, and its kind is the one that is shown.
func TestDisposition(t *testing.T) {
	for number, want := range map[string]string{
		"环罚〔2026〕1号":                   "环罚〔2026〕1号.pdf",
		"a\r\nSet-Cookie: x=1":         "a--Set-Cookie- x=1.pdf",
		`"; filename="evil.exe`:        `-; filename=-evil.exe.pdf`,
		"../../etc/passwd":             "..-..-etc-passwd.pdf",
		`C:\x|y?*<>`:                   "C--x-y----.pdf",
		"\xff\xfe":                     "-.pdf",
		"fdp.\u202eexe":                "fdp.-exe.pdf",
		"a\u0085b\u2066c\u200bd\ufeff": "a-b-c-d-.pdf",
		"100% 'quoted' & a=b+c":        "100% 'quoted' & a=b+c.pdf",
		strings.Repeat("字", 500):       strings.Repeat("字", 80) + ".pdf",
		"":                             ".pdf",
		"x.exe\x00":                    "x.exe-.pdf",
	} {
		head := disposition(number, ".pdf", "case-1")
		if strings.ContainsFunc(head, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) }) || !strings.HasPrefix(head, `attachment; filename="case-1.pdf"; filename*=`) {
			t.Errorf("%q: the head is %q", number, head)
		}
		_, p, err := mime.ParseMediaType("attachment; " + head[strings.Index(head, "filename*"):])
		if err != nil || p["filename"] != want {
			t.Errorf("%q names the file %q, want %q: %v", number, p["filename"], want, err)
		}
	}
}
