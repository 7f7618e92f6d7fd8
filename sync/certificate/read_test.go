package certificate_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
)

// document is what can be read from a PDF again.
type document struct {
	pages int
	// text is what stands on the pages, without any white space.
	text string
}

// has reports whether the pages say something, however its lines are broken.
func (d document) has(s string) bool {
	return strings.Contains(d.text, strings.Join(strings.Fields(s), ""))
}

var (
	streams = regexp.MustCompile(`(?s)/Filter /FlateDecode /Length \d+>>\nstream\n(.*?)\nendstream`)
	leaves  = regexp.MustCompile(`/Type /Page\n`)
)

// read takes the text out of a document as a program that searches it would:
// from the strings that its pages show, which are UTF-16.
func read(t testing.TB, pdf []byte) document {
	t.Helper()
	if !bytes.HasPrefix(pdf, []byte("%PDF-1.")) || !bytes.HasSuffix(bytes.TrimSpace(pdf), []byte("%%EOF")) {
		t.Fatal("that is no PDF")
	}
	d := document{pages: len(leaves.FindAll(pdf, -1))}
	var text strings.Builder
	for _, m := range streams.FindAllSubmatch(pdf, -1) {
		z, err := zlib.NewReader(bytes.NewReader(m[1]))
		if err != nil {
			continue
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		shown(&text, data)
	}
	d.text = strings.Join(strings.Fields(text.String()), "")
	return d
}

// shown collects the strings before each Tj.
func shown(text *strings.Builder, page []byte) {
	for {
		open := bytes.Index(page, []byte(" Td ("))
		if open < 0 {
			return
		}
		page = page[open+5:]
		var raw []byte
		for len(page) > 0 && page[0] != ')' {
			if page[0] == '\\' && len(page) > 1 {
				page = page[1:]
				if page[0] == 'r' {
					page = append([]byte{'\r'}, page[1:]...)
				}
			}
			raw = append(raw, page[0])
			page = page[1:]
		}
		var units []uint16
		for i := 0; i+1 < len(raw); i += 2 {
			units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
		}
		text.WriteString(string(utf16.Decode(units)))
	}
}
