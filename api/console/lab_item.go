package console

import (
	"slices"
	"strings"
	"time"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/custody"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/rules"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// itemPage is a sample, a part of one or another thing that the laboratory has or had.
type itemPage struct {
	labPlace
	Item   *custody.Item
	Sample *event.SampleCollected
	Dues   []labDue
	// Here: the laboratory holds it now. CheckIn is its newest check-in here.
	Here    bool
	CheckIn *custody.AccessionInfo
	Parts   []*custody.Item
	Parent  *custody.Item
	Holds   []holdInfo
	Defects []custody.Defect
	Reports []custody.ReportInfo
	// Next is the label that a part of it would get.
	Next string
}

// holdInfo is a legal hold in force.
type holdInfo struct {
	Hold              event.UUID
	Authority, Reason string
}

// Path is the address of the page.
func (p *itemPage) Path() string { return itemPath(p.Case.ID, p.Item.Ref) }

// NeedsCheckIn reports whether the laboratory has it and has not checked it in.
func (p *itemPage) NeedsCheckIn() bool {
	return p.Here && p.Item.Ref.Kind == "sample" && p.CheckIn == nil
}

// Stored reports whether it is in storage.
func (p *itemPage) Stored() bool { return p.Item.Holder != nil && p.Item.Holder.Location != "" }

func (k *Console) itemPage(c *fiber.Ctx) (p itemPage, pack *rules.Pack, err error) {
	if p.labPlace, p.Item, err = k.labThing(c); err != nil {
		return p, nil, err
	}
	if p.Sample, err = k.sampleOf(c, p.Item); err != nil {
		return p, nil, err
	}
	if pack, err = k.rulePack(c.UserContext()); err != nil {
		return p, nil, err
	}
	p.Dues = duesOf(p.Item, pack, k.Now())
	p.Here, p.CheckIn = holds(p.Item, p.Lab.ID), checkedIn(p.Item, p.Lab.ID)
	for _, ref := range p.Item.Subsamples {
		if it := itemOf(p.Record, ref); it != nil {
			p.Parts = append(p.Parts, it)
		}
	}
	if p.Item.Parent != nil {
		p.Parent = itemOf(p.Record, *p.Item.Parent)
	}
	for _, d := range p.Record.Defects {
		if d.Item != nil && *d.Item == p.Item.Ref || slices.Contains(d.Also, p.Item.Ref) {
			p.Defects = append(p.Defects, d)
		}
	}
	for _, r := range p.Record.Reports {
		if slices.ContainsFunc(p.Item.Results, func(x custody.ResultInfo) bool { return x.Report == r.Report }) {
			p.Reports = append(p.Reports, r)
		}
	}
	p.Next = nextPart(p.Record, p.Item)
	p.Holds, err = k.holdsOf(c, p.Record, p.Item)
	return p, pack, err
}

// nextPart is the first label of the form PARENT-n that nothing in the case has.
func nextPart(r *custody.Record, it *custody.Item) string {
	used := map[string]bool{}
	for i := range r.Items {
		used[r.Items[i].Label] = true
	}
	const most = 1000 // parts that one sample is divided into; above it a person finds a label
	for n := 1; n < most; n++ {
		if label := it.Label + "-" + num(n); !used[label] {
			return label
		}
	}
	return ""
}

// holdsOf reads who placed the holds in force on an item, and why.
func (k *Console) holdsOf(c *fiber.Ctx, r *custody.Record, it *custody.Item) (list []holdInfo, err error) {
	if len(it.Held) == 0 {
		return nil, nil
	}
	err = k.read(c, func(tx *store.Tx, _ projection.Person) error {
		return projection.EachCaseEvent(tx, r.Case.ID, func(row store.EventRow) error {
			if row.Type != event.TypeHoldPlaced {
				return nil
			}
			e, err := projection.EntryOf(row)
			if err != nil {
				return err
			}
			if b, ok := e.Body.(*event.HoldPlaced); ok && slices.Contains(it.Held, b.Hold) {
				list = append(list, holdInfo{b.Hold, b.Authority, b.Reason})
			}
			return nil
		})
	})
	return list, err
}

func (k *Console) labItem(c *fiber.Ctx) error {
	p, _, err := k.itemPage(c)
	if err != nil {
		return err
	}
	return k.render(c, "lab/item", p.Item.Label, &p)
}

// need is what an analysis that is asked of a sample needs of it.
type need struct {
	Title                     custody.Text
	Method                    string
	Containers, Preservatives []custody.Text
	PHMin, PHMax              *decimal.Decimal
	Chilled, Volatile         bool
	Limit                     string
}

// checkInPage is the form in which a sample is checked in.
type checkInPage struct {
	itemPage
	Needs             []need
	TempMin, TempMax  decimal.Decimal
	HeadspaceMax      decimal.Decimal
	Chilled, Volatile bool
	PHMin, PHMax      *decimal.Decimal
	// Deadline is the nearest end of a holding time; zero where none can be worked out.
	Deadline time.Time
	// Offered is how the giver stated the seal, FormNo the shipment's paper where it names one.
	Shipment *custody.HandoverInfo
	// Waiting are the other samples that wait for their check-in.
	Waiting int
}

func (k *Console) labCheckIn(c *fiber.Ctx) error {
	p := checkInPage{}
	var pack *rules.Pack
	var err error
	if p.itemPage, pack, err = k.itemPage(c); err != nil {
		return err
	}
	if p.Item.Ref.Kind != "sample" {
		return fault.New(wire.CodeNotFound, "Only samples are checked in; %s is none.", p.Item.Label)
	}
	p.TempMin, p.TempMax, p.HeadspaceMax = pack.Receipt.TempMin.Value.Decimal, pack.Receipt.TempMax.Value.Decimal, pack.Receipt.HeadspaceMax.Value.Decimal
	if p.Sample != nil {
		p.needs(pack)
	}
	if len(p.Dues) > 0 && p.Dues[0].Open() {
		p.Deadline = p.Dues[0].Deadline
	}
	for i := range slices.Backward(p.Record.Handovers) {
		if h := &p.Record.Handovers[i]; slices.Contains(h.Refs, p.Item.Ref) && !h.Accepted.IsZero() {
			p.Shipment = h
			break
		}
	}
	for i := range p.Record.Items {
		if it := &p.Record.Items[i]; it.Ref != p.Item.Ref && it.Ref.Kind == "sample" && holds(it, p.Lab.ID) && checkedIn(it, p.Lab.ID) == nil {
			p.Waiting++
		}
	}
	return k.render(c, "lab/checkin", "lab.checkin.title", &p)
}

func (p *checkInPage) needs(pack *rules.Pack) {
	for _, a := range p.Sample.Analyses {
		n := need{Title: custody.Text{EN: a.Group, ZH: a.Group}, Method: a.Method}
		if g, ok := pack.Group(a.Group); ok {
			n.Title, n.Volatile = custody.Text(g.Title), g.Volatile
		}
		if r, ok := pack.PreservationOf(a.Group, p.Sample.Matrix); ok {
			n.Containers, n.Preservatives, n.Chilled = spelled(pack, "container", r.Containers), spelled(pack, "preservative", r.Preservatives), r.Chilled
			if r.PHMin != nil {
				n.PHMin = tighter(p.PHMin, &r.PHMin.Decimal, 1)
				p.PHMin = n.PHMin
			}
			if r.PHMax != nil {
				n.PHMax = tighter(p.PHMax, &r.PHMax.Decimal, -1)
				p.PHMax = n.PHMax
			}
		}
		if h, ok := pack.HoldingOf(a.Group, p.Sample.Matrix); ok {
			n.Limit = h.Analysis.String()
			if !h.Preparation.IsZero() {
				n.Limit = h.Preparation.String() + " + " + n.Limit
			}
		}
		p.Chilled, p.Volatile = p.Chilled || n.Chilled, p.Volatile || n.Volatile
		p.Needs = append(p.Needs, n)
	}
}

// tighter is the stricter of two bounds; sign is 1 for lower ones.
func tighter(old, next *decimal.Decimal, sign int) *decimal.Decimal {
	if old == nil || next.Cmp(*old)*sign > 0 {
		return next
	}
	return old
}

func spelled(pack *rules.Pack, kind string, words []string) (list []custody.Text) {
	for _, w := range words {
		if s, ok := pack.Word(kind, w); ok {
			list = append(list, custody.Text(s.Title))
		}
	}
	return list
}

func (k *Console) labSubsample(c *fiber.Ctx) error {
	p, _, err := k.itemPage(c)
	if err != nil {
		return err
	}
	return k.render(c, "lab/subsample", "lab.subsample.title", &p)
}

// keeping are the acts of keeping an item, each a form of its own.
var keeping = []string{"store", "hold", "release", "dispose", "reseal", "withdraw"}

type keepingPage struct {
	itemPage
	Act string
	// Step is what is to be withdrawn.
	Step *custody.Step
}

// Withdrawable reports whether a step is one of the laboratory's own that nobody else
// has built on: what a hand slipped on is withdrawn, stays in the record as withdrawn,
// and is done again.
func (p *itemPage) Withdrawable(s custody.Step) bool {
	switch s.Kind {
	case custody.StepSealed, custody.StepStored, custody.StepAccessioned, custody.StepRejected, custody.StepHeldBack, custody.StepDisposed:
		return !s.Voided && s.ByOrg == p.Lab.Name && p.Write
	}
	return false
}

func (k *Console) labKeeping(c *fiber.Ctx) error {
	p := keepingPage{Act: c.Params("act")}
	if !slices.Contains(keeping, p.Act) {
		return fault.New(wire.CodeNotFound, "There is nothing at this address.")
	}
	var err error
	if p.itemPage, _, err = k.itemPage(c); err != nil {
		return err
	}
	if p.Act == "withdraw" {
		at := slices.IndexFunc(p.Item.Steps, func(s custody.Step) bool { return s.Event.String() == c.Query("event") && p.Withdrawable(s) })
		if at < 0 {
			return fault.New(wire.CodeNotFound, "There is no such act on %s that your laboratory could withdraw.", p.Item.Label)
		}
		p.Step = &p.Item.Steps[at]
	}
	return k.render(c, "lab/"+p.Act, "lab."+p.Act+".title", &p)
}

// labelsPage is a sheet of labels to print.
type labelsPage struct {
	labPlace
	Labels []labelInfo
}

type labelInfo struct {
	Item   *custody.Item
	LabID  string
	Sample *event.SampleCollected
	Due    *labDue
}

// labLabels prints the labels of the items that the query names (item=KIND:ID, at
// most maxLabels of them), or else of everything of the case that the laboratory holds.
func (k *Console) labLabels(c *fiber.Ctx) error {
	p := labelsPage{}
	var err error
	if p.labPlace, err = k.labCase(c, "labels", ""); err != nil {
		return err
	}
	pack, err := k.rulePack(c.UserContext())
	if err != nil {
		return err
	}
	asked := strings.FieldsFunc(c.Query("item"), func(r rune) bool { return r == ',' })
	for i := range p.Record.Items {
		it := &p.Record.Items[i]
		named := slices.Contains(asked, string(it.Ref.Kind)+":"+it.Ref.ID.String())
		if it.Kind != custody.Physical || len(asked) > 0 && !named || len(asked) == 0 && !holds(it, p.Lab.ID) || len(p.Labels) == maxLabels {
			continue
		}
		l := labelInfo{Item: it}
		if in := checkedIn(it, p.Lab.ID); in != nil {
			l.LabID = in.LabID
		}
		if l.Sample, err = k.sampleOf(c, it); err != nil {
			return err
		}
		if dues := duesOf(it, pack, k.Now()); len(dues) > 0 && dues[0].Open() {
			l.Due = &dues[0]
		}
		p.Labels = append(p.Labels, l)
	}
	return k.render(c, "lab/labels", "lab.labels.title", p)
}

// maxLabels is how many labels one sheet of the printer's takes at once.
const maxLabels = 500
