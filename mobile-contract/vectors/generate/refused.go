package main

import (
	"encoding/hex"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// victim is a scene with one device whose genesis is accepted, and an honest next event.
func victim(name, shows string, n int) (*scene, *device, *sealed) {
	s := newScene(name, shows+" The last line shows that nothing before it holds up the chain.")
	d := s.enrolled(n)
	s.accept("the chain's genesis", d, d.next(d.genesis()))
	return s, d, d.seal(d.payload(2, d.prev, 0, note("Drum D-01 is leaking.")))
}

func envelopes() []*scene { return []*scene{envelopeForm(), base64Tricks(), tooLarge()} }

func envelopeForm() *scene {
	s, a, x := victim("refused-envelope-form", "Lines that are not one DSSE envelope.", 1)
	l := x.line()
	key := hex.EncodeToString(a.key.id[:])
	bad := func(shows, line string) { s.refuse(shows, line, nil, seal.LayerEnvelope, seal.CodeMalformedEnvelope) }
	bad("not JSON", "hello")
	bad("an array", "["+l+"]")
	bad("a text", `"`+b64([]byte(l))+`"`)
	bad("cut off", l[:len(l)-2])
	bad("two envelopes on one line", l+l)
	bad("a byte order mark before it", "\ufeff"+l)
	bad("an empty object in the place of signatures", strings.Replace(l, `"signatures":[`, `"signatures":{},"x":[`, 1))
	bad("no signatures member", l[:strings.Index(l, `,"signatures"`)]+"}")
	bad("an empty list of signatures", l[:strings.Index(l, `"signatures"`)]+`"signatures":[]}`)
	one := `{"keyid":"` + key + `","sig":"` + b64(x.sig) + `"}`
	bad("five signatures; four is the most that is looked at", strings.Replace(l, one, strings.Repeat(one+",", 4)+one, 1))
	bad("a member that DSSE does not have", l[:len(l)-1]+`,"alg":"none"}`)
	bad("a member that DSSE does not have, in a signature", strings.Replace(l, `"}]}`, `","alg":"ES256"}]}`, 1))
	bad("payload twice: two readers could see two events", strings.Replace(l, `"payload":`, `"payload":"e30=","payload":`, 1))
	bad("a member name in other letters", strings.Replace(l, `"payloadType"`, `"payloadtype"`, 1))
	bad("keyid in upper case: a key has one text", strings.Replace(l, key, strings.ToUpper(key), 1))
	bad("keyid too short", strings.Replace(l, key, key[:62], 1))
	bad("a signature of no bytes", strings.Replace(l, b64(x.sig), "", 1))
	bad("a signature of null", strings.Replace(l, `"`+b64(x.sig)+`"`, "null", 1))
	bad("a signature of 81 bytes", strings.Replace(l, b64(x.sig), b64(make([]byte, 81)), 1))
	bad("payload is a number", strings.Replace(l, `"`+b64(x.payload)+`"`, "1", 1))
	bad("bytes that are not UTF-8", strings.Replace(l, "event.v1", "event\xff.v1", 1))
	empty := &sealed{payloadType: event.PayloadType}
	s.refuse("no payload member: an empty payload", strings.Replace(l, `"payload":"`+b64(x.payload)+`",`, "", 1), empty, seal.LayerPayload, seal.CodeMalformedPayload)
	other := sealBytes(a.key, "application/json", x.payload)
	s.refuse("another payload type, well signed: the type is under the signature", other.line(), other, seal.LayerEnvelope, seal.CodePayloadType)
	login := sealBytes(a.key, "application/vnd.fieldseal.auth.v1+json", []byte(`{"nonce":"n","audience":"https://custody.example","device":"`+a.id().String()+`","time":"2026-11-24T09:30:00+08:00"}`))
	s.refuse("a sealed sign-in is never an event", login.line(), login, seal.LayerEnvelope, seal.CodePayloadType)
	none := &sealed{payload: x.payload}
	s.refuse("no payload type", strings.Replace(l, `"payloadType":"`+event.PayloadType+`",`, "", 1), none, seal.LayerEnvelope, seal.CodePayloadType)
	s.accept("the honest event", a, x)
	return s
}

func base64Tricks() *scene {
	s, a, x := victim("refused-base64", "Of bytes there is one base64 text: standard alphabet, padded, no stray bits, no white space. Else one event would have many envelopes that differ in nothing.", 1)
	// Lengthen the text until its base64 ends in one =, with a letter before it whose low bits are free.
	for text := "Drum D-01 is leaking."; !strings.HasSuffix(b64(x.payload), "=") || strings.HasSuffix(b64(x.payload), "=="); text += "!" {
		x = a.seal(a.payload(2, a.prev, 0, note(text)))
	}
	l, text := x.line(), b64(x.payload)
	bad := func(shows, replaced string) {
		s.refuse(shows, strings.Replace(l, text, replaced, 1), nil, seal.LayerEnvelope, seal.CodeMalformedEnvelope)
	}
	bad("padding left out", strings.TrimRight(text, "="))
	bad("more padding", text+"=")
	bad("a line end within", text[:8]+`\n`+text[8:])
	bad("carriage return and line end within", text[:76]+`\r\n`+text[76:])
	bad("a space within", text[:8]+" "+text[8:])
	at := strings.IndexByte(text, '=') - 1
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	bad("a stray bit in the last letter", text[:at]+string(alphabet[strings.IndexByte(alphabet, text[at])|1])+"=")
	bad("the URL alphabet", "-_"+text[2:])
	bad("padding in the middle", text[:4]+"===="+text[8:])
	sig := b64(x.sig)
	s.refuse("a line end within the signature", strings.Replace(l, sig, sig[:4]+`\n`+sig[4:], 1), nil, seal.LayerEnvelope, seal.CodeMalformedEnvelope)
	s.accept("the honest event", a, x)
	return s
}

func tooLarge() *scene {
	s, a, x := victim("refused-too-large", "What one event may weigh: 262,144 bytes of payload, 353,621 bytes of line.", 1)
	for shows, more := range map[string]int{"a payload of 262,145 bytes": 1} {
		text := a.text(note("FILL"))
		fill := event.MaxPayload + more - len(text) + len("FILL")
		at := strings.Index(text, "FILL")
		head := strings.Repeat(" ", (3-at%3)%3) // so that the filling begins a group of base64
		big := a.raw(head + strings.Replace(text, "FILL", strings.Repeat("A", fill-len(head)), 1))
		s.refuse(shows, big.line(), big, seal.LayerPayload, seal.CodeTooLarge)
	}
	const maxLine = 262144*4/3 + 4096
	s.refuse("a line of 353,622 bytes", strings.Repeat("x", maxLine+1), nil, seal.LayerEnvelope, seal.CodeTooLarge)
	s.refuse("a line of 353,621 bytes is looked at, and is no envelope", strings.Repeat("x", maxLine), nil, seal.LayerEnvelope, seal.CodeMalformedEnvelope)
	s.accept("the honest event", a, x)
	return s
}

func signatures() []*scene {
	return []*scene{badSignatures(), badEd25519(), foreignKeys(), variants()}
}

func badSignatures() *scene {
	s, a, x := victim("refused-signature-p256", "Signatures by ECDSA P-256 that are not the enrolled key's over these bytes, or not in their one DER form.", 1)
	with := func(shows string, sig []byte) {
		y := *x
		y.sig = sig
		s.refuse(shows, y.line(), x, seal.LayerSignature, seal.CodeBadSignature)
	}
	flipped := append([]byte(nil), x.sig...)
	flipped[len(flipped)-1] ^= 1
	with("one bit of the signature turned", flipped)
	with("over the payload without its PAE", a.key.sign(x.payload))
	with("over the PAE of another type", a.key.sign(pae("application/json", x.payload)))
	with("by another key under the enrolled key's id", newSigner(event.AlgP256, "stranger").sign(pae(x.payloadType, x.payload)))
	v := splitSig(x.sig)
	raw := make([]byte, 64)
	v.R.FillBytes(raw[:32])
	v.S.FillBytes(raw[32:])
	with("r and s as 64 bytes, as WebCrypto gives them; convert them to DER", raw)
	with("a byte behind the DER", append(append([]byte(nil), x.sig...), 0))
	padded := append([]byte{0x30, x.sig[1] + 1, 0x02, x.sig[3] + 1, 0}, x.sig[4:]...)
	with("r with a leading zero too many", padded)
	with("the length in long form", append([]byte{0x30, 0x81, x.sig[1]}, x.sig[2:]...))
	with("r and s of 1", []byte{0x30, 6, 2, 1, 1, 2, 1, 1})
	with("r and s of 0", []byte{0x30, 6, 2, 1, 0, 2, 1, 0})
	changed := *x
	changed.payload = []byte(strings.Replace(string(x.payload), "leaking", "sealed!", 1))
	s.refuse("the payload changed after it was signed", changed.line(), &changed, seal.LayerSignature, seal.CodeBadSignature)
	one := x.line()
	one = one[strings.Index(one, `{"keyid"`) : len(one)-2]
	s.refuse("signed twice: an event has one signature", strings.Replace(x.line(), one, one+","+one, 1), x, seal.LayerSignature, seal.CodeBadSignature)
	s.accept("the honest event", a, x)
	return s
}

func badEd25519() *scene {
	s, b, x := victim("refused-signature-ed25519", "Signatures by Ed25519 that are not the enrolled key's over these bytes.", 2)
	with := func(shows string, sig []byte) {
		y := *x
		y.sig = sig
		s.refuse(shows, y.line(), x, seal.LayerSignature, seal.CodeBadSignature)
	}
	flipped := append([]byte(nil), x.sig...)
	flipped[0] ^= 1
	with("one bit of the signature turned", flipped)
	with("a signature of 63 bytes", x.sig[:63])
	with("over the event id in the place of the PAE", func() []byte { id := x.id(); return b.key.sign(id[:]) }())
	with("s with the group order added: the signature's other form is refused", addOrder(x.sig))
	with("an ECDSA signature: the algorithm is the enrolled key's, never the sender's choice", newSigner(event.AlgP256, "A").sign(pae(x.payloadType, x.payload)))
	s.accept("the honest event", b, x)
	return s
}

// addOrder adds the order of the Ed25519 group to s (little-endian), which a careless check would take.
func addOrder(sig []byte) []byte {
	l := get(hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"))
	out := append([]byte(nil), sig...)
	carry := 0
	for i := range 32 {
		sum := int(out[32+i]) + int(l[i]) + carry
		out[32+i], carry = byte(sum), sum>>8
	}
	return out
}

func foreignKeys() *scene {
	s, a, x := victim("refused-key", "Events of devices that are not enrolled, and events under a key that is not the device's.", 1)
	b := s.enrolled(2)
	stranger := newDevice(3)
	first := stranger.next(stranger.genesis())
	s.refuse("a device that nobody enrolled", first.line(), first, seal.LayerKey, seal.CodeUnknownDevice)
	p := a.payload(2, a.prev, 2, note("in A's name"))
	forged := b.seal(p)
	s.refuse("an event of A sealed by enrolled device B", forged.line(), forged, seal.LayerKey, seal.CodeWrongKey)
	forged = stranger.seal(p)
	s.refuse("an event of A sealed by a key that nobody knows", forged.line(), forged, seal.LayerKey, seal.CodeWrongKey)
	zero := strings.Replace(x.line(), hex.EncodeToString(a.key.id[:]), strings.Repeat("0", 64), 1)
	s.refuse("A's own signature under the key id of zeros", zero, x, seal.LayerKey, seal.CodeWrongKey)
	s.accept("the honest event", a, x)
	return s
}

func variants() *scene {
	s, a, x := victim("duplicate-variant", "The same event in another envelope: ECDSA signatures have a twin (r, n-s), and white space is free. The receipt is the first one, and the other bytes are kept too.", 1)
	first := *s.accept("the event", a, x)
	y := *x
	y.sig = twin(x.sig)
	s.variant("with the twin of its signature: the same signature digest", y.line(), first)
	s.batch()
	spaced := strings.Replace(x.line(), `,"signatures"`, `, "signatures"`, 1)
	s.variant("with a space between members", spaced, first)
	e := s.again("the twin once more: kept once", y.line(), &first)
	e.Layer, e.Code = string(seal.LayerSignature), "VARIANT"
	s.again("the first envelope once more", x.line(), &first)
	s.accept("the next event", a, func() *sealed { a.seq, a.prev = 2, x.id(); return a.next(note("and on")) }())
	return s
}
