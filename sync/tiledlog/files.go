package tiledlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"fieldseal/sync/ledger"
)

// read reads a file of at most most bytes, and one more of a longer one.
func (x *exporter) read(name string, most int) (data []byte, err error) {
	f, err := x.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, int64(most)+1))
}

// write makes a durable file and gives it its name. The name is durable once the
// folder is synced.
func (x *exporter) write(name string, data []byte) error {
	draft := fmt.Sprint(draftName, x.draft.Add(1))
	f, err := x.root.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, x.root.Remove(draft))
	}
	if err := x.root.MkdirAll(path.Dir(name), dirMode); err != nil {
		return err
	}
	return x.root.Rename(draft, name)
}

// touch notes the folders that must be durable before the checkpoint is: also those
// of files that are there, since the export that wrote them may have been cut off.
func (x *exporter) touch(name string) {
	for dir := name; dir != "."; {
		dir = path.Dir(dir)
		x.folders[dir] = true
	}
}

// sync makes the names in a folder durable.
func (x *exporter) sync(dir string) error {
	f, err := x.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removeDrafts removes what an export that was cut off had begun to write.
func (x *exporter) removeDrafts() error {
	list, err := fs.ReadDir(x.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), draftName) {
			if err := x.root.Remove(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeSuperseded removes the partial tiles whose full tile is there.
func (x *exporter) removeSuperseded() (removed int64, err error) {
	err = each(x.size, func(id ledger.TileID, width int) error {
		if width < ledger.TileWidth {
			return nil
		}
		paths := []string{id.Path(width)}
		if id.Level == 0 {
			paths = append(paths, ledger.EntriesPath(id.N, width))
		}
		for _, p := range paths {
			n, err := x.removePartial(p + ".p")
			if removed += n; err != nil {
				return &FileError{p + ".p", err}
			}
		}
		return nil
	})
	return removed, err
}

func (x *exporter) removePartial(dir string) (n int64, err error) {
	list, err := fs.ReadDir(x.root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range list {
		if err := x.root.Remove(path.Join(dir, e.Name())); err != nil {
			return n, err
		}
		n++
	}
	return n, errors.Join(err, x.root.Remove(dir))
}
