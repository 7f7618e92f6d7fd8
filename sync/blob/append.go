package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"
	"time"
)

// Append implements Store.
func (f *Files) Append(ctx context.Context, id UploadID, offset int64, body io.Reader, sum *Digest) (int64, error) {
	a, err := f.acquire(id)
	if err != nil {
		return 0, err
	}
	l, err := f.load(ctx, a)
	switch {
	case err != nil:
	case l.State != Open:
		err = &StateError{ID: id, State: l.State}
	case offset != l.Offset:
		err = &OffsetError{Have: l.Offset, Asked: offset}
	default:
		err = f.receive(ctx, a, &l, body, sum)
	}
	return l.Offset, errors.Join(err, f.release(a))
}

// receive runs the pipeline: this goroutine reads the body, one writes, one
// hashes. l.Offset and a.durable move only when data and slot are flushed.
func (f *Files) receive(ctx context.Context, a *activity, l *loaded, body io.Reader, sum *Digest) (err error) {
	data, err := f.fs.OpenFile(f.path(l.where, l.ID.String(), dataName), os.O_RDWR)
	if err != nil {
		return fmt.Errorf("append to upload %s: %w", l.ID, err)
	}
	s := &sink{f: f, a: a, l: l, data: data, at: l.Offset, flushed: time.Now()}
	if l.Length-l.Offset >= minDirect {
		if s.direct, err = f.fs.OpenDirect(f.path(l.where, l.ID.String(), dataName)); err != nil {
			s.direct = nil // the page cache serves as well, only slower
		}
	}
	if sum != nil {
		s.chunk = sha256.New()
	}
	source, err := s.run(ctx, body)
	if err == nil && sum != nil && source == nil {
		if got := Digest(s.chunk.Sum(nil)); got != *sum {
			err = &ChecksumError{Wanted: *sum, Got: got, Offset: l.Offset}
		}
	}
	if err == nil && s.at > l.Offset && (sum == nil || source == nil) {
		err = s.flush()
	}
	// What was written and not acknowledged stays behind: after a failed flush the
	// kernel may show bytes that are not on the disk. The next load cuts it off.
	if s.direct != nil {
		err = errors.Join(err, s.direct.Close())
	}
	err = errors.Join(err, data.Close())
	if err == nil && source != nil {
		return &SourceError{Offset: l.Offset, Err: source}
	}
	var wrong *ChecksumError
	if err != nil && !errors.As(err, &wrong) {
		return fmt.Errorf("append to upload %s: %w", l.ID, full(err))
	}
	return err
}

// piece is a buffer and the part of it that was filled.
type piece struct{ buffer, bytes []byte }

// sink is where an Append's bytes go.
type sink struct {
	f       *Files
	a       *activity
	l       *loaded
	data    file
	direct  file      // the same past the page cache; nil where that is not to be had
	chunk   hash.Hash // of this chunk alone; nil without a checksum
	at      int64     // where the next buffer is written
	flushed time.Time // when the last checkpoint was
}

// run reads body to its end, to the promised length, or until something fails.
// source is the body's failure, err the store's. Both workers have ended when it
// returns.
func (s *sink) run(ctx context.Context, body io.Reader) (source, err error) {
	at, left := s.at, s.l.Length-s.at
	set, giveBack := s.f.buffers.borrow(left)
	defer giveBack()
	free := make(chan []byte, len(set))
	for _, b := range set {
		free <- b
	}
	filled := make(chan piece) // to the writer
	result := make(chan error, 1)
	go func() { result <- s.write(filled, free) }()
	for left > 0 && source == nil {
		buf, ok := <-free
		if !ok {
			break // the writer failed
		}
		// A byte lies in the buffer as it does in the file, as to blocks.
		from := at % directAlign
		n, rerr := fill(ctx, body, buf[from:min(from+left, int64(len(buf)))], s.f.checkpoint)
		at, left = at+int64(n), left-int64(n)
		filled <- piece{buf, buf[from : from+int64(n)]}
		if rerr == io.EOF {
			break
		}
		source = rerr
	}
	close(filled)
	return source, <-result
}

// write takes filled buffers in order, has each hashed while it writes it, and
// puts it back into free. After a failure it closes free and goes on taking.
func (s *sink) write(filled <-chan piece, free chan<- []byte) (err error) {
	toHash, hashed := make(chan []byte), make(chan struct{})
	go func() {
		for b := range toHash {
			s.l.hash.Write(b)
			if s.chunk != nil {
				s.chunk.Write(b)
			}
			hashed <- struct{}{}
		}
	}()
	defer close(toHash)
	for p := range filled {
		if err != nil {
			continue
		}
		toHash <- p.bytes
		err = s.put(p.bytes)
		<-hashed
		if err == nil {
			err = s.checkpoint()
		}
		if err != nil {
			close(free)
			continue
		}
		free <- p.buffer
	}
	return err
}

// put writes b at s.at: whole blocks past the page cache where that is to be had,
// the rest through it. The two never share a block, so neither sees the other's
// bytes half written.
func (s *sink) put(b []byte) error {
	head := min(-s.at&(directAlign-1), int64(len(b))) // up to the next block
	if err := s.writeAt(s.data, b[:head]); err != nil {
		return err
	}
	b = b[head:]
	if whole := len(b) &^ (directAlign - 1); s.direct != nil && whole > 0 {
		switch err := s.writeAt(s.direct, b[:whole]); {
		case errors.Is(err, syscall.EINVAL), errors.Is(err, errors.ErrUnsupported):
			if err := s.direct.Close(); err != nil { // this file system cannot do it after all
				return err
			}
			s.direct = nil
		case err != nil:
			return err
		default:
			b = b[whole:]
		}
	}
	return s.writeAt(s.data, b)
}

func (s *sink) writeAt(f file, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := f.WriteAt(b, s.at)
	if err == nil {
		s.at += int64(len(b))
	}
	return err
}

// checkpoint flushes when it is time; never inside a chunk with a checksum,
// which may still turn out to be discarded.
func (s *sink) checkpoint() error {
	if s.chunk != nil || time.Since(s.flushed) < s.f.checkpoint {
		return nil
	}
	return s.flush()
}

// flush makes what was written durable and acknowledges it.
func (s *sink) flush() error {
	if err := s.data.Sync(); err != nil {
		return err
	}
	next := *s.l
	next.Offset = s.at
	if err := s.f.acknowledge(s.a, &next); err != nil {
		return err
	}
	*s.l = next
	s.flushed = time.Now()
	return nil
}
