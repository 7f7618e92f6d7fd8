package tiledlog_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/tiledlog"
	"fieldseal/sync/tiledlog/audit"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// grow fills a log with quarantined lines until it has size entries.
func grow(t *testing.T, w *ingesttest.World, size int64) {
	t.Helper()
	for w.Engine.Size() < size {
		lines := make([][]byte, min(size-w.Engine.Size(), 1000))
		for i := range lines {
			lines[i] = fmt.Appendf(nil, "noise %d of %d", i, w.Engine.Size())
		}
		w.Submit(lines...)
	}
}

func options(t *testing.T, w *ingesttest.World) tiledlog.Options {
	t.Helper()
	signed, err := w.Engine.Signed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tiledlog.Options{Checkpoint: signed, LogKey: w.LogKey.Verifier()}
}

func export(t *testing.T, w *ingesttest.World, dir string) tiledlog.Summary {
	t.Helper()
	s, err := tiledlog.Export(t.Context(), w.Engine, dir, options(t, w))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func check(t *testing.T, w *ingesttest.World, dir string, earlier []byte) *audit.Report {
	t.Helper()
	d, err := audit.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r, err := audit.Check(t.Context(), d, audit.Options{Key: w.LogKey.VerifierText(), Earlier: earlier})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func good(t *testing.T, r *audit.Report, size int64) {
	t.Helper()
	if !r.OK() || r.Size != size || r.Entries != size || r.Unchecked > 0 || len(r.Strays) > 0 {
		t.Fatalf("%+v", r)
	}
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bare gives tlog.TileHashReader the files of a directory, as anybody would write it.
type bare struct {
	t   *testing.T
	dir string
}

func (b bare) Height() int                         { return 8 }
func (b bare) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (b bare) ReadTiles(tiles []tlog.Tile) (list [][]byte, err error) {
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(b.dir, "tile", strings.TrimPrefix(tile.Path(), "tile/8/")))
		if err != nil {
			return nil, err
		}
		list = append(list, data)
	}
	return list, nil
}

// A log of 70,000 entries is read by checkers that others wrote: x/mod's
// TileHashReader, and transparency-dev/merkle, which computes the root of the
// entries and verifies proofs that were made from the tiles.
func TestOthersReadTheExport(t *testing.T) {
	w := ingesttest.New(t)
	w.Rich()
	grow(t, w, 60_000)
	dir := t.TempDir()
	export(t, w, dir)
	earlier, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	grow(t, w, 70_000)
	s := export(t, w, dir)
	t.Logf("%+v", s)
	good(t, check(t, w, dir, earlier), 70_000)
	want := []string{"tile/0/000", "tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/272", "tile/entries/273.p/112"}
	all := files(t, dir)
	for _, name := range want { // the example of the specification
		if all[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	signed := options(t, w).Checkpoint
	reader := tlog.TileHashReader(tlog.Tree{N: int64(signed.Size), Hash: signed.Root}, bare{t, dir})
	old, err := ledger.ParseCheckpoint(earlier, w.LogKey.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	if root, err := tlog.TreeHash(int64(old.Size), reader); err != nil || root != old.Root {
		t.Errorf("x/mod: the root at %d is %v: %v", old.Size, root, err)
	}
	leaves := merkleRoot(t, all, signed)
	for _, index := range []int64{0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999} {
		path, err := tlog.ProveRecord(int64(signed.Size), index, reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(signed.Size), leaves[index], raw(path), signed.Root[:]); err != nil {
			t.Errorf("merkle: entry %d: %v", index, err)
		}
	}
	path, err := tlog.ProveTree(int64(signed.Size), int64(old.Size), reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old.Size), uint64(signed.Size), raw(path), old.Root[:], signed.Root[:]); err != nil {
		t.Errorf("merkle: %v", err)
	}
}

func raw(hashes []tlog.Hash) (list [][]byte) {
	for _, h := range hashes {
		list = append(list, h[:])
	}
	return list
}

// merkleRoot has merkle compute the root of the exported entries, and gives their hashes.
func merkleRoot(t *testing.T, all map[string]string, signed *ledger.SignedCheckpoint) (leaves [][]byte) {
	t.Helper()
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for n := int64(0); n*256 < int64(signed.Size); n++ {
		path := tlog.Tile{H: 8, L: -1, N: n, W: int(min(256, int64(signed.Size)-n*256))}.Path()
		bundle := all[strings.Replace(path, "tile/8/data/", "tile/entries/", 1)]
		for bundle != "" {
			end := 2 + int(binary.BigEndian.Uint16([]byte(bundle)))
			h := rfc6962.DefaultHasher.HashLeaf([]byte(bundle[2:end]))
			leaves, bundle = append(leaves, h), bundle[end:]
			if err := tree.Append(h, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil || string(root) != string(signed.Root[:]) || len(leaves) != int(signed.Size) {
		t.Fatalf("merkle: %d entries have the root %x, the checkpoint states %d and %x: %v", len(leaves), root, signed.Size, signed.Root, err)
	}
	return leaves
}

// The directory grows with the log. Partial tiles of published checkpoints stay
// until their tile is full.
func TestExportGrows(t *testing.T) {
	w := ingesttest.New(t)
	dir := t.TempDir()
	var earlier []byte
	for _, size := range []int64{3, 4, 4, 255, 256, 257, 300, 512, 700} {
		grow(t, w, size)
		s := export(t, w, dir)
		if s.Size != size || s.Ahead {
			t.Errorf("at %d: %+v", size, s)
		}
		good(t, check(t, w, dir, earlier), size)
		var err error
		if earlier, err = os.ReadFile(filepath.Join(dir, "checkpoint")); err != nil {
			t.Fatal(err)
		}
	}
	grow(t, w, 750)
	export(t, w, dir)
	var names []string
	all := files(t, dir)
	for name := range all {
		if strings.HasPrefix(name, "tile/") {
			names = append(names, name)
		}
	}
	want := map[string]bool{"tile/0/000": true, "tile/0/001": true, "tile/0/002.p/188": true, "tile/0/002.p/238": true, "tile/1/000.p/1": true, "tile/1/000.p/2": true,
		"tile/entries/000": true, "tile/entries/001": true, "tile/entries/002.p/188": true, "tile/entries/002.p/238": true}
	if len(names) != len(want) {
		t.Errorf("%v", names)
	}
	for _, name := range names {
		if !want[name] {
			t.Errorf("%s is there", name)
		}
	}
	if s := export(t, w, dir); s.Written != 0 || s.Kept != 7 {
		t.Errorf("exporting again: %+v", s)
	}
	fresh := t.TempDir()
	export(t, w, fresh)
	for name, data := range files(t, fresh) {
		if all[name] != data {
			t.Errorf("%s is not what a fresh export has", name)
		}
	}
}

var errCut = errors.New("cut off")

// cut is a source that ends after some calls.
type cut struct {
	tiledlog.Source
	left atomic.Int64
}

func (c *cut) Tile(ctx context.Context, id ledger.TileID, width int) ([]byte, error) {
	if c.left.Add(-1) < 0 {
		return nil, errCut
	}
	return c.Source.Tile(ctx, id, width)
}

func (c *cut) Entries(ctx context.Context, n int64, width int) ([]byte, error) {
	if c.left.Add(-1) < 0 {
		return nil, errCut
	}
	return c.Source.Entries(ctx, n, width)
}

// Cut off anywhere, an export leaves what was published before right, and the next
// one goes on to the same files.
func TestExportIsTakenUp(t *testing.T) {
	w := ingesttest.New(t)
	grow(t, w, 300)
	begun := t.TempDir()
	export(t, w, begun)
	grow(t, w, 1100)
	fresh := t.TempDir()
	export(t, w, fresh)
	want := files(t, fresh)
	want["tile/1/000.p/1"] = files(t, begun)["tile/1/000.p/1"] // its tile is not full yet
	calls, written := 0, int64(0)
	for cuts := true; cuts; calls++ {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(begun)); err != nil {
			t.Fatal(err)
		}
		c := &cut{Source: w.Engine}
		c.left.Store(int64(calls))
		_, err := tiledlog.Export(t.Context(), c, dir, options(t, w))
		if cuts = err != nil; cuts && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		r := check(t, w, dir, nil)
		if cuts && (!r.OK() || r.Size != 300 || r.Entries != 300) {
			t.Fatalf("cut off after %d calls: %+v", calls, r)
		}
		if err := os.WriteFile(filepath.Join(dir, ".draft-7"), []byte("half a fi"), 0o600); err != nil {
			t.Fatal(err)
		}
		written += export(t, w, dir).Written
		good(t, check(t, w, dir, nil), 1100)
		if got := files(t, dir); !reflect.DeepEqual(got, want) {
			t.Fatalf("cut off after %d calls, the directory is not that of a fresh export", calls)
		}
	}
	if calls != 11 || written == 0 { // cut before each of 6 tiles and 4 bundles, and once not
		t.Errorf("%d calls, %d files were made up for", calls, written)
	}
}

func TestExportRefuses(t *testing.T) {
	w := ingesttest.New(t)
	grow(t, w, 600)
	for name, change := range map[string]func(dir string) error{
		"a bit of a tile":         func(dir string) error { return flip(filepath.Join(dir, "tile/0/001")) },
		"a bit of an entry":       func(dir string) error { return flip(filepath.Join(dir, "tile/entries/001")) },
		"a bit of the checkpoint": func(dir string) error { return flip(filepath.Join(dir, "checkpoint")) },
		"a cut tile":              func(dir string) error { return os.Truncate(filepath.Join(dir, "tile/0/001"), 8000) },
		"an empty bundle":         func(dir string) error { return os.Truncate(filepath.Join(dir, "tile/entries/000"), 0) },
		"a longer tile": func(dir string) error {
			data, err := os.ReadFile(filepath.Join(dir, "tile/0/000"))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, "tile/0/000"), append(data, 0), 0o600))
		},
	} {
		dir := t.TempDir()
		export(t, w, dir)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		var f *tiledlog.FileError
		if _, err := tiledlog.Export(t.Context(), w.Engine, dir, options(t, w)); !errors.Is(err, tiledlog.ErrDiffers) || !errors.As(err, &f) {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(files(t, dir), before) {
			t.Errorf("%s: something was changed", name)
		}
	}
	// The directory of another history under the same key, and of a log that has lost entries.
	copied := w.Copy()
	grow(t, w, 610)
	dir := t.TempDir()
	export(t, w, dir)
	grow(t, copied, 605)
	if _, err := tiledlog.Export(t.Context(), copied.Engine, dir, options(t, copied)); !errors.Is(err, tiledlog.ErrDiffers) {
		t.Errorf("fewer entries than were published: %v", err)
	}
	grow(t, copied, 620)
	if _, err := tiledlog.Export(t.Context(), copied.Engine, dir, options(t, copied)); !errors.Is(err, tiledlog.ErrDiffers) || !strings.Contains(fmt.Sprint(err), "states the root") {
		t.Errorf("another history: %v", err)
	}
	other := ingesttest.New(t)
	if _, err := tiledlog.Export(t.Context(), other.Engine, dir, options(t, other)); !errors.Is(err, tiledlog.ErrDiffers) {
		t.Errorf("another key: %v", err)
	}
}

func flip(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 4
	return os.WriteFile(name, data, 0o600)
}

// A checkpoint that is older than the published one never takes its place.
func TestExportNeverGoesBack(t *testing.T) {
	w := ingesttest.New(t)
	grow(t, w, 300)
	old := options(t, w)
	grow(t, w, 400)
	dir := t.TempDir()
	export(t, w, dir)
	if err := os.Remove(filepath.Join(dir, "tile/0/001.p/144")); err != nil {
		t.Fatal(err)
	}
	s, err := tiledlog.Export(t.Context(), w.Engine, dir, old)
	if err != nil || !s.Ahead || s.Size != 400 || s.Written != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	good(t, check(t, w, dir, old.Checkpoint.Note()), 400)
}

// slow is a source in the middle of whose export another one is tried.
type slow struct {
	tiledlog.Source
	during func()
}

func (s *slow) Entries(ctx context.Context, n int64, width int) ([]byte, error) {
	s.during()
	return s.Source.Entries(ctx, n, width)
}

func TestOneExportAtATime(t *testing.T) {
	w := ingesttest.New(t)
	dir := t.TempDir()
	tried := false
	s := &slow{Source: w.Engine, during: func() {
		tried = true
		if _, err := tiledlog.Export(t.Context(), w.Engine, dir, options(t, w)); !errors.Is(err, tiledlog.ErrBusy) {
			t.Errorf("a second export at the same time: %v", err)
		}
	}}
	if _, err := tiledlog.Export(t.Context(), s, dir, options(t, w)); err != nil || !tried {
		t.Error(tried, err)
	}
	export(t, w, dir)
}
