package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// settledName marks a settled quarantining.
const settledName = "settled"

// Finish implements Store.
func (f *Files) Finish(ctx context.Context, id UploadID) (Upload, error) {
	a, err := f.acquire(id)
	if err != nil {
		return Upload{}, err
	}
	l, err := f.load(ctx, a)
	if err == nil {
		err = f.finish(&l)
	}
	var wrong *MismatchError
	var short *OffsetError
	var past *StateError
	var damage *DamagedError
	if err != nil && !errors.As(err, &wrong) && !errors.As(err, &short) && !errors.As(err, &past) && !errors.As(err, &damage) {
		err = fmt.Errorf("finish upload %s: %w", id, full(err))
	}
	return l.Upload, errors.Join(err, f.release(a))
}

func (f *Files) finish(l *loaded) error {
	switch {
	case l.State == Abandoned:
		return &StateError{ID: l.ID, State: l.State}
	case l.State == Quarantined:
		// An earlier Finish may have failed after its rename.
		if err := f.fs.SyncDir(f.path(quarantineDir)); err != nil {
			return err
		}
		return &MismatchError{Wanted: l.Wanted, Got: l.Got, Size: l.Offset}
	case l.State == Arrived:
		return f.fs.SyncDir(filepath.Dir(f.contentPath(l.Wanted)))
	case l.Offset != l.Length:
		return &OffsetError{Have: l.Offset, Asked: l.Length}
	}
	if got := Digest(l.hash.Sum(nil)); got != l.Wanted {
		v := verdict{V: 1, State: Quarantined, Got: got, At: f.now().Unix()}
		if err := f.end(l, v, quarantineDir); err != nil {
			return err
		}
		return &MismatchError{Wanted: l.Wanted, Got: got, Size: l.Length}
	}
	if err := f.place(f.path(stagingDir, l.ID.String(), dataName), l.Wanted); err != nil {
		return err
	}
	l.State = Arrived
	f.trust(l.ID, 0)
	return nil
}

// end writes an upload's verdict and moves its directory, bytes and all, to
// where the verdict belongs. A crash before the rename leaves an open upload
// with a verdict that the next end replaces.
func (f *Files) end(l *loaded, v verdict, to string) error {
	text, err := frame(verdictMagic, v)
	if err != nil {
		return err
	}
	dir := f.path(l.where, l.ID.String())
	if err := f.writeFile(filepath.Join(dir, verdictName), text); err != nil {
		return err
	}
	if err := f.fs.SyncDir(dir); err != nil {
		return err
	}
	if err := f.fs.Rename(dir, f.path(to, l.ID.String())); err != nil {
		return err
	}
	f.trust(l.ID, 0)
	l.where, l.State, l.Got, l.Ended, l.Reason = to, v.State, v.Got, unixUTC(v.At), v.Reason
	return f.fs.SyncDir(f.path(to))
}

// Settle implements Store. Nothing is flushed: what a crash forgets is settled
// again.
func (f *Files) Settle(_ context.Context, id UploadID) error {
	l, _, err := f.peek(id)
	switch {
	case err != nil || l.Settled:
		return err
	case l.State == Quarantined:
		err = f.writeFile(f.path(l.where, id.String(), settledName), nil)
	case l.State == Arrived:
		err = f.fs.Rename(f.path(l.where, id.String()), f.path(doneDir, id.String()))
		if errors.Is(err, fs.ErrNotExist) {
			_, err = f.fs.Stat(f.path(doneDir, id.String())) // another caller was faster
		}
	default:
		return &StateError{ID: id, State: l.State}
	}
	if err != nil {
		return fmt.Errorf("settle upload %s: %w", id, full(err))
	}
	return nil
}

// Abandon implements Store.
func (f *Files) Abandon(ctx context.Context, id UploadID, reason string) error {
	if len(reason) > MaxReason {
		return fmt.Errorf("abandon upload %s: the reason takes %d bytes, the limit is %d", id, len(reason), MaxReason)
	}
	a, err := f.acquire(id)
	if err != nil {
		return err
	}
	l, err := f.load(ctx, a)
	switch {
	case err != nil:
	case l.State != Open:
		err = &StateError{ID: id, State: l.State}
	default:
		v := verdict{V: 1, State: Abandoned, At: f.now().Unix(), Reason: strings.ToValidUTF8(reason, "\uFFFD")}
		if err = f.end(&l, v, abandonedDir); err != nil {
			err = fmt.Errorf("abandon upload %s: %w", id, full(err))
		}
	}
	return errors.Join(err, f.release(a))
}

// Purge implements Store. The record goes first to tmp, so that a crash leaves a
// leftover there and never half an upload.
func (f *Files) Purge(_ context.Context, id UploadID) error {
	l, _, err := f.peek(id)
	var damage *DamagedError
	if errors.As(err, &damage) && l.where == abandonedDir {
		err = nil
	}
	if err == nil && l.where != abandonedDir {
		err = &StateError{ID: id, State: l.State}
	}
	if err != nil {
		return err
	}
	tmp := f.path(tmpDir, id.String())
	if err := f.fs.Rename(f.path(abandonedDir, id.String()), tmp); err != nil {
		return fmt.Errorf("purge upload %s: %w", id, err)
	}
	if err := f.removeTree(tmp); err != nil {
		return fmt.Errorf("purge upload %s: %w", id, err)
	}
	return f.fs.SyncDir(f.path(abandonedDir))
}

// Prune implements Store.
func (f *Files) Prune(ctx context.Context, before time.Time) (int, error) {
	entries, err := f.fs.ReadDir(f.path(doneDir))
	if err != nil {
		return 0, fmt.Errorf("prune settled uploads: %w", err)
	}
	n := 0
	for _, e := range entries {
		if err := context.Cause(ctx); err != nil {
			return n, err
		}
		name := f.path(doneDir, e.Name())
		info, err := f.fs.Stat(name)
		if err == nil && info.ModTime().Before(before) {
			err = f.removeTree(name)
			n++
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n, fmt.Errorf("prune settled uploads: %w", err)
		}
	}
	return n, nil
}

// Isolate implements Store: what does not match its name goes to quarantine as
// an upload of its own, whose Meta says where it came from.
func (f *Files) Isolate(ctx context.Context, d Digest) error {
	err := f.Verify(ctx, d)
	var wrong *MismatchError
	if !errors.As(err, &wrong) {
		return err
	}
	if ierr := f.isolate(wrong); ierr != nil {
		return errors.Join(wrong, fmt.Errorf("isolate content %s: %w", d, full(ierr)))
	}
	return wrong
}

// isolate makes the quarantined upload around the damaged file before it moves
// the file, so that the bytes are at no time without a record.
func (f *Files) isolate(wrong *MismatchError) error {
	now := unixUTC(f.now().Unix())
	up := Upload{ID: newUploadID(), Wanted: wrong.Wanted, Length: wrong.Size, Offset: wrong.Size, Created: now,
		Meta: map[string]string{"origin": "held content that no longer matched its digest"}}
	dir := f.path(tmpDir, up.ID.String())
	if err := f.fs.Mkdir(dir); err != nil {
		return err
	}
	record, err := f.writeUpload(dir, up)
	if err != nil {
		return err
	}
	if err := errors.Join(record.Sync(), record.Close()); err != nil {
		return err
	}
	l := loaded{Upload: up, where: tmpDir}
	if err := f.end(&l, verdict{V: 1, State: Quarantined, Got: wrong.Got, At: now.Unix()}, quarantineDir); err != nil {
		return err
	}
	final := f.contentPath(wrong.Wanted)
	if err := f.fs.Rename(final, f.path(quarantineDir, up.ID.String(), dataName)); err != nil {
		return err
	}
	if err := f.fs.SyncDir(f.path(quarantineDir, up.ID.String())); err != nil {
		return err
	}
	return f.fs.SyncDir(filepath.Dir(final))
}
