package projection

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// metaIDs is the meta value up to which event_ids is complete.
const metaIDs = "event_ids"

// EventByID finds an event by its id. It looks into event_ids first and then
// through the events that are not in it yet (see IndexIDs), so its answer is
// right however far that index has come.
func EventByID(tx *store.Tx, id event.ID) (r store.EventRow, found bool, err error) {
	rows, err := all(tx, store.ScanEvent, "SELECT "+store.EventColumns+" FROM events WHERE idx IN (SELECT idx FROM event_ids WHERE prefix = $1) ORDER BY idx", prefixOf(id))
	if err != nil {
		return r, false, err
	}
	for _, row := range rows {
		if row.ID == id {
			return row, true, nil
		}
	}
	from, err := indexedIDs(tx)
	if err != nil {
		return r, false, err
	}
	return one(tx, store.ScanEvent, "SELECT "+store.EventColumns+" FROM events WHERE idx >= $1 AND id = $2 ORDER BY idx LIMIT 1", from, id[:])
}

func prefixOf(id event.ID) int64 { return int64(binary.BigEndian.Uint64(id[:8])) }

func indexedIDs(tx *store.Tx) (from int64, err error) {
	text, err := tx.Meta(metaIDs)
	if err != nil || text == "" {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// UnindexedIDs counts the log entries that event_ids does not cover yet.
func UnindexedIDs(tx *store.Tx) (int64, error) {
	from, err := indexedIDs(tx)
	if err != nil {
		return 0, err
	}
	c, _, err := tx.LastCheckpoint()
	return max(c.Size-from, 0), err
}

// IndexIDs brings at most limit more log entries into event_ids. Entered in the
// order of their prefixes, many at once, they cost a fraction of what a random
// insert with each event would.
func IndexIDs(tx *store.Tx, limit int64) error {
	from, err := indexedIDs(tx)
	if err != nil {
		return err
	}
	c, _, err := tx.LastCheckpoint()
	if err != nil {
		return err
	}
	to := min(c.Size, from+limit)
	if to <= from {
		return nil
	}
	if err := indexIDs(tx, from, to); err != nil {
		return err
	}
	return tx.SetMeta(metaIDs, strconv.FormatInt(to, 10))
}

func indexIDs(tx *store.Tx, from, to int64) error {
	type entry struct{ prefix, idx int64 }
	var list []entry
	err := tx.Each("SELECT id, idx FROM events WHERE idx >= $1 AND idx < $2", store.Args(from, to), func(scan func(...any) error) error {
		var id event.ID
		var e entry
		if err := scan(store.Into(&id), &e.idx); err != nil {
			return err
		}
		e.prefix = prefixOf(id)
		list = append(list, e)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Or(cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.idx, b.idx)) })
	args := make([]any, 0, 2*len(list))
	for _, e := range list {
		args = append(args, e.prefix, e.idx)
	}
	return tx.Insert("INSERT INTO event_ids (prefix, idx)", 2, "ON CONFLICT (prefix, idx) DO NOTHING", args)
}

// EventBySeq finds a device's event by its number.
func EventBySeq(tx *store.Tx, dev, seq int64) (r store.EventRow, found bool, err error) {
	return one(tx, store.ScanEvent, "SELECT "+store.EventColumns+" FROM events WHERE dev = $1 AND seq = $2", dev, seq)
}

// EventByUUID finds an event by its own UUID.
func EventByUUID(tx *store.Tx, id event.UUID) (r store.EventRow, found bool, err error) {
	return one(tx, store.ScanEvent, "SELECT "+store.EventColumns+" FROM events WHERE uuid = $1", id[:])
}

// IDFault is an entry of event_ids that is wrong or missing.
type IDFault struct {
	Index  int64
	Detail string
}

// maxIDFaults bounds what CheckIDs lists; with more, the index is made anew.
const maxIDFaults = 100

// CheckIDs compares event_ids with the events: complete as far as it says, and
// right. ResetIDs makes it anew.
func CheckIDs(tx *store.Tx) (faults []IDFault, err error) {
	upto, err := indexedIDs(tx)
	if err != nil {
		return []IDFault{{-1, "how far it has come cannot be read: " + err.Error()}}, nil
	}
	add := func(index int64, format string, args ...any) {
		if len(faults) < maxIDFaults {
			faults = append(faults, IDFault{index, fmt.Sprintf(format, args...)})
		}
	}
	err = tx.Each(`SELECT e.idx, e.id, i.prefix FROM events e LEFT JOIN event_ids i ON i.idx = e.idx WHERE e.idx < $1`, store.Args(upto), func(scan func(...any) error) error {
		var idx int64
		var id event.ID
		var prefix *int64
		if err := scan(&idx, store.Into(&id), &prefix); errors.Is(err, store.ErrWidth) {
			add(idx, "the event's own row cannot be read")
			return nil
		} else if err != nil {
			return err
		}
		switch {
		case prefix == nil:
			add(idx, "the event is missing from the index")
		case *prefix != prefixOf(id):
			add(idx, "the index has the event under another id")
		}
		return nil
	})
	if err != nil {
		return faults, err
	}
	err = tx.Each("SELECT i.idx FROM event_ids i LEFT JOIN events e ON e.idx = i.idx WHERE e.idx IS NULL OR i.idx >= $1", store.Args(upto), func(scan func(...any) error) error {
		var idx int64
		err := scan(&idx)
		add(idx, "the index names a place that it does not cover, or where no event is")
		return err
	})
	return faults, err
}

// ResetIDs empties event_ids; it fills again by IndexIDs.
func ResetIDs(tx *store.Tx) error {
	if _, err := tx.Exec("DELETE FROM event_ids"); err != nil {
		return err
	}
	return tx.SetMeta(metaIDs, "0")
}
