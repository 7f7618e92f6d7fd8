package custody

import (
	"time"

	"fieldseal/sync/event"
)

// grant is a right in the case with its time.
type grant struct {
	body    *event.CaseGranted
	from    time.Time
	revoked time.Time
}

// writes reports whether the grant lets somebody write at t, give or take slack.
func (g *grant) writes(person, org event.UUID, t time.Time, slack time.Duration) bool {
	for _, end := range []time.Time{g.body.Until.Time(), g.revoked} {
		if !end.IsZero() && t.After(end.Add(slack)) {
			return false
		}
	}
	named := !g.body.Org.IsZero() && g.body.Org == org || !g.body.Person.IsZero() && g.body.Person == person
	return named && g.body.Right == "write" && !t.Before(g.from.Add(-slack))
}

func (v *view) grants() []*grant {
	var list []*grant
	byID := map[event.UUID]*grant{}
	for a, b := range each[*event.CaseGranted](v) {
		g := &grant{body: b, from: a.at}
		byID[b.Grant] = g
		list = append(list, g)
	}
	for a, b := range each[*event.GrantRevoked](v) {
		if g := byID[b.Grant]; g != nil && g.revoked.IsZero() {
			g.revoked = a.at
		}
	}
	return list
}

// opening is what opened the case: the first case.opened in the ledger, as access
// to the case has it. By its claimed time anybody could seal one that comes first.
func (v *view) opening() (first *act, body *event.CaseOpened) {
	for a, b := range each[*event.CaseOpened](v) {
		if first == nil || a.Index < first.Index {
			first, body = a, b
		}
	}
	return first, body
}

var _ = register(spec{
	code: "NO_CASE_RIGHT", severity: Curable, absence: true, source: "house rule: who works on a case belongs to the organisation that opened it or holds a write grant",
	title:   both("Acted in the case without a right to", "无权办理本案"),
	explain: both("{who} of {org} acted in this case between {first} and {last} (events sealed: {n}), but {org} neither opened the case nor held a write grant then.", "{org} 的 {who} 于 {first} 至 {last} 在本案签封了 {n} 项事件，但 {org} 既非立案单位，当时也无写入授权。"),
	cure:    both("The authority that leads the case grants the right and a supervisor confirms the acts by a waiver that names the authority; or somebody with the right repeats them.", "由办案机关授权，并由主管人员以载明授权依据的豁免予以确认；或由有权人员重新办理。"),
	find:    findNoCaseRight,
})

// findNoCaseRight reports one finding for each person, however much they did.
func findNoCaseRight(v *view, report func(finding)) {
	opening, _ := v.opening()
	if opening == nil {
		return // without its opening nothing says whose case it is; hidden or pending
	}
	opener := v.orgOf(opening)
	grants, slack := v.grants(), v.rules.Custody.ClockTolerance.Duration()
	acts := map[event.UUID][]*act{}
	var people []event.UUID
	for _, a := range v.acts {
		if a.Event.Case.IsZero() || v.byAuthority(a) {
			continue
		}
		org := v.orgOf(a)
		if org == opener && !org.IsZero() || anyWrites(grants, a, org, slack) {
			continue
		}
		if acts[a.Event.Actor] == nil {
			people = append(people, a.Event.Actor)
		}
		acts[a.Event.Actor] = append(acts[a.Event.Actor], a)
	}
	for _, id := range people {
		list := acts[id]
		first, last := list[0], list[len(list)-1]
		report(finding{acts: list, args: args{
			"who": str(v.personName(id)), "org": v.orgName(v.orgOf(first)), "n": count(len(list)), "first": clock(first.at), "last": clock(last.at),
		}})
	}
}

func anyWrites(grants []*grant, a *act, org event.UUID, slack time.Duration) bool {
	for _, g := range grants {
		if g.writes(a.Event.Actor, org, a.at, slack) {
			return true
		}
	}
	return false
}
