package source

import (
	"fmt"

	"fieldseal/sync/bundle"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// concern is whom and what a case is about: the devices that sealed its events,
// everyone and everything that those name, and the files. What concerns nobody in
// the case stays out of its bundle.
type concern struct {
	id      event.UUID
	size    ledger.Size
	n       int64
	keys    map[event.UUID]seal.PublicKey
	numbers map[int64]event.UUID // of devices
	sealed  map[event.UUID]bool  // devices that sealed events of the case
	named   map[event.UUID]bool  // persons, organisations and devices that are named, directly or by their registration
	files   map[event.Digest]bool
	entries map[int64]bool // quarantined entries of the case
}

// DeviceKey implements seal.Keys.
func (c *concern) DeviceKey(d event.UUID) (seal.PublicKey, bool, error) {
	k, ok := c.keys[d]
	return k, ok, nil
}

func read(tx *store.Tx, id event.UUID, size ledger.Size) (*concern, error) {
	k, found, err := projection.CaseByID(tx, id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%w: there is no case %s", bundle.ErrSource, id)
	}
	c := &concern{id: id, size: size, n: k.N, keys: map[event.UUID]seal.PublicKey{}, numbers: map[int64]event.UUID{},
		sealed: map[event.UUID]bool{}, named: map[event.UUID]bool{}, files: map[event.Digest]bool{}, entries: map[int64]bool{}}
	devices, err := projection.Devices(tx)
	if err != nil {
		return nil, err
	}
	for _, d := range devices {
		c.keys[d.ID], c.numbers[d.N] = d.Key, d.ID
	}
	if err := c.readNames(tx); err != nil {
		return nil, err
	}
	for _, d := range devices {
		if c.sealed[d.ID] || c.named[d.ID] {
			c.named[d.ID], c.named[d.Person], c.named[d.Org] = true, true, true
		}
	}
	people, err := projection.Persons(tx)
	if err != nil {
		return nil, err
	}
	for _, p := range people {
		if c.named[p.ID] {
			c.named[p.Org] = true
		}
	}
	refs, err := projection.MediaOf(tx, id)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		c.files[r.SHA256] = true
	}
	return c, c.readQuarantine(tx)
}

// readNames collects the devices that sealed the case's events and every UUID in them.
func (c *concern) readNames(tx *store.Tx) error {
	return tx.Each("SELECT "+store.EventColumns+" FROM events WHERE case_n = $1 AND idx < $2 ORDER BY idx", store.Args(c.n, int64(c.size)), func(scan func(...any) error) error {
		row, err := store.ScanEvent(scan)
		if err != nil {
			return err
		}
		c.sealed[c.numbers[row.Dev]] = true
		env, err := seal.ParseEnvelope(row.Line)
		if err != nil {
			return fmt.Errorf("%w: the stored event at %d cannot be read; run fieldseal fsck: %w", bundle.ErrSource, row.Index, err)
		}
		c.nameAll(env.Payload)
		return nil
	})
}

// nameAll finds every UUID in a payload. Terms of a handover are JSON within JSON;
// the text of a UUID is the same at any depth.
func (c *concern) nameAll(text []byte) {
	const length = 36
	for i := 0; i+length <= len(text); i++ {
		if text[i+8] != '-' || text[i+13] != '-' || text[i+18] != '-' || text[i+23] != '-' {
			continue
		}
		var u event.UUID
		if u.UnmarshalText(text[i:i+length]) == nil {
			c.named[u] = true
			i += length - 1
		}
	}
}

func (c *concern) readQuarantine(tx *store.Tx) error {
	return tx.Each("SELECT "+store.QuarantineColumns+" FROM quarantine WHERE idx < $1", store.Args(int64(c.size)), func(scan func(...any) error) error {
		q, err := store.ScanQuarantine(scan)
		if err == nil && c.quarantined(q) {
			c.entries[q.Index] = true
		}
		return err
	})
}

// quarantined: lines that claim the case, or no case and a device of it.
func (c *concern) quarantined(q store.QuarantineRow) bool {
	return q.Case == c.id || q.Case.IsZero() && c.sealed[q.Device]
}

// has reports whether an event belongs into the case's bundle.
func (c *concern) has(row store.EventRow, v *seal.Verified) bool {
	if row.Case == c.n && c.n != 0 {
		return true
	}
	switch b := v.Body().(type) {
	case *event.AuthorityGenesis, *event.LogPredecessor:
		return true
	case *event.OrgRegistered:
		return c.named[b.Org]
	case *event.PersonRegistered:
		return c.named[b.Person]
	case *event.DeviceEnrolled:
		return c.named[b.Device]
	case *event.DeviceRevoked:
		return c.named[b.Device]
	case *event.DeviceGenesis, *event.ClockObserved:
		return c.named[v.Payload().Device]
	case *event.MediaReceived:
		return c.files[b.SHA256]
	case *event.MediaQuarantined:
		return c.files[b.Wanted]
	case *event.QuarantineSettled:
		return c.entries[b.Index]
	}
	return false
}
