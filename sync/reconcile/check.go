package reconcile

import (
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// refuse gives the first reason why an event that is not in the log cannot be
// accepted; the empty code where there is none.
func (d *decider) refuse(v *seal.Verified, dev *Device, held bool) (seal.Code, string) {
	p := v.Payload()
	switch {
	case dev.Revoked:
		return CodeRevokedKey, fmt.Sprintf("the key of device %s was revoked before this event arrived", p.Device)
	case p.Type.AuthorityOnly() && !dev.Authority:
		return CodeNotAuthority, fmt.Sprintf("%s can only be sealed by the authority", p.Type)
	case held:
		return CodeFork, fmt.Sprintf("event %d of device %s is already in the log as %s, at index %d", p.Seq, p.Device, dev.Log[p.Seq].ID, dev.Log[p.Seq].Index)
	case d.uuids[p.UUID] || d.state.UUIDs[p.UUID]:
		return CodeUUIDReused, fmt.Sprintf("the log has another event with UUID %s", p.UUID)
	}
	if detail := d.genesis(v, dev); detail != "" {
		return CodeGenesisMismatch, detail
	}
	before, after := dev.Runs.Neighbours(p.Seq)
	if before != nil && before.ID != p.Prev {
		return CodeChainBroken, fmt.Sprintf("it names %s as event %d of device %s, but the log has %s", p.Prev, p.Seq-1, p.Device, before.ID)
	}
	if after != nil && after.Prev != v.ID() {
		return CodeFork, fmt.Sprintf("event %d of device %s, already in the log, follows on event %s, not on this one", p.Seq+1, p.Device, after.Prev)
	}
	return "", ""
}

// genesis says what the first event of a chain states wrongly about its enrolment.
func (d *decider) genesis(v *seal.Verified, dev *Device) string {
	switch b := v.Body().(type) {
	case *event.DeviceGenesis:
		if f := dev.Former; f != nil && b.Enrolment == f.Enrolment && b.Origin == f.Origin && b.Key == event.Digest(dev.Key.ID()) {
			return "" // the chain began in the log that this one continues
		}
		switch {
		case b.Enrolment != dev.Enrolment:
			return fmt.Sprintf("it names enrolment %s, but the device was enrolled by %s", b.Enrolment, dev.Enrolment)
		case b.Key != event.Digest(dev.Key.ID()):
			return fmt.Sprintf("it names key %s, but the device is enrolled with %s", b.Key, dev.Key.ID())
		case b.Origin != d.state.Origin:
			return fmt.Sprintf("it was made for the log %q, this one is %q", b.Origin, d.state.Origin)
		}
	case *event.AuthorityGenesis:
		switch {
		case b.Key.ID != event.Digest(dev.Key.ID()):
			return fmt.Sprintf("it states key %s, but the authority's is %s", b.Key.ID, dev.Key.ID())
		case b.LogOrigin != d.state.Origin:
			return fmt.Sprintf("it was made for the log %q, this one is %q", b.LogOrigin, d.state.Origin)
		}
	}
	return ""
}
