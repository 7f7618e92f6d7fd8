package reading

import (
	"io"
	"time"

	"fieldseal/sync/hj212"
)

// frames reads the frames of HJ 212. A channel is a factor and its suffix
// ("a24088-Rtd"). Figures whose data flag says that they are no measurement
// (fault, maintenance, calibration, stopped, set by hand, line fault) are
// missing with reason Flagged, with their text; T (above range) is a figure
// with Over set.
type frames struct {
	scan   *hj212.Scanner
	index  map[string]int
	chunks int64
	ahead  []hj212.Chunk // read by Start in search of the first figures
	fixed  bool
	sought bool
	err    error
}

// maxAhead bounds the chunks read in search of the first frame with figures.
const maxAhead = 64

func newFrames(in io.Reader, r *Reader) *frames {
	f := &frames{scan: hj212.NewScanner(in), index: map[string]int{}, fixed: len(r.opts.Channels) > 0}
	for _, c := range r.opts.Channels {
		f.index[c.Name] = len(r.series.Channels)
		r.series.Channels = append(r.series.Channels, c)
	}
	return f
}

func (f *frames) next(r *Reader, row *Row) error {
	if !f.sought && !f.fixed {
		f.seek(r)
	}
	var c hj212.Chunk
	switch {
	case len(f.ahead) > 0:
		c, f.ahead = f.ahead[0], f.ahead[1:]
	case f.err != nil:
		return f.err
	default:
		var err error
		if c, err = f.scan.Next(); err != nil {
			return err
		}
	}
	f.chunks++
	row.Line, row.Offset, row.Raw = f.chunks, c.Offset, c.Raw
	f.decode(r, row, c)
	return nil
}

// seek reads ahead to the first frame with figures, so that the series has
// channels before its first row.
func (f *frames) seek(r *Reader) {
	f.sought = true
	for len(f.ahead) < maxAhead {
		c, err := f.scan.Next()
		if err != nil {
			f.err = err
			return
		}
		f.ahead = append(f.ahead, c)
		if c.Frame != nil && f.learn(r, nil, c.Frame) {
			return
		}
	}
}

// sound reports whether the figures of a frame can be trusted to be what the
// station sent.
func sound(fr *hj212.Frame) bool {
	return !fr.Has(hj212.BadCRC) && !fr.Has(hj212.BadLen)
}

// learn adds the channels of a frame; true when it has figures.
func (f *frames) learn(r *Reader, row *Row, fr *hj212.Frame) bool {
	has := false
	for _, it := range fr.Items {
		if !it.Measured() || !sound(fr) {
			continue
		}
		has = true
		if _, ok := f.index[it.Name]; ok || f.fixed {
			continue
		}
		if len(r.series.Channels) >= MaxChannels {
			r.counts[TooManyCodes]++
			continue
		}
		if row != nil {
			r.warn(row, NewChannel, "the factor %.40q appears for the first time; start a new series to sum it up", it.Name)
		}
		f.index[it.Name] = len(r.series.Channels)
		r.series.Channels = append(r.series.Channels, hjChannel(it))
	}
	return has
}

// hjChannel takes the unit from the factor table; -Cou sums have the unit of
// the emission, which the table does not give.
func hjChannel(it hj212.Item) Channel {
	c := Channel{Name: it.Name, Quantity: it.Code}
	if fs := hj212.Lookup(it.Code); len(fs) == 1 && it.Suffix != "Cou" {
		c.Unit, c.UnitAsWritten = fs[0].Unit, fs[0].UnitZH
	}
	return c
}

func (f *frames) decode(r *Reader, row *Row, c hj212.Chunk) {
	if c.Frame == nil {
		r.warn(row, NotAFrame, "%d bytes that are no frame: %s", len(c.Raw), c.Reason)
		return
	}
	fr := c.Frame
	for _, p := range fr.Problems {
		r.warn(row, Code(p.Code), "%s", p.Text)
	}
	f.time(row, fr)
	has := f.learn(r, row, fr)
	if !has && sound(fr) {
		r.warn(row, NotData, "a frame without figures (CN %.10s)", fr.CN)
		return
	}
	row.Values = make([]Value, len(r.series.Channels))
	for i := range row.Values {
		row.Values[i].Reason = NotInRow
	}
	if !sound(fr) {
		r.warn(row, FrameCheck, "length or check is wrong: no figure is taken from the frame")
		for i := range row.Values {
			row.Values[i].Reason = BadFrame
		}
	}
	flags := map[string]string{}
	for _, it := range fr.Items {
		if it.Suffix == "Flag" {
			flags[it.Code] = it.Value
		}
	}
	for _, it := range fr.Items {
		if !it.Measured() {
			continue
		}
		n, known := f.index[it.Name]
		if !known {
			r.warn(row, UnknownChannel, "%.40q is no channel of the series; its figure stays in the raw frame", it.Name)
			continue
		}
		row.Values[n] = hjValue(it, flags[it.Code], sound(fr))
	}
}

func hjValue(it hj212.Item, flag string, sound bool) Value {
	v := readNumber(it.Value, false, nil)
	v.Flag, v.Over = flag, v.Over || flag == "T"
	switch flag {
	case "D", "M", "C", "F", "S", "B":
		v = Value{Text: v.Text, Flag: flag, Reason: Flagged}
	}
	if !sound {
		v = Value{Text: v.Text, Flag: flag, Reason: BadFrame}
	}
	return v
}

// time takes DataTime, else QN.
func (f *frames) time(row *Row, fr *hj212.Frame) {
	if at, ok := fr.DataTime(); ok {
		it, _ := fr.Item("DataTime")
		row.Time = Time{At: at, Text: it.Value, Resolution: time.Second, Zone: ZoneAssumed}
		return
	}
	if at, ok := fr.Time(); ok {
		row.Time = Time{At: at, Text: fr.QN, Resolution: time.Millisecond, Zone: ZoneAssumed}
	}
}
