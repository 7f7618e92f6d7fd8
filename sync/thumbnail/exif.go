package thumbnail

import (
	"bytes"
	"encoding/binary"
	"io"
)

// traits is what the decoders' own headers do not tell.
type traits struct {
	orientation int  // 1 to 8 as in EXIF; 1 where none is given
	progressive bool // of a JPEG
}

const (
	// maxExif is the largest EXIF block looked at; in JPEG it cannot be larger.
	maxExif = 64 << 10
	// maxSegments bounds the walk over a file's segments.
	maxSegments = 1000
	// maxEntries bounds the walk over an image file directory; EXIF has some 60.
	maxEntries = 500
)

// look walks a file's segments as far as its picture data. Whatever is malformed
// is passed over: an orientation that cannot be read is none.
func look(r io.ReadSeeker, format string) traits {
	t := traits{orientation: 1}
	switch format {
	case "jpeg":
		t.jpeg(r)
	case "png":
		t.chunks(r, 8, binary.BigEndian, "eXIf", true)
	case "webp":
		t.chunks(r, 12, binary.LittleEndian, "EXIF", false)
	case "tiff":
		head := make([]byte, maxExif)
		n, _ := io.ReadFull(r, head)
		t.tiff(head[:n])
	}
	return t
}

func (t *traits) jpeg(r io.ReadSeeker) {
	var head [4]byte
	if _, err := r.Seek(2, io.SeekStart); err != nil {
		return
	}
	for range maxSegments {
		if _, err := io.ReadFull(r, head[:]); err != nil || head[0] != 0xff {
			return
		}
		size := int64(binary.BigEndian.Uint16(head[2:])) - 2
		switch marker := head[1]; {
		case marker == 0xff: // a fill byte
			if _, err := r.Seek(-3, io.SeekCurrent); err != nil {
				return
			}
			continue
		case size < 0 || marker == 0xda:
			return
		case marker == 0xc2 || marker == 0xc6 || marker == 0xca || marker == 0xce:
			t.progressive = true
		case marker == 0xe1:
			block := make([]byte, size)
			if _, err := io.ReadFull(r, block); err != nil {
				return
			}
			if body, ok := bytes.CutPrefix(block, []byte("Exif\x00\x00")); ok {
				t.tiff(body)
			}
			continue
		}
		if _, err := r.Seek(size, io.SeekCurrent); err != nil {
			return
		}
	}
}

// chunks walks PNG (length before type, checksum behind) or RIFF chunks (type
// before length, padded to even).
func (t *traits) chunks(r io.ReadSeeker, start int64, order binary.ByteOrder, want string, png bool) {
	var head [8]byte
	if _, err := r.Seek(start, io.SeekStart); err != nil {
		return
	}
	for range maxSegments {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		kind, size := string(head[:4]), int64(order.Uint32(head[4:]))
		skip := size + size%2
		if png {
			kind, size = string(head[4:]), int64(order.Uint32(head[:4]))
			skip = size + 4
		}
		if kind == want {
			if size > maxExif {
				return
			}
			block := make([]byte, size)
			if _, err := io.ReadFull(r, block); err != nil {
				return
			}
			t.tiff(bytes.TrimPrefix(block, []byte("Exif\x00\x00")))
			return
		}
		if _, err := r.Seek(skip, io.SeekCurrent); err != nil {
			return
		}
	}
}

// tiff reads tag 0x0112 (Orientation, SHORT, one) of the first directory.
func (t *traits) tiff(b []byte) {
	if len(b) < 8 {
		return
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return
	}
	entries := int64(order.Uint16(b[at:]))
	for i := range min(entries, maxEntries) {
		e := at + 2 + 12*i
		if e+12 > int64(len(b)) {
			return
		}
		if order.Uint16(b[e:]) == 0x0112 && order.Uint16(b[e+2:]) == 3 && order.Uint32(b[e+4:]) == 1 {
			if v := order.Uint16(b[e+8:]); v >= 1 && v <= 8 {
				t.orientation = int(v)
			}
			return
		}
	}
}
