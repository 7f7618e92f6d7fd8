package custody

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"fieldseal/sync/event"
)

// Code names a kind of defect; part of the interface of the API and the bundle.
type Code string

// Severity says how much a defect weighs.
type Severity string

// The severities.
const (
	// Fatal: the evidence risks being excluded.
	Fatal Severity = "F"
	// Curable: a stated act can still put it right or explain it.
	Curable Severity = "C"
	// Warning: somebody should look at it.
	Warning Severity = "W"
)

func (s Severity) rank() int { return slices.Index([]Severity{Fatal, Curable, Warning}, s) }

// Defect is one finding in a case.
type Defect struct {
	// ID is stable for a finding: it comes from the code, the thing and the
	// events, and from no index or clock.
	ID       string   `json:"id"`
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Variant tells the ways apart in which one rule can be broken; empty for the plain one.
	Variant string `json:"variant,omitzero"`
	Title   Text   `json:"title"`
	// Item is the thing that the defect is about; absent where it is the case.
	Item *event.Ref `json:"item,omitzero"`
	// Also lists the other things that it touches.
	Also   []event.Ref `json:"also,omitzero"`
	Events []event.ID  `json:"events,omitzero"`
	// Detail carries the facts that the texts are filled with.
	Detail      []Arg   `json:"detail,omitzero"`
	Explanation Text    `json:"explanation"`
	Cure        Text    `json:"cure"`
	Waived      *Waiver `json:"waived,omitzero"`
}

// Waiver excuses a defect by somebody's authority.
type Waiver struct {
	Waiver    event.UUID `json:"waiver"`
	Event     event.ID   `json:"event"`
	By        event.UUID `json:"by"`
	ByName    string     `json:"by_name"`
	Authority string     `json:"authority"`
	Reason    string     `json:"reason"`
	// Document is the digest of the decision, where a file of it was given.
	Document event.Digest `json:"document,omitzero"`
	At       event.Stamp  `json:"at"`
}

// finding is what a rule reports; its spec gives it code, severity and texts.
type finding struct {
	variant string
	item    *event.Ref
	also    []event.Ref
	acts    []*act
	args    args
	// absent says that the finding rests on something not being there, whatever the spec says.
	absent bool
}

// finder is the function behind a defect code. It reports each finding once.
type finder func(v *view, report func(finding))

// spec is all that is known of a defect code.
type spec struct {
	code     Code
	severity Severity
	title    Text
	// explain and cure are templates with {placeholders} that finding.args fill.
	explain Text
	cure    Text
	// variants replace explain, and cures replace cure, for findings of that variant.
	variants map[string]Text
	cures    map[string]Text
	// source says where the rule comes from.
	source string
	// absence says that the defect consists in something not being there.
	absence bool
	// unwaivable: no waiver excuses it.
	unwaivable bool
	find       finder
}

// specs holds every registered code.
var specs = map[Code]*spec{}

// register adds a defect code, once. It is called from package variables:
//
//	var _ = register(spec{code: "SELF_HANDOVER", …})
//
// A spec that is incomplete or registered twice is a programming error.
func register(s spec) bool {
	if specs[s.code] != nil {
		panic("custody: defect code registered twice: " + string(s.code))
	}
	if s.code == "" || s.severity.rank() < 0 || s.find == nil || s.source == "" {
		panic("custody: incomplete defect code: " + string(s.code))
	}
	specs[s.code] = &s
	return true
}

// sorted lists the registered codes in alphabetical order.
func sorted() []*spec {
	list := make([]*spec, 0, len(specs))
	for _, s := range specs {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *spec) int { return cmp.Compare(a.code, b.code) })
	return list
}

// texts gives explanation and cure templates of a variant.
func (s *spec) texts(variant string) (explain, cure Text) {
	explain, cure = s.explain, s.cure
	if t, ok := s.variants[variant]; ok && variant != "" {
		explain = t
	}
	if t, ok := s.cures[variant]; ok && variant != "" {
		cure = t
	}
	return explain, cure
}

// defect makes a finding into a defect.
func (s *spec) defect(f finding) Defect {
	explain, cure := s.texts(f.variant)
	d := Defect{
		Code: s.code, Severity: s.severity, Variant: f.variant, Title: s.title,
		Item: f.item, Also: f.also, Detail: f.args.list(),
		Explanation: explain.fill(f.args), Cure: cure.fill(f.args),
	}
	for _, a := range f.acts {
		if a != nil && !slices.Contains(d.Events, a.ID) {
			d.Events = append(d.Events, a.ID)
		}
	}
	d.ID = d.fingerprint()
	return d
}

// fingerprint identifies a finding by what it is about. Facts take part because
// one event can break one rule twice, in two of its rows.
func (d *Defect) fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", d.Code, d.Variant)
	if d.Item != nil {
		fmt.Fprintf(h, "%s %s\n", d.Item.Kind, d.Item.ID)
	}
	for _, id := range d.Events {
		fmt.Fprintf(h, "%s\n", id)
	}
	for _, a := range d.Detail {
		fmt.Fprintf(h, "%s=%q\n", a.Name, a.EN)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// compare orders defects by weight, then code, then thing, then identity.
func (d *Defect) compare(o *Defect) int {
	return cmp.Or(
		cmp.Compare(d.Severity.rank(), o.Severity.rank()),
		cmp.Compare(d.Code, o.Code),
		compareRefs(d.Item, o.Item),
		cmp.Compare(d.ID, o.ID),
	)
}

func compareRefs(a, b *event.Ref) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), slices.Compare(a.ID[:], b.ID[:]))
}
