package main

import (
	"bytes"
	"io/fs"
	"testing"

	"fieldseal/mobile-contract/vectors"
)

// The files must be what the generator makes, to the byte, every time.
func TestFilesAreWhatIsGenerated(t *testing.T) {
	made := files()
	again := files()
	names, err := fs.Glob(vectors.Files, "*.json")
	if err != nil || len(names) != len(made) {
		t.Errorf("%d files, %d are generated (%v); run go generate", len(names), len(made), err)
	}
	for name, want := range made {
		if !bytes.Equal(want, again[name]) {
			t.Errorf("%s: generating it twice gives two texts", name)
		}
		have, err := vectors.Files.ReadFile(name)
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is not what is generated (%v); run go generate", name, err)
		}
	}
}
