package verify

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// judge has custody evaluate what is shown. The ledger states no time of its
// own: when a checkpoint was signed is bounded by when the last entry that it
// covers had been received.
func (v *verifier) judge() error {
	asm := v.found.asm
	for _, size := range slices.Sorted(maps.Keys(v.seen)) {
		if s := v.seen[size]; s.shown {
			asm.Checkpoint(custody.CheckpointTime{Size: int64(size), Root: s.root, Note: s.note, Signed: v.found.times[ledger.Index(size-1)],
				Witnessed: s.witnessed.at, Witnesses: s.witnessed.n})
		}
	}
	for _, d := range v.datedTimes() {
		asm.Checkpoint(d)
	}
	own := custody.CheckpointTime{Size: int64(v.cp.Size), Root: event.Root(v.cp.Root), Note: sha256.Sum256(v.cp.Note()),
		Signed: v.found.times[ledger.Index(v.cp.Size-1)], Tokens: v.judgedTokens(v.tokens),
		Witnessed: v.cosigned.at, Witnesses: v.cosigned.n}
	v.verdict.Bundle.Judged = own.Signed
	v.verdict.Quarantine = v.found.kept
	if v.former != nil {
		asm.Follow(v.former.found.asm, int64(v.former.cp.Size))
	}
	if v.depth > 0 { // the ledger that continues this one judges both
		asm.Checkpoint(own)
		return nil
	}
	for f := v; f != nil; f = f.former {
		if err := f.restoreBodies(); err != nil {
			return err
		}
	}
	if v.former != nil {
		v.verdict.Ledgers, v.verdict.ProvenBy = ledgers(v.m, v.former, asm)
	}
	v.verdict.Record = asm.Record(v.rules, own, v.m.Disclosure.Scope == bag.Exhibits)
	return nil
}

// Announce is the verdict as far as the writer of a bundle knows it: what the
// manifest says, judged as of a time, without checks and without a result. Its
// tokens are those that the writer verified by its own list of authorities;
// cosignatures counts those on the checkpoint, which only a reader's list makes count.
func Announce(m *bag.Manifest, judged time.Time, tokens []Stamped, cosignatures int) *Verdict {
	v := &Verdict{Bundle: about(m), Tokens: tokens}
	v.Bundle.Judged = judged
	v.limits(facts{manifest: m, quarantine: m.Disclosure.ShownQuarantine, announced: true, others: cosignatures})
	return v
}

func about(m *bag.Manifest) *About {
	return &About{ID: m.Bundle, Case: m.Case, Purpose: m.Purpose, Language: m.Language, Made: m.Made, Authority: m.Authority,
		Checkpoint: m.Checkpoint, Disclosure: m.Disclosure}
}

// facts are what the limits of a pass depend on.
type facts struct {
	manifest *bag.Manifest // nil where it could not be read
	pinned   bool
	// others counts signatures on the checkpoint by other keys than the ledger's.
	others     int
	quarantine int64
	// announced: it is the writer who speaks; trustTSA, trustWitness: the reader named
	// time-stamping authorities, or witnesses.
	announced, trustTSA, trustWitness bool
}

func (v *verifier) facts() facts {
	f := facts{manifest: v.m, quarantine: int64(len(v.verdict.Quarantine)), trustTSA: v.o.TrustedTSA != nil, trustWitness: len(v.witnesses) > 0}
	if v.m != nil {
		f.pinned = v.verdict.Bundle.Pinned
	}
	if v.cp != nil {
		f.others = len(v.cp.Signatures()) - len(v.cp.Verified())
	}
	return f
}

func (v *Verdict) limit(code, en, zh string) {
	v.Limits = append(v.Limits, Limit{code, Text{EN: en, ZH: zh}})
}

// limits states what a pass does not prove, as far as it applies.
func (v *Verdict) limits(f facts) {
	v.limit("BEFORE_REGISTRATION",
		"Data that verifies is unchanged since the ledger received it. Whether it was true before that is judged separately.",
		"核验通过仅表明数据自账本接收之后未被改动；接收之前是否真实须另行审查。")
	v.limit("SIGNATURE_IS_NOT_THE_ACT",
		"A signature shows that a key sealed a record, not that the act described took place as described.",
		"签名仅表明某一密钥签封了记录，不能证明所述行为确实如所述发生。")
	v.limit("KEY_CUSTODY",
		"Which person acted follows from who had the device and its key. The bundle shows enrolment and revocation, not who held the device.",
		"行为人身份取决于设备及其密钥由谁掌握；证据包只显示密钥的登记与吊销，不显示设备由谁持有。")
	v.limit("SERVER_CLOCK",
		"Times of receipt are those of the authority's server. Claimed times are those of the devices' clocks.",
		"接收时间以管理机构服务器时钟为准；声明时间以设备时钟为准。")
	v.limit("REVOCATIONS_SHOWN",
		"Only the revocations that are in the bundle are known here. Ask the authority, or read its whole ledger, to be sure that there are no others.",
		"此处仅知证据包内的吊销记录；是否另有吊销，须向管理机构查询或核对完整账本。")
	if f.manifest != nil {
		v.limitsOfTrust(f)
		v.limitsOfShowing(f)
	}
}

func (v *Verdict) limitsOfTrust(f facts) {
	if a := &f.manifest.Authority; !f.pinned {
		v.limit("KEY_NOT_PINNED",
			fmt.Sprintf("The bundle names its own authority and ledger key. Compare them with a copy obtained another way: authority key %s, ledger key %s. Then verify with --trust.", a.Key.ID, a.LogKey),
			fmt.Sprintf("管理机构与账本密钥由证据包自行载明。请与另行取得的副本核对：管理机构密钥 %s，账本密钥 %s；核对后以 --trust 核验。", a.Key.ID, a.LogKey))
	}
	v.limitsOfWitness(f)
	v.limitsOfTime(f)
}

func (v *Verdict) limitsOfShowing(f facts) {
	d := &f.manifest.Disclosure
	if d.Scope == bag.Exhibits {
		v.limit("NOT_ALL_SHOWN",
			fmt.Sprintf("%d events of the case and %d lines in quarantine are not shown. That there are no more is the authority's statement.", d.Hidden, d.HiddenQuarantine),
			fmt.Sprintf("本案另有 %d 个事件、%d 条隔离内容未披露；除此之外是否还有，仅为管理机构的陈述。", d.Hidden, d.HiddenQuarantine))
	} else {
		v.limit("COMPLETENESS_STATED",
			"That these are all events of the case is the authority's statement. An event left out would show only where a shown event follows it in its device's chain, or names it.",
			"所示事件即为本案全部事件，系管理机构的陈述；遗漏的事件仅在同一设备后续事件与之相连或提及时方可发现。")
	}
	if f.quarantine > 0 {
		v.limit("QUARANTINE_REASONS",
			"Why a line is in quarantine is the authority's statement; the bytes and the time are the ledger's.",
			"隔离原因系管理机构的陈述；内容字节与时间以账本为准。")
	}
}

// order puts failures and notes into an order that does not depend on which
// goroutine found them.
func (v *Verdict) order() {
	rank := map[string]int{}
	for i, c := range checkTitles {
		rank[c.name] = i
	}
	at := func(i *ledger.Index) int64 {
		if i == nil {
			return -1
		}
		return int64(*i)
	}
	slices.SortStableFunc(v.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(rank[a.Check], rank[b.Check]), cmp.Compare(at(a.Index), at(b.Index)),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Detail, b.Detail))
	})
	slices.SortFunc(v.Tokens, func(a, b Stamped) int { return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.File, b.File)) })
	slices.SortStableFunc(v.Notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(at(a.Index), at(b.Index)), cmp.Compare(a.Code, b.Code))
	})
}
