package reconcile_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

const origin = "log.test"

var start = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// world makes real sealed events from drawings. An event is a letter for the
// device, its number and marks that tell events of one number apart: A2, A2', A2”.
//
//	A1 -> A2 -> A3
//	A2 -> A3'
//
// The first line is a chain, the second a branch from A2. W is the authority.
type world struct {
	t       testing.TB
	keys    map[string]*seal.PrivateKey
	enrol   map[string]event.ID
	lines   map[string][]byte
	ids     map[string]event.ID
	uuids   map[string]event.UUID // where an event is to reuse another's
	special map[string]event.Body
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, keys: map[string]*seal.PrivateKey{}, enrol: map[string]event.ID{}, lines: map[string][]byte{}, ids: map[string]event.ID{},
		uuids: map[string]event.UUID{}, special: map[string]event.Body{}}
	w.key("W")
	return w
}

func (w *world) key(dev string) *seal.PrivateKey {
	if w.keys[dev] == nil {
		k, err := seal.GenerateKey()
		if err != nil {
			w.t.Fatal(err)
		}
		w.keys[dev] = k
		w.enrol[dev] = sha256.Sum256([]byte("enrolment of " + dev))
	}
	return w.keys[dev]
}

func deviceID(dev string) event.UUID { return uuid("device " + dev) }

func uuid(name string) event.UUID {
	sum := sha256.Sum256([]byte(name))
	return event.NewUUID(start, [10]byte(sum[:]))
}

func split(name string) (dev string, seq int64) {
	seq, err := strconv.ParseInt(strings.TrimRight(name[1:], "'"), 10, 64)
	if err != nil {
		panic(err)
	}
	return name[:1], seq
}

// draw seals the events of a drawing that are not sealed yet.
func (w *world) draw(text string) {
	w.t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		prev := ""
		for _, name := range strings.Split(line, "->") {
			name = strings.TrimSpace(name)
			if w.lines[name] == nil {
				w.sealEvent(name, prev)
			}
			prev = name
		}
	}
}

func (w *world) sealEvent(name, prev string) {
	w.t.Helper()
	dev, seq := split(name)
	key := w.key(dev)
	body := w.special[name]
	if body == nil {
		body = &event.NoteWritten{Text: name}
		if seq == 1 {
			body = &event.DeviceGenesis{Enrolment: w.enrol[dev], Key: event.Digest(key.Public().ID()), Origin: origin, Model: name}
		}
	}
	raw, err := event.MarshalBody(body)
	if err != nil {
		w.t.Fatal(err)
	}
	p := event.Payload{V: 1, Type: event.TypeOf(body), UUID: uuid(name), Case: uuid("case"), Device: deviceID(dev), Seq: seq, Prev: w.ids[prev],
		Actor: uuid("person"), Clock: event.Clock{Wall: event.StampOf(start), Source: "gnss"}, Body: raw}
	if u, ok := w.uuids[name]; ok {
		p.UUID = u
	}
	data, err := event.Marshal(p)
	if err != nil {
		w.t.Fatal(err)
	}
	line, err := key.Seal(event.PayloadType, data)
	if err != nil {
		w.t.Fatal(err)
	}
	w.lines[name], w.ids[name] = line, seal.IDOf(data)
}

// reseal makes another envelope of the same event.
func (w *world) reseal(name, as string) {
	env, err := seal.ParseEnvelope(w.lines[name])
	if err != nil {
		w.t.Fatal(err)
	}
	dev, _ := split(name)
	for string(w.lines[as]) == "" || string(w.lines[as]) == string(w.lines[name]) {
		if w.lines[as], err = w.key(dev).Seal(event.PayloadType, env.Payload); err != nil {
			w.t.Fatal(err)
		}
	}
	w.ids[as] = w.ids[name]
}

// memory is a log kept in memory as the store would keep it.
type memory struct {
	w       *world
	size    int64
	devices map[event.UUID]*reconcile.Device
	uuids   map[event.UUID]bool
	kept    map[event.Digest]reconcile.Kept
	lines   map[string]bool // every line that is kept somewhere
	now     time.Time
}

func (w *world) memory(enrolled ...string) *memory {
	m := &memory{w: w, devices: map[event.UUID]*reconcile.Device{}, uuids: map[event.UUID]bool{}, kept: map[event.Digest]reconcile.Kept{}, lines: map[string]bool{}, now: start}
	for _, dev := range enrolled {
		m.devices[deviceID(dev)] = &reconcile.Device{Key: w.key(dev).Public(), Enrolment: w.enrol[dev], Authority: dev == "W", Log: map[int64]reconcile.Logged{}}
	}
	return m
}

func (m *memory) DeviceKey(id event.UUID) (seal.PublicKey, bool, error) {
	if d := m.devices[id]; d != nil {
		return d.Key, true, nil
	}
	return seal.PublicKey{}, false, nil
}

// submit hands a batch in and carries the plan out.
func (m *memory) submit(names ...string) []reconcile.Outcome {
	m.w.t.Helper()
	m.now = m.now.Add(time.Second)
	incoming := make([]reconcile.Incoming, len(names))
	for i, name := range names {
		line := m.w.lines[name]
		if line == nil {
			m.w.t.Fatalf("%s is not drawn", name)
		}
		v, r, err := seal.Verify(line, m)
		if err != nil {
			m.w.t.Fatal(err)
		}
		incoming[i] = reconcile.Incoming{Verified: v, Refusal: r, SHA: seal.LineDigest(line)}
	}
	before := m.accepted()
	plan, err := reconcile.Decide(reconcile.State{Size: m.size, Origin: origin, Devices: m.devices, UUIDs: m.uuids, Kept: m.kept}, incoming, m.now)
	if err != nil {
		m.w.t.Fatal(err)
	}
	if m.accepted() != before {
		m.w.t.Fatal("Decide changed the state that it was given")
	}
	m.apply(plan, incoming)
	return plan.Outcomes
}

func (m *memory) apply(plan reconcile.Plan, incoming []reconcile.Incoming) {
	for i, a := range plan.Appends {
		if a.Index != m.size+int64(i) {
			m.w.t.Fatalf("append %d has index %d in a log of %d", i, a.Index, m.size)
		}
		m.lines[string(incoming[a.In].Line())] = true
		if q := a.Quarantine; q != nil {
			m.kept[a.SHA] = reconcile.Kept{Index: a.Index, Received: m.now, ID: q.ID, Code: q.Code, Detail: q.Detail}
			continue
		}
		p := a.Event.Payload()
		m.uuids[p.UUID] = true
		d := m.devices[p.Device]
		d.Log[p.Seq] = reconcile.Logged{ID: a.Event.ID(), SHA: a.SHA, Index: a.Index, Received: m.now, Kind: reconcile.KindOf(p.Type)}
		switch b := a.Event.Body().(type) {
		case *event.DeviceRevoked:
			m.devices[b.Device].Revoked = true
		case *event.DeviceEnrolled:
			key, err := seal.ParseKeyInfo(b.Key)
			if err != nil {
				m.w.t.Fatal(err)
			}
			m.devices[b.Device] = &reconcile.Device{Key: key, Enrolment: a.Event.ID(), Log: map[int64]reconcile.Logged{}}
		}
	}
	m.size += int64(len(plan.Appends))
	for id, runs := range plan.Runs {
		m.devices[id].Runs = runs
	}
}

// accepted lists the ids of the accepted events of each device, by number.
func (m *memory) accepted() string {
	var b strings.Builder
	for _, id := range slices.SortedFunc(maps.Keys(m.devices), func(a, b event.UUID) int { return slices.Compare(a[:], b[:]) }) {
		d := m.devices[id]
		fmt.Fprintf(&b, "%s %v\n", id, d.Runs)
		for _, seq := range slices.Sorted(maps.Keys(d.Log)) {
			fmt.Fprintf(&b, "  %d %s\n", seq, d.Log[seq].ID)
		}
	}
	return b.String()
}

// short is an outcome as the scenarios write it: the code, or a for accepted, d
// for duplicate, with ? and the number that it waits for.
func short(o reconcile.Outcome) string {
	s := map[reconcile.Status]string{reconcile.Accepted: "a", reconcile.Duplicate: "d", reconcile.Quarantined: ""}[o.Status]
	if o.Code != "" {
		s += string(o.Code)
	}
	if o.Pending {
		s += "?" + strconv.FormatInt(o.WaitsFor, 10)
	}
	return s
}
