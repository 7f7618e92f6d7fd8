// Package stamptest runs a real time-stamping authority for tests: "openssl ts
// -reply" behind HTTP, with certificates made for the purpose.
package stamptest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Policy is the policy of every authority here, OtherPolicy one that it makes as well if asked.
const (
	Policy      = "1.3.6.1.4.1.99999.7.1"
	OtherPolicy = "1.3.6.1.4.1.99999.7.2"
)

// Options say what authority to make; the zero value is a good one.
type Options struct {
	// Name is the common name of its certificate.
	Name string
	// RSA makes RSA keys in place of ECDSA ones.
	RSA bool
	// From and Until bound the validity of its certificate; UntilCA that of the
	// certificate above it. Zero values are a day ago and a year ahead.
	From, Until, UntilCA time.Time
	// SHA1 makes the root sign itself with SHA-1, as old ones do.
	SHA1 bool
	// Change changes the certificate before it is signed.
	Change func(*x509.Certificate)
	// WithRoot puts the root into the tokens as well.
	WithRoot bool
	// Config is further lines for the section of openssl's configuration.
	Config string
}

// Authority is a time-stamping authority: a root, a certificate between, and the one that signs.
type Authority struct {
	t    testing.TB
	dir  string
	Root *x509.Certificate
	// Between is the certificate that issued Signer's.
	Between, Signer *x509.Certificate
	Key             crypto.Signer
	rootKey         crypto.Signer
	betweenKey      crypto.Signer
}

// New makes an authority. It needs openssl, which fails the test where it is not there.
func New(t testing.TB, o Options) *Authority {
	t.Helper()
	if o.Name == "" {
		o.Name = "Test Time Stamping 1"
	}
	day := 24 * time.Hour
	now := time.Now().Truncate(time.Second)
	from, until, untilCA := or(o.From, now.Add(-day)), or(o.Until, now.Add(365*day)), or(o.UntilCA, now.Add(400*day))
	a := &Authority{t: t, dir: t.TempDir()}
	rootKey, betweenKey := newKey(t, o.RSA), newKey(t, o.RSA)
	a.Key, a.rootKey, a.betweenKey = newKey(t, o.RSA), rootKey, betweenKey
	ca := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	long := now.Add(-10 * 365 * day)
	if o.SHA1 {
		ca.SignatureAlgorithm = x509.ECDSAWithSHA1
	}
	a.Root = issue(t, *ca, "Test Root of "+o.Name, long, now.Add(3650*day), nil, rootKey, rootKey)
	ca.SignatureAlgorithm = 0
	a.Between = issue(t, *ca, "Test Issuing CA of "+o.Name, long, untilCA, a.Root, betweenKey, rootKey)
	leaf := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{Usage(t, true, "1.3.6.1.5.5.7.3.8")}}
	if o.Change != nil {
		o.Change(leaf)
	}
	a.Signer = issue(t, *leaf, o.Name, from, until, a.Between, a.Key, betweenKey)
	a.write("signer.pem", PEM(a.Signer))
	chain := PEM(a.Between)
	if o.WithRoot {
		chain = append(chain, PEM(a.Root)...)
	}
	a.write("chain.pem", chain)
	a.write("root.pem", PEM(a.Root))
	der, err := x509.MarshalPKCS8PrivateKey(a.Key)
	if err != nil {
		t.Fatal(err)
	}
	a.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	a.write("serial", []byte("01\n"))
	a.write("tsa.cnf", []byte(fmt.Sprintf(config, a.dir, a.dir, a.dir, a.dir, Policy, OtherPolicy, o.Config)))
	return a
}

const config = `[tsa]
default_tsa = one
[one]
serial = %s/serial
signer_cert = %s/signer.pem
certs = %s/chain.pem
signer_key = %s/key.pem
default_policy = %s
other_policies = %s
signer_digest = sha256
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
tsa_name = yes
%s
`

// Usage is an extended key usage of the given object identifiers.
func Usage(t testing.TB, critical bool, oids ...string) pkix.Extension {
	t.Helper()
	var list []asn1.ObjectIdentifier
	for _, text := range oids {
		id, err := x509.ParseOID(text)
		if err != nil {
			t.Fatal(err)
		}
		var one asn1.ObjectIdentifier
		for part := range strings.SplitSeq(id.String(), ".") {
			var n int
			if _, err := fmt.Sscan(part, &n); err != nil {
				t.Fatal(err)
			}
			one = append(one, n)
		}
		list = append(list, one)
	}
	value, err := asn1.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: value}
}

func or(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

func newKey(t testing.TB, isRSA bool) crypto.Signer {
	t.Helper()
	if isRSA {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// serials counts certificates.
var serials atomic.Int64

func issue(t testing.TB, c x509.Certificate, name string, from, until time.Time, by *x509.Certificate, key, byKey crypto.Signer) *x509.Certificate {
	t.Helper()
	if c.SerialNumber == nil {
		c.SerialNumber = big.NewInt(serials.Add(1))
	}
	c.NotBefore, c.NotAfter = from, until
	c.Subject = pkix.Name{CommonName: name, Organization: []string{"Test Authority"}, Country: []string{"CN"}}
	if by == nil {
		by = &c
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, by, key.Public(), byKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// PEM writes a certificate.
func PEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func (a *Authority) write(name string, data []byte) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), data, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// RootAgain is one more certificate of the root's key and name.
func (a *Authority) RootAgain() *x509.Certificate {
	a.t.Helper()
	c := x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	return issue(a.t, c, a.Root.Subject.CommonName, a.Root.NotBefore, a.Root.NotAfter, a.Root, a.rootKey, a.rootKey)
}

// Reissue is another certificate for the authority's key, by the same issuer, with
// the same serial number, which an issuer must never do.
func (a *Authority) Reissue(until time.Time) *x509.Certificate {
	a.t.Helper()
	c := x509.Certificate{SerialNumber: a.Signer.SerialNumber, KeyUsage: a.Signer.KeyUsage, ExtraExtensions: []pkix.Extension{Usage(a.t, true, "1.3.6.1.5.5.7.3.8")}}
	return issue(a.t, c, a.Signer.Subject.CommonName, a.Signer.NotBefore, until, a.Between, a.Key, a.betweenKey)
}

// RootPEM is what someone who trusts the authority has.
func (a *Authority) RootPEM() []byte { return PEM(a.Root) }

// RootFile is RootPEM as a file.
func (a *Authority) RootFile() string { return filepath.Join(a.dir, "root.pem") }

// Reply answers a request with openssl.
func (a *Authority) Reply(query []byte) ([]byte, error) {
	dir, err := os.MkdirTemp(a.dir, "reply-")
	if err != nil {
		return nil, err
	}
	in, out := filepath.Join(dir, "query"), filepath.Join(dir, "reply")
	if err := os.WriteFile(in, query, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("openssl", "ts", "-reply", "-config", filepath.Join(a.dir, "tsa.cnf"), "-queryfile", in, "-out", out)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("openssl ts -reply: %w: %s", err, text)
	}
	return os.ReadFile(out)
}

// MustReply is Reply for a test.
func (a *Authority) MustReply(query []byte) []byte {
	a.t.Helper()
	answer, err := a.Reply(query)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer
}

// ServeHTTP answers as RFC 3161, 3.4 says.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "a time-stamp query is expected", http.StatusBadRequest)
		return
	}
	answer, err := a.Reply(query)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(answer)
}

// Serve runs the authority until the test ends, and gives its address.
func (a *Authority) Serve() string {
	a.t.Helper()
	s := httptest.NewServer(a)
	a.t.Cleanup(s.Close)
	return s.URL
}

// Verify is "openssl ts -verify" with the authority's root, at a time, over data.
// untrusted are further certificates, as PEM; nil where the token has them.
func Verify(t testing.TB, response, data, roots, untrusted []byte, at time.Time) error {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{"in.tsr": response, "data": data, "roots.pem": roots, "untrusted.pem": untrusted} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"ts", "-verify", "-data", "data", "-in", "in.tsr", "-CAfile", "roots.pem", "-attime", fmt.Sprint(at.Unix())}
	if untrusted != nil {
		args = append(args, "-untrusted", "untrusted.pem")
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(text, []byte("Verification: OK")) {
		return fmt.Errorf("openssl ts -verify: %w: %s", err, text)
	}
	return nil
}
