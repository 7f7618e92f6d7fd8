package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/verify"
)

var errDisk = errors.New("input/output error")

// faulty fails the n-th read, and counts them.
type faulty struct {
	b     []byte
	reads atomic.Int64
	n     int64
}

func (f *faulty) ReadAt(p []byte, at int64) (int, error) {
	if f.reads.Add(1) == f.n {
		return 0, errDisk
	}
	return bytes.NewReader(f.b).ReadAt(p, at)
}

// TestEveryRead makes each read of a bundle fail in turn. What cannot be read is
// not judged: there is never a verdict, and never a goroutine left behind.
func TestEveryRead(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	b := s.Bundle(s.Options())
	all := &faulty{b: b}
	if _, err := verify.Verify(t.Context(), all, int64(len(b)), verify.Options{}); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	for n := range all.reads.Load() {
		f := &faulty{b: b, n: n + 1}
		v, err := verify.Verify(t.Context(), f, int64(len(b)), verify.Options{})
		if !errors.Is(err, verify.ErrUnreadable) || !errors.Is(err, errDisk) || v != nil {
			t.Fatalf("read %d of %d fails: a verdict is given: %v; %v", n+1, all.reads.Load(), v != nil, err)
		}
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines were left behind", n-before)
	}
}

// stopping cancels a context at the n-th read.
type stopping struct {
	io.ReaderAt
	reads  atomic.Int64
	n      int64
	cancel context.CancelFunc
}

func (s *stopping) ReadAt(p []byte, at int64) (int, error) {
	if s.reads.Add(1) == s.n {
		s.cancel()
	}
	return s.ReaderAt.ReadAt(p, at)
}

func TestCancel(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	b := s.Bundle(s.Options())
	for _, n := range []int64{1, 20, 40, 60} {
		ctx, cancel := context.WithCancel(t.Context())
		v, err := verify.Verify(ctx, &stopping{ReaderAt: bytes.NewReader(b), n: n, cancel: cancel}, int64(len(b)), verify.Options{})
		cancel()
		if !errors.Is(err, context.Canceled) || v != nil {
			t.Errorf("cancelled at read %d: a verdict is given: %v; %v", n, v != nil, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bundle.Prepare(ctx, s.Source(), s.Options()); !errors.Is(err, context.Canceled) {
		t.Errorf("the writer goes on: %v", err)
	}
}

// full takes n bytes and then no more.
type full struct{ n int }

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.n {
		n := f.n
		f.n = 0
		return n, errDisk
	}
	f.n -= len(p)
	return len(p), nil
}

// TestDiskFull: the writer says so wherever the output ends.
func TestDiskFull(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	p, err := bundle.Prepare(t.Context(), s.Source(), s.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for n := 0; n < int(p.Summary().Length); n += 97 {
		if _, err := p.WriteTo(&full{n}); !errors.Is(err, errDisk) {
			t.Fatalf("full at byte %d: %v", n, err)
		}
	}
	if _, err := p.WriteTo(&full{int(p.Summary().Length)}); err != nil {
		t.Error(err)
	}
}
