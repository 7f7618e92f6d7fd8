package stamp

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// maxRoots bounds a list of trusted certificates; those of operating systems have some 150.
const maxRoots = 1000

// Roots are the time-stamping authorities that someone trusts: root certificates,
// and perhaps certificates between them and the authorities. It is immutable.
type Roots struct {
	roots, between *x509.CertPool
}

// ParseRoots reads PEM certificates: those that are self-signed are the roots, of
// which there must be one; the others only help to find a chain to them. Text
// between the certificates is allowed. The error wraps ErrRoots.
func ParseRoots(text []byte) (*Roots, error) {
	list, err := ParseCertificates(text)
	if err != nil {
		return nil, err
	}
	return NewRoots(list)
}

// NewRoots is ParseRoots of certificates that were read already.
func NewRoots(list []*x509.Certificate) (*Roots, error) {
	r := &Roots{roots: x509.NewCertPool(), between: x509.NewCertPool()}
	found := false
	for _, c := range list {
		if isRoot(c) {
			r.roots.AddCert(c)
			found = true
		} else {
			r.between.AddCert(c)
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: of %d certificates none is self-signed and may issue others. Give the root of the time-stamping authority as PEM", ErrRoots, len(list))
	}
	return r, nil
}

// ParseCertificates reads PEM certificates, and nothing else that is PEM. The
// error wraps ErrRoots.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return list, nil
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%w: there is a PEM block %q in it", ErrRoots, clip(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate %d cannot be read: %w", ErrRoots, len(list)+1, err)
		}
		if err := checkKey(c); err != nil {
			return nil, fmt.Errorf("%w: certificate %d (%s): %w", ErrRoots, len(list)+1, nameOf(c), err)
		}
		if len(list) == maxRoots {
			return nil, fmt.Errorf("%w: it has more than %d certificates", ErrRoots, maxRoots)
		}
		list = append(list, c)
	}
}

// isRoot reports whether a certificate issues others and is signed by itself. Only
// such a one ends a chain, for openssl as for us. That old roots signed themselves
// with SHA-1 does no harm: they are trusted because somebody chose them.
func isRoot(c *x509.Certificate) bool {
	return c.IsCA && c.BasicConstraintsValid && bytes.Equal(c.RawSubject, c.RawIssuer) &&
		c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// clip keeps hostile input short in an error's text.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
