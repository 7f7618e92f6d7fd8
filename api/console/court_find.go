package console

import (
	"encoding/hex"
	"net/url"
	"strings"
	"unicode/utf8"

	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

const (
	// maxQuery caps what is looked for: the longest thing on paper is an address in a QR code.
	maxQuery = 400
	// maxCourtCases is how many cases the page lists before anything is asked.
	maxCourtCases = 200
	// minEventDigits is how many digits of an event's id are printed beside a step.
	minEventDigits = 12
)

type findPage struct {
	Query string
	// Asked: there is a query, and Problem says what is wrong with it, if anything.
	Asked   bool
	Problem string
	Cases   []projection.Case
	Things  []foundThing
	Events  []foundEvent
}

type foundThing struct {
	projection.Item
	Number string
	Path   string
}

type foundEvent struct {
	ID     event.ID
	Type   event.Type
	Number string
	Path   string
}

// courtFind finds records by a case's number or title, a label, the identifier of a
// case, a thing or an event, digits of a file's digest or of an event's id, and by
// what a QR code of a label or a certificate holds. What is found alone is shown at once.
func (k *Console) courtFind(c *fiber.Ctx) error {
	p := findPage{Query: strings.TrimSpace(c.Query("q"))}
	p.Asked = p.Query != ""
	switch {
	case !utf8.ValidString(p.Query) || strings.ContainsRune(p.Query, 0):
		p.Query, p.Problem = "", "court.find.unreadable"
	case len(p.Query) > maxQuery:
		p.Problem = "court.find.long"
	case p.Asked && utf8.RuneCountInString(p.Query) < 2:
		p.Problem = "court.find.short"
	}
	if at := recordAddress(p.Query); at != "" {
		return c.Redirect(at, fiber.StatusSeeOther)
	}
	err := k.read(c, func(tx *store.Tx, who projection.Person) error {
		if p.Problem != "" {
			return nil
		}
		return p.find(tx, who)
	})
	if err != nil {
		return err
	}
	if at := p.alone(); at != "" {
		return c.Redirect(at, fiber.StatusSeeOther)
	}
	return k.render(c, "court/find", "court.find.title", &p)
}

// recordAddress gives the path of a record whose whole address was scanned, of
// whatever host: it is this server's record that is shown, and whoever may not see
// it is told so.
func recordAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.HasPrefix(u.Path, "/desk/court/cases/") || strings.Contains(u.Path, "..") {
		return ""
	}
	return next(u.EscapedPath())
}

func (p *findPage) find(tx *store.Tx, who projection.Person) error {
	cases, err := projection.CasesFor(tx, who.ID)
	if err != nil {
		return err
	}
	numbers := make(map[event.UUID]string, len(cases))
	byN := make(map[int64]projection.Case, len(cases))
	key := strings.ToLower(p.Query)
	for _, k := range cases {
		numbers[k.ID], byN[k.N] = caseName(k), k
		if !p.Asked || strings.Contains(strings.ToLower(k.Number), key) || strings.Contains(strings.ToLower(k.Title), key) || k.ID.String() == key {
			p.Cases = append(p.Cases, k)
		}
	}
	p.Cases = p.Cases[:min(len(p.Cases), maxCourtCases)]
	if !p.Asked {
		return nil
	}
	items, err := projection.FindItems(tx, who.ID, p.Query, maxFound)
	if err != nil {
		return err
	}
	for _, it := range items {
		if strings.EqualFold(byNumber(cases, it.Case), p.Query) && !strings.HasPrefix(strings.ToLower(it.Label), key) {
			continue // found by its case's number, for which the case stands
		}
		p.Things = append(p.Things, foundThing{Item: it, Number: numbers[it.Case], Path: thingPath(it)})
	}
	return p.findEvents(tx, key, byN)
}

// caseName is a case's number, or what there is in its place.
func caseName(k projection.Case) string {
	if k.Number != "" {
		return k.Number
	}
	return k.ID.String()
}

func byNumber(cases []projection.Case, id event.UUID) string {
	for _, k := range cases {
		if k.ID == id {
			return k.Number
		}
	}
	return ""
}

// thingPath is where a thing is shown: exhibits have pages of their own, all else
// is on its case's page.
func thingPath(it projection.Item) string {
	at := "/desk/court/cases/" + it.Case.String()
	switch it.Kind {
	case "sample", "subsample", "photo", "file", "series":
		return at + "/items/" + string(it.Kind) + "/" + it.ID.String()
	case "object":
		if it.Held {
			return at + "/items/object/" + it.ID.String()
		}
	}
	return at
}

// findEvents finds events by their id, or its beginning, or their UUID; only those of
// cases that the person may see.
func (p *findPage) findEvents(tx *store.Tx, key string, cases map[int64]projection.Case) error {
	var rows []store.EventRow
	if id, err := event.ParseUUID(key); err == nil {
		row, found, err := projection.EventByUUID(tx, id)
		if err != nil {
			return err
		}
		if found {
			rows = append(rows, row)
		}
	} else if isHex(key) && len(key) >= minEventDigits && len(key) <= 2*len(event.ID{}) {
		if rows, err = projection.EventsByPrefix(tx, key, maxFound); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if k, ok := cases[r.Case]; ok {
			p.Events = append(p.Events, foundEvent{r.ID, r.Type, caseName(k), "/desk/court/cases/" + k.ID.String() + "/events/" + r.ID.String()})
		}
	}
	return nil
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s + strings.Repeat("0", len(s)%2))
	return err == nil
}

// alone is the address of the only thing that was found.
func (p *findPage) alone() string {
	switch {
	case !p.Asked || len(p.Cases)+len(p.Things)+len(p.Events) != 1:
		return ""
	case len(p.Cases) == 1:
		return "/desk/court/cases/" + p.Cases[0].ID.String()
	case len(p.Things) == 1:
		return p.Things[0].Path
	}
	return p.Events[0].Path
}
