package bundle

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

// choose settles which events of the case are shown.
func (mk *maker) choose() error {
	if mk.m.Disclosure.Scope == bag.WholeCase {
		return nil
	}
	sel := newSelection(mk.o.Exhibits)
	for ev, err := range mk.src.Events(mk.ctx, mk.o.Case, mk.cp.Size) {
		if err != nil {
			return err
		}
		p, body, err := parse(&ev)
		if err != nil {
			return err
		}
		if p.Case.IsZero() {
			continue
		}
		var media []event.Digest
		for _, m := range bag.MediaOf(body) {
			media = append(media, m.SHA256)
		}
		sel.add(ev.Index, event.ID(ev.Leaf.Event), &p, body, media)
	}
	mk.show = sel.settle()
	if unknown := sel.unknown(mk.o.Exhibits); len(unknown) > 0 {
		return fmt.Errorf("%w: the case has no %s %s", ErrOptions, unknown[0].Kind, unknown[0].ID)
	}
	return mk.mention()
}

// mention finds who and what the shown events mention, so that of the persons,
// organisations, devices and files of the case only these are shown.
func (mk *maker) mention() error {
	mk.mentioned, mk.wanted = map[event.UUID]bool{}, map[event.Digest]bool{}
	persons := map[event.UUID]event.UUID{} // to their organisation
	enrolled := map[event.UUID]*event.DeviceEnrolled{}
	for ev, err := range mk.src.Events(mk.ctx, mk.o.Case, mk.cp.Size) {
		if err != nil {
			return err
		}
		p, body, err := parse(&ev)
		if err != nil {
			return err
		}
		switch b := body.(type) {
		case *event.PersonRegistered:
			persons[b.Person] = b.Org
		case *event.DeviceEnrolled:
			enrolled[b.Device] = b
		}
		if p.Case.IsZero() || !mk.show[ev.Index] {
			continue
		}
		mk.mentioned[p.Device], mk.mentioned[p.Actor] = true, true
		for _, id := range Mentioned(p.Body) {
			mk.mentioned[id] = true
		}
		for _, m := range bag.MediaOf(body) {
			mk.wanted[m.SHA256] = true
		}
	}
	for device, b := range enrolled {
		if mk.mentioned[device] {
			mk.mentioned[b.Person], mk.mentioned[b.Org] = true, true
		}
	}
	for person, org := range persons {
		if mk.mentioned[person] {
			mk.mentioned[org] = true
		}
	}
	return nil
}

// Mentioned lists the UUIDs in a body's JSON text, also in texts within it, as
// often as they stand there.
func Mentioned(text []byte) []event.UUID {
	var list []event.UUID
	for {
		i := bytes.IndexByte(text, '-')
		if i < 0 {
			return list
		}
		var u event.UUID
		if i >= 8 && len(text) >= i+28 && u.UnmarshalText(text[i-8:i+28]) == nil {
			list = append(list, u)
			text = text[i+28:]
			continue
		}
		text = text[i+1:]
	}
}

// shows reports whether an event is disclosed.
func (mk *maker) shows(ev *Event, p *event.Payload, body event.Body) bool {
	if mk.show == nil {
		return true
	}
	if !p.Case.IsZero() {
		return mk.show[ev.Index]
	}
	switch b := body.(type) {
	case *event.AuthorityGenesis, *event.RulePack, *event.LogPredecessor:
		return true
	case *event.OrgRegistered:
		return mk.mentioned[b.Org]
	case *event.PersonRegistered:
		return mk.mentioned[b.Person]
	case *event.DeviceEnrolled:
		return mk.mentioned[b.Device]
	case *event.DeviceRevoked:
		return mk.mentioned[b.Device]
	case *event.DeviceGenesis, *event.ClockObserved:
		return mk.mentioned[p.Device]
	case *event.MediaReceived:
		return mk.wanted[b.SHA256]
	case *event.MediaQuarantined:
		return mk.wanted[b.Wanted]
	}
	return false
}

// events spools the shown events and takes up everything that they entail.
func (mk *maker) events() error {
	w, err := mk.spool.create(bag.PathEvents, true)
	if err != nil {
		return err
	}
	ids, d, last := sha256.New(), &mk.m.Disclosure, ledger.Index(-1)
	for ev, err := range mk.src.Events(mk.ctx, mk.o.Case, mk.cp.Size) {
		if err != nil {
			return err
		}
		p, body, err := parse(&ev)
		if err != nil {
			return err
		}
		if ev.Index <= last || ledger.Size(ev.Index) >= mk.cp.Size || !p.Case.IsZero() && p.Case != mk.o.Case {
			return broken("entry %d comes out of order, is beyond the checkpoint, or is of another case", ev.Index)
		}
		last = ev.Index
		role := bag.RoleEvent
		switch {
		case !mk.shows(&ev, &p, body) && p.Case.IsZero():
			continue
		case !mk.shows(&ev, &p, body):
			role = bag.RoleHidden
			d.Hidden++
		case p.Case.IsZero():
			d.Context++
		default:
			d.Shown++
		}
		mk.leaves[ev.Index] = bag.LeafLine{Index: ev.Index, Role: role, Leaf: ev.Leaf}
		mk.link(&ev, &p, role)
		if role == bag.RoleHidden {
			continue
		}
		if bytes.IndexByte(ev.Line, '\n') >= 0 {
			return broken("the line of entry %d is more than one", ev.Index)
		}
		ids.Write(ev.Leaf.Event[:])
		if _, err := w.Write(append(ev.Line[:len(ev.Line):len(ev.Line)], '\n')); err != nil {
			return err
		}
		if err := mk.take(&ev, &p, body); err != nil {
			return err
		}
	}
	d.Events = event.Digest(ids.Sum(nil))
	if d.Shown == 0 {
		return fmt.Errorf("%w: the ledger has no event of case %s", ErrOptions, mk.o.Case)
	}
	return mk.done(w)
}

// link notes an event's place in its device's chain.
func (mk *maker) link(ev *Event, p *event.Payload, role bag.Role) {
	ch := mk.chains[p.Device]
	if ch == nil {
		ch = &chain{key: event.Digest(ev.Leaf.Key), hidden: map[int64]bool{}}
		mk.chains[p.Device] = ch
	}
	if role == bag.RoleHidden {
		ch.hidden[p.Seq] = true
		return
	}
	ch.shown = append(ch.shown, link{p.Seq, ev.Index})
}

// take notes what a shown event entails.
func (mk *maker) take(ev *Event, p *event.Payload, body event.Body) error {
	switch b := body.(type) {
	case *event.AuthorityGenesis:
		key, err := seal.ParseKeyInfo(b.Key)
		if err != nil {
			return broken("the authority's key: %w", err)
		}
		mk.keys[b.Key.ID] = key
		mk.genesisBody = b
	case *event.LogPredecessor:
		if ev.Index == 1 {
			mk.predecessor = b
		}
	case *event.DeviceEnrolled:
		if key, err := seal.ParseKeyInfo(b.Key); err == nil { // an unusable key enrols nothing
			mk.keys[b.Key.ID] = key
		}
	}
	for _, m := range bag.MediaOf(body) {
		if mk.media[m.SHA256] == nil {
			mk.media[m.SHA256] = m
		}
	}
	if p.Seen != nil {
		mk.seen[*p.Seen] = true
	}
	mk.asm.Event(ev.Index, ev.Leaf.Received.Time(), p, body, event.ID(ev.Leaf.Event), seal.KeyID(ev.Leaf.Key))
	return nil
}

// done closes a part and keeps it.
func (mk *maker) done(w *partWriter) error {
	p, err := w.close()
	if err == nil {
		mk.parts = append(mk.parts, p)
	}
	return err
}

// quarantine spools the lines in quarantine, or hides them behind their leaves.
func (mk *maker) quarantine() error {
	w, err := mk.spool.create(bag.PathQuarantine, true)
	if err != nil {
		return err
	}
	d := &mk.m.Disclosure
	for q, err := range mk.src.Quarantine(mk.ctx, mk.o.Case, mk.cp.Size) {
		if err != nil {
			return err
		}
		if ledger.Size(q.Index) >= mk.cp.Size || mk.leaves[q.Index].Role != 0 {
			return broken("quarantined entry %d is beyond the checkpoint, or an event has its place", q.Index)
		}
		if d.Scope == bag.Exhibits {
			d.HiddenQuarantine++
			mk.leaves[q.Index] = bag.LeafLine{Index: q.Index, Role: bag.RoleHiddenQuarantine, Leaf: q.Leaf}
			continue
		}
		d.ShownQuarantine++
		mk.leaves[q.Index] = bag.LeafLine{Index: q.Index, Role: bag.RoleQuarantine, Leaf: q.Leaf}
		line, err := bag.AppendJSON(nil, &bag.QuarantineLine{Index: q.Index, Layer: q.Layer, Code: q.Code, Detail: q.Detail, Line: q.Line})
		if err != nil {
			return broken("quarantined entry %d: %w", q.Index, err)
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
		kept := verify.Quarantined{Index: q.Index, Received: q.Leaf.Received.Time(), SHA256: event.Digest(q.Leaf.Event),
			Layer: string(q.Layer), Code: string(q.Code), Detail: q.Detail}
		mk.kept = append(mk.kept, kept)
		mk.asm.Quarantined(kept, claims(q.Line))
	}
	return mk.done(w)
}

// claims reads what a quarantined line says of itself.
func claims(line []byte) *event.Payload {
	_, refusal, err := seal.Verify(line, noKeys{})
	if err != nil || refusal == nil {
		return &event.Payload{}
	}
	return &refusal.Claimed
}

// noKeys knows no device.
type noKeys struct{}

func (noKeys) DeviceKey(event.UUID) (seal.PublicKey, bool, error) {
	return seal.PublicKey{}, false, nil
}

// sorted gives the keys of a map whose order is that of their bytes.
func sorted[V any, K interface {
	event.UUID | event.Digest
	comparable
}](m map[K]V, bytesOf func(K) []byte) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b K) int { return bytes.Compare(bytesOf(a), bytesOf(b)) })
	return keys
}

func digestBytes(d event.Digest) []byte { return d[:] }
func uuidBytes(u event.UUID) []byte     { return u[:] }
