package reading

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lines cuts a byte stream at LF. A line over MaxLine comes in pieces.
type lines struct {
	r      *bufio.Reader
	n      int64 // lines begun
	offset int64
	inside bool // the next piece continues a line over MaxLine
}

// line is one line or a piece of one.
type line struct {
	raw    []byte // a copy
	n      int64
	offset int64
	piece  bool // part of a line over MaxLine
	open   bool // the input ended before LF
}

func newLines(r io.Reader) *lines {
	return &lines{r: bufio.NewReaderSize(r, MaxLine)}
}

// next returns the next line; with an error of the source, the bytes before it
// come first and the error after.
func (l *lines) next() (line, error) {
	b, err := l.r.ReadSlice('\n')
	if len(b) == 0 {
		return line{}, err
	}
	if !l.inside {
		l.n++
	}
	ln := line{raw: bytes.Clone(b), n: l.n, offset: l.offset, piece: l.inside}
	l.offset += int64(len(b))
	l.inside = false
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		ln.piece, l.inside = true, true
	case err != nil:
		ln.open = true
	}
	return ln, nil
}

// text is the line without its end and without a BOM at the start of the input.
func (l line) text() string {
	b := bytes.TrimSuffix(l.raw, []byte("\n"))
	b = bytes.TrimSuffix(b, []byte("\r"))
	if l.offset == 0 {
		b = bytes.TrimPrefix(b, []byte(bom))
	}
	return string(b)
}

const bom = "\xef\xbb\xbf"
