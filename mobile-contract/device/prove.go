package device

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

// proofBatch is the proofs asked for at once: about 1 MB of answer.
const proofBatch = 500

// unproven is an event with a receipt whose place in the log is still to be shown.
type unproven struct {
	seq         int64
	id          event.ID
	line        []byte
	idx         int64
	receivedUS  int64
	kind        int
	quarantined bool
}

// prove fetches an inclusion proof for every event that has a receipt and none yet,
// and checks it against the newest linked checkpoint with a leaf that this device
// computes itself.
func (y *syncer) prove(ctx context.Context) error {
	var cp *checkpoint
	var total int64
	err := y.s.read(ctx, func(t *tx) (err error) {
		if cp, err = newestCheckpoint(t); err != nil {
			return err
		}
		return t.row(`SELECT count(*) FROM events JOIN receipts ON event_id = id WHERE state <> 'local' AND proof IS NULL`).Scan(&total)
	})
	if err != nil || cp == nil {
		return err
	}
	var done int64
	for after := int64(0); ; {
		list, err := y.nextUnproven(ctx, after, cp.size)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].seq
		if err := y.proveSome(ctx, cp, list); err != nil {
			return err
		}
		done += int64(len(list))
		y.progress("prove", done, max(done, total))
	}
}

func (y *syncer) nextUnproven(ctx context.Context, after, size int64) ([]unproven, error) {
	var list []unproven
	err := y.s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT seq, id, line, idx, received_us, kind, state = 'quarantined' FROM events JOIN receipts ON event_id = id
			WHERE state <> 'local' AND proof IS NULL AND seq > $1 AND idx < $2 ORDER BY seq LIMIT $3`, after, size, proofBatch)
		return each(rows, err, func(rows *sql.Rows) error {
			var u unproven
			err := rows.Scan(&u.seq, hashTo(&u.id), &u.line, &u.idx, &u.receivedUS, &u.kind, &u.quarantined)
			list = append(list, u)
			return err
		})
	})
	return list, err
}

func (y *syncer) proveSome(ctx context.Context, cp *checkpoint, list []unproven) error {
	asked := wire.ProofsAsked{Size: cp.size}
	for _, u := range list {
		asked.Indexes = append(asked.Indexes, u.idx)
	}
	var a wire.Proofs
	r, err := y.c.postJSON(ctx, "/v1/log/proofs", asked, &a)
	if err != nil {
		return err
	}
	if len(a.Proofs) != len(list) {
		return y.s.fault(ctx, FaultBadAnswer, r.body, nil, "%d proofs came back for %d entries", len(a.Proofs), len(list))
	}
	proofs := make([][]byte, len(list))
	for i := range list {
		if proofs[i], err = y.checkProof(cp, &list[i], &a.Proofs[i]); err != nil {
			fault := y.s.fault(ctx, FaultBadProof, list[i].line, r.body, "event %d (%s) is not shown to be entry %d of the log: %v", list[i].seq, list[i].id, list[i].idx, err)
			return errors.Join(fault, y.unsend(ctx, &list[i]))
		}
	}
	proven := 0
	err = y.s.write(ctx, func(t *tx) error {
		proven = 0
		for i := range list {
			if err := t.exec(`UPDATE receipts SET proof = $2, proof_size = $3 WHERE event_id = $1`, list[i].id[:], proofs[i], cp.size); err != nil {
				return err
			}
			n, err := t.changed(`UPDATE events SET state = 'proven' WHERE id = $1 AND state IN ('sent', 'receipted')`, list[i].id[:])
			if err != nil {
				return err
			}
			proven += int(n)
		}
		return nil
	})
	if err == nil {
		y.tell(func(r *SyncReport) { r.Proven += proven })
	}
	return err
}

// unsend takes back what was believed of an event whose proof is false.
func (y *syncer) unsend(ctx context.Context, u *unproven) error {
	return y.s.write(context.WithoutCancel(ctx), func(t *tx) error {
		if err := t.exec(`DELETE FROM receipts WHERE event_id = $1`, u.id[:]); err != nil {
			return err
		}
		return t.exec(`UPDATE events SET state = 'local', code = NULL, detail = NULL, waits_for = NULL WHERE id = $1`, u.id[:])
	})
}

// checkProof gives the proof's hashes, one after another, where they lead from the
// event's own leaf to the checkpoint.
func (y *syncer) checkProof(cp *checkpoint, u *unproven, p *wire.InclusionProof) ([]byte, error) {
	if p.Index != u.idx || p.Size != cp.size {
		return nil, fmt.Errorf("the proof is one for entry %d of %d", p.Index, p.Size)
	}
	hashes, err := parseHashes(p.Hashes)
	if err != nil {
		return nil, err
	}
	l, err := ledgerLeaf(y.id, u)
	if err != nil {
		return nil, err
	}
	leaf, err := l.Hash()
	if err != nil {
		return nil, err
	}
	if leaf.String() != p.LeafHash {
		return nil, errors.New("the entry's leaf is not that of this event, its key and its receipt")
	}
	if err := ledger.VerifyInclusion(leaf, ledger.Index(u.idx), ledger.Size(cp.size), cp.root, hashes); err != nil {
		return nil, err
	}
	var flat bytes.Buffer
	for _, h := range hashes {
		flat.Write(h[:])
	}
	if flat.Len() == 0 {
		return []byte{}, nil // the only entry of a log; not NULL
	}
	return flat.Bytes(), nil
}

// ledgerLeaf computes the leaf that the ledger holds for an event: of an accepted one its
// id, key and signature; of a line in quarantine its SHA-256 alone.
func ledgerLeaf(id *Identity, u *unproven) (ledger.Leaf, error) {
	leaf := ledger.Leaf{Kind: ledger.Kind(u.kind), Received: ledger.Micros(u.receivedUS)}
	want := ledger.KindEvent
	if u.quarantined {
		want = ledger.KindQuarantine
		leaf.Event = ledger.EventID(seal.LineDigest(u.line))
	} else {
		v, refusal, err := seal.Verify(u.line, oneKey{id.Device, id.Key})
		if err != nil {
			return leaf, err
		}
		if refusal != nil {
			return leaf, fmt.Errorf("%w: event %d: %w", ErrCorrupt, u.seq, refusal)
		}
		leaf.Event, leaf.Key = ledger.EventID(v.ID()), ledger.KeyID(v.Key())
		leaf.Signature = ledger.SignatureDigest(v.SignatureDigest())
	}
	if leaf.Kind != want {
		return leaf, fmt.Errorf("its receipt says that the entry is of kind %v", leaf.Kind)
	}
	return leaf, nil
}
