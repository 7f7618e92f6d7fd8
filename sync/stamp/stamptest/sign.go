package stamptest

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

// Sign answers a request without openssl, which would refuse to sign with a
// certificate that is not for it. change changes what is signed.
func (a *Authority) Sign(query []byte, change func(*timestamp.Timestamp)) []byte {
	a.t.Helper()
	r, err := timestamp.ParseRequest(query)
	if err != nil {
		a.t.Fatal(err)
	}
	ts := &timestamp.Timestamp{HashAlgorithm: r.HashAlgorithm, HashedMessage: r.HashedMessage, Time: time.Now().UTC().Truncate(time.Second), Accuracy: time.Second,
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 7, 1}, Nonce: r.Nonce, Certificates: []*x509.Certificate{a.Between}, AddTSACertificate: true}
	if change != nil {
		change(ts)
	}
	answer, err := ts.CreateResponseWithOpts(a.Signer, a.Key, crypto.SHA256)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer
}

// SignBytes signs anything as a TSTInfo, under the given content type and with
// further signed attributes, and gives the response.
func (a *Authority) SignBytes(info []byte, contentType asn1.ObjectIdentifier, extra ...pkcs7.Attribute) []byte {
	a.t.Helper()
	sd, err := pkcs7.NewSignedData(info)
	if err != nil {
		a.t.Fatal(err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	sd.SetContentType(contentType)
	sd.GetSignedData().Version = 3
	sum := sha256.Sum256(a.Signer.Raw)
	named, err := asn1.Marshal(struct{ Certs []struct{ Hash []byte } }{[]struct{ Hash []byte }{{sum[:]}}})
	if err != nil {
		a.t.Fatal(err)
	}
	attributes := append([]pkcs7.Attribute{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, Value: asn1.RawValue{FullBytes: named}}}, extra...)
	if err := sd.AddSignerChain(a.Signer, a.Key, []*x509.Certificate{a.Between}, pkcs7.SignerInfoConfig{ExtraSignedAttributes: attributes}); err != nil {
		a.t.Fatal(err)
	}
	token, err := sd.Finish()
	if err != nil {
		a.t.Fatal(err)
	}
	answer, err := asn1.Marshal(struct {
		Status struct{ Code int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: token}})
	if err != nil {
		a.t.Fatal(err)
	}
	return answer
}
