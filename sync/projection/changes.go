package projection

import (
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// Page is a stretch of the log as one person may see it. Next is the place up to
// which it is complete; More says that the log went on when it was read.
type Page struct {
	Events []store.EventRow
	Next   int64
	More   bool
}

const (
	// pageScan bounds how many events that belong to no case one page looks at; most
	// of them are arrivals of files.
	pageScan = 5000
	// MaxPageBytes bounds the envelopes of one page.
	MaxPageBytes = 8 << 20
)

// Changes gives what a person may see after a log place, at most limit events, in
// log order: the events of the cases that they may see and the arrivals of those
// cases' files; what the authority states about organisations, people, devices and
// rules; the genesis events of devices; and what the asking device needs alone,
// its label blocks and its own events that belong to no case.
//
// A grant opens a case whose events lie behind the cursor already; a device that
// sees a new grant of its person's reads the case from its beginning.
//
// The cost depends on what the person may see, not on the length of the log.
func Changes(tx *store.Tx, person, device event.UUID, after, limit int64) (p Page, err error) {
	last, _, err := tx.LastCheckpoint()
	if err != nil {
		return p, err
	}
	who, found, err := PersonByID(tx, person)
	if err != nil || !found || who.Disabled {
		return Page{Next: after}, err
	}
	q := changes{tx: tx, person: person, org: who.Org, after: after, limit: limit, horizon: last.Size - 1}
	if dev, found, err := DeviceByID(tx, device); err != nil {
		return p, err
	} else if found {
		q.device = dev
	}
	if err := q.ofCases(); err != nil {
		return p, err
	}
	if err := q.ofNoCase(); err != nil {
		return p, err
	}
	slices.Sort(q.found)
	p, err = q.page()
	p.More = p.Next+1 < last.Size
	return p, err
}

// changes is one question on its way.
type changes struct {
	tx      *store.Tx
	person  event.UUID
	org     event.UUID
	device  Device // the one that asks; number 0 where none does
	after   int64
	limit   int64
	horizon int64   // the last place that was looked at
	found   []int64 // places of events that concern the person, as far as their columns say
}

// ofCases finds the events of the cases that the person may see.
func (q *changes) ofCases() error {
	cases, err := caseNumbers(q.tx, q.person, q.org, q.after)
	if err != nil {
		return err
	}
	for _, n := range cases {
		err := q.tx.Each("SELECT idx FROM events WHERE case_n = $1 AND idx > $2 ORDER BY idx LIMIT $3", store.Args(n, q.after, q.limit+1), func(scan func(...any) error) error {
			var idx int64
			err := scan(&idx)
			q.found = append(q.found, idx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// caseNumbers lists the cases that a person may see and that have an event after a log place.
func caseNumbers(tx *store.Tx, person, org event.UUID, after int64) (list []int64, err error) {
	err = tx.Each("SELECT n FROM cases WHERE last_idx > $4 AND (org = $1 OR n IN (SELECT case_n FROM grants g WHERE "+standing+"))",
		store.Args(org[:], person[:], tx.Now().UnixMicro(), after), func(scan func(...any) error) error {
			var n int64
			err := scan(&n)
			list = append(list, n)
			return err
		})
	return list, err
}

// ofNoCase finds what concerns the person among the events that belong to no case.
func (q *changes) ofNoCase() error {
	var looked int64
	err := q.tx.Each("SELECT idx, dev, type FROM events WHERE case_n = 0 AND idx > $1 ORDER BY idx LIMIT $2", store.Args(q.after, int64(pageScan)), func(scan func(...any) error) error {
		var idx, dev int64
		var t event.Type
		if err := scan(&idx, &dev, (*string)(&t)); err != nil {
			return err
		}
		if looked++; looked == pageScan {
			q.horizon = idx
		}
		switch t {
		case event.TypeClockObserved, event.TypeEventAmended, event.TypeQuarantineSettled, event.TypeAuthorityRequested:
			if dev != q.device.N {
				return nil // may tell of cases that the person does not see
			}
		}
		q.found = append(q.found, idx)
		return nil
	})
	return err
}

// page reads the events that were found, in order, as far as there is room.
func (q *changes) page() (p Page, err error) {
	p.Next = q.after
	bytes := 0
	for _, idx := range q.found {
		if idx > q.horizon {
			break
		}
		if int64(len(p.Events)) == q.limit || bytes > MaxPageBytes {
			return p, nil
		}
		r, found, err := q.tx.EventAt(idx)
		if err != nil {
			return p, err
		}
		if found {
			found, err = q.concerns(r)
		}
		if err != nil {
			return p, err
		}
		if found {
			p.Events = append(p.Events, r)
			bytes += len(r.Line)
		}
		p.Next = idx
	}
	p.Next = max(q.horizon, q.after)
	return p, nil
}

// concerns looks into those events whose bodies say whom they concern.
func (q *changes) concerns(r store.EventRow) (bool, error) {
	switch r.Type {
	case event.TypeLabelBlock, event.TypeMediaReceived, event.TypeMediaQuarantined:
	default:
		return true, nil
	}
	e, err := EntryOf(r)
	if err != nil {
		return false, err
	}
	switch b := e.Body.(type) {
	case *event.LabelBlock:
		return b.Device == q.device.ID, nil
	case *event.MediaReceived:
		return MaySeeMedia(q.tx, b.SHA256, q.person)
	case *event.MediaQuarantined:
		return MaySeeMedia(q.tx, b.Wanted, q.person)
	}
	return false, nil
}
