package container

import (
	"fmt"
	"io"
	"time"
)

// Writer writes a container to a stream, front to back. Every entry's sizes and
// CRC-32 are known before its first byte is written. It is not safe for concurrent use.
type Writer struct {
	w       io.Writer
	at      dosTime
	offset  int64
	entries []Entry
	names   *names
	buf     []byte
}

// NewWriter starts a container whose entries are all dated at, cut by Stamp.
func NewWriter(w io.Writer, at time.Time) *Writer {
	return &Writer{w: w, at: toDOS(at), names: newNames(0), buf: make([]byte, 128<<10)}
}

// Add writes one entry and copies its data, exactly e.Packed bytes, already
// deflated where e.Method says so. An error wraps ErrProfile when the entry
// cannot be part of a container, ErrData when data ends too early or goes on;
// after any error the output is useless.
func (w *Writer) Add(e Entry, data io.Reader) error {
	e.header = w.offset
	if err := w.take(&e); err != nil {
		return err
	}
	if err := w.write(appendLocal(nil, &e, w.at)); err != nil {
		return err
	}
	n, err := io.CopyBuffer(onlyWriter{w.w}, io.LimitReader(data, e.Packed), w.buf)
	w.offset += n
	if err != nil {
		return fmt.Errorf("writing %s: %w", e.Name, err)
	}
	var more [1]byte
	if k, _ := io.ReadFull(data, more[:]); n != e.Packed || k != 0 {
		return &DataError{e.Name, fmt.Sprintf("its data does not end after the %d bytes announced", e.Packed), nil}
	}
	return nil
}

func (w *Writer) take(e *Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	if len(w.entries) == MaxEntries {
		return &ProfileError{e.Name, e.header, fmt.Sprintf("there are more than %d entries", MaxEntries)}
	}
	if why := w.names.add(e.Name); why != "" {
		return &ProfileError{e.Name, e.header, why}
	}
	w.entries = append(w.entries, *e)
	return nil
}

// onlyWriter keeps io.CopyBuffer to the buffer it was given.
type onlyWriter struct{ io.Writer }

func (w *Writer) write(b []byte) error {
	n, err := w.w.Write(b)
	w.offset += int64(n)
	return err
}

// Close writes the central directory. It does not close the stream below.
func (w *Writer) Close() error {
	return w.write(tail(w.entries, w.at, w.offset))
}

// tail is everything behind the last entry's data.
func tail(entries []Entry, at dosTime, offset int64) []byte {
	var b []byte
	for i := range entries {
		b = appendCentral(b, &entries[i], at)
	}
	return appendEnd(b, directory{int64(len(entries)), int64(len(b)), offset})
}

// Length is the length in bytes of the container that holds entries, in order,
// so that it can be announced before it is written.
func Length(entries []Entry) int64 {
	var offset int64
	placed := make([]Entry, len(entries))
	for i, e := range entries {
		e.header = offset
		placed[i] = e
		offset += int64(len(appendLocal(nil, &e, dosTime{}))) + e.Packed
	}
	return offset + int64(len(tail(placed, dosTime{}, offset)))
}
