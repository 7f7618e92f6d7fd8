package custody

import "slices"

// blockSize is the number of readings that a level is taken over: enough for a
// median that single spikes do not move, short against a lasting change.
const blockSize = 30

// level is the middle of a block of readings and how far they scatter about it.
type level struct {
	first, last reading
	median      nano
	// spread is the median distance from the median.
	spread nano
}

func levelOf(block []reading, buf []nano) level {
	buf = buf[:0]
	for _, r := range block {
		buf = append(buf, r.v)
	}
	slices.Sort(buf)
	l := level{first: block[0], last: block[len(block)-1], median: buf[len(buf)/2]}
	for i, v := range buf {
		buf[i] = distance(v, l.median)
	}
	slices.Sort(buf)
	l.spread = buf[len(buf)/2]
	return l
}

// distance is |a-b|, held at the largest nano where that does not fit.
func distance(a, b nano) nano {
	d := absU(a - b)
	if (a < 0) != (b < 0) {
		d = absU(a) + absU(b)
	}
	return nano(min(d, uint64(maxNano)))
}

// stepFinder finds lasting changes of level: two blocks about one level, then
// (one block for the change itself) two blocks about another one.
type stepFinder struct {
	// times is how many spreads a change must be over; grain is the least spread
	// reckoned with, the resolution of the readings.
	times int64
	grain nano
	block []reading
	buf   []nano
	last  []level
	found []levelShift
	count int64
}

// levelShift is a change from one level to another.
type levelShift struct{ before, after level }

// maxSteps caps the steps that are listed for one channel.
const maxSteps = 20

func (f *stepFinder) add(r reading) {
	f.block = append(f.block, r)
	if len(f.block) < blockSize {
		return
	}
	f.last = append(f.last, levelOf(f.block, f.buf))
	f.block = f.block[:0]
	if len(f.last) < 5 {
		return
	}
	if f.isStep(f.last) {
		f.count++
		if len(f.found) < maxSteps {
			f.found = append(f.found, levelShift{f.last[1], f.last[3]})
		}
		f.last = append(f.last[:0], f.last[3:]...)
		return
	}
	f.last = append(f.last[:0], f.last[1:]...)
}

func (f *stepFinder) isStep(l []level) bool {
	change := distance(l[1].median, l[3].median)
	quiet := max(f.grain, l[0].spread, l[1].spread, l[3].spread, l[4].spread)
	calm := max(distance(l[0].median, l[1].median), distance(l[3].median, l[4].median))
	return change/f.times > quiet && change/4 > calm
}

// end forgets the readings so far: what follows a gap is not compared with what came before.
func (f *stepFinder) end() { f.block, f.last = f.block[:0], f.last[:0] }
