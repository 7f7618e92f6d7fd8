package hj212

import (
	"fmt"
	"time"
)

// Zone is China Standard Time, UTC+08:00. The standard states no zone; this is
// the assumption under which QN and DataTime become instants.
var Zone = time.FixedZone("UTC+08:00", 8*60*60)

const (
	qnDigits       = len("YYYYMMDDhhmmsszzz")
	dataTimeDigits = len("YYYYMMDDhhmmss")
)

// ParseTime reads YYYYMMDDhhmmss, with or without milliseconds, in Zone. It
// refuses other lengths and days or hours that do not exist.
func ParseTime(text string) (time.Time, error) {
	var t time.Time
	var err error
	switch len(text) {
	case dataTimeDigits:
		t, err = time.ParseInLocation("20060102150405", text, Zone)
	case qnDigits:
		t, err = time.ParseInLocation("20060102150405.000", text[:dataTimeDigits]+"."+text[dataTimeDigits:], Zone)
	default:
		err = fmt.Errorf("%d characters", len(text))
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("not a date and time of 14 or 17 digits: %.40q", text)
	}
	return t, nil
}

// FormatQN writes t as QN, in Zone, cut to the millisecond.
func FormatQN(t time.Time) string {
	s := t.In(Zone).Format("20060102150405.000")
	return s[:dataTimeDigits] + s[dataTimeDigits+1:]
}
