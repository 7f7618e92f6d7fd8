package sheet

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fieldseal/sync/event"
)

var (
	// ErrDate: no date or time that exists, or of a year that cannot be meant.
	ErrDate = errors.New("not a date or time that exists")
	// ErrAmbiguous: 3/4/2024 without a word on which part is the month.
	ErrAmbiguous = errors.New("the date could be month or day first")
)

// Order says how dates such as 3/4/2024 are meant.
type Order string

// The orders.
const (
	OrderUnknown Order = ""
	MonthFirst   Order = "mdy"
	DayFirst     Order = "dmy"
)

// Moment is a date, or a date and time.
type Moment struct {
	// At is the start of the day where HasTime is false, in the zone given to
	// ParseDate unless ZoneStated.
	At         time.Time
	HasTime    bool
	ZoneStated bool
}

// Stated is the moment as events say it: a time where it has one with a zone, that of
// the file or of the reader, a day otherwise; both empty for none.
func (m Moment) Stated() (event.Stamp, event.Date) {
	switch {
	case m.At.IsZero():
		return "", ""
	case m.HasTime && (m.ZoneStated || m.At.Location() != time.UTC):
		return event.Stamp(m.At.Format(time.RFC3339)), ""
	}
	return "", event.Date(m.At.Format(time.DateOnly))
}

// layout is one way to write a date that cannot be misread.
type layout struct {
	form          string
	hasTime, zone bool
}

var layouts = []layout{
	{"2006-1-2", false, false},
	{"2006/1/2", false, false},
	{"2006.1.2", false, false},
	{"20060102", false, false},
	{"2-Jan-2006", false, false},
	{"2006-1-2 15:4:5", true, false},
	{"2006-1-2 15:4", true, false},
	{"2006/1/2 15:4:5", true, false},
	{"2006/1/2 15:4", true, false},
	{"2006.1.2 15:4", true, false},
	{"200601021504", true, false},
	{"2-Jan-2006 15:4:5", true, false},
	{"2-Jan-2006 15:4", true, false},
	{"2006-1-2T15:4:5", true, false},
	{"2006-1-2T15:4", true, false},
	{"2006-1-2T15:4:5Z07:00", true, true},
	{"2006-1-2T15:4:5Z0700", true, true},
	{"2006-1-2 15:4:5Z07:00", true, true},
	{"2006-1-2 15:4:5 Z07:00", true, true},
}

var (
	// yearLast is 3/4/2024, 03-04-2024 09:30, 3.4.2024 2:30 PM.
	yearLast = regexp.MustCompile(`^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:\s+(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*[AaPp][Mm])?))?$`)
	chinese  = strings.NewReplacer("年", "-", "月", "-", "日", " ", "时", ":", "点", ":", "分", "", "秒", "")
	clocks   = []string{"15:04:05", "15:04", "1504", "150405", "3:04 PM", "3:04:05 PM"}
)

// ParseDate reads one date, with or without a time of day. zone is that of
// texts that state none. The error is ErrDate or ErrAmbiguous.
func ParseDate(text string, order Order, zone *time.Location) (Moment, error) {
	s := strings.TrimSpace(text)
	if strings.ContainsAny(s, "年月日") {
		s = strings.TrimRight(strings.TrimSpace(chinese.Replace(s)), ":")
	}
	for _, l := range layouts {
		if t, err := time.Parse(l.form, s); err == nil {
			return moment(text, t, l, zone)
		}
	}
	m := yearLast.FindStringSubmatch(s)
	if m == nil {
		return Moment{}, fmt.Errorf("%w: %.40q", ErrDate, text)
	}
	if order == OrderUnknown && m[1] != m[2] {
		return Moment{}, fmt.Errorf("%w: %.40q", ErrAmbiguous, text)
	}
	day, month := m[1], m[2]
	if order == MonthFirst {
		day, month = m[2], m[1]
	}
	t, err := time.Parse("2006-1-2", m[3]+"-"+month+"-"+day)
	if err != nil {
		return Moment{}, fmt.Errorf("%w: %.40q", ErrDate, text)
	}
	l := layout{}
	if m[4] != "" {
		c, ok := ParseClock(m[4])
		if !ok {
			return Moment{}, fmt.Errorf("%w: %.40q", ErrDate, text)
		}
		t, l.hasTime = t.Add(c), true
	}
	return moment(text, t, l, zone)
}

// moment refuses years that no document is of: mistyped ones, and the zero of
// spreadsheets (1899, 1900).
func moment(text string, t time.Time, l layout, zone *time.Location) (Moment, error) {
	const first, last = 1950, 2200
	if t.Year() < first || t.Year() > last {
		return Moment{}, fmt.Errorf("%w: %.40q", ErrDate, text)
	}
	m := Moment{At: t, HasTime: l.hasTime, ZoneStated: l.zone}
	if !l.zone {
		m.At = inZone(t, zone)
	} else if _, off := t.Zone(); off != 0 {
		m.At = t.In(time.FixedZone("", off)) // no zone names of this machine
	} else {
		m.At = t.UTC()
	}
	return m, nil
}

func inZone(t time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// WithClock gives a date without a time of day the one written in another
// cell; false when that is none.
func (m Moment) WithClock(text string) (Moment, bool) {
	c, ok := ParseClock(text)
	if !ok {
		return m, false
	}
	if !m.HasTime {
		y, mo, d := m.At.Date()
		m.At, m.HasTime = time.Date(y, mo, d, 0, 0, 0, int(c%time.Second), m.At.Location()).Add(c-c%time.Second), true
	}
	return m, true
}

// ParseClock reads a time of day: 09:15, 0915, 9:15 AM.
func ParseClock(text string) (time.Duration, bool) {
	s := strings.ToUpper(strings.Join(strings.Fields(text), " "))
	s = strings.ReplaceAll(strings.ReplaceAll(s, " AM", "AM"), " PM", "PM")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "AM", " AM"), "PM", " PM")
	for _, l := range clocks {
		if t, err := time.Parse(l, s); err == nil {
			return t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)), true
		}
	}
	return 0, false
}

// OrderOf is what a single date proves of the order: a part over 12 cannot be
// the month.
func OrderOf(text string) Order {
	m := yearLast.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return OrderUnknown
	}
	a, _ := strconv.Atoi(m[1])
	b, _ := strconv.Atoi(m[2])
	switch {
	case a > 12 && b <= 12:
		return DayFirst
	case b > 12 && a <= 12:
		return MonthFirst
	}
	return OrderUnknown
}
