package custody

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// DefectInfo describes a defect code for people and programs.
type DefectInfo struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Title    Text     `json:"title"`
	// Explanation and Cure are templates; {names} stand for the facts of a finding.
	Explanation Text `json:"explanation"`
	Cure        Text `json:"cure"`
	// Variants are the other ways in which the rule can be broken, by name.
	Variants []VariantInfo `json:"variants,omitzero"`
	// Source says where the rule comes from.
	Source string `json:"source"`
	// Waivable: an authority's decision can excuse it.
	Waivable bool `json:"waivable"`
	// Implemented: a function looks for it. Every registered code has one.
	Implemented bool `json:"implemented"`
}

// VariantInfo is one way in which a rule can be broken.
type VariantInfo struct {
	Variant     string `json:"variant"`
	Explanation Text   `json:"explanation"`
	Cure        Text   `json:"cure"`
}

// Catalog lists every defect code in alphabetical order.
func Catalog() []DefectInfo {
	var list []DefectInfo
	for _, s := range sorted() {
		info := DefectInfo{
			Code: s.code, Severity: s.severity, Title: s.title, Explanation: s.explain, Cure: s.cure,
			Source: s.source, Waivable: !s.unwaivable, Implemented: s.find != nil,
		}
		for name := range s.variants {
			explain, cure := s.texts(name)
			info.Variants = append(info.Variants, VariantInfo{name, explain, cure})
		}
		slices.SortFunc(info.Variants, func(a, b VariantInfo) int { return cmp.Compare(a.Variant, b.Variant) })
		list = append(list, info)
	}
	return list
}

// CatalogJSON is the catalog as indented JSON, for programs that show defects.
func CatalogJSON() ([]byte, error) {
	return json.Marshal(Catalog(), json.Deterministic(true), jsontext.WithIndent("  "))
}

var severityTitle = map[Severity]string{Fatal: "Fatal risk (F)", Curable: "Curable (C)", Warning: "Warning (W)"}

// CatalogMarkdown is the catalog as a page of documentation in both languages,
// the gravest first.
func CatalogMarkdown() string {
	var b strings.Builder
	all := Catalog()
	fmt.Fprintf(&b, "# Custody defects\n\nGenerated from the rules in sync/custody; %d codes. Words in braces stand for the facts of a finding.\n", len(all))
	for _, sev := range []Severity{Fatal, Curable, Warning} {
		fmt.Fprintf(&b, "\n## %s\n", severityTitle[sev])
		for _, d := range all {
			if d.Severity == sev {
				d.markdown(&b)
			}
		}
	}
	return b.String()
}

func (d *DefectInfo) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n### %s\n\n%s · %s\n\n", d.Code, d.Title.EN, d.Title.ZH)
	fmt.Fprintf(b, "- %s\n- %s\n- Cure: %s\n- 补正：%s\n", d.Explanation.EN, d.Explanation.ZH, d.Cure.EN, d.Cure.ZH)
	for _, v := range d.Variants {
		fmt.Fprintf(b, "- `%s`: %s\n- `%s`：%s\n", v.Variant, v.Explanation.EN, v.Variant, v.Explanation.ZH)
		if v.Cure != d.Cure {
			fmt.Fprintf(b, "- `%s`, cure: %s\n- `%s`，补正：%s\n", v.Variant, v.Cure.EN, v.Variant, v.Cure.ZH)
		}
	}
	fmt.Fprintf(b, "- Source: %s\n", d.Source)
	if !d.Waivable {
		fmt.Fprintf(b, "- No waiver excuses it.\n")
	}
}

// About lists the defects of a thing: those of which it is the subject and those
// that touch it, such as one of a handover that it was part of.
func (r *Record) About(ref event.Ref) []Defect {
	var list []Defect
	for _, d := range r.Defects {
		if d.Item != nil && *d.Item == ref || slices.Contains(d.Also, ref) {
			list = append(list, d)
		}
	}
	return list
}

// Open lists the defects that no waiver excuses.
func (r *Record) Open() []Defect {
	return slices.DeleteFunc(slices.Clone(r.Defects), func(d Defect) bool { return d.Waived != nil })
}
