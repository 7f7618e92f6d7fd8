package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
)

// Every bundle of every width holds the entries that LeafAt computes with all
// signatures verified, for every kind of entry that there is.
func TestEntriesAreTheVerifiedLeaves(t *testing.T) {
	w := ingesttest.New(t)
	w.Rich()
	var noise [][]byte
	for i := range 600 {
		noise = append(noise, fmt.Appendf(nil, "noise %d", i))
	}
	w.Submit(noise...)
	ctx := context.Background()
	size := w.Engine.Size()
	kinds := map[ledger.Kind]bool{}
	for n := int64(0); n<<ledger.TileHeight < size; n++ {
		width := ledger.TileID{N: n}.Width(ledger.Size(size))
		var want []byte
		for i := range width {
			leaf, err := w.Engine.LeafAt(ctx, n<<ledger.TileHeight+int64(i))
			if err != nil {
				t.Fatal(err)
			}
			kinds[leaf.Kind] = true
			text, err := leaf.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if want, err = ledger.AppendEntry(want, text); err != nil {
				t.Fatal(err)
			}
			got, err := w.Engine.Entries(ctx, n, i+1)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("bundle %d, width %d: %v", n, i+1, err)
			}
		}
		if _, err := w.Engine.Entries(ctx, n, width+1); !errors.Is(err, ledger.ErrNoTile) {
			t.Errorf("bundle %d, width %d of %d: %v", n, width+1, width, err)
		}
	}
	if len(kinds) < 7 { // all but the predecessor
		t.Errorf("only the kinds %v", kinds)
	}
	for _, id := range []ledger.TileID{{Level: 0, N: size >> ledger.TileHeight}, {Level: 1, N: 0}} {
		if _, err := w.Engine.Tile(ctx, id, id.Width(ledger.Size(size))); err != nil {
			t.Errorf("%+v: %v", id, err)
		}
		for _, width := range []int{-1, 0, id.Width(ledger.Size(size)) + 1, ledger.TileWidth, ledger.TileWidth + 1} {
			if _, err := w.Engine.Tile(ctx, id, width); !errors.Is(err, ledger.ErrNoTile) {
				t.Errorf("%+v at width %d: %v", id, width, err)
			}
		}
	}
}

// What is committed and not yet public has no tile, though it is stored.
func TestTilesEndWhereTheLogIsPublic(t *testing.T) {
	w := ingesttest.New(t)
	size := w.Engine.Size()
	other := w.Open()
	if _, err := other.Submit(context.Background(), [][]byte{[]byte("noise")}, w.ID()); err != nil {
		t.Fatal(err)
	}
	if got := w.Engine.Size(); got != size {
		t.Fatalf("the first engine knows of %d entries already", got)
	}
	if data, err := w.Engine.Tile(context.Background(), ledger.TileID{}, int(size+1)); err != nil || len(data) != int(size+1)*ledger.HashSize {
		t.Errorf("what another process made public: %v", err)
	}
}

// A changed row is never published: the tile tells.
func TestEntriesOfADamagedRow(t *testing.T) {
	for name, damage := range map[string]string{
		"time of an event":        "UPDATE events SET received = received + 1 WHERE idx = 1",
		"type of an event":        "UPDATE events SET type = 'note.written' WHERE idx = 1",
		"device of an event":      "UPDATE events SET dev = 99 WHERE idx = 1",
		"line of an event":        "UPDATE events SET line = (SELECT line FROM events WHERE idx = 0) WHERE idx = 1",
		"event that is gone":      "DELETE FROM events WHERE idx = 1",
		"time of a quarantine":    "UPDATE quarantine SET received = received + 1",
		"digest of a quarantine":  "UPDATE quarantine SET sha = zeroblob(32)",
		"hash in the tile itself": "UPDATE tiles SET data = zeroblob(length(data)) WHERE level = 0",
	} {
		t.Run(name, func(t *testing.T) {
			w := ingesttest.New(t)
			w.Submit([]byte("noise"))
			size := int(w.Engine.Size())
			if _, err := w.Engine.Entries(context.Background(), 0, size); err != nil {
				t.Fatal(err)
			}
			err := w.Store.Write(context.Background(), func(tx *store.Tx) error {
				n, err := tx.Exec(damage)
				if err == nil && n != 1 {
					t.Errorf("%d rows", n)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Engine.Entries(context.Background(), 0, size); !errors.Is(err, ingest.ErrDamaged) {
				t.Errorf("%v", err)
			}
		})
	}
}
