package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"fieldseal/sync/blob"
)

func testChunks(t *testing.T, s blob.Store) {
	data := Bytes(3_000_017, 1)
	up := create(t, s, data)
	if up.Held || up.ID.IsZero() || up.State != blob.Open || up.Created.IsZero() {
		t.Fatalf("Create = %+v", up)
	}
	var at int64
	for i := 0; at < int64(len(data)); i++ {
		n := min(int64(1+i*i*i*50), int64(len(data))-at)
		send(t, s, up.ID, at, data[at:at+n])
		at += n
		wantUpload(t, s, up.ID, blob.Open, at, false)
		if list(t, s)[up.ID].Offset != at {
			t.Fatalf("Uploads shows another offset than %d", at)
		}
	}
	wantNotHeld(t, s, DigestOf(data))
	for range 2 {
		end, err := s.Finish(ctx, up.ID)
		must(t, err)
		if end.State != blob.Arrived || end.Offset != end.Length || end.Meta["owner"] != "丙" {
			t.Fatalf("Finish = %+v", end)
		}
		wantHeld(t, s, data)
		wantUpload(t, s, up.ID, blob.Arrived, int64(len(data)), false)
	}
	_, err := s.Append(ctx, up.ID, int64(len(data)), strings.NewReader(""), nil)
	wantAs[*blob.StateError](t, err)
}

func testEmpty(t *testing.T, s blob.Store) {
	up := create(t, s, nil)
	_, err := s.Finish(ctx, up.ID)
	must(t, err)
	wantHeld(t, s, nil)
}

func testHeld(t *testing.T, s blob.Store) {
	data := Bytes(1000, 2)
	_, _, err := s.Put(ctx, bytes.NewReader(data))
	must(t, err)
	up := create(t, s, data)
	if !up.Held || !up.ID.IsZero() || up.Offset != 1000 || up.State != blob.Arrived {
		t.Fatalf("Create = %+v", up)
	}
	if n := len(list(t, s)); n != 0 {
		t.Fatalf("%d uploads exist, want none", n)
	}
	_, err = s.Create(ctx, blob.Promise{Wanted: DigestOf(data), Length: 999})
	if e := wantAs[*blob.LengthError](t, err); e.Held != 1000 || e.Promised != 999 {
		t.Fatalf("%+v", e)
	}
}

func testPromises(t *testing.T, s blob.Store) {
	d := DigestOf([]byte("x"))
	for _, length := range []int64{-1, 1 << 62} {
		_, err := s.Create(ctx, blob.Promise{Wanted: d, Length: length})
		wantAs[*blob.TooLargeError](t, err)
	}
	_, err := s.Create(ctx, blob.Promise{Length: 1})
	wantIs(t, err, blob.ErrPromise)
	for _, meta := range []string{strings.Repeat("m", blob.MaxMeta), "\xff"} {
		_, err = s.Create(ctx, blob.Promise{Wanted: d, Length: 1, Meta: map[string]string{"k": meta}})
		wantIs(t, err, blob.ErrPromise)
	}
	if n := len(list(t, s)); n != 0 {
		t.Fatalf("%d uploads exist, want none", n)
	}
}

func testOffset(t *testing.T, s blob.Store) {
	data := Bytes(1000, 3)
	up := create(t, s, data)
	send(t, s, up.ID, 0, data[:400])
	for _, offset := range []int64{-1, 0, 399, 401, 1000, 1 << 62} {
		got, err := s.Append(ctx, up.ID, offset, iotest.ErrReader(errors.New("the body must not be read")), nil)
		if e := wantAs[*blob.OffsetError](t, err); e.Have != 400 || e.Asked != offset || got != 400 {
			t.Fatalf("Append at %d = %d, %+v", offset, got, e)
		}
	}
	send(t, s, up.ID, 400, nil)
	send(t, s, up.ID, 400, data[400:])
	_, err := s.Finish(ctx, up.ID)
	must(t, err)
	wantHeld(t, s, data)
}

func testSurplus(t *testing.T, s blob.Store) {
	data := Bytes(1000, 4)
	up := create(t, s, data)
	body := bytes.NewReader(append(bytes.Clone(data), "surplus"...))
	got, err := s.Append(ctx, up.ID, 0, body, nil)
	must(t, err)
	if got != 1000 || body.Len() != len("surplus") {
		t.Fatalf("Append = %d and left %d bytes, want 1000 and %d", got, body.Len(), len("surplus"))
	}
	_, err = s.Finish(ctx, up.ID)
	must(t, err)
	wantHeld(t, s, data)
}

func testSourceFails(t *testing.T, s blob.Store) {
	cut := errors.New("cable cut")
	data := Bytes(2_000_000, 5)
	up := create(t, s, data)
	for _, part := range [][2]int64{{0, 1_234_567}, {1_234_567, 1_234_568}, {1_234_568, 1_234_568}} {
		from, to := part[0], part[1]
		got, err := s.Append(ctx, up.ID, from, io.MultiReader(bytes.NewReader(data[from:to]), iotest.ErrReader(cut)), nil)
		wantIs(t, err, cut)
		if e := wantAs[*blob.SourceError](t, err); e.Offset != to || got != to {
			t.Fatalf("Append = %d, %+v; want offset %d", got, e, to)
		}
	}
	wantUpload(t, s, up.ID, blob.Open, 1_234_568, false)
	send(t, s, up.ID, 1_234_568, data[1_234_568:])
	_, err := s.Finish(ctx, up.ID)
	must(t, err)
	wantHeld(t, s, data)
}

func testChecksum(t *testing.T, s blob.Store) {
	data := Bytes(2_000_000, 6)
	up := create(t, s, data)
	send(t, s, up.ID, 0, data[:10])
	sum := DigestOf(data[10:1_500_000])
	bad := bytes.Clone(data[10:1_500_000])
	bad[1_000_000] ^= 1
	for _, chunk := range [][]byte{bad, bad[:100], data[10:1_499_999], data[10:1_500_001], nil} {
		got, err := s.Append(ctx, up.ID, 10, bytes.NewReader(chunk), &sum)
		if e := wantAs[*blob.ChecksumError](t, err); got != 10 || e.Offset != 10 || e.Wanted != sum || e.Got != DigestOf(chunk) {
			t.Fatalf("Append = %d, %+v", got, e)
		}
		wantUpload(t, s, up.ID, blob.Open, 10, false)
	}
	cut := errors.New("cable cut")
	got, err := s.Append(ctx, up.ID, 10, io.MultiReader(bytes.NewReader(data[10:1_500_000]), iotest.ErrReader(cut)), &sum)
	wantIs(t, err, cut)
	if got != 10 {
		t.Fatalf("a chunk that broke off is kept up to %d; it could not be checked", got)
	}
	wantUpload(t, s, up.ID, blob.Open, 10, false)
	got, err = s.Append(ctx, up.ID, 10, bytes.NewReader(data[10:1_500_000]), &sum)
	must(t, err)
	if got != 1_500_000 {
		t.Fatalf("Append = %d", got)
	}
	send(t, s, up.ID, 1_500_000, data[1_500_000:])
	_, err = s.Finish(ctx, up.ID)
	must(t, err)
	wantHeld(t, s, data)
}

// gate is a body that yields its bytes and then waits to be opened.
type gate struct {
	r       io.Reader
	reached chan struct{}
	open    chan struct{}
}

func newGate(b []byte) *gate {
	return &gate{r: bytes.NewReader(b), reached: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if err == io.EOF {
		close(g.reached)
		<-g.open
	}
	return n, err
}

func testParallelAppend(t *testing.T, s blob.Store) {
	data := Bytes(1000, 7)
	up := create(t, s, data)
	g := newGate(data[:700])
	done := make(chan error, 1)
	go func() { _, err := s.Append(ctx, up.ID, 0, g, nil); done <- err }()
	<-g.reached
	for range 20 {
		_, err := s.Append(ctx, up.ID, 0, bytes.NewReader(data), nil)
		wantIs(t, err, blob.ErrLocked)
	}
	_, err := s.Finish(ctx, up.ID)
	wantIs(t, err, blob.ErrLocked)
	wantIs(t, s.Abandon(ctx, up.ID, "no"), blob.ErrLocked)
	close(g.open)
	must(t, <-done)
	wantUpload(t, s, up.ID, blob.Open, 700, false)
	send(t, s, up.ID, 700, data[700:])
	_, err = s.Finish(ctx, up.ID)
	must(t, err)
	wantHeld(t, s, data)
}

func testOffsetWhileAppending(t *testing.T, s blob.Store) {
	data := Bytes(1000, 8)
	up := create(t, s, data)
	send(t, s, up.ID, 0, data[:300])
	g := newGate(data[300:900])
	done := make(chan error, 1)
	go func() { _, err := s.Append(ctx, up.ID, 300, g, nil); done <- err }()
	<-g.reached
	if got := wantUpload(t, s, up.ID, blob.Open, 300, false); got.Length != 1000 {
		t.Fatalf("%+v", got)
	}
	close(g.open)
	must(t, <-done)
	wantUpload(t, s, up.ID, blob.Open, 900, false)
}

func testMismatch(t *testing.T, s blob.Store) {
	data := Bytes(100_000, 9)
	up := create(t, s, data)
	bad := bytes.Clone(data)
	bad[99_999] ^= 1
	send(t, s, up.ID, 0, bad)
	for range 3 {
		_, err := s.Finish(ctx, up.ID)
		e := wantAs[*blob.MismatchError](t, err)
		if e.Wanted != DigestOf(data) || e.Got != DigestOf(bad) || e.Size != 100_000 {
			t.Fatalf("%+v", e)
		}
		got := wantUpload(t, s, up.ID, blob.Quarantined, 100_000, false)
		if got.Got != DigestOf(bad) || got.Ended.IsZero() || list(t, s)[up.ID].State != blob.Quarantined {
			t.Fatalf("%+v", got)
		}
	}
	wantNotHeld(t, s, DigestOf(data))
	wantNotHeld(t, s, DigestOf(bad))
	wantAs[*blob.StateError](t, s.Abandon(ctx, up.ID, "no"))
	wantAs[*blob.StateError](t, s.Purge(ctx, up.ID))
	must(t, s.Settle(ctx, up.ID))
	must(t, s.Settle(ctx, up.ID))
	wantUpload(t, s, up.ID, blob.Quarantined, 100_000, true)
	if !list(t, s)[up.ID].Settled {
		t.Fatal("a settled quarantining has left the list")
	}

	again := create(t, s, data)
	send(t, s, again.ID, 0, data)
	_, err := s.Finish(ctx, again.ID)
	must(t, err)
	wantHeld(t, s, data)
}

func testFinishEarly(t *testing.T, s blob.Store) {
	data := Bytes(1000, 10)
	up := create(t, s, data)
	send(t, s, up.ID, 0, data[:999])
	_, err := s.Finish(ctx, up.ID)
	if e := wantAs[*blob.OffsetError](t, err); e.Have != 999 || e.Asked != 1000 {
		t.Fatalf("%+v", e)
	}
	send(t, s, up.ID, 999, data[999:])
	_, err = s.Finish(ctx, up.ID)
	must(t, err)
}

func testTwins(t *testing.T, s blob.Store) {
	data := Bytes(50_000, 11)
	a, b := create(t, s, data), create(t, s, data)
	if a.ID == b.ID {
		t.Fatal("two uploads have one id")
	}
	send(t, s, a.ID, 0, data[:10])
	send(t, s, b.ID, 0, data)
	_, err := s.Finish(ctx, b.ID)
	must(t, err)
	wantUpload(t, s, a.ID, blob.Open, 10, false)
	send(t, s, a.ID, 10, data[10:])
	_, err = s.Finish(ctx, a.ID)
	must(t, err)
	wantHeld(t, s, data)
}

func testSettle(t *testing.T, s blob.Store) {
	data := Bytes(5000, 12)
	up := create(t, s, data)
	wantAs[*blob.StateError](t, s.Settle(ctx, up.ID))
	send(t, s, up.ID, 0, data)
	_, err := s.Finish(ctx, up.ID)
	must(t, err)
	if u, ok := list(t, s)[up.ID]; !ok || u.State != blob.Arrived || u.Settled {
		t.Fatalf("an unsettled arrival must be listed: %+v", u)
	}
	must(t, s.Settle(ctx, up.ID))
	must(t, s.Settle(ctx, up.ID))
	wantUpload(t, s, up.ID, blob.Arrived, 5000, true)
	if n := len(list(t, s)); n != 0 {
		t.Fatalf("%d uploads are listed after the only one was settled", n)
	}
	end, err := s.Finish(ctx, up.ID)
	must(t, err)
	if !end.Settled || end.State != blob.Arrived {
		t.Fatalf("%+v", end)
	}
	wantHeld(t, s, data)
}

func testAbandon(t *testing.T, s blob.Store) {
	data := Bytes(5000, 13)
	up := create(t, s, data)
	send(t, s, up.ID, 0, data[:100])
	if err := s.Abandon(ctx, up.ID, strings.Repeat("r", blob.MaxReason+1)); err == nil {
		t.Fatal("a reason of any length is taken")
	}
	wantAs[*blob.StateError](t, s.Purge(ctx, up.ID))
	must(t, s.Abandon(ctx, up.ID, "withdrawn by its owner"))
	got := wantUpload(t, s, up.ID, blob.Abandoned, 100, false)
	if got.Reason != "withdrawn by its owner" || got.Ended.IsZero() || list(t, s)[up.ID].State != blob.Abandoned {
		t.Fatalf("%+v", got)
	}
	_, err := s.Append(ctx, up.ID, 100, bytes.NewReader(data[100:]), nil)
	wantAs[*blob.StateError](t, err)
	_, err = s.Finish(ctx, up.ID)
	wantAs[*blob.StateError](t, err)
	wantAs[*blob.StateError](t, s.Abandon(ctx, up.ID, "again"))
	must(t, s.Purge(ctx, up.ID))
	_, err = s.Upload(ctx, up.ID)
	wantIs(t, err, blob.ErrUnknown)
	if n := len(list(t, s)); n != 0 {
		t.Fatalf("%d uploads are listed", n)
	}
}

func testUnknown(t *testing.T, s blob.Store) {
	id := blob.UploadID{1, 2, 3}
	_, err := s.Upload(ctx, id)
	wantIs(t, err, blob.ErrUnknown)
	_, err = s.Append(ctx, id, 0, strings.NewReader("x"), nil)
	wantIs(t, err, blob.ErrUnknown)
	_, err = s.Finish(ctx, id)
	wantIs(t, err, blob.ErrUnknown)
	wantIs(t, s.Settle(ctx, id), blob.ErrUnknown)
	wantIs(t, s.Abandon(ctx, id, ""), blob.ErrUnknown)
	wantIs(t, s.Purge(ctx, id), blob.ErrUnknown)
}

func testCancel(t *testing.T, s blob.Store) {
	data := Bytes(1000, 14)
	up := create(t, s, data)
	stop := errors.New("the server is shutting down")
	c, cancel := context.WithCancelCause(ctx)
	body := io.MultiReader(bytes.NewReader(data[:600]), readerFunc(func([]byte) (int, error) { cancel(stop); return 0, nil }))
	got, err := s.Append(c, up.ID, 0, body, nil)
	wantIs(t, err, stop)
	wantAs[*blob.SourceError](t, err)
	if got != 600 {
		t.Fatalf("Append = %d, want 600", got)
	}
	got, err = s.Append(ctx, up.ID, 600, readerFunc(func([]byte) (int, error) { return 0, nil }), nil)
	wantIs(t, err, io.ErrNoProgress)
	if got != 600 {
		t.Fatalf("Append = %d, want 600", got)
	}
	wantUpload(t, s, up.ID, blob.Open, 600, false)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testPrune(t *testing.T, s blob.Store) {
	var ids []blob.UploadID
	for i := range 3 {
		data := Bytes(100, uint32(20+i))
		up := create(t, s, data)
		send(t, s, up.ID, 0, data)
		ids = append(ids, up.ID)
	}
	for _, id := range ids[1:] {
		_, err := s.Finish(ctx, id)
		must(t, err)
	}
	must(t, s.Settle(ctx, ids[2]))
	if n, err := s.Prune(ctx, time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Fatalf("Prune of older ones = %d, %v", n, err)
	}
	if n, err := s.Prune(ctx, time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Fatalf("Prune = %d, %v; want the settled one", n, err)
	}
	wantUpload(t, s, ids[0], blob.Open, 100, false)
	wantUpload(t, s, ids[1], blob.Arrived, 100, false)
	_, err := s.Upload(ctx, ids[2])
	wantIs(t, err, blob.ErrUnknown)
	wantHeld(t, s, Bytes(100, 22))
}
