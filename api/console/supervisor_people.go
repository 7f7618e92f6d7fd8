package console

import (
	"html/template"
	"time"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

type svPeoplePage struct {
	svPage
	People []svPersonRow
	Orgs   []projection.Org
	Roles  []string
}

type svPersonRow struct {
	projection.Person
	OrgName, OrgNameZH string
	Devices            int
}

// svPeople lists the people whom the reader looks after.
func (k *Console) svPeople(c *fiber.Ctx) error {
	var p svPeoplePage
	err := k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "people", who); err != nil {
			return err
		}
		orgs, err := orgNames(tx)
		if err != nil {
			return err
		}
		list, err := projection.Persons(tx)
		if err != nil {
			return err
		}
		for _, x := range list {
			if !looksAfter(who, x.Org) {
				continue
			}
			devices, err := projection.DevicesOf(tx, x.ID)
			if err != nil {
				return err
			}
			row := svPersonRow{Person: x, OrgName: orgs[x.Org].Name, OrgNameZH: orgs[x.Org].NameZH}
			for _, d := range devices {
				if d.Good() {
					row.Devices++
				}
			}
			p.People = append(p.People, row)
		}
		p.Roles = rolesToGive(who)
		p.Orgs = []projection.Org{p.Org}
		if who.Has(event.RoleAdmin) {
			p.Orgs, err = projection.Orgs(tx)
		}
		return err
	})
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/people", "sv.people.title", p)
}

// rolesToGive are the roles that a person may give: an administrator all, a
// supervisor those that look after no other organisation.
func rolesToGive(who projection.Person) (list []string) {
	for _, r := range event.RoleAdmin.Words() {
		if role := event.Role(r); who.Has(event.RoleAdmin) || role != event.RoleAdmin && role != event.RoleAuditor {
			list = append(list, r)
		}
	}
	return list
}

type svPersonPage struct {
	svPage
	Person  projection.Person
	Home    projection.Org
	Devices []svDevice
	Roles   []string
	// Mine says that the reader may decide about this person.
	Mine bool
}

type svDevice struct {
	projection.Device
	Who     string
	OrgName string
	// Seq is how far the chain has arrived without a hole, Pending how many events wait
	// behind one; Last is when the newest event arrived.
	Seq, Pending int64
	Quarantined  int64
	Last         time.Time
	Labels       []projection.LabelBlock
}

func (k *Console) svPerson(c *fiber.Ctx) error {
	id, err := uuid(c, "person")
	if err != nil {
		return err
	}
	var p svPersonPage
	err = k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "people", who); err != nil {
			return err
		}
		if p.Person, err = personFor(tx, id, who); err != nil {
			return err
		}
		if p.Home, _, err = projection.OrgByID(tx, p.Person.Org); err != nil {
			return err
		}
		list, err := projection.DevicesOf(tx, id)
		if err != nil {
			return err
		}
		for _, d := range list {
			row, err := deviceRow(tx, d)
			if err != nil {
				return err
			}
			p.Devices = append(p.Devices, row)
		}
		p.Roles, p.Mine = rolesToGive(who), mayDecide(who, p.Person)
		return nil
	})
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/person", p.Person.Name, p)
}

// mayDecide reports whether somebody may decide about a person: an administrator
// about everyone, a supervisor about those of their organisation who have no office over others.
func mayDecide(who, about projection.Person) bool {
	if who.Has(event.RoleAdmin) {
		return true
	}
	return who.Has(event.RoleSupervisor) && about.Org == who.Org && !about.Has(event.RoleAdmin, event.RoleAuditor)
}

// personFor gives a person whom the reader looks after.
func personFor(tx *store.Tx, id event.UUID, who projection.Person) (projection.Person, error) {
	x, found, err := projection.PersonByID(tx, id)
	if err == nil && (!found || !looksAfter(who, x.Org)) {
		err = fault.New(wire.CodeNotFound, "There is no person %s in your organisation.", id)
	}
	return x, err
}

func deviceRow(tx *store.Tx, d projection.Device) (row svDevice, err error) {
	row.Device = d
	head, err := projection.HeadOf(tx, d.N)
	if err != nil {
		return row, err
	}
	row.Seq = head.Seq
	for _, s := range head.Pending {
		row.Pending += s.Last - s.First + 1
	}
	if head.Max > 0 {
		e, found, err := projection.EventBySeq(tx, d.N, head.Max)
		if err != nil {
			return row, err
		}
		if found {
			row.Last = e.Received
		}
	}
	if row.Quarantined, err = projection.CountQuarantine(tx, d.ID); err != nil {
		return row, err
	}
	row.Labels, err = projection.LabelBlocks(tx, d.ID)
	return row, err
}

type svDevicesPage struct {
	svPage
	Devices []svDevice
}

// svDevices lists the devices of the organisations that the reader looks after.
func (k *Console) svDevices(c *fiber.Ctx) error {
	var p svDevicesPage
	err := k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "devices", who); err != nil {
			return err
		}
		people, err := personNames(tx)
		if err != nil {
			return err
		}
		orgs, err := orgNames(tx)
		if err != nil {
			return err
		}
		list, err := projection.Devices(tx)
		if err != nil {
			return err
		}
		for _, d := range list {
			if d.Authority() || !looksAfter(who, d.Org) {
				continue
			}
			row, err := deviceRow(tx, d)
			if err != nil {
				return err
			}
			row.Who, row.OrgName = people[d.Person].Name, orgs[d.Org].Name
			p.Devices = append(p.Devices, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/devices", "sv.devices.title", p)
}

type svCodePage struct {
	svPage
	Person projection.Person
	Code   string
	Until  time.Time
	QR     template.HTML
}

// svCode issues a one-time code, with which the person enrols a device. It is shown
// in this answer and nowhere else; the server keeps its hash.
func (k *Console) svCode(c *fiber.Ctx) error {
	id, err := uuid(c, "person")
	if err != nil {
		return err
	}
	var p svCodePage
	err = k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "people", who); err != nil {
			return err
		}
		if p.Person, err = personFor(tx, id, who); err != nil {
			return err
		}
		switch {
		case !mayDecide(who, p.Person):
			err = fault.New(wire.CodeForbidden, "You may not issue a code for this person.")
		case p.Person.Disabled:
			err = fault.New(wire.CodeConflict, "The access of this person has ended; there is nothing to enrol.")
		}
		return err
	})
	if err == nil {
		err = k.looked(c, "code", event.UUID{}, id.String())
	}
	if err != nil {
		return err
	}
	if p.Code, p.Until, err = k.Book.IssueCode(c.UserContext(), id, p.Me.ID, 0); err != nil {
		return err
	}
	if p.QR, err = qrSVG(p.Code, p.Person.Name); err != nil {
		return err
	}
	return k.render(c, "supervisor/code", "sv.code.title", p)
}
