package replay

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// AddFile takes a file of any kind of source, told by its content: an archive of
// a device, a court bundle, or lines.
func (e *Evidence) AddFile(ctx context.Context, name string, r io.ReaderAt, size int64) error {
	head := make([]byte, 4)
	if n, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s: %w", ErrSource, name, err)
	} else if head = head[:n]; bytes.HasPrefix(head, []byte("{")) {
		e.AddLines(name, r, size)
		return nil
	}
	if !bytes.Equal(head, []byte("PK\x03\x04")) {
		return fmt.Errorf("%w: %s is neither the archive of a device, nor a court bundle, nor a file of envelopes", ErrSource, name)
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSource, name, err)
	}
	for _, f := range z.File {
		if f.Name == "events.ndjson" {
			return e.AddArchive(name, r, size)
		}
	}
	return e.AddBundle(ctx, name, r, size)
}

// AddPath takes a source by its path: a file as of AddFile, the directory of an
// export of the log, or any other directory with all files right in it. close
// must be called after Resolve, also after an error.
func (e *Evidence) AddPath(ctx context.Context, path string) (close func() error, err error) {
	var open []*os.File
	close = func() (err error) {
		for _, f := range open {
			err = errors.Join(err, f.Close())
		}
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return close, fmt.Errorf("%w: %w", ErrSource, err)
	}
	files := []string{path}
	if info.IsDir() {
		if _, err := os.Stat(filepath.Join(path, exportCheckpoint)); err == nil {
			return close, e.AddExport(ctx, path, os.DirFS(path))
		}
		list, err := os.ReadDir(path)
		if err != nil {
			return close, fmt.Errorf("%w: %w", ErrSource, err)
		}
		files = nil
		for _, x := range list {
			if x.Type().IsRegular() {
				files = append(files, filepath.Join(path, x.Name()))
			}
		}
		if len(files) == 0 {
			return close, fmt.Errorf("%w: no file is in %s, and it is no export of the log", ErrSource, path)
		}
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return close, fmt.Errorf("%w: %w", ErrSource, err)
		}
		open = append(open, f)
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = fs.ErrInvalid
		}
		if err != nil {
			return close, fmt.Errorf("%w: %s: %w", ErrSource, name, err)
		}
		if err := e.AddFile(ctx, name, f, info.Size()); err != nil {
			return close, err
		}
	}
	return close, nil
}
