package seal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
)

type keyring map[event.UUID]PublicKey

func (k keyring) DeviceKey(d event.UUID) (PublicKey, bool, error) {
	key, ok := k[d]
	return key, ok, nil
}

func sealed(t testing.TB, k *PrivateKey, p event.Payload) []byte {
	t.Helper()
	data, err := event.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	line, err := k.Seal(event.PayloadType, data)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestVerifyBothAlgorithms(t *testing.T) {
	for _, make := range []func() (*PrivateKey, error){GenerateKey, GenerateEd25519} {
		k, err := make()
		if err != nil {
			t.Fatal(err)
		}
		p := eventtest.Payload(event.TypeSampleCollected, 2)
		line := sealed(t, k, p)
		v, r, err := Verify(line, keyring{p.Device: k.Public()})
		if err != nil || r != nil {
			t.Fatalf("%s: %v %v", k.Public().Alg(), r, err)
		}
		if !bytes.Equal(v.Line(), line) || v.ID() != IDOf(v.env.Payload) || v.Key() != k.Public().ID() || v.Payload().Seq != 2 {
			t.Errorf("%s: the Verified does not say what was sealed", k.Public().Alg())
		}
		if _, ok := v.Body().(*event.SampleCollected); !ok {
			t.Errorf("body is a %T", v.Body())
		}
		pem, err := k.PEM()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePrivateKey(pem)
		if err != nil || again.Public().ID() != k.Public().ID() {
			t.Errorf("key from its PEM: %v", err)
		}
	}
}

// Each refusal names its layer and keeps the exact bytes.
func TestRefusals(t *testing.T) {
	k, _ := GenerateKey()
	other, _ := GenerateKey()
	p := eventtest.Payload(event.TypeNoteWritten, 2)
	keys := keyring{p.Device: k.Public()}
	line := string(sealed(t, k, p))
	data, _ := event.Marshal(p)
	reseal := func(old, new string) string {
		bad := strings.Replace(string(data), old, new, 1)
		if bad == string(data) {
			t.Fatalf("%q is not in the payload", old)
		}
		l, err := k.Seal(event.PayloadType, []byte(bad))
		if err != nil {
			t.Fatal(err)
		}
		return string(l)
	}
	mustSeal := func(key *PrivateKey, typ string, payload []byte) string {
		l, err := key.Seal(typ, payload)
		if err != nil {
			t.Fatal(err)
		}
		return string(l)
	}
	stranger := p
	stranger.Device = eventtest.UUID(99)
	env, _ := ParseEnvelope([]byte(line))
	twice := env
	twice.Signatures = append(twice.Signatures, twice.Signatures[0])
	changed := env
	changed.Payload = bytes.Replace(env.Payload, []byte("solvent"), []byte("coolant"), 1)
	for name, c := range map[string]struct {
		line  string
		layer Layer
		code  Code
	}{
		"nothing":              {"", LayerEnvelope, CodeMalformedEnvelope},
		"not JSON":             {"hello", LayerEnvelope, CodeMalformedEnvelope},
		"a list":               {"[" + line + "]", LayerEnvelope, CodeMalformedEnvelope},
		"two on a line":        {line + line, LayerEnvelope, CodeMalformedEnvelope},
		"unknown member":       {strings.Replace(line, `{"payloadType"`, `{"x":1,"payloadType"`, 1), LayerEnvelope, CodeMalformedEnvelope},
		"member twice":         {strings.Replace(line, `{"payloadType"`, `{"payload":"","payloadType"`, 1), LayerEnvelope, CodeMalformedEnvelope},
		"keyid in capitals":    {strings.Replace(line, `"keyid":"`+k.pub.id.String()[:8], `"keyid":"`+strings.ToUpper("abcdef12"), 1), LayerEnvelope, CodeMalformedEnvelope},
		"no signatures":        {line[:strings.Index(line, `"signatures"`)] + `"signatures":[]}`, LayerEnvelope, CodeMalformedEnvelope},
		"too large":            {strings.Repeat("x", MaxLine+1), LayerEnvelope, CodeTooLarge},
		"other payload type":   {mustSeal(k, "text/plain", data), LayerEnvelope, CodePayloadType},
		"payload is no event":  {mustSeal(k, event.PayloadType, []byte("{}")), LayerPayload, CodeMalformedPayload},
		"future schema":        {reseal(`"v":1`, `"v":2`), LayerPayload, CodeFutureSchema},
		"unknown type":         {reseal(`note.written`, `note.sung`), LayerPayload, CodeUnknownType},
		"body invalid":         {reseal(`Smell of solvent at the north end. 北端有溶剂气味。`, ` `), LayerPayload, CodeInvalidEvent},
		"body malformed":       {reseal(`"text":"`, `"texts":"`), LayerPayload, CodeMalformedPayload},
		"unknown device":       {string(sealed(t, k, stranger)), LayerKey, CodeUnknownDevice},
		"another device's key": {string(sealed(t, other, p)), LayerKey, CodeWrongKey},
		"signed twice":         {string(twice.Encode()), LayerSignature, CodeBadSignature},
		"changed after":        {string(changed.Encode()), LayerSignature, CodeBadSignature},
	} {
		v, r, err := Verify([]byte(c.line), keys)
		if err != nil || v != nil || r == nil {
			t.Errorf("%s: got %v, %v, %v", name, v, r, err)
			continue
		}
		if r.Layer != c.layer || r.Code != c.code {
			t.Errorf("%s: refused by %s as %s (%s), want %s as %s", name, r.Layer, r.Code, r.Detail, c.layer, c.code)
		}
		if string(r.Line) != c.line || r.ID.IsZero() {
			t.Errorf("%s: the refusal does not carry the bytes and their id", name)
		}
	}
}

func TestKeysThatCannotBeReadAreNotTheEventsFault(t *testing.T) {
	k, _ := GenerateKey()
	boom := errors.New("disk on fire")
	v, r, err := Verify(sealed(t, k, eventtest.Payload(event.TypeNoteWritten, 2)), failing{boom})
	if v != nil || r != nil || !errors.Is(err, boom) {
		t.Errorf("got %v, %v, %v", v, r, err)
	}
}

type failing struct{ err error }

func (f failing) DeviceKey(event.UUID) (PublicKey, bool, error) { return PublicKey{}, false, f.err }

// Every single-bit flip of an envelope must be refused or leave the event's id and signature digest as they were.
func TestEveryBitFlip(t *testing.T) {
	for _, make := range []func() (*PrivateKey, error){GenerateKey, GenerateEd25519} {
		k, _ := make()
		p := eventtest.Payload(event.TypeDeviceGenesis, 1)
		line := sealed(t, k, p)
		keys := keyring{p.Device: k.Public()}
		for i := range line {
			for bit := range 8 {
				bad := bytes.Clone(line)
				bad[i] ^= 1 << bit
				if v, _, _ := Verify(bad, keys); v != nil {
					t.Fatalf("%s: byte %d bit %d (%q) passes", k.Public().Alg(), i, bit, line[max(0, i-10):i+1])
				}
			}
		}
	}
}

// (r, s) and (r, n-s) are the same seal: both verify and have one digest.
func TestMalleatedSignatureHasOneDigest(t *testing.T) {
	k, _ := GenerateKey()
	p := eventtest.Payload(event.TypeNoteWritten, 2)
	env, _ := ParseEnvelope(sealed(t, k, p))
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(env.Signatures[0].Sig, &rs); err != nil {
		t.Fatal(err)
	}
	rs.S.Sub(new(big.Int).SetBytes(order[:]), rs.S)
	twin, err := asn1.Marshal(rs)
	if err != nil {
		t.Fatal(err)
	}
	a, _, _ := Verify(env.Encode(), keyring{p.Device: k.Public()})
	env.Signatures[0].Sig = twin
	b, r, _ := Verify(env.Encode(), keyring{p.Device: k.Public()})
	if a == nil || b == nil {
		t.Fatalf("refused: %v", r)
	}
	if a.ID() != b.ID() || a.SignatureDigest() != b.SignatureDigest() {
		t.Error("the two forms of one signature differ in id or digest")
	}
}

func TestOrderConstants(t *testing.T) {
	k, _ := GenerateKey()
	n := k.pub.ec.Curve.Params().N
	if new(big.Int).SetBytes(order[:]).Cmp(n) != 0 || new(big.Int).SetBytes(halfOrder[:]).Cmp(new(big.Int).Rsh(n, 1)) != 0 {
		t.Error("order or half order of P-256 is wrong")
	}
}

// canonicalDER must agree with a strict reading and re-writing by encoding/asn1.
func TestCanonicalDER(t *testing.T) {
	good := func(r, s string) []byte {
		R, _ := new(big.Int).SetString(r, 16)
		S, _ := new(big.Int).SetString(s, 16)
		b, _ := asn1.Marshal(struct{ R, S *big.Int }{R, S})
		return b
	}
	for _, b := range [][]byte{good("1", "1"), good("7f", "80"), good(strings.Repeat("ff", 32), "1"), good("ff00", strings.Repeat("7f", 32))} {
		if !canonicalDER(b) {
			t.Errorf("%x refused", b)
		}
	}
	for name, b := range map[string][]byte{
		"zero r": good("0", "1"), "negative": good("-5", "1"), "33 significant bytes": good("1"+strings.Repeat("00", 32), "1"),
		"trailing byte": append(good("1", "1"), 0), "long form length": {0x30, 0x81, 6, 2, 1, 1, 2, 1, 1},
		"padded r": {0x30, 7, 2, 2, 0, 1, 2, 1, 1}, "only r": {0x30, 3, 2, 1, 1}, "empty": {},
	} {
		if canonicalDER(b) {
			t.Errorf("%s: %x taken", name, b)
		}
	}
}

func TestBase64Strict(t *testing.T) {
	k, _ := GenerateKey()
	p := eventtest.Payload(event.TypeDeviceGenesis, 1)
	line := string(sealed(t, k, p))
	env, _ := ParseEnvelope([]byte(line))
	payload := base64.StdEncoding.EncodeToString(env.Payload)
	for name, bad := range map[string]string{
		"line break":  payload[:8] + `\n` + payload[8:],
		"no padding":  strings.TrimRight(base64.StdEncoding.EncodeToString(append(env.Payload, ' ')), "="),
		"url letters": strings.Replace(payload, payload[:4], "_-_-", 1),
		"space":       payload[:8] + " " + payload[8:],
	} {
		if _, err := ParseEnvelope([]byte(strings.Replace(line, payload, bad, 1))); bad != payload && !errors.Is(err, ErrEnvelope) {
			if name == "no padding" && len(env.Payload)%3 == 2 {
				continue // one more byte makes whole groups: nothing to leave out
			}
			t.Errorf("%s: %v", name, err)
		}
	}
	// White space between members is free: the bytes are another envelope of the same event.
	spaced := strings.Replace(line, `","payload"`, `", "payload"`, 1)
	v, r, _ := Verify([]byte(spaced), keyring{p.Device: k.Public()})
	if v == nil || v.ID() != IDOf(env.Payload) || string(v.Line()) != spaced {
		t.Errorf("spaced envelope: %v", r)
	}
}

func TestParsePublicKeyRefuses(t *testing.T) {
	k, _ := GenerateKey()
	ed, _ := GenerateEd25519()
	for name, c := range map[string]struct {
		alg  event.Algorithm
		spki []byte
	}{
		"algorithm of the other": {event.AlgEd25519, k.Public().SPKI()},
		"and the reverse":        {event.AlgP256, ed.Public().SPKI()},
		"no algorithm":           {"", k.Public().SPKI()},
		"trailing byte":          {event.AlgP256, append(bytes.Clone(k.Public().SPKI()), 0)},
		"nothing":                {event.AlgP256, nil},
	} {
		if _, err := ParsePublicKey(c.alg, c.spki); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	info := k.Public().Info()
	info.ID[0] ^= 1
	if _, err := ParseKeyInfo(info); !errors.Is(err, ErrKey) {
		t.Errorf("a key under another's id: %v", err)
	}
	if (PublicKey{}).Check([]byte("x"), []byte("y")) {
		t.Error("the zero key accepts a signature")
	}
}

func TestPAE(t *testing.T) {
	// The example of the DSSE specification.
	if got := string(PAE("http://example.com/HelloWorld", []byte("hello world"))); got != "DSSEv1 29 http://example.com/HelloWorld 11 hello world" {
		t.Error(got)
	}
}

func FuzzVerify(f *testing.F) {
	k, _ := GenerateKey()
	p := eventtest.Payload(event.TypeNoteWritten, 2)
	f.Add(sealed(f, k, p))
	f.Add([]byte(`{"payloadType":"","payload":"","signatures":[{"keyid":"","sig":""}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		v, r, err := Verify(line, keyring{p.Device: k.Public()})
		if err != nil || (v == nil) == (r == nil) {
			t.Fatalf("neither one nor the other: %v %v %v", v, r, err)
		}
		e, err := ParseEnvelope(line)
		if err != nil {
			return
		}
		own, ok := parseOwnForm(line)
		if ok && (!bytes.Equal(own.Payload, e.Payload) || fmt.Sprint(own.Signatures) != fmt.Sprint(e.Signatures)) {
			t.Fatal("the short way reads another envelope than the long way")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	k, _ := GenerateKey()
	p := eventtest.Payload(event.TypeNoteWritten, 2)
	line, keys := sealed(b, k, p), keyring{p.Device: k.Public()}
	for b.Loop() {
		if v, _, _ := Verify(line, keys); v == nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkRawP256(b *testing.B) {
	k, _ := GenerateKey()
	h := sha256.Sum256([]byte("x"))
	sig, _ := k.Sign([]byte("x"))
	for b.Loop() {
		if !ecdsa.VerifyASN1(k.pub.ec, h[:], sig) {
			b.Fatal("refused")
		}
	}
}
