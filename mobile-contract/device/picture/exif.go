package picture

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"fieldseal/sync/decimal"
)

// The EXIF 2.32 tags that are read.
const (
	tagMake          = 0x010F
	tagModel         = 0x0110
	tagOrientation   = 0x0112
	tagSoftware      = 0x0131
	tagModified      = 0x0132
	tagThumbOffset   = 0x0201
	tagThumbLength   = 0x0202
	tagExifIFD       = 0x8769
	tagGPSIFD        = 0x8825
	tagOriginal      = 0x9003
	tagDigitized     = 0x9004
	tagOffset        = 0x9010 // + 1 original, + 2 digitized
	tagSubSec        = 0x9290 // + 1 original, + 2 digitized
	tagPixelX        = 0xA002
	tagPixelY        = 0xA003
	tagLatRef        = 0x0001
	tagLat           = 0x0002
	tagLonRef        = 0x0003
	tagLon           = 0x0004
	tagAltRef        = 0x0005
	tagAlt           = 0x0006
	tagGPSTime       = 0x0007
	tagGPSStatus     = 0x0009
	tagDirectionRef  = 0x0010
	tagDirection     = 0x0011
	tagDatum         = 0x0012
	tagGPSMethod     = 0x001B
	tagGPSDate       = 0x001D
	tagGPSHError     = 0x001F
	maxDirectionCDeg = 36000
)

// wanted tags are complained of when they are broken; others do not matter.
var wanted = func() map[uint16]bool {
	m := map[uint16]bool{}
	for _, t := range []uint16{tagMake, tagModel, tagOrientation, tagSoftware, tagModified, tagThumbOffset, tagThumbLength, tagExifIFD, tagGPSIFD,
		tagOriginal, tagDigitized, tagOffset, tagOffset + 1, tagOffset + 2, tagSubSec, tagSubSec + 1, tagSubSec + 2, tagPixelX, tagPixelY,
		tagLatRef, tagLat, tagLonRef, tagLon, tagAltRef, tagAlt, tagGPSTime, tagGPSStatus, tagDirectionRef, tagDirection, tagDatum, tagGPSMethod,
		tagGPSDate, tagGPSHError} {
		m[t] = true
	}
	return m
}()

// readExif reads an EXIF block into p.
func (p *Picture) readExif(b []byte) {
	x, first, ok := openBlock(b, p)
	if !ok {
		return
	}
	e := &Exif{}
	p.Exif = e
	ifd0, next := x.directory("IFD0", first)
	e.Make, e.Model, e.Software = x.text(ifd0, tagMake), x.text(ifd0, tagModel), x.text(ifd0, tagSoftware)
	if n, ok := x.number(ifd0, tagOrientation); ok {
		if n < 1 || n > 8 {
			p.problem(BadTag, "the orientation is %d, not 1 to 8", n)
		} else {
			e.Orientation = n
		}
	}
	sub := directory{}
	if at, ok := x.number(ifd0, tagExifIFD); ok {
		sub, _ = x.directory("ExifIFD", uint32(at))
	}
	e.PixelWidth, _ = x.number(sub, tagPixelX)
	e.PixelHeight, _ = x.number(sub, tagPixelY)
	e.Modified = x.stamp(ifd0, tagModified, sub, 0)
	e.Original = x.stamp(sub, tagOriginal, sub, 1)
	e.Digitized = x.stamp(sub, tagDigitized, sub, 2)
	if at, ok := x.number(ifd0, tagGPSIFD); ok {
		e.GPS = x.gps(uint32(at))
	}
	if next != 0 {
		x.thumbnail(e, next)
	}
}

// stamp reads a time, its fraction and its offset.
func (x *block) stamp(d directory, tag uint16, sub directory, n uint16) Stamp {
	s := Stamp{Text: x.text(d, tag), SubSec: x.text(sub, tagSubSec+n), Offset: x.text(sub, tagOffset+n)}
	if strings.Trim(s.Text, " :0") == "" {
		return Stamp{} // EXIF's way to say that the time is not known
	}
	if _, ok := s.Clock(); !ok {
		x.p.problem(BadTime, "the time %.40q of tag %#04x is no time", s.Text, tag)
	}
	if _, err := time.Parse("-07:00", s.Offset); s.Offset != "" && err != nil {
		x.p.problem(BadTime, "the offset %.40q is none", s.Offset)
		s.Offset = ""
	}
	return s
}

func (x *block) thumbnail(e *Exif, at uint32) {
	d, _ := x.directory("IFD1", at)
	off, okO := x.number(d, tagThumbOffset)
	n, okN := x.number(d, tagThumbLength)
	if !okO || !okN || n == 0 {
		return
	}
	if off+n > int64(len(x.b)) {
		x.p.problem(BadTag, "the thumbnail lies outside the EXIF block")
		return
	}
	e.Thumbnail, e.ThumbnailOffset, e.ThumbnailLength = true, off, n
}

func (x *block) gps(at uint32) *GPS {
	d, _ := x.directory("GPSInfoIFD", at)
	g := &GPS{Lat: x.rats(d, tagLat, 3), Lon: x.rats(d, tagLon, 3), TimeOfDay: x.rats(d, tagGPSTime, 3)}
	g.DateText, g.Datum, g.Status = x.text(d, tagGPSDate), x.text(d, tagDatum), x.text(d, tagGPSStatus)
	g.DirectionRef = x.text(d, tagDirectionRef)
	g.Method = x.method(d)
	x.position(d, g)
	if alt := x.rats(d, tagAlt, 1); alt != nil {
		if mm, _, ok := scaled(alt, 3); ok {
			if below, _ := x.number(d, tagAltRef); below == 1 {
				mm = -mm
			}
			g.AltMM = &mm
		}
	}
	if e := x.rats(d, tagGPSHError, 1); e != nil {
		if mm, _, ok := scaled(e, 3); ok && mm >= 0 {
			g.ErrorMM = &mm
		}
	}
	if dir := x.rats(d, tagDirection, 1); dir != nil {
		if c, _, ok := scaled(dir, 2); ok && c >= 0 && c <= maxDirectionCDeg {
			g.DirectionCDeg = &c
		} else {
			x.p.problem(BadTag, "the image direction %v is none", dir[0])
		}
	}
	x.fixTime(g)
	return g
}

// method reads the processing method, which has eight bytes that name its
// character set in front.
func (x *block) method(d directory) string {
	e, ok := d[tagGPSMethod]
	if !ok || e.kind != typeUndefined && e.kind != typeASCII || len(e.raw) <= 8 {
		return ""
	}
	switch string(e.raw[:8]) {
	case "ASCII\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x00":
		return x.clean("the processing method", strings.Trim(string(e.raw[8:]), "\x00"))
	}
	return ""
}

// position sets LatE7 and LonE7.
func (x *block) position(d directory, g *GPS) {
	if g.Lat == nil && g.Lon == nil {
		return
	}
	lat, okLat := x.coordinate(g, g.Lat, x.text(d, tagLatRef), "N", "S", 90)
	lon, okLon := x.coordinate(g, g.Lon, x.text(d, tagLonRef), "E", "W", 180)
	switch {
	case !okLat || !okLon:
	case lat == 0 && lon == 0:
		x.p.problem(ZeroPosition, "latitude and longitude are 0: the receiver had no fix")
	default:
		g.LatE7, g.LonE7 = &lat, &lon
	}
}

func (x *block) coordinate(g *GPS, parts []Rat, ref, plus, minus string, limit int64) (int64, bool) {
	if parts == nil {
		x.p.problem(BadPosition, "one coordinate is absent")
		return 0, false
	}
	n, exact, ok := scaled(parts, 7)
	for i, r := range parts {
		if r.Num < 0 || i > 0 && r.Den > 0 && r.Num >= 60*r.Den && r.Num > 0 {
			ok = false // minutes and seconds under 60; the hemisphere gives the sign
		}
	}
	if !ok || n > limit*1e7 {
		x.p.problem(BadPosition, "the coordinate %v is none", parts)
		return 0, false
	}
	g.Rounded = g.Rounded || !exact
	switch strings.ToUpper(ref) {
	case plus:
		return n, true
	case minus:
		return -n, true
	}
	x.p.problem(NoHemisphere, "the coordinate %v states %.10q, not %s or %s", parts, ref, plus, minus)
	return 0, false
}

// scaled adds parts as a base-60 number (degrees, minutes, seconds) and
// returns it × 10^scale, rounded half to even.
func scaled(parts []Rat, scale uint8) (n int64, exact, ok bool) {
	sum, unit := new(big.Rat), big.NewRat(1, 1)
	for _, r := range parts {
		if r.Den == 0 {
			if r.Num != 0 || len(parts) == 1 {
				return 0, false, false
			}
			r.Den = 1 // 0/0 for absent seconds is common
		}
		sum.Add(sum, new(big.Rat).Mul(unit, big.NewRat(r.Num, r.Den)))
		unit.Quo(unit, big.NewRat(60, 1))
	}
	d, exact, err := decimal.FromRat(sum, scale)
	return d.N, exact, err == nil
}

// fixTime sets Time from date and time of day.
func (x *block) fixTime(g *GPS) {
	if g.TimeOfDay == nil {
		return
	}
	nanos, _, ok := scaled(g.TimeOfDay, 9) // hours, minutes, seconds: in hours
	sum := new(big.Rat)
	for i, r := range g.TimeOfDay {
		if r.Den <= 0 || r.Num < 0 || i > 0 && r.Num > 60*r.Den {
			ok = false
			break
		}
		sum.Add(sum, new(big.Rat).Mul(big.NewRat([]int64{3600, 60, 1}[i], 1), big.NewRat(r.Num, r.Den)))
	}
	if !ok || nanos >= 24*1e9 {
		x.p.problem(BadTime, "the GPS time %v is no time of day", g.TimeOfDay)
		return
	}
	if g.DateText == "" {
		x.p.problem(GPSNoDate, "GPS gives a time of day without a date")
		return
	}
	day, err := time.Parse("2006:01:02", strings.ReplaceAll(g.DateText, "-", ":"))
	if err != nil || day.Year() < 1980 {
		x.p.problem(BadTime, "the GPS date %.40q is no date", g.DateText)
		return
	}
	whole := new(big.Int).Quo(new(big.Int).Mul(sum.Num(), big.NewInt(1e9)), sum.Denom())
	t := day.Add(time.Duration(whole.Int64()))
	g.Time = &t
}

func (r Rat) String() string { return fmt.Sprintf("%d/%d", r.Num, r.Den) }
