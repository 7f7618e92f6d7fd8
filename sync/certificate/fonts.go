package certificate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// DefaultChineseFont is where Debian's package fonts-droid-fallback puts its font
// (Apache License 2.0): 44,000 characters, TrueType outlines.
const DefaultChineseFont = "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"

// maxFont bounds a font file: the largest Chinese TrueType fonts have about 20 MB.
const maxFont = 64 << 20

// ErrFont is wrapped by every error about fonts.
var ErrFont = errors.New("the certificate's font")

// FontError says that a text needs the Chinese font, which is not there.
type FontError struct {
	// Path is where the font was looked for, Rune the first character that needs it.
	Path string
	Rune rune
	Err  error
}

func (e *FontError) Error() string {
	return fmt.Sprintf("%v for Chinese characters is not there: %q (U+%04X) has to be printed, and %s cannot be read (%v). "+
		"Install the Debian package fonts-droid-fallback, or name another TrueType font with Chinese characters in the setting chinese_font", ErrFont, e.Rune, e.Rune, e.Path, e.Err)
}

// Unwrap gives ErrFont and the cause.
func (e *FontError) Unwrap() []error { return []error{ErrFont, e.Err} }

// face names one of the fonts.
type face int

const (
	regular face = iota
	bold
	mono
	chinese
	faces
)

// Fonts are the fonts that certificates are set in. It is safe for concurrent use.
type Fonts struct {
	data [faces][]byte
	path string
	// absent is why there is no Chinese font.
	absent error

	mu     sync.Mutex
	parsed [faces]*sfnt.Font
	buf    sfnt.Buffer
	widths [faces]map[rune]float64
}

// OpenFonts reads the fonts: those for Latin, Greek and Cyrillic are part of the
// program, the Chinese one is the TrueType file at path (empty: DefaultChineseFont).
// That the file does not exist is no error here, but one of Write where a text
// needs it; a file that is no usable font is an error at once.
func OpenFonts(path string) (*Fonts, error) {
	if path == "" {
		path = DefaultChineseFont
	}
	f := &Fonts{path: path}
	f.data[regular], f.data[bold], f.data[mono] = goregular.TTF, gobold.TTF, gomono.TTF
	data, err := readFont(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.absent = err
	case err != nil:
		return nil, fmt.Errorf("%w %s: %w", ErrFont, path, err)
	default:
		f.data[chinese] = data
	}
	for i, data := range f.data {
		if data == nil {
			continue
		}
		if f.parsed[i], err = sfnt.Parse(data); err != nil {
			return nil, fmt.Errorf("%w %s cannot be used: %w", ErrFont, path, err)
		}
		f.widths[i] = map[rune]float64{}
	}
	if f.data[chinese] != nil && f.width(chinese, '证') < 0 {
		return nil, fmt.Errorf("%w %s has no Chinese characters", ErrFont, path)
	}
	return f, nil
}

// readFont reads a TrueType file. Other outlines and collections cannot be
// embedded the way they are here.
func readFont(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFont {
		return nil, fmt.Errorf("it is not a file of at most %d bytes", maxFont)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) < 4 || string(data[:4]) != "\x00\x01\x00\x00" && string(data[:4]) != "true" {
		return nil, errors.New("it is not a TrueType font (.ttf); collections (.ttc) and OpenType fonts with PostScript outlines (.otf) cannot be used")
	}
	return data, nil
}

// width is the advance of a character in thousandths of the font's size; negative
// where the font does not have it.
func (f *Fonts) width(fc face, r rune) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.parsed[fc] == nil {
		return -1
	}
	if w, ok := f.widths[fc][r]; ok {
		return w
	}
	w := -1.0
	if i, err := f.parsed[fc].GlyphIndex(&f.buf, r); err == nil && i != 0 {
		const em = 1000
		if a, err := f.parsed[fc].GlyphAdvance(&f.buf, i, fixed.I(em), font.HintingNone); err == nil {
			w = float64(a) / 64
		}
	}
	f.widths[fc][r] = w
	return w
}

// east reports whether a character belongs to Chinese typesetting, so that only a
// font for Chinese will do.
func east(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo) ||
		r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xffef
}

// shared are the marks that Latin and Chinese typesetting both have; in a Chinese
// document they are set from the Chinese font.
func shared(r rune) bool {
	switch r {
	case '“', '”', '‘', '’', '…', '—', '·', '×', '°':
		return true
	}
	return false
}

// hidden reports whether a character may not be set as itself: controls, marks
// that turn the direction of reading or have no shape, and everything beyond the
// basic plane, which a PDF of this kind cannot address.
func hidden(r rune) bool {
	return r > 0xffff || r == unicode.ReplacementChar || r >= 0xfff9 && r <= 0xffff || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp)
}

// choose gives the face for a character of a text that is to be set in want; ok is
// false where no font has it. Marks that combine with the character before them
// are not placed well without shaping, and are written out.
func (f *Fonts) choose(want face, r rune, zh bool) (fc face, ok bool, err error) {
	if hidden(r) || unicode.Is(unicode.M, r) {
		return want, false, nil
	}
	order := []face{want, regular, chinese}
	if east(r) || zh && shared(r) && want != mono {
		order = []face{chinese, want, regular}
	}
	for _, fc := range order {
		if f.width(fc, r) >= 0 {
			return fc, true, nil
		}
	}
	if f.absent != nil && east(r) {
		return want, false, &FontError{f.path, r, f.absent}
	}
	return want, false, nil
}
