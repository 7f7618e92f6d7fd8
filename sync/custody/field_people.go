package custody

import (
	"bytes"
	"slices"
	"time"

	"fieldseal/sync/event"
)

// judged is the time at which rules judge an act: the best there is, held within
// what is proven.
func (v *view) judged(a *act) time.Time {
	t, in := v.best(a), v.record.Intervals[a.ID]
	if !in.NotAfter.IsZero() && t.After(in.NotAfter) {
		t = in.NotAfter
	}
	if !in.NotBefore.IsZero() && t.Before(in.NotBefore) {
		t = in.NotBefore
	}
	return t.In(a.at.Location())
}

// day is a calendar day where the act took place.
func day(t time.Time) event.Date { return event.Date(t.Format(time.DateOnly)) }

var _ = register(spec{
	code: "OFFICERS_LT_2", severity: Curable,
	source: "法发〔2016〕22号 art. 5 and sampling.officers of the rule pack: evidence is collected by two or more",
	title:  both("Fewer officers than required", "执法人员不足"),
	explain: both("The scene record of {what} names {n} officer(s): {names}. At least {min} are required.",
		"{what} 的现场记录载明执法人员 {n} 名：{names}。至少应有 {min} 名。"),
	variants: map[string]Text{
		"sample": both("Sample {what} names {n} sampler(s): {names}. At least {min} officers have to take part.",
			"样品 {what} 载明采样人 {n} 名：{names}。至少应有 {min} 名执法人员参加。"),
	},
	cure: both("If a second officer was there, amend the record with that officer's name and credential, and have the officer confirm it by an own sealed note.",
		"如确有第二名执法人员在场，更正记录载入其姓名和证件号，并由其以本人封存的备注确认。"),
	find: findFewOfficers,
})

func findFewOfficers(v *view, report func(finding)) {
	least := whole(v.rules.Sampling.Officers)
	for a, b := range each[*event.SiteRecorded](v) {
		names := officerNames(b.Officers)
		if int64(len(names)) < least {
			report(finding{item: &event.Ref{Kind: "site", ID: b.Site}, acts: []*act{a}, args: args{
				"what": str(b.Name), "n": count(len(names)), "names": listed(names), "min": count(least)}})
		}
	}
	for a, b := range each[*event.SampleCollected](v) {
		if madeElsewhere(b) {
			continue
		}
		names := []string{v.personName(b.Sampler)}
		if !b.SecondSampler.IsZero() && b.SecondSampler != b.Sampler {
			names = append(names, v.personName(b.SecondSampler))
		}
		if int64(len(names)) < least {
			report(finding{variant: "sample", item: &event.Ref{Kind: "sample", ID: b.Sample}, acts: []*act{a}, args: args{
				"what": str(b.Label), "n": count(len(names)), "names": listed(names), "min": count(least)}})
		}
	}
}

// officerNames lists the officers of a scene record, each once: one who is named
// twice is one person, by id, by credential or by name.
func officerNames(list []event.Officer) []string {
	var names []string
	seen := map[string]bool{}
	for _, o := range list {
		again := false
		for _, key := range []string{o.Person.String(), "no " + o.CredentialNo, "name " + o.Name} {
			empty := key == "no " || key == "name " || o.Person.IsZero() && key == o.Person.String()
			again = again || seen[key] && !empty
			seen[key] = true
		}
		if !again {
			names = append(names, o.Name)
		}
	}
	return names
}

// madeElsewhere reports whether a sample was not taken at the scene: a trip
// blank comes from the laboratory.
func madeElsewhere(b *event.SampleCollected) bool { return b.QC == "trip_blank" }

var _ = register(spec{
	code: "PARTY_SIGN_ABSENT_NO_WITNESS", severity: Curable,
	source: "法发〔2016〕22号 arts 5, 14: signed by collectors and holder, or by a witness where the holder refuses",
	title:  both("No signature of the party and no witness", "当事人未签字且无见证人"),
	explain: both("{what}: the party {party}, and {witness}. Without the party's signature a witness has to sign.",
		"{what}：当事人{party}，{witness}。当事人未签字的，应由见证人签字。"),
	cure: both("Have the party sign later, or a witness who was present; amend the record and attach the signed paper. If neither can be had, state the reason in a note with video of the scene.",
		"由当事人补签，或由在场见证人签字，更正记录并附签字件；均无法取得的，以备注说明原因并附现场录像。"),
	find: findUnsigned,
})

func findUnsigned(v *view, report func(finding)) {
	sites := map[event.UUID]bool{}
	for a, b := range each[*event.SiteRecorded](v) {
		sites[b.Site] = true
		if !signedBy(b.Party) && !signedBy(b.Witness) {
			report(unsigned(a, event.Ref{Kind: "site", ID: b.Site}, b.Name, b.Party, b.Witness))
		}
	}
	for a, b := range each[*event.SampleCollected](v) {
		// A sample that says nothing of the party rests on the scene record.
		silent := b.Party == nil && b.Witness == nil
		if madeElsewhere(b) || silent && sites[b.Site] || signedBy(b.Party) || signedBy(b.Witness) {
			continue
		}
		report(unsigned(a, event.Ref{Kind: "sample", ID: b.Sample}, b.Label, b.Party, b.Witness))
	}
}

func unsigned(a *act, item event.Ref, what string, party, witness *event.Attendance) finding {
	return finding{item: &item, acts: []*act{a}, args: args{"what": str(what), "party": partyText(party), "witness": witnessText(witness)}}
}

func signedBy(a *event.Attendance) bool { return a != nil && a.Signing == "signed" }

func partyText(a *event.Attendance) Text {
	switch {
	case a == nil:
		return both("is not mentioned", "未作记载")
	case a.Signing == "refused":
		return both("refused to sign (reason: "+str(a.Reason).EN+")", "拒绝签字（理由："+str(a.Reason).ZH+"）")
	}
	return both("was absent (reason: "+str(a.Reason).EN+")", "不在场（理由："+str(a.Reason).ZH+"）")
}

func witnessText(a *event.Attendance) Text {
	switch {
	case a == nil:
		return both("no witness is mentioned", "未记载见证人")
	case a.Signing == "refused":
		return both("the witness refused to sign", "见证人拒绝签字")
	}
	return both("the witness was absent", "见证人不在场")
}

var _ = register(spec{
	code: "CREDENTIAL_INVALID", severity: Fatal,
	source: "行政执法 requires a valid credential at the time of the act; the authority's register of persons",
	title:  both("Credential not valid", "执法证件无效"),
	explain: both("The credential {number} of {name} is valid from {from} to {until}; {n} events lie outside it, the first on {day}: {event}.",
		"{name} 的证件 {number} 有效期为 {from} 至 {until}；有 {n} 个事件在此之外，首个发生于 {day}：{event}。"),
	variants: map[string]Text{
		"unknown": both("{n} events name {name}, whom the authority has not registered, the first being {event}.",
			"有 {n} 个事件涉及未经登记机关登记的人员 {name}，首个为 {event}。"),
		"disabled": both("{name} was struck off the register by {since}; {n} events are later, the first on {day}: {event}.",
			"{name} 已于 {since} 被停用；其后仍有 {n} 个事件，首个发生于 {day}：{event}。"),
		"number": both("{n} events give the credential of {name} as {given}; the register has {number}. First: {event}.",
			"有 {n} 个事件将 {name} 的证件号记为 {given}，登记为 {number}。首个为 {event}。"),
	},
	cure: both("Have the authority state the person's credential as it was on that day; if it was not valid, the act has to be repeated by somebody whose credential is.",
		"由登记机关说明该人员当日的证件情况；确属无效的，应由持有效证件的人员重新实施该行为。"),
	cures: map[string]Text{
		"number": both("Amend the record, or have the authority restate the person.", "更正记录，或由登记机关重新登记该人员信息。"),
	},
	find: findBadCredentials,
})

// capacity is a person acting in an event: its actor, or somebody it names.
type capacity struct {
	act    *act
	person event.UUID
	at     time.Time
	// number is the credential as the event gives it; empty where it gives none.
	number string
}

// fault is one way in which the credentials of one person are not in order.
type fault struct {
	person         event.UUID
	variant, extra string
}

func findBadCredentials(v *view, report func(finding)) {
	tallies := map[fault]*tally{}
	facts := map[fault]args{}
	take := func(c capacity) {
		variant, extra, a := v.credentialFault(c)
		if a == nil {
			return
		}
		f := fault{c.person, variant, extra}
		if tallies[f] == nil {
			tallies[f] = &tally{}
			facts[f] = a
			a["event"], a["day"] = actText(c.act), str(string(day(c.at)))
		}
		if n := len(tallies[f].acts); n == 0 || tallies[f].acts[n-1] != c.act {
			tallies[f].add(c.act, 0)
		}
	}
	for _, a := range v.acts {
		if inCase(a) && !v.byAuthority(a) {
			for _, c := range v.capacities(a) {
				take(c)
			}
		}
	}
	keys := make([]fault, 0, len(tallies))
	for f := range tallies {
		keys = append(keys, f)
	}
	slices.SortFunc(keys, func(a, b fault) int { return bytes.Compare(a.person[:], b.person[:]) })
	for _, f := range keys {
		facts[f]["n"] = count(tallies[f].n)
		report(finding{variant: f.variant, absent: f.variant == "unknown", acts: tallies[f].listed(), args: facts[f]})
	}
}

// capacities lists who acts in an event.
func (v *view) capacities(a *act) []capacity {
	list := []capacity{{a, a.Event.Actor, v.judged(a), ""}}
	named := func(id event.UUID, at event.Stamp, number string) {
		if !id.IsZero() && (id != a.Event.Actor || number != "") {
			list = append(list, capacity{a, id, at.Time(), number})
		}
	}
	switch b := a.now.(type) {
	case *event.SiteRecorded:
		for _, o := range b.Officers {
			named(o.Person, b.Start, o.CredentialNo)
		}
	case *event.SampleCollected:
		named(b.Sampler, b.Start, "")
		named(b.SecondSampler, b.Start, "")
	}
	return list
}

// credentialFault says what is wrong with a person's standing; args are nil
// where nothing is.
func (v *view) credentialFault(c capacity) (variant, extra string, a args) {
	list := v.people.persons[c.person]
	if len(list) == 0 {
		return "unknown", "", args{"name": str(c.person.String())}
	}
	p, _ := asOf(list, c.at)
	base := func() args { return args{"name": str(p.Name), "number": str(p.CredentialNo)} }
	on := day(c.at)
	switch {
	case p.Disabled:
		a = base()
		a["since"] = clock(statedAt(list, p))
		return "disabled", "", a
	case p.CredentialFrom != "" && on < p.CredentialFrom, p.CredentialUntil != "" && on > p.CredentialUntil:
		a = base()
		a["from"], a["until"] = str(string(p.CredentialFrom)), str(string(p.CredentialUntil))
		return "", p.CredentialNo + string(p.CredentialFrom) + string(p.CredentialUntil), a
	case c.number != "" && p.CredentialNo != "" && c.number != p.CredentialNo:
		a = base()
		a["given"] = str(c.number)
		return "number", c.number, a
	}
	return "", "", nil
}

// statedAt is when the authority made a statement.
func statedAt(list []stated[*event.PersonRegistered], b *event.PersonRegistered) time.Time {
	for _, s := range list {
		if s.body == b {
			return s.act.at
		}
	}
	return time.Time{}
}

var _ = register(spec{
	code: "CREDENTIAL_NOT_STATED", severity: Curable,
	source: "house rule: a scene record names each officer's credential",
	title:  both("Officer without a credential number", "执法人员未载证件号"),
	explain: both("The scene record of {what} names {names} without a credential number, and the register has none either.",
		"{what} 的现场记录所载 {names} 未写明证件号，登记信息中亦无。"),
	cure: both("Amend the record with the credential number, or have the authority register it.", "更正记录补入证件号，或由登记机关登记。"),
	find: func(v *view, report func(finding)) {
		for a, b := range each[*event.SiteRecorded](v) {
			var names []string
			for _, o := range b.Officers {
				p := v.person(o.Person, b.Start.Time())
				if o.CredentialNo == "" && (p == nil || p.CredentialNo == "") {
					names = append(names, o.Name)
				}
			}
			if len(names) > 0 {
				report(finding{item: &event.Ref{Kind: "site", ID: b.Site}, acts: []*act{a}, args: args{"what": str(b.Name), "names": listed(names)}})
			}
		}
	},
})
