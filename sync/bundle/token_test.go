package bundle_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/stamp"
	"fieldseal/sync/stamp/stamptest"

	"github.com/digitorus/timestamp"
)

// over gets a token over data as of a time, in the form that is kept.
func over(t testing.TB, a *stamptest.Authority, data []byte, at time.Time) []byte {
	t.Helper()
	r, err := stamp.NewRequest(sha256.Sum256(data))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := stamp.ReadAnswer(a.Sign(r.DER, func(ts *timestamp.Timestamp) { ts.Time = at.UTC().Truncate(time.Second) }))
	if err != nil {
		t.Fatal(err)
	}
	return tok.Response()
}

// stampAt has a checkpoint of the world stamped.
func stampAt(w *bundletest.World, a *stamptest.Authority, name string, size ledger.Size, at time.Time) {
	w.T.Helper()
	if w.Notes[size] == nil {
		w.T.Fatalf("there is no checkpoint of %d entries", size)
	}
	if w.Stamps == nil {
		w.Stamps = map[ledger.Size][]bundle.Token{}
	}
	w.Stamps[size] = append(w.Stamps[size], bundle.Token{Note: w.Notes[size], Authority: name, Response: over(w.T, a, w.Notes[size], at), Chain: []*x509.Certificate{a.Between, a.Root}})
}

// stampedStory is a story whose checkpoints are stamped: all by one authority, the newest by a second as well.
type stampedStory struct {
	*bundletest.Story
	one, two *stamptest.Authority
	sizes    []ledger.Size
}

func newStamped(t testing.TB) *stampedStory {
	t.Helper()
	s := &stampedStory{Story: bundletest.NewStory(bundletest.New(t))}
	// The world's clock is not this machine's.
	from, until := s.Now.AddDate(0, -1, 0), s.Now.AddDate(1, 0, 0)
	s.one = stamptest.New(t, stamptest.Options{Name: "Authority One", From: from, Until: until, UntilCA: until})
	s.two = stamptest.New(t, stamptest.Options{Name: "Authority Two", From: from, Until: until, UntilCA: until})
	s.sizes = slices.Sorted(maps.Keys(s.Notes))
	for _, size := range s.sizes {
		stampAt(s.World, s.one, "one", size, s.Entries[size-1].Leaf.Received.Time().Add(time.Minute))
	}
	stampAt(s.World, s.two, "two", s.Newest, s.Now.Add(2*time.Minute))
	return s
}

func trusting(t testing.TB, list ...*stamptest.Authority) verify.Options {
	t.Helper()
	var pems []byte
	for _, a := range list {
		pems = append(pems, a.RootPEM()...)
	}
	r, err := stamp.ParseRoots(pems)
	if err != nil {
		t.Fatal(err)
	}
	return verify.Options{TrustedTSA: r}
}

func count(v *verify.Verdict) (verified int) {
	for _, s := range v.Tokens {
		if s.Verified {
			verified++
		}
	}
	return verified
}

func limited(v *verify.Verdict, code string) bool {
	return slices.ContainsFunc(v.Limits, func(l verify.Limit) bool { return l.Code == code })
}

func TestTokens(t *testing.T) {
	s := newStamped(t)
	b := s.Bundle(s.Options())
	all := len(s.sizes) + 1
	for name, c := range map[string]struct {
		o        verify.Options
		verified int
		limit    string
		defects  int
	}{
		"both trusted":    {trusting(t, s.one, s.two), all, "TSA_REVOCATION", 0},
		"one trusted":     {trusting(t, s.one), all - 1, "TSA_REVOCATION", 1},
		"another trusted": {trusting(t, stamptest.New(t, stamptest.Options{})), 0, "NO_TRUSTED_TOKEN", all},
		"nobody named":    {verify.Options{}, 0, "TOKENS_NOT_TRUSTED", 0},
		"another policy":  {verify.Options{TrustedTSA: trusting(t, s.one).TrustedTSA, TSAPolicies: []string{stamptest.OtherPolicy}}, 0, "NO_TRUSTED_TOKEN", all},
	} {
		v := passes(t, s.Verify(b, c.o))
		n := 0
		for _, d := range v.Record.Defects {
			if d.Code == "TIMESTAMP_TOKEN_UNVERIFIED" {
				n++
			}
		}
		if len(v.Tokens) != all || count(v) != c.verified || !limited(v, c.limit) || n != c.defects {
			t.Errorf("%s: %d tokens, %d verified, %d defects, limits %v", name, len(v.Tokens), count(v), n, v.Limits)
		}
		i := v.Record.Intervals[s.SampleEvent]
		if bounded := i.Witnessed != nil && i.Witnessed.NotAfterBy.Kind == custody.ByToken; bounded != (c.verified > 0) {
			t.Errorf("%s: the sample's event is bounded by %+v", name, i.Witnessed)
		}
	}
}

// TestEarlierTokensBoundTighter: an event is bounded by the token over the first
// checkpoint that covers it, the accuracy included.
func TestEarlierTokensBoundTighter(t *testing.T) {
	s := newStamped(t)
	var index ledger.Index
	for i, e := range s.Entries {
		if event.ID(e.Leaf.Event) == s.SampleEvent {
			index = ledger.Index(i)
		}
	}
	first := s.sizes[slices.IndexFunc(s.sizes, func(n ledger.Size) bool { return n > ledger.Size(index) })]
	if first == s.Newest {
		t.Fatal("no earlier checkpoint covers the sample, so that this test tries nothing")
	}
	v := passes(t, s.Verify(s.Bundle(s.Options()), trusting(t, s.one, s.two)))
	at := s.Entries[first-1].Leaf.Received.Time().Add(time.Minute).Truncate(time.Second)
	got := v.Record.Intervals[s.SampleEvent].Witnessed
	if got == nil || got.NotAfterBy.Size != int64(first) || got.NotAfter.Before(at.Add(time.Second)) || got.NotAfter.After(at.Add(3*time.Second)) {
		t.Errorf("bounded by %+v, want %v by the checkpoint of %d", got, at, first)
	}
}

// TestStrangerChecksTokens: openssl accepts every token by the commands of the
// page, and refuses them with another root.
func TestStrangerChecksTokens(t *testing.T) {
	s := newStamped(t)
	dir := unzip(t, s.Bundle(s.Options()))
	both := dir + "/../roots.pem"
	for name, c := range map[string]struct {
		roots []byte
		want  string
		n     int
	}{
		"both":    {append(s.one.RootPEM(), s.two.RootPEM()...), "\nok: data/ledger/", len(s.sizes) + 1},
		"one":     {s.one.RootPEM(), "\nFAILED: data/ledger/tsa/two.tsr", 1},
		"foreign": {stamptest.New(t, stamptest.Options{}).RootPEM(), "\nFAILED: data/ledger/", len(s.sizes) + 1},
		"nobody":  {nil, "\nnot checked: data/ledger/", len(s.sizes) + 1},
	} {
		t.Setenv("TSA_ROOTS", "")
		if c.roots != nil {
			if err := os.WriteFile(both, c.roots, 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TSA_ROOTS", both)
		}
		out := stranger(t, dir)
		if n := strings.Count("\n"+out, c.want); n != c.n {
			t.Errorf("%s: %d lines %q, want %d:\n%s", name, n, c.want, c.n, out)
		}
		if n := strings.Count("\n"+out, "\nok: "); name == "both" && (n != oks+c.n || strings.Contains(out, "FAILED")) {
			t.Errorf("%d steps are ok:\n%s", n, out)
		}
	}
	if err := os.WriteFile(both, append(s.one.RootPEM(), s.two.RootPEM()...), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TSA_ROOTS", both)
	for path, old := range map[string]string{bag.TokenPath("one"): "\x02\x01\x01", bag.PathCheckpoint: "\n"} {
		dir := unzip(t, s.Bundle(s.Options()))
		data, err := os.ReadFile(dir + "/" + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+path, bytes.Replace(data, []byte(old), []byte(old+"\x00"), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := stranger(t, dir); !strings.Contains(out, "FAILED: "+bag.TokenPath("one")) {
			t.Errorf("%s changed: nothing is found:\n%s", path, out)
		}
	}
}

// TestTokenAttacks: the authority itself plays false with time-stamps.
func TestTokenAttacks(t *testing.T) {
	s := newStamped(t)
	b := s.Bundle(s.Options())
	own, size := bag.TokenPath("one"), s.sizes[1]
	dated := bag.DatedTokenPath(size, "one")
	elsewhere := bundletest.New(t)
	for range size {
		elsewhere.Org("lab", "x")
	}
	elsewhere.Checkpoint()
	for name, do := range map[string]func(f *forge){
		"over something else":                 func(f *forge) { f.files[own] = over(t, s.one, []byte("another note"), s.Now) },
		"over the earlier checkpoint":         func(f *forge) { f.files[own] = f.files[dated] },
		"over the later checkpoint":           func(f *forge) { f.files[dated] = f.files[own] },
		"cut off":                             func(f *forge) { f.files[own] = f.files[own][:1000] },
		"no token":                            func(f *forge) { f.files[own] = []byte("token") },
		"without the checkpoint":              func(f *forge) { delete(f.files, bag.DatedCheckpointPath(size)) },
		"without the proof":                   func(f *forge) { delete(f.files, bag.DatedConsistencyPath(size)) },
		"without the token":                   func(f *forge) { delete(f.files, dated) },
		"over a checkpoint of another ledger": func(f *forge) { f.files[bag.DatedCheckpointPath(size)] = elsewhere.Notes[elsewhere.Newest] },
		"over a checkpoint that forks":        func(f *forge) { fork(t, s, f, size, dated) },
		"certificates that cannot be read": func(f *forge) {
			f.files[bag.PathTokenChain] = []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
		},
		"proof of another size": func(f *forge) {
			f.files[bag.DatedConsistencyPath(size)] = f.files[bag.DatedConsistencyPath(s.sizes[0])]
		},
		"proof of no form":                     func(f *forge) { f.files[bag.DatedConsistencyPath(size)] = []byte("proof") },
		"the last bit of the signature is off": func(f *forge) { f.files[own] = flipLast(f.files[own]) },
	} {
		t.Run(name, func(t *testing.T) {
			f := openForge(t, b)
			f.key = s.Authority.Key
			do(f)
			fails(t, s.Verify(f.build(), verify.Options{}), "tokens")
			fails(t, s.Verify(f.build(), trusting(t, s.one, s.two)), "tokens")
		})
	}
}

func flipLast(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

// fork puts a checkpoint into a bundle that the ledger's key signed over another tree, with a good token.
func fork(t *testing.T, s *stampedStory, f *forge, size ledger.Size, token string) {
	t.Helper()
	c, err := ledger.Sign(ledger.Checkpoint{Origin: bundletest.Origin, Size: size, Root: ledger.Hash{1}}, s.LogKey)
	if err != nil {
		t.Fatal(err)
	}
	f.files[bag.DatedCheckpointPath(size)] = c.Note()
	f.files[token] = over(t, s.one, c.Note(), s.Now)
}

// TestDamagedTokens: what the store has must be over what it says; one whose
// maker cannot be traced goes along and is not believed.
func TestDamagedTokens(t *testing.T) {
	for name, change := range map[string]func(*bundle.Token){
		"a flipped bit":    func(k *bundle.Token) { k.Response = flipLast(k.Response) },
		"another note":     func(k *bundle.Token) { k.Note = bytes.Replace(k.Note, []byte("\n"), []byte("\n1"), 1) },
		"no note":          func(k *bundle.Token) { k.Note = nil },
		"a name as a path": func(k *bundle.Token) { k.Authority = "../../x" },
	} {
		s := newStamped(t)
		change(&s.Stamps[s.Newest][0])
		if _, err := bundle.Prepare(t.Context(), s.Source(), s.Options()); !errors.Is(err, bundle.ErrSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := newStamped(t)
	s.Stamps[s.Newest][0].Chain = nil
	b := s.Bundle(s.Options())
	page := openForge(t, b).files[bag.PathReport]
	if !bytes.Contains(page, []byte("not verified")) {
		t.Error("the report believes a token whose maker cannot be traced")
	}
	if v := passes(t, s.Verify(b, trusting(t, s.one))); count(v) != len(s.sizes) {
		t.Errorf("a reader who can trace it must: %d", count(v))
	}
}

// TestManyTokens: of very many stamped checkpoints some go along, the last among them.
func TestManyTokens(t *testing.T) {
	w := bundletest.New(t)
	a := stamptest.New(t, stamptest.Options{From: w.Now.AddDate(0, -1, 0), Until: w.Now.AddDate(1, 0, 0), UntilCA: w.Now.AddDate(1, 0, 0)})
	org := w.Org("environment", "Bureau")
	d := w.Enrol(org, w.Person(org, "Li Wei", event.RoleInspector))
	d.Seal(w.Case, &event.CaseOpened{Number: "1", Title: "Case", Authority: "Bureau"})
	var last event.ID
	for range 500 {
		last = d.Seal(w.Case, &event.NoteWritten{Text: "a note"})
		w.Checkpoint()
		stampAt(w, a, "one", w.Newest, w.Now)
	}
	// One more token by the same authority over the same note adds nothing.
	stampAt(w, a, "one", w.Newest, w.Now.Add(time.Hour))
	o := trusting(t, a)
	v := passes(t, w.Verify(w.Bundle(w.Options()), o))
	if n := len(v.Tokens); n > 201 || n < 100 || count(v) != n {
		t.Errorf("%d tokens, %d verified", n, count(v))
	}
	if v.Tokens[len(v.Tokens)-1].Size != w.Newest || v.Record.Intervals[last].Witnessed.NotAfterBy.Size != int64(w.Newest) {
		t.Error("the newest checkpoint's token is not there")
	}
}
