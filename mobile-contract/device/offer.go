package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"fieldseal/mobile-contract/device/carry"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	qrcode "github.com/skip2/go-qrcode"
)

// qrPixels is the size of a QR picture: each of the 117 modules of version 25 is
// some 8 pixels wide, which a phone reads off a screen at arm's length.
const qrPixels = 1000

// QRCode draws one part of a message as a PNG picture.
func QRCode(part string) ([]byte, error) {
	png, err := qrcode.Encode(part, qrcode.Low, qrPixels)
	if err != nil {
		return nil, fmt.Errorf("%w: the text of %d characters does not fit into a QR code: %w", ErrHandover, len(part), err)
	}
	return png, nil
}

// offer is a custody.offered as another device showed it.
type offer struct {
	line     []byte
	payload  []byte
	id       event.ID
	device   event.UUID
	body     *event.CustodyOffered
	terms    event.Terms
	claimed  *event.Payload
	verified *seal.Verified
	known    bool
	warnings []string
}

func handoverf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrHandover}, args...)...)
}

// readOffer verifies an offer's text as far as is possible without a network.
func readOffer(t *tx, id *Identity, text string) (*offer, error) {
	m, err := carry.Decode(text, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandover, err)
	}
	if m.Kind != carry.Offer {
		return nil, handoverf("this is not an offer but the answer to one: conclude with it on the device that made the offer")
	}
	p, err := readPeer(t, id, m)
	if err != nil {
		return nil, err
	}
	b, ok := p.body.(*event.CustodyOffered)
	if !ok {
		return nil, handoverf("what it carries is a %s", p.claimed.Type)
	}
	o := &offer{line: m.Lines[0], payload: p.payload, id: p.id, device: p.claimed.Device, body: b, claimed: p.claimed,
		verified: p.verified, known: p.verified != nil, warnings: p.warnings}
	if o.terms, err = event.ParseTerms(b.Terms); err != nil {
		return nil, handoverf("its terms: %w", err)
	}
	switch {
	case event.TermsDigest(b.Terms) != b.Digest:
		return nil, handoverf("the digest of the offer is not that of its terms: do not take anything on it")
	case o.terms.Handover != m.Handover || o.terms.Case != p.claimed.Case:
		return nil, handoverf("the terms are for another handover or case than the offer")
	case !o.terms.From.Device.IsZero() && o.terms.From.Device != o.device:
		return nil, handoverf("the terms name device %s as the giver's, sealed it was by %s", o.terms.From.Device, o.device)
	case o.device == id.Device:
		return nil, handoverf("this offer was made on this device: the receiver's device must answer it")
	}
	return o, nil
}

// peer is another device's event as it was shown.
type peer struct {
	payload  []byte
	id       event.ID
	claimed  *event.Payload
	body     event.Body
	verified *seal.Verified // nil where the key is not known yet
	warnings []string
}

// readPeer checks the first event of a message with its device's key, taking an
// introduction by the authority into account.
func readPeer(t *tx, id *Identity, m carry.Message) (*peer, error) {
	env, err := seal.ParseEnvelope(m.Lines[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandover, err)
	}
	payload, err := event.Parse(env.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandover, err)
	}
	p := &peer{payload: env.Payload, id: seal.IDOf(env.Payload), claimed: &payload}
	if p.body, err = event.ParseBody(payload.Type, payload.Body); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandover, err)
	}
	all := introduced{keys{t, id}, nil}
	for _, line := range m.Lines[1:] {
		if err := all.learn(line, payload.Device); err != nil {
			return nil, err
		}
	}
	v, refusal, err := seal.Verify(m.Lines[0], all)
	if err != nil {
		return nil, err
	}
	switch {
	case refusal == nil:
		p.verified = v
	case refusal.Code == seal.CodeUnknownDevice:
		p.warnings = append(p.warnings, fmt.Sprintf("the key of device %s is not known here yet: its signature will be checked at a later sync", payload.Device))
	default:
		return nil, handoverf("it does not verify: do not rely on it: %w", refusal)
	}
	var revoked sql.NullString
	err = t.row(`SELECT revoked FROM devices WHERE device = $1`, payload.Device[:]).Scan(&revoked)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if revoked.Valid {
		p.warnings = append(p.warnings, fmt.Sprintf("device %s has been revoked: %s", payload.Device, revoked.String))
	}
	return p, nil
}

// introduced is the keys of the store and those that the authority vouches for in a message.
type introduced struct {
	keys
	more map[event.UUID]seal.PublicKey
}

// DeviceKey prefers the store's keys.
func (i introduced) DeviceKey(device event.UUID) (seal.PublicKey, bool, error) {
	key, ok, err := i.keys.DeviceKey(device)
	if err != nil || ok {
		return key, ok, err
	}
	key, ok = i.more[device]
	return key, ok, nil
}

// learn takes up an enrolment that the pinned authority sealed, by which the device
// that shows it is introduced. One by another authority is refused, unless there is
// no need of it, or it is by the authority of a former log of this device: where a
// log has just been continued by another one, the two sides may belong to different
// ones for a while. It proves nothing then; the next sync brings the key.
func (i *introduced) learn(line []byte, shows event.UUID) error {
	v, refusal, err := seal.Verify(line, oneKey{i.id.Authority, i.id.AuthorityKey})
	if err != nil {
		return err
	}
	if refusal != nil {
		aside, err := i.aside(refusal, shows)
		if err != nil || aside {
			return err
		}
		return handoverf("the introduction in it is not by this device's authority; if the ledger is continued by another one, go over to that first: %w", refusal)
	}
	b, ok := v.Body().(*event.DeviceEnrolled)
	if !ok {
		return handoverf("the introduction in it is a %s", v.Payload().Type)
	}
	key, err := seal.ParseKeyInfo(b.Key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHandover, err)
	}
	if i.more == nil {
		i.more = map[event.UUID]seal.PublicKey{}
	}
	i.more[b.Device] = key
	return nil
}

// aside reports whether an introduction by another authority may be passed over.
func (i *introduced) aside(r *seal.Refusal, shows event.UUID) (bool, error) {
	if r.Code != seal.CodeUnknownDevice || r.Claimed.Type != event.TypeDeviceEnrolled {
		return false, nil
	}
	if _, known, err := i.keys.DeviceKey(shows); err != nil || known {
		return known, err
	}
	var n int
	err := i.t.row(`SELECT count(*) FROM former_logs WHERE authority = $1`, r.Claimed.Device[:]).Scan(&n)
	return n > 0, err
}

// forUs refuses an offer to somebody else.
func (o *offer) forUs(id *Identity, f Findings) error {
	to, actor := o.terms.To, f.Actor
	if actor.IsZero() {
		actor = id.Person
	}
	if f.Anyone {
		return nil
	}
	if !to.Device.IsZero() && to.Device != id.Device || !to.Org.IsZero() && to.Org != id.Org || !to.Person.IsZero() && to.Person != actor {
		return inputf("the offer is to %s, not to who acts here: have a new one made, or say that you accept it in their place", to.Name)
	}
	return nil
}

// complete requires a word on the seal of every item that is there.
func (f *Findings) complete(terms *event.Terms) error {
	for _, it := range terms.Items {
		missing := slices.Contains(f.Missing, it.Item)
		seen := slices.ContainsFunc(f.Seals, func(s event.SealFound) bool { return s.Item == it.Item })
		if !missing && !seen {
			return inputf("say of %s how its seal was found, or that it is missing", it.Label)
		}
		if missing && seen {
			return inputf("%s cannot be missing and have a seal", it.Label)
		}
	}
	for _, r := range f.Missing {
		if !slices.ContainsFunc(terms.Items, func(it event.HandoverItem) bool { return it.Item == r }) {
			return inputf("%s %s is not on the list, so it cannot be missing from it", r.Kind, r.ID)
		}
	}
	return nil
}

// Concluded is what the giver learns from the receiver's answer.
type Concluded struct {
	Handover event.UUID
	// Saved is the custody.concluded event; zero where the offer was declined.
	Saved Saved
	// Acceptance is what the receiver sealed, nil where the offer was declined.
	Acceptance *event.CustodyAccepted
	// Declined is the receiver's reason.
	Declined  string
	PeerKnown bool
	Warnings  []string
	Again     bool
}

// Conclude takes the receiver's answer on the device that made the offer, checks
// that it is over the same terms, and seals custody.concluded, which ties the two
// chains together both ways. Where the offer was declined it only notes that.
func (s *Store) Conclude(ctx context.Context, text string) (*Concluded, error) {
	var out *Concluded
	err := s.extend(ctx, func(c *chain) error {
		m, h, err := c.readAnswer(text)
		if err != nil {
			return err
		}
		p, err := readPeer(c.t, c.id, m)
		if err != nil {
			return err
		}
		out = &Concluded{Handover: m.Handover, PeerKnown: p.verified != nil, Warnings: p.warnings}
		if h.answer == p.id && h.state != "offered" {
			return c.concludedBefore(h, p, out)
		}
		if h.state != "offered" {
			return handoverf("it has been %s with another answer already", h.state)
		}
		state := "concluded"
		switch b := p.body.(type) {
		case *event.CustodyAccepted:
			out.Acceptance = b
			err = c.conclude(h, p, b, out)
		case *event.CustodyDeclined:
			state, out.Declined = "declined", b.Reason
			if b.Handover != m.Handover || b.Offer != h.offer {
				err = handoverf("it declines another offer")
			}
		default:
			err = handoverf("what it carries is a %s", p.claimed.Type)
		}
		if err != nil {
			return err
		}
		if err := c.keepPeer(m.Lines[0], p.id, p.verified, p.claimed); err != nil {
			return err
		}
		known := 0
		if p.verified != nil {
			known = 1
		}
		return c.t.exec(`UPDATE handovers SET state = $2, answer = $3, conclusion = $4, peer = $5, peer_known = $6 WHERE handover = $1`,
			m.Handover[:], state, p.id[:], nullID(out.Saved.ID), p.claimed.Device[:], known)
	})
	return out, err
}

// ownOffer is a handover that this device offered.
type ownOffer struct {
	caseID event.UUID
	state  string
	terms  string
	offer  event.ID
	answer event.ID
	actor  event.UUID
}

// readAnswer reads an answer's text with the help of the offer that it is to.
func (c *chain) readAnswer(text string) (carry.Message, *ownOffer, error) {
	var h ownOffer
	find := func(handover event.UUID) ([]byte, error) {
		var line []byte
		err := c.t.row(`SELECT h.case_id, h.state, h.terms, h.offer, h.answer, e.actor, e.line FROM handovers h JOIN events e ON e.id = h.offer
			WHERE h.handover = $1 AND h.side = 'from'`, handover[:]).Scan(uuidTo(&h.caseID), &h.state, &h.terms, hashTo(&h.offer), hashTo(&h.answer), uuidTo(&h.actor), &line)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, handoverf("no offer of handover %s was made on this device", handover)
		}
		if err != nil {
			return nil, err
		}
		env, err := seal.ParseEnvelope(line)
		return env.Payload, err
	}
	m, err := carry.Decode(text, func(_ carry.Kind, handover event.UUID) ([]byte, error) { return find(handover) })
	if err == nil && m.Kind == carry.Offer {
		err = handoverf("this is an offer: accept or decline it")
	}
	if err == nil {
		_, err = find(m.Handover)
	}
	if err != nil && !errors.Is(err, ErrHandover) {
		err = fmt.Errorf("%w: %w", ErrHandover, err)
	}
	return m, &h, err
}

// conclude checks an acceptance against the offer and seals the conclusion.
func (c *chain) conclude(h *ownOffer, p *peer, b *event.CustodyAccepted, out *Concluded) (err error) {
	switch {
	case b.Handover != out.Handover || b.Offer != h.offer || b.OfferDevice != c.id.Device:
		return handoverf("it accepts another offer")
	case b.Terms != h.terms || b.Digest != event.TermsDigest(h.terms):
		return handoverf("it is over other terms than those offered: make a new offer")
	case p.claimed.Device == c.id.Device:
		return handoverf("the acceptance was sealed on this device itself")
	}
	if err := c.receivedBy(h, p, out); err != nil {
		return err
	}
	out.Saved, err = c.capture(Draft{Case: h.caseID, Actor: h.actor, Body: &event.CustodyConcluded{Handover: b.Handover,
		Digest: b.Digest, Acceptance: p.id, AcceptDevice: p.claimed.Device}})
	return err
}

// receivedBy warns where somebody else has accepted than the offer was to.
func (c *chain) receivedBy(h *ownOffer, p *peer, out *Concluded) error {
	terms, err := event.ParseTerms(h.terms)
	if err != nil {
		return err
	}
	to := terms.To
	person, org, err := holderOf(c.t, p.claimed.Device)
	if err != nil {
		return err
	}
	other := !to.Device.IsZero() && to.Device != p.claimed.Device || !to.Org.IsZero() && !org.IsZero() && to.Org != org ||
		!to.Person.IsZero() && (to.Person != p.claimed.Actor || !person.IsZero() && to.Person != person)
	if !other {
		return nil
	}
	who := "somebody whose device is not known here yet"
	if !person.IsZero() {
		if who, err = personName(c.t, c.id, person); err != nil {
			return err
		}
	}
	out.Warnings = append(out.Warnings, fmt.Sprintf("the offer was to %s, but it was accepted on the device of %s: find out who has the items before you rely on it", to.Name, who))
	return nil
}

// concludedBefore tells again what an answer that is shown again came to.
func (c *chain) concludedBefore(h *ownOffer, p *peer, out *Concluded) error {
	out.Again = true
	switch b := p.body.(type) {
	case *event.CustodyAccepted:
		out.Acceptance = b
		out.Saved = Saved{Type: event.TypeCustodyConcluded, Case: h.caseID}
		return c.t.row(`SELECT e.id, e.seq, e.line FROM handovers h JOIN events e ON e.id = h.conclusion WHERE h.handover = $1`,
			out.Handover[:]).Scan(hashTo(&out.Saved.ID), &out.Saved.Seq, &out.Saved.Line)
	case *event.CustodyDeclined:
		out.Declined = b.Reason
	}
	return nil
}

// recheckHandovers makes up for the signatures that could not be checked when the
// two devices met.
func recheckHandovers(t *tx, id *Identity) error {
	type open struct {
		handover event.UUID
		line     []byte
	}
	var list []open
	rows, err := t.rows(`SELECT h.handover, p.line FROM handovers h JOIN pulled p ON p.id = CASE h.side WHEN 'to' THEN h.offer ELSE h.answer END
		WHERE h.peer_known = 0`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var o open
		err := rows.Scan(uuidTo(&o.handover), &o.line)
		list = append(list, o)
		return err
	})
	if err != nil {
		return err
	}
	for _, o := range list {
		v, refusal, err := seal.Verify(o.line, keys{t, id})
		if err != nil {
			return err
		}
		known := 1
		switch {
		case refusal == nil:
			err = putVerified(t, id, v, nil)
		case refusal.Code == seal.CodeUnknownDevice:
			continue
		default:
			known = 2
			_, err = putAnomaly(t, FaultHandover, fmt.Sprintf("the other side's half of handover %s does not verify: %s", o.handover, refusal.Detail), o.line, nil)
			if err == nil {
				err = putPulled(t, refusal.ID, &refusal.Claimed, o.line, nil, pulledRefused, refusal.Detail)
			}
		}
		if err == nil {
			err = t.exec(`UPDATE handovers SET peer_known = $2 WHERE handover = $1`, o.handover[:], known)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
