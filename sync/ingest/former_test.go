package ingest_test

import (
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

// A device whose chain began in a log that this one continues hands it in whole;
// a genesis of a third log, key or enrolment stays out, alone and in one batch
// with the enrolment.
func TestChainOfAFormerLog(t *testing.T) {
	old := event.FormerEnrolment{Origin: "ledger.test/old", Enrolment: event.ID{7}}
	genesis := func(d *ingesttest.Device, f event.FormerEnrolment, key seal.KeyID) []byte {
		return d.Seal(event.UUID{}, &event.DeviceGenesis{Enrolment: f.Enrolment, Key: event.Digest(key), Origin: f.Origin})
	}
	w := ingesttest.New(t)
	for name, c := range map[string]struct {
		names event.FormerEnrolment
		key   seal.KeyID
		ok    bool
	}{
		"the former one":       {names: old, ok: true},
		"a third log":          {names: event.FormerEnrolment{Origin: "ledger.test/third", Enrolment: old.Enrolment}},
		"another enrolment":    {names: event.FormerEnrolment{Origin: old.Origin, Enrolment: event.ID{8}}},
		"another key":          {names: old, key: seal.KeyID{9}},
		"its log of this name": {names: event.FormerEnrolment{Origin: ingesttest.Origin, Enrolment: old.Enrolment}},
	} {
		key, err := seal.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		d := &ingesttest.Device{T: t, ID: w.ID(), Key: key, Person: w.AddPerson(w.Org), Org: w.Org, Clock: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
		if c.key.IsZero() {
			c.key = key.Public().ID()
		}
		lines := [][]byte{genesis(d, c.names, c.key)}
		_, opened := d.OpenCase(name)
		lines = append(lines, opened)
		w.Author(ingest.Draft{Body: &event.DeviceEnrolled{Device: d.ID, Key: key.Public().Info(), Person: d.Person, Org: d.Org,
			Code: event.Digest{1}, Proof: []byte("proof"), Former: &old}})
		r := w.Submit(lines...)
		if c.ok != (r.Results[0].Status == reconcile.Accepted) || !c.ok && r.Results[0].Code != reconcile.CodeGenesisMismatch {
			t.Errorf("%s: %+v", name, r.Results[0])
		}
		if c.ok && (r.Results[1].Status != reconcile.Accepted || r.Results[1].Pending) {
			t.Errorf("%s: %+v", name, r.Results[1])
		}
	}
	w.Fsck()
}
