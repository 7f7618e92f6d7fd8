package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
)

const (
	// MaxLine caps an envelope's bytes: base64 of the largest payload and room for signatures.
	MaxLine = event.MaxPayload*4/3 + 4096
	// MaxSignatures bounds the work that one envelope can ask for; two people sign a handover.
	MaxSignatures = 4
	// maxSignature is above the longest DER signature of P-256, 72 bytes.
	maxSignature = 80
)

// ErrEnvelope is wrapped by every error about the form of an envelope.
var ErrEnvelope = errors.New("malformed envelope")

// Envelope is a parsed DSSE envelope.
type Envelope struct {
	// Raw is the exact bytes received, without the line end.
	Raw         []byte
	PayloadType string
	Payload     []byte
	Signatures  []Signature
}

// Signature is one signature of an envelope.
type Signature struct {
	KeyID KeyID
	Sig   []byte
}

// PAE is the DSSE pre-authentication encoding, the bytes that are signed.
func PAE(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+len(payloadType)+40)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// IDOf is the event id of a payload: SHA-256 over its PAE.
func IDOf(payload []byte) event.ID { return sha256.Sum256(PAE(event.PayloadType, payload)) }

// LineDigest is SHA-256 over an envelope's exact bytes; it identifies what is in quarantine.
func LineDigest(line []byte) event.Digest { return sha256.Sum256(line) }

// Encode writes an envelope in the one form that this software makes.
func (e *Envelope) Encode() []byte {
	b := make([]byte, 0, len(e.Payload)*4/3+400)
	b = append(b, prefixType...)
	b = append(b, e.PayloadType...)
	b = append(b, prefixPayload...)
	b = base64.StdEncoding.AppendEncode(b, e.Payload)
	b = append(b, prefixSigs...)
	for i, s := range e.Signatures {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, prefixKey...)
		b = hex.AppendEncode(b, s.KeyID[:])
		b = append(b, prefixSig...)
		b = base64.StdEncoding.AppendEncode(b, s.Sig)
		b = append(b, `"}`...)
	}
	return append(b, `]}`...)
}

const (
	prefixType    = `{"payloadType":"`
	prefixPayload = `","payload":"`
	prefixSigs    = `","signatures":[`
	prefixKey     = `{"keyid":"`
	prefixSig     = `","sig":"`
)

// ParseEnvelope reads one envelope. Member order and white space are free, but
// members are exactly those of DSSE, none twice, and base64 is canonical.
// The result aliases line, which must not change afterwards. Errors wrap ErrEnvelope.
func ParseEnvelope(line []byte) (Envelope, error) {
	if len(line) > MaxLine {
		return Envelope{}, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrEnvelope, len(line), MaxLine)
	}
	if e, ok := parseOwnForm(line); ok {
		return e, nil
	}
	var w struct {
		PayloadType string `json:"payloadType"`
		Payload     string `json:"payload"`
		Signatures  []struct {
			KeyID KeyID  `json:"keyid"`
			Sig   string `json:"sig"`
		} `json:"signatures"`
	}
	e := Envelope{Raw: line}
	if err := json.Unmarshal(line, &w, json.RejectUnknownMembers(true)); err != nil {
		return e, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	e.PayloadType = w.PayloadType
	var err error
	if e.Payload, err = decode64(w.Payload); err != nil {
		return e, fmt.Errorf("%w: payload: %w", ErrEnvelope, err)
	}
	if n := len(w.Signatures); n == 0 || n > MaxSignatures {
		return e, fmt.Errorf("%w: %d signatures, must have 1 to %d", ErrEnvelope, n, MaxSignatures)
	}
	for _, s := range w.Signatures {
		sig, err := decode64(s.Sig)
		if err != nil || len(sig) == 0 || len(sig) > maxSignature {
			return e, fmt.Errorf("%w: a signature is not the base64 of 1 to %d bytes", ErrEnvelope, maxSignature)
		}
		e.Signatures = append(e.Signatures, Signature{s.KeyID, sig})
	}
	return e, nil
}

var strict64 = base64.StdEncoding.Strict()

// decode64 is strict: Go's decoder skips CR and LF, so the length must agree too.
func decode64(s string) ([]byte, error) {
	b, err := strict64.DecodeString(s)
	if err == nil && base64.StdEncoding.EncodedLen(len(b)) != len(s) {
		err = errors.New("line breaks within base64")
	}
	return b, err
}

// parseOwnForm reads the exact form that Encode writes, with one signature,
// without a JSON parser: at full ingest speed that parse would cost as much as
// a third of the signature check. Anything else goes the long way.
func parseOwnForm(line []byte) (Envelope, bool) {
	e := Envelope{Raw: line}
	rest, ok := bytes.CutPrefix(line, []byte(prefixType))
	if !ok {
		return e, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(event.PayloadType+prefixPayload)); !ok {
		return e, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return e, false
	}
	text := rest[:end]
	if rest, ok = bytes.CutPrefix(rest[end:], []byte(prefixSigs+prefixKey)); !ok || len(rest) < 64 {
		return e, false
	}
	var key KeyID
	if key.UnmarshalText(rest[:64]) != nil {
		return e, false
	}
	if rest, ok = bytes.CutPrefix(rest[64:], []byte(prefixSig)); !ok {
		return e, false
	}
	sigText, ok := bytes.CutSuffix(rest, []byte(`"}]}`))
	if !ok {
		return e, false
	}
	payload, ok := own64(text)
	if !ok {
		return e, false
	}
	sig, ok := own64(sigText)
	if !ok || len(sig) == 0 || len(sig) > maxSignature {
		return e, false
	}
	e.PayloadType, e.Payload = event.PayloadType, payload
	e.Signatures = []Signature{{key, sig}}
	return e, true
}

func own64(text []byte) ([]byte, bool) {
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := strict64.Decode(b, text)
	return b[:n], err == nil && base64.StdEncoding.EncodedLen(n) == len(text)
}
