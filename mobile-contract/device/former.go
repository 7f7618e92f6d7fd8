package device

import (
	"database/sql"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// Shown says how the last checkpoint of a former log was compared with the newest
// one that this device had of it.
type Shown string

// The ways.
const (
	// ShownSame: both are of the same tree.
	ShownSame Shown = "same"
	// ShownProven: the former log's server proved that one continues the other.
	ShownProven Shown = "proven"
	// Unshown: nobody could show it; a person decided to go over all the same.
	Unshown Shown = "unshown"
)

// FormerLog is a log that this device belonged to before.
type FormerLog struct {
	Origin, Server, AuthorityName string
	// Size is how many entries it ended with.
	Size     int64
	Shown    Shown
	Endorsed bool
	// Left is when this device went over to the log that continues it.
	Left string
	// Proven counts own events that it has proven to hold.
	Proven int64
}

func formerLogs(t *tx) (list []FormerLog, err error) {
	rows, err := t.rows(`SELECT origin, server, authority_name, size, shown, endorsed, left_at,
		(SELECT count(*) FROM former_receipts r JOIN events e ON e.id = r.event_id WHERE r.log = former_logs.n AND r.proof IS NOT NULL)
		FROM former_logs ORDER BY n`)
	return list, each(rows, err, func(rows *sql.Rows) error {
		var f FormerLog
		err := rows.Scan(&f.Origin, &f.Server, &f.AuthorityName, &f.Size, &f.Shown, &f.Endorsed, &f.Left, &f.Proven)
		list = append(list, f)
		return err
	})
}

// goOver pins the log that continues the present one, in one transaction: what was
// seen of the present one is kept as that of a former log, and what it has not proven
// to hold is to be handed in again.
func goOver(t *tx, id, next *Identity, f *succession) error {
	var pinned string
	if err := t.row(`SELECT log_origin FROM identity`).Scan(&pinned); err != nil {
		return err
	}
	if pinned != id.LogOrigin {
		return inputf("this device has gone over to %s meanwhile", pinned)
	}
	var n int64
	err := t.row(`INSERT INTO former_logs (origin, log_key, server, authority, authority_name, authority_line, enrolment, enrolment_idx,
		size, root, note, predecessor, shown, endorsed, left_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING n`,
		id.LogOrigin, id.LogKey, id.Server, id.Authority[:], id.AuthorityName, id.AuthorityLine, id.Enrolment[:], id.EnrolmentIndex,
		f.last.size, f.last.root[:], f.last.note, f.entry.Line(), string(f.shown), f.endorsed, t.stamp()).Scan(&n)
	if err != nil {
		return err
	}
	for _, statement := range leaving {
		args := []any{n}
		if !statement.of {
			args = nil
		}
		if err := t.exec(statement.text, args...); err != nil {
			return err
		}
	}
	if err := saveIdentity(t, next); err != nil {
		return err
	}
	if err := t.set(setAudience, next.Server); err != nil {
		return err
	}
	if err := putCheckpoint(t, f.newest, cpLinked); err != nil {
		return err
	}
	for _, v := range []*seal.Verified{f.genesis, f.entry, f.enrolment} {
		if err := putVerified(t, next, v, nil); err != nil {
			return err
		}
	}
	return nil
}

// leaving are the steps that make the pinned log a former one. Places in it mean
// nothing in the next log, which shows the same events again at places of its own.
// Files count as waiting until the next log states that it has them.
var leaving = []struct {
	of   bool // the statement names the former log as $1
	text string
}{
	{true, `INSERT INTO former_checkpoints (note_sha256, log, size, root, note, state, seen_at)
		SELECT note_sha256, $1, size, root, note, state, seen_at FROM checkpoints WHERE true ON CONFLICT DO NOTHING`},
	{true, `INSERT INTO former_receipts (event_id, log, status, idx, received_us, kind, checkpoint_size, proof_size, proof, at)
		SELECT event_id, $1, status, idx, received_us, kind, checkpoint_size, proof_size, proof, at FROM receipts WHERE true
		ON CONFLICT (event_id) DO UPDATE SET log = excluded.log, status = excluded.status, idx = excluded.idx, received_us = excluded.received_us,
		kind = excluded.kind, checkpoint_size = excluded.checkpoint_size, proof_size = excluded.proof_size, proof = excluded.proof, at = excluded.at
		WHERE former_receipts.proof IS NULL`},
	{false, `DELETE FROM checkpoints`},
	{false, `DELETE FROM receipts`},
	{false, `UPDATE events SET state = 'local', code = NULL, detail = NULL WHERE state IN ('sent', 'receipted', 'quarantined')`},
	{false, `UPDATE events SET waits_for = NULL WHERE waits_for IS NOT NULL`},
	{false, `UPDATE carried SET state = 'local', code = NULL, detail = NULL WHERE state <> 'local'`},
	{false, `UPDATE media SET state = 'waiting', uploaded = 0, upload_url = NULL, tries = 0, last_error = NULL, arrival = NULL WHERE state IN ('sent', 'waiting', 'refused')`},
	{false, `UPDATE pulled SET idx = NULL`},
	{false, `DELETE FROM settings WHERE name = '` + setCursor + `'`},
	{false, `DELETE FROM identity`},
}

// chainStart reads what this device's chain began with.
func chainStart(t *tx) (*event.DeviceGenesis, error) {
	var line []byte
	if err := t.row(`SELECT line FROM events WHERE seq = 1`).Scan(&line); err != nil {
		return nil, err
	}
	_, body, err := open(line)
	if err != nil {
		return nil, err
	}
	b, ok := body.(*event.DeviceGenesis)
	if !ok {
		return nil, corruptf("event 1 is not a device.genesis")
	}
	return b, nil
}
