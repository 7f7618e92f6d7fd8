package custody

import (
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

var _ = register(spec{
	code: "NO_SAMPLING_RECORD", severity: Fatal, absence: true,
	source: "法发〔2016〕22号 art. 14 and the transfer dossier's list: a sampling record belongs to every sample",
	title:  both("No sampling record", "缺少采样记录"),
	explain: both("Sample {label} of {start} has no sampling record: neither the sample names one, nor is a file of that kind attached to it or to its scene.",
		"{start} 采集的样品 {label} 没有采样记录：样品未载明，也没有此类文件附于该样品或其现场。"),
	cure: both("Attach the signed sampling record that was drawn up at the scene, about this sample. One drawn up afterwards has to say so.",
		"补附当场制作并签字的采样记录，并关联该样品；事后补制的应如实注明。"),
	find: func(v *view, report func(finding)) {
		recorded := map[event.Ref]bool{}
		for _, b := range each[*event.FileAttached](v) {
			if b.Kind == "sampling_record" {
				for _, ref := range b.About {
					recorded[ref] = true
				}
			}
		}
		for a, b := range each[*event.SampleCollected](v) {
			item := event.Ref{Kind: "sample", ID: b.Sample}
			site := event.Ref{Kind: "site", ID: b.Site}
			if b.Record != nil || recorded[item] || recorded[site] && !b.Site.IsZero() || madeElsewhere(b) {
				continue
			}
			report(finding{item: &item, acts: []*act{a}, args: args{"label": str(b.Label), "start": when(b.Start)}})
		}
	},
})

var _ = register(spec{
	code: "INCREMENTS_BELOW_MIN", severity: Fatal, absence: true,
	source: "HJ 298-2019, number of increments by mass; sampling.increments of the rule pack",
	title:  both("Too few increments", "份样数不足"),
	explain: both("{waste}: {n} increment(s) were taken in {samples} sample(s); for {mass} ({tier}) at least {min} are required ({source}).",
		"{waste}：{samples} 个样品共采集份样 {n} 份；按 {mass}（{tier}）至少应采 {min} 份（{source}）。"),
	variants: map[string]Text{
		"unknown": both("{waste}: {n} increment(s) were taken in {samples} sample(s); its mass is not recorded, and even the smallest amount requires {min} ({source}).",
			"{waste}：{samples} 个样品共采集份样 {n} 份；其质量未记录，即使最小量也至少应采 {min} 份（{source}）。"),
	},
	cure: both("If the waste is still there, take the missing increments; otherwise say in the report what the samples stand for and what not.",
		"废物仍在的，补采不足的份样；否则在报告中说明样品所能代表的范围。"),
	find: findFewIncrements,
})

// sampled is what was taken of one waste.
type sampled struct {
	ref        event.Ref
	acts       []*act
	increments int64
}

func findFewIncrements(v *view, report func(finding)) {
	var order []*sampled
	byWaste := map[event.UUID]*sampled{}
	for a, b := range each[*event.SampleCollected](v) {
		if b.Waste.IsZero() || b.QC != "primary" {
			continue
		}
		s := byWaste[b.Waste]
		if s == nil {
			s = &sampled{ref: event.Ref{Kind: "object", ID: b.Waste}}
			byWaste[b.Waste], order = s, append(order, s)
		}
		s.acts = append(s.acts, a)
		s.increments += max(1, b.Increments)
	}
	for _, s := range order {
		label, kind := v.objectLabel(s.ref)
		// A drum is sampled as one container: one sample stands for it.
		if kind == "barrel" {
			continue
		}
		f := finding{item: &s.ref, acts: s.acts, args: args{"waste": str(label), "n": count(s.increments), "samples": count(len(s.acts))}}
		kg, tier := v.massOf(s.ref)
		row := v.rules.Sampling.Increments[0]
		if kg == nil {
			f.variant = "unknown"
		} else {
			row = incrementsFor(v.rules, *kg)
			f.args["mass"], f.args["tier"] = num(kg, "kg"), tierText(tier)
		}
		if s.increments < row.Min {
			source := v.rules.SourceOf(row.Cited)
			f.args["min"], f.args["source"] = count(row.Min), both(source.Title.EN, source.Title.ZH)
			report(f)
		}
	}
}

// objectLabel is an object's label and kind as last recorded; its id where it was not.
func (v *view) objectLabel(ref event.Ref) (label string, kind event.ObjectKind) {
	label = ref.ID.String()
	for _, b := range concerning[*event.ObjectRecorded](v, ref) {
		if b.Object == ref.ID {
			label, kind = b.Label, b.Kind
		}
	}
	return label, kind
}

// tiers are the evidence tiers, the best first.
var tiers = []event.Tier{"weighed", "documented", "estimated"}

func tierText(t event.Tier) Text {
	switch t {
	case "weighed":
		return both("weighed", "过磅称重")
	case "documented":
		return both("documented", "书证载明")
	}
	return both("estimated", "估算")
}

// massOf adds up the masses recorded of an object in the best tier that has any.
// Tiers are never added together: they are different statements about the same waste.
func (v *view) massOf(ref event.Ref) (*decimal.Decimal, event.Tier) {
	sums := map[event.Tier]*decimal.Decimal{}
	for _, b := range concerning[*event.QuantityRecorded](v, ref) {
		if kg := massKG(b); kg != nil && b.Object == ref.ID {
			sums[b.Tier] = plus(sums[b.Tier], *kg)
		}
	}
	for _, t := range tiers {
		if sums[t] != nil {
			return sums[t], t
		}
	}
	return nil, ""
}

// massKG is the net mass of a quantity: as stated, or gross less tare; nil where neither is there.
func massKG(b *event.QuantityRecorded) *decimal.Decimal {
	if b.NetKG != nil {
		return b.NetKG
	}
	if b.GrossKG == nil || b.TareKG == nil {
		return nil
	}
	d, err := b.GrossKG.Sub(*b.TareKG)
	if err != nil {
		return nil
	}
	return &d
}

// plus adds exactly; a sum that no decimal holds is nil, which says unknown.
func plus(sum *decimal.Decimal, d decimal.Decimal) *decimal.Decimal {
	if sum == nil {
		return &d
	}
	s, err := sum.Add(d)
	if err != nil {
		return nil
	}
	return &s
}

// perKG turns kilograms into tonnes, kgPerTonne the other way.
var (
	perKG      = decimal.Decimal{N: 1, S: 3}
	kgPerTonne = decimal.FromInt(1000)
)

// incrementsFor is the row of the table for a mass. A mass whose tonnes no
// decimal holds has too many digits to be anything but large.
func incrementsFor(p *rules.Pack, kg decimal.Decimal) rules.Increment {
	tonnes, err := kg.Mul(perKG)
	if err != nil {
		rows := p.Sampling.Increments
		return rows[len(rows)-1]
	}
	return p.IncrementsFor(tonnes)
}
