package event

// AuthorityGenesis starts an authority's chain: who keeps this ledger and with which keys.
type AuthorityGenesis struct {
	// Name of the authority, and in Chinese where it has one.
	Name   string `json:"name"`
	NameZH string `json:"name_zh,omitzero"`
	// Key is the authority's own event key: algorithm and DER SubjectPublicKeyInfo, base64.
	Key PublicKeyInfo `json:"key"`
	// LogOrigin and LogKey are the ledger's name and its verifier key (C2SP signed-note vkey).
	LogOrigin string `json:"log_origin"`
	LogKey    string `json:"log_key"`
}

// PublicKeyInfo is a public key bound to the one algorithm it may be used with.
type PublicKeyInfo struct {
	// ID is SHA-256 over the DER SubjectPublicKeyInfo.
	ID Digest `json:"id"`
	// Alg is the only algorithm that signatures by this key are checked with.
	Alg Algorithm `json:"alg"`
	// SPKI is the DER SubjectPublicKeyInfo in standard base64.
	SPKI []byte `json:"spki"`
}

func (k *PublicKeyInfo) check(c *Checker) {
	c.need(!k.ID.IsZero(), "key.id")
	word(c, k.Alg, "key.alg")
	c.need(len(k.SPKI) > 0 && len(k.SPKI) < 512, "key.spki")
}

// Check reports every fault.
func (b *AuthorityGenesis) Check(c *Checker) {
	c.text(b.Name, "name")
	b.Key.check(c)
	c.text(b.LogOrigin, "log_origin")
	c.text(b.LogKey, "log_key")
}

// OrgRegistered adds an organisation.
type OrgRegistered struct {
	Org    UUID    `json:"org"`
	Kind   OrgKind `json:"kind"`
	Name   string  `json:"name"`
	NameZH string  `json:"name_zh,omitzero"`
	// Accreditation is a laboratory's, where it has one.
	Accreditation *Accreditation `json:"accreditation,omitzero"`
	// Request is the authority.requested event that this answers, where there was one.
	Request ID `json:"request,omitzero"`
}

// Accreditation is a laboratory's accreditation (CMA, CNAS, ISO/IEC 17025 …).
type Accreditation struct {
	Number string `json:"number"`
	Body   string `json:"body,omitzero"`
	// Methods is the scope: the method numbers it covers.
	Methods    []string `json:"methods,omitzero"`
	ValidFrom  Date     `json:"valid_from,omitzero"`
	ValidUntil Date     `json:"valid_until,omitzero"`
}

func (a *Accreditation) check(c *Checker) {
	if a == nil {
		return
	}
	c.text(a.Number, "accreditation.number")
	c.day(a.ValidFrom, "accreditation.valid_from")
	c.day(a.ValidUntil, "accreditation.valid_until")
}

// Check reports every fault.
func (b *OrgRegistered) Check(c *Checker) {
	c.id(b.Org, "org")
	word(c, b.Kind, "kind")
	c.text(b.Name, "name")
	b.Accreditation.check(c)
}

// PersonRegistered adds a person, or restates one: the newest statement counts from then on.
type PersonRegistered struct {
	Person UUID   `json:"person"`
	Org    UUID   `json:"org"`
	Name   string `json:"name"`
	// Login is the name used to sign in; absent for people who never do.
	Login string `json:"login,omitzero"`
	Roles []Role `json:"roles"`
	// Credential is the enforcement or professional credential.
	CredentialNo    string `json:"credential_no,omitzero"`
	CredentialFrom  Date   `json:"credential_from,omitzero"`
	CredentialUntil Date   `json:"credential_until,omitzero"`
	// Disabled ends the person's access; what they did stays theirs.
	Disabled bool `json:"disabled,omitzero"`
	// Request is the authority.requested event that this answers, where there was one.
	Request ID `json:"request,omitzero"`
}

// Check reports every fault.
func (b *PersonRegistered) Check(c *Checker) {
	c.id(b.Person, "person")
	c.id(b.Org, "org")
	c.text(b.Name, "name")
	c.need(len(b.Roles) > 0, "roles")
	for _, r := range b.Roles {
		word(c, r, "roles")
	}
	c.day(b.CredentialFrom, "credential_from")
	c.day(b.CredentialUntil, "credential_until")
}

// DeviceEnrolled binds a key to a device, a person and an organisation.
type DeviceEnrolled struct {
	Device UUID          `json:"device"`
	Key    PublicKeyInfo `json:"key"`
	Person UUID          `json:"person"`
	Org    UUID          `json:"org"`
	// Model and App say what the device called itself.
	Model string `json:"model,omitzero"`
	App   string `json:"app,omitzero"`
	// Code is SHA-256 over the one-time code that was spent.
	Code Digest `json:"code"`
	// Proof is the exact proof-of-possession envelope that the new key sealed.
	Proof []byte `json:"proof"`
	// Former, in a log that continues another one, is the enrolment that the device's
	// chain began with there: its genesis names that one and not this.
	Former *FormerEnrolment `json:"former,omitzero"`
}

// FormerEnrolment names an enrolment in a log that another one continues.
type FormerEnrolment struct {
	// Origin is that log's name, Enrolment the device.enrolled event in it.
	Origin    string `json:"origin"`
	Enrolment ID     `json:"enrolment"`
}

// Starts reports whether a chain that begins with the given genesis is that of
// the device that this event, of the given id and in the log of the given name,
// enrolled.
func (b *DeviceEnrolled) Starts(id ID, origin string, genesis *DeviceGenesis) bool {
	if genesis.Key != b.Key.ID {
		return false
	}
	return genesis.Enrolment == id && genesis.Origin == origin ||
		b.Former != nil && genesis.Enrolment == b.Former.Enrolment && genesis.Origin == b.Former.Origin
}

// Check reports every fault.
func (b *DeviceEnrolled) Check(c *Checker) {
	c.id(b.Device, "device")
	b.Key.check(c)
	c.id(b.Person, "person")
	c.id(b.Org, "org")
	c.need(!b.Code.IsZero(), "code")
	c.need(len(b.Proof) > 0, "proof")
	if b.Former != nil {
		c.text(b.Former.Origin, "former.origin")
		c.need(!b.Former.Enrolment.IsZero(), "former.enrolment")
	}
}

// DeviceRevoked ends a key: events that arrive after it are quarantined.
type DeviceRevoked struct {
	Device UUID   `json:"device"`
	Key    Digest `json:"key"`
	Reason string `json:"reason"`
	By     UUID   `json:"by,omitzero"`
	// Request is the authority.requested event that this answers, where there was one.
	Request ID `json:"request,omitzero"`
}

// Check reports every fault.
func (b *DeviceRevoked) Check(c *Checker) {
	c.id(b.Device, "device")
	c.need(!b.Key.IsZero(), "key")
	c.text(b.Reason, "reason")
}

// CaseGranted gives an organisation, or one person, a right in the event's case.
type CaseGranted struct {
	Grant  UUID   `json:"grant"`
	Org    UUID   `json:"org,omitzero"`
	Person UUID   `json:"person,omitzero"`
	Right  Right  `json:"right"`
	Until  Stamp  `json:"until,omitzero"`
	Reason string `json:"reason"`
	// Request is the authority.requested event that this answers, where there was one.
	Request ID `json:"request,omitzero"`
}

// Check reports every fault.
func (b *CaseGranted) Check(c *Checker) {
	c.id(b.Grant, "grant")
	if b.Org.IsZero() == b.Person.IsZero() {
		c.fault("exactly one of org and person must be named")
	}
	word(c, b.Right, "right")
	c.maybe(b.Until, "until")
	c.text(b.Reason, "reason")
}

// GrantRevoked ends a grant.
type GrantRevoked struct {
	Grant  UUID   `json:"grant"`
	Reason string `json:"reason"`
	// Request is the authority.requested event that this answers, where there was one.
	Request ID `json:"request,omitzero"`
}

// Check reports every fault.
func (b *GrantRevoked) Check(c *Checker) {
	c.id(b.Grant, "grant")
	c.text(b.Reason, "reason")
}

// MediaReceived states that a file's bytes arrived whole and match their digest.
type MediaReceived struct {
	SHA256 Digest `json:"sha256"`
	Size   int64  `json:"size"`
	Type   string `json:"type,omitzero"`
	// Carrier is the device that delivered it.
	Carrier UUID `json:"carrier,omitzero"`
}

// Check reports every fault.
func (b *MediaReceived) Check(c *Checker) {
	c.need(!b.SHA256.IsZero(), "sha256")
	c.positive(b.Size, "size")
}

// MediaQuarantined states that bytes arrived that are not what was announced; they are kept.
type MediaQuarantined struct {
	Wanted  Digest `json:"wanted"`
	Got     Digest `json:"got"`
	Size    int64  `json:"size"`
	Carrier UUID   `json:"carrier,omitzero"`
}

// Check reports every fault.
func (b *MediaQuarantined) Check(c *Checker) {
	c.need(!b.Wanted.IsZero(), "wanted")
	c.need(!b.Got.IsZero(), "got")
	c.positive(b.Size, "size")
}

// LabelBlock reserves label numbers for one device, so that devices without a
// network never give the same label twice.
type LabelBlock struct {
	Device UUID   `json:"device"`
	Prefix string `json:"prefix"`
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
	// Request is the authority.requested event that this answers, where there was one.
	Request ID `json:"request,omitzero"`
}

// Check reports every fault.
func (b *LabelBlock) Check(c *Checker) {
	c.id(b.Device, "device")
	c.text(b.Prefix, "prefix")
	if b.First < 1 || b.Last < b.First {
		c.fault("first %d and last %d are not a block", b.First, b.Last)
	}
}

// RulePack publishes a versioned pack of rules; Content is its exact JSON text.
type RulePack struct {
	Pack         string `json:"pack"`
	Version      string `json:"version"`
	Jurisdiction string `json:"jurisdiction"`
	Effective    Date   `json:"effective"`
	SHA256       Digest `json:"sha256"`
	Content      string `json:"content"`
}

// Check reports every fault.
func (b *RulePack) Check(c *Checker) {
	c.text(b.Pack, "pack")
	c.text(b.Version, "version")
	c.text(b.Jurisdiction, "jurisdiction")
	c.day(b.Effective, "effective")
	c.need(!b.SHA256.IsZero(), "sha256")
	c.need(b.Content != "", "content")
}

// BundleExported records that a court bundle was made, of what and for whom.
type BundleExported struct {
	Bundle         UUID   `json:"bundle"`
	ManifestSHA256 Digest `json:"manifest_sha256"`
	Shown          int64  `json:"shown"`
	Hidden         int64  `json:"hidden"`
	CheckpointSize int64  `json:"checkpoint_size"`
	Purpose        string `json:"purpose,omitzero"`
}

// Check reports every fault.
func (b *BundleExported) Check(c *Checker) {
	c.id(b.Bundle, "bundle")
	c.need(!b.ManifestSHA256.IsZero(), "manifest_sha256")
	c.positive(b.Shown, "shown")
	c.positive(b.Hidden, "hidden")
	c.positive(b.CheckpointSize, "checkpoint_size")
}

// LogPredecessor opens a successor log: the last checkpoint of the log that it continues.
type LogPredecessor struct {
	Origin     string `json:"origin"`
	Size       int64  `json:"size"`
	Root       Root   `json:"root"`
	Checkpoint string `json:"checkpoint"`
	Reason     string `json:"reason"`
	// Endorsement is the envelope in which the key of the former log's authority names
	// this log as the one that continues it (see package succession); absent where that
	// key is lost or no longer to be trusted.
	Endorsement []byte `json:"endorsement,omitzero"`
}

// MaxEndorsement bounds an endorsement in bytes: a statement of names and digests.
const MaxEndorsement = 8 << 10

// Check reports every fault.
func (b *LogPredecessor) Check(c *Checker) {
	c.text(b.Origin, "origin")
	c.positive(b.Size, "size")
	c.text(b.Checkpoint, "checkpoint")
	c.text(b.Reason, "reason")
	c.need(len(b.Endorsement) <= MaxEndorsement, "endorsement")
}
