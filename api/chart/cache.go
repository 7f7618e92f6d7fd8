package chart

import (
	"container/list"
	"errors"
	"slices"
	"sync"
	"unsafe"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

// cells is what was read of one channel and command of a segment.
type cells struct {
	minutes []sums
	points  []point // only where they were asked for
}

func (c *cells) bytes() int64 {
	return 200 + int64(len(c.minutes))*int64(unsafe.Sizeof(sums{})) + int64(len(c.points))*int64(unsafe.Sizeof(point{}))
}

// cellKey names cells. Single readings have entries of their own, so that the sums
// by the minute, a hundredth of the size, outlast them.
type cellKey struct {
	segment event.ID
	channel int
	command string
	fine    bool
}

// cache keeps cells, the least recently used ones go first.
type cache struct {
	mu    sync.Mutex
	limit int64
	used  int64
	order *list.List
	held  map[cellKey]*list.Element
}

type kept struct {
	key   cellKey
	cells *cells
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, order: list.New(), held: map[cellKey]*list.Element{}}
}

func (c *cache) get(k cellKey) *cells {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.held[k]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(kept).cells
}

func (c *cache) put(k cellKey, v *cells) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[k] != nil {
		return
	}
	c.held[k] = c.order.PushFront(kept{k, v})
	c.used += v.bytes()
	for c.used > c.limit && c.order.Len() > 1 {
		e := c.order.Back()
		old := c.order.Remove(e).(kept)
		delete(c.held, old.key)
		c.used -= old.cells.bytes()
	}
}

var errNoSegment = errors.New("chart: the log entry is no segment of readings")

// cells gives what a segment says of a channel, from the cache or from its sealed bytes.
func (r *Reader) cells(tx *store.Tx, s *series, g *segment, channel int, command string, fine bool) (*cells, error) {
	k := cellKey{g.id, channel, command, fine}
	if c := r.cache.get(k); c != nil {
		return c, nil
	}
	row, found, err := tx.EventAt(g.index)
	if err != nil || !found {
		return nil, errors.Join(err, missingRow(g.index, found))
	}
	e, err := projection.EntryOf(row)
	if err != nil {
		return nil, err
	}
	b, ok := e.Body.(*event.AirSegment)
	if !ok {
		return nil, errNoSegment
	}
	c := read(s.started, b.Raw, channel, command, fine)
	r.cache.put(k, c)
	return c, nil
}

// read sums up one channel of a segment by the minute and, where fine, keeps each reading.
func read(start *event.AirStarted, raw []byte, channel int, command string, fine bool) *cells {
	c := &cells{}
	readings, _ := custody.NewReadings(start)
	if readings == nil {
		return c
	}
	var now *sums
	minutes := map[int64]*sums{}
	readings.Read(raw, func(r *custody.Reading) {
		if !r.Figures || !r.Timed || r.Broken || r.Command != command {
			return
		}
		v := r.Values[channel]
		p := point{at: r.At, v: v.N, state: v.State, over: v.Over, flag: v.Flag}
		if at := floorTo(r.At, minute); now == nil || now.at != at {
			now = bucket(minutes, at, minute)
		}
		now.point(p)
		if fine {
			c.points = append(c.points, p)
		}
	})
	c.points = slices.Clip(c.points)
	for _, m := range sorted(minutes) {
		c.minutes = append(c.minutes, *m)
	}
	c.minutes = slices.Clip(c.minutes)
	return c
}
