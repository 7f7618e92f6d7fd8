package certificate

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWrapKeeps: whatever is set, no character is lost, added or moved, and no
// line is wider than allowed unless it is one character.
func TestWrapKeeps(t *testing.T) {
	f, err := OpenFonts("")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("ab c，。“”（）证据\n-"))), rapid.StringMatching(`[0-9a-f]{1,300}`)).Draw(t, "s")
		width := rapid.Float64Range(2, 200).Draw(t, "width")
		p := &paper{fonts: f, zh: rapid.Bool().Draw(t, "zh")}
		var want, got strings.Builder
		for _, g := range p.glyphs([]span{{s, styleBody}}) {
			if g.r != ' ' && g.r != '\n' {
				want.WriteRune(g.r)
			}
		}
		for _, l := range p.wrap([]span{{s, styleBody}}, width) {
			n := 0
			for _, c := range l.pieces {
				got.WriteString(strings.ReplaceAll(c.text, " ", ""))
				n += len([]rune(c.text))
			}
			if l.width > width+1e-9 && n > 1 {
				t.Fatalf("a line of %d characters is %f wide, %f are there", n, l.width, width)
			}
		}
		if p.err != nil || got.String() != want.String() {
			t.Fatalf("%q became %q: %v", want.String(), got.String(), p.err)
		}
	})
}

// TestSpelt: what cannot be shown is written out, and nothing else is.
func TestSpelt(t *testing.T) {
	f, err := OpenFonts("")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"a\u202eb": "a[U+202E]b", "\u200b": "[U+200B]", "𠮷": "[U+20BB7]", "\x00": "[U+0000]", "\xff": "[U+FFFD]", "e\u0301": "e[U+0301]",
		"ไ": "[U+0E44]", "ق": "[U+0642]", "证据 Beweis Доказ": "证据 Beweis Доказ", "a\tb": "a b", "≥ µg/m³ ±": "≥ µg/m³ ±", "\ue000": "[U+E000]",
	} {
		var got strings.Builder
		for _, g := range (&paper{fonts: f}).glyphs([]span{{in, styleBody}}) {
			got.WriteRune(g.r)
		}
		if got.String() != want {
			t.Errorf("%q is shown as %q, want %q", in, got.String(), want)
		}
	}
}
