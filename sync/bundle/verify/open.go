package verify

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/container"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// maxTag bounds a tag file: MaxEntries lines of a digest and a path.
const maxTag = 64 << 20

func (v *verifier) openContainer(r io.ReaderAt, size int64) error {
	a, err := container.Open(r, size)
	switch {
	case errors.Is(err, container.ErrProfile):
		return v.stop(chkContainer, "", "%v", err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	case len(a.Entries()) == 0:
		return fmt.Errorf("%w: it is an empty ZIP file", ErrUnreadable)
	}
	v.arc = a
	v.folder, _, _ = strings.Cut(a.Entries()[0].Name, "/")
	if _, ok := bag.ParseFolder(v.folder); !ok {
		return fmt.Errorf("%w: its folder is %q, that of a bundle begins with fieldseal-", ErrUnreadable, clip(v.folder))
	}
	for _, e := range a.Entries() {
		if !strings.HasPrefix(e.Name, v.folder+"/") {
			return v.stop(chkContainer, e.Name, "it stands outside the folder %s", v.folder)
		}
	}
	v.pass(chkContainer, int64(len(a.Entries())))
	return nil
}

// whole reads one of the files that stand above data/files.txt, which is stored.
func (v *verifier) whole(path, check string, most int64) ([]byte, error) {
	e, ok := v.arc.Find(v.folder + "/" + path)
	if !ok {
		return nil, v.stop(check, path, "the file is missing")
	}
	if e.Method != container.Stored || e.Size > most {
		return nil, v.stop(check, path, "it must be stored and have at most %d bytes", most)
	}
	data, err := io.ReadAll(v.arc.Open(e, nil))
	switch {
	case errors.Is(err, container.ErrData):
		return nil, v.stop(chkContainer, path, "%v", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return data, nil
}

// readManifest reads the sealed manifest. Its signature is checked with the key
// that it states; that this is the authority's is for the genesis to show.
func (v *verifier) readManifest() error {
	line, err := v.whole(bag.PathManifest, chkManifest, seal.MaxLine)
	if err != nil {
		return err
	}
	v.dsse = bag.FileLine{SHA256: sha256.Sum256(line), Size: int64(len(line)), Path: bag.PathManifest}
	env, err := seal.ParseEnvelope(line)
	if err != nil {
		return v.stop(chkManifest, bag.PathManifest, "%v", err)
	}
	if env.PayloadType != bag.PayloadType {
		return v.stop(chkManifest, bag.PathManifest, "its payload type is %q, a bundle's is %s", clip(env.PayloadType), bag.PayloadType)
	}
	if !bytes.Equal(env.Encode(), line) || len(env.Signatures) != 1 {
		return v.stop(chkManifest, bag.PathManifest, "it is not one envelope with one signature in canonical form")
	}
	m, err := bag.ParseManifest(env.Payload)
	if err != nil {
		return v.stop(chkManifest, bag.PathManifest, "%v", err)
	}
	v.m = m
	v.verdict.Bundle = about(m)
	v.verdict.Bundle.ManifestSHA256 = v.dsse.SHA256
	key, err := seal.ParseKeyInfo(m.Authority.Key)
	if err != nil {
		return v.stop(chkManifest, bag.PathManifest, "the authority's key: %v", err)
	}
	sig := env.Signatures[0]
	if sig.KeyID != key.ID() || !key.Check(seal.PAE(env.PayloadType, env.Payload), sig.Sig) {
		return v.stop(chkManifest, bag.PathManifest, "the signature is not that of the authority's key %s over these bytes", key.ID())
	}
	if v.folder != bag.Folder(m.Bundle) {
		v.failAt(chkManifest, bag.PathManifest, "it is the manifest of bundle %s, but the folder is %s", m.Bundle, v.folder)
	}
	if !v.arc.Time().Equal(container.Stamp(m.MadeAt())) {
		v.failAt(chkContainer, "", "the files are dated %v, the bundle was made %s", v.arc.Time(), m.Made)
	}
	v.keys = newKeyring(m.Authority.Device, key)
	v.pass(chkManifest, 1)
	return nil
}

// readFiles reads the list of files and compares it with what is there.
func (v *verifier) readFiles() error {
	text, err := v.whole(bag.PathFiles, chkFiles, maxTag)
	if err != nil {
		return err
	}
	if got := event.Digest(sha256.Sum256(text)); got != v.m.Files.SHA256 || int64(len(text)) != v.m.Files.Size {
		return v.stop(chkFiles, bag.PathFiles, "its SHA-256 is %s, the manifest says %s", got, v.m.Files.SHA256)
	}
	list, err := bag.ParseFiles(text)
	if err != nil {
		return v.stop(chkFiles, bag.PathFiles, "%v", err)
	}
	for _, p := range bag.MissingFiles(list) {
		v.failAt(chkFiles, p, "every bundle has this file, and the list of files does not name it")
	}
	v.files = make(map[string]*pinned, len(list))
	for _, f := range list {
		v.files[f.Path] = &pinned{FileLine: f, path: bag.ParsePath(f.Path)}
	}
	v.inventory(bag.Order(list))
	if v.verdict.FailureCount > 0 {
		return errStop
	}
	v.pass(chkFiles, 1)
	return nil
}

// inventory compares the entries of the container with the list, in order.
func (v *verifier) inventory(order []string) {
	here := make(map[string]bool, len(order))
	for _, e := range v.arc.Entries() {
		path := strings.TrimPrefix(e.Name, v.folder+"/")
		here[path] = true
		f := v.files[path]
		if f == nil {
			if !slices.Contains(order[:bag.Above], path) {
				v.failAt(chkFiles, path, "the file is in the bundle, but the list of files does not name it")
			}
			continue
		}
		f.entry = e
		want := container.Entry{Name: e.Name, Method: container.Stored, Size: f.Size, Packed: f.Size}
		if f.Packed != nil {
			want.Method, want.Packed = container.Deflated, f.Packed.Size
		}
		if e.Method != want.Method || e.Size != want.Size || e.Packed != want.Packed {
			v.failAt(chkFiles, path, "it has %d bytes, %d packed; announced are %d and %d", e.Size, e.Packed, want.Size, want.Packed)
		}
	}
	for _, path := range order {
		if !here[path] {
			v.failAt(chkFiles, path, "the file is missing from the bundle")
		}
	}
	if v.verdict.FailureCount > 0 {
		return
	}
	for i, e := range v.arc.Entries() {
		if got := strings.TrimPrefix(e.Name, v.folder+"/"); got != order[i] {
			v.failAt(chkFiles, got, "the files are not in order: here %s should stand", order[i])
			return
		}
	}
}

// checkTags makes the tag files anew and compares.
func (v *verifier) checkTags() error {
	list := make([]bag.FileLine, 0, len(v.files))
	for _, f := range v.files {
		list = append(list, f.FileLine)
	}
	for _, tag := range bag.MakeTags(v.m, v.dsse, list).All() {
		got, err := v.whole(tag.Path, chkBag, maxTag)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, tag.Data) {
			v.failAt(chkBag, tag.Path, "it is not what follows from the manifest; the first difference is at byte %d", differ(got, tag.Data))
			continue
		}
		v.pass(chkBag, 1)
	}
	return nil
}

// checkTrust compares the authority with those that the reader trusts.
func (v *verifier) checkTrust() error {
	a := &v.m.Authority
	v.verdict.Bundle.Pinned = slices.Contains(v.o.TrustedLogKeys, a.LogKey) || slices.Contains(v.o.TrustedAuthorities, a.Key.ID)
	switch {
	case v.verdict.Bundle.Pinned:
		v.pass(chkTrust, 1)
		return nil
	case len(v.o.TrustedLogKeys)+len(v.o.TrustedAuthorities) == 0:
		v.check(chkTrust).State = NotAsked
		return nil
	}
	if v.depth > 0 {
		v.failAt(chkTrust, bag.PathManifest, "authority key %s and ledger key %s of the former ledger are not among those trusted: the case lies in several ledgers, and trust is needed in each of them", a.Key.ID, a.LogKey)
		return nil
	}
	v.failAt(chkTrust, bag.PathManifest, "authority key %s and ledger key %s are not among those trusted: another authority made this bundle", a.Key.ID, a.LogKey)
	return nil
}

func differ(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// clip keeps hostile input short in an error's text.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
