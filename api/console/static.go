package console

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path"
	"strings"

	"fieldseal/api/fault"
	"fieldseal/api/wire"

	"github.com/gofiber/fiber/v2"
)

// assetTypes are the kinds of files that are served, with their types: the
// machine's own table of types is not asked, so that every machine says the same.
var assetTypes = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".png": "image/png",
}

// staticVersion is a digest over all static files: their addresses change when any of them does.
func staticVersion() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(Static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := Static.ReadFile(name)
		h.Write([]byte(name + "\x00"))
		h.Write(data)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:6]), err
}

// getStatic serves an embedded file. Under an address of this version it never
// changes; under another one, of a page loaded before an update, the new file is
// served and not kept.
func (k *Console) getStatic(c *fiber.Ctx) error {
	name := path.Join("static", path.Clean("/"+c.Params("+")))
	t, ok := assetTypes[path.Ext(name)]
	data, err := Static.ReadFile(name)
	if !ok || err != nil {
		return fault.New(wire.CodeNotFound, "There is no such file.").Because(err)
	}
	if c.Params("version") == k.pages.version {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	c.Set(fiber.HeaderContentType, t)
	if len(data) > packStatic && strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip") {
		c.Set(fiber.HeaderContentEncoding, "gzip")
		c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
		return c.Send(k.pages.packed(name, data))
	}
	return c.Send(data)
}

// packStatic is the size from which a file is packed for its way.
const packStatic = 1 << 10
