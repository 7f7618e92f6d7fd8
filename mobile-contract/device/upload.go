package device

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"fieldseal/api/wire"

	"golang.org/x/sync/errgroup"
)

const (
	// uploads is how many files travel at once: two keep a link busy over one
	// file's pauses, more only share it.
	uploads = 2
	// chunkBytes is the bytes of one PATCH: what is lost at most when a link breaks,
	// large enough that a fast link is not held up by acknowledgements.
	chunkBytes = 8 << 20
	// maxStuck is how often in a row an upload may fail without one byte of progress
	// before it is left for the next sync.
	maxStuck = 4
	// maxRestarts is how often a file is sent anew from the start after the server
	// found another digest, which a bad link can cause; after that a person must look.
	maxRestarts = 3
	// tailEvery is how often new events are handed in while media are under way.
	tailEvery  = 2 * time.Second
	tusVersion = "1.0.0"
	// mediaHeader says in the answer to a new upload whether the file is there already.
	mediaHeader = "Fieldseal-Media"
	mediaIsHeld = "held"
)

// upload sends every waiting file, a few at a time, and goes on handing in what is
// captured meanwhile. A file that fails is noted and holds up neither the others
// nor the data.
func (y *syncer) upload(ctx context.Context) error {
	files, err := y.s.Media(ctx, MediaWaiting)
	if err != nil || len(files) == 0 {
		return err
	}
	var total int64
	for _, m := range files {
		total += m.Size
	}
	up := &uploader{y: y, total: total}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	finished := make(chan error, 1)
	go func() { finished <- up.all(ctx, files) }()
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-finished:
			return errors.Join(err, y.push(ctx))
		case <-tick.C:
			if err := y.push(ctx); err != nil {
				cancel()
				return errors.Join(err, <-finished)
			}
		}
	}
}

// uploader is the media half of a sync.
type uploader struct {
	y     *syncer
	total int64
	done  atomic.Int64
}

func (u *uploader) all(ctx context.Context, files []MediaFile) error {
	var g errgroup.Group
	g.SetLimit(uploads)
	for _, m := range files {
		g.Go(func() error {
			err := u.one(ctx, &m)
			if ctx.Err() != nil {
				return fmt.Errorf("%w: %w", ErrOffline, ctx.Err())
			}
			if err == nil {
				u.y.tell(func(r *SyncReport) { r.MediaSent++ })
				return nil
			}
			u.y.note("%q (%s) was not sent: %v", m.Name, m.SHA256, err)
			return u.y.s.write(ctx, func(t *tx) error {
				return t.exec(`UPDATE media SET last_error = $2, tries = tries + 1 WHERE sha256 = $1`, m.SHA256[:], err.Error())
			})
		})
	}
	return g.Wait()
}

// one brings a file to the server, whole.
func (u *uploader) one(ctx context.Context, m *MediaFile) error {
	f, err := openWhole(ctx, m)
	if err != nil {
		return errors.Join(err, u.mark(ctx, m, MediaDamaged))
	}
	defer f.Close() // read only: closing cannot lose anything
	for restarts := 0; ; restarts++ {
		// The server answers the last byte only after it has checked the digest.
		err := u.transfer(ctx, m, f)
		if err == nil {
			return u.sent(ctx, m)
		}
		if !digestRefused(err) {
			return err
		}
		if err := u.forget(ctx, m); err != nil {
			return err
		}
		if restarts == maxRestarts {
			return errors.Join(err, u.mark(ctx, m, MediaRefused))
		}
	}
}

func digestRefused(err error) bool {
	var he *HTTPError
	return errors.As(err, &he) && (he.Status == http.StatusUnprocessableEntity || he.Body.Code == wire.CodeDigest)
}

func (u *uploader) sent(ctx context.Context, m *MediaFile) error {
	u.progress(m, m.Size)
	return u.y.s.write(ctx, func(t *tx) error {
		return t.exec(`UPDATE media SET state = 'sent', uploaded = size, last_error = NULL, upload_url = NULL WHERE sha256 = $1`, m.SHA256[:])
	})
}

func (u *uploader) mark(ctx context.Context, m *MediaFile, state MediaState) error {
	return u.y.s.write(ctx, func(t *tx) error {
		return t.exec(`UPDATE media SET state = $2 WHERE sha256 = $1`, m.SHA256[:], string(state))
	})
}

// forget drops an upload that cannot be resumed.
func (u *uploader) forget(ctx context.Context, m *MediaFile) error {
	u.progress(m, 0)
	m.uploadURL = ""
	return u.y.s.write(ctx, func(t *tx) error {
		return t.exec(`UPDATE media SET upload_url = NULL, uploaded = 0 WHERE sha256 = $1`, m.SHA256[:])
	})
}

// progress counts the acknowledged bytes of all files.
func (u *uploader) progress(m *MediaFile, now int64) {
	done := u.done.Add(now - m.Uploaded)
	m.Uploaded = now
	u.y.progress("media", done, u.total)
}

// transfer sends what the server lacks of a file, chunk by chunk (tus 1.0).
func (u *uploader) transfer(ctx context.Context, m *MediaFile, f *os.File) error {
	m.Uploaded = 0 // counted anew from what the server says
	for stuck := 0; ; {
		offset, err := u.offset(ctx, m)
		empty := m.Size == 0 && m.uploadURL != "" // an empty file, too, is sent once
		for err == nil && (empty || offset < m.Size) {
			empty = false
			next, perr := u.patch(ctx, m, f, offset)
			if next > offset {
				stuck = 0
			}
			offset, err = max(offset, next), perr
		}
		if err == nil || digestRefused(err) || ctx.Err() != nil {
			return err
		}
		if stuck++; stuck > maxStuck || !resumable(err) {
			return err
		}
		if err := u.y.c.pause(ctx, min(backoffFirst<<stuck, backoffMax)); err != nil {
			return err
		}
	}
}

// resumable reports whether asking for the offset and going on can help: after a
// failure of network or server, or where somebody else moved the upload.
func resumable(err error) bool {
	var he *HTTPError
	return errors.Is(err, ErrOffline) || errors.As(err, &he) &&
		(he.Status == http.StatusConflict || he.Status == http.StatusLocked || he.Status == http.StatusNotFound || he.Status == http.StatusGone)
}

// offset asks how much the server has of an upload, and begins one where there is none.
func (u *uploader) offset(ctx context.Context, m *MediaFile) (int64, error) {
	if m.uploadURL != "" {
		r, err := u.y.c.do(ctx, call{method: http.MethodHead, path: m.uploadURL, header: tusHeader(nil)})
		var he *HTTPError
		if errors.As(err, &he) && (he.Status == http.StatusNotFound || he.Status == http.StatusGone || he.Status == http.StatusForbidden) {
			if err := u.forget(ctx, m); err != nil {
				return 0, err
			}
			return u.create(ctx, m)
		}
		if err != nil {
			return 0, err
		}
		return u.acknowledged(ctx, m, r)
	}
	return u.create(ctx, m)
}

func (u *uploader) create(ctx context.Context, m *MediaFile) (int64, error) {
	meta := []string{"sha256 " + base64.StdEncoding.EncodeToString([]byte(m.SHA256.String())),
		"filetype " + base64.StdEncoding.EncodeToString([]byte(m.Type)),
		"filename " + base64.StdEncoding.EncodeToString([]byte(m.Name))}
	r, err := u.y.c.do(ctx, call{method: http.MethodPost, path: "/v1/media/uploads", header: tusHeader(map[string]string{
		"Upload-Length": strconv.FormatInt(m.Size, 10), "Upload-Metadata": strings.Join(meta, ",")})})
	if err != nil {
		return 0, err
	}
	if r.header.Get(mediaHeader) == mediaIsHeld { // by whomever: bytes that are there are never sent again
		return m.Size, nil
	}
	path, err := u.location(r)
	if err != nil {
		return 0, err
	}
	m.uploadURL = path
	return 0, u.y.s.write(ctx, func(t *tx) error {
		return t.exec(`UPDATE media SET upload_url = $2, uploaded = 0 WHERE sha256 = $1`, m.SHA256[:], path)
	})
}

// location gives the path of a new upload; one on another host is not followed.
func (u *uploader) location(r *reply) (string, error) {
	loc, err := url.Parse(r.header.Get("Location"))
	if err != nil || loc.Path == "" || loc.Host != "" && loc.Host != u.y.c.base.Host {
		return "", fmt.Errorf("%w: the upload was given no place on this server (%.200q)", ErrRefused, r.header.Get("Location"))
	}
	path := strings.TrimPrefix(loc.EscapedPath(), u.y.c.base.Path)
	if !strings.HasPrefix(path, "/") {
		path = "/v1/media/" + path
	}
	return path, nil
}

// acknowledged reads how many bytes the server has safely.
func (u *uploader) acknowledged(ctx context.Context, m *MediaFile, r *reply) (int64, error) {
	n, err := strconv.ParseInt(r.header.Get("Upload-Offset"), 10, 64)
	if err != nil || n < 0 || n > m.Size {
		return 0, fmt.Errorf("%w: it says that it has %.40q of %d bytes", ErrRefused, r.header.Get("Upload-Offset"), m.Size)
	}
	u.progress(m, n)
	return n, u.y.s.write(ctx, func(t *tx) error {
		return t.exec(`UPDATE media SET uploaded = $2 WHERE sha256 = $1`, m.SHA256[:], n)
	})
}

// patch sends one chunk. It is not repeated blindly: after a failure the server is
// asked how much of it arrived.
func (u *uploader) patch(ctx context.Context, m *MediaFile, f *os.File, offset int64) (int64, error) {
	size := min(m.Size-offset, chunkBytes)
	r, err := u.y.c.do(ctx, call{method: http.MethodPatch, path: m.uploadURL, once: true,
		header: tusHeader(map[string]string{"Upload-Offset": strconv.FormatInt(offset, 10), "Content-Type": "application/offset+octet-stream"}),
		open:   func() (io.Reader, int64, error) { return io.NewSectionReader(f, offset, size), size, nil }})
	if err != nil {
		return offset, err
	}
	return u.acknowledged(ctx, m, r)
}

func tusHeader(h map[string]string) map[string]string {
	if h == nil {
		h = map[string]string{}
	}
	h["Tus-Resumable"] = tusVersion
	return h
}
