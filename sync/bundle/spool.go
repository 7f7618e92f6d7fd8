package bundle

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/container"
	"fieldseal/sync/event"

	"github.com/klauspost/compress/flate"
)

// part is one file of the bundle, ready to be written.
type part struct {
	bag.FileLine
	crc uint32
	// from and length are its bytes in the spool, deflated if deflated is set
	// (even where the bundle stores it); media comes from the source instead.
	from, length int64
	deflated     bool
	media        bool
	former       *Former // the file is its bundle
}

func (p *part) entry(folder string) container.Entry {
	e := container.Entry{Name: folder + "/" + p.Path, CRC: p.crc, Size: p.Size, Packed: p.Size}
	if p.Packed != nil {
		e.Method, e.Packed = container.Deflated, p.Packed.Size
	}
	return e
}

// spool is a temporary file that holds parts one behind the other.
type spool struct {
	f    *os.File
	w    *bufio.Writer
	size int64
}

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "fieldseal-bundle-*")
	if err != nil {
		return nil, fmt.Errorf("a bundle needs a temporary file: %w", err)
	}
	return &spool{f: f, w: bufio.NewWriterSize(f, 256<<10)}, nil
}

func (s *spool) close() error {
	err := s.f.Close()
	if rm := os.Remove(s.f.Name()); err == nil {
		err = rm
	}
	return err
}

// partWriter takes a part's bytes. One part is written at a time.
type partWriter struct {
	s      *spool
	p      part
	sum    hash.Hash
	crc    hash.Hash32
	packed hash.Hash
	count  *counter
	def    *flate.Writer
}

// counter counts and hashes what goes into the spool.
type counter struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.sum.Write(b[:n])
	c.n += int64(n)
	return n, err
}

// create starts a part that is to be deflated, if that helps, or stored.
func (s *spool) create(path string, deflate bool) (*partWriter, error) {
	w := &partWriter{s: s, sum: sha256.New(), crc: crc32.NewIEEE(), packed: sha256.New()}
	w.p = part{FileLine: bag.FileLine{Path: path}, from: s.size, deflated: deflate}
	w.count = &counter{w: s.w, sum: w.packed}
	if deflate {
		var err error
		if w.def, err = flate.NewWriter(w.count, flate.DefaultCompression); err != nil {
			return nil, fmt.Errorf("deflating %s: %w", path, err)
		}
	}
	return w, nil
}

func (w *partWriter) Write(b []byte) (int, error) {
	var n int
	var err error
	if w.def != nil {
		n, err = w.def.Write(b)
	} else {
		n, err = w.count.Write(b)
	}
	w.sum.Write(b[:n])
	w.crc.Write(b[:n])
	w.p.Size += int64(n)
	return n, err
}

// close ends the part. A file that deflating does not shrink, or shrinks more
// than a container admits, is stored.
func (w *partWriter) close() (*part, error) {
	if w.def != nil {
		if err := w.def.Close(); err != nil {
			return nil, fmt.Errorf("spooling %s: %w", w.p.Path, err)
		}
	}
	p := w.p
	p.SHA256, p.crc, p.length = event.Digest(w.sum.Sum(nil)), w.crc.Sum32(), w.count.n
	w.s.size += p.length
	if p.deflated && p.length < p.Size && p.Size <= p.length*container.MaxRatio {
		p.Packed = &bag.Packed{Size: p.length, SHA256: event.Digest(w.packed.Sum(nil))}
	}
	return &p, nil
}

// whole spools a file that is in memory.
func (s *spool) whole(path string, data []byte, deflate bool) (*part, error) {
	w, err := s.create(path, deflate)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("spooling %s: %w", path, err)
	}
	return w.close()
}

// open reads a part's bytes as they stand in the container.
func (s *spool) open(p *part) (io.Reader, error) {
	if err := s.w.Flush(); err != nil {
		return nil, fmt.Errorf("spooling: %w", err)
	}
	raw := io.NewSectionReader(s.f, p.from, p.length)
	if p.deflated && p.Packed == nil {
		return flate.NewReader(bufio.NewReader(raw)), nil
	}
	return raw, nil
}
