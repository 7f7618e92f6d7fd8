package seal

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"testing"

	"fieldseal/sync/event"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func public(t *testing.T, alg event.Algorithm, pub any) PublicKey {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParsePublicKey(alg, spki)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The signatures of RFC 6979, A.2.5 (P-256 with SHA-256).
func TestKnownP256(t *testing.T) {
	point := unhex(t, "04"+"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"+"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	k := public(t, event.AlgP256, pub)
	for message, rs := range map[string][2]string{
		"sample": {"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716", "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"},
		"test":   {"F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367", "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"},
	} {
		r, _ := new(big.Int).SetString(rs[0], 16)
		s, _ := new(big.Int).SetString(rs[1], 16)
		sig, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		if !k.Check([]byte(message), sig) {
			t.Errorf("%s: the published signature is refused", message)
		}
		if k.Check([]byte(message+"."), sig) {
			t.Errorf("%s: the signature is taken for another message", message)
		}
		// What must never verify: zero, the order, and sums with it (the values that
		// broken verifiers have taken).
		n := elliptic.P256().Params().N
		for name, bad := range map[string][2]*big.Int{
			"r is 0": {big.NewInt(0), s}, "s is 0": {r, big.NewInt(0)}, "r is n": {n, s}, "s is n": {r, n},
			"r + n": {new(big.Int).Add(r, n), s}, "s + n": {r, new(big.Int).Add(s, n)}, "-r": {new(big.Int).Neg(r), s}, "both 1": {big.NewInt(1), big.NewInt(1)},
		} {
			sig, err := asn1.Marshal(struct{ R, S *big.Int }{bad[0], bad[1]})
			if err != nil {
				t.Fatal(err)
			}
			if k.Check([]byte(message), sig) {
				t.Errorf("%s: %s verifies", message, name)
			}
		}
	}
}

// The signatures of RFC 8032, 7.1, tests 1 to 3.
func TestKnownEd25519(t *testing.T) {
	for _, v := range [][3]string{
		{"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	} {
		k := public(t, event.AlgEd25519, ed25519.PublicKey(unhex(t, v[0])))
		message, sig := unhex(t, v[1]), unhex(t, v[2])
		if !k.Check(message, sig) {
			t.Errorf("message %q: the published signature is refused", v[1])
		}
		for i := range sig {
			for bit := range 8 {
				sig[i] ^= 1 << bit
				if k.Check(message, sig) {
					t.Errorf("message %q: a signature with byte %d bit %d flipped verifies", v[1], i, bit)
				}
				sig[i] ^= 1 << bit
			}
		}
	}
}
