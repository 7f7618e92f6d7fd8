package custody

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fieldseal/sync/event"
	"fieldseal/sync/hj212"
)

// The readings of a series are read here a second time, by code of their own:
// what a segment says of its raw bytes is checked against the bytes and not
// against the program that wrote it.

// maxLine is the longest line that is one record. A longer one was captured in
// pieces of this length, each a row without figures.
const maxLine = 32 << 10

// row is one record of a series as its raw bytes have it: a line, or an HJ 212 frame.
type row struct {
	// figures says that the record carries readings; a blank line does not.
	figures bool
	// at is the record's own time in Unix milliseconds; meaningful when timed.
	// zoned says that it is an instant and not only a clock of unknown zone.
	at           int64
	timed, zoned bool
	// cells has one entry for each channel.
	cells []cell
	// frame is the HJ 212 frame, raw and reason what could not be read as one.
	frame  *hj212.Frame
	reason string
}

// rowReader reads the raw bytes of the segments of one series, in order.
type rowReader struct {
	format string
	names  []string
	// columns holds for each channel its column; width is the number of columns.
	columns []int
	width   int
	header  []byte
	delim   byte
	timeCol int
	utc     bool
	layouts []timeLayout
	// tickMS is the resolution of the times as written.
	tickMS int64
	row    row
	stamp  struct {
		text             string
		at               int64
		timed, hasOffset bool
	}
}

// timeLayout is one way to write a time.
type timeLayout struct {
	form   string
	offset bool
	tickMS int64
}

// Times are read where they cannot be misread: the year first, the month by
// name, or a form whose order the format fixes. Without a zone they are taken
// as one unknown clock: differences are right, instants are not claimed.
var (
	isoTimes = []timeLayout{
		{"2006-01-02T15:04:05Z07:00", true, 1000},
		{"2006-01-02T15:04:05Z0700", true, 1000},
		{"2006-01-02 15:04:05Z07:00", true, 1000},
		{"2006-01-02T15:04Z07:00", true, 60_000},
		{"2006-01-02T15:04:05", false, 1000},
		{"2006-01-02 15:04:05", false, 1000},
		{"2006-01-02 15:04", false, 60_000},
		{"2006-01-02T15:04", false, 60_000},
		{"2006/1/2 15:04:05", false, 1000},
		{"2006/1/2 15:04", false, 60_000},
		{"2-Jan-2006 15:04:05", false, 1000},
		{"2-Jan-2006 15:04", false, 60_000},
		{"20060102150405", false, 1000},
	}
	spodTimes = append([]timeLayout{
		{"1/2/2006 15:04", false, 60_000},
		{"1/2/2006 15:04:05", false, 1000},
		{"1/2/2006 3:04:05 PM", false, 1000},
		{"1/2/2006 3:04 PM", false, 60_000},
	}, isoTimes...)
)

// newRowReader prepares to read a series. Where it cannot, it is nil and the
// text says why.
func newRowReader(b *event.AirStarted) (*rowReader, Text) {
	r := &rowReader{format: b.Format, layouts: isoTimes, timeCol: -1}
	for _, c := range b.Channels {
		r.names = append(r.names, c.Name)
	}
	r.row.cells = make([]cell, len(r.names))
	switch b.Format {
	case "hj212", "ndjson":
		return r, Text{}
	case "spod-csv":
		r.layouts = spodTimes
	case "retigo-csv", "generic-csv":
	default:
		return nil, both("this software does not read the form “"+b.Format+"”", "本软件不能解读格式“"+b.Format+"”")
	}
	if !r.readHeader(b.Preamble) {
		return nil, both("no header line with the names of all channels was sealed with the series", "序列未随附含全部通道名称的表头行")
	}
	return r, Text{}
}

// readHeader finds the columns by the last line of the preamble.
func (r *rowReader) readHeader(preamble []byte) bool {
	text := bytes.TrimPrefix(preamble, []byte("\xef\xbb\xbf"))
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	r.header, r.delim = text, ','
	if r.format == "generic-csv" {
		r.delim = mostOf(text, ",;\t")
	}
	titles, _ := splitCells(text, r.delim, nil)
	r.width = len(titles)
	r.columns = make([]int, len(r.names))
	found := 0
	for i, name := range r.names {
		j := slices.IndexFunc(titles, func(t []byte) bool { return string(bytes.TrimSpace(t)) == name })
		r.columns[i] = j
		if j >= 0 {
			found++
		}
	}
	r.findTime(titles)
	return found == len(r.names)
}

// mostOf is the mark that the line has most of, the first of equals.
func mostOf(line []byte, marks string) byte {
	best := marks[0]
	for i := 1; i < len(marks); i++ {
		if bytes.Count(line, []byte{marks[i]}) > bytes.Count(line, []byte{best}) {
			best = marks[i]
		}
	}
	return best
}

// findTime picks the column of the record's time.
func (r *rowReader) findTime(titles [][]byte) {
	usual := []string{"utcdatetime", "timestamp", "time", "datetime", "时间", "采样时间", "监测时间"}
	for j, title := range titles {
		name, zone, _ := strings.Cut(strings.TrimSpace(string(title)), "(")
		name = strings.ToLower(strings.Map(func(c rune) rune {
			if strings.ContainsRune(" _-./", c) {
				return -1
			}
			return c
		}, name))
		if slices.Contains(usual, name) {
			r.timeCol, r.utc = j, name == "utcdatetime" || strings.HasPrefix(strings.ToUpper(zone), "UTC")
			return
		}
	}
}

// read calls each for every record of raw. The row is valid during the call only.
func (r *rowReader) read(raw []byte, each func(*row)) {
	if r.format == "hj212" {
		r.readFrames(raw, each)
		return
	}
	for len(raw) > 0 {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line = raw[:i+1]
		}
		raw = raw[len(line):]
		r.row.figures, r.row.timed = false, false
		if len(line) > maxLine {
			for ; len(line) > 0; line = line[min(maxLine, len(line)):] {
				each(&r.row)
			}
			continue
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(bytes.TrimSpace(line)) > 0 {
			if r.format == "ndjson" {
				r.readObject(line)
			} else {
				r.readLine(line)
			}
		}
		each(&r.row)
	}
}

func (r *rowReader) readLine(line []byte) {
	if line[0] == '#' || bytes.Equal(line, r.header) || !cleanText(line) {
		return
	}
	var buf [64][]byte
	fields, ok := splitCells(line, r.delim, buf[:0])
	r.row.figures = true
	if r.timeCol >= 0 && r.timeCol < len(fields) {
		r.setTime(bytes.TrimSpace(fields[r.timeCol]))
	}
	whole := ok && len(fields) >= r.width
	for _, f := range fields[min(r.width, len(fields)):] {
		whole = whole && len(bytes.TrimSpace(f)) == 0
	}
	for i, c := range r.columns {
		r.row.cells[i] = cell{state: cellEmpty}
		if whole {
			r.row.cells[i] = parseCell(bytes.TrimSpace(fields[c]))
		}
	}
}

// cleanText reports whether a line is UTF-8 without control characters but tab.
func cleanText(line []byte) bool {
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return utf8.Valid(line)
}

func (r *rowReader) setTime(text []byte) {
	if string(text) != r.stamp.text {
		r.parseTime(string(text))
	}
	r.row.at, r.row.timed = r.stamp.at, r.stamp.timed
	r.row.zoned = r.stamp.hasOffset || r.utc
}

// parseTime reads a time and keeps it: instruments that cut times to the minute
// repeat one text many times over.
func (r *rowReader) parseTime(text string) {
	r.stamp.text, r.stamp.timed = text, false
	for i, l := range r.layouts {
		t, err := time.Parse(l.form, text)
		if err != nil {
			continue
		}
		if i > 0 { // the one that fitted is tried first from here on, in a copy: the lists are shared
			r.layouts = slices.Concat([]timeLayout{l}, r.layouts[:i], r.layouts[i+1:])
		}
		tick := l.tickMS
		if strings.ContainsAny(text, ".") {
			tick = 1
		}
		r.tickMS = max(r.tickMS, tick)
		r.stamp.at, r.stamp.timed, r.stamp.hasOffset = t.UnixMilli(), true, l.offset
		return
	}
}
