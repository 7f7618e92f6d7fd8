package decimal

import (
	"fmt"
	"math"
)

// MaxText is the longest text the parsers look at. The widest useful number
// has 20 characters; the rest is room for zeros that instruments pad with.
const MaxText = 64

// maxExponent bounds the exponent of ParseScientific. An int64 times 10^-18
// spans 10^-18 to about 10^19; a larger exponent can only be an overflow, and
// MaxText leading or trailing zeros can shift it by no more than 64.
const maxExponent = 128

// Parse reads plain decimal text: an optional minus sign, digits, and
// optionally a point with digits after it. The scale is the number of digits
// after the point, kept as written ("12.50" has scale 2). Leading zeros are
// allowed; a plus sign, spaces, separators, exponents, a missing digit on
// either side of the point, and non-ASCII digits are ErrSyntax. "-0" is 0.
// Digits or decimal places beyond the type are ErrOverflow: nothing is
// rounded.
func Parse(text string) (Decimal, error) {
	return parse(text, false)
}

// ParseScientific reads what spreadsheets and instruments write beyond plain
// text: also a plus sign, an exponent (e or E), and a point with digits on
// only one side (".5", "5."). The exponent moves the point exactly: "1.50e1"
// is 15.0, "1.5e3" is 1500, "25e-4" is 0.0025. Errors as for Parse.
func ParseScientific(text string) (Decimal, error) {
	return parse(text, true)
}

// scan is the state of one parse.
type scan struct {
	text string
	pos  int
	mag  uint64 // digits so far, without the point
	full bool   // mag would pass an int64
}

func parse(text string, wide bool) (Decimal, error) {
	if len(text) > MaxText {
		return Decimal{}, fmt.Errorf("%w: %d characters, at most %d are read", ErrSyntax, len(text), MaxText)
	}
	s := scan{text: text}
	neg := s.take('-')
	if !neg && wide {
		s.take('+')
	}
	whole := s.digits()
	frac, point := 0, s.take('.')
	if point {
		frac = s.digits()
	}
	exp, ok := 0, true
	if wide && (s.take('e') || s.take('E')) {
		exp, ok = s.exponent()
	}
	oneSided := whole == 0 || point && frac == 0
	if !ok || s.pos != len(text) || whole+frac == 0 || oneSided && !wide {
		return Decimal{}, fmt.Errorf("%w: %q", ErrSyntax, text)
	}
	n, scale, ok := s.shift(frac - exp)
	limit := uint64(math.MaxInt64)
	if neg {
		limit++
	}
	if !ok || n > limit {
		return Decimal{}, fmt.Errorf("%w: %q", ErrOverflow, text)
	}
	if neg {
		n = -n
	}
	return Decimal{N: int64(n), S: scale}, nil
}

func (s *scan) take(c byte) bool {
	if s.pos < len(s.text) && s.text[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// digits reads a run of ASCII digits into mag and returns its length.
func (s *scan) digits() int {
	start := s.pos
	for ; s.pos < len(s.text); s.pos++ {
		c := s.text[s.pos]
		if c < '0' || c > '9' {
			break
		}
		if s.mag > (math.MaxUint64-9)/10 {
			s.full = true
			continue
		}
		s.mag = s.mag*10 + uint64(c-'0')
	}
	return s.pos - start
}

// exponent reads an optional sign and digits; a value over maxExponent stays
// there, which is an overflow either way unless the mantissa is zero.
func (s *scan) exponent() (int, bool) {
	neg := s.take('-')
	if !neg {
		s.take('+')
	}
	v, start := 0, s.pos
	for ; s.pos < len(s.text) && s.text[s.pos] >= '0' && s.text[s.pos] <= '9'; s.pos++ {
		v = min(v*10+int(s.text[s.pos]-'0'), maxExponent)
	}
	if neg {
		v = -v
	}
	return v, s.pos > start
}

// shift turns mag × 10^-places into a magnitude and a valid scale. Places
// under zero multiply; places over MaxScale are an overflow.
func (s *scan) shift(places int) (uint64, uint8, bool) {
	if s.full {
		return 0, 0, false
	}
	if places > MaxScale {
		return 0, 0, false
	}
	n := s.mag
	for ; places < 0 && n != 0; places++ {
		if n > math.MaxUint64/10 {
			return 0, 0, false
		}
		n *= 10
	}
	return n, uint8(max(places, 0)), true
}
