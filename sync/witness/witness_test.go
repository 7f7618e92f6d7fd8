package witness

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness/witnesstest"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func testKey(name string) *Key { return must(NewKey(name, witnesstest.Seed(name))) }

const testOrigin = "ledger.example/agency-a"

func request(l *witnesstest.Log, old ledger.Size) *Request {
	return &Request{old, l.Proof(old), l.Checkpoint().Note()}
}

func logs(l *witnesstest.Log) Logs { return Logs{l.Key.Name(): {l.Key.Verifier()}} }

// The example of the package comment, made with the seed 202122…3f.
func TestExample(t *testing.T) {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(0x20 + i)
	}
	k := must(NewKey("court.example/witness", seed))
	const vkey = "court.example/witness+98dacdd2+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
	if k.Text() != vkey {
		t.Errorf("the key is %s", k.Text())
	}
	logSeed := make([]byte, ed25519.SeedSize)
	for i := range logSeed {
		logSeed[i] = byte(i)
	}
	c := ledger.Checkpoint{Origin: testOrigin, Size: 2, Root: must(ledger.ParseHash("brtfG5cyC6i9rxj9mLs7LJ4Zjks/4Pt6OgU4LQlTUus="))}
	sig := must(k.Cosign(c, time.Date(2026, 1, 2, 3, 4, 6, 999, time.UTC)))
	if sig.Line() != exampleLine {
		t.Errorf("the cosignature is %s", sig.Line())
	}
	signed := must(ledger.Sign(c, must(ledger.NewKey(testOrigin, logSeed))))
	cosigned := must(signed.WithSignature(sig, must(ParseVerifier(vkey))))
	if n := len(cosigned.Verified()); n != 2 {
		t.Errorf("%d signatures verify", n)
	}
}

const exampleLine = "— court.example/witness mNrN0gAAAABpVzWmfzHo38k79GO6mZQThtuIb93+qiJ1oQ/Qr5Lcl0IKRYOrvxtFAvhaYT3JvTUAoKDEYtCbx17rkUj/b4/wLWnNAA==\n"

// The examples in the texts of C2SP tlog-witness and tlog-cosignature.
func TestSpecificationExamples(t *testing.T) {
	const request = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
`
	r, c, err := ParseRequest([]byte(request))
	if err != nil || r.Old != 20852014 || len(r.Proof) != 4 || c.Size != 20852163 || c.Origin != "example.com/behind-the-sofa" {
		t.Errorf("the request came as %v, %v, %v", r, c, err)
	}
	if err == nil && string(r.Marshal()) != request {
		t.Errorf("the request is written as %q", r.Marshal())
	}
	const response = `— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==
— witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==
— witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==
`
	sigs, err := ParseCosignatures([]byte(response))
	if err != nil || len(sigs) != 3 || sigs[2].Name != "witness.example/w2" {
		t.Errorf("the answer came as %v, %v", sigs, err)
	}
	line := must(ledger.ParseSignature([]byte("— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n")))
	if at, err := Time(line.Sig); err != nil || at.Unix() != 1679315147 {
		t.Errorf("the cosignature's time is %v, %v", at, err)
	}
	if got := string(message(1679315147, []byte(c.Text()))); got != "cosignature/v1\ntime 1679315147\n"+c.Text() {
		t.Errorf("the message is %q", got)
	}
}

func TestKeyTexts(t *testing.T) {
	for _, name := range []string{"court.example/w", "见证.example/法院"} {
		k := testKey(name)
		back := must(ParseKey(k.SecretText()))
		if back.Text() != k.Text() || !back.private.Equal(k.private) {
			t.Errorf("%s came back as %v", name, back)
		}
		v := must(ParseVerifier(k.Text()))
		if v.Name() != name || v.KeyHash() != k.KeyHash() || v.Text() != k.Text() {
			t.Errorf("%s came back as %s", k.Text(), v.Text())
		}
		secret := base64.StdEncoding.EncodeToString(k.private.Seed())[:20]
		for _, s := range []string{fmt.Sprintf("%v %+v %#v %s %x %d", k, k, k, *k, k, *k)} {
			if strings.Contains(s, secret) || !strings.Contains(s, k.Text()) {
				t.Errorf("printed as %s", s)
			}
		}
	}
}

func TestKeyTextsRefused(t *testing.T) {
	k := testKey("court.example/w")
	logKey := must(ledger.NewKey(testOrigin, witnesstest.Seed("x")))
	vkey, secret := k.Text(), k.SecretText()
	for _, text := range []string{
		"", "+", "++", "+++", vkey + "\n", " " + vkey, vkey[:len(vkey)-1], vkey + "=", strings.Replace(vkey, "court", "Court", 1),
		strings.Replace(vkey, "+", "++", 1), strings.ToUpper(vkey), secret, logKey.VerifierText(), strings.Repeat("a", maxKeyText+1),
		strings.Replace(vkey, "court.example/w", "", 1), strings.Replace(vkey, "court.example/w", "court example", 1),
	} {
		if v, err := ParseVerifier(text); v != nil || !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		"", vkey, secret + "\n", secret[:len(secret)-1], strings.Replace(secret, "court", "curt", 1), logKey.SecretText(),
		strings.TrimPrefix(secret, "PRIVATE+"), strings.Repeat("a", maxKeyText+1), "PRIVATE+KEY+",
	} {
		k, err := ParseKey(text)
		if k != nil || !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && len(text) > 60 && strings.Contains(err.Error(), text[len(text)-20:]) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	for _, name := range []string{"", "a b", "a+b", "a\n", strings.Repeat("a", ledger.MaxOrigin+1)} {
		if _, err := NewKey(name, witnesstest.Seed(name)); !errors.Is(err, ErrKey) || !errors.Is(err, ledger.ErrOrigin) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := NewKey("w", make([]byte, 31)); !errors.Is(err, ErrKey) {
		t.Errorf("a short seed: %v", err)
	}
	if a, b := must(GenerateKey("w")), must(GenerateKey("w")); a.SecretText() == b.SecretText() {
		t.Error("two keys are the same")
	}
}

func TestVerifyCosignature(t *testing.T) {
	l, k := witnesstest.New(testOrigin, 7, "a"), testKey("court.example/w")
	c := l.Checkpoint().Checkpoint
	at := time.Unix(1767323046, 999_999_999)
	sig := must(k.Cosign(c, at))
	v := must(ParseVerifier(k.Text()))
	if !v.Verify([]byte(c.Text()), sig.Sig) || !v.Made(sig) {
		t.Fatal("it does not verify")
	}
	if got, err := Time(sig.Sig); err != nil || !got.Equal(at.Truncate(time.Second)) {
		t.Errorf("its time is %v, %v", got, err)
	}
	if testKey("police.example/w").Verify([]byte(c.Text()), sig.Sig) || testKey("police.example/w").Made(sig) {
		t.Error("another key takes it for its own")
	}
	for bit := range len(sig.Sig) * 8 {
		flipped := bytes.Clone(sig.Sig)
		flipped[bit/8] ^= 1 << (bit % 8)
		if v.Verify([]byte(c.Text()), flipped) {
			t.Errorf("bit %d flipped and it verifies", bit)
		}
	}
	for n := range len(sig.Sig) {
		if v.Verify([]byte(c.Text()), sig.Sig[:n]) {
			t.Errorf("cut to %d bytes it verifies", n)
		}
	}
	if v.Verify([]byte(c.Text()), append(bytes.Clone(sig.Sig), 0)) || v.Verify([]byte(c.Text()+"x\n"), sig.Sig) {
		t.Error("something longer verifies")
	}
	// A plain signature over the text, or over a time of zero or beyond int64, is no cosignature.
	for _, sec := range []uint64{0, math.MaxInt64 + 1, math.MaxUint64} {
		raw := append(make([]byte, 8), ed25519.Sign(k.private, message(sec, []byte(c.Text())))...)
		for i := range 8 {
			raw[i] = byte(sec >> (56 - 8*i))
		}
		if v.Verify([]byte(c.Text()), raw) {
			t.Errorf("time %d verifies", sec)
		}
		if _, err := Time(raw); !errors.Is(err, ErrTime) {
			t.Errorf("time %d: %v", sec, err)
		}
	}
	for _, at := range []time.Time{{}, time.Unix(0, 5), time.Unix(-5, 0)} {
		if _, err := k.Cosign(c, at); !errors.Is(err, ErrTime) {
			t.Errorf("cosigned at %v: %v", at, err)
		}
	}
}

func TestRequestRoundTrip(t *testing.T) {
	c := witnesstest.New(testOrigin, 300, "a").Checkpoint()
	rapid.Check(t, func(t *rapid.T) {
		r := &Request{Old: ledger.Size(rapid.Int64Range(0, 300).Draw(t, "old")), Note: c.Note()}
		for range rapid.IntRange(0, MaxProof).Draw(t, "hashes") {
			r.Proof = append(r.Proof, ledger.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash")))
		}
		back, got, err := ParseRequest(r.Marshal())
		if err != nil || got != c.Checkpoint || !bytes.Equal(back.Marshal(), r.Marshal()) || len(back.Proof) != len(r.Proof) {
			t.Fatalf("%q came back as %v, %v", r.Marshal(), back, err)
		}
	})
}

// badRequests spoils a request, whose log has the size 5, in its form.
func badRequests(good string) map[string]string {
	lines := strings.SplitAfter(good, "\n")
	at := func(i int, line string) string {
		l := append([]string(nil), lines...)
		l[i] = line
		return strings.Join(l, "")
	}
	hash := strings.TrimSpace(lines[1])
	return map[string]string{
		"empty":                   "",
		"the checkpoint alone":    strings.Join(lines[len(lines)-6:], ""),
		"no old size":             strings.Join(lines[1:], ""),
		"old in capitals":         at(0, "OLD 3\n"),
		"old without a space":     at(0, "old3\n"),
		"old with two spaces":     at(0, "old  3\n"),
		"old with a tab":          at(0, "old\t3\n"),
		"old, space behind":       at(0, "old 3 \n"),
		"old 03":                  at(0, "old 03\n"),
		"old +3":                  at(0, "old +3\n"),
		"old -1":                  at(0, "old -1\n"),
		"old, no number":          at(0, "old \n"),
		"old in other digits":     at(0, "old ٣\n"),
		"old beyond any log":      at(0, "old 72057594037927936\n"),
		"old beyond 64 bits":      at(0, "old 36893488147419103232\n"),
		"old beyond the size":     at(0, "old 6\n"),
		"CRLF":                    strings.ReplaceAll(good, "\n", "\r\n"),
		"CR in a hash":            at(1, hash+"\r\n"),
		"space in a hash":         at(1, hash[:5]+" "+hash[5:]+"\n"),
		"hash without its pad":    at(1, strings.TrimRight(hash, "=")+"\n"),
		"hash, stray bits":        at(1, hash[:42]+flip(hash[42])+"=\n"),
		"hash of 31 bytes":        at(1, base64.StdEncoding.EncodeToString(make([]byte, 31))+"\n"),
		"hash of 33 bytes":        at(1, base64.StdEncoding.EncodeToString(make([]byte, 33))+"\n"),
		"hash in the URL letters": at(1, "_"+hash[1:]+"\n"),
		"64 hashes":               at(1, strings.Repeat(hash+"\n", MaxProof+1)),
		"a million hashes":        at(1, strings.Repeat(hash+"\n", 1_000_000)),
		"no empty line":           strings.Replace(good, "\n\n", "\n", 1),
		"two empty lines":         strings.Replace(good, "\n\n", "\n\n\n", 1),
		"an empty line first":     "\n" + good,
		"a byte order mark":       "\ufeff" + good,
		"no last newline":         strings.TrimSuffix(good, "\n"),
		"text behind":             good + "x\n",
		"a checkpoint without":    good[:strings.Index(good, "\n\n")+2],
		"an extension line":       strings.Replace(good, "=\n\n—", "=\nextension\n\n—", 1),
		"an unsigned checkpoint":  good[:strings.Index(good, "—")],
		"too long":                good + strings.Repeat("— a AAAAAAAA\n", MaxRequestBytes/14),
	}
}

// flip gives a base64 letter that differs in the bits that decoders drop.
func flip(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

func TestRequestRefused(t *testing.T) {
	l := witnesstest.New(testOrigin, 5, "a")
	good := request(l, 3).Marshal()
	if _, err := logs(l).Admit(good); err != nil {
		t.Fatal(err)
	}
	for name, text := range badRequests(string(good)) {
		if text == string(good) {
			t.Errorf("%s changes nothing", name)
		}
		_, _, err := ParseRequest([]byte(text))
		if !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := logs(l).Admit([]byte(text)); status(err) != 400 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func status(err error) int {
	var r *Refusal
	if !errors.As(err, &r) {
		return 0
	}
	return r.Status
}

// TestDecide is the protocol's table of answers.
func TestDecide(t *testing.T) {
	l := witnesstest.New(testOrigin, 5, "a")
	other := witnesstest.New(testOrigin, 5, "b")
	t5, o5 := Tree{5, l.Root()}, Tree{5, other.Root()}
	three := witnesstest.New(testOrigin, 3, "a")
	t3 := Tree{3, three.Root()}
	empty := witnesstest.New(testOrigin, 0, "a")
	with := func(r *Request, change func(*Request)) *Request { change(r); return r }
	stranger := witnesstest.New("ledger.example/agency-b", 5, "a")
	imposter := l.Fork()
	imposter.Key = must(ledger.NewKey(testOrigin, witnesstest.Seed("imposter")))
	for _, x := range []struct {
		name  string
		known Tree
		r     *Request
		want  int
		fork  bool
	}{
		{"the first", Empty(), request(l, 0), 0, false},
		{"growth", t3, request(l, 3), 0, false},
		{"the same again", t5, request(l, 5), 0, false},
		{"an empty log", Empty(), request(empty, 0), 0, false},
		{"a log that is not known", Empty(), request(stranger, 0), 404, false},
		{"another's key", Empty(), request(imposter, 0), 403, false},
		{"too small an old size", t3, request(l, 0), 409, false},
		{"too large an old size", t3, request(l, 4), 409, false},
		{"smaller than what is known", t5, request(three, 3), 409, false},
		{"smaller, with an old size that is right", t5, with(request(three, 3), func(r *Request) { r.Old = 5 }), 400, false},
		{"another root of the same size", o5, request(l, 5), 409, true},
		{"the proof of another log", t3, request(other, 3), 422, true},
		{"no proof", t3, with(request(l, 3), func(r *Request) { r.Proof = nil }), 422, true},
		{"a hash too many", t3, with(request(l, 3), func(r *Request) { r.Proof = append(r.Proof, r.Proof[0]) }), 422, true},
		{"a proof where none is due", t5, with(request(l, 5), func(r *Request) { r.Proof = []ledger.Hash{{}} }), 422, true},
		{"a proof of the first", Empty(), with(request(l, 0), func(r *Request) { r.Proof = []ledger.Hash{{}} }), 422, false},
		{"an empty log with a root", Empty(), &Request{Note: must(ledger.Sign(ledger.Checkpoint{Origin: testOrigin, Root: t5.Root}, l.Key)).Note()}, 422, true},
	} {
		s, err := logs(l).Admit(x.r.Marshal())
		if err == nil {
			err = s.Decide(x.known)
		}
		var r *Refusal
		if status(err) != x.want || errors.As(err, &r) && r.Fork != x.fork {
			t.Errorf("%s: %v", x.name, err)
		}
		if x.want == 409 && (string(r.Body()) != fmt.Sprintf("%d\n", x.known.Size) || r.ContentType() != "text/x.tlog.size") {
			t.Errorf("%s: the answer is %q, %s", x.name, r.Body(), r.ContentType())
		}
		if x.want != 0 && x.want != 409 && (!strings.HasSuffix(string(r.Body()), "\n") || r.ContentType() != TypeText) {
			t.Errorf("%s: the answer is %q, %s", x.name, r.Body(), r.ContentType())
		}
	}
	// While a log changes its key, two are known.
	both := Logs{testOrigin: []note.Verifier{imposter.Key.Verifier(), l.Key.Verifier()}}
	for _, from := range []*witnesstest.Log{l, imposter} {
		if _, err := both.Admit(request(from, 0).Marshal()); err != nil {
			t.Errorf("with two keys known: %v", err)
		}
	}
}

func TestAnswers(t *testing.T) {
	c := witnesstest.New(testOrigin, 5, "a").Checkpoint().Checkpoint
	a, b := must(testKey("a").Cosign(c, time.Unix(1, 0))), must(testKey("b").Cosign(c, time.Unix(2, 0)))
	good := MarshalCosignatures(a, b)
	sigs, err := ParseCosignatures(good)
	if err != nil || len(sigs) != 2 || sigs[0].Line() != a.Line() || sigs[1].Line() != b.Line() {
		t.Errorf("%q came back as %v, %v", good, sigs, err)
	}
	for _, bad := range []string{
		"", "\n", a.Line() + "\n", "\n" + a.Line(), strings.TrimSuffix(a.Line(), "\n"), strings.ReplaceAll(string(good), "\n", "\r\n"),
		a.Line() + "x\n", "200\n", strings.Repeat(a.Line(), ledger.MaxSignatures+1), strings.Repeat("a", MaxResponseBytes+1),
	} {
		if _, err := ParseCosignatures([]byte(bad)); !errors.Is(err, ErrResponse) {
			t.Errorf("%q: %v", clip(bad), err)
		}
	}
	for _, n := range []ledger.Size{0, 1, 10, ledger.MaxSize} {
		if back, err := ParseSizeAnswer(MarshalSize(n)); err != nil || back != n {
			t.Errorf("%d came back as %d, %v", n, back, err)
		}
	}
	for _, bad := range []string{"", "\n", "5", "05\n", "+5\n", "-5\n", " 5\n", "5 \n", "5\n\n", "5\r\n", "x\n", "72057594037927936\n", strings.Repeat("1", 40) + "\n"} {
		if _, err := ParseSizeAnswer([]byte(bad)); !errors.Is(err, ErrResponse) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestQuorum(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for _, x := range []struct {
		times  []time.Time
		quorum int
		want   time.Time
	}{
		{nil, 1, time.Time{}}, {[]time.Time{at(5)}, 2, time.Time{}}, {[]time.Time{at(5)}, 0, time.Time{}}, {[]time.Time{at(5)}, 1, at(5)},
		{[]time.Time{at(9), at(5), at(7)}, 2, at(7)}, {[]time.Time{at(9), at(5), at(7)}, 3, at(9)}, {[]time.Time{at(9), at(5), at(7)}, 1, at(5)},
	} {
		if got := Quorum(x.times, x.quorum); !got.Equal(x.want) {
			t.Errorf("%d of %v: %v", x.quorum, x.times, got)
		}
	}
	// With fewer liars than a quorum it is never before all honest times, and with
	// a quorum of honest ones never behind all of them.
	rapid.Check(t, func(t *rapid.T) {
		honest := rapid.SliceOfN(rapid.Int64Range(1000, 2000), 1, 5).Draw(t, "honest")
		lies := rapid.SliceOfN(rapid.Int64Range(1, 9000), 0, 5).Draw(t, "lies")
		quorum := rapid.IntRange(1, len(honest)+len(lies)).Draw(t, "quorum")
		var times []time.Time
		for _, s := range append(slices.Clone(lies), honest...) {
			times = append(times, at(s))
		}
		got := Quorum(times, quorum).Unix()
		if len(lies) < quorum && got < slices.Min(honest) {
			t.Fatalf("before all honest times: %d", got)
		}
		if len(honest) >= quorum && got > slices.Max(honest) {
			t.Fatalf("behind all honest times: %d", got)
		}
	})
}
