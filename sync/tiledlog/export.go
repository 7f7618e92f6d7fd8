package tiledlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"fieldseal/sync/ledger"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"
)

const (
	// checkpointName is the path of the checkpoint.
	checkpointName = "checkpoint"
	// lockName is locked while an export runs.
	lockName = ".export.lock"
	// draftName begins the names under which files are written before they have their own.
	draftName = ".draft-"
	// writers is how many files are written at the same time: each waits for the disk.
	writers = 4
	// The published files are for anyone, a web server among them.
	fileMode, dirMode = 0o644, 0o755
)

var (
	// ErrDiffers is wrapped where a file that is there is not what the log has.
	ErrDiffers = errors.New("tiledlog: what was published differs from the log")
	// ErrBusy is wrapped where another export is writing to the directory.
	ErrBusy = errors.New("tiledlog: another export is writing there; wait for its end")
)

// FileError names a file that cannot be written or differs.
type FileError struct {
	Path  string
	Cause error
}

func (e *FileError) Error() string { return e.Path + ": " + e.Cause.Error() }

func (e *FileError) Unwrap() error { return e.Cause }

// Source is a log. Its methods are called from several goroutines at a time.
type Source interface {
	// Tile gives the first width hashes of a tile.
	Tile(ctx context.Context, id ledger.TileID, width int) ([]byte, error)
	// Entries gives the n-th entry bundle with its first width entries.
	Entries(ctx context.Context, n int64, width int) ([]byte, error)
	// RootAt is the root that the log had at a size; an error wraps ledger.ErrOutOfRange
	// where it never had so many entries.
	RootAt(ctx context.Context, size int64) (ledger.Hash, error)
}

// Options say what is exported.
type Options struct {
	// Checkpoint is what is published: the tiles of its size and, last, its note.
	Checkpoint *ledger.SignedCheckpoint
	// LogKey verifies what was published before.
	LogKey note.Verifier
	// Progress is told how many of the files are right; nil for nobody.
	Progress func(stage string, done, total int64)
}

// Summary says what an export did.
type Summary struct {
	// Size is the number of entries that the directory has now.
	Size int64
	// Written, Kept and Removed count files: new ones, those that were there and are
	// right, and partial ones whose full tile has come.
	Written, Kept, Removed int64
	// Ahead: the directory had a later checkpoint of the same log, which stays.
	Ahead bool
}

// exporter is one export.
type exporter struct {
	from  Source
	root  *os.Root
	o     Options
	size  ledger.Size
	draft atomic.Int64

	mu                  sync.Mutex // guards what follows
	done, written, kept int64
	folders             map[string]bool // with files of the log in them, and those above
}

// Export brings a directory, which is made where it is missing, to the
// checkpoint. See the package comment. Errors are *FileError where they are about
// a file; they wrap ErrDiffers or ErrBusy, or are the source's own.
func Export(ctx context.Context, from Source, dir string, o Options) (s Summary, err error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return s, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	unlock, err := lock(root)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	x := &exporter{from: from, root: root, o: o, size: o.Checkpoint.Size, folders: map[string]bool{}}
	if err := x.removeDrafts(); err != nil {
		return s, err
	}
	before, err := x.published(ctx)
	if err != nil {
		return s, err
	}
	if s.Ahead = before != nil && before.Size > x.size; s.Ahead {
		x.size, x.o.Checkpoint = before.Size, before // what is missing of it is still written
	}
	s.Size = int64(x.size)
	if err = x.tiles(ctx); err == nil {
		err = x.publish(before)
	}
	s.Written, s.Kept = x.written, x.kept
	if err == nil {
		s.Removed, err = x.removeSuperseded()
	}
	return s, err
}

// published reads the checkpoint that is there, and refuses to go on from one that
// is not of this log's past.
func (x *exporter) published(ctx context.Context) (*ledger.SignedCheckpoint, error) {
	text, err := x.root.ReadFile(checkpointName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	bad := func(cause error) error {
		return &FileError{checkpointName, fmt.Errorf("%w: %w. Keep that directory as it is, it may be evidence, and export to another", ErrDiffers, cause)}
	}
	before, err := ledger.ParseCheckpoint(text, x.o.LogKey)
	if err != nil {
		return nil, bad(err)
	}
	if before.Origin != x.o.Checkpoint.Origin {
		return nil, bad(fmt.Errorf("it is of the log %s", before.Origin))
	}
	root, err := x.from.RootAt(ctx, int64(before.Size))
	if errors.Is(err, ledger.ErrOutOfRange) {
		return nil, bad(fmt.Errorf("it states %d entries, which the log does not have: %w", before.Size, err))
	}
	if err == nil && root != before.Root {
		err = bad(fmt.Errorf("at %d entries it states the root %v, the log had %v", before.Size, before.Root, root))
	}
	return before, err
}

// each calls fn with every tile that a log of a size has, and its width.
func each(size ledger.Size, fn func(id ledger.TileID, width int) error) error {
	for level := range int64(ledger.MaxLevels) {
		for id := (ledger.TileID{Level: level}); ; id.N++ {
			width := id.Width(size)
			if width == 0 {
				break
			}
			if err := fn(id, width); err != nil {
				return err
			}
		}
	}
	return nil
}

// tiles writes every file but the checkpoint, and makes them durable.
func (x *exporter) tiles(ctx context.Context) error {
	var total int64
	_ = each(x.size, func(id ledger.TileID, _ int) error {
		total++
		if id.Level == 0 {
			total++
		}
		return nil
	})
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	err := each(x.size, func(id ledger.TileID, width int) error {
		g.Go(func() error { return x.tile(ctx, id, width, total) })
		return ctx.Err()
	})
	if err := errors.Join(g.Wait(), err); err != nil {
		return err
	}
	for dir := range x.folders {
		if err := x.sync(dir); err != nil {
			return err
		}
	}
	return nil
}

// tile brings a tile of hashes, and for level 0 its entries, into the directory.
func (x *exporter) tile(ctx context.Context, id ledger.TileID, width int, total int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	hashes, err := x.from.Tile(ctx, id, width)
	if err != nil {
		return fmt.Errorf("export: %s: %w", id.Path(width), err)
	}
	same := func(data []byte) error {
		if !bytes.Equal(data, hashes) {
			return errors.New("its hashes are not those of the log")
		}
		return nil
	}
	give := func() ([]byte, error) { return hashes, nil }
	if err := x.file(id.Path(width), ledger.TileBytes, same, give, total); err != nil || id.Level > 0 {
		return err
	}
	same = func(data []byte) error { return holds(data, hashes) }
	give = func() ([]byte, error) { return x.from.Entries(ctx, id.N, width) }
	return x.file(ledger.EntriesPath(id.N, width), ledger.TileWidth*ledger.EntrySize, same, give, total)
}

// holds says why a bundle does not have the entries with these hashes.
func holds(bundle, hashes []byte) error {
	leaves, err := ledger.ParseEntries(bundle)
	if err != nil {
		return err
	}
	if len(leaves) != len(hashes)/ledger.HashSize {
		return fmt.Errorf("it has %d entries, not %d", len(leaves), len(hashes)/ledger.HashSize)
	}
	for i := range leaves {
		h, err := leaves[i].Hash()
		if err == nil && h != ledger.Hash(hashes[i*ledger.HashSize:(i+1)*ledger.HashSize]) {
			err = fmt.Errorf("entry %d of it is not the log's", i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file holds a file that is there against the log, and writes one that is not.
func (x *exporter) file(name string, most int, same func([]byte) error, give func() ([]byte, error), total int64) error {
	data, err := x.read(name, most)
	there := err == nil
	switch {
	case there:
		if err := same(data); err != nil {
			return &FileError{name, fmt.Errorf("%w: %w. Either the file was damaged, or it or the log was changed: find out which, run fieldseal fsck, and move the file away before the next export", ErrDiffers, err)}
		}
	case !errors.Is(err, fs.ErrNotExist):
		return &FileError{name, err}
	default:
		if data, err = give(); err != nil {
			return fmt.Errorf("export: %s: %w", name, err)
		}
		if err = x.write(name, data); err != nil {
			return &FileError{name, err}
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.touch(name)
	if x.done++; there {
		x.kept++
	} else {
		x.written++
	}
	if x.o.Progress != nil {
		x.o.Progress("export", x.done, total)
	}
	return nil
}

// publish puts the checkpoint in its place. One of the same size with more
// signatures on it stays.
func (x *exporter) publish(before *ledger.SignedCheckpoint) error {
	next := x.o.Checkpoint
	if before != nil && before.Size == next.Size && (len(before.Signatures()) > len(next.Signatures()) || bytes.Equal(before.Note(), next.Note())) {
		return nil
	}
	if err := errors.Join(x.write(checkpointName, next.Note()), x.sync(".")); err != nil {
		return &FileError{checkpointName, err}
	}
	return nil
}
