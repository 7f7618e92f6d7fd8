package event

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Type names a kind of event.
type Type string

// The event types. Those of the first group are sealed by the authority only.
const (
	TypeAuthorityGenesis   Type = "authority.genesis"
	TypeOrgRegistered      Type = "org.registered"
	TypePersonRegistered   Type = "person.registered"
	TypeDeviceEnrolled     Type = "device.enrolled"
	TypeDeviceRevoked      Type = "device.revoked"
	TypeCaseGranted        Type = "case.granted"
	TypeGrantRevoked       Type = "grant.revoked"
	TypeMediaReceived      Type = "media.received"
	TypeMediaQuarantined   Type = "media.quarantined"
	TypeLabelBlock         Type = "label.block"
	TypeRulePack           Type = "rulepack.published"
	TypeBundleExported     Type = "bundle.exported"
	TypeLogPredecessor     Type = "log.predecessor"
	TypeDeviceGenesis      Type = "device.genesis"
	TypeClockObserved      Type = "clock.observed"
	TypeCaseOpened         Type = "case.opened"
	TypeSiteRecorded       Type = "site.recorded"
	TypePartyRecorded      Type = "party.recorded"
	TypeObjectRecorded     Type = "object.recorded"
	TypeLinkRecorded       Type = "link.recorded"
	TypeQuantityRecorded   Type = "quantity.recorded"
	TypeNoteWritten        Type = "note.written"
	TypeEventAmended       Type = "event.amended"
	TypeSampleCollected    Type = "sample.collected"
	TypePhotoCaptured      Type = "photo.captured"
	TypeFileAttached       Type = "file.attached"
	TypeInstrument         Type = "instrument.recorded"
	TypeInstrumentChecked  Type = "instrument.checked"
	TypeAirStarted         Type = "air.started"
	TypeAirSegment         Type = "air.segment"
	TypeAirEnded           Type = "air.ended"
	TypeCustodyOffered     Type = "custody.offered"
	TypeCustodyAccepted    Type = "custody.accepted"
	TypeCustodyConcluded   Type = "custody.concluded"
	TypeCustodyDeclined    Type = "custody.declined"
	TypeSealApplied        Type = "seal.applied"
	TypeLabAccessioned     Type = "lab.accessioned"
	TypeSubsampleMade      Type = "subsample.made"
	TypeResultsReported    Type = "results.reported"
	TypeReportSigned       Type = "report.signed"
	TypeStorageMoved       Type = "storage.moved"
	TypeHoldPlaced         Type = "hold.placed"
	TypeHoldReleased       Type = "hold.released"
	TypeItemDisposed       Type = "item.disposed"
	TypeDossierStep        Type = "dossier.step"
	TypeWaiverGranted      Type = "waiver.granted"
	TypeQuarantineSettled  Type = "quarantine.settled"
	TypeAuthorityRequested Type = "authority.requested"
)

// Body is the typed content of an event. Check reports every fault that one body
// alone can show; what only other events can show is sync/custody's to find.
type Body interface{ Check(c *Checker) }

type spec struct {
	body      reflect.Type
	authority bool // only the authority's key may seal it
	genesis   bool // the first event of a chain
	inCase    bool // must name its case
}

func of[B any, P interface {
	*B
	Body
}](opts ...func(*spec)) spec {
	s := spec{body: reflect.TypeFor[B]()}
	for _, o := range opts {
		o(&s)
	}
	return s
}

func byAuthority(s *spec) { s.authority = true }
func first(s *spec)       { s.genesis = true }
func inCase(s *spec)      { s.inCase = true }

var specs = map[Type]spec{
	TypeAuthorityGenesis: of[AuthorityGenesis](byAuthority, first),
	TypeOrgRegistered:    of[OrgRegistered](byAuthority),
	TypePersonRegistered: of[PersonRegistered](byAuthority),
	TypeDeviceEnrolled:   of[DeviceEnrolled](byAuthority),
	TypeDeviceRevoked:    of[DeviceRevoked](byAuthority),
	TypeCaseGranted:      of[CaseGranted](byAuthority, inCase),
	TypeGrantRevoked:     of[GrantRevoked](byAuthority, inCase),
	TypeMediaReceived:    of[MediaReceived](byAuthority),
	TypeMediaQuarantined: of[MediaQuarantined](byAuthority),
	TypeLabelBlock:       of[LabelBlock](byAuthority),
	TypeRulePack:         of[RulePack](byAuthority),
	TypeBundleExported:   of[BundleExported](byAuthority, inCase),
	TypeLogPredecessor:   of[LogPredecessor](byAuthority),

	TypeDeviceGenesis: of[DeviceGenesis](first),
	TypeClockObserved: of[ClockObserved](),

	TypeCaseOpened:         of[CaseOpened](inCase),
	TypeSiteRecorded:       of[SiteRecorded](inCase),
	TypePartyRecorded:      of[PartyRecorded](inCase),
	TypeObjectRecorded:     of[ObjectRecorded](inCase),
	TypeLinkRecorded:       of[LinkRecorded](inCase),
	TypeQuantityRecorded:   of[QuantityRecorded](inCase),
	TypeNoteWritten:        of[NoteWritten](inCase),
	TypeEventAmended:       of[EventAmended](),
	TypeSampleCollected:    of[SampleCollected](inCase),
	TypePhotoCaptured:      of[PhotoCaptured](inCase),
	TypeFileAttached:       of[FileAttached](inCase),
	TypeInstrument:         of[InstrumentRecorded](inCase),
	TypeInstrumentChecked:  of[InstrumentChecked](inCase),
	TypeAirStarted:         of[AirStarted](inCase),
	TypeAirSegment:         of[AirSegment](inCase),
	TypeAirEnded:           of[AirEnded](inCase),
	TypeCustodyOffered:     of[CustodyOffered](inCase),
	TypeCustodyAccepted:    of[CustodyAccepted](inCase),
	TypeCustodyConcluded:   of[CustodyConcluded](inCase),
	TypeCustodyDeclined:    of[CustodyDeclined](inCase),
	TypeSealApplied:        of[SealApplied](inCase),
	TypeLabAccessioned:     of[LabAccessioned](inCase),
	TypeSubsampleMade:      of[SubsampleMade](inCase),
	TypeResultsReported:    of[ResultsReported](inCase),
	TypeReportSigned:       of[ReportSigned](inCase),
	TypeStorageMoved:       of[StorageMoved](inCase),
	TypeHoldPlaced:         of[HoldPlaced](inCase),
	TypeHoldReleased:       of[HoldReleased](inCase),
	TypeItemDisposed:       of[ItemDisposed](inCase),
	TypeDossierStep:        of[DossierStepTaken](inCase),
	TypeWaiverGranted:      of[WaiverGranted](inCase),
	TypeQuarantineSettled:  of[QuarantineSettled](),
	TypeAuthorityRequested: of[AuthorityRequested](),
}

// Types lists every event type in alphabetical order.
func Types() []Type {
	var list []Type
	for t := range specs {
		list = append(list, t)
	}
	slices.Sort(list)
	return list
}

// AuthorityOnly reports whether only the authority's key may seal events of type t.
func (t Type) AuthorityOnly() bool { return specs[t].authority }

// InCase reports whether events of type t must name a case.
func (t Type) InCase() bool { return specs[t].inCase }

// Genesis reports whether events of type t start a chain.
func (t Type) Genesis() bool { return specs[t].genesis }

// BodyType is the Go type of the body of events of type t, for generators; nil where t is not known.
func (t Type) BodyType() reflect.Type { return specs[t].body }

// ParseBody reads and checks the body of an event of type t: a pointer to the
// struct that the type's documentation names. Errors wrap ErrUnknownType,
// ErrMalformed (shape) or ErrInvalid (content, all faults joined).
func ParseBody(t Type, data []byte) (Body, error) {
	s, ok := specs[t]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownType, clip([]byte(t)))
	}
	b := reflect.New(s.body).Interface().(Body)
	if err := json.Unmarshal(data, b, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: %s body: %w", ErrMalformed, t, err)
	}
	if err := missing(data, s.body); err != nil {
		return nil, fmt.Errorf("%w: %s body: %w", ErrMalformed, t, err)
	}
	var c Checker
	b.Check(&c)
	if err := c.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalid, t, err)
	}
	return b, nil
}

// MarshalBody writes a body for sealing.
func MarshalBody(b Body) ([]byte, error) {
	data, err := json.Marshal(b, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return data, nil
}

// TypeOf returns the event type whose body b is; empty where there is none.
func TypeOf(b Body) Type {
	want := reflect.TypeOf(b).Elem()
	for t, s := range specs {
		if s.body == want {
			return t
		}
	}
	return ""
}

// Checker collects the faults of a body.
type Checker struct{ faults []error }

// Err joins all faults; nil where there are none.
func (c *Checker) Err() error { return errors.Join(c.faults...) }

func (c *Checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, args...))
}

func (c *Checker) need(ok bool, what string) {
	if !ok {
		c.fault("%s is missing", what)
	}
}

// text requires a text and caps it.
func (c *Checker) text(s, name string) {
	c.need(strings.TrimSpace(s) != "", name)
	c.note(s, name)
}

// note caps an optional text.
func (c *Checker) note(s, name string) {
	if len(s) > MaxText {
		c.fault("%s has %d bytes, at most %d are taken", name, len(s), MaxText)
	}
}

func (c *Checker) id(u UUID, name string) { c.need(!u.IsZero(), name) }

func (c *Checker) stamp(s Stamp, name string) {
	if _, err := s.At(); err != nil {
		c.fault("%s: %w", name, err)
	}
}

func (c *Checker) maybe(s Stamp, name string) {
	if s != "" {
		c.stamp(s, name)
	}
}

func (c *Checker) day(d Date, name string) {
	if _, err := d.At(); d != "" && err != nil {
		c.fault("%s: %w", name, err)
	}
}

func (c *Checker) place(p *Place, name string) {
	if err := p.validate(name); err != nil {
		c.fault("%w", err)
	}
}

func (c *Checker) positive(n int64, name string) {
	if n < 0 {
		c.fault("%s is negative", name)
	}
}

func word[W Word](c *Checker, w W, name string) {
	if err := oneOf(w, name); err != nil {
		c.fault("%w", err)
	}
}
