package storetest

import (
	"errors"
	"testing"

	"fieldseal/sync/store"
)

// faults: a statement that fails undoes the transaction; a commit that fails is
// of unknown outcome, whether it was lost or applied, and the store goes on.
func faults(t *testing.T, c store.Config) {
	var f Faults
	c.Wrap = f.Wrap
	s := Open(t, c)
	write(t, s, set("a", "0"))

	f.Once("COMMIT", Lost)
	err := s.Write(ctx, set("a", "lost"))
	if !errors.Is(err, store.ErrOutcomeUnknown) || !errors.Is(err, ErrInjected) || store.IsRetryable(err) {
		t.Errorf("a lost commit: %v", err)
	}
	if f.Hits() != 1 {
		t.Errorf("%d statements failed", f.Hits())
	}
	if v := meta(t, s, "a"); v != "0" {
		t.Errorf("a lost commit left %q", v)
	}

	f.Once("COMMIT", Applied)
	err = s.Write(ctx, set("a", "applied"))
	if !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("an applied commit: %v", err)
	}
	if v := meta(t, s, "a"); v != "applied" {
		t.Errorf("an applied commit left %q", v)
	}

	for _, fault := range []Fault{Lost, Applied} {
		f.Once("INSERT INTO meta", fault)
		err = s.Write(ctx, set("a", "half"))
		if err == nil || errors.Is(err, store.ErrOutcomeUnknown) {
			t.Errorf("a failed statement: %v", err)
		}
		if v := meta(t, s, "a"); v != "applied" {
			t.Errorf("a failed statement left %q", v)
		}
		f.Once("BEGIN", fault)
		if err = s.Write(ctx, set("a", "begun")); err == nil || errors.Is(err, store.ErrOutcomeUnknown) {
			t.Errorf("a failed begin: %v", err)
		}
	}
	// A rollback that fails costs the connection, not the store.
	f.Once("ROLLBACK", Lost)
	if err := s.Write(ctx, func(tx *store.Tx) error { return errors.Join(tx.SetMeta("a", "x"), errTest) }); !errors.Is(err, errTest) {
		t.Errorf("%v", err)
	}
	f.Set(nil)
	write(t, s, set("b", "1"))
	if a, b := meta(t, s, "a"), meta(t, s, "b"); a != "applied" || b != "1" {
		t.Errorf("%q %q", a, b)
	}
}

// migrations run once; a database of a newer or another program is refused.
func migrations(t *testing.T, c store.Config) {
	s := Open(t, c)
	write(t, s, set("a", "1"))
	again := Open(t, c)
	if meta(t, again, "a") != "1" {
		t.Error("opening twice lost something")
	}
	for name, text := range map[string]string{
		"a migration of the future":   "INSERT INTO schema_migrations (number, name, sha, applied) VALUES (9999, 'later', 'x', 0)",
		"a migration with new text":   "UPDATE schema_migrations SET sha = 'x' WHERE number = 1",
		"a migration that has no row": "DELETE FROM schema_migrations WHERE number = 1",
	} {
		undo := "DELETE FROM schema_migrations WHERE number = 9999"
		var sha string
		write(t, s, func(tx *store.Tx) error {
			if _, err := tx.Get("SELECT sha FROM schema_migrations WHERE number = 1", nil, &sha); err != nil {
				return err
			}
			_, err := tx.Exec(text)
			return err
		})
		other, err := store.Open(ctx, c)
		if !errors.Is(err, store.ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
		if other != nil {
			t.Errorf("%s: a store was opened", name)
		}
		write(t, s, func(tx *store.Tx) error {
			if _, err := tx.Exec(undo); err != nil {
				return err
			}
			if _, err := tx.Exec("DELETE FROM schema_migrations WHERE number = 1"); err != nil {
				return err
			}
			_, err := tx.Exec("INSERT INTO schema_migrations (number, name, sha, applied) VALUES (1, 'ledger', $1, 0)", sha)
			return err
		})
	}
}
