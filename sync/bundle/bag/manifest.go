package bag

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"

	"github.com/go-json-experiment/json"
)

// PayloadType is the DSSE payload type of a manifest.
const PayloadType = "application/vnd.fieldseal.bundle.v1+json"

// Version is the version of the format; a reader refuses any other.
const Version = 1

const (
	// MaxExhibits bounds a selection; more than this many things is the case.
	MaxExhibits = 500
	// MaxPurpose bounds the purpose in bytes: it is a line in a report.
	MaxPurpose = 1000
)

// ErrManifest is wrapped by every error about a manifest.
var ErrManifest = errors.New("malformed bundle manifest")

// Manifest is what the authority signs. Its payload is JSON with exactly these members.
type Manifest struct {
	V      int64      `json:"v"`
	Bundle event.UUID `json:"bundle"`
	Case   event.UUID `json:"case"`
	// Purpose says what the bundle was made for; Language is that of the people it goes to.
	Purpose  string   `json:"purpose,omitzero"`
	Language Language `json:"language"`
	// Made is when, in UTC and even seconds, by the clock of the server.
	Made      event.Stamp `json:"made"`
	Authority Authority   `json:"authority"`
	// Checkpoint is what the note in data/ledger/checkpoint states.
	Checkpoint Tree       `json:"checkpoint"`
	Disclosure Disclosure `json:"disclosure"`
	// Rules is the digest of the rule pack in data/rules.
	Rules event.Digest `json:"rules"`
	// Files pins data/files.txt.
	Files FileLine `json:"files"`
}

// Language is a language of the report.
type Language string

// The languages.
const (
	English Language = "en"
	Chinese Language = "zh"
)

// Authority says who keeps the ledger and made the bundle. All of it is
// repeated from the genesis event, at index Genesis, and compared with it.
type Authority struct {
	Name    string              `json:"name"`
	NameZH  string              `json:"name_zh,omitzero"`
	Device  event.UUID          `json:"device"`
	Key     event.PublicKeyInfo `json:"key"`
	Genesis ledger.Index        `json:"genesis"`
	Origin  string              `json:"log_origin"`
	LogKey  string              `json:"log_key"`
}

// Tree is a tree's size and root.
type Tree struct {
	Size ledger.Size `json:"size"`
	Root event.Root  `json:"root"`
}

// Scope says how much of the case is shown.
type Scope string

// The scopes: everything the ledger has of the case, or what concerns chosen exhibits.
const (
	WholeCase Scope = "case"
	Exhibits  Scope = "exhibits"
)

// Disclosure says what is shown and counts what is not.
type Disclosure struct {
	Scope    Scope       `json:"scope"`
	Exhibits []event.Ref `json:"exhibits,omitzero"`
	// Shown and Hidden count accepted events of the case, ShownQuarantine and
	// HiddenQuarantine lines in quarantine that claim it or its devices.
	Shown            int64 `json:"shown"`
	Hidden           int64 `json:"hidden"`
	ShownQuarantine  int64 `json:"shown_quarantine"`
	HiddenQuarantine int64 `json:"hidden_quarantine"`
	// Context counts the events of no case that are shown with them.
	Context int64 `json:"context"`
	// Events is SHA-256 over the ids of all shown events, in order, 32 bytes each.
	Events event.Digest `json:"events_sha256"`
}

// Marshal gives the payload to be sealed. It refuses what ParseManifest would.
func (m *Manifest) Marshal() ([]byte, error) {
	b, err := json.Marshal(m, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	_, err = ParseManifest(b)
	return b, err
}

// ParseManifest reads a payload strictly; every error wraps ErrManifest.
func ParseManifest(payload []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(payload, &m, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if m.V != Version {
		return nil, fmt.Errorf("%w: version %d, this program reads %d; a newer one may read it", ErrManifest, m.V, Version)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	return &m, nil
}

// MadeAt is Made as a time; zero where the manifest was not checked.
func (m *Manifest) MadeAt() time.Time { return m.Made.Time() }

// MadeStamp writes a time as a manifest has it.
func MadeStamp(t time.Time) event.Stamp {
	return event.Stamp(t.UTC().Truncate(2 * time.Second).Format(time.RFC3339))
}

func (m *Manifest) check() error {
	at, err := m.Made.At()
	d := &m.Disclosure
	switch {
	case m.Bundle.IsZero() || m.Case.IsZero() || m.Authority.Device.IsZero():
		return errors.New("bundle, case and authority.device must be given")
	case m.Language != English && m.Language != Chinese:
		return fmt.Errorf("language is %q, must be en or zh", clip(string(m.Language)))
	case err != nil:
		return fmt.Errorf("made: %w", err)
	case MadeStamp(at) != m.Made:
		return fmt.Errorf("made is %q, must be UTC in even seconds", m.Made)
	case m.Checkpoint.Size < 1 || m.Checkpoint.Size > ledger.MaxSize:
		return fmt.Errorf("checkpoint.size is %d, must be 1 to %d", m.Checkpoint.Size, ledger.MaxSize)
	case m.Authority.Genesis < 0 || int64(m.Authority.Genesis) >= int64(m.Checkpoint.Size):
		return errors.New("authority.genesis is not an entry that the checkpoint covers")
	case m.Rules.IsZero():
		return errors.New("rules must be given")
	case m.Files.Path != PathFiles || m.Files.Packed != nil:
		return errors.New("files must pin " + PathFiles + ", stored")
	case d.Shown < 0 || d.Hidden < 0 || d.ShownQuarantine < 0 || d.HiddenQuarantine < 0 || d.Context < 0:
		return errors.New("a count in disclosure is negative")
	case d.Scope != WholeCase && d.Scope != Exhibits:
		return fmt.Errorf("disclosure.scope is %q, must be case or exhibits", clip(string(d.Scope)))
	case (d.Scope == Exhibits) != (len(d.Exhibits) > 0) || len(d.Exhibits) > MaxExhibits:
		return fmt.Errorf("disclosure.exhibits has %d entries, must have 1 to %d for scope exhibits and none for scope case", len(d.Exhibits), MaxExhibits)
	case d.Scope == WholeCase && (d.Hidden != 0 || d.HiddenQuarantine != 0):
		return errors.New("disclosure: scope case hides nothing")
	case !slices.IsSortedFunc(d.Exhibits, CompareRefs):
		return errors.New("disclosure.exhibits are not in order")
	}
	for name, s := range map[string]string{"purpose": m.Purpose, "authority.name": m.Authority.Name, "authority.name_zh": m.Authority.NameZH,
		"authority.log_origin": m.Authority.Origin, "authority.log_key": m.Authority.LogKey} {
		if err := oneLine(s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return m.Files.check()
}

// CompareRefs orders things by kind, then id.
func CompareRefs(a, b event.Ref) int {
	if c := strings.Compare(string(a.Kind), string(b.Kind)); c != 0 {
		return c
	}
	return slices.Compare(a.ID[:], b.ID[:])
}

// oneLine requires text that stands in one line of bag-info.txt.
func oneLine(s string) error {
	if len(s) > MaxPurpose || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return fmt.Errorf("must be at most %d bytes of text without space around it", MaxPurpose)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("contains a character that does not print, or a line break")
	}
	return nil
}
