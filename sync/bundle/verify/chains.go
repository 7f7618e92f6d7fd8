package verify

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// maxListed bounds the lines of a list, four times the files that a bundle can
// have, and more devices than any authority enrols.
const maxListed = 1_000_000

// jsonList reads one of the lists of JSON lines whole. ok is false where the
// file is not what is pinned, or a line is malformed.
func jsonList[L bag.MediaLine | bag.ChainLine](v *verifier, path, check string, take func(*L)) (ok bool, err error) {
	l := v.lines(path, maxSmall)
	bad := false
	for !bad {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			bad = true
			break
		}
		if l.n > maxListed {
			v.failAt(check, path, "it has more than %d lines", maxListed)
			bad = true
			break
		}
		item, err := bag.ParseJSON[L](line)
		if err != nil {
			v.failAt(check, path, "line %d: %v", l.n, err)
			bad = true
			break
		}
		take(item)
	}
	ok, err = l.read.close()
	return ok && !bad, err
}

// readChains reads how the devices' chains are accounted for.
func (v *verifier) readChains() error {
	v.chains = map[event.UUID]*bag.ChainLine{}
	var last event.UUID
	ok, err := jsonList(v, bag.PathChains, chkChains, func(c *bag.ChainLine) {
		if bytes.Compare(c.Device[:], last[:]) <= 0 {
			v.failAt(chkChains, bag.PathChains, "device %s does not come after device %s", c.Device, last)
		}
		last = c.Device
		v.chains[c.Device] = c
	})
	if err == nil && !ok {
		err = errStop
	}
	return err
}

// checkChains ties every shown event to its predecessor, and holds the counts
// of each chain against what is there.
func (v *verifier) checkChains() error {
	c := v.found
	for _, u := range c.untold {
		if u.role == bag.RoleHidden {
			if ch := c.byKey[u.key]; ch != nil {
				ch.hidden++
			}
		}
	}
	devices := slices.SortedFunc(maps.Keys(c.chains), func(a, b event.UUID) int { return slices.Compare(a[:], b[:]) })
	for _, device := range devices {
		ch := c.chains[device]
		if len(ch.links) == 0 { // known by its revocation alone
			continue
		}
		line := v.chains[device]
		if line == nil {
			v.failAt(chkChains, bag.PathChains, "device %s sealed %d events shown here, and no line accounts for its chain", device, len(ch.links))
			continue
		}
		delete(v.chains, device)
		slices.SortFunc(ch.links, func(a, b link) int { return cmp.Compare(a.seq, b.seq) })
		v.checkCounts(device, ch, line)
		for i := range ch.links {
			v.checkLink(ch, line, i)
		}
		c.asm.Chain(line)
	}
	for _, device := range slices.SortedFunc(maps.Keys(v.chains), func(a, b event.UUID) int { return slices.Compare(a[:], b[:]) }) {
		v.failAt(chkChains, bag.PathChains, "a line accounts for device %s, which sealed nothing that is shown", device)
	}
	v.checkUntold()
	v.pass(chkChains, 0)
	v.pass(chkRevocations, 0)
	v.pass(chkEnrolments, 0)
	return nil
}

func (v *verifier) checkCounts(device event.UUID, ch *chain, line *bag.ChainLine) {
	fail := func(format string, args ...any) {
		v.failAt(chkChains, bag.PathChains, "device %s: %s", device, fmt.Sprintf(format, args...))
	}
	last := ch.links[len(ch.links)-1].seq
	switch {
	case line.Key != event.Digest(ch.key):
		fail("its key is said to be %s, its events are sealed with %s", line.Key, ch.key)
	case line.Shown != int64(len(ch.links)):
		fail("%d of its events are said to be shown, %d are", line.Shown, len(ch.links))
	case line.Hidden != ch.hidden:
		fail("%d of its events are said to be hidden, the leaves of %d are there", line.Hidden, ch.hidden)
	case last > line.Head:
		fail("its last event is said to be number %d, number %d is shown", line.Head, last)
	}
}

// checkLink ties the i-th shown event of a chain to the event before it.
func (v *verifier) checkLink(ch *chain, line *bag.ChainLine, i int) {
	l := &ch.links[i]
	fail := func(format string, args ...any) {
		v.fail(Failure{Check: chkChains, Index: &l.index, Event: l.id, Detail: fmt.Sprintf(format, args...)})
	}
	if line.Lacks(l.seq) {
		fail("number %d of its device's chain is said not to have arrived, and is shown", l.seq)
		return
	}
	if l.seq == 1 {
		v.pass(chkChains, 1)
		return
	}
	if i > 0 && ch.links[i-1].seq == l.seq {
		fail("two events shown are number %d of one chain", l.seq)
		return
	}
	if i > 0 && ch.links[i-1].seq == l.seq-1 {
		if ch.links[i-1].id != l.prev {
			fail("it follows event %s, but number %d of its chain is event %s", l.prev, l.seq-1, ch.links[i-1].id)
			return
		}
		v.pass(chkChains, 1)
		return
	}
	u := v.found.untold[l.prev]
	switch {
	case line.Lacks(l.seq - 1):
		if u != nil {
			fail("the event before it is said not to have arrived, and is entry %d", u.index)
			return
		}
	case u == nil:
		fail("it follows event %s, which is neither shown nor accounted for: an event may have been left out", l.prev)
		return
	case u.key != ch.key:
		fail("it follows event %s, which another key sealed", l.prev)
		return
	default:
		u.used = true
	}
	v.pass(chkChains, 1)
}

// checkUntold refuses leaves that nothing shown has to do with.
func (v *verifier) checkUntold() {
	var stray []ledger.Index
	for _, u := range v.found.untold {
		if u.role == bag.RoleNeighbour && !u.used {
			stray = append(stray, u.index)
		}
	}
	for index := range v.found.timed {
		if _, ok := v.found.times[index]; !ok {
			stray = append(stray, index)
		}
	}
	slices.Sort(stray)
	for _, index := range stray {
		v.fail(Failure{Check: chkLeaves, File: bag.PathLeaves, Index: &index, Detail: "nothing that is shown has to do with this entry"})
	}
	for _, index := range slices.Sorted(maps.Keys(v.found.times)) {
		if v.found.times[index].IsZero() {
			v.fail(Failure{Check: chkLeaves, File: bag.PathLeaves, Index: &index, Detail: "the last entry that a checkpoint covers is not there, so that its time is not known"})
		}
	}
}

// checkDisclosure holds the manifest's counts against what is there.
func (v *verifier) checkDisclosure() error {
	got, want := &v.found.counts, &v.m.Disclosure
	for _, n := range []struct {
		what      string
		got, want int64
	}{
		{"events of the case are shown", got.Shown, want.Shown},
		{"events of the case are hidden", got.Hidden, want.Hidden},
		{"events of no case are shown", got.Context, want.Context},
		{"lines in quarantine are shown", got.ShownQuarantine, want.ShownQuarantine},
		{"lines in quarantine are hidden", got.HiddenQuarantine, want.HiddenQuarantine},
	} {
		if n.got != n.want {
			v.failAt(chkDisclosure, bag.PathManifest, "%d %s, the manifest counts %d", n.got, n.what, n.want)
			continue
		}
		v.pass(chkDisclosure, 1)
	}
	if sum := event.Digest(v.found.ids.Sum(nil)); sum != want.Events {
		v.failAt(chkDisclosure, bag.PathManifest, "the digest over the events shown is %s, the manifest says %s", sum, want.Events)
	}
	if v.found.genesis == nil {
		v.failAt(chkAuthority, bag.PathEvents, "the authority's genesis is not among the events")
	}
	v.pass(chkQuarantine, 0)
	v.pass(chkSignatures, 0)
	v.pass(chkLeaves, 0)
	return v.checkTileSet()
}

// checkTileSet refuses tiles that prove nothing of what is shown.
func (v *verifier) checkTileSet() error {
	ids, err := ledger.RequiredTiles(v.cp.Size, v.found.indices)
	if err != nil {
		return v.stop(chkTiles, bag.PathLeaves, "%v", err)
	}
	need := make(map[string]bool, len(ids))
	for _, id := range ids {
		need[bag.TilePath(id, id.Width(v.cp.Size))] = true
	}
	for _, f := range v.byClass(bag.ClassTile) {
		if !need[f.Path] {
			v.failAt(chkTiles, f.Path, "no entry shown needs this tile")
		}
	}
	return nil
}
