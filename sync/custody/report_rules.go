package custody

import (
	"slices"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// analysedBy is the day that a report's accreditation is judged by: that of its
// latest analysis, or of its sealing where it gives none.
func (r *labReport) analysedBy() time.Time {
	var last time.Time
	for _, d := range r.results {
		if t := d.analysed().last; t.After(last) {
			last = t
		}
	}
	if last.IsZero() {
		last = r.parts[0].act.at
	}
	return last
}

// accreditation is a laboratory's at a time: as the authority has it, else as the report states it.
func (v *view) accreditation(r *labReport) *event.Accreditation {
	if org := v.org(r.head().Lab, r.analysedBy()); org != nil && org.Accreditation != nil {
		return org.Accreditation
	}
	return r.head().Accreditation
}

var _ = register(spec{
	code: "LAB_NOT_ACCREDITED", severity: Fatal, source: "house rule: results for the court come from a laboratory accredited on the day of analysis",
	title:   both("Laboratory not accredited", "实验室无有效资质"),
	explain: both("Report {report}: no accreditation of {lab} is on record, neither with the authority nor in the report.", "报告 {report}：未见 {lab} 的资质记录，登记信息与报告中均无。"),
	cure:    both("The authority registers the laboratory's accreditation with number and validity, if it had one on the day of analysis ({day}); else an accredited laboratory analyses what is left.", "如分析当日（{day}）确有资质，由登记机关登记其证书编号与有效期；否则由有资质的实验室对余样重新分析。"),
	variants: map[string]Text{
		"lapsed":    both("Report {report}: accreditation {number} of {lab} was valid until {until}; the analysis was done on {day}.", "报告 {report}：{lab} 的资质 {number} 有效期至 {until}，而分析日期为 {day}。"),
		"not_yet":   both("Report {report}: accreditation {number} of {lab} was valid only from {from}; the analysis was done on {day}.", "报告 {report}：{lab} 的资质 {number} 自 {from} 起生效，而分析日期为 {day}。"),
		"differs":   both("Report {report} states accreditation {stated} for {lab}, but the authority has {number} on record.", "报告 {report} 载明 {lab} 的资质为 {stated}，而登记编号为 {number}。"),
		"not_a_lab": both("Report {report} was issued by {lab}, which the authority has not registered as a laboratory.", "报告 {report} 由 {lab} 出具，而其未登记为实验室。"),
	},
	cures: map[string]Text{
		"differs": both("The laboratory amends the report with the right number, or the authority registers the newer accreditation.", "由实验室更正报告中的编号，或由登记机关登记新的资质。"),
	},
	find: findNotAccredited,
})

func findNotAccredited(v *view, report func(finding)) {
	for _, r := range v.lab.reports {
		day, head, acc := r.analysedBy(), r.head(), v.accreditation(r)
		f := finding{item: r.ref(), acts: r.acts(), args: args{
			"report": str(head.ReportNo), "lab": v.orgName(head.Lab), "day": str(day.Format(time.DateOnly)),
			"number": str(""), "until": str(""), "from": str(""), "stated": str(""),
		}}
		org := v.org(head.Lab, day)
		if acc == nil {
			f.absent = org == nil
			report(f)
			continue
		}
		f.args["number"], f.args["until"], f.args["from"] = str(acc.Number), str(string(acc.ValidUntil)), str(string(acc.ValidFrom))
		switch stated := head.Accreditation; {
		case org != nil && org.Kind != "lab":
			f.variant = "not_a_lab"
		case outlived(acc.ValidUntil, day):
			f.variant = "lapsed"
		case acc.ValidFrom != "" && day.Format(time.DateOnly) < string(acc.ValidFrom):
			f.variant = "not_yet"
		case stated != nil && stated.Number != acc.Number:
			f.variant, f.args["stated"] = "differs", str(stated.Number)
		default:
			continue
		}
		report(f)
	}
}

// outlived reports whether a day lies after the last day of validity, both as written.
func outlived(until event.Date, day time.Time) bool {
	return until != "" && day.Format(time.DateOnly) > string(until)
}

var _ = register(spec{
	code: "METHOD_OUT_OF_SCOPE", severity: Fatal, source: "house rule: the method is within the laboratory's accredited scope",
	title:   both("Method outside the accredited scope", "方法超出资质范围"),
	explain: both("Report {report}: accreditation {number} of {lab} does not cover {methods}, used for {analytes}.", "报告 {report}：{lab} 的资质 {number} 不包含 {methods}（用于 {analytes}）。"),
	cure:    both("The authority registers the newer scope, if it covered the method on the day of analysis; the laboratory amends a misprinted method number; else an accredited laboratory repeats the analysis.", "如分析当日的资质范围确含该方法，由登记机关登记；方法编号误印的由实验室更正；否则由有资质的实验室重测。"),
	find:    findOutOfScope,
})

func findOutOfScope(v *view, report func(finding)) {
	for _, r := range v.lab.reports {
		acc := v.accreditation(r)
		if acc == nil || len(acc.Methods) == 0 {
			continue
		}
		var methods, analytes []string
		for _, d := range r.results {
			if !slices.ContainsFunc(acc.Methods, func(m string) bool { return rules.SameMethod(m, d.Method) }) {
				methods, analytes = appendNew(methods, d.Method), appendNew(analytes, d.Analyte)
			}
		}
		if len(methods) > 0 {
			report(finding{item: r.ref(), acts: r.acts(), args: args{
				"report": str(r.head().ReportNo), "number": str(acc.Number), "lab": v.orgName(r.head().Lab), "methods": someOf(methods), "analytes": someOf(analytes),
			}})
		}
	}
}

var signerZH = map[event.Signer]string{"analyst": "编制人", "reviewer": "审核人", "approver": "批准人"}

func signerWord(s event.Signer) Text { return both(string(s), signerZH[s]) }

var _ = register(spec{
	code: "REPORT_SIGNERS_INCOMPLETE", severity: Fatal, source: "lab.signers of the rule pack (RB/T 214-2017: drawn up, reviewed, approved)",
	title:   both("Laboratory report not fully signed", "检测报告签署不完整"),
	explain: both("Report {report} of {lab} is not signed by its {missing}.", "{lab} 的报告 {report} 缺少以下签署：{missing}。"),
	cure:    both("Those who are missing sign the report as it is, each with a key of their own.", "由缺签人员以其本人密钥对现行报告签署。"),
	variants: map[string]Text{
		"other_content": both("Report {report} of {lab}: the signature of the {missing} ({who}, {at}) is over other content than the report that is here.", "{lab} 的报告 {report}：{missing}（{who}，{at}）所签内容与在案报告不一致。"),
		"same_person":   both("Report {report} of {lab}: {who} signed as {missing}; each role takes another person.", "{lab} 的报告 {report}：{who} 同时以 {missing} 身份签署；各角色应由不同人员担任。"),
		"outsider":      both("Report {report} of {lab}: {who}, who signed as {missing} ({at}), does not belong to the laboratory.", "{lab} 的报告 {report}：以 {missing} 身份签署的 {who}（{at}）不属于该实验室。"),
		"other_device":  both("Report {report} of {lab}: the signature of {who} as {missing} ({at}) was sealed on a device of somebody else.", "{lab} 的报告 {report}：{who} 以 {missing} 身份的签署（{at}）系以他人设备签封。"),
		"parts":         both("Report {report} of {lab} says to have {want} parts, but {have} are here; no signature can cover it.", "{lab} 的报告 {report} 称共 {want} 部分，实有 {have} 部分；签署无从覆盖全文。"),
	},
	cures: map[string]Text{
		"parts":         both("The laboratory's device is synchronised, or the missing part is imported.", "同步实验室设备，或导入缺失部分。"),
		"other_content": both("The signer checks the report as it is here and signs it anew.", "由签署人核对在案报告后重新签署。"),
		"same_person":   both("Another authorised person of the laboratory signs in one of the roles.", "由实验室另一名授权人员签署其中一个角色。"),
		"outsider":      both("An authorised person of the laboratory signs, or the authority registers the signer with the laboratory.", "由实验室授权人员签署，或由登记机关登记该签署人所属实验室。"),
		"other_device":  both("{who} signs on a device of their own.", "由 {who} 以本人设备重新签署。"),
	},
	find: findSignersIncomplete,
})

func findSignersIncomplete(v *view, report func(finding)) {
	for _, r := range v.lab.reports {
		base := func() finding {
			return finding{item: r.ref(), acts: r.acts(), args: args{
				"report": str(r.head().ReportNo), "lab": v.orgName(r.head().Lab), "want": count(r.wants()), "have": count(len(r.parts)),
				"missing": str(""), "who": str(""), "at": str(""),
			}}
		}
		if !r.whole() {
			f := base()
			f.variant, f.absent = "parts", int64(len(r.parts)) < r.wants()
			report(f)
			continue
		}
		v.judgeSigners(r, base, report)
	}
}

// judgeSigners looks for one valid signature in each role, by different people of
// the laboratory. Of several in one role any valid one will do.
func (v *view) judgeSigners(r *labReport, base func() finding, report func(finding)) {
	var missing []Text
	byPerson := map[event.UUID][]event.Signer{}
	var people []event.UUID
	for _, role := range v.rules.Lab.Signers {
		s, flaw := v.signatureIn(r, role)
		switch {
		case s == nil:
			missing = append(missing, signerWord(role))
		case flaw != "":
			f := base()
			f.variant, f.acts = flaw, append(f.acts, s.act)
			f.args["missing"], f.args["who"], f.args["at"] = signerWord(role), v.actor(s.act), when(s.act.Event.Clock.Wall)
			report(f)
		default:
			if byPerson[s.act.Event.Actor] == nil {
				people = append(people, s.act.Event.Actor)
			}
			byPerson[s.act.Event.Actor] = append(byPerson[s.act.Event.Actor], role)
		}
	}
	if len(missing) > 0 {
		f := base()
		f.args["missing"], f.absent = listedTexts(missing), true
		report(f)
	}
	for _, id := range people {
		if roles := byPerson[id]; len(roles) > 1 {
			var words []Text
			for _, role := range roles {
				words = append(words, signerWord(role))
			}
			f := base()
			f.variant, f.args["who"], f.args["missing"] = "same_person", str(v.personName(id)), listedTexts(words)
			report(f)
		}
	}
}

// signatureIn finds the signature in a role: a valid one, else the newest with
// what is wrong with it, else nil.
func (v *view) signatureIn(r *labReport, role event.Signer) (found *signature, flaw string) {
	for i := range r.signatures {
		s := &r.signatures[i]
		if s.body.As != role {
			continue
		}
		org := v.orgOf(s.act)
		switch {
		case s.body.Digest != r.digest():
			found, flaw = s, "other_content"
		case !org.IsZero() && org != r.head().Lab:
			found, flaw = s, "outsider"
		case !v.ownHand(s.act):
			found, flaw = s, "other_device"
		default:
			return s, ""
		}
	}
	return found, flaw
}

var _ = register(spec{
	code: "CAS_CHECKDIGIT_BAD", severity: Warning, source: "CAS registry numbers: the last digit is a check digit",
	title:   both("CAS number not valid", "CAS 号校验不符"),
	explain: both("Report {report}: these CAS numbers have a wrong check digit or are none: {numbers}.", "报告 {report}：以下 CAS 号校验位错误或并非 CAS 号：{numbers}。"),
	cure:    both("The laboratory amends the number, or confirms the substance by name, and the report is signed again.", "由实验室更正编号或以名称确认该物质，并重新签署报告。"),
	find:    findBadCAS,
})

func findBadCAS(v *view, report func(finding)) {
	for _, r := range v.lab.reports {
		var bad []string
		for _, d := range r.results {
			if d.CAS != "" && !rules.ValidCAS(hyphenated(d.CAS)) {
				bad = appendNew(bad, d.CAS+" ("+d.Analyte+")")
			}
		}
		if len(bad) > 0 {
			report(finding{item: r.ref(), acts: r.acts(), args: args{"report": str(r.head().ReportNo), "numbers": someOf(bad)}})
		}
	}
}

var _ = register(spec{
	code: "RESULT_LT_MDL_NOT_QUALIFIED", severity: Curable, source: "lab.not_detected of the rule pack",
	title:   both("Figure below the detection limit without a qualifier", "低于检出限的数值未加注"),
	explain: both("Report {report} gives figures below the method detection limit as if they had been measured: {results}.", "报告 {report} 将低于方法检出限的数值直接作为结果：{results}。"),
	cure:    both("The laboratory amends the results with the qualifier for \"not detected\" (such as U) or gives them as less than the limit, and the report is signed again.", "由实验室对结果加注“未检出”标识（如 U）或以“小于检出限”表示，并重新签署报告。"),
	find:    findUnqualified,
})

func findUnqualified(v *view, report func(finding)) {
	for _, r := range v.lab.reports {
		var bad []string
		var also []event.Ref
		for _, d := range r.results {
			if d.Value == nil || d.MDL == nil || d.Value.Cmp(*d.MDL) >= 0 || v.notDetected(d.Result) || v.estimated(d.Result) || d.QC != "" {
				continue
			}
			bad = append(bad, d.SampleCode+" "+d.Analyte+" "+d.Value.String()+" < "+d.MDL.String()+" "+d.Unit)
			if d.thing != nil && !slices.Contains(also, d.thing.ref) {
				also = append(also, d.thing.ref)
			}
		}
		if len(bad) > 0 {
			report(finding{item: r.ref(), also: also, acts: r.acts(), args: args{"report": str(r.head().ReportNo), "results": someOf(bad)}})
		}
	}
}
