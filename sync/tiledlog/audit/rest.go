package audit

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// maxStrays is how many strays are listed.
const maxStrays = 100

// rest checks a file that is there beside the tiles of the checkpoint's size: the
// narrower tile of an earlier checkpoint must begin the tile of now.
func (c *checker) rest(path string) error {
	t, err := tileAt(path)
	if err != nil {
		return c.stray(path)
	}
	hashes := t
	hashes.L = max(t.L, 0)
	now := tileOf(c.size, hashes.L, t.N)
	switch {
	case hashes.L >= levels(c.size) || now.W < t.W:
		return c.stray(path)
	case now.W == t.W:
		return nil // it was checked
	case c.bad[now]:
		c.report.Unchecked++
		return nil
	}
	if err := c.narrower(path, t, hashes); err != nil {
		return c.fault(err)
	}
	return nil
}

func (c *checker) stray(path string) error {
	if len(c.report.Strays) < maxStrays {
		c.report.Strays = append(c.report.Strays, path)
	}
	return nil
}

func (c *checker) narrower(path string, t, hashes tlog.Tile) error {
	c.reader.forget()
	indexes := make([]int64, t.W)
	for i := range indexes {
		indexes[i] = index(hashes, i)
	}
	list, err := c.read(indexes)
	if errors.As(err, new(*inconsistent)) {
		return &Fault{path, "the tile that it begins was changed during the check"}
	}
	if err != nil {
		return err
	}
	var want []byte
	for _, h := range list {
		want = append(want, h[:]...)
	}
	if t.L < 0 {
		bundle, err := get(c.ctx, c.from, path, maxBundle)
		if wrong := wrongEntry(t.N*width, bundle, want); err == nil && wrong != "" {
			err = &Fault{path, wrong}
		}
		return err
	}
	data, err := get(c.ctx, c.from, path, len(want))
	if err == nil && string(data) != string(want) {
		err = &Fault{path, fmt.Sprintf("it is not the first %d hashes of that tile", t.W)}
	}
	return err
}
