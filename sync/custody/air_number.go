package custody

import (
	"strings"

	"fieldseal/sync/decimal"
)

// cellScale is the scale that readings are analysed at: nine decimal places hold
// ng in mg and any resolution that field instruments print, and leave room up to
// 9.2e9. A reading that does not fit exactly is counted and left out of the
// analysis; nothing is rounded.
const cellScale = 9

// nano is a reading in units of 1e-9.
type nano = int64

// cellState says what stands in a cell.
type cellState uint8

const (
	cellNumber cellState = iota
	// cellEmpty: nothing, or a word that instruments write for nothing.
	cellEmpty
	// cellText: something that is not a number.
	cellText
	// cellWide: a number that does not fit nano exactly.
	cellWide
)

// cell is one reading of a row.
type cell struct {
	state cellState
	// scale is the number of decimal places as written.
	scale uint8
	// over: the source itself says that the reading is above range.
	over bool
	v    nano
	// exact is the reading as written, for cellWide.
	exact decimal.Decimal
}

var pow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// parseCell reads a cell without white space round it.
func parseCell(b []byte) cell {
	if n, s, ok := plainNumber(b); ok && s <= cellScale {
		if f := pow10[cellScale-s]; n <= maxNano/f && n >= -(maxNano/f) {
			if n*f == missingMark {
				return cell{state: cellEmpty}
			}
			return cell{v: n * f, scale: uint8(s)}
		}
	}
	return parseCellSlow(string(b))
}

const maxNano = int64(1<<63 - 1)

// missingMark is -9999, which data files write for a reading that is missing.
const missingMark = nano(-9999_000000000)

// blanks are the words that instruments write for nothing, overs those for above range.
var (
	blanks = map[string]bool{"": true, "na": true, "n/a": true, "nan": true, "null": true, "none": true, "-": true, "--": true, "---": true, "-nan": true}
	overs  = map[string]bool{"ol": true, "over": true, "ovr": true, "overrange": true, "over range": true, "over-range": true, "+ol": true, "inf": true, "+inf": true}
)

func parseCellSlow(text string) cell {
	if word := strings.ToLower(text); blanks[word] {
		return cell{state: cellEmpty}
	} else if overs[word] {
		return cell{state: cellEmpty, over: true}
	}
	d, err := decimal.ParseScientific(text)
	if err != nil {
		return cell{state: cellText}
	}
	r, err := d.Rescale(cellScale)
	switch {
	case err != nil:
		return cell{state: cellWide, exact: d, scale: d.S}
	case r.N == missingMark:
		return cell{state: cellEmpty}
	}
	return cell{v: r.N, scale: d.S}
}

// plainNumber reads an optional minus, at most 18 digits and at most one point among them.
func plainNumber(b []byte) (n int64, scale int, ok bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 18 {
		return 0, 0, false
	}
	point := -1
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
		case c == '.' && point < 0 && i > 0 && i < len(b)-1:
			point = i
		default:
			return 0, 0, false
		}
	}
	if point >= 0 {
		scale = len(b) - 1 - point
	}
	if neg {
		n = -n
	}
	return n, scale, true
}

// nanoDecimal is a reading as an exact decimal without needless places.
func nanoDecimal(v nano) decimal.Decimal { return decimal.Decimal{N: v, S: cellScale}.Normal() }

// toNano brings an exact figure to nano; ok is false where it does not fit.
func toNano(d *decimal.Decimal) (nano, bool) {
	if d == nil {
		return 0, false
	}
	r, err := d.Rescale(cellScale)
	return r.N, err == nil
}
