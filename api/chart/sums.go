package chart

import (
	"math"
	"math/big"

	"fieldseal/sync/custody"
	"fieldseal/sync/decimal"
)

// pow10 has the powers up to the scale of readings.
var pow10 = func() (p [custody.ReadingScale + 1]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

const unitary = 1_000_000_000 // one, in units of 1e-9

// sums is what the readings of one stretch of time come to. Merging in any order
// and by any grouping gives the same sums: they hold no rounding.
type sums struct {
	at           int64
	n            int64
	min, max     int64 // in units of 1e-9
	whole, frac  int64 // the sum: whole plus frac units of 1e-9, |frac| < 1
	empty, fault int64
	over         int64
	flags        uint32 // bit i: the letter 'A'+i
}

// point is one reading of one channel.
type point struct {
	at    int64
	v     int64
	state custody.ValueState
	over  bool
	flag  byte
}

func (b *sums) point(p point) {
	if p.over {
		b.over++
	}
	if p.flag >= 'A' && p.flag <= 'Z' {
		b.flags |= 1 << (p.flag - 'A')
	}
	switch p.state {
	case custody.ValueFigure:
		b.figures(1, p.v, p.v, p.v/unitary, p.v%unitary)
	case custody.ValueMissing:
		b.empty++
	default:
		b.fault++
	}
}

func (b *sums) figures(n, least, most, whole, frac int64) {
	if b.n == 0 {
		b.min, b.max = least, most
	}
	b.n += n
	b.min, b.max = min(b.min, least), max(b.max, most)
	b.whole, b.frac = b.whole+whole, b.frac+frac
	b.whole, b.frac = b.whole+b.frac/unitary, b.frac%unitary
}

func (b *sums) merge(o *sums) {
	if o.n > 0 {
		b.figures(o.n, o.min, o.max, o.whole, o.frac)
	}
	b.empty, b.fault, b.over = b.empty+o.empty, b.fault+o.fault, b.over+o.over
	b.flags |= o.flags
}

// total is the exact sum in units of 1e-9.
func (b *sums) total() *big.Int {
	t := new(big.Int).Mul(big.NewInt(b.whole), big.NewInt(unitary))
	return t.Add(t, big.NewInt(b.frac))
}

// mean is the sum over the count, rounded half to even at a scale; 0 of nothing.
func (b *sums) mean(scale uint8) int64 {
	if b.n == 0 {
		return 0
	}
	d, _, err := decimal.FromRat(new(big.Rat).SetFrac(b.total(), new(big.Int).Mul(big.NewInt(b.n), big.NewInt(unitary))), scale)
	if err != nil {
		return math.MaxInt64 // does not fit at this scale: the caller takes a coarser one
	}
	return d.N
}

func (b *sums) flagText() string {
	var text []byte
	for i := range byte(26) {
		if b.flags&(1<<i) != 0 {
			text = append(text, 'A'+i)
		}
	}
	return string(text)
}

// atScale brings units of 1e-9 to a scale, rounded half to even where digits are lost.
func atScale(v int64, scale uint8) int64 {
	f := pow10[custody.ReadingScale-scale]
	q, rem := v/f, v%f
	if twice := 2 * abs(rem); twice > f || twice == f && q%2 != 0 {
		if v < 0 {
			return q - 1
		}
		return q + 1
	}
	return q
}
