// Package export writes what a case comes to as tables (CSV, a spreadsheet) and as a
// map layer (GeoJSON), for people who go on working with them.
//
// # Contract
//
// An export is a copy for convenience and proves nothing; the bundle does. It says
// what the custody record says, exactly: figures are decimal text, never rounded,
// times are as claimed, with their offset.
//
//   - CSV is RFC 4180 in UTF-8 with a byte order mark, without which a spreadsheet
//     program reads Chinese wrongly. A cell that such a program would take for a
//     formula gets an apostrophe before it (see Defuse); a figure is left as it is.
//     Whoever offers the file says so beside it.
//   - A spreadsheet (XLSX) holds texts as texts, which no program takes for a
//     formula, so they are exact; its first sheet says what it is.
//   - GeoJSON (RFC 7946) is WGS-84 by definition. A position in GCJ-02 is never
//     written as if it were: it is converted by the published formula and the feature
//     says so, with how far off that may be; the position as recorded is beside it.
//     One that cannot be converted has no geometry.
//
// Rows come one at a time; what is written is never held as a whole.
package export

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strings"
	"unicode"

	"fieldseal/sync/decimal"
)

// Table is rows under a head of column names, each in English and Chinese.
type Table struct {
	Name string
	Head [][2]string
	Rows iter.Seq2[[]Cell, error]
}

// Cell is a text or, where Figure, a decimal number as text.
type Cell struct {
	Text   string
	Figure bool
}

func text(s string) Cell { return Cell{Text: s} }

func figure(d *decimal.Decimal) Cell {
	if d == nil {
		return Cell{}
	}
	return Cell{d.String(), true}
}

func whole(n int64) Cell { return Cell{decimal.FromInt(n).String(), true} }

// formulaMarks begin what spreadsheet programs take for a formula: the usual four,
// the controls that are skipped before them, and the full-width forms that some
// programs read as the plain ones.
const formulaMarks = "=+-@\t\r\n|%＝＋－＠"

// Defuse makes a text harmless in a spreadsheet program that guesses what a cell of
// a CSV file is: where its first character other than a space is one that begins a
// formula, an apostrophe goes before the text. Nothing else changes.
func Defuse(s string) string {
	first := strings.TrimLeftFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) && r != '\t' && r != '\r' && r != '\n' || r == '\u200b' || r == '\ufeff' || r == 0
	})
	if first != "" && strings.ContainsRune(formulaMarks, []rune(first)[0]) {
		return "'" + s
	}
	return s
}

// bom is the byte order mark.
const bom = "\ufeff"

// CSV writes a table. lang is "en" or "zh" and chooses the head.
func CSV(w io.Writer, t Table, lang string) error {
	if _, err := io.WriteString(w, bom); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(t.head(lang)); err != nil {
		return err
	}
	line := make([]string, len(t.Head))
	for row, err := range t.Rows {
		if err != nil {
			return errors.Join(err, flush(out))
		}
		for i := range line {
			line[i] = ""
			if i < len(row) {
				line[i] = row[i].csv()
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	return flush(out)
}

func flush(w *csv.Writer) error {
	w.Flush()
	return w.Error()
}

func (c Cell) csv() string {
	if c.Figure {
		if _, err := decimal.Parse(c.Text); err == nil {
			return c.Text
		}
	}
	return Defuse(c.Text)
}

func (t Table) head(lang string) []string {
	out := make([]string, len(t.Head))
	for i, h := range t.Head {
		out[i] = h[0]
		if lang == "zh" {
			out[i] = h[1]
		}
	}
	return out
}
