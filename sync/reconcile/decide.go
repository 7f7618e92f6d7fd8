package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

// The codes of this package; see the package comment.
const (
	CodeRevokedKey      seal.Code = "REVOKED_KEY"
	CodeNotAuthority    seal.Code = "NOT_AUTHORITY"
	CodeFork            seal.Code = "FORK"
	CodeUUIDReused      seal.Code = "UUID_REUSED"
	CodeGenesisMismatch seal.Code = "GENESIS_MISMATCH"
	CodeChainBroken     seal.Code = "CHAIN_BROKEN"
	CodeVariant         seal.Code = "VARIANT"
)

// Status is what became of a received line.
type Status string

// The outcomes.
const (
	Accepted    Status = "accepted"
	Duplicate   Status = "duplicate"
	Quarantined Status = "quarantined"
)

// ErrState is wrapped where the state that Decide was given is not complete for
// the lines that it was given; a fault of the caller.
var ErrState = errors.New("reconcile: the state is not complete")

// Incoming is one received line: exactly one of Verified and Refusal, as
// seal.Verify gave it, and SHA-256 over the line.
type Incoming struct {
	Verified *seal.Verified
	Refusal  *seal.Refusal
	SHA      event.Digest
}

// Line is the exact bytes.
func (in *Incoming) Line() []byte {
	if in.Verified != nil {
		return in.Verified.Line()
	}
	return in.Refusal.Line
}

// State is what the log holds, as far as the incoming lines touch it. Decide does not change it.
type State struct {
	// Size is the number of leaves: the index that the next one gets.
	Size int64
	// Origin is the log's name.
	Origin string
	// Devices has every enrolled device that an incoming line names.
	Devices map[event.UUID]*Device
	// UUIDs has every UUID of an incoming event that an event in the log carries.
	UUIDs map[event.UUID]bool
	// Kept has every incoming line that is in quarantine.
	Kept map[event.Digest]Kept
}

// Device is a device as the log knows it.
type Device struct {
	Key       seal.PublicKey
	Authority bool
	Enrolment event.ID
	// Former is the enrolment in a log that this one continues, nil where there is none.
	// It matters only where an incoming event is the first of the device.
	Former  *event.FormerEnrolment
	Revoked bool
	// Runs has at least the run from 1 and those that an incoming event of the
	// device is in or next to.
	Runs Runs
	// Log has the accepted event of each number that an incoming event carries.
	Log map[int64]Logged
}

// Logged is an accepted event.
type Logged struct {
	ID       event.ID
	SHA      event.Digest // over its line
	Index    int64
	Received time.Time
	Kind     ledger.Kind
}

// Kept is a line in quarantine.
type Kept struct {
	Index    int64
	Received time.Time
	ID       event.ID
	Code     seal.Code
	Detail   string
}

// Outcome answers one received line.
type Outcome struct {
	ID       event.ID
	Status   Status
	Code     seal.Code
	Detail   string
	Index    int64
	Received time.Time
	Kind     ledger.Kind
	// Pending says that earlier events of the device have not arrived; WaitsFor is the first of them.
	Pending  bool
	WaitsFor int64
}

// Append is one leaf to add: exactly one of Event and Quarantine is set. Index
// runs on from State.Size.
type Append struct {
	Index      int64
	In         int // position in the incoming lines
	Event      *seal.Verified
	Quarantine *seal.Refusal
	SHA        event.Digest
}

// Plan is what to do: what to add, in order, the runs of each device that
// changed, and the answers in the order of the incoming lines.
type Plan struct {
	Appends  []Append
	Runs     map[event.UUID]Runs
	Outcomes []Outcome
}

// Decide decides about lines in the order given. now is when they were
// received. The error wraps ErrState.
func Decide(state State, incoming []Incoming, now time.Time) (Plan, error) {
	d := decider{state: state, now: now, devices: map[event.UUID]*Device{}, uuids: map[event.UUID]bool{}, kept: map[event.Digest]Kept{}}
	d.plan.Outcomes = make([]Outcome, len(incoming))
	for i := range incoming {
		out, err := d.step(i, incoming[i])
		if err != nil {
			return Plan{}, err
		}
		d.plan.Outcomes[i] = out
	}
	d.finish()
	return d.plan, nil
}

// decider overlays the state with what the lines before have changed.
type decider struct {
	state   State
	now     time.Time
	plan    Plan
	devices map[event.UUID]*Device
	uuids   map[event.UUID]bool
	kept    map[event.Digest]Kept
	seqs    []slot // of each incoming line that is an event of a device's chain
}

type slot struct {
	in     int
	device event.UUID
	seq    int64
}

// device gives a copy that may be changed; nil where there is none.
func (d *decider) device(id event.UUID) *Device {
	if dev, ok := d.devices[id]; ok {
		return dev
	}
	from, ok := d.state.Devices[id]
	if !ok {
		return nil
	}
	dev := *from
	dev.Runs = slices.Clone(from.Runs)
	dev.Log = make(map[int64]Logged, len(from.Log))
	for seq, l := range from.Log {
		dev.Log[seq] = l
	}
	d.devices[id] = &dev
	return &dev
}

// DeviceKey lets seal.Verify look at the devices enrolled so far.
func (d *decider) DeviceKey(id event.UUID) (seal.PublicKey, bool, error) {
	if dev := d.device(id); dev != nil {
		return dev.Key, true, nil
	}
	return seal.PublicKey{}, false, nil
}

func (d *decider) step(i int, in Incoming) (Outcome, error) {
	kept, isKept := d.kept[in.SHA]
	if !isKept {
		kept, isKept = d.state.Kept[in.SHA]
	}
	if isKept && kept.Code != CodeVariant {
		return Outcome{ID: kept.ID, Status: Quarantined, Code: kept.Code, Detail: kept.Detail, Index: kept.Index,
			Received: kept.Received, Kind: ledger.KindQuarantine}, nil
	}
	// The device may have been enrolled since the line was checked.
	if in.Refusal != nil && in.Refusal.Code == seal.CodeUnknownDevice && d.device(in.Refusal.Claimed.Device) != nil {
		v, r, err := seal.Verify(in.Refusal.Line, d)
		if err != nil {
			return Outcome{}, err
		}
		in.Verified, in.Refusal = v, r
	}
	if in.Refusal != nil {
		return d.quarantine(i, in.SHA, in.Refusal), nil
	}
	return d.event(i, in, isKept)
}

func (d *decider) event(i int, in Incoming, isKept bool) (Outcome, error) {
	v := in.Verified
	p := v.Payload()
	dev := d.device(p.Device)
	if genesis, ok := v.Body().(*event.AuthorityGenesis); ok && dev == nil && d.next() == 0 {
		dev = d.found(p.Device, genesis)
	}
	if dev == nil || dev.Key.ID() != v.Key() {
		return Outcome{}, fmt.Errorf("%w: device %s, whose key %s sealed event %s, is not in it", ErrState, p.Device, v.Key(), v.ID())
	}
	held := dev.Runs.Holds(p.Seq)
	logged, known := dev.Log[p.Seq]
	if held && !known {
		return Outcome{}, fmt.Errorf("%w: event %d of device %s is accepted but not in it", ErrState, p.Seq, p.Device)
	}
	if held && logged.ID == v.ID() {
		return d.duplicate(i, in, logged, isKept), nil
	}
	if code, detail := d.refuse(v, dev, held); code != "" {
		layer := seal.LayerChain
		if code == CodeNotAuthority || code == CodeRevokedKey {
			layer = seal.LayerAuthority
		}
		claimed := *p
		claimed.Body = nil
		return d.quarantine(i, in.SHA, &seal.Refusal{Line: v.Line(), Layer: layer, Code: code, Detail: detail, ID: v.ID(), Claimed: claimed}), nil
	}
	return d.accept(i, in, dev), nil
}

// found makes the authority's own device, which the first entry of a log states itself.
func (d *decider) found(id event.UUID, b *event.AuthorityGenesis) *Device {
	key, err := seal.ParseKeyInfo(b.Key)
	if err != nil {
		return nil
	}
	dev := &Device{Key: key, Authority: true, Log: map[int64]Logged{}}
	d.devices[id] = dev
	return dev
}

func (d *decider) accept(i int, in Incoming, dev *Device) Outcome {
	v := in.Verified
	p := v.Payload()
	l := Logged{ID: v.ID(), SHA: in.SHA, Index: d.next(), Received: d.now, Kind: KindOf(p.Type)}
	dev.Runs = dev.Runs.Add(p.Seq, v.ID(), p.Prev)
	dev.Log[p.Seq] = l
	d.uuids[p.UUID] = true
	d.plan.Appends = append(d.plan.Appends, Append{Index: l.Index, In: i, Event: v, SHA: in.SHA})
	d.seqs = append(d.seqs, slot{i, p.Device, p.Seq})
	if dev.Authority {
		d.decree(v)
	}
	return Outcome{ID: l.ID, Status: Accepted, Index: l.Index, Received: l.Received, Kind: l.Kind}
}

// decree applies what an authority event changes for the lines behind it.
func (d *decider) decree(v *seal.Verified) {
	switch b := v.Body().(type) {
	case *event.DeviceEnrolled:
		key, err := seal.ParseKeyInfo(b.Key)
		if err != nil || d.device(b.Device) != nil {
			return // an enrolment of no effect: an unusable key, or a device that has its one key already
		}
		d.devices[b.Device] = &Device{Key: key, Enrolment: v.ID(), Former: b.Former, Log: map[int64]Logged{}}
	case *event.DeviceRevoked:
		if dev := d.device(b.Device); dev != nil && event.Digest(dev.Key.ID()) == b.Key {
			dev.Revoked = true
		}
	}
}

func (d *decider) duplicate(i int, in Incoming, l Logged, isKept bool) Outcome {
	p := in.Verified.Payload()
	d.seqs = append(d.seqs, slot{i, p.Device, p.Seq})
	out := Outcome{ID: l.ID, Status: Duplicate, Index: l.Index, Received: l.Received, Kind: l.Kind}
	if l.SHA == in.SHA {
		return out
	}
	out.Code = CodeVariant
	out.Detail = "the event was received before in another envelope; both are kept"
	if !isKept {
		claimed := *p
		claimed.Body = nil
		d.quarantine(i, in.SHA, &seal.Refusal{Line: in.Verified.Line(), Layer: seal.LayerSignature, Code: CodeVariant,
			Detail: fmt.Sprintf("another envelope of the event at log index %d", l.Index), ID: l.ID, Claimed: claimed})
	}
	return out
}

func (d *decider) quarantine(i int, sha event.Digest, r *seal.Refusal) Outcome {
	k := Kept{Index: d.next(), Received: d.now, ID: r.ID, Code: r.Code, Detail: r.Detail}
	d.kept[sha] = k
	d.plan.Appends = append(d.plan.Appends, Append{Index: k.Index, In: i, Quarantine: r, SHA: sha})
	return Outcome{ID: r.ID, Status: Quarantined, Code: r.Code, Detail: r.Detail, Index: k.Index, Received: k.Received, Kind: ledger.KindQuarantine}
}

func (d *decider) next() int64 { return d.state.Size + int64(len(d.plan.Appends)) }

// finish says which events wait, as things stand at the end, and collects the runs.
func (d *decider) finish() {
	for _, s := range d.seqs {
		head, _ := d.devices[s.device].Runs.Head()
		if out := &d.plan.Outcomes[s.in]; s.seq > head {
			out.Pending, out.WaitsFor = true, head+1
		}
	}
	d.plan.Runs = make(map[event.UUID]Runs)
	for _, a := range d.plan.Appends {
		if a.Event != nil {
			id := a.Event.Payload().Device
			d.plan.Runs[id] = d.devices[id].Runs
		}
	}
}
