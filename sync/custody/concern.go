package custody

import (
	"slices"

	"fieldseal/sync/event"
)

// Concerning sorts the record's defects by the items that they concern: those that
// a defect names; of one that names none, those of a handover that it names, and
// those with results in a report that it names. rest are the defects that concern no item of the record.
// Each list is in the record's order.
func (r *Record) Concerning() (byItem map[event.Ref][]*Defect, rest []*Defect) {
	direct, behind := map[event.Ref]bool{}, map[event.Ref][]event.Ref{}
	for i := range r.Items {
		it := &r.Items[i]
		direct[it.Ref] = true
		for _, x := range it.Results {
			report := event.Ref{Kind: "report", ID: x.Report}
			behind[report] = append(behind[report], it.Ref)
		}
	}
	for _, h := range r.Handovers {
		ref := event.Ref{Kind: "handover", ID: h.Handover}
		for _, x := range h.Refs {
			if direct[x] {
				behind[ref] = append(behind[ref], x)
			}
		}
	}
	byItem = map[event.Ref][]*Defect{}
	for i := range r.Defects {
		d := &r.Defects[i]
		named := d.named()
		on := slices.DeleteFunc(slices.Clone(named), func(r event.Ref) bool { return !direct[r] })
		if len(on) == 0 {
			for _, ref := range named {
				on = append(on, behind[ref]...)
			}
		}
		if len(on) == 0 {
			rest = append(rest, d)
		}
		for _, ref := range on {
			if !slices.Contains(byItem[ref], d) {
				byItem[ref] = append(byItem[ref], d)
			}
		}
	}
	return byItem, rest
}

// named are the things that a defect is about or touches.
func (d *Defect) named() []event.Ref {
	list := slices.Clone(d.Also)
	if d.Item != nil {
		list = append(list, *d.Item)
	}
	return list
}
