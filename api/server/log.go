package server

import (
	"cmp"
	"encoding/base64"
	"errors"
	"slices"

	"fieldseal/api/access"
	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

func (s *Server) getCheckpoint(c *fiber.Ctx) error {
	signed, err := s.engine.Signed(c.UserContext())
	if err != nil {
		return err
	}
	out := wire.CheckpointAnswer{Checkpoint: string(signed.Note()), ServerTimeUS: s.now().UnixMicro()}
	switch w := s.witnessed(); {
	case w == nil:
	case w.Size >= signed.Size:
		out.Checkpoint = string(w.Note())
	default:
		out.Witnessed = string(w.Note())
	}
	return c.JSON(out)
}

// logSize reads a size from the query; absent, it is that of the newest checkpoint.
func (s *Server) logSize(c *fiber.Ctx, name string) (int64, error) {
	signed, err := s.engine.Signed(c.UserContext())
	if err != nil {
		return 0, err
	}
	return intQuery(c, name, int64(signed.Size), 1, int64(signed.Size))
}

func (s *Server) getInclusion(c *fiber.Ctx) error {
	size, err := s.logSize(c, "size")
	if err != nil {
		return err
	}
	index, err := intQuery(c, "index", -1, 0, size-1)
	if err != nil {
		return err
	}
	if index < 0 {
		return fault.New(wire.CodeBadRequest, "index is missing: the number of a leaf, from 0 to %d.", size-1)
	}
	prover, err := s.engine.Prover(c.UserContext(), size)
	if err != nil {
		return noEntry(err)
	}
	p, err := inclusion(prover, index, size)
	if err != nil {
		return err
	}
	return c.JSON(p)
}

func inclusion(p *ledger.Prover, index, size int64) (wire.InclusionProof, error) {
	out := wire.InclusionProof{Index: index, Size: size}
	hash, path, err := p.Inclusion(ledger.Index(index))
	if err != nil {
		return out, noEntry(err)
	}
	out.LeafHash, out.Hashes = base64.StdEncoding.EncodeToString(hash[:]), texts(path)
	return out, nil
}

func noEntry(err error) error {
	if errors.Is(err, ledger.ErrOutOfRange) {
		return fault.New(wire.CodeNotFound, "The log has no such entry yet. GET /v1/log/checkpoint says how many it has.").Because(err)
	}
	return err
}

func texts(hashes []ledger.Hash) []string {
	out := make([]string, len(hashes))
	for i, h := range hashes {
		out[i] = base64.StdEncoding.EncodeToString(h[:])
	}
	return out
}

func (s *Server) getConsistency(c *fiber.Ctx) error {
	to, err := s.logSize(c, "to")
	if err != nil {
		return err
	}
	from, err := intQuery(c, "from", -1, 0, to)
	if err != nil {
		return err
	}
	if from < 0 {
		return fault.New(wire.CodeBadRequest, "from is missing: the earlier size, from 0 to %d.", to)
	}
	path, err := s.engine.ConsistencyProof(c.UserContext(), from, to)
	if err != nil {
		return noEntry(err)
	}
	return c.JSON(wire.ConsistencyProof{From: from, To: to, Hashes: texts(path)})
}

// postProofs gives many audit paths against one checkpoint. Without a size it is
// the newest; a size must be one that a checkpoint was signed for.
func (s *Server) postProofs(c *fiber.Ctx) error {
	var in wire.ProofsAsked
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if n := len(in.Indexes); n == 0 || n > wire.MaxProofs {
		return fault.New(wire.CodeBadRequest, "indexes has %d entries; must have 1 to %d.", n, wire.MaxProofs)
	}
	note, err := s.checkpointOf(c, &in.Size)
	if err != nil {
		return err
	}
	prover, err := s.engine.Prover(c.UserContext(), in.Size)
	if err != nil {
		return noEntry(err)
	}
	out := wire.Proofs{Checkpoint: note, Proofs: make([]wire.InclusionProof, len(in.Indexes))}
	order := make([]int, len(in.Indexes)) // in the log's order, which makes them cheap
	for i, index := range in.Indexes {
		if index < 0 || index >= in.Size {
			return fault.New(wire.CodeNotFound, "Entry %d is not among the %d that the checkpoint covers.", index, in.Size)
		}
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(in.Indexes[a], in.Indexes[b]) })
	for _, i := range order {
		if out.Proofs[i], err = inclusion(prover, in.Indexes[i], in.Size); err != nil {
			return err
		}
	}
	return answerJSON(c, out)
}

func (s *Server) checkpointOf(c *fiber.Ctx, size *int64) (note string, err error) {
	signed, err := s.engine.Signed(c.UserContext())
	if err != nil {
		return "", err
	}
	if *size == 0 || *size == int64(signed.Size) {
		*size = int64(signed.Size)
		return string(s.cosigned(signed).Note()), nil
	}
	found := false
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		row, ok, err := tx.CheckpointAt(*size)
		note, found = row.Note, ok && row.Note != ""
		return err
	})
	if err == nil && (!found || *size > int64(signed.Size)) {
		err = fault.New(wire.CodeNotFound, "No checkpoint was signed for size %d. Leave size out to get proofs against the newest.", *size)
	}
	return note, err
}

// getEvent shows one event to those who may see its case.
func (s *Server) getEvent(c *fiber.Ctx) error {
	row, err := s.event(c)
	if err != nil {
		return err
	}
	out := wire.EventView{Change: changeOf(row)}
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		head, err := projection.HeadOf(tx, row.Dev)
		if err != nil {
			return err
		}
		cp, found, err := tx.FirstCheckpointCovering(row.Index)
		if err != nil || !found {
			return err
		}
		out.CheckpointSize, out.Checkpoint = cp.Size, cp.Note
		out.Pending = row.Seq > head.Seq
		return nil
	})
	if err != nil {
		return err
	}
	if out.Checkpoint == "" { // the note of the newest row is written with the next commit
		size := int64(0)
		if out.Checkpoint, err = s.checkpointOf(c, &size); err != nil {
			return err
		}
		out.CheckpointSize = size
	}
	return answerJSON(c, out)
}

func changeOf(row store.EventRow) wire.Change {
	return wire.Change{Index: row.Index, ReceivedUS: row.Received.UnixMicro(), Kind: int(reconcile.KindOf(row.Type)), ID: row.ID.String(), Envelope: string(row.Line)}
}

// event finds the event that the path names, where the person may see it.
func (s *Server) event(c *fiber.Ctx) (row store.EventRow, err error) {
	id, err := event.ParseID(c.Params("id"))
	if err != nil {
		return row, fault.New(wire.CodeBadRequest, "%.80q is not an event id (64 lower-case hex digits).", c.Params("id")).Because(err)
	}
	found := false
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		if row, found, err = projection.EventByID(tx, id); err != nil || !found {
			return err
		}
		found, err = maySeeEvent(tx, row, identity(c))
		return err
	})
	if err == nil && !found {
		err = fault.New(wire.CodeNotFound, "There is no event %s, or it belongs to a case that you may not see.", id)
	}
	return row, err
}

// maySeeEvent: an event of a case is for those who may see the case, one of no
// case (an enrolment, a person, a rule pack) for everyone who is signed in, as
// in projection.Changes. What may tell of others' cases is for the device that
// sealed it and for those who look after the whole log.
func maySeeEvent(tx *store.Tx, row store.EventRow, who access.Identity) (bool, error) {
	if row.Case == 0 {
		switch row.Type {
		case event.TypeMediaReceived, event.TypeMediaQuarantined, event.TypeClockObserved, event.TypeEventAmended, event.TypeQuarantineSettled, event.TypeLabelBlock,
			event.TypeAuthorityRequested:
			return seesAll(tx, row, who)
		}
		return true, nil
	}
	k, found, err := projection.CaseByN(tx, row.Case)
	if err != nil || !found {
		return false, err
	}
	return projection.MaySee(tx, k.ID, who.Person)
}

func seesAll(tx *store.Tx, row store.EventRow, who access.Identity) (bool, error) {
	d, found, err := projection.DeviceByNumber(tx, row.Dev)
	if err != nil || found && d.ID == who.Device {
		return err == nil, err
	}
	if ok, err := concerns(tx, row, who); ok || err != nil {
		return ok, err
	}
	p, err := personOf(tx, who)
	return err == nil && p.Has(overseers...), err
}

func bodyOf(row store.EventRow) (event.Body, error) {
	env, err := seal.ParseEnvelope(row.Line)
	if err != nil {
		return nil, err
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return nil, err
	}
	return event.ParseBody(p.Type, p.Body)
}

// concerns reports whether a label block is the asking device's, or an arrival
// that of a file in a case that the person may see.
func concerns(tx *store.Tx, row store.EventRow, who access.Identity) (bool, error) {
	body, err := bodyOf(row)
	switch b := body.(type) {
	case *event.LabelBlock:
		return b.Device == who.Device, err
	case *event.MediaReceived:
		return projection.MaySeeMedia(tx, b.SHA256, who.Person)
	case *event.MediaQuarantined:
		return projection.MaySeeMedia(tx, b.Wanted, who.Person)
	}
	return false, err
}

// getEventProof gives a file that any checker of C2SP tlog-proofs can read.
func (s *Server) getEventProof(c *fiber.Ctx) error {
	row, err := s.event(c)
	if err != nil {
		return err
	}
	signed, err := s.engine.Signed(c.UserContext())
	if err != nil {
		return err
	}
	if w := s.witnessed(); w != nil && row.Index < int64(w.Size) {
		signed = w // what witnesses vouch for is worth more than what is newest
	}
	leaf, err := s.engine.LeafAt(c.UserContext(), row.Index)
	if err != nil {
		return noEntry(err)
	}
	path, err := s.engine.InclusionProof(c.UserContext(), row.Index, int64(signed.Size))
	if err != nil {
		return noEntry(err)
	}
	proof, err := ledger.NewProof(leaf, ledger.Index(row.Index), path, signed)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.Send(proof.Marshal())
}
