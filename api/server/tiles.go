package server

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/ledger"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/limiter"
)

// The log as C2SP tlog-tiles, for anyone: digests, keys' ids and times of receipt,
// nothing of what the events say.
const (
	// logPrefix is where the log's tiles are served. With an origin of
	// HOST/log the origin is the address, as the specification recommends.
	logPrefix = "/log"
	// tilesPerMinute bounds requests for the log from one address. It lets a checker
	// read ten million entries in a quarter of an hour; the dearest request, a full
	// entry bundle, takes some milliseconds of one core.
	tilesPerMinute = 6000
	// fullAge: a full tile never changes.
	fullAge = "public, max-age=31536000, immutable"
	// partialAge: a partial tile does not change either, but is soon asked for no more.
	partialAge = "public, max-age=60"
	// checkpointAge: readers must see the log grow.
	checkpointAge = "public, max-age=5"
)

func (s *Server) routeTiles() {
	bound := limiter.New(limiter.Config{Max: tilesPerMinute, Expiration: time.Minute, KeyGenerator: s.network, LimitReached: func(*fiber.Ctx) error {
		f := fault.New(wire.CodeRateLimited, "Too many requests for the log from this address within a minute. Wait and go on; full tiles never change and need fetching once only.")
		f.RetryAfter = 60
		return f
	}})
	s.app.Get(logPrefix+"/checkpoint", bound, s.getLogCheckpoint)
	s.app.Get(logPrefix+"/tile/entries/+", bound, s.getEntries)
	s.app.Get(logPrefix+"/tile/:level/+", bound, s.getTile)
}

// getLogCheckpoint gives the newest checkpoint that a quorum of witnesses cosigned,
// where witnesses are configured and have; the log's own otherwise.
func (s *Server) getLogCheckpoint(c *fiber.Ctx) error {
	signed := s.witnessed()
	if signed == nil {
		var err error
		if signed, err = s.engine.Signed(c.UserContext()); err != nil {
			return err
		}
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, checkpointAge)
	return c.Send(signed.Note())
}

func (s *Server) getTile(c *fiber.Ctx) error {
	id, width, err := ledger.ParseTilePath(inLog(c))
	if err != nil {
		return noTile(err)
	}
	data, err := s.engine.Tile(c.UserContext(), id, width)
	if err != nil {
		return noTile(err)
	}
	return sendTile(c, data, width)
}

func (s *Server) getEntries(c *fiber.Ctx) error {
	n, width, err := ledger.ParseEntriesPath(inLog(c))
	if err != nil {
		return noTile(err)
	}
	bundle, err := s.engine.Entries(c.UserContext(), n, width)
	if err != nil {
		return noTile(err)
	}
	return sendTile(c, bundle, width)
}

// inLog is the path as it was sent, so that nothing has a second address by
// percent-encoding, doubled slashes or dots.
func inLog(c *fiber.Ctx) string {
	path, _ := strings.CutPrefix(string(c.Context().URI().PathOriginal()), logPrefix+"/")
	return path
}

func sendTile(c *fiber.Ctx, data []byte, width int) error {
	c.Set(fiber.HeaderCacheControl, partialAge)
	if width == ledger.TileWidth {
		c.Set(fiber.HeaderCacheControl, fullAge)
	}
	return sendPacked(c, fiber.MIMEOctetStream, data)
}

func noTile(err error) error {
	if errors.Is(err, ledger.ErrTilePath) || errors.Is(err, ledger.ErrNoTile) {
		return fault.New(wire.CodeNotFound, "The log has no such tile. GET %s/checkpoint says how many entries it has; their number tells which tiles there are, see c2sp.org/tlog-tiles.", logPrefix).Because(err)
	}
	return fmt.Errorf("the log's tiles: %w", err)
}
