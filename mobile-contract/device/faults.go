package device

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"syscall"

	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// classify marks a driver's error with the sentinel that it stands for, once, by
// its code. Errors that carry no code pass as they are.
func classify(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) || errors.Is(err, ErrDiskFull) || errors.Is(err, ErrStorage) ||
		errors.Is(err, ErrCorrupt) || errors.Is(err, ErrBusy) {
		if errors.Is(err, sql.ErrConnDone) {
			return fmt.Errorf("%w: %w", ErrClosed, err)
		}
		return err
	}
	switch e.Code() & 0xff { // the primary code of an extended one
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: free some space, then do it again; everything saved before is safe: %w", ErrDiskFull, err)
	case sqlite3.SQLITE_IOERR:
		// The index of the write-ahead log is the first thing to find no room.
		if errors.Is(err, syscall.ENOSPC) || e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE {
			return fmt.Errorf("%w: free some space, then do it again; everything saved before is safe: %w", ErrDiskFull, err)
		}
		return fmt.Errorf("%w: check the disk, copy the store elsewhere if it goes on: %w", ErrStorage, err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w: check that the directory is there and writable: %w", ErrStorage, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: keep the file as it is and export what can be read: %w", ErrCorrupt, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: do it again when that is done: %w", ErrBusy, err)
	}
	return err
}

// storageErr does the same for the operating system's errors.
func storageErr(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrDiskFull), errors.Is(err, ErrStorage):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: free some space, then do it again; everything saved before is safe: %w", ErrDiskFull, err)
	case errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w: check the disk: %w", ErrStorage, err)
	}
	return err
}

// syncDir makes a directory's entries durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
