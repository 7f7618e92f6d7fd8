package event

import (
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// PayloadType is the DSSE payload type of every event payload.
const PayloadType = "application/vnd.fieldseal.event.v1+json"

// Version is the schema version that this code writes and understands. A
// payload of another version is kept in quarantine until software that knows
// it reads it again.
const Version = 1

const (
	// MaxPayload caps a payload's bytes: an air segment of a minute at 1 Hz with
	// ten channels is about 12 KiB, a laboratory report of 200 results about
	// 120 KiB; the cap leaves room and bounds what one event can cost a server.
	MaxPayload = 256 << 10
	// MaxSeq bounds a device's sequence number (one event each millisecond for
	// 34,000 years), so that arithmetic on neighbours cannot overflow.
	MaxSeq = 1 << 50
	// MaxText caps any one human text in a body.
	MaxText = 16 << 10
)

// Sentinels of Parse; every error it returns wraps exactly one of them.
var (
	ErrMalformed   = errors.New("malformed payload")
	ErrVersion     = errors.New("schema version not supported")
	ErrUnknownType = errors.New("event type not known")
	ErrInvalid     = errors.New("invalid event")
	ErrTooLarge    = errors.New("payload too large")
)

// Payload is the signed content of an event.
type Payload struct {
	// V is the schema version, 1.
	V int64 `json:"v"`
	// Type names the kind of event and thereby the shape of Body.
	Type Type `json:"type"`
	// UUID is the event's own UUIDv7; never used twice.
	UUID UUID `json:"uuid"`
	// Case is the case that the event belongs to; absent where it belongs to none.
	Case UUID `json:"case,omitzero"`
	// Device is the enrolled device (or workstation, or authority) that sealed it.
	Device UUID `json:"device"`
	// Seq counts the device's events from 1.
	Seq int64 `json:"seq"`
	// Prev is the id of the device's event Seq-1; absent where Seq is 1.
	Prev ID `json:"prev,omitzero"`
	// Actor is the person who acted.
	Actor UUID `json:"actor"`
	// Clock is when, as the device knew it.
	Clock Clock `json:"clock"`
	// Seen is the newest checkpoint that the device had been shown.
	Seen *Seen `json:"seen,omitzero"`
	// Place is where the device was.
	Place *Place `json:"place,omitzero"`
	// Body is the content that Type names, exact bytes.
	Body jsontext.Value `json:"body"`
}

// Clock is a device's statement of the time.
type Clock struct {
	// Wall is the wall clock with its offset.
	Wall Stamp `json:"wall"`
	// Source says what last set the wall clock.
	Source ClockSource `json:"source"`
	// Boot identifies the device's current boot; monotonic times compare only within it.
	Boot UUID `json:"boot,omitzero"`
	// MonoMS is milliseconds since that boot.
	MonoMS int64 `json:"mono_ms,omitzero"`
}

// Seen is a checkpoint as a device embeds it.
type Seen struct {
	// Origin is the log's name.
	Origin string `json:"origin"`
	// Size is the number of leaves that the checkpoint covers.
	Size int64 `json:"size"`
	// Root is the Merkle root over them.
	Root Root `json:"root"`
	// Note is SHA-256 over the checkpoint's signed note bytes, cosignatures included.
	Note Digest `json:"note"`
}

// Place is a position fix.
type Place struct {
	// LatE7 and LonE7 are degrees times 1e7, north and east positive.
	LatE7 int64 `json:"lat_e7"`
	LonE7 int64 `json:"lon_e7"`
	// Datum says which coordinate system the figures are in.
	Datum Datum `json:"datum"`
	// AccuracyMM is the 68 % horizontal accuracy radius; 0 where not known.
	AccuracyMM int64 `json:"accuracy_mm,omitzero"`
	// AltMM is the altitude above the ellipsoid; absent where not known.
	AltMM *int64 `json:"alt_mm,omitzero"`
	// Source says how the fix was made.
	Source FixSource `json:"source"`
	// FixTime is when the fix was made, which may be long before the event.
	FixTime Stamp `json:"fix_time,omitzero"`
	// Mock records that the platform reported a mock provider; external
	// receivers use one legitimately, so it is recorded, not refused.
	Mock bool `json:"mock,omitzero"`
}

// Parse reads payload bytes strictly: one object, no unknown or duplicate
// members, the version and type known, the header valid. The body is checked
// by ParseBody. The result aliases data, which must not change afterwards.
// Errors wrap ErrTooLarge, ErrMalformed, ErrVersion, ErrUnknownType or ErrInvalid;
// with ErrVersion and ErrUnknownType the returned payload still carries what
// could be read, as a claim.
func Parse(data []byte) (Payload, error) {
	var p Payload
	if len(data) > MaxPayload {
		return p, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, len(data), MaxPayload)
	}
	if err := json.Unmarshal(data, &p, json.RejectUnknownMembers(true)); err != nil {
		if v, ok := futureVersion(data); ok {
			return claim(data), fmt.Errorf("%w: version %d (this software reads %d)", ErrVersion, v, Version)
		}
		return claim(data), fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if p.V < 1 {
		return p, fmt.Errorf("%w: no schema version", ErrMalformed)
	}
	if p.V != Version {
		return p, fmt.Errorf("%w: version %d (this software reads %d)", ErrVersion, p.V, Version)
	}
	if _, ok := specs[p.Type]; !ok {
		return p, fmt.Errorf("%w: %q", ErrUnknownType, clip([]byte(p.Type)))
	}
	if err := missing(data, reflect.TypeFor[Payload]()); err != nil {
		return p, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := p.validate(); err != nil {
		return p, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return p, nil
}

// claim reads device and sequence out of a payload that failed to parse, as far
// as they can be read: what a quarantined event says of itself, proving nothing.
func claim(data []byte) Payload {
	var c struct {
		V      int64          `json:"v"`
		Type   Type           `json:"type"`
		Case   UUID           `json:"case"`
		Device UUID           `json:"device"`
		Seq    int64          `json:"seq"`
		UUID   UUID           `json:"uuid"`
		Rest   jsontext.Value `json:",unknown"`
	}
	if json.Unmarshal(data, &c) != nil {
		return Payload{}
	}
	return Payload{V: c.V, Type: c.Type, Case: c.Case, Device: c.Device, Seq: c.Seq, UUID: c.UUID}
}

func futureVersion(data []byte) (int64, bool) {
	var v struct {
		V    int64          `json:"v"`
		Rest jsontext.Value `json:",unknown"`
	}
	if json.Unmarshal(data, &v) != nil {
		return 0, false
	}
	return v.V, v.V > Version
}

func (p *Payload) validate() error {
	s := specs[p.Type]
	switch {
	case p.UUID.IsZero():
		return errors.New("uuid is missing")
	case p.Device.IsZero():
		return errors.New("device is missing")
	case p.Actor.IsZero():
		return errors.New("actor is missing")
	case p.Seq < 1 || p.Seq > MaxSeq:
		return fmt.Errorf("seq %d is not between 1 and %d", p.Seq, int64(MaxSeq))
	case (p.Seq == 1) != p.Prev.IsZero():
		return errors.New("prev must be absent in a device's first event and present in every other")
	case (p.Seq == 1) != s.genesis:
		return fmt.Errorf("%s cannot be event %d of a chain: a chain starts with its genesis and has no other", p.Type, p.Seq)
	case s.inCase && p.Case.IsZero():
		return fmt.Errorf("%s must name its case", p.Type)
	case len(p.Body) == 0 || p.Body[0] != '{':
		return errors.New("body must be an object")
	}
	if err := p.Clock.validate(); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	if p.Seen != nil {
		if p.Seen.Origin == "" || p.Seen.Size < 0 || !utf8.ValidString(p.Seen.Origin) || len(p.Seen.Origin) > 255 {
			return errors.New("seen: origin or size is not valid")
		}
	}
	return p.Place.validate("place")
}

func (c *Clock) validate() error {
	if _, err := c.Wall.At(); err != nil {
		return err
	}
	if err := oneOf(c.Source, "source"); err != nil {
		return err
	}
	if c.MonoMS < 0 || c.MonoMS > 0 && c.Boot.IsZero() {
		return errors.New("mono_ms needs a boot id and is never negative")
	}
	return nil
}

// Check reports the first fault of a position fix.
func (p *Place) Check() error { return p.validate("place") }

func (p *Place) validate(name string) error {
	if p == nil {
		return nil
	}
	if p.LatE7 < -90e7 || p.LatE7 > 90e7 || p.LonE7 < -180e7 || p.LonE7 > 180e7 {
		return fmt.Errorf("%s: lat_e7 %d, lon_e7 %d is not on Earth", name, p.LatE7, p.LonE7)
	}
	if err := oneOf(p.Datum, name+".datum"); err != nil {
		return err
	}
	if err := oneOf(p.Source, name+".source"); err != nil {
		return err
	}
	if p.AccuracyMM < 0 {
		return fmt.Errorf("%s: accuracy_mm is negative", name)
	}
	if p.FixTime != "" {
		if _, err := p.FixTime.At(); err != nil {
			return fmt.Errorf("%s.fix_time: %w", name, err)
		}
	}
	return nil
}

// Marshal writes a payload once, for sealing. It refuses what Parse would refuse,
// so that a device cannot seal an event that no server takes.
func Marshal(p Payload) ([]byte, error) {
	data, err := json.Marshal(p, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	back, err := Parse(data)
	if err != nil {
		return nil, err
	}
	if _, err := ParseBody(back.Type, back.Body); err != nil {
		return nil, err
	}
	return data, nil
}
