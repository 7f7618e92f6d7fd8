package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"fieldseal/sync/ledger"
)

const origin = "ledger.example/agency-a"

func TestLoadOrCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	if _, err := Load(path, origin); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	k, created, err := LoadOrCreate(path, origin)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	again, created, err := LoadOrCreate(path, origin)
	if err != nil || created || again.SecretText() != k.SecretText() {
		t.Fatalf("second time: created %v, %v", created, err)
	}
	loaded, err := Load(path, origin)
	if err != nil || loaded.VerifierText() != k.VerifierText() {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
}

func TestExposedFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	if _, _, err := LoadOrCreate(path, origin); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var exposed *ExposedError
		for _, load := range []func() error{
			func() error { _, err := Load(path, origin); return err },
			func() error { _, _, err := LoadOrCreate(path, origin); return err },
		} {
			if err := load(); !errors.As(err, &exposed) || exposed.Mode != mode || !strings.Contains(err.Error(), "chmod 600 "+path) {
				t.Errorf("mode %04o: %v", mode, err)
			}
		}
	}
	for _, mode := range []fs.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, origin); err != nil {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	good, err := ledger.GenerateKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	text := good.SecretText()
	for name, c := range map[string]string{
		"empty":        "",
		"no newline":   text,
		"two newlines": text + "\n\n",
		"CRLF":         text + "\r\n",
		"two keys":     text + "\n" + text + "\n",
		"public key":   good.VerifierText() + "\n",
		"cut":          text[:len(text)-5] + "\n",
		"large":        strings.Repeat("a", 10<<20) + "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := LoadOrCreate(path, origin)
		if !errors.Is(err, ledger.ErrKey) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if len(text) > 80 && err != nil && strings.Contains(err.Error(), text[60:75]) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != c {
			t.Errorf("%s: the file was touched", name)
		}
	}
	path := filepath.Join(dir, "other log")
	if _, _, err := LoadOrCreate(path, origin); err != nil {
		t.Fatal(err)
	}
	var other *OriginError
	if _, err := Load(path, "ledger.example/agency-b"); !errors.As(err, &other) || other.Have != origin {
		t.Errorf("key of another log: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadOrCreate(filepath.Join(dir, "folder"), origin); err == nil {
		t.Error("a folder is taken for a key")
	}
	if _, _, err := LoadOrCreate(filepath.Join(dir, "absent", "key"), origin); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent folder: %v", err)
	}
	if _, _, err := LoadOrCreate(filepath.Join(dir, "new"), "two words"); !errors.Is(err, ledger.ErrOrigin) {
		t.Errorf("bad origin: %v", err)
	}
}

// TestCreateAtOnce: many start at once on an empty folder, all have one key.
func TestCreateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	const n = 20
	keys, made := make([]string, n), make([]bool, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			k, created, err := LoadOrCreate(path, origin)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i], made[i] = k.SecretText(), created
		})
	}
	wg.Wait()
	creators := 0
	for i := range n {
		if keys[i] != keys[0] {
			t.Fatal("two keys")
		}
		if made[i] {
			creators++
		}
	}
	if creators != 1 {
		t.Errorf("%d say that they created it", creators)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
}
