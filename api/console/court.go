package console

import (
	"context"
	"io"
	"slices"

	"fieldseal/api/console/checker"
	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/bundle"
	"fieldseal/sync/certificate"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// The court desk: whoever may see a case finds a record in it by whatever is on
// the paper before them, reads what it comes to and what each statement rests on,
// and takes away the bundle, which proves it, and the certificate, which sums it
// up. Its pages show; nothing on them needs a script.

// Court is what the court desk gives out; each may be absent, and its page says so.
type Court struct {
	// Export writes the bundle of a case after recording in the ledger who takes it.
	Export func(ctx context.Context, w io.Writer, o bundle.Options, actor event.UUID) (bundle.Summary, error)
	// Certify gathers a certificate, with the witnesses of this ledger.
	Certify func(ctx context.Context, o certificate.Options) (certificate.Input, error)
	Fonts   *certificate.Fonts
	// Verifier is the verifier for browsers; nil where it was not built.
	Verifier *checker.Files
}

// routeCourt adds the pages of the court desk.
func (k *Console) routeCourt(r fiber.Router) {
	court := r.Group("/court")
	court.Get("/", k.courtFind)
	court.Get("/cases/:case", k.courtCasePage)
	court.Get("/cases/:case/items/:kind/:id", k.courtItem)
	court.Get("/cases/:case/events/:event", k.courtEvent)
	court.Get("/cases/:case/events/:event/bytes", k.courtBytes)
	court.Get("/cases/:case/events/:event/proof", k.courtProof)
	court.Post("/cases/:case/bundle", k.courtBundle)
	court.Post("/cases/:case/certificate", k.courtCertificate)
}

// courtPlace is the case that a page is about.
type courtPlace struct {
	Case   projection.Case
	Record *custody.Record
	// Size is how many entries of the ledger it was judged at.
	Size   int64
	labels map[event.Ref]string
	// concerning are the defects of each item.
	concerning map[event.Ref][]*custody.Defect
}

// courtCase reads the case of a request, and records that it is about to be shown.
func (k *Console) courtCase(c *fiber.Ctx, what, ref string) (p courtPlace, err error) {
	id, err := uuid(c, "case")
	if err != nil {
		return p, err
	}
	err = k.read(c, func(tx *store.Tx, who projection.Person) error {
		p.Case, err = visible(tx, id, who)
		return err
	})
	if err != nil {
		return p, err
	}
	if p.Record, p.Size, err = k.judge(c.UserContext(), id); err != nil {
		return p, err
	}
	p.labels = make(map[event.Ref]string, len(p.Record.Items))
	for i := range p.Record.Items {
		p.labels[p.Record.Items[i].Ref] = p.Record.Items[i].Label
	}
	p.concerning, _ = p.Record.Concerning()
	return p, k.looked(c, what, id, ref)
}

// Path is the address of the case.
func (p *courtPlace) Path() string { return "/desk/court/cases/" + p.Case.ID.String() }

// ItemPath is the address of a thing's page; empty where the record has no such thing.
func (p *courtPlace) ItemPath(ref event.Ref) string {
	if _, ok := p.labels[ref]; !ok {
		return ""
	}
	return p.Path() + "/items/" + string(ref.Kind) + "/" + ref.ID.String()
}

// EventPath is the address of an event's page.
func (p *courtPlace) EventPath(id event.ID) string { return p.Path() + "/events/" + id.String() }

// Label is what is written on a thing; empty where nothing is.
func (p *courtPlace) Label(ref event.Ref) string { return p.labels[ref] }

// Interval is when an event is proven to have been sealed.
func (p *courtPlace) Interval(id event.ID) custody.Interval { return p.Record.Intervals[id] }

// timing is an event's interval, and in words why each of its ends is believed.
type timing struct {
	In      custody.Interval
	Reasons [2]custody.Text
}

// Time is when an event is proven to have been sealed, and why.
func (p *courtPlace) Time(id event.ID) (t timing) {
	t.In = p.Record.Intervals[id]
	t.Reasons[0], t.Reasons[1] = t.In.Reasons()
	return t
}

// tally counts defects by weight.
type tally struct{ F, C, W int }

func tallyOf(list []*custody.Defect) (t tally) {
	for _, d := range list {
		switch d.Severity {
		case custody.Fatal:
			t.F++
		case custody.Curable:
			t.C++
		default:
			t.W++
		}
	}
	return t
}

// None reports whether there is no defect.
func (t tally) None() bool { return t == tally{} }

// allDefects are the record's defects by reference, as the pages take them.
func (p *courtPlace) allDefects() (list []*custody.Defect) {
	for i := range p.Record.Defects {
		list = append(list, &p.Record.Defects[i])
	}
	return list
}

// Gap reports whether a handover's unexplained time is more than the rules allow.
func (p *courtPlace) Gap(handover event.UUID) bool {
	return slices.ContainsFunc(p.Record.Defects, func(d custody.Defect) bool {
		ref := event.Ref{Kind: "handover", ID: handover}
		return d.Code == "CUSTODY_GAP" && (d.Item != nil && *d.Item == ref || slices.Contains(d.Also, ref))
	})
}

// derived reports whether a digital item is a crop, copy or enhancement of another.
func derived(it *custody.Item) bool {
	return slices.ContainsFunc(it.Hashes, func(h custody.HashStep) bool { return h.What == "derived" })
}

// unexplained adds up the time of an item's handovers that nothing accounts for.
func unexplained(it *custody.Item) (ms int64) {
	for _, s := range it.Steps {
		if !s.Voided {
			ms += s.UnexplainedMS
		}
	}
	return ms
}

func noItem(ref event.Ref) error {
	return fault.New(wire.CodeNotFound, "The record of this case has no %s %s.", ref.Kind, ref.ID)
}
