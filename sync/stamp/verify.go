package stamp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha1" // ESSCertID of RFC 3161 names the certificate by SHA-1
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/digitorus/pkcs7"
	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The RSA keys that are accepted: shorter ones can be broken, longer ones make
// a token of a stranger cost more to check than it may.
const (
	minRSA = 2048
	maxRSA = 8192
)

// Options say what Verify accepts.
type Options struct {
	// Roots are the trusted authorities; required.
	Roots *Roots
	// Policies are the accepted policies, in dots; none means any.
	Policies []string
	// Nonce is the one that was sent; nil where the request is not at hand, as in
	// a bundle: a nonce shows only to who sent it that the token is fresh.
	Nonce *big.Int
}

// Verified is a token that proved itself. Only Token.Verify makes one.
type Verified struct {
	Info
	// Authority names who made the token, for people.
	Authority string
	// Chain leads from the authority's certificate to the trusted root.
	Chain []*x509.Certificate
}

// Latest is the latest time at which the token may have been made: what is
// stamped existed then.
func (v *Verified) Latest() time.Time { return v.Time.Add(v.Accuracy) }

// Check asks everything that needs no trust: see the package comment.
func (t *Token) Check(digest [32]byte) error {
	if t.info.Imprint != digest {
		return fmt.Errorf("%w: it is over %x, not %x", ErrImprint, t.info.Imprint, digest)
	}
	if c := t.signer; t.info.Time.Before(c.NotBefore) || t.info.Time.After(c.NotAfter) {
		return fmt.Errorf("%w: the certificate was valid from %s until %s, the token was made %s", ErrChain, c.NotBefore.Format(time.RFC3339),
			c.NotAfter.Format(time.RFC3339), t.info.Time.Format(time.RFC3339))
	}
	if err := t.checkSignature(); err != nil {
		return err
	}
	return t.checkSigner()
}

// Verify asks everything.
func (t *Token) Verify(digest [32]byte, o Options) (*Verified, error) {
	if err := t.Check(digest); err != nil {
		return nil, err
	}
	if o.Nonce != nil && (t.info.Nonce == nil || t.info.Nonce.Cmp(o.Nonce) != 0) {
		return nil, fmt.Errorf("%w: sent was %v, answered %v", ErrNonce, o.Nonce, t.info.Nonce)
	}
	if len(o.Policies) > 0 && !slices.Contains(o.Policies, t.info.Policy) {
		return nil, fmt.Errorf("%w: it was made under %s, accepted are %s", ErrPolicy, t.info.Policy, strings.Join(o.Policies, ", "))
	}
	chain, err := t.chain(o.Roots)
	if err != nil {
		return nil, err
	}
	return &Verified{Info: t.info, Authority: t.Authority(), Chain: chain}, nil
}

// library guards pkcs7, which counts its indentation in a global variable.
var library sync.Mutex

// checkSignature checks the digest of the TSTInfo and the signature over the
// signed attributes. Parse has settled that there is one signer with a known
// algorithm, that its certificate is there once, and that all is DER.
func (t *Token) checkSignature() error {
	library.Lock()
	defer library.Unlock()
	p7, err := pkcs7.Parse(t.content)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(p7.Content, t.tst) || len(p7.Signers) != 1 || p7.GetOnlySigner() == nil || !p7.GetOnlySigner().Equal(t.signer) {
		return malformed("it can be read in two ways")
	}
	// Without roots, and at a given time so that none is taken from the clock.
	if err := p7.VerifyWithOpts(x509.VerifyOptions{CurrentTime: t.info.Time}); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	var kind asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(t.attributes[oidContentType], &kind); err != nil || len(rest) > 0 || kind.String() != oidTSTInfo {
		return fmt.Errorf("%w: what is signed is not said to be a TSTInfo", ErrSignature)
	}
	var sum []byte
	h := digests[t.digest].New()
	h.Write(t.tst)
	if rest, err := asn1.Unmarshal(t.attributes[oidMessageDigest], &sum); err != nil || len(rest) > 0 || !bytes.Equal(sum, h.Sum(nil)) {
		return fmt.Errorf("%w: the signed digest is not that of the TSTInfo", ErrSignature)
	}
	return nil
}

// checkSigner asks whether the certificate may sign, and is the one that is named.
func (t *Token) checkSigner() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrCertificate}, args...)...)
	}
	c := t.signer
	if len(t.essV1) == 0 && len(t.essV2) == 0 {
		return bad("no signed attribute names it by its digest")
	}
	for _, ids := range [][]essID{t.essV1, t.essV2} {
		if len(ids) > 0 && !ids[0].is(c) {
			return bad("the signed attributes name another certificate")
		}
	}
	critical := slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Critical && e.Id.String() == "2.5.29.37" })
	switch {
	case !critical || len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.UnknownExtKeyUsage) > 0:
		return bad("its extended key usage is not critical and timeStamping alone")
	case c.KeyUsage&^(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) != 0 || c.KeyUsage == 0 && hasKeyUsage(c):
		return bad("its key usage has other uses than signing")
	case c.IsCA:
		return bad("it is that of a certification authority")
	case t.info.tsa != nil && !names(c, t.info.tsa):
		return bad("the token names another authority than the certificate")
	}
	return nil
}

func hasKeyUsage(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "2.5.29.15" })
}

// names reports whether a GeneralName is the subject of a certificate, or among
// its alternative names.
func names(c *x509.Certificate, general cryptobyte.String) bool {
	directory := general
	var name cryptobyte.String
	if directory.ReadASN1(&name, casn1.Tag(4).Constructed().ContextSpecific()) && directory.Empty() && bytes.Equal(name, c.RawSubject) {
		return true
	}
	for _, e := range c.Extensions {
		if e.Id.String() != "2.5.29.17" {
			continue
		}
		list := within(e.Value).sequence().s
		for !list.Empty() {
			var one cryptobyte.String
			var tag casn1.Tag
			if !list.ReadAnyASN1Element(&one, &tag) {
				return false
			}
			if bytes.Equal(one, general) {
				return true
			}
		}
	}
	return false
}

// chain leads from the signer to a trusted root. All of it must have been valid
// at the token's time, and every further certificate that the signed attributes
// name must be in it.
func (t *Token) chain(roots *Roots) ([]*x509.Certificate, error) {
	between := roots.between.Clone()
	for _, c := range t.certs {
		between.AddCert(c)
	}
	chains, err := t.signer.Verify(x509.VerifyOptions{Roots: roots.roots, Intermediates: between, CurrentTime: t.info.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChain, err)
	}
	for _, chain := range chains {
		if t.namesOnly(chain) {
			return chain, nil
		}
	}
	return nil, fmt.Errorf("%w: the signed attributes name a certificate that is not in the chain", ErrChain)
}

func (t *Token) namesOnly(chain []*x509.Certificate) bool {
	for _, ids := range [][]essID{t.essV1, t.essV2} {
		for _, id := range ids {
			if !slices.ContainsFunc(chain, id.is) {
				return false
			}
		}
	}
	return true
}

// essID names a certificate by its digest (RFC 5035).
type essID struct {
	hash   crypto.Hash
	sum    []byte
	issuer []byte   // GeneralName; nil where only the digest is given
	serial *big.Int // likewise
}

func (e essID) is(c *x509.Certificate) bool {
	h := e.hash.New()
	h.Write(c.Raw)
	if !bytes.Equal(h.Sum(nil), e.sum) {
		return false
	}
	if e.serial == nil {
		return true
	}
	name := within(e.issuer).element(casn1.Tag(4).Constructed().ContextSpecific())
	return bytes.Equal(name, c.RawIssuer) && e.serial.Cmp(c.SerialNumber) == 0
}

// readESS reads SigningCertificate or SigningCertificateV2; nil where it is not there.
func (t *Token) readESS(attribute string) ([]essID, error) {
	value, there := t.attributes[attribute]
	if !there {
		return nil, nil
	}
	f := within(value)
	in := f.sequence()
	list := in.sequence()
	in.optional(casn1.SEQUENCE) // policies: information for people
	f.end(in)
	var ids []essID
	for !list.s.Empty() && !list.bad && len(ids) < maxCertificates {
		e := list.sequence()
		id := essID{hash: crypto.SHA1}
		if attribute == oidSigningCertV2 {
			alg := oidSHA256
			if e.s.PeekASN1Tag(casn1.SEQUENCE) {
				alg, _ = e.algorithm()
			}
			id.hash = digests[alg]
		}
		id.sum = e.element(casn1.OCTET_STRING)
		if is, there := e.optional(casn1.SEQUENCE); there {
			both := within(is)
			general := both.sequence()
			id.issuer, id.serial = general.whole(casn1.Tag(4).Constructed().ContextSpecific()), both.integer()
			both.end(general)
			e.end(both)
		}
		list.end(e)
		list.fail(id.hash != 0)
		ids = append(ids, id)
	}
	if f.bad || !f.s.Empty() || list.bad || !list.s.Empty() || len(ids) == 0 {
		return nil, malformed("the attribute that names its certificate is not in the form of RFC 5035, or uses another digest than SHA-256, SHA-384 and SHA-512")
	}
	return ids, nil
}

// checkKey bounds what a certificate's key costs, and what it is worth.
func checkKey(c *x509.Certificate) error {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n >= minRSA && n <= maxRSA {
			return nil
		}
	case *ecdsa.PublicKey:
		if n := k.Curve.Params().BitSize; n >= 256 {
			return nil
		}
	}
	return errWeak
}

func printable(r rune) bool { return unicode.IsPrint(r) }
