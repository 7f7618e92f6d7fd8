package custody

import (
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

var _ = register(spec{
	code: "INSTRUMENT_CAL_EXPIRED", severity: Fatal,
	source: "40 CFR 75.24: data of an instrument whose calibration has lapsed are not quality-assured",
	title:  both("Calibration had lapsed", "仪器校准已过期"),
	explain: both("The calibration of {instrument} (certificate {certificate}) was due on {due}; {n} segments of {series} were read after that, the first on {day}.",
		"{instrument} 的校准（证书 {certificate}）有效期至 {due}；{series} 有 {n} 段读数在此之后，首段日期为 {day}。"),
	cure: both("If the instrument had been calibrated again by then, record it with the newer certificate; otherwise the readings are screening at best.",
		"如届时已重新校准，补记新证书；否则读数至多可作筛查之用。"),
	find: func(v *view, report func(finding)) {
		for _, s := range v.series {
			if s.instrument == nil || s.instrument.CalibrationDue == "" {
				continue
			}
			var t tally
			first := event.Date("")
			for _, g := range s.segments {
				if d := readOn(g); d > s.instrument.CalibrationDue {
					t.add(g.act, 0)
					if first == "" || d < first {
						first = d
					}
				}
			}
			if t.n > 0 {
				report(s.finding(v, "", t.listed(), args{"certificate": str(s.instrument.CertificateNo), "due": str(string(s.instrument.CalibrationDue)),
					"n": count(t.n), "day": str(string(first))}))
			}
		}
	},
})

// readOn is the day of a segment's last reading, by the readings' own time; by
// the time of sealing where they have none.
func readOn(g segment) event.Date {
	if g.body.Last != "" {
		return day(g.body.Last.Time())
	}
	return day(g.act.at)
}

// finding is a finding about a series, with its name and its instrument's.
func (s *series) finding(v *view, variant string, acts []*act, facts args) finding {
	item := s.ref()
	f := finding{variant: variant, item: &item, acts: acts, args: facts}
	facts["series"] = s.name(v)
	if s.start != nil {
		facts["instrument"] = str(v.instrumentName(s.body.Instrument))
		f.also = []event.Ref{{Kind: "instrument", ID: s.body.Instrument}}
	}
	if len(acts) == 0 && s.start != nil {
		f.acts = []*act{s.start}
	}
	return f
}

var _ = register(spec{
	code: "INSTRUMENT_CAL_NOT_STATED", severity: Curable, absence: true,
	source: "house rule: an instrument is recorded with its calibration",
	title:  both("No calibration on record", "未记录仪器校准"),
	explain: both("Nothing says until when the calibration of {instrument}, which read {series}, was valid.",
		"未见记录说明用于 {series} 的 {instrument} 校准有效期至何时。"),
	cure: both("Record the instrument with its certificate and the day when calibration is due.", "补记仪器及其校准证书和有效期。"),
	find: func(v *view, report func(finding)) {
		for _, s := range v.series {
			if s.start != nil && (s.instrument == nil || s.instrument.CalibrationDue == "") {
				report(s.finding(v, "", nil, args{}))
			}
		}
	},
})

// checked is an instrument check in causal order.
type checked struct {
	act  *act
	body *event.InstrumentChecked
}

// checksOf lists the checks of a series' instrument.
func (v *view) checksOf(s *series) (list []checked) {
	if s.start == nil {
		return nil
	}
	for a, b := range concerning[*event.InstrumentChecked](v, event.Ref{Kind: "instrument", ID: s.body.Instrument}) {
		list = append(list, checked{a, b})
	}
	return list
}

var _ = register(spec{
	code: "BUMP_TEST_MISSING_OR_FAIL", severity: Curable,
	source: "house rule, air.bump_age and air.bump_tolerance of the rule pack",
	title:  both("No passed test with gas before use", "使用前无合格的标气检查"),
	explain: both("{instrument} has no bump, span or calibration check with gas in the {limit} before {series} began at {start}.",
		"{instrument} 在 {series} 于 {start} 开始前 {limit} 内没有标气通气检查、量程检查或校准记录。"),
	variants: map[string]Text{
		"failed": both("The last check of {instrument} with gas before {series}, at {at}, did not pass: {gas}, expected {expected}, observed {observed}.",
			"{instrument} 在 {series} 之前的最后一次标气检查（{at}）未通过：{gas}，应为 {expected}，实测 {observed}。"),
		"off": both("The last check of {instrument} with gas before {series}, at {at}, is recorded as passed, but {observed} is {off} away from the expected {expected}; {limit} is the most.",
			"{instrument} 在 {series} 之前的最后一次标气检查（{at}）记为通过，但实测 {observed} 与应有的 {expected} 相差 {off}，限值为 {limit}。"),
	},
	cure: both("If a test was made, record it with its gas, cylinder and figures; otherwise test the instrument now and record how far it is off.",
		"如曾进行检查，补记标气、气瓶和数值；否则立即检查仪器并记录偏差。"),
	find: findBumpTests,
})

func findBumpTests(v *view, report func(finding)) {
	for _, s := range v.series {
		if s.start == nil || s.body.Format == "hj212" {
			continue // a station is tested where it stands, under rules of its own
		}
		start := v.startOf(s)
		var last *checked
		for _, c := range v.checksOf(s) {
			at := c.body.At.Time()
			gas := c.body.Kind == "bump" || c.body.Kind == "span" || c.body.Kind == "calibration"
			if gas && !at.After(start) && start.Sub(at) <= v.rules.Air.BumpAge.Duration() && (last == nil || !at.Before(last.body.At.Time())) {
				last = &c
			}
		}
		if last == nil {
			f := s.finding(v, "", []*act{s.start}, args{"limit": limit(v.rules.Air.BumpAge), "start": clock(start)})
			f.absent = true
			report(f)
			continue
		}
		facts := last.facts()
		if last.body.Pass != "yes" {
			report(s.finding(v, "failed", []*act{last.act, s.start}, facts))
		} else if off, over := last.off(v.rules.Air.BumpTolerance); over {
			facts["off"], facts["limit"] = off, valueText(v.rules.Air.BumpTolerance)
			report(s.finding(v, "off", []*act{last.act, s.start}, facts))
		}
	}
}

func (c *checked) facts() args {
	return args{"at": when(c.body.At), "gas": str(c.body.Gas), "expected": num(c.body.Expected, c.body.Unit), "observed": num(c.body.Observed, c.body.Unit)}
}

// off is how far a check's figure is from the expected one, per cent of it, and
// whether that is over a limit; exact by cross-multiplication.
func (c *checked) off(most rules.Value) (Text, bool) {
	if c.body.Expected == nil || c.body.Observed == nil || c.body.Expected.Sign() == 0 {
		return Text{}, false
	}
	diff, err := c.body.Observed.Sub(*c.body.Expected)
	if err != nil {
		return Text{}, false
	}
	hundred, err := absolute(diff).Mul(decimal.FromInt(100))
	if err != nil {
		return Text{}, false
	}
	allowed, err := absolute(*c.body.Expected).Mul(most.Value.Decimal)
	if err != nil || hundred.Cmp(allowed) <= 0 {
		return Text{}, false
	}
	q, err := hundred.Quo(absolute(*c.body.Expected), 1)
	if err != nil {
		return str("> " + most.Value.String() + " %"), true
	}
	return str(q.String() + " %"), true
}

func absolute(d decimal.Decimal) decimal.Decimal {
	if n, err := d.Neg(); d.N < 0 && err == nil {
		return n
	}
	return d
}

var _ = register(spec{
	code: "POST_DRIFT_HIGH", severity: Fatal,
	source: "house rule, air.drift and air.zero_tolerance of the rule pack; 40 CFR 75.24: out of control until it passes again",
	title:  both("Drift after use too high", "使用后漂移超限"),
	explain: both("After {series}, at {at}, {instrument} read {observed} where {expected} was expected ({gas}): {off} away, {limit} is the most.",
		"{series} 之后（{at}），{instrument} 对应有的 {expected} 实测为 {observed}（{gas}）：相差 {off}，限值为 {limit}。"),
	variants: map[string]Text{
		"failed": both("The check of {instrument} after {series}, at {at}, did not pass ({gas}, expected {expected}, observed {observed}).",
			"{instrument} 在 {series} 之后的检查（{at}）未通过（{gas}，应为 {expected}，实测 {observed}）。"),
		"zero": both("After {series}, at {at}, {instrument} read {observed} in clean air, more than {limit} of its range.",
			"{series} 之后（{at}），{instrument} 在零气中读数为 {observed}，超过量程的 {limit}。"),
	},
	cure: both("State in the report that the readings since the last passed check are not quality-assured, and by how much they may be off.",
		"在报告中说明自上次合格检查以来的读数未获质量保证，以及可能的偏差。"),
	find: findDrift,
})

func findDrift(v *view, report func(finding)) {
	for _, s := range v.series {
		c, ok := v.afterUse(s)
		if !ok {
			continue
		}
		facts, acts := c.facts(), []*act{c.act}
		facts["limit"] = valueText(v.rules.Air.Drift)
		off, over := c.off(v.rules.Air.Drift)
		switch {
		case over:
			facts["off"] = off
			report(s.finding(v, "", acts, facts))
		case c.zeroOff(v, s):
			facts["limit"] = valueText(v.rules.Air.ZeroTolerance)
			report(s.finding(v, "zero", acts, facts))
		case c.body.Pass == "no":
			report(s.finding(v, "failed", acts, facts))
		}
	}
}

// zeroOff reports whether a check against zero reads too high a share of the range.
func (c *checked) zeroOff(v *view, s *series) bool {
	if c.body.Expected == nil || c.body.Observed == nil || c.body.Expected.Sign() != 0 || s.instrument == nil || !sameUnit(c.body.Unit, s.instrument.Unit) {
		return false
	}
	width, ok := spanOf(s.instrument)
	read, okRead := toNano(c.body.Observed)
	return ok && okRead && distance(read, 0) > mulDiv(width, milli(v.rules.Air.ZeroTolerance), 100_000)
}

// afterUse is the first post-use check of a series' instrument after its last reading.
func (v *view) afterUse(s *series) (checked, bool) {
	last := v.lastOf(s)
	for _, c := range v.checksOf(s) {
		if c.body.Kind == "post_use" && !c.body.At.Time().Before(last) {
			return c, true
		}
	}
	return checked{}, false
}

var _ = register(spec{
	code: "POST_USE_CHECK_MISSING", severity: Warning, absence: true,
	source: "house rule: an instrument is checked again after use",
	title:  both("No check after use", "使用后未检查"),
	explain: both("{series} has ended, and no check of {instrument} after use is recorded: nothing shows that it still read right at the end.",
		"{series} 已结束，但未记录 {instrument} 的使用后检查：无从表明结束时读数仍然准确。"),
	cure: both("Check the instrument with gas and record it; the sooner, the more it says.", "以标气检查仪器并记录；越早越有说明力。"),
	find: func(v *view, report func(finding)) {
		for _, s := range v.series {
			if s.end == nil || s.start == nil || s.body.Format == "hj212" {
				continue
			}
			if _, ok := v.afterUse(s); !ok {
				report(s.finding(v, "", []*act{s.end}, args{}))
			}
		}
	},
})

var _ = register(spec{
	code: "SPAN_GAS_EXPIRED", severity: Curable,
	source: "house rule: a check with gas counts while the cylinder is in date",
	title:  both("Calibration gas out of date", "标气过期"),
	explain: both("The check of {instrument} at {at} used cylinder {lot} of {gas}, which expired on {expiry}.",
		"{instrument} 于 {at} 的检查使用了气瓶 {lot}（{gas}），该气瓶已于 {expiry} 过期。"),
	cure: both("Repeat the check with gas in date; if the expiry was written down wrong, amend the record.", "以有效期内的标气重新检查；如有效期记录有误，更正记录。"),
	find: func(v *view, report func(finding)) {
		for a, b := range each[*event.InstrumentChecked](v) {
			if b.CylinderExpiry != "" && day(b.At.Time()) > b.CylinderExpiry {
				report(finding{item: &event.Ref{Kind: "instrument", ID: b.Instrument}, acts: []*act{a}, args: args{
					"instrument": str(v.instrumentName(b.Instrument)), "at": when(b.At), "lot": str(b.CylinderLot), "gas": str(b.Gas), "expiry": str(string(b.CylinderExpiry))}})
			}
		}
	},
})

var _ = register(spec{
	code: "READING_OVER_RANGE", severity: Curable,
	source: "QARTOD gross range test; the instrument's recorded range",
	title:  both("Readings outside the measuring range", "读数超出量程"),
	explain: both("Channel {channel} of {series}: the highest reading is {high}, the range of {instrument} ends at {range}; {n} readings are marked as outside it. Beyond its range the instrument says only that the value is high.",
		"{series} 的通道 {channel}：最高读数 {high}，{instrument} 量程上限为 {range}；标为超量程的读数有 {n} 个。超出量程的读数只能说明数值偏高。"),
	cure: both("Use such readings as “over range”, never as figures; if the range was recorded wrong, amend it.", "此类读数只能表述为“超量程”，不得作为数值使用；如量程记录有误，更正记录。"),
	find: func(v *view, report func(finding)) {
		for _, s := range v.series {
			for _, c := range s.sums {
				if high, over := s.overRange(c); over {
					report(s.finding(v, "", nil, args{"channel": str(s.body.Channels[c.channel].Name), "high": high, "range": s.rangeText(), "n": count(c.overRange)}))
				}
			}
		}
	},
})

// overRange says how high a channel reads and whether that, or its own marks, lie
// outside the instrument's range.
func (s *series) overRange(c *channelSum) (high Text, over bool) {
	unit := s.body.Channels[c.channel].Unit
	high = str("")
	if c.count > 0 && !c.wide {
		high = str(nanoDecimal(c.max).String() + " " + unit)
	}
	if c.overRange > 0 {
		return high, true
	}
	if s.instrument == nil || !sameUnit(s.instrument.Unit, unit) || c.count == 0 || c.wide {
		return high, false
	}
	top, ok := toNano(s.instrument.RangeHigh)
	return high, ok && c.max > top
}

func (s *series) rangeText() Text {
	if s.instrument == nil {
		return str("")
	}
	return num(s.instrument.RangeHigh, s.instrument.Unit)
}
