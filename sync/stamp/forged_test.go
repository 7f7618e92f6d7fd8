package stamp_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"fieldseal/sync/stamp"
	"fieldseal/sync/stamp/stamptest"

	"github.com/digitorus/timestamp"
)

const usageTimeStamping, usageCodeSigning = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.3"

// signed gets a token that an authority signed which openssl would not be.
func signed(t *testing.T, a *stamptest.Authority, change func(*timestamp.Timestamp)) ([]byte, stamp.Request) {
	t.Helper()
	r, err := stamp.NewRequest(sha256.Sum256(note))
	if err != nil {
		t.Fatal(err)
	}
	return a.Sign(r.DER, change), r
}

func verify(answer []byte, o stamp.Options) (*stamp.Token, error) {
	tok, err := stamp.ReadAnswer(answer)
	if err != nil {
		return nil, err
	}
	_, err = tok.Verify(sha256.Sum256(note), o)
	return tok, err
}

// TestUsage: a certificate that is for anything but time-stamping proves no time.
func TestUsage(t *testing.T) {
	usage := func(critical bool, oids ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{stamptest.Usage(t, critical, oids...)}
		}
	}
	// openssl looks neither at uses that it does not know nor whether the certificate may issue others.
	stricter := map[string]bool{"a second use nobody knows": true, "a certification authority": true}
	for name, c := range map[string]struct {
		change func(*x509.Certificate)
		ok     bool
	}{
		"time-stamping alone":          {usage(true, usageTimeStamping), true},
		"not critical":                 {usage(false, usageTimeStamping), false},
		"another use":                  {usage(true, usageCodeSigning), false},
		"a second use":                 {usage(true, usageTimeStamping, usageCodeSigning), false},
		"a second use nobody knows":    {usage(true, usageTimeStamping, "1.2.3.4"), false},
		"no usage":                     {func(c *x509.Certificate) { c.ExtraExtensions = nil }, false},
		"key usage also encipherment":  {func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment }, false},
		"no key usage":                 {func(c *x509.Certificate) { c.KeyUsage = 0 }, true},
		"key usage content commitment": {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, true},
		"a certification authority":    {func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := stamptest.New(t, stamptest.Options{Change: c.change})
			answer, r := signed(t, a, nil)
			tok, err := verify(answer, stamp.Options{Roots: roots(t, a.RootPEM()), Nonce: r.Nonce})
			if c.ok != (err == nil) || !c.ok && !errors.Is(err, stamp.ErrCertificate) {
				t.Errorf("%v", err)
			}
			if err := stamptest.Verify(t, tok.Response(), note, a.RootPEM(), nil, tok.Info().Time); c.ok != (err == nil) && !stricter[name] {
				t.Errorf("openssl: %v", err)
			}
		})
	}
}

// TestForged: tokens whose signature is right and that are wrong otherwise.
func TestForged(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	for name, c := range map[string]struct {
		change func(*timestamp.Timestamp)
		want   error
	}{
		"nothing":         {nil, nil},
		"no nonce":        {func(ts *timestamp.Timestamp) { ts.Nonce = nil }, stamp.ErrNonce},
		"another nonce":   {func(ts *timestamp.Timestamp) { ts.Nonce = big.NewInt(1) }, stamp.ErrNonce},
		"negative nonce":  {func(ts *timestamp.Timestamp) { ts.Nonce = new(big.Int).Neg(ts.Nonce) }, stamp.ErrNonce},
		"long nonce":      {func(ts *timestamp.Timestamp) { ts.Nonce = new(big.Int).Lsh(ts.Nonce, 600) }, stamp.ErrMalformed},
		"no certificate":  {func(ts *timestamp.Timestamp) { ts.AddTSACertificate, ts.Certificates = false, nil }, stamp.ErrMalformed},
		"no intermediate": {func(ts *timestamp.Timestamp) { ts.Certificates = nil }, stamp.ErrChain},
		"other digest":    {func(ts *timestamp.Timestamp) { ts.HashedMessage = make([]byte, 32) }, stamp.ErrImprint},
		"short digest":    {func(ts *timestamp.Timestamp) { ts.HashedMessage = ts.HashedMessage[:31] }, stamp.ErrMalformed},
		"digest by SHA-512": {func(ts *timestamp.Timestamp) {
			s := sha512.Sum512(note)
			ts.HashAlgorithm, ts.HashedMessage = crypto.SHA512, s[:]
		}, stamp.ErrMalformed},
		"long before":        {func(ts *timestamp.Timestamp) { ts.Time = ts.Time.AddDate(-1, 0, 0) }, stamp.ErrChain},
		"long after":         {func(ts *timestamp.Timestamp) { ts.Time = ts.Time.AddDate(2, 0, 0) }, stamp.ErrChain},
		"local time":         {func(ts *timestamp.Timestamp) { ts.Time = ts.Time.In(time.FixedZone("", 8*3600)) }, stamp.ErrMalformed},
		"accuracy of days":   {func(ts *timestamp.Timestamp) { ts.Accuracy = 25 * time.Hour }, stamp.ErrMalformed},
		"critical extension": {extension(true), stamp.ErrMalformed},
		"extension":          {extension(false), nil},
		"too many certificates": {func(ts *timestamp.Timestamp) {
			for range 11 {
				ts.Certificates = append(ts.Certificates, a.RootAgain())
			}
		}, stamp.ErrMalformed},
		"certificate twice": {func(ts *timestamp.Timestamp) { ts.Certificates = append(ts.Certificates, a.Root, a.Root) }, stamp.ErrMalformed},
		"other roots":       {func(ts *timestamp.Timestamp) { ts.Certificates = append(ts.Certificates, a.RootAgain(), a.Root) }, nil},
	} {
		answer, r := signed(t, a, c.change)
		tok, err := verify(answer, stamp.Options{Roots: roots(t, a.RootPEM()), Nonce: r.Nonce})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil {
			continue
		}
		if err := stamptest.Verify(t, tok.Response(), note, a.RootPEM(), nil, tok.Info().Time); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func extension(critical bool) func(*timestamp.Timestamp) {
	return func(ts *timestamp.Timestamp) {
		ts.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: critical, Value: []byte{5, 0}}}
	}
}

// TestIntermediatesOfTheTrusting: a chain that the token leaves out may come with the roots.
func TestIntermediatesOfTheTrusting(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	answer, r := signed(t, a, func(ts *timestamp.Timestamp) { ts.Certificates = nil })
	between := stamptest.PEM(a.Between)
	tok, err := verify(answer, stamp.Options{Roots: roots(t, a.RootPEM(), between), Nonce: r.Nonce})
	if err != nil {
		t.Fatal(err)
	}
	if err := stamptest.Verify(t, tok.Response(), note, a.RootPEM(), between, tok.Info().Time); err != nil {
		t.Error(err)
	}
}

// TestRootInToken: a root that a token brings along is not trusted for it, and
// changes to it change nothing that was verified.
func TestRootInToken(t *testing.T) {
	a, other := stamptest.New(t, stamptest.Options{WithRoot: true}), stamptest.New(t, stamptest.Options{})
	tok, _ := ask(t, a, note)
	if _, err := tok.Verify(sha256.Sum256(note), stamp.Options{Roots: roots(t, other.RootPEM())}); !errors.Is(err, stamp.ErrChain) {
		t.Errorf("its own root is trusted: %v", err)
	}
	response := tok.Response()
	at := bytes.Index(response, a.Root.Raw)
	if at < 0 {
		t.Fatal("the root is not in the token")
	}
	good, err := tok.Verify(sha256.Sum256(note), stamp.Options{Roots: roots(t, a.RootPEM())})
	if err != nil {
		t.Fatal(err)
	}
	for n := range response {
		for bit := range 8 {
			response[n] ^= 1 << bit
			if tok, err := stamp.Parse(response); err == nil {
				v, err := tok.Verify(sha256.Sum256(note), stamp.Options{Roots: roots(t, a.RootPEM())})
				if err == nil && (n < at || n >= at+len(a.Root.Raw)) {
					t.Errorf("bit %d of byte %d may change, which is not of the root", bit, n)
				}
				if err == nil && (!v.Time.Equal(good.Time) || v.Imprint != good.Imprint || v.Authority != good.Authority || !v.Chain[2].Equal(a.Root)) {
					t.Errorf("bit %d of byte %d changes what is verified", bit, n)
				}
			}
			response[n] ^= 1 << bit
		}
	}
}

// TestAnswers: what an authority may answer that has no token.
func TestAnswers(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	good, _ := signed(t, a, nil)
	rejection := []byte{0x30, 0x15, 0x30, 0x13, 2, 1, 2, 0x30, 8, 0x0c, 6, 'n', 'o', 0x1b, '[', '2', 'J', 3, 4, 5, 0x80, 0, 0}
	var refused *stamp.RefusedError
	if _, err := stamp.ReadAnswer(rejection); !errors.As(err, &refused) || refused.Status != 2 || refused.Text != "no\uFFFD[2J" || !errors.Is(err, stamp.ErrRefused) {
		t.Errorf("a rejection: %v", err)
	}
	for name, b := range map[string][]byte{
		"nothing": {}, "a page": []byte("<html>not found</html>"), "an empty sequence": {0x30, 0}, "no end": {0x30, 0x80, 0, 0},
		"something behind": append(bytes.Clone(good), 0), "huge": make([]byte, stamp.MaxToken+1),
		"deep": deep(20000), "the token alone": good[bytes.Index(good, []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2})-4:],
	} {
		if _, err := stamp.ReadAnswer(b); !errors.Is(err, stamp.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := stamp.Parse(b); !errors.Is(err, stamp.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// deep is n sequences within one another.
func deep(n int) []byte {
	var b []byte
	for range n {
		switch l := len(b); {
		case l < 0x80:
			b = append([]byte{0x30, byte(l)}, b...)
		case l < 0x100:
			b = append([]byte{0x30, 0x81, byte(l)}, b...)
		case l < stamp.MaxToken-8:
			b = append([]byte{0x30, 0x82, byte(l >> 8), byte(l)}, b...)
		}
	}
	return b
}

func TestRoots(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	weak := func(key crypto.Signer, err error) []byte {
		c := x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().AddDate(1, 0, 0)}
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificate(rand.Reader, &c, &c, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	for name, text := range map[string][]byte{
		"RSA 1024": weak(rsa.GenerateKey(rand.Reader, 1024)), "P-224": weak(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)), "Ed25519": weak(ed, err),
		"nothing": nil, "no PEM": []byte("hello"), "the issuer alone": stamptest.PEM(a.Between), "the signer alone": stamptest.PEM(a.Signer),
		"a key": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "a broken one": []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	} {
		if _, err := stamp.ParseRoots(text); !errors.Is(err, stamp.ErrRoots) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOldRoot: a root that signed itself with SHA-1 is as good as it was chosen.
func TestOldRoot(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{SHA1: true})
	if a.Root.SignatureAlgorithm != x509.ECDSAWithSHA1 {
		t.Fatal("the root did not sign itself with SHA-1")
	}
	answer, r := signed(t, a, nil)
	tok, err := verify(answer, stamp.Options{Roots: roots(t, a.RootPEM()), Nonce: r.Nonce})
	if err != nil {
		t.Fatal(err)
	}
	if err := stamptest.Verify(t, tok.Response(), note, a.RootPEM(), nil, tok.Info().Time); err != nil {
		t.Error(err)
	}
}

// signedData is a token taken apart.
type signedData struct {
	Version int
	Digests asn1.RawValue
	Encap   struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	Certificates asn1.RawValue `asn1:"tag:0"`
	Signers      []struct {
		Version    int
		Sid        asn1.RawValue
		Digest     pkix.AlgorithmIdentifier
		Attributes asn1.RawValue `asn1:"tag:0"`
		Algorithm  pkix.AlgorithmIdentifier
		Signature  []byte
		Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
	} `asn1:"set"`
}

// rebuilt changes what is not signed.
func rebuilt(t *testing.T, response []byte, change func(*signedData)) []byte {
	t.Helper()
	var r struct{ Status, Token asn1.RawValue }
	var ci struct {
		Type    asn1.ObjectIdentifier
		Content signedData `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(response, &r); err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(r.Token.FullBytes, &ci); err != nil {
		t.Fatal(err)
	}
	change(&ci.Content)
	token, err := asn1.Marshal(ci)
	if err != nil {
		t.Fatal(err)
	}
	r.Token = asn1.RawValue{FullBytes: token}
	out, err := asn1.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// withCertificates puts other certificates into a token.
func withCertificates(t *testing.T, response []byte, certs ...*x509.Certificate) []byte {
	t.Helper()
	return rebuilt(t, response, func(sd *signedData) {
		var set []byte
		for _, c := range certs {
			set = append(set, c.Raw...)
		}
		sd.Certificates = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: set}
	})
}

// TestUnsignedParts: whatever in a token is not signed can still not be changed.
func TestUnsignedParts(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	tok, _ := ask(t, a, note)
	response := tok.Response()
	mislabelled := a.SignBytes(info(t, nil), asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1})
	oid := func(last ...int) asn1.ObjectIdentifier { return append(asn1.ObjectIdentifier{1, 2, 840}, last...) }
	for name, c := range map[string]struct {
		response []byte
		change   func(*signedData)
		want     error
	}{
		"nothing":               {response, func(*signedData) {}, nil},
		"said to be other data": {mislabelled, func(sd *signedData) { sd.Encap.Type = contentTST }, stamp.ErrSignature},
		"algorithm of another key": {response, func(sd *signedData) {
			sd.Signers[0].Algorithm = pkix.AlgorithmIdentifier{Algorithm: oid(113549, 1, 1, 11)}
		}, stamp.ErrSignature},
		"algorithm of another digest": {response, func(sd *signedData) { sd.Signers[0].Algorithm.Algorithm = oid(10045, 4, 3, 3) }, stamp.ErrMalformed},
		"algorithm with NULL":         {response, func(sd *signedData) { sd.Signers[0].Algorithm.Parameters = asn1.NullRawValue }, stamp.ErrMalformed},
		"algorithm nobody knows":      {response, func(sd *signedData) { sd.Signers[0].Algorithm.Algorithm = oid(1) }, stamp.ErrMalformed},
		"another digest": {response, func(sd *signedData) {
			sd.Signers[0].Digest.Algorithm = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
		}, stamp.ErrMalformed},
		"signer of another version": {response, func(sd *signedData) { sd.Signers[0].Version = 3 }, stamp.ErrMalformed},
		"no signer":                 {response, func(sd *signedData) { sd.Signers = nil }, stamp.ErrMalformed},
		"two signers":               {response, func(sd *signedData) { sd.Signers = append(sd.Signers, sd.Signers[0]) }, stamp.ErrMalformed},
		"an unsigned attribute": {response, func(sd *signedData) {
			sd.Signers[0].Unsigned = asn1.RawValue{Class: 2, Tag: 1, IsCompound: true, Bytes: []byte{0x30, 0}}
		}, stamp.ErrMalformed},
		"version 1":                      {response, func(sd *signedData) { sd.Version = 1 }, stamp.ErrMalformed},
		"no digests":                     {response, func(sd *signedData) { sd.Digests.FullBytes = []byte{0x31, 0} }, stamp.ErrMalformed},
		"attributes in another order":    {response, reorder, stamp.ErrMalformed},
		"the other signature of the key": {response, malleate, nil}, // ECDSA: (r, n-s) is as good, and says the same
	} {
		tok, err := stamp.Parse(rebuilt(t, c.response, c.change))
		if err == nil {
			_, err = tok.Verify(sha256.Sum256(note), stamp.Options{Roots: roots(t, a.RootPEM())})
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// reorder moves the first signed attribute to the end.
func reorder(sd *signedData) {
	set := &sd.Signers[0].Attributes
	var first asn1.RawValue
	rest, err := asn1.Unmarshal(set.Bytes, &first)
	if err != nil {
		panic(err)
	}
	set.FullBytes, set.Bytes = nil, append(bytes.Clone(rest), first.FullBytes...)
}

// malleate gives the other valid ECDSA signature.
func malleate(sd *signedData) {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sd.Signers[0].Signature, &v); err != nil {
		panic(err)
	}
	v.S.Sub(elliptic.P256().Params().N, v.S)
	sd.Signers[0].Signature, _ = asn1.Marshal(v)
}

// TestCertificateSwapped: which certificate stands in a token is not signed, but
// its digest is.
func TestCertificateSwapped(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	tok, _ := ask(t, a, note)
	evil := stamptest.New(t, stamptest.Options{Change: func(c *x509.Certificate) { c.SerialNumber = a.Signer.SerialNumber }})
	if !bytes.Equal(evil.Signer.RawIssuer, a.Signer.RawIssuer) {
		t.Fatal("the forger's issuer has another name")
	}
	forged, _ := ask(t, evil, note)
	for name, c := range map[string]struct {
		response []byte
		want     error
	}{
		"itself":                        {withCertificates(t, tok.Response(), a.Signer, a.Between), nil},
		"in another order":              {withCertificates(t, tok.Response(), a.Between, a.Signer), nil},
		"a certificate of the same key": {withCertificates(t, tok.Response(), a.Reissue(a.Signer.NotAfter.AddDate(5, 0, 0)), a.Between), stamp.ErrCertificate},
		"a certificate of another key":  {withCertificates(t, tok.Response(), evil.Signer, a.Between), stamp.ErrSignature},
		"one more of the same name":     {withCertificates(t, tok.Response(), evil.Signer, a.Signer, a.Between), stamp.ErrMalformed},
		"forged":                        {forged.Response(), stamp.ErrChain},
		"forged, with the true issuer":  {withCertificates(t, forged.Response(), evil.Signer, a.Between), stamp.ErrChain},
		"forged, with the true signer":  {withCertificates(t, forged.Response(), a.Signer, a.Between), stamp.ErrSignature},
		"without the signer":            {withCertificates(t, tok.Response(), a.Between), stamp.ErrMalformed},
	} {
		tok, err := stamp.Parse(c.response)
		if err == nil {
			_, err = tok.Verify(sha256.Sum256(note), stamp.Options{Roots: roots(t, a.RootPEM())})
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// FuzzParse: no input makes the parser or the library behind it fail otherwise
// than by an error, and what is accepted is kept as it is.
func FuzzParse(f *testing.F) {
	for _, o := range []stamptest.Options{{}, {RSA: true}, {WithRoot: true, Config: "ess_cert_id_chain = yes"}, {Config: "ess_cert_id_alg = sha1"}} {
		a := stamptest.New(f, o)
		tok, _ := ask(f, a, note)
		f.Add(tok.Response())
	}
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := stamp.Parse(data)
		if err != nil {
			if !errors.Is(err, stamp.ErrMalformed) {
				t.Errorf("%v", err)
			}
			return
		}
		if !bytes.Equal(tok.Response(), data) {
			t.Error("another encoding is accepted")
		}
		_ = tok.Authority()
		_ = tok.Check(tok.Info().Imprint)
		again, err := stamp.ReadAnswer(data)
		if err != nil || !bytes.Equal(again.Response(), data) {
			t.Errorf("as an answer: %v", err)
		}
	})
}
