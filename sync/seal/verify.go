package seal

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"

	"fieldseal/sync/event"
)

// Layer names where a received line was refused.
type Layer string

// The layers, in the order in which they are passed.
const (
	LayerEnvelope  Layer = "envelope"
	LayerPayload   Layer = "payload"
	LayerKey       Layer = "key"
	LayerSignature Layer = "signature"
	LayerChain     Layer = "chain"
	LayerAuthority Layer = "authority"
)

// Code says why a received line was refused; part of the mobile contract.
type Code string

// The codes of this package; sync/reconcile adds those of the chain.
const (
	CodeMalformedEnvelope Code = "MALFORMED_ENVELOPE"
	CodeTooLarge          Code = "TOO_LARGE"
	CodePayloadType       Code = "PAYLOAD_TYPE"
	CodeMalformedPayload  Code = "MALFORMED_PAYLOAD"
	CodeFutureSchema      Code = "FUTURE_SCHEMA"
	CodeUnknownType       Code = "UNKNOWN_TYPE"
	CodeInvalidEvent      Code = "INVALID_EVENT"
	CodeUnknownDevice     Code = "UNKNOWN_DEVICE"
	CodeUnknownKey        Code = "UNKNOWN_KEY"
	CodeWrongKey          Code = "WRONG_KEY"
	CodeBadSignature      Code = "BAD_SIGNATURE"
)

// Refusal is a received line that is not an accepted event: the exact bytes, why,
// and what they claim of themselves, which proves nothing.
type Refusal struct {
	Line   []byte
	Layer  Layer
	Code   Code
	Detail string
	// ID is the event id where there is a payload; the line's digest otherwise.
	ID event.ID
	// Claimed carries device, seq, case and type as far as they could be read.
	Claimed event.Payload
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s: %s", r.Layer, r.Code, r.Detail) }

// Verified is an event whose form, body and signature have been checked against
// the enrolled key of the device that it names. Only Verify makes one.
type Verified struct {
	env     Envelope
	payload event.Payload
	body    event.Body
	id      event.ID
	key     KeyID
	sig     event.Digest
}

// ID is the event's id.
func (v *Verified) ID() event.ID { return v.id }

// Line is the exact envelope bytes.
func (v *Verified) Line() []byte { return v.env.Raw }

// Payload is the parsed header; its Body member is the exact body bytes.
func (v *Verified) Payload() *event.Payload { return &v.payload }

// Body is the parsed and checked body.
func (v *Verified) Body() event.Body { return v.body }

// Key is the key that sealed the event.
func (v *Verified) Key() KeyID { return v.key }

// SignatureDigest is the digest of the signature in its normal form.
func (v *Verified) SignatureDigest() event.Digest { return v.sig }

// Keys finds the key that is enrolled for a device. ok is false where the
// device is not enrolled. An error means that the keys could not be read, which
// says nothing about the event.
type Keys interface {
	DeviceKey(device event.UUID) (key PublicKey, ok bool, err error)
}

// Verify checks one received line against the enrolled keys. Exactly one of
// Verified and Refusal is not nil, unless err says that the keys could not be
// read. Revocation and the device's chain are sync/reconcile's to judge.
func Verify(line []byte, keys Keys) (*Verified, *Refusal, error) {
	env, err := ParseEnvelope(line)
	if err != nil {
		code := CodeMalformedEnvelope
		if len(line) > MaxLine {
			code = CodeTooLarge
		}
		return nil, refuse(line, LayerEnvelope, code, err.Error(), event.ID(LineDigest(line)), event.Payload{}), nil
	}
	pae := PAE(env.PayloadType, env.Payload)
	id := event.ID(sha256.Sum256(pae))
	if env.PayloadType != event.PayloadType {
		return nil, refuse(line, LayerEnvelope, CodePayloadType, fmt.Sprintf("payload type %.80q is not %s", env.PayloadType, event.PayloadType), id, event.Payload{}), nil
	}
	payload, err := event.Parse(env.Payload)
	if err != nil {
		return nil, refuse(line, LayerPayload, payloadCode(err), err.Error(), id, payload), nil
	}
	body, err := event.ParseBody(payload.Type, payload.Body)
	if err != nil {
		return nil, refuse(line, LayerPayload, payloadCode(err), err.Error(), id, payload), nil
	}
	key, ok, err := keys.DeviceKey(payload.Device)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, refuse(line, LayerKey, CodeUnknownDevice, fmt.Sprintf("device %s is not enrolled here", payload.Device), id, payload), nil
	}
	if r := checkSignatures(&env, key, id, pae); r != nil {
		r.Line, r.ID, r.Claimed = line, id, payload
		return nil, r, nil
	}
	return &Verified{env: env, payload: payload, body: body, id: id, key: key.id,
		sig: sigDigest(key.alg, env.Signatures[0].Sig)}, nil, nil
}

// checkSignatures requires exactly one signature, by the device's key. Handovers
// are two events over one digest, so no event has a second signer.
func checkSignatures(env *Envelope, key PublicKey, id event.ID, pae []byte) *Refusal {
	if len(env.Signatures) != 1 {
		return &Refusal{Layer: LayerSignature, Code: CodeBadSignature, Detail: fmt.Sprintf("an event has one signature, this has %d", len(env.Signatures))}
	}
	s := env.Signatures[0]
	if s.KeyID != key.id {
		return &Refusal{Layer: LayerKey, Code: CodeWrongKey, Detail: fmt.Sprintf("signed as key %s, but the device is enrolled with key %s", s.KeyID, key.id)}
	}
	ok := false
	if key.ec != nil {
		ok = canonicalDER(s.Sig) && ecdsa.VerifyASN1(key.ec, id[:], s.Sig) // the id is the digest that was signed
	} else {
		ok = key.Check(pae, s.Sig)
	}
	if !ok {
		return &Refusal{Layer: LayerSignature, Code: CodeBadSignature, Detail: fmt.Sprintf("the signature is not that of key %s over these bytes", key.id)}
	}
	return nil
}

func payloadCode(err error) Code {
	switch {
	case errors.Is(err, event.ErrTooLarge):
		return CodeTooLarge
	case errors.Is(err, event.ErrVersion):
		return CodeFutureSchema
	case errors.Is(err, event.ErrUnknownType):
		return CodeUnknownType
	case errors.Is(err, event.ErrInvalid):
		return CodeInvalidEvent
	}
	return CodeMalformedPayload
}

func refuse(line []byte, layer Layer, code Code, detail string, id event.ID, claimed event.Payload) *Refusal {
	claimed.Body = nil
	return &Refusal{Line: line, Layer: layer, Code: code, Detail: detail, ID: id, Claimed: claimed}
}
