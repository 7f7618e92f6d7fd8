package custody

import (
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/unit"
)

// track follows one channel that measures a pollutant through a series. An HJ 212
// stream carries real-time, minute and hour data side by side, so there a
// channel has one track for each command.
type track struct {
	channel int
	command string
	flat    flatRun
	limit   bandRun
	quiet   quietRun
	steps   stepFinder
	repeats repeatFinder
	digits  digitCount
	// jumps are changes between neighbours over jump; 0 looks for none.
	jump    nano
	last    reading
	has     bool
	jumps   int64
	largest [2]reading
}

func (t *track) add(r reading, scale int) {
	t.flat.add(r)
	t.limit.add(r)
	t.quiet.add(r)
	t.digits.add(r.v, scale)
	t.steps.grain = pow10[cellScale-min(cellScale, t.digits.scale)]
	t.steps.add(r)
	t.repeats.add(r)
	if d := distance(r.v, t.last.v); t.has && t.jump > 0 && d > t.jump {
		t.jumps++
		if t.jumps == 1 || d > distance(t.largest[0].v, t.largest[1].v) {
			t.largest = [2]reading{t.last, r}
		}
	}
	t.last, t.has = r, true
}

// pause ends what does not run over a gap. Repeats do: a copy has the gaps of its original.
func (t *track) pause() {
	t.flat.end()
	t.limit.end()
	t.quiet.end()
	t.steps.end()
	t.has = false
}

func (t *track) finish() {
	t.pause()
	t.repeats.finish()
}

// newTrack makes a track with the limits of the pack and the instrument.
func newTrack(v *view, s *series, channel int, command string) *track {
	air, checks := &v.rules.Air, &v.rules.Series
	t := &track{
		channel: channel, command: command,
		flat:    flatRun{atLeast: whole(air.FlatlineRecords)},
		steps:   stepFinder{times: max(1, whole(checks.LevelFactor))},
		repeats: repeatFinder{atLeast: whole(checks.RepeatRecords)},
		limit:   bandRun{low: 1, high: 0}, // an empty band: nothing lies in it
	}
	i := s.instrument
	if i == nil || !sameUnit(i.Unit, s.body.Channels[channel].Unit) {
		return t
	}
	if ldl, ok := toNano(i.LDL); ok && ldl > 0 {
		margin := mulDiv(ldl, milli(checks.DetectionBand), 100_000)
		t.limit = bandRun{low: ldl - margin, high: ldl + margin, atLeast: whole(checks.DetectionRecords)}
	}
	if width, ok := spanOf(i); ok {
		t.quiet = quietRun{width: mulDiv(width, milli(checks.QuietRange), 100_000), spanMS: checks.QuietTime.Duration().Milliseconds()}
		t.jump = mulDiv(width, milli(air.StepRange), 100_000)
	}
	return t
}

// measures reports whether a channel measures a pollutant: it is in a unit of
// concentration, or in the instrument's own unit.
func (s *series) measures(channel int) bool {
	ch := s.body.Channels[channel]
	if s.instrument != nil && s.instrument.Unit != "" && sameUnit(s.instrument.Unit, ch.Unit) {
		return true
	}
	u, ok := unit.Parse(ch.Unit)
	return ok && slices.Contains([]unit.Kind{unit.MassConcentration, unit.PartsPer, unit.VolumeFraction, unit.Count}, u.Kind)
}

// sameUnit compares units however they are spelled.
func sameUnit(a, b string) bool {
	if a == b {
		return true
	}
	u, okU := unit.Parse(a)
	w, okW := unit.Parse(b)
	return okU && okW && u.Code == w.Code
}

// pace follows the times of the records of a series (in HJ 212: of one command).
type pace struct {
	command string
	// periodMS is the usual interval, tickMS the resolution of the times as written.
	periodMS, tickMS int64
	factor           int64
	// early holds the first records until the interval can be told from them.
	early     []reading
	last      reading
	has       bool
	gaps      int64
	missingMS int64
	longest   [2]reading
	backwards int64
	firstBack [2]reading
}

// earlyRecords is how many records the usual interval is told from: their median
// difference stands up to a few pauses.
const earlyRecords = 64

// add takes a record's time and reports whether a gap or a step back lies before it.
func (p *pace) add(r reading) (broken bool) {
	if p.periodMS == 0 {
		p.early = append(p.early, r)
		if len(p.early) >= earlyRecords {
			p.learn()
		}
		return false
	}
	return p.step(r)
}

// learn tells the usual interval and then looks at the first records.
func (p *pace) learn() {
	var diffs []int64
	for i := 1; i < len(p.early); i++ {
		if d := p.early[i].at - p.early[i-1].at; d > 0 {
			diffs = append(diffs, d)
		}
	}
	early := p.early
	p.early = nil
	if len(diffs) == 0 {
		p.periodMS = max(1, p.tickMS)
	} else {
		slices.Sort(diffs)
		p.periodMS = diffs[len(diffs)/2]
	}
	for _, r := range early {
		p.step(r)
	}
}

func (p *pace) step(r reading) (broken bool) {
	if p.has {
		d := r.at - p.last.at
		switch {
		case d < 0:
			p.backwards++
			if p.backwards == 1 {
				p.firstBack = [2]reading{p.last, r}
			}
			broken = true
		case d > p.factor*p.periodMS+p.tickMS:
			p.gaps++
			p.missingMS += d - p.periodMS
			if d > p.longest[1].at-p.longest[0].at {
				p.longest = [2]reading{p.last, r}
			}
			broken = true
		}
	}
	p.last, p.has = r, true
	return broken
}

func (p *pace) finish() {
	if len(p.early) > 0 {
		p.learn()
	}
}

// spanOf is the width of the measuring range; ok is false where it is not stated.
func spanOf(i *event.InstrumentRecorded) (nano, bool) {
	high, ok := toNano(i.RangeHigh)
	if !ok {
		return 0, false
	}
	low, _ := toNano(i.RangeLow)
	if low > high || low < 0 && high > maxNano+low {
		return 0, false
	}
	return high - low, high > low
}
