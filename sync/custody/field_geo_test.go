package custody

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestSineAgreesWithFloat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e7 := rapid.Int64Range(-2000_0000000, 2000_0000000).Draw(t, "angle")
		want := math.Sin(float64(e7) / 1e7 * math.Pi / 180)
		if got := float64(sinQ60(e7)) / float64(one); math.Abs(got-want) > 1e-12 {
			t.Fatalf("sin of %d e-7 degree is %v, want %v", e7, got, want)
		}
	})
	for e7, want := range map[int64]int64{0: 0, quarterE7: one, 2 * quarterE7: 0, 3 * quarterE7: -one, -quarterE7: -one} {
		if got := sinQ60(e7); abs64(got-want) > 1<<6 {
			t.Errorf("sin of %d e-7 degree is off by %d of 2^60", e7, got-want)
		}
	}
}

func TestSquareRootIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, math.MaxInt64).Draw(t, "n")
		r := uint64(sqrt64(n))
		if r*r > uint64(n) || (r+1)*(r+1) <= uint64(n) {
			t.Fatalf("the root of %d is not %d", n, r)
		}
	})
}

// Published vectors of the shift: Shanghai, Shenzhen, Beijing.
func TestShiftAgreesWithPublishedVectors(t *testing.T) {
	for _, v := range []struct{ wgs, gcj point }{
		{point{311774276, 1215272106}, point{311753040, 1215315419}},
		{point{225438470, 1139123160}, point{225407961, 1139171765}},
		{point{399119540, 1163778170}, point{399133455, 1163840472}},
	} {
		if got := wgsToGCJ(v.wgs); abs64(got.lat-v.gcj.lat) > 3 || abs64(got.lon-v.gcj.lon) > 3 {
			t.Errorf("%v shifts to %v, want %v", v.wgs, got, v.gcj)
		}
		if got := gcjToWGS(v.gcj); abs64(got.lat-v.wgs.lat) > 3 || abs64(got.lon-v.wgs.lon) > 3 {
			t.Errorf("%v shifts back to %v, want %v", v.gcj, got, v.wgs)
		}
	}
}

func TestShiftBackIsItsInverseEverywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := point{rapid.Int64Range(10_000_000, 550_000_000).Draw(t, "lat"), rapid.Int64Range(730_000_000, 1370_000_000).Draw(t, "lon")}
		there := wgsToGCJ(p)
		if d := distanceMM(p, there); d > 3_000_000 {
			t.Fatalf("%v is shifted by %d mm", p, d)
		}
		back := gcjToWGS(there)
		if abs64(back.lat-p.lat) > 1 || abs64(back.lon-p.lon) > 1 {
			t.Fatalf("%v comes back as %v", p, back)
		}
	})
}

func TestDatumsWithoutConversionAreNotGuessed(t *testing.T) {
	if _, _, ok := inWGS(point{488566000, 23522000}, "GCJ-02"); ok {
		t.Error("GCJ-02 outside China was converted")
	}
	if _, _, ok := inWGS(point{311774276, 1215272106}, "BD-09"); ok {
		t.Error("an unknown datum was converted")
	}
	if _, a, ok := inWGS(point{311774276, 1215272106}, "CGCS2000"); !ok || a != cgcsAllowanceMM {
		t.Error("CGCS2000 is not taken with its allowance")
	}
}

func TestDistanceAgreesWithGeodesics(t *testing.T) {
	// Lengths of a minute of latitude and longitude on WGS-84 (NIMA TR8350.2).
	for _, v := range []struct {
		a, b point
		want float64
	}{
		{point{0, 0}, point{166667, 0}, 1842.9},
		{point{0, 0}, point{0, 166667}, 1855.3},
		{point{450000000, 0}, point{450166667, 0}, 1852.2},
		{point{600000000, 0}, point{600000000, 166667}, 930.0},
		{point{300000000, 1799999000}, point{300000000, -1799999000}, 19.3},
	} {
		if got := float64(distanceMM(v.a, v.b)) / 1000; math.Abs(got-v.want) > v.want*2e-3+0.01 {
			t.Errorf("%v to %v is %.1f m, want %.1f", v.a, v.b, got, v.want)
		}
	}
	if d := distanceMM(point{900000000, 0}, point{-900000000, 1800000000}); d < farMM {
		t.Errorf("pole to pole is %d mm", d)
	}
}

var square = []point{{300000000, 1200000000}, {300000000, 1200010000}, {300010000, 1200010000}, {300010000, 1200000000}}

func TestInsidePolygon(t *testing.T) {
	ell := []point{{0, 0}, {0, 30}, {10, 30}, {10, 10}, {30, 10}, {30, 0}}
	for _, v := range []struct {
		name    string
		p       point
		corners []point
		want    bool
	}{
		{"middle", point{300005000, 1200005000}, square, true},
		{"corner", point{300000000, 1200000000}, square, true},
		{"edge", point{300010000, 1200003000}, square, true},
		{"one unit off the edge", point{300010001, 1200003000}, square, false},
		{"in the notch of an L", point{20, 20}, ell, false},
		{"in the leg of an L", point{20, 5}, ell, true},
		{"level with a corner, outside", point{10, 31}, ell, false},
		{"level with a corner, inside", point{10, 5}, ell, true},
		{"world-wide polygon", point{1, 1}, []point{{-900000000, -1800000000}, {-900000000, 1800000000}, {900000000, 1800000000}, {900000000, -1800000000}}, true},
	} {
		if got := insidePolygon(v.p, v.corners); got != v.want {
			t.Errorf("%s: inside is %v", v.name, got)
		}
		reversed := make([]point, len(v.corners))
		for i, c := range v.corners {
			reversed[len(v.corners)-1-i] = c
		}
		if got := insidePolygon(v.p, reversed); got != v.want {
			t.Errorf("%s, corners the other way round: inside is %v", v.name, got)
		}
	}
}

func TestOutsideDistance(t *testing.T) {
	if d := outsideMM(point{300005000, 1200005000}, square); d != 0 {
		t.Errorf("a point inside is %d mm outside", d)
	}
	// 1000e-7 degree of latitude north of the upper edge: 11.086 m at 30° N.
	if d := outsideMM(point{300011000, 1200005000}, square); d < 11_070 || d > 11_100 {
		t.Errorf("%d mm outside, want about 11086", d)
	}
	// Past a corner the distance is to the corner.
	n, e := offsetMM(point{300011000, 1200011000}, square[2])
	if d := outsideMM(point{300011000, 1200011000}, square); abs64(d-sqrt64(n*n+e*e)) > 1 {
		t.Errorf("%d mm from the corner, want %d", d, sqrt64(n*n+e*e))
	}
	if d := outsideMM(point{300010001, 1200005000}, square); d < 1 {
		t.Error("a point just outside counts as inside")
	}
	rapid.Check(t, func(t *rapid.T) {
		p := point{rapid.Int64Range(-900000000, 900000000).Draw(t, "lat"), rapid.Int64Range(-1800000000, 1800000000).Draw(t, "lon")}
		if (outsideMM(p, square) == 0) != insidePolygon(p, square) {
			t.Fatalf("%v: distance and position disagree", p)
		}
	})
}
