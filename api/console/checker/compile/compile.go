// Package compile builds the verifier for browsers with the Go tool, for the
// command that ships it and for tests. It must run within this module.
package compile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fieldseal/api/console/checker"
)

// Files compiles the verifier and puts its files together.
func Files(ctx context.Context) (f *checker.Files, err error) {
	dir, err := os.MkdirTemp("", "custody-verify-page-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if rm := os.RemoveAll(dir); err == nil {
			err = rm
		}
	}()
	out := filepath.Join(dir, "verify.wasm")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "fieldseal/cmd/custody-verify")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the verifier: %w\n%s", err, msg)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("finding Go's support script: %w", err)
	}
	support, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return nil, fmt.Errorf("finding Go's support script: %w", err)
	}
	return checker.Assemble(wasm, support)
}
