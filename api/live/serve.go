package live

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// From is the ledger index after which a request wants to be told: what a browser
// that connects again sends as Last-Event-ID, otherwise the query's after, otherwise
// fallback. Whatever is no index is fallback too: the stream then tells less, and
// the page has been rendered anew anyway.
func From(c *fiber.Ctx, fallback int64) int64 {
	for _, text := range []string{c.Get("Last-Event-ID"), c.Query("after")} {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= -1 {
			return n
		}
	}
	return fallback
}

// Serve answers a request with a stream for v. The rights of the person were
// checked by the caller; errors are those of Open.
func (h *Hub) Serve(c *fiber.Ctx, v Viewer) error {
	s, err := h.Open(v)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/event-stream; charset=utf-8")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // reverse proxies that gather answers otherwise
	c.Context().Response.SetBodyStreamWriter(s.Run)
	return nil
}
