package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// logKeyOf is the key that an export prints.
func logKeyOf(t *testing.T, out string) string {
	t.Helper()
	m := regexp.MustCompile(`--key (\S+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no key in %s", out)
	}
	return m[1]
}

func TestLogExportAndCheck(t *testing.T) {
	dir := newData(t)
	out := filepath.Join(t.TempDir(), "www", "log")
	first := must(t, "--data", dir, "log", "export", out)
	key := logKeyOf(t, first)
	if !strings.Contains(first, "3 entries") || !strings.Contains(first, "2 files written") {
		t.Error(first)
	}
	last := filepath.Join(t.TempDir(), "last.txt")
	if text := must(t, "log", "check", out, "--key", key, "--save", last); !strings.Contains(text, "3 entries, 1 tiles, 1 signatures") || !strings.Contains(text, "only with --earlier") {
		t.Error(text)
	}
	must(t, "--data", dir, "admin", "org", "add", "--name", "East Laboratory", "--kind", "lab")
	must(t, "--data", dir, "log", "export", out)
	web := httptest.NewServer(http.StripPrefix("/log", http.FileServer(http.Dir(out))))
	defer web.Close()
	if text := must(t, "log", "check", web.URL+"/log/", "--key", key, "--earlier", last, "--save", last); !strings.Contains(text, "4 entries") || !strings.Contains(text, "continues the earlier checkpoint of 3") {
		t.Error(text)
	}
	if text := must(t, "log", "check", out, "--key", key, "--earlier", last, "--json"); !strings.Contains(text, `"earlier_size": 4`) || !strings.Contains(text, `"faults": []`) {
		t.Error(text)
	}
	saved, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(out, "tile/entries/000.p/4")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[130] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{out, web.URL + "/log"} {
		text, err := do(t, "", "log", "check", from, "--key", key, "--save", last)
		if !errors.Is(err, errNo) || !strings.Contains(text, "WRONG  tile/entries/000.p/4: entry 1 ") {
			t.Errorf("%s: %v\n%s", from, err, text)
		}
	}
	if again, err := os.ReadFile(last); err != nil || string(again) != string(saved) {
		t.Errorf("the checkpoint of a wrong log was saved: %v", err)
	}
	if _, err := do(t, "", "--data", dir, "log", "export", out); err == nil || !strings.Contains(err.Error(), "differs from the log") || !strings.Contains(err.Error(), "tile/entries/000.p/4") {
		t.Errorf("over a file that differs: %v", err)
	}
}

// What could not be checked is no verdict.
func TestLogCheckCannotBeDone(t *testing.T) {
	dir := newData(t)
	out := t.TempDir()
	key := logKeyOf(t, must(t, "--data", dir, "log", "export", out))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer web.Close()
	for name, args := range map[string][]string{
		"a directory that is not there": {filepath.Join(out, "nothing"), "--key", key}, "a bad key": {out, "--key", "x"}, "a bad address": {"http://", "--key", key},
		"a witness's key that is a log's": {out, "--key", key, "--witness", key}, "no earlier file": {out, "--key", key, "--earlier", filepath.Join(out, "x")},
		"an earlier file that is none": {out, "--key", key, "--earlier", filepath.Join(out, "tile/0/000.p/3")}, "a server that forbids": {web.URL, "--key", key}, "no key": {out},
	} {
		if text, err := do(t, "", append([]string{"log", "check"}, args...)...); err == nil || errors.Is(err, errNo) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	if text, err := do(t, "", "log", "check", t.TempDir(), "--key", key); !errors.Is(err, errNo) || !strings.Contains(text, "checkpoint: it is missing") {
		t.Errorf("an empty directory: %v\n%s", err, text)
	}
}
