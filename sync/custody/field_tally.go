package custody

import (
	"bytes"
	"cmp"
	"slices"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// Quantity is how much of one waste was recorded of one party, by tier. Tiers
// are never added together: a load that was weighed and also stands in a
// waybill would count twice.
type Quantity struct {
	// Party is absent where the record names none.
	Party event.UUID `json:"party,omitzero"`
	Name  string     `json:"name,omitzero"`
	Waste string     `json:"waste"`
	// Codes are the waste codes given, each once.
	Codes []string   `json:"codes,omitzero"`
	Tier  event.Tier `json:"tier"`
	// NetKG is the exact sum in kilograms; absent where no record gives a mass or
	// no decimal holds the sum.
	NetKG      *decimal.Decimal `json:"net_kg,omitzero"`
	Containers int64            `json:"containers,omitzero"`
	// Records counts the records, WithoutMass those among them that give none.
	Records     int64      `json:"records"`
	WithoutMass int64      `json:"without_mass,omitzero"`
	Events      []event.ID `json:"events"`
	// Thresholds shows the sum beside statutory thresholds. Whether the waste is
	// what the threshold is about is not for this record to say.
	Thresholds []Threshold `json:"thresholds,omitzero"`
}

// Threshold is a figure beside a legal threshold: shown, never concluded from.
type Threshold struct {
	ID    string          `json:"id"`
	Title Text            `json:"title"`
	Limit decimal.Decimal `json:"limit"`
	Unit  string          `json:"unit"`
	// Op is how a figure stands to the limit where the limit counts.
	Op string `json:"op"`
	// Ratio is the figure divided by the limit, rounded to four places.
	Ratio *decimal.Decimal `json:"ratio,omitzero"`
	// Reached says how the figures compare and nothing else.
	Reached bool `json:"reached"`
	// Source is where the limit comes from; Unconfirmed that nobody has checked it there.
	Source      Text `json:"source"`
	Unconfirmed bool `json:"unconfirmed,omitzero"`
}

// ratioScale is the number of places that ratios are shown with.
const ratioScale = 4

var _ = derive(stageSeries, "quantities", func(v *view) {
	type key struct {
		party event.UUID
		waste string
		tier  event.Tier
	}
	byKey := map[key]*Quantity{}
	var list []*Quantity
	for a, b := range each[*event.QuantityRecorded](v) {
		k := key{b.Party, b.Waste, b.Tier}
		q := byKey[k]
		if q == nil {
			q = &Quantity{Party: b.Party, Name: v.partyName(b.Party), Waste: b.Waste, Tier: b.Tier}
			byKey[k], list = q, append(list, q)
		}
		q.take(a, b)
	}
	slices.SortFunc(list, func(a, b *Quantity) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), bytes.Compare(a.Party[:], b.Party[:]), cmp.Compare(a.Waste, b.Waste),
			cmp.Compare(slices.Index(tiers, a.Tier), slices.Index(tiers, b.Tier)))
	})
	for _, q := range list {
		if q.NetKG != nil {
			q.Thresholds = massThresholds(v.rules, *q.NetKG)
		}
		v.record.Quantities = append(v.record.Quantities, *q)
	}
})

// take adds one record. Once a sum cannot be held it stays unknown.
func (q *Quantity) take(a *act, b *event.QuantityRecorded) {
	q.Records++
	q.Events = append(q.Events, a.ID)
	q.Containers += b.Containers
	if b.WasteCode != "" && !slices.Contains(q.Codes, b.WasteCode) {
		q.Codes = append(q.Codes, b.WasteCode)
		slices.Sort(q.Codes)
	}
	kg := massKG(b)
	if kg == nil {
		q.WithoutMass++
		return
	}
	if q.NetKG == nil && q.Records-q.WithoutMass > 1 {
		return
	}
	q.NetKG = plus(q.NetKG, *kg)
}

// partyName names a party as last recorded.
func (v *view) partyName(id event.UUID) string {
	name := ""
	for _, b := range concerning[*event.PartyRecorded](v, event.Ref{Kind: "party", ID: id}) {
		name = b.Name
	}
	return name
}

// massThresholds sets a mass beside every threshold of the pack that is one of mass.
func massThresholds(p *rules.Pack, kg decimal.Decimal) (list []Threshold) {
	for _, l := range p.Limits {
		if l.Unit != "t" {
			continue
		}
		limit, err := l.Value.Mul(kgPerTonne)
		if err != nil {
			continue
		}
		source := p.SourceOf(l.Cited)
		t := Threshold{
			ID: l.ID, Title: Text(l.Title), Limit: l.Value.Decimal, Unit: l.Unit, Op: l.Op,
			Reached: stands(kg, limit, l.Op), Source: Text(source.Title), Unconfirmed: p.Unconfirmed(l.Cited),
		}
		if r, err := kg.Quo(limit, ratioScale); err == nil {
			t.Ratio = &r
		}
		list = append(list, t)
	}
	return list
}

// stands reports how a figure compares with a limit.
func stands(v, limit decimal.Decimal, op string) bool {
	c := v.Cmp(limit)
	switch op {
	case ">":
		return c > 0
	case "<=":
		return c <= 0
	}
	return c >= 0
}
