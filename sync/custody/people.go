package custody

import (
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// people is who the authority says acts here: the statements about each person,
// organisation and device in the order in which the authority made them.
type people struct {
	persons map[event.UUID][]stated[*event.PersonRegistered]
	orgs    map[event.UUID][]stated[*event.OrgRegistered]
	// devices and keys find an enrolment by device and by key.
	devices map[event.UUID][]stated[*event.DeviceEnrolled]
	keys    map[seal.KeyID]stated[*event.DeviceEnrolled]
	// authorities are the devices that sealed an authority's genesis.
	authorities map[event.UUID]*event.AuthorityGenesis
}

// stated is a statement by the authority and the act that made it.
type stated[B any] struct {
	act  *act
	body B
}

func peopleOf(v *view) people {
	p := people{
		persons:     map[event.UUID][]stated[*event.PersonRegistered]{},
		orgs:        map[event.UUID][]stated[*event.OrgRegistered]{},
		devices:     map[event.UUID][]stated[*event.DeviceEnrolled]{},
		keys:        map[seal.KeyID]stated[*event.DeviceEnrolled]{},
		authorities: map[event.UUID]*event.AuthorityGenesis{},
	}
	for a, b := range eachOriginal[*event.PersonRegistered](v) {
		p.persons[b.Person] = append(p.persons[b.Person], stated[*event.PersonRegistered]{a, b})
	}
	for a, b := range eachOriginal[*event.OrgRegistered](v) {
		p.orgs[b.Org] = append(p.orgs[b.Org], stated[*event.OrgRegistered]{a, b})
	}
	for a, b := range eachOriginal[*event.DeviceEnrolled](v) {
		p.devices[b.Device] = append(p.devices[b.Device], stated[*event.DeviceEnrolled]{a, b})
		p.keys[seal.KeyID(b.Key.ID)] = stated[*event.DeviceEnrolled]{a, b}
	}
	for a, b := range eachOriginal[*event.AuthorityGenesis](v) {
		p.authorities[a.Event.Device] = b
	}
	return p
}

// asOf picks the newest statement made by t, or the first one where t is before
// all of them: a phone without a network may act before its person is restated.
func asOf[B any](list []stated[B], t time.Time) (b B, ok bool) {
	for i, s := range list {
		if i == 0 || !s.act.at.After(t) {
			b, ok = s.body, true
		}
	}
	return b, ok
}

// person is what the authority said of a person by t; nil where it never did.
func (v *view) person(id event.UUID, t time.Time) *event.PersonRegistered {
	b, _ := asOf(v.people.persons[id], t)
	return b
}

// org is what the authority said of an organisation by t; nil where it never did.
func (v *view) org(id event.UUID, t time.Time) *event.OrgRegistered {
	b, _ := asOf(v.people.orgs[id], t)
	return b
}

// orgOf is the organisation that an act was done for: the actor's at that time,
// or where the actor is not registered that of the device's enrolment. Who acted
// is what the device says; that it was sealed for an organisation is what its key
// proves. So a device that names somebody of another organisation acts for its own.
func (v *view) orgOf(a *act) event.UUID {
	holder, org := v.holder(a)
	if p := v.person(a.Event.Actor, a.at); p != nil && (org.IsZero() || a.Event.Actor == holder) {
		return p.Org
	}
	return org
}

// byAuthority reports whether an authority's own device sealed the act.
func (v *view) byAuthority(a *act) bool { return v.people.authorities[a.Event.Device] != nil }

// personName names a person for a text; one who is not registered by the id.
func (v *view) personName(id event.UUID) string {
	if list := v.people.persons[id]; len(list) > 0 {
		return list[len(list)-1].body.Name
	}
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// orgName names an organisation for a text; one that is not registered by its id.
func (v *view) orgName(id event.UUID) Text {
	if list := v.people.orgs[id]; len(list) > 0 {
		o := list[len(list)-1].body
		if o.NameZH != "" {
			return both(o.Name, o.NameZH)
		}
		return str(o.Name)
	}
	if id.IsZero() {
		return str("")
	}
	return str(id.String())
}

// actor names who did an act.
func (v *view) actor(a *act) Text { return str(v.personName(a.Event.Actor)) }
