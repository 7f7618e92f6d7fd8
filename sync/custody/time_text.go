package custody

import (
	"fmt"

	"fieldseal/sync/event"
)

// Text says in words what a bound rests on; empty where there is no bound.
// lower tells a lower bound (the event was sealed after) from an upper one.
func (b Basis) Text(lower bool) Text {
	t := b.fact(lower)
	if t.IsZero() || b.Via.IsZero() {
		return t
	}
	via := both("event "+shortID(b.Via), "事件 "+shortID(b.Via))
	how := both("and hashes lead from one to the other without a break", "两事件之间的哈希链没有中断")
	if b.Path == PathSequence {
		how = both("by the sequence numbers that the ledger accepted, events in between not being in this record", "依据账本已接受的序号，其间的事件不在本记录中")
	}
	if lower {
		return both(t.EN+"; inherited from "+via.EN+", which came before, "+how.EN, t.ZH+"；承自在先的"+via.ZH+"，"+how.ZH)
	}
	return both(t.EN+"; inherited from "+via.EN+", which came after, "+how.EN, t.ZH+"；承自在后的"+via.ZH+"，"+how.ZH)
}

func (b Basis) fact(lower bool) Text {
	size := fmt.Sprint(b.Size)
	switch {
	case b.Kind == ByWitness && lower:
		return both("it embeds checkpoint "+size+", which a quorum of witnesses had cosigned at that time", "内含检查点 "+size+"，该检查点当时已由法定数量的见证方联署")
	case b.Kind == ByCheckpoint && lower:
		return both("it embeds checkpoint "+size+", which the ledger dates to that time (the ledger's own word)", "内含检查点 "+size+"，其时间由账本自行标注（仅为账本自述）")
	case b.Kind == ByReceipt && lower:
		return both("it embeds the root of checkpoint "+size+", whose newest known entry the server received at that time (the server's own word)", "内含检查点 "+size+" 的根，该检查点所含最新已知条目由服务器于此时收到（仅为服务器自述）")
	case b.Kind == ByWitness:
		return both("checkpoint "+size+", cosigned by a quorum of witnesses, covers it", "检查点 "+size+"（经法定数量见证方联署）已包含该事件")
	case b.Kind == ByToken && !lower:
		return both("checkpoint "+size+", under a verified RFC 3161 token, covers it", "检查点 "+size+"（附已验证的 RFC 3161 时间戳）已包含该事件")
	case b.Kind == ByCheckpoint:
		return both("checkpoint "+size+", dated by the ledger itself, covers it (the ledger's own word)", "检查点 "+size+" 已包含该事件，其时间由账本自行标注（仅为账本自述）")
	case b.Kind == ByReceipt:
		return both("the server says that it received it then (the server's own word)", "服务器称于此时收到（仅为服务器自述）")
	}
	return Text{}
}

// Reasons says in words what both bounds rest on, and where there is none that
// the side is open.
func (in Interval) Reasons() (notBefore, notAfter Text) {
	notBefore, notAfter = in.NotBeforeBy.Text(true), in.NotAfterBy.Text(false)
	if notBefore.IsZero() {
		notBefore = both("open: no checkpoint of this ledger is embedded in it or in an event before it", "未定：该事件及其之前的事件均未内含本账本的检查点")
	}
	if notAfter.IsZero() {
		notAfter = both("open: no receipt and no checkpoint covers it or an event after it", "未定：没有收据或检查点包含该事件或其之后的事件")
	}
	return notBefore, notAfter
}

// shortID is the beginning of an event's id, for texts.
func shortID(id event.ID) string { return id.String()[:12] }
