package projection

import (
	"slices"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// Arrival is something new in the log, as far as a live view tells of it: where it
// is and of what kind, without its content.
type Arrival struct {
	Index int64
	// Type is the event's; empty for a line in quarantine, which has a Code.
	Type event.Type
	Code string
	// Case is the case that it belongs to, that a file's event mentions, or that a line
	// in quarantine claims; zero for none.
	Case     event.UUID
	ID       event.ID
	Received time.Time
}

// everyonesTypes are the events of no case that tell everyone who is signed in.
const everyonesTypes = "('org.registered', 'person.registered', 'device.enrolled', 'device.revoked', 'rulepack.published')"

// Arrivals gives what came after a log place that a person may see, in log order
// and at most limit of it: the events of the cases that they may see and the
// arrivals of those cases' files; for those who oversee, the lines in quarantine
// that concern them; and what the authority states to everyone. Where only is a
// case, it is about that case alone. next is the place up to which the answer is
// complete.
//
// No event is read whole but those that tell of a file, which are small.
func Arrivals(tx *store.Tx, p Person, only event.UUID, after, limit int64) (list []Arrival, next int64, err error) {
	last, _, err := tx.LastCheckpoint()
	if err != nil || last.Size-1 <= after {
		return nil, after, err
	}
	q := arrivals{tx: tx, who: p, only: only, after: after, limit: limit, horizon: last.Size - 1}
	for _, part := range []func() error{q.ofCases, q.ofFiles, q.ofEveryone, q.ofQuarantine} {
		if err := part(); err != nil {
			return nil, after, err
		}
	}
	slices.SortFunc(q.list, func(a, b Arrival) int { return int(a.Index - b.Index) })
	for i, a := range q.list {
		if a.Index > q.horizon {
			return q.list[:i], max(q.horizon, after), nil
		}
		if int64(i) == limit {
			return q.list[:i], q.list[i-1].Index, nil
		}
	}
	return q.list, max(q.horizon, after), nil
}

type arrivals struct {
	tx      *store.Tx
	who     Person
	only    event.UUID
	after   int64
	limit   int64
	horizon int64
	list    []Arrival
}

func (q *arrivals) ofCases() error {
	numbers, err := caseNumbers(q.tx, q.who.ID, q.who.Org, q.after)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		c, _, err := CaseByN(q.tx, n)
		if err != nil {
			return err
		}
		if !q.only.IsZero() && c.ID != q.only {
			continue
		}
		err = q.events("SELECT idx, type, id, received FROM events WHERE case_n = $1 AND idx > $2 ORDER BY idx LIMIT $3", c.ID, n, q.after, q.limit+1)
		if err != nil {
			return err
		}
	}
	return nil
}

func (q *arrivals) events(text string, id event.UUID, args ...any) error {
	return q.tx.Each(text, args, func(scan func(...any) error) error {
		a := Arrival{Case: id}
		var received int64
		if err := scan(&a.Index, (*string)(&a.Type), store.Into(&a.ID), &received); err != nil {
			return err
		}
		a.Received = time.UnixMicro(received)
		q.list = append(q.list, a)
		return nil
	})
}

// ofFiles finds the arrivals of files that a visible case mentions, each under
// every such case. One page looks at pageScan of them at most.
func (q *arrivals) ofFiles() error {
	rows, err := all(q.tx, store.ScanEvent, "SELECT "+store.EventColumns+` FROM events WHERE case_n = 0 AND idx > $1
		AND type IN ('media.received', 'media.quarantined') ORDER BY idx LIMIT $2`, q.after, int64(pageScan))
	if err != nil {
		return err
	}
	if len(rows) == pageScan {
		q.horizon = min(q.horizon, rows[pageScan-1].Index)
	}
	for _, r := range rows {
		e, err := EntryOf(r)
		if err != nil {
			return err
		}
		var sha event.Digest
		switch b := e.Body.(type) {
		case *event.MediaReceived:
			sha = b.SHA256
		case *event.MediaQuarantined:
			sha = b.Wanted
		}
		refs, err := MediaRefs(q.tx, sha)
		if err != nil {
			return err
		}
		seen := map[event.UUID]bool{{}: true}
		for _, ref := range refs {
			if seen[ref.Case] || !q.only.IsZero() && ref.Case != q.only {
				continue
			}
			seen[ref.Case] = true
			ok, err := MaySee(q.tx, ref.Case, q.who.ID)
			if err != nil {
				return err
			}
			if ok {
				q.list = append(q.list, Arrival{Index: r.Index, Type: r.Type, Case: ref.Case, ID: r.ID, Received: r.Received})
				break
			}
		}
	}
	return nil
}

func (q *arrivals) ofEveryone() error {
	if !q.only.IsZero() {
		return nil
	}
	return q.events("SELECT idx, type, id, received FROM events WHERE case_n = 0 AND idx > $1 AND type IN "+everyonesTypes+" ORDER BY idx LIMIT $2",
		event.UUID{}, q.after, q.limit+1)
}

func (q *arrivals) ofQuarantine() error {
	if !q.who.Has(event.RoleSupervisor, event.RoleAdmin, event.RoleAuditor) {
		return nil
	}
	rows, err := all(q.tx, store.ScanQuarantine, "SELECT "+store.QuarantineColumns+" FROM quarantine WHERE idx > $1 ORDER BY idx LIMIT $2", q.after, q.limit+1)
	if err != nil {
		return err
	}
	if int64(len(rows)) > q.limit {
		q.horizon = min(q.horizon, rows[q.limit].Index)
	}
	list, err := quarantined(q.tx, rows)
	if err != nil {
		return err
	}
	for _, r := range list {
		if !q.only.IsZero() && r.Case != q.only {
			continue
		}
		ok, err := Oversees(q.tx, q.who, r)
		if err != nil {
			return err
		}
		if ok {
			q.list = append(q.list, Arrival{Index: r.Index, Code: r.Code, Case: r.Case, ID: r.EventID, Received: r.Received})
		}
	}
	return nil
}

// Oversees reports whether a line in quarantine is a person's to look after:
// administrators and auditors look after the whole log, a supervisor after what
// concerns their organisation: a case that they may see, or a device of theirs
// that is said to have sealed the line, or that delivered it.
func Oversees(tx *store.Tx, p Person, q Quarantined) (bool, error) {
	if p.Has(event.RoleAdmin, event.RoleAuditor) {
		return true, nil
	}
	if !p.Has(event.RoleSupervisor) {
		return false, nil
	}
	if !q.Case.IsZero() {
		if ok, err := MaySee(tx, q.Case, p.ID); ok || err != nil {
			return ok, err
		}
	}
	for _, id := range []event.UUID{q.Device, q.CarrierID} {
		if id.IsZero() {
			continue
		}
		d, found, err := DeviceByID(tx, id)
		if err != nil || found && d.Org == p.Org {
			return err == nil, err
		}
	}
	return false, nil
}
