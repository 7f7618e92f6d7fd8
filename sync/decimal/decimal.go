package decimal

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
)

// MaxScale is the largest scale. 10^18 is the largest power of ten in an
// int64, so any Decimal aligns with any other within 128 bits.
const MaxScale = 18

var (
	// ErrSyntax: the text is not a decimal number.
	ErrSyntax = errors.New("not a decimal number")
	// ErrOverflow: the number is decimal, but its digits do not fit N, or its
	// decimal places do not fit S. Nothing is rounded to make it fit.
	ErrOverflow = errors.New("decimal out of range")
	// ErrScale: a scale over MaxScale was asked for or found.
	ErrScale = errors.New("decimal scale over 18")
	// ErrInexact: the operation has no exact result at the scale asked for.
	ErrInexact = errors.New("decimal result not exact")
	// ErrDivideByZero: the divisor is zero.
	ErrDivideByZero = errors.New("decimal division by zero")
)

// Decimal is the number N × 10^-S. The zero Decimal is 0.
//
// The fields and their meaning are frozen: signed payloads carry them.
type Decimal struct {
	N int64
	S uint8 // 0 to MaxScale; see Valid
}

// pow10 holds 10^0 to 10^18.
var pow10 = func() (p [MaxScale + 1]int64) {
	p[0] = 1
	for i := 1; i <= MaxScale; i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// New returns n × 10^-scale, or ErrScale.
func New(n int64, scale uint8) (Decimal, error) {
	d := Decimal{N: n, S: scale}
	return d, d.Valid()
}

// FromInt returns the integer n, scale 0.
func FromInt(n int64) Decimal { return Decimal{N: n} }

// Valid reports ErrScale when S is over MaxScale. Parsers and decoders never
// return such a Decimal; a composite literal can hold one.
func (d Decimal) Valid() error {
	if d.S > MaxScale {
		return fmt.Errorf("%w: scale %d", ErrScale, d.S)
	}
	return nil
}

// Sign is -1, 0 or +1.
func (d Decimal) Sign() int {
	switch {
	case d.N < 0:
		return -1
	case d.N > 0:
		return 1
	}
	return 0
}

// IsZero reports whether d is present and its value is 0. An absent number
// (nil) is not zero: nobody measured it.
func IsZero(d *Decimal) bool { return d != nil && d.N == 0 }

// Ptr returns a pointer to a copy of d, for the optional fields of payloads.
func (d Decimal) Ptr() *Decimal { return &d }

// String writes d with exactly S decimal places and no exponent; Parse reads
// it back to an equal Decimal. An invalid scale shows as "n×10^-s".
func (d Decimal) String() string {
	if d.S > MaxScale {
		return fmt.Sprintf("%d×10^-%d", d.N, d.S)
	}
	return string(d.Append(make([]byte, 0, 24)))
}

// Append appends the text of a valid d to b.
func (d Decimal) Append(b []byte) []byte {
	mag := magnitude(d.N)
	if d.N < 0 {
		b = append(b, '-')
	}
	if d.S == 0 {
		return strconv.AppendUint(b, mag, 10)
	}
	unit := uint64(pow10[d.S])
	b = strconv.AppendUint(b, mag/unit, 10)
	b = append(b, '.')
	frac := mag % unit
	for i := int(d.S) - 1; i >= 0; i-- {
		b = append(b, byte('0'+frac/uint64(pow10[i])%10))
	}
	return b
}

// Cmp compares the values of two valid Decimals exactly: -1, 0 or +1.
func (d Decimal) Cmp(o Decimal) int {
	if d.S == o.S || d.Sign() != o.Sign() {
		switch {
		case d.N < o.N:
			return -1
		case d.N > o.N:
			return 1
		}
		return 0
	}
	dh, dl := bits.Mul64(magnitude(d.N), uint64(pow10[max(d.S, o.S)-d.S]))
	oh, ol := bits.Mul64(magnitude(o.N), uint64(pow10[max(d.S, o.S)-o.S]))
	switch {
	case dh == oh && dl == ol:
		return 0
	case dh < oh || dh == oh && dl < ol:
		return -d.Sign()
	}
	return d.Sign()
}

// Rat is the exact value of a valid d.
func (d Decimal) Rat() *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(d.N), big.NewInt(pow10[d.S]))
}

// Normal drops trailing zero decimal places: 12.50 becomes 12.5. Two valid
// Decimals of one value have one Normal.
func (d Decimal) Normal() Decimal {
	if d.N == 0 {
		return Decimal{}
	}
	for d.S > 0 && d.N%10 == 0 {
		d.N /= 10
		d.S--
	}
	return d
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
