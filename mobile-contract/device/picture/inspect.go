package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// maxSegments bounds the walk over JPEG segments, maxChunks that over PNG
	// chunks; a 100-megapixel PNG in chunks of 8 kB has some 20,000.
	maxSegments = 4096
	maxChunks   = 65536
	// maxExif bounds an EXIF block outside JPEG, whose segments end at 64 kB.
	maxExif = 1 << 20
)

// Sniff recognises the format of a file by its first bytes; 32 are enough.
func Sniff(head []byte) Format {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return JPEG
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return PNG
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return GIF
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")):
		return TIFF
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return WebP
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return sniffBrand(head)
	}
	return Unknown
}

func sniffBrand(head []byte) Format {
	for i := 8; i+4 <= len(head); i += 4 {
		if i == 12 {
			continue // the minor version
		}
		switch string(head[i : i+4]) {
		case "heic", "heix", "heim", "heis", "hevc", "hevx":
			return HEIC
		case "avif", "avis":
			return AVIF
		}
	}
	return Unknown
}

// source reads a file at random; it remembers an error of the medium.
type source struct {
	r    io.ReaderAt
	size int64
	err  error
}

// at returns n bytes at pos; false when the file ends before or cannot be read.
func (s *source) at(pos, n int64) ([]byte, bool) {
	if pos < 0 || n < 0 || pos > s.size || n > s.size-pos {
		return nil, false
	}
	b := make([]byte, n)
	if got, err := s.r.ReadAt(b, pos); got < len(b) {
		if err != io.EOF {
			s.err = err
		}
		return nil, false
	}
	return b, true
}

// Inspect reads the headers of a picture of the given size in bytes. The error
// is ErrFormat, with Format and nothing else set, or that of the medium; every
// defect of the file is in Problems.
func Inspect(r io.ReaderAt, size int64) (Picture, error) {
	s := &source{r: r, size: size}
	head, ok := s.at(0, min(32, size))
	if !ok && s.err != nil {
		return Picture{Format: Unknown}, s.err
	}
	p := Picture{Format: Sniff(head)}
	switch p.Format {
	case JPEG:
		p.jpeg(s)
	case PNG:
		p.png(s)
	case HEIC, AVIF:
		p.heif(s)
	case Unknown:
		return p, fmt.Errorf("%w: the file of %d bytes starts with %q", ErrFormat, size, head[:min(len(head), 8)])
	}
	p.compare()
	return p, s.err
}

// jpeg walks the segments up to the picture data.
func (p *Picture) jpeg(s *source) {
	pos := int64(2)
	for range maxSegments {
		m, ok := s.at(pos, 2)
		if !ok {
			p.problem(Truncated, "the file ends at byte %d, before any picture data", pos)
			return
		}
		if m[0] != 0xFF {
			p.problem(BadStructure, "byte %d is %#02x where a JPEG marker should be", pos, m[0])
			return
		}
		switch {
		case m[1] == 0xFF: // fill
			pos++
			continue
		case m[1] == 0x01, m[1] >= 0xD0 && m[1] <= 0xD7: // no length
			pos += 2
			continue
		case m[1] == 0xDA, m[1] == 0xD9: // picture data, end
			if p.Width == 0 {
				p.problem(BadStructure, "the JPEG states no size")
			}
			return
		}
		l, ok := s.at(pos+2, 2)
		n := int64(0)
		if ok {
			n = int64(binary.BigEndian.Uint16(l))
		}
		if n < 2 {
			p.problem(BadStructure, "the JPEG segment at byte %d has no length", pos)
			return
		}
		p.segment(s, m[1], pos+4, n-2)
		pos += 2 + n
	}
	p.problem(BadStructure, "over %d JPEG segments before the picture data", maxSegments)
}

func (p *Picture) segment(s *source, marker byte, pos, n int64) {
	sof := marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC
	if !sof && marker != 0xE1 {
		return
	}
	b, ok := s.at(pos, n)
	if !ok {
		p.problem(Truncated, "the JPEG segment at byte %d is cut off", pos-4)
		return
	}
	if marker == 0xE1 {
		if !bytes.HasPrefix(b, []byte("Exif\x00")) || len(b) < 6 {
			return
		}
		if p.Exif != nil {
			p.problem(DuplicateExif, "a second EXIF block at byte %d; the first counts", pos)
			return
		}
		p.readExif(b[6:])
		return
	}
	p.frameHeader(marker, b)
}

// frameHeader reads size and components of a JPEG, and what decoding costs:
// a byte for each sample, and for progressive pictures four more, since the
// decoder keeps all coefficients.
func (p *Picture) frameHeader(marker byte, b []byte) {
	if len(b) < 6 || len(b) < 6+3*int(b[5]) || b[5] == 0 || b[5] > 4 {
		p.problem(BadStructure, "the JPEG frame header is broken")
		return
	}
	p.Height, p.Width = int64(binary.BigEndian.Uint16(b[1:])), int64(binary.BigEndian.Uint16(b[3:]))
	samples, hMax, vMax := int64(0), int64(1), int64(1)
	for i := range int(b[5]) {
		h, v := int64(b[7+3*i]>>4), int64(b[7+3*i]&15)
		samples += h * v
		hMax, vMax = max(hMax, h), max(vMax, v)
	}
	const mcu = 64 // decoders round the size up to whole blocks
	p.cost = (p.Width + mcu) * (p.Height + mcu) * samples / (hMax * vMax)
	if marker != 0xC0 && marker != 0xC1 {
		p.cost *= 5
	}
}

// png walks the chunks.
func (p *Picture) png(s *source) {
	pos := int64(8)
	for range maxChunks {
		h, ok := s.at(pos, 8)
		if !ok {
			p.problem(Truncated, "the PNG has no end")
			return
		}
		n, kind := int64(binary.BigEndian.Uint32(h)), string(h[4:])
		if pos == 8 && (kind != "IHDR" || n != 13) {
			p.problem(BadStructure, "the PNG does not start with its header")
			return
		}
		switch kind {
		case "IHDR":
			b, ok := s.at(pos+8, n)
			if !ok || n != 13 {
				p.problem(Truncated, "the PNG header is cut off")
				return
			}
			p.pngHeader(b)
		case "eXIf":
			b, ok := s.at(pos+8, min(n, maxExif))
			switch {
			case !ok:
				p.problem(Truncated, "the EXIF chunk is cut off")
			case p.Exif != nil:
				p.problem(DuplicateExif, "a second EXIF chunk at byte %d; the first counts", pos)
			default:
				p.readExif(b)
			}
		case "IEND":
			return
		}
		pos += 12 + n
	}
	p.problem(BadStructure, "over %d PNG chunks", maxChunks)
}

// pngHeader reads the size and what decoding costs in the forms Go decodes to.
func (p *Picture) pngHeader(b []byte) {
	w, h, depth, colour := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), b[8], b[9]
	if w == 0 || h == 0 || w > 1<<31-1 || h > 1<<31-1 {
		p.problem(BadStructure, "the PNG states a size of %d × %d", w, h)
		return
	}
	p.Width, p.Height = int64(w), int64(h)
	per := int64(4)
	if colour == 0 || colour == 3 {
		per = 1
	}
	if depth == 16 {
		per *= 2
	}
	if b[12] != 0 {
		per *= 2 // interlaced: passes are held beside the whole
	}
	if p.Width > MaxDecoded/p.Height {
		p.cost = MaxDecoded + 1
		return
	}
	p.cost = p.Width * p.Height * per
}
