//go:build !js

package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/stamp"
	"fieldseal/sync/stamp/stamptest"

	"github.com/digitorus/timestamp"
)

// TestTimestamps: what the reader trusts decides what a time-stamp is worth.
func TestTimestamps(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	until := s.Now.AddDate(1, 0, 0)
	a := stamptest.New(t, stamptest.Options{From: s.Now.AddDate(0, -1, 0), Until: until, UntilCA: until})
	note := s.Notes[s.Newest]
	r, err := stamp.NewRequest(sha256.Sum256(note))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := stamp.ReadAnswer(a.Sign(r.DER, func(ts *timestamp.Timestamp) { ts.Time = s.Now.Add(time.Minute).UTC().Truncate(time.Second) }))
	if err != nil {
		t.Fatal(err)
	}
	s.Stamps = map[ledger.Size][]bundle.Token{s.Newest: {{Note: note, Authority: "one", Response: tok.Response(), Chain: []*x509.Certificate{a.Between, a.Root}}}}
	good, other := filepath.Join(t.TempDir(), "good.zip"), filepath.Join(t.TempDir(), "other.pem")
	for path, data := range map[string][]byte{good: s.Bundle(s.Options()), other: stamptest.New(t, stamptest.Options{}).RootPEM()} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		args   []string
		status int
		says   []string
	}{
		"trusted":           {[]string{good, "--trust-tsa", a.RootFile()}, 0, []string{"Time-stamps", "Test Time Stamping 1 — verified", "had been revoked"}},
		"one of two":        {[]string{good, "--trust-tsa", other, "--trust-tsa", a.RootFile(), "--tsa-policy", stamptest.Policy}, 0, []string{"— verified"}},
		"in Chinese":        {[]string{good, "--trust-tsa", a.RootFile(), "--lang", "zh"}, 0, []string{"时间戳", "— 核验通过"}},
		"not named":         {[]string{good}, 0, []string{"NOT verified: no time-stamping authority was named", "--trust-tsa"}},
		"another":           {[]string{good, "--trust-tsa", other}, 0, []string{"NOT verified", "does not lead to a trusted root", "TIMESTAMP_TOKEN_UNVERIFIED"}},
		"another policy":    {[]string{good, "--trust-tsa", a.RootFile(), "--tsa-policy", "1.2.3"}, 0, []string{"policy is not accepted"}},
		"no certificates":   {[]string{good, "--trust-tsa", good}, 2, []string{"--trust-tsa", "self-signed"}},
		"no such file":      {[]string{good, "--trust-tsa", good + "x"}, 2, []string{"no such file"}},
		"no policy":         {[]string{good, "--trust-tsa", other, "--tsa-policy", "default"}, 2, []string{"object identifier"}},
		"policy of nobody":  {[]string{good, "--tsa-policy", "1.2.3"}, 2, []string{"needs --trust-tsa"}},
		"the issuer is not": {[]string{good, "--trust-tsa", filepath.Join(filepath.Dir(a.RootFile()), "chain.pem")}, 2, []string{"Give the root"}},
	} {
		status, stdout, stderr := command(t, c.args...)
		if status != c.status {
			t.Errorf("%s: status %d, want %d\n%s%s", name, status, c.status, stdout, stderr)
		}
		for _, w := range c.says {
			if !strings.Contains(stdout+stderr, w) {
				t.Errorf("%s does not say %q:\n%s%s", name, w, stdout, stderr)
			}
		}
	}
	_, stdout, _ := command(t, good, "--json", "--trust-tsa", a.RootFile())
	var v struct {
		Tokens []struct {
			Verified  bool      `json:"verified"`
			Time      time.Time `json:"time"`
			Authority string    `json:"authority"`
		} `json:"tokens"`
	}
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || len(v.Tokens) != 1 || !v.Tokens[0].Verified || !v.Tokens[0].Time.Equal(tok.Info().Time) {
		t.Errorf("%+v: %v", v, err)
	}
	page := filepath.Join(t.TempDir(), "page.html")
	command(t, good, "--report", page, "--trust-tsa", a.RootFile())
	if data, err := os.ReadFile(page); err != nil || !strings.Contains(string(data), "Test Time Stamping 1") {
		t.Errorf("the page: %v", err)
	}
}
