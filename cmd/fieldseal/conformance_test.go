package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"testing"

	"fieldseal/mobile-contract/conformance"
	"fieldseal/sync/ingest"
)

// serving runs the server of a data directory until the test ends, and gives its address.
func serving(t *testing.T, dir string) string {
	t.Helper()
	url, stop := servingAt(t, dir, "127.0.0.1:0")
	t.Cleanup(stop)
	return url
}

// servingAt runs it at an address until stop.
func servingAt(t *testing.T, dir, address string) (url string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg.PublicURL = "http://" + l.Addr().String()
	h, err := openWith(t.Context(), cfg, slog.New(slog.DiscardHandler), ingest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s, done, err := newServer(h)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	return cfg.PublicURL, func() {
		cancel()
		if err := errors.Join(<-ended, h.close()); err != nil {
			t.Error(err)
		}
		done()
	}
}

var codeIn = regexp.MustCompile(`[0-9A-Z]{4}(-[0-9A-Z]{4})+`)

func code(t *testing.T, dir string) string {
	t.Helper()
	out := must(t, "--data", dir, "admin", "code", "--login", "liwei")
	c := codeIn.FindString(out)
	if c == "" {
		t.Fatalf("no code in %q", out)
	}
	return c
}

func TestConformanceServer(t *testing.T) {
	dir := newData(t)
	url := serving(t, dir)
	out, err := do(t, "", "conformance", "server", url, "--code", code(t, dir), "--code", code(t, dir), "--only", "chain.", "--json")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r conformance.Report
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &r); err != nil || r.Count(conformance.Pass) < 10 {
		t.Errorf("%d rules kept (%v):\n%s", r.Count(conformance.Pass), err, out)
	}
	// The same codes again are spent: the answer is no, and it says why.
	out, err = do(t, "", "conformance", "server", url, "--code", "NONE-0000", "--code", "NONE-0001", "--only", "chain.")
	if !errors.Is(err, errNo) || !strings.Contains(out, "FAIL  enrol.answer") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := do(t, "", "conformance", "server", url, "--code", "ONE"); err == nil || errors.Is(err, errNo) {
		t.Errorf("one code: %v", err)
	}
}

// Nobody came: nothing was kept, so the answer is no.
func TestConformanceClientWithoutOne(t *testing.T) {
	out, err := do(t, "\n", "conformance", "client", "--clients", "2")
	if !errors.Is(err, errNo) || !strings.Contains(out, "no device was enrolled") || len(codeIn.FindAllString(out, -1)) != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}
