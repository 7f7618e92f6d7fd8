package replay

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// Entry is a lost entry that was found: its leaf and its exact line.
type Entry struct {
	Index  ledger.Index
	Leaf   ledger.Leaf
	Line   []byte
	Source string
}

// Found is what was lost, whole.
type Found struct {
	// Entries are those from Config.From to Config.To, in order.
	Entries []Entry
	// Checkpoints are the notes of this log that the sources hold and whose tree
	// is a beginning of the found one, or of the backup's, by size.
	Checkpoints []*ledger.SignedCheckpoint
}

// RootError says that there is a leaf for every entry, and that no choice among
// them gives the root that was acknowledged.
type RootError struct {
	// From and To are the entries that do not give the root: the last checkpoint
	// that they still lead to, and the first that they do not.
	From, To ledger.Size
	// Doubtful are entries that sources contradict each other about or of which
	// nothing proves what is said, with who says it.
	Doubtful []string
}

func (e *RootError) Error() string {
	return fmt.Sprintf("replay: what the sources say of the entries %d to %d does not give the root that the log signed at %d entries, so some of it is not what was acknowledged; "+
		"add a source that proves these entries (an export of the log, bundles, archives of other devices), or leave out one that is wrong. Only said, not proven: %s",
		e.From, e.To-1, e.To, strings.Join(e.Doubtful, "; "))
}

const (
	// maxTries bounds the combinations of contradictory statements that are tried between two checkpoints.
	maxTries = 4096
	// maxDoubtful bounds what a RootError lists.
	maxDoubtful = 20
)

// Resolve finds the lost entries. tree is the backup's, of Config.From entries,
// root the one that was acknowledged at Config.To. The error is a *MissingError
// or a *RootError; then nothing is given.
func (e *Evidence) Resolve(ctx context.Context, tree *ledger.Tree, root ledger.Hash) (*Found, error) {
	if tree.Size() != e.cfg.From || e.cfg.To < e.cfg.From {
		return nil, fmt.Errorf("replay: the tree has %d entries, %d to %d are looked for", tree.Size(), e.cfg.From, e.cfg.To)
	}
	x := e.readLines()
	e.placed(x)
	e.sift()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m := e.missing(x); m != nil {
		return nil, m
	}
	leaves, err := e.solve(ctx, tree, root)
	if err != nil {
		return nil, err
	}
	found := &Found{}
	refused := map[event.Digest]bool{}
	for i := range leaves {
		if leaves[i].leaf.Kind == ledger.KindQuarantine {
			refused[event.Digest(leaves[i].leaf.Event)] = true
		}
	}
	for k := range leaves {
		l := x.of(&leaves[k].leaf, refused)
		found.Entries = append(found.Entries, Entry{Index: ledger.Index(e.cfg.From) + ledger.Index(k), Leaf: leaves[k].leaf, Line: l.raw, Source: l.source})
	}
	found.Checkpoints = slices.SortedFunc(maps.Values(e.checkpoints), func(a, b *ledger.SignedCheckpoint) int { return int(a.Size - b.Size) })
	e.agree(found, tree, leaves)
	return found, nil
}

// placed makes leaves of the places whose lines are there.
func (e *Evidence) placed(x *lines) {
	for i, list := range e.places {
		for _, p := range list {
			for _, l := range x.byID[p.id] {
				leaf := l.leaf(p.received)
				if p.kind == ledger.KindQuarantine {
					leaf = ledger.Leaf{Kind: p.kind, Event: ledger.EventID(l.sha), Received: p.received}
				}
				if leaf.Kind == p.kind {
					e.claim(i, leaf, false, p.source)
				}
			}
			if l := x.bySHA[event.Digest(p.id)]; l != nil && p.kind == ledger.KindQuarantine {
				e.claim(i, ledger.Leaf{Kind: p.kind, Event: ledger.EventID(l.sha), Received: p.received}, false, p.source)
			}
		}
	}
}

// sift drops what is said where something else is proven.
func (e *Evidence) sift() {
	for i, list := range e.claims {
		if h, ok := e.hashes[i]; ok {
			for k := range list {
				list[k].proven = list[k].hash == h
			}
			e.claims[i] = slices.DeleteFunc(list, func(c claim) bool { return !c.proven })
			continue
		}
		if slices.ContainsFunc(list, func(c claim) bool { return c.proven }) {
			e.claims[i] = slices.DeleteFunc(list, func(c claim) bool { return !c.proven })
		}
	}
}

// control is a size at which a root is known.
type control struct {
	size  ledger.Size
	roots []ledger.Hash
}

// controls lists the checkpoints to lead through, and the acknowledged one at the end.
func (e *Evidence) controls(root ledger.Hash) []control {
	by := map[ledger.Size][]ledger.Hash{}
	for _, c := range e.checkpoints {
		if c.Size > e.cfg.From && c.Size < e.cfg.To && !slices.Contains(by[c.Size], c.Root) {
			by[c.Size] = append(by[c.Size], c.Root)
		}
	}
	by[e.cfg.To] = []ledger.Hash{root}
	var list []control
	for _, size := range slices.Sorted(maps.Keys(by)) {
		list = append(list, control{size, by[size]})
	}
	return list
}

// solve chooses a leaf for each entry so that they give the roots. A checkpoint
// that no choice leads to is passed over: another history may have been signed.
func (e *Evidence) solve(ctx context.Context, tree *ledger.Tree, root ledger.Hash) ([]claim, error) {
	var chosen []claim
	failed := &RootError{From: e.cfg.From, To: e.cfg.To}
	for _, c := range e.controls(root) {
		next, part, err := e.between(ctx, tree, c)
		if err != nil {
			return nil, err
		}
		if next == nil {
			failed.From, failed.To = tree.Size(), min(failed.To, c.size)
			continue
		}
		tree, chosen, failed.To = next, append(chosen, part...), e.cfg.To
	}
	if tree.Size() != e.cfg.To {
		failed.From = tree.Size()
		e.doubt(failed)
		return nil, failed
	}
	return chosen, nil
}

// between tries the choices of leaves from the tree's end to a control; nil where none gives its root.
func (e *Evidence) between(ctx context.Context, tree *ledger.Tree, c control) (*ledger.Tree, []claim, error) {
	n := int(c.size - tree.Size())
	part, hashes, choice := make([]claim, n), make([]ledger.Hash, n), make([]int, n)
	list := make([][]claim, n)
	for k := range n {
		list[k] = e.claims[ledger.Index(tree.Size())+ledger.Index(k)]
	}
	for range maxTries {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		for k := range n {
			part[k] = list[k][choice[k]]
			hashes[k] = part[k].hash
		}
		next, _ := tree.Append(hashes)
		if slices.Contains(c.roots, next.Root()) {
			return next, part, nil
		}
		k := 0
		for ; k < n; k++ { // count up
			if choice[k]++; choice[k] < len(list[k]) {
				break
			}
			choice[k] = 0
		}
		if k == n {
			break
		}
	}
	return nil, nil, nil
}

// doubt lists what is not proven of the entries in question.
func (e *Evidence) doubt(r *RootError) {
	for i := ledger.Index(r.From); i < ledger.Index(r.To); i++ {
		for _, c := range e.claims[i] {
			if c.proven {
				continue
			}
			if len(r.Doubtful) == maxDoubtful {
				r.Doubtful = append(r.Doubtful, "…")
				return
			}
			r.Doubtful = append(r.Doubtful, fmt.Sprintf("entry %d: %v %x by %s", i, c.leaf.Kind, c.leaf.Event[:6], c.source))
		}
	}
	if len(r.Doubtful) == 0 {
		r.Doubtful = []string{"nothing: the backup itself is of another history"}
	}
}

// agree drops the checkpoints that are not of the found history, and says so.
func (e *Evidence) agree(found *Found, tree *ledger.Tree, leaves []claim) {
	at := map[ledger.Size]ledger.Hash{tree.Size(): tree.Root()}
	wanted := map[ledger.Size]bool{}
	for _, c := range found.Checkpoints {
		wanted[c.Size] = true
	}
	var hashes []ledger.Hash
	for k := range leaves {
		hashes = append(hashes, leaves[k].hash)
		if size := tree.Size() + ledger.Size(len(hashes)); wanted[size] {
			tree, _ = tree.Append(hashes)
			at[size], hashes = tree.Root(), nil
		}
	}
	found.Checkpoints = slices.DeleteFunc(found.Checkpoints, func(c *ledger.SignedCheckpoint) bool {
		if c.Size < e.cfg.From || c.Size > e.cfg.To {
			return true
		}
		if root, ok := at[c.Size]; !ok || root != c.Root {
			e.remark("the log signed a checkpoint of %d entries with root %v that is not of the acknowledged history: keep its source, it shows that the log was forked or its key misused", c.Size, c.Root)
			return true
		}
		return false
	})
}
