package device

import (
	"fmt"
	"strconv"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// entry is a verified event on its way into the tables that people look things up in.
type entry struct {
	id     event.ID
	typ    event.Type
	caseID event.UUID
	body   event.Body
	own    bool
	// device is this store's own, to know which label blocks are for it.
	device event.UUID
	// by is the device that sealed the event; zero where it is this store's own.
	by event.UUID
}

// thing is a row of the table of things.
type thing struct {
	kind   event.RefKind
	id     event.UUID
	label  string
	seal   string
	parent event.UUID
}

// index enters what an event says into the look-up tables. It is idempotent, and
// holds nothing that the events do not say.
func index(t *tx, e entry) error {
	switch b := e.body.(type) {
	case *event.CaseOpened:
		return indexCase(t, e, b)
	case *event.SampleCollected:
		if err := indexLabel(t, e, b.Label); err != nil {
			return err
		}
	case *event.SubsampleMade:
		if err := indexLabel(t, e, b.Label); err != nil {
			return err
		}
	case *event.SealApplied:
		if ok, err := entitled(t, e); err != nil || !ok {
			return err
		}
		return t.exec(`UPDATE things SET seal_no = $3 WHERE kind = $1 AND id = $2`, string(b.Item.Kind), b.Item.ID[:], b.NewSeal)
	case *event.EventAmended:
		if b.Void {
			if ok, err := sameSide(t, e, b.Target); err != nil || !ok {
				return err
			}
			return t.exec(`UPDATE things SET void_by = $2 WHERE event_id = $1`, b.Target[:], e.id[:])
		}
		return nil
	}
	if th, ok := thingOf(e.body); ok {
		return putThing(t, e, th)
	}
	return indexAuthority(t, e)
}

// thingOf is the thing that a body makes or describes.
func thingOf(body event.Body) (thing, bool) {
	switch b := body.(type) {
	case *event.SiteRecorded:
		return thing{kind: "site", id: b.Site, label: b.Name}, true
	case *event.PartyRecorded:
		return thing{kind: "party", id: b.Party, label: b.Name}, true
	case *event.ObjectRecorded:
		return thing{kind: "object", id: b.Object, label: b.Label, seal: b.SealNo}, true
	case *event.QuantityRecorded:
		return thing{kind: "quantity", id: b.Quantity, label: b.Waste, parent: b.Party}, true
	case *event.SampleCollected:
		return thing{kind: "sample", id: b.Sample, label: b.Label, seal: b.SealNo, parent: b.Parent}, true
	case *event.SubsampleMade:
		return thing{kind: "subsample", id: b.Subsample, label: b.Label, parent: b.Parent.ID}, true
	case *event.PhotoCaptured:
		return thing{kind: "photo", id: b.Photo, label: b.Shows}, true
	case *event.FileAttached:
		return thing{kind: "file", id: b.File, label: b.Title}, true
	case *event.InstrumentRecorded:
		return thing{kind: "instrument", id: b.Instrument, label: b.Make + " " + b.Serial}, true
	case *event.AirStarted:
		return thing{kind: "series", id: b.Series, label: b.Format + " " + string(b.Source), parent: b.Instrument}, true
	case *event.ResultsReported:
		return thing{kind: "report", id: b.Report, label: b.ReportNo}, true
	case *event.CustodyOffered:
		terms, err := event.ParseTerms(b.Terms)
		if err != nil {
			return thing{}, false
		}
		return thing{kind: "handover", id: terms.Handover, label: terms.From.Name + " → " + terms.To.Name}, true
	}
	return thing{}, false
}

// putThing keeps the first statement's event and own flag, and the newest words. A
// thing known from a handover alone takes the event that made it once that is here.
func putThing(t *tx, e entry, th thing) error {
	if ok, err := mayDescribe(t, e, th); err != nil || !ok {
		return err
	}
	return t.exec(`INSERT INTO things (kind, id, case_id, label, seal_no, parent, event_id, own)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (kind, id) DO UPDATE SET label = excluded.label, parent = coalesce(excluded.parent, things.parent),
			event_id = CASE WHEN things.event_id IN (SELECT offer FROM handovers) THEN excluded.event_id ELSE things.event_id END,
			seal_no = CASE excluded.seal_no WHEN '' THEN things.seal_no ELSE excluded.seal_no END`,
		string(th.kind), th.id[:], e.caseID[:], th.label, th.seal, nullUUID(th.parent), e.id[:], e.own)
}

func indexLabel(t *tx, e entry, label string) error {
	return t.exec(`INSERT INTO labels (label, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, label, e.id[:])
}

func indexCase(t *tx, e entry, b *event.CaseOpened) error {
	return t.exec(`INSERT INTO cases (case_id, number, title, authority, event_id, own) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (case_id) DO NOTHING`, e.caseID[:], b.Number, b.Title, b.Authority, e.id[:], e.own)
}

// indexAuthority enters what the authority says: people, keys, label blocks, rules.
func indexAuthority(t *tx, e entry) error {
	switch b := e.body.(type) {
	case *event.OrgRegistered:
		acc, err := accreditationText(b.Accreditation)
		if err != nil {
			return err
		}
		return t.exec(`INSERT INTO orgs (org, kind, name, name_zh, accreditation) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (org) DO UPDATE SET kind = excluded.kind, name = excluded.name, name_zh = excluded.name_zh,
			accreditation = excluded.accreditation`, b.Org[:], string(b.Kind), b.Name, b.NameZH, acc)
	case *event.PersonRegistered:
		roles, err := json.Marshal(b.Roles)
		if err != nil {
			return err
		}
		return t.exec(`INSERT INTO persons (person, org, name, roles, credential_no, credential_until, disabled)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (person) DO UPDATE SET org = excluded.org, name = excluded.name,
			roles = excluded.roles, credential_no = excluded.credential_no, credential_until = excluded.credential_until,
			disabled = excluded.disabled`, b.Person[:], b.Org[:], b.Name, string(roles), b.CredentialNo, string(b.CredentialUntil), b.Disabled)
	case *event.DeviceEnrolled:
		return indexDevice(t, e, b)
	case *event.DeviceRevoked:
		return t.exec(`UPDATE devices SET revoked = $2 WHERE device = $1`, b.Device[:], b.Reason)
	case *event.LabelBlock:
		if b.Device != e.device {
			return nil
		}
		// The log that continues a former one states the same block again: its labels are given once.
		return t.exec(`INSERT INTO label_blocks (event_id, prefix, first, last, next) SELECT $1, $2, $3, $4, $3
			WHERE NOT EXISTS (SELECT 1 FROM label_blocks WHERE event_id = $1 OR prefix = $2 AND first <= $4 AND last >= $3)`, e.id[:], b.Prefix, b.First, b.Last)
	case *event.RulePack:
		return t.exec(`INSERT INTO rule_packs (pack, version, effective, sha256, content) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (pack, version) DO NOTHING`, b.Pack, b.Version, string(b.Effective), b.SHA256[:], b.Content)
	}
	return nil
}

// indexDevice keeps a device's key. A device has one key for life: the first
// enrolment stands, whatever is said later.
func indexDevice(t *tx, e entry, b *event.DeviceEnrolled) error {
	key, err := seal.ParseKeyInfo(b.Key)
	if err != nil {
		return fmt.Errorf("enrolment %s: %w", e.id, err)
	}
	return t.exec(`INSERT INTO devices (device, key_id, alg, spki, person, org, enrolment) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (device) DO NOTHING`, b.Device[:], idBytes(key.ID()), string(key.Alg()), key.SPKI(), b.Person[:], b.Org[:], e.id[:])
}

func accreditationText(a *event.Accreditation) (any, error) {
	if a == nil {
		return nil, nil
	}
	text, err := json.Marshal(a)
	return string(text), err
}

func parseAccreditation(text string) (*event.Accreditation, error) {
	var a event.Accreditation
	if err := json.Unmarshal([]byte(text), &a, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: accreditation %s: %w", ErrCorrupt, strconv.Quote(text), err)
	}
	return &a, nil
}
