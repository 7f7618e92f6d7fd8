package console

import (
	"context"
	"slices"
	"time"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/bundle/source"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/rules"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// The laboratory's desk: what comes in, what was found when it was checked in, where
// it is kept, what was taken from it, what was measured, and who answers for it. A
// page shows what the custody record says; what an analyst does is sealed in the
// browser (see static/js/lab) and judged by the same record afterwards.

const (
	// maxLabCases is how many of the newest cases the queue is made of: each is a custody
	// record of its own. Older ones are found by a label or a number.
	maxLabCases = 60
	// maxFound is how many things a search lists; more means that the search says too little.
	maxFound = 50
	// holdingSoon is from when on a holding time is at risk: a working day to plan
	// the batch and one to run it.
	holdingSoon = 48 * time.Hour
)

// routeLab adds the laboratory's desk.
func (k *Console) routeLab(r fiber.Router) {
	lab := r.Group("/lab", k.require(event.RoleAnalyst))
	lab.Get("/", k.labHome)
	lab.Get("/find", k.labFind)
	lab.Post("/offer", k.labOffer)
	lab.Get("/cases/:case/shipments/:handover", k.labShipment)
	lab.Get("/cases/:case/items/:kind/:id", k.labItem)
	lab.Get("/cases/:case/items/:kind/:id/checkin", k.labCheckIn)
	lab.Get("/cases/:case/items/:kind/:id/subsample", k.labSubsample)
	lab.Get("/cases/:case/items/:kind/:id/:act", k.labKeeping)
	lab.Get("/cases/:case/labels", k.labLabels)
	lab.Get("/cases/:case/results", k.labResults)
	lab.Get("/cases/:case/import", k.labImport)
	lab.Post("/cases/:case/import", k.labPreview)
	lab.Get("/cases/:case/reports/:report", k.labReport)
}

// labPlace is the case that a page is about, and who looks at it.
type labPlace struct {
	Case custody.CaseInfo
	// Lab is the reader's organisation, Me the reader.
	Lab    projection.Org
	Me     projection.Person
	Record *custody.Record
	// Write says that the reader may add to the case.
	Write bool
}

// labCase reads the case of a request, and records that it is looked at.
func (k *Console) labCase(c *fiber.Ctx, what, ref string) (p labPlace, err error) {
	id, err := uuid(c, "case")
	if err != nil {
		return p, err
	}
	if p.Record, _, err = k.record(c, id); err != nil {
		return p, err
	}
	if err := k.looked(c, what, id, ref); err != nil {
		return p, err
	}
	p.Case = p.Record.Case
	p.Case.ID = id
	err = k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		p.Me = who
		if p.Lab, _, err = projection.OrgByID(tx, who.Org); err != nil {
			return err
		}
		p.Write, err = projection.MayWrite(tx, id, who.ID)
		return err
	})
	return p, err
}

// labThing finds the item of a request in its case.
func (k *Console) labThing(c *fiber.Ctx) (p labPlace, it *custody.Item, err error) {
	id, err := uuid(c, "id")
	if err != nil {
		return p, nil, err
	}
	ref := event.Ref{Kind: event.RefKind(c.Params("kind")), ID: id}
	if p, err = k.labCase(c, "item", string(ref.Kind)+" "+id.String()); err != nil {
		return p, nil, err
	}
	if it = itemOf(p.Record, ref); it == nil || it.Kind != custody.Physical {
		return p, nil, fault.New(wire.CodeNotFound, "The case %s has no such item.", p.Case.Number)
	}
	return p, it, nil
}

func itemOf(r *custody.Record, ref event.Ref) *custody.Item {
	for i := range r.Items {
		if r.Items[i].Ref == ref {
			return &r.Items[i]
		}
	}
	return nil
}

// bodyOf reads the body of an event that the record names; nil where it is not of type B.
func bodyOf[B event.Body](tx *store.Tx, id event.ID) (b B, p *event.Payload, err error) {
	if id.IsZero() {
		return b, nil, nil
	}
	row, found, err := projection.EventByID(tx, id)
	if err != nil || !found {
		return b, nil, err
	}
	e, err := projection.EntryOf(row)
	if err != nil {
		return b, nil, err
	}
	b, _ = e.Body.(B)
	return b, e.Payload, nil
}

// sampleOf is what was written when a sample was taken; nil for other things.
func (k *Console) sampleOf(c *fiber.Ctx, it *custody.Item) (s *event.SampleCollected, err error) {
	err = k.read(c, func(tx *store.Tx, _ projection.Person) (err error) {
		s, _, err = bodyOf[*event.SampleCollected](tx, it.Origin)
		return err
	})
	return s, err
}

// rulePack is the pack of rules in force, as the custody records are judged by.
func (k *Console) rulePack(ctx context.Context) (*rules.Pack, error) {
	text, err := source.New(k.Engine, k.Store, k.Blobs).Rules(ctx)
	if err != nil {
		return nil, err
	}
	return rules.Parse(text)
}

// holds reports whether an item is with an organisation now.
func holds(it *custody.Item, org event.UUID) bool {
	return it.Kind == custody.Physical && it.Holder != nil && it.Holder.Org == org &&
		(it.State == custody.StateHeld || it.State == custody.StateRejected)
}

// checkedIn is the newest check-in of an item by a laboratory; nil where there is none.
func checkedIn(it *custody.Item, lab event.UUID) *custody.AccessionInfo {
	for i := range slices.Backward(it.Accessions) {
		if it.Accessions[i].Lab == lab {
			return &it.Accessions[i]
		}
	}
	return nil
}

// labDue is a holding time as the desk shows it.
type labDue struct {
	custody.HoldingTime
	Title custody.Text
	// Risk is "over" once the deadline has passed without a result, "soon" shortly before it.
	Risk string
}

// duesOf lists the holding times of an item that something can still be done about
// first, the nearest deadline first.
func duesOf(it *custody.Item, pack *rules.Pack, now time.Time) (list []labDue) {
	for _, h := range it.Holding {
		d := labDue{HoldingTime: h, Title: custody.Text{EN: h.Group, ZH: h.Group}}
		if g, ok := pack.Group(h.Group); ok {
			d.Title = custody.Text(g.Title)
		}
		if d.Open() {
			switch left := h.Deadline.Sub(now); {
			case left <= 0:
				d.Risk = "over"
			case left <= holdingSoon:
				d.Risk = "soon"
			}
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b labDue) int {
		if a.Open() != b.Open() {
			if a.Open() {
				return -1
			}
			return 1
		}
		return a.Deadline.Compare(b.Deadline)
	})
	return list
}

// Open reports whether the holding time still runs, or ran out without a result.
func (d labDue) Open() bool {
	return !d.Deadline.IsZero() && (d.State == custody.HoldingRunning || d.State == custody.HoldingPassed)
}

// itemPath is the address of an item's page.
func itemPath(caseID event.UUID, ref event.Ref) string {
	return "/desk/lab/cases/" + caseID.String() + "/items/" + string(ref.Kind) + "/" + ref.ID.String()
}

type foundPage struct {
	Query string
	Items []foundItem
}

type foundItem struct {
	projection.Item
	Number, Path string
}

// labFind opens what a scanned or typed label belongs to, or lists what it may be.
func (k *Console) labFind(c *fiber.Ctx) error {
	p := foundPage{Query: c.Query("q")}
	if p.Query == "" {
		return c.Redirect("/desk/lab/", fiber.StatusSeeOther)
	}
	err := k.read(c, func(tx *store.Tx, who projection.Person) error {
		list, err := projection.FindItems(tx, who.ID, p.Query, maxFound)
		if err != nil {
			return err
		}
		for _, it := range list {
			if !it.Held {
				continue
			}
			in, _, err := projection.CaseByID(tx, it.Case)
			if err != nil {
				return err
			}
			p.Items = append(p.Items, foundItem{Item: it, Number: in.Number, Path: itemPath(it.Case, event.Ref{Kind: it.Kind, ID: it.ID})})
		}
		return nil
	})
	if err != nil {
		return err
	}
	exact := slices.IndexFunc(p.Items, func(f foundItem) bool { return f.Label == p.Query })
	if exact >= 0 && !slices.ContainsFunc(p.Items[exact+1:], func(f foundItem) bool { return f.Label == p.Query }) {
		return c.Redirect(p.Items[exact].Path, fiber.StatusSeeOther)
	}
	return k.render(c, "lab/found", "lab.found.title", p)
}
