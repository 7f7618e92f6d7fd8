package console

import (
	"bytes"
	"cmp"
	"strings"

	"fieldseal/api/export"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// svCasePage is what every page about one case knows.
type svCasePage struct {
	svPage
	Case projection.Case
	// Part is which page of the case it is; Write says that the reader may add to the case.
	Part  string
	Write bool
	Size  int64
}

// svCaseOf reads the case of a request, which its reader may see, and records that it is looked at.
func (k *Console) svCaseOf(c *fiber.Ctx, part string) (p svCasePage, err error) {
	id, err := uuid(c, "case")
	if err != nil {
		return p, err
	}
	err = k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "cases", who); err != nil {
			return err
		}
		if p.Case, err = visible(tx, id, who); err != nil {
			return err
		}
		last, _, err := tx.LastCheckpoint()
		if err != nil {
			return err
		}
		p.Part, p.Size = part, last.Size
		p.Write, err = projection.MayWrite(tx, id, who.ID)
		return err
	})
	if err == nil {
		err = k.looked(c, "case", id, part)
	}
	return p, err
}

type svCaseData struct {
	svCasePage
	Record       *custody.Record
	Groups       []svGroup
	Waived       []svDefect
	Fatal, Cures int
	Missing      []projection.MediaRef
	Quarantine   int
}

// svCase shows what needs attention in a case and what it comes to.
func (k *Console) svCase(c *fiber.Ctx) error {
	page, err := k.svCaseOf(c, "case")
	if err != nil {
		return err
	}
	p := svCaseData{svCasePage: page}
	if p.Record, _, err = k.record(c, page.Case.ID); err != nil {
		return err
	}
	open, waived := defectsOf(p.Record, k.Now())
	p.Groups, p.Waived = groupsOf(open), waived
	for _, d := range open {
		switch d.Severity {
		case custody.Fatal:
			p.Fatal++
		case custody.Curable:
			p.Cures++
		}
	}
	err = k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.Missing, err = projection.MissingMedia(tx, page.Case.ID); err != nil {
			return err
		}
		list, err := projection.QuarantineOfCase(tx, page.Case.ID)
		if err != nil {
			return err
		}
		for _, q := range list {
			e, _, err := projection.QuarantineEntry(tx, q.Index)
			if err != nil {
				return err
			}
			if e.Resolution == "" {
				p.Quarantine++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/case", page.Case.Number, p)
}

// caseEvents reads the events of a case in log order, those left out that were withdrawn as a whole.
func caseEvents(tx *store.Tx, id event.UUID) ([]projection.Entry, error) {
	var list []projection.Entry
	void := map[event.ID]bool{}
	err := projection.EachCaseEvent(tx, id, func(r store.EventRow) error {
		if r.Type == event.TypeAirSegment {
			return nil // large, and of no concern here
		}
		e, err := projection.EntryOf(r)
		if err != nil {
			return err
		}
		if b, ok := e.Body.(*event.EventAmended); ok && b.Void {
			void[b.Target] = true
		}
		list = append(list, e)
		return nil
	})
	kept := list[:0]
	for _, e := range list {
		if !void[e.ID] {
			kept = append(kept, e)
		}
	}
	return kept, err
}

// caseFeatures finds what has a place in a case.
func caseFeatures(tx *store.Tx, id event.UUID) ([]export.Feature, error) {
	events, err := caseEvents(tx, id)
	if err != nil {
		return nil, err
	}
	people, err := personNames(tx)
	if err != nil {
		return nil, err
	}
	placed := make([]export.Placed, len(events))
	for i, e := range events {
		placed[i] = export.Placed{Event: e.Payload, Body: e.Body, ID: e.ID, By: people[e.Payload.Actor].Name}
	}
	return export.Features(placed), nil
}

func (k *Console) svMap(c *fiber.Ctx) error {
	p, err := k.svCaseOf(c, "map")
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/map", p.Case.Number, p)
}

// svMapData gives the positions of a case as GeoJSON, for the map.
func (k *Console) svMapData(c *fiber.Ctx) error {
	id, err := uuid(c, "case")
	if err != nil {
		return err
	}
	var list []export.Feature
	err = k.read(c, func(tx *store.Tx, who projection.Person) error {
		if _, err := visible(tx, id, who); err != nil {
			return err
		}
		list, err = caseFeatures(tx, id)
		return err
	})
	if err == nil {
		err = k.looked(c, "case", id, "places")
	}
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := export.GeoJSON(&out, list); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/geo+json")
	return c.Send(out.Bytes())
}

// svNode and svEdge are the graph of links as its script reads it.
type svNode struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Label string `json:"label"`
}

type svEdge struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Relation string `json:"relation"`
	Basis    string `json:"basis"`
}

type svLinksPage struct {
	svCasePage
	Graph struct {
		Nodes []svNode `json:"nodes"`
		Edges []svEdge `json:"edges"`
	}
	// Names has the label of each thing by its id.
	Names map[string]string
}

// svLinks shows what is tied to what, each link being evidence itself.
func (k *Console) svLinks(c *fiber.Ctx) error {
	page, err := k.svCaseOf(c, "links")
	if err != nil {
		return err
	}
	p := svLinksPage{svCasePage: page, Names: map[string]string{}}
	err = k.read(c, func(tx *store.Tx, _ projection.Person) error {
		events, err := caseEvents(tx, page.Case.ID)
		if err != nil {
			return err
		}
		kinds := map[string]string{}
		for _, e := range events {
			for _, n := range namedBy(e) {
				p.Names[n.ID], kinds[n.ID] = n.Label, n.Kind
			}
		}
		seen := map[string]bool{}
		node := func(r event.Ref) string {
			id := r.ID.String()
			if p.Names[id] == "" {
				p.Names[id] = string(r.Kind) + " " + id[len(id)-6:]
			}
			if !seen[id] {
				seen[id] = true
				p.Graph.Nodes = append(p.Graph.Nodes, svNode{id, cmp.Or(kinds[id], string(r.Kind)), p.Names[id]})
			}
			return id
		}
		for _, e := range events {
			if b, ok := e.Body.(*event.LinkRecorded); ok {
				p.Graph.Edges = append(p.Graph.Edges, svEdge{node(b.From), node(b.To), b.Relation, b.Basis})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/links", page.Case.Number, p)
}

// namedBy gives the things that an event names, with what people call them.
func namedBy(e projection.Entry) []svNode {
	one := func(id event.UUID, label string) []svNode { return []svNode{{ID: id.String(), Label: label}} }
	switch b := e.Body.(type) {
	case *event.SiteRecorded:
		return one(b.Site, b.Name)
	case *event.PartyRecorded:
		return one(b.Party, b.Name)
	case *event.ObjectRecorded:
		label := b.Label
		for _, i := range b.Identifiers {
			label += " " + i.Value
		}
		return []svNode{{b.Object.String(), string(b.Kind), label}}
	case *event.SampleCollected:
		return one(b.Sample, b.Label)
	case *event.SubsampleMade:
		return one(b.Subsample, b.Label)
	case *event.PhotoCaptured:
		return one(b.Photo, b.Shows)
	case *event.FileAttached:
		return one(b.File, b.Title)
	case *event.QuantityRecorded:
		return one(b.Quantity, b.Waste)
	case *event.InstrumentRecorded:
		return one(b.Instrument, strings.TrimSpace(b.Make+" "+b.Model))
	case *event.CaseOpened:
		return one(e.Payload.Case, b.Number)
	}
	return nil
}

type svRightsPage struct {
	svCasePage
	// Owns says that the case is of the reader's organisation, or that they look after all.
	Owns    bool
	Grants  []svGrant
	Owner   projection.Org
	Orgs    []projection.Org
	People  []projection.Person
	Devices []svCaseDevice
}

type svGrant struct {
	projection.Grant
	To     string
	Stands bool
}

type svCaseDevice struct {
	projection.Device
	Who    string
	Events int
}

// svRights shows who may see and add to a case, and whose devices recorded in it.
func (k *Console) svRights(c *fiber.Ctx) error {
	page, err := k.svCaseOf(c, "rights")
	if err != nil {
		return err
	}
	p := svRightsPage{svCasePage: page}
	p.Owns = p.Decides && (p.Me.Has(event.RoleAdmin) || p.Case.Org == p.Me.Org)
	err = k.read(c, func(tx *store.Tx, who projection.Person) error {
		orgs, err := orgNames(tx)
		if err != nil {
			return err
		}
		people, err := personNames(tx)
		if err != nil {
			return err
		}
		p.Owner = orgs[p.Case.Org]
		if p.Orgs, err = projection.Orgs(tx); err != nil {
			return err
		}
		if p.People, err = projection.Persons(tx); err != nil {
			return err
		}
		grants, err := projection.Grants(tx, p.Case.ID)
		if err != nil {
			return err
		}
		for _, g := range grants {
			to := orgs[g.Org].Name
			if g.Org.IsZero() {
				to = people[g.Person].Name + " · " + orgs[people[g.Person].Org].Name
			}
			p.Grants = append(p.Grants, svGrant{g, to, g.Stands(tx.Now())})
		}
		p.Devices, err = caseDevices(tx, p.Case.ID, people)
		return err
	})
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/rights", page.Case.Number, p)
}

// caseDevices lists the devices that sealed events of a case.
func caseDevices(tx *store.Tx, id event.UUID, people map[event.UUID]projection.Person) (list []svCaseDevice, err error) {
	counts, err := projection.CaseDevices(tx, id)
	if err != nil {
		return nil, err
	}
	for _, n := range counts {
		d, found, err := projection.DeviceByNumber(tx, n.Dev)
		if err != nil {
			return nil, err
		}
		if found {
			list = append(list, svCaseDevice{d, people[d.Person].Name, int(n.Events)})
		}
	}
	return list, nil
}
