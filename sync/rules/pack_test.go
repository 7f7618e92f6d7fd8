package rules

import (
	"bytes"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldseal/schema"
	"fieldseal/sync/decimal"

	"github.com/go-json-experiment/json"
)

// packText is the text of the default pack.
func packText(t testing.TB) string {
	data, err := fs.ReadFile(schema.Rules, "rules/cn-environment-2026.1.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEmbeddedPacksParse(t *testing.T) {
	if len(Embedded()) == 0 || Default() == nil {
		t.Fatal("no embedded pack, or none named " + DefaultID)
	}
	names, err := fs.Glob(schema.Rules, "rules/*.json")
	if err != nil || len(names) != len(Embedded()) {
		t.Fatalf("%d files, %d packs (%v)", len(names), len(Embedded()), err)
	}
	for _, p := range Embedded() {
		if !slices.Contains(names, "rules/"+p.ID+"-"+p.Version+".json") {
			t.Errorf("pack %s %s is in a file of another name", p.ID, p.Version)
		}
	}
}

// TestPackSurvivesItsOwnWriting: a pack travels as text in an event.
func TestPackSurvivesItsOwnWriting(t *testing.T) {
	for _, p := range Embedded() {
		data, err := json.Marshal(p, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(back, json.Deterministic(true))
		if err != nil || !bytes.Equal(data, again) || !reflect.DeepEqual(p, back) {
			t.Errorf("%s changed when it was written and read (%v)", p.ID, err)
		}
	}
}

// TestUnconfirmedFiguresAreMarked: what nobody has compared with its source says so.
func TestUnconfirmedFiguresAreMarked(t *testing.T) {
	p := Default()
	for group, want := range map[string]bool{"voa": false, "cyanide": false, "mercury": true, "chromium6": true} {
		h, ok := p.HoldingOf(group, "water")
		if !ok || p.Unconfirmed(h.Cited) != want {
			t.Errorf("%s: found %v, unconfirmed %v, want %v", group, ok, p.Unconfirmed(h.Cited), want)
		}
	}
	if !p.Unconfirmed(p.Sampling.Increments[0].Cited) || p.Unconfirmed(p.Sampling.DumpingMin.Cited) || !p.Unconfirmed(p.Custody.ByHandGap.Cited) {
		t.Error("marks of the sampling table or of house rules are not as sourced")
	}
}

// TestBadPacks: one change to the default pack, and the words of the refusal.
func TestBadPacks(t *testing.T) {
	good := packText(t)
	for _, c := range []struct{ name, old, new, want string }{
		{"not JSON", good, "{", "EOF"},
		{"trailing text", "\n}\n", "\n} x", "after top-level value"},
		{"list", good, "[]", "unmarshal JSON array"},
		{"unknown member", `"id": "cn-environment",`, `"id": "cn-environment", "colour": "green",`, "unknown object member"},
		{"unknown member inside", `"unit": "mm", `, `"unit": "mm", "units": "mm", `, "unknown object member"},
		{"member twice", `"id": "cn-environment",`, `"id": "cn-environment", "id": "x",`, "duplicate"},
		{"letter case", `"jurisdiction"`, `"Jurisdiction"`, "unknown object member"},
		{"no id", `"id": "cn-environment",`, ``, "id is missing"},
		{"blank version", `"version": "2026.1"`, `"version": " "`, "version is missing"},
		{"not a day", `"effective": "2026-01-01"`, `"effective": "2026-13-01"`, "not a day"},
		{"one language", `"zh": "环境犯罪证据规则包（中国）"`, `"zh": ""`, "en and zh"},
		{"number instead of text", `"value": "0.5"`, `"value": 0.5`, "decimal text in quotes"},
		{"exponent", `"value": "0.5"`, `"value": "5e-1"`, "not a decimal"},
		{"negative", `"value": "0.5"`, `"value": "-0.5"`, "negative"},
		{"null", `"value": "0.5"`, `"value": null`, "decimal text in quotes"},
		{"minimum above maximum", `"temp_min": {"value": "0.5"`, `"temp_min": {"value": "7"`, "not below"},
		{"wrong unit", `"value": "6", "unit": "mm"`, `"value": "0.6", "unit": "cm"`, `must be "mm"`},
		{"source unknown", `"limit": "15 min", "source": "house"`, `"limit": "15 min", "source": "hearsay"`, `"hearsay" is not one of sources`},
		{"source left out", `"limit": "15 min", "source": "house", `, `"limit": "15 min", `, "is not one of sources"},
		{"limit left out", `"limit": "15 min", `, ``, "by_hand_gap.limit is missing"},
		{"limit of no unit", `"15 min"`, `"15"`, "not a time limit"},
		{"limit in weeks", `"15 min"`, `"15 weeks"`, "unknown unit"},
		{"limit with a fraction", `"15 min"`, `"1.5 h"`, "not a time limit"},
		{"limit with more space", `"15 min"`, `"15  min"`, "not a time limit"},
		{"limit with a plus", `"15 min"`, `"+15 min"`, "not a time limit"},
		{"limit below zero", `"15 min"`, `"-15 min"`, "is not between"},
		{"limit beyond reason", `"15 min"`, `"99999999 d"`, "is not between"},
		{"group twice", `"id": "svoc"`, `"id": "voa"`, "id of its own"},
		{"CAS number wrong", `"71-43-2"`, `"71-43-3"`, "not a CAS number"},
		{"CAS number twice", `"91-20-3"`, `"71-43-2"`, "already in group"},
		{"holding of an unknown group", `{"group": "bod", "matrices": ["water"], "analysis"`, `{"group": "toc", "matrices": ["water"], "analysis"`, `"toc" is not one of groups`},
		{"holding of an unknown matrix", `["water"], "analysis": "48 h"`, `["whiskey"], "analysis": "48 h"`, `"whiskey" is not known`},
		{"holding twice", `{"group": "bod", "matrices": ["water"], "analysis"`, `{"group": "cod", "matrices": ["water"], "analysis"`, "second rule for cod in water"},
		{"holding without a limit", `"analysis": "48 h", `, ``, "analysis is missing"},
		{"container unknown", `"containers": ["glass", "amber_glass"]`, `"containers": ["tin"]`, `container "tin"`},
		{"preservative unknown", `"preservatives": ["hno3"]`, `"preservatives": ["vodka"]`, `preservative "vodka"`},
		{"one spelling of two words", `"also": ["AG", `, `"also": ["G", `, "stands for two words"},
		{"kind of word unknown", `"kind": "container", "word": "glass"`, `"kind": "lid", "word": "glass"`, "kind is container or preservative"},
		{"increments descend", `{"up_to_t": "25", "min": 8`, `{"up_to_t": "4", "min": 8`, "must ascend"},
		{"increments do not grow", `{"up_to_t": "25", "min": 8`, `{"up_to_t": "25", "min": 5`, "min must ascend"},
		{"last increment bounded", `{"min": 100, `, `{"up_to_t": "9999", "min": 100, `, "every row but the last"},
		{"signer unknown", `"signers": ["analyst",`, `"signers": ["cook",`, "signer's role"},
		{"no signers", `"signers": ["analyst", "reviewer", "approver"]`, `"signers": []`, "must be listed"},
		{"RPD of zero", `"max_percent": "20"`, `"max_percent": "0"`, "above 0"},
		{"unit of no dimension", `"dimension": "turbidity", `, `"dimension": "", `, "needs a dimension"},
		{"unit factor zero", `"dimension": "turbidity", "factor": "1"`, `"dimension": "turbidity", "factor": "0"`, "factor above 0"},
		{"one spelling of two units", `"also": ["mg/l", `, `"also": ["ug/L", `, "stands for two units"},
		{"document of no kind", `"kind": "transfer_letter"`, `"kind": ""`, "kind is missing"},
		{"limit twice", `"id": "leachate-zn"`, `"id": "leachate-cu"`, "id of its own"},
		{"limit's comparison", `"op": ">="`, `"op": "=="`, "op is >, >= or <="},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Errorf("%s: nothing was changed", c.name)
			continue
		}
		if p, err := Parse([]byte(text)); err == nil || p != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
	}
	if _, err := Parse(bytes.Repeat([]byte(" "), MaxPack+1)); err == nil {
		t.Error("a pack beyond the cap was read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(packText(f)))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"id":"x","holding":[{"group":"voa","matrices":[],"analysis":"1 d","source":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if (p == nil) == (err == nil) {
			t.Fatalf("pack %v with error %v", p, err)
		}
		if p == nil {
			return
		}
		text, err := json.Marshal(p, json.Deterministic(true))
		if err != nil {
			t.Fatalf("a pack that was read cannot be written: %v", err)
		}
		if _, err := Parse(text); err != nil && len(text) <= MaxPack {
			t.Fatalf("a pack that was written cannot be read: %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	for _, c := range []struct{ limit, start, want string }{
		{"14 d", "2026-03-02T09:25:00+08:00", "2026-03-16T09:25:00+08:00"},
		{"48 h", "2026-03-02T09:25:00+08:00", "2026-03-04T09:25:00+08:00"},
		{"15 min", "2026-03-02T23:50:00+08:00", "2026-03-03T00:05:00+08:00"},
		{"6 month", "2026-03-02T09:25:00+08:00", "2026-09-02T09:25:00+08:00"},
		{"6 month", "2025-08-31T09:00:00Z", "2026-02-28T09:00:00Z"},
		{"1 month", "2028-01-31T09:00:00Z", "2028-02-29T09:00:00Z"},
		{"12 month", "2028-02-29T09:00:00Z", "2029-02-28T09:00:00Z"},
	} {
		var l Limit
		if err := l.UnmarshalText([]byte(c.limit)); err != nil {
			t.Fatal(err)
		}
		if got := l.After(at(t, c.start)); !got.Equal(at(t, c.want)) {
			t.Errorf("%s after %s is %s, want %s", c.limit, c.start, got, c.want)
		}
	}
	if (Limit{N: 14, Unit: Days}).ZH() != "14 天" {
		t.Error("a limit in Chinese")
	}
}

func TestIncrements(t *testing.T) {
	for mass, want := range map[string]int64{"0": 5, "5": 5, "5.01": 8, "25": 8, "150": 32, "1000": 80, "1000.001": 100, "90000": 100} {
		d, err := decimal.Parse(mass)
		if err != nil {
			t.Fatal(err)
		}
		if got := Default().IncrementsFor(d).Min; got != want {
			t.Errorf("%s t needs %d increments, want %d", mass, got, want)
		}
	}
}

func TestCASNumbers(t *testing.T) {
	for s, want := range map[string]bool{
		"71-43-2": true, "7732-18-5": true, "179601-23-1": true, "7440-43-9": true, "71-43-3": false, "71432": false, "": false,
		"071-43-2": false, "7-43-2": false, "71-4-32": false, "71-43-2-": false, "71–43–2": false, "12345678-90-1": false, "ab-cd-e": false, "７１-43-2": false,
	} {
		if ValidCAS(s) != want {
			t.Errorf("%q is a CAS number: %v, want %v", s, !want, want)
		}
	}
}

func TestLookups(t *testing.T) {
	p := Default()
	for _, c := range []struct{ cas, analyte, method, want string }{
		{"71-43-2", "Benzene", "", "voa"}, {"", "化学需氧量", "", "cod"}, {"", "cod cr", "", "cod"}, {"", "Unknown", "hj 700-2014", "metals"},
		{"71-43-2", "lead", "HJ 700-2014", "voa"}, {"", "Unknown", "", ""}, {"", "", "", ""},
	} {
		if got, _ := p.GroupOf(c.cas, c.analyte, c.method); got != c.want {
			t.Errorf("%+v is in group %q", c, got)
		}
	}
	for _, c := range []struct{ kind, spelling, want string }{
		{"container", "HDPE", "polyethylene"}, {"container", "Amber  Glass", "amber_glass"}, {"container", "棕色玻璃瓶", "amber_glass"},
		{"preservative", "盐酸", "hcl"}, {"preservative", "Sulphuric acid", "h2so4"}, {"preservative", "HDPE", ""}, {"container", "", ""},
	} {
		w, ok := p.Word(c.kind, c.spelling)
		if w.Word != c.want || ok != (c.want != "") {
			t.Errorf("%+v is the word %q", c, w.Word)
		}
	}
	water, _ := p.UnitsOf("water")
	for spelling, want := range map[string]string{"ug/l": "µg/L", "μg/L": "µg/L", "µg/L": "µg/L", "MG/L": "mg/L", "ppm": "", "": "", "1": "pH", "[NTU]": "NTU", "Cel": "°C", "mcg/l": "µg/L"} {
		if u, _ := water.Find(spelling); u.Unit != want {
			t.Errorf("%q is the unit %q, want %q", spelling, u.Unit, want)
		}
	}
	if !SameMethod("hj700–2014", "HJ 700-2014") || SameMethod("HJ 700-2014", "HJ 701-2014") || !SameUnit("ug/m3", "µg/m³") {
		t.Error("methods or units are not told apart")
	}
}

func at(t *testing.T, text string) time.Time {
	tm, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return tm
}
