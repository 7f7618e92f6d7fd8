package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func exampleLeaf() Leaf {
	return Leaf{
		Kind:      KindEvent,
		Event:     sha256.Sum256([]byte("event")),
		Signature: sha256.Sum256([]byte("signature")),
		Key:       sha256.Sum256([]byte("key")),
		Received:  Micros(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC).UnixMicro()),
	}
}

// TestPackageCommentExample recomputes every figure of the worked example and
// finds each in the package comment.
func TestPackageCommentExample(t *testing.T) {
	doc := string(must(os.ReadFile("doc.go")))
	says := func(text string) {
		t.Helper()
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !strings.Contains(doc, line+"\n") && !strings.Contains(doc, " "+line+" ") {
				t.Errorf("the package comment does not say %q", line)
			}
		}
	}
	leaf := exampleLeaf()
	b := must(leaf.Marshal())
	for _, part := range [][]byte{b[:2], b[2:34], b[34:66], b[66:98], b[98:]} {
		says(hex.EncodeToString(part))
	}
	noise := Leaf{Kind: KindQuarantine, Event: sha256.Sum256([]byte("noise")), Received: leaf.Received + 1}
	h1, h2 := must(leaf.Hash()), must(noise.Hash())
	says(h1.String())

	seed, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	key := must(NewKey("ledger.example/agency-a", seed))
	says(key.VerifierText())
	tree, tiles := new(Tree).Append([]Hash{h1, h2})
	cp := must(Sign(Checkpoint{key.Name(), tree.Size(), tree.Root()}, key))
	says(string(cp.Note()))
	says(string(must(NewProof(leaf, 0, []Hash{h2}, cp)).Marshal()))
	store := make(memTiles)
	store.write(tiles)
	says(string(must(ProveConsistency(t.Context(), store, 1, 2)).Marshal()))
}

func TestLeafRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLeaf(t)
		b, err := l.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != LeafSize {
			t.Fatalf("%d bytes", len(b))
		}
		back, err := ParseLeaf(b)
		if err != nil || back != l {
			t.Fatalf("parsed %+v, %v; want %+v", back, err, l)
		}
		want := tlog.RecordHash(b)
		if h := must(l.Hash()); h != want {
			t.Fatalf("Hash %v, want %v", h, want)
		}
		if h := must(HashLeaf(b)); h != want {
			t.Fatalf("HashLeaf %v, want %v", h, want)
		}
	})
}

func drawLeaf(t *rapid.T) Leaf {
	digest := rapid.SliceOfN(rapid.Byte(), 32, 32)
	l := Leaf{
		Kind:      Kind(rapid.IntRange(1, 8).Draw(t, "kind")),
		Event:     EventID(digest.Draw(t, "event")),
		Signature: SignatureDigest(digest.Draw(t, "signature")),
		Key:       KeyID(digest.Draw(t, "key")),
		Received:  Micros(rapid.Int64Range(1, int64(MaxMicros)).Draw(t, "received")),
	}
	l.Event[0] |= 1
	if l.Kind == KindQuarantine && rapid.Bool().Draw(t, "unknown") {
		l.Signature, l.Key = SignatureDigest{}, KeyID{}
	} else {
		l.Signature[0] |= 1
		l.Key[0] |= 1
	}
	return l
}

func TestLeafRefused(t *testing.T) {
	if got := MaxMicros.Time().Format(time.RFC3339Nano); got != "9999-12-31T23:59:59.999999Z" {
		t.Errorf("MaxMicros is %s", got)
	}
	for name, spoil := range map[string]func(*Leaf){
		"kind 0":            func(l *Leaf) { l.Kind = 0 },
		"kind 9":            func(l *Leaf) { l.Kind = 9 },
		"no event":          func(l *Leaf) { l.Event = EventID{} },
		"no signature":      func(l *Leaf) { l.Signature = SignatureDigest{} },
		"no key":            func(l *Leaf) { l.Key = KeyID{} },
		"media, no key":     func(l *Leaf) { l.Kind, l.Key = KindMedia, KeyID{} },
		"grant, unsigned":   func(l *Leaf) { l.Kind, l.Signature = KindGrant, SignatureDigest{} },
		"received at 1970":  func(l *Leaf) { l.Received = 0 },
		"received before":   func(l *Leaf) { l.Received = -1 },
		"received too late": func(l *Leaf) { l.Received = MaxMicros + 1 },
	} {
		l := exampleLeaf()
		b := must(l.Marshal())
		spoil(&l)
		if _, err := l.Marshal(); !errors.Is(err, ErrLeaf) {
			t.Errorf("%s: Marshal: %v", name, err)
		}
		if _, err := l.Hash(); !errors.Is(err, ErrLeaf) {
			t.Errorf("%s: Hash: %v", name, err)
		}
		b[atKind] = byte(l.Kind)
		copy(b[atEvent:], l.Event[:])
		copy(b[atSignature:], l.Signature[:])
		copy(b[atKey:], l.Key[:])
		for i := range 8 {
			b[atReceived+i] = byte(uint64(l.Received) >> (56 - 8*i))
		}
		if _, err := ParseLeaf(b); !errors.Is(err, ErrLeaf) {
			t.Errorf("%s: ParseLeaf: %v", name, err)
		}
	}
	good := exampleLeaf()
	b := must(good.Marshal())
	version := bytes.Clone(b)
	version[0] = 2
	for name, bad := range map[string][]byte{"empty": nil, "short": b[:LeafSize-1], "long": append(bytes.Clone(b), 0), "version": version} {
		if _, err := ParseLeaf(bad); !errors.Is(err, ErrLeaf) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := HashLeaf(bad); !errors.Is(err, ErrLeaf) {
			t.Errorf("%s: HashLeaf: %v", name, err)
		}
	}
}

// TestLeafBitFlips: whatever bit of a leaf flips, it is another leaf or none.
func TestLeafBitFlips(t *testing.T) {
	l := exampleLeaf()
	b, want := must(l.Marshal()), must(l.Hash())
	for bit := range len(b) * 8 {
		flipped := bytes.Clone(b)
		flipped[bit/8] ^= 1 << (bit % 8)
		if h, err := HashLeaf(flipped); err == nil && h == want {
			t.Errorf("bit %d flipped and the hash is the same", bit)
		}
	}
}

func TestKindNames(t *testing.T) {
	for k := KindEvent; k <= KindAuthority; k++ {
		if s := k.String(); s == "" || strings.HasPrefix(s, "kind") {
			t.Errorf("kind %d is called %q", uint8(k), s)
		}
	}
	if s := Kind(9).String(); s != "kind 9" {
		t.Errorf("kind 9 is called %q", s)
	}
}

func TestEntries(t *testing.T) {
	var bundle []byte
	var want []Leaf
	for i := range TileWidth {
		l := exampleLeaf()
		l.Received += Micros(i)
		want = append(want, l)
		bundle = must(AppendEntry(bundle, must(l.Marshal())))
		if i%50 != 0 && i != TileWidth-1 {
			continue
		}
		got, err := ParseEntries(bundle)
		if err != nil || len(got) != i+1 || got[i] != want[i] || got[0] != want[0] {
			t.Fatalf("%d entries: %d back, %v", i+1, len(got), err)
		}
	}
	if _, err := AppendEntry(nil, []byte("no leaf")); !errors.Is(err, ErrLeaf) {
		t.Errorf("appended no leaf: %v", err)
	}
	length, leaf := bytes.Clone(bundle), bytes.Clone(bundle)
	length[EntrySize+1]++
	leaf[2*EntrySize+2] = 9
	for name, bad := range map[string][]byte{
		"empty": nil, "cut": bundle[:len(bundle)-1], "257": append(bytes.Clone(bundle), bundle[:EntrySize]...),
		"length": length, "leaf": leaf,
	} {
		if _, err := ParseEntries(bad); !errors.Is(err, ErrLeaf) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseLeaf(f *testing.F) {
	l := exampleLeaf()
	f.Add(must(l.Marshal()))
	f.Add([]byte{1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLeaf(b)
		if err != nil {
			if !errors.Is(err, ErrLeaf) {
				t.Fatal(err)
			}
			return
		}
		if back := must(l.Marshal()); !bytes.Equal(back, b) {
			t.Fatalf("%x came back as %x", b, back)
		}
	})
}

func FuzzParseEntries(f *testing.F) {
	l := exampleLeaf()
	f.Add(must(AppendEntry(nil, must(l.Marshal()))))
	f.Fuzz(func(t *testing.T, b []byte) {
		leaves, err := ParseEntries(b)
		if err != nil {
			return
		}
		var back []byte
		for _, l := range leaves {
			back = must(AppendEntry(back, must(l.Marshal())))
		}
		if !bytes.Equal(back, b) {
			t.Fatalf("%x came back as %x", b, back)
		}
	})
}
