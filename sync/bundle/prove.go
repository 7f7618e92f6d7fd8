package bundle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// addChains accounts for the devices' chains, and ties each shown event to the
// one before it.
func (mk *maker) addChains() error {
	w, err := mk.spool.create(bag.PathChains, true)
	if err != nil {
		return err
	}
	for _, device := range sorted(mk.chains, uuidBytes) {
		ch := mk.chains[device]
		if len(ch.shown) == 0 {
			continue
		}
		line, err := mk.chain(device, ch)
		if err != nil {
			return err
		}
		text, err := bag.AppendJSON(nil, line)
		if err != nil {
			return broken("%w", err)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		mk.asm.Chain(line)
	}
	return mk.done(w)
}

func (mk *maker) chain(device event.UUID, ch *chain) (*bag.ChainLine, error) {
	head, missing, err := mk.src.Chain(mk.ctx, device, mk.cp.Size)
	if err != nil {
		return nil, err
	}
	line := &bag.ChainLine{Device: device, Key: ch.key, Head: head, Missing: missing, Shown: int64(len(ch.shown)), Hidden: int64(len(ch.hidden))}
	line.Outside = head - line.Shown - line.Hidden
	for _, gap := range missing {
		line.Outside -= gap[1] - gap[0] + 1
	}
	slices.SortFunc(ch.shown, func(a, b link) int { return cmp.Compare(a.seq, b.seq) })
	for i, l := range ch.shown {
		before := l.seq - 1
		if before == 0 || i > 0 && ch.shown[i-1].seq == before || ch.hidden[before] || line.Lacks(before) {
			continue
		}
		index, ok, err := mk.src.Find(mk.ctx, device, before, mk.cp.Size)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, broken("event %d of device %s is neither in the ledger nor missing from it", before, device)
		}
		if err := mk.leaf(index, bag.RoleNeighbour); err != nil {
			return nil, err
		}
	}
	return line, nil
}

// leaf adds the leaf of an entry, unless it is there in a role of its own.
func (mk *maker) leaf(index ledger.Index, role bag.Role) error {
	if mk.leaves[index].Role != 0 {
		return nil
	}
	leaf, err := mk.src.Leaf(mk.ctx, index)
	if err != nil {
		return err
	}
	mk.leaves[index] = bag.LeafLine{Index: index, Role: role, Leaf: leaf}
	return nil
}

// addSeen proves that the checkpoints which devices embedded belong to the ledger.
func (mk *maker) addSeen() error {
	if err := mk.leaf(ledger.Index(mk.cp.Size-1), bag.RoleTime); err != nil {
		return err
	}
	bySize := map[ledger.Size][]event.Seen{}
	for s := range mk.seen {
		if size := ledger.Size(s.Size); s.Origin == mk.m.Authority.Origin && size > 0 && size <= mk.cp.Size {
			bySize[size] = append(bySize[size], s)
		}
	}
	for _, size := range slices.Sorted(maps.Keys(bySize)) {
		list := bySize[size]
		slices.SortFunc(list, func(a, b event.Seen) int {
			return cmp.Or(slices.Compare(a.Root[:], b.Root[:]), slices.Compare(a.Note[:], b.Note[:]))
		})
		if err := mk.seenAt(size, list); err != nil {
			return err
		}
	}
	return nil
}

func (mk *maker) seenAt(size ledger.Size, list []event.Seen) error {
	if err := mk.leaf(ledger.Index(size-1), bag.RoleTime); err != nil {
		return err
	}
	proof, err := ledger.ProveConsistency(mk.ctx, mk.src.Tiles(), size, mk.cp.Size)
	if err != nil {
		return broken("consistency of the ledger at %d and %d entries: %w", size, mk.cp.Size, err)
	}
	if err := mk.add(bag.SeenConsistencyPath(size), proof.Marshal(), false); err != nil {
		return err
	}
	root, err := ledger.RootAt(mk.ctx, mk.src.Tiles(), size)
	if err != nil {
		return broken("the root of the ledger at %d entries: %w", size, err)
	}
	c := custody.CheckpointTime{Size: int64(size), Root: event.Root(root), Signed: mk.leaves[ledger.Index(size-1)].Leaf.Received.Time()}
	note, err := mk.src.Note(mk.ctx, size, list[0].Note)
	if err != nil {
		return err
	}
	if note != nil {
		if _, err := ledger.ParseCheckpoint(note, mk.logKey); err != nil {
			return broken("the checkpoint of %d entries: %w", size, err)
		}
		c.Note = sha256.Sum256(note)
		mk.notes[c.Note] = true
		if err := mk.add(bag.SeenCheckpointPath(size), note, false); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(list, func(s event.Seen) bool { return s.Root == c.Root }) {
		mk.asm.Checkpoint(c)
	}
	return nil
}

// addMedia settles what became of the files that shown events name, and checks
// the bytes of those that go into the bundle.
func (mk *maker) addMedia() error {
	w, err := mk.spool.create(bag.PathMedia, true)
	if err != nil {
		return err
	}
	for _, d := range sorted(mk.media, digestBytes) {
		m, err := mk.src.Media(mk.ctx, d)
		if err != nil {
			return err
		}
		line := &bag.MediaLine{SHA256: d, State: m.State, Have: m.Have, Got: m.Got}
		if m.State == bag.MediaPresent && mk.o.WithoutMedia {
			line.State = bag.MediaWithheld
		}
		if line.State == bag.MediaPresent {
			line.Path = bag.MediaPath(d, bag.Extension(mk.media[d].Type, mk.media[d].Name))
			p, err := mk.original(line)
			if err != nil {
				return err
			}
			mk.parts = append(mk.parts, p)
		}
		text, err := bag.AppendJSON(nil, line)
		if err != nil {
			return broken("%w", err)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		mk.asm.Media(line)
		mk.listed = append(mk.listed, *line)
	}
	return mk.done(w)
}

// original reads a file through: its CRC-32 has to be known before its first
// byte is written, and nobody is to be handed a file that is not its digest.
func (mk *maker) original(line *bag.MediaLine) (*part, error) {
	r, err := mk.src.Open(mk.ctx, line.SHA256)
	if err != nil {
		return nil, err
	}
	h, crc := sha256.New(), crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(h, crc), &stoppable{mk.ctx, r})
	if c := r.Close(); err == nil {
		err = c
	}
	if err != nil {
		return nil, fmt.Errorf("reading the file %s: %w", line.SHA256, err)
	}
	if got := event.Digest(h.Sum(nil)); got != line.SHA256 || n != line.Have {
		return nil, broken("the file %s is kept with %d bytes and digest %s", line.SHA256, n, got)
	}
	return &part{FileLine: bag.FileLine{SHA256: line.SHA256, Size: n, Path: line.Path}, crc: crc.Sum32(), media: true}, nil
}

// stoppable ends a long read with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// addLeaves writes the leaves and the tiles that lead from them to the root, and
// checks that they do.
func (mk *maker) addLeaves() error {
	mk.order = slices.Sorted(maps.Keys(mk.leaves))
	ids, err := ledger.RequiredTiles(mk.cp.Size, mk.order)
	if err != nil {
		return broken("%w", err)
	}
	upper := slices.DeleteFunc(slices.Clone(ids), func(id ledger.TileID) bool {
		return id.Level == 0 && id.Width(mk.cp.Size) == ledger.TileWidth
	})
	sparse, err := ledger.CollectTiles(mk.ctx, mk.src.Tiles(), mk.cp.Size, upper)
	if err != nil {
		return broken("%w", err)
	}
	tiles, err := ledger.VerifyTiles(mk.cp.Root, mk.cp.Size, sparse)
	if err != nil {
		return broken("%w", err)
	}
	w, err := mk.spool.create(bag.PathLeaves, true)
	if err != nil {
		return err
	}
	if err := mk.writeLeaves(w, tiles); err != nil {
		return err
	}
	if err := mk.done(w); err != nil {
		return err
	}
	for _, id := range ids {
		one, err := ledger.CollectTiles(mk.ctx, mk.src.Tiles(), mk.cp.Size, []ledger.TileID{id})
		if err != nil {
			return broken("%w", err)
		}
		if err := mk.add(bag.TilePath(id, id.Width(mk.cp.Size)), one[id], false); err != nil {
			return err
		}
	}
	return nil
}

// writeLeaves writes the lines, checking each leaf against its tile.
func (mk *maker) writeLeaves(w io.Writer, tiles *ledger.VerifiedTiles) error {
	var data []byte // of tile id
	id := ledger.TileID{N: -1}
	for _, index := range mk.order {
		l := mk.leaves[index]
		if n := int64(index) >> ledger.TileHeight; n != id.N {
			id.N = n
			one, err := ledger.CollectTiles(mk.ctx, mk.src.Tiles(), mk.cp.Size, []ledger.TileID{id})
			if err != nil {
				return broken("%w", err)
			}
			data = one[id]
			if id.Width(mk.cp.Size) == ledger.TileWidth {
				err = tiles.CheckTile(ledger.Tile{TileID: id, Data: data})
			} else if verified, miss := tiles.ReadTile(mk.ctx, 0, id.N); miss != nil || !slices.Equal(verified, data) {
				err = errors.New("the edge of the ledger changed while it was read")
			}
			if err != nil {
				return broken("%w", err)
			}
		}
		hash, err := l.Leaf.Hash()
		if err != nil {
			return broken("entry %d: %w", index, err)
		}
		if at := int(index&(ledger.TileWidth-1)) * ledger.HashSize; ledger.Hash(data[at:at+ledger.HashSize]) != hash {
			return broken("the leaf of entry %d is not the one in the ledger", index)
		}
		text, err := l.Append(nil)
		if err != nil {
			return broken("%w", err)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// addKeys writes the keys in the form of openssl.
func (mk *maker) addKeys() error {
	have := map[event.Digest]bool{}
	for device, ch := range mk.chains {
		if len(ch.shown) > 0 {
			have[ch.key] = true
			if _, ok := mk.keys[ch.key]; !ok {
				return broken("the enrolment of device %s with key %s is not among the events", device, ch.key)
			}
		}
	}
	for _, id := range sorted(have, digestBytes) {
		key := mk.keys[id]
		if err := mk.add(bag.KeyPath(id), key.PEM(), false); err != nil {
			return err
		}
	}
	pem, err := bag.LogPEM(mk.m.Authority.LogKey)
	if err != nil {
		return broken("%w", err)
	}
	return mk.add(bag.PathLogPEM, pem, false)
}
