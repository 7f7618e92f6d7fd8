package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Source gives the resources of a published log.
type Source interface {
	// Get gives the resource at a path under the log's prefix. An error wraps
	// fs.ErrNotExist where there is none, and *TooLongError where it has more than
	// most bytes.
	Get(ctx context.Context, path string, most int) ([]byte, error)
}

// TooLongError says that a resource is longer than any that is right.
type TooLongError struct {
	Path string
	Most int
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("%s has more than %d bytes", e.Path, e.Most)
}

func readMost(r io.Reader, path string, most int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err == nil && len(data) > most {
		return nil, &TooLongError{path, most}
	}
	return data, err
}

// Directory is a Source of files. Nothing outside of it is read, also by no link.
type Directory struct{ root *os.Root }

// OpenDirectory opens a directory that has a checkpoint and a folder tile.
func OpenDirectory(name string) (*Directory, error) {
	root, err := os.OpenRoot(name)
	return &Directory{root}, err
}

// Close closes the directory.
func (d *Directory) Close() error { return d.root.Close() }

// Get implements Source.
func (d *Directory) Get(_ context.Context, path string, most int) (data []byte, err error) {
	f, err := d.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is not a file: %w", path, fs.ErrNotExist))
	}
	return readMost(f, path, most)
}

// list calls fn with the path of every file under tile.
func (d *Directory) list(ctx context.Context, fn func(path string) error) error {
	return fs.WalkDir(d.root.FS(), "tile", func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == "tile" {
			return fs.SkipAll
		}
		if err != nil || e.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		return fn(path)
	})
}

const (
	// tries bounds the attempts for one resource: a server that is being restarted, or that asks for patience.
	tries = 6
	// maxPause bounds the wait between two of them, whatever the server asks for.
	maxPause = 2 * time.Minute
	// firstPause is the wait after a failure where the server says none; it doubles.
	firstPause = 250 * time.Millisecond
)

// Web is a Source over HTTP.
type Web struct {
	prefix string
	client *http.Client
	// pause waits between attempts.
	pause func(ctx context.Context, d time.Duration) error
}

// NewWeb reads the log whose prefix is an http or https address.
func NewWeb(prefix string, client *http.Client) (*Web, error) {
	u, err := url.Parse(prefix)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the address of a log, such as https://custody.example.cn/log", prefix)
	}
	return &Web{strings.TrimRight(prefix, "/"), client, wait}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Get implements Source.
func (w *Web) Get(ctx context.Context, path string, most int) ([]byte, error) {
	for try, pause := 1, firstPause; ; try, pause = try+1, 2*pause {
		data, again, err := w.once(ctx, path, most)
		if err == nil || again < 0 || try == tries || ctx.Err() != nil {
			return data, err
		}
		if err := w.pause(ctx, min(max(again, pause), maxPause)); err != nil {
			return nil, err
		}
	}
}

// once asks once. again is how long to wait before another attempt, negative where one is of no use.
func (w *Web) once(ctx context.Context, path string, most int) (data []byte, again time.Duration, err error) {
	at := w.prefix + "/" + path
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, -1, err
	}
	res, err := w.client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	switch s := res.StatusCode; {
	case s == http.StatusOK:
		data, err = readMost(res.Body, path, most)
		if errors.As(err, new(*TooLongError)) {
			again = -1
		}
		return data, again, err
	case s == http.StatusNotFound || s == http.StatusGone:
		return nil, -1, fmt.Errorf("%s: status %d: %w", at, s, fs.ErrNotExist)
	case s == http.StatusTooManyRequests || s >= 500:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return nil, time.Duration(min(max(seconds, 0), int(maxPause/time.Second))) * time.Second, fmt.Errorf("%s: the server answers with status %d", at, s)
	default:
		return nil, -1, fmt.Errorf("%s: the server answers with status %d", at, s)
	}
}
