package custody

import (
	"fieldseal/sync/event"
)

// Who acted is what a device says; which key sealed it is what is proven. The
// rules here hold the two against each other.

// holder is whom the device that sealed an act was enrolled for, and the
// organisation of that person then; zero where the enrolment is not shown.
func (v *view) holder(a *act) (person, org event.UUID) {
	list := v.people.devices[a.Event.Device]
	if len(list) == 0 {
		return person, org
	}
	d := list[0].body // a later enrolment of the same device has no effect
	if p := v.person(d.Person, a.at); p != nil {
		return d.Person, p.Org
	}
	return d.Person, d.Org
}

// ownHand reports whether an act was sealed on a device of the person who is said
// to have acted, or by the authority, or by a device of which nothing is known.
func (v *view) ownHand(a *act) bool {
	person, _ := v.holder(a)
	return person.IsZero() || a.Event.Actor == person || v.byAuthority(a)
}

// posed reports whether a device names, as who acted, a person of another
// organisation than its own.
func (v *view) posed(a *act) bool {
	if v.ownHand(a) {
		return false
	}
	p := v.person(a.Event.Actor, a.at)
	_, org := v.holder(a)
	return p != nil && p.Org != org
}

var _ = register(spec{
	code: "ACTED_IN_ANOTHERS_NAME", severity: Fatal, source: "house rule: who acted is believed as far as the key that sealed it shows",
	title:   both("Sealed in the name of somebody of another organisation", "以其他单位人员名义签封"),
	explain: both("The device of {holder} ({org}) sealed records in the name of {who} ({named}), who belongs to another organisation (events sealed: {n}, between {first} and {last}). They count as acts of {org}.", "{holder}（{org}）的设备以其他单位人员 {who}（{named}）的名义签封记录（{n} 项事件，{first} 至 {last}），按 {org} 的行为认定。"),
	cure:    both("{who} seals on a device of their own what they did; what they did not do is withdrawn, and it is cleared up how the device came to name them.", "由 {who} 以本人设备签封其本人行为；非其本人行为的予以撤回，并查明该设备何以使用其名义。"),
	find:    findPosed,
})

func findPosed(v *view, report func(finding)) {
	v.inOthersNames(v.posed, report)
}

var _ = register(spec{
	code: "ACTED_ON_ANOTHERS_DEVICE", severity: Warning, source: "house rule: who acted is believed as far as the key that sealed it shows",
	title:   both("Sealed on a colleague's device", "以同事设备签封"),
	explain: both("The device of {holder} ({org}) sealed records in the name of {who} ({named}) (events sealed: {n}, between {first} and {last}). That {who} acted is what the device of {holder} says.", "{holder}（{org}）的设备以 {who}（{named}）的名义签封记录（{n} 项事件，{first} 至 {last}）；系 {who} 所为仅凭 {holder} 的设备陈述。"),
	cure:    both("{who} confirms the records in a note sealed on a device of their own.", "由 {who} 以本人设备签封说明予以确认。"),
	find:    findOnOthersDevice,
})

func findOnOthersDevice(v *view, report func(finding)) {
	v.inOthersNames(func(a *act) bool { return !v.ownHand(a) && !v.posed(a) }, report)
}

// inOthersNames reports one finding for each device and person named, however much was sealed.
func (v *view) inOthersNames(is func(*act) bool, report func(finding)) {
	type pair struct{ device, actor event.UUID }
	acts := map[pair][]*act{}
	var order []pair
	for _, a := range v.acts {
		if a.Event.Case.IsZero() || !is(a) {
			continue
		}
		k := pair{a.Event.Device, a.Event.Actor}
		if acts[k] == nil {
			order = append(order, k)
		}
		acts[k] = append(acts[k], a)
	}
	for _, k := range order {
		list := acts[k]
		first, last := list[0], list[len(list)-1]
		person, org := v.holder(first)
		named := org
		if p := v.person(k.actor, first.at); p != nil {
			named = p.Org
		}
		report(finding{acts: list, args: args{
			"holder": str(v.personName(person)), "org": v.orgName(org), "who": str(v.personName(k.actor)), "named": v.orgName(named),
			"n": count(len(list)), "first": clock(first.at), "last": clock(last.at),
		}})
	}
}
