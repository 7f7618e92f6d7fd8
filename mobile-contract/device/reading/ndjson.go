package reading

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"fieldseal/sync/unit"
)

// ndjsonFormat is the format member of the description line.
const ndjsonFormat = "fieldseal-readings/1"

// description is the optional first line of an ndjson series.
type description struct {
	Format     string `json:"format"`
	Instrument struct {
		Make     string `json:"make"`
		Model    string `json:"model"`
		Serial   string `json:"serial"`
		Firmware string `json:"firmware"`
	} `json:"instrument"`
	Channels []struct {
		Name     string `json:"name"`
		Quantity string `json:"quantity"`
		Unit     string `json:"unit"`
	} `json:"channels"`
	PeriodMS    int64 `json:"period_ms"`
	AveragingMS int64 `json:"averaging_ms"`
}

// ndjson reads the readings of an ndjson series.
type ndjson struct {
	index   map[string]int
	ahead   *line // the first line, when it was no description
	clock   *clock
	grow    bool // channels come from the first reading
	hadZone bool
	lastOff int
}

// reading is one line; figures keep their text.
type reading struct {
	time     string
	names    []string
	values   []string
	isNull   []bool
	lat, lon string
	unknown  []string
}

// openNDJSON reads the description, if ln is one.
func (r *Reader) openNDJSON(ln line) error {
	s := &ndjson{index: map[string]int{}, clock: &clock{layouts: isoLayouts}}
	r.src = s
	for _, c := range r.opts.Channels {
		s.add(r, c)
	}
	if !strings.Contains(ln.text(), `"format"`) {
		s.ahead = &ln
		s.grow = len(r.opts.Channels) == 0
		return nil
	}
	r.series.Preamble = ln.raw
	var d description
	if err := json.Unmarshal([]byte(ln.text()), &d, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: the description line: %w", ErrHeader, err)
	}
	if d.Format != ndjsonFormat {
		return fmt.Errorf("%w: the format is %.60q, this software reads %q", ErrHeader, d.Format, ndjsonFormat)
	}
	if len(d.Channels) == 0 || len(d.Channels) > MaxChannels || d.PeriodMS < 0 || d.AveragingMS < 0 {
		return fmt.Errorf("%w: a series has 1 to %d channels and no negative periods", ErrHeader, MaxChannels)
	}
	r.series.Instrument = Instrument(d.Instrument)
	r.series.PeriodMS, r.series.AveragingMS = d.PeriodMS, d.AveragingMS
	for _, c := range d.Channels {
		if _, twice := s.index[c.Name]; c.Name == "" || twice && len(r.opts.Channels) == 0 {
			return fmt.Errorf("%w: a channel without a name or named twice: %.60q", ErrHeader, c.Name)
		}
		if len(r.opts.Channels) > 0 {
			continue
		}
		ch := Channel{Name: c.Name, Quantity: c.Quantity, UnitAsWritten: c.Unit}
		if u, ok := unit.Parse(c.Unit); ok {
			ch.Unit = u.Code
		} else if c.Unit != "" {
			r.counts[UnknownUnit]++
			r.series.Warnings = append(r.series.Warnings, Warning{ln.n, UnknownUnit, fmt.Sprintf("the unit %.40q of channel %.40q is not known", c.Unit, c.Name)})
		}
		s.add(r, ch)
	}
	return nil
}

func (s *ndjson) add(r *Reader, c Channel) {
	s.index[c.Name] = len(r.series.Channels)
	r.series.Channels = append(r.series.Channels, c)
}

func (s *ndjson) next(r *Reader, row *Row) error {
	var ln line
	if s.ahead != nil {
		ln, s.ahead = *s.ahead, nil
	} else {
		var err error
		if ln, err = r.lines.next(); err != nil {
			return err
		}
	}
	row.Line, row.Offset, row.Raw = ln.n, ln.offset, ln.raw
	s.decode(r, row, ln)
	r.warnOpen(row, ln)
	return nil
}

func (s *ndjson) decode(r *Reader, row *Row, ln line) {
	text := ln.text()
	switch {
	case ln.piece:
		r.warn(row, LongLine, "the line is over %d bytes; this is a piece of it", MaxLine)
		return
	case strings.TrimSpace(text) == "":
		r.warn(row, BlankLine, "the line is blank")
		return
	}
	in, err := readJSON([]byte(text))
	if err != nil {
		r.warn(row, BadLine, "the line is no reading: %v", err)
		return
	}
	if s.grow {
		r.warnOnce(row, NoHeader, "the series was not described; the names of this reading are its channels, without units")
		for _, n := range in.names[:min(len(in.names), MaxChannels)] {
			s.add(r, Channel{Name: n})
		}
		s.grow = false
	}
	row.Values = make([]Value, len(r.series.Channels))
	for i := range row.Values {
		row.Values[i].Reason = NotInRow
	}
	for i, n := range in.names {
		s.value(r, row, n, in.values[i], in.isNull[i])
	}
	for _, n := range in.unknown {
		r.warn(row, UnknownChannel, "the member %.40q is not part of a reading; it stays in the raw line", n)
	}
	s.readTime(r, row, in.time)
	s.readPosition(r, row, in)
}

func (s *ndjson) value(r *Reader, row *Row, name, text string, null bool) {
	n, ok := s.index[name]
	if !ok {
		r.warn(row, UnknownChannel, "%.40q is no channel of the series; its figure stays in the raw line", name)
		return
	}
	if null {
		row.Values[n] = Value{Reason: Sentinel, Text: "null"}
		return
	}
	row.Values[n] = readNumber(text, false, nil)
	if row.Values[n].Reason == NotANumber {
		r.warn(row, BadValue, "%.40s is %.40q, not a decimal number", name, text)
	}
}

func (s *ndjson) readTime(r *Reader, row *Row, text string) {
	at, res, zoned, ok := s.clock.read(text)
	if !ok || !zoned {
		r.warn(row, BadTime, "the time %.40q is not RFC 3339 with an offset", text)
		return
	}
	row.Time = Time{At: at, Text: text, Resolution: res, Zone: ZoneValue}
	if off := offsetOf(at); s.hadZone && off != s.lastOff {
		r.warn(row, ZoneChanged, "the offset changes from %s to %s", offsetText(s.lastOff), offsetText(off))
	}
	s.hadZone, s.lastOff = true, offsetOf(at)
}

func (s *ndjson) readPosition(r *Reader, row *Row, in reading) {
	p, how := position(readNumber(in.lat, false, nil), readNumber(in.lon, false, nil))
	switch how {
	case fixZero:
		r.warnOnce(row, NoPosition, "latitude and longitude are 0: the instrument had no position")
	case fixBad:
		r.warn(row, BadPosition, "latitude %.40q and longitude %.40q are no position", in.lat, in.lon)
	}
	row.Position = p
}

var errReading = errors.New(`not {"time":…,"values":{…}}`)

// readJSON reads one line; duplicate names and trailing bytes are refused.
func readJSON(b []byte) (reading, error) {
	var in reading
	var top map[string]jsontext.Value
	if err := json.Unmarshal(b, &top); err != nil {
		return in, err
	}
	for _, name := range slices.Sorted(maps.Keys(top)) {
		v := top[name]
		var err error
		switch name {
		case "time":
			in.time, err = scalar(v)
		case "lat":
			in.lat, err = scalar(v)
		case "lon":
			in.lon, err = scalar(v)
		case "values":
			err = in.readValues(v)
		default:
			in.unknown = append(in.unknown, name)
		}
		if err != nil {
			return in, err
		}
	}
	if in.time == "" || in.names == nil {
		return in, errReading
	}
	return in, nil
}

// readValues keeps the order of the names as sent.
func (in *reading) readValues(v jsontext.Value) error {
	dec := jsontext.NewDecoder(strings.NewReader(string(v)))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return errReading
	}
	in.names = []string{}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		n := name.String()
		val, err := dec.ReadValue()
		if err != nil {
			return err
		}
		text, err := scalar(val)
		if err != nil {
			return err
		}
		in.names = append(in.names, n)
		in.values = append(in.values, text)
		in.isNull = append(in.isNull, val.Kind() == 'n')
	}
	return nil
}

// scalar is the text of a JSON string or number; "" for null.
func scalar(v jsontext.Value) (string, error) {
	switch v.Kind() {
	case '"':
		var s string
		return s, json.Unmarshal(v, &s)
	case '0':
		return strings.TrimSpace(string(v)), nil
	case 'n':
		return "", nil
	}
	return "", errReading
}
