package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"
)

// town is a data directory with devices, and what a disaster leaves of it.
type town struct {
	t       *testing.T
	dir, at string // at: the server's address, the same after every start
	stop    func()
	devices []*device.Store
	files   string // a directory for archives
}

func newTown(t *testing.T, devices int) *town {
	t.Helper()
	w := &town{t: t, dir: newData(t), at: "127.0.0.1:0", files: t.TempDir()}
	w.start()
	for range devices {
		w.enrol()
	}
	t.Cleanup(func() {
		if w.stop != nil {
			w.stop()
		}
	})
	return w
}

func (w *town) start() {
	w.t.Helper()
	var url string
	url, w.stop = servingAt(w.t, w.dir, w.at)
	w.at = strings.TrimPrefix(url, "http://")
}

func (w *town) halt() { w.stop(); w.stop = nil }

// enrol adds a device whose store is in a directory of its own.
func (w *town) enrol() *device.Store {
	w.t.Helper()
	d, err := device.Create(w.t.Context(), filepath.Join(w.t.TempDir(), "device"), device.Options{Model: fmt.Sprint("Pad ", len(w.devices)), App: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = d.Close() })
	c, err := device.NewClient("http://"+w.at, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := d.Enrol(w.t.Context(), device.EnrolRequest{Client: c, Code: code(w.t, w.dir)}); err != nil {
		w.t.Fatal(err)
	}
	w.devices = append(w.devices, d)
	w.sync(d)
	return d
}

func (w *town) sync(d *device.Store) device.SyncReport {
	w.t.Helper()
	r, err := d.Sync(w.t.Context(), device.SyncOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *town) capture(d *device.Store, id event.UUID, body event.Body) device.Saved {
	w.t.Helper()
	e, err := d.Capture(w.t.Context(), device.Draft{Case: id, Body: body})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// archive exports a device's archive into the directory of archives.
func (w *town) archive(d *device.Store) string {
	w.t.Helper()
	var b bytes.Buffer
	if err := d.ExportArchive(w.t.Context(), &b); err != nil {
		w.t.Fatal(err)
	}
	name := filepath.Join(w.files, filepath.Base(filepath.Dir(filepath.Dir(d.Dir())))+filepath.Base(filepath.Dir(d.Dir()))+".zip")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return name
}

// backup copies the database as it is now.
func (w *town) backup() string {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "backup.sqlite")
	must(w.t, "--data", w.dir, "backup", file)
	return file
}

func (w *town) db() string { return filepath.Join(w.dir, "fieldseal.sqlite") }

// lose stops the server and destroys the database.
func (w *town) lose() {
	w.t.Helper()
	w.halt()
	if err := removeDB(w.db()); err != nil {
		w.t.Fatal(err)
	}
}

// safe expects everything on a device to be proven, without an alarm.
func (w *town) safe(d *device.Store) {
	w.t.Helper()
	st, err := d.Status(w.t.Context())
	if err != nil || !st.Safe() || len(st.Anomalies) > 0 {
		w.t.Errorf("%+v, %v", st, err)
	}
}

var rootIn = regexp.MustCompile(`root [A-Za-z0-9+/]{43}=`)

// day is a day of two devices, a third that is enrolled meanwhile, and the
// authority. It gives the case, whose number is 2026-17.
func (w *town) day() event.UUID {
	w.t.Helper()
	a := w.devices[0]
	k := w.capture(a, event.UUID{}, &event.CaseOpened{Number: "2026-17", Title: "Drums", Authority: "Bureau"}).Case
	photo, err := a.AddMedia(w.t.Context(), bytes.NewReader(bytes.Repeat([]byte("photo "), 9_000)), "p.jpg", "image/jpeg")
	if err != nil {
		w.t.Fatal(err)
	}
	w.capture(a, k, &event.PhotoCaptured{Media: photo, Shows: "drum", SealVisible: "yes"})
	w.sync(a)
	w.enrol() // a device that the backup does not know
	must(w.t, "--data", w.dir, "admin", "org", "add", "--name", "East Laboratory", "--kind", "lab")
	for i := range 30 {
		w.capture(w.devices[i%3], k, &event.NoteWritten{Text: fmt.Sprint("note ", i)})
	}
	w.syncAll()
	return k
}

// syncAll lets every device hand in its own and then pull what the others handed in.
func (w *town) syncAll() {
	w.t.Helper()
	for range 2 {
		for _, d := range w.devices {
			w.sync(d)
		}
	}
}

// A day of two devices after the backup, with what the authority said meanwhile,
// comes back to the acknowledged root; the devices notice nothing.
func TestRecover(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.devices[0], w.devices[1]
	backup := w.backup()
	k := w.day()
	c := w.devices[2]
	want := must(t, "--data", w.dir, "fsck", "--models")
	w.lose()

	if _, err := do(t, "", "--data", w.dir, "restore", backup); err == nil || !strings.Contains(err.Error(), "older than what has been acknowledged") {
		t.Fatalf("an old backup was restored: %v", err)
	}
	w.archive(b)
	out, err := do(t, "", "--data", w.dir, "recover", "--backup", backup, w.files)
	if !errors.Is(err, errNo) || !strings.Contains(out, "no archive was given of") || !strings.Contains(out, "among them may be") && !strings.Contains(out, "no source says") {
		t.Fatalf("one archive: %v\n%s", err, out)
	}
	if _, err := os.Stat(w.db()); err == nil {
		t.Fatal("a database was put in place although entries are missing")
	}
	w.archive(a)
	w.archive(c)
	if out := must(t, "--data", w.dir, "recover", "--check", "--backup", backup, w.files); !strings.Contains(out, "are there and give the acknowledged root") {
		t.Error(out)
	}
	out = must(t, "--data", w.dir, "recover", "--backup", backup, w.files)
	if !strings.Contains(out, "recovered:") || rootIn.FindString(out) != rootIn.FindString(want) || !strings.Contains(out, "all is well") {
		t.Errorf("recovered\n%s\nwas\n%s", out, want)
	}
	left, err := filepath.Glob(w.db() + ".recovering*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	must(t, "--data", w.dir, "fsck", "--models", "--media")
	w.start()
	for _, d := range w.devices {
		w.capture(d, k, &event.NoteWritten{Text: "after the recovery"})
		w.sync(d)
		w.sync(d)
		w.safe(d)
	}
	if _, err := do(t, "", "--data", w.dir, "recover", "--backup", backup, w.files); err == nil || !strings.Contains(err.Error(), "has all that was acknowledged") {
		t.Errorf("a whole database with a server on it: %v", err)
	}
	if _, err := do(t, "", "--data", w.dir, "recover", "--check", "--backup", backup, w.files); !errors.Is(err, errNo) {
		t.Errorf("archives that end before the guard: %v", err)
	}
}

// Without any backup, from the archives of all devices; and with a backup where
// the devices of a case are lost, from a bundle of it and one other device.
func TestRecoverWithLess(t *testing.T) {
	w := newTown(t, 2)
	backup := w.backup()
	w.day()
	file := filepath.Join(t.TempDir(), "case.zip")
	must(t, "--data", w.dir, "bundle", "--case", "2026-17", "--out", file)
	w.syncAll()
	want := rootIn.FindString(must(t, "--data", w.dir, "fsck"))
	w.lose()
	out := must(t, "--data", w.dir, "recover", "--backup", backup, file, w.archive(w.devices[1]))
	if rootIn.FindString(out) != want {
		t.Errorf("%s, want %s", out, want)
	}
	if err := removeDB(w.db()); err != nil {
		t.Fatal(err)
	}
	for _, d := range w.devices {
		w.archive(d)
	}
	if out = must(t, "--data", w.dir, "recover", w.files); rootIn.FindString(out) != want {
		t.Errorf("%s, want %s", out, want)
	}
	w.start()
	w.syncAll()
	for _, d := range w.devices {
		w.safe(d)
	}
}
