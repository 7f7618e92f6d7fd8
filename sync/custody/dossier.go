package custody

import (
	"slices"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// dossier is a transfer dossier with its steps in causal order.
type dossier struct {
	id    event.UUID
	steps []dossierStep
}

type dossierStep struct {
	act  *act
	body *event.DossierStepTaken
}

// first finds the first step of a kind; ok is false where there is none.
func (d *dossier) first(step event.DossierStep) (dossierStep, bool) {
	i := slices.IndexFunc(d.steps, func(s dossierStep) bool { return s.body.Step == step })
	if i < 0 {
		return dossierStep{}, false
	}
	return d.steps[i], true
}

// has reports whether a document of a kind is present in any step.
func (d *dossier) has(kind string) bool {
	return slices.ContainsFunc(d.steps, func(s dossierStep) bool {
		return slices.ContainsFunc(s.body.Documents, func(doc event.DossierDocument) bool { return doc.Kind == kind && doc.Present == "yes" })
	})
}

// excused reports whether a document is stated not to apply.
func (d *dossier) excused(kind string) bool {
	return slices.ContainsFunc(d.steps, func(s dossierStep) bool {
		return slices.ContainsFunc(s.body.Documents, func(doc event.DossierDocument) bool {
			return doc.Kind == kind && doc.Present == "not_applicable"
		})
	})
}

func (d *dossier) acts() []*act {
	var list []*act
	for _, s := range d.steps {
		list = append(list, s.act)
	}
	return list
}

func (v *view) readDossiers() []DossierInfo {
	byID := map[event.UUID]*dossier{}
	for a, b := range each[*event.DossierStepTaken](v) {
		d := byID[b.Dossier]
		if d == nil {
			d = &dossier{id: b.Dossier}
			byID[b.Dossier] = d
			v.dossiers = append(v.dossiers, d)
		}
		d.steps = append(d.steps, dossierStep{a, b})
	}
	var list []DossierInfo
	for _, d := range v.dossiers {
		list = append(list, v.dossierInfo(d))
	}
	return list
}

func (v *view) dossierInfo(d *dossier) DossierInfo {
	info := DossierInfo{Dossier: d.id}
	for _, s := range d.steps {
		info.Steps = append(info.Steps, DossierStepInfo{Step: s.body.Step, At: s.body.At, By: v.personName(s.act.Event.Actor), Event: s.act.ID})
	}
	for _, doc := range v.rules.Dossier.Documents {
		if d.has(doc.Kind) || d.excused(doc.Kind) || doc.IfResults && len(v.lab.reports) == 0 {
			continue
		}
		info.Missing = append(info.Missing, Text(doc.Title))
	}
	for _, t := range v.deadlines(d) {
		switch t.before {
		case "approved":
			info.DecideBy = t.due
		case "sent":
			info.SendBy = t.due
		}
	}
	return info
}

// deadline is a step that has to follow another within a time.
type deadline struct {
	after  dossierStep
	before event.DossierStep
	due    time.Time
	limit  rules.Span
	// done is the step that answers it, where it was taken.
	done *dossierStep
}

// deadlines lists the deadlines whose clock has started.
func (v *view) deadlines(d *dossier) []deadline {
	var list []deadline
	for _, rule := range []struct {
		after, before event.DossierStep
		limit         rules.Span
	}{
		{"compiled", "approved", v.rules.Dossier.Decide},
		{"approved", "sent", v.rules.Dossier.Send},
	} {
		start, ok := d.first(rule.after)
		if !ok {
			continue
		}
		t := deadline{after: start, before: rule.before, due: rule.limit.Limit.After(start.body.At.Time()), limit: rule.limit}
		if done, ok := d.first(rule.before); ok {
			t.done = &done
		} else if returned, ok := d.first("returned"); ok { // sent back for more work: a decision too
			t.done = &returned
		}
		list = append(list, t)
	}
	return list
}

var stepZH = map[event.DossierStep]string{
	"compiled": "编制完成", "legal_review": "法制审核", "deliberation": "集体讨论", "approved": "批准", "sent": "移送", "received": "接收", "returned": "退回",
}

func stepWord(s event.DossierStep) Text {
	return both(spaced(s), stepZH[s])
}

var _ = register(spec{
	code: "LEGAL_REVIEW_MISSING", severity: Curable, absence: true, source: "transfer of suspected crimes: through legal review and collective deliberation",
	title:   both("Dossier without legal review or deliberation", "案卷缺少法制审核或集体讨论"),
	explain: both("The transfer dossier was {step} by {who} at {at}, but before that there is no record of: {missing}.", "移送案卷由 {who} 于 {at} {step}，但此前没有以下记录：{missing}。"),
	cure:    both("The legal reviewer and the deliberating body seal their steps with opinion and minutes; if they took place earlier, with the signed originals.", "由法制审核人员和集体讨论机构补签相应步骤并附意见与纪要；如此前确已进行，附签署原件。"),
	find:    findLegalReviewMissing,
})

func findLegalReviewMissing(v *view, report func(finding)) {
	for _, d := range v.dossiers {
		step, ok := d.first("approved")
		if !ok {
			if step, ok = d.first("sent"); !ok {
				continue
			}
		}
		var missing []Text
		for _, need := range []event.DossierStep{"legal_review", "deliberation"} {
			if s, ok := d.first(need); !ok || s.body.At.Time().After(step.body.At.Time()) {
				missing = append(missing, stepWord(need))
			}
		}
		if len(missing) > 0 {
			report(finding{acts: d.acts(), args: args{
				"step": stepWord(step.body.Step), "who": v.actor(step.act), "at": when(step.body.At), "missing": listedTexts(missing),
			}})
		}
	}
}

var _ = register(spec{
	code: "TRANSFER_DEADLINE_MISSED", severity: Warning, source: "transfer of suspected crimes; limits dossier.decide and dossier.send of the rule pack",
	title:   both("Transfer deadline missed", "超过移送期限"),
	explain: both("The dossier was {after} at {at} and had to be {before} by {due} ({limit}); it was {before} at {done}, {late} late.", "案卷于 {at} {after}，应于 {due} 前（{limit}）{before}；实际于 {done} {before}，逾期 {late}。"),
	cure:    both("The reason for the delay is put on record; the step is taken at once where it is still open.", "将迟延原因记录在案；尚未完成的步骤应立即完成。"),
	variants: map[string]Text{
		"open": both("The dossier was {after} at {at} and had to be {before} by {due} ({limit}); no record says that it was. It is {late} late.", "案卷于 {at} {after}，应于 {due} 前（{limit}）{before}；尚无{before}记录，已逾期 {late}。"),
	},
	find: findDeadlineMissed,
})

func findDeadlineMissed(v *view, report func(finding)) {
	for _, d := range v.dossiers {
		for _, t := range v.deadlines(d) {
			f := finding{acts: []*act{t.after.act}, args: args{
				"after": stepWord(t.after.body.Step), "before": stepWord(t.before), "at": when(t.after.body.At), "due": clock(t.due),
				"limit": both(t.limit.Limit.String(), t.limit.Limit.ZH()),
			}}
			switch {
			case t.done != nil && t.done.body.At.Time().After(t.due):
				f.acts = append(f.acts, t.done.act)
				f.args["done"], f.args["late"] = when(t.done.body.At), span(t.done.body.At.Time().Sub(t.due))
				report(f)
			case t.done == nil && v.now.After(t.due):
				f.variant, f.absent = "open", true
				f.args["late"] = span(v.now.Sub(t.due))
				report(f)
			}
		}
	}
}
