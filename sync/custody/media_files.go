package custody

import (
	"cmp"
	"slices"
	"strings"

	"fieldseal/sync/event"
)

// files is what the case's events say of files, and what became of their bytes.
type files struct {
	// uses are all statements that name a file, in causal order; byDigest the same by digest.
	uses     []*fileUse
	byDigest map[event.Digest][]*fileUse
	// digests are in the order in which the case first names them.
	digests []event.Digest
	// arrivals and strays are the authority's statements about arrived bytes: whole
	// and right, or other than announced, by the digest that was wanted.
	arrivals map[event.Digest][]stated[*event.MediaReceived]
	strays   map[event.Digest][]stated[*event.MediaQuarantined]
	// pictures are the photos with a usable perceptual hash, pairs those that look
	// alike; both once they were asked for.
	pictures []*picture
	pairs    []lookalike
}

// fileUse is one statement of an event about a file.
type fileUse struct {
	act   *act
	media event.Media
	// ref is the item that the file is: a photo, a file, a series, or the event
	// that carries it where it has no name of its own.
	ref  event.Ref
	role fileRole
	// original is the digest of what the file was made from; zero for an original.
	original   event.Digest
	derivation string
	// shows is the picture's or file's title.
	shows string
}

// fileRole says what a file is to the event that names it.
type fileRole string

const (
	rolePhoto       fileRole = "photo"
	roleFile        fileRole = "file"
	roleSketch      fileRole = "sketch"
	roleCertificate fileRole = "certificate"
	roleRecord      fileRole = "sampling_record"
	roleQuantity    fileRole = "quantity_proof"
	roleLink        fileRole = "link_proof"
	roleAccession   fileRole = "accession_photo"
	roleResults     fileRole = "lab_file"
	roleSeries      fileRole = "instrument_file"
	roleWaiver      fileRole = "waiver_document"
)

var roleTexts = map[fileRole]Text{
	rolePhoto: both("photo", "照片"), roleFile: both("file", "文件"), roleSketch: both("site sketch", "现场勘验图"),
	roleCertificate: both("instrument certificate", "仪器证书"), roleRecord: both("sampling record", "采样记录"),
	roleQuantity: both("proof of quantity", "数量凭证"), roleLink: both("proof of a link", "关联凭证"),
	roleAccession: both("photo at check-in", "收样照片"), roleResults: both("laboratory file", "实验室数据文件"),
	roleSeries: both("instrument file", "仪器数据文件"), roleWaiver: both("decision on a waiver", "豁免决定文件"),
}

var _ = derive(stageFiles, "files", func(v *view) {
	f := files{
		byDigest: map[event.Digest][]*fileUse{},
		arrivals: map[event.Digest][]stated[*event.MediaReceived]{},
		strays:   map[event.Digest][]stated[*event.MediaQuarantined]{},
	}
	for _, a := range v.acts {
		switch b := a.Body.(type) {
		case *event.MediaReceived:
			f.arrivals[b.SHA256] = append(f.arrivals[b.SHA256], stated[*event.MediaReceived]{a, b})
		case *event.MediaQuarantined:
			f.strays[b.Wanted] = append(f.strays[b.Wanted], stated[*event.MediaQuarantined]{a, b})
		}
		if u := useOf(a); u != nil {
			f.uses = append(f.uses, u)
			if f.byDigest[u.media.SHA256] == nil {
				f.digests = append(f.digests, u.media.SHA256)
			}
			f.byDigest[u.media.SHA256] = append(f.byDigest[u.media.SHA256], u)
		}
	}
	v.files = f
	v.digitalItems()
})

// useOf is the file that an act's body names, as amended; nil where it names none.
func useOf(a *act) *fileUse {
	own := func(m *event.Media, role fileRole) *fileUse {
		if m == nil {
			return nil
		}
		return &fileUse{act: a, media: *m, ref: a.ref(), role: role}
	}
	switch b := a.now.(type) {
	case *event.PhotoCaptured:
		return &fileUse{act: a, media: b.Media, ref: event.Ref{Kind: "photo", ID: b.Photo}, role: rolePhoto,
			original: b.DerivativeOf, derivation: b.Derivation, shows: b.Shows}
	case *event.FileAttached:
		return &fileUse{act: a, media: b.Media, ref: event.Ref{Kind: "file", ID: b.File}, role: roleFile,
			original: b.DerivativeOf, derivation: b.Derivation, shows: b.Title}
	case *event.SiteRecorded:
		return own(b.Sketch, roleSketch)
	case *event.InstrumentRecorded:
		return own(b.Certificate, roleCertificate)
	case *event.SampleCollected:
		return own(b.Record, roleRecord)
	case *event.QuantityRecorded:
		return own(b.Media, roleQuantity)
	case *event.LinkRecorded:
		return own(b.Media, roleLink)
	case *event.LabAccessioned:
		return own(b.Photo, roleAccession)
	case *event.ResultsReported:
		return own(b.Source, roleResults)
	case *event.AirStarted:
		if u := own(b.File, roleSeries); u != nil {
			u.ref = event.Ref{Kind: "series", ID: b.Series}
			return u
		}
	case *event.WaiverGranted:
		return own(b.Document, roleWaiver)
	}
	return nil
}

// label is how a file is called in lists: its name as found, or what it shows.
func (u *fileUse) label() string {
	if u.media.Name != "" {
		return u.media.Name
	}
	if u.shows != "" {
		short, _, _ := strings.Cut(u.shows, "\n")
		if r := []rune(short); len(r) > 40 {
			short = string(r[:40]) + "…"
		}
		return short
	}
	return string(u.role) + " " + u.media.SHA256.String()[:12]
}

// text names a file for a sentence.
func (u *fileUse) text() Text {
	role := roleTexts[u.role]
	name := u.label()
	return both(role.EN+" “"+name+"”", role.ZH+"“"+name+"”")
}

// digitalItems writes down every file with its history: originals and
// derivatives apart, a derivative pointing to its original.
func (v *view) digitalItems() {
	byRef := map[event.Ref][]*fileUse{}
	var refs []event.Ref
	for _, u := range v.files.uses {
		if byRef[u.ref] == nil {
			refs = append(refs, u.ref)
		}
		byRef[u.ref] = append(byRef[u.ref], u)
	}
	for _, b := range each[*event.AirStarted](v) {
		ref := event.Ref{Kind: "series", ID: b.Series}
		if _, ok := byRef[ref]; !ok {
			byRef[ref] = nil
			refs = append(refs, ref)
		}
	}
	for _, ref := range refs {
		v.record.Items = append(v.record.Items, v.digitalItem(ref, byRef[ref]))
	}
	slices.SortStableFunc(v.record.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), compareRefs(&a.Ref, &b.Ref))
	})
}

func (v *view) digitalItem(ref event.Ref, uses []*fileUse) Item {
	it := Item{Ref: ref, Kind: Digital}
	if len(uses) > 0 {
		it.Label, it.What, it.Origin = uses[0].label(), roleTexts[uses[0].role], uses[0].act.ID
	}
	if ref.Kind == "series" {
		v.describeSeries(&it)
	}
	for _, u := range uses {
		it.Hashes = append(it.Hashes, v.hashesOf(u)...)
		if original := v.files.byDigest[u.original]; !u.original.IsZero() && len(original) > 0 && it.Parent == nil {
			it.Parent = &original[0].ref
		}
	}
	it.Hashes = slices.CompactFunc(it.Hashes, func(a, b HashStep) bool { return a == b })
	for _, a := range v.byRef[ref] {
		it.Steps = append(it.Steps, v.mediaStep(a, uses, false))
	}
	for _, a := range v.voided[ref] {
		it.Steps = append(it.Steps, v.mediaStep(a, uses, true))
	}
	return it
}

// describeSeries names a series of readings by its instrument.
func (v *view) describeSeries(it *Item) {
	for a, b := range concerning[*event.AirStarted](v, it.Ref) {
		name := v.instrumentName(b.Instrument)
		it.Label, it.Origin = name+" "+when(a.Event.Clock.Wall).EN, a.ID
		it.What = both("series of air readings ("+b.Format+")", "空气读数序列（"+b.Format+"）")
		return
	}
}

// hashesOf is the history of one file: what its event sealed, what arrived.
func (v *view) hashesOf(u *fileUse) []HashStep {
	what := "captured"
	if !u.original.IsZero() {
		what = "derived"
	}
	list := []HashStep{{Event: u.act.ID, At: u.act.Event.Clock.Wall, SHA256: u.media.SHA256, Size: u.media.Size, What: what}}
	for _, s := range v.files.strays[u.media.SHA256] {
		list = append(list, HashStep{Event: s.act.ID, At: s.act.Event.Clock.Wall, SHA256: s.body.Got, Size: s.body.Size, What: "quarantined"})
	}
	for _, s := range v.files.arrivals[u.media.SHA256] {
		list = append(list, HashStep{Event: s.act.ID, At: s.act.Event.Clock.Wall, SHA256: s.body.SHA256, Size: s.body.Size, What: "received"})
	}
	slices.SortStableFunc(list[1:], func(a, b HashStep) int { return a.At.Time().Compare(b.At.Time()) })
	return list
}

func (v *view) mediaStep(a *act, uses []*fileUse, voided bool) Step {
	s := Step{Kind: StepMentioned, Event: a.ID, By: a.Event.Actor, ByName: v.personName(a.Event.Actor),
		At: a.Event.Clock.Wall, Place: a.Event.Place, Voided: voided}
	if org := v.orgOf(a); !org.IsZero() {
		s.ByOrg = v.orgName(org).EN
	}
	for _, u := range uses {
		if u.act == a {
			s.Kind, s.Note = StepCollected, u.shows
			if u.role == rolePhoto {
				s.Kind = StepPhotographed
			}
			if u.derivation != "" {
				s.Note = u.shows + " (" + u.derivation + ")"
			}
		}
	}
	if _, ok := a.Body.(*event.AirStarted); ok {
		s.Kind = StepCollected
	}
	return s
}
