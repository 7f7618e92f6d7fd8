package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

// Options say how to write a page.
type Options struct {
	// Language of the page; the texts of people stay as they wrote them.
	Language bag.Language
	// Other is the relative address of the same page in the other language; empty where there is none.
	Other string
	// Item limits the page to one exhibit; nil shows all.
	Item *event.Ref
}

// Render writes the page of a verdict. A verdict without checks is what the
// writer of a bundle knows when it makes one.
func Render(w io.Writer, v *verify.Verdict, o Options) error {
	p := newPage(v, o)
	t, err := template.New("page").Funcs(p.funcs()).Parse(pageText)
	if err != nil {
		return fmt.Errorf("report: the page's template: %w", err)
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// page is what the template shows.
type page struct {
	*verify.Verdict
	Options
	Style template.CSS
	// Physical, Originals and Derivatives divide the items.
	Physical, Originals, Derivatives []custody.Item
	// General are the defects of no item.
	General []custody.Defect
	byItem  map[event.Ref][]custody.Defect
	labels  map[event.Ref]string
	files   map[event.Digest]verify.Media
}

func newPage(v *verify.Verdict, o Options) *page {
	p := &page{Verdict: v, Options: o, Style: template.CSS(styleText), byItem: map[event.Ref][]custody.Defect{},
		labels: map[event.Ref]string{}, files: map[event.Digest]verify.Media{}}
	for _, m := range v.Media {
		p.files[m.SHA256] = m
	}
	if v.Record == nil {
		return p
	}
	for _, it := range v.Record.Items {
		p.labels[it.Ref] = it.Label
		if o.Item != nil && *o.Item != it.Ref {
			continue
		}
		switch {
		case it.Kind == custody.Physical:
			p.Physical = append(p.Physical, it)
		case derived(&it):
			p.Derivatives = append(p.Derivatives, it)
		default:
			p.Originals = append(p.Originals, it)
		}
	}
	for _, d := range v.Record.Defects {
		on := slices.Clone(d.Also)
		if d.Item != nil {
			on = append(on, *d.Item)
		}
		placed := false
		for _, r := range on {
			if _, ok := p.labels[r]; ok {
				p.byItem[r] = append(p.byItem[r], d)
				placed = true
			}
		}
		if !placed {
			p.General = append(p.General, d)
		}
	}
	return p
}

// derived reports whether a digital item is a crop, copy or enhancement of another.
func derived(it *custody.Item) bool {
	return slices.ContainsFunc(it.Hashes, func(h custody.HashStep) bool { return h.What == "derived" })
}

// ZH reports whether the page is in Chinese.
func (p *page) ZH() bool { return p.Language == bag.Chinese }

func (p *page) funcs() template.FuncMap {
	return template.FuncMap{
		"t":            p.word,
		"text":         p.text,
		"when":         when,
		"stamp":        func(s event.Stamp) string { return when(s.Time()) },
		"short":        func(id fmt.Stringer) string { return id.String()[:12] },
		"label":        p.label,
		"defects":      func(r event.Ref) []custody.Defect { return p.byItem[r] },
		"span":         p.span,
		"milliseconds": func(n int64) string { return p.span(time.Duration(n) * time.Millisecond) },
		"proven":       p.proven,
		"ledger":       p.ledger,
		"place":        place,
		"count":        func(s string) int { return p.count(custody.Severity(s)) },
		"file":         func(d event.Digest) verify.Media { return p.files[d] },
		"yes":          yes,
	}
}

// yes is the key of an answer's word.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (p *page) text(t verify.Text) string {
	if p.ZH() {
		return t.ZH
	}
	return t.EN
}

// when writes a time to the second with its offset; a dash for none.
func when(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.Format("2006-01-02 15:04:05 -07:00")
}

// label names a thing by what is written on it.
func (p *page) label(r event.Ref) string {
	if l, ok := p.labels[r]; ok && l != "" {
		return l
	}
	return fmt.Sprintf("%s %s", p.word("ref."+string(r.Kind)), r.ID)
}

// span writes a length of time.
func (p *page) span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d <= 0:
		return "—"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d %s %d %s", d/(24*time.Hour), p.word("unit.d"), d%(24*time.Hour)/time.Hour, p.word("unit.h"))
	case d >= time.Hour:
		return fmt.Sprintf("%d %s %d %s", d/time.Hour, p.word("unit.h"), d%time.Hour/time.Minute, p.word("unit.min"))
	}
	return fmt.Sprintf("%d %s %d %s", d/time.Minute, p.word("unit.min"), d%time.Minute/time.Second, p.word("unit.s"))
}

// proven writes the interval within which an event was sealed.
func (p *page) proven(id event.ID) string {
	i, ok := p.Record.Intervals[id]
	if !ok || i.NotBefore.IsZero() && i.NotAfter.IsZero() {
		return p.word("none")
	}
	return when(i.NotBefore) + " … " + when(i.NotAfter)
}

// ledger names the ledger that proves an event first, where there are several.
func (p *page) ledger(id event.ID) string {
	n, ok := p.ProvenBy[id]
	if !ok {
		return ""
	}
	return p.Ledgers[n].Origin
}

// place writes a fix with its datum.
func place(pl *event.Place) string {
	if pl == nil {
		return ""
	}
	return fmt.Sprintf("%s, %s (%s)", degrees(pl.LatE7), degrees(pl.LonE7), pl.Datum)
}

// degrees writes an angle of 1e-7 degree to five decimals, about a metre.
func degrees(e7 int64) string {
	sign := ""
	if e7 < 0 {
		sign, e7 = "-", -e7
	}
	return fmt.Sprintf("%s%d.%05d°", sign, e7/1e7, e7%1e7/100)
}

func (p *page) count(s custody.Severity) int {
	n := 0
	for _, d := range p.Record.Defects {
		if d.Severity == s {
			n++
		}
	}
	return n
}
