package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

// maxFaults is how many faults are listed before a check gives up: with more, the
// copy as a whole is lost.
const maxFaults = 100

// Options say what to check a log against.
type Options struct {
	// Key is the verifier key (vkey) of the log, had from somewhere else than the log.
	Key string
	// Witnesses are verifier keys of witnesses, each of which must have cosigned.
	Witnesses []string
	// Earlier is the text of an earlier checkpoint, signed by the same key, that the
	// log must continue; nil for none. It need not be cosigned.
	Earlier []byte
	// Faults is how many faults end the check; 100 where it is 0.
	Faults int
	// Progress is told how far the check is; nil for nobody.
	Progress func(stage string, done, total int64)
}

// Fault is a file of the log that is wrong.
type Fault struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func (f *Fault) Error() string { return f.Path + ": " + f.Reason }

// Report is the outcome of a check.
type Report struct {
	// Origin, Size and Root are what the checkpoint states; empty where it is not good.
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
	// Checkpoint is the verified text of the checkpoint.
	Checkpoint []byte `json:"-"`
	// Signatures counts the verified signature lines, Unknown those by other keys.
	Signatures int `json:"signatures"`
	Unknown    int `json:"unknown_signatures"`
	// Tiles and Entries count what was found right.
	Tiles   int64 `json:"tiles"`
	Entries int64 `json:"entries"`
	// EarlierSize is that of the earlier checkpoint that the log was shown to continue, -1 without one.
	EarlierSize int64 `json:"earlier_size"`
	// Faults is empty where everything is right.
	Faults []Fault `json:"faults"`
	// Unchecked counts the tiles and bundles under wrong tiles.
	Unchecked int64 `json:"unchecked"`
	// GaveUp: there were more faults than are listed, and the rest was not looked at.
	GaveUp bool `json:"gave_up"`
	// Strays are files of a directory that the checkpoint says nothing about, at most
	// a hundred; they were not checked.
	Strays []string `json:"strays"`
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Faults) == 0 && !r.GaveUp }

var errGiveUp = errors.New("too many faults")

// checker checks one log.
type checker struct {
	ctx      context.Context
	from     Source
	o        Options
	report   *Report
	reader   *reader
	hashes   tlog.HashReader
	size     int64
	bad      map[tlog.Tile]bool // of hashes: wrong, or under a wrong one
	progress func()
}

// Check verifies a log. See the package comment. An error says that it could not
// be checked, or wraps ErrKey or an error about the earlier checkpoint.
func Check(ctx context.Context, from Source, o Options) (*Report, error) {
	k, err := parseKeys(o.Key, o.Witnesses)
	if err != nil {
		return nil, err
	}
	if o.Faults == 0 {
		o.Faults = maxFaults
	}
	c := &checker{ctx: ctx, from: from, o: o, report: &Report{EarlierSize: -1, Faults: []Fault{}, Strays: []string{}}, bad: map[tlog.Tile]bool{}}
	var earlier *checkpoint
	if o.Earlier != nil {
		e, err := openCheckpoint(o.Earlier, keys{k.log, k.list[:1]})
		if err != nil {
			return nil, fmt.Errorf("the earlier checkpoint cannot be used: %w", err)
		}
		earlier = &e
	}
	if err = c.all(k, earlier); errors.Is(err, errGiveUp) {
		c.report.GaveUp, err = true, nil
	}
	return c.report, errors.Join(err, ctx.Err())
}

func (c *checker) all(k keys, earlier *checkpoint) error {
	cp, err := c.checkpoint(k)
	if err != nil || cp == nil {
		return err
	}
	if ok, err := c.edge(); !ok || err != nil {
		return err
	}
	if earlier != nil {
		if err := c.continues(*earlier); err != nil {
			return err
		}
	}
	for level := levels(c.size) - 1; level >= 0; level-- {
		if err := c.level(level); err != nil {
			return err
		}
	}
	if d, ok := c.from.(*Directory); ok {
		return d.list(c.ctx, c.rest)
	}
	return nil
}

// fault notes a *Fault; other errors, and one fault too many, end the check.
func (c *checker) fault(err error) error {
	var f *Fault
	if err == nil {
		return nil
	}
	if !errors.As(err, &f) {
		return err
	}
	if len(c.report.Faults) >= c.o.Faults {
		return errGiveUp
	}
	c.report.Faults = append(c.report.Faults, *f)
	return nil
}

// checkpoint opens the checkpoint; nil where it is not good.
func (c *checker) checkpoint(k keys) (*checkpoint, error) {
	const path = "checkpoint"
	text, err := get(c.ctx, c.from, path, maxCheckpoint)
	if err != nil {
		return nil, c.fault(err)
	}
	cp, err := openCheckpoint(text, k)
	if err != nil {
		return nil, c.fault(&Fault{path, err.Error()})
	}
	r := c.report
	r.Checkpoint, r.Origin, r.Size, r.Root, r.Signatures, r.Unknown = text, cp.origin, cp.tree.N, cp.tree.Hash.String(), cp.verified, cp.unknown
	c.size = cp.tree.N
	c.reader = &reader{ctx: c.ctx, from: c.from, kept: map[tlog.Tile][]byte{}}
	c.hashes = tlog.TileHashReader(cp.tree, c.reader)
	var done, total int64
	for level := range levels(c.size) {
		total += tiles(c.size, level)
	}
	total += tiles(c.size, 0)
	c.progress = func() {
		if done++; c.o.Progress != nil {
			c.o.Progress("check", done, total)
		}
	}
	return &cp, nil
}

// levels is the number of levels of tiles that a tree of n entries has.
func levels(n int64) (levels int) {
	for ; n > 0; n >>= height {
		levels++
	}
	return levels
}

// tiles is the number of tiles of a level.
func tiles(n int64, level int) int64 { return (count(n, level) + width - 1) / width }

// edge computes the root from the right-most tiles; without them nothing can be believed.
func (c *checker) edge() (bool, error) {
	if c.size == 0 {
		if root, err := tlog.TreeHash(0, nil); err != nil || root.String() != c.report.Root {
			return false, errors.Join(err, c.fault(&Fault{"checkpoint", "its root is not that of an empty log"}))
		}
		return true, nil
	}
	_, err := c.read(nil)
	if f := new(inconsistent); errors.As(err, &f) {
		err = &Fault{"tile", "the right-most tiles do not give the root that the checkpoint states; wrong is one of" + f.paths()}
	}
	return err == nil, c.fault(err)
}

// inconsistent says that tiles, of which one is wrong, are not those of the tree.
type inconsistent struct{ tiles []tlog.Tile }

func (e *inconsistent) Error() string { return "inconsistent tiles" }

func (e *inconsistent) paths() (list string) {
	for _, t := range e.tiles {
		list += " " + pathOf(t)
	}
	return list
}

// read gives authenticated hashes. An error is a *Fault, an *inconsistent, or the source's own.
func (c *checker) read(indexes []int64) ([]tlog.Hash, error) {
	c.reader.failed, c.reader.asked = nil, nil
	h, err := c.hashes.ReadHashes(indexes)
	switch {
	case c.reader.failed != nil:
		return nil, c.reader.failed
	case err != nil:
		return nil, &inconsistent{c.reader.asked}
	}
	return h, nil
}

// continues shows that the log begins with the tree of an earlier checkpoint.
func (c *checker) continues(earlier checkpoint) error {
	if earlier.tree.N > c.size {
		return c.fault(&Fault{"checkpoint", fmt.Sprintf("it states %d entries, the earlier checkpoint %d: entries were taken away. Keep both: they are evidence", c.size, earlier.tree.N)})
	}
	root, err := tlog.TreeHash(earlier.tree.N, tlog.HashReaderFunc(c.read))
	if f := new(inconsistent); errors.As(err, &f) {
		return c.fault(&Fault{"tile", "consistency with the earlier checkpoint cannot be shown; wrong is one of" + f.paths()})
	}
	if err != nil {
		return c.fault(err)
	}
	if root != earlier.tree.Hash {
		return c.fault(&Fault{"checkpoint", fmt.Sprintf("the first %d entries have the root %v, the earlier checkpoint states %v: the log was rewritten. Keep both: they are evidence", earlier.tree.N, root, earlier.tree.Hash)})
	}
	c.report.EarlierSize = earlier.tree.N
	return nil
}

// level checks the tiles of a level whose parents have been checked, and with
// those of level 0 the entries.
func (c *checker) level(level int) error {
	var group []tlog.Tile
	for n := range tiles(c.size, level) {
		t := tileOf(c.size, level, n)
		if p, ok := parent(c.size, t); ok && c.bad[p] {
			c.bad[t] = true
			c.skip(level)
		} else {
			group = append(group, t)
		}
		if len(group) == together || n == tiles(c.size, level)-1 {
			if err := c.group(group); err != nil {
				return err
			}
			group = group[:0]
		}
	}
	return nil
}

// skip counts what cannot be checked.
func (c *checker) skip(level int) {
	c.report.Unchecked++
	c.progress()
	if level == 0 { // its bundle
		c.report.Unchecked++
		c.progress()
	}
}

// group checks some tiles of a level: in one go, and if that fails one by one, to name them.
func (c *checker) group(group []tlog.Tile) error {
	c.reader.forget()
	indexes := make([]int64, len(group))
	for i, t := range group {
		indexes[i] = index(t, 0)
	}
	_, err := c.read(indexes)
	good := group
	if err != nil {
		good = nil
		for i, t := range group {
			_, err := c.read(indexes[i : i+1])
			if f := new(inconsistent); errors.As(err, &f) { // those above it are right
				err = &Fault{pathOf(t), "it does not have the hashes of which the tile above it has the root"}
			}
			if err == nil {
				good = append(good, t)
				continue
			}
			if err := c.fault(err); err != nil {
				return err
			}
			c.bad[t] = true
			c.progress()
			if t.L == 0 {
				c.report.Unchecked++
				c.progress()
			}
		}
	}
	for range good {
		c.report.Tiles++
		c.progress()
	}
	if len(good) == 0 || good[0].L > 0 {
		return nil
	}
	return c.entries(good)
}

// entries checks the bundles of authenticated tiles of level 0.
func (c *checker) entries(list []tlog.Tile) error {
	bundles, faults := make([][]byte, len(list)), make([]error, len(list))
	g, ctx := errgroup.WithContext(c.ctx)
	g.SetLimit(fetches)
	for i, t := range list {
		g.Go(func() error {
			path := bundleOf(t)
			bundles[i], faults[i] = get(ctx, c.from, path, maxBundle)
			if faults[i] == nil {
				if wrong := wrongEntry(t.N*width, bundles[i], c.reader.kept[t]); wrong != "" {
					faults[i] = &Fault{path, wrong}
				}
			}
			bundles[i] = nil
			if errors.As(faults[i], new(*Fault)) {
				return nil
			}
			return faults[i]
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, t := range list {
		c.progress()
		if faults[i] == nil {
			c.report.Entries += int64(t.W)
		} else if err := c.fault(faults[i]); err != nil {
			return err
		}
	}
	return nil
}
