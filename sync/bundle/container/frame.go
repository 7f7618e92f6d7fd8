package container

import "encoding/binary"

// Signatures, lengths and constants of APPNOTE 4.3 and 4.4.
const (
	sigLocal   = 0x04034b50
	sigCentral = 0x02014b50
	sigEnd64   = 0x06064b50
	sigLoc64   = 0x07064b50
	sigEnd     = 0x06054b50

	lenLocal   = 30
	lenCentral = 46
	lenEnd64   = 56
	lenLoc64   = 20
	lenEnd     = 22

	extraZip64 = 0x0001
	need20     = 20            // deflate
	need45     = 45            // zip64
	madeBy     = 3<<8 | need45 // Unix
	modeFile   = 0o100644 << 16

	full16 = 0xffff
	full32 = 0xffffffff
)

var le = binary.LittleEndian

func full(n int64) bool { return n >= full32 }

// low gives the 32-bit field for n: n itself, or the mark that the zip64 field has it.
func low(n int64) uint32 {
	if full(n) {
		return full32
	}
	return uint32(n)
}

// appendLocal writes an entry's local header. Its zip64 field, where one size
// needs it, holds both (4.5.3).
func appendLocal(b []byte, e *Entry, at dosTime) []byte {
	need, extra, size, packed := uint16(need20), 0, uint32(e.Size), uint32(e.Packed)
	if full(e.Size) || full(e.Packed) {
		need, extra, size, packed = need45, 20, full32, full32
	}
	b = le.AppendUint32(b, sigLocal)
	b = appendCommon(b, e, at, need, packed, size)
	b = le.AppendUint16(b, uint16(extra))
	b = append(b, e.Name...)
	if extra > 0 {
		b = le.AppendUint16(b, extraZip64)
		b = le.AppendUint16(b, 16)
		b = le.AppendUint64(b, uint64(e.Size))
		b = le.AppendUint64(b, uint64(e.Packed))
	}
	return b
}

// appendCommon writes what both headers share, from the version needed to the name's length.
func appendCommon(b []byte, e *Entry, at dosTime, need uint16, packed, size uint32) []byte {
	b = le.AppendUint16(b, need)
	b = le.AppendUint16(b, 0) // flags
	b = le.AppendUint16(b, uint16(e.Method))
	b = le.AppendUint16(b, at.time)
	b = le.AppendUint16(b, at.date)
	b = le.AppendUint32(b, e.CRC)
	b = le.AppendUint32(b, packed)
	b = le.AppendUint32(b, size)
	return le.AppendUint16(b, uint16(len(e.Name)))
}

// appendCentral writes an entry's header in the central directory. Its zip64
// field holds those numbers that do not fit above.
func appendCentral(b []byte, e *Entry, at dosTime) []byte {
	var extra []byte
	for _, n := range []int64{e.Size, e.Packed, e.header} {
		if full(n) {
			extra = le.AppendUint64(extra, uint64(n))
		}
	}
	need := uint16(need20)
	if len(extra) > 0 {
		need = need45
		head := le.AppendUint16(nil, extraZip64)
		extra = append(le.AppendUint16(head, uint16(len(extra))), extra...)
	}
	b = le.AppendUint32(b, sigCentral)
	b = le.AppendUint16(b, madeBy)
	b = appendCommon(b, e, at, need, low(e.Packed), low(e.Size))
	b = le.AppendUint16(b, uint16(len(extra)))
	b = append(b, 0, 0, 0, 0, 0, 0) // comment length, disk, internal attributes
	b = le.AppendUint32(b, modeFile)
	b = le.AppendUint32(b, low(e.header))
	b = append(b, e.Name...)
	return append(b, extra...)
}

// directory is what the end records say.
type directory struct{ count, size, offset int64 }

func (d directory) zip64() bool { return d.count >= full16 || full(d.size) || full(d.offset) }

// appendEnd writes the end records.
func appendEnd(b []byte, d directory) []byte {
	count := uint16(full16)
	if d.count < full16 {
		count = uint16(d.count)
	}
	if d.zip64() {
		b = le.AppendUint32(b, sigEnd64)
		b = le.AppendUint64(b, lenEnd64-12)
		b = le.AppendUint16(b, madeBy)
		b = le.AppendUint16(b, need45)
		b = le.AppendUint64(b, 0) // this disk, disk of the directory
		b = le.AppendUint64(b, uint64(d.count))
		b = le.AppendUint64(b, uint64(d.count))
		b = le.AppendUint64(b, uint64(d.size))
		b = le.AppendUint64(b, uint64(d.offset))
		b = le.AppendUint32(b, sigLoc64)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, uint64(d.offset+d.size))
		b = le.AppendUint32(b, 1)
	}
	b = le.AppendUint32(b, sigEnd)
	b = le.AppendUint32(b, 0) // this disk, disk of the directory
	b = le.AppendUint16(b, count)
	b = le.AppendUint16(b, count)
	b = le.AppendUint32(b, low(d.size))
	b = le.AppendUint32(b, low(d.offset))
	return le.AppendUint16(b, 0) // comment length
}
