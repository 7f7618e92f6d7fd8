package blob_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"fieldseal/sync/blob"
	"fieldseal/sync/blob/blobtest"
)

func openFiles(t *testing.T, dir string) *blob.Files {
	t.Helper()
	f, err := blob.OpenFiles(blob.FilesConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFilesConformance(t *testing.T) {
	blobtest.RunTests(t, func(t *testing.T) blob.Store { return openFiles(t, t.TempDir()) })
	blobtest.RunReopenTests(t, func(t *testing.T) func() blob.Store {
		dir := t.TempDir()
		return func() blob.Store { return openFiles(t, dir) }
	})
}

func TestForeignDirectoryRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.doc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.OpenFiles(blob.FilesConfig{Dir: dir}); !errors.Is(err, blob.ErrFormat) {
		t.Fatalf("got %v", err)
	}
	dir = t.TempDir()
	openFiles(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("fieldseal blob store 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.OpenFiles(blob.FilesConfig{Dir: dir}); !errors.Is(err, blob.ErrFormat) {
		t.Fatalf("got %v", err)
	}
}

// Content whose bytes changed on the disk is named by Verify, kept by Isolate,
// and can then be sent again.
func TestIsolate(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	f := openFiles(t, dir)
	data := blobtest.Bytes(10_000, 1)
	d, _, err := f.Put(ctx, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Isolate(ctx, d); err != nil {
		t.Fatalf("sound content: %v", err)
	}
	rotten := bytes.Clone(data)
	rotten[5000] ^= 4
	if err := os.WriteFile(filepath.Join(dir, "content", d.String()[:2], d.String()), rotten, 0o600); err != nil {
		t.Fatal(err)
	}
	var wrong *blob.MismatchError
	for range 2 {
		if err := f.Verify(ctx, d); !errors.As(err, &wrong) || wrong.Wanted != d || wrong.Got != blobtest.DigestOf(rotten) {
			t.Fatalf("Verify: %v", err)
		}
	}
	if err := f.Isolate(ctx, d); !errors.As(err, &wrong) || wrong.Size != 10_000 {
		t.Fatalf("Isolate: %v", err)
	}
	if held, err := f.Has(ctx, d); held || err != nil {
		t.Fatalf("still held: %v, %v", held, err)
	}
	var found []blob.Upload
	if err := f.Uploads(ctx, func(u blob.Upload) error { found = append(found, u); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].State != blob.Quarantined || found[0].Got != wrong.Got || found[0].Meta["origin"] == "" {
		t.Fatalf("quarantine shows %+v", found)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "quarantine", found[0].ID.String(), "data"))
	if err != nil || !bytes.Equal(kept, rotten) {
		t.Fatalf("the damaged bytes are not kept: %v", err)
	}
	up, err := f.Create(ctx, blob.Promise{Wanted: d, Length: 10_000})
	if err != nil || up.Held {
		t.Fatalf("Create = %+v, %v", up, err)
	}
}

func TestStray(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	f := openFiles(t, dir)
	d, _, err := f.Put(ctx, bytes.NewReader([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	other := "00"
	if d.String()[:2] == other {
		other = "01"
	}
	for _, name := range []string{"note.txt", filepath.Join(other, d.String()), filepath.Join("ff", "x")} {
		if err := os.WriteFile(filepath.Join(dir, "content", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err = f.Walk(ctx, func(blob.Digest, int64) error { n++; return nil })
	var stray *blob.StrayError
	if !errors.As(err, &stray) || n != 1 || len(stray.Names) != 3 || !slices.Contains(stray.Names, "note.txt") {
		t.Fatalf("%d walked, %v", n, err)
	}
}

// Two stores on one directory stand for two processes: the record's lock keeps
// the second out.
func TestOtherProcessLockedOut(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	a, b := openFiles(t, dir), openFiles(t, dir)
	data := blobtest.Bytes(1000, 1)
	up, err := a.Create(ctx, blob.Promise{Wanted: blobtest.DigestOf(data), Length: 1000})
	if err != nil {
		t.Fatal(err)
	}
	body := readerFunc(func(p []byte) (int, error) {
		if _, err := b.Append(ctx, up.ID, 0, bytes.NewReader(data), nil); !errors.Is(err, blob.ErrLocked) {
			t.Errorf("the other process got %v", err)
		}
		if got, err := b.Upload(ctx, up.ID); err != nil || got.Offset != 0 {
			t.Errorf("the other process sees %+v, %v", got, err)
		}
		return copy(p, data), nil
	})
	if got, err := a.Append(ctx, up.ID, 0, body, nil); err != nil || got != 1000 {
		t.Fatalf("Append = %d, %v", got, err)
	}
	if _, err := b.Finish(ctx, up.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Finish(ctx, up.ID); err != nil || got.State != blob.Arrived {
		t.Fatalf("%+v, %v", got, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
