package device

import (
	"context"
	"database/sql"
	"fmt"
)

// maxEvidence caps what is kept of one wrong answer: two checkpoints or an answer to
// a batch fit many times; a hostile server must not fill the disk with evidence.
const maxEvidence = 1 << 20

// maxAnomalies caps the anomalies kept; the first ones tell most.
const maxAnomalies = 1000

// Anomaly is evidence of what must not happen and did.
type Anomaly struct {
	N      int64
	At     string
	Kind   FaultKind
	Detail string
	// One and Two are the exact bytes that show it, such as two checkpoints.
	One, Two []byte
	// Acknowledged is when a person said that it was seen to; empty before.
	Acknowledged string
}

// fault keeps evidence and gives the error that tells of it.
func (s *Store) fault(ctx context.Context, kind FaultKind, one, two []byte, format string, args ...any) error {
	f := &ServerFault{Kind: kind, Detail: fmt.Sprintf(format, args...)}
	// Evidence must be kept also when the person has just stopped the sync.
	err := s.write(context.WithoutCancel(ctx), func(t *tx) (err error) {
		f.N, err = putAnomaly(t, kind, f.Detail, one, two)
		return err
	})
	if err != nil {
		return fmt.Errorf("%w (the evidence could not be kept: %w)", f, err)
	}
	return f
}

// putAnomaly stores evidence and gives its number; the same finding twice keeps its number.
func putAnomaly(t *tx, kind FaultKind, detail string, one, two []byte) (int64, error) {
	one, two = one[:min(len(one), maxEvidence)], two[:min(len(two), maxEvidence)]
	var n, count int64
	err := t.row(`SELECT n FROM anomalies WHERE kind = $1 AND detail = $2 AND acknowledged IS NULL`, string(kind), detail).Scan(&n)
	if err != sql.ErrNoRows {
		return n, err
	}
	if err := t.row(`SELECT count(*) FROM anomalies`).Scan(&count); err != nil {
		return 0, err
	}
	if count >= maxAnomalies {
		return 0, nil
	}
	err = t.row(`INSERT INTO anomalies (at, kind, detail, one, two) VALUES ($1, $2, $3, $4, $5) RETURNING n`,
		t.stamp(), string(kind), detail, one, two).Scan(&n)
	return n, err
}

// Anomalies lists the evidence, oldest first.
func (s *Store) Anomalies(ctx context.Context) ([]Anomaly, error) {
	var list []Anomaly
	err := s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT n, at, kind, detail, one, two, coalesce(acknowledged, '') FROM anomalies ORDER BY n`)
		return each(rows, err, func(rows *sql.Rows) error {
			var a Anomaly
			err := rows.Scan(&a.N, &a.At, &a.Kind, &a.Detail, &a.One, &a.Two, &a.Acknowledged)
			list = append(list, a)
			return err
		})
	})
	return list, err
}

// Acknowledge marks an anomaly as seen to; its evidence stays.
func (s *Store) Acknowledge(ctx context.Context, n int64) error {
	return s.write(ctx, func(t *tx) error {
		rows, err := t.changed(`UPDATE anomalies SET acknowledged = $2 WHERE n = $1 AND acknowledged IS NULL`, n, t.stamp())
		if err == nil && rows == 0 {
			return fmt.Errorf("%w: no anomaly %d that is still open", ErrNotFound, n)
		}
		return err
	})
}
