package decimal

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	good := map[string]Decimal{
		"0":                    {0, 0},
		"-0":                   {0, 0},
		"-0.00":                {0, 2},
		"12.50":                {1250, 2},
		"-9999":                {-9999, 0},
		"007.5":                {75, 1},
		"13.5102533172497":     {135102533172497, 13},
		"0.0241254523522316":   {241254523522316, 16},
		"0.000000000000000001": {1, 18},
		"9223372036854775807":  {math.MaxInt64, 0},
		"-9223372036854775808": {math.MinInt64, 0},
		"9.223372036854775807": {math.MaxInt64, 18},
	}
	for text, want := range good {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		if sci, err := ParseScientific(text); err != nil || sci != want {
			t.Errorf("ParseScientific(%q) = %+v, %v; want %+v", text, sci, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	syntax := []string{"", "-", ".", "-.", "1.", ".5", "+1", " 1", "1 ", "1,5", "1e3", "1E3", "0x10", "NaN", "Inf", "١", "1.2.3",
		"--1", "1-", "1_000", "1\x00", "½", "<0.5", "1.5\n", "00000000000000000000000000000000000000000000000000000000000000001"}
	for _, text := range syntax {
		if _, err := Parse(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("Parse(%q): %v, want ErrSyntax", text, err)
		}
	}
	for _, text := range []string{"e5", "1e", "1e+", "1e5.0", "1e1e1", ".e1", "+-1", "1 e5"} {
		if _, err := ParseScientific(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("ParseScientific(%q): %v, want ErrSyntax", text, err)
		}
	}
	over := []string{"9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999999999",
		"0.0000000000000000001", "1.0000000000000000000", "10.000000000000000000"}
	for _, text := range over {
		if _, err := Parse(text); !errors.Is(err, ErrOverflow) {
			t.Errorf("Parse(%q): %v, want ErrOverflow", text, err)
		}
	}
	for _, text := range []string{"1e19", "1e-19", "1e99999999999999999999", "1e-99999999999999999999", "9.3e18"} {
		if _, err := ParseScientific(text); !errors.Is(err, ErrOverflow) {
			t.Errorf("ParseScientific(%q): %v, want ErrOverflow", text, err)
		}
	}
}

func TestParseScientific(t *testing.T) {
	good := map[string]Decimal{
		"1.50e1":           {150, 1},
		"1.5e3":            {1500, 0},
		"25e-4":            {25, 4},
		"+.5E+0":           {5, 1},
		"5.":               {5, 0},
		"-2.5E-03":         {-25, 4},
		"0e99999999999999": {0, 0},
		"9.2e18":           {9200000000000000000, 0},
	}
	for text, want := range good {
		if got, err := ParseScientific(text); err != nil || got != want {
			t.Errorf("ParseScientific(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
}

// gen draws Decimals that crowd the edges of both fields.
var gen = rapid.Custom(func(t *rapid.T) Decimal {
	n := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2000, 2000), rapid.Int64Range(math.MaxInt64-2, math.MaxInt64),
		rapid.Int64Range(math.MinInt64, math.MinInt64+2)).Draw(t, "n")
	return Decimal{N: n, S: rapid.Uint8Range(0, MaxScale).Draw(t, "s")}
})

func TestStringParsesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := gen.Draw(t, "d")
		if got, err := Parse(d.String()); err != nil || got != d {
			t.Fatalf("%+v prints %q, which parses to %+v, %v", d, d, got, err)
		}
		r, ok := new(big.Rat).SetString(d.String())
		if !ok || r.Cmp(d.Rat()) != 0 {
			t.Fatalf("%+v prints %q, but is %s", d, d, d.Rat())
		}
		if n := d.Normal(); n.Cmp(d) != 0 || n.Rat().Cmp(d.Rat()) != 0 || n.S > 0 && n.N%10 == 0 {
			t.Fatalf("Normal of %+v is %+v", d, n)
		}
	})
}

func TestCmpIsThatOfRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		if got, want := a.Cmp(b), a.Rat().Cmp(b.Rat()); got != want {
			t.Fatalf("%s cmp %s = %d, want %d", a, b, got, want)
		}
	})
}

func TestArithmeticIsExactOrOverflow(t *testing.T) {
	ops := map[string]struct {
		do  func(a, b Decimal) (Decimal, error)
		rat func(z, x, y *big.Rat) *big.Rat
	}{
		"add": {Decimal.Add, (*big.Rat).Add},
		"sub": {Decimal.Sub, (*big.Rat).Sub},
		"mul": {Decimal.Mul, (*big.Rat).Mul},
	}
	for name, op := range ops {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
				want := op.rat(new(big.Rat), a.Rat(), b.Rat())
				got, err := op.do(a, b)
				switch {
				case err == nil && got.Rat().Cmp(want) != 0:
					t.Fatalf("%s %s %s = %s, want %s", a, name, b, got, want)
				case err != nil && !errors.Is(err, ErrOverflow):
					t.Fatalf("%s %s %s: %v", a, name, b, err)
				case err != nil && holds(want):
					t.Fatalf("%s %s %s = %s fits, but: %v", a, name, b, want, err)
				}
			})
		})
	}
}

// holds reports whether some valid Decimal equals r, by trying every scale.
func holds(r *big.Rat) bool {
	for s := uint8(0); s <= MaxScale; s++ {
		scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt64(pow10[s]))
		if scaled.IsInt() && scaled.Num().IsInt64() {
			return true
		}
	}
	return false
}

func TestArithmeticKeepsTheWrittenScale(t *testing.T) {
	sum, err := Decimal{1250, 2}.Add(Decimal{5, 1})
	if err != nil || sum != (Decimal{1300, 2}) {
		t.Errorf("12.50 + 0.5 = %+v, %v; want 13.00", sum, err)
	}
	neg, err := Decimal{1250, 2}.Neg()
	if err != nil || neg != (Decimal{-1250, 2}) {
		t.Errorf("-(12.50) = %+v, %v", neg, err)
	}
	if _, err := (Decimal{math.MinInt64, 0}).Neg(); !errors.Is(err, ErrOverflow) {
		t.Errorf("negating the least int64: %v, want ErrOverflow", err)
	}
	if _, err := (Decimal{1, 19}).Add(Decimal{1, 19}); !errors.Is(err, ErrScale) {
		t.Errorf("adding at scale 19: %v, want ErrScale", err)
	}
}

func TestRounding(t *testing.T) {
	cases := []struct {
		in    Decimal
		scale uint8
		want  Decimal
		exact bool
	}{
		{Decimal{125, 2}, 1, Decimal{12, 1}, false}, // half to even
		{Decimal{135, 2}, 1, Decimal{14, 1}, false},
		{Decimal{-125, 2}, 1, Decimal{-12, 1}, false},
		{Decimal{-135, 2}, 1, Decimal{-14, 1}, false},
		{Decimal{1251, 3}, 1, Decimal{13, 1}, false},
		{Decimal{120, 2}, 1, Decimal{12, 1}, true},
		{Decimal{12, 1}, 3, Decimal{1200, 3}, true},
		{Decimal{5, 1}, 0, Decimal{0, 0}, false},
	}
	for _, c := range cases {
		got, exact, err := c.in.Round(c.scale)
		if err != nil || got != c.want || exact != c.exact {
			t.Errorf("%s at scale %d = %+v, %v, %v; want %+v, %v", c.in, c.scale, got, exact, err, c.want, c.exact)
		}
	}
	if _, err := (Decimal{125, 2}).Rescale(1); !errors.Is(err, ErrInexact) {
		t.Errorf("Rescale that loses a digit: %v, want ErrInexact", err)
	}
	if _, err := (Decimal{math.MaxInt64, 0}).Rescale(1); !errors.Is(err, ErrOverflow) {
		t.Errorf("Rescale past an int64: %v, want ErrOverflow", err)
	}
	if _, err := (Decimal{1, 0}).Rescale(19); !errors.Is(err, ErrScale) {
		t.Errorf("Rescale to 19: %v, want ErrScale", err)
	}
	third, err := FromInt(1).Quo(FromInt(3), 4)
	if err != nil || third != (Decimal{3333, 4}) {
		t.Errorf("1 ÷ 3 at 4 = %+v, %v", third, err)
	}
	if _, err := FromInt(1).Quo(Decimal{0, 3}, 2); !errors.Is(err, ErrDivideByZero) {
		t.Errorf("1 ÷ 0: %v, want ErrDivideByZero", err)
	}
}

func TestZeroIsNotAbsent(t *testing.T) {
	if IsZero(nil) || !IsZero(&Decimal{0, 3}) || IsZero(FromInt(1).Ptr()) {
		t.Error("IsZero must be true for a measured zero only")
	}
	if _, err := New(1, 19); !errors.Is(err, ErrScale) {
		t.Errorf("New at scale 19: %v, want ErrScale", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "0", "-0.00", "12.50", "1e5", ".5", "-9223372036854775808", "1.0000000000000000000", "+.5E+0", "0e999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		wide, wideErr := ParseScientific(text)
		if err == nil && (wideErr != nil || wide != d) {
			t.Fatalf("%q: strict %+v, wide %+v, %v", text, d, wide, wideErr)
		}
		if wideErr != nil || wide.N == 0 { // big.Rat would build the power of "0e999999999"
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok || wide.Valid() != nil || wide.Rat().Cmp(want) != 0 {
			t.Fatalf("%q parsed to %+v, want %v", text, wide, want)
		}
	})
}
