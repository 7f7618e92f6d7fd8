package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fieldseal/sync/bundle/bundletest"
)

// browser gives the page's scripts what little of a browser they touch, and
// checks files as the page would.
const browser = `
const fs = require("fs");
const page = fs.readFileSync(process.argv[2], "utf8");
const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map((m) => m[1]);
const wasm = page.match(/id="wasm">([\s\S]*?)<\/script>/)[1];
const elements = {};
globalThis.document = {
  documentElement: {},
  getElementById: (id) => elements[id] ??= { textContent: id === "wasm" ? wasm : "", value: "", files: [], classList: { add() {}, remove() {} }, addEventListener() {} },
};
Object.defineProperty(globalThis, "navigator", { value: { language: "zh-CN" } });
for (const name of ["fetch", "XMLHttpRequest", "WebSocket"]) globalThis[name] = () => { throw new Error("the page reached for the network"); };
(0, eval)(scripts.join("\n") + "\nglobalThis.run = run;");
(async () => {
  for (const path of process.argv.slice(3)) {
    const file = new Blob([fs.readFileSync(path)]);
    file.name = path;
    await run(file);
    console.log(elements.verdict.className, elements.verdict.textContent, (elements.report.srcdoc || "").includes("核验结论"));
  }
  process.exit(0);
})();
`

func TestPage(t *testing.T) {
	page, err := build()
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(page), `id="wasm">`)
	if !strings.Contains(head, "default-src 'none'") {
		t.Error("the page may load something")
	}
	if m := regexp.MustCompile(`(?i)(src|href)="[^"]`).FindString(head); m != "" {
		t.Errorf("the page points to something else: %s", m)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Log("node is not here; the page was built and not run")
		return
	}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s := bundletest.NewStory(bundletest.New(t))
	good := s.Bundle(s.Options())
	bad := append([]byte{}, good...)
	bad[len(bad)/2] ^= 1
	out, err := exec.Command(node, write("run.js", []byte(browser)), write("page.html", page), write("good.zip", good), write("bad.zip", bad), write("none.zip", []byte("x"))).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "真实") || strings.Contains(lines[0], "不真实") || !strings.HasSuffix(lines[0], "true") ||
		!strings.HasPrefix(lines[1], "bad 不真实") || !strings.HasPrefix(lines[2], "bad 该文件无法作为证据包读取") {
		t.Errorf("the page says:\n%s", out)
	}
}

func TestAssemble(t *testing.T) {
	if _, err := assemble([]byte("wasm"), []byte("x</script>")); err == nil {
		t.Error("a script that ends its own element is taken")
	}
}
