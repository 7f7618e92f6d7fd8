package device

import (
	"database/sql"
	"errors"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// Any enrolled device can seal an event into any case: it is accepted, kept and
// shown as a defect. So what others sealed must not by itself change what this
// device knows things by, which goes into the terms that its person seals next.
// The rules here are those by which the custody record judges.

// sealedBy gives the device that sealed an event that is here; zero where it is not.
func sealedBy(t *tx, id event.ID) (dev event.UUID, err error) {
	err = t.row(`SELECT device FROM pulled WHERE id = $1 AND device IS NOT NULL
		UNION ALL SELECT device FROM identity WHERE EXISTS (SELECT 1 FROM events WHERE id = $1) LIMIT 1`, id[:]).Scan(uuidTo(&dev))
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return dev, err
}

// holderOf gives whom a device was enrolled for; zero where that is not known here.
func holderOf(t *tx, dev event.UUID) (person, org event.UUID, err error) {
	err = t.row(`SELECT person, org FROM devices WHERE device = $1`, dev[:]).Scan(uuidTo(&person), uuidTo(&org))
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return person, org, err
}

// sameSide reports whether an event comes from the organisation that an earlier one came from.
func sameSide(t *tx, e entry, earlier event.ID) (bool, error) {
	if e.own {
		return true, nil
	}
	dev, err := sealedBy(t, earlier)
	if err != nil || dev == e.by {
		return err == nil, err
	}
	_, one, err := holderOf(t, e.by)
	if err != nil {
		return false, err
	}
	_, two, err := holderOf(t, dev)
	return one == two && !one.IsZero(), err
}

// entitled reports whether an event comes from who may write in its case.
func entitled(t *tx, e entry) (bool, error) {
	if e.own {
		return true, nil
	}
	return mayWrite(t, e.caseID, e.by)
}

// mayWrite reports whether a device belongs to the organisation that opened a case,
// or has a right to write in it. Of a case whose opening is not here nothing is known
// against anybody.
func mayWrite(t *tx, caseID, dev event.UUID) (bool, error) {
	var opening event.ID
	err := t.row(`SELECT event_id FROM cases WHERE case_id = $1`, caseID[:]).Scan(hashTo(&opening))
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	opener, err := sealedBy(t, opening)
	if err != nil || opener == dev {
		return err == nil, err
	}
	person, org, err := holderOf(t, dev)
	if err != nil || org.IsZero() {
		return false, err
	}
	if _, owner, err := holderOf(t, opener); err != nil || owner == org {
		return err == nil, err
	}
	return granted(t, caseID, person, org)
}

// granted reports whether the authority gave somebody the right to write in a case and has not ended it.
func granted(t *tx, caseID, person, org event.UUID) (bool, error) {
	rights := map[event.UUID]bool{}
	rows, err := t.rows(`SELECT line FROM pulled WHERE case_id = $1 AND type IN ($2, $3) AND state = 'verified' ORDER BY idx`,
		caseID[:], string(event.TypeCaseGranted), string(event.TypeGrantRevoked))
	err = each(rows, err, func(rows *sql.Rows) error {
		var line []byte
		if err := rows.Scan(&line); err != nil {
			return err
		}
		env, err := seal.ParseEnvelope(line)
		if err != nil {
			return err
		}
		p, err := event.Parse(env.Payload)
		if err != nil {
			return err
		}
		body, err := event.ParseBody(p.Type, p.Body)
		switch b := body.(type) {
		case *event.CaseGranted:
			if b.Right == "write" && (!b.Org.IsZero() && b.Org == org || !b.Person.IsZero() && b.Person == person) {
				rights[b.Grant] = true
			}
		case *event.GrantRevoked:
			delete(rights, b.Grant)
		}
		return err
	})
	return len(rights) > 0, err
}

// mayDescribe reports whether an event may say what a thing is called: a new thing,
// one of its own organisation, or one that so far only a handover, or somebody
// without a right in the case, has spoken of.
func mayDescribe(t *tx, e entry, th thing) (bool, error) {
	var first event.ID
	var caseID event.UUID
	var offered bool
	err := t.row(`SELECT event_id, case_id, event_id IN (SELECT offer FROM handovers) FROM things WHERE kind = $1 AND id = $2`,
		string(th.kind), th.id[:]).Scan(hashTo(&first), uuidTo(&caseID), &offered)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (e.own || first == e.id) {
		return true, nil
	}
	if err != nil || caseID != e.caseID {
		return false, err
	}
	if !offered {
		if ok, err := sameSide(t, e, first); ok || err != nil {
			return ok, err
		}
		dev, err := sealedBy(t, first)
		if err != nil {
			return false, err
		}
		if ok, err := mayWrite(t, caseID, dev); ok || err != nil {
			return false, err
		}
	}
	return entitled(t, e)
}
