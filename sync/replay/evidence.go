package replay

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"

	"golang.org/x/mod/sumdb/note"
)

// ErrSource is wrapped where a source cannot be read as what it was given for.
var ErrSource = errors.New("replay: the source cannot be used")

const (
	// maxClaims bounds what is kept of contradictions about one entry.
	maxClaims = 16
	// maxLine is the longest line of any source: a quarantined one in a bundle.
	maxLine = bag.MaxQuarantineLine
)

// Device is a device as the backup knows it.
type Device struct {
	ID  event.UUID
	Key event.Digest
	// Name says for people whose it is.
	Name string
	// Head is its highest sequence number in the backup.
	Head      int64
	Authority bool
}

// Config says what is looked for.
type Config struct {
	// LogKey verifies the log's checkpoints; its name is the log's origin.
	LogKey note.Verifier
	// From is the size of the backup: the first entry that is missing. To is the
	// size that was acknowledged.
	From, To ledger.Size
	// Devices are those of the backup.
	Devices []Device
}

// Evidence gathers sources. What a source is read from must stay open and the
// same until Resolve has returned.
type Evidence struct {
	cfg         Config
	claims      map[ledger.Index][]claim
	hashes      map[ledger.Index]ledger.Hash // that a checkpoint proves
	places      map[ledger.Index][]place
	checkpoints map[event.Digest]*ledger.SignedCheckpoint
	streams     []stream
	archives    map[event.UUID]bool // devices whose archive is a source
	remarks     []string
}

// claim is a leaf that a source gives for an entry.
type claim struct {
	leaf   ledger.Leaf
	hash   ledger.Hash
	proven bool
	source string
}

// place is where a source says that an event stands; with its line it makes a leaf.
type place struct {
	id       event.ID
	received ledger.Micros
	kind     ledger.Kind
	source   string
}

// stream gives the lines of a source, again whenever it is asked. A line is
// good until the next.
type stream struct {
	name string
	each func(fn func(line []byte) error) error
}

// New begins a search.
func New(cfg Config) *Evidence {
	return &Evidence{cfg: cfg, claims: map[ledger.Index][]claim{}, hashes: map[ledger.Index]ledger.Hash{}, places: map[ledger.Index][]place{},
		checkpoints: map[event.Digest]*ledger.SignedCheckpoint{}, archives: map[event.UUID]bool{}}
}

// Remarks are what was noticed of the sources that is no error: a part that is
// damaged or contradicts, and was left out.
func (e *Evidence) Remarks() []string { return slices.Clone(e.remarks) }

func (e *Evidence) remark(format string, args ...any) {
	const most = 200
	if len(e.remarks) < most {
		e.remarks = append(e.remarks, fmt.Sprintf(format, args...))
	}
}

// lost reports whether an entry is one of those that are looked for.
func (e *Evidence) lost(i ledger.Index) bool {
	return ledger.Size(i) >= e.cfg.From && ledger.Size(i) < e.cfg.To
}

// claim takes a leaf for an entry; proven where a checkpoint of the log is shown to have it there.
func (e *Evidence) claim(i ledger.Index, leaf ledger.Leaf, proven bool, source string) {
	if !e.lost(i) {
		return
	}
	hash, err := leaf.Hash()
	if err != nil {
		e.remark("%s: entry %d: %v", source, i, err)
		return
	}
	list := e.claims[i]
	for k := range list {
		if list[k].hash == hash {
			list[k].proven = list[k].proven || proven
			return
		}
	}
	if len(list) == maxClaims {
		e.remark("%s: there are more than %d contradictory statements about entry %d", source, maxClaims, i)
		return
	}
	e.claims[i] = append(list, claim{leaf, hash, proven, source})
}

// checkpoint takes a note of the log; others, and what is no checkpoint, are left out.
func (e *Evidence) checkpoint(text []byte, source string) *ledger.SignedCheckpoint {
	c, err := ledger.ParseCheckpoint(text, e.cfg.LogKey)
	if err != nil {
		e.remark("%s: a checkpoint is left out: %v", source, err)
		return nil
	}
	e.checkpoints[sha256.Sum256(text)] = c
	return c
}

// AddLines takes a plain file of envelope lines.
func (e *Evidence) AddLines(name string, r io.ReaderAt, size int64) {
	e.streams = append(e.streams, stream{name, func(fn func([]byte) error) error {
		return eachLine(io.NewSectionReader(r, 0, size), fn)
	}})
}

// eachLine gives the lines of a text without their ends. A line that is longer
// than any can be is an error.
func eachLine(r io.Reader, fn func(line []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine+2)
	s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			return i + 1, data[:i], nil // a carriage return is a byte of the line
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	for s.Scan() {
		if err := fn(s.Bytes()); err != nil {
			return err
		}
	}
	return s.Err()
}
