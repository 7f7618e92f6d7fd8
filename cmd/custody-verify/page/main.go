// Command page builds the verifier as one HTML file that works offline: opened
// from a disk, it verifies bundles in the browser, which may not fetch anything.
//
//	go run ./cmd/custody-verify/page custody-verify.html
package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed page.html
var template string

//go:embed page.js
var script string

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./cmd/custody-verify/page OUT.html")
		os.Exit(2)
	}
	page, err := build()
	if err == nil {
		err = os.WriteFile(os.Args[1], page, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

// build compiles the verifier and puts the page together.
func build() ([]byte, error) {
	dir, err := os.MkdirTemp("", "custody-verify-page-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "verify.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "fieldseal/cmd/custody-verify")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the verifier: %w\n%s", err, msg)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("finding Go's support script: %w", err)
	}
	support, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return nil, fmt.Errorf("finding Go's support script: %w", err)
	}
	return assemble(wasm, support)
}

// assemble puts the parts into the page.
func assemble(wasm, support []byte) ([]byte, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(wasm); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	page := template
	for mark, part := range map[string]string{
		"/*SUPPORT*/": string(support), "/*SCRIPT*/": script, "/*WASM*/": base64.StdEncoding.EncodeToString(packed.Bytes()),
	} {
		if strings.Contains(part, "</script") {
			return nil, errors.New("a script would end the element that it stands in")
		}
		before, after, ok := strings.Cut(page, mark)
		if !ok {
			return nil, fmt.Errorf("the page has no place %s", mark)
		}
		page = before + part + after
	}
	return []byte(page), nil
}
