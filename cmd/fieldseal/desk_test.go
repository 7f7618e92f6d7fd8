package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/api/console/checker"
)

// TestCertificate: the command writes the certificate of a case, and says what is
// missing where there is none.
func TestCertificate(t *testing.T) {
	dir := newData(t)
	out := filepath.Join(t.TempDir(), "case.pdf")
	if text, err := do(t, "", "--data", dir, "certificate", "--case", "none", "--out", out); err == nil || !strings.Contains(err.Error(), "there is no case") {
		t.Errorf("%v\n%s", err, text)
	}
	openCase(t, dir)
	for _, lang := range []string{"en", "zh"} {
		text := must(t, "--data", dir, "certificate", "--case", "HW-1", "--lang", lang, "-o", out)
		data, err := os.ReadFile(out)
		if err != nil || !bytes.HasPrefix(data, []byte("%PDF-")) || !strings.Contains(text, "over ") {
			t.Errorf("%s: %v\n%s", lang, err, text)
		}
	}
	if _, err := do(t, "", "--data", dir, "certificate", "--case", "HW-1", "--lang", "fr", "-o", out); err == nil || !strings.Contains(err.Error(), "neither en nor zh") {
		t.Errorf("a language that it does not have: %v", err)
	}
	if _, err := do(t, "", "--data", dir, "certificate", "--case", "HW-1", "--item", "nothing", "-o", out); err == nil || !strings.Contains(err.Error(), "no exhibit") {
		t.Errorf("an exhibit that is not there: %v", err)
	}
	reconfigure(t, dir, func(c *Config) { c.ChineseFont = "no-such.ttf" })
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, "", "--data", dir, "certificate", "--case", "HW-1", "--lang", "zh", "-o", out); err == nil || !strings.Contains(err.Error(), "fonts-droid-fallback") {
		t.Errorf("without the font: %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a certificate was written all the same")
	}
}

// TestOpenDesks: a server finds the verifier where it is configured, and runs
// without one, saying how to get it.
func TestOpenDesks(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	h := &house{cfg: Config{Verify: "v", dir: dir}, log: slog.New(slog.NewTextHandler(&log, nil))}
	if err := h.openDesks(); err != nil || h.verifier != nil || h.fonts == nil || !strings.Contains(log.String(), "make build") {
		t.Errorf("%v, %s", err, log.String())
	}
	if err := (&checker.Files{Wasm: []byte("a"), Worker: []byte("b"), Page: []byte("c")}).Write(filepath.Join(dir, "v")); err != nil {
		t.Fatal(err)
	}
	if err := h.openDesks(); err != nil || h.verifier == nil || string(h.verifier.Page) != "c" {
		t.Errorf("%v, %+v", err, h.verifier)
	}
	h.cfg.ChineseFont = "v/" + checker.PageFile
	if err := h.openDesks(); err == nil || !strings.Contains(err.Error(), "TrueType") {
		t.Errorf("a font that is none: %v", err)
	}
	if got, err := (Config{}).verifyDir(); err != nil || filepath.Base(got) != checker.Dir {
		t.Errorf("%s: %v", got, err)
	}
}

// TestCertificateIsWitnessed: the command has the ledger cosigned first, and says
// how many witnesses did.
func TestCertificateIsWitnessed(t *testing.T) {
	dir := newData(t)
	key := readLogKey(t, dir)
	openCase(t, dir)
	told := make(chan string, 100)
	reconfigure(t, dir, func(c *Config) {
		for _, name := range []string{"police.test/w", "court.test/w"} {
			c.Witnesses = append(c.Witnesses, witnessAt(t, name, key, told))
		}
	})
	out := filepath.Join(t.TempDir(), "case.pdf")
	if said := must(t, "--data", dir, "certificate", "--case", "HW-1", "-o", out); !strings.Contains(said, "cosigned by 2 witnesses") {
		t.Errorf("it says %s", said)
	}
}
