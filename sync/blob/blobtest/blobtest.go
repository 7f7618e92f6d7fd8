// Package blobtest is the conformance suite that every blob.Store passes: what
// the interface promises, tried on a real store. RunTests needs fresh stores;
// RunReopenTests also closes one and opens it again, as a restarted server does.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"fieldseal/sync/blob"
)

// Bytes gives n bytes that do not compress and are different for every seed.
func Bytes(n int, seed uint32) []byte {
	b := make([]byte, n)
	x := seed*2654435761 + 12345
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// DigestOf is the SHA-256 of b.
func DigestOf(b []byte) blob.Digest { return sha256.Sum256(b) }

// RunTests runs the suite; open gives a fresh, empty store for each test.
func RunTests(t *testing.T, open func(t *testing.T) blob.Store) {
	for name, test := range map[string]func(*testing.T, blob.Store){
		"put and read":                testPut,
		"put twice in parallel":       testPutParallel,
		"put fails with its source":   testPutFails,
		"walk in order":               testWalk,
		"upload in chunks":            testChunks,
		"upload of nothing":           testEmpty,
		"held content is not sent":    testHeld,
		"promises that are refused":   testPromises,
		"append at a wrong offset":    testOffset,
		"append reads no more":        testSurplus,
		"append keeps what came":      testSourceFails,
		"chunk checksum":              testChecksum,
		"parallel appends":            testParallelAppend,
		"offset while appending":      testOffsetWhileAppending,
		"mismatch is kept apart":      testMismatch,
		"finish too early":            testFinishEarly,
		"two uploads of one file":     testTwins,
		"settle":                      testSettle,
		"abandon and purge":           testAbandon,
		"unknown upload":              testUnknown,
		"context ends an append":      testCancel,
		"prune forgets only arrivals": testPrune,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var ctx = context.Background()

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

func wantAs[E error](t *testing.T, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("got error %v (%T), want a %T", err, err, e)
	}
	return e
}

func create(t *testing.T, s blob.Store, data []byte) blob.Upload {
	t.Helper()
	up, err := s.Create(ctx, blob.Promise{Wanted: DigestOf(data), Length: int64(len(data)), Meta: map[string]string{"owner": "丙"}})
	must(t, err)
	return up
}

func send(t *testing.T, s blob.Store, id blob.UploadID, offset int64, chunk []byte) {
	t.Helper()
	got, err := s.Append(ctx, id, offset, bytes.NewReader(chunk), nil)
	must(t, err)
	if want := offset + int64(len(chunk)); got != want {
		t.Fatalf("Append returned offset %d, want %d", got, want)
	}
}

// Read returns held content whole and checks that Stat agrees.
func Read(t *testing.T, s blob.Content, d blob.Digest) []byte {
	t.Helper()
	r, err := s.Open(ctx, d)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	must(t, r.Close())
	size, err := s.Stat(ctx, d)
	must(t, err)
	if size != int64(len(b)) {
		t.Fatalf("Stat says %d bytes, Open gives %d", size, len(b))
	}
	return b
}

func wantHeld(t *testing.T, s blob.Content, data []byte) {
	t.Helper()
	if got := Read(t, s, DigestOf(data)); !bytes.Equal(got, data) {
		t.Fatalf("content differs from what was sent: %d bytes, want %d", len(got), len(data))
	}
	must(t, s.Verify(ctx, DigestOf(data)))
}

func wantNotHeld(t *testing.T, s blob.Content, d blob.Digest) {
	t.Helper()
	if held, err := s.Has(ctx, d); held || err != nil {
		t.Fatalf("Has = %v, %v; want false", held, err)
	}
	_, err := s.Stat(ctx, d)
	wantIs(t, err, blob.ErrNotHeld)
	_, err = s.Open(ctx, d)
	wantIs(t, err, blob.ErrNotHeld)
	wantIs(t, s.Verify(ctx, d), blob.ErrNotHeld)
	wantIs(t, s.Isolate(ctx, d), blob.ErrNotHeld)
}

// list returns what Uploads shows.
func list(t *testing.T, s blob.Store) map[blob.UploadID]blob.Upload {
	t.Helper()
	all := map[blob.UploadID]blob.Upload{}
	must(t, s.Uploads(ctx, func(u blob.Upload) error {
		if _, twice := all[u.ID]; twice {
			t.Errorf("upload %s is listed twice", u.ID)
		}
		all[u.ID] = u
		return nil
	}))
	return all
}

func wantUpload(t *testing.T, s blob.Store, id blob.UploadID, state blob.State, offset int64, settled bool) blob.Upload {
	t.Helper()
	up, err := s.Upload(ctx, id)
	must(t, err)
	if up.ID != id || up.State != state || up.Offset != offset || up.Settled != settled || up.Meta["owner"] != "丙" {
		t.Fatalf("upload is %+v; want state %s, offset %d, settled %v", up, state, offset, settled)
	}
	return up
}
