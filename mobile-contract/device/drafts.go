package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"fieldseal/sync/event"
)

// maxDraft caps a draft's text: more than any event can carry.
const maxDraft = 1 << 20

// KeptDraft is unfinished work: a body as text, not checked in any way.
type KeptDraft struct {
	ID      event.UUID
	Type    event.Type
	Case    event.UUID
	Body    string
	Updated string
}

// KeepDraft saves a draft, over the one with its id where there is one; a zero id
// gets a new one.
func (s *Store) KeepDraft(ctx context.Context, d KeptDraft) (event.UUID, error) {
	if len(d.Body) > maxDraft {
		return d.ID, inputf("a draft of %d bytes, at most %d are kept", len(d.Body), maxDraft)
	}
	err := s.write(ctx, func(t *tx) error {
		if d.ID.IsZero() {
			d.ID = newUUID(t.now)
		}
		return t.exec(`INSERT INTO drafts (draft, type, case_id, body, updated) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (draft) DO UPDATE SET type = excluded.type, case_id = excluded.case_id, body = excluded.body, updated = excluded.updated`,
			d.ID[:], string(d.Type), nullUUID(d.Case), d.Body, t.stamp())
	})
	return d.ID, err
}

const draftColumns = `draft, type, case_id, body, updated`

func scanDraft(row interface{ Scan(...any) error }) (d KeptDraft, err error) {
	err = row.Scan(uuidTo(&d.ID), &d.Type, uuidTo(&d.Case), &d.Body, &d.Updated)
	return d, err
}

// Drafts lists the drafts, the newest first.
func (s *Store) Drafts(ctx context.Context) ([]KeptDraft, error) {
	var list []KeptDraft
	err := s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT ` + draftColumns + ` FROM drafts ORDER BY updated DESC, draft`)
		return each(rows, err, func(rows *sql.Rows) error {
			d, err := scanDraft(rows)
			list = append(list, d)
			return err
		})
	})
	return list, err
}

// DropDraft deletes a draft; one that is gone already is no error.
func (s *Store) DropDraft(ctx context.Context, id event.UUID) error {
	return s.write(ctx, func(t *tx) error { return t.exec(`DELETE FROM drafts WHERE draft = $1`, id[:]) })
}

// DraftByID gives one draft, or ErrNotFound.
func (s *Store) DraftByID(ctx context.Context, id event.UUID) (d KeptDraft, err error) {
	err = s.read(ctx, func(t *tx) (err error) {
		d, err = scanDraft(t.row(`SELECT `+draftColumns+` FROM drafts WHERE draft = $1`, id[:]))
		if errors.Is(err, sql.ErrNoRows) {
			err = fmt.Errorf("%w: no draft %s", ErrNotFound, id)
		}
		return err
	})
	return d, err
}
