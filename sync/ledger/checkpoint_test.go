package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"
)

const testOrigin = "ledger.example/agency-a"

// witness is a cosigner after C2SP tlog-cosignature, Ed25519: what a stranger's
// witness appends to our checkpoints.
type witness struct {
	name string
	key  ed25519.PrivateKey
	time uint64
}

func newWitness(name string, time uint64) *witness {
	return &witness{name, ed25519.NewKeyFromSeed(testSeed(name)), time}
}

func (w *witness) Name() string { return w.name }

func (w *witness) KeyHash() uint32 {
	const algCosignatureV1 = 4
	pub := w.key.Public().(ed25519.PublicKey)
	sum := sha256.Sum256(append([]byte(w.name+"\n"+string(rune(algCosignatureV1))), pub...))
	return binary.BigEndian.Uint32(sum[:])
}

func cosigned(time uint64, text []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", time, text)
}

func (w *witness) Sign(text []byte) ([]byte, error) {
	return append(binary.BigEndian.AppendUint64(nil, w.time), ed25519.Sign(w.key, cosigned(w.time, text))...), nil
}

func (w *witness) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	return ed25519.Verify(w.key.Public().(ed25519.PublicKey), cosigned(binary.BigEndian.Uint64(sig), text), sig[8:])
}

func (w *witness) cosign(c *SignedCheckpoint) *SignedCheckpoint {
	sig := must(w.Sign([]byte(c.Text())))
	return must(c.WithSignature(Signature{w.name, w.KeyHash(), sig}, w))
}

func testCheckpoint(t testing.TB, size Size) (*SignedCheckpoint, *Key) {
	k := testKey(t, testOrigin)
	c, err := Sign(Checkpoint{testOrigin, size, leafHash(int64(size))}, k)
	if err != nil {
		t.Fatal(err)
	}
	return c, k
}

func TestCheckpointRoundTrip(t *testing.T) {
	for _, size := range []Size{0, 1, 10, 123456789, MaxSize} {
		c, k := testCheckpoint(t, size)
		back, err := ParseCheckpoint(c.Note(), k.Verifier())
		if err != nil || back.Checkpoint != c.Checkpoint || !bytes.Equal(back.Note(), c.Note()) || len(back.Verified()) != 1 {
			t.Fatalf("size %d: %v, %v", size, back, err)
		}
		n, err := note.Open(c.Note(), note.VerifierList(k.Verifier()))
		if err != nil || n.Text != c.Text() {
			t.Fatalf("size %d: x/mod reads %v, %v", size, n, err)
		}
	}
}

func TestSignRefused(t *testing.T) {
	k := testKey(t, testOrigin)
	for _, c := range []Checkpoint{
		{"ledger.example/agency-b", 1, Hash{}}, {testOrigin, -1, Hash{}}, {testOrigin, MaxSize + 1, Hash{}}, {"", 1, Hash{}},
	} {
		if s, err := Sign(c, k); s != nil || !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// TestCheckpointBitFlips flips every bit of a checkpoint with the log's signature alone.
func TestCheckpointBitFlips(t *testing.T) {
	c, k := testCheckpoint(t, 1234)
	text := c.Note()
	for bit := range len(text) * 8 {
		flipped := bytes.Clone(text)
		flipped[bit/8] ^= 1 << (bit % 8)
		if s, err := ParseCheckpoint(flipped, k.Verifier()); s != nil || err == nil {
			t.Errorf("bit %d flipped and accepted: %q", bit, flipped)
		}
	}
	for n := range len(text) {
		if s, err := ParseCheckpoint(text[:n], k.Verifier()); s != nil || !errors.Is(err, ErrCheckpoint) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

// TestCosignedBitFlips: with cosignatures, a flip is refused or costs the
// witness in whose name it is its vote. It never counts.
func TestCosignedBitFlips(t *testing.T) {
	c, k := testCheckpoint(t, 1234)
	w1, w2 := newWitness("police.example/w", 1767323046), newWitness("court.example/w", 1767323047)
	c = w2.cosign(w1.cosign(c))
	text := c.Note()
	whole := must(ParseCheckpoint(text, k.Verifier(), w1, w2))
	if len(whole.Verified()) != 3 {
		t.Fatalf("%d verified", len(whole.Verified()))
	}
	accepted := 0
	for bit := range len(text) * 8 {
		flipped := bytes.Clone(text)
		flipped[bit/8] ^= 1 << (bit % 8)
		s, err := ParseCheckpoint(flipped, k.Verifier(), w1, w2)
		if err != nil {
			continue
		}
		accepted++
		if s.Checkpoint != c.Checkpoint || len(s.Verified()) >= 3 {
			t.Errorf("bit %d flipped and all signatures count: %q", bit, flipped)
		}
	}
	// Only a flip in a witness's name or key hash can make it an unknown key.
	if most := 8 * (len(w1.name) + len(w2.name) + 2*6); accepted == 0 || accepted > most {
		t.Errorf("%d flips made an unknown key, expected 1 to %d", accepted, most)
	}
}

func TestUnknownSignaturesAreKept(t *testing.T) {
	c, k := testCheckpoint(t, 7)
	w1, w2 := newWitness("police.example/w", 1767323046), newWitness("court.example/w", 1767323047)
	text := w2.cosign(w1.cosign(c)).Note()
	s := must(ParseCheckpoint(text, k.Verifier(), w2))
	if !bytes.Equal(s.Note(), text) || len(s.Signatures()) != 3 {
		t.Fatalf("came back as %q", s.Note())
	}
	if v := s.Verified(); len(v) != 2 || v[0].Name != testOrigin || v[1].Name != w2.name {
		t.Errorf("verified %v", v)
	}
	// The heartbeat: the same witness signs again, later, in the same place.
	w1.time += 60
	again := w1.cosign(s)
	if len(again.Signatures()) != 3 || again.Signatures()[1].Name != w1.name || len(again.Verified()) != 3 {
		t.Errorf("after the heartbeat: %q", again.Note())
	}
	if bytes.Equal(again.Note(), text) || !bytes.Equal(s.Note(), text) {
		t.Error("the heartbeat changed nothing, or the checkpoint that it was added to")
	}
	if got := binary.BigEndian.Uint64(again.Signatures()[1].Sig); got != w1.time {
		t.Errorf("the older cosignature of %d is still there", got)
	}
}

func TestWithSignatureRefused(t *testing.T) {
	c, _ := testCheckpoint(t, 7)
	other, _ := testCheckpoint(t, 8)
	w := newWitness("police.example/w", 1)
	sig := Signature{w.name, w.KeyHash(), must(w.Sign([]byte(c.Text())))}
	var wrong *SignatureError
	if _, err := other.WithSignature(sig, w); !errors.As(err, &wrong) || wrong.Name != w.name {
		t.Errorf("a signature of another checkpoint: %v", err)
	}
	if _, err := c.WithSignature(sig, newWitness("court.example/w", 1)); !errors.As(err, &wrong) {
		t.Errorf("with another key: %v", err)
	}
	if _, err := c.WithSignature(Signature{"court.example/w", w.KeyHash(), sig.Sig}, w); !errors.As(err, &wrong) {
		t.Errorf("under another name: %v", err)
	}
	if _, err := c.WithSignature(Signature{w.name, w.KeyHash() + 1, sig.Sig}, w); !errors.As(err, &wrong) {
		t.Errorf("under another key hash: %v", err)
	}
	bad := newWitness("a name", 1)
	if _, err := c.WithSignature(Signature{bad.name, bad.KeyHash(), must(bad.Sign([]byte(c.Text())))}, bad); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("a name with a space: %v", err)
	}
	for i := range MaxSignatures - 1 {
		c = newWitness(fmt.Sprintf("w%d.example", i), 1).cosign(c)
	}
	if _, err := c.WithSignature(sig, w); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("one signature too many: %v", err)
	}
	if _, _, err := ParseUnverifiedCheckpoint(c.Note()); err != nil {
		t.Errorf("%d signatures: %v", MaxSignatures, err)
	}
	if _, _, err := ParseUnverifiedCheckpoint(append(c.Note(), sig.Line()...)); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("%d signatures: %v", MaxSignatures+1, err)
	}
}

func TestCheckpointNeedsItsLog(t *testing.T) {
	c, k := testCheckpoint(t, 7)
	w := newWitness("police.example/w", 1)
	text := w.cosign(c).Note()
	newer := must(NewKey(testOrigin, testSeed("the key after it")))
	for name, verifiers := range map[string][]note.Verifier{
		"no key": nil, "a witness alone": {w}, "another log": {testKey(t, "ledger.example/agency-b").Verifier()}, "another key": {newer.Verifier()},
	} {
		if s, err := ParseCheckpoint(text, verifiers...); s != nil || !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Two keys of one log are known while it changes from one to the other.
	if _, err := ParseCheckpoint(text, newer.Verifier(), k.Verifier()); err != nil {
		t.Errorf("two keys: %v", err)
	}
	// A key signs for its own origin only: moving a signature to another log's text is found.
	forged := strings.Replace(string(text), testOrigin+"\n", "ledger.example/agency-b\n", 1)
	if _, err := ParseCheckpoint([]byte(forged), k.Verifier()); err == nil {
		t.Error("another origin over the same signature was accepted")
	}
	wrong := bytes.Replace(text, []byte("\n7\n"), []byte("\n8\n"), 1)
	var sig *SignatureError
	if _, err := ParseCheckpoint(wrong, k.Verifier()); !errors.As(err, &sig) || sig.Name != testOrigin {
		t.Errorf("another size over the same signature: %v", err)
	}
}

// badCheckpoints spoils the form of a good note in every way we know of that
// some library takes.
func badCheckpoints(good string) map[string]string {
	lines := strings.SplitAfter(good, "\n")
	at := func(i int, line string) string {
		l := append([]string(nil), lines...)
		l[i] = line
		return strings.Join(l, "")
	}
	root, sig := strings.TrimSpace(lines[2]), strings.TrimSuffix(lines[4], "\n")
	// The last letter before one pad carries two bits that decoders drop.
	stray := func(b64 string) string {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
		pad := strings.TrimRight(b64, "=")
		last := strings.IndexByte(alphabet, pad[len(pad)-1])
		return pad[:len(pad)-1] + string(alphabet[last^1]) + b64[len(pad):]
	}
	return map[string]string{
		"empty":                 "",
		"text only":             strings.Join(lines[:3], ""),
		"no signature":          strings.Join(lines[:4], ""),
		"no blank line":         at(3, ""),
		"two blank lines":       at(3, "\n\n"),
		"no last newline":       strings.TrimSuffix(good, "\n"),
		"a blank line after":    good + "\n",
		"text after":            good + "x\n",
		"extension":             at(3, "extension\n\n"),
		"size 05":               at(1, "05\n"),
		"size 00":               at(1, "00\n"),
		"size +5":               at(1, "+5\n"),
		"size -0":               at(1, "-0\n"),
		"size -5":               at(1, "-5\n"),
		"size 0x5":              at(1, "0x5\n"),
		"size 1_0":              at(1, "1_0\n"),
		"size with space":       at(1, " 5\n"),
		"size with CR":          at(1, "5\r\n"),
		"size empty":            at(1, "\n"),
		"size too large":        at(1, "72057594037927936\n"),
		"size of 64 bits":       at(1, "18446744073709551615\n"),
		"size of 65 bits":       at(1, "36893488147419103232\n"),
		"size in other digits":  at(1, "٥\n"),
		"origin empty":          at(0, "\n"),
		"origin with space":     at(0, "ledger.example/agency a\n"),
		"origin with plus":      at(0, "ledger.example/agency+a\n"),
		"origin with tab":       at(0, "ledger.example/agency\ta\n"),
		"origin, hidden letter": at(0, "ledger.example/agency\u200b-a\n"),
		"origin, turned round":  at(0, "ledger.example/\u202eagency-a\n"),
		"origin with NUL":       at(0, "ledger\x00\n"),
		"origin no UTF-8":       at(0, "ledger\xff\n"),
		"origin too long":       at(0, strings.Repeat("o", MaxOrigin+1)+"\n"),
		"root with CR":          at(2, root[:10]+"\r"+root[10:]+"\n"),
		"root CR at the end":    at(2, root+"\r\n"),
		"root, stray bits":      at(2, stray(root)+"\n"),
		"root without pad":      at(2, strings.TrimRight(root, "=")+"\n"),
		"root URL alphabet":     at(2, "_"+root[1:]+"\n"),
		"root of 31 bytes":      at(2, base64.StdEncoding.EncodeToString(make([]byte, 31))+"\n"),
		"root of 33 bytes":      at(2, base64.StdEncoding.EncodeToString(make([]byte, 33))+"\n"),
		"root in hex":           at(2, strings.Repeat("00", 32)+"\n"),
		"root empty":            at(2, "\n"),
		"signature, hyphen":     at(4, "-"+strings.TrimPrefix(sig, "—")+"\n"),
		"signature, two spaces": at(4, strings.Replace(sig, "— ", "—  ", 1)+"\n"),
		"signature, no name":    at(4, "—  "+sig[strings.LastIndexByte(sig, ' ')+1:]+"\n"),
		"signature, plus":       at(4, strings.Replace(sig, "agency", "agency+", 1)+"\n"),
		"signature, nbsp":       at(4, strings.Replace(sig, "agency", "agency\u00a0", 1)+"\n"),
		"signature with CR":     at(4, sig[:40]+"\r"+sig[40:]+"\n"),
		"signature, space":      at(4, sig+" \n"),
		"signature, stray bits": at(4, stray(sig)+"\n"),
		"signature of 4 bytes":  at(4, "— a AAAAAA==\n"),
		"signature empty":       at(4, "— a \n"),
		"signature, name only":  at(4, "— a\n"),
		"signature twice":       good + lines[4],
		"byte order mark":       "\ufeff" + good,
		"CRLF":                  strings.ReplaceAll(good, "\n", "\r\n"),
		"too long":              good + strings.Repeat("— a AAAAAAAA\n", MaxCheckpointBytes/14),
	}
}

func TestCheckpointRefused(t *testing.T) {
	c, k := testCheckpoint(t, 5)
	for name, text := range badCheckpoints(string(c.Note())) {
		if _, _, err := ParseUnverifiedCheckpoint([]byte(text)); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
		if s, err := ParseCheckpoint([]byte(text), k.Verifier()); s != nil || !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := badCheckpoints(string(c.Note()))
	if _, _, err := ParseUnverifiedCheckpoint([]byte(bad["extension"])); !errors.Is(err, ErrExtension) {
		t.Errorf("extension: %v", err)
	}
	if _, _, err := ParseUnverifiedCheckpoint([]byte(bad["signature twice"])); !errors.Is(err, ErrDuplicateSignature) {
		t.Errorf("signature twice: %v", err)
	}
	// The same key a second time with another signature is no better.
	w := newWitness("police.example/w", 1)
	first := w.cosign(c)
	w.time++
	second := Signature{w.name, w.KeyHash(), must(w.Sign([]byte(c.Text())))}
	if _, err := ParseCheckpoint(append(first.Note(), second.Line()...), k.Verifier()); !errors.Is(err, ErrDuplicateSignature) {
		t.Errorf("two cosignatures by one witness: %v", err)
	}
}

func TestSignatureLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Signature{
			Name:    rapid.StringMatching(`[a-z0-9./\-中文]{1,40}`).Draw(t, "name"),
			KeyHash: rapid.Uint32().Draw(t, "hash"),
			Sig:     rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "sig"),
		}
		back, err := ParseSignature([]byte(s.Line()))
		if err != nil || back.Name != s.Name || back.KeyHash != s.KeyHash || !bytes.Equal(back.Sig, s.Sig) {
			t.Fatalf("%q came back as %v, %v", s.Line(), back, err)
		}
	})
	if _, err := ParseSignature(bytes.Repeat([]byte("a"), MaxCheckpointBytes+1)); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("a line too long: %v", err)
	}
}

// FuzzParseCheckpoint: what we accept is canonical and x/mod's note reads it
// alike.
func FuzzParseCheckpoint(f *testing.F) {
	c, k := testCheckpoint(f, 5)
	w := newWitness("police.example/w", 1767323046)
	f.Add(c.Note())
	f.Add(w.cosign(c).Note())
	for _, bad := range badCheckpoints(string(c.Note())) {
		f.Add([]byte(bad))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		u, sigs, err := ParseUnverifiedCheckpoint(text)
		if err != nil {
			if !errors.Is(err, ErrCheckpoint) {
				t.Fatal(err)
			}
			return
		}
		if back := encodeNote(u, sigs); !bytes.Equal(back, text) {
			t.Fatalf("%q came back as %q", text, back)
		}
		n, err := note.Open(text, nil)
		var unverified *note.UnverifiedNoteError
		if !errors.As(err, &unverified) {
			t.Fatalf("x/mod refuses %q: %v, %v", text, n, err)
		}
		if unverified.Note.Text != u.Text() || len(unverified.Note.UnverifiedSigs) != len(sigs) {
			t.Fatalf("x/mod reads %q otherwise", text)
		}
		if s, err := ParseCheckpoint(text, k.Verifier(), w); err == nil && s.Checkpoint != c.Checkpoint {
			t.Fatalf("a forgery: %q", text)
		}
	})
}

func FuzzParseSignature(f *testing.F) {
	w := newWitness("police.example/w", 1767323046)
	good := Signature{w.name, w.KeyHash(), must(w.Sign([]byte("text\n")))}.Line()
	for _, line := range []string{
		good, good + good, strings.TrimSuffix(good, "\n"), good[:len(good)-2] + "\n", strings.Replace(good, " ", "  ", 1),
		strings.TrimSuffix(good, "\n") + "\r\n", "— a AAAAAA==\n", "— a AAAAAAA=\n", "— a \n", "— a\n", "— \n", "", "\n", "- a AAAAAAA=\n",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		s, err := ParseSignature(line)
		if err != nil {
			if !errors.Is(err, ErrCheckpoint) {
				t.Fatal(err)
			}
			return
		}
		if s.Line() != string(line) || len(s.Sig) == 0 {
			t.Fatalf("%q came back as %q", line, s.Line())
		}
	})
}
