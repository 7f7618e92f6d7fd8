//go:build !linux

package blob

import (
	"errors"
	"os"
)

func syncData(f *os.File) error { return f.Sync() }

// lockFile relies on the lock inside the process: on these systems one store
// directory belongs to one process.
func lockFile(*os.File) error { return nil }

func (osFS) OpenDirect(string) (file, error) { return nil, errors.ErrUnsupported }
