package custody

import (
	"cmp"
	"slices"

	"fieldseal/sync/event"
)

// stage orders the derivations: each may use what the earlier stages made.
type stage int

const (
	stageTime   stage = iota // Record.Intervals
	stageChains              // handovers, chains of custody, laboratory
	stageItems               // physical items
	stageFiles               // digital items
	stageSeries              // air series, quantities
)

// derivation works out a part of the record that rules look at.
type derivation struct {
	stage stage
	name  string
	run   func(*view)
}

var derivations []derivation

// derive adds a derivation. It is called from package variables, like register.
func derive(s stage, name string, run func(*view)) bool {
	derivations = append(derivations, derivation{s, name, run})
	slices.SortFunc(derivations, func(a, b derivation) int {
		return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.name, b.name))
	})
	return true
}

// Evaluate judges a case. See the package comment for the contract.
func Evaluate(in Input) *Record {
	v := newView(in)
	for _, d := range derivations {
		d.run(v)
	}
	r := v.record
	v.describe(r)
	for _, s := range sorted() {
		s.find(v, func(f finding) {
			d := s.defect(f)
			if in.Hidden && (s.absence || f.absent) {
				r.NotShown = append(r.NotShown, d)
				return
			}
			r.Defects = append(r.Defects, d)
		})
	}
	v.waive(r.Defects)
	r.Defects, r.NotShown = settle(r.Defects), settle(r.NotShown)
	return r
}

// settle orders defects and drops what was found twice.
func settle(list []Defect) []Defect {
	slices.SortStableFunc(list, func(a, b Defect) int { return a.compare(&b) })
	return slices.CompactFunc(list, func(a, b Defect) bool { return a.ID == b.ID })
}

// describe fills in what the record says of itself.
func (v *view) describe(r *Record) {
	r.Judged, r.Hidden = v.now, v.in.Hidden
	r.Rules = RulesInfo{Pack: v.rules.ID, Version: v.rules.Version, Jurisdiction: v.rules.Jurisdiction, Effective: event.Date(v.rules.Effective)}
	r.Case.ID = v.in.Case
	if a, b := v.opening(); a != nil {
		r.Case = CaseInfo{
			ID: a.Event.Case, Number: b.Number, Title: b.Title, Authority: b.Authority,
			Opened: a.Event.Clock.Wall, OpenedBy: v.personName(a.Event.Actor),
		}
	}
	for _, a := range v.acts {
		if !a.Event.Case.IsZero() {
			r.Events++
		}
	}
	r.Amendments = v.amendmentInfos()
}
