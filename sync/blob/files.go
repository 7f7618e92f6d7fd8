package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// FilesConfig configures a Files store; the zero value of everything but Dir is
// a good choice.
type FilesConfig struct {
	Dir        string           // made where absent; its parent must exist
	MaxLength  int64            // largest file in bytes; 0 is DefaultMaxLength
	Checkpoint time.Duration    // 0 is DefaultCheckpoint
	Now        func() time.Time // nil is time.Now
}

// Files is a Store in a directory; the package comment gives its layout.
type Files struct {
	fs         fsys
	dir        string
	maxLength  int64
	checkpoint time.Duration
	now        func() time.Time
	buffers    *bufferPool

	mu      sync.Mutex
	active  map[UploadID]*activity // uploads in use by this process
	trusted map[UploadID]uint64    // the slot of each upload that this process knows to be durable
}

// activity is an upload that one caller has to itself.
type activity struct {
	id      UploadID
	durable atomic.Int64 // the offset acknowledged; -1 until loaded
	lock    file         // the record file, locked against other processes
}

var _ Store = (*Files)(nil)

const formatText = "fieldseal blob store 1\n"

// Directories of a store.
const (
	contentDir    = "content"
	stagingDir    = "staging"
	quarantineDir = "quarantine"
	abandonedDir  = "abandoned"
	doneDir       = "done"
	tmpDir        = "tmp"
)

// OpenFiles opens the store in cfg.Dir, making it where the directory is absent
// or empty. A directory with other things in it is ErrFormat.
func OpenFiles(cfg FilesConfig) (*Files, error) { return openFiles(cfg, osFS{}) }

func openFiles(cfg FilesConfig, fsys fsys) (*Files, error) {
	if cfg.MaxLength == 0 {
		cfg.MaxLength = DefaultMaxLength
	}
	if cfg.Checkpoint == 0 {
		cfg.Checkpoint = DefaultCheckpoint
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Dir == "" || cfg.MaxLength < 0 || cfg.Checkpoint < 0 {
		return nil, fmt.Errorf("blob store: directory %q, largest length %d, checkpoint %v: name a directory and no negative figure",
			cfg.Dir, cfg.MaxLength, cfg.Checkpoint)
	}
	f := &Files{
		fs: fsys, dir: cfg.Dir, maxLength: cfg.MaxLength, checkpoint: cfg.Checkpoint, now: cfg.Now,
		buffers: newBufferPool(), active: map[UploadID]*activity{}, trusted: map[UploadID]uint64{},
	}
	if err := f.layOut(); err != nil {
		return nil, fmt.Errorf("open blob store %s: %w", cfg.Dir, full(err))
	}
	if err := f.sweepTmp(); err != nil {
		return nil, fmt.Errorf("clear %s of blob store %s: %w", tmpDir, cfg.Dir, err)
	}
	return f, nil
}

// MaxLength is the largest file that the store takes, in bytes.
func (f *Files) MaxLength() int64 { return f.maxLength }

func (f *Files) path(elem ...string) string {
	return filepath.Join(append([]string{f.dir}, elem...)...)
}

func (f *Files) contentPath(d Digest) string {
	name := d.String()
	return f.path(contentDir, name[:2], name)
}

// FormatFile names the file that says the layout's version: a directory without it
// holds no blobs yet, or is not the one that did.
const FormatFile = "FORMAT"

// layOut makes what is missing of the layout. FORMAT is written last, so that
// its presence means that everything else is durable; a crash before it leaves
// directories only, which the next call accepts.
func (f *Files) layOut() error {
	format := f.path(FormatFile)
	switch text, err := f.readAll(format, int64(len(formatText))+1); {
	case err == nil && string(text) == formatText:
		return nil
	case err == nil && len(text) > 0:
		return fmt.Errorf("%w: FORMAT says %q", ErrFormat, text)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := f.mkdir(f.dir); err != nil {
		return err
	}
	entries, err := f.fs.ReadDir(f.dir)
	if err != nil {
		return err
	}
	ours := map[string]bool{FormatFile: true, "lost+found": true, contentDir: true, stagingDir: true,
		quarantineDir: true, abandonedDir: true, doneDir: true, tmpDir: true}
	for _, e := range entries {
		if !ours[e.Name()] {
			return fmt.Errorf("%w: it holds %s and no FORMAT; give an empty directory", ErrFormat, e.Name())
		}
	}
	for _, name := range []string{contentDir, stagingDir, quarantineDir, abandonedDir, doneDir, tmpDir} {
		if err := f.mkdir(f.path(name)); err != nil {
			return err
		}
	}
	for i := range 256 {
		if err := f.mkdir(f.path(contentDir, fmt.Sprintf("%02x", i))); err != nil {
			return err
		}
	}
	for _, dir := range []string{filepath.Dir(filepath.Clean(f.dir)), f.path(contentDir), f.dir} {
		if err := f.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	if err := f.writeFile(format, []byte(formatText)); err != nil {
		return err
	}
	return f.fs.SyncDir(f.dir)
}

func (f *Files) mkdir(name string) error {
	if err := f.fs.Mkdir(name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// sweepTmp removes what dead processes left in tmp; nothing there was ever
// acknowledged.
func (f *Files) sweepTmp() error {
	entries, err := f.fs.ReadDir(f.path(tmpDir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := f.fs.Stat(f.path(tmpDir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) || err == nil && f.now().Sub(info.ModTime()) < tmpAge {
			continue
		}
		if err == nil {
			err = f.removeTree(f.path(tmpDir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeTree removes a file, or a directory of files.
func (f *Files) removeTree(name string) error {
	info, err := f.fs.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := f.fs.ReadDir(name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := f.fs.Remove(filepath.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	return f.fs.Remove(name)
}

// writeFile makes or replaces a file and flushes its data; its directory is
// still to be flushed.
func (f *Files) writeFile(name string, b []byte) (err error) {
	w, err := f.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if _, err := w.WriteAt(b, 0); err != nil {
		return err
	}
	return w.Sync()
}

// readAll reads a small file of at most limit bytes; a longer one is ErrFormat.
func (f *Files) readAll(name string, limit int64) ([]byte, error) {
	r, err := f.fs.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := r.Size()
	b := make([]byte, min(size, limit)+1) // one more, to see the end
	n := 0
	if err == nil {
		if n, err = r.ReadAt(b, 0); err == io.EOF {
			err = nil
		}
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int64(n) > limit {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrFormat, name, limit)
	}
	return b[:n], nil
}

// Put implements Content: temporary file, flush, rename, flush of the directory.
func (f *Files) Put(ctx context.Context, r io.Reader) (d Digest, size int64, err error) {
	name := f.path(tmpDir, "put-"+newUploadID().String())
	w, err := f.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return d, 0, fmt.Errorf("put content: %w", full(err))
	}
	d, size, err = f.spool(ctx, w, r)
	if err = errors.Join(err, w.Close()); err == nil {
		err = f.place(name, d)
	}
	if err != nil {
		return Digest{}, 0, errors.Join(fmt.Errorf("put content: %w", full(err)), f.discard(name))
	}
	return d, size, nil
}

// discard removes a file of tmp that may already have been moved.
func (f *Files) discard(name string) error {
	if err := f.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f *Files) spool(ctx context.Context, w file, r io.Reader) (d Digest, size int64, err error) {
	h, buf := sha256.New(), make([]byte, copyBuffer)
	for {
		n, rerr := fill(ctx, r, buf, 0)
		if size+int64(n) > f.maxLength {
			return d, size, &TooLargeError{Length: size + int64(n), Max: f.maxLength}
		}
		if _, err := w.WriteAt(buf[:n], size); err != nil {
			return d, size, err
		}
		h.Write(buf[:n])
		size += int64(n)
		if rerr == io.EOF {
			h.Sum(d[:0])
			return d, size, w.Sync()
		}
		if rerr != nil {
			return d, size, rerr
		}
	}
}

// place moves a flushed file to its content address. Replacing content of the
// same digest is harmless: the bytes are the same.
func (f *Files) place(name string, d Digest) error {
	final := f.contentPath(d)
	if err := f.fs.Rename(name, final); err != nil {
		return err
	}
	return f.fs.SyncDir(filepath.Dir(final))
}

// Open implements Content.
func (f *Files) Open(_ context.Context, d Digest) (io.ReadSeekCloser, error) {
	r, err := f.fs.Open(f.contentPath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotHeld, d)
	}
	if err != nil {
		return nil, fmt.Errorf("open content %s: %w", d, err)
	}
	if plain, ok := r.(osFile); ok {
		return plain.File, nil // the type that lets a socket use sendfile
	}
	return r, nil
}

// Stat implements Content.
func (f *Files) Stat(_ context.Context, d Digest) (int64, error) {
	info, err := f.fs.Stat(f.contentPath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%w: %s", ErrNotHeld, d)
	}
	if err != nil {
		return 0, fmt.Errorf("stat content %s: %w", d, err)
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("stat content %s: %w: not a regular file", d, ErrFormat)
	}
	return info.Size(), nil
}

// Has implements Content.
func (f *Files) Has(ctx context.Context, d Digest) (bool, error) {
	_, err := f.Stat(ctx, d)
	if errors.Is(err, ErrNotHeld) {
		return false, nil
	}
	return err == nil, err
}

// Walk implements Content.
func (f *Files) Walk(ctx context.Context, fn func(Digest, int64) error) error {
	dirs, err := f.fs.ReadDir(f.path(contentDir))
	if err != nil {
		return fmt.Errorf("walk content: %w", err)
	}
	var stray StrayError
	for _, dir := range dirs {
		entries, err := f.fs.ReadDir(f.path(contentDir, dir.Name()))
		if err != nil && !dir.IsDir() {
			stray.Names = append(stray.Names, dir.Name())
			continue
		}
		if err != nil {
			return fmt.Errorf("walk content: %w", err)
		}
		for _, e := range entries {
			d, err := ParseDigest(e.Name())
			if err != nil || e.Name()[:2] != dir.Name() || !e.Type().IsRegular() {
				stray.Names = append(stray.Names, filepath.Join(dir.Name(), e.Name()))
				continue
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			size, err := f.Stat(ctx, d)
			if errors.Is(err, ErrNotHeld) {
				continue // isolated meanwhile
			}
			if err != nil {
				return err
			}
			if err := fn(d, size); err != nil {
				return err
			}
		}
	}
	if len(stray.Names) > 0 {
		return &stray
	}
	return nil
}

// Verify implements Content.
func (f *Files) Verify(ctx context.Context, d Digest) error {
	r, err := f.Open(ctx, d)
	if err != nil {
		return err
	}
	h, buf, size := sha256.New(), make([]byte, copyBuffer), int64(0)
	for err == nil {
		var n int
		n, err = r.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
	}
	if err == io.EOF {
		err = nil
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("verify content %s: %w", d, err)
	}
	if got := Digest(h.Sum(nil)); got != d {
		return &MismatchError{Wanted: d, Got: got, Size: size}
	}
	return nil
}
