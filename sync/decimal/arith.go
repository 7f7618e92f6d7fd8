package decimal

import (
	"fmt"
	"math/big"
)

// Add is d + o at the larger of the two scales; ErrOverflow when no scale
// holds the sum exactly.
func (d Decimal) Add(o Decimal) (Decimal, error) {
	if d.S == o.S && d.S <= MaxScale {
		if sum := d.N + o.N; (sum > d.N) == (o.N > 0) {
			return Decimal{N: sum, S: d.S}, nil
		}
	}
	return d.binary(o, "+", max(d.S, o.S), (*big.Int).Add)
}

// Sub is d − o at the larger of the two scales; ErrOverflow when no scale
// holds the difference exactly.
func (d Decimal) Sub(o Decimal) (Decimal, error) {
	return d.binary(o, "-", max(d.S, o.S), (*big.Int).Sub)
}

// Neg is −d; ErrOverflow for the one int64 without a positive twin.
func (d Decimal) Neg() (Decimal, error) {
	return Decimal{S: d.S}.Sub(d)
}

// Mul is d × o at the sum of the two scales, fewer where trailing zeros have
// to go to make it fit; ErrOverflow when no scale holds the product exactly.
func (d Decimal) Mul(o Decimal) (Decimal, error) {
	if err := validBoth(d, o); err != nil {
		return Decimal{}, err
	}
	p := new(big.Int).Mul(big.NewInt(d.N), big.NewInt(o.N))
	r, ok := fit(p, int(d.S)+int(o.S))
	if !ok {
		return Decimal{}, fmt.Errorf("%w: %s × %s", ErrOverflow, d, o)
	}
	return r, nil
}

// binary aligns both numbers to scale, applies op, and fits the result.
func (d Decimal) binary(o Decimal, sign string, scale uint8, op func(z, x, y *big.Int) *big.Int) (Decimal, error) {
	if err := validBoth(d, o); err != nil {
		return Decimal{}, err
	}
	z := op(new(big.Int), d.aligned(scale), o.aligned(scale))
	r, ok := fit(z, int(scale))
	if !ok {
		return Decimal{}, fmt.Errorf("%w: %s %s %s", ErrOverflow, d, sign, o)
	}
	return r, nil
}

// Quo is d ÷ o rounded half to even at the given scale: for ratios that are
// shown (a result over its limit, a relative difference), where the exact
// quotient has no end. Compare cross products with Mul and Cmp to decide.
func (d Decimal) Quo(o Decimal, scale uint8) (Decimal, error) {
	if err := validBoth(d, o); err != nil {
		return Decimal{}, err
	}
	if o.N == 0 {
		return Decimal{}, fmt.Errorf("%w: %s ÷ 0", ErrDivideByZero, d)
	}
	r, _, err := FromRat(new(big.Rat).Quo(d.Rat(), o.Rat()), scale)
	return r, err
}

// Rescale returns d with exactly the given scale, or ErrInexact when digits
// would be lost, or ErrOverflow.
func (d Decimal) Rescale(scale uint8) (Decimal, error) {
	r, exact, err := d.Round(scale)
	if err == nil && !exact {
		return Decimal{}, fmt.Errorf("%w: %s at scale %d", ErrInexact, d, scale)
	}
	return r, err
}

// Round returns d at the given scale, rounded half to even, and whether that
// lost nothing.
func (d Decimal) Round(scale uint8) (r Decimal, exact bool, err error) {
	if err := d.Valid(); err != nil {
		return Decimal{}, false, err
	}
	return FromRat(d.Rat(), scale)
}

// FromRat returns r at the given scale, rounded half to even, and whether that
// lost nothing; ErrScale or ErrOverflow when it cannot be held.
func FromRat(r *big.Rat, scale uint8) (d Decimal, exact bool, err error) {
	if scale > MaxScale {
		return Decimal{}, false, fmt.Errorf("%w: scale %d", ErrScale, scale)
	}
	num := new(big.Int).Mul(r.Num(), big.NewInt(pow10[scale]))
	q, rem := new(big.Int).QuoRem(num, r.Denom(), new(big.Int))
	exact = rem.Sign() == 0
	twice := new(big.Int).Lsh(rem.Abs(rem), 1)
	if c := twice.Cmp(r.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(r.Sign())))
	}
	if !q.IsInt64() {
		return Decimal{}, false, fmt.Errorf("%w: %s at scale %d", ErrOverflow, r.FloatString(2), scale)
	}
	return Decimal{N: q.Int64(), S: scale}, exact, nil
}

func validBoth(d, o Decimal) error {
	if err := d.Valid(); err != nil {
		return err
	}
	return o.Valid()
}

// aligned is N at a scale not under S.
func (d Decimal) aligned(scale uint8) *big.Int {
	return new(big.Int).Mul(big.NewInt(d.N), big.NewInt(pow10[scale-d.S]))
}

// fit makes n × 10^-scale a Decimal, dropping trailing zeros only as far as
// the limits of N and S demand.
func fit(n *big.Int, scale int) (Decimal, bool) {
	ten, rem := big.NewInt(10), new(big.Int)
	for scale > MaxScale || !n.IsInt64() {
		q, _ := new(big.Int).QuoRem(n, ten, rem)
		if scale == 0 || rem.Sign() != 0 {
			return Decimal{}, false
		}
		n, scale = q, scale-1
	}
	return Decimal{N: n.Int64(), S: uint8(scale)}, true
}
