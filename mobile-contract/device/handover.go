package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"fieldseal/mobile-contract/device/carry"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// OfferRequest is what the one who gives things away says.
type OfferRequest struct {
	Case event.UUID
	// Items are what is handed over. Label and seal number are filled in from the
	// store where they are empty; the state of each seal is for a person to say.
	Items []event.HandoverItem
	// To is who receives; its name is required.
	To event.Holder
	// Mode is by_hand, courier (with Carrier and TrackingNo) or storage.
	Mode                event.Mode
	Carrier, TrackingNo string
	Purpose             string
	// Place is where, in words; At is the position fix.
	Place string
	At    *event.Place
	// Count is the number of items as counted; 0 for as many as are listed.
	Count      int64
	TempC      *decimal.Decimal
	Exceptions string
	// Actor is who gives; zero for the person of the device.
	Actor event.UUID
	// Introduce adds this device's enrolment to the text, so that a device of the
	// same authority can check the signature even if it has never heard of this one.
	Introduce bool
}

// Handed is one side's sealed half of a handover, and the text for the other side.
type Handed struct {
	Handover event.UUID
	Saved    Saved
	// Message is the text for the other side; see package carry.
	Message carry.Message
	known   []byte
	// PeerKnown says that the other side's signature was checked. Where it is false
	// its key is not known here yet, and the check is made up for at a later sync.
	PeerKnown bool
	Terms     event.Terms
	// Warnings are for the person to read before anything changes hands.
	Warnings []string
	// Again says that this was sealed before and is only shown again.
	Again bool
}

// Text writes the message in parts of at most limit characters: carry.QRText for QR
// codes, 0 for one text.
func (h *Handed) Text(limit int) ([]string, error) { return carry.Encode(h.Message, h.known, limit) }

// Offer seals custody.offered: the first half of a handover. The items stay in the
// giver's custody until the other side has accepted.
func (s *Store) Offer(ctx context.Context, req OfferRequest) (*Handed, error) {
	var out *Handed
	err := s.extend(ctx, func(c *chain) error {
		terms, err := c.terms(req)
		if err != nil {
			return err
		}
		text, err := json.Marshal(terms, json.Deterministic(true))
		if err != nil {
			return err
		}
		saved, err := c.capture(Draft{Case: req.Case, Actor: req.Actor, Place: req.At,
			Body: &event.CustodyOffered{Terms: string(text), Digest: event.TermsDigest(string(text))}})
		if err != nil {
			return err
		}
		out = &Handed{Handover: terms.Handover, Saved: saved, Terms: terms}
		out.Message = carry.Message{Kind: carry.Offer, Handover: terms.Handover, Lines: [][]byte{saved.Line}}
		if err := c.introduce(req.Introduce, &out.Message); err != nil {
			return err
		}
		return c.t.exec(`INSERT INTO handovers (handover, case_id, side, state, terms, offer, peer, at) VALUES ($1, $2, 'from', 'offered', $3, $4, $5, $6)`,
			terms.Handover[:], req.Case[:], string(text), saved.ID[:], nullUUID(terms.To.Device), c.t.stamp())
	})
	return out, err
}

// terms builds the terms of an offer.
func (c *chain) terms(req OfferRequest) (event.Terms, error) {
	actor := req.Actor
	if actor.IsZero() {
		actor = c.id.Person
	}
	name, err := personName(c.t, c.id, actor)
	if err != nil {
		return event.Terms{}, err
	}
	terms := event.Terms{Handover: newUUID(c.t.now), Case: req.Case,
		From: event.Holder{Person: actor, Org: c.id.Org, Name: name, Device: c.id.Device}, To: req.To,
		Mode: req.Mode, Carrier: req.Carrier, TrackingNo: req.TrackingNo, Purpose: req.Purpose, Place: req.Place,
		Relinquished: c.clock().Wall, Items: slices.Clone(req.Items), Count: req.Count, TempC: req.TempC, Exceptions: req.Exceptions}
	if terms.Count == 0 {
		terms.Count = int64(len(terms.Items))
	}
	for i := range terms.Items {
		it := &terms.Items[i]
		var label, no string
		err := c.t.row(`SELECT label, seal_no FROM things WHERE kind = $1 AND id = $2`, string(it.Item.Kind), it.Item.ID[:]).Scan(&label, &no)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return terms, err
		}
		if it.Label == "" {
			it.Label = label
		}
		if it.SealNo == "" {
			it.SealNo = no
		}
		if it.Label == "" {
			return terms, inputf("item %s %s is not in this store: say its label", it.Item.Kind, it.Item.ID)
		}
	}
	return terms, nil
}

func personName(t *tx, id *Identity, person event.UUID) (string, error) {
	var name string
	err := t.row(`SELECT name FROM persons WHERE person = $1`, person[:]).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		if person == id.Person {
			return id.PersonName, nil
		}
		return "", inputf("person %s is not known on this device: sync first", person)
	}
	return name, err
}

// introduce adds this device's enrolment to a message.
func (c *chain) introduce(wanted bool, m *carry.Message) error {
	if !wanted {
		return nil
	}
	var line []byte
	err := c.t.row(`SELECT line FROM pulled WHERE id = $1`, c.id.Enrolment[:]).Scan(&line)
	if err == nil {
		m.Lines = append(m.Lines, line)
	}
	return err
}

// Findings are what the receiver saw.
type Findings struct {
	// Seals is the state of the seal of every item that is there.
	Seals      []event.SealFound
	Missing    []event.Ref
	Unexpected []event.Unexpected
	// Count is the number of items as counted.
	Count      int64
	TempC      *decimal.Decimal
	Exceptions string
	// Received is when; empty for now.
	Received event.Stamp
	Actor    event.UUID
	At       *event.Place
	// Anyone accepts an offer whose terms name another receiver.
	Anyone bool
	// Introduce adds this device's enrolment to the answer.
	Introduce bool
}

// Accept verifies an offer as far as is possible here, seals custody.accepted over
// the same terms, and gives the text for the giver. The offer is also delivered by
// this device's next sync, so that either side may sync first. The same offer
// again gives the same acceptance again. Errors wrap ErrHandover or ErrInput.
func (s *Store) Accept(ctx context.Context, text string, f Findings) (*Handed, error) {
	return s.answer(ctx, text, event.TypeCustodyAccepted, f.Introduce, func(c *chain, o *offer) (Draft, error) {
		if err := o.forUs(c.id, f); err != nil {
			return Draft{}, err
		}
		if err := f.complete(&o.terms); err != nil {
			return Draft{}, err
		}
		if f.Received == "" {
			f.Received = c.clock().Wall
		}
		return Draft{Case: o.terms.Case, Actor: f.Actor, Place: f.At, Body: &event.CustodyAccepted{Handover: o.terms.Handover,
			Terms: o.body.Terms, Digest: o.body.Digest, Offer: o.id, OfferDevice: o.device, Received: f.Received, Seals: f.Seals,
			Missing: f.Missing, Unexpected: f.Unexpected, Count: f.Count, TempC: f.TempC, Exceptions: f.Exceptions}}, nil
	})
}

// Decline seals custody.declined for an offer and gives the text for the giver, with
// whom the items stay.
func (s *Store) Decline(ctx context.Context, text, reason string) (*Handed, error) {
	return s.answer(ctx, text, event.TypeCustodyDeclined, false, func(_ *chain, o *offer) (Draft, error) {
		return Draft{Case: o.terms.Case, Body: &event.CustodyDeclined{Handover: o.terms.Handover, Offer: o.id, Reason: reason}}, nil
	})
}

// Peek reads an offer without sealing anything: what a person sees before deciding.
func (s *Store) Peek(ctx context.Context, text string) (*Handed, error) {
	id, err := s.Identity(ctx)
	if err != nil {
		return nil, err
	}
	var out *Handed
	err = s.read(ctx, func(t *tx) error {
		o, err := readOffer(t, id, text)
		if err == nil {
			out = &Handed{Handover: o.terms.Handover, Terms: o.terms, PeerKnown: o.known, Warnings: o.warnings}
		}
		return err
	})
	return out, err
}

// answer verifies an offer and seals what draft makes of it.
func (s *Store) answer(ctx context.Context, text string, as event.Type, introduce bool, draft func(*chain, *offer) (Draft, error)) (*Handed, error) {
	var out *Handed
	err := s.extend(ctx, func(c *chain) error {
		o, err := readOffer(c.t, c.id, text)
		if err != nil {
			return err
		}
		out = &Handed{Handover: o.terms.Handover, Terms: o.terms, PeerKnown: o.known, Warnings: o.warnings, known: o.payload}
		done, err := c.answered(o, as, out)
		if err != nil {
			return err
		}
		if done {
			return c.introduce(introduce, &out.Message)
		}
		d, err := draft(c, o)
		if err != nil {
			return err
		}
		if out.Saved, err = c.capture(d); err != nil {
			return err
		}
		if err := c.keepOffer(o, out.Saved); err != nil {
			return err
		}
		out.Message = answerMessage(o, out.Saved.Type, out.Saved.Line)
		return c.introduce(introduce, &out.Message)
	})
	return out, err
}

func answerMessage(o *offer, typ event.Type, line []byte) carry.Message {
	m := carry.Message{Kind: carry.Acceptance, Handover: o.terms.Handover, Lines: [][]byte{line}}
	if typ == event.TypeCustodyDeclined {
		m.Kind = carry.Refusal
	}
	return m
}

// answered gives the earlier answer to an offer that is shown again.
func (c *chain) answered(o *offer, as event.Type, out *Handed) (bool, error) {
	var offerID, answer event.ID
	err := c.t.row(`SELECT offer, answer FROM handovers WHERE handover = $1`, o.terms.Handover[:]).Scan(hashTo(&offerID), hashTo(&answer))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if offerID != o.id {
		return false, handoverf("another offer with the number of this handover was answered here before: have a new one made")
	}
	saved := Saved{ID: answer, Case: o.terms.Case}
	if err := c.t.row(`SELECT seq, type, line FROM events WHERE id = $1`, answer[:]).Scan(&saved.Seq, &saved.Type, &saved.Line); err != nil {
		return false, err
	}
	if saved.Type != as {
		return false, handoverf("this offer was answered before, with a %s: have a new one made", saved.Type)
	}
	out.Saved, out.Again, out.Message = saved, true, answerMessage(o, saved.Type, saved.Line)
	return true, nil
}

// keepOffer stores the offer with its answer and lets this device deliver it too.
func (c *chain) keepOffer(o *offer, answer Saved) error {
	if err := c.keepPeer(o.line, o.id, o.verified, o.claimed); err != nil {
		return err
	}
	state, peerKnown := "accepted", 0
	if answer.Type == event.TypeCustodyDeclined {
		state = "declined"
	} else if err := c.keepItems(o); err != nil {
		return err
	}
	if o.known {
		peerKnown = 1
	}
	return c.t.exec(`INSERT INTO handovers (handover, case_id, side, state, terms, offer, answer, peer, peer_known, at)
		VALUES ($1, $2, 'to', $3, $4, $5, $6, $7, $8, $9)`, o.terms.Handover[:], o.terms.Case[:], state, o.body.Terms,
		o.id[:], answer.ID[:], o.device[:], peerKnown, c.t.stamp())
}

// keepItems makes the items that were received known here by label, so that they can be
// checked in before the records that made them were ever fetched.
func (c *chain) keepItems(o *offer) error {
	e := entry{id: o.id, caseID: o.terms.Case, by: o.device}
	for _, it := range o.terms.Items {
		if err := putThing(c.t, e, thing{kind: it.Item.Kind, id: it.Item.ID, label: it.Label, seal: it.SealNo}); err != nil {
			return err
		}
	}
	return nil
}

// keepPeer stores the other side's event, to be delivered and looked up.
func (c *chain) keepPeer(line []byte, id event.ID, v *seal.Verified, claimed *event.Payload) error {
	if err := c.t.exec(`INSERT INTO carried (id, line) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id[:], line); err != nil {
		return err
	}
	if v != nil {
		return putVerified(c.t, c.id, v, nil)
	}
	return putPulled(c.t, id, claimed, line, nil, pulledUnknown, "shown in a handover; its device is not known here yet")
}

// reshow builds the text of this device's half from what is stored.
func reshow(t *tx, id *Identity, handover event.UUID) (*Handed, error) {
	var side, terms string
	var offerID, answer event.ID
	var known int
	err := t.row(`SELECT side, terms, offer, answer, peer_known FROM handovers WHERE handover = $1`, handover[:]).
		Scan(&side, &terms, hashTo(&offerID), hashTo(&answer), &known)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: handover %s", ErrNotFound, handover)
	}
	if err != nil {
		return nil, err
	}
	out := &Handed{Handover: handover, PeerKnown: known == 1, Again: true}
	if out.Terms, err = event.ParseTerms(terms); err != nil {
		return nil, err
	}
	own := offerID
	if side == "to" {
		own = answer
		if out.known, err = payloadOf(t, offerID); err != nil {
			return nil, err
		}
	}
	out.Saved = Saved{ID: own, Case: out.Terms.Case}
	if err := t.row(`SELECT seq, type, line FROM events WHERE id = $1`, own[:]).Scan(&out.Saved.Seq, &out.Saved.Type, &out.Saved.Line); err != nil {
		return nil, err
	}
	kinds := map[event.Type]carry.Kind{event.TypeCustodyOffered: carry.Offer, event.TypeCustodyAccepted: carry.Acceptance, event.TypeCustodyDeclined: carry.Refusal}
	out.Message = carry.Message{Kind: kinds[out.Saved.Type], Handover: handover, Lines: [][]byte{out.Saved.Line}}
	c := chain{t: t, id: id}
	return out, c.introduce(side == "from", &out.Message)
}

// payloadOf is the payload of an event that was carried here.
func payloadOf(t *tx, id event.ID) ([]byte, error) {
	var line []byte
	if err := t.row(`SELECT line FROM carried WHERE id = $1`, id[:]).Scan(&line); err != nil {
		return nil, err
	}
	env, err := seal.ParseEnvelope(line)
	return env.Payload, err
}
