package upload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldseal/sync/blob"
)

// conclude brings a complete upload to its end: digest compared, hook told, and
// only then settled. It may be repeated after any failure.
func (s *service) conclude(ctx context.Context, id blob.UploadID) error {
	up, err := s.Store.Finish(ctx, id)
	var wrong *blob.MismatchError
	switch {
	case errors.As(err, &wrong):
		if !up.Settled {
			if herr := s.OnQuarantined(ctx, wrong, up.Meta[metaType], up.Meta[metaOwner]); herr != nil {
				return fmt.Errorf("%w: quarantined upload %s: %w", errHook, id, herr)
			}
		}
	case err != nil:
		return err
	case !up.Settled:
		if herr := s.OnArrived(ctx, up.Wanted, up.Length, up.Meta[metaType], up.Meta[metaOwner]); herr != nil {
			return fmt.Errorf("%w: upload %s of %s: %w", errHook, id, up.Wanted, herr)
		}
	}
	if serr := s.Store.Settle(ctx, id); serr != nil {
		return serr
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

// Swept says what a Sweep did.
type Swept struct {
	Arrived     int // uploads that were complete and have been announced
	Quarantined int // the same for those with another digest
	Open        int // uploads that still await bytes
	Forgotten   int // settled uploads that no longer answer HEAD
}

// Sweep announces what was received in full and not announced when the process
// last ended, and forgets settled uploads after their time. Run it at every start;
// it may run beside the routes. One upload's failure does not keep it from the
// others; all failures are joined in the error.
func Sweep(ctx context.Context, cfg Config) (Swept, error) {
	s, err := newService(cfg)
	if err != nil {
		return Swept{}, err
	}
	var done Swept
	var failed []error
	err = s.Store.Uploads(ctx, func(up blob.Upload) error {
		if up.State == blob.Open && up.Offset < up.Length {
			done.Open++
			return nil
		}
		if up.State == blob.Abandoned || up.Settled {
			return nil
		}
		err := s.conclude(ctx, up.ID)
		var wrong *blob.MismatchError
		switch {
		case errors.As(err, &wrong):
			done.Quarantined++
		case err == nil:
			done.Arrived++
		case errors.Is(err, blob.ErrLocked): // a client is concluding it
		default:
			failed = append(failed, fmt.Errorf("announce upload %s: %w", up.ID, err))
		}
		return nil
	})
	if err != nil {
		failed = append(failed, err)
	}
	if done.Forgotten, err = s.Store.Prune(ctx, time.Now().Add(-settledAge)); err != nil {
		failed = append(failed, err)
	}
	return done, errors.Join(failed...)
}
