package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fieldseal/sync/store"
	"fieldseal/sync/store/pgtest"
	"fieldseal/sync/store/storetest"

	"github.com/google/go-cmp/cmp"
)

var ctx = context.Background()

func sqlite(t *testing.T) store.Config {
	return store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "a name?with %odd #characters.db")}
}

func postgres(t *testing.T) store.Config {
	return store.Config{Driver: store.Postgres, DSN: pgtest.Start(t)}
}

func TestSQLite(t *testing.T) { storetest.Run(t, sqlite) }

func TestPostgres(t *testing.T) {
	pgtest.Start(t) // keeps the server for all of them
	storetest.Run(t, postgres)
}

func TestConfigNamesEveryFault(t *testing.T) {
	_, err := store.Open(ctx, store.Config{Driver: "oracle", Readers: -1})
	if err == nil || !strings.Contains(err.Error(), "oracle") || !strings.Contains(err.Error(), "readers") {
		t.Error(err)
	}
	for _, c := range []store.Config{{Driver: store.SQLite}, {Driver: store.Postgres}} {
		if _, err := store.Open(ctx, c); err == nil {
			t.Errorf("%+v was opened", c)
		}
	}
}

func TestUnusableDatabases(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "text.db")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		c    store.Config
		kind store.Kind
	}{
		"no folder": {store.Config{Driver: store.SQLite, Path: filepath.Join(dir, "none", "x.db")}, store.KindUnavailable},
		"text":      {store.Config{Driver: store.SQLite, Path: file}, store.KindCorrupt},
		"no server": {store.Config{Driver: store.Postgres, DSN: "host=" + dir + " user=x dbname=x"}, store.KindUnavailable},
	} {
		_, err := store.Open(ctx, want.c)
		if store.KindOf(err) != want.kind {
			t.Errorf("%s: %v (%s)", name, err, store.KindOf(err))
		}
	}
}

// columns describes every table but SQLite's own: name, order, whether NULL is
// allowed and whether it is in the primary key.
func columns(t *testing.T, s *store.Store, query string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := s.Read(ctx, func(tx *store.Tx) error {
		return tx.Each(query, nil, func(scan func(...any) error) error {
			var table, column, kind string
			var required, key int64
			if err := scan(&table, &column, &kind, &required, &key); err != nil {
				return err
			}
			kind = map[string]string{"INTEGER": "n", "BIGINT": "n", "bigint": "n", "BLOB": "b", "bytea": "b", "TEXT": "t", "text": "t"}[kind]
			all[table] = append(all[table], fmt.Sprintf("%s %s required=%v key=%v", column, kind, required != 0 || key != 0, key != 0))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The two dialects have the same tables with the same columns in the same order.
func TestDialectsHaveTheSameTables(t *testing.T) {
	lite := columns(t, storetest.Open(t, sqlite(t)), `SELECT m.name, c.name, c.type, c."notnull", c.pk FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' ORDER BY m.name, c.cid`)
	pg := columns(t, storetest.Open(t, postgres(t)), `SELECT c.table_name::text, c.column_name::text, c.data_type::text, CASE c.is_nullable WHEN 'NO' THEN 1 ELSE 0 END,
		(SELECT count(*) FROM information_schema.key_column_usage k JOIN information_schema.table_constraints t USING (constraint_name, table_name)
		 WHERE t.constraint_type = 'PRIMARY KEY' AND k.table_name = c.table_name AND k.column_name = c.column_name)
		FROM information_schema.columns c WHERE c.table_schema = 'public' ORDER BY c.table_name, c.ordinal_position`)
	if len(lite) < 20 {
		t.Errorf("only %d tables", len(lite))
	}
	if d := cmp.Diff(lite, pg); d != "" {
		t.Errorf("SQLite -, PostgreSQL +\n%s", d)
	}
}

// Both dialects index the same columns, as far as a name says it.
func TestDialectsHaveTheSameIndexes(t *testing.T) {
	names := func(s *store.Store, query string) (list []string) {
		err := s.Read(ctx, func(tx *store.Tx) error {
			return tx.Each(query, nil, func(scan func(...any) error) error {
				var n string
				err := scan(&n)
				list = append(list, n)
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(list)
		return list
	}
	lite := names(storetest.Open(t, sqlite(t)), "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
	pg := names(storetest.Open(t, postgres(t)), "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey'")
	if d := cmp.Diff(lite, pg); d != "" {
		t.Errorf("SQLite -, PostgreSQL +\n%s", d)
	}
}

// A backup made while the database is written is whole, and holds what was
// committed before it began, the write-ahead log included.
func TestBackup(t *testing.T) {
	s := storetest.Open(t, sqlite(t))
	put := func(n int) {
		err := s.Write(ctx, func(tx *store.Tx) error {
			return tx.Insert("INSERT INTO tiles (level, n, data)", 3, "", store.Args(int64(9), int64(n), make([]byte, 4000)))
		})
		if err != nil {
			t.Error(err)
		}
	}
	for n := range 200 {
		put(n)
	}
	path := filepath.Join(t.TempDir(), "backup.db")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 200; n < 300; n++ {
			put(n)
		}
	}()
	if err := s.Backup(ctx, path); err != nil {
		t.Fatal(err)
	}
	<-done
	if _, err := os.Stat(path + ".part"); !errors.Is(err, os.ErrNotExist) {
		t.Error("a part was left behind")
	}
	copied := storetest.Open(t, store.Config{Driver: store.SQLite, Path: path})
	var n, last int64
	err := copied.Read(ctx, func(tx *store.Tx) error {
		if faults, err := tx.SelfCheck(10); err != nil || len(faults) > 0 {
			t.Errorf("%v %v", faults, err)
		}
		_, err := tx.Get("SELECT count(*), max(n) FROM tiles WHERE level = 9", nil, &n, &last)
		return err
	})
	if err != nil || n < 200 || last != n-1 {
		t.Errorf("%d rows, the last %d, %v", n, last, err)
	}
	if err := s.Backup(ctx, path); err == nil {
		t.Error("a backup was overwritten")
	}
	put(300) // the store goes on
	if err := s.Read(ctx, func(tx *store.Tx) error { return tx.SetMeta("a", "1") }); err == nil {
		t.Error("a reader can write after a backup")
	}
}

func TestPostgresBackupIsLeftToItsTools(t *testing.T) {
	s := storetest.Open(t, postgres(t))
	if err := s.Backup(ctx, filepath.Join(t.TempDir(), "x")); !errors.Is(err, store.ErrUnsupported) {
		t.Error(err)
	}
}

// A PostgreSQL connection that is cut while it is idle costs nothing; one that is
// cut within a transaction costs that transaction; at the commit the outcome is open.
func TestPostgresCutsConnections(t *testing.T) {
	s := storetest.Open(t, postgres(t))
	cut := func(tx *store.Tx) error {
		_, err := tx.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'fieldseal'")
		return err
	}
	put := func(tx *store.Tx) error { return tx.SetMeta("a", "1") }
	admin := storetest.Open(t, store.Config{Driver: store.Postgres, DSN: pgtest.Start(t)})
	for range 3 {
		if err := s.Write(ctx, put); err != nil {
			t.Fatal(err)
		}
		if err := s.Read(ctx, cut); err != nil { // cuts the writers, and is cut itself by none
			t.Fatal(err)
		}
	}
	if err := s.Write(ctx, put); err != nil {
		t.Errorf("after an idle connection was cut: %v", err)
	}
	var pid int64
	err := s.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Get("SELECT pg_backend_pid()::bigint", nil, &pid); err != nil {
			return err
		}
		if err := tx.SetMeta("a", "2"); err != nil {
			return err
		}
		if err := admin.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec("SELECT pg_terminate_backend($1::int)", pid)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return nil // and the commit finds the connection gone
	})
	if !errors.Is(err, store.ErrOutcomeUnknown) || store.KindOf(err) != store.KindUnavailable {
		t.Errorf("a commit on a cut connection: %v (%s)", err, store.KindOf(err))
	}
	if err := s.Write(ctx, put); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Another process that holds the write lock is waited for, and a lock that is
// never given up is an error that says so.
func TestSQLiteLockedByAnother(t *testing.T) {
	c := sqlite(t)
	a, b := storetest.Open(t, c), storetest.Open(t, c)
	release := make(chan struct{})
	started := make(chan struct{})
	done := make(chan error)
	go func() {
		done <- a.Write(ctx, func(tx *store.Tx) error {
			close(started)
			<-release
			return tx.SetMeta("a", "1")
		})
	}()
	<-started
	go close(release)
	if err := b.Write(ctx, func(tx *store.Tx) error {
		v, err := tx.Meta("a")
		if v != "1" {
			t.Errorf("the lock was given before the other's end: %q", v)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestKindsHaveAdvice(t *testing.T) {
	for k := range maps.Keys(map[store.Kind]bool{store.KindFull: true, store.KindIO: true, store.KindCorrupt: true, store.KindBusy: true, store.KindUnavailable: true}) {
		if e := (&store.Error{Op: "x", Kind: k, Cause: errors.New("y")}).Error(); len(e) < 30 {
			t.Errorf("%s: %q tells nobody what to do", k, e)
		}
	}
}
