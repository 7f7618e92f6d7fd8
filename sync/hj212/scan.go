package hj212

import (
	"bytes"
	"errors"
	"io"
)

const (
	// maxGarbage bounds one garbage chunk; more garbage comes as more chunks.
	maxGarbage = 4096
	// scanBuffer holds the longest frame and what a read may bring beyond it.
	scanBuffer = 2*MaxFrame + 4096
	// maxEmptyReads stops a reader that keeps returning nothing and no error.
	maxEmptyReads = 100
)

// Chunk is one piece of the stream. Put together, the Raw of all chunks is
// the stream, byte for byte.
type Chunk struct {
	Offset int64  // of Raw in the stream
	Raw    []byte // a copy; the caller may keep it
	Frame  *Frame // nil for garbage
	Reason string // why it is garbage, "" for a frame
}

// Scanner cuts a byte stream into frames and garbage. How it cuts depends on
// the bytes alone, not on how the reads fall. Memory is bounded by scanBuffer.
//
// A frame ends where its declared length says, if a check field and an end
// are there. Otherwise it ends at the first line end, unless another "##"
// comes before that: then the bytes up to there are the garbage of a frame cut
// off. A frame without any line end is released when the next one begins or
// the stream ends.
//
// A Scanner is not safe for concurrent use.
type Scanner struct {
	r          io.Reader
	buf        []byte
	start, end int
	offset     int64
	err        error
}

// NewScanner reads from r when Next is called.
func NewScanner(r io.Reader) *Scanner {
	return &Scanner{r: r, buf: make([]byte, scanBuffer)}
}

// Next returns the next chunk. After the last one it returns the error that
// ended the stream, io.EOF for a regular end; bytes read before an error are
// handed out first.
func (s *Scanner) Next() (Chunk, error) {
	for {
		b := s.buf[s.start:s.end]
		if n, reason := split(b, s.err != nil); n > 0 {
			return s.take(n, reason), nil
		}
		if s.err != nil {
			return Chunk{}, s.err
		}
		s.fill()
	}
}

func (s *Scanner) take(n int, reason string) Chunk {
	c := Chunk{Offset: s.offset, Raw: bytes.Clone(s.buf[s.start : s.start+n]), Reason: reason}
	s.start += n
	s.offset += int64(n)
	if reason == "" {
		f, _ := Inspect(c.Raw)
		c.Frame = &f
	}
	return c
}

func (s *Scanner) fill() {
	if s.start > 0 {
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.start = 0
	}
	for range maxEmptyReads {
		n, err := s.r.Read(s.buf[s.end:])
		if n < 0 || n > len(s.buf)-s.end {
			s.err = errors.New("hj212: the reader returned an impossible count")
			return
		}
		s.end += n
		if err != nil {
			s.err = err
		}
		if n > 0 || err != nil {
			return
		}
	}
	s.err = io.ErrNoProgress
}

// split returns the length of the chunk that b starts with and, for garbage,
// why it is that. Zero asks for more bytes; it never does so when final.
func split(b []byte, final bool) (int, string) {
	if len(b) == 0 {
		return 0, ""
	}
	switch startsFrame(b, final) {
	case yes:
		return splitFrame(b, final)
	case unknown:
		return 0, ""
	}
	for i := 0; i < len(b); i++ {
		if i > 0 {
			switch startsFrame(b[i:], final) {
			case yes:
				return i, "no frame start"
			case unknown:
				return 0, ""
			}
		}
		if b[i] == '\n' || i+1 == maxGarbage {
			return i + 1, "no frame start"
		}
	}
	if final {
		return len(b), "no frame start"
	}
	return 0, ""
}

type verdict int

const (
	no verdict = iota
	yes
	unknown
)

// startsFrame looks for "##" that is not followed by a third "#".
func startsFrame(b []byte, final bool) verdict {
	switch {
	case b[0] != '#':
		return no
	case len(b) >= 2 && b[1] != '#':
		return no
	case len(b) >= 3 && b[2] == '#':
		return no
	case len(b) >= 3:
		return yes
	case final:
		return no
	}
	return unknown
}

// splitFrame cuts b, which starts with "##".
func splitFrame(b []byte, final bool) (int, string) {
	window := b[:min(len(b), MaxFrame)]
	line := bytes.IndexByte(window, '\n')
	if n, ok := declared(window[2:]); ok {
		end := 6 + n
		if line < 0 || line >= end {
			if end > len(window) {
				if !final && len(b) < MaxFrame {
					return 0, ""
				}
			} else if n, v := frameTail(b, end, final); v == yes {
				return n, ""
			} else if v == unknown {
				return 0, ""
			}
		}
	} else if len(window) < 6 && line < 0 && !final {
		return 0, ""
	}
	return splitByLine(b, window, line, final)
}

// frameTail decides whether b[end:] is a check field and an end, and returns
// the length of the whole frame.
func frameTail(b []byte, end int, final bool) (int, verdict) {
	t := b[end:]
	h := 0
	for h < len(t) && h < 4 && isHex(t[h:h+1]) {
		h++
	}
	rest := t[h:]
	if len(rest) == 0 && !final {
		return 0, unknown
	}
	if h == 0 {
		return 0, no
	}
	switch {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return end + h + 2, yes
	case bytes.HasPrefix(rest, []byte("\n")):
		return end + h + 1, yes
	case len(rest) == 1 && (rest[0] == '\r' || rest[0] == '#') && !final:
		return 0, unknown
	case bytes.HasPrefix(rest, []byte("\r")):
		return end + h + 1, yes
	case len(rest) == 0 || bytes.HasPrefix(rest, []byte("##")):
		return end + h, yes
	}
	return 0, no
}

// splitByLine cuts b where its declared length is of no use.
func splitByLine(b, window []byte, line int, final bool) (int, string) {
	limit := window
	if line >= 0 {
		limit = window[:line]
	}
	for i := 2; i < len(limit); i++ {
		switch startsFrame(limit[i:], line >= 0 || final) {
		case yes:
			return i, cutOff(b[:i], "frame cut off by the next one")
		case unknown:
			if len(b) < MaxFrame {
				return 0, ""
			}
			return i, "frame start without an end"
		}
	}
	switch {
	case line >= 0:
		return line + 1, garbageReason(b[:line+1])
	case len(b) >= MaxFrame:
		return MaxFrame, "frame start without an end"
	case final:
		return len(b), cutOff(b, "frame cut off by the end of the stream")
	}
	return 0, ""
}

// cutOff is "" when b, which has no line end, is a frame all the same: its
// check field matches. Otherwise the reason stands, since the last figure in
// it may have lost digits.
func cutOff(b []byte, reason string) string {
	if f, ok := Inspect(b); ok && !f.Has(BadCRC) {
		return ""
	}
	return reason
}

// garbageReason is "" when a line that starts with "##" says anything a frame
// would say.
func garbageReason(line []byte) string {
	for _, mark := range []string{"CN=", "CP=", "&&"} {
		if bytes.Contains(line, []byte(mark)) {
			return ""
		}
	}
	return "frame start without frame content"
}
