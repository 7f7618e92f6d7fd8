package custody

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// The quarantine codes of a device's chain, and those of its key. Those of the
// chain are of package reconcile, which this one does not import.
var (
	chainCodes = []seal.Code{"FORK", "CHAIN_BROKEN", "UUID_REUSED"}
	keyCodes   = []seal.Code{"REVOKED_KEY", "GENESIS_MISMATCH", "NOT_AUTHORITY", seal.CodeUnknownDevice, seal.CodeUnknownKey, seal.CodeWrongKey, seal.CodeBadSignature}
)

var _ = register(spec{
	code: "LEDGER_FORK_OR_GAP", severity: Fatal,
	source: "house rule: a device's chain has no hole and no second branch",
	title:  both("Fork or gap in a chain", "事件链分叉或缺失"),
	explain: both("Of device {device}, which sealed events of this case, {n} lines were quarantined because they contradict its chain ({codes}): two versions of one history exist. First: ledger index {index}, claiming event {seq} of the chain. {settled}",
		"设备 {device} 曾封存本案事件，其 {n} 行数据因与事件链矛盾（{codes}）被隔离：同一历史存在两个版本。首个为账本索引 {index}，自称为链上第 {seq} 个事件。{settled}"),
	variants: map[string]Text{
		"gap": both("Device {device} has sealed events that have not arrived: the {n} events from number {first} on wait for number {missing}, the oldest of them for {age}, over the limit of {limit}.",
			"设备 {device} 有已封存但未到达的事件：自第 {first} 号起的 {n} 个事件在等待第 {missing} 号，最久已等待 {age}，超过 {limit}。"),
		"links": both("In the chain of device {device}, {event} is numbered right after {other} but does not name it as its predecessor.",
			"在设备 {device} 的事件链中，{event} 的序号紧接 {other}，却未以其为前一事件。"),
		"checkpoint": both("{event} embeds a checkpoint of size {size} whose root is {seen}; the ledger shown here has another root ({shown}) at that size. The ledger was shown in two versions.",
			"{event} 内含大小为 {size} 的检查点，其根为 {seen}；而此处出示的账本在该大小处的根为 {shown}。账本存在两个版本。"),
	},
	cure: both("Secure the device, read out its store, and establish which version is the true one before relying on any event of it.",
		"封存该设备并读取其存储，在查明何者为真之前不依赖其任何事件。"),
	cures: map[string]Text{
		"gap": both("Sync the device, or read the missing events out of its store and hand them in.", "同步该设备，或从其存储中读出缺失的事件并提交。"),
		"checkpoint": both("Have the ledger's keeper and the witnesses produce both checkpoints; until then the ledger's times prove nothing.",
			"要求账本保管方和见证方出示两个检查点；在此之前账本时间不具证明力。"),
	},
	find: findForksAndGaps,
})

func findForksAndGaps(v *view, report func(finding)) {
	findForks(v, report)
	for _, id := range v.caseDevices() {
		v.findGap(id, report)
		v.findBrokenLinks(id, report)
	}
	v.findOtherRoots(report)
}

// findForks reports the quarantined lines of devices that sealed events of the case.
func findForks(v *view, report func(finding)) {
	devices := v.caseDevices()
	for _, g := range v.quarantined(chainCodes) {
		if !slices.Contains(devices, g.device) {
			continue
		}
		first := g.lines[0]
		f := finding{args: args{
			"device": v.deviceText(g.device), "n": count(len(g.lines)), "codes": str(g.codes()), "index": count(first.Index),
			"seq": count(first.Claimed.Seq), "settled": v.settledText(g.lines),
		}}
		for _, a := range v.byDevice[g.device] {
			if slices.ContainsFunc(g.lines, func(q QuarantinedEntry) bool { return q.Claimed.Seq == a.Event.Seq }) && len(f.acts) < maxListed {
				f.acts = append(f.acts, a)
			}
		}
		if len(f.acts) == 0 {
			f.acts = v.byDevice[g.device][len(v.byDevice[g.device])-1:]
		}
		report(f)
	}
}

// quarantinedGroup is the quarantined lines that claim to be of one device.
type quarantinedGroup struct {
	device event.UUID
	lines  []QuarantinedEntry
}

// codes lists the group's codes, each once.
func (g *quarantinedGroup) codes() string {
	var list []string
	for _, q := range g.lines {
		list = append(list, string(q.Code))
	}
	slices.Sort(list)
	return listed(slices.Compact(list)).EN
}

// quarantined gathers the lines of some codes that claim the case or a device of
// it, by claimed device, in ledger order.
func (v *view) quarantined(codes []seal.Code) []quarantinedGroup {
	devices := v.caseDevices()
	byDevice := map[event.UUID]*quarantinedGroup{}
	var groups []*quarantinedGroup
	for _, q := range v.in.Quarantine {
		ours := q.Claimed.Case == v.in.Case && !q.Claimed.Case.IsZero() || slices.Contains(devices, q.Claimed.Device)
		if !ours || !slices.Contains(codes, q.Code) {
			continue
		}
		g := byDevice[q.Claimed.Device]
		if g == nil {
			g = &quarantinedGroup{device: q.Claimed.Device}
			byDevice[g.device], groups = g, append(groups, g)
		}
		g.lines = append(g.lines, q)
	}
	out := make([]quarantinedGroup, 0, len(groups))
	for _, g := range groups {
		slices.SortFunc(g.lines, func(a, b QuarantinedEntry) int { return cmp.Compare(a.Index, b.Index) })
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b quarantinedGroup) int { return bytes.Compare(a.device[:], b.device[:]) })
	return out
}

// settledText says what a supervisor decided about quarantined lines.
func (v *view) settledText(lines []QuarantinedEntry) Text {
	settled := map[int64]Text{}
	for a, b := range each[*event.QuarantineSettled](v) {
		if b.Index >= a.Index {
			continue // carried over from a former log, whose places are other ones
		}
		settled[b.Index] = both(fmt.Sprintf("%d: %s by %s (%s)", b.Index, b.Resolution, v.personName(a.Event.Actor), b.Reason),
			fmt.Sprintf("%d：%s，由 %s 作出（%s）", b.Index, b.Resolution, v.personName(a.Event.Actor), b.Reason))
	}
	var parts []Text
	for _, q := range lines {
		if t, ok := settled[q.Index]; ok && len(parts) < maxListed {
			parts = append(parts, t)
		}
	}
	if len(parts) == 0 {
		return both("Nobody has decided on them yet.", "尚无人作出处理决定。")
	}
	t := listedTexts(parts)
	return both("Decided: "+t.EN+".", "已作出处理："+t.ZH+"。")
}

// waiting gathers the pending acts of a device's chain.
func (v *view) waiting(id event.UUID) (t tally, first *act, missing int64) {
	before := int64(0)
	for _, a := range v.byDevice[id] {
		if !a.Pending {
			before = a.Event.Seq
			continue
		}
		if first == nil {
			first, missing = a, before+1
		}
		t.add(a, v.now.Sub(a.Received))
	}
	return t, first, missing
}

// findGap reports events that have been waiting for a missing one for too long.
func (v *view) findGap(id event.UUID, report func(finding)) {
	t, first, missing := v.waiting(id)
	if t.n == 0 || t.by <= v.rules.Clock.LateSync.Duration() {
		return
	}
	report(finding{variant: "gap", acts: t.listed(), args: args{
		"device": v.deviceText(id), "n": count(t.n), "first": count(first.Event.Seq), "missing": count(missing),
		"age": span(t.by), "limit": limit(v.rules.Clock.LateSync),
	}})
}

// findBrokenLinks reports neighbours in number that are not neighbours by hash.
func (v *view) findBrokenLinks(id event.UUID, report func(finding)) {
	chain := v.byDevice[id]
	for i := 1; i < len(chain); i++ {
		a, b := chain[i-1], chain[i]
		if b.Event.Seq <= a.Event.Seq+1 && b.Event.Prev != a.ID {
			report(finding{variant: "links", acts: []*act{a, b}, args: args{"device": v.deviceText(id), "event": actText(b), "other": actText(a)}})
		}
	}
}

// findOtherRoots reports checkpoints that devices embedded and that contradict
// the ledger shown: each device is a witness of the ledger.
func (v *view) findOtherRoots(report func(finding)) {
	roots := make(map[int64]event.Root, len(v.in.Checkpoints))
	for _, c := range v.in.Checkpoints {
		roots[c.Size] = c.Root
	}
	reported := map[event.Root]bool{}
	for _, a := range v.acts {
		seen := a.Event.Seen
		if seen == nil || reported[seen.Root] || !v.ourLog(seen.Origin) {
			continue
		}
		if root, ok := roots[seen.Size]; ok && root != seen.Root {
			reported[seen.Root] = true
			report(finding{variant: "checkpoint", acts: []*act{a}, args: args{
				"event": actText(a), "size": count(seen.Size), "seen": str(seen.Root.String()), "shown": str(root.String()),
			}})
		}
	}
}

// ourLog reports whether a log's name is that of this ledger, as far as that is known.
func (v *view) ourLog(origin string) bool {
	for _, a := range v.people.authorities {
		if a.LogOrigin == origin {
			return true
		}
	}
	return len(v.people.authorities) == 0
}

var _ = register(spec{
	code: "EVENT_PENDING", severity: Curable,
	source: "house rule: out of order is accepted and shown as waiting",
	title:  both("Events wait for earlier ones", "事件等待在先事件"),
	explain: both("{n} events of device {device} were accepted before event {missing} of its chain, which is not here yet. Until it is, their order after it is not proven.",
		"设备 {device} 的 {n} 个事件在其链上第 {missing} 号事件到达之前已被接受，该事件尚未到达；在其到达之前，先后顺序未获证明。"),
	cure: both("Sync the device.", "同步该设备。"),
	find: func(v *view, report func(finding)) {
		for _, id := range v.caseDevices() {
			if t, _, missing := v.waiting(id); t.n > 0 {
				report(finding{acts: t.listed(), args: args{"device": v.deviceText(id), "n": count(t.n), "missing": count(missing)}})
			}
		}
	},
})

var _ = register(spec{
	code: "KEY_REVOKED_OR_UNKNOWN", severity: Fatal,
	source: "house rule: only an enrolled key that was not revoked seals evidence",
	title:  both("Key revoked, unknown or not the device's", "密钥已吊销、未登记或不属于该设备"),
	explain: both("{n} lines that claim this case or one of its devices were quarantined because of their key or signature ({codes}); they claim device {device}. They are no evidence. First: ledger index {index}. {settled}",
		"{n} 行自称属于本案或其设备的数据因密钥或签名问题（{codes}）被隔离，自称来自设备 {device}，不作为证据。首个为账本索引 {index}。{settled}"),
	variants: map[string]Text{
		"revoked": both("The key of device {device} was revoked at {revoked} ({reason}); {n} events of the case were sealed by it in the {window} before, the last one {event}. Who had the device then has to be shown.",
			"设备 {device} 的密钥于 {revoked} 被吊销（{reason}）；此前 {window} 内由其封存本案事件 {n} 个，最后一个为 {event}。当时设备由谁掌握须予证明。"),
		"unknown": both("{n} events of device {device} carry a key under which no enrolment of that device is shown here, the first being {event}.",
			"设备 {device} 的 {n} 个事件所用密钥在此未见该设备的登记，首个为 {event}。"),
	},
	cure: both("Find out who sealed them and on what; what is genuine is recorded anew by an enrolled device, with a note.",
		"查明由何人、以何设备封存；属实者由已登记设备重新记录并附说明。"),
	cures: map[string]Text{
		"revoked": both("Have the person whom the device belonged to confirm each of these events in a note sealed by a device of theirs that is in good standing.",
			"由设备所属人员以其现行有效的设备封存备注，逐一确认上述事件。"),
		"unknown": both("Add the authority's enrolment of the device to what is shown.", "补充出示登记机关对该设备的登记事件。"),
	},
	find: findBadKeys,
})

func findBadKeys(v *view, report func(finding)) {
	for _, g := range v.quarantined(keyCodes) {
		ref := event.Ref{Kind: "case", ID: v.in.Case}
		report(finding{item: &ref, args: args{
			"device": v.deviceText(g.device), "n": count(len(g.lines)), "codes": str(g.codes()),
			"index": count(g.lines[0].Index), "settled": v.settledText(g.lines),
		}})
	}
	for a, b := range eachOriginal[*event.DeviceRevoked](v) {
		v.findNearRevocation(a, b, report)
	}
	for _, id := range v.caseDevices() {
		var t tally
		for _, a := range v.byDevice[id] {
			if inCase(a) && !v.keyKnown(a) {
				t.add(a, 0)
			}
		}
		if t.n > 0 {
			report(finding{variant: "unknown", absent: true, acts: t.listed(), args: args{"device": v.deviceText(id), "n": count(t.n), "event": actText(t.worst)}})
		}
	}
}

// findNearRevocation reports events sealed shortly before their key was revoked:
// the reason for a revocation is as a rule older than the revocation.
func (v *view) findNearRevocation(revoked *act, b *event.DeviceRevoked, report func(finding)) {
	window := v.rules.Clock.RevocationWindow.Duration()
	var t tally
	var last *act
	for _, a := range v.byDevice[b.Device] {
		if !inCase(a) || event.Digest(a.Key) != b.Key && !a.Key.IsZero() {
			continue
		}
		sealed := v.best(a)
		if in := v.record.Intervals[a.ID]; !in.NotAfter.IsZero() && in.NotAfter.Before(sealed) {
			sealed = in.NotAfter
		}
		if revoked.at.Sub(sealed) <= window {
			t.add(a, 0)
			last = a
		}
	}
	if t.n > 0 {
		report(finding{variant: "revoked", acts: append([]*act{revoked}, t.listed()...), args: args{
			"device": v.deviceText(b.Device), "revoked": clock(revoked.at), "reason": str(b.Reason), "n": count(t.n),
			"window": limit(v.rules.Clock.RevocationWindow), "event": actText(last),
		}})
	}
}

// keyKnown reports whether the key that sealed an act is enrolled for its device,
// or is the authority's own.
func (v *view) keyKnown(a *act) bool {
	if g := v.people.authorities[a.Event.Device]; g != nil {
		return event.Digest(a.Key) == g.Key.ID
	}
	for _, e := range v.people.devices[a.Event.Device] {
		if event.Digest(a.Key) == e.body.Key.ID {
			return true
		}
	}
	return false
}
