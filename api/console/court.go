package console

import "github.com/gofiber/fiber/v2"

// routeCourt adds the pages of the court desk.
func (k *Console) routeCourt(fiber.Router) {}

// routePublic adds the pages that need no login.
func (k *Console) routePublic(fiber.Router) {}
