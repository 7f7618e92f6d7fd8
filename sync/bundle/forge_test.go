package bundle_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/container"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// forge takes a bundle apart, so that an attack can change its contents, and puts
// it together again with everything that follows from them made anew: digests,
// lists, tags, framing, and a manifest signed by whatever key the attacker has.
type forge struct {
	t     testing.TB
	m     *bag.Manifest
	files map[string][]byte // below data/, without the manifest and files.txt
	tags  map[string][]byte
	extra map[string][]byte // in the container alone
	raw   []byte            // the manifest as it was
	key   *seal.PrivateKey  // nil: the old manifest stays
}

func openForge(t testing.TB, b []byte) *forge {
	t.Helper()
	a, err := container.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	f := &forge{t: t, files: map[string][]byte{}, tags: map[string][]byte{}, extra: map[string][]byte{}}
	for _, e := range a.Entries() {
		data, err := io.ReadAll(a.Open(e, nil))
		if err != nil {
			t.Fatal(err)
		}
		_, path, _ := strings.Cut(e.Name, "/")
		switch {
		case path == bag.PathManifest:
			f.raw = data
		case path != bag.PathFiles && strings.HasPrefix(path, "data/"):
			f.files[path] = data
		}
	}
	env, err := seal.ParseEnvelope(f.raw)
	if err != nil {
		t.Fatal(err)
	}
	if f.m, err = bag.ParseManifest(env.Payload); err != nil {
		t.Fatal(err)
	}
	return f
}

// lines gives the lines of a file, set puts them back.
func (f *forge) lines(path string) []string {
	text := strings.TrimSuffix(string(f.files[path]), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func (f *forge) set(path string, lines []string) {
	if len(lines) == 0 {
		f.files[path] = nil
		return
	}
	f.files[path] = []byte(strings.Join(lines, "\n") + "\n")
}

// edit changes the lines of a file.
func (f *forge) edit(path string, change func(lines []string) []string) {
	f.set(path, change(f.lines(path)))
}

// leaves gives the parsed leaves.
func (f *forge) leaves() []bag.LeafLine {
	var list []bag.LeafLine
	for _, line := range f.lines(bag.PathLeaves) {
		l, err := bag.ParseLeafLine([]byte(line))
		if err != nil {
			f.t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

func (f *forge) setLeaves(list []bag.LeafLine) {
	var text []byte
	var err error
	for _, l := range list {
		if text, err = l.Append(text); err != nil {
			f.t.Fatal(err)
		}
	}
	f.files[bag.PathLeaves] = text
}

// find gives the place of an event among the lines of events.ndjson.
func (f *forge) find(want func(*event.Payload) bool) int {
	for i, line := range f.lines(bag.PathEvents) {
		if p := f.payload(line); want(&p) {
			return i
		}
	}
	f.t.Fatal("the bundle has no such event")
	return -1
}

func (f *forge) payload(line string) event.Payload {
	env, err := seal.ParseEnvelope([]byte(line))
	if err != nil {
		f.t.Fatal(err)
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// dropEvent leaves out the i-th event with its leaf; the leaf stays in another
// role if role is not 0.
func (f *forge) dropEvent(i int, role bag.Role) bag.LeafLine {
	var gone bag.LeafLine
	n := -1
	f.setLeaves(slices.DeleteFunc(f.leaves(), func(l bag.LeafLine) bool {
		if l.Role == bag.RoleEvent {
			n++
		}
		if l.Role == bag.RoleEvent && n == i {
			gone = l
			return true
		}
		return false
	}))
	f.edit(bag.PathEvents, func(l []string) []string { return slices.Delete(l, i, i+1) })
	if role != 0 {
		gone.Role = role
		f.setLeaves(slices.SortedFunc(slices.Values(append(f.leaves(), gone)), func(a, b bag.LeafLine) int { return cmp.Compare(a.Index, b.Index) }))
	}
	return gone
}

// recount makes the manifest's counts and digest agree with what is there.
func (f *forge) recount() {
	d := bag.Disclosure{Scope: f.m.Disclosure.Scope, Exhibits: f.m.Disclosure.Exhibits}
	h := sha256.New()
	for _, line := range f.lines(bag.PathEvents) {
		env, err := seal.ParseEnvelope([]byte(line))
		if err != nil {
			f.t.Fatal(err)
		}
		id := seal.IDOf(env.Payload)
		h.Write(id[:])
		if p := f.payload(line); p.Case.IsZero() {
			d.Context++
		} else {
			d.Shown++
		}
	}
	for _, l := range f.leaves() {
		switch l.Role {
		case bag.RoleHidden:
			d.Hidden++
		case bag.RoleQuarantine:
			d.ShownQuarantine++
		case bag.RoleHiddenQuarantine:
			d.HiddenQuarantine++
		}
	}
	d.Events = event.Digest(h.Sum(nil))
	f.m.Disclosure = d
}

// chain changes the line that accounts for a device.
func (f *forge) chain(device event.UUID, change func(*bag.ChainLine)) {
	f.edit(bag.PathChains, func(lines []string) []string {
		for i, line := range lines {
			c, err := bag.ParseJSON[bag.ChainLine]([]byte(line))
			if err != nil {
				f.t.Fatal(err)
			}
			if c.Device == device {
				change(c)
				text, err := json.Marshal(c, json.Deterministic(true))
				if err != nil {
					f.t.Fatal(err)
				}
				lines[i] = string(text)
			}
		}
		return lines
	})
}

// build puts the bundle together. Everything is stored, which a bundle may be.
func (f *forge) build() []byte {
	f.t.Helper()
	var list []bag.FileLine
	var text []byte
	for _, p := range slices.Sorted(mapKeys(f.files)) {
		l := bag.FileLine{SHA256: sha256.Sum256(f.files[p]), Size: int64(len(f.files[p])), Path: p}
		list, text = append(list, l), l.Append(text)
	}
	m := *f.m
	m.Files = bag.FileLine{SHA256: sha256.Sum256(text), Size: int64(len(text)), Path: bag.PathFiles}
	raw := f.raw
	if f.key != nil {
		payload, err := json.Marshal(m, json.Deterministic(true))
		if err != nil {
			f.t.Fatal(err)
		}
		if raw, err = f.key.Seal(bag.PayloadType, payload); err != nil {
			f.t.Fatal(err)
		}
	}
	dsse := bag.FileLine{SHA256: sha256.Sum256(raw), Size: int64(len(raw)), Path: bag.PathManifest}
	all := map[string][]byte{bag.PathManifest: raw, bag.PathFiles: text}
	for _, tag := range bag.MakeTags(&m, dsse, list).All() {
		all[tag.Path] = tag.Data
		if changed, ok := f.tags[tag.Path]; ok {
			all[tag.Path] = changed
		}
	}
	order := bag.Order(list)
	for p, data := range f.files {
		all[p] = data
	}
	for _, p := range slices.Sorted(mapKeys(f.extra)) {
		all[p], order = f.extra[p], append(order, p)
	}
	var out bytes.Buffer
	w := container.NewWriter(&out, m.MadeAt())
	for _, p := range order {
		data, ok := all[p]
		if !ok {
			continue
		}
		e := container.Entry{Name: bag.Folder(m.Bundle) + "/" + p, CRC: crc32.ChecksumIEEE(data), Size: int64(len(data)), Packed: int64(len(data))}
		if err := w.Add(e, bytes.NewReader(data)); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	return out.Bytes()
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// fails requires that a verdict has a failure of one of the checks.
func fails(t *testing.T, v *verify.Verdict, checks ...string) {
	t.Helper()
	if v.Result != verify.NotAuthentic {
		t.Fatalf("it is %s", v.Result)
	}
	for _, f := range v.Failures {
		if slices.Contains(checks, f.Check) {
			return
		}
	}
	t.Errorf("none of the checks %v fails, but: %v", checks, v.Failures)
}
