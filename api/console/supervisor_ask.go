package console

import (
	"context"
	"errors"
	"slices"
	"time"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// What only the authority's key can seal, a supervisor asks for by an event of their
// own (authority.requested). The server checks what they may ask for, and the
// authority's event names the request: so nothing happens in a person's name that
// the person has not sealed. A request that was sealed and not carried out, because
// the connection was lost in between, waits in a list.

const (
	// requestLife is how long a request can be carried out: a decision of last year is
	// not one of today.
	requestLife = 7 * 24 * time.Hour
	// maxRequests is how many of the newest requests of each organisation are listed.
	maxRequests = 100
	// maxAsk caps what is asked about before it is sealed.
	maxAsk = 64 << 10
)

// svRequest is a request as the desk shows it.
type svRequest struct {
	projection.Request
	ID                event.ID
	Act               string
	Reason            string
	Body              event.Body
	By, OrgName, Text string
	Case              event.UUID
	At                time.Time
	Expired           bool
}

// requestsFor lists the requests that a person looks after, newest first.
func requestsFor(tx *store.Tx, who projection.Person, before int64) (list []projection.Request, err error) {
	orgs := []projection.Org{{ID: who.Org}}
	if seesAll(who) {
		if orgs, err = projection.Orgs(tx); err != nil {
			return nil, err
		}
	}
	for _, o := range orgs {
		page, err := projection.Requests(tx, o.ID, before, maxRequests)
		if err != nil {
			return nil, err
		}
		list = append(list, page...)
	}
	slices.SortFunc(list, func(a, b projection.Request) int { return int(min(1, max(-1, b.Event.Index-a.Event.Index))) })
	return list[:min(len(list), maxRequests)], nil
}

type svRequestsPage struct {
	svPage
	Requests []svRequest
}

func (k *Console) svRequests(c *fiber.Ctx) error {
	var p svRequestsPage
	err := k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "requests", who); err != nil {
			return err
		}
		list, err := requestsFor(tx, who, 1<<53)
		if err != nil {
			return err
		}
		people, err := personNames(tx)
		if err != nil {
			return err
		}
		orgs, err := orgNames(tx)
		if err != nil {
			return err
		}
		for _, r := range list {
			e, err := projection.EntryOf(r.Event)
			if err != nil {
				return err
			}
			b, ok := e.Body.(*event.AuthorityRequested)
			if !ok {
				continue
			}
			row := svRequest{Request: r, ID: e.ID, Act: string(b.Act), Reason: b.Reason, By: people[e.Payload.Actor].Name, OrgName: orgs[people[e.Payload.Actor].Org].Name,
				Case: e.Payload.Case, At: e.Received, Expired: tx.Now().Sub(e.Received) > requestLife}
			if row.Body, err = b.Asked(); err != nil {
				return err
			}
			row.Text = askedAbout(row.Body, people, orgs)
			p.Requests = append(p.Requests, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/requests", "sv.requests.title", p)
}

// askedAbout names whom or what an act is about.
func askedAbout(b event.Body, people map[event.UUID]projection.Person, orgs map[event.UUID]projection.Org) string {
	switch b := b.(type) {
	case *event.OrgRegistered:
		return b.Name
	case *event.PersonRegistered:
		return b.Name
	case *event.DeviceRevoked:
		return b.Device.String()
	case *event.CaseGranted:
		if !b.Org.IsZero() {
			return orgs[b.Org].Name
		}
		return people[b.Person].Name
	case *event.GrantRevoked:
		return b.Grant.String()
	case *event.LabelBlock:
		return b.Prefix
	}
	return ""
}

// mayAsk refuses an act of the authority that a person may not ask for.
func mayAsk(tx *store.Tx, who projection.Person, b event.Body, in event.UUID) error {
	no := func(format string, args ...any) error { return fault.New(wire.CodeForbidden, format, args...) }
	if !who.Has(event.RoleSupervisor, event.RoleAdmin) || who.Disabled {
		return no("Only a supervisor or an administrator can ask the authority for this.")
	}
	if event.TypeOf(b).InCase() == in.IsZero() {
		return fault.New(wire.CodeBadRequest, "The request names no case, or one that the act has not.")
	}
	if who.Has(event.RoleAdmin) {
		return nil
	}
	switch b := b.(type) {
	case *event.PersonRegistered:
		return allowedPerson(tx, who, b)
	case *event.DeviceRevoked:
		return ownDevice(tx, who, b.Device)
	case *event.LabelBlock:
		return ownDevice(tx, who, b.Device)
	case *event.CaseGranted, *event.GrantRevoked:
		k, found, err := projection.CaseByID(tx, in)
		if err == nil && (!found || k.Org != who.Org) {
			err = no("Rights in a case are given and ended by the organisation that it belongs to.")
		}
		return err
	}
	return no("Only an administrator can ask the authority for this.")
}

func allowedPerson(tx *store.Tx, who projection.Person, b *event.PersonRegistered) error {
	give := rolesToGive(who)
	for _, r := range b.Roles {
		if !slices.Contains(give, string(r)) {
			return fault.New(wire.CodeForbidden, "Only an administrator can make somebody %s.", r)
		}
	}
	old, found, err := projection.PersonByID(tx, b.Person)
	if err != nil {
		return err
	}
	if b.Org != who.Org || found && !mayDecide(who, old) {
		return fault.New(wire.CodeForbidden, "You can register people of your own organisation only, and restate those who have no office over others.")
	}
	if b.Person == who.ID {
		return fault.New(wire.CodeForbidden, "Somebody else has to restate you.")
	}
	return nil
}

func ownDevice(tx *store.Tx, who projection.Person, id event.UUID) error {
	d, found, err := projection.DeviceByID(tx, id)
	if err == nil && (!found || d.Org != who.Org || d.Authority()) {
		err = fault.New(wire.CodeForbidden, "The device %s is not one of your organisation.", id)
	}
	return err
}

// askedAct is what a script asks about before the request is sealed.
type askedAct struct {
	Act  string `json:"act"`
	Body string `json:"body"`
	Case string `json:"case,omitzero"`
}

// svAsk says whether a request would be carried out, so that none is sealed in vain.
func (k *Console) svAsk(c *fiber.Ctx) error {
	data, err := k.ReadBody(c, maxAsk)
	if err != nil {
		return err
	}
	var in askedAct
	if err := json.Unmarshal(data, &in, json.RejectUnknownMembers(true)); err != nil {
		return fault.New(wire.CodeBadRequest, "The request cannot be read.").Because(err)
	}
	var id event.UUID
	if in.Case != "" {
		if id, err = event.ParseUUID(in.Case); err != nil {
			return fault.New(wire.CodeBadRequest, "The case is not an identifier.").Because(err)
		}
	}
	ask := event.AuthorityRequested{Act: event.AskedAct(in.Act), Body: in.Body, Reason: "asked"}
	var check event.Checker
	if ask.Check(&check); check.Err() != nil {
		return fault.New(wire.CodeBadRequest, "%s", check.Err()).Because(check.Err())
	}
	body, err := ask.Asked()
	if err != nil {
		return err
	}
	err = k.read(c, func(tx *store.Tx, who projection.Person) error { return mayAsk(tx, who, body, id) })
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// carriedOut is the answer to a request that was carried out.
type carriedOut struct {
	Index int64  `json:"index"`
	ID    string `json:"id"`
}

// svCarryOut has the authority seal what a request asks for. Carrying out the same
// request again finds what was sealed.
func (k *Console) svCarryOut(c *fiber.Ctx) error {
	id, err := event.ParseID(c.Params("id"))
	if err != nil {
		return fault.New(wire.CodeNotFound, "%.80q is not an event.", c.Params("id")).Because(err)
	}
	var d ingest.Draft
	err = k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		d, err = draftOf(tx, who, id)
		return err
	})
	if err != nil {
		return err
	}
	results, err := k.Engine.Author(c.UserContext(), d)
	if errors.Is(err, ingest.ErrConflict) {
		return fault.New(wire.CodeConflict, "The authority cannot do this: %s. The request stays on record.", plainConflict(err)).Because(err)
	}
	if err != nil {
		return err
	}
	if err := k.enforce(c.UserContext(), d.Body); err != nil {
		return err
	}
	return c.JSON(carriedOut{Index: results[0].Index, ID: results[0].ID.String()})
}

// enforce ends what a decision makes void beside the log; repeating it does no harm.
func (k *Console) enforce(ctx context.Context, b event.Body) error {
	if r, ok := b.(*event.DeviceRevoked); ok {
		return k.Book.EndDevice(ctx, r.Device)
	}
	return nil
}

// plainConflict is a refusal without the package's name.
func plainConflict(err error) string {
	const mark = "ingest: refused: "
	text := err.Error()
	for i := range text {
		if len(text[i:]) > len(mark) && text[i:i+len(mark)] == mark {
			return text[i+len(mark):]
		}
	}
	return text
}

// draftOf makes the authority's event of a request, where its person may ask for it now.
func draftOf(tx *store.Tx, who projection.Person, id event.ID) (d ingest.Draft, err error) {
	none := fault.New(wire.CodeNotFound, "There is no request %s of yours.", id)
	row, found, err := projection.EventByID(tx, id)
	if err != nil {
		return d, err
	}
	if !found || row.Type != event.TypeAuthorityRequested {
		return d, none
	}
	e, err := projection.EntryOf(row)
	if err != nil {
		return d, err
	}
	dev, found, err := projection.DeviceByNumber(tx, row.Dev)
	if err != nil {
		return d, err
	}
	b, ok := e.Body.(*event.AuthorityRequested)
	// An administrator may carry out what another person has asked for, never what that
	// person could not.
	if !ok || !found || e.Payload.Actor != who.ID && !who.Has(event.RoleAdmin) {
		return d, none
	}
	asker, found, err := projection.PersonByID(tx, e.Payload.Actor)
	if err != nil {
		return d, err
	}
	switch {
	case !found || dev.Person != asker.ID:
		return d, fault.New(wire.CodeForbidden, "The request was sealed on a device of somebody else.")
	case !dev.Good():
		return d, fault.New(wire.CodeConflict, "The key that sealed the request was revoked. Ask again with another workstation.")
	}
	if d.Body, err = b.Asked(); err != nil {
		return d, err
	}
	d.Case, d.Actor = e.Payload.Case, asker.ID
	event.Answer(d.Body, id)
	if r, ok := d.Body.(*event.DeviceRevoked); ok && r.By.IsZero() {
		r.By = asker.ID
	}
	if _, done, err := projection.AnswerTo(tx, id); err != nil || done {
		return d, err
	}
	if tx.Now().Sub(e.Received) > requestLife {
		return d, fault.New(wire.CodeConflict, "The request is older than a week. Ask again, so that the decision is one of today.")
	}
	return d, mayAsk(tx, asker, d.Body, d.Case)
}
