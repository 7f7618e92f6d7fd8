package blob

import (
	"errors"
	"os"
	"syscall"
)

// syncData is fdatasync: a slot overwritten in place then costs one block and no
// journal commit.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// lockFile takes the flock that keeps other processes out; the kernel drops it
// when the file is closed or its process ends.
func lockFile(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrLocked
		default:
			return os.NewSyscallError("flock", err)
		}
	}
}

// OpenDirect uses O_DIRECT: a photo is not looked at again soon, and copying it
// through the page cache costs as much processor time as hashing it.
func (osFS) OpenDirect(name string) (file, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_DIRECT, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}
