package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"fieldseal/sync/event"
)

// labelDigits is the width of a label's number, so that the labels of one prefix
// sort and read alike; larger numbers are simply longer.
const labelDigits = 6

// LabelText is how number n of a block with the given prefix is written.
func LabelText(prefix string, n int64) string { return fmt.Sprintf("%s%0*d", prefix, labelDigits, n) }

// nextLabel takes the next unused number of the oldest block that has one. It is
// taken for good when the transaction commits.
func nextLabel(t *tx) (string, error) {
	for {
		var block event.ID
		var prefix string
		var n int64
		err := t.row(`SELECT event_id, prefix, next FROM label_blocks WHERE next <= last ORDER BY rowid LIMIT 1`).
			Scan(hashTo(&block), &prefix, &n)
		if errors.Is(err, sql.ErrNoRows) {
			return "", fmt.Errorf("%w: sync to fetch a new block, ask an administrator for one, or type the number of a printed label", ErrNoLabels)
		}
		if err != nil {
			return "", err
		}
		if err := t.exec(`UPDATE label_blocks SET next = $2 WHERE event_id = $1`, block[:], n+1); err != nil {
			return "", err
		}
		label := LabelText(prefix, n)
		err = labelFree(t, label)
		if err == nil || !errors.Is(err, ErrLabelUsed) {
			return label, err
		}
		// Somebody typed this number by hand before it was its turn.
	}
}

// labelFree refuses a label that this device gave before.
func labelFree(t *tx, label string) error {
	var n int
	if err := t.row(`SELECT count(*) FROM labels WHERE label = $1`, label).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%w: %q is on another sample of this device; take the next label", ErrLabelUsed, label)
	}
	return nil
}

// LabelsLeft counts the label numbers that this device can still give.
func (s *Store) LabelsLeft(ctx context.Context) (int64, error) {
	var n int64
	err := s.read(ctx, func(t *tx) error {
		return t.row(`SELECT coalesce(sum(last - next + 1), 0) FROM label_blocks WHERE next <= last`).Scan(&n)
	})
	return n, err
}
