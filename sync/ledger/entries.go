package ledger

import (
	"encoding/binary"
	"fmt"
)

// EntrySize is the length of an entry in a bundle: a leaf behind its big-endian
// 16-bit length, as C2SP tlog-tiles writes entry bundles.
const EntrySize = 2 + LeafSize

// AppendEntry adds the bytes of one leaf, as Marshal gave them, to an entry
// bundle: the content of the C2SP tlog-tiles path that [EntriesPath] names.
func AppendEntry(bundle, leaf []byte) ([]byte, error) {
	if _, err := ParseLeaf(leaf); err != nil {
		return bundle, err
	}
	return append(binary.BigEndian.AppendUint16(bundle, LeafSize), leaf...), nil
}

// ParseEntries reads an entry bundle of 1 to TileWidth leaves; an error wraps ErrLeaf.
func ParseEntries(bundle []byte) ([]Leaf, error) {
	n := len(bundle) / EntrySize
	if n == 0 || n > TileWidth || len(bundle)%EntrySize != 0 {
		return nil, fmt.Errorf("%w: %d bytes are not a bundle of 1 to %d entries", ErrLeaf, len(bundle), TileWidth)
	}
	leaves := make([]Leaf, n)
	for i := range leaves {
		e := bundle[i*EntrySize : (i+1)*EntrySize]
		if got := binary.BigEndian.Uint16(e); got != LeafSize {
			return nil, fmt.Errorf("%w: entry %d of the bundle has length %d, want %d", ErrLeaf, i, got, LeafSize)
		}
		var err error
		if leaves[i], err = ParseLeaf(e[2:]); err != nil {
			return nil, fmt.Errorf("entry %d of the bundle: %w", i, err)
		}
	}
	return leaves, nil
}
