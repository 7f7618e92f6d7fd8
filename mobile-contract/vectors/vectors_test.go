package vectors_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fieldseal/mobile-contract/vectors"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

// reserved codes are of the contract, and nothing gives them now: a device has
// one key for life, so a key that is not its own is WRONG_KEY.
var reserved = []string{"UNKNOWN_KEY"}

// TestEveryCode reads the codes out of the packages that give them, so that a new one without a vector fails.
func TestEveryCode(t *testing.T) {
	have := map[string]bool{}
	types := map[event.Type]bool{}
	algorithms := map[string]bool{}
	for _, s := range must[[]vectors.Scenario](t)(vectors.Scenarios()) {
		for _, b := range s.Batches {
			for _, l := range b.Lines {
				have[l.Expect.Code] = true
				if l.Expect.Status == "accepted" {
					env := must[seal.Envelope](t)(seal.ParseEnvelope(must[[]byte](t)(l.Bytes())))
					types[must[event.Payload](t)(event.Parse(env.Payload)).Type] = true
				}
			}
		}
		for _, d := range s.Devices {
			algorithms[d.Key.Alg] = true
		}
	}
	codes := append(codesOf(t, "../../sync/seal"), codesOf(t, "../../sync/reconcile")...)
	if len(codes) < 15 {
		t.Fatalf("only %d codes were found in the code: %v", len(codes), codes)
	}
	for _, code := range codes {
		if have[code] == slices.Contains(reserved, code) {
			t.Errorf("code %s: in a vector %v, reserved %v", code, have[code], slices.Contains(reserved, code))
		}
	}
	for _, ty := range event.Types() {
		if !types[ty] {
			t.Errorf("no vector has an accepted %s", ty)
		}
	}
	for _, alg := range event.AlgP256.Words() {
		if !algorithms[alg] {
			t.Errorf("no vector has a key of %s", alg)
		}
	}
}

// codesOf lists the constants named Code… of a package.
func codesOf(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	files := must[[]string](t)(filepath.Glob(filepath.Join(dir, "*.go")))
	for _, name := range files {
		f := must[*ast.File](t)(parser.ParseFile(token.NewFileSet(), name, nil, 0))
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Code") {
				return true
			}
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				out = append(out, must[string](t)(strconv.Unquote(lit.Value)))
			}
			return true
		})
	}
	return out
}

// A case is read as whatever members its building block has.
type basicCase struct {
	Shows      string
	Text       string
	OK         bool
	Type       string
	Payload    string
	PAE        string
	ID         string
	Alg, SPKI  string
	Kind       uint8
	Event      string
	Signature  string
	Key        json.RawMessage
	ReceivedUS int64 `json:"received_us"`
	Leaf, Hash string
	Note, Root string
	Size       int64
	LeafHash   string `json:"leaf_hash"`
	Index      int64
	Hashes     []string
	From, To   int64
	FromRoot   string `json:"from_root"`
	ToRoot     string `json:"to_root"`
	Line       string
	Terms      string
	Digest     string
}

// judges say of each building block whether the software takes a case, and that what it makes of it is stated.
var judges = map[string]func(t *testing.T, c *basicCase) bool{
	"uuid":   func(_ *testing.T, c *basicCase) bool { _, err := event.ParseUUID(c.Text); return err == nil },
	"digest": func(_ *testing.T, c *basicCase) bool { _, err := event.ParseDigest(c.Text); return err == nil },
	"root":   func(_ *testing.T, c *basicCase) bool { var r event.Root; return r.UnmarshalText([]byte(c.Text)) == nil },
	"stamp":  func(_ *testing.T, c *basicCase) bool { _, err := event.Stamp(c.Text).At(); return err == nil },
	"date":   func(_ *testing.T, c *basicCase) bool { _, err := event.Date(c.Text).At(); return err == nil },
	"decimal": func(_ *testing.T, c *basicCase) bool {
		var d decimal.Decimal
		return d.UnmarshalJSON([]byte(c.Text)) == nil
	},
	"pae": judgePAE, "key": judgeKey, "leaf": judgeLeaf, "checkpoint": judgeCheckpoint,
	"inclusion": judgeInclusion, "consistency": judgeConsistency, "statement": judgeStatement, "terms": judgeTerms,
}

func TestBasics(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range must[[]vectors.Basic](t)(vectors.Basics()) {
		seen[b.Of] = true
		judge := judges[b.Of]
		if judge == nil {
			t.Errorf("nothing judges %s", b.Name)
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			for i, raw := range b.Cases {
				var c basicCase
				if err := json.Unmarshal(raw, &c); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(raw), `"ok":`) {
					c.OK = true
				}
				if got := judge(t, &c); got != c.OK {
					t.Errorf("case %d %s %q: taken %v, stated %v", i, c.Shows, c.Text, got, c.OK)
				}
			}
		})
	}
	for _, of := range slices.Sorted(maps.Keys(judges)) {
		if !seen[of] {
			t.Errorf("there are no vectors of %s", of)
		}
	}
}

func judgePAE(t *testing.T, c *basicCase) bool {
	if c.Type == event.PayloadType && seal.IDOf([]byte(c.Payload)).String() != c.ID {
		t.Errorf("id of %q", c.Payload)
	}
	return hex.EncodeToString(seal.PAE(c.Type, []byte(c.Payload))) == c.PAE
}

func judgeKey(t *testing.T, c *basicCase) bool {
	spki := must[[]byte](t)(base64.StdEncoding.DecodeString(c.SPKI))
	k, err := seal.ParsePublicKey(event.Algorithm(c.Alg), spki)
	if err == nil && k.ID().String() != c.ID {
		t.Errorf("%s: id %s", c.Shows, k.ID())
	}
	return err == nil
}

func judgeLeaf(t *testing.T, c *basicCase) bool {
	l, err := ledger.ParseLeaf(must[[]byte](t)(hex.DecodeString(c.Leaf)))
	if err != nil {
		return false
	}
	var key string
	if err := json.Unmarshal(c.Key, &key); err != nil {
		t.Fatal(err)
	}
	text := func(b [32]byte) string { return hex.EncodeToString(b[:]) }
	h, err := l.Hash()
	if err != nil || uint8(l.Kind) != c.Kind || text(l.Event) != c.Event || text(l.Signature) != c.Signature || text(l.Key) != key || int64(l.Received) != c.ReceivedUS || h.String() != c.Hash {
		t.Errorf("leaf %s reads as %+v (%v)", c.Leaf, l, err)
	}
	return true
}

func judgeCheckpoint(t *testing.T, c *basicCase) bool {
	var key string
	if err := json.Unmarshal(c.Key, &key); err != nil {
		t.Fatal(err)
	}
	v, err := ledger.ParseVerifier(key)
	if err != nil {
		t.Fatal(err)
	}
	cp, err := ledger.ParseCheckpoint([]byte(c.Note), v)
	if err != nil || cp.Origin != v.Name() {
		return false
	}
	if int64(cp.Size) != c.Size || cp.Root.String() != c.Root {
		t.Errorf("%s: size %d, root %s", c.Shows, cp.Size, cp.Root)
	}
	return true
}

func hashesOf(t *testing.T, texts ...string) []ledger.Hash {
	var out []ledger.Hash
	for _, s := range texts {
		out = append(out, must[ledger.Hash](t)(ledger.ParseHash(s)))
	}
	return out
}

func judgeInclusion(t *testing.T, c *basicCase) bool {
	h := hashesOf(t, c.LeafHash, c.Root)
	return ledger.VerifyInclusion(h[0], ledger.Index(c.Index), ledger.Size(c.Size), h[1], hashesOf(t, c.Hashes...)) == nil
}

func judgeConsistency(t *testing.T, c *basicCase) bool {
	h := hashesOf(t, c.FromRoot, c.ToRoot)
	return ledger.VerifyConsistency(ledger.Size(c.From), h[0], ledger.Size(c.To), h[1], hashesOf(t, c.Hashes...)) == nil
}

func judgeStatement(t *testing.T, c *basicCase) bool {
	var k vectors.Key
	if err := json.Unmarshal(c.Key, &k); err != nil {
		t.Fatal(err)
	}
	env := must[seal.Envelope](t)(seal.ParseEnvelope([]byte(c.Line)))
	return env.PayloadType == c.Type && string(env.Payload) == c.Payload && len(env.Signatures) == 1 && env.Signatures[0].KeyID.String() == k.ID &&
		publicKey(t, k).Check(seal.PAE(env.PayloadType, env.Payload), env.Signatures[0].Sig)
}

func judgeTerms(t *testing.T, c *basicCase) bool {
	if event.TermsDigest(c.Terms).String() != c.Digest {
		t.Errorf("%s: digest", c.Shows)
	}
	_, err := event.ParseTerms(c.Terms)
	return err == nil
}
