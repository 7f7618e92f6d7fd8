package labfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// The names of encodings in Options and File.
const (
	utf8Name    = "utf-8"
	utf16Name   = "utf-16"
	gbName      = "gb18030"
	cp1252Name  = "windows-1252"
	replacement = "\uFFFD"
)

// decode turns the file into UTF-8 text without a BOM.
func (f *File) decode(b []byte, want string) (string, error) {
	switch {
	case bytes.HasPrefix(b, []byte("PK\x03\x04")), bytes.HasPrefix(b, []byte("\xd0\xcf\x11\xe0")):
		return "", fmt.Errorf("%w: save the sheet of results as CSV (UTF-8) and import that", ErrSpreadsheet)
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		f.Encoding = utf16Name
		return f.convert(b, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM))
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		f.Encoding = utf8Name
		return f.checked(string(b[3:])), nil
	}
	f.Encoding = want
	if want == "" {
		f.Encoding = guess(b)
		f.Guessed = f.Encoding != utf8Name
	}
	switch f.Encoding {
	case utf8Name:
		return f.checked(string(b)), nil
	case gbName:
		return f.convert(b, simplifiedchinese.GB18030)
	case cp1252Name:
		return f.convert(b, charmap.Windows1252)
	}
	return "", fmt.Errorf("the encoding %.40q is not one of utf-8, gb18030, windows-1252", want)
}

func (f *File) convert(b []byte, e encoding.Encoding) (string, error) {
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return "", fmt.Errorf("the file is not %s text: %w", f.Encoding, err)
	}
	if f.Guessed {
		f.fileProblem(EncodingGuessed, Warning, "",
			fmt.Sprintf("the file does not state its encoding; it was read as %s. Check names and units", f.Encoding),
			fmt.Sprintf("文件未注明编码，已按 %s 读取，请核对名称和单位", f.Encoding))
	}
	return f.checked(strings.TrimPrefix(string(out), "\uFEFF")), nil
}

// checked complains of bytes that are no text in the encoding.
func (f *File) checked(s string) string {
	if !utf8.ValidString(s) || strings.Contains(s, replacement) || strings.Contains(s, "\x00") {
		f.fileProblem(EncodingBroken, Error, "",
			fmt.Sprintf("the file has bytes that are no text in %s; ask the laboratory for it in UTF-8", f.Encoding),
			fmt.Sprintf("文件含有不属于 %s 编码的字节，请实验室以 UTF-8 编码重新提供", f.Encoding))
	}
	return strings.ToValidUTF8(s, replacement)
}

// guess tells UTF-8, GB 18030 and Windows-1252 apart. Chinese text in GB has
// two high bytes in a row somewhere; Western files have single ones (µ, °, ±).
func guess(b []byte) string {
	if utf8.Valid(b) {
		return utf8Name
	}
	for i := 1; i < len(b); i++ {
		if b[i-1] >= 0x80 && b[i] >= 0x80 {
			return gbName
		}
	}
	return cp1252Name
}
