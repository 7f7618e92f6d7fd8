package hj212

import "container/list"

const (
	// maxPackets bounds PNUM. The standard's field has four digits; 64 packets
	// of 1024 bytes is far more than any real message.
	maxPackets = 64
	// maxOpen bounds the messages a Joiner holds open; with maxPackets and
	// MaxFrame it bounds its memory.
	maxOpen = 32
)

// Whole is a message put together from its packets, or what came of it.
type Whole struct {
	MN, QN, ST, CN string
	Frames         []*Frame // by packet number from 1; nil where missing
	Missing        []int    // packet numbers that did not come
	Extra          []*Frame // packets that came twice, or with another PNUM
}

// Complete reports whether every packet is there.
func (w *Whole) Complete() bool { return len(w.Missing) == 0 }

// Items is the CP area of the packets that are there, in order; Group counts
// on from packet to packet.
func (w *Whole) Items() []Item {
	var items []Item
	base := 0
	for _, f := range w.Frames {
		if f == nil {
			continue
		}
		top := base
		for _, it := range f.Items {
			it.Group += base
			top = it.Group + 1
			items = append(items, it)
		}
		base = top
	}
	return items
}

// Joiner puts split messages together. Frames without packet numbers pass
// through as messages of one. Nothing is dropped: a message that cannot be
// completed comes out with its Missing. A Joiner is not safe for concurrent
// use.
type Joiner struct {
	open  map[joinKey]*list.Element
	order list.List // of *joining, oldest first
}

type joinKey struct{ mn, qn, st, cn string }

type joining struct {
	key joinKey
	w   *Whole
}

// NewJoiner returns an empty Joiner.
func NewJoiner() *Joiner { return &Joiner{open: map[joinKey]*list.Element{}} }

// Add takes one frame and returns the messages that it ends: the one it
// completes, and the oldest open one when too many are open.
func (j *Joiner) Add(f *Frame) []*Whole {
	key := joinKey{f.MN, f.QN, f.ST, f.CN}
	if f.PNUM <= 1 {
		return []*Whole{{MN: f.MN, QN: f.QN, ST: f.ST, CN: f.CN, Frames: []*Frame{f}}}
	}
	e := j.open[key]
	if e == nil {
		w := &Whole{MN: f.MN, QN: f.QN, ST: f.ST, CN: f.CN, Frames: make([]*Frame, f.PNUM)}
		e = j.order.PushBack(&joining{key, w})
		j.open[key] = e
	}
	w := e.Value.(*joining).w
	if f.PNUM != len(w.Frames) || w.Frames[f.PNO-1] != nil {
		w.Extra = append(w.Extra, f)
		if len(w.Extra) >= maxPackets {
			return []*Whole{j.close(e)}
		}
		return nil
	}
	w.Frames[f.PNO-1] = f
	var out []*Whole
	if len(missing(w)) == 0 {
		out = append(out, j.close(e))
	}
	if j.order.Len() > maxOpen {
		out = append(out, j.close(j.order.Front()))
	}
	return out
}

// Flush returns the messages still open, oldest first.
func (j *Joiner) Flush() []*Whole {
	var out []*Whole
	for e := j.order.Front(); e != nil; e = j.order.Front() {
		out = append(out, j.close(e))
	}
	return out
}

func (j *Joiner) close(e *list.Element) *Whole {
	g := j.order.Remove(e).(*joining)
	delete(j.open, g.key)
	g.w.Missing = missing(g.w)
	return g.w
}

func missing(w *Whole) []int {
	var m []int
	for i, f := range w.Frames {
		if f == nil {
			m = append(m, i+1)
		}
	}
	return m
}
