package blob

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
)

// Files of an upload's directory.
const (
	dataName    = "data"
	recordName  = "record"
	verdictName = "verdict"
)

// Create implements Store.
func (f *Files) Create(ctx context.Context, p Promise) (Upload, error) {
	if p.Length < 0 || p.Length > f.maxLength {
		return Upload{}, &TooLargeError{Length: p.Length, Max: f.maxLength}
	}
	if p.Wanted.IsZero() {
		return Upload{}, fmt.Errorf("%w: the digest is absent", ErrPromise)
	}
	text, err := json.Marshal(p.Meta)
	if err != nil {
		return Upload{}, fmt.Errorf("%w: metadata: %w", ErrPromise, err)
	}
	if len(text) > MaxMeta {
		return Upload{}, fmt.Errorf("%w: the metadata takes %d bytes, the limit is %d", ErrPromise, len(text), MaxMeta)
	}
	switch size, err := f.Stat(ctx, p.Wanted); {
	case err == nil && size != p.Length:
		return Upload{}, &LengthError{Digest: p.Wanted, Held: size, Promised: p.Length}
	case err == nil:
		// Another caller may have renamed it here and not flushed yet.
		if err := f.fs.SyncDir(filepath.Dir(f.contentPath(p.Wanted))); err != nil {
			return Upload{}, fmt.Errorf("create upload of held content %s: %w", p.Wanted, err)
		}
		return Upload{Wanted: p.Wanted, Length: size, Offset: size, State: Arrived, Settled: true, Held: true, Meta: p.Meta}, nil
	case !errors.Is(err, ErrNotHeld):
		return Upload{}, err
	}
	up := Upload{ID: newUploadID(), Wanted: p.Wanted, Length: p.Length, State: Open, Meta: p.Meta, Created: unixUTC(f.now().Unix())}
	if err := f.stage(up); err != nil {
		return Upload{}, fmt.Errorf("create upload: %w", full(err))
	}
	f.trust(up.ID, 1)
	return up, nil
}

// stage writes an upload's directory in tmp, moves it to staging and only then
// flushes it: on a journalling file system the first flush then takes everything
// along. What a crash leaves before that has no byte acknowledged, and peek takes
// it for no upload.
func (f *Files) stage(up Upload) error {
	tmp, dir := f.path(tmpDir, up.ID.String()), f.path(stagingDir, up.ID.String())
	if err := f.fs.Mkdir(tmp); err != nil {
		return err
	}
	record, err := f.writeUpload(tmp, up)
	if err == nil {
		err = f.fs.Rename(tmp, dir)
	}
	if err == nil {
		err = record.Sync()
	}
	if record != nil {
		err = errors.Join(err, record.Close())
	}
	if err == nil {
		err = f.fs.SyncDir(dir)
	}
	if err == nil {
		err = f.fs.SyncDir(f.path(stagingDir))
	}
	if err != nil {
		for _, left := range []string{tmp, dir} {
			if rerr := f.removeTree(left); !errors.Is(rerr, fs.ErrNotExist) {
				err = errors.Join(err, rerr)
			}
		}
	}
	return err
}

// writeUpload writes the files of a new upload, and returns its record, which is
// still to be flushed.
func (f *Files) writeUpload(dir string, up Upload) (record file, err error) {
	state, err := sha256.New().(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil, err
	}
	text, err := encodeRecord(
		header{V: 1, Wanted: up.Wanted, Length: up.Length, Created: up.Created.Unix(), Meta: up.Meta},
		slot{seq: 1, offset: up.Offset, state: state})
	if err != nil {
		return nil, err
	}
	data, err := f.fs.OpenFile(filepath.Join(dir, dataName), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if err := data.Close(); err != nil {
		return nil, err
	}
	record, err = f.fs.OpenFile(filepath.Join(dir, recordName), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if _, err := record.WriteAt(text, 0); err != nil {
		return nil, errors.Join(err, record.Close())
	}
	return record, nil
}

// locate returns the directory that an upload is in. A concurrent Finish or
// Settle moves it onward only, so the second look finds what the first missed.
func (f *Files) locate(id UploadID) (string, error) {
	for range 2 {
		for _, where := range []string{stagingDir, doneDir, quarantineDir, abandonedDir} {
			switch _, err := f.fs.Stat(f.path(where, id.String())); {
			case err == nil:
				return where, nil
			case !errors.Is(err, fs.ErrNotExist):
				return "", fmt.Errorf("find upload %s: %w", id, err)
			}
		}
	}
	return "", fmt.Errorf("upload %s: %w", id, ErrUnknown)
}

// acquire takes an upload for one caller: inside the process by the table, and
// against others by locking its record. The caller must release it.
func (f *Files) acquire(id UploadID) (*activity, error) {
	a := &activity{id: id}
	a.durable.Store(-1)
	f.mu.Lock()
	if _, busy := f.active[id]; busy {
		f.mu.Unlock()
		return nil, fmt.Errorf("upload %s: %w", id, ErrLocked)
	}
	f.active[id] = a
	f.mu.Unlock()
	where, err := f.locate(id)
	if err == nil {
		name := f.path(where, id.String(), recordName)
		if a.lock, err = f.fs.OpenFile(name, os.O_RDWR); err == nil {
			err = a.lock.Lock()
		} else if errors.Is(err, fs.ErrNotExist) {
			err = f.missing(id, name)
		}
		if err != nil {
			err = fmt.Errorf("take upload %s: %w", id, err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.release(a))
	}
	return a, nil
}

// missing tells a record moved meanwhile from one that is gone.
func (f *Files) missing(id UploadID, name string) error {
	if _, err := f.fs.Stat(filepath.Dir(name)); err == nil {
		return f.damaged(id, name, "the file is missing")
	}
	return ErrLocked
}

// damaged is the error of an upload whose record cannot be read: ErrUnknown where
// there is no data either, which is what a crash in Create leaves.
func (f *Files) damaged(id UploadID, name, detail string) error {
	info, err := f.fs.Stat(filepath.Join(filepath.Dir(name), dataName))
	if filepath.Dir(filepath.Dir(name)) == f.path(stagingDir) && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0) {
		return fmt.Errorf("upload %s: %w", id, ErrUnknown)
	}
	return &DamagedError{ID: id, Name: name, Detail: detail}
}

func (f *Files) release(a *activity) (err error) {
	if a.lock != nil {
		err = a.lock.Close()
	}
	f.mu.Lock()
	delete(f.active, a.id)
	f.mu.Unlock()
	return err
}

// trust notes that this process knows the slot of that number to be durable;
// 0 that it knows of none.
func (f *Files) trust(id UploadID, seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if seq == 0 {
		delete(f.trusted, id)
	} else {
		f.trusted[id] = seq
	}
}

func (f *Files) trusts(id UploadID, seq uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return seq != 0 && f.trusted[id] == seq
}

// loaded is an upload taken by acquire, read and, while open, brought in order.
type loaded struct {
	Upload
	where string    // the directory it is in
	seq   uint64    // of the newest slot
	hash  hash.Hash // SHA-256 over Offset bytes; nil unless Open
}

// load reads the upload that a has taken. For an open one it cuts the data to
// what was acknowledged and makes sure that the slot is durable.
func (f *Files) load(ctx context.Context, a *activity) (loaded, error) {
	l, rec, err := f.peek(a.id)
	if err != nil || l.State != Open {
		a.durable.Store(l.Offset)
		return l, err
	}
	l.seq, l.hash = rec.seq, sha256.New()
	data, err := f.fs.OpenFile(f.path(l.where, a.id.String(), dataName), os.O_RDWR)
	if err != nil {
		return l, fmt.Errorf("load upload %s: %w", a.id, err)
	}
	err = f.align(ctx, data, &l, rec)
	if err = errors.Join(err, data.Close()); err == nil && !f.trusts(a.id, rec.seq) {
		err = f.acknowledge(a, &l)
	}
	if err != nil {
		return l, fmt.Errorf("load upload %s: %w", a.id, full(err))
	}
	a.durable.Store(l.Offset)
	return l, nil
}

// align cuts data beyond the acknowledged offset and restores the hash. Where
// neither slot is valid, what was acknowledged is unknown: everything there is
// kept and hashed again, and Finish will judge it.
func (f *Files) align(ctx context.Context, data file, l *loaded, rec record) error {
	size, err := data.Size()
	if err != nil {
		return err
	}
	if !rec.slotFound {
		l.Offset = min(size, l.Length)
	}
	if size > l.Offset {
		if err := data.Truncate(l.Offset); err != nil {
			return err
		}
	}
	if rec.slotFound && l.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(rec.state) == nil {
		return nil
	}
	l.hash.Reset()
	if err := rehash(ctx, l.hash, data, l.Offset); err != nil {
		return err
	}
	return data.Sync()
}

// rehash feeds the first n bytes of data to h.
func rehash(ctx context.Context, h hash.Hash, data file, n int64) error {
	buf := make([]byte, copyBuffer)
	for off := int64(0); off < n; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		m, err := data.ReadAt(buf[:min(n-off, copyBuffer)], off)
		h.Write(buf[:m])
		off += int64(m)
		if err != nil && (err != io.EOF || off < n) {
			return err
		}
	}
	return nil
}

// acknowledge writes l's offset and hash state to its next slot and flushes it.
// The data must be durable already. A slot whose flush failed may be seen all the
// same; it is not the trusted one, so the next load writes another after it.
func (f *Files) acknowledge(a *activity, l *loaded) error {
	state, err := l.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return err
	}
	s := slot{seq: l.seq + 1, offset: l.Offset, state: state}
	if _, err := a.lock.WriteAt(encodeSlot(s), s.at()); err != nil {
		return err
	}
	if err := a.lock.SyncData(); err != nil {
		return err
	}
	l.seq = s.seq
	f.trust(a.id, s.seq)
	a.durable.Store(s.offset)
	return nil
}

// peek reads an upload's files without changing them.
func (f *Files) peek(id UploadID) (loaded, record, error) {
	where, err := f.locate(id)
	if err != nil {
		return loaded{}, record{}, err
	}
	name := f.path(where, id.String(), recordName)
	text, err := f.readAll(name, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return loaded{}, record{}, f.missing(id, name)
	}
	if err != nil && !errors.Is(err, ErrFormat) {
		return loaded{}, record{}, fmt.Errorf("read upload %s: %w", id, err)
	}
	var rec record
	if err == nil {
		rec, err = decodeRecord(text)
	}
	if err != nil {
		return loaded{}, rec, f.damaged(id, name, err.Error())
	}
	l := loaded{where: where, Upload: Upload{ID: id, Wanted: rec.Wanted, Length: rec.Length, Offset: rec.offset, State: Open,
		Meta: rec.Meta, Created: unixUTC(rec.Created)}}
	switch where {
	case stagingDir:
		err = f.peekStaged(&l)
	case doneDir:
		l.State, l.Offset, l.Settled = Arrived, l.Length, true
	default:
		err = f.peekVerdict(&l)
	}
	return l, rec, err
}

// peekStaged tells an open upload from one whose data is content already.
func (f *Files) peekStaged(l *loaded) error {
	name := f.path(stagingDir, l.ID.String(), dataName)
	info, err := f.fs.Stat(name)
	if err == nil && info.Size() < l.Offset {
		return &DamagedError{ID: l.ID, Name: name, Detail: fmt.Sprintf("it has %d bytes, %d were acknowledged", info.Size(), l.Offset)}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if held, err := f.Has(context.Background(), l.Wanted); !held {
		if err == nil && l.Offset > 0 {
			err = &DamagedError{ID: l.ID, Name: name, Detail: "the file is missing"}
		} else if err == nil {
			err = fmt.Errorf("upload %s: %w", l.ID, ErrUnknown)
		}
		return err
	}
	l.State, l.Offset = Arrived, l.Length
	return nil
}

func (f *Files) peekVerdict(l *loaded) error {
	name := f.path(l.where, l.ID.String(), verdictName)
	text, err := f.readAll(name, maxVerdict)
	var v verdict
	if err == nil {
		v, err = decodeVerdict(text)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrFormat) {
		return &DamagedError{ID: l.ID, Name: name, Detail: err.Error()}
	}
	if err != nil {
		return fmt.Errorf("read upload %s: %w", l.ID, err)
	}
	l.State, l.Got, l.Ended, l.Reason = v.State, v.Got, unixUTC(v.At), v.Reason
	if v.State == Quarantined {
		_, err = f.fs.Stat(f.path(l.where, l.ID.String(), settledName))
		if l.Settled = err == nil; errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return err
}

// Upload implements Store. Only the first look at an upload after a start has to
// take it; after that the slot is known to be durable.
func (f *Files) Upload(ctx context.Context, id UploadID) (Upload, error) {
	l, rec, err := f.peek(id)
	if err != nil || l.State != Open || f.trusts(id, rec.seq) {
		return l.Upload, err
	}
	a, err := f.acquire(id)
	if errors.Is(err, ErrLocked) {
		return f.uploadInUse(id)
	}
	if err != nil {
		return Upload{}, err
	}
	l, err = f.load(ctx, a)
	return l.Upload, errors.Join(err, f.release(a))
}

// uploadInUse describes an upload that somebody else has taken. What the slot
// says may not be flushed yet: a user in this process knows what is, and for one
// in another process the slot is flushed here.
func (f *Files) uploadInUse(id UploadID) (Upload, error) {
	f.mu.Lock()
	a := f.active[id]
	f.mu.Unlock()
	l, _, err := f.peek(id)
	if err != nil || l.State != Open {
		return l.Upload, err
	}
	if a != nil {
		if l.Offset = a.durable.Load(); l.Offset < 0 {
			return Upload{}, fmt.Errorf("upload %s: %w", id, ErrLocked) // being loaded
		}
		return l.Upload, nil
	}
	w, err := f.fs.OpenFile(f.path(l.where, id.String(), recordName), os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return Upload{}, fmt.Errorf("upload %s: %w", id, ErrLocked) // moved on just now
	}
	if err == nil {
		err = errors.Join(w.SyncData(), w.Close())
	}
	if err != nil {
		return Upload{}, fmt.Errorf("read upload %s: %w", id, err)
	}
	return l.Upload, nil
}

// Uploads implements Store.
func (f *Files) Uploads(ctx context.Context, fn func(Upload) error) error {
	var damaged []error
	for _, where := range []string{stagingDir, quarantineDir, abandonedDir} {
		entries, err := f.fs.ReadDir(f.path(where))
		if err != nil {
			return fmt.Errorf("list uploads: %w", err)
		}
		for _, e := range entries {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			id, err := ParseUploadID(e.Name())
			if err != nil {
				damaged = append(damaged, &DamagedError{Name: f.path(where, e.Name()), Detail: "not an upload"})
				continue
			}
			l, _, err := f.peek(id)
			var damage *DamagedError
			switch {
			case errors.As(err, &damage):
				damaged = append(damaged, err)
				continue
			case errors.Is(err, ErrUnknown), errors.Is(err, ErrLocked):
				continue // purged or moved meanwhile
			case err != nil:
				return err
			}
			if l.where != where {
				continue // moved on meanwhile; a later directory shows it, or it is settled
			}
			if err := fn(l.Upload); err != nil {
				return err
			}
		}
	}
	return errors.Join(damaged...)
}
