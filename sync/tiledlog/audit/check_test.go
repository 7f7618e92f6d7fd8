package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/tiledlog/audit"
	"fieldseal/sync/witness"

	"golang.org/x/mod/sumdb/note"
)

func TestGoodLogsOfEverySize(t *testing.T) {
	l := newLog(t)
	for _, size := range []int{1, 2, 3, 20, 255, 256, 257, 511, 512, 513, 3000} {
		tiles := int64((size+255)/256 + (size/256+255)/256)
		r := l.grow(size).good(l.published(), tiles)
		if r.Signatures != 1 || r.Unknown != 0 || r.EarlierSize != -1 {
			t.Errorf("%+v", r)
		}
	}
	l.grow(65536)
	l.good(l.published(), 256+1+1)
	l.grow(65537 + 256)
	l.good(l.published(), 258+2+1)
}

// Every flip of a bit in every file of a log is found, and every file that is cut, longer or gone.
func TestEveryFlippedBitIsFound(t *testing.T) {
	l := newLog(t).grow(21)
	m := l.published()
	if len(m) != 3 {
		t.Fatal(len(m))
	}
	flips := 0
	for path, data := range m {
		for i := range data {
			for bit := range 8 {
				changed := bytes.Clone(data)
				changed[i] ^= 1 << bit
				if r := l.check(m.with(path, changed)); r.OK() {
					t.Errorf("bit %d of byte %d of %s was flipped, and all is well: %+v", bit, i, path, r)
				}
				flips++
			}
		}
		for name, changed := range map[string][]byte{"gone": nil, "empty": {}, "a byte less": data[:len(data)-1], "a byte more": append(bytes.Clone(data), 0), "twice": append(bytes.Clone(data), data...)} {
			if r := l.check(m.with(path, changed)); r.OK() || r.Faults[0].Path != path && path != "tile/0/000.p/21" {
				t.Errorf("%s %s: %+v", path, name, r)
			}
		}
	}
	t.Logf("%d flips", flips)
}

// In a log with three levels of tiles every wrong file is named.
func TestEveryWrongFileIsNamed(t *testing.T) {
	l := newLog(t).grow(70_000)
	m := l.published()
	l.good(m, 274+2+1)
	edge := []string{"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}
	wrong := memory{}
	for path, data := range m {
		changed := bytes.Clone(data)
		changed[sha256.Sum256([]byte(path))[0]%32] ^= 0x10 // not always the same byte; every one is tried above
		wrong[path] = changed
	}
	for _, kind := range []string{"tile/entries/", "tile/0/"} { // all of a kind at once
		all := maps.Clone(m)
		want := map[string]bool{}
		for path := range m {
			if strings.HasPrefix(path, kind) && !slices.Contains(edge, path) {
				all[path], want[path] = wrong[path], true
			}
		}
		r := l.check(all, func(o *audit.Options) { o.Faults = 1000 })
		for _, f := range r.Faults {
			if !want[f.Path] {
				t.Errorf("%v was not changed, or is named twice", f)
			}
			delete(want, f.Path)
		}
		if len(want) > 0 {
			t.Errorf("%s: not named: %d, among them %.200v", kind, len(want), slices.Sorted(maps.Keys(want)))
		}
	}
	for _, path := range append(edge, "tile/1/000", "checkpoint") {
		r := l.check(m.with(path, wrong[path]))
		if r.OK() || len(r.Faults) != 1 || !strings.Contains(r.Faults[0].Error(), path) {
			t.Errorf("%s is wrong: %+v", path, r)
		}
		if r := l.check(m.with(path, nil)); r.OK() || r.Faults[0].Path != path {
			t.Errorf("%s is missing: %+v", path, r)
		}
	}
	if r := l.check(m.with("tile/1/000", wrong["tile/1/000"])); r.Unchecked != 2*256 {
		t.Errorf("%d files under a wrong tile", r.Unchecked)
	}
	if r := l.check(memory{"checkpoint": m["checkpoint"], "tile/0/273.p/112": m["tile/0/273.p/112"], "tile/1/001.p/17": m["tile/1/001.p/17"], "tile/2/000.p/1": m["tile/2/000.p/1"]}); r.OK() || len(r.Faults) > 100 {
		t.Errorf("with almost everything missing: %d faults", len(r.Faults))
	}
	other := newLog(t).grow(3).published() // whose every tile is right in itself
	if r := l.check(m.with("tile/entries/000", other["tile/entries/000.p/3"])); r.OK() {
		t.Error("a bundle of three entries passed for one of 256")
	}
}

func TestConsistencyWithAnEarlierCheckpoint(t *testing.T) {
	for _, sizes := range [][2]int{{1, 1}, {1, 700}, {255, 256}, {256, 256}, {256, 700}, {300, 700}, {699, 700}, {700, 66_000}} {
		l := newLog(t).grow(sizes[0])
		old := l.sign().Note()
		m := l.grow(sizes[1]).published()
		if r := l.check(m, func(o *audit.Options) { o.Earlier = old }); !r.OK() || r.EarlierSize != int64(sizes[0]) {
			t.Errorf("%v: %+v", sizes, r)
		}
		// Another history that the same key signed.
		other := newLog(t)
		other.leaves = []ledger.Leaf{{Kind: ledger.KindQuarantine, Event: ledger.EventID{1}, Received: 1}}
		h, _ := other.leaves[0].Hash()
		other.tree, _ = other.tree.Append([]ledger.Hash{h})
		other.grow(sizes[0])
		r := l.check(m, func(o *audit.Options) { o.Earlier = other.sign().Note() })
		if r.OK() || r.EarlierSize != -1 || !strings.Contains(r.Faults[0].Reason, "rewritten") {
			t.Errorf("%v after another history: %+v", sizes, r)
		}
		bigger := newLog(t).grow(sizes[1] + 1)
		if r := l.check(m, func(o *audit.Options) { o.Earlier = bigger.sign().Note() }); r.OK() || !strings.Contains(r.Faults[0].Reason, "taken away") {
			t.Errorf("%v after a larger one: %+v", sizes, r)
		}
	}
	l := newLog(t).grow(5)
	for name, earlier := range map[string][]byte{"empty": {}, "no note": []byte("text"), "flipped": flipped(l.sign().Note(), 40)} {
		if _, err := audit.Check(t.Context(), l.published(), audit.Options{Key: l.key.VerifierText(), Earlier: earlier}); err == nil || !strings.Contains(err.Error(), "earlier checkpoint") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func flipped(data []byte, at int) []byte {
	c := bytes.Clone(data)
	c[at] ^= 1
	return c
}

// With the keys of the witnesses, each must have cosigned, and no bit of a cosignature may be another.
func TestCosignatures(t *testing.T) {
	l := newLog(t).grow(5)
	m, signed := l.published(), l.sign()
	var vkeys []string
	for _, name := range []string{"police.test/w", "court.test/w"} {
		k, err := witness.GenerateKey(name)
		if err != nil {
			t.Fatal(err)
		}
		vkeys = append(vkeys, k.Text())
		signed = cosign(t, signed, k)
	}
	m = m.with("checkpoint", signed.Note())
	both := func(o *audit.Options) { o.Witnesses = vkeys }
	if r := l.good(m, 1, both); r.Signatures != 3 || r.Unknown != 0 {
		t.Errorf("%+v", r)
	}
	if r := l.good(m, 1); r.Signatures != 1 || r.Unknown != 2 {
		t.Errorf("without their keys: %+v", r)
	}
	for i := range signed.Note() {
		if r := l.check(m.with("checkpoint", flipped(signed.Note(), i)), both); r.OK() {
			t.Errorf("byte %d of the cosigned checkpoint is another, and all is well", i)
		}
	}
	lines := bytes.SplitAfter(signed.Note(), []byte("\n"))
	for name, text := range map[string][]byte{
		"one is missing":     bytes.Join(lines[:len(lines)-2], nil),
		"one is there twice": append(signed.Note(), lines[len(lines)-2]...),
		"a carriage return":  bytes.Replace(signed.Note(), []byte("=\n"), []byte("=\r\n"), 1),
	} {
		if r := l.check(m.with("checkpoint", text), both); r.OK() {
			t.Errorf("%s, and all is well", name)
		}
	}
	stranger, err := ledger.GenerateKey(l.key.Name())
	if err != nil {
		t.Fatal(err)
	}
	if r := l.check(m, func(o *audit.Options) { o.Key = stranger.VerifierText() }); r.OK() || r.Size != 0 {
		t.Errorf("under another key of the same name: %+v", r)
	}
	for _, bad := range []audit.Options{{}, {Key: "x"}, {Key: vkeys[0]}, {Key: l.key.VerifierText(), Witnesses: []string{l.key.VerifierText()}},
		{Key: l.key.VerifierText(), Witnesses: []string{strings.Replace(vkeys[0], "police", "court", 1)}}} {
		if _, err := audit.Check(t.Context(), m, bad); !errors.Is(err, audit.ErrKey) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func cosign(t *testing.T, c *ledger.SignedCheckpoint, k *witness.Key) *ledger.SignedCheckpoint {
	t.Helper()
	sig, err := k.Cosign(c.Checkpoint, time.Unix(1_796_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	next, err := c.WithSignature(sig, k.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// The narrower tiles of earlier checkpoints are checked too; what belongs to no
// tree of the stated size is named, and nothing is said of it.
func TestDirectory(t *testing.T) {
	l := newLog(t).grow(300)
	dir := t.TempDir()
	l.export(dir)
	l.grow(310).export(dir)
	open := func() *audit.Report {
		t.Helper()
		d, err := audit.OpenDirectory(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		return l.check(d)
	}
	if r := open(); !r.OK() || r.Entries != 310 || len(r.Strays) != 0 {
		t.Fatalf("%+v", r)
	}
	for _, path := range []string{"tile/0/001.p/44", "tile/entries/001.p/44", "tile/0/001.p/54", "tile/entries/000", "checkpoint"} {
		name := filepath.Join(dir, path)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(data); i += 97 {
			if err := os.WriteFile(name, flipped(data, i), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := open(); r.OK() || !strings.Contains(r.Faults[0].Error(), path) {
				t.Errorf("byte %d of %s is another: %+v", i, path, r)
			}
		}
		if err := os.WriteFile(name, data[:len(data)-1], 0o600); err != nil {
			t.Fatal(err)
		}
		if r := open(); r.OK() {
			t.Errorf("%s is a byte shorter: %+v", path, r)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	strays := []string{"tile/0/001", "tile/0/001.p/55", "tile/0/002.p/1", "tile/9/000.p/1", "tile/entries/x001/000", "tile/notes.txt", "tile/x/000"}
	for _, path := range strays {
		name := filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if r := open(); !r.OK() || !slices.Equal(r.Strays, strays) {
		t.Errorf("%+v", r)
	}
	// A link to another place is not followed.
	if err := errors.Join(os.Remove(filepath.Join(dir, "checkpoint")), os.Symlink("/etc/hostname", filepath.Join(dir, "checkpoint"))); err != nil {
		t.Fatal(err)
	}
	d, err := audit.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if r, err := audit.Check(t.Context(), d, audit.Options{Key: l.key.VerifierText()}); err == nil && r.OK() {
		t.Errorf("%+v", r)
	}
}

// broken fails with what is not the log's fault.
type broken struct {
	memory
	at   string
	once sync.Once
	end  func()
}

var errBroken = errors.New("the disk cannot be read")

func (b *broken) Get(ctx context.Context, path string, most int) ([]byte, error) {
	if path != b.at {
		return b.memory.Get(ctx, path, most)
	}
	if b.end == nil {
		return nil, errBroken
	}
	b.once.Do(b.end)
	return nil, ctx.Err()
}

// What could not be read is an error and no finding, and says nothing about the log.
func TestWhatCannotBeReadIsNoFinding(t *testing.T) {
	l := newLog(t).grow(600)
	m := l.published()
	for path := range m {
		if _, err := audit.Check(t.Context(), &broken{memory: m, at: path}, audit.Options{Key: l.key.VerifierText()}); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", path, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := audit.Check(ctx, &broken{memory: m, at: path, end: cancel}, audit.Options{Key: l.key.VerifierText()}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", path, err)
		}
		cancel()
	}
}

func TestProgressReachesItsEnd(t *testing.T) {
	l := newLog(t).grow(70_000)
	var last, total int64
	l.good(l.published(), 277, func(o *audit.Options) {
		o.Progress = func(_ string, done, all int64) {
			if done != last+1 {
				t.Errorf("%d after %d", done, last)
			}
			last, total = done, all
		}
	})
	if last != total || total != 277+274 {
		t.Errorf("%d of %d", last, total)
	}
}

// An empty log has a root too, and no other.
func TestEmptyLog(t *testing.T) {
	l := newLog(t)
	text := l.sign().Note()
	if r := l.check(memory{"checkpoint": text}); !r.OK() || r.Size != 0 {
		t.Errorf("%+v", r)
	}
	body := l.key.Name() + "\n0\n" + ledger.Hash{1}.String() + "\n"
	wrong, err := note.Sign(&note.Note{Text: body}, l.key)
	if err != nil {
		t.Fatal(err)
	}
	if r := l.check(memory{"checkpoint": wrong}); r.OK() {
		t.Errorf("%+v", r)
	}
}

// What a log may not state even under its own signature.
func TestCheckpointsThatAreSignedAndWrong(t *testing.T) {
	l := newLog(t).grow(5)
	m, root := l.published(), l.tree.Root().String()
	for name, body := range map[string]string{
		"another origin": "other.test/log\n5\n" + root + "\n", "a leading zero": l.key.Name() + "\n05\n" + root + "\n", "a sign": l.key.Name() + "\n+5\n" + root + "\n",
		"a negative size": l.key.Name() + "\n-5\n" + root + "\n", "a size beyond all": l.key.Name() + "\n9223372036854775807\n" + root + "\n", "no root": l.key.Name() + "\n5\n",
		"a short root": l.key.Name() + "\n5\n" + root[:40] + "\n", "stray bits": l.key.Name() + "\n5\n" + root[:42] + string(root[42]+1) + "=\n", "another size": l.key.Name() + "\n4\n" + root + "\n",
	} {
		text, err := note.Sign(&note.Note{Text: body}, l.key)
		if err != nil {
			t.Fatal(err)
		}
		if r := l.check(m.with("checkpoint", text)); r.OK() {
			t.Errorf("%s: %+v", name, r)
		}
	}
	extended, err := note.Sign(&note.Note{Text: l.key.Name() + "\n5\n" + root + "\nan extension\n"}, l.key)
	if err != nil {
		t.Fatal(err)
	}
	l.good(m.with("checkpoint", extended), 1)
}

func FuzzCheckpoint(f *testing.F) {
	l := newLog(f).grow(5)
	m, text := l.published(), l.sign().Note()
	f.Add(text)
	f.Add(bytes.Replace(text, []byte("\n5\n"), []byte("\n6\n"), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r := l.of(t).check(m.with("checkpoint", data)); r.OK() && !bytes.Equal(data, text) && r.Unknown == 0 {
			t.Errorf("%q passed for %q", data, text)
		}
	})
}

func FuzzBundle(f *testing.F) {
	l := newLog(f).grow(5)
	m := l.published()
	bundle := m["tile/entries/000.p/5"]
	f.Add(bundle)
	f.Add(bundle[:108])
	f.Fuzz(func(t *testing.T, data []byte) {
		if r := l.of(t).check(m.with("tile/entries/000.p/5", data)); r.OK() != bytes.Equal(data, bundle) {
			t.Errorf("%x: %+v", data, r)
		}
	})
}
