package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// fsys is every file operation of the package, so that tests can make each one
// fail, or forget what was not flushed. Names are paths as in package os.
type fsys interface {
	Mkdir(name string) error
	Open(name string) (file, error)               // to read
	OpenFile(name string, flag int) (file, error) // to write; creates with mode 0o640
	// OpenDirect opens an existing file to write past the page cache: offsets,
	// lengths and addresses must be multiples of directAlign. What it writes is
	// durable after a Sync of any handle of the file, like everything else. Where
	// the file system cannot do it, opening or the first write fails with EINVAL
	// or errors.ErrUnsupported.
	OpenDirect(name string) (file, error)
	Rename(from, to string) error               // replaces a file at to
	Remove(name string) error                   // a file or an empty directory
	ReadDir(name string) ([]fs.DirEntry, error) // sorted by name
	Stat(name string) (fs.FileInfo, error)      //
	SyncDir(name string) error                  // makes the directory's entries durable
}

type file interface {
	Read(p []byte) (int, error)
	ReadAt(p []byte, off int64) (int, error)
	Seek(offset int64, whence int) (int64, error)
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error     // data and metadata durable
	SyncData() error // data durable, and what is needed to read it back
	Size() (int64, error)
	Lock() error // exclusive, until Close; ErrLocked where another process holds it
	Close() error
}

type osFS struct{}

func (osFS) Mkdir(name string) error                    { return os.Mkdir(name, 0o750) }
func (osFS) Rename(from, to string) error               { return os.Rename(from, to) }
func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }

func (osFS) Open(name string) (file, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) OpenFile(name string, flag int) (file, error) {
	f, err := os.OpenFile(name, flag, 0o640)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type osFile struct{ *os.File }

func (f osFile) SyncData() error { return syncData(f.File) }
func (f osFile) Lock() error     { return lockFile(f.File) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// full marks err as ErrFull where the file system says so.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
