package custody

import (
	"bytes"
	"cmp"
	"container/heap"
	"slices"

	"fieldseal/sync/event"
)

// order puts v.acts into causal order, which does not depend on arrival.
//
// An event comes after the event before it in its device's chain and after the
// events that it names by id: an acceptance after its offer, a conclusion after
// its acceptance, an amendment after its target. Nobody can name an id before
// the event exists, so these orders are proven. Between events that nothing
// ties together the claimed time decides, then device and sequence.
//
// A clock that runs ahead thereby delays nothing but what depends on it.
func (v *view) order() {
	for i, a := range v.acts {
		a.pos = i // for now its place in the input, which the edges count in
	}
	after, waits := v.edges()
	ready := make(queue, 0, len(v.acts))
	for i, a := range v.acts {
		if waits[i] == 0 {
			ready = append(ready, a)
		}
	}
	heap.Init(&ready)
	sorted := make([]*act, 0, len(v.acts))
	for len(ready) > 0 {
		a := heap.Pop(&ready).(*act)
		sorted = append(sorted, a)
		for _, i := range after[a.pos] {
			if waits[i]--; waits[i] == 0 {
				heap.Push(&ready, v.acts[i])
			}
		}
	}
	// Ids that name each other in a circle cannot come from real hashes. Should
	// they be handed in, nothing is lost: the rest follows by time.
	if len(sorted) < len(v.acts) {
		rest := slices.DeleteFunc(slices.Clone(v.acts), func(a *act) bool { return waits[a.pos] == 0 })
		slices.SortFunc(rest, compareActs)
		sorted = append(sorted, rest...)
	}
	for i, a := range sorted {
		a.pos = i
	}
	v.acts = sorted
}

// edges lists for each act, by place in v.acts, those that come after it, and
// counts for each how many it comes after.
func (v *view) edges() (after [][]int, waits []int) {
	after, waits = make([][]int, len(v.acts)), make([]int, len(v.acts))
	tie := func(first, then *act) {
		if first != nil && first != then {
			after[first.pos] = append(after[first.pos], then.pos)
			waits[then.pos]++
		}
	}
	for _, chain := range v.byDevice {
		for i := 1; i < len(chain); i++ {
			tie(chain[i-1], chain[i])
		}
	}
	for _, a := range v.acts {
		switch b := a.Body.(type) {
		case *event.CustodyAccepted:
			tie(v.byID[b.Offer], a)
		case *event.CustodyConcluded:
			tie(v.byID[b.Acceptance], a)
		case *event.CustodyDeclined:
			tie(v.byID[b.Offer], a)
		case *event.EventAmended:
			tie(v.byID[b.Target], a)
		case *event.DeviceGenesis:
			tie(v.byID[b.Enrolment], a)
		case *event.LinkRecorded:
			for _, id := range b.Events {
				tie(v.byID[id], a)
			}
		}
	}
	return after, waits
}

// compareActs orders by claimed time, then by what no two events share.
func compareActs(a, b *act) int {
	return cmp.Or(
		a.at.Compare(b.at),
		bytes.Compare(a.Event.Device[:], b.Event.Device[:]),
		cmp.Compare(a.Event.Seq, b.Event.Seq),
		bytes.Compare(a.ID[:], b.ID[:]),
	)
}

// queue is a heap of acts in compareActs order.
type queue []*act

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return compareActs(q[i], q[j]) < 0 }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*act)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
