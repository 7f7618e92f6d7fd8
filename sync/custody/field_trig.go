package custody

import (
	"math"
	"math/bits"
)

// Trigonometry in whole numbers. Findings must come out the same on every
// processor that a verifier runs on; floating-point compilers may fuse a
// multiplication with an addition on one machine and not on another, so no
// float takes part. Angles are 1e-7 degree; sines are fractions of one.

const (
	// one is 1 in Q60: 60 binary places leave room for π/2 in an int64.
	one = int64(1) << 60
	// halfPiQ60 is π/2 in Q60.
	halfPiQ60 = int64(1811004864519280710)
	// quarterE7 is 90 degrees, fullE7 the whole circle.
	quarterE7 = int64(90_0000000)
	fullE7    = 4 * quarterE7
	// taylorTerms is how many terms the sine series needs so that the next one
	// is below 2^-60 for any angle up to 90 degrees.
	taylorTerms = 12
)

// mulQ60 is a × b in Q60, cut towards zero.
func mulQ60(a, b int64) int64 {
	neg := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(absU(a), absU(b))
	v := int64(hi<<4 | lo>>60)
	if neg {
		return -v
	}
	return v
}

func absU(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func abs64(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// mulDiv is a × b ÷ c for c > 0 without overflow in between, rounded to the
// nearest, held at the ends of int64 where the quotient does not fit.
func mulDiv(a, b, c int64) int64 {
	neg := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(absU(a), absU(b))
	lo, carry := bits.Add64(lo, uint64(c)/2, 0)
	q := uint64(math.MaxInt64)
	if hi+carry < uint64(c) {
		q, _ = bits.Div64(hi+carry, lo, uint64(c))
		q = min(q, math.MaxInt64)
	}
	if neg {
		return -int64(q)
	}
	return int64(q)
}

// sinQ60 is the sine of an angle in 1e-7 degree, in Q60, right to about 1e-17.
func sinQ60(e7 int64) int64 {
	e7 %= fullE7
	if e7 < 0 {
		e7 += fullE7
	}
	sign := int64(1)
	if e7 >= fullE7/2 {
		e7, sign = e7-fullE7/2, -1
	}
	if e7 > quarterE7 {
		e7 = fullE7/2 - e7
	}
	x := mulDiv(e7, halfPiQ60, quarterE7)
	square := mulQ60(x, x)
	sum, term := x, x
	for n := int64(1); n <= taylorTerms; n++ {
		term = -mulQ60(term, square) / (2 * n * (2*n + 1))
		sum += term
	}
	return sign * min(sum, one)
}

// cosQ60 is the cosine likewise.
func cosQ60(e7 int64) int64 { return sinQ60(e7 + quarterE7) }

// sqrt64 is the integer square root of n ≥ 0, cut.
func sqrt64(n int64) int64 {
	if n < 2 {
		return max(n, 0)
	}
	x := int64(1) << ((bits.Len64(uint64(n)) + 1) / 2)
	for {
		y := (x + n/x) / 2
		if y >= x {
			return x
		}
		x = y
	}
}
