package reconcile

import (
	"slices"

	"fieldseal/sync/event"
)

// Run is a stretch of a device's accepted events without a hole.
type Run struct {
	First, Last int64
	// Prev is what event First names as its predecessor, zero for event 1.
	Prev event.ID
	// ID is the id of event Last.
	ID event.ID
}

// Runs is the runs of one device in order, each at least one number apart from the next.
type Runs []Run

// Head is the last event of the run that starts at 1: the end of the chain
// without a hole. It is 0 where event 1 has not arrived.
func (r Runs) Head() (seq int64, id event.ID) {
	if len(r) > 0 && r[0].First == 1 {
		return r[0].Last, r[0].ID
	}
	return 0, event.ID{}
}

// at gives the position of the first run that ends at seq or later.
func (r Runs) at(seq int64) int {
	i, _ := slices.BinarySearchFunc(r, seq, func(run Run, seq int64) int {
		if run.Last < seq {
			return -1
		}
		return 1
	})
	return i
}

// Holds reports whether event seq is accepted.
func (r Runs) Holds(seq int64) bool {
	i := r.at(seq)
	return i < len(r) && r[i].First <= seq
}

// Neighbours gives the runs that event seq, which is not held, would join:
// before ends at seq-1, after starts at seq+1.
func (r Runs) Neighbours(seq int64) (before, after *Run) {
	i := r.at(seq)
	if i > 0 && r[i-1].Last == seq-1 {
		before = &r[i-1]
	}
	if i < len(r) && r[i].First == seq+1 {
		after = &r[i]
	}
	return before, after
}

// Add takes in event seq, which is not held and fits between its Neighbours.
func (r Runs) Add(seq int64, id, prev event.ID) Runs {
	before, after := r.Neighbours(seq)
	switch {
	case before != nil && after != nil:
		before.Last, before.ID = after.Last, after.ID
		i := r.at(after.Last)
		return slices.Delete(r, i+1, i+2)
	case before != nil:
		before.Last, before.ID = seq, id
	case after != nil:
		after.First, after.Prev = seq, prev
	default:
		return slices.Insert(r, r.at(seq), Run{seq, seq, prev, id})
	}
	return r
}
