package device

import (
	"context"
	"time"
)

// Impatient makes a client's pauses take no time.
func Impatient(c *Client) {
	c.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
}
