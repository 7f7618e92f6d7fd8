package rules

import (
	"slices"
	"strings"
	"unicode"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/unit"
)

// fold brings the spellings of a word together: letter case, white space and
// hyphens do not count, and the two micro signs are one letter.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || r == '-' || r == '‐' || r == '–':
			return -1
		case r == 'μ' || r == 'µ':
			return 'u'
		case r == '³':
			return '3'
		}
		return unicode.ToLower(r)
	}, s)
}

// SourceOf is the source that a figure cites. Parse has checked that there is one.
func (p *Pack) SourceOf(c Cited) Source { return p.Sources[c.Source] }

// Unconfirmed reports whether nobody has compared the figure with its source.
func (p *Pack) Unconfirmed(c Cited) bool { return !p.Sources[c.Source].Confirmed }

// Group finds a group by its id.
func (p *Pack) Group(id string) (Group, bool) {
	for _, g := range p.Groups {
		if g.ID == id {
			return g, true
		}
	}
	return Group{}, false
}

// HoldingOf is the holding time of a group in a matrix.
func (p *Pack) HoldingOf(group string, m event.Matrix) (Holding, bool) {
	for _, h := range p.Holding {
		if h.Group == group && slices.Contains(h.Matrices, m) {
			return h, true
		}
	}
	return Holding{}, false
}

// PreservationOf is how a group is kept in a matrix.
func (p *Pack) PreservationOf(group string, m event.Matrix) (Preservation, bool) {
	for _, r := range p.Preservation {
		if r.Group == group && slices.Contains(r.Matrices, m) {
			return r, true
		}
	}
	return Preservation{}, false
}

// GroupOf finds the group that a result belongs to: by CAS number, then by the
// analyte's name, then by the method.
func (p *Pack) GroupOf(cas, analyte, method string) (string, bool) {
	cas, analyte, method = strings.TrimSpace(cas), fold(analyte), fold(method)
	for _, g := range p.Groups {
		if cas != "" && slices.Contains(g.CAS, cas) {
			return g.ID, true
		}
	}
	is := func(want string) func(string) bool {
		return func(s string) bool { return want != "" && fold(s) == want }
	}
	for _, g := range p.Groups {
		if slices.ContainsFunc(g.Analytes, is(analyte)) {
			return g.ID, true
		}
	}
	for _, g := range p.Groups {
		if slices.ContainsFunc(g.Methods, is(method)) {
			return g.ID, true
		}
	}
	return "", false
}

// SameMethod reports whether two method numbers are one, written alike or not.
func SameMethod(a, b string) bool { return fold(a) == fold(b) }

// SameUnit reports whether two units are one, written alike or not.
func SameUnit(a, b string) bool {
	if fold(a) == fold(b) {
		return true
	}
	u, okU := unit.Parse(a)
	w, okW := unit.Parse(b)
	return okU && okW && u.Code == w.Code
}

// Word finds the word that a spelling stands for; kind is "container" or "preservative".
func (p *Pack) Word(kind, spelling string) (Spelling, bool) {
	want := fold(spelling)
	for _, s := range p.Spellings {
		if s.Kind == kind && (fold(s.Word) == want || fold(s.Title.EN) == want || fold(s.Title.ZH) == want ||
			slices.ContainsFunc(s.Also, func(f string) bool { return fold(f) == want })) {
			return s, true
		}
	}
	return Spelling{}, false
}

// UnitsOf is the set of units for results in a matrix.
func (p *Pack) UnitsOf(m event.Matrix) (UnitSet, bool) {
	for _, set := range p.Units {
		if slices.Contains(set.Matrices, m) {
			return set, true
		}
	}
	return UnitSet{}, false
}

// Find finds a unit of the set by any of the pack's spellings of it, and by those
// that package unit knows (the code that an import gave it, such as ug/L).
func (set *UnitSet) Find(spelling string) (Unit, bool) {
	want := fold(spelling)
	for _, u := range set.Units {
		if fold(u.Unit) == want || slices.ContainsFunc(u.Also, func(f string) bool { return fold(f) == want }) {
			return u, true
		}
	}
	if known, ok := unit.Parse(spelling); ok {
		for _, u := range set.Units {
			if w, ok := unit.Parse(u.Unit); ok && w.Code == known.Code {
				return u, true
			}
		}
	}
	return Unit{}, false
}

// RPDOf is the limit on the relative percent difference of duplicates in a matrix.
func (p *Pack) RPDOf(m event.Matrix) (RPD, bool) {
	for _, r := range p.QC.RPD {
		if slices.Contains(r.Matrices, m) {
			return r, true
		}
	}
	return RPD{}, false
}

// IncrementsFor is the row of the table of increments for a mass of waste in tonnes.
func (p *Pack) IncrementsFor(tonnes decimal.Decimal) Increment {
	for _, r := range p.Sampling.Increments {
		if r.UpTo == nil || tonnes.Cmp(r.UpTo.Decimal) <= 0 {
			return r
		}
	}
	return Increment{}
}

// ValidCAS reports whether s is a CAS registry number, digits and hyphens, with
// the right check digit: the sum of the digits before it, each times its place
// from the right, modulo ten.
func ValidCAS(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) != 3 || len(parts[0]) < 2 || len(parts[0]) > 7 || len(parts[1]) != 2 || len(parts[2]) != 1 || parts[0][0] == '0' {
		return false
	}
	digits, sum := parts[0]+parts[1]+parts[2], 0
	for i := range len(digits) {
		c := digits[len(digits)-1-i]
		if c < '0' || c > '9' {
			return false
		}
		sum += i * int(c-'0')
	}
	return sum%10 == int(digits[len(digits)-1]-'0')
}
