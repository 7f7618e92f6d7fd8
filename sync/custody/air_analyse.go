package custody

import "time"

// analyse reads the raw bytes of a series once and feeds every check.
func (s *series) analyse(v *view) {
	if s.start == nil {
		s.unread = both("the event that opens the series is not here", "开启该序列的事件不在此处")
		s.believe()
		return
	}
	s.reader, s.unread = newRowReader(s.body)
	if s.reader == nil {
		s.believe()
		return
	}
	s.sums = make([]*channelSum, len(s.body.Channels))
	for i := range s.sums {
		s.sums[i] = &channelSum{channel: i}
	}
	if s.body.Format == "hj212" {
		s.monitor = newMonitor()
	}
	d := &driver{v: v, s: s, measured: make([]bool, len(s.sums)), tracks: map[trackKey]*track{}, paces: map[string]*pace{}}
	for i := range d.measured {
		d.measured[i] = s.measures(i)
	}
	next := int64(1)
	for _, g := range s.segments {
		if g.body.N != next {
			d.pause("")
		}
		next = g.body.N + 1
		d.segment(g)
	}
	d.finish()
}

// believe sums up what the segments say of themselves, where their bytes cannot be read.
func (s *series) believe() {
	for _, g := range s.segments {
		s.rows += g.body.Rows
	}
}

type trackKey struct {
	channel int
	command string
}

// driver takes the records of a series to the checks.
type driver struct {
	v        *view
	s        *series
	measured []bool
	tracks   map[trackKey]*track
	paces    map[string]*pace
	sums     segmentSums
	now      segment
}

func (d *driver) segment(g segment) {
	d.now = g
	d.sums = segmentSums{channels: make([]figureSum, len(d.s.sums))}
	d.s.reader.read(g.body.Raw, d.row)
	d.sums.compare(d.v, d.s, g)
	if by := time.UnixMilli(max(d.sums.first, d.sums.last)).Sub(d.v.judged(g.act)); d.sums.dated && by > d.v.rules.Clock.Offset.Duration() {
		d.s.future.add(g.act, by)
	}
	for i := range d.sums.channels {
		d.s.sums[i].merge(&d.sums.channels[i])
	}
	for _, f := range g.body.Figures {
		if f.Channel < int64(len(d.s.sums)) && f.OverRange > 0 {
			d.s.sums[f.Channel].overRange = min(maxNano-f.OverRange, d.s.sums[f.Channel].overRange) + f.OverRange
		}
	}
}

// row takes one record.
func (d *driver) row(r *row) {
	d.sums.rows++
	d.s.rows++
	d.sums.takeTime(r)
	command := ""
	if d.s.monitor != nil {
		d.s.monitor.take(r, d.now.act)
		if r.frame == nil {
			return
		}
		command = r.frame.CN
	}
	if !r.figures {
		return
	}
	at := reading{row: d.s.rows, at: r.at, timed: r.timed}
	if r.timed && d.paceOf(command).add(at) {
		d.pause(command)
	}
	for i := range r.cells {
		c := r.cells[i]
		d.sums.channels[i].add(c)
		switch {
		case c.state == cellEmpty || c.state == cellText:
			d.s.sums[i].missing++
		case c.state == cellNumber && d.measured[i]:
			at.v = c.v
			d.trackOf(i, command).add(at, int(c.scale))
		}
	}
}

func (d *driver) paceOf(command string) *pace {
	p := d.paces[command]
	if p == nil {
		p = &pace{command: command, factor: max(1, whole(d.v.rules.Air.GapFactor))}
		if command == "" {
			p.periodMS = d.s.body.PeriodMS
		}
		d.paces[command] = p
		d.s.paces = append(d.s.paces, p)
	}
	p.tickMS = d.s.reader.tickMS
	return p
}

func (d *driver) trackOf(channel int, command string) *track {
	k := trackKey{channel, command}
	t := d.tracks[k]
	if t == nil {
		t = newTrack(d.v, d.s, channel, command)
		d.tracks[k] = t
		d.s.tracks = append(d.s.tracks, t)
	}
	return t
}

// pause ends the runs of one command's tracks, or of all where none is named.
func (d *driver) pause(command string) {
	for _, t := range d.s.tracks {
		if command == "" || t.command == command {
			t.pause()
		}
	}
}

func (d *driver) finish() {
	for _, t := range d.s.tracks {
		t.finish()
	}
	for _, p := range d.s.paces {
		p.finish()
	}
}

// merge adds a segment's figures to those of the series.
func (f *channelSum) merge(g *figureSum) {
	if g.count == 0 {
		f.words += g.words
		return
	}
	if f.count == 0 {
		f.min, f.max = g.min, g.max
	}
	f.count += g.count
	f.min, f.max = min(f.min, g.min), max(f.max, g.max)
	f.whole += g.whole
	f.frac += g.frac
	f.whole += f.frac / pow10[cellScale]
	f.frac %= pow10[cellScale]
	f.wide = f.wide || g.wide
	f.words += g.words
}
