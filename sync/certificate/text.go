package certificate

import (
	"fmt"
	"strings"
	"unicode"
)

// style is how a piece of text is set.
type style struct {
	face face
	// size is in points.
	size float64
	// grey is for what is secondary; black otherwise.
	grey bool
	// line is the distance of base lines in millimetres.
	line float64
}

// The sizes of the document. Body text of 9 points is what forms of courts use;
// nothing is smaller than 7.
var (
	styleTitle   = style{bold, 19, false, 8.5}
	styleSection = style{bold, 12, false, 5.6}
	styleItem    = style{bold, 10.5, false, 5}
	styleSub     = style{bold, 9, false, 4.2}
	styleBody    = style{regular, 9, false, 4.1}
	styleStrong  = style{bold, 9, false, 4.1}
	styleNote    = style{regular, 8, true, 3.7}
	styleCell    = style{regular, 8, false, 3.6}
	styleHead    = style{bold, 7.5, false, 3.5}
	styleHash    = style{mono, 7, false, 3.4}
	styleFoot    = style{regular, 7.5, true, 3.5}
)

// in gives the same style in another face.
func (s style) in(f face) style { s.face = f; return s }

// pale gives the same style in grey.
func (s style) pale() style { s.grey = true; return s }

// span is text of one style. A line feed in it begins a new line.
type span struct {
	text string
	style
}

// piece is part of a line: characters of one face.
type piece struct {
	text  string
	face  face
	style style
	// x is its distance from the line's beginning, w its width, both in millimetres.
	x, w float64
}

// line is a line of set text.
type line struct {
	pieces []piece
	height float64
	width  float64
}

// glyph is a character with what setting it needs.
type glyph struct {
	r     rune
	face  face
	style style
	w     float64
}

const mmPerPoint = 25.4 / 72

// opening and closing marks: no line ends with the first or begins with the second.
const (
	opening = "（《〈「『【〔“‘([{"
	closing = "，。、；：？！）》〉」』】〕”’…—·,.;:?!)]}%"
)

// glyphs turns spans into characters, unprintable ones spelt out.
func (p *paper) glyphs(spans []span) []glyph {
	var list []glyph
	for _, s := range spans {
		for _, r := range clean(s.text) {
			if r == '\n' {
				list = append(list, glyph{r: r, style: s.style})
				continue
			}
			p.glyph(&list, s.style, r)
		}
	}
	return list
}

func (p *paper) glyph(list *[]glyph, s style, r rune) {
	fc, ok, err := p.fonts.choose(s.face, r, p.zh)
	if err != nil {
		p.fail(err)
		return
	}
	if ok {
		*list = append(*list, glyph{r, fc, s, p.fonts.width(fc, r) * s.size / 1000 * mmPerPoint})
		return
	}
	for _, c := range spelt(r) {
		*list = append(*list, glyph{c, s.face, s, p.fonts.width(s.face, c) * s.size / 1000 * mmPerPoint})
	}
}

// spelt writes out a character that cannot be shown.
func spelt(r rune) string { return fmt.Sprintf("[U+%04X]", r) }

// clean makes line ends uniform and other white space plain. Bytes that are no
// UTF-8 become U+FFFD, which is spelt out.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t' || r == '\r' || r == '\u00a0' || r == '\u202f' || r == '\u3000' || unicode.Is(unicode.Zs, r):
			return ' '
		}
		return r
	}, s)
}

// plain is a text for the document's metadata, where no font decides.
func plain(s string) string {
	var b strings.Builder
	for _, r := range clean(s) {
		if r == '\n' {
			r = ' '
		}
		if hidden(r) {
			b.WriteString(spelt(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// mayBreak reports whether a line may end between two characters.
func mayBreak(a, b rune) bool {
	switch {
	case b == ' ' || b == '\n':
		return false
	case strings.ContainsRune(closing, b) || strings.ContainsRune(opening, a):
		return false
	case a == ' ':
		return true
	}
	return east(a) || east(b) || strings.ContainsRune("，。、；：？！）》」』】", a)
}

// wrap sets spans into lines of at most a width. A word that is wider is broken
// where it has to be: hashes are.
func (p *paper) wrap(spans []span, width float64) []line {
	gs := p.glyphs(spans)
	var lines []line
	height := styleBody.line
	if len(spans) > 0 {
		height = spans[0].line
	}
	for start := 0; start < len(gs); {
		end, next := fit(gs, start, width)
		lines = append(lines, compose(gs[start:end], height))
		start = next
	}
	if len(gs) > 0 && gs[len(gs)-1].r == '\n' || len(gs) == 0 {
		lines = append(lines, line{height: height})
	}
	return lines
}

// fit finds where the line that starts at start ends, and where the next begins.
func fit(gs []glyph, start int, width float64) (end, next int) {
	w, last := 0.0, -1
	for i := start; i < len(gs); i++ {
		if gs[i].r == '\n' {
			return i, i + 1
		}
		if i > start && mayBreak(gs[i-1].r, gs[i].r) {
			last = i
		}
		w += gs[i].w
		if w <= width || gs[i].r == ' ' || i == start {
			continue
		}
		if last < 0 {
			return i, i
		}
		return last, last
	}
	return len(gs), len(gs)
}

// compose puts characters of one line into pieces.
func compose(gs []glyph, height float64) line {
	for len(gs) > 0 && gs[len(gs)-1].r == ' ' {
		gs = gs[:len(gs)-1]
	}
	l := line{height: height}
	for _, g := range gs {
		l.height = max(l.height, g.style.line)
		n := len(l.pieces)
		if n == 0 || l.pieces[n-1].face != g.face || l.pieces[n-1].style != g.style {
			l.pieces = append(l.pieces, piece{face: g.face, style: g.style, x: l.width})
			n++
		}
		l.pieces[n-1].text += string(g.r)
		l.pieces[n-1].w += g.w
		l.width += g.w
	}
	return l
}
