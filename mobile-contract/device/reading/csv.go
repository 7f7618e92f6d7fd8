package reading

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"fieldseal/sync/unit"
)

// Mapping tells how to read a generic CSV. The zero Mapping takes the time
// from a column named time, timestamp or datetime, the position from lat and
// lon, and every other column as a channel with the unit in its header
// ("pid[ppb]").
type Mapping struct {
	TimeColumn string // header text; "" for the usual names
	// TimeLayout is a Go layout, LayoutUnix or LayoutUnixMS; "" takes the forms
	// that cannot be misread (year first, or the month by name).
	TimeLayout           string
	LatColumn, LonColumn string    // header texts; "" for lat, latitude, lon, long, longitude
	Columns              []Channel // the channels, Name as in the header; empty takes every other column
	Missing              []string  // texts that mean missing, beside empty, NA, NaN and -9999
	Delimiter            rune      // 0 recognises comma, semicolon or tab from the header
	DecimalComma         bool      // "12,5"; needs another delimiter than the comma
}

// table reads the rows of a CSV whose header is known.
type table struct {
	delim        rune
	header       string // for recognising it again
	cells        int
	channelOf    []int // for each column: channel index, or -1
	channels     []Channel
	time, local  int // columns, -1 when absent
	lat, lon     int
	clock        *clock
	localClock   *clock
	zone         *time.Location // of times without an offset; nil when not known
	zoneFrom     Zone
	headerUTC    bool
	comma        bool
	missing      map[string]bool
	hadZone      bool
	lastOffset   int
	instrument   Instrument
	statedZone   string
	headWarnings []Warning
}

func newTable(delim rune, header string, heads []string) *table {
	t := &table{delim: delim, header: header, cells: len(heads), channelOf: make([]int, len(heads)), time: -1, local: -1, lat: -1, lon: -1}
	for i := range t.channelOf {
		t.channelOf[i] = -1
	}
	return t
}

// takeChannels makes a channel of every column that has no other part.
func (t *table) takeChannels(heads []string, line int64, make func(string) Channel) error {
	for i, h := range heads {
		if i == t.time || i == t.local || i == t.lat || i == t.lon || strings.TrimSpace(h) == "" {
			continue
		}
		c := make(h)
		if c.Unit == "" && c.UnitAsWritten != "" {
			if u, ok := unit.Parse(c.UnitAsWritten); ok {
				c.Unit = u.Code
			} else {
				t.headWarnings = append(t.headWarnings, Warning{line, UnknownUnit, fmt.Sprintf("the unit %.40q of column %.40q is not known", c.UnitAsWritten, h)})
			}
		}
		t.channelOf[i] = len(t.channels)
		t.channels = append(t.channels, c)
	}
	if len(t.channels) == 0 || len(t.channels) > MaxChannels {
		return fmt.Errorf("%w: the header has %d columns of figures, must have 1 to %d", ErrHeader, len(t.channels), MaxChannels)
	}
	return nil
}

// decode fills row from its line.
func (t *table) decode(r *Reader, row *Row, ln line) {
	text := ln.text()
	switch {
	case ln.piece:
		r.warn(row, LongLine, "the line is over %d bytes; this is a piece of it", MaxLine)
		return
	case strings.TrimSpace(text) == "":
		r.warn(row, BlankLine, "the line is blank")
		return
	case text == t.header:
		r.warn(row, HeaderRepeated, "the header line again: the instrument or its program was restarted")
		return
	case !clean(text):
		r.warn(row, BadBytes, "the line is not UTF-8 text or has control characters")
		return
	case text[0] == '#':
		r.warn(row, CommentLine, "a comment line")
		return
	}
	row.Values = make([]Value, len(t.channels))
	cells, err := split(text, t.delim)
	if err != nil {
		cells = nil
	}
	whole := t.fits(r, row, cells)
	if t.time >= 0 && t.time < len(cells) {
		t.readTime(r, row, cells)
	}
	if !whole {
		for i := range row.Values {
			row.Values[i].Reason = RowShape
		}
		return
	}
	t.readValues(r, row, cells)
	t.readPosition(r, row, cells)
}

// fits reports whether the row has the header's cells; further cells count
// only when something is in them.
func (t *table) fits(r *Reader, row *Row, cells []string) bool {
	if len(cells) < t.cells {
		r.warn(row, ShortRow, "%d of %d cells: no figure is taken from the row", len(cells), t.cells)
		return false
	}
	for _, c := range cells[t.cells:] {
		if strings.TrimSpace(c) != "" {
			r.warn(row, LongRow, "%d cells where the header has %d: no figure is taken from the row", len(cells), t.cells)
			return false
		}
	}
	return true
}

func (t *table) readValues(r *Reader, row *Row, cells []string) {
	for i, n := range t.channelOf {
		if n < 0 {
			continue
		}
		if t.channels[n].Label {
			row.Values[n] = Value{State: Label, Text: cells[i]}
			continue
		}
		v := readNumber(cells[i], t.comma, t.missing)
		if v.Reason == NotANumber {
			r.warn(row, BadValue, "%.40s is %.40q, not a decimal number", t.channels[n].Name, cells[i])
		}
		row.Values[n] = v
	}
}

func (t *table) readPosition(r *Reader, row *Row, cells []string) {
	if t.lat < 0 || t.lon < 0 {
		return
	}
	p, how := position(readNumber(cells[t.lat], t.comma, t.missing), readNumber(cells[t.lon], t.comma, t.missing))
	switch how {
	case fixZero:
		r.warnOnce(row, NoPosition, "latitude and longitude are 0: the instrument had no position")
	case fixBad:
		r.warn(row, BadPosition, "latitude %.40q and longitude %.40q are no position", cells[t.lat], cells[t.lon])
	}
	row.Position = p
}

func (t *table) readTime(r *Reader, row *Row, cells []string) {
	text := strings.TrimSpace(cells[t.time])
	at, res, zoned, ok := t.clock.read(text)
	if !ok {
		r.warn(row, BadTime, "the time %.40q cannot be read", text)
		return
	}
	row.Time = Time{At: at, Text: text, Resolution: res}
	switch {
	case zoned:
		row.Time.Zone = ZoneValue
		if t.headerUTC && offsetOf(at) != 0 {
			r.warnOnce(row, ZoneConflict, "the header says UTC, the value %.40q carries another offset; the value counts", text)
		}
	case t.local >= 0 && t.local < len(cells):
		t.pairTime(r, row, cells[t.local])
	case t.zone != nil:
		row.Time.At, row.Time.Zone = in(at, t.zone), t.zoneFrom
	default:
		row.Time.Zone = ZoneNone
		r.warnOnce(row, NoZone, "neither the values nor the header state a zone; the caller has to")
	}
	if row.Time.Resolution >= time.Minute {
		r.warnOnce(row, MinuteTimes, "times are cut to the minute; the order of rows within a minute is that of the file")
	}
	if off := offsetOf(row.Time.At); row.Time.Zone != ZoneNone {
		if t.hadZone && off != t.lastOffset {
			r.warn(row, ZoneChanged, "the offset changes from %s to %s", offsetText(t.lastOffset), offsetText(off))
		}
		t.hadZone, t.lastOffset = true, off
	}
}

// pairTime gives a UTC time the offset that the local time beside it shows.
func (t *table) pairTime(r *Reader, row *Row, localText string) {
	row.Time.Zone = ZoneHeader
	local, _, zoned, ok := t.localClock.read(strings.TrimSpace(localText))
	if !ok || zoned {
		r.warn(row, BadTime, "the local time %.40q cannot be read; UTC counts", localText)
		return
	}
	off := local.Sub(row.Time.At)
	seconds := int(off / time.Second)
	if off%(zoneStep*time.Second) != 0 || seconds > maxOffset || seconds < -maxOffset {
		r.warn(row, ZoneMismatch, "UTC %.40q and local %.40q differ by no possible offset; UTC counts", row.Time.Text, localText)
		return
	}
	row.Time.At, row.Time.Zone = row.Time.At.In(time.FixedZone("", seconds)), ZonePair
	if t.statedZone != "" && t.statedZone != "GMT"+offsetDigits(seconds) {
		r.warnOnce(row, ZoneConflict, "the preamble says %s, the times differ by %s; the times count", t.statedZone, offsetText(seconds))
	}
}

func offsetDigits(seconds int) string {
	return time.Unix(0, 0).In(time.FixedZone("", seconds)).Format("-0700")
}

func offsetText(seconds int) string {
	return time.Unix(0, 0).In(time.FixedZone("", seconds)).Format("-07:00")
}

// clean reports whether text is UTF-8 without control characters but tab.
func clean(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return utf8.ValidString(text)
}
