package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"
)

// testLog is a log of real leaves with a signed checkpoint.
type testLog struct {
	leaves []Leaf
	tiles  memTiles
	cp     *SignedCheckpoint
	key    *Key
}

func newTestLog(t testing.TB, size int) *testLog {
	l := &testLog{tiles: make(memTiles), key: testKey(t, testOrigin)}
	hashes := make([]Hash, size)
	for i := range hashes {
		leaf := exampleLeaf()
		leaf.Received += Micros(i)
		l.leaves = append(l.leaves, leaf)
		hashes[i] = must(leaf.Hash())
	}
	tree, changed := new(Tree).Append(hashes)
	l.tiles.write(changed)
	l.cp = must(Sign(Checkpoint{testOrigin, tree.Size(), tree.Root()}, l.key))
	return l
}

func (l *testLog) proof(index Index) *Proof {
	hashes := must(InclusionProof(testContext, l.tiles, index, l.cp.Size))
	return must(NewProof(l.leaves[index], index, hashes, l.cp))
}

func TestProofRoundTrip(t *testing.T) {
	for _, size := range []int{1, 2, 3, 256, 700} {
		l := newTestLog(t, size)
		for _, i := range []Index{0, Index(size / 2), Index(size - 1)} {
			text := l.proof(i).Marshal()
			p, err := ParseProof(text)
			if err != nil || !bytes.Equal(p.Marshal(), text) {
				t.Fatalf("entry %d of %d: %v", i, size, err)
			}
			leaf, cp, err := p.VerifyLeaf(l.key.Verifier())
			if err != nil || leaf != l.leaves[i] || cp.Checkpoint != l.cp.Checkpoint {
				t.Fatalf("entry %d of %d: %v", i, size, err)
			}
			if _, err := p.Verify(must(leaf.Hash()), l.key.Verifier()); err != nil {
				t.Fatal(err)
			}
			var stranger proof.TLogProof
			if err := stranger.Unmarshal(text); err != nil || stranger.Index != uint64(i) || len(stranger.Hashes) != len(p.Hashes) {
				t.Fatalf("the format's own package reads it as %v, %v", stranger, err)
			}
		}
	}
}

func TestProofWithoutExtra(t *testing.T) {
	l := newTestLog(t, 300)
	p := l.proof(7)
	p.Extra = nil
	p = must(ParseProof(p.Marshal()))
	if p.Extra != nil {
		t.Errorf("extra data %x from nowhere", p.Extra)
	}
	if _, err := p.Verify(must(l.leaves[7].Hash()), l.key.Verifier()); err != nil {
		t.Error(err)
	}
	if _, _, err := p.VerifyLeaf(l.key.Verifier()); !errors.Is(err, ErrProofFile) {
		t.Errorf("VerifyLeaf without a leaf: %v", err)
	}
}

// TestProofBitFlips flips every bit of a proof file.
func TestProofBitFlips(t *testing.T) {
	l := newTestLog(t, 300)
	text := l.proof(77).Marshal()
	for bit := range len(text) * 8 {
		flipped := bytes.Clone(text)
		flipped[bit/8] ^= 1 << (bit % 8)
		p, err := ParseProof(flipped)
		if err != nil {
			continue
		}
		if _, _, err := p.VerifyLeaf(l.key.Verifier()); err == nil {
			t.Errorf("bit %d flipped and accepted: %q", bit, flipped)
		}
	}
	for n := range len(text) {
		if _, err := ParseProof(text[:n]); !errors.Is(err, ErrProofFile) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func badProofs(good string) map[string]string {
	lines := strings.SplitAfter(good, "\n") // header, extra, index, hashes…, empty, checkpoint
	at := func(i int, line string) string {
		l := slices.Clone(lines)
		l[i] = line
		return strings.Join(l, "")
	}
	h := strings.TrimSpace(lines[3])
	hashes := 0
	for lines[3+hashes] != "\n" {
		hashes++
	}
	return map[string]string{
		"empty":              "",
		"another version":    at(0, "c2sp.org/tlog-proof@v2\n"),
		"header with CR":     at(0, "c2sp.org/tlog-proof@v1\r\n"),
		"empty extra":        at(1, "extra \n"),
		"extra with CR":      at(1, strings.Replace(lines[1], "A", "A\r", 1)),
		"extra not base64":   at(1, "extra !!\n"),
		"extra too long":     at(1, "extra "+base64.StdEncoding.EncodeToString(make([]byte, MaxExtra+1))+"\n"),
		"extra twice":        at(1, lines[1]+lines[1]),
		"no index":           at(2, ""),
		"index 05":           at(2, "index 05\n"),
		"index +5":           at(2, "index +5\n"),
		"index -5":           at(2, "index -5\n"),
		"index with CR":      at(2, "index 5\r\n"),
		"index spaced":       at(2, "index  5\n"),
		"index too large":    at(2, "index 72057594037927935\n"),
		"index of 64 bits":   at(2, "index 18446744073709551615\n"),
		"index twice":        at(2, "index 77\nindex 77\n"),
		"hash with CR":       at(3, h+"\r\n"),
		"hash with inner CR": at(3, h[:9]+"\r"+h[9:]+"\n"),
		"hash short":         at(3, base64.StdEncoding.EncodeToString(make([]byte, 31))+"\n"),
		"hash with space":    at(3, " "+h+"\n"),
		"too many hashes":    at(3, strings.Repeat(lines[3], MaxProofHashes+1-hashes+1)),
		"no empty line":      at(3+hashes, ""),
		"two empty lines":    at(3+hashes, "\n\n"),
		"no checkpoint":      strings.Join(lines[:4+hashes], ""),
		"no last newline":    strings.TrimSuffix(good, "\n"),
		"a line after":       good + "\n",
		"extension":          at(6+hashes, lines[6+hashes]+"ext\n"),
		"size 0300":          at(5+hashes, "0300\n"),
		"CRLF":               strings.ReplaceAll(good, "\n", "\r\n"),
		"too long":           good + strings.Repeat("x", MaxProofBytes),
		"long line":          at(2, "index "+strings.Repeat("1", 70<<10)+"\n"),
	}
}

func TestProofRefused(t *testing.T) {
	l := newTestLog(t, 300)
	for name, text := range badProofs(string(l.proof(77).Marshal())) {
		if p, err := ParseProof([]byte(text)); p != nil || !errors.Is(err, ErrProofFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProofIsForItsEntry(t *testing.T) {
	l := newTestLog(t, 300)
	p := l.proof(77)
	v := l.key.Verifier()
	if _, err := p.Verify(must(l.leaves[78].Hash()), v); !errors.Is(err, ErrProof) {
		t.Errorf("another leaf: %v", err)
	}
	moved := *p
	moved.Index = 78
	if _, _, err := moved.VerifyLeaf(v); !errors.Is(err, ErrProof) {
		t.Errorf("another index: %v", err)
	}
	moved.Index = 300
	if _, _, err := moved.VerifyLeaf(v); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("an index beyond the tree: %v", err)
	}
	other := newTestLog(t, 301)
	moved = *p
	moved.Note = other.cp.Note()
	if _, _, err := moved.VerifyLeaf(v); !errors.Is(err, ErrProof) {
		t.Errorf("another checkpoint: %v", err)
	}
	if _, _, err := p.VerifyLeaf(testKey(t, "ledger.example/b").Verifier()); !errors.Is(err, ErrUnsigned) {
		t.Errorf("another key: %v", err)
	}
	w := newWitness("police.example/w", 1)
	p.Note = w.cosign(l.cp).Note()
	_, cp, err := must(ParseProof(p.Marshal())).VerifyLeaf([]note.Verifier{v, w}...)
	if err != nil || len(cp.Verified()) != 2 {
		t.Errorf("cosigned: %v", err)
	}
	if _, err := NewProof(l.leaves[3], 4, p.Hashes, l.cp); !errors.Is(err, ErrProof) {
		t.Errorf("NewProof of another entry: %v", err)
	}
	if _, err := NewProof(Leaf{}, 4, p.Hashes, l.cp); !errors.Is(err, ErrLeaf) {
		t.Errorf("NewProof of no leaf: %v", err)
	}
}

func FuzzParseProof(f *testing.F) {
	l := newTestLog(f, 300)
	good := l.proof(77).Marshal()
	f.Add(good)
	for _, bad := range badProofs(string(good)) {
		if len(bad) < 10_000 {
			f.Add([]byte(bad))
		}
	}
	leaf := must(l.leaves[77].Hash())
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParseProof(text)
		if err != nil {
			if !errors.Is(err, ErrProofFile) {
				t.Fatal(err)
			}
			return
		}
		if back := p.Marshal(); !bytes.Equal(back, text) {
			t.Fatalf("%q came back as %q", text, back)
		}
		if _, err := p.Verify(leaf, l.key.Verifier()); err == nil && (p.Index != 77 || !bytes.HasPrefix(p.Note, []byte(l.cp.Text()))) {
			t.Fatalf("a forgery: %q", text)
		}
	})
}

func TestConsistencyFile(t *testing.T) {
	b := big()
	rapid.Check(t, func(t *rapid.T) {
		new := Size(rapid.Int64Range(0, bigSize).Draw(t, "new"))
		old := Size(rapid.Int64Range(0, int64(new)).Draw(t, "old"))
		c := must(ProveConsistency(testContext, b.tiles, old, new))
		back, err := ParseConsistency(c.Marshal())
		if err != nil || back.Old != old || back.New != new || !slices.Equal(back.Hashes, c.Hashes) {
			t.Fatalf("%q came back as %v, %v", c.Marshal(), back, err)
		}
		if err := back.Verify(at(t, old), at(t, new)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestConsistencyBitFlips(t *testing.T) {
	b := big()
	for _, c := range [][2]Size{{1000, 70_001}, {256, 256}, {0, 5}} {
		text := must(ProveConsistency(testContext, b.tiles, c[0], c[1])).Marshal()
		for bit := range len(text) * 8 {
			flipped := bytes.Clone(text)
			flipped[bit/8] ^= 1 << (bit % 8)
			if p, err := ParseConsistency(flipped); err == nil && p.Verify(at(t, c[0]), at(t, c[1])) == nil {
				t.Errorf("bit %d flipped and accepted: %q", bit, flipped[:min(len(flipped), 60)])
			}
		}
	}
}

// at is the checkpoint that the big log had at a size.
func at(t tester, size Size) Checkpoint {
	return Checkpoint{testOrigin, size, big().ref.root(t, size)}
}

func TestConsistencyIsForItsCheckpoints(t *testing.T) {
	old, new := at(t, 1000), at(t, 70_001)
	c := must(ProveConsistency(testContext, big().tiles, 1000, 70_001))
	if err := c.Verify(old, new); err != nil {
		t.Fatal(err)
	}
	// The same hashes lead to the same roots for another size of the same shape.
	if err := VerifyConsistency(1000, old.Root, 71_001, new.Root, c.Hashes); err != nil {
		t.Fatalf("the reason for Verify to take checkpoints is gone: %v", err)
	}
	for name, pair := range map[string][2]Checkpoint{
		"another size":     {old, {testOrigin, 71_001, new.Root}},
		"another old size": {{testOrigin, 1001, old.Root}, new},
		"another log":      {{"ledger.example/b", 1000, old.Root}, new},
		"another root":     {old, {testOrigin, 70_001, old.Root}},
		"another old root": {{testOrigin, 1000, new.Root}, new},
		"swapped":          {new, old},
	} {
		if err := c.Verify(pair[0], pair[1]); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var badConsistency = map[string]string{
	"empty":           "",
	"header only":     "fieldseal-consistency@v1\n",
	"another header":  "fieldseal-consistency@v2\nold 1\nnew 1\n",
	"no new":          "fieldseal-consistency@v1\nold 1\n",
	"order":           "fieldseal-consistency@v1\nnew 1\nold 1\n",
	"old 01":          "fieldseal-consistency@v1\nold 01\nnew 1\n",
	"old +1":          "fieldseal-consistency@v1\nold +1\nnew 1\n",
	"old -1":          "fieldseal-consistency@v1\nold -1\nnew 1\n",
	"old after new":   "fieldseal-consistency@v1\nold 2\nnew 1\n",
	"too large":       "fieldseal-consistency@v1\nold 1\nnew 72057594037927936\n",
	"no last newline": "fieldseal-consistency@v1\nold 1\nnew 1",
	"empty line":      "fieldseal-consistency@v1\nold 1\nnew 2\n\n",
	"CR":              "fieldseal-consistency@v1\r\nold 1\nnew 1\n",
	"space":           "fieldseal-consistency@v1\nold 1 \nnew 1\n",
	"hash with CR":    "fieldseal-consistency@v1\nold 1\nnew 2\n8OPsjfUdEEvP+B+zBAfTGoc2n0BzR77NgWEIB/LHDZw=\r\n",
	"stray bits":      "fieldseal-consistency@v1\nold 1\nnew 2\n8OPsjfUdEEvP+B+zBAfTGoc2n0BzR77NgWEIB/LHDZx=\n",
	"short hash":      "fieldseal-consistency@v1\nold 1\nnew 2\n8OPs\n",
	"too many hashes": "fieldseal-consistency@v1\nold 1\nnew 2\n" + strings.Repeat("8OPsjfUdEEvP+B+zBAfTGoc2n0BzR77NgWEIB/LHDZw=\n", maxConsistencyHashes+1),
}

func TestConsistencyRefused(t *testing.T) {
	for name, text := range badConsistency {
		if c, err := ParseConsistency([]byte(text)); c != nil || !errors.Is(err, ErrConsistencyFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	most := "fieldseal-consistency@v1\nold 1\nnew 2\n" + strings.Repeat("8OPsjfUdEEvP+B+zBAfTGoc2n0BzR77NgWEIB/LHDZw=\n", maxConsistencyHashes)
	if _, err := ParseConsistency([]byte(most)); err != nil {
		t.Errorf("%d hashes: %v", maxConsistencyHashes, err)
	}
	if _, err := ProveConsistency(testContext, memTiles{}, 2, 1); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("proved 2 to 1: %v", err)
	}
}

func FuzzParseConsistency(f *testing.F) {
	f.Add(must(ProveConsistency(testContext, big().tiles, 1000, 70_001)).Marshal())
	for _, bad := range badConsistency {
		f.Add([]byte(bad))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConsistency(text)
		if err != nil {
			if !errors.Is(err, ErrConsistencyFile) {
				t.Fatal(err)
			}
			return
		}
		if back := c.Marshal(); !bytes.Equal(back, text) {
			t.Fatalf("%q came back as %q", text, back)
		}
		if err := c.Verify(Checkpoint{Size: c.Old, Root: Hash{1}}, Checkpoint{Size: c.New, Root: Hash{2}}); err == nil {
			t.Fatal("any roots are consistent")
		}
	})
}
