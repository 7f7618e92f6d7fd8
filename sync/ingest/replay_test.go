package ingest_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

// lostFrom reads from a whole log what a backup of some size lacks.
func lostFrom(t *testing.T, w *ingesttest.World, from int64) (list []ingest.Lost) {
	t.Helper()
	err := w.Store.Read(t.Context(), func(tx *store.Tx) error {
		last, _, err := tx.LastCheckpoint()
		if err != nil {
			return err
		}
		for i := from; i < last.Size; i++ {
			leaf, err := ingest.LeafAt(tx, i)
			if err != nil {
				return err
			}
			row, found, err := tx.EventAt(i)
			if err != nil {
				return err
			}
			line := row.Line
			if !found {
				q, _, err := tx.QuarantineAt(i)
				if err != nil {
					return err
				}
				line = q.Line
			}
			list = append(list, ingest.Lost{Leaf: leaf, Line: line})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// logRows are the exact rows of the log but for the carriers, which no leaf names.
func logRows(t *testing.T, s *store.Store) string {
	t.Helper()
	var b strings.Builder
	for _, q := range []string{
		"SELECT quote(idx)||quote(dev)||quote(seq)||quote(id)||quote(uuid)||quote(type)||quote(case_n)||quote(received)||quote(line) FROM events ORDER BY idx",
		"SELECT quote(idx)||quote(sha)||quote(received)||quote(layer)||quote(code)||quote(detail)||quote(event_id)||quote(device)||quote(seq)||quote(type)||quote(case_id)||quote(line) FROM quarantine ORDER BY idx",
		"SELECT quote(level)||quote(n)||quote(data) FROM tiles ORDER BY level, n",
		"SELECT quote(size)||quote(root)||quote(at)||quote(note) FROM checkpoints ORDER BY size",
	} {
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			return tx.Each(q, nil, func(scan func(...any) error) error {
				var text string
				err := scan(&text)
				b.WriteString(text + "\n")
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// A replay of everything, and of what any backup lacks, gives the same rows to
// the byte: bytes, times, reasons of quarantine, tiles, checkpoints with notes.
func TestReplayGivesTheSameLog(t *testing.T) {
	w := ingesttest.New(t)
	w.Submit(w.AddDevice().Genesis())
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := w.Store.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	old := w.Engine.Size()
	w.Rich()
	if err := w.Engine.Close(t.Context()); err != nil { // writes the newest note
		t.Fatal(err)
	}
	want := logRows(t, w.Store)
	for from, path := range map[int64]string{0: filepath.Join(t.TempDir(), "new.db"), old: backup} {
		if err := ingest.Replay(t.Context(), ingest.ReplayConfig{Path: path, LogKey: w.LogKey, Entries: lostFrom(t, w, from)}); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if got := logRows(t, s); got != want {
			t.Errorf("from %d: the rows differ:\n%s", from, firstDifference(got, want))
		}
		report, err := ingest.Fsck(t.Context(), s, ingest.FsckOptions{LogKey: w.LogKey.VerifierText(), Guard: w.Guard, Projections: true})
		if err != nil || !report.OK() || report.Size != w.Engine.Size() {
			t.Errorf("from %d: %+v, %v", from, report, err)
		}
		differences := 0
		err = w.Store.Read(t.Context(), func(a *store.Tx) error {
			return s.Read(t.Context(), func(b *store.Tx) error {
				return projection.Compare(a, b, func(d projection.Difference) error { differences++; t.Errorf("from %d: %s", from, d); return nil })
			})
		})
		if err != nil || differences > 0 {
			t.Error(differences, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + "\n" + y[i]
		}
	}
	return "one is longer"
}

// Whatever is changed in what is replayed is refused.
func TestReplayRefusesAnythingElse(t *testing.T) {
	w := ingesttest.New(t)
	w.Rich()
	whole := lostFrom(t, w, 0)
	first := func(want ledger.Kind) int {
		for i := range whole {
			if whole[i].Leaf.Kind == want {
				return i
			}
		}
		t.Fatalf("no entry of kind %v", want)
		return 0
	}
	for name, change := range map[string]func(list []ingest.Lost) []ingest.Lost{
		"a time": func(l []ingest.Lost) []ingest.Lost {
			l[5].Leaf.Received++
			l[6].Leaf.Received = l[5].Leaf.Received
			return l
		},
		"a line of another": func(l []ingest.Lost) []ingest.Lost { l[4].Line = l[3].Line; return l },
		"no genesis":        func(l []ingest.Lost) []ingest.Lost { return l[1:] },
		"an entry twice":    func(l []ingest.Lost) []ingest.Lost { return append(l[:7:7], l[6:]...) },
		"accepted as refused": func(l []ingest.Lost) []ingest.Lost {
			l[first(ledger.KindEvent)].Leaf.Kind = ledger.KindQuarantine
			return l
		},
		"refused as accepted": func(l []ingest.Lost) []ingest.Lost {
			l[first(ledger.KindQuarantine)].Leaf.Kind = ledger.KindEvent
			return l
		},
		"a signature's digest": func(l []ingest.Lost) []ingest.Lost { l[first(ledger.KindEvent)].Leaf.Signature[0] ^= 1; return l },
		"a bit of a line": func(l []ingest.Lost) []ingest.Lost {
			l[9].Line = append([]byte(nil), l[9].Line...)
			l[9].Line[120] ^= 1
			return l
		},
		"one enrolment left out": func(l []ingest.Lost) []ingest.Lost {
			i := first(ledger.KindEnrolment)
			return append(l[:i:i], l[i+1:]...)
		},
	} {
		list := change(append([]ingest.Lost(nil), whole...))
		err := ingest.Replay(t.Context(), ingest.ReplayConfig{Path: filepath.Join(t.TempDir(), "x.db"), LogKey: w.LogKey, Entries: list})
		switch {
		case name == "a time" || name == "one enrolment left out":
			// Consistent in itself: it comes to another root, which is the caller's to compare.
			if err != nil && !errors.Is(err, ingest.ErrReplay) {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil:
			t.Errorf("%s was replayed", name)
		}
	}
}
