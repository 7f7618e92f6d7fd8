package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/witnesstest"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
)

const origin = "custody.test/log"

// do runs a command in this process.
func do(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), code
}

func must(t testing.TB, args ...string) string {
	t.Helper()
	out, errs, code := do(t, args...)
	if code != 0 {
		t.Fatalf("%v: %d %s", args, code, errs)
	}
	return out
}

// lines collects what a serving witness says.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var address = regexp.MustCompile(`msg=witnessing address=(\S+)`)

// start serves a data directory until stop.
func start(t testing.TB, dir string, args ...string) (addr string, said *lines, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	said, done := &lines{}, make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}, args...), io.Discard, said)
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if code := <-done; code != 0 {
				t.Errorf("serve ended with %d: %s", code, said)
			}
		})
	}
	t.Cleanup(stop)
	for {
		if m := address.FindStringSubmatch(said.String()); m != nil {
			return m[1], said, stop
		}
		select {
		case code := <-done:
			done <- code
			t.Fatalf("serve ended with %d: %s", code, said)
		case <-time.After(time.Millisecond):
		}
	}
}

func newData(t testing.TB, args ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "witness")
	l := witnesstest.New(origin, 0, "a")
	must(t, append([]string{"init", "--data", dir, "--name", "court.test/witness", "--log", l.Key.VerifierText()}, args...)...)
	return dir
}

// post asks for a cosignature.
func post(t testing.TB, client *http.Client, url string, l *witnesstest.Log, old ledger.Size) (status int, body string) {
	t.Helper()
	r := &witness.Request{Old: old, Proof: l.Proof(old), Note: l.Checkpoint().Note()}
	resp, err := client.Post(url+"/add-checkpoint", "", bytes.NewReader(r.Marshal()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func TestEveryCommandHasAnExample(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() != "help" && c.Name() != "completion" && (c.Example == "" || c.Short == "") {
			t.Errorf("%s has no example or no short text", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand())
}

// TestLife: made, serving, stopped, serving again; a fork is refused, kept and told.
func TestLife(t *testing.T) {
	dir := newData(t)
	l := witnesstest.New(origin, 5, "a")
	addr, _, stop := start(t, dir)
	status, body := post(t, http.DefaultClient, "http://"+addr, l, 0)
	sigs, err := witness.ParseCosignatures([]byte(body))
	if status != 200 || err != nil {
		t.Fatalf("%d %s", status, body)
	}
	var s statusJSON
	readStatus(t, dir, 0, &s)
	v, err := witness.ParseVerifier(s.Key)
	if err != nil || s.Witness != "court.test/witness" || len(s.Logs) != 1 || s.Logs[0].Size != 5 || !s.Logs[0].Trusted || s.Logs[0].Root != l.Root().String() {
		t.Errorf("%+v, %v", s, err)
	}
	if both, err := l.Checkpoint().WithSignature(sigs[0], v); err != nil || len(both.Verified()) != 2 {
		t.Errorf("the cosignature: %v", err)
	}
	stop()
	addr, said, stop := start(t, dir)
	other := witnesstest.New(origin, 9, "b")
	if status, body = post(t, http.DefaultClient, "http://"+addr, other, 5); status != 422 {
		t.Errorf("%d %s", status, body)
	}
	l.Grow(4, "a")
	if status, body = post(t, http.DefaultClient, "http://"+addr, l, 5); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if !strings.Contains(said.String(), "second history") {
		t.Errorf("said %s", said)
	}
	stop()
	readStatus(t, dir, 1, &s)
	if s.OK || s.Logs[0].Evidence != 1 || s.Logs[0].Size != 9 {
		t.Errorf("%+v", s)
	}
	if out, _, code := do(t, "status", "--data", dir); code != 1 || !strings.Contains(out, "ALARM") || !strings.Contains(out, "9 entries") {
		t.Errorf("%d %s", code, out)
	}
	to := filepath.Join(t.TempDir(), "evidence")
	must(t, "evidence", "--data", dir, "--origin", origin, "--out", to)
	for name, part := range map[string]string{"001-request.txt": string(other.Checkpoint().Note()), "001-cosigned.txt": origin + "\n5\n"} {
		if data, err := os.ReadFile(filepath.Join(to, name)); err != nil || !strings.Contains(string(data), part) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if _, errs, code := do(t, "evidence", "--data", dir, "--origin", origin, "--out", to); code != 2 {
		t.Errorf("written over: %s", errs)
	}
}

type statusJSON struct {
	Witness, Key, Lost string
	OK                 bool
	Logs               []struct {
		Origin, Root string
		Trusted      bool
		Size         int64
		Evidence     int
	}
}

func readStatus(t testing.TB, dir string, want int, to *statusJSON) {
	t.Helper()
	out, errs, code := do(t, "status", "--data", dir, "--json")
	*to = statusJSON{}
	if err := json.Unmarshal([]byte(out), to, json.MatchCaseInsensitiveNames(true)); err != nil || code != want {
		t.Fatalf("%d %s %s: %v", code, out, errs, err)
	}
}

// TestLost: a witness that has lost its memory does not start, does not let itself
// be made anew, and goes on by a reseed.
func TestLost(t *testing.T) {
	dir := newData(t)
	l := witnesstest.New(origin, 5, "a")
	addr, _, stop := start(t, dir)
	if status, body := post(t, http.DefaultClient, "http://"+addr, l, 0); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	stop()
	remove := func(names ...string) {
		for _, name := range names {
			if err := os.Rename(filepath.Join(dir, name), filepath.Join(t.TempDir(), "gone")); err != nil {
				t.Fatal(err)
			}
		}
	}
	refused := func() {
		t.Helper()
		if _, errs, code := do(t, "serve", "--data", dir); code != 2 || !strings.Contains(errs, "reseed") {
			t.Errorf("%d %s", code, errs)
		}
		if _, errs, code := do(t, "init", "--data", dir, "--name", "court.test/witness"); code != 2 || !strings.Contains(errs, "reseed") {
			t.Errorf("%d %s", code, errs)
		}
		if err := os.Rename(filepath.Join(dir, configName), filepath.Join(dir, "aside")); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := do(t, "init", "--data", dir, "--name", "court.test/witness"); code != 2 || !strings.Contains(errs, "reseed") {
			t.Errorf("without the configuration: %d %s", code, errs)
		}
		if err := os.Rename(filepath.Join(dir, "aside"), filepath.Join(dir, configName)); err != nil {
			t.Fatal(err)
		}
	}
	remove("witness.sqlite")
	refused()
	if out := must(t, "reseed", "--data", dir, "--origin", origin); !strings.Contains(out, "5 entries") {
		t.Errorf("%s", out)
	}
	remove("witness.sqlite", "marks/marks.sqlite")
	refused()
	if _, errs, code := do(t, "reseed", "--data", dir, "--origin", origin); code != 2 || !strings.Contains(errs, "checkpoint") {
		t.Errorf("%d %s", code, errs)
	}
	file := filepath.Join(t.TempDir(), "newest.txt")
	for text, want := range map[string]int{"": 2, string(witnesstest.New("other.test/log", 5, "a").Checkpoint().Note()): 2} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := do(t, "reseed", "--data", dir, "--origin", origin, "--checkpoint", file); code != want {
			t.Errorf("from %q: %d %s", text, code, errs)
		}
	}
	if err := os.WriteFile(file, l.Checkpoint().Note(), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "reseed", "--data", dir, "--origin", origin, "--checkpoint", file, "--json")
	addr, _, _ = start(t, dir)
	if status, body := post(t, http.DefaultClient, "http://"+addr, witnesstest.New(origin, 9, "b"), 5); status != 422 {
		t.Errorf("a fork after the reseed: %d %s", status, body)
	}
	l.Grow(1, "a")
	if status, body := post(t, http.DefaultClient, "http://"+addr, l, 5); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// certificate makes one for 127.0.0.1.
func certificate(t testing.TB) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, x, x, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key, pool = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool.AppendCertsFromPEM(text)
	if err := errors.Join(os.WriteFile(cert, text, 0o600), os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600)); err != nil {
		t.Fatal(err)
	}
	return cert, key, pool
}

func TestTLSAndPrefix(t *testing.T) {
	cert, key, pool := certificate(t)
	dir := newData(t, "--tls-certificate", cert, "--tls-key", key, "--listen", "0.0.0.0:8443")
	text, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, configName), append(text, "prefix: /witness\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	addr, _, _ := start(t, dir, "--log-format", "text")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	l := witnesstest.New(origin, 5, "a")
	if status, body := post(t, client, "https://"+addr+"/witness", l, 0); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := post(t, client, "https://"+addr, l, 5); status != 404 {
		t.Errorf("without the prefix: %d %s", status, body)
	}
}

func TestConfigRefused(t *testing.T) {
	l := witnesstest.New(origin, 0, "a").Key.VerifierText()
	for name, args := range map[string][]string{
		"no name":              {"--name", ""},
		"a name with a space":  {"--name", "a b"},
		"an open address":      {"--name", "w", "--listen", "0.0.0.0:8100"},
		"no port":              {"--name", "w", "--listen", "127.0.0.1"},
		"a log that is none":   {"--name", "w", "--log", "custody.test/log"},
		"a log twice":          {"--name", "w", "--log", l, "--log", l},
		"a certificate alone":  {"--name", "w", "--tls-certificate", "c.pem"},
		"a witness as log":     {"--name", "w", "--log", "court.example/witness+98dacdd2+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"},
		"the state for marks":  {"--name", "w", "--marks", "@/witness.sqlite"},
		"an argument too many": {"--name", "w", "more"},
	} {
		dir := filepath.Join(t.TempDir(), "witness")
		for i := range args {
			args[i] = strings.Replace(args[i], "@", dir, 1)
		}
		if _, errs, code := do(t, append([]string{"init", "--data", dir}, args...)...); code != 2 || errs == "" {
			t.Errorf("%s: %d %s", name, code, errs)
		}
		if _, err := os.Stat(filepath.Join(dir, configName)); err == nil {
			t.Errorf("%s: made all the same", name)
		}
	}
	if _, errs, code := do(t, "serve", "--data", t.TempDir()); code != 2 || !strings.Contains(errs, "custody-witness init") {
		t.Errorf("%d %s", code, errs)
	}
	dir := newData(t)
	for name, text := range map[string]string{"an unknown key": "colour: red\n", "a bad level": "log: loud\n", "a bad prefix": "prefix: witness\n", "no yaml": "\t\n"} {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.CopyFS(bad, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		config, err := os.ReadFile(filepath.Join(dir, configName))
		if err != nil {
			t.Fatal(err)
		}
		config = regexp.MustCompile(`(?m)^log: .*\n`).ReplaceAll(config, nil)
		if err := os.WriteFile(filepath.Join(bad, configName), append(config, text...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := do(t, "serve", "--data", bad); code != 2 || !strings.Contains(errs, configName) {
			t.Errorf("%s: %d %s", name, code, errs)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "keys", "witness.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := do(t, "serve", "--data", dir); code != 2 || !strings.Contains(errs, "chmod 600") {
		t.Errorf("a key for all: %d %s", code, errs)
	}
}
