package custody

import (
	"cmp"
	"slices"

	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "TIME_CLAIM_REFUTED", severity: Curable,
	source: "house rule: the proven interval outranks the claimed time; tolerance clock.offset of the rule pack",
	title:  both("Claimed time outside the proven interval", "自称时间超出已证明的区间"),
	explain: both("{n} events of device {device} claim to have been sealed before that was possible; the furthest, {event}, claims a time {by} before its lower bound of {bound}: {reason}.",
		"设备 {device} 的 {n} 个事件自称的封存时间早于可能的最早时间；其中 {event} 自称时间比下限 {bound} 早 {by}：{reason}。"),
	variants: map[string]Text{
		"late": both("{n} events of device {device} claim to have been sealed later than they can have been; the furthest, {event}, claims a time {by} after its upper bound of {bound}: {reason}.",
			"设备 {device} 的 {n} 个事件自称的封存时间晚于可能的最晚时间；其中 {event} 自称时间比上限 {bound} 晚 {by}：{reason}。"),
	},
	cure: both("Have the device's user explain the clock in a note; cite the proven interval and not the claimed time.",
		"由设备使用人以备注说明时钟情况；引用已证明的区间，不引用自称时间。"),
	find: findRefutedClaims,
})

func findRefutedClaims(v *view, report func(finding)) {
	tolerance := v.rules.Clock.Offset.Duration()
	for _, id := range v.caseDevices() {
		var early, late tally
		for _, a := range v.byDevice[id] {
			in := v.record.Intervals[a.ID]
			if in.Impossible {
				continue
			}
			if by := in.NotBefore.Sub(a.at); !in.NotBefore.IsZero() && by > tolerance {
				early.add(a, by)
			}
			if by := a.at.Sub(in.NotAfter); !in.NotAfter.IsZero() && by > tolerance {
				late.add(a, by)
			}
		}
		for i, t := range []*tally{&early, &late} {
			if t.n == 0 {
				continue
			}
			variant := [...]string{"", "late"}[i]
			in := v.record.Intervals[t.worst.ID]
			bound, reason := in.NotBefore, in.NotBeforeBy.Text(true)
			if variant == "late" {
				bound, reason = in.NotAfter, in.NotAfterBy.Text(false)
			}
			report(finding{variant: variant, acts: t.listed(), args: args{
				"device": v.deviceText(id), "n": count(t.n), "event": actText(t.worst), "by": span(t.by), "bound": clock(bound.In(t.worst.at.Location())), "reason": reason,
			}})
		}
	}
}

var _ = register(spec{
	code: "TIME_ORDER_IMPOSSIBLE", severity: Fatal,
	source: "house rule: an event cannot be sealed after it was received, nor before what it names",
	title:  both("Events in an impossible order", "事件先后顺序不可能成立"),
	explain: both("{event} must have been sealed after {before} ({why_before}), and before {after} ({why_after}). Both cannot be; {n} events are caught between these bounds.",
		"{event} 必须在 {before} 之后封存（{why_before}），又必须在 {after} 之前封存（{why_after}），两者不能同时成立；共有 {n} 个事件处于这一矛盾之间。"),
	variants: map[string]Text{
		"circle": both("{event} names {other} by its hash and must be the later one, yet by its device's chain it is the earlier one.",
			"{event} 以哈希指向 {other}，因而必须在后；但按其设备事件链，它却在先。"),
	},
	cure: both("Nothing in the record can cure this: the ledger's times, a checkpoint or a device's chain is false. Have the ledger and the witnesses examined.",
		"记录本身无法补正：账本时间、检查点或设备事件链必有一项不实。应对账本和见证方进行核查。"),
	unwaivable: true,
	find:       findImpossibleOrders,
})

func findImpossibleOrders(v *view, report func(finding)) {
	type pair struct{ lower, upper event.ID }
	seen := map[pair]*tally{}
	var pairs []pair
	for _, a := range v.acts {
		in := v.record.Intervals[a.ID]
		if !in.Impossible {
			continue
		}
		p := pair{cmp.Or(in.NotBeforeBy.Via, a.ID), cmp.Or(in.NotAfterBy.Via, a.ID)}
		if seen[p] == nil {
			seen[p] = &tally{}
			pairs = append(pairs, p)
		}
		seen[p].add(a, in.NotBefore.Sub(in.NotAfter))
	}
	for _, p := range pairs {
		t := seen[p]
		in := v.record.Intervals[t.worst.ID]
		report(finding{acts: append(t.listed(), v.byID[p.lower], v.byID[p.upper]), args: args{
			"event": actText(t.worst), "n": count(t.n),
			"before": clock(in.NotBefore), "why_before": in.NotBeforeBy.Text(true),
			"after": clock(in.NotAfter), "why_after": in.NotAfterBy.Text(false),
		}})
	}
	for _, c := range v.circles {
		report(finding{variant: "circle", acts: []*act{c.first, c.then}, args: args{"event": actText(c.then), "other": actText(c.first)}})
	}
}

var _ = register(spec{
	code: "INTERVAL_TOO_WIDE", severity: Warning, absence: true,
	source: "house rule, width clock.width of the rule pack",
	title:  both("Time proven only loosely", "时间证明区间过宽"),
	explain: both("{n} events of device {device} have a proven interval wider than {limit}; the widest, {event}, spans {width}.",
		"设备 {device} 的 {n} 个事件已证明的时间区间宽于 {limit}；最宽的 {event} 跨 {width}。"),
	variants: map[string]Text{
		"open": both("For {n} events of device {device} one side of the proven interval is open, the first being {event}. Not before: {not_before}. Not after: {not_after}.",
			"设备 {device} 的 {n} 个事件已证明的时间区间有一侧未定，首个为 {event}。下限：{not_before}。上限：{not_after}。"),
	},
	cure: both("What was sealed cannot be narrowed afterwards. Sync devices before and after field work, so that they embed a fresh checkpoint and are covered soon.",
		"已封存的事件事后无法收窄区间。外业前后均应同步设备，以内含新的检查点并尽早被账本覆盖。"),
	find: findWideIntervals,
})

// findWideIntervals has nothing to say where no checkpoint is known at all: then
// every interval is open, which the record shows, and no device is to blame.
func findWideIntervals(v *view, report func(finding)) {
	if len(v.in.Checkpoints) == 0 {
		return
	}
	for _, id := range v.caseDevices() {
		if v.people.authorities[id] != nil {
			continue // it keeps the ledger: its checkpoints are its own
		}
		var wide, open tally
		for _, a := range v.byDevice[id] {
			if !inCase(a) {
				continue
			}
			in := v.record.Intervals[a.ID]
			switch {
			case in.NotBefore.IsZero() || in.NotAfter.IsZero():
				open.add(a, 0)
			case in.NotAfter.Sub(in.NotBefore) > v.rules.Clock.Width.Duration():
				wide.add(a, in.NotAfter.Sub(in.NotBefore))
			}
		}
		if wide.n > 0 {
			report(finding{acts: wide.listed(), args: args{
				"device": v.deviceText(id), "n": count(wide.n), "event": actText(wide.worst), "width": span(wide.by), "limit": limit(v.rules.Clock.Width),
			}})
		}
		if open.n > 0 {
			lower, upper := v.record.Intervals[open.worst.ID].Reasons()
			report(finding{variant: "open", acts: open.listed(), args: args{
				"device": v.deviceText(id), "n": count(open.n), "event": actText(open.worst), "not_before": lower, "not_after": upper,
			}})
		}
	}
}

var _ = register(spec{
	code: "LATE_SYNC", severity: Warning,
	source: "house rule, limit clock.late_sync of the rule pack; presumption from registration on: 人民法院在线诉讼规则 arts 16-18",
	title:  both("Handed in late", "同步过迟"),
	explain: both("{n} events of device {device} reached the ledger more than {limit} after they were sealed by the device's clock; the longest delay is {delay}, of {event}, received {received}.",
		"设备 {device} 的 {n} 个事件在（按设备时钟）封存 {limit} 后才进入账本；最长延迟 {delay}，为 {event}，收到时间 {received}。"),
	cure: both("Record why the device could not sync (no network, no order to). What happened to the device before the events were received has to be shown by other means.",
		"记录设备未能同步的原因（如无网络）。事件被收到之前设备的保管情况须以其他方式证明。"),
	find: func(v *view, report func(finding)) {
		for _, id := range v.caseDevices() {
			var t tally
			for _, a := range v.byDevice[id] {
				if by := a.Received.Sub(v.best(a)); inCase(a) && !a.Received.IsZero() && by > v.rules.Clock.LateSync.Duration() {
					t.add(a, by)
				}
			}
			if t.n > 0 {
				report(finding{acts: t.listed(), args: args{
					"device": v.deviceText(id), "n": count(t.n), "limit": limit(v.rules.Clock.LateSync), "delay": span(t.by),
					"event": actText(t.worst), "received": clock(t.worst.Received.In(t.worst.at.Location())),
				}})
			}
		}
	},
})

var _ = register(spec{
	code: "TIMESTAMP_TOKEN_UNVERIFIED", severity: Warning,
	source: "RFC 3161; house rule: a token that is merely present proves nothing",
	title:  both("Timestamp token not verified", "时间戳未经验证"),
	explain: both("The RFC 3161 token of {authority} over checkpoint {size} did not verify: {detail}. It was not used for any interval.",
		"{authority} 对检查点 {size} 签发的 RFC 3161 时间戳未通过验证：{detail}。未用于任何时间区间。"),
	cure: both("Verify the token with the authority's certificate chain, or have the checkpoint stamped again.",
		"以时间戳机构的证书链重新验证，或对检查点重新加盖时间戳。"),
	find: func(v *view, report func(finding)) {
		last := slices.MaxFunc(append([]*act{{Entry: Entry{Index: -1}}}, v.acts...), func(a, b *act) int { return cmp.Compare(a.Index, b.Index) })
		for _, c := range v.in.Checkpoints {
			for _, t := range c.Tokens {
				if !t.Verified && last.Index >= 0 {
					ref := event.Ref{Kind: "case", ID: v.in.Case}
					report(finding{item: &ref, args: args{"authority": str(t.Authority), "size": count(c.Size), "detail": str(t.Detail)}})
				}
			}
		}
	},
})
