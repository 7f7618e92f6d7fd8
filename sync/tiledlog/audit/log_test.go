package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/sync/ledger"
	"fieldseal/sync/tiledlog"
	"fieldseal/sync/tiledlog/audit"
)

// memory is a published log in memory.
type memory map[string][]byte

func (m memory) Get(_ context.Context, path string, most int) ([]byte, error) {
	data, ok := m[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if len(data) > most {
		return nil, &audit.TooLongError{Path: path, Most: most}
	}
	return data, nil
}

func (m memory) with(path string, data []byte) memory {
	c := maps.Clone(m)
	if c[path] = data; data == nil {
		delete(c, path)
	}
	return c
}

// log is a log that was built with package ledger and published by tiledlog, without an engine.
type log struct {
	t      testing.TB
	key    *ledger.Key
	tree   *ledger.Tree
	tiles  map[ledger.TileID][]byte
	leaves []ledger.Leaf
}

func newLog(t testing.TB) *log {
	key, err := ledger.NewKey("ledger.test/agency", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &log{t, key, new(ledger.Tree), map[ledger.TileID][]byte{}, nil}
}

func (l *log) grow(size int) *log {
	var hashes []ledger.Hash
	for len(l.leaves) < size {
		sum := sha256.Sum256(fmt.Append(nil, "entry ", len(l.leaves)))
		leaf := ledger.Leaf{Kind: ledger.KindEvent, Event: sum, Signature: sum, Key: ledger.KeyID{9}, Received: ledger.Micros(1e15 + len(l.leaves))}
		h, err := leaf.Hash()
		if err != nil {
			l.t.Fatal(err)
		}
		l.leaves, hashes = append(l.leaves, leaf), append(hashes, h)
	}
	next, changed := l.tree.Append(hashes)
	l.tree = next
	for _, tile := range changed {
		l.tiles[tile.TileID] = tile.Data
	}
	return l
}

func (l *log) Tile(_ context.Context, id ledger.TileID, width int) ([]byte, error) {
	return l.tiles[id][:width*ledger.HashSize], nil
}

func (l *log) Entries(_ context.Context, n int64, width int) (bundle []byte, err error) {
	for _, leaf := range l.leaves[n*256 : n*256+int64(width)] {
		text, err := leaf.Marshal()
		if err != nil {
			return nil, err
		}
		if bundle, err = ledger.AppendEntry(bundle, text); err != nil {
			return nil, err
		}
	}
	return bundle, nil
}

func (l *log) ReadTile(_ context.Context, level, n int64) ([]byte, error) {
	return l.tiles[ledger.TileID{Level: level, N: n}], nil
}

func (l *log) RootAt(ctx context.Context, size int64) (ledger.Hash, error) {
	return ledger.RootAt(ctx, l, ledger.Size(size))
}

func (l *log) sign() *ledger.SignedCheckpoint {
	signed, err := ledger.Sign(ledger.Checkpoint{Origin: l.key.Name(), Size: l.tree.Size(), Root: l.tree.Root()}, l.key)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

func (l *log) export(dir string) {
	l.t.Helper()
	if _, err := tiledlog.Export(context.Background(), l, dir, tiledlog.Options{Checkpoint: l.sign(), LogKey: l.key.Verifier()}); err != nil {
		l.t.Fatal(err)
	}
}

// published is the log as a checker finds it.
func (l *log) published() memory {
	l.t.Helper()
	dir := l.t.TempDir()
	l.export(dir)
	m := memory{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		m[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

func (l *log) check(from audit.Source, change ...func(*audit.Options)) *audit.Report {
	l.t.Helper()
	o := audit.Options{Key: l.key.VerifierText()}
	for _, c := range change {
		c(&o)
	}
	r, err := audit.Check(context.Background(), from, o)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

func (l *log) good(from audit.Source, tiles int64, change ...func(*audit.Options)) *audit.Report {
	l.t.Helper()
	r := l.check(from, change...)
	if size := int64(l.tree.Size()); !r.OK() || r.Size != size || r.Entries != size || r.Tiles != tiles || r.Unchecked > 0 || r.Origin != l.key.Name() || r.Root != l.tree.Root().String() {
		l.t.Fatalf("%+v", r)
	}
	return r
}

// of is the log in another test.
func (l *log) of(t testing.TB) *log {
	c := *l
	c.t = t
	return &c
}
