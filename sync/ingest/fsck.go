package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"golang.org/x/mod/sumdb/note"
)

// FsckOptions says what Fsck checks beyond the log itself.
type FsckOptions struct {
	// LogKey is the log's public key (vkey) as it is known from elsewhere; empty: the one
	// that the authority's genesis states, which a forger of the whole database could have chosen.
	LogKey string
	// Guard, where not nil, must agree.
	Guard Guard
	// Media, where not nil, is asked for every file that arrived; its error is a finding.
	Media func(ctx context.Context, sha event.Digest, size int64) error
	// Projections compares the read models with a rebuild in a temporary database,
	// which takes about as long as everything else together.
	Projections bool
	// Progress, where not nil, is told how far a stage is.
	Progress func(stage string, done, total int64)
}

// Finding is something that is not as it must be: in which table, at which log
// index (-1 where it has none), by which check.
type Finding struct {
	Check  string
	Table  string
	Index  int64
	Detail string
	// Advisory findings are of texts that no hash covers and that another version
	// of the program may word in another way.
	Advisory bool
}

func (f Finding) String() string {
	at := ""
	if f.Index >= 0 {
		at = fmt.Sprintf(" entry %d", f.Index)
	}
	return fmt.Sprintf("%s: %s%s: %s", f.Check, f.Table, at, f.Detail)
}

// Report is what Fsck looked at and found.
type Report struct {
	Size        int64
	Root        event.Root
	Events      int64
	Quarantined int64
	Checkpoints int64
	Files       int64
	Findings    []Finding
	// More says that there were more findings than are kept.
	More bool
}

// maxFindings bounds a report: who has this many does not need the next.
const maxFindings = 1000

// OK reports whether nothing is wrong.
func (r *Report) OK() bool {
	for _, f := range r.Findings {
		if !f.Advisory {
			return false
		}
	}
	return !r.More
}

// Fsck checks a log from its exact bytes to its root, as of one moment: every
// line parses and verifies against the key that was enrolled before it; its
// columns and its place in the device's chain are what its bytes say; what was
// decided about it is what would be decided again; its leaf is in the tree; the
// tiles are those of the leaves; every checkpoint is signed and has the root of
// its size; the guard agrees; the indexes and, if asked for, the read models
// and the files are what they should be. It writes nothing to the store.
//
// The report names what is wrong. The error is for what prevented the check.
func Fsck(ctx context.Context, s *store.Store, o FsckOptions) (Report, error) {
	f := &fsck{ctx: ctx, o: o}
	err := s.Read(ctx, func(tx *store.Tx) error {
		f.tx = tx
		for _, step := range []func() error{f.engine, f.entries, f.tree, f.checkpoints, f.cosigned, f.guard, f.eventIDs, f.media} {
			if err := step(); err != nil {
				return err
			}
		}
		if o.Projections {
			return f.projections()
		}
		return nil
	})
	if err == nil && f.behind != nil {
		err = s.Read(ctx, f.guardedSince)
	}
	return f.report, err
}

// fsck is one check on its way.
type fsck struct {
	ctx    context.Context
	tx     *store.Tx
	o      FsckOptions
	report Report

	last    store.CheckpointRow
	origin  string
	logKey  note.Verifier // nil where no usable one is known
	leaves  *leafWalk
	sizes   []sizeCheck // checkpoints with the root that the leaves give
	arrived map[event.Digest]int64
	behind  *guard.RollbackError // the guard knew more than the moment that is checked
}

func (f *fsck) found(check, table string, index int64, format string, args ...any) {
	f.add(Finding{Check: check, Table: table, Index: index, Detail: fmt.Sprintf(format, args...)})
}

func (f *fsck) add(x Finding) {
	if len(f.report.Findings) >= maxFindings {
		f.report.More = true
		return
	}
	f.report.Findings = append(f.report.Findings, x)
}

func (f *fsck) progress(stage string, done, total int64) {
	if f.o.Progress != nil {
		f.o.Progress(stage, done, total)
	}
}

// maxHole is how many rows in a row may be missing before a checkpoint's size is
// taken for the damage, and not the rows: the walk must end whatever a row says.
const maxHole = 1000

// engine finds the size of the log and asks SQLite to check its own pages and indexes.
func (f *fsck) engine() error {
	var rows int64
	for _, table := range []string{"events", "quarantine"} {
		var n int64
		if _, err := f.tx.Get("SELECT count(*) FROM "+table, nil, &n); err != nil {
			return err
		}
		rows += n
	}
	err := f.tx.EachCheckpoint(func(c store.CheckpointRow, err error) error {
		switch {
		case err == nil && c.Size > rows+maxHole:
			f.found("checkpoint", "checkpoints", -1, "a checkpoint is of size %d, but the log has %d rows", c.Size, rows)
		case err == nil:
			f.last = c
		}
		return f.width("checkpoints", c.Size-1, err)
	})
	if err != nil {
		return err
	}
	f.report.Size = f.last.Size
	faults, err := f.tx.SelfCheck(maxFindings)
	for _, fault := range faults {
		f.found("database", "file", -1, "%s", fault)
	}
	return err
}

// guard compares the log with what was acknowledged.
func (f *fsck) guard() error {
	if f.o.Guard == nil || f.origin == "" {
		return nil
	}
	_, err := f.o.Guard.Check(f.ctx, f.origin, ledger.Size(f.last.Size), func(ctx context.Context, size ledger.Size) (ledger.Hash, error) {
		return ledger.RootAt(ctx, f.tx, size)
	})
	if errors.As(err, &f.behind) {
		return nil
	}
	if err != nil {
		f.found("guard", "checkpoints", -1, "%v", err)
	}
	return nil
}

// guardedSince looks whether a server that went on meanwhile has committed what
// the guard knew: it commits first and advances the guard after that.
func (f *fsck) guardedSince(tx *store.Tx) error {
	now, _, err := tx.LastCheckpoint()
	if err != nil {
		return err
	}
	var root ledger.Hash
	if known := f.behind.Guarded; ledger.Size(now.Size) >= known.Size {
		if root, err = ledger.RootAt(f.ctx, tx, known.Size); err == nil && root == known.Root {
			return nil
		}
	}
	f.found("guard", "checkpoints", -1, "%v", f.behind)
	return nil
}

// media asks for every file that the log says arrived.
func (f *fsck) media() error {
	f.report.Files = int64(len(f.arrived))
	if f.o.Media == nil {
		return nil
	}
	var done int64
	for sha, size := range f.arrived {
		if err := f.o.Media(f.ctx, sha, size); err != nil {
			if f.ctx.Err() != nil {
				return f.ctx.Err()
			}
			f.found("media", "media", -1, "file %s: %v", sha, err)
		}
		done++
		f.progress("media", done, int64(len(f.arrived)))
	}
	return nil
}

// projections compares the read models with those that the events come to.
func (f *fsck) projections() (err error) {
	dir, err := os.MkdirTemp("", "fieldseal-fsck-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	temp, err := store.Open(f.ctx, store.Config{Driver: store.SQLite, Path: filepath.Join(dir, "rebuilt.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temp.Close()) }()
	err = temp.Write(f.ctx, func(dst *store.Tx) error {
		err := projection.Fill(dst, f.tx, func(done, total int64) { f.progress("rebuild", done, total) })
		if errors.Is(err, projection.ErrRow) || errors.Is(err, projection.ErrDevice) || errors.Is(err, store.ErrWidth) {
			f.found("projection", "events", -1, "the read models cannot be computed: %v", err)
			return errSkip
		}
		return err
	})
	if errors.Is(err, errSkip) {
		return nil
	}
	if err != nil {
		return err
	}
	return temp.Read(f.ctx, func(want *store.Tx) error {
		return projection.Compare(f.tx, want, func(d projection.Difference) error {
			f.found("projection", d.Table, -1, "%s", d)
			return nil
		})
	})
}

// errSkip undoes a transaction that is of no further use.
var errSkip = errors.New("ingest: skip")
