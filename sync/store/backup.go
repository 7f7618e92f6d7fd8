package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup writes a consistent copy of a SQLite database to a new file while the
// database is in use, and syncs file and directory. A plain copy of the file
// would lack what is still in the write-ahead log. It refuses a path that
// exists. For PostgreSQL it returns an error that wraps ErrUnsupported.
//
// A backup is for reading and for recovery by replay; the checkpoint guard
// refuses to run a log from a copy that is behind what the log has signed.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	if s.d.name != SQLite {
		return fmt.Errorf("%w: use pg_dump, or a base backup with WAL archiving", ErrUnsupported)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store: backup: %s exists already; choose another name", path)
	}
	c, err := s.readers.lend(ctx)
	if err != nil {
		return classify("backup", err)
	}
	defer s.readers.give(c)
	part := path + ".part"
	defer func() {
		if err != nil {
			err = errors.Join(err, removeIfThere(part))
		}
	}()
	if err := removeIfThere(part); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	if err := createOwn(part); err != nil { // SQLite takes an empty file for none
		return fmt.Errorf("store: backup: %w", err)
	}
	if _, err := c.c.ExecContext(ctx, "PRAGMA query_only(0)"); err != nil {
		return classify("backup", err)
	}
	_, err = c.c.ExecContext(ctx, "VACUUM INTO $1", part)
	if _, restore := c.c.ExecContext(background, "PRAGMA query_only(1)"); restore != nil {
		c.drop()
	}
	if err != nil {
		return classify("backup to "+path, err)
	}
	if err := syncPath(part); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	return syncPath(filepath.Dir(path))
}

// createOwn makes an empty file that only its owner reads, where there is none. A
// database holds evidence and the hashes of passwords; SQLite itself would leave
// its files, and those beside it, to the umask.
func createOwn(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SelfCheck lets SQLite check its pages and that every index has its rows, and
// gives what it complains about, at most limit. PostgreSQL has no such check
// within a transaction (pg_amcheck is its tool): the list is empty.
func (tx *Tx) SelfCheck(limit int) (faults []string, err error) {
	if tx.s.d.name != SQLite {
		return nil, nil
	}
	err = tx.Each(fmt.Sprintf("PRAGMA integrity_check(%d)", limit), nil, func(scan func(...any) error) error {
		var fault string
		if err := scan(&fault); err != nil {
			return err
		}
		if fault != "ok" {
			faults = append(faults, fault)
		}
		return nil
	})
	return faults, err
}
