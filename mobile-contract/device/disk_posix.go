//go:build linux || darwin

package device

import "golang.org/x/sys/unix"

// diskFree is the bytes that this user can still write under dir, -1 where that
// cannot be known.
func diskFree(dir string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return -1
	}
	return int64(st.Bavail) * int64(st.Bsize)
}
