package browsertest

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/chromedp"
)

// WCAG 2, 1.4.3: the least contrast of text, and of large text, which is 24 CSS
// pixels, or 18.66 in bold.
const (
	leastContrast      = 4.5
	leastContrastLarge = 3.0
	largePixels        = 24
	largeBoldPixels    = 18.66
	bold               = 700
)

// maxScript is what a page may weigh in script, in bytes: it must be quick on a slow machine.
const maxScript = 150 << 10

// Audit finds fault with what is on the page now: text with too little contrast,
// things to operate without a name, a page without a title or language, a page
// wider than the window, too much script.
func (p *Page) Audit() {
	p.T.Helper()
	for _, f := range p.AuditFaults() {
		p.T.Error(f)
	}
}

// AuditFaults is Audit that gives the faults.
func (p *Page) AuditFaults() (faults []string) {
	p.T.Helper()
	faults = append(faults, p.form()...)
	faults = append(faults, p.unnamed()...)
	return append(faults, p.contrast()...)
}

// form looks at the page as a whole.
func (p *Page) form() (faults []string) {
	var got struct {
		Title, Lang string
		Wide        float64
		Script      float64
		Over, Ids   []string
	}
	p.Eval(`({Title: document.title, Lang: document.documentElement.lang,
		Wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
		Script: performance.getEntriesByType('resource').filter((r) => r.name.split('?')[0].endsWith('.js')).reduce((n, r) => n + r.decodedBodySize, 0),
		Over: [...document.querySelectorAll('main *, header *')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !e.closest('.scroll, .visually-hidden, dialog')).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)),
		Ids: [...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i)})`, &got)
	if got.Title == "" || got.Lang == "" {
		faults = append(faults, fmt.Sprintf("the page has the title %q and the language %q", got.Title, got.Lang))
	}
	if got.Wide > 0 {
		faults = append(faults, fmt.Sprintf("the page is %v pixels wider than the window: %s", got.Wide, strings.Join(got.Over, " … ")))
	}
	if got.Script > maxScript {
		faults = append(faults, fmt.Sprintf("the page loads %v bytes of script, at most %d are allowed", got.Script, maxScript))
	}
	if len(got.Ids) > 0 {
		faults = append(faults, fmt.Sprintf("identifiers used twice: %s", strings.Join(got.Ids, ", ")))
	}
	return faults
}

// operable are the roles of what a person operates.
var operable = map[string]bool{"button": true, "link": true, "textbox": true, "searchbox": true, "combobox": true, "checkbox": true, "radio": true,
	"spinbutton": true, "slider": true, "listbox": true, "option": true, "menuitem": true, "tab": true, "image": true, "img": true, "switch": true,
	"dialog": true, "Date": true, "DateTime": true, "DisclosureTriangle": true}

// unnamed finds what a screen reader would announce without a name.
func (p *Page) unnamed() (faults []string) {
	for _, n := range Call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if n.Ignored || n.Role == nil || !operable[text(n.Role)] || text(n.Name) != "" {
			continue
		}
		faults = append(faults, fmt.Sprintf("a %s has no name: %s", text(n.Role), p.outer(n.BackendDOMNodeID)))
	}
	return faults
}

func text(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	s, err := strconv.Unquote(string(v.Value))
	if err != nil {
		return strings.TrimSpace(string(v.Value))
	}
	return strings.TrimSpace(s)
}

// outer is the beginning of a node's HTML.
func (p *Page) outer(id cdp.BackendNodeID) string {
	html := Call(p, dom.GetOuterHTML, dom.GetOuterHTMLParams{BackendNodeID: id}).OuterHTML
	return html[:min(len(html), 200)]
}

// marked lists the elements that show text of their own, each with a mark to find it by.
const marked = `(() => {
	const list = [];
	for (const e of document.body.querySelectorAll('*')) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
		const value = e.matches('input:not([type=checkbox],[type=radio],[type=file],[type=hidden]),select,textarea') && (e.value || e.placeholder);
		if (!(own || value) || !e.checkVisibility({opacityProperty: true, visibilityProperty: true}) || e.closest('svg, .visually-hidden, :disabled, [aria-disabled=true]')) continue;
		const r = e.getBoundingClientRect();
		if (r.width < 2 || r.height < 2) continue;
		const s = getComputedStyle(e);
		e.setAttribute('data-audit', list.length);
		list.push({Color: s.color, Size: parseFloat(s.fontSize), Weight: parseFloat(s.fontWeight) || 400, Text: (e.textContent || e.value || '').trim().slice(0, 60)});
	}
	return list;
})()`

// contrast compares each text's colour with the colours that are painted behind it.
func (p *Page) contrast() (faults []string) {
	var texts []struct {
		Color, Text  string
		Size, Weight float64
	}
	p.Eval(marked, &texts)
	behind := p.grounds(len(texts))
	p.Eval(`document.querySelectorAll('[data-audit]').forEach((e) => e.removeAttribute('data-audit'))`, nil)
	for i, x := range texts {
		least := leastContrast
		if x.Size >= largePixels || x.Size >= largeBoldPixels && x.Weight >= bold {
			least = leastContrastLarge
		}
		for _, back := range behind[i] {
			ratio, err := Contrast(x.Color, back)
			if err != nil {
				faults = append(faults, fmt.Sprintf("%q: %v", x.Text, err))
			} else if ratio < least {
				faults = append(faults, fmt.Sprintf("%q has a contrast of %.2f (%s on %s), at least %.1f is needed", x.Text, ratio, x.Color, back, least))
			}
		}
	}
	return faults
}

// grounds gives the colours behind each of n marked texts. A browser that has just
// come to a page may count its nodes anew meanwhile: then they are asked for again.
func (p *Page) grounds(n int) [][]string {
	Call(p, css.Enable, cdp.Empty{})
	defer Call(p, css.Disable, cdp.Empty{})
	for tries := 5; ; tries-- {
		behind, err := p.groundsOnce(n)
		if err == nil {
			return behind
		}
		if tries == 0 || !strings.Contains(err.Error(), "Could not find node") {
			p.T.Fatalf("CSS.getBackgroundColors: %v%s", err, p.where())
		}
	}
}

func (p *Page) groundsOnce(n int) ([][]string, error) {
	ctx, cancel := context.WithTimeout(p.Ctx, stepLimit)
	defer cancel()
	behind := make([][]string, n)
	for _, node := range p.nodes("[data-audit]", n) {
		at, err := strconv.Atoi(node.AttributeValue("data-audit"))
		if err != nil || at >= n {
			continue
		}
		out, err := chromedp.Call(ctx, css.GetBackgroundColors, css.GetBackgroundColorsParams{NodeID: node.NodeID})
		if err != nil {
			return nil, err
		}
		behind[at] = out.BackgroundColors
	}
	return behind, nil
}

// nodes finds elements through chromedp's own view of the document: asking the
// browser for the document anew would make every node that it knows unknown.
func (p *Page) nodes(selector string, n int) []*chromedp.Node {
	p.T.Helper()
	if n == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(p.Ctx, stepLimit)
	defer cancel()
	list, err := chromedp.Run(ctx, chromedp.Nodes(chromedp.CSSAll(selector)))
	if err != nil {
		p.T.Fatalf("finding %s: %v%s", selector, err, p.where())
	}
	return list
}
