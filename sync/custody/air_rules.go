package custody

import (
	"fmt"
	"strings"
	"time"

	"fieldseal/sync/event"
)

// The checks of this file ask somebody to look at a series. Weather, distance and
// the instrument itself can cause every one of them; none says that anybody did
// anything.

// startOf and lastOf are when a series' readings began and ended: by their own
// times, or by the events around them where they have none.
func (v *view) startOf(s *series) time.Time {
	for _, g := range s.segments {
		if g.body.First != "" {
			return g.body.First.Time()
		}
	}
	return s.start.at
}

func (v *view) lastOf(s *series) time.Time {
	for i := len(s.segments) - 1; i >= 0; i-- {
		if t := s.segments[i].body.Last; t != "" {
			return t.Time()
		}
	}
	if s.end != nil {
		return s.end.at
	}
	return s.start.at
}

// at words the time of a reading; its row where it has none.
func (s *series) at(r reading) Text {
	if !r.timed {
		return both(fmt.Sprintf("row %d", r.row), fmt.Sprintf("第 %d 行", r.row))
	}
	t := time.UnixMilli(r.at)
	if s.body.Format == "hj212" || s.start.at.Location() != time.UTC {
		t = t.In(s.start.at.Location())
	} else {
		t = t.UTC()
	}
	return both(t.Format("2006-01-02 15:04:05 -07:00")+fmt.Sprintf(" (row %d)", r.row), t.Format("2006-01-02 15:04:05 -07:00")+fmt.Sprintf("（第 %d 行）", r.row))
}

// channelText names a track's channel, in HJ 212 with its command.
func (s *series) channelText(t *track) Text {
	name := s.body.Channels[t.channel].Name
	if t.command != "" {
		name += " (CN " + t.command + ")"
	}
	return str(name)
}

// amount words a reading with the channel's unit.
func (s *series) amount(t *track, n nano) Text {
	return str(strings.TrimSpace(nanoDecimal(n).String() + " " + s.body.Channels[t.channel].Unit))
}

// segmentAt is the act of the segment that holds a row of the series.
func (s *series) segmentAt(row int64) *act {
	seen := int64(0)
	for _, g := range s.segments {
		seen += g.body.Rows
		if row <= seen {
			return g.act
		}
	}
	return nil
}

// stretchFacts are the facts of a stretch of readings.
func (s *series) stretchFacts(t *track, w *worst) args {
	b := w.best
	return args{
		"channel": s.channelText(t), "n": count(w.count), "longest": count(b.n), "from": s.at(b.from), "to": s.at(b.to),
		"low": s.amount(t, b.low), "high": s.amount(t, b.high), "span": span(time.Duration(b.spanMS()) * time.Millisecond),
	}
}

// eachTrack reports for every track of every series what a check finds in it.
func eachTrack(check func(v *view, s *series, t *track) (args, []reading, bool)) finder {
	return func(v *view, report func(finding)) {
		for _, s := range v.series {
			for _, t := range s.tracks {
				facts, where, bad := check(v, s, t)
				if !bad {
					continue
				}
				var acts []*act
				for _, r := range where {
					acts = append(acts, s.segmentAt(r.row))
				}
				report(s.finding(v, "", acts, facts))
			}
		}
	}
}

// lookAtIt is the cure of a check that only asks for a look.
var lookAtIt = both("Compare with the wind, the instrument's log and a second instrument, and record in a note what explains it.",
	"对照风向、仪器日志和另一台仪器，并以备注说明原因。")

var _ = register(spec{
	code: "AIR_FLATLINE", severity: Warning,
	source: "EPA SENTINEL: the same non-zero value over 30 records; QARTOD flat line test; air.flatline_records of the rule pack",
	title:  both("Readings stand still", "读数长时间不变"),
	explain: both("Channel {channel} of {series} shows the same value, not zero, over at least {limit} records {n} time(s); the longest is {longest} records of {low}, from {from} to {to}. A sensor that is saturated, cut off or held reads like this, and so can a coarse scale in steady air.",
		"{series} 的通道 {channel} 有 {n} 处连续 {limit} 条以上记录为同一非零值；最长 {longest} 条，均为 {low}，自 {from} 至 {to}。传感器饱和、断开或被锁定时会如此，分辨率粗而空气稳定时亦可能如此。"),
	cure: lookAtIt,
	find: eachTrack(func(v *view, s *series, t *track) (args, []reading, bool) {
		f := s.stretchFacts(t, &t.flat.found)
		f["limit"] = count(t.flat.atLeast)
		return f, []reading{t.flat.found.best.from}, t.flat.found.count > 0
	}),
})

var _ = register(spec{
	code: "AIR_AT_DETECTION_LIMIT", severity: Warning,
	source: "judgement of abnormal monitoring data: long hovering at the detection limit; series.detection_band and series.detection_records of the rule pack",
	title:  both("Readings hover at the detection limit", "读数徘徊于检出限"),
	explain: both("Channel {channel} of {series} stays between {low} and {high}, about the detection limit of {ldl}, for {longest} records in a row, from {from} to {to}. Clean air reads like this, and so does an inlet that is closed.",
		"{series} 的通道 {channel} 连续 {longest} 条记录处于 {low} 至 {high} 之间，徘徊于检出限 {ldl} 附近，自 {from} 至 {to}。空气洁净时会如此，进气口关闭时亦会如此。"),
	cure: lookAtIt,
	find: eachTrack(func(v *view, s *series, t *track) (args, []reading, bool) {
		f := s.stretchFacts(t, &t.limit.found)
		if s.instrument != nil {
			f["ldl"] = num(s.instrument.LDL, s.instrument.Unit)
		}
		return f, []reading{t.limit.found.best.from}, t.limit.found.count > 0
	}),
})

var _ = register(spec{
	code: "AIR_LOW_VARIATION", severity: Warning,
	source: "judgement of abnormal monitoring data: variation below 2 % of the range for long; QARTOD attenuated signal test; series.quiet_range and series.quiet_time of the rule pack",
	title:  both("Readings vary too little", "读数变化幅度过小"),
	explain: both("Channel {channel} of {series} varies only between {low} and {high} over {span} ({longest} records, from {from} to {to}), less than {limit} of the instrument's range.",
		"{series} 的通道 {channel} 在 {span} 内（{longest} 条记录，自 {from} 至 {to}）仅在 {low} 至 {high} 之间变化，小于仪器量程的 {limit}。"),
	cure: lookAtIt,
	find: eachTrack(func(v *view, s *series, t *track) (args, []reading, bool) {
		f := s.stretchFacts(t, &t.quiet.found)
		f["limit"] = valueText(v.rules.Series.QuietRange)
		return f, []reading{t.quiet.found.best.from}, t.quiet.found.count > 0
	}),
})

var _ = register(spec{
	code: "AIR_STEP", severity: Warning,
	source: "QARTOD rate of change test; air.step_range and series.level_factor of the rule pack",
	title:  both("Readings jump", "读数突变"),
	explain: both("Channel {channel} of {series} jumps {n} time(s) between neighbouring records by more than {limit} of the instrument's range; the largest jump is from {low} to {high}, from {from} to {to}.",
		"{series} 的通道 {channel} 相邻记录之间有 {n} 次突变超过仪器量程的 {limit}；最大一次由 {low} 变为 {high}，自 {from} 至 {to}。"),
	variants: map[string]Text{
		"level": both("The level of channel {channel} of {series} changes for good {n} time(s), by more than {limit} times the usual scatter; first from {low} to {high}, between {from} and {to}. A change of site, zero or scale reads like this, and so does a source that starts or stops.",
			"{series} 的通道 {channel} 基线有 {n} 次持续性改变，超过通常离散程度的 {limit} 倍；首次由 {low} 变为 {high}，介于 {from} 与 {to} 之间。更换点位、调零或改变量程会如此，污染源启停亦会如此。"),
	},
	cure: lookAtIt,
	find: findSteps,
})

func findSteps(v *view, report func(finding)) {
	for _, s := range v.series {
		for _, t := range s.tracks {
			if t.jumps > 0 {
				a, b := t.largest[0], t.largest[1]
				report(s.finding(v, "", []*act{s.segmentAt(b.row)}, args{"channel": s.channelText(t), "n": count(t.jumps), "limit": valueText(v.rules.Air.StepRange),
					"low": s.amount(t, a.v), "high": s.amount(t, b.v), "from": s.at(a), "to": s.at(b)}))
			}
			if t.steps.count > 0 {
				a, b := t.steps.found[0].before, t.steps.found[0].after
				report(s.finding(v, "level", []*act{s.segmentAt(b.first.row)}, args{"channel": s.channelText(t), "n": count(t.steps.count), "limit": count(whole(v.rules.Series.LevelFactor)),
					"low": s.amount(t, a.median), "high": s.amount(t, b.median), "from": s.at(a.last), "to": s.at(b.first)}))
			}
		}
	}
}

var _ = register(spec{
	code: "AIR_REPEATED_BLOCK", severity: Warning,
	source: "house rule, series.repeat_records of the rule pack: long stretches of a varying signal do not repeat value for value",
	title:  both("A stretch of readings occurs twice", "读数区段重复出现"),
	explain: both("In channel {channel} of {series} {n} stretch(es) of at least {limit} varying readings occur again value for value; the first, of about {longest}, from {from}, comes again at {to}. An export that holds rows twice does this, and so does a recording that is played back.",
		"{series} 的通道 {channel} 有 {n} 处连续 {limit} 个以上变化的读数逐值重复出现；首处约 {longest} 个，始于 {from}，于 {to} 再次出现。导出文件含重复行时会如此，回放旧数据时亦会如此。"),
	cure: lookAtIt,
	find: eachTrack(func(v *view, s *series, t *track) (args, []reading, bool) {
		if t.repeats.count == 0 {
			return nil, nil, false
		}
		r := t.repeats.found[0]
		return args{"channel": s.channelText(t), "n": count(t.repeats.count), "limit": count(t.repeats.atLeast), "longest": count(r.n),
			"from": s.at(r.original), "to": s.at(r.copy)}, []reading{r.original, r.copy}, true
	}),
})

var _ = register(spec{
	code: "AIR_DIGIT_HEAPING", severity: Warning,
	source: "house rule, series.digit_records and series.digit_chi_squared of the rule pack; digit tests are weak and never enough by themselves",
	title:  both("Last digits are not spread", "末位数字分布不均"),
	explain: both("Of {n} changing readings in channel {channel} of {series}, {top} end in {digit}, written with {places} decimal places (chi-squared {chi}, limit {limit}). An instrument with coarse steps does this by itself.",
		"{series} 的通道 {channel} 在 {n} 个变化读数中（保留 {places} 位小数），有 {top} 个末位为 {digit}（卡方值 {chi}，限值 {limit}）。步进较粗的仪器本身即会如此。"),
	cure: both("Compare with the instrument's resolution; see whether other series of the same instrument do the same.", "对照仪器分辨率，并查看同一仪器的其他序列是否相同。"),
	find: eachTrack(func(v *view, s *series, t *track) (args, []reading, bool) {
		most, d := whole(v.rules.Series.DigitChiSquared), &t.digits
		chi := d.chiSquared() / 1000
		digit, n := d.top()
		return args{"channel": s.channelText(t), "n": count(d.n), "top": percent(n, d.n), "digit": count(digit), "places": count(d.scale),
			"chi": count(chi), "limit": count(most)}, nil, d.n >= whole(v.rules.Series.DigitRecords) && chi > most && !d.stepped()
	}),
})

var _ = register(spec{
	code: "AIR_GAP", severity: Warning,
	source: "QARTOD time gap test; air.gap_factor of the rule pack",
	title:  both("Gaps in the readings", "读数有间断"),
	explain: both("{series} pauses {n} time(s) for more than {limit} times its usual interval of {period}; {missing} are missing together, the longest from {from} to {to}.",
		"{series} 有 {n} 次间断超过通常间隔 {period} 的 {limit} 倍；合计缺 {missing}，最长一次自 {from} 至 {to}。"),
	variants: map[string]Text{
		"segments": both("Of {series} the segments {list} are not here.", "{series} 缺少第 {list} 段。"),
		"rows": both("{series} ended with {says} rows in {segments} segments by its own account; the segments hold {reads} rows.",
			"{series} 结束时自述共 {segments} 段 {says} 行；各段实有 {reads} 行。"),
	},
	cure: both("Record in a note why the instrument paused; sync the device if segments are still on it.", "以备注说明仪器中断原因；如设备上仍有未同步的区段，予以同步。"),
	find: findAirGaps,
})

func findAirGaps(v *view, report func(finding)) {
	for _, s := range v.series {
		for _, p := range s.paces {
			if p.gaps > 0 {
				report(s.finding(v, "", []*act{s.segmentAt(p.longest[0].row), s.segmentAt(p.longest[1].row)}, args{
					"n": count(p.gaps), "limit": count(whole(v.rules.Air.GapFactor)), "period": span(time.Duration(p.periodMS) * time.Millisecond),
					"missing": span(time.Duration(p.missingMS) * time.Millisecond), "from": s.at(p.longest[0]), "to": s.at(p.longest[1])}))
			}
		}
		s.findMissingSegments(v, report)
	}
}

func (s *series) findMissingSegments(v *view, report func(finding)) {
	missing := s.missing()
	if len(missing) > 0 {
		var parts []string
		for _, m := range missing[:min(len(missing), maxListed)] {
			if m.From == m.To {
				parts = append(parts, fmt.Sprint(m.From))
			} else {
				parts = append(parts, fmt.Sprintf("%d–%d", m.From, m.To))
			}
		}
		var acts []*act
		if len(s.segments) > 0 {
			acts = []*act{s.segments[len(s.segments)-1].act}
		}
		f := s.finding(v, "segments", acts, args{"list": listed(parts)})
		f.absent = true
		report(f)
		return
	}
	if s.ended != nil && (s.ended.Rows != s.rows || s.ended.Segments != int64(len(s.segments))) {
		report(s.finding(v, "rows", []*act{s.end}, args{"says": count(s.ended.Rows), "segments": count(s.ended.Segments), "reads": count(s.rows)}))
	}
}

var _ = register(spec{
	code: "AIR_TIME_DISORDER", severity: Warning,
	source:  "QARTOD; house rule: an instrument's clock does not go back",
	title:   both("Times of the readings go back", "读数时间倒退"),
	explain: both("The times of the records of {series} go back {n} time(s), first from {from} to {to}.", "{series} 的记录时间倒退 {n} 次，首次由 {from} 退至 {to}。"),
	variants: map[string]Text{
		"twice": both("{n} segment number(s) of {series} were sealed twice, the first being number {number}; the first one sealed was used.",
			"{series} 有 {n} 个段号被封存两次，首个为第 {number} 段；采用先封存者。"),
		"future": both("{n} segment(s) of {series} hold readings dated later than they were sealed, by up to {by}, in {event}; {limit} is the most that clocks may differ.",
			"{series} 有 {n} 段所含读数的时间晚于其封存时间，最多晚 {by}（{event}）；时钟容差为 {limit}。"),
	},
	cure: both("Record in a note what set the instrument's clock back, or why a segment was sealed again.", "以备注说明仪器时钟回拨或区段重复封存的原因。"),
	find: func(v *view, report func(finding)) {
		for _, s := range v.series {
			for _, p := range s.paces {
				if p.backwards > 0 {
					report(s.finding(v, "", []*act{s.segmentAt(p.firstBack[1].row)}, args{"n": count(p.backwards), "from": s.at(p.firstBack[0]), "to": s.at(p.firstBack[1])}))
				}
			}
			if f := &s.future; f.n > 0 {
				report(s.finding(v, "future", f.listed(), args{"n": count(f.n), "by": span(f.by), "event": actText(f.worst), "limit": limit(v.rules.Clock.Offset)}))
			}
			if len(s.twice) > 0 {
				report(s.finding(v, "twice", s.twice[:min(len(s.twice), maxListed)], args{"n": count(len(s.twice)), "number": count(s.twice[0].Body.(*event.AirSegment).N)}))
			}
		}
	},
})
