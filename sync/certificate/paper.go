package certificate

import (
	"bytes"
	"fmt"
	"io"

	"codeberg.org/go-pdf/fpdf"
)

// The page in millimetres: A4, with a left margin that a binder's holes leave readable.
const (
	pageWidth  = 210.0
	pageHeight = 297.0
	leftEdge   = 22.0
	rightEdge  = 16.0
	topEdge    = 20.0
	bottomEdge = 20.0
	bodyWidth  = pageWidth - leftEdge - rightEdge
	bodyBottom = pageHeight - bottomEdge
)

// The greys and lines.
const (
	greyLevel = 90
	thinLine  = 0.15
	midLine   = 0.35
	thickLine = 0.7
	// strokeBold makes the Chinese font, which has no bold, bold: part of its size.
	strokeBold = 0.028
)

var familyOf = [faces]string{"text", "textbold", "mono", "chinese"}

// paper sets text on pages. The first error stays and ends the document.
type paper struct {
	pdf   *fpdf.Fpdf
	fonts *Fonts
	zh    bool
	y     float64
	added [faces]bool
	// title is a heading that waits for what it is the heading of, so that no page ends with it.
	title string
	err   error
}

func newPaper(f *Fonts, zh bool) *paper {
	p := &paper{pdf: fpdf.New("P", "mm", "A4", ""), fonts: f, zh: zh}
	p.pdf.SetMargins(leftEdge, topEdge, rightEdge)
	p.pdf.SetAutoPageBreak(false, 0)
	p.pdf.SetCatalogSort(true)
	p.pdf.SetLineCapStyle("butt")
	p.page()
	return p
}

func (p *paper) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *paper) page() {
	p.pdf.AddPage()
	p.y = topEdge
}

// room begins a new page where less than height is left on this one.
func (p *paper) room(height float64) {
	if p.y+height > bodyBottom && p.y > topEdge {
		p.page()
	}
}

// gap leaves space, but none at the head of a page.
func (p *paper) gap(height float64) {
	if p.y > topEdge {
		p.y += height
	}
}

// use selects a face and embeds it when it is first needed.
func (p *paper) use(fc face, size float64) {
	if !p.added[fc] {
		p.added[fc] = true
		// A copy: the library writes into what it is given when it cuts the font down.
		p.pdf.AddUTF8FontFromBytes(familyOf[fc], "", bytes.Clone(p.fonts.data[fc]))
	}
	p.pdf.SetFont(familyOf[fc], "", size)
}

// draw sets a line with its left edge at x and its top at y.
func (p *paper) draw(l line, x, y float64) {
	base := y + l.height*0.76
	for _, c := range l.pieces {
		p.use(c.face, c.style.size)
		grey := 0
		if c.style.grey {
			grey = greyLevel
		}
		p.pdf.SetTextColor(grey, grey, grey)
		thicken := c.face == chinese && c.style.face == bold
		if thicken {
			p.pdf.SetDrawColor(grey, grey, grey)
			p.pdf.SetLineWidth(c.style.size * strokeBold * mmPerPoint)
			p.pdf.SetTextRenderingMode(2)
		}
		p.pdf.Text(x+c.x, base, c.text)
		if thicken {
			p.pdf.SetTextRenderingMode(0)
		}
	}
}

// text sets a paragraph over the whole width, across pages where need be.
func (p *paper) text(spans ...span) { p.block(leftEdge, bodyWidth, spans...) }

// block sets a paragraph between two edges.
func (p *paper) block(x, width float64, spans ...span) {
	p.open(0)
	for _, l := range p.wrap(spans, width) {
		p.room(l.height)
		p.draw(l, x, p.y)
		p.y += l.height
	}
}

// rule draws a line across the page.
func (p *paper) rule(width float64) { p.stroke(leftEdge, p.y, leftEdge+bodyWidth, p.y, width) }

func (p *paper) stroke(x1, y1, x2, y2, width float64) {
	p.pdf.SetDrawColor(0, 0, 0)
	p.pdf.SetLineWidth(width)
	p.pdf.Line(x1, y1, x2, y2)
}

// section begins a part of the document, and its place in the outline.
func (p *paper) section(title string) {
	p.gap(6)
	p.room(28)
	p.mark(title, 0)
	p.text(span{title, styleSection})
	p.y += 0.8
	p.rule(thickLine)
	p.y += 2.2
}

// heading begins a part of a section. It is set together with what follows it.
func (p *paper) heading(title string) { p.title = title }

// open makes room for what is height high, with the heading that waits.
func (p *paper) open(height float64) {
	if p.title == "" {
		p.room(height)
		return
	}
	lines := p.wrap([]span{{p.title, styleSub}}, bodyWidth)
	p.title = ""
	own := float64(len(lines)) * styleSub.line
	p.gap(2.2)
	p.room(own + max(height, styleBody.line))
	for _, l := range lines {
		p.draw(l, leftEdge, p.y)
		p.y += l.height
	}
	p.y += 0.4
}

// mark puts the present place into the outline. The library writes the text as
// UTF-16 where such a font is in use.
func (p *paper) mark(title string, level int) {
	p.use(regular, styleBody.size)
	p.pdf.Bookmark(plain(title), level, p.y)
}

// finish writes head and foot of every page, and the document.
func (p *paper) finish(w io.Writer, foot func(page, pages int) (left, right string), head string) error {
	pages := p.pdf.PageCount()
	for n := 1; n <= pages && p.err == nil; n++ {
		p.pdf.SetPage(n)
		y := pageHeight - bottomEdge + 6
		p.stroke(leftEdge, y-1.5, leftEdge+bodyWidth, y-1.5, thinLine)
		left, right := foot(n, pages)
		rest := p.wrap([]span{{right, styleFoot}}, bodyWidth)[0]
		p.draw(rest, leftEdge+bodyWidth-rest.width, y)
		for i, l := range p.wrap([]span{{left, styleFoot}}, bodyWidth-rest.width-4) {
			if i < 2 {
				p.draw(l, leftEdge, y+float64(i)*styleFoot.line)
			}
		}
		if n > 1 {
			l := p.wrap([]span{{head, styleFoot}}, bodyWidth)[0]
			p.draw(l, leftEdge, topEdge-9)
			p.stroke(leftEdge, topEdge-4.5, leftEdge+bodyWidth, topEdge-4.5, thinLine)
		}
	}
	p.pdf.SetPage(pages)
	if p.err != nil {
		return p.err
	}
	if err := p.pdf.Output(w); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return nil
}
