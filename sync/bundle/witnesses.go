package bundle

import (
	"crypto/sha256"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// addWitnesses takes up, for each shown entry, the first checkpoint with
// cosignatures that covers it: by the witnesses that the reader trusts it is dated
// more closely than by the bundle's own. Whose the cosignatures are is the reader's
// question.
func (mk *maker) addWitnesses() error {
	sizes, err := mk.src.Cosigned(mk.ctx, mk.cp.Size)
	if err != nil {
		return err
	}
	own := event.Digest(sha256.Sum256(mk.cp.Note()))
	for _, size := range mk.datedSizes(sizes) {
		if mk.dated[size] {
			continue // a time-stamped note stands there; there is one for each size
		}
		note, err := mk.src.CosignedNote(mk.ctx, size)
		if err != nil {
			return err
		}
		if sha := event.Digest(sha256.Sum256(note)); note == nil || sha == own || mk.notes[sha] {
			continue // nothing to add, or it is there already
		}
		signed, err := mk.addDated(size, note)
		if err != nil {
			return err
		}
		if len(signed.Signatures()) < 2 {
			return broken("nobody but the ledger has signed what is kept as the cosigned checkpoint of %d entries", size)
		}
	}
	return nil
}

// addDated adds an earlier checkpoint, the proof that it is a beginning of the
// bundle's, and the leaf that shows when it was there at the latest.
func (mk *maker) addDated(size ledger.Size, note []byte) (*ledger.SignedCheckpoint, error) {
	if err := mk.leaf(ledger.Index(size-1), bag.RoleTime); err != nil {
		return nil, err
	}
	proof, err := ledger.ProveConsistency(mk.ctx, mk.src.Tiles(), size, mk.cp.Size)
	if err != nil {
		return nil, broken("consistency of the ledger at %d and %d entries: %w", size, mk.cp.Size, err)
	}
	signed, err := ledger.ParseCheckpoint(note, mk.logKey)
	if err == nil {
		err = proof.Verify(signed.Checkpoint, mk.cp.Checkpoint)
	}
	if err != nil {
		return nil, broken("the dated checkpoint of %d entries: %w", size, err)
	}
	if err := mk.add(bag.DatedConsistencyPath(size), proof.Marshal(), false); err != nil {
		return nil, err
	}
	mk.dated[size] = true
	return signed, mk.add(bag.DatedCheckpointPath(size), note, false)
}
