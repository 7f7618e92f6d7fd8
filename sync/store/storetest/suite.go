// Package storetest is the conformance suite of sync/store: what holds of one
// database holds of the other. It also injects faults into either.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
)

var ctx = context.Background()

// Run runs the whole suite. config gives the configuration of a new, empty
// database each time.
func Run(t *testing.T, config func(t *testing.T) store.Config) {
	open := func(t *testing.T) *store.Store { return Open(t, config(t)) }
	for _, c := range []struct {
		name string
		test func(t *testing.T, s *store.Store)
	}{
		{"transactions", transactions}, {"clock", clock}, {"values", values}, {"order of text", collation}, {"inserts", inserts},
		{"lists", lists}, {"conflicts", conflicts}, {"savepoints", savepoints}, {"log rows", logRows}, {"lost updates", lostUpdates},
		{"one moment", oneMoment}, {"cancellation", cancellation}, {"statements", statements},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
	t.Run("faults", func(t *testing.T) { faults(t, config(t)) })
	t.Run("migrations", func(t *testing.T) { migrations(t, config(t)) })
	t.Run("closed", func(t *testing.T) { closed(t, open(t)) })
}

// Open opens a database and closes it with the test.
func Open(t testing.TB, c store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func write(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Write(ctx, fn); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Read(ctx, fn); err != nil {
		t.Fatal(err)
	}
}

func meta(t testing.TB, s *store.Store, name string) (value string) {
	t.Helper()
	read(t, s, func(tx *store.Tx) (err error) {
		value, err = tx.Meta(name)
		return err
	})
	return value
}

func set(name, value string) func(*store.Tx) error {
	return func(tx *store.Tx) error { return tx.SetMeta(name, value) }
}

var errTest = errors.New("test")

func transactions(t *testing.T, s *store.Store) {
	write(t, s, set("a", "1"))
	err := s.Write(ctx, func(tx *store.Tx) error {
		if err := tx.SetMeta("a", "2"); err != nil {
			return err
		}
		if v, err := tx.Meta("a"); err != nil || v != "2" {
			t.Errorf("within the transaction: %q, %v", v, err)
		}
		return errTest
	})
	if !errors.Is(err, errTest) {
		t.Errorf("the function's error came back as %v", err)
	}
	if v := meta(t, s, "a"); v != "1" {
		t.Errorf("after a failed transaction: %q", v)
	}
	func() {
		defer func() { _ = recover() }()
		_ = s.Write(ctx, func(tx *store.Tx) error {
			_ = tx.SetMeta("a", "3")
			panic("in the middle")
		})
	}()
	write(t, s, set("b", "1"))
	if a, b := meta(t, s, "a"), meta(t, s, "b"); a != "1" || b != "1" {
		t.Errorf("after a panic: %q, %q", a, b)
	}
	if err := s.Read(ctx, set("a", "4")); err == nil {
		t.Error("a reader could write")
	}
	if v := meta(t, s, "a"); v != "1" {
		t.Errorf("a reader wrote %q", v)
	}
}

func clock(t *testing.T, s *store.Store) {
	write(t, s, func(tx *store.Tx) error {
		a := tx.Now()
		time.Sleep(time.Millisecond) // so that a second reading would differ
		if b := tx.Now(); !a.Equal(b) || a.Location() != time.UTC || a.Nanosecond()%1000 != 0 {
			t.Errorf("%v, then %v", a, b)
		}
		return nil
	})
}

// values stores what is hard to store and reads it back.
func values(t *testing.T, s *store.Store) {
	var every []byte
	for i := range 256 {
		every = append(every, byte(i))
	}
	for i, b := range [][]byte{{}, {0}, every, bytes.Repeat([]byte{0xff}, 1<<20)} {
		for _, n := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
			var gotB []byte
			var gotN int64
			write(t, s, func(tx *store.Tx) error {
				if _, err := tx.Exec("DELETE FROM tiles"); err != nil {
					return err
				}
				_, err := tx.Exec("INSERT INTO tiles (level, n, data) VALUES ($1, $2, $3)", int64(i), n, b)
				return err
			})
			read(t, s, func(tx *store.Tx) error {
				_, err := tx.Get("SELECT n, data FROM tiles WHERE level = $1", store.Args(int64(i)), &gotN, &gotB)
				return err
			})
			if gotN != n || !bytes.Equal(gotB, b) {
				t.Fatalf("%d with %d bytes came back as %d with %d bytes", n, len(b), gotN, len(gotB))
			}
		}
	}
	for _, text := range []string{"", "'; DROP TABLE events; --", "北京 é \u200b", "a\x00b", "bad \xff\xfe utf8", string(every)} {
		clean := store.Text(text)
		write(t, s, set("text", clean))
		if got := meta(t, s, "text"); got != clean {
			t.Errorf("%q came back as %q", clean, got)
		}
	}
	var id event.UUID
	var ok bool
	read(t, s, func(tx *store.Tx) (err error) {
		ok, err = tx.Get("SELECT data FROM tiles WHERE level = 99", nil, store.Into(&id))
		return err
	})
	if ok {
		t.Error("a row that is not there was found")
	}
	err := s.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.Get("SELECT data FROM tiles LIMIT 1", nil, store.Into(&id))
		return err
	})
	if !errors.Is(err, store.ErrWidth) {
		t.Errorf("a megabyte read as a UUID: %v", err)
	}
}

// collation: texts are in the order of their bytes, in either database.
func collation(t *testing.T, s *store.Store) {
	words := []string{"a", "B", "ä", "Z", "b", "a b", "a-b", "ab", "é", "京"}
	write(t, s, func(tx *store.Tx) error {
		for i, w := range words {
			if _, err := tx.Exec("INSERT INTO settled (idx, item, resolution, reason, actor) VALUES ($1, 0, $2, '', $3)", int64(i), w, []byte{}); err != nil {
				return err
			}
		}
		return nil
	})
	var got []string
	read(t, s, func(tx *store.Tx) error {
		return tx.Each("SELECT resolution FROM settled ORDER BY resolution", nil, func(scan func(...any) error) error {
			var w string
			err := scan(&w)
			got = append(got, w)
			return err
		})
	})
	slices.Sort(words)
	if !slices.Equal(got, words) {
		t.Errorf("%q, want %q", got, words)
	}
}

func inserts(t *testing.T, s *store.Store) {
	for _, rows := range []int{0, 1, 3, 4, 16, 63, 64, 65, 200, 1000} {
		var args []any
		for i := range rows {
			args = append(args, int64(7), int64(i), []byte{byte(i), byte(i >> 8)})
		}
		write(t, s, func(tx *store.Tx) error {
			if _, err := tx.Exec("DELETE FROM tiles"); err != nil {
				return err
			}
			return tx.Insert("INSERT INTO tiles (level, n, data)", 3, "", args)
		})
		next := int64(0)
		read(t, s, func(tx *store.Tx) error {
			return tx.Each("SELECT n, data FROM tiles ORDER BY n", nil, func(scan func(...any) error) error {
				var n int64
				var b []byte
				err := scan(&n, &b)
				if n != next || !bytes.Equal(b, []byte{byte(n), byte(n >> 8)}) {
					t.Errorf("row %d of %d: %d %x", next, rows, n, b)
				}
				next++
				return err
			})
		})
		if next != int64(rows) {
			t.Errorf("%d rows came back as %d", rows, next)
		}
	}
	err := s.Write(ctx, func(tx *store.Tx) error {
		return tx.Insert("INSERT INTO tiles (level, n, data)", 3, "", store.Args(1, 2))
	})
	if err == nil {
		t.Error("half a row was inserted")
	}
}

func lists(t *testing.T, s *store.Store) {
	for _, n := range []int{0, 1, 2, 3, 5, 255, 256, 257, 1000} {
		var list []int64
		write(t, s, func(tx *store.Tx) error {
			if _, err := tx.Exec("DELETE FROM tiles"); err != nil {
				return err
			}
			for i := range n {
				list = append(list, int64(i)*2)
				if _, err := tx.Exec("INSERT INTO tiles (level, n, data) VALUES (1, $1, $2)", int64(i)*2, []byte{1}); err != nil {
					return err
				}
			}
			return nil
		})
		var got []int64
		read(t, s, func(tx *store.Tx) error {
			return store.In(tx, "SELECT n FROM tiles WHERE level = $1 AND n IN (%s)", store.Args(int64(1)), list, func(v int64) any { return v },
				func(scan func(...any) error) error {
					var v int64
					err := scan(&v)
					got = append(got, v)
					return err
				})
		})
		slices.Sort(got)
		if !slices.Equal(got, list) {
			t.Errorf("a list of %d found %d", n, len(got))
		}
	}
}

func conflicts(t *testing.T, s *store.Store) {
	tile := func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO tiles (level, n, data) VALUES (0, 0, $1)", []byte{1})
		return err
	}
	write(t, s, tile)
	err := s.Write(ctx, tile)
	if !store.IsConflict(err) || store.IsRetryable(err) || store.KindOf(err) != store.KindConflict {
		t.Errorf("a second row of one key: %v (%s)", err, store.KindOf(err))
	}
	row := event0(0)
	write(t, s, func(tx *store.Tx) error { return tx.AppendEvents([]store.EventRow{row}) })
	for name, change := range map[string]func(r *store.EventRow){
		"index": func(r *store.EventRow) { r.Seq, r.UUID = 2, event.UUID{2} },
		"chain": func(r *store.EventRow) { r.Index, r.UUID = 1, event.UUID{2} },
		"uuid":  func(r *store.EventRow) { r.Index, r.Seq = 1, 2 },
	} {
		other := row
		change(&other)
		err := s.Write(ctx, func(tx *store.Tx) error { return tx.AppendEvents([]store.EventRow{other}) })
		if !store.IsConflict(err) {
			t.Errorf("a second event of one %s: %v", name, err)
		}
	}
	err = s.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec("SELECT nonsense FROM nowhere")
		return err
	})
	if store.KindOf(err) != store.KindInternal || store.IsConflict(err) {
		t.Errorf("nonsense: %v (%s)", err, store.KindOf(err))
	}
}

// savepoints: a conflict within a savepoint does not end the transaction.
func savepoints(t *testing.T, s *store.Store) {
	write(t, s, set("a", "1"))
	write(t, s, func(tx *store.Tx) error {
		if err := tx.SetMeta("b", "1"); err != nil {
			return err
		}
		if _, err := tx.Exec("SAVEPOINT here"); err != nil {
			return err
		}
		if err := tx.SetMeta("c", "1"); err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO meta (name, value) VALUES ('a', '2')"); !store.IsConflict(err) {
			return fmt.Errorf("no conflict: %w", err)
		}
		if _, err := tx.Exec("ROLLBACK TO SAVEPOINT here"); err != nil {
			return err
		}
		_, err := tx.Exec("RELEASE SAVEPOINT here")
		return err
	})
	if a, b, c := meta(t, s, "a"), meta(t, s, "b"), meta(t, s, "c"); a != "1" || b != "1" || c != "" {
		t.Errorf("%q %q %q", a, b, c)
	}
}

func event0(i int) store.EventRow {
	return store.EventRow{Index: int64(i), Dev: 1, Seq: int64(i) + 1, ID: event.ID{byte(i), 1}, UUID: event.UUID{byte(i), 2}, Type: event.TypeNoteWritten,
		Case: 3, Received: time.UnixMicro(1796000000000001).UTC(), Carrier: 4, Line: []byte{0, 1, 2, 0xff, byte(i)}}
}

func logRows(t *testing.T, s *store.Store) {
	var rows []store.EventRow
	for i := range 100 {
		rows = append(rows, event0(i))
	}
	q := store.QuarantineRow{Index: 100, SHA: event.Digest{1}, Received: rows[0].Received, Layer: "key", Code: "UNKNOWN_DEVICE", Detail: "a\x00b",
		EventID: event.ID{2}, Seq: 1 << 50, Type: "no.such", Line: []byte("{}")}
	c := store.CheckpointRow{Size: 101, Root: event.Root{5}, At: rows[0].Received, Note: "note\n"}
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.AppendEvents(rows), tx.AppendQuarantine([]store.QuarantineRow{q}), tx.PutCheckpoint(c),
			tx.PutCheckpoint(store.CheckpointRow{Size: 50, At: c.At}))
	})
	q.Detail = store.Text(q.Detail)
	read(t, s, func(tx *store.Tx) error {
		for i, want := range rows {
			got, found, err := tx.EventAt(int64(i))
			if err != nil || !found || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
				t.Fatalf("event %d: %v %v\n%+v\n%+v", i, found, err, got, want)
			}
		}
		if _, found, err := tx.EventAt(100); found || err != nil {
			t.Errorf("a quarantined line is an event: %v", err)
		}
		if got, found, err := tx.QuarantineAt(100); err != nil || !found || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", q) {
			t.Errorf("quarantine: %v %v\n%+v\n%+v", found, err, got, q)
		}
		for index, size := range map[int64]int64{0: 50, 49: 50, 50: 101, 100: 101} {
			if got, found, err := tx.FirstCheckpointCovering(index); err != nil || !found || got.Size != size {
				t.Errorf("entry %d is covered by %d %v %v, want %d", index, got.Size, found, err, size)
			}
		}
		if _, found, err := tx.FirstCheckpointCovering(101); found || err != nil {
			t.Errorf("beyond the log: %v %v", found, err)
		}
		if got, _, err := tx.LastCheckpoint(); err != nil || got != c {
			t.Errorf("%+v %v", got, err)
		}
		if _, err := tx.ReadTile(ctx, 0, 0); !errors.Is(err, ledger.ErrNoTile) {
			t.Errorf("no tile: %v", err)
		}
		return nil
	})
	for _, data := range [][]byte{make([]byte, 32), bytes.Repeat([]byte{7}, ledger.TileBytes)} {
		write(t, s, func(tx *store.Tx) error {
			return tx.PutTiles([]ledger.Tile{{TileID: ledger.TileID{Level: 1, N: 2}, Data: data}})
		})
		if got, err := (store.Tiles{Store: s}).ReadTile(ctx, 1, 2); err != nil || !bytes.Equal(got, data) {
			t.Errorf("tile of %d bytes: %d, %v", len(data), len(got), err)
		}
	}
}

// lostUpdates: writers that read, add one and write do not overtake each other
// under the ledger's lock.
func lostUpdates(t *testing.T, s *store.Store) {
	const writers, rounds = 8, 20
	write(t, s, set("n", "0"))
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				err := s.Write(ctx, func(tx *store.Tx) error {
					if err := tx.LockLedger(); err != nil {
						return err
					}
					v, err := tx.Meta("n")
					if err != nil {
						return err
					}
					var n int
					if _, err := fmt.Sscan(v, &n); err != nil {
						return err
					}
					return tx.SetMeta("n", fmt.Sprint(n+1))
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := meta(t, s, "n"); got != fmt.Sprint(writers*rounds) {
		t.Errorf("%s of %d updates are there", got, writers*rounds)
	}
}

// oneMoment: a read sees the moment of its first statement to its end, however
// much is written meanwhile.
func oneMoment(t *testing.T, s *store.Store) {
	write(t, s, set("a", "1"))
	read(t, s, func(tx *store.Tx) error {
		for range 3 {
			if v, err := tx.Meta("a"); err != nil || v != "1" {
				t.Errorf("%q %v", v, err)
			}
			write(t, s, set("a", "2"))
		}
		return nil
	})
	if v := meta(t, s, "a"); v != "2" {
		t.Errorf("afterwards %q", v)
	}
}

func cancellation(t *testing.T, s *store.Store) {
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Write(cancelled, set("a", "1")); store.KindOf(err) != store.KindCancelled {
		t.Errorf("write: %v", err)
	}
	if err := s.Read(cancelled, func(*store.Tx) error { return nil }); store.KindOf(err) != store.KindCancelled {
		t.Errorf("read: %v", err)
	}
	// A transaction that has begun is not cut short by its caller's end.
	inner, stop := context.WithCancel(ctx)
	err := s.Write(inner, func(tx *store.Tx) error {
		if err := tx.SetMeta("a", "1"); err != nil {
			return err
		}
		stop()
		return tx.SetMeta("b", "1")
	})
	if err != nil {
		t.Errorf("a transaction whose caller went: %v", err)
	}
	if meta(t, s, "a") != "1" || meta(t, s, "b") != "1" {
		t.Error("half of it is there")
	}
}

// statements: the same texts again and again, after errors too.
func statements(t *testing.T, s *store.Store) {
	for i := range 20 {
		write(t, s, set("a", fmt.Sprint(i)))
		if err := s.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec("INSERT INTO meta (name, value) VALUES ($1, $2)", "a", "x")
			return err
		}); !store.IsConflict(err) {
			t.Fatal(err)
		}
		if got := meta(t, s, "a"); got != fmt.Sprint(i) {
			t.Fatalf("%q after %d", got, i)
		}
	}
}

func closed(t *testing.T, s *store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := s.Write(short, set("a", "1")); err == nil {
		t.Error("a closed store took a write")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}
