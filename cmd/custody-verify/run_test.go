//go:build !js

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
)

// files writes a good bundle, a changed one and something else.
func files(t *testing.T) (s *bundletest.Story, good, changed, other string) {
	t.Helper()
	s = bundletest.NewStory(bundletest.New(t))
	b := s.Bundle(s.Options())
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := bytes.Clone(b)
	i := bytes.Index(c, s.Files[s.Photo.SHA256])
	c[i+100] ^= 4
	return s, write("good.zip", b), write("changed.zip", c), write("other.zip", []byte("no bundle, but some text that is longer than an end record"))
}

func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs, func(verify.Progress) {})
	return status, out.String(), errs.String()
}

func TestCommand(t *testing.T) {
	s, good, changed, other := files(t)
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("# the bureau\n"+s.LogKey.VerifierText()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := bundletest.New(t).LogKey.VerifierText()
	for name, c := range map[string]struct {
		args   []string
		status int
		says   []string
	}{
		"good":            {[]string{good}, 0, []string{"Verdict: AUTHENTIC", "2026-HW-017", "What a pass does not prove", "not compared with a key that you trust", "19 of 21 passed", "not asked"}},
		"flags behind":    {[]string{good, "--lang", "zh"}, 0, []string{"核验结论：", "案件", "核验通过不能证明的事项"}},
		"flags before":    {[]string{"--lang=zh", good}, 0, []string{"管理机构"}},
		"trusted file":    {[]string{good, "--trust", keys}, 0, []string{"a key that you trust", "20 of 21 passed"}},
		"trusted key":     {[]string{good, "--trust", s.LogKey.VerifierText()}, 0, []string{"a key that you trust"}},
		"trusted id":      {[]string{good, "--trust", s.Authority.Key.Public().ID().String()}, 0, []string{"a key that you trust"}},
		"foreign":         {[]string{good, "--trust", foreign}, 1, []string{"NOT AUTHENTIC", "another authority made this bundle"}},
		"changed":         {[]string{changed}, 1, []string{"Verdict: NOT AUTHENTIC", "data/media/" + s.Photo.SHA256.String()}},
		"other":           {[]string{other}, 2, []string{"not a bundle"}},
		"no such file":    {[]string{good + "x"}, 2, []string{"no such file"}},
		"a folder":        {[]string{filepath.Dir(good)}, 2, []string{"not a regular file"}},
		"no file":         {nil, 2, []string{"name the bundle's file", "--help"}},
		"two files":       {[]string{good, good}, 2, []string{"one file at a time"}},
		"unknown flag":    {[]string{good, "--nonsense"}, 2, []string{"nonsense"}},
		"language":        {[]string{good, "--lang", "fr"}, 2, []string{"en or zh"}},
		"trust nonsense":  {[]string{good, "--trust", "nonsense"}, 2, []string{"not a key"}},
		"trust bad file":  {[]string{good, "--trust", other}, 2, []string{"neither a ledger verifier key"}},
		"no such exhibit": {[]string{good, "--record", "S-9999"}, 2, []string{"no exhibit"}},
		"help":            {[]string{"--help"}, 0, []string{"Example:", "Exit status:"}},
	} {
		status, stdout, stderr := command(t, c.args...)
		if status != c.status {
			t.Errorf("%s: status %d, want %d\n%s%s", name, status, c.status, stdout, stderr)
		}
		for _, w := range c.says {
			if !strings.Contains(strings.ReplaceAll(stdout+stderr, "核验结论: ", "核验结论："), w) {
				t.Errorf("%s does not say %q:\n%s%s", name, w, stdout, stderr)
			}
		}
	}
}

// TestTrustWitness names witnesses by key, by file, and together with other keys.
func TestTrustWitness(t *testing.T) {
	key, err := witness.NewKey("court.test/w", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	other, err := witness.NewKey("police.test/w", bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := bundletest.New(t)
	w.Cosign = func(c *ledger.SignedCheckpoint) *ledger.SignedCheckpoint {
		sig, err := key.Cosign(c.Checkpoint, w.Now)
		if err == nil {
			c, err = c.WithSignature(sig, key)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	s := bundletest.NewStory(w)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.zip", s.Bundle(s.Options()))
	both := write("witnesses", []byte("# who watches\n\n"+key.Text()+"\n"+other.Text()+"\n"))
	mixed := write("mixed", []byte(s.LogKey.VerifierText()+"\n"+key.Text()+"\n"))
	for name, c := range map[string]struct {
		args   []string
		status int
		says   []string
	}{
		"none":                {[]string{good}, 0, []string{"1 cosignatures", "--trust-witness"}},
		"one":                 {[]string{good, "--trust-witness", key.Text()}, 0, []string{"Witnesses that you trust", "court.test/w", "1 of the witnesses that you trust"}},
		"in Chinese":          {[]string{good, "--trust-witness", key.Text(), "--lang", "zh"}, 0, []string{"您信任的见证方", "court.test/w"}},
		"one of two":          {[]string{good, "--trust-witness", both}, 1, []string{"NOT AUTHENTIC", "1 of the 2 trusted witnesses", "2 are needed"}},
		"one of two will do":  {[]string{good, "--trust-witness", both, "--witness-quorum", "1"}, 0, []string{"court.test/w"}},
		"another":             {[]string{good, "--trust-witness", other.Text()}, 1, []string{"0 of the 1 trusted witnesses"}},
		"with the others":     {[]string{good, "--trust", mixed}, 0, []string{"court.test/w", "a key that you trust", "21 of 21 passed"}},
		"a ledger's key":      {[]string{good, "--trust-witness", s.LogKey.VerifierText()}, 2, []string{"not a key"}},
		"a file with another": {[]string{good, "--trust-witness", mixed}, 2, []string{"not the verifier key of a witness"}},
		"twice":               {[]string{good, "--trust-witness", key.Text(), "--trust-witness", key.Text()}, 2, []string{"twice"}},
		"a quorum alone":      {[]string{good, "--witness-quorum", "1"}, 2, []string{"no witness is named"}},
		"too large a quorum":  {[]string{good, "--trust-witness", both, "--witness-quorum", "3"}, 2, []string{"the quorum is 3"}},
	} {
		status, stdout, stderr := command(t, c.args...)
		if status != c.status {
			t.Errorf("%s: status %d, want %d\n%s%s", name, status, c.status, stdout, stderr)
		}
		for _, part := range c.says {
			if !strings.Contains(stdout+stderr, part) {
				t.Errorf("%s does not say %q:\n%s%s", name, part, stdout, stderr)
			}
		}
	}
	page := filepath.Join(dir, "page.html")
	if status, _, stderr := command(t, good, "--trust-witness", key.Text(), "--report", page); status != 0 {
		t.Fatal(stderr)
	}
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "Trusted witnesses of the ledger") || !strings.Contains(string(html), "court.test/w") {
		t.Errorf("the page does not name the witness: %v", err)
	}
}

func TestJSON(t *testing.T) {
	_, good, changed, _ := files(t)
	for path, want := range map[string]string{good: "authentic", changed: "not authentic"} {
		_, stdout, _ := command(t, path, "--json")
		var v struct {
			Result   string           `json:"result"`
			Checks   []map[string]any `json:"checks"`
			Failures []map[string]any `json:"failures"`
			Limits   []map[string]any `json:"limits"`
		}
		if err := json.Unmarshal([]byte(stdout), &v); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(v.Result, want) || len(v.Checks) != len(verify.CheckNames()) || len(v.Limits) == 0 || (len(v.Failures) > 0) != (want == "not authentic") {
			t.Errorf("%s: %+v", path, v)
		}
	}
}

func TestPage(t *testing.T) {
	_, good, _, _ := files(t)
	page := filepath.Join(t.TempDir(), "page.html")
	if status, _, stderr := command(t, good, "--report", page, "--lang", "zh"); status != 0 {
		t.Fatal(stderr)
	}
	data, err := os.ReadFile(page)
	if err != nil || !bytes.Contains(data, []byte("核验结论")) || !bytes.Contains(data, []byte("本页由核验程序")) {
		t.Errorf("the page: %v", err)
	}
}

// nodeScript loads the verifier as a page would and verifies a file in it.
const nodeScript = `
require(process.argv[2]);
const fs = require("fs");
const go = new Go();
WebAssembly.instantiate(fs.readFileSync(process.argv[3]), go.importObject).then(async (w) => {
  go.run(w.instance);
  for (const path of process.argv.slice(4)) {
    const data = fs.readFileSync(path);
    const source = { size: data.length, read: async (at, n) => new Uint8Array(data.subarray(at, at + n)) };
    try {
      const r = await custodyVerify(source, { lang: "zh" });
      console.log(r.status, JSON.parse(r.json).result, r.html.includes("核验结论"));
    } catch (e) {
      console.log(2, e.message);
    }
  }
  process.exit(0);
});
`

// TestWebAssembly builds the verifier for a page, and runs it where node is.
func TestWebAssembly(t *testing.T) {
	dir := t.TempDir()
	wasm := filepath.Join(dir, "verify.wasm")
	build := exec.Command("go", "build", "-o", wasm, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("it does not build for js/wasm: %v\n%s", err, out)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Log("node is not here; the build alone was checked")
		return
	}
	_, good, changed, other := files(t)
	script := filepath.Join(dir, "run.js")
	if err := os.WriteFile(script, []byte(nodeScript), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	support := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js")
	out, err := exec.Command(node, script, support, wasm, good, changed, other).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "0 authentic") || lines[1] != "1 not authentic true" || !strings.HasPrefix(lines[2], "2 ") {
		t.Errorf("in a page it says:\n%s", out)
	}
}
