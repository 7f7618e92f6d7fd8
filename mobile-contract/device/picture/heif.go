package picture

import (
	"bytes"
	"encoding/binary"
)

const (
	// maxMeta bounds the meta box; that of a phone picture has some 5 kB.
	maxMeta = 1 << 20
	// maxBoxes bounds the boxes of one level.
	maxBoxes = 4096
)

// heif reads size and EXIF of an ISO base media file (ISO/IEC 23008-12): the
// meta box lists items, where each lies, and the sizes. The largest size is
// that of the whole picture; the others are of its tiles and thumbnail.
func (p *Picture) heif(s *source) {
	pos := int64(0)
	for range maxBoxes {
		h, ok := s.at(pos, 8)
		if !ok {
			p.problem(Truncated, "the file has no meta box")
			return
		}
		n, head := int64(binary.BigEndian.Uint32(h)), int64(8)
		if n == 1 {
			l, ok := s.at(pos+8, 8)
			if !ok {
				p.problem(Truncated, "the file has no meta box")
				return
			}
			n, head = int64(binary.BigEndian.Uint64(l)&(1<<62-1)), 16
		}
		if n == 0 {
			n = s.size - pos
		}
		if n < head || n > s.size-pos {
			p.problem(BadStructure, "the box at byte %d has a length of %d", pos, n)
			return
		}
		if string(h[4:]) == "meta" {
			b, ok := s.at(pos+head, n-head)
			if !ok || n > maxMeta || len(b) < 4 {
				p.problem(BadStructure, "the meta box of %d bytes cannot be read", n)
				return
			}
			p.meta(s, b[4:])
			return
		}
		pos += n
	}
	p.problem(BadStructure, "no meta box among %d boxes", maxBoxes)
}

// boxes calls f for each box in b; false when b is no list of boxes.
func boxes(b []byte, f func(kind string, body []byte)) bool {
	for range maxBoxes {
		if len(b) == 0 {
			return true
		}
		if len(b) < 8 {
			return false
		}
		n := uint64(binary.BigEndian.Uint32(b))
		if n < 8 || n > uint64(len(b)) {
			return false
		}
		f(string(b[4:8]), b[8:n])
		b = b[n:]
	}
	return false
}

func (p *Picture) meta(s *source, b []byte) {
	var exifItem uint32
	var found bool
	var iloc []byte
	whole := boxes(b, func(kind string, body []byte) {
		switch kind {
		case "iinf":
			exifItem, found = exifItemOf(body)
		case "iloc":
			iloc = body
		case "iprp":
			boxes(body, func(kind string, body []byte) {
				if kind == "ipco" {
					boxes(body, p.property)
				}
			})
		}
	})
	if !whole {
		p.problem(BadStructure, "the meta box is broken")
	}
	if !found {
		return
	}
	at, n, ok := locate(iloc, exifItem)
	if !ok || n > maxExif {
		p.problem(BadExif, "the EXIF item cannot be found in the file")
		return
	}
	data, ok := s.at(at, n)
	if !ok || len(data) < 4 {
		p.problem(Truncated, "the EXIF item is cut off")
		return
	}
	skip := uint64(binary.BigEndian.Uint32(data))
	if skip > uint64(len(data)-4) {
		p.problem(BadExif, "the EXIF item starts outside itself")
		return
	}
	p.readExif(bytes.TrimPrefix(data[4+skip:], []byte("Exif\x00\x00")))
}

func (p *Picture) property(kind string, body []byte) {
	if kind != "ispe" || len(body) < 12 {
		return
	}
	w, h := int64(binary.BigEndian.Uint32(body[4:])), int64(binary.BigEndian.Uint32(body[8:]))
	if w < 1<<20 && h < 1<<20 && w*h > p.Width*p.Height {
		p.Width, p.Height = w, h
	}
}

// exifItemOf finds the id of the item of type Exif in an iinf box.
func exifItemOf(body []byte) (id uint32, found bool) {
	if len(body) < 6 {
		return 0, false
	}
	list := body[6:]
	if body[0] != 0 {
		if len(body) < 8 {
			return 0, false
		}
		list = body[8:]
	}
	boxes(list, func(kind string, b []byte) {
		if kind != "infe" || len(b) < 4 || found {
			return
		}
		switch {
		case b[0] == 2 && len(b) >= 12 && string(b[8:12]) == "Exif":
			id, found = uint32(binary.BigEndian.Uint16(b[4:])), true
		case b[0] == 3 && len(b) >= 14 && string(b[10:14]) == "Exif":
			id, found = binary.BigEndian.Uint32(b[4:]), true
		}
	})
	return id, found
}

// cursor reads big-endian numbers of 0 to 8 bytes; short is set past the end.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) next(n int) uint64 {
	if n > len(c.b) || n > 8 {
		c.short = true
		return 0
	}
	v := uint64(0)
	for _, x := range c.b[:n] {
		v = v<<8 | uint64(x)
	}
	c.b = c.b[n:]
	return v
}

// locate finds where an item of one piece lies in the file, by an iloc box.
func locate(iloc []byte, want uint32) (at, n int64, ok bool) {
	c := &cursor{b: iloc}
	version := c.next(1)
	c.next(3)
	sizes := c.next(2)
	offsetSize, lengthSize, baseSize, indexSize := int(sizes>>12), int(sizes>>8&15), int(sizes>>4&15), int(sizes&15)
	idSize := 2
	if version == 2 {
		idSize = 4
	}
	for count := c.next(idSize); count > 0 && !c.short; count-- {
		id, method := uint32(c.next(idSize)), uint64(0)
		if version > 0 {
			method = c.next(2) & 15
		}
		c.next(2)
		base := c.next(baseSize)
		extents := c.next(2)
		var offset, length uint64
		for range extents {
			if version > 0 {
				c.next(indexSize)
			}
			offset, length = c.next(offsetSize), c.next(lengthSize)
			if c.short {
				return 0, 0, false
			}
		}
		if id == want {
			sum := base + offset
			return int64(sum), int64(length), !c.short && method == 0 && extents == 1 && sum < 1<<62 && length < 1<<62
		}
	}
	return 0, 0, false
}
