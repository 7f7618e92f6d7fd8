package wire

import "encoding/json"

const (
	// MaxBatchLines caps the events of one batch; a device sends a few hundred at a time.
	MaxBatchLines = 5000
	// MaxBatchBytes caps a batch after decompression: it bounds what one request can make the server hold.
	MaxBatchBytes = 32 << 20
	// MaxBatchWire caps a batch as sent.
	MaxBatchWire = 8 << 20
)

// Status is the outcome of one line of a batch.
type Status string

// The outcomes. In each of them the received bytes are kept.
const (
	StatusAccepted    Status = "accepted"
	StatusDuplicate   Status = "duplicate"
	StatusQuarantined Status = "quarantined"
)

// BatchAnswer answers POST /v1/batches: one result per line, in the order sent.
type BatchAnswer struct {
	Results []EventResult `json:"results"`
	// Checkpoints maps a ledger size, in decimal, to the signed checkpoint of that
	// size: the first that covers the results which name it.
	Checkpoints map[string]string `json:"checkpoints"`
	// ServerTimeUS is the server's clock when it answered.
	ServerTimeUS int64 `json:"server_time_us"`
}

// EventResult is the receipt of one line. The same line gets the same receipt every time.
type EventResult struct {
	// ID is the event id that the server computed; a device compares it with its own
	// before it marks anything as sent. For a line without a readable payload it is
	// SHA-256 over the line.
	ID     string `json:"id"`
	Status Status `json:"status"`
	// Code and Detail say why a line is in quarantine.
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Index, ReceivedUS and Kind are what the ledger leaf holds beside the id, the
	// key and the signature digest; with them a device recomputes the leaf.
	Index      int64 `json:"index"`
	ReceivedUS int64 `json:"received_us"`
	Kind       int   `json:"kind"`
	// Pending says that earlier events of the device are not here yet; WaitsFor is the first missing sequence number.
	Pending  bool  `json:"pending,omitempty"`
	WaitsFor int64 `json:"waits_for,omitempty"`
	// CheckpointSize names the entry of Checkpoints that covers this line.
	CheckpointSize int64 `json:"checkpoint_size"`
}

// Head answers GET /v1/devices/{id}/head.
type Head struct {
	Device string `json:"device"`
	// Seq and ID are the last event up to which the chain is here without a hole; 0 and empty for none.
	Seq int64  `json:"seq"`
	ID  string `json:"id"`
	// MaxSeq is the highest sequence number accepted; above Seq there are holes.
	MaxSeq int64 `json:"max_seq"`
	// Missing lists the holes up to MaxSeq, at most 100 of them, as [first, last].
	Missing [][2]int64 `json:"missing,omitempty"`
	// Digest is SHA-256 over the ids of events 1 to Seq, each as 32 bytes: where it
	// differs from the device's own, the two histories differ.
	Digest  string `json:"digest"`
	Revoked bool   `json:"revoked,omitempty"`
	// Quarantined counts lines in quarantine that name this device.
	Quarantined int64 `json:"quarantined,omitempty"`
}

// Changes answers GET /v1/changes: what the person may see after a ledger index, in ledger order.
type Changes struct {
	Events []Change `json:"events"`
	// Next is the cursor for the next call; More says that there is more already.
	Next int64 `json:"next"`
	More bool  `json:"more"`
	// Checkpoint is the newest signed checkpoint.
	Checkpoint string `json:"checkpoint"`
}

// Change is one event as another device sealed it.
type Change struct {
	Index      int64  `json:"index"`
	ReceivedUS int64  `json:"received_us"`
	Kind       int    `json:"kind"`
	ID         string `json:"id"`
	Envelope   string `json:"envelope"`
}

// EventView answers GET /v1/events/{id}.
type EventView struct {
	Change
	Pending bool `json:"pending,omitempty"`
	// CheckpointSize and Checkpoint are the first checkpoint that covers the event.
	CheckpointSize int64  `json:"checkpoint_size"`
	Checkpoint     string `json:"checkpoint"`
}

// InclusionProof proves that the leaf at Index is in the log of size Size.
type InclusionProof struct {
	Index int64 `json:"index"`
	Size  int64 `json:"size"`
	// Hashes are the audit path of RFC 6962, lowest first, standard base64.
	Hashes []string `json:"hashes"`
	// LeafHash is the leaf's RFC 6962 hash, standard base64.
	LeafHash string `json:"leaf_hash"`
}

// ProofsAsked is the body of POST /v1/log/proofs.
type ProofsAsked struct {
	Size    int64   `json:"size"`
	Indexes []int64 `json:"indexes"`
}

// MaxProofs caps the proofs of one request.
const MaxProofs = 2000

// Proofs answers POST /v1/log/proofs.
type Proofs struct {
	Checkpoint string           `json:"checkpoint"`
	Proofs     []InclusionProof `json:"proofs"`
}

// ConsistencyProof proves that the log of size To extends that of size From.
type ConsistencyProof struct {
	From   int64    `json:"from"`
	To     int64    `json:"to"`
	Hashes []string `json:"hashes"`
}

// CheckpointAnswer answers GET /v1/log/checkpoint.
type CheckpointAnswer struct {
	// Checkpoint is the newest, with the cosignatures of witnesses where a quorum of
	// them has cosigned it already.
	Checkpoint string `json:"checkpoint"`
	// Witnessed is the newest checkpoint that a quorum of witnesses has cosigned,
	// where Checkpoint is a newer one that is not yet witnessed.
	Witnessed    string `json:"witnessed,omitzero"`
	ServerTimeUS int64  `json:"server_time_us"`
}

// MaxActs is the most acts that one Check may hold.
const MaxActs = 1000

// Check is the body of POST /v1/check: acts that somebody is about to seal.
type Check struct {
	Acts []Act `json:"acts"`
}

// Act is what an event will say: its type, its case, where it belongs to one, its
// body and, where it is known, the position fix.
type Act struct {
	Type  string          `json:"type"`
	Case  string          `json:"case,omitempty"`
	Body  json.RawMessage `json:"body"`
	Place json.RawMessage `json:"place,omitempty"`
}

// Checked answers a Check: nothing was stored, and what is listed would not be accepted.
type Checked struct {
	Problems []Problem `json:"problems"`
}

// Problem is what is wrong with the act at Index, in words.
type Problem struct {
	Index   int64  `json:"index"`
	Message string `json:"message"`
}
