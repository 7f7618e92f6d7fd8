package custody

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// Rules about time look at one device's chain at a time and report one finding
// for each device and way of going wrong: a hundred thousand events under one
// wrong clock are one fact.

// maxListed caps the events that one finding lists; its text says how many there are in all.
const maxListed = 20

// caseDevices lists the devices that sealed events of the case, in order of id.
func (v *view) caseDevices() []event.UUID {
	var ids []event.UUID
	for id, chain := range v.byDevice {
		if slices.ContainsFunc(chain, inCase) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b event.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// inCase reports whether an act belongs to the case and not only to its device.
func inCase(a *act) bool { return !a.Event.Case.IsZero() }

// deviceText names a device by its model, its person and the end of its id.
func (v *view) deviceText(id event.UUID) Text {
	short := id.String()[28:] // the beginning of a UUIDv7 is a time that many share
	if list := v.people.devices[id]; len(list) > 0 {
		b := list[len(list)-1].body
		name := v.personName(b.Person)
		model := b.Model
		if model != "" {
			model += ", "
		}
		return both(short+" ("+model+"of "+name+")", short+"（"+model+name+"）")
	}
	if a := v.people.authorities[id]; a != nil {
		return both(short+" (of the authority)", short+"（登记机关）")
	}
	return str(short)
}

// tally counts acts that one finding is about, lists the first of them and keeps the worst.
type tally struct {
	n     int64
	acts  []*act
	worst *act
	by    time.Duration
}

// add takes an act and how far it is beyond what is allowed.
func (t *tally) add(a *act, by time.Duration) {
	t.n++
	if len(t.acts) < maxListed {
		t.acts = append(t.acts, a)
	}
	if t.worst == nil || by > t.by {
		t.worst, t.by = a, by
	}
}

// listed are the acts to point to, the worst among them.
func (t *tally) listed() []*act {
	if t.worst == nil || slices.Contains(t.acts, t.worst) {
		return t.acts
	}
	return append([]*act{t.worst}, t.acts[:len(t.acts)-1]...)
}

// limit words a time limit of the rule pack.
func limit(s rules.Span) Text { return both(s.Limit.String(), s.Limit.ZH()) }

// actText names an act by its type, the beginning of its id and its claimed time.
func actText(a *act) Text {
	return str(string(a.Event.Type) + " " + shortID(a.ID) + " (" + when(a.Event.Clock.Wall).EN + ")")
}

// decimalValue words a figure of the rule pack with its unit.
func valueText(x rules.Value) Text { return str(x.Value.String() + " " + x.Unit) }

// whole is a figure of the rule pack as a whole number, cut.
func whole(x rules.Value) int64 {
	n := x.Value.N
	for range x.Value.S {
		n /= 10
	}
	return n
}

// milli is a figure of the rule pack in thousandths, cut.
func milli(x rules.Value) int64 {
	d, _, err := x.Value.Round(3)
	if err != nil {
		return whole(x) * 1000
	}
	return d.N
}

func percent(part, of int64) Text {
	if of == 0 {
		return str("0 %")
	}
	tenths := mulDiv(part, 1000, of)
	return str(strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10) + " %")
}
