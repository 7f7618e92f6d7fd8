// Package vectors is the contract as test vectors: exact lines and what becomes of
// them, for a client or a server in any language. The files are plain JSON; from
// Go they are read through [Files], [Scenarios] and [Basics].
//
// There are two kinds of file, told apart by their member "kind":
//
//   - "lines": a scenario. A log of a stated size knows the stated devices; lines
//     arrive in batches; each line has the outcome that a server must give.
//   - "basics": one building block, such as the PAE, the leaf or a proof, as a list
//     of cases with input and result, or with "ok": false where it must be refused.
//
// Every key in them is a test key, published with its private half, and must
// never be enrolled anywhere. Signatures are deterministic (RFC 6979, RFC 8032), so
// generating the files again gives the same bytes.
//
// The generator states the outcomes by hand and computes ids, digests and leaves by
// code of its own; the tests of this package then ask sync/seal and sync/reconcile.
// So the files do not merely repeat what the software does.
package vectors

import (
	"embed"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

//go:generate go run ./generate

// Files holds every vector by its file name.
//
//go:embed *.json
var Files embed.FS

// The kinds of file.
const (
	KindLines  = "lines"
	KindBasics = "basics"
)

// Scenario is a file of kind "lines".
type Scenario struct {
	Kind string `json:"kind"`
	// Name is the file's name without .json; Shows says what it shows and why.
	Name  string `json:"name"`
	Shows string `json:"shows"`
	// Log is the log that the lines arrive at.
	Log Log `json:"log"`
	// Size is the number of its entries before the first line: the index of the next one.
	Size int64 `json:"size"`
	// Devices are those enrolled before the first line; one of them may be the authority.
	// Nothing of their chains has arrived.
	Devices []Device `json:"devices"`
	Batches []Batch  `json:"batches"`
	// Heads is how far each chain has come after the last batch.
	Heads []Head `json:"heads"`
}

// Log is a log's name and key.
type Log struct {
	Origin string `json:"origin"`
	// Key is its public verifier key, Secret the private one; both as signed notes write them.
	Key    string `json:"key"`
	Secret string `json:"secret"`
}

// Device is a device that is enrolled, or the authority.
type Device struct {
	Name      string `json:"name"`
	Device    string `json:"device"`
	Authority bool   `json:"authority,omitempty"`
	// Enrolment is the id of the event that enrolled it, which its genesis names; absent for the authority.
	Enrolment string `json:"enrolment,omitempty"`
	Key       Key    `json:"key"`
	// PrivatePKCS8 is the private key for tests, standard base64 of its DER.
	PrivatePKCS8 string `json:"private_pkcs8"`
}

// Key is a public key bound to its algorithm; SPKI is standard base64 of its DER.
type Key struct {
	ID   string `json:"id"`
	Alg  string `json:"alg"`
	SPKI string `json:"spki"`
}

// Batch is what arrives in one request, and when.
type Batch struct {
	ReceivedUS int64  `json:"received_us"`
	Lines      []Line `json:"lines"`
}

// Line is one line and its outcome. Its exact bytes stand in Text, or in Base64
// where they are not UTF-8, or are Parts put together.
type Line struct {
	// Shows says what this line shows.
	Shows  string `json:"shows,omitempty"`
	Text   string `json:"line,omitempty"`
	Base64 string `json:"line_base64,omitempty"`
	Parts  []Part `json:"line_parts,omitempty"`
	// SHA256 is the digest of the line's bytes.
	SHA256 string `json:"line_sha256"`
	Expect Expect `json:"expect"`
}

// Part is a text to be repeated; it keeps very long lines readable.
type Part struct {
	Text  string `json:"text"`
	Times int    `json:"times"`
}

// Expect is the outcome of a line, in the words of api/wire, and the log entry it has.
type Expect struct {
	Status string `json:"status"`
	Layer  string `json:"layer,omitempty"`
	Code   string `json:"code,omitempty"`
	ID     string `json:"id"`
	// Index, ReceivedUS, Kind: of the entry that the receipt names. A duplicate has
	// those of the line that came first, a VARIANT too.
	Index      int64 `json:"index"`
	ReceivedUS int64 `json:"received_us"`
	Kind       int   `json:"kind"`
	Pending    bool  `json:"pending,omitempty"`
	WaitsFor   int64 `json:"waits_for,omitempty"`
	// SignatureDigest and Key are of an accepted event; absent for quarantine.
	SignatureDigest string `json:"signature_digest,omitempty"`
	Key             string `json:"key,omitempty"`
	// Leaf is the entry's 106 bytes in hex, LeafHash its RFC 6962 hash in base64.
	Leaf     string `json:"leaf"`
	LeafHash string `json:"leaf_hash"`
	// Kept is the index of the quarantine entry of a VARIANT's own bytes.
	Kept int64 `json:"kept,omitempty"`
}

// Head is the end of a device's chain: the last event up to which nothing is missing.
type Head struct {
	Device string `json:"device"`
	Seq    int64  `json:"seq"`
	ID     string `json:"id,omitempty"`
	// Digest is SHA-256 over the ids of events 1 to Seq, 32 bytes each.
	Digest string `json:"digest"`
}

// Basic is a file of kind "basics". Of names the building block; a case's members
// depend on it and are described in Members.
type Basic struct {
	Kind    string            `json:"kind"`
	Name    string            `json:"name"`
	Shows   string            `json:"shows"`
	Of      string            `json:"of"`
	Members map[string]string `json:"members"`
	Cases   []jsontext.Value  `json:"cases"`
}

// Bytes is the line's exact bytes.
func (l *Line) Bytes() ([]byte, error) {
	switch {
	case l.Base64 != "":
		return base64.StdEncoding.Strict().DecodeString(l.Base64)
	case len(l.Parts) > 0:
		var b strings.Builder
		for _, p := range l.Parts {
			b.WriteString(strings.Repeat(p.Text, p.Times))
		}
		return []byte(b.String()), nil
	}
	return []byte(l.Text), nil
}

// Scenarios reads every file of kind "lines", by name.
func Scenarios() ([]Scenario, error) { return read[Scenario](KindLines) }

// Basics reads every file of kind "basics", by name.
func Basics() ([]Basic, error) { return read[Basic](KindBasics) }

func read[T any](kind string) ([]T, error) {
	entries, err := Files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var list []T
	for _, e := range entries {
		data, err := Files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		var k struct {
			Kind string         `json:"kind"`
			Rest jsontext.Value `json:",unknown"`
		}
		if err := json.Unmarshal(data, &k); err != nil {
			return nil, fmt.Errorf("vector %s: %w", e.Name(), err)
		}
		if k.Kind != kind {
			continue
		}
		var v T
		if err := json.Unmarshal(data, &v, json.RejectUnknownMembers(true)); err != nil {
			return nil, fmt.Errorf("vector %s: %w", e.Name(), err)
		}
		list = append(list, v)
	}
	return list, nil
}
