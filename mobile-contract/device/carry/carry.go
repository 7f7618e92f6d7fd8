// Package carry writes sealed events as text that fits into a QR code, a chat
// message or an e-mail, for a handover between two devices without a network. It
// is pure: it checks form and checksums, and believes nothing that it reads.
//
// # Text
//
// A message is one or more parts, each on a line of its own:
//
//	FS1:<i>/<n>:<sum>:<data>
//
// i counts from 1 to n. sum is 8 upper-case hex digits, the first 4 bytes of
// SHA-256 over the packed message: it says which parts belong together and that
// they were joined rightly. data is RFC 4648 base32 without padding of a piece of
// the packed message and, behind it, the CRC-32 (IEEE, big-endian) of that piece,
// which names a part that was misread. All characters are of the QR alphanumeric
// set, and none is a space that a copy on a screen would lose.
//
// # Message
//
// Packed, a message is the raw DEFLATE stream (RFC 1951, which every platform
// brings along) of:
//
//	byte     kind: 1 offer, 2 acceptance, 3 refusal
//	16 bytes handover's UUID
//	byte     number of events, 1 to MaxEvents
//	events   each: 32 bytes key id; byte signature length, signature;
//	         uvarint payload length; uvarint cut, where not 0: uvarint at, uvarint from;
//	         the payload's bytes without the cut ones
//
// An event is given by the parts of its envelope in the one form that package seal
// writes, so that the exact line can be made again. cut bytes of the payload, at
// offset at, are left out because they also stand in the payload that the reader
// already has (the offer, when it reads the acceptance), at offset from: the terms
// of a handover need not travel back. A wrong reference cannot harm: the event's
// signature then fails.
package carry

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

const (
	// MaxEvents bounds the events of a message: an offer, and the enrolment of its device.
	MaxEvents = 4
	// MaxMessage caps an unpacked message: a largest payload, and an enrolment.
	MaxMessage = event.MaxPayload + 64<<10
	// MaxParts bounds the parts of a message: nobody scans more.
	MaxParts = 99
	// MaxText caps a message's text as pasted.
	MaxText = 2 * MaxMessage
	// QRText is the length of a part that a phone reads off a screen at once: QR
	// version 25 (117 modules) at the lowest error correction holds 1853 characters.
	QRText = 1800
	// minPart is the least length of a part that leaves room for data.
	minPart = 64
	// minCut is the least length worth leaving out.
	minCut = 32
)

// prefix begins every part and names the version of the form.
const prefix = "FS1:"

// Kind says what a message is.
type Kind uint8

// The kinds of message. The numbers are frozen.
const (
	Offer      Kind = 1
	Acceptance Kind = 2
	Refusal    Kind = 3
)

// Errors. ErrText is wrapped by every error about a text, ErrMissing beside it where
// parts are missing.
var (
	ErrText    = errors.New("not a handover text")
	ErrMissing = errors.New("parts are missing")
	// ErrForm: an envelope cannot be carried, because it is not in the one form of package seal.
	ErrForm = errors.New("the envelope cannot be carried as text")
	// ErrReference: the message leaves out bytes of an event that was not given.
	ErrReference = errors.New("the text belongs to an offer that is not at hand")
)

// Message is what is carried.
type Message struct {
	Kind     Kind
	Handover event.UUID
	// Lines are exact envelopes, the one that matters first.
	Lines [][]byte
}

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// Encode writes a message in parts of at most limit characters (QRText for QR
// codes, 0 for one part). known is a payload that the reader has, nil where there is none.
func Encode(m Message, known []byte, limit int) ([]string, error) {
	packed, err := m.pack(known)
	if err != nil {
		return nil, err
	}
	sum := checksum(packed)
	room := len(packed)
	if limit > 0 {
		if limit < minPart {
			return nil, fmt.Errorf("%w: parts of %d characters, at least %d are needed", ErrForm, limit, minPart)
		}
		head := len(prefix) + len("99/99:") + len(sum) + 1
		room = base32Text.DecodedLen(limit-head) - crc32.Size
	}
	n := (len(packed) + room - 1) / room
	if n > MaxParts {
		return nil, fmt.Errorf("%w: it would take %d parts of %d characters, at most %d are written; hand over fewer items at a time", ErrForm, n, limit, MaxParts)
	}
	parts := make([]string, n)
	for i := range parts {
		piece := packed[i*room : min((i+1)*room, len(packed))]
		piece = binary.BigEndian.AppendUint32(bytes.Clone(piece), crc32.ChecksumIEEE(piece))
		parts[i] = fmt.Sprintf("%s%d/%d:%s:%s", prefix, i+1, n, sum, base32Text.EncodeToString(piece))
	}
	return parts, nil
}

func checksum(packed []byte) string {
	h := sha256.Sum256(packed)
	return fmt.Sprintf("%X", h[:4])
}

func (m *Message) pack(known []byte) ([]byte, error) {
	if m.Kind < Offer || m.Kind > Refusal || len(m.Lines) == 0 || len(m.Lines) > MaxEvents {
		return nil, fmt.Errorf("%w: kind %d with %d events", ErrForm, m.Kind, len(m.Lines))
	}
	b := append([]byte{byte(m.Kind)}, m.Handover[:]...)
	b = append(b, byte(len(m.Lines)))
	for _, line := range m.Lines {
		e, err := seal.ParseEnvelope(line)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrForm, err)
		}
		if e.PayloadType != event.PayloadType || len(e.Signatures) != 1 || !bytes.Equal(e.Encode(), line) {
			return nil, fmt.Errorf("%w: it is not in the form that this software writes", ErrForm)
		}
		s := e.Signatures[0]
		b = append(b, s.KeyID[:]...)
		b = append(b, byte(len(s.Sig)))
		b = append(b, s.Sig...)
		b = binary.AppendUvarint(b, uint64(len(e.Payload)))
		at, from, cut := common(e.Payload, known)
		b = binary.AppendUvarint(b, uint64(cut))
		if cut > 0 {
			b = binary.AppendUvarint(b, uint64(at))
			b = binary.AppendUvarint(b, uint64(from))
		}
		b = append(append(b, e.Payload[:at]...), e.Payload[at+cut:]...)
	}
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are carried", ErrForm, len(b), MaxMessage)
	}
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = z.Write(b)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// terms is where a payload states the terms of a handover.
var terms = []byte(`"terms":"`)

// common finds the terms in a payload and the same bytes in the known one.
func common(payload, known []byte) (at, from, n int) {
	a, b := bytes.Index(payload, terms), bytes.Index(known, terms)
	if a < 0 || b < 0 {
		return 0, 0, 0
	}
	for a+n < len(payload) && b+n < len(known) && payload[a+n] == known[b+n] {
		n++
	}
	if n < minCut {
		return 0, 0, 0
	}
	return a, b, n
}

// Decode reads a message from its parts, in any order, with anything between them
// that is not a part: lines of a chat, blanks. known is asked, with kind and
// handover, for the payload that left-out bytes stand in; it may be nil.
func Decode(text string, known func(Kind, event.UUID) ([]byte, error)) (Message, error) {
	packed, err := join(text)
	if err != nil {
		return Message{}, err
	}
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), MaxMessage+1))
	if err != nil || len(b) > MaxMessage {
		return Message{}, fmt.Errorf("%w: it cannot be unpacked", ErrText)
	}
	return unpack(b, known)
}

// Looks reports whether a text has a part of a message in it.
func Looks(text string) bool { return strings.Contains(text, prefix) }

type part struct {
	i, n  int
	sum   string
	piece []byte
}

// join puts the parts together.
func join(text string) ([]byte, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: %d characters, at most %d are read", ErrText, len(text), MaxText)
	}
	got := map[int]part{}
	var first part
	for _, word := range strings.Fields(text) {
		at := strings.Index(word, prefix)
		if at < 0 {
			continue
		}
		p, err := parsePart(word[at:])
		if err != nil {
			return nil, err
		}
		if first.n == 0 {
			first = p
		}
		if p.n != first.n || p.sum != first.sum {
			return nil, fmt.Errorf("%w: the parts are of different messages (%s and %s): scan those of one only", ErrText, first.sum, p.sum)
		}
		if have, ok := got[p.i]; ok && !bytes.Equal(have.piece, p.piece) {
			return nil, fmt.Errorf("%w: part %d was given twice, differently", ErrText, p.i)
		}
		got[p.i] = p
	}
	if first.n == 0 {
		return nil, fmt.Errorf("%w: there is no part beginning with %s in it", ErrText, prefix)
	}
	var packed []byte
	var missing []string
	for i := 1; i <= first.n; i++ {
		if _, ok := got[i]; !ok {
			missing = append(missing, strconv.Itoa(i))
		}
		packed = append(packed, got[i].piece...)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: %w: part %s of %d: scan these too", ErrText, ErrMissing, strings.Join(missing, ", "), first.n)
	}
	if checksum(packed) != first.sum {
		return nil, fmt.Errorf("%w: the checksum of the whole is wrong: scan it again", ErrText)
	}
	return packed, nil
}

// parsePart reads one part; the form is canonical.
func parsePart(word string) (part, error) {
	bad := func(what string) (part, error) {
		return part{}, fmt.Errorf("%w: %q: %s", ErrText, word[:min(len(word), 40)], what)
	}
	f := strings.Split(word, ":")
	if len(f) != 4 || len(f[2]) != 8 {
		return bad("it is not FS1:part/parts:sum:data")
	}
	is, ns, _ := strings.Cut(f[1], "/")
	i, err1 := strconv.Atoi(is)
	n, err2 := strconv.Atoi(ns)
	if err1 != nil || err2 != nil || i < 1 || n < i || n > MaxParts || f[1] != fmt.Sprintf("%d/%d", i, n) {
		return bad("its part number is not one of 1 to 99")
	}
	piece, err := base32Text.DecodeString(f[3])
	if err != nil || len(piece) <= crc32.Size || base32Text.EncodeToString(piece) != f[3] {
		return bad(fmt.Sprintf("part %d was misread: scan it again", i))
	}
	piece, crc := piece[:len(piece)-crc32.Size], piece[len(piece)-crc32.Size:]
	if crc32.ChecksumIEEE(piece) != binary.BigEndian.Uint32(crc) {
		return bad(fmt.Sprintf("part %d was misread: scan it again", i))
	}
	return part{i, n, f[2], piece}, nil
}

// unpack reads a message's bytes.
func unpack(b []byte, known func(Kind, event.UUID) ([]byte, error)) (Message, error) {
	r := reader{b: b}
	m := Message{Kind: Kind(r.byte())}
	copy(m.Handover[:], r.take(len(m.Handover)))
	n := int(r.byte())
	if r.bad || m.Kind < Offer || m.Kind > Refusal || n < 1 || n > MaxEvents {
		return Message{}, fmt.Errorf("%w: it is not an offer, an acceptance or a refusal", ErrText)
	}
	var have []byte
	for range n {
		e := seal.Envelope{PayloadType: event.PayloadType, Signatures: make([]seal.Signature, 1)}
		s := &e.Signatures[0]
		copy(s.KeyID[:], r.take(len(s.KeyID)))
		s.Sig = r.take(int(r.byte()))
		size, cut := r.uvarint(), r.uvarint()
		var at, from int
		if cut > 0 {
			at, from = r.uvarint(), r.uvarint()
		}
		if r.bad || size > event.MaxPayload || cut > size || at > size-cut {
			return Message{}, fmt.Errorf("%w: an event in it is not whole", ErrText)
		}
		rest := r.take(size - cut)
		if r.bad {
			return Message{}, fmt.Errorf("%w: an event in it is not whole", ErrText)
		}
		if cut > 0 && have == nil {
			var err error
			if have, err = reference(m, known); err != nil {
				return Message{}, err
			}
		}
		if cut > 0 && (from > len(have) || cut > len(have)-from) {
			return Message{}, fmt.Errorf("%w: %w", ErrText, ErrReference)
		}
		e.Payload = append(append(append(make([]byte, 0, size), rest[:at]...), have[min(from, len(have)):min(from+cut, len(have))]...), rest[at:]...)
		m.Lines = append(m.Lines, e.Encode())
	}
	if len(r.b) != 0 {
		return Message{}, fmt.Errorf("%w: there is more behind its end", ErrText)
	}
	return m, nil
}

func reference(m Message, known func(Kind, event.UUID) ([]byte, error)) ([]byte, error) {
	if known == nil {
		return nil, fmt.Errorf("%w: %w", ErrText, ErrReference)
	}
	have, err := known(m.Kind, m.Handover)
	if err != nil {
		return nil, err
	}
	if have == nil {
		return nil, fmt.Errorf("%w: %w", ErrText, ErrReference)
	}
	return have, nil
}

// reader takes bytes from the front; bad once there were too few.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > MaxMessage {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}
