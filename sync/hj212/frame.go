package hj212

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxData is the longest data part the standard allows.
	MaxData = 1024
	// MaxDeclared is the longest data part that four digits can declare;
	// over-long frames up to here are read and flagged.
	MaxDeclared = 9999
	// MaxFrame bounds the bytes of one frame: "##", length, data, check, CRLF.
	MaxFrame = 2 + 4 + MaxDeclared + 4 + 2
)

// Field is one name=value of the head of the data part.
type Field struct {
	Name, Value string
}

// Frame is one frame as received.
type Frame struct {
	Raw         []byte // exact bytes, terminator included
	Data        []byte // the data part, within Raw
	DeclaredLen int    // -1 when unreadable
	CRCGiven    string // as sent, "" when absent
	CRCComputed uint16 // by the standard, over Data

	Fields []Field // the head in order of sending, without CP
	Items  []Item  // the CP area in order of sending

	QN, ST, CN, MN string // "" when absent
	Flag           Flag   // meaningful when HasFlag
	HasFlag        bool
	PNUM, PNO      int // packets in all and number of this one; 0 when absent

	Problems []Problem
	defects  int
}

// Parse reads exactly one frame and refuses any defect with a *FrameError.
func Parse(raw []byte) (Frame, error) {
	f, ok := Inspect(raw)
	if !ok {
		return f, fmt.Errorf("not an HJ 212 frame: it does not start with ## or is over %d bytes", MaxFrame)
	}
	if f.defects > 0 {
		return f, &FrameError{Frame: f}
	}
	return f, nil
}

// Inspect reads one frame as far as it can and lists what is wrong. It is
// false only when raw cannot be a frame at all: no "##" at the start, or over
// MaxFrame bytes. The frame keeps raw; it is not copied.
func Inspect(raw []byte) (Frame, bool) {
	if len(raw) > MaxFrame || !bytes.HasPrefix(raw, []byte("##")) {
		return Frame{Raw: raw, DeclaredLen: -1}, false
	}
	f := Frame{Raw: raw, DeclaredLen: -1}
	crc := f.cut(f.cutTerminator())
	f.checkCRC(crc)
	if len(f.Data) > MaxData {
		f.add(Overlong, "len", "the data part has %d bytes, the standard allows %d", len(f.Data), MaxData)
	}
	if i := bytes.IndexFunc(f.Data, func(r rune) bool { return r < ' ' || r == 0x7F }); i >= 0 {
		f.add(ControlCharacter, "data", "control character %#02x at byte %d of the data", f.Data[i], i)
	}
	f.readData()
	return f, true
}

// cutTerminator returns what stands between "##" and the terminator.
func (f *Frame) cutTerminator() []byte {
	body := f.Raw[2:]
	switch {
	case bytes.HasSuffix(body, []byte("\r\n")):
		return body[:len(body)-2]
	case bytes.HasSuffix(body, []byte("\n")), bytes.HasSuffix(body, []byte("\r")):
		f.add(BadTerminator, "end", "the frame ends with %q, not CR LF", body[len(body)-1:])
		return body[:len(body)-1]
	}
	f.add(MissingTerminator, "end", "the frame does not end with CR LF")
	return body
}

// cut sets DeclaredLen and Data and returns the check field of a frame body.
func (f *Frame) cut(body []byte) string {
	n, ok := declared(body)
	if !ok {
		f.DeclaredLen = -1
		f.add(BadLen, "len", "the length field %q is not four digits", body[:min(4, len(body))])
	} else {
		f.DeclaredLen = n
		if tail := body[min(4+n, len(body)):]; len(tail) > 0 && len(tail) <= 4 && isHex(tail) {
			v, _ := strconv.ParseUint(string(tail), 16, 16)
			if len(tail) == 4 || uint16(v) == CRC(body[4:4+n]) {
				f.Data = body[4 : 4+n]
				return string(tail)
			}
		}
	}
	data := body[min(headLen(body), len(body)):]
	crc := trailingCRC(data)
	f.Data = data[:len(data)-len(crc)]
	if ok && n != len(f.Data) {
		f.add(BadLen, "len", "the frame declares %d bytes of data and carries %d", n, len(f.Data))
	}
	return crc
}

// declared reads the four digits of the length field.
func declared(body []byte) (int, bool) {
	if len(body) < 4 {
		return 0, false
	}
	n := 0
	for _, c := range body[:4] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// headLen is where the data starts in a body whose length field is of no
// use: at the first field if one is near, else after four bytes.
func headLen(body []byte) int {
	const near = 8 // a length field of up to six characters before "QN="
	for i := 0; i <= near && i+3 <= len(body); i++ {
		if s := string(body[i : i+3]); s == "QN=" || s == "ST=" || s == "CN=" {
			return i
		}
	}
	return 4
}

// trailingCRC is what stands for the check field at the end of data whose
// length is unknown: one to four digits after the last "&&", else the last
// four bytes if they are digits.
func trailingCRC(data []byte) string {
	if i := bytes.LastIndex(data, []byte("&&")); i >= 0 {
		if tail := data[i+2:]; len(tail) <= 4 && isHex(tail) {
			return string(tail)
		}
	}
	if len(data) >= 4 && isHex(data[len(data)-4:]) {
		return string(data[len(data)-4:])
	}
	return ""
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

// readData reads the head and the area of Data.
func (f *Frame) readData() {
	head, area, found := strings.Cut(string(f.Data), "CP=&&")
	for part := range strings.SplitSeq(strings.TrimSuffix(head, ";"), ";") {
		if head == "" {
			break
		}
		name, value, ok := strings.Cut(part, "=")
		name, value = f.trim(name), f.trim(value)
		if !ok || name == "" {
			f.add(BadField, name, "the part %.40q of the head is not name=value", part)
			continue
		}
		f.Fields = append(f.Fields, Field{name, value})
	}
	f.readHead()
	if !found {
		f.add(MissingCP, "CP", "there is no CP=&& area")
		return
	}
	closing := strings.LastIndex(area, "&&")
	if closing < 0 {
		f.add(UnclosedCP, "CP", "the CP area does not end with &&")
		closing = len(area)
	} else if closing+2 < len(area) {
		f.add(TrailingData, "CP", "%d bytes follow the closing && of the CP area", len(area)-closing-2)
	}
	f.readItems(area[:closing])
}

// Field returns the first head field of this name.
func (f *Frame) Field(name string) (string, bool) {
	for _, x := range f.Fields {
		if x.Name == name {
			return x.Value, true
		}
	}
	return "", false
}

func (f *Frame) readHead() {
	seen := map[string]bool{}
	for _, x := range f.Fields {
		if seen[x.Name] {
			f.add(DuplicateField, x.Name, "the field %.40q is given twice; the first counts", x.Name)
		}
		seen[x.Name] = true
	}
	for _, w := range []struct {
		name string
		to   *string
		code Code
	}{{"QN", &f.QN, MissingQN}, {"ST", &f.ST, MissingST}, {"CN", &f.CN, MissingCN}, {"PW", nil, MissingPW}, {"MN", &f.MN, MissingMN}} {
		v, ok := f.Field(w.name)
		if !ok || v == "" {
			f.add(w.code, w.name, "the field %s is absent or empty", w.name)
		}
		if w.to != nil {
			*w.to = v
		}
	}
	if f.QN != "" {
		if _, err := ParseTime(f.QN); err != nil || len(f.QN) != qnDigits {
			f.add(BadQN, "QN", "QN is %.40q, not YYYYMMDDhhmmsszzz", f.QN)
		}
	}
	if f.MN != "" && (len(f.MN) != 24 || !isHex([]byte(f.MN))) {
		f.add(MNFormat, "MN", "MN is %.40q, not 24 hexadecimal digits", f.MN)
	}
	f.readFlag()
}

func (f *Frame) readFlag() {
	text, ok := f.Field("Flag")
	if !ok {
		f.add(MissingFlag, "Flag", "the field Flag is absent")
	} else if v, err := strconv.ParseUint(text, 10, 8); err != nil {
		f.add(BadFlag, "Flag", "Flag is %.40q, not 0 to 255", text)
	} else {
		f.Flag, f.HasFlag = Flag(v), true
	}
	num, hasNum := f.Field("PNUM")
	no, hasNo := f.Field("PNO")
	if !hasNum && !hasNo {
		if f.HasFlag && f.Flag.Split() {
			f.add(BadPacketNumber, "PNUM", "Flag promises packet numbers, but PNUM and PNO are absent")
		}
		return
	}
	a, errA := strconv.ParseUint(num, 10, 14)
	b, errB := strconv.ParseUint(no, 10, 14)
	if errA != nil || errB != nil || b < 1 || b > a || a > maxPackets {
		f.add(BadPacketNumber, "PNUM", "PNUM %.20q and PNO %.20q are not a packet number of 1 to %d", num, no, maxPackets)
		return
	}
	f.PNUM, f.PNO = int(a), int(b)
}

// trim cuts white space, which the standard does not allow, and says so once
// per place.
func (f *Frame) trim(s string) string {
	t := strings.TrimSpace(s)
	if t != s {
		f.add(PaddedField, t, "white space round %.40q", t)
	}
	return t
}

// Time is the instant that QN states, read as China Standard Time.
func (f *Frame) Time() (time.Time, bool) {
	t, err := ParseTime(f.QN)
	return t, err == nil
}
