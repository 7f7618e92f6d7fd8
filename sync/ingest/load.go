package ingest

import (
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// load reads what the log holds that the incoming lines touch, and gives the
// runs of the devices as they were read.
func (t *transaction) load(incoming []reconcile.Incoming) (reconcile.State, map[event.UUID]reconcile.Runs, error) {
	s := reconcile.State{Size: int64(t.tree.Size()), Origin: t.e.origin, Devices: map[event.UUID]*reconcile.Device{},
		UUIDs: map[event.UUID]bool{}, Kept: map[event.Digest]reconcile.Kept{}}
	loaded := map[event.UUID]reconcile.Runs{}
	byDevice, order := group(incoming)
	var fresh []event.UUID
	for _, id := range order {
		dev, found, err := t.head.reg.Device(t.tx, id)
		if err != nil {
			return s, nil, err
		}
		if !found {
			continue
		}
		unseen, err := t.loadDevice(&s, dev, byDevice[id])
		if err != nil {
			return s, nil, err
		}
		loaded[id] = append(reconcile.Runs(nil), s.Devices[id].Runs...)
		fresh = append(fresh, unseen...)
	}
	err := store.In(t.tx, "SELECT uuid FROM events WHERE uuid IN (%s)", nil, fresh, func(u event.UUID) any { return u[:] },
		func(scan func(...any) error) error {
			var u event.UUID
			err := scan(store.Into(&u))
			s.UUIDs[u] = true
			return err
		})
	if err != nil {
		return s, nil, err
	}
	return s, loaded, t.loadKept(&s, incoming, byDevice, order)
}

// group sorts the lines of devices by device, in the order of their first line:
// verified ones, and those that were refused because the device was not enrolled.
func group(incoming []reconcile.Incoming) (map[event.UUID][]*reconcile.Incoming, []event.UUID) {
	by := map[event.UUID][]*reconcile.Incoming{}
	var order []event.UUID
	for i := range incoming {
		id, _, ok := claims(&incoming[i])
		if !ok {
			continue
		}
		if by[id] == nil {
			order = append(order, id)
		}
		by[id] = append(by[id], &incoming[i])
	}
	return by, order
}

// claims gives the place in a chain that a line may take.
func claims(in *reconcile.Incoming) (dev event.UUID, p *event.Payload, ok bool) {
	if in.Verified != nil {
		p = in.Verified.Payload()
		return p.Device, p, true
	}
	p = &in.Refusal.Claimed
	return p.Device, p, in.Refusal.Code == seal.CodeUnknownDevice
}

// loadDevice reads a device's state as far as lines touch it, and gives the
// UUIDs of the lines whose place is free.
func (t *transaction) loadDevice(s *reconcile.State, dev *projection.Device, lines []*reconcile.Incoming) (unseen []event.UUID, err error) {
	d := &reconcile.Device{Key: dev.Key, Authority: dev.Authority(), Enrolment: dev.Enrolment, Revoked: !dev.Good(), Log: map[int64]reconcile.Logged{}}
	s.Devices[dev.ID] = d
	var low, high int64
	for _, in := range lines {
		_, p, _ := claims(in)
		if low == 0 || p.Seq < low {
			low = p.Seq
		}
		high = max(high, p.Seq)
	}
	if d.Runs, err = projection.RunsNear(t.tx, dev.N, low, high); err != nil {
		return nil, err
	}
	if low == 1 && !d.Authority && !d.Runs.Holds(1) {
		if d.Former, err = former(t.tx, dev.EnrolledIndex); err != nil {
			return nil, err
		}
	}
	var held []int64
	for _, in := range lines {
		if _, p, _ := claims(in); d.Runs.Holds(p.Seq) {
			held = append(held, p.Seq)
		} else {
			unseen = append(unseen, p.UUID)
		}
	}
	err = store.In(t.tx, "SELECT "+store.EventColumns+" FROM events WHERE dev = $1 AND seq IN (%s)", store.Args(dev.N), held,
		func(seq int64) any { return seq },
		func(scan func(...any) error) error {
			r, err := store.ScanEvent(scan)
			d.Log[r.Seq] = reconcile.Logged{ID: r.ID, SHA: seal.LineDigest(r.Line), Index: r.Index, Received: r.Received, Kind: reconcile.KindOf(r.Type)}
			return err
		})
	if err == nil {
		for _, seq := range held {
			if _, ok := d.Log[seq]; !ok {
				return nil, fmt.Errorf("%w: event %d of device %s counts as arrived, but its row is missing", ErrDamaged, seq, dev.ID)
			}
		}
	}
	return unseen, err
}

// former reads from an enrolment what the device's chain began with in a log that this one continues.
func former(tx *store.Tx, index int64) (*event.FormerEnrolment, error) {
	row, found, err := tx.EventAt(index)
	if err != nil || !found {
		return nil, orDamaged(err, "the enrolment at %d is missing", index)
	}
	e, err := projection.EntryOf(row)
	if err != nil {
		return nil, err
	}
	b, ok := e.Body.(*event.DeviceEnrolled)
	if !ok {
		return nil, orDamaged(nil, "entry %d is no enrolment", index)
	}
	return b.Former, nil
}

func orDamaged(err error, format string, args ...any) error {
	if err == nil {
		err = fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
	}
	return err
}

// loadKept reads which of the lines are in quarantine. Lines that were refused
// are always looked for; lines of a device only where something that claims to
// be its own is there.
func (t *transaction) loadKept(s *reconcile.State, incoming []reconcile.Incoming, byDevice map[event.UUID][]*reconcile.Incoming, order []event.UUID) error {
	var shas []event.Digest
	for i := range incoming {
		if incoming[i].Refusal != nil {
			shas = append(shas, incoming[i].SHA)
		}
	}
	for _, id := range order {
		var one int64
		found, err := t.tx.Get("SELECT idx FROM quarantine WHERE device = $1 LIMIT 1", store.Args(id[:]), &one)
		if err != nil {
			return err
		}
		for _, in := range byDevice[id] {
			if found && in.Verified != nil {
				shas = append(shas, in.SHA)
			}
		}
	}
	return store.In(t.tx, "SELECT "+store.QuarantineColumns+" FROM quarantine WHERE sha IN (%s)", nil, shas,
		func(d event.Digest) any { return d[:] },
		func(scan func(...any) error) error {
			r, err := store.ScanQuarantine(scan)
			s.Kept[r.SHA] = reconcile.Kept{Index: r.Index, Received: r.Received, ID: r.EventID, Code: seal.Code(r.Code), Detail: r.Detail}
			return err
		})
}
