package bag

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/ledger"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

func sum(s string) event.Digest { return eventtest.Digest(s) }

func manifest() *Manifest {
	return &Manifest{V: Version, Bundle: eventtest.UUID(1), Case: eventtest.UUID(2), Purpose: "transfer", Language: English, Made: "2026-11-24T09:30:02Z",
		Authority:  Authority{Name: "Bureau", Device: eventtest.UUID(3), Key: event.PublicKeyInfo{ID: sum("key"), Alg: event.AlgP256, SPKI: []byte("x")}, Origin: "log", LogKey: "log+00+AQ=="},
		Checkpoint: Tree{Size: 7, Root: event.Root(sum("root"))},
		Disclosure: Disclosure{Scope: WholeCase, Shown: 3, Context: 2, Events: sum("events")},
		Rules:      sum("rules"), Files: FileLine{SHA256: sum("files"), Size: 12, Path: PathFiles}}
}

func TestManifest(t *testing.T) {
	text, err := manifest().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseManifest(text)
	if err != nil || !reflect.DeepEqual(back, manifest()) {
		t.Fatalf("%v: %+v", err, back)
	}
	if !back.MadeAt().Equal(time.Date(2026, 11, 24, 9, 30, 2, 0, time.UTC)) {
		t.Error(back.MadeAt())
	}
	for name, change := range map[string]func(*Manifest){
		"version":          func(m *Manifest) { m.V = 2 },
		"no bundle":        func(m *Manifest) { m.Bundle = event.UUID{} },
		"no case":          func(m *Manifest) { m.Case = event.UUID{} },
		"no authority":     func(m *Manifest) { m.Authority.Device = event.UUID{} },
		"language":         func(m *Manifest) { m.Language = "de" },
		"no time":          func(m *Manifest) { m.Made = "" },
		"odd second":       func(m *Manifest) { m.Made = "2026-11-24T09:30:03Z" },
		"offset":           func(m *Manifest) { m.Made = "2026-11-24T17:30:02+08:00" },
		"fraction":         func(m *Manifest) { m.Made = "2026-11-24T09:30:02.5Z" },
		"empty ledger":     func(m *Manifest) { m.Checkpoint.Size = 0 },
		"ledger too large": func(m *Manifest) { m.Checkpoint.Size = ledger.MaxSize + 1 },
		"genesis outside":  func(m *Manifest) { m.Authority.Genesis = 7 },
		"genesis negative": func(m *Manifest) { m.Authority.Genesis = -1 },
		"no rules":         func(m *Manifest) { m.Rules = event.Digest{} },
		"files elsewhere":  func(m *Manifest) { m.Files.Path = PathEvents },
		"files packed":     func(m *Manifest) { m.Files.Packed = &Packed{} },
		"files negative":   func(m *Manifest) { m.Files.Size = -1 },
		"negative count":   func(m *Manifest) { m.Disclosure.Context = -1 },
		"scope":            func(m *Manifest) { m.Disclosure.Scope = "some" },
		"exhibits missing": func(m *Manifest) { m.Disclosure.Scope = Exhibits },
		"exhibits too many": func(m *Manifest) {
			m.Disclosure.Scope, m.Disclosure.Exhibits = Exhibits, make([]event.Ref, MaxExhibits+1)
		},
		"exhibits of whole": func(m *Manifest) { m.Disclosure.Exhibits = []event.Ref{{Kind: "sample", ID: eventtest.UUID(9)}} },
		"whole but hidden":  func(m *Manifest) { m.Disclosure.Hidden = 1 },
		"whole but quar":    func(m *Manifest) { m.Disclosure.HiddenQuarantine = 1 },
		"exhibits order": func(m *Manifest) {
			m.Disclosure.Scope, m.Disclosure.Exhibits = Exhibits, []event.Ref{{Kind: "sample", ID: eventtest.UUID(9)}, {Kind: "file", ID: eventtest.UUID(9)}}
		},
		"purpose of lines":  func(m *Manifest) { m.Purpose = "a\nb" },
		"purpose too long":  func(m *Manifest) { m.Purpose = strings.Repeat("a", MaxPurpose+1) },
		"purpose hidden":    func(m *Manifest) { m.Purpose = "a\u202eb" },
		"purpose spaced":    func(m *Manifest) { m.Purpose = " a" },
		"name of lines":     func(m *Manifest) { m.Authority.Name = "a\r\nb" },
		"origin with lines": func(m *Manifest) { m.Authority.Origin = "a\nb" },
	} {
		m := manifest()
		change(m)
		text, err := json.Marshal(m, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseManifest(text); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := m.Marshal(); !errors.Is(err, ErrManifest) {
			t.Errorf("%s is written: %v", name, err)
		}
	}
	for name, s := range map[string]string{
		"empty": "", "null": "null", "list": "[]", "trailing": string(text) + "{}",
		"unknown member":   strings.Replace(string(text), `"v":1`, `"v":1,"w":1`, 1),
		"duplicate member": strings.Replace(string(text), `"v":1`, `"v":1,"v":1`, 1),
		"other case":       strings.Replace(string(text), `"v":1`, `"V":1`, 1),
		"upper-case hex":   strings.Replace(string(text), `"files":{"sha256":"`, `"files":{"sha256":"A`, 1),
	} {
		if _, err := ParseManifest([]byte(s)); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFiles(t *testing.T) {
	list := []FileLine{
		{SHA256: sum("a"), Size: 10, Path: PathEvents, Packed: &Packed{Size: 5, SHA256: sum("b")}},
		{SHA256: sum("c"), Size: 0, Path: PathLeaves},
	}
	var text []byte
	for _, f := range list {
		text = f.Append(text)
	}
	back, err := ParseFiles(text)
	if err != nil || !reflect.DeepEqual(back, list) {
		t.Fatalf("%v: %+v", err, back)
	}
	if missing := MissingFiles(list); len(missing) != len(always)-2 {
		t.Errorf("missing: %v", missing)
	}
	if o := Order(list); len(o) != Above+2 || o[Above] != PathEvents || o[0] != PathBagIt {
		t.Errorf("order: %v", o)
	}
	h := sum("a").String()
	for name, s := range map[string]string{
		"no newline":      h + " 1 - " + PathEvents,
		"empty line":      "\n",
		"three parts":     h + " 1 -\n",
		"upper-case":      strings.ToUpper(h) + " 1 - " + PathEvents + "\n",
		"leading zero":    h + " 01 - " + PathEvents + "\n",
		"plus":            h + " +1 - " + PathEvents + "\n",
		"negative":        h + " -1 - " + PathEvents + "\n",
		"negative packed": h + " 1 -1:" + h + " " + PathEvents + "\n",
		"packed size":     h + " 1 x:" + h + " " + PathEvents + "\n",
		"packed digest":   h + " 1 1:" + h[1:] + " " + PathEvents + "\n",
		"double space":    h + "  1 - " + PathEvents + "\n",
		"carriage return": h + " 1 - " + PathEvents + "\r\n",
		"unknown path":    h + " 1 - data/other\n",
		"tag file":        h + " 1 - bagit.txt\n",
		"above":           h + " 1 - " + PathManifest + "\n",
		"twice":           h + " 1 - " + PathEvents + "\n" + h + " 1 - " + PathEvents + "\n",
		"not in order":    h + " 1 - " + PathLeaves + "\n" + h + " 1 - " + PathEvents + "\n",
	} {
		if _, err := ParseFiles([]byte(s)); !errors.Is(err, ErrLine) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPaths(t *testing.T) {
	d := sum("x")
	for path, want := range map[string]Path{
		PathEvents:                          {Class: ClassEvents},
		KeyPath(d):                          {Class: ClassKey, Digest: d},
		MediaPath(d, "jpg"):                 {Class: ClassMedia, Digest: d},
		RulesPath(d):                        {Class: ClassRules, Digest: d},
		SeenCheckpointPath(12):              {Class: ClassSeenCheckpoint, Size: 12},
		SeenConsistencyPath(0):              {Class: ClassSeenConsistency},
		TilePath(ledger.TileID{N: 1234}, 9): {Class: ClassTile, Tile: ledger.TileID{N: 1234}, Width: 9},
		"data/ledger/tsa/cn-1.tsr":          {Class: ClassToken},
		TokenPath("cn-1"):                   {Class: ClassToken},
		PathTokenChain:                      {Class: ClassTokenChain},
		DatedCheckpointPath(12):             {Class: ClassDatedCheckpoint, Size: 12},
		DatedConsistencyPath(12):            {Class: ClassDatedConsistency, Size: 12},
		DatedTokenPath(12, "cn-1"):          {Class: ClassDatedToken, Size: 12},
	} {
		if got := ParsePath(path); got != want {
			t.Errorf("%s is %+v, want %+v", path, got, want)
		}
	}
	for _, path := range []string{"", "data/", "data/x", "bagit.txt", PathManifest, PathFiles, "data/media/" + d.String(), "data/media/" + d.String() + ".JPG",
		"data/media/" + d.String() + ".toolongext", "data/media/" + d.String() + ".a/b", "data/keys/" + d.String() + ".key", "data/keys/x.pem",
		"data/ledger/seen/01/checkpoint", "data/ledger/seen/-1/checkpoint", "data/ledger/seen/1/other", "data/ledger/seen/1", "data/ledger/tile/9/000",
		"data/ledger/tile/0/1", "data/ledger/tsa/.tsr", "data/ledger/tsa/A.tsr", "data/ledger/tsa/a/b.tsr",
		"data/ledger/tsa/other.pem", "data/ledger/dated/1/A.tsr", "data/ledger/dated/01/a.tsr", "data/ledger/dated/1/2/a.tsr", "data/ledger/dated/a.tsr",
		"data/ledger/dated/1/token", "data/ledger/seen/1/a.tsr", "data/ledger/dated/1/.tsr", "data/rules/" + d.String() + ".txt"} {
		if got := ParsePath(path); got.Class != ClassUnknown {
			t.Errorf("%q is taken for %+v", path, got)
		}
	}
	id := eventtest.UUID(4)
	if got, ok := ParseFolder(Folder(id)); !ok || got != id {
		t.Errorf("folder: %v %v", got, ok)
	}
	for _, s := range []string{"", "fieldseal-", "fieldseal-x", id.String(), "Fieldseal-" + id.String()} {
		if _, ok := ParseFolder(s); ok {
			t.Errorf("%q is taken for a folder", s)
		}
	}
	for _, c := range [][3]string{{"image/jpeg", "x.PNG", "jpg"}, {"application/x", "a.b.GPX", "gpx"}, {"", "noext", "bin"}, {"", "x.verylongextension", "bin"}, {"", "x.a b", "bin"}} {
		if got := Extension(c[0], c[1]); got != c[2] {
			t.Errorf("extension of %q, %q is %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func leaf(kind ledger.Kind) ledger.Leaf {
	l := ledger.Leaf{Kind: kind, Event: ledger.EventID(sum("e")), Received: 1_700_000_000_000_000}
	if kind != ledger.KindQuarantine {
		l.Signature, l.Key = ledger.SignatureDigest(sum("s")), ledger.KeyID(sum("k"))
	}
	return l
}

func TestLeafLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := LeafLine{Index: ledger.Index(rapid.Int64Range(0, int64(ledger.MaxSize)-1).Draw(t, "index")), Role: rapid.SampledFrom([]Role("ehnt")).Draw(t, "role"), Leaf: leaf(ledger.KindEvent)}
		if rapid.Bool().Draw(t, "quarantine") {
			want.Leaf, want.Role = leaf(ledger.KindQuarantine), rapid.SampledFrom([]Role("qxt")).Draw(t, "role of quarantine")
		}
		text, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseLeafLine(bytes.TrimSuffix(text, []byte("\n")))
		if err != nil || got != want || len(text) > MaxLeafLine {
			t.Fatalf("%v: %+v", err, got)
		}
	})
	one := LeafLine{Index: 5, Role: RoleEvent, Leaf: leaf(ledger.KindEvent)}
	text, err := one.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	good := strings.TrimSuffix(string(text), "\n")
	for name, s := range map[string]string{
		"empty": "", "leading zero": "0" + good, "plus": "+" + good, "negative": "-" + good, "no role": strings.Replace(good, " e ", "  ", 1),
		"unknown role": strings.Replace(good, " e ", " z ", 1), "wrong role": strings.Replace(good, " e ", " q ", 1), "upper-case": strings.ToUpper(good),
		"upper-case hex": strings.Replace(good, "b", "B", 1), "short": good[:len(good)-2], "long": good + "00", "newline": good + "\n",
		"version": strings.Replace(good, " 01", " 02", 1), "kind": strings.Replace(good, " 0101", " 0109", 1), "beyond": "72057594037927935" + good[1:],
		"tab": strings.Replace(good, "5 e", "5\te", 1),
	} {
		if s == good {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := ParseLeafLine([]byte(s)); !errors.Is(err, ErrLine) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJSONLines(t *testing.T) {
	chain := ChainLine{Device: eventtest.UUID(1), Key: sum("k"), Head: 10, Shown: 4, Hidden: 1, Outside: 2, Missing: [][2]int64{{3, 3}, {7, 8}}}
	if _, err := AppendJSON(nil, &chain); err != nil {
		t.Fatal(err)
	}
	if !chain.Lacks(7) || chain.Lacks(9) || !chain.Waits(4) || chain.Waits(3) || chain.Waits(1) {
		t.Error("Lacks or Waits is wrong")
	}
	for name, change := range map[string]func(*ChainLine){
		"no device": func(c *ChainLine) { c.Device = event.UUID{} }, "no key": func(c *ChainLine) { c.Key = event.Digest{} },
		"head": func(c *ChainLine) { c.Head = 0 }, "huge head": func(c *ChainLine) { c.Head = event.MaxSeq + 1 }, "nothing shown": func(c *ChainLine) { c.Shown, c.Outside = 0, 6 },
		"negative": func(c *ChainLine) { c.Hidden, c.Outside = -1, 4 }, "sum": func(c *ChainLine) { c.Outside++ },
		"overflow":      func(c *ChainLine) { c.Shown, c.Hidden, c.Outside = 1<<62, 1<<62, 1<<62 },
		"gaps touch":    func(c *ChainLine) { c.Missing = [][2]int64{{3, 3}, {4, 5}} },
		"gaps disorder": func(c *ChainLine) { c.Missing = [][2]int64{{7, 8}, {3, 3}} },
		"gap empty":     func(c *ChainLine) { c.Missing = [][2]int64{{3, 2}, {7, 10}} },
		"gap at head":   func(c *ChainLine) { c.Missing = [][2]int64{{3, 3}, {9, 10}} },
		"gap below":     func(c *ChainLine) { c.Missing = [][2]int64{{0, 0}, {7, 8}} },
	} {
		c := chain
		change(&c)
		if _, err := AppendJSON(nil, &c); !errors.Is(err, ErrLine) {
			t.Errorf("chain with %s: %v", name, err)
		}
	}
	d := sum("m")
	for name, m := range map[string]MediaLine{
		"state": {SHA256: d, State: "lost"}, "zero": {State: MediaMissing}, "negative": {SHA256: d, State: MediaMissing, Have: -1},
		"no path": {SHA256: d, State: MediaPresent}, "other path": {SHA256: d, State: MediaPresent, Path: MediaPath(sum("n"), "jpg")},
		"path of missing": {SHA256: d, State: MediaMissing, Path: MediaPath(d, "jpg")}, "mismatch": {SHA256: d, State: MediaMismatch},
		"got": {SHA256: d, State: MediaMissing, Got: d}, "no media path": {SHA256: d, State: MediaPresent, Path: PathEvents},
	} {
		if _, err := AppendJSON(nil, &m); !errors.Is(err, ErrLine) {
			t.Errorf("media with %s: %v", name, err)
		}
	}
	for name, q := range map[string]QuarantineLine{"no line": {Code: "X"}, "no code": {Line: []byte("x")}, "index": {Index: -1, Code: "X", Line: []byte("x")}} {
		if _, err := AppendJSON(nil, &q); !errors.Is(err, ErrLine) {
			t.Errorf("quarantine with %s: %v", name, err)
		}
	}
	for _, s := range []string{"", "{", "[]", `{"index":1,"layer":"x","code":"X","line":"eA==","more":1}`, `{"index":1,"index":1,"layer":"x","code":"X","line":"eA=="}`} {
		if _, err := ParseJSON[QuarantineLine]([]byte(s)); !errors.Is(err, ErrLine) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestMediaOf finds every event.Media in example bodies of every type by
// reflection and requires that MediaOf gives the same.
func TestMediaOf(t *testing.T) {
	var find func(v reflect.Value) int
	find = func(v reflect.Value) int {
		n := 0
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				n = find(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				n += find(v.Index(i))
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[event.Media]() {
				return 1
			}
			for i := range v.NumField() {
				n += find(v.Field(i))
			}
		}
		return n
	}
	some := 0
	for ty, b := range eventtest.Bodies() {
		if want, got := find(reflect.ValueOf(b)), len(MediaOf(b)); got != want {
			t.Errorf("%s names %d files, MediaOf gives %d", ty, want, got)
		}
		some += len(MediaOf(b))
	}
	if some < 10 {
		t.Errorf("only %d bodies name a file", some)
	}
	if MediaOf(&event.SiteRecorded{}) != nil {
		t.Error("a body without a file names one")
	}
}

func TestLogPEM(t *testing.T) {
	k, err := ledger.GenerateKey("ledger.test/x")
	if err != nil {
		t.Fatal(err)
	}
	text, err := LogPEM(k.VerifierText())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := k.Sign([]byte("text"))
	if err != nil || !ed25519.Verify(pub.(ed25519.PublicKey), []byte("text"), sig) {
		t.Error("it is another key", err)
	}
	if _, err := LogPEM("x"); !errors.Is(err, ledger.ErrKey) {
		t.Error(err)
	}
}

func TestTags(t *testing.T) {
	m := manifest()
	dsse := FileLine{SHA256: sum("dsse"), Size: 100, Path: PathManifest}
	files := []FileLine{{SHA256: sum("b"), Size: 7, Path: PathVerify}, {SHA256: sum("a"), Size: 5, Path: PathEvents}}
	tags := MakeTags(m, dsse, files)
	if !strings.Contains(string(tags.BagInfo), "Payload-Oxum: 124.4\n") || !strings.Contains(string(tags.BagInfo), "Bagging-Date: 2026-11-24\n") {
		t.Errorf("bag-info:\n%s", tags.BagInfo)
	}
	if want := []string{PathVerify, PathEvents, PathFiles, PathManifest}; strings.Count(string(tags.BagManifest), "\n") != 4 {
		t.Errorf("manifest does not have %v:\n%s", want, tags.BagManifest)
	}
	if other := MakeTags(m, dsse, []FileLine{files[1], files[0]}); !reflect.DeepEqual(other, tags) {
		t.Error("the order in which files are given changes the tags")
	}
	if all := tags.All(); len(all) != 4 || all[0].Path != PathBagIt || all[3].Path != PathTagManifest {
		t.Errorf("tags: %+v", all)
	}
}

func FuzzManifest(f *testing.F) {
	text, err := manifest().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		again, err := m.Marshal()
		if err != nil {
			t.Fatalf("accepted, but cannot be written: %v", err)
		}
		back, err := ParseManifest(again)
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Fatalf("%v: came back changed", err)
		}
	})
}

func FuzzLines(f *testing.F) {
	one := LeafLine{Index: 5, Role: RoleEvent, Leaf: leaf(ledger.KindEvent)}
	text, err := one.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.TrimSpace(text))
	file := FileLine{SHA256: sum("a"), Size: 10, Path: PathEvents, Packed: &Packed{Size: 5, SHA256: sum("b")}}
	f.Add(bytes.TrimSpace(file.Append(nil)))
	chain, err := AppendJSON(nil, &ChainLine{Device: eventtest.UUID(1), Key: sum("k"), Head: 3, Shown: 2, Missing: [][2]int64{{2, 2}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.TrimSpace(chain))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := ParseLeafLine(b); err == nil {
			if again, err := l.Append(nil); err != nil || !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), b) {
				t.Fatalf("leaf: %v %q", err, again)
			}
		}
		if l, err := ParseFileLine(b); err == nil && !bytes.Equal(bytes.TrimSuffix(l.Append(nil), []byte("\n")), b) {
			t.Fatalf("file: %q", l.Append(nil))
		}
		if l, err := ParseJSON[ChainLine](b); err == nil {
			if _, err := AppendJSON(nil, l); err != nil {
				t.Fatalf("chain: %v", err)
			}
		}
		_, _ = ParseJSON[MediaLine](b)
		_, _ = ParseJSON[QuarantineLine](b)
		_, _ = ParseFiles(b)
		_ = ParsePath(string(b))
	})
}
