package console

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"fieldseal/api/access"
	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

const (
	// quarantinePage is how many lines a page lists.
	quarantinePage = 50
	// maxLineShown is how much of a line's content is shown: it may be anything that anybody sent.
	maxLineShown = 16 << 10
	looksPage    = 100
)

// overseenBy lists what a person looks after before a log place, newest first, at
// most limit; where open, only what nobody has settled.
func overseenBy(tx *store.Tx, p projection.Person, before, limit int64, open bool) (list []projection.Quarantined, err error) {
	for int64(len(list)) < limit {
		page, err := projection.QuarantineBefore(tx, before, limit)
		if err != nil || len(page) == 0 {
			return list, err
		}
		for _, q := range page {
			before = q.Index
			if open && q.Resolution != "" {
				continue
			}
			ok, err := projection.Oversees(tx, p, q)
			if err != nil {
				return nil, err
			}
			if ok && int64(len(list)) < limit {
				list = append(list, q)
			}
		}
	}
	return list, nil
}

type svQuarantineRow struct {
	projection.Quarantined
	Who, Number string
}

type svQuarantinePage struct {
	svPage
	Entries []svQuarantineRow
	All     bool
	// Next is where the following page begins; 0 where there is none.
	Next int64
}

func (k *Console) svQuarantine(c *fiber.Ctx) error {
	before, err := number(c, "before", 1<<53, 0, 1<<53)
	if err != nil {
		return err
	}
	p := svQuarantinePage{All: c.Query("all") != ""}
	err = k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "quarantine", who); err != nil {
			return err
		}
		list, err := overseenBy(tx, who, before, quarantinePage, !p.All)
		if err != nil {
			return err
		}
		for _, q := range list {
			row, err := quarantineRow(tx, q)
			if err != nil {
				return err
			}
			p.Entries = append(p.Entries, row)
		}
		if len(list) == quarantinePage {
			p.Next = list[len(list)-1].Index
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/quarantine", "sv.quarantine.title", p)
}

// quarantineRow adds what the line's claims come to: whose device, which case.
func quarantineRow(tx *store.Tx, q projection.Quarantined) (row svQuarantineRow, err error) {
	row.Quarantined = q
	id := q.Device
	if id.IsZero() {
		id = q.CarrierID
	}
	if d, found, err := projection.DeviceByID(tx, id); err != nil {
		return row, err
	} else if found {
		p, _, err := projection.PersonByID(tx, d.Person)
		if err != nil {
			return row, err
		}
		row.Who = p.Name
	}
	if !q.Case.IsZero() {
		in, _, err := projection.CaseByID(tx, q.Case)
		if err != nil {
			return row, err
		}
		row.Number = in.Number
	}
	return row, nil
}

type svQuarantinedPage struct {
	svPage
	Entry svQuarantineRow
	// Content is what the line says, as far as it can be shown as text; Cut says that
	// there is more of it.
	Content string
	Cut     bool
	// Case is set where the reader may add to the case that the line claims: the
	// settling event then belongs to that case.
	Case        event.UUID
	Resolutions []string
}

func (k *Console) svQuarantined(c *fiber.Ctx) error {
	index, err := strconv.ParseInt(c.Params("index"), 10, 64)
	if err != nil {
		return fault.New(wire.CodeNotFound, "%.40q is not a ledger index.", c.Params("index")).Because(err)
	}
	var p svQuarantinedPage
	err = k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "quarantine", who); err != nil {
			return err
		}
		q, found, err := projection.QuarantineEntry(tx, index)
		if err == nil && found {
			found, err = projection.Oversees(tx, who, q)
		}
		if err != nil {
			return err
		}
		if !found {
			return fault.New(wire.CodeNotFound, "Ledger entry %d is not in quarantine, or concerns no case or device of your organisation.", index)
		}
		if p.Entry, err = quarantineRow(tx, q); err != nil || q.Case.IsZero() {
			return err
		}
		write, err := projection.MayWrite(tx, q.Case, who.ID)
		if write {
			p.Case = q.Case
		}
		return err
	})
	if err == nil {
		err = k.looked(c, "quarantine", p.Entry.Case, c.Params("index"))
	}
	if err != nil {
		return err
	}
	p.Content, p.Cut = shownLine(p.Entry.Line)
	p.Resolutions = event.Resolution("").Words()
	return k.render(c, "supervisor/quarantined", "sv.quarantined.title", p)
}

// shownLine is what a line says: the payload, indented, where it is a sealed one, and the
// line itself otherwise. Nothing in it is believed.
func shownLine(line []byte) (text string, cut bool) {
	data := line
	if env, err := seal.ParseEnvelope(line); err == nil {
		data = env.Payload
	}
	if !utf8.Valid(data) {
		return strconv.QuoteToASCII(string(data[:min(len(data), maxLineShown)])), len(data) > maxLineShown
	}
	var pretty bytes.Buffer
	if len(data) <= maxLineShown && shallow(data) && json.Indent(&pretty, data, "", "  ") == nil {
		data = pretty.Bytes()
	}
	if len(data) > 2*maxLineShown {
		return string(data[:2*maxLineShown]), true
	}
	return string(data), false
}

// maxNesting is how deep content is that is shown indented: events have some six
// levels. The indents of 16 KiB of brackets alone would come to hundreds of megabytes.
const maxNesting = 32

func shallow(data []byte) bool {
	depth := 0
	for _, b := range data {
		switch b {
		case '[', '{':
			if depth++; depth > maxNesting {
				return false
			}
		case ']', '}':
			depth--
		}
	}
	return true
}

type svLook struct {
	access.Look
	Who, OrgName, Number string
	// Key is that of the word for Kind; empty where there is none.
	Key string
}

type svLooksPage struct {
	svPage
	Looks []svLook
	Case  projection.Case
	Who   projection.Person
	// Next is the time that the following page begins before, in microseconds; 0: none.
	Next int64
}

// svLooks lists who looked at what: to a supervisor what people of their
// organisation looked at and who looked at its cases, to those who look after all
// organisations everything.
func (k *Console) svLooks(c *fiber.Ctx) error {
	before, err := number(c, "before", k.Now().UnixMicro()+1, 0, 1<<60)
	if err != nil {
		return err
	}
	var in, by event.UUID
	for name, into := range map[string]*event.UUID{"case": &in, "person": &by} {
		if text := c.Query(name); text != "" {
			if *into, err = event.ParseUUID(text); err != nil {
				return fault.New(wire.CodeBadRequest, "%s is not an identifier.", name).Because(err)
			}
		}
	}
	var p svLooksPage
	err = k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "looks", who); err != nil {
			return err
		}
		if p.Case, err = namedCase(tx, in, who); err != nil {
			return err
		}
		if p.Who, _, err = projection.PersonByID(tx, by); err != nil {
			return err
		}
		defer func() {
			if len(p.Looks) == 0 && !looksAfter(who, p.Who.Org) {
				p.Who = projection.Person{} // a name is for those whom that person's looks concern
			}
		}()
		return p.fill(tx, who, in, by, before)
	})
	if err != nil {
		return err
	}
	for i := range p.Looks {
		if key := "sv.look." + p.Looks[i].Kind; k.pages.words["en"][key] != "" {
			p.Looks[i].Key = key
		}
	}
	return k.render(c, "supervisor/looks", "sv.looks.title", p)
}

func (p *svLooksPage) fill(tx *store.Tx, who projection.Person, in, by event.UUID, before int64) error {
	people, err := personNames(tx)
	if err != nil {
		return err
	}
	orgs, err := orgNames(tx)
	if err != nil {
		return err
	}
	cases := map[event.UUID]projection.Case{}
	list, err := looksBefore(tx, in, by, before)
	if err != nil {
		return err
	}
	for _, l := range list {
		k, known := cases[l.Case]
		if !known && !l.Case.IsZero() {
			if k, err = namedCase(tx, l.Case, who); err != nil {
				return err
			}
			cases[l.Case] = k
		}
		if looker := people[l.Person]; seesAll(who) || looker.Org == who.Org || k.Org == who.Org && !l.Case.IsZero() {
			p.Looks = append(p.Looks, svLook{Look: l, Who: looker.Name, OrgName: orgs[looker.Org].Name, Number: k.Number})
		}
	}
	if len(list) == looksPage {
		p.Next = list[len(list)-1].At.UnixMicro()
	}
	return nil
}

// namedCase gives a case to those who may see it or look after all organisations, and
// the zero case to others: that somebody asked for a case, or knows its identifier,
// does not tell its number.
func namedCase(tx *store.Tx, id event.UUID, who projection.Person) (projection.Case, error) {
	if id.IsZero() {
		return projection.Case{}, nil
	}
	ok, err := projection.MaySee(tx, id, who.ID)
	if err != nil || !ok && !seesAll(who) {
		return projection.Case{}, err
	}
	k, _, err := projection.CaseByID(tx, id)
	return k, err
}

func looksBefore(tx *store.Tx, in, by event.UUID, before int64) ([]access.Look, error) {
	return access.Looks(tx, in, by, time.UnixMicro(before), looksPage)
}
