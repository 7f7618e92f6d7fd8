package console

import (
	"slices"
	"strings"
	"time"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/rules"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// labHomePage is what waits at a laboratory.
type labHomePage struct {
	Lab      projection.Org
	Incoming []labIncoming
	CheckIn  []labEntry
	Risk     []labEntry
	Stored   []labEntry
	Reports  []labWaiting
	// Older counts the cases that the lists leave out.
	Older int
}

// labIncoming is an offer that nobody has accepted yet.
type labIncoming struct {
	Case custody.CaseInfo
	custody.HandoverInfo
	Terms *event.Terms
	// Mine: the terms name the reader, or nobody in particular.
	Mine bool
	// Late: it should have been accepted by now.
	Late bool
}

// labEntry is an item in a list of the desk.
type labEntry struct {
	Case    custody.CaseInfo
	Item    *custody.Item
	CheckIn *custody.AccessionInfo
	Due     *labDue
}

// Path is the address of the item's page.
func (e labEntry) Path() string { return itemPath(e.Case.ID, e.Item.Ref) }

// labWaiting is a report that lacks a signature.
type labWaiting struct {
	Case custody.CaseInfo
	custody.ReportInfo
	// Missing are the roles that have not signed it as it is.
	Missing []event.Signer
}

func (k *Console) labHome(c *fiber.Ctx) error {
	if err := k.looked(c, "queue", event.UUID{}, "lab"); err != nil {
		return err
	}
	var p labHomePage
	var cases []projection.Case
	var me projection.Person
	err := k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		me = who
		if p.Lab, _, err = projection.OrgByID(tx, who.Org); err != nil {
			return err
		}
		cases, err = projection.CasesFor(tx, who.ID)
		return err
	})
	if err != nil {
		return err
	}
	pack, err := k.rulePack(c.UserContext())
	if err != nil {
		return err
	}
	if n := len(cases) - maxLabCases; n > 0 {
		p.Older, cases = n, cases[:maxLabCases]
	}
	for _, cs := range cases {
		rec, err := k.queue.of(c.UserContext(), k, cs)
		if err != nil {
			return err
		}
		info := rec.Case
		info.ID = cs.ID
		p.take(info, rec, pack, k.Now())
		if err := k.read(c, func(tx *store.Tx, _ projection.Person) error { return p.offers(tx, info, rec, me) }); err != nil {
			return err
		}
	}
	p.sort()
	return k.render(c, "lab/home", "lab.home.title", p)
}

// take sorts a case's items and reports into what waits.
func (p *labHomePage) take(info custody.CaseInfo, rec *custody.Record, pack *rules.Pack, now time.Time) {
	for i := range rec.Items {
		it := &rec.Items[i]
		if !holds(it, p.Lab.ID) {
			continue
		}
		e := labEntry{Case: info, Item: it, CheckIn: checkedIn(it, p.Lab.ID)}
		if dues := duesOf(it, pack, now); len(dues) > 0 && dues[0].Open() {
			e.Due = &dues[0]
		}
		if it.Ref.Kind == "sample" && e.CheckIn == nil {
			p.CheckIn = append(p.CheckIn, e)
		} else {
			p.Stored = append(p.Stored, e)
		}
		if e.Due != nil && e.Due.Risk != "" {
			p.Risk = append(p.Risk, e)
		}
	}
	for _, r := range rec.Reports {
		if r.LabName != p.Lab.Name {
			continue
		}
		if missing := unsigned(r, pack.Lab.Signers); len(missing) > 0 {
			p.Reports = append(p.Reports, labWaiting{Case: info, ReportInfo: r, Missing: missing})
		}
	}
}

// unsigned lists the roles that have not signed a report as it is.
func unsigned(r custody.ReportInfo, roles []event.Signer) (missing []event.Signer) {
	for _, role := range roles {
		if !slices.ContainsFunc(r.Signers, func(s custody.SignerInfo) bool { return s.As == role && s.Covers }) {
			missing = append(missing, role)
		}
	}
	return missing
}

// offers adds what a case's holders have offered to this laboratory.
func (p *labHomePage) offers(tx *store.Tx, info custody.CaseInfo, rec *custody.Record, me projection.Person) error {
	for _, h := range rec.Handovers {
		if !waits(h) {
			continue
		}
		terms, err := termsOf(tx, h.Offer)
		if err != nil {
			return err
		}
		if terms == nil || !offeredTo(terms, me) {
			continue
		}
		p.Incoming = append(p.Incoming, labIncoming{Case: info, HandoverInfo: h, Terms: terms,
			Mine: terms.To.Person.IsZero() || terms.To.Person == me.ID, Late: h.State == "one_sided"})
	}
	return nil
}

// waits reports whether a handover is an offer without an answer.
func waits(h custody.HandoverInfo) bool {
	return !h.Offer.IsZero() && h.Accepted.IsZero() && h.Declined.IsZero()
}

// termsOf reads the terms that an offer's own event carries; nil where it is none.
func termsOf(tx *store.Tx, offer event.ID) (*event.Terms, error) {
	b, _, err := bodyOf[*event.CustodyOffered](tx, offer)
	if err != nil || b == nil {
		return nil, err
	}
	t, err := event.ParseTerms(b.Terms)
	if err != nil {
		return nil, nil //nolint:nilerr // an accepted event's terms were checked when it came in; what is none is not an offer
	}
	return &t, nil
}

// offeredTo reports whether terms name a person, or their organisation and nobody of another one.
func offeredTo(t *event.Terms, who projection.Person) bool {
	return t.To.Person == who.ID || t.To.Org == who.Org && !who.Org.IsZero()
}

func (p *labHomePage) sort() {
	slices.SortStableFunc(p.Incoming, func(a, b labIncoming) int { return a.Relinquished.Time().Compare(b.Relinquished.Time()) })
	byDue := func(a, b labEntry) int {
		switch {
		case a.Due == nil && b.Due == nil:
			return 0
		case a.Due == nil:
			return 1
		case b.Due == nil:
			return -1
		}
		return a.Due.Deadline.Compare(b.Due.Deadline)
	}
	slices.SortStableFunc(p.CheckIn, byDue)
	slices.SortStableFunc(p.Risk, byDue)
	slices.SortStableFunc(p.Stored, func(a, b labEntry) int {
		if a.Case.Number != b.Case.Number {
			return strings.Compare(a.Case.Number, b.Case.Number)
		}
		return strings.Compare(a.Item.Label, b.Item.Label)
	})
}
