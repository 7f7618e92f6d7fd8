package ingest

import (
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// fsckChunk is how many entries are verified at a time, on all processors.
const fsckChunk = 2000

// replay is the state of the log as its entries, one after another, make it.
type replay struct {
	f       *fsck
	devices map[event.UUID]*reconcile.Device
	numbers map[event.UUID]int64 // devices.n
	ids     map[int64]event.UUID
	cases   map[event.UUID]int64 // cases.n
}

// stored is one entry as it is kept: an event or a line in quarantine.
type stored struct {
	index    int64
	event    *store.EventRow
	refused  *store.QuarantineRow
	incoming reconcile.Incoming
}

func (s *stored) line() []byte {
	if s.event != nil {
		return s.event.Line
	}
	return s.refused.Line
}

func (s *stored) table() string {
	if s.event != nil {
		return "events"
	}
	return "quarantine"
}

// DeviceKey implements seal.Keys over the devices enrolled so far.
func (r *replay) DeviceKey(id event.UUID) (seal.PublicKey, bool, error) {
	if d := r.devices[id]; d != nil {
		return d.Key, true, nil
	}
	return seal.PublicKey{}, false, nil
}

// entries goes through the log in order.
func (f *fsck) entries() (err error) {
	r := &replay{f: f, devices: map[event.UUID]*reconcile.Device{}, numbers: map[event.UUID]int64{}, ids: map[int64]event.UUID{}, cases: map[event.UUID]int64{}}
	f.arrived = map[event.Digest]int64{}
	if f.leaves, err = newLeafWalk(f); err != nil {
		return err
	}
	for from := int64(0); from < f.last.Size; from += fsckChunk {
		to := min(from+fsckChunk, f.last.Size)
		list, err := f.chunk(from, to)
		if err != nil {
			return err
		}
		if err := r.chunk(list, from, to); err != nil {
			return err
		}
		f.progress("entries", to, f.last.Size)
	}
	return f.beyond()
}

// chunk reads the entries from to-1, in order; a place that has none is left out.
func (f *fsck) chunk(from, to int64) ([]stored, error) {
	byIndex := make([]stored, to-from)
	err := f.tx.Each("SELECT "+store.EventColumns+" FROM events WHERE idx >= $1 AND idx < $2", store.Args(from, to), func(scan func(...any) error) error {
		row, err := store.ScanEvent(scan)
		if err == nil {
			byIndex[row.Index-from].event = &row
		}
		return f.width("events", row.Index, err)
	})
	if err != nil {
		return nil, err
	}
	err = f.tx.Each("SELECT "+store.QuarantineColumns+" FROM quarantine WHERE idx >= $1 AND idx < $2", store.Args(from, to), func(scan func(...any) error) error {
		row, err := store.ScanQuarantine(scan)
		if err == nil {
			byIndex[row.Index-from].refused = &row
		}
		return f.width("quarantine", row.Index, err)
	})
	if err != nil {
		return nil, err
	}
	var list []stored
	for i := range byIndex {
		s := &byIndex[i]
		s.index = from + int64(i)
		switch {
		case s.event != nil && s.refused != nil:
			f.found("entry", "quarantine", s.index, "the place is taken by an event as well")
			s.refused = nil
		case s.event == nil && s.refused == nil:
			f.found("entry", "events", s.index, "the row is missing or cannot be read")
			continue
		}
		list = append(list, *s)
	}
	return list, nil
}

// beyond finds rows that no checkpoint covers.
func (f *fsck) beyond() error {
	for _, table := range []string{"events", "quarantine"} {
		var n, first int64
		_, err := f.tx.Get("SELECT count(*), COALESCE(min(idx), 0) FROM "+table+" WHERE idx >= $1 OR idx < 0", store.Args(f.last.Size), &n, &first)
		if err != nil {
			return err
		}
		if n > 0 {
			f.found("entry", table, first, "%d rows are beyond the %d entries of the log", n, f.last.Size)
		}
	}
	return nil
}

func (r *replay) chunk(list []stored, from, to int64) error {
	lines := make([][]byte, len(list))
	for i := range list {
		lines[i] = list[i].line()
	}
	incoming, err := verify(r.f.ctx, lines, r)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].incoming = incoming[i]
	}
	next := from
	for i := range list {
		for ; next < list[i].index; next++ {
			if err := r.f.leaves.add(next, nil); err != nil { // a missing row
				return err
			}
		}
		leaf, err := r.entry(&list[i])
		if err != nil {
			return err
		}
		if err := r.f.leaves.add(next, leaf); err != nil {
			return err
		}
		next++
	}
	for ; next < to; next++ {
		if err := r.f.leaves.add(next, nil); err != nil {
			return err
		}
	}
	return nil
}

// entry checks one entry, takes in what it changes, and gives its leaf; nil
// where the row is so damaged that it has none.
func (r *replay) entry(s *stored) (*ledger.Leaf, error) {
	if in := &s.incoming; in.Refusal != nil && in.Refusal.Code == seal.CodeUnknownDevice {
		// Its device may have been enrolled earlier in the same chunk.
		v, refusal, err := seal.Verify(s.line(), r)
		if err != nil {
			return nil, err
		}
		in.Verified, in.Refusal = v, refusal
	}
	if s.index == 0 {
		r.genesis(s)
	}
	if s.event != nil {
		return r.event(s)
	}
	return r.quarantined(s)
}

// genesis verifies the first entry by the key that it states itself.
func (r *replay) genesis(s *stored) {
	if b := found(&s.incoming, s.line()); b != nil {
		r.f.origin = b.LogOrigin
		r.f.useLogKey(b.LogKey)
	}
}

// event checks an accepted event.
func (r *replay) event(s *stored) (*ledger.Leaf, error) {
	f, row, v := r.f, s.event, s.incoming.Verified
	f.report.Events++
	if v == nil {
		x := s.incoming.Refusal
		f.found("seal", "events", s.index, "the stored line is not the event that was accepted: %s: %s", x.Code, x.Detail)
		return nil, nil
	}
	p := v.Payload()
	if v.ID() != row.ID || p.UUID != row.UUID || p.Seq != row.Seq || p.Type != row.Type {
		f.found("columns", "events", s.index, "the line is event %s, %s, number %d, UUID %s, but the row says %s, %s, %d, %s",
			v.ID(), p.Type, p.Seq, p.UUID, row.ID, row.Type, row.Seq, row.UUID)
	}
	plan, err := r.decide(s)
	if err != nil {
		return nil, err
	}
	if out := plan.Outcomes[0]; out.Status != reconcile.Accepted {
		f.found("decision", "events", s.index, "the event could not be accepted here: it is %s %s: %s", out.Status, out.Code, out.Detail)
	} else {
		r.take(s, plan)
	}
	r.filed(s, p)
	leaf := reconcile.LeafOf(v, row.Received)
	return &leaf, nil
}

// filed compares the numbers of device, case and carrier with those that the log gives them.
func (r *replay) filed(s *stored, p *event.Payload) {
	row := s.event
	if n := r.numbers[p.Device]; n != row.Dev {
		r.f.found("columns", "events", s.index, "device %s has number %d, but the row says %d", p.Device, n, row.Dev)
	}
	var want int64
	if !p.Case.IsZero() {
		if r.cases[p.Case] == 0 {
			r.cases[p.Case] = int64(len(r.cases)) + 1
		}
		want = r.cases[p.Case]
	}
	if want != row.Case {
		r.f.found("columns", "events", s.index, "case %s has number %d, but the row says %d", p.Case, want, row.Case)
	}
	r.carrier(s, row.Carrier)
}

func (r *replay) carrier(s *stored, n int64) {
	if _, ok := r.ids[n]; n != 0 && !ok {
		r.f.found("columns", s.table(), s.index, "it was delivered by device number %d, which was not enrolled then", n)
	}
}

// quarantined checks a line in quarantine.
func (r *replay) quarantined(s *stored) (*ledger.Leaf, error) {
	f, row := r.f, s.refused
	f.report.Quarantined++
	leaf := reconcile.QuarantineLeaf(s.incoming.SHA, row.Received)
	if s.incoming.SHA != row.SHA {
		f.found("columns", "quarantine", s.index, "the line's SHA-256 is %s, but the row says %s", s.incoming.SHA, row.SHA)
	}
	r.carrier(s, row.Carrier)
	plan, err := r.decide(s)
	if err != nil {
		return nil, err
	}
	if len(plan.Appends) != 1 || plan.Appends[0].Quarantine == nil {
		f.found("decision", "quarantine", s.index, "the line would not be put into quarantine (%s): it is %s", row.Code, plan.Outcomes[0].Status)
		return &leaf, nil
	}
	q := plan.Appends[0].Quarantine
	if string(q.Code) != row.Code || string(q.Layer) != row.Layer {
		f.found("decision", "quarantine", s.index, "the line would be refused as %s (%s): %s; but the row says %s (%s)", q.Code, q.Layer, q.Detail, row.Code, row.Layer)
	} else if store.Text(q.Detail) != row.Detail {
		f.add(Finding{Check: "detail", Table: "quarantine", Index: s.index, Advisory: true, Detail: fmt.Sprintf("the explanation would be %q, but the row says %q", q.Detail, row.Detail)})
	}
	c := q.Claimed
	if q.ID != row.EventID || c.Device != row.Device || c.Seq != row.Seq || store.Text(string(c.Type)) != string(row.Type) || c.Case != row.Case {
		f.found("columns", "quarantine", s.index, "the line claims event %s, device %s, number %d, type %s, case %s, but the row says %s, %s, %d, %s, %s",
			q.ID, c.Device, c.Seq, c.Type, c.Case, row.EventID, row.Device, row.Seq, row.Type, row.Case)
	}
	return &leaf, nil
}

// decide asks again what becomes of an entry's line, given the entries before it.
func (r *replay) decide(s *stored) (reconcile.Plan, error) {
	state := reconcile.State{Size: s.index, Origin: r.f.origin, Devices: r.devices, UUIDs: map[event.UUID]bool{}}
	id, p, ok := claims(&s.incoming)
	if dev := r.devices[id]; ok && dev != nil {
		dev.Log = map[int64]reconcile.Logged{}
		if dev.Runs.Holds(p.Seq) {
			row, _, err := projection.EventBySeq(r.f.tx, r.numbers[id], p.Seq)
			if err != nil {
				return reconcile.Plan{}, err
			}
			dev.Log[p.Seq] = reconcile.Logged{ID: row.ID, SHA: seal.LineDigest(row.Line), Index: row.Index, Received: row.Received, Kind: reconcile.KindOf(row.Type)}
		}
		// That no two accepted events have one UUID is the unique index's to show.
		if s.refused != nil {
			row, found, err := projection.EventByUUID(r.f.tx, p.UUID)
			if err != nil {
				return reconcile.Plan{}, err
			}
			state.UUIDs[p.UUID] = found && row.Index < s.index
		}
	}
	return reconcile.Decide(state, []reconcile.Incoming{s.incoming}, r.f.last.At)
}

// take makes an accepted event part of the state.
func (r *replay) take(s *stored, plan reconcile.Plan) {
	v := s.incoming.Verified
	p := v.Payload()
	switch b := v.Body().(type) {
	case *event.AuthorityGenesis:
		if r.devices[p.Device] == nil {
			r.enrol(p.Device, b.Key, &reconcile.Device{Authority: true})
		}
	case *event.DeviceEnrolled:
		if r.devices[b.Device] == nil {
			r.enrol(b.Device, b.Key, &reconcile.Device{Enrolment: v.ID(), Former: b.Former})
		}
	case *event.DeviceRevoked:
		if d := r.devices[b.Device]; d != nil && event.Digest(d.Key.ID()) == b.Key {
			d.Revoked = true
		}
	case *event.MediaReceived:
		r.f.arrived[b.SHA256] = b.Size
	}
	r.devices[p.Device].Runs = plan.Runs[p.Device]
}

func (r *replay) enrol(id event.UUID, info event.PublicKeyInfo, d *reconcile.Device) {
	key, err := seal.ParseKeyInfo(info)
	if err != nil {
		return
	}
	d.Key = key
	r.devices[id] = d
	r.numbers[id] = int64(len(r.numbers)) + 1
	r.ids[r.numbers[id]] = id
}
