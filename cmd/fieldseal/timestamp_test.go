package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/ingest"
	"fieldseal/sync/stamp/stamptest"
	"fieldseal/sync/store"
)

// configure adds lines to a data directory's configuration.
func configure(t *testing.T, dir, lines string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, configName), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(lines)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTimestamps(t *testing.T) {
	dir := newData(t)
	if _, err := do(t, "", "--data", dir, "timestamp", "now"); !errors.Is(err, errNoTimestamps) {
		t.Errorf("without an authority: %v", err)
	}
	a := stamptest.New(t, stamptest.Options{})
	if err := os.WriteFile(filepath.Join(dir, "tsa.pem"), a.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	configure(t, dir, fmt.Sprintf("timestamps:\n  - name: one\n    url: %s\n    roots: tsa.pem\n    policies: [%s]\ntimestamp_every: 30m\n", a.Serve(), stamptest.Policy))
	for range 2 { // the second finds it stamped
		if out := must(t, "--data", dir, "timestamp", "now"); !strings.Contains(out, "3 entries is time-stamped by 1") {
			t.Error(out)
		}
	}
	if out := must(t, "--data", dir, "timestamp", "list"); strings.Count(out, "Test Time Stamping 1") != 1 || !strings.Contains(out, stamptest.Policy) {
		t.Error(out)
	}
	if out := must(t, "--data", dir, "timestamp", "list", "--json"); !strings.Contains(out, `"authority": "one"`) {
		t.Error(out)
	}
	must(t, "--data", dir, "fsck")
}

// TestServerStampsByItself: a running server has its ledger stamped, and ends with its stamping.
func TestServerStampsByItself(t *testing.T) {
	dir := newData(t)
	a := stamptest.New(t, stamptest.Options{})
	configure(t, dir, fmt.Sprintf("timestamps:\n  - {name: one, url: %q, roots: %q}\n", a.Serve(), a.RootFile()))
	cfg, err := loadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen = "127.0.0.1:0"
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, cfg, "text") }()
	s, err := store.Open(t.Context(), cfg.store())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		var kept []ingest.Token
		if err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
			kept, err = ingest.NewestTokens(tx, 10)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(kept) == 1 && kept[0].Size == 3 {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("no token has come")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTimestampConfig(t *testing.T) {
	good := TimestampConfig{Name: "one", URL: "https://tsa.test/", Roots: "tsa.pem"}
	for name, change := range map[string]func(c *Config){
		"no name": func(c *Config) { c.Timestamps[0].Name = "" }, "no url": func(c *Config) { c.Timestamps[0].URL = "tsa.test" },
		"no roots": func(c *Config) { c.Timestamps[0].Roots = "" }, "policy": func(c *Config) { c.Timestamps[0].Policies = []string{"default"} },
		"twice": func(c *Config) { c.Timestamps = append(c.Timestamps, good) }, "every second": func(c *Config) { c.TimestampEvery = time.Second },
	} {
		c := defaults(t.TempDir())
		c.Origin, c.Timestamps = "custody.test/log", []TimestampConfig{good}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "timestamp") {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := newData(t)
	if err := os.WriteFile(filepath.Join(dir, "tsa.pem"), []byte("no certificates"), 0o600); err != nil {
		t.Fatal(err)
	}
	configure(t, dir, "timestamps: [{name: one, url: 'http://127.0.0.1:1/', roots: tsa.pem}]\n")
	if _, err := do(t, "", "--data", dir, "timestamp", "now"); err == nil || !strings.Contains(err.Error(), "tsa.pem") {
		t.Errorf("roots that are none: %v", err)
	}
	if _, err := do(t, "", "--data", dir, "serve"); err == nil || !strings.Contains(err.Error(), "tsa.pem") {
		t.Errorf("a server with roots that are none: %v", err)
	}
	must(t, "--data", dir, "case", "list") // everything else goes on
}
