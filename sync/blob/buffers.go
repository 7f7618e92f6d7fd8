package blob

import (
	"context"
	"io"
	"sync"
	"time"
	"unsafe"
)

type bufferSet [buffersPerAppend][]byte

// bufferPool lends sets of buffers to Appends: big ones to the first bigAppends
// at a time, small ones to the rest.
type bufferPool struct {
	big   chan *bufferSet // sets not in use; a nil set is yet to be made
	small sync.Pool
}

func newBufferPool() *bufferPool {
	p := &bufferPool{big: make(chan *bufferSet, bigAppends)}
	for range bigAppends {
		p.big <- nil
	}
	p.small.New = func() any { return newBuffers(smallBuffer) }
	return p
}

func newBuffers(size int) *bufferSet {
	set := new(bufferSet)
	for i := range set {
		set[i] = alignedBuffer(size)
	}
	return set
}

// alignedBuffer is a buffer whose address is a multiple of directAlign.
func alignedBuffer(size int) []byte {
	b := make([]byte, size+directAlign)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (directAlign - 1)
	return b[skip : skip+size : skip+size]
}

// borrow returns a set and the function that gives it back. want is the most
// bytes that can come: what fits a small set leaves the big ones to others.
func (p *bufferPool) borrow(want int64) (*bufferSet, func()) {
	if want > smallBuffer {
		select {
		case set := <-p.big:
			if set == nil {
				set = newBuffers(bigBuffer)
			}
			return set, func() { p.big <- set }
		default:
		}
	}
	set := p.small.Get().(*bufferSet)
	return set, func() { p.small.Put(set) }
}

// fill reads until buf is full, r fails or ends (io.EOF), ctx is done, or, with
// patience, something was read and that time has passed since the call.
func fill(ctx context.Context, r io.Reader, buf []byte, patience time.Duration) (n int, err error) {
	var start time.Time
	if patience > 0 {
		start = time.Now()
	}
	for empty := 0; n < len(buf); {
		if err := context.Cause(ctx); err != nil {
			return n, err
		}
		m, err := r.Read(buf[n:])
		n += m
		if err != nil {
			return n, err
		}
		if m > 0 {
			empty = 0
		} else if empty++; empty == maxEmptyReads {
			return n, io.ErrNoProgress
		}
		if n > 0 && patience > 0 && n < len(buf) && time.Since(start) >= patience {
			return n, nil
		}
	}
	return n, nil
}
