package bundletest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"

	"fieldseal/schema"
	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// Source gives a world to the writer of bundles.
type Source struct {
	*World
	// Change, where it is set, changes an event before it is handed out, and
	// drops it where it gives nil.
	Change func(bundle.Event) *bundle.Event
}

// Source is the world as the writer sees it.
func (w *World) Source() *Source { return &Source{World: w} }

var _ bundle.Source = (*Source)(nil)

// Checkpoint implements bundle.Source.
func (s *Source) Checkpoint(context.Context) ([]byte, error) {
	if s.Newest == 0 {
		return nil, fmt.Errorf("the world has no checkpoint")
	}
	return s.Notes[s.Newest], nil
}

// ReadTile implements ledger.TileReader.
func (w *World) ReadTile(_ context.Context, level, n int64) ([]byte, error) {
	if t, ok := w.tiles[ledger.TileID{Level: level, N: n}]; ok {
		return t, nil
	}
	return nil, ledger.ErrNoTile
}

// Tiles implements bundle.Source.
func (s *Source) Tiles() ledger.TileReader { return s.World }

// Rules implements bundle.Source.
func (s *Source) Rules(context.Context) ([]byte, error) {
	names, err := fs.Glob(schema.Rules, "rules/cn-environment-*.json")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no embedded rule pack: %w", err)
	}
	return fs.ReadFile(schema.Rules, slices.Max(names))
}

// Events implements bundle.Source.
func (s *Source) Events(_ context.Context, c event.UUID, size ledger.Size) iter.Seq2[bundle.Event, error] {
	return func(yield func(bundle.Event, error) bool) {
		for i, e := range s.Entries {
			if ledger.Size(i) >= size {
				return
			}
			if e.Payload == nil || !e.Payload.Case.IsZero() && e.Payload.Case != c {
				continue
			}
			ev := &bundle.Event{Index: ledger.Index(i), Leaf: e.Leaf, Line: e.Line}
			if s.Change != nil {
				if ev = s.Change(*ev); ev == nil {
					continue
				}
			}
			if !yield(*ev, nil) {
				return
			}
		}
	}
}

// Quarantine implements bundle.Source.
func (s *Source) Quarantine(_ context.Context, _ event.UUID, size ledger.Size) iter.Seq2[bundle.Quarantined, error] {
	return func(yield func(bundle.Quarantined, error) bool) {
		for i, e := range s.Entries {
			if e.Payload == nil && ledger.Size(i) < size &&
				!yield(bundle.Quarantined{Index: ledger.Index(i), Leaf: e.Leaf, Line: e.Line, Layer: e.Layer, Code: e.Code, Detail: e.Detail}, nil) {
				return
			}
		}
	}
}

// Leaf implements bundle.Source.
func (s *Source) Leaf(_ context.Context, i ledger.Index) (ledger.Leaf, error) {
	return s.Entries[i].Leaf, nil
}

// Find implements bundle.Source.
func (s *Source) Find(_ context.Context, device event.UUID, seq int64, size ledger.Size) (ledger.Index, bool, error) {
	for i, e := range s.Entries {
		if e.Payload != nil && e.Payload.Device == device && e.Payload.Seq == seq && ledger.Size(i) < size {
			return ledger.Index(i), true, nil
		}
	}
	return 0, false, nil
}

// Chain implements bundle.Source.
func (s *Source) Chain(_ context.Context, device event.UUID, size ledger.Size) (head int64, missing [][2]int64, err error) {
	var have []int64
	for i, e := range s.Entries {
		if e.Payload != nil && e.Payload.Device == device && ledger.Size(i) < size {
			have = append(have, e.Payload.Seq)
		}
	}
	slices.Sort(have)
	for _, seq := range have {
		if seq > head+1 {
			missing = append(missing, [2]int64{head + 1, seq - 1})
		}
		head = seq
	}
	return head, missing, nil
}

// Note implements bundle.Source.
func (s *Source) Note(_ context.Context, size ledger.Size, _ event.Digest) ([]byte, error) {
	return s.Notes[size], nil
}

// Stamped implements bundle.Source.
func (s *Source) Stamped(_ context.Context, size ledger.Size) (list []ledger.Size, err error) {
	for n := range s.Stamps {
		if n <= size {
			list = append(list, n)
		}
	}
	return list, nil
}

// Tokens implements bundle.Source.
func (s *Source) Tokens(_ context.Context, size ledger.Size) ([]bundle.Token, error) {
	return s.Stamps[size], nil
}

// Cosigned implements bundle.Source.
func (s *Source) Cosigned(ctx context.Context, size ledger.Size) (list []ledger.Size, err error) {
	for n := range s.Notes {
		if note, err := s.CosignedNote(ctx, n); err == nil && note != nil && n <= size {
			list = append(list, n)
		}
	}
	return list, nil
}

// CosignedNote implements bundle.Source.
func (s *Source) CosignedNote(_ context.Context, size ledger.Size) ([]byte, error) {
	_, sigs, err := ledger.ParseUnverifiedCheckpoint(s.Notes[size])
	if err != nil || len(sigs) < 2 {
		return nil, err
	}
	return s.Notes[size], nil
}

// Media implements bundle.Source.
func (s *Source) Media(_ context.Context, d event.Digest) (bundle.Media, error) {
	if data, ok := s.Files[d]; ok {
		return bundle.Media{State: bag.MediaPresent, Have: int64(len(data))}, nil
	}
	return bundle.Media{State: bag.MediaMissing, Have: s.Partial[d]}, nil
}

// Open implements bundle.Source.
func (s *Source) Open(_ context.Context, d event.Digest) (io.ReadCloser, error) {
	data, ok := s.Files[d]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Seal implements bundle.Source.
func (s *Source) Seal(_ context.Context, payloadType string, payload []byte) ([]byte, error) {
	return s.Authority.Key.Seal(payloadType, payload)
}
