package projection

import (
	"fmt"
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// CaseByN gives a case by the number that event rows carry.
func CaseByN(tx *store.Tx, n int64) (c Case, found bool, err error) {
	return one(tx, scanCase, "SELECT "+caseColumns+" FROM cases WHERE n = $1", n)
}

// EachChainID calls fn with the ids of a device's events 1 to last, in order.
func EachChainID(tx *store.Tx, dev, last int64, fn func(event.ID) error) error {
	return tx.Each("SELECT id FROM events WHERE dev = $1 AND seq <= $2 ORDER BY seq", store.Args(dev, last), func(scan func(...any) error) error {
		var id event.ID
		if err := scan(store.Into(&id)); err != nil {
			return err
		}
		return fn(id)
	})
}

// EachCaseEvent calls fn with a case's events in log order. fn runs no statement
// of the same transaction.
func EachCaseEvent(tx *store.Tx, id event.UUID, fn func(store.EventRow) error) error {
	return tx.Each("SELECT "+store.EventColumns+" FROM events WHERE case_n = (SELECT n FROM cases WHERE id = $1) ORDER BY idx", store.Args(id[:]), eachEvent(fn))
}

// CasePlaces lists the log places of a case's events of some types after a place,
// in log order, without reading the events.
func CasePlaces(tx *store.Tx, id event.UUID, after int64, types ...event.Type) (list []int64, err error) {
	c, found, err := CaseByID(tx, id)
	if err != nil || !found {
		return nil, err
	}
	err = tx.Each("SELECT idx, type FROM events WHERE case_n = $1 AND idx > $2 ORDER BY idx", store.Args(c.N, after), func(scan func(...any) error) error {
		var idx int64
		var t event.Type
		if err := scan(&idx, (*string)(&t)); err != nil {
			return err
		}
		if slices.Contains(types, t) {
			list = append(list, idx)
		}
		return nil
	})
	return list, err
}

// EachAuthorityEvent calls fn with the authority's events that belong to no case,
// in log order: organisations, people, devices, files, label blocks, rule packs.
func EachAuthorityEvent(tx *store.Tx, fn func(store.EventRow) error) error {
	return tx.Each("SELECT "+store.EventColumns+" FROM events WHERE dev = $1 AND case_n = 0 ORDER BY idx", store.Args(int64(AuthorityNumber)), eachEvent(fn))
}

func eachEvent(fn func(store.EventRow) error) func(func(...any) error) error {
	return func(scan func(...any) error) error {
		r, err := store.ScanEvent(scan)
		if err != nil {
			return err
		}
		return fn(r)
	}
}

// Quarantined is a line in quarantine with the device that delivered it and what
// became of it; Resolution is empty while nobody has settled it.
type Quarantined struct {
	store.QuarantineRow
	CarrierID  event.UUID
	Resolution string
	Reason     string
}

func quarantined(tx *store.Tx, rows []store.QuarantineRow) ([]Quarantined, error) {
	list := make([]Quarantined, len(rows))
	for i, r := range rows {
		list[i].QuarantineRow = r
		if r.Carrier != 0 {
			d, found, err := DeviceByNumber(tx, r.Carrier)
			if err != nil || !found {
				return nil, fmt.Errorf("projection: the device that delivered entry %d has no row: %w", r.Index, err)
			}
			list[i].CarrierID = d.ID
		}
		_, err := tx.Get("SELECT resolution, reason FROM settled WHERE item = $1 AND idx > $1 ORDER BY idx DESC LIMIT 1", store.Args(r.Index), &list[i].Resolution, &list[i].Reason)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// QuarantineBefore lists what is in quarantine before a log place, newest first.
func QuarantineBefore(tx *store.Tx, before, limit int64) ([]Quarantined, error) {
	rows, err := all(tx, store.ScanQuarantine, "SELECT "+store.QuarantineColumns+" FROM quarantine WHERE idx < $1 ORDER BY idx DESC LIMIT $2", before, limit)
	if err != nil {
		return nil, err
	}
	return quarantined(tx, rows)
}

// QuarantineEntry gives the line in quarantine at a log place.
func QuarantineEntry(tx *store.Tx, index int64) (q Quarantined, found bool, err error) {
	row, found, err := tx.QuarantineAt(index)
	if err != nil || !found {
		return q, false, err
	}
	list, err := quarantined(tx, []store.QuarantineRow{row})
	if err != nil {
		return q, false, err
	}
	return list[0], true, nil
}

// QuarantineOfCase lists the lines in quarantine that claim a case, in log order.
func QuarantineOfCase(tx *store.Tx, id event.UUID) ([]store.QuarantineRow, error) {
	return all(tx, store.ScanQuarantine, "SELECT "+store.QuarantineColumns+" FROM quarantine WHERE case_id = $1 ORDER BY idx", id[:])
}

// CountQuarantine counts the lines in quarantine that name a device.
func CountQuarantine(tx *store.Tx, device event.UUID) (n int64, err error) {
	_, err = tx.Get("SELECT count(*) FROM quarantine WHERE device = $1", store.Args(device[:]), &n)
	return n, err
}

// DeviceCount is how many events of a case a device sealed.
type DeviceCount struct{ Dev, Events int64 }

// CaseDevices counts the events of a case by the device that sealed them.
func CaseDevices(tx *store.Tx, id event.UUID) ([]DeviceCount, error) {
	return all(tx, func(scan func(...any) error) (c DeviceCount, err error) {
		err = scan(&c.Dev, &c.Events)
		return c, err
	}, "SELECT dev, count(*) FROM events WHERE case_n = (SELECT n FROM cases WHERE id = $1) GROUP BY dev ORDER BY dev", id[:])
}
