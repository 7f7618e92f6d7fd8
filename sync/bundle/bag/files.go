package bag

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fieldseal/sync/event"
)

// ErrLine is wrapped by every error about a line of a bundle's lists.
var ErrLine = errors.New("malformed line")

// FileLine pins a file of the bundle. In data/files.txt it is a line
//
//	<sha256> <size> - <path>
//	<sha256> <size> <packed size>:<packed sha256> <path>
//
// of lower-case hex and decimal numbers; the second form is for a deflated file.
type FileLine struct {
	SHA256 event.Digest `json:"sha256"`
	Size   int64        `json:"size"`
	Packed *Packed      `json:"packed,omitzero"`
	// Path is relative to the bag's folder.
	Path string `json:"path"`
}

// Packed is how a deflated file stands in the container.
type Packed struct {
	Size   int64        `json:"size"`
	SHA256 event.Digest `json:"sha256"`
}

func (f *FileLine) check() error {
	if f.Size < 0 || f.Packed != nil && f.Packed.Size < 0 {
		return fmt.Errorf("%w: %s: a size is negative", ErrLine, clip(f.Path))
	}
	if f.Path == "" || strings.ContainsAny(f.Path, " \n\r") {
		return fmt.Errorf("%w: %q is not a path", ErrLine, clip(f.Path))
	}
	return nil
}

// Append adds the line with its newline.
func (f *FileLine) Append(b []byte) []byte {
	b = append(b, f.SHA256.String()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, f.Size, 10)
	if f.Packed == nil {
		b = append(b, " - "...)
	} else {
		b = append(b, ' ')
		b = strconv.AppendInt(b, f.Packed.Size, 10)
		b = append(b, ':')
		b = append(b, f.Packed.SHA256.String()...)
		b = append(b, ' ')
	}
	b = append(b, f.Path...)
	return append(b, '\n')
}

// ParseFileLine reads a line, without its newline, exactly as Append writes it.
func ParseFileLine(line []byte) (FileLine, error) {
	bad := func(why string) (FileLine, error) {
		return FileLine{}, fmt.Errorf("%w: %q %s", ErrLine, clip(string(line)), why)
	}
	part := bytes.SplitN(line, []byte(" "), 4)
	if len(part) != 4 {
		return bad("is not digest, size, packing and path")
	}
	f := FileLine{Path: string(part[3])}
	var err error
	if err = f.SHA256.UnmarshalText(part[0]); err != nil {
		return bad("does not begin with a SHA-256 digest")
	}
	if f.Size, err = strconv.ParseInt(string(part[1]), 10, 64); err != nil {
		return bad("has no size")
	}
	if string(part[2]) != "-" {
		n, sum, _ := bytes.Cut(part[2], []byte(":"))
		f.Packed = &Packed{}
		if f.Packed.Size, err = strconv.ParseInt(string(n), 10, 64); err != nil {
			return bad("has no packed size")
		}
		if err = f.Packed.SHA256.UnmarshalText(sum); err != nil {
			return bad("has no packed digest")
		}
	}
	if f.check() != nil || !bytes.Equal(bytes.TrimSuffix(f.Append(nil), []byte("\n")), line) {
		return bad("is not in canonical form")
	}
	return f, nil
}

// ParseFiles reads data/files.txt: lines by ascending path, each once, none
// of the tag files and not the two files that stand above the list.
func ParseFiles(text []byte) ([]FileLine, error) {
	var list []FileLine
	for line := range bytes.Lines(text) {
		line, ok := bytes.CutSuffix(line, []byte("\n"))
		if !ok {
			return nil, fmt.Errorf("%w: the last line does not end", ErrLine)
		}
		f, err := ParseFileLine(line)
		if err != nil {
			return nil, err
		}
		if n := len(list); n > 0 && list[n-1].Path >= f.Path {
			return nil, fmt.Errorf("%w: %s does not come after %s", ErrLine, clip(f.Path), clip(list[n-1].Path))
		}
		if ParsePath(f.Path).Class == ClassUnknown {
			return nil, fmt.Errorf("%w: a bundle has no file %q", ErrLine, clip(f.Path))
		}
		list = append(list, f)
	}
	return list, nil
}

// MissingFiles lists the files that every bundle has and this list has not.
func MissingFiles(list []FileLine) []string {
	have := make(map[string]bool, len(always))
	for _, f := range list {
		have[f.Path] = true
	}
	var missing []string
	for _, p := range always {
		if !have[p] {
			missing = append(missing, p)
		}
	}
	return missing
}

// Above is the number of files that stand in Order before those of data/files.txt.
const Above = 6

// Order lists the entries of the container: relative paths in the order that
// they must have, given the lines of data/files.txt.
func Order(list []FileLine) []string {
	out := make([]string, 0, len(list)+Above)
	out = append(append(out, tagFiles...), PathManifest, PathFiles)
	for _, f := range list {
		out = append(out, f.Path)
	}
	return out
}
