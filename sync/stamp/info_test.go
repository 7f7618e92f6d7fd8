package stamp_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"fieldseal/sync/stamp"
	"fieldseal/sync/stamp/stamptest"

	"github.com/digitorus/pkcs7"
)

// tstInfo is a TSTInfo whose every field can be wrong.
type tstInfo struct {
	Version int
	Policy  asn1.ObjectIdentifier
	Imprint struct {
		Alg pkix.AlgorithmIdentifier
		Sum []byte
	}
	Serial *big.Int
	Time   asn1.RawValue
}

var (
	contentTST = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidDigest  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

func raw(tag byte, content ...byte) []byte {
	return append([]byte{tag, byte(len(content))}, content...)
}

func generalized(s string) asn1.RawValue { return asn1.RawValue{FullBytes: raw(24, []byte(s)...)} }

// info marshals a TSTInfo over the note as of now; rest are the elements behind the time.
func info(t *testing.T, change func(*tstInfo), rest ...[]byte) []byte {
	t.Helper()
	sum := sha256.Sum256(note)
	i := tstInfo{Version: 1, Policy: asn1.ObjectIdentifier{1, 2, 3}, Serial: big.NewInt(7), Time: generalized(time.Now().UTC().Format("20060102150405Z"))}
	i.Imprint.Alg, i.Imprint.Sum = pkix.AlgorithmIdentifier{Algorithm: oidDigest}, sum[:]
	if change != nil {
		change(&i)
	}
	body, err := asn1.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	var seq asn1.RawValue
	if _, err := asn1.Unmarshal(body, &seq); err != nil {
		t.Fatal(err)
	}
	out, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(seq.Bytes, slices.Concat(rest...)...)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInfo: what a TSTInfo may be, signed by a good authority each time.
func TestInfo(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{Change: func(c *x509.Certificate) { c.DNSNames = []string{"tsa.test"} }})
	year := func(s string) func(*tstInfo) { // of the day after tomorrow, within the certificate's validity
		return func(i *tstInfo) { i.Time = generalized(time.Now().UTC().AddDate(0, 0, 2).Format("20060102") + s) }
	}
	tsa := func(general ...byte) []byte { return raw(0xa0, general...) }
	directory, err := asn1.Marshal(asn1.RawValue{Class: 2, Tag: 4, IsCompound: true, Bytes: a.Signer.RawSubject})
	if err != nil {
		t.Fatal(err)
	}
	dns := func(s string) []byte { return raw(0x82, []byte(s)...) }
	for name, c := range map[string]struct {
		info []byte
		ok   error
	}{
		"least":                    {info(t, nil), nil},
		"version 2":                {info(t, func(i *tstInfo) { i.Version = 2 }), stamp.ErrMalformed},
		"something behind":         {append(info(t, nil), 5, 0), stamp.ErrMalformed},
		"unknown element":          {info(t, nil, raw(0x82, 1)), stamp.ErrMalformed},
		"fraction":                 {info(t, year("120000.25Z")), nil},
		"fraction of nanoseconds":  {info(t, year("120000.123456789Z")), nil},
		"fraction that ends in 0":  {info(t, year("120000.250Z")), stamp.ErrMalformed},
		"fraction of nothing":      {info(t, year("120000.Z")), stamp.ErrMalformed},
		"fraction too fine":        {info(t, year("120000.1234567891Z")), stamp.ErrMalformed},
		"fraction with comma":      {info(t, year("120000,5Z")), stamp.ErrMalformed},
		"no seconds":               {info(t, year("1200Z")), stamp.ErrMalformed},
		"no zone":                  {info(t, year("120000")), stamp.ErrMalformed},
		"another zone":             {info(t, year("120000+0800")), stamp.ErrMalformed},
		"a second too many":        {info(t, year("125960Z")), stamp.ErrMalformed},
		"an hour too many":         {info(t, year("240000Z")), stamp.ErrMalformed},
		"letters":                  {info(t, year("12ab00Z")), stamp.ErrMalformed},
		"UTCTime":                  {info(t, func(i *tstInfo) { i.Time.FullBytes[0] = 23 }), stamp.ErrMalformed},
		"accuracy":                 {info(t, nil, raw(0x30, 2, 1, 3, 0x80, 1, 200, 0x81, 1, 9)), stamp.ErrMalformed}, // 200 is -56
		"accuracy in full":         {info(t, nil, raw(0x30, 2, 1, 3, 0x80, 2, 0, 200, 0x81, 1, 9)), nil},
		"accuracy of nothing":      {info(t, nil, raw(0x30)), nil},
		"accuracy negative":        {info(t, nil, raw(0x30, 2, 1, 0xff)), stamp.ErrMalformed},
		"milliseconds 0":           {info(t, nil, raw(0x30, 0x80, 1, 0)), stamp.ErrMalformed},
		"milliseconds 1000":        {info(t, nil, raw(0x30, 0x80, 2, 3, 0xe8)), stamp.ErrMalformed},
		"accuracy out of order":    {info(t, nil, raw(0x30, 0x81, 1, 9, 0x80, 1, 9)), stamp.ErrMalformed},
		"accuracy not in DER":      {info(t, nil, raw(0x30, 2, 2, 0, 1)), stamp.ErrMalformed},
		"ordering":                 {info(t, nil, raw(1, 0xff)), nil},
		"ordering false":           {info(t, nil, raw(1, 0)), stamp.ErrMalformed},
		"ordering 1":               {info(t, nil, raw(1, 1)), stamp.ErrMalformed},
		"ordering twice":           {info(t, nil, raw(1, 0xff), raw(1, 0xff)), stamp.ErrMalformed},
		"its own name":             {info(t, nil, tsa(directory...)), nil},
		"its other name":           {info(t, nil, tsa(dns("tsa.test")...)), nil},
		"a name that is not its":   {info(t, nil, tsa(dns("tsa.example")...)), stamp.ErrCertificate},
		"no name":                  {info(t, nil, tsa()), stamp.ErrCertificate},
		"extensions without form":  {info(t, nil, raw(0xa1, 5, 0)), stamp.ErrMalformed},
		"extension not critical":   {info(t, nil, raw(0xa1, raw(0x30, 6, 1, 42, 1, 1, 0, 4, 0)...)), stamp.ErrMalformed}, // FALSE is the default
		"algorithm with something": {info(t, func(i *tstInfo) { i.Imprint.Alg.Parameters = asn1.RawValue{FullBytes: []byte{2, 1, 1}} }), stamp.ErrMalformed},
		"algorithm with NULL":      {info(t, func(i *tstInfo) { i.Imprint.Alg.Parameters = asn1.NullRawValue }), nil},
		"no sequence":              {[]byte{4, 0}, stamp.ErrMalformed},
		"nothing":                  {nil, stamp.ErrMalformed},
	} {
		tok, err := stamp.ReadAnswer(a.SignBytes(c.info, contentTST))
		if err == nil {
			_, err = tok.Verify(sha256.Sum256(note), stamp.Options{Roots: roots(t, a.RootPEM())})
		}
		if !errors.Is(err, c.ok) {
			t.Errorf("%s: %v, want %v", name, err, c.ok)
		}
		if err != nil {
			continue
		}
		if err := stamptest.Verify(t, tok.Response(), note, a.RootPEM(), nil, tok.Info().Time); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	tok, err := stamp.Parse(a.SignBytes(info(t, year("120000.25Z"), raw(0x30, 2, 1, 3, 0x80, 2, 0, 200, 0x81, 1, 9)), contentTST))
	if err != nil || tok.Info().Accuracy != 3200009*time.Microsecond || tok.Info().Time.Nanosecond() != 250e6 || tok.Info().Nonce != nil {
		t.Errorf("%+v: %v", tok.Info(), err)
	}
}

// TestAttributes: what is signed must be said to be a TSTInfo, each attribute once.
func TestAttributes(t *testing.T) {
	a := stamptest.New(t, stamptest.Options{})
	good := info(t, nil)
	set := func(last int, value any) pkcs7.Attribute {
		return pkcs7.Attribute{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, last}, Value: value}
	}
	sum1 := sha1.Sum(a.Signer.Raw)
	both := func(sums ...[]byte) asn1.RawValue {
		var list struct{ Certs []struct{ Hash []byte } }
		for _, s := range sums {
			list.Certs = append(list.Certs, struct{ Hash []byte }{s})
		}
		b, err := asn1.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return asn1.RawValue{FullBytes: b}
	}
	issuer := sha1.Sum(a.Between.Raw)
	var many []pkcs7.Attribute
	for i := range 40 {
		many = append(many, set(100+i, i))
	}
	for name, c := range map[string]struct {
		answer []byte
		want   error
	}{
		"good":                           {a.SignBytes(good, contentTST), nil},
		"another kind of content":        {a.SignBytes(good, pkcs7.OIDData), stamp.ErrMalformed},
		"an attribute nobody knows":      {a.SignBytes(good, contentTST, set(99, "x")), nil},
		"an attribute twice":             {a.SignBytes(good, contentTST, set(99, "x"), set(99, "y")), stamp.ErrMalformed},
		"the certificate named twice":    {a.SignBytes(good, contentTST, set(47, both(make([]byte, 32)))), stamp.ErrMalformed},
		"another certificate by SHA-1":   {a.SignBytes(good, contentTST, set(12, both(make([]byte, 20)))), stamp.ErrCertificate},
		"a certificate without form":     {a.SignBytes(good, contentTST, set(12, "x")), stamp.ErrMalformed},
		"no certificate":                 {a.SignBytes(good, contentTST, set(12, asn1.RawValue{FullBytes: []byte{0x30, 2, 0x30, 0}})), stamp.ErrMalformed},
		"its chain by SHA-1":             {a.SignBytes(good, contentTST, set(12, both(sum1[:], issuer[:]))), nil},
		"the chain before itself":        {a.SignBytes(good, contentTST, set(12, both(issuer[:], sum1[:]))), stamp.ErrCertificate},
		"a certificate beside its chain": {a.SignBytes(good, contentTST, set(12, both(sum1[:], make([]byte, 20)))), stamp.ErrChain},
		"a length in two bytes":          {a.SignBytes(good, contentTST, set(99, asn1.RawValue{FullBytes: []byte{0x30, 4, 4, 0x81, 1, 'x'}})), stamp.ErrMalformed},
		"nested without end":             {a.SignBytes(good, contentTST, set(99, asn1.RawValue{FullBytes: deep(50)})), stamp.ErrMalformed},
		"attributes without end":         {a.SignBytes(good, contentTST, many...), stamp.ErrMalformed},
	} {
		tok, err := stamp.ReadAnswer(c.answer)
		if err == nil {
			_, err = tok.Verify(sha256.Sum256(note), stamp.Options{Roots: roots(t, a.RootPEM())})
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
