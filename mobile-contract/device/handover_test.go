package device

import (
	"bytes"
	"errors"
	"image/png"
	"slices"
	"strings"
	"testing"

	"fieldseal/mobile-contract/device/carry"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// pair is two devices of one authority; whether they know each other is the test's choice.
type pair struct {
	f    *fakeServer
	a, b *Store
	k    event.UUID
	item event.HandoverItem
}

func newPair(t *testing.T) *pair {
	t.Helper()
	f := newFake(t)
	p := &pair{f: f, a: f.enrolled("a"), b: f.enrolled("b")}
	f.mustSync(p.a)
	p.k = openCase(t, p.a, "1")
	b := takeSample(t, p.a, p.k)
	p.item = event.HandoverItem{Item: event.Ref{Kind: "sample", ID: b.Sample}, Seal: "intact"}
	return p
}

func (p *pair) offer(t *testing.T, edit func(*OfferRequest)) *Handed {
	t.Helper()
	req := OfferRequest{Case: p.k, Items: []event.HandoverItem{p.item}, To: event.Holder{Name: "The laboratory"}, Mode: "by_hand",
		Purpose: "analysis", Place: "laboratory door"}
	if edit != nil {
		edit(&req)
	}
	h, err := p.a.Offer(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func text(t *testing.T, h *Handed, limit int) string {
	t.Helper()
	parts, err := h.Text(limit)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(parts, "\n")
}

func (p *pair) findings() Findings {
	return Findings{Count: 1, Seals: []event.SealFound{{Item: p.item.Item, SealNo: "S-1", Seal: "intact"}}}
}

// A handover with the network off on both sides, then either syncs first.
func TestHandover(t *testing.T) {
	for _, known := range []bool{false, true} {
		for _, receiverFirst := range []bool{false, true} {
			p := newPair(t)
			if known {
				p.f.mustSync(p.a)
				p.f.mustSync(p.b)
			}
			offer := p.offer(t, nil)
			if offer.Terms.Items[0].Label != "Ta-000001" || offer.Terms.Items[0].SealNo != "S-1" || offer.Terms.From.Name != "Person of a" {
				t.Errorf("terms %+v", offer.Terms)
			}
			peek, err := p.b.Peek(t.Context(), text(t, offer, 200))
			if err != nil || peek.PeerKnown != known || peek.Terms.Purpose != "analysis" {
				t.Fatalf("peek %+v, %v", peek, err)
			}
			accepted, err := p.b.Accept(t.Context(), text(t, offer, carry.QRText), p.findings())
			if err != nil || accepted.PeerKnown != known || (len(accepted.Warnings) == 0) != known {
				t.Fatalf("accepted %+v, %v", accepted, err)
			}
			body := accepted.Saved.Body.(*event.CustodyAccepted)
			if body.Offer != offer.Saved.ID || body.Digest != event.TermsDigest(body.Terms) {
				t.Errorf("acceptance %+v", body)
			}
			again, err := p.b.Accept(t.Context(), text(t, offer, 0), p.findings())
			if err != nil || !again.Again || text(t, again, 0) != text(t, accepted, 0) {
				t.Errorf("scanned twice: %+v, %v", again, err)
			}
			shown, err := p.b.Reshow(t.Context(), offer.Handover)
			if err != nil || text(t, shown, 0) != text(t, accepted, 0) {
				t.Errorf("shown again: %v", err)
			}
			done, err := p.a.Conclude(t.Context(), text(t, accepted, 300))
			if err != nil || done.Acceptance == nil || done.Saved.Type != event.TypeCustodyConcluded {
				t.Fatalf("concluded %+v, %v", done, err)
			}
			if twice, err := p.a.Conclude(t.Context(), text(t, accepted, 0)); err != nil || !twice.Again || twice.Saved.ID != done.Saved.ID {
				t.Errorf("concluded twice: %+v, %v", twice, err)
			}
			order := []*Store{p.a, p.b}
			if receiverFirst {
				order = []*Store{p.b, p.a}
			}
			p.f.mustSync(order[0])
			for _, id := range []event.ID{offer.Saved.ID, accepted.Saved.ID} {
				if _, ok := p.f.index[id]; !ok {
					t.Errorf("after one side synced the server lacks %s", id)
				}
			}
			for _, s := range append(order[1:], order...) {
				if r := p.f.mustSync(s); r.Quarantined != 0 || len(r.Notes) != 0 {
					t.Errorf("%+v", r)
				}
			}
			for _, s := range order {
				list, err := s.Handovers(t.Context())
				if err != nil || len(list) != 1 || !list[0].PeerKnown || list[0].PeerWrong {
					t.Errorf("%+v, %v", list, err)
				}
				checkChain(t, s)
			}
		}
	}
}

// With an introduction by the common authority two devices that never heard of each
// other check each other's signatures with the network off.
func TestHandoverIntroduced(t *testing.T) {
	p := newPair(t)
	offer := p.offer(t, func(r *OfferRequest) { r.Introduce = true })
	f := p.findings()
	f.Introduce = true
	accepted, err := p.b.Accept(t.Context(), text(t, offer, 0), f)
	if err != nil || !accepted.PeerKnown || len(accepted.Warnings) != 0 {
		t.Fatalf("accepted %+v, %v", accepted, err)
	}
	done, err := p.a.Conclude(t.Context(), text(t, accepted, 0))
	if err != nil || !done.PeerKnown {
		t.Fatalf("concluded %+v, %v", done, err)
	}
	// An introduction by another authority is refused.
	stranger := newPair(t)
	foreign := stranger.offer(t, func(r *OfferRequest) { r.Introduce = true })
	if _, err := p.b.Accept(t.Context(), text(t, foreign, 0), stranger.findings()); !errors.Is(err, ErrHandover) {
		t.Errorf("introduced by a stranger: %v", err)
	}
}

func TestDecline(t *testing.T) {
	p := newPair(t)
	offer := p.offer(t, nil)
	declined, err := p.b.Decline(t.Context(), text(t, offer, 0), "the seal is broken")
	if err != nil || declined.Saved.Type != event.TypeCustodyDeclined {
		t.Fatalf("%+v, %v", declined, err)
	}
	done, err := p.a.Conclude(t.Context(), text(t, declined, 0))
	if err != nil || done.Declined != "the seal is broken" || done.Acceptance != nil || done.Saved.Seq != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := p.b.Accept(t.Context(), text(t, offer, 0), p.findings()); !errors.Is(err, ErrHandover) {
		t.Errorf("a declined offer was accepted: %v", err)
	}
	if again, err := p.b.Decline(t.Context(), text(t, offer, 0), "once more"); err != nil || again.Saved.ID != declined.Saved.ID {
		t.Errorf("declined twice: %+v, %v", again, err)
	}
}

func TestHandoverRefuses(t *testing.T) {
	p := newPair(t)
	p.f.mustSync(p.a)
	p.f.mustSync(p.b)
	offer := p.offer(t, nil)
	idB, _ := p.b.Identity(t.Context())
	other := p.offer(t, func(r *OfferRequest) { r.To.Person = newUUID(p.a.now()) })
	accept := func(name, txt string, f Findings, want error) {
		t.Helper()
		if _, err := p.b.Accept(t.Context(), txt, f); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
	good := text(t, offer, 0)
	before := len(checkChain(t, p.b))
	accept("a text that is not one", "hello", p.findings(), ErrHandover)
	accept("nothing said about a seal", good, Findings{Count: 1}, ErrInput)
	accept("missing and sealed", good, Findings{Seals: p.findings().Seals, Missing: []event.Ref{p.item.Item}}, ErrInput)
	accept("missing what was not offered", good, Findings{Seals: p.findings().Seals, Missing: []event.Ref{{Kind: "sample", ID: idB.Device}}}, ErrInput)
	accept("an offer to somebody else", text(t, other, 0), p.findings(), ErrInput)
	for name, edit := range map[string]func(*event.Payload, *event.CustodyOffered){
		"a digest that is not that of the terms": func(_ *event.Payload, b *event.CustodyOffered) { b.Digest[0] ^= 1 },
		"terms that name another case":           func(p *event.Payload, _ *event.CustodyOffered) { p.Case = idB.Device },
		"terms of another device": func(_ *event.Payload, b *event.CustodyOffered) {
			b.Terms = strings.Replace(b.Terms, `"device":"`+mustID(p.a).Device.String(), `"device":"`+idB.Device.String(), 1)
			b.Digest = event.TermsDigest(b.Terms)
		},
	} {
		accept(name, p.resealed(t, offer, edit), p.findings(), ErrHandover)
	}
	e := must(seal.ParseEnvelope(offer.Saved.Line))
	e.Signatures[0].Sig = must(mustSigner(p.b).Sign(seal.PAE(e.PayloadType, e.Payload)))
	forged := must(carry.Encode(carry.Message{Kind: carry.Offer, Handover: offer.Handover, Lines: [][]byte{e.Encode()}}, nil, 0))[0]
	accept("an offer with another's signature", forged, p.findings(), ErrHandover)
	if n := len(checkChain(t, p.b)); n != before {
		t.Errorf("%d events were sealed over refused offers", n-before)
	}
	if _, err := p.a.Accept(t.Context(), good, p.findings()); !errors.Is(err, ErrHandover) {
		t.Errorf("accepted on the device that offered: %v", err)
	}
	accepted, err := p.b.Accept(t.Context(), text(t, other, 0), func() Findings { f := p.findings(); f.Anyone = true; return f }())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.a.Conclude(t.Context(), good); !errors.Is(err, ErrHandover) {
		t.Errorf("concluded with an offer: %v", err)
	}
	if _, err := p.b.Conclude(t.Context(), text(t, accepted, 0)); !errors.Is(err, ErrHandover) {
		t.Errorf("concluded on the wrong device: %v", err)
	}
	if _, err := p.b.Accept(t.Context(), text(t, accepted, 0), p.findings()); !errors.Is(err, ErrHandover) {
		t.Errorf("accepted an acceptance: %v", err)
	}
	// An acceptance over other terms than those that were offered.
	changed := strings.Replace(accepted.Saved.Body.(*event.CustodyAccepted).Terms, "analysis", "disposal", 1)
	swapped := p.sealedBy(t, p.b, &event.CustodyAccepted{Handover: other.Handover, Terms: changed, Digest: event.TermsDigest(changed),
		Offer: other.Saved.ID, OfferDevice: mustID(p.a).Device, Received: "2026-11-24T10:00:00Z", Count: 1})
	txt := must(carry.Encode(carry.Message{Kind: carry.Acceptance, Handover: other.Handover, Lines: [][]byte{swapped}}, nil, 0))[0]
	if _, err := p.a.Conclude(t.Context(), txt); !errors.Is(err, ErrHandover) || !strings.Contains(err.Error(), "other terms") {
		t.Errorf("concluded over other terms: %v", err)
	}
	// Somebody else than the offer was to has accepted it: the giver is told.
	done, err := p.a.Conclude(t.Context(), text(t, accepted, 0))
	if err != nil || !slices.ContainsFunc(done.Warnings, func(w string) bool { return strings.Contains(w, "the offer was to") }) {
		t.Errorf("concluded with another's acceptance: %+v, %v", done, err)
	}
}

func mustID(s *Store) *Identity { return must(s.Identity(bg)) }

func mustSigner(s *Store) *Signer { return must(s.loadSigner(mustID(s))) }

// resealed is the offer's text with its payload changed and sealed again by its device.
func (p *pair) resealed(t *testing.T, h *Handed, edit func(*event.Payload, *event.CustodyOffered)) string {
	t.Helper()
	e := must(seal.ParseEnvelope(h.Saved.Line))
	payload := must(event.Parse(e.Payload))
	b := must(event.ParseBody(payload.Type, payload.Body)).(*event.CustodyOffered)
	edit(&payload, b)
	payload.Body = must(event.MarshalBody(b))
	line := must(mustSigner(p.a).seal(event.PayloadType, must(event.Marshal(payload))))
	return must(carry.Encode(carry.Message{Kind: carry.Offer, Handover: h.Handover, Lines: [][]byte{line}}, nil, 0))[0]
}

// sealedBy is an event sealed by a device beside its chain.
func (p *pair) sealedBy(t *testing.T, s *Store, b event.Body) []byte {
	t.Helper()
	id := mustID(s)
	head := checkChain(t, s)
	last := head[len(head)-1]
	payload := event.Payload{V: 1, Type: event.TypeOf(b), UUID: newUUID(s.now()), Case: p.k, Device: id.Device, Seq: last.Seq + 1,
		Prev: last.ID, Actor: id.Person, Clock: SystemClock(), Body: must(event.MarshalBody(b))}
	return must(mustSigner(s).seal(event.PayloadType, must(event.Marshal(payload))))
}

// An acceptance from an unknown device whose signature turns out to be wrong raises
// an alarm at the sync that brings its key.
func TestHandoverFoundOutLater(t *testing.T) {
	p := newPair(t)
	offer := p.offer(t, nil)
	e := must(seal.ParseEnvelope(offer.Saved.Line))
	liar := must(seal.GenerateKey())
	e.Signatures[0] = seal.Signature{KeyID: e.Signatures[0].KeyID, Sig: must(liar.Sign(seal.PAE(e.PayloadType, e.Payload)))}
	forged := must(carry.Encode(carry.Message{Kind: carry.Offer, Handover: offer.Handover, Lines: [][]byte{e.Encode()}}, nil, 0))[0]
	accepted, err := p.b.Accept(t.Context(), forged, p.findings())
	if err != nil || accepted.PeerKnown {
		t.Fatalf("%+v, %v", accepted, err)
	}
	p.f.mustSync(p.b)
	list, err := p.b.Handovers(t.Context())
	if err != nil || len(list) != 1 || !list[0].PeerWrong {
		t.Errorf("%+v, %v", list, err)
	}
	alarms, err := p.b.Anomalies(t.Context())
	if err != nil || len(alarms) != 1 || alarms[0].Kind != FaultHandover || !bytes.Equal(alarms[0].One, e.Encode()) {
		t.Errorf("%+v, %v", alarms, err)
	}
}

// The texts of a small handover are read off a screen at once.
func TestHandoverFitsQR(t *testing.T) {
	p := newPair(t)
	offer := p.offer(t, nil)
	accepted, err := p.b.Accept(t.Context(), text(t, offer, 0), p.findings())
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]*Handed{"offer": offer, "acceptance": accepted} {
		parts, err := h.Text(carry.QRText)
		if err != nil {
			t.Fatal(err)
		}
		if len(parts) != 1 {
			t.Errorf("the %s takes %d codes", name, len(parts))
		}
		t.Logf("%s: %d characters in %d codes", name, len(strings.Join(parts, "")), len(parts))
		for _, part := range parts {
			img, err := QRCode(part)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := png.Decode(bytes.NewReader(img)); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := QRCode(strings.Repeat("A", 5000)); !errors.Is(err, ErrHandover) {
		t.Errorf("a text that fits into no code: %v", err)
	}
}
