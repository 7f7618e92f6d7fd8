package verify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/rules"
)

// readMediaList reads what became of the files that events name.
func (v *verifier) readMediaList() error {
	v.media = map[event.Digest]*Media{}
	var last event.Digest
	ok, err := jsonList(v, bag.PathMedia, chkMedia, func(m *bag.MediaLine) {
		if bytes.Compare(m.SHA256[:], last[:]) <= 0 {
			v.failAt(chkMedia, bag.PathMedia, "file %s does not come after file %s", m.SHA256, last)
		}
		last = m.SHA256
		v.media[m.SHA256] = &Media{MediaLine: *m}
	})
	if err == nil && !ok {
		err = errStop
	}
	return err
}

// readRules reads the rule pack.
func (v *verifier) readRules() error {
	list := v.byClass(bag.ClassRules)
	if len(list) != 1 || list[0].path.Digest != v.m.Rules || list[0].SHA256 != v.m.Rules {
		return v.stop(chkRules, bag.RulesPath(v.m.Rules), "the bundle must have this rule pack and no other; it has %d", len(list))
	}
	data, ok, err := v.load(list[0], rules.MaxPack)
	if err != nil {
		return err
	}
	if !ok {
		return errStop
	}
	if v.rules, err = rules.Parse(data); err != nil {
		return v.stop(chkRules, list[0].Path, "%v", err)
	}
	v.pass(chkRules, 1)
	return nil
}

// checkMedia holds the files that shown events name against the list and the
// files that are there. Their bytes are hashed by hashRest.
func (v *verifier) checkMedia() error {
	names := make([]event.Digest, 0, len(v.found.media))
	for d := range v.found.media {
		names = append(names, d)
	}
	slices.SortFunc(names, func(a, b event.Digest) int { return bytes.Compare(a[:], b[:]) })
	for _, d := range names {
		use, m := v.found.media[d], v.media[d]
		fail := func(format string, args ...any) {
			v.fail(Failure{Check: chkMedia, File: bag.PathMedia, Index: &use.index, Event: use.id, Detail: fmt.Sprintf(format, args...)})
		}
		if m == nil {
			fail("the event names the file %s, and nothing says what became of it", d)
			continue
		}
		if m.State == bag.MediaPresent {
			f := v.files[m.Path]
			if f == nil || f.SHA256 != d {
				fail("the file %s is said to be at %s, and is not", d, m.Path)
				continue
			}
			if m.Size = f.Size; m.Have != f.Size {
				fail("the file %s is said to have %d bytes, it has %d", d, m.Have, f.Size)
				continue
			}
		}
		v.found.asm.Media(&m.MediaLine)
		v.verdict.Media = append(v.verdict.Media, *m)
		v.pass(chkMedia, 1)
	}
	v.pass(chkMedia, 0)
	return v.checkStrayMedia()
}

// checkStrayMedia refuses files that no shown event names.
func (v *verifier) checkStrayMedia() error {
	for _, f := range v.byClass(bag.ClassMedia) {
		if m := v.media[f.path.Digest]; m == nil || m.Path != f.Path {
			v.failAt(chkMedia, f.Path, "no line of %s says what this file is", bag.PathMedia)
		}
	}
	var stray []event.Digest
	for d := range v.media {
		if _, ok := v.found.media[d]; !ok {
			stray = append(stray, d)
		}
	}
	slices.SortFunc(stray, func(a, b event.Digest) int { return bytes.Compare(a[:], b[:]) })
	for _, d := range stray {
		v.failAt(chkMedia, bag.PathMedia, "no event shown names the file %s", d)
	}
	return nil
}

// checkKeys requires that the key files for openssl are those of the keys in use.
func (v *verifier) checkKeys() error {
	for _, f := range v.byClass(bag.ClassKey) {
		data, ok, err := v.load(f, maxSmall)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		ch := v.found.byKey[[32]byte(f.path.Digest)]
		if ch == nil || len(ch.links) == 0 {
			v.failAt(chkEnrolments, f.Path, "nothing that is shown is sealed with this key")
			continue
		}
		e, _ := v.keys.get(ch.device)
		if !bytes.Equal(e.key.PEM(), data) {
			v.failAt(chkEnrolments, f.Path, "it is not the key of this id")
		}
	}
	for id, ch := range v.found.byKey {
		if p := bag.KeyPath(event.Digest(id)); len(ch.links) > 0 && v.files[p] == nil {
			v.failAt(chkEnrolments, p, "events are sealed with this key, and its file is missing")
		}
	}
	pem, err := bag.LogPEM(v.m.Authority.LogKey)
	if err != nil {
		return v.stop(chkCheckpoint, bag.PathLogPEM, "%v", err)
	}
	data, ok, err := v.load(v.files[bag.PathLogPEM], maxSmall)
	if ok && !bytes.Equal(pem, data) {
		v.failAt(chkCheckpoint, bag.PathLogPEM, "it is not the ledger's key")
	}
	return err
}

// hashRest hashes every file that no check has read: media, the report, texts.
func (v *verifier) hashRest() error {
	var rest []*pinned
	var total int64
	for _, f := range v.files {
		if !f.done {
			rest = append(rest, f)
			total += f.Size
		}
	}
	slices.SortFunc(rest, func(a, b *pinned) int { return cmp.Compare(a.entry.Name, b.entry.Name) })
	ctx, cancel := context.WithCancelCause(v.ctx)
	defer cancel(nil)
	todo := make(chan *pinned)
	var wg sync.WaitGroup
	var done atomic.Int64
	tick := func(n int) { v.progress("files", done.Add(int64(n)), total) }
	for range v.o.Workers {
		wg.Go(func() {
			for f := range todo {
				r := v.open(f)
				r.tick = tick
				if _, err := r.close(); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for _, f := range rest {
		select {
		case todo <- f:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(todo)
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return v.ctx.Err()
}
