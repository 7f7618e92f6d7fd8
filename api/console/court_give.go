package console

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/certificate"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// chosen reads what a form asks for: exhibits (none: all), purpose and language.
type chosen struct {
	exhibits []event.Ref
	purpose  string
	language bag.Language
}

func (p *courtPlace) chosen(f url.Values) (out chosen, err error) {
	for _, text := range f["item"] {
		kind, id, _ := strings.Cut(text, ":")
		u, err := event.ParseUUID(id)
		ref := event.Ref{Kind: event.RefKind(kind), ID: u}
		if err != nil {
			return out, fault.New(wire.CodeBadRequest, "%.80q names no exhibit.", text).Because(err)
		}
		if _, ok := p.labels[ref]; !ok {
			return out, noItem(ref)
		}
		out.exhibits = append(out.exhibits, ref)
	}
	if len(out.exhibits) > bag.MaxExhibits {
		return out, fault.New(wire.CodeBadRequest, "%d exhibits are chosen, at most %d can be; choose none for the whole case.", len(out.exhibits), bag.MaxExhibits)
	}
	out.purpose = strings.Join(strings.Fields(f.Get("purpose")), " ")
	if len(out.purpose) > bag.MaxPurpose || !utf8.ValidString(out.purpose) {
		return out, fault.New(wire.CodeBadRequest, "The purpose has %d bytes, at most %d fit on its line.", len(out.purpose), bag.MaxPurpose)
	}
	out.language = bag.English
	if f.Get("lang") == "zh" {
		out.language = bag.Chinese
	}
	return out, nil
}

// courtBundle gives the evidence bundle of a case or of chosen exhibits. It is made
// whole first, so that a failure is a page and not a broken file; that it was made,
// and for whom, is in the ledger before a byte of it leaves.
func (k *Console) courtBundle(c *fiber.Ctx) error {
	p, f, err := k.courtForm(c, "bundle", k.Court.Export != nil)
	if err != nil {
		return err
	}
	want, err := p.chosen(f)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "fieldseal-bundle-*.zip")
	if err != nil {
		return err
	}
	// The file has no name from here on: it is gone when the answer has been sent.
	if err := os.Remove(file.Name()); err != nil {
		return errors.Join(err, file.Close())
	}
	buf := bufio.NewWriterSize(file, 1<<20)
	o := bundle.Options{Case: p.Case.ID, Exhibits: want.exhibits, Purpose: want.purpose, Language: want.language, WithoutMedia: f.Get("media") == "without"}
	made, err := k.Court.Export(c.UserContext(), buf, o, session(c).Person)
	if err == nil {
		err = buf.Flush()
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		err = errors.Join(err, file.Close())
		if errors.Is(err, bundle.ErrOptions) {
			return fault.New(wire.CodeBadRequest, "A bundle cannot be made of that choice of exhibits.").Because(err)
		}
		return err
	}
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, disposition(caseName(p.Case), ".bundle.zip", "case-"+p.Case.ID.String()))
	return c.SendStream(file, int(made.Length))
}

// courtForm reads the form of a case's page.
func (k *Console) courtForm(c *fiber.Ctx, what string, able bool) (p courtPlace, f url.Values, err error) {
	if p, err = k.courtCase(c, what, ""); err != nil {
		return p, nil, err
	}
	if !able {
		return p, nil, fault.New(wire.CodeNotFound, "This server does not make a %s here.", what)
	}
	f, err = k.form(c)
	return p, f, err
}

// courtCertificate gives the custody certificate of a case or of chosen exhibits.
func (k *Console) courtCertificate(c *fiber.Ctx) error {
	p, f, err := k.courtForm(c, "certificate", k.Court.Certify != nil && k.Court.Fonts != nil)
	if err != nil {
		return err
	}
	want, err := p.chosen(f)
	if err != nil {
		return err
	}
	o := certificate.Options{Case: p.Case.ID, Made: k.Now().In(zoneOf(c)).Truncate(time.Second), Language: want.language, Exhibits: want.exhibits, Purpose: want.purpose}
	var random [10]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	o.ID = event.NewUUID(o.Made, random)
	o.Address = k.public.JoinPath(p.Path()).String()
	if len(want.exhibits) == 1 {
		o.Address = k.public.JoinPath(p.ItemPath(want.exhibits[0])).String()
	}
	err = k.read(c, func(tx *store.Tx, who projection.Person) error {
		org, _, err := projection.OrgByID(tx, who.Org)
		o.For = who.Name
		if org.Name != "" {
			o.For += ", " + org.Name
		}
		return err
	})
	if err != nil {
		return err
	}
	in, err := k.Court.Certify(c.UserContext(), o)
	if err != nil {
		return err
	}
	var pdf bytes.Buffer
	if err := certificate.Write(&pdf, in, k.Court.Fonts); err != nil {
		if errors.Is(err, certificate.ErrFont) {
			return fault.New(wire.CodeConflict, "The certificate needs a font with Chinese characters, which this server does not have. Its operator installs the Debian package "+
				"fonts-droid-fallback, or names another TrueType font in the setting chinese_font.").Because(err)
		}
		return err
	}
	c.Set(fiber.HeaderContentType, "application/pdf")
	c.Set(fiber.HeaderContentDisposition, disposition(caseName(p.Case), ".certificate."+string(want.language)+".pdf", "case-"+p.Case.ID.String()))
	return c.Send(pdf.Bytes())
}

// disposition names a file by a case's number, as RFC 6266 has names that are not
// ASCII, beside a plain one for programs that cannot read that. Marks that turn the
// direction of writing would show a file as one of another kind.
func disposition(name, suffix, plain string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, strings.ToValidUTF8(name, "-"))
	const most = 80 // runes: file systems take 255 bytes
	if r := []rune(name); len(r) > most {
		name = string(r[:most])
	}
	return `attachment; filename="` + plain + suffix + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name+suffix), "+", "%20")
}
