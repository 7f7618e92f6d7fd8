// Command generate writes the test vectors. It runs in mobile-contract/vectors.
//
// It states every outcome by hand and computes PAE, ids, leaves and digests by
// itself; of sync/seal and sync/reconcile it takes only the names of codes, so that the
// vectors check that code and are not made by it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	files := files()
	old, err := filepath.Glob("*.json")
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range old {
		if files[f] == nil {
			if err := os.Remove(f); err != nil {
				log.Fatal(err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(name, files[name], 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// files makes every file's content by name.
func files() map[string][]byte {
	out := map[string][]byte{}
	add := func(name string, v any) {
		name += ".json"
		if out[name] != nil {
			panic("two vectors are called " + name)
		}
		out[name] = encode(v)
	}
	for _, group := range [][]*scene{accepted(), envelopes(), payloads(), bodies(), signatures(), chains(), authorities(), handovers()} {
		for _, s := range group {
			v := s.done()
			add(v.Name, v)
		}
	}
	for _, b := range basics() {
		add(b.Name, b)
	}
	return out
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	must(e.Encode(v))
	return b.Bytes()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func get[T any](v T, err error) T {
	must(err)
	return v
}

func sprint(format string, args ...any) string { return fmt.Sprintf(format, args...) }
