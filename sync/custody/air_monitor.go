package custody

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"fieldseal/sync/decimal"
	"fieldseal/sync/hj212"
)

// monitor follows the HJ 212 frames of a series: how they were framed, numbered
// and flagged, and whether minute and hour data agree.
type monitor struct {
	frames, garbage int64
	// broken counts frames whose length or check is wrong, irregular those with
	// any other defect; codes counts both by code.
	broken, irregular int64
	codes             map[hj212.Code]int64
	firstBroken       *act
	firstIrregular    *act
	// numbers remembers request numbers, periods the values given for a period.
	numbers, periods map[frameKey]remembered
	lastQN           map[string]string
	backQN           int64
	firstBackQN      [2]string
	sameQN, otherQN  repeats
	replaced         repeats
	stations         []string
	flags            map[string]int64
	measured         int64
	settings         map[string]*setting
	order            []string
	means            map[meanKey]*hourMean
	hours            map[hourKey]uint64
	firstHour        time.Time
	lastHour         time.Time
	acts             []*act
}

// maxRemembered bounds each memory of a monitor: a million frames are a year of
// minute data and hour data; what comes later is only compared with it.
const maxRemembered = 1 << 20

// frameKey tells frames apart: station, command, number or period, and packet.
type frameKey struct {
	station, command, number string
	packet                   int
}

// remembered is the beginning of the SHA-256 of a frame's content: eight bytes
// tell a million frames apart.
type remembered uint64

func remember(content []byte) remembered {
	h := sha256.Sum256(content)
	return remembered(binary.BigEndian.Uint64(h[:]))
}

// repeats counts repetitions and keeps the first.
type repeats struct {
	n     int64
	first string
	act   *act
}

func (r *repeats) take(what string, a *act) {
	if r.n == 0 {
		r.first, r.act = what, a
	}
	r.n++
}

// setting is a parameter of the station and how often it was changed.
type setting struct {
	code, value string
	changes     int64
	from, to    string
	act         *act
}

type meanKey struct {
	item string
	hour int64
}

// hourMean gathers the minutes of an hour and the value given for the hour.
type hourMean struct {
	sum     figureSum
	given   nano
	hasHour bool
	act     *act
}

type hourKey int64

// The commands that a monitor tells apart.
const (
	minuteData = "2051"
	hourData   = "2061"
)

// watched are the codes of slope and intercept, whose change shifts every reading.
var watched = []string{"i13007", "i13008"}

func newMonitor() *monitor {
	return &monitor{
		codes: map[hj212.Code]int64{}, numbers: map[frameKey]remembered{}, periods: map[frameKey]remembered{},
		lastQN: map[string]string{}, flags: map[string]int64{}, settings: map[string]*setting{},
		means: map[meanKey]*hourMean{}, hours: map[hourKey]uint64{},
	}
}

// framing are the defects of length and check.
var framing = []hj212.Code{hj212.BadLen, hj212.BadCRC, hj212.ModbusCRC, hj212.ShortCRC}

func (m *monitor) take(r *row, a *act) {
	f := r.frame
	if f == nil {
		m.garbage++
		m.firstBroken = firstOf(m.firstBroken, a)
		return
	}
	m.frames++
	m.takeProblems(f, a)
	if !sound(f) {
		return
	}
	m.takeNumber(f, a)
	m.takePeriod(f, a)
	m.takeItems(f, a)
	if f.MN != "" && !slices.Contains(m.stations, f.MN) && len(m.stations) < maxListed {
		m.stations = append(m.stations, f.MN)
		m.acts = append(m.acts, a)
	}
}

func firstOf(old, a *act) *act {
	if old != nil {
		return old
	}
	return a
}

func (m *monitor) takeProblems(f *hj212.Frame, a *act) {
	broken, irregular := false, false
	seen := map[hj212.Code]bool{}
	for _, p := range f.Problems {
		if p.Code.Notice() || seen[p.Code] {
			continue
		}
		seen[p.Code] = true
		m.codes[p.Code]++
		if slices.Contains(framing, p.Code) {
			broken = true
		} else {
			irregular = true
		}
	}
	if broken {
		m.broken++
		m.firstBroken = firstOf(m.firstBroken, a)
	}
	if irregular {
		m.irregular++
		m.firstIrregular = firstOf(m.firstIrregular, a)
	}
}

// takeNumber compares a frame's request number with those before it. A station
// sends a frame again until it is acknowledged, so the same content twice is
// no fault by itself; other content under one number is.
func (m *monitor) takeNumber(f *hj212.Frame, a *act) {
	if f.QN == "" {
		return
	}
	if last := m.lastQN[f.MN]; f.QN < last {
		if m.backQN == 0 {
			m.firstBackQN = [2]string{last, f.QN}
			m.acts = append(m.acts, a)
		}
		m.backQN++
	}
	m.lastQN[f.MN] = f.QN
	k, h := frameKey{f.MN, f.CN, f.QN, f.PNO}, remember(f.Data)
	switch old, ok := m.numbers[k]; {
	case !ok && len(m.numbers) < maxRemembered:
		m.numbers[k] = h
	case ok && old == h:
		m.sameQN.take(f.QN, a)
	case ok:
		m.otherQN.take(f.QN, a)
	}
}

// takePeriod compares the values given for one period and command with those given before.
func (m *monitor) takePeriod(f *hj212.Frame, a *act) {
	it, ok := f.Item("DataTime")
	if !ok || !hj212.StartsPeriod(f.CN) {
		return
	}
	_, area, _ := bytes.Cut(f.Data, []byte("CP=&&"))
	k, h := frameKey{f.MN, f.CN, it.Value, f.PNO}, remember(area)
	if old, ok := m.periods[k]; !ok {
		if len(m.periods) < maxRemembered {
			m.periods[k] = h
		}
	} else if old != h {
		m.replaced.take(f.CN+" "+it.Value, a)
	}
}

func (m *monitor) takeItems(f *hj212.Frame, a *act) {
	at, timed := f.DataTime()
	flags := map[string]string{}
	for _, it := range f.Items {
		if it.Suffix == "Flag" {
			flags[it.Code] = it.Value
		}
	}
	valid := false
	for _, it := range f.Items {
		if slices.Contains(watched, it.Code) {
			m.takeSetting(it, a)
		}
		if it.Suffix != "Rtd" && it.Suffix != "Avg" {
			continue
		}
		flag := flags[it.Code]
		m.measured++
		if flag != "" && flag != "N" {
			m.flags[flag]++
		}
		c := frameCell(it.Value, flag)
		if c.state != cellNumber {
			continue
		}
		valid = true
		if timed && it.Suffix == "Avg" {
			m.takeMean(f.CN, it.Name, at, c, a)
		}
	}
	if valid && timed && f.CN == minuteData {
		m.takeMinute(at)
	}
}

func (m *monitor) takeSetting(it hj212.Item, a *act) {
	s := m.settings[it.Name]
	if s == nil {
		m.settings[it.Name] = &setting{code: it.Name, value: it.Value}
		m.order = append(m.order, it.Name)
		return
	}
	if sameNumber(s.value, it.Value) {
		return
	}
	if s.changes == 0 {
		s.from, s.to, s.act = s.value, it.Value, a
	}
	s.changes++
	s.value = it.Value
}

// sameNumber compares figures by value where both are figures.
func sameNumber(a, b string) bool {
	x, errX := decimal.ParseScientific(a)
	y, errY := decimal.ParseScientific(b)
	if errX != nil || errY != nil {
		return a == b
	}
	return x.Cmp(y) == 0
}

func (m *monitor) takeMean(command, item string, at time.Time, c cell, a *act) {
	if command != minuteData && command != hourData {
		return
	}
	k := meanKey{item, at.Unix() / 3600}
	h := m.means[k]
	if h == nil {
		if len(m.means) >= maxRemembered {
			return
		}
		h = &hourMean{}
		m.means[k] = h
	}
	if command == hourData {
		h.given, h.hasHour, h.act = c.v, true, a
		return
	}
	h.sum.add(c)
}

// takeMinute marks a minute as having a valid reading.
func (m *monitor) takeMinute(at time.Time) {
	hour := hourKey(at.Unix() / 3600)
	if _, ok := m.hours[hour]; !ok && len(m.hours) >= maxRemembered {
		return
	}
	m.hours[hour] |= 1 << (at.Unix() / 60 % 60)
	if m.firstHour.IsZero() || at.Before(m.firstHour) {
		m.firstHour = at
	}
	if at.After(m.lastHour) {
		m.lastHour = at
	}
}
