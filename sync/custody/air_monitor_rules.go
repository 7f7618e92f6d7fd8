package custody

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"fieldseal/sync/decimal"
	"fieldseal/sync/hj212"
)

// eachMonitor reports what a check finds in the frames of each HJ 212 series.
func eachMonitor(check func(v *view, s *series, m *monitor, report func(finding))) finder {
	return func(v *view, report func(finding)) {
		for _, s := range v.series {
			if s.monitor != nil {
				check(v, s, s.monitor, report)
			}
		}
	}
}

// askStation is the cure of a check that only asks for a look at a station.
var askStation = both("Ask the station's operator for its log of the time, and compare with the data held by the platform; record the outcome in a note.",
	"向站点运维单位调取当时日志，并与平台留存数据比对，以备注记录结果。")

var _ = register(spec{
	code: "HJ212_CRC_OR_LEN_BAD", severity: Warning,
	source: "HJ 212-2017, frame length and annex A (check)",
	title:  both("Frames with wrong length or check", "数据帧长度或校验错误"),
	explain: both("Of {n} frames of {series}, {bad} have a wrong length or check ({codes}); {garbage} stretches of bytes are no frames. Their bytes are kept; no figure is taken from a frame whose check fails.",
		"{series} 的 {n} 个数据帧中有 {bad} 个长度或校验有误（{codes}）；另有 {garbage} 处字节不成帧。原始字节均予保留；校验不通过的帧不取数值。"),
	cure: both("Check the line and the station's program; compare with the frames that the platform received.", "检查线路和站点程序，并与平台收到的数据帧比对。"),
	find: eachMonitor(func(v *view, s *series, m *monitor, report func(finding)) {
		if m.broken+m.garbage > 0 {
			report(s.finding(v, "", []*act{m.firstBroken}, args{"n": count(m.frames), "bad": count(m.broken), "garbage": count(m.garbage), "codes": m.codesText(true)}))
		}
	}),
})

// codesText lists the codes of framing, or the others, with their counts.
func (m *monitor) codesText(framed bool) Text {
	var parts []string
	for _, c := range slices.Sorted(maps.Keys(m.codes)) {
		if slices.Contains(framing, c) == framed {
			parts = append(parts, fmt.Sprintf("%s %d", c, m.codes[c]))
		}
	}
	return listed(parts)
}

var _ = register(spec{
	code: "MON_FRAME_IRREGULAR", severity: Warning,
	source: "HJ 212-2017, structure of a frame",
	title:  both("Frames that break the standard", "数据帧不合标准"),
	explain: both("Of {n} frames of {series}, {bad} break the standard in other ways than length and check: {codes}.",
		"{series} 的 {n} 个数据帧中有 {bad} 个在长度和校验之外不符合标准：{codes}。"),
	cure: askStation,
	find: eachMonitor(func(v *view, s *series, m *monitor, report func(finding)) {
		if m.irregular > 0 {
			report(s.finding(v, "", []*act{m.firstIrregular}, args{"n": count(m.frames), "bad": count(m.irregular), "codes": m.codesText(false)}))
		}
	}),
})

var _ = register(spec{
	code: "MON_QN_DISORDER", severity: Warning,
	source: "HJ 212-2017, request number QN; house rule",
	title:  both("Request numbers out of order", "请求编号次序异常"),
	explain: both("The request numbers (QN) of {series} go back {n} time(s), first from {from} to {to}. Frames that are sent again do this, and so does a station clock that is set back.",
		"{series} 的请求编号（QN）倒退 {n} 次，首次由 {from} 退至 {to}。补发数据会如此，站点时钟回拨亦会如此。"),
	variants: map[string]Text{
		"other": both("{n} frames of {series} carry a request number (QN) that an earlier frame used for other content, first {first}.",
			"{series} 有 {n} 个数据帧使用了此前已用于不同内容的请求编号（QN），首个为 {first}。"),
		"same": both("{n} frames of {series} repeat an earlier frame byte for byte, first QN {first}. A station does this when no acknowledgement reaches it.",
			"{series} 有 {n} 个数据帧与此前的帧逐字节相同，首个 QN 为 {first}。站点未收到应答时会如此。"),
	},
	cure: askStation,
	find: eachMonitor(func(v *view, s *series, m *monitor, report func(finding)) {
		if m.backQN > 0 {
			report(s.finding(v, "", m.acts, args{"n": count(m.backQN), "from": str(m.firstBackQN[0]), "to": str(m.firstBackQN[1])}))
		}
		for variant, r := range map[string]*repeats{"other": &m.otherQN, "same": &m.sameQN} {
			if r.n > 0 {
				report(s.finding(v, variant, []*act{r.act}, args{"n": count(r.n), "first": str(r.first)}))
			}
		}
	}),
})

var _ = register(spec{
	code: "MON_PERIOD_REPLACED", severity: Warning,
	source: "house rule: the value of a period does not change once it is reported",
	title:  both("Values of one period given twice, differently", "同一时段数据前后不一"),
	explain: both("{n} frames of {series} give other values for a period and command than an earlier frame did, first CN {first}. Both are kept.",
		"{series} 有 {n} 个数据帧对同一时段、同一命令给出的数值与此前不同，首个为 CN {first}。两者均予保留。"),
	cure: askStation,
	find: eachMonitor(func(v *view, s *series, m *monitor, report func(finding)) {
		if m.replaced.n > 0 {
			report(s.finding(v, "", []*act{m.replaced.act}, args{"n": count(m.replaced.n), "first": str(m.replaced.first)}))
		}
	}),
})

var _ = register(spec{
	code: "MON_STATION_CHANGED", severity: Warning,
	source:  "HJ 212-2017, station identity MN",
	title:   both("More than one station in a series", "序列中出现多个站点"),
	explain: both("The frames of {series} name {n} stations (MN): {list}.", "{series} 的数据帧涉及 {n} 个站点（MN）：{list}。"),
	cure:    askStation,
	find: eachMonitor(func(v *view, s *series, m *monitor, report func(finding)) {
		if len(m.stations) > 1 {
			report(s.finding(v, "", m.acts, args{"n": count(len(m.stations)), "list": listed(m.stations)}))
		}
	}),
})

var _ = register(spec{
	code: "MON_FLAGS", severity: Warning,
	source: "HJ 212-2017, data flags; series.by_hand and series.not_measured of the rule pack",
	title:  both("Many figures that are no measurement", "非实测数据占比偏高"),
	explain: both("Of {n} figures of {series}, {share} are flagged as set by hand (S), over {limit}. All flags: {flags}.",
		"{series} 的 {n} 个数据中有 {share} 标记为手工设定（S），超过 {limit}。全部标记：{flags}。"),
	variants: map[string]Text{
		"idle": both("Of {n} figures of {series}, {share} are flagged as no measurement (stopped, maintenance, fault, calibration, line), over {limit}. All flags: {flags}.",
			"{series} 的 {n} 个数据中有 {share} 标记为非测量状态（停运、维护、故障、校准、通信故障），超过 {limit}。全部标记：{flags}。"),
	},
	cure: askStation,
	find: eachMonitor(func(v *view, s *series, m *monitor, report func(finding)) {
		hand, idle := m.flags["S"], int64(0)
		var parts []string
		for _, f := range slices.Sorted(maps.Keys(m.flags)) {
			if strings.Contains("FMDCB", f) {
				idle += m.flags[f]
			}
			meaning, _ := hj212.DataFlag(f).Meaning()
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %d %s", f, m.flags[f], meaning)))
		}
		base := func(n int64, most Text) args {
			return args{"n": count(m.measured), "share": percent(n, m.measured), "limit": most, "flags": listed(parts)}
		}
		if checks := &v.rules.Series; m.measured > 0 {
			if hand*100_000 > m.measured*milli(checks.ByHand) {
				report(s.finding(v, "", nil, base(hand, valueText(checks.ByHand))))
			}
			if idle*100_000 > m.measured*milli(checks.NotMeasured) {
				report(s.finding(v, "idle", nil, base(idle, valueText(checks.NotMeasured))))
			}
		}
	}),
})

var _ = register(spec{
	code: "MON_SETTING_CHANGED", severity: Warning,
	source: "HJ 212-2017 codes i13007 (intercept) and i13008 (slope): a change shifts every reading",
	title:  both("Slope or intercept changed", "斜率或截距被改动"),
	explain: both("The setting {code} ({what}) of {series} was changed {n} time(s), first from {from} to {to}.",
		"{series} 的参数 {code}（{what}）被改动 {n} 次，首次由 {from} 改为 {to}。"),
	cure: askStation,
	find: eachMonitor(func(v *view, s *series, m *monitor, report func(finding)) {
		for _, name := range m.order {
			t := m.settings[name]
			if t.changes == 0 {
				continue
			}
			what := both("intercept", "截距")
			if strings.HasPrefix(name, "i13008") {
				what = both("slope", "斜率")
			}
			report(s.finding(v, "", []*act{t.act}, args{"code": str(name), "what": what, "n": count(t.changes), "from": str(t.from), "to": str(t.to)}))
		}
	}),
})

var _ = register(spec{
	code: "MON_HOUR_INCOMPLETE", severity: Warning,
	source: "completeness of monitoring data: an hour needs 45 valid minutes; air.hour_minutes of the rule pack",
	title:  both("Hours with too few valid minutes", "小时有效数据不足"),
	explain: both("{n} of {all} whole hours of {series} have fewer than {limit} minutes with a valid figure; the poorest, {hour}, has {least}.",
		"{series} 的 {all} 个完整小时中有 {n} 个有效分钟数不足 {limit}；最少的 {hour} 仅有 {least} 分钟。"),
	cure: askStation,
	find: eachMonitor(findPoorHours),
})

// findPoorHours looks at the hours between the first and the last minute; those
// two are not whole. It has nothing to say of stations that report less often
// than every minute.
func findPoorHours(v *view, s *series, m *monitor, report func(finding)) {
	if s.minuteStep() != 60_000 || len(m.hours) == 0 {
		return
	}
	need := int(whole(v.rules.Air.HourMinutes))
	first, last := m.firstHour.Unix()/3600+1, m.lastHour.Unix()/3600
	poor, least, worst := int64(0), 61, int64(0)
	for h := first; h < last; h++ {
		if n := bits.OnesCount64(m.hours[hourKey(h)]); n < need {
			poor++
			if n < least {
				least, worst = n, h
			}
		}
	}
	if poor > 0 {
		hour := time.Unix(worst*3600, 0).In(hj212.Zone)
		report(s.finding(v, "", nil, args{"n": count(poor), "all": count(last - first), "limit": count(need), "hour": clock(hour), "least": count(least)}))
	}
}

// minuteStep is the usual interval of the series' minute data, 0 where it has none.
func (s *series) minuteStep() int64 {
	for _, p := range s.paces {
		if p.command == minuteData {
			return p.periodMS
		}
	}
	return 0
}

var _ = register(spec{
	code: "MON_HOUR_MEAN_DIFFERS", severity: Warning,
	source: "house rule, series.hour_mean of the rule pack: an hour's value is the mean of its minutes",
	title:  both("Hour values are not the mean of their minutes", "小时值与分钟均值不符"),
	explain: both("For {n} of {all} hours of {series} the value given for {item} differs from the mean of its minutes by more than {limit}; the furthest, {hour}, gives {given} where {minutes} minutes have a mean of {mean}.",
		"{series} 的 {item} 在 {all} 个小时中有 {n} 个小时值与分钟均值之差超过 {limit}；相差最大的 {hour} 报 {given}，而其 {minutes} 个分钟值的均值为 {mean}。"),
	cure: askStation,
	find: eachMonitor(findHourMeans),
})

func findHourMeans(v *view, s *series, m *monitor, report func(finding)) {
	need := whole(v.rules.Air.HourMinutes)
	keys := slices.SortedFunc(maps.Keys(m.means), func(a, b meanKey) int { return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.hour, b.hour)) })
	type outcome struct {
		all, n int64
		worst  meanKey
		by     decimal.Decimal
	}
	found := map[string]*outcome{}
	var items []string
	for _, k := range keys {
		h := m.means[k]
		if !h.hasHour || h.sum.count < need || h.sum.wide {
			continue
		}
		o := found[k.item]
		if o == nil {
			o = &outcome{}
			found[k.item], items = o, append(items, k.item)
		}
		o.all++
		if off, over := h.off(milli(v.rules.Series.HourMean)); over {
			if o.n == 0 || off.Cmp(o.by) > 0 {
				o.worst, o.by = k, off
			}
			o.n++
		}
	}
	for _, item := range items {
		if o := found[item]; o.n > 0 {
			h := m.means[o.worst]
			mean, _ := h.mean()
			report(s.finding(v, "", []*act{h.act}, args{"item": str(item), "n": count(o.n), "all": count(o.all), "limit": valueText(v.rules.Series.HourMean),
				"hour": clock(time.Unix(o.worst.hour*3600, 0).In(hj212.Zone)), "given": str(nanoDecimal(h.given).String()), "minutes": count(h.sum.count), "mean": str(mean.String())}))
		}
	}
}

// mean is the mean of an hour's minutes at six places.
func (h *hourMean) mean() (decimal.Decimal, bool) {
	total := h.sum.total()
	if total == nil {
		return decimal.Decimal{}, false
	}
	d, err := total.Quo(decimal.FromInt(h.sum.count), meanScale)
	return d, err == nil
}

// off is how far the given value is from the mean, and whether that is over a
// share of it in thousandths of a per cent. A station rounds what it reports, so
// one unit of the sixth place is never over.
func (h *hourMean) off(most int64) (decimal.Decimal, bool) {
	mean, ok := h.mean()
	m, okNano := toNano(&mean)
	if !ok || !okNano {
		return decimal.Decimal{}, false
	}
	by := distance(h.given, m)
	return nanoDecimal(by), by > mulDiv(distance(m, 0), most, 100_000)+pow10[cellScale-meanScale]
}
