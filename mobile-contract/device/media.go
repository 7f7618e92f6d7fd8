package device

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fieldseal/sync/event"
)

const (
	// MaxMedia caps one file: an hour of field video is some 8 GB; the cap keeps a
	// mistyped device file from filling the disk.
	MaxMedia = 64 << 30
	// temporaryAge is when a file in media/tmp is taken for left over by a crash.
	temporaryAge = 24 * time.Hour
	// sniffed is how many bytes http.DetectContentType looks at.
	sniffed = 512
)

// MediaState says how far a file has come.
type MediaState string

// The states, see schema/device.
const (
	MediaHeld    MediaState = "held"
	MediaWaiting MediaState = "waiting"
	MediaSent    MediaState = "sent"
	MediaRefused MediaState = "refused"
	MediaDamaged MediaState = "damaged"
)

// MediaFile is a file in the store.
type MediaFile struct {
	event.Media
	State MediaState
	// Uploaded is the number of bytes that the server has acknowledged.
	Uploaded int64
	// Path is absolute.
	Path      string
	LastError string
	uploadURL string
}

// AddMediaFile is AddMedia for a file by its path; the file itself stays untouched.
func (s *Store) AddMediaFile(ctx context.Context, path string) (event.Media, error) {
	f, err := os.Open(path)
	if err != nil {
		return event.Media{}, fmt.Errorf("%w: %w", ErrMedia, err)
	}
	m, err := s.AddMedia(ctx, f, filepath.Base(path), "")
	return m, errors.Join(err, f.Close())
}

// AddMedia keeps the bytes of r under their SHA-256 and returns when they are
// durable. name is the file's name as found, typ its media type ("" to tell it
// from name and content). The same bytes twice are kept once. Memory does not grow
// with the file.
func (s *Store) AddMedia(ctx context.Context, r io.Reader, name, typ string) (event.Media, error) {
	m := event.Media{Name: name, Type: typ}
	tmp, err := s.stage(ctx, r, &m)
	if err != nil {
		return event.Media{}, fmt.Errorf("%w: %q was not kept: %w", ErrMedia, name, storageErr(err))
	}
	rel := mediaPath(m.SHA256)
	if err := s.place(tmp, rel); err != nil {
		return event.Media{}, fmt.Errorf("%w: %q was not kept: %w", ErrMedia, name, storageErr(err))
	}
	err = s.write(ctx, func(t *tx) error {
		// A damaged file that was brought again is whole again.
		return t.exec(`INSERT INTO media (sha256, size, type, name, path, added_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (sha256) DO UPDATE SET last_error = NULL,
			state = CASE media.state WHEN 'damaged' THEN 'waiting' ELSE media.state END`,
			m.SHA256[:], m.Size, m.Type, m.Name, filepath.ToSlash(rel), t.stamp())
	})
	return m, err
}

// stage copies r to a flushed temporary file and fills in digest, size and type.
func (s *Store) stage(ctx context.Context, r io.Reader, m *event.Media) (path string, err error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, mediaName, "tmp"), "in-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	h := sha256.New()
	var head prefix
	n, err := io.Copy(io.MultiWriter(f, h, &head), &ctxReader{ctx, io.LimitReader(r, MaxMedia+1)})
	if err == nil && n > MaxMedia {
		err = inputf("it has more than %d bytes", int64(MaxMedia))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return f.Name(), err
	}
	m.Size = n
	h.Sum(m.SHA256[:0])
	if m.Type == "" {
		m.Type = mediaType(m.Name, head.b)
	}
	return f.Name(), nil
}

// place moves a flushed temporary file to its name. Before the rename a crash leaves
// a temporary file, after it a whole file that no row knows: harmless both.
func (s *Store) place(tmp, rel string) error {
	path := filepath.Join(s.dir, rel)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// A file of that name may be there, whole or damaged; these bytes are right.
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)))
}

func mediaPath(d event.Digest) string {
	text := d.String()
	return filepath.Join(mediaName, text[:2], text)
}

func mediaType(name string, head []byte) string {
	if t := mime.TypeByExtension(strings.ToLower(filepath.Ext(name))); t != "" {
		t, _, _ = strings.Cut(t, ";")
		return t
	}
	t, _, _ := strings.Cut(http.DetectContentType(head), ";")
	return t
}

// prefix keeps the first bytes written.
type prefix struct{ b []byte }

func (p *prefix) Write(b []byte) (int, error) {
	if room := sniffed - len(p.b); room > 0 {
		p.b = append(p.b, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// ctxReader ends a long copy when the context ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// sweepTemporary removes what a crash left in media/tmp a day ago or longer.
func (s *Store) sweepTemporary() error {
	dir := filepath.Join(s.dir, mediaName, "tmp")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if time.Since(info.ModTime()) > temporaryAge {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

const mediaColumns = `sha256, size, type, name, path, state, uploaded, coalesce(upload_url, ''), coalesce(last_error, '')`

func (s *Store) scanMedia(row interface{ Scan(...any) error }) (m MediaFile, err error) {
	var path string
	err = row.Scan(hashTo(&m.SHA256), &m.Size, &m.Type, &m.Name, &path, &m.State, &m.Uploaded, &m.uploadURL, &m.LastError)
	m.Path = filepath.Join(s.dir, filepath.FromSlash(path))
	return m, err
}

// Media lists the files in the given states (all where there are none), oldest first.
func (s *Store) Media(ctx context.Context, states ...MediaState) ([]MediaFile, error) {
	var list []MediaFile
	err := s.read(ctx, func(t *tx) error {
		rows, err := t.rows(`SELECT ` + mediaColumns + ` FROM media ORDER BY rowid`)
		return each(rows, err, func(rows *sql.Rows) error {
			m, err := s.scanMedia(rows)
			if len(states) == 0 || slices.Contains(states, m.State) {
				list = append(list, m)
			}
			return err
		})
	})
	return list, err
}

// OpenMedia opens a file of the store and checks its digest first.
func (s *Store) OpenMedia(ctx context.Context, d event.Digest) (*os.File, MediaFile, error) {
	var m MediaFile
	err := s.read(ctx, func(t *tx) (err error) {
		m, err = s.scanMedia(t.row(`SELECT `+mediaColumns+` FROM media WHERE sha256 = $1`, d[:]))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, m, fmt.Errorf("%w: no file %s", ErrNotFound, d)
	}
	if err != nil {
		return nil, m, err
	}
	f, err := openWhole(ctx, &m)
	return f, m, err
}

// openWhole opens a file whose bytes still have its digest; otherwise the error wraps ErrMedia.
func openWhole(ctx context.Context, m *MediaFile) (*os.File, error) {
	f, err := os.Open(m.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is gone from the store: %w", ErrMedia, m.SHA256, err)
	}
	h := sha256.New()
	_, err = io.Copy(h, &ctxReader{ctx, f})
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	var got event.Digest
	h.Sum(got[:0])
	if err == nil && got != m.SHA256 {
		err = fmt.Errorf("%w: the file %s no longer has the bytes it had when it was taken (they are %s now): bring the original again, or a backup of it", ErrMedia, m.SHA256, got)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
