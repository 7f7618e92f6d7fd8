package custody

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/hj212"
)

// station is a monitoring station whose frames tests send and spoil.
type station struct {
	t     testing.TB
	s     *ground
	start *event.AirStarted
	now   time.Time
	raw   bytes.Buffer
	mn    string
}

func newStation(t testing.TB) *station {
	s := newGround(t)
	d := s.sniffer()
	d.Unit, d.RangeHigh, d.RangeLow, d.LDL = "mg/m3", decp("500"), decp("0"), nil
	st := &station{t: t, s: s, now: time.Date(2026, 3, 2, 9, 0, 0, 0, hj212.Zone), mn: "010000A8900016F000169DC0"}
	st.start = &event.AirStarted{Series: s.uuid(), Instrument: d.Instrument, Format: "hj212", Source: "file",
		Channels: []event.Channel{{Name: "a24088-Rtd", Unit: "mg/m3"}, {Name: "a24088-Avg", Unit: "mg/m3"}}}
	s.inspect.seal(at(1), d)
	s.inspect.seal(at(2), st.start)
	return st
}

// frame writes a frame of the standard at the station's time.
func (st *station) frame(cn string, items ...hj212.Pair) []byte {
	st.t.Helper()
	raw, err := hj212.Encode(hj212.Message{QN: hj212.FormatQN(st.now), ST: "31", CN: cn, PW: "100000", MN: st.mn, Flag: 4,
		Groups: [][]hj212.Pair{{{Name: "DataTime", Value: st.now.Format("20060102150405")}}, items}})
	if err != nil {
		st.t.Fatal(err)
	}
	return raw
}

func avg(value, flag string) []hj212.Pair {
	return []hj212.Pair{{Name: "a24088-Avg", Value: value}, {Name: "a24088-Flag", Value: flag}}
}

// minutes sends n minutes of data with one flag.
func (st *station) minutes(n int, flag string, value func(i int) string) {
	for i := range n {
		st.raw.Write(st.frame("2051", avg(value(i), flag)...))
		st.now = st.now.Add(time.Minute)
	}
}

// wander is a reading that varies.
func wander(i int) string { return fmt.Sprintf("%d.%02d", 100+i*37%89, i*53%97) }

// seal seals what was sent and judges.
func (st *station) seal() *Record {
	b := &event.AirSegment{Series: st.start.Series, N: 1, Raw: bytes.Clone(st.raw.Bytes())}
	b.Rows = int64(len(chunks(b.Raw)))
	st.s.inspect.seal(at(500), b)
	return st.s.evaluate()
}

func chunks(raw []byte) (list []hj212.Chunk) {
	s := hj212.NewScanner(bytes.NewReader(raw))
	for {
		c, err := s.Next()
		if err != nil {
			return list
		}
		list = append(list, c)
	}
}

func (st *station) wants(what string, codes ...string) {
	st.t.Helper()
	r := st.seal()
	got := slices.DeleteFunc(warnings(r), func(c string) bool {
		return !strings.HasPrefix(c, "MON_") && !strings.HasPrefix(c, "HJ212") && !strings.HasPrefix(c, "AIR_")
	})
	slices.Sort(got)
	slices.Sort(codes)
	if !slices.Equal(got, codes) {
		st.t.Errorf("%s: found %q, want %q", what, got, codes)
		for _, d := range r.Defects {
			st.t.Logf("  %s %s: %s", d.Code, d.Variant, d.Explanation.EN)
		}
	}
}

func TestStationWithNothingWrong(t *testing.T) {
	st := newStation(t)
	st.minutes(180, "N", wander)
	st.wants("three hours")
	sum := st.s.evaluate().Series[0]
	if sum.Rows != 180 || sum.PeriodMS != 60_000 || sum.Channels[0].Name != "a24088-Avg" && sum.Channels[1].Count != 180 {
		t.Errorf("%+v", sum)
	}
}

func TestFraming(t *testing.T) {
	spoil := func(change func([]byte) []byte) *station {
		st := newStation(t)
		st.minutes(30, "N", wander)
		st.raw.Write(change(st.frame("2051", avg("5.5", "N")...)))
		st.now = st.now.Add(time.Minute)
		st.minutes(30, "N", wander)
		return st
	}
	spoil(func(b []byte) []byte { return b }).wants("whole")
	spoil(func(b []byte) []byte { b[20] ^= 1; return b }).wants("a changed byte", "HJ212_CRC_OR_LEN_BAD")
	spoil(func(b []byte) []byte { b[5]++; return b }).wants("a wrong length", "HJ212_CRC_OR_LEN_BAD")
	spoil(func(b []byte) []byte { return append([]byte("noise\r\n"), b...) }).wants("noise between frames", "HJ212_CRC_OR_LEN_BAD")
	spoil(func(b []byte) []byte {
		n := len(b)
		return append(append(bytes.Clone(b[:n-6]), bytes.ToLower(b[n-6:n-2])...), '\r', '\n')
	}).wants("a check in lower case")
	spoil(func(b []byte) []byte { return b[:len(b)-1] }).wants("ends with CR alone", "MON_FRAME_IRREGULAR")
}

// A frame whose check fails gives no figure.
func TestBrokenFrameGivesNoFigure(t *testing.T) {
	st := newStation(t)
	st.raw.Write(st.frame("2051", avg("5.5", "N")...))
	bad := st.frame("2051", avg("900.5", "N")...)
	bad[len(bad)-3] ^= 1
	st.raw.Write(bad)
	for _, c := range st.seal().Series[0].Channels {
		if c.Name == "a24088-Avg" && (c.Count != 1 || c.Max.String() != "5.5") {
			t.Errorf("%+v, highest %v", c, c.Max)
		}
	}
}

func TestRequestNumbers(t *testing.T) {
	st := newStation(t)
	st.minutes(10, "N", wander)
	last := st.frame("2051", avg("5.5", "N")...)
	st.raw.Write(last)
	st.raw.Write(last)
	st.wants("a frame sent again", "MON_QN_DISORDER same")

	st = newStation(t)
	st.minutes(10, "N", wander)
	st.raw.Write(st.frame("2051", avg("5.5", "N")...))
	st.raw.Write(st.frame("2051", avg("5.6", "N")...))
	st.wants("other content under one number", "MON_QN_DISORDER other", "MON_PERIOD_REPLACED")

	st = newStation(t)
	st.minutes(10, "N", wander)
	st.now = st.now.Add(-30 * time.Second)
	st.minutes(10, "N", wander)
	st.wants("numbers forward, half a minute apart")

	st = newStation(t)
	st.minutes(10, "N", wander)
	st.now = st.now.Add(-150 * time.Second)
	st.minutes(10, "N", wander)
	st.wants("numbers go back", "AIR_TIME_DISORDER", "MON_QN_DISORDER")
}

func TestOnePeriodGivenTwice(t *testing.T) {
	again := func(value string) *station {
		st := newStation(t)
		period := st.now.Format("20060102150405")
		st.minutes(5, "N", func(int) string { return "10.5" })
		raw, err := hj212.Encode(hj212.Message{QN: hj212.FormatQN(st.now), ST: "31", CN: "2051", PW: "100000", MN: st.mn, Flag: 4,
			Groups: [][]hj212.Pair{{{Name: "DataTime", Value: period}}, avg(value, "N")}})
		if err != nil {
			t.Fatal(err)
		}
		st.raw.Write(raw)
		return st
	}
	again("10.5").wants("the same value", "AIR_TIME_DISORDER")
	again("10.6").wants("another value", "AIR_TIME_DISORDER", "MON_PERIOD_REPLACED")
}

func TestAnotherStation(t *testing.T) {
	st := newStation(t)
	st.minutes(5, "N", wander)
	st.mn = "010000A8900016F000169DC1"
	st.minutes(5, "N", wander)
	st.wants("two stations", "MON_STATION_CHANGED")
}

func TestDataFlags(t *testing.T) {
	for _, v := range []struct {
		flag string
		n    int
		want []string
	}{
		{"S", 5, nil}, {"S", 6, []string{"MON_FLAGS"}},
		{"M", 25, nil}, {"M", 26, []string{"MON_FLAGS idle"}}, {"D", 26, []string{"MON_FLAGS idle"}}, {"T", 40, nil},
	} {
		st := newStation(t)
		st.minutes(100-v.n, "N", wander)
		st.minutes(v.n, v.flag, wander)
		st.wants(fmt.Sprint(v.n, " of 100 flagged ", v.flag), v.want...)
	}
}

func TestSlopeAndIntercept(t *testing.T) {
	set := func(values ...string) *station {
		st := newStation(t)
		for _, x := range values {
			st.raw.Write(st.frame("3020", hj212.Pair{Name: "i13008-Info", Value: x}))
			st.now = st.now.Add(time.Second)
		}
		return st
	}
	set("1.00", "1.0", "1").wants("the same slope, written otherwise")
	set("1.00", "0.85").wants("another slope", "MON_SETTING_CHANGED")
}

func TestCompleteHours(t *testing.T) {
	send := func(valid int) *station {
		st := newStation(t)
		st.minutes(60, "N", wander)
		st.minutes(valid, "N", wander)
		st.minutes(60-valid, "B", wander)
		st.minutes(70, "N", func(i int) string { return wander(i + 1000) })
		return st
	}
	send(45).wants("45 valid minutes")
	send(44).wants("44", "MON_HOUR_INCOMPLETE")
}

func TestHourAgainstItsMinutes(t *testing.T) {
	send := func(hour string) *station {
		st := newStation(t)
		begin := st.now
		st.minutes(60, "N", func(i int) string { return []string{"10.00", "20.00", "30.00"}[i*7%3] })
		end := st.now
		st.now = begin
		frame := st.frame("2061", avg(hour, "N")...)
		st.now = end
		st.raw.Write(frame)
		return st
	}
	send("20.00").wants("the mean", "MON_QN_DISORDER")
	send("20.39").wants("within two per cent", "MON_QN_DISORDER")
	send("20.41").wants("over two per cent", "MON_HOUR_MEAN_DIFFERS", "MON_QN_DISORDER")
	send("10.00").wants("half", "MON_HOUR_MEAN_DIFFERS", "MON_QN_DISORDER")
}
