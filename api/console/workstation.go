package console

import "github.com/gofiber/fiber/v2"

// getWorkstation is where a browser is enrolled and says what it holds.
func (k *Console) getWorkstation(c *fiber.Ctx) error {
	return k.render(c, "workstation", "workstation.title", nil)
}
