package picture

import (
	"fmt"
	"strings"
	"time"
)

const (
	// Tolerance is how far camera time and GPS time of one exposure may lie
	// apart: GPS time is that of the last fix, and phones set their clock by
	// the network.
	Tolerance = 5 * time.Minute
	// zoneStep is what real UTC offsets are multiples of.
	zoneStep = 15 * time.Minute
	// minOffset and maxOffset are the outermost offsets in use.
	minOffset = -12 * time.Hour
	maxOffset = 14 * time.Hour
	// nominalSlack is how far a civil offset may lie from 15° of longitude an
	// hour: the west of China, on UTC+8, has some 3 hours; summer time one more.
	nominalSlack = 4 * time.Hour
)

// TimeCheck sets camera time against GPS time.
type TimeCheck struct {
	// Delta is the camera's clock reading minus GPS time in UTC: offset and age
	// of the fix in one.
	Delta time.Duration
	// Offset is the stated offset, or (Assumed) the likely one: the multiple of
	// 15 minutes next to Delta, kept to what the longitude allows.
	Offset  time.Duration
	Assumed bool
	// Age is how much older than the exposure the fix is: Delta − Offset.
	// Negative: the fix is newer. With an assumed offset it is the least that
	// it can be, in either direction, to within the quarter hours of zones.
	Age time.Duration
}

// Conflict reports whether the two times cannot both be of the exposure.
func (c TimeCheck) Conflict() bool { return c.Age > Tolerance || c.Age < -Tolerance }

// CheckTime sets camera time against GPS time; false when one is absent.
func (e *Exif) CheckTime() (TimeCheck, bool) {
	if e == nil || e.GPS == nil || e.GPS.Time == nil {
		return TimeCheck{}, false
	}
	clock, ok := e.Original.Clock()
	if !ok {
		return TimeCheck{}, false
	}
	c := TimeCheck{Delta: clock.Sub(*e.GPS.Time)}
	if at, ok := e.Original.At(); ok {
		_, off := at.Zone()
		c.Offset = time.Duration(off) * time.Second
	} else {
		low, high := minOffset, maxOffset
		if e.GPS.LonE7 != nil {
			nominal := (time.Duration(*e.GPS.LonE7) * (240 * time.Second / 10_000_000)).Round(zoneStep) // 4 minutes a degree
			low, high = max(low, nominal-nominalSlack), min(high, nominal+nominalSlack)
		}
		c.Offset = min(max(c.Delta.Round(zoneStep), low), high)
		c.Assumed = true
	}
	c.Age = c.Delta - c.Offset
	return c, true
}

// compare fills Conflicts.
func (p *Picture) compare() {
	e := p.Exif
	if e == nil {
		return
	}
	if c, ok := e.CheckTime(); ok && c.Conflict() {
		p.timeConflict(c)
	}
	if e.PixelWidth > 0 && e.PixelHeight > 0 && p.Width > 0 && !sameSize(e.PixelWidth, e.PixelHeight, p.Width, p.Height) {
		p.conflict(SizeConflict, "EXIF states %d × %d, the picture has %d × %d: it was cropped, resized or made from another", e.PixelWidth, e.PixelHeight, p.Width, p.Height)
	}
	taken, okT := e.Original.Clock()
	changed, okC := e.Modified.Clock()
	if okT && okC && changed.Sub(taken) > Tolerance {
		p.conflict(ModifiedLater, "EXIF says taken %s, changed %s", e.Original.Text, e.Modified.Text)
	}
	if g := e.GPS; g != nil {
		if g.LatE7 != nil && g.Datum != "" && !isWGS84(g.Datum) {
			p.conflict(DatumConflict, "the coordinates are in the datum %q", g.Datum)
		}
		if g.DirectionCDeg != nil && strings.EqualFold(g.DirectionRef, "M") {
			p.conflict(MagneticHeading, "the image direction is from magnetic north")
		}
	}
}

func (p *Picture) timeConflict(c TimeCheck) {
	which, age := "older", c.Age
	if age < 0 {
		which, age = "newer", -age
	}
	if c.Assumed {
		p.conflict(TimeConflict, "the camera's clock says %s without an offset, the GPS fix is of %s UTC: %s apart; even at UTC%s the fix is %s %s than the picture",
			p.Exif.Original.Text, p.Exif.GPS.Time.Format("2006-01-02 15:04:05"), inWords(c.Delta.Abs()), offsetText(c.Offset), inWords(age), which)
		return
	}
	code := TimeConflict
	if zone := c.Delta.Round(zoneStep); zone >= minOffset && zone <= maxOffset && (c.Delta-zone).Abs() <= Tolerance {
		code = OffsetConflict // at another offset the times fit: rather the offset is wrong than the fix old
	}
	p.conflict(code, "the picture was taken %s%s, the GPS fix (%s UTC) is %s %s", p.Exif.Original.Text, offsetText(c.Offset),
		p.Exif.GPS.Time.Format("2006-01-02 15:04:05"), inWords(age), which)
}

func sameSize(w1, h1, w2, h2 int64) bool { return w1 == w2 && h1 == h2 || w1 == h2 && h1 == w2 }

func isWGS84(s string) bool {
	s = strings.NewReplacer("-", "", " ", "", "_", "").Replace(strings.ToUpper(s))
	return s == "WGS84" || s == "WGS1984"
}

func offsetText(d time.Duration) string {
	return time.Unix(0, 0).In(time.FixedZone("", int(d/time.Second))).Format("-07:00")
}

func inWords(d time.Duration) string {
	if d >= 2*time.Hour {
		return fmt.Sprintf("%d h %d min", int64(d/time.Hour), int64(d%time.Hour/time.Minute))
	}
	return d.Round(time.Second).String()
}
