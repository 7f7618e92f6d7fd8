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
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"

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
	// Between are certificates that may help to find a chain; they are not trusted.
	Between []*x509.Certificate
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
	chain, err := t.chain(o.Roots, o.Between)
	if err != nil {
		return nil, err
	}
	return &Verified{Info: t.info, Authority: t.Authority(), Chain: chain}, nil
}

// schemes are the signature schemes by the digest, for RSA and for ECDSA.
var schemes = map[string][2]x509.SignatureAlgorithm{
	oidSHA256: {x509.SHA256WithRSA, x509.ECDSAWithSHA256},
	oidSHA384: {x509.SHA384WithRSA, x509.ECDSAWithSHA384},
	oidSHA512: {x509.SHA512WithRSA, x509.ECDSAWithSHA512},
}

// checkSignature checks the digest of the TSTInfo and the signature over the
// signed attributes, which is made over them as a SET (RFC 5652, 5.4). Parse has
// settled that there is one signer with a known algorithm, and that all is DER.
func (t *Token) checkSignature() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrSignature, what) }
	kind := &fields{s: t.attributes[oidContentType]}
	if kind.isOID(oidTSTInfo); kind.bad || !kind.s.Empty() {
		return bad("what is signed is not said to be a TSTInfo")
	}
	sum := &fields{s: t.attributes[oidMessageDigest]}
	stated := sum.element(casn1.OCTET_STRING)
	h := digests[t.digest].New()
	h.Write(t.tst)
	if sum.bad || !sum.s.Empty() || !bytes.Equal(stated, h.Sum(nil)) {
		return bad("the signed digest is not that of the TSTInfo")
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(t.signed) })
	set, err := b.Bytes()
	if err != nil {
		return bad(err.Error())
	}
	scheme, isRSA := schemes[t.digest][1], false
	if _, isRSA = t.signer.PublicKey.(*rsa.PublicKey); isRSA {
		scheme = schemes[t.digest][0]
	}
	if isRSA != strings.HasPrefix(t.algorithm, oidPKCS1) {
		return bad("its algorithm is not that of the certificate's key")
	}
	if err := t.signer.CheckSignature(scheme, set, t.signature); err != nil {
		return bad(err.Error())
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
func (t *Token) chain(roots *Roots, helpers []*x509.Certificate) ([]*x509.Certificate, error) {
	between := roots.between.Clone()
	for _, c := range append(t.certs[:len(t.certs):len(t.certs)], helpers...) {
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
