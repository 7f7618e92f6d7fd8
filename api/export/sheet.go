package export

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"fieldseal/sync/decimal"

	"github.com/xuri/excelize/v2"
)

const (
	// maxSheetRows is how many rows a sheet takes, head and a last line that says
	// what is left out included: the format ends at 1,048,576.
	maxSheetRows = 1_000_000
	// maxCellText is the most characters that a cell takes.
	maxCellText = 32_000
	// maxExactDigits is how many digits a spreadsheet program keeps of a figure. One with
	// more is written as text, which keeps them all.
	maxExactDigits = 15
)

// About is the first sheet: what the file is of, and what it is not.
type About struct {
	Case, Title string
	By, Org     string
	Made        time.Time
	LedgerSize  int64
	Lang        string
}

var aboutText = map[string][]string{
	"en": {"Export of case", "Title", "Made by", "Organisation", "Made at", "Entries in the ledger", "This file is a copy for convenience and proves nothing. The court bundle of the case does.",
		"Texts are cells of the kind text, exactly as recorded: nothing in this file is a formula. Where a CSV file of the same case begins a cell with an apostrophe, the apostrophe was added so that no program takes the cell for a formula.",
		"Figures with more than 15 digits are texts, since a spreadsheet program would round them."},
	"zh": {"案件导出", "案名", "导出人", "单位", "导出时间", "账本条目数", "本文件仅为便于使用的副本，不具证明作用；证明以该案证据包为准。",
		"文字均为文本单元格，与记录一致，本文件不含任何公式。同案 CSV 文件中以撇号开头的单元格，撇号系为防止被当作公式而添加。",
		"超过 15 位数字的数值以文本保存，以免被表格软件舍入。"},
}

// XLSX writes tables as the sheets of a spreadsheet. Rows go through temporary
// files, not through memory.
func XLSX(w io.Writer, about About, tables []Table) (err error) {
	f := excelize.NewFile()
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if err := aboutSheet(f, about); err != nil {
		return err
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := sheet(f, t, about.Lang, bold); err != nil {
			return err
		}
	}
	return f.Write(w)
}

func aboutSheet(f *excelize.File, a About) error {
	words := aboutText["en"]
	if a.Lang == "zh" {
		words = aboutText["zh"]
	}
	name := "about"
	if err := f.SetSheetName("Sheet1", name); err != nil {
		return err
	}
	values := []any{a.Case, a.Title, a.By, a.Org, a.Made.UTC().Format(time.RFC3339), a.LedgerSize}
	for i, v := range values {
		for col, cell := range []any{words[i], v} {
			at, err := excelize.CoordinatesToCellName(col+1, i+1)
			if err == nil {
				if s, ok := cell.(string); ok {
					err = f.SetCellStr(name, at, clip(s))
				} else {
					err = f.SetCellValue(name, at, cell)
				}
			}
			if err != nil {
				return err
			}
		}
	}
	for i, s := range words[len(values):] {
		at, err := excelize.CoordinatesToCellName(1, len(values)+2+i)
		if err == nil {
			err = f.SetCellStr(name, at, s)
		}
		if err != nil {
			return err
		}
	}
	return f.SetColWidth(name, "A", "B", 32)
}

func sheet(f *excelize.File, t Table, lang string, bold int) error {
	if _, err := f.NewSheet(t.Name); err != nil {
		return err
	}
	out, err := f.NewStreamWriter(t.Name)
	if err != nil {
		return err
	}
	if err := out.SetColWidth(1, len(t.Head), 20); err != nil {
		return err
	}
	if err := out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	head := make([]any, len(t.Head))
	for i, h := range t.head(lang) {
		head[i] = excelize.Cell{StyleID: bold, Value: h}
	}
	if err := out.SetRow("A1", head); err != nil {
		return err
	}
	line := 1
	for row, err := range t.Rows {
		if err != nil {
			return err
		}
		values := make([]any, len(row))
		for i, c := range row {
			values[i] = c.value()
		}
		if line++; line == maxSheetRows {
			values = []any{map[bool]string{true: "其余行未导出；请按序列导出 CSV。", false: "The remaining rows are left out; export the series as CSV."}[lang == "zh"]}
		}
		at, err := excelize.CoordinatesToCellName(1, line)
		if err != nil {
			return err
		}
		if err := out.SetRow(at, values); err != nil {
			return err
		}
		if line == maxSheetRows {
			break
		}
	}
	return out.Flush()
}

// value is a number where a spreadsheet program keeps it exactly, and text otherwise.
func (c Cell) value() any {
	if c.Figure && digits(c.Text) <= maxExactDigits {
		if d, err := decimal.Parse(c.Text); err == nil {
			v, _ := d.Rat().Float64() // at most 15 digits: comes back as it was
			return v
		}
	}
	if c.Text == "" {
		return nil
	}
	return clip(c.Text)
}

func digits(s string) (n int) {
	for _, r := range s {
		if r >= '0' && r <= '9' {
			n++
		}
	}
	return n
}

// clip makes a text fit for XML and for a cell.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	if utf8.RuneCountInString(s) > maxCellText {
		s = string([]rune(s)[:maxCellText]) + "…"
	}
	return s
}
