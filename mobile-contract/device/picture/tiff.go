package picture

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxEntries bounds the tags of one directory; cameras write under 100.
	maxEntries = 512
	// maxText bounds a text tag in bytes; the longest wanted one is a model name.
	maxText = 256
)

// The tag types of TIFF that are read.
const (
	typeByte      = 1
	typeASCII     = 2
	typeShort     = 3
	typeLong      = 4
	typeRational  = 5
	typeUndefined = 7
	typeSRational = 10
)

var typeSize = map[uint16]uint64{typeByte: 1, typeASCII: 1, typeShort: 2, typeLong: 4, typeRational: 8, 6: 1, typeUndefined: 1, 8: 2, 9: 4, typeSRational: 8, 11: 4, 12: 8}

// entry is one tag: its value lies in raw, which is within the block.
type entry struct {
	kind  uint16
	count uint64
	raw   []byte
}

// block is an EXIF block: a small TIFF file.
type block struct {
	b     []byte
	order binary.ByteOrder
	p     *Picture
}

// directory maps tag numbers to entries; the first of a number counts.
type directory map[uint16]entry

// openBlock reads the header and returns the place of the first directory.
func openBlock(b []byte, p *Picture) (*block, uint32, bool) {
	if len(b) < 8 {
		p.problem(BadExif, "the EXIF block has %d bytes", len(b))
		return nil, 0, false
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		p.problem(BadExif, "the EXIF block starts with %q, not with a byte order", b[:4])
		return nil, 0, false
	}
	return &block{b: b, order: order, p: p}, order.Uint32(b[4:]), true
}

// directory reads the tags of one directory and the place of the next. Tags
// that do not lie within the block are left out and said so.
func (x *block) directory(name string, at uint32) (directory, uint32) {
	d := directory{}
	if uint64(at)+2 > uint64(len(x.b)) {
		x.p.problem(BadExif, "the directory %s lies outside the EXIF block", name)
		return d, 0
	}
	n := int(x.order.Uint16(x.b[at:]))
	if n > maxEntries {
		x.p.problem(BadExif, "the directory %s claims %d tags; the first %d are read", name, n, maxEntries)
		n = maxEntries
	}
	pos := uint64(at) + 2
	for range n {
		if pos+12 > uint64(len(x.b)) {
			x.p.problem(BadExif, "the directory %s is cut off", name)
			return d, 0
		}
		x.entry(d, name, x.b[pos:pos+12])
		pos += 12
	}
	if pos+4 > uint64(len(x.b)) {
		return d, 0 // no place for the next directory: common with hand-made blocks
	}
	return d, x.order.Uint32(x.b[pos:])
}

func (x *block) entry(d directory, name string, e []byte) {
	tag, kind, count := x.order.Uint16(e), x.order.Uint16(e[2:]), uint64(x.order.Uint32(e[4:]))
	size, known := typeSize[kind]
	if _, twice := d[tag]; twice || !known {
		if _, want := wanted[tag]; want || twice {
			x.p.problem(BadTag, "the tag %#04x of %s is given twice or has type %d", tag, name, kind)
		}
		return
	}
	raw := e[8:12]
	if size*count > 4 {
		at := uint64(x.order.Uint32(e[8:]))
		if at+size*count > uint64(len(x.b)) {
			if _, want := wanted[tag]; want {
				x.p.problem(BadTag, "the value of tag %#04x of %s lies outside the EXIF block", tag, name)
			}
			return
		}
		raw = x.b[at : at+size*count]
	}
	d[tag] = entry{kind, count, raw[:size*count]}
}

// number reads a tag of one SHORT or LONG; false when absent or of another form.
func (x *block) number(d directory, tag uint16) (int64, bool) {
	e, ok := d[tag]
	if !ok {
		return 0, false
	}
	switch {
	case e.count == 1 && e.kind == typeShort:
		return int64(x.order.Uint16(e.raw)), true
	case e.count == 1 && e.kind == typeLong:
		return int64(x.order.Uint32(e.raw)), true
	case e.count == 1 && e.kind == typeByte:
		return int64(e.raw[0]), true
	}
	x.p.problem(BadTag, "the tag %#04x has type %d and count %d, not one number", tag, e.kind, e.count)
	return 0, false
}

// rats reads a tag of n fractions; any number when n is 0.
func (x *block) rats(d directory, tag uint16, n uint64) []Rat {
	e, ok := d[tag]
	if !ok {
		return nil
	}
	if e.kind != typeRational && e.kind != typeSRational || n > 0 && e.count != n || e.count == 0 {
		x.p.problem(BadTag, "the tag %#04x has type %d and count %d, not %d fractions", tag, e.kind, e.count, n)
		return nil
	}
	var out []Rat
	for i := uint64(0); i < e.count && i < 16; i++ {
		num, den := x.order.Uint32(e.raw[8*i:]), x.order.Uint32(e.raw[8*i+4:])
		if e.kind == typeSRational {
			out = append(out, Rat{int64(int32(num)), int64(int32(den))})
		} else {
			out = append(out, Rat{int64(num), int64(den)})
		}
	}
	return out
}

// text reads a tag of ASCII, without its closing zero and trailing blanks.
// Writers use UTF-8 too; what is neither is shown with replacement marks.
func (x *block) text(d directory, tag uint16) string {
	e, ok := d[tag]
	if !ok {
		return ""
	}
	if e.kind != typeASCII && e.kind != typeUndefined && e.kind != typeByte {
		x.p.problem(BadTag, "the tag %#04x has type %d, not text", tag, e.kind)
		return ""
	}
	raw, _, _ := strings.Cut(string(e.raw), "\x00")
	return x.clean(fmt.Sprintf("tag %#04x", tag), raw)
}

// clean makes a text that can be shown and stored.
func (x *block) clean(what, s string) string {
	s = strings.TrimRight(s, " \x00")
	bad := len(s) > maxText || !utf8.ValidString(s)
	if len(s) > maxText {
		s = s[:maxText]
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			bad = true
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if bad {
		x.p.problem(BadText, "the text of %s is over-long, not UTF-8 or has control characters", what)
	}
	return s
}
