package carry_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
	"fieldseal/sync/succession/carry"
)

// archive is a device's archive with lines in one member.
func archive(t *testing.T, member string, lines ...[]byte) (*bytes.Reader, int64) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(member)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if _, err := w.Write(append(bytes.Clone(l), '\n')); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes()), int64(b.Len())
}

// every lists all accepted lines of a world, the newest first: archives have no order.
func every(t *testing.T, w *ingesttest.World) (list [][]byte) {
	t.Helper()
	w.Read(func(tx *store.Tx) error {
		return tx.Each("SELECT "+store.EventColumns+" FROM events ORDER BY idx DESC", nil, func(scan func(...any) error) error {
			r, err := store.ScanEvent(scan)
			list = append(list, r.Line)
			return err
		})
	})
	return list
}

// Of a database that is gone altogether, archives bring back people, rights, devices
// and what these have sealed; what another authority has stated, or what was changed, counts for nothing.
func TestFurther(t *testing.T) {
	w := ingesttest.New(t)
	caseID := w.Rich()
	foreign := ingesttest.New(t)
	foreign.AddOrg("court") // of the UUID that w has for its laboratory
	changed := every(t, w)[0]
	changed = bytes.Replace(changed, []byte(`"sig":"`), []byte(`"sig":"A`), 1)
	b, _ := freeze(t, w)
	empty, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, Path: t.TempDir() + "/empty.db"})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	next := after(t, b, "ledger.test/next")
	cfg := carry.Config{From: empty, To: next.Engine, Store: next.Store, Held: held(false)}
	sum, err := carry.Over(t.Context(), cfg)
	if err != nil || sum.Entries != 0 || sum.Total() != 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	f := carry.NewFound(w.Authority.Public())
	if err := carry.Further(t.Context(), cfg, sum, f); !errors.Is(err, carry.ErrFormer) {
		t.Errorf("without a genesis: %v", err)
	}
	lines := every(t, w)
	half := len(lines) / 2
	for _, part := range [][][]byte{lines[:half], lines[half-3:], every(t, foreign), {changed, []byte("not a line")}} {
		r, n := archive(t, "pulled.ndjson", part...)
		if err := f.AddArchive(r, n); err != nil {
			t.Fatal(err)
		}
	}
	r, n := archive(t, "other.txt")
	if err := f.AddArchive(r, n); err == nil {
		t.Error("a file that is no archive was taken")
	}
	if err := carry.Further(t.Context(), cfg, sum, f); err != nil {
		t.Fatal(err)
	}
	if len(sum.Refused) != 0 || sum.Statements[event.TypeDeviceEnrolled] != 3 || len(sum.Missing) != 1 {
		t.Errorf("%+v", sum)
	}
	same(t, w, next, caseID)
	next.Fsck()
}

// What contradicts what is there is told and left out.
func TestFurtherConflicts(t *testing.T) {
	w := ingesttest.New(t)
	person := w.ID()
	w.Author(ingest.Draft{Body: &event.PersonRegistered{Person: person, Org: w.Org, Name: "Li Wei", Login: "liwei", Roles: []event.Role{event.RoleInspector}}})
	b, _ := freeze(t, w)
	next := after(t, b, "ledger.test/next")
	next.Author(ingest.Draft{Body: &event.OrgRegistered{Org: next.ID(), Kind: "lab", Name: "Lab"}})
	var lab event.UUID
	next.Read(func(tx *store.Tx) error {
		orgs, err := projection.Orgs(tx)
		lab = orgs[0].ID
		return err
	})
	next.Author(ingest.Draft{Body: &event.PersonRegistered{Person: next.ID(), Org: lab, Name: "Another", Login: "liwei", Roles: []event.Role{event.RoleAnalyst}}})
	f := carry.NewFound(w.Authority.Public())
	r, n := archive(t, "pulled.ndjson", every(t, w)...)
	if err := f.AddArchive(r, n); err != nil {
		t.Fatal(err)
	}
	sum := &carry.Summary{Statements: map[event.Type]int64{}}
	cfg := carry.Config{To: next.Engine, Store: next.Store, Held: held(false)}
	if err := carry.Further(t.Context(), cfg, sum, f); err != nil || len(sum.Refused) != 1 || sum.Statements[event.TypePersonRegistered] != 0 || sum.Statements[event.TypeOrgRegistered] != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}
