package replay

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// Missing are entries, one after another, that no source gives.
type Missing struct {
	First, Last ledger.Index
	// Leaf is what is known of the entry, where only its line is missing.
	Leaf *ledger.Leaf
	// After and Before are when the entries next to it were received; zero where unknown.
	After, Before time.Time
	// Where says who may have it.
	Where string
}

func (m *Missing) String() string {
	at := fmt.Sprintf("entry %d", m.First)
	if m.Last > m.First {
		at = fmt.Sprintf("entries %d to %d", m.First, m.Last)
	}
	if m.Leaf != nil {
		return fmt.Sprintf("%s: %v %x, received %s: its line is in no source; %s", at, m.Leaf.Kind, m.Leaf.Event, m.Leaf.Received.Time().Format(time.RFC3339), m.Where)
	}
	when := ""
	if !m.After.IsZero() {
		when = ", received " + m.After.Format(time.RFC3339) + " or later"
	}
	if !m.Before.IsZero() {
		when += ", not after " + m.Before.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s%s: no source says what stands there; %s", at, when, m.Where)
}

// maxListed bounds what a MissingError lists: who misses more needs another kind of source.
const maxListed = 1000

// Hole are numbers of a device's chain, beyond the backup, that no source has an event of.
type Hole struct {
	Device      Device
	First, Last int64
}

// MissingError says what is missing and who may have it.
type MissingError struct {
	From, To ledger.Size
	// List has the first of them, at most maxListed.
	List []Missing
	// Count is the number of all missing entries.
	Count int64
	// Holes are numbers in the chains of devices of which a later event is there.
	Holes []Hole
	// Absent are the devices of which no archive was given.
	Absent []Device
}

func (e *MissingError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "replay: of the %d lost entries (%d to %d) %d are in no source, so the root cannot be reached and nothing was changed", e.To-e.From, e.From, e.To-1, e.Count)
	for i := range e.List {
		fmt.Fprintf(&b, "\n  %s", &e.List[i])
	}
	if len(e.List) == maxListed {
		b.WriteString("\n  … and more")
	}
	for _, h := range e.Holes {
		fmt.Fprintf(&b, "\n  among them may be events %d to %d of %s, which a later event of its chain follows", h.First, h.Last, h.Device.text())
	}
	for _, d := range e.Absent {
		fmt.Fprintf(&b, "\n  no archive was given of %s (fieldkit export archive)", d.text())
	}
	return b.String()
}

func (d *Device) text() string {
	if d.Authority {
		return "the authority itself"
	}
	if d.Name == "" {
		return "device " + d.ID.String()
	}
	return fmt.Sprintf("device %s (%s)", d.ID, d.Name)
}

// missing lists the entries without a leaf or without a line; nil where there are none.
func (e *Evidence) missing(x *lines) *MissingError {
	m := &MissingError{From: e.cfg.From, To: e.cfg.To}
	devices := e.devices(x)
	for i := ledger.Index(e.cfg.From); i < ledger.Index(e.cfg.To); i++ {
		list := e.claims[i]
		with := slices.DeleteFunc(slices.Clone(list), func(c claim) bool { return x.of(&c.leaf, nil) == nil })
		if len(with) > 0 {
			e.claims[i] = with
			continue
		}
		m.Count++
		if len(m.List) == maxListed {
			continue
		}
		if len(list) > 0 {
			leaf := list[0].leaf
			m.List = append(m.List, Missing{First: i, Last: i, Leaf: &leaf, Where: whereLine(&leaf, devices)})
			continue
		}
		if n := len(m.List); n > 0 && m.List[n-1].Leaf == nil && m.List[n-1].Last == i-1 {
			m.List[n-1].Last = i
			continue
		}
		m.List = append(m.List, Missing{First: i, Last: i, Where: "an export of the log (fieldseal log export) has its leaf; the archive of the device that sealed or handed it in, or a bundle of its case, has leaf and line"})
	}
	if m.Count == 0 {
		return nil
	}
	for k := range m.List {
		if n := &m.List[k]; n.Leaf == nil {
			n.After, n.Before = e.receivedAt(n.First-1), e.receivedAt(n.Last+1)
		}
	}
	m.Holes = holes(x, devices)
	for _, id := range slices.SortedFunc(maps.Keys(devices), func(a, b event.UUID) int { return strings.Compare(a.String(), b.String()) }) {
		if d := devices[id]; !d.Authority && !e.archives[id] {
			m.Absent = append(m.Absent, d)
		}
	}
	return m
}

func (e *Evidence) receivedAt(i ledger.Index) time.Time {
	if list := e.claims[i]; len(list) > 0 {
		return list[0].leaf.Received.Time()
	}
	return time.Time{}
}

// devices are those of the backup and those that were enrolled after it.
func (e *Evidence) devices(x *lines) map[event.UUID]Device {
	all := map[event.UUID]Device{}
	for _, d := range e.cfg.Devices {
		all[d.ID] = d
	}
	for _, l := range x.bySHA {
		if b, ok := l.body.(*event.DeviceEnrolled); ok {
			if _, known := all[b.Device]; !known {
				all[b.Device] = Device{ID: b.Device, Key: b.Key.ID, Name: b.Model}
			}
		}
	}
	return all
}

// whereLine says who may have the line of a leaf.
func whereLine(leaf *ledger.Leaf, devices map[event.UUID]Device) string {
	if leaf.Kind == ledger.KindQuarantine {
		return "it was put into quarantine: the archive of the device that handed it in has it, or a bundle of the case that it claims"
	}
	for _, d := range devices {
		if d.Key != event.Digest(leaf.Key) {
			continue
		}
		if d.Authority {
			return "the authority sealed it: devices that have synced since pulled it, and bundles made since may hold it"
		}
		return fmt.Sprintf("%s sealed it: its archive has it, and those of devices that pulled its case, and bundles of the case", d.text())
	}
	return fmt.Sprintf("the key %x, of a device that was enrolled after the backup, sealed it: the archive of that device has it", leaf.Key[:6])
}

// holes lists, by device, the numbers between the backup's head and the last that is known.
func holes(x *lines, devices map[event.UUID]Device) []Hole {
	var list []Hole
	for id, seqs := range x.seqs {
		d, known := devices[id]
		if !known {
			d = Device{ID: id}
		}
		next := d.Head + 1
		for _, seq := range slices.Sorted(maps.Keys(seqs)) {
			if seq > next {
				list = append(list, Hole{d, next, seq - 1})
			}
			next = seq + 1
		}
	}
	slices.SortFunc(list, func(a, b Hole) int {
		if c := strings.Compare(a.Device.ID.String(), b.Device.ID.String()); c != 0 {
			return c
		}
		return int(a.First - b.First)
	})
	return list
}
