package console

import (
	"errors"
	"slices"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/mobile-contract/device/carry"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// shipmentPage is an offer to be received item by item against its manifest.
type shipmentPage struct {
	labPlace
	Info  custody.HandoverInfo
	Terms *event.Terms
	Items []manifestLine
	// Mine: the reader may receive it. Answered: it was accepted or declined before.
	Mine, Answered bool
	// Receive is what the script needs, nil where there is nothing to receive.
	Receive *receiveData
}

// manifestLine is an item as the giver states it, and what the record knows of it.
type manifestLine struct {
	event.HandoverItem
	What custody.Text
	Path string
	// Known: the record has this item. Agrees: it carries this label there.
	Known, Agrees bool
}

// receiveData goes into the page as JSON. Terms is the exact text that both sides seal.
type receiveData struct {
	Case        string        `json:"case"`
	Handover    string        `json:"handover"`
	Offer       string        `json:"offer"`
	OfferDevice string        `json:"offer_device"`
	Terms       string        `json:"terms"`
	Digest      string        `json:"digest"`
	Items       []receiveItem `json:"items"`
}

type receiveItem struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Label  string `json:"label"`
	SealNo string `json:"seal_no,omitzero"`
}

func (k *Console) labShipment(c *fiber.Ctx) error {
	id, err := uuid(c, "handover")
	if err != nil {
		return err
	}
	p := shipmentPage{}
	if p.labPlace, err = k.labCase(c, "handover", id.String()); err != nil {
		return err
	}
	at := slices.IndexFunc(p.Record.Handovers, func(h custody.HandoverInfo) bool { return h.Handover == id })
	if at < 0 {
		return fault.New(wire.CodeNotFound, "The case %s has no such shipment.", p.Case.Number)
	}
	p.Info = p.Record.Handovers[at]
	var offer *event.CustodyOffered
	var sealed *event.Payload
	err = k.read(c, func(tx *store.Tx, _ projection.Person) (err error) {
		if offer, sealed, err = bodyOf[*event.CustodyOffered](tx, p.Info.Offer); err != nil {
			return err
		}
		p.Terms, err = termsOf(tx, p.Info.Offer)
		return err
	})
	if err != nil {
		return err
	}
	if p.Terms == nil || !offeredTo(p.Terms, p.Me) {
		return fault.New(wire.CodeNotFound, "The case %s has no shipment of that number for you or your laboratory.", p.Case.Number)
	}
	p.lines()
	p.Mine = p.Terms.To.Person.IsZero() || p.Terms.To.Person == p.Me.ID
	p.Answered = !waits(p.Info)
	if p.Mine && !p.Answered && p.Write {
		p.Receive = receiveOf(p.Case.ID, p.Info, offer, sealed, p.Terms)
	}
	return k.render(c, "lab/shipment", "lab.shipment.title", p)
}

func (p *shipmentPage) lines() {
	for _, it := range p.Terms.Items {
		l := manifestLine{HandoverItem: it}
		if known := itemOf(p.Record, it.Item); known != nil {
			l.Known, l.Agrees, l.What, l.Path = true, known.Label == it.Label, known.What, itemPath(p.Case.ID, it.Item)
		}
		p.Items = append(p.Items, l)
	}
}

func receiveOf(caseID event.UUID, h custody.HandoverInfo, offer *event.CustodyOffered, sealed *event.Payload, t *event.Terms) *receiveData {
	d := &receiveData{Case: caseID.String(), Handover: t.Handover.String(), Offer: h.Offer.String(), OfferDevice: sealed.Device.String(),
		Terms: offer.Terms, Digest: offer.Digest.String()}
	for _, it := range t.Items {
		d.Items = append(d.Items, receiveItem{Kind: string(it.Item.Kind), ID: it.Item.ID.String(), Label: it.Label, SealNo: it.SealNo})
	}
	return d
}

// shownOffer is an offer that the giver's device shows as codes or text: its exact
// lines, for the browser to hand in like its own, and where it is then to be received.
type shownOffer struct {
	Lines []string `json:"lines"`
	Path  string   `json:"path"`
}

// labOffer reads the text of an offer. It stores nothing: the lines are believed when
// they have been handed in and verified, like any others.
func (k *Console) labOffer(c *fiber.Ctx) error {
	body, err := k.ReadBody(c, carry.MaxText)
	if err != nil {
		return err
	}
	m, err := carry.Decode(string(body), nil)
	switch {
	case errors.Is(err, carry.ErrMissing):
		return fault.New(wire.CodeConflict, "Parts of the offer are missing. Scan the other codes too.").Because(err)
	case err != nil:
		return fault.New(wire.CodeBadRequest, "This is not the text of an offer, or it was misread. Scan its codes again.").Because(err)
	case m.Kind != carry.Offer || len(m.Lines) == 0:
		return fault.New(wire.CodeBadRequest, "This is the text of an answer and not of an offer. The giver shows the offer.")
	}
	out := shownOffer{}
	for _, line := range m.Lines {
		out.Lines = append(out.Lines, string(line))
	}
	env, err := seal.ParseEnvelope(m.Lines[0])
	if err != nil {
		return fault.New(wire.CodeBadRequest, "What the text carries is not a sealed event.").Because(err)
	}
	p, err := event.Parse(env.Payload)
	if err != nil || p.Type != event.TypeCustodyOffered {
		return fault.New(wire.CodeBadRequest, "What the text carries is not an offer of custody.").Because(err)
	}
	out.Path = "/desk/lab/cases/" + p.Case.String() + "/shipments/" + m.Handover.String()
	data, err := json.Marshal(out)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(data)
}
