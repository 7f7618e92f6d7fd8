package server

import (
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// peer is the address that a request comes from. Behind a reverse proxy it is the
// one that the proxy appended to X-Forwarded-For, the last: what stands before it
// is what the client wrote.
func (s *Server) peer(c *fiber.Ctx) netip.Addr {
	from, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	from = from.Unmap()
	if !s.cfg.Proxied || !from.IsLoopback() && !from.IsPrivate() {
		return from
	}
	headers := c.Request().Header.PeekAll(fiber.HeaderXForwardedFor)
	if len(headers) == 0 {
		return from
	}
	list := strings.Split(string(headers[len(headers)-1]), ",")
	client, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1]))
	if err != nil {
		return from
	}
	return client.WithZone("").Unmap()
}

// network is what a bound by address counts for: an IPv4 address, or the /64 that
// one IPv6 customer has at least.
func (s *Server) network(c *fiber.Ctx) string {
	a := s.peer(c)
	if a.Is6() {
		return netip.PrefixFrom(a, 64).Masked().String()
	}
	return a.String()
}
