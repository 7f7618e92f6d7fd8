package custody

import "fieldseal/sync/event"

// The shift from WGS-84 to GCJ-02 as it has been published many times (the
// official one is secret). It reproduces the official shift to about a metre
// within mainland China and is not defined elsewhere.
const (
	// gcjMeridianUM is a(1-e²)π/180 and gcjParallelUM aπ/180 in micrometres per
	// degree, for a = 6378245 m and e² = 0.00669342162296594323 (Krasovsky 1940).
	gcjMeridianUM = int64(110576_254845)
	gcjParallelUM = int64(111321_375749)
	gcjE2Q60      = int64(7716989728517898)
	// gcjRounds bounds the inverse: each round divides the error by about a
	// thousand, so three reach 1e-7 degree; the rest are in hand.
	gcjRounds = 8
	// gcjAllowanceMM is what the published formula may be off, 2 m with a margin.
	gcjAllowanceMM = 5_000
	// cgcsAllowanceMM covers CGCS2000 against the current WGS-84: decimetres of
	// plate motion since epoch 2000.
	cgcsAllowanceMM = 1_000
)

// point is a position in 1e-7 degree.
type point struct{ lat, lon int64 }

func pointOf(p *event.Place) point { return point{p.LatE7, p.LonE7} }

// gcjDefined reports whether a position lies in the rectangle for which the
// published shift is defined.
func gcjDefined(p point) bool {
	return p.lon >= 72_0040000 && p.lon <= 137_8347000 && p.lat >= 8293000 && p.lat <= 55_8271000
}

// wgsToGCJ shifts a position from WGS-84 to GCJ-02.
func wgsToGCJ(p point) point {
	x, y := p.lon-105_0000000, p.lat-35_0000000
	both := micro(20, 1080*x) + micro(20, 360*x)
	root := sqrt64(abs64(x) * 100_000) // sqrt of degrees, times 1e6: micrometres for 1 m
	dLat := -100_000_000 + 2*x/10 + 3*y/10 + y*y/500_000_000 + x*y/1_000_000_000 + root/5 +
		(both+micro(20, 180*y)+micro(40, 60*y)+micro(160, 15*y)+micro(320, 6*y))*2/3
	dLon := 300_000_000 + x/10 + 2*y/10 + x*x/1_000_000_000 + x*y/1_000_000_000 + root/10 +
		(both+micro(20, 180*x)+micro(40, 60*x)+micro(150, 15*x)+micro(300, 6*x))*2/3
	sin := sinQ60(p.lat)
	magic := one - mulQ60(gcjE2Q60, mulQ60(sin, sin))
	rootMagic := sqrtQ60(magic)
	dLat = mulDiv(mulDiv(mulDiv(dLat, magic, one), rootMagic, one), 1e7, gcjMeridianUM)
	dLon = mulDiv(mulDiv(dLon, rootMagic, cosQ60(p.lat)), 1e7, gcjParallelUM)
	return point{p.lat + dLat, p.lon + dLon}
}

// micro is metres × sin(angle) in micrometres.
func micro(metres, e7 int64) int64 { return mulDiv(metres*1_000_000, sinQ60(e7), one) }

// sqrtQ60 is the square root of a number in Q60 that lies between 0 and 4.
func sqrtQ60(v int64) int64 { return sqrt64(v) << 30 }

// gcjToWGS shifts a position from GCJ-02 to WGS-84 by inverting wgsToGCJ.
func gcjToWGS(p point) point {
	guess := p
	for range gcjRounds {
		there := wgsToGCJ(guess)
		step := point{p.lat - there.lat, p.lon - there.lon}
		guess = point{guess.lat + step.lat, guess.lon + step.lon}
		if step == (point{}) {
			break
		}
	}
	return guess
}

// inWGS brings a position to WGS-84 and says by how much the conversion may be
// off, in millimetres. ok is false where the datum cannot be converted there.
func inWGS(p point, d event.Datum) (q point, allowance int64, ok bool) {
	switch d {
	case "WGS-84":
		return p, 0, true
	case "CGCS2000":
		return p, cgcsAllowanceMM, true
	case "GCJ-02":
		if !gcjDefined(p) {
			return p, 0, false
		}
		return gcjToWGS(p), gcjAllowanceMM, true
	}
	return p, 0, false
}

// farMM is the distance above which only "farther than this" is known: 1000 km,
// so that products of two millimetre figures stay within an int64.
const farMM = int64(1_000_000_000)

// offsetMM is how far to is north and east of from, in millimetres on the
// tangent plane, each cut at farMM. Good to 0.1 % up to tens of kilometres.
func offsetMM(from, to point) (north, east int64) {
	mid := from.lat/2 + to.lat/2
	// Length of a degree on the WGS-84 ellipsoid, micrometres (NIMA TR8350.2 series).
	lat := 111_132_954_000 - micro2(559_822_000, cosQ60(2*mid)) + micro2(1_175_000, cosQ60(4*mid))
	lon := micro2(111_412_840_000, cosQ60(mid)) - micro2(93_500_000, cosQ60(3*mid)) + micro2(118_000, cosQ60(5*mid))
	dLon := to.lon - from.lon
	switch {
	case dLon > fullE7/2:
		dLon -= fullE7
	case dLon < -fullE7/2:
		dLon += fullE7
	}
	return clamp(mulDiv(to.lat-from.lat, lat, 1e10)), clamp(mulDiv(dLon, lon, 1e10))
}

func micro2(um, cos int64) int64 { return mulDiv(um, cos, one) }

func clamp(mm int64) int64 { return max(-farMM, min(farMM, mm)) }

// accuracy is a fix's radius of accuracy, held where distances are.
func accuracy(p *event.Place) int64 { return min(max(0, p.AccuracyMM), farMM) }

// onEarth reports whether a position is one, which the figures in a picture need not be.
func onEarth(p *event.Place) bool {
	return p.LatE7 >= -quarterE7 && p.LatE7 <= quarterE7 && p.LonE7 >= -fullE7/2 && p.LonE7 <= fullE7/2
}

// distanceMM is the distance between two positions in one datum, at most about 1.4 × farMM.
func distanceMM(a, b point) int64 {
	n, e := offsetMM(a, b)
	return sqrt64(n*n + e*e)
}

// insidePolygon reports whether p lies in the polygon or on its edge: exact, by
// the even-odd rule. Corners differ by at most 3.6e9 east and 1.8e9 north, so
// every product fits an int64.
func insidePolygon(p point, corners []point) bool {
	in := false
	for i := range corners {
		a, b := corners[i], corners[(i+1)%len(corners)]
		left, right := (b.lon-a.lon)*(p.lat-a.lat), (p.lon-a.lon)*(b.lat-a.lat)
		if left == right && between(p.lat, a.lat, b.lat) && between(p.lon, a.lon, b.lon) {
			return true
		}
		if (a.lat > p.lat) != (b.lat > p.lat) && (right < left) == (b.lat > a.lat) {
			in = !in
		}
	}
	return in
}

func between(v, a, b int64) bool { return v >= min(a, b) && v <= max(a, b) }

// outsideMM is how far p lies outside the polygon, in millimetres; 0 inside or on the edge.
func outsideMM(p point, corners []point) int64 {
	if insidePolygon(p, corners) {
		return 0
	}
	best := 2 * farMM
	for i := range corners {
		an, ae := offsetMM(p, corners[i])
		bn, be := offsetMM(p, corners[(i+1)%len(corners)])
		best = min(best, segmentMM(an, ae, bn, be))
	}
	return max(best, 1)
}

// segmentMM is the distance from the origin to the segment between two points of the plane.
func segmentMM(an, ae, bn, be int64) int64 {
	dn, de := bn-an, be-ae
	// Halved so that the sums below stay within an int64 where both ends are far.
	length := dn/2*(dn/2) + de/2*(de/2)
	dot := -(an / 2 * (dn / 2)) - (ae / 2 * (de / 2))
	if length <= 0 || dot <= 0 {
		return sqrt64(an*an + ae*ae)
	}
	if dot >= length {
		return sqrt64(bn*bn + be*be)
	}
	n, e := an+mulDiv(dn, dot, length), ae+mulDiv(de, dot, length)
	return sqrt64(n*n + e*e)
}

// WGS84 brings a position to WGS-84 in 1e-7 degree and says by how much the
// conversion may be off, in millimetres: 0 where none was needed. ok is false where
// the datum cannot be converted there; the position is then not one in WGS-84.
func WGS84(latE7, lonE7 int64, d event.Datum) (lat, lon, allowanceMM int64, ok bool) {
	p, allowance, ok := inWGS(point{latE7, lonE7}, d)
	return p.lat, p.lon, allowance, ok
}
