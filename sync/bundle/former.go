package bundle

import (
	"crypto/sha256"
	"hash/crc32"
	"io"
	"maps"
	"slices"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// Former is the former ledger's bundle of a case, as it is put into a bundle of the
// ledger that continues it.
type Former struct {
	// Bundle is read in its first Size bytes, several times; it must not change.
	Bundle io.ReaderAt
	Size   int64
	// Tiles are the former ledger's. They prove what events, which that ledger never
	// got, say that they had seen of it; nil where its database is gone, and then that
	// stays without proof.
	Tiles ledger.TileReader
}

// addFormer verifies the former ledger's bundle, puts it into this one, and has
// both judged together.
func (mk *maker) addFormer() error {
	f := mk.o.Former
	if f == nil {
		return nil
	}
	if mk.predecessor == nil {
		return broken("the ledger %s continues no other one, and a former ledger's bundle was given", mk.m.Authority.Origin)
	}
	read, err := verify.ReadFormer(mk.ctx, f.Bundle, f.Size)
	if err != nil {
		return broken("the former ledger's bundle: %w", err)
	}
	if err := read.Linked(mk.o.Case, mk.genesisBody, mk.predecessor); err != nil {
		return broken("the former ledger's bundle: %w", err)
	}
	sum, crc := sha256.New(), crc32.NewIEEE()
	if _, err := io.Copy(io.MultiWriter(sum, crc), io.NewSectionReader(f.Bundle, 0, f.Size)); err != nil {
		return err
	}
	mk.parts = append(mk.parts, &part{FileLine: bag.FileLine{SHA256: event.Digest(sum.Sum(nil)), Size: f.Size, Path: bag.PathFormer}, crc: crc.Sum32(), former: f})
	mk.former = read
	read.Join(mk.asm)
	return mk.addFormerSeen()
}

// addFormerSeen proves the checkpoints of the former ledger that shown events embed
// and that its own bundle does not prove.
func (mk *maker) addFormerSeen() error {
	sizes := map[ledger.Size]bool{}
	for s := range mk.seen {
		if size := ledger.Size(s.Size); s.Origin == mk.former.Origin() && size > 0 && size < mk.former.Size() && !mk.former.Knows(size) {
			sizes[size] = true
		}
	}
	if mk.o.Former.Tiles == nil {
		return nil
	}
	for _, size := range slices.Sorted(maps.Keys(sizes)) {
		proof, err := ledger.ProveConsistency(mk.ctx, mk.o.Former.Tiles, size, mk.former.Size())
		if err != nil {
			return broken("consistency of the former ledger at %d and %d entries: %w", size, mk.former.Size(), err)
		}
		if err := mk.add(bag.FormerSeenPath(size), proof.Marshal(), false); err != nil {
			return err
		}
	}
	return nil
}
