package event

import (
	"crypto/sha256"
	"fmt"
	"reflect"

	"fieldseal/sync/decimal"

	"github.com/go-json-experiment/json"
)

// Holder is one side of a handover.
type Holder struct {
	Person UUID   `json:"person,omitzero"`
	Org    UUID   `json:"org,omitzero"`
	Name   string `json:"name"`
	Device UUID   `json:"device,omitzero"`
}

// HandoverItem is one item as it is relinquished.
type HandoverItem struct {
	Item   Ref       `json:"item"`
	Label  string    `json:"label"`
	SealNo string    `json:"seal_no,omitzero"`
	Seal   SealState `json:"seal"`
}

// Terms is what both sides of a handover sign. Its exact JSON text travels in
// the offer and in the acceptance; both carry SHA-256 over that text.
type Terms struct {
	Handover UUID   `json:"handover"`
	Case     UUID   `json:"case"`
	From     Holder `json:"from"`
	To       Holder `json:"to"`
	Mode     Mode   `json:"mode"`
	// Carrier and TrackingNo are required for mode courier.
	Carrier      string         `json:"carrier,omitzero"`
	TrackingNo   string         `json:"tracking_no,omitzero"`
	Purpose      string         `json:"purpose"`
	Place        string         `json:"place"`
	Relinquished Stamp          `json:"relinquished"`
	Items        []HandoverItem `json:"items"`
	// Count is the number of items as counted, which may differ from the list.
	Count      int64            `json:"count"`
	TempC      *decimal.Decimal `json:"temp_c,omitzero"`
	Exceptions string           `json:"exceptions,omitzero"`
}

// Check reports every fault.
func (t *Terms) Check(c *Checker) {
	c.id(t.Handover, "terms.handover")
	c.id(t.Case, "terms.case")
	c.text(t.From.Name, "terms.from.name")
	c.text(t.To.Name, "terms.to.name")
	word(c, t.Mode, "terms.mode")
	if t.Mode == "courier" {
		c.text(t.Carrier, "terms.carrier")
		c.text(t.TrackingNo, "terms.tracking_no")
	}
	c.text(t.Purpose, "terms.purpose")
	c.text(t.Place, "terms.place")
	c.stamp(t.Relinquished, "terms.relinquished")
	if n := len(t.Items); n == 0 || n > 500 {
		c.fault("terms.items has %d entries, must have 1 to 500", n)
	}
	for i := range t.Items {
		t.Items[i].Item.check(c, "terms.items.item")
		c.text(t.Items[i].Label, "terms.items.label")
		word(c, t.Items[i].Seal, "terms.items.seal")
	}
	c.positive(t.Count, "terms.count")
}

// ParseTerms reads the exact text of terms.
func ParseTerms(text string) (Terms, error) {
	var t Terms
	if err := json.Unmarshal([]byte(text), &t, json.RejectUnknownMembers(true)); err != nil {
		return t, fmt.Errorf("%w: terms: %w", ErrMalformed, err)
	}
	if err := missing([]byte(text), reflect.TypeFor[Terms]()); err != nil {
		return t, fmt.Errorf("%w: terms: %w", ErrMalformed, err)
	}
	var c Checker
	t.Check(&c)
	if err := c.Err(); err != nil {
		return t, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return t, nil
}

// TermsDigest is SHA-256 over the exact text of terms.
func TermsDigest(text string) Digest { return sha256.Sum256([]byte(text)) }

func checkTerms(c *Checker, text string, d Digest) {
	if _, err := ParseTerms(text); err != nil {
		c.fault("terms: %w", err)
	}
	c.need(!d.IsZero(), "digest")
}

// CustodyOffered relinquishes items: one half of a handover.
type CustodyOffered struct {
	Terms  string `json:"terms"`
	Digest Digest `json:"digest"`
}

// Check reports every fault of form; whether Digest is that of Terms is sync/custody's question.
func (b *CustodyOffered) Check(c *Checker) { checkTerms(c, b.Terms, b.Digest) }

// SealFound is the state of a seal as the receiver found it.
type SealFound struct {
	Item   Ref       `json:"item"`
	SealNo string    `json:"seal_no,omitzero"`
	Seal   SealState `json:"seal"`
}

// Unexpected is something received that was not on the list.
type Unexpected struct {
	Label       string `json:"label"`
	Explanation string `json:"explanation,omitzero"`
}

// CustodyAccepted receives items: the other half. It embeds the offer's id and
// thereby the head of the relinquishing device's chain.
type CustodyAccepted struct {
	Handover UUID   `json:"handover"`
	Terms    string `json:"terms"`
	Digest   Digest `json:"digest"`
	// Offer is the id of the custody.offered event, OfferDevice the device that sealed it.
	Offer       ID               `json:"offer"`
	OfferDevice UUID             `json:"offer_device"`
	Received    Stamp            `json:"received"`
	Seals       []SealFound      `json:"seals,omitzero"`
	Missing     []Ref            `json:"missing,omitzero"`
	Unexpected  []Unexpected     `json:"unexpected,omitzero"`
	Count       int64            `json:"count"`
	TempC       *decimal.Decimal `json:"temp_c,omitzero"`
	Exceptions  string           `json:"exceptions,omitzero"`
}

// Check reports every fault of form.
func (b *CustodyAccepted) Check(c *Checker) {
	c.id(b.Handover, "handover")
	checkTerms(c, b.Terms, b.Digest)
	c.need(!b.Offer.IsZero(), "offer")
	c.id(b.OfferDevice, "offer_device")
	c.stamp(b.Received, "received")
	for i := range b.Seals {
		b.Seals[i].Item.check(c, "seals.item")
		word(c, b.Seals[i].Seal, "seals.seal")
	}
	checkRefs(c, b.Missing, "missing")
	for _, u := range b.Unexpected {
		c.text(u.Label, "unexpected.label")
	}
	c.positive(b.Count, "count")
}

// CustodyConcluded is the relinquisher's record of the acceptance shown to it: the two chains are entangled both ways.
type CustodyConcluded struct {
	Handover     UUID   `json:"handover"`
	Digest       Digest `json:"digest"`
	Acceptance   ID     `json:"acceptance"`
	AcceptDevice UUID   `json:"accept_device"`
}

// Check reports every fault.
func (b *CustodyConcluded) Check(c *Checker) {
	c.id(b.Handover, "handover")
	c.need(!b.Digest.IsZero(), "digest")
	c.need(!b.Acceptance.IsZero(), "acceptance")
	c.id(b.AcceptDevice, "accept_device")
}

// CustodyDeclined refuses an offer; the items stay with the offerer.
type CustodyDeclined struct {
	Handover UUID   `json:"handover"`
	Offer    ID     `json:"offer"`
	Reason   string `json:"reason"`
}

// Check reports every fault.
func (b *CustodyDeclined) Check(c *Checker) {
	c.id(b.Handover, "handover")
	c.need(!b.Offer.IsZero(), "offer")
	c.text(b.Reason, "reason")
}

// StorageMoved puts an item into, moves it within or takes it out of storage, by the same holder.
type StorageMoved struct {
	Item     Ref         `json:"item"`
	Move     StorageMove `json:"move"`
	Location string      `json:"location"`
	Reason   string      `json:"reason"`
	At       Stamp       `json:"at"`
}

// Check reports every fault.
func (b *StorageMoved) Check(c *Checker) {
	b.Item.check(c, "item")
	word(c, b.Move, "move")
	c.text(b.Location, "location")
	c.text(b.Reason, "reason")
	c.stamp(b.At, "at")
}

// HoldPlaced forbids disposal.
type HoldPlaced struct {
	Hold      UUID   `json:"hold"`
	Items     []Ref  `json:"items"`
	Authority string `json:"authority"`
	Reason    string `json:"reason"`
}

// Check reports every fault.
func (b *HoldPlaced) Check(c *Checker) {
	c.id(b.Hold, "hold")
	c.need(len(b.Items) > 0, "items")
	checkRefs(c, b.Items, "items")
	c.text(b.Authority, "authority")
	c.text(b.Reason, "reason")
}

// HoldReleased ends a hold.
type HoldReleased struct {
	Hold      UUID   `json:"hold"`
	Authority string `json:"authority"`
	Reason    string `json:"reason"`
}

// Check reports every fault.
func (b *HoldReleased) Check(c *Checker) {
	c.id(b.Hold, "hold")
	c.text(b.Authority, "authority")
	c.text(b.Reason, "reason")
}

// ItemDisposed ends an item's chain.
type ItemDisposed struct {
	Item        Ref     `json:"item"`
	Authority   string  `json:"authority"`
	HoldChecked YesNo   `json:"hold_checked"`
	Method      string  `json:"method"`
	Witness     string  `json:"witness,omitzero"`
	At          Stamp   `json:"at"`
	Left        *Amount `json:"left,omitzero"`
}

// Check reports every fault.
func (b *ItemDisposed) Check(c *Checker) {
	b.Item.check(c, "item")
	c.text(b.Authority, "authority")
	word(c, b.HoldChecked, "hold_checked")
	c.text(b.Method, "method")
	c.stamp(b.At, "at")
	if b.Left != nil {
		c.text(b.Left.Unit, "left.unit")
	}
}

// DossierDocument is one document of a transfer dossier.
type DossierDocument struct {
	Kind    string `json:"kind"`
	Title   string `json:"title"`
	Present YesNo  `json:"present"`
	SHA256  Digest `json:"sha256,omitzero"`
}

// DossierStepTaken is one step of a transfer dossier: compiled, reviewed, deliberated, approved, sent, received, returned.
type DossierStepTaken struct {
	Dossier   UUID              `json:"dossier"`
	Step      DossierStep       `json:"step"`
	At        Stamp             `json:"at"`
	To        string            `json:"to,omitzero"`
	Documents []DossierDocument `json:"documents,omitzero"`
	Opinion   string            `json:"opinion,omitzero"`
	// Payer and PayDue say who pays for the appraisal and when ("first identifying and then paying").
	Payer  string `json:"payer,omitzero"`
	PayDue Date   `json:"pay_due,omitzero"`
}

// Check reports every fault.
func (b *DossierStepTaken) Check(c *Checker) {
	c.id(b.Dossier, "dossier")
	word(c, b.Step, "step")
	c.stamp(b.At, "at")
	c.day(b.PayDue, "pay_due")
	for _, d := range b.Documents {
		c.text(d.Kind, "documents.kind")
		c.text(d.Title, "documents.title")
		word(c, d.Present, "documents.present")
	}
}

// WaiverGranted excuses a defect by an authority's decision; the defect stays visible.
type WaiverGranted struct {
	Waiver    UUID   `json:"waiver"`
	Defect    string `json:"defect"`
	About     *Ref   `json:"about,omitzero"`
	Authority string `json:"authority,omitzero"`
	Reason    string `json:"reason"`
	Document  *Media `json:"document,omitzero"`
}

// Check reports every fault of form.
func (b *WaiverGranted) Check(c *Checker) {
	c.id(b.Waiver, "waiver")
	c.text(b.Defect, "defect")
	b.About.check(c, "about")
	c.text(b.Reason, "reason")
	b.Document.check(c, "document")
}

// QuarantineSettled says what became of something in quarantine; the bytes stay there.
type QuarantineSettled struct {
	// Index is the ledger index of the quarantined item.
	Index      int64      `json:"index"`
	Resolution Resolution `json:"resolution"`
	Reason     string     `json:"reason"`
}

// Check reports every fault.
func (b *QuarantineSettled) Check(c *Checker) {
	c.positive(b.Index-1, "index minus one (entry 0 is the authority's genesis)")
	word(c, b.Resolution, "resolution")
	c.text(b.Reason, "reason")
}
