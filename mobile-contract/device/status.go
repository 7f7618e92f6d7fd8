package device

import (
	"context"
	"database/sql"
	"errors"
)

const (
	// lowDisk is the free space below which the status warns: a day of photos.
	lowDisk = 2 << 30
	// lowLabels is how few label numbers left make the status advise a sync.
	lowLabels = 10
	// listed caps the entries of each list in a status; the counts are always whole.
	listed = 50
)

// Status is what is safe, what waits, and why.
type Status struct {
	// Identity is nil before the enrolment.
	Identity *Identity
	// Events counts this device's events by state.
	Events map[State]int64
	// Waiting are local events with a reason of their own, such as one too large to be sent.
	Waiting []Event
	// Quarantined are the events that the server keeps aside.
	Quarantined []Event
	// Pending counts events that the server has, but where it lacks an earlier one.
	Pending int64
	// Hold says why capturing is stopped; empty while it is not.
	Hold string

	Media      map[MediaState]MediaCount
	MediaFiles []MediaFile // those that are not held or sent, at most 50

	// OpenHandovers are offered and not answered, or accepted and not yet concluded here.
	OpenHandovers int64
	// UncheckedPeers counts handovers whose other side could not be checked yet.
	UncheckedPeers int64
	Carried        int64 // others' events still to be delivered
	Drafts         int64
	LabelsLeft     int64
	Cases          int64
	Things         int64
	Pulled         int64
	// CheckpointSize is the newest checkpoint that this device trusts.
	CheckpointSize int64
	// Former are the logs that this device belonged to before, oldest first.
	Former []FormerLog
	// ClockOffsetMS is server time minus device time when last observed, ClockSeen when; empty for never.
	ClockOffsetMS int64
	ClockSeen     string
	LastSync      *SyncRun
	Anomalies     []Anomaly // open ones, at most 50, without their evidence
	// DiskFree is the free bytes where the store is, -1 where that cannot be known.
	DiskFree int64
}

// MediaCount sums up files.
type MediaCount struct{ Files, Bytes, Uploaded int64 }

// SyncRun is one sync of the past.
type SyncRun struct {
	Started, Ended string
	// Outcome is done, offline, failed or fault; empty where it was cut off.
	Outcome, Detail string
}

// Safe reports whether everything captured is proven to be in the ledger, with its files.
func (st *Status) Safe() bool {
	return st.Identity != nil && st.Unproven() == 0 && st.Events[StateQuarantined] == 0 && len(st.MediaFiles) == 0 && len(st.Anomalies) == 0
}

// Unproven counts events that are not yet shown to be in the ledger.
func (st *Status) Unproven() int64 {
	return st.Events[StateLocal] + st.Events[StateSent] + st.Events[StateReceipted]
}

// Status tells how this device stands. It needs no network.
func (s *Store) Status(ctx context.Context) (*Status, error) {
	st := &Status{Events: map[State]int64{}, Media: map[MediaState]MediaCount{}, DiskFree: diskFree(s.dir)}
	id, err := s.Identity(ctx)
	if err != nil && !errors.Is(err, ErrNotEnrolled) {
		return nil, err
	}
	st.Identity = id
	err = s.read(ctx, func(t *tx) error {
		for _, part := range []func(*tx, *Status) error{statusCounts, statusEvents, s.statusMedia, statusSync} {
			if err := part(t, st); err != nil {
				return err
			}
		}
		return nil
	})
	return st, err
}

func statusCounts(t *tx, st *Status) error {
	var err error
	if st.Hold, err = t.setting(setHold); err != nil {
		return err
	}
	if st.Former, err = formerLogs(t); err != nil {
		return err
	}
	return t.row(`SELECT
		(SELECT count(*) FROM handovers WHERE state = 'offered' OR side = 'from' AND state = 'accepted'),
		(SELECT count(*) FROM handovers WHERE peer_known = 0 AND answer IS NOT NULL),
		(SELECT count(*) FROM carried WHERE state = 'local'),
		(SELECT count(*) FROM drafts),
		(SELECT coalesce(sum(last - next + 1), 0) FROM label_blocks WHERE next <= last),
		(SELECT count(*) FROM cases), (SELECT count(*) FROM things), (SELECT count(*) FROM pulled),
		(SELECT coalesce(max(size), 0) FROM checkpoints WHERE state = 'linked'),
		(SELECT count(*) FROM events WHERE waits_for IS NOT NULL)`).
		Scan(&st.OpenHandovers, &st.UncheckedPeers, &st.Carried, &st.Drafts, &st.LabelsLeft, &st.Cases, &st.Things, &st.Pulled,
			&st.CheckpointSize, &st.Pending)
}

func statusEvents(t *tx, st *Status) error {
	rows, err := t.rows(`SELECT state, count(*) FROM events GROUP BY state`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var state State
		var n int64
		err := rows.Scan(&state, &n)
		st.Events[state] = n
		return err
	})
	if err != nil {
		return err
	}
	rows, err = t.rows(`SELECT `+ownColumns+` FROM `+ownFrom+`
		WHERE e.state = 'quarantined' OR e.state = 'local' AND e.detail IS NOT NULL ORDER BY e.seq LIMIT $1`, listed)
	return each(rows, err, func(rows *sql.Rows) error {
		e, err := scanOwn(rows)
		if e.State == StateQuarantined {
			st.Quarantined = append(st.Quarantined, e)
		} else {
			st.Waiting = append(st.Waiting, e)
		}
		return err
	})
}

func (s *Store) statusMedia(t *tx, st *Status) error {
	rows, err := t.rows(`SELECT state, count(*), sum(size), sum(uploaded) FROM media GROUP BY state`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var state MediaState
		var c MediaCount
		err := rows.Scan(&state, &c.Files, &c.Bytes, &c.Uploaded)
		st.Media[state] = c
		return err
	})
	if err != nil {
		return err
	}
	rows, err = t.rows(`SELECT `+mediaColumns+` FROM media WHERE state IN ('waiting', 'refused', 'damaged') ORDER BY rowid LIMIT $1`, listed)
	return each(rows, err, func(rows *sql.Rows) error {
		m, err := s.scanMedia(rows)
		st.MediaFiles = append(st.MediaFiles, m)
		return err
	})
}

func statusSync(t *tx, st *Status) error {
	var run SyncRun
	err := t.row(`SELECT started, coalesce(ended, ''), coalesce(outcome, ''), coalesce(detail, '') FROM sync_runs ORDER BY n DESC LIMIT 1`).
		Scan(&run.Started, &run.Ended, &run.Outcome, &run.Detail)
	switch {
	case err == nil:
		st.LastSync = &run
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	err = t.row(`SELECT offset_ms, at FROM clock ORDER BY at DESC LIMIT 1`).Scan(&st.ClockOffsetMS, &st.ClockSeen)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	rows, err := t.rows(`SELECT n, at, kind, detail FROM anomalies WHERE acknowledged IS NULL ORDER BY n LIMIT $1`, listed)
	return each(rows, err, func(rows *sql.Rows) error {
		var a Anomaly
		err := rows.Scan(&a.N, &a.At, &a.Kind, &a.Detail)
		st.Anomalies = append(st.Anomalies, a)
		return err
	})
}
