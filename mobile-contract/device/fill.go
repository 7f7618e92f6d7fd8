package device

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"fieldseal/sync/event"
)

// filler completes a draft with what the device itself knows. It changes empty
// members only, and only these:
//
//   - the identifier of the thing that the event makes: a new UUIDv7
//   - label of a sample or sub-sample: the next one of the device's label blocks
//   - the time of the act (start, at, received): the event's own wall clock
//   - who did it (sampler, analyst, received by, photographer, the first officer): the actor
//   - laboratory: the device's organisation, with its accreditation
//   - qc and gathering of a sample: primary and grab
//   - size, type and name of a file that is in the store
//
// Nothing that a person must look at is ever filled in: answers such as "container
// intact" or "seal visible" stay empty and are refused empty.
type filler struct {
	c   *chain
	d   *Draft
	now event.Stamp
}

func (f *filler) fill() error {
	if err := f.files(); err != nil {
		return err
	}
	switch b := f.d.Body.(type) {
	case *event.SiteRecorded:
		f.newID(&b.Site)
		f.stamp(&b.Start)
		return f.officers(&b.Officers)
	case *event.PartyRecorded:
		f.newID(&b.Party)
	case *event.ObjectRecorded:
		f.newID(&b.Object)
	case *event.LinkRecorded:
		f.newID(&b.Link)
	case *event.QuantityRecorded:
		f.newID(&b.Quantity)
	case *event.SampleCollected:
		return f.sample(b)
	case *event.PhotoCaptured:
		f.newID(&b.Photo)
		f.actor(&b.Photographer)
	case *event.FileAttached:
		f.newID(&b.File)
	case *event.InstrumentRecorded:
		f.newID(&b.Instrument)
	case *event.InstrumentChecked:
		f.stamp(&b.At)
	case *event.AirStarted:
		f.newID(&b.Series)
	default:
		return f.fillLab(b)
	}
	return nil
}

// fillLab is fill for what laboratories and stores do.
func (f *filler) fillLab(b event.Body) error {
	switch b := b.(type) {
	case *event.SealApplied:
		f.stamp(&b.At)
	case *event.LabAccessioned:
		f.newID(&b.Accession)
		f.actor(&b.ReceivedBy)
		f.stamp(&b.Received)
		return f.lab(&b.Lab, &b.Accreditation)
	case *event.SubsampleMade:
		f.newID(&b.Subsample)
		f.actor(&b.Analyst)
		f.stamp(&b.At)
		return f.label(&b.Label)
	case *event.ResultsReported:
		f.newID(&b.Report)
		f.actor(&b.Analyst)
		for i := range b.Results {
			f.newID(&b.Results[i].Result)
		}
		return f.lab(&b.Lab, &b.Accreditation)
	case *event.StorageMoved:
		f.stamp(&b.At)
	case *event.HoldPlaced:
		f.newID(&b.Hold)
	case *event.ItemDisposed:
		f.stamp(&b.At)
	case *event.DossierStepTaken:
		if b.Step == "compiled" {
			f.newID(&b.Dossier)
		}
		f.stamp(&b.At)
	case *event.WaiverGranted:
		f.newID(&b.Waiver)
	}
	return nil
}

func (f *filler) sample(b *event.SampleCollected) error {
	f.newID(&b.Sample)
	f.stamp(&b.Start)
	f.actor(&b.Sampler)
	if b.QC == "" {
		b.QC = "primary"
	}
	if b.Gathering == "" {
		b.Gathering = "grab"
	}
	return f.label(&b.Label)
}

func (f *filler) newID(u *event.UUID) {
	if u.IsZero() {
		*u = newUUID(f.c.t.now)
	}
}

func (f *filler) actor(u *event.UUID) {
	if u.IsZero() {
		*u = f.d.Actor
	}
}

func (f *filler) stamp(s *event.Stamp) {
	if *s == "" {
		*s = f.now
	}
}

// label gives the next label where there is none yet, and refuses one used before.
func (f *filler) label(l *string) error {
	if *l == "" {
		next, err := nextLabel(f.c.t)
		if err != nil {
			return err
		}
		*l = next
		return nil
	}
	return labelFree(f.c.t, *l)
}

// officers names the actor where nobody is named: the second one is for a person to add.
func (f *filler) officers(list *[]event.Officer) error {
	if len(*list) > 0 {
		return nil
	}
	o := event.Officer{Person: f.d.Actor}
	err := f.c.t.row(`SELECT name, credential_no FROM persons WHERE person = $1`, o.Person[:]).Scan(&o.Name, &o.CredentialNo)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
		if o.Person == f.c.id.Person {
			o.Name = f.c.id.PersonName
		}
	}
	*list = []event.Officer{o}
	return err
}

// lab names the device's organisation where no laboratory is named.
func (f *filler) lab(lab *event.UUID, acc **event.Accreditation) error {
	if lab.IsZero() {
		*lab = f.c.id.Org
	}
	if *acc != nil {
		return nil
	}
	var text sql.NullString
	err := f.c.t.row(`SELECT accreditation FROM orgs WHERE org = $1`, lab[:]).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !text.Valid {
		return nil
	}
	if err != nil {
		return err
	}
	*acc, err = parseAccreditation(text.String)
	return err
}

// files completes the description of files that are in the store and refuses one
// that contradicts it.
func (f *filler) files() error {
	for _, m := range mediaOf(f.d.Body) {
		var size int64
		var typ, name string
		err := f.c.t.row(`SELECT size, type, name FROM media WHERE sha256 = $1`, m.SHA256[:]).Scan(&size, &typ, &name)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: %s (%q) is not in this store: add the file first", ErrMedia, m.SHA256, m.Name)
		}
		if err != nil {
			return err
		}
		if m.Size == 0 {
			m.Size = size
		}
		if m.Type == "" {
			m.Type = typ
		}
		if m.Name == "" {
			m.Name = name
		}
		if m.Size != size {
			return fmt.Errorf("%w: %s has %d bytes in the store, the event says %d", ErrMedia, m.SHA256, size, m.Size)
		}
	}
	return nil
}

// mediaOf finds every file that a body names.
func mediaOf(b event.Body) []*event.Media {
	var list []*event.Media
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Struct:
			if m, ok := v.Addr().Interface().(*event.Media); ok {
				if !m.SHA256.IsZero() {
					list = append(list, m)
				}
				return
			}
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		case reflect.Slice:
			if k := v.Type().Elem().Kind(); k != reflect.Struct && k != reflect.Pointer {
				return
			}
			for i := range v.Len() {
				walk(v.Index(i))
			}
		}
	}
	walk(reflect.ValueOf(b))
	return list
}
