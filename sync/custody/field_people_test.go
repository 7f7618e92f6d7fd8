package custody

import (
	"testing"

	"fieldseal/sync/event"
)

// officers are the ground's two, as a scene record names them.
func (s *ground) officers() []event.Officer {
	return []event.Officer{
		{Person: s.officer[0], Name: "Li Wei", CredentialNo: "ZF-Li Wei"},
		{Person: s.officer[1], Name: "Wang Fang", CredentialNo: "ZF-Wang Fang"},
	}
}

// scenery is a scene record with nothing wrong.
func (s *ground) scenery() *event.SiteRecorded {
	return &event.SiteRecorded{
		Site: s.uuid(), Name: "Yard", Start: event.StampOf(at(1)), Officers: s.officers(),
		Centre:  event.Place{LatE7: 300005000, LonE7: 1200005000, Datum: "WGS-84", AccuracyMM: 5000, Source: "gnss"},
		Outline: [][2]int64{{300000000, 1200000000}, {300000000, 1200010000}, {300010000, 1200010000}, {300010000, 1200000000}},
		Party:   &event.Attendance{Name: "Owner", Signing: "signed"},
	}
}

// grab is a sample with nothing wrong.
func (s *ground) grab(site event.UUID) *event.SampleCollected {
	return &event.SampleCollected{
		Sample: s.uuid(), Label: "S-1", QC: "primary", Matrix: "solid_waste", Gathering: "grab", Site: site, Start: event.StampOf(at(5)),
		Sampler: s.officer[0], SecondSampler: s.officer[1], Party: &event.Attendance{Name: "Owner", Signing: "signed"},
		Record: &event.Media{SHA256: s.hash(), Size: 10, Type: "application/pdf"},
	}
}

func TestOfficersAtTheScene(t *testing.T) {
	for _, v := range []struct {
		name   string
		change func(s *ground, b *event.SiteRecorded)
		n      int
	}{
		{"two", func(*ground, *event.SiteRecorded) {}, 0},
		{"one", func(_ *ground, b *event.SiteRecorded) { b.Officers = b.Officers[:1] }, 1},
		{"one, named twice", func(_ *ground, b *event.SiteRecorded) { b.Officers[1] = b.Officers[0] }, 1},
		{"one, once by id and once by credential", func(_ *ground, b *event.SiteRecorded) {
			b.Officers[1] = event.Officer{Name: "Li W.", CredentialNo: b.Officers[0].CredentialNo}
		}, 1},
		{"two by name only", func(_ *ground, b *event.SiteRecorded) {
			b.Officers = []event.Officer{{Name: "A", CredentialNo: "1"}, {Name: "B", CredentialNo: "2"}}
		}, 0},
		{"none", func(_ *ground, b *event.SiteRecorded) { b.Officers = nil }, 1},
	} {
		s := newGround(t)
		b := s.scenery()
		v.change(s, b)
		s.inspect.seal(at(2), b)
		if list := found(s.evaluate().Defects, "OFFICERS_LT_2"); len(list) != v.n {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}

func TestSamplers(t *testing.T) {
	for _, v := range []struct {
		name   string
		change func(s *ground, b *event.SampleCollected)
		n      int
	}{
		{"two", func(*ground, *event.SampleCollected) {}, 0},
		{"one", func(_ *ground, b *event.SampleCollected) { b.SecondSampler = event.UUID{} }, 1},
		{"the same twice", func(_ *ground, b *event.SampleCollected) { b.SecondSampler = b.Sampler }, 1},
		{"a trip blank is made in the laboratory", func(_ *ground, b *event.SampleCollected) {
			b.SecondSampler, b.QC = event.UUID{}, "trip_blank"
		}, 0},
		{"a field blank is made at the scene", func(_ *ground, b *event.SampleCollected) {
			b.SecondSampler, b.QC = event.UUID{}, "field_blank"
		}, 1},
	} {
		s := newGround(t)
		b := s.grab(s.uuid())
		v.change(s, b)
		s.inspect.seal(at(6), b)
		if list := found(s.evaluate().Defects, "OFFICERS_LT_2"); len(list) != v.n {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}

func TestPartyOrWitnessSigns(t *testing.T) {
	refused := &event.Attendance{Name: "Owner", Signing: "refused", Reason: "disputes the place"}
	witness := &event.Attendance{Name: "Neighbour", Signing: "signed"}
	for _, v := range []struct {
		name   string
		change func(site *event.SiteRecorded, b *event.SampleCollected)
		n      int
	}{
		{"signed", func(*event.SiteRecorded, *event.SampleCollected) {}, 0},
		{"refused, no witness", func(site *event.SiteRecorded, _ *event.SampleCollected) { site.Party = refused }, 1},
		{"refused, witness signs", func(site *event.SiteRecorded, _ *event.SampleCollected) { site.Party, site.Witness = refused, witness }, 0},
		{"nobody mentioned", func(site *event.SiteRecorded, _ *event.SampleCollected) { site.Party = nil }, 1},
		{"witness absent", func(site *event.SiteRecorded, _ *event.SampleCollected) {
			site.Party, site.Witness = refused, &event.Attendance{Signing: "absent"}
		}, 1},
		{"sample refused, no witness", func(_ *event.SiteRecorded, b *event.SampleCollected) { b.Party = refused }, 1},
		{"sample silent, scene record signed", func(_ *event.SiteRecorded, b *event.SampleCollected) { b.Party = nil }, 0},
		{"sample silent, without a scene", func(_ *event.SiteRecorded, b *event.SampleCollected) { b.Party, b.Site = nil, event.UUID{} }, 1},
	} {
		s := newGround(t)
		site := s.scenery()
		b := s.grab(site.Site)
		v.change(site, b)
		s.inspect.seal(at(2), site)
		s.inspect.seal(at(6), b)
		if list := found(s.evaluate().Defects, "PARTY_SIGN_ABSENT_NO_WITNESS"); len(list) != v.n {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}

func TestHowThePartyStoodIsSaid(t *testing.T) {
	for _, v := range []struct {
		party, witness *event.Attendance
		words          []string
	}{
		{nil, nil, []string{"is not mentioned", "no witness is mentioned"}},
		{&event.Attendance{Signing: "refused", Reason: "disputes"}, &event.Attendance{Signing: "absent"}, []string{"refused to sign (reason: disputes)", "the witness was absent"}},
		{&event.Attendance{Signing: "absent"}, &event.Attendance{Signing: "refused"}, []string{"was absent (reason: (not recorded))", "the witness refused"}},
	} {
		s := newGround(t)
		b := s.scenery()
		b.Party, b.Witness = v.party, v.witness
		s.inspect.seal(at(2), b)
		s.wantVariant("PARTY_SIGN_ABSENT_NO_WITNESS", "", v.words...)
	}
}

func TestCredentials(t *testing.T) {
	restate := func(s *ground, when float64, change func(*event.PersonRegistered)) {
		b := &event.PersonRegistered{Person: s.officer[0], Org: s.org, Name: "Li Wei", Roles: []event.Role{event.RoleInspector},
			CredentialNo: "ZF-Li Wei", CredentialFrom: "2024-01-01", CredentialUntil: "2027-12-31"}
		change(b)
		s.auth.seal(at(when), b)
	}
	for _, v := range []struct {
		name    string
		play    func(s *ground)
		n       int
		variant string
	}{
		{"in order", func(s *ground) { s.inspect.seal(at(2), s.scenery()) }, 0, ""},
		{"last day of validity, local time", func(s *ground) {
			restate(s, -100, func(b *event.PersonRegistered) { b.CredentialUntil = "2026-03-02" })
			s.inspect.note(at(900))
		}, 0, ""},
		{"the day after", func(s *ground) {
			restate(s, -100, func(b *event.PersonRegistered) { b.CredentialUntil = "2026-03-01" })
			s.inspect.note(at(1))
			s.inspect.note(at(2))
		}, 1, ""},
		{"not valid yet", func(s *ground) {
			restate(s, -100, func(b *event.PersonRegistered) { b.CredentialFrom = "2026-03-03" })
			s.inspect.note(at(1))
		}, 1, ""},
		{"unknown actor", func(s *ground) {
			s.inspect.note(at(1), func(e *Entry) { e.Event.Actor = s.uuid() })
		}, 1, "unknown"},
		{"struck off before", func(s *ground) {
			restate(s, 0, func(b *event.PersonRegistered) { b.Disabled = true })
			s.inspect.note(at(1))
		}, 1, "disabled"},
		{"struck off after", func(s *ground) {
			s.inspect.note(at(1))
			restate(s, 2, func(b *event.PersonRegistered) { b.Disabled = true })
		}, 0, ""},
		{"claims an earlier time than its checkpoint allows", func(s *ground) {
			restate(s, 5, func(b *event.PersonRegistered) { b.Disabled = true })
			s.inspect.sees(s.checkpoint(at(6)))
			s.inspect.note(at(7), wall(at(1)))
		}, 1, "disabled"},
		{"the second officer's has run out", func(s *ground) {
			s.auth.seal(at(-100), &event.PersonRegistered{Person: s.officer[1], Org: s.org, Name: "Wang Fang", Roles: []event.Role{event.RoleInspector},
				CredentialNo: "ZF-Wang Fang", CredentialUntil: "2026-02-01"})
			s.inspect.seal(at(2), s.scenery())
		}, 1, ""},
		{"the actor's own number is not the register's", func(s *ground) {
			b := s.scenery()
			b.Officers[0].CredentialNo = "ZF-000"
			s.inspect.seal(at(2), b)
		}, 1, "number"},
		{"an old checkpoint does not make the event old", func(s *ground) {
			s.inspect.sees(s.checkpoint(at(-2000)))
			restate(s, -1000, func(b *event.PersonRegistered) { b.CredentialFrom = "2026-03-02" })
			s.inspect.note(at(1))
		}, 0, ""},
		{"another number than the register's", func(s *ground) {
			b := s.scenery()
			b.Officers[1].CredentialNo = "ZF-000"
			s.inspect.seal(at(2), b)
		}, 1, "number"},
	} {
		s := newGround(t)
		v.play(s)
		list := found(s.evaluate().Defects, "CREDENTIAL_INVALID")
		if len(list) != v.n || v.n == 1 && list[0].Variant != v.variant {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}

func TestCredentialNotStated(t *testing.T) {
	s := newGround(t)
	b := s.scenery()
	b.Officers[0].CredentialNo = "" // the register has it
	s.inspect.seal(at(2), b)
	s.expect("CREDENTIAL_NOT_STATED", 0)
	b = s.scenery()
	b.Officers = append(b.Officers, event.Officer{Name: "Assistant"})
	s.inspect.seal(at(3), b)
	s.wantVariant("CREDENTIAL_NOT_STATED", "", "Assistant")
}

func TestUnknownActorIsNotADefectOfAPartialBundle(t *testing.T) {
	s := newGround(t)
	s.inspect.note(at(1), func(e *Entry) { e.Event.Actor = s.uuid() })
	s.in.Hidden = true
	r := s.evaluate()
	if len(found(r.Defects, "CREDENTIAL_INVALID")) != 0 || len(found(r.NotShown, "CREDENTIAL_INVALID")) != 1 {
		t.Error("the register of persons may be among what is not shown")
	}
}
