package verify

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// maxSmall bounds a file that is read whole and is not a list: a key, a proof.
const maxSmall = 1 << 20

// seenTree is a checkpoint that devices had embedded, as the bundle shows it.
type seenTree struct {
	size  ledger.Size
	proof *ledger.Consistency
	// signed is its note, where the bundle has it; note is the digest of that.
	signed    *ledger.SignedCheckpoint
	note      event.Digest
	witnessed witnessed
	// root is the one that an event stated and the proof confirms; shown, that one did.
	root  event.Root
	shown bool
}

// readCheckpoint checks the signed note that everything is judged against.
func (v *verifier) readCheckpoint() error {
	a := &v.m.Authority
	var err error
	if v.logKey, err = ledger.ParseVerifier(a.LogKey); err != nil {
		return v.stop(chkCheckpoint, bag.PathManifest, "the ledger's key: %v", err)
	}
	if v.logKey.Name() != a.Origin {
		return v.stop(chkCheckpoint, bag.PathManifest, "the ledger's key is that of %s, the authority's ledger is %s", clip(v.logKey.Name()), clip(a.Origin))
	}
	vkey, ok, err := v.load(v.files[bag.PathLogKey], maxSmall)
	if err != nil {
		return err
	}
	if ok && string(vkey) != a.LogKey+"\n" {
		v.failAt(chkCheckpoint, bag.PathLogKey, "it is not the ledger key that the manifest states")
	}
	text, ok, err := v.load(v.files[bag.PathCheckpoint], ledger.MaxCheckpointBytes)
	if err != nil {
		return err
	}
	if !ok {
		return errStop
	}
	if v.cp, err = ledger.ParseCheckpoint(text, v.logKey); err != nil {
		return v.stop(chkCheckpoint, bag.PathCheckpoint, "%v", err)
	}
	if v.cp.Size != v.m.Checkpoint.Size || event.Root(v.cp.Root) != v.m.Checkpoint.Root {
		return v.stop(chkCheckpoint, bag.PathCheckpoint, "it states %d entries with root %s, the manifest %d with root %s",
			v.cp.Size, v.cp.Root, v.m.Checkpoint.Size, v.m.Checkpoint.Root)
	}
	v.pass(chkCheckpoint, 1)
	v.checkWitnesses()
	return nil
}

// byClass lists the files of a class by path.
func (v *verifier) byClass(c bag.Class) []*pinned {
	var list []*pinned
	for _, f := range v.files {
		if f.path.Class == c {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *pinned) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// readTiles verifies the tiles above level 0 and the edge, which a bundle of any
// size can hold in memory. Those of level 0 are checked as their leaves pass.
func (v *verifier) readTiles() error {
	size, root := v.cp.Size, v.cp.Root
	upper, bad := ledger.SparseTiles{}, false
	for _, f := range v.byClass(bag.ClassTile) {
		id := f.path.Tile
		if want := id.Width(size); f.path.Width != want || f.Size != int64(want*ledger.HashSize) {
			v.failAt(chkTiles, f.Path, "a ledger of %d entries has no tile of this place and width", size)
			bad = true
			continue
		}
		if id.Level == 0 && f.path.Width == ledger.TileWidth {
			continue
		}
		data, ok, err := v.load(f, ledger.TileBytes)
		if err != nil {
			return err
		}
		upper[id], bad = data, bad || !ok
	}
	if bad {
		return errStop
	}
	tiles, err := ledger.VerifyTiles(root, size, upper)
	if err != nil {
		return v.stop(chkTiles, v.tileFile(err), "%v", err)
	}
	v.tiles = tiles
	v.pass(chkTiles, int64(len(upper)))
	return nil
}

// tileFile is the file that a *ledger.TileError is about.
func (v *verifier) tileFile(err error) string {
	var t *ledger.TileError
	if !errors.As(err, &t) {
		return bag.PathCheckpoint
	}
	return bag.TilePath(t.Tile, max(t.Tile.Width(v.cp.Size), 1))
}

// tile is a full tile of level 0, read by one goroutine and checked by whichever
// needs it first.
type tile struct {
	id    ledger.TileID
	data  []byte
	once  sync.Once
	valid bool
}

// leafTile reads the tile that holds a leaf; nil where the bundle has none.
func (v *verifier) leafTile(index ledger.Index) (*tile, error) {
	id := ledger.TileID{N: int64(index) >> ledger.TileHeight}
	width := id.Width(v.cp.Size)
	f := v.files[bag.TilePath(id, max(width, 1))]
	if width == 0 || f == nil {
		return nil, nil
	}
	t := &tile{id: id}
	if width < ledger.TileWidth { // verified with the edge
		data, err := v.tiles.ReadTile(v.ctx, 0, id.N)
		if err != nil {
			return nil, nil
		}
		t.data, t.valid = data, true
		t.once.Do(func() {})
		return t, nil
	}
	data, ok, err := v.load(f, ledger.TileBytes)
	if err != nil || !ok {
		return nil, err
	}
	t.data = data
	return t, nil
}

// holds says why the leaf hash is not at its place in the tile, or nothing.
func (v *verifier) holds(t *tile, index ledger.Index, leaf ledger.Hash) string {
	if t == nil {
		return "the tile that should hold it is not in the bundle"
	}
	t.once.Do(func() {
		if err := v.tiles.CheckTile(ledger.Tile{TileID: t.id, Data: t.data}); err != nil {
			v.failAt(chkTiles, bag.TilePath(t.id, ledger.TileWidth), "%v", err)
			return
		}
		t.valid = true
		v.pass(chkTiles, 1)
	})
	if !t.valid {
		return "the tile that should hold it does not lead to the checkpoint's root"
	}
	at := int(index&(ledger.TileWidth-1)) * ledger.HashSize
	if !bytes.Equal(t.data[at:at+ledger.HashSize], leaf[:]) {
		return "the ledger has another entry at this index"
	}
	return ""
}

// seenProofs reads the consistency proofs of a class, from checkpoints that devices
// had embedded to the ledger's newest of the given size.
func (v *verifier) seenProofs(class bag.Class, newest ledger.Size) (map[ledger.Size]*seenTree, error) {
	out := map[ledger.Size]*seenTree{}
	for _, f := range v.byClass(class) {
		data, ok, err := v.load(f, maxSmall)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		proof, err := ledger.ParseConsistency(data)
		if err != nil {
			v.failAt(chkSeen, f.Path, "%v", err)
			continue
		}
		if proof.Old != f.path.Size || proof.New != newest || proof.Old < 1 {
			v.failAt(chkSeen, f.Path, "it is a proof from %d to %d entries, should be from %d to %d", proof.Old, proof.New, f.path.Size, newest)
			continue
		}
		out[proof.Old] = &seenTree{size: proof.Old, proof: proof}
	}
	return out, nil
}

// readSeen reads the checkpoints that devices had embedded, with their proofs.
func (v *verifier) readSeen() error {
	var err error
	if v.seen, err = v.seenProofs(bag.ClassSeenConsistency, v.cp.Size); err != nil {
		return err
	}
	for _, f := range v.byClass(bag.ClassSeenCheckpoint) {
		data, ok, err := v.load(f, ledger.MaxCheckpointBytes)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		s := v.seen[f.path.Size]
		if s == nil {
			v.failAt(chkSeen, f.Path, "there is no proof of consistency beside it")
			continue
		}
		if s.signed, err = ledger.ParseCheckpoint(data, v.logKey); err != nil {
			v.failAt(chkSeen, f.Path, "%v", err)
			continue
		}
		s.note = sha256.Sum256(data)
		_, s.witnessed = v.cosignatures(f.Path, s.signed)
		if s.signed.Size != s.size {
			v.failAt(chkSeen, f.Path, "it states %d entries", s.signed.Size)
			continue
		}
		if err := s.proof.Verify(s.signed.Checkpoint, v.cp.Checkpoint); err != nil {
			v.failAt(chkSeen, f.Path, "the ledger signed it, and it is not a beginning of the ledger shown: %v", err)
		}
	}
	return nil
}

// checkSeen compares what events embedded with the ledger.
func (v *verifier) checkSeen() error {
	for _, e := range v.found.embedded() {
		fail := func(format string, args ...any) {
			v.fail(Failure{Check: chkSeen, Index: &e.index, Event: e.id, Detail: fmt.Sprintf(format, args...)})
		}
		size := ledger.Size(e.seen.Size)
		s := v.seen[size]
		switch {
		case v.seenFormer(&e, fail):
			continue
		case e.seen.Origin != v.m.Authority.Origin:
			v.note("SEEN_OTHER_LOG", &e.index, fmt.Sprintf("the device had last seen a checkpoint of another ledger, %s, which this bundle cannot check", clip(e.seen.Origin)),
				fmt.Sprintf("该设备最近所见检查点属于另一账本 %s，本证据包无法核验", clip(e.seen.Origin)))
			continue
		case size > ledger.Size(e.index):
			fail("the device had seen the ledger at %d entries, and the ledger shown has the event at %d: it was rolled back, or is another one", size, e.index)
			continue
		case size == 0:
			if empty := event.Root(sha256.Sum256(nil)); e.seen.Root != empty {
				fail("the device states the root %s for the empty ledger, whose root is %s", e.seen.Root, empty)
				continue
			}
		case s == nil:
			fail("the bundle has no proof that the checkpoint of %d entries, which the device had seen, is a beginning of this ledger", size)
			continue
		default:
			if err := s.proof.Verify(ledger.Checkpoint{Origin: e.seen.Origin, Size: size, Root: ledger.Hash(e.seen.Root)}, v.cp.Checkpoint); err != nil {
				fail("the checkpoint that the device had seen is not a beginning of this ledger: either the device states one that was never signed, or another ledger was shown to it than to you: %v", err)
				continue
			}
			s.root, s.shown = e.seen.Root, true
		}
		v.pass(chkSeen, 1)
	}
	for _, size := range slices.Sorted(maps.Keys(v.seen)) {
		if s := v.seen[size]; !s.shown {
			v.failAt(chkSeen, bag.SeenConsistencyPath(s.size), "no event shown had seen this checkpoint")
		}
	}
	v.formerSeenUsed()
	v.pass(chkSeen, 0)
	return nil
}

// times gives the instants at which leaves were received that close a checkpoint.
type times map[ledger.Index]time.Time

// closing lists the indices whose time is needed: the last leaf of the checkpoint
// and of every one that was seen or has tokens.
func (v *verifier) closing() times {
	t := times{ledger.Index(v.cp.Size - 1): {}}
	for size := range v.seen {
		t[ledger.Index(size-1)] = time.Time{}
	}
	for size := range v.dated {
		t[ledger.Index(size-1)] = time.Time{}
	}
	return t
}
