package custody

// Streaming looks at one channel of a series, reading by reading, in memory
// that does not grow with the series (but for the marks of repeated blocks,
// which are bounded). Each keeps the worst stretch and how many there were.

// reading is one number of a channel.
type reading struct {
	// row counts the series' records from 1, at is its time where timed.
	row   int64
	at    int64
	timed bool
	v     nano
}

// stretch is a run of readings.
type stretch struct {
	from, to reading
	n        int64
	// low and high are the extremes within.
	low, high nano
}

func startStretch(r reading) stretch { return stretch{from: r, to: r, n: 1, low: r.v, high: r.v} }

func (s *stretch) extend(r reading) {
	s.to = r
	s.n++
	s.low, s.high = min(s.low, r.v), max(s.high, r.v)
}

// spanMS is the stretch's length in time; 0 where its ends have none.
func (s *stretch) spanMS() int64 {
	if !s.from.timed || !s.to.timed {
		return 0
	}
	return s.to.at - s.from.at
}

// worst counts stretches and keeps the longest, the first of equals.
type worst struct {
	count int64
	rows  int64
	best  stretch
}

func (w *worst) add(s stretch) {
	w.count++
	w.rows += s.n
	if s.n > w.best.n {
		w.best = s
	}
}

// flatRun finds the same value, not zero, over at least atLeast readings in a row.
type flatRun struct {
	atLeast int64
	run     stretch
	found   worst
}

func (f *flatRun) add(r reading) {
	if f.run.n > 0 && r.v == f.run.to.v {
		f.run.extend(r)
		return
	}
	f.end()
	f.run = startStretch(r)
}

func (f *flatRun) end() {
	if f.run.n >= f.atLeast && f.atLeast > 0 && f.run.to.v != 0 {
		f.found.add(f.run)
	}
	f.run = stretch{}
}

// bandRun finds at least atLeast readings in a row between low and high that are
// not all one value.
type bandRun struct {
	low, high nano
	atLeast   int64
	run       stretch
	found     worst
}

func (b *bandRun) add(r reading) {
	if r.v < b.low || r.v > b.high {
		b.end()
		return
	}
	if b.run.n == 0 {
		b.run = startStretch(r)
		return
	}
	b.run.extend(r)
}

func (b *bandRun) end() {
	if b.run.n >= b.atLeast && b.atLeast > 0 && b.run.low != b.run.high {
		b.found.add(b.run)
	}
	b.run = stretch{}
}

// quietRun finds stretches of at least spanMS in which highest less lowest stays
// below width, though the readings are not all one value.
type quietRun struct {
	width  nano
	spanMS int64
	// The window is the longest quiet stretch that ends at the newest reading:
	// first is where it starts, lows and highs are its running extremes.
	first       mark
	seen        int64
	lows, highs []mark
	open        stretch
	found       worst
}

// mark is a reading with its ordinal and the reading that came right after it.
type mark struct {
	reading
	ord  int64
	next reading
}

func (q *quietRun) add(r reading) {
	if q.width <= 0 || !r.timed {
		return
	}
	q.seen++
	m := mark{reading: r, ord: q.seen}
	if n := len(q.lows); n > 0 {
		q.lows[n-1].next, q.highs[len(q.highs)-1].next = r, r
	} else {
		q.first = m
	}
	for n := len(q.lows); n > 0 && q.lows[n-1].v >= r.v; n-- {
		q.lows = q.lows[:n-1]
	}
	for n := len(q.highs); n > 0 && q.highs[n-1].v <= r.v; n-- {
		q.highs = q.highs[:n-1]
	}
	q.lows, q.highs = append(q.lows, m), append(q.highs, m)
	if q.highs[0].v-q.lows[0].v >= q.width {
		q.close()
		for q.highs[0].v-q.lows[0].v >= q.width {
			q.drop()
		}
	}
	if low, high := q.lows[0].v, q.highs[0].v; low != high && r.at-q.first.at >= q.spanMS {
		q.open = stretch{from: q.first.reading, to: r, n: m.ord - q.first.ord + 1, low: low, high: high}
	}
}

// drop starts the window after the older of the two extremes that are too far apart.
func (q *quietRun) drop() {
	var cut mark
	if q.lows[0].ord < q.highs[0].ord {
		cut, q.lows = q.lows[0], q.lows[1:]
	} else {
		cut, q.highs = q.highs[0], q.highs[1:]
	}
	q.first = mark{reading: cut.next, ord: cut.ord + 1}
}

// close takes the stretch that just ended.
func (q *quietRun) close() {
	if q.open.n > 0 {
		q.found.add(q.open)
	}
	q.open = stretch{}
}

func (q *quietRun) end() {
	q.close()
	q.lows, q.highs = q.lows[:0], q.highs[:0]
}
