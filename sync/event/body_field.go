package event

import "fieldseal/sync/decimal"

// DeviceGenesis starts a device's chain and names the enrolment that it rests on.
type DeviceGenesis struct {
	// Enrolment is the id of the device.enrolled event.
	Enrolment ID     `json:"enrolment"`
	Key       Digest `json:"key"`
	Origin    string `json:"origin"`
	Model     string `json:"model,omitzero"`
	App       string `json:"app,omitzero"`
}

// Check reports every fault.
func (b *DeviceGenesis) Check(c *Checker) {
	c.need(!b.Enrolment.IsZero(), "enrolment")
	c.need(!b.Key.IsZero(), "key")
	c.text(b.Origin, "origin")
}

// ClockObserved records how far a device's clock was from the server's at a sync.
type ClockObserved struct {
	// ServerWall is the server's time as it answered; OffsetMS is server minus device
	// at the middle of the round trip, RoundTripMS its length.
	ServerWall  Stamp `json:"server_wall"`
	OffsetMS    int64 `json:"offset_ms"`
	RoundTripMS int64 `json:"round_trip_ms"`
}

// Check reports every fault.
func (b *ClockObserved) Check(c *Checker) {
	c.stamp(b.ServerWall, "server_wall")
	c.positive(b.RoundTripMS, "round_trip_ms")
}

// Ref points to a thing.
type Ref struct {
	Kind RefKind `json:"kind"`
	ID   UUID    `json:"id"`
}

func (r *Ref) check(c *Checker, name string) {
	if r == nil {
		return
	}
	word(c, r.Kind, name+".kind")
	c.id(r.ID, name+".id")
}

func checkRefs(c *Checker, refs []Ref, name string) {
	for i := range refs {
		refs[i].check(c, name)
	}
}

// Media names a file by the digest of its original bytes.
type Media struct {
	SHA256 Digest `json:"sha256"`
	Size   int64  `json:"size"`
	// Type is the media type; Name the file name as found.
	Type string `json:"type"`
	Name string `json:"name,omitzero"`
}

func (m *Media) check(c *Checker, name string) {
	if m == nil {
		return
	}
	c.need(!m.SHA256.IsZero(), name+".sha256")
	c.text(m.Type, name+".type")
	c.positive(m.Size, name+".size")
}

// CaseOpened opens a case. The event's case is its id.
type CaseOpened struct {
	Number     string `json:"number"`
	Title      string `json:"title"`
	Authority  string `json:"authority"`
	LegalBasis string `json:"legal_basis,omitzero"`
	// Clue is the tip that led here, by its number only: the informant stays protected.
	Clue          string   `json:"clue,omitzero"`
	LinkedCases   []string `json:"linked_cases,omitzero"`
	Jurisdictions []string `json:"jurisdictions,omitzero"`
}

// Check reports every fault.
func (b *CaseOpened) Check(c *Checker) {
	c.text(b.Number, "number")
	c.text(b.Title, "title")
	c.text(b.Authority, "authority")
}

// Officer is one who collects evidence.
type Officer struct {
	Person       UUID   `json:"person,omitzero"`
	Name         string `json:"name"`
	CredentialNo string `json:"credential_no,omitzero"`
}

// Attendance says how a party or a witness stood to the record.
type Attendance struct {
	Party   UUID    `json:"party,omitzero"`
	Name    string  `json:"name,omitzero"`
	Signing Signing `json:"signing"`
	Reason  string  `json:"reason,omitzero"`
	// Signature is the digest of the signed paper or drawn signature.
	Signature Digest `json:"signature,omitzero"`
}

func (a *Attendance) check(c *Checker, name string) {
	if a != nil {
		word(c, a.Signing, name+".signing")
	}
}

// SiteRecorded describes a scene.
type SiteRecorded struct {
	Site UUID   `json:"site"`
	Name string `json:"name"`
	// Centre is where; Outline the boundary as latitude, longitude in 1e-7 degree, in Centre's datum.
	Centre  Place      `json:"centre"`
	Outline [][2]int64 `json:"outline,omitzero"`
	Weather string     `json:"weather,omitzero"`
	// Wind direction in degrees (from), and speed.
	WindDeg   *decimal.Decimal `json:"wind_deg,omitzero"`
	WindMS    *decimal.Decimal `json:"wind_m_s,omitzero"`
	Officers  []Officer        `json:"officers"`
	Party     *Attendance      `json:"party,omitzero"`
	Witness   *Attendance      `json:"witness,omitzero"`
	Start     Stamp            `json:"start"`
	End       Stamp            `json:"end,omitzero"`
	Sketch    *Media           `json:"sketch,omitzero"`
	Access    string           `json:"access,omitzero"`
	Narrative string           `json:"narrative,omitzero"`
}

// Check reports every fault. That two officers are needed is a rule of custody, not of form.
func (b *SiteRecorded) Check(c *Checker) {
	c.id(b.Site, "site")
	c.text(b.Name, "name")
	c.place(&b.Centre, "centre")
	if n := len(b.Outline); n > 0 && n < 3 || n > 10000 {
		c.fault("outline has %d corners, must be 3 to 10000", n)
	}
	for _, o := range b.Outline {
		c.place(&Place{LatE7: o[0], LonE7: o[1], Datum: b.Centre.Datum, Source: "map"}, "outline")
	}
	for _, o := range b.Officers {
		c.text(o.Name, "officers.name")
	}
	b.Party.check(c, "party")
	b.Witness.check(c, "witness")
	c.stamp(b.Start, "start")
	c.maybe(b.End, "end")
	b.Sketch.check(c, "sketch")
}

// PartyRecorded names a party to the case.
type PartyRecorded struct {
	Party UUID      `json:"party"`
	Kind  PartyKind `json:"kind"`
	Name  string    `json:"name"`
	IDNo  string    `json:"id_no,omitzero"`
	Role  string    `json:"role,omitzero"`
	Note  string    `json:"note,omitzero"`
}

// Check reports every fault.
func (b *PartyRecorded) Check(c *Checker) {
	c.id(b.Party, "party")
	word(c, b.Kind, "kind")
	c.text(b.Name, "name")
}

// Identifier is a number that a thing carries: plate, VIN, account, drum marking.
type Identifier struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// ObjectRecorded describes a thing on the trail, such as a barrel, a vehicle or a bank account.
type ObjectRecorded struct {
	Object      UUID         `json:"object"`
	Kind        ObjectKind   `json:"kind"`
	Label       string       `json:"label"`
	Description string       `json:"description,omitzero"`
	Identifiers []Identifier `json:"identifiers,omitzero"`
	Site        UUID         `json:"site,omitzero"`
	SealNo      string       `json:"seal_no,omitzero"`
	// Held says that the thing itself was taken into custody.
	Held bool `json:"held,omitzero"`
}

// Check reports every fault.
func (b *ObjectRecorded) Check(c *Checker) {
	c.id(b.Object, "object")
	word(c, b.Kind, "kind")
	c.text(b.Label, "label")
	for _, i := range b.Identifiers {
		c.text(i.Kind, "identifiers.kind")
		c.text(i.Value, "identifiers.value")
	}
}

// LinkRecorded ties two things together (barrel to vehicle, vehicle to site, party
// to account) and says what shows it: the link is itself evidence.
type LinkRecorded struct {
	Link     UUID   `json:"link"`
	From     Ref    `json:"from"`
	To       Ref    `json:"to"`
	Relation string `json:"relation"`
	Basis    string `json:"basis"`
	Events   []ID   `json:"events,omitzero"`
	Media    *Media `json:"media,omitzero"`
}

// Check reports every fault.
func (b *LinkRecorded) Check(c *Checker) {
	c.id(b.Link, "link")
	b.From.check(c, "from")
	b.To.check(c, "to")
	c.text(b.Relation, "relation")
	c.text(b.Basis, "basis")
	b.Media.check(c, "media")
}

// QuantityRecorded is how much waste, of whom, and how well that is known. Masses are kilograms.
type QuantityRecorded struct {
	Quantity      UUID             `json:"quantity"`
	Party         UUID             `json:"party,omitzero"`
	Object        UUID             `json:"object,omitzero"`
	Site          UUID             `json:"site,omitzero"`
	Waste         string           `json:"waste"`
	WasteCode     string           `json:"waste_code,omitzero"`
	Tier          Tier             `json:"tier"`
	ContainerType string           `json:"container_type,omitzero"`
	Containers    int64            `json:"containers,omitzero"`
	GrossKG       *decimal.Decimal `json:"gross_kg,omitzero"`
	TareKG        *decimal.Decimal `json:"tare_kg,omitzero"`
	NetKG         *decimal.Decimal `json:"net_kg,omitzero"`
	WeighbridgeNo string           `json:"weighbridge_no,omitzero"`
	// WeighbridgeDue is when the weighbridge's verification lapses.
	WeighbridgeDue Date   `json:"weighbridge_due,omitzero"`
	WaybillNo      string `json:"waybill_no,omitzero"`
	ManifestNo     string `json:"manifest_no,omitzero"`
	Plate          string `json:"plate,omitzero"`
	Route          string `json:"route,omitzero"`
	From           Stamp  `json:"from,omitzero"`
	To             Stamp  `json:"to,omitzero"`
	// Basis says how an estimated figure was come by.
	Basis string `json:"basis,omitzero"`
	Media *Media `json:"media,omitzero"`
}

// Check reports every fault.
func (b *QuantityRecorded) Check(c *Checker) {
	c.id(b.Quantity, "quantity")
	c.text(b.Waste, "waste")
	word(c, b.Tier, "tier")
	c.positive(b.Containers, "containers")
	if b.NetKG == nil && b.GrossKG == nil && b.Containers == 0 {
		c.fault("a quantity needs a mass or a number of containers")
	}
	if b.Tier == "estimated" {
		c.text(b.Basis, "basis (how the figure was estimated)")
	}
	c.day(b.WeighbridgeDue, "weighbridge_due")
	c.maybe(b.From, "from")
	c.maybe(b.To, "to")
	b.Media.check(c, "media")
}

// NoteWritten is free text about the case or about things in it.
type NoteWritten struct {
	Text  string `json:"text"`
	About []Ref  `json:"about,omitzero"`
}

// Check reports every fault.
func (b *NoteWritten) Check(c *Checker) {
	c.text(b.Text, "text")
	checkRefs(c, b.About, "about")
}

// EventAmended corrects or voids an earlier event, which itself stays as it is.
type EventAmended struct {
	Target ID     `json:"target"`
	Reason string `json:"reason"`
	// Void withdraws the target as a whole.
	Void bool `json:"void,omitzero"`
	// Changes replace members of the target's body.
	Changes []Change `json:"changes,omitzero"`
}

// Change replaces one member of a body.
type Change struct {
	// Path is an RFC 6901 JSON pointer into the body.
	Path string `json:"path"`
	// Old and New are JSON texts; Old repeats what stood there (empty: absent),
	// an empty New removes the member.
	Old string `json:"old,omitzero"`
	New string `json:"new,omitzero"`
}

// Check reports every fault.
func (b *EventAmended) Check(c *Checker) {
	c.need(!b.Target.IsZero(), "target")
	c.text(b.Reason, "reason")
	if b.Void == (len(b.Changes) > 0) {
		c.fault("an amendment either voids its target or lists changes")
	}
	for _, ch := range b.Changes {
		if len(ch.Path) < 2 || ch.Path[0] != '/' {
			c.fault("changes: path %q is not a JSON pointer to a member", clip([]byte(ch.Path)))
		}
		c.note(ch.Old, "changes.old")
		c.note(ch.New, "changes.new")
	}
}

// PhotoCaptured is a picture by the digest of its original bytes.
type PhotoCaptured struct {
	Photo UUID  `json:"photo"`
	Media Media `json:"media"`
	// Exif is what the file says of itself.
	Exif *Exif `json:"exif,omitzero"`
	// HeadingCDeg is where the camera looked, hundredths of a degree from true north.
	HeadingCDeg  *int64 `json:"heading_cdeg,omitzero"`
	Photographer UUID   `json:"photographer,omitzero"`
	Shows        string `json:"shows"`
	SealVisible  YesNo  `json:"seal_visible"`
	Site         UUID   `json:"site,omitzero"`
	About        []Ref  `json:"about,omitzero"`
	// DerivativeOf is the digest of the original where this is a crop, copy or enhancement.
	DerivativeOf Digest `json:"derivative_of,omitzero"`
	Derivation   string `json:"derivation,omitzero"`
}

// Exif is what was read from a picture's metadata.
type Exif struct {
	// Time is the camera's local time text; Offset the zone where the file states one.
	Time        string `json:"time,omitzero"`
	Offset      string `json:"offset,omitzero"`
	GPSTime     Stamp  `json:"gps_time,omitzero"`
	GPSLatE7    *int64 `json:"gps_lat_e7,omitzero"`
	GPSLonE7    *int64 `json:"gps_lon_e7,omitzero"`
	GPSErrorMM  int64  `json:"gps_error_mm,omitzero"`
	GPSDatum    string `json:"gps_datum,omitzero"`
	Orientation int64  `json:"orientation,omitzero"`
	Width       int64  `json:"width,omitzero"`
	Height      int64  `json:"height,omitzero"`
	Make        string `json:"make,omitzero"`
	Model       string `json:"model,omitzero"`
	// PHash is a 64-bit perceptual hash of the picture, 16 hex digits.
	PHash string `json:"phash,omitzero"`
}

// Check reports every fault.
func (b *PhotoCaptured) Check(c *Checker) {
	c.id(b.Photo, "photo")
	b.Media.check(c, "media")
	c.text(b.Shows, "shows")
	word(c, b.SealVisible, "seal_visible")
	checkRefs(c, b.About, "about")
	if b.Exif != nil {
		c.maybe(b.Exif.GPSTime, "exif.gps_time")
		if (b.Exif.GPSLatE7 == nil) != (b.Exif.GPSLonE7 == nil) {
			c.fault("exif: latitude and longitude go together")
		}
	}
	if !b.DerivativeOf.IsZero() {
		c.text(b.Derivation, "derivation (what was done to the original)")
	}
}

// FileAttached is any other file.
type FileAttached struct {
	File         UUID     `json:"file"`
	Media        Media    `json:"media"`
	Kind         FileKind `json:"kind"`
	Title        string   `json:"title"`
	About        []Ref    `json:"about,omitzero"`
	DerivativeOf Digest   `json:"derivative_of,omitzero"`
	Derivation   string   `json:"derivation,omitzero"`
}

// Check reports every fault.
func (b *FileAttached) Check(c *Checker) {
	c.id(b.File, "file")
	b.Media.check(c, "media")
	word(c, b.Kind, "kind")
	c.text(b.Title, "title")
	checkRefs(c, b.About, "about")
	if !b.DerivativeOf.IsZero() {
		c.text(b.Derivation, "derivation (what was done to the original)")
	}
}
