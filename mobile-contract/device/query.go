package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// State says how far an own event has come, see schema/device.
type State string

// The states of an own event.
const (
	StateLocal       State = "local"
	StateSent        State = "sent"
	StateReceipted   State = "receipted"
	StateProven      State = "proven"
	StateQuarantined State = "quarantined"
)

// Event is an event of the store: one of this device's chain, or a verified one of others.
type Event struct {
	ID   event.ID
	Type event.Type
	Case event.UUID
	Seq  int64
	Own  bool
	// Device sealed it.
	Device event.UUID
	Wall   event.Stamp
	State  State
	// Code and Detail say why it is in quarantine; WaitsFor what it waits for there.
	Code, Detail string
	WaitsFor     int64
	// Index and ReceivedUS are the ledger's, -1 and 0 where they are not known.
	Index      int64
	ReceivedUS int64
	// Former names the log that these two are of, where it is not the pinned one: the
	// pinned log continues it.
	Former string
	Line   []byte
}

// EventFilter selects events; the zero value selects all own ones.
type EventFilter struct {
	Case event.UUID
	Type event.Type
	// States selects own events by state.
	States []State
	// After is the sequence number to begin behind; Limit 0 is no limit.
	After, Limit int64
}

// Events lists own events in the order of the chain.
func (s *Store) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	var list []Event
	err := s.read(ctx, func(t *tx) error {
		limit := f.Limit
		if limit <= 0 {
			limit = event.MaxSeq
		}
		rows, err := t.rows(`SELECT `+ownColumns+` FROM `+ownFrom+`
			WHERE e.seq > $1 AND ($2 = '' OR e.type = $2) AND ($3 IS NULL OR e.case_id = $3) ORDER BY e.seq`,
			f.After, string(f.Type), nullUUID(f.Case))
		stop := errors.New("enough")
		err = each(rows, err, func(rows *sql.Rows) error {
			e, err := scanOwn(rows)
			if err != nil || len(f.States) > 0 && !slices.Contains(f.States, e.State) {
				return err
			}
			if list = append(list, e); int64(len(list)) >= limit {
				return stop
			}
			return nil
		})
		if errors.Is(err, stop) {
			return nil
		}
		return err
	})
	return list, err
}

const ownColumns = `e.id, e.type, e.case_id, e.seq, e.wall, e.state, coalesce(e.code, ''), coalesce(e.detail, ''), coalesce(e.waits_for, 0),
	coalesce(r.idx, f.idx, -1), coalesce(r.received_us, f.received_us, 0),
	CASE WHEN r.idx IS NULL AND f.log IS NOT NULL THEN (SELECT origin FROM former_logs WHERE n = f.log) ELSE '' END, e.line`

// ownFrom are this device's events with the receipt of the pinned log, or that of a former one.
const ownFrom = `events e LEFT JOIN receipts r ON r.event_id = e.id LEFT JOIN former_receipts f ON f.event_id = e.id`

func scanOwn(row interface{ Scan(...any) error }) (e Event, err error) {
	err = row.Scan(hashTo(&e.ID), &e.Type, uuidTo(&e.Case), &e.Seq, &e.Wall, &e.State, &e.Code, &e.Detail, &e.WaitsFor, &e.Index, &e.ReceivedUS, &e.Former, &e.Line)
	e.Own = true
	return e, err
}

// Event gives one event, own or pulled, with its payload and body. The envelope of
// a pulled event was verified.
func (s *Store) Event(ctx context.Context, id event.ID) (Event, *event.Payload, event.Body, error) {
	var e Event
	err := s.read(ctx, func(t *tx) (err error) {
		e, err = scanOwn(t.row(`SELECT `+ownColumns+` FROM `+ownFrom+` WHERE e.id = $1`, id[:]))
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		e = Event{ID: id}
		err = t.row(`SELECT type, case_id, seq, device, coalesce(idx, -1), coalesce(received_us, 0), line FROM pulled WHERE id = $1 AND state = 'verified'`, id[:]).
			Scan(&e.Type, uuidTo(&e.Case), &e.Seq, uuidTo(&e.Device), &e.Index, &e.ReceivedUS, &e.Line)
		if errors.Is(err, sql.ErrNoRows) {
			err = fmt.Errorf("%w: event %s", ErrNotFound, id)
		}
		return err
	})
	if err != nil {
		return e, nil, nil, err
	}
	p, b, err := open(e.Line)
	if err == nil {
		e.Device, e.Wall = p.Device, p.Clock.Wall
	}
	return e, p, b, err
}

// open reads an envelope that was verified when it was stored.
func open(line []byte) (*event.Payload, event.Body, error) {
	env, err := seal.ParseEnvelope(line)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	b, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return &p, b, nil
}

// CaseInfo is a case that this device knows.
type CaseInfo struct {
	ID                       event.UUID
	Number, Title, Authority string
	// Own says that it was opened on this device.
	Own bool
}

// Cases lists the cases, by number.
func (s *Store) Cases(ctx context.Context) ([]CaseInfo, error) {
	var list []CaseInfo
	err := s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT case_id, number, title, authority, own FROM cases ORDER BY number, case_id`)
		return each(rows, err, func(rows *sql.Rows) error {
			var c CaseInfo
			err := rows.Scan(uuidTo(&c.ID), &c.Number, &c.Title, &c.Authority, &c.Own)
			list = append(list, c)
			return err
		})
	})
	return list, err
}

// Thing is something that events speak of.
type Thing struct {
	event.Ref
	Case   event.UUID
	Label  string
	SealNo string
	Parent event.UUID
	// Event is the event that made it.
	Event event.ID
	Own   bool
	// Void says that the event was withdrawn.
	Void bool
}

// ThingFilter selects things; the zero value selects all.
type ThingFilter struct {
	Case  event.UUID
	Kind  event.RefKind
	Label string
}

// Things lists things, by kind and label.
func (s *Store) Things(ctx context.Context, f ThingFilter) ([]Thing, error) {
	var list []Thing
	err := s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT kind, id, case_id, label, seal_no, parent, event_id, own, void_by IS NOT NULL FROM things
			WHERE ($1 IS NULL OR case_id = $1) AND ($2 = '' OR kind = $2) AND ($3 = '' OR label = $3) ORDER BY kind, label, id`,
			nullUUID(f.Case), string(f.Kind), f.Label)
		return each(rows, err, func(rows *sql.Rows) error {
			var h Thing
			err := rows.Scan(&h.Kind, uuidTo(&h.ID), uuidTo(&h.Case), &h.Label, &h.SealNo, uuidTo(&h.Parent), hashTo(&h.Event), &h.Own, &h.Void)
			list = append(list, h)
			return err
		})
	})
	return list, err
}

// Person is somebody that the authority registered.
type Person struct {
	ID, Org         event.UUID
	Name, OrgName   string
	CredentialNo    string
	CredentialUntil event.Date
	Disabled        bool
}

// Persons lists the people that this device knows, by name.
func (s *Store) Persons(ctx context.Context) ([]Person, error) {
	var list []Person
	err := s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT p.person, p.org, p.name, coalesce(o.name, ''), p.credential_no, p.credential_until, p.disabled
			FROM persons p LEFT JOIN orgs o ON o.org = p.org ORDER BY p.name, p.person`)
		return each(rows, err, func(rows *sql.Rows) error {
			var p Person
			err := rows.Scan(uuidTo(&p.ID), uuidTo(&p.Org), &p.Name, &p.OrgName, &p.CredentialNo, &p.CredentialUntil, &p.Disabled)
			list = append(list, p)
			return err
		})
	})
	return list, err
}

// Org is an organisation that the authority registered.
type Org struct {
	ID           event.UUID
	Kind         event.OrgKind
	Name, NameZH string
}

// Orgs lists the organisations, by name.
func (s *Store) Orgs(ctx context.Context) ([]Org, error) {
	var list []Org
	err := s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT org, kind, name, name_zh FROM orgs ORDER BY name, org`)
		return each(rows, err, func(rows *sql.Rows) error {
			var o Org
			err := rows.Scan(uuidTo(&o.ID), &o.Kind, &o.Name, &o.NameZH)
			list = append(list, o)
			return err
		})
	})
	return list, err
}

// RulePack gives the newest content of a rule pack that is in force on a day, and
// its version; ErrNotFound where there is none.
func (s *Store) RulePack(ctx context.Context, pack string, on event.Date) (version, content string, err error) {
	err = s.read(ctx, func(t *tx) error {
		err := t.row(`SELECT version, content FROM rule_packs WHERE pack = $1 AND effective <= $2 ORDER BY effective DESC, version DESC LIMIT 1`,
			pack, string(on)).Scan(&version, &content)
		if errors.Is(err, sql.ErrNoRows) {
			err = fmt.Errorf("%w: rule pack %q in force on %s", ErrNotFound, pack, on)
		}
		return err
	})
	return version, content, err
}

// HandoverInfo is a handover in which this device is one side.
type HandoverInfo struct {
	Handover event.UUID
	Case     event.UUID
	// Side is "from" where this device gives, "to" where it receives.
	Side string
	// State is offered, accepted, concluded or declined.
	State string
	Terms event.Terms
	// PeerKnown says that the other side's signature was checked, PeerWrong that it was found to be wrong.
	PeerKnown, PeerWrong bool
	At                   string
}

// Handovers lists the handovers of this device, the newest first.
func (s *Store) Handovers(ctx context.Context) ([]HandoverInfo, error) {
	var list []HandoverInfo
	err := s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT handover, case_id, side, state, terms, peer_known, at FROM handovers ORDER BY at DESC, handover`)
		return each(rows, err, func(rows *sql.Rows) error {
			var h HandoverInfo
			var terms string
			var known int
			if err := rows.Scan(uuidTo(&h.Handover), uuidTo(&h.Case), &h.Side, &h.State, &terms, &known, &h.At); err != nil {
				return err
			}
			h.PeerKnown, h.PeerWrong = known == 1, known == 2
			var err error
			h.Terms, err = event.ParseTerms(terms)
			list = append(list, h)
			return err
		})
	})
	return list, err
}

// Reshow gives the text of this device's half of a handover again.
func (s *Store) Reshow(ctx context.Context, handover event.UUID) (*Handed, error) {
	id, err := s.Identity(ctx)
	if err != nil {
		return nil, err
	}
	var out *Handed
	err = s.read(ctx, func(t *tx) error {
		out, err = reshow(t, id, handover)
		return err
	})
	return out, err
}

// ThingOf is the thing that a body makes or describes: its kind, id, label, seal
// number and parent; false where there is none.
func ThingOf(b event.Body) (Thing, bool) {
	t, ok := thingOf(b)
	return Thing{Ref: event.Ref{Kind: t.kind, ID: t.id}, Label: t.label, SealNo: t.seal, Parent: t.parent}, ok
}
