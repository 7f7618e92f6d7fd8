package custody

import (
	"fieldseal/sync/event"
	"fieldseal/sync/hj212"
)

// ReadingScale is the number of decimal places of Value.N: a reading in units of 1e-9.
const ReadingScale = cellScale

// Readings reads the raw bytes of a series' segments for showing them, by the
// same code that judges them. It is not safe for concurrent use.
type Readings struct {
	r       *rowReader
	reading Reading
}

// Reading is one record of a series: a line, or an HJ 212 frame.
type Reading struct {
	// At is the record's own time in Unix milliseconds; meaningful where Timed. Zoned says
	// that it is an instant, otherwise it is a clock of unknown zone read as UTC.
	At           int64
	Timed, Zoned bool
	// Figures says that the record carries readings; a blank line does not.
	Figures bool
	// Command is the command number of an HJ 212 frame ("2011": real-time data), empty otherwise.
	Command string
	// Broken says that the record's figures cannot be told to be what was sent: a frame
	// whose checksum or length is wrong, or bytes that are no frame.
	Broken bool
	// Values has one entry for each channel.
	Values []Value
}

// ValueState says what a reading comes to.
type ValueState uint8

// The states of a reading: a figure; nothing; something that is no number, or that
// the station flags as no measurement; a number too wide to be drawn.
const (
	ValueFigure ValueState = iota
	ValueMissing
	ValueFault
	ValueWide
)

// Value is what a record says of one channel.
type Value struct {
	State ValueState
	// N is the figure in units of 1e-9, Scale the number of places that were written.
	N     int64
	Scale uint8
	// Over says that the source itself calls the reading above range.
	Over bool
	// Flag is the HJ 212 data flag, 0 where there is none or it is N (normal).
	Flag byte
}

// NewReadings prepares to read a series. Where it cannot, it is nil and the text says why.
func NewReadings(b *event.AirStarted) (*Readings, Text) {
	r, why := newRowReader(b)
	if r == nil {
		return nil, why
	}
	return &Readings{r: r, reading: Reading{Values: make([]Value, len(r.names))}}, why
}

// Read calls each for every record of a segment's raw bytes. The reading is valid
// during the call only.
func (s *Readings) Read(raw []byte, each func(*Reading)) {
	s.r.read(raw, func(r *row) {
		out := &s.reading
		out.At, out.Timed, out.Zoned, out.Figures = r.at, r.timed, r.zoned, r.figures
		out.Command, out.Broken = "", false
		if s.r.format == "hj212" {
			out.Broken = r.frame == nil || !sound(r.frame)
			if r.frame != nil {
				out.Command = r.frame.CN
			}
		}
		for i := range out.Values {
			out.Values[i] = Value{State: ValueMissing}
			if r.figures {
				out.Values[i] = valueOf(r.cells[i])
			}
		}
		if r.figures && s.r.format == "hj212" && !out.Broken {
			s.flags(r.frame)
		}
		each(out)
	})
}

// flags enters the data flags of a frame, which stand beside the figures.
func (s *Readings) flags(f *hj212.Frame) {
	for i, name := range s.r.names {
		it, ok := f.Item(name)
		if !ok {
			continue
		}
		flag, ok := f.Item(it.Code + "-Flag")
		if !ok || len(flag.Value) != 1 || flag.Value == "N" {
			continue
		}
		v := &s.reading.Values[i]
		if v.Flag = flag.Value[0]; v.State == ValueMissing {
			v.State = ValueFault
		}
	}
}

func valueOf(c cell) Value {
	v := Value{N: c.v, Scale: c.scale, Over: c.over}
	switch c.state {
	case cellEmpty:
		v.State = ValueMissing
	case cellText:
		v.State = ValueFault
	case cellWide:
		v.State = ValueWide
	}
	return v
}

// TickMS is the resolution of the times as written so far, in milliseconds.
func (s *Readings) TickMS() int64 { return s.r.tickMS }
