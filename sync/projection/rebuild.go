package projection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// ErrRow is wrapped where an event row does not say what its exact bytes say; run fsck.
var ErrRow = errors.New("projection: an event row contradicts its bytes")

// rebuildChunk is how many events are read at a time: a megabyte.
const rebuildChunk = 1000

// tables are the read models, in no order that matters.
var tables = []table{
	{"orgs", 1, "id, kind, name, name_zh, accreditation, idx"},
	{"persons", 1, "id, org, name, login, roles, credential_no, credential_from, credential_until, disabled, idx"},
	{"devices", 1, "n, id, person, org, key_id, alg, spki, model, app, enrolment, enrolled, enrolled_idx, revoked, revoked_idx, revoked_cause"},
	{"runs", 2, "dev, first, last, first_prev, last_id"},
	{"cases", 1, "n, id, number, title, authority, org, opened_by, opened, opened_idx, first_idx, last_idx, events"},
	{"grants", 1, "id, case_n, org, person, allows, until, reason, idx, revoked_idx"},
	{"media", 1, "sha, size, type, arrived, arrived_idx, bad, bad_idx"},
	{"media_refs", 2, "sha, idx, case_n, size, type, name"},
	{"items", 1, "id, kind, case_n, label, find, held, sha, idx"},
	{"label_blocks", 1, "idx, device, prefix, first, last"},
	{"rule_packs", 1, "idx, pack, version, jurisdiction, effective, sha"},
	{"statements", 2, "subject, idx"},
	{"settled", 1, "idx, item, resolution, reason, actor"},
}

// table is a read model: its name, how many of its columns, the first ones, are
// its key, and its columns.
type table struct {
	name    string
	key     int
	columns string
}

// Rebuild empties the read models and computes them again from the event rows,
// in one transaction that holds the ledger. progress, which may be nil, is told
// how many of how many log entries are done.
func Rebuild(ctx context.Context, s *store.Store, progress func(done, total int64)) error {
	return s.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockLedger(); err != nil {
			return err
		}
		for _, t := range tables {
			if _, err := tx.Exec("DELETE FROM " + t.name); err != nil {
				return err
			}
		}
		return Fill(tx, tx, progress)
	})
}

// Fill computes the read models of dst, which are empty, from the event rows of
// src, which may be the same transaction. An error that wraps ErrRow names the
// row that it could not go past.
func Fill(dst, src *store.Tx, progress func(done, total int64)) error {
	last, _, err := src.LastCheckpoint()
	if err != nil {
		return err
	}
	var reg Registry
	runs := map[int64]reconcile.Runs{}
	for after := int64(-1); ; {
		rows, err := all(src, store.ScanEvent, "SELECT "+store.EventColumns+" FROM events WHERE idx > $1 ORDER BY idx LIMIT $2", after, int64(rebuildChunk))
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		if err := fillChunk(dst, &reg, runs, rows); err != nil {
			return err
		}
		after = rows[len(rows)-1].Index
		if progress != nil {
			progress(after+1, last.Size)
		}
	}
	for _, dev := range slices.Sorted(maps.Keys(runs)) {
		if err := SaveRuns(dst, dev, nil, runs[dev]); err != nil {
			return err
		}
	}
	return nil
}

func fillChunk(dst *store.Tx, reg *Registry, runs map[int64]reconcile.Runs, rows []store.EventRow) error {
	entries := make([]Entry, len(rows))
	for i, r := range rows {
		e, err := EntryOf(r)
		if err != nil {
			return err
		}
		entries[i] = e
	}
	if err := Apply(dst, reg, entries); err != nil {
		return err
	}
	for i, r := range rows {
		e := &entries[i]
		if e.Dev != r.Dev || e.Case != r.Case {
			return fmt.Errorf("%w: event %d is filed under device %d and case %d, but comes to %d and %d", ErrRow, r.Index, r.Dev, r.Case, e.Dev, e.Case)
		}
		seq := e.Payload.Seq
		if runs[e.Dev].Holds(seq) {
			return fmt.Errorf("%w: event %d is a second event %d of device %s", ErrRow, r.Index, seq, e.Payload.Device)
		}
		runs[e.Dev] = runs[e.Dev].Add(seq, e.ID, e.Payload.Prev)
	}
	return nil
}

// EntryOf reads an event row's exact bytes. It checks no signature, only that
// they are the event that the row says; errors wrap ErrRow.
func EntryOf(r store.EventRow) (Entry, error) {
	fail := func(err error) (Entry, error) { return Entry{}, fmt.Errorf("%w: event %d: %w", ErrRow, r.Index, err) }
	env, err := seal.ParseEnvelope(r.Line)
	if err != nil {
		return fail(err)
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return fail(err)
	}
	body, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		return fail(err)
	}
	if id := seal.IDOf(env.Payload); id != r.ID || p.UUID != r.UUID || p.Seq != r.Seq || p.Type != r.Type {
		return fail(fmt.Errorf("its bytes are event %s, %s, number %d, UUID %s", id, p.Type, p.Seq, p.UUID))
	}
	return Entry{Index: r.Index, Received: r.Received, ID: r.ID, Payload: &p, Body: body, Dev: r.Dev, Case: r.Case}, nil
}
