package custody

import (
	"time"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
)

// Record is what a case's events come to.
type Record struct {
	Case CaseInfo `json:"case"`
	// Rules names the pack that was judged by, Judged the time judged.
	Rules  RulesInfo `json:"rules"`
	Judged time.Time `json:"judged"`
	// Items are the physical and digital exhibits in order of label, each with its history.
	Items     []Item         `json:"items"`
	Handovers []HandoverInfo `json:"handovers,omitzero"`
	Reports   []ReportInfo   `json:"reports,omitzero"`
	Dossiers  []DossierInfo  `json:"dossiers,omitzero"`
	// Amendments lists every correction, applied or not.
	Amendments []AmendmentInfo `json:"amendments,omitzero"`
	Defects    []Defect        `json:"defects"`
	// NotShown are findings that rest on something absent, in a case that is disclosed in part.
	NotShown   []Defect              `json:"not_shown,omitzero"`
	Intervals  map[event.ID]Interval `json:"intervals,omitzero"`
	Series     []Series              `json:"series,omitzero"`
	Quantities []Quantity            `json:"quantities,omitzero"`
	// Compared sets results beside legal limits and concludes nothing.
	Compared []Comparison `json:"compared,omitzero"`
	// Events counts the case's events that were judged, Hidden says whether others are not disclosed.
	Events int  `json:"events"`
	Hidden bool `json:"hidden,omitzero"`
}

// CaseInfo is the case as it was opened.
type CaseInfo struct {
	ID        event.UUID  `json:"id"`
	Number    string      `json:"number,omitzero"`
	Title     string      `json:"title,omitzero"`
	Authority string      `json:"authority,omitzero"`
	Opened    event.Stamp `json:"opened,omitzero"`
	OpenedBy  string      `json:"opened_by,omitzero"`
}

// RulesInfo names a rule pack.
type RulesInfo struct {
	Pack         string     `json:"pack"`
	Version      string     `json:"version"`
	Jurisdiction string     `json:"jurisdiction"`
	Effective    event.Date `json:"effective"`
}

// ItemKind says whether an item is a thing or a file.
type ItemKind string

// The kinds of item.
const (
	Physical ItemKind = "physical"
	Digital  ItemKind = "digital"
)

// ItemState is where an item stands.
type ItemState string

// The states of a physical item.
const (
	StateHeld     ItemState = "held"
	StateOffered  ItemState = "offered"
	StateTransit  ItemState = "in_transit"
	StateRejected ItemState = "rejected"
	StateMissing  ItemState = "missing"
	StateDisposed ItemState = "disposed"
	StateConsumed ItemState = "consumed"
)

// Item is one exhibit with its history.
type Item struct {
	Ref   event.Ref `json:"ref"`
	Kind  ItemKind  `json:"kind"`
	Label string    `json:"label"`
	// What describes it in a few words.
	What Text `json:"what"`
	// Origin is the event that brought it into the case.
	Origin event.ID   `json:"origin"`
	Parent *event.Ref `json:"parent,omitzero"`
	Steps  []Step     `json:"steps,omitzero"`
	// Holder has it now.
	Holder *HolderInfo `json:"holder,omitzero"`
	State  ItemState   `json:"state,omitzero"`
	// SealNo is the seal that should be on it now.
	SealNo     string          `json:"seal_no,omitzero"`
	Seals      []SealStep      `json:"seals,omitzero"`
	Accessions []AccessionInfo `json:"accessions,omitzero"`
	Subsamples []event.Ref     `json:"subsamples,omitzero"`
	Balance    *Balance        `json:"balance,omitzero"`
	Holding    []HoldingTime   `json:"holding,omitzero"`
	Results    []ResultInfo    `json:"results,omitzero"`
	Disposal   event.ID        `json:"disposal,omitzero"`
	// Held lists legal holds in force on it.
	Held []event.UUID `json:"held,omitzero"`
	// Hashes is a digital item's history.
	Hashes []HashStep `json:"hashes,omitzero"`
}

// HolderInfo is who has an item.
type HolderInfo struct {
	Person  event.UUID `json:"person,omitzero"`
	Name    string     `json:"name"`
	Org     event.UUID `json:"org,omitzero"`
	OrgName string     `json:"org_name,omitzero"`
	Since   time.Time  `json:"since,omitzero"`
	// Confirmed: both sides sealed the handover that gave it to the holder. An
	// item's first holder is confirmed by its origin.
	Confirmed bool `json:"confirmed"`
	// Location is where it is stored, as far as that was recorded.
	Location string `json:"location,omitzero"`
}

// StepKind says what happened to an item.
type StepKind string

// The kinds of step.
const (
	StepCollected    StepKind = "collected"
	StepSealed       StepKind = "sealed"
	StepRelinquished StepKind = "relinquished"
	StepReceived     StepKind = "received"
	StepMissing      StepKind = "not_received"
	StepConcluded    StepKind = "concluded"
	StepDeclined     StepKind = "declined"
	StepStored       StepKind = "stored"
	StepAccessioned  StepKind = "accessioned"
	StepRejected     StepKind = "rejected"
	StepSubsampled   StepKind = "subsampled"
	StepAnalysed     StepKind = "analysed"
	StepHeldBack     StepKind = "hold_placed"
	StepHoldReleased StepKind = "hold_released"
	StepDisposed     StepKind = "disposed"
	StepPhotographed StepKind = "photographed"
	StepAmended      StepKind = "amended"
	StepMentioned    StepKind = "mentioned"
)

// Step is one thing that happened to an item.
type Step struct {
	Kind  StepKind   `json:"kind"`
	Event event.ID   `json:"event"`
	By    event.UUID `json:"by"`
	// ByName and ByOrg are the actor and the actor's organisation.
	ByName string `json:"by_name"`
	ByOrg  string `json:"by_org,omitzero"`
	// At is when it happened, as claimed; the proven interval of its sealing is Record.Intervals[Event].
	At    event.Stamp  `json:"at"`
	Where string       `json:"where,omitzero"`
	Place *event.Place `json:"place,omitzero"`
	// SealNo and Seal are the custody seal as this step states it.
	SealNo string          `json:"seal_no,omitzero"`
	Seal   event.SealState `json:"seal,omitzero"`
	Note   string          `json:"note,omitzero"`
	// Handover ties the two halves of a handover together.
	Handover event.UUID `json:"handover,omitzero"`
	// UnexplainedMS is the time between relinquishing and receiving that nothing accounts for, in milliseconds.
	UnexplainedMS int64 `json:"unexplained_ms,omitzero"`
	// Voided: the event was withdrawn later; it is shown, and counts for nothing.
	Voided bool `json:"voided,omitzero"`
}

// SealStep is one sight of an item's custody seal.
type SealStep struct {
	Event  event.ID        `json:"event"`
	At     event.Stamp     `json:"at"`
	SealNo string          `json:"seal_no,omitzero"`
	State  event.SealState `json:"state,omitzero"`
	// Applied: put on here, not merely seen.
	Applied bool `json:"applied,omitzero"`
}

// AccessionInfo is a laboratory's check-in of the item.
type AccessionInfo struct {
	Event    event.ID       `json:"event"`
	Lab      event.UUID     `json:"lab"`
	LabName  string         `json:"lab_name"`
	LabID    string         `json:"lab_id,omitzero"`
	Received event.Stamp    `json:"received"`
	Decision event.Decision `json:"decision"`
	Reason   string         `json:"reason,omitzero"`
}

// Balance is the mass or volume of an item and what was taken from it, in Unit.
type Balance struct {
	Start *decimal.Decimal `json:"start,omitzero"`
	Taken decimal.Decimal  `json:"taken"`
	Left  *decimal.Decimal `json:"left,omitzero"`
	Unit  string           `json:"unit"`
}

// HoldingState is where a holding time stands.
type HoldingState string

// The states of a holding time.
const (
	HoldingMet      HoldingState = "met"
	HoldingExceeded HoldingState = "exceeded"
	HoldingRunning  HoldingState = "running"
	// HoldingPassed: the deadline is over and no result shows when the analysis was done.
	HoldingPassed HoldingState = "deadline_passed"
	// HoldingUnknown: it cannot be worked out.
	HoldingUnknown HoldingState = "uncomputable"
)

// HoldingTime is one analysis of an item against its holding time.
type HoldingTime struct {
	Group string `json:"group"`
	// Stage is "analysis", or "preparation" for a limit on extraction or digestion.
	Stage    string       `json:"stage"`
	Limit    string       `json:"limit,omitzero"`
	Start    time.Time    `json:"start,omitzero"`
	Deadline time.Time    `json:"deadline,omitzero"`
	Done     string       `json:"done,omitzero"`
	State    HoldingState `json:"state"`
	// Source is where the limit comes from; Unconfirmed that nobody has checked it there.
	Source      Text `json:"source,omitzero"`
	Unconfirmed bool `json:"unconfirmed,omitzero"`
}

// ResultInfo is one determination on an item.
type ResultInfo struct {
	Result    event.UUID `json:"result"`
	Event     event.ID   `json:"event"`
	Report    event.UUID `json:"report"`
	ReportNo  string     `json:"report_no"`
	Analyte   string     `json:"analyte"`
	CAS       string     `json:"cas,omitzero"`
	Method    string     `json:"method"`
	Text      string     `json:"text"`
	Unit      string     `json:"unit"`
	Qualifier string     `json:"qualifier,omitzero"`
}

// HashStep is one statement of a file's digest.
type HashStep struct {
	Event  event.ID     `json:"event"`
	At     event.Stamp  `json:"at"`
	SHA256 event.Digest `json:"sha256"`
	Size   int64        `json:"size"`
	// What says which statement it is: captured, received, quarantined, derived.
	What string `json:"what"`
}

// HandoverInfo is one change of hands.
type HandoverInfo struct {
	Handover     event.UUID  `json:"handover"`
	From         string      `json:"from"`
	To           string      `json:"to"`
	Mode         event.Mode  `json:"mode"`
	Carrier      string      `json:"carrier,omitzero"`
	TrackingNo   string      `json:"tracking_no,omitzero"`
	Items        int         `json:"items"`
	Relinquished event.Stamp `json:"relinquished,omitzero"`
	Received     event.Stamp `json:"received,omitzero"`
	// UnexplainedMS is as in Step.
	UnexplainedMS int64 `json:"unexplained_ms,omitzero"`
	// State is "offered", "in_transit", "complete", "declined", "one_sided" or "mismatch".
	State     string      `json:"state"`
	Offer     event.ID    `json:"offer,omitzero"`
	Accepted  event.ID    `json:"accepted,omitzero"`
	Concluded event.ID    `json:"concluded,omitzero"`
	Declined  event.ID    `json:"declined,omitzero"`
	Refs      []event.Ref `json:"refs"`
}

// ReportInfo is a laboratory report and who signed it.
type ReportInfo struct {
	Report   event.UUID `json:"report"`
	ReportNo string     `json:"report_no"`
	LabName  string     `json:"lab_name"`
	Results  int        `json:"results"`
	Parts    int64      `json:"parts"`
	PartsIn  int64      `json:"parts_in"`
	// Digest is what a signature has to cover; absent while parts are missing.
	Digest  event.Digest `json:"digest,omitzero"`
	Signers []SignerInfo `json:"signers,omitzero"`
}

// SignerInfo is one signature under a report.
type SignerInfo struct {
	As    event.Signer `json:"as"`
	Name  string       `json:"name"`
	Event event.ID     `json:"event"`
	At    event.Stamp  `json:"at"`
	// Covers: the signature is over the report as it is.
	Covers bool `json:"covers"`
}

// DossierInfo is a transfer dossier.
type DossierInfo struct {
	Dossier event.UUID        `json:"dossier"`
	Steps   []DossierStepInfo `json:"steps"`
	// Missing names the required documents that are not in it.
	Missing []Text `json:"missing,omitzero"`
	// DecideBy and SendBy are the deadlines, where their clock has started.
	DecideBy time.Time `json:"decide_by,omitzero"`
	SendBy   time.Time `json:"send_by,omitzero"`
}

// DossierStepInfo is one step on a dossier's way.
type DossierStepInfo struct {
	Step  event.DossierStep `json:"step"`
	At    event.Stamp       `json:"at"`
	By    string            `json:"by"`
	Event event.ID          `json:"event"`
}

// AmendmentInfo is one correction.
type AmendmentInfo struct {
	Event   event.ID     `json:"event"`
	Target  event.ID     `json:"target"`
	By      string       `json:"by"`
	At      event.Stamp  `json:"at"`
	Reason  string       `json:"reason"`
	Void    bool         `json:"void,omitzero"`
	Applied bool         `json:"applied"`
	Changes []ChangeInfo `json:"changes,omitzero"`
	// Problem says why it was not applied.
	Problem Text `json:"problem,omitzero"`
}

// ChangeInfo is one member of a body before and after, as JSON texts.
type ChangeInfo struct {
	Path string `json:"path"`
	Old  string `json:"old,omitzero"`
	New  string `json:"new,omitzero"`
}
