package server_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"fieldseal/api/server"
	"fieldseal/api/server/servertest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/tiledlog/audit"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// noise fills a server's log with n quarantined lines.
func noise(s *servertest.Server, n int) {
	lines, before := make([][]byte, n), s.Engine.Size() // the same line again is no entry
	for i := range lines {
		lines[i] = fmt.Appendf(nil, "noise %d after %d", i, before)
	}
	s.Submit(lines...)
}

func headOf(t *testing.T, url string) (status int, length int64) {
	t.Helper()
	res, err := plain.Head(url)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.ContentLength
}

func TestTilesAreServed(t *testing.T) {
	s := servertest.Start(t)
	noise(s, 600)
	c, size := visitor(t, s), ledger.Size(s.Engine.Size())
	checkpoint := c.get("/log/checkpoint")
	signed, err := ledger.ParseCheckpoint(checkpoint.body, s.LogKey.Verifier())
	if err != nil || signed.Size != size {
		t.Fatalf("%v: %s", err, checkpoint.body)
	}
	if got := checkpoint.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("the checkpoint's type is %q", got)
	}
	if got := checkpoint.header.Get("Cache-Control"); got != "public, max-age=5" {
		t.Errorf("the checkpoint may be cached: %q", got)
	}
	var leaves int
	for _, id := range []ledger.TileID{{Level: 0, N: 0}, {Level: 0, N: 1}, {Level: 0, N: 2}, {Level: 1, N: 0}} {
		width := id.Width(size)
		a := c.get("/log/" + id.Path(width))
		want, err := s.Engine.Tile(t.Context(), id, width)
		if err != nil || !bytes.Equal(a.body, want) || a.header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%s: %v, status %d, %s", id.Path(width), err, a.status, a.header)
		}
		if full := strings.Contains(a.header.Get("Cache-Control"), "immutable"); full != (width == ledger.TileWidth) {
			t.Errorf("%s: Cache-Control %q", id.Path(width), a.header.Get("Cache-Control"))
		}
		if id.Level > 0 {
			continue
		}
		a = c.get("/log/" + ledger.EntriesPath(id.N, width))
		entries, err := ledger.ParseEntries(a.body)
		if err != nil || len(entries) != width {
			t.Fatalf("%s: %d entries, %v", ledger.EntriesPath(id.N, width), len(entries), err)
		}
		for i, leaf := range entries {
			if h, err := leaf.Hash(); err != nil || h != ledger.Hash(want[i*ledger.HashSize:][:ledger.HashSize]) {
				t.Errorf("entry %d of bundle %d is not that of the tile: %v", i, id.N, err)
			}
			leaves++
		}
	}
	if leaves != int(size) {
		t.Errorf("%d leaves of %d", leaves, size)
	}
	// A tile that was partial at an earlier checkpoint is served at that width still.
	if a := c.get("/log/tile/0/000.p/3"); a.status != http.StatusOK || len(a.body) != 3*ledger.HashSize {
		t.Errorf("an earlier width: %d, %d bytes", a.status, len(a.body))
	}
	packed := c.send("GET", "/log/tile/entries/000", nil, "Accept-Encoding", "gzip")
	if packed.header.Get("Content-Encoding") != "gzip" || packed.header.Get("Vary") != "Accept-Encoding" || len(packed.body) >= 256*ledger.EntrySize {
		t.Errorf("a bundle for a client that takes gzip: %v, %d bytes", packed.header, len(packed.body))
	}
	if status, length := headOf(t, s.URL+"/log/tile/0/000"); status != http.StatusOK || length != ledger.TileBytes {
		t.Errorf("HEAD: %d, %d bytes", status, length)
	}
}

// What the log does not have, and every other spelling of what it has, is not found.
func TestTilesThatAreNot(t *testing.T) {
	s := servertest.Start(t)
	noise(s, 600)
	size := int(s.Engine.Size())
	for _, path := range []string{
		"tile", "tile/", "tile/0", "tile/0/", "tile/entries", "tile/entries/", "tile/data/000",
		fmt.Sprintf("tile/0/002.p/%d", size-512+1), fmt.Sprintf("tile/entries/002.p/%d", size-512+1), "tile/0/002", "tile/entries/002", "tile/0/003", "tile/0/003.p/1",
		"tile/1/000", "tile/1/000.p/3", "tile/1/001.p/1", "tile/2/000", "tile/2/000.p/1", "tile/7/000", "tile/63/000", "tile/64/000", "tile/00/000", "tile/-1/000", "tile/x/000",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/000", "tile/0/000/000", "tile/0/x000", "tile/0/001x", "tile/0/000/", "tile/0//000", "tile/0/./000", "tile/0/../0/000", "tile/0/%30%30%30", "tile%2f0%2f000",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/257", "tile/0/000.p/-1", "tile/0/000.p/1/", "tile/0/000.P/1", "tile/0/000.p/1.p/1", "tile/0/000.p/99999999999999999999",
		"tile/entries/000.p/0", "tile/entries/x999/x999/x999/x999/x999/999", "tile/entries/" + strings.Repeat("x999/", 200) + "999", "tile/0/" + strings.Repeat("9", 2000),
		"Checkpoint", "checkpoint/", "tile/0/000;a", "tile/0/000%00", "tile/0/０００",
	} {
		r, err := http.NewRequest(http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Opaque = "/log/" + path // as it is, unescaped and uncleaned
		res, err := plain.Do(r)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNotFound || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, Cache-Control %q", path, res.StatusCode, res.Header.Get("Cache-Control"))
		}
	}
	c := visitor(t, s)
	if a := c.send("POST", "/log/checkpoint", nil); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.status)
	}
}

// The bound by address holds, says when to go on, and is the log's alone.
func TestTilesAreBounded(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	for i := range server.TilesPerMinute {
		if status, _ := headOf(t, s.URL+"/log/tile/0/000.p/1"); status != http.StatusOK {
			t.Fatalf("request %d: status %d", i, status)
		}
	}
	for _, path := range []string{"/log/checkpoint", "/log/tile/0/000.p/1", "/log/tile/entries/000.p/1"} {
		if a := c.get(path); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d, %v", path, a.status, a.header)
		}
	}
	if a := c.get("/v1/log/checkpoint"); a.status != http.StatusOK {
		t.Errorf("/v1/log/checkpoint: %d", a.status)
	}
}

func TestNetworkOfAnAddress(t *testing.T) {
	app := fiber.New()
	for address, want := range map[string]string{"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64"} {
		var r fasthttp.RequestCtx
		r.SetRemoteAddr(&net.TCPAddr{IP: net.ParseIP(address), Port: 1234})
		c := app.AcquireCtx(&r)
		if got := server.Network(c); got != want {
			t.Errorf("%s counts for %s, want %s", address, got, want)
		}
		app.ReleaseCtx(c)
	}
}

// Where witnesses are configured, what is published is what they have cosigned.
func TestTilesWithWitnesses(t *testing.T) {
	w := startWitnessed(t)
	noise(w.Server, 3)
	w.await(t, "the witnesses", w.current)
	read := func() *ledger.SignedCheckpoint {
		t.Helper()
		signed, err := ledger.ParseCheckpoint(visitor(t, w.Server).get("/log/checkpoint").body, w.keys...)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	cosigned := read()
	if len(cosigned.Verified()) != 3 || int64(cosigned.Size) != w.Engine.Size() {
		t.Errorf("%d signatures over %d entries of %d", len(cosigned.Verified()), cosigned.Size, w.Engine.Size())
	}
	w.up.Store(false)
	noise(w.Server, 9)
	if later := read(); later.Checkpoint != cosigned.Checkpoint || len(later.Verified()) != 3 {
		t.Errorf("without the witnesses: %d signatures over %d entries", len(later.Verified()), later.Size)
	}
}

// A log of 70,000 entries is read whole over HTTP by a checker that shares no code
// with the server's log.
func TestServedLogIsChecked(t *testing.T) {
	s := servertest.Start(t)
	old, err := s.Engine.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for s.Engine.Size() < 70_000 {
		noise(s, int(min(70_000-s.Engine.Size(), 1000)))
	}
	web, err := audit.NewWeb(s.URL+"/log", &http.Client{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.Check(t.Context(), web, audit.Options{Key: s.LogKey.VerifierText(), Earlier: []byte(old)})
	if err != nil || !r.OK() || r.Entries != 70_000 || r.Tiles != 277 || r.EarlierSize < 1 {
		t.Errorf("%+v, %v", r, err)
	}
}
