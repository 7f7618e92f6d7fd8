package verify

import (
	"errors"
	"fmt"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrUnreadable is wrapped where the file is not a bundle, or cannot be read to
// its end: there is no verdict, because there is nothing to judge.
var ErrUnreadable = errors.New("the file cannot be read as a bundle")

// Result is a verdict in a word.
type Result string

// The verdicts.
const (
	Authentic            Result = "authentic"
	AuthenticWithDefects Result = "authentic with defects"
	NotAuthentic         Result = "not authentic"
)

// Text is one statement in English and in Chinese.
type Text = custody.Text

// Verdict is what a bundle comes to.
type Verdict struct {
	Result Result  `json:"result"`
	Bundle *About  `json:"bundle,omitzero"`
	Checks []Check `json:"checks"`
	// Failures are listed up to MaxFailures; FailureCount counts all.
	Failures     []Failure `json:"failures"`
	FailureCount int64     `json:"failure_count"`
	// Notes are findings that do not make the bundle less authentic.
	Notes []Note `json:"notes,omitzero"`
	// Limits say what a pass does not prove.
	Limits []Limit `json:"limits"`
	// Record is the custody record; absent where the events could not be judged.
	Record *custody.Record `json:"record,omitzero"`
	Media  []Media         `json:"media,omitzero"`
	// Tokens are the time-stamps over the ledger.
	Tokens []Stamped `json:"tokens,omitzero"`
	// Witnesses are the cosignatures over the checkpoint by witnesses that the reader trusts.
	Witnesses []Cosigned `json:"witnesses,omitzero"`
	// Quarantine lists the lines shown that are not accepted events.
	Quarantine []Quarantined `json:"quarantine,omitzero"`
	// Ledgers are the ledgers that the case lies in, the oldest first, where there is more
	// than one. The record numbers their entries through, as if they were one.
	Ledgers []Ledger `json:"ledgers,omitzero"`
	// ProvenBy says of each event by which of Ledgers, counted from 0, it is proven first;
	// absent where there is one ledger.
	ProvenBy map[event.ID]int `json:"proven_by,omitzero"`
	// Former is the verdict on the former ledger's bundle by itself, without a record.
	Former *Verdict `json:"former,omitzero"`
}

// Ledger is one of the ledgers that a case lies in.
type Ledger struct {
	Origin    string       `json:"origin"`
	Authority string       `json:"authority"`
	Key       event.Digest `json:"authority_key"`
	LogKey    string       `json:"log_key"`
	// Size is how many entries it ended with, of the last one how many the checkpoint covers.
	Size int64 `json:"size"`
	// First is the number of its entry 0 in the record.
	First int64 `json:"first"`
	// Events counts the events shown that it proves first.
	Events int64 `json:"events"`
}

// About is what the manifest says of the bundle, as far as it could be read.
type About struct {
	ID        event.UUID    `json:"id"`
	Case      event.UUID    `json:"case"`
	Purpose   string        `json:"purpose,omitzero"`
	Language  bag.Language  `json:"language"`
	Made      event.Stamp   `json:"made"`
	Authority bag.Authority `json:"authority"`
	// Pinned says that the reader's own trust settings name this authority or ledger.
	Pinned     bool           `json:"pinned"`
	Checkpoint bag.Tree       `json:"checkpoint"`
	Disclosure bag.Disclosure `json:"disclosure"`
	// Judged is when the checkpoint's last leaf was received: the time that custody is judged at.
	Judged time.Time `json:"judged,omitzero"`
	// Witnessed is when a quorum of trusted witnesses had cosigned the checkpoint; absent where none has.
	Witnessed time.Time `json:"witnessed,omitzero"`
	// ManifestSHA256 is the digest of data/manifest.dsse, by which a bundle can be named.
	ManifestSHA256 event.Digest `json:"manifest_sha256"`
}

// State says how a check ended.
type State string

// The states.
const (
	Passed     State = "passed"
	Failed     State = "failed"
	NotReached State = "not reached"
	// NotAsked: the reader's options ask for no answer.
	NotAsked State = "not asked"
)

// Check is one question and its answer.
type Check struct {
	Name  string `json:"name"`
	Title Text   `json:"title"`
	State State  `json:"state"`
	// Count is how many things were checked, Failed how many of them failed.
	Count  int64 `json:"count"`
	Failed int64 `json:"failed,omitzero"`
}

// MaxFailures bounds the list of failures: who has this many needs no more of them.
const MaxFailures = 1000

// Failure is one thing that is not what it claims to be.
type Failure struct {
	Check string `json:"check"`
	// File is a path in the bag, Index a place in the ledger, Event an event's id; each where it applies.
	File   string        `json:"file,omitzero"`
	Index  *ledger.Index `json:"index,omitzero"`
	Event  event.ID      `json:"event,omitzero"`
	Detail string        `json:"detail"`
}

func (f Failure) String() string {
	s := f.Check
	if f.File != "" {
		s += ": " + f.File
	}
	if f.Index != nil {
		s += fmt.Sprintf(": ledger entry %d", *f.Index)
	}
	if !f.Event.IsZero() {
		s += ": event " + f.Event.String()
	}
	return s + ": " + f.Detail
}

// Note is something to know that is no failure.
type Note struct {
	Code  string        `json:"code"`
	Index *ledger.Index `json:"index,omitzero"`
	Text  Text          `json:"text"`
}

// Limit is something that a pass does not prove.
type Limit struct {
	Code string `json:"code"`
	Text Text   `json:"text"`
}

// Media is a file that a shown event names.
type Media struct {
	bag.MediaLine
	// Size is the length of the file in the bundle; 0 where it is not there.
	Size int64 `json:"size,omitzero"`
}

// Quarantined is a received line that was not accepted.
type Quarantined struct {
	Index    ledger.Index `json:"index"`
	Received time.Time    `json:"received"`
	SHA256   event.Digest `json:"sha256"`
	Layer    string       `json:"layer"`
	Code     string       `json:"code"`
	Detail   string       `json:"detail,omitzero"`
	// Found is what this program finds wrong with the line; empty where it finds nothing.
	Found string `json:"found,omitzero"`
}

// JSON writes the verdict, indented. Members have the names of the struct tags.
func (v *Verdict) JSON() ([]byte, error) {
	return json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "))
}

// RecordJSON writes a custody record as a verdict has it.
func RecordJSON(r *custody.Record) ([]byte, error) {
	return json.Marshal(r, json.Deterministic(true))
}

// defective reports whether the record has defects.
func (v *Verdict) defective() bool { return v.Record != nil && len(v.Record.Defects) > 0 }

// settle derives the result. Nothing is authentic that was not judged to the end.
func (v *Verdict) settle() {
	complete := v.FailureCount == 0 && v.Record != nil
	for i := range v.Checks {
		complete = complete && (v.Checks[i].State == Passed || v.Checks[i].State == NotAsked)
	}
	switch {
	case !complete:
		v.Result = NotAuthentic
	case v.defective():
		v.Result = AuthenticWithDefects
	default:
		v.Result = Authentic
	}
}

// check names, in the order of the package comment.
const (
	chkContainer   = "container"
	chkFiles       = "files"
	chkBag         = "bag"
	chkManifest    = "manifest"
	chkAuthority   = "authority"
	chkTrust       = "trust"
	chkCheckpoint  = "checkpoint"
	chkWitnesses   = "witnesses"
	chkTiles       = "tiles"
	chkLeaves      = "leaves"
	chkSignatures  = "signatures"
	chkEnrolments  = "enrolments"
	chkRevocations = "revocations"
	chkChains      = "chains"
	chkSeen        = "seen"
	chkTokens      = "tokens"
	chkQuarantine  = "quarantine"
	chkMedia       = "media"
	chkDisclosure  = "disclosure"
	chkRules       = "rules"
	chkFormer      = "former"
)

var checkTitles = []struct {
	name   string
	en, zh string
}{
	{chkContainer, "The file is built in the one form of a bundle", "文件按证据包唯一规定的形式构成"},
	{chkFiles, "Every file is announced, present and unchanged", "每个文件均已列明、在包内且未改动"},
	{chkBag, "The BagIt tag files agree", "BagIt 标签文件一致"},
	{chkManifest, "The manifest is signed by the authority", "清单由管理机构签名"},
	{chkAuthority, "The authority's genesis is consistent", "管理机构的起始事件自洽"},
	{chkTrust, "The authority is one that the reader trusts", "管理机构为核验人所信任"},
	{chkCheckpoint, "The checkpoint is signed by the ledger's key", "检查点由账本密钥签名"},
	{chkWitnesses, "A quorum of the witnesses that the reader trusts has cosigned the checkpoint", "核验人所信任的见证方已达法定数量联署检查点"},
	{chkTiles, "The hash tiles lead to the checkpoint's root", "哈希分片可推导至检查点树根"},
	{chkLeaves, "Every entry stands in its place in the ledger", "每个条目均位于账本中应有的位置"},
	{chkSignatures, "Every event is sealed by its device's key", "每个事件均由其设备密钥签封"},
	{chkEnrolments, "Every key was enrolled before it was used", "每个密钥在使用前均已登记"},
	{chkRevocations, "No event was accepted after its key was revoked", "密钥吊销后未再接受其事件"},
	{chkChains, "Every event is tied to the one before it", "每个事件均与其前一事件相连"},
	{chkSeen, "The checkpoints that devices had seen belong to this ledger", "设备所见检查点均属于本账本"},
	{chkTokens, "Time-stamps are over checkpoints of this ledger and signed", "时间戳针对本账本的检查点且签名无误"},
	{chkQuarantine, "Lines in quarantine are what was received", "隔离区内容与收到的内容一致"},
	{chkMedia, "Files named by events are there or their absence is stated", "事件所指文件在包内，或已说明缺失"},
	{chkDisclosure, "What is shown and hidden is as counted", "披露与未披露的数量与清单一致"},
	{chkFormer, "The former ledger ends where this one begins, and its bundle holds", "原账本终止之处即本账本起始之处，其证据包核验通过"},
	{chkRules, "The rule pack is the one named", "规则包与清单所指一致"},
}

// CheckNames lists the checks in order.
func CheckNames() []string {
	names := make([]string, len(checkTitles))
	for i, c := range checkTitles {
		names[i] = c.name
	}
	return names
}
