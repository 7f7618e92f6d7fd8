package console

import (
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// casePage is a case as a court reads it.
type casePage struct {
	courtPlace
	Opened *event.CaseOpened
	// OpenedEvent is its event.
	OpenedEvent                      event.ID
	Physical, Originals, Derivatives []exhibitRow
	Tally                            tally
	Defects                          []*custody.Defect
	Grants                           []grantInfo
	Org                              projection.Org
	Quarantine                       []store.QuarantineRow
	// MayExport, MayCertify: the server can make them.
	MayExport, MayCertify bool
}

// exhibitRow is an exhibit in the list of a case.
type exhibitRow struct {
	*custody.Item
	Tally       tally
	Unexplained int64
}

// grantInfo is a right in the case, with the name of who has it.
type grantInfo struct {
	projection.Grant
	Name  string
	Stand bool
}

func (k *Console) courtCasePage(c *fiber.Ctx) error {
	p := casePage{MayExport: k.Court.Export != nil, MayCertify: k.Court.Certify != nil}
	var err error
	if p.courtPlace, err = k.courtCase(c, "case", ""); err != nil {
		return err
	}
	for i := range p.Record.Items {
		it := &p.Record.Items[i]
		row := exhibitRow{Item: it, Tally: tallyOf(p.concerning[it.Ref]), Unexplained: unexplained(it)}
		switch {
		case it.Kind == custody.Physical:
			p.Physical = append(p.Physical, row)
		case derived(it):
			p.Derivatives = append(p.Derivatives, row)
		default:
			p.Originals = append(p.Originals, row)
		}
	}
	p.Tally, p.Defects = tallyOf(p.allDefects()), p.allDefects()
	err = k.read(c, func(tx *store.Tx, _ projection.Person) (err error) {
		if p.Org, _, err = projection.OrgByID(tx, p.Case.Org); err != nil {
			return err
		}
		if p.Quarantine, err = projection.QuarantineOfCase(tx, p.Case.ID); err != nil {
			return err
		}
		if p.Grants, err = grantsOf(tx, p.Case.ID); err != nil || p.Case.OpenedIndex < 0 {
			return err
		}
		row, found, err := tx.EventAt(p.Case.OpenedIndex)
		if err != nil || !found {
			return err
		}
		e, err := projection.EntryOf(row)
		p.Opened, _ = e.Body.(*event.CaseOpened)
		p.OpenedEvent = row.ID
		return err
	})
	if err != nil {
		return err
	}
	return k.render(c, "court/case", caseName(p.Case), &p)
}

func grantsOf(tx *store.Tx, id event.UUID) (list []grantInfo, err error) {
	grants, err := projection.Grants(tx, id)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		info := grantInfo{Grant: g, Stand: g.Stands(tx.Now())}
		if !g.Org.IsZero() {
			o, _, err := projection.OrgByID(tx, g.Org)
			if err != nil {
				return nil, err
			}
			info.Name = o.Name
		} else {
			who, _, err := projection.PersonByID(tx, g.Person)
			if err != nil {
				return nil, err
			}
			info.Name = who.Name
		}
		list = append(list, info)
	}
	return list, nil
}
