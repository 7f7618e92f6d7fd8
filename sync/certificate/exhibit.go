package certificate

import (
	"fmt"
	"strings"
	"time"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"
)

// exhibits sets every exhibit that the certificate covers.
func (d *document) exhibits() {
	d.p.section(d.say("The exhibits one by one", "逐件说明"))
	if len(d.items) == 0 {
		d.p.text(span{d.none(), styleBody.pale()})
	}
	for i, it := range d.items {
		d.exhibit(i+1, it)
	}
}

func (d *document) exhibit(no int, it *custody.Item) {
	p := d.p
	p.room(45)
	if no > 1 && p.y > topEdge {
		p.y += 5
		p.rule(midLine)
		p.y += 1.6
	}
	d.pages[it.Ref] = p.pdf.PageNo()
	title := fmt.Sprintf("%d  %s", no, d.labelOf(it))
	p.mark(title, 1)
	p.text(span{title, styleItem}, span{"   " + d.text(it.What), styleBody.pale()})
	p.y += 1
	p.facts(d.itemFacts(it)...)
	if it.Kind == custody.Physical {
		d.seals(it)
	} else {
		d.digests(it)
	}
	d.timeline(it)
	if it.Kind == custody.Physical {
		d.checkIns(it)
		d.results(it)
		d.holding(it)
	}
	p.heading(d.say("Defects of this exhibit", "该物证的瑕疵"))
	d.listDefects(d.byItem[it.Ref])
}

// origin is the step that brought an item into the case.
func origin(it *custody.Item) *custody.Step {
	for i := range it.Steps {
		if it.Steps[i].Event == it.Origin {
			return &it.Steps[i]
		}
	}
	return nil
}

func (d *document) itemFacts(it *custody.Item) [][2]cell {
	list := [][2]cell{d.fact(d.say("Identifier", "标识"), d.word("ref.", string(it.Ref.Kind))+" "+it.Ref.ID.String())}
	if it.Parent != nil {
		name := d.say("Taken from", "取自")
		if it.Kind == custody.Digital {
			name = d.say("Derivative of (not the original)", "衍生自（非原件）")
		}
		list = append(list, d.fact(name, d.label(*it.Parent)))
	}
	where, who := "", ""
	when := d.none()
	if s := origin(it); s != nil {
		where = strings.TrimSpace(s.Where + "\n" + d.place(s.Place))
		who = s.ByName
		if s.ByOrg != "" {
			who += d.say(", ", "，") + s.ByOrg
		}
		when = d.claimed(s.At) + d.say(" (claimed, by the device's clock)", "（声明时间，以设备时钟为准）")
	}
	list = append(list, [2]cell{{{d.say("When", "时间"), styleHead}}, append(cell{{when, styleCell}}, d.interval(it.Origin)...)},
		d.fact(d.say("Where", "地点"), d.or(where)), d.fact(d.say("Who", "取证人"), d.or(who)))
	if it.Kind == custody.Digital {
		return list
	}
	return append(list, d.keeping(it)...)
}

// interval says within which time an event is proven to have been sealed, and why.
func (d *document) interval(id event.ID) cell {
	i, ok := d.r.Intervals[id]
	if !ok {
		return cell{{d.say("\nSealed between: nothing is proven", "\n签封时间区间：未能证明"), styleCell}}
	}
	after, before := i.Reasons()
	open := d.say("open", "未定")
	at := func(known bool, s string) string {
		if known {
			return s
		}
		return open
	}
	width := ""
	if i.WidthMS > 0 {
		wide := d.span(time.Duration(i.WidthMS) * time.Millisecond)
		width = d.say(" ("+wide+" wide)", "（跨度 "+wide+"）")
	}
	c := cell{
		{d.say("\nSealed between ", "\n签封于 ") + at(!i.NotBefore.IsZero(), d.when(i.NotBefore)) + d.say(" and ", " 至 ") + at(!i.NotAfter.IsZero(), d.when(i.NotAfter)) + d.say("", " 之间") + width, styleCell.in(bold)},
		{d.say("\nnot before: ", "\n不早于：") + d.text(after), styleNote}, {d.say("\nnot after: ", "\n不晚于：") + d.text(before), styleNote},
	}
	if i.Impossible {
		c = append(c, span{d.say("\nThese bounds exclude each other: one of the clocks is wrong.", "\n两端界限相互矛盾：其中至少一个时钟有误。"), styleCell.in(bold)})
	}
	return c
}

// keeping says who has a physical item, in what state, under which seal.
func (d *document) keeping(it *custody.Item) [][2]cell {
	state, holder := d.word("state.", string(it.State)), ""
	if h := it.Holder; h != nil {
		holder = h.Name
		if h.OrgName != "" {
			holder += d.say(", ", "，") + h.OrgName
		}
		if !h.Since.IsZero() {
			holder += d.say(", since ", "，自 ") + d.when(h.Since)
		}
		if !h.Confirmed {
			holder += d.say(" (not confirmed by both sides)", "（未经双方确认）")
		}
		if h.Location != "" {
			holder += "\n" + d.say("stored at ", "存放于 ") + h.Location
		}
	}
	held := ""
	for i, id := range it.Held {
		if i > 0 {
			held += "\n"
		}
		held += id.String()
	}
	list := [][2]cell{
		d.fact(d.say("State now", "现状态"), d.or(state)), d.fact(d.say("Holder now", "现保管人"), d.or(holder)),
		d.fact(d.say("Seal now", "现封签"), d.or(it.SealNo)), d.fact(d.say("Legal holds in force", "有效的保全措施"), d.or(held)),
	}
	if b := it.Balance; b != nil {
		text := d.say("taken ", "取用 ") + b.Taken.String() + " " + b.Unit
		if b.Start != nil {
			text = d.say("at first ", "初始 ") + b.Start.String() + " " + b.Unit + d.say(", ", "，") + text
		}
		if b.Left != nil {
			text += d.say(", left ", "，剩余 ") + b.Left.String() + " " + b.Unit
		}
		list = append(list, d.fact(d.say("Amount", "数量平衡"), text))
	}
	return list
}

// empty states that a part of an exhibit's record has nothing in it.
func (d *document) empty(name string) {
	d.p.gap(1.8)
	d.p.room(styleSub.line)
	d.p.text(span{name + d.say(": ", "："), styleSub}, span{d.none(), styleBody.pale()})
}

func (d *document) seals(it *custody.Item) {
	name := d.say("Seals seen", "封签查看记录")
	if len(it.Seals) == 0 {
		d.empty(name)
		return
	}
	d.p.heading(name)
	t := d.p.table(column{d.say("Time claimed", "声明时间"), 22}, column{d.say("Seal no.", "封签号"), 25}, column{d.say("State", "状态"), 15}, column{d.say("Act", "行为"), 15}, column{d.say("Event", "事件"), 18})
	for _, s := range it.Seals {
		act := d.say("seen", "查看")
		if s.Applied {
			act = d.say("applied", "加封")
		}
		t.row(cell{{d.claimed(s.At), styleCell}}, cell{{d.or(s.SealNo), styleCell}}, cell{{d.or(d.word("seal.", string(s.State))), styleCell}}, cell{{act, styleCell}}, d.id(s.Event))
	}
}

// id shows the beginning of an event's id.
func (d *document) id(id event.ID) cell { return cell{{id.String()[:12], styleHash}} }

func (d *document) digests(it *custody.Item) {
	name := d.say("Digests (SHA-256)", "校验值（SHA-256）")
	if len(it.Hashes) == 0 {
		d.empty(name)
		return
	}
	d.p.heading(name)
	t := d.p.table(column{d.say("Time claimed", "声明时间"), 23}, column{d.say("What", "内容"), 10}, column{d.say("Digest of the bytes", "原始字节校验值"), 57.5}, column{d.say("Bytes", "字节"), 9.5})
	for _, h := range it.Hashes {
		t.row(cell{{d.claimed(h.At), styleCell}}, cell{{d.word("hash.", h.What), styleCell}}, cell{{h.SHA256.String(), styleHash}}, cell{{fmt.Sprint(h.Size), styleCell}})
	}
}

// timeline is the chain of custody, with the minutes that nothing accounts for.
func (d *document) timeline(it *custody.Item) {
	name := d.say("Chain of custody", "保管链")
	if len(it.Steps) == 0 {
		d.empty(name)
		return
	}
	d.p.heading(name)
	t := d.p.table(column{d.say("Time claimed; sealed between", "声明时间；签封区间"), 29}, column{d.say("Step", "环节"), 16}, column{d.say("By", "经手人"), 20},
		column{d.say("Place, seal, note", "地点、封签、备注"), 30}, column{d.say("Unaccounted", "无记录时段"), 13})
	for _, told := range Tell(it.Steps) {
		if told.Step == nil {
			t.row(cell{{d.say(fmt.Sprintf("%d further steps", told.Skipped), fmt.Sprintf("另有 %d 个环节", told.Skipped)), styleCell.in(bold)}}, cell{}, cell{},
				cell{{d.say("only mention it, and are not printed; the bundle has them", "仅提及本件，未逐一列出，见证据包"), styleNote}}, cell{})
			continue
		}
		s := told.Step
		step := d.word("step.", string(s.Kind))
		if s.Voided {
			step += d.say(" (withdrawn)", "（已撤回）")
		}
		by := cell{{d.or(s.ByName), styleCell}}
		if s.ByOrg != "" {
			by = append(by, span{"\n" + s.ByOrg, styleNote})
		}
		t.row(append(cell{{d.claimed(s.At), styleCell}}, d.proven(s.Event)), append(cell{{step + "\n", styleCell.in(bold)}}, d.id(s.Event)...), by, d.circumstances(s), cell{{d.unexplained(s.UnexplainedMS), styleCell.in(bold)}})
	}
}

// proven writes an event's interval in short.
func (d *document) proven(id event.ID) span {
	i, ok := d.r.Intervals[id]
	if !ok {
		return span{"\n—", styleNote}
	}
	side := func(known bool, s string) string {
		if known {
			return s
		}
		return d.say("open", "未定")
	}
	return span{"\n" + side(!i.NotBefore.IsZero(), d.when(i.NotBefore)) + "\n" + side(!i.NotAfter.IsZero(), d.when(i.NotAfter)), styleNote}
}

func (d *document) circumstances(s *custody.Step) cell {
	var parts []string
	if s.Where != "" {
		parts = append(parts, s.Where)
	}
	if pl := d.place(s.Place); pl != "" {
		parts = append(parts, pl)
	}
	if s.SealNo != "" || s.Seal != "" {
		seal := d.say("seal ", "封签 ") + s.SealNo
		if s.Seal != "" {
			seal += d.say(": ", "：") + d.word("seal.", string(s.Seal))
		}
		parts = append(parts, seal)
	}
	if s.Note != "" {
		parts = append(parts, s.Note)
	}
	return cell{{strings.Join(parts, "\n"), styleCell}}
}

func (d *document) checkIns(it *custody.Item) {
	name := d.say("Laboratory check-in", "实验室接收")
	if len(it.Accessions) == 0 {
		d.empty(name)
		return
	}
	d.p.heading(name)
	t := d.p.table(column{d.say("Received", "接收时间"), 24}, column{d.say("Laboratory, its number", "实验室、实验室编号"), 28}, column{d.say("Accreditation", "资质"), 25}, column{d.say("Decision", "决定"), 25})
	for _, a := range it.Accessions {
		decision := d.word("decision.", string(a.Decision))
		if a.Reason != "" {
			decision += "\n" + a.Reason
		}
		t.row(cell{{d.claimed(a.Received), styleCell}}, cell{{strings.TrimSpace(a.LabName + "\n" + a.LabID), styleCell}}, cell{{d.accredited(a.Lab), styleCell}}, cell{{decision, styleCell}})
	}
}

// accredited names a laboratory's accreditation.
func (d *document) accredited(lab event.UUID) string {
	l := d.labs[lab]
	if l == nil || l.Accreditation == nil {
		return d.none()
	}
	return strings.TrimSpace(l.Accreditation.Body + " " + l.Accreditation.Number)
}

func (d *document) results(it *custody.Item) {
	name := d.say("Results", "检测结果")
	if len(it.Results) == 0 {
		d.empty(name)
		return
	}
	d.p.heading(name)
	t := d.p.table(column{d.say("Analyte", "分析物"), 25}, column{"CAS", 12}, column{d.say("Method", "方法"), 20}, column{d.say("Result", "结果"), 22}, column{d.say("Report", "报告"), 16})
	for _, r := range it.Results {
		t.row(cell{{r.Analyte, styleCell}}, cell{{r.CAS, styleCell}}, cell{{r.Method, styleCell}}, cell{{strings.TrimSpace(r.Text + " " + r.Unit + " " + r.Qualifier), styleCell.in(bold)}}, cell{{r.ReportNo, styleCell}})
	}
}

func (d *document) holding(it *custody.Item) {
	name := d.say("Holding times", "保存时限")
	if len(it.Holding) == 0 {
		d.empty(name)
		return
	}
	d.p.heading(name)
	t := d.p.table(column{d.say("Analysis", "项目"), 22}, column{d.say("Limit", "时限"), 12}, column{d.say("Deadline", "截止"), 26}, column{d.say("State", "状态"), 16}, column{d.say("Source", "依据"), 28})
	for _, h := range it.Holding {
		source := d.text(h.Source)
		if h.Unconfirmed {
			source += d.say(" (not confirmed)", "（未核实）")
		}
		t.row(cell{{h.Group + " (" + d.stage(h.Stage) + ")", styleCell}}, cell{{h.Limit, styleCell}}, cell{{d.when(h.Deadline), styleCell}}, cell{{d.word("state.", string(h.State)), styleCell.in(bold)}}, cell{{source, styleNote}})
	}
}

func (d *document) stage(s string) string {
	switch s {
	case "analysis":
		return d.say("analysis", "分析")
	case "preparation":
		return d.say("preparation", "前处理")
	}
	return s
}

// listDefects sets defects with what would cure each.
func (d *document) listDefects(list []*custody.Defect) {
	p := d.p
	if len(list) == 0 {
		p.text(span{d.none(), styleBody.pale()})
		return
	}
	t := p.table(column{d.say("Weight", "程度"), 13}, column{d.say("Defect, and why", "瑕疵及说明"), 50}, column{d.say("What would cure it", "补正措施"), 38})
	for _, f := range list {
		what := cell{{d.text(f.Title), styleCell.in(bold)}, {"  " + string(f.Code) + "\n", styleHash}, {d.text(f.Explanation), styleCell}}
		if w := f.Waived; w != nil {
			what = append(what, span{d.say("\nWaived by ", "\n豁免人：") + w.ByName + d.say(", ", "，") + w.Authority + d.say(", ", "，") + d.claimed(w.At) + d.say(": ", "：") + w.Reason, styleCell.in(bold)})
		}
		t.row(cell{{d.weight(f.Severity), styleCell.in(bold)}}, what, cell{{d.text(f.Cure), styleCell}})
	}
}
