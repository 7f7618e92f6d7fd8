package device

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"runtime"
	"runtime/debug"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// diagnosis is what Diagnostics writes. It holds states, counts, sizes and errors;
// no content of any event, no name of a person, no key, no token.
type diagnosis struct {
	At            string                `json:"at"`
	Program       string                `json:"program"`
	Go            string                `json:"go"`
	System        string                `json:"system"`
	Device        string                `json:"device,omitzero"`
	Key           string                `json:"key,omitzero"`
	KeyRef        string                `json:"key_ref,omitzero"`
	KeyUsable     string                `json:"key_usable,omitzero"`
	Server        string                `json:"server,omitzero"`
	LogOrigin     string                `json:"log_origin,omitzero"`
	SchemaVersion int                   `json:"schema_version"`
	SQLite        string                `json:"sqlite"`
	Integrity     []string              `json:"integrity"`
	Chain         string                `json:"chain"`
	Events        map[State]int64       `json:"events"`
	Media         map[string]MediaCount `json:"media"`
	Rows          map[string]int64      `json:"rows"`
	Checkpoint    int64                 `json:"checkpoint_size"`
	Hold          string                `json:"hold,omitzero"`
	LabelsLeft    int64                 `json:"labels_left"`
	ClockOffsetMS int64                 `json:"clock_offset_ms"`
	Clock         event.Clock           `json:"clock"`
	DiskFree      int64                 `json:"disk_free"`
	Quarantined   []diagnosedEvent      `json:"quarantined"`
	MediaTrouble  []diagnosedFile       `json:"media_trouble"`
	Anomalies     []diagnosedAnomaly    `json:"anomalies"`
	Syncs         []SyncRun             `json:"syncs"`
}

type diagnosedEvent struct {
	Seq    int64  `json:"seq"`
	ID     string `json:"id"`
	Type   string `json:"type"`
	Code   string `json:"code,omitzero"`
	Detail string `json:"detail,omitzero"`
}

type diagnosedFile struct {
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size"`
	State    string `json:"state"`
	Uploaded int64  `json:"uploaded"`
	Error    string `json:"error,omitzero"`
}

type diagnosedAnomaly struct {
	N      int64  `json:"n"`
	At     string `json:"at"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// Diagnostics writes what a person who helps from afar needs to know, as JSON,
// without content, names or secrets. It checks the database's integrity and the
// whole chain with its signatures, so it takes a while on a large store.
func (s *Store) Diagnostics(ctx context.Context, w io.Writer) error {
	st, err := s.Status(ctx)
	if err != nil {
		return err
	}
	d := diagnosis{At: s.now().UTC().Format("2006-01-02T15:04:05Z"), Program: programVersion(), Go: runtime.Version(),
		System: runtime.GOOS + "/" + runtime.GOARCH, Events: st.Events, Media: map[string]MediaCount{}, Checkpoint: st.CheckpointSize,
		Hold: st.Hold, LabelsLeft: st.LabelsLeft, ClockOffsetMS: st.ClockOffsetMS, Clock: s.clock(), DiskFree: st.DiskFree}
	if id := st.Identity; id != nil {
		d.Device, d.Key, d.KeyRef, d.Server, d.LogOrigin = id.Device.String(), id.Key.ID().String(), id.KeyRef, id.Server, id.LogOrigin
		d.KeyUsable = "yes"
		if _, err := s.loadSigner(id); err != nil {
			d.KeyUsable = err.Error()
		}
	}
	for state, c := range st.Media {
		d.Media[string(state)] = c
	}
	for _, e := range append(st.Quarantined, st.Waiting...) {
		d.Quarantined = append(d.Quarantined, diagnosedEvent{e.Seq, e.ID.String(), string(e.Type), e.Code, e.Detail})
	}
	for _, m := range st.MediaFiles {
		d.MediaTrouble = append(d.MediaTrouble, diagnosedFile{m.SHA256.String(), m.Size, string(m.State), m.Uploaded, m.LastError})
	}
	for _, a := range st.Anomalies {
		d.Anomalies = append(d.Anomalies, diagnosedAnomaly{a.N, a.At, string(a.Kind), a.Detail})
	}
	if err := s.read(ctx, func(t *tx) error { return d.database(t, st.Identity) }); err != nil {
		return err
	}
	return json.MarshalWrite(w, d, json.Deterministic(true), jsontext.WithIndent("  "))
}

func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Path + " " + info.Main.Version
}

// database reads what the database says of itself.
func (d *diagnosis) database(t *tx, id *Identity) error {
	if err := t.row(`PRAGMA user_version`).Scan(&d.SchemaVersion); err != nil {
		return err
	}
	if err := t.row(`SELECT sqlite_version()`).Scan(&d.SQLite); err != nil {
		return err
	}
	rows, err := t.rows(`PRAGMA integrity_check(20)`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var line string
		err := rows.Scan(&line)
		d.Integrity = append(d.Integrity, line)
		return err
	})
	if err != nil {
		return err
	}
	d.Rows = map[string]int64{}
	for _, table := range []string{"events", "receipts", "checkpoints", "media", "pulled", "carried", "devices", "persons", "orgs",
		"cases", "things", "label_blocks", "labels", "rule_packs", "handovers", "anomalies", "drafts"} {
		var n int64
		if err := t.row(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
			return err
		}
		d.Rows[table] = n
	}
	rows, err = t.rows(`SELECT started, coalesce(ended, ''), coalesce(outcome, ''), coalesce(detail, '') FROM sync_runs ORDER BY n DESC LIMIT 20`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var r SyncRun
		err := rows.Scan(&r.Started, &r.Ended, &r.Outcome, &r.Detail)
		d.Syncs = append(d.Syncs, r)
		return err
	})
	if err != nil || id == nil {
		return err
	}
	d.Chain = "whole"
	var fault *chainFault
	if err := verifyChain(t, id); errors.As(err, &fault) {
		d.Chain = fault.Error()
	} else if err != nil {
		return err
	}
	return nil
}

// VerifyChain checks this device's whole chain: every signature, number and link.
// An error that wraps ErrCorrupt names the first event that is wrong.
func (s *Store) VerifyChain(ctx context.Context) error {
	id, err := s.Identity(ctx)
	if err != nil {
		return err
	}
	return s.read(ctx, func(t *tx) error { return verifyChain(t, id) })
}

// chainFault is the first thing wrong with a chain.
type chainFault struct{ error }

func (f *chainFault) Unwrap() error { return f.error }

func verifyChain(t *tx, id *Identity) error {
	var seq int64
	var head event.ID
	rows, err := t.rows(`SELECT seq, id, line FROM events ORDER BY seq`)
	return each(rows, err, func(rows *sql.Rows) error {
		var at int64
		var eid event.ID
		var line []byte
		if err := rows.Scan(&at, hashTo(&eid), &line); err != nil {
			return err
		}
		v, refusal, err := seal.Verify(line, oneKey{id.Device, id.Key})
		switch {
		case err != nil:
			return err
		case refusal != nil:
			return &chainFault{corruptf("event %d does not verify: %s", at, refusal.Detail)}
		case v.ID() != eid || v.Payload().Seq != at || at != seq+1 || v.Payload().Prev != head:
			return &chainFault{corruptf("event %d does not follow event %d", at, seq)}
		}
		seq, head = at, eid
		return nil
	})
}
