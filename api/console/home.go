package console

import (
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

type homePage struct {
	Org   projection.Org
	Cases []projection.Case
	Roles []event.Role
}

// maxHomeCases is how many of the newest cases the first page lists.
const maxHomeCases = 12

func (k *Console) getHome(c *fiber.Ctx) error {
	var p homePage
	err := k.read(c, func(tx *store.Tx, who projection.Person) error {
		list, err := projection.CasesFor(tx, who.ID)
		if err != nil {
			return err
		}
		p.Cases, p.Roles = list[:min(len(list), maxHomeCases)], who.Roles
		p.Org, _, err = projection.OrgByID(tx, who.Org)
		return err
	})
	if err != nil {
		return err
	}
	return k.render(c, "home", "home.title", p)
}
