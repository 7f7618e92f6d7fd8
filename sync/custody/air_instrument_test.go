package custody

import (
	"testing"
	"time"

	"fieldseal/sync/event"
)

func TestCalibration(t *testing.T) {
	for _, v := range []struct {
		name string
		due  event.Date
		want []string
	}{
		{"in date", "2026-12-31", nil},
		{"last day", "2026-03-02", nil},
		{"day before", "2026-03-01", []string{"INSTRUMENT_CAL_EXPIRED"}},
		{"not stated", "", []string{"INSTRUMENT_CAL_NOT_STATED"}},
	} {
		a := newAir(t, func(a *air) { a.instrument.CalibrationDue = v.due })
		a.seg(breeze(1, 60, 500, 400))
		a.wants(v.name, v.want...)
	}
	a := newAir(t, func(a *air) { a.next = at(16*60 - 1); a.instrument.CalibrationDue = "2026-03-02" })
	a.seg(breeze(1, 120, 500, 400)) // runs past midnight
	a.wants("due at midnight", "INSTRUMENT_CAL_EXPIRED")
}

func TestBumpTest(t *testing.T) {
	for _, v := range []struct {
		name string
		gas  func(a *air)
		want []string
	}{
		{"in order", func(a *air) { a.s.gas(a.instrument.Instrument, "bump", 50, "10000", "9001") }, nil},
		{"just off", func(a *air) { a.s.gas(a.instrument.Instrument, "bump", 50, "10000", "8999") }, []string{"BUMP_TEST_MISSING_OR_FAIL off"}},
		{"failed", func(a *air) {
			a.s.gas(a.instrument.Instrument, "span", 50, "10000", "9900", func(b *event.InstrumentChecked) { b.Pass = "no" })
		}, []string{"BUMP_TEST_MISSING_OR_FAIL failed"}},
		{"failed, then passed", func(a *air) {
			a.s.gas(a.instrument.Instrument, "span", 50, "10000", "9900", func(b *event.InstrumentChecked) { b.Pass = "no" })
			a.s.gas(a.instrument.Instrument, "span", 55, "10000", "9900")
		}, nil},
		{"a zero check is none with gas", func(a *air) {
			a.s.gas(a.instrument.Instrument, "zero", 50, "0", "3000", func(b *event.InstrumentChecked) { b.Pass = "no" })
		}, nil},
		{"failed after the series began", func(a *air) {
			a.s.gas(a.instrument.Instrument, "bump", 61, "10000", "1", func(b *event.InstrumentChecked) { b.Pass = "no" })
		}, nil},
	} {
		a := newAir(t)
		v.gas(a)
		a.seg(breeze(1, 60, 500, 400))
		a.wants(v.name, v.want...)
	}
	a := newAir(t, func(a *air) { a.next = at(30 + 24*60 + 1) }) // the check was at minute 30
	a.seg(breeze(1, 60, 500, 400))
	a.wants("a day and a minute before", "BUMP_TEST_MISSING_OR_FAIL")
	a = newAir(t, func(a *air) { a.next = at(30 + 24*60) })
	a.seg(breeze(1, 60, 500, 400))
	a.wants("a day before")
	a = newAir(t, func(a *air) { a.next = at(30 + 24*60 + 1) })
	a.seg(breeze(1, 60, 500, 400))
	a.s.in.Hidden = true
	a.wants("a day and a minute before, not all shown")
}

func TestDriftAfterUse(t *testing.T) {
	for _, v := range []struct {
		name               string
		expected, observed string
		pass               event.YesNo
		want               []string
	}{
		{"within", "10000", "9000", "yes", nil},
		{"over", "10000", "8999", "yes", []string{"POST_DRIFT_HIGH"}},
		{"over upwards", "10000", "11001", "no", []string{"POST_DRIFT_HIGH"}},
		{"not passed by its own account", "10000", "9500", "no", []string{"POST_DRIFT_HIGH failed"}},
		{"clean air", "0", "200", "yes", nil},
		{"clean air, too high", "0", "201", "yes", []string{"POST_DRIFT_HIGH zero"}},
	} {
		a := newAir(t)
		a.seg(breeze(1, 60, 500, 400))
		a.s.gas(a.instrument.Instrument, "post_use", 70, v.expected, v.observed, func(b *event.InstrumentChecked) { b.Pass = v.pass })
		a.end()
		a.wants(v.name, v.want...)
	}
}

func TestNoCheckAfterUse(t *testing.T) {
	a := newAir(t)
	a.seg(breeze(1, 60, 500, 400))
	a.wants("not ended")
	a.end()
	a.wants("ended", "POST_USE_CHECK_MISSING")
	a.s.gas(a.instrument.Instrument, "post_use", 59, "10000", "5000") // of an earlier use
	a.wants("ended, checked before", "POST_USE_CHECK_MISSING")
	a.s.gas(a.instrument.Instrument, "post_use", 70, "10000", "9900")
	a.wants("ended and checked")
}

func TestSpanGas(t *testing.T) {
	for expiry, n := range map[event.Date]int{"2026-03-02": 0, "2026-03-01": 1, "": 0} {
		s := newGround(t)
		s.gas(s.uuid(), "span", 5, "10000", "9900", func(b *event.InstrumentChecked) { b.CylinderExpiry = expiry })
		s.expect("SPAN_GAS_EXPIRED", n)
	}
}

func TestOverRange(t *testing.T) {
	for _, v := range []struct {
		name   string
		last   string
		change func(*event.AirSegment)
		setup  func(*air)
		n      int
	}{
		{"at the end of the range", "10000", nil, nil, 0},
		{"over it", "10000.1", nil, nil, 1},
		{"marked by the capture program", "700", func(b *event.AirSegment) { b.Figures[0].OverRange = 3 }, nil, 1},
		{"range in another unit", "10000.1", nil, func(a *air) { a.instrument.Unit = "mg/m3" }, 0},
		{"range spelled otherwise", "10000.1", nil, func(a *air) { a.instrument.Unit = "ppb" }, 1},
		{"range not recorded", "10000.1", nil, func(a *air) { a.instrument.RangeHigh = nil }, 0},
	} {
		if v.setup == nil {
			v.setup = func(*air) {}
		}
		if v.change == nil {
			v.change = func(*event.AirSegment) {}
		}
		a := newAir(t, v.setup)
		a.seg(append(breeze(1, 60, 500, 400), v.last), v.change)
		if list := found(a.s.evaluate().Defects, "READING_OVER_RANGE"); len(list) != v.n {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}

// An instrument that is recorded anew between two series counts for each as it then was.
func TestInstrumentAsItWas(t *testing.T) {
	a := newAir(t, func(a *air) { a.instrument.CalibrationDue = "2026-03-01" })
	a.seg(breeze(1, 60, 500, 400))
	later := *a.instrument
	later.CalibrationDue = "2027-03-01"
	a.s.inspect.seal(at(90), &later)
	start := *a.start
	start.Series = a.s.uuid()
	a.s.inspect.seal(at(91), &start)
	a.start, a.n, a.next = &start, 0, at(91).Add(time.Second)
	a.seg(breeze(2, 60, 500, 400))
	a.wants("one of two", "INSTRUMENT_CAL_EXPIRED")
}
