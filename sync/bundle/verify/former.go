package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
	"fieldseal/sync/succession"
)

// maxFormer bounds how many ledgers, each of which continues the one before, a
// bundle may show: more than any authority opens in the life of a case.
const maxFormer = 8

// checkFormer verifies the former ledger's bundle, and that this ledger continues
// that very one.
func (v *verifier) checkFormer() error {
	f, b := v.files[bag.PathFormer], v.found.predecessor
	switch {
	case f == nil && b == nil:
		v.pass(chkFormer, 0)
		return nil
	case f == nil:
		v.pass(chkFormer, 0)
		v.note("FORMER_NOT_SHOWN", nil, fmt.Sprintf("this ledger continues %s, which ended with %d entries; what that one proves of the case is not in this bundle", clip(b.Origin), b.Size),
			fmt.Sprintf("本账本承接已于 %d 个条目时终止的账本 %s；该账本就本案所能证明的内容不在本证据包内", b.Size, clip(b.Origin)))
		return nil
	case b == nil:
		v.failAt(chkFormer, bag.PathFormer, "this ledger's entry 1 names no ledger that it continues")
		return nil
	}
	if f.Packed != nil {
		return v.stop(chkFormer, bag.PathFormer, "it must be stored")
	}
	inner, err := v.within(v.arc.Raw(f.entry), f.Size)
	if errors.Is(err, ErrUnreadable) {
		return v.stop(chkFormer, bag.PathFormer, "%v", err)
	}
	if err != nil {
		return err
	}
	v.verdict.Former = inner.verdict
	for _, x := range inner.verdict.Failures {
		x.File = strings.TrimSuffix(bag.PathFormer+": "+x.File, ": ")
		x.Detail = x.Check + ": " + x.Detail
		x.Check = chkFormer
		v.fail(x)
	}
	if inner.verdict.Result != Authentic {
		if inner.verdict.FailureCount == 0 {
			return v.stop(chkFormer, bag.PathFormer, "it could not be verified to the end")
		}
		return errStop
	}
	endorsed, err := inner.linked(v.m.Case, v.found.genesis, b)
	if err != nil {
		return v.stop(chkFormer, bag.PathFormer, "%v", err)
	}
	if !endorsed {
		index := ledger.Index(1)
		v.note("SUCCESSION_NOT_ENDORSED", &index, fmt.Sprintf("the authority of %s has not named this ledger as the one that continues it; that it does is the new authority's statement alone", clip(b.Origin)),
			fmt.Sprintf("账本 %s 的管理机构未指明由本账本承接；承接关系仅为新管理机构的陈述", clip(b.Origin)))
	}
	v.former = inner
	v.pass(chkFormer, 1)
	return v.readFormerSeen()
}

// within verifies a bundle that lies within this one, or before it, by the same options.
func (v *verifier) within(r io.ReaderAt, size int64) (*verifier, error) {
	if v.depth+1 > maxFormer {
		return nil, fmt.Errorf("%w: more than %d ledgers follow one another", ErrUnreadable, maxFormer)
	}
	o := v.o
	o.Progress = nil
	inner := &verifier{ctx: v.ctx, o: o, verdict: &Verdict{Failures: []Failure{}}, witnesses: v.witnesses, depth: v.depth + 1}
	if v.found != nil {
		inner.before = v.before + v.found.bytes
	}
	inner.ask()
	if err := inner.run(r, size); err != nil {
		if v.ctx.Err() != nil {
			return nil, v.ctx.Err()
		}
		return nil, err
	}
	inner.conclude()
	inner.verdict.Result = Authentic
	for _, c := range inner.verdict.Checks {
		if c.State != Passed && c.State != NotAsked {
			inner.verdict.Result = NotAuthentic
		}
	}
	inner.verdict.Media, inner.verdict.Quarantine = nil, nil // the record has them
	return inner, nil
}

// linked compares what a ledger states of the one that it continues with the bundle
// of that one, which verifies.
func (v *verifier) linked(c event.UUID, genesis *event.AuthorityGenesis, b *event.LogPredecessor) (endorsed bool, err error) {
	if v.m.Case != c {
		return false, fmt.Errorf("it is of case %s, not of case %s", v.m.Case, c)
	}
	if genesis == nil {
		return false, errors.New("the genesis of the ledger that continues it is not shown")
	}
	key, err := seal.ParseKeyInfo(v.m.Authority.Key)
	if err != nil {
		return false, err
	}
	last, err := succession.Check(b, genesis, succession.Former{LogKey: v.m.Authority.LogKey, Authority: key})
	if err != nil && !errors.Is(err, succession.ErrUnendorsed) {
		return false, err
	}
	if last.Size != v.cp.Size || last.Root != v.cp.Root {
		return false, fmt.Errorf("it is judged against %d entries of %s with root %v, and entry 1 of this ledger states that it ended with %d and root %v",
			v.cp.Size, v.m.Authority.Origin, v.cp.Root, last.Size, last.Root)
	}
	return err == nil, nil
}

// readFormerSeen reads the proofs that lead from checkpoints which events of this
// ledger alone embed to the former ledger's last one.
func (v *verifier) readFormerSeen() (err error) {
	v.former.late, err = v.seenProofs(bag.ClassFormerSeen, v.former.cp.Size)
	return err
}

// seenFormer compares a checkpoint of a former ledger with what is shown of that. It
// reports whether the checkpoint is of one.
func (v *verifier) seenFormer(e *embedding, fail func(string, ...any)) bool {
	f := v.former
	for f != nil && f.m.Authority.Origin != e.seen.Origin {
		f = f.former
	}
	if f == nil {
		return false
	}
	size := ledger.Size(e.seen.Size)
	known := f.knows(size)
	switch {
	case size > f.cp.Size:
		fail("the device had seen %s with %d entries, and it is said to have ended with %d", clip(e.seen.Origin), size, f.cp.Size)
	case known == nil:
		v.note("SEEN_FORMER_LOG", &e.index, fmt.Sprintf("the device had last seen the former ledger %s with %d entries; the bundle has no proof that this is a beginning of it", clip(e.seen.Origin), size),
			fmt.Sprintf("该设备最近所见为原账本 %s 的 %d 个条目；本证据包未附其为该账本开头部分的证明", clip(e.seen.Origin), size))
	default:
		if err := known(ledger.Checkpoint{Origin: e.seen.Origin, Size: size, Root: ledger.Hash(e.seen.Root)}); err != nil {
			fail("the checkpoint that the device had seen is not a beginning of the former ledger: %v", err)
			break
		}
		v.pass(chkSeen, 1)
	}
	return true
}

// knows gives what compares a checkpoint of a size with the ledger; nil where nothing can.
func (v *verifier) knows(size ledger.Size) func(ledger.Checkpoint) error {
	if size == v.cp.Size {
		return func(c ledger.Checkpoint) error {
			if c.Root != v.cp.Root {
				return errors.New("the ledger ended with another root")
			}
			return nil
		}
	}
	if s := v.seen[size]; s != nil {
		return func(c ledger.Checkpoint) error { return s.proof.Verify(c, v.cp.Checkpoint) }
	}
	if s := v.late[size]; s != nil {
		return func(c ledger.Checkpoint) error {
			s.shown = true
			return s.proof.Verify(c, v.cp.Checkpoint)
		}
	}
	return nil
}

// formerSeenUsed refuses proofs that nothing shown has to do with.
func (v *verifier) formerSeenUsed() {
	if v.former == nil {
		for _, f := range v.byClass(bag.ClassFormerSeen) {
			v.failAt(chkSeen, f.Path, "there is no former ledger beside it")
		}
		return
	}
	for _, size := range slices.Sorted(maps.Keys(v.former.late)) {
		if !v.former.late[size].shown {
			v.failAt(chkSeen, bag.FormerSeenPath(size), "no event shown had seen this checkpoint, or the former ledger's bundle proves it already")
		}
	}
}

// ledgers lists the ledgers that a case lies in, and which of them proves each event first.
func ledgers(m *bag.Manifest, former *verifier, asm *Assembly) (list []Ledger, by map[event.ID]int) {
	add := func(m *bag.Manifest, base int64) {
		list = append(list, Ledger{Origin: m.Authority.Origin, Authority: m.Authority.Name, Key: m.Authority.Key.ID, LogKey: m.Authority.LogKey,
			Size: int64(m.Checkpoint.Size), First: base})
	}
	add(m, asm.base)
	for f, a := former, asm.former; f != nil; f, a = f.former, a.former {
		add(f.m, a.base)
	}
	slices.Reverse(list)
	by = asm.first()
	for _, n := range by {
		list[n].Events++
	}
	return list, by
}

// Former is a former ledger's bundle, read to be put into a bundle of the ledger that
// continues it.
type Former struct{ v *verifier }

// ReadFormer verifies a former ledger's bundle. The error wraps ErrUnreadable also
// where the bundle is not authentic: there is nothing then that could be handed on.
func ReadFormer(ctx context.Context, r io.ReaderAt, size int64) (*Former, error) {
	outer := &verifier{ctx: ctx, o: Options{Workers: runtime.GOMAXPROCS(0)}}
	v, err := outer.within(r, size)
	if err != nil {
		return nil, err
	}
	if v.verdict.Result != Authentic {
		why := "it could not be verified to the end"
		if len(v.verdict.Failures) > 0 {
			why = v.verdict.Failures[0].String()
		}
		return nil, fmt.Errorf("%w: it is not authentic: %s", ErrUnreadable, why)
	}
	return &Former{v}, nil
}

// Linked says why a ledger does not continue the one that the bundle is of, with
// what it shows of a case, or nothing.
func (f *Former) Linked(c event.UUID, genesis *event.AuthorityGenesis, b *event.LogPredecessor) error {
	_, err := f.v.linked(c, genesis, b)
	return err
}

// Origin and Size are the ledger's name and how many entries it ended with.
func (f *Former) Origin() string    { return f.v.m.Authority.Origin }
func (f *Former) Size() ledger.Size { return f.v.cp.Size }

// Knows reports whether the bundle itself proves a tree of a size.
func (f *Former) Knows(size ledger.Size) bool { return f.v.knows(size) != nil }

// Join has an assembly follow what the bundle shows.
func (f *Former) Join(asm *Assembly) { asm.Follow(f.v.found.asm, int64(f.v.cp.Size)) }

// RestoreBodies gives the raw bodies of events that were amended.
func (f *Former) RestoreBodies() error {
	for v := f.v; v != nil; v = v.former {
		if err := v.restoreBodies(); err != nil {
			return err
		}
	}
	return nil
}

// Ledgers lists the ledgers that a case lies in once an assembly follows the bundle.
func (f *Former) Ledgers(m *bag.Manifest, asm *Assembly) ([]Ledger, map[event.ID]int) {
	return ledgers(m, f.v, asm)
}
