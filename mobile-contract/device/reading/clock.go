package reading

import (
	"strconv"
	"strings"
	"time"
)

// layout is one way to write a time.
type layout struct {
	form  string
	res   time.Duration
	zoned bool // the form carries an offset
}

// isoLayouts are the forms that cannot be misread: year first, or the month by
// name. Forms like 1/2/2006 are read only where the format or the caller says
// which part is the month.
var isoLayouts = []layout{
	{"2006-01-02T15:04:05Z07:00", time.Second, true},
	{"2006-01-02T15:04:05Z0700", time.Second, true},
	{"2006-01-02 15:04:05Z07:00", time.Second, true},
	{"2006-01-02T15:04Z07:00", time.Minute, true},
	{"2006-01-02T15:04:05", time.Second, false},
	{"2006-01-02 15:04:05", time.Second, false},
	{"2006-01-02 15:04", time.Minute, false},
	{"2006-01-02T15:04", time.Minute, false},
	{"2006/1/2 15:04:05", time.Second, false},
	{"2006/1/2 15:04", time.Minute, false},
	{"2-Jan-2006 15:04:05", time.Second, false},
	{"2-Jan-2006 15:04", time.Minute, false},
	{"20060102150405", time.Second, false},
}

// spodLayouts: the exports of this instrument put the month first.
var spodLayouts = append([]layout{
	{"1/2/2006 15:04", time.Minute, false},
	{"1/2/2006 15:04:05", time.Second, false},
	{"1/2/2006 3:04:05 PM", time.Second, false},
	{"1/2/2006 3:04 PM", time.Minute, false},
}, isoLayouts...)

// The names of count layouts a Mapping may use instead of a Go layout.
const (
	LayoutUnix   = "unix"    // seconds since 1970, UTC
	LayoutUnixMS = "unix_ms" // milliseconds since 1970, UTC
)

// clock reads the times of one column.
type clock struct {
	layouts []layout
	last    int // the layout that fitted last, tried first
}

// mapped is a clock for the layout that a Mapping names.
func mapped(form string) *clock {
	if form == "" {
		return &clock{layouts: isoLayouts}
	}
	res := time.Minute
	if strings.Contains(form, "05") || form == LayoutUnix {
		res = time.Second
	}
	zoned := strings.Contains(form, "Z07") || strings.Contains(form, "-07") || form == LayoutUnix || form == LayoutUnixMS
	if form == LayoutUnixMS {
		res = time.Millisecond
	}
	return &clock{layouts: []layout{{form, res, zoned}}}
}

// read returns the time (in UTC when the text carries no offset), its
// resolution and whether it carries an offset.
func (c *clock) read(text string) (time.Time, time.Duration, bool, bool) {
	for i := range c.layouts {
		n := (c.last + i) % len(c.layouts)
		l := c.layouts[n]
		t, ok := l.read(text)
		if !ok {
			continue
		}
		c.last = n
		return t, l.resolution(text, t), l.zoned, true
	}
	return time.Time{}, 0, false, false
}

func (l layout) read(text string) (time.Time, bool) {
	if l.form != LayoutUnix && l.form != LayoutUnixMS {
		t, err := time.Parse(l.form, text)
		if err != nil {
			return time.Time{}, false
		}
		if _, off := t.Zone(); off == 0 {
			t = t.UTC()
		} else {
			t = t.In(time.FixedZone("", off)) // no zone names of this machine
		}
		return t, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	const limit = 1 << 42 // the year 2109 in milliseconds; more is not a time
	if err != nil || n < 0 || n > limit {
		return time.Time{}, false
	}
	if l.form == LayoutUnix {
		return time.Unix(n, 0).UTC(), n <= limit/1000
	}
	return time.UnixMilli(n).UTC(), true
}

// resolution is that of the layout, or of the fraction of a second written.
func (l layout) resolution(text string, t time.Time) time.Duration {
	if l.res != time.Second {
		return l.res
	}
	i := strings.IndexAny(text, ".,")
	if i < 0 {
		return time.Second
	}
	res := time.Second
	for _, c := range text[i+1:] {
		if c < '0' || c > '9' || res == 1 {
			break
		}
		res /= 10
	}
	return res
}

// offsetOf is the offset of t in seconds.
func offsetOf(t time.Time) int {
	_, off := t.Zone()
	return off
}

// in reads the clock reading of t (which is in UTC for want of an offset) as
// one of zone.
func in(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// zoneStep is what real UTC offsets are multiples of; maxOffset is the largest.
const (
	zoneStep  = 15 * 60
	maxOffset = 14 * 60 * 60
)
