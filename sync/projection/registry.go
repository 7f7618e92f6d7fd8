package projection

import (
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// Registry remembers the numbers of devices and cases between transactions that
// append. It belongs to one writer; it is thrown away when a transaction fails
// or when another process has appended. The zero Registry is ready.
type Registry struct {
	devices map[event.UUID]*Device
	cases   map[event.UUID]*caseState
	lastDev int64 // highest devices.n, -1 while not read
	lastNo  int64 // highest cases.n
	ready   bool
}

type caseState struct {
	n      int64
	opened bool
}

// maxRegistry bounds the memory of a Registry: beyond it, it starts anew.
const maxRegistry = 50_000

func (r *Registry) open(tx *store.Tx) error {
	if len(r.devices) > maxRegistry || len(r.cases) > maxRegistry {
		*r = Registry{}
	}
	if r.ready {
		return nil
	}
	r.devices, r.cases = map[event.UUID]*Device{}, map[event.UUID]*caseState{}
	if _, err := tx.Get("SELECT COALESCE(max(n), 0) FROM devices", nil, &r.lastDev); err != nil {
		return err
	}
	if _, err := tx.Get("SELECT COALESCE(max(n), 0) FROM cases", nil, &r.lastNo); err != nil {
		return err
	}
	r.ready = true
	return nil
}

// Device gives an enrolled device; found is false where there is none.
func (r *Registry) Device(tx *store.Tx, id event.UUID) (dev *Device, found bool, err error) {
	if err := r.open(tx); err != nil {
		return nil, false, err
	}
	if d, ok := r.devices[id]; ok {
		return d, true, nil
	}
	d, found, err := DeviceByID(tx, id)
	if err != nil || !found {
		return nil, false, err
	}
	r.devices[id] = &d
	return &d, true, nil
}

// caseOf gives the state of a case, making its row where this is the first event that names it.
func (r *Registry) caseOf(tx *store.Tx, id event.UUID, index int64) (*caseState, error) {
	if c, ok := r.cases[id]; ok {
		return c, nil
	}
	c := &caseState{}
	var opened int64
	found, err := tx.Get("SELECT n, opened_idx FROM cases WHERE id = $1", store.Args(id[:]), &c.n, &opened)
	if err != nil {
		return nil, err
	}
	c.opened = opened >= 0
	if !found {
		r.lastNo++
		*c = caseState{n: r.lastNo}
		none := []byte{}
		_, err := tx.Exec(`INSERT INTO cases (n, id, number, title, authority, org, opened_by, opened, opened_idx, first_idx, last_idx, events)
			VALUES ($1, $2, '', '', '', $3, $4, 0, -1, $5, $6, 0)`, c.n, id[:], none, none, index, index)
		if err != nil {
			return nil, fmt.Errorf("case %s: %w", id, err)
		}
	}
	r.cases[id] = c
	return c, nil
}
