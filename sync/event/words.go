package event

import (
	"fmt"
	"slices"
	"strings"
)

// Word is an enumerated word: a string type that lists what it may be. The
// JSON Schemas are generated from the same lists.
type Word interface {
	~string
	Words() []string
}

// oneOf checks a required word.
func oneOf[W Word](w W, name string) error {
	if slices.Contains(w.Words(), string(w)) {
		return nil
	}
	return fmt.Errorf("%w: %s is %q, must be one of %s", ErrText, name, clip([]byte(w)), strings.Join(w.Words(), ", "))
}

// ClockSource says what last set a wall clock.
type ClockSource string

// Words lists the clock sources.
func (ClockSource) Words() []string { return []string{"gnss", "network", "manual", "device"} }

// Datum is a coordinate reference: WGS-84 (GNSS), GCJ-02 (the shifted datum of Chinese maps) or CGCS2000.
type Datum string

// Words lists the datums.
func (Datum) Words() []string { return []string{"WGS-84", "GCJ-02", "CGCS2000"} }

// FixSource says how a position was obtained.
type FixSource string

// Words lists the fix sources.
func (FixSource) Words() []string { return []string{"gnss", "network", "map", "manual", "exif"} }

// RefKind is the kind of thing that a Ref points to.
type RefKind string

// Words lists the kinds of thing.
func (RefKind) Words() []string {
	return []string{"case", "site", "sample", "subsample", "object", "party", "photo", "file", "series", "instrument", "quantity", "handover", "report", "event"}
}

// OrgKind is the kind of an organisation.
type OrgKind string

// Words lists the kinds of organisation.
func (OrgKind) Words() []string {
	return []string{"environment", "police", "procuratorate", "court", "lab", "other"}
}

// Role is what a person may do.
type Role string

// The roles; a person has one or more.
const (
	RoleInspector  Role = "inspector"
	RoleAnalyst    Role = "lab_analyst"
	RoleClerk      Role = "court_clerk"
	RoleReviewer   Role = "legal_reviewer"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "administrator"
	RoleAuditor    Role = "auditor"
)

// Words lists the roles.
func (Role) Words() []string {
	return []string{"inspector", "lab_analyst", "court_clerk", "legal_reviewer", "supervisor", "administrator", "auditor"}
}

// Algorithm is a signature algorithm, bound to a key when it is enrolled.
type Algorithm string

// The algorithms. AlgP256 is ECDSA on NIST P-256 over SHA-256, ASN.1 DER signatures; AlgEd25519 is RFC 8032.
const (
	AlgP256    Algorithm = "ecdsa-p256-sha256"
	AlgEd25519 Algorithm = "ed25519"
)

// Words lists the algorithms.
func (Algorithm) Words() []string { return []string{"ecdsa-p256-sha256", "ed25519"} }

// Right is what a grant allows in a case.
type Right string

// Words lists the rights.
func (Right) Words() []string { return []string{"read", "write"} }

// QCType says what a sample is for.
type QCType string

// Words lists the kinds of sample in quality control.
func (QCType) Words() []string {
	return []string{"primary", "split", "field_duplicate", "trip_blank", "field_blank", "equipment_blank", "matrix_spike", "matrix_spike_duplicate"}
}

// Matrix is what a sample consists of.
type Matrix string

// Words lists the matrices.
func (Matrix) Words() []string {
	return []string{"water", "soil", "sediment", "solid_waste", "liquid_waste", "sludge", "air", "oil", "leachate", "biota", "other"}
}

// Gathering says whether a sample was taken at once or put together.
type Gathering string

// Words lists the ways of gathering.
func (Gathering) Words() []string { return []string{"grab", "composite"} }

// Signing says how a party or witness stood to the record.
type Signing string

// Words lists the ways: signed, refused to sign, or absent.
func (Signing) Words() []string { return []string{"signed", "refused", "absent"} }

// SealState is the state of a custody seal as found.
type SealState string

// Words lists the seal states.
func (SealState) Words() []string { return []string{"intact", "broken", "missing", "none"} }

// YesNo is an answer that is never left blank where it is asked.
type YesNo string

// Words lists the answers.
func (YesNo) Words() []string { return []string{"yes", "no", "not_applicable"} }

// FileKind says what an attached file is.
type FileKind string

// Words lists the kinds of file.
func (FileKind) Words() []string {
	return []string{"video", "audio", "sketch", "scene_record", "sampling_record", "interview", "waybill", "manifest", "gps_track", "seizure_list", "custody_form", "instrument_file", "lab_report", "lab_data", "monitoring", "certificate", "other"}
}

// ObjectKind says what a thing on the trail is.
type ObjectKind string

// Words lists the kinds of object.
func (ObjectKind) Words() []string {
	return []string{"barrel", "tank", "container", "waste_heap", "vehicle", "account", "equipment", "document", "phone", "outfall", "other"}
}

// PartyKind says what a party is.
type PartyKind string

// Words lists the kinds of party.
func (PartyKind) Words() []string { return []string{"person", "company", "unknown"} }

// Tier is how well a quantity is known.
type Tier string

// Words lists the evidence tiers.
func (Tier) Words() []string { return []string{"weighed", "documented", "estimated"} }

// SensorKind is an air sensor's principle.
type SensorKind string

// Words lists the sensor kinds.
func (SensorKind) Words() []string {
	return []string{"pid", "fid", "electrochemical", "ndir", "metal_oxide", "optical_particle", "cems", "other"}
}

// CheckKind is the kind of an instrument check.
type CheckKind string

// Words lists the checks.
func (CheckKind) Words() []string { return []string{"zero", "span", "bump", "calibration", "post_use"} }

// StreamSource says where readings came from.
type StreamSource string

// Words lists the stream sources.
func (StreamSource) Words() []string { return []string{"live", "file"} }

// Mode is how things change hands.
type Mode string

// Words lists the modes.
func (Mode) Words() []string { return []string{"by_hand", "courier", "storage"} }

// Decision is a laboratory's decision on a sample presented to it.
type Decision string

// Words lists the decisions.
func (Decision) Words() []string { return []string{"accept", "accept_with_qualifier", "reject"} }

// SubsampleKind is what a sub-sample is.
type SubsampleKind string

// Words lists the kinds of sub-sample.
func (SubsampleKind) Words() []string { return []string{"aliquot", "extract", "digest", "leachate"} }

// Signer is a role in signing a laboratory report.
type Signer string

// Words lists the signing roles.
func (Signer) Words() []string { return []string{"analyst", "reviewer", "approver"} }

// StorageMove is a movement into, within or out of storage.
type StorageMove string

// Words lists the storage movements.
func (StorageMove) Words() []string { return []string{"in", "moved", "out"} }

// DossierStep is a step on a transfer dossier's way.
type DossierStep string

// Words lists the steps.
func (DossierStep) Words() []string {
	return []string{"compiled", "legal_review", "deliberation", "approved", "sent", "received", "returned"}
}

// Resolution is what a supervisor decides about a quarantined item.
type Resolution string

// Words lists the resolutions.
func (Resolution) Words() []string { return []string{"acknowledged", "rejected", "superseded"} }
