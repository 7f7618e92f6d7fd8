package ingest_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"pgregory.net/rapid"
)

// models is the read models without what depends on the order of arrival: log
// indexes, times of receipt and the numbers of cases.
func models(t rapid.TB, s *store.Store) string {
	var b strings.Builder
	err := s.Read(context.Background(), func(tx *store.Tx) error {
		for _, q := range []string{
			"SELECT id, number, title, authority, org, opened_by, opened, events FROM cases ORDER BY id",
			"SELECT i.id, i.kind, c.id, i.label, i.find, i.held, i.sha FROM items i JOIN cases c ON c.n = i.case_n ORDER BY i.id",
			"SELECT m.sha, e.uuid, c.id, m.size, m.type, m.name FROM media_refs m JOIN events e ON e.idx = m.idx LEFT JOIN cases c ON c.n = m.case_n ORDER BY m.sha, e.uuid",
			"SELECT d.id, r.first, r.last, r.first_prev, r.last_id FROM runs r JOIN devices d ON d.n = r.dev ORDER BY d.id, r.first",
			"SELECT d.id, e.seq, e.id, e.uuid, e.type FROM events e JOIN devices d ON d.n = e.dev ORDER BY d.id, e.seq",
			"SELECT s.item, s.resolution, s.reason, e.uuid FROM settled s JOIN events e ON e.idx = s.idx ORDER BY e.uuid",
			"SELECT count(*) FROM quarantine",
		} {
			n := strings.Count(q[:strings.Index(q, " FROM ")], ",") + 1
			if err := tx.Each(q, nil, func(scan func(...any) error) error {
				values, dest := make([]any, n), make([]any, n)
				for i := range dest {
					dest[i] = &values[i]
				}
				err := scan(dest...)
				fmt.Fprintf(&b, "%x\n", values)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// story is chains of three devices about two cases: every type of event that a
// device may seal.
func story(w *ingesttest.World) (lines [][]byte) {
	a, b, c := w.AddDevice(), w.AddDevice(), w.AddDevice()
	one, two := eventtest.UUID(1), w.ID()
	lines = append(lines, a.Genesis(), b.Genesis(), c.Genesis())
	bodies := eventtest.Bodies()
	for i, t := range event.Types() {
		if t.AuthorityOnly() || t.Genesis() {
			continue
		}
		dev := []*ingesttest.Device{a, b, c}[i%3]
		lines = append(lines, dev.Seal(one, bodies[t]))
	}
	lines = append(lines, c.Seal(two, &event.CaseOpened{Number: "2026-2", Title: "The other", Authority: "Bureau"}))
	for i := range 6 {
		lines = append(lines, b.Sample(two, fmt.Sprint("S-", i)), a.Note(two, "about the other"))
	}
	return lines
}

// Whatever the order of honest chains, the division into batches and the
// repetitions: the same events, the same read models, nothing in quarantine; and
// a rebuild changes nothing.
func TestAnyOrderComesToTheSame(t *testing.T) {
	base := ingesttest.New(t)
	lines := story(base)
	inOrder := base.Copy()
	inOrder.Submit(lines...)
	want := models(t, inOrder.Store)
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		path := filepath.Join(dir, fmt.Sprint(run, ".db"))
		if err := base.Store.Backup(context.Background(), path); err != nil {
			r.Fatal(err)
		}
		w := base.Resume(path)
		order := rapid.Permutation(append(slices.Clone(lines), rapid.SliceOfN(rapid.SampledFrom(lines), 0, 20).Draw(r, "again")...)).Draw(r, "order")
		for len(order) > 0 {
			n := rapid.IntRange(1, len(order)).Draw(r, "batch")
			for _, res := range w.Submit(order[:n]...).Results {
				if res.Status == "quarantined" {
					r.Fatalf("quarantined: %+v", res)
				}
			}
			order = order[n:]
		}
		if got := models(r, w.Store); got != want {
			r.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		rebuilt(r, w)
	})
}

// rebuilt drops and rebuilds the read models and expects the same rows.
func rebuilt(t rapid.TB, w *ingesttest.World) {
	t.Helper()
	before := dump(t, w.Store)
	if err := projection.Rebuild(context.Background(), w.Store, nil); err != nil {
		t.Fatal(err)
	}
	if after := dump(t, w.Store); after != before {
		t.Fatalf("before\n%s\nafter\n%s", before, after)
	}
}

func dump(t rapid.TB, s *store.Store) string {
	t.Helper()
	var b strings.Builder
	if err := s.Read(context.Background(), func(tx *store.Tx) error { return projection.Dump(tx, &b) }); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A rebuild of a log with everything in it gives the same rows, and does not
// disturb an engine that is running.
func TestRebuild(t *testing.T) {
	w := ingesttest.New(t)
	id := w.Rich()
	rebuilt(t, w)
	d := w.AddDevice()
	w.Submit(d.Genesis(), d.Sample(id, "after the rebuild"))
	rebuilt(t, w)
	w.Fsck()
	write(t, w, func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE events SET case_n = case_n + 1 WHERE idx = 20")
		return err
	})
	if err := projection.Rebuild(context.Background(), w.Store, nil); err == nil || !strings.Contains(err.Error(), "event 20") {
		t.Errorf("a rebuild over a damaged row: %v", err)
	}
}
