package blob

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// simFS is a file system in memory that knows what would survive a power cut:
//
//   - written bytes survive once their file was flushed, in sectors of 512 bytes;
//   - an entry of a directory survives once that directory was flushed; a rename
//     survives in both directories or in neither;
//   - a flush that fails leaves its sectors clean but lost: they can be read, and
//     a later flush that succeeds does not write them. That is what Linux does.
//
// At a power cut everything not flushed may or may not survive, each sector and
// each entry by itself.
type simFS struct {
	mu      sync.Mutex
	root    *inode
	pending []*metaOp
	locks   map[*inode]bool
	now     time.Time
	// fault is asked before every operation: none, or the error to report and
	// whether the operation takes effect all the same.
	fault func(op, name string) (err error, applied bool)
	// onDirect is asked before a direct write; nil: it works.
	onDirect func() error
	ops      int
}

const simSector = 512

var errUnaligned = errors.New("a direct write is not aligned")

type inode struct {
	dir            bool
	entries, saved map[string]*inode // of a directory: as seen; as a power cut leaves it
	data, disk     []byte            // of a file: likewise
	dirty          map[int]bool      // sectors that a flush would write
	mtime          time.Time
}

// metaOp is a change of directories that no flush has made durable yet.
type metaOp struct {
	node     *inode
	from, to *inode // nil: made or removed
	old, new string
}

func newSimFS() *simFS {
	s := &simFS{root: newInode(true), locks: map[*inode]bool{}, now: time.Unix(1_800_000_000, 0)}
	s.root.entries["d"] = newInode(true) // the parent of the store, there before it
	s.root.saved["d"] = s.root.entries["d"]
	return s
}

func newInode(dir bool) *inode {
	return &inode{dir: dir, entries: map[string]*inode{}, saved: map[string]*inode{}, dirty: map[int]bool{}}
}

// do runs an operation under the lock, with its fault.
func (s *simFS) do(op, name string, act func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ops++
	if s.fault != nil {
		if err, applied := s.fault(op, name); err != nil {
			if applied {
				if aerr := act(); aerr != nil {
					return aerr
				}
			} else if op == "sync" {
				s.loseSectors(name)
			}
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	if err := act(); err != nil {
		if errno, ok := err.(syscall.Errno); ok {
			return &fs.PathError{Op: op, Path: name, Err: errno}
		}
		return err
	}
	return nil
}

func (s *simFS) loseSectors(name string) {
	if n := s.find(name); n != nil {
		clear(n.dirty)
	}
}

func (s *simFS) find(name string) *inode {
	n := s.root
	for _, elem := range strings.Split(strings.Trim(path.Clean(name), "/"), "/") {
		if n = n.entries[elem]; n == nil {
			return nil
		}
	}
	return n
}

func (s *simFS) parent(name string) (*inode, string, error) {
	dir, base := path.Split(path.Clean(name))
	n := s.find(dir)
	if n == nil {
		return nil, "", syscall.ENOENT
	}
	return n, base, nil
}

func (s *simFS) Mkdir(name string) error {
	return s.do("mkdir", name, func() error {
		p, base, err := s.parent(name)
		if err != nil {
			return err
		}
		if p.entries[base] != nil {
			return syscall.EEXIST
		}
		s.link(p, base, newInode(true))
		return nil
	})
}

func (s *simFS) link(p *inode, base string, n *inode) {
	n.mtime = s.now
	p.entries[base] = n
	s.pending = append(s.pending, &metaOp{node: n, to: p, new: base})
}

func (s *simFS) Open(name string) (file, error) { return s.OpenFile(name, os.O_RDONLY) }

func (s *simFS) OpenFile(name string, flag int) (f file, err error) {
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	err = s.do(op, name, func() error {
		p, base, err := s.parent(name)
		if err != nil {
			return err
		}
		n := p.entries[base]
		switch {
		case n != nil && flag&os.O_EXCL != 0:
			return syscall.EEXIST
		case n != nil && n.dir && flag != os.O_RDONLY:
			return syscall.EISDIR
		case n == nil && flag&os.O_CREATE == 0:
			return syscall.ENOENT
		case n == nil:
			n = newInode(false)
			s.link(p, base, n)
		case flag&os.O_TRUNC != 0:
			n.data = nil
		}
		f = &simFile{s: s, n: n, name: name}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s *simFS) OpenDirect(name string) (file, error) {
	f, err := s.OpenFile(name, os.O_WRONLY)
	if err != nil {
		return nil, err
	}
	f.(*simFile).direct = true
	return f, nil
}

func (s *simFS) Rename(from, to string) error {
	return s.do("rename", to, func() error {
		a, old, err := s.parent(from)
		if err != nil {
			return err
		}
		b, base, err := s.parent(to)
		if err != nil {
			return err
		}
		n := a.entries[old]
		if n == nil {
			return syscall.ENOENT
		}
		if o := b.entries[base]; o != nil && o.dir {
			return syscall.EEXIST
		}
		delete(a.entries, old)
		b.entries[base] = n
		s.pending = append(s.pending, &metaOp{node: n, from: a, old: old, to: b, new: base})
		return nil
	})
}

func (s *simFS) Remove(name string) error {
	return s.do("remove", name, func() error {
		p, base, err := s.parent(name)
		if err != nil {
			return err
		}
		n := p.entries[base]
		if n == nil {
			return syscall.ENOENT
		}
		if n.dir && len(n.entries) > 0 {
			return syscall.ENOTEMPTY
		}
		delete(p.entries, base)
		s.pending = append(s.pending, &metaOp{node: n, from: p, old: base})
		return nil
	})
}

func (s *simFS) SyncDir(name string) error {
	return s.do("syncdir", name, func() error {
		n := s.find(name)
		if n == nil {
			return syscall.ENOENT
		}
		s.commit(func(op *metaOp) bool { return op.from == n || op.to == n })
		return nil
	})
}

// commit makes the chosen changes durable, and with each the earlier ones that
// it builds on: those of the same thing or of the same entry.
func (s *simFS) commit(chosen func(*metaOp) bool) {
	take := map[*metaOp]bool{}
	for i := len(s.pending) - 1; i >= 0; i-- {
		op := s.pending[i]
		if chosen(op) {
			take[op] = true
		}
		for _, later := range s.pending[i+1:] {
			if take[later] && (later.node == op.node || sameEntry(later, op)) {
				take[op] = true
			}
		}
	}
	s.pending = slices.DeleteFunc(s.pending, func(op *metaOp) bool {
		if !take[op] {
			return false
		}
		if op.from != nil {
			delete(op.from.saved, op.old)
		}
		if op.to != nil {
			op.to.saved[op.new] = op.node
		}
		return true
	})
}

func sameEntry(a, b *metaOp) bool {
	type entry struct {
		dir  *inode
		name string
	}
	of := func(o *metaOp) []entry { return []entry{{o.from, o.old}, {o.to, o.new}} }
	return slices.ContainsFunc(of(a), func(e entry) bool { return e.dir != nil && slices.Contains(of(b), e) })
}

func (s *simFS) ReadDir(name string) (list []fs.DirEntry, err error) {
	err = s.do("readdir", name, func() error {
		n := s.find(name)
		if n == nil {
			return syscall.ENOENT
		}
		if !n.dir {
			return syscall.ENOTDIR
		}
		for _, k := range slices.Sorted(maps.Keys(n.entries)) {
			list = append(list, fs.FileInfoToDirEntry(simInfo{k, *n.entries[k]}))
		}
		return nil
	})
	return list, err
}

func (s *simFS) Stat(name string) (info fs.FileInfo, err error) {
	err = s.do("stat", name, func() error {
		n := s.find(name)
		if n == nil {
			return syscall.ENOENT
		}
		info = simInfo{path.Base(name), *n}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

type simInfo struct {
	name string
	n    inode
}

func (i simInfo) Name() string       { return i.name }
func (i simInfo) Size() int64        { return int64(len(i.n.data)) }
func (i simInfo) ModTime() time.Time { return i.n.mtime }
func (i simInfo) IsDir() bool        { return i.n.dir }
func (i simInfo) Sys() any           { return nil }
func (i simInfo) Mode() fs.FileMode {
	if i.n.dir {
		return fs.ModeDir | 0o750
	}
	return 0o640
}

type simFile struct {
	s      *simFS
	n      *inode
	name   string
	at     int64
	locked bool
	direct bool // writes must be aligned
}

func (f *simFile) Read(p []byte) (n int, err error) {
	n, err = f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *simFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.s.do("read", f.name, func() error {
		if off < int64(len(f.n.data)) {
			n = copy(p, f.n.data[off:])
		}
		return nil
	})
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *simFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += int64(len(f.n.data))
	}
	f.at = offset
	return offset, nil
}

func (f *simFile) WriteAt(p []byte, off int64) (int, error) {
	if f.direct && (off%directAlign != 0 || len(p)%directAlign != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(p)))%directAlign != 0) {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: errUnaligned}
	}
	if f.direct && f.s.onDirect != nil {
		if err := f.s.onDirect(); err != nil {
			return 0, &fs.PathError{Op: "write", Path: f.name, Err: err}
		}
	}
	err := f.s.do("write", f.name, func() error {
		if need := int(off) + len(p); need > len(f.n.data) {
			f.n.touch(len(f.n.data), need)
			f.n.data = append(f.n.data, make([]byte, need-len(f.n.data))...)
		}
		copy(f.n.data[off:], p)
		f.n.touch(int(off), int(off)+len(p))
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (n *inode) touch(from, to int) {
	for i := from / simSector; i*simSector < to; i++ {
		n.dirty[i] = true
	}
}

func (f *simFile) Truncate(size int64) error {
	return f.s.do("truncate", f.name, func() error {
		if size < int64(len(f.n.data)) {
			f.n.data = f.n.data[:size:size]
		}
		f.n.touch(int(size), int(size)+1)
		return nil
	})
}

func (f *simFile) Sync() error {
	return f.s.do("sync", f.name, func() error { f.n.flush(func(int) bool { return true }); return nil })
}

func (f *simFile) SyncData() error { return f.Sync() }

// flush writes the dirty sectors that pass, and the length.
func (n *inode) flush(pass func(sector int) bool) {
	n.disk = resize(n.disk, len(n.data))
	for i := range n.dirty {
		if from := i * simSector; pass(i) && from < len(n.data) {
			copy(n.disk[from:], n.data[from:min(from+simSector, len(n.data))])
		}
	}
	clear(n.dirty)
}

func resize(b []byte, n int) []byte {
	if n <= len(b) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-len(b))...)
}

func (f *simFile) Size() (int64, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	return int64(len(f.n.data)), nil
}

func (f *simFile) Lock() error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.locks[f.n] {
		return ErrLocked
	}
	f.s.locks[f.n], f.locked = true, true
	return nil
}

func (f *simFile) Close() error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.locked {
		delete(f.s.locks, f.n)
	}
	return nil
}

// powerCut returns the file system as it could be found after a power cut now;
// the present one stays as it is. With a nil rng nothing unflushed survives.
func (s *simFS) powerCut(rng *rand.Rand) *simFS {
	s.mu.Lock()
	defer s.mu.Unlock()
	copies := map[*inode]*inode{}
	after := &simFS{root: s.root.clone(copies), locks: map[*inode]bool{}, now: s.now}
	for _, op := range s.pending {
		after.pending = append(after.pending, &metaOp{node: op.node.clone(copies), from: op.from.clone(copies), to: op.to.clone(copies), old: op.old, new: op.new})
	}
	if rng != nil {
		after.commit(func(*metaOp) bool { return rng.IntN(2) == 0 })
	}
	after.pending = nil
	for _, n := range copies {
		if rng != nil && len(n.dirty) > 0 && rng.IntN(2) == 0 {
			if grown := len(n.data) - len(n.disk); grown > 0 {
				n.data = n.data[:len(n.data)-rng.IntN(grown+1)]
			}
			n.flush(func(int) bool { return rng.IntN(3) > 0 })
		}
		n.data, n.dirty = slices.Clone(n.disk), map[int]bool{}
		n.entries = maps.Clone(n.saved)
	}
	return after
}

// clone copies the tree below n, keeping identities.
func (n *inode) clone(copies map[*inode]*inode) *inode {
	if n == nil {
		return nil
	}
	if c := copies[n]; c != nil {
		return c
	}
	c := &inode{dir: n.dir, entries: map[string]*inode{}, saved: map[string]*inode{}, data: slices.Clone(n.data), disk: slices.Clone(n.disk),
		dirty: maps.Clone(n.dirty), mtime: n.mtime}
	copies[n] = c
	for k, e := range n.entries {
		c.entries[k] = e.clone(copies)
	}
	for k, e := range n.saved {
		c.saved[k] = e.clone(copies)
	}
	return c
}
