package custody

import (
	"time"

	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "DEVICE_CLOCK_JUMP", severity: Curable,
	source: "house rule, tolerance clock.jump of the rule pack",
	title:  both("A device's clock jumped", "设备时钟跳变"),
	explain: both("The wall clock of device {device} moved against its own running time {n} times by more than {limit}; the largest step was {step}, between {from} and {to}.",
		"设备 {device} 的墙上时钟相对其自身运行时间跳变 {n} 次，超过 {limit}；最大一次为 {step}，发生在 {from} 与 {to} 之间。"),
	variants: map[string]Text{
		"backwards": both("Along the chain of device {device} the wall clock went backwards {n} times by more than {limit} without a running time that spans it; the largest step was {step}, between {from} and {to}.",
			"设备 {device} 的事件链上，墙上时钟倒退 {n} 次，超过 {limit}，且没有可跨越该处的运行时间；最大一次为 {step}，发生在 {from} 与 {to} 之间。"),
		"corrected": both("The wall clock of device {device} was set {n} times to what the server's clock had shown it to be off; the largest step was {step}, between {from} and {to}.",
			"设备 {device} 的墙上时钟 {n} 次按服务器显示的偏差被校正；最大一次为 {step}，发生在 {from} 与 {to} 之间。"),
		"running": both("The running time of device {device} went backwards {n} times within one boot, which no working device does; first between {from} and {to}.",
			"设备 {device} 在同一次开机内运行时间倒退 {n} 次，正常设备不会如此；首次发生在 {from} 与 {to} 之间。"),
	},
	cure: both("Have the device's user state in a note what happened to the clock, and rely on the proven interval of each event instead of the claimed time.",
		"由设备使用人以备注说明时钟变动原因；时间以各事件已证明的区间为准，不以设备自称时间为准。"),
	find: findClockJumps,
})

// clockStep is a step of the wall clock between two neighbours of a chain.
type clockStep struct {
	from, to *act
	by       time.Duration
}

// clockSteps counts the steps of one kind and keeps the largest.
type clockSteps struct {
	tally
	largest clockStep
}

func (c *clockSteps) take(s clockStep) {
	if c.n == 0 || s.by.Abs() > c.largest.by.Abs() {
		c.largest = s
	}
	c.add(s.to, s.by.Abs())
}

func findClockJumps(v *view, report func(finding)) {
	for _, id := range v.caseDevices() {
		kinds := map[string]*clockSteps{}
		var sighted *event.ClockObserved
		chain := v.byDevice[id]
		for i, a := range chain {
			if i > 0 {
				kind, s := v.clockStep(chain[i-1], a)
				if kind == "" && s.by != 0 && corrects(s.by, sighted, v.rules.Clock.Jump.Duration()) {
					kind = "corrected"
				}
				if s.by != 0 {
					if kinds[kind] == nil {
						kinds[kind] = &clockSteps{}
					}
					kinds[kind].take(s)
				}
			}
			if b, ok := a.Body.(*event.ClockObserved); ok {
				sighted = b
			}
		}
		for _, kind := range []string{"", "backwards", "corrected", "running"} {
			if c := kinds[kind]; c != nil {
				report(finding{variant: kind, acts: append(c.listed(), c.largest.from), args: args{
					"device": v.deviceText(id), "n": count(c.n), "limit": limit(v.rules.Clock.Jump),
					"step": span(c.largest.by), "from": actText(c.largest.from), "to": actText(c.largest.to),
				}})
			}
		}
	}
}

// clockStep compares two neighbours of a chain. Within a boot the wall clock must
// run as the running time does; across boots it must not go backwards.
func (v *view) clockStep(a, b *act) (kind string, s clockStep) {
	tolerance := v.rules.Clock.Jump.Duration()
	shown := b.at.Sub(a.at)
	x, y := a.Event.Clock, b.Event.Clock
	if x.Boot.IsZero() || x.Boot != y.Boot || max(x.MonoMS, y.MonoMS) > maxClockMS {
		if shown < -tolerance {
			return "backwards", clockStep{a, b, shown}
		}
		return "", clockStep{}
	}
	ran := time.Duration(y.MonoMS-x.MonoMS) * time.Millisecond
	if ran < 0 {
		return "running", clockStep{a, b, ran}
	}
	if by := shown - ran; by.Abs() > tolerance+ran/1_000_000*driftPPM {
		return "", clockStep{a, b, by}
	}
	return "", clockStep{}
}

// corrects reports whether a step is the one that the last comparison with the server asked for.
func corrects(by time.Duration, sighted *event.ClockObserved, tolerance time.Duration) bool {
	if sighted == nil || sighted.OffsetMS > maxClockMS || sighted.OffsetMS < -maxClockMS {
		return false
	}
	return (by - time.Duration(sighted.OffsetMS)*time.Millisecond).Abs() <= tolerance
}

var _ = register(spec{
	code: "DEVICE_CLOCK_OFFSET", severity: Warning,
	source: "house rule, tolerance clock.offset of the rule pack",
	title:  both("A device's clock was off", "设备时钟有偏差"),
	explain: both("Device {device} found its clock {step} {side} the server's at a sync ({event}), over the limit of {limit}; {n} of its comparisons were over.",
		"设备 {device} 在同步时发现其时钟比服务器{side} {step}（{event}），超过 {limit}；共有 {n} 次比对超限。"),
	cure: both("Set the device's clock; for the events sealed meanwhile use the estimated time and the proven interval.",
		"校准设备时钟；其间封存的事件以估计时间和已证明的区间为准。"),
	find: func(v *view, report func(finding)) {
		for _, id := range v.caseDevices() {
			var t tally
			var offset time.Duration
			for _, a := range v.byDevice[id] {
				b, ok := a.Body.(*event.ClockObserved)
				if !ok || b.OffsetMS > maxClockMS || b.OffsetMS < -maxClockMS {
					continue
				}
				o := time.Duration(b.OffsetMS) * time.Millisecond
				if o.Abs() <= v.rules.Clock.Offset.Duration() {
					continue
				}
				if t.worst == nil || o.Abs() > t.by {
					offset = o
				}
				t.add(a, o.Abs())
			}
			if t.n == 0 {
				continue
			}
			side := both("behind", "慢")
			if offset < 0 {
				side = both("ahead of", "快")
			}
			report(finding{acts: t.listed(), args: args{
				"device": v.deviceText(id), "step": span(offset), "side": side, "event": actText(t.worst),
				"limit": limit(v.rules.Clock.Offset), "n": count(t.n),
			}})
		}
	},
})
