package blobtest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"fieldseal/sync/blob"
)

func testPut(t *testing.T, s blob.Store) {
	for _, n := range []int{0, 1, 55, 64, 1 << 20, 1<<20 + 7} {
		data := Bytes(n, uint32(n))
		wantNotHeld(t, s, DigestOf(data))
		for range 2 { // the second time over content already there
			d, size, err := s.Put(ctx, iotest.HalfReader(bytes.NewReader(data)))
			must(t, err)
			if d != DigestOf(data) || size != int64(n) {
				t.Fatalf("Put = %s, %d; want %s, %d", d, size, DigestOf(data), n)
			}
			wantHeld(t, s, data)
		}
	}
	data := Bytes(1<<20, 1<<20)
	r, err := s.Open(ctx, DigestOf(data))
	must(t, err)
	_, err = r.Seek(1000, io.SeekStart)
	must(t, err)
	part := make([]byte, 500)
	_, err = io.ReadFull(r, part)
	must(t, err)
	must(t, r.Close())
	if !bytes.Equal(part, data[1000:1500]) {
		t.Fatal("reading after Seek gives other bytes")
	}
}

func testPutParallel(t *testing.T, s blob.Store) {
	data := Bytes(300_000, 9)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if d, _, err := s.Put(ctx, bytes.NewReader(data)); err != nil || d != DigestOf(data) {
				t.Errorf("Put = %s, %v", d, err)
			}
		})
	}
	wg.Wait()
	wantHeld(t, s, data)
}

func testPutFails(t *testing.T, s blob.Store) {
	// A source that is cut must not pass for one that ended, also where it says
	// so with the error that io.ReadFull uses for another purpose.
	for _, cause := range []error{errors.New("cable cut"), io.ErrUnexpectedEOF} {
		data := Bytes(100_000, 3)
		_, _, err := s.Put(ctx, io.MultiReader(bytes.NewReader(data), iotest.ErrReader(cause)))
		wantIs(t, err, cause)
		wantNotHeld(t, s, DigestOf(data))
	}
	must(t, s.Walk(ctx, func(d blob.Digest, _ int64) error { t.Errorf("%s is held", d); return nil }))
}

func testWalk(t *testing.T, s blob.Store) {
	want := map[blob.Digest]int64{}
	for i := range 40 {
		d, size, err := s.Put(ctx, bytes.NewReader(Bytes(i, uint32(i))))
		must(t, err)
		want[d] = size
	}
	var seen []blob.Digest
	must(t, s.Walk(ctx, func(d blob.Digest, size int64) error {
		if want[d] != size {
			t.Errorf("%s has %d bytes, want %d", d, size, want[d])
		}
		seen = append(seen, d)
		return nil
	}))
	if len(seen) != len(want) || !slices.IsSortedFunc(seen, func(a, b blob.Digest) int { return bytes.Compare(a[:], b[:]) }) {
		t.Fatalf("Walk gave %d digests in a wrong order or number, want %d", len(seen), len(want))
	}
	stop, calls := errors.New("enough"), 0
	wantIs(t, s.Walk(ctx, func(blob.Digest, int64) error { calls++; return stop }), stop)
	if calls != 1 {
		t.Fatalf("Walk went on after an error: %d calls", calls)
	}
}
