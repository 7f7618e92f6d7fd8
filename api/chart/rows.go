package chart

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

// Row is one record of a series with where it stands; the reading is valid during
// the call only.
type Row struct {
	Segment, N int64
	*custody.Reading
}

// Rows calls fn with every record of a series in order of its segments, those left
// out of charts left out here. Each segment is read in a transaction of its own, so
// that a slow taker holds nothing. Errors wrap ErrSeries or are those of fn.
func (r *Reader) Rows(ctx context.Context, id, seriesID event.UUID, fn func(Row) error) error {
	var start *event.AirStarted
	var list []*segment
	err := r.read(ctx, func(tx *store.Tx) error {
		k, err := r.current(tx, id)
		if err != nil {
			return err
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		s := k.series[seriesID]
		if s == nil || s.started == nil {
			return fmt.Errorf("%w: %s", ErrSeries, seriesID)
		}
		start, list = s.started, slices.Clone(s.segments)
		return nil
	})
	if err != nil {
		return err
	}
	readings, why := custody.NewReadings(start)
	if readings == nil {
		return fmt.Errorf("%w: %s cannot be read: %s", ErrSeries, seriesID, why.EN)
	}
	for _, g := range list {
		raw, err := r.raw(ctx, g)
		if err != nil {
			return err
		}
		n := int64(0)
		var failed error
		readings.Read(raw, func(v *custody.Reading) {
			n++
			if failed == nil {
				failed = fn(Row{g.n, n, v})
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// Channels gives the channels of a series.
func (r *Reader) Channels(ctx context.Context, id, seriesID event.UUID) ([]event.Channel, error) {
	list, err := r.List(ctx, id)
	for _, s := range list {
		if s.Series == seriesID {
			return s.Channels, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%w: %s", ErrSeries, seriesID)
	}
	return nil, err
}

func (r *Reader) raw(ctx context.Context, g *segment) (raw []byte, err error) {
	err = r.store.Read(ctx, func(tx *store.Tx) error {
		row, found, err := tx.EventAt(g.index)
		if err != nil || !found {
			return errors.Join(err, missingRow(g.index, found))
		}
		e, err := projection.EntryOf(row)
		if err != nil {
			return err
		}
		b, ok := e.Body.(*event.AirSegment)
		if !ok {
			return errNoSegment
		}
		raw = b.Raw
		return nil
	})
	return raw, err
}
