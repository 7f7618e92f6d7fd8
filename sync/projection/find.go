package projection

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// EventsByPrefix finds events by the first hex digits of their id, as people read
// them from paper: at most limit, in log order. Text that is no such digits finds nothing.
func EventsByPrefix(tx *store.Tx, digits string, limit int64) ([]store.EventRow, error) {
	digits = strings.ToLower(digits)
	var low, high event.ID
	rest := 2*len(low) - len(digits)
	if digits == "" || rest < 0 {
		return nil, nil
	}
	if _, err := hex.Decode(low[:], []byte(digits+strings.Repeat("0", rest))); err != nil {
		return nil, nil
	}
	if _, err := hex.Decode(high[:], []byte(digits+strings.Repeat("f", rest))); err != nil {
		return nil, nil
	}
	from, err := indexedIDs(tx)
	if err != nil {
		return nil, err
	}
	// One digit fixes the sign of the first eight bytes as a number, so that their order is that of the bytes.
	list, err := all(tx, store.ScanEvent, "SELECT "+store.EventColumns+" FROM events WHERE idx IN (SELECT idx FROM event_ids WHERE prefix >= $1 AND prefix <= $2) ORDER BY idx LIMIT $3",
		prefixOf(low), prefixOf(high), limit)
	if err != nil {
		return nil, err
	}
	newer, err := all(tx, store.ScanEvent, "SELECT "+store.EventColumns+" FROM events WHERE idx >= $1 AND id >= $2 AND id <= $3 ORDER BY idx LIMIT $4", from, low[:], high[:], limit)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(append(list, newer...), func(r store.EventRow) bool {
		return bytes.Compare(r.ID[:], low[:]) < 0 || bytes.Compare(r.ID[:], high[:]) > 0
	})
	slices.SortFunc(list, func(a, b store.EventRow) int { return cmp.Compare(a.Index, b.Index) })
	list = slices.CompactFunc(list, func(a, b store.EventRow) bool { return a.Index == b.Index })
	return list[:min(int64(len(list)), limit)], nil
}
