package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/keeper"

	"gopkg.in/yaml.v3"
)

// witnessAt is a real witness behind TLS; it tells told of each cosignature.
func witnessAt(t *testing.T, name string, log *ledger.Key, told chan<- string) WitnessConfig {
	t.Helper()
	dir := t.TempDir()
	p := keeper.Paths{State: filepath.Join(dir, "state"), Marks: filepath.Join(dir, "marks")}
	if err := keeper.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	k, err := keeper.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	key, err := witness.GenerateKey(name)
	if err != nil {
		t.Fatal(err)
	}
	h := &keeper.Handler{Keeper: k, Key: key, Logs: witness.Logs{log.Name(): {log.Verifier()}}, Log: slog.New(slog.DiscardHandler)}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		told <- name
	}))
	t.Cleanup(func() {
		s.Close()
		_ = k.Close()
	})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return WitnessConfig{Name: name, Key: key.Text(), URL: s.URL, CA: ca}
}

// reconfigure changes a data directory's configuration.
func reconfigure(t *testing.T, dir string, change func(*Config)) {
	t.Helper()
	path := filepath.Join(dir, configName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := defaults(dir)
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	change(&c)
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
}

// TestServeWithWitnesses: the server that is configured with witnesses has its
// checkpoints cosigned, and everything of it stops with the server.
func TestServeWithWitnesses(t *testing.T) {
	dir := newData(t)
	h, err := openHouse(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	logKey, err := ledger.ParseVerifier(h.engine.LogKey())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	key := readLogKey(t, dir)
	told := make(chan string, 100)
	reconfigure(t, dir, func(c *Config) {
		c.Listen, c.Quorum = "127.0.0.1:0", 2
		for _, name := range []string{"police.test/w", "court.test/w"} {
			c.Witnesses = append(c.Witnesses, witnessAt(t, name, key, told))
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	root, done := rootCommand(), make(chan error, 1)
	root.SetArgs([]string{"serve", "--data", dir})
	go func() { done <- root.ExecuteContext(ctx) }()
	for seen := map[string]bool{}; len(seen) < 2; {
		select {
		case name := <-told:
			seen[name] = true
		case err := <-done:
			t.Fatalf("serve ended: %v", err)
		}
	}
	awaitCosigned(t, dir)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if h, err = openHouse(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	}()
	err = h.store.Read(t.Context(), func(tx *store.Tx) error {
		var text string
		if _, err := tx.Get("SELECT note FROM cosigned ORDER BY at DESC LIMIT 1", nil, &text); err != nil {
			return err
		}
		c, err := ledger.ParseCheckpoint([]byte(text), logKey)
		if err == nil && len(c.Signatures()) < 2 {
			t.Errorf("stored is %s", text)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// awaitCosigned waits until a server at work has stored a cosigned checkpoint: a
// witness is asked some time before its answer is kept.
func awaitCosigned(t *testing.T, dir string) {
	t.Helper()
	cfg, err := loadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), cfg.store())
	if err != nil {
		t.Fatal(err)
	}
	for found := false; !found; time.Sleep(10 * time.Millisecond) {
		if err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
			var text string
			_, err = tx.Get("SELECT note FROM cosigned ORDER BY at DESC LIMIT 1", nil, &text)
			found = strings.Count(text, "\n\u2014") > 2 || err != nil
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// openCase opens the case HW-1, as the authority.
func openCase(t *testing.T, dir string) {
	t.Helper()
	h, err := openHouse(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.engine.Author(t.Context(), ingest.Draft{Case: event.UUID{15: 1}, Body: &event.CaseOpened{Number: "HW-1", Title: "Drums", Authority: "City Environment Bureau"}})
	if err = errors.Join(err, h.close()); err != nil {
		t.Fatal(err)
	}
}

// TestBundleIsWitnessed: the command that makes a bundle asks the witnesses by
// itself, and says so where there is no quorum.
func TestBundleIsWitnessed(t *testing.T) {
	dir := newData(t)
	key := readLogKey(t, dir)
	openCase(t, dir)
	told := make(chan string, 100)
	names := []string{"police.test/w", "court.test/w"}
	var keys []string
	reconfigure(t, dir, func(c *Config) {
		for _, name := range names {
			w := witnessAt(t, name, key, told)
			keys = append(keys, w.Key)
			c.Witnesses = append(c.Witnesses, w)
		}
	})
	verdict := func(out string) *verify.Verdict {
		t.Helper()
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		v, err := verify.Verify(t.Context(), bytes.NewReader(data), int64(len(data)), verify.Options{TrustedWitnesses: keys})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	out := filepath.Join(t.TempDir(), "case.zip")
	if said := must(t, "--data", dir, "bundle", "--case", "HW-1", "--out", out); !strings.Contains(said, "cosigned by 2 of 2 witnesses") {
		t.Errorf("it says %s", said)
	}
	if v := verdict(out); v.Result == verify.NotAuthentic || len(v.Witnesses) != 2 {
		t.Errorf("%s: %+v", v.Result, v.Failures)
	}
	reconfigure(t, dir, func(c *Config) { c.Witnesses[0].URL, c.Witnesses[1].URL = "http://127.0.0.1:1", "http://127.0.0.1:2" })
	out = filepath.Join(t.TempDir(), "case.zip")
	if said := must(t, "--data", dir, "bundle", "--case", "HW-1", "--out", out); !strings.Contains(said, "NOT WITNESSED: 0 of 2") {
		t.Errorf("it says %s", said)
	}
	if v := verdict(out); v.Result != verify.NotAuthentic || len(v.Failures) != 1 || v.Failures[0].Check != "witnesses" {
		t.Errorf("%s: %+v", v.Result, v.Failures)
	}
}

func readLogKey(t *testing.T, dir string) *ledger.Key {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "keys", logKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	k, err := ledger.ParseKey(string(bytes.TrimSpace(data)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWitnessConfigRefused(t *testing.T) {
	key := func(name string) string {
		k, err := witness.GenerateKey(name)
		if err != nil {
			t.Fatal(err)
		}
		return k.Text()
	}
	a := WitnessConfig{Name: "police", Key: key("police.test/w"), URL: "https://police.test"}
	b := WitnessConfig{Name: "court", Key: key("court.test/w"), URL: "https://court.test/witness"}
	for name, x := range map[string]struct {
		list   []WitnessConfig
		quorum int
		want   string
	}{
		"none":                {nil, 0, ""},
		"one":                 {[]WitnessConfig{a}, 0, ""},
		"two":                 {[]WitnessConfig{a, b}, 1, ""},
		"a quorum of nobody":  {nil, 1, "no witnesses"},
		"too large a quorum":  {[]WitnessConfig{a, b}, 3, "quorum of 3"},
		"one twice":           {[]WitnessConfig{a, a}, 0, "its own"},
		"no key":              {[]WitnessConfig{{Name: "court", URL: a.URL}}, 0, "key"},
		"the key of a ledger": {[]WitnessConfig{{Name: "court", URL: a.URL, Key: "ledger.example/agency-a+a6435ea3+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"}}, 0, "a log's is 1"},
		"without TLS":         {[]WitnessConfig{{Name: "court", URL: "http://court.test", Key: b.Key}}, 0, "TLS"},
	} {
		c := defaults(t.TempDir())
		c.Origin, c.Witnesses, c.Quorum = "custody.test/log", x.list, x.quorum
		if err := c.Validate(); (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := defaults(t.TempDir())
	for n, want := range []int{0, 1, 2, 2} {
		c.Witnesses = []WitnessConfig{a, b, a}[:n]
		if got := c.witnessQuorum(); got != want {
			t.Errorf("the quorum of %d is %d", n, got)
		}
	}
	bad := a
	bad.CA = filepath.Join(t.TempDir(), "no.pem")
	if _, err := c.witnessClient(bad); err == nil {
		t.Error("a CA that is not there")
	}
	if err := os.WriteFile(bad.CA, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.witnessClient(bad); err == nil {
		t.Error("a CA that is none")
	}
}
