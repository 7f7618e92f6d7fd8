// Package sheet reads the text tables that people hand over (laboratory files,
// waybills, exports of a spreadsheet): their encoding, their cells, and the
// ways they write dates. It guesses only where the bytes leave no doubt, and
// says when it did.
package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

var (
	// ErrSpreadsheet: the bytes are those of an xlsx or xls file.
	ErrSpreadsheet = errors.New("the file is a spreadsheet, not text")
	// ErrEncoding: the encoding asked for is not known, or the bytes are not in it.
	ErrEncoding = errors.New("not text in this encoding")
)

// The names of encodings.
const (
	UTF8    = "utf-8"
	UTF16   = "utf-16"
	GB18030 = "gb18030"
	CP1252  = "windows-1252"
)

// replacement stands for bytes that are no text.
const replacement = "\uFFFD"

// Text is a decoded file.
type Text struct {
	Body     string // UTF-8 without BOM; bytes that are no text are U+FFFD
	Encoding string
	Guessed  bool // recognised without a BOM, and not UTF-8
	Broken   bool // there were bytes that are no text
}

// Decode turns a file into text. want names the encoding, "" recognises it: by
// BOM, else UTF-8 where the bytes are that, else GB 18030 where two high bytes
// stand side by side (as in any Chinese word), else Windows-1252 (single µ, °).
func Decode(b []byte, want string) (Text, error) {
	var t Text
	switch {
	case bytes.HasPrefix(b, []byte("PK\x03\x04")), bytes.HasPrefix(b, []byte("\xd0\xcf\x11\xe0")):
		return t, fmt.Errorf("%w: save the sheet as CSV (UTF-8) and import that", ErrSpreadsheet)
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		t.Encoding = UTF16
		return t.convert(b, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM))
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		t.Encoding = UTF8
		return t.checked(string(b[3:])), nil
	}
	t.Encoding = want
	if want == "" {
		t.Encoding = guess(b)
		t.Guessed = t.Encoding != UTF8
	}
	switch t.Encoding {
	case UTF8:
		return t.checked(string(b)), nil
	case GB18030:
		return t.convert(b, simplifiedchinese.GB18030)
	case CP1252:
		return t.convert(b, charmap.Windows1252)
	}
	return t, fmt.Errorf("%w: %.40q is not one of utf-8, gb18030, windows-1252", ErrEncoding, want)
}

func (t Text) convert(b []byte, e encoding.Encoding) (Text, error) {
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return t, fmt.Errorf("%w: %s: %w", ErrEncoding, t.Encoding, err)
	}
	return t.checked(strings.TrimPrefix(string(out), "\uFEFF")), nil
}

func (t Text) checked(s string) Text {
	t.Broken = !utf8.ValidString(s) || strings.Contains(s, replacement) || strings.Contains(s, "\x00")
	t.Body = strings.ToValidUTF8(s, replacement)
	return t
}

func guess(b []byte) string {
	if utf8.Valid(b) {
		return UTF8
	}
	for i := 1; i < len(b); i++ {
		if b[i-1] >= 0x80 && b[i] >= 0x80 {
			return GB18030
		}
	}
	return CP1252
}

// Reader reads the records of a table. Cells are quoted as in RFC 4180; quotes
// in the middle of a cell are taken as they are, and rows may differ in length.
func Reader(text string, delim rune) *csv.Reader {
	c := csv.NewReader(strings.NewReader(text))
	c.Comma, c.FieldsPerRecord, c.LazyQuotes = delim, -1, true
	return c
}

// MaxCellLines is the most lines one cell may have: more is a quote that was
// never closed and swallowed what follows.
const MaxCellLines = 20

// Swallowed reports whether a cell of the record ran on over an open quote.
func Swallowed(cells []string) bool {
	for _, c := range cells {
		if strings.Count(c, "\n") > MaxCellLines {
			return true
		}
	}
	return false
}

// Blank reports whether a record has nothing in its cells.
func Blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// Absent reports whether a cell says that there is nothing: empty, NA, a dash.
func Absent(cell string) bool {
	switch strings.ToUpper(strings.TrimSpace(cell)) {
	case "", "NA", "N/A", "NULL", "NONE", "-", "--", "/", "—", "——":
		return true
	}
	return false
}

// Fold makes a column name comparable: letters, digits and Chinese characters
// in lower case, without what stands in brackets behind it ("检出限(mg/L)").
func Fold(name string) string {
	if i := strings.IndexAny(name, "(（"); i > 0 {
		name = name[:i]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r >= 0x4E00 && r <= 0x9FFF:
			return r
		}
		return -1
	}, name)
}
