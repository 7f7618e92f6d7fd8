package bundle_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// lies are ledgers whose entry 1 does not say what is true of the former one.
var lies = []struct {
	name, says string
	open       func(t *testing.T, s *two)
}{
	{"another root", "entry 1 of this ledger states", func(t *testing.T, s *two) {
		c := s.last
		c.Root[7] ^= 1
		s.entry = s.begin(c, s.old.LogKey)
		s.open(s.old.Authority)
	}},
	{"a size smaller than what is proven", "entry 1 of this ledger states", func(t *testing.T, s *two) {
		c := s.last
		c.Size -= 3
		root, err := s.old.Engine.RootAt(t.Context(), int64(c.Size))
		if err != nil {
			t.Fatal(err)
		}
		c.Root = root
		s.entry = s.begin(c, s.old.LogKey)
		s.open(s.old.Authority)
	}},
	{"another ledger", "continues another one", func(t *testing.T, s *two) {
		k, err := ledger.GenerateKey("ledger.test/foreign")
		if err != nil {
			t.Fatal(err)
		}
		c := s.last
		c.Origin = k.Name()
		s.entry = s.begin(c, k)
		s.open(s.old.Authority)
	}},
	{"a ledger of that name with another key", "not signed by the key", func(t *testing.T, s *two) {
		k, err := ledger.GenerateKey(s.last.Origin)
		if err != nil {
			t.Fatal(err)
		}
		s.entry = s.begin(s.last, k)
		s.open(s.old.Authority)
	}},
	{"endorsed by another key", "endorsement is not right", func(t *testing.T, s *two) {
		k, err := seal.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		s.open(k)
	}},
}

// A lie about the former ledger is refused by who makes a bundle, and found by who
// reads one that an insider has made all the same.
func TestFalsePredecessor(t *testing.T) {
	for _, lie := range lies {
		t.Run(lie.name, func(t *testing.T) {
			s := newTwo(t)
			s.freeze()
			lie.open(t, s)
			s.seal(s.next, &event.NoteWritten{Text: "new"})
			inner, f := s.former()
			if _, err := s.write(s.next, bundle.Options{Former: f}); !errors.Is(err, bundle.ErrSource) {
				t.Errorf("a bundle was made: %v", err)
			}
			alone, err := s.write(s.next, bundle.Options{})
			if err != nil {
				t.Fatal(err)
			}
			x := openForge(t, alone)
			x.files[bag.PathFormer], x.key = inner, s.next.Authority
			v := judged(t, x.build(), s.trust(s.old, s.next))
			fails(t, v, "former")
			if !strings.Contains(fmt.Sprint(v.Failures), lie.says) {
				t.Errorf("no word of %q: %v", lie.says, v.Failures)
			}
		})
	}
}

// An insider of the next authority cannot change, swap or leave out anything of the
// former ledger's bundle; what the former authority did not endorse is said.
func TestFormerBundleIsWhole(t *testing.T) {
	s := true2(t)
	inner, outer := s.both()
	stranger := newTwo(t)
	stranger.freeze()
	theirs, _ := stranger.former()
	for name, c := range map[string]struct {
		change func(*forge)
		check  string
	}{
		"another case's":  {func(x *forge) { x.files[bag.PathFormer] = theirs }, "former"},
		"no bundle":       {func(x *forge) { x.files[bag.PathFormer] = []byte("PK") }, "former"},
		"its own":         {func(x *forge) { x.files[bag.PathFormer] = outer }, "former"},
		"cut short":       {func(x *forge) { x.files[bag.PathFormer] = inner[:len(inner)-1] }, "former"},
		"a stray proof":   {func(x *forge) { x.files[bag.FormerSeenPath(1)] = seenProof(t, s, 1) }, "seen"},
		"a wrong proof":   {func(x *forge) { x.files[bag.FormerSeenPath(s.last.Size-2)] = seenProof(t, s, 1) }, "seen"},
		"a proof of none": {func(x *forge) { delete(x.files, bag.PathFormer) }, "seen"},
	} {
		x := openForge(t, outer)
		x.key = s.next.Authority
		c.change(x)
		v := judged(t, x.build(), s.trust(s.old, s.next))
		if v.Result != verify.NotAuthentic {
			t.Errorf("%s: it is %s", name, v.Result)
			continue
		}
		fails(t, v, c.check)
	}
	// Not a lie, but less than it could be: the proof of what a device had seen is missing.
	x := openForge(t, outer)
	x.key = s.next.Authority
	delete(x.files, bag.FormerSeenPath(s.last.Size-2))
	v := judged(t, x.build(), s.trust(s.old, s.next))
	if v.Result == verify.NotAuthentic || !noted(v, "SEEN_FORMER_LOG") {
		t.Errorf("%s, %+v", v.Result, v.Notes)
	}
	// And a succession that the former authority has not endorsed.
	u := newTwo(t)
	u.freeze()
	u.open(nil)
	u.goOn()
	_, b := u.both()
	if v := judged(t, b, u.trust(u.old, u.next)); v.Result == verify.NotAuthentic || !noted(v, "SUCCESSION_NOT_ENDORSED") {
		t.Errorf("%s, %+v", v.Result, v.Notes)
	}
}

func seenProof(t *testing.T, s *two, size ledger.Size) []byte {
	t.Helper()
	p, err := ledger.ProveConsistency(t.Context(), store.Tiles{Store: s.old.Store}, size, s.last.Size)
	if err != nil {
		t.Fatal(err)
	}
	return p.Marshal()
}

// An insider of the next authority who changes a byte of the former bundle, and signs
// everything of his own anew, is found for each byte.
func TestEveryByteOfTheFormer(t *testing.T) {
	s := true2(t)
	inner, outer := s.both()
	rng := rand.New(rand.NewPCG(7, 7))
	places := rng.Perm(len(inner))
	places = places[:min(len(places), 400)]
	sweep(t, len(places), func(i int) []byte {
		x := openForge(t, outer)
		x.key = s.next.Authority
		c := bytes.Clone(inner)
		c[places[i]] ^= 1 << (i % 8)
		x.files[bag.PathFormer] = c
		return x.build()
	})
}
