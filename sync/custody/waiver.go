package custody

import (
	"slices"
	"strings"

	"fieldseal/sync/event"
)

// waiverRoles may decide that a defect is excused.
var waiverRoles = []event.Role{event.RoleSupervisor, event.RoleReviewer}

// standing reports whether a waiver was given with authority: it names the
// authority, and its actor is a registered supervisor or legal reviewer who sealed
// it on a device of their own (or had the authority seal it).
func (v *view) standing(a *act, b *event.WaiverGranted) bool {
	p := v.person(a.Event.Actor, a.at)
	return strings.TrimSpace(b.Authority) != "" && p != nil && !p.Disabled && v.ownHand(a) &&
		slices.ContainsFunc(p.Roles, func(r event.Role) bool { return slices.Contains(waiverRoles, r) })
}

// waive marks the defects that a waiver with authority excuses. A waiver that
// names a thing excuses the defect of that thing; one that names none excuses
// only a defect of the case itself, never every exhibit at once.
func (v *view) waive(defects []Defect) {
	byCode := map[Code][]*Waiver{}
	about := map[*Waiver]*event.Ref{}
	for a, b := range each[*event.WaiverGranted](v) {
		code := Code(b.Defect)
		if s := specs[code]; s == nil || s.unwaivable || !v.standing(a, b) {
			continue
		}
		w := &Waiver{
			Waiver: b.Waiver, Event: a.ID, By: a.Event.Actor, ByName: v.personName(a.Event.Actor),
			Authority: b.Authority, Reason: b.Reason, At: a.Event.Clock.Wall,
		}
		if b.Document != nil {
			w.Document = b.Document.SHA256
		}
		byCode[code] = append(byCode[code], w)
		about[w] = b.About
	}
	for i := range defects {
		for _, w := range byCode[defects[i].Code] {
			if v.excuses(about[w], &defects[i]) {
				defects[i].Waived = w
				break
			}
		}
	}
}

func (v *view) excuses(about *event.Ref, d *Defect) bool {
	switch {
	case about == nil || about.Kind == "case":
		return d.Item == nil
	case about.Kind == "event":
		a := v.byUUID[about.ID]
		return a != nil && slices.Contains(d.Events, a.ID)
	}
	return d.Item != nil && *d.Item == *about
}

var _ = register(spec{
	code: "WAIVER_WITHOUT_AUTHORITY", severity: Fatal, unwaivable: true,
	source:  "house rule: a waiver excuses by an authority's decision; the authority is named and the decider has the office",
	title:   both("Waiver without authority", "豁免缺乏授权"),
	explain: both("{who} waived {code} on {at} (reason: {reason}), but {problem}. The waiver has no effect.", "{who} 于 {at} 豁免了 {code}（理由：{reason}），但{problem}。该豁免不生效。"),
	cure:    both("A supervisor or legal reviewer seals a waiver that names the authority it rests on; or the waived defect itself is cured.", "由主管人员或法制审核人员作出载明授权依据的豁免，或直接补正被豁免的瑕疵。"),
	find:    findWaiverWithoutAuthority,
})

func findWaiverWithoutAuthority(v *view, report func(finding)) {
	for a, b := range each[*event.WaiverGranted](v) {
		var problem Text
		switch s := specs[Code(b.Defect)]; {
		case s == nil:
			problem = both("no defect has that code", "不存在该瑕疵代码")
		case s.unwaivable:
			problem = both("no waiver can excuse that defect", "该瑕疵不可豁免")
		case strings.TrimSpace(b.Authority) == "":
			problem = both("it names no authority that it rests on", "未载明授权依据")
		case !v.ownHand(a):
			problem = both("it was sealed on a device of somebody else", "系以他人设备签封")
		case !v.standing(a, b):
			problem = both("the person is not registered as a supervisor or legal reviewer", "该人员未登记为主管人员或法制审核人员")
		default:
			continue
		}
		report(finding{item: b.About, acts: []*act{a}, args: args{
			"who": v.actor(a), "code": str(b.Defect), "at": when(a.Event.Clock.Wall), "reason": str(b.Reason), "problem": problem,
		}})
	}
}
