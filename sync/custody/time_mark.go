package custody

import (
	"cmp"
	"slices"
	"time"

	"fieldseal/sync/event"
)

// marks are the checkpoints that bounds rest on.
type marks struct {
	// bySize is in ascending order of size.
	bySize []CheckpointTime
	// witnessedFrom and tokenFrom give for each of them the first from there on
	// that a quorum witnessed, or that a verified token stands over; -1 where none does.
	witnessedFrom, tokenFrom []int
	// received lists the entries by index.
	received []receipt
}

type receipt struct {
	index int64
	at    time.Time
}

func newMarks(list []CheckpointTime, acts []*act) *marks {
	m := &marks{bySize: slices.Clone(list)}
	for _, a := range acts {
		m.received = append(m.received, receipt{a.Index, a.Received})
	}
	slices.SortFunc(m.received, func(a, b receipt) int { return cmp.Compare(a.index, b.index) })
	slices.SortFunc(m.bySize, func(a, b CheckpointTime) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), a.Signed.Compare(b.Signed), slices.Compare(a.Note[:], b.Note[:]))
	})
	n := len(m.bySize)
	m.witnessedFrom, m.tokenFrom = make([]int, n), make([]int, n)
	witnessed, token := -1, -1
	for i := n - 1; i >= 0; i-- {
		if t := m.bySize[i].Witnessed; !t.IsZero() && (witnessed < 0 || !t.After(m.bySize[witnessed].Witnessed)) {
			witnessed = i
		}
		if t, ok := m.bySize[i].token(); ok {
			if token < 0 {
				token = i
			} else if best, _ := m.bySize[token].token(); !t.After(best) {
				token = i
			}
		}
		m.witnessedFrom[i], m.tokenFrom[i] = witnessed, token
	}
	return m
}

// token is the earliest verified token's time. One that is merely present counts for nothing.
func (c *CheckpointTime) token() (at time.Time, ok bool) {
	for _, t := range c.Tokens {
		if t.Verified && (!ok || t.Time.Before(at)) {
			at, ok = t.Time, true
		}
	}
	return at, ok
}

// shown gives the lower bounds that follow from a checkpoint which the event
// embeds: it was sealed after that checkpoint existed. Only a checkpoint of this
// log counts, one with the same size and root. Where the very note is the same,
// the device had seen its signatures, and their time is the bound. A checkpoint
// is signed again and again while the ledger rests, so another note over the
// same root may have been signed earlier than the one known here; then the bound
// is that the root's own entries had been received.
func (m *marks) shown(seen *event.Seen) (any, witnessed bound) {
	if seen == nil {
		return bound{}, bound{}
	}
	first, _ := slices.BinarySearchFunc(m.bySize, seen.Size, func(c CheckpointTime, n int64) int { return cmp.Compare(c.Size, n) })
	for i := first; i < len(m.bySize) && m.bySize[i].Size == seen.Size; i++ {
		c := &m.bySize[i]
		if c.Root != seen.Root {
			continue
		}
		any = later(any, m.receivedBelow(seen.Size))
		if c.Note != seen.Note {
			continue
		}
		if !c.Signed.IsZero() {
			any = later(any, bound{c.Signed, Basis{Kind: ByCheckpoint, Size: c.Size}, true})
		}
		if !c.Witnessed.IsZero() {
			witnessed = bound{c.Witnessed, Basis{Kind: ByWitness, Size: c.Size}, true}
		}
	}
	return later(witnessed, any), witnessed
}

// receivedBelow is when the newest entry known here was received that a
// checkpoint of the given size covers.
func (m *marks) receivedBelow(size int64) bound {
	i, _ := slices.BinarySearchFunc(m.received, size, func(r receipt, n int64) int { return cmp.Compare(r.index, n) })
	if i == 0 || m.received[i-1].at.IsZero() {
		return bound{}
	}
	return bound{m.received[i-1].at, Basis{Kind: ByReceipt, Size: size}, true}
}

// covering gives the upper bounds that follow from the act's place in the
// ledger: it existed when it was received, and when a checkpoint covered it.
func (m *marks) covering(a *act) (any, witnessed bound) {
	if a.Index < 0 {
		return bound{}, bound{}
	}
	if !a.Received.IsZero() {
		any = bound{a.Received, Basis{Kind: ByReceipt}, true}
	}
	i, _ := slices.BinarySearchFunc(m.bySize, a.Index+1, func(c CheckpointTime, n int64) int { return cmp.Compare(c.Size, n) })
	if i == len(m.bySize) {
		return any, witnessed
	}
	if c := &m.bySize[i]; !c.Signed.IsZero() {
		any = earlier(any, bound{upper(c.Signed), Basis{Kind: ByCheckpoint, Size: c.Size}, true})
	}
	if j := m.witnessedFrom[i]; j >= 0 {
		c := &m.bySize[j]
		witnessed = bound{upper(c.Witnessed), Basis{Kind: ByWitness, Size: c.Size}, true}
	}
	if j := m.tokenFrom[i]; j >= 0 {
		c := &m.bySize[j]
		t, _ := c.token()
		witnessed = earlier(witnessed, bound{upper(t), Basis{Kind: ByToken, Size: c.Size}, true})
	}
	return earlier(any, witnessed), witnessed
}

// upper is a stated time as an upper bound.
func upper(t time.Time) time.Time {
	if t.Nanosecond() == 0 {
		return t.Add(checkpointTick)
	}
	return t
}
