package labfile

import (
	"fmt"
	"io"
	"strings"

	"fieldseal/mobile-contract/device/sheet"
)

// Parse reads a whole deliverable. The error is ErrTooLarge, ErrSpreadsheet,
// ErrNoTable or that of the reader; everything that can be said about a table
// is in the File.
func Parse(r io.Reader, o Options) (*File, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("%w: over %d bytes", ErrTooLarge, MaxBytes)
	}
	f := &File{}
	text, err := f.decode(b, o.Encoding)
	if err != nil {
		return nil, err
	}
	if err := f.findTable(text); err != nil {
		return nil, err
	}
	if err := f.readRows(text, o); err != nil {
		return nil, err
	}
	f.checkRows()
	if len(f.Rows) == 0 {
		f.fileProblem(NoRows, Error, "", "there is no row under the header", "表头下没有数据行")
	}
	return f, nil
}

// decode turns the file into text and says what was doubtful about it.
func (f *File) decode(b []byte, want string) (string, error) {
	t, err := sheet.Decode(b, want)
	if err != nil {
		return "", err
	}
	f.Encoding, f.Guessed = t.Encoding, t.Guessed
	if t.Guessed {
		f.fileProblem(EncodingGuessed, Warning, "",
			fmt.Sprintf("the file does not state its encoding; it was read as %s. Check names and units", t.Encoding),
			fmt.Sprintf("文件未注明编码，已按 %s 读取，请核对名称和单位", t.Encoding))
	}
	if t.Broken {
		f.fileProblem(EncodingBroken, Error, "",
			fmt.Sprintf("the file has bytes that are no text in %s; ask the laboratory for it in UTF-8", t.Encoding),
			fmt.Sprintf("文件含有不属于 %s 编码的字节，请实验室以 UTF-8 编码重新提供", t.Encoding))
	}
	return t.Body, nil
}

// findTable finds header line and delimiter: the pair with most known columns.
func (f *File) findTable(text string) error {
	best := 0
	for _, delim := range []rune{',', '\t', ';'} {
		c := sheet.Reader(text, delim)
		for range maxHeaderRecords {
			cells, err := c.Read()
			if err != nil {
				break
			}
			if len(cells) > MaxColumns {
				return fmt.Errorf("%w: over %d columns", ErrTooLarge, MaxColumns)
			}
			if fields, n := header(cells); n > best {
				best = n
				line, _ := c.FieldPos(0)
				f.Delimiter, f.Header, f.Fields, f.Line = delim, trimAll(cells), fields, int64(line)
			}
		}
	}
	if best == 0 {
		return fmt.Errorf("%w: no line among the first %d names columns for sample, analyte and result; known names are those of EQuIS, EDF and the documentation", ErrNoTable, maxHeaderRecords)
	}
	f.Layout = layout(f.Header)
	seen := map[Field]string{}
	f.index = map[Field]int{}
	for i, field := range f.Fields {
		name := f.Header[i]
		switch {
		case field == noField && name != "":
			f.fileProblem(UnknownColumn, Warning, name, fmt.Sprintf("the column %q is not known; its cells are kept but not used", name), fmt.Sprintf("未识别的列“%s”，内容保留但不使用", name))
		case field != noField && seen[field] != "":
			f.Fields[i] = noField
			f.fileProblem(DuplicateColumn, Error, name, fmt.Sprintf("the columns %q and %q are both taken for %s; name one of them otherwise", seen[field], name, field),
				fmt.Sprintf("列“%s”与“%s”均被识别为同一字段（%s），请修改其中一列的名称", seen[field], name, field))
		default:
			seen[field] = name
			if field != noField {
				f.index[field] = i
			}
		}
	}
	return nil
}

func trimAll(cells []string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = strings.TrimSpace(c)
	}
	return out
}

// readRows reads the records under the header.
func (f *File) readRows(text string, o Options) error {
	c := sheet.Reader(text, f.Delimiter)
	for {
		cells, err := c.Read()
		if err == io.EOF {
			break
		}
		line, _ := c.FieldPos(0)
		if err != nil {
			f.problem(int64(line), "", UnclosedQuote, Error, fmt.Sprintf("the line cannot be read: %v", err), "该行无法读取，请检查引号")
			break
		}
		if int64(line) <= f.Line || sheet.Blank(cells) {
			continue
		}
		if len(f.Rows) >= MaxRows {
			return fmt.Errorf("%w: over %d rows", ErrTooLarge, MaxRows)
		}
		f.Rows = append(f.Rows, Row{Line: int64(line), Cells: cells})
	}
	dates := f.dateOrder(o)
	for i := range f.Rows {
		f.readRow(&f.Rows[i], o, dates)
	}
	return nil
}

func (f *File) problem(line int64, column string, code Code, s Severity, en, zh string) {
	if s == Error {
		f.errors++
	}
	switch n := len(f.Problems); {
	case n < MaxProblems-1:
		f.Problems = append(f.Problems, Problem{line, column, code, s, en, zh})
	case n == MaxProblems-1:
		f.errors++
		f.Problems = append(f.Problems, Problem{0, "", MoreProblemsFollow, Error, "more problems follow that are not listed", "还有更多问题未列出"})
	}
}

func (f *File) fileProblem(code Code, s Severity, column, en, zh string) {
	f.problem(0, column, code, s, en, zh)
}
