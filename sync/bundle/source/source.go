// Package source feeds the making of bundles from the server's store, its media
// and its ledger. It reads; the only thing it makes is the seal under a manifest,
// by the function that it is given.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"fieldseal/sync/blob"
	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// Config is what a source reads from.
type Config struct {
	Store *store.Store
	Blobs blob.Content
	// Newest gives the newest public checkpoint, exact bytes.
	Newest func(context.Context) ([]byte, error)
	// Sealer seals with the authority's key.
	Sealer func(payloadType string, payload []byte) ([]byte, error)
	// Pack is the exact rule pack that cases are judged by.
	Pack []byte
}

// Source is a bundle.Source. It is for one bundle after another, not for several at once.
type Source struct {
	Config
	concern *concern // of the case read last
}

var _ bundle.Source = (*Source)(nil)

// New returns a source; it does no I/O.
func New(c Config) *Source { return &Source{Config: c} }

// errEnough ends a query whose reader has left.
var errEnough = errors.New("enough")

// Checkpoint implements bundle.Source.
func (s *Source) Checkpoint(ctx context.Context) ([]byte, error) { return s.Newest(ctx) }

// Tiles implements bundle.Source.
func (s *Source) Tiles() ledger.TileReader { return store.Tiles{Store: s.Store} }

// Rules implements bundle.Source.
func (s *Source) Rules(context.Context) ([]byte, error) { return s.Pack, nil }

// Events implements bundle.Source.
func (s *Source) Events(ctx context.Context, c event.UUID, size ledger.Size) iter.Seq2[bundle.Event, error] {
	return func(yield func(bundle.Event, error) bool) {
		err := s.Store.Read(ctx, func(tx *store.Tx) error {
			about, err := s.about(tx, c, size)
			if err != nil {
				return err
			}
			return each(tx, about, size, func(row store.EventRow, v *seal.Verified) error {
				if !about.has(row, v) {
					return nil
				}
				if !yield(bundle.Event{Index: ledger.Index(row.Index), Leaf: reconcile.LeafOf(v, row.Received), Line: row.Line}, nil) {
					return errEnough
				}
				return nil
			})
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(bundle.Event{}, err)
		}
	}
}

// each verifies and gives the events of a case and those of no case, in log order.
func each(tx *store.Tx, about *concern, size ledger.Size, fn func(store.EventRow, *seal.Verified) error) error {
	return tx.Each("SELECT "+store.EventColumns+" FROM events WHERE (case_n = $1 OR case_n = 0) AND idx < $2 ORDER BY idx", store.Args(about.n, int64(size)), func(scan func(...any) error) error {
		row, err := store.ScanEvent(scan)
		if err != nil {
			return err
		}
		v, refusal, err := seal.Verify(row.Line, about)
		if err != nil {
			return err
		}
		if refusal != nil {
			return fmt.Errorf("%w: the stored event at %d does not verify; run fieldseal fsck: %w", bundle.ErrSource, row.Index, refusal)
		}
		return fn(row, v)
	})
}

func (s *Source) about(tx *store.Tx, c event.UUID, size ledger.Size) (*concern, error) {
	if s.concern != nil && s.concern.id == c && s.concern.size == size {
		return s.concern, nil
	}
	about, err := read(tx, c, size)
	if err == nil {
		s.concern = about
	}
	return about, err
}

// Quarantine implements bundle.Source.
func (s *Source) Quarantine(ctx context.Context, c event.UUID, size ledger.Size) iter.Seq2[bundle.Quarantined, error] {
	return func(yield func(bundle.Quarantined, error) bool) {
		err := s.Store.Read(ctx, func(tx *store.Tx) error {
			about, err := s.about(tx, c, size)
			if err != nil {
				return err
			}
			return tx.Each("SELECT "+store.QuarantineColumns+" FROM quarantine WHERE idx < $1 ORDER BY idx", store.Args(int64(size)), func(scan func(...any) error) error {
				q, err := store.ScanQuarantine(scan)
				if err != nil || !about.quarantined(q) {
					return err
				}
				out := bundle.Quarantined{Index: ledger.Index(q.Index), Leaf: reconcile.QuarantineLeaf(seal.LineDigest(q.Line), q.Received), Line: q.Line,
					Layer: seal.Layer(q.Layer), Code: seal.Code(q.Code), Detail: q.Detail}
				if !yield(out, nil) {
					return errEnough
				}
				return nil
			})
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(bundle.Quarantined{}, err)
		}
	}
}

// Leaf implements bundle.Source.
func (s *Source) Leaf(ctx context.Context, index ledger.Index) (leaf ledger.Leaf, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		row, found, err := tx.EventAt(int64(index))
		if err != nil {
			return err
		}
		if found {
			d, ok, err := projection.DeviceByNumber(tx, row.Dev)
			if err != nil || !ok {
				return errors.Join(err, fmt.Errorf("%w: the device of entry %d", bundle.ErrSource, index))
			}
			v, refusal, err := seal.Verify(row.Line, one{d.ID, d.Key})
			if err != nil || refusal != nil {
				return errors.Join(err, fmt.Errorf("%w: the stored event at %d does not verify; run fieldseal fsck", bundle.ErrSource, index))
			}
			leaf = reconcile.LeafOf(v, row.Received)
			return nil
		}
		q, found, err := tx.QuarantineAt(int64(index))
		if err != nil || !found {
			return errors.Join(err, fmt.Errorf("%w: there is no entry %d", bundle.ErrSource, index))
		}
		leaf = reconcile.QuarantineLeaf(seal.LineDigest(q.Line), q.Received)
		return nil
	})
	return leaf, err
}

// Find implements bundle.Source.
func (s *Source) Find(ctx context.Context, device event.UUID, seq int64, size ledger.Size) (index ledger.Index, ok bool, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		d, found, err := projection.DeviceByID(tx, device)
		if err != nil || !found {
			return err
		}
		row, found, err := projection.EventBySeq(tx, d.N, seq)
		index, ok = ledger.Index(row.Index), found && row.Index < int64(size)
		return err
	})
	return index, ok, err
}

// Chain implements bundle.Source. It counts what had arrived at the given size.
func (s *Source) Chain(ctx context.Context, device event.UUID, size ledger.Size) (head int64, missing [][2]int64, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		d, found, err := projection.DeviceByID(tx, device)
		if err != nil || !found {
			return err
		}
		return tx.Each("SELECT seq FROM events WHERE dev = $1 AND idx < $2 ORDER BY seq", store.Args(d.N, int64(size)), func(scan func(...any) error) error {
			var seq int64
			if err := scan(&seq); err != nil {
				return err
			}
			if seq > head+1 {
				missing = append(missing, [2]int64{head + 1, seq - 1})
			}
			head = seq
			return nil
		})
	})
	return head, missing, err
}

// Note implements bundle.Source.
func (s *Source) Note(ctx context.Context, size ledger.Size, digest event.Digest) (note []byte, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		var text string
		found, err := tx.Get("SELECT note FROM cosigned WHERE sha = $1", store.Args(digest[:]), &text)
		if err != nil {
			return err
		}
		if !found {
			row, ok, err := tx.CheckpointAt(int64(size))
			if err != nil || !ok {
				return err
			}
			text = row.Note
		}
		if text != "" {
			note = []byte(text)
		}
		return nil
	})
	return note, err
}

// Media implements bundle.Source.
func (s *Source) Media(ctx context.Context, d event.Digest) (out bundle.Media, err error) {
	var m projection.Media
	var found bool
	var got event.Digest
	err = s.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if m, found, err = projection.MediaByDigest(tx, d); err != nil || !found || m.Here() {
			return err
		}
		got, err = wrong(tx, m.BadIndex)
		return err
	})
	if err != nil {
		return out, err
	}
	if found && m.Here() {
		size, err := s.Blobs.Stat(ctx, blob.Digest(d))
		if err == nil {
			return bundle.Media{State: bag.MediaPresent, Have: size}, nil
		}
		if !errors.Is(err, blob.ErrNotHeld) {
			return out, err
		}
	}
	if found && m.Bad > 0 && !got.IsZero() {
		return bundle.Media{State: bag.MediaMismatch, Have: m.Size, Got: got}, nil
	}
	return bundle.Media{State: bag.MediaMissing}, nil
}

// wrong reads what arrived in a file's place.
func wrong(tx *store.Tx, index int64) (got event.Digest, err error) {
	row, found, err := tx.EventAt(index)
	if err != nil || !found {
		return got, err
	}
	d, _, err := projection.DeviceByNumber(tx, row.Dev)
	if err != nil {
		return got, err
	}
	v, _, err := seal.Verify(row.Line, one{d.ID, d.Key})
	if v != nil {
		if b, ok := v.Body().(*event.MediaQuarantined); ok {
			got = b.Got
		}
	}
	return got, err
}

// Open implements bundle.Source.
func (s *Source) Open(ctx context.Context, d event.Digest) (io.ReadCloser, error) {
	return s.Blobs.Open(ctx, blob.Digest(d))
}

// Seal implements bundle.Source.
func (s *Source) Seal(_ context.Context, payloadType string, payload []byte) ([]byte, error) {
	return s.Sealer(payloadType, payload)
}

// one is the key of one device.
type one struct {
	id  event.UUID
	key seal.PublicKey
}

func (o one) DeviceKey(d event.UUID) (seal.PublicKey, bool, error) { return o.key, d == o.id, nil }
