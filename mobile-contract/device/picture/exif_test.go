package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
)

// tag is one EXIF tag to be written; value holds its bytes in big-endian order.
type tag struct {
	id, kind uint16
	count    uint32
	value    []byte
}

func ascii(id uint16, s string) tag {
	return tag{id, typeASCII, uint32(len(s) + 1), append([]byte(s), 0)}
}

func short(id uint16, v uint16) tag {
	return tag{id, typeShort, 1, binary.BigEndian.AppendUint16(nil, v)}
}

func long(id uint16, v uint32) tag {
	return tag{id, typeLong, 1, binary.BigEndian.AppendUint32(nil, v)}
}

func rational(id uint16, parts ...uint32) tag {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, p)
	}
	return tag{id, typeRational, uint32(len(parts) / 2), b}
}

// dirs are the directories of a block to be written; Exif and GPS pointers are
// put into IFD0.
type dirs struct {
	ifd0, exif, gps, ifd1 []tag
}

// block writes the directories one after the other, values behind each.
func (d dirs) block() []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08")
	size := func(ts []tag, more int) int {
		n := 2 + 12*(len(ts)+more) + 4
		for _, t := range ts {
			if len(t.value) > 4 {
				n += len(t.value)
			}
		}
		return n
	}
	pointers := 0
	for _, ts := range [][]tag{d.exif, d.gps} {
		if ts != nil {
			pointers++
		}
	}
	at := 8 + size(d.ifd0, pointers)
	ifd0 := d.ifd0
	if d.exif != nil {
		ifd0 = append(ifd0[:len(ifd0):len(ifd0)], long(tagExifIFD, uint32(at)))
		at += size(d.exif, 0)
	}
	if d.gps != nil {
		ifd0 = append(ifd0[:len(ifd0):len(ifd0)], long(tagGPSIFD, uint32(at)))
		at += size(d.gps, 0)
	}
	next := uint32(0)
	if d.ifd1 != nil {
		next = uint32(at)
	}
	b = appendDirectory(b, ifd0, next)
	for _, ts := range [][]tag{d.exif, d.gps, d.ifd1} {
		if ts != nil {
			b = appendDirectory(b, ts, 0)
		}
	}
	return b
}

func appendDirectory(b []byte, ts []tag, next uint32) []byte {
	var values []byte
	at := uint32(len(b) + 2 + 12*len(ts) + 4)
	b = binary.BigEndian.AppendUint16(b, uint16(len(ts)))
	for _, t := range ts {
		b = binary.BigEndian.AppendUint16(b, t.id)
		b = binary.BigEndian.AppendUint16(b, t.kind)
		b = binary.BigEndian.AppendUint32(b, t.count)
		if len(t.value) > 4 {
			b = binary.BigEndian.AppendUint32(b, at+uint32(len(values)))
			values = append(values, t.value...)
		} else {
			b = append(b, append(bytes.Clone(t.value), 0, 0, 0, 0)[:4]...)
		}
	}
	b = binary.BigEndian.AppendUint32(b, next)
	return append(b, values...)
}

// scene draws a picture with structure, which is not the same when mirrored.
func scene(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			fx, fy := x*1000/w, y*1000/h
			v := uint8((fx*fx/2300 + fy*fx/3700 + (fx/90)*(fy/70)*11) % 256)
			m.Set(x, y, color.RGBA{v, 255 - v, uint8(fy / 4), 255})
		}
	}
	return m
}

func encodeJPEG(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withExif puts an EXIF segment behind the start of a JPEG.
func withExif(j, block []byte) []byte {
	seg := append([]byte("Exif\x00\x00"), block...)
	out := append(bytes.Clone(j[:2]), 0xFF, 0xE1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(seg)+2))
	return append(append(out, seg...), j[2:]...)
}

func encodePNG(t testing.TB, m image.Image, block []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	out := b.Bytes()
	if block == nil {
		return out
	}
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(block)))
	body := append([]byte("eXIf"), block...)
	chunk = append(chunk, body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(body))
	end := len(out) - 12 // before IEND
	return append(append(bytes.Clone(out[:end]), chunk...), out[end:]...)
}

func box(kind string, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(all)+8)), kind...), all...)
}

// heic writes the boxes of a HEIC file with one EXIF item; no picture data.
func heic(block []byte) []byte {
	u16, u32 := binary.BigEndian.AppendUint16, binary.BigEndian.AppendUint32
	ispe := func(w, h uint32) []byte { return box("ispe", u32(u32(u32(nil, 0), w), h)) }
	infe := box("infe", u32(nil, 2<<24), u16(nil, 7), u16(nil, 0), []byte("Exif\x00"))
	item := append(u32(nil, 6), "Exif\x00\x00"...)
	item = append(item, block...)
	ftyp := box("ftyp", []byte("heic\x00\x00\x00\x00mif1heic"))
	meta := func(at uint32) []byte {
		iloc := u32(nil, 1<<24) // version 1
		iloc = u16(iloc, 0x4400)
		iloc = u16(iloc, 1)                 // items
		iloc = u16(u16(u16(iloc, 7), 0), 0) // id, method, reference
		iloc = u16(iloc, 1)                 // extents
		iloc = u32(u32(iloc, at), uint32(len(item)))
		return box("meta", u32(nil, 0), box("iinf", u32(nil, 0), u16(nil, 1), infe), box("iloc", iloc),
			box("iprp", box("ipco", ispe(512, 512), ispe(4032, 3024), ispe(320, 240))))
	}
	at := uint32(len(ftyp) + len(meta(0)) + 8)
	return bytes.Join([][]byte{ftyp, meta(at), box("mdat", item)}, nil)
}
