package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
)

// printer writes a verdict for a terminal.
type printer struct {
	w    io.Writer
	v    *verify.Verdict
	lang bag.Language
}

func (p *printer) say(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// in picks the words of the printer's language.
func (p *printer) in(en, zh string) string {
	if p.lang == bag.Chinese {
		return zh
	}
	return en
}

func (p *printer) text(t verify.Text) string { return p.in(t.EN, t.ZH) }

var resultZH = map[verify.Result]string{verify.Authentic: "真实", verify.AuthenticWithDefects: "真实，但存在瑕疵", verify.NotAuthentic: "不真实"}

func (p *printer) verdict() {
	v := p.v
	p.say("%s: %s", p.in("Verdict", "核验结论"), p.in(strings.ToUpper(string(v.Result)), resultZH[v.Result]))
	p.about()
	passed := 0
	for _, c := range v.Checks {
		if c.State == verify.Passed {
			passed++
		}
	}
	p.say("")
	p.say("%s", p.in(fmt.Sprintf("Checks: %d of %d passed", passed, len(v.Checks)), fmt.Sprintf("核验项目：%d 项中 %d 项通过", len(v.Checks), passed)))
	for _, c := range v.Checks {
		switch c.State {
		case verify.Failed:
			p.say("  ✗ %s: %s", p.text(c.Title), p.in(fmt.Sprintf("%d of %d failed", c.Failed, c.Count), fmt.Sprintf("%d 项中 %d 项未通过", c.Count, c.Failed)))
		case verify.NotReached:
			p.say("  – %s: %s", p.text(c.Title), p.in("not reached", "未进行"))
		case verify.NotAsked:
			p.say("  – %s: %s", p.text(c.Title), p.in("not asked; name a key with --trust", "未要求；可用 --trust 指定密钥"))
		}
	}
	for i, f := range v.Failures {
		if i == 20 {
			p.say("  %s", p.in(fmt.Sprintf("… and %d more (--json lists them)", v.FailureCount-20), fmt.Sprintf("……另有 %d 项（--json 可列出）", v.FailureCount-20)))
			break
		}
		p.say("    %s", f)
	}
	p.ledgers()
	p.witnesses()
	p.tokens()
	if v.Record != nil {
		p.exhibits()
		p.defects()
	}
	if len(v.Notes) > 0 {
		p.say("\n%s", p.in("To be noted", "提示"))
		for _, n := range v.Notes {
			at := ""
			if n.Index != nil {
				at = fmt.Sprintf(" (%s %d)", p.in("ledger entry", "账本条目"), *n.Index)
			}
			p.say("  %s%s", p.text(n.Text), at)
		}
	}
	p.say("\n%s", p.in("What a pass does not prove", "核验通过不能证明的事项"))
	for _, l := range v.Limits {
		p.say("  · %s", p.text(l.Text))
	}
}

// about prints what the bundle is and how much of the case it shows.
func (p *printer) about() {
	b := p.v.Bundle
	if b == nil {
		return
	}
	if r := p.v.Record; r != nil && r.Case.Number != "" {
		p.say("%s: %s  %s", p.in("Case", "案件"), r.Case.Number, r.Case.Title)
	}
	p.say("%s: %s, %s %s", p.in("Bundle", "证据包"), b.ID, p.in("made", "生成于"), b.Made)
	pin := p.in("not compared with a key that you trust", "未与您信任的密钥核对")
	if b.Pinned {
		pin = p.in("a key that you trust", "为您信任的密钥")
	}
	p.say("%s: %s (%s, %s)", p.in("Kept by", "管理机构"), p.in(b.Authority.Name, or(b.Authority.NameZH, b.Authority.Name)), b.Authority.Origin, pin)
	if !b.Judged.IsZero() {
		p.say("%s: %s", p.in("Judged as of", "评判时点"), clock(b.Judged))
	}
	d := b.Disclosure
	scope := p.in("the whole case", "全案")
	if d.Scope == bag.Exhibits {
		scope = p.in("chosen exhibits only", "仅限选定物证")
	}
	p.say("%s: %s; %s", p.in("Shown", "披露"), scope, p.in(
		fmt.Sprintf("%d events of the case shown, %d not shown; %d lines in quarantine shown, %d not shown", d.Shown, d.Hidden, d.ShownQuarantine, d.HiddenQuarantine),
		fmt.Sprintf("本案事件已披露 %d 个、未披露 %d 个；隔离内容已披露 %d 条、未披露 %d 条", d.Shown, d.Hidden, d.ShownQuarantine, d.HiddenQuarantine)))
}

// ledgers prints where the case lies, where that is more than one ledger.
func (p *printer) ledgers() {
	if len(p.v.Ledgers) == 0 {
		return
	}
	p.say("\n%s", p.in("Ledgers that the case lies in, each of which continues the one before", "本案所在账本，后者承接前者"))
	for _, l := range p.v.Ledgers {
		p.say("  %s", p.in(fmt.Sprintf("%s (%s): %d events proven first here; its entries 0 to %d are numbered from %d below; authority key %s", l.Origin, l.Authority, l.Events, l.Size-1, l.First, l.Key),
			fmt.Sprintf("%s（%s）：最先由此账本证明的事件 %d 个；其第 0 至 %d 条目在下文自 %d 起编号；管理机构密钥 %s", l.Origin, l.Authority, l.Events, l.Size-1, l.First, l.Key)))
	}
}

// provenBy names the ledger that proves an event first, where there are several.
func (p *printer) provenBy(id event.ID) string {
	n, ok := p.v.ProvenBy[id]
	if !ok {
		return ""
	}
	return p.in("  proven by ", "  由账本证明：") + p.v.Ledgers[n].Origin
}

func (p *printer) witnesses() {
	if len(p.v.Witnesses) == 0 {
		return
	}
	p.say("\n%s", p.in("Witnesses that you trust, and when they cosigned the checkpoint", "您信任的见证方及其联署检查点的时间"))
	for _, w := range p.v.Witnesses {
		p.say("  %s: %s", clock(w.Time), w.Witness)
	}
}

// maxTokens bounds the time-stamps that are printed; --json lists all.
const maxTokens = 20

func (p *printer) tokens() {
	if len(p.v.Tokens) == 0 {
		return
	}
	p.say("\n%s", p.in("Time-stamps", "时间戳"))
	for i, t := range p.v.Tokens {
		if i == maxTokens {
			p.say("  %s", p.in(fmt.Sprintf("… and %d more (--json lists them)", len(p.v.Tokens)-i), fmt.Sprintf("……另有 %d 个（--json 可列出）", len(p.v.Tokens)-i)))
			break
		}
		state := p.in("verified", "核验通过")
		if !t.Verified {
			state = p.in("NOT verified: ", "未通过核验：") + t.Detail
		}
		p.say("  %s %d: %s, %s — %s", p.in("ledger of", "账本条目数"), t.Size, clock(t.Time), t.Authority, state)
	}
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func clock(t time.Time) string { return t.Format("2006-01-02 15:04:05 -07:00") }

// concerns reports whether a defect is about a thing.
func concerns(d *custody.Defect, r event.Ref) bool {
	if d.Item != nil && *d.Item == r {
		return true
	}
	for _, a := range d.Also {
		if a == r {
			return true
		}
	}
	return false
}

// weight writes how many defects of each weight there are.
func (p *printer) weight(list []custody.Defect) string {
	n := map[custody.Severity]int{}
	for _, d := range list {
		n[d.Severity]++
	}
	if len(list) == 0 {
		return p.in("no defects", "无瑕疵")
	}
	var parts []string
	for _, s := range []custody.Severity{custody.Fatal, custody.Curable, custody.Warning} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	return strings.Join(parts, " ")
}

func (p *printer) exhibits() {
	r := p.v.Record
	p.say("\n%s", p.in("Exhibits", "物证"))
	for i := range r.Items {
		it := &r.Items[i]
		var own []custody.Defect
		for _, d := range r.Defects {
			if concerns(&d, it.Ref) {
				own = append(own, d)
			}
		}
		p.say("  %-16s %s%s — %s", it.Label, p.text(it.What), p.held(it), p.weight(own))
	}
	if len(r.Items) == 0 {
		p.say("  %s", p.in("none recorded", "未记录"))
	}
}

func (p *printer) held(it *custody.Item) string {
	if it.Holder == nil {
		return ""
	}
	s := p.in("; held by ", "；保管人 ") + it.Holder.Name
	if it.Holder.OrgName != "" {
		s += ", " + it.Holder.OrgName
	}
	if !it.Holder.Confirmed {
		s += p.in(" (not confirmed by both sides)", "（未经双方确认）")
	}
	return s
}

func (p *printer) defects() {
	r := p.v.Record
	p.say("\n%s: %s", p.in("Defects", "瑕疵"), p.weight(r.Defects))
	for i := range r.Defects {
		p.defect(&r.Defects[i])
	}
	if n := len(r.NotShown); n > 0 {
		p.say("  %s", p.in(fmt.Sprintf("%d more findings rest on something absent, which may be among what is not shown", n),
			fmt.Sprintf("另有 %d 项问题因未披露内容可能存在而不能认定", n)))
	}
}

func (p *printer) defect(d *custody.Defect) {
	p.say("  [%s] %s (%s)", d.Severity, p.text(d.Title), d.Code)
	p.say("      %s", p.text(d.Explanation))
	p.say("      %s: %s", p.in("Cure", "补正"), p.text(d.Cure))
	if d.Waived != nil {
		p.say("      %s: %s, %s", p.in("Waived by", "豁免"), d.Waived.ByName, d.Waived.Reason)
	}
}

// record prints the chain of custody of one exhibit.
func (p *printer) record(want string) error {
	p.say("%s: %s", p.in("Verdict", "核验结论"), p.in(strings.ToUpper(string(p.v.Result)), resultZH[p.v.Result]))
	if p.v.Record == nil {
		return fmt.Errorf("the bundle was not judged so far that there are exhibits; run again without --record")
	}
	var labels []string
	for i := range p.v.Record.Items {
		it := &p.v.Record.Items[i]
		labels = append(labels, it.Label)
		if !strings.EqualFold(it.Label, want) && it.Ref.ID.String() != want {
			continue
		}
		p.item(it)
		return nil
	}
	return fmt.Errorf("there is no exhibit %q; there are: %s", want, strings.Join(labels, ", "))
}

func (p *printer) item(it *custody.Item) {
	p.say("%s  %s (%s %s)%s", it.Label, p.text(it.What), it.Ref.Kind, it.Ref.ID, p.held(it))
	p.say("\n%s", p.in("Chain of custody", "保管链"))
	for _, s := range it.Steps {
		line := fmt.Sprintf("  %s  %-12s %s", s.At, s.Kind, s.ByName)
		for _, x := range []string{s.ByOrg, s.Where, s.SealNo, string(s.Seal), s.Note} {
			if x != "" {
				line += ", " + x
			}
		}
		if s.Voided {
			line += p.in(" (withdrawn)", "（已撤回）")
		}
		p.say("%s", line)
		if i, ok := p.v.Record.Intervals[s.Event]; ok && !i.NotAfter.IsZero() {
			p.say("      %s %s … %s  %s%s", p.in("sealed between", "签封区间"), bound(i.NotBefore), bound(i.NotAfter), s.Event, p.provenBy(s.Event))
		}
	}
	if len(it.Steps) == 0 {
		p.say("  %s", p.in("none recorded", "未记录"))
	}
	for _, h := range it.Hashes {
		p.say("  %s  %-12s %s  %d", h.At, h.What, h.SHA256, h.Size)
	}
	p.say("\n%s", p.in("Defects", "瑕疵"))
	none := true
	for i := range p.v.Record.Defects {
		if d := &p.v.Record.Defects[i]; concerns(d, it.Ref) {
			p.defect(d)
			none = false
		}
	}
	if none {
		p.say("  %s", p.in("none found", "未发现"))
	}
}

func bound(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return clock(t)
}
