package stamp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const (
	// MaxToken bounds a token with its certificates. Those of public authorities
	// have 3 to 9 kB.
	MaxToken = 64 << 10
	// maxCertificates bounds the certificates in a token; chains have 2 to 4.
	maxCertificates = 12
	// maxAttributes bounds the signed attributes; tokens have 3 to 5.
	maxAttributes = 32
)

// Object identifiers (RFC 5652, 5035, 3161, 8017, 5758).
const (
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidTSTInfo       = "1.2.840.113549.1.9.16.1.4"
	oidContentType   = "1.2.840.113549.1.9.3"
	oidMessageDigest = "1.2.840.113549.1.9.4"
	oidSigningCert   = "1.2.840.113549.1.9.16.2.12"
	oidSigningCertV2 = "1.2.840.113549.1.9.16.2.47"
	oidSHA1          = "1.3.14.3.2.26"
	oidSHA256        = "2.16.840.1.101.3.4.2.1"
	oidSHA384        = "2.16.840.1.101.3.4.2.2"
	oidSHA512        = "2.16.840.1.101.3.4.2.3"
	oidRSA           = "1.2.840.113549.1.1.1"
	oidPKCS1         = "1.2.840.113549.1.1."
)

var digests = map[string]crypto.Hash{oidSHA256: crypto.SHA256, oidSHA384: crypto.SHA384, oidSHA512: crypto.SHA512}

// signatures are the signature algorithms that say which digest they use.
var signatures = map[string]string{
	"1.2.840.113549.1.1.11": oidSHA256, "1.2.840.113549.1.1.12": oidSHA384, "1.2.840.113549.1.1.13": oidSHA512,
	"1.2.840.10045.4.3.2": oidSHA256, "1.2.840.10045.4.3.3": oidSHA384, "1.2.840.10045.4.3.4": oidSHA512,
}

// granted is the only status that is kept: PKIStatusInfo with status granted and nothing else.
var granted = []byte{0x30, 3, 2, 1, 0}

// Token is a token whose form was read. Nothing it says may be believed yet.
type Token struct {
	response []byte // canonical

	info   Info
	tst    []byte // the TSTInfo that is signed
	digest string // OID of the digest of the signed attributes

	signed     cryptobyte.String            // the signed attributes, without tag and length
	attributes map[string]cryptobyte.String // the one value of each
	signature  cryptobyte.String
	algorithm  string // OID of the signature algorithm
	certs      []*x509.Certificate
	signer     *x509.Certificate
	essV1      []essID
	essV2      []essID
}

// Info is what a token says.
type Info struct {
	// Time is the authority's time, UTC; Accuracy how far it may be off, by the
	// authority's own word; 0 where it says nothing.
	Time     time.Time
	Accuracy time.Duration
	// Policy is an object identifier in dots.
	Policy string
	Serial *big.Int
	// Nonce is nil where there is none.
	Nonce *big.Int
	// Imprint is the digest of what is stamped, by SHA-256.
	Imprint [32]byte

	tsa []byte // the one GeneralName, where there is one
}

// Info gives what the token says, unverified.
func (t *Token) Info() Info { return t.info }

// Response is the token in the form that is kept.
func (t *Token) Response() []byte { return bytes.Clone(t.response) }

// Authority names who claims to have made the token, for people.
func (t *Token) Authority() string { return nameOf(t.signer) }

func nameOf(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if name == "" {
		name = c.Subject.String()
	}
	name = strings.Map(func(r rune) rune {
		if !printable(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
	if r := []rune(name); len(r) > maxName {
		name = string(r[:maxName]) + "…"
	}
	return name
}

// maxName is how many letters of a certificate's name are shown.
const maxName = 100

// RefusedError is an authority's answer that has no token.
type RefusedError struct {
	// Status is the PKIStatus, Text the authority's own words, cleaned for a terminal.
	Status int64
	Text   string
}

func (e *RefusedError) Error() string {
	s := fmt.Sprintf("%v with status %d", ErrRefused, e.Status)
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Unwrap gives ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// Parse reads a token in the form that is kept. The error wraps ErrMalformed.
func Parse(response []byte) (*Token, error) {
	if len(response) > MaxToken {
		return nil, malformed(fmt.Sprintf("it has %d bytes, at most %d are read", len(response), MaxToken))
	}
	if checkDER(response) != nil {
		return nil, malformed("it is not DER, or it is cut off")
	}
	f := within(response)
	in := f.sequence()
	status, content := in.whole(asn1.SEQUENCE), in.whole(asn1.SEQUENCE)
	f.end(in)
	if f.bad || !bytes.Equal(status, granted) {
		return nil, malformed("it is not a response with status granted and a token alone")
	}
	t := &Token{response: bytes.Clone(response)}
	if err := t.readContent(t.response[len(t.response)-len(content):]); err != nil {
		return nil, err
	}
	return t, nil
}

// ReadAnswer reads what an authority sent: *RefusedError where it has no token,
// else as Parse. Words in the status are dropped, as package stamp explains.
func ReadAnswer(answer []byte) (*Token, error) {
	if len(answer) > MaxToken {
		return nil, malformed(fmt.Sprintf("the answer has %d bytes, at most %d are read", len(answer), MaxToken))
	}
	if checkDER(answer) != nil {
		return nil, malformed("the answer is not DER, or it is cut off")
	}
	f := within(answer)
	in := f.sequence()
	status := in.sequence()
	code := status.integer()
	words, _ := status.optional(asn1.SEQUENCE)
	status.optional(asn1.BIT_STRING)
	in.end(status)
	if in.bad || !code.IsInt64() {
		return nil, malformed("the answer has no status")
	}
	if code.Sign() != 0 || in.s.Empty() {
		return nil, &RefusedError{Status: code.Int64(), Text: freeText(words)}
	}
	content := in.whole(asn1.SEQUENCE)
	f.end(in)
	if f.bad {
		return nil, malformed("the answer is not a status and a token")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(granted)
		b.AddBytes(content)
	})
	response, err := b.Bytes()
	if err != nil {
		return nil, malformed(err.Error())
	}
	return Parse(response)
}

// freeText joins the UTF8String elements of a PKIFreeText.
func freeText(words cryptobyte.String) string {
	var list []string
	for !words.Empty() {
		var w cryptobyte.String
		if !words.ReadASN1(&w, asn1.UTF8String) {
			break
		}
		list = append(list, string(w))
	}
	text := []rune(strings.Join(list, " "))
	for i, r := range text {
		if !printable(r) {
			text[i] = '\uFFFD'
		}
	}
	return string(text[:min(len(text), 2*maxName)])
}

// readContent reads the SignedData within the ContentInfo (RFC 5652, 3 and 5.1).
func (t *Token) readContent(content []byte) error {
	f := within(content)
	info := f.sequence()
	info.isOID(oidSignedData)
	explicit := within(info.element(asn1.Tag(0).Constructed().ContextSpecific()))
	sd := explicit.sequence()
	sd.isInteger(3)
	algs := sd.set()
	alg, _ := algs.algorithm()
	sd.end(algs)
	encap := sd.sequence()
	encap.isOID(oidTSTInfo)
	wrapped := within(encap.element(asn1.Tag(0).Constructed().ContextSpecific()))
	t.tst = wrapped.element(asn1.OCTET_STRING)
	encap.end(wrapped)
	sd.end(encap)
	certs, there := sd.optional(asn1.Tag(0).Constructed().ContextSpecific())
	if sd.bad {
		return malformed("it is not signed data of version 3 with one digest and a TSTInfo")
	}
	if !there {
		return malformed("it carries no certificate; ask the authority for it (certReq)")
	}
	if sd.s.PeekASN1Tag(asn1.Tag(1).Constructed().ContextSpecific()) {
		return malformed("it carries revocation lists, which are not read")
	}
	signers := sd.set()
	signer := signers.element(asn1.SEQUENCE)
	if signers.bad || !signers.s.Empty() {
		return malformed("it has not exactly one signer")
	}
	explicit.end(sd)
	info.end(explicit)
	f.end(info)
	if f.bad || !f.s.Empty() {
		return malformed("there is something behind the signer")
	}
	if err := t.readCertificates(certs); err != nil {
		return err
	}
	if err := t.readSigner(signer, alg); err != nil {
		return err
	}
	return t.readInfo()
}

func (t *Token) readCertificates(set cryptobyte.String) error {
	for !set.Empty() {
		var one cryptobyte.String
		if !set.ReadASN1Element(&one, asn1.SEQUENCE) {
			return malformed("a certificate in it is of another kind than X.509")
		}
		if len(t.certs) == maxCertificates {
			return malformed(fmt.Sprintf("it has more than %d certificates", maxCertificates))
		}
		c, err := x509.ParseCertificate(one)
		if err != nil {
			return malformed("a certificate in it cannot be read: " + err.Error())
		}
		if err := checkKey(c); err != nil {
			return malformed("a certificate in it: " + err.Error())
		}
		if slices.ContainsFunc(t.certs, func(o *x509.Certificate) bool { return o.Equal(c) }) {
			return malformed("it has the same certificate twice")
		}
		t.certs = append(t.certs, c)
	}
	return nil
}

// readSigner reads the SignerInfo (RFC 5652, 5.3).
func (t *Token) readSigner(data cryptobyte.String, listed string) error {
	f := within(data)
	f.isInteger(1)
	sid := f.sequence()
	issuer, serial := sid.whole(asn1.SEQUENCE), sid.integer()
	f.end(sid)
	digest, _ := f.algorithm()
	signed := f.element(asn1.Tag(0).Constructed().ContextSpecific())
	alg, null := f.algorithm()
	signature := f.element(asn1.OCTET_STRING)
	if f.bad {
		return malformed("its signer is not in the accepted form: version 1, named by issuer and serial number, with signed attributes")
	}
	if !f.s.Empty() {
		return malformed("it has unsigned attributes")
	}
	if digests[digest] == 0 || digest != listed {
		return malformed(fmt.Sprintf("its digest %s is not SHA-256, SHA-384 or SHA-512, or not the one that it announces", digest))
	}
	if of, ok := signatures[alg]; alg != oidRSA && !ok || ok && of != digest {
		return malformed(fmt.Sprintf("its signature algorithm %s is not RSA or ECDSA with the digest %s", alg, digest))
	}
	if null && strings.HasPrefix(alg, "1.2.840.10045.") {
		return malformed("its ECDSA signature algorithm has parameters")
	}
	t.digest, t.algorithm, t.signature, t.signed = digest, alg, signature, signed
	for _, c := range t.certs {
		if bytes.Equal(c.RawIssuer, issuer) && c.SerialNumber.Cmp(serial) == 0 {
			if t.signer != nil {
				return malformed("two certificates in it have the signer's issuer and serial number")
			}
			t.signer = c
		}
	}
	if t.signer == nil {
		return malformed("its signer's certificate is not in it")
	}
	return t.readAttributes()
}

// readAttributes reads the signed attributes. Their order must be that of DER,
// because that order is what is signed.
func (t *Token) readAttributes() error {
	t.attributes = map[string]cryptobyte.String{}
	set := t.signed
	var last []byte
	for !set.Empty() {
		f := &fields{s: set}
		one := f.whole(asn1.SEQUENCE)
		set = f.s
		a := within(one).sequence()
		oid := a.oid()
		values := a.set()
		var value cryptobyte.String
		var tag asn1.Tag
		ok := values.s.ReadAnyASN1Element(&value, &tag) && values.s.Empty() && a.s.Empty() && !a.bad && !f.bad
		if _, twice := t.attributes[oid]; !ok || twice || len(t.attributes) == maxAttributes || bytes.Compare(last, one) >= 0 {
			return malformed("its signed attributes are not in order, each once with one value")
		}
		t.attributes[oid], last = value, one
	}
	var err error
	if t.essV1, err = t.readESS(oidSigningCert); err == nil {
		t.essV2, err = t.readESS(oidSigningCertV2)
	}
	return err
}

// readInfo reads the TSTInfo (RFC 3161, 2.4.2).
func (t *Token) readInfo() error {
	if checkDER(t.tst) != nil {
		return malformed("its TSTInfo is not DER")
	}
	f := within(t.tst)
	in := f.sequence()
	in.isInteger(1)
	t.info.Policy = in.oid()
	imprint := in.sequence()
	alg, _ := imprint.algorithm()
	sum := imprint.element(asn1.OCTET_STRING)
	in.end(imprint)
	t.info.Serial = in.integer()
	at, ok := generalizedTime(in.element(asn1.GeneralizedTime))
	in.fail(ok)
	t.info.Time = at
	if accuracy, there := in.optional(asn1.SEQUENCE); there {
		t.info.Accuracy, ok = readAccuracy(accuracy)
		in.fail(ok)
	}
	if ordering, there := in.optional(asn1.BOOLEAN); there {
		in.fail(bytes.Equal(ordering, []byte{0xff})) // FALSE is the default, which DER leaves out
	}
	if in.s.PeekASN1Tag(asn1.INTEGER) {
		t.info.Nonce = in.integer()
	}
	if name, there := in.optional(asn1.Tag(0).Constructed().ContextSpecific()); there {
		t.info.tsa = name
	}
	extensions, _ := in.optional(asn1.Tag(1).Constructed().ContextSpecific())
	f.end(in)
	if f.bad || !f.s.Empty() {
		return malformed("its TSTInfo is not in the form of RFC 3161")
	}
	if err := checkExtensions(extensions); err != nil {
		return err
	}
	if alg != oidSHA256 || len(sum) != len(t.info.Imprint) {
		return malformed(fmt.Sprintf("it is over a digest by %s, checkpoints are stamped by SHA-256", alg))
	}
	copy(t.info.Imprint[:], sum)
	return nil
}

// maxAccuracy is the least accurate clock whose token is worth anything here.
const maxAccuracy = 24 * time.Hour

func readAccuracy(data cryptobyte.String) (time.Duration, bool) {
	f := &fields{s: data}
	var total time.Duration
	if seconds, there := f.optional(asn1.INTEGER); there {
		n, ok := small(seconds, 0, int64(maxAccuracy/time.Second))
		f.fail(ok)
		total = time.Duration(n) * time.Second
	}
	for i, unit := range []time.Duration{time.Millisecond, time.Microsecond} {
		if part, there := f.optional(asn1.Tag(i).ContextSpecific()); there {
			n, ok := small(part, 1, 999)
			f.fail(ok)
			total += time.Duration(n) * unit
		}
	}
	return total, !f.bad && f.s.Empty()
}

// checkExtensions refuses critical extensions: there is none that this package knows.
func checkExtensions(list cryptobyte.String) error {
	for !list.Empty() {
		f := &fields{s: list}
		e := f.sequence()
		list = f.s
		oid := e.oid()
		critical, there := e.optional(asn1.BOOLEAN)
		e.element(asn1.OCTET_STRING)
		f.end(e)
		if f.bad || there && !bytes.Equal(critical, []byte{0xff}) {
			return malformed("an extension in it is not in the form of X.509")
		}
		if there {
			return malformed("it has a critical extension that is not known here: " + oid)
		}
	}
	return nil
}

var errWeak = errors.New("its key is too weak, too long, or neither RSA nor ECDSA")
