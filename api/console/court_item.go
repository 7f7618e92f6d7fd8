package console

import (
	"slices"
	"strings"

	"fieldseal/sync/certificate"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// exhibitPage is one exhibit: what, where, when and why that is believed, who,
// under which seal, and what is wrong with it.
type exhibitPage struct {
	courtPlace
	Item *custody.Item
	// Group is "physical", "original" or "derivative".
	Group string
	// Origin is the event that brought it into the case; absent where it is not here.
	Origin *projection.Entry
	// Claimed is when that happened, as claimed.
	Claimed event.Stamp
	Where   string
	Place   *event.Place
	Site    *event.SiteRecorded
	Facts   []courtFact
	People  []courtPerson
	Files   []courtFile
	// Pictures are the photos of it, Copies what was derived from it.
	Pictures, Copies, Parts []*custody.Item
	// PartResults are the results on what was taken from it.
	PartResults           []partResult
	Labs                  []certificate.Laboratory
	Reports               []custody.ReportInfo
	Defects               []*custody.Defect
	Handovers             []custody.HandoverInfo
	Corrections           []custody.AmendmentInfo
	Compared              []custody.Comparison
	Holds                 []holdInfo
	MayExport, MayCertify bool
}

// partResult is a result on a part of the exhibit.
type partResult struct {
	Part *custody.Item
	custody.ResultInfo
}

// courtFact is one thing that its record says: the words court.fact.KEY, and the value.
type courtFact struct {
	Key, Value string
	// Words: the value is a word of the schema, court.word.VALUE.
	Words bool
}

// courtPerson is somebody who took part, in a part court.who.KEY.
type courtPerson struct {
	Key, Name, Org, Credential string
	// Note says how they stood to the record: court.word.NOTE.
	Note string
}

// courtFile is a file that the exhibit is or names.
type courtFile struct {
	SHA256 event.Digest
	Size   int64
	Type   string
	Name   string
	// State is "here", "missing" or "mismatch".
	State string
	// Picture: browsers can be shown a thumbnail of it.
	Picture bool
	// Got is what arrived instead of it.
	Got event.Digest
}

// Unexplained is the time of its handovers that nothing accounts for.
func (p *exhibitPage) Unexplained() int64 { return unexplained(p.Item) }

// Steps are its steps as they are told to a reader.
func (p *exhibitPage) Steps() []certificate.Told { return certificate.Tell(p.Item.Steps) }

// Tally counts its defects.
func (p *exhibitPage) Tally() tally { return tallyOf(p.Defects) }

// ParentItem is what it was taken or derived from.
func (p *exhibitPage) ParentItem() *custody.Item {
	if p.Item.Parent == nil {
		return nil
	}
	return itemOf(p.Record, *p.Item.Parent)
}

// LabOf is a laboratory whose accreditation is known.
func (p *exhibitPage) LabOf(id event.UUID) *certificate.Laboratory {
	for i := range p.Labs {
		if p.Labs[i].ID == id {
			return &p.Labs[i]
		}
	}
	return nil
}

func (k *Console) courtItem(c *fiber.Ctx) error {
	id, err := uuid(c, "id")
	if err != nil {
		return err
	}
	ref := event.Ref{Kind: event.RefKind(c.Params("kind")), ID: id}
	p := exhibitPage{MayExport: k.Court.Export != nil, MayCertify: k.Court.Certify != nil}
	if p.courtPlace, err = k.courtCase(c, "item", string(ref.Kind)+" "+id.String()); err != nil {
		return err
	}
	if p.Item = itemOf(p.Record, ref); p.Item == nil {
		return noItem(ref)
	}
	p.related()
	if err := k.read(c, func(tx *store.Tx, _ projection.Person) error { return p.load(tx) }); err != nil {
		return err
	}
	if p.Holds, err = k.holdsOf(c, p.Record, p.Item); err != nil {
		return err
	}
	return k.render(c, "court/item", p.Item.Label, &p)
}

// related finds, in the record, what else concerns the exhibit.
func (p *exhibitPage) related() {
	p.Group = "physical"
	if p.Item.Kind == custody.Digital {
		p.Group = "original"
		if derived(p.Item) {
			p.Group = "derivative"
		}
	}
	p.Defects = p.concerning[p.Item.Ref]
	events := map[event.ID]bool{p.Item.Origin: true}
	for _, s := range p.Item.Steps {
		events[s.Event] = true
		if s.Event == p.Item.Origin {
			p.Claimed, p.Where, p.Place = s.At, s.Where, s.Place
		}
	}
	for i := range p.Record.Items {
		it := &p.Record.Items[i]
		switch {
		case it.Ref == p.Item.Ref:
		case slices.Contains(p.Item.Subsamples, it.Ref):
			p.Parts = append(p.Parts, it)
		case it.Kind == custody.Digital && it.Parent != nil && *it.Parent == p.Item.Ref:
			p.Copies = append(p.Copies, it)
		case it.Ref.Kind == "photo" && events[it.Origin]:
			p.Pictures = append(p.Pictures, it)
		}
	}
	for _, h := range p.Record.Handovers {
		if slices.Contains(h.Refs, p.Item.Ref) {
			p.Handovers = append(p.Handovers, h)
		}
	}
	for _, a := range p.Record.Amendments {
		if events[a.Target] {
			p.Corrections = append(p.Corrections, a)
		}
	}
	p.partResults(p.Item, map[event.Ref]bool{})
	for _, r := range p.Record.Reports {
		if slices.ContainsFunc(p.Item.Results, func(x custody.ResultInfo) bool { return x.Report == r.Report }) ||
			slices.ContainsFunc(p.PartResults, func(x partResult) bool { return x.Report == r.Report }) {
			p.Reports = append(p.Reports, r)
		}
	}
	for _, x := range p.Record.Compared {
		if x.Thing == p.Item.Ref {
			p.Compared = append(p.Compared, x)
		}
	}
}

// partResults collects the results on what was taken from an item, and from that.
func (p *exhibitPage) partResults(it *custody.Item, seen map[event.Ref]bool) {
	for _, ref := range it.Subsamples {
		part := itemOf(p.Record, ref)
		if part == nil || seen[ref] {
			continue
		}
		seen[ref] = true
		for _, r := range part.Results {
			p.PartResults = append(p.PartResults, partResult{part, r})
		}
		p.partResults(part, seen)
	}
}

// Opened reports whether the seal was found broken because the exhibit was opened
// to take a part of it.
func (p *exhibitPage) Opened(id event.ID) bool {
	return slices.ContainsFunc(p.Item.Steps, func(s custody.Step) bool { return s.Event == id && s.Kind == custody.StepSubsampled })
}

// OverGap reports whether one of its handovers took longer than the rules allow.
func (p *exhibitPage) OverGap() bool {
	return slices.ContainsFunc(p.Handovers, func(h custody.HandoverInfo) bool { return p.Gap(h.Handover) })
}

// load reads what the record does not repeat: the body that it was sealed with, who
// the people are, what became of files, the laboratories' accreditation.
func (p *exhibitPage) load(tx *store.Tx) error {
	if err := p.loadOrigin(tx); err != nil {
		return err
	}
	if err := p.loadFiles(tx); err != nil {
		return err
	}
	return p.loadLabs(tx)
}

func (p *exhibitPage) loadOrigin(tx *store.Tx) error {
	if p.Item.Origin.IsZero() {
		return nil
	}
	row, found, err := projection.EventByID(tx, p.Item.Origin)
	if err != nil || !found {
		return err
	}
	e, err := projection.EntryOf(row)
	if err != nil {
		return err
	}
	p.Origin = &e
	p.Facts = factsOf(e.Body)
	if p.Place == nil {
		p.Place = e.Payload.Place
	}
	if site := siteOf(e.Body); !site.IsZero() {
		if p.Site, err = siteBody(tx, p.Case.ID, site); err != nil {
			return err
		}
	}
	return p.loadPeople(tx)
}

// siteBody reads how a scene of the case was first recorded; nil where it is not here.
func siteBody(tx *store.Tx, in, id event.UUID) (*event.SiteRecorded, error) {
	places, err := projection.CasePlaces(tx, in, -1, event.TypeSiteRecorded)
	if err != nil {
		return nil, err
	}
	for _, at := range places {
		row, found, err := tx.EventAt(at)
		if err != nil || !found {
			return nil, err
		}
		e, err := projection.EntryOf(row)
		if err != nil {
			return nil, err
		}
		if site, ok := e.Body.(*event.SiteRecorded); ok && site.Site == id {
			return site, nil
		}
	}
	return nil, nil
}

// loadPeople names everyone who took part in the exhibit's coming into the case.
func (p *exhibitPage) loadPeople(tx *store.Tx) error {
	add := func(key string, id event.UUID) error {
		if id.IsZero() {
			return nil
		}
		who, found, err := projection.PersonByID(tx, id)
		if err != nil {
			return err
		}
		x := courtPerson{Key: key, Name: id.String()}
		if found {
			org, _, err := projection.OrgByID(tx, who.Org)
			if err != nil {
				return err
			}
			x.Name, x.Org, x.Credential = who.Name, org.Name, who.CredentialNo
		}
		p.People = append(p.People, x)
		return nil
	}
	if err := add("sealed", p.Origin.Payload.Actor); err != nil {
		return err
	}
	for _, part := range partsOf(p.Origin.Body) {
		if err := add(part.key, part.person); err != nil {
			return err
		}
	}
	if p.Site != nil {
		for _, o := range p.Site.Officers {
			p.People = append(p.People, courtPerson{Key: "officer", Name: o.Name, Credential: o.CredentialNo})
		}
	}
	for _, a := range attendancesOf(p.Origin.Body, p.Site) {
		p.People = append(p.People, courtPerson{Key: a.key, Name: a.Name, Note: string(a.Signing)})
	}
	return nil
}

// loadFiles says what became of each file that the exhibit is made of.
func (p *exhibitPage) loadFiles(tx *store.Tx) error {
	refs, err := projection.MediaOf(tx, p.Case.ID)
	if err != nil {
		return err
	}
	for _, h := range p.Item.Hashes {
		if h.What != "captured" && h.What != "derived" || slices.ContainsFunc(p.Files, func(f courtFile) bool { return f.SHA256 == h.SHA256 }) {
			continue
		}
		f := courtFile{SHA256: h.SHA256, Size: h.Size, State: "missing"}
		for _, r := range refs {
			if r.SHA256 != h.SHA256 {
				continue
			}
			f.Type, f.Name = r.Type, r.Name
			if r.Media.Here() {
				f.State = "here"
			} else if r.Media.Bad > 0 {
				f.State = "mismatch"
			}
		}
		f.Picture = f.State == "here" && slices.Contains(pictures, strings.ToLower(f.Type))
		p.Files = append(p.Files, f)
	}
	for i, f := range p.Files {
		for _, h := range p.Item.Hashes {
			if f.State == "mismatch" && h.What == "quarantined" {
				p.Files[i].Got = h.SHA256
			}
		}
	}
	return nil
}

// pictures are the media types that the server makes thumbnails of.
var pictures = []string{"image/jpeg", "image/png", "image/gif", "image/webp", "image/tiff"}

// loadLabs reads the accreditation of the laboratories that worked on the exhibit:
// what the register says, else what they said of themselves.
func (p *exhibitPage) loadLabs(tx *store.Tx) (err error) {
	ids := map[event.UUID]bool{}
	var bodies []event.Body
	note := func(id event.ID) error {
		row, found, err := projection.EventByID(tx, id)
		if err != nil || !found {
			return err
		}
		e, err := projection.EntryOf(row)
		if err != nil {
			return err
		}
		switch b := e.Body.(type) {
		case *event.LabAccessioned:
			ids[b.Lab] = true
		case *event.ResultsReported:
			ids[b.Lab] = true
		}
		bodies = append(bodies, e.Body)
		return nil
	}
	for _, a := range p.Item.Accessions {
		if err := note(a.Event); err != nil {
			return err
		}
	}
	for _, r := range p.Item.Results {
		if err := note(r.Event); err != nil {
			return err
		}
	}
	for id := range ids {
		o, found, err := projection.OrgByID(tx, id)
		if err != nil {
			return err
		}
		if found {
			bodies = append(bodies, &event.OrgRegistered{Org: id, Kind: "lab", Name: o.Name, NameZH: o.NameZH, Accreditation: o.Accreditation})
		}
	}
	p.Labs = certificate.Laboratories(slices.Values(bodies))
	return nil
}
