package wire

import "encoding/json"

// Cases answers GET /v1/cases.
type Cases struct {
	Cases []Case `json:"cases"`
}

// Case is a case in a list.
type Case struct {
	ID           string `json:"id"`
	Number       string `json:"number"`
	Title        string `json:"title"`
	Authority    string `json:"authority"`
	Org          string `json:"org"`
	OpenedUS     int64  `json:"opened_us"`
	Events       int64  `json:"events"`
	MediaMissing int64  `json:"media_missing"`
	// Right is what the asking person has: "read" or "write".
	Right string `json:"right"`
}

// Items answers GET /v1/cases/{id}/items and GET /v1/items?q=.
type Items struct {
	Items []Item `json:"items"`
}

// Item is a thing with a custody or hash history.
type Item struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Label string `json:"label"`
	Case  string `json:"case"`
	Index int64  `json:"index"`
}

// Record answers GET /v1/cases/{id}/record: the custody record as the verifier
// also computes it from a bundle; its shape is described in mobile-contract.
type Record struct {
	Case           string          `json:"case"`
	CheckpointSize int64           `json:"checkpoint_size"`
	Record         json.RawMessage `json:"record"`
}

// QuarantineList answers GET /v1/quarantine.
type QuarantineList struct {
	Entries []Quarantined `json:"entries"`
}

// Quarantined is a line that was received and kept, but not accepted.
type Quarantined struct {
	Index         int64  `json:"index"`
	ID            string `json:"id"`
	LineSHA256    string `json:"line_sha256"`
	Layer         string `json:"layer"`
	Code          string `json:"code"`
	Detail        string `json:"detail"`
	ReceivedUS    int64  `json:"received_us"`
	ClaimedDevice string `json:"claimed_device,omitempty"`
	ClaimedSeq    int64  `json:"claimed_seq,omitempty"`
	ClaimedCase   string `json:"claimed_case,omitempty"`
	Carrier       string `json:"carrier,omitempty"`
	Settled       string `json:"settled,omitempty"`
	// Line is the exact bytes in standard base64; only in GET /v1/quarantine/{index}.
	Line string `json:"line,omitempty"`
}

// MediaState answers GET /v1/media/{sha256}/state.
type MediaState struct {
	SHA256 string `json:"sha256"`
	State  string `json:"state"`
	Size   int64  `json:"size"`
	Held   int64  `json:"held"`
}

// Ready answers GET /readyz.
type Ready struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
}
