package certificate

import (
	"fmt"
	"slices"

	"fieldseal/sync/custody"

	"github.com/skip2/go-qrcode"
)

// codeSize is the printed size of the QR code in millimetres, its quiet zone
// included: modules of half a millimetre are read from a photocopy.
const codeSize = 34.0

// front sets the head of the first page.
func (d *document) front() {
	p := d.p
	width := bodyWidth
	if d.in.Address != "" {
		width -= codeSize + 4
		d.code(leftEdge+bodyWidth-codeSize, topEdge-4)
	}
	p.mark(d.say("Certificate", "证明书"), 0)
	p.block(leftEdge, width, span{d.say("Custody certificate", "证据保管链证明书"), styleTitle})
	p.y += 1
	p.block(leftEdge, width, span{d.or(d.r.Case.Number), styleSection})
	p.block(leftEdge, width, span{d.or(d.r.Case.Title), styleBody})
	p.y += 1.5
	p.block(leftEdge, width, span{d.say(
		"A summary of the custody record for the file. It is made from the sealed record and proves nothing by itself; the evidence bundle does, and anybody can check it (see the last sections).",
		"本证明书系保管链记录的摘要，供附卷使用，由已签封的记录生成，本身不具证明力；具有证明力的是证据包，任何人均可核验（见末尾各节）。"), styleNote})
	if d.in.Address != "" {
		p.y = max(p.y, topEdge-4+codeSize)
		p.text(span{d.say("The code leads to the record: ", "二维码指向该记录："), styleNote}, span{d.in.Address, styleHash})
	}
	p.y += 2
	p.facts(d.caseFacts()...)
}

func (d *document) caseFacts() [][2]cell {
	c := &d.r.Case
	opened := d.none()
	if c.Opened != "" {
		opened = d.claimed(c.Opened) + "  " + c.OpenedBy
	}
	return [][2]cell{
		d.fact(d.say("Certificate", "证明书编号"), d.in.ID.String()),
		d.fact(d.say("Made", "出具时间"), d.when(d.in.Made)),
		d.fact(d.say("Made for", "出具对象"), d.or(d.in.For)),
		d.fact(d.say("Purpose", "用途"), d.or(d.in.Purpose)),
		d.fact(d.say("Case", "案件"), c.ID.String()),
		d.fact(d.say("Handling authority", "办案机关"), d.or(c.Authority)),
		d.fact(d.say("Opened", "立案"), opened),
		d.fact(d.say("Ledger kept by", "账本管理机构"), d.or(d.authority())),
		d.fact(d.say("Judged as of", "评判时点"), d.when(d.r.Judged)),
		d.fact(d.say("Rule pack", "规则包"), fmt.Sprintf("%s %s (%s, %s)", d.r.Rules.Pack, d.r.Rules.Version, d.r.Rules.Jurisdiction, d.r.Rules.Effective)),
	}
}

// fact is a pair of a name and a text.
func (d *document) fact(name, text string) [2]cell {
	return [2]cell{{{name, styleHead}}, {{text, styleCell}}}
}

// code draws the QR code of the record's address.
func (d *document) code(x, y float64) {
	q, err := qrcode.New(d.in.Address, qrcode.Medium)
	if err != nil {
		d.p.fail(fmt.Errorf("%w: the record's address: %w", ErrInput, err))
		return
	}
	dots := q.Bitmap() // with its quiet zone
	unit := codeSize / float64(len(dots))
	d.p.pdf.SetFillColor(0, 0, 0)
	for row, line := range dots {
		for from := 0; from < len(line); from++ {
			to := from
			for to < len(line) && line[to] {
				to++
			}
			if to > from {
				d.p.pdf.Rect(x+float64(from)*unit, y+float64(row)*unit, float64(to-from)*unit, unit, "F")
				from = to
			}
		}
	}
}

// summary says in short what the certificate finds.
func (d *document) summary() {
	p := d.p
	p.section(d.say("In short", "概要"))
	all := d.defects()
	count := func(s custody.Severity) (n, waived int) {
		for _, f := range all {
			if f.Severity == s {
				n++
				if f.Waived != nil {
					waived++
				}
			}
		}
		return n, waived
	}
	defects := cell{}
	for i, s := range []custody.Severity{custody.Fatal, custody.Curable, custody.Warning} {
		n, waived := count(s)
		text := fmt.Sprintf("%s: %d", d.weight(s), n)
		if waived > 0 {
			text += d.say(fmt.Sprintf(", of which waived: %d", waived), fmt.Sprintf("，其中已豁免 %d", waived))
		}
		if i > 0 {
			text = "\n" + text
		}
		defects = append(defects, span{text, styleCell})
	}
	if len(all) == 0 {
		defects = cell{{d.say("none recorded: no rule of the pack finds one", "未记录：规则包中的规则均未发现瑕疵"), styleCell}}
	}
	covered := d.say(fmt.Sprintf("%d of the %d in the record", len(d.items), len(d.r.Items)), fmt.Sprintf("%d 件（记录中共 %d 件）", len(d.items), len(d.r.Items)))
	events := d.say(fmt.Sprintf("%d of the case", d.r.Events), fmt.Sprintf("本案 %d 个", d.r.Events))
	if d.r.Hidden {
		events += d.say("; others are not disclosed here", "；另有事件未在此披露")
	}
	p.facts(
		d.fact(d.say("Exhibits covered", "所涉物证"), covered),
		d.fact(d.say("Events judged", "所评判事件"), events),
		[2]cell{{{d.say("Defects", "瑕疵"), styleHead}}, defects},
		d.fact(d.say("Time unaccounted for", "无记录时段"), d.gaps()),
	)
}

// gaps lists the handovers of covered exhibits with time that nothing accounts for.
func (d *document) gaps() string {
	text := ""
	for i := range d.r.Handovers {
		h := &d.r.Handovers[i]
		if gap := d.unexplained(h.UnexplainedMS); gap != "" && slices.ContainsFunc(d.items, func(it *custody.Item) bool { return slices.Contains(h.Refs, it.Ref) }) {
			if text != "" {
				text += "\n"
			}
			text += fmt.Sprintf("%s: %s → %s, %s", gap, h.From, h.To, d.claimed(h.Received))
		}
	}
	return d.or(text)
}

// contents lists the exhibits with the pages on which they are.
func (d *document) contents() {
	p := d.p
	p.section(d.say("Exhibits", "物证目录"))
	if len(d.items) == 0 {
		p.text(span{d.none(), styleBody.pale()})
		return
	}
	t := p.table(column{d.say("No.", "序号"), 4.5}, column{d.say("Label", "标签"), 24}, column{d.say("What", "内容"), 34},
		column{d.say("State, holder now", "状态、现保管人"), 32}, column{d.say("Defects", "瑕疵"), 13}, column{d.say("Page", "页"), 6})
	for i, it := range d.items {
		page := ""
		if n := d.known[it.Ref]; n > 0 {
			page = fmt.Sprint(n)
		}
		t.row(cell{{fmt.Sprint(i + 1), styleCell}}, cell{{d.labelOf(it), styleCell.in(bold)}}, cell{{d.text(it.What), styleCell}},
			cell{{d.standing(it), styleCell}}, cell{{d.tally(it), styleCell}}, cell{{page, styleCell}})
	}
}

// standing says where an item stands in a few words.
func (d *document) standing(it *custody.Item) string {
	if it.Kind == custody.Digital {
		if derived(it) {
			return d.say("electronic, derivative", "电子数据，衍生件")
		}
		return d.say("electronic, original", "电子数据，原件")
	}
	s := d.word("state.", string(it.State))
	if it.Holder != nil && it.Holder.Name != "" {
		s += d.say(", ", "，") + it.Holder.Name
	}
	return s
}

// derived reports whether a digital item is a crop, copy or enhancement of another.
func derived(it *custody.Item) bool {
	return slices.ContainsFunc(it.Hashes, func(h custody.HashStep) bool { return h.What == "derived" })
}

// tally counts an item's defects by weight.
func (d *document) tally(it *custody.Item) string {
	text := ""
	for _, s := range []custody.Severity{custody.Fatal, custody.Curable, custody.Warning} {
		n := 0
		for _, f := range d.byItem[it.Ref] {
			if f.Severity == s {
				n++
			}
		}
		if n > 0 {
			text += fmt.Sprintf("%s %d  ", s, n)
		}
	}
	if text == "" {
		return d.say("none", "无")
	}
	return text
}
