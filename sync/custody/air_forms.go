package custody

import (
	"bytes"
	"encoding/csv"

	"fieldseal/sync/hj212"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// splitCells cuts a line at its delimiters; quotes work as in RFC 4180. ok is
// false where they do not close. Cells of a line without quotes alias it.
func splitCells(line []byte, delim byte, cells [][]byte) (_ [][]byte, ok bool) {
	if bytes.IndexByte(line, '"') >= 0 {
		c := csv.NewReader(bytes.NewReader(line))
		c.Comma, c.FieldsPerRecord = rune(delim), -1
		record, err := c.Read()
		for _, text := range record {
			cells = append(cells, []byte(text))
		}
		return cells, err == nil
	}
	for {
		i := bytes.IndexByte(line, delim)
		if i < 0 {
			return append(cells, line), true
		}
		cells, line = append(cells, line[:i]), line[i+1:]
	}
}

// readObject reads a record of the live protocol:
//
//	{"time":"2026-05-01T09:30:00.250+08:00","values":{"pid":12.50},"lat":…,"lon":…}
//
// Readings are numbers or texts of numbers; null is a reading that is missing.
func (r *rowReader) readObject(line []byte) {
	var top struct {
		Time   jsontext.Value            `json:"time"`
		Values map[string]jsontext.Value `json:"values"`
		Lat    jsontext.Value            `json:"lat"`
		Lon    jsontext.Value            `json:"lon"`
		Rest   jsontext.Value            `json:",unknown"`
	}
	if json.Unmarshal(line, &top) != nil || top.Values == nil {
		return
	}
	at, ok := scalarText(top.Time)
	if !ok || len(at) == 0 {
		return
	}
	for _, v := range []jsontext.Value{top.Lat, top.Lon} {
		if _, ok := scalarText(v); len(v) > 0 && !ok {
			return
		}
	}
	for _, v := range top.Values {
		if _, ok := scalarText(v); !ok {
			return
		}
	}
	r.row.figures = true
	r.setTime(at)
	r.row.timed = r.row.timed && r.stamp.hasOffset
	for i, name := range r.names {
		r.row.cells[i] = cell{state: cellEmpty}
		if v, ok := top.Values[name]; ok {
			text, _ := scalarText(v)
			r.row.cells[i] = parseCell(bytes.TrimSpace(text))
		}
	}
}

// scalarText is the text of a JSON string or number; empty for null.
func scalarText(v jsontext.Value) ([]byte, bool) {
	switch v.Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(nil, v)
		return text, err == nil
	case '0':
		return bytes.TrimSpace(v), true
	case 'n':
		return nil, true
	}
	return nil, false
}

// notMeasured are the data flags of HJ 212 whose figures are no measurement:
// fault, maintenance, calibration, stopped, set by hand, line fault.
const notMeasured = "DMCFSB"

// readFrames reads a record from each chunk of a stream of HJ 212 frames.
func (r *rowReader) readFrames(raw []byte, each func(*row)) {
	s := hj212.NewScanner(bytes.NewReader(raw))
	for {
		chunk, err := s.Next()
		if err != nil {
			return
		}
		r.row.frame, r.row.reason = chunk.Frame, chunk.Reason
		r.row.figures, r.row.timed, r.row.zoned = false, false, true
		if chunk.Frame != nil {
			r.readFrame(chunk.Frame)
		}
		each(&r.row)
	}
}

func (r *rowReader) readFrame(f *hj212.Frame) {
	r.tickMS = 1000
	if t, ok := f.DataTime(); ok {
		r.row.at, r.row.timed = t.UnixMilli(), true
	} else if t, ok := f.Time(); ok {
		r.row.at, r.row.timed = t.UnixMilli(), true
	}
	for i := range r.row.cells {
		r.row.cells[i] = cell{state: cellEmpty}
	}
	if !sound(f) {
		r.row.figures = true
		return
	}
	flags := map[string]string{}
	for _, it := range f.Items {
		if it.Suffix == "Flag" {
			flags[it.Code] = it.Value
		}
	}
	for _, it := range f.Items {
		if !it.Measured() {
			continue
		}
		r.row.figures = true
		for i, name := range r.names {
			if name == it.Name {
				r.row.cells[i] = frameCell(it.Value, flags[it.Code])
			}
		}
	}
}

// sound reports whether a frame's figures can be trusted to be what the station sent.
func sound(f *hj212.Frame) bool { return !f.Has(hj212.BadCRC) && !f.Has(hj212.BadLen) }

func frameCell(value, flag string) cell {
	if len(flag) == 1 && bytes.IndexByte([]byte(notMeasured), flag[0]) >= 0 {
		return cell{state: cellEmpty}
	}
	c := parseCell(bytes.TrimSpace([]byte(value)))
	c.over = c.over || flag == "T"
	return c
}
