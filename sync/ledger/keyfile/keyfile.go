// Package keyfile keeps a log's private key in a file that only its owner can
// read, apart from the database: whoever steals or restores the one does not
// have the other.
//
// The file is one line, the SecretText of a ledger.Key (or, by Read and Create,
// of a witness.Key) and a newline. It is written
// under another name, synced, and linked to its own, so that a crash leaves
// either no key or a whole one, and of two processes that start at once both
// take the one that was there first.
//
// A key cannot be replaced: those who follow the log know it by its public
// text. So a server whose log has entries calls [Load], and only the set-up of
// an empty log calls [LoadOrCreate].
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"fieldseal/sync/ledger"
)

// maxFile is the most that is read of a key file: a key has less than 400 bytes.
const maxFile = 1 << 10

// othersBits are the permissions that a key file must not give to group and world.
const othersBits fs.FileMode = 0o077

// ExposedError says that others than the owner may read or change the file.
type ExposedError struct {
	Path string
	Mode fs.FileMode
}

func (e *ExposedError) Error() string {
	return fmt.Sprintf("keyfile: %s has mode %04o: others than its owner can get at the log's private key. "+
		"Find out who could have read it; then: chmod 600 %s", e.Path, e.Mode.Perm(), e.Path)
}

// OriginError says that the file holds the key of another log.
type OriginError struct {
	Path       string
	Have, Want string
}

func (e *OriginError) Error() string {
	return fmt.Sprintf("keyfile: %s is the key of the log %s, not of %s: configure the file of that log", e.Path, e.Have, e.Want)
}

// Read gives the line of a key file, without its newline. The error is an
// *ExposedError, or wraps fs.ErrNotExist or ledger.ErrKey. Windows has no such
// modes; there the folder's access list is the only guard.
func Read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("keyfile: the private key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("keyfile: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("keyfile: %s: %w: it is not a file", path, ledger.ErrKey)
	}
	if info.Mode()&othersBits != 0 && runtime.GOOS != "windows" {
		return "", &ExposedError{path, info.Mode()}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("keyfile: %w", err)
	}
	line, ok := strings.CutSuffix(string(text), "\n")
	if !ok {
		return "", fmt.Errorf("keyfile: %s: %w: it is not one line", path, ledger.ErrKey)
	}
	return line, nil
}

// Load reads the key of the log with the given origin. The error is that of
// Read, or an *OriginError.
func Load(path, origin string) (*ledger.Key, error) {
	line, err := Read(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", origin, err)
	}
	k, err := ledger.ParseKey(line)
	if err != nil {
		return nil, fmt.Errorf("keyfile: %s: %w", path, err)
	}
	if k.Name() != origin {
		return nil, &OriginError{path, k.Name(), origin}
	}
	return k, nil
}

// LoadOrCreate is Load, except that it makes a new key where there is no file;
// created says so. The file is durable when it returns.
func LoadOrCreate(path, origin string) (k *ledger.Key, created bool, err error) {
	k, err = Load(path, origin)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, false, err
	}
	k, err = ledger.GenerateKey(origin)
	if err != nil {
		return nil, false, err
	}
	err = Create(path, k.SecretText())
	if errors.Is(err, fs.ErrExist) {
		// Another process was faster.
		k, err = Load(path, origin)
		return k, false, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("keyfile: cannot create %s: %w", path, err)
	}
	return k, true, nil
}

// Create makes a key file of one line. It is whole and durable when it returns,
// or absent; the error wraps fs.ErrExist if there is one.
func Create(path, line string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-key-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(line + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a new name in dir durable. Windows can sync no folder and does
// it by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
