package device

import (
	"math"

	"golang.org/x/sys/windows"
)

// diskFree is the bytes that this user can still write under dir, -1 where that
// cannot be known.
func diskFree(dir string) int64 {
	var free uint64
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil || windows.GetDiskFreeSpaceEx(name, &free, nil, nil) != nil {
		return -1
	}
	return int64(min(free, math.MaxInt64))
}
