package console

import "github.com/gofiber/fiber/v2"

// routeSupervisor adds the pages of the supervisor desk.
func (k *Console) routeSupervisor(fiber.Router) {}
