package custody

import (
	"time"

	"fieldseal/sync/event"
)

// driftPPM is how far a device's monotonic clock may run off, parts per million:
// a phone's quartz keeps well within 100 over its range of temperature.
const driftPPM = 100

// maxClockMS bounds what a device may say of its clocks, a century: what is
// beyond it is no time, and products with it would overflow.
const maxClockMS = 100 * 365 * 24 * 3600 * 1000

// sighting is a clock.observed: for its own moment of sealing the server's time
// was wall plus offset.
type sighting struct {
	act *act
	// server is the server's time at the moment of sealing, within how far it may be off.
	server time.Time
	within time.Duration
}

// estimate gives each act of a boot in which the device compared its clock with
// the server's the time that follows from the comparison nearest in monotonic
// time. The wall clock takes no part, so that a jump of it changes nothing.
func estimate(v *view) {
	for _, chain := range v.byDevice {
		var ahead *sighting // of this boot, before the act
		sightings := sightingsOf(chain)
		next := 0
		for _, a := range chain {
			for next < len(sightings) && sightings[next].act.Event.Seq <= a.Event.Seq {
				ahead = &sightings[next]
				next++
			}
			var behind *sighting
			if next < len(sightings) {
				behind = &sightings[next]
			}
			v.setEstimate(a, nearest(a, ahead, behind))
		}
	}
}

func sightingsOf(chain []*act) []sighting {
	var list []sighting
	for _, a := range chain {
		b, ok := a.Body.(*event.ClockObserved)
		if !ok || a.Event.Clock.Boot.IsZero() || b.OffsetMS > maxClockMS || b.OffsetMS < -maxClockMS || b.RoundTripMS > maxClockMS {
			continue
		}
		list = append(list, sighting{
			act:    a,
			server: a.at.Add(time.Duration(b.OffsetMS) * time.Millisecond),
			within: time.Duration(b.RoundTripMS)*time.Millisecond/2 + time.Millisecond,
		})
	}
	return list
}

// nearest picks the sighting of the act's own boot with the smaller error.
func nearest(a *act, before, after *sighting) *sighting {
	best := (*sighting)(nil)
	for _, s := range []*sighting{before, after} {
		if s == nil || s.act.Event.Clock.Boot != a.Event.Clock.Boot || a.Event.Clock.MonoMS > maxClockMS {
			continue
		}
		if best == nil || s.error(a) < best.error(a) {
			best = s
		}
	}
	return best
}

// elapsed is the monotonic time from the sighting to the act.
func (s *sighting) elapsed(a *act) time.Duration {
	return time.Duration(a.Event.Clock.MonoMS-s.act.Event.Clock.MonoMS) * time.Millisecond
}

// error is how far the estimate may be off.
func (s *sighting) error(a *act) time.Duration {
	return s.within + s.elapsed(a).Abs()/1_000_000*driftPPM
}

func (v *view) setEstimate(a *act, s *sighting) {
	if s == nil {
		return
	}
	in := v.record.Intervals[a.ID]
	in.Estimated = s.server.Add(s.elapsed(a)).In(a.at.Location())
	in.EstimatedBy, in.WithinMS = s.act.ID, s.error(a).Milliseconds()
	v.record.Intervals[a.ID] = in
}

// best is the time of an act that rules reckon with: the estimate where there
// is one, the claimed time otherwise.
func (v *view) best(a *act) time.Time {
	if in := v.record.Intervals[a.ID]; !in.Estimated.IsZero() {
		return in.Estimated
	}
	return a.at
}
