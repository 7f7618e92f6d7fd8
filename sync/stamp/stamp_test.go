package stamp_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"fieldseal/sync/stamp"
	"fieldseal/sync/stamp/stamptest"

	"github.com/digitorus/timestamp"
)

var note = []byte("custody.test/log\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— custody.test/log AAAAAAAA\n")

// ask gets a token over the note, as the client does.
func ask(t testing.TB, a *stamptest.Authority, data []byte) (*stamp.Token, stamp.Request) {
	t.Helper()
	r, err := stamp.NewRequest(sha256.Sum256(data))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := stamp.ReadAnswer(a.MustReply(r.DER))
	if err != nil {
		t.Fatal(err)
	}
	return tok, r
}

func roots(t testing.TB, pems ...[]byte) *stamp.Roots {
	t.Helper()
	var all []byte
	for _, p := range pems {
		all = append(all, p...)
	}
	r, err := stamp.ParseRoots(all)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAccepts: what we accept, openssl accepts; and it says what the authority said.
func TestAccepts(t *testing.T) {
	for name, o := range map[string]stamptest.Options{
		"ECDSA":           {},
		"RSA":             {RSA: true},
		"with its root":   {WithRoot: true},
		"SHA-1 ESSCertID": {Config: "ess_cert_id_alg = sha1"},
		"whole chain":     {Config: "ess_cert_id_chain = yes", WithRoot: true},
		"SHA-512":         {RSA: true, Config: "ess_cert_id_alg = sha512"},
		"ordering":        {Config: "ordering = yes"},
		"fractions":       {Config: "clock_precision_digits = 6"},
		"expired by now":  {From: time.Now().Add(-time.Hour), Until: time.Now().Add(2 * time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			a := stamptest.New(t, o)
			tok, r := ask(t, a, note)
			digest := sha256.Sum256(note)
			v, err := tok.Verify(digest, stamp.Options{Roots: roots(t, a.RootPEM()), Policies: []string{stamptest.Policy}, Nonce: r.Nonce})
			if err != nil {
				t.Fatal(err)
			}
			if v.Policy != stamptest.Policy || v.Accuracy != 1500100*time.Microsecond || v.Authority != "Test Time Stamping 1" ||
				time.Since(v.Time).Abs() > time.Minute || !v.Latest().Equal(v.Time.Add(v.Accuracy)) || len(v.Chain) != 3 {
				t.Errorf("%+v", v)
			}
			if o.Config == "clock_precision_digits = 6" && v.Time.Nanosecond() == 0 {
				t.Error("the fraction of the second is lost")
			}
			again, err := stamp.Parse(tok.Response())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := again.Verify(digest, stamp.Options{Roots: roots(t, a.RootPEM())}); err != nil {
				t.Error(err)
			}
			if err := stamptest.Verify(t, tok.Response(), note, a.RootPEM(), nil, v.Time); err != nil {
				t.Error(err)
			}
			second, err := timestamp.ParseResponse(tok.Response())
			if err != nil || !second.Time.Equal(v.Time) || second.Accuracy != v.Accuracy || second.Nonce.Cmp(r.Nonce) != 0 || second.SerialNumber.Cmp(v.Serial) != 0 ||
				second.Policy.String() != v.Policy || !bytes.Equal(second.HashedMessage, v.Imprint[:]) {
				t.Errorf("another library reads it as %+v: %v", second, err)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	a, other := stamptest.New(t, stamptest.Options{}), stamptest.New(t, stamptest.Options{Name: "Another"})
	tok, r := ask(t, a, note)
	digest := sha256.Sum256(note)
	good := stamp.Options{Roots: roots(t, a.RootPEM()), Policies: []string{stamptest.Policy}, Nonce: r.Nonce}
	_, r2 := ask(t, a, note)
	for name, c := range map[string]struct {
		digest [32]byte
		change func(*stamp.Options)
		want   error
	}{
		"foreign digest":   {sha256.Sum256([]byte("another note")), func(*stamp.Options) {}, stamp.ErrImprint},
		"wrong nonce":      {digest, func(o *stamp.Options) { o.Nonce = r2.Nonce }, stamp.ErrNonce},
		"wrong policy":     {digest, func(o *stamp.Options) { o.Policies = []string{stamptest.OtherPolicy, "1.2.3"} }, stamp.ErrPolicy},
		"unknown root":     {digest, func(o *stamp.Options) { o.Roots = roots(t, other.RootPEM()) }, stamp.ErrChain},
		"nothing is wrong": {digest, func(*stamp.Options) {}, nil},
	} {
		o := good
		c.change(&o)
		if _, err := tok.Verify(c.digest, o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRefusesCertificates: whatever is wrong with the authority's certificate.
func TestRefusesCertificates(t *testing.T) {
	hour := time.Hour
	now := time.Now()
	for name, c := range map[string]struct {
		o    stamptest.Options
		want error
	}{
		"expired when it signed":          {stamptest.Options{From: now.Add(-2 * hour), Until: now.Add(-hour)}, stamp.ErrChain},
		"not yet valid when it signed":    {stamptest.Options{From: now.Add(hour)}, stamp.ErrChain},
		"issuer expired when it signed":   {stamptest.Options{UntilCA: now.Add(-hour)}, stamp.ErrChain},
		"critical extension nobody knows": {stamptest.Options{Change: func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, unknownExtension) }}, stamp.ErrChain},
	} {
		t.Run(name, func(t *testing.T) {
			a := stamptest.New(t, c.o)
			tok, r := ask(t, a, note)
			if _, err := tok.Verify(sha256.Sum256(note), stamp.Options{Roots: roots(t, a.RootPEM()), Nonce: r.Nonce}); !errors.Is(err, c.want) {
				t.Errorf("%v", err)
			}
			if own := !c.o.From.IsZero(); own != errors.Is(tok.Check(sha256.Sum256(note)), stamp.ErrChain) {
				t.Errorf("by itself: %v", tok.Check(sha256.Sum256(note)))
			}
			if err := stamptest.Verify(t, tok.Response(), note, a.RootPEM(), nil, tok.Info().Time); err == nil {
				t.Error("openssl accepts it, so that this test tries nothing")
			}
		})
	}
}

// TestEveryByte: a token that is cut off anywhere, or has any bit flipped, is
// refused. That holds of every bit because nothing in the token stands apart
// from what was verified.
func TestEveryByte(t *testing.T) {
	for name, o := range map[string]stamptest.Options{"ECDSA": {}, "RSA": {RSA: true}} {
		t.Run(name, func(t *testing.T) {
			a := stamptest.New(t, o)
			tok, r := ask(t, a, note)
			opts := stamp.Options{Roots: roots(t, a.RootPEM()), Policies: []string{stamptest.Policy}, Nonce: r.Nonce}
			response, digest := tok.Response(), sha256.Sum256(note)
			verify := func(b []byte) error {
				tok, err := stamp.Parse(b)
				if err != nil {
					return err
				}
				_, err = tok.Verify(digest, opts)
				return err
			}
			if err := verify(response); err != nil {
				t.Fatal(err)
			}
			for n := range response {
				if err := verify(response[:n]); !errors.Is(err, stamp.ErrMalformed) {
					t.Fatalf("cut off at byte %d: %v", n, err)
				}
			}
			flipped := append([]byte(nil), response...)
			for n := range response {
				for bit := range 8 {
					flipped[n] ^= 1 << bit
					if verify(flipped) == nil {
						t.Errorf("bit %d of byte %d of %d may change unnoticed", bit, n, len(response))
					}
					flipped[n] ^= 1 << bit
				}
			}
		})
	}
}

// unknownExtension is a critical extension that nobody knows.
var unknownExtension = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 9}, Critical: true, Value: []byte{5, 0}}

// TestRequest: another library reads the request as it was meant, and no two have one nonce.
func TestRequest(t *testing.T) {
	digest := sha256.Sum256(note)
	seen := map[string]bool{}
	for range 100 {
		r, err := stamp.NewRequest(digest)
		if err != nil {
			t.Fatal(err)
		}
		q, err := timestamp.ParseRequest(r.DER)
		if err != nil || q.HashAlgorithm != crypto.SHA256 || !bytes.Equal(q.HashedMessage, digest[:]) || !q.Certificates || q.Nonce.Cmp(r.Nonce) != 0 || q.TSAPolicyOID != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if seen[r.Nonce.String()] || r.Nonce.BitLen() != 127 {
			t.Fatalf("nonce %v", r.Nonce)
		}
		seen[r.Nonce.String()] = true
	}
}
