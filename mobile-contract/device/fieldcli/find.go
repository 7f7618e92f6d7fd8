package fieldcli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"
)

// findCase finds a case by number or id; with an empty name the only one there is.
func (r *run) findCase(name string) (event.UUID, error) {
	if id, err := event.ParseUUID(name); err == nil {
		return id, nil
	}
	list, err := r.s.Cases(r.ctx)
	if err != nil {
		return event.UUID{}, err
	}
	var hits []device.CaseInfo
	for _, c := range list {
		if name == "" || c.Number == name {
			hits = append(hits, c)
		}
	}
	switch {
	case len(hits) == 1:
		return hits[0].ID, nil
	case len(hits) > 1 && name == "":
		return event.UUID{}, fmt.Errorf("%d cases are on this device: name one with --case NUMBER or $%s", len(hits), envCase)
	case len(hits) > 1:
		return event.UUID{}, fmt.Errorf("%d cases have the number %q: name one by its id (fieldkit case list)", len(hits), name)
	case name == "":
		return event.UUID{}, errors.New("no case is on this device: open one (fieldkit case open), or sync to fetch those you may see")
	}
	return event.UUID{}, fmt.Errorf("no case %q is on this device: fieldkit case list shows those that are; sync to fetch more", name)
}

// findThing finds a thing by id, KIND:ID, KIND:LABEL or label. Things of the case at
// hand outrank those of others.
func (r *run) findThing(name string, kinds ...event.RefKind) (event.Ref, error) {
	var want event.RefKind
	if kind, rest, ok := strings.Cut(name, ":"); ok && slices.Contains(want.Words(), kind) {
		want, name = event.RefKind(kind), rest
	}
	all, err := r.s.Things(r.ctx, device.ThingFilter{})
	if err != nil {
		return event.Ref{}, err
	}
	id, byID := event.ParseUUID(name)
	fits := func(k event.RefKind) bool {
		return (want == "" || k == want) && (len(kinds) == 0 || slices.Contains(kinds, k))
	}
	var here, elsewhere []device.Thing
	for _, t := range all {
		if !fits(t.Kind) || byID == nil && t.ID != id || byID != nil && !called(&t, name) {
			continue
		}
		if t.Case == r.caseID {
			here = append(here, t)
		} else {
			elsewhere = append(elsewhere, t)
		}
	}
	hits := here
	if len(hits) == 0 {
		hits = elsewhere
	}
	switch {
	case len(hits) == 1:
		return hits[0].Ref, nil
	case len(hits) > 1:
		return event.Ref{}, fmt.Errorf("%d things are called so: name one by KIND:LABEL or by its id (fieldkit list items)", len(hits))
	case byID == nil && want != "" && fits(want):
		return event.Ref{Kind: want, ID: id}, nil // not known here, but named whole
	case byID == nil && len(kinds) == 1:
		return event.Ref{Kind: kinds[0], ID: id}, nil
	}
	return event.Ref{}, fmt.Errorf("no %s is called so on this device: fieldkit list items shows what there is; sync to fetch more", kindText(want, kinds))
}

// called reports whether a thing goes by a name: its label, for an instrument also its
// serial number alone.
func called(t *device.Thing, name string) bool {
	return t.Label == name || t.Kind == "instrument" && strings.HasSuffix(t.Label, " "+name)
}

func kindText(want event.RefKind, kinds []event.RefKind) string {
	if want != "" {
		return string(want)
	}
	if len(kinds) == 0 {
		return "thing"
	}
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, " or ")
}

// thingOf gives what the store knows of a reference.
func (r *run) thingOf(want event.Ref) (device.Thing, error) {
	list, err := r.s.Things(r.ctx, device.ThingFilter{Kind: want.Kind})
	if err != nil {
		return device.Thing{}, err
	}
	for _, t := range list {
		if t.Ref == want {
			return t, nil
		}
	}
	return device.Thing{}, fmt.Errorf("%w: %s %s", device.ErrNotFound, want.Kind, want.ID)
}

// findPerson finds a person by name or id; "me" is the person of the device.
func (r *run) findPerson(name string) (event.UUID, error) {
	if id, err := event.ParseUUID(name); err == nil {
		return id, nil
	}
	id, err := r.s.Identity(r.ctx)
	if err != nil {
		return event.UUID{}, err
	}
	if name == "me" || name == id.PersonName {
		return id.Person, nil
	}
	list, err := r.s.Persons(r.ctx)
	if err != nil {
		return event.UUID{}, err
	}
	var hits []device.Person
	for _, p := range list {
		if p.Name == name || p.CredentialNo != "" && p.CredentialNo == name {
			hits = append(hits, p)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0].ID, nil
	case 0:
		return event.UUID{}, errors.New("no such person is known on this device: fieldkit list people shows who is; sync to fetch more")
	}
	return event.UUID{}, fmt.Errorf("%d people have that name: name one by credential number or id (fieldkit list people)", len(hits))
}

// findOrg finds an organisation by name or id.
func (r *run) findOrg(name string) (event.UUID, error) {
	if id, err := event.ParseUUID(name); err == nil {
		return id, nil
	}
	list, err := r.s.Orgs(r.ctx)
	if err != nil {
		return event.UUID{}, err
	}
	var hits []device.Org
	for _, o := range list {
		if o.Name == name || o.NameZH != "" && o.NameZH == name {
			hits = append(hits, o)
		}
	}
	if len(hits) != 1 {
		return event.UUID{}, fmt.Errorf("%d organisations of that name are known on this device: fieldkit list orgs shows them; sync to fetch more", len(hits))
	}
	return hits[0].ID, nil
}

// findEvent finds an event by its id, or at least 8 first digits of it, or its own
// number in this device's chain.
func (r *run) findEvent(name string) (event.ID, error) {
	if id, err := event.ParseID(name); err == nil {
		return id, nil
	}
	list, err := r.s.Events(r.ctx, device.EventFilter{})
	if err != nil {
		return event.ID{}, err
	}
	var hits []event.ID
	for _, e := range list {
		if fmt.Sprint(e.Seq) == name || len(name) >= 8 && strings.HasPrefix(e.ID.String(), name) {
			hits = append(hits, e.ID)
		}
	}
	if len(hits) != 1 {
		return event.ID{}, fmt.Errorf("%d records of this device are called %q: give the record's number or its event id (fieldkit list events)", len(hits), name)
	}
	return hits[0], nil
}

// made is the kind, label and id of the thing that a body made.
func made(b event.Body) (kind event.RefKind, label string, id event.UUID) {
	if t, ok := device.ThingOf(b); ok {
		return t.Kind, t.Label, t.ID
	}
	switch b := b.(type) {
	case *event.LinkRecorded:
		return "link", b.Relation, b.Link
	case *event.LabAccessioned:
		return "accession", b.LabID, b.Accession
	case *event.HoldPlaced:
		return "hold", b.Reason, b.Hold
	case *event.DossierStepTaken:
		return "dossier", string(b.Step), b.Dossier
	case *event.WaiverGranted:
		return "waiver", b.Defect, b.Waiver
	}
	return "", "", event.UUID{}
}
