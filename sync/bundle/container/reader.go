package container

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"

	"github.com/klauspost/compress/flate"
)

// maxDirectory bounds the central directory in bytes: MaxEntries headers with
// the longest names and zip64 fields would be 80 MB; bundles have short names.
const maxDirectory = 64 << 20

// Archive is an opened container. It is safe for concurrent use if the reader below is.
type Archive struct {
	r       io.ReaderAt
	at      dosTime
	entries []Entry
	byName  map[string]int
}

// Open reads and checks all framing of the container that r holds. It reads no
// entry's data. Errors wrap ErrNotContainer where there is no directory to read,
// ErrProfile (as *ProfileError) where the framing is not the profile's; any other
// error is r's.
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	d, err := findDirectory(r, size)
	if err != nil {
		return nil, err
	}
	end := make([]byte, size-d.offset)
	if err := readAt(r, end, d.offset); err != nil {
		return nil, err
	}
	a := &Archive{r: r, byName: make(map[string]int, d.count)}
	if err := a.parse(end[:d.size], d); err != nil {
		return nil, err
	}
	if want := tail(a.entries, a.at, d.offset); !bytes.Equal(want, end) {
		i := differ(want, end)
		return nil, &ProfileError{a.nearest(d, i), d.offset + int64(i), "the directory is not in the one form that a bundle has"}
	}
	if err := a.checkLocal(d.offset); err != nil {
		return nil, err
	}
	return a, nil
}

// findDirectory reads the end records, believing them only as far as bounds go.
func findDirectory(r io.ReaderAt, size int64) (d directory, err error) {
	none := func(why string) (directory, error) {
		return directory{}, fmt.Errorf("%w: %s", ErrNotContainer, why)
	}
	if size < lenEnd {
		return none(fmt.Sprintf("it has %d bytes", size))
	}
	b := make([]byte, lenEnd)
	if err := readAt(r, b, size-lenEnd); err != nil {
		return d, err
	}
	if le.Uint32(b) != sigEnd {
		return none("it does not end with the end record of a ZIP file: it is cut off, has something behind it, or is something else")
	}
	d = directory{int64(le.Uint16(b[10:])), int64(le.Uint32(b[12:])), int64(le.Uint32(b[16:]))}
	rest := size - lenEnd
	if d.zip64() {
		if rest < lenLoc64+lenEnd64 {
			return none("its end record points to a zip64 record that is not there")
		}
		rest -= lenLoc64 + lenEnd64
		b = make([]byte, lenEnd64)
		if err := readAt(r, b, rest); err != nil {
			return d, err
		}
		if le.Uint32(b) != sigEnd64 {
			return none("its end record points to a zip64 record that is not there")
		}
		d = directory{int64(le.Uint64(b[32:])), int64(le.Uint64(b[40:])), int64(le.Uint64(b[48:]))}
	}
	if d.offset < 0 || d.size < 0 || d.offset > rest || d.size != rest-d.offset {
		return none("the directory is not where the end record says, or something stands between them")
	}
	if d.count < 0 || d.count > MaxEntries || d.size > maxDirectory {
		return none(fmt.Sprintf("its directory has %d entries in %d bytes, at most %d in %d are taken", d.count, d.size, MaxEntries, maxDirectory))
	}
	return d, nil
}

func (a *Archive) parse(b []byte, d directory) error {
	seen := newNames(int(d.count))
	all := len(b)
	for len(b) > 0 {
		at := d.offset + int64(all-len(b))
		e, when, rest, why := parseCentral(b)
		if why != "" {
			return &ProfileError{clip(e.Name), at, why}
		}
		if err := e.check(); err != nil {
			return err
		}
		if why := seen.add(e.Name); why != "" {
			return &ProfileError{e.Name, at, why}
		}
		if len(a.entries) == 0 {
			a.at = when
		}
		a.byName[e.Name] = len(a.entries)
		a.entries = append(a.entries, e)
		b = rest
	}
	if _, ok := a.at.at(); !ok && len(a.entries) > 0 {
		return &ProfileError{a.entries[0].Name, d.offset, "the modification time is no time"}
	}
	return nil
}

// parseCentral reads what varies in a header of the directory; Open compares the rest.
func parseCentral(b []byte) (e Entry, at dosTime, rest []byte, why string) {
	if len(b) < lenCentral || le.Uint32(b) != sigCentral {
		return e, at, nil, "a header of the directory is cut off or missing"
	}
	nameLen, extraLen := int(le.Uint16(b[28:])), int(le.Uint16(b[30:]))
	if le.Uint16(b[32:]) != 0 {
		return e, at, nil, "it has a comment"
	}
	if len(b) < lenCentral+nameLen+extraLen {
		return e, at, nil, "a header of the directory is cut off"
	}
	at = dosTime{date: le.Uint16(b[14:]), time: le.Uint16(b[12:])}
	e = Entry{Name: string(b[lenCentral : lenCentral+nameLen]), Method: Method(le.Uint16(b[10:])), CRC: le.Uint32(b[16:]),
		Packed: int64(le.Uint32(b[20:])), Size: int64(le.Uint32(b[24:])), header: int64(le.Uint32(b[42:]))}
	extra := b[lenCentral+nameLen : lenCentral+nameLen+extraLen]
	rest = b[lenCentral+nameLen+extraLen:]
	if extraLen == 0 {
		return e, at, rest, ""
	}
	if extraLen < 4 || le.Uint16(extra) != extraZip64 {
		return e, at, rest, "it has an extra field that is not the zip64 one"
	}
	extra = extra[4:]
	for _, n := range []*int64{&e.Size, &e.Packed, &e.header} {
		if *n != full32 {
			continue
		}
		if len(extra) < 8 {
			return e, at, rest, "its zip64 field is too short"
		}
		*n = int64(le.Uint64(extra))
		extra = extra[8:]
		if *n < 0 {
			return e, at, rest, "a size or offset is out of range"
		}
	}
	return e, at, rest, ""
}

// checkLocal walks the entries in order and compares each local header.
func (a *Archive) checkLocal(end int64) error {
	var at int64
	for i := range a.entries {
		e := &a.entries[i]
		if e.header != at {
			return &ProfileError{e.Name, at, fmt.Sprintf("its header should be here, the directory says it is at byte %d: entries overlap, or there are bytes between them", e.header)}
		}
		want := appendLocal(nil, e, a.at)
		if e.Packed > end-at-int64(len(want)) {
			return &ProfileError{e.Name, at, "it reaches into the directory"}
		}
		got := make([]byte, len(want))
		if err := readAt(a.r, got, at); err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return &ProfileError{e.Name, at + int64(differ(want, got)), "its local header says something else than the directory"}
		}
		at += int64(len(want)) + e.Packed
	}
	if at != end {
		return &ProfileError{"", at, "there are bytes between the last entry and the directory"}
	}
	return nil
}

// nearest names the entry in whose directory header the i-th byte is.
func (a *Archive) nearest(d directory, i int) string {
	for k := range a.entries {
		if i -= len(appendCentral(nil, &a.entries[k], a.at)); i < 0 {
			return a.entries[k].Name
		}
	}
	return ""
}

func differ(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %d bytes at %d: %w", len(b), at, err)
}

// Entries lists all entries in order. The caller does not modify the list.
func (a *Archive) Entries() []Entry { return a.entries }

// Time is the modification time of all entries.
func (a *Archive) Time() time.Time {
	t, _ := a.at.at()
	return t
}

// Find gives the entry of a name.
func (a *Archive) Find(name string) (Entry, bool) {
	i, ok := a.byName[name]
	if !ok {
		return Entry{}, false
	}
	return a.entries[i], true
}

// Raw reads the data of an entry as it is packed.
func (a *Archive) Raw(e Entry) *io.SectionReader {
	head := int64(len(appendLocal(nil, &e, a.at)))
	return io.NewSectionReader(a.r, e.header+head, e.Packed)
}

// Open reads the file that an entry holds. packed, where it is not nil, is
// given the packed bytes as they are consumed. At the end of the file the reader
// gives io.EOF only if length and CRC-32 are those stated and the packed data is
// used up to its last byte; otherwise a *DataError. It never gives more than
// e.Size bytes.
func (a *Archive) Open(e Entry, packed hash.Hash) io.Reader {
	f := &file{e: e, raw: &counter{r: a.Raw(e), tee: packed}, crc: crc32.NewIEEE(), left: e.Size}
	if e.Method == Deflated {
		f.ahead = bufio.NewReaderSize(f.raw, int(min(e.Packed, 64<<10)))
		f.data = flate.NewReader(f.ahead)
	} else {
		f.data = f.raw
	}
	return f
}

// counter counts and hashes what is read.
type counter struct {
	r    io.Reader
	tee  hash.Hash
	read int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.tee != nil {
		c.tee.Write(p[:n])
	}
	c.read += int64(n)
	return n, err
}

type file struct {
	e   Entry
	raw *counter
	// ahead is what the inflater reads from, and does not read beyond; nil where stored.
	ahead *bufio.Reader
	data  io.Reader
	crc   hash.Hash32
	left  int64
	end   error
}

func (f *file) Read(p []byte) (int, error) {
	if f.end != nil {
		return 0, f.end
	}
	if f.left == 0 {
		f.end = f.finish()
		return 0, f.end
	}
	if int64(len(p)) > f.left {
		p = p[:f.left]
	}
	n, err := f.data.Read(p)
	f.crc.Write(p[:n])
	f.left -= int64(n)
	if err != nil && f.left > 0 {
		f.end = f.fault("its data ends or breaks after "+fmt.Sprint(f.e.Size-f.left)+" bytes", err)
		return n, f.end
	}
	return n, nil
}

// finish checks what can be said once all bytes are out.
func (f *file) finish() error {
	var more [1]byte
	for {
		n, err := f.data.Read(more[:])
		if n > 0 {
			return f.fault(fmt.Sprintf("it goes on after the %d bytes stated", f.e.Size), nil)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f.fault("its data breaks at the end", err)
		}
	}
	used := f.raw.read
	if f.ahead != nil {
		used -= int64(f.ahead.Buffered())
	}
	switch {
	case used != f.e.Packed:
		return f.fault(fmt.Sprintf("only %d of its %d packed bytes are used", used, f.e.Packed), nil)
	case f.crc.Sum32() != f.e.CRC:
		return f.fault(fmt.Sprintf("its CRC-32 is %08x, stated is %08x", f.crc.Sum32(), f.e.CRC), nil)
	}
	return io.EOF
}

// fault makes a DataError of what concerns the data, and leaves errors of the
// reader below as they are.
func (f *file) fault(reason string, cause error) error {
	var corrupt flate.CorruptInputError
	if cause != nil && !errors.As(cause, &corrupt) && !errors.Is(cause, io.EOF) && !errors.Is(cause, io.ErrUnexpectedEOF) {
		return fmt.Errorf("reading %s: %w", f.e.Name, cause)
	}
	return &DataError{f.e.Name, reason, cause}
}
