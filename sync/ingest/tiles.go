package ingest

import (
	"context"
	"errors"
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// Tile gives the first width hashes of a tile of the public log. Errors wrap
// ledger.ErrNoTile where the log, as far as it is public, has no such tile or
// fewer hashes in it. The bytes are not modified.
func (e *Engine) Tile(ctx context.Context, id ledger.TileID, width int) ([]byte, error) {
	if err := e.hasTile(ctx, id, width); err != nil {
		return nil, err
	}
	data, err := e.tiles.ReadTile(ctx, id.Level, id.N)
	if err != nil {
		return nil, err
	}
	if len(data) < width*ledger.HashSize {
		return nil, fmt.Errorf("%w: tile %s has %d bytes", ErrDamaged, id.Path(width), len(data))
	}
	return data[:width*ledger.HashSize], nil
}

// Entries gives the n-th entry bundle (C2SP tlog-tiles) of the public log with
// the first width entries: at most ledger.TileWidth of them. Every entry is
// compared with the tile that has its hash, so that none is given which is not
// in the log. Errors are as of Tile, and wrap ErrDamaged where a row does not
// give its entry.
func (e *Engine) Entries(ctx context.Context, n int64, width int) (bundle []byte, err error) {
	id := ledger.TileID{Level: 0, N: n}
	hashes, err := e.Tile(ctx, id, width)
	if err != nil {
		return nil, err
	}
	err = e.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		bundle, err = entries(tx, n<<ledger.TileHeight, hashes)
		return err
	})
	return bundle, err
}

func (e *Engine) hasTile(ctx context.Context, id ledger.TileID, width int) error {
	if width < 1 || width > ledger.TileWidth {
		return fmt.Errorf("%w: a tile has 1 to %d hashes, not %d", ledger.ErrNoTile, ledger.TileWidth, width)
	}
	have := id.Width(ledger.Size(e.Size()))
	if have < width { // another process may have appended
		signed, err := e.Signed(ctx)
		if err != nil {
			return err
		}
		have = id.Width(signed.Size)
	}
	if have < width {
		return fmt.Errorf("%w: level %d, number %d has %d hashes, %d were asked for", ledger.ErrNoTile, id.Level, id.N, have, width)
	}
	return nil
}

// draftLeaf is what a row says of its entry.
type draftLeaf struct {
	dev  int64 // 0: a quarantined line, whose leaf is complete
	sig  []byte
	leaf ledger.Leaf
}

// entries makes the bundle of the entries from first on that have these hashes.
func entries(tx *store.Tx, first int64, hashes []byte) ([]byte, error) {
	drafts := make([]draftLeaf, len(hashes)/ledger.HashSize)
	if err := draftLeaves(tx, first, drafts); err != nil {
		return nil, err
	}
	keys := map[int64]seal.PublicKey{}
	bundle := make([]byte, 0, len(drafts)*ledger.EntrySize)
	for i := range drafts {
		d, index := &drafts[i], first+int64(i)
		if d.dev != 0 {
			key, err := sealedBy(tx, keys, d.dev)
			if err != nil {
				return nil, fmt.Errorf("entry %d: %w", index, err)
			}
			d.leaf.Key = ledger.KeyID(key.ID())
			d.leaf.Signature = ledger.SignatureDigest(seal.SignatureDigest(key.Alg(), d.sig))
		}
		text, err := d.leaf.Marshal()
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrDamaged, index, err)
		}
		if h, err := d.leaf.Hash(); err != nil || h != ledger.Hash(hashes[i*ledger.HashSize:(i+1)*ledger.HashSize]) {
			return nil, errors.Join(err, fmt.Errorf("%w: the row of entry %d does not give the leaf that the log has", ErrDamaged, index))
		}
		if bundle, err = ledger.AppendEntry(bundle, text); err != nil {
			return nil, err
		}
	}
	return bundle, nil
}

// draftLeaves reads the rows of the entries. It keeps no lines, which may be long.
func draftLeaves(tx *store.Tx, first int64, drafts []draftLeaf) error {
	span := store.Args(first, first+int64(len(drafts)))
	err := tx.Each("SELECT "+store.EventColumns+" FROM events WHERE idx >= $1 AND idx < $2", span, func(scan func(...any) error) error {
		row, err := store.ScanEvent(scan)
		if err != nil {
			return err
		}
		env, err := seal.ParseEnvelope(row.Line)
		if err != nil || len(env.Signatures) != 1 {
			return fmt.Errorf("%w: the stored event at %d is not an envelope with one signature: %w", ErrDamaged, row.Index, err)
		}
		drafts[row.Index-first] = draftLeaf{dev: row.Dev, sig: append([]byte(nil), env.Signatures[0].Sig...), leaf: ledger.Leaf{
			Kind: reconcile.KindOf(row.Type), Event: ledger.EventID(seal.IDOf(env.Payload)), Received: ledger.Micros(row.Received.UnixMicro())}}
		return nil
	})
	if err != nil {
		return err
	}
	return tx.Each("SELECT idx, sha, received FROM quarantine WHERE idx >= $1 AND idx < $2", span, func(scan func(...any) error) error {
		var index, received int64
		var sha event.Digest
		if err := scan(&index, store.Into(&sha), &received); err != nil {
			return err
		}
		drafts[index-first] = draftLeaf{leaf: ledger.Leaf{Kind: ledger.KindQuarantine, Event: ledger.EventID(sha), Received: ledger.Micros(received)}}
		return nil
	})
}

func sealedBy(tx *store.Tx, known map[int64]seal.PublicKey, dev int64) (seal.PublicKey, error) {
	if key, ok := known[dev]; ok {
		return key, nil
	}
	d, found, err := projection.DeviceByNumber(tx, dev)
	if err == nil && !found {
		err = fmt.Errorf("%w: device number %d has no row", ErrDamaged, dev)
	}
	known[dev] = d.Key
	return d.Key, err
}
