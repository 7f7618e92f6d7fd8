package blob

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/go-json-experiment/json"
)

// A record file is two slots and a header, each in file system blocks of its
// own, so that overwriting one in place cannot tear another:
//
//	0     slot of even sequence numbers
//	4096  slot of odd sequence numbers
//	8192  header: magic, length, checksum, JSON; to the end of the file
const (
	slotStride   = 4096
	slotSize     = 256
	headerAt     = 2 * slotStride
	slotMagic    = "fsS1"
	headerMagic  = "fsH1"
	maxHashState = 160                 // crypto/sha256 marshals to 108 bytes
	maxHeader    = MaxMeta + (1 << 10) // the other members take under 300 bytes
	maxRecord    = headerAt + 12 + maxHeader
	slotCheckAt  = slotSize - 4
	slotStateAt  = 4 + 8 + 8 + 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// slot is the changing part of a record.
type slot struct {
	seq    uint64 // counts writes from 1; the valid slot of the highest wins
	offset int64  // bytes acknowledged
	state  []byte // SHA-256 state after offset bytes, as crypto/sha256 marshals it
}

// at is where the slot belongs in the file.
func (s slot) at() int64 { return int64(s.seq%2) * slotStride }

func encodeSlot(s slot) []byte {
	b := make([]byte, slotSize)
	copy(b, slotMagic)
	binary.BigEndian.PutUint64(b[4:], s.seq)
	binary.BigEndian.PutUint64(b[12:], uint64(s.offset))
	binary.BigEndian.PutUint16(b[20:], uint16(len(s.state)))
	copy(b[slotStateAt:slotCheckAt], s.state)
	binary.BigEndian.PutUint32(b[slotCheckAt:], crc32.Checksum(b[:slotCheckAt], castagnoli))
	return b
}

// decodeSlot reads a slot; false where it is torn, blank or foreign.
func decodeSlot(b []byte) (slot, bool) {
	if len(b) != slotSize || string(b[:4]) != slotMagic ||
		crc32.Checksum(b[:slotCheckAt], castagnoli) != binary.BigEndian.Uint32(b[slotCheckAt:]) {
		return slot{}, false
	}
	s := slot{seq: binary.BigEndian.Uint64(b[4:]), offset: int64(binary.BigEndian.Uint64(b[12:]))}
	n := int(binary.BigEndian.Uint16(b[20:]))
	if s.seq == 0 || s.offset < 0 || n > maxHashState {
		return slot{}, false
	}
	s.state = append([]byte(nil), b[slotStateAt:slotStateAt+n]...)
	return s, true
}

// header is the fixed part of a record.
type header struct {
	V       int               `json:"v"`
	Wanted  Digest            `json:"wanted"`
	Length  int64             `json:"length"`
	Created int64             `json:"created"` // Unix seconds
	Meta    map[string]string `json:"meta,omitzero"`
}

// frame wraps JSON with a magic, its length and a checksum.
func frame(magic string, v any) ([]byte, error) {
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	b := make([]byte, 12, 12+len(text))
	copy(b, magic)
	binary.BigEndian.PutUint32(b[4:], uint32(len(text)))
	binary.BigEndian.PutUint32(b[8:], crc32.Checksum(text, castagnoli))
	return append(b, text...), nil
}

func unframe(magic string, b []byte, v any) error {
	if len(b) < 12 || string(b[:4]) != magic {
		return fmt.Errorf("%w: it does not begin with %q", ErrFormat, magic)
	}
	text := b[12:]
	if int64(len(text)) != int64(binary.BigEndian.Uint32(b[4:])) {
		return fmt.Errorf("%w: it is cut or has a tail", ErrFormat)
	}
	if crc32.Checksum(text, castagnoli) != binary.BigEndian.Uint32(b[8:]) {
		return fmt.Errorf("%w: its checksum does not match", ErrFormat)
	}
	if err := json.Unmarshal(text, v, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return nil
}

// encodeRecord gives the whole file of a new upload: first slot, blank second
// slot, header.
func encodeRecord(h header, s slot) ([]byte, error) {
	tail, err := frame(headerMagic, h)
	if err != nil {
		return nil, err
	}
	b := make([]byte, headerAt, headerAt+len(tail))
	copy(b[s.at():], encodeSlot(s))
	return append(b, tail...), nil
}

// record is a record file as read.
type record struct {
	header
	slot      // the newest valid one
	slotFound bool
}

// decodeRecord reads a record file. Without any valid slot it still succeeds,
// with slotFound unset; without a valid header it wraps ErrFormat.
func decodeRecord(b []byte) (record, error) {
	var r record
	if len(b) < headerAt {
		return r, fmt.Errorf("%w: it has %d bytes", ErrFormat, len(b))
	}
	if err := unframe(headerMagic, b[headerAt:], &r.header); err != nil {
		return r, err
	}
	if r.V != 1 || r.Length < 0 || r.Wanted.IsZero() {
		return r, fmt.Errorf("%w: version %d, length %d, digest %s", ErrFormat, r.V, r.Length, r.Wanted)
	}
	for i := range int64(2) {
		s, ok := decodeSlot(b[i*slotStride : i*slotStride+slotSize])
		if ok && s.at() == i*slotStride && s.offset <= r.Length && s.seq > r.seq {
			r.slot, r.slotFound = s, true
		}
	}
	return r, nil
}

const (
	verdictMagic = "fsV1"
	maxVerdict   = 4 * MaxReason
)

// verdict says how an upload that did not arrive has ended.
type verdict struct {
	V      int    `json:"v"`
	State  State  `json:"state"` // Quarantined or Abandoned
	Got    Digest `json:"got,omitzero"`
	At     int64  `json:"at"` // Unix seconds
	Reason string `json:"reason,omitzero"`
}

func decodeVerdict(b []byte) (verdict, error) {
	var v verdict
	if err := unframe(verdictMagic, b, &v); err != nil {
		return v, err
	}
	if v.V != 1 || v.State != Quarantined && v.State != Abandoned {
		return v, fmt.Errorf("%w: version %d, state %q", ErrFormat, v.V, v.State)
	}
	return v, nil
}

func unixUTC(s int64) time.Time { return time.Unix(s, 0).UTC() }
