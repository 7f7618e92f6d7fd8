package device

import (
	"database/sql"
	"fmt"

	"fieldseal/sync/event"
)

// exportedFormer is former/N/log.json: a log that this device belonged to before, how
// it ended, and the statement by which the next one continues it.
type exportedFormer struct {
	Origin           string `json:"log_origin"`
	LogKey           string `json:"log_key"`
	Server           string `json:"server"`
	AuthorityName    string `json:"authority_name"`
	AuthorityGenesis string `json:"authority_genesis"`
	Enrolment        string `json:"enrolment"`
	EnrolmentIndex   int64  `json:"enrolment_index"`
	Size             int64  `json:"size"`
	Checkpoint       string `json:"checkpoint"`
	Predecessor      string `json:"predecessor"`
	Shown            Shown  `json:"shown"`
	Endorsed         bool   `json:"endorsed"`
	Left             string `json:"left"`
}

// former writes what this device was shown by logs that it belonged to before.
func (a *archive) former(t *tx, id *Identity) error {
	list := map[int64]exportedFormer{}
	var order []int64
	rows, err := t.rows(`SELECT n, origin, log_key, server, authority_name, authority_line, enrolment, enrolment_idx, size, note, predecessor, shown, endorsed, left_at
		FROM former_logs ORDER BY n`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var n int64
		var f exportedFormer
		var enrolment event.ID
		var genesis, note, entry []byte
		err := rows.Scan(&n, &f.Origin, &f.LogKey, &f.Server, &f.AuthorityName, &genesis, hashTo(&enrolment), &f.EnrolmentIndex, &f.Size, &note, &entry, &f.Shown, &f.Endorsed, &f.Left)
		f.AuthorityGenesis, f.Checkpoint, f.Predecessor, f.Enrolment = string(genesis), string(note), string(entry), enrolment.String()
		list[n] = f
		order = append(order, n)
		return err
	})
	if err != nil {
		return err
	}
	for _, n := range order {
		folder := fmt.Sprintf("former/%d/", n)
		if err := a.json(folder+"log.json", list[n]); err != nil {
			return err
		}
		if err := a.formerCheckpoints(t, folder, n); err != nil {
			return err
		}
		if err := a.proofFiles(t, id, folder, `SELECT e.seq, e.id, e.line, r.idx, r.received_us, r.kind, r.status = 'quarantined', r.proof,
			(SELECT note FROM former_checkpoints c WHERE c.log = r.log AND c.size = r.proof_size AND c.state = 'linked' ORDER BY c.rowid LIMIT 1)
			FROM events e JOIN former_receipts r ON r.event_id = e.id WHERE r.proof IS NOT NULL AND r.log = $1 ORDER BY e.seq`, n); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) formerCheckpoints(t *tx, folder string, n int64) error {
	rows, err := t.rows(`SELECT size, note_sha256, note, state FROM former_checkpoints WHERE log = $1 ORDER BY size, note_sha256`, n)
	return each(rows, err, func(rows *sql.Rows) error {
		var size int64
		var d event.Digest
		var note []byte
		var state string
		if err := rows.Scan(&size, hashTo(&d), &note, &state); err != nil {
			return err
		}
		return a.text(fmt.Sprintf("%scheckpoints/%d-%s-%.8s.txt", folder, size, state, d), string(note))
	})
}
