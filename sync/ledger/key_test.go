package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestKeyRoundTrip(t *testing.T) {
	for _, origin := range []string{testOrigin, "日志.example/质监局", "a"} {
		k, err := GenerateKey(origin)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseKey(k.SecretText())
		if err != nil || back.SecretText() != k.SecretText() || back.VerifierText() != k.VerifierText() {
			t.Fatalf("%s: %v", origin, err)
		}
		v, err := ParseVerifier(k.VerifierText())
		if err != nil || v.Name() != origin || v.KeyHash() != k.KeyHash() {
			t.Fatalf("%s: %v, %v", origin, v, err)
		}
		sig, err := back.Sign([]byte("text\n"))
		if err != nil || !v.Verify([]byte("text\n"), sig) || v.Verify([]byte("Text\n"), sig) {
			t.Fatalf("%s: the signature is wrong, %v", origin, err)
		}
		// x/mod takes both texts.
		if s, err := note.NewSigner(k.SecretText()); err != nil || s.KeyHash() != k.KeyHash() {
			t.Errorf("%s: x/mod: %v", origin, err)
		}
		if v, err := note.NewVerifier(k.VerifierText()); err != nil || v.KeyHash() != k.KeyHash() {
			t.Errorf("%s: x/mod: %v", origin, err)
		}
	}
	a, b := must(GenerateKey(testOrigin)), must(GenerateKey(testOrigin))
	if a.SecretText() == b.SecretText() {
		t.Error("two generated keys are the same")
	}
}

func TestKeyShowsNoSecret(t *testing.T) {
	k := testKey(t, testOrigin)
	secret := k.SecretText()[strings.LastIndexByte(k.SecretText(), '+')+1:]
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "key", k, "value", *k)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", k, "value", *k)
	seed := fmt.Sprintf("%x", k.seed[:8])
	decimal := strings.Trim(fmt.Sprint(k.seed[:8]), "[]")
	for _, shown := range []string{
		fmt.Sprint(k, *k), fmt.Sprintf("%v %+v %#v %s %q %x %X %d", k, k, k, k, k, k, k, k),
		fmt.Sprintf("%v %+v %#v %s %q %x %X %d", *k, *k, *k, *k, *k, *k, *k, *k), log.String(),
	} {
		for _, s := range []string{secret, seed, strings.ToUpper(seed), decimal, base64.StdEncoding.EncodeToString(k.seed)} {
			if strings.Contains(shown, s) {
				t.Errorf("shows the secret: %s", shown)
			}
		}
	}
}

// badKeys spoils a good text: of a private key (prefix PRIVATE+KEY+) or a public one.
func badKeys(prefix, good string) []string {
	f := strings.SplitN(strings.TrimPrefix(good, prefix), "+", 3)
	name, hash, key := f[0], f[1], f[2]
	raw, _ := base64.StdEncoding.DecodeString(key)
	b64 := base64.StdEncoding.EncodeToString
	other := append([]byte{2}, raw[1:]...)
	changed := append(append([]byte(nil), raw[:32]...), raw[32]^1)
	return []string{
		"", good[1:], good + "\n", " " + good, good[:len(good)-1], good + "=", good + "+",
		prefix + "other.example+" + hash + "+" + key,
		prefix + name + "+00000000+" + key,
		prefix + name + "+" + strings.ToUpper(hash) + "+" + key,
		prefix + name + "+0" + hash + "+" + key,
		prefix + name + "+" + hash + "+" + key[:10] + "\n" + key[10:],
		prefix + name + "+" + hash + "+" + key[:10] + "\r" + key[10:],
		prefix + name + "+" + hash + "+" + b64(other),
		prefix + name + "+" + hash + "+" + b64(changed),
		prefix + name + "+" + hash + "+" + b64(raw[:32]),
		prefix + name + "+" + hash + "+" + b64(append(raw, 0)),
		prefix + name + "+" + hash + "+", prefix + name + "+" + hash, prefix + name, prefix,
		prefix + "+" + hash + "+" + key, prefix + "a b+" + hash + "+" + key, prefix + strings.Repeat("a", 300) + "+" + hash + "+" + key,
	}
}

func TestKeyRefused(t *testing.T) {
	k := testKey(t, testOrigin)
	for _, bad := range badKeys("PRIVATE+KEY+", k.SecretText()) {
		_, err := ParseKey(bad)
		if !errors.Is(err, ErrKey) {
			t.Errorf("private %q: %v", bad, err)
		} else if strings.Contains(err.Error(), k.SecretText()[60:75]) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	for _, bad := range badKeys("", k.VerifierText()) {
		if _, err := ParseVerifier(bad); !errors.Is(err, ErrKey) {
			t.Errorf("public %q: %v", bad, err)
		}
	}
	if _, err := NewKey(testOrigin, make([]byte, 31)); !errors.Is(err, ErrKey) {
		t.Errorf("31 bytes of seed: %v", err)
	}
	if _, err := GenerateKey("two words"); !errors.Is(err, ErrOrigin) {
		t.Errorf("origin with a space: %v", err)
	}
}

func TestParseHash(t *testing.T) {
	good := leafHash(1).String()
	if h, err := ParseHash(good); err != nil || h != leafHash(1) {
		t.Fatal(err)
	}
	last := good[42]
	for _, bad := range []string{
		"", good[:43], good + "=", good + "\n", good[:20] + "\r" + good[20:], good[:20] + "\n" + good[20:], " " + good,
		good[:42] + string(last+1) + "=", base64.StdEncoding.EncodeToString(make([]byte, 31)), base64.StdEncoding.EncodeToString(make([]byte, 33)),
	} {
		if h, err := ParseHash(bad); err == nil {
			t.Errorf("%q is read as %v", bad, h)
		}
	}
}

func TestKeyBitFlips(t *testing.T) {
	k := testKey(t, testOrigin)
	for bit := range len(k.SecretText()) * 8 {
		b := []byte(k.SecretText())
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := ParseKey(string(b)); err == nil {
			t.Errorf("bit %d of the private key flipped and accepted", bit)
		}
	}
	for bit := range len(k.VerifierText()) * 8 {
		b := []byte(k.VerifierText())
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := ParseVerifier(string(b)); err == nil {
			t.Errorf("bit %d of the public key flipped and accepted", bit)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	k := testKey(f, testOrigin)
	f.Add(k.SecretText())
	f.Add(k.VerifierText())
	for _, bad := range badKeys("PRIVATE+KEY+", k.SecretText()) {
		f.Add(bad)
	}
	for _, bad := range badKeys("", k.VerifierText()) {
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := ParseKey(text); err == nil && k.SecretText() != text {
			t.Fatalf("%q came back otherwise", text)
		}
		if v, err := ParseVerifier(text); err == nil && !strings.HasPrefix(text, fmt.Sprintf("%s+%08x+", v.Name(), v.KeyHash())) {
			t.Fatalf("%q is read as %s+%08x", text, v.Name(), v.KeyHash())
		}
	})
}
