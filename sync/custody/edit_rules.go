package custody

import (
	"slices"
	"strings"

	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "EDIT_AFTER_SIGN", severity: Fatal, source: "house rule: what others have signed is not changed behind them",
	title:   both("Changed after it was signed", "签署后变更"),
	explain: both("{who} corrected results of report {report} on {at} (reason: {reason}) after {signers} had signed it; nobody has signed it since.", "{who} 于 {at} 更正了报告 {report} 的结果（理由：{reason}），而 {signers} 此前已签署；此后无人重新签署。"),
	cure:    both("Every signer signs the report again after the correction, or the correction is withdrawn.", "由各签署人在更正后重新签署，或撤回该更正。"),
	variants: map[string]Text{
		"handover": both("{who} {did} the {half} of the handover of {items} from {from} to {to} on {at} (reason: {reason}), after the other side had sealed its own half over it. Terms, digest and the handover itself count as they were sealed.", "{who} 于 {at} {did}了 {from} 向 {to} 移交 {items} 的{half}（理由：{reason}），而对方此前已据此签封。条款、摘要与交接本身仍以签封时为准。"),
		"attended": both("{who} {did} the record of {what} on {at} (reason: {reason}), after {signer} had signed it; the change carries no new signature.", "{who} 于 {at} {did}了 {what} 的记录（理由：{reason}），而 {signer} 此前已签字；更改未附新的签字。"),
		"dossier":  both("{who} {did} a step of the transfer dossier ({step}) on {at} (reason: {reason}), after the dossier had been approved on {approved}.", "{who} 于 {at} {did}了移送案卷的步骤（{step}）（理由：{reason}），而案卷已于 {approved} 批准。"),
	},
	cures: map[string]Text{
		"handover": both("Both sides make a new handover over the right terms; the correction stands as a statement of its author only.", "由双方就正确条款重新交接；该更正仅作为更正人的说明。"),
		"attended": both("The person who signed signs the corrected record, and a further correction names that signature; or a witness states the refusal.", "由原签字人在更正后的记录上签字，并以更正记录载明该签字；拒签的由见证人说明。"),
		"dossier":  both("The head approves the dossier again after the correction.", "更正后由负责人重新批准。"),
	},
	find: findEditAfterSign,
})

func findEditAfterSign(v *view, report func(finding)) {
	signed := v.signaturesOn()
	for _, m := range v.amending {
		if m.problem != nil || m.target == nil {
			continue
		}
		f := finding{acts: []*act{m.target, m.act}, args: args{
			"who": v.actor(m.act), "at": when(m.act.Event.Clock.Wall), "reason": str(m.body.Reason), "did": both("changed", "更改"),
		}}
		if m.body.Void {
			f.args["did"] = both("withdrew", "撤回")
		}
		switch b := m.target.Body.(type) {
		case *event.ResultsReported:
			v.judgeReportEdit(m, signed[b.Report], b, f, report)
		case *event.CustodyOffered, *event.CustodyAccepted:
			v.judgeHandoverEdit(m, f, report)
		case *event.SampleCollected:
			judgeAttendedEdit(m, both("sample "+b.Label, "样品 "+b.Label), b.Party, b.Witness, f, report)
		case *event.SiteRecorded:
			judgeAttendedEdit(m, both("site "+b.Name, "现场 "+b.Name), b.Party, b.Witness, f, report)
		case *event.DossierStepTaken:
			v.judgeDossierEdit(m, b, f, report)
		}
	}
}

// signaturesOn lists the signatures under each report, whatever became of its parts.
func (v *view) signaturesOn() map[event.UUID][]signature {
	signed := map[event.UUID][]signature{}
	for a, b := range each[*event.ReportSigned](v) {
		signed[b.Report] = append(signed[b.Report], signature{a, b})
	}
	return signed
}

// judgeReportEdit: results changed after a signature, and that signer has not signed since.
func (v *view) judgeReportEdit(m *amendment, list []signature, b *event.ResultsReported, f finding, report func(finding)) {
	var names []string
	for _, s := range list {
		again := slices.ContainsFunc(list, func(o signature) bool { return o.body.As == s.body.As && o.act.pos > m.act.pos })
		if s.act.pos < m.act.pos && !again {
			names = append(names, v.personName(s.act.Event.Actor)+" ("+string(s.body.As)+")")
			f.acts = append(f.acts, s.act)
		}
	}
	if len(names) == 0 {
		return
	}
	f.item = &event.Ref{Kind: "report", ID: b.Report}
	f.args["report"], f.args["signers"] = str(b.ReportNo), listed(names)
	report(f)
}

// judgeHandoverEdit: a half of a handover changed after the other side relied on it.
// The receiver may correct what only the receiver states (seals, counts,
// remarks); that is how SEAL_MISSING and others are cured.
func (v *view) judgeHandoverEdit(m *amendment, f finding, report func(finding)) {
	half := both("acceptance", "接收记录")
	var text string
	switch b := m.target.Body.(type) {
	case *event.CustodyOffered:
		half, text = both("offer", "移交记录"), b.Terms
	case *event.CustodyAccepted:
		text = b.Terms
	}
	sealed := slices.ContainsFunc(m.body.Changes, func(c event.Change) bool {
		return slices.Contains([]string{"handover", "terms", "digest", "offer", "offer_device", "received"}, strings.SplitN(c.Path[1:], "/", 2)[0])
	})
	h := (*handover)(nil)
	if t := v.termsOf(text); t != nil {
		h = v.chains.byID[t.Handover]
	}
	if h == nil || h.moved() == nil || !v.relied[m.target.ID] || !sealed && !m.body.Void {
		return
	}
	f.variant, f.item, f.also = "handover", h.ref(), h.items()
	for k, x := range v.facts(h) {
		f.args[k] = x
	}
	f.args["half"] = half
	report(f)
}

// judgeAttendedEdit: a record that a party or witness signed was changed, and the
// change does not bring a new signature.
func judgeAttendedEdit(m *amendment, what Text, party, witness *event.Attendance, f finding, report func(finding)) {
	for _, s := range []struct {
		path string
		who  *event.Attendance
		role Text
	}{{"/party", party, both("the party", "当事人")}, {"/witness", witness, both("the witness", "见证人")}} {
		if s.who == nil || s.who.Signing != "signed" {
			continue
		}
		renewed := slices.ContainsFunc(m.body.Changes, func(c event.Change) bool {
			return c.Path == s.path || c.Path == s.path+"/signature" || c.Path == s.path+"/signing"
		})
		if renewed {
			continue
		}
		f.variant = "attended"
		f.args["what"], f.args["signer"] = what, s.role
		if s.who.Name != "" {
			f.args["signer"] = both(s.role.EN+" ("+s.who.Name+")", s.role.ZH+"（"+s.who.Name+"）")
		}
		report(f)
		return
	}
}

// judgeDossierEdit: a step changed after the dossier was approved, and not approved since.
func (v *view) judgeDossierEdit(m *amendment, b *event.DossierStepTaken, f finding, report func(finding)) {
	var approved *dossierStep
	for _, d := range v.dossiers {
		if d.id != b.Dossier {
			continue
		}
		for i := range d.steps {
			if d.steps[i].body.Step == "approved" {
				approved = &d.steps[i] // the newest counts
			}
		}
	}
	if approved == nil || approved.act == m.target || approved.act.pos > m.act.pos {
		return
	}
	f.variant, f.acts = "dossier", append(f.acts, approved.act)
	f.args["step"], f.args["approved"] = stepWord(b.Step), when(approved.body.At)
	report(f)
}
