package certificate

import (
	"fmt"
	"slices"
	"strings"

	"fieldseal/sync/custody"
)

// wholeCase sets what concerns no exhibit alone.
func (d *document) wholeCase() {
	p := d.p
	p.section(d.say("Of the case as a whole", "涉及全案的事项"))
	p.heading(d.say("Defects of the case", "全案瑕疵"))
	d.listDefects(d.general)
	d.handovers()
	d.reports()
	d.dossiers()
	if len(d.r.NotShown) > 0 {
		p.heading(d.say("Findings that rest on something absent, which may be among what is not disclosed", "因未披露内容可能存在而不能认定的问题"))
		list := make([]*custody.Defect, len(d.r.NotShown))
		for i := range d.r.NotShown {
			list[i] = &d.r.NotShown[i]
		}
		d.listDefects(list)
	}
}

func (d *document) handovers() {
	name := d.say("Handovers", "移交")
	if len(d.r.Handovers) == 0 {
		d.empty(name)
		return
	}
	d.p.heading(name)
	t := d.p.table(column{d.say("From, to", "移交人、接收人"), 24}, column{d.say("Relinquished, received", "移交、接收时间"), 26}, column{d.say("Mode", "方式"), 12},
		column{d.say("Items", "物品"), 17}, column{d.say("State", "状态"), 11}, column{d.say("Unaccounted", "无记录时段"), 14})
	for i := range d.r.Handovers {
		h := &d.r.Handovers[i]
		var items []string
		for _, ref := range h.Refs {
			items = append(items, d.label(ref))
		}
		mode := d.word("mode.", string(h.Mode)) + "\n" + strings.TrimSpace(h.Carrier+" "+h.TrackingNo)
		t.row(cell{{d.or(h.From) + "\n→ " + d.or(h.To), styleCell}}, cell{{d.claimed(h.Relinquished) + "\n" + d.claimed(h.Received), styleCell}}, cell{{strings.TrimSpace(mode), styleCell}},
			cell{{strings.Join(items, d.say(", ", "、")), styleCell}}, cell{{d.word("state.", h.State), styleCell}}, cell{{d.unexplained(h.UnexplainedMS), styleCell.in(bold)}})
	}
}

func (d *document) reports() {
	name := d.say("Laboratory reports", "检测报告")
	if len(d.r.Reports) == 0 {
		d.empty(name)
		return
	}
	d.p.heading(name)
	t := d.p.table(column{d.say("Report", "报告"), 22}, column{d.say("Laboratory", "实验室"), 26}, column{d.say("Results, parts", "结果数、部分"), 16}, column{d.say("Signed", "签署"), 40})
	for i := range d.r.Reports {
		r := &d.r.Reports[i]
		var signed []string
		for _, s := range r.Signers {
			line := d.word("signer.", string(s.As)) + d.say(": ", "：") + s.Name + d.say(", ", "，") + d.claimed(s.At)
			if !s.Covers {
				line += d.say(" — does not cover the report as it is", " — 签署内容与现报告不符")
			}
			signed = append(signed, line)
		}
		t.row(cell{{r.ReportNo, styleCell.in(bold)}}, cell{{r.LabName, styleCell}}, cell{{fmt.Sprintf("%d; %d/%d", r.Results, r.PartsIn, r.Parts), styleCell}}, cell{{d.or(strings.Join(signed, "\n")), styleCell}})
	}
}

func (d *document) dossiers() {
	name := d.say("Transfer dossiers", "移送案卷")
	if len(d.r.Dossiers) == 0 {
		d.empty(name)
		return
	}
	d.p.heading(name)
	t := d.p.table(column{d.say("Dossier", "案卷"), 30}, column{d.say("Steps", "环节"), 40}, column{d.say("Missing documents", "缺少的文书"), 30})
	for i := range d.r.Dossiers {
		s := &d.r.Dossiers[i]
		var steps, missing []string
		for _, x := range s.Steps {
			steps = append(steps, d.word("dossier.", string(x.Step))+d.say(": ", "：")+x.By+d.say(", ", "，")+d.claimed(x.At))
		}
		for _, m := range s.Missing {
			missing = append(missing, d.text(m))
		}
		t.row(cell{{s.Dossier.String(), styleHash}}, cell{{d.or(strings.Join(steps, "\n")), styleCell}}, cell{{d.or(strings.Join(missing, "\n")), styleCell}})
	}
}

// laboratories sets the accreditations of those whose work is in the record.
func (d *document) laboratories() {
	p := d.p
	p.section(d.say("Laboratories and their accreditation", "实验室及其资质"))
	used := slices.DeleteFunc(slices.Clone(d.in.Laboratories), func(l Laboratory) bool { return !d.worked(&l) })
	if len(used) == 0 {
		p.text(span{d.none(), styleBody.pale()})
		return
	}
	t := p.table(column{d.say("Laboratory", "实验室"), 26}, column{d.say("Accreditation", "资质"), 24}, column{d.say("Valid", "有效期"), 20}, column{d.say("Methods in its scope", "资质范围内的方法"), 40})
	for _, l := range used {
		a := l.Accreditation
		if a == nil {
			t.row(cell{{d.or(l.Name), styleCell.in(bold)}}, cell{{d.none(), styleCell}}, cell{{"—", styleCell}}, cell{{"—", styleCell}})
			continue
		}
		number := strings.TrimSpace(a.Body + " " + a.Number)
		if l.Stated {
			number += d.say("\n(its own statement; not in the register)", "\n（系其自述，未见于登记）")
		}
		t.row(cell{{d.or(l.Name), styleCell.in(bold)}}, cell{{number, styleCell}}, cell{{d.or(string(a.ValidFrom)) + " – " + d.or(string(a.ValidUntil)), styleCell}},
			cell{{d.or(strings.Join(a.Methods, d.say(", ", "、"))), styleCell}})
	}
}

// worked reports whether a laboratory checked in a covered exhibit or reported on the case.
func (d *document) worked(l *Laboratory) bool {
	for i := range d.r.Reports {
		if name := d.r.Reports[i].LabName; name != "" && strings.HasPrefix(l.Name, name) {
			return true
		}
	}
	return slices.ContainsFunc(d.items, func(it *custody.Item) bool {
		return slices.ContainsFunc(it.Accessions, func(a custody.AccessionInfo) bool { return a.Lab == l.ID })
	})
}

// ledger states the checkpoint and who cosigned it.
func (d *document) ledger() {
	p, c := d.p, &d.in.Checkpoint
	p.section(d.say("The ledger", "账本"))
	hash := func(name, text string) [2]cell { return [2]cell{{{name, styleHead}}, {{text, styleHash}}} }
	p.facts(
		d.fact(d.say("Ledger", "账本"), d.or(c.Origin)),
		d.fact(d.say("Checkpoint", "检查点"), d.say(fmt.Sprintf("the first %d entries", c.Size), fmt.Sprintf("前 %d 个条目", c.Size))),
		hash(d.say("Root of its tree", "树根"), c.Root.String()),
		hash(d.say("Ledger's key", "账本密钥"), d.or(d.in.Authority.LogKey)),
		hash(d.say("Authority's key", "管理机构密钥"), d.in.Authority.Key.ID.String()),
	)
	name := d.say("Witnesses that cosigned this checkpoint", "联署该检查点的见证方")
	if len(c.Witnesses) == 0 {
		d.empty(name)
	} else {
		p.heading(name)
		t := p.table(column{d.say("Witness", "见证方"), 60}, column{d.say("Time, by its own clock", "时间（以其自身时钟为准）"), 40})
		for _, w := range c.Witnesses {
			t.row(cell{{w.Name, styleCell}}, cell{{d.when(w.Time), styleCell}})
		}
	}
	p.gap(1.5)
	switch {
	case c.Quorum == 0:
		p.text(span{d.say("This ledger has no witnesses: no other institution vouches that it has not been rewritten.", "本账本未设见证方：没有其他机构为其未被改写作证。"), styleBody})
	case len(c.Witnesses) < c.Quorum:
		p.text(span{d.say(fmt.Sprintf("Not yet witnessed: %d of the %d witnesses needed have cosigned it.", len(c.Witnesses), c.Quorum), fmt.Sprintf("尚未完成见证：需 %d 个见证方联署，现有 %d 个。", c.Quorum, len(c.Witnesses))), styleStrong})
	default:
		p.text(span{d.say(fmt.Sprintf("Witnessed: %d cosignatures, %d are needed.", len(c.Witnesses), c.Quorum), fmt.Sprintf("已完成见证：联署 %d 个，需 %d 个。", len(c.Witnesses), c.Quorum)), styleBody})
	}
}

// checking says how anybody can check the certificate.
func (d *document) checking() {
	d.p.section(d.say("How to check this", "如何核验"))
	d.list([][2]string{
		{"Ask the authority for the evidence bundle of the case, or of these exhibits. Open the verify page, or its saved file on a computer without a network, and put the bundle in: it says whether it is authentic, and shows every statement above with its event.",
			"向管理机构索取本案或所列物证的证据包；打开核验页面（或在不联网的计算机上打开其保存的文件），放入证据包，即可得知其是否真实，并逐一查看上述内容所依据的事件。"},
		{"Compare the ledger's key and the authority's key above with a copy that you obtained another way.", "将上列账本密钥、管理机构密钥与您另行取得的副本核对。"},
		{"Compare the origin, the size and the root of the checkpoint with what the witnesses hold.", "将检查点的账本名称、条目数与树根同见证方所持有的内容核对。"},
	})
}

// limits says what the certificate does not prove.
func (d *document) limits() {
	d.p.section(d.say("What this certificate does not prove", "本证明书不能证明的事项"))
	list := [][2]string{
		{"A paper can be altered, and so can this file. It is a summary; where it and the bundle differ, the bundle counts.", "纸质文件及本电子文件均可能被改动；本证明书仅为摘要，与证据包不一致的，以证据包为准。"},
		{"Data that verifies is unchanged since the ledger received it. Whether it was true before that is judged separately.", "核验通过仅表明数据自账本接收之后未被改动；接收之前是否真实须另行审查。"},
		{"A seal shows that a key signed a record, not that the act described took place as described.", "电子签封仅表明某一密钥签署了记录，不能证明所述行为确实如所述发生。"},
		{"Which person acted follows from who had the device and its key.", "行为人身份取决于设备及其密钥由谁掌握。"},
		{"Claimed times are those of the devices' clocks. What is proven is the interval, and only as far as the reason given for each of its ends is believed.", "声明时间以设备时钟为准；得到证明的仅为时间区间，且以其两端所载理由可信为前提。"},
		{"That the record holds all events of the case is the authority's statement.", "记录包含本案全部事件，系管理机构的陈述。"},
		{"“None recorded” under defects means that no rule of the pack named above finds one. It does not mean that there is none.", "瑕疵一栏“未记录”，是指上列规则包中没有规则发现瑕疵，并不意味着不存在瑕疵。"},
		{"Witnesses vouch that the ledger was not rewritten after they cosigned, not that what it says is true. Witnesses held by one hand are one witness.", "见证方仅证明其联署之后账本未被改写，不证明账本内容真实；由同一方掌控的多个见证方只能视为一个。"},
	}
	if d.r.Hidden || len(d.items) < len(d.r.Items) {
		list = append(list, [2]string{"Not all of the case is shown here. What is not shown may matter.", "此处未显示本案全部内容；未显示的内容可能具有重要意义。"})
	}
	d.list(list)
}

// list sets numbered statements.
func (d *document) list(items [][2]string) {
	const indent = 6.0
	for i, s := range items {
		p := d.p
		lines := p.wrap([]span{{d.say(s[0], s[1]), styleBody}}, bodyWidth-indent)
		p.room(float64(min(len(lines), 2)) * styleBody.line)
		p.draw(p.wrap([]span{{fmt.Sprintf("%d.", i+1), styleBody}}, indent)[0], leftEdge, p.y)
		p.block(leftEdge+indent, bodyWidth-indent, span{d.say(s[0], s[1]), styleBody})
		p.y += 0.9
	}
}

// signature leaves room for the person who answers for the paper.
func (d *document) signature() {
	p := d.p
	const height = 42.0
	p.gap(8)
	p.room(height)
	p.rule(midLine)
	p.y += 2
	p.text(span{d.say("Signed for the authority by a person who has compared this certificate with the record", "由已将本证明书与记录核对无误的人员代表管理机构签署"), styleSub})
	p.y += 18
	x := leftEdge
	for _, name := range []string{d.say("Name and office", "姓名、职务"), d.say("Signature", "签名"), d.say("Date", "日期"), d.say("Stamp", "盖章")} {
		w := (bodyWidth - 3*5) / 4
		p.stroke(x, p.y, x+w, p.y, thinLine)
		p.draw(p.wrap([]span{{name, styleNote}}, w)[0], x, p.y+0.8)
		x += w + 5
	}
	p.y += 8
}
