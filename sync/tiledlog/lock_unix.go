//go:build unix

package tiledlog

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps other exports out; the system drops it with the process.
func lock(root *os.Root) (unlock func() error, err error) {
	f, err := root.OpenFile(lockName, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrBusy
	}
	if err != nil {
		return nil, &FileError{lockName, errors.Join(err, f.Close())}
	}
	return f.Close, nil
}
