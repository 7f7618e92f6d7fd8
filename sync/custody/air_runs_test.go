package custody

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// readings gives the values one second apart.
func readings(values ...nano) []reading {
	list := make([]reading, len(values))
	for i, v := range values {
		list[i] = reading{row: int64(i + 1), at: int64(i) * 1000, timed: true, v: v}
	}
	return list
}

func TestFlatRun(t *testing.T) {
	for _, c := range []struct {
		name    string
		values  []nano
		count   int64
		longest int64
	}{
		{"one short of the limit", []nano{5, 5, 5, 7}, 0, 0},
		{"at the limit", []nano{3, 5, 5, 5, 5, 7}, 1, 4},
		{"at the very end", []nano{3, 5, 5, 5, 5}, 1, 4},
		{"two, the second longer", []nano{5, 5, 5, 5, 1, 6, 6, 6, 6, 6}, 2, 5},
		{"zero is what a clean site reads", []nano{0, 0, 0, 0, 0, 0}, 0, 0},
	} {
		f := flatRun{atLeast: 4}
		for _, r := range readings(c.values...) {
			f.add(r)
		}
		f.end()
		if f.found.count != c.count || f.found.best.n != c.longest {
			t.Errorf("%s: %d runs, longest %d; want %d, %d", c.name, f.found.count, f.found.best.n, c.count, c.longest)
		}
	}
}

func TestBandRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []nano
		n      int64
	}{
		{"hovers", []nano{20, 9, 10, 11, 10, 9, 30}, 5},
		{"edges belong to it", []nano{9, 11, 9, 11}, 4},
		{"leaves for one reading", []nano{9, 10, 12, 11, 10}, 0},
		{"constant is for the flat line to find", []nano{10, 10, 10, 10, 10}, 0},
	} {
		b := bandRun{low: 9, high: 11, atLeast: 4}
		for _, r := range readings(c.values...) {
			b.add(r)
		}
		b.end()
		if b.found.best.n != c.n {
			t.Errorf("%s: longest %d, want %d", c.name, b.found.best.n, c.n)
		}
	}
}

// A slow and plain search for the longest stretch is the model.
func TestQuietRunFindsTheLongestStretch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 12), 1, 60).Draw(t, "values")
		width := rapid.Int64Range(1, 8).Draw(t, "width")
		spanMS := rapid.Int64Range(1, 10).Draw(t, "seconds") * 1000
		q := quietRun{width: width, spanMS: spanMS}
		list := readings(values...)
		for _, r := range list {
			q.add(r)
		}
		q.end()
		want := int64(0)
		for i := range values {
			for j := i; j < len(values); j++ {
				w := values[i : j+1]
				low, high := slices.Min(w), slices.Max(w)
				if high-low < width && low != high && list[j].at-list[i].at >= spanMS {
					want = max(want, int64(j-i+1))
				}
			}
		}
		if q.found.best.n != want {
			t.Fatalf("longest quiet stretch %d, want %d", q.found.best.n, want)
		}
		if b := q.found.best; b.n > 0 && (b.high-b.low >= width || b.to.row-b.from.row+1 != b.n || b.spanMS() < spanMS) {
			t.Fatalf("%+v is not quiet", b)
		}
	})
}

func TestStepFinder(t *testing.T) {
	noise := func(i int) nano { return nano(i*7%5) - 2 }
	series := func(n int, at func(i int) nano) []reading {
		var values []nano
		for i := range n {
			values = append(values, at(i)+noise(i))
		}
		return readings(values...)
	}
	for _, c := range []struct {
		name  string
		list  []reading
		steps int64
	}{
		{"level stays", series(600, func(int) nano { return 1000 }), 0},
		{"one lasting change at a block's edge", series(600, func(i int) nano { return 1000 + 500*nano(i/300) }), 1},
		{"one lasting change within a block", series(600, func(i int) nano { return 1000 - 500*nano((i+11)/300) }), 1},
		{"a plume of two blocks comes back", series(600, func(i int) nano {
			if i >= 300 && i < 330 {
				return 1500
			}
			return 1000
		}), 0},
		{"a slow rise", series(600, func(i int) nano { return 1000 + nano(i) }), 0},
		{"too small", series(600, func(i int) nano { return 1000 + 8*nano(i/300) }), 0},
	} {
		f := stepFinder{times: 10, grain: 1}
		for _, r := range c.list {
			f.add(r)
		}
		if f.count != c.steps || int64(len(f.found)) != c.steps {
			t.Errorf("%s: %d steps, want %d", c.name, f.count, c.steps)
		}
	}
}

func TestStepIsNotSoughtAcrossAGap(t *testing.T) {
	f := stepFinder{times: 10, grain: 1}
	for i := range 150 {
		f.add(reading{row: int64(i), v: 1000 + int64(i%3)})
	}
	f.end()
	for i := range 150 {
		f.add(reading{row: int64(i), v: 2000 + int64(i%3)})
	}
	if f.count != 0 {
		t.Errorf("%d steps across a gap", f.count)
	}
}

// walk is a series without structure: a linear congruential generator.
func walk(seed uint64, n int) []nano {
	values := make([]nano, n)
	for i := range values {
		seed = seed*6364136223846793005 + 1442695040888963407
		values[i] = nano(seed >> 40)
	}
	return values
}

func TestRepeatFinder(t *testing.T) {
	fresh, other := walk(1, 2000), walk(2, 500)
	for _, c := range []struct {
		name   string
		values []nano
		count  int64
		least  int64
		lag    int64
	}{
		{"nothing repeats", slices.Concat(fresh, other), 0, 0, 0},
		{"200 readings played back", slices.Concat(fresh, other, fresh[700:900]), 1, 150, 1800},
		{"too short to count", slices.Concat(fresh, other, fresh[700:740]), 0, 0, 0},
		{"played back twice", slices.Concat(fresh, fresh[700:900], other, fresh[100:400]), 2, 150, 0},
	} {
		f := repeatFinder{atLeast: 60}
		for _, r := range readings(c.values...) {
			f.add(r)
		}
		f.finish()
		if f.count != c.count || int64(len(f.found)) != c.count {
			t.Errorf("%s: %d repeats, want %d", c.name, f.count, c.count)
			continue
		}
		if c.count > 0 && (f.found[0].n < c.least || f.found[0].n > 300) {
			t.Errorf("%s: %d readings, want at least %d", c.name, f.found[0].n, c.least)
		}
		if c.lag > 0 && (f.found[0].lag != c.lag || f.found[0].copy.row-f.found[0].original.row != c.lag) {
			t.Errorf("%s: lag %d, want %d", c.name, f.found[0].lag, c.lag)
		}
	}
}

func TestRepeatFinderLeavesCoarseReadingsAlone(t *testing.T) {
	var values []nano
	for i := range 5000 {
		values = append(values, nano(i%8)) // a saw of eight values
	}
	f := repeatFinder{atLeast: 60}
	for _, r := range readings(values...) {
		f.add(r)
	}
	f.finish()
	if f.count != 0 {
		t.Errorf("%d repeats in readings of eight values", f.count)
	}
}

func TestRepeatFinderNeverFindsWhatIsNotThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := walk(rapid.Uint64().Draw(t, "seed"), 3000)
		f := repeatFinder{atLeast: 30}
		for _, r := range readings(values...) {
			f.add(r)
		}
		f.finish()
		if f.count != 0 {
			t.Fatalf("%d repeats in readings without any", f.count)
		}
	})
}

func TestDigitCount(t *testing.T) {
	var even, heaped digitCount
	for i, v := range walk(3, 5000) {
		even.add(v%100_000*pow10[8], 1)
		if i%3 > 0 {
			v -= v % 5
		}
		heaped.add(v%100_000*pow10[8], 1)
	}
	if chi := even.chiSquared(); chi > 40_000 {
		t.Errorf("even digits give a chi-squared of %d/1000", chi)
	}
	if chi := heaped.chiSquared(); chi < 1_000_000 {
		t.Errorf("heaped digits give a chi-squared of only %d/1000", chi)
	}
	if d, _ := heaped.top(); d != 0 && d != 5 {
		t.Errorf("the most frequent digit is %d", d)
	}
	var still digitCount
	for range 1000 {
		still.add(7*pow10[8], 1)
	}
	if still.n != 1 {
		t.Errorf("a held reading counted %d times", still.n)
	}
}

func TestDigitCountUsesTheFinestScale(t *testing.T) {
	var c digitCount
	c.add(15*pow10[8], 1)  // 1.5
	c.add(152*pow10[7], 2) // 1.52
	c.add(16*pow10[8], 1)  // 1.6: its second place was not written
	c.add(167*pow10[7], 2)
	if c.n != 2 || c.seen[2] != 1 || c.seen[7] != 1 {
		t.Errorf("counted %v", c.seen)
	}
}

func TestChiSquaredAgreesWithItsDefinition(t *testing.T) {
	c := digitCount{seen: [10]int64{30, 10, 10, 10, 10, 10, 10, 10, 0, 0}, n: 100}
	// (20² + 7·0² + 2·10²) / 10
	if got := c.chiSquared(); got != 60_000 {
		t.Errorf("chi-squared is %d/1000, want 60000", got)
	}
}
