package certificate

// cell is what stands in one field of a table.
type cell []span

// column is a table's column: its heading and its part of the width.
type column struct {
	title string
	share float64
}

// table is rows under headings that are repeated on each page.
type table struct {
	p       *paper
	columns []column
	widths  []float64
	// begun: the head has been drawn.
	begun bool
}

// cellGap is the space between columns, rowGap that above and below a row's text.
const (
	cellGap = 2.2
	rowGap  = 0.9
)

// table begins a table. Its head is drawn together with the first row.
func (p *paper) table(columns ...column) *table {
	t := &table{p: p, columns: columns, widths: make([]float64, len(columns))}
	sum := 0.0
	for _, c := range columns {
		sum += c.share
	}
	for i, c := range columns {
		t.widths[i] = c.share / sum * (bodyWidth - cellGap*float64(len(columns)-1))
	}
	return t
}

func (t *table) titles() []cell {
	cells := make([]cell, len(t.columns))
	for i, c := range t.columns {
		cells[i] = cell{{c.title, styleHead}}
	}
	return cells
}

func (t *table) headHeight() float64 { return tallest(t.set(t.titles())) + 2*rowGap }

// head draws the headings and the line under them.
func (t *table) head() {
	set := t.set(t.titles())
	t.p.y += rowGap
	t.drawLines(set, 0, len(longest(set)))
	t.p.y += rowGap
	t.p.rule(midLine)
}

// set breaks a row's cells into lines.
func (t *table) set(cells []cell) [][]line {
	set := make([][]line, len(cells))
	for i, c := range cells {
		if len(c) > 0 {
			set[i] = t.p.wrap(c, t.widths[i])
		}
	}
	return set
}

func longest(set [][]line) []line {
	var most []line
	for _, ls := range set {
		if len(ls) > len(most) {
			most = ls
		}
	}
	return most
}

// tallest is the height of a row.
func tallest(set [][]line) float64 {
	h := 0.0
	for _, ls := range set {
		sum := 0.0
		for _, l := range ls {
			sum += l.height
		}
		h = max(h, sum)
	}
	return h
}

// row adds a row. A row that does not fit on the page goes to the next one; one
// that is taller than a page is divided between lines.
func (t *table) row(cells ...cell) {
	set := t.set(cells)
	p := t.p
	t.begin(tallest(set) + 2*rowGap)
	p.y += rowGap
	for from, n := 0, len(longest(set)); from < n; {
		to := t.fitting(set, from)
		t.drawLines(set, from, to)
		if from = to; from < n {
			p.page()
			t.head()
			p.y += rowGap
		}
	}
	p.y += rowGap
	p.rule(thinLine)
}

// begin finds the page for a row of a height.
func (t *table) begin(h float64) {
	p := t.p
	page := bodyBottom - topEdge - t.headHeight()
	switch {
	case !t.begun:
		p.open(t.headHeight() + min(h, page/3))
		t.head()
		t.begun = true
	case p.y+h > bodyBottom && (h <= page || p.y > topEdge+page/2):
		p.page()
		t.head()
	}
}

// fitting is up to which line the rest of a row fits on the page, at least one.
func (t *table) fitting(set [][]line, from int) int {
	n := len(longest(set))
	y := t.p.y
	for i := from; i < n; i++ {
		y += heightAt(set, i)
		if y+rowGap > bodyBottom && i > from {
			return i
		}
	}
	return n
}

// heightAt is the height of a row's i-th lines.
func heightAt(set [][]line, i int) float64 {
	h := 0.0
	for _, ls := range set {
		if i < len(ls) {
			h = max(h, ls[i].height)
		}
	}
	return h
}

// drawLines draws some of the lines of a row. Each column runs at its own pace.
func (t *table) drawLines(set [][]line, from, to int) {
	x, end := leftEdge, t.p.y
	for i, ls := range set {
		y := t.p.y
		for _, l := range ls[min(from, len(ls)):min(to, len(ls))] {
			t.p.draw(l, x, y)
			y += l.height
		}
		end = max(end, y)
		x += t.widths[i] + cellGap
	}
	t.p.y = end
}

// facts sets pairs of a name and a text, without headings.
func (p *paper) facts(pairs ...[2]cell) {
	const nameWidth = 36.0
	t := &table{p: p, widths: []float64{nameWidth, bodyWidth - nameWidth - cellGap}, columns: []column{{}, {}}}
	for _, f := range pairs {
		set := t.set(f[:])
		if h := tallest(set) + 2*rowGap; p.y+h > bodyBottom && h < bodyBottom-topEdge {
			p.page()
		}
		p.y += rowGap
		for from, n := 0, len(longest(set)); from < n; {
			to := t.fitting(set, from)
			t.drawLines(set, from, to)
			if from = to; from < n {
				p.page()
			}
		}
		p.y += rowGap
		p.rule(thinLine)
	}
}
