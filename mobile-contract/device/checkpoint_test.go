package device

import (
	"context"
	"path/filepath"
	"testing"

	"fieldseal/sync/ledger"
)

// An event names the newest checkpoint that was cosigned, because only a witness
// dates it; without one among the last it names the newest.
func TestEmbeddedCheckpoint(t *testing.T) {
	ctx := context.Background()
	s, err := Create(ctx, filepath.Join(t.TempDir(), "d"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(size int64, cosigned bool) {
		note := "log.example\n5\nroot\n\n\u2014 log.example c2ln\n"
		if cosigned {
			note += "\u2014 court.example/witness c2ln\n"
		}
		c := &checkpoint{size: size, root: ledger.Hash{byte(size)}, note: []byte(note)}
		c.digest[0], c.digest[1] = byte(size), byte(len(note))
		if err := s.write(ctx, func(t *tx) error { return putCheckpoint(t, c, cpLinked) }); err != nil {
			t.Fatal(err)
		}
	}
	want := func(size int64, why string) {
		t.Helper()
		var got int64
		err := s.read(ctx, func(t *tx) error {
			c, err := embeddedCheckpoint(t)
			if c != nil {
				got = c.size
			}
			return err
		})
		if err != nil || got != size {
			t.Errorf("%s: %d, %v; want %d", why, got, err, size)
		}
	}
	want(0, "no checkpoint")
	put(5, false)
	want(5, "only one, not cosigned")
	put(6, true)
	put(7, false)
	want(6, "a cosigned one before the newest")
	put(7, true)
	want(7, "the newest, cosigned meanwhile")
	for size := int64(8); size < 8+seenWindow; size++ {
		put(size, false)
	}
	want(7+seenWindow, "the cosigned one is too far back")
}
