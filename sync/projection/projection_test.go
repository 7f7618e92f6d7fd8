package projection_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
	"fieldseal/sync/store/pgtest"
)

func databases(t *testing.T, fn func(t *testing.T, w *ingesttest.World)) {
	t.Run("sqlite", func(t *testing.T) {
		fn(t, ingesttest.On(t, store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "p.db")}))
	})
	t.Run("postgres", func(t *testing.T) {
		fn(t, ingesttest.On(t, store.Config{Driver: store.Postgres, DSN: pgtest.Start(t)}))
	})
}

// Who may see and write a case: its organisation, and whoever a standing grant names.
func TestRights(t *testing.T) {
	databases(t, func(t *testing.T, w *ingesttest.World) {
		lab, court := w.AddOrg("lab"), w.AddOrg("court")
		owner, analyst, clerk, stranger := w.AddPerson(w.Org), w.AddPerson(lab), w.AddPerson(court), w.AddPerson(court)
		gone := w.AddPerson(w.Org)
		w.Author(ingest.Draft{Body: &event.PersonRegistered{Person: gone, Org: w.Org, Name: "Gone", Roles: []event.Role{"inspector"}, Disabled: true}})
		d := w.AddDeviceOf(w.Org, owner)
		genesis := d.Genesis()
		id, open := d.OpenCase("C-1")
		w.Submit(genesis, open)
		names := map[string]event.UUID{"owner": owner, "analyst": analyst, "clerk": clerk, "stranger": stranger, "gone": gone, "nobody": w.ID()}
		check := func(when, see, write string) {
			t.Helper()
			w.Read(func(tx *store.Tx) error {
				for name, p := range names {
					may, err := projection.MaySee(tx, id, p)
					if err != nil {
						return err
					}
					mayWrite, err := projection.MayWrite(tx, id, p)
					if err != nil {
						return err
					}
					cases, err := projection.CasesFor(tx, p)
					if err != nil {
						return err
					}
					listed := slices.ContainsFunc(cases, func(c projection.Case) bool { return c.ID == id })
					page, err := projection.Changes(tx, p, event.UUID{}, -1, 1000)
					if err != nil {
						return err
					}
					sent := slices.ContainsFunc(page.Events, func(r store.EventRow) bool { return r.Type == event.TypeCaseOpened })
					want := slices.Contains(strings.Fields(see), name)
					if may != want || listed != want || sent != want || mayWrite != slices.Contains(strings.Fields(write), name) {
						t.Errorf("%s: %s may see %v, is listed %v, is sent %v, may write %v", when, name, may, listed, sent, mayWrite)
					}
				}
				return nil
			})
		}
		check("at first", "owner", "owner")
		read, right, past := w.ID(), w.ID(), w.ID()
		w.Author(ingest.Draft{Case: id, Body: &event.CaseGranted{Grant: read, Org: lab, Right: "read", Reason: "x"}})
		check("granted to an organisation", "owner analyst", "owner")
		w.Author(ingest.Draft{Case: id, Body: &event.CaseGranted{Grant: right, Person: clerk, Right: "write", Reason: "x", Until: "2999-01-01T00:00:00Z"}},
			ingest.Draft{Case: id, Body: &event.CaseGranted{Grant: past, Person: stranger, Right: "write", Reason: "x", Until: "2020-01-01T00:00:00Z"}})
		check("granted to a person, and to another until yesterday", "owner analyst clerk", "owner clerk")
		w.Author(ingest.Draft{Case: id, Body: &event.GrantRevoked{Grant: read, Reason: "x"}})
		check("withdrawn from the organisation", "owner clerk", "owner clerk")
		w.Author(ingest.Draft{Body: &event.PersonRegistered{Person: clerk, Org: court, Name: "Clerk", Roles: []event.Role{"court_clerk"}, Disabled: true}})
		check("the person's access ended", "owner", "owner")
		w.Read(func(tx *store.Tx) error {
			list, err := projection.Grants(tx, id)
			if len(list) != 3 || list[0].ID != read || list[0].Stands(tx.Now()) || !list[1].Stands(tx.Now()) || list[2].Stands(tx.Now()) || list[1].Case != id {
				t.Errorf("%+v %v", list, err)
			}
			return err
		})
	})
}

// A case that nobody has opened belongs to nobody; one opened at the authority's
// desk belongs to the organisation of the person who acted.
func TestOwnership(t *testing.T) {
	w := ingesttest.New(t)
	d := w.AddDevice()
	early := w.ID()
	w.Submit(d.Genesis(), d.Note(early, "before it was opened"))
	desk, court := w.ID(), w.AddOrg("court")
	clerk := w.AddPerson(court)
	w.Author(ingest.Draft{Case: desk, Actor: clerk, Body: &event.CaseOpened{Number: "D-1", Title: "At the desk", Authority: "Court"}})
	w.Read(func(tx *store.Tx) error {
		c, found, err := projection.CaseByID(tx, early)
		if err != nil || !found || c.OpenedIndex != -1 || !c.Org.IsZero() || c.Events != 1 {
			t.Errorf("%+v %v %v", c, found, err)
		}
		if ok, err := projection.MaySee(tx, early, d.Person); ok || err != nil {
			t.Errorf("a case that nobody opened is seen: %v", err)
		}
		if c, found, err = projection.CaseByNumber(tx, "D-1"); err != nil || !found || c.ID != desk || c.Org != court || c.OpenedBy != clerk {
			t.Errorf("%+v %v %v", c, found, err)
		}
		return err
	})
	w.Submit(d.Seal(early, &event.CaseOpened{Number: "E-1", Title: "At last", Authority: "x"}), d.Seal(early, &event.CaseOpened{Number: "E-2", Title: "Again", Authority: "x"}))
	w.Read(func(tx *store.Tx) error {
		c, _, err := projection.CaseByID(tx, early)
		if c.Number != "E-1" || c.Org != w.Org || c.Events != 3 || c.Opened.IsZero() {
			t.Errorf("%+v", c)
		}
		return err
	})
}

func TestPeopleAreWhatWasStatedLast(t *testing.T) {
	w := ingesttest.New(t)
	id, lab := w.AddPerson(w.Org, event.RoleInspector), w.AddOrg("lab")
	state := func(b event.PersonRegistered) {
		b.Person = id
		w.Author(ingest.Draft{Body: &b})
	}
	state(event.PersonRegistered{Org: lab, Name: "New Name", Login: "new", Roles: []event.Role{event.RoleAnalyst, event.RoleSupervisor}, CredentialNo: "C-1", CredentialFrom: "2026-01-01", CredentialUntil: "2027-01-01"})
	w.Author(ingest.Draft{Body: &event.OrgRegistered{Org: lab, Kind: "lab", Name: "Renamed", NameZH: "改名", Accreditation: &event.Accreditation{Number: "CMA 1", Methods: []string{"HJ 1"}}}})
	w.Read(func(tx *store.Tx) error {
		p, found, err := projection.PersonByLogin(tx, "new")
		if err != nil || !found || p.ID != id || p.Org != lab || p.Name != "New Name" || !p.Has(event.RoleSupervisor) || p.Has(event.RoleInspector) || p.CredentialUntil != "2027-01-01" {
			t.Errorf("%+v %v %v", p, found, err)
		}
		if _, found, err := projection.PersonByLogin(tx, ""); found || err != nil {
			t.Errorf("the empty login is someone's: %v", err)
		}
		o, found, err := projection.OrgByID(tx, lab)
		if err != nil || !found || o.Name != "Renamed" || o.NameZH != "改名" || o.Accreditation == nil || o.Accreditation.Methods[0] != "HJ 1" {
			t.Errorf("%+v %v %v", o, found, err)
		}
		people, err := projection.Persons(tx)
		if len(people) != 1 {
			t.Errorf("%d people", len(people))
		}
		return err
	})
	state(event.PersonRegistered{Org: lab, Name: "New Name", Roles: []event.Role{event.RoleAnalyst}})
	w.AddDeviceOf(lab, id)
	w.Author(ingest.Draft{Body: &event.PersonRegistered{Person: w.ID(), Org: lab, Name: "Other", Login: "new", Roles: []event.Role{event.RoleAnalyst}}})
}

func TestHeads(t *testing.T) {
	databases(t, func(t *testing.T, w *ingesttest.World) {
		d := w.AddDevice()
		var lines [][]byte
		var ids []event.ID
		add := func(line []byte) { lines, ids = append(lines, line), append(ids, d.Prev) }
		add(d.Genesis())
		for i := range 9 {
			add(d.Note(w.ID(), fmt.Sprint(i)))
		}
		for _, c := range []struct {
			submit string
			want   projection.Head
		}{
			{"", projection.Head{FirstMissing: 1}},
			{"4", projection.Head{Max: 4, FirstMissing: 1, Pending: []projection.Span{{First: 4, Last: 4}}}},
			{"1", projection.Head{Seq: 1, ID: ids[0], Max: 4, FirstMissing: 2, Pending: []projection.Span{{First: 4, Last: 4}}}},
			{"7 8 5", projection.Head{Seq: 1, ID: ids[0], Max: 8, FirstMissing: 2, Pending: []projection.Span{{First: 4, Last: 5}, {First: 7, Last: 8}}}},
			{"3 6", projection.Head{Seq: 1, ID: ids[0], Max: 8, FirstMissing: 2, Pending: []projection.Span{{First: 3, Last: 8}}}},
			{"2", projection.Head{Seq: 8, ID: ids[7], Max: 8, FirstMissing: 9}},
			{"10 9", projection.Head{Seq: 10, ID: ids[9], Max: 10, FirstMissing: 11}},
		} {
			var batch [][]byte
			for _, f := range strings.Fields(c.submit) {
				var n int
				if _, err := fmt.Sscan(f, &n); err != nil {
					t.Fatal(err)
				}
				batch = append(batch, lines[n-1])
			}
			w.Submit(batch...)
			w.Read(func(tx *store.Tx) error {
				dev, _, err := projection.DeviceByID(tx, d.ID)
				if err != nil {
					return err
				}
				h, err := projection.HeadOf(tx, dev.N)
				if fmt.Sprint(h) != fmt.Sprint(c.want) {
					t.Errorf("after %q: %+v, want %+v", c.submit, h, c.want)
				}
				return err
			})
		}
	})
}

func TestMedia(t *testing.T) {
	databases(t, func(t *testing.T, w *ingesttest.World) {
		d := w.AddDevice()
		genesis := d.Genesis()
		id, open := d.OpenCase("M-1")
		here, missing, wrong := event.Digest{1}, event.Digest{2}, event.Digest{3}
		photo := func(sha event.Digest) []byte {
			return d.Seal(id, &event.PhotoCaptured{Photo: w.ID(), Media: event.Media{SHA256: sha, Size: 9, Type: "image/jpeg", Name: "a.jpg"}, Shows: "x", SealVisible: "no"})
		}
		lines := [][]byte{genesis, open, photo(here), photo(missing), photo(wrong), photo(here)}
		w.Submit(lines...)
		w.Author(ingest.Draft{Body: &event.MediaReceived{SHA256: here, Size: 9, Type: "image/jpeg"}}, ingest.Draft{Body: &event.MediaQuarantined{Wanted: wrong, Got: event.Digest{9}, Size: 4}},
			ingest.Draft{Body: &event.MediaQuarantined{Wanted: wrong, Got: event.Digest{8}, Size: 4}}, ingest.Draft{Body: &event.MediaReceived{SHA256: event.Digest{7}, Size: 1}})
		w.Read(func(tx *store.Tx) error {
			refs, err := projection.MediaOf(tx, id)
			if err != nil || len(refs) != 4 || !refs[0].Media.Here() || refs[1].Media.Here() || refs[0].Name != "a.jpg" || refs[0].Case != id {
				t.Errorf("%+v %v", refs, err)
			}
			gone, err := projection.MissingMedia(tx, id)
			if err != nil || len(gone) != 2 || gone[0].SHA256 != missing || gone[1].SHA256 != wrong || gone[1].Media.Bad != 2 {
				t.Errorf("%+v %v", gone, err)
			}
			m, found, err := projection.MediaByDigest(tx, wrong)
			if err != nil || !found || m.Here() || m.Bad != 2 {
				t.Errorf("%+v %v", m, err)
			}
			if of, err := projection.MediaRefs(tx, here); err != nil || len(of) != 2 {
				t.Errorf("%+v %v", of, err)
			}
			for sha, want := range map[event.Digest]bool{here: true, missing: true, {7}: false} {
				if ok, err := projection.MaySeeMedia(tx, sha, d.Person); err != nil || ok != want {
					t.Errorf("%s: %v %v", sha, ok, err)
				}
			}
			c, _, err := projection.CaseByID(tx, id)
			if c.Media != 3 || c.Items != 4 || c.Events != 5 {
				t.Errorf("%+v", c)
			}
			return err
		})
		w.Author(ingest.Draft{Body: &event.MediaReceived{SHA256: wrong, Size: 9}})
		w.Read(func(tx *store.Tx) error {
			m, _, err := projection.MediaByDigest(tx, wrong)
			if !m.Here() || m.Bad != 2 || m.Size != 9 {
				t.Errorf("at last: %+v", m)
			}
			return err
		})
	})
}

func TestFindItems(t *testing.T) {
	databases(t, func(t *testing.T, w *ingesttest.World) {
		d := w.AddDevice()
		genesis := d.Genesis()
		id, open := d.OpenCase("2026-HW-017")
		sha := eventtest.Digest("photo")
		object := w.ID()
		lines := [][]byte{genesis, open, d.Sample(id, "S-0001"), d.Sample(id, "s-0002"), d.Sample(id, "T-1"), d.Sample(id, "S_0001"),
			d.Seal(id, &event.ObjectRecorded{Object: object, Kind: "barrel", Label: "Blue  Drum\t17 桶", Held: true}),
			d.Seal(id, &event.PhotoCaptured{Photo: w.ID(), Media: event.Media{SHA256: sha, Size: 1, Type: "image/jpeg"}, Shows: "the drum", SealVisible: "yes"})}
		w.Submit(lines...)
		// However many things of others go by such a label, they take nobody's place.
		police := w.AddOrg("police")
		stranger := w.AddDeviceOf(police, w.AddPerson(police))
		theirs := [][]byte{stranger.Genesis()}
		other, opened := stranger.OpenCase("2026-HW-017")
		theirs = append(theirs, opened)
		for i := range 150 {
			theirs = append(theirs, stranger.Sample(other, fmt.Sprintf("S-%04d", i)))
		}
		w.Submit(theirs...)
		for text, want := range map[string]string{
			"S-": "S-0001 s-0002", "s-0001": "S-0001", "S_": "S_0001", "blue drum 17": "Blue  Drum\t17 桶", "BLUE DRUM 17 桶": "Blue  Drum\t17 桶",
			"%": "", "": "", "x": "", "the": "the drum", sha.String()[:6]: "the drum", sha.String(): "the drum", strings.ToUpper(sha.String()[:7]): "the drum",
			sha.String()[:5]: "", object.String(): "Blue  Drum\t17 桶", "2026-HW-017": "S-0001 s-0002 T-1 S_0001 Blue  Drum\t17 桶 the drum",
		} {
			w.Read(func(tx *store.Tx) error {
				list, err := projection.FindItems(tx, d.Person, text, 100)
				var labels []string
				for _, i := range list {
					labels = append(labels, i.Label)
					if i.Case != id {
						t.Errorf("%+v", i)
					}
				}
				if got := strings.Join(labels, " "); got != want {
					t.Errorf("%q finds %q, want %q", text, got, want)
				}
				if few, err := projection.FindItems(tx, d.Person, text, 1); err != nil || len(few) > 1 {
					t.Errorf("%d of 1, %v", len(few), err)
				}
				return err
			})
		}
	})
}

// noise is a text of n bytes that no database can make smaller.
func noise(n int) string {
	var b strings.Builder
	for sum := sha256.Sum256(nil); b.Len() < n; sum = sha256.Sum256(sum[:]) {
		b.WriteString(hex.EncodeToString(sum[:]))
	}
	return b.String()[:n]
}

// No text that a device may seal can keep its event, or any other, out of the log.
func TestHostileTexts(t *testing.T) {
	databases(t, func(t *testing.T, w *ingesttest.World) {
		d := w.AddDevice()
		lines := [][]byte{d.Genesis()}
		for i, text := range []string{"a\x00b", strings.Repeat("长", event.MaxText/3), strings.Repeat("x", event.MaxText), noise(event.MaxText), "\u200b\u202e", "'; DROP TABLE events; --", "%_\\", "\U0010FFFF"} {
			id := w.ID()
			lines = append(lines, d.Seal(id, &event.CaseOpened{Number: text, Title: text, Authority: text}), d.Sample(id, text),
				d.Seal(id, &event.PhotoCaptured{Photo: w.ID(), Media: event.Media{SHA256: event.Digest{byte(i + 1)}, Size: 1 << 62, Type: text, Name: text}, Shows: text, SealVisible: "no"}),
				d.Seal(id, &event.QuarantineSettled{Index: 1 << 62, Resolution: "rejected", Reason: text}))
		}
		lines = append(lines, d.SealBytes([]byte(`{"v":7,"type":"x\u0000y`+strings.Repeat("长", 2000)+`","device":"`+d.ID.String()+`","seq":9223372036854775807}`)))
		for i, r := range w.Submit(lines...).Results {
			if want := map[bool]ingest.Status{true: "quarantined", false: "accepted"}[i == len(lines)-1]; r.Status != want {
				t.Errorf("line %d: %+v", i, r)
			}
		}
		w.Fsck()
		w.Read(func(tx *store.Tx) error {
			for _, text := range []string{"a\x00b", strings.Repeat("x", event.MaxText), "\U0010FFFF", "'; drop"} {
				if list, err := projection.FindItems(tx, d.Person, text, 10); err != nil || len(list) == 0 {
					t.Errorf("%.20q finds %d, %v", text, len(list), err)
				}
			}
			return nil
		})
	})
}

func TestQuarantineIsListed(t *testing.T) {
	w := ingesttest.New(t)
	id := w.Rich()
	w.Read(func(tx *store.Tx) error {
		list, err := projection.QuarantineBefore(tx, 1<<40, 100)
		if err != nil || len(list) < 8 {
			t.Errorf("%d %v", len(list), err)
		}
		settled := 0
		for i, q := range list {
			if i > 0 && q.Index >= list[i-1].Index {
				t.Errorf("%d is behind %d", q.Index, list[i-1].Index)
			}
			if q.Resolution != "" {
				settled++
			}
			one, found, err := projection.QuarantineEntry(tx, q.Index)
			if err != nil || !found || string(one.Line) != string(q.Line) || one.Resolution != q.Resolution {
				t.Errorf("%+v %v %v", one, found, err)
			}
		}
		if settled != 2 {
			t.Errorf("%d are settled", settled)
		}
		part, err := projection.QuarantineBefore(tx, list[2].Index, 2)
		if err != nil || len(part) != 2 || part[0].Index != list[3].Index {
			t.Errorf("%+v %v", part, err)
		}
		ofCase, err := projection.QuarantineOfCase(tx, id)
		if len(ofCase) < 3 {
			t.Errorf("%d claim the case", len(ofCase))
		}
		return err
	})
}

var ctx = context.Background()
