package ingesttest

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// Rich fills a world with at least one row of every kind: every type of event
// that a device may seal, every kind of statement of the authority, chains with
// holes, and lines for most codes of the quarantine. It gives the case.
func (w *World) Rich() event.UUID {
	w.T.Helper()
	lab := w.AddOrg("lab")
	field, bench, lost := w.AddDevice(), w.AddDeviceOf(lab, w.AddPerson(lab, event.RoleAnalyst)), w.AddDevice()
	id := eventtest.UUID(1)
	var lines [][]byte
	lines = append(lines, field.Genesis(), bench.Genesis(), lost.Genesis())
	bodies := eventtest.Bodies()
	lines = append(lines, field.Seal(id, bodies[event.TypeCaseOpened]))
	for _, t := range event.Types() {
		if t.AuthorityOnly() || t.Genesis() || t == event.TypeCaseOpened || t == event.TypeQuarantineSettled {
			continue
		}
		dev := field
		if len(lines)%3 == 0 {
			dev = bench
		}
		lines = append(lines, dev.Seal(id, bodies[t]))
	}
	w.Submit(lines...)
	bad := w.Submit(w.badLines(field, lost, id)...)
	w.authorityStatements(field, lost, lab, id, bad)
	w.Submit(lost.Note(id, "after the revocation"))
	// A chain with two holes.
	var late [][]byte
	for range 9 {
		late = append(late, bench.Sample(id, "L-"+bench.uuid().String()[:4]))
	}
	w.Submit(late[1], late[2], late[5])
	w.Submit(late[8], field.Seal(id, &event.QuarantineSettled{Index: bad.Results[0].Index, Resolution: "acknowledged", Reason: "known"}))
	return id
}

// badLines makes lines that end in quarantine, one of them a variant.
func (w *World) badLines(field, lost *Device, id event.UUID) [][]byte {
	note := &event.NoteWritten{Text: "a note"}
	good := lost.Note(id, "good")
	fork := field.Fork()
	fork.Seq, fork.Prev = 1, field.Enrolment
	stranger := field.Fork()
	stranger.ID, stranger.Seq, stranger.Prev = w.ID(), 0, event.ID{}
	future := field.Payload(id, note)
	data, err := event.Marshal(future)
	if err != nil {
		w.T.Fatal(err)
	}
	tampered := slices.Clone(field.SealBytes(data))
	tampered[len(tampered)-8] ^= 1
	env, err := seal.ParseEnvelope(good)
	if err != nil {
		w.T.Fatal(err)
	}
	later := []byte(string(data[:len(data)-1]) + `,"later":1}`)
	return [][]byte{
		[]byte("not an envelope"), fork.Note(id, "a fork"), stranger.Genesis(), tampered, good, lost.SealBytes(env.Payload),
		field.SealBytes(later), lost.Fork().Seal(event.UUID{}, &event.OrgRegistered{Org: id, Kind: "police", Name: "forged"}),
		field.SealBytes([]byte(`{"v":2,"type":"note.written","device":"` + field.ID.String() + `","seq":9}`)),
	}
}

func (w *World) authorityStatements(field, lost *Device, lab, id event.UUID, bad ingest.Receipt) {
	w.T.Helper()
	content := `{"pack":"test"}`
	photo, other := eventtest.Digest("photo"), eventtest.Digest("signature")
	grant := w.ID()
	w.Author(
		ingest.Draft{Body: &event.OrgRegistered{Org: w.ID(), Kind: "court", Name: "Court", NameZH: "法院", Accreditation: &event.Accreditation{Number: "1"}}},
		ingest.Draft{Case: id, Body: &event.CaseGranted{Grant: grant, Org: lab, Right: "write", Reason: "analysis"}},
		ingest.Draft{Case: id, Body: &event.CaseGranted{Grant: w.ID(), Person: lost.Person, Right: "read", Until: "2027-01-01T00:00:00Z", Reason: "review"}},
		ingest.Draft{Case: id, Body: &event.GrantRevoked{Grant: grant, Reason: "done"}},
		ingest.Draft{Body: &event.MediaReceived{SHA256: photo, Size: 338025, Type: "image/jpeg", Carrier: field.ID}},
		ingest.Draft{Body: &event.MediaQuarantined{Wanted: other, Got: eventtest.Digest("else"), Size: 5}},
		ingest.Draft{Body: &event.LabelBlock{Device: field.ID, Prefix: "S-", First: 1, Last: 500}},
		ingest.Draft{Body: &event.RulePack{Pack: "default", Version: "1", Jurisdiction: "CN", Effective: "2026-01-01", SHA256: sha256.Sum256([]byte(content)), Content: content}},
		ingest.Draft{Case: id, Body: &event.BundleExported{Bundle: w.ID(), ManifestSHA256: photo, Shown: 1, Hidden: 2, CheckpointSize: 3}},
		ingest.Draft{Body: &event.QuarantineSettled{Index: bad.Results[1].Index, Resolution: "rejected", Reason: "forged"}},
		ingest.Draft{Body: &event.DeviceRevoked{Device: lost.ID, Key: event.Digest(lost.Key.Public().ID()), Reason: "lost"}},
	)
}

// Copy makes another world with the same content and keys on a database of its own.
func (w *World) Copy() *World {
	w.T.Helper()
	path := filepath.Join(w.T.TempDir(), "copy.db")
	if err := w.Store.Backup(context.Background(), path); err != nil {
		w.T.Fatal(err)
	}
	return w.Resume(path)
}

// Resume makes a world of a database file and the keys of w, with a guard of its own.
func (w *World) Resume(path string) *World {
	w.T.Helper()
	ctx := context.Background()
	c := &World{T: w.T, LogKey: w.LogKey, Authority: w.Authority, Org: w.Org, count: w.count + 1_000_000}
	var err error
	if c.Store, err = store.Open(ctx, store.Config{Driver: store.SQLite, Path: path}); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { c.must(c.Store.Close()) })
	if c.Guard, err = guard.Open(ctx, filepath.Join(w.T.TempDir(), "guard.db")); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { c.must(c.Guard.Close()) })
	var last store.CheckpointRow
	c.Read(func(tx *store.Tx) error {
		last, _, err = tx.LastCheckpoint()
		return err
	})
	signed, err := ledger.Sign(ledger.Checkpoint{Origin: Origin, Size: ledger.Size(last.Size), Root: ledger.Hash(last.Root)}, w.LogKey)
	if err != nil {
		w.T.Fatal(err)
	}
	if err := c.Guard.Adopt(ctx, signed, func(context.Context, ledger.Size) (ledger.Hash, error) { return signed.Root, nil }); err != nil {
		w.T.Fatal(err)
	}
	c.Engine = c.Open()
	return c
}

// Fsck checks everything and fails the test on any finding.
func (w *World) Fsck() ingest.Report {
	w.T.Helper()
	r, err := ingest.Fsck(context.Background(), w.Store, ingest.FsckOptions{LogKey: w.LogKey.VerifierText(), Guard: w.Guard, Projections: true})
	if err != nil {
		w.T.Fatal(err)
	}
	for _, f := range r.Findings {
		w.T.Error(f)
	}
	return r
}
