package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// do runs a command in this process and gives what it printed.
func do(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	root := rootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(in))
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	return out.String(), err
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := do(t, "", args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

func newData(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	must(t, "--data", dir, "init", "--name", "City Environment Bureau", "--origin", "custody.test/log")
	must(t, "--data", dir, "admin", "org", "add", "--name", "City Environment Bureau", "--kind", "environment")
	must(t, "--data", dir, "admin", "person", "add", "--org", "City Environment Bureau", "--name", "Li Wei", "--login", "liwei", "--role", "inspector")
	return dir
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

func TestInitRefusesAndTells(t *testing.T) {
	dir := newData(t)
	if _, err := do(t, "", "--data", dir, "init", "--name", "Another", "--origin", "other.test/log"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second init: %v", err)
	}
	if _, err := do(t, "", "--data", filepath.Join(dir, "nothing"), "case", "list"); err == nil || !strings.Contains(err.Error(), "fieldseal init") {
		t.Errorf("a directory without configuration must name the way out: %v", err)
	}
	if _, err := do(t, "", "--data", dir, "admin", "code", "--login", "nobody"); err == nil || !strings.Contains(err.Error(), "person list") {
		t.Errorf("an unknown login: %v", err)
	}
	if _, err := do(t, "short", "--data", dir, "admin", "password", "liwei"); err == nil {
		t.Error("a password of five characters was set")
	}
	for _, name := range []string{logKeyFile, authorityKeyFile} {
		info, err := os.Stat(filepath.Join(dir, "keys", name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "keys", authorityKeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, "", "--data", dir, "case", "list"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

func TestConfigRefusesToBeOpenWithoutTLS(t *testing.T) {
	for listen, ok := range map[string]bool{"127.0.0.1:0": true, "[::1]:80": true, "localhost:80": true, "0.0.0.0:80": false, ":80": false, "10.0.0.1:80": false, "nonsense": false} {
		c := defaults(t.TempDir())
		c.Origin, c.Listen = "custody.test/log", listen
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%s: %v", listen, err)
		}
		c.BehindProxy = true
		if err := c.Validate(); listen != "nonsense" && err != nil {
			t.Errorf("%s behind a proxy: %v", listen, err)
		}
	}
}

func TestFsckNamesAFlippedBit(t *testing.T) {
	dir := newData(t)
	if out := must(t, "--data", dir, "fsck", "--media", "--models"); !strings.Contains(out, "all is well") {
		t.Fatal(out)
	}
	if out := must(t, "--data", dir, "rebuild"); !strings.Contains(out, "3 ledger entries") {
		t.Error(out)
	}
	must(t, "--data", dir, "fsck", "--models")
	// One letter of a stored envelope, changed under the server's feet.
	must(t, "--data", dir, "backup", filepath.Join(dir, "flat.sqlite")) // without a write-ahead log
	db := filepath.Join(dir, "fieldseal.sqlite")
	data, err := os.ReadFile(filepath.Join(dir, "flat.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte(`{"payloadType"`))
	if at < 0 {
		t.Fatal("no envelope is in the file")
	}
	data[at+200] ^= 1
	for _, ending := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(db + ending)
	}
	if err := os.WriteFile(db, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := do(t, "", "--data", dir, "fsck")
	if !errors.Is(err, errNo) || !strings.Contains(out, "WRONG") || !strings.Contains(out, "entry ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRestore(t *testing.T) {
	dir := newData(t)
	backup := filepath.Join(dir, "backup.sqlite")
	must(t, "--data", dir, "backup", backup)
	db := filepath.Join(dir, "fieldseal.sqlite")
	lose := func() {
		for _, ending := range []string{"", "-wal", "-shm", ".refused"} {
			_ = os.Remove(db + ending)
		}
	}
	if _, err := do(t, "", "--data", dir, "restore", backup); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("over a database that is there: %v", err)
	}
	lose()
	if out := must(t, "--data", dir, "restore", backup); !strings.Contains(out, "3 ledger entries") {
		t.Error(out)
	}
	must(t, "--data", dir, "fsck", "--models")
	must(t, "--data", dir, "admin", "org", "add", "--name", "East Laboratory", "--kind", "lab")
	lose()
	_, err := do(t, "", "--data", dir, "restore", backup)
	if err == nil || !strings.Contains(err.Error(), "older than what has been acknowledged") || !strings.Contains(err.Error(), "Ways out") {
		t.Errorf("an old backup: %v", err)
	}
	if _, err := os.Stat(db); err == nil {
		t.Error("the refused backup stands in the database's place")
	}
	if _, err := os.Stat(db + ".refused"); err != nil {
		t.Errorf("the refused backup was not kept: %v", err)
	}
}

// A guard that was lost is never made anew by itself, and its way out is there.
func TestLostGuard(t *testing.T) {
	dir := newData(t)
	if err := os.RemoveAll(filepath.Join(dir, "guard")); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, "", "--data", dir, "case", "list"); err == nil {
		t.Fatal("a data directory without its guard was opened")
	}
	if _, err := do(t, "", "--data", dir, "guard", "adopt", "--size", "2"); err == nil || !strings.Contains(err.Error(), "3 entries, not 2") {
		t.Errorf("another size than the database has: %v", err)
	}
	must(t, "--data", dir, "guard", "adopt", "--size", "3")
	must(t, "--data", dir, "admin", "org", "add", "--name", "East Laboratory", "--kind", "lab")
	must(t, "--data", dir, "fsck", "--models")
	// It is no way round a database that is too old.
	backup := filepath.Join(dir, "backup.sqlite")
	must(t, "--data", dir, "backup", backup)
	must(t, "--data", dir, "admin", "org", "add", "--name", "West Laboratory", "--kind", "lab")
	db := filepath.Join(dir, "fieldseal.sqlite")
	for _, ending := range []string{"-wal", "-shm"} {
		_ = os.Remove(db + ending)
	}
	if err := os.Rename(backup, db); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, "", "--data", dir, "guard", "adopt", "--size", "4"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("an older database beside its guard was adopted: %v", err)
	}
	note := must(t, "--data", dir, "guard", "show")
	file := filepath.Join(dir, "last.txt")
	if err := os.WriteFile(file, []byte(note[strings.Index(note, "\n")+1:]), 0o600); err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(t.TempDir(), "next")
	if _, err := do(t, "", "--data", next, "init", "--name", "B", "--origin", "custody.test/log", "--predecessor", file); err == nil {
		t.Error("a log became its own successor")
	}
	must(t, "--data", next, "init", "--name", "B", "--origin", "custody.test/log2", "--predecessor", file, "--reason", "the database was lost")
	if out := must(t, "--data", next, "fsck", "--models"); !strings.Contains(out, "2 entries") {
		t.Error(out)
	}
}

// A server whose media volume is not mounted must not take files in beside it.
func TestMediaVolumeIsMissing(t *testing.T) {
	dir := newData(t)
	media := filepath.Join(dir, "media")
	if err := os.Rename(media, media+".away"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"case", "list"}} {
		if _, err := do(t, "", append([]string{"--data", dir}, args...)...); err == nil || !strings.Contains(err.Error(), "is its volume mounted?") {
			t.Errorf("%v without the media directory: %v", args, err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0") // so that serving ends right after the opening
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := do(t, "", "--data", dir, "serve", "--listen", taken.Addr().String(), "--media-lost"); err == nil || !strings.Contains(err.Error(), "Is another server running") {
		t.Errorf("with --media-lost: %v", err)
	}
	must(t, "--data", dir, "case", "list")
}

// Whoever made the data directory, and whatever the umask: what holds evidence and
// the hashes of passwords is its owner's alone.
func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	must(t, "--data", dir, "init", "--name", "City Environment Bureau", "--origin", "custody.test/log")
	must(t, "--data", dir, "backup", filepath.Join(dir, "backup.sqlite"))
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(path, filepath.Join(dir, "media")) {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %04o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
