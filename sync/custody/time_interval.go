package custody

import (
	"slices"
	"time"

	"fieldseal/sync/event"
)

// Interval is when an event was sealed, as far as that is proven. It bounds the
// signature, not the act that the event describes. A zero time is no bound:
// nothing is known on that side, and nothing is invented.
//
// What it promises: the true time of the signature is not outside the bounds of
// Witnessed, whatever the wall clocks of devices and server show, unless the
// device's key signed elsewhere than in the device, or a witness (as many as make a
// quorum) or time-stamping authority lied or had a wrong clock. NotBefore and
// NotAfter promise the same where the ledger's server, too, told the truth.
// Estimated promises nothing. A simulation of devices whose clocks lie, drift and
// jump holds this code to it.
type Interval struct {
	// Claimed is the wall clock as the device showed it.
	Claimed time.Time `json:"claimed"`
	// NotBefore and NotAfter are the tightest bounds there are, those that rest
	// on the ledger's own word included; NotBeforeBy and NotAfterBy say on what
	// they rest.
	NotBefore   time.Time `json:"not_before,omitzero"`
	NotBeforeBy Basis     `json:"not_before_by,omitzero"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	NotAfterBy  Basis     `json:"not_after_by,omitzero"`
	// Witnessed are the bounds that rest on witnesses and timestamp tokens alone.
	Witnessed *Bounds `json:"witnessed,omitzero"`
	// Estimated is the claimed time corrected by the clock offset that the device
	// observed at a sync in the same boot; zero where it observed none. It rests
	// on the device's word and proves nothing.
	Estimated   time.Time `json:"estimated,omitzero"`
	EstimatedBy event.ID  `json:"estimated_by,omitzero"`
	// WithinMS is how far the estimate may be off in milliseconds, if the device told the truth.
	WithinMS int64 `json:"within_ms,omitzero"`
	// WidthMS is NotAfter less NotBefore in milliseconds, 0 where a bound is missing.
	WidthMS int64 `json:"width_ms,omitzero"`
	// Impossible: the bounds exclude each other.
	Impossible bool `json:"impossible,omitzero"`
}

// Bounds are two bounds with what they rest on.
type Bounds struct {
	NotBefore   time.Time `json:"not_before,omitzero"`
	NotBeforeBy Basis     `json:"not_before_by,omitzero"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	NotAfterBy  Basis     `json:"not_after_by,omitzero"`
}

// Basis says what a bound of an Interval rests on.
type Basis struct {
	// Kind is one of the Basis constants; empty where there is no bound.
	Kind BasisKind `json:"kind,omitzero"`
	// Size is the checkpoint's size.
	Size int64 `json:"size,omitzero"`
	// Via is the event that the bound belongs to and is inherited from; absent where it is the event's own.
	Via event.ID `json:"via,omitzero"`
	// Path says how it is inherited; empty where it is the event's own.
	Path Path `json:"path,omitzero"`
}

// BasisKind is the kind of fact that a bound rests on.
type BasisKind string

// The kinds. The first two are the word of others than the keeper of the ledger.
const (
	// ByWitness: a quorum of witnesses cosigned the checkpoint.
	ByWitness BasisKind = "witnessed_checkpoint"
	// ByToken: a verified RFC 3161 token stands over the checkpoint.
	ByToken BasisKind = "token"
	// ByCheckpoint: the ledger itself dates the checkpoint.
	ByCheckpoint BasisKind = "checkpoint"
	// ByReceipt: the ledger's server says when it took the event in.
	ByReceipt BasisKind = "received"
)

// Path is how a bound passes from one event to another. It is the weakest link
// on the way.
type Path string

// The paths, the strongest first.
const (
	// PathNamed: one event names the other by its hash, in the device's chain or across devices.
	PathNamed Path = "named"
	// PathSequence: the events belong to one device's chain, but events between
	// them are not in this record, so that the order rests on sequence numbers
	// that the ledger accepted.
	PathSequence Path = "sequence"
)

// checkpointTick: witnesses and timestamp authorities state whole seconds, cut
// off. As an upper bound such a time is up to a second too early.
const checkpointTick = time.Second

// bound is a bound while it is worked out.
type bound struct {
	at  time.Time
	by  Basis
	has bool
}

// brackets are the bounds of every act by its position in causal order.
type brackets struct {
	v *view
	// before and after are the tightest bounds; the others rest on witnesses alone.
	before, after                   []bound
	witnessedBefore, witnessedAfter []bound
	// circles are the pairs whose order contradicts the causal order.
	circles []tiedPair
}

// tiedPair says that first was sealed before then.
type tiedPair struct {
	first, then *act
	path        Path
}

var _ = derive(stageTime, "intervals", func(v *view) {
	b := bracket(v)
	v.record.Intervals = make(map[event.ID]Interval, len(v.acts))
	for i, a := range v.acts {
		v.record.Intervals[a.ID] = b.interval(i, a)
	}
	v.circles = b.circles
	estimate(v)
})

// bracket works out all bounds: each act's own, then inherited along every tie
// in one pass forward and one backward, which is linear in events and ties.
func bracket(v *view) *brackets {
	n := len(v.acts)
	b := &brackets{v: v, before: make([]bound, n), after: make([]bound, n), witnessedBefore: make([]bound, n), witnessedAfter: make([]bound, n)}
	marks := newMarks(v.in.Checkpoints, v.acts)
	for i, a := range v.acts {
		b.before[i], b.witnessedBefore[i] = marks.shown(a.Event.Seen)
		b.after[i], b.witnessedAfter[i] = marks.covering(a)
	}
	ties := b.ties()
	for _, t := range ties {
		i, j := t.first.pos, t.then.pos
		b.before[j] = later(b.before[j], b.before[i].inherit(t, t.first))
		b.witnessedBefore[j] = later(b.witnessedBefore[j], b.witnessedBefore[i].inherit(t, t.first))
	}
	for _, t := range slices.Backward(ties) {
		i, j := t.first.pos, t.then.pos
		b.after[i] = earlier(b.after[i], b.after[j].inherit(t, t.then))
		b.witnessedAfter[i] = earlier(b.witnessedAfter[i], b.witnessedAfter[j].inherit(t, t.then))
	}
	return b
}

// ties lists every proven order of two acts, by the position of the later one
// and within that of the earlier, so that one pass settles each act before it
// is passed on.
func (b *brackets) ties() []tiedPair {
	v := b.v
	previous := make([]tiedPair, len(v.acts))
	for _, chain := range v.byDevice {
		for i := 1; i < len(chain); i++ {
			if p, ok := linked(chain[i-1], chain[i]); ok {
				previous[chain[i].pos] = tiedPair{chain[i-1], chain[i], p}
			}
		}
	}
	ties := make([]tiedPair, 0, len(v.acts))
	for i, a := range v.acts {
		if previous[i].first != nil {
			ties = append(ties, previous[i])
		}
		for _, id := range namedBy(a.Body) {
			if first := v.byID[id]; first != nil && first != a {
				ties = append(ties, tiedPair{first, a, PathNamed})
			}
		}
	}
	return slices.DeleteFunc(ties, func(t tiedPair) bool {
		if t.first.pos < t.then.pos {
			return false
		}
		b.circles = append(b.circles, t)
		return true
	})
}

// linked says whether two neighbours of a device's chain, as far as it is here,
// are proven to be in that order: the later names the earlier, or the ledger
// has found the chain whole between them.
func linked(a, b *act) (Path, bool) {
	switch {
	case b.Event.Prev == a.ID:
		return PathNamed, true
	case b.Event.Seq <= a.Event.Seq+1 || b.Pending:
		return "", false
	}
	return PathSequence, true
}

// namedBy lists the events that a body names by id: they existed before it.
func namedBy(b event.Body) []event.ID {
	switch b := b.(type) {
	case *event.CustodyAccepted:
		return []event.ID{b.Offer}
	case *event.CustodyConcluded:
		return []event.ID{b.Acceptance}
	case *event.CustodyDeclined:
		return []event.ID{b.Offer}
	case *event.EventAmended:
		return []event.ID{b.Target}
	case *event.DeviceGenesis:
		return []event.ID{b.Enrolment}
	case *event.LinkRecorded:
		return b.Events
	}
	return nil
}

// inherit is a bound as it passes over a tie from the act it stands at.
func (b bound) inherit(t tiedPair, from *act) bound {
	if !b.has {
		return b
	}
	if b.by.Via.IsZero() {
		b.by.Via = from.ID
	}
	if b.by.Path != PathSequence {
		b.by.Path = t.path
	}
	return b
}

// later takes the tighter of two lower bounds; an act's own outranks an equal one.
func later(own, other bound) bound {
	if other.has && (!own.has || other.at.After(own.at)) {
		return other
	}
	return own
}

// earlier takes the tighter of two upper bounds.
func earlier(own, other bound) bound {
	if other.has && (!own.has || other.at.Before(own.at)) {
		return other
	}
	return own
}

func (b *brackets) interval(i int, a *act) Interval {
	in := Interval{
		Claimed:   a.at,
		NotBefore: b.before[i].at, NotBeforeBy: b.before[i].by,
		NotAfter: b.after[i].at, NotAfterBy: b.after[i].by,
	}
	if w, x := b.witnessedBefore[i], b.witnessedAfter[i]; w.has || x.has {
		in.Witnessed = &Bounds{NotBefore: w.at, NotBeforeBy: w.by, NotAfter: x.at, NotAfterBy: x.by}
	}
	if b.before[i].has && b.after[i].has {
		in.WidthMS = max(0, in.NotAfter.Sub(in.NotBefore).Milliseconds())
		in.Impossible = in.NotBefore.Sub(in.NotAfter) > allowance(in.NotBeforeBy.Kind, in.NotAfterBy.Kind)
	}
	return in
}

// clockAllowance is how far apart the clocks of a ledger, its witnesses and
// timestamp authorities may be without any of them being false: each is set by
// another hand, and a server tells its operator of more (sync/witness/collect).
const clockAllowance = 30 * time.Second

// allowance is by how much two bounds may exclude each other. What the ledger
// says twice is by one clock, and has none.
func allowance(before, after BasisKind) time.Duration {
	others := func(k BasisKind) bool { return k == ByWitness || k == ByToken }
	if others(before) || others(after) {
		return clockAllowance
	}
	return 0
}
