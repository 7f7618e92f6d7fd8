package ingest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

func TestAuthorRefusesWhatContradictsTheLog(t *testing.T) {
	w := ingesttest.New(t)
	ctx := context.Background()
	d := w.AddDevice()
	genesis := d.Genesis()
	id := w.ID() // of a case that does not exist
	other, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	enrol := func(dev event.UUID, key event.PublicKeyInfo, person, org event.UUID) *event.DeviceEnrolled {
		return &event.DeviceEnrolled{Device: dev, Key: key, Person: person, Org: org, Code: event.Digest{1}, Proof: []byte("x")}
	}
	wrongID := other.Public().Info()
	wrongID.ID[0] ^= 1
	var login string
	w.Read(func(tx *store.Tx) error {
		p, _, err := projection.PersonByID(tx, d.Person)
		login = p.Login
		return err
	})
	w.Author(ingest.Draft{Body: &event.LabelBlock{Device: d.ID, Prefix: "S-", First: 100, Last: 200}})
	pack := &event.RulePack{Pack: "p", Version: "1", Jurisdiction: "CN", Effective: "2026-01-01", SHA256: sha256.Sum256([]byte("{}")), Content: "{}"}
	w.Author(ingest.Draft{Body: pack})
	changed := *pack
	changed.Content, changed.SHA256 = "{ }", sha256.Sum256([]byte("{ }"))
	lied := *pack
	lied.Version, lied.Content = "2", "{ }"
	size := w.Engine.Size()
	for name, c := range map[string]struct {
		d    ingest.Draft
		says string
	}{
		"a second genesis":         {ingest.Draft{Body: &event.AuthorityGenesis{}}, "one genesis"},
		"no body":                  {ingest.Draft{}, "no event type"},
		"person of no org":         {ingest.Draft{Body: &event.PersonRegistered{Person: w.ID(), Org: w.ID(), Name: "x", Roles: []event.Role{"inspector"}}}, "not registered"},
		"a login that is taken":    {ingest.Draft{Body: &event.PersonRegistered{Person: w.ID(), Org: w.Org, Name: "x", Login: login, Roles: []event.Role{"inspector"}}}, "taken"},
		"a login beyond measure":   {ingest.Draft{Body: &event.PersonRegistered{Person: w.ID(), Org: w.Org, Name: "x", Login: strings.Repeat("x", 201), Roles: []event.Role{"inspector"}}}, "at most"},
		"a device again":           {ingest.Draft{Body: enrol(d.ID, other.Public().Info(), d.Person, w.Org)}, "enrolled already"},
		"a key again":              {ingest.Draft{Body: enrol(w.ID(), d.Key.Public().Info(), d.Person, w.Org)}, "enrolled already"},
		"a key of another id":      {ingest.Draft{Body: enrol(w.ID(), wrongID, d.Person, w.Org)}, "stated id"},
		"a device of nobody":       {ingest.Draft{Body: enrol(w.ID(), other.Public().Info(), w.ID(), w.Org)}, "not registered"},
		"a device of another org":  {ingest.Draft{Body: enrol(w.ID(), other.Public().Info(), d.Person, w.ID())}, "belongs to"},
		"revoke nobody":            {ingest.Draft{Body: &event.DeviceRevoked{Device: w.ID(), Key: event.Digest{1}, Reason: "x"}}, "not enrolled"},
		"revoke another key":       {ingest.Draft{Body: &event.DeviceRevoked{Device: d.ID, Key: event.Digest{1}, Reason: "x"}}, "has key"},
		"a grant for no case":      {ingest.Draft{Case: id, Body: &event.CaseGranted{Grant: w.ID(), Org: w.Org, Right: "read", Reason: "x"}}, "no case"},
		"an export of no case":     {ingest.Draft{Case: id, Body: &event.BundleExported{Bundle: w.ID(), ManifestSHA256: event.Digest{1}}}, "no case"},
		"overlapping labels":       {ingest.Draft{Body: &event.LabelBlock{Device: d.ID, Prefix: "S-", First: 200, Last: 300}}, "belong to"},
		"labels for nobody":        {ingest.Draft{Body: &event.LabelBlock{Device: w.ID(), Prefix: "T-", First: 1, Last: 2}}, "not enrolled"},
		"a pack with new content":  {ingest.Draft{Body: &changed}, "new version"},
		"a pack of another digest": {ingest.Draft{Body: &lied}, "digest"},
		"settling nothing":         {ingest.Draft{Body: &event.QuarantineSettled{Index: 1, Resolution: "rejected", Reason: "x"}}, "nothing is in quarantine"},
	} {
		_, err := w.Engine.Author(ctx, c.d)
		if !errors.Is(err, ingest.ErrConflict) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Engine.Author(ctx, ingest.Draft{Body: &event.OrgRegistered{Org: w.ID(), Kind: "circus", Name: "x"}}); !errors.Is(err, event.ErrInvalid) {
		t.Errorf("an invalid body: %v", err)
	}
	if w.Engine.Size() != size {
		t.Errorf("%d entries were added by what was refused", w.Engine.Size()-size)
	}
	w.Submit(genesis)
	w.Fsck()
}

func TestAuthorGrantsAndRevocations(t *testing.T) {
	w := ingesttest.New(t)
	ctx := context.Background()
	d := w.AddDevice()
	genesis := d.Genesis()
	id, open := d.OpenCase("A-1")
	w.Submit(genesis, open)
	grant := &event.CaseGranted{Grant: w.ID(), Org: w.Org, Right: "read", Reason: "x"}
	end := ingest.Draft{Case: id, Body: &event.GrantRevoked{Grant: grant.Grant, Reason: "x"}}
	refuse := func(name string, d ingest.Draft) {
		t.Helper()
		if _, err := w.Engine.Author(ctx, d); !errors.Is(err, ingest.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refuse("the end of no grant", end)
	w.Author(ingest.Draft{Case: id, Body: grant})
	refuse("a grant again", ingest.Draft{Case: id, Body: grant})
	refuse("a case again", ingest.Draft{Case: id, Body: &event.CaseOpened{Number: "x", Title: "x", Authority: "x"}})
	w.Author(end)
	refuse("the end again", end)
	revoke := ingest.Draft{Body: &event.DeviceRevoked{Device: d.ID, Key: event.Digest(d.Key.Public().ID()), Reason: "lost"}}
	w.Author(revoke)
	refuse("a revocation again", revoke)
	var authority projection.Device
	w.Read(func(tx *store.Tx) (err error) {
		authority, _, err = projection.DeviceByNumber(tx, projection.AuthorityNumber)
		return err
	})
	refuse("the authority's own key", ingest.Draft{Body: &event.DeviceRevoked{Device: authority.ID, Key: event.Digest(authority.Key.ID()), Reason: "x"}})
	refuse("labels for a revoked device", ingest.Draft{Body: &event.LabelBlock{Device: d.ID, Prefix: "T-", First: 1, Last: 2}})
	w.Fsck()
}

// One refused draft of several undoes the others, and nothing of them stays
// behind in what the engine remembers.
func TestAuthorIsAllOrNothing(t *testing.T) {
	w := ingesttest.New(t)
	ctx := context.Background()
	person := w.AddPerson(w.Org)
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	enrol := ingest.Draft{Body: &event.DeviceEnrolled{Device: w.ID(), Key: key.Public().Info(), Person: person, Org: w.Org, Code: event.Digest{1}, Proof: []byte("x")}}
	opened := ingest.Draft{Case: w.ID(), Body: &event.CaseOpened{Number: "N", Title: "x", Authority: "y"}}
	bad := ingest.Draft{Body: &event.QuarantineSettled{Index: 0, Resolution: "rejected", Reason: "x"}}
	size := w.Engine.Size()
	if _, err := w.Engine.Author(ctx, enrol, opened, bad); !errors.Is(err, ingest.ErrConflict) {
		t.Fatal(err)
	}
	if w.Engine.Size() != size {
		t.Error("something was added")
	}
	results := w.Author(enrol, opened)
	for i, r := range results {
		if r.Status != "accepted" || r.Index != size+int64(i) || len(r.Line) == 0 {
			t.Errorf("%+v", r)
		}
	}
	if r := w.Submit(results[0].Line).Results[0]; r.Status != "duplicate" || r.Index != results[0].Index {
		t.Errorf("an authored line handed in: %+v", r)
	}
	w.Fsck()
	rebuilt(t, w)
}

// Saying again what the log holds is answered with the first statement.
func TestAuthorAgainIsADuplicate(t *testing.T) {
	w := ingesttest.New(t)
	received := ingest.Draft{Body: &event.MediaReceived{SHA256: event.Digest{5}, Size: 10}}
	pack := ingest.Draft{Body: &event.RulePack{Pack: "p", Version: "1", Jurisdiction: "CN", Effective: "2026-01-01", SHA256: sha256.Sum256([]byte("{}")), Content: "{}"}}
	first := w.Author(received, pack, received)
	again := w.Author(pack, received)
	if first[0].Status != "accepted" || first[2].Status != "duplicate" || first[2].Index != first[0].Index {
		t.Errorf("%+v", first)
	}
	for i, r := range again {
		f := first[1-i]
		if r.Status != "duplicate" || r.Index != f.Index || r.ID != f.ID || !r.Received.Equal(f.Received) || r.CheckpointSize != f.CheckpointSize || string(r.Line) != string(f.Line) {
			t.Errorf("%+v, first %+v", r, f)
		}
	}
}

// The log that this one continues is named right behind the genesis.
func TestPredecessor(t *testing.T) {
	w := ingesttest.New(t)
	note, err := w.Engine.Checkpoint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := w.Engine.Signed(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	next := ingesttest.OnWith(t, func(c *ingest.Config) {
		c.Predecessor = &event.LogPredecessor{Origin: ingesttest.Origin, Size: int64(signed.Size), Root: event.Root(signed.Root), Checkpoint: note, Reason: "restored"}
	})
	next.Read(func(tx *store.Tx) error {
		row, found, err := tx.EventAt(1)
		if err != nil || !found || row.Type != event.TypeLogPredecessor {
			t.Errorf("%v %v %s", found, err, row.Type)
		}
		return nil
	})
	next.Fsck()
}
