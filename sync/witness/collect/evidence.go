package collect

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// MaxFindings bounds the files that one witness can cause: the first show what
// there is to show.
const MaxFindings = 200

// evidenceHeader begins a file of evidence.
const evidenceHeader = "fieldseal-witness-evidence@v1"

// keep writes what was found to a file that is named by its content, so that the
// same exchange is kept once. kept is false where there was no need.
func (c *Collector) keep(p *peer, f *finding, now time.Time) (kept bool, err error) {
	if err := os.MkdirAll(c.cfg.Evidence, 0o700); err != nil {
		return false, err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%d\n%d\n", p.Key.Text(), f.kind, f.status, len(f.request))
	sum.Write(f.request)
	sum.Write(f.answer)
	prefix := fmt.Sprintf("%s-%08x-", f.kind, p.Key.KeyHash())
	path := filepath.Join(c.cfg.Evidence, prefix+fmt.Sprintf("%x", sum.Sum(nil)[:12])+".txt")
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	have, err := filepath.Glob(filepath.Join(c.cfg.Evidence, prefix+"*.txt"))
	if err != nil || len(have) >= MaxFindings {
		return false, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nkind %s\nwitness %s\naddress %s\ntime %s\nfound %s\nstatus %d\nrequest %d bytes:\n", evidenceHeader, f.kind, p.Key.Text(), p.URL,
		now.UTC().Format(time.RFC3339), f.detail, f.status, len(f.request))
	b.Write(f.request)
	fmt.Fprintf(&b, "\nanswer %d bytes:\n", len(f.answer))
	b.Write(f.answer)
	return true, writeFile(path, b.Bytes())
}

// writeFile makes a file that is whole and durable, or absent.
func writeFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // can sync no folder, and does it by itself
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
