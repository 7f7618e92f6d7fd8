package bag

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"fieldseal/sync/event"
)

// BagIt is the content of bagit.txt (RFC 8493, 2.1.1).
const BagIt = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

// Tags are the contents of the four tag files. They follow from the rest: a
// reader makes them anew and compares.
type Tags struct {
	BagInfo, BagManifest, TagManifest []byte
}

// MakeTags makes the tag files. dsse is the line of data/manifest.dsse; files
// those of data/files.txt.
func MakeTags(m *Manifest, dsse FileLine, files []FileLine) Tags {
	all := append([]FileLine{dsse, m.Files}, files...)
	slices.SortFunc(all, func(a, b FileLine) int { return strings.Compare(a.Path, b.Path) })
	var octets int64
	var list strings.Builder
	for _, f := range all {
		octets += f.Size
		fmt.Fprintf(&list, "%s  %s\n", f.SHA256, f.Path)
	}
	t := Tags{BagInfo: bagInfo(m, octets, len(all)), BagManifest: []byte(list.String())}
	var tags strings.Builder
	for _, f := range []struct {
		path string
		data []byte
	}{{PathBagInfo, t.BagInfo}, {PathBagIt, []byte(BagIt)}, {PathBagManifest, t.BagManifest}} {
		fmt.Fprintf(&tags, "%s  %s\n", event.Digest(sha256.Sum256(f.data)), f.path)
	}
	t.TagManifest = []byte(tags.String())
	return t
}

// All gives path and content of the tag files in the order they stand in.
func (t Tags) All() []struct {
	Path string
	Data []byte
} {
	return []struct {
		Path string
		Data []byte
	}{{PathBagIt, []byte(BagIt)}, {PathBagInfo, t.BagInfo}, {PathBagManifest, t.BagManifest}, {PathTagManifest, t.TagManifest}}
}

// bagInfo writes the reserved elements of RFC 8493, 2.2.2 that apply, and the case.
func bagInfo(m *Manifest, octets int64, files int) []byte {
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", label, value)
		}
	}
	line("Source-Organization", m.Authority.Name)
	line("External-Identifier", "urn:uuid:"+m.Bundle.String())
	line("External-Description", m.Purpose)
	line("Internal-Sender-Identifier", "urn:uuid:"+m.Case.String())
	line("Bagging-Date", string(m.Made)[:len("2006-01-02")])
	line("Bag-Software-Agent", fmt.Sprintf("fieldseal bundle format %d", Version))
	line("Payload-Oxum", fmt.Sprintf("%d.%d", octets, files))
	return []byte(b.String())
}
