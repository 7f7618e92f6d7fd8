package projection

import (
	"encoding/hex"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// Item is a thing as its first event, at Index, records it. Held says that the
// thing itself is in custody; SHA256 is a photo's or a file's.
type Item struct {
	ID     event.UUID
	Kind   event.RefKind
	Case   event.UUID
	Label  string
	Held   bool
	SHA256 event.Digest
	Index  int64
}

const itemColumns = "i.id, i.kind, c.id, i.label, i.held, i.sha, i.idx FROM items i JOIN cases c ON c.n = i.case_n"

func scanItem(scan func(...any) error) (i Item, err error) {
	var held int64
	err = scan(store.Into(&i.ID), (*string)(&i.Kind), store.Into(&i.Case), &i.Label, &held, store.Into(&i.SHA256), &i.Index)
	i.Held = held != 0
	return i, err
}

// ItemByID gives a thing.
func ItemByID(tx *store.Tx, id event.UUID) (i Item, found bool, err error) {
	return one(tx, scanItem, "SELECT "+itemColumns+" WHERE i.id = $1", id[:])
}

// ItemsOf lists the things of a case in log order.
func ItemsOf(tx *store.Tx, id event.UUID) ([]Item, error) {
	return all(tx, scanItem, "SELECT "+itemColumns+" WHERE c.id = $1 ORDER BY i.idx, i.id", id[:])
}

// minHashPrefix is how many hex digits of a digest are taken as a search for one.
const minHashPrefix = 6

// visible is the condition that a person may see the case c of an item: that of
// their organisation ($1), or one that they ($2) or it were granted at an instant ($3).
const visible = "(c.org = $1 OR c.n IN (SELECT g.case_n FROM grants g WHERE " + standing + "))"

// FindItems finds things that a person may see: by the beginning of their label
// (whatever the case of its letters), by their id, by the number of their case, or
// by at least six hex digits of a file's digest. It gives each once and at most
// limit, those with the label first, in order of label.
func FindItems(tx *store.Tx, person event.UUID, text string, limit int64) ([]Item, error) {
	key := findKey(text)
	p, found, err := PersonByID(tx, person)
	if err != nil || !found || p.Disabled || key == "" {
		return nil, err
	}
	questions := []question{
		{"i.find >= $4 AND i.find < $5 ORDER BY i.find, i.idx LIMIT $6", store.Args(key, key+"\U0010FFFF", limit)},
		{"c.number = $4 ORDER BY i.idx LIMIT $5", store.Args(indexed(strings.TrimSpace(text)), limit)},
	}
	if id, err := event.ParseUUID(key); err == nil {
		questions = append(questions, question{"i.id = $4", store.Args(id[:])})
	}
	if q, ok := hashPrefix(key, limit); ok {
		questions = append(questions, q)
	}
	var list []Item
	seen := map[event.UUID]bool{}
	for _, q := range questions {
		items, err := all(tx, scanItem, "SELECT "+itemColumns+" WHERE "+visible+" AND "+q.where, append(store.Args(p.Org[:], p.ID[:], tx.Now().UnixMicro()), q.args...)...)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			if !seen[it.ID] {
				seen[it.ID] = true
				list = append(list, it)
			}
		}
	}
	return list[:min(int64(len(list)), limit)], nil
}

// question is a condition on items, with the arguments from $4 on.
type question struct {
	where string
	args  []any
}

// hashPrefix asks for the digests that begin with hex digits.
func hashPrefix(key string, limit int64) (q question, ok bool) {
	if len(key) < minHashPrefix || len(key) > 64 {
		return q, false
	}
	low, err := hex.DecodeString(key + strings.Repeat("0", 64-len(key)))
	if err != nil {
		return q, false
	}
	high, _ := hex.DecodeString(key + strings.Repeat("f", 64-len(key)))
	return question{"i.sha >= $4 AND i.sha <= $5 AND length(i.sha) > 0 ORDER BY i.sha, i.idx LIMIT $6", store.Args(low, high, limit)}, true
}

// LabelBlock is the labels Prefix+First to Prefix+Last, reserved for a device.
type LabelBlock struct {
	Index       int64
	Device      event.UUID
	Prefix      string
	First, Last int64
}

func scanBlock(scan func(...any) error) (b LabelBlock, err error) {
	err = scan(&b.Index, store.Into(&b.Device), &b.Prefix, &b.First, &b.Last)
	return b, err
}

// LabelBlocks lists a device's blocks in log order.
func LabelBlocks(tx *store.Tx, device event.UUID) ([]LabelBlock, error) {
	return all(tx, scanBlock, "SELECT idx, device, prefix, first, last FROM label_blocks WHERE device = $1 ORDER BY idx", device[:])
}

// LabelBlockOverlapping gives a block that has a label of this prefix from first to last.
func LabelBlockOverlapping(tx *store.Tx, prefix string, first, last int64) (b LabelBlock, found bool, err error) {
	return one(tx, scanBlock, "SELECT idx, device, prefix, first, last FROM label_blocks WHERE prefix = $1 AND last >= $2 AND first <= $3 ORDER BY last LIMIT 1",
		indexed(prefix), first, last)
}

// NextLabel gives the first number of a prefix that no block has taken.
func NextLabel(tx *store.Tx, prefix string) (next int64, err error) {
	_, err = tx.Get("SELECT COALESCE(max(last), 0) + 1 FROM label_blocks WHERE prefix = $1", store.Args(indexed(prefix)), &next)
	return next, err
}

// RulePack is a published pack of rules; its content is in the event at Index.
type RulePack struct {
	Index                       int64
	Pack, Version, Jurisdiction string
	Effective                   event.Date
	SHA256                      event.Digest
}

func scanPack(scan func(...any) error) (p RulePack, err error) {
	err = scan(&p.Index, &p.Pack, &p.Version, &p.Jurisdiction, (*string)(&p.Effective), store.Into(&p.SHA256))
	return p, err
}

// RulePacks lists the published packs in log order.
func RulePacks(tx *store.Tx) ([]RulePack, error) {
	return all(tx, scanPack, "SELECT idx, pack, version, jurisdiction, effective, sha FROM rule_packs ORDER BY idx")
}

// RulePackByVersion gives a version of a pack.
func RulePackByVersion(tx *store.Tx, pack, version string) (p RulePack, found bool, err error) {
	return one(tx, scanPack, "SELECT idx, pack, version, jurisdiction, effective, sha FROM rule_packs WHERE pack = $1 AND version = $2 ORDER BY idx LIMIT 1",
		indexed(pack), store.Text(version))
}
