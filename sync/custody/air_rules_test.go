package custody

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fieldseal/sync/event"
)

// wants requires exactly these findings about the series, in any order.
func (a *air) wants(what string, codes ...string) {
	a.s.t.Helper()
	r := a.s.evaluate()
	got := warnings(r)
	slices.Sort(got)
	slices.Sort(codes)
	if !slices.Equal(got, codes) {
		a.s.t.Errorf("%s: found %q, want %q", what, got, codes)
		for _, d := range r.Defects {
			if d.Item != nil && d.Item.Kind == "series" {
				a.s.t.Errorf("  %s %s: %s", d.Code, d.Variant, d.Explanation.EN)
			}
		}
	}
}

func TestAirSeriesWithNothingWrong(t *testing.T) {
	a := newAir(t)
	for i := range uint64(5) {
		a.seg(breeze(i, 60, 500, 400))
	}
	a.wants("breeze")
	r := a.s.evaluate()
	if len(r.Series) != 1 {
		t.Fatalf("%d series", len(r.Series))
	}
	s := r.Series[0]
	c := s.Channels[0]
	if s.Segments != 5 || s.Rows != 300 || !s.Read || len(s.Missing) != 0 || s.Gaps != 0 || s.PeriodMS != 1000 || c.Count != 300 || c.Missing != 0 {
		t.Errorf("summary: %+v", s)
	}
	if s.First != event.StampOf(at(60)) || s.Last != event.StampOf(at(65).Add(-time.Second)) || s.Name != "RAE 3000 592-1" {
		t.Errorf("summary: %+v", s)
	}
}

func TestSeriesSumsAreExact(t *testing.T) {
	a := newAir(t)
	a.seg([]string{"0.1", "0.20", "NA", "-9999"}, func(b *event.AirSegment) {
		b.Figures[0] = event.Figures{Count: 2, Missing: 2, Min: decp("0.1"), Max: decp("0.2"), Sum: decp("0.3")}
	})
	a.seg([]string{"0.30", ""}, func(b *event.AirSegment) {
		b.Figures[0] = event.Figures{Count: 1, Missing: 1, Min: decp("0.3"), Max: decp("0.3"), Sum: decp("0.3")}
	})
	r := a.s.evaluate()
	if len(found(r.Defects, "HASH_MISMATCH")) != 0 {
		t.Errorf("%v", explanations(r.Defects))
	}
	c := r.Series[0].Channels[0]
	if c.Sum.String() != "0.6" || c.Min.String() != "0.1" || c.Max.String() != "0.3" || c.Mean.String() != "0.200000" || c.Count != 3 || c.Missing != 3 {
		t.Errorf("%+v sum %v mean %v", c, c.Sum, c.Mean)
	}
}

func TestFiguresAgainstRawBytes(t *testing.T) {
	for _, v := range []struct {
		name   string
		change func(*event.AirSegment)
		want   []string
	}{
		{"as they are", func(*event.AirSegment) {}, nil},
		{"written with another scale", func(b *event.AirSegment) { b.Figures[0].Max = decp("3.00") }, nil},
		{"a higher maximum", func(b *event.AirSegment) { b.Figures[0].Max = decp("3.1") }, []string{"HASH_MISMATCH figures"}},
		{"a lower minimum", func(b *event.AirSegment) { b.Figures[0].Min = decp("0.9") }, []string{"HASH_MISMATCH figures"}},
		{"another sum", func(b *event.AirSegment) { b.Figures[0].Sum = decp("6.0001") }, []string{"HASH_MISMATCH figures"}},
		{"a reading more", func(b *event.AirSegment) { b.Figures[0].Count++ }, []string{"HASH_MISMATCH figures"}},
		{"a row more", func(b *event.AirSegment) { b.Rows++ }, []string{"HASH_MISMATCH rows"}},
		{"another first time", func(b *event.AirSegment) { b.First = event.StampOf(b.First.Time().Add(2 * time.Second)) }, []string{"HASH_MISMATCH times"}},
		{"another last time", func(b *event.AirSegment) { b.Last = event.StampOf(b.Last.Time().Add(-2 * time.Second)) }, []string{"HASH_MISMATCH times"}},
		{"times in another zone", func(b *event.AirSegment) { b.First = event.StampOf(b.First.Time().UTC()) }, nil},
		{"no figures at all", func(b *event.AirSegment) { b.Figures = nil }, nil},
		{"a channel that is not there", func(b *event.AirSegment) { b.Figures[0].Channel = 7 }, nil},
		{"a reading changed in the bytes", func(b *event.AirSegment) { b.Raw[len(b.Raw)-3] = '9' }, []string{"HASH_MISMATCH figures"}},
	} {
		a := newAir(t)
		a.seg([]string{"1", "2", "3"}, v.change)
		a.wants(v.name, v.want...)
	}
}

func TestAirFlatline(t *testing.T) {
	for _, v := range []struct {
		name   string
		values []string
		n      int
	}{
		{"29 equal", same(29, "51.5"), 0},
		{"30 equal", same(30, "51.5"), 1},
		{"30 zeros", same(30, "0"), 0},
		{"30 written two ways", append(same(15, "51.5"), same(15, "51.50")...), 1},
	} {
		a := newAir(t)
		a.seg(append(append(breeze(1, 40, 500, 400), v.values...), breeze(2, 40, 500, 400)...))
		if list := found(a.s.evaluate().Defects, "AIR_FLATLINE"); len(list) != v.n {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
	a := newAir(t) // a run goes on over a segment's end, not over a gap
	a.seg(append(breeze(1, 40, 500, 400), same(20, "51.5")...))
	a.seg(append(same(20, "51.5"), breeze(2, 40, 500, 400)...))
	a.wants("over two segments", "AIR_FLATLINE")
	a = newAir(t)
	a.seg(append(breeze(1, 40, 500, 400), same(20, "51.5")...))
	a.next = a.next.Add(time.Minute)
	a.seg(append(same(20, "51.5"), breeze(2, 40, 500, 400)...))
	a.wants("over a gap", "AIR_GAP")
}

func TestOnlyPollutantsAreWatched(t *testing.T) {
	temperature := func(unit string) func(*air) {
		return func(a *air) {
			a.start.Channels = []event.Channel{{Name: "x", Unit: unit}}
			a.start.Preamble = []byte("time,x\n")
			a.instrument.Unit = ""
			a.instrument.RangeHigh, a.instrument.RangeLow, a.instrument.LDL = nil, nil, nil
		}
	}
	for unit, codes := range map[string][]string{"Cel": nil, "": nil, "ug/m3": {"AIR_FLATLINE"}} {
		a := newAir(t, temperature(unit))
		a.seg(same(60, "21.5"))
		a.wants(unit, codes...)
	}
}

func TestHoveringAtTheDetectionLimit(t *testing.T) {
	hover := func(n int) (list []string) {
		for i := range n {
			list = append(list, []string{"9.5", "10.0", "10.5"}[i*7%3])
		}
		return list
	}
	a := newAir(t)
	a.seg(append(breeze(1, 40, 500, 400), hover(120)...))
	a.wants("120 about the limit of 10", "AIR_AT_DETECTION_LIMIT")
	a = newAir(t)
	a.seg(append(breeze(1, 40, 500, 400), hover(119)...))
	a.wants("119")
	a = newAir(t, func(a *air) { a.instrument.LDL = nil })
	a.seg(append(breeze(1, 40, 500, 400), hover(120)...))
	a.wants("limit not recorded")
}

func TestLowVariation(t *testing.T) {
	long := func(spread int64, hours float64) *air {
		a := newAir(t, func(a *air) { a.start.PeriodMS = 60_000 })
		for i := range int(hours * 60) {
			v := breeze(uint64(i), 1, 500, spread)
			a.seg(v)
			a.next = a.next.Add(59 * time.Second)
		}
		return a
	}
	long(190, 6.5).wants("190 of 10000 for six hours and a half", "AIR_LOW_VARIATION")
	long(190, 5.5).wants("for five hours and a half")
	long(400, 6.5).wants("400 of 10000")
}

func TestJumpsAndLevels(t *testing.T) {
	a := newAir(t)
	a.seg(append(breeze(1, 60, 500, 100), "5700", "520.1", "530.3"))
	a.wants("a jump over half the range and back", "AIR_STEP")
	a = newAir(t)
	a.seg(append(breeze(1, 60, 500, 100), "5300", "520.1", "530.3"))
	a.wants("a jump below half the range")
	a = newAir(t)
	a.seg(append(breeze(1, 90, 500, 20), breeze(2, 90, 2000, 20)...))
	a.wants("a lasting change of level", "AIR_STEP level")
	a = newAir(t)
	a.seg(append(append(breeze(1, 90, 500, 20), breeze(2, 40, 2000, 20)...), breeze(3, 90, 500, 20)...))
	a.wants("a plume of 40 s")
}

func TestRepeatedBlockOfReadings(t *testing.T) {
	values := breeze(1, 400, 500, 400)
	a := newAir(t)
	a.seg(slices.Concat(values, breeze(9, 100, 500, 400), values[100:200]))
	a.wants("a hundred readings come again", "AIR_REPEATED_BLOCK")
	a = newAir(t)
	a.seg(slices.Concat(values, breeze(9, 100, 500, 400), values[100:140]))
	a.wants("forty")
}

func TestHeapedDigits(t *testing.T) {
	var even, heaped []string
	for i, v := range walk(7, 1200) {
		even = append(even, decimalText(v%100000))
		if i%4 > 0 {
			v -= v % 5
		}
		heaped = append(heaped, decimalText(v%100000))
	}
	a := newAir(t)
	a.seg(even)
	a.wants("even digits")
	a = newAir(t)
	a.seg(heaped)
	a.wants("three in four end in 0 or 5", "AIR_DIGIT_HEAPING")
	a = newAir(t)
	a.seg(heaped[:450])
	a.wants("too few to tell")
	var coarse []string
	for _, v := range walk(7, 1200) {
		coarse = append(coarse, decimalText(v%100000/5*5))
	}
	a = newAir(t)
	a.seg(coarse)
	a.wants("an instrument with steps of 0.05")
}

func decimalText(hundredths int64) string {
	return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
}

func TestAirGaps(t *testing.T) {
	a := newAir(t)
	a.seg(breeze(1, 60, 500, 400))
	a.next = a.next.Add(2 * time.Second)
	a.seg(breeze(2, 60, 500, 400))
	a.wants("three seconds between rows")
	a.next = a.next.Add(4 * time.Second)
	a.seg(breeze(3, 60, 500, 400))
	a.wants("five seconds", "AIR_GAP")
	if s := a.s.evaluate().Series[0]; s.Gaps != 1 || s.MissingMS != 4000 {
		t.Errorf("%d gaps, %d ms", s.Gaps, s.MissingMS)
	}
}

func TestUsualIntervalIsLearned(t *testing.T) {
	a := newAir(t, func(a *air) { a.start.PeriodMS = 0 })
	for i := range uint64(100) {
		a.seg(breeze(i, 1, 500, 400))
		a.next = a.next.Add(9 * time.Second)
		if i == 20 { // a pause among the first records, by which the interval is told
			a.next = a.next.Add(time.Minute)
		}
	}
	a.wants("one pause", "AIR_GAP")
	if s := a.s.evaluate().Series[0]; s.PeriodMS != 10_000 || s.Gaps != 1 {
		t.Errorf("interval %d ms, %d gaps", s.PeriodMS, s.Gaps)
	}
}

func TestMissingSegments(t *testing.T) {
	a := newAir(t)
	a.seg(breeze(1, 60, 500, 400))
	a.seg(breeze(2, 60, 500, 400))
	a.seg(breeze(3, 60, 500, 400))
	a.s.gas(a.instrument.Instrument, "post_use", 70, "10000", "9900")
	a.end()
	a.wants("all here")
	e := a.s.in.Entries
	lost := -1
	for i := range e {
		if b, ok := e[i].Body.(*event.AirSegment); ok && b.N == 2 {
			lost = i
		}
	}
	a.s.in.Entries = slices.Delete(slices.Clone(e), lost, lost+1)
	a.wants("one lost", "AIR_GAP", "AIR_GAP segments")
	if m := a.s.evaluate().Series[0].Missing; len(m) != 1 || m[0] != (Numbers{2, 2}) {
		t.Errorf("missing %v", m)
	}
	a.s.in.Hidden = true
	a.wants("one not shown", "AIR_GAP")
}

func TestSeriesThatEndedWithOtherRows(t *testing.T) {
	a := newAir(t)
	a.seg(breeze(1, 60, 500, 400))
	a.rows++
	a.s.gas(a.instrument.Instrument, "post_use", 70, "10000", "9900")
	a.end()
	a.wants("a row more", "AIR_GAP rows")
}

func TestTimesThatGoBack(t *testing.T) {
	a := newAir(t)
	a.seg(breeze(1, 60, 500, 400))
	a.next = a.next.Add(-10 * time.Second)
	a.seg(breeze(2, 60, 500, 400))
	a.wants("ten seconds back", "AIR_TIME_DISORDER")
}

func TestReadingsFromTheFuture(t *testing.T) {
	for minutes, codes := range map[float64][]string{1.9: nil, 2.1: {"AIR_TIME_DISORDER future"}} {
		a := newAir(t)
		e := a.seg(breeze(1, 60, 500, 400))
		wall(a.next.Add(-time.Second - time.Duration(minutes*float64(time.Minute))))(e)
		a.wants("sealed before its last reading", codes...)
	}
}

func TestSegmentSealedTwice(t *testing.T) {
	a := newAir(t)
	a.seg(breeze(1, 60, 500, 400))
	a.n--
	a.seg(breeze(2, 60, 500, 400))
	a.wants("number 1 twice", "AIR_TIME_DISORDER twice")
	if s := a.s.evaluate().Series[0]; s.Segments != 1 || s.Rows != 60 || len(s.Twice) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestSeriesThatCannotBeRead(t *testing.T) {
	for name, change := range map[string]func(*air){
		"another format":          func(a *air) { a.start.Format = "proprietary" },
		"no header":               func(a *air) { a.start.Preamble = nil },
		"a channel not in header": func(a *air) { a.start.Preamble = []byte("time,other\n") },
	} {
		a := newAir(t, change)
		a.seg(same(100, "5"))
		s := a.s.evaluate().Series[0]
		if s.Read || s.Unread.EN == "" || s.Unread.ZH == "" || s.Rows != 100 {
			t.Errorf("%s: %+v", name, s)
		}
		a.wants(name)
	}
}

func TestSegmentsWithoutTheirStart(t *testing.T) {
	a := newAir(t)
	a.seg(same(100, "5"))
	for i, e := range a.s.in.Entries {
		if _, ok := e.Body.(*event.AirStarted); ok {
			a.s.in.Entries = slices.Delete(a.s.in.Entries, i, i+1)
			break
		}
	}
	r := a.s.evaluate()
	if len(r.Series) != 1 || r.Series[0].Read || r.Series[0].Rows != 100 {
		t.Errorf("%+v", r.Series)
	}
}
