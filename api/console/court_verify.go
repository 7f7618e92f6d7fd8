package console

import (
	"bytes"
	"compress/gzip"
	"html/template"
	"io"
	"strings"

	"fieldseal/api/console/checker"
	"fieldseal/api/fault"
	"fieldseal/api/wire"

	"github.com/gofiber/fiber/v2"
)

// The verify page is for everyone: whoever holds a bundle can have it checked, by
// a program that this server hands out and that tells it nothing.

// verifyAssets are the addresses below /desk/verify that carry the version of what
// they give, so that browsers keep them.
const (
	verifyScript = "page.js"
	verifyStyle  = "page.css"
	verifyWorker = "worker.js"
	verifyWasm   = "verify.wasm"
)

// routePublic adds the pages that need no login.
func (k *Console) routePublic(r fiber.Router) {
	r.Get("/verify", k.getVerify)
	r.Get("/verify/"+checker.PageFile, k.getVerifyFile)
	r.Get("/verify/:version/:file", k.getVerifyAsset)
}

type verifyPage struct {
	Fragment template.HTML
	Words    template.JS
	// Base is where the page's files are.
	Base string
	// There: the verifier was built; Digest and Size are those of the one file.
	There  bool
	Digest string
	Size   int
}

// verifyVersion is a digest over all that the page loads.
func (k *Console) verifyVersion() string {
	all := append(append([]byte{}, checker.Script()...), checker.Style()...)
	if f := k.Court.Verifier; f != nil {
		all = append(append(all, checker.Digest(f.Worker)...), checker.Digest(f.Wasm)...)
	}
	return checker.Digest(all)[:12]
}

func (k *Console) getVerify(c *fiber.Ctx) error {
	zh := languageOf(c) == "zh"
	p := verifyPage{Words: checker.WordsJSON(), Base: "/desk/verify/" + k.version, There: k.Court.Verifier != nil}
	var err error
	if p.Fragment, err = checker.Fragment(zh, p.Base); err != nil {
		return err
	}
	if p.There {
		p.Digest, p.Size = checker.Digest(k.Court.Verifier.Page), len(k.Court.Verifier.Page)
	}
	// The verifier is compiled and run in a worker; nothing else may be.
	c.Set("Content-Security-Policy", policy(" 'wasm-unsafe-eval'")+"; worker-src 'self'")
	return k.render(c, "court/verify", checker.Word(zh, "title"), p)
}

// getVerifyFile gives the page as one file for a computer without a network.
func (k *Console) getVerifyFile(c *fiber.Ctx) error {
	if k.Court.Verifier == nil {
		return noVerifier()
	}
	return attach(c, checker.PageFile, "text/html; charset=utf-8", k.Court.Verifier.Page)
}

func noVerifier() error {
	return fault.New(wire.CodeNotFound, "The verifier for browsers was not built for this server. Verify with the command custody-verify.").Because(checker.ErrAbsent)
}

// getVerifyAsset gives a file that the page loads. A worker has a policy of its own.
func (k *Console) getVerifyAsset(c *fiber.Ctx) error {
	var data []byte
	name := c.Params("file")
	f := k.Court.Verifier
	switch {
	case name == verifyScript:
		data = checker.Script()
		c.Set(fiber.HeaderContentType, assetTypes[".js"])
	case name == verifyStyle:
		data = checker.Style()
		c.Set(fiber.HeaderContentType, assetTypes[".css"])
	case f == nil:
		return noVerifier()
	case name == verifyWorker:
		data = f.Worker
		c.Set(fiber.HeaderContentType, assetTypes[".js"])
		c.Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'")
	case name == verifyWasm:
		return k.sendWasm(c, f.Wasm)
	default:
		return fault.New(wire.CodeNotFound, "There is no such file.")
	}
	k.keep(c)
	return c.Send(data)
}

// keep lets browsers keep a file under an address of this version.
func (k *Console) keep(c *fiber.Ctx) {
	if c.Params("version") == k.version {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
}

// sendWasm gives the verifier, packed where the browser says that it unpacks.
func (k *Console) sendWasm(c *fiber.Ctx, packed []byte) error {
	c.Set(fiber.HeaderContentType, assetTypes[".wasm"])
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	k.keep(c)
	if strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip") {
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(packed)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	return c.Send(plain)
}
