package device

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"

	"fieldseal/sync/event"
)

// NewUUID makes a UUIDv7 for a thing that several events speak of.
func NewUUID() event.UUID { return newUUID(time.Now()) }

// ReportDigest is what a signature under a laboratory report covers: SHA-256 over the
// ids of its results.reported events, in order of part. The report must be in the
// store whole, as own events or verified ones of others; otherwise the error wraps
// ErrNotFound.
func (s *Store) ReportDigest(ctx context.Context, report event.UUID) (d event.Digest, err error) {
	parts := map[int64]event.ID{}
	var want int64
	err = s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT id, line FROM events WHERE type = $1 UNION SELECT id, line FROM pulled WHERE type = $1 AND state = 'verified'`,
			string(event.TypeResultsReported))
		return each(rows, err, func(rows *sql.Rows) error {
			var id event.ID
			var line []byte
			if err := rows.Scan(hashTo(&id), &line); err != nil {
				return err
			}
			_, body, err := open(line)
			if err != nil {
				return err
			}
			if b := body.(*event.ResultsReported); b.Report == report {
				want = max(want, b.Parts, 1)
				part := max(b.Part, 1)
				if have, ok := parts[part]; ok && have != id {
					return inputf("report %s has two different parts %d: it cannot be signed before one of them is voided", report, part)
				}
				parts[part] = id
			}
			return nil
		})
	})
	if err != nil {
		return d, err
	}
	h := sha256.New()
	for i := int64(1); i <= want; i++ {
		id, ok := parts[i]
		if !ok {
			return d, fmt.Errorf("%w: part %d of %d of report %s: sync first", ErrNotFound, i, want, report)
		}
		h.Write(id[:])
	}
	if want == 0 {
		return d, fmt.Errorf("%w: report %s: sync first", ErrNotFound, report)
	}
	h.Sum(d[:0])
	return d, nil
}
