package bag

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// MediaOf lists the files that a body names by the digest of their bytes.
func MediaOf(b event.Body) []*event.Media {
	var m *event.Media
	switch b := b.(type) {
	case *event.SiteRecorded:
		m = b.Sketch
	case *event.LinkRecorded:
		m = b.Media
	case *event.QuantityRecorded:
		m = b.Media
	case *event.PhotoCaptured:
		m = &b.Media
	case *event.FileAttached:
		m = &b.Media
	case *event.SampleCollected:
		m = b.Record
	case *event.LabAccessioned:
		m = b.Photo
	case *event.ResultsReported:
		m = b.Source
	case *event.WaiverGranted:
		m = b.Document
	case *event.InstrumentRecorded:
		m = b.Certificate
	case *event.AirStarted:
		m = b.File
	}
	if m == nil {
		return nil
	}
	return []*event.Media{m}
}

// LogPEM writes the public key of a ledger's verifier key as openssl reads it;
// an error wraps ledger.ErrKey.
func LogPEM(vkey string) ([]byte, error) {
	if _, err := ledger.ParseVerifier(vkey); err != nil {
		return nil, err
	}
	// name+hash+base64 of the algorithm byte and the key; ParseVerifier has checked all of it.
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(vkey, "+", 3)[2])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ledger.ErrKey, err)
	}
	der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(raw[1:]))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ledger.ErrKey, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
