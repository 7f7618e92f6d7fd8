package console

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"
)

// eventPage is one sealed event: its exact bytes, who sealed it with which key, what
// its time rests on, and its place in the ledger.
type eventPage struct {
	courtPlace
	Entry       projection.Entry
	In          custody.Interval
	Actor, Org  string
	Device      projection.Device
	Body        string
	Line        int
	LineDigest  event.Digest
	Corrections []custody.AmendmentInfo
	Defects     []*custody.Defect
	// Proven is the checkpoint that the inclusion proof leads to.
	Proven ledger.Checkpoint
}

// courtRow finds the event of a request in the record of its case: an event of the
// case, or one of the authority or a device that the record was judged by.
func (k *Console) courtRow(c *fiber.Ctx) (p courtPlace, row store.EventRow, err error) {
	id, err := event.ParseID(c.Params("event"))
	if err != nil {
		return p, row, fault.New(wire.CodeNotFound, "%.80q is not the id of an event.", c.Params("event")).Because(err)
	}
	if p, err = k.courtCase(c, "event", id.String()); err != nil {
		return p, row, err
	}
	err = k.read(c, func(tx *store.Tx, _ projection.Person) error {
		found := false
		row, found, err = projection.EventByID(tx, id)
		if _, judged := p.Record.Intervals[id]; err == nil && (!found || row.Case != p.Case.N && !judged) {
			err = fault.New(wire.CodeNotFound, "The record of this case has no event %s.", id)
		}
		return err
	})
	return p, row, err
}

func (k *Console) courtEvent(c *fiber.Ctx) error {
	place, row, err := k.courtRow(c)
	if err != nil {
		return err
	}
	p := eventPage{courtPlace: place, Line: len(row.Line), LineDigest: sha256.Sum256(row.Line), In: place.Record.Intervals[row.ID]}
	if p.Entry, err = projection.EntryOf(row); err != nil {
		return err
	}
	body := jsontext.Value(p.Entry.Payload.Body).Clone()
	if err := body.Indent(jsontext.WithIndent("  ")); err != nil {
		return fmt.Errorf("console: the body of event %s: %w", row.ID, err)
	}
	p.Body = string(body)
	for _, a := range p.Record.Amendments {
		if a.Target == row.ID || a.Event == row.ID {
			p.Corrections = append(p.Corrections, a)
		}
	}
	for _, d := range p.allDefects() {
		if slices.Contains(d.Events, row.ID) {
			p.Defects = append(p.Defects, d)
		}
	}
	err = k.read(c, func(tx *store.Tx, _ projection.Person) error {
		if p.Device, _, err = projection.DeviceByNumber(tx, row.Dev); err != nil {
			return err
		}
		who, _, err := projection.PersonByID(tx, p.Entry.Payload.Actor)
		if err != nil {
			return err
		}
		org, _, err := projection.OrgByID(tx, who.Org)
		p.Actor, p.Org = who.Name, org.Name
		return err
	})
	if err != nil {
		return err
	}
	signed, err := k.Engine.Signed(c.UserContext())
	if err != nil {
		return err
	}
	p.Proven = signed.Checkpoint
	return k.render(c, "court/event", "court.event.title", &p)
}

// courtBytes gives the exact envelope of an event as a file.
func (k *Console) courtBytes(c *fiber.Ctx) error {
	_, row, err := k.courtRow(c)
	if err != nil {
		return err
	}
	env, err := seal.ParseEnvelope(row.Line)
	if err != nil {
		return fmt.Errorf("console: event %s: %w", row.ID, err)
	}
	if c.Query("signed") != "" { // whose SHA-256 is the event's id
		return attach(c, "event-"+short(row.ID)+".signed", "application/octet-stream", seal.PAE(env.PayloadType, env.Payload))
	}
	return attach(c, "event-"+short(row.ID)+".dsse.json", "application/json", row.Line)
}

// courtProof gives the proof that an event is in the ledger, as C2SP tlog-proof.
func (k *Console) courtProof(c *fiber.Ctx) error {
	_, row, err := k.courtRow(c)
	if err != nil {
		return err
	}
	signed, err := k.Engine.Signed(c.UserContext())
	if err != nil {
		return err
	}
	leaf, err := k.Engine.LeafAt(c.UserContext(), row.Index)
	if err != nil {
		return err
	}
	path, err := k.Engine.InclusionProof(c.UserContext(), row.Index, int64(signed.Size))
	if err != nil {
		return err
	}
	proof, err := ledger.NewProof(leaf, ledger.Index(row.Index), path, signed)
	if err != nil {
		return err
	}
	return attach(c, "event-"+short(row.ID)+".tlog-proof", "text/plain; charset=utf-8", proof.Marshal())
}

// attach answers with a file to keep. name has no character that a header could not carry.
func attach(c *fiber.Ctx, name, mediaType string, data []byte) error {
	c.Set(fiber.HeaderContentType, mediaType)
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	return c.Send(data)
}
