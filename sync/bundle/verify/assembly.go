package verify

import (
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/rules"
	"fieldseal/sync/seal"
)

// Assembly gathers what custody is judged by from what a bundle shows. The
// writer's report and the verifier come to the same record because both go
// through here. It is not safe for concurrent use.
type Assembly struct {
	// origin is the ledger's name. former is what the ledger shows that this one
	// continues, base how many entries that and those before it have together.
	origin string
	former *Assembly
	base   int64
	hidden bool

	in     custody.Input
	seen   map[event.Seen]*event.Seen
	chains map[event.UUID]*bag.ChainLine
	// amended are the events that amendments name.
	amended map[event.ID]bool
}

// NewAssembly starts with nothing shown of the case, by the ledger of that name.
func NewAssembly(c event.UUID, origin string) *Assembly {
	return &Assembly{origin: origin, in: custody.Input{Case: c, Media: map[event.Digest]custody.MediaState{}},
		seen: map[event.Seen]*event.Seen{}, chains: map[event.UUID]*bag.ChainLine{}, amended: map[event.ID]bool{}}
}

// Event adds an accepted event. The raw bytes of its body are let go, since they
// would double the memory; see Amended.
func (a *Assembly) Event(index ledger.Index, received time.Time, p *event.Payload, body event.Body, id event.ID, key seal.KeyID) {
	kept := *p
	kept.Body = nil
	if kept.Seen != nil {
		one := a.seen[*kept.Seen]
		if one == nil {
			one = kept.Seen
			a.seen[*one] = one
		}
		kept.Seen = one
	}
	if b, ok := body.(*event.EventAmended); ok {
		a.amended[b.Target] = true
	}
	a.in.Entries = append(a.in.Entries, custody.Entry{Index: int64(index), Received: received, Event: &kept, Body: body, ID: id, Key: key})
}

// Amended lists the added events whose raw bodies Record needs, because an
// amendment names them; Restore gives one back.
func (a *Assembly) Amended() map[event.ID]*event.Payload {
	need := map[event.ID]*event.Payload{}
	for i := range a.in.Entries {
		if e := &a.in.Entries[i]; a.amended[e.ID] {
			need[e.ID] = e.Event
		}
	}
	return need
}

// Quarantined adds a line in quarantine with what it claims of itself.
func (a *Assembly) Quarantined(q Quarantined, claimed *event.Payload) {
	a.in.Quarantine = append(a.in.Quarantine, custody.QuarantinedEntry{Index: int64(q.Index), Received: q.Received, SHA256: q.SHA256,
		Layer: seal.Layer(q.Layer), Code: seal.Code(q.Code), Detail: q.Detail, Claimed: *claimed})
}

// Media adds what became of a file. One that is withheld has arrived.
func (a *Assembly) Media(m *bag.MediaLine) {
	state := custody.MediaState{Status: custody.MediaArrived, Have: m.Have, Got: m.Got}
	switch m.State {
	case bag.MediaMissing:
		state.Status = custody.MediaMissing
	case bag.MediaMismatch:
		state.Status = custody.MediaMismatch
	}
	a.in.Media[m.SHA256] = state
}

// Chain adds what had not arrived of a device's chain.
func (a *Assembly) Chain(c *bag.ChainLine) { a.chains[c.Device] = c }

// Checkpoint adds a checkpoint of the ledger.
func (a *Assembly) Checkpoint(c custody.CheckpointTime) {
	a.in.Checkpoints = append(a.in.Checkpoints, c)
}

// Record judges. checkpoint is the bundle's own; its time is the one judged.
func (a *Assembly) Record(pack *rules.Pack, checkpoint custody.CheckpointTime, hidden bool) *custody.Record {
	a.hidden = a.hidden || hidden
	in := a.input()
	checkpoint.Size += a.base
	in.Checkpoints = append(in.Checkpoints[:len(in.Checkpoints):len(in.Checkpoints)], checkpoint)
	in.Rules, in.Now, in.Hidden = pack, checkpoint.Signed, a.hidden
	for i := range in.Entries {
		e := &in.Entries[i]
		if c := a.chain(e.Event.Device); c != nil {
			e.Pending = c.Waits(e.Event.Seq)
		}
	}
	return custody.Evaluate(in)
}

// chain is what the newest ledger that has a device's chain says of it.
func (a *Assembly) chain(device event.UUID) *bag.ChainLine {
	for ; a != nil; a = a.former {
		if c := a.chains[device]; c != nil {
			return c
		}
	}
	return nil
}
