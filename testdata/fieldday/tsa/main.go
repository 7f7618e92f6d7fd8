// Command tsa is the demonstration's time-stamping authority (RFC 3161), by a
// library of other authors. It makes a root and a certificate when it starts and
// stamps with the machine's clock; it is for demonstrations and vouches for nothing.
//
//	go run ./testdata/fieldday/tsa 127.0.0.1:8104 ROOT.pem
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"os"
	"time"

	"github.com/digitorus/timestamp"
)

// maxRequest bounds a request; a real one has about 60 bytes.
const maxRequest = 4096

// policy is an arc for examples.
var policy = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: tsa ADDRESS ROOT.pem")
	}
	cert, key, root, err := identity()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[2], pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}), 0o644); err != nil {
		log.Fatal(err)
	}
	s := &http.Server{Addr: os.Args[1], ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := stamp(r, cert, key)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(answer)
	})}
	fmt.Println("stamping on", os.Args[1])
	log.Fatal(s.ListenAndServe())
}

func stamp(r *http.Request, cert *x509.Certificate, key crypto.Signer) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return nil, err
	}
	req, err := timestamp.ParseRequest(body)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62))
	if err != nil {
		return nil, err
	}
	t := timestamp.Timestamp{HashAlgorithm: req.HashAlgorithm, HashedMessage: req.HashedMessage, Time: time.Now().UTC(), Accuracy: time.Second,
		SerialNumber: serial, Policy: policy, Nonce: req.Nonce, AddTSACertificate: req.Certificates}
	return t.CreateResponseWithOpts(cert, key, crypto.SHA256)
}

// identity makes a root and a certificate for time-stamping only (RFC 3161, 2.3).
func identity() (*x509.Certificate, crypto.Signer, *x509.Certificate, error) {
	now := time.Now()
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Demonstration time-stamping root"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		return nil, nil, nil, err
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		return nil, nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	// The extended key usage must be critical, which the template's own field does not make it.
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return nil, nil, nil, err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Demonstration time-stamping authority"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}}
	if der, err = x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), rootKey); err != nil {
		return nil, nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, root, err
}
