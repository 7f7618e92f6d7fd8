package blob_test

import (
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
