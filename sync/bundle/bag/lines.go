package bag

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// Role says why a leaf is in data/ledger/leaves.txt.
type Role byte

// The roles. A leaf has the first of these that applies.
const (
	// RoleEvent: its event is the next line of data/events.ndjson.
	RoleEvent Role = 'e'
	// RoleQuarantine: it is the next line of data/quarantine.ndjson.
	RoleQuarantine Role = 'q'
	// RoleHidden: an event of the case that is not disclosed.
	RoleHidden Role = 'h'
	// RoleHiddenQuarantine: a quarantined line of the case that is not disclosed.
	RoleHiddenQuarantine Role = 'x'
	// RoleNeighbour: an event of another case or none, which a shown event of the same device follows.
	RoleNeighbour Role = 'n'
	// RoleTime: the last leaf that a checkpoint covers; its time bounds when that checkpoint was signed.
	RoleTime Role = 't'
)

func (r Role) valid() bool { return bytes.IndexByte([]byte("eqhxnt"), byte(r)) >= 0 }

// LeafLine is a leaf of the ledger. In data/ledger/leaves.txt it is a line
//
//	<index> <role> <hex of the leaf's 106 bytes>
//
// by ascending index, each index once.
type LeafLine struct {
	Index ledger.Index
	Role  Role
	Leaf  ledger.Leaf
}

// MaxLeafLine is the longest line: an index of 17 digits, role, hex, newline.
const MaxLeafLine = 17 + 1 + 1 + 1 + 2*ledger.LeafSize + 1

// Append adds the line with its newline; an error wraps ledger.ErrLeaf.
func (l *LeafLine) Append(b []byte) ([]byte, error) {
	leaf, err := l.Leaf.Marshal()
	if err != nil {
		return b, fmt.Errorf("entry %d: %w", l.Index, err)
	}
	b = strconv.AppendInt(b, int64(l.Index), 10)
	b = append(b, ' ', byte(l.Role), ' ')
	b = hex.AppendEncode(b, leaf)
	return append(b, '\n'), nil
}

// ParseLeafLine reads a line, without its newline, exactly as Append writes it.
func ParseLeafLine(line []byte) (LeafLine, error) {
	bad := func(why string) (LeafLine, error) {
		return LeafLine{}, fmt.Errorf("%w: %q %s", ErrLine, clip(string(line)), why)
	}
	number, rest, _ := bytes.Cut(line, []byte(" "))
	n, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil || n < 0 || ledger.Size(n) >= ledger.MaxSize || len(number) > 1 && number[0] == '0' || number[0] == '+' || number[0] == '-' {
		return bad("does not begin with an index")
	}
	if len(rest) != 2+2*ledger.LeafSize || !Role(rest[0]).valid() || rest[1] != ' ' {
		return bad("is not index, role and leaf")
	}
	var raw [ledger.LeafSize]byte
	if !unhex(raw[:], rest[2:]) {
		return bad("is not lower-case hex")
	}
	l := LeafLine{Index: ledger.Index(n), Role: Role(rest[0])}
	if l.Leaf, err = ledger.ParseLeaf(raw[:]); err != nil {
		return bad(err.Error())
	}
	if quarantine := l.Leaf.Kind == ledger.KindQuarantine; quarantine != (l.Role == RoleQuarantine || l.Role == RoleHiddenQuarantine) && l.Role != RoleTime {
		return bad("has a role that does not go with the leaf's kind")
	}
	return l, nil
}

// unhex reads lower-case hex alone.
func unhex(dst, text []byte) bool {
	for _, c := range text {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(dst, text)
	return err == nil
}

// QuarantineLine is a received line that was not accepted: the exact bytes, and
// what the authority says of them. It is a line of JSON in data/quarantine.ndjson.
type QuarantineLine struct {
	Index  ledger.Index `json:"index"`
	Layer  seal.Layer   `json:"layer"`
	Code   seal.Code    `json:"code"`
	Detail string       `json:"detail,omitzero"`
	Line   []byte       `json:"line"`
}

// MaxQuarantineLine bounds such a line: a server reads at most 32 MiB from a
// device at once and keeps whole what it cannot use; in base64, with the reason.
const MaxQuarantineLine = 48 << 20

// MediaState says what became of a file that a shown event names.
type MediaState string

// The states. Withheld: the server has it, the bundle does not disclose it.
const (
	MediaPresent  MediaState = "present"
	MediaMissing  MediaState = "missing"
	MediaMismatch MediaState = "mismatch"
	MediaWithheld MediaState = "withheld"
)

// MediaLine is a file that a shown event names, a line of JSON in
// data/media.ndjson by ascending digest.
type MediaLine struct {
	SHA256 event.Digest `json:"sha256"`
	State  MediaState   `json:"state"`
	// Have is the number of bytes that the server has.
	Have int64 `json:"have"`
	// Got is the digest of what arrived instead, for MediaMismatch.
	Got event.Digest `json:"got,omitzero"`
	// Path is where it stands in the bundle, for MediaPresent.
	Path string `json:"path,omitzero"`
}

func (m *MediaLine) check() error {
	p := ParsePath(m.Path)
	switch {
	case m.State != MediaPresent && m.State != MediaMissing && m.State != MediaMismatch && m.State != MediaWithheld:
		return fmt.Errorf("%w: state %q", ErrLine, clip(string(m.State)))
	case m.SHA256.IsZero() || m.Have < 0:
		return fmt.Errorf("%w: media %s has %d bytes", ErrLine, m.SHA256, m.Have)
	case (m.State == MediaPresent) != (p.Class == ClassMedia && p.Digest == m.SHA256) || m.State != MediaPresent && m.Path != "":
		return fmt.Errorf("%w: media %s in state %s cannot stand at %q", ErrLine, m.SHA256, m.State, clip(m.Path))
	case (m.State == MediaMismatch) == m.Got.IsZero():
		return fmt.Errorf("%w: media %s in state %s: got %s", ErrLine, m.SHA256, m.State, m.Got)
	}
	return nil
}

// ChainLine accounts for all events of a device that the checkpoint covers, a
// line of JSON in data/chains.ndjson by ascending device.
type ChainLine struct {
	Device event.UUID   `json:"device"`
	Key    event.Digest `json:"key"`
	// Head is the device's highest sequence number in the ledger.
	Head int64 `json:"head"`
	// Shown, Hidden (of the case) and Outside (of other cases or none) count its accepted events.
	Shown   int64 `json:"shown"`
	Hidden  int64 `json:"hidden"`
	Outside int64 `json:"outside"`
	// Missing lists the sequence numbers, first and last of each gap, that had not arrived.
	Missing [][2]int64 `json:"missing,omitzero"`
}

// MaxGaps bounds Missing: a device that lost more than this many stretches
// of its chain has lost its chain.
const MaxGaps = 10_000

func (c *ChainLine) check() error {
	bad := func(why string) error { return fmt.Errorf("%w: chain of device %s: %s", ErrLine, c.Device, why) }
	if c.Device.IsZero() || c.Key.IsZero() || c.Head < 1 || c.Head > event.MaxSeq || c.Shown < 1 || c.Hidden < 0 || c.Outside < 0 {
		return bad("a member is missing or out of range")
	}
	if len(c.Missing) > MaxGaps {
		return bad(fmt.Sprintf("more than %d gaps", MaxGaps))
	}
	for _, n := range []int64{c.Shown, c.Hidden, c.Outside} {
		if n > c.Head {
			return bad("it counts more events than the device has sealed")
		}
	}
	sum, last := c.Shown+c.Hidden+c.Outside, int64(0)
	for _, g := range c.Missing {
		if g[0] <= last+1 && last > 0 || g[0] < 1 || g[1] < g[0] || g[1] >= c.Head {
			return bad("its gaps are not ascending and apart")
		}
		last = g[1]
		sum += g[1] - g[0] + 1
	}
	if sum != c.Head {
		return bad(fmt.Sprintf("%d events are accounted for, the device has sealed %d", sum, c.Head))
	}
	return nil
}

// Lacks reports whether the event of a sequence number had not arrived.
func (c *ChainLine) Lacks(seq int64) bool {
	for _, g := range c.Missing {
		if seq >= g[0] && seq <= g[1] {
			return true
		}
	}
	return false
}

// Waits reports whether any event before a sequence number had not arrived.
func (c *ChainLine) Waits(seq int64) bool { return len(c.Missing) > 0 && c.Missing[0][0] < seq }

// AppendJSON adds a line of one of the JSON lists, with its newline.
func AppendJSON[L QuarantineLine | MediaLine | ChainLine](b []byte, line *L) ([]byte, error) {
	if err := checkJSON(line); err != nil {
		return b, err
	}
	text, err := json.Marshal(line, json.Deterministic(true))
	if err != nil {
		return b, fmt.Errorf("%w: %w", ErrLine, err)
	}
	return append(append(b, text...), '\n'), nil
}

// ParseJSON reads a line of one of the JSON lists, without its newline.
func ParseJSON[L QuarantineLine | MediaLine | ChainLine](line []byte) (*L, error) {
	l := new(L)
	if err := json.Unmarshal(line, l, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrLine, clip(string(line)), err)
	}
	return l, checkJSON(l)
}

func checkJSON(l any) error {
	switch l := l.(type) {
	case *QuarantineLine:
		if l.Index < 0 || len(l.Line) == 0 || l.Code == "" {
			return fmt.Errorf("%w: a quarantined line needs an index, a code and its bytes", ErrLine)
		}
	case *MediaLine:
		return l.check()
	case *ChainLine:
		return l.check()
	}
	return nil
}
