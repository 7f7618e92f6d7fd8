package ledger

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// checkStored compares what the store holds with what C2SP tlog-tiles says a
// tree of this size consists of, computed from the reference.
func checkStored(t *testing.T, store memTiles, size Size, ref reference) {
	t.Helper()
	want := 0
	for _, x := range tlog.NewTiles(TileHeight, 0, int64(size)) {
		want++
		data, err := tlog.ReadTileData(x, ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := store[TileID{int64(x.L), x.N}]; !bytes.Equal(got, data) {
			t.Fatalf("size %d: tile %s differs", size, x.Path())
		}
	}
	if len(store) != want {
		t.Fatalf("size %d: %d tiles stored, want %d", size, len(store), want)
	}
}

func TestEverySize(t *testing.T) {
	const most = 1100
	tree, store, ref := new(Tree), make(memTiles), reference(nil)
	for size := Size(0); ; size++ {
		if tree.Size() != size || tree.Root() != ref.root(t, size) {
			t.Fatalf("size %d: tree of %d with root %v, want %v", size, tree.Size(), tree.Root(), ref.root(t, size))
		}
		checkStored(t, store, size, ref)
		loaded, err := LoadTree(t.Context(), store, size)
		if err != nil || loaded.Root() != tree.Root() {
			t.Fatalf("size %d: loaded %v, %v", size, loaded, err)
		}
		if size == most {
			break
		}
		// Append to the loaded tree: it must be as good as the one it was saved from.
		next, changed := loaded.Append([]Hash{leafHash(int64(size))})
		store.write(changed)
		tree = next
		ref.add(int64(size))
	}
}

func TestAppendInAnySteps(t *testing.T) {
	b := big()
	rapid.Check(t, func(rt *rapid.T) {
		tree, store := new(Tree), make(memTiles)
		for range rapid.IntRange(1, 6).Draw(rt, "appends") {
			n := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(250, 260), rapid.Int64Range(0, 30_000)).Draw(rt, "leaves")
			next, changed := tree.Append(leafHashes(tree.Size(), tree.Size()+Size(n)))
			for i, c := range changed {
				if i > 0 && changed[i-1].Compare(c.TileID) >= 0 {
					rt.Fatalf("tiles out of order or twice: %v, %v", changed[i-1].TileID, c.TileID)
				}
				if bytes.Equal(store[c.TileID], c.Data) {
					rt.Fatalf("%v is given although it has not changed", c.TileID)
				}
				if !bytes.HasPrefix(c.Data, store[c.TileID]) {
					rt.Fatalf("%v does not grow but changes", c.TileID)
				}
			}
			store.write(changed)
			tree = next
		}
		checkStored(t, store, tree.Size(), b.ref)
		if tree.Root() != b.ref.root(t, tree.Size()) {
			rt.Fatalf("size %d: wrong root", tree.Size())
		}
	})
}

// TestAppendLeavesTheOldTree is the failed transaction: what Append gave is
// dropped, and the old tree appends something else as if nothing had been.
func TestAppendLeavesTheOldTree(t *testing.T) {
	b := big()
	for _, size := range []Size{0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000} {
		old := must(LoadTree(t.Context(), b.tiles, 0))
		store := make(memTiles)
		old, changed := old.Append(leafHashes(0, size))
		store.write(changed)
		before, root := maps.Clone(store), old.Root()
		lost := make([]Hash, 600)
		for i := range lost {
			lost[i] = leafHash(int64(-1 - i))
		}
		if next, _ := old.Append(lost); next.Root() == root {
			t.Fatalf("size %d: the append changed nothing", size)
		}
		if old.Size() != size || old.Root() != root {
			t.Fatalf("size %d: the lost append changed the tree", size)
		}
		for id, data := range before {
			if !bytes.Equal(store[id], data) {
				t.Fatalf("size %d: the lost append changed tile %v", size, id)
			}
		}
		next, changed := old.Append(leafHashes(size, size+600))
		store.write(changed)
		checkStored(t, store, size+600, b.ref)
		if next.Root() != b.ref.root(t, size+600) {
			t.Fatalf("size %d: wrong root after the second append", size)
		}
	}
}

func TestAppendNothing(t *testing.T) {
	tree, _ := grow(300, 300)
	next, changed := tree.Append(nil)
	if len(changed) != 0 || next.Size() != 300 || next.Root() != tree.Root() {
		t.Errorf("appending nothing gave %d tiles and size %d", len(changed), next.Size())
	}
}

// TestEdgeWithRoom: the tiles given to NewTree may have room behind them; an
// append writes nothing there.
func TestEdgeWithRoom(t *testing.T) {
	const size = 300
	_, store := grow(size, size)
	var edge []Tile
	for _, id := range EdgeTiles(size) {
		edge = append(edge, Tile{id, append(make([]byte, 0, TileBytes), store[id]...)})
	}
	tree := must(NewTree(size, edge))
	lost, _ := tree.Append([]Hash{{1}})
	kept, changed := tree.Append(leafHashes(size, size+1))
	_, again := tree.Append([]Hash{{2}})
	if lost.Root() == kept.Root() || bytes.Equal(changed[0].Data, again[0].Data) {
		t.Error("two appends to one tree are one")
	}
	if last := leafHash(size); !bytes.HasSuffix(changed[0].Data, last[:]) {
		t.Error("a later append has changed the tile of an earlier one")
	}
}

func TestNewTreeRefused(t *testing.T) {
	const size = 65_536 + 256 + 7
	tree, store := grow(size, 1000)
	edge := func() (tiles []Tile) {
		for _, id := range EdgeTiles(size) {
			tiles = append(tiles, Tile{id, store[id]})
		}
		return tiles
	}
	if got, err := NewTree(size, edge()); err != nil || got.Root() != tree.Root() {
		t.Fatalf("the good edge: %v", err)
	}
	if len(edge()) != 3 {
		t.Fatalf("the edge has %d tiles", len(edge()))
	}
	for name, c := range map[string]struct {
		size  Size
		spoil func([]Tile) []Tile
	}{
		"missing":         {size, func(e []Tile) []Tile { return e[1:] }},
		"of a later size": {size - 1, func(e []Tile) []Tile { return e }},
		"of an old size":  {size + 1, func(e []Tile) []Tile { return e }},
		"odd bytes":       {size, func(e []Tile) []Tile { e[0].Data = e[0].Data[:len(e[0].Data)-1]; return e }},
		"a full tile":     {size, func(e []Tile) []Tile { return append(e, Tile{TileID{0, 0}, store[TileID{0, 0}]}) }},
		"empty":           {size, func(e []Tile) []Tile { e[0].Data = nil; return e }},
		"negative size":   {-1, func(e []Tile) []Tile { return nil }},
		"too large":       {MaxSize + 1, func(e []Tile) []Tile { return nil }},
	} {
		_, err := NewTree(c.size, c.spoil(edge()))
		var tile *TileError
		if !errors.As(err, &tile) && !errors.Is(err, ErrOutOfRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadTreeRefused(t *testing.T) {
	const size = 3*65_536 + 300
	_, store := grow(size, 5000)
	errRead := errors.New("disk on fire")
	for name, spoil := range map[string]func(memTiles){
		"edge tile missing":     func(m memTiles) { delete(m, TileID{0, size / 256}) },
		"upper edge missing":    func(m memTiles) { delete(m, TileID{2, 0}) },
		"last full missing":     func(m memTiles) { delete(m, TileID{0, size/256 - 1}) },
		"last full flipped":     func(m memTiles) { flip(m, TileID{0, size/256 - 1}, 77) },
		"last full of level 1":  func(m memTiles) { flip(m, TileID{1, 2}, 8191*8) },
		"entry for it flipped":  func(m memTiles) { flip(m, TileID{1, size / 65_536}, 3) },
		"entry above it":        func(m memTiles) { flip(m, TileID{2, 0}, 2*256+1) },
		"edge tile of one more": func(m memTiles) { m[TileID{0, size / 256}] = append(m[TileID{0, size / 256}], make([]byte, 32)...) },
		"full tile too long":    func(m memTiles) { m[TileID{1, 2}] = make([]byte, TileBytes+32) },
	} {
		bad := maps.Clone(store)
		spoil(bad)
		_, err := LoadTree(t.Context(), bad, size)
		if tile := (*TileError)(nil); !errors.As(err, &tile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadTree(t.Context(), failing{errRead}, size); !errors.Is(err, errRead) {
		t.Errorf("failing read: %v", err)
	}
	if _, err := LoadTree(t.Context(), store, -1); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("negative size: %v", err)
	}
}

// flip flips one bit of a tile in a copy of its bytes.
func flip(m memTiles, id TileID, bit int) {
	data := bytes.Clone(m[id])
	data[bit/8] ^= 1 << (bit % 8)
	m[id] = data
}

type failing struct{ err error }

func (f failing) ReadTile(context.Context, int64, int64) ([]byte, error) { return nil, f.err }

func TestAppendBeyondMaxSize(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a full tree took another leaf")
		}
	}()
	tree := &Tree{size: MaxSize}
	tree.Append(make([]Hash, 1))
}

func TestWidthsAndPaths(t *testing.T) {
	// The example of the C2SP tlog-tiles text: 70,000 leaves.
	for _, c := range []struct {
		id    TileID
		width int
	}{
		{TileID{0, 0}, 256}, {TileID{0, 272}, 256}, {TileID{0, 273}, 112}, {TileID{0, 274}, 0},
		{TileID{1, 0}, 256}, {TileID{1, 1}, 17}, {TileID{1, 2}, 0}, {TileID{2, 0}, 1}, {TileID{3, 0}, 0},
		{TileID{-1, 0}, 0}, {TileID{0, -1}, 0}, {TileID{7, 0}, 0}, {TileID{99, 0}, 0},
	} {
		if w := c.id.Width(70_000); w != c.width {
			t.Errorf("tile %v of 70,000 leaves has width %d, want %d", c.id, w, c.width)
		}
	}
	for _, c := range []struct {
		id    TileID
		width int
		path  string
	}{
		{TileID{0, 0}, 256, "tile/0/000"},
		{TileID{0, 1234}, 256, "tile/0/x001/234"},
		{TileID{1, 1234067}, 1, "tile/1/x001/x234/067.p/1"},
		{TileID{0, 273}, 112, "tile/0/273.p/112"},
		{TileID{0, 1<<48 - 1}, 255, "tile/0/x281/x474/x976/x710/655.p/255"},
		{TileID{6, 0}, 255, "tile/6/000.p/255"},
	} {
		if got := c.id.Path(c.width); got != c.path {
			t.Errorf("path %s, want %s", got, c.path)
		}
		if id, w, err := ParseTilePath(c.path); err != nil || id != c.id || w != c.width {
			t.Errorf("%s parsed as %v %d, %v", c.path, id, w, err)
		}
		// x/mod's paths have the tile's height as one more element.
		x := tlog.Tile{H: TileHeight, L: int(c.id.Level), N: c.id.N, W: c.width}
		if want := strings.Replace(x.Path(), "tile/8/", "tile/", 1); want != c.path {
			t.Errorf("x/mod has %s for %s", want, c.path)
		}
	}
	if got := EntriesPath(1234, 7); got != "tile/entries/x001/234.p/7" {
		t.Errorf("entries path %s", got)
	}
	for _, n := range []int64{0, 999, 1000, 1234067, 1<<48 - 1} {
		for _, width := range []int{1, 255, 256} {
			if got, w, err := ParseEntriesPath(EntriesPath(n, width)); err != nil || got != n || w != width {
				t.Errorf("%s parsed as %d %d, %v", EntriesPath(n, width), got, w, err)
			}
		}
	}
	for _, p := range badPaths {
		bad := strings.Replace(p, "tile/0/", "tile/entries/", 1)
		if n, w, err := ParseEntriesPath(bad); !errors.Is(err, ErrTilePath) && p != "tile/entries/000" {
			t.Errorf("%q: %d %d, %v", bad, n, w, err)
		}
	}
}

var badPaths = []string{
	"", "tile", "tile/", "tile/0", "tile/0/", "tile/7/000", "tile/00/000", "tile/-1/000", "tile/0/0", "tile/0/00", "tile/0/0000",
	"tile/0/x000/001", "tile/0/001/002", "tile/0/x001", "tile/0/x001/x002", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01",
	"tile/0/000.p/+1", "tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/1/2", "tile/0/000/", "/tile/0/000", "tile/0/000 ", "tile/0/ 00",
	"tile/0/-01", "tile/0/+01", "tile/0/1e2", "tile/entries/000", "tile/data/000", "tile/8/0/000", "tile/6/256", "tile/6/001",
	"tile/0/x281/x474/x976/x710/656", "tile/0/x999/x999/x999/x999/x999/999", "tile/0/" + strings.Repeat("x001/", 1000) + "001",
	"tile/0/000.p/1.p/1", "tile/0/xx01/001", "Tile/0/000",
}

func TestTilePathRefused(t *testing.T) {
	for _, p := range badPaths {
		if id, w, err := ParseTilePath(p); !errors.Is(err, ErrTilePath) {
			t.Errorf("%q: %v %d, %v", p, id, w, err)
		}
	}
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/1/x001/x234/067.p/1")
	f.Add("tile/0/000")
	for _, p := range badPaths {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		id, w, err := ParseTilePath(p)
		if err != nil {
			if !errors.Is(err, ErrTilePath) {
				t.Fatal(err)
			}
			return
		}
		if back := id.Path(w); back != p || id.Width(MaxSize) == 0 {
			t.Fatalf("%q came back as %q", p, back)
		}
		if x, err := tlog.ParseTilePath(strings.Replace(p, "tile/", "tile/8/", 1)); err != nil ||
			x != (tlog.Tile{H: 8, L: int(id.Level), N: id.N, W: w}) {
			t.Fatalf("x/mod reads %q as %v, %v", p, x, err)
		}
	})
}
