package carry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/store"
	"fieldseal/sync/succession/carry"
)

// freeze ends a world's log and gives what its successor begins with.
func freeze(t *testing.T, w *ingesttest.World) (*event.LogPredecessor, ledger.Checkpoint) {
	t.Helper()
	last, err := w.Engine.Freeze(t.Context(), "the server moves")
	if err != nil {
		t.Fatal(err)
	}
	return &event.LogPredecessor{Origin: last.Origin, Size: int64(last.Size), Root: event.Root(last.Root), Checkpoint: string(last.Note()), Reason: "the server moves"}, last.Checkpoint
}

// after begins a successor of another name that holds nothing but its two first entries.
func after(t *testing.T, b *event.LogPredecessor, origin string) *ingesttest.World {
	t.Helper()
	return ingesttest.Empty(t, origin, func(c *ingest.Config) { c.Predecessor = b })
}

// lines lists the events of devices in log order.
func lines(t *testing.T, w *ingesttest.World) (list [][]byte) {
	t.Helper()
	err := w.Store.Read(t.Context(), func(tx *store.Tx) error {
		return tx.Each("SELECT "+store.EventColumns+" FROM events WHERE dev <> $1 ORDER BY idx", store.Args(int64(projection.AuthorityNumber)), func(scan func(...any) error) error {
			r, err := store.ScanEvent(scan)
			list = append(list, r.Line)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// BenchmarkOver carries a log of samples over, and says how many a second.
func BenchmarkOver(b *testing.B) {
	const events = 5000
	w := ingesttest.New(b)
	d := w.AddDevice()
	lines := [][]byte{d.Genesis()}
	id, open := d.OpenCase("1")
	lines = append(lines, open)
	for i := range events {
		lines = append(lines, d.Sample(id, fmt.Sprint("S-", i)))
	}
	w.Submit(lines...)
	last, err := w.Engine.Freeze(b.Context(), "moved")
	if err != nil {
		b.Fatal(err)
	}
	entry := &event.LogPredecessor{Origin: last.Origin, Size: int64(last.Size), Root: event.Root(last.Root), Checkpoint: string(last.Note()), Reason: "moved"}
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		next := ingesttest.Empty(b, fmt.Sprint("ledger.test/next", n), func(c *ingest.Config) { c.Predecessor = entry })
		b.StartTimer()
		if _, err := carry.Over(b.Context(), carry.Config{From: w.Store, To: next.Engine, Held: held(true)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(events*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func held(here bool) func(context.Context, event.Digest) (bool, error) {
	return func(context.Context, event.Digest) (bool, error) { return here, nil }
}

// Of a file that is gone nothing is stated.
func TestMissingFile(t *testing.T) {
	w := ingesttest.New(t)
	w.Rich()
	b, _ := freeze(t, w)
	next := after(t, b, "ledger.test/next")
	sum, err := carry.Over(t.Context(), carry.Config{From: w.Store, To: next.Engine, Held: held(false)})
	if err != nil || len(sum.Missing) != 1 || sum.Files != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	next.Read(func(tx *store.Tx) error {
		m, found, err := projection.MediaByDigest(tx, sum.Missing[0])
		if err != nil || found && m.Here() {
			t.Errorf("a file that is gone is said to have arrived: %+v", m)
		}
		return err
	})
}

// Everything that devices sealed comes over byte for byte and in order, what the
// authority stated is stated anew, and every chain goes on where it was; also over
// two successions.
func TestOver(t *testing.T) {
	w := ingesttest.New(t)
	caseID := w.Rich()
	dev := w.AddDevice()
	w.Submit(dev.Genesis(), dev.Note(caseID, "the last under the old log"))
	want := lines(t, w)
	worlds := []*ingesttest.World{w}
	for i := range 2 {
		old := worlds[i]
		b, end := freeze(t, old)
		if err := carry.Whole(t.Context(), old.Store, end); err != nil {
			t.Fatal(err)
		}
		next := after(t, b, fmt.Sprintf("ledger.test/next%d", i))
		var looked int64
		sum, err := carry.Over(t.Context(), carry.Config{From: old.Store, To: next.Engine, Held: held(true), Progress: func(done, _ int64) { looked = done }})
		if err != nil {
			t.Fatal(err)
		}
		if sum.Lines != int64(len(want)) || sum.Entries != int64(end.Size) || looked == 0 || sum.Statements[event.TypeDeviceEnrolled] != 4 ||
			sum.Statements[event.TypeGrantRevoked] != 1 || sum.Files != 1 || len(sum.Missing) != 0 || sum.Total() == 0 {
			t.Errorf("%+v", sum)
		}
		if i == 0 && (sum.Left == 0 || sum.Quarantined == 0) {
			t.Errorf("%+v", sum)
		}
		got := lines(t, next)
		if len(got) != len(want) {
			t.Fatalf("%d lines, had %d", len(got), len(want))
		}
		for n := range got {
			if !bytes.Equal(got[n], want[n]) {
				t.Fatalf("line %d is another one", n)
			}
		}
		next.Fsck()
		late := dev.Note(caseID, fmt.Sprint("under log ", i))
		if r := next.Submit(late); r.Results[0].Status != reconcile.Accepted || r.Results[0].Pending {
			t.Errorf("the chain does not go on: %+v", r.Results[0])
		}
		want = append(want, late)
		same(t, old, next, caseID)
		worlds = append(worlds, next)
	}
}

// same compares what people, devices, rights and things two logs have.
func same(t *testing.T, a, b *ingesttest.World, caseID event.UUID) {
	t.Helper()
	read := func(w *ingesttest.World) (out []string) {
		err := w.Store.Read(t.Context(), func(tx *store.Tx) error {
			orgs, err := projection.Orgs(tx)
			if err != nil {
				return err
			}
			people, err := projection.Persons(tx)
			if err != nil {
				return err
			}
			grants, err := projection.Grants(tx, caseID)
			if err != nil {
				return err
			}
			items, err := projection.ItemsOf(tx, caseID)
			if err != nil {
				return err
			}
			devices, err := projection.Devices(tx)
			if err != nil {
				return err
			}
			for _, o := range orgs {
				out = append(out, fmt.Sprint(o.ID, o.Kind, o.Name, o.NameZH))
			}
			for _, p := range people {
				out = append(out, fmt.Sprint(p.ID, p.Org, p.Name, p.Login, p.Roles, p.Disabled))
			}
			for _, g := range grants {
				out = append(out, fmt.Sprint(g.ID, g.Org, g.Person, g.Right, g.Until, g.RevokedIndex >= 0))
			}
			for _, i := range items {
				out = append(out, fmt.Sprint(i.Kind, i.ID, i.Label))
			}
			for _, d := range devices {
				if !d.Authority() {
					out = append(out, fmt.Sprint(d.ID, d.Key.ID(), d.Person, d.Org, d.Good()))
				}
			}
			first, err := projection.NextLabel(tx, "S-")
			out = append(out, fmt.Sprint("label ", first))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(out)
		return out
	}
	x, y := read(a), read(b)
	if len(x) != len(y) {
		t.Fatalf("%d and %d rows", len(x), len(y))
	}
	for i := range x {
		if x[i] != y[i] {
			t.Errorf("%s\nis now\n%s", x[i], y[i])
		}
	}
}

// A database that is not the whole of the log, and one whose lines have changed, are refused.
func TestNotTheFormerLog(t *testing.T) {
	w := ingesttest.New(t)
	w.Rich()
	b, end := freeze(t, w)
	short := end
	short.Size++
	if err := carry.Whole(t.Context(), w.Store, short); !errors.Is(err, carry.ErrFormer) {
		t.Errorf("a database that lacks an entry: %v", err)
	}
	other := end
	other.Root[0] ^= 1
	if err := carry.Whole(t.Context(), w.Store, other); !errors.Is(err, carry.ErrFormer) {
		t.Errorf("another root: %v", err)
	}
	if err := w.Store.Write(t.Context(), func(tx *store.Tx) error {
		var line []byte
		var idx int64
		if _, err := tx.Get("SELECT idx, line FROM events WHERE type = $1 ORDER BY idx LIMIT 1", store.Args(string(event.TypeSampleCollected)), &idx, &line); err != nil {
			return err
		}
		line[len(line)-10] ^= 1
		_, err := tx.Exec("UPDATE events SET line = $1 WHERE idx = $2", line, idx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	next := after(t, b, "ledger.test/next")
	if _, err := carry.Over(t.Context(), carry.Config{From: w.Store, To: next.Engine, Held: held(true)}); !errors.Is(err, carry.ErrRefused) {
		t.Errorf("a line whose signature is not right: %v", err)
	}
}
