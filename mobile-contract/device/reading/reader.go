package reading

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
)

var (
	// ErrHeader: no header of the format was found, or it cannot be used. The
	// bytes read so far are in Series.Preamble.
	ErrHeader = errors.New("no usable header")
	// ErrEncoding: the input is UTF-16; export it as UTF-8.
	ErrEncoding = errors.New("input is not UTF-8")
)

// Options say how to read.
type Options struct {
	Format  Format // "" recognises it
	Mapping Mapping
	// Zone is the caller's word for times that state no zone (generic-csv), nil
	// when not known. Rows then say ZoneAssumed.
	Zone *time.Location
	// Channels fixes the channels of hj212 and ndjson beforehand, by name, so
	// that part of a series reads as the whole did.
	Channels []Channel
}

// Reader reads a series row by row, in memory bounded by MaxLine and
// MaxPreamble. Start, if called, comes before Next. A Reader is not safe for
// concurrent use.
type Reader struct {
	in      io.Reader
	opts    Options
	lines   *lines
	src     source
	series  Series
	started bool
	err     error // of Start, for good
	first   *Row  // read ahead by Start
	firstE  error
	counts  map[Code]int64
	rows    int64
	last    Time
}

// source reads rows once the format is known.
type source interface {
	// next fills row (N is set by the Reader); io.EOF after the last.
	next(r *Reader, row *Row) error
}

// NewReader makes a Reader; it reads nothing yet.
func NewReader(in io.Reader, o Options) *Reader {
	return &Reader{in: in, opts: o, counts: map[Code]int64{}}
}

// Start reads up to the first row and returns what is known of the series.
// For hj212, and for ndjson without a description, it waits for the first row
// with figures, since that names the channels. An input without any row is no
// error. On an error, Series.Preamble has the bytes read.
func (r *Reader) Start() (Series, error) {
	if r.started {
		return r.series, r.err
	}
	r.started = true
	if r.err = r.open(); r.err != nil {
		return r.series, r.err
	}
	row, err := r.read()
	if err != nil {
		r.firstE = err
	} else {
		r.first = &row
	}
	return r.series, nil
}

// Series is what is known of the series by now; hj212 may add channels.
func (r *Reader) Series() Series { return r.series }

// Counts is how many rows each code held for so far; codes that are reported
// once are counted for every row.
func (r *Reader) Counts() map[Code]int64 {
	out := make(map[Code]int64, len(r.counts))
	for c, n := range r.counts {
		out[c] = n
	}
	return out
}

// Next returns the next row. After the last it returns io.EOF, or the error of
// the input; bytes read before an error come as rows first.
func (r *Reader) Next() (Row, error) {
	if !r.started {
		if _, err := r.Start(); err != nil {
			return Row{}, err
		}
	}
	if r.err != nil {
		return Row{}, r.err
	}
	if r.first != nil {
		row := *r.first
		r.first = nil
		return row, nil
	}
	if r.firstE != nil {
		return Row{}, r.firstE
	}
	return r.read()
}

func (r *Reader) read() (Row, error) {
	row := Row{N: r.rows + 1}
	if err := r.src.next(r, &row); err != nil {
		r.firstE = err
		return Row{}, err
	}
	r.rows++
	r.follow(&row)
	return row, nil
}

// follow compares a row's time with the row before.
func (r *Reader) follow(row *Row) {
	t := &row.Time
	if t.Text == "" {
		return
	}
	if r.last.Text == t.Text && r.last.At.Equal(t.At) {
		t.Ordinal = r.last.Ordinal + 1
	} else if r.last.Text != "" && t.At.Before(r.last.At) {
		r.warn(row, TimeBackwards, "%.40s is before %.40s of the row before", t.Text, r.last.Text)
	}
	r.last = *t
}

func (r *Reader) warn(row *Row, code Code, format string, args ...any) {
	r.counts[code]++
	row.Warnings = append(row.Warnings, Warning{row.Line, code, fmt.Sprintf(format, args...)})
}

func (r *Reader) warnOnce(row *Row, code Code, format string, args ...any) {
	if r.counts[code] > 0 {
		r.counts[code]++
		return
	}
	r.warn(row, code, format, args...)
}

var hjStart = regexp.MustCompile(`^##\d{4}`)

// open recognises the format, reads preamble and header and sets the source.
func (r *Reader) open() error {
	if r.opts.Format == HJ212 {
		r.series.Format = HJ212
		r.src = newFrames(r.in, r)
		return nil
	}
	r.lines = newLines(r.in)
	var preamble []string
	for {
		ln, err := r.lines.next()
		if err != nil {
			if err == io.EOF {
				return fmt.Errorf("%w: the input ends after %d bytes without one", ErrHeader, len(r.series.Preamble))
			}
			return err
		}
		if ln.offset == 0 {
			if done, err := r.firstLine(ln); done || err != nil {
				return err
			}
		}
		r.series.Preamble = append(r.series.Preamble, ln.raw...)
		text := ln.text()
		if r.opts.Format == "" && hjStart.MatchString(text) {
			before := r.series.Preamble // garbage before the first frame is rows, not preamble
			r.series.Preamble, r.series.Format = nil, HJ212
			r.src = newFrames(io.MultiReader(bytes.NewReader(before), r.lines.r), r)
			return nil
		}
		done, err := r.tryHeaders(preamble, text, ln)
		if done || err != nil {
			return err
		}
		preamble = append(preamble, text)
		if len(preamble) >= MaxPreambleLines || len(r.series.Preamble) >= MaxPreamble {
			return fmt.Errorf("%w in the first %d lines: name the format or the columns", ErrHeader, len(preamble))
		}
	}
}

// firstLine recognises the formats that show in the first bytes.
func (r *Reader) firstLine(ln line) (bool, error) {
	if bytes.HasPrefix(ln.raw, []byte("\xff\xfe")) || bytes.HasPrefix(ln.raw, []byte("\xfe\xff")) {
		r.series.Preamble = ln.raw
		return true, fmt.Errorf("%w: it starts with a UTF-16 mark; export it as UTF-8", ErrEncoding)
	}
	text := ln.text()
	switch {
	case r.opts.Format == NDJSON, r.opts.Format == "" && len(text) > 0 && text[0] == '{':
		r.series.Format = NDJSON
		return true, r.openNDJSON(ln)
	}
	return false, nil
}

func (r *Reader) tryHeaders(preamble []string, text string, ln line) (bool, error) {
	for _, f := range []struct {
		format Format
		try    header
	}{{SPod, spodHeader}, {Retigo, retigoHeader}, {Generic, genericHeader}} {
		if r.opts.Format != "" && r.opts.Format != f.format || !clean(text) {
			continue
		}
		t, err := f.try(preamble, text, ln.n, &r.opts)
		if err != nil {
			return false, err
		}
		if t != nil {
			r.useTable(f.format, t)
			return true, nil
		}
	}
	return false, nil
}

func (r *Reader) useTable(f Format, t *table) {
	r.series.Format, r.series.Channels, r.series.Instrument = f, t.channels, t.instrument
	r.series.Zone, r.series.Warnings = t.statedZone, t.headWarnings
	for _, w := range t.headWarnings {
		r.counts[w.Code]++
	}
	r.src = tableSource{t}
}

// tableSource reads the lines of a table.
type tableSource struct{ t *table }

func (s tableSource) next(r *Reader, row *Row) error {
	ln, err := r.lines.next()
	if err != nil {
		return err
	}
	row.Line, row.Offset, row.Raw = ln.n, ln.offset, ln.raw
	s.t.decode(r, row, ln)
	r.warnOpen(row, ln)
	return nil
}

func (r *Reader) warnOpen(row *Row, ln line) {
	if ln.open {
		r.warn(row, NoLineEnd, "the input ends inside this line; its last figure may be cut")
	}
}

// Replay reads the raw bytes of a segment again, as a verifier does: preamble
// is the Series.Preamble of the whole. For hj212, and for ndjson without a
// description, o.Channels has to name the channels of the series. Row numbers,
// offsets and ordinals count within what is given.
func Replay(preamble, raw []byte, o Options) ([]Row, error) {
	r := NewReader(io.MultiReader(bytes.NewReader(preamble), bytes.NewReader(raw)), o)
	var rows []Row
	for {
		row, err := r.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}
